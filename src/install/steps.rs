//! The steps of an installation, each of which leaves every file whole.
//!
//! A crash between any two steps leaves settings that are either as before or complete. The order
//! is the plan's business; here is only how one step is done.

use std::path::{Path, PathBuf};

use crate::disk::{self, Durability};

/// One thing to do on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make a directory and its parents.
    Directory(PathBuf),
    /// Make a file, unless there is one.
    Create(PathBuf, Vec<u8>),
    /// Write a file of ours.
    WriteOwn(PathBuf, Vec<u8>),
    /// Delete a file of ours.
    RemoveOwn(PathBuf),
    /// Delete a directory that we made, if nothing else is in it.
    RemoveOwnDirectory(PathBuf),
    /// Write a file that others edit as well, if it still holds what was read (None: no file).
    Replace {
        /// The file.
        path: PathBuf,
        /// What it held when the plan was made.
        expected: Option<Vec<u8>>,
        /// What it shall hold.
        bytes: Vec<u8>,
    },
    /// Delete a file that we made and others may have edited, if it still holds what was read.
    Remove {
        /// The file.
        path: PathBuf,
        /// What it held when the plan was made.
        expected: Vec<u8>,
    },
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is done.
    Done,
    /// Somebody changed the file after the plan was made; nothing was done. Plan again.
    Overtaken,
}

impl Step {
    /// The file or directory that it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Directory(path)
            | Self::Create(path, _)
            | Self::WriteOwn(path, _)
            | Self::RemoveOwn(path)
            | Self::RemoveOwnDirectory(path)
            | Self::Replace { path, .. }
            | Self::Remove { path, .. } => path,
        }
    }

    /// Does it.
    pub fn run(&self) -> Result<Progress, disk::Error> {
        let unchanged = match self {
            Self::Directory(path) => disk::create_private_dir(path).map(|()| true),
            Self::Create(path, bytes) => disk::create_atomically(path, bytes).map(|_| true),
            Self::WriteOwn(path, bytes) => {
                disk::write_atomically(path, bytes, Durability::Synced).map(|()| true)
            }
            Self::RemoveOwn(path) => disk::remove_own_file(path).map(|()| true),
            Self::RemoveOwnDirectory(path) => {
                disk::replace::remove_own_empty_dir(path);
                Ok(true)
            }
            Self::Replace {
                path,
                expected,
                bytes,
            } => disk::replace::replace_if_unchanged(path, expected.as_deref(), bytes),
            Self::Remove { path, expected } => disk::replace::remove_if_unchanged(path, expected),
        }?;
        Ok(if unchanged {
            Progress::Done
        } else {
            Progress::Overtaken
        })
    }
}

/// Runs the steps in order, up to the first that was overtaken.
pub fn run(steps: &[Step]) -> Result<Progress, disk::Error> {
    for step in steps {
        if step.run()? == Progress::Overtaken {
            return Ok(Progress::Overtaken);
        }
    }
    Ok(Progress::Done)
}
