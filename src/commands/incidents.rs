//! `whycap incidents` and `whycap report`: list past incidents, and summarize one for a public bug report.

use super::reply::{Reply, Subcommand, misuse};
use crate::claude::session_label::short_id;
use crate::context::Context;
use crate::incidents::report::{error_of_entry, report};
use crate::incidents::{Asker, PastErrors};
use crate::limits::bug_report;
use crate::render::Report;
use crate::spend::RequestedDays;

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
}

/// The maximum number of incidents to list in a conversation.
const MOST_IN_CONVERSATION: usize = 20;

impl Subcommand for IncidentsArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let requested = self.days.period(context.clock()).map_err(misuse)?;
        let period = requested.of_rows(context.clock().zone);
        let known = context.incidents();
        let complete_id = context.complete_session_id(self.session.as_deref());
        let session = complete_id.as_deref();
        let listed = context.with_ledger(|ledger, _| Ok(known.history(session, &ledger)?));
        let (mut past, most) = match (listed, context.event()) {
            (Ok(past), None) => (past, usize::MAX),
            (Ok(past), Some(_)) => (past, MOST_IN_CONVERSATION),
            // Without the ledger, older errors from transcripts are missing, which is acceptable in a conversation.
            (Err(_), Some(_)) => {
                let past = PastErrors {
                    incidents: known.history_without_ledger(session),
                    retries: Vec::new(),
                };
                (past, MOST_IN_CONVERSATION)
            }
            (Err(error), None) => return Err(error),
        };
        let has_errors = past
            .incidents
            .iter()
            .any(|incident| incident.is_of(session));
        if !has_errors && past.retries.is_empty() {
            context.require_known_session(self.session.as_deref())?;
        }
        past.restrict(&period);
        let label = context.session_labels();
        let name_session = |id: &str| match label(id).name() {
            Some(name) => format!("\"{name}\""),
            None => format!("session {}", short_id(id)),
        };
        let clock = context.clock();
        let report = report(&past, session, most, &name_session, clock);
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
    /// Builds the report in Markdown format.
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let session = context.complete_session_id(self.session.as_deref());
        if let Some(number) = self.entry {
            return report_entry(number, session.as_deref(), context);
        }
        let errors = context.error_source();
        let situation =
            context
                .incidents()
                .situation(session.as_deref(), Asker::Shell, errors.ledger.as_ref());
        let text = if let Some(incident) = &situation.incident {
            bug_report::write(incident, context.clock())
        } else {
            context.require_known_session(self.session.as_deref())?;
            if errors.is_complete {
                "No limit errors found, so there is nothing to report.".to_owned()
            } else {
                "No limit errors found in the newest transcripts, so there is nothing to report. To search all transcripts: whycap incidents".to_owned()
            }
        };
        Ok(Report::from_document(&text).into())
    }
}

/// Builds the report about an entry of `whycap incidents`.
fn report_entry(number: u32, session: Option<&str>, context: &Context) -> anyhow::Result<Reply> {
    let incidents = context.incidents();
    let past = context.with_ledger(|ledger, _| Ok(incidents.history(session, &ledger)?))?;
    let clock = context.clock();
    match error_of_entry(&past, session, number as usize, clock) {
        Some(incident) => Ok(Report::from_document(&bug_report::write(incident, clock)).into()),
        None => Err(misuse(format!(
            "there is no entry {number}; see whycap incidents"
        ))),
    }
}
