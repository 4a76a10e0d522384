//! Exports this machine's rows, and reads the exports of several machines.
//!
//! Each machine writes one file per day and type of row, and may replace it at any time. A row has the same key on all
//! machines, and its version determines which copy is counted. Files can therefore be loaded repeatedly and in any
//! order. Rows do not contain prompts, paths, or (unless the user configures one) real names.

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
pub(crate) use team_limits::{ExportedError, PersonLimits, TeamLimits, summarize_errors};
