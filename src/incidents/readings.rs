//! What sessions were told about the windows, in the journal.
//!
//! Sessions of one account share its windows, and Claude Code tells each session only what came
//! with its own last answer. So a session looks at what others of its login were told, too; all
//! sessions of a configuration directory share a login. What a gateway tells of its own limits is
//! not of that login, and is kept apart.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Incidents, SAME_EVENT, in_transcript, store};
use crate::claude::account::Account;
use crate::claude::meters::Meter;
use crate::claude::status_payload::StatusPayload;
use crate::disk::{self, records};
use crate::journal::{self, Journal, JournalRecord};
use crate::limits::evidence::Sample;
use crate::limits::kind::Window;
use crate::places::Places;
use crate::transcript::owner::Owner;

/// Enough for the hours around an error.
const MOST: usize = 32;
/// Figures that are the same by whole percents are written again no sooner than this.
const EVERY: TimeDelta = TimeDelta::minutes(5);
/// A week and a day: the longest window has passed.
pub(super) const LOOKED_AT: TimeDelta = TimeDelta::days(8);
/// The server rounds: resets that differ by no more are the same one.
const SAME_RESET: TimeDelta = TimeDelta::minutes(1);

/// What a session was told at a moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Reading {
    pub(super) session: String,
    /// The configuration directory's hash. None where the figures are of another account than the
    /// one that is logged in there.
    login: Option<String>,
    /// The size of the plan of whoever is logged in, where the figures are theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) plan: Option<String>,
    pub(super) sample: Sample,
}

impl JournalRecord for Reading {
    const KIND: &'static str = "reading";
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

/// A configuration directory as readings name it.
fn login(places: &Places) -> String {
    let directory = places.config.to_string_lossy();
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(directory.as_bytes()))
}

/// The sound readings whose field has this value, newest first.
fn told_with(
    journal: &Journal,
    field: &str,
    value: impl Into<serde_json::Value>,
) -> impl Iterator<Item = Reading> {
    let text = format!("\"{field}\":{}", value.into());
    let told = journal.records::<Reading>(&text);
    told.filter(|told| told.sample.has_sound_dates())
}

/// The samples of a session, newest first.
fn backwards(journal: &Journal, session: &str) -> impl Iterator<Item = Sample> {
    let told = told_with(journal, "session", session);
    let session = session.to_owned();
    told.filter(move |told| told.session == session)
        .map(|told| told.sample)
}

/// What a session was told last.
pub(super) fn last_of(journal: &Journal, session: &str) -> Option<Sample> {
    backwards(journal, session).next()
}

/// The samples of a session, oldest first.
pub(super) fn of_session(journal: &Journal, session: &str) -> Vec<Sample> {
    let mut samples: Vec<Sample> = backwards(journal, session).take(MOST).collect();
    samples.reverse();
    // The same figures again are one sample that was told for longer.
    samples.dedup_by(|later, earlier| {
        let is_same = has_figures_of(later, earlier);
        if is_same {
            let since = earlier.since;
            std::mem::swap(earlier, later);
            earlier.since = since;
        }
        is_same
    });
    samples
}

/// Samples of other sessions of the same account: the windows are shared, so these count as well.
/// Oldest first.
pub(super) fn of_others(journal: &Journal, session: &str, account: &str) -> Vec<Sample> {
    let told = of_account(journal, Some(account)).filter(|told| told.session != session);
    let mut samples: Vec<Sample> = told.map(|told| told.sample).collect();
    samples.sort_by_key(|sample| sample.at);
    samples
}

/// The readings of the plans' windows in these months, oldest first.
pub(super) fn of_plans(journal: &Journal) -> Vec<Reading> {
    let told = journal.records::<Reading>("");
    let mut told: Vec<Reading> = told
        .filter(|told| told.sample.has_sound_dates() && Teller::of(&told.sample) == Teller::Plan)
        .collect();
    told.reverse();
    told
}

/// The readings of an account, newest first.
pub(super) fn of_account(
    journal: &Journal,
    account: Option<&str>,
) -> impl Iterator<Item = Reading> {
    let told = told_with(journal, "account", account);
    let account = account.map(str::to_owned);
    told.filter(move |told| told.sample.account == account)
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

/// A sample after the last one of its session: the same figures were told since then, and are as old
/// as they were unless a request came in between.
pub(super) fn after(mut sample: Sample, last: &Sample) -> Sample {
    if has_figures_of(last, &sample) {
        sample.measured = measured(&sample, last);
        sample.since = last.since;
    }
    sample
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

/// Whether a sample says anything new; `error` is when the session met its last one, because figures
/// say more after it than before.
fn is_news(sample: &Sample, last: &Sample, error: Option<DateTime<Utc>>) -> bool {
    let is_first_after_error = error.is_some_and(|error| error > last.at);
    let is_around_error = error.is_some_and(|error| sample.at - error < SAME_EVENT);
    let is_any_risen = Window::ALL
        .into_iter()
        .any(|window| is_risen(last, sample, window));
    let is_of_gateway = sample.others.spend_limit != last.others.spend_limit;
    is_first_after_error
        || is_any_risen
        || is_of_gateway
        || (is_around_error && !has_figures_of(last, sample))
        || sample.measured - last.measured >= EVERY
}

/// Whether something else is told of a window than before.
fn is_risen(last: &Sample, told: &Sample, window: Window) -> bool {
    match (last.meter(window), told.meter(window)) {
        (Some(last), Some(told)) => is_step(&last, &told),
        (last, told) => last.is_some() != told.is_some(),
    }
}

/// Whether a window came to another whole percent, or began anew.
pub(super) fn is_step(known: &Meter, told: &Meter) -> bool {
    #[expect(clippy::float_cmp, reason = "whole numbers")]
    let other_percent = known.used_percent.floor() != told.used_percent.floor();
    other_percent || !is_same_reset(known, told)
}

/// Whether two figures are of one run of a window.
pub(super) fn is_same_reset(one: &Meter, other: &Meter) -> bool {
    match (one.resets_at, other.resets_at) {
        (Some(one), Some(other)) => (one - other).abs() <= SAME_RESET,
        (one, other) => one == other,
    }
}

fn last_account_file(places: &Places) -> std::path::PathBuf {
    places.data.join("account.json")
}

/// The account as it was when the last reading was kept: small, where `.claude.json` may be large.
pub(super) fn last_account(places: &Places) -> Option<Account> {
    records::read(&last_account_file(places))
}

/// Whose figures a session brings: its own account's, whoever is logged in beside it.
fn payer(of_session: Option<Owner>, login: Option<&Account>) -> Option<String> {
    let login = &login?.owner;
    let another = of_session.filter(|owner| owner.is(login) == Some(false));
    another.as_ref().unwrap_or(login).fingerprint.clone()
}

impl Incidents<'_> {
    /// What any session of the login was told last. None for one from the future: a clock was
    /// wrong, and it would hide all others until then.
    pub(super) fn newest_reading(&self, teller: Teller) -> Option<Reading> {
        /// Sessions that are told an older figure at the same time.
        const AT_ONCE: usize = 8;
        let login = login(self.places);
        let told = told_with(self.recent(), "login", login.as_str());
        let told = told.filter(|told| {
            let is_past = told.sample.measured <= self.environment.now;
            is_past && told.login.as_deref() == Some(&login) && Teller::of(&told.sample) == teller
        });
        let mut told = told.take(AT_ONCE).peekable();
        let account = told.peek()?.sample.account.clone();
        let told: Vec<Reading> = told.filter(|told| told.sample.account == account).collect();
        // Of several that are as new, the one that was told last: the first here.
        told.into_iter()
            .rev()
            .max_by_key(|told| told.sample.measured)
    }

    /// Keeps what the status line was told, if it says anything new. Failures are silent: the next
    /// draw tries again, and a missing sample only makes an answer less certain.
    ///
    /// Figures belong to the account whose session brought them: right after a login Claude Code
    /// still tells those of the account before.
    pub(crate) fn keep_sample(&self, payload: &StatusPayload) {
        let (places, now) = (self.places, self.environment.now);
        let (Some(session), Some(told)) = (payload.session_id(), told(payload, now)) else {
            return;
        };
        let last = last_of(self.recent(), session);
        let mut sample = match &last {
            Some(last) => after(told, last),
            None => told,
        };
        let error = store::newest_of(self.recent(), session).map(|newest| newest.at);
        if last
            .as_ref()
            .is_some_and(|last| !is_news(&sample, last, error))
        {
            return;
        }
        let account = self.account();
        if account != last_account(places).as_ref() {
            let _ = records::write(&last_account_file(places), &account);
        }
        // A gateway's limit is not of the login that may stand beside it.
        let account = account.filter(|_| Teller::of(&sample) == Teller::Plan);
        let logged_in = account.and_then(|account| account.owner.fingerprint.clone());
        let payer = || {
            let transcript = payload.transcript_path();
            payer(transcript.and_then(in_transcript::owner), account)
        };
        let before = last.as_ref().filter(|last| has_figures_of(last, &sample));
        let before = before.and_then(|last| last.account.clone());
        sample.account = before.or_else(payer);
        let is_of_login = sample.account == logged_in;
        let plan = account.filter(|_| is_of_login);
        let reading = Reading {
            session: session.to_owned(),
            login: is_of_login.then(|| login(places)),
            plan: plan.and_then(|account| account.tier.clone()),
            sample,
        };
        let kept = journal::add(places, now, &reading);
        self.foresee_weeks(&reading, |window| {
            last.as_ref()
                .is_none_or(|last| is_risen(last, &reading.sample, window))
        });
        if last.is_none() && kept.is_ok() {
            // Items lie below `quarantine`.
            disk::litter::sweep_below(&places.data, now, 2);
        }
    }
}
