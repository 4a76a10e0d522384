//! Gathering what `whycap now` shows; of what is watched, only what changed is looked at again.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{ANSWER_READS, Machine};
use crate::claude::sessions::{self, Liveness, Session, SessionState};
use crate::claude::transcripts;
use crate::claude::transcripts::title_of;
use crate::incidents::{Incidents, Paying, Situation};
use crate::ledger::{Effort, Ledger, RowsBy, SpendSource};
use crate::limits::incident::Incident;
use crate::limits::sample::Sample;
use crate::now::{Moment, RunningSession, SlowFacts, SpendNow};
use crate::places::Places;
use crate::spend::{Amount, Course, running_block};
use crate::time::{Clock, Millis};

/// What takes longest (the ends of many transcripts, the table of processes, weeks of answers) is
/// looked at no more often than this, even while things happen; and this often though nothing
/// happens, because time alone ends a limit.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);
const AT_LEAST_EVERY: Duration = Duration::from_secs(60);

/// What is kept between two looks.
pub(crate) struct Watched {
    ledger: Result<Ledger, String>,
    /// Files that brought something new so far.
    gained: usize,
    slow: Option<(Instant, Version, SlowFacts)>,
    /// By session, where its transcript is and what it was called last: what lies between the ends
    /// of a long transcript is not read.
    titles: HashMap<String, (PathBuf, Option<String>)>,
}

/// The ledger's version, and how many files brought something new, which does not change it: with
/// either, other figures may hold.
type Version = (i64, usize);

impl Watched {
    /// Where there is no ledger, it is told why.
    pub(crate) fn new(ledger: Result<Ledger, String>) -> Self {
        Self {
            ledger: ledger.map_err(|why| format!("not known: {why}")),
            gained: 0,
            slow: None,
            titles: HashMap::new(),
        }
    }

    /// What there is now.
    pub(crate) fn look(&mut self, machine: &Machine) -> Moment {
        let spend = self.spend_now(machine);
        let registered = sessions::registered(&machine.places);
        let incidents = machine.incidents();
        let windows = incidents.windows_of_account();
        let known = windows.as_ref();
        let slow = self.slow_facts(machine, &incidents, known, &registered);
        let expected = known.map(|known| incidents.expected(known));
        Moment {
            clock: machine.clock(),
            are_of_another_login: known
                .is_some_and(|it| it.is_of(incidents.account()) == Some(false)),
            expected: expected.unwrap_or_default(),
            spend,
            sessions: self.running(&incidents, &machine.places, registered, &slow.situation),
            slow,
            windows,
            paying: self.paying(&incidents),
            usage: incidents.shown_usage().cloned(),
            currency: machine.config.currency.clone(),
        }
    }

    fn spend_now(&mut self, machine: &Machine) -> Result<SpendNow, String> {
        let ledger = self.ledger.as_mut().map_err(|why| why.clone())?;
        let Clock { now, zone, .. } = machine.clock();
        let effort = machine.event().map_or(Effort::All, |_| ANSWER_READS);
        // Another process may be writing: then it is read the next time.
        let caught = machine.read_on(ledger, effort);
        self.gained += caught.files;
        let (from, until) = zone.day_bounds(now);
        let spend = ledger.between(from, until).and_then(|today| {
            let mut course = Course::new(machine.clock());
            let since_then = from.timestamp_millis()..Millis::MAX;
            ledger.rows(since_then, RowsBy::Quarter, &mut |row| course.add(&row))?;
            let damaged = ledger.damaged(from.timestamp_millis())?;
            Ok(SpendNow {
                today,
                per_hour: course.per_hour(),
                block: running_block(ledger, now)?,
                is_complete: caught.is_all() && damaged.is_empty(),
            })
        });
        spend.map_err(|error| format!("not known: {error}"))
    }

    fn slow_facts(
        &mut self,
        machine: &Machine,
        incidents: &Incidents<'_>,
        known: Option<&Sample>,
        registered: &[Session],
    ) -> SlowFacts {
        let ledger = self.ledger.as_ref().ok();
        let written = ledger.and_then(|ledger| ledger.version().ok());
        let version = (written.unwrap_or_default(), self.gained);
        if let Some((looked, of_version, slow)) = &self.slow {
            let same = *of_version == version;
            let least = if same { AT_LEAST_EVERY } else { AT_MOST_EVERY };
            if looked.elapsed() < least {
                return slow.clone();
            }
        }
        let named = |pid: &u32| registered.iter().any(|session| session.claim.pid == *pid);
        let present = sessions::presence(&machine.places, registered);
        let uses = known.zip(ledger);
        let uses = uses.and_then(|(known, ledger)| machine.uses(known, ledger));
        let worth = ledger.and_then(|ledger| machine.worth(ledger, None).ok());
        let worth = worth.unwrap_or_default();
        let left = worth.lately(machine.environment.now);
        let left = left.filter_map(|week| Some((week.window, week.left?)));
        let mut slow = SlowFacts {
            situation: incidents.situation(None),
            others: present.live.iter().filter(|pid| !named(pid)).count(),
            uses: uses.unwrap_or_default(),
            left: left.collect(),
        };
        for used in &mut slow.uses {
            used.add_titles(|session| self.title(&machine.places, session));
        }
        self.slow = Some((Instant::now(), version, slow.clone()));
        slow
    }

    /// What answers cost beside the plan: one session may wait while another one pays.
    fn paying(&self, incidents: &Incidents<'_>) -> Option<Paying> {
        let ledger = self.ledger.as_ref().ok()?;
        incidents.paying(&|since, is_own| ledger.costs_since(since, is_own))
    }

    /// The sessions that run, the busiest first.
    fn running(
        &mut self,
        incidents: &Incidents<'_>,
        places: &Places,
        registered: Vec<Session>,
        situation: &Situation,
    ) -> Vec<RunningSession> {
        let shares = incidents.five_hour_shares();
        let mut running = Vec::new();
        let registered = registered.into_iter();
        for session in registered.filter(|session| session.liveness == Liveness::Holds) {
            let doing = session.doing;
            let directory = doing.directory.as_ref();
            let id = doing.session.as_deref();
            let ledger = id.zip(self.ledger.as_ref().ok());
            let spent = ledger.and_then(|(id, ledger)| ledger.session(id).ok());
            let blocked = id.and_then(|id| situation.of_session(id));
            let goes_on = match blocked.and_then(Incident::goes_on) {
                Some(_) if doing.in_background => Some(Err("it runs in the background")),
                goes_on => goes_on,
            };
            let mut shares = shares.iter();
            running.push(RunningSession {
                goes_on,
                share: shares.find_map(|(name, share)| (id == Some(name)).then_some(*share)),
                title: id.and_then(|id| self.title(places, id)),
                cost: spent.map(|spent| Amount::from_tally(&spent)),
                project: directory.map_or_else(String::new, |it| places.show(it.as_ref())),
                doing,
            });
        }
        running.sort_by_key(|it| {
            let (doing, cost) = (&it.doing, it.cost.map(|cost| cost.money));
            let state = doing.state.unwrap_or(SessionState::Idle);
            (state, Reverse(cost), doing.session.clone())
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
