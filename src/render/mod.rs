//! What verbs say, drawn once: a [`Report`] holds the facts for programs and the blocks for people,
//! and one renderer each makes JSON, text for a width, and CSV of it. HTML is drawn from the same
//! tables, in `html`.

mod csv;
mod page;
mod report;
mod table;
mod texts;

pub(crate) use csv::print_csv;
pub use page::Page;
pub use report::Report;
pub(crate) use report::{MeterRow, joined, rows_for_answer};
pub(crate) use table::{Cell, Column, Table};
pub(crate) use texts::{Filling, Texts, filled};
