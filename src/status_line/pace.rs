//! Renders the segment for the usage window that will be full first.

use chrono::{DateTime, Utc};

use super::layout::{Form, Segment};
use super::loss;
use super::windows::WORTH_A_LOOK;
use crate::claude::window_usage::{window_label, window_length};
use crate::limits::Kind;
use crate::spend::pace::WindowPace;
use crate::terminal::Tone;
use crate::time::{Clock, WEEK};

/// Returns the forecast for the window that will be full first. If every window will reset before it is full, returns
/// the forecast for the fullest one. Returns `None` if no forecast is worth showing.
pub(super) fn pace(paces: &[WindowPace], clock: Clock) -> Option<Segment> {
    let first_full = paces
        .iter()
        .filter_map(|window| Some((window.full_at()?, window.window)))
        .min_by_key(|(at, _)| *at);
    if let Some((at, window)) = first_full {
        let name = window_label(window);
        let when = full_when(window, at, clock);
        let short = when
            .trim_start_matches("around ")
            .trim_start_matches("at ");
        let texts = [
            (loss::PACE, format!("at this pace, {name} full {when}")),
            (loss::SHORT_PACE, format!("{name} full {short}")),
        ];
        let forms = texts.map(|(loss, text)| Form::new(loss, vec![(Tone::Warning, text)]));
        return Some(forms.into());
    }
    let fullest = paces
        .iter()
        .filter(|window| window.pace.now.used >= WORTH_A_LOOK)
        .max_by(|left, right| left.pace.now.used.total_cmp(&right.pace.now.used))?;
    let name = window_label(fullest.window);
    let text = format!("at this pace, {name} lasts until it resets");
    Some(vec![Form::new(
        loss::PACE_IF_WINDOW_LASTS,
        vec![(Tone::Quiet, text)],
    )])
}

/// Formats the time at which a window will be full, such as `at 13:40`. For a weekly window, this is only the day, such as
/// `around Wed`, because the forecast can be off by several hours.
pub(crate) fn full_when(window: Kind, at: DateTime<Utc>, clock: Clock) -> String {
    if window_length(window) < WEEK {
        return clock.format_with_day("at ", at);
    }
    let day = clock.zone.day(at);
    if day == clock.zone.day(clock.now) {
        "today".to_owned()
    } else {
        format!("around {}", day.format("%a"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{HourFormat, Zone};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn text(paces: &[(Kind, f64, Option<&str>)]) -> Option<String> {
        let now = at("2026-11-20T06:26:00Z");
        let clock = Clock {
            now,
            zone: Zone::UTC,
            hours: HourFormat::TwentyFour,
        };
        let paces: Vec<WindowPace> = paces
            .iter()
            .map(|(window, used, full)| WindowPace::example(*window, *used, now, full.map(at)))
            .collect();
        pace(&paces, clock).map(|forms| forms[0].text())
    }

    #[test]
    fn a_forecast_is_shown_only_if_it_helps() {
        let five_hours = |used, full_at| text(&[(Kind::FiveHour, used, full_at)]);
        assert_eq!(
            five_hours(90.0, Some("2026-11-20T06:49:00Z")).unwrap(),
            "at this pace, 5h full at 06:49"
        );
        let lasts = five_hours(90.0, None).unwrap();
        assert_eq!(lasts, "at this pace, 5h lasts until it resets");
        assert_eq!(five_hours(60.0, None), None, "far from full");
        assert_eq!(text(&[]), None);
    }

    #[test]
    fn the_window_that_fills_first_is_named() {
        let (today, later) = ("2026-11-20T21:00:00Z", "2026-11-21T14:00:00Z");
        let week = |at| (Kind::Weekly, 75.0, Some(at));
        assert_eq!(
            text(&[week(today)]).unwrap(),
            "at this pace, week full today"
        );
        assert_eq!(
            text(&[week(later)]).unwrap(),
            "at this pace, week full around Sat"
        );
        let both = [week(later), (Kind::FiveHour, 75.0, Some(today))];
        assert_eq!(text(&both).unwrap(), "at this pace, 5h full at 21:00");
    }
}
