//! The budgets in `config.toml`: how much of each is used, when to warn, and when to hold back a prompt.
//!
//! Budgets are set by the user and are independent of Claude Code's limits. A budget can trigger a warning after a
//! response and a message when it is used up, and it can hold back prompts until the user chooses to continue. The
//! journal records each of these events along with the budget, its period, and its amount. After the amount has been
//! changed, the events can therefore occur again in the same period.
//!
//! If the spend is unknown or the journal cannot be written, no prompt is held back.

pub(crate) mod hints;
pub(crate) mod overview;
mod scope;
mod session;

pub(crate) use scope::{BudgetScope, BudgetUse, budgets_to_report};
pub(crate) use session::{OnPrompt, SessionBudgets};
