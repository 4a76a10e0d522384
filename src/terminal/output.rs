//! Output to the standard streams, and bars for percentages.
//!
//! Only a value of type [`Shown`] can be printed, and such a value cannot contain characters that control a terminal.
//! Text is escaped when a `Shown` is created, so callers never have to escape anything themselves. clippy.toml forbids
//! all other ways of printing.

#![expect(
    clippy::disallowed_methods,
    reason = "this module owns the standard streams"
)]

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use super::text::{escape, escape_json, escape_lines};
use super::{Palette, Piece, Tone};
use crate::lenient_json::saturating_u64;

const FULL_BLOCK: &str = "\u{2588}";
const LIGHT_BLOCK: &str = "\u{2591}";

/// Moves the cursor to the start of the line and clears the line.
const CLEAR_LINE: &str = "\r\u{1b}[2K";

/// Serializes a value as single-line JSON with unprintable characters escaped.
pub(crate) fn json_in_one_line(value: &impl serde::Serialize) -> String {
    escape_json(serde_json::to_string(value).unwrap_or_default())
}

/// Text that can be printed safely.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    /// Creates single-line JSON, followed by a line break.
    pub fn json(value: &Value) -> Self {
        Self(escape_json(value.to_string()) + "\n")
    }

    /// Creates indented JSON, followed by a line break.
    pub fn indented_json(value: &Value) -> Self {
        Self(escape_json(format!("{value:#}")) + "\n")
    }

    /// Creates plain text. Line breaks are preserved, and none are added.
    pub fn text(text: &str) -> Self {
        Self(escape_lines(text))
    }

    /// Creates text that is printed without escaping. The text must come from whycap itself, or from a program whose
    /// output the user has asked whycap to pass through.
    pub(crate) fn unescaped(text: String) -> Self {
        Self(text)
    }

    /// Creates rows of pieces in the colors of the palette.
    pub(crate) fn rows(rows: &[Vec<Piece>], palette: Palette) -> Self {
        let mut shown = Self::default();
        for row in rows {
            shown.add_row(row, palette);
        }
        shown
    }

    /// Adds a row of pieces in the colors of the palette.
    pub(crate) fn add_row(&mut self, pieces: &[Piece], palette: Palette) {
        for (tone, text) in pieces {
            self.0.push_str(&palette.paint(*tone, text));
        }
        self.0.push('\n');
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns this text followed by `next`.
    pub(crate) fn followed_by(mut self, next: &Self) -> Self {
        self.0.push_str(&next.0);
        self
    }
}

/// Returns true if standard output is a terminal.
pub fn is_stdout_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Writes to standard output. It is not an error if the reader has closed its end of the pipe.
pub fn print(shown: &Shown) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(shown.0.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let message = format!("could not write to standard output: {error}");
            Err(io::Error::new(error.kind(), message))
        }
        _ => Ok(()),
    }
}

/// Prints an error to standard error on a single line, prefixed with the name of the program.
pub fn print_error(message: &str) {
    // If standard error is closed, there is nowhere else to report the error.
    let _ = writeln!(
        io::stderr(),
        "whycap: {}",
        shorten_message(&escape(message))
    );
}

/// Shortens a message that repeats a long argument or path. The middle is cut out, because the start says what happened
/// and the end says what to do about it.
fn shorten_message(message: &str) -> String {
    const MAX_LENGTH: usize = 560;

    let length = message.chars().count();
    if length <= MAX_LENGTH {
        return message.to_owned();
    }
    let start = message.chars().take(MAX_LENGTH / 2);
    let end = message.chars().skip(length - MAX_LENGTH / 2);
    start.chain(['…']).chain(end).collect()
}

/// Tells the user, on standard error, that an operation will take a while. Prints nothing if standard error is not a
/// terminal, because scripts expect no output there.
pub fn print_notice(sentence: &str) {
    if io::stderr().is_terminal() {
        let _ = writeln!(io::stderr(), "{}", escape(sentence));
    }
}

/// Replaces the line that the previous call printed to standard output. If `is_last` is set, a line break follows.
/// Prints nothing if standard output is not a terminal.
pub fn replace_line(sentence: &str, is_last: bool) -> io::Result<()> {
    if !is_stdout_terminal() {
        return Ok(());
    }
    let end = if is_last { "\n" } else { "" };
    print(&Shown(format!("\r\u{1b}[K{}{end}", escape(sentence))))
}

/// Returns a bar for a percentage. It has at least one filled column unless the percentage is 0 or less, and it is full
/// only at 100% or more.
pub(crate) fn bar(percent: f64, columns: usize, tone: Tone) -> Vec<Piece> {
    let filled = if percent <= 0.0 {
        0
    } else if percent >= 100.0 {
        columns
    } else {
        round(percent / 100.0 * columns as f64).clamp(1, columns.saturating_sub(1).max(1))
    };
    vec![
        (tone, FULL_BLOCK.repeat(filled)),
        (Tone::Quiet, LIGHT_BLOCK.repeat(columns - filled)),
    ]
}

/// Returns a bar without a background. Its length is the given fraction of `columns`, rounded to an eighth of a column.
/// If the fraction is above 0, the bar is at least an eighth of a column long.
pub(crate) fn share_bar(share: f64, columns: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

    if columns == 0 || share <= 0.0 {
        return String::new();
    }
    let eighths = round(share.min(1.0) * columns as f64 * 8.0).max(1);
    let last_block = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    FULL_BLOCK.repeat(eighths / 8) + last_block
}

fn round(number: f64) -> usize {
    usize::try_from(saturating_u64(number.round())).unwrap_or(usize::MAX)
}

/// Runs `work` and shows its progress on standard error if that is a terminal. `label` describes the work. The function
/// passed to `work` must be called with the amount done so far and the total.
pub fn with_progress<T>(label: &str, work: impl FnOnce(&mut dyn FnMut(u64, u64)) -> T) -> T {
    const COLUMNS: u64 = 25;

    let is_terminal = io::stderr().is_terminal();
    let mut is_shown = false;
    let result = work(&mut |done, total| {
        if !is_terminal || total == 0 {
            return;
        }
        is_shown = true;
        let shown_done = done.min(total);
        let percent = shown_done * 100 / total;
        let filled = FULL_BLOCK.repeat(usize::try_from(shown_done * COLUMNS / total).unwrap_or(0));
        // The work continues even if the terminal has been closed.
        let _ = write!(
            io::stderr(),
            "\r  {label} {filled:\u{2591}<25} {percent:3}%"
        );
    });

    if is_shown {
        let _ = io::stderr().write_all(CLEAR_LINE.as_bytes());
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_empty_only_at_0_percent_and_full_only_at_100_percent() {
        for (percent, text) in [
            (0.0, "░░░░░"),
            (0.3, "█░░░░"),
            (42.0, "██░░░"),
            (99.7, "████░"),
            (100.0, "█████"),
            (140.0, "█████"),
        ] {
            let pieces = bar(percent, 5, Tone::Good);
            let shown: String = pieces.into_iter().map(|(_, text)| text).collect();
            assert_eq!(shown, text, "{percent}");
        }
    }
}
