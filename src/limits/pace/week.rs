//! A weekly window, by what the same hours of the weeks before brought.
//!
//! Monday's busy hours say nothing of the nights, so a straight line is no use here. How the rest of
//! the weeks before rose does, as far as this week is like them. It is said only if two thirds of
//! that are enough to fill the window, or if it is nearly full and will be within two hours.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Outlook, minutes, of_minutes, passed};
use crate::claude::meters::Meter;
use crate::time::WEEK;

/// How many weeks before this one say how it goes.
pub const WEEKS: i32 = 4;
/// Less than this, in percent, says nothing of the rest.
const LEAST: f64 = 10.0;
/// A week is taken to be like those before, as if so many percent more had shown it.
const LIKENESS: f64 = 40.0;
/// Of what the weeks before would add, so much must be enough.
const SURE: f64 = 2.0 / 3.0;
/// A week that rose by so many percent was full, and would have gone on.
const WAS_FULL: f64 = 97.0;
/// So many such weeks are a habit.
const ENOUGH: usize = 2;
/// From here on, in percent, what the last hours brought says whether it is full within as many.
const NEARLY: f64 = 90.0;
const HOURS: f64 = 2.0;

/// A window rose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rise {
    /// When it was told.
    pub at: DateTime<Utc>,
    /// By how many percent in all, since the first that is known; what it fell at its resets is not
    /// taken off.
    pub up_to_here: f64,
}

/// How far the window was used a week before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WeekBefore {
    /// At this time, in percent.
    pub then: f64,
    /// At its end.
    pub at_end: f64,
}

/// The rises between the levels that a window was told to have, oldest first. The first one that is
/// known was told to nobody as a rise.
pub fn rises(levels: impl IntoIterator<Item = (DateTime<Utc>, Meter)>) -> Vec<Rise> {
    let (mut rises, mut up_to_here) = (Vec::new(), 0.0);
    let mut before: Option<Meter> = None;
    for (at, meter) in levels {
        let Some(last) = before.replace(meter) else {
            continue;
        };
        let resets = last.resets_at.zip(meter.resets_at);
        let begun = resets.is_some_and(|(last, next)| (next - last).abs() > TimeDelta::hours(1));
        let known = if begun { 0.0 } else { last.used_percent };
        let percent = meter.used_percent - known;
        if percent > 0.0 {
            up_to_here += percent;
            rises.push(Rise { at, up_to_here });
        }
    }
    rises
}

/// What is known of how weekly windows of an account rose.
#[derive(Debug, Clone, Copy)]
pub struct PastWeeks<'h> {
    /// Oldest first.
    pub rises: &'h [Rise],
    /// Since when all of them are known.
    pub since: DateTime<Utc>,
}

impl PastWeeks<'_> {
    /// How much it rose after `from`, up to `until`.
    fn between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> f64 {
        let up_to = |at: DateTime<Utc>| {
            let rises = self.rises.partition_point(|rise| rise.at <= at);
            let last = rises.checked_sub(1).and_then(|last| self.rises.get(last));
            last.map_or(0.0, |rise| rise.up_to_here)
        };
        (up_to(until) - up_to(from)).max(0.0)
    }

    /// How far the weeks before are known that began with this one's beginning, as spans from there.
    fn weeks(&self, begun: DateTime<Utc>) -> Vec<TimeDelta> {
        let back = (1..=WEEKS).map(|weeks| WEEK * weeks);
        back.filter(|back| begun - *back >= self.since).collect()
    }

    /// What the window was a week ago.
    pub fn week_before(&self, meter: &Meter, now: DateTime<Utc>) -> Option<WeekBefore> {
        let begun = now - passed(meter, WEEK, now)?;
        (begun - WEEK >= self.since).then(|| WeekBefore {
            then: self.between(begun - WEEK, now - WEEK).min(100.0),
            at_end: self.between(begun - WEEK, begun).min(100.0),
        })
    }

    /// By how much the window will have risen after each hour from now to its reset, if the rest of
    /// the week is what it was in those before. None where no week before is known.
    pub fn growth(&self, meter: &Meter, now: DateTime<Utc>) -> Option<Vec<f64>> {
        let left = WEEK - passed(meter, WEEK, now)?;
        let begun = now + left - WEEK;
        let weeks = self.weeks(begun);
        let many = f64::from(u8::try_from(weeks.len()).ok().filter(|many| *many > 0)?);
        let usual = |from: DateTime<Utc>, until: DateTime<Utc>| {
            let each = weeks.iter();
            let each = each.map(|back| self.between(from - *back, until - *back));
            each.sum::<f64>() / many
        };
        let like = (meter.used_percent + LIKENESS) / (usual(begun, now) + LIKENESS);
        let until = (1..=left.num_hours() + 1).map(|hour| now + TimeDelta::hours(hour).min(left));
        Some(until.map(|until| usual(now, until) * like).collect())
    }

    /// What is to be expected of the window.
    pub fn outlook(&self, meter: &Meter, now: DateTime<Utc>) -> Outlook {
        if !(LEAST..100.0).contains(&meter.used_percent) {
            return Outlook::Open;
        }
        self.nearly_full(meter, now)
            .or_else(|| self.like_before(meter, now))
            .unwrap_or(Outlook::Open)
    }

    fn like_before(&self, meter: &Meter, now: DateTime<Utc>) -> Option<Outlook> {
        let growth = self.growth(meter, now)?;
        let full_if = |share: f64| {
            let hours = growth.partition_point(|grown| meter.used_percent + share * grown < 100.0);
            let hours = i64::try_from(hours).ok().filter(|_| hours < growth.len())?;
            Some(now + TimeDelta::hours(hours + 1))
        };
        let latest = full_if(SURE).or_else(|| self.always_full(meter, now));
        if let Some(latest) = latest {
            let likely = full_if(1.0).unwrap_or(latest).min(latest);
            return Some(Outlook::Full(likely, latest));
        }
        full_if(2.0).is_none().then_some(Outlook::Lasts)
    }

    /// When the slowest of the weeks before was full, if all were and this one is as far as they were.
    fn always_full(&self, meter: &Meter, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let begun = now - passed(meter, WEEK, now)?;
        let full = self.weeks(begun).into_iter().map(|back| {
            let from = begun - back;
            let is_as_far = meter.used_percent >= self.between(from, now - back);
            let mut hours = (1..=WEEK.num_hours()).map(|hour| from + TimeDelta::hours(hour));
            let full = hours.find(|at| self.between(from, *at) >= WAS_FULL);
            full.filter(|_| is_as_far).map(|at| at + back)
        });
        let full: Option<Vec<DateTime<Utc>>> = full.collect();
        let full = full.filter(|full| full.len() >= ENOUGH)?;
        full.into_iter().max().filter(|latest| *latest > now)
    }

    fn nearly_full(&self, meter: &Meter, now: DateTime<Utc>) -> Option<Outlook> {
        let passed = passed(meter, WEEK, now).filter(|_| meter.used_percent >= NEARLY)?;
        let hours = HOURS.min(minutes(passed) / 60.0);
        let rate = self.between(now - of_minutes(hours * 60.0), now) / hours;
        let left = (100.0 - meter.used_percent) / rate;
        let at = now + of_minutes(left.min(HOURS) * 60.0);
        (left <= HOURS && at < now - passed + WEEK).then_some(Outlook::Full(at, at))
    }
}
