//! Renders the segments that need only Claude Code's status JSON: model, effort, lines, time, rate, and prompt cache.

use chrono::{DateTime, TimeDelta, Utc};

use super::layout::{Form, Segment};
use super::{LineFacts, loss};
use crate::claude::status_payload::{PromptCache, StatusPayload};
use crate::pricing::{ModelPrices, Money, ServiceLevel, Usage};
use crate::terminal::{Tone, escape, truncate};
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

/// The minimum additional cost at which a hint about a cold cache is shown.
const MIN_COLD_COST: Money = Money::from_nano(100_000_000);

/// Returns the additional cost of rewriting a session's prompt cache instead of reading it. Returns `None` for less
/// than ten cents.
pub(crate) fn cold_cache_cost(
    cache: &PromptCache,
    prices: &ModelPrices<'_>,
    is_fast: bool,
    now: DateTime<Utc>,
) -> Option<Money> {
    let service = ServiceLevel {
        fast: is_fast,
        us_only: false,
    };
    let has_hour_lifetime = cache.lifetime >= TimeDelta::hours(1);
    let written = Usage {
        cache_write: cache.tokens,
        cache_write_1h: if has_hour_lifetime { cache.tokens } else { 0 },
        ..Usage::default()
    };
    let read = Usage {
        cache_read: cache.tokens,
        ..Usage::default()
    };
    let at = now.timestamp_millis();
    let cost = prices.price(at, [written], service) - prices.price(at, [read], service);
    (cost >= MIN_COLD_COST).then_some(cost)
}

/// Returns the time until the prompt cache expires, and how much more the next prompt will cost after that.
pub(super) fn cold_cache(facts: &LineFacts<'_>) -> Option<Segment> {
    let left = facts.payload.prompt_cache?.expires_at - facts.clock.now;
    let rewriting = facts.rewriting?.show();
    let (tone, short) = if left > TimeDelta::zero() {
        (Tone::Warning, format!("cold in {}", format_duration(left)))
    } else {
        (Tone::Plain, "cold".to_owned())
    };
    let long = format!("{short} (+{rewriting})");
    Some(vec![
        Form::labelled(loss::CACHE_WITH_COST, "cache ", [(tone, long)]),
        Form::labelled(loss::CACHE, "cache ", [(tone, short)]),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::pricing::PriceTable;
    use crate::time::{Clock, HourFormat, Zone};

    #[test]
    fn a_cache_that_is_about_to_expire_has_its_time_and_its_price() {
        let payload = r#"{"prompt_cache":{"ttl":"5m","expires_at":1795156000,"recache_tokens_if_cold":90000}}"#;
        let payload = StatusPayload::parse(payload.as_bytes());
        let config = Config::default();
        let texts = |now: i64| {
            let clock = Clock {
                now: chrono::DateTime::from_timestamp(now, 0).unwrap(),
                zone: Zone::UTC,
                hours: HourFormat::default(),
            };
            let mut facts = LineFacts::new(&payload, &config, clock);
            facts.rewriting = Some(Money::from_nano(420_000_000));
            let forms = cold_cache(&facts).unwrap();
            forms.iter().map(Form::text).collect::<Vec<_>>()
        };
        assert_eq!(
            texts(1_795_155_955),
            ["cache cold in 45 s (+$0.42)", "cache cold in 45 s"]
        );
        assert_eq!(texts(1_795_156_000), ["cache cold (+$0.42)", "cache cold"]);
    }

    #[test]
    fn a_cold_cache_costs_the_write_price_minus_the_read_price() {
        let table = PriceTable::list();
        let prices = table.prices_of("claude-opus-5-5");
        let cost = |tokens, minutes, is_fast| {
            let cache = PromptCache {
                expires_at: DateTime::UNIX_EPOCH,
                lifetime: TimeDelta::minutes(minutes),
                tokens,
            };
            cold_cache_cost(&cache, &prices, is_fast, DateTime::UNIX_EPOCH).map(Money::show)
        };
        // For Opus 5.5, a million tokens cost $5 or $8 to write, depending on the lifetime, and $0.20 to read.
        assert_eq!(cost(100_000, 5, false).unwrap(), "$0.48");
        assert_eq!(cost(100_000, 60, false).unwrap(), "$0.78");
        assert_eq!(cost(100_000, 5, true).unwrap(), "$0.96");
        assert_eq!(cost(20_000, 5, false), None);
    }

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
