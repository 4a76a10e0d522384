//! Replaces a file that other programs also edit, but only if it has not changed since it was read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::read::read_range;
use super::write::{move_over, move_to_new, sync_directory_of, write_temporary_file};
use super::{Error, ownership, read_error, remove_owned_file, write_error};

/// Replaces the content of a file with `bytes` if its current content is `expected`, which is `None` for a file that
/// does not exist. Otherwise, returns false and writes nothing.
///
/// If another program writes to the file at the last moment, its content is restored, provided that the system can swap
/// two files atomically. If the path is a symbolic link to one of the user's regular files, the target is replaced and
/// the link is kept. The file keeps its mode and, if possible, its owner. Fails if the file is read-only.
pub(crate) fn replace_if_unchanged(
    path: &Path,
    expected: Option<&[u8]>,
    bytes: &[u8],
) -> Result<bool, Error> {
    let target = link_target(path).map_err(write_error(path))?;
    let replaced = try_replace(&target, expected, bytes).map_err(write_error(&target));
    sync_directory_of(&target);
    replaced
}

fn try_replace(target: &Path, expected: Option<&[u8]>, bytes: &[u8]) -> io::Result<bool> {
    let existing = fs::symlink_metadata(target).ok();
    if let Some(file) = &existing {
        if !file.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        if file.permissions().readonly() {
            return Err(io::Error::other("the file is read-only"));
        }
    }

    let temporary = write_temporary_file(target, bytes)?;
    #[cfg(unix)]
    if let Some(existing) = &existing {
        use std::os::unix::fs::{MetadataExt, fchown};
        // Only root can change the owner. For everyone else, the owner is already correct.
        let _ = fchown(
            temporary.as_file(),
            Some(existing.uid()),
            Some(existing.gid()),
        );
    }
    temporary.as_file().sync_all()?;

    if !has_content(target, expected)? {
        return Ok(false);
    }
    match expected {
        None => move_to_new(temporary, target),
        Some(expected) => swap(&temporary, target, expected, bytes)
            .unwrap_or_else(|| move_over(temporary, target).map(|()| true)),
    }
}

/// Deletes a file that whycap created if its content is still `expected`. Returns true if the file was deleted or no
/// longer exists, and false if its content has changed. If the path is a symbolic link, the link is kept.
pub(crate) fn remove_if_unchanged(path: &Path, expected: &[u8]) -> Result<bool, Error> {
    let target = link_target(path).map_err(write_error(path))?;
    let is_unchanged = has_content(&target, Some(expected))
        .and_then(|is_expected| Ok(is_expected || has_content(&target, None)?))
        .map_err(read_error(&target))?;
    if is_unchanged {
        remove_owned_file(&target)?;
    }
    Ok(is_unchanged)
}

/// Swaps a temporary file that contains `new` with the target, which should contain `old`. If it contains something
/// else, swaps them back and returns false.
///
/// Returns `None` if the file system cannot swap files.
#[cfg(unix)]
fn swap(
    temporary: &NamedTempFile,
    target: &Path,
    old: &[u8],
    new: &[u8],
) -> Option<io::Result<bool>> {
    use rustix::io::Errno;

    match exchange(temporary.path(), target) {
        Ok(()) => Some(restore_unless(temporary.path(), target, old, new)),
        Err(Errno::NOENT) => Some(Ok(false)),
        Err(_) => None,
    }
}

#[cfg(not(unix))]
fn swap(_: &NamedTempFile, _: &Path, _: &[u8], _: &[u8]) -> Option<io::Result<bool>> {
    None
}

#[cfg(unix)]
fn exchange(first: &Path, second: &Path) -> rustix::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, first, CWD, second, RenameFlags::EXCHANGE)
}

/// Finishes a swap. `replaced` is the path of the file that was swapped out. If it does not contain `old`, another
/// program modified it at the last moment, and it is swapped back. Returns true if the target now contains `new`.
#[cfg(unix)]
fn restore_unless(replaced: &Path, target: &Path, old: &[u8], new: &[u8]) -> io::Result<bool> {
    let mut expected = new.to_owned();
    let mut newest = fs::read(replaced)?;
    if newest == old {
        return Ok(true);
    }
    loop {
        exchange(replaced, target)?;
        let swapped_out = fs::read(replaced)?;
        if swapped_out == expected {
            return Ok(false);
        }
        // Another program has modified the target again. Keep the newest content.
        expected = newest;
        newest = swapped_out;
    }
}

/// Returns true if a file has exactly the expected content. `None` means that the file should not exist.
fn has_content(path: &Path, expected: Option<&[u8]>) -> io::Result<bool> {
    let file = match ownership::open_regular(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(expected.is_none());
        }
        opened => opened?,
    };
    let Some(expected) = expected else {
        return Ok(false);
    };
    // Read one extra byte to detect whether the file has grown.
    let limit = expected.len() as u64 + 1;
    Ok(read_range(file, 0..limit)? == expected)
}

/// Deletes a directory that whycap created if it is empty.
#[expect(
    clippy::disallowed_methods,
    reason = "the system refuses to remove a directory with entries"
)]
pub(crate) fn remove_empty_owned_directory(path: &Path) {
    // It is fine if the directory is not empty or no longer exists.
    let _ = fs::remove_dir(path);
}

/// Returns true if a path is a symbolic link.
pub(crate) fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Returns the target of a symbolic link, or the path itself if it is not a link. Some users make `settings.json` a
/// symbolic link to a file in a repository.
///
/// Fails if the target's directory does not belong to the user or is writable by others. Also fails if the target
/// exists but is not one of the user's regular files.
fn link_target(path: &Path) -> io::Result<PathBuf> {
    if !is_link(path) {
        return Ok(path.to_owned());
    }
    let target = path.with_file_name(fs::read_link(path)?);
    let directory = fs::metadata(target.parent().unwrap_or(Path::new("/")))?;
    if ownership::check_owned_file(&target).is_ok() && ownership::is_exclusively_owned(&directory) {
        Ok(target)
    } else {
        Err(io::Error::other(
            "it is a symlink that does not point to a regular file you own",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::make_link;

    #[test]
    fn a_file_that_has_changed_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("settings.json");
        assert!(replace_if_unchanged(&path, None, b"one").unwrap());
        assert!(!replace_if_unchanged(&path, None, b"two").unwrap());
        assert!(!replace_if_unchanged(&path, Some(b"on"), b"two").unwrap());
        assert!(replace_if_unchanged(&path, Some(b"one"), b"two").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"two");

        assert!(!remove_if_unchanged(&path, b"one").unwrap());
        assert!(remove_if_unchanged(&path, b"two").unwrap());
        assert!(remove_if_unchanged(&path, b"two").unwrap(), "it is gone");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    #[cfg_attr(
        windows,
        ignore = "creating a link on Windows requires a privilege that few users have"
    )]
    fn a_link_is_followed_once_and_stays() {
        let root = tempfile::tempdir().unwrap();
        let repository = root.path().join("dotfiles");
        fs::create_dir(&repository).unwrap();
        let link = root.path().join("settings.json");
        make_link("dotfiles/settings.json", &link);

        let created = replace_if_unchanged(&link, None, b"").unwrap();
        assert!(created, "the target did not exist");
        assert!(replace_if_unchanged(&link, Some(b""), b"{}").unwrap());
        assert!(is_link(&link));
        assert_eq!(fs::read(repository.join("settings.json")).unwrap(), b"{}");

        let link_to_link = root.path().join("second.json");
        make_link("settings.json", &link_to_link);
        assert!(replace_if_unchanged(&link_to_link, Some(b"{}"), b"[]").is_err());
    }

    #[test]
    #[cfg(unix)]
    fn a_read_only_file_is_refused_and_a_mode_is_kept() {
        use std::os::unix::fs::PermissionsExt;

        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("settings.json");
        assert!(replace_if_unchanged(&path, None, b"one").unwrap());

        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
        let error = replace_if_unchanged(&path, Some(b"one"), b"two").unwrap_err();
        assert!(error.to_string().contains("read-only"), "{error}");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(replace_if_unchanged(&path, Some(b"one"), b"two").unwrap());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn content_that_another_program_writes_at_the_last_moment_is_put_back() {
        for (present, is_replaced, content) in [
            ("one", true, "new"),
            ("theirs", false, "theirs"),
            ("new", false, "new"),
        ] {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join("settings.json");
            #[expect(clippy::disallowed_methods, reason = "another program writes the file")]
            fs::write(&path, present).unwrap();

            let temporary = write_temporary_file(&path, b"new").unwrap();
            let result = swap(&temporary, &path, b"one", b"new").unwrap();
            drop(temporary);

            assert_eq!(result.unwrap(), is_replaced, "{present}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
        }
    }
}
