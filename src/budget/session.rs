//! Applies budgets to a session by showing warnings and blocking prompts.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::scope::{BudgetUse, budgets_to_report};
use crate::config::{Budget, BudgetAction, Config};
use crate::disk;
use crate::environment::{Environment, Paths};
use crate::ledger::journal::{self, BudgetEvent, EventKey};
use crate::ledger::{Ledger, LiveFigures, OpenLedger, WaitLimit};
use crate::limits::{BudgetScope, Event, Fact, Source, UsedBudget};
use crate::pricing::Money;
use crate::spend::Amount;

/// The hint in a terminal. In versions 2.1.119 to 2.1.285, a blocked prompt disappears from the input line and can be
/// restored with the up arrow. Since 2.1.308, Claude Code puts it back into the input line. In all of these versions,
/// Ctrl+S stashes the prompt.
const HINT_IN_TERMINAL: &str = "\nYour prompt should be back in the input line. If it is not, press the up arrow. Press Ctrl+S to set your prompt aside while you type /whycap continue. Claude Code restores it afterward.";

/// The hint for `claude -p`, which has no input line and starts a new session each time.
const HINT_WITHOUT_TERMINAL: &str = " This applies only to the current session. Each `claude -p` run starts a new session, so raise the budget in config.toml for those runs.";

/// The reaction to a prompt. Each variant contains a message for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OnPrompt {
    Block(String),
    Warn(String),
}

/// Why it is unknown how much of each budget is used.
#[derive(Debug)]
enum Unknown {
    /// The configuration is damaged. Contains a sentence for the user.
    Configuration(String),
    Spend,
}

/// A session whose budgets are requested.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BudgetedSession<'a> {
    pub id: &'a str,
    pub transcript: Option<&'a Path>,
}

/// The budgets that apply to a session.
#[derive(Debug)]
pub(crate) struct SessionBudgets<'a> {
    paths: &'a Paths,
    environment: &'a Environment,
    session: &'a str,
    /// The action when a budget is exhausted.
    action: BudgetAction,
    /// The budgets to report, with the highest percentage used first, or the reason why their usage is unknown.
    uses: Result<Vec<BudgetUse>, Unknown>,
}

impl<'a> SessionBudgets<'a> {
    /// Reads the budgets that apply to a session, and how much of each has been used. If no budgets are set, no files are
    /// read.
    pub(crate) fn read(
        config: &Config,
        paths: &'a Paths,
        environment: &'a Environment,
        session: BudgetedSession<'a>,
    ) -> Self {
        let uses = match config.problem_hiding_budgets() {
            Some(problem) => Err(Unknown::Configuration(format!(
                "Your budgets are not being checked because of a problem in your config.toml: {problem}."
            ))),
            None if !config.budget.is_set() => Ok(Vec::new()),
            None => read_uses(&config.budget, paths, environment, session).ok_or(Unknown::Spend),
        };
        Self {
            paths,
            environment,
            session: session.id,
            action: config.budget.action,
            uses,
        }
    }

    /// Returns the used-up budgets that block the session's prompts.
    fn blocking(&self) -> impl Iterator<Item = &BudgetUse> {
        self.uses
            .iter()
            .flatten()
            .filter(|budget| self.is_blocking(budget) && !self.is_lifted(budget))
    }

    /// Returns a fact for each used-up budget that blocks the session's prompts.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let session = Some(self.session).filter(|session| !session.is_empty());
        self.blocking()
            .map(|budget| fact(budget, session, self.environment))
            .collect()
    }

    /// Decides what to do with a prompt. Returns `None` if the prompt can be sent without a message.
    pub(crate) fn on_prompt(&self) -> Option<OnPrompt> {
        if let Err(unknown) = &self.uses {
            return self.message_if_unknown(unknown).map(OnPrompt::Warn);
        }
        if let Some(used_up) = self.blocking().next() {
            return Some(self.block(used_up));
        }
        let unannounced = self.take_unannounced()?;
        Some(OnPrompt::Warn(unannounced.sentence()))
    }

    /// Blocks a prompt because a budget is exhausted. If the journal cannot be written, the prompt is sent anyway.
    /// Otherwise, the user would have no way to continue.
    fn block(&self, used_up: &BudgetUse) -> OnPrompt {
        let sentence = used_up.sentence();
        let event = BudgetEvent::Blocked {
            session: self.session,
        };
        if let Err(error) = self.record_event(used_up, event) {
            return OnPrompt::Warn(format!(
                "{sentence} Your prompt was sent anyway because whycap cannot save anything right now, so /whycap continue would not have worked ({error})."
            ));
        }

        let renewal = &used_up.scope.texts().renewal;
        let hint = if self.environment.is_outside_terminal() {
            HINT_WITHOUT_TERMINAL
        } else {
            HINT_IN_TERMINAL
        };
        OnPrompt::Block(format!(
            "{sentence} Your prompt was not sent because budget.action is \"stop\" in your config.toml.\n{renewal}\nTo continue anyway, type /whycap continue, then send the prompt again.{hint}"
        ))
    }

    /// Returns the message to show with a prompt, if any, when the use of the budgets is unknown. A damaged
    /// configuration may contain budgets that should block prompts, so it is reported once per day and session.
    fn message_if_unknown(&self, unknown: &Unknown) -> Option<String> {
        match unknown {
            Unknown::Configuration(sentence) => {
                let today = self.environment.zone.day(self.environment.now);
                let event = EventKey::ConfigurationDamaged {
                    today,
                    session: self.session,
                };
                journal::record_event_once(&self.paths.data, &event).then(|| sentence.clone())
            }
            Unknown::Spend if self.action == BudgetAction::Stop => Some(
                "Your spend could not be read, so this prompt was sent without checking your budgets."
                    .to_owned(),
            ),
            Unknown::Spend => None,
        }
    }

    /// Returns the message to show after a response, or `None` if there is nothing new.
    ///
    /// Claude Code may write the last lines of a response 200 ms after the event (2.1.119 to 2.1.329). whycap does not
    /// wait for them. If they change the state of a budget, it is reported with the next prompt.
    pub(crate) fn after_response(&self) -> Option<String> {
        let unannounced = self.take_unannounced()?;
        let sentence = unannounced.sentence_after_response();
        if self.is_blocking(unannounced) {
            Some(format!(
                "{sentence} Your next prompt will be blocked. To continue this session anyway, type /whycap continue."
            ))
        } else {
            Some(sentence)
        }
    }

    /// Returns a budget whose current state has not been announced yet, and marks it as announced. Returns `None` if
    /// the journal cannot be written. Otherwise, the same warning would be shown every time.
    fn take_unannounced(&self) -> Option<&BudgetUse> {
        self.uses
            .as_ref()
            .ok()?
            .iter()
            .filter(|budget| !self.is_lifted(budget))
            .find(|budget| {
                let event = if budget.is_used_up() {
                    BudgetEvent::UsedUp
                } else {
                    BudgetEvent::Warned
                };
                let name = self.event_name(budget, event);
                journal::record_event_once(&self.paths.data, &name)
            })
    }

    /// Returns true if a budget blocks prompts unless the user has chosen to continue.
    fn is_blocking(&self, budget: &BudgetUse) -> bool {
        budget.blocks_prompts(self.action)
    }

    /// Returns true if the user has chosen to continue despite the budget.
    fn is_lifted(&self, budget: &BudgetUse) -> bool {
        is_lifted(self.session, budget, self.paths, self.environment)
    }

    fn record_event(&self, budget: &BudgetUse, event: BudgetEvent<'_>) -> Result<(), disk::Error> {
        let name = self.event_name(budget, event);
        journal::record_event(&self.paths.data, &name)
    }

    /// Lets the session continue although budgets are exhausted. Returns a message for the user.
    pub(crate) fn lift_budgets(&self) -> String {
        let uses = match &self.uses {
            Ok(uses) => uses,
            Err(Unknown::Configuration(sentence)) => return sentence.clone(),
            Err(Unknown::Spend) => {
                return "whycap cannot read your spend at the moment, so no budget is blocking your prompts.".to_owned();
            }
        };
        let used_up: Vec<&BudgetUse> = uses
            .iter()
            .filter(|budget| budget.is_used_up())
            .collect();
        for budget in &used_up {
            if let Err(error) = self.record_event(budget, self.continue_event()) {
                return format!(
                    "whycap could not save the effect of /whycap continue ({error}). Until it can, no prompts are blocked."
                );
            }
        }

        let sentences = used_up
            .iter()
            .map(|budget| budget.sentence())
            .collect::<Vec<_>>()
            .join(" ");
        match used_up.as_slice() {
            [] => "No budget is blocking your prompts.".to_owned(),
            [only] => format!(
                "{sentences} You can keep using this session without reminders {}.",
                only.scope.texts().lifted
            ),
            _ => format!(
                "{sentences} You can keep using this session. You will not be reminded again until the budgets reset."
            ),
        }
    }

    /// Returns the event that records the user's decision to continue in this session.
    fn continue_event(&self) -> BudgetEvent<'_> {
        BudgetEvent::Continued {
            session: self.session,
        }
    }

    /// Returns the journal key for an event in a budget's current period.
    fn event_name<'e>(&self, budget: &BudgetUse, event: BudgetEvent<'e>) -> EventKey<'e> {
        event_key(self.session, budget, event, self.environment)
    }
}

/// Returns the day's budget if it blocks the prompts of a session.
pub(crate) fn day_budget_blocking(
    session: &str,
    config: &Config,
    figures: &LiveFigures,
    paths: &Paths,
    environment: &Environment,
) -> Option<Fact> {
    let scope = BudgetScope::Day;
    let spent = Amount::from_tally(&figures.today).lower_bound_unless(figures.is_complete);
    let budget = BudgetUse::new(&config.budget, scope, spent)?;
    if !budget.blocks_prompts(config.budget.action) {
        return None;
    }
    if is_lifted(session, &budget, paths, environment) {
        return None;
    }
    Some(fact(&budget, Some(session), environment))
}

/// Returns a used-up budget as a fact for the model of limits.
fn fact(budget: &BudgetUse, session: Option<&str>, environment: &Environment) -> Fact {
    Fact {
        at: environment.now,
        session: session.map(str::to_owned),
        source: Source::Budget,
        event: Event::Budgeted(UsedBudget {
            scope: budget.scope,
            limit_usd: budget.limit.usd(),
            spent_usd: budget.spent.money.usd(),
            ends_at: renews_at(budget.scope, environment),
        }),
    }
}

/// Returns true if the user has chosen to continue in this session although the session's own budget is used up.
pub(crate) fn is_session_budget_lifted(
    session: &str,
    config: &Config,
    paths: &Paths,
    environment: &Environment,
) -> bool {
    let unused = Amount::exact(Money::ZERO);
    BudgetUse::new(&config.budget, BudgetScope::Session, unused)
        .is_some_and(|budget| is_lifted(session, &budget, paths, environment))
}

/// Returns true if the user has chosen to continue in this session despite the budget.
fn is_lifted(session: &str, budget: &BudgetUse, paths: &Paths, environment: &Environment) -> bool {
    let event = BudgetEvent::Continued { session };
    let key = event_key(session, budget, event, environment);
    journal::has_event(&paths.data, &key)
}

/// Returns the journal key for an event in a budget's current period.
fn event_key<'e>(
    session: &str,
    budget: &BudgetUse,
    event: BudgetEvent<'e>,
    environment: &Environment,
) -> EventKey<'e> {
    EventKey::Budget {
        limit: budget.limit.exact(),
        period: period_key(session, budget.scope, environment),
        event,
    }
}

/// Returns the part of a journal key that identifies a budget's current period. In a new period, warnings are shown
/// again, and the user's decisions to continue no longer apply.
fn period_key(session: &str, scope: BudgetScope, environment: &Environment) -> String {
    let today = environment.zone.day(environment.now);
    match scope {
        BudgetScope::Session => format!("of session {session}"),
        BudgetScope::Day => format!("of {today}"),
        BudgetScope::Month => format!("of {}", today.format("%Y-%m")),
    }
}

/// Returns the time at which a used-up budget will no longer block prompts, or `None` if it blocks its session for good.
fn renews_at(scope: BudgetScope, environment: &Environment) -> Option<DateTime<Utc>> {
    let Environment { now, zone, .. } = *environment;
    match scope {
        BudgetScope::Session => None,
        BudgetScope::Day => Some(zone.day_bounds(now).1),
        BudgetScope::Month => Some(zone.month_bounds(now).1),
    }
}

/// Reads how much of each budget has been used. Returns `None` if the spend cannot be read.
fn read_uses(
    budget: &Budget,
    paths: &Paths,
    environment: &Environment,
    session: BudgetedSession<'_>,
) -> Option<Vec<BudgetUse>> {
    let ledger = Ledger::open(&paths.data, WaitLimit::None).ok()?;
    let BudgetedSession { id, transcript } = session;
    let mut live = OpenLedger::read(ledger, paths, id, transcript, None, environment.now)?;
    let figures = live
        .figures(environment, budget.month.is_some())
        .ok()?;
    Some(budgets_to_report(budget, &figures))
}
