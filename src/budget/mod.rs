//! Budgets from `config.toml`: how far each is used, and what to say or hold back.
//!
//! A budget is the user's own; nothing here knows of Claude Code's limits. What is said is one warning
//! after an answer, one word when it is used up, or a prompt is held back until the user wishes to go
//! on. The journal remembers what was said, by budget, period and limit: a budget that was raised is a
//! new one.
//!
//! Holding back fails open: a prompt is sent where it is not known what was spent, and where a wish
//! to go on could not be remembered. Then one line says so.

pub(crate) mod overview;

use std::ops::Range;
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};

use crate::claude::hook_event::HookEvent;
use crate::config::{Budget, BudgetAction, Config};
use crate::disk;
use crate::environment::Environment;
use crate::incidents::Paid;
use crate::journal;
use crate::ledger::{Ledger, Live, LiveFigures, Patience, Wanted};
use crate::places::Places;
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
    /// A month, of what is paid beyond a full window of the plan: inferred.
    Credits,
    /// A month, in the directories that this key names.
    Project(String),
}

/// Read once: a prompt asks for several of each budget.
static TEXTS: LazyLock<Texts> = LazyLock::new(|| Texts::parse(include_str!("scopes.json")));

impl BudgetScope {
    /// What scopes.json says of such budgets under this name.
    fn says(&self, what: &str, given: &[Filling<'_>]) -> String {
        let own: [Filling<'_>; 1] = [("project", &self.project().unwrap_or_default())];
        TEXTS.say(&format!("{}.{what}", self.key()), &[given, &own].concat())
    }

    /// The key of a project.
    fn project(&self) -> Option<&str> {
        match self {
            Self::Project(key) => Some(key),
            _ => None,
        }
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
        let (limit, spent) = (self.limit, self.spent);
        let about = self.scope.says("about", &[]);
        let used = match self.percent() {
            _ if self.is_used_up() => "used up".to_owned(),
            percent => format!("{at_least}{percent}% used"),
        };
        format!("{whose} of {limit} is {used}: {about}{spent} {counted}so far.")
    }
}

/// What becomes of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OnPrompt {
    HoldBack(String),
    Warn(String),
}

/// Why it is not known how far budgets are used.
#[derive(Debug)]
enum Unknown {
    /// What is said of a `config.toml` that is broken.
    Configuration(String),
    Spend,
}

/// A session and what it may spend.
#[derive(Debug)]
pub(crate) struct SessionBudgets<'a> {
    places: &'a Places,
    environment: &'a Environment,
    session: &'a str,
    /// Whether prompts are held back.
    stops: bool,
    /// Those that there is something to say about, the fullest first.
    uses: Result<Vec<BudgetUse>, Unknown>,
    /// Until when answers are paid from usage credits, as far as is known.
    paying_until: Option<DateTime<Utc>>,
}

impl<'a> SessionBudgets<'a> {
    /// Of the session that asks. Without budgets this costs nothing. `paid` says what was paid from usage credits since a
    /// moment.
    pub(crate) fn read(
        config: &Config,
        places: &'a Places,
        environment: &'a Environment,
        event: &'a HookEvent,
        paid: impl Fn(DateTime<Utc>, &Live) -> Option<Paid>,
    ) -> Option<Self> {
        let (budget, session) = (&config.budget, event.session_id.as_deref()?);
        let mut paying_until = None;
        let mut figures = || {
            // Where it was started, if that is told.
            let started = environment.path("CLAUDE_PROJECT_DIR");
            let directory = started.or_else(|| event.cwd.clone()).unwrap_or_default();
            let directory = directory.to_string_lossy();
            let transcript = event.transcript_path.as_deref();
            let ledger = Ledger::open(&places.data, Patience::None).ok()?;
            let mut live = Live::read(ledger, places, session, transcript, None)?;
            let figures = live.figures(environment, Wanted::new(budget, &directory))?;
            let (month, _) = environment.zone.month_bounds(environment.now);
            let paid = budget.credits.and_then(|_| paid(month, &live));
            paying_until = paid.and_then(|paid| paid.goes_on_until);
            Some(uses(budget, &figures, paid.map(|paid| paid.cost)))
        };
        let uses = match config.problems.first() {
            Some(problem) if config.hides_budgets() => Err(Unknown::Configuration(format!(
                "No budget is watched, because of your config.toml: {problem}."
            ))),
            _ if !budget.is_any() => Ok(Vec::new()),
            _ => figures().ok_or(Unknown::Spend),
        };
        Some(Self {
            places,
            environment,
            session,
            stops: budget.action == BudgetAction::Stop,
            uses,
            paying_until,
        })
    }

    /// What becomes of a prompt. None if it is sent without a word.
    pub(crate) fn on_prompt(&self) -> Option<OnPrompt> {
        let uses = match &self.uses {
            Ok(uses) => uses,
            Err(unknown) => return self.unwatched(unknown).map(OnPrompt::Warn),
        };
        let mut full = uses.iter().filter(|used| self.holds_back(used));
        let Some(full) = full.find(|used| !self.is_lifted(used)) else {
            return self.news().map(|news| OnPrompt::Warn(news.sentence()));
        };
        let sentence = full.sentence();
        if let Err(error) = self.remember(full, &format!("held back {}", self.session)) {
            return Some(OnPrompt::Warn(format!(
                "{sentence} This prompt is sent all the same, because /whycap continue could not be remembered: {error}."
            )));
        }
        let clock = self.environment.clock();
        let until = clock.time_and_distance(self.paying_until.unwrap_or(clock.now));
        let renewal = full.scope.says("renewal", &[("until", &until)]);
        // `claude -p` has no input line.
        let entry = self.environment.text("CLAUDE_CODE_ENTRYPOINT");
        let has_line = entry.is_none_or(|entry| entry == "cli");
        Some(OnPrompt::HoldBack(format!(
            "{sentence} Prompt not sent, because budget.action is \"stop\" in your config.toml.\n{renewal}\nTo continue anyway: /whycap continue, then send the prompt again.{}",
            if has_line { KEPT } else { NO_LINE }
        )))
    }

    /// What is said of a prompt that no budget looks at. Of a broken file once a day and session, for
    /// nobody knows whether budgets were to hold anything back.
    fn unwatched(&self, unknown: &Unknown) -> Option<String> {
        match unknown {
            Unknown::Configuration(says) => {
                let now = self.environment.now;
                let today = self.environment.zone.day(now);
                let what = format!("broken config {today} {}", self.session);
                let lately = now - TimeDelta::days(1)..now;
                journal::say_once(self.places, &what, &lately).then(|| says.clone())
            }
            Unknown::Spend => self.stops.then(|| {
                "What was spent cannot be read at this moment, so this prompt is sent without a look at your budgets.".to_owned()
            }),
        }
    }

    /// What is to be said after an answer. Its last lines come into the transcript up to 200 ms after
    /// the event (2.1.119 to 2.1.329), and nobody is made to wait for them: what they change is said
    /// with the next prompt.
    pub(crate) fn after_answer(&self) -> Option<String> {
        let used = self.news()?;
        let mut says = used.told("at least ", "counted ");
        if self.holds_back(used) {
            says += " The next prompt is held back; /whycap continue lets this session go on.";
        }
        Some(says)
    }

    /// A budget that is used further than was said so far. From now on it was said. What cannot be
    /// remembered is not said, which is better than saying it every time.
    fn news(&self) -> Option<&BudgetUse> {
        let uses = self.uses.as_deref().unwrap_or_default().iter();
        uses.filter(|used| !self.is_lifted(used)).find(|it| {
            let event = if it.is_used_up() { "used up" } else { "warned" };
            journal::say_once(self.places, &self.name(it, event), &self.period(it))
        })
    }

    /// Whether prompts are held back because of it, until somebody wishes to go on. What the plan includes is
    /// not held back for the sake of usage credits.
    fn holds_back(&self, used: &BudgetUse) -> bool {
        let costs = used.scope != BudgetScope::Credits || self.paying_until.is_some();
        self.stops && used.is_used_up() && costs
    }

    fn is_lifted(&self, used: &BudgetUse) -> bool {
        let what = self.name(used, &self.goes_on());
        journal::was_said(self.places, &what, &self.period(used))
    }

    fn remember(&self, used: &BudgetUse, event: &str) -> Result<(), disk::Error> {
        journal::note(self.places, &self.name(used, event), self.environment.now)
    }

    /// Lets this session's prompts go on although a budget is used up, and says so.
    pub(crate) fn go_on(&self) -> String {
        let uses = match &self.uses {
            Ok(uses) => uses,
            Err(Unknown::Configuration(says)) => return says.clone(),
            Err(Unknown::Spend) => {
                return "What was spent cannot be read at this moment, so no budget is holding prompts back.".to_owned();
            }
        };
        let lifted: Vec<&BudgetUse> = uses.iter().filter(|each| each.is_used_up()).collect();
        for budget in &lifted {
            if let Err(error) = self.remember(budget, &self.goes_on()) {
                return format!(
                    "whycap cannot remember that you want to continue: {error}. As long as that is so, it holds no prompt back."
                );
            }
        }
        let sentences: Vec<String> = lifted.iter().map(|budget| budget.sentence()).collect();
        // Several periods end at different times.
        let how_long = match lifted.as_slice() {
            [] => return "No budget is holding prompts back.".to_owned(),
            [only] => format!("it, without reminders, {}", only.scope.says("lifted", &[])),
            _ => "these budgets, without reminders, until each starts over".to_owned(),
        };
        let sentences = sentences.join(" ");
        format!("{sentences} Prompts of this session are sent again beyond {how_long}.")
    }

    /// A budget's period so far. A session that is a month old may hear a thing again.
    fn period(&self, used: &BudgetUse) -> Range<DateTime<Utc>> {
        let Environment { now, zone, .. } = *self.environment;
        let begun = match used.scope {
            BudgetScope::Session => now - TimeDelta::days(31),
            BudgetScope::Day => zone.day_bounds(now).0,
            _ => zone.month_bounds(now).0,
        };
        begun..now
    }

    /// What the journal calls the wish to go on in this session.
    fn goes_on(&self) -> String {
        format!("lets {} go on", self.session)
    }

    /// What the journal calls something that happens for a budget and period.
    fn name(&self, used: &BudgetUse, event: &str) -> String {
        let today = self.environment.zone.day(self.environment.now);
        let month = today.format("%Y-%m");
        let given: [Filling<'_>; 3] = [
            ("session", &self.session),
            ("today", &today),
            ("month", &month),
        ];
        let period = used.scope.says("period", &given);
        format!("budget of {} {period}: {event}", used.limit.exact())
    }
}

/// 2.1.119 to 2.1.285 leave the line empty, with the prompt under the up arrow; 2.1.308 and later put
/// it back into the line. Ctrl+S does the same in all of them.
const KEPT: &str = "\nYour prompt is in the input line again; if not, press the up arrow. Ctrl+S puts it aside while you type /whycap continue, and then it comes back.";

/// In `claude -p`, where the wish would be another session's.
const NO_LINE: &str = " That is for this session; each `claude -p` starts another one, and needs a higher budget in config.toml.";

/// How far budgets are used of which there is something to say, the fullest first.
pub(crate) fn uses(budget: &Budget, figures: &LiveFigures, paid: Option<Money>) -> Vec<BudgetUse> {
    let general = [
        (BudgetScope::Session, Some(figures.session.cost())),
        (BudgetScope::Day, Some(figures.today.cost())),
        (BudgetScope::Month, figures.month.map(|spent| spent.cost())),
        (BudgetScope::Credits, paid),
    ];
    let projects = figures.projects.iter();
    let projects = projects.map(|(key, spent)| (BudgetScope::Project(key.clone()), Some(*spent)));
    let all = general.into_iter().chain(projects);
    let told = all.filter_map(|(scope, spent)| BudgetUse::worth_saying(budget, scope, spent?));
    let mut uses: Vec<BudgetUse> = told.collect();
    uses.sort_by(|one, other| other.share().total_cmp(&one.share()));
    uses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Tally;

    fn found(config: &str, session: i64, day: i64) -> Vec<String> {
        let budget = Config::parse(config).budget;
        let spent = |usd: i64| Tally {
            recorded: Money::from_nano(usd * 1_000_000_000),
            ..Tally::default()
        };
        let figures = LiveFigures {
            session: spent(session),
            today: spent(day),
            month: Some(spent(day)),
            ..LiveFigures::default()
        };
        let uses = uses(&budget, &figures, None);
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
