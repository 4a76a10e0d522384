//! The error lines in all transcripts.

use std::collections::HashSet;

use rusqlite::params;

use super::database::Ledger;
use super::error::{LedgerResult, Result};
use super::facts::id_of;
use crate::time::{Millis, datetime_from_millis};
use crate::transcript::failed_attempts::FailedAttempt;
use crate::transcript::tail::ErrorLine;

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
    /// Returns the errors that clients displayed, in chronological order. A line that forks have copied is returned
    /// only once, from the transcript that was read first. Copies are recognized by their ID, because several sessions
    /// may fail with the same text in the same millisecond.
    pub(crate) fn shown_errors(&self) -> LedgerResult<Vec<ShownError>> {
        let mut known = HashSet::new();
        let errors: Vec<Option<ShownError>> = self.read(|store| {
            store.all(
                "SELECT name, at, fields, text_hash
                 FROM error_lines JOIN files ON files.id = error_lines.file
                     JOIN sessions ON sessions.id = error_lines.session
                 WHERE fields IS NOT NULL AND at IS NOT NULL
                 ORDER BY at, files.rowid, error_lines.offset",
                [],
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

    /// Returns the failed attempts in chronological order.
    pub(crate) fn failed_attempts(&self) -> LedgerResult<Vec<SessionAttempt>> {
        self.read(|store| {
            store.all(
                "SELECT name, at, attempt, wait_ms, status, min(files.rowid)
                 FROM error_lines JOIN files ON files.id = error_lines.file
                     JOIN sessions ON sessions.id = error_lines.session
                 WHERE attempt IS NOT NULL AND at IS NOT NULL
                 GROUP BY at, text_hash, attempt ORDER BY at",
                [],
                |row| {
                    let number = |column| -> Result<u64> {
                        let value: Option<i64> = row.get(column)?;
                        Ok(value.unwrap_or(0).max(0).cast_unsigned())
                    };
                    let status = u16::try_from(number(4)?).ok();
                    Ok(SessionAttempt {
                        session: row.get(0)?,
                        attempt: FailedAttempt {
                            at: datetime_from_millis(row.get(1)?),
                            number: number(2)?,
                            most: None,
                            wait_ms: number(3)?,
                            status: status.filter(|status| *status > 0),
                        },
                    })
                },
            )
        })
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
