//! Adds whycap to Claude Code and removes it without losing any of the user's settings.
//!
//! `plan` reads the files and determines the steps, and `execute` executes them. `settings_edit` edits text without
//! accessing the disk. Files are always written as a whole.

pub mod changes;
pub mod command_line;
pub mod edit_record;
pub mod entries;
pub mod execute;
pub(crate) mod line;
pub(crate) mod made_directories;
pub(crate) mod own_path;
pub mod plan;
pub mod plugin;
pub(crate) mod report;
pub mod settings_edit;
pub(crate) mod slash_command;

pub(crate) use edit_record::EditRecord;
pub(crate) use execute::{LOCK_TIMEOUT, plan_and_execute, sweep};
