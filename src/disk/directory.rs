//! Directory handles: the only way by which a lock is reached, and by which the journal is written.
//!
//! Every step below a root goes from handle to name, and neither a symbolic link nor a junction that
//! somebody planted is followed, so none ever leads a removal elsewhere. Roots themselves may be
//! links: people keep their configuration directory in a dotfiles repository.
//!
//! What Windows does not tell without more rights: whose a lock is (those in a user's profile are
//! that user's), and a date of change that no program can choose (the date of the content stands in,
//! so that a date in the future is always watched).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, OpenOptions};

use super::{EntryShape, EntrySighting, ours, up_to};

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

    /// Opens a directory in this one that is ours alone, made, 0700, if it is missing.
    pub(crate) fn own_child(&self, name: &OsStr) -> io::Result<Self> {
        #[cfg_attr(not(unix), allow(unused_mut, reason = "only Unix has modes"))]
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        cap_std::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match self.0.create_dir_with(name, &builder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let child = self.child(name)?;
        let is_own = ours::is_ours_alone(&child.0.try_clone()?.into_std_file().metadata()?);
        is_own.then_some(child).ok_or_else(ours::not_ours)
    }

    /// Opens a file by its own name; never waits for a pipe's other end. A new one gets 0600.
    fn open_file(&self, name: &OsStr, options: &mut OpenOptions) -> io::Result<File> {
        options.follow(FollowSymlinks::No);
        #[cfg(unix)]
        {
            use cap_std::fs::OpenOptionsExt;
            let flags = rustix::fs::OFlags::NONBLOCK.bits();
            options.mode(0o600).custom_flags(flags.cast_signed());
        }
        Ok(self.0.open_with(name, options)?.into_std())
    }

    /// Adds bytes to a file of ours in one write.
    pub(crate) fn append(&self, name: &OsStr, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.open_file(name, OpenOptions::new().append(true).create(true))?;
        let found = file.metadata()?;
        if !found.is_file() || !ours::is_ours(&found) {
            return Err(ours::not_ours());
        }
        file.write_all(bytes)
    }

    /// Names in this directory, at most `limit`.
    pub(crate) fn names(&self, limit: usize) -> io::Result<Vec<OsString>> {
        let names = self.0.entries()?.map(|entry| Ok(entry?.file_name()));
        names.take(limit).collect()
    }

    /// Looks at a name.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<EntrySighting> {
        let mut seen = self.seen(name)?;
        if seen.shape == EntryShape::FullDirectory {
            let names = self.child(name).and_then(|child| child.names(1));
            if names.is_ok_and(|names| names.is_empty()) {
                seen.shape = EntryShape::EmptyDirectory;
            }
        }
        Ok(seen)
    }

    /// What the system says of a name; it does not say whether a directory is empty. `cap_std` cannot
    /// reckon with each date that a file may have.
    #[cfg(unix)]
    fn seen(&self, name: &OsStr) -> io::Result<EntrySighting> {
        use rustix::fs::{AtFlags, FileType, statat};
        let stat = statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let date = |seconds, fraction| {
            let fraction = u32::try_from(fraction).unwrap_or(0);
            let at = chrono::DateTime::from_timestamp(seconds, fraction);
            at.filter(|at| crate::time::is_reckonable(*at))
                .unwrap_or_default()
        };
        Ok(EntrySighting {
            identity: (i128::from(stat.st_dev), i128::from(stat.st_ino)),
            shape: match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => EntryShape::FullDirectory,
                FileType::RegularFile => EntryShape::File,
                FileType::Symlink => EntryShape::Link,
                _ => EntryShape::Other,
            },
            ours: stat.st_uid == rustix::process::geteuid().as_raw(),
            modified: date(stat.st_mtime, stat.st_mtime_nsec),
            changed: date(stat.st_ctime, stat.st_ctime_nsec),
        })
    }

    #[cfg(not(unix))]
    fn seen(&self, name: &OsStr) -> io::Result<EntrySighting> {
        use cap_fs_ext::MetadataExt;
        let found = self.0.symlink_metadata(name)?;
        let modified = crate::time::of_machine(found.modified()?.into_std());
        Ok(EntrySighting {
            identity: (i128::from(found.dev()), i128::from(found.ino())),
            shape: match found.file_type() {
                kind if kind.is_symlink() => EntryShape::Link,
                kind if kind.is_dir() => EntryShape::FullDirectory,
                kind if kind.is_file() => EntryShape::File,
                _ => EntryShape::Other,
            },
            ours: true,
            modified,
            changed: modified,
        })
    }

    /// Reads a regular file up to `limit` bytes.
    pub(crate) fn read(&self, name: &OsStr, limit: u64) -> io::Result<Vec<u8>> {
        up_to(self.open_file(name, OpenOptions::new().read(true))?, limit)
    }

    /// Removes a directory. The system refuses if it has entries or is none.
    pub(crate) fn remove_empty(&self, name: &OsStr) -> io::Result<()> {
        // Of a junction Windows would take away the junction.
        #[cfg(windows)]
        if self.look(name)?.shape != EntryShape::EmptyDirectory {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.0.remove_dir(name)
    }

    /// Moves something under a name in a directory, never over something that exists there.
    pub(crate) fn move_to(&self, name: &OsStr, target: &Self, new_name: &OsStr) -> io::Result<()> {
        #[cfg(unix)]
        {
            use rustix::fs::{RenameFlags, renameat_with};
            use rustix::io::Errno;
            match renameat_with(&self.0, name, &target.0, new_name, RenameFlags::NOREPLACE) {
                // The file system does not know the flag: look first, then rename.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
                moved => return Ok(moved?),
            }
        }
        // On Windows the target is a directory of ours that nobody else knows.
        match target.look(new_name) {
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Err(_) => self.0.rename(name, &target.0, new_name),
        }
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
    use crate::testing::make_link;

    fn name(text: &str) -> &OsStr {
        OsStr::new(text)
    }

    #[test]
    #[cfg_attr(
        windows,
        ignore = "making a link needs a right that few have on Windows"
    )]
    fn a_link_is_seen_as_a_link_and_not_entered() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("real")).unwrap();
        make_link(root.path().join("real"), root.path().join("link"));
        let directory = Directory::open(root.path()).unwrap();
        assert_eq!(
            directory.look(name("link")).unwrap().shape,
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
            directory.look(name("full")).unwrap().shape,
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
    #[test]
    fn what_lies_there_is_told_apart_and_keeps_its_identity() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("full/entry")).unwrap();
        fs::create_dir(root.path().join("empty")).unwrap();
        fs::write(root.path().join("file"), "4711").unwrap();
        let directory = Directory::open(root.path()).unwrap();
        let seen = |text| directory.look(name(text)).unwrap();
        assert_eq!(seen("full").shape, EntryShape::FullDirectory);
        assert_eq!(seen("empty").shape, EntryShape::EmptyDirectory);
        assert_eq!(seen("file").shape, EntryShape::File);
        assert_eq!(seen("file").identity, seen("file").identity);
        assert_ne!(seen("file").identity, seen("empty").identity);
        let none = directory.look(name("none")).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::NotFound);
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
