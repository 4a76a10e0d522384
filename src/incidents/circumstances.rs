//! What the machine knows around an error: credentials, installations, samples.

use std::path::Path;

use chrono::TimeDelta;

use super::in_transcript::WAITING_ENDED;
use super::{Incidents, SAME_EVENT, Situation, in_transcript, readings};
use crate::claude::account::Account;
use crate::claude::{credentials, sessions, settings, version};
use crate::journal::Journal;
use crate::limits::both_ends;
use crate::limits::evidence::{Evidence, Seen, Whose};
use crate::limits::sample::{Sample, Teller};
use crate::secrets::hidden;
use crate::transcript::tail::ErrorLine;

/// How far the client's next status line, with the meters of the refusal, lags behind the error:
/// 0.3 s with client 2.1.328.
const METERS_ARE_LATE: TimeDelta = TimeDelta::seconds(1);
/// How far a transcript lags behind the hook on a busy machine.
const LINE_IS_LATE: TimeDelta = TimeDelta::seconds(2);

impl Incidents<'_> {
    /// Adds what settings and directories say at this moment.
    pub(super) fn add_circumstances(&self, evidence: &mut Evidence, project: Option<&Path>) {
        evidence.login.credentials =
            credentials::of_session(self.places, self.environment, project);
        evidence.session.installations = version::programs(self.places, self.environment).len();
    }

    /// The last error in the transcript of a session, unless it `is_stored`: hooks may be turned
    /// off, or the client ended ours before it had written anything. Without the account.
    pub(super) fn unstored_error(
        &self,
        transcript: &Path,
        session: &str,
        is_stored: impl Fn(&ErrorLine) -> bool,
    ) -> Option<Evidence> {
        let tail = in_transcript::tail(transcript)?;
        let met = tail.errors.last().filter(|met| !is_stored(&met.line))?;
        let line = &met.line;
        let at = line.at.unwrap_or(self.environment.now);
        let mut evidence = Evidence::new(at, Seen::Transcript, line.text.clone());
        evidence.session.id = Some(line.session_id.as_deref().unwrap_or(session).to_owned());
        evidence.text.line = Some(line.clone());
        evidence.login.owner.clone_from(&met.owner);
        // What runs below Claude Code has its variables.
        evidence.login.environment_is_clients = self.environment.variable("CLAUDECODE").is_some();
        evidence.since.answered = met.answered;
        self.add_circumstances(&mut evidence, None);
        in_transcript::merge(&mut evidence, &tail);
        Some(evidence)
    }

    /// A message that somebody pasted: only what this machine knows at the moment is added.
    pub(crate) fn pasted(&self, text: &str) -> Situation {
        let now = self.environment.now;
        let newest = self.newest_reading(Teller::Plan);
        let mut evidence = Evidence::new(now, Seen::Pasted, hidden(&both_ends(text)));
        evidence.windows.newest_sample = newest.map(|newest| newest.sample);
        evidence.windows.usage = self.shown_usage().cloned();
        evidence.login.account = self.account().cloned();
        evidence.login.credentials = credentials::of_session(self.places, self.environment, None);
        // What runs below Claude Code has its variables.
        evidence.login.environment_is_clients = self.environment.variable("CLAUDECODE").is_some();
        Situation {
            incident: Some(self.explained(evidence, self.recent())),
            stopped: Vec::new(),
        }
    }

    /// The samples of the session that met an error, with what it is `told` now; those of other sessions
    /// of the account if it has none.
    pub(super) fn samples_of(&self, evidence: &Evidence, told: Option<Sample>) -> Vec<Sample> {
        let session = evidence.session.id.as_deref().unwrap_or_default();
        let mut own = readings::of_session(self.recent(), session);
        own.extend(told.map(|told| told.after(own.last())));
        let account = evidence.login.account.as_ref();
        let account = account.and_then(|account| account.owner.fingerprint.as_deref());
        // What others were told around an older error is not kept any more.
        let is_kept = self.environment.now - evidence.at <= readings::LOOKED_AT;
        // Whose a token is nobody knows.
        let is_tokens = evidence.login.owner.is_none() && evidence.has("CLAUDE_CODE_OAUTH_TOKEN");
        let account = account.filter(|_| own.is_empty() && is_kept && !is_tokens);
        account.map_or(own, |it| readings::of_others(self.recent(), session, it))
    }

    /// Adds the samples around the error: the session's own, and those of other sessions of the
    /// same account if the session has none. `told` is what the status line is told at this moment.
    ///
    /// In the first moments neither the error's own line nor the meters after it are there. What
    /// the meters said before it proves nothing then, so it is left out until more is known.
    pub(super) fn add_samples(
        &self,
        evidence: &mut Evidence,
        told: Option<Sample>,
        login: Option<&Account>,
    ) {
        settle_owner(evidence, login);
        let Some(session) = &evidence.session.id else {
            return;
        };
        let at = evidence.at;
        let newest = self.newest_reading(Teller::Plan);
        let elsewhere = newest.as_ref().filter(|newest| {
            let is_anothers = newest.session != *session && evidence.is_own(&newest.sample);
            let is_new = newest.sample.measured > at && !evidence.since.answered;
            let served = || in_transcript::served(&self.transcript_of(&newest.session)?);
            is_anothers && is_new && served().is_some_and(|(_, served)| served > at)
        });
        evidence.windows.answered_elsewhere = elsewhere.map(|newest| newest.sample.measured);
        evidence.windows.newest_sample = newest.map(|newest| newest.sample);
        let mut around = if evidence.since.answered && !evidence.windows.samples.is_empty() {
            std::mem::take(&mut evidence.windows.samples)
        } else {
            self.samples_of(evidence, told)
        };
        let late = evidence.line().map_or(LINE_IS_LATE, |_| METERS_ARE_LATE);
        if self.environment.now - at < late {
            around.retain(|sample| sample.at >= at);
        }
        let mut backwards = around.iter().rev();
        if let Some(sample) = backwards.find(|sample| sample.since <= at + SAME_EVENT) {
            let met_in = &mut evidence.session;
            met_in.fast_mode = sample.fast_mode;
            met_in.version = met_in.version.take().or_else(|| sample.version.clone());
            // The transcript names the model without its variant; the status line has "[1m]" too.
            let known = met_in.model.as_deref().unwrap_or_default();
            let model = sample.model.as_ref();
            if model.is_some_and(|model| model.starts_with(known)) {
                met_in.model.clone_from(&sample.model);
            }
        }
        evidence.windows.samples = around;
    }

    /// Adds what the windows were, by all that is known, and what `/usage` showed whoever is logged in, if it
    /// is this error's account.
    pub(super) fn complete(&self, evidence: &mut Evidence) {
        self.add_samples(evidence, None, self.account());
        let is_others = evidence.is_of_another_account();
        evidence.windows.usage = self.shown_usage().filter(|_| !is_others).cloned();
    }

    /// What keeps Claude Code from going on by itself, beside what it wrote down. `journal` reaches back to
    /// the error.
    pub(super) fn stays_put(&self, evidence: &Evidence, journal: &Journal) -> Option<&'static str> {
        let entrypoint = evidence.line().and_then(|it| it.entrypoint.as_deref());
        let open = evidence.session.id.as_ref();
        let open = open.filter(|_| !evidence.since.answered);
        if entrypoint.is_some_and(|entrypoint| entrypoint != "cli") {
            Some("it does not run in a terminal of its own")
        } else if is_cancelled(evidence, journal) {
            Some(WAITING_ENDED)
        } else if open.is_some_and(|session| sessions::is_left(self.places, session)) {
            Some("its session is not running")
        } else if evidence.session.waiting.is_some() || evidence.session.in_workflow {
            None
        } else if self.waiting_is_off() {
            Some("autoContinueAtUsageLimit is off in the settings")
        } else if evidence.line().is_none() && self.environment.now - evidence.at > LINE_IS_LATE {
            // `/compact` met it, or an agent: Claude Code waits for neither (2.1.330).
            Some("an agent or /compact met it, and Claude Code waits for neither")
        } else {
            None
        }
    }

    /// Asked of each error, so the settings are read once.
    fn waiting_is_off(&self) -> bool {
        *self.waiting_is_off.get_or_init(|| {
            let project = self.environment.path("CLAUDE_PROJECT_DIR");
            let files = settings::of(self.places, project.as_deref());
            let chosen = settings::winner(&files, "autoContinueAtUsageLimit");
            chosen.is_some_and(|(_, chosen)| chosen == false)
        })
    }

    /// The session that was written to last, in a few letters, and whose it is beside the login. None
    /// where either is not told.
    pub(crate) fn newest_session(&self) -> Option<(String, Whose)> {
        let newest = in_transcript::newest(self.places, None, 1).pop()?.path;
        let whose = Whose::of(&in_transcript::owner(&newest)?, self.account())?;
        let session = newest.file_stem()?.to_string_lossy();
        Some((session.chars().take(8).collect(), whose))
    }
}

/// Whether a prompt that whycap held back, or a new process, ended the waiting since.
fn is_cancelled(evidence: &Evidence, journal: &Journal) -> bool {
    // It can be turned on again.
    let since = evidence.session.waiting.map_or(evidence.at, |it| it.at);
    let ended = evidence.session.id.as_deref().map(waiting_ended);
    !evidence.since.answered && ended.is_some_and(|ended| journal.says(&ended, since))
}

/// What the journal calls it that a prompt ended the waiting of a session.
pub(super) fn waiting_ended(session: &str) -> String {
    format!("waiting ended {session}")
}

/// Settles whose error it is. What the transcript says wins over who was logged in then; with
/// neither there is only whether another account has logged in since.
pub(super) fn settle_owner(evidence: &mut Evidence, login: Option<&Account>) {
    let then = evidence.login.account.as_ref();
    let then = then.map(|account| &account.owner);
    let Some(owner) = evidence.login.owner.clone() else {
        let is_logins = then.and_then(|then| then.is(&login?.owner));
        evidence.login.whose = (is_logins == Some(false)).then_some(Whose::Other);
        return;
    };
    evidence.login.whose = Whose::of(&owner, login);
    if then.and_then(|then| owner.is(then)) == Some(false) {
        evidence.login.account = Some(match login {
            Some(login) if evidence.login.whose == Some(Whose::Login) => login.clone(),
            _ => Account {
                owner,
                ..Account::default()
            },
        });
    }
}
