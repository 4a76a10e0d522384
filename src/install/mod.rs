//! Adding whycap to Claude Code's settings, and taking it out again so that nothing of the
//! user's is lost.
//!
//! `settings_edit` changes a text and touches no disk. `plan` reads the files and says what to do;
//! `carry_out` does it, one whole file at a time.

pub mod carry_out;
pub mod changes;
mod edit_record;
pub mod entries;
pub(crate) mod line;
pub(crate) mod own_path;
pub mod plan;
pub mod settings_edit;
pub(crate) mod words;

pub(crate) use carry_out::{PATIENCE, carry_out, sweep};
pub(crate) use edit_record::EditRecord;
