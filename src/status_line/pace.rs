//! Which window will be full first, if one will, before it starts afresh.

use super::form::{Form, Segment};
use super::gauge::SOON;
use crate::claude::meters::Windows;
use crate::limits::pace::{Expected, Outlook, expected};
use crate::terminal::Tone;
use crate::time::{Clock, WEEK};

pub(super) fn pace(windows: &Windows, clock: Clock) -> Option<Segment> {
    let all: Vec<Expected> = expected(windows, clock.now).collect();
    let full = all.iter().filter_map(|window| match window.outlook {
        Outlook::FullAt(at) => Some((at, window)),
        _ => None,
    });
    if let Some((at, window)) = full.min_by_key(|(at, _)| *at) {
        let (local, today) = (clock.zone.at(at), clock.zone.day(clock.now));
        // Of a week it tells the day: what is left then is hours off.
        let (before, when) = match window.length {
            WEEK if local.date_naive() == today => ("", "today".to_owned()),
            WEEK => ("about ", local.format("%a").to_string()),
            _ => ("at ", local.format("%H:%M").to_string()),
        };
        let name = window.name;
        let write = |text: String| vec![(Tone::Warning, text)];
        return Some(vec![
            Form::new(
                15,
                write(format!("at this pace {name} full {before}{when}")),
            ),
            Form::new(50, write(format!("{name} full {when}"))),
        ]);
    }
    let lasting = all
        .iter()
        .filter(|window| window.outlook == Outlook::Lasts && window.meter.used_percent >= SOON);
    let used = |window: &&Expected| window.meter.used_percent;
    let fullest = lasting.max_by(|one, other| used(one).total_cmp(&used(other)))?;
    let text = format!("at this pace {} lasts until its reset", fullest.name);
    Some(vec![Form::new(5, vec![(Tone::Quiet, text)])])
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::claude::meters::{Meter, OtherMeters};
    use crate::time::Zone;

    fn says(five_hour: f64, rate: Option<f64>, week: f64) -> Option<String> {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let clock = Clock {
            now: at("2026-11-20T06:26:40Z"),
            zone: Zone::UTC,
        };
        let meter = |used_percent, resets_at| {
            Some(Meter {
                used_percent,
                resets_at: Some(at(resets_at)),
            })
        };
        let windows = Windows {
            // 3 h 23 m of the window have passed, and three days of the week.
            five_hour: meter(five_hour, "2026-11-20T08:04:28Z"),
            seven_day: meter(week, "2026-11-24T06:00:00Z"),
            others: OtherMeters::default(),
            measured: clock.now,
            five_hour_rate: rate,
        };
        pace(&windows, clock).map(|forms| forms[0].text())
    }

    #[test]
    fn pace_speaks_only_when_it_says_something() {
        assert_eq!(says(42.0, None, 10.0), None);
        let full = says(90.0, None, 10.0).unwrap();
        assert_eq!(full, "at this pace 5h full at 06:49");
        assert_eq!(says(100.0, None, 10.0), None);
        assert_eq!(says(5.0, None, 10.0), None);
        // The last hour counts, not the whole window.
        assert_eq!(
            says(90.0, Some(0.125), 10.0).unwrap(),
            "at this pace 5h full at 07:46"
        );
        assert_eq!(says(90.0, Some(0.1), 10.0), None, "too close to tell");
        assert_eq!(
            says(90.0, Some(0.01), 10.0).unwrap(),
            "at this pace 5h lasts until its reset"
        );
        assert_eq!(says(60.0, Some(0.01), 10.0), None, "nobody asked");
    }

    #[test]
    fn the_window_that_is_full_first_is_named_and_a_week_by_its_day() {
        assert_eq!(
            says(42.0, None, 75.0).unwrap(),
            "at this pace week full about Sat"
        );
        assert_eq!(
            says(42.0, None, 97.0).unwrap(),
            "at this pace week full today"
        );
        assert_eq!(
            says(90.0, None, 97.0).unwrap(),
            "at this pace 5h full at 06:49"
        );
        assert_eq!(
            says(10.0, None, 40.0),
            None,
            "further ahead than a pace can be trusted"
        );
    }
}
