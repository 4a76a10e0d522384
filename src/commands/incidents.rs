//! `whycap incidents` and `whycap report`: list past incidents, and summarize one for a public bug report.

use super::reply::{Reply, Subcommand, misuse};
use crate::collect::Context;
use crate::limits::Past;
use crate::limits::wording;
use crate::render::Report;
use crate::spend::{Period, RequestedDays};

/// Arguments of `whycap incidents`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/incidents.txt"))]
pub(crate) struct IncidentsArguments {
    #[command(flatten)]
    days: RequestedDays,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Show only this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Also explain each entry
    #[arg(long)]
    long: bool,
}

impl Subcommand for IncidentsArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let requested = self.days.period(context.clock()).map_err(misuse)?;
        let past = past(self.session.as_deref(), requested, context)?;
        let mut report = Report::new(wording::list_json(&past, context.clock()));
        report.add(wording::list(&past, self.long, context.clock()));
        Ok(Reply::from(report).in_json(self.json))
    }
}

/// Arguments of `whycap report`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/report.txt"))]
pub(crate) struct ReportArguments {
    /// The number of the entry in `whycap incidents`, instead of the newest error
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    entry: Option<u32>,
    /// Summarize an error in this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
}

impl Subcommand for ReportArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let past = past(self.session.as_deref(), Period::default(), context)?;
        let position = self.entry.map_or(0, |entry| entry as usize - 1);
        match (past.stops.get(position), self.entry) {
            (Some(stop), _) => {
                let text = wording::bug_report(&stop.outlook, context.clock());
                Ok(Report::from_document(&text).into())
            }
            (None, Some(entry)) => Err(misuse(format!(
                "there is no entry {entry}; see whycap incidents"
            ))),
            (None, None) => {
                let text = "No errors are known, so there is nothing to report.";
                Ok(Report::from_paragraph(text).into())
            }
        }
    }
}

/// Returns the incidents of a period, of all sessions or of one.
fn past(session: Option<&str>, period: Period, context: &Context) -> anyhow::Result<Past> {
    let mut past = context.past(period);
    if let Some(requested) = session {
        let complete_id = context
            .complete_session_id(session)
            .unwrap_or_default();
        past.stops
            .retain(|stop| stop.sessions.contains(&complete_id));
        if past.stops.is_empty() {
            context.require_known_session(Some(requested))?;
        }
    }
    Ok(past)
}
