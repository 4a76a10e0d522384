//! Builds the report for `whycap prices`.

use serde_json::{Value, json};

use super::price_list::PriceRow;
use super::{PRICES, PriceTable};
use crate::render::{Cell, Column, Report, Table};
use crate::terminal::Tone;

const TITLE: &str = "Prices in dollars per million tokens (read: from the prompt cache; 5m and 1h: written to it for 5 minutes or 1 hour)";

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
    report.paragraphs(Tone::Quiet, notes(table));
    report
}

fn json(table: &PriceTable, rows: &[&PriceRow]) -> Value {
    json!({
        "updated": PRICES.updated,
        "web_search_usd": PRICES.web_search.usd(),
        "us_inference_multiplier": us_inference_multiplier(),
        "multiplier": table.custom.factor(),
        "overrides": table.custom.overrides,
        "rows": rows,
    })
}

fn us_inference_multiplier() -> f64 {
    PRICES.us_inference_tenths as f64 / 10.0
}

fn rates_table(rows: &[&PriceRow]) -> Table {
    let rate_columns = ["in", "out", "read", "5m", "1h"].map(Column::number);
    let model_column = Column::text("model").with_min_width(12);
    let mut table = Table::new([model_column].into_iter().chain(rate_columns));
    for row in rows {
        // All names start with `claude-`.
        let name = row
            .model
            .strip_prefix("claude-")
            .unwrap_or(row.model);
        let mut label = Cell::from(name);
        if let Some(day) = row.from {
            table.row([label]);
            label = Cell::from(format!("  from {day}"));
        }
        let mut lines = vec![(label, &row.standard)];
        if let (Some(above), Some(long)) = (row.above_prompt_tokens, &row.long) {
            lines.push((Cell::from(format!("  over {above} tokens")), long));
        }
        if let Some(fast) = &row.fast {
            lines.push((Cell::from("  fast mode"), fast));
        }
        for (label, rates) in lines {
            let prices = rates
                .each()
                .map(|rate| Cell::from(f64::from(rate).to_string()));
            table.row([label].into_iter().chain(prices));
        }
    }
    table
}

/// Returns sentences about prices that are not in the table.
fn notes(table: &PriceTable) -> Vec<String> {
    let mut notes = vec![format!(
        "A web search costs ${}. US-only inference multiplies every token price by {}. List prices were checked on {}.",
        PRICES.web_search.usd(),
        us_inference_multiplier(),
        PRICES.updated
    )];
    if !table.custom.is_none() {
        let overrides: Vec<&str> = table
            .custom
            .overrides
            .keys()
            .map(String::as_str)
            .collect();
        let own_rates = match overrides.as_slice() {
            [] => String::new(),
            models => format!(
                ", and these models use your own rates: {}",
                models.join(", ")
            ),
        };
        notes.push(format!(
            "Because your settings contain modelPricing, prices are multiplied by {}{own_rates}.",
            table.custom.factor()
        ));
    }
    notes
}
