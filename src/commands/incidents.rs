//! The limit errors of the past: `whycap incidents` lists them, `whycap report` writes one up to be pasted in public.

use std::path::PathBuf;

use super::reply::{Reply, Verb};
use crate::incidents::report::{report, report_of_exports};
use crate::ledger::EVER;
use crate::limits::bug_report;
use crate::machine::Machine;
use crate::render::Report;

/// What was asked for.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/incidents.txt"))]
pub(crate) struct IncidentsArguments {
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Only look at this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Add up what several machines exported there, by person
    #[arg(long, value_name = "DIR", conflicts_with = "session")]
    from: Option<PathBuf>,
}

/// A conversation is no place for a long list.
const MOST_IN_CONVERSATION: usize = 20;

impl Verb for IncidentsArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        if let Some(directory) = &self.from {
            let limits = machine.limits_of_exports(directory, &EVER)?;
            let report = report_of_exports(&limits, machine.clock());
            let is_partial = !limits.gaps.is_empty();
            return Ok(Reply::from(report).in_json(self.json).with_code(is_partial));
        }
        let known = machine.incidents();
        let session = machine.whole_session(self.session.as_deref());
        let session = session.as_deref();
        let found = machine.gathered(|ledger, _| Ok(known.all_with_ends(session, &ledger)));
        // A conversation is told what is known without a ledger, too.
        let all = |_| known.found(session, usize::MAX);
        let incidents = found.or_else(|error| machine.event().map(all).ok_or(error))?;
        let most = machine.event().map_or(usize::MAX, |_| MOST_IN_CONVERSATION);
        Ok(Reply::from(report(&incidents, most, machine.clock())).in_json(self.json))
    }
}

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
        let session = machine.whole_session(self.session.as_deref());
        let text = match machine.incidents().situation(session.as_deref()).incident {
            Some(incident) => bug_report::write(&incident, machine.clock()),
            None => "No limit error is known, so there is nothing to report.".to_owned(),
        };
        Ok(Report::from_lines(&text).into())
    }
}
