//! `whycap budget`: shows how much of each budget is used, what is left, and a forecast.

use super::reply::{Reply, Subcommand};
use crate::collect::Context;
use crate::ledger::{EVER, SpendSource};

/// Arguments of `whycap budget`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/budget.txt"))]
pub(crate) struct BudgetArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Subcommand for BudgetArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let clock = context.clock();
        let (month, _) = clock.zone.month_bounds(clock.now);
        let report = context.with_ledger(|ledger, read| {
            let damaged = ledger.damaged(month.timestamp_millis()..EVER.end)?;
            let is_complete = read.is_all() && damaged.is_empty();
            let file = &context.paths.whycap_config;
            Ok(context
                .budget_overview(&ledger, is_complete)?
                .report(&file.to_string_lossy(), &context.paths.show(file)))
        })?;
        Ok(Reply::from(report).in_json(self.json))
    }
}
