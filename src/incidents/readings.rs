//! Readings of the usage windows, which status-line calls store in the journal.
//!
//! All sessions of an account share its windows, but Claude Code reports to each session only the figures from that
//! session's last response. The readings of all sessions with the same login are therefore combined. Sessions with the
//! same configuration directory have the same login. A gateway's limit is unrelated to the login, so it is kept
//! separate. The account of an OAuth token is unknown, so if an account is logged in, a reading from a session with a
//! token does not count toward that login.
//!
//! Claude Code repeats the figures of the last response that its process received. A session may be open in several
//! processes, and a process may switch to another session. To recognize repeated figures, whycap therefore compares the
//! readings of a process, not those of a session.

use std::borrow::Borrow;
use std::cell::OnceCell;
use std::cmp::Reverse;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::login::Login;
use super::session_starts::{
    SessionStarts, is_owner_replaced, newest_start, start_at, windows_prove_use_of_login,
};
use super::session_transcripts::SessionTranscripts;
use super::stored_errors::StoredErrors;
use super::transcript_end;
use crate::claude::account::Account;
use crate::claude::credentials::{self, Credential, OAUTH_TOKEN};
use crate::claude::status_payload::StatusPayload;
use crate::claude::window_usage::WindowUsage;
use crate::disk;
use crate::environment::Environment;
use crate::journal::{self, Journal, JournalRecord, RecordIndex};
use crate::ledger::ProcessId;
use crate::limits::evidence::{PayerFacts, REPORTED_WITHIN, StoredError};
use crate::limits::kind::Window;
use crate::limits::sample::{MeasuredService, Sample};
use crate::paths::Paths;
use crate::time::rfc3339;
use crate::transcript::tail::{LONGEST_REQUEST, Tail};

/// The maximum number of readings to consider per run. This is enough to cover the hours around an error.
const MOST_OF_RUN: usize = 32;

/// The number of newest readings to compare. Sessions may report figures of different ages at the same time.
const AT_ONCE: usize = 8;

/// How often unchanged percentages are stored again. A reading can be used as evidence for 15 minutes, so up to three
/// readings are usable at any time.
const STORED_EVERY: TimeDelta = TimeDelta::minutes(5);

/// The time after an error in which every change in the figures is stored. Figures from after an error are better
/// evidence than earlier ones.
const AROUND_ERROR: TimeDelta = TimeDelta::minutes(10);

/// The delay after which status-line calls certainly report the usage figures of a refused request. An earlier call may
/// still report the figures of the last response. Clients 2.1.328 and 2.1.331 reported new figures 0.3 to 0.4 s after
/// the error, even on a busy machine.
pub(super) const FIGURES_REPORTED_AFTER: TimeDelta = TimeDelta::seconds(1);

/// How soon another response after an error in another session is stored if neither it nor the previous reading has a
/// request time.
const STORED_AFTER_UNDATED: TimeDelta = TimeDelta::seconds(30);

/// How long readings are useful: the longest window, plus one day in which the user may still ask about it.
pub(super) const USEFUL_FOR: TimeDelta = TimeDelta::days(8);

/// The figures that Claude Code reported to a session at a particular time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Reading {
    pub(super) session: String,
    /// The hash of the configuration directory. `None` if the figures belong to an account that is not logged in there.
    login: Option<String>,
    /// The size of the plan, if the figures belong to the logged-in account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) plan: Option<String>,
    /// The result of [`credentials::base_url_host`]. A proxy passes on the plan's windows, so they apply to all
    /// sessions with the same host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<String>,
    pub(super) sample: Sample,
}

impl JournalRecord for Reading {
    const KIND: &'static str = "reading";
}

/// The model of a session whose status-line call reported no usage windows, as between a resume and the next response.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ReportedModel {
    session: String,
    at: DateTime<Utc>,
    model: String,
}

impl JournalRecord for ReportedModel {
    const KIND: &'static str = "model";
}

/// Returns an account's readings in a part of the journal, newest first.
pub(super) fn of_account<'j>(
    journal: &'j Journal,
    account: Option<&str>,
) -> impl Iterator<Item = Reading> + use<'j> {
    records_of_account::<Reading>(journal, account)
}

/// Returns an account's readings, newest first. `R` is the type of the parsed records, which may leave out fields.
fn records_of_account<'j, R>(
    journal: &'j Journal,
    account: Option<&str>,
) -> impl Iterator<Item = Reading> + use<'j, R>
where
    R: JournalRecord + 'j,
    Reading: From<R>,
{
    let account_id = account.map(str::to_owned);
    journal
        .records_with("account", account)
        .map(|record: R| Reading::from(record))
        .filter(move |reading| reading.sample.account == account_id)
        .filter(|reading| reading.sample.has_sound_dates())
}

/// The part of a [`Reading`] that the pace of the 5-hour window needs. A status-line call reads dozens of readings,
/// and skipping the other fields halves the time.
#[derive(Debug, Deserialize)]
struct FiveHourReading {
    sample: FiveHourSample,
}

impl JournalRecord for FiveHourReading {
    const KIND: &'static str = Reading::KIND;
}

/// The part of a [`Sample`] that the pace of the 5-hour window needs.
#[derive(Debug, Deserialize)]
struct FiveHourSample {
    #[serde(deserialize_with = "rfc3339::deserialize")]
    at: DateTime<Utc>,
    #[serde(deserialize_with = "rfc3339::deserialize")]
    measured: DateTime<Utc>,
    five_hour: Option<WindowUsage>,
    account: Option<String>,
}

impl From<FiveHourReading> for Reading {
    fn from(reading: FiveHourReading) -> Self {
        let FiveHourSample {
            at,
            measured,
            five_hour,
            account,
        } = reading.sample;
        Self {
            session: String::new(),
            login: None,
            plan: None,
            host: None,
            sample: Sample {
                since: at,
                at,
                measured,
                five_hour,
                account,
                ..Sample::default()
            },
        }
    }
}

/// Returns an account's readings of the 5-hour window, newest first. All other fields are empty, even the session.
pub(super) fn of_five_hour_window<'j>(
    journal: &'j Journal,
    account: Option<&str>,
) -> impl Iterator<Item = Reading> + use<'j> {
    records_of_account::<FiveHourReading>(journal, account)
}

/// Dates figures to the time of their request and adds the model that sent the response, if the session's transcript shows
/// the request. The server determines the figures when it accepts a request. If the response takes minutes, its figures
/// may be older than an error that occurred in between.
pub(super) fn date_by_request(sample: &mut Sample, tail: &Tail) {
    if sample.determined_since.is_some() {
        return;
    }
    let reported = sample.measured - REPORTED_WITHIN..=sample.measured;
    let mut newest_first = tail.responses.iter().rev();
    let Some(response) = newest_first.find(|response| reported.contains(&response.at)) else {
        return;
    };
    let Some(requested_at) = response.requested_at else {
        return;
    };
    sample.response_model = response.model.as_deref().map(str::to_owned);
    sample.determined_since = Some(requested_at);
    if requested_at < sample.earliest() {
        sample.repeated_after = Some(requested_at);
    }
}

/// Returns the time of the last response if no figures have been stored since then. Returns `None` if Claude Code has just
/// received the response, or if a refused request followed it, because the figures may belong to that request.
fn unstored_response_at(
    tail: &Tail,
    last: Option<&Sample>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let response_at = tail.responses.last()?.at;
    let last_error_at = tail.errors.last().and_then(|error| error.line.at);
    let is_unstored = response_at > last?.at;
    let is_refused_later = last_error_at > Some(response_at);
    (is_unstored && !is_refused_later && now - response_at > REPORTED_WITHIN).then_some(response_at)
}

/// Returns the time of the request that led to the last response. If it is unknown, returns the time of the response, unless
/// Claude Code has just received it. Returns `None` if there is no response, or if a refused request followed it, because
/// the figures may belong to that request.
fn last_request_at(tail: &Tail, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let response = tail.responses.last()?;
    let last_error_at = tail.errors.last().and_then(|error| error.line.at);
    if last_error_at > Some(response.at) {
        return None;
    }
    match response.requested_at {
        Some(requested_at) => Some(requested_at),
        None if now - response.at > REPORTED_WITHIN => Some(response.at),
        None => None,
    }
}

/// The work of one process on one session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Run {
    pub(super) session: String,
    /// The process in the form of [`Sample::process`], or `None` if it is unknown.
    process: Option<String>,
}

impl Run {
    /// Returns the run in which an error occurred.
    pub(super) fn of(error: &StoredError) -> Self {
        Self {
            session: error.session.id.clone().unwrap_or_default(),
            process: error.session.process.clone(),
        }
    }

    /// Returns true if a reading may come from this run: the session is the same, and the processes are not known to
    /// differ.
    fn may_include(&self, reading: &Reading) -> bool {
        reading.session == self.session && self.may_have_process(reading.sample.process.as_deref())
    }

    /// Returns true unless the run's process is known to be a different one. An unknown process is `None`.
    pub(super) fn may_have_process(&self, process: Option<&str>) -> bool {
        may_be_same_process(self.process.as_deref(), process)
    }
}

/// Returns true if both processes are the same, or if one of them is unknown (`None`).
pub(super) fn may_be_same_process(first: Option<&str>, second: Option<&str>) -> bool {
    match (first, second) {
        (Some(first), Some(second)) => first == second,
        (None, _) | (_, None) => true,
    }
}

/// Returns figures from an account's other runs that may show how full its windows were at the given time: the last
/// ones before that time, and all that were first reported soon after it. `readings` must contain the account's
/// readings, newest first.
pub(super) fn of_other_runs_around<R: Borrow<Reading>>(
    readings: impl Iterator<Item = R>,
    moment: DateTime<Utc>,
    run: &Run,
) -> Vec<Sample> {
    let mut before = 0;
    readings
        .filter(|reading| {
            let reading = reading.borrow();
            !run.may_include(reading) && reading.sample.since <= moment + AROUND_ERROR
        })
        .take_while(|reading| {
            before += usize::from(reading.borrow().sample.at < moment);
            before <= AT_ONCE
        })
        .map(|reading| reading.borrow().sample.clone())
        .collect()
}

/// An account's readings, with an index for finding those around thousands of errors quickly.
#[derive(Debug)]
pub(super) struct AccountReadings {
    pub(super) newest_first: Vec<Reading>,
    /// For each reading, the earliest `since` among it and all newer readings.
    earliest_since: Vec<DateTime<Utc>>,
}

impl AccountReadings {
    pub(super) fn new(newest_first: Vec<Reading>) -> Self {
        let mut earliest_since = Vec::with_capacity(newest_first.len());
        let mut earliest = DateTime::<Utc>::MAX_UTC;
        for reading in &newest_first {
            earliest = earliest.min(reading.sample.since);
            earliest_since.push(earliest);
        }
        Self {
            newest_first,
            earliest_since,
        }
    }

    /// Like [`of_other_runs_around`], but skips the readings that are too new without examining them.
    pub(super) fn of_other_runs_around(&self, moment: DateTime<Utc>, run: &Run) -> Vec<Sample> {
        let too_new = self
            .earliest_since
            .partition_point(|since| *since > moment + AROUND_ERROR);
        of_other_runs_around(self.newest_first.iter().skip(too_new), moment, run)
    }
}

/// Returns a session's readings, newest first.
fn of_session<'j>(journal: &'j Journal, session: &str) -> impl Iterator<Item = Reading> + use<'j> {
    let id = session.to_owned();
    journal
        .records_with("session", Some(session))
        .filter(move |reading: &Reading| reading.session == id)
        .filter(|reading| reading.sample.has_sound_dates())
}

/// Returns a run's figures in a part of the journal, oldest first. Repeated figures are merged.
pub(super) fn of_run(journal: &Journal, run: &Run) -> Vec<Sample> {
    merge_repeated(of_session(journal, &run.session), run)
}

/// Groups the readings in a part of the journal by session for [`of_run_in`].
pub(super) fn by_session(journal: &Journal) -> RecordIndex<'_, Reading> {
    RecordIndex::new(journal, "session")
}

/// Like [`of_run`], but uses an index instead of searching the journal.
pub(super) fn of_run_in(by_session: &RecordIndex<'_, Reading>, run: &Run) -> Vec<Sample> {
    let of_session = by_session
        .records_with(&run.session)
        .filter(|reading| reading.sample.has_sound_dates());
    merge_repeated(of_session, run)
}

/// Returns a run's latest figures, oldest first. Repeated figures are merged.
fn merge_repeated(newest_first: impl Iterator<Item = Reading>, run: &Run) -> Vec<Sample> {
    let mut samples: Vec<Sample> = newest_first
        .filter(|reading| run.may_include(reading))
        .map(|reading| reading.sample)
        .take(MOST_OF_RUN)
        .collect();
    samples.reverse();
    samples.dedup_by(|later, earlier| {
        let is_same = later.has_same_figures_as(earlier);
        if is_same {
            later.since = earlier.since;
            // The later reading lacks the windows that have reset in between.
            *earlier = std::mem::take(later).or(earlier);
        }
        is_same
    });
    samples
}

/// The readings in the recent part of the journal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowReadings<'a> {
    pub(super) paths: &'a Paths,
    pub(super) environment: &'a Environment,
    pub(super) journal: &'a Journal,
    /// The login's newest reading of the plan's windows. A status-line call uses it twice.
    pub(super) newest_of_plan: &'a OnceCell<Option<Reading>>,
    /// The process that runs this command.
    pub(super) client: &'a OnceCell<Option<ProcessId>>,
    /// The result of [`Self::of_previous_session`]. A status-line call uses it several times.
    pub(super) sample_of_previous_session: &'a OnceCell<Option<Sample>>,
    pub(super) login: &'a Login<'a>,
    pub(super) transcripts: &'a SessionTranscripts<'a>,
}

impl WindowReadings<'_> {
    /// Returns a session's latest figures.
    pub(super) fn last_of(&self, session: &str) -> Option<Sample> {
        self.last_reading_of(session).map(|reading| reading.sample)
    }

    /// Returns the model that a session used last. A response that was requested after the last report shows it best,
    /// because the session may have continued where no status line runs, as with `claude -p --resume`.
    pub(crate) fn model_of(&self, session: &str) -> Option<String> {
        let path = self.transcripts.path_of(session);
        let tail = path.and_then(|path| self.transcripts.tail(&path));
        let last_response = tail.as_ref().and_then(|tail| tail.responses.last());
        match (self.reported_model_of(session), last_response) {
            (Some(reported), Some(response))
                if response.model.is_some()
                    && response.requested_at.unwrap_or(response.at) > reported.at =>
            {
                response.model.as_deref().map(str::to_owned)
            }
            (Some(reported), _) => Some(reported.model),
            (None, _) => tail?.model.clone(),
        }
    }

    /// Returns the last model that Claude Code reported to the status line of a session.
    fn reported_model_of(&self, session: &str) -> Option<ReportedModel> {
        let without_windows = self.stored_model_of(session);
        let with_windows = self.last_of(session).and_then(|sample| {
            Some(ReportedModel {
                session: session.to_owned(),
                at: sample.at,
                model: sample.model?,
            })
        });
        with_windows
            .into_iter()
            .chain(without_windows)
            .max_by_key(|reported| reported.at)
    }

    /// Returns the last model that [`Self::store_model`] stored for a session.
    fn stored_model_of(&self, session: &str) -> Option<ReportedModel> {
        self.journal
            .records_with("session", Some(session))
            .find(|reported: &ReportedModel| reported.session == session)
    }

    /// Stores the model of a session without figures of its own if the limit of a model family may decide whether the
    /// session can continue. That is so if the session has an error, because it may have been resumed with another model, and
    /// if any session has an error about the limit of this model's family. Once a model is stored, each change is stored as
    /// well.
    fn store_model(&self, payload: &StatusPayload, errors: StoredErrors<'_>) {
        let (Some(session), Some(model)) = (&payload.session_id, &payload.model_id) else {
            return;
        };
        let may_be_limited = errors.newest(session).is_some()
            || Window::of_model(Some(model)).is_some_and(|window| errors.has_error_about(window))
            || self.stored_model_of(session).is_some();
        if !may_be_limited {
            return;
        }
        let last_reported = self.reported_model_of(session);
        if last_reported.is_some_and(|last| last.model == *model) {
            return;
        }
        let reported = ReportedModel {
            session: session.clone(),
            at: self.environment.now,
            model: model.clone(),
        };
        let _ = journal::append(self.paths, reported.at, &reported);
    }

    /// Returns a session's latest reading.
    pub(super) fn last_reading_of(&self, session: &str) -> Option<Reading> {
        of_session(self.journal, session).next()
    }

    /// Returns the process that made the status-line call, in the form of [`Sample::process`]. Returns `None` if it did not
    /// identify itself.
    fn process(&self) -> Option<String> {
        self.client
            .get_or_init(|| ProcessId::of_client(self.environment))
            .map(ProcessId::hash)
    }

    /// Returns the readings of the process that made the status-line call, newest first. If it did not identify itself,
    /// returns the readings of all such processes of the login.
    fn of_process(&self) -> impl Iterator<Item = Reading> {
        let process = self.process();
        let (field, value) = match &process {
            Some(process) => ("process", process.clone()),
            None => ("login", self.login.directory_hash()),
        };
        self.journal
            .records_with(field, Some(&value))
            .filter(move |reading: &Reading| reading.sample.process == process)
            .filter(|reading| reading.sample.has_sound_dates())
    }

    /// Returns the latest figures that the current process reported in this session. If it has reported none, readings
    /// without a process count.
    fn last_of_run(&self, session: &str) -> Option<Sample> {
        let process = self.process();
        let mut without_process = None;
        for Reading { sample, .. } in of_session(self.journal, session) {
            if sample.process == process {
                return Some(sample);
            }
            if sample.process.is_none() {
                without_process.get_or_insert(sample);
            }
        }
        without_process
    }

    /// Returns the login's newest reading. Readings from the future are ignored: the clock was wrong when they were
    /// recorded, and they would hide all other readings.
    pub(super) fn newest(&self, service: MeasuredService) -> Option<Reading> {
        match service {
            MeasuredService::Plan => self
                .newest_of_plan
                .get_or_init(|| self.find_newest(service))
                .clone(),
            MeasuredService::Gateway => self.find_newest(service),
        }
    }

    /// Returns the login's readings, newest first, except those from the future.
    fn of_login(&self) -> impl Iterator<Item = Reading> {
        let login = Some(self.login.directory_hash());
        self.journal
            .records_with("login", login.as_deref())
            .filter(move |reading: &Reading| {
                reading.login == login
                    && reading.sample.has_sound_dates()
                    && reading.sample.measured <= self.environment.now
            })
    }

    fn find_newest(&self, service: MeasuredService) -> Option<Reading> {
        newest_of(self.newest_of_account(service))
    }

    /// Returns the login's newest readings that belong to the same account as the newest one, newest first.
    fn newest_of_account(&self, service: MeasuredService) -> Vec<Reading> {
        newest_of_one_account(
            self.of_login()
                .filter(|reading| reading.sample.service() == service),
        )
    }

    /// Like [`Self::newest`], but ignores readings that belong to an account that is no longer logged in. Reads Claude
    /// Code's global state, which names the account.
    pub(super) fn newest_of_logged_in(&self, service: MeasuredService) -> Option<Reading> {
        newest_of(newest_of_one_account(self.of_login().filter(|reading| {
            reading.sample.service() == service
                && reading.sample.is_of(self.login.account()) != Some(false)
        })))
    }

    /// Returns the newest reading of the plan's windows whose request was sent after the given time. Readings of
    /// `session` and undated readings are ignored.
    pub(super) fn newest_requested_after(
        &self,
        moment: DateTime<Utc>,
        session: Option<&str>,
    ) -> Option<Reading> {
        self.newest_of_account(MeasuredService::Plan)
            .into_iter()
            .filter(|reading| session != Some(&reading.session))
            .filter(|reading| reading.sample.determined_since > Some(moment))
            .min_by_key(|reading| Reverse(reading.sample.earliest()))
    }

    /// Returns the login's newest figures, excluding windows that have since reset.
    pub(super) fn current(&self, service: MeasuredService) -> Option<Sample> {
        let newest = self.newest(service)?;
        Some(newest.sample.without_past_windows(self.environment.now))
    }

    /// Like [`Self::current`], but ignores readings that belong to an account that is no longer logged in.
    pub(super) fn current_of_logged_in(&self, service: MeasuredService) -> Option<Sample> {
        let newest = self.newest_of_logged_in(service)?;
        Some(newest.sample.without_past_windows(self.environment.now))
    }

    /// Returns the last known reset time of a window of the logged-in account, if it has passed.
    pub(crate) fn passed_reset(&self, window: Window) -> Option<DateTime<Utc>> {
        let newest = self.newest_of_logged_in(MeasuredService::Plan)?;
        let reset = newest.sample.usage(window)?.resets_at?;
        (reset <= self.environment.now).then_some(reset)
    }

    /// Returns the newest figures of the logged-in account's plan or of a gateway.
    pub(crate) fn windows_of_account(&self) -> Option<Sample> {
        [MeasuredService::Plan, MeasuredService::Gateway]
            .into_iter()
            .filter_map(|service| self.current_of_logged_in(service))
            .filter(Sample::has_figures)
            .max_by_key(|sample| sample.measured)
    }

    /// Returns the usage windows for a status line. Normally, these are the windows that Claude Code reports. If
    /// another session of the same account has newer figures, returns those instead.
    ///
    /// Claude Code does not report any windows after a failed response (`is_refused`), or between a resume and the next
    /// response. In these cases, returns the windows of an earlier reading.
    pub(crate) fn windows(&self, payload: &StatusPayload, is_refused: bool) -> Option<Sample> {
        let now = self.environment.now;
        let Some(mut reported) = self.reported(payload) else {
            // A response without windows was paid for with an API key.
            if !is_refused && payload.has_responded {
                return None;
            }
            return self.windows_from_before(payload);
        };
        let newest = self.newest(reported.service());
        let (Some(newest), Some(session)) = (newest, &payload.session_id) else {
            return Some(reported);
        };
        let is_of_run = newest.session == *session && newest.sample.process == self.process();
        reported.account = if is_of_run {
            newest.sample.account.clone()
        } else {
            match self.last_of_run(session) {
                Some(last) => last.account,
                None if uses_token(&self.credentials_of(payload)) => None,
                None => newest.sample.account.clone(),
            }
        };
        let is_newest = reported.account != newest.sample.account
            || newest.sample.earliest() <= reported.earliest();
        if is_newest {
            return Some(reported);
        }
        Some(newest.sample.without_past_windows(now).or(&reported))
    }

    /// Returns the credentials of the status line's session.
    fn credentials_of(&self, payload: &StatusPayload) -> Vec<Credential> {
        credentials::of_session(self.paths, self.environment, payload.project_dir.as_deref())
    }

    /// Returns the login's newest windows for a session that has not reported any windows of its own. Returns `None` if
    /// the session uses a key, another service, a token, or another account.
    fn windows_from_before(&self, payload: &StatusPayload) -> Option<Sample> {
        let last = self.last_of(payload.session_id.as_deref()?);
        let service = last.as_ref().map_or(MeasuredService::Plan, Sample::service);
        let newest = self.newest(service)?;
        let credentials = self.credentials_of(payload);
        if uses_token(&credentials) && newest.sample.account.is_some() {
            return None;
        }
        let payer = match last {
            Some(_) => PayerFacts {
                credentials,
                ..PayerFacts::default()
            },
            None => self.payer_with(credentials, payload),
        };
        let is_of_payer = match last {
            Some(last) => last.account == newest.sample.account,
            None => newest.sample.is_of(payer.account.as_ref()) == Some(true),
        };
        let is_shared =
            service == MeasuredService::Gateway || payer.may_use_login_at(newest.host.as_deref());
        (is_of_payer && is_shared).then(|| newest.sample.without_past_windows(self.environment.now))
    }

    /// Returns the payer of the last request in the status line's session.
    pub(super) fn payer_of(&self, payload: &StatusPayload) -> PayerFacts {
        self.payer_with(self.credentials_of(payload), payload)
    }

    /// Returns the payer of the status line's session, which has these credentials. If a cloud provider replaces the
    /// login, the owner is not looked up.
    fn payer_with(&self, credentials: Vec<Credential>, payload: &StatusPayload) -> PayerFacts {
        let owner_may_pay = !credentials.iter().any(Credential::selects_cloud_provider)
            && self.owner_pays(payload, &credentials);
        PayerFacts {
            account: self.login.saved_account(),
            owner: if owner_may_pay {
                transcript_end::owner_of(payload)
            } else {
                None
            },
            credentials,
            ..PayerFacts::default()
        }
    }

    /// Returns true if the status line's session uses the account that its transcript names. Returns false if it has
    /// been resumed with a key or a token, or if there is one and the start of the session is not found, because the
    /// user may have accepted the key. Returns true in both cases if the reported windows show that the user has
    /// declined the key. The starts are searched only if there is a key or a token.
    fn owner_pays(&self, payload: &StatusPayload, credentials: &[Credential]) -> bool {
        if !credentials.iter().any(Credential::may_replace_login) {
            return true;
        }
        let session = payload.session_id.as_deref().unwrap_or_default();
        let starts = SessionStarts::new(self.journal).of(session);
        let start = start_at(&starts, self.environment.now);
        let plan_figures = self
            .sample_of(payload)
            .filter(|reported| reported.service() == MeasuredService::Plan);
        let has_declined_key = plan_figures.is_some_and(|reported| match start {
            Some(start) => start.windows_prove_use_of_login(reported.process.as_deref()),
            None => windows_prove_use_of_login(credentials),
        });
        has_declined_key || (start.is_some() && !is_owner_replaced(&starts, self.environment.now))
    }

    /// Returns the figures in a status line's payload, dated to when they were first reported.
    pub(super) fn reported(&self, payload: &StatusPayload) -> Option<Sample> {
        let reported = self.sample_of(payload)?;
        let Some(session) = &payload.session_id else {
            return Some(reported);
        };
        let last = self.last_of_run(session);
        Some(
            match self.of_previous_session(payload, &reported, last.as_ref()) {
                Some(original) => reported.dated_like(original),
                None => self.dated(payload, reported.after(last.as_ref()), last.as_ref()),
            },
        )
    }

    /// Dates the figures of a new response to its request if the login's newest reading is wrong about which of them are
    /// newer. Returns other figures unchanged.
    ///
    /// Claude Code may report a response long after its request: the response may have taken minutes, and during a
    /// permission dialog, Claude Code does not call the status line. Usage never decreases before the reset, so lower
    /// figures are usually older, and repeated figures are new if another session has reported lower ones since. Only
    /// the transcript can tell such figures from an early reset. In all other cases, the figures count as new, because
    /// they may come from a subagent, whose responses are not in the transcript. `last` contains the latest figures that the
    /// process reported in the session.
    ///
    /// Repeated figures are not stored at once, and Claude Code calls the status line again while the session is idle. They
    /// are therefore dated to the last response in the transcript if it arrived after `last`.
    fn dated(&self, payload: &StatusPayload, mut sample: Sample, last: Option<&Sample>) -> Sample {
        let is_of_new_response = sample.api_ms.is_some() && sample.measured == self.environment.now;
        if !is_of_new_response {
            return sample;
        }
        let Some(newest) = self.newest(sample.service()) else {
            return sample;
        };
        let is_lower = sample.shows_less_than(&newest.sample);
        let is_repeated_and_higher =
            sample.repeated_after.is_some() && newest.sample.shows_less_than(&sample);
        // Until repeated figures may be stored, their date does not matter, and the status line does not read the transcript.
        let may_be_stored = sample.repeated_after.is_some()
            && last.is_some_and(|last| self.environment.now - last.measured >= STORED_EVERY);
        if !is_lower && !is_repeated_and_higher && !may_be_stored {
            return sample;
        }
        let transcript = payload.transcript_path.as_deref();
        let tail = transcript.and_then(|path| self.transcripts.tail(path));
        let Some(tail) = tail else {
            return sample;
        };
        if sample.repeated_after.is_some()
            && let Some(responded_at) = unstored_response_at(&tail, last, self.environment.now)
        {
            sample.measured = responded_at;
        }
        if !is_lower && !is_repeated_and_higher {
            return sample;
        }
        let last_response_at = tail.responses.last().map(|response| response.at);
        if last.is_some_and(|last| Some(last.measured) > last_response_at) {
            // The figures of the last response in the transcript have already been reported.
            return sample;
        }
        let Some(requested_at) = last_request_at(&tail, self.environment.now) else {
            return sample;
        };
        let is_request_newer = requested_at > newest.sample.earliest();
        if is_lower && !is_request_newer {
            sample.determined_at(requested_at)
        } else if is_repeated_and_higher && is_request_newer {
            sample.repeated_since(requested_at)
        } else {
            sample
        }
    }

    /// Returns the figures in a status line's payload as if they were new.
    fn sample_of(&self, payload: &StatusPayload) -> Option<Sample> {
        let mut sample = Sample::from_payload(payload, self.environment.now)?;
        sample.process = self.process();
        Some(sample)
    }

    /// Returns the original figures if the process only repeats figures from another session. `last` contains the
    /// latest figures that the process reported in the status line's session. The result is cached, so `payload` must
    /// always be the payload of the same status-line call.
    ///
    /// After `/clear`, `/branch`, and `/resume`, Claude Code reports the figures of the previous session until the next
    /// response. If these figures counted as new, they would hide newer readings and would be mistaken for evidence
    /// about later errors.
    fn of_previous_session(
        &self,
        payload: &StatusPayload,
        reported: &Sample,
        last: Option<&Sample>,
    ) -> Option<&Sample> {
        self.sample_of_previous_session
            .get_or_init(|| self.find_of_previous_session(payload, reported, last))
            .as_ref()
    }

    fn find_of_previous_session(
        &self,
        payload: &StatusPayload,
        reported: &Sample,
        last: Option<&Sample>,
    ) -> Option<Sample> {
        if last.is_some_and(|last| reported.has_same_figures_as(last)) {
            return None;
        }
        let session = payload.session_id.as_deref()?;
        let original = self
            .of_process()
            .find(|reading| {
                reading.session != session
                    && reported.has_same_figures_as(&reading.sample)
                    && reading.sample.measured <= self.environment.now
            })?
            .sample;
        // After `/clear` and `/branch`, the API time starts at zero. After `/resume`, it is the session's earlier time,
        // which another process may have reported.
        let has_earlier_api_time = reported.api_ms == Some(0.0)
            || self
                .last_of(session)
                .is_some_and(|last| reported.has_same_api_time_as(&last));
        let is_repeated =
            has_earlier_api_time || self.has_response_only_before(payload, original.measured);
        is_repeated.then_some(original)
    }

    /// Returns true if the last response of the status line's session arrived before the given time. Returns false if
    /// there is no response.
    fn has_response_only_before(&self, payload: &StatusPayload, moment: DateTime<Utc>) -> bool {
        let transcript = payload.transcript_path.as_deref();
        let Some(tail) = transcript.and_then(|path| self.transcripts.tail(path)) else {
            return false;
        };
        let last_response_at = tail.responses.iter().map(|response| response.at).max();
        last_response_at.is_some_and(|at| at < moment)
    }

    /// Dates figures to their request or response in the transcript if another session has just been stopped by an error.
    ///
    /// The status lines of other sessions use these figures to judge their errors, but do not read this session's transcript. After
    /// an error in this session, the figures may come from the refused request, which is newer than the last response, unless a
    /// response has arrived since. `last` contains the latest figures that the process reported in the session.
    fn date_by_transcript(
        &self,
        sample: &mut Sample,
        payload: &StatusPayload,
        session: &str,
        last: Option<&Sample>,
        errors: StoredErrors<'_>,
    ) {
        let now = self.environment.now;
        let since = now - LONGEST_REQUEST;
        let last_settled_at = last
            .filter(|last| has_received_response(sample, last))
            .map_or(since, |last| last.at.max(since));
        let Some(path) = &payload.transcript_path else {
            return;
        };
        if errors
            .newest_only_in_other_sessions(session, since, last_settled_at)
            .is_none()
        {
            return;
        }
        let Some(tail) = self.transcripts.tail(path) else {
            return;
        };
        if sample.repeated_after.is_some()
            && sample.determined_since.is_none()
            && let Some(responded_at) = unstored_response_at(&tail, last, now)
        {
            sample.measured = responded_at;
        }
        date_by_request(sample, &tail);
    }

    /// Stores the figures in a status line's payload if they are new. If storing fails, the next call tries again.
    /// Verdicts are less certain until then.
    pub(super) fn store(&self, payload: &StatusPayload, errors: StoredErrors<'_>) {
        let now = self.environment.now;
        let Some(reported) = self.sample_of(payload) else {
            self.store_model(payload, errors);
            return;
        };
        let Some(session) = &payload.session_id else {
            return;
        };
        let may_show_login = reported.service() == MeasuredService::Plan
            && credentials::has_api_key(self.environment);
        let recent_start = if may_show_login {
            newest_start(session, self.journal)
        } else {
            None
        };
        if let Some(start) = &recent_start
            && start.replaces_owner != Some(false)
        {
            start.store_after_plan_reading(reported.process.as_deref(), self.paths, now);
        }
        // The newest section of the journal is enough, because older errors do not affect which readings are stored.
        let last_error_at = errors
            .list_newest(Some(session))
            .iter()
            .find(|error| Run::of(error).may_have_process(reported.process.as_deref()))
            .map(|error| error.at);
        let last = self.last_of_run(session);
        // A refused request provides new figures, although it does not increase the API time. Only the first figures
        // after the error are certainly its own. Later ones may come from another process that has resumed the session.
        let is_of_refused_request = last_error_at.is_some_and(|error| {
            (FIGURES_REPORTED_AFTER..AROUND_ERROR).contains(&(now - error))
                && last.as_ref().is_none_or(|last| last.at < error)
        });
        if !is_of_refused_request
            && self
                .of_previous_session(payload, &reported, last.as_ref())
                .is_some()
        {
            self.store_model(payload, errors);
            return;
        }
        let mut sample = self.dated(payload, reported.after(last.as_ref()), last.as_ref());
        let repeated = last.as_ref().filter(|last| {
            sample.determined_since.is_none() && !is_new(&sample, last, last_error_at)
        });
        let error_elsewhere =
            repeated.and_then(|last| error_to_be_ended(&sample, last, session, errors));
        if repeated.is_some() && error_elsewhere.is_none() {
            return;
        }
        self.date_by_transcript(&mut sample, payload, session, last.as_ref(), errors);
        if let (Some(last), Some(error)) = (repeated, error_elsewhere)
            && last.at > error.at
            && sample.determined_since <= Some(error.at)
            && sample.at - last.at < STORED_AFTER_UNDATED
        {
            return;
        }
        self.login.save_account();
        // A gateway's limit does not belong to the login.
        let login = match sample.service() {
            MeasuredService::Plan => self.login.account(),
            MeasuredService::Gateway => None,
        };
        let credentials = self.credentials_of(payload);
        // If the figures are repeated, the sample already has their account.
        sample.account = if uses_token(&credentials) {
            None
        } else {
            sample.account.or_else(|| payer(payload, login))
        };
        let is_of_login =
            sample.account == login.and_then(|account| account.owner.fingerprint.clone());
        let reading = Reading {
            session: session.clone(),
            login: is_of_login.then(|| self.login.directory_hash()),
            plan: login
                .filter(|_| is_of_login)
                .and_then(|account| account.tier.clone()),
            host: credentials::base_url_host(&credentials).map(str::to_owned),
            sample,
        };
        let stored = journal::append(self.paths, now, &reading);
        // Later calls search only the recent part of the journal, so a copy of the start is appended. If no copy is
        // appended, the whole journal is searched again the next time that new figures are stored.
        if may_show_login
            && recent_start.is_none()
            && let Some(start) = newest_start(session, &Journal::all(self.paths))
        {
            start.store_after_plan_reading(reading.sample.process.as_deref(), self.paths, now);
        }
        if last.is_none() && stored.is_ok() {
            // The deepest files are the cleared locks in `quarantine`, two levels down.
            disk::remove_stale_temporary_files(&self.paths.data, now, 2);
        }
    }
}

/// Returns the first few readings that belong to the same account as the first one.
fn newest_of_one_account(newest_first: impl Iterator<Item = Reading>) -> Vec<Reading> {
    let mut readings: Vec<Reading> = newest_first.take(AT_ONCE).collect();
    let account = readings
        .first()
        .and_then(|newest| newest.sample.account.clone());
    readings.retain(|reading| reading.sample.account == account);
    readings
}

/// Returns the reading with the newest figures. Repeated figures may come from an earlier response, so the earliest
/// possible time of each reading counts.
fn newest_of(readings: Vec<Reading>) -> Option<Reading> {
    readings
        .into_iter()
        .min_by_key(|reading| Reverse(reading.sample.earliest()))
}

/// Returns true if these figures provide more information than the session's previous figures. A change of the model
/// counts too, because the last reading shows which model's limits apply to the session.
fn is_new(sample: &Sample, last: &Sample, last_error_at: Option<DateTime<Utc>>) -> bool {
    let is_first_after_error = last_error_at.is_some_and(|error| {
        [error, error + FIGURES_REPORTED_AFTER]
            .into_iter()
            .any(|moment| last.at < moment && moment <= sample.at)
    });
    let is_around_error = last_error_at.is_some_and(|error| sample.at - error < AROUND_ERROR);
    is_first_after_error
        || Window::ALL
            .into_iter()
            .any(|window| sample.is_step_from(last, window))
        || sample.others.spend_limit != last.others.spend_limit
        || sample.model != last.model
        || (is_around_error && !sample.has_same_figures_as(last))
        || (sample.measured > last.measured && sample.at - last.measured >= STORED_EVERY)
}

/// Returns the newest error in another session if a response with the same figures as before may show that it is over. A
/// single reading of a request after the error is enough. The response may be older than the error, because repeated figures are
/// not stored at once. Returns `None` if the API time is unknown, because a repeated call then looks like a response.
fn error_to_be_ended(
    sample: &Sample,
    last: &Sample,
    session: &str,
    errors: StoredErrors<'_>,
) -> Option<StoredError> {
    if !has_received_response(sample, last) || sample.measured <= last.measured {
        return None;
    }
    let since = sample.at - AROUND_ERROR;
    errors
        .newest_only_in_other_sessions(session, since, last.at.max(since))
        .filter(|error| last.determined_since <= Some(error.at))
}

/// Returns true if the API time shows that the process has received a response since its last stored figures. A refused request
/// does not increase the API time.
fn has_received_response(sample: &Sample, last: &Sample) -> bool {
    let has_api_time = sample.api_ms.is_some() && last.api_ms.is_some();
    has_api_time && !sample.has_same_api_time_as(last)
}

/// Returns true if a session with these credentials uses an OAuth token, which may belong to a different account than
/// the login.
fn uses_token(credentials: &[Credential]) -> bool {
    credentials::is_set(OAUTH_TOKEN, credentials)
}

/// Returns the fingerprint of the account that a session's figures belong to: the session's owner, if it differs from
/// the login, or the login's account.
fn payer(payload: &StatusPayload, login: Option<&Account>) -> Option<String> {
    let login = &login?.owner;
    match transcript_end::owner_of(payload) {
        Some(owner) if owner.is_same_as(login) == Some(false) => owner.fingerprint,
        _ => login.fingerprint.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn too_new_readings_are_skipped_without_changing_the_result() {
        let start: DateTime<Utc> = "2026-11-20T10:00:00Z".parse().unwrap();
        let minutes = |minutes: i64| start + TimeDelta::minutes(minutes);
        // The clock was changed several times, so the times are not in order.
        let newest_first: Vec<Reading> = (0..200_i64)
            .rev()
            .map(|index| {
                let at = minutes(index - (index % 7) * (index % 13));
                Reading {
                    session: format!("session {}", index % 5),
                    login: None,
                    plan: None,
                    host: None,
                    sample: Sample {
                        since: at - TimeDelta::minutes(index % 3),
                        at,
                        measured: at,
                        ..Sample::default()
                    },
                }
            })
            .collect();
        let readings = AccountReadings::new(newest_first.clone());

        let run = Run {
            session: "session 1".to_owned(),
            process: None,
        };
        let mut sizes = HashSet::new();
        for moment in (-100..300).map(minutes) {
            let expected = of_other_runs_around(newest_first.iter(), moment, &run);
            let other_runs = readings.of_other_runs_around(moment, &run);
            assert_eq!(other_runs, expected, "{moment}");
            sizes.insert(other_runs.len());
        }
        assert!(sizes.contains(&0) && sizes.len() > 3, "{sizes:?}");
    }
}
