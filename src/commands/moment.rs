//! Gathering what `whycap now` shows; of what is watched, only what changed is looked at again.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::machine::Machine;
use crate::claude::meters::Windows;
use crate::claude::sessions::{self, Liveness, Session, SessionState};
use crate::claude::titles::title_of;
use crate::claude::transcripts;
use crate::drain::WindowShares;
use crate::incidents::{Incidents, KnownWindows, Paying, Situation};
use crate::ledger::{Ledger, RowsBy, SpendSource};
use crate::limits::incident::{GoesOn, Incident};
use crate::limits::kind::Window;
use crate::now::{Moment, RunningSession, SpendNow};
use crate::places::Places;
use crate::pricing::Money;
use crate::spend::{Amount, Course, running_block};
use crate::time::{Millis, QUARTER};

/// Looking for a limit reads the ends of many transcripts: no more often than this, even while
/// things happen; and this often though nothing happens, because time alone ends some.
const LIMIT_AT_MOST_EVERY: Duration = Duration::from_secs(10);
const LIMIT_AT_LEAST_EVERY: Duration = Duration::from_secs(60);

/// The table of processes is only looked through for clients that no registry names.
const OTHERS_EVERY: Duration = Duration::from_secs(30);

/// What a percent is worth takes weeks of answers.
const WORTH_EVERY: Duration = Duration::from_secs(60);

/// What is kept between two looks.
pub(super) struct Watched {
    ledger: Result<Ledger, String>,
    /// Files that brought something new so far.
    gained: usize,
    /// What was spent when the ledger had this version.
    spend: Option<(Version, SpendNow)>,
    situation: Option<(Instant, Version, Situation)>,
    others: Option<(Instant, usize)>,
    left: Option<(Instant, Vec<(Window, Money)>)>,
    /// What the windows were used by when the ledger had this version, and they these figures.
    uses: Option<(Version, Windows, Vec<WindowShares>)>,
    /// By session, where its transcript is and what it was called last: what lies between the ends
    /// of a long transcript is not read.
    titles: HashMap<String, (PathBuf, Option<String>)>,
}

/// The ledger's version, how many files brought something new, and the quarter of an hour: with
/// any of them, other figures may hold.
type Version = (i64, usize, i64);

impl Watched {
    pub(super) fn new(ledger: anyhow::Result<Ledger>) -> Self {
        Self {
            ledger: ledger.map_err(|error| format!("not known: {error:#}")),
            gained: 0,
            spend: None,
            situation: None,
            others: None,
            left: None,
            uses: None,
            titles: HashMap::new(),
        }
    }

    /// What there is now.
    pub(super) fn look(&mut self, machine: &Machine) -> Moment {
        let (spend, version) = self.spend_now(machine);
        let registered = sessions::registered(&machine.places);
        let others = self.others(&machine.places, &registered);
        let incidents = machine.incidents();
        let situation = self.situation(&incidents, version);
        let known = incidents.windows_of_account();
        let (expected, uses) = match &known {
            Some(known) => (
                incidents.expected(&known.windows, known.account.as_deref()),
                self.uses(known, version, machine),
            ),
            None => Default::default(),
        };
        let shares = incidents.five_hour_shares();
        Moment {
            clock: machine.clock(),
            uses,
            left: self.left(machine),
            windows: known.map(|known| known.windows),
            expected,
            spend,
            sessions: self.running(&machine.places, registered, &shares, &situation),
            others,
            paying: self.paying(&incidents, &situation),
            blocked: situation.blocking().cloned(),
            usage: incidents.shown_usage().cloned(),
            currency: machine.config.currency.clone(),
        }
    }

    /// What is spent, and the version of the ledger that says so.
    fn spend_now(&mut self, machine: &Machine) -> (Result<SpendNow, String>, Version) {
        let ledger = match &mut self.ledger {
            Ok(ledger) => ledger,
            Err(why) => return (Err(why.clone()), Version::default()),
        };
        let environment = &machine.environment;
        let roots = machine.places.transcript_roots();
        // Another process may be writing: then it is read the next time.
        let caught = ledger.catch_up(roots, machine.prices(), machine.effort(), &mut |_| {});
        // Our own writing does not change the ledger's number.
        self.gained += caught.as_ref().map_or(0, |caught| caught.files);
        let quarter = environment.now.timestamp_millis().div_euclid(QUARTER);
        let written = ledger.version().unwrap_or_default();
        let version = (written, self.gained, quarter);
        if let Some((known, spend)) = self.spend
            && known == version
        {
            return (Ok(spend), version);
        }
        let (from, until) = environment.zone.day_bounds(environment.now);
        let spend = ledger.between(from, until).and_then(|today| {
            let mut course = Course::new(environment.clock());
            let since_then = from.timestamp_millis()..Millis::MAX;
            ledger.rows(since_then, RowsBy::Quarter, &mut |row| course.add(&row))?;
            Ok(SpendNow {
                today,
                per_hour: course.per_hour(),
                block: running_block(ledger, environment.now)?,
                is_complete: caught.is_ok_and(|caught| caught.is_all()),
            })
        });
        match spend {
            Ok(spend) => {
                self.spend = Some((version, spend));
                (Ok(spend), version)
            }
            Err(error) => (Err(format!("not known: {error}")), version),
        }
    }

    fn situation(&mut self, incidents: &Incidents<'_>, version: Version) -> Situation {
        if let Some((looked, known, situation)) = &self.situation {
            let age = looked.elapsed();
            let least = if *known == version {
                LIMIT_AT_LEAST_EVERY
            } else {
                LIMIT_AT_MOST_EVERY
            };
            if age < least {
                return situation.clone();
            }
        }
        let situation = incidents.situation(None);
        self.situation = Some((Instant::now(), version, situation.clone()));
        situation
    }

    /// What answers cost beside the plan, while nothing blocks.
    fn paying(&self, incidents: &Incidents<'_>, situation: &Situation) -> Option<Paying> {
        let ledger = self.ledger.as_ref().ok()?;
        let paying = incidents.paying(None, |since| ledger.costs_since(since).ok());
        paying.filter(|_| situation.blocking().is_none())
    }

    /// What the windows were used by.
    fn uses(
        &mut self,
        known: &KnownWindows,
        version: Version,
        machine: &Machine,
    ) -> Vec<WindowShares> {
        if let Some((counted, windows, uses)) = &self.uses
            && (counted, windows) == (&version, &known.windows)
        {
            return uses.clone();
        }
        let Ok(ledger) = &self.ledger else {
            return Vec::new();
        };
        let uses = machine.uses(&known.windows, known.account.as_deref(), ledger);
        let mut uses = uses.unwrap_or_default();
        for used in &mut uses {
            used.add_titles(|session| self.title(&machine.places, session));
        }
        self.uses = Some((version, known.windows, uses.clone()));
        uses
    }

    /// What is left of the windows, by what a percent was worth of late.
    fn left(&mut self, machine: &Machine) -> Vec<(Window, Money)> {
        if let Some((looked, left)) = &self.left
            && looked.elapsed() < WORTH_EVERY
        {
            return left.clone();
        }
        let worth = self
            .ledger
            .as_ref()
            .ok()
            .and_then(|it| machine.worth(it).ok());
        let worth = worth.unwrap_or_default();
        let left = worth.lately(machine.environment.now);
        let left = left.filter_map(|week| Some((week.window, week.left?)));
        let left: Vec<(Window, Money)> = left.collect();
        self.left = Some((Instant::now(), left.clone()));
        left
    }

    /// How many clients run that the registry does not name.
    fn others(&mut self, places: &Places, registered: &[Session]) -> usize {
        if let Some((looked, others)) = self.others
            && looked.elapsed() < OTHERS_EVERY
        {
            return others;
        }
        let named = |pid: &u32| registered.iter().any(|session| session.claim.pid == *pid);
        let present = sessions::presence(places, registered);
        let others = present.live.iter().filter(|pid| !named(pid)).count();
        self.others = Some((Instant::now(), others));
        others
    }

    /// The sessions that run, the busiest first.
    fn running(
        &mut self,
        places: &Places,
        registered: Vec<Session>,
        shares: &[(String, f64)],
        situation: &Situation,
    ) -> Vec<RunningSession> {
        let mut running = Vec::new();
        for session in registered {
            if session.liveness != Liveness::Holds {
                continue;
            }
            let doing = session.doing;
            let id = doing.session.as_deref();
            let is_own = |(name, _): &&(String, f64)| id == Some(name.as_str());
            let directory = doing.directory.as_ref();
            let blocked = id.and_then(|id| situation.of_session(id));
            running.push(RunningSession {
                goes_on: blocked.and_then(Incident::goes_on).map(|goes_on| {
                    if doing.in_background {
                        GoesOn::Not("it runs in the background")
                    } else {
                        goes_on
                    }
                }),
                share: shares.iter().find(is_own).map(|(_, share)| *share),
                title: id.and_then(|id| self.title(places, id)),
                project: directory.map_or_else(String::new, |it| places.show(it.as_ref())),
                state: doing.state,
                since: doing.since,
                cost: id.and_then(|id| {
                    let ledger = self.ledger.as_ref().ok()?;
                    Some(Amount::from_spent(&ledger.session(id).ok()?))
                }),
                id: doing.session,
            });
        }
        running.sort_by_key(|it| {
            (
                rank(it.state),
                Reverse(it.cost.map(|cost| cost.money)),
                it.id.clone(),
            )
        });
        running
    }

    fn title(&mut self, places: &Places, session: &str) -> Option<String> {
        if !self.titles.contains_key(session) {
            let transcript = transcripts::of_session(places.transcript_roots(), session)?;
            self.titles.insert(session.to_owned(), (transcript, None));
        }
        let (transcript, title) = self.titles.get_mut(session)?;
        *title = title_of(transcript).or(title.take());
        title.clone()
    }
}

/// What waits for its user comes first, then what works.
fn rank(state: Option<SessionState>) -> u8 {
    match state {
        Some(SessionState::Waiting) => 0,
        Some(SessionState::Busy) => 1,
        Some(SessionState::Shell) => 2,
        Some(SessionState::Idle) | None => 3,
    }
}
