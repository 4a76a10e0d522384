//! The section `[budget]`.

use serde::{Deserialize, Serialize};

/// The action when a budget is exhausted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetAction {
    /// Show a warning.
    Warn,
    /// Block the next prompt, and explain how to continue anyway.
    Stop,
}

/// The user's budgets in dollars. All of them are optional.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// The budget per session.
    pub session: Option<f64>,
    /// The budget per day in the user's time zone.
    pub day: Option<f64>,
    /// The budget per month in the user's time zone.
    pub month: Option<f64>,
    /// The fraction of a budget at which a warning is shown, from 0 to 1.
    pub warn_at: f64,
    /// The action when a budget is exhausted.
    pub action: BudgetAction,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            session: None,
            day: None,
            month: None,
            warn_at: 0.8,
            action: BudgetAction::Warn,
        }
    }
}

impl Budget {
    /// Returns true if any budget is set.
    pub(crate) fn is_set(&self) -> bool {
        [self.session, self.day, self.month]
            .iter()
            .any(Option::is_some)
    }
}
