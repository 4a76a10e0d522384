//! The windows as the line shows them: from what this session is told, and from what any other one
//! of the account was told.

use chrono::{DateTime, Utc};

use super::readings::{self, Teller};
use super::{Incidents, in_transcript};
use crate::claude::credentials::{self, Credential};
use crate::claude::meters::{Meter, Windows};
use crate::claude::status_payload::StatusPayload;
use crate::limits::evidence::Sample;

/// The windows, and the account's hash, as far as it is known.
#[derive(Debug, Clone)]
pub(crate) struct KnownWindows {
    pub(crate) windows: Windows,
    pub(crate) account: Option<String>,
}

/// The windows that a payload tells.
pub(crate) fn told_windows(payload: &StatusPayload, now: DateTime<Utc>) -> Option<Windows> {
    let told = readings::told(payload, now)?;
    Some(KnownWindows::new(&told, now, None).windows)
}

impl KnownWindows {
    fn new(told: &Sample, measured: DateTime<Utc>, account: Option<String>) -> Self {
        let windows = Windows {
            five_hour: told.five_hour,
            seven_day: told.seven_day,
            others: told.others,
            measured,
        };
        Self { windows, account }
    }

    /// The windows of a sample that are not over.
    fn ahead(sample: Sample, now: DateTime<Utc>) -> Self {
        let is_ahead = |meter: &Meter| meter.resets_at.is_some_and(|at| at > now);
        let windows = Windows {
            five_hour: sample.five_hour.filter(is_ahead),
            seven_day: sample.seven_day.filter(is_ahead),
            others: sample.others.filter(is_ahead),
            measured: sample.measured,
        };
        let account = sample.account;
        Self { windows, account }
    }

    fn is_any(&self) -> bool {
        self.windows.named().next().is_some() || !self.windows.others.is_none()
    }
}

impl Incidents<'_> {
    /// What any session was told last, as far as it is not over: by the plan, or by a gateway, if
    /// that came later.
    pub(crate) fn windows_of_account(&self) -> Option<KnownWindows> {
        let told = [Teller::Plan, Teller::Gateway].map(|teller| self.known_of(teller));
        let told = told.into_iter().flatten().filter(KnownWindows::is_any);
        told.max_by_key(|known| known.windows.measured)
    }

    /// Likewise, by one of them.
    pub(super) fn known_of(&self, teller: Teller) -> Option<KnownWindows> {
        let sample = self.newest_reading(teller)?.sample;
        Some(KnownWindows::ahead(sample, self.environment.now))
    }

    /// Whether these are known to be of another account than the one that is logged in.
    pub(crate) fn is_not_of_login(&self, known: &KnownWindows) -> bool {
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
    pub(crate) fn windows(
        &self,
        payload: &StatusPayload,
        is_refused: bool,
    ) -> Option<KnownWindows> {
        let now = self.environment.now;
        let Some(told) = readings::told(payload, now) else {
            // A good answer that told no windows was paid for by key.
            let may_come = is_refused || payload.context_percent().is_none();
            return may_come
                .then(|| self.windows_from_before(payload))
                .flatten();
        };
        let newest = self.newest_reading(Teller::of(&told));
        let (Some(newest), Some(session)) = (newest, payload.session_id()) else {
            return Some(KnownWindows::new(&told, now, None));
        };
        let account = newest.sample.account.clone();
        if newest.session == session {
            let measured = readings::measured(&told, &newest.sample);
            return Some(KnownWindows::new(&told, measured, account));
        }
        let last = readings::last_of(self.recent(), session);
        let measured = last.as_ref();
        let measured = measured.map_or(now, |last| readings::measured(&told, last));
        if let Some(last) = last.filter(|last| last.account != account) {
            return Some(KnownWindows::new(&told, measured, last.account));
        }
        if newest.sample.measured <= measured {
            return Some(KnownWindows::new(&told, measured, account));
        }
        let mut known = KnownWindows::ahead(newest.sample, now);
        known.windows.five_hour = known.windows.five_hour.or(told.five_hour);
        known.windows.seven_day = known.windows.seven_day.or(told.seven_day);
        known.windows.others = known.windows.others.or(told.others);
        Some(known)
    }

    /// A session that pays by key is told no windows, and none must be shown. One that was told none
    /// yet has those of the login, unless something says that another account pays for it.
    fn windows_from_before(&self, payload: &StatusPayload) -> Option<KnownWindows> {
        let last = readings::last_of(self.recent(), payload.session_id()?);
        let teller = last.as_ref().map_or(Teller::Plan, Teller::of);
        let keys = if last.is_some() {
            credentials::in_environment(self.environment)
        } else {
            let project = payload.project_dir();
            credentials::of_session(self.places, self.environment, project.as_deref())
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
    fn pays_for(&self, payload: &StatusPayload, known: &KnownWindows) -> bool {
        let owner = payload.transcript_path().and_then(in_transcript::owner);
        let login = readings::last_account(self.places).map(|login| login.owner);
        let Some(login) = login.filter(|login| login.fingerprint == known.account) else {
            return false;
        };
        owner.is_none_or(|owner| owner.is(&login) != Some(false))
    }
}
