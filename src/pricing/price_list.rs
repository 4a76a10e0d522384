//! The price table as people and programs read it.

use serde_json::{Map, Value, json};

use super::price_table::{PriceRow, PriceTable};
use super::rates::{Rate, Rates};
use crate::terminal::{Page, Tone, cut};

/// For programs.
pub(crate) fn price_list_json(table: &PriceTable, rows: &[&PriceRow]) -> Value {
    let overrides: Map<String, Value> = table
        .own
        .overrides()
        .map(|(model, rates)| (model.to_owned(), rates_json(rates)))
        .collect();
    json!({
        "updated": table.updated.to_string(),
        "web_search_usd": table.web_search as f64 / 1e12,
        "us_inference_multiplier": table.us_inference_tenths as f64 / 10.0,
        "multiplier": table.own.factor(),
        "overrides": overrides,
        "rows": rows.iter().map(|row| row_json(row)).collect::<Vec<Value>>(),
    })
}

fn rates_json(rates: &Rates) -> Value {
    let [input, output, read, short, long] = rates.each().map(Rate::usd_per_million);
    json!({
        "input": input,
        "output": output,
        "cache_read": read,
        "cache_write_5m": short,
        "cache_write_1h": long,
    })
}

fn row_json(row: &PriceRow) -> Value {
    json!({
        "model": row.model,
        "also": row.also,
        "from": row.from.map(|day| day.to_string()),
        "standard": rates_json(&row.standard),
        "above_prompt_tokens": row.above_prompt_tokens,
        "long": row.long.as_ref().map(rates_json),
        "fast": row.fast.as_ref().map(rates_json),
        "source": row.source,
    })
}

/// Columns of a price.
const CELL: usize = 9;
const TITLE: &str =
    "Dollars per million tokens (read, write: of the cache, for 5 minutes or 1 hour)";

/// For people: dollars per million tokens, a line for each set of rates.
pub(crate) fn write_price_list(page: &mut Page, table: &PriceTable, rows: &[&PriceRow]) {
    if rows.is_empty() {
        return page.paragraph(
            Tone::Plain,
            "No model of that name has a known price; its spend is estimated the way Claude Code does. `whycap prices` lists the models that do.",
        );
    }
    let label_width = page.columns().saturating_sub(5 * CELL).clamp(12, 34);
    let line = |label: &str, cells: [String; 5]| {
        let cells: String = cells.map(|cell| format!("{cell:>CELL$}")).concat();
        format!("{:<label_width$}{cells}", cut(label, label_width))
    };
    let priced = |label: &str, rates: &Rates| line(label, rates.each().map(dollars));
    page.paragraph(Tone::Strong, TITLE);
    let heads = ["input", "output", "read", "write 5m", "write 1h"].map(str::to_owned);
    page.row(&[(Tone::Quiet, line("model", heads))]);
    for row in rows {
        let label = match row.from {
            Some(from) => format!("{} from {from}", row.model),
            None => row.model.to_owned(),
        };
        page.line(&priced(&label, &row.standard));
        if let (Some(above), Some(long)) = (row.above_prompt_tokens, &row.long) {
            page.line(&priced(&format!("  prompt over {above}"), long));
        }
        if let Some(fast) = &row.fast {
            page.line(&priced("  fast mode", fast));
        }
    }
    let mut sources: Vec<&str> = rows.iter().map(|row| row.source).collect();
    sources.sort_unstable();
    sources.dedup();
    let mut note = |text: String| page.paragraph(Tone::Quiet, &text);
    note(format!(
        "A web search is ${}. US-only inference multiplies every token price by {}.",
        table.web_search as f64 / 1e12,
        table.us_inference_tenths as f64 / 10.0
    ));
    note(format!(
        "Checked on {}. Sources: {}.",
        table.updated,
        sources.join("; ")
    ));
    if !table.own.is_none() {
        let models: Vec<&str> = table.own.overrides().map(|(model, _)| model).collect();
        let overridden = if models.is_empty() {
            String::new()
        } else {
            format!("; own rates for {}", models.join(", "))
        };
        note(format!(
            "modelPricing in your settings applies: times {}{overridden}.",
            table.own.factor()
        ));
    }
}

/// Without digits that say nothing: `0.125`, `25`.
fn dollars(rate: Rate) -> String {
    let text = format!("{:.4}", rate.usd_per_million());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
