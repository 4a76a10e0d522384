//! Provides spend to callers that need more than sums.

use chrono::{DateTime, Utc};

use super::database::Ledger;
use super::error::LedgerResult;
use super::facts::{Id, Response};
use super::rows::{EVER, Names, Selected, StoredRow};
use super::stored_responses::{RESPONSE_COLUMNS, response_from};
use crate::pricing::Money;
use crate::time::QUARTER_HOUR;

/// All spend, and the names of the sessions, models, and contexts that it refers to by ID.
#[derive(Debug)]
pub(crate) struct AllSpend {
    /// The responses, without their copies.
    pub responses: Vec<Response>,
    pub off_transcript: Vec<StoredRow>,
    pub names: Names,
}

impl AllSpend {
    /// Returns true if nothing was spent.
    pub(crate) fn is_empty(&self) -> bool {
        self.responses.is_empty() && self.off_transcript.is_empty()
    }
}

impl Ledger {
    /// Returns the cost of the selected sessions' responses since the given time.
    pub(crate) fn cost_since(
        &self,
        from: DateTime<Utc>,
        selected: Selected<'_>,
    ) -> LedgerResult<Money> {
        let from = from.timestamp_millis();
        self.read(|store| {
            let sessions: Vec<(Id, String)> = store.all(
                "SELECT id, name FROM sessions WHERE id IN (
                     SELECT session FROM sums WHERE level = 0 AND start >= ?1 - ?2)",
                [from, QUARTER_HOUR],
                |row| row.try_into(),
            )?;
            let mut cost = Money::ZERO;
            for (session, _) in sessions.iter().filter(|(_, name)| selected(name)) {
                cost += store.value::<Money>(
                    "SELECT ifnull(sum(cost), 0) FROM responses WHERE session = ?1 AND at >= ?2",
                    [*session, from],
                )?;
            }
            Ok(cost)
        })
    }

    /// Returns all spend, including lower bounds without an amount, from a single snapshot of the ledger.
    pub(crate) fn all_spend(&self) -> LedgerResult<AllSpend> {
        self.read(|store| {
            let snapshot = store.0.unchecked_transaction()?;
            let query = format!("SELECT {RESPONSE_COLUMNS} FROM responses");
            let spend = AllSpend {
                responses: store.all(&query, [], response_from)?,
                off_transcript: store.off_transcript_rows(&EVER)?,
                names: store.names(true)?,
            };
            snapshot.commit()?;
            Ok(spend)
        })
    }
}
