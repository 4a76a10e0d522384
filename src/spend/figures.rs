//! The figures of a group or a total, and where each of them appears: in JSON, in CSV, and in the text output.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::grouping::GroupBy;
use crate::ledger::Tally;
use crate::pricing::Money;
use crate::render::{Cell, Column};

/// A figure, and its names in each kind of output. A figure without a name is not part of that output.
struct Figure {
    value: fn(&Tally) -> FigureValue,
    /// The field in JSON. The field `input` of the nested object `tokens` is written as `tokens.input`.
    json: Option<&'static str>,
    csv: Option<&'static str>,
    column: Option<FigureColumn>,
}

/// A figure's column in the text output.
struct FigureColumn {
    heading: &'static str,
    /// The layouts that contain the column in a table of sessions. Layout 0 is the widest.
    of_sessions: RangeInclusive<usize>,
    /// The layouts that contain the column in any other table.
    of_others: RangeInclusive<usize>,
}

enum FigureValue {
    Amount(Money),
    Count(u64),
    /// A number of tokens, which the text output abbreviates.
    Tokens(u64),
    Flag(bool),
}

/// All figures, in the order of each output.
static FIGURES: [Figure; 15] = [
    Figure::new(|tally| FigureValue::Amount(tally.cost()))
        .in_json("cost_usd")
        .in_csv("cost_usd"),
    Figure::new(|tally| FigureValue::Flag(tally.at_least)).in_json("at_least"),
    Figure::new(|tally| FigureValue::Amount(tally.recorded))
        .in_json("recorded_usd")
        .in_csv("recorded_usd"),
    Figure::new(|tally| FigureValue::Amount(tally.unrecorded + tally.pending))
        .in_json("unrecorded_usd")
        .in_csv("unrecorded_usd"),
    Figure::new(|tally| FigureValue::Amount(tally.pending))
        .in_json("not_written_usd")
        .in_csv("not_written_usd"),
    Figure::new(|tally| FigureValue::Count(tally.responses))
        .in_json("responses")
        .in_csv("responses")
        .in_text("responses", 0..=2, 0..=2),
    Figure::new(|tally| FigureValue::Count(tally.unpriced))
        .in_json("unpriced_responses")
        .in_csv("unpriced_responses"),
    Figure::new(|tally| FigureValue::Tokens(tally.usage.input))
        .in_json("tokens.input")
        .in_csv("input_tokens")
        .in_text("input", 0..=0, 0..=0),
    Figure::new(|tally| FigureValue::Tokens(tally.usage.output))
        .in_json("tokens.output")
        .in_csv("output_tokens")
        .in_text("output", 0..=0, 0..=0),
    Figure::new(|tally| FigureValue::Tokens(tally.usage.cache_write)).in_text(
        "cache write",
        0..=0,
        0..=0,
    ),
    Figure::new(|tally| FigureValue::Tokens(tally.usage.cache_read))
        .in_json("tokens.cache_read")
        .in_csv("cache_read_tokens")
        .in_text("cache read", 0..=0, 0..=0),
    Figure::new(|tally| FigureValue::Tokens(tally.usage.cache_write_5m()))
        .in_json("tokens.cache_write_5m")
        .in_csv("cache_write_5m_tokens"),
    Figure::new(|tally| FigureValue::Tokens(tally.usage.cache_write_1h))
        .in_json("tokens.cache_write_1h")
        .in_csv("cache_write_1h_tokens"),
    Figure::new(|tally| FigureValue::Count(tally.usage.web_searches))
        .in_json("web_searches")
        .in_csv("web_searches"),
    // On a narrow screen, the sum replaces the four numbers of tokens.
    Figure::new(|tally| {
        FigureValue::Tokens(tally.usage.prompt().saturating_add(tally.usage.output))
    })
    .in_text("tokens", 1..=2, 1..=1),
];

impl Figure {
    const fn new(value: fn(&Tally) -> FigureValue) -> Self {
        Self {
            value,
            json: None,
            csv: None,
            column: None,
        }
    }

    const fn in_json(mut self, field: &'static str) -> Self {
        self.json = Some(field);
        self
    }

    const fn in_csv(mut self, name: &'static str) -> Self {
        self.csv = Some(name);
        self
    }

    /// Adds a column to the text output. `of_sessions` and `of_others` are the layouts that contain the column in a
    /// table of sessions and in any other table.
    const fn in_text(
        mut self,
        heading: &'static str,
        of_sessions: RangeInclusive<usize>,
        of_others: RangeInclusive<usize>,
    ) -> Self {
        self.column = Some(FigureColumn {
            heading,
            of_sessions,
            of_others,
        });
        self
    }
}

impl FigureValue {
    fn json(&self) -> Value {
        match self {
            Self::Amount(amount) => json!(amount.usd()),
            Self::Count(count) | Self::Tokens(count) => json!(count),
            Self::Flag(flag) => json!(flag),
        }
    }

    /// Returns the exact value for CSV.
    fn exact(&self) -> String {
        match self {
            Self::Amount(amount) => amount.exact(),
            Self::Count(count) | Self::Tokens(count) => count.to_string(),
            Self::Flag(flag) => flag.to_string(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Amount(amount) => amount.show(),
            Self::Count(count) => count.to_string(),
            Self::Tokens(tokens) => short_count(*tokens),
            Self::Flag(flag) => flag.to_string(),
        }
    }
}

impl FigureColumn {
    fn describe(&self, by: GroupBy) -> Column {
        let layouts = match by {
            GroupBy::Session => &self.of_sessions,
            _ => &self.of_others,
        };
        Column::number(self.heading).in_layouts(layouts.clone())
    }
}

/// Returns the columns of the figures in the text output.
pub(super) fn figure_columns(by: GroupBy) -> impl Iterator<Item = Column> {
    FIGURES
        .iter()
        .filter_map(move |figure| Some(figure.column.as_ref()?.describe(by)))
}

/// Returns the cells in the columns of the figures.
pub(super) fn figure_cells(tally: &Tally) -> impl Iterator<Item = Cell> {
    FIGURES
        .iter()
        .filter(|figure| figure.column.is_some())
        .map(move |figure| Cell::from((figure.value)(tally).text()))
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
        for figure in &FIGURES {
            let Some(field) = figure.json else {
                continue;
            };
            let value = (figure.value)(self).json();
            match field.split_once('.') {
                Some((object, field)) => {
                    let object = fields.entry(object).or_insert_with(|| json!({}));
                    if let Value::Object(fields) = object {
                        fields.insert(field.to_owned(), value);
                    }
                }
                None => {
                    fields.insert(field.to_owned(), value);
                }
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
