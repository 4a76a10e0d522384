//! `whycap drain`: reports avoidable cache writes.

use super::reply::{Reply, Subcommand, misuse};
use crate::collect::Context;
use crate::pricing::Money;
use crate::spend::RequestedDays;

/// Arguments of `whycap drain`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/drain.txt"))]
pub(crate) struct DrainArguments {
    #[command(flatten)]
    days: RequestedDays,
    /// Show only this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Print JSON
    #[arg(long, conflicts_with = "report")]
    json: bool,
    /// Print a bug report, without names or content
    #[arg(long)]
    report: bool,
}

impl Subcommand for DrainArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let period = self.days.period(context.clock()).map_err(misuse)?;
        let session = context.complete_session_id(self.session.as_deref());
        let drain = context.drain(session.as_deref(), period)?;
        if drain.cost == Money::ZERO {
            context.require_known_session(self.session.as_deref())?;
        }
        Ok(Reply::from(drain.report(self.report)).in_json(self.json))
    }
}
