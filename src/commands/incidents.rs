//! `whycap incidents`: the limit errors of the past.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::gathering::limits_of_exports;
use super::question::Question;
use crate::environment::Environment;
use crate::incidents::Incidents;
use crate::incidents::report::{report, report_of_exports};
use crate::places::Places;
use crate::render::Report;

/// What was asked for.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  whycap incidents                  the errors of this machine, newest first
  whycap incidents --from ~/team    of several machines, by person

Exit code: 0; 1 if it failed; 2 for wrong arguments")]
pub struct Arguments {
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

/// Lists the errors, newest first.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let clock = environment.clock();
    let mut is_whole = true;
    let report = if let Some(directory) = &arguments.from {
        let limits = limits_of_exports(directory, &places)?;
        is_whole = limits.gaps.is_empty();
        report_of_exports(&limits, clock)
    } else {
        let incidents = Incidents::new(&places, environment);
        report(
            &incidents.all(arguments.session.as_deref()),
            usize::MAX,
            clock,
        )
    };
    report.print(arguments.json, environment)?;
    Ok(ExitCode::from(u8::from(!is_whole)))
}

/// The answer of `/whycap incidents`. A conversation is no place for a long list.
pub(crate) fn answer(question: Question<'_>) -> Report {
    const MOST: usize = 20;
    let incidents = question.incidents().all(None);
    report(&incidents, MOST, question.environment.clock())
}
