//! `whycap uninstall`: takes out what `install` put in, and nothing else.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::claude::settings::{SettingsScope, path_of};
use crate::environment::Environment;
use crate::install::{EditRecord, PATIENCE, carry_out, plan, summary, sweep};
use crate::places::Places;
use crate::render::Report;
use crate::terminal::Tone;

/// Arguments of `whycap uninstall`.
#[derive(Debug, Args)]
#[command(after_help = include_str!("help/uninstall.txt"))]
pub struct Arguments {
    /// Show what would change and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Only this settings file [default: every file that whycap was installed into]
    #[arg(long, value_enum)]
    scope: Option<SettingsScope>,
}

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let directory = std::env::current_dir().unwrap_or_else(|_| places.home.clone());
    let mut paths = BTreeSet::new();
    let scopes = if let Some(scope) = &arguments.scope {
        std::slice::from_ref(scope)
    } else {
        paths.extend(EditRecord::known_settings(&places));
        SettingsScope::value_variants()
    };
    let scopes = scopes.iter();
    paths.extend(scopes.map(|scope| path_of(*scope, &places, &directory)));
    let mut report = Report::default();
    let mut failure = None;
    for path in paths {
        let make = || plan::uninstall(&places, &path);
        if !arguments.dry_run {
            sweep(&places, &path, environment.now);
        }
        match carry_out(&places, PATIENCE, arguments.dry_run, make) {
            Ok(plan) if !plan.is_empty() => {
                summary::add(&plan, &path, arguments.dry_run, &places, &mut report);
            }
            Ok(_) => {}
            // One file that cannot be changed must not keep whycap in the others.
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if report.is_empty() && failure.is_none() {
        let says = "whycap is in no settings file that it knows; nothing was changed.";
        report.paragraph(Tone::Plain, says);
    } else if arguments.dry_run {
        report.line("Nothing was changed.");
    }
    if places.data.exists() {
        let data = places.show(&places.data);
        let says = "delete that folder if you do not want it";
        let says = format!("What whycap recorded stays in {data}; {says}.");
        report.paragraph(Tone::Plain, says);
    }
    report.print(false, environment)?;
    failure.map_or(Ok(ExitCode::SUCCESS), Err)
}
