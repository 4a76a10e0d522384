//! `whycap doctor`: checks the setup and suggests a fix for each problem.

use super::reply::{Reply, Subcommand};
use super::wait::about_budgets;
use crate::context::Context;
use crate::doctor::{Setup, examine, is_any_broken, report};

/// Arguments of `whycap doctor`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/doctor.txt"))]
pub(crate) struct DoctorArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Subcommand for DoctorArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let directory = context
            .project()
            .unwrap_or_else(|| context.paths.home.clone());
        let findings = examine(&Setup::new(
            context.environment.clone(),
            context.paths.clone(),
            directory,
        ));
        // Checking the setup must not create a ledger.
        let ledger = context.existing_ledger();
        let incidents = context.incidents();
        let known_situation = incidents.unsaved_situation(context.asker(), ledger.as_ref());
        let paying = if known_situation.blocking().is_some() {
            context.paying(&incidents)
        } else {
            None
        };
        let situation = context.with_costs(known_situation, paying, &incidents);
        let budgets = context.budgets_blocking_prompts(context.session(), ledger.as_ref());
        let about_budgets = about_budgets(&budgets, "");
        let error = context.error_for_doctor(situation.incident.as_ref(), about_budgets.as_deref());
        let reply = Reply::from(report(&findings, error.as_ref())).in_json(self.json);
        Ok(reply.with_code(is_any_broken(&findings)))
    }
}
