//! What the status line was told about the windows, kept as a short history per session.

use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use super::account_windows::{self, Teller};
use super::{Incidents, store};
use crate::claude::account::Account;
use crate::claude::status_payload::StatusPayload;
use crate::disk::{self, records};
use crate::limits::evidence::Sample;
use crate::places::Places;
use crate::time::of_machine;

/// Enough for the hours around an error.
const MOST: usize = 32;
/// The same figures are written again no sooner than this.
const EVERY: TimeDelta = TimeDelta::seconds(60);
/// A week and a day: the longest window has passed.
pub(super) const KEPT_FOR: TimeDelta = TimeDelta::days(8);

fn directory(places: &Places) -> PathBuf {
    places.data.join("samples")
}

fn file(places: &Places, session: &str) -> PathBuf {
    directory(places).join(format!("{}.json", records::name_of(session)))
}

/// Every session's history.
fn files(places: &Places) -> impl Iterator<Item = PathBuf> {
    disk::files_of_kind(&directory(places), "json")
}

fn last_account_file(places: &Places) -> PathBuf {
    places.data.join("account.json")
}

/// The account as it was when the last sample was kept: small, where `.claude.json` may be large.
pub(super) fn last_account(places: &Places) -> Option<Account> {
    records::read(&last_account_file(places))
}

/// The samples of a session, oldest first.
pub(super) fn of_session(places: &Places, session: &str) -> Vec<Sample> {
    read(&file(places, session)).unwrap_or_default()
}

/// A session's file. None if it is gone, or dated at the ends of the calendar.
fn read(path: &Path) -> Option<Vec<Sample>> {
    let samples: Vec<Sample> = records::read(path)?;
    let are_sound = samples.iter().all(Sample::has_sound_dates);
    are_sound.then_some(samples)
}

/// Samples of other sessions of the same account: the windows are shared, so these count as well.
/// Oldest first.
pub(super) fn of_others(places: &Places, session: &str, account: &str) -> Vec<Sample> {
    let own = file(places, session);
    let mut samples: Vec<Sample> = files(places)
        .filter(|path| *path != own)
        .filter_map(|path| read(&path))
        .flatten()
        .filter(|sample| sample.account.as_deref() == Some(account))
        .collect();
    samples.sort_by_key(|sample| sample.at);
    samples
}

/// What the status line is told now; None if nothing about the windows.
pub(super) fn told(payload: &StatusPayload, now: DateTime<Utc>) -> Option<Sample> {
    let (five_hour, seven_day) = (payload.five_hour(), payload.seven_day());
    let others = payload.other_meters();
    let is_told = five_hour.is_some() || seven_day.is_some() || !others.is_none();
    is_told.then(|| Sample {
        since: now,
        at: now,
        measured: now,
        api_ms: payload.client_api_ms(),
        five_hour,
        seven_day,
        others,
        account: None,
        model: payload.model_id().map(str::to_owned),
        fast_mode: payload.fast_mode(),
        version: payload.version().map(str::to_owned),
    })
}

/// Adds a sample to a history if it says anything new; `error` is when the session met its last
/// one, because the same figures say more after it than before.
pub(super) fn add(
    history: &mut Vec<Sample>,
    mut sample: Sample,
    error: Option<DateTime<Utc>>,
) -> bool {
    if let Some(last) = history.last()
        && has_figures_of(last, &sample)
    {
        if sample.at - last.at < EVERY && error.is_none_or(|error| error <= last.at) {
            return false;
        }
        sample.measured = measured(&sample, last);
        sample.since = last.since;
        history.pop();
    }
    history.push(sample);
    let surplus = history.len().saturating_sub(MOST);
    history.drain(..surplus);
    true
}

fn has_figures_of(one: &Sample, other: &Sample) -> bool {
    let figures = |sample: &Sample| (sample.five_hour, sample.seven_day, sample.others);
    figures(one) == figures(other)
}

/// When the figures of a sample were measured, by the last one of its session: the client repeats
/// its last figures, and only a request in between makes them new.
pub(super) fn measured(sample: &Sample, last: &Sample) -> DateTime<Utc> {
    let is_repeated = has_figures_of(last, sample) && last.api_ms.is_some();
    if is_repeated && last.api_ms == sample.api_ms {
        last.measured
    } else {
        sample.measured
    }
}

impl Incidents<'_> {
    /// Keeps what the status line was told, if it says anything new. Failures are silent: the next
    /// draw tries again, and a missing sample only makes an answer less certain.
    pub(crate) fn keep_sample(&self, payload: &StatusPayload) {
        let (places, now) = (self.places, self.environment.now);
        let (Some(session), Some(sample)) = (payload.session_id(), told(payload, now)) else {
            return;
        };
        let mut history = of_session(places, session);
        let is_new_session = history.is_empty();
        let error = store::newest_of(places, session).map(|newest| newest.at());
        if !add(&mut history, sample, error) {
            return;
        }
        let account = self.account();
        if account != last_account(places) {
            let _ = records::write(&last_account_file(places), &account);
        }
        if let Some(last) = history.last_mut() {
            // A gateway's limit is not of the login that may stand beside it.
            let is_plans = Teller::of(last) == Teller::Plan;
            let account = account.filter(|_| is_plans);
            last.account = account.and_then(|account| account.fingerprint);
            account_windows::keep(places, session, last);
        }
        let kept = records::write(&file(places, session), &history);
        if is_new_session && kept.is_ok() {
            forget_old_sessions(places, now);
            // Sessions' directories lie below `incidents`, items below `quarantine`.
            disk::litter::sweep_below(&places.data, now, 2);
        }
    }
}

/// Deletes the histories of sessions that drew their last line longer ago than any window lasts.
/// Done when a session begins, so that it costs nothing on other draws.
fn forget_old_sessions(places: &Places, now: DateTime<Utc>) {
    for path in files(places) {
        let changed = path.metadata().and_then(|metadata| metadata.modified());
        if changed.is_ok_and(|changed| now - of_machine(changed) > KEPT_FOR) {
            // One that cannot be deleted stays; nothing depends on it.
            let _ = disk::remove_own_file(&path);
        }
    }
}
