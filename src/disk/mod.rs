//! The door to the file system for everything that whycap writes.
//!
//! Promises: a reader never sees a half-written file; our own files are 0600 in directories that
//! are 0700, unless they are written for a group ([`group`]); nothing is deleted that whycap did not
//! make; what a link in the place of a file of ours leads to is left alone. Not promised: that a
//! write survives a power cut, unless [`Durability::Synced`] is asked for.

pub(crate) mod directory;
pub(crate) mod group;
pub(crate) mod lock;
pub(crate) mod ours;
pub(crate) mod records;
pub(crate) mod replace;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::NamedTempFile;

use crate::time::of_machine;

/// A file operation that failed, with the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not read {path}: {source}; check that it is a file and that you may read it")]
    Read { path: PathBuf, source: io::Error },
    #[error("could not write {path}: {source}; check that the directory exists and is yours")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} has {size} bytes, more than the {limit} that whycap reads; move it away")]
    TooLarge {
        path: PathBuf,
        size: u64,
        limit: u64,
    },
}

/// Makes an error of what the system said when this file was read.
pub(crate) fn unread(path: &Path) -> impl Fn(io::Error) -> Error + Copy {
    move |source| Error::Read {
        path: path.to_owned(),
        source,
    }
}

/// Makes an error of what the system said when this file was written.
pub(crate) fn unwritten(path: &Path) -> impl Fn(io::Error) -> Error + Copy {
    move |source| Error::Write {
        path: path.to_owned(),
        source,
    }
}

/// What lies at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryShape {
    /// A directory without entries.
    EmptyDirectory,
    /// A directory with entries, or one that cannot be listed.
    FullDirectory,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A socket, pipe or device.
    Other,
}

/// What could be seen at a name without opening it for writing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntrySighting {
    /// Device and inode: they tell one thing at a name from the next thing at the same name.
    pub(crate) identity: (i128, i128),
    pub(crate) shape: EntryShape,
    /// Whether it belongs to the user that runs us.
    pub(crate) ours: bool,
    /// Date of the last change of content; a holder's heartbeat sets it.
    pub(crate) modified: DateTime<Utc>,
    /// Date of the last change of any kind, which no program can choose.
    pub(crate) changed: DateTime<Utc>,
}

/// How hard a write must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Visible whole or not at all; may be lost in a power cut. For what can be made again.
    Quick,
    /// Flushed to the disk before it replaces the old file. For what a user would miss.
    Synced,
}

/// Reads a whole regular file. None if it does not exist.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    read_whole(path, ours::open_regular(path), limit)
}

/// Like [`read`], for a file of ours: one that a link leads to, or another user's, is none.
pub(crate) fn read_own(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    read_whole(path, ours::open_own(path), limit)
}

fn read_whole(path: &Path, opened: io::Result<File>, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let failed = unread(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let size = file.metadata().map_err(failed)?.len();
    if size > limit {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            size,
            limit,
        });
    }
    // The files of /proc say that they are empty, and would be asked for 32 bytes again and again.
    let room = usize::try_from(size).unwrap_or(0).max(1024);
    let mut bytes = Vec::with_capacity(room);
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

/// Reads the last `limit` bytes of a file and says at which offset they start.
pub(crate) fn read_tail(path: &Path, limit: u64) -> io::Result<(u64, Vec<u8>)> {
    read_end(ours::open_regular(path)?, 0, limit)
}

/// Reads a file of ours from `start` on, of what is longer than `limit` only the end, and says at which
/// offset that starts.
pub(crate) fn read_own_end(path: &Path, start: u64, limit: u64) -> io::Result<(u64, Vec<u8>)> {
    read_end(ours::open_own(path)?, start, limit)
}

/// Reads the first `limit` bytes of a file.
pub(crate) fn read_head(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    up_to(ours::open_regular(path)?, limit)
}

/// What of a file comes next, so many bytes at most.
fn up_to(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_end(mut file: File, start: u64, limit: u64) -> io::Result<(u64, Vec<u8>)> {
    let start = start.max(file.metadata()?.len().saturating_sub(limit));
    if start > 0 {
        file.seek(SeekFrom::Start(start))?;
    }
    Ok((start, up_to(file, limit)?))
}

/// The entries of a directory whose names end in `.kind`. None if it cannot be read.
pub(crate) fn files_of_kind(
    directory: &Path,
    kind: &'static str,
) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(move |path| path.extension().is_some_and(|ending| ending == kind))
}

/// Whether a name fits a pattern in which each `*` stands for anything.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            let mut ends = (0..=rest.len()).filter_map(|at| rest.get(at..));
            ends.any(|rest| fits(tail, rest))
        }),
    }
}

/// Whether two paths lead to the same place, whatever links are on the way.
pub(crate) fn is_same_place(one: &Path, other: &Path) -> bool {
    let real = |path| fs::canonicalize(path).ok();
    one == other || real(one).is_some_and(|one| Some(one) == real(other))
}

/// Whether files can be made in a directory, or where it would have to be made first. Only Unix tells
/// without trying.
#[cfg(unix)]
pub(crate) fn may_write_in(directory: &Path) -> bool {
    use rustix::fs::{Access, access};
    let mut above = directory.ancestors();
    let stands = above.find(|place| place.symlink_metadata().is_ok());
    stands.is_none_or(|place| access(place, Access::WRITE_OK | Access::EXEC_OK).is_ok())
}

#[cfg(not(unix))]
pub(crate) fn may_write_in(_: &Path) -> bool {
    true
}

/// Makes a directory of ours, 0700, and its parents. An error if a link, or what is not ours alone,
/// has its name.
pub(crate) fn create_private_dir(path: &Path) -> Result<(), Error> {
    if !ours::is_safe_place(path) {
        let refusal = io::Error::other("it would stand where others may write");
        return Err(unwritten(path)(refusal));
    }
    create_directories(path)?;
    ours::check_own_directory(path).map_err(unwritten(path))
}

/// Makes a directory, 0700, and its parents, unless something has its name.
fn create_directories(path: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(unwritten(path))
}

/// Makes the directory that a file of ours is to stand in.
pub(crate) fn create_directory_of(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), create_private_dir)
}

/// Makes the directory of a file that is not only ours. It may be reached through a link.
pub(crate) fn create_shared_directory_of(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), create_directories)
}

/// Makes an empty file of ours, 0600, with its directory 0700. One that exists is left as it is.
pub(crate) fn create_private_file(path: &Path) -> Result<(), Error> {
    create_directory_of(path)?;
    let made = ours::open_or_make_own(path);
    made.map(drop).map_err(unwritten(path))
}

/// Puts `bytes` at `path` in one step: written beside it, then renamed over it.
///
/// For files of ours: anything else of that name, a link above all, is refused. The mode of an
/// existing file is kept; a new one gets 0600. On failure the old file is untouched and nothing is
/// left behind.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8], how: Durability) -> Result<(), Error> {
    let write = || {
        ours::check_own(path)?;
        let beside = written_beside(path, bytes)?;
        if how == Durability::Synced {
            beside.as_file().sync_all()?;
        }
        put_in_place(beside, path)
    };
    write().map_err(unwritten(path))
}

/// Like [`write_atomically`], for a file that must not exist yet. False if it did.
pub(crate) fn create_atomically(path: &Path, bytes: &[u8]) -> Result<bool, Error> {
    let beside = written_beside(path, bytes);
    let put = beside.and_then(|beside| put_new(beside, path));
    put.map_err(unwritten(path))
}

/// Copies a program over whatever was there, in one step.
pub(crate) fn copy_program(from: &Path, to: &Path) -> Result<(), Error> {
    create_directory_of(to)?;
    let mut program = ours::open_regular(from).map_err(unread(from))?;
    let mut copy = || {
        ours::check_own(to)?;
        let beside = written_beside(to, b"")?;
        io::copy(&mut program, &mut beside.as_file())?;
        let mode = program.metadata()?.permissions();
        beside.as_file().set_permissions(mode)?;
        put_in_place(beside, to)
    };
    copy().map_err(unwritten(to))
}

/// A temporary file beside `target` that holds `bytes`, with the mode of `target` if there is one: all
/// whole files are written so.
fn written_beside(target: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut beside = tempfile::Builder::new()
        .prefix(BEGINNING)
        .suffix(ENDING)
        .tempfile_in(target.parent().unwrap_or(Path::new("/")))
        .map_err(without_path)?;
    beside.write_all(bytes).map_err(without_path)?;
    if let Ok(existing) = fs::metadata(target) {
        beside.as_file().set_permissions(existing.permissions())?;
    }
    Ok(beside)
}

/// `tempfile` names the temporary file, which nobody has heard of.
fn without_path(error: io::Error) -> io::Error {
    match error.to_string().rsplit_once(" at path ") {
        Some((what, _)) => io::Error::new(error.kind(), what.to_owned()),
        None => error,
    }
}

/// The pauses before a file that somebody has open is tried again to be replaced. Windows refuses while
/// the other reads, which takes milliseconds, and so do scanners for viruses.
const PAUSES: &[Duration] = &[Duration::from_millis(10); if cfg!(windows) { 9 } else { 0 }];

/// Renames over whatever is there.
fn put_in_place(mut beside: NamedTempFile, target: &Path) -> io::Result<()> {
    for pause in PAUSES {
        match beside.persist(target) {
            Err(refused) if refused.error.kind() == io::ErrorKind::PermissionDenied => {
                beside = refused.file;
            }
            put => return Ok(put.map(drop)?),
        }
        std::thread::sleep(*pause);
    }
    Ok(beside.persist(target).map(drop)?)
}

/// Puts a file in place where none is yet. False if there is one.
fn put_new(beside: NamedTempFile, target: &Path) -> io::Result<bool> {
    match beside.persist_noclobber(target) {
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        put => Ok(put.map(|_| true)?),
    }
}

/// Deletes a file that whycap itself made. A file that is already gone is fine.
#[expect(clippy::disallowed_methods, reason = "the door for deleting")]
pub(crate) fn remove_own_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritten(path)(error)),
        _ => Ok(()),
    }
}

/// How the name of a file begins and ends while it is being written.
const BEGINNING: &str = ".whycap-";
const ENDING: &str = ".tmp";

/// Longer ago than any run can have begun that is still writing.
const OLD: TimeDelta = TimeDelta::hours(1);

/// Deletes what runs that were killed left in a directory, and in those inside, so many levels deep: only
/// files of ours under such a name, and only old ones. Links are not followed.
pub(crate) fn sweep(directory: &Path, now: DateTime<Utc>, levels: usize) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && levels > 0 {
            sweep(&entry.path(), now, levels - 1);
        } else if kind.is_file() && is_left(&entry, now).unwrap_or(false) {
            // One that cannot be deleted stays; nothing depends on it.
            let _ = remove_own_file(&entry.path());
        }
    }
}

fn is_left(entry: &fs::DirEntry, now: DateTime<Utc>) -> io::Result<bool> {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    if !name.starts_with(BEGINNING) || !name.ends_with(ENDING) {
        return Ok(false);
    }
    let found = entry.metadata()?;
    Ok(ours::is_ours(&found) && now - of_machine(found.modified()?) > OLD)
}

/// Renames a file or directory of ours (or, for the quarantine, one that was judged dead).
#[expect(clippy::disallowed_methods, reason = "the door for renaming")]
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(unwritten(from))
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
    fn what_a_link_leads_to_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("real.json");
        let link = directory.path().join("link.json");
        write_atomically(&target, b"old", Durability::Quick).unwrap();
        make_link(&target, &link);
        let refused = write_atomically(&link, b"new", Durability::Synced).unwrap_err();
        assert!(refused.to_string().contains("link.json"), "{refused}");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert!(read_own(&link, 10).is_err());
        let inside = directory.path().join("linked");
        make_link(directory.path(), &inside);
        assert!(create_directory_of(&inside.join("file")).is_err());
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_litter() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("no/such/dir/file");
        assert!(write_atomically(&missing, b"x", Durability::Quick).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn creating_does_not_replace() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("one");
        assert!(create_atomically(&path, b"first").unwrap());
        assert!(!create_atomically(&path, b"second").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"first");
    }

    #[test]
    #[cfg(unix)]
    fn a_new_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("one");
        write_atomically(&path, b"x", Durability::Quick).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn only_old_files_under_such_a_name_go() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("inside");
        let left = inside.join(".whycap-abc.tmp");
        let other = inside.join("mine.tmp");
        for path in [&left, &other] {
            create_private_file(path).unwrap();
        }
        let written = of_machine(fs::metadata(&left).unwrap().modified().unwrap());
        sweep(directory.path(), written + TimeDelta::minutes(30), 1);
        sweep(directory.path(), written + TimeDelta::days(1), 0);
        assert!(left.exists());
        sweep(directory.path(), written + TimeDelta::days(1), 1);
        assert!(!left.exists() && other.exists());
    }
}
