//! Replacing a file that others edit as well: only if it still holds what was read before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(unix)]
use rustix::io::Errno;
use tempfile::NamedTempFile;

use super::{Error, ours, put_in_place, put_new, unwritten, up_to, written_beside};

/// Puts `bytes` at `path` unless its content is no longer `expected` (None: no file). False if it
/// had changed; then nothing was done.
///
/// The new file is written beside the target and flushed before the comparison. What somebody wrote
/// between the comparison and the rename is put back, where the system can swap two files. A symbolic link stays and is
/// followed once, to a regular file of the same user. Mode and, where permitted, owner are kept; a
/// file without any write permission is refused, although a rename could get past that.
pub(crate) fn replace_if_unchanged(
    path: &Path,
    expected: Option<&[u8]>,
    bytes: &[u8],
) -> Result<bool, Error> {
    let failed = unwritten(path);
    let target = target_of(path).map_err(failed)?;
    let existing = fs::symlink_metadata(&target).ok();
    let refusal = match &existing {
        Some(file) if !file.is_file() => Some("it is not a plain file"),
        Some(file) if file.permissions().readonly() => Some("the file is read-only"),
        _ => None,
    };
    if let Some(refusal) = refusal {
        return Err(failed(io::Error::other(refusal)));
    }
    let put = || {
        let beside = written_beside(&target, bytes)?;
        #[cfg(unix)]
        if let Some(existing) = &existing {
            use std::os::unix::fs::{MetadataExt, fchown};
            // Only root may give files away; for everyone else the owner is right already.
            let _ = fchown(beside.as_file(), Some(existing.uid()), Some(existing.gid()));
        }
        beside.as_file().sync_all()?;
        match expected {
            _ if !holds(&target, expected)? => Ok(false),
            None => put_new(beside, &target),
            Some(expected) => swap_in(beside, &target, expected, bytes),
        }
    };
    let put = put().map_err(unwritten(&target));
    // The rename itself reaches the disk with the directory; where that cannot be opened, the
    // file is whole all the same.
    let directory = target.parent().unwrap_or(Path::new("/"));
    let _ = fs::File::open(directory).and_then(|directory| directory.sync_all());
    put
}

/// Deletes a file that whycap made, if it still holds `expected` or is gone already. False if it had
/// changed. Its symbolic link, if it is reached through one, stays.
pub(crate) fn remove_if_unchanged(path: &Path, expected: &[u8]) -> Result<bool, Error> {
    let target = target_of(path).map_err(unwritten(path))?;
    let holds = |expected| holds(&target, expected).map_err(super::unread(&target));
    let unchanged = holds(Some(expected))? || holds(None)?;
    if unchanged {
        super::remove_own_file(&target)?;
    }
    Ok(unchanged)
}

/// Puts a file that holds `new` in the place of one that holds `old`. What it replaced is
/// looked at once more, and put back if it is something else. False if it was.
#[cfg(unix)]
fn swap_in(beside: NamedTempFile, target: &Path, old: &[u8], new: &[u8]) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let swap = || renameat_with(CWD, beside.path(), CWD, target, RenameFlags::EXCHANGE);
    match swap() {
        Err(Errno::NOENT) => return Ok(false),
        // The file system cannot do that.
        Err(_) => return put_in_place(beside, target).map(|()| true),
        Ok(()) => {}
    }
    let (mut put, mut taken) = (new.to_owned(), fs::read(beside.path())?);
    if taken == old {
        return Ok(true);
    }
    loop {
        swap()?;
        let found = fs::read(beside.path())?;
        if found == put {
            return Ok(false);
        }
        // Over what we put somebody wrote as well: the newest stays.
        (put, taken) = (taken, found);
    }
}

#[cfg(not(unix))]
fn swap_in(beside: NamedTempFile, target: &Path, _: &[u8], _: &[u8]) -> io::Result<bool> {
    put_in_place(beside, target).map(|()| true)
}

/// Whether a file holds just this. None: whether there is none.
fn holds(path: &Path, expected: Option<&[u8]>) -> io::Result<bool> {
    let file = match ours::open_regular(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(expected.is_none()),
        opened => opened?,
    };
    // One more than expected, so that a file that is growing does not look unchanged.
    let limit = expected.map_or(0, <[u8]>::len) as u64 + 1;
    Ok(expected == Some(&up_to(file, limit)?))
}

/// Deletes a directory that whycap made, if it is empty.
#[expect(clippy::disallowed_methods, reason = "it fails on one that is full")]
pub(crate) fn remove_own_empty_dir(path: &Path) {
    // Not empty, or gone already: both are fine.
    let _ = fs::remove_dir(path);
}

/// Whether a link has this name.
pub(crate) fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

/// Where a file is: where a link leads, as people link `settings.json` into a repository, if that is a
/// regular file of ours, or one yet to be made, in a directory of ours.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    if !is_link(path) {
        return Ok(path.to_owned());
    }
    let target = path.with_file_name(fs::read_link(path)?);
    let directory = fs::metadata(target.parent().unwrap_or(Path::new("/")))?;
    let is_fine = ours::check_own(&target).is_ok() && ours::is_ours_alone(&directory);
    let refusal = || io::Error::other("it is a link, but not to a plain file of yours");
    is_fine.then_some(target).ok_or_else(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::make_link;

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
    #[cfg_attr(
        windows,
        ignore = "making a link needs a right that few have on Windows"
    )]
    fn a_link_is_followed_once_to_a_file_of_ours_and_stays() {
        let directory = tempfile::tempdir().unwrap();
        let repository = directory.path().join("dotfiles");
        fs::create_dir(&repository).unwrap();
        let link = directory.path().join("settings.json");
        make_link("dotfiles/settings.json", &link);
        assert!(
            replace_if_unchanged(&link, None, b"").unwrap(),
            "yet to be made"
        );
        assert!(replace_if_unchanged(&link, Some(b""), b"{}").unwrap());
        assert!(is_link(&link));
        assert_eq!(fs::read(repository.join("settings.json")).unwrap(), b"{}");
        let second = directory.path().join("second.json");
        make_link("settings.json", &second);
        assert!(replace_if_unchanged(&second, Some(b"{}"), b"[]").is_err());
    }

    #[test]
    #[cfg(unix)]
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

    #[test]
    #[cfg(target_os = "linux")]
    fn what_somebody_wrote_in_the_last_instant_is_put_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("settings.json");
        let swap = |now_there: &str| {
            #[expect(clippy::disallowed_methods, reason = "somebody else writes")]
            fs::write(&path, now_there).unwrap();
            let beside = super::super::written_beside(&path, b"ours").unwrap();
            let is_in = swap_in(beside, &path, b"one", b"ours").unwrap();
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
            (is_in, fs::read_to_string(&path).unwrap())
        };
        assert_eq!(swap("one"), (true, "ours".to_owned()));
        assert_eq!(swap("theirs"), (false, "theirs".to_owned()));
        assert_eq!(swap("ours"), (false, "ours".to_owned()));
    }
}
