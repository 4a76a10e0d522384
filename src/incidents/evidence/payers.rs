//! Determines which account or key paid for a failed request, and whether it also pays for later requests. The sources
//! are the stored error, the owner that the transcript names, the starts of the session, the login, the credentials
//! that are set now, and the running processes.

use chrono::{DateTime, Utc};

use super::continuation::REGISTERS_HEADLESS_RUNS;
use super::{Asker, EvidenceCollector, OtherSessions};
use crate::claude::account::Account;
use crate::claude::credentials::{self, Credential, SetIn};
use crate::claude::sessions::{self, Liveness, Session};
use crate::claude::settings::SettingsScope;
use crate::claude::version::ClientVersion;
use crate::incidents::session_starts::{SessionStart, payer_at, windows_prove_use_of_login};
use crate::ledger::ProcessId;
use crate::limits::evidence::{
    ErrorSession, Evidence, Ownership, PayerFacts, PayerRelation, StoredError,
};
use crate::limits::kind::{LimitKind, Service};
use crate::limits::sample::MeasuredService;
use crate::transcript::owner::Owner;

/// The first version of Claude Code that is known to use a new login for the next request of a process that was already
/// running. Earlier versions may keep using the previous login.
const USES_NEW_LOGIN_SINCE: ClientVersion = ClientVersion(2, 1, 331);

/// Determines which account an error belongs to. An owner recorded in the transcript takes precedence over the account
/// that was logged in. If no owner is recorded, the error belongs to another account only if the session used the login
/// and the login has changed since then.
pub(in crate::incidents) fn settle_owner(evidence: &mut Evidence, login: Option<&Account>) {
    let error = &mut evidence.error;
    let ownership = ownership_of(error, login);
    evidence.collected.ownership = ownership;
    let Some(owner) = error.payer.owner.clone() else {
        return;
    };
    let account = error.account().map(|account| &account.owner);
    if account.and_then(|account| owner.is_same_as(account)) == Some(false) {
        error.payer.account = Some(match login {
            Some(login) if ownership == Some(Ownership::Login) => login.clone(),
            _ => Account {
                owner,
                ..Account::default()
            },
        });
    }
}

/// Returns how the account of an error is related to the login, or `None` if that is unknown. [`settle_owner`] describes
/// the rules.
pub(in crate::incidents) fn ownership_of(
    error: &StoredError,
    login: Option<&Account>,
) -> Option<Ownership> {
    if let Some(owner) = &error.payer.owner {
        return Ownership::of(owner, login);
    }
    match (error.account(), login) {
        (Some(account), Some(login)) if account.owner.is_same_as(&login.owner) == Some(false) => {
            Some(Ownership::Other)
        }
        _ => None,
    }
}

/// Returns the payer of a session's next request. It differs from the payer of the last one, `last`, if the user has since
/// logged in to another account. `version` is the version of Claude Code that runs the session.
///
/// Screens must use this function to decide which errors block a session.
pub(in crate::incidents) fn payer_of_next_request(
    last: PayerFacts,
    version: Option<&str>,
    login: Option<&Account>,
) -> PayerFacts {
    match login {
        Some(login) if uses_login_now(&last, version) => PayerFacts {
            owner: Some(login.owner.clone()),
            ..last
        },
        Some(_) | None => last,
    }
}

/// Returns true if a session is known to use the login for its next request, even if the login is new. `last` is the payer
/// of its last request. A session without a response has not used an earlier login.
fn uses_login_now(last: &PayerFacts, version: Option<&str>) -> bool {
    let has_login = last.owner.is_some() || last.has_session_environment;
    has_login
        && !last.is_without_account()
        && !last.is_hidden_by_token()
        && version.is_none_or(|version| {
            ClientVersion::parse(version).is_some_and(|known| known >= USES_NEW_LOGIN_SINCE)
        })
}

impl EvidenceCollector<'_> {
    /// Removes the error's owner if the request did not use the account that the transcript names.
    pub(in crate::incidents) fn remove_earlier_owner(&self, error: &mut StoredError) {
        if error.payer.owner.is_some()
            && !self.is_key_declined(error)
            && !self.starts.owner_pays_for(error)
        {
            error.payer.owner = None;
        }
    }

    /// Returns true if the process of the error has only a key that the user must have declined: a window of a plan
    /// refused its request, or it has reported the windows itself.
    fn is_key_declined(&self, error: &StoredError) -> bool {
        let ErrorSession { id, process, .. } = &error.session;
        let has_reported_windows = || {
            let (Some(id), Some(process)) = (id, process) else {
                return false;
            };
            self.readings.last_of(id).is_some_and(|last| {
                last.service() == MeasuredService::Plan
                    && last.process.as_deref() == Some(process.as_str())
            })
        };
        let is_refused_by_window = error
            .quota()
            .and_then(LimitKind::of_quota)
            .is_some_and(|limit| limit.window().is_some());
        windows_prove_use_of_login(&error.payer.credentials)
            && (is_refused_by_window || has_reported_windows())
    }

    /// Returns true if an error is about the account that paid for the request. It then says nothing about other payers,
    /// and their responses say nothing about the error. How the error of a key ends is decided elsewhere.
    pub(in crate::incidents) fn is_about_account(&self, error: &StoredError) -> bool {
        let row = self.message_of(&error.message).row;
        let limit = error.quota().and_then(LimitKind::of_quota);
        let ended_by = limit.unwrap_or(row.limit).ended_by(row.stops());
        ended_by.is_about_payer() && !error.payer.is_without_account()
    }

    /// Returns true if an error says nothing about the login, because a key or a cloud provider paid for the request. An
    /// error about a limit of the plan shows that the user has declined the key.
    pub(in crate::incidents) fn is_about_other_payer_than_login(
        &self,
        error: &StoredError,
    ) -> bool {
        // Recognizing the message takes the longest, so it comes last.
        error.payer.is_without_account()
            && error.quota().is_none()
            && self.message_of(&error.message).row.limit.service() != Some(Service::Plan)
    }

    /// Returns the starts of a session with an error about an account. They show whether its later responses had another
    /// payer. Returns no starts for other errors.
    pub(super) fn starts_after_account_error(&self, error: &StoredError) -> Vec<SessionStart> {
        match &error.session.id {
            Some(session) if self.is_about_account(error) => self.starts.of(session),
            Some(_) | None => Vec::new(),
        }
    }

    /// Returns true if a response in the session of an error about an account certainly had another payer.
    pub(in crate::incidents) fn has_other_payer(
        &self,
        error: &StoredError,
        response_at: DateTime<Utc>,
    ) -> bool {
        let starts = self.starts_after_account_error(error);
        if starts.is_empty() {
            return false;
        }
        let path = self.transcript_of(error);
        let tail = path.and_then(|path| self.transcripts.tail(&path));
        let owner = tail.as_ref().and_then(|tail| tail.owner_at(response_at));
        is_of_other_payer(error, &starts, owner, response_at)
    }

    /// Returns true if the session with an error about an account has since received a response that certainly had another
    /// payer.
    pub(super) fn has_response_of_other_payer(&self, error: &StoredError) -> bool {
        let starts = self.starts_after_account_error(error);
        let path = self.transcript_of(error);
        let Some(tail) = path.and_then(|path| self.transcripts.tail(&path)) else {
            return false;
        };
        tail.responses.iter().any(|response| {
            response.at > error.at
                && is_of_other_payer(error, &starts, tail.owner_at(response.at), response.at)
        })
    }

    /// Returns true if the session with an error about an account certainly has another payer now. A conversation in this
    /// session has its credentials in its own environment, even if another process works on the session as well.
    pub(super) fn has_session_other_payer_now(&self, error: &StoredError) -> bool {
        let Some(session) = error.session.id.as_deref() else {
            return false;
        };
        if !self.is_about_account(error) {
            return false;
        }
        let mut payer = self.payer_now(session);
        if self.environment_of == Some(session) && self.has_session_environment() {
            payer.credentials.clone_from(&self.machine().credentials);
        }
        error.payer.relation_to(&payer) == PayerRelation::Other
    }

    /// Returns true if another account has logged in since the failed request, and the session is known to use it for its
    /// next request.
    pub(super) fn session_uses_new_login(&self, evidence: &Evidence) -> bool {
        evidence.is_of_another_account()
            && evidence.collected.session_has_other_payer
            && evidence.error.session.id.as_deref().is_some_and(|session| {
                let version = self.client_version_of(session);
                uses_login_now(&self.payer_of_last(session), version.as_deref())
            })
    }

    /// Returns the payer of a session's next request.
    pub(super) fn payer_now(&self, session: &str) -> PayerFacts {
        let version = self.client_version_of(session);
        payer_of_next_request(
            self.payer_of_last(session),
            version.as_deref(),
            self.login.as_ref(),
        )
    }

    /// Returns the version of Claude Code that last wrote to a session's transcript.
    fn client_version_of(&self, session: &str) -> Option<String> {
        self.tail_of_session(session)?.version.clone()
    }

    /// Returns the payer of a session's last request.
    fn payer_of_last(&self, session: &str) -> PayerFacts {
        let tail = self.tail_of_session(session);
        let owner = tail.as_ref().and_then(|tail| tail.owner_at(self.now()));
        payer_at(&self.starts.of(session), owner, self.now())
    }

    /// Returns true if an account is logged in but the session used a token. The token may belong to another account,
    /// so the login's readings are not evidence about the error. If nobody is logged in, all readings are assumed to
    /// belong to the token.
    pub(in crate::incidents) fn may_differ_from_login(&self, error: &StoredError) -> bool {
        self.login.is_some() && error.is_payer_hidden_by_token()
    }

    /// Returns true if a new session may have a different payer than the session with the error. Unlike
    /// [`Self::has_other_payer_now`], also returns true if that session used a token that a new session would not use.
    pub(super) fn may_have_other_payer_now(&self, error: &StoredError) -> bool {
        self.has_other_payer_now(error)
            || self.may_differ_from_login(error) && !self.machine().has_token()
    }

    /// Returns true if a new session would have a different payer than the session with the error. A cloud provider from
    /// a project's settings does not count, because the new session may use it as well.
    pub(super) fn has_other_payer_now(&self, error: &StoredError) -> bool {
        let had_provider = error.uses_cloud_provider();
        let has_provider_now = self.machine().has_cloud_provider();
        if had_provider || has_provider_now {
            let is_set_in_project = error.payer.credentials.iter().any(|credential| {
                credential.selects_cloud_provider() && is_set_in_project(credential)
            });
            return had_provider != has_provider_now && !is_set_in_project;
        }
        let has_key_now = self.machine().has_key();
        let had_key = error.uses_key();
        if had_key || has_key_now {
            return had_key != has_key_now;
        }
        match (error.payer.known_account(), &self.login) {
            (Some(payer), Some(login)) => payer.is_same_as(&login.owner) == Some(false),
            (None, _) | (_, None) => false,
        }
    }

    /// Returns true if the failed request used a key, but a new session would use the login's plan. A key from a
    /// project's settings does not count, because the new session may use it as well.
    pub(super) fn uses_plan_instead(&self, error: &StoredError) -> bool {
        error.uses_key()
            && self.login.as_ref().is_some_and(Account::has_plan)
            && !self.machine().has_key()
            && !error.keys().any(is_set_in_project)
    }

    /// Returns true if the failed request used a key that the next request in its session will not use.
    ///
    /// A conversation in that session has the session's own environment. Other sessions, and shells that name the
    /// session, can tell only if every process with the key is known to have exited, because the session can then be
    /// resumed without the key. For a new session in a shell, it is enough that no such process is known to be running.
    pub(super) fn key_is_removed(&self, evidence: &Evidence) -> bool {
        let error = &evidence.error;
        if !error.uses_key() || self.machine().has_key() {
            return false;
        }
        if self.environment_of.is_some() && self.environment_of == error.session.id.as_deref() {
            return self.has_session_environment();
        }
        // A cloud provider or a token pays for this conversation, so it will not use the plan.
        if self.environment_of.is_some()
            && self
                .machine()
                .credentials
                .iter()
                .any(Credential::may_replace_login)
        {
            return false;
        }
        // Other sessions and shells do not know the settings of the session's project.
        if error.keys().any(|key| key.set_in != SetIn::Environment) {
            return false;
        }
        let mut processes = self.processes_with_key(error);
        let is_for_new_session = self.environment_of.is_none() && self.asker == Asker::Shell;
        if is_for_new_session {
            !processes.any(|process| process.liveness == Liveness::Running)
        } else {
            processes.all(|process| matches!(process.liveness, Liveness::Gone(_)))
                && self.is_listed_while_running(evidence)
        }
    }

    /// Returns the processes of the session that had its key when the error occurred, and those that may have resumed the
    /// session with the key since then.
    fn processes_with_key(&self, error: &StoredError) -> impl Iterator<Item = &Session> {
        let session = error.session.id.as_deref();
        let mut resumed_with_key = self.starts.of(session.unwrap_or_default());
        resumed_with_key.retain(|start| {
            start.at > error.at
                && error
                    .keys()
                    .any(|key| credentials::is_set(&key.name, &start.credentials))
        });
        self.registered().iter().filter(move |process| {
            let had_key = process.claim.at.is_none_or(|started| started <= error.at)
                || resumed_with_key
                    .iter()
                    .any(|start| may_be_start_of(start, process));
            session.is_some() && process.activity.session.as_deref() == session && had_key
        })
    }

    /// Returns true if the registry lists the processes of the session with the error while they are running.
    fn is_listed_while_running(&self, evidence: &Evidence) -> bool {
        evidence.error.session.id.as_deref().is_some_and(|session| {
            evidence.is_since(REGISTERS_HEADLESS_RUNS)
                || sessions::is_listed(self.registered(), session)
        })
    }

    /// Returns true if the failed request used a key and this process runs in another session, which has no key.
    pub(super) fn is_in_other_session_without_key(&self, error: &StoredError) -> bool {
        error.uses_key()
            && !self.machine().has_key()
            && self.has_session_environment()
            && self
                .environment_of
                .is_some_and(|session| error.session.id.as_deref() != Some(session))
    }

    /// Returns true if the error occurred while a key replaced the session's login, but the later response used an
    /// account.
    pub(super) fn has_response_without_key(&self, error: &StoredError) -> bool {
        let Some(later_response) = &error.later_response else {
            return false;
        };
        if !error.payer.is_key() {
            return false;
        }
        let session = error.session.id.as_deref().unwrap_or_default();
        let at = later_response.at.unwrap_or(self.now());
        let later_payer = self.starts.payer_of(session, self.transcripts, at);
        later_payer.owner.is_some()
    }

    /// Returns true if the session probably still uses a key for all responses: it still has the key, and either its
    /// transcript does not name an account or that account is no longer used. Always returns false for the status line,
    /// which does not show this.
    pub(super) fn still_uses_key(&self, error: &StoredError) -> bool {
        if self.other_sessions != OtherSessions::Newest {
            return false;
        }
        let Some(session) = error.session.id.as_deref() else {
            return false;
        };
        error.payer.is_key()
            && self.still_has_key(session, error)
            && (self.starts.is_without_account(session, self.transcripts)
                || !self.starts.owner_pays(session, self.now()))
    }

    /// Returns true if the session still has the key with which the error occurred. A shell can tell only while the
    /// process that used the key is running, and only if the key is from the environment. The settings may have changed
    /// since the process read them.
    fn still_has_key(&self, session: &str, error: &StoredError) -> bool {
        if self.environment_of == Some(session) {
            let credentials = &self.machine().credentials;
            return self.has_session_environment()
                && error
                    .keys()
                    .any(|key| credentials.iter().any(|set| set.name == key.name));
        }
        error.keys().any(|key| key.set_in == SetIn::Environment) && self.is_running_since(error)
    }
}

/// Returns true if a response certainly had another payer than the failed request. `starts` are the starts of the
/// session, newest first, and `owner` is the account that its transcript named at the time of the response. If no start
/// is stored, returns false.
pub(in crate::incidents) fn is_of_other_payer(
    error: &StoredError,
    starts: &[SessionStart],
    owner: Option<&Owner>,
    response_at: DateTime<Utc>,
) -> bool {
    if starts.is_empty() {
        return false;
    }
    let payer = payer_at(starts, owner, response_at);
    error.payer.relation_to(&payer) == PayerRelation::Other
}

/// Returns true if a process may be the one of this start. The start must be later than the process, or name it: the
/// registry contains the time of the registration (2.1.331), which may be later than the hook.
fn may_be_start_of(start: &SessionStart, process: &Session) -> bool {
    process.liveness != Liveness::Running
        || process
            .claim
            .at
            .is_none_or(|registered| start.at >= registered)
        || start.may_have_process(Some(&ProcessId::new(process.claim.pid).hash()))
}

/// Returns true if a credential comes from a project's settings.
fn is_set_in_project(credential: &Credential) -> bool {
    matches!(
        credential.set_in,
        SetIn::Settings(SettingsScope::Project | SettingsScope::Local)
    )
}
