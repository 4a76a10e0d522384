//! `whycap uninstall`: takes out what `install` put in, and nothing else.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::install::{ScopeChoice, carry_out};
use crate::environment::Environment;
use crate::install::plan;
use crate::install::record::Record;
use crate::install::report::{self, Mood};
use crate::places::Places;
use crate::terminal::Palette;

/// Arguments of `whycap uninstall`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  whycap uninstall --dry-run        show what would change, change nothing
  whycap uninstall                  take whycap out everywhere
  whycap uninstall --scope local    only out of this project's local settings")]
pub struct UninstallArgs {
    /// Show what would change and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Only this settings file [default: every file that whycap was installed into]
    #[arg(long, value_enum)]
    scope: Option<ScopeChoice>,
}

/// Runs the verb.
pub fn run(arguments: &UninstallArgs, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let palette = Palette::for_person(environment);
    let directory = std::env::current_dir().unwrap_or_else(|_| places.home.clone());
    let paths: Vec<PathBuf> = if let Some(scope) = arguments.scope {
        vec![scope.path(&places, &directory)]
    } else {
        let mut paths = Record::known_settings(&places);
        for scope in [ScopeChoice::User, ScopeChoice::Project, ScopeChoice::Local] {
            paths.push(scope.path(&places, &directory));
        }
        paths.sort();
        paths.dedup();
        paths
    };
    let mut lines = Vec::new();
    let mut failure = None;
    for path in paths {
        let make = || plan::uninstall(&places, &path);
        let outcome = if arguments.dry_run {
            make().map(|plan| (plan, Mood::Would))
        } else {
            carry_out(&places, make).map(|plan| (plan, Mood::Done))
        };
        match outcome {
            Ok((plan, mood)) if !plan.is_empty() => {
                lines.extend(report::lines(&plan, &path, mood, &places, palette));
            }
            Ok(_) => {}
            // One file that cannot be changed must not keep whycap in the others.
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if lines.is_empty() && failure.is_none() {
        lines.push("whycap is in no settings file that it knows; nothing was changed.".to_owned());
    } else if arguments.dry_run {
        lines.push("Nothing was changed.".to_owned());
    }
    if places.data.exists() {
        lines.push(format!(
            "What whycap recorded stays in {}; delete that folder if you do not want it.",
            places.show(&places.data)
        ));
    }
    crate::terminal::print(&(lines.join("\n") + "\n"))?;
    failure.map_or(Ok(ExitCode::SUCCESS), Err)
}
