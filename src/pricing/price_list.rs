//! The price table as people and programs read it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::price_table::PriceTable;
use super::rates::{PriceRow, Rate, Rates};
use crate::render::{Column, Report, Table};
use crate::terminal::Tone;

fn json(table: &PriceTable, rows: &[&PriceRow]) -> Value {
    json!({
        "updated": table.file.updated,
        "web_search_usd": table.file.web_search_usd,
        "us_inference_multiplier": table.file.us_inference_tenths as f64 / 10.0,
        "multiplier": table.own.factor(),
        "overrides": table.own.overrides(),
        "rows": rows,
    })
}

const TITLE: &str =
    "Dollars per million tokens (read, write: of the cache, for 5 minutes or 1 hour)";

/// The prices of these rows: dollars per million tokens, a line for each set of rates.
pub(crate) fn price_list(table: &PriceTable, rows: &[&PriceRow]) -> Report {
    let mut report = Report::new(json(table, rows));
    if rows.is_empty() {
        report.paragraph(
            Tone::Plain,
            "No model of that name has a known price; its spend is estimated the way Claude Code does. `whycap prices` lists the models that do.",
        );
        return report;
    }
    report.paragraph(Tone::Strong, TITLE);
    let heads = ["input", "output", "read", "write 5m", "write 1h"];
    let model = Column::text("model").shrinking_to(12);
    let mut prices = Table::new([model].into_iter().chain(heads.map(Column::figure)));
    let mut add = |label: String, rates: &Rates| {
        let [input, output, read, short, long] = rates.each().map(dollars);
        prices.row([label, input, output, read, short, long]);
    };
    for row in rows {
        let from = row.from.map(|from| format!(" from {from}"));
        let label = format!("{}{}", row.model, from.unwrap_or_default());
        add(label, &row.standard);
        if let (Some(above), Some(long)) = (row.above_prompt_tokens, &row.long) {
            add(format!("  prompt over {above}"), long);
        }
        if let Some(fast) = &row.fast {
            add("  fast mode".to_owned(), fast);
        }
    }
    report.table(prices);
    for note in notes(table, rows) {
        report.paragraph(Tone::Quiet, note);
    }
    report
}

/// What the table does not show, and where it is from.
fn notes(table: &PriceTable, rows: &[&PriceRow]) -> Vec<String> {
    let PriceTable { file, own, .. } = table;
    let sources: BTreeSet<&str> = rows.iter().map(|row| row.source).collect();
    let sources = Vec::from_iter(sources).join("; ");
    let (search, factor) = (file.web_search_usd, file.us_inference_tenths as f64 / 10.0);
    let mut notes = vec![
        format!(
            "A web search is ${search}. US-only inference multiplies every token price by {factor}."
        ),
        format!("Checked on {}. Sources: {sources}.", file.updated),
    ];
    if !own.is_none() {
        let models: Vec<&str> = own.overrides().keys().map(String::as_str).collect();
        let (lead, models) = match models.join(", ") {
            none if none.is_empty() => ("", none),
            models => ("; own rates for ", models),
        };
        let times = own.factor();
        notes.push(format!(
            "modelPricing in your settings applies: times {times}{lead}{models}."
        ));
    }
    notes
}

/// Without digits that say nothing: `0.125`, `25`.
fn dollars(rate: Rate) -> String {
    let text = format!("{:.4}", f64::from(rate));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
