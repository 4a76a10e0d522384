//! What people read on a terminal: colours, widths, pages, and the way out.

mod colour;
mod output;
mod page;
mod progress_bar;
mod text;
mod themes;

use crate::environment::Environment;

pub use colour::{Palette, Piece, Tone};
pub use output::{complain, print};
pub use page::Page;
pub use progress_bar::ProgressBar;
pub use text::{cut, sanitize, strip_ansi, width, wrap};
pub use themes::{THEMES, Theme};

/// Columns for a person's tables: `COLUMNS`, else the terminal's width, else 80.
pub fn width_for_person(environment: &Environment) -> usize {
    environment
        .columns()
        .or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
        .unwrap_or(80)
        .max(20)
}
