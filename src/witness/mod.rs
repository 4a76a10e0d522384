//! Collects and stores what this machine knows about limits.
//!
//! This is the only step of the limits model that reads files. [`collect`] returns facts for a status-line call, a
//! hook, or a command, and [`record`] stores the facts that a hook or a status-line call has reported. The facts in
//! transcripts are stored when the ledger reads new lines. Nothing here decides what a fact means.
//!
//! While no limit stops work, a hook reads no facts, and a status-line call reads only the readings of the last hours.
//! To make this possible, the ledger stores the time since which facts matter, and [`settle`] moves this time forward
//! when the limits have ended.

mod limits;
mod machine;
mod reported;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

pub(crate) use self::limits::Limits;
pub(crate) use self::reported::of_hook;
pub use self::reported::of_status_line;
use crate::claude::hook_event::HookEvent;
use crate::claude::sessions::{self, Session};
use crate::claude::{settings, transcripts};
use crate::environment::{Environment, Paths};
use crate::ledger::journal;
use crate::ledger::{FactRequest, Ledger, ReadTime};
use crate::limits::{Asker, Event, Fact, Source, World};

/// Readings from this period before a refusal are evidence about the refusal.
const BEFORE_REFUSAL: TimeDelta = TimeDelta::minutes(20);

/// The period whose responses are read one by one. Older responses are combined into one for each quarter of an hour.
const EACH_RESPONSE: TimeDelta = TimeDelta::days(1);

/// The time for which a refusal can matter. The limit that lasts longest is a monthly cap.
pub(crate) const LONGEST_LIMIT: TimeDelta = TimeDelta::days(35);

/// How often a status-line call stores unchanged usage windows.
const READING_EVERY: TimeDelta = TimeDelta::minutes(5);

/// The age of the readings to which the status line compares those of now. A forecast is based on a quarter of a window.
const PACED: TimeDelta = TimeDelta::minutes(75);

/// The maximum time to read the new lines of one open session.
const READ_SESSION: Duration = Duration::from_millis(100);

/// The maximum time to read the new lines of other sessions.
const READ_OTHERS: Duration = Duration::from_millis(150);

/// The session or the shell that calls whycap.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The paths of the files of Claude Code and of whycap.
    pub paths: &'a Paths,
    /// The environment of the process.
    pub environment: &'a Environment,
    /// The session, or `None` for a shell.
    pub session: Option<&'a str>,
    /// The directory of the project.
    pub project: Option<&'a Path>,
}

/// The part of the past that a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// The part since the first refusal or full window that may still matter. If nothing matters anymore, no facts are
    /// collected.
    Open,
    /// Like [`Self::Open`], and the readings of the last hours, which the status line shows. If no limit is open, the
    /// facts about this machine are not collected, because several files would have to be read.
    StatusLine,
    /// The part since the given time.
    Since(DateTime<Utc>),
}

/// The collected facts.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The facts in chronological order.
    pub facts: Vec<Fact>,
    /// The number of refusals in the ledger, for [`settle`].
    refusals: i64,
}

impl Caller<'_> {
    /// Returns the asker whose next prompt an outlook is about.
    pub fn asker(&self) -> Asker {
        match self.session {
            Some(session) => Asker::Session(session.to_owned()),
            None => Asker::Shell {
                payer: machine::payer_among(&machine::credentials_of(self)),
                model: machine::model_of_new_session(self).map(str::to_owned),
                project: self
                    .project
                    .map(|project| project.to_string_lossy().into_owned()),
            },
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.environment.now
    }

    fn fact(&self, source: Source, event: Event) -> Fact {
        Fact {
            at: self.now(),
            session: self.session.map(str::to_owned),
            source,
            event,
        }
    }
}

/// Returns the facts of a period, and the current facts about this machine. `reported` contains the facts that the
/// caller has just reported, and those that the ledger was too busy to store. Without a ledger, the result contains
/// only these facts, the facts in the journal, and those about the machine.
///
/// The result contains the facts of all sessions, because a payer's limit may have stopped any of them.
pub fn collect(
    caller: &Caller<'_>,
    ledger: Option<&Ledger>,
    period: Period,
    reported: &[Fact],
) -> Facts {
    let now = caller.now();
    let mut reported = reported.to_vec();
    if ledger.is_none() {
        reported.extend(journal::records(&caller.paths.data));
        reported.retain(|fact| fact.at >= now - LONGEST_LIMIT);
    }
    let (since, each_response_since) = match period {
        Period::Since(since) => (Some(since), since),
        Period::Open | Period::StatusLine => {
            (since_open(caller, ledger, &reported), now - EACH_RESPONSE)
        }
    };
    let measured = [now - PACED, now].map(|at| at.timestamp_millis());
    let readings_at = match period {
        Period::Open if since.is_none() => return Facts::default(),
        Period::StatusLine => measured.as_slice(),
        Period::Open | Period::Since(_) => &[],
    };
    let request = FactRequest {
        since: since.map(|since| since.timestamp_millis()),
        readings_at,
        each_response_since: each_response_since.timestamp_millis(),
        session: caller.session,
    };
    let stored = ledger
        .and_then(|ledger| ledger.limit_facts(&request).ok())
        .unwrap_or_default();
    let mut facts = stored.facts;
    facts.extend(reported);
    if since.is_some() {
        facts.extend(machine::facts(caller));
    }
    facts.sort_by_key(|fact| fact.at);
    add_requests(&mut facts);
    name_accounts(&mut facts);
    Facts {
        facts,
        refusals: stored.refusals,
    }
}

/// Returns the time since which facts are needed to explain the first refusal that may still stop work. Returns `None`
/// if there is no such refusal.
fn since_open(
    caller: &Caller<'_>,
    ledger: Option<&Ledger>,
    reported: &[Fact],
) -> Option<DateTime<Utc>> {
    let stored = ledger.and_then(|ledger| ledger.limits_since().ok().flatten());
    let just_refused = reported
        .iter()
        .filter(|fact| matches!(fact.event, Event::Refused(_)))
        .map(|fact| fact.at);
    let since = stored.into_iter().chain(just_refused).min()?;
    Some(since.max(caller.now() - LONGEST_LIMIT) - BEFORE_REFUSAL)
}

/// Adds the requests that are not prompts. After a response, a session sends the result of a tool as soon as the tool
/// has finished. Only the time of the response is known, so the request is dated right after the response.
fn add_requests(facts: &mut Vec<Fact>) {
    let mut unanswered: HashMap<String, DateTime<Utc>> = HashMap::new();
    let mut requests = Vec::new();
    for fact in facts.iter() {
        let Some(session) = &fact.session else {
            continue;
        };
        match fact.event {
            Event::Served(_) => {
                let earlier = unanswered.insert(session.clone(), fact.at);
                requests.extend(earlier.map(|at| Fact {
                    at: at + TimeDelta::milliseconds(1),
                    event: Event::Sent { is_typed: false },
                    ..fact.clone()
                }));
            }
            Event::Sent { .. } | Event::Refused(_) => drop(unanswered.remove(session)),
            _ => {}
        }
    }
    facts.append(&mut requests);
    facts.sort_by_key(|fact| fact.at);
}

/// Adds the account to each fact that names only its organization, as versions before 2.1.328 do.
fn name_accounts(facts: &mut [Fact]) {
    let mut accounts: HashMap<String, String> = HashMap::new();
    for fact in facts.iter() {
        let account = match &fact.event {
            Event::Owned { account } => account,
            Event::LoggedIn(Some(login)) => &login.account,
            _ => continue,
        };
        if let Some((person, organization)) = account.split_once('/')
            && !person.is_empty()
        {
            accounts.insert(organization.to_owned(), account.clone());
        }
    }
    for fact in facts {
        if let Event::Owned { account } = &mut fact.event
            && let Some(organization) = account.strip_prefix('/')
            && let Some(known) = accounts.get(organization)
        {
            account.clone_from(known);
        }
    }
}

/// Stores facts that a hook or a status-line call has reported, unless they say nothing new. If the ledger is missing or
/// busy, they go to the journal, and the next reader stores them.
pub fn record(caller: &Caller<'_>, ledger: Option<&Ledger>, reported: &[Fact]) {
    let new: Vec<Fact> = reported
        .iter()
        .filter(|fact| ledger.is_none_or(|ledger| is_new(fact, ledger, caller.now())))
        .cloned()
        .collect();
    if !new.is_empty() {
        Ledger::record_limit_facts(ledger, caller.paths, &new);
    }
}

/// Stores the facts that a hook reports, and returns them. Storing them must take only a few milliseconds, because
/// Claude Code may end the hook at any moment.
pub(crate) fn record_hook(caller: &Caller<'_>, event: &HookEvent) -> Vec<Fact> {
    let ledger = Ledger::open_existing(&caller.paths.data).and_then(Result::ok);
    let is_open = ledger
        .as_ref()
        .is_some_and(|ledger| matches!(ledger.limits_since(), Ok(Some(_))));
    let reported = of_hook(caller, event, is_open);
    record(caller, ledger.as_ref(), &reported);
    reported
}

/// Returns true unless the ledger already contains the state of this session, or the same recent reading. See
/// [`Ledger::has_repeated_reading`].
fn is_new(fact: &Fact, ledger: &Ledger, now: DateTime<Utc>) -> bool {
    if matches!(fact.event, Event::Read(_)) {
        return !ledger
            .has_repeated_reading(fact, now - READING_EVERY)
            .unwrap_or_default();
    }
    ledger
        .limit_states(fact.session.as_deref())
        .unwrap_or_default()
        .iter()
        .all(|known| known.event != fact.event)
}

/// Stores which facts still matter, so that later calls read only those facts or no facts at all. Call this after the
/// facts of [`Period::Open`] have been folded into `world`. `refusals` is the number of refusals that came with these
/// facts.
pub fn settle(ledger: &Ledger, refusals: i64, world: &World) {
    // If this fails, the next call tries again.
    let _ = ledger.settle_limits(refusals, world.matters_since());
}

/// Reads the new lines of the asking session, of each open session, and, for a short time, of the others. For commands and
/// for hooks that have already replied.
pub fn refresh(caller: &Caller<'_>, ledger: &mut Ledger) {
    let prices = settings::prices(caller.paths);
    let registered = sessions::registered(caller.paths);
    let mut open: Vec<PathBuf> = registered
        .iter()
        .filter_map(|session| transcript_of(session, caller.paths))
        .collect();
    open.extend(
        caller
            .session
            .and_then(|session| transcripts::of_session(caller.paths.transcript_roots(), session)),
    );
    open.sort();
    open.dedup();
    // Lines that cannot be read in time are missing from the facts, and the next command reads them.
    for transcript in open {
        let _ = ledger.catch_up_session(&transcript, &prices, READ_SESSION);
    }
    let roots = caller.paths.transcript_roots();
    let _ = ledger.catch_up(
        roots,
        &prices,
        ReadTime::Within(READ_OTHERS),
        &mut |_, _| {},
    );
}

/// Returns the transcript of a registered session, if it is where Claude Code usually stores it. The project directory
/// is named after the session's working directory.
fn transcript_of(session: &Session, paths: &Paths) -> Option<PathBuf> {
    let directory = session.activity.directory.as_deref()?;
    let project: String = directory
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .collect();
    let name = format!("{}.jsonl", session.activity.session.as_deref()?);
    paths
        .transcript_roots()
        .map(|root| root.join(&project).join(&name))
        .find(|path| path.is_file())
}
