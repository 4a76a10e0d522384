//! What any session of an account was told last about the plan's windows.
//!
//! Sessions of one account share its windows, and Claude Code tells each session only what came
//! with its own last answer. One small file for each configuration directory, because all sessions
//! there share a login: `<data>/windows/<hash of the directory>.json`.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Incidents, samples};
use crate::claude::credentials::{self, Credential};
use crate::claude::meters::{Meter, Windows};
use crate::claude::status_payload::StatusPayload;
use crate::disk::records;
use crate::limits::evidence::Sample;
use crate::places::Places;

/// The newest sample of a login.
#[derive(Debug, Serialize, Deserialize)]
struct Newest {
    /// The session that was told.
    session: String,
    sample: Sample,
}

fn file(places: &Places) -> PathBuf {
    let directory = places.config.to_string_lossy();
    let hash = xxhash_rust::xxh3::xxh3_64(directory.as_bytes());
    places
        .data
        .join("windows")
        .join(format!("{hash:016x}.json"))
}

/// None for one from the future: a clock was wrong, and it would hide all others until then.
fn read(places: &Places, now: DateTime<Utc>) -> Option<Newest> {
    records::read::<Newest>(&file(places)).filter(|known| known.sample.measured <= now)
}

/// What any session of the login was told last.
pub(super) fn newest(places: &Places, now: DateTime<Utc>) -> Option<Sample> {
    Some(read(places, now)?.sample)
}

/// Keeps what a session was told, unless something newer of the same account is known.
pub(super) fn keep(places: &Places, session: &str, sample: &Sample) {
    let is_news = read(places, sample.at).is_none_or(|known| {
        known.sample.account != sample.account || known.sample.measured < sample.measured
    });
    if is_news {
        let newest = Newest {
            session: session.to_owned(),
            sample: sample.clone(),
        };
        // The next sample tries again.
        let _ = records::write(&file(places), &newest);
    }
}

/// The windows that a payload tells.
pub(crate) fn told_windows(payload: &StatusPayload, now: DateTime<Utc>) -> Option<Windows> {
    let told = samples::told(payload, now)?;
    Some(Windows {
        five_hour: told.five_hour,
        seven_day: told.seven_day,
        measured: now,
    })
}

impl Incidents<'_> {
    /// The windows as they are known now: what the session is told, or what another session of the
    /// account was told later. Where the client tells nothing, because its last answer was an
    /// error (`is_refused`) or there is none since the session was taken up again, what is known
    /// from before.
    pub(crate) fn windows(&self, payload: &StatusPayload, is_refused: bool) -> Option<Windows> {
        let now = self.environment.now;
        let known = read(self.places, now);
        let Some(told) = samples::told(payload, now) else {
            let session = payload.session_id()?;
            // A good answer that told no windows was paid for by key.
            let may_come = is_refused || payload.context_percent().is_none();
            return may_come
                .then(|| self.windows_from_before(&known?.sample, session))
                .flatten();
        };
        let windows = |measured| Windows {
            five_hour: told.five_hour,
            seven_day: told.seven_day,
            measured,
        };
        let (Some(known), Some(session)) = (known, payload.session_id()) else {
            return Some(windows(now));
        };
        if known.session == session {
            return Some(windows(samples::measured(&told, &known.sample)));
        }
        let history = samples::of_session(self.places, session);
        let last = history.last();
        let own = last.map_or(now, |last| samples::measured(&told, last));
        let is_of_account = last.is_none_or(|last| last.account == known.sample.account);
        if !is_of_account || known.sample.measured <= own {
            return Some(windows(own));
        }
        let newer = ahead(&known.sample, now);
        Some(Windows {
            five_hour: newer.five_hour.or(told.five_hour),
            seven_day: newer.seven_day.or(told.seven_day),
            measured: newer.measured,
        })
    }

    /// A session that pays by key is told no windows, and none must be shown: so only one that was
    /// told of this account's before.
    fn windows_from_before(&self, known: &Sample, session: &str) -> Option<Windows> {
        let mut keys = credentials::in_environment(self.environment).into_iter();
        if keys.any(|key| Credential::outranks_login(&key) || key.is_gateway()) {
            return None;
        }
        let history = samples::of_session(self.places, session);
        let is_of_account = history.last()?.account == known.account;
        is_of_account.then(|| ahead(known, self.environment.now))
    }
}

/// The windows of a sample that are not over.
fn ahead(sample: &Sample, now: DateTime<Utc>) -> Windows {
    let is_ahead = |meter: &Meter| meter.resets_at.is_some_and(|at| at > now);
    Windows {
        five_hour: sample.five_hour.filter(is_ahead),
        seven_day: sample.seven_day.filter(is_ahead),
        measured: sample.measured,
    }
}
