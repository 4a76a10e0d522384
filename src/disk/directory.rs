//! Directory handles. Locks are accessed only through these handles.
//!
//! Below the root directory, every path component is opened relative to an open directory, without following symbolic
//! links or junctions. A planted link therefore cannot redirect a deletion. The root itself may be a symbolic link
//! because some users keep their configuration directory elsewhere.
//!
//! On Windows, reading the owner of a file requires additional privileges, so whycap assumes that the user owns all
//! locks, which are in the user's profile. Windows also has no equivalent of `ctime`. The modification time is used
//! instead.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::Path;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use chrono::{DateTime, Utc};

use super::read::read_range;

/// The kind of a directory entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// An empty directory.
    EmptyDirectory,
    /// A non-empty directory, or a directory that cannot be listed.
    FullDirectory,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A socket, pipe, or device.
    Other,
}

/// The metadata of a directory entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryInfo {
    /// The device and inode numbers. If the entry is replaced with another one of the same name, they change.
    pub identity: (i128, i128),
    pub kind: EntryKind,
    /// True if the entry belongs to the current user.
    pub is_owned: bool,
    /// The modification time. The owner of a lock updates it regularly.
    pub modified: DateTime<Utc>,
    /// The time of the last change to the content or metadata (`ctime`). Programs cannot set it, except on Windows.
    pub changed: DateTime<Utc>,
}

/// An open directory.
#[derive(Debug)]
pub(crate) struct Directory(Dir);

impl Directory {
    /// Opens a root directory, following symbolic links.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Dir::open_ambient_dir(path, ambient_authority())?))
    }

    /// Opens a subdirectory. Fails if it is a symbolic link.
    pub(crate) fn child(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self(self.0.open_dir_nofollow(name)?))
    }

    /// Returns the names of up to `limit` entries, in no particular order.
    pub(crate) fn names(&self, limit: usize) -> io::Result<Vec<OsString>> {
        self.0
            .entries()?
            .take(limit)
            .map(|entry| Ok(entry?.file_name()))
            .collect()
    }

    /// Returns the metadata of an entry. Fails with [`ErrorKind::NotFound`] if there is no such entry.
    pub(crate) fn entry_info(&self, name: &OsStr) -> io::Result<EntryInfo> {
        let mut info = self.entry_info_of_system(name)?;
        if info.kind == EntryKind::FullDirectory {
            let names = self.child(name).and_then(|child| child.names(1));
            if names.is_ok_and(|names| names.is_empty()) {
                info.kind = EntryKind::EmptyDirectory;
            }
        }
        Ok(info)
    }

    /// Returns the metadata of an entry, but reports every directory as non-empty. On Unix, it does not use `cap_std`,
    /// which panics on some valid timestamps.
    #[cfg(unix)]
    fn entry_info_of_system(&self, name: &OsStr) -> io::Result<EntryInfo> {
        use rustix::fs::{AtFlags, FileType, statat};

        let stat = statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(EntryInfo {
            identity: (i128::from(stat.st_dev), i128::from(stat.st_ino)),
            kind: match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => EntryKind::FullDirectory,
                FileType::RegularFile => EntryKind::File,
                FileType::Symlink => EntryKind::Link,
                _ => EntryKind::Other,
            },
            is_owned: stat.st_uid == rustix::process::geteuid().as_raw(),
            modified: datetime_from_stat(stat.st_mtime, u32::try_from(stat.st_mtime_nsec).ok()),
            changed: datetime_from_stat(stat.st_ctime, u32::try_from(stat.st_ctime_nsec).ok()),
        })
    }

    #[cfg(not(unix))]
    fn entry_info_of_system(&self, name: &OsStr) -> io::Result<EntryInfo> {
        use cap_fs_ext::MetadataExt;

        let metadata = self.0.symlink_metadata(name)?;
        let modified = crate::time::datetime_from_system(metadata.modified()?.into_std());
        Ok(EntryInfo {
            identity: (i128::from(metadata.dev()), i128::from(metadata.ino())),
            kind: match metadata.file_type() {
                file_type if file_type.is_symlink() => EntryKind::Link,
                file_type if file_type.is_dir() => EntryKind::FullDirectory,
                file_type if file_type.is_file() => EntryKind::File,
                _ => EntryKind::Other,
            },
            is_owned: true,
            modified,
            changed: modified,
        })
    }

    /// Reads up to `limit` bytes from the beginning of a file.
    pub(crate) fn read(&self, name: &OsStr, limit: u64) -> io::Result<Vec<u8>> {
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        #[cfg(unix)]
        {
            use cap_std::fs::OpenOptionsExt;
            let flags = rustix::fs::OFlags::NONBLOCK.bits();
            options.custom_flags(flags.cast_signed());
        }
        let file = self.0.open_with(name, &options)?.into_std();
        read_range(file, 0..limit)
    }

    /// Removes an empty directory. Fails if it is not empty or not a directory.
    pub(crate) fn remove_empty(&self, name: &OsStr) -> io::Result<()> {
        // On Windows, `remove_dir` would also remove a junction to a directory.
        #[cfg(windows)]
        if self.entry_info(name)?.kind != EntryKind::EmptyDirectory {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.0.remove_dir(name)
    }

    /// Moves an entry to another directory under a new name. Fails if the new name already exists there.
    pub(crate) fn move_to(&self, name: &OsStr, target: &Self, new_name: &OsStr) -> io::Result<()> {
        #[cfg(unix)]
        {
            use rustix::fs::{RenameFlags, renameat_with};
            use rustix::io::Errno;

            match renameat_with(&self.0, name, &target.0, new_name, RenameFlags::NOREPLACE) {
                // The file system does not support `RENAME_NOREPLACE`.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
                result => return Ok(result?),
            }
        }
        // Another process could create the new name between the check and the rename. However, the target is a private
        // directory that has just been created.
        match target.entry_info(new_name) {
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Err(_) => self.0.rename(name, &target.0, new_name),
        }
    }
}

/// Converts a file timestamp. Returns the Unix epoch if the timestamp is outside the supported range.
#[cfg(unix)]
fn datetime_from_stat(seconds: i64, nanoseconds: Option<u32>) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, nanoseconds.unwrap_or(0))
        .filter(|at| crate::time::is_in_supported_range(*at))
        .unwrap_or_default()
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests create locks, as Claude Code does"
)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::make_link;

    fn name(text: &str) -> &OsStr {
        OsStr::new(text)
    }

    #[test]
    #[cfg_attr(
        windows,
        ignore = "creating a link on Windows requires a privilege that few users have"
    )]
    fn a_link_is_reported_as_a_link_and_not_opened() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("real")).unwrap();
        make_link(root.path().join("real"), root.path().join("link"));

        let directory = Directory::open(root.path()).unwrap();
        let info = directory.entry_info(name("link")).unwrap();
        assert_eq!(info.kind, EntryKind::Link);
        assert!(directory.child(name("link")).is_err());
        assert!(directory.remove_empty(name("link")).is_err());
        assert!(root.path().join("real").exists());
    }

    #[test]
    fn every_kind_of_entry_is_recognized_and_keeps_its_identity() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("full/entry")).unwrap();
        fs::create_dir(root.path().join("empty")).unwrap();
        fs::write(root.path().join("file"), "4711").unwrap();

        let directory = Directory::open(root.path()).unwrap();
        let info = |text| directory.entry_info(name(text)).unwrap();
        assert_eq!(info("full").kind, EntryKind::FullDirectory);
        assert_eq!(info("empty").kind, EntryKind::EmptyDirectory);
        assert_eq!(info("file").kind, EntryKind::File);
        assert_eq!(info("file").identity, info("file").identity);
        assert_ne!(info("file").identity, info("empty").identity);

        let missing = directory.entry_info(name("missing")).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        assert_eq!(directory.read(name("file"), 2).unwrap(), b"47");
        assert_eq!(directory.names(9).unwrap().len(), 3);
    }

    #[test]
    fn only_an_empty_directory_is_removed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("full/entry")).unwrap();
        fs::create_dir(root.path().join("empty")).unwrap();
        fs::write(root.path().join("file"), "").unwrap();

        let directory = Directory::open(root.path()).unwrap();
        assert!(directory.remove_empty(name("full")).is_err());
        assert!(directory.remove_empty(name("file")).is_err());
        directory.remove_empty(name("empty")).unwrap();
        assert!(root.path().join("full/entry").exists());
        assert!(!root.path().join("empty").exists());
    }

    #[test]
    fn moving_never_replaces_even_an_empty_directory() {
        let root = tempfile::tempdir().unwrap();
        for path in ["lock", "taken/lock", "free"] {
            fs::create_dir_all(root.path().join(path)).unwrap();
        }
        let directory = Directory::open(root.path()).unwrap();

        let taken = directory.child(name("taken")).unwrap();
        let error = directory
            .move_to(name("lock"), &taken, name("lock"))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);

        let free = directory.child(name("free")).unwrap();
        directory
            .move_to(name("lock"), &free, name("lock"))
            .unwrap();
        assert!(root.path().join("free/lock").exists());
    }
}
