//! Directory handles on Windows, with the same promises as elsewhere: every step below a root goes
//! from handle to name, and neither a link nor a junction that somebody planted is followed.
//!
//! What Windows does not tell without more rights: whose a lock is (those in a user's profile are
//! that user's), and a date of change that no program can choose (the date of the content stands in,
//! so that a date in the future is always watched).

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::path::Path;

use cap_fs_ext::{DirExt, FollowSymlinks, MetadataExt, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use super::{EntryShape, EntrySighting};
use crate::time::of_machine;

/// An open directory.
#[derive(Debug)]
pub(crate) struct Directory(Dir);

impl Directory {
    /// Opens a root; symbolic links on the way are followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Dir::open_ambient_dir(path, ambient_authority())?))
    }

    /// Opens a directory in this one; a link is refused.
    pub(crate) fn child(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self(self.0.open_dir_nofollow(name)?))
    }

    /// Opens a directory in this one, made if it is missing.
    pub(crate) fn own_child(&self, name: &OsStr) -> io::Result<Self> {
        match self.0.create_dir(name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => self.child(name),
        }
    }

    /// Adds bytes to a file in one write.
    pub(crate) fn append(&self, name: &OsStr, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).follow(FollowSymlinks::No);
        self.0.open_with(name, &options)?.write_all(bytes)
    }

    /// Names in this directory, at most `limit`.
    pub(crate) fn names(&self, limit: usize) -> io::Result<Vec<OsString>> {
        let names = self.0.entries()?.map(|entry| Ok(entry?.file_name()));
        names.take(limit).collect()
    }

    /// Looks at a name. None if nothing is there.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Option<EntrySighting>> {
        let found = match self.0.symlink_metadata(name) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let shape = if found.is_symlink() {
            EntryShape::Link
        } else if found.is_dir() {
            match self.child(name).and_then(|child| child.names(1)) {
                Ok(names) if names.is_empty() => EntryShape::EmptyDirectory,
                _ => EntryShape::FullDirectory,
            }
        } else if found.is_file() {
            EntryShape::File
        } else {
            EntryShape::Other
        };
        let modified = of_machine(found.modified()?.into_std());
        Ok(Some(EntrySighting {
            identity: (i128::from(found.dev()), i128::from(found.ino())),
            shape,
            ours: true,
            modified,
            changed: modified,
        }))
    }

    /// Reads a regular file up to `limit` bytes.
    pub(crate) fn read(&self, name: &OsStr, limit: u64) -> io::Result<Vec<u8>> {
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        let mut bytes = Vec::new();
        let file = self.0.open_with(name, &options)?;
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Removes a directory. The system refuses if it has entries or is none.
    pub(crate) fn remove_empty(&self, name: &OsStr) -> io::Result<()> {
        // To a junction the call would do what `rmdir` does: take the junction away.
        match self.look(name)? {
            Some(found) if found.shape == EntryShape::EmptyDirectory => self.0.remove_dir(name),
            Some(_) => Err(io::ErrorKind::DirectoryNotEmpty.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Moves something under a name in a directory, never over something that exists there. The target is
    /// a directory of ours that nobody else knows, so looking first is enough.
    pub(crate) fn move_to(&self, name: &OsStr, target: &Self, new_name: &OsStr) -> io::Result<()> {
        if target.look(new_name)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.0.rename(name, &target.0, new_name)
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests play Claude Code, which makes locks"
)]
mod tests {
    use std::fs;

    use super::*;

    fn name(text: &str) -> &OsStr {
        OsStr::new(text)
    }

    #[test]
    fn what_lies_there_is_told_apart_and_keeps_its_identity() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("full/entry")).unwrap();
        fs::create_dir(root.path().join("empty")).unwrap();
        fs::write(root.path().join("file"), "4711").unwrap();
        let directory = Directory::open(root.path()).unwrap();
        let seen = |text| directory.look(name(text)).unwrap().unwrap();
        assert_eq!(seen("full").shape, EntryShape::FullDirectory);
        assert_eq!(seen("empty").shape, EntryShape::EmptyDirectory);
        assert_eq!(seen("file").shape, EntryShape::File);
        assert_eq!(seen("file").identity, seen("file").identity);
        assert_ne!(seen("file").identity, seen("empty").identity);
        assert!(directory.look(name("none")).unwrap().is_none());
        assert_eq!(directory.read(name("file"), 2).unwrap(), b"47");
        assert_eq!(directory.names(9).unwrap().len(), 3);
    }

    #[test]
    fn only_an_empty_directory_is_removed_and_nothing_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        for path in ["full/entry", "lock", "taken/lock", "other"] {
            fs::create_dir_all(root.path().join(path)).unwrap();
        }
        fs::write(root.path().join("file"), "").unwrap();
        let directory = Directory::open(root.path()).unwrap();
        assert!(directory.remove_empty(name("full")).is_err());
        assert!(directory.remove_empty(name("file")).is_err());
        let taken = directory.child(name("taken")).unwrap();
        let error = directory
            .move_to(name("lock"), &taken, name("lock"))
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        let other = directory.child(name("other")).unwrap();
        directory
            .move_to(name("lock"), &other, name("lock"))
            .unwrap();
        assert!(root.path().join("other/lock").exists());
        other.remove_empty(name("lock")).unwrap();
        assert!(!root.path().join("other/lock").exists());
    }
}
