//! What people read on a terminal: colours, widths, pages, and the way out.

mod colour;
mod output;
mod screen;
mod text;
#[cfg(unix)]
mod watchman;

use crate::environment::Environment;

#[cfg(test)]
pub(crate) use colour::tests as contrast;
pub use colour::{Palette, Piece, THEMES, Theme, Tone};
pub use output::{Shown, complain, is_seen_by_person, print, remark, replace_line, with_progress};
pub(crate) use output::{bar, bar_of_share, json_in_one_line};
pub(crate) use screen::{Screen, Woken};
pub(crate) use text::{counted, padding};
pub use text::{cut, strip_ansi, visible, visible_lines, width, wrap};

/// Columns for a person's tables: `COLUMNS`, else the terminal's width, else 80.
pub fn width_for_person(environment: &Environment) -> usize {
    let of_terminal = || terminal_size::terminal_size().map(|size| size.0.0.into());
    let columns = environment.columns().or_else(of_terminal);
    columns.unwrap_or(80).max(20)
}
