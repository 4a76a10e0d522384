//! Reports the spend in a period, with groups, forecasts, and a comparison with Claude Code's totals.

mod amount;
mod attribution;
mod blocks;
pub(crate) mod drain;
pub(crate) mod export;
mod figures;
mod grouping;
mod history;
mod notes;
pub mod pace;
mod period;
mod pull_requests;
mod statement;
mod table;
mod why;
mod window_use;

pub use amount::Amount;
pub(crate) use attribution::{Attribution, RequestOrigin};
pub(crate) use blocks::{Block, block_until, current_block};
pub(crate) use figures::{page_figures, page_totals, short_count};
pub(crate) use grouping::{GroupBy, RowGroups, SpendGroup, UNKNOWN_KEY, or_unknown};
pub(crate) use history::{SpendHistory, hourly_rate};
pub(crate) use notes::{describe_damaged, describe_unreadable};
pub(crate) use period::{Period, RequestedDays};
pub(crate) use pull_requests::PullRequestSpend;
pub(crate) use statement::{ReportRequest, Statement};
pub(crate) use table::{cost_cell, session_name, share_text};
pub(crate) use why::why_report;
pub(crate) use window_use::WindowUse;
