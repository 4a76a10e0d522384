//! The host of a verb that Claude Code runs: its input, which may never end or never come; and what keeps such a verb
//! from breaking it, blanking its line or holding it up, and any verb from dying without a word.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
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

/// How long what is done behind the line may still take when the time was over.
const GRACE: Duration = Duration::from_millis(100);

/// Ends the process when its time is over. What it was doing may be stuck where nothing interrupts
/// it: SQLite tries for ten seconds where a process was stopped while it opened the same file.
///
/// Whoever speaks holds the lock. It tells whether the process has said what it has to say.
pub(super) struct Deadline(Arc<Mutex<bool>>);

impl Deadline {
    /// From now on. `last_words` are made only if it comes to that.
    pub(super) fn start(
        limit: Duration,
        last_words: impl FnOnce() -> Shown + Send + 'static,
    ) -> Self {
        let state = Arc::new(Mutex::new(false));
        let seen = Arc::clone(&state);
        let wait = move || {
            std::thread::sleep(limit);
            // While the process speaks, however long that takes, this waits; else it is too late to begin.
            let has_spoken = seen.lock();
            if !matches!(&has_spoken, Ok(spoken) if **spoken) {
                end_with(&last_words());
            }
            std::thread::sleep(GRACE);
            exit(0);
        };
        // Where no thread can be had, there is no deadline.
        let _ = std::thread::Builder::new().spawn(wait);
        Self(state)
    }

    /// What the process has to say, and what belongs to it. What is still to be done then has the rest of the time.
    pub(super) fn speak<T>(&self, say: impl FnOnce() -> T) -> T {
        let mut has_spoken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let said = say();
        *has_spoken = true;
        said
    }
}

fn end_with(last_words: &Shown) {
    let _ = print(last_words);
    exit(0);
}

#[expect(clippy::exit, clippy::disallowed_methods, reason = "a guard's job")]
fn exit(code: i32) -> ! {
    std::process::exit(code)
}

/// How long the input may take. It is there at once; a machine under load takes some hundredths of
/// a second.
const INPUT_TAKES: Duration = Duration::from_millis(300);

/// One read. Above the buffer that std puts before standard input, so that nothing waits in it.
const PIECE: usize = 16 * 1024;

/// Reads standard input, which is one JSON value of at most `limit` bytes; more than that is none,
/// and is read and dropped for as long as there is time, so that the host never sees a broken pipe.
/// What came counts if there is an error, if the end does not come in time, or if the value is
/// complete and nothing follows.
pub(super) fn read_input(limit: usize) -> Vec<u8> {
    let end = Instant::now() + INPUT_TAKES;
    let mut bytes = Vec::with_capacity(PIECE);
    let mut piece = [0; PIECE];
    let mut input = io::stdin().lock();
    let mut taken = 0;
    while comes(Duration::ZERO) || (!is_whole(&bytes) && comes(left(end))) {
        match input.read(&mut piece) {
            Ok(length @ 1..) => {
                taken += length;
                bytes.extend_from_slice(piece.get(..length).unwrap_or_default());
                if taken > limit {
                    bytes.clear();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => break,
        }
        if left(end).is_zero() {
            break;
        }
    }
    bytes
}

fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

fn is_whole(bytes: &[u8]) -> bool {
    bytes.trim_ascii_end().ends_with(b"}")
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// Whether reading would not wait, now or within this time.
#[cfg(unix)]
fn comes(within: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let input = io::stdin();
    let mut asked = [PollFd::new(&input, PollFlags::IN)];
    let within = Timespec::try_from(within).ok();
    // Where it cannot be asked, reading itself says what is wrong.
    !matches!(poll(&mut asked, within.as_ref()), Ok(0))
}

/// Elsewhere nothing tells, and reading waits for the end.
#[cfg(not(unix))]
fn comes(_: Duration) -> bool {
    true
}
