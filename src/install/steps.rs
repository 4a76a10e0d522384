//! The steps of an installation, each of which leaves every file whole.
//!
//! A crash between any two steps leaves settings that are either as before or complete. The order
//! is the plan's business; here is only how the steps are done.

use std::path::PathBuf;

use crate::disk::{self, Durability};

/// One thing to do on the disk. A file that is written gets the directories that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Change a file that others may change as well, if it still holds what was read.
    Change(FileChange),
    /// Write a file of ours.
    WriteOwn(PathBuf, Vec<u8>),
    /// Delete a file of ours.
    RemoveOwn(PathBuf),
    /// Delete a directory that we made, if nothing else is in it.
    RemoveOwnDirectory(PathBuf),
}

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The file.
    pub path: PathBuf,
    /// What it held when the plan was made. None: there was none.
    pub before: Option<String>,
    /// What it shall hold. None: it goes.
    pub after: Option<String>,
}

impl Step {
    /// What becomes of a file that others may change as well.
    pub(super) fn change(&self) -> Option<&FileChange> {
        match self {
            Self::Change(change) => Some(change),
            _ => None,
        }
    }

    /// False if somebody changed the file after the plan was made; then nothing was done.
    fn run(&self) -> Result<bool, disk::Error> {
        match self {
            Self::Change(change) => {
                let before = change.before.as_deref().map(str::as_bytes);
                let Some(after) = &change.after else {
                    let before = before.unwrap_or_default();
                    return disk::replace::remove_if_unchanged(&change.path, before);
                };
                disk::create_shared_directory_of(&change.path)?;
                return disk::replace::replace_if_unchanged(&change.path, before, after.as_bytes());
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
