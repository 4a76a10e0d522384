//! `whycap doctor`: checks the setup and suggests a fix for each problem.

use super::reply::{Reply, Subcommand};
use crate::collect::Context;
use crate::doctor::{Setup, examine, is_any_broken, report};
use crate::wording;

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
        let limits = context.peek_at_limits();
        let error = limits
            .blocked()
            .map(|blocked| wording::headline(&blocked, limits.clock()));
        let reply = Reply::from(report(&findings, error.as_deref())).in_json(self.json);
        Ok(reply.with_code(is_any_broken(&findings)))
    }
}
