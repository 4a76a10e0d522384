//! `whycap budget`: how far each budget is used, how fast, and where that leads.

use super::reply::{Reply, Verb};
use crate::budget::overview::{BesideBudgets, Survey};
use crate::hints;
use crate::ledger::{EVER, Meant, SpendSource};
use crate::machine::Machine;
use crate::time::Clock;

/// Arguments of `whycap budget`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/budget.txt"))]
pub(crate) struct BudgetArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Verb for BudgetArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let (config, Clock { now, zone, .. }) = (&machine.config, machine.clock());
        let ((today, _), (month, _)) = (zone.day_bounds(now), zone.month_bounds(now));
        let writes = machine.writes(Some(today.timestamp_millis()));
        let sessions = machine.sessions_asked();
        let report = machine.gathered(|ledger, caught| {
            let mut survey = Survey::new(machine.clock(), config, sessions.clone());
            ledger.rows(EVER, survey.rows_by(), &mut |row| survey.add(&row))?;
            let served = ledger.answers_since(today, false, &|_| true)?;
            let hint = hints::best(served, &writes, machine.prices(), &config.hints.off);
            let percent_worth = machine.worth(&ledger, None)?.with_prompts(&writes);
            let paid = config.budget.credits.and_then(|_| {
                let incidents = machine.incidents();
                let costs = |since, is_own: Meant<'_>| ledger.costs_since(since, is_own);
                Some(incidents.paid_since(month, &costs)?.cost)
            });
            let damaged = ledger.damaged(month.timestamp_millis())?;
            let beside = BesideBudgets {
                hint,
                percent_worth,
                paid,
                is_complete: caught.is_all() && damaged.is_empty(),
            };
            let file = &machine.places.settings;
            Ok(survey.report(&beside, &file.to_string_lossy(), &machine.places.show(file)))
        })?;
        Ok(Reply::from(report).in_json(self.json))
    }
}
