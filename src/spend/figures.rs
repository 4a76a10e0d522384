//! The figures for a group or a total in each type of output: JSON, CSV, text, and HTML.
//!
//! The cost and its share are exceptions: the cost is a figure only in JSON and CSV. Elsewhere, tables add both columns
//! themselves, because the cost can have a bar next to it, and the share depends on the total.
//!
//! The text output has these layouts, of which the first one that fits is used. Only a table of sessions has a project and
//! a time.
//!
//! | layout | columns |
//! | --- | --- |
//! | widest | project, last, cost, share, responses, each kind of tokens |
//! | wide | project, last, cost, share, responses, tokens |
//! | medium | project, last, cost, responses, tokens |
//! | narrow | project, last, cost |
//! | narrower | last, cost |
//! | narrowest | cost |

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::ledger::Tally;
use crate::render::{Column, HeadedCell};

/// The layouts of the text output, from the widest to the narrowest. The narrowest layout needs no constant, because it
/// has only the columns that every layout has.
const WIDEST: usize = 0;
const WIDE: usize = 1;
const MEDIUM: usize = 2;
const NARROW: usize = 3;
const NARROWER: usize = 4;

/// The layouts with a column for the share of the cost.
pub(super) const SHARE_LAYOUTS: RangeInclusive<usize> = WIDEST..=WIDE;

/// The layouts in which a table of sessions shows the project.
pub(super) const PROJECT_LAYOUTS: RangeInclusive<usize> = WIDEST..=NARROW;

/// The layouts in which a table of sessions shows the time of the last activity.
pub(super) const LAST_ACTIVITY_LAYOUTS: RangeInclusive<usize> = WIDEST..=NARROWER;

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

/// Returns the figures in the text output, in the order of their columns.
pub(super) fn text_figures(tally: &Tally) -> [HeadedCell; 6] {
    let usage = &tally.usage;
    let figure = |name, layouts: RangeInclusive<usize>, text: String| {
        Column::number(name).in_layouts(layouts).above(text)
    };
    let by_kind = |name, count| figure(name, WIDEST..=WIDEST, short_count(count));
    let tokens = usage.prompt().saturating_add(usage.output);
    [
        figure("responses", WIDEST..=MEDIUM, tally.responses.to_string()),
        by_kind("input", usage.input),
        by_kind("output", usage.output),
        by_kind("cache write", usage.cache_write),
        by_kind("cache read", usage.cache_read),
        figure("tokens", WIDE..=MEDIUM, short_count(tokens)),
    ]
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
