//! Asks the model of limits on behalf of a command, a hook, or a status-line call.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use crate::context::Context;
use crate::environment::Environment;
use crate::ledger::{Ledger, WaitLimit};
use crate::outlook::{Asker, Blocks, Fact, Family, Kind, Outlook, Past, Usage, World};
use crate::paths::Paths;
use crate::spend::Amount;
use crate::time::{Clock, FIVE_HOURS, WEEK};
use crate::witness::{self, Caller, Period};
use crate::wording;

/// How far back a command looks for the newest stop. The longest limit is a monthly cap.
const MEMORY: TimeDelta = TimeDelta::days(35);

/// What is open and closed now, for the session or the shell that asks.
#[derive(Debug)]
pub(crate) struct Limits {
    world: World,
    asker: Asker,
    clock: Clock,
}

impl Limits {
    /// Reads new transcript lines, collects the facts of the last weeks, and folds them. `session` is the asking session, or
    /// `None` for a shell.
    pub(crate) fn read(
        paths: &Paths,
        environment: &Environment,
        session: Option<&str>,
        project: Option<&Path>,
    ) -> Self {
        let since = environment.now - MEMORY;
        Self::since(since, paths, environment, session, project)
    }

    /// Like [`Self::read`], but collects the facts since the given time.
    pub(crate) fn since(
        since: DateTime<Utc>,
        paths: &Paths,
        environment: &Environment,
        session: Option<&str>,
        project: Option<&Path>,
    ) -> Self {
        let caller = Caller {
            paths,
            environment,
            session,
            project,
        };
        // Without a ledger, only what this machine shows now is known.
        let mut ledger = Ledger::open(&paths.data, WaitLimit::None).ok();
        if let Some(ledger) = &mut ledger {
            witness::refresh(&caller, ledger);
        }
        let facts = witness::collect(&caller, ledger.as_ref(), Period::Since(since), &[]);
        Self::fold(facts.facts, &caller)
    }

    /// Folds facts that have been collected for the caller.
    pub(crate) fn fold(facts: Vec<Fact>, caller: &Caller<'_>) -> Self {
        let clock = caller.environment.clock();
        Self {
            asker: caller.asker(),
            world: World::fold(facts, clock.now, clock.zone),
            clock,
        }
    }

    /// Returns the clock of the answers.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Returns what blocks the asker now, or else what stopped it last. Returns `None` if there is no such error.
    pub(crate) fn outlook(&self) -> Option<Outlook> {
        self.world.outlook(&self.asker)
    }

    /// Returns what blocks the asker now.
    pub(crate) fn blocked(&self) -> Option<Outlook> {
        self.outlook().filter(Outlook::is_blocked)
    }

    /// Returns the outlook of another session.
    pub(crate) fn of_session(&self, session: &str) -> Option<Outlook> {
        self.world.outlook(&Asker::Session(session.to_owned()))
    }

    /// Returns what a pasted text means.
    pub(crate) fn meaning(&self, text: &str) -> Option<Outlook> {
        self.world.meaning(text, &self.asker)
    }

    /// Returns what blocks the asker's next prompt.
    pub(crate) fn blocks(&self) -> Option<Blocks> {
        self.world.blocks(&self.asker)
    }

    /// Returns the current readings of the asker's payer.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.world.usage(&self.world.request(&self.asker))
    }

    /// Returns since when usage credits have been paying for the asker's responses.
    pub(crate) fn paying_since(&self) -> Option<DateTime<Utc>> {
        self.world.paying_since(&self.world.request(&self.asker))
    }

    /// Returns the incidents of a period.
    pub(crate) fn past(&self, since: DateTime<Utc>, until: DateTime<Utc>) -> Past {
        self.world.past(since, until)
    }

    /// Returns true if a fact mentions the session.
    pub(crate) fn knows_session(&self, session: &str) -> bool {
        self.world.sessions().any(|(known, _)| known == session)
    }

    /// Returns sentences about other sessions that are blocked by something else.
    pub(crate) fn about_others(&self, outlook: &Outlook) -> Vec<String> {
        let others = self.world.others(outlook);
        others
            .iter()
            .map(|other| {
                let session = other.request.session.as_deref().unwrap_or_default();
                let name = session.split('-').next().unwrap_or(session);
                let headline = wording::headline(other, self.clock);
                format!("In session {name}: {headline}")
            })
            .collect()
    }
}

impl Context {
    /// Returns what is open and closed now for this session, or for the shell if there is none.
    pub(crate) fn limits(&self, session: Option<&str>) -> Limits {
        let project = self.project();
        Limits::read(&self.paths, &self.environment, session, project.as_deref())
    }

    /// Returns what this session or shell has met since the given time.
    pub(crate) fn limits_since(&self, since: DateTime<Utc>) -> Limits {
        let project = self.project();
        Limits::since(
            since,
            &self.paths,
            &self.environment,
            self.session(),
            project.as_deref(),
        )
    }

    /// Returns a sentence with the spend on this machine in the usage window of a limit, or in the month of a cap. Returns
    /// `None` if the limit is not about usage or money, or if there is no ledger.
    pub(super) fn spent_in_window(&self, outlook: &Outlook) -> Option<String> {
        let clock = self.clock();
        let window = outlook.window.unwrap_or(outlook.limit());
        let until = outlook
            .resets_at
            .map_or(clock.now, |reset| reset.min(clock.now));
        let (name, since) = match (window, window.description().family) {
            (Kind::FiveHour, _) => ("this 5-hour window", outlook.resets_at? - FIVE_HOURS),
            (_, Family::Window) => ("this week", outlook.resets_at? - WEEK),
            (_, Family::Overflow | Family::Prepaid) => {
                ("this month", clock.zone.month_bounds(clock.now).0)
            }
            _ => return None,
        };
        let ledger = self.existing_ledger()?;
        let spent = ledger.between(since, until.max(clock.now)).ok()?;
        let cost = Amount::from_tally(&spent);
        Some(format!(
            "Sessions on this machine have spent {} in {name}.",
            cost.show()
        ))
    }
}
