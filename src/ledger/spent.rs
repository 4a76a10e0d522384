//! What the ledger says of a session or a period.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::facts::{Id, id_of};
use super::store::processes::{self, ProcessTotal, SessionFacts};
use super::store::quarters;
use super::store::sqlite::{each, first, note, noted};
use super::store::{Ledger, LedgerError};
use crate::pricing::Money;

/// Name in `meta`: all transcripts were read to the end once.
const COMPLETE: &str = "complete";

/// What was spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Priced from transcript lines.
    pub recorded: Money,
    /// Counted by the client's totals and shown by no line.
    pub unrecorded: Money,
    /// Handed to the status line, and in no file.
    pub unwritten: Money,
    /// Whether a model without a known price is among it: then the figure is an estimate.
    pub estimated: bool,
    /// Whether there may be more: see [`Tally::at_least`](super::Tally).
    pub at_least: bool,
}

impl Spent {
    /// By a session of which this is known, and what its processes drew.
    pub(super) fn new(facts: &SessionFacts, processes: &[ProcessTotal]) -> Self {
        Self {
            recorded: facts.recorded,
            unrecorded: facts.unrecorded,
            unwritten: facts.unwritten(processes),
            estimated: facts.unpriced > 0,
            at_least: facts.at_least || processes::has_guess(processes),
        }
    }

    /// All together.
    pub fn total(self) -> Money {
        self.recorded + self.unrecorded + self.unwritten
    }
}

impl Ledger {
    /// What a session has cost.
    pub fn session(&self, name: &str) -> Result<Spent, LedgerError> {
        let id = id_of(name.as_bytes());
        self.ask(|connection| {
            let processes = processes::of_session(connection, id)?;
            Ok(Spent::new(&processes::facts(connection, id)?, &processes))
        })
    }

    /// What was spent from `from` up to `until`; both on quarters of an hour.
    pub fn between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<Spent, LedgerError> {
        let range = quarters([from, until].map(|at| at.timestamp_millis()));
        let sum = |sign: &str, table: &str| -> rusqlite::Result<(Money, HashSet<Id>)> {
            let query = format!(
                "SELECT abs(cost), session, {sign} FROM {table} WHERE quarter >= ? AND quarter < ?"
            );
            let (mut cost, mut signed) = (Money::ZERO, HashSet::new());
            each(&self.connection, &query, range, |row| {
                cost += Money::from_pico(row.get(0)?);
                if row.get(2)? {
                    signed.insert(row.get(1)?);
                }
                Ok(())
            })?;
            Ok((cost, signed))
        };
        self.ask(|connection| {
            let (recorded, unpriced) = sum("unpriced > 0", "quarter")?;
            let (unrecorded, not_known) = sum("cost <= 0", "unrecorded")?;
            let (unwritten, drawn) = sum("true", "unwritten")?;
            let is_guess = |guessed: HashSet<Id>| !guessed.is_disjoint(&drawn);
            Ok(Spent {
                recorded,
                unrecorded,
                unwritten,
                estimated: !unpriced.is_empty(),
                at_least: !not_known.is_empty()
                    || !drawn.is_empty() && is_guess(processes::guessed(connection)?),
            })
        })
    }

    /// The directory that a session worked in, if it is known.
    pub(super) fn directory(&self, session: Id) -> rusqlite::Result<Option<String>> {
        let query = "SELECT directory FROM session WHERE id = ?";
        let known = first(&self.connection, query, [session], |row| row.get(0));
        known.map(Option::flatten)
    }

    /// What was spent from `from` up to `until`, by the directories that sessions worked in.
    pub(super) fn by_directory(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> rusqlite::Result<HashMap<String, Money>> {
        let range = quarters([from, until].map(|at| at.timestamp_millis()));
        // By session first: a month has many quarters and few sessions.
        let mut by_session: HashMap<Id, Money> = HashMap::new();
        for table in ["quarter", "unrecorded", "unwritten"] {
            let query = format!(
                "SELECT session, abs(cost) FROM {table} WHERE quarter >= ? AND quarter < ?"
            );
            each(&self.connection, &query, range, |row| {
                *by_session.entry(row.get(0)?).or_default() += Money::from_pico(row.get(1)?);
                Ok(())
            })?;
        }
        let mut sums: HashMap<String, Money> = HashMap::new();
        for (session, cost) in by_session {
            let directory = self.directory(session)?.unwrap_or_default();
            *sums.entry(directory).or_default() += cost;
        }
        Ok(sums)
    }

    /// Whether all transcripts were ever read to the end. Before that, sums over sessions are
    /// too low.
    pub fn is_complete(&self) -> bool {
        noted(&self.connection, COMPLETE).is_ok_and(|noted| noted.is_some())
    }
}

/// Notes that all transcripts were read to the end.
pub(super) fn note_complete(connection: &Connection) -> rusqlite::Result<()> {
    note(connection, COMPLETE, 1)
}
