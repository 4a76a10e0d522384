//! Reports of spend: grouping the ledger's sums, and writing them for people and programs.
//!
//! Pure: rows come in, text and JSON go out.

mod grouping;
mod table;

pub use grouping::{Group, GroupBy, Grouping, Tally};
pub use table::render;
