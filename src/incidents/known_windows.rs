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
    readings::told(payload, now).map(|told| windows_of(&told, now))
}

fn windows_of(sample: &Sample, measured: DateTime<Utc>) -> Windows {
    Windows {
        five_hour: sample.five_hour,
        seven_day: sample.seven_day,
        others: sample.others,
        measured,
    }
}

impl Incidents<'_> {
    /// What any session was told last, as far as it is not over: by the plan, or by a gateway, if
    /// that came later.
    pub(crate) fn windows_of_account(&self) -> Option<KnownWindows> {
        let now = self.environment.now;
        let told = |teller| Some(readings::newest(self.recent(), self.places, teller, now)?.sample);
        [Teller::Plan, Teller::Gateway]
            .into_iter()
            .filter_map(told)
            .map(|sample| (ahead(&sample, now), sample.account))
            .filter(|(ahead, _)| ahead.named().next().is_some() || !ahead.others.is_none())
            .max_by_key(|(ahead, _)| ahead.measured)
            .map(|(windows, account)| KnownWindows { windows, account })
    }

    /// The five-hour window of whoever is logged in, and the account's hash.
    pub(super) fn five_hour_of_account(&self) -> Option<(Meter, Option<String>)> {
        let now = self.environment.now;
        let known = readings::newest(self.recent(), self.places, Teller::Plan, now)?.sample;
        Some((ahead(&known, now).five_hour?, known.account))
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
        let (windows, account) = self.told_or_known(payload, is_refused)?;
        Some(KnownWindows { windows, account })
    }

    /// With the account's hash, as far as it is known.
    fn told_or_known(
        &self,
        payload: &StatusPayload,
        is_refused: bool,
    ) -> Option<(Windows, Option<String>)> {
        let now = self.environment.now;
        let Some(told) = readings::told(payload, now) else {
            // A good answer that told no windows was paid for by key.
            let may_come = is_refused || payload.context_percent().is_none();
            return may_come
                .then(|| self.windows_from_before(payload))
                .flatten();
        };
        let known = readings::newest(self.recent(), self.places, Teller::of(&told), now);
        let windows = |measured| windows_of(&told, measured);
        let (Some(known), Some(session)) = (known, payload.session_id()) else {
            return Some((windows(now), None));
        };
        let account = known.sample.account.clone();
        if known.session == session {
            return Some((windows(readings::measured(&told, &known.sample)), account));
        }
        let last = readings::last_of(self.recent(), session);
        let own = last
            .as_ref()
            .map_or(now, |last| readings::measured(&told, last));
        if let Some(last) = last.filter(|last| last.account != account) {
            return Some((windows(own), last.account));
        }
        if known.sample.measured <= own {
            return Some((windows(own), account));
        }
        let newer = ahead(&known.sample, now);
        let newest = Windows {
            five_hour: newer.five_hour.or(told.five_hour),
            seven_day: newer.seven_day.or(told.seven_day),
            others: newer.others.or(told.others),
            ..newer
        };
        Some((newest, account))
    }

    /// A session that pays by key is told no windows, and none must be shown. One that was told none
    /// yet has those of the login, unless something says that another account pays for it.
    fn windows_from_before(&self, payload: &StatusPayload) -> Option<(Windows, Option<String>)> {
        let now = self.environment.now;
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
        let known = readings::newest(self.recent(), self.places, teller, now)?.sample;
        let is_own = match last {
            Some(last) => last.account == known.account,
            // A login without an account is a key of the Console.
            None => known.account.is_some() && self.pays_for(payload, &known),
        };
        is_own.then(|| (ahead(&known, now), known.account))
    }

    /// Whether a sample is of the account that a session belongs to, by its transcript.
    fn pays_for(&self, payload: &StatusPayload, sample: &Sample) -> bool {
        let owner = payload.transcript_path().and_then(in_transcript::owner);
        let login = readings::last_account(self.places).map(|login| login.owner);
        let Some(login) = login.filter(|login| login.fingerprint == sample.account) else {
            return false;
        };
        owner.is_none_or(|owner| owner.is(&login) != Some(false))
    }
}

/// The windows of a sample that are not over.
fn ahead(sample: &Sample, now: DateTime<Utc>) -> Windows {
    let is_ahead = |meter: &Meter| meter.resets_at.is_some_and(|at| at > now);
    Windows {
        five_hour: sample.five_hour.filter(is_ahead),
        seven_day: sample.seven_day.filter(is_ahead),
        others: sample.others.filter(is_ahead),
        measured: sample.measured,
    }
}
