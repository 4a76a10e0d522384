//! Tracks the budgets in `config.toml`, shows warnings, and blocks prompts.
//!
//! Budgets are set by the user and are independent of Claude Code's limits. A budget can cause a warning after a
//! response and a message when it is exhausted, and it can block prompts until the user chooses to continue. These
//! events are recorded in the journal with the budget, its period, and its amount. If the user changes the amount, each
//! event can occur again in the same period.
//!
//! If the spend is unknown or the journal cannot be written, prompts are not blocked.

pub(crate) mod hints;
pub(crate) mod overview;
mod scope;
mod session;

pub(crate) use scope::{BudgetScope, BudgetUse, budgets_to_report};
pub(crate) use session::{OnPrompt, SessionBudgets};
