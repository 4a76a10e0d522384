//! `whycap incidents`: the limit errors of the past.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::gathering::{gathered, gathered_at_once, limits_of_exports};
use super::question::Question;
use crate::claude::model_pricing::prices;
use crate::environment::Environment;
use crate::incidents::Incidents;
use crate::incidents::report::{report, report_of_exports};
use crate::places::Places;
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
    let places = Places::of(environment);
    let clock = environment.clock();
    let mut is_whole = true;
    let report = if let Some(directory) = &arguments.from {
        let limits = limits_of_exports(directory, &places)?;
        is_whole = limits.gaps.is_empty();
        report_of_exports(&limits, clock)
    } else {
        let session = arguments.session.as_deref();
        let incidents = gathered(&places, &prices(&places), |ledger, _| {
            Ok(Incidents::new(&places, environment).all_with_ends(session, &ledger))
        })?;
        report(&incidents, usize::MAX, clock)
    };
    report.print(arguments.json, environment)?;
    Ok(ExitCode::from(u8::from(!is_whole)))
}

/// The answer of `/whycap incidents`. A conversation is no place for a long list.
pub(crate) fn answer(question: Question<'_>) -> Report {
    const MOST: usize = 20;
    let found = gathered_at_once(question.places, |ledger, _| {
        Ok(question.incidents().all_with_ends(None, &ledger))
    });
    let incidents = found.unwrap_or_else(|_| question.incidents().all(None));
    report(&incidents, MOST, question.environment.clock())
}
