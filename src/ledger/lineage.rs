//! Loads the facts about a lineage and stores the results.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Row, params};

use super::collected_responses::ResponsesBySession;
use super::database::Store;
use super::error::Result;
use super::facts::{Checkpoint, Compaction, Id, OwnershipMarker, TranscriptFacts};
use super::reconcile::runs::StoredEvent;
use super::reconcile::{
    Lineage, OffTranscriptKind, OffTranscriptSpend, Reconciled, SessionBreakdown,
};
use super::stored_responses::{RESPONSE_COLUMNS, response_from};
use super::sums::{OffTranscriptRow, SumChanges, TotalChanges};
use super::values::count_from;
use crate::time::Millis;

/// Selects a lineage's sessions.
const SESSIONS: &str = "SELECT id FROM sessions WHERE lineage = ?1";
// The following queries join the tables. With subqueries, SQLite would create a temporary table for each subquery, which
// takes longer than reading the rows.

/// Restricts a query for `copies` to a lineage's transcripts.
const COPIES: &str = "JOIN files ON files.id = copies.file
     JOIN sessions ON sessions.id = files.session
     WHERE lineage = ?1";
/// Selects a lineage's checkpoints.
const CHECKPOINTS: &str = "SELECT file, checkpoints.offset, started, cost, run_ms, api_ms, has_unknown_model, models, before
     FROM checkpoints JOIN files ON files.id = checkpoints.file
     JOIN sessions ON sessions.id = files.session
     WHERE lineage = ?1";
/// Selects the ownership markers in a lineage's transcripts.
const MARKERS: &str = "SELECT file, markers.offset, at, snapshot
     FROM markers JOIN files ON files.id = markers.file
     JOIN sessions ON sessions.id = files.session
     WHERE lineage = ?1";
/// Selects the events of a lineage's sessions.
const EVENTS: &str = "SELECT events.id, session, pid, process, kind, at, length, total, detail
     FROM events JOIN sessions ON sessions.id = events.session
     WHERE lineage = ?1";
/// Selects the events of a process in all sessions.
const EVENTS_OF_PROCESS: &str = "SELECT id, session, pid, process, kind, at, length, total, detail
     FROM events WHERE process = ?1";

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
            Some(collected) => collected.take(&facts.sessions),
            None => self.all(
                &format!("SELECT {RESPONSE_COLUMNS} FROM responses WHERE session IN ({SESSIONS})"),
                [lineage],
                response_from,
            )?,
        };
        let copies = self.add_copies(&mut facts.responses, COPIES, [lineage])?;
        for (key, locations) in copies {
            let compaction = self.first(
                "SELECT at, tokens FROM compactions WHERE key = ?1",
                [key],
                |row| Ok((row.get(0)?, count_from(row, 1)?)),
            )?;
            if let Some((at, tokens)) = compaction {
                facts.compactions.push(Compaction {
                    key,
                    at,
                    tokens,
                    locations,
                });
            }
        }
        facts.checkpoints = self.all(CHECKPOINTS, [lineage], checkpoint_from)?;
        facts
            .checkpoints
            .sort_unstable_by_key(|checkpoint| (checkpoint.file, checkpoint.offset));
        facts.events = self.events(lineage)?;
        Ok(facts)
    }

    /// Returns all events of a lineage's sessions, and of the processes that worked on these sessions, ordered by ID.
    fn events(&self, lineage: Id) -> Result<Vec<StoredEvent>> {
        let mut events: Vec<StoredEvent> = self.all(EVENTS, [lineage], event_from)?;
        let processes: BTreeSet<Id> = events
            .iter()
            .map(|event| event.process)
            .filter(|process| *process != 0)
            .collect();
        for process in processes {
            let of_process: Vec<StoredEvent> =
                self.all(EVENTS_OF_PROCESS, [process], event_from)?;
            events.extend(of_process);
        }
        events.sort_unstable_by_key(|event| event.id);
        events.dedup_by_key(|event| event.id);
        Ok(events)
    }

    fn transcripts(&self, lineage: Id) -> Result<BTreeMap<Id, TranscriptFacts>> {
        let mut files: BTreeMap<Id, TranscriptFacts> = self.all(
            "SELECT files.id, session, is_main, size
             FROM files JOIN sessions ON sessions.id = files.session
             WHERE lineage = ?1",
            [lineage],
            |row| {
                let facts = TranscriptFacts {
                    session: row.get(1)?,
                    is_main: row.get(2)?,
                    size: row.get(3)?,
                    markers: Vec::new(),
                };
                Ok((row.get(0)?, facts))
            },
        )?;
        let markers: Vec<(Id, i64, Millis, Option<i64>)> =
            self.all(MARKERS, [lineage], |row| row.try_into())?;
        for (file, offset, at, snapshot) in markers {
            if let Some(facts) = files.get_mut(&file) {
                facts.markers.push(OwnershipMarker {
                    offset,
                    at,
                    snapshot,
                });
            }
        }
        Ok(files)
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
            changes.remove(response);
            changes.add(&moved);
            self.run(
                "UPDATE responses SET session = ?2 WHERE key = ?1",
                params![response.key, owner],
            )?;
        }
        self.change_sums(changes)?;
        for (session, breakdown) in &results.sessions {
            self.store_breakdown(*session, breakdown)?;
        }
        Ok(())
    }

    fn store_breakdown(&self, session: Id, breakdown: &SessionBreakdown) -> Result<()> {
        let mut totals = TotalChanges::default();
        let before: Vec<OffTranscriptRow> = self.all(
            "SELECT at, kind, cost FROM off_transcript WHERE session = ?1",
            [session],
            |row| row.try_into(),
        )?;
        for row in before {
            totals.remove_off_transcript(row);
        }
        self.run("DELETE FROM off_transcript WHERE session = ?1", [session])?;
        for off_transcript in &breakdown.off_transcript {
            let OffTranscriptSpend { at, kind, cost, .. } = *off_transcript;
            totals.add_off_transcript((at, kind, cost));
            self.run(
                "INSERT INTO off_transcript VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    session,
                    off_transcript.at,
                    off_transcript.model,
                    off_transcript.kind,
                    off_transcript.cost
                ],
            )?;
        }
        self.change_totals(totals)?;
        for bound in &breakdown.bounds {
            self.run(
                "INSERT INTO off_transcript VALUES (?1, ?2, ?3, ?4, 0)",
                params![
                    session,
                    bound.at,
                    breakdown.model,
                    OffTranscriptKind::LowerBound
                ],
            )?;
        }
        self.run("DELETE FROM runs WHERE session = ?1", [session])?;
        for (process, total) in &breakdown.open_totals {
            self.run(
                "INSERT INTO runs VALUES (?1, ?2, ?3)",
                params![session, process, total],
            )?;
        }
        self.run(
            "UPDATE sessions SET is_dirty = 0, covered = ?2, unrecorded = ?3, last_event = ?4, bounds = ?5
             WHERE id = ?1",
            params![
                session,
                breakdown.covered,
                breakdown.unrecorded,
                breakdown.last_event,
                serde_json::to_string(&breakdown.bounds).unwrap_or_default()
            ],
        )
    }
}

fn checkpoint_from(row: &Row<'_>) -> Result<Checkpoint> {
    let models: String = row.get(7)?;
    Ok(Checkpoint {
        file: row.get(0)?,
        offset: row.get(1)?,
        started: row.get(2)?,
        cost: row.get(3)?,
        run_ms: row.get(4)?,
        api_ms: row.get(5)?,
        has_unknown_model: row.get(6)?,
        models: serde_json::from_str(&models).unwrap_or_default(),
        latest_preceding_time: row.get(8)?,
    })
}

fn event_from(row: &Row<'_>) -> Result<StoredEvent> {
    Ok(StoredEvent {
        id: row.get(0)?,
        session: row.get(1)?,
        pid: row.get(2)?,
        process: row.get(3)?,
        kind: row.get(4)?,
        at: row.get(5)?,
        length: row.get(6)?,
        total: row.get(7)?,
        detail: row.get(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::database::Ledger;
    use super::super::links::{MARK_IF_RECONCILED, sessions_by};
    use super::super::rows::{EXCEPTIONS, ORIGINS};
    use super::*;

    #[test]
    fn queries_find_rows_by_an_index() {
        let home = tempfile::tempdir().unwrap();
        let ledger = Ledger::in_memory(home.path()).unwrap();
        let queries = [
            format!("SELECT 1 FROM responses WHERE session IN ({SESSIONS})"),
            format!("SELECT 1 FROM copies {COPIES}"),
            CHECKPOINTS.to_owned(),
            MARKERS.to_owned(),
            EVENTS.to_owned(),
            EVENTS_OF_PROCESS.to_owned(),
            sessions_by("checkpoints", "started"),
            sessions_by("copies", "key"),
            sessions_by("markers", "snapshot"),
            MARK_IF_RECONCILED.to_owned(),
            ORIGINS.to_owned(),
            "SELECT 1 FROM compactions
             WHERE NOT EXISTS (SELECT 1 FROM copies WHERE copies.key = compactions.key)"
                .to_owned(),
        ];
        for query in queries {
            let plan: Vec<String> = ledger
                .read(|store| {
                    let explain = format!("EXPLAIN QUERY PLAN {}", query.replace("?1", "1"));
                    store.all(&explain, [], |row| row.get("detail"))
                })
                .unwrap();
            for table in [
                "responses",
                "events",
                "checkpoints",
                "copies",
                "files",
                "markers",
            ] {
                let scan = format!("SCAN {table}");
                assert!(
                    !plan.iter().any(|step| step.starts_with(&scan)),
                    "{query}: {plan:#?}"
                );
            }
        }
    }

    #[test]
    fn the_lower_bounds_of_a_period_are_found_without_reading_other_spend() {
        let home = tempfile::tempdir().unwrap();
        let ledger = Ledger::in_memory(home.path()).unwrap();
        let plan: Vec<String> = ledger
            .read(|store| {
                let explain = format!("EXPLAIN QUERY PLAN {EXCEPTIONS}");
                store.all(&explain, params![2, 0, 1], |row| row.get("detail"))
            })
            .unwrap();
        assert_eq!(
            plan,
            [
                "SEARCH off_transcript USING INDEX off_transcript_exceptions (kind=? AND at>? AND at<?)"
            ]
        );
    }
}
