//! The time limit of a command that Claude Code waits for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{exit, print_and_exit};
use crate::terminal::Shown;

/// The extra time allowed for work after the output if that work is not finished by the deadline.
const GRACE: Duration = Duration::from_millis(100);

/// A time limit after which the process ends.
///
/// A thread watches the clock, because nothing else can end the process in every situation. A signal could interrupt
/// SQLite, which waits up to ten seconds for a process that was stopped while it was opening the same file. However, a
/// signal does not reach a thread that is waiting for an unresponsive network file system, and a signal handler could
/// not render anything.
pub(in crate::commands) struct Deadline {
    /// True if the output is complete. The mutex is locked during the output.
    is_printed: Arc<Mutex<bool>>,
}

impl Deadline {
    /// Starts a time limit. If the time runs out before the output begins, the result of `fallback` is printed instead.
    ///
    /// If no thread can be started, there is no time limit.
    pub(in crate::commands) fn start(
        limit: Duration,
        fallback: impl FnOnce() -> Shown + Send + 'static,
    ) -> Self {
        let is_printed = Arc::new(Mutex::new(false));
        let seen_by_watcher = Arc::clone(&is_printed);
        let _ = std::thread::Builder::new().spawn(move || {
            std::thread::sleep(limit);
            // If the output has begun, this waits for it to end. Once this lock is held, no output can begin.
            let is_printed = seen_by_watcher
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if !*is_printed {
                print_and_exit(&fallback());
            }
            std::thread::sleep(GRACE);
            exit(0);
        });
        Self { is_printed }
    }

    /// Runs `print`, which prints all of the output, and returns its result. Work after the output may take the rest of
    /// the time plus an additional [`GRACE`].
    pub(in crate::commands) fn print_in_time<T>(&self, print: impl FnOnce() -> T) -> T {
        let mut is_printed = self
            .is_printed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let result = print();
        *is_printed = true;
        result
    }
}
