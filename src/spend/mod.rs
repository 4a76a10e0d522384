//! Reports of spend: grouping the ledger's sums, and writing them for people and programs.

mod comparison;
mod forecast;
mod grouping;
mod remarks;
mod statement;
mod table;

pub(crate) use comparison::comparison;
pub(crate) use forecast::{Course, Forecast, PlanWorth, in_an_hour};
pub use grouping::Amount;
pub(crate) use grouping::{Block, GroupBy, NO_LINE, Order, SpendGroup, known, running_block};
pub(crate) use remarks::{name_damaged, name_unreadable};
pub(crate) use statement::{DaysAsked, Period, ReportRequest, Statement};
pub(crate) use table::{amount, session_name, share, short_count};
