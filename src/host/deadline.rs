//! Time limits for commands that Claude Code waits for.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::{exit, print_and_exit};
use crate::terminal::Shown;

/// The extra time after the deadline for work that follows the output.
const GRACE: Duration = Duration::from_millis(100);

/// The factor by which the time limits are longer in a debug build. The tests run many debug builds at once, and on a
/// busy machine, a build that exits at the time limit would not store what the test needs. The attacks in `tests/faults`
/// test the time limits of a release build.
const PATIENCE: u32 = if cfg!(debug_assertions) { 10 } else { 1 };

/// A time limit after which the process exits.
///
/// A thread enforces the deadline because signals do not work in every situation. A signal could interrupt SQLite,
/// which may wait ten seconds for a process that was suspended while opening the same file. However, it would not reach
/// a thread that is blocked on an unresponsive network file system, and a signal handler cannot render anything.
pub(crate) struct Deadline {
    /// True if everything has been printed. The mutex is locked during printing.
    is_printed: Arc<Mutex<bool>>,
}

impl Deadline {
    /// Starts a time limit. If printing has not started in time, the result of `fallback` is printed instead.
    ///
    /// If the thread cannot be started, there is no time limit.
    pub(crate) fn start(
        limit: Duration,
        fallback: impl FnOnce() -> Shown + Send + 'static,
    ) -> Self {
        let is_printed = Arc::new(Mutex::new(false));
        let seen_by_watcher = Arc::clone(&is_printed);
        let watch = move || {
            thread::sleep(limit * PATIENCE);
            // If printing has started, this waits until printing is done. Otherwise, printing cannot start while this
            // lock is held.
            let is_printed = seen_by_watcher
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if !*is_printed {
                print_and_exit(&fallback());
            }
            thread::sleep(GRACE * PATIENCE);
            exit(0);
        };
        let _ = thread::Builder::new().spawn(watch);
        Self { is_printed }
    }

    /// Calls `print`, which must print all output, and returns its result. Work after this call may take the remaining
    /// time plus [`GRACE`].
    pub(crate) fn print_in_time<T>(&self, print: impl FnOnce() -> T) -> T {
        let mut is_printed = self
            .is_printed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let result = print();
        *is_printed = true;
        result
    }
}
