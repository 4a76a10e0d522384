//! Renders the status line: segments with figures, arranged in rows that fit the terminal.
//!
//! All code in this module is pure, except for `wrapped`, which runs the user's previous status-line command.

mod amounts;
mod context_use;
mod layout;
mod loss;
mod pace;
mod session_details;
mod usage_page;
mod windows;
mod workspace;
pub(crate) mod wrapped;

pub(crate) use pace::days_in_words;
pub(crate) use windows::{WORTH_A_LOOK, level_now, level_tone, rounded_level};

use crate::checkout::Head;
use crate::claude::status_payload::StatusPayload;
use crate::claude::window_usage::UsagePage;
use crate::config::{Config, SegmentName};
use crate::ledger::LiveFigures;
use crate::limits::pace::Expected;
use crate::limits::sample::Sample;
use crate::pricing::Money;
use crate::terminal::{Piece, Tone, truncate};
use crate::time::Clock;
use layout::Segment;

/// The number of columns that Claude Code reserves. Rows that are as wide as `COLUMNS` are truncated.
pub(crate) const MARGIN: usize = 4;

/// Renders the rows of the status line, each at most `columns` wide. Rows without figures are omitted, so the result
/// may be empty. If a budget is ignored because of a configuration error, the last row says so.
pub fn render_rows(facts: &LineFacts<'_>, columns: usize) -> Vec<Vec<Piece>> {
    let mut rows = Vec::new();
    for names in facts.config.rows() {
        // A missing figure affects only its own segment.
        let segments: Vec<Segment> = names
            .iter()
            .filter_map(|name| facts.segment(*name))
            .collect();
        let row = layout::fit(&segments, &facts.config.statusline.separator, columns);
        if row.iter().any(|(_, text)| !text.trim().is_empty()) {
            rows.push(row);
        }
    }
    if let Some(problem) = facts.config.budget_problem_to_show() {
        let text = format!("config.toml: {problem} \u{b7} whycap doctor");
        rows.push(vec![(Tone::Warning, truncate(&text, columns))]);
    }
    rows
}

/// The facts shown by the segments. A fact is `None` if it is unknown or if no segment shows it.
#[derive(Debug, Clone)]
pub struct LineFacts<'a> {
    /// The status JSON from Claude Code.
    pub payload: &'a StatusPayload,
    /// The user's configuration.
    pub config: &'a Config,
    /// The user's clock.
    pub clock: Clock,
    /// The spend of the session and the day, and the use of each budget.
    pub figures: Option<LiveFigures>,
    /// The newest reading of the account's usage windows.
    pub windows: Option<Sample>,
    /// The forecasts for the usage windows.
    pub forecasts: Vec<Expected>,
    /// The latest content of the `/usage` page.
    pub usage: Option<UsagePage>,
    /// The cost of the last prompt.
    pub prompt: Option<Money>,
    /// The cost of rewriting the prompt cache, if it is about to expire.
    pub rewriting: Option<Money>,
    /// The working directory in abbreviated form, for example `~/src/api`.
    pub directory: Option<String>,
    /// The branch or commit that is checked out in the working directory.
    pub head: Option<Head>,
}

impl<'a> LineFacts<'a> {
    /// Creates facts from the status JSON alone.
    pub fn new(payload: &'a StatusPayload, config: &'a Config, clock: Clock) -> Self {
        Self {
            payload,
            config,
            clock,
            figures: None,
            windows: None,
            forecasts: Vec::new(),
            usage: None,
            prompt: None,
            rewriting: None,
            directory: None,
            head: None,
        }
    }

    /// Returns the segment with the given name, or `None` if its facts are unknown.
    fn segment(&self, name: SegmentName) -> Option<Segment> {
        let (payload, clock) = (self.payload, self.clock);
        let style = &self.config.statusline;
        match name {
            SegmentName::Model => session_details::model(payload),
            SegmentName::Session => amounts::session(self),
            SegmentName::Today => amounts::today(self),
            SegmentName::Windows => windows::windows(self.windows.as_ref()?, style.windows, clock),
            SegmentName::Pace => pace::pace(&self.forecasts, clock),
            SegmentName::Context => context_use::context(payload, style.context),
            SegmentName::Directory => workspace::directory(self.directory.as_deref()?),
            SegmentName::Branch => workspace::branch(self.head.as_ref()?),
            SegmentName::Effort => session_details::effort(payload),
            SegmentName::Lines => session_details::lines(payload),
            SegmentName::Duration => session_details::duration(payload),
            SegmentName::Rate => session_details::rate(payload),
            SegmentName::Prompt => Some(amounts::prompt(self.prompt?)),
            SegmentName::Hint => session_details::cold_cache(self),
            SegmentName::ModelWeeks => usage_page::model_weeks(self.usage.as_ref()?, clock),
            SegmentName::Credits => usage_page::credits(self.usage.as_ref()?, clock),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use clap::ValueEnum;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::config::{LineConfig, MeterForm};
    use crate::ledger::Tally;
    use crate::terminal::width;
    use crate::time::{HourFormat, Zone};

    const NOW: i64 = 1_795_156_000;

    /// Renders the rows for a session that has cost `cents` so far.
    fn rows(payload: &StatusPayload, cents: i64, config: &Config, columns: usize) -> Vec<String> {
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        let spent = |cents: i64| Tally {
            recorded: Money::from_nano(cents * 10_000_000),
            ..Tally::default()
        };
        let clock = Clock {
            now,
            zone: Zone::UTC,
            hours: HourFormat::TwentyFour,
        };
        let facts = LineFacts {
            windows: Sample::from_payload(payload, now),
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
        render_rows(&facts, columns)
            .into_iter()
            .map(|row| row.into_iter().map(|(_, text)| text).collect())
            .collect()
    }

    fn any_payload(has_gateway: bool) -> impl Strategy<Value = StatusPayload> {
        let percent = || 0.0..110.0_f64;
        let window = (percent(), 60..600_000_i64);
        (window.clone(), window, percent(), "[a-z日]{1,12}").prop_map(
            move |(five_hour, seven_day, context, model)| {
                let limit = |(used, left): (f64, i64)| json!({"used_percentage": used, "resets_at": NOW + left});
                let spend_limit = has_gateway.then(|| limit(five_hour));
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

    fn any_config() -> impl Strategy<Value = Config> {
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
        fn every_row_fits_and_is_not_blank_for_any_input(
            payload in any_payload(true), cents in 0..9_999_999_i64, config in any_config(),
        ) {
            for columns in 1..=200 {
                let rendered = rows(&payload, cents, &config, columns);
                prop_assert!(rendered.len() <= config.statusline.lines.len());
                for row in &rendered {
                    prop_assert!(width(row) <= columns && !row.trim().is_empty(), "{columns}: {row:?}");
                }
                prop_assert_eq!(rendered, rows(&payload, cents, &config, columns));
            }
        }

        #[test]
        fn amounts_and_windows_are_shown_with_their_names_in_80_or_more_columns(
            payload in any_payload(false), cents in 0..33_333_i64,
        ) {
            for columns in 80 - MARGIN..=200 {
                let rendered = rows(&payload, cents, &Config::default(), columns).concat();
                for name in ["session $", "today $", "5h ", "week "] {
                    prop_assert!(rendered.contains(name), "{columns}: no {name:?} in {rendered:?}");
                }
            }
        }
    }
}
