//! What the status line was told about the windows, kept as a short history per session.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};

use super::store::{self, safe_name};
use crate::claude::account::Account;
use crate::claude::status_payload::StatusPayload;
use crate::disk::{self, Durability};
use crate::environment::Environment;
use crate::limits::evidence::Sample;
use crate::places::Places;

/// Enough for the hours around an error.
const MOST: usize = 32;
/// The same figures are written again no sooner than this.
const EVERY: TimeDelta = TimeDelta::seconds(60);
/// A week and a day: the longest window has passed.
const KEPT_FOR: TimeDelta = TimeDelta::days(8);
/// A history of [`MOST`] entries has about ten kilobytes.
const SIZE_LIMIT: u64 = 256 * 1024;

fn file(places: &Places, session: &str) -> PathBuf {
    places
        .data
        .join("samples")
        .join(format!("{}.json", safe_name(session)))
}

/// The samples of a session, oldest first.
pub fn of_session(places: &Places, session: &str) -> Vec<Sample> {
    disk::read(&file(places, session), SIZE_LIMIT)
        .ok()
        .flatten()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Samples of other sessions of the same account that were taken at about the same time as an
/// error: the windows are shared, so these count as well. Oldest first.
pub fn of_others(places: &Places, session: &str, account: &str) -> Vec<Sample> {
    let Ok(entries) = std::fs::read_dir(places.data.join("samples")) else {
        return Vec::new();
    };
    let own = file(places, session);
    let mut samples: Vec<Sample> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| *path != own)
        .filter_map(|path| disk::read(&path, SIZE_LIMIT).ok()?)
        .filter_map(|bytes| serde_json::from_slice::<Vec<Sample>>(&bytes).ok())
        .flatten()
        .filter(|sample| sample.account.as_deref() == Some(account))
        .collect();
    samples.sort_by_key(|sample| sample.at);
    samples
}

/// Deletes the histories of sessions that drew their last line longer ago than any window lasts.
/// Done when a session begins, so that it costs nothing on other draws.
fn forget_old_sessions(places: &Places, environment: &Environment) {
    let Ok(entries) = std::fs::read_dir(places.data.join("samples")) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let changed = path.metadata().and_then(|metadata| metadata.modified());
        let is_old = changed
            .is_ok_and(|changed| environment.now - DateTime::<Utc>::from(changed) > KEPT_FOR);
        if is_old
            && path
                .extension()
                .is_some_and(|extension| extension == "json")
        {
            // One that cannot be deleted stays; nothing depends on it.
            let _ = disk::remove_own_file(&path);
        }
    }
}

/// Whether the session has met an error since: the same figures after it say more than before it.
fn refused_since(places: &Places, session: &str, moment: DateTime<Utc>) -> bool {
    store::newest_of(places, session).is_some_and(|newest| newest.at > moment.timestamp_millis())
}

/// Notes what the status line was told, if it says anything new. Failures are silent: the next
/// draw tries again, and a missing sample only makes an answer less certain.
pub fn record(places: &Places, environment: &Environment, input: &StatusPayload) {
    let Some(session) = input.session_id() else {
        return;
    };
    let (five_hour, seven_day) = (input.five_hour(), input.seven_day());
    if five_hour.is_none() && seven_day.is_none() {
        return;
    }
    let now = environment.now;
    let mut history = of_session(places, session);
    let mut sample = Sample {
        since: now,
        at: now,
        measured: now,
        api_ms: input.client_api_ms(),
        five_hour,
        seven_day,
        account: None,
        model: input.model_id().map(str::to_owned),
        fast_mode: input.fast_mode(),
        version: input.version().map(str::to_owned),
    };
    let is_same = |last: &Sample| (last.five_hour, last.seven_day) == (five_hour, seven_day);
    match history.last() {
        Some(last) if is_same(last) => {
            if now - last.at < EVERY && !refused_since(places, session, last.at) {
                return;
            }
            // The client repeats its last figures; only a request in between makes them new.
            if last.api_ms.is_some() && last.api_ms == sample.api_ms {
                sample.measured = last.measured;
            }
            sample.since = last.since;
            history.pop();
        }
        _ => {}
    }
    if history.is_empty() {
        forget_old_sessions(places, environment);
    }
    sample.account = Account::load(places).and_then(|account| account.fingerprint);
    history.push(sample);
    let surplus = history.len().saturating_sub(MOST);
    history.drain(..surplus);
    let path = file(places, session);
    let written = path
        .parent()
        .is_some_and(|directory| disk::create_private_dir(directory).is_ok());
    if let (true, Ok(bytes)) = (written, serde_json::to_vec(&history)) {
        // See above: silent on purpose.
        let _ = disk::write_atomically(&path, &bytes, Durability::Quick);
    }
}
