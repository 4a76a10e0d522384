//! What counts as ours, and opening what may have been planted.
//!
//! Promises: opening never waits (a pipe would) and never gives a device; a file of ours is opened
//! by its own name, never through a link. Not promised: that a directory above is not swapped in
//! the same instant.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Opens a regular file for reading. Links are followed: people keep theirs elsewhere.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    without_waiting(options.read(true), false);
    regular(options.open(path)?).map(|(file, _)| file)
}

/// Opens a file of ours for reading.
pub(crate) fn open_own(path: &Path) -> io::Result<File> {
    open_own_with(OpenOptions::new().read(true), path)
}

/// Opens or makes a file of ours, 0600. Its content is left as it is.
pub(crate) fn open_or_make_own(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Where a network holds the file, who shares a lock must be able to read it.
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    open_own_with(&mut options, path)
}

fn open_own_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    without_waiting(options, true);
    let opened = options.open(path).map_err(|error| {
        // The system's words for a link ("too many levels") help nobody.
        let is_there = error.kind() != io::ErrorKind::NotFound;
        let is_link = is_there && fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        if is_link { not_ours() } else { error }
    })?;
    let (file, found) = regular(opened)?;
    is_ours(&found).then_some(file).ok_or_else(not_ours)
}

/// Opens a directory of ours, by its own name, for what is done to itself.
#[cfg(unix)]
pub(super) fn open_own_directory(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    without_waiting(options.read(true), true);
    let opened = options.open(path)?;
    let found = opened.metadata()?;
    let is_own = found.is_dir() && is_ours(&found);
    is_own.then_some(opened).ok_or_else(not_ours)
}

/// An error unless a regular file of ours, or nothing, has this name.
pub(crate) fn check_own(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() && is_ours(&found) => Ok(()),
        Ok(_) => Err(not_ours()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// An error unless this is a directory of ours, not a link to one, in which nobody else may write.
pub(crate) fn check_own_directory(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    let refusal = "it is not a directory of yours alone (chmod o-w), or a link";
    let is_own = (found.is_dir() && is_ours_alone(&found)).then_some(());
    is_own.ok_or_else(|| io::Error::other(refusal))
}

/// Whether only this user can have written what stands here: a file or a directory of ours, by its
/// own name, that neither its group nor others may write.
pub(crate) fn is_only_ours(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| {
        let [us, owner, mode] = access(&found);
        !found.is_symlink() && owner == us && mode & 0o022 == 0
    })
}

/// Whether what stands here, or the directory above in which it would be made, belongs to this user
/// or to the system, and is not open to everybody.
pub(crate) fn is_safe_place(path: &Path) -> bool {
    let mut above = path.ancestors();
    let stands = above.find_map(|above| Some((above, fs::metadata(above).ok()?)));
    stands.is_some_and(|(above, found)| {
        let [us, owner, _] = access(&found);
        let is_fine = owner == us || (owner == 0 && !(above == path && found.is_dir()));
        is_fine && !is_open_to_all(&found)
    })
}

fn regular(file: File) -> io::Result<(File, Metadata)> {
    let found = file.metadata()?;
    let refusal = || io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file");
    found.is_file().then_some((file, found)).ok_or_else(refusal)
}

pub(super) fn not_ours() -> io::Error {
    io::Error::other("it is not a plain file of yours, or a link; move it away")
}

/// The user that we run as, the one that this belongs to, and its mode.
#[cfg(unix)]
fn access(found: &Metadata) -> [u32; 3] {
    use std::os::unix::fs::MetadataExt;
    let us = rustix::process::geteuid().as_raw();
    [us, found.uid(), found.mode()]
}

/// Where nothing says whose it is, it is ours alone.
#[cfg(not(unix))]
fn access(_: &Metadata) -> [u32; 3] {
    [1, 1, 0o600]
}

/// Whether this belongs to the user that we run as.
pub(crate) fn is_ours(found: &Metadata) -> bool {
    let [us, owner, _] = access(found);
    owner == us
}

/// Whether this belongs to the user that we run as, and not everybody may write.
pub(super) fn is_ours_alone(found: &Metadata) -> bool {
    is_ours(found) && !is_open_to_all(found)
}

/// Whether everybody may write, save where each may move only what is theirs (`/tmp`).
fn is_open_to_all(found: &Metadata) -> bool {
    let [.., mode] = access(found);
    mode & 0o002 != 0 && mode & 0o1000 == 0
}

#[cfg(unix)]
fn without_waiting(options: &mut OpenOptions, own_name: bool) {
    use rustix::fs::OFlags;
    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    flags.set(OFlags::NOFOLLOW, own_name);
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
}

/// A link that is opened itself is no regular file; nothing else there makes an opening wait.
#[cfg(windows)]
fn without_waiting(options: &mut OpenOptions, own_name: bool) {
    const OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    if own_name {
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
        ignore = "making a link needs a right that few have on Windows"
    )]
    fn a_link_is_never_a_file_of_ours() {
        let directory = tempfile::tempdir().unwrap();
        let real = directory.path().join("real");
        let link = directory.path().join("link");
        open_or_make_own(&real).unwrap();
        make_link(&real, &link);
        assert!(open_own(&real).is_ok() && open_regular(&link).is_ok());
        assert!(open_own(&link).is_err() && check_own(&link).is_err());
        assert!(open_or_make_own(&link).is_err());
        assert!(check_own_directory(directory.path()).is_ok());
        assert!(check_own_directory(&link).is_err());
    }

    #[test]
    fn a_directory_is_no_file_and_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        assert!(open_regular(directory.path()).is_err());
        assert!(check_own(directory.path()).is_err());
    }
}
