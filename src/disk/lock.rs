//! whycap's own advisory locks, and the only use of `fs2`.
//!
//! `fs2` was last published in 2018, and std has since gained methods of the same names, so every
//! call is spelled `fs2::FileExt::…(&file)`: a method call would silently pick std's.
//!
//! Promises: an attempt never waits unless it is told how long; the lock ends with its process, so
//! it is never stale. Not promised: that a lock excludes others on a network file system, where
//! flock may be unsupported. Then [`try_lock`] succeeds, because refusing to work would be worse
//! than a lost update.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

/// A held lock; dropping it releases it. The lock file itself is never deleted: after an unlink
/// two processes could hold "the same" lock on two different files.
#[derive(Debug)]
#[must_use]
pub(crate) struct Held {
    file: File,
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing the file releases the lock as well; a failure here changes nothing.
        let _ = fs2::FileExt::unlock(&self.file);
    }
}

/// Takes the lock at `path` if nobody holds it. None if somebody does.
pub(crate) fn try_lock(path: &Path) -> io::Result<Option<Held>> {
    let file = super::ours::open_or_make_own(path)?;
    match fs2::FileExt::try_lock_exclusive(&file) {
        Ok(()) => Ok(Some(Held { file })),
        Err(error) if error.raw_os_error() == fs2::lock_contended_error().raw_os_error() => {
            Ok(None)
        }
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(Some(Held { file })),
        Err(error) => Err(error),
    }
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
}
