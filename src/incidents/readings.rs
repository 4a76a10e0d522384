//! What sessions were told about the windows, in the journal; and the windows as they are known by
//! that, and by what this session is told.
//!
//! Sessions of one account share its windows, and Claude Code tells each session only what came
//! with its own last answer. So a session looks at what others of its login were told, too; all
//! sessions of a configuration directory share a login. What a gateway tells of its own limits is
//! not of that login, and is kept apart.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Incidents, SAME_EVENT, in_transcript};
use crate::claude::account::Account;
use crate::claude::credentials::{self, Credential};
use crate::claude::status_payload::StatusPayload;
use crate::disk::{self, records};
use crate::journal::{self, Journal, JournalRecord};
use crate::limits::kind::Window;
use crate::limits::sample::{Sample, Teller};
use crate::places::Places;

/// Enough for the hours around an error.
const MOST: usize = 32;
/// Figures that are the same by whole percents are written again no sooner than this.
const EVERY: TimeDelta = TimeDelta::minutes(5);
/// A week and a day: the longest window has passed.
pub(super) const LOOKED_AT: TimeDelta = TimeDelta::days(8);

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

/// A configuration directory as readings name it.
fn login(places: &Places) -> String {
    let directory = places.config.to_string_lossy();
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(directory.as_bytes()))
}

/// The sound readings of which a field has this value, newest first.
fn told_with<'j>(
    journal: &'j Journal,
    field: &str,
    of: fn(&Reading) -> Option<&str>,
    value: Option<&str>,
) -> impl Iterator<Item = Reading> + use<'j> {
    let text = format!("\"{field}\":{}", serde_json::json!(value));
    let value = value.map(str::to_owned);
    let told = journal.records::<Reading>(&text);
    told.filter(move |told| of(told) == value.as_deref() && told.sample.has_sound_dates())
}

/// The samples of a session, newest first.
fn backwards(journal: &Journal, session: &str) -> impl Iterator<Item = Sample> {
    let told = told_with(journal, "session", |it| Some(&it.session), Some(session));
    told.map(|told| told.sample)
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
        let is_same = later.has_figures_of(earlier);
        if is_same {
            later.since = earlier.since;
            std::mem::swap(earlier, later);
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

/// The readings of an account, newest first.
pub(super) fn of_account(journal: &Journal, whose: Option<&str>) -> impl Iterator<Item = Reading> {
    told_with(journal, "account", |it| it.sample.account.as_deref(), whose)
}

/// Whether a sample says anything new; `error` is when the session met its last one, because figures
/// say more after it than before.
fn is_news(sample: &Sample, last: &Sample, error: Option<DateTime<Utc>>) -> bool {
    let is_around_error = error.is_some_and(|error| sample.at - error < SAME_EVENT);
    let mut windows = Window::ALL.into_iter();
    error.is_some_and(|error| error > last.at)
        || windows.any(|window| sample.tells_step(window, last))
        || sample.others.spend_limit != last.others.spend_limit
        || (is_around_error && !sample.has_figures_of(last))
        || sample.measured - last.measured >= EVERY
}

fn last_account_file(places: &Places) -> std::path::PathBuf {
    places.data.join("account.json")
}

/// The account as it was when the last reading was kept: small, where `.claude.json` may be large.
pub(super) fn last_account(places: &Places) -> Option<Account> {
    records::read(&last_account_file(places))
}

/// Whose figures a session brings: its own account's, whoever is logged in beside it.
fn payer(payload: &StatusPayload, login: Option<&Account>) -> Option<String> {
    let login = &login?.owner;
    let owner = in_transcript::owner_of(payload);
    let another = owner.filter(|owner| owner.is(login) == Some(false));
    another.as_ref().unwrap_or(login).fingerprint.clone()
}

impl Incidents<'_> {
    /// What any session of the login was told last. None for one from the future: a clock was
    /// wrong, and it would hide all others until then.
    pub(super) fn newest_reading(&self, teller: Teller) -> Option<Reading> {
        /// Sessions that are told an older figure at the same time.
        const AT_ONCE: usize = 8;
        let login = login(self.places);
        let recent = self.recent();
        let told = told_with(recent, "login", |it| it.login.as_deref(), Some(&login));
        let told = told.filter(|told| {
            told.sample.measured <= self.environment.now && told.sample.teller() == teller
        });
        let mut told = told.take(AT_ONCE).peekable();
        let account = told.peek()?.sample.account.clone();
        let told = told.filter(|told| told.sample.account == account);
        // Of several that are as new, the one that was told last: the first here.
        told.min_by_key(|told| std::cmp::Reverse(told.sample.measured))
    }

    /// Keeps what the status line was told, if it says anything new. Failures are silent: the next
    /// draw tries again, and a missing sample only makes an answer less certain.
    ///
    /// Figures belong to the account whose session brought them: right after a login Claude Code
    /// still tells those of the account before.
    pub(crate) fn keep_sample(&self, payload: &StatusPayload) {
        let (places, now) = (self.places, self.environment.now);
        let told = Sample::told(payload, now);
        let Some((session, told)) = payload.session_id.as_deref().zip(told) else {
            return;
        };
        let last = last_of(self.recent(), session);
        let last = last.as_ref();
        let mut sample = told.after(last);
        let error = self.newest_error(session).map(|newest| newest.at);
        if last.is_some_and(|last| !is_news(&sample, last, error)) {
            return;
        }
        let account = self.account();
        if account != last_account(places).as_ref() {
            let _ = records::write(&last_account_file(places), &account);
        }
        // A gateway's limit is not of the login that may stand beside it.
        let account = account.filter(|_| sample.teller() == Teller::Plan);
        let logged_in = account.and_then(|account| account.owner.fingerprint.clone());
        let before = last.filter(|last| sample.has_figures_of(last));
        let before = before.and_then(|last| last.account.clone());
        sample.account = before.or_else(|| payer(payload, account));
        let is_of_login = sample.account == logged_in;
        let plan = account.filter(|_| is_of_login);
        let reading = Reading {
            session: session.to_owned(),
            login: is_of_login.then(|| login(places)),
            plan: plan.and_then(|account| account.tier.clone()),
            sample,
        };
        let kept = journal::add(places, now, &reading);
        self.foresee_weeks(&reading.sample, last);
        if last.is_none() && kept.is_ok() {
            // Items lie below `quarantine`.
            disk::sweep(&places.data, now, 2);
        }
    }

    /// What any session was told last, as far as it is not over: by the plan, or by a gateway, if
    /// that came later.
    pub(crate) fn windows_of_account(&self) -> Option<Sample> {
        let told = [Teller::Plan, Teller::Gateway].map(|teller| self.known_of(teller));
        let told = told.into_iter().flatten().filter(Sample::tells_any);
        told.max_by_key(|known| known.measured)
    }

    /// What this teller told the account last, as it is known now.
    pub(super) fn known_of(&self, teller: Teller) -> Option<Sample> {
        let newest = self.newest_reading(teller)?;
        Some(newest.sample.ahead(self.environment.now))
    }

    /// The windows as they are known now: what the session is told, or what another session of the
    /// account was told later. Where the client tells nothing, because its last answer was an
    /// error (`is_refused`) or there is none since the session was taken up again, what is known
    /// from before.
    pub(crate) fn windows(&self, payload: &StatusPayload, is_refused: bool) -> Option<Sample> {
        let now = self.environment.now;
        let Some(told) = Sample::told(payload, now) else {
            // A good answer that told no windows was paid for by key.
            if !is_refused && payload.context_percent.is_some() {
                return None;
            }
            return self.windows_from_before(payload);
        };
        let newest = self.newest_reading(told.teller());
        let (Some(newest), Some(session)) = (newest, &payload.session_id) else {
            return Some(told);
        };
        let own = (newest.session == *session).then(|| newest.sample.clone());
        let last = own.or_else(|| last_of(self.recent(), session));
        let (newest, mut told) = (newest.sample, told.after(last.as_ref()));
        told.account = last.map_or_else(|| newest.account.clone(), |last| last.account);
        if told.account != newest.account || newest.measured <= told.measured {
            return Some(told);
        }
        Some(newest.ahead(now).or(&told))
    }

    /// A session that pays by key is told no windows, and none must be shown. One that was told none
    /// yet has those of the login, unless something says that another account pays for it.
    fn windows_from_before(&self, payload: &StatusPayload) -> Option<Sample> {
        let last = last_of(self.recent(), payload.session_id.as_deref()?);
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
        let login = last_account(self.places).map(|login| login.owner);
        let Some(login) = login.filter(|login| login.fingerprint == known.account) else {
            return false;
        };
        let owner = in_transcript::owner_of(payload);
        owner.is_none_or(|owner| owner.is(&login) != Some(false))
    }
}
