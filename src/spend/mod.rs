//! Reports of spend: grouping the ledger's sums, and writing them for people and programs.

mod columns;
mod comparison;
mod days;
mod grouping;
mod statement;
mod tally;

pub(crate) use comparison::{comparison_json, write_comparison};
pub(crate) use days::{Period, parse_day};
pub(crate) use grouping::GroupBy;
pub(crate) use statement::{Statement, write_age_of_prices};
