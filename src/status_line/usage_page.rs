//! Renders the segments with data from the `/usage` page: weekly windows for individual models, and usage credits.

use super::layout::{Form, Segment};
use super::loss;
use super::windows::{level_tone, pick_by_level};
use crate::claude::window_usage::{USAGE_CACHED_FOR, UsagePage, level_at, rounded_level};
use crate::limits::FRESH_FOR;
use crate::terminal::{Piece, Tone, percent_text};
use crate::time::{Clock, format_duration};

/// The percentage from which the default line shows the week of a model.
pub(super) const WORTH_SHOWING: f64 = 50.0;

/// Adds the age of the page to a segment. While the page is fresh, a narrow terminal leaves the age out. Once it is so
/// old that Claude Code itself would reload it, the segment is gray and shows the time of the page.
fn with_age(mut pieces: Vec<Piece>, level: f64, usage: &UsagePage, clock: Clock) -> Segment {
    let age = clock.now - usage.at;
    if age > USAGE_CACHED_FOR {
        for (tone, _) in &mut pieces {
            *tone = Tone::Quiet;
        }
        let shown = format!(" (/usage at {})", clock.format_time(usage.at));
        pieces.push((Tone::Quiet, shown));
        return vec![Form::new(loss::AGE_OF_USAGE_PAGE, pieces)];
    }
    let losses = pick_by_level(level, loss::USAGE_PAGE);
    let without_age = Form::new(losses, pieces.clone());
    pieces.push((Tone::Quiet, format!(" ({} ago)", format_duration(age))));
    if age > FRESH_FOR {
        return vec![Form::new(losses, pieces)];
    }
    vec![Form::new(loss::AGE_OF_USAGE_PAGE, pieces), without_age]
}

/// Returns the weekly windows for individual models that are at least this full, for example `Fable week 63%`. Returns
/// `None` if there are none.
pub(super) fn model_weeks(usage: &UsagePage, least_level: f64, clock: Clock) -> Option<Segment> {
    let mut pieces = Vec::new();
    let mut fullest: Option<f64> = None;
    for window in &usage.windows {
        let Some(model) = &window.model else {
            continue;
        };
        let level = level_at(clock.now, window.percent, window.resets_at);
        if level < least_level {
            continue;
        }
        let gap = if pieces.is_empty() { "" } else { "  " };
        let percent = percent_text(rounded_level(level));
        pieces.push((Tone::Quiet, format!("{gap}{model} week ")));
        pieces.push((level_tone(level, Tone::Good), percent));
        fullest = Some(fullest.map_or(level, |fullest| fullest.max(level)));
    }
    Some(with_age(pieces, fullest?, usage, clock))
}

/// Returns the usage credits, for example `credits $12.34 of $50.00, $37.66 left`. The color depends on how much of the
/// monthly limit has been used. Returns `None` if the page has no data about them.
pub(super) fn credits(usage: &UsagePage, clock: Clock) -> Option<Segment> {
    let credits = usage.credits.as_ref()?;
    let limit = credits.limit.filter(|limit| *limit > 0.0);
    let (text, level, tone) = if credits.enabled != Some(true) {
        let text = match credits.disabled_reason.as_deref() {
            Some("out_of_credits") => "none left",
            _ => "off",
        };
        (text.to_owned(), 0.0, Tone::Quiet)
    } else if let Some(limit) = limit {
        let used = credits.used?;
        let level = used / limit * 100.0;
        let text = format!(
            "{} of {}, {} left",
            credits.show(used),
            credits.show(limit),
            credits.show((limit - used).max(0.0))
        );
        (text, level, level_tone(level, Tone::Good))
    } else {
        let text = format!("{} used", credits.show(credits.used?));
        (text, 0.0, Tone::Good)
    };
    let pieces = vec![(Tone::Quiet, "credits ".to_owned()), (tone, text)];
    Some(with_age(pieces, level, usage, clock))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use serde_json::json;

    use super::*;
    use crate::time::{HourFormat, Zone};

    #[test]
    fn a_fresh_page_has_its_age_and_colors_and_an_old_one_is_gray_with_its_time() {
        // Versions 2.1.328 to 2.1.330 saved this page after loading `/usage` from a mock server.
        let usage = UsagePage::parse(&json!({
            "fetchedAtMs": 1_795_267_746_113_i64,
            "utilization": {
                "five_hour": {"utilization": 42, "resets_at": "2026-11-21T15:20:43Z"},
                "seven_day_opus": {"utilization": 12, "resets_at": "2026-11-24T23:05:03Z"},
                "extra_usage": {"is_enabled": true, "monthly_limit": 5000, "used_credits": 1234,
                                "utilization": 24.68, "currency": "USD", "disabled_reason": null},
                "limits": [{"kind": "weekly_scoped", "group": "weekly", "percent": 93,
                            "resets_at": "2026-11-24T23:05:03Z", "scope": {"model": {"display_name": "Fable"}}}],
            },
        }))
        .unwrap();
        let rendered = |minutes: i64, render: fn(&UsagePage, Clock) -> Option<Segment>| {
            let now = DateTime::from_timestamp_millis(1_795_267_746_113).unwrap();
            let now = now + TimeDelta::minutes(minutes);
            let clock = Clock {
                now,
                zone: Zone::UTC,
                hours: HourFormat::TwentyFour,
            };
            let forms = render(&usage, clock).unwrap();
            let texts = forms.iter().map(Form::text).collect();
            (texts, forms[0].tones())
        };
        let weeks: fn(&UsagePage, Clock) -> Option<Segment> =
            |usage, clock| model_weeks(usage, 0.0, clock);
        let by_default: fn(&UsagePage, Clock) -> Option<Segment> =
            |usage, clock| model_weeks(usage, WORTH_SHOWING, clock);
        let (default, _): (Vec<String>, Vec<Tone>) = rendered(14, by_default);
        assert_eq!(default, ["Fable week 93% (14 m ago)", "Fable week 93%"]);
        assert_eq!(rendered(16, by_default).0, ["Fable week 93% (16 m ago)"]);
        let (fresh, tones): (Vec<String>, Vec<Tone>) = rendered(5, weeks);
        assert_eq!(fresh[0], "Opus week 12%  Fable week 93% (5 m ago)");
        assert_eq!(fresh[1], "Opus week 12%  Fable week 93%");
        assert!(tones.contains(&Tone::Alarm));
        let (old, tones) = rendered(90, weeks);
        assert_eq!(old, ["Opus week 12%  Fable week 93% (/usage at 13:29)"]);
        assert!(tones.iter().all(|tone| *tone == Tone::Quiet));
        let (fresh, _) = rendered(0, credits);
        assert_eq!(fresh[1], "credits $12.34 of $50.00, $37.66 left");
        // Six days later, both weekly windows have reset.
        let (past, _) = rendered(6 * 24 * 60, weeks);
        assert!(
            past[0].starts_with("Opus week 0%  Fable week 0%"),
            "{past:?}"
        );
    }
}
