//! Replacing a file that others edit as well: only if it still holds what was read before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Error, persist_new, read, unwritten, written_beside};

/// Links are followed at most so often.
const LINK_LIMIT: usize = 32;

/// Puts `bytes` at `path` unless its content is no longer `expected` (None: no file). False if it
/// had changed; then nothing was done.
///
/// The new file is written beside the target and flushed before the comparison, so that between
/// the comparison and the rename there is nothing but the rename. A symbolic link is followed and
/// stays, also when its target does not exist yet. Mode and, where permitted, owner are kept; a
/// file without any write permission is refused, although a rename could get past that.
pub(crate) fn replace_if_unchanged(
    path: &Path,
    expected: Option<&[u8]>,
    bytes: &[u8],
) -> Result<bool, Error> {
    let failed = unwritten(path);
    let target = follow_links(path);
    let existing = fs::metadata(&target).ok();
    let existing = existing.as_ref();
    if existing.is_some_and(|file| file.permissions().readonly()) {
        return Err(failed(io::Error::other("the file is read-only")));
    }
    let beside = written_beside(&target, bytes).map_err(failed)?;
    if let Some(existing) = existing {
        keep_owner(&beside, existing);
    }
    beside.as_file().sync_all().map_err(failed)?;
    if !holds(&target, expected)? {
        return Ok(false);
    }
    let put = if expected.is_none() {
        persist_new(beside, &target)
    } else {
        let put = beside.persist(&target);
        put.map(|_| true).map_err(|error| error.error)
    };
    // The rename itself reaches the disk with the directory; where that cannot be opened, the
    // file is whole all the same.
    let directory = target.parent().unwrap_or(Path::new("/"));
    let _ = fs::File::open(directory).and_then(|directory| directory.sync_all());
    put.map_err(failed)
}

/// Deletes a file that whycap made, if it still holds `expected` or is gone already. False if it had
/// changed. Its symbolic link, if it is reached through one, stays.
pub(crate) fn remove_if_unchanged(path: &Path, expected: &[u8]) -> Result<bool, Error> {
    let target = follow_links(path);
    let unchanged = holds(&target, Some(expected))? || holds(&target, None)?;
    if unchanged {
        super::remove_own_file(&target)?;
    }
    Ok(unchanged)
}

/// Whether a file holds just this. None: whether there is none.
fn holds(path: &Path, expected: Option<&[u8]>) -> Result<bool, Error> {
    // One more than expected, so that a file that is growing does not look unchanged.
    let limit = expected.map_or(0, <[u8]>::len) as u64 + 1;
    match read(path, limit) {
        Ok(present) => Ok(present.as_deref() == expected),
        Err(Error::TooLarge { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Deletes a directory that whycap made, if it is empty.
#[expect(
    clippy::disallowed_methods,
    reason = "an empty directory of our own making; the call fails on any other"
)]
pub(crate) fn remove_own_empty_dir(path: &Path) {
    // Not empty, or gone already: both are fine.
    let _ = fs::remove_dir(path);
}

/// Where `path` leads. Unlike `canonicalize` it also follows a link to a file yet to be made.
fn follow_links(path: &Path) -> PathBuf {
    let mut target = path.to_owned();
    for _ in 0..LINK_LIMIT {
        let Ok(next) = fs::read_link(&target) else {
            break;
        };
        target = match target.parent() {
            Some(parent) => parent.join(next),
            None => next,
        };
    }
    target
}

#[cfg(unix)]
fn keep_owner(file: &tempfile::NamedTempFile, like: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    // Only root may give files away; for everyone else the owner is right already.
    let _ = fchown(file.as_file(), Some(like.uid()), Some(like.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_file: &tempfile::NamedTempFile, _like: &fs::Metadata) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_in_between_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("settings.json");
        assert!(replace_if_unchanged(&path, None, b"one").unwrap());
        assert!(!replace_if_unchanged(&path, None, b"two").unwrap());
        assert!(!replace_if_unchanged(&path, Some(b"on"), b"two").unwrap());
        assert!(replace_if_unchanged(&path, Some(b"one"), b"two").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert!(!remove_if_unchanged(&path, b"one").unwrap());
        assert!(remove_if_unchanged(&path, b"two").unwrap());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_link_to_a_file_yet_to_be_made_stays_a_link() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("dotfiles")).unwrap();
        let link = directory.path().join("settings.json");
        std::os::unix::fs::symlink("dotfiles/settings.json", &link).unwrap();
        assert!(replace_if_unchanged(&link, None, b"{}").unwrap());
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let target = directory.path().join("dotfiles/settings.json");
        assert_eq!(fs::read(target).unwrap(), b"{}");
    }

    #[test]
    fn a_read_only_file_is_refused_and_its_mode_kept() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("settings.json");
        assert!(replace_if_unchanged(&path, None, b"one").unwrap());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
        let error = replace_if_unchanged(&path, Some(b"one"), b"two").unwrap_err();
        assert!(error.to_string().contains("read-only"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(replace_if_unchanged(&path, Some(b"one"), b"two").unwrap());
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o640
        );
    }
}
