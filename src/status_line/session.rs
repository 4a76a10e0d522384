//! The session: its model, its effort, its lines, its time, its rate, its cache, its directory and its branch;
//! and what was spent: by it, today, and of budgets that run out.

use std::path::is_separator;

use chrono::TimeDelta;

use super::LineFacts;
use super::layout::{Form, Segment, without_repetitions};
use crate::budget::{BudgetScope, BudgetUse, uses};
use crate::checkout::Head;
use crate::claude::status_payload::StatusPayload;
use crate::config::Currency;
use crate::pricing::Money;
use crate::spend::Amount;
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
pub(super) fn cold_cache(facts: &LineFacts<'_>) -> Option<Segment> {
    let left = facts.payload.prompt_cache?.expires_at - facts.clock.now;
    let (tone, short) = if left > TimeDelta::zero() {
        (Tone::Warning, format!("cold in {}", in_words(left)))
    } else {
        (Tone::Plain, "cold".to_owned())
    };
    let long = format!("{short} (+{})", facts.rewriting?.show());
    let form = |(loss, text)| labelled("cache ", vec![(tone, text)], loss);
    Some([(23, long), (34, short)].map(form).concat())
}

pub(super) fn labelled(label: &str, figures: Vec<Piece>, loss: u32) -> Segment {
    let mut pieces = vec![(Tone::Quiet, label.to_owned())];
    pieces.extend(figures);
    vec![Form::new(loss, pieces)]
}

pub(super) fn model(payload: &StatusPayload) -> Option<Segment> {
    let name = payload.model_name.as_deref()?.trim();
    let fast = if payload.fast_mode { " fast" } else { "" };
    let pieces = vec![(Tone::Accent, format!("{name}{fast}"))];
    Some(vec![Form::new(40, pieces)])
}

/// The most columns of a name that others chose.
const WIDEST: usize = 40;
const NARROW: usize = 16;

/// Of a directory as people write it: `~/src/api`.
pub(super) fn directory(path: &str) -> Option<Segment> {
    let path = visible(path).into_owned();
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
        let label = (Tone::Quiet, label.to_owned());
        Form::new(loss, vec![label, (Tone::Accent, text)])
    }));
    (!forms.is_empty()).then_some(forms)
}

/// Without a ledger the client's own figure is the best there is, under its own name.
pub(super) fn session(facts: &LineFacts<'_>) -> Option<Segment> {
    let client = facts.payload.client_total;
    let (label, amount) = match &facts.figures {
        None => ("client says ", Amount::exact(client?)),
        // Which session this is was not said: nothing is known of what it cost.
        Some(_) if client.is_none() && facts.payload.session_id.is_none() => return None,
        Some(figures) => ("session ", Amount::from_tally(&figures.session)),
    };
    let used = BudgetUse::worth_saying(&facts.config.budget, BudgetScope::Session, amount.money);
    let mut forms = forms(label, 85, amount, used.as_ref(), &facts.config.currency);
    if facts.figures.is_some() {
        forms.push(Form::new(90, vec![(Tone::Strong, amount.show())]));
    }
    Some(forms)
}

/// Subagents' answers count once they were read; until then it is less.
pub(super) fn prompt(cost: Money) -> Segment {
    labelled("prompt ", vec![(Tone::Plain, cost.show())], 33)
}

pub(super) fn today(facts: &LineFacts<'_>) -> Option<Segment> {
    let (figures, budget) = (facts.figures.as_ref()?, &facts.config.budget);
    let amount = Amount::from_tally(&figures.today).unless_complete(figures.is_complete);
    let used = BudgetUse::worth_saying(budget, BudgetScope::Day, amount.money);
    let mut forms = forms("today ", 60, amount, used.as_ref(), &facts.config.currency);
    // Month and project have no segment of their own; the fullest of their budgets speaks up here.
    let others = uses(budget, figures, None).into_iter();
    let others =
        others.filter(|it| matches!(it.scope, BudgetScope::Month | BudgetScope::Project(_)));
    let fullest = others.max_by(|one, other| one.share().total_cmp(&other.share()));
    if let Some(used) = fullest {
        let name = (Tone::Quiet, format!(" {} ", used.scope.label()));
        for form in &mut forms {
            form.pieces.extend([name.clone(), share(&used)]);
        }
    }
    Some(forms)
}

fn forms(
    label: &str,
    loss: u32,
    amount: Amount,
    used: Option<&BudgetUse>,
    currency: &Currency,
) -> Segment {
    let share = used.map(share);
    let tone = share.as_ref().map_or(Tone::Strong, |(tone, _)| *tone);
    let plain = [(Tone::Quiet, label.to_owned()), (tone, amount.show())];
    let share = share.map(|(tone, text)| (tone, format!(" {text}")));
    let converted = amount.money.converted(currency);
    let converted = converted.map(|converted| (Tone::Quiet, format!(" ({converted})")));
    let forms = [
        (9, converted, share.clone()),
        (58, None, share),
        (loss, None, None),
    ];
    without_repetitions(forms.map(|(loss, converted, share)| {
        let pieces = plain.iter().cloned().chain(converted).chain(share);
        Form::new(loss, pieces.collect())
    }))
}

/// How far a budget is used.
fn share(used: &BudgetUse) -> Piece {
    let is_over = used.is_used_up();
    let tone = if is_over { Tone::Alarm } else { Tone::Warning };
    let (percent, limit) = (used.percent(), used.limit.show());
    // "$20" is as clear as "$20.00", and shorter.
    let limit = limit.strip_suffix(".00").unwrap_or(&limit);
    (tone, format!("{percent}% of {limit}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::ledger::{LiveFigures, Tally};
    use crate::time::{Clock, Hours, Zone};

    #[test]
    fn a_cache_that_goes_cold_says_when_and_what_that_costs() {
        let payload = r#"{"prompt_cache":{"ttl":"5m","expires_at":1795156000,"recache_tokens_if_cold":90000}}"#;
        let payload = StatusPayload::parse(payload.as_bytes());
        let config = Config::default();
        let say = |now: i64| {
            let clock = Clock {
                now: chrono::DateTime::from_timestamp(now, 0).unwrap(),
                zone: Zone::UTC,
                hours: Hours::default(),
            };
            let mut facts = LineFacts::new(&payload, &config, clock);
            facts.rewriting = Some(Money::from_nano(420_000_000));
            let forms = cold_cache(&facts).unwrap();
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

    /// The texts of a segment, from long to short, where so many dollars were spent.
    fn amounts(
        draw: fn(&LineFacts<'_>) -> Option<Segment>,
        usd: i64,
        is_known: bool,
        config: &str,
    ) -> Vec<String> {
        let payload = format!(r#"{{"session_id":"a","cost":{{"total_cost_usd":{usd}}}}}"#);
        let payload = StatusPayload::parse(payload.as_bytes());
        let spent = Tally {
            recorded: Money::from_nano(usd * 1_000_000_000),
            ..Tally::default()
        };
        let figures = LiveFigures {
            session: spent,
            today: spent,
            month: Some(spent),
            is_complete: true,
            ..LiveFigures::default()
        };
        let config = Config::parse(config);
        let clock = Clock {
            now: chrono::DateTime::UNIX_EPOCH,
            zone: Zone::UTC,
            hours: Hours::TwentyFour,
        };
        let facts = LineFacts {
            figures: is_known.then_some(figures),
            ..LineFacts::new(&payload, &config, clock)
        };
        let forms = draw(&facts).unwrap();
        forms.iter().map(Form::text).collect()
    }

    #[test]
    fn a_budget_is_mentioned_from_its_warning_share_on() {
        let say = |usd| amounts(today, usd, true, "[budget]\nday = 20.0\nmonth = 100\n").remove(0);
        assert_eq!(say(10), "today $10.00");
        assert_eq!(say(16), "today $16.00 80% of $20");
        assert_eq!(say(90), "today $90.00 450% of $20 month 90% of $100");
    }

    #[test]
    fn the_users_own_currency_stands_beside_dollars_and_gives_way_first() {
        let config = "[budget]\nsession = 2\n[currency]\nrate = 0.5\n";
        assert_eq!(
            amounts(session, 2, true, config),
            [
                "session $2.00 (€1.00) 100% of $2",
                "session $2.00 100% of $2",
                "session $2.00",
                "$2.00"
            ]
        );
    }

    #[test]
    fn a_figure_that_is_not_ours_says_so() {
        assert_eq!(amounts(session, 2, true, "")[0], "session $2.00");
        assert_eq!(amounts(session, 2, false, "")[0], "client says $2.00");
    }
}
