//! Exports this machine's spend as facts, and adds up the facts of several machines.
//!
//! A fact is a row for one response, or for a session's unrecorded spend in one month. Responses never change, so all
//! machines that have a response export it under the same key. Whoever adds up rows needs only one rule: of all rows
//! with the same key, the one with the highest amount counts. `spend --from` and the printed SQL follow this rule.
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
