//! Files in a directory that its owner gave to a group.
//!
//! Promises: without that, nothing is for anybody else; what is given is what the directory itself
//! says, never a right to write a file, and only to the directory's own group; what others of the
//! group put in the way is not followed. Not promised: that they leave each other's files alone (the
//! sticky bit on the directory does that).

use std::path::Path;

use super::Error;

/// What a directory gives to its group.
#[cfg(unix)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    id: u32,
    /// The mode of directories below.
    directories: u32,
    /// The mode of files below.
    files: u32,
}

#[cfg(unix)]
impl Group {
    /// None unless the directory was made for a group: new files get its group (setgid), and the
    /// group may write.
    pub(crate) fn of(directory: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        const MADE_FOR_A_GROUP: u32 = 0o2020;
        let found = std::fs::metadata(directory).ok()?;
        let mode = found.mode();
        let is_made_for_it = found.is_dir() && mode & MADE_FOR_A_GROUP == MADE_FOR_A_GROUP;
        is_made_for_it.then(|| Self {
            id: found.gid(),
            directories: 0o2700 | mode & 0o1070,
            files: 0o600 | mode & 0o040,
        })
    }

    /// Makes the directories of `path` that are missing below `root`, with the rights of the group
    /// whatever the umask. An error if something else is in the place of one.
    pub(crate) fn create_directories_of(self, path: &Path, root: &Path) -> Result<(), Error> {
        let below = path.parent().and_then(|all| all.strip_prefix(root).ok());
        let mut directory = root.to_owned();
        for name in below.into_iter().flatten() {
            directory.push(name);
            let made = self.create(&directory);
            made.map_err(super::unwritten(&directory))?;
        }
        Ok(())
    }

    fn create(self, directory: &Path) -> std::io::Result<()> {
        use std::io::{Error, ErrorKind};
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(directory) {
            // Others may have put something else in its place by now.
            Ok(()) => self.give(
                &super::ours::open_own_directory(directory)?,
                self.directories,
            ),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if std::fs::symlink_metadata(directory)?.is_dir() {
                    return Ok(());
                }
                let what = "it is not a directory, or a link; move it away";
                Err(Error::other(what))
            }
            Err(error) => Err(error),
        }
    }

    /// Like [`super::write_atomically`], and the group may read it, if it may read the directory.
    pub(crate) fn write_atomically(self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        super::ours::check_own(path).map_err(super::unwritten(path))?;
        let give = |file: &std::fs::File| self.give(file, self.files);
        super::put(
            path,
            bytes,
            super::Durability::Quick,
            give,
            super::put_in_place,
        )
        .map(drop)
    }

    /// What came to be of another group stays for its owner alone.
    fn give(self, file: &std::fs::File, mode: u32) -> std::io::Result<()> {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        if file.metadata()?.gid() != self.id {
            return Ok(());
        }
        file.set_permissions(std::fs::Permissions::from_mode(mode))
    }
}

/// Elsewhere a directory hands its rights down by itself.
#[cfg(not(unix))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {}

#[cfg(not(unix))]
impl Group {
    pub(crate) fn of(_: &Path) -> Option<Self> {
        None
    }

    pub(crate) fn create_directories_of(self, _: &Path, _: &Path) -> Result<(), Error> {
        match self {}
    }

    pub(crate) fn write_atomically(self, _: &Path, _: &[u8]) -> Result<(), Error> {
        match self {}
    }
}
