//! Provides individual responses to callers that need more than sums.

use chrono::{DateTime, Utc};

use super::database::Ledger;
use super::error::LedgerResult;
use super::facts::{Id, Response};
use super::rows::{EVER, Names, Selected, StoredRow};
use super::stored_responses::{RESPONSE_COLUMNS, response_from};
use crate::time::{Millis, QUARTER_HOUR};

/// Responses, and the names of the sessions, models, and contexts that they refer to by ID.
#[derive(Debug, Default)]
pub(crate) struct Responses {
    pub(crate) all: Vec<Response>,
    pub(crate) names: Names,
}

/// The spend of some sessions since a point in time.
#[derive(Debug)]
pub(crate) struct RecentSpend {
    pub(crate) responses: Responses,
    pub(crate) off_transcript: Vec<StoredRow>,
}

impl RecentSpend {
    /// Returns true if nothing was spent.
    pub(crate) fn is_empty(&self) -> bool {
        self.responses.all.is_empty() && self.off_transcript.is_empty()
    }
}

impl Ledger {
    /// Returns the time of the first response in a period, or `None` if there is none.
    pub(crate) fn first_response(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> LedgerResult<Option<Millis>> {
        self.read(|store| {
            store.value(
                "SELECT min(first) FROM (
                     SELECT (SELECT min(at) FROM responses WHERE session = sessions.id AND at >= ?1) AS first
                     FROM sessions WHERE id IN (
                         SELECT session FROM sums WHERE level = 0 AND start BETWEEN ?1 - ?3 AND ?2))
                 WHERE first <= ?2",
                [
                    from.timestamp_millis(),
                    until.timestamp_millis(),
                    QUARTER_HOUR,
                ],
            )
        })
    }

    /// Returns the responses of the selected sessions since the given time.
    pub(crate) fn responses_since(
        &self,
        from: DateTime<Utc>,
        selected: Selected<'_>,
    ) -> LedgerResult<Responses> {
        let from = from.timestamp_millis();
        self.read(|store| {
            let sessions: Vec<(Id, String)> = store.all(
                "SELECT id, name FROM sessions WHERE id IN (
                     SELECT session FROM sums WHERE level = 0 AND start >= ?1 - ?2)",
                [from, QUARTER_HOUR],
                |row| row.try_into(),
            )?;
            let query =
                format!("SELECT {RESPONSE_COLUMNS} FROM responses WHERE session = ?1 AND at >= ?2");
            let mut all = Vec::new();
            for (session, name) in sessions {
                if selected(&name) {
                    all.extend(store.all::<_, Vec<_>>(&query, [session, from], response_from)?);
                }
            }
            Ok(Responses {
                all,
                names: store.names(true)?,
            })
        })
    }

    /// Returns all spend, including lower bounds without an amount, from a single snapshot of the ledger. The responses
    /// do not contain their copies.
    pub(crate) fn all_spend(&self) -> LedgerResult<RecentSpend> {
        self.read(|store| {
            let snapshot = store.0.unchecked_transaction()?;
            let query = format!("SELECT {RESPONSE_COLUMNS} FROM responses");
            let spend = RecentSpend {
                responses: Responses {
                    all: store.all(&query, [], response_from)?,
                    names: store.names(true)?,
                },
                off_transcript: store.off_transcript_rows(&EVER)?,
            };
            snapshot.commit()?;
            Ok(spend)
        })
    }
}
