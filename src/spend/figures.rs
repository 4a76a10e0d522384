//! The figures of a group or a total, and where each of them appears: in JSON, in CSV, in the text output, and on the
//! HTML page.
//!
//! The columns with the cost and its share are exceptions: the cost is a figure only in JSON and CSV. Elsewhere, tables
//! add both columns themselves, because the cost can have a bar next to it, and the share depends on the total.
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

use serde_json::{Map, Value, json};

use super::amount::Amount;
use super::grouping::GroupBy;
use crate::ledger::Tally;
use crate::pricing::Money;
use crate::render::{Cell, Column, HeadedCell};

/// A figure and its name in each kind of output. If a figure has no name in a kind of output, that output does not
/// include it.
struct Figure {
    value: fn(&Tally) -> FigureValue,
    json: Option<JsonField>,
    csv: Option<&'static str>,
    text: Option<TextColumn>,
    /// The name in the section "Totals" of the HTML page.
    page_total: Option<&'static str>,
    page: Option<PageColumn>,
}

/// A field in JSON.
enum JsonField {
    TopLevel(&'static str),
    /// A field that is followed by `at_least`, which says whether the amount is a lower bound.
    WithAccuracy(&'static str),
    /// A field of the nested object `tokens`.
    OfTokens(&'static str),
}

/// A column in the text output.
struct TextColumn {
    heading: &'static str,
    layouts: TextLayouts,
}

/// The layouts of the text output that contain a column.
pub(super) struct TextLayouts {
    /// The layouts for a table of sessions.
    sessions: RangeInclusive<usize>,
    /// The layouts for any other table.
    others: RangeInclusive<usize>,
}

/// A column in tables of the HTML page.
struct PageColumn {
    heading: &'static str,
    tables: &'static [PageTable],
    /// The CSS class that hides the column on narrow screens: `desktop` hides it up to a width of 50 rem, `tablet` up to
    /// 32 rem.
    class: &'static str,
}

/// A table of the HTML page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageTable {
    Days,
    /// The table by project, and the tables by person and by cause, which have the same columns.
    Projects,
    Sessions,
}

enum FigureValue {
    /// An amount of money. Its sign (`≥` or `≈`) appears only in the text output and on the HTML page.
    Amount(Amount),
    Count(u64),
    /// A number of tokens, which the text output and the HTML page abbreviate.
    Tokens(u64),
}

/// The layouts of the text output, from the widest to the narrowest. The narrowest layout needs no constant, because it
/// has only the columns that every layout has.
const WIDEST: usize = 0;
const WIDE: usize = 1;
const MEDIUM: usize = 2;
const NARROW: usize = 3;
const NARROWER: usize = 4;

/// The layouts with a column for the share of the cost.
pub(super) const SHARE_LAYOUTS: TextLayouts = TextLayouts {
    sessions: WIDEST..=WIDE,
    others: WIDEST..=NARROW,
};

/// The layouts in which a table of sessions shows the project.
pub(super) const PROJECT_LAYOUTS: RangeInclusive<usize> = WIDEST..=NARROW;

/// The layouts in which a table of sessions shows the time of the last activity.
pub(super) const LAST_ACTIVITY_LAYOUTS: RangeInclusive<usize> = WIDEST..=NARROWER;

/// The layouts with a column for each kind of tokens.
const TOKEN_KIND_LAYOUTS: TextLayouts = TextLayouts {
    sessions: WIDEST..=WIDEST,
    others: WIDEST..=WIDEST,
};

/// All figures, in the order in which each output shows them.
static FIGURES: &[Figure] = &[
    Figure::new(|tally| FigureValue::Amount(Amount::from_tally(tally)))
        .in_json_with_accuracy("cost_usd")
        .in_csv("cost_usd"),
    Figure::new(|tally| FigureValue::part_of_cost(tally, tally.recorded))
        .in_json("recorded_usd")
        .in_csv("recorded_usd"),
    Figure::new(|tally| FigureValue::part_of_cost(tally, tally.unrecorded + tally.pending))
        .in_json("unrecorded_usd")
        .in_csv("unrecorded_usd"),
    Figure::new(|tally| FigureValue::part_of_cost(tally, tally.pending))
        .in_json("not_written_usd")
        .in_csv("not_written_usd"),
    Figure::new(|tally| FigureValue::Count(tally.responses))
        .in_json("responses")
        .in_csv("responses")
        .in_text(
            "responses",
            TextLayouts {
                sessions: WIDEST..=MEDIUM,
                others: WIDEST..=MEDIUM,
            },
        )
        .in_page_totals("responses")
        .in_page(PageColumn {
            heading: "responses",
            tables: &[PageTable::Projects, PageTable::Sessions],
            class: "tablet",
        }),
    Figure::new(|tally| FigureValue::Count(tally.unpriced))
        .in_json("unpriced_responses")
        .in_csv("unpriced_responses"),
    Figure::new(|tally| FigureValue::Tokens(tally.usage.input))
        .in_json_tokens("input")
        .in_csv("input_tokens")
        .in_text("input", TOKEN_KIND_LAYOUTS)
        .in_page_totals("input tokens"),
    Figure::new(|tally| FigureValue::Tokens(tally.usage.output))
        .in_json_tokens("output")
        .in_csv("output_tokens")
        .in_text("output", TOKEN_KIND_LAYOUTS)
        .in_page_totals("output tokens"),
    Figure::new(|tally| FigureValue::Tokens(tally.usage.cache_write))
        .in_text("cache write", TOKEN_KIND_LAYOUTS)
        .in_page_totals("cache write"),
    Figure::new(|tally| FigureValue::Tokens(tally.usage.cache_read))
        .in_json_tokens("cache_read")
        .in_csv("cache_read_tokens")
        .in_text("cache read", TOKEN_KIND_LAYOUTS)
        .in_page_totals("cache read"),
    Figure::new(|tally| FigureValue::Tokens(tally.usage.cache_write_5m()))
        .in_json_tokens("cache_write_5m")
        .in_csv("cache_write_5m_tokens"),
    Figure::new(|tally| FigureValue::Tokens(tally.usage.cache_write_1h))
        .in_json_tokens("cache_write_1h")
        .in_csv("cache_write_1h_tokens"),
    Figure::new(|tally| FigureValue::Count(tally.usage.web_searches))
        .in_json("web_searches")
        .in_csv("web_searches"),
    // On a narrow screen, the sum replaces the four token counts.
    Figure::new(|tally| {
        FigureValue::Tokens(tally.usage.prompt().saturating_add(tally.usage.output))
    })
    .in_text(
        "tokens",
        TextLayouts {
            sessions: WIDE..=MEDIUM,
            others: WIDE..=WIDE,
        },
    ),
];

impl Figure {
    const fn new(value: fn(&Tally) -> FigureValue) -> Self {
        Self {
            value,
            json: None,
            csv: None,
            text: None,
            page_total: None,
            page: None,
        }
    }

    const fn in_json(mut self, field: &'static str) -> Self {
        self.json = Some(JsonField::TopLevel(field));
        self
    }

    /// Adds the field for the cost, which is followed by `at_least`.
    const fn in_json_with_accuracy(mut self, field: &'static str) -> Self {
        self.json = Some(JsonField::WithAccuracy(field));
        self
    }

    /// Adds a field to the nested object `tokens`.
    const fn in_json_tokens(mut self, field: &'static str) -> Self {
        self.json = Some(JsonField::OfTokens(field));
        self
    }

    const fn in_csv(mut self, name: &'static str) -> Self {
        self.csv = Some(name);
        self
    }

    /// Adds a column to the text output.
    const fn in_text(mut self, heading: &'static str, layouts: TextLayouts) -> Self {
        self.text = Some(TextColumn { heading, layouts });
        self
    }

    /// Adds the total to the section "Totals" of the HTML page.
    const fn in_page_totals(mut self, name: &'static str) -> Self {
        self.page_total = Some(name);
        self
    }

    /// Adds a column to tables of the HTML page.
    const fn in_page(mut self, column: PageColumn) -> Self {
        self.page = Some(column);
        self
    }
}

impl FigureValue {
    /// Returns a part of a tally's cost. The part is as accurate as the cost itself.
    fn part_of_cost(tally: &Tally, part: Money) -> Self {
        Self::Amount(Amount::from_tally(tally).with_money(part))
    }

    fn json(&self) -> Value {
        match self {
            Self::Amount(amount) => json!(amount.money.usd()),
            Self::Count(count) | Self::Tokens(count) => json!(count),
        }
    }

    /// Returns the exact value for CSV.
    fn exact(&self) -> String {
        match self {
            Self::Amount(amount) => amount.money.exact(),
            Self::Count(count) | Self::Tokens(count) => count.to_string(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Amount(amount) => amount.show(),
            Self::Count(count) => count.to_string(),
            Self::Tokens(tokens) => short_count(*tokens),
        }
    }

    /// Returns the cell on the HTML page. It contains the exact value if this differs from the text, so that the script
    /// can sort the column.
    fn page_cell(&self) -> Cell {
        let text = self.text();
        let exact = self.exact();
        if exact == text {
            Cell::from(text)
        } else {
            Cell::from(text).with_exact(exact)
        }
    }
}

impl TextLayouts {
    pub(super) fn of(&self, by: GroupBy) -> RangeInclusive<usize> {
        match by {
            GroupBy::Session => self.sessions.clone(),
            _ => self.others.clone(),
        }
    }
}

/// Returns the figures in the text output.
pub(super) fn text_figures(by: GroupBy, tally: &Tally) -> impl Iterator<Item = HeadedCell> {
    FIGURES.iter().filter_map(move |figure| {
        let TextColumn { heading, layouts } = figure.text.as_ref()?;
        let column = Column::number(*heading).in_layouts(layouts.of(by));
        Some(column.above((figure.value)(tally).text()))
    })
}

/// Returns the figures in a table of the HTML page.
pub(crate) fn page_figures(table: PageTable, tally: &Tally) -> impl Iterator<Item = HeadedCell> {
    FIGURES.iter().filter_map(move |figure| {
        let column = figure.page.as_ref()?;
        if !column.tables.contains(&table) {
            return None;
        }
        let heading = Column::number(column.heading).with_class(column.class);
        Some(heading.above((figure.value)(tally).page_cell()))
    })
}

/// Returns the figures in the section "Totals" of the HTML page, with their names.
pub(crate) fn page_totals(total: &Tally) -> impl Iterator<Item = (&'static str, String)> {
    FIGURES
        .iter()
        .filter_map(move |figure| Some((figure.page_total?, (figure.value)(total).text())))
}

/// Returns the exact figures with their names in CSV.
pub(super) fn exact_figures(tally: &Tally) -> impl Iterator<Item = (&'static str, String)> {
    FIGURES
        .iter()
        .filter_map(move |figure| Some((figure.csv?, (figure.value)(tally).exact())))
}

impl Tally {
    /// Returns the fields for JSON output.
    pub(crate) fn json(&self) -> Value {
        let mut fields = Map::new();
        for figure in FIGURES {
            let value = (figure.value)(self).json();
            match figure.json {
                Some(JsonField::TopLevel(name)) => {
                    fields.insert(name.to_owned(), value);
                }
                Some(JsonField::WithAccuracy(name)) => {
                    fields.insert(name.to_owned(), value);
                    fields.insert("at_least".to_owned(), json!(self.at_least));
                }
                Some(JsonField::OfTokens(name)) => {
                    let tokens = fields.entry("tokens").or_insert_with(|| json!({}));
                    tokens[name] = value;
                }
                None => {}
            }
        }
        Value::Object(fields)
    }
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
        for column in FIGURES.iter().filter_map(|figure| figure.text.as_ref()) {
            if column.layouts.of(by).contains(&layout) {
                headings.push(column.heading);
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
