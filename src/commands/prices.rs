//! `whycap prices`: what spend is counted at, since when, and where each row comes from.

use super::reply::{Reply, Verb};
use crate::machine::Machine;
use crate::pricing::{PriceRow, price_list};

/// Arguments of `whycap prices`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/prices.txt"))]
pub(crate) struct PricesArguments {
    /// Only models whose name contains this
    model: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Verb for PricesArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let table = machine.prices();
        let wanted = self.model.as_deref().unwrap_or("").to_ascii_lowercase();
        let mut rows: Vec<&PriceRow> = table.file.rows.iter().collect();
        rows.retain(|row| row.model.contains(&wanted));
        Ok(Reply::from(price_list(table, &rows)).in_json(self.json))
    }
}
