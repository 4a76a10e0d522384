//! `whycap prices`: lists the prices used for calculating spend, with their dates and sources.

use super::reply::{Reply, Subcommand};
use crate::collect::Context;
use crate::pricing::{PRICES, PriceRow, price_report};

/// Arguments of `whycap prices`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/prices.txt"))]
pub(crate) struct PricesArguments {
    /// List only models whose name contains this text
    model: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Subcommand for PricesArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let part_of_name = self
            .model
            .as_deref()
            .unwrap_or("")
            .to_ascii_lowercase();
        let rows: Vec<&PriceRow> = PRICES
            .rows
            .iter()
            .filter(|row| row.model.contains(&part_of_name))
            .collect();
        Ok(Reply::from(price_report(context.prices(), &rows)).in_json(self.json))
    }
}
