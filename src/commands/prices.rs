//! `whycap prices`: what spend is counted at, since when, and where each row comes from.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::claude::model_pricing::own_rates;
use crate::environment::Environment;
use crate::places::Places;
use crate::pricing::{PriceTable, Rate, Rates, Row};
use crate::terminal::{Page, Tone, cut, wrap};

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
    let json = arguments.json.then(|| as_json(&table, &rows).to_string());
    super::show(environment, json, |page| write(&table, &rows, page))?;
    Ok(ExitCode::SUCCESS)
}

fn as_json(table: &PriceTable, rows: &[&Row]) -> Value {
    let overrides: serde_json::Map<String, Value> = table
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
        "rows": rows.iter().map(|row| row_json(row)).collect::<Vec<_>>(),
    })
}

/// A kind of token: its name in JSON, its name in the table, and its price.
type Kind = (&'static str, &'static str, fn(&Rates) -> Rate);

const KINDS: [Kind; 5] = [
    ("input", "input", |rates| rates.input),
    ("output", "output", |rates| rates.output),
    ("cache_read", "read", |rates| rates.cache_read),
    ("cache_write_5m", "5m", |rates| rates.write_5m),
    ("cache_write_1h", "1h", |rates| rates.write_1h),
];

fn rates_json(rates: &Rates) -> Value {
    let prices = KINDS.map(|(name, _, rate)| (name, rate(rates).usd_per_million()));
    prices.into_iter().collect()
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
fn write(table: &PriceTable, rows: &[&Row], page: &mut Page) {
    let (palette, columns) = (page.palette(), page.columns());
    let mut say = |tone: Tone, line: &str| page.line(palette.paint(tone, line).trim_end());
    let label_width = columns.saturating_sub(KINDS.len() * 8).clamp(12, 34);
    let line = |label: &str, figures: [String; 5]| {
        let figures = figures.map(|figure| format!("{figure:>8}")).concat();
        format!("{:<label_width$}{figures}", cut(label, label_width))
    };
    let prices = |rates: &Rates| KINDS.map(|(_, _, rate)| dollars(rate(rates)));
    let heads = KINDS.map(|(_, head, _)| head.to_owned());
    say(Tone::Strong, "Dollars per million tokens");
    say(Tone::Quiet, &line("model", heads));
    for row in rows {
        let label = match row.from {
            Some(from) => format!("{} from {from}", row.model),
            None => row.model.to_owned(),
        };
        say(Tone::Plain, &line(&label, prices(&row.standard)));
        if let (Some(above), Some(long)) = (row.above_prompt_tokens, &row.long) {
            let label = format!("  prompt over {above}");
            say(Tone::Plain, &line(&label, prices(long)));
        }
        if let Some(fast) = &row.fast {
            say(Tone::Plain, &line("  fast mode", prices(fast)));
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
}

/// Without digits that say nothing: `0.125`, `25`.
fn dollars(rate: Rate) -> String {
    let text = format!("{:.4}", rate.usd_per_million());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
