//! Provides individual responses to callers that need more than sums.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::params;

use super::database::{Ledger, Store};
use super::error::{LedgerResult, Result};
use super::facts::{Id, Response};
use super::reconcile::OffTranscriptKind;
use super::rows::{Names, Selected, Tally};
use super::stored_responses::{RESPONSE_COLUMNS, response_from};
use crate::time::{Millis, QUARTER_HOUR};

/// Responses, and the names of the sessions, models, and contexts that they refer to by ID.
#[derive(Debug, Default)]
pub(crate) struct Responses {
    pub(crate) all: Vec<Response>,
    pub(crate) names: Names,
}

/// Spend in a single quarter hour that no transcript line reports.
#[derive(Debug)]
pub(crate) struct OffTranscriptRow {
    /// The start of the quarter hour.
    pub(crate) at: Millis,
    pub(crate) session: Id,
    pub(crate) model: Id,
    pub(crate) tally: Tally,
}

/// The spend of some sessions since a point in time.
#[derive(Debug)]
pub(crate) struct RecentSpend {
    pub(crate) responses: Responses,
    pub(crate) off_transcript: Vec<OffTranscriptRow>,
}

impl RecentSpend {
    /// Returns true if nothing was spent.
    pub(crate) fn is_empty(&self) -> bool {
        self.responses.all.is_empty() && self.off_transcript.is_empty()
    }
}

impl Ledger {
    /// Returns the sessions that received a response after `after` and no later than `until`, with the time of the
    /// first such response, in chronological order.
    pub(crate) fn first_responses(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> LedgerResult<Vec<(String, Millis)>> {
        self.read(|store| {
            store.all(
                "SELECT name, (SELECT min(at) FROM responses
                     WHERE session = sessions.id AND at > ?1) AS first
                 FROM sessions WHERE id IN (
                     SELECT session FROM sums WHERE quarter BETWEEN ?1 - ?3 AND ?2 AND responses > 0)
                     AND first <= ?2
                 ORDER BY first",
                params![
                    after.timestamp_millis(),
                    until.timestamp_millis(),
                    QUARTER_HOUR
                ],
                |row| row.try_into(),
            )
        })
    }

    /// Returns the time of the first response in a period, or `None` if there is none.
    pub(crate) fn first_response(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> LedgerResult<Option<Millis>> {
        let before = from - TimeDelta::milliseconds(1);
        let firsts = self.first_responses(before, until)?;
        Ok(firsts.first().map(|(_session, at)| *at))
    }

    /// Returns the responses of the selected sessions since the given time.
    pub(crate) fn responses_since(
        &self,
        from: DateTime<Utc>,
        selected: Selected<'_>,
    ) -> LedgerResult<Responses> {
        let start = from.timestamp_millis();
        self.read(|store| {
            let sessions = store.sessions_since(start, selected)?;
            store.responses_of(&sessions, start)
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
                off_transcript: store.off_transcript_since(Millis::MIN, "0")?,
            };
            snapshot.commit()?;
            Ok(spend)
        })
    }
}

impl Store {
    /// Returns the selected sessions that have spent something since the given time.
    fn sessions_since(&self, from: Millis, selected: Selected<'_>) -> Result<HashSet<Id>> {
        let sessions: Vec<(Id, String)> = self.all(
            "SELECT id, name FROM sessions WHERE id IN (
                 SELECT session FROM sums WHERE quarter >= ?1 - ?2
                 UNION SELECT session FROM off_transcript WHERE at >= ?1 - ?2)",
            [from, QUARTER_HOUR],
            |row| row.try_into(),
        )?;
        Ok(sessions
            .into_iter()
            .filter(|(_, name)| selected(name))
            .map(|(id, _)| id)
            .collect())
    }

    /// Returns the responses that these sessions have received since the given time.
    fn responses_of(&self, sessions: &HashSet<Id>, from: Millis) -> Result<Responses> {
        let query =
            format!("SELECT {RESPONSE_COLUMNS} FROM responses WHERE session = ?1 AND at >= ?2");
        let mut all = Vec::new();
        for session in sessions {
            all.extend(self.all::<_, Vec<_>>(&query, [*session, from], response_from)?);
        }
        Ok(Responses {
            all,
            names: self.names(true)?,
        })
    }

    /// Returns the spend since the given time that no transcript line reports, by quarter hour. Lower bounds without an
    /// amount are included. `is_compaction` is an SQL expression that is true for spend of the kind
    /// `SpendKind::Compaction`.
    fn off_transcript_since(
        &self,
        from: Millis,
        is_compaction: &str,
    ) -> Result<Vec<OffTranscriptRow>> {
        self.all(
            &format!(
                "SELECT at - ((at % ?2) + ?2) % ?2, session, model, kind = ?3, sum(cost), max(kind = ?4), {is_compaction}
                 FROM off_transcript WHERE at >= ?1
                 GROUP BY 1, 2, 3, 4, 7 HAVING sum(cost) <> 0 OR max(kind = ?4)"
            ),
            params![
                from,
                QUARTER_HOUR,
                OffTranscriptKind::Pending,
                OffTranscriptKind::LowerBound
            ],
            |row| {
                let kind = if row.get(3)? {
                    OffTranscriptKind::Pending
                } else {
                    OffTranscriptKind::Unrecorded
                };
                let mut tally = Tally {
                    at_least: row.get(5)?,
                    ..Tally::default()
                };
                tally.add_off_transcript(kind, row.get(4)?);
                Ok(OffTranscriptRow {
                    at: row.get(0)?,
                    session: row.get(1)?,
                    model: row.get(2)?,
                    tally,
                })
            },
        )
    }
}
