//! A bar on standard error, for a person who waits.

#![expect(
    clippy::disallowed_methods,
    reason = "part of the door: a bar made of our own words"
)]

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// How many columns the bar takes.
const COLUMNS: u64 = 25;

/// Shown only where standard error is a terminal; gone when it is dropped.
#[derive(Debug)]
pub struct ProgressBar {
    what: &'static str,
    is_terminal: bool,
    is_shown: bool,
}

impl ProgressBar {
    /// Does what takes long, which says how much of it is done and of how much. `what` is being done.
    pub fn during<T>(what: &'static str, work: impl FnOnce(&mut dyn FnMut(u64, u64)) -> T) -> T {
        let mut bar = Self {
            what,
            is_terminal: io::stderr().is_terminal(),
            is_shown: false,
        };
        work(&mut |done, total| bar.show(done, total))
    }

    /// Shows how much of it is done.
    fn show(&mut self, done: u64, total: u64) {
        if !self.is_terminal || total == 0 {
            return;
        }
        self.is_shown = true;
        let done = done.min(total);
        let full = usize::try_from(done * COLUMNS / total).unwrap_or(0);
        let rest = usize::try_from(COLUMNS).unwrap_or(0).saturating_sub(full);
        // A terminal that went away is no reason to stop.
        let _ = write!(
            io::stderr(),
            "\r  {} {}{} {:3}%",
            self.what,
            "\u{2588}".repeat(full),
            "\u{2591}".repeat(rest),
            done * 100 / total
        );
    }
}

impl Drop for ProgressBar {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\u{1b}[2K");
        }
    }
}

/// Lets so much time pass. A person at a terminal sees, second by second, how much is left.
pub(crate) fn count_down(time: Duration) {
    const STEP: Duration = Duration::from_secs(1);
    let mut left = time;
    let is_seen = time > STEP && io::stderr().is_terminal();
    while is_seen && left > Duration::ZERO {
        // A terminal that went away is no reason to stop.
        let _ = write!(io::stderr(), "\r\u{1b}[2K  {} s left", left.as_secs());
        let step = left.min(STEP);
        std::thread::sleep(step);
        left -= step;
    }
    if is_seen {
        let _ = write!(io::stderr(), "\r\u{1b}[2K");
    } else {
        std::thread::sleep(time);
    }
}
