//! How full the plan's windows are, when they start afresh, and whether the short one will last.

use chrono::{DateTime, TimeDelta, Utc};

use super::form::{Form, Segment};
use crate::claude::meters::{Meter, Windows};
use crate::limits::FRESH_FOR;
use crate::terminal::{Piece, Tone};
use crate::time::{Clock, FIVE_HOURS, in_words};

/// From here on a window is worth a look, from there on it is nearly full.
const SOON: f64 = 70.0;
pub(super) const NEARLY: f64 = 90.0;

pub(super) fn windows(windows: &Windows, clock: Clock) -> Option<Segment> {
    let given = [("5h", windows.five_hour), ("week", windows.seven_day)];
    let age = clock.now - windows.measured;
    let age = (age > FRESH_FOR).then(|| format!(" ({} ago)", in_words(age)));
    let known: Vec<(&str, Meter, f64)> = given
        .into_iter()
        .filter_map(|(label, meter)| meter.map(|meter| (label, meter, level(&meter, clock))))
        .collect();
    let fullest = known.iter().map(|(_, _, level)| *level).reduce(f64::max)?;
    let write = |least: f64, time: &dyn Fn(&Meter) -> Option<String>| {
        let mut pieces: Vec<Piece> = Vec::new();
        for (label, meter, level) in known.iter().filter(|(_, _, level)| *level >= least) {
            if !pieces.is_empty() {
                pieces.push((Tone::Plain, "  ".to_owned()));
            }
            pieces.push((Tone::Quiet, format!("{label} ")));
            pieces.push((tone(*level, Tone::Good), format!("{:.0}%", shown(*level))));
            pieces.extend(time(meter).map(|time| (Tone::Quiet, format!(" {time}"))));
        }
        pieces.extend(age.clone().map(|age| (Tone::Quiet, age)));
        pieces
    };
    // A window that is nearly full is the last thing to leave the line.
    let urgent = if fullest >= NEARLY { 25 } else { 0 };
    Some(vec![
        Form::new(20, write(0.0, &|meter| Some(reset(meter, clock)?.0))),
        Form::new(
            55 + urgent,
            write(0.0, &|meter| Some(reset(meter, clock)?.1)),
        ),
        Form::new(75 + urgent, write(0.0, &|_| None)),
        Form::new(80 + urgent, write(fullest, &|_| None)),
    ])
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

/// "resets 14:30, in 1 h 52 m" and "14:30".
fn reset(meter: &Meter, clock: Clock) -> Option<(String, String)> {
    let at = meter.resets_at.filter(|at| *at > clock.now)?;
    let left = at - clock.now;
    let pattern = if left < TimeDelta::hours(20) {
        "%H:%M"
    } else {
        "%a %H:%M"
    };
    let time = clock.zone.at(at).format(pattern).to_string();
    Some((format!("resets {time}, in {}", in_words(left)), time))
}

/// When the five-hour window will be full if it goes on filling as it has since it began. None
/// unless that comes before the reset, and in the first minutes, when it means nothing.
pub(crate) fn full_at(windows: &Windows, clock: Clock) -> Option<DateTime<Utc>> {
    // How fast it fills is only known while the figure is new.
    let is_fresh = clock.now - windows.measured <= FRESH_FOR;
    let window = windows.five_hour.filter(|_| is_fresh)?;
    let resets_at = window.resets_at.filter(|at| *at > clock.now)?;
    let passed = clock.now - (resets_at - FIVE_HOURS);
    let used = window.used_percent;
    if passed < TimeDelta::minutes(10) || !(10.0..100.0).contains(&used) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "less than a week of seconds"
    )]
    let left = TimeDelta::seconds((passed.num_seconds() as f64 * (100.0 - used) / used) as i64);
    let full_at = clock.now + left;
    (full_at < resets_at).then_some(full_at)
}

pub(super) fn pace(windows: &Windows, clock: Clock) -> Option<Segment> {
    let full_at = full_at(windows, clock)?;
    let time = clock.zone.at(full_at).format("%H:%M");
    let write = |text: String| vec![(Tone::Warning, text)];
    Some(vec![
        Form::new(15, write(format!("at this pace 5h full at {time}"))),
        Form::new(50, write(format!("5h full {time}"))),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::status_payload::StatusPayload;
    use crate::time::Zone;

    type Draw = fn(&Windows, Clock) -> Option<Segment>;

    fn texts(payload: &str, draw: Draw) -> Option<Vec<String>> {
        let clock = Clock {
            now: DateTime::from_timestamp(1_795_156_000, 0).unwrap(), // 06:26:40 UTC
            zone: Zone::named("UTC").unwrap(),
        };
        let payload = StatusPayload::parse(payload.as_bytes());
        let windows = Windows {
            five_hour: payload.five_hour(),
            seven_day: payload.seven_day(),
            measured: clock.now,
        };
        let forms = draw(&windows, clock)?;
        Some(forms.iter().map(Form::text).collect())
    }

    const WINDOWS: &str = r#"{"rate_limits":{"five_hour":{"used_percentage":42,"resets_at":1795161868},"seven_day":{"used_percentage":97.6,"resets_at":1795461868}}}"#;

    #[test]
    fn windows_say_when_they_reset_and_how_far_off_that_is() {
        let found = texts(WINDOWS, windows).unwrap();
        assert_eq!(
            found[0],
            "5h 42% resets 08:04, in 1 h 37 m  week 98% resets Mon 19:24, in 3 d 12 h"
        );
        assert_eq!(found[1], "5h 42% 08:04  week 98% Mon 19:24");
        assert_eq!(found[3], "week 98%", "the fullest stays longest");
    }

    #[test]
    fn a_window_whose_reset_has_passed_is_empty() {
        let old = WINDOWS.replace("1795161868", "1795150000");
        let found = texts(&old, windows).unwrap();
        assert!(found[0].starts_with("5h 0%  week"), "{found:?}");
    }

    #[test]
    fn nearly_full_is_never_shown_as_full() {
        assert!((shown(99.7) - 99.0).abs() < f64::EPSILON);
        assert!((shown(100.0) - 100.0).abs() < f64::EPSILON);
    }

    #[test]
    fn pace_speaks_only_when_the_window_fills_before_it_resets() {
        let at = |percent: u32| {
            let payload = WINDOWS.replace("percentage\":42", &format!("percentage\":{percent}"));
            texts(&payload, pace)
        };
        // 3 h 23 m of the window have passed.
        assert_eq!(at(42), None);
        assert_eq!(at(90).unwrap()[0], "at this pace 5h full at 06:49");
        assert_eq!(at(100), None);
        assert_eq!(at(5), None);
    }
}
