//! The file: how it is opened, what stands in its tables.

mod error;
pub(crate) mod families;
mod loaded_family;
pub(crate) mod marks;
mod names;
mod opening;
mod renewal;
pub(crate) mod responses;
mod schema;
mod sqlite_file;
mod sums;
pub(crate) mod told;
pub(crate) mod totals;
pub(crate) mod transcript_files;

pub use error::Error;
pub(crate) use names::{
    Id, bytes_of, model_id, model_names, put_scene, put_session, scenes, session_id,
};
pub use opening::{Ledger, Patience, path_in};
pub(crate) use responses::{Counted, ResponseRow, StoredSighting};
pub(crate) use sums::SumChanges;
pub(crate) use totals::WrittenTotal;
