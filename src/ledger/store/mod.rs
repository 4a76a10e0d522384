//! The file: how it is opened, what stands in its tables.

pub(crate) mod answers;
mod error;
pub(crate) mod families;
pub(crate) mod names;
mod opening;
pub(crate) mod processes;
pub(crate) mod renewal;
mod schema;
mod sqlite;
pub(crate) mod transcript_files;

pub(crate) use answers::{SumChanges, quarters};
pub(crate) use error::Damage;
pub use error::LedgerError;
pub use opening::{Ledger, Patience, path_in};
pub(crate) use sqlite::Store;
