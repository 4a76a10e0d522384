//! What limits cost: how often they stopped the work, and for how long.

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::ending::{LONGEST_LIMIT, PASSING_LASTS};
use super::incident::Incident;
use super::kind::Verdict;
use super::standing::{Ending, Standing};
use crate::terminal::counted;
use crate::time::{Clock, Zone, in_words, monday_of};

/// An error that nobody answered, and whose limit tells no reset, holds for certain no longer than
/// this: somebody may have gone on elsewhere.
const STILL_SURE: TimeDelta = TimeDelta::hours(24);
/// A longer time than this is told by the month.
const MOST_WEEKS: i64 = 13;

/// Until when an error stopped its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Up to the first good answer or to the reset, whichever came first.
    Until(DateTime<Utc>),
    /// It still does.
    Still,
    /// Nobody saw the end.
    Unknown,
}

impl Incident {
    /// Until when it stopped its session. None if it stopped nothing.
    pub fn stopped(&self, now: DateTime<Utc>) -> Option<Stopped> {
        if self.is_news() {
            return None;
        }
        let (at, limit) = (self.evidence.at, self.diagnosis.limit);
        let longest = if limit.is_passing() {
            PASSING_LASTS
        } else {
            LONGEST_LIMIT
        };
        let answer = self.evidence.answered_at;
        let reset = self.resets.chosen.map(|reset| reset.at);
        let is_doubtful = self.diagnosis.verdict == Verdict::FalseLikely;
        let is_reset_early = self.standing == Standing::Over(Ending::ResetEarly);
        let end = match (answer, reset) {
            (Some(answer), Some(reset)) => Some(answer.min(reset)),
            (Some(answer), None) => Some(answer),
            // When it was answered nobody saw, or there may have been no limit to reset.
            (None, _) if !self.is_open() || is_doubtful || is_reset_early => None,
            (None, Some(reset)) => Some(reset),
            (None, None) if now - at <= STILL_SURE.min(longest) => return Some(Stopped::Still),
            (None, None) => None,
        };
        Some(match end {
            Some(end) if end > now => Stopped::Still,
            Some(end) if end > at && end - at <= longest => Stopped::Until(end),
            _ => Stopped::Unknown,
        })
    }
}

/// Where errors were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// On this machine, just now.
    Here,
    /// On several machines, each when it last exported.
    InExports,
}

/// Sums of errors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Toll {
    /// Errors that stopped the work.
    pub errors: u64,
    /// Of these, those that looked false.
    pub likely_false: u64,
    /// Of these, those that still stop it.
    pub still: u64,
    /// Of these, those whose end nobody saw: their time is in no sum.
    pub unknown: u64,
    /// For how long they did. Time in which several sessions of an account were stopped counts
    /// once, for the error that came first.
    pub blocked: TimeDelta,
}

impl Toll {
    fn json(&self) -> Map<String, Value> {
        let fields = json!({
            "errors": self.errors,
            "false_likely": self.likely_false,
            "still_blocked": self.still,
            "unknown_end": self.unknown,
            "blocked_s": self.blocked.num_seconds(),
        });
        match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    /// "2 h 10 m", "-" for nothing.
    pub fn blocked_in_words(&self) -> String {
        if self.blocked.is_zero() {
            "-".to_owned()
        } else {
            in_words(self.blocked)
        }
    }
}

impl AddAssign for Toll {
    fn add_assign(&mut self, other: Self) {
        self.errors += other.errors;
        self.likely_false += other.likely_false;
        self.still += other.still;
        self.unknown += other.unknown;
        // Rows of others may hold any figure.
        let blocked = self.blocked.checked_add(&other.blocked);
        self.blocked = blocked.unwrap_or(TimeDelta::MAX);
    }
}

/// The sums of many errors.
#[derive(Debug, Clone, Default)]
pub struct Tolls {
    /// Of all.
    pub total: Toll,
    /// When the first came.
    pub since: Option<DateTime<Utc>>,
    /// By the limit's name in JSON, the one that stopped the work longest first.
    pub by_limit: Vec<(String, Toll)>,
    /// By the week's Monday or, over a long time, by the month's first day, oldest first. An error
    /// counts where it came.
    pub by_period: Vec<(NaiveDate, Toll)>,
    /// Whether those periods are months.
    pub by_month: bool,
}

impl Tolls {
    /// Adds up errors, whatever their order.
    pub fn of<'i>(incidents: impl IntoIterator<Item = &'i Incident>, clock: Clock) -> Self {
        let tolls = each_toll(incidents, clock).into_iter();
        let tolls = tolls.map(|(incident, _, toll)| {
            let limit = incident.diagnosis.limit.to_string();
            (incident.evidence.at, limit, toll)
        });
        Self::sum(tolls.collect(), clock.zone)
    }

    /// Adds up what errors came to: when each came, which limit it was, and its toll, oldest first.
    pub(crate) fn sum(tolls_of: Vec<(DateTime<Utc>, String, Toll)>, zone: Zone) -> Self {
        let since = tolls_of.first().map(|(at, ..)| *at);
        let span = since.zip(tolls_of.last().map(|(at, ..)| *at));
        let span = span.map(|(first, last)| zone.day(last) - zone.day(first));
        let by_month = span.is_some_and(|span| span > TimeDelta::weeks(MOST_WEEKS));
        let mut tolls = Self {
            since,
            by_month,
            ..Self::default()
        };
        let mut by_period: BTreeMap<NaiveDate, Toll> = BTreeMap::new();
        for (at, limit, toll) in tolls_of {
            tolls.total += toll;
            match tolls.by_limit.iter_mut().find(|(known, _)| *known == limit) {
                Some((_, sum)) => *sum += toll,
                None => tolls.by_limit.push((limit, toll)),
            }
            let day = zone.day(at);
            let period = if by_month { day.with_day(1) } else { None };
            *by_period
                .entry(period.unwrap_or(monday_of(day)))
                .or_default() += toll;
        }
        let by_weight = |(_, toll): &(String, Toll)| (toll.blocked, toll.errors);
        tolls
            .by_limit
            .sort_by_key(|sum| std::cmp::Reverse(by_weight(sum)));
        tolls.by_period = by_period.into_iter().collect();
        tolls
    }

    /// "12 limit errors since Mon 5 Oct, blocked for 1 d 7 h in all. 3 were likely false."
    pub fn sentence(&self, clock: Clock) -> Option<String> {
        let total = &self.total;
        let since = clock.zone.day(self.since?);
        let errors = counted(total.errors, "limit error");
        let since = if since.year() == clock.zone.day(clock.now).year() {
            since.format("%a %-d %b")
        } else {
            since.format("%a %-d %b %Y")
        };
        let blocked = match total.blocked {
            none if none.is_zero() => String::new(),
            some => format!(", blocked for {} in all", in_words(some)),
        };
        let likely_false = match (total.likely_false, total.errors) {
            (0, _) => String::new(),
            (1, 1) => " It was likely false.".to_owned(),
            (1, _) => " 1 was likely false.".to_owned(),
            (many, _) => format!(" {many} were likely false."),
        };
        Some(format!("{errors} since {since}{blocked}.{likely_false}"))
    }

    /// The name of a period: its first day, or its month.
    pub fn period(&self, first: NaiveDate) -> String {
        let pattern = if self.by_month { "%Y-%m" } else { "%Y-%m-%d" };
        first.format(pattern).to_string()
    }

    /// What the hours are, and what is not in them.
    pub(crate) fn notes(&self, seen: Seen) -> Vec<String> {
        let total = &self.total;
        let mut notes = Vec::new();
        let (sessions, until) = match seen {
            Seen::Here => ("several sessions", "now"),
            Seen::InExports => (
                "several sessions of one machine",
                "the last export of its machine",
            ),
        };
        if !total.blocked.is_zero() {
            notes.push(format!("Blocked is the time from an error to the session's next good answer or to the reset, whichever came first, nights included; time in which {sessions} were blocked counts once."));
        }
        if total.still > 0 {
            let verb = if total.still == 1 { "holds" } else { "hold" };
            notes.push(format!(
                "{} still {verb}: counted until {until}.",
                total.still
            ));
        }
        if total.unknown > 0 {
            let what = counted(total.unknown, "error");
            notes.push(format!(
                "When {what} ended is not known, so this is not in the time."
            ));
        }
        notes
    }

    /// The sums for programs.
    pub fn json(&self) -> Value {
        let with = |name: &str, value: Value, toll: &Toll| {
            let mut fields = Map::new();
            fields.insert(name.to_owned(), value);
            fields.extend(toll.json());
            Value::Object(fields)
        };
        let since = self
            .since
            .map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
        let mut fields = self.total.json();
        fields.insert("since".to_owned(), json!(since));
        let by_limit = self.by_limit.iter();
        let by_limit = by_limit.map(|(limit, toll)| with("limit", json!(limit), toll));
        fields.insert("by_limit".to_owned(), by_limit.collect());
        let period = if self.by_month { "month" } else { "week" };
        fields.insert("period".to_owned(), json!(period));
        let by_period = self.by_period.iter();
        let by_period = by_period.map(|(day, toll)| with("from", json!(day.to_string()), toll));
        fields.insert("by_period".to_owned(), by_period.collect());
        Value::Object(fields)
    }
}

/// The errors that stopped anything, oldest first, each with what it adds to the sums.
pub fn each_toll<'i>(
    incidents: impl IntoIterator<Item = &'i Incident>,
    clock: Clock,
) -> Vec<(&'i Incident, Stopped, Toll)> {
    let stopped = |incident: &'i Incident| Some((incident, incident.stopped(clock.now)?));
    let mut stops: Vec<_> = incidents.into_iter().filter_map(stopped).collect();
    stops.sort_by_key(|(incident, _)| incident.evidence.at);
    let mut counted_until: HashMap<Option<&str>, DateTime<Utc>> = HashMap::new();
    let toll = |(incident, stopped): (&'i Incident, Stopped)| {
        let account = incident.evidence.account.as_ref();
        let account = account.and_then(|account| account.owner.fingerprint.as_deref());
        let counted = counted_until.entry(account).or_default();
        let until = match stopped {
            Stopped::Until(until) => until,
            Stopped::Still => clock.now,
            Stopped::Unknown => *counted,
        };
        let from = incident.evidence.at.max(*counted);
        *counted = until.max(*counted);
        let toll = Toll {
            errors: 1,
            likely_false: (incident.diagnosis.verdict == Verdict::FalseLikely).into(),
            still: (stopped == Stopped::Still).into(),
            unknown: (stopped == Stopped::Unknown).into(),
            blocked: (until - from).max(TimeDelta::zero()),
        };
        (incident, stopped, toll)
    };
    stops.into_iter().map(toll).collect()
}
