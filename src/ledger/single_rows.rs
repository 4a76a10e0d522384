//! Reading what was counted one by one: for whoever puts it together with what other machines
//! counted.

use std::collections::HashMap;

use rusqlite::Connection;

use super::facts::{Id, Scene};
use super::store::answers::{self, count_from};
use super::store::sqlite::all;
use super::store::{Error, Ledger, names};
use crate::pricing::{Money, ServiceLevel, Usage};
use crate::time::{Millis, QUARTER};

/// What a single row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Single {
    /// A response.
    Response {
        usage: Usage,
        service: ServiceLevel,
        is_subagent: bool,
        is_unpriced: bool,
        /// Whether it was seen behind something of a later time: a copy.
        is_late: bool,
        /// In how many other transcripts it stands.
        copies: u64,
        scene: Id,
    },
    /// What a session's totals count beyond its responses, in a quarter of an hour.
    Unrecorded,
    /// That there is nothing of that kind in a session whose totals are known.
    NothingUnrecorded,
    /// What a status line was drawn and no transcript has.
    Unwritten,
}

/// A row with its session and model by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SingleRow {
    /// A response's key; else nothing.
    pub(crate) key: u64,
    pub(crate) at: Millis,
    pub(crate) session: Id,
    pub(crate) model: Id,
    pub(crate) cost: Money,
    pub(crate) what: Single,
}

/// What is known of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KnownSession {
    pub(crate) name: String,
    /// The directory that it worked in; empty if unknown.
    pub(crate) directory: String,
    /// How many different things are known that stand in its transcripts: answers, marks, totals.
    pub(crate) marks: u64,
    /// The same of all sessions that it has to do with, itself included.
    pub(crate) marks_of_family: u64,
}

/// Everything that was counted, and what the ids stand for.
#[derive(Debug, Default)]
pub(crate) struct SingleRows {
    /// In no order.
    pub(crate) rows: Vec<SingleRow>,
    pub(crate) sessions: HashMap<Id, KnownSession>,
    pub(crate) models: HashMap<Id, String>,
    pub(crate) scenes: HashMap<Id, Scene>,
}

impl Ledger {
    /// All rows, as they stand at one moment.
    pub(crate) fn single_rows(&self) -> Result<SingleRows, Error> {
        let moment = self.snapshot()?;
        let read = || {
            let mut rows = responses_of(&moment)?;
            rows.extend(hidden(&moment)?);
            Ok(SingleRows {
                rows,
                sessions: sessions(&moment)?,
                models: names::models(&moment)?,
                scenes: names::scenes(&moment)?,
            })
        };
        read().map_err(self.failed())
    }
}

fn responses_of(connection: &Connection) -> rusqlite::Result<Vec<SingleRow>> {
    let query = "SELECT key, count(*) FROM place GROUP BY key";
    let copies: HashMap<i64, u64> = all(connection, query, [], |row| {
        Ok((row.get(0)?, count_from(row, 1)?))
    })?;
    let mut rows = Vec::new();
    answers::for_each(connection, |answer| {
        rows.push(SingleRow {
            key: answer.key.cast_unsigned(),
            at: answer.at,
            session: answer.session,
            model: answer.model,
            cost: answer.cost,
            what: Single::Response {
                usage: answer.usage,
                service: answer.service,
                is_subagent: answer.is_of_subagent,
                is_unpriced: answer.is_unpriced,
                is_late: answer.place.is_late,
                copies: copies.get(&answer.key).copied().unwrap_or_default(),
                scene: answer.scene,
            },
        });
    })?;
    Ok(rows)
}

/// What no line shows.
fn hidden(connection: &Connection) -> rusqlite::Result<Vec<SingleRow>> {
    let mut rows = Vec::new();
    for (query, what) in [
        (
            "SELECT quarter * ?1, session, model, cost FROM unrecorded WHERE cost > 0",
            Single::Unrecorded,
        ),
        (
            "SELECT quarter * ?1, session, model, cost FROM unwritten",
            Single::Unwritten,
        ),
        (
            "SELECT until, id, 0, 0 FROM session WHERE ?1 AND until IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM unrecorded WHERE unrecorded.session = session.id AND cost > 0)",
            Single::NothingUnrecorded,
        ),
    ] {
        let found: Vec<SingleRow> = all(connection, query, [QUARTER], |row| {
            Ok(SingleRow {
                key: 0,
                at: row.get(0)?,
                session: row.get(1)?,
                model: row.get(2)?,
                cost: Money::from_pico(row.get(3)?),
                what,
            })
        })?;
        rows.extend(found);
    }
    Ok(rows)
}

fn sessions(connection: &Connection) -> rusqlite::Result<HashMap<Id, KnownSession>> {
    let query = "WITH line(file, key) AS (
             SELECT file, key FROM response UNION ALL SELECT file, key FROM place
             UNION ALL SELECT file, key FROM mark WHERE key != 0
             UNION ALL SELECT file, started + 31 * total + run_ms FROM cost_state),
         known(session, marks) AS (
             SELECT file.session, count(DISTINCT line.key) FROM line JOIN file ON file.id = line.file GROUP BY file.session),
         families(family, marks) AS (
             SELECT family, sum(known.marks) FROM session JOIN known ON known.session = session.id GROUP BY family)
         SELECT session.id, name, coalesce(directory, ''), coalesce(known.marks, 0), coalesce(families.marks, 0)
         FROM session LEFT JOIN known ON known.session = session.id
         LEFT JOIN families ON families.family = session.family";
    all(connection, query, [], |row| {
        let session = KnownSession {
            name: row.get(1)?,
            directory: row.get(2)?,
            marks: count_from(row, 3)?,
            marks_of_family: count_from(row, 4)?,
        };
        Ok((row.get(0)?, session))
    })
}
