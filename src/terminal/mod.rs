//! Output for people at a terminal: escaping, colors, widths, and the standard streams themselves.

mod output;
mod palette;
#[cfg(unix)]
mod restore_on_signal;
mod screen;
mod text;

use crate::environment::Environment;

pub use output::{
    Shown, is_stdout_terminal, print, print_error, print_notice, replace_line, with_progress,
};
pub(crate) use output::{bar, json_in_one_line, share_bar};
#[cfg(test)]
pub(crate) use palette::tests as contrast;
pub use palette::{Palette, Piece, THEMES, Theme, Tone};
pub(crate) use screen::{Screen, ScreenSize, WakeReason};
pub(crate) use text::{count_noun, padding};
pub use text::{escape, escape_lines, strip_ansi, truncate, width, wrap};

/// The width of the output if neither `COLUMNS` nor a terminal provides one.
const DEFAULT_COLUMNS: usize = 80;

/// The minimum width of the output. Narrower layouts are not supported.
const MIN_COLUMNS: usize = 20;

/// Returns the width for human-readable output: `COLUMNS` if set, else the width of the terminal, else 80.
pub fn output_width(environment: &Environment) -> usize {
    environment
        .columns()
        .or_else(terminal_columns)
        .unwrap_or(DEFAULT_COLUMNS)
        .max(MIN_COLUMNS)
}

/// Returns the width of the terminal to which one of the standard streams is connected, or `None` if there is none. On
/// Unix, crossterm is not used for this, because it starts a process if it cannot determine the size.
#[cfg(unix)]
fn terminal_columns() -> Option<usize> {
    [
        rustix::stdio::stdout(),
        rustix::stdio::stderr(),
        rustix::stdio::stdin(),
    ]
    .into_iter()
    .filter_map(|stream| rustix::termios::tcgetwinsize(stream).ok())
    .map(|size| usize::from(size.ws_col))
    .find(|columns| *columns > 0)
}

/// Returns the height of the terminal that started this process, or `None` if there is none. When Claude Code runs a
/// command, the command's standard streams are pipes, but it still has the same controlling terminal.
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
fn terminal_columns() -> Option<usize> {
    let (columns, _) = crossterm::terminal::size().ok()?;
    Some(columns.into())
}
