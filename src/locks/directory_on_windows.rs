//! Directory handles on Windows, with the same promises as elsewhere: every step below a root goes
//! from handle to name, and neither a link nor a junction that somebody planted is followed.
//!
//! What Windows does not tell without more rights: whose a lock is (those in a user's profile are
//! that user's), and a date of change that no program can choose (the date of the content stands in,
//! so that a date in the future is always watched).

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::Path;

use cap_fs_ext::{DirExt, FollowSymlinks, MetadataExt, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use chrono::DateTime;

use super::sighting::{LockSighting, Shape};
use crate::time::{is_reckonable, of_machine};

/// An open directory.
#[derive(Debug)]
pub(super) struct Directory(Dir);

impl Directory {
    /// Opens a root; symbolic links on the way are followed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Dir::open_ambient_dir(path, ambient_authority())?))
    }

    /// Opens a directory in this one; a link is refused.
    pub(super) fn child(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self(self.0.open_dir_nofollow(name)?))
    }

    /// Names in this directory, at most `limit`.
    pub(super) fn names(&self, limit: usize) -> io::Result<Vec<OsString>> {
        let names = self.0.entries()?.map(|entry| Ok(entry?.file_name()));
        names.take(limit).collect()
    }

    /// Looks at a name. None if nothing is there.
    pub(super) fn look(&self, name: &OsStr) -> io::Result<Option<LockSighting>> {
        let found = match self.0.symlink_metadata(name) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let shape = if found.is_symlink() {
            Shape::Link
        } else if found.is_dir() {
            match self.child(name).and_then(|child| child.names(1)) {
                Ok(names) if names.is_empty() => Shape::EmptyDirectory,
                _ => Shape::FullDirectory,
            }
        } else if found.is_file() {
            Shape::File
        } else {
            Shape::Other
        };
        let modified = of_machine(found.modified()?.into_std());
        let modified = if is_reckonable(modified) {
            modified
        } else {
            DateTime::default()
        };
        Ok(Some(LockSighting {
            identity: (i128::from(found.dev()), i128::from(found.ino())),
            shape,
            ours: true,
            modified,
            changed: modified,
        }))
    }

    /// Reads a regular file up to `limit` bytes.
    pub(super) fn read(&self, name: &OsStr, limit: u64) -> io::Result<Vec<u8>> {
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        let mut bytes = Vec::new();
        let file = self.0.open_with(name, &options)?;
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Removes a directory. The system refuses if it has entries or is none.
    pub(super) fn remove_empty(&self, name: &OsStr) -> io::Result<()> {
        // To a junction the call would do what `rmdir` does: take the junction away.
        match self.look(name)? {
            Some(found) if found.shape == Shape::EmptyDirectory => self.0.remove_dir(name),
            Some(_) => Err(io::ErrorKind::DirectoryNotEmpty.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Moves something into another directory, never over something that exists there. The target is
    /// a directory of ours that nobody else knows, so looking first is enough.
    pub(super) fn move_to(&self, name: &OsStr, target: &Self) -> io::Result<()> {
        if target.look(name)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.0.rename(name, &target.0, name)
    }
}
