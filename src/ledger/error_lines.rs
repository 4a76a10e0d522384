//! The error lines in all transcripts.

use std::collections::HashSet;

use rusqlite::params;

use super::database::Ledger;
use super::error::{LedgerResult, Result};
use super::facts::id_of;
use crate::time::{Millis, datetime_from_millis};
use crate::transcript::failed_attempts::FailedAttempt;
use crate::transcript::tail::ErrorLine;

/// A time before any error.
const BEFORE_ALL_ERRORS: Millis = Millis::MIN;

/// An error that the client displayed, as recorded in a transcript.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShownError {
    /// The session whose transcript contains the line.
    pub(crate) session: String,
    pub(crate) at: Millis,
    pub(crate) line: ErrorLine,
}

/// A failed request attempt that the client retried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionAttempt {
    pub(crate) session: String,
    pub(crate) attempt: FailedAttempt,
}

/// The time and model of a response before or after an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResponseBesideError {
    pub(crate) at: Millis,
    pub(crate) model: String,
}

impl Ledger {
    /// Returns the errors that clients displayed, in chronological order. Errors with the same time are sorted by
    /// position. A line that forks have copied is returned only once. Copies are recognized by their ID, because
    /// several sessions may fail with the same text in the same millisecond.
    pub(crate) fn shown_errors(&self) -> LedgerResult<Vec<ShownError>> {
        self.shown_errors_where("TRUE", BEFORE_ALL_ERRORS)
    }

    /// Returns the errors that clients have displayed since the given time. Errors in the transcripts of subagents are
    /// excluded. If there has been no error since the given time, returns only the newest error. Errors are sorted and
    /// copies are omitted as in [`Self::shown_errors`].
    pub(crate) fn newest_shown_errors(&self, since: Millis) -> LedgerResult<Vec<ShownError>> {
        let is_in_session =
            "NOT EXISTS (SELECT 1 FROM files WHERE files.id = error_lines.file AND is_main = 0)";
        let newest = self.shown_errors_where(is_in_session, since)?;
        if !newest.is_empty() {
            return Ok(newest);
        }
        let mut all = self.shown_errors_where(is_in_session, BEFORE_ALL_ERRORS)?;
        Ok(all.split_off(all.len().saturating_sub(1)))
    }

    fn shown_errors_where(&self, condition: &str, since: Millis) -> LedgerResult<Vec<ShownError>> {
        let mut known = HashSet::new();
        let errors: Vec<Option<ShownError>> = self.read(|store| {
            store.all(
                &format!(
                    "SELECT name, at, fields, text_hash
                     FROM error_lines JOIN sessions ON sessions.id = error_lines.session
                     WHERE fields IS NOT NULL AND at >= ?1 AND {condition}
                     ORDER BY at, offset, name"
                ),
                [since],
                |row| {
                    let (session, at) = (row.get(0)?, row.get(1)?);
                    let fields: String = row.get(2)?;
                    let text_hash: i64 = row.get(3)?;
                    let line: Option<ErrorLine> = serde_json::from_str(&fields).ok();
                    Ok(match line {
                        Some(line) if known.insert((at, text_hash, line.uuid.clone())) => {
                            Some(ShownError { session, at, line })
                        }
                        Some(_) | None => None,
                    })
                },
            )
        })?;
        Ok(errors.into_iter().flatten().collect())
    }

    /// Returns the failed attempts, in the same order as [`Self::shown_errors`] returns errors. An attempt that forks
    /// have copied is returned only once.
    pub(crate) fn failed_attempts(&self) -> LedgerResult<Vec<SessionAttempt>> {
        let mut known = HashSet::new();
        let attempts: Vec<Option<SessionAttempt>> = self.read(|store| {
            store.all(
                "SELECT name, at, attempt, wait_ms, status, text_hash
                 FROM error_lines JOIN sessions ON sessions.id = error_lines.session
                 WHERE attempt IS NOT NULL AND at IS NOT NULL
                 ORDER BY at, offset, name",
                [],
                |row| {
                    let number = |column| -> Result<u64> {
                        let value: Option<i64> = row.get(column)?;
                        Ok(value.unwrap_or(0).max(0).cast_unsigned())
                    };
                    let at: Millis = row.get(1)?;
                    let text_hash: i64 = row.get(5)?;
                    let attempt = number(2)?;
                    if !known.insert((at, text_hash, attempt)) {
                        return Ok(None);
                    }
                    let status = u16::try_from(number(4)?).ok();
                    Ok(Some(SessionAttempt {
                        session: row.get(0)?,
                        attempt: FailedAttempt {
                            at: datetime_from_millis(at),
                            number: attempt,
                            most: None,
                            wait_ms: number(3)?,
                            status: status.filter(|status| *status > 0),
                        },
                    }))
                },
            )
        })?;
        Ok(attempts.into_iter().flatten().collect())
    }

    /// Returns a session's last response before the given time, or `None` if there is none.
    pub(crate) fn response_before(
        &self,
        session: &str,
        at: Millis,
    ) -> LedgerResult<Option<ResponseBesideError>> {
        self.response_beside(session, at, "at < ?2 ORDER BY at DESC")
    }

    /// Returns a session's first response after the given time, or `None` if there is none.
    pub(crate) fn response_after(
        &self,
        session: &str,
        at: Millis,
    ) -> LedgerResult<Option<ResponseBesideError>> {
        self.response_beside(session, at, "at > ?2 ORDER BY at")
    }

    fn response_beside(
        &self,
        session: &str,
        at: Millis,
        condition: &str,
    ) -> LedgerResult<Option<ResponseBesideError>> {
        self.read(|store| {
            store.first(
                &format!(
                    "SELECT at, (SELECT name FROM models WHERE id = model) FROM responses
                     WHERE session = ?1 AND {condition} LIMIT 1"
                ),
                params![id_of(session.as_bytes()), at],
                |row| {
                    Ok(ResponseBesideError {
                        at: row.get(0)?,
                        model: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                    })
                },
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::catch_up::ReadTime;
    use crate::pricing::PriceTable;

    const ERROR: &str = r#"{"type":"assistant","uuid":"UUID","timestamp":"2026-11-20T10:00:00.000Z","isApiErrorMessage":true,"message":{"model":"<synthetic>","content":"limit"}}"#;
    const ATTEMPT: &str = r#"{"type":"system","subtype":"api_error","timestamp":"2026-11-20T10:00:00.000Z","retryAttempt":1,"retryInMs":500,"error":{"status":529,"text":"UUID"}}"#;

    /// Returns the sessions of all errors and failed attempts in the order in which the ledger returns them. The
    /// transcript of the session `at_start` begins with an error, and in the session `after_a_line`, the same error
    /// follows another line.
    #[expect(clippy::disallowed_methods, reason = "the tests write transcripts")]
    fn sessions_of_errors(at_start: &str, after_a_line: &str) -> Vec<String> {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("projects/-home-dev-p");
        std::fs::create_dir_all(&directory).unwrap();
        for (session, first_line) in [(at_start, ""), (after_a_line, "{\"type\":\"user\"}\n")] {
            let lines = format!("{first_line}{ERROR}\n{ATTEMPT}\n").replace("UUID", session);
            std::fs::write(directory.join(format!("{session}.jsonl")), lines).unwrap();
        }
        let mut ledger = Ledger::in_memory(home.path()).unwrap();
        let roots = std::iter::once(home.path().join("projects"));
        ledger
            .catch_up(roots, &PriceTable::list(), ReadTime::All, &mut |_, _| {})
            .unwrap();
        let errors = ledger.shown_errors().unwrap().into_iter();
        let attempts = ledger.failed_attempts().unwrap().into_iter();
        errors
            .map(|error| error.session)
            .chain(attempts.map(|attempt| attempt.session))
            .collect()
    }

    #[test]
    fn errors_of_the_same_time_are_sorted_by_their_positions() {
        let first_session = "11111111-0000-4000-8000-000000000000";
        let second_session = "22222222-0000-4000-8000-000000000000";
        for [first, second] in [
            [first_session, second_session],
            [second_session, first_session],
        ] {
            assert_eq!(
                sessions_of_errors(first, second),
                [first, second, first, second]
            );
        }
    }
}
