//! The credentials with which processes have started to work on sessions.
//!
//! A transcript may name the account that pays, but it does not show whether a key, a cloud provider, or a gateway pays
//! instead. The hook for the start of a session therefore stores the credentials.

use std::cell::OnceCell;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::claude::credentials::Credential;
use crate::journal::{self, Journal, JournalRecord, RecordIndex};
use crate::limits::evidence::PayerFacts;
use crate::paths::Paths;
use crate::transcript::tail::Tail;

/// The start of a process's work on a session.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SessionStart {
    /// The ID of the session.
    pub(super) session: String,
    /// The time of the hook.
    pub(super) at: DateTime<Utc>,
    /// The credentials and gateways that were set in the environment or in the settings.
    pub(super) credentials: Vec<Credential>,
}

impl JournalRecord for SessionStart {
    const KIND: &'static str = "start";
}

impl SessionStart {
    /// Stores the start. If this fails, the payer of the session stays unknown unless its transcript names an account.
    pub(super) fn store(&self, paths: &Paths) {
        let _ = journal::append(paths, self.at, self);
    }
}

/// The starts of sessions that a part of the journal contains.
#[derive(Debug)]
pub(super) struct SessionStarts<'a> {
    journal: &'a Journal,
    by_session: OnceCell<RecordIndex<'a, SessionStart>>,
}

impl<'a> SessionStarts<'a> {
    pub(super) fn new(journal: &'a Journal) -> Self {
        Self {
            journal,
            by_session: OnceCell::new(),
        }
    }

    /// Returns a session's starts, newest first. The first call groups all starts by session.
    pub(super) fn of(&self, session: &str) -> Vec<SessionStart> {
        self.by_session
            .get_or_init(|| RecordIndex::new(self.journal, "session"))
            .records_with(session)
            .collect()
    }
}

/// Returns the payer of a session's requests at the given time. `starts` are the session's starts, newest first, and
/// `tail` is the end of its transcript. Without a stored start, only the account that the transcript names is known.
pub(super) fn payer_at(starts: &[SessionStart], tail: &Tail, moment: DateTime<Utc>) -> PayerFacts {
    let start = starts.iter().find(|start| start.at <= moment);
    PayerFacts {
        account: None,
        owner: tail.owner.clone(),
        credentials: start.map_or_else(Vec::new, |start| start.credentials.clone()),
        has_session_environment: start.is_some(),
    }
}
