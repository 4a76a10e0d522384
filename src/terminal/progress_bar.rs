//! A bar on standard error, for a person who waits.

#![expect(
    clippy::disallowed_methods,
    reason = "part of the door: a bar made of our own words"
)]

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// How many columns the bar takes.
const COLUMNS: u64 = 25;

/// Deletes what was shown.
const GONE: &str = "\r\u{1b}[2K";

/// Does what takes long, which says how much of it is done and of how much. A person at a terminal
/// sees that as a bar, as long as it takes. `what` is being done.
pub fn with_progress<T>(what: &str, work: impl FnOnce(&mut dyn FnMut(u64, u64)) -> T) -> T {
    let is_terminal = io::stderr().is_terminal();
    let mut is_shown = false;
    let outcome = work(&mut |done, total| {
        if is_terminal && total > 0 {
            is_shown = true;
            show(what, done.min(total), total);
        }
    });
    if is_shown {
        let _ = io::stderr().write_all(GONE.as_bytes());
    }
    outcome
}

/// Shows how much of it is done.
fn show(what: &str, done: u64, total: u64) {
    let columns = |part: u64| usize::try_from(part * COLUMNS / total).unwrap_or(0);
    let full = "\u{2588}".repeat(columns(done));
    let rest = "\u{2591}".repeat(columns(total) - columns(done));
    let percent = done * 100 / total;
    // A terminal that went away is no reason to stop.
    let _ = write!(io::stderr(), "\r  {what} {full}{rest} {percent:3}%");
}

/// Lets so much time pass. A person at a terminal sees, second by second, how much is left.
pub(crate) fn count_down(time: Duration) {
    const STEP: Duration = Duration::from_secs(1);
    if time <= STEP || !io::stderr().is_terminal() {
        return std::thread::sleep(time);
    }
    let mut left = time;
    while left > Duration::ZERO {
        // A terminal that went away is no reason to stop.
        let _ = write!(io::stderr(), "{GONE}  {} s left", left.as_secs());
        let step = left.min(STEP);
        std::thread::sleep(step);
        left -= step;
    }
    let _ = io::stderr().write_all(GONE.as_bytes());
}
