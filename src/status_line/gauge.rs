//! One window as the line shows it: how full it is, and when it starts afresh.

use chrono::{DateTime, TimeDelta, Utc};

use crate::claude::meters::{Meter, SpendMeter};
use crate::terminal::{Piece, Tone, bar};
use crate::time::{Clock, in_words};

/// Columns of a bar in the line where there is room, and where there is little.
pub(super) const LONG: usize = 10;
pub(super) const SHORT: usize = 5;

/// From here on a window is worth a look, from there on it is nearly full.
pub(crate) const SOON: f64 = 70.0;
const NEARLY: f64 = 90.0;

/// A window as it is shown: what all its forms are put together from.
#[derive(Debug)]
pub(super) struct Gauge {
    pub(super) level: f64,
    /// "5h ".
    label: String,
    /// "42%", and " of $50.00" for a limit in dollars.
    figure: String,
    /// When it starts afresh, and in how long. None once it has.
    resets: Option<(String, String)>,
}

/// How much is said of a reset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Say {
    /// " (resets 14:30, in 1 h 52 m)"
    Distance,
    /// " (resets 14:30)"
    Time,
    /// " ↻14:30"
    Sign,
    Nothing,
}

impl Gauge {
    pub(super) fn new(label: &str, meter: &Meter, clock: Clock) -> Self {
        let level = level(meter, clock);
        let resets_at = meter.resets_at.filter(|at| *at > clock.now);
        Self {
            level,
            label: format!("{label} "),
            figure: format!("{:.0}%", shown(level)),
            resets: resets_at.map(|at| (time_of_reset(at, clock), in_words(at - clock.now))),
        }
    }

    pub(super) fn from_spend(limit: &SpendMeter, clock: Clock) -> Self {
        let mut gauge = Self::new(limit.name(), &limit.meter, clock);
        if let Some(limit) = limit.limit {
            gauge.figure = format!("{} of {}", gauge.figure, limit.show());
        }
        gauge
    }

    pub(super) fn write(&self, columns: usize, say: Say) -> impl Iterator<Item = Piece> {
        let tone = tone(self.level, Tone::Good);
        let reset = self.resets.as_ref().and_then(|(time, left)| match say {
            Say::Distance => Some(format!(" (resets {time}, in {left})")),
            Say::Time => Some(format!(" (resets {time})")),
            Say::Sign => Some(format!(" \u{21bb}{time}")),
            Say::Nothing => None,
        });
        let reset = reset.map(|words| (Tone::Quiet, words));
        meter(&self.label, self.level, columns, tone, self.figure.clone()).chain(reset)
    }
}

/// How far something is used, behind a bar of so many columns.
pub(super) fn meter(
    label: &str,
    level: f64,
    columns: usize,
    tone: Tone,
    figure: String,
) -> impl Iterator<Item = Piece> {
    let bar = (columns > 0).then(|| bar(level, columns, tone));
    let gap = bar.is_some().then(|| (Tone::Plain, " ".to_owned()));
    let label = [(Tone::Quiet, label.to_owned())].into_iter();
    let bar = bar.into_iter().flatten().chain(gap);
    label.chain(bar).chain([(tone, figure)])
}

/// A window whose reset has passed is empty, whatever the client last heard.
pub(crate) fn level(meter: &Meter, clock: Clock) -> f64 {
    if meter.resets_at.is_some_and(|at| at <= clock.now) {
        0.0
    } else {
        meter.used_percent
    }
}

/// 99.6 is not 100: a window is only shown as full when it is.
pub(crate) fn shown(level: f64) -> f64 {
    if level < 100.0 {
        level.round().min(99.0)
    } else {
        level.round()
    }
}

/// The first where a level is harmless, the second where it is worth a look, the third where it is
/// nearly full.
pub(super) fn by_level<T>(level: f64, [harmless, soon, nearly]: [T; 3]) -> T {
    match level {
        level if level >= NEARLY => nearly,
        level if level >= SOON => soon,
        _ => harmless,
    }
}

pub(crate) fn tone(level: f64, harmless: Tone) -> Tone {
    by_level(level, [harmless, Tone::Warning, Tone::Alarm])
}

fn time_of_reset(at: DateTime<Utc>, clock: Clock) -> String {
    match at - clock.now {
        left if left < TimeDelta::hours(20) => clock.time_after("", at),
        left if left < TimeDelta::days(7) => clock.time_after("%a ", at),
        _ => clock.zone.at(at).format("%-d %b").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_full_is_never_shown_as_full() {
        assert!((shown(99.7) - 99.0).abs() < f64::EPSILON);
        assert!((shown(100.0) - 100.0).abs() < f64::EPSILON);
    }
}
