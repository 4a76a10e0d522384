//! Sums of spend, which are kept in sync with the responses and the results of sessions.

use std::collections::BTreeMap;

use rusqlite::{Row, params_from_iter};

use super::database::Store;
use super::error::Result;
use super::facts::Id;
use super::rows::{EVER, RowsBy, RowsPeriod, StoredRow, Tally};
use super::stored_responses::usage_from;
use super::values::count_from;
use crate::time::{Millis, QUARTER_HOUR};

/// The length of a UTC day. Leap seconds are ignored, so all days have the same length.
const DAY: Millis = 96 * QUARTER_HOUR;

/// The columns of the table `sums` that contain sums, in the order of [`Sums`].
pub(super) const SUM_COLUMNS: &str = "recorded, responses, unpriced, input, output, cache_read, cache_write, \
     cache_write_1h, web_searches, unrecorded, pending, bounds";

/// The values in the columns of [`SUM_COLUMNS`].
type Sums = [i64; 12];

/// The kind of sum in a row of the table `sums`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// The spend of one session and one model in a quarter of an hour.
    Model,
    /// All spend in a quarter of an hour.
    Quarter,
    /// All spend in a day.
    Day,
    /// All spend of one session.
    Session,
}

/// What a sum is about: a session, the model that responded, and the model that was requested, or 0 if it responded. All
/// three are 0 in the sums of all spend.
type Subject = [Id; 3];

/// The primary key of a row: the level, the start of the period, and the subject.
type SumKey = [i64; 5];

fn key_of(level: Level, start: Millis, [session, model, requested]: Subject) -> SumKey {
    [level as i64, start, session, model, requested]
}

/// Changes to sums that have not been written yet.
#[derive(Debug, Default)]
pub(super) struct SumChanges(BTreeMap<SumKey, Sums>);

impl SumChanges {
    /// Adds a row to the sums.
    pub(super) fn add(&mut self, row: &StoredRow) {
        self.change(row, 1);
    }

    /// Subtracts a previously added row from the sums.
    pub(super) fn remove(&mut self, row: &StoredRow) {
        self.change(row, -1);
    }

    /// Changes the sums at all levels.
    fn change(&mut self, row: &StoredRow, factor: i64) {
        let requested = row.requested.unwrap_or_default();
        let quarter = start_of(row.at, QUARTER_HOUR);
        let keys = [
            key_of(Level::Model, quarter, [row.session, row.model, requested]),
            key_of(Level::Quarter, quarter, [0; 3]),
            key_of(Level::Day, start_of(row.at, DAY), [0; 3]),
            key_of(Level::Session, 0, [row.session, 0, 0]),
        ];
        let changes = sums_of(&row.tally).map(|value| factor * value);
        for key in keys {
            add_to(self.0.entry(key).or_default(), changes);
        }
    }
}

/// Returns the values for the columns of [`SUM_COLUMNS`].
fn sums_of(tally: &Tally) -> Sums {
    let usage = tally.usage.fields().map(u64::cast_signed);
    let values = [
        tally.recorded.or_zero().pico(),
        tally.responses.cast_signed(),
        tally.unpriced.cast_signed(),
    ]
    .into_iter()
    .chain(usage)
    .chain([
        tally.unrecorded.pico(),
        tally.pending.pico(),
        tally.at_least.into(),
    ]);
    let mut sums = Sums::default();
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum = value;
    }
    sums
}

/// Selects the row with a key.
fn one_row() -> String {
    format!(
        "SELECT {SUM_COLUMNS} FROM sums WHERE level = ?1 AND start = ?2 AND session = ?3
             AND model = ?4 AND requested = ?5"
    )
}

/// Returns the start of the period that contains a time. All periods are `length` milliseconds long.
fn start_of(at: Millis, length: Millis) -> Millis {
    at.div_euclid(length).saturating_mul(length)
}

fn add_to(sums: &mut Sums, changes: Sums) {
    for (sum, change) in sums.iter_mut().zip(changes) {
        *sum = sum.saturating_add(change);
    }
}

/// Reads a tally from the columns in [`SUM_COLUMNS`]. `first` is the index of the first one.
pub(super) fn tally_from(row: &Row<'_>, first: usize) -> Result<Tally> {
    let bounds = count_from(row, first + 11)?;
    Ok(Tally {
        recorded: row.get(first)?,
        responses: count_from(row, first + 1)?,
        unpriced: count_from(row, first + 2)?,
        usage: usage_from(row, first + 3)?,
        unrecorded: row.get(first + 9)?,
        pending: row.get(first + 10)?,
        at_least: bounds > 0,
    })
}

fn sums_from(row: &Row<'_>) -> Result<Sums> {
    let mut sums = Sums::default();
    for (index, column) in sums.iter_mut().enumerate() {
        *column = row.get(index)?;
    }
    Ok(sums)
}

impl Store {
    /// Returns all spend in the quarter hours that begin in a period.
    pub(super) fn total_between(&self, period: &RowsPeriod) -> Result<Tally> {
        let mut whole_days =
            start_of(period.start.saturating_add(DAY - 1), DAY)..start_of(period.end, DAY);
        if whole_days.is_empty() {
            // Then all quarter hours are in the first part.
            whole_days = period.end..period.end;
        }
        let parts = [
            (Level::Quarter, period.start..whole_days.start),
            (Level::Quarter, whole_days.end..period.end),
            (Level::Day, whole_days),
        ];
        let mut total = Tally::default();
        for (level, part) in parts {
            if part.is_empty() {
                continue;
            }
            let tallies: Vec<Tally> = self.all(
                &format!(
                    "SELECT {SUM_COLUMNS} FROM sums WHERE level = ?1 AND start >= ?2 AND start < ?3"
                ),
                [level as i64, part.start, part.end],
                |row| tally_from(row, 0),
            )?;
            total += tallies.into_iter().sum();
        }
        Ok(total)
    }

    /// Returns all spend of a session.
    pub(super) fn session_tally(&self, session: Id) -> Result<Tally> {
        let key = key_of(Level::Session, 0, [session, 0, 0]);
        let tally = self.first(&one_row(), key, |row| tally_from(row, 0))?;
        Ok(tally.unwrap_or_default())
    }

    /// Writes changes to sums. SQLite could add the numbers, but preparing such a statement takes much longer than
    /// reading a row and writing it back.
    pub(super) fn change_sums(&self, changes: SumChanges) -> Result<()> {
        for (key, changes) in changes.0 {
            if changes == Sums::default() {
                continue;
            }
            let stored = self.first(&one_row(), key, sums_from)?;
            let mut sums = stored.unwrap_or_default();
            add_to(&mut sums, changes);
            if sums == Sums::default() {
                self.run(
                    "DELETE FROM sums WHERE level = ?1 AND start = ?2 AND session = ?3 AND model = ?4
                         AND requested = ?5",
                    key,
                )?;
                continue;
            }
            self.run(
                "INSERT OR REPLACE INTO sums VALUES
                     (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
                params_from_iter(key.into_iter().chain(sums)),
            )?;
        }
        Ok(())
    }

    /// Recalculates all sums from the responses and the results of sessions.
    pub(super) fn make_sums(&self) -> Result<()> {
        self.0.execute_batch("DELETE FROM sums")?;
        let mut changes = SumChanges::default();
        for row in self.rows(&EVER, RowsBy::Response)? {
            changes.add(&row);
        }
        self.change_sums(changes)
    }

    /// Returns true if the sums contain as many responses as the table of responses.
    pub(super) fn are_sums_right(&self) -> Result<bool> {
        self.value(
            "SELECT count(*) = (SELECT ifnull(sum(responses), 0) FROM sums WHERE level = ?1)
                 AND count(*) = (SELECT ifnull(sum(responses), 0) FROM sums WHERE level = ?2)
             FROM responses",
            [Level::Model as i64, Level::Day as i64],
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::database::Ledger;
    use super::*;
    use crate::pricing::Money;

    /// Three days of responses, one in each quarter of an hour, each at a cost of one nano-dollar.
    fn ledger(home: &std::path::Path) -> Ledger {
        let ledger = Ledger::in_memory(home).unwrap();
        ledger
            .write(|store| {
                let mut changes = SumChanges::default();
                for quarter in 0..3 * 96 {
                    changes.add(&StoredRow {
                        at: quarter * QUARTER_HOUR + 1,
                        tally: Tally {
                            recorded: Money::from_nano(1),
                            ..Tally::default()
                        },
                        ..StoredRow::default()
                    });
                }
                store.change_sums(changes)
            })
            .unwrap();
        ledger
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Periods are added up from days and quarter hours, whatever part of a day they begin and end in.
        #[test]
        fn a_period_contains_each_of_its_quarter_hours_once(start in 0_i64..288, length in 0_i64..288) {
            let home = tempfile::tempdir().unwrap();
            let ledger = ledger(home.path());
            let end = (start + length).min(288);
            let period = start * QUARTER_HOUR..end * QUARTER_HOUR;
            let total = ledger.read(|store| store.total_between(&period)).unwrap();
            prop_assert_eq!(total.recorded, Money::from_nano(end - start));
        }
    }
}
