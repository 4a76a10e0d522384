//! What keeps a verb that Claude Code runs from breaking it, blanking its line or holding it up,
//! and any verb from dying without a word.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::terminal::{complain, print};

/// Makes sure that a panic in a verb that Claude Code runs neither breaks nor blanks the host:
/// `last_words` go to standard output and the exit code is 0. Works with `panic = "abort"`,
/// because the hook runs before the abort.
///
/// Nothing goes to standard error either, whoever writes there. An abort, as for want of memory,
/// leaves no time for words, but ends with 0.
pub(crate) fn guard_host(last_words: &'static str) {
    std::panic::set_hook(Box::new(move |_| {
        end_with(last_words);
    }));
    #[cfg(unix)]
    {
        use rustix::process::Signal;
        let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null");
        let _ = nowhere.map(|nowhere| rustix::stdio::dup2_stderr(&nowhere));
        let always = Arc::new(AtomicBool::new(true));
        let abort = Signal::ABORT.as_raw();
        let _ = signal_hook::flag::register_conditional_shutdown(abort, 0, always);
    }
}

/// Makes one line of a panic in a verb that people run, and exit code 1.
pub(crate) fn guard_person() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let place = place.unwrap_or_default();
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let what = text.or_else(|| payload.downcast_ref::<&str>().copied());
        let what = what.unwrap_or("it does not say how");
        let what = what.split('\n').next().unwrap_or_default();
        complain(&format!(
            "whycap itself failed at {place}: {what}; nothing is half written. Try again, and report it if it stays: {}/issues",
            env!("CARGO_PKG_REPOSITORY")
        ));
        exit(1);
    }));
}

/// A file that may not grow any more gives an error like a full disk, where the system would
/// rather end the program (`ulimit -f`). And a umask that takes rights from the owner too does not
/// shut the next run out of what this one makes.
pub(crate) fn bear_odd_limits() {
    #[cfg(unix)]
    {
        use rustix::fs::Mode;
        let others = Mode::RWXG | Mode::RWXO;
        let usual = rustix::process::umask(others);
        rustix::process::umask(usual & others);
        let too_large = rustix::process::Signal::XFSZ.as_raw();
        let _ = signal_hook::flag::register(too_large, Arc::default());
    }
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
        last_words: impl FnOnce() -> String + Send + 'static,
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

fn end_with(last_words: &str) {
    let _ = print(last_words);
    exit(0);
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the whole purpose of the guards"
)]
fn exit(code: i32) -> ! {
    std::process::exit(code)
}
