//! Budgets from `config.toml`: how far each is used, and what to say or hold back.
//!
//! A budget is the user's own; nothing here knows of Claude Code's limits. The pure part is
//! [`standings`]; [`said`] keeps on disk what was said, so that it is said once.

pub mod said;

use chrono::{DateTime, Utc};

use crate::config::{Budget, BudgetAction};
use crate::pricing::Money;
use crate::time::Zone;

/// What a budget covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One session.
    Session,
    /// One day of the user's zone.
    Day,
    /// One month of the user's zone.
    Month,
}

impl Scope {
    fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// "This session's budget".
    fn words(self) -> &'static str {
        match self {
            Self::Session => "This session's budget",
            Self::Day => "Today's budget",
            Self::Month => "This month's budget",
        }
    }

    /// When a used-up budget is whole again.
    fn renewal(self) -> &'static str {
        match self {
            Self::Session => "A new session starts with a whole one.",
            Self::Day => "It is whole again at midnight.",
            Self::Month => "It is whole again on the first of the month.",
        }
    }
}

/// What was spent in each scope, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// This session.
    pub session: Option<Money>,
    /// Today, over all sessions.
    pub day: Option<Money>,
    /// This month.
    pub month: Option<Money>,
}

/// A budget that there is something to say about.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// What it covers.
    pub scope: Scope,
    /// Dollars.
    pub limit: f64,
    /// What is used.
    pub spent: Money,
    /// Which session, day or month.
    pub period: String,
}

impl Standing {
    /// Share used; 1 is all.
    pub fn share(&self) -> f64 {
        self.spent.usd() / self.limit
    }

    /// Whether all of it is used.
    pub fn is_used_up(&self) -> bool {
        self.share() >= 1.0
    }

    /// One sentence.
    pub fn sentence(&self) -> String {
        let limit = Money::from_noisy_usd(self.limit).unwrap_or_default().show();
        if self.is_used_up() {
            format!(
                "{} of {limit} is used up: {} so far.",
                self.scope.words(),
                self.spent.show()
            )
        } else {
            format!(
                "{} of {limit} is {:.0} % used: {} so far.",
                self.scope.words(),
                self.share() * 100.0,
                self.spent.show()
            )
        }
    }

    /// Why a prompt is held back, and how to go on.
    pub fn held_back(&self) -> String {
        format!(
            "whycap: {} The prompt was not sent, as your config.toml asks (budget.action = \"stop\").\n{}\nTo go on anyway: /whycap continue, then send the prompt again.",
            self.sentence(),
            self.scope.renewal()
        )
    }

    /// The name under which it is remembered what was said.
    fn key(&self) -> String {
        format!("{}-{}", self.scope.name(), self.period)
    }
}

/// The budgets that are used far enough to say so, the fullest first.
pub fn standings(
    budget: &Budget,
    spent: Spent,
    session: &str,
    now: DateTime<Utc>,
    zone: Zone,
) -> Vec<Standing> {
    let day = zone.day(now);
    let all = [
        (
            Scope::Session,
            budget.session,
            spent.session,
            session.to_owned(),
        ),
        (Scope::Day, budget.day, spent.day, day.to_string()),
        (
            Scope::Month,
            budget.month,
            spent.month,
            day.format("%Y-%m").to_string(),
        ),
    ];
    let mut found: Vec<Standing> = all
        .into_iter()
        .filter_map(|(scope, limit, spent, period)| {
            Some(Standing {
                scope,
                limit: limit?,
                spent: spent?,
                period,
            })
        })
        .filter(|standing| standing.share() >= budget.warn_at.min(1.0))
        .collect();
    found.sort_by(|a, b| b.share().total_cmp(&a.share()));
    found
}

/// Whether any budget is set.
pub fn is_set(budget: &Budget) -> bool {
    budget.session.is_some() || budget.day.is_some() || budget.month.is_some()
}

/// Whether a used-up budget holds prompts back.
pub fn stops(budget: &Budget) -> bool {
    budget.action == BudgetAction::Stop
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn found(config: &str, session: i64, day: i64) -> Vec<String> {
        let budget = Config::parse(config).budget;
        let usd = |usd: i64| Some(Money::from_nano(usd * 1_000_000_000));
        let spent = Spent {
            session: usd(session),
            day: usd(day),
            month: usd(day),
        };
        let now = DateTime::from_timestamp(1_795_156_000, 0).unwrap();
        standings(&budget, spent, "s", now, Zone::UTC)
            .iter()
            .map(Standing::sentence)
            .collect()
    }

    #[test]
    fn nothing_is_said_below_the_warning_share() {
        assert_eq!(
            found("[budget]\nday = 20\nsession = 5\n", 1, 15),
            Vec::<String>::new()
        );
    }

    #[test]
    fn the_fullest_budget_comes_first() {
        assert_eq!(
            found("[budget]\nday = 20\nsession = 5\nmonth = 300\n", 6, 16),
            [
                "This session's budget of $5.00 is used up: $6.00 so far.",
                "Today's budget of $20.00 is 80 % used: $16.00 so far."
            ]
        );
    }

    #[test]
    fn a_warning_share_of_one_warns_only_when_all_is_used() {
        assert_eq!(found("[budget]\nday = 20\nwarn_at = 1.0\n", 1, 19).len(), 0);
        assert_eq!(found("[budget]\nday = 20\nwarn_at = 1.0\n", 1, 20).len(), 1);
    }
}
