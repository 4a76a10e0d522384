//! Exports this machine's rows, and reads the rows that several machines have exported.
//!
//! Each machine writes its own files, one per day, and may replace them at any time. A row has the same key on every
//! machine, and its version determines which copy counts, so files can be loaded in any order and more than once. Rows
//! contain no prompts, no paths, and no names of people unless the user configures one.

mod day_files;
mod erasure;
mod exporter;
mod files;
mod limit_rows;
mod merged;
mod new_rows;
mod projects;
mod row;
mod scripts;
mod spend_rows;
mod team_limits;
mod version;

pub(crate) use day_files::update_exports;
pub(crate) use erasure::{Erasure, erase};
pub(crate) use exporter::{Exporter, new_key};
pub(crate) use files::{UnreadableFile, has_exports};
pub(crate) use merged::MergedRows;
pub(crate) use new_rows::{NewRows, RowSources};
pub(crate) use row::RowType;
pub(crate) use scripts::Script;
pub(crate) use team_limits::{ExportedError, PersonLimits, TeamLimits, sum_tolls};
