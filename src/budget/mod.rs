//! Tracks the budgets in `config.toml`, shows warnings, and blocks prompts.
//!
//! Budgets are set by the user and are independent of Claude Code's limits. whycap shows a warning when a budget is
//! nearly used up and a message when it is exhausted. It can also block prompts until the user chooses to continue.
//! Each of these events is recorded in the journal so that it occurs only once per period. After the user changes the
//! amount of a budget, the events can occur again in the same period.
//!
//! If the spend is unknown or the journal cannot be written, prompts are not blocked.

pub(crate) mod overview;
mod scope;
mod session;

pub(crate) use scope::{BudgetUse, budgets_to_report};
pub(crate) use session::{
    BudgetedSession, OnPrompt, SessionBudgets, day_budget_blocking, is_session_budget_lifted,
};
