//! Sums of a quarter of an hour, session and model, kept in step with the responses.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::names::Id;
use super::responses::ResponseRow;
use crate::time::QUARTER;

/// Differences to be applied to the sums at the end of a transaction.
#[derive(Debug, Default)]
pub(crate) struct SumChanges(HashMap<(i64, Id, Id), Sums>);

/// Responses, those of them without a known price, the six counts of a usage, pico-dollars. They
/// never overflow: damaged transcripts claim anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums([i64; 9]);

impl Sums {
    fn of(row: &ResponseRow) -> Self {
        let [input, output, read, write, write_1h, searches] =
            row.counted.usage.fields().map(u64::cast_signed);
        let unpriced = i64::from(row.is_unpriced);
        let cost = row.cost.pico();
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
    pub(crate) fn add(&mut self, row: &ResponseRow) {
        self.change(row, 1);
    }

    pub(crate) fn take_away(&mut self, row: &ResponseRow) {
        self.change(row, -1);
    }

    fn change(&mut self, row: &ResponseRow, sign: i64) {
        let counted = &row.counted;
        let key = (counted.at.div_euclid(QUARTER), row.session, counted.model);
        self.0.entry(key).or_default().add(Sums::of(row), sign);
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
            let known = connection
                .prepare_cached("SELECT recorded, unpriced FROM session WHERE id = ?")?
                .query_row([session], |row| Ok((row.get(0)?, row.get(1)?)))?;
            (sums.0[8], sums.0[1]) = known;
            sums.add(change, 1);
            connection
                .prepare_cached("UPDATE session SET recorded = ?, unpriced = ? WHERE id = ?")?
                .execute([sums.0[8], sums.0[1], session])?;
        }
        Ok(())
    }
}

fn apply_to_quarter(connection: &Connection, key: [i64; 3], change: Sums) -> rusqlite::Result<()> {
    let known = connection
        .prepare_cached(
            "SELECT responses, unpriced, input, output, cache_read, cache_write, cache_write_1h, web_searches, cost
             FROM quarter WHERE quarter = ? AND session = ? AND model = ?",
        )?
        .query_row(key, |row| {
            let mut sums = Sums::default();
            for (column, sum) in sums.0.iter_mut().enumerate() {
                *sum = row.get(column)?;
            }
            Ok(sums)
        })
        .optional()?;
    let mut sums = known.unwrap_or_default();
    sums.add(change, 1);
    if sums == Sums::default() {
        connection
            .prepare_cached("DELETE FROM quarter WHERE quarter = ? AND session = ? AND model = ?")?
            .execute(key)?;
        return Ok(());
    }
    let values = key.into_iter().chain(sums.0);
    connection
        .prepare_cached("INSERT OR REPLACE INTO quarter VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")?
        .execute(params_from_iter(values))?;
    Ok(())
}
