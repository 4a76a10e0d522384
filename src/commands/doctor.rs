//! `whycap doctor`: what is wrong with the set-up, and how to mend it.

use std::process::ExitCode;

use clap::Args;

use super::question::Question;
use crate::doctor::{Setup, examine, is_any_broken, report, report_of_problems};
use crate::environment::Environment;
use crate::render::{Report, rows_for_answer};

/// Arguments of `whycap doctor`.
#[derive(Debug, Args)]
#[command(after_help = include_str!("help/doctor.txt"))]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb. Exit code 1 if a check failed.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let findings = examine(&Setup::new(environment));
    report(&findings).print(arguments.json, environment)?;
    Ok(ExitCode::from(u8::from(is_any_broken(&findings))))
}

/// The answer of `/whycap doctor`. Where there is no room for all, what is well is only counted.
pub(crate) fn answer(question: Question<'_>) -> Report {
    let findings = examine(&Setup::new(question.machine.environment));
    let all = report(&findings);
    let room = rows_for_answer(question.machine.environment.rows());
    if room.is_none_or(|room| all.rows_on(question.page()) <= room) {
        all
    } else {
        report_of_problems(findings)
    }
}
