//! Families: sessions that have to do with each other, and what follows from their transcripts.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Row, params};

use super::names::{Id, model_id, model_names};
use super::responses::{self, ResponseRow, StoredSighting};
use super::sums::SumChanges;
use super::{told, totals};
use crate::ledger::derivation::{
    self, Answer, Compaction, Derived, Family, Mark, SessionIndex, SessionLife, Sighting, Total,
    Transcript,
};
use crate::pricing::{Money, PriceTable};
use crate::time::QUARTER;

/// The family of a session.
pub(crate) fn family_of(connection: &Connection, session: Id) -> rusqlite::Result<Id> {
    connection
        .prepare_cached("SELECT family FROM session WHERE id = ?")?
        .query_row([session], |row| row.get(0))
}

/// Whether a session has to do with any other.
pub(crate) fn has_relatives(connection: &Connection, session: Id) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM session WHERE family = (SELECT family FROM session WHERE id = ?1) AND id != ?1)",
        )?
        .query_row([session], |row| row.get(0))
}

/// Makes one family of two sessions'.
pub(crate) fn link(connection: &Connection, one: Id, other: Id) -> rusqlite::Result<()> {
    let [one, other] = [family_of(connection, one)?, family_of(connection, other)?];
    if one != other {
        connection
            .prepare_cached("UPDATE session SET family = ?1 WHERE family = ?2")?
            .execute([one.min(other), one.max(other)])?;
    }
    Ok(())
}

/// Every family in which a client wrote a running total.
pub(crate) fn with_totals(connection: &Connection) -> rusqlite::Result<Vec<Id>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT family FROM session JOIN cost_state ON cost_state.session = session.id",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Derives anew what a family spent.
pub(crate) fn settle(
    connection: &Connection,
    family: Id,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    let loaded = Loaded::read(connection, family)?;
    let derived = derivation::derive(&loaded.family, prices);
    loaded.store(connection, &derived, prices)
}

/// The runs of every session of a family, and what they say.
pub(crate) fn lives(
    connection: &Connection,
    family: Id,
    prices: &PriceTable,
) -> rusqlite::Result<Vec<(Id, SessionLife)>> {
    let loaded = Loaded::read(connection, family)?;
    let derived = derivation::derive(&loaded.family, prices);
    Ok(loaded.ids.into_iter().zip(derived.sessions).collect())
}

/// A family with its ids in the ledger.
struct Loaded {
    family: Family,
    ids: Vec<Id>,
    rows: Vec<ResponseRow>,
}

impl Loaded {
    fn read(connection: &Connection, id: Id) -> rusqlite::Result<Self> {
        let mut family = Family::default();
        let mut ids = Vec::new();
        let mut of_id: HashMap<Id, SessionIndex> = HashMap::new();
        each(
            connection,
            "SELECT id, name FROM session WHERE family = ? ORDER BY name",
            id,
            |row| {
                of_id.insert(row.get(0)?, ids.len());
                ids.push(row.get(0)?);
                family.sessions.push(row.get(1)?);
                Ok(())
            },
        )?;
        let session_at = |id: Id| of_id.get(&id).copied().unwrap_or(0);
        let mut files: HashMap<Id, usize> = HashMap::new();
        each(
            connection,
            "SELECT file.id, session, queue, queue_at FROM file JOIN session ON session.id = session WHERE family = ?",
            id,
            |row| {
                files.insert(row.get(0)?, family.files.len());
                let queue: Option<i64> = row.get(2)?;
                family.files.push(Transcript {
                    session: session_at(row.get(1)?),
                    queue: queue.zip(row.get(3)?).map(|(position, at)| Mark {
                        position: position.cast_unsigned(),
                        at,
                    }),
                    snapshots: Vec::new(),
                });
                Ok(())
            },
        )?;
        let sighting = |seen: StoredSighting| {
            Some(Sighting {
                file: *files.get(&seen.file)?,
                position: seen.position.cast_unsigned(),
                is_late: seen.is_late,
                names: seen.names.and_then(|id| of_id.get(&id)).copied(),
            })
        };
        let in_files = |columns: &str, table: &str| {
            format!(
                "SELECT {columns} FROM {table} JOIN file ON file.id = {table}.file JOIN session ON session.id = file.session WHERE family = ?"
            )
        };
        each(
            connection,
            &in_files("file, key, position, at", "snapshot"),
            id,
            |row| {
                let file = files
                    .get(&row.get(0)?)
                    .and_then(|at| family.files.get_mut(*at));
                let mark = Mark {
                    position: row.get::<_, i64>(2)?.cast_unsigned(),
                    at: row.get(3)?,
                };
                if let Some(file) = file {
                    file.snapshots.push((row.get(1)?, mark));
                }
                Ok(())
            },
        )?;
        let mut compactions: BTreeMap<i64, Compaction> = BTreeMap::new();
        let columns = "file, position, late, names, key, at, tokens";
        each(connection, &in_files(columns, "compaction"), id, |row| {
            let known = compactions.entry(row.get(4)?).or_insert(Compaction {
                at: row.get(5)?,
                tokens: row.get::<_, i64>(6)?.cast_unsigned(),
                sightings: Vec::new(),
            });
            known.sightings.extend(sighting(sighting_from(row)?));
            Ok(())
        })?;
        family.compactions = compactions.into_values().collect();
        let columns = "file, position, cost_state.session, started, total, run_ms, api_ms, unknown, before, came_from, since, asked, models";
        each(connection, &in_files(columns, "cost_state"), id, |row| {
            let cost = Money::from_pico(row.get(4)?);
            family.totals.push(Total {
                file: files.get(&row.get(0)?).copied().unwrap_or(0),
                position: row.get::<_, i64>(1)?.cast_unsigned(),
                session: session_at(row.get(2)?),
                started: row.get(3)?,
                cost,
                run_ms: row.get(5)?,
                api_ms: row.get(6)?,
                has_unknown_model: row.get(7)?,
                parts: totals::parts_from(row, 12, cost)?,
                before: row.get(8)?,
                from: row.get::<_, Option<i64>>(9)?.map(i64::cast_unsigned),
                since: row.get(10)?,
                asked: row.get(11)?,
            });
            Ok(())
        })?;

        // Answers whose owner must be found, and those of sessions with runs.
        let mut rows: BTreeMap<i64, (ResponseRow, Vec<StoredSighting>)> = BTreeMap::new();
        let mut copies: BTreeMap<i64, Vec<StoredSighting>> = BTreeMap::new();
        let columns = "copy.file, copy.position, late, names, copy.key";
        each(connection, &in_files(columns, "copy"), id, |row| {
            let copy = sighting_from(row)?;
            copies.entry(row.get(4)?).or_default().push(copy);
            Ok(())
        })?;
        for (key, copies) in copies {
            if let Some(row) = responses::read(connection, key)? {
                rows.insert(key, (row, copies));
            }
        }
        let mut with_runs: Vec<SessionIndex> =
            family.totals.iter().map(|total| total.session).collect();
        with_runs.sort_unstable();
        with_runs.dedup();
        for session in with_runs.into_iter().filter_map(|at| ids.get(at)) {
            for (key, row) in responses::of_session(connection, *session)? {
                rows.entry(key).or_insert((row, Vec::new()));
            }
        }
        let models = model_names(connection)?;
        let mut stored = Vec::new();
        for (key, (row, copies)) in rows {
            let seen = std::iter::once(row.seen).chain(copies);
            family.answers.push(Answer {
                key,
                at: row.counted.at,
                model: models.get(&row.counted.model).cloned().unwrap_or_default(),
                usage: row.counted.usage,
                cost: row.cost,
                served: row.counted.service,
                calls: row.counted.calls.clone(),
                sightings: seen.filter_map(sighting).collect(),
            });
            stored.push(row);
        }
        Ok(Self {
            family,
            ids,
            rows: stored,
        })
    }

    fn store(
        &self,
        connection: &Connection,
        derived: &Derived,
        prices: &PriceTable,
    ) -> rusqlite::Result<()> {
        let mut changes = SumChanges::default();
        let answers = self.family.answers.iter().zip(&self.rows);
        for ((answer, row), owner) in answers.zip(&derived.owners) {
            let owner = self.ids.get(*owner).copied().unwrap_or(row.session);
            if owner != row.session {
                responses::give_to(connection, answer.key, owner)?;
                changes.take_away(row);
                changes.add(&ResponseRow {
                    session: owner,
                    ..row.clone()
                });
            }
        }
        changes.apply(connection)?;
        for (session, life) in self.ids.iter().zip(&derived.sessions) {
            store_life(connection, *session, life, &self.ids, prices)?;
            told::settle(connection, *session, &life.runs)?;
        }
        Ok(())
    }
}

fn store_life(
    connection: &Connection,
    session: Id,
    life: &SessionLife,
    ids: &[Id],
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM unrecorded WHERE session = ?")?
        .execute([session])?;
    let mut unrecorded = Money::ZERO;
    for part in &life.found.unrecorded {
        let cost = prices.scale_client_amount(part.cost);
        unrecorded += cost;
        connection
            .prepare_cached(
                "INSERT INTO unrecorded VALUES (?,?,?,?)
                 ON CONFLICT DO UPDATE SET cost = cost + excluded.cost",
            )?
            .execute(params![
                part.at.div_euclid(QUARTER),
                session,
                model_id(connection, &part.model)?,
                cost.pico()
            ])?;
    }
    connection
        .prepare_cached(
            "UPDATE session SET unrecorded = ?2, in_runs = ?3, beyond = ?4, until = ?5, parent = ?6 WHERE id = ?1",
        )?
        .execute(params![
            session,
            unrecorded.pico(),
            life.found.in_runs.pico(),
            prices.scale_client_amount(life.found.beyond).pico(),
            life.until,
            life.parent.and_then(|at| ids.get(at))
        ])?;
    Ok(())
}

/// `file, position, late, names` in the first columns.
fn sighting_from(row: &Row<'_>) -> rusqlite::Result<StoredSighting> {
    Ok(StoredSighting {
        file: row.get(0)?,
        position: row.get(1)?,
        is_late: row.get(2)?,
        names: row.get(3)?,
    })
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
