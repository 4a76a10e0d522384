//! The budgets in `config.toml`: how much of each is used, when to warn, and when to hold back a prompt.
//!
//! Budgets are set by the user and are independent of Claude Code's limits. A budget can trigger a warning after a
//! response and a message when it is used up, and it can hold back prompts until the user chooses to continue. The
//! journal records each of these along with the budget, its period, and its amount, so changing a budget's amount makes
//! it start over.
//!
//! If the spend is unknown or the journal cannot be written, no prompt is held back.

pub(crate) mod hints;
pub(crate) mod overview;
mod scope;
mod session;

pub(crate) use scope::{BudgetScope, BudgetUse, budgets_to_report};
pub(crate) use session::{OnPrompt, SessionBudgets};
