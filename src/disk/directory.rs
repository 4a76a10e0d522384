//! Directory handles: the only way by which a lock is reached, and by which the journal is written.
//!
//! Every step below a root goes from handle to name without following symbolic links, so a link
//! that somebody planted never leads a removal elsewhere. Roots themselves may be links: people
//! keep their configuration directory in a dotfiles repository.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use chrono::DateTime;
use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, mkdirat, openat, renameat_with, statat,
};
use rustix::io::Errno;

use super::{EntryShape, EntrySighting, ours};
use crate::time::is_reckonable;

/// An open directory.
#[derive(Debug)]
pub(crate) struct Directory(OwnedFd);

const OPEN: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

impl Directory {
    /// Opens a root; symbolic links on the way are followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, OPEN, Mode::empty())?))
    }

    /// Opens a directory in this one; a symbolic link is refused.
    pub(crate) fn child(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OPEN | OFlags::NOFOLLOW;
        Ok(Self(openat(&self.0, name, flags, Mode::empty())?))
    }

    /// Opens a directory in this one that is ours alone, made, 0700, if it is missing.
    pub(crate) fn own_child(&self, name: &OsStr) -> io::Result<Self> {
        match mkdirat(&self.0, name, Mode::RWXU) {
            Err(error) if error != Errno::EXIST => return Err(error.into()),
            _ => {}
        }
        let child = self.child(name)?;
        let found = File::from(child.0.try_clone()?).metadata()?;
        if !ours::is_ours(&found) || ours::is_open_to_all(&found) {
            return Err(ours::not_ours());
        }
        Ok(child)
    }

    /// Adds bytes to a file of ours in one write. A new file gets 0600.
    pub(crate) fn append(&self, name: &OsStr, bytes: &[u8]) -> io::Result<()> {
        const APPEND: OFlags = OFlags::WRONLY
            .union(OFlags::APPEND)
            .union(OFlags::CREATE)
            .union(OFlags::NOFOLLOW)
            .union(OFlags::NONBLOCK)
            .union(OFlags::CLOEXEC);
        let opened = openat(&self.0, name, APPEND, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(opened);
        let found = file.metadata()?;
        if !found.is_file() || !ours::is_ours(&found) {
            return Err(ours::not_ours());
        }
        file.write_all(bytes)
    }

    /// Names in this directory, at most `limit`.
    pub(crate) fn names(&self, limit: usize) -> io::Result<Vec<OsString>> {
        let names = Dir::read_from(&self.0)?.map(|entry| -> io::Result<OsString> {
            Ok(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned())
        });
        names
            .filter(|name| !matches!(name, Ok(name) if name == "." || name == ".."))
            .take(limit)
            .collect()
    }

    /// Looks at a name. None if nothing is there.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Option<EntrySighting>> {
        let stat = match statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let date = |seconds, fraction| {
            let fraction = u32::try_from(fraction).unwrap_or(0);
            let at = DateTime::from_timestamp(seconds, fraction);
            at.filter(|at| is_reckonable(*at)).unwrap_or_default()
        };
        let shape = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => match self.child(name).and_then(|child| child.names(1)) {
                Ok(names) if names.is_empty() => EntryShape::EmptyDirectory,
                _ => EntryShape::FullDirectory,
            },
            FileType::RegularFile => EntryShape::File,
            FileType::Symlink => EntryShape::Link,
            _ => EntryShape::Other,
        };
        Ok(Some(EntrySighting {
            identity: (i128::from(stat.st_dev), i128::from(stat.st_ino)),
            shape,
            ours: stat.st_uid == rustix::process::geteuid().as_raw(),
            modified: date(stat.st_mtime, stat.st_mtime_nsec),
            changed: date(stat.st_ctime, stat.st_ctime_nsec),
        }))
    }

    /// Reads a regular file up to `limit` bytes; never waits for a pipe's other end.
    pub(crate) fn read(&self, name: &OsStr, limit: u64) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.0, name, flags, Mode::empty())?);
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Removes a directory. The system refuses if it has entries or is none.
    pub(crate) fn remove_empty(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Moves something under a name in a directory, never over something that exists there.
    pub(crate) fn move_to(&self, name: &OsStr, target: &Self, new_name: &OsStr) -> io::Result<()> {
        match renameat_with(&self.0, name, &target.0, new_name, RenameFlags::NOREPLACE) {
            // The file system does not know the flag: look first, then rename.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            other => return Ok(other?),
        }
        if target.look(new_name)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(rustix::fs::renameat(&self.0, name, &target.0, new_name)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn name(text: &str) -> &OsStr {
        OsStr::new(text)
    }

    #[test]
    fn a_link_is_seen_as_a_link_and_not_entered() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", root.path().join("link")).unwrap();
        let directory = Directory::open(root.path()).unwrap();
        assert_eq!(
            directory.look(name("link")).unwrap().unwrap().shape,
            EntryShape::Link
        );
        assert!(directory.child(name("link")).is_err());
        assert!(directory.remove_empty(name("link")).is_err());
        assert!(root.path().join("real").exists());
    }

    #[test]
    fn a_directory_with_entries_is_never_removed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("full/entry")).unwrap();
        let directory = Directory::open(root.path()).unwrap();
        assert_eq!(
            directory.look(name("full")).unwrap().unwrap().shape,
            EntryShape::FullDirectory
        );
        assert!(directory.remove_empty(name("full")).is_err());
        assert!(root.path().join("full/entry").exists());
    }

    #[test]
    fn moving_never_replaces_even_an_empty_directory() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("lock")).unwrap();
        fs::create_dir_all(root.path().join("taken/lock")).unwrap();
        let directory = Directory::open(root.path()).unwrap();
        let taken = directory.child(name("taken")).unwrap();
        let error = directory
            .move_to(name("lock"), &taken, name("lock"))
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        fs::create_dir(root.path().join("other")).unwrap();
        let other = directory.child(name("other")).unwrap();
        directory
            .move_to(name("lock"), &other, name("lock"))
            .unwrap();
        assert!(root.path().join("other/lock").exists());
    }
}
