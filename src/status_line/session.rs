//! How the session goes: its lines, its time, its rate, the effort.

use chrono::{DateTime, TimeDelta, Utc};

use super::layout::{Form, Segment};
use crate::claude::status_payload::StatusPayload;
use crate::pricing::Money;
use crate::terminal::{Piece, Tone, cut, visible};
use crate::time::in_words;

/// Before this, dollars by the hour mean nothing.
const RATE_FROM_MS: i64 = 60_000;

pub(super) fn effort(payload: &StatusPayload) -> Option<Segment> {
    let level = cut(&visible(payload.effort()?), 12);
    Some(labelled("effort ", vec![(Tone::Plain, level)], 36))
}

pub(super) fn lines(payload: &StatusPayload) -> Option<Segment> {
    let (added, removed) = payload.lines_changed()?;
    let figures = vec![
        (Tone::Good, format!("+{added}")),
        (Tone::Plain, " ".to_owned()),
        (Tone::Alarm, format!("-{removed}")),
    ];
    Some(labelled("lines ", figures, 27))
}

pub(super) fn duration(payload: &StatusPayload) -> Option<Segment> {
    let open = in_words(TimeDelta::milliseconds(payload.client_run_ms()?));
    Some(labelled("time ", vec![(Tone::Plain, open)], 28))
}

/// Both figures are Claude Code's, so that they cover the same time.
pub(super) fn rate(payload: &StatusPayload) -> Option<Segment> {
    let spent = payload.client_total()?.usd();
    let run_ms = payload.client_run_ms().filter(|ms| *ms >= RATE_FROM_MS)?;
    let by_hour = Money::from_noisy_usd(spent / (run_ms as f64 / 3_600_000.0))?;
    let figure = format!("{}/h", by_hour.show());
    Some(labelled("rate ", vec![(Tone::Plain, figure)], 29))
}

/// When the prompt cache goes cold, and what the next prompt costs more from then on.
pub(super) fn cold_cache(
    payload: &StatusPayload,
    rewriting: Money,
    now: DateTime<Utc>,
) -> Option<Segment> {
    let left = payload.prompt_cache()?.expires_at - now;
    let more = rewriting.show();
    let (tone, long, short) = if left > TimeDelta::zero() {
        let left = in_words(left);
        let long = format!("cold in {left} (+{more})");
        (Tone::Warning, long, format!("cold in {left}"))
    } else {
        (Tone::Plain, format!("cold (+{more})"), "cold".to_owned())
    };
    let pieces = |text| vec![(Tone::Quiet, "cache ".to_owned()), (tone, text)];
    Some(vec![
        Form::new(23, pieces(long)),
        Form::new(34, pieces(short)),
    ])
}

pub(super) fn labelled(label: &str, figures: Vec<Piece>, loss: u32) -> Segment {
    let mut pieces = vec![(Tone::Quiet, label.to_owned())];
    pieces.extend(figures);
    vec![Form::new(loss, pieces)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_that_goes_cold_says_when_and_what_that_costs() {
        let payload = r#"{"prompt_cache":{"ttl":"5m","expires_at":1795156000,"recache_tokens_if_cold":90000}}"#;
        let payload = StatusPayload::parse(payload.as_bytes());
        let say = |now: i64| {
            let now = DateTime::from_timestamp(now, 0).unwrap();
            let forms = cold_cache(&payload, Money::from_nano(420_000_000), now).unwrap();
            forms.iter().map(Form::text).collect::<Vec<_>>()
        };
        assert_eq!(
            say(1_795_155_955),
            ["cache cold in 45 s (+$0.42)", "cache cold in 45 s"]
        );
        assert_eq!(say(1_795_156_000), ["cache cold (+$0.42)", "cache cold"]);
    }

    #[test]
    fn what_is_not_told_is_not_shown_and_a_minute_gives_no_rate() {
        let say = |payload: &str, draw: fn(&StatusPayload) -> Option<Segment>| {
            draw(&StatusPayload::parse(payload.as_bytes())).map(|forms| forms[0].text())
        };
        let payload = r#"{"cost":{"total_cost_usd":3,"total_duration_ms":5400000,"total_lines_added":12,"total_lines_removed":3},"effort":{"level":"high"}}"#;
        assert_eq!(say(payload, lines).unwrap(), "lines +12 -3");
        assert_eq!(say(payload, duration).unwrap(), "time 1 h 30 m");
        assert_eq!(say(payload, rate).unwrap(), "rate $2.00/h");
        assert_eq!(say(payload, effort).unwrap(), "effort high");
        assert_eq!(say(&payload.replace("5400000", "59999"), rate), None);
        for draw in [lines, duration, rate, effort] {
            assert_eq!(say("{}", draw), None);
            assert_eq!(
                say(
                    r#"{"cost":{"total_cost_usd":null,"total_duration_ms":-1,"total_lines_added":"x"},"effort":7}"#,
                    draw
                ),
                None
            );
        }
    }
}
