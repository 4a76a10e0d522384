//! Sums by quarter hour, session, and model, and totals of all sessions by quarter hour and by day. The sums and totals
//! are kept in sync with the responses.

use std::collections::BTreeMap;

use rusqlite::{Row, params_from_iter};

use super::database::{SESSION, Store};
use super::error::Result;
use super::facts::{Id, Response};
use super::reconcile::OffTranscriptKind;
use super::rows::{RowsPeriod, Tally, recorded_from};
use super::stored_responses::{RESPONSE_COLUMNS, response_from};
use crate::pricing::Money;
use crate::time::{Millis, QUARTER_HOUR};

/// The length of a UTC day. Leap seconds are ignored, so all days have the same length.
const DAY: Millis = 96 * QUARTER_HOUR;

/// The columns of the table `sums` that contain sums, in the order of the values in [`SumChanges`].
pub(super) const SUM_COLUMNS: &str = "recorded, responses, unpriced, input, output, cache_read, cache_write, \
     cache_write_1h, web_searches";

/// Selects the totals of all periods of the given length that begin in the given time span.
const TOTALS: &str = "SELECT recorded, responses, unpriced, unrecorded FROM totals \
     WHERE length = ?1 AND start >= ?2 AND start < ?3";

/// Changes to sums that have not been written yet, keyed by the quarter hour, the session, and the model.
#[derive(Debug, Default)]
pub(super) struct SumChanges(BTreeMap<[i64; 3], [i64; 9]>);

impl SumChanges {
    /// Adds a response to the sums.
    pub(super) fn add(&mut self, response: &Response) {
        self.change(response, 1);
    }

    /// Subtracts a previously added response from the sums.
    pub(super) fn remove(&mut self, response: &Response) {
        self.change(response, -1);
    }

    fn change(&mut self, response: &Response, factor: i64) {
        let quarter = start_of(response.at, QUARTER_HOUR);
        let sums = self
            .0
            .entry([quarter, response.session, response.model])
            .or_default();
        let cost = response.cost.or_zero().pico();
        let [
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h,
            web_searches,
        ] = response.usage.fields().map(u64::cast_signed);
        let changes = [
            cost,
            1,
            response.is_unpriced.into(),
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h,
            web_searches,
        ];
        add_to(sums, changes.map(|change| factor * change));
    }
}

/// Unwritten changes to the totals, keyed by the length and the start of the period.
#[derive(Debug, Default)]
pub(super) struct TotalChanges(BTreeMap<[Millis; 2], [i64; 4]>);

/// The time, the kind, and the amount of spend in the table `off_transcript`.
pub(super) type OffTranscriptRow = (Millis, OffTranscriptKind, Money);

impl TotalChanges {
    /// Adds spend that is not in any transcript. The totals contain only unrecorded spend.
    pub(super) fn add_off_transcript(&mut self, row: OffTranscriptRow) {
        self.change_off_transcript(row, 1);
    }

    /// Subtracts spend that was added earlier.
    pub(super) fn remove_off_transcript(&mut self, row: OffTranscriptRow) {
        self.change_off_transcript(row, -1);
    }

    fn change_off_transcript(&mut self, (at, kind, cost): OffTranscriptRow, factor: i64) {
        let mut tally = Tally::default();
        tally.add_off_transcript(kind, cost);
        let changes = [tally.unpriced.cast_signed(), tally.unrecorded.pico()];
        let [unpriced, unrecorded] = changes.map(|change| factor * change);
        self.add(at, [0, 0, unpriced, unrecorded]);
    }

    /// Adds changes to the totals of the quarter hour and of the day that contain the given time. `changes` consists of
    /// recorded spend, responses, responses without a price, and unrecorded spend.
    fn add(&mut self, at: Millis, changes: [i64; 4]) {
        for length in [QUARTER_HOUR, DAY] {
            let totals = self.0.entry([length, start_of(at, length)]).or_default();
            add_to(totals, changes);
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

/// Reads the first `N` columns of a row.
fn columns<const N: usize>(row: &Row<'_>) -> Result<[i64; N]> {
    let mut columns = [0; N];
    for (index, column) in columns.iter_mut().enumerate() {
        *column = row.get(index)?;
    }
    Ok(columns)
}

impl Store {
    /// Writes changes to totals. SQLite could add the numbers, but preparing such a statement takes much longer than
    /// reading a row and writing it back.
    pub(super) fn change_totals(&self, changes: TotalChanges) -> Result<()> {
        for (period, changes) in changes.0 {
            if changes == [0; 4] {
                continue;
            }
            let [length, start] = period;
            let stored = self.first(TOTALS, [length, start, start + 1], columns)?;
            let mut totals = stored.unwrap_or_default();
            add_to(&mut totals, changes);
            self.run(
                "INSERT OR REPLACE INTO totals VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params_from_iter(period.into_iter().chain(totals)),
            )?;
        }
        Ok(())
    }

    /// Returns the totals of the quarter hours that begin in a period.
    pub(super) fn totals_between(&self, period: &RowsPeriod) -> Result<Tally> {
        let first_day = start_of(period.start.saturating_add(DAY - 1), DAY);
        let last_day = start_of(period.end, DAY);
        // The days between these two times are added up as whole days, and the rest of the period in quarter hours.
        let (first_day, last_day) = if first_day < last_day {
            (first_day, last_day)
        } else {
            (period.end, period.end)
        };
        let parts = [
            (QUARTER_HOUR, period.start..first_day),
            (DAY, first_day..last_day),
            (QUARTER_HOUR, last_day..period.end),
        ];
        let mut sum = Tally::default();
        for (length, part) in parts {
            sum += self.totals_of(length, &part)?;
        }
        Ok(sum)
    }

    /// Returns the sum of the totals of all periods that have this length and begin in `part`.
    fn totals_of(&self, length: Millis, part: &RowsPeriod) -> Result<Tally> {
        if part.is_empty() {
            return Ok(Tally::default());
        }
        let totals: Vec<Tally> = self.all(TOTALS, [length, part.start, part.end], |row| {
            Ok(Tally {
                unrecorded: row.get(3)?,
                ..recorded_from(row, 0)?
            })
        })?;
        Ok(totals.into_iter().sum())
    }

    /// Writes changes to sums and to the corresponding totals.
    pub(super) fn change_sums(&self, changes: SumChanges) -> Result<()> {
        let mut totals = TotalChanges::default();
        for (key, sums) in changes.0 {
            if sums == [0; 9] {
                continue;
            }
            let [cost, responses, unpriced, ..] = sums;
            let [quarter, session, _model] = key;
            totals.add(quarter, [cost, responses, unpriced, 0]);
            self.change_sum(key, sums)?;
            self.change_session(session, [cost, responses, unpriced])?;
        }
        self.change_totals(totals)
    }

    /// Adds changes to a session's recorded spend, responses, and responses without a price.
    fn change_session(&self, session: Id, changes: [i64; 3]) -> Result<()> {
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

    /// Adds changes to the row for a quarter hour, a session, and a model (`key`). Deletes the row if it contains no
    /// more responses.
    fn change_sum(&self, key: [i64; 3], changes: [i64; 9]) -> Result<()> {
        let stored = self.first(
            &format!(
                "SELECT {SUM_COLUMNS} FROM sums WHERE quarter = ?1 AND session = ?2 AND model = ?3"
            ),
            key,
            columns,
        )?;
        let mut sums = stored.unwrap_or_default();
        add_to(&mut sums, changes);
        let [_, added_responses, ..] = changes;
        let [_, responses, ..] = sums;
        if added_responses < 0 && responses <= 0 {
            return self.run(
                "DELETE FROM sums WHERE quarter = ?1 AND session = ?2 AND model = ?3",
                key,
            );
        }
        self.run(
            "INSERT OR REPLACE INTO sums VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            params_from_iter(key.into_iter().chain(sums)),
        )
    }

    /// Recalculates all sums and totals from the responses and the unrecorded spend.
    pub(super) fn make_sums(&self) -> Result<()> {
        self.0.execute_batch(
            "DELETE FROM sums; DELETE FROM totals;
             UPDATE sessions SET recorded = 0, responses = 0, unpriced = 0",
        )?;
        let mut totals = TotalChanges::default();
        let off_transcript: Vec<OffTranscriptRow> =
            self.all("SELECT at, kind, cost FROM off_transcript", [], |row| {
                row.try_into()
            })?;
        for row in off_transcript {
            totals.add_off_transcript(row);
        }
        self.change_totals(totals)?;
        let mut changes = SumChanges::default();
        let query = format!("SELECT {RESPONSE_COLUMNS} FROM responses");
        let mut statement = self.0.prepare_cached(&query)?;
        for response in statement.query_map([], response_from)? {
            changes.add(&response?);
        }
        self.change_sums(changes)
    }

    /// Returns true if the sums and the totals contain as many responses as the responses table.
    pub(super) fn are_sums_right(&self) -> Result<bool> {
        self.value(
            "SELECT count(*) = (SELECT ifnull(sum(responses), 0) FROM sums)
                 AND count(*) = (SELECT ifnull(sum(responses), 0) FROM totals WHERE length = ?1)
             FROM responses",
            [DAY],
        )
    }
}
