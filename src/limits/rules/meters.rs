//! What the meters say about a window at the time of the error.

use chrono::TimeDelta;

use crate::limits::evidence::{Evidence, FULL_FROM};
use crate::limits::kind::LimitKind;

/// A window by its meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meter {
    /// Full: the limit is real.
    Full,
    /// Measured lately, and far from full.
    Low,
    /// Measured shortly before the error, and so close to full that it may have filled up since.
    Close,
    /// Not measured lately, or not measured at all.
    Unknown,
}

/// How fast a window can fill: 100 % in 70 minutes has been reported, which is 1.4 % a minute.
const FASTEST_PER_MINUTE: f64 = 1.5;
/// However old a fresh sample is, a window further away than this had room.
const MOST_GROWTH: f64 = 12.0;
/// A refusal with details weighs more than a figure from before it: subagents fill a window in
/// bursts between two draws of the status line.
const DOUBT_AGAINST_THE_SERVER: f64 = 10.0;

/// Reads the meter of a window.
pub(super) fn read(evidence: &Evidence, kind: LimitKind) -> Meter {
    let Some((sample, level)) = evidence.fresh_level(kind) else {
        return Meter::Unknown;
    };
    if level.used_percent >= FULL_FROM {
        return Meter::Full;
    }
    let before = (evidence.at - evidence.measured(sample)).max(TimeDelta::zero());
    // What the client tells after the error counts in the error itself.
    let growth = if sample.at >= evidence.at {
        0.0
    } else {
        let by_time = (before.num_seconds() as f64 / 60.0 * FASTEST_PER_MINUTE).min(MOST_GROWTH);
        let doubt = evidence.quota().map_or(0.0, |_| DOUBT_AGAINST_THE_SERVER);
        by_time + doubt
    };
    if level.used_percent + growth >= FULL_FROM {
        Meter::Close
    } else {
        Meter::Low
    }
}

/// The window that is full, if one is. With both full it is the weekly one that holds longer.
pub(super) fn full_window(evidence: &Evidence) -> Option<LimitKind> {
    [LimitKind::Weekly, LimitKind::FiveHour]
        .into_iter()
        .find(|kind| read(evidence, *kind) == Meter::Full)
}

/// Whether every window that was measured lately has room, and the five-hour window was.
pub(super) fn all_low(evidence: &Evidence) -> bool {
    read(evidence, LimitKind::FiveHour) == Meter::Low
        && matches!(
            read(evidence, LimitKind::Weekly),
            Meter::Low | Meter::Unknown
        )
}
