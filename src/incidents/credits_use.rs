//! Infers which responses were paid for with usage credits because a usage window was full. Transcripts do not mark
//! these responses, so the output says that they are inferred.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::cache::Cache;
use super::evidence::EvidenceCollector;
use super::login::Login;
use super::readings::{self, Reading, USEFUL_FOR, WindowReadings};
use super::session_starts::{SessionStart, SessionStarts, is_owner_replaced, start_at};
use super::session_transcripts::SessionTranscripts;
use super::stored_errors::StoredErrors;
use crate::claude::credentials::Credential;
use crate::claude::window_usage::{USED_UP, WindowUsage, is_same_reset};
use crate::journal::Journal;
use crate::ledger::{ResponseCosts, SelectedResponses};
use crate::limits::evidence::{
    FRESH_FOR, REPORTED_WITHIN, RESET_BELOW, RefusedWindow, StoredError,
};
use crate::limits::free_period::FreePeriod;
use crate::limits::incident::warning_about_full_window;
use crate::limits::kind::{LimitKind, Window};
use crate::limits::sample::{MeasuredService, Sample};
use crate::pricing::Money;
use crate::terminal::{Piece, Tone, truncate};
use crate::time::{Clock, datetime_from_millis, format_rfc3339};
use crate::transcript::owner::Owner;
use crate::transcript::tail::Tail;

/// The server's reasons that rule out any use of credits: they were never set up, they are not allowed or turned off,
/// or their limit is $0. The other reasons do not rule out earlier payments: credits were used up, a cap was reached,
/// or the server does not say whether they are turned on.
const RULE_OUT_PAYMENTS: [&str; 8] = [
    "overage_not_provisioned",
    "org_level_disabled",
    "org_service_level_disabled",
    "seat_tier_level_disabled",
    "member_level_disabled",
    "seat_tier_zero_credit_limit",
    "group_zero_credit_limit",
    "member_zero_credit_limit",
];

/// The reasons in [`RULE_OUT_PAYMENTS`] that the server also gives after credits have been turned off. Credits may have
/// paid before that, or never.
const TURNED_OFF: [&str; 2] = ["org_level_disabled", "member_level_disabled"];

/// Returns true if no credits can be used while the server gives this reason for not accepting them.
pub(super) fn rules_out_payments(reason: &str) -> bool {
    RULE_OUT_PAYMENTS.contains(&reason)
}

/// Returns true if credits certainly do not pay for further responses while the server gives this reason for not accepting
/// them. Other reasons, such as `fetch_error`, do not say whether credits are turned on.
fn rules_out_further_payments(reason: &str) -> bool {
    rules_out_payments(reason) || ["out_of_credits", "org_level_disabled_until"].contains(&reason)
}

/// Returns true if credits cannot pay for further responses of the login, according to Claude Code's newest record. A used-up cap
/// does not count, because it may have been renewed since then.
pub(super) fn are_unavailable(login: &Login<'_>) -> bool {
    login
        .no_credits_reason()
        .is_some_and(|reason| rules_out_payments(reason) || reason == "out_of_credits")
}

/// Looks up the costs of the selected responses since the given time. Returns `None` if the ledger cannot be read.
pub(crate) type CostsOf<'c> =
    dyn Fn(DateTime<Utc>, SelectedResponses<'_>) -> Option<ResponseCosts> + 'c;

/// The responses currently being paid for with usage credits because a window is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paying {
    /// The time of the first of these responses.
    pub(crate) since: DateTime<Utc>,
    /// The cost of these responses at list price.
    pub(crate) cost: Money,
    /// The full window.
    pub(crate) window: Window,
    /// The time at which the full window resets.
    pub(crate) until: DateTime<Utc>,
}

impl Paying {
    /// Returns the text that follows the label "Paying".
    pub(crate) fn in_words(self, clock: Clock) -> String {
        let amount = self.amount(clock);
        format!(
            "with usage credits: {amount} (estimated because a usage window is full but responses are still coming in)"
        )
    }

    /// Returns a paragraph for output that has no labels. The paragraph also explains how to stop paying.
    pub(crate) fn paragraph(self, clock: Clock) -> String {
        let paying = self.in_words(clock);
        let until = clock.format_time_with_preposition(self.until);
        let limit = self.window.limit();
        format!("You are paying {paying}. Waiting is free; your {limit} resets {until}.")
    }

    /// Returns the `paying` object of `now --json`.
    pub(crate) fn json(self) -> Value {
        json!({
            "since": format_rfc3339(self.since),
            "cost_usd": self.cost.usd(),
            "inferred": true,
        })
    }

    /// Returns the status-line row about these responses.
    pub(crate) fn row(self, clock: Clock, columns: usize) -> Vec<Piece> {
        let text = format!("paying with usage credits: {}", self.amount(clock));
        vec![(Tone::Alarm, truncate(&text, columns))]
    }

    fn amount(self, clock: Clock) -> String {
        format!(
            "≈{} since {}",
            self.cost.show(),
            clock.format_time(self.since)
        )
    }
}

/// A full usage window of the logged-in account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FullWindow {
    pub(crate) window: Window,
    /// The reset, which may have passed.
    pub(crate) resets_at: DateTime<Utc>,
    /// True if usage credits [cannot pay](are_unavailable) while the window is full.
    credits_are_unavailable: bool,
}

impl FullWindow {
    /// Returns sentences about a window that applies to the next prompt, such as "Your 5-hour limit is used up until 12:00. Until
    /// that limit resets, prompts will be refused or paid for with usage credits."
    pub(crate) fn warning(self, clock: Clock) -> String {
        warning_about_full_window(
            self.window,
            self.resets_at,
            self.credits_are_unavailable,
            clock,
        )
    }

    /// Returns sentences about a window that does not apply to a session because its responses are free now, such as "You can
    /// continue. Your 5-hour limit is used up until 12:00 (1 h from now), but this session's responses are free for now."
    pub(crate) fn sentences_if_free(self, clock: Clock) -> String {
        let name = self.window.limit();
        let until = clock.format_deadline(self.resets_at);
        format!(
            "You can continue. Your {name} is used up until {until}, but this session's responses are free for now."
        )
    }
}

/// The responses in a period that appear to have been paid for with usage credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paid {
    pub(crate) payments: EstimatedPayments,
    /// The reset of the full window. Until then, credits may pay for the session's further responses. `None` if no window
    /// is full, if the server's reason shows that credits do not pay, or if the session's responses are free.
    pub(crate) goes_on_until: Option<DateTime<Utc>>,
}

/// An estimate of the amount that usage credits have paid in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EstimatedPayments {
    /// The cost, at list price, of the responses that arrived while a usage window was full.
    pub(crate) cost: Money,
    /// The server's reason for not accepting credits now.
    refusal: Option<Refusal>,
}

/// A reason of the server for not accepting usage credits now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// Credits are turned off. They may have paid earlier, or never.
    TurnedOff,
    /// Credits are used up, or the monthly cap on them has been reached.
    UsedUp,
}

impl EstimatedPayments {
    /// Returns the cost if credits have paid it, as far as is known, or `None` if they may never have been turned on.
    pub(crate) fn probable(self) -> Option<Money> {
        (self.refusal != Some(Refusal::TurnedOff)).then_some(self.cost)
    }

    /// Returns the cost if credits may have paid it before they were turned off, or `None` if they are not turned off.
    pub(crate) fn possible(self) -> Option<Money> {
        (self.refusal == Some(Refusal::TurnedOff)).then_some(self.cost)
    }

    /// Returns the note that `now` adds to today's spend, or `None` if no response arrived while a window was full.
    pub(crate) fn note_for_today(self) -> Option<String> {
        let cost = self.cost.show();
        let note = match self.refusal {
            None => format!("usage credits have paid ≈{cost} of it (estimated)"),
            Some(Refusal::TurnedOff) => format!(
                "usage credits may have paid ≈{cost} of it (estimated); they are turned off now"
            ),
            Some(Refusal::UsedUp) => format!(
                "usage credits have paid ≈{cost} of it (estimated); they are not paying now"
            ),
        };
        (self.cost > Money::ZERO).then_some(note)
    }
}

/// A period in which a usage window was full.
#[derive(Debug)]
struct FullPeriod {
    window: Window,
    /// Starts when the window filled up and ends at its reset, which may be in the future.
    time: Range<DateTime<Utc>>,
}

/// Infers which responses were paid for with usage credits.
#[derive(Debug)]
pub(crate) struct CreditsUse<'a> {
    pub(super) readings: WindowReadings<'a>,
    pub(super) transcripts: &'a SessionTranscripts<'a>,
    pub(super) starts: SessionStarts<'a>,
    pub(super) sessions: Cache<String, Rc<SessionRecord>>,
}

/// The facts about the payers of a session. They are read only once, because a session may have thousands of responses.
#[derive(Debug)]
pub(super) struct SessionRecord {
    /// The account that the transcript names. It is read when it is first needed.
    owner: OnceCell<Option<Owner>>,
    /// The end of the transcript, which shows whether the account has changed. It is read when it is first needed.
    tail: OnceCell<Option<Rc<Tail>>>,
    /// The starts of the session, newest first.
    starts: Vec<SessionStart>,
}

impl CreditsUse<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.readings.environment.now
    }

    /// Returns the same data, but with the starts of sessions from this part of the journal.
    pub(crate) fn with_starts_in<'j>(&'j self, journal: &'j Journal) -> CreditsUse<'j> {
        CreditsUse {
            starts: SessionStarts::new(journal),
            sessions: Cache::default(),
            ..*self
        }
    }

    /// Returns the facts about the payers of a session.
    pub(super) fn record_of(&self, session: &str) -> Rc<SessionRecord> {
        self.sessions.get_or_compute(session, || {
            Rc::new(SessionRecord {
                owner: OnceCell::new(),
                tail: OnceCell::new(),
                starts: self.starts.of(session),
            })
        })
    }

    /// Returns the account that a session's transcript named at the time of a response or, if it did not name one yet, the
    /// account that it names now.
    fn owner_at<'r>(
        &self,
        session: &str,
        response_at: DateTime<Utc>,
        record: &'r SessionRecord,
    ) -> Option<&'r Owner> {
        let tail = record.tail.get_or_init(|| {
            let path = self.transcripts.path_of(session)?;
            self.transcripts.tail(&path)
        });
        let owner_then = tail.as_ref().and_then(|tail| tail.owner_at(response_at));
        owner_then.or_else(|| {
            record
                .owner
                .get_or_init(|| self.transcripts.owner_of(session))
                .as_ref()
        })
    }

    /// Returns true if a session belonged to the account with this fingerprint at the given time. Returns `None` if the
    /// session's transcript does not record an owner. Old versions do not record one, and neither do sessions that are
    /// paid for through an API key, a cloud provider, or a gateway.
    ///
    /// `processes` are those that have reported the account's usage windows in this session. An unknown process is
    /// `None`. If such a process has a key, the user has declined it.
    pub(crate) fn belonged_to(
        &self,
        session: &str,
        moment: DateTime<Utc>,
        account: Option<&str>,
        processes: &[Option<&str>],
    ) -> Option<bool> {
        if self.has_other_payer(session, moment, processes) {
            return Some(false);
        }
        let record = self.record_of(session);
        let owner = self.owner_at(session, moment, &record)?;
        if let Some(login) = self.readings.login.account()
            && login.owner.fingerprint.as_deref() == account
        {
            return Some(owner.is_same_as(&login.owner) != Some(false));
        }
        // A fingerprint of a single ID cannot be compared with a fingerprint of both IDs.
        let has_both_ids = owner.account.is_some() && owner.organization.is_some();
        Some(!has_both_ids || account.is_none() || owner.fingerprint.as_deref() == account)
    }

    /// Returns true if a key or a cloud provider paid for a session at the given time, although the session may have
    /// belonged to an account before. `processes` are those of [`Self::belonged_to`].
    pub(crate) fn has_other_payer(
        &self,
        session: &str,
        moment: DateTime<Utc>,
        processes: &[Option<&str>],
    ) -> bool {
        let record = self.record_of(session);
        let Some(start) = start_at(&record.starts, moment) else {
            return false;
        };
        if start.substitutes().next().is_none() {
            return false;
        }
        let is_replaced = match self.transcripts.owner_at(session, moment) {
            Some(_) => is_owner_replaced(&record.starts, moment),
            None => {
                start.substitutes().any(Credential::outranks_login)
                    && !processes
                        .iter()
                        .any(|process| start.may_have_process(*process))
            }
        };
        is_replaced || start.substitutes().any(Credential::selects_cloud_provider)
    }

    /// Returns true if a session is paid for through an API key, a cloud provider, or a gateway instead of an account.
    /// See [`SessionTranscripts::is_without_account`].
    pub(crate) fn is_without_account(&self, session: &str) -> bool {
        self.transcripts.is_without_account(session)
    }

    /// Returns the responses currently being paid for with usage credits because a window is full. Returns `None` if no
    /// window is full or the server does not accept credits. Also returns `None` if a limit has stopped the account or a
    /// session has started to continue for free since the last of these responses.
    pub(super) fn paying(
        &self,
        stored: StoredErrors<'_>,
        collector: &EvidenceCollector<'_>,
        costs: &CostsOf<'_>,
    ) -> Option<Paying> {
        let newest = self
            .readings
            .newest_of_logged_in(MeasuredService::Plan)?
            .sample;
        if self.readings.login.no_credits_reason().is_some() || !newest.has_full_window() {
            return None;
        }
        let readings: Vec<_> =
            readings::of_account(self.readings.journal, newest.account.as_deref()).collect();
        let errors = stored.list(None);
        let refusals = refusals_of(&newest, &errors);
        let full = self.current_full_period(&newest, &readings, &refusals)?;
        let Range { start, end } = full.time;
        let window = full.window;
        let costs_beyond = self.costs_beyond(start, &[full], &readings, costs)?;
        let first = costs_beyond.iter().map(|(at, _)| *at).min()?;
        let last = costs_beyond.iter().map(|(at, _)| *at).max()?;

        let is_refused = errors
            .into_iter()
            .filter(|error| {
                error.at > datetime_from_millis(last)
                    && !collector.may_differ_from_login(error)
                    && !error.payer.is_without_account()
                    && newest.is_of(error.payer.account.as_ref()) != Some(false)
            })
            .any(|error| {
                let incident = collector.explain_with(collector.bare_evidence(error));
                incident.diagnosis.is_limit()
            });
        let sessions: HashSet<&str> = readings
            .iter()
            .filter(|reading| reading.sample.measured >= start)
            .map(|reading| reading.session.as_str())
            .collect();
        let is_free = sessions
            .into_iter()
            .flat_map(|session| self.free_periods_of(session).to_vec())
            .any(|free| free.start > datetime_from_millis(last));
        if is_refused || is_free {
            return None;
        }
        Some(Paying {
            since: DateTime::from_timestamp_millis(first)?,
            cost: costs_beyond.into_iter().map(|(_, cost)| cost).sum(),
            window,
            until: end,
        })
    }

    /// Adds up the cost of the responses that the login's account received while a window was full, starting at
    /// `since`, and determines how long credits may pay for further responses in `session`. Returns `None` if there are
    /// no readings of the account, if the ledger cannot be read, or if the user has probably never been able to use
    /// credits. If credits have been turned off, they may have paid earlier, so these costs are still returned.
    pub(crate) fn paid_since(
        &self,
        since: DateTime<Utc>,
        session: Option<&str>,
        costs: &CostsOf<'_>,
    ) -> Option<Paid> {
        let newest = self
            .readings
            .newest_of_logged_in(MeasuredService::Plan)?
            .sample;
        let no_credits_reason = self.readings.login.no_credits_reason();
        if no_credits_reason
            .is_some_and(|reason| rules_out_payments(reason) && !TURNED_OFF.contains(&reason))
        {
            return None;
        }
        // A window that was full at `since` may have filled up earlier.
        let journal = Journal::between(self.readings.paths, since - USEFUL_FOR, self.now());
        let readings: Vec<_> = readings::of_account(&journal, newest.account.as_deref()).collect();
        let errors = StoredErrors::new(self.readings.paths, self.now(), &journal).list(None);
        let refusals = refusals_of(&newest, &errors);
        let full_periods: Vec<FullPeriod> = [Window::FiveHour, Window::Weekly]
            .into_iter()
            .flat_map(|window| full_periods(&readings, &refusals, window))
            .collect();
        let costs_beyond =
            self.with_starts_in(&journal)
                .costs_beyond(since, &full_periods, &readings, costs)?;
        let refusal = match no_credits_reason {
            Some(reason) if rules_out_payments(reason) => Some(Refusal::TurnedOff),
            Some(reason) if rules_out_further_payments(reason) => Some(Refusal::UsedUp),
            Some(_) | None => None,
        };
        Some(Paid {
            payments: EstimatedPayments {
                cost: costs_beyond.into_iter().map(|(_, cost)| cost).sum(),
                refusal,
            },
            goes_on_until: if refusal.is_some() {
                None
            } else {
                let now = self.now();
                full_periods
                    .iter()
                    .filter(|full| full.time.contains(&now))
                    .filter(|full| !session.is_some_and(|session| self.is_free(session, now, full)))
                    .map(|full| full.time.end)
                    .max()
            },
        })
    }

    /// Returns the cost of each response that an account received while one of its windows was full, except for those
    /// that were free according to the transcript. A session whose transcript does not record an owner may be paid for by a
    /// different account, so its responses are included only if it reported this account's windows.
    fn costs_beyond(
        &self,
        since: DateTime<Utc>,
        full_periods: &[FullPeriod],
        readings: &[Reading],
        costs: &CostsOf<'_>,
    ) -> Option<ResponseCosts> {
        let account = readings.first()?.sample.account.as_deref();
        let mut processes_by_session: HashMap<&str, Vec<Option<&str>>> = HashMap::new();
        for reading in readings {
            let processes = processes_by_session.entry(&reading.session).or_default();
            let process = reading.sample.process.as_deref();
            if !processes.contains(&process) {
                processes.push(process);
            }
        }
        costs(since, &|session, millis| {
            let at = datetime_from_millis(millis);
            let requested_before = datetime_from_millis(millis - 1);
            let processes = processes_by_session
                .get(session)
                .map(Vec::as_slice)
                .unwrap_or_default();
            full_periods.iter().any(|full| {
                full.time.contains(&requested_before) && !self.is_free(session, at, full)
            }) && self
                .belonged_to(session, at, account, processes)
                .unwrap_or(!processes.is_empty())
        })
    }

    /// Returns true if a transcript says that the session's responses at the given time were free although the window was
    /// full.
    fn is_free(&self, session: &str, at: DateTime<Utc>, full: &FullPeriod) -> bool {
        self.free_periods_of(session)
            .iter()
            .any(|free| free.is_beyond(full.window, full.time.end, at))
    }

    /// Returns the window that is full according to the newest reading of the logged-in account, so that a response may be
    /// refused or cost extra. If several windows are full, this is the one that resets last, even if this reset has passed.
    /// Windows for a single model are ignored, and so is the 5-hour window while the responses of `session` are free. Without a
    /// session, this is about new sessions, whose responses are not free. Returns `None` if no window is full.
    pub(crate) fn full_window(&self, session: Option<&str>) -> Option<FullWindow> {
        let free_periods = session.map(|session| self.free_periods_of(session));
        let free_periods = free_periods.as_deref().unwrap_or_default();
        let now = self.now();
        self.readings
            .newest_of_logged_in(MeasuredService::Plan)?
            .sample
            .windows()
            .filter(|(window, usage)| !window.is_of_one_model() && usage.is_used_up())
            .filter_map(|(window, usage)| {
                let resets_at = usage.resets_at?;
                Some(FullWindow {
                    window,
                    resets_at,
                    credits_are_unavailable: are_unavailable(self.readings.login),
                })
            })
            .filter(|full| {
                !free_periods
                    .iter()
                    .any(|free| free.is_beyond(full.window, full.resets_at, now))
            })
            .max_by_key(|full| full.resets_at)
    }

    /// Returns the session that has reported the usage of the logged-in account's plan last, or `None` if there is none.
    pub(crate) fn newest_session(&self) -> Option<String> {
        let newest = self.readings.newest_of_logged_in(MeasuredService::Plan)?;
        Some(newest.session.clone())
    }

    /// Returns the 5-hour window of the logged-in account if it is full but the responses of `session` are free now.
    /// Returns `None` if another window of the plan is full, because it applies to these responses too.
    pub(crate) fn free_window(&self, session: &str) -> Option<FullWindow> {
        if self.full_window(Some(session)).is_some() {
            return None;
        }
        let now = self.now();
        let newest = self
            .readings
            .newest_of_logged_in(MeasuredService::Plan)?
            .sample;
        let usage = newest.usage(Window::FiveHour)?;
        let resets_at = usage.resets_at.filter(|_| usage.is_used_up())?;
        self.free_periods_of(session)
            .iter()
            .any(|free| free.is_beyond(Window::FiveHour, resets_at, now))
            .then_some(FullWindow {
                window: Window::FiveHour,
                resets_at,
                credits_are_unavailable: are_unavailable(self.readings.login),
            })
    }

    /// Returns the periods in which a session's responses were free.
    fn free_periods_of(&self, session: &str) -> Rc<[FreePeriod]> {
        match self.transcripts.path_of(session) {
            Some(path) => self.transcripts.free_periods(&path),
            None => Rc::new([]),
        }
    }

    /// Returns the current period in which a window of the login is full, or `None` if no window is full now.
    fn current_full_period(
        &self,
        newest: &Sample,
        readings: &[Reading],
        refusals: &[RefusedWindow],
    ) -> Option<FullPeriod> {
        [Window::Weekly, Window::FiveHour]
            .into_iter()
            .filter(|window| {
                newest
                    .usage(*window)
                    .is_some_and(|usage| usage.is_used_up())
            })
            .filter_map(|window| full_periods(readings, refusals, window).pop())
            .find(|full| full.time.contains(&self.now()))
    }
}

/// Returns the refusals of requests of an account for which the server blamed a usage window. `newest` is the account's newest
/// reading.
fn refusals_of(newest: &Sample, errors: &[StoredError]) -> Vec<RefusedWindow> {
    errors
        .iter()
        .filter(|error| {
            newest.is_of(error.account()) == Some(true) && !error.payer.is_without_account()
        })
        .filter_map(|error| {
            let quota = error.quota()?;
            Some(RefusedWindow {
                window: LimitKind::of_quota(quota)?.window()?,
                at: error.at,
                resets_at: quota.resets_at?,
                is_unconfirmed: false,
            })
        })
        .collect()
}

/// Returns the start of a period in which a window was full. `first_full` is the first reading of the full window. If the
/// server had already refused a request because of this window, the period starts with that refusal. The refusal of a
/// `claude -p` run or a subagent comes with no reading. It does not count if a reading from shortly before the refusal shows ample
/// room, because it was then probably a false alarm, or if a reading from after it shows any room.
fn start_of_full_period(
    samples: &[&Sample],
    refusals: &[RefusedWindow],
    window: Window,
    first_full: &Sample,
    reset: DateTime<Utc>,
) -> DateTime<Utc> {
    refusals
        .iter()
        .filter(|refusal| {
            refusal.window == window
                && refusal.at < first_full.since
                && is_same_reset(refusal.resets_at, reset)
                && !samples.iter().any(|sample| {
                    let full_from = if sample.measured > refusal.at {
                        USED_UP
                    } else {
                        RESET_BELOW
                    };
                    sample.measured >= refusal.at - FRESH_FOR
                        && sample.measured < first_full.measured
                        && is_below(full_from, sample, window, reset)
                })
        })
        .map(|refusal| refusal.at)
        .min()
        .unwrap_or(first_full.since)
}

/// Returns true if a reading shows that the usage of a window with this reset was below a percentage.
fn is_below(percent: f64, sample: &Sample, window: Window, reset: DateTime<Utc>) -> bool {
    let Some(usage) = sample.usage(window) else {
        return false;
    };
    usage.used_percent < percent
        && usage
            .resets_at
            .is_some_and(|resets_at| is_same_reset(resets_at, reset))
}

/// Returns the periods in which a window was full, oldest first. `refusals` are those of the same account.
fn full_periods(
    readings: &[Reading],
    refusals: &[RefusedWindow],
    window: Window,
) -> Vec<FullPeriod> {
    let mut samples: Vec<&Sample> = readings.iter().map(|reading| &reading.sample).collect();
    // An idle session keeps reporting old figures, so the samples are sorted by the time at which they were measured.
    samples.sort_by_key(|sample| sample.measured);

    let mut times: Vec<FullPeriod> = Vec::new();
    let mut full: Option<WindowUsage> = None;
    for sample in &samples {
        let Some(usage) = sample.usage(window) else {
            continue;
        };
        let is_same_time =
            full.is_some_and(|full| usage.is_used_up() && full.has_same_reset(&usage));
        if is_same_time {
            continue;
        }
        if full.is_some()
            && let Some(last) = times.last_mut()
        {
            // The response that provided these figures arrived shortly before they were reported.
            last.time.end = last.time.end.min(sample.since - REPORTED_WITHIN);
        }
        full = None;
        if usage.is_used_up() {
            full = Some(usage);
            times.extend(usage.resets_at.map(|reset| FullPeriod {
                window,
                time: start_of_full_period(&samples, refusals, window, sample, reset)..reset,
            }));
        }
    }
    times
}
