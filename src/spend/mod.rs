//! Reports the spend in a period, with groups, forecasts, and a comparison with Claude Code's totals.

mod amount;
mod blocks;
mod causes;
mod figures;
mod forecast;
mod grouping;
mod notes;
mod period;
mod pull_requests;
mod statement;
mod table;
mod why;

pub use amount::Amount;
pub(crate) use blocks::{Block, block_until, current_block};
pub(crate) use causes::CauseGroups;
pub(crate) use figures::{page_figures, page_totals, short_count};
pub(crate) use forecast::{DailyRate, Forecast, HourlyRate, PlanValue, SpendHistory};
pub(crate) use grouping::{
    GroupBy, Order, RowGroups, SpendGroup, UNKNOWN_KEY, is_placeholder, or_unknown,
};
pub(crate) use notes::{PULL_REQUEST_RULE, describe_damaged, describe_unreadable};
pub(crate) use period::{Period, RequestedDays};
pub(crate) use pull_requests::{PullRequestSpend, pull_request_label};
pub(crate) use statement::{ReportRequest, Statement};
pub(crate) use table::{cost_cell, session_name, share_text};
pub(crate) use why::why_report;
