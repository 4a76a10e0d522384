//! One window as the line shows it: how full it is, and when it starts afresh.

use chrono::TimeDelta;

use crate::claude::meters::{Meter, SpendMeter};
use crate::terminal::{Piece, Tone, bar};
use crate::time::{Clock, in_words};

/// Columns of a bar in the line where there is room, and where there is little.
pub(super) const LONG: usize = 10;
pub(super) const SHORT: usize = 5;

/// From here on a window is worth a look, from there on it is nearly full.
pub(crate) const SOON: f64 = 70.0;
pub(super) const NEARLY: f64 = 90.0;

/// A window as it is shown: what all its forms are put together from.
#[derive(Debug)]
pub(super) struct Gauge {
    pub(super) level: f64,
    /// "5h ".
    label: String,
    /// "42%", and " of $50.00" for a limit in dollars.
    figure: String,
    /// None once it has passed.
    resets: Option<ResetWords>,
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
    pub(super) fn of(label: &str, meter: &Meter, clock: Clock) -> Self {
        let level = level(meter, clock);
        Self {
            level,
            label: format!("{label} "),
            figure: format!("{:.0}%", shown(level)),
            resets: ResetWords::of(meter, clock),
        }
    }

    pub(super) fn of_spend(limit: &SpendMeter, clock: Clock) -> Self {
        let mut gauge = Self::of(limit.name(), &limit.meter, clock);
        if let Some(limit) = limit.limit {
            gauge.figure = format!("{} of {}", gauge.figure, limit.show());
        }
        gauge
    }

    pub(super) fn write(&self, columns: usize, say: Say, pieces: &mut Vec<Piece>) {
        let tone = tone(self.level, Tone::Good);
        pieces.push((Tone::Quiet, self.label.clone()));
        if columns > 0 {
            pieces.extend(bar(self.level, columns, tone));
            pieces.push((Tone::Plain, " ".to_owned()));
        }
        pieces.push((tone, self.figure.clone()));
        let reset = self.resets.as_ref().and_then(|reset| match say {
            Say::Distance => Some(&reset.distance),
            Say::Time => Some(&reset.time),
            Say::Sign => Some(&reset.sign),
            Say::Nothing => None,
        });
        pieces.extend(reset.map(|words| (Tone::Quiet, words.clone())));
    }
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

pub(crate) fn tone(level: f64, harmless: Tone) -> Tone {
    if level >= NEARLY {
        Tone::Alarm
    } else if level >= SOON {
        Tone::Warning
    } else {
        harmless
    }
}

/// When a window starts afresh, in words of all lengths.
#[derive(Debug)]
struct ResetWords {
    distance: String,
    time: String,
    sign: String,
}

impl ResetWords {
    /// None for one that has passed.
    fn of(meter: &Meter, clock: Clock) -> Option<Self> {
        let at = meter.resets_at.filter(|at| *at > clock.now)?;
        let left = at - clock.now;
        let time = if left < TimeDelta::hours(20) {
            clock.time_after("", at)
        } else if left < TimeDelta::days(7) {
            clock.time_after("%a ", at)
        } else {
            clock.zone.at(at).format("%-d %b").to_string()
        };
        Some(Self {
            distance: format!(" (resets {time}, in {})", in_words(left)),
            sign: format!(" \u{21bb}{time}"),
            time: format!(" (resets {time})"),
        })
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
