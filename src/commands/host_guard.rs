//! What keeps a verb that Claude Code runs from breaking it, blanking its line or holding it up,
//! and any verb from dying without a word.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::terminal::{Shown, complain, print};

/// Makes sure that a panic in a verb that Claude Code runs neither breaks nor blanks the host:
/// `last_words` go to standard output and the exit code is 0. Works with `panic = "abort"`,
/// because the hook runs before the abort.
///
/// Nothing goes to standard error either, whoever writes there. An abort, as for want of memory,
/// leaves no time for words, but ends with 0.
pub(crate) fn guard_host(last_words: &'static str) {
    std::panic::set_hook(Box::new(move |_| {
        end_with(&Shown::text(last_words));
    }));
    #[cfg(unix)]
    {
        let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null");
        let _ = nowhere.map(|nowhere| rustix::stdio::dup2_stderr(&nowhere));
    }
    end_aborts_with(0);
}

/// Whether an abort ends the process at once.
static ABORTS_END: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| Arc::new(AtomicBool::new(true)));

/// With a limit for the size of files (`ulimit -f`), the system ends a process that writes beyond
/// it; here the write fails instead, as on a full disk, and a status line stays a line. A umask
/// that takes rights from the user himself would shut the next run out of what this one made.
#[cfg(unix)]
pub(crate) fn set_process_right() {
    use rustix::fs::Mode;
    use rustix::process::umask;

    // Nobody looks at the flag. A handler does not outlive `exec`, so programs that we start are
    // as they would be without us. Without a handler everything is as it was.
    let _ = signal_hook::flag::register(
        signal_hook::consts::SIGXFSZ,
        Arc::new(AtomicBool::new(false)),
    );
    // It cannot be read without being set.
    let given = umask(Mode::RWXG | Mode::RWXO);
    umask(given - Mode::RWXU);
}

/// Neither exists here.
#[cfg(not(unix))]
pub(crate) fn set_process_right() {}

/// An abort ends with this code, not by a signal.
fn end_aborts_with(code: i32) {
    #[cfg(unix)]
    {
        let abort = rustix::process::Signal::ABORT.as_raw();
        let ends = Arc::clone(&ABORTS_END);
        let _ = signal_hook::flag::register_conditional_shutdown(abort, code, ends);
    }
    #[cfg(not(unix))]
    let _ = code;
}

/// From here on an abort is left to whoever has taken the terminal.
pub(super) fn leave_aborts() {
    ABORTS_END.store(false, Ordering::Relaxed);
}

/// Whether there is memory for a thread, the ledger and what is drawn. Where there is not, the
/// process would be ended in the middle, without a word. It costs two system calls.
pub(super) fn has_memory() -> bool {
    /// Three times of what was seen to be enough.
    const ENOUGH: usize = 8 << 20;
    let mut room = Vec::<u8>::new();
    let is_there = room.try_reserve_exact(ENOUGH).is_ok();
    // What is not looked at is not asked for.
    std::hint::black_box(room).capacity() >= ENOUGH && is_there
}

/// Makes one line of a panic in a verb that people run, and exit code 1.
pub(crate) fn guard_person() {
    end_aborts_with(1);
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

/// Ends the process when its time is over. What it was doing may be stuck where nothing interrupts
/// it: SQLite tries for ten seconds where a process was stopped while it opened the same file.
#[derive(Debug)]
pub(super) struct Deadline(Arc<AtomicU8>);

/// Nothing was said yet: who comes first says it.
const SILENT: u8 = 0;
/// The process says what it has to say, however long that takes.
const SPEAKING: u8 = 1;
/// It has said it; nothing that it still does may take long.
const DONE: u8 = 2;

/// How long what is done behind the line may still take when the time was over.
const GRACE: Duration = Duration::from_millis(100);

impl Deadline {
    /// From now on. `last_words` are made only if it comes to that.
    pub(super) fn start(
        limit: Duration,
        last_words: impl FnOnce() -> Shown + Send + 'static,
    ) -> Self {
        let state = Arc::new(AtomicU8::new(SILENT));
        let seen = Arc::clone(&state);
        let wait = move || {
            std::thread::sleep(limit);
            if claim(&seen) {
                end_with(&last_words());
            }
            while seen.load(Ordering::SeqCst) != DONE {
                std::thread::sleep(GRACE);
            }
            std::thread::sleep(GRACE);
            exit(0);
        };
        // Where no thread can be had, there is no deadline.
        let _ = std::thread::Builder::new().spawn(wait);
        Self(state)
    }

    /// From now on it is this process that speaks.
    pub(super) fn speak(&self) {
        while !claim(&self.0) {
            // The last words are being said.
            std::thread::park();
        }
    }

    /// It has spoken. What is still to be done has the rest of the time.
    pub(super) fn done(&self) {
        self.0.store(DONE, Ordering::SeqCst);
    }
}

/// Takes the word, if nobody has it.
fn claim(state: &AtomicU8) -> bool {
    let taken = state.compare_exchange(SILENT, SPEAKING, Ordering::SeqCst, Ordering::SeqCst);
    taken.is_ok()
}

fn end_with(last_words: &Shown) {
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
