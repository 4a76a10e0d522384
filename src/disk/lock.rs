//! whycap's own advisory locks, and the only use of `fs2`.
//!
//! `fs2` was last published in 2018, and std has since gained methods of the same names, so every
//! call is spelled `fs2::FileExt::…(&file)`: a method call would silently pick std's.
//!
//! Promises: an attempt never waits unless it is told how long; the lock ends with its process, so
//! it is never stale. Not promised: that a lock excludes others on a network file system, where
//! flock may be unsupported. Then [`try_lock`] succeeds, because refusing to work would be worse
//! than a lost update. To leave `fs2` for std (`File::try_lock`, since Rust 1.89), only this file
//! changes.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

#[cfg(unix)]
use rustix::fs::{FlockOperation, fcntl_lock};

/// A held lock; dropping it releases it. The lock file itself is never deleted: after an unlink
/// two processes could hold "the same" lock on two different files.
#[derive(Debug)]
pub(crate) struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // Closing the file releases the lock as well; a failure here changes nothing.
        let _ = fs2::FileExt::unlock(&self.0);
    }
}

/// Takes the lock at `path` if nobody holds it. None if somebody does.
pub(crate) fn try_lock(path: &Path) -> io::Result<Option<Held>> {
    take(path, fs2::FileExt::try_lock_exclusive)
}

/// Takes the lock at `path` together with others who share it. None if somebody holds it alone.
pub(crate) fn try_share(path: &Path) -> io::Result<Option<Held>> {
    take(path, fs2::FileExt::try_lock_shared)
}

fn take(path: &Path, how: fn(&File) -> io::Result<()>) -> io::Result<Option<Held>> {
    let file = super::ours::open_or_make_own(path)?;
    match how(&file) {
        Err(error) if is_contended(&error) && !is_held_by_nobody(path) => Ok(None),
        // Any other failure means that there are no locks here.
        _ => Ok(Some(Held(file))),
    }
}

fn is_contended(error: &io::Error) -> bool {
    error.raw_os_error() == fs2::lock_contended_error().raw_os_error()
}

/// Some file systems say of every lock that another process holds it. Then they say so of a file
/// that nobody else can know.
fn is_held_by_nobody(path: &Path) -> bool {
    let above = path.parent();
    let unknown = above.and_then(|above| tempfile::tempfile_in(above).ok());
    unknown.is_some_and(|file| fs2::FileExt::try_lock_exclusive(&file).is_err())
}

/// Whether files in this directory can be locked, by either of the two ways that there are: that
/// of our own locks and that of `SQLite`. True where it cannot be tried.
pub(crate) fn works_in(directory: &Path) -> bool {
    let own = super::ours::check_own_directory(directory);
    let Ok(file) = own.and_then(|()| tempfile::tempfile_in(directory)) else {
        return true;
    };
    #[cfg(unix)]
    if fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return false;
    }
    fs2::FileExt::try_lock_exclusive(&file).is_ok()
}

/// Takes the lock at `path`, waiting for whoever holds it. None if it is still held when `patience`
/// has passed. `wait` lets so much time pass.
pub(crate) fn lock_within(
    path: &Path,
    patience: Duration,
    wait: &mut dyn FnMut(Duration),
) -> io::Result<Option<Held>> {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        let held = try_lock(path)?;
        if held.is_some() || waited >= patience {
            return Ok(held);
        }
        wait(PAUSE);
        waited += PAUSE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_attempt_does_not_wait_and_does_not_get_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = try_lock(&path).unwrap().expect("free");
        assert!(try_lock(&path).unwrap().is_none());
        drop(held);
        assert!(try_lock(&path).unwrap().is_some());
    }

    /// A network's server refuses a shared lock to whoever opened the file only to write, and then nobody
    /// seemed to have the ledger open.
    #[test]
    fn whoever_shares_a_lock_could_read_its_file() {
        use std::io::Read;
        let directory = tempfile::tempdir().unwrap();
        let held = try_share(&directory.path().join("lock")).unwrap();
        let read = held.expect("free").0.read(&mut [0]);
        assert_eq!(read.unwrap(), 0);
    }
}
