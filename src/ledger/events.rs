//! Run events reported by hooks and status-line calls.
//!
//! A run is the work of one process on one session. A process is identified by its PID and start time. The position of
//! an event is the length of the transcript at that time, so events can be ordered without comparing clocks.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, Utc};
use rusqlite::{Params, Row, params};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::database::{Ledger, Store};
use super::error::Result;
use super::facts::Id;
use super::journal::{self, JournalRecord};
use crate::claude::processes::{self, ProcessStart};
use crate::environment::{Environment, Paths};
use crate::pricing::{Money, PriceTable};
use crate::time::Millis;

/// The number of bytes of the journal to search for new events. They cover months of work in many sessions.
const RECENT_BYTES: u64 = 4 * 1024 * 1024;

/// Restricts a query for `facts` to the events in a session.
pub(super) const OF_SESSION: &str = "WHERE place = ?1 AND kind = 6";
/// Restricts a query for `facts` to the events of a process in all sessions.
pub(super) const OF_PROCESS: &str = "WHERE kind = 6 AND key = ?1";

/// The name of a number in the table `meta`: how far the journal has been read.
const JOURNAL: &str = "journal";

/// A Claude Code process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The process ID assigned by the system.
    pub pid: u32,
    /// A hash of the PID and the start time.
    pub identity: Id,
}

impl ProcessId {
    /// Returns the Claude Code process that ran this command, or `None` if `CLAUDE_PID` is not set.
    pub(crate) fn of_client(environment: &Environment) -> Option<Self> {
        processes::client_pid(environment).map(Self::new)
    }

    /// Returns the process that currently has this PID.
    pub fn new(pid: u32) -> Self {
        let start = match processes::start_of(pid) {
            Some(ProcessStart::Ticks(ticks)) => ticks.cast_signed(),
            Some(ProcessStart::At(at)) => at.timestamp(),
            None => 0,
        };
        // Clearing the highest bit keeps the signed hash from being negative.
        let hash = xxh3_64_with_seed(&start.to_le_bytes(), pid.into()) >> 1;
        Self {
            pid,
            identity: hash.cast_signed().max(1),
        }
    }

    /// Returns true if the process is known to have ended.
    fn is_gone(self) -> bool {
        processes::look(self.pid).alive == Some(false) || Self::new(self.pid) != self
    }
}

/// A running total reported by a status-line call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TotalSample {
    /// The total.
    pub total: Money,
    /// The process that reported the total, or `None` if the client did not identify itself.
    pub process: Option<ProcessId>,
}

/// The kind of event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A run started. [`RunEvent::detail`] is the `source` of the `SessionStart` hook.
    Started,
    /// A status-line call reported a running total.
    #[default]
    Sampled,
    /// A run ended. [`RunEvent::detail`] is the `reason` of the `SessionEnd` hook.
    Ended,
    /// The process exited without reporting the end of its run.
    Vanished,
}

/// An event in a run. The ledger stores the fields that are not skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEvent {
    /// The number is greater than those of all earlier events of the same session and of the same process.
    #[serde(skip)]
    pub(crate) number: i64,
    #[serde(skip)]
    pub(crate) session: Id,
    /// The PID of the process, or `None` if the client did not identify itself.
    pub(crate) pid: Option<u32>,
    /// A hash of the PID and the start time, or 0.
    pub(crate) process: Id,
    pub(crate) kind: EventKind,
    /// The time of the event, for display only. No rule depends on it.
    pub(crate) at: Millis,
    /// The length of the session's transcript at the time of the event, in bytes.
    pub(crate) length: i64,
    /// The running total.
    pub(crate) total: Option<Money>,
    /// See [`EventKind`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// An event as a hook or a status-line call reports it, and as the journal stores it.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReportedEvent {
    /// The ID of the session.
    pub(crate) session: String,
    pub(crate) event: RunEvent,
}

impl JournalRecord for ReportedEvent {
    const KIND: &'static str = "run";
}

impl ReportedEvent {
    /// Returns an event that has just happened, without a total and a detail.
    pub(crate) fn new(
        session: &str,
        transcript: Option<&Path>,
        kind: EventKind,
        process: Option<ProcessId>,
        now: DateTime<Utc>,
    ) -> Self {
        let metadata = transcript.and_then(|path| path.metadata().ok());
        let event = RunEvent {
            pid: process.map(|process| process.pid),
            process: process.map_or(0, |process| process.identity),
            kind,
            at: now.timestamp_millis(),
            length: metadata
                .map_or(0, |metadata| metadata.len())
                .cast_signed(),
            ..RunEvent::default()
        };
        Self {
            session: session.to_owned(),
            event,
        }
    }

    /// Returns the event for a status-line call.
    pub(crate) fn sampled(
        session: &str,
        transcript: Option<&Path>,
        sample: TotalSample,
        now: DateTime<Utc>,
    ) -> Self {
        let mut sampled = Self::new(session, transcript, EventKind::Sampled, sample.process, now);
        sampled.event.total = Some(sample.total);
        sampled
    }

    /// Appends the event to the journal for the next process that reads the ledger.
    pub(crate) fn append_to_journal(&self, paths: &Paths) {
        // If the journal cannot be written, the session's total may become a lower bound.
        let _ = journal::append(&paths.data, self);
    }
}

impl Store {
    /// Adds an event and marks its session for reconciliation. Skips a sample that repeats the previous one. Returns
    /// true if the process has just started or has just switched to this session.
    pub(super) fn add_event(&self, reported: &ReportedEvent) -> Result<bool> {
        let session = self.add_session(&reported.session)?;
        let event = &reported.event;
        let last = self.newest_event(event.process)?;
        let is_first = last
            .as_ref()
            .is_none_or(|last| last.session != session);
        let is_same_sample = event.kind == EventKind::Sampled
            && last.as_ref().is_some_and(|last| {
                last.session == session
                    && last.kind == event.kind
                    && last.total == event.total
                    && last.length == event.length
            });
        if is_same_sample {
            return Ok(false);
        }
        if is_first || event.kind == EventKind::Started {
            self.add_vanished(session, event)?;
        }
        let newest = last.map_or(0, |last| last.number);
        self.insert_event(session, event, newest)?;
        self.mark_dirty(session)?;
        Ok(is_first)
    }

    /// Returns a process's newest event in all sessions.
    fn newest_event(&self, process: Id) -> Result<Option<RunEvent>> {
        let newest = self.events(
            &format!("{OF_PROCESS} ORDER BY position DESC LIMIT 1"),
            [process],
        )?;
        Ok(newest.into_iter().next())
    }

    /// Adds a `Vanished` event for each other process that no longer exists but has an open run in this session.
    fn add_vanished(&self, session: Id, event: &RunEvent) -> Result<()> {
        let mut known = BTreeSet::from([event.process]);
        let recent = self.events(
            &format!("{OF_SESSION} ORDER BY position DESC LIMIT 64"),
            [session],
        )?;
        for other in recent {
            let (Some(pid), true) = (other.pid, known.insert(other.process)) else {
                continue;
            };
            let process = ProcessId {
                pid,
                identity: other.process,
            };
            let is_open = matches!(other.kind, EventKind::Started | EventKind::Sampled)
                && self.newest_event(other.process)?.as_ref() == Some(&other);
            if is_open && process.is_gone() {
                let vanished = RunEvent {
                    kind: EventKind::Vanished,
                    at: event.at,
                    length: event.length,
                    total: None,
                    ..other
                };
                self.insert_event(session, &vanished, vanished.number)?;
            }
        }
        Ok(())
    }

    /// Returns the events that the rest of a query selects.
    pub(super) fn events(&self, clause: &str, values: impl Params) -> Result<Vec<RunEvent>> {
        let query = format!("SELECT place, position, detail FROM facts {clause}");
        let stored: Vec<Option<RunEvent>> = self.all(&query, values, event_from)?;
        Ok(stored.into_iter().flatten().collect())
    }

    /// Adds an event to a session. `newest` is the number of the newest event of its process.
    fn insert_event(&self, session: Id, event: &RunEvent, newest: i64) -> Result<()> {
        let newest_in_session: Option<i64> = self.value(
            "SELECT max(position) FROM facts WHERE place = ?1 AND kind = 6",
            [session],
        )?;
        self.run(
            "INSERT INTO facts (place, kind, position, key, detail) VALUES (?1, 6, ?2, ?3, ?4)",
            params![
                session,
                newest_in_session.unwrap_or_default().max(newest) + 1,
                event.process,
                serde_json::to_string(event).unwrap_or_default()
            ],
        )
    }

    /// Returns true if the journal has changed since it was last read.
    pub(super) fn has_events_to_pick_up(&self, data: &Path) -> Result<bool> {
        let read_until = self.meta(JOURNAL)?.unwrap_or_default();
        Ok(read_until != journal::size(data).cast_signed())
    }

    /// Adds the events and the facts about limits that were appended to the journal while the ledger was busy.
    pub(super) fn pick_up_events(&self, data: &Path) -> Result<()> {
        if !self.has_events_to_pick_up(data)? {
            return Ok(());
        }
        let read_until = self
            .meta(JOURNAL)?
            .unwrap_or_default()
            .cast_unsigned();
        // A shorter journal is a new one.
        let since = if read_until <= journal::size(data) {
            read_until
        } else {
            0
        };
        let events = journal::records_after::<ReportedEvent>(data, since, RECENT_BYTES);
        for event in &events.records {
            self.add_event(event)?;
        }
        // These may include facts after the last event, which the next reader adds again without effect.
        let facts = journal::records_after(data, since, RECENT_BYTES);
        self.add_limit_facts(&facts.records)?;
        self.set_meta(JOURNAL, events.end.cast_signed())
    }
}

impl Ledger {
    /// Records the start or end of a run and reconciles its session. If the ledger is busy, appends the event to the
    /// journal instead.
    pub(crate) fn record(
        ledger: Option<&mut Self>,
        paths: &Paths,
        event: &ReportedEvent,
        prices: &PriceTable,
    ) {
        let Some(ledger) = ledger else {
            return event.append_to_journal(paths);
        };
        match ledger.write(|store| store.add_event(event)) {
            // If this fails, the session stays marked, and the next reader reconciles it.
            Ok(_) => drop(ledger.reconcile_dirty(prices)),
            Err(_) => event.append_to_journal(paths),
        }
    }
}

/// Reads an event. Returns `None` if it is damaged.
fn event_from(row: &Row<'_>) -> Result<Option<RunEvent>> {
    let json: String = row.get(2)?;
    let stored: Option<RunEvent> = serde_json::from_str(&json).ok();
    let [session, number] = [row.get(0)?, row.get(1)?];
    Ok(stored.map(|event| RunEvent {
        session,
        number,
        // A damaged total must not become a negative amount.
        total: event.total.map(Money::or_zero),
        ..event
    }))
}
