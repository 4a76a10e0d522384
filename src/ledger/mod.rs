//! What was counted so far, kept in one SQLite file.
//!
//! Promises: a response counts once however often and wherever it is read; what was counted stays
//! counted when its transcript is gone; several processes may read and write at once; a status
//! line or hook waits for no other process, save a moment while one opens the ledger (its write is
//! put off to the next time, and the figures it shows include what it could not write). Not
//! promised: that figures priced by an older table change before [`Ledger::reprice`] runs.
//!
//! The words of this room:
//! - *answer*: a response, once; *owner*: the session that it was served to.
//! - *sighting*: where a line stands. A fork's transcript repeats its parent's lines: *copies*.
//! - *late*: behind something of a later time, as copies mostly are.
//! - *mark*: a line that a process writes only into its own session's transcript, or so it seems.
//! - *family*: sessions that have to do with each other: forks, parents, whoever shares a line.
//! - *total*: Claude Code's running total, as a transcript has it (`cost-state`).
//! - *run*: what one process did on one session, between two totals. Those that go on from each
//!   other's totals are a *chain*; what a run started from is its *base*.
//! - *growth*: a run's total less its base; *beyond*: growth less the answers that the run covers.
//! - *unrecorded*: what of this was spent, and no line shows: compactions, titles.
//! - *draw*: Claude Code has the status line drawn, and hands it the process' total of that moment.
//! - *unwritten*: what was drawn and is in no transcript yet, or never.
//! - *scene*: branch and agent.

mod anew;
mod answers;
mod derivation;
mod difference;
mod draws;
pub(crate) mod facts;
mod live;
mod names;
mod read;
mod spend_rows;
mod store;

pub(crate) use answers::{AnswerCosts, Answers, Counted};
pub use difference::{ClientFigure, SessionDifference};
pub use draws::Drawn;
pub(crate) use facts::Answer;
pub use facts::Scene;
pub use live::{Live, LiveFigures, Wanted};
pub use names::{Meant, Origin};
pub use read::{Caught, Effort};
pub use spend_rows::{EVER, EachRow, RowsBy, RowsPeriod, SpendRow, SpendSource, Switched, Tally};
pub use store::{Ledger, LedgerError, Patience, path_in};
