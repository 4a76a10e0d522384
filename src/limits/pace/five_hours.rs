//! The five-hour window, by how it rose of late.
//!
//! A forecast is made whenever the window came to another percent, and every minute once it rests for
//! longer than it did of late between two percents: only then is that a pause.
//! One that was made stays until a newer one is further from it than it can be trusted, so that the
//! line does not change its mind at every draw.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Outlook, minutes, of_minutes, passed};
use crate::claude::meters::Meter;
use crate::time::FIVE_HOURS;

/// A window was at a level, in percent, when somebody was told so.
pub type Level = (DateTime<Utc>, f64);

/// How fast the weight of what is past fades, in minutes: for what goes on, and for what goes on now.
const MEMORIES: [f64; 2] = [70.0, 15.0];
/// What goes on now, as a swarm of subagents does, is taken to go on for so many minutes.
pub const STAYS: f64 = 20.0;
/// More levels than these bring a forecast no closer.
const STEPS: usize = 30;
/// Before so much has passed nobody can tell when a window will be full.
const BEGINNING: TimeDelta = TimeDelta::minutes(10);
/// In percent: of a window that is used less, nobody can tell when it will be full.
pub const LEAST: f64 = 10.0;
/// People pause: further ahead than this, in minutes, a pace says little.
const TRUSTED: f64 = 93.0;
/// So near, in minutes, what goes on now is enough.
const NEAR: f64 = 15.0;
/// Of the time to the reset. A window that is full so shortly before it may as well not be.
const BEFORE_RESET: f64 = 0.8;
/// Pauses are shorter in the past that is looked at than in what comes.
const LATER: f64 = 1.05;
/// A pause is noticed so much later.
const EVERY: TimeDelta = TimeDelta::minutes(1);
/// Of so many gaps between levels the middle one is the usual one.
const GAPS: usize = 5;
/// A forecast stays if it is off by no more than so many minutes, and this share of what is left.
const OFF: (f64, f64) = (2.0, 0.04);
/// The percent that a window has just come to is half ahead of it, as at any look.
const BEGUN: f64 = 0.5;

/// How fast a window rises, in percent a minute.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The last hour counts most.
    pub of_the_hour: f64,
    /// The last quarter of an hour counts most; it stays for [`STAYS`] minutes.
    pub of_now: f64,
}

impl Pace {
    /// By the levels that a window was told to have, oldest first, up to its present one. Whatever
    /// lies between two levels is taken as having come evenly, so without any this is the straight
    /// line since it began. None if it is over.
    pub fn new(levels: &[Level], meter: &Meter, now: DateTime<Utc>) -> Option<Self> {
        let all = minutes(passed(meter, FIVE_HOURS, now)?);
        let levels = by_minute(levels, meter)?;
        Some(Self::after(&levels, meter.used_percent, all))
    }

    /// The same so many minutes after the window began.
    fn after(levels: &[(f64, f64)], used: f64, all: f64) -> Self {
        let levels = levels.iter().rev().take(STEPS).rev().copied();
        let (mut since, mut level, mut rises) = (all, 0.0, [0.0; 2]);
        for (at, next) in levels.chain([(all, used)]) {
            let ago = (all - at).max(0.0);
            // A session that was idle may tell an older level.
            if next > level {
                let span = (since - ago).max(1.0);
                for (sum, memory) in rises.iter_mut().zip(MEMORIES) {
                    *sum +=
                        (next - level) / span * (faded(ago, memory) - faded(ago + span, memory));
                }
                level = next;
            }
            since = since.min(ago);
        }
        let [of_the_hour, of_now] = rises;
        let weight_of_all = MEMORIES.map(|memory| 1.0 - faded(all, memory));
        Self {
            of_the_hour: of_the_hour / weight_of_all[0],
            of_now: of_now / weight_of_all[1],
        }
    }

    /// In how many minutes it rises by so many percent.
    fn minutes_to(&self, percent: f64) -> f64 {
        let beyond = percent - self.of_now * STAYS;
        if beyond > 0.0 {
            STAYS + beyond / self.of_the_hour
        } else {
            percent / self.of_now
        }
    }
}

/// Levels with the minutes since the window began.
fn by_minute(levels: &[Level], meter: &Meter) -> Option<Vec<(f64, f64)>> {
    let begun = meter.resets_at? - FIVE_HOURS;
    let by_minute = |(at, level): &Level| (minutes(*at - begun), *level);
    Some(levels.iter().map(by_minute).collect())
}

/// What a minute counts that is so many minutes past: about e^(-ago / memory). That itself would make
/// every start load the library of mathematics.
fn faded(ago: f64, memory: f64) -> f64 {
    (1.0 + ago / (2.0 * memory)).powi(-2)
}

/// What is to be expected at this pace. None in the beginning, when nothing can be said, and of a
/// window that is full.
fn at_pace(pace: Pace, meter: &Meter, now: DateTime<Utc>) -> Option<Outlook> {
    let passed = passed(meter, FIVE_HOURS, now).filter(|passed| *passed >= BEGINNING)?;
    let until_reset = minutes(FIVE_HOURS - passed);
    let left = Some(100.0 - meter.used_percent).filter(|left| *left > 0.0)? + BEGUN;
    let (by_the_hour, until_full) = (left / pace.of_the_hour, LATER * pace.minutes_to(left));
    let goes_on = by_the_hour < TRUSTED.min(until_reset);
    let is_expected =
        until_full < NEAR.min(until_reset) || goes_on && until_full < BEFORE_RESET * until_reset;
    Some(if meter.used_percent >= LEAST && is_expected {
        let at = now + of_minutes(until_full);
        Outlook::Full(at, at)
    } else if by_the_hour > 2.0 * until_reset {
        Outlook::Lasts
    } else {
        Outlook::Open
    })
}

/// How many minutes a window rested of late between two levels: the middle one of the last gaps.
fn usual_gap(levels: &[(f64, f64)]) -> f64 {
    let backwards = levels.iter().rev();
    let gaps = backwards.clone().zip(backwards.skip(1)).take(GAPS);
    let mut gaps: Vec<f64> = gaps.map(|(next, one)| next.0 - one.0).collect();
    gaps.sort_unstable_by(f64::total_cmp);
    gaps.get(gaps.len() / 2).copied().unwrap_or_default()
}

/// What is to be expected of a window that came to these levels, oldest first, and is at this one now.
pub fn outlook(levels: &[Level], meter: &Meter, now: DateTime<Utc>) -> Option<Outlook> {
    let mut said = None;
    let by_minute = by_minute(levels, meter)?;
    for (nth, (at, level)) in levels.iter().enumerate() {
        let known = by_minute.get(..=nth).unwrap_or_default();
        let next = levels.get(nth + 1).map_or(now, |(next, _)| *next);
        let told = Meter {
            used_percent: *level,
            ..*meter
        };
        said = renewed(said, known, &told, *at);
        let mut then = *at + of_minutes(usual_gap(known)) + EVERY;
        while then < next {
            said = renewed(said, known, &told, then);
            then += EVERY;
        }
    }
    let is_told = |(_, level): &Level| (meter.used_percent - level).abs() < 1.0;
    let is_over = matches!(said, Some(Outlook::Full(at, _)) if at <= now);
    if levels.last().is_some_and(is_told) && !is_over {
        said
    } else {
        renewed(said, &by_minute, meter, now)
    }
}

/// What is said from now on, where this was `said`.
fn renewed(
    said: Option<Outlook>,
    levels: &[(f64, f64)],
    meter: &Meter,
    now: DateTime<Utc>,
) -> Option<Outlook> {
    let all = minutes(passed(meter, FIVE_HOURS, now)?);
    let fresh = at_pace(Pace::after(levels, meter.used_percent, all), meter, now)?;
    let (Some(Outlook::Full(before, _)), Outlook::Full(at, _)) = (said, fresh) else {
        return Some(fresh);
    };
    let (fixed, share) = OFF;
    let off = of_minutes(fixed + share * minutes(at - now));
    if before <= now || at < before - off {
        return Some(fresh);
    }
    if at <= before + off {
        return said;
    }
    // While somebody pauses, it comes later at every look. What is said then is said for a while.
    let later = Some(at + off / 2).filter(|later| meter.resets_at.is_some_and(|at| *later < at));
    later.map(|at| Outlook::Full(at, at)).or(Some(fresh))
}
