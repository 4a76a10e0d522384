//! Renders the status line: segments with figures, arranged in rows that fit the terminal.
//!
//! All code in this module is pure, except for `wrapped`, which runs the user's previous status-line command.

mod amounts;
pub(crate) mod call;
pub(crate) mod checkout;
mod layout;
mod loss;
mod pace;
mod session_details;
mod usage_page;
mod windows;
mod workspace;
pub(crate) mod wrapped;

pub(crate) use pace::full_when;
pub(crate) use windows::{WORTH_A_LOOK, level_tone};

use crate::claude::status_payload::StatusPayload;
use crate::claude::window_usage::{UsagePage, WindowFigures};
use crate::config::{Config, SegmentName};
use crate::ledger::LiveFigures;
use crate::spend::pace::WindowPace;
use crate::terminal::{Piece, Tone, truncate};
use crate::time::Clock;
use checkout::Head;
use layout::Segment;

/// The number of columns that Claude Code reserves. It truncates rows that fill all of `COLUMNS`.
pub(crate) const MARGIN: usize = 4;

/// Renders the rows of the status line, each at most `columns` wide. A row without figures is omitted, so the result
/// may be empty. If a budget is ignored because of a configuration error, the last row says so.
pub fn render_rows(facts: &LineFacts<'_>, columns: usize) -> Vec<Vec<Piece>> {
    // A missing figure affects only its own segment.
    let names = facts.config.statusline.segments.iter();
    let segments: Vec<Segment> = names
        .filter_map(|name| facts.segment(*name))
        .collect();
    let mut rows = vec![layout::fit(&segments, columns)];
    rows.retain(|row| row.iter().any(|(_, text)| !text.trim().is_empty()));
    if let Some(problem) = facts.config.budget_problem_to_show() {
        let text = format!("config.toml: {problem} \u{b7} whycap doctor");
        rows.push(vec![(Tone::Warning, truncate(&text, columns))]);
    }
    rows
}

/// The data that the segments show. An optional field is `None` if its value is unknown or no segment needs it.
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
    pub windows: Option<WindowFigures>,
    /// The paces of the usage windows.
    pub paces: Vec<WindowPace>,
    /// The `/usage` page as Claude Code last loaded it.
    pub usage: Option<UsagePage>,
    /// The working directory in abbreviated form, for example `~/src/api`.
    pub directory: Option<String>,
    /// The branch or commit that is checked out in the working directory.
    pub head: Option<Head>,
}

impl<'a> LineFacts<'a> {
    /// Creates facts that contain only the status JSON.
    pub fn new(payload: &'a StatusPayload, config: &'a Config, clock: Clock) -> Self {
        Self {
            payload,
            config,
            clock,
            figures: None,
            windows: None,
            paces: Vec::new(),
            usage: None,
            directory: None,
            head: None,
        }
    }

    /// Returns the segment with the given name, or `None` if there is no data for it.
    fn segment(&self, name: SegmentName) -> Option<Segment> {
        let (payload, clock) = (self.payload, self.clock);
        match name {
            SegmentName::Model => session_details::model(payload),
            SegmentName::Session => amounts::session(self),
            SegmentName::Today => amounts::today(self),
            SegmentName::Windows => windows::windows(self.windows.as_ref()?, clock),
            SegmentName::Pace => pace::pace(&self.paces, clock),
            SegmentName::Context => session_details::context(payload),
            SegmentName::Directory => workspace::directory(self.directory.as_deref()?),
            SegmentName::Branch => workspace::branch(self.head.as_ref()?),
            SegmentName::ModelWeeks => {
                let least = if self.config.statusline.has_default_segments() {
                    usage_page::WORTH_SHOWING
                } else {
                    0.0
                };
                usage_page::model_weeks(self.usage.as_ref()?, least, clock)
            }
            SegmentName::Credits => usage_page::credits(self.usage.as_ref()?, clock),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use chrono::DateTime;
    use clap::ValueEnum;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::config::LineConfig;
    use crate::ledger::Tally;
    use crate::limits::Kind;
    use crate::pricing::Money;
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
            windows: WindowFigures::of_payload(payload, now),
            figures: Some(LiveFigures {
                session: spent(cents),
                today: spent(cents * 3),
                is_complete: true,
                ..LiveFigures::default()
            }),
            directory: Some("~/src/日本語/api".to_owned()),
            head: Some(Head::Branch("topic/one".to_owned())),
            ..LineFacts::new(payload, config, clock)
        };
        render_rows(&facts, columns)
            .into_iter()
            .map(|row| row.into_iter().map(|(_, text)| text).collect())
            .collect()
    }

    /// The data shown in a default status line.
    struct Scenario {
        payload: StatusPayload,
        config: Config,
        paces: Vec<WindowPace>,
        five_hour: f64,
        week: f64,
        context: f64,
    }

    /// The parts of the default row, in the order in which a narrow terminal drops them when usage is low.
    #[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
    enum RowPart {
        Distances,
        OtherReset,
        Context,
        Model,
        MainReset,
        Budgets,
        Today,
        Forecast,
        OtherWindow,
    }

    impl Scenario {
        /// Returns every combination of budgets, usage, reset times, models, and warnings.
        fn all() -> Vec<Self> {
            let budgets = [
                "",
                "day = 20",
                "day = 2\nmonth = 3",
                "session = 1\nday = 2\nmonth = 3",
            ];
            let models = [
                "Opus 5.5",
                "日本語モデル",
                "a model with a name that is as wide as many terminals are",
            ];
            let all_usage = [[42.0, 17.0], [75.0, 80.0], [100.0, 40.0], [12.0, 100.0]];
            let all_resets = [[NOW + 60, NOW + 90_000], [NOW + 17_000, NOW + 600_000]];
            let mut all = Vec::new();
            for budget in budgets {
                let config = Config::parse(&format!("[budget]\n{budget}\n"));
                for model in models {
                    for usage in all_usage {
                        for resets in all_resets {
                            all.extend(
                                [12.0, 75.0, 95.0].map(|context| {
                                    Self::new(&config, model, usage, resets, context)
                                }),
                            );
                        }
                    }
                }
            }
            all
        }

        /// Creates a scenario. In each array, the 5-hour window comes first and the weekly window second.
        fn new(
            config: &Config,
            model: &str,
            [five_hour, week]: [f64; 2],
            [five_hour_reset, week_reset]: [i64; 2],
            context: f64,
        ) -> Self {
            let payload = json!({
                "session_id": "s",
                "model": {"display_name": model},
                "cost": {"total_cost_usd": 2.05},
                "context_window": {"used_percentage": context},
                "rate_limits": {
                    "five_hour": {"used_percentage": five_hour, "resets_at": five_hour_reset},
                    "seven_day": {"used_percentage": week, "resets_at": week_reset},
                },
            });
            let [now, full_at] =
                [0, 3_000].map(|later| DateTime::from_timestamp(NOW + later, 0).unwrap());
            let pace = WindowPace::example(Kind::FiveHour, five_hour, now, Some(full_at));
            let is_warning = (50.0..100.0).contains(&five_hour);
            Self {
                payload: StatusPayload::parse(payload.to_string().as_bytes()),
                config: config.clone(),
                paces: Vec::from_iter(is_warning.then_some(pace)),
                five_hour,
                week,
                context,
            }
        }

        fn facts(&self) -> LineFacts<'_> {
            let spent = |cents: i64| Tally {
                recorded: Money::from_nano(cents * 10_000_000),
                ..Tally::default()
            };
            let now = DateTime::from_timestamp(NOW, 0).unwrap();
            let clock = Clock {
                now,
                zone: Zone::UTC,
                hours: HourFormat::TwentyFour,
            };
            LineFacts {
                windows: WindowFigures::of_payload(&self.payload, now),
                figures: Some(LiveFigures {
                    session: spent(205),
                    today: spent(205),
                    month: Some(spent(243)),
                    is_complete: true,
                }),
                paces: self.paces.clone(),
                ..LineFacts::new(&self.payload, &self.config, clock)
            }
        }

        /// Returns the order in which parts are dropped according to docs/configuration.md.
        fn documented_order(&self) -> Vec<RowPart> {
            let mut order = RowPart::value_variants().to_vec();
            let mut move_before = |part: RowPart, next: RowPart| {
                order.retain(|other| *other != part);
                let at = order
                    .iter()
                    .position(|other| *other == next)
                    .unwrap();
                order.insert(at, part);
            };
            if self.context >= 90.0 {
                move_before(RowPart::Context, RowPart::OtherWindow);
            } else if self.context >= 70.0 {
                move_before(RowPart::Context, RowPart::Budgets);
            }
            if self.five_hour.max(self.week) >= 70.0 {
                move_before(RowPart::MainReset, RowPart::OtherWindow);
            }
            order
        }

        /// Returns true if the row shows the part in full.
        fn shows(&self, part: RowPart, row: &str, widest: &str) -> bool {
            let has_reset = |name: &str| {
                row.split("  ")
                    .flat_map(|text| text.split(" \u{2502} "))
                    .any(|text| {
                        text.starts_with(name)
                            && (text.contains('\u{21bb}') || text.contains("resets"))
                    })
            };
            let (main, other) = if self.week >= 70.0 && self.week > self.five_hour {
                ("week ", "5h ")
            } else {
                ("5h ", "week ")
            };
            let count = |row: &str, text: &str| row.matches(text).count();
            match part {
                RowPart::Distances => count(row, ", in ") == 2,
                RowPart::OtherReset => has_reset(other),
                RowPart::Context => row.contains("ctx "),
                RowPart::Model => row.starts_with(self.payload.model_name.as_deref().unwrap()),
                RowPart::MainReset => has_reset(main),
                RowPart::Budgets => count(row, "% of $") == count(widest, "% of $"),
                RowPart::Today => row.contains("today "),
                RowPart::Forecast => row.contains("5h full "),
                RowPart::OtherWindow => row.contains(other),
            }
        }
    }

    #[test]
    fn no_part_of_a_row_is_cut_and_a_narrow_terminal_leaves_parts_out_in_the_documented_order() {
        const WIDEST: usize = 300;
        for scenario in Scenario::all() {
            let facts = scenario.facts();
            let forms: HashSet<String> = SegmentName::value_variants()
                .iter()
                .filter_map(|name| facts.segment(*name))
                .flatten()
                .map(|form| form.text())
                .collect();
            let rows: Vec<(usize, String)> = (20 - MARGIN..=WIDEST)
                .map(|columns| {
                    let row = render_rows(&facts, columns).swap_remove(0);
                    (columns, row.into_iter().map(|(_, text)| text).collect())
                })
                .collect();
            for (columns, row) in &rows {
                assert!(width(row) <= *columns, "{columns}: {row}");
                let mut parts = row.split(" \u{2502} ");
                assert!(parts.all(|part| forms.contains(part)), "{columns}: {row}");
            }
            // Find the width above which a part is always shown.
            let (_, widest) = rows.last().unwrap();
            let has_month = scenario.config.budget.month.is_some();
            assert_eq!(widest.contains("month 81% of $3"), has_month, "{widest}");
            let shown_from = |part: RowPart| {
                rows.iter()
                    .rev()
                    .find(|(_, row)| !scenario.shows(part, row, widest))
                    .map_or(0, |(columns, _)| columns + 1)
            };
            let mut order = scenario.documented_order();
            order.retain(|part| match part {
                RowPart::Budgets => widest.contains("% of $"),
                RowPart::Forecast => !scenario.paces.is_empty(),
                _ => true,
            });
            for pair in order.windows(2) {
                let [earlier, later] = [pair[0], pair[1]].map(shown_from);
                assert!(later <= earlier, "{pair:?}: {later} > {earlier}: {widest}");
                assert!(earlier <= WIDEST, "{pair:?}: {widest}");
            }
        }
    }

    /// At 20 columns, only the session's spend was left, although the percentage of the 5-hour window fits beside it.
    #[test]
    fn the_fullest_window_is_dropped_last() {
        let config = Config::default();
        for (usage, columns, expected) in [
            ([42.0, 17.0], 26, "session $2.05 │ 5h 42%"),
            ([42.0, 17.0], 25, "$2.05 │ 5h 42%"),
            ([42.0, 17.0], 20, "$2.05 │ 5h 42%"),
            ([42.0, 17.0], 16, "5h 42%"),
            ([42.0, 81.0], 20, "$2.05 │ week 81%"),
        ] {
            let resets = [NOW + 9_600, NOW + 250_000];
            let scenario = Scenario::new(&config, "Opus 5.5", usage, resets, 12.0);
            let row = render_rows(&scenario.facts(), columns - MARGIN).swap_remove(0);
            let text: String = row.into_iter().map(|(_, text)| text).collect();
            assert_eq!(text, expected, "{usage:?}, {columns}");
        }
    }

    /// At 80 columns, the row kept the model and the context and left out the warning that the 5-hour window would be full
    /// in a few minutes.
    #[test]
    fn the_forecast_of_a_full_window_is_shown_in_80_columns() {
        let resets = [NOW + 9_600, NOW + 250_000];
        let config = Config::default();
        let scenario = Scenario::new(&config, "Opus 5.5", [93.0, 71.0], resets, 72.0);
        let row = render_rows(&scenario.facts(), 80 - MARGIN).swap_remove(0);
        let text: String = row.into_iter().map(|(_, text)| text).collect();
        for part in ["5h 93%", "week 71%", "5h full 07:15"] {
            assert!(text.contains(part), "{part}: {text}");
        }
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
                    "rate_limits": {"five_hour": limit(five_hour), "seven_day": limit(seven_day), "spend_limit": spend_limit},
                });
                StatusPayload::parse(payload.to_string().as_bytes())
            },
        )
    }

    fn any_config() -> impl Strategy<Value = Config> {
        let segment = prop::sample::select(SegmentName::value_variants());
        prop::collection::vec(segment, 1..9).prop_map(|segments| Config {
            statusline: LineConfig { segments },
            ..Config::default()
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
                prop_assert!(rendered.len() <= 1);
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
