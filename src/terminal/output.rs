//! Writes to the standard streams, and renders bars for percentages.
//!
//! Only values of type [`Shown`] can be printed. All other ways of printing are forbidden in clippy.toml. Text is
//! escaped when a `Shown` is created, so it cannot control the terminal, and callers do not have to escape anything.
//! The only exception is `Shown::unescaped`.

#![expect(
    clippy::disallowed_methods,
    reason = "this module owns the standard streams"
)]

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use super::text::{escape, escape_json, escape_lines};
use super::{Palette, Piece, Tone};
use crate::json::saturating_u64;

const FULL_BLOCK: &str = "\u{2588}";
const LIGHT_BLOCK: &str = "\u{2591}";

/// Moves the cursor to the start of the line and clears the line.
const CLEAR_LINE: &str = "\r\u{1b}[2K";

/// Text that is safe to print.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    /// Creates single-line JSON with a trailing newline.
    pub fn json(value: &Value) -> Self {
        Self(escape_json(value.to_string()) + "\n")
    }

    /// Creates indented JSON with a trailing newline.
    pub fn indented_json(value: &Value) -> Self {
        Self(escape_json(format!("{value:#}")) + "\n")
    }

    /// Creates plain text. Newlines are preserved, and no trailing newline is added.
    pub fn text(text: &str) -> Self {
        Self(escape_lines(text))
    }

    /// Creates text that is printed without escaping. It must come from whycap itself, or from a program whose output
    /// the user wants to pass through.
    pub(crate) fn unescaped(text: String) -> Self {
        Self(text)
    }

    /// Renders rows in the colors of a palette.
    pub(crate) fn rows(rows: &[Vec<Piece>], palette: Palette) -> Self {
        let mut shown = Self::default();
        for row in rows {
            shown.add_row(row, palette);
        }
        shown
    }

    /// Adds a row in the colors of a palette.
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

/// Writes to standard output. A broken pipe is not an error.
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

/// An error for the user. It is the context of the error that caused it.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Failure {
    /// The problem, such as "could not lock the settings".
    pub what: String,
    /// An instruction for the user.
    pub advice: &'static str,
}

/// Prints an error message to standard error, on a single line and after the program name.
pub fn print_error(message: &str) {
    // If standard error is closed, there is no way to report the error.
    let _ = writeln!(
        io::stderr(),
        "whycap: {}",
        shorten_message(&escape(message))
    );
}

/// Shortens a message that contains a long argument or path. Its middle is removed because the start describes the
/// problem and the end suggests a remedy.
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

/// Tells the user on standard error that an operation will take a while. If standard error is not a terminal, prints
/// nothing, because scripts do not expect it.
pub fn print_notice(sentence: &str) {
    if io::stderr().is_terminal() {
        let _ = writeln!(io::stderr(), "{}", escape(sentence));
    }
}

/// Replaces the progress line on standard output. Prints nothing unless standard output is a terminal.
pub fn replace_progress_line(sentence: &str) -> io::Result<()> {
    if !is_stdout_terminal() {
        return Ok(());
    }
    print(&Shown(format!("\r\u{1b}[K{}", escape(sentence))))
}

/// Renders a percentage as a bar. It is empty only at 0% or below and full only at 100% or above.
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

/// Renders a bar without a background. `share` is its length as a fraction of `columns`, rounded to an eighth of a
/// column. A positive share is at least an eighth of a column long.
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

/// Runs `work` and displays its progress on standard error if that is a terminal. `label` describes the work. `work`
/// must call its argument with the amount done and the total to report its progress.
pub fn with_progress<T>(label: &str, work: impl FnOnce(&mut dyn FnMut(u64, u64)) -> T) -> T {
    let is_terminal = io::stderr().is_terminal();
    let mut is_shown = false;
    let result = work(&mut |done, total| {
        if !is_terminal || total == 0 {
            return;
        }
        is_shown = true;
        // The work continues even if the terminal is closed.
        let _ = write!(io::stderr(), "\r{}", progress_row(label, done, total));
    });

    if is_shown {
        let _ = io::stderr().write_all(CLEAR_LINE.as_bytes());
    }
    result
}

fn progress_row(label: &str, done: u64, total: u64) -> String {
    let percent = done.min(total) * 100 / total.max(1);
    format!("  {label} {percent:3}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_shown_in_percent() {
        assert_eq!(progress_row("reading", 1, 3), "  reading  33%");
        assert_eq!(progress_row("reading", 4, 3), "  reading 100%");
    }

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
