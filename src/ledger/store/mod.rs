//! The file: how it is opened, what stands in its tables.

mod names;
mod opening;
pub(crate) mod positions;
pub(crate) mod responses;
mod schema;
mod sums;
pub(crate) mod totals;

pub(crate) use names::{Id, bytes_of, model_id, model_names, session_id};
pub use opening::{Error, Ledger, Patience, path_in};
pub(crate) use responses::{Counted, ResponseRow};
pub(crate) use sums::SumChanges;
pub(crate) use totals::StoredTotal;
