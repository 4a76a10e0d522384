//! What limits cost: how often they stopped the work, for how long, and over which time each counted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::diagnosis::LONGEST_LIMIT;
use super::incident::Incident;
use super::kind::{Counts, LimitKind, Verdict};
use super::standing::{Ending, Standing};
use crate::render::joined;
use crate::terminal::counted;
use crate::time::{Clock, Zone, in_words, monday_of, rfc3339};

/// A longer time than this is told by the month.
const MOST_WEEKS: i64 = 13;

/// Until when an error stopped the work of its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Up to the first good answer or to the reset, whichever came first.
    Until(DateTime<Utc>),
    /// It still does, as its reset lies ahead.
    Still,
    /// It may still do, and nothing tells until when.
    Open,
    /// Nobody saw the end.
    Unknown,
}

impl Stopped {
    /// Until when that was, as far as is known now.
    pub(crate) fn end(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Until(end) => Some(end),
            Self::Still => Some(now),
            Self::Open | Self::Unknown => None,
        }
    }
}

impl Incident {
    /// Until when it stopped the work. None if it stopped nothing.
    pub fn stopped(&self, now: DateTime<Utc>) -> Option<Stopped> {
        if self.is_news() {
            return None;
        }
        let (at, longest) = (self.evidence.at, self.diagnosis.lasts());
        let since = &self.evidence.since;
        let ends = [since.answered_at, since.went_on, since.met_again];
        let answer = ends.into_iter().flatten().min();
        let is_doubtful = self.diagnosis.verdict == Verdict::FalseLikely;
        let is_reset_early = self.standing == Standing::Over(Ending::ResetEarly);
        // When it was answered nobody may have seen, or there was no limit to reset.
        let is_sure = self.is_open() && !is_doubtful && !is_reset_early;
        let reset = self.resets.chosen.map(|reset| reset.at);
        let reset = reset.filter(|_| answer.is_some() || is_sure);
        Some(match answer.into_iter().chain(reset).min() {
            None if self.blocks().is_some() => Stopped::Open,
            Some(end) if end > now => Stopped::Still,
            Some(end) if end > at && end - at <= longest => Stopped::Until(end),
            _ => Stopped::Unknown,
        })
    }
}

/// From when to when the limit of this incident counted, the end being the error. None where a
/// period makes no sense, as for a throttle.
pub fn counted_over(incident: &Incident, zone: Zone) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let at = incident.evidence.at;
    let since = match incident.diagnosis.limit.counts() {
        Counts::Included(window) => match incident.resets.chosen {
            // A window began its length before it ends; without its end it began that long ago at
            // most.
            Some(reset) if reset.at - window.length() <= at => reset.at - window.length(),
            _ => at - window.length(),
        },
        Counts::Credits | Counts::ApiMoney => zone.month_bounds(at).0,
        Counts::Passing | Counts::Nothing => return None,
    };
    Some((since, at))
}

/// How far sums of errors reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// On this machine, just now.
    Here,
    /// On several machines, each when it last exported.
    InExports,
}

/// Sums of errors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Toll {
    /// Errors that stopped the work.
    pub errors: u64,
    /// How often it was stopped, however many sessions met the same limit and however often they
    /// tried.
    pub stops: u64,
    /// Of these, those that looked false.
    #[serde(rename = "false_likely")]
    pub likely_false: u64,
    /// Of these, those that no limit of the user's was the cause of: an outage, a throttle, a setting.
    pub not_a_limit: u64,
    /// Of these, those that still hold.
    #[serde(rename = "still_blocked")]
    pub still: u64,
    /// Of these, those whose end nobody saw: their time is in no sum.
    #[serde(rename = "unknown_end")]
    pub unknown: u64,
    /// For how long. Time in which several limits stopped an account counts once, for the one that
    /// came first.
    #[serde(rename = "blocked_s", serialize_with = "seconds")]
    pub blocked: TimeDelta,
}

impl Toll {
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
        self.stops += other.stops;
        self.likely_false += other.likely_false;
        self.not_a_limit += other.not_a_limit;
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
    pub by_limit: IndexMap<String, Toll>,
    /// By the week's Monday or, over a long time, by the month's first day, oldest first. A stop
    /// counts where it began, its time where it passed.
    pub by_period: BTreeMap<NaiveDate, Toll>,
    /// Whether those periods are months.
    pub by_month: bool,
}

impl Tolls {
    /// Adds up errors, whatever their order.
    pub fn of<'i>(incidents: impl IntoIterator<Item = &'i Incident>, clock: Clock) -> Self {
        let each = each_toll(incidents, clock).into_iter();
        let each = each.map(|(it, _, toll)| (it.evidence.at, it.diagnosis.limit.to_string(), toll));
        Self::sum(each.collect(), clock.zone)
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
        for (at, limit, toll) in tolls_of {
            tolls.total += toll;
            *tolls.by_limit.entry(limit).or_default() += toll;
            for (day, blocked) in by_day(at, toll.blocked, zone) {
                let period = period_of(day, by_month);
                tolls.by_period.entry(period).or_default().blocked += blocked;
            }
            let (began, blocked) = (period_of(zone.day(at), by_month), TimeDelta::zero());
            *tolls.by_period.entry(began).or_default() += Toll { blocked, ..toll };
        }
        let longest_first = |_: &String, toll: &Toll| Reverse((toll.blocked, toll.errors));
        tolls.by_limit.sort_by_cached_key(longest_first);
        tolls
    }

    /// "Limits stopped the work 12 times since Mon 5 Oct, for 1 d 7 h in all. 3 were likely false."
    pub fn sentence(&self, clock: Clock) -> Option<String> {
        let total = &self.total;
        let since = clock.zone.day(self.since?);
        let is_this_year = since.year() == clock.zone.day(clock.now).year();
        let year = if is_this_year { "" } else { " %Y" };
        let since = since.format(&format!("%a %-d %b{year}")).to_string();
        let often = match total.stops {
            1 => "once".to_owned(),
            2 => "twice".to_owned(),
            many => format!("{many} times"),
        };
        let blocked = match total.blocked {
            none if none.is_zero() => String::new(),
            some => format!(", for {} in all", in_words(some)),
        };
        let some_were = |some: u64, one: &str, several: &str| match (some, total.stops) {
            (0, _) => String::new(),
            (1, 1) => format!(" It was {one}."),
            (1, _) => format!(" 1 was {one}."),
            (many, _) => format!(" {many} were {several}."),
        };
        let likely_false = some_were(total.likely_false, "likely false", "likely false");
        let not_a_limit = some_were(total.not_a_limit, "no limit of yours", "no limits of yours");
        let has_limits = total.not_a_limit < total.stops;
        let what = if has_limits { "Limits" } else { "Errors" };
        Some(format!(
            "{what} stopped the work {often} since {since}{blocked}.{likely_false}{not_a_limit}"
        ))
    }

    /// The name of a period: its first day, or its month.
    pub fn period(&self, first: NaiveDate) -> String {
        let pattern = if self.by_month { "%Y-%m" } else { "%Y-%m-%d" };
        first.format(pattern).to_string()
    }

    /// What the hours are, and what is not in them.
    pub(crate) fn notes(&self, reach: Reach) -> Vec<String> {
        let total = &self.total;
        let mut notes = Vec::new();
        let (sessions, until) = match reach {
            Reach::Here => ("the account, in any session,", "now"),
            Reach::InExports => (
                "the account, in any session of the machine,",
                "the last export of its machine",
            ),
        };
        if !total.blocked.is_zero() {
            notes.push(format!("Blocked is the time from an error to the next good answer of {sessions} or to the reset, whichever came first, nights included; what several limits stopped counts once."));
        }
        if total.still > 0 {
            let verb = if total.still == 1 { "holds" } else { "hold" };
            notes.push(format!(
                "{} still {verb}: counted until {until}, where a reset is known.",
                total.still
            ));
        }
        if total.unknown > 0 {
            let what = counted(total.unknown, "stop");
            notes.push(format!(
                "When {what} ended is not known, so this is not in the time."
            ));
        }
        notes
    }

    /// The sums for programs.
    pub fn json(&self) -> Value {
        let since = self.since.map(rfc3339);
        let by_limit = self.by_limit.iter();
        let by_limit =
            by_limit.map(|(limit, toll)| joined([json!({ "limit": limit }), json!(toll)]));
        let by_period = self.by_period.iter();
        let by_period = by_period.map(|(day, toll)| joined([json!({ "from": day }), json!(toll)]));
        let more = json!({
            "since": since,
            "by_limit": by_limit.collect::<Vec<_>>(),
            "period": if self.by_month { "month" } else { "week" },
            "by_period": by_period.collect::<Vec<_>>(),
        });
        joined([json!(self.total), more])
    }
}

fn seconds<S: Serializer>(blocked: &TimeDelta, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_i64(blocked.num_seconds())
}

/// The first day of the week or the month that a day is in.
fn period_of(day: NaiveDate, by_month: bool) -> NaiveDate {
    let month = if by_month { day.with_day(1) } else { None };
    month.unwrap_or(monday_of(day))
}

/// How much of a span passed on each day.
fn by_day(from: DateTime<Utc>, span: TimeDelta, zone: Zone) -> Vec<(NaiveDate, TimeDelta)> {
    let until = from + span.clamp(TimeDelta::zero(), LONGEST_LIMIT);
    let begins = std::iter::successors(Some(from), |at| Some(zone.day_bounds(*at).1));
    let begins = begins.take_while(|at| *at < until);
    let days = begins.map(|at| (zone.day(at), zone.day_bounds(at).1.min(until) - at));
    days.collect()
}

/// An account, as far as it is known, and one of its limits.
type LimitOf<'i> = (Option<&'i str>, LimitKind);

/// The errors that stopped anything, oldest first, each with what it adds to the sums.
pub fn each_toll<'i>(
    incidents: impl IntoIterator<Item = &'i Incident>,
    clock: Clock,
) -> Vec<(&'i Incident, Stopped, Toll)> {
    let stopped = |incident: &'i Incident| Some((incident, incident.stopped(clock.now)?));
    let mut errors: Vec<_> = incidents.into_iter().filter_map(stopped).collect();
    errors.sort_by_key(|(incident, _)| incident.evidence.at);
    // By the account, until when its time is counted; by its limits, too, the last try of a stop.
    let mut counted_until: HashMap<Option<&str>, DateTime<Utc>> = HashMap::new();
    let mut stops: HashMap<LimitOf<'_>, (usize, DateTime<Utc>)> = HashMap::new();
    let mut tolls: Vec<(&Incident, Stopped, Toll)> = Vec::new();
    for (incident, stopped) in errors {
        let (at, limit) = (incident.evidence.at, incident.diagnosis.limit);
        let account = incident.evidence.login.account.as_ref();
        let account = account.and_then(|account| account.owner.fingerprint.as_deref());
        let end = stopped.end(clock.now);
        // Another try, before anybody saw that it was over.
        let lasts = end.unwrap_or(at + incident.diagnosis.lasts());
        let before = stops.insert((account, limit), (tolls.len(), lasts));
        let before = before.filter(|(_, lasts)| at <= *lasts);
        let is_new = before.is_none();
        if let Some((_, _, toll)) = before.and_then(|(last, _)| tolls.get_mut(last)) {
            // The later one tells more of the end.
            (toll.still, toll.unknown) = (0, 0);
        }
        let counted = counted_until.entry(account).or_default();
        let from = at.max(*counted);
        let until = end.unwrap_or(from);
        *counted = until.max(*counted);
        let toll = Toll {
            errors: 1,
            stops: is_new.into(),
            likely_false: (is_new && incident.diagnosis.verdict == Verdict::FalseLikely).into(),
            not_a_limit: (is_new && incident.diagnosis.verdict == Verdict::NotALimit).into(),
            still: matches!(stopped, Stopped::Still | Stopped::Open).into(),
            unknown: (stopped == Stopped::Unknown).into(),
            blocked: (until - from).max(TimeDelta::zero()),
        };
        tolls.push((incident, stopped, toll));
    }
    tolls
}
