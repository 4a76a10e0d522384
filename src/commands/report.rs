//! `whycap report`: a summary for a bug report, made to be pasted in public.

use super::{Machine, Reply, Verb};
use crate::limits::bug_report;
use crate::render::Report;

/// What was asked for.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/report.txt"))]
pub(crate) struct ReportArguments {
    /// Report the error of this session instead of the newest
    #[arg(long, value_name = "ID")]
    session: Option<String>,
}

impl Verb for ReportArguments {
    /// As Markdown.
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let situation = machine.incidents().situation(self.session.as_deref());
        let text = match situation.incident {
            Some(incident) => bug_report::write(&incident, machine.clock()),
            None => "No limit error is known, so there is nothing to report.".to_owned(),
        };
        Ok(Report::from_lines(&text).into())
    }
}
