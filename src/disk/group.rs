//! Files in a directory that its owner gave to a group.
//!
//! Promises: without that, nothing is for anybody else; what is given is what the directory itself
//! says, never a right to write a file, and only to the directory's own group; what others of the
//! group put in the way is not followed. Not promised: that they leave each other's files alone (the
//! sticky bit on the directory does that).

use std::path::Path;

use super::{Durability, Error};

/// Whether a directory was made for a group, which only Unix knows: elsewhere a directory hands its
/// rights down by itself.
#[cfg(unix)]
pub(crate) fn owns(directory: &Path) -> bool {
    Group::of(directory).is_some()
}

#[cfg(not(unix))]
pub(crate) fn owns(_: &Path) -> bool {
    false
}

/// Writes a file below a directory that is not only ours, whole, with what is missing of the directories
/// between. The group may read it, if it may read the directory.
pub(crate) fn write_below(root: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    #[cfg(unix)]
    if let Some(group) = Group::of(root) {
        group.create_directories_of(path, root)?;
        return group.write(path, bytes).map_err(super::unwritten(path));
    }
    #[cfg(not(unix))]
    let _ = root;
    super::create_shared_directory_of(path)?;
    super::write_atomically(path, bytes, Durability::Quick)
}

/// What a directory gives to its group.
#[cfg(unix)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Group {
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
    fn of(directory: &Path) -> Option<Self> {
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
    fn create_directories_of(self, path: &Path, root: &Path) -> Result<(), Error> {
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
        let refusal = "it is not a directory, or a link; move it away";
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(directory) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
            Err(_) if std::fs::symlink_metadata(directory)?.is_dir() => Ok(()),
            Err(_) => Err(std::io::Error::other(refusal)),
            // Others may have put something else in its place by now.
            Ok(()) => {
                let made = super::ours::open_own_directory(directory)?;
                self.give(&made, self.directories)
            }
        }
    }

    fn write(self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        super::ours::check_own(path)?;
        let beside = super::written_beside(path, bytes)?;
        self.give(beside.as_file(), self.files)?;
        super::put_in_place(beside, path)
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
