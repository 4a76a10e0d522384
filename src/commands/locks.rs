//! `whycap locks` and `whycap --clear-stale-locks`: what locks are there, and clearing the dead.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::question::Question;
use crate::environment::Environment;
use crate::locks::clearing::Clearing;
use crate::locks::listing::{Listing, to_json};
use crate::locks::{self, LockAction, quarantine};
use crate::places::Places;
use crate::render::Report;
use crate::terminal::{count_down, remark};

/// What `whycap locks` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/locks.txt"))]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Bring back what --clear-stale-locks set aside; nothing that exists is overwritten
    #[arg(long)]
    restore: bool,
}

/// What `whycap --clear-stale-locks` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct ClearArguments {
    /// Clear leftover locks [with --dry-run, --json]
    #[arg(long)]
    pub(crate) clear_stale_locks: bool,
    /// With it: only show what would be done
    #[arg(long, requires = "clear_stale_locks", hide = true)]
    dry_run: bool,
    /// With it: print JSON
    #[arg(long, requires = "clear_stale_locks", hide = true)]
    json: bool,
}

/// Lists every lock with its judgement, or brings cleared ones back.
pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    if arguments.restore {
        return restore(&places, environment, arguments.json);
    }
    let found = locks::survey(&places, environment, working_directory().as_deref());
    let report = Report::new(to_json(&found, environment.now));
    let report = listing(report, &places, environment).survey(found);
    report.print(arguments.json, environment)?;
    Ok(ExitCode::SUCCESS)
}

/// Clears what is dead. Exit code 1 if something that is dead could not be cleared.
pub(crate) fn clear(
    arguments: &ClearArguments,
    environment: &Environment,
) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let (directory, dry_run) = (working_directory(), arguments.dry_run);
    let wait = count_down;
    let clearing = Clearing::new(&places, environment, directory.as_deref(), dry_run, &wait);
    let done = clearing.run(&remark)?;
    let all_cleared = done.iter().all(|lock| lock.action != LockAction::Failed);
    let report = Report::new(to_json(&done, environment.now));
    let report = listing(report, &places, environment).clearing(done, dry_run);
    report.print(arguments.json, environment)?;
    Ok(ExitCode::from(u8::from(!all_cleared)))
}

fn restore(places: &Places, environment: &Environment, as_json: bool) -> anyhow::Result<ExitCode> {
    let restored = quarantine::restore(places)?;
    let report = Report::new(json!({ "restored": restored }));
    let report = listing(report, places, environment).restored(&restored);
    report.print(as_json, environment)?;
    let all_back = restored.iter().all(|item| item.back);
    Ok(ExitCode::from(u8::from(!all_back)))
}

/// The answer of `/whycap locks`.
pub(crate) fn answer(question: Question<'_>) -> Report {
    let (places, environment) = (&question.machine.places, question.machine.environment);
    let project = environment.path("CLAUDE_PROJECT_DIR");
    let found = locks::survey(places, environment, project.as_deref());
    listing(Report::default(), places, environment).survey(found)
}

/// None where it was deleted under us; then no project is looked at.
fn working_directory() -> Option<PathBuf> {
    std::env::current_dir().ok()
}

fn listing<'a>(report: Report, places: &'a Places, environment: &Environment) -> Listing<'a> {
    let now = environment.now;
    Listing {
        report,
        places,
        now,
    }
}
