//! What `/usage` showed last: the weeks of single models, and the credits. Never without its age, and
//! grey where Claude Code itself would not believe it any more.

use super::gauge::{self, by_level};
use super::layout::{Form, Segment};
use crate::claude::meters::Meter;
use crate::claude::shown_usage::{BELIEVED_FOR, ShownCredits, ShownUsage};
use crate::terminal::{Piece, Tone};
use crate::time::{Clock, in_words};

/// When the page was shown, and whether that is too long ago.
struct Age {
    is_old: bool,
    words: String,
}

impl Age {
    fn new(usage: &ShownUsage, clock: Clock) -> Self {
        let age = clock.now - usage.at;
        let is_old = age > BELIEVED_FOR;
        let words = if is_old {
            format!(" (/usage at {})", clock.time(usage.at))
        } else {
            format!(" ({} ago)", in_words(age))
        };
        Self { is_old, words }
    }

    fn tone(&self, level: f64) -> Tone {
        if self.is_old {
            Tone::Quiet
        } else {
            gauge::tone(level, Tone::Good)
        }
    }

    /// With the age; without it where there is little room, which only fresh figures may be.
    fn segment(self, level: f64, pieces: Vec<Piece>) -> Segment {
        let aged = pieces.iter().cloned().chain([(Tone::Quiet, self.words)]);
        let aged = Form::new(12, aged.collect());
        let fresh = (!self.is_old).then(|| Form::new(by_level(level, [34, 56, 66]), pieces));
        std::iter::once(aged).chain(fresh).collect()
    }
}

/// "Fable week 63%", of every model that the page named.
pub(super) fn model_weeks(usage: &ShownUsage, clock: Clock) -> Option<Segment> {
    let age = Age::new(usage, clock);
    let (mut pieces, mut fullest): (Vec<Piece>, Option<f64>) = (Vec::new(), None);
    for window in &usage.windows {
        let Some(model) = &window.model else {
            continue;
        };
        let meter = Meter {
            used_percent: window.percent,
            resets_at: window.resets_at,
        };
        let level = gauge::level(&meter, clock);
        let gap = if pieces.is_empty() { "" } else { "  " };
        pieces.push((Tone::Quiet, format!("{gap}{model} week ")));
        pieces.push((age.tone(level), format!("{:.0}%", gauge::shown(level))));
        fullest = Some(fullest.map_or(level, |fullest| fullest.max(level)));
    }
    Some(age.segment(fullest?, pieces))
}

/// "credits $12.34 of $50.00, $37.66 left".
pub(super) fn credits(usage: &ShownUsage, clock: Clock) -> Option<Segment> {
    let credits = usage.credits.as_ref()?;
    let age = Age::new(usage, clock);
    let label = (Tone::Quiet, "credits ".to_owned());
    let Some((words, level)) = used_and_left(credits) else {
        let none = credits.disabled_reason.as_deref() == Some("out_of_credits");
        let says = if none { "none left" } else { "off" };
        let says = (!credits.enabled).then(|| (Tone::Quiet, says.to_owned()))?;
        return Some(age.segment(0.0, vec![label, says]));
    };
    let words = (age.tone(level), words);
    Some(age.segment(level, vec![label, words]))
}

/// In words, and as a share of the monthly cap.
fn used_and_left(credits: &ShownCredits) -> Option<(String, f64)> {
    let used = credits.used.filter(|_| credits.enabled)?;
    let shown = credits.show(used);
    let Some(limit) = credits.limit.filter(|limit| *limit > 0.0) else {
        return Some((format!("{shown} used"), 0.0));
    };
    let (of, left) = (credits.show(limit), credits.show((limit - used).max(0.0)));
    let words = format!("{shown} of {of}, {left} left");
    Some((words, used / limit * 100.0))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use serde_json::json;

    use super::*;
    use crate::time::{Hours, Zone};

    #[test]
    fn old_figures_are_grey_and_say_when_fresh_ones_say_how_old_and_colors_tell_how_full() {
        // As 2.1.328 to 2.1.330 wrote it when their /usage was answered by a mock.
        let usage = ShownUsage::parse(&json!({
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
        let texts = |minutes: i64, draw: fn(&ShownUsage, Clock) -> Option<Segment>| {
            let now = DateTime::from_timestamp_millis(1_795_267_746_113).unwrap();
            let now = now + TimeDelta::minutes(minutes);
            let clock = Clock {
                now,
                zone: Zone::UTC,
                hours: Hours::TwentyFour,
            };
            let forms = draw(&usage, clock).unwrap();
            let tones = forms[0].pieces.iter().map(|(tone, _)| *tone).collect();
            let texts = forms.iter().map(Form::text).collect();
            (texts, tones)
        };
        let (fresh, tones): (Vec<String>, Vec<Tone>) = texts(5, model_weeks);
        assert_eq!(fresh[0], "Opus week 12%  Fable week 93% (5 m ago)");
        assert_eq!(fresh[1], "Opus week 12%  Fable week 93%");
        assert!(tones.contains(&Tone::Alarm));
        let (old, tones) = texts(90, model_weeks);
        assert_eq!(old, ["Opus week 12%  Fable week 93% (/usage at 13:29)"]);
        assert!(tones.iter().all(|tone| *tone == Tone::Quiet));
        let (fresh, _) = texts(0, credits);
        assert_eq!(fresh[1], "credits $12.34 of $50.00, $37.66 left");
        // Both weeks have begun afresh since.
        let (past, _) = texts(6 * 24 * 60, model_weeks);
        assert!(
            past[0].starts_with("Opus week 0%  Fable week 0%"),
            "{past:?}"
        );
    }
}
