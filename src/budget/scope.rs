//! Describes the scopes of budgets, and computes how much of a budget is used.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::config::{Budget, BudgetAction};
use crate::json::embedded;
use crate::ledger::LiveFigures;
use crate::limits::BudgetScope;
use crate::pricing::Money;
use crate::spend::Amount;

/// The content of `scopes.json`. The file is parsed once because a single prompt can need several of its sentences.
static TEXTS: LazyLock<TextsByScope> =
    LazyLock::new(|| embedded::parse("budget/scopes.json", include_str!("scopes.json")));

#[derive(Debug, Default, Deserialize)]
struct TextsByScope {
    session: ScopeTexts,
    day: ScopeTexts,
    month: ScopeTexts,
}

/// The templates for sentences about budgets with the same scope.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ScopeTexts {
    /// The subject of a sentence, such as "Today's budget".
    subject: String,
    /// The name in a list of budgets.
    pub name: String,
    /// A sentence that says which prompts the used-up budget blocks, and how to continue.
    pub blocks: String,
    /// How long the user's decision to continue applies, such as "until midnight".
    pub lifted: String,
    /// A sentence about when the budget starts again.
    pub renewal: String,
}

impl BudgetScope {
    /// Returns the templates for sentences about budgets with this scope.
    pub(super) fn texts(self) -> &'static ScopeTexts {
        match self {
            Self::Session => &TEXTS.session,
            Self::Day => &TEXTS.day,
            Self::Month => &TEXTS.month,
        }
    }

    /// Returns the name in JSON, which is also the key in `config.toml`.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// A budget and how much of it has been spent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BudgetUse {
    pub scope: BudgetScope,
    pub limit: Money,
    pub spent: Amount,
}

impl BudgetUse {
    /// Returns `None` if the budget is not set.
    pub(super) fn new(budget: &Budget, scope: BudgetScope, spent: Amount) -> Option<Self> {
        let limit = match scope {
            BudgetScope::Session => budget.session?,
            BudgetScope::Day => budget.day?,
            BudgetScope::Month => budget.month?,
        };
        Some(Self {
            scope,
            limit: Money::from_noisy_usd(limit)?,
            spent,
        })
    }

    /// Returns `None` if the budget is not set, or if its usage is below the warning threshold.
    pub(crate) fn above_warning(
        budget: &Budget,
        scope: BudgetScope,
        spent: Amount,
    ) -> Option<Self> {
        let budget_use = Self::new(budget, scope, spent)?;
        if budget_use.used_fraction() >= budget.warn_at {
            Some(budget_use)
        } else {
            None
        }
    }

    /// Returns the fraction of the budget that is used. At 1, the budget is exhausted.
    pub(crate) fn used_fraction(&self) -> f64 {
        self.spent.money.usd() / self.limit.usd()
    }

    /// Returns the percentage used. The percentage is rounded down so that it reaches 100 only when the budget is
    /// exhausted.
    pub(crate) fn percent(&self) -> i64 {
        self.spent.money.ratio(self.limit, 100)
    }

    /// Returns true if the budget is used up and therefore blocks prompts, unless the user has chosen to continue.
    pub(super) fn blocks_prompts(&self, action: BudgetAction) -> bool {
        action == BudgetAction::Stop && self.is_used_up()
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.spent.money >= self.limit
    }

    /// Returns a sentence about the budget: "Today's budget of $20.00 is 80% used ($16.00 so far)."
    pub(super) fn sentence(&self) -> String {
        let before_percent = if self.spent.is_lower_bound {
            "at least "
        } else {
            ""
        };
        self.sentence_with(before_percent, "")
    }

    /// Returns the sentence to show right after a response, when the transcript may still be incomplete.
    pub(super) fn sentence_after_response(&self) -> String {
        self.sentence_with("at least ", "counted ")
    }

    fn sentence_with(&self, before_percent: &str, before_so_far: &str) -> String {
        let use_text = if self.is_used_up() {
            "used up".to_owned()
        } else {
            format!("{before_percent}{}% used", self.percent())
        };
        format!(
            "{} of {} is {use_text} ({}{} {before_so_far}so far).",
            self.scope.texts().subject,
            self.limit,
            self.spent.sign(),
            self.spent.money
        )
    }
}

/// Returns the budgets that have reached the warning threshold. The one with the highest percentage used comes first.
pub(crate) fn budgets_to_report(budget: &Budget, figures: &LiveFigures) -> Vec<BudgetUse> {
    let mut uses: Vec<BudgetUse> = [
        (BudgetScope::Session, Some(&figures.session)),
        (BudgetScope::Day, Some(&figures.today)),
        (BudgetScope::Month, figures.month.as_ref()),
    ]
    .into_iter()
    .filter_map(|(scope, spent)| {
        // The session's own transcript has been read.
        let is_complete = figures.is_complete || scope == BudgetScope::Session;
        let amount = Amount::from_tally(spent?).lower_bound_unless(is_complete);
        BudgetUse::above_warning(budget, scope, amount)
    })
    .collect();
    uses.sort_by(|a, b| b.used_fraction().total_cmp(&a.used_fraction()));
    uses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::ledger::Tally;

    /// Returns the sentences about all budgets if `session` dollars were spent in the session and `day` dollars today.
    fn sentences(config: &str, session: i64, day: i64) -> Vec<String> {
        let budget = Config::parse(config).budget;
        let [of_session, of_today] = [session, day].map(|usd| Tally {
            recorded: Money::from_nano(usd * 1_000_000_000),
            ..Tally::default()
        });
        let figures = LiveFigures {
            session: of_session,
            today: of_today,
            month: Some(of_today),
            is_complete: true,
        };
        budgets_to_report(&budget, &figures)
            .iter()
            .map(BudgetUse::sentence)
            .collect()
    }

    #[test]
    fn there_is_no_warning_below_the_warning_share() {
        assert_eq!(
            sentences("[budget]\nday = 20\nsession = 5\n", 1, 15),
            Vec::<String>::new()
        );
    }

    #[test]
    fn the_budget_with_the_largest_used_share_comes_first() {
        assert_eq!(
            sentences("[budget]\nday = 20\nsession = 5\nmonth = 300\n", 6, 16),
            [
                "This session's budget of $5.00 is used up ($6.00 so far).",
                "Today's budget of $20.00 is 80% used ($16.00 so far)."
            ]
        );
    }

    #[test]
    fn a_warning_share_of_one_warns_only_when_the_whole_budget_is_used() {
        let config = "[budget]\nday = 20\nwarn_at = 1.0\n";
        assert_eq!(sentences(config, 1, 19).len(), 0);
        assert_eq!(sentences(config, 1, 20).len(), 1);
    }
}
