//! Sums of a quarter of an hour, session and model, kept in step with the responses.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params};

use super::names::Id;
use super::responses::ResponseRow;
use crate::time::QUARTER;

/// Differences to be applied to the sums at the end of a transaction.
#[derive(Debug, Default)]
pub(crate) struct SumChanges(HashMap<(i64, Id, Id), Change>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Change {
    responses: i64,
    unpriced: i64,
    usage: [i64; 6],
    cost: i64,
}

impl SumChanges {
    pub(crate) fn add(&mut self, row: &ResponseRow) {
        self.change(row, 1);
    }

    pub(crate) fn take_away(&mut self, row: &ResponseRow) {
        self.change(row, -1);
    }

    fn change(&mut self, row: &ResponseRow, sign: i64) {
        let counted = &row.counted;
        let key = (counted.at.div_euclid(QUARTER), row.session, counted.model);
        let change = self.0.entry(key).or_default();
        change.responses += sign;
        change.unpriced += if row.is_unpriced { sign } else { 0 };
        for (sum, count) in change.usage.iter_mut().zip(counted.usage.fields()) {
            *sum = sum.saturating_add(sign * count.cast_signed());
        }
        change.cost = change.cost.saturating_add(sign * row.cost.pico());
    }

    /// Applies the differences to `quarter` and `session`.
    pub(crate) fn apply(self, connection: &Connection) -> rusqlite::Result<()> {
        let mut by_session: BTreeMap<Id, (i64, i64)> = BTreeMap::new();
        let mut upsert = connection.prepare_cached(
            "INSERT INTO quarter VALUES (?,?,?,?,?,?,?,?,?,?,?,?)
             ON CONFLICT DO UPDATE SET
               responses = responses + excluded.responses, unpriced = unpriced + excluded.unpriced,
               input = input + excluded.input, output = output + excluded.output,
               cache_read = cache_read + excluded.cache_read,
               cache_write = cache_write + excluded.cache_write,
               cache_write_1h = cache_write_1h + excluded.cache_write_1h,
               web_searches = web_searches + excluded.web_searches, cost = cost + excluded.cost",
        )?;
        let mut changes: Vec<_> = self.0.into_iter().collect();
        changes.sort_unstable_by_key(|(key, _)| *key);
        for ((quarter, session, model), change) in changes {
            if change == Change::default() {
                continue;
            }
            let of_session = by_session.entry(session).or_default();
            of_session.0 += change.cost;
            of_session.1 += change.unpriced;
            let [input, output, read, write, write_1h, searches] = change.usage;
            upsert.execute(params![
                quarter,
                session,
                model,
                change.responses,
                change.unpriced,
                input,
                output,
                read,
                write,
                write_1h,
                searches,
                change.cost
            ])?;
        }
        let mut add = connection.prepare_cached(
            "UPDATE session SET recorded = recorded + ?, unpriced = unpriced + ? WHERE id = ?",
        )?;
        for (session, (cost, unpriced)) in by_session {
            add.execute([cost, unpriced, session])?;
        }
        Ok(())
    }
}
