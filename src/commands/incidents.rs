//! `whycap incidents`: the limit errors of the past.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::machine::Machine;
use super::question::Question;
use crate::environment::Environment;
use crate::incidents::report::{report, report_of_exports};
use crate::render::Report;

/// What was asked for.
#[derive(Debug, Args)]
#[command(after_help = include_str!("help/incidents.txt"))]
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
    let machine = Machine::new(environment);
    let mut is_whole = true;
    let report = if let Some(directory) = &arguments.from {
        let limits = machine.limits_of_exports(directory)?;
        is_whole = limits.gaps.is_empty();
        report_of_exports(&limits, machine.clock())
    } else {
        let session = arguments.session.as_deref();
        let incidents = machine
            .gathered(|ledger, _| Ok(machine.incidents().all_with_ends(session, &ledger)))?;
        report(&incidents, usize::MAX, machine.clock())
    };
    report.print(arguments.json, environment)?;
    Ok(ExitCode::from(u8::from(!is_whole)))
}

/// The answer of `/whycap incidents`. A conversation is no place for a long list.
pub(crate) fn answer(question: Question<'_>) -> Report {
    const MOST: usize = 20;
    let (machine, known) = (question.machine, question.incidents());
    let found = machine.gathered_at_once(|ledger, _| Ok(known.all_with_ends(None, &ledger)));
    let incidents = found.unwrap_or_else(|_| known.all(None));
    report(&incidents, MOST, machine.clock())
}
