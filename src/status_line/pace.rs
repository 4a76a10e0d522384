//! Which window will be full first, if one will, before it starts afresh.

use chrono::{DateTime, Utc};

use super::gauge::SOON;
use super::layout::{Form, Segment};
use crate::limits::pace::{Expected, Outlook};
use crate::terminal::Tone;
use crate::time::{Clock, WEEK};

pub(super) fn pace(expected: &[Expected], clock: Clock) -> Option<Segment> {
    let full = expected.iter();
    let full = full.filter_map(|window| Some((window.outlook.full()?, window)));
    if let Some(((at, latest), window)) = full.min_by_key(|((at, _), _)| *at) {
        let name = window.name;
        let when = if window.length == WEEK {
            days(at, latest, clock)
        } else {
            clock.time_after("at ", at)
        };
        let short = when.trim_start_matches("about ").trim_start_matches("at ");
        let write = |text: String| vec![(Tone::Warning, text)];
        return Some(vec![
            Form::new(15, write(format!("at this pace {name} full {when}"))),
            Form::new(50, write(format!("{name} full {short}"))),
        ]);
    }
    let lasting = expected
        .iter()
        .filter(|window| window.outlook == Outlook::Lasts && window.meter.used_percent >= SOON);
    let used = |window: &&Expected| window.meter.used_percent;
    let fullest = lasting.max_by(|one, other| used(one).total_cmp(&used(other)))?;
    let text = format!("at this pace {} lasts until its reset", fullest.name);
    Some(vec![Form::new(5, vec![(Tone::Quiet, text)])])
}

/// Of a week it tells the day, or the days, for what is left then is hours off: "today", "about Wed",
/// "Wed to Fri".
pub(crate) fn days(at: DateTime<Utc>, latest: DateTime<Utc>, clock: Clock) -> String {
    let [today, first, last] = [clock.now, at, latest].map(|at| clock.zone.day(at));
    match (first == today, first == last) {
        (true, true) => "today".to_owned(),
        (true, false) => format!("today to {}", last.format("%a")),
        (false, true) => format!("about {}", first.format("%a")),
        (false, false) => format!("{} to {}", first.format("%a"), last.format("%a")),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::claude::meters::Meter;
    use crate::time::Hours;
    use crate::time::{FIVE_HOURS, Zone};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn says(expected: &[Expected]) -> Option<String> {
        let clock = Clock {
            now: at("2026-11-20T06:26:40Z"),
            zone: Zone::UTC,
            hours: Hours::TwentyFour,
        };
        pace(expected, clock).map(|forms| forms[0].text())
    }

    fn window(name: &'static str, length: TimeDelta, used: f64, outlook: Outlook) -> Expected {
        Expected {
            name,
            meter: Meter {
                used_percent: used,
                resets_at: None,
            },
            length,
            outlook,
            rate: None,
            week_before: None,
        }
    }

    #[test]
    fn pace_speaks_only_when_it_says_something() {
        let five_hours = |used, outlook| says(&[window("5h", FIVE_HOURS, used, outlook)]);
        let full = Outlook::Full(at("2026-11-20T06:49:00Z"), at("2026-11-20T06:49:00Z"));
        assert_eq!(
            five_hours(90.0, full).unwrap(),
            "at this pace 5h full at 06:49"
        );
        assert_eq!(five_hours(90.0, Outlook::Open), None);
        let lasts = five_hours(90.0, Outlook::Lasts).unwrap();
        assert_eq!(lasts, "at this pace 5h lasts until its reset");
        assert_eq!(five_hours(60.0, Outlook::Lasts), None, "nobody asked");
        assert_eq!(says(&[]), None);
    }

    #[test]
    fn the_window_that_is_full_first_is_named_and_a_week_by_its_days() {
        let week = |from: &str, until: &str| {
            let outlook = Outlook::Full(at(from), at(until));
            says(&[window("week", WEEK, 75.0, outlook)]).unwrap()
        };
        let (today, later) = ("2026-11-20T21:00:00Z", "2026-11-21T14:00:00Z");
        assert_eq!(week(today, today), "at this pace week full today");
        assert_eq!(week(today, later), "at this pace week full today to Sat");
        assert_eq!(week(later, later), "at this pace week full about Sat");
        assert_eq!(
            week(later, "2026-11-23T10:00:00Z"),
            "at this pace week full Sat to Mon"
        );
        let soon = Outlook::Full(at(today), at(today));
        let both = [
            window("week", WEEK, 75.0, Outlook::Full(at(later), at(later))),
            window("5h", FIVE_HOURS, 75.0, soon),
        ];
        assert_eq!(says(&both).unwrap(), "at this pace 5h full at 21:00");
    }
}
