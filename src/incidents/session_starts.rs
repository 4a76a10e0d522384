//! The credentials with which processes started or resumed sessions.
//!
//! A transcript may name the account that pays, but it does not show whether a key, a cloud provider, or a gateway pays
//! instead. For example, if a session is resumed with a key, its transcript still names the account that paid before.
//! If it is resumed with the same login, Claude Code 2.1.331 does not always name the account again. The hook for the
//! start of a session therefore stores the credentials.

use std::cell::OnceCell;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::session_transcripts::SessionTranscripts;
use crate::claude::credentials::{self, Credential};
use crate::journal::{self, Journal, JournalRecord, RecordIndex};
use crate::limits::evidence::PayerFacts;
use crate::paths::Paths;
use crate::transcript::tail::Tail;

/// The start of a run: a process started or resumed a session.
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

    /// Returns the credentials that may replace the login as the payer.
    fn substitutes(&self) -> impl Iterator<Item = &Credential> {
        let credentials = self.credentials.iter();
        credentials.filter(|credential| credential.may_replace_login())
    }

    /// Returns true if this process has a substitute for the login that an earlier process did not have.
    fn adds_substitute_to(&self, earlier: &Self) -> bool {
        self.substitutes()
            .any(|credential| !credentials::is_set(&credential.name, &earlier.credentials))
    }
}

/// The starts of sessions in a part of the journal.
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

    /// Like [`payer_at`], but looks up the session's starts and transcript.
    pub(super) fn payer_of(
        &self,
        session: &str,
        transcripts: &SessionTranscripts<'_>,
        moment: DateTime<Utc>,
    ) -> PayerFacts {
        let path = transcripts.path_of(session);
        let tail = path.and_then(|path| transcripts.tail(&path));
        payer_at(&self.of(session), &tail.unwrap_or_default(), moment)
    }

    /// Like [`owner_pays`], but looks up the session's starts.
    pub(super) fn owner_pays(&self, session: &str, moment: DateTime<Utc>) -> bool {
        owner_pays(&self.of(session), moment)
    }
}

/// Returns false if the account that the transcript names no longer pays at the given time, because a process with a
/// new key, token, or cloud provider has resumed the session. A key that was set from the start does not count, because
/// the transcript names an account only if the user has declined that key. `starts` are the session's starts, newest
/// first.
fn owner_pays(starts: &[SessionStart], moment: DateTime<Utc>) -> bool {
    let mut pays = true;
    let mut earlier: Option<&SessionStart> = None;
    for start in starts.iter().rev().filter(|start| start.at <= moment) {
        if start.substitutes().next().is_none() {
            pays = true;
        } else if earlier.is_some_and(|earlier| start.adds_substitute_to(earlier)) {
            pays = false;
        }
        earlier = Some(start);
    }
    pays
}

/// Returns a session's payer at the given time. `starts` are the session's starts, newest first, and `tail` is the end
/// of its transcript. If no start is stored, only the account that the transcript names is known.
pub(super) fn payer_at(starts: &[SessionStart], tail: &Tail, moment: DateTime<Utc>) -> PayerFacts {
    let start = starts.iter().find(|start| start.at <= moment);
    PayerFacts {
        account: None,
        owner: match &tail.owner {
            Some(owner) if owner_pays(starts, moment) => Some(owner.clone()),
            Some(_) | None => None,
        },
        credentials: start.map_or_else(Vec::new, |start| start.credentials.clone()),
        has_session_environment: start.is_some(),
    }
}
