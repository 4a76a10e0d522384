//! The status line: what the client tells, what the ledger knows, made into rows that fit.

mod amounts;
mod form;
mod layout;
mod segments;
mod spending;
pub(crate) mod windows;
pub(crate) mod wrapped;

pub use amounts::{Amount, Amounts};
pub use segments::LineFacts;

use crate::terminal::Piece;

/// whycap's own row, at most `columns` wide. Empty where there is nothing to say.
pub fn draw(facts: &LineFacts<'_>, columns: usize) -> Vec<Piece> {
    layout::fit(&segments::segments(facts), columns)
}
