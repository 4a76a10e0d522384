//! What keeps a verb that Claude Code runs from breaking it, blanking its line or holding it up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::terminal::{Shown, print};

/// Makes sure that a panic in a verb that Claude Code runs neither breaks nor blanks the host:
/// `last_words` go to standard output and the exit code is 0. Works with `panic = "abort"`,
/// because the hook runs before the abort.
pub(super) fn guard_host(last_words: &'static str) {
    std::panic::set_hook(Box::new(move |_| {
        end_with(&Shown::text(last_words));
    }));
}

/// Ends the process when its time is over. What it was doing may be stuck where nothing interrupts
/// it: SQLite tries for ten seconds where a process was stopped while it opened the same file.
#[derive(Debug)]
pub(super) struct Deadline {
    is_over: Arc<AtomicBool>,
}

impl Deadline {
    /// From now on. `last_words` are made only if it comes to that.
    pub(super) fn start(
        limit: Duration,
        last_words: impl FnOnce() -> Shown + Send + 'static,
    ) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let wait = move || {
            std::thread::sleep(limit);
            if !seen.swap(true, Ordering::SeqCst) {
                end_with(&last_words());
            }
        };
        // Where no thread can be had, there is no deadline.
        let _ = std::thread::Builder::new().spawn(wait);
        Self { is_over }
    }

    /// What could be stuck is done.
    pub(super) fn call_off(self) {
        while self.is_over.swap(true, Ordering::SeqCst) {
            // The last words are being said.
            std::thread::park();
        }
    }
}

fn end_with(last_words: &Shown) {
    let _ = print(last_words);
    #[expect(
        clippy::exit,
        clippy::disallowed_methods,
        reason = "the whole purpose of both guards"
    )]
    std::process::exit(0);
}
