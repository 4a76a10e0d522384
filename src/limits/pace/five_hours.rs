//! Forecasts the usage of the 5-hour window based on its recent pace.
//!
//! The forecast is updated whenever the percentage changes. If the percentage stays the same for longer than usual,
//! work has probably paused, so the forecast is updated every minute. To keep the status line stable, a new forecast
//! replaces the old one only if the two differ by more than the typical error.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Outlook, from_minutes, in_minutes, time_since_start};
use crate::claude::window_usage::WindowUsage;
use crate::time::FIVE_HOURS;

/// The time and percentage of a reading.
pub type Level = (DateTime<Utc>, f64);

/// The decay time constant for the recent pace, in minutes.
const RECENT_MEMORY: f64 = 70.0;
/// The decay time constant for the current pace, in minutes.
const CURRENT_MEMORY: f64 = 15.0;
/// The number of minutes for which the current pace is assumed to continue. This is how long a group of subagents
/// typically runs.
pub const CURRENT_LASTS: f64 = 20.0;
/// The maximum number of levels used to calculate a pace. More levels do not improve the result.
const MAX_LEVELS: usize = 30;
/// The minimum age of a window for a forecast.
const NO_FORECAST_BEFORE: TimeDelta = TimeDelta::minutes(10);
/// The minimum usage for a forecast, as a percentage.
pub const NO_FORECAST_BELOW: f64 = 10.0;
/// The maximum number of minutes for which the recent pace can be extrapolated. After that, people take breaks.
const LOOKS_AHEAD: f64 = 93.0;
/// The maximum number of minutes for which the current pace alone is reliable.
const SOON: f64 = 15.0;
/// The latest time for which a full window is worth a warning, as a fraction of the time until the reset. A window that
/// fills up shortly before its reset does not stop much work.
const BEFORE_RESET: f64 = 0.8;
/// The factor that accounts for additional pauses in the coming hours.
const MORE_PAUSES: f64 = 1.05;
/// The interval between forecasts during a pause.
const PAUSE_STEP: TimeDelta = TimeDelta::minutes(1);
/// The number of recent gaps between levels that are used to calculate the usual gap.
const GAPS: usize = 5;
/// The maximum difference, in minutes, between a new forecast and an old one that is kept.
const TOLERANCE: f64 = 2.0;
/// The fraction of the remaining time to add to [`TOLERANCE`].
const TOLERANCE_SHARE: f64 = 0.04;
/// The average unused fraction of the current percentage point.
const HALF_POINT: f64 = 0.5;

/// The pace at which a window fills up, in percentage points per minute.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The average pace, weighted toward the last hour.
    pub recent: f64,
    /// The average pace, weighted toward the last 15 minutes. It is assumed to continue for [`CURRENT_LASTS`] minutes.
    pub current: f64,
}

impl Pace {
    /// Calculates the pace from a window's levels, oldest first. Usage is interpolated linearly between levels, so
    /// without any levels, the result is the average pace since the start of the window. Returns `None` if the reset
    /// time has passed or is unknown.
    pub fn new(levels: &[Level], usage: &WindowUsage, now: DateTime<Utc>) -> Option<Self> {
        let since_start = in_minutes(time_since_start(usage, FIVE_HOURS, now)?);
        let levels = levels_by_minute(levels, usage)?;
        Some(Self::from_minutes(&levels, usage.used_percent, since_start))
    }

    /// Calculates the pace `since_start` minutes after the start of the window.
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
            // Idle sessions may report an outdated level.
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

    /// Returns the number of minutes until usage has increased by the given number of percentage points.
    fn minutes_to(&self, percent: f64) -> f64 {
        let remainder = percent - self.current * CURRENT_LASTS;
        if remainder > 0.0 {
            CURRENT_LASTS + remainder / self.recent
        } else {
            percent / self.current
        }
    }
}

/// A level with its time in minutes since the start of the window.
#[derive(Debug, Clone, Copy)]
struct MinuteLevel {
    minute: f64,
    percent: f64,
}

fn levels_by_minute(levels: &[Level], usage: &WindowUsage) -> Option<Vec<MinuteLevel>> {
    let start = usage.resets_at? - FIVE_HOURS;
    let by_minute = levels.iter().map(|(at, percent)| MinuteLevel {
        minute: in_minutes(*at - start),
        percent: *percent,
    });
    Some(by_minute.collect())
}

/// Returns the weight of usage between two times, both in minutes before now.
fn weight_between(ago: f64, longer_ago: f64, memory: f64) -> f64 {
    weight_before(ago, memory) - weight_before(longer_ago, memory)
}

/// Returns the weight of all usage that is older than `ago` minutes. This approximates `e^(-ago / memory)`, because the
/// exact calculation would require loading the math library on every start.
fn weight_before(ago: f64, memory: f64) -> f64 {
    (1.0 + ago / (2.0 * memory)).powi(-2)
}

/// Calculates the forecast for a given pace. Returns `None` if the window is full or has just started.
fn forecast(pace: Pace, usage: &WindowUsage, now: DateTime<Utc>) -> Option<Outlook> {
    let since_start = time_since_start(usage, FIVE_HOURS, now)?;
    if since_start < NO_FORECAST_BEFORE || usage.used_percent >= 100.0 {
        return None;
    }
    let until_reset = in_minutes(FIVE_HOURS - since_start);
    let remaining = 100.0 - usage.used_percent + HALF_POINT;
    let at_recent_pace = remaining / pace.recent;
    let until_full = MORE_PAUSES * pace.minutes_to(remaining);

    let is_soon = until_full < SOON.min(until_reset);
    let is_before_reset =
        at_recent_pace < LOOKS_AHEAD.min(until_reset) && until_full < BEFORE_RESET * until_reset;
    Some(
        if usage.used_percent >= NO_FORECAST_BELOW && (is_soon || is_before_reset) {
            let full_at = now + from_minutes(until_full);
            Outlook::WillFill(full_at, full_at)
        } else if at_recent_pace > 2.0 * until_reset {
            Outlook::WillNotFill
        } else {
            Outlook::Unpredictable
        },
    )
}

/// Returns the usual time between two levels, in minutes. This is the median of the most recent gaps.
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

/// Returns the current forecast for a window, based on its current usage and on its earlier levels. The oldest level
/// comes first.
pub fn outlook(levels: &[Level], usage: &WindowUsage, now: DateTime<Utc>) -> Option<Outlook> {
    let by_minute = levels_by_minute(levels, usage)?;
    let mut in_effect = None;
    for (index, (at, percent)) in levels.iter().enumerate() {
        let known = by_minute.get(..=index).unwrap_or_default();
        let next_at = levels.get(index + 1).map_or(now, |(next, _)| *next);
        let usage_then = WindowUsage {
            used_percent: *percent,
            ..*usage
        };
        in_effect = updated(in_effect, known, &usage_then, *at);
        let mut pause_at = *at + from_minutes(usual_gap(known)) + PAUSE_STEP;
        while pause_at < next_at {
            in_effect = updated(in_effect, known, &usage_then, pause_at);
            pause_at += PAUSE_STEP;
        }
    }
    let has_present_level = levels
        .last()
        .is_some_and(|(_, percent)| (usage.used_percent - percent).abs() < 1.0);
    let has_passed = matches!(in_effect, Some(Outlook::WillFill(at, _)) if at <= now);
    if has_present_level && !has_passed {
        in_effect
    } else {
        updated(in_effect, &by_minute, usage, now)
    }
}

/// Makes a new forecast and returns it, or returns the forecast in effect if the two hardly differ.
fn updated(
    in_effect: Option<Outlook>,
    levels: &[MinuteLevel],
    usage: &WindowUsage,
    now: DateTime<Utc>,
) -> Option<Outlook> {
    let since_start = in_minutes(time_since_start(usage, FIVE_HOURS, now)?);
    let pace = Pace::from_minutes(levels, usage.used_percent, since_start);
    let newest = forecast(pace, usage, now)?;
    let (Some(Outlook::WillFill(before, _)), Outlook::WillFill(after, _)) = (in_effect, newest)
    else {
        return Some(newest);
    };
    let tolerance = from_minutes(TOLERANCE + TOLERANCE_SHARE * in_minutes(after - now));
    if before <= now || after < before - tolerance {
        return Some(newest);
    }
    if after <= before + tolerance {
        return in_effect;
    }
    // During a pause, each forecast is slightly later than the previous one. The margin keeps the next few forecasts
    // within the tolerance.
    let with_margin = after + tolerance / 2;
    if usage.resets_at.is_some_and(|reset| with_margin < reset) {
        Some(Outlook::WillFill(with_margin, with_margin))
    } else {
        Some(newest)
    }
}
