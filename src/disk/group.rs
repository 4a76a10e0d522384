//! Writes files to a directory that its owner shares with a group.
//!
//! In a directory that is not shared, files are private. In a shared directory, the group can read the files if it can
//! read the directory, but it can never write to them. Other users have no access. Symbolic links that other group
//! members have planted are not followed. Group members can delete each other's files unless the directory has the
//! sticky bit.

use std::path::Path;

use super::{Durability, Error};

/// Writes a file atomically, and creates missing directories between `root` and the file. If `root` is shared with a
/// group, the group can read the file.
pub(crate) fn write_below(root: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    #[cfg(unix)]
    if let Some(group) = GroupAccess::of(root) {
        group.create_directories(root, path)?;
        return group.write(path, bytes).map_err(super::write_error(path));
    }
    #[cfg(not(unix))]
    let _ = root;
    super::create_shared_parent_directory(path)?;
    super::write_atomically(path, bytes, Durability::Quick)
}

/// The group's access to a shared directory.
#[cfg(unix)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct GroupAccess {
    group: u32,
    /// The mode for subdirectories.
    directory_mode: u32,
    /// The mode for files.
    file_mode: u32,
}

#[cfg(unix)]
impl GroupAccess {
    /// Returns the group's access to a shared directory, or `None` if the directory is not shared. A shared directory
    /// has the setgid bit and is writable by its group.
    fn of(directory: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        const SETGID_AND_GROUP_WRITE: u32 = 0o2020;

        let metadata = std::fs::metadata(directory).ok()?;
        let mode = metadata.mode();
        if !metadata.is_dir() || mode & SETGID_AND_GROUP_WRITE != SETGID_AND_GROUP_WRITE {
            return None;
        }
        Some(Self {
            group: metadata.gid(),
            directory_mode: 0o2700 | mode & 0o1070,
            file_mode: 0o600 | mode & 0o040,
        })
    }

    /// Creates the missing directories between `root` and a file. They get the group's permissions regardless of the
    /// umask. Fails if a path component exists but is not a directory.
    fn create_directories(self, root: &Path, file: &Path) -> Result<(), Error> {
        let names = file
            .parent()
            .and_then(|parent| parent.strip_prefix(root).ok());

        let mut directory = root.to_owned();
        for name in names.into_iter().flatten() {
            directory.push(name);
            self.create_directory(&directory)
                .map_err(super::write_error(&directory))?;
        }
        Ok(())
    }

    fn create_directory(self, directory: &Path) -> std::io::Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(directory) {
            Ok(()) => {
                // Another group member may have replaced the directory in the meantime.
                let created = super::ownership::open_owned_directory(directory)?;
                self.set_mode(&created, self.directory_mode)
            }
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
            Err(_) if std::fs::symlink_metadata(directory)?.is_dir() => Ok(()),
            Err(_) => Err(std::io::Error::other(
                "it is a symlink or is not a directory; move it somewhere else",
            )),
        }
    }

    fn write(self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        super::ownership::check_owned_file(path)?;
        let temporary = super::write::write_temporary_file(path, bytes)?;
        self.set_mode(temporary.as_file(), self.file_mode)?;
        super::write::move_over(temporary, path)
    }

    /// Sets the mode of a new file or directory. A file that does not belong to the shared group stays private.
    fn set_mode(self, file: &std::fs::File, mode: u32) -> std::io::Result<()> {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};

        if file.metadata()?.gid() == self.group {
            file.set_permissions(std::fs::Permissions::from_mode(mode))
        } else {
            Ok(())
        }
    }
}
