//! What a budget has to say: one warning after an answer, one word when it is used up, or a prompt
//! held back until the user wishes to go on. Empty files remember what was said.

use std::path::{Path, PathBuf};

use super::{BudgetScope, BudgetUse};
use crate::config::{Budget, BudgetAction, Config};
use crate::disk::records;
use crate::environment::Environment;
use crate::ledger::{Ledger, Live, LiveFigures, Patience, Spent, Wanted};
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
    /// In one session.
    GoesOn,
}

/// A session and what it may spend.
#[derive(Debug)]
pub(crate) struct SessionBudgets<'a> {
    places: &'a Places,
    environment: &'a Environment,
    session: &'a str,
    budget: Budget,
    /// Those that there is something to say about, the fullest first. Empty where it is not known
    /// what is spent: then no prompt is held back.
    uses: Vec<BudgetUse>,
}

impl<'a> SessionBudgets<'a> {
    /// Without budgets this costs one small file. `directory` is where the session was started.
    pub(crate) fn read(
        places: &'a Places,
        environment: &'a Environment,
        session: &'a str,
        transcript: Option<&Path>,
        directory: Option<&Path>,
    ) -> Self {
        let budget = Config::load(places).budget;
        let figures = budget
            .is_any()
            .then(|| {
                let directory = directory.unwrap_or(Path::new("")).to_string_lossy();
                let wanted = Wanted::of(&budget, places, &directory);
                let ledger = Ledger::open(&places.data, Patience::None).ok()?;
                Live::read(ledger, places, session, transcript, None)?.figures(environment, wanted)
            })
            .flatten();
        Self {
            places,
            environment,
            session,
            uses: figures.map_or_else(Vec::new, |figures| uses(&budget, figures)),
            budget,
        }
    }

    /// What becomes of a prompt. None if it is sent without a word.
    pub(crate) fn on_prompt(&self) -> Option<OnPrompt> {
        if let Some(used) = self.holds_back() {
            let mut says = format!(
                "{} Prompt not sent, because budget.action is \"stop\" in your config.toml.\n{}\nTo continue anyway: /whycap continue, then send the prompt again.",
                used.sentence(),
                used.scope.renewal()
            );
            // `claude -p` has no input line.
            let entry = self.environment.text("CLAUDE_CODE_ENTRYPOINT");
            if entry.is_none_or(|entry| entry == "cli") {
                says.push_str(KEPT);
            }
            return Some(OnPrompt::HoldBack(says));
        }
        self.news().map(|used| OnPrompt::Warn(used.sentence()))
    }

    /// What is to be said after an answer. Its last lines come into the transcript up to 200 ms after
    /// the event (2.1.119 to 2.1.329), and nobody is made to wait for them: what they change is said
    /// with the next prompt.
    pub(crate) fn after_answer(&self) -> Option<String> {
        let used = self.news()?;
        let sentence = used.sentence_of_what_is_counted();
        Some(
            if used.is_used_up() && self.budget.action == BudgetAction::Stop {
                format!(
                    "{sentence} The next prompt is held back; /whycap continue lets this session go on."
                )
            } else {
                sentence
            },
        )
    }

    /// The budget that holds this session's prompts back.
    fn holds_back(&self) -> Option<&BudgetUse> {
        let mut uses = self.uses.iter();
        uses.find(|used| {
            self.budget.action == BudgetAction::Stop && used.is_used_up() && !self.is_lifted(used)
        })
    }

    /// A budget that is used further than was said so far. From now on it was said.
    fn news(&self) -> Option<&BudgetUse> {
        let mut uses = self.uses.iter().filter(|used| !self.is_lifted(used));
        uses.find(|used| {
            let once = if used.is_used_up() {
                Once::UsedUp
            } else {
                Once::Warned
            };
            records::mark(&self.mark(used, once))
        })
    }

    fn is_lifted(&self, used: &BudgetUse) -> bool {
        self.mark(used, Once::GoesOn).exists()
    }

    /// Lets this session's prompts go on although a budget is used up, and says so.
    pub(crate) fn go_on(&self) -> String {
        let used_up = self.uses.iter().filter(|used| used.is_used_up());
        let lifted: Vec<&BudgetUse> = used_up.collect();
        for used in &lifted {
            records::mark(&self.mark(used, Once::GoesOn));
        }
        let sentences: Vec<String> = lifted.iter().map(|used| used.sentence()).collect();
        // Several periods end at different times.
        let how_long = match lifted.as_slice() {
            [] => return "No budget is holding prompts back.".to_owned(),
            [used] => used.scope.duration(),
            _ => " about these budgets",
        };
        format!(
            "{} Prompts of this session will be sent. No more reminders in it{how_long}.",
            sentences.join(" ")
        )
    }

    fn mark(&self, used: &BudgetUse, once: Once) -> PathBuf {
        let today = self.environment.zone.day(self.environment.now);
        let month = today.format("%Y-%m");
        let session = self.session;
        let period = match &used.scope {
            BudgetScope::Session => format!("session-{session}"),
            BudgetScope::Day => format!("day-{today}"),
            BudgetScope::Month => format!("month-{month}"),
            BudgetScope::Project(key) => format!("project-{month}-{key}"),
        };
        let (period, kind) = match once {
            Once::Warned => (period, "warned"),
            Once::UsedUp => (period, "used-up"),
            Once::GoesOn => (format!("{period}-{session}"), "goes-on"),
        };
        let name = format!("{}.{kind}", records::name_of(&period));
        self.places.data.join("budgets").join(name)
    }
}

/// 2.1.119 to 2.1.285 leave the line empty, with the prompt under the up arrow; 2.1.308 and later put
/// it back into the line. Ctrl+S does the same in all of them.
const KEPT: &str = "\nYour prompt is in the input line again; if not, press the up arrow. Ctrl+S puts it aside while you type /whycap continue, and then it comes back.";

fn uses(budget: &Budget, figures: LiveFigures) -> Vec<BudgetUse> {
    let month = figures.month.map(Spent::total);
    let projects = figures.projects.into_iter();
    let spent = [
        (BudgetScope::Session, figures.session.total()),
        (BudgetScope::Day, figures.today.total()),
    ]
    .into_iter()
    .chain(month.map(|spent| (BudgetScope::Month, spent)))
    .chain(projects.map(|(key, spent)| (BudgetScope::Project(key), spent)));
    let mut uses: Vec<BudgetUse> = spent
        .filter_map(|(scope, spent)| BudgetUse::worth_saying(budget, scope, spent))
        .collect();
    uses.sort_by(|one, other| other.share().total_cmp(&one.share()));
    uses
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let uses = uses(&budget, figures);
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
                "Today's budget of $20.00 is 80% used: $16.00 so far."
            ]
        );
    }

    #[test]
    fn a_warning_share_of_one_warns_only_when_all_is_used() {
        assert_eq!(found("[budget]\nday = 20\nwarn_at = 1.0\n", 1, 19).len(), 0);
        assert_eq!(found("[budget]\nday = 20\nwarn_at = 1.0\n", 1, 20).len(), 1);
    }
}
