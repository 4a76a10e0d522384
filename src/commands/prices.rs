//! `whycap prices`: what spend is counted at, since when, and where each row comes from.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::print;
use crate::claude::model_pricing::own_rates;
use crate::environment::Environment;
use crate::places::Places;
use crate::pricing::{PriceTable, Rates, Row};
use crate::terminal::{Palette, Tone, cut, width_for_person, wrap};

/// Arguments of `whycap prices`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only models whose name contains this
    model: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let table = PriceTable::with(own_rates(&places))?;
    let wanted = arguments
        .model
        .as_deref()
        .unwrap_or("")
        .to_ascii_lowercase();
    let rows: Vec<&Row> = table
        .rows()
        .iter()
        .filter(|row| row.model.contains(&wanted))
        .collect();
    if arguments.json {
        let rows: Vec<Value> = rows.iter().map(|row| row_json(row)).collect();
        let overrides: serde_json::Map<String, Value> = table
            .own
            .overrides()
            .map(|(model, rates)| (model.to_owned(), rates_json(rates)))
            .collect();
        let text = json!({
            "updated": table.updated.to_string(),
            "web_search_usd": table.web_search as f64 / 1e12,
            "us_inference_multiplier": table.us_inference_tenths as f64 / 10.0,
            "multiplier": table.own.factor(),
            "overrides": overrides,
            "rows": rows,
        });
        print(&format!("{text}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let palette = Palette::for_person(environment);
    print(&render(
        &table,
        &rows,
        palette,
        width_for_person(environment),
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn rates_json(rates: &Rates) -> Value {
    json!({
        "input": rates.input.usd_per_million(),
        "output": rates.output.usd_per_million(),
        "cache_read": rates.cache_read.usd_per_million(),
        "cache_write_5m": rates.write_5m.usd_per_million(),
        "cache_write_1h": rates.write_1h.usd_per_million(),
    })
}

fn row_json(row: &Row) -> Value {
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

/// Dollars per million tokens, a line for each set of rates.
fn render(table: &PriceTable, rows: &[&Row], palette: Palette, columns: usize) -> String {
    let mut text = String::new();
    let mut say = |tone: Tone, line: &str| {
        text.push_str(palette.paint(tone, line).trim_end());
        text.push('\n');
    };
    let label_width = columns.saturating_sub(5 * 8).clamp(12, 34);
    let line = |label: &str, rates: &Rates| {
        let figures = [
            rates.input,
            rates.output,
            rates.cache_read,
            rates.write_5m,
            rates.write_1h,
        ];
        let figures: String = figures
            .map(|rate| format!("{:>8}", dollars(rate.usd_per_million())))
            .concat();
        format!("{:<label_width$}{figures}", cut(label, label_width))
    };
    say(Tone::Strong, "Dollars per million tokens");
    say(
        Tone::Quiet,
        &format!(
            "{:<label_width$}{:>8}{:>8}{:>8}{:>8}{:>8}",
            "model", "input", "output", "read", "5m", "1h"
        ),
    );
    for row in rows {
        let label = match row.from {
            Some(from) => format!("{} from {from}", row.model),
            None => row.model.to_owned(),
        };
        say(Tone::Plain, &line(&label, &row.standard));
        if let (Some(above), Some(long)) = (row.above_prompt_tokens, &row.long) {
            say(Tone::Plain, &line(&format!("  prompt over {above}"), long));
        }
        if let Some(fast) = &row.fast {
            say(Tone::Plain, &line("  fast mode", fast));
        }
    }
    if rows.is_empty() {
        say(
            Tone::Plain,
            "No model of that name. Unknown models are estimated as Claude Code does.",
        );
    }
    let mut sources: Vec<&str> = rows.iter().map(|row| row.source).collect();
    sources.sort_unstable();
    sources.dedup();
    let mut notes = vec![
        format!(
            "A web search is ${}. US-only inference multiplies every token price by {}.",
            table.web_search as f64 / 1e12,
            table.us_inference_tenths as f64 / 10.0
        ),
        format!(
            "Checked on {}. Sources: {}.",
            table.updated,
            sources.join("; ")
        ),
    ];
    if !table.own.is_none() {
        let models: Vec<&str> = table.own.overrides().map(|(model, _)| model).collect();
        let overridden = if models.is_empty() {
            String::new()
        } else {
            format!("; own rates for {}", models.join(", "))
        };
        notes.push(format!(
            "modelPricing in your settings applies: times {}{overridden}.",
            table.own.factor()
        ));
    }
    for note in notes {
        for part in wrap(&note, columns) {
            say(Tone::Quiet, &part);
        }
    }
    text
}

/// Without digits that say nothing: `0.125`, `25`.
fn dollars(amount: f64) -> String {
    let text = format!("{amount:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
