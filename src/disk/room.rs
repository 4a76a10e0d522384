//! A directory of ours that is reached from handle to name: whoever puts a link in the place of a
//! directory between our look and our writing leads nothing out.

use std::path::{Path, PathBuf};

use super::Error;
#[cfg(unix)]
use super::{ours, unwritten};

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

    /// Adds bytes to a file of ours in one write, so that processes that do so at once each leave theirs
    /// whole. A new file gets 0600.
    pub(crate) fn append(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        use rustix::fs::{Mode, OFlags, openat};
        use std::io::Write;
        const APPEND: OFlags = OFlags::WRONLY
            .union(OFlags::APPEND)
            .union(OFlags::CREATE)
            .union(OFlags::NOFOLLOW)
            .union(OFlags::NONBLOCK)
            .union(OFlags::CLOEXEC);
        let path = self.path.join(name);
        let failed = unwritten(&path);
        let opened = openat(&self.handle, name, APPEND, Mode::RUSR | Mode::WUSR);
        let mut file = std::fs::File::from(opened.map_err(|error| failed(error.into()))?);
        let found = file.metadata().map_err(failed)?;
        if !found.is_file() || !ours::is_ours(&found) {
            return Err(failed(ours::not_ours()));
        }
        file.write_all(bytes).map_err(failed)
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

    pub(crate) fn append(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        use std::io::Write;
        let path = self.path.join(name);
        let opened = super::ours::open_to_append(&path);
        let written = opened.and_then(|mut file| file.write_all(bytes));
        written.map_err(super::unwritten(&path))
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
        room.append("one", b"1").unwrap();
        room.append("one", b"2").unwrap();
        assert!(Room::make(&own, &["a", "b"]).is_err());
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
        let written = place.join("moved/b");
        assert_eq!(std::fs::read(written.join("one")).unwrap(), b"12");
    }
}
