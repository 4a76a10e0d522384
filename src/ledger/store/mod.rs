//! The file: how it is opened, what stands in its tables.

pub(crate) mod answers;
mod error;
pub(crate) mod families;
pub(crate) mod names;
mod opening;
pub(crate) mod processes;
pub(crate) mod renewal;
mod schema;
pub(crate) mod sqlite;
mod sums;
pub(crate) mod totals;
pub(crate) mod transcript_files;

pub use error::LedgerError;
pub use opening::{Ledger, Patience, path_in};
pub(crate) use sums::{SumChanges, quarters};
