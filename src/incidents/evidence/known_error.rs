//! The errors to explain, and records of those that are missing from the journal. Such a record is created from the
//! error's line in a transcript, the start of its session, and the state of the machine.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::EvidenceCollector;
use crate::claude::transcripts::session_of;
use crate::incidents::session_starts::start_at;
use crate::limits::evidence::{MessageOrigin, StoredError};
use crate::transcript::tail::TranscriptError;

/// An error, and whether it is stored in the journal.
#[derive(Debug, Clone)]
pub(in crate::incidents) struct KnownError {
    pub(in crate::incidents) error: StoredError,
    pub(in crate::incidents) is_stored: bool,
    /// True if facts have been found that the stored record does not contain.
    pub(in crate::incidents) has_news: bool,
}

impl KnownError {
    /// Wraps an error from the journal.
    pub(in crate::incidents) fn stored(error: StoredError) -> Self {
        Self {
            error,
            is_stored: true,
            has_news: false,
        }
    }

    /// Wraps an error that only a transcript contains.
    pub(in crate::incidents) fn unstored(error: StoredError) -> Self {
        Self {
            error,
            is_stored: false,
            has_news: false,
        }
    }

    /// Returns true if the error belongs to this session, or if `session` is `None`.
    pub(in crate::incidents) fn is_of(&self, session: Option<&str>) -> bool {
        session.is_none() || self.error.session.id.as_deref() == session
    }
}

impl EvidenceCollector<'_> {
    /// Returns a record of the last error in a transcript, or `None` if `is_known` returns true for it. An error is
    /// missing from the journal if hooks are disabled, or if Claude Code killed the hook before it could store the
    /// error.
    pub(in crate::incidents) fn unstored_error(
        &self,
        transcript: &Path,
        is_known: impl Fn(&TranscriptError) -> bool,
    ) -> Option<KnownError> {
        let tail = self.transcripts.tail(transcript)?;
        let transcript_error = tail
            .errors
            .last()
            .filter(|transcript_error| !is_known(transcript_error))?;
        let line = &transcript_error.line;
        let session = line.session_id.clone();
        let mut error = self.error_of_line(
            transcript_error,
            session.unwrap_or_else(|| session_of(transcript)),
            line.at.unwrap_or(self.now()),
        );
        self.remove_earlier_owner(&mut error);
        if transcript_error.has_later_response {
            self.add_later_response(&mut error, &tail, Some(transcript_error));
        }
        error.session.model.clone_from(&tail.model);
        Some(KnownError::unstored(error))
    }

    /// Creates a record from an error in a transcript. The credentials come from the start of the session or, if it is
    /// not stored, from the current state of the machine.
    pub(in crate::incidents) fn error_of_line(
        &self,
        transcript_error: &TranscriptError,
        session: String,
        at: DateTime<Utc>,
    ) -> StoredError {
        let line = &transcript_error.line;
        let starts = self.starts.of(&session);
        let mut error = StoredError::new(at, MessageOrigin::Transcript, line.text.clone());
        error.session.id = Some(session);
        error.session.version.clone_from(&line.version);
        error.session.installed_clients = self.machine().installed_clients;
        error.message.line = Some(line.clone());
        error
            .message
            .failed_attempts
            .clone_from(&transcript_error.failed_attempts);
        error.payer.owner.clone_from(&transcript_error.owner);
        error.payer.account.clone_from(&self.login);
        if let Some(start) = start_at(&starts, at) {
            error.payer.credentials.clone_from(&start.credentials);
            error.payer.has_session_environment = true;
        } else {
            error
                .payer
                .credentials
                .clone_from(&self.machine().credentials);
            error.payer.has_session_environment = self.has_session_environment();
        }
        error
    }
}
