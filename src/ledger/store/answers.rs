//! The `response` table: what was served, each response once.

use rusqlite::{Connection, Row, Statement, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sqlite::{all, each, first};
use super::sums::SumChanges;
use crate::ledger::facts::{Answer, Id, Sighting};
use crate::pricing::{Money, ServiceLevel, Usage};
use crate::time::Millis;

/// Bits of `response.flags`.
const FAST: i64 = 1;
const US_ONLY: i64 = 2;
const LATE: i64 = 4;
const SUBAGENT: i64 = 8;
pub(crate) const UNPRICED: i64 = 16;

/// Adds an answer, if its key is not known.
pub(crate) const INSERT: &str =
    "INSERT OR IGNORE INTO response VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

/// Puts an answer in the place of what was known of it.
pub(crate) fn replace(
    connection: &Connection,
    known: &Answer,
    answer: &Answer,
    changes: &mut SumChanges,
) -> rusqlite::Result<()> {
    changes.take_away(known);
    changes.add(answer);
    let replace = "INSERT OR REPLACE INTO response VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
    write(&mut *connection.prepare_cached(replace)?, answer)?;
    Ok(())
}

/// Executes a statement that writes an answer; gives the number of rows written.
pub(crate) fn write(statement: &mut Statement<'_>, answer: &Answer) -> rusqlite::Result<usize> {
    let bit = |on: bool, bit: i64| if on { bit } else { 0 };
    let flags = bit(answer.service.fast, FAST)
        | bit(answer.service.us_only, US_ONLY)
        | bit(answer.place.is_late, LATE)
        | bit(answer.is_of_subagent, SUBAGENT)
        | bit(answer.is_unpriced, UNPRICED);
    let [input, output, read, write, write_1h, searches] =
        answer.usage.fields().map(u64::cast_signed);
    let values = params![
        answer.key,
        answer.at,
        answer.session,
        answer.model,
        flags,
        input,
        output,
        read,
        write,
        write_1h,
        searches,
        as_json(&answer.calls),
        answer.cost.pico(),
        answer.place.file,
        answer.place.position,
        answer.place.copied_from,
        answer.scene,
        as_json(&answer.advice)
    ];
    statement.execute(values)
}

/// From all columns of the table, in the order in which they are written.
fn answer_from(row: &Row<'_>) -> rusqlite::Result<Answer> {
    let flags: i64 = row.get(4)?;
    let has = |bit: i64| flags & bit != 0;
    Ok(Answer {
        key: row.get(0)?,
        at: row.get(1)?,
        session: row.get(2)?,
        model: row.get(3)?,
        scene: row.get(16)?,
        is_of_subagent: has(SUBAGENT),
        is_unpriced: has(UNPRICED),
        usage: usage_from(row, 5)?,
        service: ServiceLevel {
            fast: has(FAST),
            us_only: has(US_ONLY),
        },
        calls: from_json(row.get(11)?),
        advice: from_json(row.get(17)?),
        cost: Money::from_pico(row.get(12)?),
        place: Sighting {
            file: row.get(13)?,
            position: row.get(14)?,
            is_late: has(LATE),
            copied_from: row.get(15)?,
        },
        copies: Vec::new(),
    })
}

/// The fields of a usage, which stand in columns one after the other.
pub(crate) fn usage_from(row: &Row<'_>, first: usize) -> rusqlite::Result<Usage> {
    let mut fields = [0; 6];
    for (column, field) in fields.iter_mut().enumerate() {
        *field = count_from(row, first + column)?;
    }
    Ok(fields.into())
}

/// A count; one that is negative in a damaged ledger is 0.
pub(crate) fn count_from(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.max(0).cast_unsigned())
}

/// The answer of this key, if it was counted.
pub(crate) fn read(connection: &Connection, key: i64) -> rusqlite::Result<Option<Answer>> {
    let query = "SELECT * FROM response WHERE key = ?";
    first(connection, query, [key], answer_from)
}

/// The answers of a session.
pub(crate) fn of_session(connection: &Connection, session: Id) -> rusqlite::Result<Vec<Answer>> {
    since(connection, session, Millis::MIN)
}

/// The answers of a session from a moment on.
pub(crate) fn since(
    connection: &Connection,
    session: Id,
    since: Millis,
) -> rusqlite::Result<Vec<Answer>> {
    let query = "SELECT * FROM response WHERE session = ? AND at >= ?";
    all(connection, query, [session, since], answer_from)
}

/// Calls `see` for every answer.
pub(crate) fn for_each(
    connection: &Connection,
    mut see: impl FnMut(Answer),
) -> rusqlite::Result<()> {
    each(connection, "SELECT * FROM response", [], |row| {
        see(answer_from(row)?);
        Ok(())
    })
}

/// None for an empty list.
fn as_json<T: Serialize>(list: &[T]) -> Option<String> {
    (!list.is_empty()).then(|| serde_json::to_string(list).unwrap_or_default())
}

fn from_json<T: DeserializeOwned>(text: Option<String>) -> Vec<T> {
    let read = text.and_then(|text| serde_json::from_str(&text).ok());
    read.unwrap_or_default()
}
