//! A family as the ledger has it, read for the derivation.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Row};

use super::names::{Id, model_names};
use super::responses::{self, ResponseRow, StoredSighting};
use super::totals;
use crate::ledger::derivation::{
    Answer, Compaction, Family, FileIndex, Mark, SessionIndex, Sighting, Total, Transcript,
};
use crate::pricing::Money;

/// A family with its ids in the ledger.
pub(crate) struct LoadedFamily {
    pub(crate) family: Family,
    /// Of its sessions.
    pub(crate) ids: Vec<Id>,
    /// Its answers as they are stored.
    pub(crate) rows: Vec<ResponseRow>,
}

impl LoadedFamily {
    pub(crate) fn read(connection: &Connection, family: Id) -> rusqlite::Result<Self> {
        let mut reading = Reading {
            connection,
            id: family,
            family: Family::default(),
            ids: Vec::new(),
            sessions: HashMap::new(),
            files: HashMap::new(),
        };
        reading.sessions()?;
        reading.files()?;
        reading.snapshots()?;
        reading.compactions()?;
        reading.totals()?;
        let rows = reading.answers()?;
        Ok(Self {
            family: reading.family,
            ids: reading.ids,
            rows,
        })
    }
}

struct Reading<'c> {
    connection: &'c Connection,
    id: Id,
    family: Family,
    ids: Vec<Id>,
    sessions: HashMap<Id, SessionIndex>,
    files: HashMap<Id, FileIndex>,
}

impl Reading<'_> {
    fn sessions(&mut self) -> rusqlite::Result<()> {
        let query = "SELECT id, name FROM session WHERE family = ? ORDER BY name";
        each(self.connection, query, self.id, |row| {
            self.sessions.insert(row.get(0)?, self.ids.len());
            self.ids.push(row.get(0)?);
            self.family.sessions.push(row.get(1)?);
            Ok(())
        })
    }

    fn files(&mut self) -> rusqlite::Result<()> {
        let query = "SELECT file.id, session, queue, queue_at FROM file JOIN session ON session.id = session WHERE family = ?";
        each(self.connection, query, self.id, |row| {
            self.files.insert(row.get(0)?, self.family.files.len());
            let queue: Option<i64> = row.get(2)?;
            let session = self.sessions.get(&row.get(1)?).copied();
            self.family.files.push(Transcript {
                session: session.unwrap_or(0),
                queue: queue.zip(row.get(3)?).map(|(position, at)| Mark {
                    position: position.cast_unsigned(),
                    at,
                }),
                snapshots: Vec::new(),
            });
            Ok(())
        })
    }

    fn snapshots(&mut self) -> rusqlite::Result<()> {
        let query = in_files("file, key, position, at", "snapshot");
        each(self.connection, &query, self.id, |row| {
            let file = self.files.get(&row.get(0)?);
            if let Some(file) = file.and_then(|at| self.family.files.get_mut(*at)) {
                let mark = Mark {
                    position: row.get::<_, i64>(2)?.cast_unsigned(),
                    at: row.get(3)?,
                };
                file.snapshots.push((row.get(1)?, mark));
            }
            Ok(())
        })
    }

    fn compactions(&mut self) -> rusqlite::Result<()> {
        let mut found: BTreeMap<i64, Compaction> = BTreeMap::new();
        let columns = "file, position, late, names, key, at, tokens";
        each(
            self.connection,
            &in_files(columns, "compaction"),
            self.id,
            |row| {
                let known = found.entry(row.get(4)?).or_insert(Compaction {
                    at: row.get(5)?,
                    tokens: row.get::<_, i64>(6)?.cast_unsigned(),
                    sightings: Vec::new(),
                });
                known
                    .sightings
                    .extend(self.sighting(StoredSighting::from(row)?));
                Ok(())
            },
        )?;
        self.family.compactions = found.into_values().collect();
        Ok(())
    }

    fn totals(&mut self) -> rusqlite::Result<()> {
        let columns = "file, position, cost_state.session, started, total, run_ms, api_ms, unknown, before, after, models";
        each(
            self.connection,
            &in_files(columns, "cost_state"),
            self.id,
            |row| {
                let cost = Money::from_pico(row.get(4)?);
                let session = self.sessions.get(&row.get(2)?).copied();
                self.family.totals.push(Total {
                    file: self.files.get(&row.get(0)?).copied().unwrap_or(0),
                    position: row.get::<_, i64>(1)?.cast_unsigned(),
                    session: session.unwrap_or(0),
                    started: row.get(3)?,
                    cost,
                    run_ms: row.get(5)?,
                    api_ms: row.get(6)?,
                    has_unknown_model: row.get(7)?,
                    parts: totals::parts_from(row, 10, cost)?,
                    before: row.get(8)?,
                    after: row.get(9)?,
                });
                Ok(())
            },
        )
    }

    /// Answers whose owner must be found, and those of sessions with runs.
    fn answers(&mut self) -> rusqlite::Result<Vec<ResponseRow>> {
        let mut rows: BTreeMap<i64, (ResponseRow, Vec<StoredSighting>)> = BTreeMap::new();
        let mut copies: BTreeMap<i64, Vec<StoredSighting>> = BTreeMap::new();
        let query = in_files("copy.file, copy.position, late, names, copy.key", "copy");
        each(self.connection, &query, self.id, |row| {
            let copy = StoredSighting::from(row)?;
            copies.entry(row.get(4)?).or_default().push(copy);
            Ok(())
        })?;
        for (key, copies) in copies {
            if let Some(row) = responses::read(self.connection, key)? {
                rows.insert(key, (row, copies));
            }
        }
        let totals = self.family.totals.iter();
        let mut with_runs: Vec<SessionIndex> = totals.map(|total| total.session).collect();
        with_runs.sort_unstable();
        with_runs.dedup();
        for session in with_runs.into_iter().filter_map(|at| self.ids.get(at)) {
            for (key, row) in responses::of_session(self.connection, *session)? {
                rows.entry(key).or_insert((row, Vec::new()));
            }
        }
        let models = model_names(self.connection)?;
        let mut stored = Vec::new();
        for (key, (row, copies)) in rows {
            let seen = std::iter::once(row.seen).chain(copies);
            let sightings = seen.filter_map(|seen| self.sighting(seen)).collect();
            self.family.answers.push(Answer {
                key,
                at: row.counted.at,
                model: models.get(&row.counted.model).cloned().unwrap_or_default(),
                usage: row.counted.usage,
                cost: row.cost,
                served: row.counted.service,
                advice: row.counted.advice.clone(),
                is_of_subagent: row.counted.subagent,
                calls: row.counted.calls.clone(),
                sightings,
            });
            stored.push(row);
        }
        Ok(stored)
    }

    fn sighting(&self, seen: StoredSighting) -> Option<Sighting> {
        Some(Sighting {
            file: *self.files.get(&seen.file)?,
            position: seen.position.cast_unsigned(),
            is_late: seen.is_late,
            names: seen.names.and_then(|id| self.sessions.get(&id)).copied(),
        })
    }
}

/// A query over the rows of a family's transcripts.
fn in_files(columns: &str, table: &str) -> String {
    format!(
        "SELECT {columns} FROM {table} JOIN file ON file.id = {table}.file JOIN session ON session.id = file.session WHERE family = ?"
    )
}

fn each(
    connection: &Connection,
    query: &str,
    id: Id,
    mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        each(row)?;
    }
    Ok(())
}
