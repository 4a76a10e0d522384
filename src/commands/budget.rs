//! `whycap budget`: shows how much of each budget has been used, the rate of spending, and a forecast.

use super::reply::{Reply, Subcommand};
use crate::budget::hints::best_hint;
use crate::budget::overview::{AdditionalFacts, BudgetOverview};
use crate::context::Context;
use crate::ledger::{EVER, SelectedResponses, SpendSource};
use crate::time::Clock;

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
        let (config, Clock { now, zone, .. }) = (&context.config, context.clock());
        let (today, _) = zone.day_bounds(now);
        let (month, _) = zone.month_bounds(now);
        let writes = context.writes(Some(today.timestamp_millis()));
        let sessions = context.sessions_with_budgets();
        let report = context.with_ledger(|ledger, read| {
            let served = ledger.responses_since(today, &|_| true)?;
            let first_response = served.all.iter().map(|response| response.at).min();
            let mut overview =
                BudgetOverview::new(context.clock(), config, sessions.clone(), first_response);
            ledger.rows(EVER, overview.rows_by(), &mut |row| overview.add(&row))?;
            let damaged = ledger.damaged(month.timestamp_millis()..EVER.end)?;
            let costs =
                |since, selected: SelectedResponses<'_>| ledger.costs_since(since, selected);
            let incidents = context.incidents();
            let paid = incidents.credits_use().paid_since(month, None, &costs);
            let additional = AdditionalFacts {
                hint: best_hint(served, &writes, context.prices(), &config.hints.off),
                paid: paid.map(|paid| paid.payments),
                is_everything_read: read.is_all(),
                is_complete: read.is_all() && damaged.is_empty(),
            };
            let file = &context.paths.whycap_config;
            Ok(overview.report(
                &additional,
                &file.to_string_lossy(),
                &context.paths.show(file),
            ))
        })?;
        Ok(Reply::from(report).in_json(self.json))
    }
}
