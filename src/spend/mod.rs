//! Reports of spend: grouping the ledger's sums, and writing them for people and programs.

mod comparison;
mod days;
mod forecast;
mod grouping;
mod remarks;
mod statement;
mod table;
mod tally;

pub(crate) use comparison::comparison;
pub(crate) use days::{DaysAsked, Period};
pub(crate) use forecast::{Course, Forecast, PlanWorth, in_an_hour};
pub(crate) use grouping::{Block, GroupBy, NO_LINE, Order, SpendGroup, known, running_block};
pub(crate) use remarks::name_unreadable;
pub(crate) use statement::{ReportRequest, Statement};
pub(crate) use table::{amount, session_name, share, short_count};
pub use tally::Amount;
