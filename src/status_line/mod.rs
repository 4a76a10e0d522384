//! The status line: what the client tells, what the ledger knows, made into rows that fit.

mod layout;
mod meters;
mod session;
pub(crate) mod wrapped;

pub(crate) use meters::{SOON, days, level, shown, tone};

use crate::checkout::Head;
use crate::claude::meters::ShownUsage;
use crate::claude::status_payload::StatusPayload;
use crate::config::{Config, SegmentName};
use crate::ledger::LiveFigures;
use crate::limits::pace::Expected;
use crate::limits::sample::Sample;
use crate::pricing::Money;
use crate::terminal::{Piece, Tone, cut};
use crate::time::Clock;
use layout::Segment;

/// Columns that Claude Code keeps for itself: a row of `COLUMNS` cells is cut.
pub(crate) const MARGIN: usize = 4;

/// whycap's own rows, each at most `columns` wide. A row with nothing to say is left out; so it may
/// be empty. Where the configuration is broken, so that budgets are not watched as they were meant to be,
/// the last one says so.
pub fn draw(facts: &LineFacts<'_>, columns: usize) -> Vec<Vec<Piece>> {
    let rows = facts.config.rows().iter().map(|names| {
        // One missing figure hides one segment and no other.
        let segments = names.iter().filter_map(|name| facts.segment(*name));
        let segments: Vec<Segment> = segments.collect();
        layout::fit(&segments, &facts.config.statusline.separator, columns)
    });
    let says = |row: &Vec<Piece>| row.iter().any(|(_, text)| !text.trim().is_empty());
    let broken = facts.config.budget_fault().map(|problem| {
        let says = format!("config.toml: {problem} \u{b7} whycap doctor");
        vec![(Tone::Warning, cut(&says, columns))]
    });
    rows.filter(says).chain(broken).collect()
}

/// Everything that the line is made from. What is None is not known, or nobody asked for it.
#[derive(Debug, Clone)]
pub struct LineFacts<'a> {
    /// What the client sent.
    pub payload: &'a StatusPayload,
    /// The user's configuration.
    pub config: &'a Config,
    /// The user's clock.
    pub clock: Clock,
    /// What was spent.
    pub figures: Option<LiveFigures>,
    /// How full the plan's windows are.
    pub windows: Option<Sample>,
    /// What is to be expected of them.
    pub expected: Vec<Expected>,
    /// What `/usage` showed last.
    pub usage: Option<ShownUsage>,
    /// What the last prompt cost.
    pub prompt: Option<Money>,
    /// What writing the prompt cache again costs, where that is to be said.
    pub rewriting: Option<Money>,
    /// The working directory as people write it: `~/src/api`.
    pub directory: Option<String>,
    /// What is checked out there.
    pub head: Option<Head>,
}

impl<'a> LineFacts<'a> {
    /// What the client sent, and nothing else.
    pub fn new(payload: &'a StatusPayload, config: &'a Config, clock: Clock) -> Self {
        Self {
            payload,
            config,
            clock,
            figures: None,
            windows: None,
            expected: Vec::new(),
            usage: None,
            prompt: None,
            rewriting: None,
            directory: None,
            head: None,
        }
    }

    fn segment(&self, name: SegmentName) -> Option<Segment> {
        let (payload, clock) = (self.payload, self.clock);
        let line = &self.config.statusline;
        match name {
            SegmentName::Model => session::model(payload),
            SegmentName::Session => session::session(self),
            SegmentName::Today => session::today(self),
            SegmentName::Windows => meters::windows(self.windows.as_ref()?, line.windows, clock),
            SegmentName::Pace => meters::pace(&self.expected, clock),
            SegmentName::Context => meters::context(payload, line.context),
            SegmentName::Directory => session::directory(self.directory.as_deref()?),
            SegmentName::Branch => session::branch(self.head.as_ref()?),
            SegmentName::Effort => session::effort(payload),
            SegmentName::Lines => session::lines(payload),
            SegmentName::Duration => session::duration(payload),
            SegmentName::Rate => session::rate(payload),
            SegmentName::Prompt => Some(session::prompt(self.prompt?)),
            SegmentName::Hint => session::cold_cache(self),
            SegmentName::ModelWeeks => meters::model_weeks(self.usage.as_ref()?, clock),
            SegmentName::Credits => meters::credits(self.usage.as_ref()?, clock),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::checkout::Head;
    use crate::claude::status_payload::StatusPayload;
    use clap::ValueEnum;

    use crate::config::{Config, LineConfig, MeterForm, SegmentName};
    use crate::ledger::{LiveFigures, Tally};
    use crate::pricing::Money;
    use crate::terminal::width;
    use crate::time::Hours;
    use crate::time::{Clock, Zone};

    const NOW: i64 = 1_795_156_000;

    /// The rows at these columns.
    fn rows(payload: &StatusPayload, cents: i64, config: &Config, columns: usize) -> Vec<String> {
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        let spent = |cents: i64| Tally {
            recorded: Money::from_nano(cents * 10_000_000),
            ..Tally::default()
        };
        let clock = Clock {
            now,
            zone: Zone::UTC,
            hours: Hours::TwentyFour,
        };
        let facts = LineFacts {
            windows: Sample::told(payload, now),
            figures: Some(LiveFigures {
                session: spent(cents),
                today: spent(cents * 3),
                is_complete: true,
                ..LiveFigures::default()
            }),
            rewriting: payload.prompt_cache.map(|_| Money::from_nano(420_000_000)),
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
