//! Directory handles: the only way by which this module reaches a lock.
//!
//! Every step below a root goes from handle to name without following symbolic links, so a link
//! that somebody planted never leads a removal elsewhere. Roots themselves may be links: people
//! keep their configuration directory in a dotfiles repository.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};

/// What lies at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A directory without entries.
    EmptyDirectory,
    /// A directory with entries, or one that cannot be listed.
    FullDirectory,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A socket, pipe or device.
    Other,
}

/// What tells one thing at a name from the next thing at the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: i128,
    inode: i128,
    modified: DateTime<Utc>,
}

impl Identity {
    /// Whether both are the same object, whatever its date.
    pub fn same_object(self, other: Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// What could be seen at a name without opening it for writing.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Which object this is, and its date.
    pub identity: Identity,
    /// What it is.
    pub shape: Shape,
    /// Whether it belongs to the user that runs us.
    pub ours: bool,
    /// Date of the last change of content; a holder's heartbeat sets it.
    pub modified: DateTime<Utc>,
    /// Date of the last change of any kind, which no program can choose.
    pub changed: DateTime<Utc>,
}

#[cfg(unix)]
mod handle {
    use rustix::fd::OwnedFd;
    use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
    use rustix::io::Errno;

    use super::{DateTime, Identity, Look, OsStr, OsString, Path, Shape, io};

    /// An open directory.
    #[derive(Debug)]
    pub struct Directory {
        handle: OwnedFd,
    }

    const OPEN: OFlags = OFlags::RDONLY
        .union(OFlags::DIRECTORY)
        .union(OFlags::CLOEXEC);

    impl Directory {
        /// Opens a root; symbolic links on the way are followed.
        pub fn open(path: &Path) -> io::Result<Self> {
            let handle = rustix::fs::open(path, OPEN, Mode::empty())?;
            Ok(Self { handle })
        }

        /// Opens a directory in this one; a symbolic link is refused.
        pub fn child(&self, name: &OsStr) -> io::Result<Self> {
            let flags = OPEN.union(OFlags::NOFOLLOW);
            let handle = rustix::fs::openat(&self.handle, name, flags, Mode::empty())?;
            Ok(Self { handle })
        }

        /// Names in this directory, at most `limit`.
        pub fn names(&self, limit: usize) -> io::Result<Vec<OsString>> {
            use std::os::unix::ffi::OsStrExt;
            Dir::read_from(&self.handle)?
                .map(|entry| {
                    entry.map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned())
                })
                .filter(|name| !name.as_ref().is_ok_and(|name| name == "." || name == ".."))
                .take(limit)
                .map(|name| name.map_err(io::Error::from))
                .collect()
        }

        /// Looks at a name. None if nothing is there.
        pub fn look(&self, name: &OsStr) -> io::Result<Option<Look>> {
            let stat = match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let date =
                |seconds, fraction| DateTime::from_timestamp(seconds, fraction).unwrap_or_default();
            let modified = date(
                stat.st_mtime,
                u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
            );
            let shape = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => match self.child(name).and_then(|child| child.names(1)) {
                    Ok(names) if names.is_empty() => Shape::EmptyDirectory,
                    _ => Shape::FullDirectory,
                },
                FileType::RegularFile => Shape::File,
                FileType::Symlink => Shape::Link,
                _ => Shape::Other,
            };
            Ok(Some(Look {
                identity: Identity {
                    device: i128::from(stat.st_dev),
                    inode: i128::from(stat.st_ino),
                    modified,
                },
                shape,
                ours: stat.st_uid == rustix::process::geteuid().as_raw(),
                modified,
                changed: date(
                    stat.st_ctime,
                    u32::try_from(stat.st_ctime_nsec).unwrap_or(0),
                ),
            }))
        }

        /// Reads a regular file up to `limit` bytes; never waits for a pipe's other end.
        pub fn read(&self, name: &OsStr, limit: u64) -> io::Result<Vec<u8>> {
            use std::io::Read;
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let handle = rustix::fs::openat(&self.handle, name, flags, Mode::empty())?;
            let mut bytes = Vec::new();
            std::fs::File::from(handle)
                .take(limit)
                .read_to_end(&mut bytes)?;
            Ok(bytes)
        }

        /// Removes a directory. The system refuses if it has entries or is none.
        pub fn remove_empty(&self, name: &OsStr) -> io::Result<()> {
            Ok(rustix::fs::unlinkat(
                &self.handle,
                name,
                AtFlags::REMOVEDIR,
            )?)
        }

        /// Moves something into another directory, never over something that exists there.
        pub fn move_to(&self, name: &OsStr, target: &Self, new_name: &OsStr) -> io::Result<()> {
            #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
            match rustix::fs::renameat_with(
                &self.handle,
                name,
                &target.handle,
                new_name,
                rustix::fs::RenameFlags::NOREPLACE,
            ) {
                // The file system does not know the flag: look first, then rename.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
                other => return Ok(other?),
            }
            if target.look(new_name)?.is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Ok(rustix::fs::renameat(
                &self.handle,
                name,
                &target.handle,
                new_name,
            )?)
        }
    }
}

/// Without directory handles nothing can be cleared safely, so on such a system nothing is found.
#[cfg(not(unix))]
mod handle {
    use super::{Look, OsStr, OsString, Path, io};

    /// An open directory; on this system it cannot be opened.
    #[derive(Debug)]
    pub struct Directory {}

    impl Directory {
        /// Always fails here.
        pub fn open(_path: &Path) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }
        /// Always fails here.
        pub fn child(&self, _name: &OsStr) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }
        /// Always fails here.
        pub fn names(&self, _limit: usize) -> io::Result<Vec<OsString>> {
            Err(io::ErrorKind::Unsupported.into())
        }
        /// Always fails here.
        pub fn look(&self, _name: &OsStr) -> io::Result<Option<Look>> {
            Err(io::ErrorKind::Unsupported.into())
        }
        /// Always fails here.
        pub fn read(&self, _name: &OsStr, _limit: u64) -> io::Result<Vec<u8>> {
            Err(io::ErrorKind::Unsupported.into())
        }
        /// Always fails here.
        pub fn remove_empty(&self, _name: &OsStr) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
        /// Always fails here.
        pub fn move_to(&self, _name: &OsStr, _target: &Self, _new_name: &OsStr) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

pub use handle::Directory;

#[cfg(all(test, unix))]
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
            Shape::Link
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
            Shape::FullDirectory
        );
        assert!(directory.remove_empty(name("full")).is_err());
        assert!(root.path().join("full/entry").exists());
    }

    #[test]
    fn moving_never_replaces_even_an_empty_directory() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("one")).unwrap();
        fs::create_dir(root.path().join("two")).unwrap();
        let directory = Directory::open(root.path()).unwrap();
        let error = directory
            .move_to(name("one"), &directory, name("two"))
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        directory
            .move_to(name("one"), &directory, name("three"))
            .unwrap();
        assert!(root.path().join("three").exists());
    }
}
