//! The windows as the line shows them: from what this session is told, and from what any other one
//! of the account was told.

use super::readings;
use super::{Incidents, in_transcript};
use crate::claude::credentials::{self, Credential};
use crate::claude::status_payload::StatusPayload;
use crate::limits::sample::{Sample, Teller};

impl Incidents<'_> {
    /// What any session was told last, as far as it is not over: by the plan, or by a gateway, if
    /// that came later.
    pub(crate) fn windows_of_account(&self) -> Option<Sample> {
        let told = [Teller::Plan, Teller::Gateway].map(|teller| self.known_of(teller));
        let told = told.into_iter().flatten().filter(Sample::tells_any);
        told.max_by_key(|known| known.measured)
    }

    /// Likewise, by one of them.
    pub(super) fn known_of(&self, teller: Teller) -> Option<Sample> {
        let newest = self.newest_reading(teller)?;
        Some(newest.sample.ahead(self.environment.now))
    }

    /// Whether these are known to be of another account than the one that is logged in.
    pub(crate) fn is_not_of_login(&self, known: &Sample) -> bool {
        let login = self
            .account()
            .and_then(|login| login.owner.fingerprint.as_ref());
        let pair = login.zip(known.account.as_ref());
        pair.is_some_and(|(login, account)| login != account)
    }

    /// The windows as they are known now: what the session is told, or what another session of the
    /// account was told later. Where the client tells nothing, because its last answer was an
    /// error (`is_refused`) or there is none since the session was taken up again, what is known
    /// from before.
    pub(crate) fn windows(&self, payload: &StatusPayload, is_refused: bool) -> Option<Sample> {
        let now = self.environment.now;
        let Some(mut told) = Sample::told(payload, now) else {
            // A good answer that told no windows was paid for by key.
            let may_come = is_refused || payload.context_percent.is_none();
            return may_come
                .then(|| self.windows_from_before(payload))
                .flatten();
        };
        let newest = self.newest_reading(told.teller());
        let (Some(newest), Some(session)) = (newest, &payload.session_id) else {
            return Some(told);
        };
        let newest_is_own = newest.session == *session;
        let newest = newest.sample;
        let last = if newest_is_own {
            Some(newest.clone())
        } else {
            readings::last_of(self.recent(), session)
        };
        if let Some(last) = &last {
            told = told.after(last);
        }
        told.account = last.map_or_else(|| newest.account.clone(), |last| last.account);
        if told.account != newest.account || newest.measured <= told.measured {
            return Some(told);
        }
        Some(newest.ahead(now).or(told))
    }

    /// A session that pays by key is told no windows, and none must be shown. One that was told none
    /// yet has those of the login, unless something says that another account pays for it.
    fn windows_from_before(&self, payload: &StatusPayload) -> Option<Sample> {
        let last = readings::last_of(self.recent(), payload.session_id.as_deref()?);
        let teller = last.as_ref().map_or(Teller::Plan, Sample::teller);
        let keys = if last.is_some() {
            credentials::in_environment(self.environment)
        } else {
            let project = payload.project_dir.as_deref();
            credentials::of_session(self.places, self.environment, project)
        };
        let is_other = |key: &Credential| key.outranks_login() || key.is_gateway();
        if teller == Teller::Plan && keys.iter().any(is_other) {
            return None;
        }
        let known = self.known_of(teller)?;
        let is_own = match last {
            Some(last) => last.account == known.account,
            // A login without an account is a key of the Console.
            None => known.account.is_some() && self.pays_for(payload, &known),
        };
        is_own.then_some(known)
    }

    /// Whether they are of the account that a session belongs to, by its transcript.
    fn pays_for(&self, payload: &StatusPayload, known: &Sample) -> bool {
        let login = readings::last_account(self.places).map(|login| login.owner);
        let Some(login) = login.filter(|login| login.fingerprint == known.account) else {
            return false;
        };
        let owner = payload.transcript_path.as_deref();
        let owner = owner.and_then(in_transcript::owner);
        owner.is_none_or(|owner| owner.is(&login) != Some(false))
    }
}
