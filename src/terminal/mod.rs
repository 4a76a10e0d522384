//! Terminal output, including escaping, colors, widths, and standard streams.

pub(crate) mod host;
mod output;
mod palette;
pub(crate) mod secrets;
mod text;

use terminal_size::{Height, Width};

use crate::environment::Environment;

pub(crate) use output::{Failure, bar, share_bar};
pub use output::{
    Shown, is_stdout_terminal, print, print_error, print_notice, replace_progress_line,
    with_progress,
};
pub use palette::{Palette, Piece, Tone};
pub(crate) use text::{count_noun, padding, percent_text, start_of, truncate_path, wrap_words};
pub use text::{escape, escape_lines, strip_ansi, truncate, width, wrap};

/// The output width if neither `COLUMNS` nor a terminal specifies one.
const DEFAULT_COLUMNS: usize = 80;

/// The minimum output width. Narrower layouts are not supported.
const MIN_COLUMNS: usize = 20;

/// Returns the width for text output. This is `COLUMNS`, the width of the terminal, or 80 if both are unknown.
pub fn output_width(environment: &Environment) -> usize {
    environment
        .columns()
        .or_else(terminal_columns)
        .unwrap_or(DEFAULT_COLUMNS)
        .max(MIN_COLUMNS)
}

/// Returns the height of the terminal that a standard stream is connected to, or `None` if it is unknown.
pub(crate) fn terminal_rows() -> Option<usize> {
    let (_, Height(rows)) = terminal_size::terminal_size()?;
    (rows > 0).then_some(rows.into())
}

/// Returns the width of the terminal that a standard stream is connected to, or `None` if it is unknown.
fn terminal_columns() -> Option<usize> {
    let (Width(columns), _) = terminal_size::terminal_size()?;
    (columns > 0).then_some(columns.into())
}

/// Returns the height of the controlling terminal, or `None` if there is none. If Claude Code runs a command, the
/// standard streams are pipes, but there is still a controlling terminal.
#[cfg(unix)]
pub(crate) fn controlling_terminal_rows() -> Option<usize> {
    use rustix::fs::{Mode, OFlags, open};

    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let terminal = open("/dev/tty", flags, Mode::empty()).ok()?;
    let (_, Height(rows)) = terminal_size::terminal_size_of(terminal)?;
    (rows > 0).then_some(rows.into())
}

#[cfg(not(unix))]
pub(crate) fn controlling_terminal_rows() -> Option<usize> {
    None
}
