//! What the ledger says of a session or a period: what a status line shows.

use chrono::{DateTime, Utc};
use rusqlite::OptionalExtension;

use super::read::Batch;
use super::store::{Error, Id, Ledger, ResponseRow, responses, session_id};
use crate::pricing::{Money, PriceTable};
use crate::time::QUARTER;

/// Name in `meta`: all transcripts were read to the end once.
const COMPLETE: &str = "complete";

/// A session's spend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Priced from transcript lines.
    pub recorded: Money,
    /// Counted by the client and shown by no line.
    pub unrecorded: Money,
    /// Whether a model without a known price is among it: then the figure is an estimate.
    pub estimated: bool,
}

impl Spent {
    /// Both together.
    pub fn total(self) -> Money {
        self.recorded + self.unrecorded
    }
}

impl Ledger {
    /// What a session has cost.
    pub fn session(&self, name: &str) -> Result<Spent, Error> {
        self.connection
            .prepare_cached("SELECT recorded, unrecorded, unpriced FROM session WHERE name = ?")
            .and_then(|mut statement| {
                statement
                    .query_row([name], |row| {
                        Ok(Spent {
                            recorded: Money::from_pico(row.get(0)?),
                            unrecorded: Money::from_pico(row.get(1)?),
                            estimated: row.get::<_, i64>(2)? > 0,
                        })
                    })
                    .optional()
            })
            .map(Option::unwrap_or_default)
            .map_err(self.failed())
    }

    /// What was spent from `from` up to `until`; both on quarters of an hour.
    pub fn between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<Spent, Error> {
        let range = [quarter_of(from), quarter_of(until)];
        let sum = |columns: &str, table: &str| {
            self.connection
                .prepare_cached(&format!(
                    "SELECT coalesce(sum(cost), 0), {columns} FROM {table} WHERE quarter >= ? AND quarter < ?"
                ))
                .and_then(|mut statement| {
                    statement.query_row(range, |row| {
                        Ok((Money::from_pico(row.get(0)?), row.get::<_, i64>(1)?))
                    })
                })
                .map_err(self.failed())
        };
        let (recorded, unpriced) = sum("coalesce(sum(unpriced), 0)", "quarter")?;
        let (unrecorded, _) = sum("0", "unrecorded")?;
        Ok(Spent {
            recorded,
            unrecorded,
            estimated: unpriced > 0,
        })
    }

    /// Whether a session was forked from another.
    pub fn is_fork(&self, session: &str) -> bool {
        self.connection
            .query_row(
                "SELECT parent IS NOT NULL FROM session WHERE name = ?",
                [session],
                |row| row.get(0),
            )
            .unwrap_or(false)
    }

    /// Whether all transcripts were ever read to the end. Before that, sums over sessions are
    /// too low.
    pub fn is_complete(&self) -> bool {
        self.connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM meta WHERE name = ?)",
                [COMPLETE],
                |row| row.get(0),
            )
            .unwrap_or(false)
    }

    pub(crate) fn note_complete(&self) {
        // If another process is writing, it or the next catch-up will note it.
        let _ = self
            .connection
            .execute("INSERT OR IGNORE INTO meta VALUES (?, 1)", [COMPLETE]);
    }

    /// What a batch adds that is not committed: to `session`, and from `from` up to `until`.
    /// For a status line whose write was put off because another process was writing.
    pub fn pending(
        &self,
        batch: &Batch,
        prices: &PriceTable,
        session: &str,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> rusqlite::Result<(Money, Money)> {
        let period = from.timestamp_millis()..until.timestamp_millis();
        let mut of_session = Money::ZERO;
        let mut of_period = Money::ZERO;
        // Names that the ledger does not know yet stand for themselves, below all that it does.
        let unknown = |place: usize| -1 - place.cast_signed() as Id;
        let wanted = match session_id(&self.connection, session)? {
            Some(id) => id,
            None => batch
                .sessions
                .get_index_of(session)
                .map_or(Id::MIN, unknown),
        };
        let sessions = batch.sessions.keys().enumerate();
        let sessions = sessions
            .map(|(place, name)| {
                let known = session_id(&self.connection, name)?;
                Ok(known.unwrap_or_else(|| unknown(place)))
            })
            .collect::<rusqlite::Result<Vec<Id>>>()?;
        let models: Vec<_> = batch
            .models
            .iter()
            .map(|model| prices.prices_of(model))
            .collect();
        for (key, counted) in &batch.responses {
            let (Some(session), Some(prices)) =
                (sessions.get(counted.session), models.get(counted.model))
            else {
                continue;
            };
            let new = counted.renamed(*session, unknown(counted.model));
            let old = responses::read(&self.connection, *key)?;
            let now = match &old {
                Some(old) => old.merged_with(&new, prices),
                None => ResponseRow::priced(new, prices),
            };
            for (row, sign) in old.iter().map(|old| (old, -1)).chain([(&now, 1)]) {
                let cost = if sign < 0 { -row.cost } else { row.cost };
                if row.counted.session == wanted {
                    of_session += cost;
                }
                if period.contains(&row.counted.at) {
                    of_period += cost;
                }
            }
        }
        Ok((of_session, of_period))
    }
}

fn quarter_of(moment: DateTime<Utc>) -> i64 {
    moment.timestamp_millis().div_euclid(QUARTER)
}
