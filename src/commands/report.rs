//! `whycap report`: a summary for a bug report, made to be pasted in public.

use std::process::ExitCode;

use clap::Args;

use super::question::Question;
use crate::environment::Environment;
use crate::incidents::Incidents;
use crate::limits::bug_report;
use crate::places::Places;
use crate::render::Report;

/// What was asked for.
#[derive(Debug, Args)]
#[command(after_help = include_str!("help/report.txt"))]
pub struct Arguments {
    /// Report the error of this session instead of the newest
    #[arg(long, value_name = "ID")]
    session: Option<String>,
}

/// Prints the report as Markdown.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let incidents = Incidents::new(&places, environment);
    let session = arguments.session.as_deref();
    report(&incidents, session, environment).print(false, environment)?;
    Ok(ExitCode::SUCCESS)
}

/// The answer of `/whycap report`.
pub(crate) fn answer(question: Question<'_>) -> Report {
    report(&question.incidents(), None, question.environment)
}

fn report(incidents: &Incidents<'_>, session: Option<&str>, environment: &Environment) -> Report {
    Report::of_lines(&match incidents.situation(session).incident {
        Some(incident) => bug_report::write(&incident, environment.clock()),
        None => "No limit error is known, so there is nothing to report.".to_owned(),
    })
}
