//! What the ledger says of a session or a period.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rusqlite::Result;

use super::Tally;
use super::facts::{Id, id_of};
use super::store::answers::count_from;
use super::store::processes::SessionFacts;
use super::store::{Ledger, LedgerError, Store, quarters};
use crate::pricing::Money;

/// Name in `meta`: all transcripts were read to the end once.
const COMPLETE: &str = "complete";

impl Tally {
    /// Of a session of which this is known.
    pub(super) fn from_session(facts: &SessionFacts) -> Self {
        Self {
            recorded: facts.recorded,
            unrecorded: facts.unrecorded,
            unwritten: facts.unwritten(),
            unpriced: facts.unpriced.max(0).cast_unsigned(),
            at_least: facts.at_least || facts.has_guess(),
            ..Self::default()
        }
    }
}

impl Ledger {
    /// What a session has cost.
    pub fn session(&self, name: &str) -> Result<Tally, LedgerError> {
        let facts = self.ask(|store| store.facts(id_of(name.as_bytes())))?;
        Ok(Tally::from_session(&facts))
    }

    /// What was spent from `from` up to `until`, both on quarters of an hour; without counts of tokens.
    pub fn between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<Tally, LedgerError> {
        let period = [from, until].map(|at| at.timestamp_millis());
        let query = "SELECT cost, unpriced FROM quarter WHERE quarter >= ? AND quarter < ?";
        self.ask(|store| {
            let mut sum = Tally::default();
            store.each(query, quarters(period), |row| {
                sum.recorded += row.get(0)?;
                sum.unpriced = sum.unpriced.saturating_add(count_from(row, 1)?);
                Ok(())
            })?;
            store.each_hidden(period, |hidden| sum += hidden.tally())?;
            Ok(sum)
        })
    }

    /// The directory that a session worked in, if it is known.
    pub(super) fn directory(&self, session: Id) -> Result<Option<String>> {
        let query = "SELECT directory FROM session WHERE id = ?";
        let known = self.store.first(query, [session], |row| row.get(0));
        known.map(Option::flatten)
    }

    /// What was spent from a moment up to another, by the directories that sessions worked in.
    pub(super) fn by_directory(
        &self,
        period: [DateTime<Utc>; 2],
    ) -> Result<HashMap<String, Money>> {
        let range = quarters(period.map(|at| at.timestamp_millis()));
        // By session first: a month has many quarters and few sessions.
        let mut by_session: HashMap<Id, Money> = HashMap::new();
        for table in ["quarter", "unrecorded", "unwritten"] {
            let query = format!(
                "SELECT session, abs(cost) FROM {table} WHERE quarter >= ? AND quarter < ?"
            );
            self.store.each(&query, range, |row| {
                *by_session.entry(row.get(0)?).or_default() += row.get(1)?;
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
        let noted = self.store.noted(COMPLETE);
        noted.is_ok_and(|noted| noted.is_some())
    }
}

/// Notes that all transcripts were read to the end.
pub(super) fn note_complete(store: &Store) -> Result<()> {
    store.note(COMPLETE, 1)
}
