//! `whycap prices`: what spend is counted at, since when, and where each row comes from.

use std::process::ExitCode;

use super::machine::Machine;
use crate::environment::Environment;
use crate::pricing::{PriceRow, price_list};

/// Arguments of `whycap prices`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/prices.txt"))]
pub struct Arguments {
    /// Only models whose name contains this
    model: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let machine = Machine::new(environment);
    let table = machine.prices();
    let wanted = arguments.model.as_deref().unwrap_or("");
    let wanted = wanted.to_ascii_lowercase();
    let mut rows: Vec<&PriceRow> = table.rows().iter().collect();
    rows.retain(|row| row.model.contains(&wanted));
    price_list(table, &rows).print(arguments.json, environment)?;
    Ok(ExitCode::SUCCESS)
}
