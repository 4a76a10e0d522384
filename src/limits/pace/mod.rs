//! Whether a window will be full before it starts afresh, by how it rose of late.
//!
//! What is here was chosen by measuring it against others: docs/pace.md.

#[cfg(test)]
mod simulation;

use chrono::{DateTime, TimeDelta, Utc};

use super::FRESH_FOR;
use crate::claude::meters::{Meter, Windows};
use crate::time::FIVE_HOURS;

/// How fast the weight of what is past fades, in minutes.
const MEMORY: f64 = 60.0;

/// Before so much has passed, and of less than this, in percent, nobody can tell when it will be full.
const BEGINNING: TimeDelta = TimeDelta::minutes(10);
pub(crate) const LEAST: f64 = 10.0;

/// What is to be expected of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outlook {
    /// Full then, at this pace, before it starts afresh.
    FullAt(DateTime<Utc>),
    /// It starts afresh before it is full, even at twice the pace.
    Lasts,
    /// It may be full before: nobody can tell.
    Open,
}

/// A window by name, and what is to be expected of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) name: &'static str,
    pub(crate) meter: Meter,
    pub(crate) length: TimeDelta,
    pub(crate) outlook: Outlook,
}

/// How long a window has been running. None if that is over, or is not known.
fn passed(meter: &Meter, length: TimeDelta, now: DateTime<Utc>) -> Option<TimeDelta> {
    let begun = meter.resets_at.filter(|at| *at > now)? - length;
    Some(now - begun).filter(|passed| *passed > TimeDelta::zero())
}

/// Percent a minute from the levels that a window was told to have, oldest first, up to its present
/// one; the last hour counts most. Whatever lies between two levels is taken as having come evenly,
/// so without any this is the straight line since the window began.
pub(crate) fn recent_rate(
    levels: impl Iterator<Item = (DateTime<Utc>, f64)>,
    meter: &Meter,
    now: DateTime<Utc>,
) -> Option<f64> {
    let all = minutes(passed(meter, FIVE_HOURS, now)?);
    // About e^(-ago / MEMORY). That itself would make every start load the library of mathematics.
    let weight_at = |ago: f64| (1.0 + ago / (4.0 * MEMORY)).powi(-4);
    let (mut since, mut level, mut sum) = (all, 0.0, 0.0);
    let ago = |at: DateTime<Utc>| minutes(now - at).max(0.0);
    for (ago, next) in levels
        .map(|(at, level)| (ago(at), level))
        .chain([(0.0, meter.used_percent)])
    {
        // A session that was idle may tell an older level.
        if next > level {
            let span = (since - ago).max(1.0);
            sum += (next - level) / span * (weight_at(ago) - weight_at(ago + span));
            level = next;
        }
        since = since.min(ago);
    }
    Some(sum / (1.0 - weight_at(all)))
}

/// What is to be expected of the windows. Nothing by figures that are not new: how fast a window
/// fills is only known while they are.
pub(crate) fn expected(windows: &Windows, now: DateTime<Utc>) -> impl Iterator<Item = Expected> {
    let is_fresh = now - windows.measured <= FRESH_FOR;
    let rate = windows.five_hour_rate;
    let named = windows.named().filter(move |_| is_fresh);
    named.filter_map(move |(name, meter, length)| {
        let rate = rate.filter(|_| length == FIVE_HOURS);
        Some(Expected {
            name,
            meter,
            length,
            outlook: outlook(&meter, length, rate, now)?,
        })
    })
}

/// None in the beginning, when nothing can be said, and of a window that is full.
fn outlook(
    meter: &Meter,
    length: TimeDelta,
    rate: Option<f64>,
    now: DateTime<Utc>,
) -> Option<Outlook> {
    let passed = passed(meter, length, now).filter(|passed| *passed >= BEGINNING)?;
    let left = Some(100.0 - meter.used_percent).filter(|left| *left > 0.0)?;
    let rate = rate.unwrap_or(meter.used_percent / minutes(passed));
    // People pause: further ahead than this, a pace says little.
    let trusted = minutes(length) * 0.3;
    let (until_full, until_reset) = (left / rate, minutes(length - passed));
    Some(if until_full > 2.0 * until_reset {
        Outlook::Lasts
    } else if meter.used_percent >= LEAST && until_full < until_reset.min(trusted) {
        #[expect(clippy::cast_possible_truncation, reason = "a week's seconds at most")]
        Outlook::FullAt(now + TimeDelta::seconds((until_full * 60.0) as i64))
    } else {
        Outlook::Open
    })
}

fn minutes(span: TimeDelta) -> f64 {
    span.num_seconds() as f64 / 60.0
}
