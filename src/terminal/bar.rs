//! A share as a bar; and a bar on standard error, for a person who waits.

#![expect(clippy::disallowed_methods, reason = "part of the door: our own words")]

use std::io::{self, IsTerminal, Write};

use super::{Piece, Tone};

/// A bar of so many columns: what is used in its tone, the rest quiet. The least use shows, and only
/// what is full looks full.
pub(crate) fn bar(percent: f64, columns: usize, tone: Tone) -> Vec<Piece> {
    let used = rounded((percent / 100.0).clamp(0.0, 1.0) * columns as f64);
    let used = match percent {
        p if p <= 0.0 => 0,
        p if p >= 100.0 => columns,
        _ => used.clamp(1, columns.saturating_sub(1).max(1)),
    };
    vec![
        (tone, "\u{2588}".repeat(used)),
        (Tone::Quiet, "\u{2591}".repeat(columns - used)),
    ]
}

/// A bar as long as this share of so many columns, to an eighth of one. The least share shows.
pub(crate) fn bar_of_share(share: f64, columns: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if columns == 0 || share <= 0.0 {
        return String::new();
    }
    let eighths = rounded(share.min(1.0) * columns as f64 * 8.0);
    let eighths = eighths.max(1);
    let rest = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    "\u{2588}".repeat(eighths / 8) + rest
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of the columns"
)]
fn rounded(part: f64) -> usize {
    part.round() as usize
}

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
            let done = done.min(total);
            let columns = |part: u64| usize::try_from(part * COLUMNS / total).unwrap_or(0);
            let full = "\u{2588}".repeat(columns(done));
            let rest = "\u{2591}".repeat(columns(total) - columns(done));
            let percent = done * 100 / total;
            // A terminal that went away is no reason to stop.
            let _ = write!(io::stderr(), "\r  {what} {full}{rest} {percent:3}%");
        }
    });
    if is_shown {
        let _ = io::stderr().write_all(GONE.as_bytes());
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_use_shows_and_only_what_is_full_looks_full() {
        let drawn = |percent| {
            let pieces = bar(percent, 5, Tone::Good);
            pieces.into_iter().map(|(_, text)| text).collect::<String>()
        };
        assert_eq!(drawn(0.0), "░░░░░");
        assert_eq!(drawn(0.3), "█░░░░");
        assert_eq!(drawn(42.0), "██░░░");
        assert_eq!(drawn(99.7), "████░");
        assert_eq!(drawn(100.0), "█████");
        assert_eq!(drawn(140.0), "█████");
    }
}
