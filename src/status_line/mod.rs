//! The status line: what the client tells, what the ledger knows, made into rows that fit.

pub(crate) mod gauge;
mod layout;
pub(crate) mod pace;
mod segments;
mod session;
mod spending;
mod usage_page;
mod whereabouts;
mod windows;
pub(crate) mod wrapped;

pub use segments::LineFacts;

use crate::terminal::{Piece, Tone, cut};

/// Columns that Claude Code keeps for itself: a row of `COLUMNS` cells is cut.
pub(crate) const MARGIN: usize = 4;

/// whycap's own rows, each at most `columns` wide. A row with nothing to say is left out; so it may
/// be empty. Where the configuration is broken, so that budgets are not watched as they were meant to be,
/// the last one says so.
pub fn draw(facts: &LineFacts<'_>, columns: usize) -> Vec<Vec<Piece>> {
    let rows = facts.config.rows().into_iter();
    let rows = rows.map(|names| {
        let segments = facts.segments(names);
        layout::fit(&segments, &facts.config.statusline.separator, columns)
    });
    let says = |row: &Vec<Piece>| row.iter().any(|(_, text)| !text.trim().is_empty());
    let broken = facts.config.budget_fault().map(|problem| {
        let says = format!("config.toml: {problem} \u{b7} whycap doctor");
        vec![(Tone::Warning, cut(&says, columns))]
    });
    rows.filter(says).chain(broken).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::checkout::Head;
    use crate::claude::meters::Windows;
    use crate::claude::status_payload::StatusPayload;
    use clap::ValueEnum;

    use crate::config::{Config, LineConfig, MeterForm, SegmentName};
    use crate::ledger::{LiveFigures, Spent};
    use crate::pricing::Money;
    use crate::terminal::width;
    use crate::time::Hours;
    use crate::time::{Clock, Zone};

    const NOW: i64 = 1_795_156_000;

    /// The rows at these columns.
    fn rows(payload: &StatusPayload, cents: i64, config: &Config, columns: usize) -> Vec<String> {
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        let spent = |cents: i64| Spent {
            recorded: Money::from_nano(cents * 10_000_000),
            ..Spent::default()
        };
        let clock = Clock {
            now,
            zone: Zone::UTC,
            hours: Hours::TwentyFour,
        };
        let facts = LineFacts {
            windows: Some(Windows {
                five_hour: payload.five_hour(),
                seven_day: payload.seven_day(),
                others: payload.other_meters(),
                measured: now,
            }),
            figures: Some(LiveFigures {
                session: spent(cents),
                today: spent(cents * 3),
                is_complete: true,
                ..LiveFigures::default()
            }),
            rewriting: payload
                .prompt_cache()
                .map(|_| Money::from_nano(420_000_000)),
            directory: Some("~/src/日本語/api".to_owned()),
            head: Some(Head::Branch("topic/one".to_owned())),
            ..LineFacts::new(payload, config, clock)
        };
        let rows = draw(&facts, columns).into_iter();
        rows.map(|row| row.into_iter().map(|(_, text)| text).collect())
            .collect()
    }

    fn told(of_gateway: bool) -> impl Strategy<Value = StatusPayload> {
        let percent = || 0.0..110.0_f64;
        let window = (percent(), 60..600_000_i64);
        (window.clone(), window, percent(), "[a-z日]{1,12}").prop_map(
            move |(five_hour, seven_day, context, model)| {
                let limit = |(used, left): (f64, i64)| json!({"used_percentage": used, "resets_at": NOW + left});
                let spend_limit = of_gateway.then(|| limit(five_hour));
                let payload = json!({
                    "model": {"display_name": model}, "effort": {"level": "medium"},
                    "cost": {"total_cost_usd": 1.5, "total_duration_ms": 9_000_000, "total_lines_added": 12, "total_lines_removed": 3},
                    "context_window": {"used_percentage": context},
                    "prompt_cache": {"ttl": "5m", "expires_at": NOW + 30, "recache_tokens_if_cold": 90_000},
                    "rate_limits": {"five_hour": limit(five_hour), "seven_day": limit(seven_day), "spend_limit": spend_limit},
                });
                StatusPayload::parse(payload.to_string().as_bytes())
            },
        )
    }

    fn configured() -> impl Strategy<Value = Config> {
        let segment = prop::sample::select(SegmentName::value_variants());
        let line = prop::collection::vec(segment, 1..9);
        let form = || prop_oneof![Just(MeterForm::Text), Just(MeterForm::Bar)];
        let lines = prop::collection::vec(line, 1..4);
        (lines, "( │ | 日 |·)", form(), form()).prop_map(|(lines, separator, windows, context)| {
            Config {
                statusline: LineConfig {
                    lines,
                    separator,
                    windows,
                    context,
                    ..LineConfig::default()
                },
                ..Config::default()
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_is_told_and_configured_every_row_fits_and_none_is_blank(
            payload in told(true), cents in 0..9_999_999_i64, config in configured(),
        ) {
            for columns in 1..=200 {
                let drawn = rows(&payload, cents, &config, columns);
                prop_assert!(drawn.len() <= config.statusline.lines.len());
                for row in &drawn {
                    prop_assert!(width(row) <= columns && !row.trim().is_empty(), "{columns}: {row:?}");
                }
                prop_assert_eq!(drawn, rows(&payload, cents, &config, columns));
            }
        }

        #[test]
        fn on_a_terminal_of_80_columns_no_amount_and_no_window_is_lost_or_without_a_name(
            payload in told(false), cents in 0..33_333_i64,
        ) {
            for columns in 80 - MARGIN..=200 {
                let drawn = rows(&payload, cents, &Config::default(), columns).concat();
                for name in ["session $", "today $", "5h ", "week "] {
                    prop_assert!(drawn.contains(name), "{columns}: no {name:?} in {drawn:?}");
                }
            }
        }
    }
}
