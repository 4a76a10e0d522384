//! The status line: what the client tells, what the ledger knows, made into rows that fit.

mod amounts;
mod bar;
mod form;
mod layout;
mod segments;
mod session;
mod spending;
mod surroundings;
mod windows;
pub(crate) mod wrapped;

pub use amounts::{Amount, Amounts};
pub use segments::LineFacts;
pub use surroundings::Surroundings;

use crate::terminal::Palette;

/// Columns that Claude Code keeps for itself: a row of `COLUMNS` cells is cut.
pub(crate) const MARGIN: usize = 4;

/// whycap's own rows, each at most `columns` wide. A row with nothing to say is left out; so it may
/// be empty.
pub fn draw(facts: &LineFacts<'_>, columns: usize, palette: Palette) -> Vec<String> {
    let palette = palette.in_theme(facts.config.theme);
    let rows = facts.config.rows().into_iter();
    let rows = rows.map(|names| {
        let segments = segments::segments(facts, names);
        layout::fit(&segments, &facts.config.separator, columns, palette)
    });
    rows.filter(|row| !row.trim().is_empty()).collect()
}
