//! What a budget has to say when a prompt is sent: one warning, one word when it is used up, or the
//! prompt held back until the user wishes to go on. Empty files remember what was said.

use std::path::{Path, PathBuf};

use super::{BudgetPeriod, BudgetUse};
use crate::config::{Budget, BudgetAction, Config};
use crate::disk::records;
use crate::environment::Environment;
use crate::ledger::{Live, LiveFigures, Opening};
use crate::places::Places;

/// What becomes of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OnPrompt {
    HoldBack(String),
    Warn(String),
}

/// Something that happens once for a budget and period.
#[derive(Debug, Clone, Copy)]
enum Once {
    Warned,
    UsedUp,
    GoesOn,
}

/// A session and what it may spend.
#[derive(Debug)]
pub(crate) struct SessionBudgets<'a> {
    places: &'a Places,
    environment: &'a Environment,
    session: &'a str,
    budget: Budget,
    /// Those that there is something to say about, the fullest first.
    uses: Vec<BudgetUse>,
}

impl<'a> SessionBudgets<'a> {
    /// Without budgets this costs one small file.
    pub(crate) fn read(
        places: &'a Places,
        environment: &'a Environment,
        session: &'a str,
        transcript: Option<&Path>,
    ) -> Self {
        let budget = Config::load(places).budget;
        let is_set = budget.session.is_some() || budget.day.is_some() || budget.month.is_some();
        let figures = is_set
            .then(|| {
                Live::read(
                    Opening::start(&places.data),
                    places,
                    session,
                    transcript,
                    None,
                )?
                .figures(environment, budget.month.is_some())
            })
            .flatten();
        Self {
            places,
            environment,
            session,
            uses: figures.map_or_else(Vec::new, |figures| uses(&budget, &figures)),
            budget,
        }
    }

    /// None if there is nothing new to say.
    pub(crate) fn on_prompt(&self) -> Option<OnPrompt> {
        for used in &self.uses {
            let sentence = used.sentence();
            if self.mark(used, Once::GoesOn).exists() {
                continue;
            }
            if used.is_used_up() && self.budget.action == BudgetAction::Stop {
                return Some(OnPrompt::HoldBack(format!(
                    "{sentence} The prompt was not sent, as your config.toml asks (budget.action = \"stop\").\n{}\nTo go on anyway: /whycap continue, then send the prompt again.",
                    used.period.renewal()
                )));
            }
            let once = if used.is_used_up() {
                Once::UsedUp
            } else {
                Once::Warned
            };
            if records::mark(&self.mark(used, once)) {
                return Some(OnPrompt::Warn(sentence));
            }
        }
        None
    }

    /// Lets prompts go on although a budget is used up, and says so.
    pub(crate) fn go_on(&self) -> String {
        let used_up = self.uses.iter().filter(|used| used.is_used_up());
        let lifted: Vec<String> = used_up
            .map(|used| {
                records::mark(&self.mark(used, Once::GoesOn));
                used.sentence()
            })
            .collect();
        if lifted.is_empty() {
            return "No budget holds prompts back.".to_owned();
        }
        format!(
            "{} Prompts go on. Nothing more is said about it in this period.",
            lifted.join(" ")
        )
    }

    fn mark(&self, used: &BudgetUse, once: Once) -> PathBuf {
        let today = self.environment.zone.day(self.environment.now);
        let period = match used.period {
            BudgetPeriod::Session => format!("session-{}", self.session),
            BudgetPeriod::Day => format!("day-{today}"),
            BudgetPeriod::Month => format!("month-{}", today.format("%Y-%m")),
        };
        let kind = match once {
            Once::Warned => "warned",
            Once::UsedUp => "used-up",
            Once::GoesOn => "goes-on",
        };
        let name = format!("{}.{kind}", records::name_of(&period));
        self.places.data.join("budgets").join(name)
    }
}

fn uses(budget: &Budget, figures: &LiveFigures) -> Vec<BudgetUse> {
    let spent = [
        (BudgetPeriod::Session, Some(figures.session)),
        (BudgetPeriod::Day, Some(figures.today)),
        (BudgetPeriod::Month, figures.month),
    ];
    let mut uses: Vec<BudgetUse> = spent
        .into_iter()
        .filter_map(|(period, spent)| BudgetUse::of(budget, period, spent?.total()))
        .collect();
    uses.sort_by(|one, other| other.share().total_cmp(&one.share()));
    uses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Spent;
    use crate::pricing::Money;

    fn found(config: &str, session: i64, day: i64) -> Vec<String> {
        let budget = Config::parse(config).budget;
        let spent = |usd: i64| Spent {
            recorded: Money::from_nano(usd * 1_000_000_000),
            ..Spent::default()
        };
        let figures = LiveFigures {
            session: spent(session),
            today: spent(day),
            month: Some(spent(day)),
            ..LiveFigures::default()
        };
        let uses = uses(&budget, &figures);
        uses.iter().map(BudgetUse::sentence).collect()
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
