//! What any session of an account was told last about the plan's windows.
//!
//! Sessions of one account share its windows, and Claude Code tells each session only what came
//! with its own last answer. One small file for each configuration directory, because all sessions
//! there share a login: `<data>/windows/<hash of the directory>.json`. What a gateway tells of its
//! own limits is not of that login, and has a file of its own beside it.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::window_steps;
use crate::disk::records;
use crate::limits::evidence::Sample;
use crate::places::Places;

/// The newest sample of a login.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Newest {
    /// The session that was told.
    pub(super) session: String,
    pub(super) sample: Sample,
}

/// Whose meters a sample tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Teller {
    Plan,
    Gateway,
}

impl Teller {
    pub(super) fn of(sample: &Sample) -> Self {
        match sample.others.spend_limit {
            Some(_) => Self::Gateway,
            None => Self::Plan,
        }
    }
}

fn file(places: &Places, teller: Teller) -> PathBuf {
    let directory = places.config.to_string_lossy();
    let hash = xxhash_rust::xxh3::xxh3_64(directory.as_bytes());
    let ending = match teller {
        Teller::Plan => "",
        Teller::Gateway => "-gateway",
    };
    places
        .data
        .join("windows")
        .join(format!("{hash:016x}{ending}.json"))
}

/// None for one from the future: a clock was wrong, and it would hide all others until then.
pub(super) fn read(places: &Places, teller: Teller, now: DateTime<Utc>) -> Option<Newest> {
    records::read::<Newest>(&file(places, teller)).filter(|known| known.sample.measured <= now)
}

/// What any session of the login was told last.
pub(super) fn newest(places: &Places, now: DateTime<Utc>) -> Option<Sample> {
    Some(read(places, Teller::Plan, now)?.sample)
}

/// Keeps what a session was told, unless something newer of the same account is known.
pub(super) fn keep(places: &Places, session: &str, sample: &Sample) {
    let teller = Teller::of(sample);
    let known = read(places, teller, sample.at).map(|known| known.sample);
    let is_news = known
        .as_ref()
        .is_none_or(|known| known.account != sample.account || known.measured < sample.measured);
    if is_news {
        let newest = Newest {
            session: session.to_owned(),
            sample: sample.clone(),
        };
        // The next sample tries again.
        let kept = records::write(&file(places, teller), &newest);
        if kept.is_ok() && teller == Teller::Plan {
            window_steps::keep(places, session, known.as_ref(), sample);
        }
    }
}
