//! Reports of spend: grouping the ledger's sums, and writing them for people and programs.

mod amount;
mod comparison;
mod days;
mod forecast;
mod grouping;
mod plan;
mod remarks;
mod statement;
mod table;
mod tally;
mod unreadable;

pub use amount::Amount;
pub(crate) use comparison::comparison;
pub(crate) use days::{DaysAsked, Period};
pub(crate) use forecast::{Course, Forecast, in_an_hour};
pub(crate) use grouping::{
    Block, GroupBy, Grouping, NO_LINE, Order, SpendGroup, known, order_and_cut, running_block,
};
pub(crate) use plan::PlanWorth;
pub(crate) use statement::{ReportRequest, Statement};
pub(crate) use table::{amount, session_name, share, short_count};
pub(crate) use tally::Tally;
pub(crate) use unreadable::name_unreadable;
