//! The spend ledger: the cost of each response, run, and background request, and how it was determined.
//!
//! The ledger consists of facts and results. The facts in `ledger.sqlite3` are the source of truth. Transcripts and the
//! journal only supply new facts, and may be deleted once they have been read. Transcripts supply responses,
//! checkpoints, compactions, ownership markers, and pull-request links. Hooks and status-line calls report
//! the start, the running total, and the end of each run. The pure function `reconcile::reconcile` derives the results
//! from the facts about one lineage. Results can be deleted and derived again, which happens whenever `database::RULES`
//! changes. The cost of a response is stored with its facts, but is recalculated whenever the rules or the prices
//! change.
//!
//! A hook or a status-line call never waits for the database. If the database is busy, the event is appended to the
//! journal, and the next reader picks it up.

mod catch_up;
mod collect;
mod commit;
mod database;
mod error;
mod events;
pub(crate) mod facts;
pub(crate) mod journal;
mod limit_facts;
mod lineage;

mod links;
mod live;
mod mend;
mod pull_requests;
mod reading;
pub mod reconcile;
mod remembered;
mod responses;
mod results;
mod rows;
mod stored_facts;
mod stored_responses;
mod sums;
mod values;
mod why;

pub use catch_up::{CatchUpResult, ReadTime};
pub use database::{Ledger, WaitLimit, path_in};
pub use error::LedgerError;
pub use events::{EventKind, ProcessId, ReportedEvent, RunEvent, TotalSample};
pub(crate) use facts::Response;
pub(crate) use limit_facts::FactRequest;
pub(crate) use live::Substitute;
pub use live::{LiveFigures, OpenLedger};
pub(crate) use pull_requests::PullRequestLink;
pub(crate) use reconcile::{InheritedLines, RunBreakdown};
pub(crate) use responses::AllSpend;
pub(crate) use rows::StoredRow;
pub use rows::{
    EVER, EachRow, ModelSwitch, Origin, RequestContext, RowsBy, RowsPeriod, Selected, SpendKind,
    SpendRow, SpendSource, Tally,
};
pub(crate) use why::{Parent, SessionWhy};
