//! Checks file ownership, and opens files that another user may have planted.
//!
//! Opening a file never blocks on a pipe and never opens a device. Files that must belong to the user are never opened
//! through a symbolic link. The checks are subject to races. A user with write access to a parent directory can replace
//! a directory after it has been checked.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// The permission bit that lets other users write.
const WRITABLE_BY_OTHERS: u32 = 0o002;
/// The permission bits that let the group and other users write.
const WRITABLE_BY_GROUP_OR_OTHERS: u32 = 0o022;
/// The sticky bit. In a directory with this bit, such as `/tmp`, users can delete only their own files.
const STICKY: u32 = 0o1000;

/// Opens a regular file for reading. Follows symbolic links because some users keep these files elsewhere.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    open_regular_with(&mut options, path, Links::Follow)
}

/// Opens one of the user's files for reading. Fails if it is a symbolic link or belongs to another user.
pub(crate) fn open_owned(path: &Path) -> io::Result<File> {
    open_owned_with(OpenOptions::new().read(true), path)
}

/// Opens one of the user's files for reading and writing, or creates it with mode 0600. Does not truncate existing
/// files.
pub(crate) fn open_or_create_owned(path: &Path) -> io::Result<File> {
    // Some network file systems refuse to lock a file that is open only for writing.
    create_owned_with(
        OpenOptions::new()
            .read(true)
            .write(true)
            .truncate(false),
        path,
    )
}

/// Appends bytes to one of the user's files in a single write, or creates it with mode 0600.
pub(crate) fn append_owned(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create_owned_with(OpenOptions::new().append(true), path)?.write_all(bytes)
}

fn create_owned_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    open_owned_with(options, path)
}

fn open_owned_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = open_regular_with(options, path, Links::Refuse).map_err(|error| {
        // For symbolic links, directories, and sockets, the system reports an unhelpful error, such as "too many levels
        // of symbolic links".
        if error.kind() != io::ErrorKind::NotFound
            && fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file())
        {
            not_owned()
        } else {
            error
        }
    })?;
    if is_owned(&file.metadata()?) {
        Ok(file)
    } else {
        Err(not_owned())
    }
}

fn open_regular_with(options: &mut OpenOptions, path: &Path, links: Links) -> io::Result<File> {
    set_safe_flags(options, links);
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ))
    }
}

/// Fails if the path exists but is not one of the user's regular files.
pub(crate) fn check_owned_file(path: &Path) -> io::Result<()> {
    match owned_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns the metadata of one of the user's regular files. Fails for any other path.
pub(super) fn owned_file(path: &Path) -> io::Result<Metadata> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_file() && is_owned(&metadata) {
        Ok(metadata)
    } else {
        Err(not_owned())
    }
}

/// Fails if the path is not one of the user's directories, is a symbolic link, or is writable by others.
pub(crate) fn check_owned_directory(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_dir() && is_exclusively_owned(&metadata) {
        Ok(())
    } else {
        Err(io::Error::other(
            "it is a symlink, is writable by other users (fix: chmod o-w), or is not owned by you",
        ))
    }
}

/// Returns true if only the user can write to a file or directory. It must belong to the user, must not be a symbolic
/// link, and must not be writable by its group or others.
pub(crate) fn is_writable_only_by_user(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| {
        let access = Access::of(&metadata);
        let is_restricted = access.mode & WRITABLE_BY_GROUP_OR_OTHERS == 0;
        !metadata.is_symlink() && access.is_owned() && is_restricted
    })
}

/// Returns true if a path belongs to the user or to root and is not writable by everyone. If the path does not exist,
/// its nearest existing ancestor is checked instead. An existing directory must belong to the user.
pub(crate) fn is_safe_location(path: &Path) -> bool {
    let Some((existing, metadata)) = path
        .ancestors()
        .find_map(|parent| Some((parent, fs::metadata(parent).ok()?)))
    else {
        return false;
    };

    let access = Access::of(&metadata);
    let may_belong_to_root = !(existing == path && metadata.is_dir());
    let has_trusted_owner = access.is_owned() || (access.owner == 0 && may_belong_to_root);
    has_trusted_owner && !access.is_writable_by_everybody()
}

/// Returns the error for a path that is not one of the user's regular files.
pub(super) fn not_owned() -> io::Error {
    io::Error::other(
        "it is a symlink or is not a regular file that you own; move it somewhere else",
    )
}

/// Returns true if a file or directory belongs to the current user.
pub(crate) fn is_owned(metadata: &Metadata) -> bool {
    Access::of(metadata).is_owned()
}

/// Returns true if a file or directory belongs to the current user and is not writable by others.
pub(super) fn is_exclusively_owned(metadata: &Metadata) -> bool {
    let access = Access::of(metadata);
    access.is_owned() && !access.is_writable_by_everybody()
}

/// The owner and mode of a file, along with the current user.
struct Access {
    user: u32,
    owner: u32,
    mode: u32,
}

impl Access {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            user: rustix::process::geteuid().as_raw(),
            owner: metadata.uid(),
            mode: metadata.mode(),
        }
    }

    /// Treats every file as private, because reading the owner of a file requires additional privileges on Windows.
    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Self {
        Self {
            user: 1,
            owner: 1,
            mode: 0o600,
        }
    }

    fn is_owned(&self) -> bool {
        self.owner == self.user
    }

    /// Returns true if everyone can write to the file or directory. Returns false for directories with the sticky bit.
    fn is_writable_by_everybody(&self) -> bool {
        self.mode & WRITABLE_BY_OTHERS != 0 && self.mode & STICKY == 0
    }
}

/// How a symbolic link at the end of a path is treated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    Follow,
    Refuse,
}

/// Sets flags so that opening a file never blocks on a pipe or attaches a terminal.
#[cfg(unix)]
fn set_safe_flags(options: &mut OpenOptions, links: Links) {
    use rustix::fs::OFlags;

    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    flags.set(OFlags::NOFOLLOW, links == Links::Refuse);
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
}

/// Sets a flag that opens the symbolic link itself. It is then rejected because it is not a regular file. On Windows,
/// opening a file never blocks, so no other flags are needed.
#[cfg(windows)]
fn set_safe_flags(options: &mut OpenOptions, links: Links) {
    const OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    if links == Links::Refuse {
        std::os::windows::fs::OpenOptionsExt::custom_flags(options, OPEN_REPARSE_POINT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::make_link;

    #[test]
    #[cfg_attr(
        windows,
        ignore = "creating a link on Windows requires a privilege that few users have"
    )]
    fn a_link_is_never_a_file_of_the_user() {
        let root = tempfile::tempdir().unwrap();
        let real = root.path().join("real");
        let link = root.path().join("link");
        open_or_create_owned(&real).unwrap();
        make_link(&real, &link);

        assert!(open_owned(&real).is_ok());
        assert!(open_regular(&link).is_ok());
        assert!(open_owned(&link).is_err());
        assert!(check_owned_file(&link).is_err());
        assert!(open_or_create_owned(&link).is_err());
        assert!(check_owned_directory(root.path()).is_ok());
        assert!(check_owned_directory(&link).is_err());
    }

    #[test]
    fn a_directory_is_not_a_file() {
        let root = tempfile::tempdir().unwrap();
        assert!(open_regular(root.path()).is_err());
        assert!(check_owned_file(root.path()).is_err());
    }
}
