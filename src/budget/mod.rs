//! Budgets from `config.toml`: how far each is used, and what to say or hold back.
//!
//! A budget is the user's own; nothing here knows of Claude Code's limits.

pub(crate) mod overview;
pub(crate) mod prompts;

use crate::config::Budget;
use crate::pricing::Money;
use crate::render::{Filling, Texts};
use crate::terminal::cut;

/// What a budget covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BudgetScope {
    Session,
    /// A day of the user's zone.
    Day,
    /// A month of the user's zone.
    Month,
    /// Likewise, of what is paid beyond a full window of the plan: inferred.
    Credits,
    /// Likewise, in the directories that this key names.
    Project(String),
}

impl BudgetScope {
    /// What scopes.json says of such budgets under this name.
    fn says(&self, what: &str, given: &[Filling<'_>]) -> String {
        let texts = Texts::parse(include_str!("scopes.json"));
        let (name, label) = (format!("{}.{what}", self.key()), self.label());
        let project = match self {
            Self::Project(key) => key.as_str(),
            _ => "",
        };
        let own: [Filling<'_>; 2] = [("project", &project), ("label", &label)];
        texts.say(&name, &[given, &own].concat())
    }

    /// Its key in `config.toml`, for a project the key of the table.
    fn key(&self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Day => "day",
            Self::Month => "month",
            Self::Credits => "credits",
            Self::Project(_) => "project",
        }
    }

    /// One word for it.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Day => "today".to_owned(),
            Self::Project(key) => {
                let key = key.trim_end_matches(['/', '\\']);
                cut(key.rsplit(['/', '\\']).next().unwrap_or(key), 16)
            }
            _ => self.key().to_owned(),
        }
    }
}

/// A budget, and what is spent of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BudgetUse {
    pub(crate) scope: BudgetScope,
    pub(crate) limit: Money,
    pub(crate) spent: Money,
}

impl BudgetUse {
    /// None without such a budget.
    fn of(budget: &Budget, scope: BudgetScope, spent: Money) -> Option<Self> {
        let limit = match &scope {
            BudgetScope::Session => budget.session,
            BudgetScope::Day => budget.day,
            BudgetScope::Month => budget.month,
            BudgetScope::Credits => budget.credits,
            BudgetScope::Project(key) => budget.projects.get(key).copied(),
        }?;
        Some(Self {
            scope,
            limit: Money::from_noisy_usd(limit)?,
            spent,
        })
    }

    /// None without such a budget, or where less is used than the user wants to hear of.
    pub(crate) fn worth_saying(budget: &Budget, scope: BudgetScope, spent: Money) -> Option<Self> {
        Self::of(budget, scope, spent).filter(|used| used.share() >= budget.warn_at)
    }

    /// Share used; 1 is all.
    pub(crate) fn share(&self) -> f64 {
        self.spent.usd() / self.limit.usd()
    }

    /// Whole percent, rounded down: 100 is said only once all of it is used.
    pub(crate) fn percent(&self) -> i64 {
        self.spent.ratio(self.limit, 100)
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.spent >= self.limit
    }

    fn sentence(&self) -> String {
        self.told("", "")
    }

    /// The last of it may not be counted yet.
    fn told(&self, at_least: &str, counted: &str) -> String {
        let whose = self.scope.says("whose", &[]);
        let (limit, spent, percent) = (self.limit, self.spent, self.percent());
        let is_inferred = self.scope == BudgetScope::Credits;
        let about = if is_inferred { "\u{2248}" } else { "" };
        let used = if self.is_used_up() {
            "used up".to_owned()
        } else {
            format!("{at_least}{percent}% used")
        };
        format!("{whose} of {limit} is {used}: {about}{spent} {counted}so far.")
    }
}
