//! Creates, replaces, and deletes files and directories.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use tempfile::NamedTempFile;

use super::{Error, ownership, read_error, write_error};

/// The prefix of the names of temporary files.
pub(super) const TEMPORARY_PREFIX: &str = ".whycap-";

/// The suffix of the names of temporary files.
pub(super) const TEMPORARY_SUFFIX: &str = ".tmp";

/// The pauses between attempts to replace a file. Windows refuses to replace a file that another process has open, but
/// readers and virus scanners usually close it within a few milliseconds.
const REPLACE_PAUSES: &[Duration] = &[Duration::from_millis(10); if cfg!(windows) { 9 } else { 0 }];

/// How durable a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Writes are atomic, but a power failure can undo them. This is for files that can be recreated.
    Quick,
    /// The new content is flushed to disk before it replaces the old content. This is for files that the user would
    /// miss.
    Synced,
}

/// Returns true if files can be created in a directory. If it does not exist, its nearest existing ancestor is checked
/// instead. Returns true if the system does not provide this information.
#[cfg(unix)]
pub(crate) fn is_writable(directory: &Path) -> bool {
    use rustix::fs::{Access, access};

    directory
        .ancestors()
        .find(|parent| parent.symlink_metadata().is_ok())
        .is_none_or(|parent| access(parent, Access::WRITE_OK | Access::EXEC_OK).is_ok())
}

#[cfg(not(unix))]
pub(crate) fn is_writable(_: &Path) -> bool {
    true
}

/// Creates a directory for the user with mode 0700, along with its missing parents.
///
/// Fails if the directory is a symbolic link, or if it or the nearest existing directory above it is writable by
/// others.
pub(crate) fn create_private_directory(path: &Path) -> Result<(), Error> {
    if !ownership::is_safe_location(path) {
        let refusal = io::Error::other("its parent directory is writable by other users");
        return Err(write_error(path)(refusal));
    }
    create_directories(path)?;
    ownership::check_owned_directory(path).map_err(write_error(path))
}

/// Creates a directory with mode 0700, along with its missing parents. Does nothing if it already exists.
fn create_directories(path: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(write_error(path))
}

/// Creates the parent directory of a private file.
pub(crate) fn create_parent_directory(path: &Path) -> Result<(), Error> {
    path.parent()
        .map_or(Ok(()), create_private_directory)
}

/// Creates the parent directory of a file that other users may read. The directory may be a symbolic link.
pub(crate) fn create_shared_parent_directory(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), create_directories)
}

/// Creates an empty file with mode 0600, along with its parent directory. Does nothing if the file already exists.
#[cfg(test)]
pub(crate) fn create_private_file(path: &Path) -> Result<(), Error> {
    create_parent_directory(path)?;
    ownership::open_or_create_owned(path)
        .map(drop)
        .map_err(write_error(path))
}

/// Replaces a file atomically, or creates it with mode 0600.
///
/// The mode of an existing file is preserved. Fails if the path belongs to another user or is a symbolic link. On
/// failure, the old file is unchanged, and no temporary file is left behind.
pub(crate) fn write_atomically(
    path: &Path,
    bytes: &[u8],
    durability: Durability,
) -> Result<(), Error> {
    try_write_atomically(path, bytes, durability).map_err(write_error(path))
}

fn try_write_atomically(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    ownership::check_owned_file(path)?;
    let temporary = write_temporary_file(path, bytes)?;
    if durability == Durability::Synced {
        temporary.as_file().sync_all()?;
    }
    move_over(temporary, path)
}

/// Like [`write_atomically`], but creates the directory, and lets the group of a shared directory read the file.
pub(crate) fn write_for_group(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    create_shared_parent_directory(path)?;
    try_write_for_group(path, bytes).map_err(write_error(path))
}

fn try_write_for_group(path: &Path, bytes: &[u8]) -> io::Result<()> {
    ownership::check_owned_file(path)?;
    let temporary = write_temporary_file(path, bytes)?;
    #[cfg(unix)]
    share_with_group(temporary.as_file(), path)?;
    move_over(temporary, path)
}

/// Lets a group read a file if its directory is shared with the group: the directory is writable by the group and has the
/// setgid bit, so that new files belong to the group.
#[cfg(unix)]
fn share_with_group(file: &fs::File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    const SETGID_AND_GROUP_WRITE: u32 = 0o2020;
    const GROUP_READ: u32 = 0o040;

    let directory = fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
    let is_shared = directory.mode() & SETGID_AND_GROUP_WRITE == SETGID_AND_GROUP_WRITE;
    if is_shared && file.metadata()?.gid() == directory.gid() {
        let mode = 0o600 | directory.mode() & GROUP_READ;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Like [`write_atomically`], but returns false without writing anything if the file already exists.
pub(crate) fn create_atomically(path: &Path, bytes: &[u8]) -> Result<bool, Error> {
    write_temporary_file(path, bytes)
        .and_then(|temporary| move_to_new(temporary, path))
        .map_err(write_error(path))
}

/// Creates a file that is complete and on the disk before it gets its name. Fails if the file already exists.
pub(crate) fn create_synced(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    try_create_synced(path, bytes).map_err(write_error(path))
}

fn try_create_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = write_temporary_file(path, bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist_noclobber(path)?;
    sync_directory_of(path);
    Ok(())
}

/// Syncs the directory of a file so that renaming the file survives a power failure. The file is complete even if this
/// fails.
pub(super) fn sync_directory_of(path: &Path) {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let _ = fs::File::open(directory).and_then(|directory| directory.sync_all());
}

/// Copies an executable file atomically, including its mode. An existing copy is replaced.
pub(crate) fn copy_executable(from: &Path, to: &Path) -> Result<(), Error> {
    create_parent_directory(to)?;
    let executable = ownership::open_regular(from).map_err(read_error(from))?;
    try_copy_executable(executable, to).map_err(write_error(to))
}

fn try_copy_executable(mut executable: fs::File, to: &Path) -> io::Result<()> {
    ownership::check_owned_file(to)?;
    let temporary = write_temporary_file(to, b"")?;
    io::copy(&mut executable, &mut temporary.as_file())?;
    let mode = executable.metadata()?.permissions();
    temporary.as_file().set_permissions(mode)?;
    move_over(temporary, to)
}

/// Writes a temporary file next to `target`, with the mode of `target` if it exists.
pub(super) fn write_temporary_file(target: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut temporary = tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .suffix(TEMPORARY_SUFFIX)
        .tempfile_in(target.parent().unwrap_or(Path::new("/")))
        .map_err(without_temporary_path)?;
    temporary
        .write_all(bytes)
        .map_err(without_temporary_path)?;
    if let Ok(existing) = fs::metadata(target) {
        temporary
            .as_file()
            .set_permissions(existing.permissions())?;
    }
    Ok(temporary)
}

/// Removes the path of the temporary file, which would confuse users, from a `tempfile` error. The caller adds the path
/// of the target.
fn without_temporary_path(error: io::Error) -> io::Error {
    match error.to_string().rsplit_once(" at path ") {
        Some((message, _)) => io::Error::new(error.kind(), message.to_owned()),
        None => error,
    }
}

/// Renames a temporary file to `target`, replacing any existing file.
pub(super) fn move_over(mut temporary: NamedTempFile, target: &Path) -> io::Result<()> {
    for pause in REPLACE_PAUSES {
        match temporary.persist(target) {
            Err(refused) if refused.error.kind() == io::ErrorKind::PermissionDenied => {
                temporary = refused.file;
            }
            moved => return Ok(moved.map(drop)?),
        }
        std::thread::sleep(*pause);
    }
    Ok(temporary.persist(target).map(drop)?)
}

/// Renames a temporary file to `target`. Returns false if `target` already exists.
pub(super) fn move_to_new(temporary: NamedTempFile, target: &Path) -> io::Result<bool> {
    match temporary.persist_noclobber(target) {
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        moved => Ok(moved.map(|_| true)?),
    }
}

/// Deletes a file that whycap created. Does nothing if the file does not exist.
#[expect(
    clippy::disallowed_methods,
    reason = "all files are deleted by this function"
)]
pub(crate) fn remove_owned_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(write_error(path)(error)),
        _ => Ok(()),
    }
}

/// Renames a file or directory that whycap created, or moves a lock to quarantine.
#[expect(
    clippy::disallowed_methods,
    reason = "all files are renamed by this function"
)]
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(write_error(from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::read_owned;
    use crate::testing::make_link;

    #[test]
    #[cfg_attr(
        windows,
        ignore = "creating a link on Windows requires a privilege that few users have"
    )]
    fn the_target_of_a_link_is_not_touched() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("real.json");
        let link = root.path().join("link.json");
        write_atomically(&target, b"old", Durability::Quick).unwrap();
        make_link(&target, &link);

        let error = write_atomically(&link, b"new", Durability::Synced).unwrap_err();
        assert!(error.to_string().contains("link.json"), "{error}");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert!(read_owned(&link, 10).is_err());

        let linked_directory = root.path().join("linked");
        make_link(root.path(), &linked_directory);
        assert!(create_parent_directory(&linked_directory.join("file")).is_err());
    }

    #[test]
    fn a_failed_write_leaves_no_temporary_file() {
        let root = tempfile::tempdir().unwrap();
        let missing = root.path().join("no/such/dir/file");
        assert!(write_atomically(&missing, b"x", Durability::Quick).is_err());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn creating_a_file_does_not_replace_an_existing_one() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        assert!(create_atomically(&path, b"first").unwrap());
        assert!(!create_atomically(&path, b"second").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"first");
    }

    #[test]
    #[cfg(unix)]
    fn a_new_file_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        write_atomically(&path, b"x", Durability::Quick).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
