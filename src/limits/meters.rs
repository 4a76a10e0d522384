//! What the meters say about a window at the time of the error.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::evidence::{Evidence, Sample};
use super::kind::Window;
use crate::claude::meters::{Meter, SpendMeter};
use crate::time::{FIVE_HOURS, in_words};

/// A window counts as full from here, in percent: the server rounds, and refuses a little early.
pub(crate) const FULL_FROM: f64 = 97.0;
/// An older reading proves nothing about a false limit.
pub(crate) const FRESH_FOR: TimeDelta = TimeDelta::minutes(15);
/// The figures that come with a refusal are told within seconds.
const RIGHT_AFTER: TimeDelta = TimeDelta::minutes(2);
/// How fast a window can fill: 100% in 70 minutes has been reported, which is 1.4% a minute.
const FASTEST_PER_MINUTE: f64 = 1.5;
/// However old a fresh reading is, a window further away than this had room.
const MOST_GROWTH: f64 = 12.0;
/// A refusal with details weighs more than a figure from before it: subagents fill a window in
/// bursts between two draws of the status line.
const DOUBT_AGAINST_THE_SERVER: f64 = 10.0;
/// The longest that a limit in dollars lasts: a month.
const LONGEST_PERIOD: TimeDelta = TimeDelta::days(31);

/// How full a window was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fullness {
    /// The limit is real.
    Full,
    /// Measured lately, and far from full.
    Low,
    /// Measured shortly before the error, and so close to full that it may have filled up since.
    Close,
    /// Not measured lately, or not measured at all.
    Unmeasured,
}

/// How full `window` was at the error.
pub(super) fn fullness(evidence: &Evidence, window: Window) -> Fullness {
    let Some((sample, meter)) = fresh(evidence, window) else {
        return Fullness::Unmeasured;
    };
    let before = (evidence.at - measured(evidence, sample)).max(TimeDelta::zero());
    let by_time = (before.num_seconds() as f64 / 60.0 * FASTEST_PER_MINUTE).min(MOST_GROWTH);
    let growth = by_time + evidence.quota().map_or(0.0, |_| DOUBT_AGAINST_THE_SERVER);
    if meter.used_percent >= FULL_FROM {
        Fullness::Full
    } else if sample.at < evidence.at && meter.used_percent + growth >= FULL_FROM {
        Fullness::Close
    } else {
        // What is told after the error counts in the error itself.
        Fullness::Low
    }
}

/// The window that is full, if one is. With both full it is the weekly one that holds longer.
pub(super) fn full_window(evidence: &Evidence) -> Option<Window> {
    [Window::Weekly, Window::FiveHour]
        .into_iter()
        .find(|window| fullness(evidence, *window) == Fullness::Full)
}

/// Whether every window that was measured lately has room, and the five-hour window was.
pub(super) fn all_low(evidence: &Evidence) -> bool {
    let [five_hour, weekly] = [Window::FiveHour, Window::Weekly];
    fullness(evidence, five_hour) == Fullness::Low
        && [Fullness::Low, Fullness::Unmeasured].contains(&fullness(evidence, weekly))
}

/// The meter of a window at the error, from the samples that describe the window in which the
/// error came. None if there is none, however old it may be.
///
/// What was told right after the error comes first, the fullest of it: the status line may be
/// drawn once more with the old figures before the refusal's arrive. Then what was told later,
/// then what was told last before the error. A window may also be reset early, so a lower figure
/// from later on says nothing.
pub(super) fn near(evidence: &Evidence, window: Window) -> Option<(&Sample, Meter)> {
    near_of(evidence, window.length(), |sample| sample.meter(window))
}

/// A window at the error, or as it filled up in the hours after it.
pub(super) fn near_or_since(evidence: &Evidence, window: Window) -> Option<Meter> {
    let near = near(evidence, window).map(|(_, meter)| meter);
    let hours = evidence.at..evidence.at + FIVE_HOURS;
    let told = evidence.windows.newest_sample.as_ref();
    let told = told.filter(|it| hours.contains(&it.measured) && evidence.is_own(it));
    let since = told.and_then(|it| it.meter(window));
    let since = since.filter(|it| it.is_used_up() && near.is_none_or(|near| near.is_of_run(it)));
    since.or(near)
}

/// A gateway's spend limit as it was told near the error: the fullest that the user has there, whatever its period.
pub(super) fn spend_limit(evidence: &Evidence) -> Option<(&Sample, SpendMeter)> {
    let meter = |sample: &Sample| Some(sample.others.spend_limit?.meter);
    let (sample, _) = near_of(evidence, LONGEST_PERIOD, meter)?;
    Some((sample, sample.others.spend_limit?))
}

/// When a gateway's spend limit starts again, if it was full at the error: else it is another one
/// that refused.
pub(super) fn spend_limit_resets_at(evidence: &Evidence) -> Option<DateTime<Utc>> {
    let (_, limit) = spend_limit(evidence)?;
    let is_full = limit.meter.used_percent >= FULL_FROM;
    limit.meter.resets_at.filter(|_| is_full)
}

fn near_of(
    evidence: &Evidence,
    length: TimeDelta,
    meter: impl Fn(&Sample) -> Option<Meter>,
) -> Option<(&Sample, Meter)> {
    let at = evidence.at;
    // A minute of slack: clocks differ, and the server rounds.
    let latest_end = at + length + TimeDelta::minutes(1);
    let told = evidence.windows.samples.iter();
    let told = told.filter(|it| it.since - at <= FRESH_FOR && evidence.is_own(it));
    let told = told.filter_map(|sample| Some((sample, meter(sample)?)));
    let told = told.filter(|(sample, meter)| {
        // One that is over may still be the one that refused, if it is told after the error.
        let may_refuse = |end| end <= latest_end && (end > at || sample.at >= at);
        meter.resets_at.is_none_or(may_refuse)
    });
    let (after, before): (Vec<_>, Vec<_>) = told.partition(|(sample, _)| sample.at >= at);
    let right_after = after.iter();
    right_after
        .filter(|(sample, _)| sample.since - at <= RIGHT_AFTER)
        .max_by(|(_, one), (_, other)| one.used_percent.total_cmp(&other.used_percent))
        .or(after.first())
        .or(before.last())
        .copied()
}

/// Like [`near`], but only if it is fresh enough to speak for or against a limit.
pub(super) fn fresh(evidence: &Evidence, window: Window) -> Option<(&Sample, Meter)> {
    near(evidence, window)
        .filter(|(sample, _)| evidence.at - measured(evidence, sample) <= FRESH_FOR)
}

/// How far `/usage` showed a window to be used, in percent, if that was around the error.
pub(super) fn shown(evidence: &Evidence, window: Window) -> Option<f64> {
    let usage = evidence.windows.usage.as_ref()?;
    let mut windows = usage.windows.iter();
    let shown = windows.find(|shown| shown.name == window.rate_limit_type())?;
    ((evidence.at - usage.at).abs() <= FRESH_FOR).then_some(shown.percent)
}

/// When the figures of a sample were measured. A refusal that names the windows brings new figures
/// with it, so what was told afterwards is as new as the error.
pub(super) fn measured(evidence: &Evidence, sample: &Sample) -> DateTime<Utc> {
    if sample.at >= evidence.at && evidence.quota().is_some() {
        sample.at
    } else {
        sample.measured
    }
}

/// How old a reading was at the error: "1 m before the error", "right after the error".
pub(super) fn age_at_error(evidence: &Evidence, sample: &Sample) -> String {
    let age = evidence.at - measured(evidence, sample);
    let since = sample.since - evidence.at;
    if age > TimeDelta::zero() {
        format!("{} before the error", in_words(age))
    } else if since < TimeDelta::minutes(1) {
        "right after the error".to_owned()
    } else {
        format!("{} after the error", in_words(since))
    }
}

/// 41, 99.5.
pub(super) fn percent(value: f64) -> String {
    let digits = usize::from((value - value.round()).abs() >= 0.05);
    format!("{value:.digits$}")
}
