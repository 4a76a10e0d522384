//! A directory of ours that is reached from handle to name: whoever puts a link in the place of a
//! directory between our look and our writing leads nothing out.

use std::path::{Path, PathBuf};

use super::Error;
#[cfg(unix)]
use super::{litter, ours, unwritten};

/// An open directory of ours.
#[derive(Debug)]
pub(crate) struct Room {
    path: PathBuf,
    #[cfg(unix)]
    handle: rustix::fd::OwnedFd,
}

#[cfg(unix)]
impl Room {
    /// Opens the directory of these names below `root`, making what is missing, 0700. Only `root`
    /// itself may be reached through links.
    pub(crate) fn make(root: &Path, names: &[&str]) -> Result<Self, Error> {
        use rustix::fs::{Mode, OFlags, mkdirat, open, openat};
        const OPEN: OFlags = OFlags::RDONLY
            .union(OFlags::DIRECTORY)
            .union(OFlags::CLOEXEC);
        super::create_private_dir(root)?;
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error: rustix::io::Errno| unwritten(&path)(error.into())
        };
        let mut handle = open(root, OPEN, Mode::empty()).map_err(failed(root))?;
        let mut path = root.to_owned();
        for name in names {
            path.push(name);
            match mkdirat(&handle, *name, Mode::RWXU) {
                Err(error) if error != rustix::io::Errno::EXIST => {
                    return Err(failed(&path)(error));
                }
                _ => {}
            }
            let flags = OPEN | OFlags::NOFOLLOW;
            handle = openat(&handle, *name, flags, Mode::empty()).map_err(failed(&path))?;
            let found = std::fs::File::from(handle.try_clone().map_err(unwritten(&path))?);
            let found = found.metadata().map_err(unwritten(&path))?;
            if !ours::is_ours(&found) || ours::is_open_to_all(&found) {
                return Err(unwritten(&path)(ours::not_ours()));
            }
        }
        Ok(Self { path, handle })
    }

    /// Puts `bytes` into this file in one step, over a file of ours or nothing.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.put(name, bytes, true).map(drop)
    }

    /// Puts `bytes` into a file that must not exist yet. False if it did.
    pub(crate) fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, Error> {
        self.put(name, bytes, false)
    }

    fn put(&self, name: &str, bytes: &[u8], over: bool) -> Result<bool, Error> {
        use rustix::fs::{AtFlags, unlinkat};
        let failed = |error| unwritten(&self.path.join(name))(error);
        let beside = self.written(bytes).map_err(failed)?;
        let put = self.put_in_place(&beside, name, over);
        if !matches!(put, Ok(true)) {
            // One that stays is swept up later.
            let _ = unlinkat(&self.handle, &beside, AtFlags::empty());
        }
        put.map_err(failed)
    }

    /// A new file with these bytes, and its name.
    fn written(&self, bytes: &[u8]) -> std::io::Result<String> {
        use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};
        use std::io::Write;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let own = std::process::id();
        for number in 0.. {
            let name = format!("{}{own}-{number}{}", litter::BEGINNING, litter::ENDING);
            match openat(&self.handle, &name, flags, Mode::RUSR | Mode::WUSR) {
                // Left by a process of this number that was killed.
                Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
                Ok(file) => {
                    if let Err(error) = std::fs::File::from(file).write_all(bytes) {
                        let _ = unlinkat(&self.handle, &name, AtFlags::empty());
                        return Err(error);
                    }
                    return Ok(name);
                }
            }
        }
        Err(std::io::ErrorKind::AlreadyExists.into())
    }

    fn put_in_place(&self, beside: &str, name: &str, over: bool) -> std::io::Result<bool> {
        use rustix::fs::{AtFlags, FileType, RenameFlags, renameat, renameat_with, statat};
        use rustix::io::Errno;
        let handle = &self.handle;
        if !over {
            match renameat_with(handle, beside, handle, name, RenameFlags::NOREPLACE) {
                Ok(()) => return Ok(true),
                Err(Errno::EXIST) => return Ok(false),
                // The file system does not know the flag.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match statat(handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) if !over => return Ok(false),
            Ok(found) if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile => {
                return Err(ours::not_ours());
            }
            _ => {}
        }
        renameat(handle, beside, handle, name)?;
        Ok(true)
    }
}

/// Elsewhere there are no such handles in std.
#[cfg(not(unix))]
impl Room {
    pub(crate) fn make(root: &Path, names: &[&str]) -> Result<Self, Error> {
        let path = names
            .iter()
            .fold(root.to_owned(), |path, name| path.join(name));
        super::create_private_dir(&path)?;
        Ok(Self { path })
    }

    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        super::write_atomically(&self.path.join(name), bytes, super::Durability::Quick)
    }

    pub(crate) fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, Error> {
        super::create_atomically(&self.path.join(name), bytes)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_swapped_for_a_link_leads_nothing_out() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        let (own, outside) = (place.join("own"), place.join("outside"));
        std::fs::create_dir(&outside).unwrap();
        let room = Room::make(&own, &["a", "b"]).unwrap();
        super::super::rename(&own.join("a"), &place.join("moved")).unwrap();
        std::os::unix::fs::symlink(&outside, own.join("a")).unwrap();
        assert!(room.create("one", b"1").unwrap());
        assert!(!room.create("one", b"2").unwrap());
        room.replace("one", b"3").unwrap();
        assert!(Room::make(&own, &["a", "b"]).is_err());
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
        let written = place.join("moved/b");
        assert_eq!(std::fs::read(written.join("one")).unwrap(), b"3");
        assert_eq!(std::fs::read_dir(written).unwrap().count(), 1);
    }
}
