//! Renders the segment for the usage window that will be full first.

use chrono::{DateTime, Utc};

use super::layout::{Form, Segment};
use super::loss;
use super::windows::WORTH_A_LOOK;
use crate::limits::pace::{Expected, Outlook};
use crate::terminal::Tone;
use crate::time::{Clock, WEEK};

/// Returns the forecast for the window that will be full first. If every window will reset before it is full, returns
/// the forecast for the fullest one. Returns `None` if no forecast is worth showing.
pub(super) fn pace(forecasts: &[Expected], clock: Clock) -> Option<Segment> {
    let first_full = forecasts
        .iter()
        .filter_map(|window| Some((window.outlook.full()?, window.window)))
        .min_by_key(|((at, _), _)| *at);
    if let Some(((at, latest), window)) = first_full {
        let name = window.name();
        let when = if window.length() == WEEK {
            days_in_words(at, latest, clock)
        } else {
            clock.format_with_day("at ", at)
        };
        let short = when.trim_start_matches("around ").trim_start_matches("at ");
        let texts = [
            (loss::PACE, format!("at this pace, {name} full {when}")),
            (loss::SHORT_PACE, format!("{name} full {short}")),
        ];
        let forms = texts.map(|(loss, text)| Form::new(loss, vec![(Tone::Warning, text)]));
        return Some(forms.into());
    }
    let fullest = forecasts
        .iter()
        .filter(|window| {
            window.outlook == Outlook::WillNotFill && window.usage.used_percent >= WORTH_A_LOOK
        })
        .max_by(|left, right| left.usage.used_percent.total_cmp(&right.usage.used_percent))?;
    let name = fullest.window.name();
    let text = format!("at this pace, {name} lasts until it resets");
    Some(vec![Form::new(
        loss::PACE_IF_WINDOW_LASTS,
        vec![(Tone::Quiet, text)],
    )])
}

/// Formats the days on which a weekly window will be full, such as `today`, `around Wed`, or `between Wed and Fri`.
/// Weekly forecasts can be off by several hours, so a time of day would be misleading.
pub(crate) fn days_in_words(at: DateTime<Utc>, latest: DateTime<Utc>, clock: Clock) -> String {
    let [today, first, last] = [clock.now, at, latest].map(|at| clock.zone.day(at));
    match (first == today, first == last) {
        (true, true) => "today".to_owned(),
        (true, false) => format!("between today and {}", last.format("%a")),
        (false, true) => format!("around {}", first.format("%a")),
        (false, false) => format!("between {} and {}", first.format("%a"), last.format("%a")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::kind::Window;
    use crate::limits::pace::testing::expected;
    use crate::time::{HourFormat, Zone};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn text(forecasts: &[Expected]) -> Option<String> {
        let clock = Clock {
            now: at("2026-11-20T06:26:40Z"),
            zone: Zone::UTC,
            hours: HourFormat::TwentyFour,
        };
        pace(forecasts, clock).map(|forms| forms[0].text())
    }

    #[test]
    fn a_forecast_is_shown_only_if_it_helps() {
        let five_hours = |used, outlook| text(&[expected(Window::FiveHour, used, outlook)]);
        let full = Outlook::WillFill(at("2026-11-20T06:49:00Z"), at("2026-11-20T06:49:00Z"));
        assert_eq!(
            five_hours(90.0, full).unwrap(),
            "at this pace, 5h full at 06:49"
        );
        assert_eq!(five_hours(90.0, Outlook::Unpredictable), None);
        let lasts = five_hours(90.0, Outlook::WillNotFill).unwrap();
        assert_eq!(lasts, "at this pace, 5h lasts until it resets");
        assert_eq!(
            five_hours(60.0, Outlook::WillNotFill),
            None,
            "far from full"
        );
        assert_eq!(text(&[]), None);
    }

    #[test]
    fn the_window_that_fills_first_is_named() {
        let week = |from: &str, until: &str| {
            let outlook = Outlook::WillFill(at(from), at(until));
            text(&[expected(Window::Weekly, 75.0, outlook)]).unwrap()
        };
        let (today, later) = ("2026-11-20T21:00:00Z", "2026-11-21T14:00:00Z");
        assert_eq!(week(today, today), "at this pace, week full today");
        assert_eq!(
            week(today, later),
            "at this pace, week full between today and Sat"
        );
        assert_eq!(week(later, later), "at this pace, week full around Sat");
        assert_eq!(
            week(later, "2026-11-23T10:00:00Z"),
            "at this pace, week full between Sat and Mon"
        );
        let soon = Outlook::WillFill(at(today), at(today));
        let both = [
            expected(
                Window::Weekly,
                75.0,
                Outlook::WillFill(at(later), at(later)),
            ),
            expected(Window::FiveHour, 75.0, soon),
        ];
        assert_eq!(text(&both).unwrap(), "at this pace, 5h full at 21:00");
    }
}
