//! The figures for a group or a total in each type of output: JSON, CSV, text, and HTML.
//!
//! The cost and its share are exceptions: the cost is a figure only in JSON and CSV. Elsewhere, tables add both columns
//! themselves, because the cost can have a bar next to it, and the share depends on the total.
//!
//! The text output has these layouts. The first one that fits is used:
//!
//! | layout | sessions | other groups |
//! | --- | --- | --- |
//! | widest | project, last, cost, share, responses, each kind of tokens | cost, share, responses, each kind of tokens |
//! | wide | project, last, cost, share, responses, tokens | cost, share, responses, tokens |
//! | medium | project, last, cost, responses, tokens | cost, share, responses |
//! | narrow | project, last, cost | cost, share |
//! | narrower | last, cost | cost |
//! | narrowest | cost | cost |

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::grouping::GroupBy;
use crate::ledger::Tally;
use crate::render::{Column, HeadedCell};

/// The layouts of the text output, from the widest to the narrowest. The narrowest layout needs no constant, because it
/// has only the columns that every layout has.
const WIDEST: usize = 0;
const WIDE: usize = 1;
const MEDIUM: usize = 2;
const NARROW: usize = 3;
const NARROWER: usize = 4;

/// The layouts of the text output that contain a column.
pub(super) struct TextLayouts {
    /// The layouts for a table of sessions.
    sessions: RangeInclusive<usize>,
    /// The layouts for any other table.
    others: RangeInclusive<usize>,
}

impl TextLayouts {
    pub(super) fn of(&self, by: GroupBy) -> RangeInclusive<usize> {
        match by {
            GroupBy::Session => self.sessions.clone(),
            _ => self.others.clone(),
        }
    }
}

/// The layouts with a column for the share of the cost.
pub(super) const SHARE_LAYOUTS: TextLayouts = TextLayouts {
    sessions: WIDEST..=WIDE,
    others: WIDEST..=NARROW,
};

/// The layouts in which a table of sessions shows the project.
pub(super) const PROJECT_LAYOUTS: RangeInclusive<usize> = WIDEST..=NARROW;

/// The layouts in which a table of sessions shows the time of the last activity.
pub(super) const LAST_ACTIVITY_LAYOUTS: RangeInclusive<usize> = WIDEST..=NARROWER;

/// The layouts with the number of responses.
const RESPONSE_LAYOUTS: TextLayouts = TextLayouts {
    sessions: WIDEST..=MEDIUM,
    others: WIDEST..=MEDIUM,
};

/// The layouts with a column for each kind of token.
const TOKEN_KIND_LAYOUTS: TextLayouts = TextLayouts {
    sessions: WIDEST..=WIDEST,
    others: WIDEST..=WIDEST,
};

/// The layouts with the sum of all tokens, which replaces the columns for each kind.
const TOKEN_SUM_LAYOUTS: TextLayouts = TextLayouts {
    sessions: WIDE..=MEDIUM,
    others: WIDE..=WIDE,
};

impl Tally {
    /// Returns the fields for JSON output.
    pub(crate) fn json(&self) -> Value {
        let usage = &self.usage;
        json!({
            "cost_usd": self.cost().usd(),
            "at_least": self.is_lower_bound(),
            "recorded_usd": self.recorded.usd(),
            "unrecorded_usd": (self.unrecorded + self.pending).usd(),
            "not_written_usd": self.pending.usd(),
            "responses": self.responses,
            "unpriced_responses": self.unpriced,
            "tokens": {
                "input": usage.input,
                "output": usage.output,
                "cache_read": usage.cache_read,
                "cache_write_5m": usage.cache_write_5m(),
                "cache_write_1h": usage.cache_write_1h,
            },
            "web_searches": usage.web_searches,
        })
    }
}

/// Returns the exact figures with their names in CSV.
pub(super) fn exact_figures(tally: &Tally) -> [(&'static str, String); 12] {
    let usage = &tally.usage;
    let unrecorded = tally.unrecorded + tally.pending;
    [
        ("cost_usd", tally.cost().exact()),
        ("recorded_usd", tally.recorded.exact()),
        ("unrecorded_usd", unrecorded.exact()),
        ("not_written_usd", tally.pending.exact()),
        ("responses", tally.responses.to_string()),
        ("unpriced_responses", tally.unpriced.to_string()),
        ("input_tokens", usage.input.to_string()),
        ("output_tokens", usage.output.to_string()),
        ("cache_read_tokens", usage.cache_read.to_string()),
        ("cache_write_5m_tokens", usage.cache_write_5m().to_string()),
        ("cache_write_1h_tokens", usage.cache_write_1h.to_string()),
        ("web_searches", usage.web_searches.to_string()),
    ]
}

/// A figure in the text output, which is shown in the column with this heading.
struct TextFigure {
    heading: &'static str,
    layouts: TextLayouts,
    text: String,
}

impl TextFigure {
    fn new(heading: &'static str, layouts: TextLayouts, text: String) -> Self {
        Self {
            heading,
            layouts,
            text,
        }
    }

    /// Returns the figures in the order of their columns.
    fn list(tally: &Tally) -> [Self; 6] {
        let usage = &tally.usage;
        let tokens = usage.prompt().saturating_add(usage.output);
        let by_kind = |heading, count| Self::new(heading, TOKEN_KIND_LAYOUTS, short_count(count));
        [
            Self::new("responses", RESPONSE_LAYOUTS, tally.responses.to_string()),
            by_kind("input", usage.input),
            by_kind("output", usage.output),
            by_kind("cache write", usage.cache_write),
            by_kind("cache read", usage.cache_read),
            Self::new("tokens", TOKEN_SUM_LAYOUTS, short_count(tokens)),
        ]
    }
}

/// Returns the figures in the text output.
pub(super) fn text_figures(by: GroupBy, tally: &Tally) -> impl Iterator<Item = HeadedCell> {
    TextFigure::list(tally).into_iter().map(move |figure| {
        Column::number(figure.heading)
            .in_layouts(figure.layouts.of(by))
            .above(figure.text)
    })
}

/// Returns the figures for the HTML page's tables of projects, people, causes, and sessions. The CSS class hides the
/// column on narrow screens: `desktop` hides it up to a width of 50 rem, `tablet` up to 32 rem.
pub(crate) fn page_figures(tally: &Tally) -> [HeadedCell; 1] {
    [Column::number("responses")
        .with_class("tablet")
        .above(tally.responses.to_string())]
}

/// Returns the figures in the section "Totals" of the HTML page, with their names.
pub(crate) fn page_totals(total: &Tally) -> [(&'static str, String); 5] {
    let usage = &total.usage;
    [
        ("responses", total.responses.to_string()),
        ("uncached input", short_count(usage.input)),
        ("output tokens", short_count(usage.output)),
        ("cache write", short_count(usage.cache_write)),
        ("cache read", short_count(usage.cache_read)),
    ]
}

/// Abbreviates a count with one decimal place for thousands and two for millions and billions: `950`, `12.3k`, `4.56M`.
pub(crate) fn short_count(count: u64) -> String {
    let number = count as f64;
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1}k", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2}M", number / 1e6),
        _ => format!("{:.2}G", number / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the headings of the columns in a layout, as in the table at the beginning of this file.
    fn headings(by: GroupBy, layout: usize) -> String {
        let mut headings = Vec::new();
        let session_columns = [
            ("project", PROJECT_LAYOUTS),
            ("last", LAST_ACTIVITY_LAYOUTS),
        ];
        for (heading, layouts) in session_columns {
            if by == GroupBy::Session && layouts.contains(&layout) {
                headings.push(heading);
            }
        }
        headings.push("cost");
        if SHARE_LAYOUTS.of(by).contains(&layout) {
            headings.push("share");
        }
        for figure in TextFigure::list(&Tally::default()) {
            if figure.layouts.of(by).contains(&layout) {
                headings.push(figure.heading);
            }
        }
        headings.join(", ").replace(
            "input, output, cache write, cache read",
            "each kind of tokens",
        )
    }

    #[test]
    fn the_comment_at_the_beginning_lists_the_columns_of_each_layout() {
        let source = include_str!("figures.rs");
        let layouts = [
            "widest",
            "wide",
            "medium",
            "narrow",
            "narrower",
            "narrowest",
        ];
        for (layout, name) in layouts.into_iter().enumerate() {
            let [sessions, others] =
                [GroupBy::Session, GroupBy::Day].map(|by| headings(by, layout));
            let row = format!("//! | {name} | {sessions} | {others} |");
            assert!(
                source.lines().any(|line| line == row),
                "the comment at the beginning of figures.rs needs this line:\n{row}"
            );
        }
    }
}
