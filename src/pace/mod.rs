//! Forecasts when a usage window or a budget will be used up.
//!
//! The same rule applies to all of them: usage continues at its average rate, breaks included, over the last quarter of
//! the period. A quarter is 75 minutes of a 5-hour window, and a week of a month. A shorter time would mistake a burst
//! for the usual rate, and a longer one would notice a burst too late. In a period of several days, the rate is
//! measured over whole days, because nobody works around the clock.

use chrono::{DateTime, TimeDelta, Utc};

use crate::claude::window_usage::{is_same_reset, window_length};
use crate::limits::{self, FRESH_FOR, Kind};

/// The share of a period over which the rate is measured, as a divisor of its length.
const MEASURED_SHARE: i32 = 4;

/// The minimum share of a period over which a rate is measured, as a divisor of its length.
const LEAST_MEASURED_SHARE: i32 = 8;

/// The share of a period that must have passed before there is a forecast: ten minutes of a 5-hour window.
const LEAST_PASSED_SHARE: i32 = 30;

const DAY_HOURS: f64 = 24.0;

/// The usage below which a window has no forecast, in percent.
const LEAST_PERCENT: f64 = 10.0;

/// Times farther away than this are rounded to [`ROUNDED_TO`], so that a forecast does not change with every reading.
const ROUNDED_BEYOND: TimeDelta = TimeDelta::minutes(30);
const ROUNDED_TO: TimeDelta = TimeDelta::minutes(5);

/// A period over which usage adds up. At its end, usage starts again from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacePeriod {
    /// The time at which usage was zero.
    pub start: DateTime<Utc>,
    /// The end of the period, such as the reset of a usage window.
    pub end: DateTime<Utc>,
}

/// The usage since the start of a period, at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The time of the reading.
    pub at: DateTime<Utc>,
    /// The usage, for example in percent or in dollars.
    pub used: f64,
}

/// The rate at which usage grows, and the usage that it leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// The usage now.
    pub now: Level,
    /// The time since which the rate is measured.
    pub since: DateTime<Utc>,
    /// The average growth per hour.
    pub per_hour: f64,
    /// The expected usage at the end of the period, which may exceed the limit.
    pub at_end: f64,
}

impl Pace {
    /// Measures the rate from the current usage and from earlier readings in any order. Readings from outside the
    /// period are ignored. If there are no earlier readings, the rate is the average since the start of the period.
    ///
    /// Returns `None` if the period has only just started or is over.
    pub fn new(period: PacePeriod, earlier: &[Level], now: Level) -> Option<Self> {
        let length = period.end - period.start;
        if now.at >= period.end || now.at - period.start < length / LEAST_PASSED_SHARE {
            return None;
        }
        let wanted = now.at - length / MEASURED_SHARE;
        let start = Level {
            at: period.start,
            used: 0.0,
        };
        let measurable = period.start..=now.at - length / LEAST_MEASURED_SHARE;
        let before = earlier
            .iter()
            .filter(|reading| measurable.contains(&reading.at))
            .chain([&start])
            .min_by_key(|reading| (reading.at - wanted).abs())?;
        // A session may report an outdated figure, but usage never shrinks.
        let growth = (now.used - before.used).max(0.0);
        let mut measured = hours(now.at - before.at);
        if hours(length) > DAY_HOURS {
            measured = (measured / DAY_HOURS).ceil() * DAY_HOURS;
        }
        let per_hour = growth / measured;
        Some(Self {
            now,
            since: before.at,
            per_hour,
            at_end: now.used + per_hour * hours(period.end - now.at),
        })
    }

    /// Returns the pace of a usage window, whose usage is in percent. Returns `None` if the window has only just started,
    /// has reset, is full, or has hardly been used.
    pub fn of_window(
        resets_at: DateTime<Utc>,
        length: TimeDelta,
        earlier: &[Level],
        now: Level,
    ) -> Option<Self> {
        if !(LEAST_PERCENT..100.0).contains(&now.used) {
            return None;
        }
        let period = PacePeriod {
            start: resets_at - length,
            end: resets_at,
        };
        Self::new(period, earlier, now)
    }

    /// Returns the time at which the limit is reached if usage continues at this rate. Returns `None` if the period ends
    /// before that, or if the limit has been reached already.
    pub fn full_at(&self, limit: f64) -> Option<DateTime<Utc>> {
        let left = limit - self.now.used;
        if left <= 0.0 || self.at_end < limit {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is within the period")]
        let distance = TimeDelta::seconds((left / self.per_hour * 3600.0) as i64);
        let step = if distance > ROUNDED_BEYOND {
            ROUNDED_TO
        } else {
            TimeDelta::minutes(1)
        };
        let full_at = self.now.at + distance + step / 2;
        let seconds = full_at.timestamp();
        DateTime::from_timestamp(seconds - seconds % step.num_seconds(), 0)
    }
}

/// The pace of a usage window, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowPace {
    /// The window.
    pub window: Kind,
    /// The pace.
    pub pace: Pace,
}

impl WindowPace {
    /// Returns the pace of a window according to its readings, which must be in chronological order. Returns `None` if
    /// the window is full, if the newest reading is old, or if [`Pace::of_window`] is `None`.
    pub(crate) fn of(readings: &[limits::Reading], now: DateTime<Utc>) -> Option<Self> {
        let (newest, earlier) = readings.split_last()?;
        let window = newest.measure.window;
        let resets_at = newest.measure.resets_at?;
        if newest.is_full() || now - newest.at > FRESH_FOR {
            return None;
        }
        // The newest reading comes first. If two readings are equally close to the time from which the rate should be
        // measured, the first of them is used.
        let of_this_window: Vec<Level> = earlier
            .iter()
            .rev()
            .filter(|reading| {
                let reset = reading.measure.resets_at;
                reset.is_some_and(|reset| is_same_reset(reset, resets_at))
            })
            .map(|reading| Level {
                at: reading.at,
                used: reading.measure.percent,
            })
            .collect();
        let used = Level {
            at: now,
            used: newest.measure.percent,
        };
        let pace = Pace::of_window(resets_at, window_length(window), &of_this_window, used)?;
        Some(Self { window, pace })
    }

    /// Creates a pace at which the window is full at `full_at`, or at which it lasts until its reset.
    #[cfg(test)]
    pub(crate) fn example(
        window: Kind,
        used: f64,
        now: DateTime<Utc>,
        full_at: Option<DateTime<Utc>>,
    ) -> Self {
        let per_hour = full_at.map_or(0.0, |at| {
            (100.0 - used) * 3600.0 / (at - now).num_seconds() as f64
        });
        Self {
            window,
            pace: Pace {
                now: Level { at: now, used },
                since: now,
                per_hour,
                at_end: if full_at.is_some() { 100.0 } else { used },
            },
        }
    }

    /// Returns the time at which the window is full at this pace, or `None` if it resets before that.
    pub(crate) fn full_at(&self) -> Option<DateTime<Utc>> {
        self.pace.full_at(100.0)
    }
}

fn hours(span: TimeDelta) -> f64 {
    span.num_seconds() as f64 / 3600.0
}
