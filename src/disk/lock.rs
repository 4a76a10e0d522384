//! Advisory file locks for whycap itself. No other file uses `fs2`.
//!
//! The system releases a lock when its process ends, so these locks never become stale. Only [`lock_with_timeout`]
//! waits for a lock that another process holds.
//!
//! Some network file systems do not support locks. There, every attempt to lock a file succeeds, because a lost update
//! is better than a program that does not work.
//!
//! `fs2` was last released in 2018, and the standard library has since added methods with the same names. A method call
//! would resolve to those, so calls are written as `fs2::FileExt::…(&file)`.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

/// A lock that is released when this value is dropped.
///
/// The lock file is never deleted. Otherwise, two processes could each lock a different file with the same name.
#[derive(Debug)]
pub(crate) struct LockGuard {
    /// Closing the file releases the lock.
    _file: File,
}

/// Locks the file at `path`, creating it if necessary. Returns `None` if another process holds the lock.
pub(crate) fn try_lock(path: &Path) -> io::Result<Option<LockGuard>> {
    let file = super::ownership::open_or_create_owned(path)?;
    match fs2::FileExt::try_lock_exclusive(&file) {
        Err(error) if is_contention(&error) && !reports_contention_always(path) => Ok(None),
        // Any other error means that the file system does not support locks.
        _ => Ok(Some(LockGuard { _file: file })),
    }
}

fn is_contention(error: &io::Error) -> bool {
    error.raw_os_error() == fs2::lock_contended_error().raw_os_error()
}

/// Returns true if the file system reports every file as locked, as some do. To find out, tries to lock a new temporary
/// file, which no other process can have locked.
fn reports_contention_always(path: &Path) -> bool {
    path.parent()
        .and_then(|directory| tempfile::tempfile_in(directory).ok())
        .is_some_and(|file| fs2::FileExt::try_lock_exclusive(&file).is_err())
}

/// Returns true if files in `directory` can be locked with `flock`, which this module uses, and with `fcntl`, which
/// SQLite uses. Returns true if this cannot be tested.
pub(crate) fn is_supported_in(directory: &Path) -> bool {
    if super::ownership::check_owned_directory(directory).is_err() {
        return true;
    }
    let Ok(file) = tempfile::tempfile_in(directory) else {
        return true;
    };
    supports_fcntl_lock(&file) && fs2::FileExt::try_lock_exclusive(&file).is_ok()
}

#[cfg(unix)]
fn supports_fcntl_lock(file: &File) -> bool {
    use rustix::fs::{FlockOperation, fcntl_lock};
    fcntl_lock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

#[cfg(not(unix))]
fn supports_fcntl_lock(_: &File) -> bool {
    true
}

/// Locks the file at `path`. If another process holds the lock, waits for it. Returns `None` if the lock is still held
/// after `timeout`. `wait` must block for the given duration.
pub(crate) fn lock_with_timeout(
    path: &Path,
    timeout: Duration,
    wait: &mut dyn FnMut(Duration),
) -> io::Result<Option<LockGuard>> {
    const PAUSE: Duration = Duration::from_millis(20);

    let mut waited = Duration::ZERO;
    loop {
        let guard = try_lock(path)?;
        if guard.is_some() || waited >= timeout {
            return Ok(guard);
        }
        wait(PAUSE);
        waited += PAUSE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_attempt_fails_until_the_lock_is_released() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("lock");
        let guard = try_lock(&path).unwrap().expect("free");
        assert!(try_lock(&path).unwrap().is_none());
        drop(guard);
        assert!(try_lock(&path).unwrap().is_some());
    }
}
