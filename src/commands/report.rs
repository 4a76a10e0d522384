//! `whycap report`: a summary for a bug report, made to be pasted in public.

use std::process::ExitCode;

use clap::Args;

use super::machine::Machine;
use super::question::Question;
use crate::environment::Environment;
use crate::limits::bug_report;
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
    let machine = Machine::new(environment);
    report(&machine, arguments.session.as_deref()).print(false, environment)?;
    Ok(ExitCode::SUCCESS)
}

/// The answer of `/whycap report`.
pub(crate) fn answer(question: Question<'_>) -> Report {
    report(question.machine, None)
}

fn report(machine: &Machine<'_>, session: Option<&str>) -> Report {
    Report::from_lines(&match machine.incidents().situation(session).incident {
        Some(incident) => bug_report::write(&incident, machine.clock()),
        None => "No limit error is known, so there is nothing to report.".to_owned(),
    })
}
