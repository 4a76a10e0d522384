//! Finds the readings of the usage windows that are evidence about an error. The sources are the readings in the
//! journal, the figures that Claude Code currently reports, and the transcripts that show when the figures were
//! requested.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Asker, EvidenceCollector, OtherSessions};
use crate::claude::transcripts::session_of;
use crate::incidents::error_match::SAME_EVENT;
use crate::incidents::readings::{
    self, AccountReadings, FIGURES_REPORTED_AFTER, Reading, Run, USEFUL_FOR,
};
use crate::limits::evidence::{Evidence, REPORTED_WITHIN, StoredError, is_full};
use crate::limits::kind::Window;
use crate::limits::sample::{MeasuredService, Sample};
use crate::transcript::tail::{ErrorLine, Tail};

/// How long whycap waits after an error for Claude Code to report the usage figures of the refused request. It does not
/// wait any longer, because Claude Code may not call the status line at all.
const FIGURES_DELAY: TimeDelta = TimeDelta::seconds(3);

/// Returns true if the stored readings are complete, because no later reading can be evidence about the error. They are
/// complete once the session has received a response. If the error ended in another way, they are complete once it is
/// older than [`SAME_EVENT`].
pub(in crate::incidents) fn has_final_readings(error: &StoredError, now: DateTime<Utc>) -> bool {
    error.later_response.is_some() || (error.end.is_some() && now > error.at + SAME_EVENT)
}

impl EvidenceCollector<'_> {
    /// Adds the account's usage readings from around the time of the error.
    pub(super) fn add_readings(&self, evidence: &mut Evidence) {
        if evidence.error.session.id.is_none() {
            return;
        }
        if !self.may_differ_from_login(&evidence.error) {
            evidence.collected.newest_reading =
                self.newest_reading().map(|reading| reading.sample.clone());
        }
        let is_stored =
            has_final_readings(&evidence.error, self.now()) && !evidence.error.readings.is_empty();
        if !is_stored {
            self.read_readings(&mut evidence.error);
        }
        evidence.collected.awaits_figures = self.awaits_figures(&evidence.error);
        let error = &mut evidence.error;
        let session = error.session.id.as_deref();
        if session.is_some_and(|session| self.asker == Asker::Session(session))
            && error.session.version.is_none()
        {
            // The behavior at the reset depends on the client version that is running now.
            error.session.version = self.client_version.map(str::to_owned);
        }
    }

    /// Sets an error's readings, and the session details that only readings contain.
    ///
    /// All sessions of an account share its windows, so the readings of its other sessions are included, as are those
    /// of other processes that have the session open. If the session used a token, these are left out, because the
    /// token's account is unknown. They are also left out for old errors, because old readings are deleted.
    pub(in crate::incidents) fn read_readings(&self, error: &mut StoredError) {
        let run = Run::of(error);
        let mut own_readings = self.own_readings(&run);
        for sample in &mut own_readings {
            if sample.at >= error.at + FIGURES_REPORTED_AFTER {
                // These figures come from the refused request or a later one.
                sample.determined_since = sample.determined_since.max(Some(error.at));
            }
        }
        if let Some(sample) = own_readings
            .iter()
            .rfind(|sample| sample.since <= error.at + SAME_EVENT)
        {
            add_session_details(error, sample);
        }

        let account = error
            .account()
            .and_then(|account| account.owner.fingerprint.as_deref());
        let mut readings = match account {
            Some(account) if self.now() - error.at <= USEFUL_FOR => {
                self.readings_of_other_runs(error.at, &run, account)
            }
            Some(_) | None => Vec::new(),
        };
        // The sort is stable. Of several readings with the same time, the run's own comes last and takes precedence.
        readings.extend(own_readings);
        readings.sort_by_key(|reading| reading.measured);
        error.readings = readings;
    }

    /// Returns a run's readings, oldest first, including the one that Claude Code currently reports.
    fn own_readings(&self, run: &Run) -> Vec<Sample> {
        let mut readings = self
            .readings_of
            .get_or_compute(run, || self.readings_of_run(run));
        if self.asker == Asker::Session(&run.session)
            && let Some(reported) = &self.reported
            && run.may_have_process(reported.process.as_deref())
        {
            readings.push(reported.clone().after(readings.last()));
        }
        readings
    }

    /// Returns a run's readings in the journal, oldest first. A status-line call explains only a few errors, so it
    /// searches the journal for each session. Other commands may explain errors in thousands of sessions, so they group
    /// the readings by session once.
    fn readings_of_run(&self, run: &Run) -> Vec<Sample> {
        let journal = self.readings.journal;
        match self.other_sessions {
            OtherSessions::WithoutList | OtherSessions::Changed => readings::of_run(journal, run),
            OtherSessions::Newest => {
                let by_session = self
                    .readings_by_session
                    .get_or_init(|| readings::by_session(journal));
                readings::of_run_in(by_session, run)
            }
        }
    }

    /// Returns true if Claude Code may not have reported the usage figures of the refused request yet.
    ///
    /// Right after an error, Claude Code may still report the figures of the last response, possibly for the first
    /// time. Figures therefore count as new only if they are reported at least [`FIGURES_REPORTED_AFTER`] after the
    /// error, or if they have changed although the session has received no response. A session without a status line,
    /// such as a `claude -p` run, does not report figures.
    fn awaits_figures(&self, error: &StoredError) -> bool {
        let line = error.message.line.as_ref();
        if line.is_some_and(ErrorLine::is_outside_terminal)
            || self.now() - error.at >= FIGURES_DELAY
        {
            return false;
        }
        let readings = self.own_readings(&Run::of(error));
        let is_reported = readings
            .last()
            .is_some_and(|last| last.at >= error.at + FIGURES_REPORTED_AFTER);
        let has_changed_without_response = readings.windows(2).any(|pair| match pair {
            [previous, changed] => {
                changed.since >= error.at
                    && changed.has_same_api_time_as(previous)
                    && !changed.has_same_figures_as(previous)
            }
            _ => false,
        });
        !is_reported && !has_changed_without_response
    }

    /// Returns an account's readings from other runs around the given time. A status-line call explains only a few
    /// errors, so it searches the journal for each of them. Other commands may explain thousands of errors, so they
    /// read all readings once.
    fn readings_of_other_runs(
        &self,
        moment: DateTime<Utc>,
        run: &Run,
        account: &str,
    ) -> Vec<Sample> {
        match self.other_sessions {
            OtherSessions::WithoutList | OtherSessions::Changed => {
                let of_account = readings::of_account(self.readings.journal, Some(account));
                readings::of_other_runs_around(of_account, moment, run)
            }
            OtherSessions::Newest => self
                .all_readings_of(account)
                .of_other_runs_around(moment, run),
        }
    }

    /// Adds the account's readings from all sessions, which show how full its windows were after the error. Adds
    /// nothing for the status line, which needs only the newest reading.
    pub(super) fn add_account_readings(&self, evidence: &mut Evidence) {
        let account = evidence.error.account();
        if self.other_sessions == OtherSessions::Newest
            && let Some(account) = account.and_then(|account| account.owner.fingerprint.as_deref())
        {
            evidence.collected.account_readings =
                self.samples_of_account.get_or_compute(account, || {
                    let mut samples: Vec<Sample> = self
                        .all_readings_of(account)
                        .newest_first
                        .iter()
                        .rev()
                        .map(|reading| reading.sample.clone())
                        .collect();
                    samples.sort_by_key(|sample| sample.measured);
                    samples.into()
                });
        }
    }

    /// Returns an account's readings. They go back further than [`USEFUL_FOR`], because the readings from before an old
    /// error are also evidence about it.
    fn all_readings_of(&self, account: &str) -> Rc<AccountReadings> {
        let oldest = self.now() - USEFUL_FOR - USEFUL_FOR;
        self.readings_of_account.get_or_compute(account, || {
            // If the clock was changed, the readings are not in order, so the time of each one is checked.
            let journal = self.readings.journal.since(oldest);
            let mut readings: Vec<Reading> = readings::of_account(&journal, Some(account))
                .filter(|reading| reading.sample.at >= oldest)
                .collect();
            self.date_by_requests(&mut readings);
            Rc::new(AccountReadings::new(readings))
        })
    }

    /// Dates each reading to the time of the request that provided its figures, if a transcript shows it.
    fn date_by_requests(&self, readings: &mut [Reading]) {
        if readings.is_empty() {
            return;
        }
        let sessions: HashSet<&str> = readings
            .iter()
            .map(|reading| reading.session.as_str())
            .collect();
        let tails: HashMap<String, Rc<Tail>> = self
            .transcripts
            .newest()
            .iter()
            .map(|file| (session_of(&file.path), &file.path))
            .filter(|(session, _)| sessions.contains(session.as_str()))
            .filter_map(|(session, path)| Some((session, self.transcripts.tail(path)?)))
            .collect();
        for reading in readings {
            if let Some(tail) = tails.get(&reading.session) {
                readings::date_by_request(&mut reading.sample, tail);
            }
        }
    }

    /// Returns the login's newest reading of the plan's windows. The result is cached, so the journal is searched only
    /// once.
    pub(super) fn newest_reading(&self) -> Option<&Reading> {
        self.newest_reading
            .get_or_init(|| {
                let mut newest = self.readings.newest(MeasuredService::Plan)?;
                // Dating the reading requires the list of all transcripts, which takes too long for the status line.
                if self.other_sessions == OtherSessions::Newest {
                    self.date_by_requests(std::slice::from_mut(&mut newest));
                }
                Some(newest)
            })
            .as_ref()
    }
}

/// Adds session details that the status line reports but the transcript does not contain.
fn add_session_details(error: &mut StoredError, sample: &Sample) {
    let session = &mut error.session;
    session.fast_mode = sample.fast_mode;
    session.version = session.version.take().or_else(|| sample.version.clone());
    // Unlike the transcript, the status line includes the model's variant, such as "[1m]".
    let known_model = session.model.as_deref().unwrap_or_default();
    if sample
        .model
        .as_ref()
        .is_some_and(|model| model.starts_with(known_model))
    {
        session.model.clone_from(&sample.model);
    }
}

/// Finds the resets that the readings show after an error. For each of them, returns the earliest time at which a
/// response may have counted toward the new window. `readings` must be in chronological order.
pub(super) fn times_of_new_windows(error: &StoredError, readings: &[Sample]) -> Vec<DateTime<Utc>> {
    [Window::FiveHour, Window::Weekly]
        .into_iter()
        .flat_map(|window| times_of_new_window(window, error, readings))
        .collect()
}

/// Like [`times_of_new_windows`], but for a single window. A window has reset if it is full in one reading and has room
/// in the next. The response that provided the second reading arrived after the first reading, and at most
/// [`REPORTED_WITHIN`] before the second. Resets are rare, so only the first few are returned.
fn times_of_new_window(
    window: Window,
    error: &StoredError,
    readings: &[Sample],
) -> Vec<DateTime<Utc>> {
    /// The maximum number of resets to return.
    const MOST: usize = 4;
    let measured = |reading: &&Sample| reading.usage(window).is_some();
    let shows_full = |reading: &Sample| reading.usage(window).is_some_and(is_full);
    let (before_error, since_error) =
        readings.split_at(readings.partition_point(|reading| reading.measured < error.at));
    // A refused request may repeat earlier figures, so the window may be full only in the last reading before the
    // error.
    let mut last = before_error.iter().rev().find(measured);
    let mut times = Vec::new();
    for next in since_error.iter().filter(measured) {
        // Figures that were requested before those of the previous reading do not belong to a new window.
        let is_newer = last.is_none_or(|last| next.earliest() > last.earliest());
        if !is_newer {
            continue;
        }
        if let Some(last) = last
            && shows_full(last)
            && !shows_full(next)
        {
            times.push(last.measured.max(next.measured - REPORTED_WITHIN));
            if times.len() == MOST {
                break;
            }
        }
        last = Some(next);
    }
    times
}
