//! Forecasts the usage of the weekly window based on earlier weeks.
//!
//! The current pace cannot simply be extrapolated, because a busy Monday says nothing about the nights. Instead, the
//! forecast assumes that the rest of this week will resemble earlier weeks. The usage of those weeks is scaled by how
//! this week compares with them so far.
//!
//! A window is predicted to fill up if two thirds of the expected growth would fill it, if it also filled up in the
//! last two weeks, or if it is nearly full and will fill up within two hours.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Outlook, from_minutes, in_minutes, time_since_start};
use crate::claude::window_usage::WindowUsage;
use crate::time::WEEK;

/// The maximum number of earlier weeks on which a forecast is based.
pub const WEEKS: i32 = 4;
/// The minimum usage for a forecast, as a percentage.
const NO_FORECAST_BELOW: f64 = 10.0;
/// The number of percentage points to add to both weeks before comparing them. This prevents small differences at the
/// start of a week from having too much weight.
const COMPARED_WITH: f64 = 40.0;
/// A window is predicted to fill up if this fraction of the expected growth would fill it.
const SURE_SHARE: f64 = 2.0 / 3.0;
/// An earlier week is considered full if it reached this percentage. Without the limit, that week's usage would have
/// been higher.
const WAS_FULL: f64 = 97.0;
/// The number of consecutive full weeks after which the next week is also expected to be full.
const FULL_WEEKS: usize = 2;
/// The number of percentage points by which this week may lag behind an earlier week and still be considered
/// comparable.
const AS_FAR_ALONG: f64 = 5.0;
/// At or above this percentage, the pace of the last [`NEARLY_FULL_HOURS`] hours is assumed to continue for the same
/// length of time.
const NEARLY_FULL: f64 = 90.0;
const NEARLY_FULL_HOURS: f64 = 2.0;

/// An increase in a window's usage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rise {
    /// The time of the reading.
    pub at: DateTime<Utc>,
    /// The cumulative increase up to this reading, in percentage points. Resets do not reduce it.
    pub total: f64,
}

/// A window's usage one week earlier.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WeekBefore {
    /// The percentage at the same time in the previous week.
    pub then: f64,
    /// The percentage at the end of the previous week.
    pub at_end: f64,
}

/// Computes the increases between a window's readings, oldest first. If the first reading is low, it counts as an
/// increase since the start of the window.
pub fn rises(levels: impl IntoIterator<Item = (DateTime<Utc>, WindowUsage)>) -> Vec<Rise> {
    let mut rises = Vec::new();
    let mut total = 0.0;
    let mut previous: Option<WindowUsage> = None;
    for (at, usage) in levels {
        let start = match previous.replace(usage) {
            Some(last) if has_reset_between(&last, &usage) => 0.0,
            Some(last) => last.used_percent,
            None if covers_window(&usage) => 0.0,
            None => usage.used_percent,
        };
        let percent = usage.used_percent - start;
        if percent > 0.0 {
            total += percent;
            rises.push(Rise { at, total });
        }
    }
    rises
}

fn has_reset_between(before: &WindowUsage, after: &WindowUsage) -> bool {
    match (before.resets_at, after.resets_at) {
        (Some(before), Some(after)) => (after - before).abs() > TimeDelta::hours(1),
        (None, _) | (_, None) => false,
    }
}

/// Returns the earliest time after which all increases are known. If the first reading of a window is low, this is the
/// start of the window. Otherwise, it is the time of the reading.
pub fn known_since(at: DateTime<Utc>, first: &WindowUsage) -> DateTime<Utc> {
    match first.resets_at {
        Some(resets_at) if covers_window(first) => (resets_at - WEEK).min(at),
        _ => at,
    }
}

/// Returns true if the first reading of a window is so low that the exact timing of earlier usage does not matter.
fn covers_window(first: &WindowUsage) -> bool {
    first.used_percent < NO_FORECAST_BELOW
}

/// The usage history of an account's weekly window.
#[derive(Debug, Clone, Copy)]
pub struct PastWeeks<'h> {
    /// The increases, oldest first.
    pub rises: &'h [Rise],
    /// The earliest time after which all increases are known.
    pub since: DateTime<Utc>,
}

impl PastWeeks<'_> {
    /// Returns the increase in usage between two times.
    fn between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> f64 {
        (self.total_at(until) - self.total_at(from)).max(0.0)
    }

    /// Returns the cumulative increase up to the given time.
    fn total_at(&self, moment: DateTime<Utc>) -> f64 {
        let count = self.rises.partition_point(|rise| rise.at <= moment);
        count
            .checked_sub(1)
            .and_then(|last| self.rises.get(last))
            .map_or(0.0, |rise| rise.total)
    }

    /// Returns the distances from this week to the earlier weeks whose usage is known.
    fn known_weeks(&self, start: DateTime<Utc>) -> Vec<TimeDelta> {
        (1..=WEEKS)
            .map(|weeks| WEEK * weeks)
            .filter(|distance| start - *distance >= self.since)
            .collect()
    }

    /// Returns the window's usage one week earlier, or `None` if it is unknown.
    pub fn week_before(&self, usage: &WindowUsage, now: DateTime<Utc>) -> Option<WeekBefore> {
        let start = now - time_since_start(usage, WEEK, now)?;
        (start - WEEK >= self.since).then(|| WeekBefore {
            then: self.between(start - WEEK, now - WEEK).min(100.0),
            at_end: self.between(start - WEEK, start).min(100.0),
        })
    }

    /// Returns the expected increase from now to each full hour until the reset, based on the same hours of earlier
    /// weeks. Returns `None` if no earlier week is known.
    pub fn growth(&self, usage: &WindowUsage, now: DateTime<Utc>) -> Option<Vec<f64>> {
        let since_start = time_since_start(usage, WEEK, now)?;
        let until_reset = WEEK - since_start;
        let start = now - since_start;
        let weeks = self.known_weeks(start);
        if weeks.is_empty() {
            return None;
        }
        let usual_so_far = self.usual_rise(&weeks, start, now);
        let proportion = (usage.used_percent + COMPARED_WITH) / (usual_so_far + COMPARED_WITH);
        let hours = 1..=until_reset.num_hours() + 1;
        let growth = hours.map(|hour| {
            let until = now + TimeDelta::hours(hour).min(until_reset);
            self.usual_rise(&weeks, now, until) * proportion
        });
        Some(growth.collect())
    }

    /// Returns the average increase between the corresponding times of earlier weeks.
    fn usual_rise(&self, weeks: &[TimeDelta], from: DateTime<Utc>, until: DateTime<Utc>) -> f64 {
        let total: f64 = weeks
            .iter()
            .map(|distance| self.between(from - *distance, until - *distance))
            .sum();
        total / weeks.len() as f64
    }

    /// Returns the forecast for a window.
    pub fn outlook(&self, usage: &WindowUsage, now: DateTime<Utc>) -> Outlook {
        if !(NO_FORECAST_BELOW..100.0).contains(&usage.used_percent) {
            return Outlook::Unpredictable;
        }
        self.if_nearly_full(usage, now)
            .or_else(|| self.if_like_earlier_weeks(usage, now))
            .unwrap_or(Outlook::Unpredictable)
    }

    /// Returns a forecast based on earlier weeks, or `None` if no earlier week is known or the outcome is too
    /// uncertain.
    fn if_like_earlier_weeks(&self, usage: &WindowUsage, now: DateTime<Utc>) -> Option<Outlook> {
        let growth = self.growth(usage, now)?;
        let latest = full_at_share(&growth, SURE_SHARE, usage, now)
            .or_else(|| self.if_earlier_weeks_were_full(usage, now));
        if let Some(latest) = latest {
            let likely = full_at_share(&growth, 1.0, usage, now)
                .unwrap_or(latest)
                .min(latest);
            return Some(Outlook::WillFill(likely, latest));
        }
        full_at_share(&growth, 2.0, usage, now)
            .is_none()
            .then_some(Outlook::WillNotFill)
    }

    /// Predicts when the window will fill up if it filled up in each of the last two weeks. Returns the later of the
    /// two corresponding times, or `None` if this week's usage lags behind. The check with [`SURE_SHARE`] misses such
    /// weeks, because usage stops increasing when a window is full.
    fn if_earlier_weeks_were_full(
        &self,
        usage: &WindowUsage,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let start = now - time_since_start(usage, WEEK, now)?;
        let times: Vec<DateTime<Utc>> = self
            .known_weeks(start)
            .into_iter()
            .take(FULL_WEEKS)
            .map_while(|distance| {
                let usage_then = self.between(start - distance, now - distance);
                let full_at = self.time_of_full_week(start - distance)?;
                (usage.used_percent + AS_FAR_ALONG >= usage_then).then_some(full_at + distance)
            })
            .collect();
        if times.len() < FULL_WEEKS {
            return None;
        }
        times.into_iter().max().filter(|latest| *latest > now)
    }

    /// Returns the hour by which the window filled up in the week that started at the given time.
    fn time_of_full_week(&self, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (1..=WEEK.num_hours())
            .map(|hour| start + TimeDelta::hours(hour))
            .find(|at| self.between(start, *at) >= WAS_FULL)
    }

    /// Returns a forecast for a nearly full window, based on its pace over the last few hours.
    fn if_nearly_full(&self, usage: &WindowUsage, now: DateTime<Utc>) -> Option<Outlook> {
        let since_start = time_since_start(usage, WEEK, now)?;
        if usage.used_percent < NEARLY_FULL {
            return None;
        }
        let hours = NEARLY_FULL_HOURS.min(in_minutes(since_start) / 60.0);
        let percent_per_hour = self.between(now - from_minutes(hours * 60.0), now) / hours;
        let hours_left = (100.0 - usage.used_percent) / percent_per_hour;
        let full_at = now + from_minutes(hours_left.min(NEARLY_FULL_HOURS) * 60.0);
        let is_before_reset = full_at < now - since_start + WEEK;
        (hours_left <= NEARLY_FULL_HOURS && is_before_reset)
            .then_some(Outlook::WillFill(full_at, full_at))
    }
}

/// Returns the hour by which the window will be full if it grows by the given fraction of the expected increase.
fn full_at_share(
    growth: &[f64],
    share: f64,
    usage: &WindowUsage,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let hours = growth.partition_point(|rise| usage.used_percent + share * rise < 100.0);
    if hours == growth.len() {
        return None;
    }
    let hours = i64::try_from(hours).ok()?;
    Some(now + TimeDelta::hours(hours + 1))
}
