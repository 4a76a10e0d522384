//! The session: its model, its effort, its lines, its time, its rate, its cache, its directory and its branch.

use chrono::{DateTime, TimeDelta, Utc};

use super::layout::{Form, Segment, without_repetitions};
use crate::checkout::Head;
use crate::claude::status_payload::StatusPayload;
use crate::pricing::Money;
use crate::terminal::{Piece, Tone, cut, visible, width};
use crate::time::in_words;

/// Before this, dollars by the hour mean nothing.
const RATE_FROM_MS: i64 = 60_000;

pub(super) fn effort(payload: &StatusPayload) -> Option<Segment> {
    let level = cut(&visible(payload.effort.as_deref()?), 12);
    Some(labelled("effort ", vec![(Tone::Plain, level)], 36))
}

pub(super) fn lines(payload: &StatusPayload) -> Option<Segment> {
    let (added, removed) = (payload.lines_added?, payload.lines_removed?);
    let figures = vec![
        (Tone::Good, format!("+{added}")),
        (Tone::Plain, " ".to_owned()),
        (Tone::Alarm, format!("-{removed}")),
    ];
    Some(labelled("lines ", figures, 27))
}

pub(super) fn duration(payload: &StatusPayload) -> Option<Segment> {
    let open = in_words(TimeDelta::milliseconds(payload.client_run_ms?));
    Some(labelled("time ", vec![(Tone::Plain, open)], 28))
}

/// Both figures are Claude Code's, so that they cover the same time.
pub(super) fn rate(payload: &StatusPayload) -> Option<Segment> {
    let spent = payload.client_total?.usd();
    let run_ms = payload.client_run_ms.filter(|ms| *ms >= RATE_FROM_MS)?;
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
    let left = payload.prompt_cache?.expires_at - now;
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

pub(super) fn model(payload: &StatusPayload) -> Option<Segment> {
    let name = payload.model_name.as_deref()?.trim();
    let fast = if payload.fast_mode { " fast" } else { "" };
    let shown = || vec![(Tone::Accent, format!("{name}{fast}"))];
    (!name.is_empty()).then(|| vec![Form::new(40, shown())])
}

/// The most columns of a name that others chose.
const WIDEST: usize = 40;
const NARROW: usize = 16;

/// Of a directory as people write it: `~/src/api`.
pub(super) fn directory(path: &str) -> Option<Segment> {
    let path = visible(path).into_owned();
    let is_separator = |c| c == '/' || (cfg!(windows) && c == '\\');
    let names = path.split(is_separator).filter(|name| !name.is_empty());
    let names: Vec<&str> = names.collect();
    let mut forms = Vec::new();
    if width(&path) <= WIDEST {
        forms.push((24, path.clone()));
    }
    if let [_, .., parent, last] = names.as_slice() {
        forms.push((25, cut(&format!("{parent}/{last}"), WIDEST)));
    }
    forms.push((43, cut(names.last().unwrap_or(&&*path), NARROW)));
    shorter_and_shorter(forms, "")
}

pub(super) fn branch(head: &Head) -> Option<Segment> {
    let (label, name) = match head {
        Head::Branch(name) => ("on ", visible(name).into_owned()),
        Head::Detached(commit) => ("at ", commit.clone()),
    };
    let forms = vec![(26, cut(&name, WIDEST)), (44, cut(&name, NARROW))];
    shorter_and_shorter(forms, label)
}

/// Forms from texts, without repetitions. None where there is no text.
fn shorter_and_shorter(texts: Vec<(u32, String)>, label: &str) -> Option<Segment> {
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let forms = without_repetitions(texts.map(|(loss, text)| {
        let label = (!label.is_empty()).then(|| (Tone::Quiet, label.to_owned()));
        let pieces = label.into_iter().chain([(Tone::Accent, text)]);
        Form::new(loss, pieces.collect())
    }));
    (!forms.is_empty()).then_some(forms)
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

    fn texts(segment: Option<Segment>) -> Vec<String> {
        segment.unwrap().iter().map(Form::text).collect()
    }

    fn at(path: &str) -> Vec<String> {
        texts(directory(path))
    }

    #[test]
    fn a_long_path_keeps_its_end() {
        assert_eq!(at("~/src/api"), ["~/src/api", "src/api", "api"]);
        assert_eq!(at("~"), ["~"]);
        assert_eq!(at("/"), ["/"]);
        let deep = at("/srv/a/very/long/way/down/to/the/place/where/people/work");
        assert_eq!(deep, ["people/work", "work"]);
    }

    #[test]
    fn a_name_cannot_move_the_cursor_or_fill_the_line() {
        let on = |name: &str| texts(branch(&Head::Branch(name.to_owned())));
        assert_eq!(on("main"), ["on main"]);
        assert_eq!(on("a\u{1b}[2Jb")[0], "on a\\u{1b}[2Jb");
        assert_eq!(on(&"x".repeat(500))[1], format!("on {}…", "x".repeat(15)));
        assert!(branch(&Head::Branch(String::new())).is_none());
    }
}
