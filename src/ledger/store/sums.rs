//! Sums of a quarter of an hour, session and model, kept in step with the responses.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params_from_iter};

use super::sqlite::{first, run};
use crate::ledger::facts::{Answer, Id};
use crate::time::{Millis, QUARTER};

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
