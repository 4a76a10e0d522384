//! The `response` table: what was served, each response once; and the sums of a quarter of an hour,
//! session and model, which are kept in step with it.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Row, Statement, params, params_from_iter};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sqlite::{all, each, first, run};
use crate::ledger::facts::{Answer, Id, Sighting};
use crate::pricing::{Money, ServiceLevel, Usage};
use crate::time::{Millis, QUARTER};

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
pub(crate) fn replace(connection: &Connection, answer: &Answer) -> rusqlite::Result<()> {
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

/// A period in quarters of an hour.
pub(crate) fn quarters(period: [Millis; 2]) -> [i64; 2] {
    period.map(|at| at.div_euclid(QUARTER))
}

/// Differences to be applied to the sums at the end of a transaction.
#[derive(Debug, Default)]
pub(crate) struct SumChanges(HashMap<(i64, Id, Id), Sums>);

/// Responses, those of them without a known price, the six counts of a usage, pico-dollars. They
/// never overflow: damaged transcripts claim anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums([i64; 9]);

impl Sums {
    fn from_answer(answer: &Answer) -> Self {
        let [input, output, read, write, write_1h, searches] =
            answer.usage.fields().map(u64::cast_signed);
        let unpriced = i64::from(answer.is_unpriced);
        let cost = answer.cost.pico();
        Self([
            1, unpriced, input, output, read, write, write_1h, searches, cost,
        ])
    }

    fn add(&mut self, other: Self, sign: i64) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(more.saturating_mul(sign));
        }
    }
}

impl SumChanges {
    pub(crate) fn add(&mut self, answer: &Answer) {
        self.change(answer, 1);
    }

    pub(crate) fn take_away(&mut self, answer: &Answer) {
        self.change(answer, -1);
    }

    fn change(&mut self, answer: &Answer, sign: i64) {
        let quarter = answer.at.div_euclid(QUARTER);
        let sums = self.0.entry((quarter, answer.session, answer.model));
        sums.or_default().add(Sums::from_answer(answer), sign);
    }

    /// Applies the differences to `quarter` and `session`.
    pub(crate) fn apply(self, connection: &Connection) -> rusqlite::Result<()> {
        let mut by_session: BTreeMap<Id, Sums> = BTreeMap::new();
        let mut changes: Vec<_> = self.0.into_iter().collect();
        changes.sort_unstable_by_key(|(key, _)| *key);
        for ((quarter, session, model), change) in changes {
            if change != Sums::default() {
                by_session.entry(session).or_default().add(change, 1);
                apply_to_quarter(connection, [quarter, session, model], change)?;
            }
        }
        for (session, change) in by_session {
            let mut sums = Sums::default();
            let query = "SELECT recorded, unpriced FROM session WHERE id = ?";
            let known = first(connection, query, [session], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            (sums.0[8], sums.0[1]) = known.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            sums.add(change, 1);
            let put = "UPDATE session SET recorded = ?, unpriced = ? WHERE id = ?";
            run(connection, put, [sums.0[8], sums.0[1], session])?;
        }
        Ok(())
    }
}

fn apply_to_quarter(connection: &Connection, key: [i64; 3], change: Sums) -> rusqlite::Result<()> {
    let query = "SELECT responses, unpriced, input, output, cache_read, cache_write, cache_write_1h, web_searches, cost
         FROM quarter WHERE quarter = ? AND session = ? AND model = ?";
    let known = first(connection, query, key, |row| {
        let mut sums = Sums::default();
        for (column, sum) in sums.0.iter_mut().enumerate() {
            *sum = row.get(column)?;
        }
        Ok(sums)
    })?;
    let mut sums = known.unwrap_or_default();
    sums.add(change, 1);
    if sums == Sums::default() {
        let forget = "DELETE FROM quarter WHERE quarter = ? AND session = ? AND model = ?";
        run(connection, forget, key)?;
        return Ok(());
    }
    let values = params_from_iter(key.into_iter().chain(sums.0));
    let put = "INSERT OR REPLACE INTO quarter VALUES (?,?,?,?,?,?,?,?,?,?,?,?)";
    run(connection, put, values)
}
