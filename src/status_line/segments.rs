//! The parts of the status line: what each says, in a long and in shorter forms.
//!
//! A segment is None when the client gave nothing to say; one missing figure hides one segment
//! and no other. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use super::spending::{Amounts, session, today};
use crate::claude::meters::Meter;
use crate::claude::status_payload::StatusPayload;
use crate::config::{Config, SegmentName};
use crate::terminal::{Tone, sanitize};
use crate::time::{FIVE_HOURS, Zone, in_words};

/// A piece of a row: how it matters, and its text.
pub type Piece = (Tone, String);

/// A part of the line, with forms from long to short.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// What it is.
    pub name: SegmentName,
    /// Never empty; the last is the shortest.
    pub forms: Vec<Form>,
}

/// One way to write a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// The text.
    pub pieces: Vec<Piece>,
    /// What is lost with this form when a narrow terminal makes it give way to the next shorter
    /// one, or the segment leave. The least loss comes first.
    pub loss: u32,
}

/// Everything that segments are made from.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What the client sent.
    pub input: &'a StatusPayload,
    /// What the ledger knows.
    pub amounts: Amounts,
    /// The user's configuration.
    pub config: &'a Config,
    /// The clock.
    pub now: DateTime<Utc>,
    /// The user's zone.
    pub zone: Zone,
}

/// From here on a window is worth a look, from there on it is nearly full.
const SOON: f64 = 70.0;
const NEARLY: f64 = 90.0;

/// The segments that there is something to say for, in the configured order.
pub fn segments(facts: &Facts<'_>) -> Vec<Segment> {
    facts
        .config
        .segments
        .iter()
        .filter_map(|name| segment(facts, *name))
        .collect()
}

fn segment(facts: &Facts<'_>, name: SegmentName) -> Option<Segment> {
    let forms = match name {
        SegmentName::Model => model(facts.input)?,
        SegmentName::Session => session(facts)?,
        SegmentName::Today => today(facts)?,
        SegmentName::Windows => windows(facts)?,
        SegmentName::Pace => pace(facts)?,
        SegmentName::Context => context(facts.input)?,
    };
    Some(Segment { name, forms })
}

pub(super) fn form(loss: u32, pieces: Vec<Piece>) -> Form {
    Form { pieces, loss }
}

fn model(input: &StatusPayload) -> Option<Vec<Form>> {
    let name = sanitize(input.model_name()?);
    let fast = if input.fast_mode() { " fast" } else { "" };
    (!name.is_empty()).then(|| vec![form(40, vec![(Tone::Accent, format!("{name}{fast}"))])])
}

fn windows(facts: &Facts<'_>) -> Option<Vec<Form>> {
    let given = [
        ("5h", facts.input.five_hour()),
        ("week", facts.input.seven_day()),
    ];
    let known: Vec<(&str, Meter)> = given
        .into_iter()
        .filter_map(|(label, window)| Some((label, window?)))
        .collect();
    let fullest = known
        .iter()
        .map(|(_, window)| level(window, facts.now))
        .fold(0.0, f64::max);
    if known.is_empty() {
        return None;
    }
    let write = |time: &dyn Fn(&Meter) -> Option<String>, only_fullest: bool| {
        let mut pieces = Vec::new();
        for (label, window) in &known {
            let level = level(window, facts.now);
            if only_fullest && known.len() > 1 && level < fullest {
                continue;
            }
            if !pieces.is_empty() {
                pieces.push((Tone::Plain, "  ".to_owned()));
            }
            pieces.push((Tone::Quiet, format!("{label} ")));
            pieces.push((tone_of(level), format!("{:.0}%", shown_percent(level))));
            if let Some(time) = time(window) {
                pieces.push((Tone::Quiet, format!(" {time}")));
            }
        }
        pieces
    };
    let full = |window: &Meter| Some(reset(window, facts)?.0);
    let brief = |window: &Meter| Some(reset(window, facts)?.1);
    let none = |_: &Meter| None;
    // A window that is nearly full is the last thing to leave the line.
    let urgent = if fullest >= NEARLY { 25 } else { 0 };
    Some(vec![
        form(20, write(&full, false)),
        form(55 + urgent, write(&brief, false)),
        form(75 + urgent, write(&none, false)),
        form(80 + urgent, write(&none, true)),
    ])
}

/// A window whose reset has passed is empty, whatever the client last heard.
fn level(window: &Meter, now: DateTime<Utc>) -> f64 {
    if window.resets_at.is_some_and(|at| at <= now) {
        0.0
    } else {
        window.used_percent
    }
}

/// 99.6 is not 100: a window is only shown as full when it is.
fn shown_percent(level: f64) -> f64 {
    if level < 100.0 {
        level.round().min(99.0)
    } else {
        level.round()
    }
}

fn tone_of(level: f64) -> Tone {
    if level >= NEARLY {
        Tone::Alarm
    } else if level >= SOON {
        Tone::Warning
    } else {
        Tone::Good
    }
}

/// "resets 14:30, in 1 h 52 m" and "14:30".
fn reset(window: &Meter, facts: &Facts<'_>) -> Option<(String, String)> {
    let at = window.resets_at.filter(|at| *at > facts.now)?;
    let here = facts.zone.at(at);
    let left = at - facts.now;
    let clock = if left < TimeDelta::hours(20) {
        here.format("%H:%M").to_string()
    } else {
        here.format("%a %H:%M").to_string()
    };
    Some((format!("resets {clock}, in {}", in_words(left)), clock))
}

/// When the five-hour window will be full if it goes on filling as it has since it began. Shown
/// only when that comes before the reset, and not in the first minutes, when it means nothing.
fn pace(facts: &Facts<'_>) -> Option<Vec<Form>> {
    let window = facts.input.five_hour()?;
    let resets_at = window.resets_at?;
    let passed = facts.now - (resets_at - FIVE_HOURS);
    let used = window.used_percent;
    if passed < TimeDelta::minutes(10) || resets_at <= facts.now || !(10.0..100.0).contains(&used) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "less than a week of seconds"
    )]
    let left = TimeDelta::seconds((passed.num_seconds() as f64 * (100.0 - used) / used) as i64);
    let full_at = facts.now + left;
    if full_at >= resets_at {
        return None;
    }
    let clock = facts.zone.at(full_at).format("%H:%M");
    Some(vec![
        form(
            15,
            vec![(Tone::Warning, format!("at this pace 5h full at {clock}"))],
        ),
        form(50, vec![(Tone::Warning, format!("5h full {clock}"))]),
    ])
}

fn context(input: &StatusPayload) -> Option<Vec<Form>> {
    let percent = input.context_percent()?;
    let tone = if percent >= NEARLY {
        Tone::Alarm
    } else if percent >= SOON {
        Tone::Warning
    } else {
        Tone::Plain
    };
    let write = |label: &str| {
        vec![
            (Tone::Quiet, label.to_owned()),
            (tone, format!("{percent:.0}%")),
        ]
    };
    let loss = if percent >= NEARLY { 70 } else { 35 };
    Some(vec![form(10, write("context ")), form(loss, write("ctx "))])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(input: &'a StatusPayload, config: &'a Config, amounts: Amounts) -> Facts<'a> {
        let now = DateTime::from_timestamp(1_795_156_000, 0).unwrap(); // 06:26:40 UTC
        Facts {
            input,
            amounts,
            config,
            now,
            zone: Zone::named("UTC").unwrap(),
        }
    }

    fn text(form: &Form) -> String {
        form.pieces.iter().map(|(_, text)| text.as_str()).collect()
    }

    fn one(payload: &str, config: &Config, amounts: Amounts, name: SegmentName) -> Option<Segment> {
        let input = StatusPayload::parse(payload.as_bytes());
        segment(&facts(&input, config, amounts), name)
    }

    const WINDOWS: &str = r#"{"rate_limits":{"five_hour":{"used_percentage":42,"resets_at":1795161868},"seven_day":{"used_percentage":97.6,"resets_at":1795461868}}}"#;

    #[test]
    fn windows_say_when_they_reset_and_how_far_off_that_is() {
        let found = one(
            WINDOWS,
            &Config::default(),
            Amounts::default(),
            SegmentName::Windows,
        )
        .unwrap();
        assert_eq!(
            text(&found.forms[0]),
            "5h 42% resets 08:04, in 1 h 37 m  week 98% resets Mon 19:24, in 3 d 12 h"
        );
        assert_eq!(text(&found.forms[1]), "5h 42% 08:04  week 98% Mon 19:24");
        assert_eq!(
            text(&found.forms[3]),
            "week 98%",
            "the fullest stays longest"
        );
    }

    #[test]
    fn a_window_whose_reset_has_passed_is_empty() {
        let old = WINDOWS.replace("1795161868", "1795150000");
        let found = one(
            &old,
            &Config::default(),
            Amounts::default(),
            SegmentName::Windows,
        )
        .unwrap();
        assert!(
            text(&found.forms[0]).starts_with("5h 0%  week"),
            "{}",
            text(&found.forms[0])
        );
    }

    #[test]
    fn nearly_full_is_never_shown_as_full() {
        assert!((shown_percent(99.7) - 99.0).abs() < f64::EPSILON);
        assert!((shown_percent(100.0) - 100.0).abs() < f64::EPSILON);
    }

    #[test]
    fn pace_speaks_only_when_the_window_fills_before_it_resets() {
        let at = |percent: u32| {
            WINDOWS.replace(
                "\"used_percentage\":42",
                &format!("\"used_percentage\":{percent}"),
            )
        };
        let pace = |percent| {
            one(
                &at(percent),
                &Config::default(),
                Amounts::default(),
                SegmentName::Pace,
            )
        };
        // 3 h 23 m of the window have passed.
        assert_eq!(pace(42), None);
        assert_eq!(
            text(&pace(90).unwrap().forms[0]),
            "at this pace 5h full at 06:49"
        );
        assert_eq!(pace(100), None);
        assert_eq!(pace(5), None);
    }
}
