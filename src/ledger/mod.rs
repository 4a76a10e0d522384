//! What was counted so far, kept in one SQLite file.
//!
//! Promises: a response counts once however often and wherever it is read; what was counted stays
//! counted when its transcript is gone; several processes may read and write at once; a status
//! line or hook waits for no other process, save a moment while one opens the ledger (its write is
//! put off to the next time, and the figures it shows include what it could not write). Not
//! promised: that figures priced by an older table change before [`Ledger::reprice`] runs.

mod derivation;
mod difference;
pub(crate) mod facts;
mod live;
mod mending;
mod read;
mod reprice;
mod served;
mod single_rows;
mod spend_rows;
mod spent;
mod store;
mod telling;

pub use difference::{ClientFigure, SessionDifference};
pub use facts::Scene;
pub use live::{Live, LiveFigures, Wanted};
pub use read::{Caught, Effort, ReadingProgress};
pub(crate) use served::{FirstAnswer, Served};
pub(crate) use single_rows::{KnownSession, Single, SingleRow, SingleRows};
pub use spend_rows::{Origin, RowsBy, SpendRow, SpendSource};
pub use spent::Spent;
pub use store::{Error, Ledger, Patience, path_in};
pub use telling::Told;
