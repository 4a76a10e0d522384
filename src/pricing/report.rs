//! Builds the report for `whycap prices`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::price_list::PriceRow;
use super::price_table::PriceTable;
use super::rates::Rate;
use crate::render::{Cell, Column, Report, Table};
use crate::terminal::Tone;

const TITLE: &str = "Prices in dollars per million tokens (read and write refer to the prompt cache, which has a lifetime of 5 minutes or 1 hour)";

const NO_MODEL: &str = "whycap has no price for a model with that name, so it estimates the cost the same way Claude Code does. \
                        `whycap prices` lists all models with a known price.";

/// Builds the report for the given rows of the price list, with one line for each set of rates.
pub(crate) fn price_report(table: &PriceTable, rows: &[&PriceRow]) -> Report {
    let mut report = Report::new(json(table, rows));
    if rows.is_empty() {
        report.paragraph(Tone::Plain, NO_MODEL);
        return report;
    }

    report.paragraph(Tone::Strong, TITLE);
    report.table(rates_table(rows));
    report.paragraphs(Tone::Quiet, notes(table, rows));
    report
}

fn json(table: &PriceTable, rows: &[&PriceRow]) -> Value {
    json!({
        "updated": table.list.updated,
        "web_search_usd": table.list.web_search.usd(),
        "us_inference_multiplier": us_inference_multiplier(table),
        "multiplier": table.custom.factor(),
        "overrides": table.custom.overrides,
        "rows": rows,
    })
}

fn us_inference_multiplier(table: &PriceTable) -> f64 {
    table.list.us_inference_tenths as f64 / 10.0
}

/// Returns the name of a model. All names start with `claude-`, so a narrow table omits this prefix.
fn model_cell(model: &str) -> Cell {
    Cell::from(model).with_short_text(model.strip_prefix("claude-").unwrap_or(model))
}

fn rates_table(rows: &[&PriceRow]) -> Table {
    let model_column = Column::text("model").with_min_width(12);
    let rate_columns = [
        ("input", "in"),
        ("output", "out"),
        ("read", "read"),
        ("write 5m", "5m"),
        ("write 1h", "1h"),
    ]
    .map(|(name, short_name)| Column::number(name).with_short_name(short_name));
    let mut table = Table::new([model_column].into_iter().chain(rate_columns));

    let mut dated_model = None;
    for row in rows {
        let label = match row.from {
            Some(day) => {
                // If a model's prices have changed, they are listed by date below its name.
                if dated_model != Some(row.model) {
                    table.row([model_cell(row.model)]);
                    dated_model = Some(row.model);
                }
                Cell::from(format!("  from {day}"))
            }
            None => model_cell(row.model),
        };
        let mut lines = vec![(label, &row.standard)];
        if let (Some(above), Some(long)) = (row.above_prompt_tokens, &row.long) {
            let long_label = Cell::from(format!("  prompts over {above} tokens"))
                .with_short_text(format!("  over {above}"));
            lines.push((long_label, long));
        }
        if let Some(fast) = &row.fast {
            lines.push((Cell::from("  fast mode"), fast));
        }
        for (label, rates) in lines {
            let prices = rates.each().map(dollars).map(Cell::from);
            table.row([label].into_iter().chain(prices));
        }
    }
    table
}

/// Returns sentences about the sources of all prices, and about prices that are not in the table.
fn notes(table: &PriceTable, rows: &[&PriceRow]) -> Vec<String> {
    let web_search = table.list.web_search.usd();
    let us_inference = us_inference_multiplier(table);
    let updated = table.list.updated;
    let sources: BTreeSet<&str> = rows.iter().map(|row| row.source).collect();
    let sources: Vec<&str> = sources.into_iter().collect();

    let mut notes = vec![
        format!(
            "A web search costs ${web_search}. US-only inference multiplies every token price by {us_inference}."
        ),
        format!("Checked on {updated}. Sources: {}.", sources.join("; ")),
    ];
    if !table.custom.is_none() {
        notes.push(custom_rates_note(table));
    }
    notes
}

fn custom_rates_note(table: &PriceTable) -> String {
    let factor = table.custom.factor();
    let models: Vec<&str> = table.custom.overrides.keys().map(String::as_str).collect();
    if models.is_empty() {
        format!("Prices are multiplied by {factor} because your settings contain modelPricing.")
    } else {
        let models = models.join(", ");
        format!(
            "Because your settings contain modelPricing, prices are multiplied by {factor}, and these models use your own rates: {models}."
        )
    }
}

/// Formats a rate in dollars per million tokens without trailing zeros: `0.125`, `25`.
fn dollars(rate: Rate) -> String {
    format!("{:.4}", f64::from(rate))
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}
