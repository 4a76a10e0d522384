//! Answers the questions of a session or a shell about limits.

use chrono::{DateTime, Utc};

use super::{Caller, Facts, Period, collect, refresh, settle};
use crate::claude::window_usage::WindowFigures;
use crate::ledger::{Ledger, OpenLedger};
use crate::limits::wording::Paying;
use crate::limits::{
    Asker, Blocks, Fact, Kind, Measure, Outlook, Past, PayerUsage, Pays, Request, World,
};
use crate::spend::pace::WindowPace;
use crate::time::Clock;

/// The world that the collected facts describe, and the session or the shell that asks about it.
#[derive(Debug)]
pub(crate) struct Limits {
    world: World,
    asker: Asker,
    clock: Clock,
    /// The number of refusals in the ledger, for [`settle`].
    refusals: i64,
}

impl Limits {
    /// Reads new transcript lines, collects the facts since the given time, and derives the state of all limits from them.
    /// `reported` contains facts that the caller already knows, such as used-up budgets. Without a ledger, the transcripts
    /// are read into memory.
    pub(crate) fn read(
        ledger: Option<Ledger>,
        since: DateTime<Utc>,
        caller: &Caller<'_>,
        reported: &[Fact],
    ) -> Self {
        let mut ledger = ledger.or_else(|| Ledger::in_memory(&caller.paths.data).ok());
        if let Some(ledger) = &mut ledger {
            refresh(caller, ledger);
        }
        Self::since(since, ledger.as_ref(), caller, reported)
    }

    /// Like [`Self::read`], but with a ledger that is up to date.
    pub(crate) fn since(
        since: DateTime<Utc>,
        ledger: Option<&Ledger>,
        caller: &Caller<'_>,
        reported: &[Fact],
    ) -> Self {
        let facts = collect(caller, ledger, Period::Since(since), reported);
        Self::fold(facts, caller)
    }

    /// Returns the limits for a hook. Reads no transcripts, and collects only facts about limits that may still stop
    /// work.
    pub(crate) fn for_hook(
        caller: &Caller<'_>,
        ledger: Option<&Ledger>,
        reported: &[Fact],
    ) -> Self {
        Self::fold(collect(caller, ledger, Period::Open, reported), caller)
    }

    /// Returns the limits for a status-line call. Collects only the readings of the last hours, and facts about limits
    /// that may still stop work.
    pub(crate) fn for_status_line(
        caller: &Caller<'_>,
        live: Option<&OpenLedger>,
        reported: &[Fact],
    ) -> Self {
        let ledger = live.map(OpenLedger::ledger);
        let unsaved = live.map_or(&[][..], OpenLedger::unsaved_limit_facts);
        let known = [unsaved, reported].concat();
        Self::fold(collect(caller, ledger, Period::StatusLine, &known), caller)
    }

    fn fold(facts: Facts, caller: &Caller<'_>) -> Self {
        let clock = caller.environment.clock();
        Self {
            asker: caller.asker(),
            world: World::fold(facts.facts, clock.now, clock.zone),
            clock,
            refusals: facts.refusals,
        }
    }

    /// Folds the facts of a session of another machine, about which nothing else is known.
    pub(crate) fn of_session_elsewhere(session: &str, facts: &[Fact], clock: Clock) -> Self {
        Self {
            world: World::fold(facts.to_vec(), clock.now, clock.zone),
            asker: Asker::Session(session.to_owned()),
            clock,
            refusals: 0,
        }
    }

    /// Returns the same limits, but with this session as the asker instead of the caller.
    #[must_use]
    pub(crate) fn asked_by(self, session: &str) -> Self {
        let asker = Asker::Session(session.to_owned());
        Self { asker, ..self }
    }

    /// Stores which facts still matter. Call this once a status-line call has printed its line.
    pub(crate) fn settle(&self, ledger: &Ledger) {
        settle(ledger, self.refusals, &self.world);
    }

    /// Returns the request that the asker's next prompt would send.
    fn request(&self) -> Request {
        self.world.request(&self.asker)
    }

    /// Returns the clock for rendering the answers.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Returns what blocks the asker now, or else what last stopped it. Returns `None` if nothing has stopped it.
    pub(crate) fn outlook(&self) -> Option<Outlook> {
        self.world.outlook(&self.asker)
    }

    /// Returns what blocks the asker now.
    pub(crate) fn blocked(&self) -> Option<Outlook> {
        self.outlook().filter(Outlook::is_blocked)
    }

    /// Returns what blocks a session now, or else what last stopped it.
    pub(crate) fn of_session(&self, session: &str) -> Option<Outlook> {
        self.world
            .outlook(&Asker::Session(session.to_owned()))
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
    pub(crate) fn usage(&self) -> Option<PayerUsage> {
        self.world.usage(&self.request())
    }

    /// Returns the last reported figures of the usage windows of the asker's payer.
    pub(crate) fn window_figures(&self) -> Option<WindowFigures> {
        let usage = self.usage()?;
        let measures: Vec<Measure> = usage
            .readings
            .into_iter()
            .map(|reading| reading.measure)
            .collect();
        Some(WindowFigures {
            at: usage.at,
            measures,
            spend_limit: None,
        })
    }

    /// Returns the pace of each usage window of the asker's payer. While a weekly window is full, the 5-hour window has
    /// no pace, because it cannot fill up.
    pub(crate) fn paces(&self) -> Vec<WindowPace> {
        let payer = self.request().payer;
        let is_week_full = self.window_figures().is_some_and(|figures| {
            figures
                .usage(Kind::Weekly)
                .is_some_and(Measure::is_used_up)
        });
        Kind::ALL
            .into_iter()
            .filter(|kind| kind.is_window() && !(is_week_full && *kind == Kind::FiveHour))
            .filter_map(|window| {
                WindowPace::of(self.world.readings(&payer, window), self.clock.now)
            })
            .collect()
    }

    /// Returns who pays for the asker's next prompt.
    pub(crate) fn pays(&self) -> Pays {
        self.world.pays(&self.request())
    }

    /// Returns the time since which usage credits have been paying for the asker's responses.
    pub(crate) fn paying_since(&self) -> Option<DateTime<Utc>> {
        self.world.paying_since(&self.request())
    }

    /// Returns the amount, at list prices, that has been paid with usage credits since a usage window became full.
    /// Returns `None` if usage credits are not paying, or if the ledger cannot be read.
    pub(crate) fn paying(&self, ledger: &Ledger) -> Option<Paying> {
        let since = self.paying_since()?;
        let cost = ledger.cost_since(since, &self.is_of_payer()).ok()?;
        Some(Paying { since, cost })
    }

    /// Returns a function that returns true if the asker's payer also pays for a session now.
    pub(crate) fn is_of_payer(&self) -> impl Fn(&str) -> bool {
        let payer = self.request().payer;
        move |session| {
            let asker = Asker::Session(session.to_owned());
            self.world.request(&asker).payer == payer
        }
    }

    /// Returns the stops of a period.
    pub(crate) fn past(&self, since: DateTime<Utc>, until: DateTime<Utc>) -> Past {
        self.world.past(since, until)
    }

    /// Returns the sessions that Claude Code continues by itself, and the time at which each of them continues. Leaves
    /// out the session that the outlook is about.
    pub(crate) fn continuing(&self, outlook: &Outlook) -> Vec<(&str, DateTime<Utc>)> {
        let stopped = outlook
            .stop
            .as_ref()
            .map(|stop| stop.session.as_str());
        let mut continuing = self.world.continuing();
        continuing.retain(|(session, _)| {
            stopped != Some(session) && outlook.request.session.as_deref() != Some(session)
        });
        continuing
    }

    /// Returns what blocks other sessions. Each limit is returned once.
    pub(crate) fn others(&self, outlook: &Outlook) -> Vec<Outlook> {
        self.world.others(outlook)
    }
}
