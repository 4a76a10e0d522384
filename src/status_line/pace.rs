//! Whether the five-hour window will last until it starts afresh.

use chrono::{DateTime, TimeDelta, Utc};

use super::form::{Form, Segment};
use crate::claude::meters::Windows;
use crate::limits::FRESH_FOR;
use crate::terminal::Tone;
use crate::time::{Clock, FIVE_HOURS};

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
    use crate::claude::meters::{Meter, OtherMeters};
    use crate::time::Zone;

    #[test]
    fn pace_speaks_only_when_the_window_fills_before_it_resets() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let clock = Clock {
            now: at("2026-11-20T06:26:40Z"),
            zone: Zone::named("UTC").unwrap(),
        };
        let says = |used_percent: f64| {
            let windows = Windows {
                // 3 h 23 m of the window have passed.
                five_hour: Some(Meter {
                    used_percent,
                    resets_at: Some(at("2026-11-20T08:04:28Z")),
                }),
                seven_day: None,
                others: OtherMeters::default(),
                measured: clock.now,
            };
            pace(&windows, clock).map(|forms| forms[0].text())
        };
        assert_eq!(says(42.0), None);
        assert_eq!(says(90.0).unwrap(), "at this pace 5h full at 06:49");
        assert_eq!(says(100.0), None);
        assert_eq!(says(5.0), None);
    }
}
