//! The facts about limits, which come from transcripts, hooks, and status-line calls.
//!
//! Facts are only added. The same fact is stored once, however often it is reported. Responses are facts about limits,
//! too, but they are read from the table of responses. A status-line call must not pay for history, so the ledger also
//! stores the time since which facts matter: an earlier refusal cannot stop anything anymore.

use std::collections::{BTreeSet, HashSet};
use std::mem::{Discriminant, discriminant};

use chrono::{DateTime, Utc};
use rusqlite::{Params, Row, params};
use serde_json::{from_str, to_string};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::database::{Ledger, Store};
use super::error::{LedgerResult, Result};
use super::facts::{Id, id_of};
use super::journal::{self, JournalRecord};
use super::stored_responses::SUBAGENT;
use crate::environment::Paths;
use crate::limits::{Event, Fact, Measure, Source};
use crate::time::{FIVE_HOURS, Millis, QUARTER_HOUR, datetime_from_millis};
use crate::transcript::limit_lines::response_from;

/// The names of numbers in the table `meta`.
const REFUSALS: &str = "limit_refusals";
const SINCE: &str = "limits_since";

/// The number of newest states of a session to search. A session rarely changes its account or its model.
const NEWEST_STATES: usize = 16;

/// The number of readings before and after a time that are enough to know its figures: of each payer and of each window.
const NEAREST_READINGS: usize = 8;

/// The greatest distance of such a reading, which is the length of the shortest window.
const NEAREST_WITHIN: Millis = FIVE_HOURS.num_milliseconds();

/// Selects what [`fact_from`] reads.
const SELECT: &str = "SELECT at, session, source, event FROM limit_facts WHERE";

/// What the table has in place of a session if an event changes what holds for the machine.
const MACHINE: &str = "machine";

/// Selects the names of the session and the model of each row of sums.
const NAMES_OF_SUMS: &str =
    "sessions.name, names.name FROM sums LEFT JOIN sessions ON sessions.id = session
     LEFT JOIN names ON names.id = model WHERE level = 0";

/// Selects the same names for each response of a session.
const NAMES_OF_RESPONSES: &str =
    "sessions.name, names.name FROM responses LEFT JOIN sessions ON sessions.id = session
     LEFT JOIN names ON names.id = model WHERE session = ?1";

impl JournalRecord for Fact {
    const KIND: &'static str = "fact";
}

/// The facts that a caller needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FactRequest<'a> {
    /// The time since which all facts are needed, or `None` if only readings are.
    pub since: Option<Millis>,
    /// The times for which the nearest readings of usage windows are needed.
    pub readings_at: &'a [Millis],
    /// The time since which each response is needed. Before it, one for each quarter of an hour is enough.
    pub each_response_since: Millis,
    /// A session that is needed even if nothing has happened in it.
    pub session: Option<&'a str>,
}

/// The requested facts about limits.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoredFacts {
    pub facts: Vec<Fact>,
    /// The number of refusals and full windows that the ledger contained. See [`Ledger::settle_limits`].
    pub refusals: i64,
}

/// Returns true if the event changes what holds for a session until the next event of its kind.
fn is_state(event: &Event) -> bool {
    matches!(
        event,
        Event::Owned { .. }
            | Event::Paying(_)
            | Event::LoggedIn(_)
            | Event::Selected { .. }
            | Event::Opened { .. }
    )
}

/// Returns true if later facts may depend on the event: a limit may stop something, or usage credits may pay.
fn may_matter_later(event: &Event) -> bool {
    match event {
        Event::Refused(_) => true,
        Event::Read(measures) => measures.iter().any(Measure::is_used_up),
        _ => false,
    }
}

impl Ledger {
    /// Returns the time since which facts about limits matter. Returns `None` if no limit can stop anything.
    pub(crate) fn limits_since(&self) -> LedgerResult<Option<DateTime<Utc>>> {
        let since = self.read(|store| store.meta(SINCE))?;
        Ok(since.map(datetime_from_millis))
    }

    /// Returns the requested facts, and what held before then for each of their sessions and for the requested one.
    pub(crate) fn limit_facts(&self, request: &FactRequest<'_>) -> LedgerResult<StoredFacts> {
        self.read(|store| store.limit_facts(request))
    }

    /// Stores that only refusals since the given time can still stop something, or none. `refusals` is the number that
    /// this decision is based on. If another refusal has been stored since then, nothing changes.
    pub(crate) fn settle_limits(
        &self,
        refusals: i64,
        since: Option<DateTime<Utc>>,
    ) -> LedgerResult<()> {
        let since = since.map(|since| since.timestamp_millis());
        if self.read(|store| store.meta(SINCE))? == since {
            return Ok(());
        }
        self.change(|store| {
            if store.meta(REFUSALS)?.unwrap_or(0) != refusals {
                return Ok(());
            }
            match since {
                Some(since) => store.set_meta(SINCE, since),
                None => store.run("DELETE FROM meta WHERE name = ?1", [SINCE]),
            }
        })
    }

    /// Adds facts, and those that wait in the journal. If the ledger is missing or busy, appends them to the journal,
    /// and the next reader adds them.
    pub(crate) fn record_limit_facts(ledger: Option<&Self>, paths: &Paths, facts: &[Fact]) {
        let stored = ledger.map(|ledger| {
            ledger.change(|store| {
                store.pick_up_events(&paths.data)?;
                store.add_limit_facts(facts)
            })
        });
        if matches!(stored, Some(Ok(()))) {
            return;
        }
        for fact in facts {
            // If the journal cannot be written either, the transcript still shows most of the facts.
            let _ = journal::append(&paths.data, fact);
        }
    }

    /// Returns true if the session has stored the same reading since the given time and since its last refusal. A response
    /// beyond a used-up window proves that credits pay, so a reading of such a window is new after each response.
    pub(crate) fn has_repeated_reading(
        &self,
        reading: &Fact,
        since: DateTime<Utc>,
    ) -> LedgerResult<bool> {
        let session = reading.session.as_deref().unwrap_or_default();
        self.read(|store| {
            let mut since = since.timestamp_millis();
            if may_matter_later(&reading.event) {
                let last_response: Option<Millis> = store.value(
                    "SELECT max(at) FROM responses WHERE session = ?1",
                    [id_of(session.as_bytes())],
                )?;
                since = since.max(last_response.unwrap_or(Millis::MIN));
            }
            let newest: Option<String> = store.first(
                "SELECT event FROM limit_facts
                 WHERE state_of = '' AND session = ?1 AND at >= ?2
                     AND (event LIKE '{\"read\":%' OR event LIKE '{\"refused\":%')
                 ORDER BY at DESC LIMIT 1",
                params![session, since],
                |row| row.get(0),
            )?;
            Ok(newest == to_string(&reading.event).ok())
        })
    }

    /// Runs `change` in the open transaction, or in one of its own if none is open.
    pub(super) fn change<T>(&self, change: impl FnOnce(&Store) -> Result<T>) -> LedgerResult<T> {
        if self.store.0.is_autocommit() {
            self.write(change)
        } else {
            self.read(change)
        }
    }

    /// Returns what holds for a session: the newest event of each kind. `None` stands for the machine.
    pub(crate) fn limit_states(&self, session: Option<&str>) -> LedgerResult<Vec<Fact>> {
        self.read(|store| store.limit_states(session, Millis::MAX))
    }
}

impl Store {
    /// Adds the facts that are new.
    pub(super) fn add_limit_facts(&self, facts: &[Fact]) -> Result<()> {
        if facts.is_empty() {
            return Ok(());
        }
        let known = self.meta(REFUSALS)?;
        let since = self.meta(SINCE)?;
        let mut refusals = known.unwrap_or(0);
        let mut new_since = since;
        for fact in facts {
            let is_new = self.add_limit_fact(fact)?;
            if is_new && may_matter_later(&fact.event) {
                let at = fact.at.timestamp_millis();
                refusals += 1;
                new_since = Some(new_since.map_or(at, |since| since.min(at)));
            }
        }
        if known != Some(refusals) {
            self.set_meta(REFUSALS, refusals)?;
        }
        match new_since {
            Some(at) if new_since != since => self.set_meta(SINCE, at),
            _ => Ok(()),
        }
    }

    /// Adds a fact, and returns true if it is new.
    fn add_limit_fact(&self, fact: &Fact) -> Result<bool> {
        let [source, event] = [to_string(&fact.source), to_string(&fact.event)]
            .map(std::result::Result::unwrap_or_default);
        let session = fact.session.as_deref().unwrap_or_default();
        let key = xxh3_64_with_seed(
            event.as_bytes(),
            id_of(session.as_bytes()).cast_unsigned() ^ id_of(source.as_bytes()).cast_unsigned(),
        );
        let state_of = if is_state(&fact.event) {
            fact.session.as_deref().unwrap_or(MACHINE)
        } else {
            ""
        };
        let added = self.change(
            "INSERT OR IGNORE INTO limit_facts VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                state_of,
                fact.at.timestamp_millis(),
                key.cast_signed(),
                fact.session,
                source,
                event
            ],
        )?;
        Ok(added > 0)
    }

    fn limit_facts(&self, request: &FactRequest<'_>) -> Result<StoredFacts> {
        let Some(refusals) = self.meta(REFUSALS)? else {
            return Ok(StoredFacts::default());
        };
        let since = request.since.unwrap_or(Millis::MAX);
        let mut facts = Vec::new();
        if request.since.is_some() {
            facts.extend(self.facts_where("state_of = '' AND at >= ?1", [since])?);
            facts.extend(self.limit_responses(since, request)?);
        }
        for at in request.readings_at {
            let sides = [
                ("DESC", [at - NEAREST_WITHIN, *at]),
                ("ASC", [*at, at + NEAREST_WITHIN]),
            ];
            for (order, range) in sides {
                let condition = format!(
                    "state_of = '' AND at BETWEEN ?1 AND ?2 AND event LIKE '{{\"read\":%'
                     ORDER BY at {order} LIMIT {NEAREST_READINGS}"
                );
                facts.extend(self.facts_where(&condition, range)?);
            }
        }
        let of_facts = facts.iter().map(|fact| fact.session.clone());
        let of_caller = [None, request.session.map(str::to_owned)];
        let subjects: BTreeSet<Option<String>> = of_facts.chain(of_caller).collect();
        // Of several facts with the same time, the states come first.
        let mut states = Vec::new();
        for subject in &subjects {
            states.extend(self.limit_states(subject.as_deref(), since)?);
        }
        states.append(&mut facts);
        Ok(StoredFacts {
            facts: states,
            refusals,
        })
    }

    fn facts_where(&self, condition: &str, values: impl Params) -> Result<Vec<Fact>> {
        let facts: Vec<Option<Fact>> =
            self.all(&format!("{SELECT} {condition}"), values, fact_from)?;
        Ok(facts.into_iter().flatten().collect())
    }

    /// Returns what has changed for a session since the given time, and what held before. `None` stands for the machine.
    fn limit_states(&self, session: Option<&str>, since: Millis) -> Result<Vec<Fact>> {
        let mut statement = self
            .0
            .prepare_cached(&format!("{SELECT} state_of = ?1 ORDER BY at DESC"))?;
        let mut known: HashSet<Discriminant<Event>> = HashSet::new();
        let mut states = Vec::new();
        let mut older = 0;
        for fact in statement.query_map([session.unwrap_or(MACHINE)], fact_from)? {
            let Some(fact) = fact? else {
                continue;
            };
            let is_older = fact.at.timestamp_millis() < since;
            older += usize::from(is_older);
            if older > NEWEST_STATES {
                break;
            }
            if !is_older || known.insert(discriminant(&fact.event)) {
                states.push(fact);
            }
        }
        Ok(states)
    }

    /// Returns the responses of each session since the given time, and its last one before then. Subagents work beside
    /// their session, so their responses do not show when its requests were sent.
    fn limit_responses(&self, since: Millis, request: &FactRequest<'_>) -> Result<Vec<Fact>> {
        let [first_quarter, each_since] = [since, request.each_response_since.max(since)]
            .map(|at| at.div_euclid(QUARTER_HOUR) * QUARTER_HOUR);
        let mut active: BTreeSet<Id> = self.all(
            "SELECT DISTINCT session FROM sums WHERE level = 0 AND start >= ?1",
            [first_quarter],
            |row| row.get(0),
        )?;
        active.extend(
            request
                .session
                .map(|session| id_of(session.as_bytes())),
        );
        let mut responses: Vec<Fact> = self.all(
            &format!("SELECT start, {NAMES_OF_SUMS} AND start >= ?1 AND start < ?2"),
            [first_quarter, each_since],
            response_fact_from,
        )?;
        let queries = [
            ("at < ?2 ORDER BY at DESC LIMIT 1", since),
            ("at >= ?2 ORDER BY at", each_since.max(since)),
        ];
        for session in active {
            for (condition, at) in queries {
                let of_session: Vec<Fact> = self.all(
                    &format!(
                        "SELECT at, {NAMES_OF_RESPONSES} AND NOT flags & {SUBAGENT} AND {condition}"
                    ),
                    [session, at],
                    response_fact_from,
                )?;
                responses.extend(of_session);
            }
        }
        Ok(responses)
    }
}

/// Reads the fact that a session was served from a time and the names of the session and the model.
fn response_fact_from(row: &Row<'_>) -> Result<Fact> {
    let model: Option<String> = row.get(2)?;
    Ok(Fact {
        at: datetime_from_millis(row.get(0)?),
        session: row.get(1)?,
        source: Source::Transcript,
        event: Event::Served(response_from(model.as_deref())),
    })
}

/// Reads a fact. Returns `None` for an event that this version does not know.
fn fact_from(row: &Row<'_>) -> Result<Option<Fact>> {
    let [source, event] = [row.get::<_, String>(2)?, row.get(3)?];
    Ok(match (from_str(&source), from_str(&event)) {
        (Ok(source), Ok(event)) => Some(Fact {
            at: datetime_from_millis(row.get(0)?),
            session: row.get(1)?,
            source,
            event,
        }),
        _ => None,
    })
}
