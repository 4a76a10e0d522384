//! The `response` table: what was served, each response once; and the sums of a quarter of an hour,
//! session and model, which are kept in step with it.

use std::collections::BTreeMap;

use rusqlite::{CachedStatement, Result, Row, params, params_from_iter};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Store;
use crate::ledger::facts::{Answer, Id, Sighting};
use crate::pricing::{Money, ServiceLevel, Usage};
use crate::time::{Millis, QUARTER};

/// The bit of `response.flags` for a model without a known price. Those before it are in the order in which
/// they are written and read.
pub(crate) const UNPRICED: i64 = 16;

/// From all columns of the table, in the order in which they are written.
fn answer_from(row: &Row<'_>) -> Result<Answer> {
    let flags: i64 = row.get(4)?;
    let [fast, us_only, is_late, is_of_subagent, is_unpriced] =
        [0, 1, 2, 3, 4].map(|bit| (flags >> bit) & 1 == 1);
    Ok(Answer {
        key: row.get(0)?,
        at: row.get(1)?,
        session: row.get(2)?,
        model: row.get(3)?,
        scene: row.get(16)?,
        is_of_subagent,
        is_unpriced,
        usage: usage_from(row, 5)?,
        service: ServiceLevel { fast, us_only },
        calls: from_json(row.get(11)?),
        advice: from_json(row.get(17)?),
        cost: row.get(12)?,
        place: Sighting {
            file: row.get(13)?,
            position: row.get(14)?,
            is_late,
            copied_from: row.get(15)?,
        },
        copies: Vec::new(),
    })
}

/// The fields of a usage, which stand in columns one after the other.
pub(crate) fn usage_from(row: &Row<'_>, first: usize) -> Result<Usage> {
    let mut fields = [0; 6];
    for (column, field) in fields.iter_mut().enumerate() {
        *field = count_from(row, first + column)?;
    }
    Ok(fields.into())
}

/// A count; one that is negative in a damaged ledger is 0.
pub(crate) fn count_from(row: &Row<'_>, column: usize) -> Result<u64> {
    Ok(row.get::<_, i64>(column)?.max(0).cast_unsigned())
}

/// Adds an answer whose key is not known.
pub(crate) const ADD: &str =
    "INSERT OR IGNORE INTO response VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
/// Puts an answer in the place of what was known of it.
pub(crate) const REPLACE: &str =
    "INSERT OR REPLACE INTO response VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

/// Writes an answer by one of these. False if it is known already, and not replaced.
pub(crate) fn put_answer(put: &mut CachedStatement<'_>, answer: &Answer) -> Result<bool> {
    let (key, at, session, model) = (answer.key, answer.at, answer.session, answer.model);
    let (scene, cost, place) = (answer.scene, answer.cost, answer.place);
    let (file, position, copied) = (place.file, place.position, place.copied_from);
    let ServiceLevel { fast, us_only } = answer.service;
    let (subagent, unpriced) = (answer.is_of_subagent, answer.is_unpriced);
    let flags = [unpriced, subagent, place.is_late, us_only, fast].into_iter();
    let flags = flags.fold(0, |bits, on| (bits << 1) | i64::from(on));
    let [input, output, read, write, write_1h, searches] =
        answer.usage.fields().map(u64::cast_signed);
    let (calls, advice) = (as_json(&answer.calls), as_json(&answer.advice));
    let values = params![
        key, at, session, model, flags, input, output, read, write, write_1h, searches, calls,
        cost, file, position, copied, scene, advice
    ];
    Ok(put.execute(values)? > 0)
}

impl Store {
    /// The answer of this key, if it was counted.
    pub(crate) fn answer(&self, key: i64) -> Result<Option<Answer>> {
        self.first("SELECT * FROM response WHERE key = ?", [key], answer_from)
    }

    /// The answers of a session from a moment on.
    pub(crate) fn answers_since(&self, session: Id, since: Millis) -> Result<Vec<Answer>> {
        let query = "SELECT * FROM response WHERE session = ? AND at >= ?";
        self.all(query, [session, since], answer_from)
    }

    /// When each of them came, and what it cost.
    pub(crate) fn costs_since(&self, session: Id, since: Millis) -> Result<Vec<(Millis, Money)>> {
        let query = "SELECT at, cost FROM response WHERE session = ? AND at >= ?";
        self.all(query, [session, since], |row| row.try_into())
    }

    /// Calls `see` for every answer.
    pub(crate) fn each_answer(&self, mut see: impl FnMut(Answer) -> Result<()>) -> Result<()> {
        self.each("SELECT * FROM response", [], |row| see(answer_from(row)?))
    }

    /// Applies the differences to `quarter` and `session`.
    pub(crate) fn change_sums(&self, changes: SumChanges) -> Result<()> {
        let forget = "DELETE FROM quarter WHERE quarter = ? AND session = ? AND model = ? AND responses = 0 AND cost = 0";
        let mut by_session: BTreeMap<Id, Sums> = BTreeMap::new();
        let changes = changes.0.into_iter();
        for (key, change) in changes.filter(|(_, change)| *change != Sums::default()) {
            add(by_session.entry(key[1]).or_default(), change);
            self.run(ADD_SUMS, params_from_iter(key.into_iter().chain(change)))?;
            if change[0] <= 0 {
                self.run(forget, key)?;
            }
        }
        let put = "UPDATE session SET recorded = CAST(recorded + ?2 AS INTEGER), unpriced = CAST(unpriced + ?3 AS INTEGER) WHERE id = ?1";
        for (session, [_, unpriced, .., cost]) in by_session {
            self.run(put, [session, cost, unpriced])?;
            if self.changes() == 0 {
                return Err(rusqlite::Error::QueryReturnedNoRows);
            }
        }
        Ok(())
    }
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
pub(crate) struct SumChanges(BTreeMap<[i64; 3], Sums>);

/// Responses, those of them without a known price, the six counts of a usage, pico-dollars. They
/// never overflow: damaged transcripts claim anything.
type Sums = [i64; 9];

fn add(sums: &mut Sums, more: Sums) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum = sum.saturating_add(more);
    }
}

impl SumChanges {
    /// Counts an answer so many times: -1 takes it away.
    pub(crate) fn count(&mut self, answer: &Answer, times: i64) {
        let quarter = answer.at.div_euclid(QUARTER);
        let sums = self.0.entry([quarter, answer.session, answer.model]);
        let [input, output, read, write, write_1h, searches] =
            answer.usage.fields().map(u64::cast_signed);
        let (unpriced, cost) = (answer.is_unpriced.into(), answer.cost.pico());
        let one: Sums = [
            1, unpriced, input, output, read, write, write_1h, searches, cost,
        ];
        add(sums.or_default(), one.map(|sum| sum.saturating_mul(times)));
    }
}

/// What overflows is no integer any more, until it is cut to one.
const ADD_SUMS: &str = "INSERT INTO quarter VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET
responses = CAST(responses + excluded.responses AS INTEGER),
unpriced = CAST(unpriced + excluded.unpriced AS INTEGER), input = CAST(input + excluded.input AS INTEGER),
output = CAST(output + excluded.output AS INTEGER), cache_read = CAST(cache_read + excluded.cache_read AS INTEGER),
cache_write = CAST(cache_write + excluded.cache_write AS INTEGER),
cache_write_1h = CAST(cache_write_1h + excluded.cache_write_1h AS INTEGER),
web_searches = CAST(web_searches + excluded.web_searches AS INTEGER), cost = CAST(cost + excluded.cost AS INTEGER)";
