//! The steps of an installation, each of which leaves every file whole.
//!
//! A crash between any two steps leaves settings that are either as before or complete. The order
//! is the plan's business; here is only how the steps are done.

use std::path::{Path, PathBuf};

use crate::disk::{self, Durability};

/// One thing to do on the disk. A file that is written gets the directories that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Change a file that others may change as well, if it still holds what was read.
    Change {
        /// The file.
        path: PathBuf,
        /// What it held when the plan was made. None: there was none.
        before: Option<String>,
        /// What it shall hold. None: it goes.
        after: Option<String>,
    },
    /// Write a file of ours.
    WriteOwn(PathBuf, Vec<u8>),
    /// Delete a file of ours.
    RemoveOwn(PathBuf),
    /// Delete a directory that we made, if nothing else is in it.
    RemoveOwnDirectory(PathBuf),
}

impl Step {
    /// The file that others may change as well.
    pub(super) fn changes(&self) -> Option<&Path> {
        match self {
            Self::Change { path, .. } => Some(path),
            _ => None,
        }
    }

    /// False if somebody changed the file after the plan was made; then nothing was done.
    fn run(&self) -> Result<bool, disk::Error> {
        match self {
            Self::Change {
                path,
                before,
                after,
            } => {
                let before = before.as_deref().map(str::as_bytes);
                let Some(after) = after else {
                    return disk::replace::remove_if_unchanged(path, before.unwrap_or_default());
                };
                disk::create_shared_directory_of(path)?;
                return disk::replace::replace_if_unchanged(path, before, after.as_bytes());
            }
            Self::WriteOwn(path, bytes) => {
                disk::create_directory_of(path)?;
                disk::write_atomically(path, bytes, Durability::Synced)?;
            }
            Self::RemoveOwn(path) => disk::remove_own_file(path)?,
            Self::RemoveOwnDirectory(path) => disk::replace::remove_own_empty_dir(path),
        }
        Ok(true)
    }
}

/// Runs the steps in order. False if somebody changed a file after the plan was made: then that
/// step and those behind it were not done, and it takes a new plan.
pub fn run(steps: &[Step]) -> Result<bool, disk::Error> {
    for step in steps {
        if !step.run()? {
            return Ok(false);
        }
    }
    Ok(true)
}
