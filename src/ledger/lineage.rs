//! Loads the facts about a lineage and stores the results.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{Row, params};

use super::collect::ResponsesBySession;
use super::database::{SESSION, Store};
use super::error::Result;
use super::events::{OF_PROCESS, RunEvent};
use super::facts::{Compaction, Id, Location, TranscriptFacts};
use super::reconcile::{Lineage, Reconciled, SessionBreakdown};
use super::stored_facts::{FactKind, FactRow, OF_LINEAGE};
use super::stored_responses::{RESPONSE_COLUMNS, response_from};
use super::sums::SumChanges;
use crate::pricing::Money;

/// A session's stored results.
#[derive(Debug, Default)]
pub(super) struct StoredSession {
    pub breakdown: SessionBreakdown,
    /// True if the session's facts have changed since its last reconciliation.
    pub is_dirty: bool,
}

/// Selects a lineage's sessions.
const SESSIONS: &str = "SELECT id FROM sessions WHERE is_dirty IN (0, 1) AND lineage = ?1";
/// Restricts a query for `facts` to the events in a lineage's sessions.
const EVENTS: &str = "JOIN sessions ON sessions.id = place
     WHERE kind = 6 AND is_dirty IN (0, 1) AND lineage = ?1";

impl Store {
    /// Loads all facts about a lineage.
    ///
    /// If `collected` is not `None`, it must contain all responses of the lineage, which are taken from it. Looking
    /// them up in the ledger would account for a sixth of the time of a first read.
    pub(super) fn lineage(
        &self,
        lineage: Id,
        collected: Option<&mut ResponsesBySession>,
    ) -> Result<Lineage> {
        let mut facts = Lineage {
            sessions: self.all(SESSIONS, [lineage], |row| row.get(0))?,
            models: self.model_names()?,
            ..Lineage::default()
        };
        facts.files = self.transcripts(lineage)?;
        facts.responses = match collected {
            Some(collected) => {
                let sessions = facts.sessions.iter();
                sessions
                    .filter_map(|session| collected.remove(session))
                    .flatten()
                    .collect()
            }
            None => self.all(
                &format!("SELECT {RESPONSE_COLUMNS} FROM responses WHERE session IN ({SESSIONS})"),
                [lineage],
                response_from,
            )?,
        };
        facts
            .responses
            .sort_by_cached_key(|response| (response.at, response.key));
        let mut lines = self.facts(OF_LINEAGE, [lineage])?;
        lines.sort_unstable_by_key(|row| (row.location.file, row.location.offset));
        facts.add_lines(lines);
        facts.events = self.events_of_lineage(lineage)?;
        Ok(facts)
    }

    /// Returns all events of a lineage's sessions, and of the processes that worked on these sessions, ordered by number.
    fn events_of_lineage(&self, lineage: Id) -> Result<Vec<RunEvent>> {
        let mut events = self.events(EVENTS, [lineage])?;
        let processes: BTreeSet<Id> = events
            .iter()
            .map(|event| event.process)
            .filter(|process| *process != 0)
            .collect();
        for process in processes {
            events.extend(self.events(OF_PROCESS, [process])?);
        }
        events.sort_unstable_by_key(|event| (event.number, event.session));
        events.dedup_by_key(|event| (event.number, event.session));
        Ok(events)
    }

    /// Returns a lineage's transcripts, without what their lines contain.
    fn transcripts(&self, lineage: Id) -> Result<BTreeMap<Id, TranscriptFacts>> {
        self.all(
            "SELECT files.id, session, is_main, size
             FROM files JOIN sessions ON sessions.id = files.session
             WHERE is_dirty IN (0, 1) AND lineage = ?1",
            [lineage],
            |row| {
                let facts = TranscriptFacts {
                    session: row.get(1)?,
                    is_main: row.get(2)?,
                    size: row.get(3)?,
                    ..TranscriptFacts::default()
                };
                Ok((row.get(0)?, facts))
            },
        )
    }

    /// Replaces a lineage's stored results.
    pub(super) fn store_results(&self, lineage: &Lineage, results: &Reconciled) -> Result<()> {
        let mut changes = SumChanges::default();
        for (response, owner) in lineage.responses.iter().zip(&results.owners) {
            if response.session == *owner {
                continue;
            }
            let mut moved = response.clone();
            moved.session = *owner;
            changes.remove(&response.into());
            changes.add(&(&moved).into());
            self.run(
                "UPDATE responses SET session = ?2 WHERE key = ?1",
                params![response.key, owner],
            )?;
        }
        for (session, breakdown) in &results.sessions {
            for row in self
                .stored_session(*session)?
                .breakdown
                .rows(*session)
            {
                changes.remove(&row);
            }
            for row in breakdown.rows(*session) {
                changes.add(&row);
            }
            self.run(
                "UPDATE sessions SET is_dirty = 0, breakdown = ?2 WHERE id = ?1",
                params![session, breakdown.to_json()],
            )?;
        }
        self.change_sums(changes)
    }

    /// Returns a session's stored results, or empty ones if it is unknown.
    pub(super) fn stored_session(&self, session: Id) -> Result<StoredSession> {
        let stored = self.first(SESSION, [session], |row| {
            Ok(StoredSession {
                breakdown: breakdown_from(row, 0)?.unwrap_or_default(),
                is_dirty: row.get(1)?,
            })
        })?;
        Ok(stored.unwrap_or_default())
    }
}

impl SessionBreakdown {
    /// Returns the part to store. It is an empty object if only responses affect the session's amount.
    fn to_json(&self) -> String {
        let is_trivial = self.off_transcript.is_empty()
            && self.bounds.is_empty()
            && self.last_event == 0
            && self.covered == Money::ZERO;
        if is_trivial {
            return "{}".to_owned();
        }
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Reads a stored breakdown. Returns `None` if it is damaged.
pub(super) fn breakdown_from(row: &Row<'_>, column: usize) -> Result<Option<SessionBreakdown>> {
    let json: String = row.get(column)?;
    Ok(serde_json::from_str(&json).ok())
}

impl Lineage {
    /// Assigns the facts in these rows to the responses and transcripts that they belong to.
    fn add_lines(&mut self, rows: Vec<FactRow>) {
        let mut copies: HashMap<i64, Vec<Location>> = HashMap::new();
        let mut compactions: BTreeMap<i64, Compaction> = BTreeMap::new();
        for row in rows {
            match (row.kind, row.key) {
                (FactKind::Copy, Some(key)) => copies.entry(key).or_default().push(row.location),
                (FactKind::Compaction, Some(key)) => {
                    let compaction = compactions.entry(key).or_default();
                    compaction.key = key;
                    compaction.at = row.at.unwrap_or_default();
                    compaction.tokens = row.tokens();
                    compaction.locations.push(row.location);
                }
                (FactKind::Checkpoint, _) => self.checkpoints.extend(row.checkpoint()),
                (FactKind::Marker, _) => {
                    if let Some(file) = self.files.get_mut(&row.location.file) {
                        file.markers.push(row.marker());
                    }
                }
                (FactKind::Damage, _) => {
                    if let Some(file) = self.files.get_mut(&row.location.file) {
                        file.damage.extend(row.damage());
                    }
                }
                _ => {}
            }
        }
        for response in &mut self.responses {
            response.copies = copies.remove(&response.key).unwrap_or_default();
        }
        self.compactions = compactions.into_values().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::super::database::Ledger;
    use super::super::links::{MARK_IF_RECONCILED, SESSIONS_BY_LINE};
    use super::super::rows::ORIGINS;
    use super::*;

    #[test]
    fn queries_find_rows_by_an_index() {
        let home = tempfile::tempdir().unwrap();
        let ledger = Ledger::in_memory(home.path()).unwrap();
        let queries = [
            format!("SELECT 1 FROM responses WHERE session IN ({SESSIONS})"),
            format!("SELECT 1 FROM facts {OF_LINEAGE}"),
            format!("SELECT 1 FROM facts {EVENTS}"),
            format!("SELECT 1 FROM facts {OF_PROCESS}"),
            SESSIONS_BY_LINE.to_owned(),
            MARK_IF_RECONCILED.to_owned(),
            ORIGINS.to_owned(),
        ];
        for query in queries {
            let plan: Vec<String> = ledger
                .read(|store| {
                    let explain = format!(
                        "EXPLAIN QUERY PLAN {}",
                        query.replace("?1", "1").replace("?2", "2")
                    );
                    store.all(&explain, [], |row| row.get("detail"))
                })
                .unwrap();
            for table in ["responses", "facts", "files"] {
                let scan = format!("SCAN {table}");
                assert!(
                    !plan.iter().any(|step| step.starts_with(&scan)),
                    "{query}: {plan:#?}"
                );
            }
        }
    }
}
