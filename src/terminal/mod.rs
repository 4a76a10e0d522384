//! Terminal output, including escaping, colors, widths, and standard streams.

mod output;
mod palette;
#[cfg(unix)]
mod restore_on_signal;
mod screen;
mod text;

use crate::environment::Environment;

pub(crate) use output::{Failure, bar, share_bar};
pub use output::{
    Shown, is_stdout_terminal, print, print_error, print_notice, replace_progress_line,
    with_progress,
};
#[cfg(test)]
pub(crate) use palette::tests as contrast;
pub use palette::{Palette, Piece, THEMES, Theme, Tone};
pub(crate) use screen::{Screen, ScreenSize, WakeReason};
pub(crate) use text::truncate_path;
pub(crate) use text::{count_noun, padding, percent_text, start_of, wrap_words};
pub use text::{escape, escape_lines, strip_ansi, truncate, width, wrap};

/// The output width if neither `COLUMNS` nor a terminal specifies one.
const DEFAULT_COLUMNS: usize = 80;

/// The minimum output width. Narrower layouts are not supported.
const MIN_COLUMNS: usize = 20;

/// Returns the width for text output. This is `COLUMNS`, the width of the terminal, or 80 if both are unknown.
pub fn output_width(environment: &Environment) -> usize {
    environment
        .columns()
        .or_else(|| terminal_size().map(|size| size.columns))
        .unwrap_or(DEFAULT_COLUMNS)
        .max(MIN_COLUMNS)
}

/// Returns the height of the terminal that a standard stream is connected to, or `None` if it is unknown.
pub(crate) fn terminal_rows() -> Option<usize> {
    terminal_size()
        .map(|size| size.rows)
        .filter(|rows| *rows > 0)
}

/// Returns the size of the terminal that a standard stream is connected to, or `None` if there is none. On Unix, this
/// does not use crossterm, which starts a process if it cannot determine the size.
#[cfg(unix)]
fn terminal_size() -> Option<ScreenSize> {
    [
        rustix::stdio::stdout(),
        rustix::stdio::stderr(),
        rustix::stdio::stdin(),
    ]
    .into_iter()
    .filter_map(|stream| rustix::termios::tcgetwinsize(stream).ok())
    .map(|size| ScreenSize {
        columns: size.ws_col.into(),
        rows: size.ws_row.into(),
    })
    .find(|size| size.columns > 0)
}

/// Returns the height of the controlling terminal, or `None` if there is none. If Claude Code runs a command, the
/// standard streams are pipes, but there is still a controlling terminal.
#[cfg(unix)]
pub(crate) fn controlling_terminal_rows() -> Option<usize> {
    use rustix::fs::{Mode, OFlags, open};

    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let terminal = open("/dev/tty", flags, Mode::empty()).ok()?;
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_row > 0).then_some(size.ws_row.into())
}

#[cfg(not(unix))]
pub(crate) fn controlling_terminal_rows() -> Option<usize> {
    None
}

#[cfg(not(unix))]
fn terminal_size() -> Option<ScreenSize> {
    let (columns, rows) = crossterm::terminal::size().ok()?;
    Some(ScreenSize {
        columns: columns.into(),
        rows: rows.into(),
    })
}
