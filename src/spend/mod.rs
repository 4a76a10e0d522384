//! Reports of spend: grouping the ledger's sums, and writing them for people and programs.

mod columns;
mod comparison;
mod csv;
mod days;
mod forecast;
mod grouping;
mod plan;
mod statement;
mod tally;
mod unreadable;

pub(crate) use columns::{amount, label, share, short_count, short_path};
pub(crate) use comparison::{comparison_json, write_comparison};
pub(crate) use days::{Period, parse_day};
pub(crate) use forecast::{Course, DayForecast, Forecast, rate};
pub(crate) use grouping::{
    Block, Group, GroupBy, Grouping, Order, known, order_and_cut, running_block,
};
pub(crate) use plan::PlanWorth;
pub(crate) use statement::{ReportRequest, Statement, write_age_of_prices};
pub(crate) use tally::Tally;
pub(crate) use unreadable::name_unreadable;
