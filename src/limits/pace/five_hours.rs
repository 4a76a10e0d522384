//! The five-hour window, by how it rose of late.
//!
//! A forecast is made whenever the window came to another percent, and every two minutes after that.
//! One that was made stays until a newer one is further from it than it can be trusted, so that the
//! line does not change its mind at every draw.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Outlook, minutes, of_minutes, passed};
use crate::claude::meters::Meter;
use crate::time::FIVE_HOURS;

/// A window was at a level, in percent, when somebody was told so.
pub type Level = (DateTime<Utc>, f64);

/// How fast the weight of what is past fades, in minutes.
const MEMORY: f64 = 60.0;
/// More levels than these bring a forecast no closer.
const STEPS: usize = 18;
/// Before so much has passed nobody can tell when a window will be full.
const BEGINNING: TimeDelta = TimeDelta::minutes(10);
/// In percent: of a window that is used less, nobody can tell when it will be full.
pub const LEAST: f64 = 10.0;
/// People pause: further ahead than this, in minutes, a pace says little.
const TRUSTED: f64 = 90.0;
/// A pause is noticed so much later.
const EVERY: TimeDelta = TimeDelta::minutes(2);
/// A forecast stays if it is off by no more than so many minutes, and this share of what is left.
const OFF: (f64, f64) = (3.0, 0.05);
/// The percent that a window has just come to is half ahead of it, as at any look.
const BEGUN: f64 = 0.5;

/// Percent a minute from the levels that a window was told to have, oldest first, up to its present
/// one; the last hour counts most. Whatever lies between two levels is taken as having come evenly,
/// so without any this is the straight line since the window began.
pub fn recent_rate(levels: &[Level], meter: &Meter, now: DateTime<Utc>) -> Option<f64> {
    let all = minutes(passed(meter, FIVE_HOURS, now)?);
    // About e^(-ago / MEMORY). That itself would make every start load the library of mathematics.
    let weight_at = |ago: f64| (1.0 + ago / (4.0 * MEMORY)).powi(-4);
    let levels = levels.get(levels.len().saturating_sub(STEPS)..)?;
    let (mut since, mut level, mut sum) = (all, 0.0, 0.0);
    let ago = |at: DateTime<Utc>| minutes(now - at).max(0.0);
    let levels = levels.iter().map(|(at, level)| (ago(*at), *level));
    for (ago, next) in levels.chain([(0.0, meter.used_percent)]) {
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

/// What is to be expected of a window at this rate. None in the beginning, when nothing can be said,
/// and of a window that is full.
pub fn at_rate(meter: &Meter, rate: f64, now: DateTime<Utc>) -> Option<Outlook> {
    let passed = passed(meter, FIVE_HOURS, now).filter(|passed| *passed >= BEGINNING)?;
    let left = Some(100.0 - meter.used_percent).filter(|left| *left > 0.0)?;
    let (until_full, until_reset) = (left / rate, minutes(FIVE_HOURS - passed));
    let at = now + of_minutes(until_full.min(until_reset));
    Some(if until_full > 2.0 * until_reset {
        Outlook::Lasts
    } else if meter.used_percent >= LEAST && until_full < until_reset.min(TRUSTED) {
        Outlook::Full(at, at)
    } else {
        Outlook::Open
    })
}

/// What is to be expected of a window that came to these levels, oldest first, and is at this one now.
pub fn outlook(levels: &[Level], meter: &Meter, now: DateTime<Utc>) -> Option<Outlook> {
    let mut said = None;
    for (nth, (at, level)) in levels.iter().enumerate() {
        let known = levels.get(..=nth).unwrap_or_default();
        let next = levels.get(nth + 1).map_or(now, |(next, _)| *next);
        let told = Meter {
            used_percent: *level,
            ..*meter
        };
        let mut then = *at;
        loop {
            said = renewed(said, known, &told, then);
            then += EVERY;
            if then >= next {
                break;
            }
        }
    }
    let is_told = |(_, level): &Level| (meter.used_percent - level).abs() < 1.0;
    let is_over = matches!(said, Some(Outlook::Full(at, _)) if at <= now);
    if levels.last().is_some_and(is_told) && !is_over {
        said
    } else {
        renewed(said, levels, meter, now)
    }
}

/// What is said from now on, where this was `said`.
fn renewed(
    said: Option<Outlook>,
    levels: &[Level],
    meter: &Meter,
    now: DateTime<Utc>,
) -> Option<Outlook> {
    let left = 100.0 - meter.used_percent;
    let rate = recent_rate(levels, meter, now)? * left / (left + BEGUN);
    let fresh = at_rate(meter, rate, now)?;
    if let (Some(Outlook::Full(before, _)), Outlook::Full(at, _)) = (said, fresh) {
        let (fixed, share) = OFF;
        let off = fixed + share * minutes(at - now);
        if before > now && minutes(at - before).abs() <= off {
            return said;
        }
    }
    Some(fresh)
}
