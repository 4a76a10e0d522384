//! Measures how often and for how long limits stopped work.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;

use chrono::{DateTime, Datelike, NaiveDate, SubsecRound, TimeDelta, Utc};
use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::decide::{Ending, State};
use super::incident::Incident;
use super::kind::{
    Affects, CountedPeriod, Description, LONGEST_LIMIT, LimitKind, LimitedResource, Verdict,
};
use crate::render::merge_objects;
use crate::terminal::count_noun;
use crate::time::{Clock, Zone, format_duration, format_rfc3339, monday_of};

/// The maximum number of weeks to list individually. Longer periods are broken down by month.
const MAX_WEEKS: i64 = 13;

/// The longest time that a limit is assumed to last after a refusal that followed its reset. Clocks rarely differ by
/// more, so a much later response shows only when the user returned.
const LASTS_AFTER_LATE_REFUSAL: TimeDelta = TimeDelta::minutes(5);

/// The end of a stop, which may be unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopEnd {
    /// The stop ended with the first successful response or with the reset, whichever came first. If a refusal followed
    /// the reset, the stop ended at most five minutes after the last one. If the error ended a headless run and
    /// blocked nothing else, the stop ended at the time of the error.
    Until(DateTime<Utc>),
    /// Work is still stopped because the reset is in the future.
    StillStopped,
    /// Work may still be stopped, but the reset time is unknown.
    MaybeStillStopped,
    /// Work has resumed at an unknown time.
    Unknown,
}

impl StopEnd {
    /// Returns the time at which the stop ended, or `now` if work is still stopped. Returns `None` if the end is
    /// unknown.
    pub(crate) fn end_or_now(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Until(end) => Some(end),
            Self::StillStopped => Some(now),
            Self::MaybeStillStopped | Self::Unknown => None,
        }
    }
}

impl Incident {
    /// Returns the end of the stop, or `None` if the error did not stop any work.
    pub fn stop_end(&self, now: DateTime<Utc>) -> Option<StopEnd> {
        if self.is_notice() {
            return None;
        }
        let collected = &self.evidence.collected;
        let later_response = self.evidence.error.later_response.as_ref();
        let next_limit_at = match later_response {
            Some(_) => None,
            None => collected.hit_again.map(|next| next.at),
        };
        let response_at = [
            later_response.and_then(|response| response.at),
            collected.resumed_at,
            next_limit_at,
            // The explanation says that work could resume at this time.
            self.diagnosis.proven_end.map(|end| end.at),
        ]
        .into_iter()
        .flatten()
        .min();

        // The reset does not show when work resumed if a response arrived at an unknown time, if the window was reset
        // early, or if the error was probably a false alarm.
        // Nothing shows that a session that has been switched to another model has continued.
        let is_switched = self.diagnosis.state == State::Over(Ending::ModelSwitched);
        let is_reset_decisive = (self.is_open() || is_switched)
            && !self.is_false_alarm()
            && self.diagnosis.state != State::Over(Ending::ResetEarly);
        let reset = self.diagnosis.resets.chosen;
        let refused_at = reset.and_then(|reset| self.evidence.refused_after_reset(reset.at));
        let assumed_end = match (refused_at, reset) {
            (Some(refused_at), _) if response_at.is_some() => {
                Some(refused_at + LASTS_AFTER_LATE_REFUSAL)
            }
            (None, Some(reset)) if response_at.is_some() || is_reset_decisive => Some(reset.at),
            (Some(_) | None, _) => None,
        };

        let error_at = self.evidence.at();
        if response_at.is_none() && self.only_ended_its_run() {
            return Some(StopEnd::Until(error_at));
        }
        let may_still_block =
            self.blocks().is_some() || self.still_blocks_only_its_session() || is_switched;
        let continued_at = collected
            .continued_with_other_kind_of_payer_at
            .filter(|_| !may_still_block);
        let longest = self.longest_duration();
        let known_end = response_at.into_iter().chain(assumed_end).min();
        Some(match known_end.or(continued_at) {
            None if may_still_block => StopEnd::MaybeStillStopped,
            Some(end) if end > now => StopEnd::StillStopped,
            Some(end) if end > error_at && end - error_at <= longest => StopEnd::Until(end),
            Some(_) | None => StopEnd::Unknown,
        })
    }
}

/// Returns the period for which usage counted toward the limit when the error occurred. Returns `None` for limits that
/// do not accumulate usage, such as throttles.
pub fn counted_over(incident: &Incident, zone: Zone) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let at = incident.evidence.at();
    let since = match incident.diagnosis.limit.description().counts_spend_of? {
        CountedPeriod::Window(window) => match incident.diagnosis.resets.chosen {
            Some(reset) if reset.at - window.length() <= at => reset.at - window.length(),
            // Without a suitable reset time, assume the earliest possible start of the window.
            Some(_) | None => at - window.length(),
        },
        CountedPeriod::Month => zone.month_bounds(at).0,
    };
    Some((since, at))
}

/// Totals for a set of errors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ErrorTotals {
    /// The number of errors that stopped work.
    pub errors: u64,
    /// The number of stops. Repeated attempts count as a single stop, as do several sessions that reach the same limit.
    pub stops: u64,
    /// The number of stops that were probably false alarms.
    pub false_likely: u64,
    /// The number of stops caused by an outage, a throttle, or a setting rather than by one of the user's limits.
    pub not_a_limit: u64,
    /// The number of stops that have not ended yet.
    pub still_blocked: u64,
    /// The number of stops that ended at an unknown time. Blocked time does not include them.
    pub unknown_end: u64,
    /// The number of stops that may still be active but have no known reset time. Blocked time includes them only up to
    /// the last attempt.
    #[serde(skip)]
    pub still_blocked_uncounted: u64,
    /// The number of stops with an unknown end, whether or not they are over.
    #[serde(skip)]
    pub without_end: u64,
    /// The number of errors whose entire blocked time is attributed to other errors.
    #[serde(skip)]
    pub overlapped: u64,
    /// The total time for which work was blocked. If several limits block an account at the same time, the overlap is
    /// attributed to the limit that was reached first.
    #[serde(rename = "blocked_s", serialize_with = "seconds")]
    pub blocked: TimeDelta,
}

impl ErrorTotals {
    /// Formats the blocked time, such as "2 h 10 m". If it is zero, returns a word that says why, or "-" if nothing was
    /// blocked.
    pub fn blocked_in_words(&self) -> String {
        if !self.blocked.is_zero() {
            format_duration(self.blocked)
        } else if self.is_counted_elsewhere() {
            "overlap".to_owned()
        } else if self.unknown_end > 0 || self.still_blocked > 0 {
            "unknown".to_owned()
        } else {
            "-".to_owned()
        }
    }

    /// Returns true if all of the blocked time is attributed to limits that were reached earlier.
    fn is_counted_elsewhere(&self) -> bool {
        self.blocked.is_zero() && self.overlapped > 0 && self.without_end == 0
    }
}

impl AddAssign for ErrorTotals {
    fn add_assign(&mut self, other: Self) {
        self.errors += other.errors;
        self.stops += other.stops;
        self.false_likely += other.false_likely;
        self.not_a_limit += other.not_a_limit;
        self.still_blocked += other.still_blocked;
        self.still_blocked_uncounted += other.still_blocked_uncounted;
        self.unknown_end += other.unknown_end;
        self.without_end += other.without_end;
        self.overlapped += other.overlapped;
        self.blocked += other.blocked;
    }
}

/// The totals of one error, with its time and its limit. Summaries group the totals by time and by limit.
#[derive(Debug)]
pub(crate) struct DatedTotals {
    /// The time of the error.
    pub(crate) at: DateTime<Utc>,
    /// The JSON name of the limit.
    pub(crate) limit: String,
    pub(crate) totals: ErrorTotals,
}

/// Error totals: overall, by limit, and by period.
#[derive(Debug, Clone, Default)]
pub struct ErrorSummary {
    /// The totals across all errors.
    pub total: ErrorTotals,
    /// The time of the first error.
    pub since: Option<DateTime<Utc>>,
    /// The totals by limit, keyed by JSON name and sorted by blocked time in descending order.
    pub by_limit: IndexMap<String, ErrorTotals>,
    /// The totals by period, oldest first. The key is the first day of the week or month. A stop counts toward the
    /// period in which it began, but its blocked time is split across all periods that it spans.
    pub by_period: BTreeMap<NaiveDate, ErrorTotals>,
    /// True if `by_period` is grouped by month instead of by week.
    pub by_month: bool,
}

impl ErrorSummary {
    /// Computes the totals of errors, given from oldest to newest.
    pub fn of(errors: &[CountedError<'_>], zone: Zone) -> Self {
        let errors = errors
            .iter()
            .map(|counted| DatedTotals {
                at: counted.incident.evidence.at(),
                limit: counted.incident.diagnosis.limit.to_string(),
                totals: counted.totals,
            })
            .collect();
        Self::sum(errors, zone)
    }

    /// Adds up the totals of errors, given from oldest to newest.
    pub(crate) fn sum(errors: Vec<DatedTotals>, zone: Zone) -> Self {
        let first = errors.first().map(|error| error.at);
        let last = errors.last().map(|error| error.at);
        let by_month = match (first, last) {
            (Some(first), Some(last)) => {
                zone.day(last) - zone.day(first) > TimeDelta::weeks(MAX_WEEKS)
            }
            (None, _) | (_, None) => false,
        };
        let mut sums = Self {
            since: first,
            by_month,
            ..Self::default()
        };
        for DatedTotals { at, limit, totals } in errors {
            sums.total += totals;
            *sums.by_limit.entry(limit).or_default() += totals;
            for (day, blocked) in blocked_by_day(at, totals.blocked, zone) {
                let period = start_of_period(day, by_month);
                sums.by_period.entry(period).or_default().blocked += blocked;
            }
            let period = start_of_period(zone.day(at), by_month);
            *sums.by_period.entry(period).or_default() += ErrorTotals {
                blocked: TimeDelta::zero(),
                ..totals
            };
        }
        sums.by_limit
            .sort_by_cached_key(|_, totals| Reverse((totals.blocked, totals.errors)));
        sums
    }

    /// Summarizes the totals, such as "Errors have stopped your work 12 times since Mon Oct 5, for a total of 1 d 7 h. Of
    /// these errors, 9 were about your limits, and 3 were probably false alarms." Returns `None` if there are no errors.
    pub fn sentence(&self, clock: Clock) -> Option<String> {
        let total = &self.total;
        let since = clock.zone.day(self.since?);
        let date_format = if since.year() == clock.zone.day(clock.now).year() {
            "%a %b %-d"
        } else {
            "%a %b %-d, %Y"
        };
        let are_limits = total.not_a_limit == 0 && total.false_likely == 0;
        let subject = if are_limits { "Limits" } else { "Errors" };
        let times = match total.stops {
            1 => "once".to_owned(),
            2 => "twice".to_owned(),
            stops => format!("{stops} times"),
        };
        let blocked = if total.blocked.is_zero() {
            String::new()
        } else {
            format!(", for a total of {}", format_duration(total.blocked))
        };
        let kinds = if are_limits {
            String::new()
        } else {
            self.kinds_sentence()
        };
        Some(format!(
            "{subject} have stopped your work {times} since {}{blocked}.{kinds}",
            since.format(date_format)
        ))
    }

    /// Returns a sentence that says how many of the errors were about limits. The sentence begins with a space.
    fn kinds_sentence(&self) -> String {
        let total = &self.total;
        let about_limits = total
            .stops
            .saturating_sub(total.false_likely + total.not_a_limit);
        let false_alarms = match total.false_likely {
            1 => "probably a false alarm",
            _ => "probably false alarms",
        };
        let counted = [
            (about_limits, "about your limits"),
            (total.false_likely, false_alarms),
            (total.not_a_limit, "not about your limits"),
        ];
        let kinds: Vec<(u64, &str)> = counted
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .collect();
        match kinds[..] {
            [(1, kind)] => format!(" The error was {kind}."),
            [(_, kind)] => format!(" The errors were {kind}."),
            _ => {
                let parts: Vec<String> = kinds
                    .iter()
                    .map(|(count, kind)| {
                        let were = if *count == 1 { "was" } else { "were" };
                        format!("{count} {were} {kind}")
                    })
                    .collect();
                let (last, before) = parts
                    .split_last()
                    .map_or(("", &parts[..]), |(last, before)| (last.as_str(), before));
                format!(" Of these errors, {}, and {last}.", before.join(", "))
            }
        }
    }

    /// Returns the label of a week or month. Weeks are labeled with their first day.
    pub fn period(&self, first: NaiveDate) -> String {
        let pattern = if self.by_month { "%Y-%m" } else { "%Y-%m-%d" };
        first.format(pattern).to_string()
    }

    /// Returns notes on how blocked time is measured and what it does not include.
    pub(crate) fn notes(&self) -> Vec<String> {
        let total = &self.total;
        let mut notes = Vec::new();
        if total.stops < total.errors {
            notes.push(
                "Errors of the same limit that overlap in time count as one stop.".to_owned(),
            );
        }
        if !total.blocked.is_zero() {
            notes.push("Blocked time runs from an error to the next response in any session with the same account or key, or to the reset, whichever comes first. Nights are included. Time when several limits block you at once is counted only once.".to_owned());
        }
        if self
            .by_limit
            .values()
            .any(ErrorTotals::is_counted_elsewhere)
        {
            notes.push(
                "\"overlap\": all of the time is already counted for a limit that was reached earlier."
                    .to_owned(),
            );
        }
        if total.still_blocked > 0 {
            notes.push(note_on_active_stops(total));
        }
        if total.unknown_end > 0 {
            let stops = count_noun(total.unknown_end, "stop");
            notes.push(format!(
                "whycap does not know when {stops} ended, so the time is not included."
            ));
        }
        notes
    }

    /// Returns the totals as JSON.
    pub fn json(&self) -> Value {
        let by_limit: Vec<Value> = self
            .by_limit
            .iter()
            .map(|(limit, totals)| merge_objects([json!({ "limit": limit }), json!(totals)]))
            .collect();
        let by_period: Vec<Value> = self
            .by_period
            .iter()
            .map(|(day, totals)| merge_objects([json!({ "from": day }), json!(totals)]))
            .collect();
        let more = json!({
            "since": self.since.map(format_rfc3339),
            "by_limit": by_limit,
            "period": if self.by_month { "month" } else { "week" },
            "by_period": by_period,
        });
        merge_objects([json!(self.total), more])
    }
}

/// Returns a note on the stops that have not ended yet. The note says whether blocked time includes them.
fn note_on_active_stops(total: &ErrorTotals) -> String {
    let stops = count_noun(total.still_blocked, "stop");
    let (are, their, after_last_error, they_end) = match total.still_blocked {
        1 => ("is", "Its", "after its last error", "it ends"),
        _ => ("are", "Their", "after their last errors", "they end"),
    };
    let counted = total
        .still_blocked
        .saturating_sub(total.still_blocked_uncounted);
    match (counted, total.still_blocked_uncounted) {
        (_, 0) => format!(
            "{stops} {are} still blocking work. {their} blocked time up to now is included in the totals."
        ),
        (0, _) => format!(
            "{stops} {are} still blocking work. {their} blocked time {after_last_error} is not included in the totals, because whycap does not know when {they_end}."
        ),
        (counted, uncounted) => {
            let others = match uncounted {
                1 => {
                    "the other one after its last error, because whycap does not know when it ends"
                        .to_owned()
                }
                more => format!(
                    "the other {more} after their last errors, because whycap does not know when they end"
                ),
            };
            format!(
                "{stops} {are} still blocking work. The totals include the blocked time of {counted} of them up to now, but not that of {others}."
            )
        }
    }
}

/// Returns true if an error with this verdict was caused by an outage, a throttle, or a setting. Errors about a key
/// that was used by mistake also count, because the limits of that key are not the user's own.
pub(crate) fn is_not_a_limit(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::NotALimit | Verdict::WrongCredential)
}

fn seconds<S: Serializer>(blocked: &TimeDelta, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_i64(blocked.num_seconds())
}

/// Returns the first day of the week or month that contains the given day.
fn start_of_period(day: NaiveDate, by_month: bool) -> NaiveDate {
    match day.with_day(1) {
        Some(first) if by_month => first,
        Some(_) | None => monday_of(day),
    }
}

/// Splits a time span at midnight. Returns each day with the portion of the span that falls on it.
fn blocked_by_day(from: DateTime<Utc>, span: TimeDelta, zone: Zone) -> Vec<(NaiveDate, TimeDelta)> {
    let until = from + span.clamp(TimeDelta::zero(), LONGEST_LIMIT);
    std::iter::successors(Some(from), |at| Some(zone.day_bounds(*at).1))
        .take_while(|at| *at < until)
        .map(|at| (zone.day(at), zone.day_bounds(at).1.min(until) - at))
        .collect()
}

/// Identifies a stop. Errors with equal keys belong to one stop if each occurs before the previous one ends.
#[derive(Debug, PartialEq, Eq, Hash)]
struct StopKey<'i> {
    account: Option<&'i str>,
    limit: LimitKind,
    /// The session, if the error affects only that session.
    session: Option<&'i str>,
    /// True if the error was probably a false alarm. A false alarm counts as a separate stop, even during a real stop.
    is_false: bool,
}

impl<'i> StopKey<'i> {
    fn new(incident: &'i Incident) -> Self {
        let limit = incident.diagnosis.limit;
        let Description {
            resource, affects, ..
        } = limit.description();
        let concerns_one_session = resource == LimitedResource::Nothing
            && matches!(affects, Affects::Session | Affects::Unknown);
        let session = incident.evidence.error.session.id.as_deref();
        Self {
            account: account_of(incident),
            limit,
            session: session.filter(|_| concerns_one_session),
            is_false: incident.is_false_alarm(),
        }
    }
}

fn account_of(incident: &Incident) -> Option<&str> {
    let account = incident.evidence.error.account()?;
    account.owner.fingerprint.as_deref()
}

/// An error that stopped work, along with its contribution to the totals.
#[derive(Debug)]
pub struct CountedError<'i> {
    /// The error.
    pub incident: &'i Incident,
    /// The end of the stop in the session of this error.
    pub stop_end: StopEnd,
    /// The error's contribution to the totals.
    pub totals: ErrorTotals,
    /// The number of the stop. Repeated attempts share the same number.
    pub stop: usize,
}

/// The most recent attempt within a stop.
#[derive(Clone, Copy)]
struct LastAttempt<'i> {
    /// The index of the last attempt that was counted, or `None` if none was.
    position: Option<usize>,
    lasts_until: DateTime<Utc>,
    /// The end of the stop. If this attempt does not show when it ended, the end is taken from an earlier attempt.
    ended_at: Option<DateTime<Utc>>,
    /// True if blocked time is counted up to now, because the reset of this attempt or of an earlier one is in the
    /// future.
    counts_up_to_now: bool,
    /// The session that may still be stopped: that of this attempt or of an earlier one.
    stopped_session: Option<&'i str>,
    stop: usize,
}

/// Returns the errors that stopped work, oldest first, along with their contributions to the totals. If `session` is
/// set, only the errors of that session are returned. `incidents` must always contain the errors of all sessions,
/// because a stop can span several sessions.
pub fn count_errors<'i>(
    incidents: impl IntoIterator<Item = &'i Incident>,
    session: Option<&str>,
    clock: Clock,
) -> Vec<CountedError<'i>> {
    let mut errors: Vec<(&Incident, StopEnd)> = incidents
        .into_iter()
        .filter_map(|incident| Some((incident, incident.stop_end(clock.now)?)))
        .collect();
    errors.sort_by_key(|(incident, _)| incident.evidence.at());

    // For each account, the time up to which blocked time has been counted.
    let mut counted_until: HashMap<Option<&str>, DateTime<Utc>> = HashMap::new();
    let mut last_attempts: HashMap<StopKey<'_>, LastAttempt<'_>> = HashMap::new();
    let mut counted: Vec<CountedError<'_>> = Vec::new();
    for (number, (incident, own_end)) in errors.into_iter().enumerate() {
        let at = incident.evidence.at();
        let session_of_error = incident.evidence.error.session.id.as_deref();
        let key = StopKey::new(incident);
        let before = last_attempts
            .get(&key)
            .filter(|attempt| at <= attempt.lasts_until)
            .copied();
        let other_stopped_session = before
            .and_then(|attempt| attempt.position.and(attempt.stopped_session))
            .filter(|stopped| Some(*stopped) != session_of_error);
        let stop_end = match own_end {
            // This session is no longer stopped, but the stop goes on in another session.
            StopEnd::Unknown if other_stopped_session.is_some() => StopEnd::MaybeStillStopped,
            own_end => own_end,
        };
        let end = stop_end.end_or_now(clock.now);
        let stopped_session = match own_end {
            StopEnd::StillStopped | StopEnd::MaybeStillStopped => session_of_error,
            StopEnd::Until(_) | StopEnd::Unknown => other_stopped_session,
        };
        let ended_at = match stop_end {
            StopEnd::Until(end) => Some(end),
            StopEnd::Unknown => before.and_then(|attempt| attempt.ended_at),
            StopEnd::StillStopped | StopEnd::MaybeStillStopped => None,
        };
        let counts_up_to_now = match stop_end {
            StopEnd::StillStopped => true,
            StopEnd::MaybeStillStopped => before.is_some_and(|attempt| attempt.counts_up_to_now),
            StopEnd::Until(_) | StopEnd::Unknown => false,
        };
        let is_counted = incident.is_of(session);
        let counted_position = before.and_then(|attempt| attempt.position);
        let stop = before.map_or(number, |attempt| attempt.stop);
        last_attempts.insert(
            key,
            LastAttempt {
                position: if is_counted {
                    Some(counted.len())
                } else {
                    counted_position
                },
                lasts_until: end.or(ended_at).unwrap_or(at + incident.longest_duration()),
                ended_at,
                counts_up_to_now,
                stopped_session,
                stop,
            },
        );
        if !is_counted {
            continue;
        }
        if let Some(earlier) = counted_position.and_then(|position| counted.get_mut(position)) {
            // The later attempt provides better evidence of when the stop ended.
            earlier.totals.still_blocked = 0;
            earlier.totals.still_blocked_uncounted = 0;
            earlier.totals.unknown_end = 0;
            earlier.totals.without_end = 0;
        }
        let is_new = counted_position.is_none();
        let counted_before = counted_until.entry(account_of(incident)).or_default();
        // Rounding down to whole seconds ensures that the displayed times add up to the total.
        let stopped_since = incident.stopped_since().trunc_subsecs(0);
        let from = stopped_since.max(*counted_before);
        let until = end.map_or(from, |end| end.trunc_subsecs(0));
        *counted_before = until.max(*counted_before);
        let verdict = incident.diagnosis.verdict;
        let totals = ErrorTotals {
            errors: 1,
            stops: is_new.into(),
            false_likely: (is_new && verdict == Verdict::FalseLikely).into(),
            not_a_limit: (is_new && is_not_a_limit(verdict)).into(),
            still_blocked: matches!(stop_end, StopEnd::StillStopped | StopEnd::MaybeStillStopped)
                .into(),
            still_blocked_uncounted: (stop_end == StopEnd::MaybeStillStopped && !counts_up_to_now)
                .into(),
            unknown_end: (stop_end == StopEnd::Unknown && ended_at.is_none()).into(),
            without_end: (end.is_none() && ended_at.is_none()).into(),
            overlapped: (end.is_some() && stopped_since < until && until <= from).into(),
            blocked: (until - from).max(TimeDelta::zero()),
        };
        counted.push(CountedError {
            incident,
            stop_end: own_end,
            totals,
            stop,
        });
    }
    counted
}
