//! The credentials with which processes started or resumed sessions.
//!
//! A transcript may name the account that pays, but it does not show whether a key, a cloud provider, or a gateway is
//! used instead. For example, if a session is resumed with a key, its transcript still names the earlier account. If it
//! is resumed with the same login, Claude Code 2.1.331 does not always name the account again. The hook for the start
//! of a session therefore stores the credentials.

use std::cell::OnceCell;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::readings::may_be_same_process;
use super::session_transcripts::SessionTranscripts;
use crate::claude::credentials::{self, API_KEY, Credential, OAUTH_TOKEN};
use crate::journal::{self, Journal, JournalRecord, RecordIndex};
use crate::limits::evidence::{PayerFacts, StoredError};
use crate::paths::Paths;
use crate::transcript::owner::Owner;

/// The start of a run: a process started or resumed a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SessionStart {
    /// The ID of the session.
    pub(super) session: String,
    /// The time of the hook.
    pub(super) at: DateTime<Utc>,
    /// The hash that identifies the process, as in `Sample::process`, or `None` if the process is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) process: Option<String>,
    /// The credentials and gateways that were set in the environment or in the settings.
    pub(super) credentials: Vec<Credential>,
    /// True if the process does not use the account that the transcript names, because it has a key, a token, or a
    /// cloud provider that the process before it did not have. If both have the same key, the user has declined it.
    /// `None` in records of earlier versions, which did not compare the processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replaces_owner: Option<bool>,
}

impl JournalRecord for SessionStart {
    const KIND: &'static str = "start";
}

impl SessionStart {
    /// Stores the start. If this fails, the payer of the session stays unknown unless its transcript names an account.
    pub(super) fn store(&self, paths: &Paths) {
        let _ = journal::append(paths, self.at, self);
    }

    /// Stores the start again after a process has reported the usage windows of a plan, if they prove that it uses the
    /// login.
    pub(super) fn store_after_plan_reading(
        &self,
        process: Option<&str>,
        paths: &Paths,
        now: DateTime<Utc>,
    ) {
        if self.windows_prove_use_of_login(process) {
            let corrected = Self {
                replaces_owner: Some(false),
                ..self.clone()
            };
            let _ = journal::append(paths, now, &corrected);
        }
    }

    /// Returns true if the usage windows of a plan that `process` has reported prove that the session has used the
    /// login since this start. Windows that another process reported prove nothing. `process` is `None` if it is
    /// unknown.
    pub(super) fn windows_prove_use_of_login(&self, process: Option<&str>) -> bool {
        self.may_have_process(process) && windows_prove_use_of_login(&self.credentials)
    }

    /// Returns true if `process` may be the process that started or resumed the session. `process` is `None` if it is
    /// unknown.
    pub(super) fn may_have_process(&self, process: Option<&str>) -> bool {
        may_be_same_process(self.process.as_deref(), process)
    }

    /// Returns the credentials that may replace the login as the payer.
    pub(super) fn substitutes(&self) -> impl Iterator<Item = &Credential> {
        let credentials = self.credentials.iter();
        credentials.filter(|credential| credential.may_replace_login())
    }

    /// Returns true if this resumed or forked session no longer uses the account that its transcript names. The result
    /// is stored with the start, because the part of the journal that other commands read may not contain the previous
    /// start.
    ///
    /// `journal` is the recent part of the journal, because Claude Code waits for the hook. If the previous start is not
    /// found, a key counts as accepted until the process reports the usage windows of a plan.
    pub(super) fn replaces_owner_in(&self, journal: &Journal) -> bool {
        if self.substitutes().next().is_none() {
            return false;
        }
        if self.substitutes().any(Credential::selects_cloud_provider) {
            return true;
        }
        let earlier: Vec<Self> = journal
            .records_with("session", Some(&self.session))
            .collect();
        earlier.is_empty() || self.replaces_owner_of(&earlier)
    }

    /// Compares this start with the session's earlier starts, newest first. Returns true if the session no longer uses
    /// the account that its transcript names. Returns false if there is no earlier start.
    fn replaces_owner_of(&self, earlier: &[Self]) -> bool {
        self.substitutes().next().is_some()
            && earlier.first().is_some_and(|previous| {
                newest_replaces_owner(earlier)
                    || adds_substitute(&self.credentials, &previous.credentials)
            })
    }
}

/// Returns true if a process with `credentials` has a substitute for the login that another process does not have.
fn adds_substitute(credentials: &[Credential], other: &[Credential]) -> bool {
    credentials.iter().any(|credential| {
        credential.may_replace_login() && !credentials::is_set(&credential.name, other)
    })
}

/// Returns true if a process with these credentials must be using the login when it reports the usage windows of a
/// plan: it has no substitute for the login, or only an API key that the user must have declined.
pub(super) fn windows_prove_use_of_login(credentials: &[Credential]) -> bool {
    credentials
        .iter()
        .filter(|credential| credential.may_replace_login())
        .all(|substitute| substitute.name == API_KEY)
}

/// Returns true if the process of the newest start does not use the account that the transcript names. `starts` are the
/// starts up to this one, newest first. Returns false if there is none.
fn newest_replaces_owner(starts: &[SessionStart]) -> bool {
    match starts.split_first() {
        Some((newest, earlier)) => newest
            .replaces_owner
            .unwrap_or_else(|| newest.replaces_owner_of(earlier)),
        None => false,
    }
}

/// Returns the newest start of a session in a part of the journal.
pub(super) fn newest_start(session: &str, journal: &Journal) -> Option<SessionStart> {
    journal.records_with("session", Some(session)).next()
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
        let owner = transcripts.owner_at(session, moment);
        payer_at(&self.of(session), owner.as_ref(), moment)
    }

    /// Returns false if the session did not use the account that its transcript names at the given time. Returns true
    /// if no start is stored.
    pub(super) fn owner_pays(&self, session: &str, moment: DateTime<Utc>) -> bool {
        !is_owner_replaced(&self.of(session), moment)
    }

    /// Like [`Self::owner_pays`], but for the process of a failed request, or for the newest one if its process is
    /// unknown. Several processes may work on a session at the same time. If a later one does not have the key of this
    /// process, it may be the one that uses the account.
    ///
    /// If the start of the process is not found, because it is not in this part of the journal, a start with the same
    /// credentials takes its place. If there is none, all starts count as later.
    pub(super) fn owner_pays_for(&self, error: &StoredError) -> bool {
        let starts = self.of(error.session.id.as_deref().unwrap_or_default());
        let until = starts_until(&starts, error.at);
        let process = error.session.process.as_deref();
        let credentials = &error.payer.credentials;
        let of_process = until
            .iter()
            .position(|start| process.is_none() || start.process.as_deref() == process)
            .or_else(|| {
                until
                    .iter()
                    .position(|start| start.credentials == *credentials)
            })
            .unwrap_or(until.len());
        let (later, up_to_process) = until.split_at(of_process);
        let is_shared = later
            .iter()
            .any(|start| adds_substitute(credentials, &start.credentials));
        !is_shared && !newest_replaces_owner(up_to_process)
    }

    /// Returns true if a session uses no account, because its transcript does not name one. Returns false if the
    /// session was started with a token: its transcript never names the account, even if it is resumed with the login.
    pub(super) fn is_without_account(
        &self,
        session: &str,
        transcripts: &SessionTranscripts<'_>,
    ) -> bool {
        let had_token = |start: &SessionStart| credentials::is_set(OAUTH_TOKEN, &start.credentials);
        transcripts.is_without_account(session) && !self.of(session).iter().any(had_token)
    }
}

/// Returns the start of the process that worked on a session at the given time, if it is stored. `starts` are the
/// session's starts, newest first.
pub(super) fn start_at(starts: &[SessionStart], moment: DateTime<Utc>) -> Option<&SessionStart> {
    starts_until(starts, moment).first()
}

/// Returns true if a session did not use the account that its transcript names at the given time. Returns false if no
/// start is stored. `starts` are the session's starts, newest first.
pub(super) fn is_owner_replaced(starts: &[SessionStart], moment: DateTime<Utc>) -> bool {
    newest_replaces_owner(starts_until(starts, moment))
}

fn starts_until(starts: &[SessionStart], moment: DateTime<Utc>) -> &[SessionStart] {
    let newest = starts.iter().position(|start| start.at <= moment);
    newest
        .and_then(|newest| starts.get(newest..))
        .unwrap_or_default()
}

/// Returns a session's payer at the given time. `starts` are the session's starts, newest first, and `owner` is the
/// account that its transcript names. If no start is stored, only this account is known.
pub(super) fn payer_at(
    starts: &[SessionStart],
    owner: Option<&Owner>,
    moment: DateTime<Utc>,
) -> PayerFacts {
    let Some(start) = start_at(starts, moment) else {
        return PayerFacts {
            owner: owner.cloned(),
            ..PayerFacts::default()
        };
    };
    PayerFacts {
        account: None,
        owner: if is_owner_replaced(starts, moment) {
            None
        } else {
            owner.cloned()
        },
        credentials: start.credentials.clone(),
        has_session_environment: true,
    }
}
