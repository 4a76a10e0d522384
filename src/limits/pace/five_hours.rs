//! Forecasts the usage of the 5-hour window from its recent pace.
//!
//! A new forecast is made whenever a reading has a new percentage. If no new percentage arrives for longer than usual,
//! work is assumed to have paused, and a new forecast is made every minute. A forecast remains in effect until a newer
//! one differs from it by more than the usual error. Otherwise, the status line would change with every call.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Outlook, from_minutes, in_minutes, time_since_start};
use crate::claude::meters::Meter;
use crate::time::FIVE_HOURS;

/// The time of a reading and the percentage that it reports.
pub type Level = (DateTime<Utc>, f64);

/// The time constant, in minutes, for the recent pace. It determines how fast the weight of past usage decreases.
const RECENT_MEMORY: f64 = 70.0;
/// The time constant, in minutes, for the current pace. It determines how fast the weight of past usage decreases.
const CURRENT_MEMORY: f64 = 15.0;
/// How long, in minutes, the current pace is assumed to continue. A group of subagents usually works for about this
/// long.
pub const CURRENT_LASTS: f64 = 20.0;
/// The maximum number of levels from which a pace is calculated. More levels do not improve the result.
const MAX_LEVELS: usize = 30;
/// How much time must pass after the start of a window before a forecast is made.
const NO_FORECAST_BEFORE: TimeDelta = TimeDelta::minutes(10);
/// The percentage below which no forecast is made.
pub const NO_FORECAST_BELOW: f64 = 10.0;
/// The maximum number of minutes for which the recent pace can be expected to continue. People take breaks after that.
const LOOKS_AHEAD: f64 = 93.0;
/// The maximum number of minutes ahead for which a forecast can rely on the current pace alone.
const SOON: f64 = 15.0;
/// The latest point at which a window may fill up for a forecast to be shown, as a fraction of the time until its
/// reset. If a window fills up only shortly before its reset, it stops very little work.
const BEFORE_RESET: f64 = 0.8;
/// The factor by which the estimated time is extended, because the coming hours will contain more pauses than the hours
/// used to calculate the pace.
const MORE_PAUSES: f64 = 1.05;
/// The interval between forecasts during a pause.
const PAUSE_STEP: TimeDelta = TimeDelta::minutes(1);
/// The number of recent gaps between levels whose median is the usual gap.
const GAPS: usize = 5;
/// The maximum difference, in minutes, between a new forecast and an earlier forecast that remains in effect.
const TOLERANCE: f64 = 2.0;
/// The fraction of the remaining time that is added to [`TOLERANCE`].
const TOLERANCE_SHARE: f64 = 0.04;
/// The part of the current percentage point that is unused on average.
const HALF_POINT: f64 = 0.5;

/// The pace of a window, in percentage points per minute.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The pace, calculated mostly from the last hour.
    pub recent: f64,
    /// The pace, calculated mostly from the last 15 minutes. It is assumed to continue for [`CURRENT_LASTS`].
    pub current: f64,
}

impl Pace {
    /// Calculates the pace from the levels of a window, oldest first. Usage is assumed to increase evenly between two
    /// levels. If there are no levels, the result is therefore the average pace since the start of the window. Returns
    /// `None` if the reset has passed or is unknown.
    pub fn new(levels: &[Level], meter: &Meter, now: DateTime<Utc>) -> Option<Self> {
        let since_start = in_minutes(time_since_start(meter, FIVE_HOURS, now)?);
        let levels = levels_by_minute(levels, meter)?;
        Some(Self::from_minutes(&levels, meter.used_percent, since_start))
    }

    /// Calculates the pace at `since_start`, in minutes since the start of the window.
    fn from_minutes(levels: &[MinuteLevel], used_percent: f64, since_start: f64) -> Self {
        let present = MinuteLevel {
            minute: since_start,
            percent: used_percent,
        };
        let recent_levels = levels.iter().rev().take(MAX_LEVELS).rev().copied();

        let mut newest_ago = since_start;
        let mut percent = 0.0;
        let mut recent = 0.0;
        let mut current = 0.0;
        for level in recent_levels.chain([present]) {
            let ago = (since_start - level.minute).max(0.0);
            // An idle session may report an outdated level.
            if level.percent > percent {
                let span = (newest_ago - ago).max(1.0);
                let rate = (level.percent - percent) / span;
                recent += rate * weight_between(ago, ago + span, RECENT_MEMORY);
                current += rate * weight_between(ago, ago + span, CURRENT_MEMORY);
                percent = level.percent;
            }
            newest_ago = newest_ago.min(ago);
        }
        Self {
            recent: recent / weight_between(0.0, since_start, RECENT_MEMORY),
            current: current / weight_between(0.0, since_start, CURRENT_MEMORY),
        }
    }

    /// Returns the number of minutes until usage has increased by this many percentage points.
    fn minutes_to(&self, percent: f64) -> f64 {
        let remainder = percent - self.current * CURRENT_LASTS;
        if remainder > 0.0 {
            CURRENT_LASTS + remainder / self.recent
        } else {
            percent / self.current
        }
    }
}

/// A level, with its time in minutes since the start of the window.
#[derive(Debug, Clone, Copy)]
struct MinuteLevel {
    minute: f64,
    percent: f64,
}

fn levels_by_minute(levels: &[Level], meter: &Meter) -> Option<Vec<MinuteLevel>> {
    let start = meter.resets_at? - FIVE_HOURS;
    let by_minute = levels.iter().map(|(at, percent)| MinuteLevel {
        minute: in_minutes(*at - start),
        percent: *percent,
    });
    Some(by_minute.collect())
}

/// Returns the weight of the usage between two times, given in minutes ago.
fn weight_between(ago: f64, longer_ago: f64, memory: f64) -> f64 {
    weight_before(ago, memory) - weight_before(longer_ago, memory)
}

/// Returns the weight of all usage before a time, given in minutes ago. The result approximates `e^(-ago / memory)`. To
/// calculate the exact value, the program would have to load the math library at every start.
fn weight_before(ago: f64, memory: f64) -> f64 {
    (1.0 + ago / (2.0 * memory)).powi(-2)
}

/// Returns the forecast for a given pace, or `None` if the window is full or has just begun.
fn forecast(pace: Pace, meter: &Meter, now: DateTime<Utc>) -> Option<Outlook> {
    let since_start = time_since_start(meter, FIVE_HOURS, now)?;
    if since_start < NO_FORECAST_BEFORE || meter.used_percent >= 100.0 {
        return None;
    }
    let until_reset = in_minutes(FIVE_HOURS - since_start);
    let remaining = 100.0 - meter.used_percent + HALF_POINT;
    let at_recent_pace = remaining / pace.recent;
    let until_full = MORE_PAUSES * pace.minutes_to(remaining);

    let is_soon = until_full < SOON.min(until_reset);
    let is_before_reset =
        at_recent_pace < LOOKS_AHEAD.min(until_reset) && until_full < BEFORE_RESET * until_reset;
    Some(
        if meter.used_percent >= NO_FORECAST_BELOW && (is_soon || is_before_reset) {
            let full_at = now + from_minutes(until_full);
            Outlook::Full(full_at, full_at)
        } else if at_recent_pace > 2.0 * until_reset {
            Outlook::Lasts
        } else {
            Outlook::Open
        },
    )
}

/// Returns the usual number of minutes between two levels, which is the median of the most recent gaps.
fn usual_gap(levels: &[MinuteLevel]) -> f64 {
    let newest_first = levels.iter().rev();
    let mut gaps: Vec<f64> = newest_first
        .clone()
        .zip(newest_first.skip(1))
        .take(GAPS)
        .map(|(later, earlier)| later.minute - earlier.minute)
        .collect();
    gaps.sort_unstable_by(f64::total_cmp);
    gaps.get(gaps.len() / 2).copied().unwrap_or_default()
}

/// Returns the forecast that is in effect for a window, given its levels, oldest first, and its current usage.
pub fn outlook(levels: &[Level], meter: &Meter, now: DateTime<Utc>) -> Option<Outlook> {
    let by_minute = levels_by_minute(levels, meter)?;
    let mut in_effect = None;
    for (index, (at, percent)) in levels.iter().enumerate() {
        let known = by_minute.get(..=index).unwrap_or_default();
        let next_at = levels.get(index + 1).map_or(now, |(next, _)| *next);
        let meter_then = Meter {
            used_percent: *percent,
            ..*meter
        };
        in_effect = updated(in_effect, known, &meter_then, *at);
        let mut pause_at = *at + from_minutes(usual_gap(known)) + PAUSE_STEP;
        while pause_at < next_at {
            in_effect = updated(in_effect, known, &meter_then, pause_at);
            pause_at += PAUSE_STEP;
        }
    }
    let has_present_level = levels
        .last()
        .is_some_and(|(_, percent)| (meter.used_percent - percent).abs() < 1.0);
    let has_passed = matches!(in_effect, Some(Outlook::Full(at, _)) if at <= now);
    if has_present_level && !has_passed {
        in_effect
    } else {
        updated(in_effect, &by_minute, meter, now)
    }
}

/// Returns the forecast that is in effect after a new one has been made.
fn updated(
    in_effect: Option<Outlook>,
    levels: &[MinuteLevel],
    meter: &Meter,
    now: DateTime<Utc>,
) -> Option<Outlook> {
    let since_start = in_minutes(time_since_start(meter, FIVE_HOURS, now)?);
    let pace = Pace::from_minutes(levels, meter.used_percent, since_start);
    let newest = forecast(pace, meter, now)?;
    let (Some(Outlook::Full(before, _)), Outlook::Full(after, _)) = (in_effect, newest) else {
        return Some(newest);
    };
    let tolerance = from_minutes(TOLERANCE + TOLERANCE_SHARE * in_minutes(after - now));
    if before <= now || after < before - tolerance {
        return Some(newest);
    }
    if after <= before + tolerance {
        return in_effect;
    }
    // During a pause, every new forecast gives a slightly later time than the previous one. With a margin, the next few
    // forecasts are within the tolerance.
    let with_margin = after + tolerance / 2;
    if meter.resets_at.is_some_and(|reset| with_margin < reset) {
        Some(Outlook::Full(with_margin, with_margin))
    } else {
        Some(newest)
    }
}
