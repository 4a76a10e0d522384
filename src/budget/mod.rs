//! Budgets from `config.toml`: how far each is used, and what to say or hold back.
//!
//! A budget is the user's own; nothing here knows of Claude Code's limits.

pub(crate) mod prompts;

use crate::config::Budget;
use crate::pricing::Money;

/// What a budget covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BudgetPeriod {
    Session,
    /// A day of the user's zone.
    Day,
    /// A month of the user's zone.
    Month,
}

impl BudgetPeriod {
    fn words(self) -> &'static str {
        match self {
            Self::Session => "This session's budget",
            Self::Day => "Today's budget",
            Self::Month => "This month's budget",
        }
    }

    /// How long a lifted budget stays silent.
    fn duration(self) -> &'static str {
        match self {
            Self::Session => "in this session",
            Self::Day => "today",
            Self::Month => "this month",
        }
    }

    /// When a budget starts over.
    fn renewal(self) -> &'static str {
        match self {
            Self::Session => "A new session starts with a full budget.",
            Self::Day => "It resets at midnight.",
            Self::Month => "It resets on the first of the month.",
        }
    }
}

/// A budget that is used far enough to say so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BudgetUse {
    pub(crate) period: BudgetPeriod,
    /// Dollars.
    pub(crate) limit: f64,
    pub(crate) spent: Money,
}

impl BudgetUse {
    /// None without such a budget, or where less is used than the user wants to hear of.
    pub(crate) fn of(budget: &Budget, period: BudgetPeriod, spent: Money) -> Option<Self> {
        let limit = match period {
            BudgetPeriod::Session => budget.session,
            BudgetPeriod::Day => budget.day,
            BudgetPeriod::Month => budget.month,
        }?;
        let used = Self {
            period,
            limit,
            spent,
        };
        (used.share() >= budget.warn_at).then_some(used)
    }

    /// Share used; 1 is all.
    pub(crate) fn share(&self) -> f64 {
        self.spent.usd() / self.limit
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.share() >= 1.0
    }

    fn sentence(&self) -> String {
        let whose = self.period.words();
        let limit = Money::from_noisy_usd(self.limit).unwrap_or_default().show();
        let spent = self.spent.show();
        if self.is_used_up() {
            format!("{whose} of {limit} is used up: {spent} so far.")
        } else {
            let percent = self.share() * 100.0;
            format!("{whose} of {limit} is {percent:.0}% used: {spent} so far.")
        }
    }
}
