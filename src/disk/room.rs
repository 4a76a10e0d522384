//! Directories that are reached from handle to name: whoever puts a link in the place of one between
//! our look and what we do there leads nothing out.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::directory::Directory;
use super::{Error, create_private_dir, unwritten};

/// What lies at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryShape {
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

/// What could be seen at a name without opening it for writing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntrySighting {
    /// Device and inode: they tell one thing at a name from the next thing at the same name.
    pub(crate) identity: (i128, i128),
    pub(crate) shape: EntryShape,
    /// Whether it belongs to the user that runs us.
    pub(crate) ours: bool,
    /// Date of the last change of content; a holder's heartbeat sets it.
    pub(crate) modified: DateTime<Utc>,
    /// Date of the last change of any kind, which no program can choose.
    pub(crate) changed: DateTime<Utc>,
}

/// Adds bytes to a file of ours in a directory of ours, in one write, so that processes that do so at
/// once each leave theirs whole. Only `root` itself may be reached through links.
pub(crate) fn append(root: &Path, directory: &str, name: &str, bytes: &[u8]) -> Result<(), Error> {
    create_private_dir(root)?;
    let own = || Directory::open(root)?.own_child(directory.as_ref());
    let appended = own().and_then(|own| own.append(name.as_ref(), bytes));
    appended.map_err(unwritten(&root.join(directory).join(name)))
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
        append(&own, "a", "one", b"1").unwrap();
        let opened = Directory::open(&own.join("a")).unwrap();
        super::super::rename(&own.join("a"), &place.join("moved")).unwrap();
        std::os::unix::fs::symlink(&outside, own.join("a")).unwrap();
        opened.append("one".as_ref(), b"2").unwrap();
        assert!(append(&own, "a", "one", b"3").is_err());
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
        assert_eq!(std::fs::read(place.join("moved/one")).unwrap(), b"12");
    }
}
