//! Sums of spend, which are kept in sync with the responses and the results of sessions.

use std::collections::BTreeMap;

use rusqlite::{Row, params_from_iter};

use super::database::{SESSION, Store};
use super::error::Result;
use super::facts::Response;
use super::lineage::breakdown_from;
use super::reconcile::{OffTranscriptKind, SessionBreakdown};
use super::rows::{RowsPeriod, Tally, recorded_from};
use super::stored_responses::{RESPONSE_COLUMNS, response_from};
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
    /// The responses of one session and one model in a quarter of an hour.
    Model,
    /// All spend in a quarter of an hour.
    Quarter,
    /// All spend in a day.
    Day,
}

impl Level {
    /// Returns the length of the row's period.
    fn length(self) -> Millis {
        match self {
            Self::Model | Self::Quarter => QUARTER_HOUR,
            Self::Day => DAY,
        }
    }
}

/// The primary key of a row. The session and the models are 0 in the rows that add up everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SumKey([i64; 5]);

impl SumKey {
    fn new(level: Level, at: Millis, parts: [i64; 3]) -> Self {
        let [session, model, requested] = parts;
        let start = start_of(at, level.length());
        Self([level as i64, start, session, model, requested])
    }
}

/// Changes to sums that have not been written yet.
#[derive(Debug, Default)]
pub(super) struct SumChanges(BTreeMap<SumKey, Sums>);

impl SumChanges {
    /// Adds a response to the sums.
    pub(super) fn add(&mut self, response: &Response) {
        self.change_response(response, 1);
    }

    /// Subtracts a previously added response from the sums.
    pub(super) fn remove(&mut self, response: &Response) {
        self.change_response(response, -1);
    }

    fn change_response(&mut self, response: &Response, factor: i64) {
        let [
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h,
            web_searches,
        ] = response.usage.fields().map(u64::cast_signed);
        let added = [
            response.cost.or_zero().pico(),
            1,
            response.is_unpriced.into(),
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h,
            web_searches,
            0,
            0,
            0,
        ];
        let changes = added.map(|value| factor * value);
        let requested = response.requested.unwrap_or_default();
        let key = SumKey::new(
            Level::Model,
            response.at,
            [response.session, response.model, requested],
        );
        add_to(self.0.entry(key).or_default(), changes);
        self.change_all(response.at, changes);
    }

    /// Adds the spend and the lower bounds of a session that no transcript line reports.
    pub(super) fn add_breakdown(&mut self, breakdown: &SessionBreakdown) {
        self.change_breakdown(breakdown, 1);
    }

    /// Subtracts a previously added breakdown.
    pub(super) fn remove_breakdown(&mut self, breakdown: &SessionBreakdown) {
        self.change_breakdown(breakdown, -1);
    }

    fn change_breakdown(&mut self, breakdown: &SessionBreakdown, factor: i64) {
        let mut change = |at, [unpriced, unrecorded, pending, bounds]: [i64; 4]| {
            let changes = [
                0, 0, unpriced, 0, 0, 0, 0, 0, 0, unrecorded, pending, bounds,
            ];
            self.change_all(at, changes.map(|change| factor * change));
        };
        for spend in &breakdown.off_transcript {
            let cost = spend.cost.pico();
            let changes = match spend.kind {
                OffTranscriptKind::Unrecorded => [0, cost, 0, 0],
                OffTranscriptKind::Estimated => [1, cost, 0, 0],
                OffTranscriptKind::Pending => [0, 0, cost, 0],
            };
            change(spend.at, changes);
        }
        for bound in &breakdown.bounds {
            change(bound.at, [0, 0, 0, 1]);
        }
    }

    /// Changes the sums of all spend.
    fn change_all(&mut self, at: Millis, changes: Sums) {
        for level in [Level::Quarter, Level::Day] {
            let key = SumKey::new(level, at, [0; 3]);
            add_to(self.0.entry(key).or_default(), changes);
        }
    }
}

/// Returns the start of the period that contains a time. All periods are `length` milliseconds long.
fn start_of(at: Millis, length: Millis) -> Millis {
    at.div_euclid(length).saturating_mul(length)
}

fn add_to<const N: usize>(sums: &mut [i64; N], changes: [i64; N]) {
    for (sum, change) in sums.iter_mut().zip(changes) {
        *sum = sum.saturating_add(change);
    }
}

/// All spend in a period.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// The spend, without token counts.
    pub(super) tally: Tally,
    /// The number of lower bounds.
    pub(super) bounds: u64,
}

/// Reads the totals from the columns in [`SUM_COLUMNS`].
fn totals_from(row: &Row<'_>) -> Result<Totals> {
    Ok(Totals {
        tally: Tally {
            unrecorded: row.get(9)?,
            pending: row.get(10)?,
            ..recorded_from(row, 0)?
        },
        bounds: count_from(row, 11)?,
    })
}

/// Reads the first `N` columns of a row.
fn columns<const N: usize>(row: &Row<'_>) -> Result<[i64; N]> {
    let mut columns = [0; N];
    for (index, column) in columns.iter_mut().enumerate() {
        *column = row.get(index)?;
    }
    Ok(columns)
}

impl Store {
    /// Returns all spend in the quarter hours that begin in a period, and the number of lower bounds.
    pub(super) fn totals_between(&self, period: &RowsPeriod) -> Result<Totals> {
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
        let mut sum = Totals::default();
        for (level, part) in parts {
            if part.is_empty() {
                continue;
            }
            let totals: Vec<Totals> = self.all(
                &format!(
                    "SELECT {SUM_COLUMNS} FROM sums WHERE level = ?1 AND start >= ?2 AND start < ?3"
                ),
                [level as i64, part.start, part.end],
                totals_from,
            )?;
            for totals in totals {
                sum.tally += totals.tally;
                sum.bounds += totals.bounds;
            }
        }
        Ok(sum)
    }

    /// Writes changes to sums. SQLite could add the numbers, but preparing such a statement takes much longer than
    /// reading a row and writing it back.
    pub(super) fn change_sums(&self, changes: SumChanges) -> Result<()> {
        for (SumKey(key), changes) in changes.0 {
            if changes == [0; 12] {
                continue;
            }
            let stored = self.first(
                &format!(
                    "SELECT {SUM_COLUMNS} FROM sums WHERE level = ?1 AND start = ?2 AND session = ?3
                         AND model = ?4 AND requested = ?5"
                ),
                key,
                columns,
            )?;
            let mut sums: Sums = stored.unwrap_or_default();
            add_to(&mut sums, changes);
            let [level, _start, session, ..] = key;
            if level == Level::Model as i64 {
                let [recorded, responses, unpriced, ..] = changes;
                self.change_session(session, [recorded, responses, unpriced])?;
            }
            if sums == [0; 12] {
                self.run(
                    "DELETE FROM sums WHERE level = ?1 AND start = ?2 AND session = ?3 AND model = ?4
                         AND requested = ?5",
                    key,
                )?;
            } else {
                self.run(
                    "INSERT OR REPLACE INTO sums VALUES
                         (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
                    params_from_iter(key.into_iter().chain(sums)),
                )?;
            }
        }
        Ok(())
    }

    /// Adds changes to a session's recorded spend, responses, and responses without a price.
    fn change_session(&self, session: i64, changes: [i64; 3]) -> Result<()> {
        let Some(mut sums) = self.first(SESSION, [session], columns)? else {
            return Ok(());
        };
        add_to(&mut sums, changes);
        let [recorded, responses, unpriced] = sums;
        self.run(
            "UPDATE sessions SET recorded = ?2, responses = ?3, unpriced = ?4 WHERE id = ?1",
            [session, recorded, responses, unpriced],
        )
    }

    /// Recalculates all sums from the responses and the results of sessions.
    pub(super) fn make_sums(&self) -> Result<()> {
        self.0.execute_batch(
            "DELETE FROM sums;
             UPDATE sessions SET recorded = 0, responses = 0, unpriced = 0",
        )?;
        let mut changes = SumChanges::default();
        let query = format!("SELECT {RESPONSE_COLUMNS} FROM responses");
        let mut statement = self.0.prepare_cached(&query)?;
        for response in statement.query_map([], response_from)? {
            changes.add(&response?);
        }
        let mut statement = self.0.prepare_cached("SELECT breakdown FROM sessions")?;
        for breakdown in statement.query_map([], |row| breakdown_from(row, 0))? {
            changes.add_breakdown(&breakdown?.unwrap_or_default());
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
    use super::super::facts::Location;
    use super::*;
    use crate::pricing::Money;

    /// Three days of responses, one in each quarter of an hour, each at a cost of one nano-dollar.
    fn ledger(home: &std::path::Path) -> Ledger {
        let ledger = Ledger::in_memory(home).unwrap();
        ledger
            .write(|store| {
                let mut changes = SumChanges::default();
                for quarter in 0..3 * 96 {
                    changes.add(&Response {
                        key: quarter,
                        at: quarter * QUARTER_HOUR + 1,
                        cost: Money::from_nano(1),
                        location: Location::default(),
                        ..Response::default()
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
            let totals = ledger.read(|store| store.totals_between(&period)).unwrap();
            prop_assert_eq!(totals.tally.recorded, Money::from_nano(end - start));
        }
    }
}
