//! Restores the terminal when a signal terminates or suspends the process.
//!
//! Signals are handled in a separate thread because the main thread may be blocked on disk access, keyboard input, or
//! output. `SIGKILL` and `SIGSTOP` cannot be handled. CPU faults such as `SIGSEGV` are deliberately not handled.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGBUS, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGSYS, SIGTERM, SIGTRAP, SIGTSTP,
    SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// The signals that terminate or (`SIGTSTP`) suspend the process by default.
const SIGNALS: [i32; 15] = [
    SIGTSTP, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGABRT, SIGALRM, SIGBUS, SIGPROF, SIGSYS, SIGTRAP,
    SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
];

/// The maximum time to wait for the terminal to accept the output that restores it. If nothing reads from the terminal,
/// it may never do so.
const RESTORE_TIMEOUT: Duration = Duration::from_millis(300);

/// Starts handling signals. `restore` restores the terminal. `take_over` prepares it again when a suspended process is
/// resumed. Both can block.
///
/// Returns a flag that is set whenever the process is resumed and the screen must be redrawn.
pub(super) fn install(
    restore: fn(),
    take_over: fn() -> io::Result<()>,
) -> io::Result<Arc<AtomicBool>> {
    let mut signals = Signals::new(SIGNALS)?;
    let has_continued = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&has_continued);

    thread::Builder::new().spawn(move || {
        for signal in signals.forever() {
            run_with_timeout(restore);
            // This terminates or suspends the process.
            let _ = emulate_default_handler(signal);
            // The process has been resumed. If it is in the background, accessing the terminal suspends it again.
            let _ = take_over();
            flag.store(true, Ordering::Relaxed);
        }
    })?;
    thread::Builder::new().spawn(send_hangup_when_terminal_closes)?;
    Ok(has_continued)
}

/// Suspends the process group, as Ctrl-Z does when the terminal is not in raw mode.
pub(super) fn suspend() {
    let _ = kill_current_process_group(Signal::TSTP);
}

/// Waits until the terminal is closed and then sends `SIGHUP` to this process. Terminals often send the signal only to
/// another process.
fn send_hangup_when_terminal_closes() {
    let stdin = rustix::stdio::stdin();
    let stdout = rustix::stdio::stdout();
    let mut terminals = vec![PollFd::new(&stdout, PollFlags::empty())];
    if rustix::termios::isatty(stdin) {
        terminals.push(PollFd::new(&stdin, PollFlags::empty()));
    }

    while poll(&mut terminals, None) == Err(rustix::io::Errno::INTR) {}
    // If the system cannot poll terminals, `poll` returns immediately, and only signals are handled.
    let is_closed = terminals
        .iter()
        .any(|terminal| terminal.revents().contains(PollFlags::HUP));
    if is_closed {
        let _ = kill_process(getpid(), Signal::HUP);
    }
}

/// Runs an action in a separate thread, and waits for it no longer than [`RESTORE_TIMEOUT`].
fn run_with_timeout(action: fn()) {
    let (sender, receiver) = mpsc::channel();
    let spawned = thread::Builder::new().spawn(move || {
        action();
        sender.send(())
    });
    if spawned.is_ok() {
        let _ = receiver.recv_timeout(RESTORE_TIMEOUT);
    }
}
