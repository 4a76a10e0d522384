//! The one door: everything that whycap says goes out here, and only as a type that cannot hold
//! what would command a terminal; with it a share as a bar, and a bar on standard error, for a person who waits.
//!
//! Nobody else escapes anything: pieces and pages make their text visible when it is put on them,
//! JSON when it becomes text, problems when they are told. clippy.toml forbids the ways around.

#![expect(clippy::disallowed_methods, reason = "the door for standard streams")]

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use super::text::{escaped_json, visible, visible_lines};
use super::{Palette, Piece, Tone};
use crate::foreign::whole;

/// A value as JSON in one line, in which everything can be seen.
pub(crate) fn json_in_one_line(value: &impl serde::Serialize) -> String {
    escaped_json(serde_json::to_string(value).unwrap_or_default())
}

/// What may be printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    /// One JSON value in one line.
    pub fn json(value: &Value) -> Self {
        Self(escaped_json(value.to_string()) + "\n")
    }

    /// One JSON value, indented.
    pub fn indented_json(value: &Value) -> Self {
        Self(escaped_json(format!("{value:#}")) + "\n")
    }

    /// Plain text as its lines are broken; its own end of line included.
    pub fn text(text: &str) -> Self {
        Self(visible_lines(text))
    }

    /// Text that is neither looked at nor changed: made of our own words only (help, a man page, a
    /// script), or by the program whose output the user told us to hand on.
    pub(crate) fn as_it_is(text: String) -> Self {
        Self(text)
    }

    /// Rows of pieces in their colors.
    pub(crate) fn rows(rows: &[Vec<Piece>], palette: Palette) -> Self {
        let mut shown = Self::default();
        for row in rows {
            shown.add_row(row, palette);
        }
        shown
    }

    /// Adds a row of pieces in their colors.
    pub(crate) fn add_row(&mut self, pieces: &[Piece], palette: Palette) {
        let painted = pieces.iter().map(|(tone, text)| palette.paint(*tone, text));
        self.0.extend(painted);
        self.0.push('\n');
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// This, and then that.
    pub(crate) fn then(mut self, next: &Self) -> Self {
        self.0.push_str(&next.0);
        self
    }
}

/// Whether standard output is a terminal, which a person looks at.
pub fn is_seen_by_person() -> bool {
    io::stdout().is_terminal()
}

/// Writes to standard output in one piece. A reader that went away is not an error.
pub fn print(shown: &Shown) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(shown.0.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let why = format!("could not write to standard output: {error}; check where it leads");
            Err(io::Error::new(error.kind(), why))
        }
        _ => Ok(()),
    }
}

/// Writes one line to standard error, under the program's name. If that is closed there is nobody
/// left to tell.
pub fn complain(problem: &str) {
    let _ = writeln!(io::stderr(), "whycap: {}", shortened(&visible(problem)));
}

/// A problem that echoes a long argument or a long path keeps its beginning and its end, where it
/// says what happened and what to do.
fn shortened(problem: &str) -> String {
    const LONGEST: usize = 560;
    let count = problem.chars().count();
    if count <= LONGEST {
        return problem.to_owned();
    }
    let beginning = problem.chars().take(LONGEST / 2);
    let end = problem.chars().skip(count - LONGEST / 2);
    beginning.chain("…".chars()).chain(end).collect()
}

/// Says on standard error what is being waited for, to a person only: scripts expect silence.
pub fn remark(sentence: &str) {
    if io::stderr().is_terminal() {
        let _ = writeln!(io::stderr(), "{}", visible(sentence));
    }
}

/// Replaces the line on standard output that was shown before, for a person only. `end` ends the
/// line for good.
pub fn replace_line(sentence: &str, end: bool) -> io::Result<()> {
    if !is_seen_by_person() {
        return Ok(());
    }
    let end = if end { "\n" } else { "" };
    let line = format!("\r\u{1b}[K{}{end}", visible(sentence));
    print(&Shown(line))
}

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
    let eighths = rounded(share.min(1.0) * columns as f64 * 8.0).max(1);
    "\u{2588}".repeat(eighths / 8) + EIGHTHS.get(eighths % 8).copied().unwrap_or_default()
}

fn rounded(part: f64) -> usize {
    usize::try_from(whole(part.round())).unwrap_or(usize::MAX)
}

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
            let full = usize::try_from(done * 25 / total).unwrap_or(0);
            let (full, percent) = ("\u{2588}".repeat(full), done * 100 / total);
            // A terminal that went away is no reason to stop.
            let _ = write!(io::stderr(), "\r  {what} {full:\u{2591}<25} {percent:3}%");
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
