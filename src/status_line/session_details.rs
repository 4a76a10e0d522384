//! Renders the segments that need only Claude Code's status JSON: model, effort, lines, time, rate, and context.

use chrono::TimeDelta;

use super::layout::{Form, Segment};
use super::loss;
use super::windows::{level_tone, pick_by_level};
use crate::claude::status_payload::StatusPayload;
use crate::pricing::Money;
use crate::terminal::{Tone, escape, percent_text, truncate};
use crate::time::format_duration;

/// The minimum session length, in milliseconds, for a meaningful hourly rate.
const LEAST_TIME_FOR_RATE_MS: i64 = 60_000;

/// Returns the name of the model, or `None` if it is unknown.
pub(super) fn model(payload: &StatusPayload) -> Option<Segment> {
    let name = payload.model_name.as_deref()?.trim();
    let fast = if payload.fast_mode { " fast" } else { "" };
    let pieces = vec![(Tone::Accent, format!("{name}{fast}"))];
    Some(vec![Form::new(loss::MODEL, pieces)])
}

/// Returns the effort level, or `None` if the model has none.
pub(super) fn effort(payload: &StatusPayload) -> Option<Segment> {
    let level = truncate(&escape(payload.effort.as_deref()?), 12);
    Some(vec![Form::labelled(
        loss::EFFORT,
        "effort ",
        [(Tone::Plain, level)],
    )])
}

/// Returns the number of lines added and removed in the session.
pub(super) fn lines(payload: &StatusPayload) -> Option<Segment> {
    let (added, removed) = (payload.lines_added?, payload.lines_removed?);
    let figures = [
        (Tone::Good, format!("+{added}")),
        (Tone::Plain, " ".to_owned()),
        (Tone::Alarm, format!("-{removed}")),
    ];
    Some(vec![Form::labelled(loss::LINES, "lines ", figures)])
}

/// Returns the time since the process started.
pub(super) fn duration(payload: &StatusPayload) -> Option<Segment> {
    let duration = format_duration(TimeDelta::milliseconds(payload.client_run_ms?));
    Some(vec![Form::labelled(
        loss::DURATION,
        "time ",
        [(Tone::Plain, duration)],
    )])
}

/// Returns the spend per hour, or `None` during the first minute. Both the amount and the time are Claude Code's own
/// figures, so they cover the same period.
pub(super) fn rate(payload: &StatusPayload) -> Option<Segment> {
    let spent = payload.client_total?.usd();
    let run_ms = payload.client_run_ms?;
    if run_ms < LEAST_TIME_FOR_RATE_MS {
        return None;
    }
    let per_hour = Money::from_noisy_usd(spent / (run_ms as f64 / 3_600_000.0))?;
    let figure = format!("{}/h", per_hour.show());
    Some(vec![Form::labelled(
        loss::RATE,
        "rate ",
        [(Tone::Plain, figure)],
    )])
}

/// Returns the percentage of the context window that is in use, for example `ctx 12%`, or `None` if Claude Code did not
/// report it. The fuller it is, the longer it stays on the line.
pub(super) fn context(payload: &StatusPayload) -> Option<Segment> {
    let percent = payload.context_percent?;
    let loss = pick_by_level(percent, loss::CONTEXT);
    let figure = (level_tone(percent, Tone::Plain), percent_text(percent));
    Some(vec![Form::labelled(loss, "ctx ", [figure])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_figures_are_not_shown_and_the_first_minute_has_no_rate() {
        let text = |payload: &str, render: fn(&StatusPayload) -> Option<Segment>| {
            render(&StatusPayload::parse(payload.as_bytes())).map(|forms| forms[0].text())
        };
        let payload = r#"{"cost":{"total_cost_usd":3,"total_duration_ms":5400000,"total_lines_added":12,"total_lines_removed":3},"effort":{"level":"high"}}"#;
        assert_eq!(text(payload, lines).unwrap(), "lines +12 -3");
        assert_eq!(text(payload, duration).unwrap(), "time 1 h 30 m");
        assert_eq!(text(payload, rate).unwrap(), "rate $2.00/h");
        assert_eq!(text(payload, effort).unwrap(), "effort high");
        assert_eq!(text(&payload.replace("5400000", "59999"), rate), None);
        for render in [lines, duration, rate, effort] {
            assert_eq!(text("{}", render), None);
            let wrong_types = r#"{"cost":{"total_cost_usd":null,"total_duration_ms":-1,"total_lines_added":"x"},"effort":7}"#;
            assert_eq!(text(wrong_types, render), None);
        }
    }
}
