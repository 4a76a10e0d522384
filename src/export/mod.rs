//! Exports this machine's spend as facts, and adds up the facts of several machines.
//!
//! A fact is a row for one response, or for a session's unrecorded spend in one month. Responses never change, so all
//! machines that have a response export it under the same key. `merged` defines how rows are added up. The printed SQL
//! follows the same rules.
//!
//! Each machine writes one file for each month, and rewrites it only until the month is over. Rows do not contain
//! prompts or paths, and contain a name only if the user configures it.

mod files;
mod machine_name;
mod merged;
mod new_rows;
mod project;
mod row;
mod script;

pub(crate) use files::{UnreadableFile, has_exports};
pub(crate) use merged::MergedRows;
pub(crate) use new_rows::{NewRows, RowSources};
pub(crate) use script::Script;
