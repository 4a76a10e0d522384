//! Gives the terminal back whatever ends or stops a process that has taken it: in threads of its
//! own, because the rest may wait for a disk, for a key, or for a reader of what it writes.
//!
//! Not told of are `SIGKILL` and `SIGSTOP`, which no process sees, and faults of the processor.

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

/// What ends a process that does not ask for it, and what stops it.
const WATCHED: [i32; 15] = [
    SIGTSTP, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGABRT, SIGALRM, SIGBUS, SIGPROF, SIGSYS, SIGTRAP,
    SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
];

/// How long a terminal that nobody reads is given to take what brings it back.
const PATIENCE: Duration = Duration::from_millis(300);

/// Starts watching, with what gives the terminal back and what takes it again; either may wait for its
/// reader. What it returns is set whenever the process goes on after it was stopped: then
/// nothing of what was drawn is on the screen any more.
pub(super) fn watch(give_back: fn(), take: fn() -> io::Result<()>) -> io::Result<Arc<AtomicBool>> {
    let mut signals = Signals::new(WATCHED)?;
    let went_on = Arc::new(AtomicBool::new(false));
    let goes_on = Arc::clone(&went_on);
    thread::Builder::new().spawn(move || {
        for signal in signals.forever() {
            within_patience(give_back);
            // Ends or stops this process, as if nobody had watched.
            let _ = emulate_default_handler(signal);
            // It was stopped, and goes on. In the background this stops it again.
            let _ = take();
            goes_on.store(true, Ordering::Relaxed);
        }
    })?;
    thread::Builder::new().spawn(tell_of_hanging_up)?;
    Ok(went_on)
}

/// What a terminal does when Ctrl-Z is typed, which it leaves to whoever has taken it.
pub(super) fn stop() {
    let _ = kill_current_process_group(Signal::TSTP);
}

/// A closed terminal often sends a signal only to somebody else.
fn tell_of_hanging_up() {
    let (input, output) = (rustix::stdio::stdin(), rustix::stdio::stdout());
    let mut terminals = vec![PollFd::new(&output, PollFlags::empty())];
    if rustix::termios::isatty(input) {
        terminals.push(PollFd::new(&input, PollFlags::empty()));
    }
    while poll(&mut terminals, None) == Err(rustix::io::Errno::INTR) {}
    // Not every system watches terminals this way; there the signals must do.
    let is_closed = |terminal: &PollFd<'_>| terminal.revents().contains(PollFlags::HUP);
    if terminals.iter().any(is_closed) {
        let _ = kill_process(getpid(), Signal::HUP);
    }
}

fn within_patience(act: fn()) {
    let (done, is_done) = mpsc::channel();
    let acting = thread::Builder::new().spawn(move || {
        act();
        done.send(())
    });
    if acting.is_ok() {
        let _ = is_done.recv_timeout(PATIENCE);
    }
}
