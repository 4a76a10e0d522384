//! `whycap uninstall`: takes out what `install` put in, and nothing else.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::ValueEnum;

use super::reply::{Reply, Verb};
use crate::claude::settings::{SettingsScope, path_of};
use crate::install::{EditRecord, PATIENCE, carry_out, plan, sweep, words};
use crate::machine::Machine;
use crate::render::Report;
use crate::terminal::Tone;

/// Arguments of `whycap uninstall`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/uninstall.txt"))]
pub(crate) struct UninstallArguments {
    /// Show what would change and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Only this settings file [default: every file that whycap was installed into]
    #[arg(long, value_enum)]
    scope: Option<SettingsScope>,
}

impl Verb for UninstallArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let places = &machine.places;
        let is_meant = |scope: &&SettingsScope| self.scope.is_none_or(|meant| meant == **scope);
        let scopes = SettingsScope::value_variants().iter().filter(is_meant);
        let paths = scopes.map(|scope| path_of(*scope, places, &machine.directory()));
        let mut paths: BTreeSet<PathBuf> = paths.collect();
        if self.scope.is_none() {
            paths.extend(EditRecord::known_settings(places));
        }
        let mut report = Report::default();
        let mut failure = None;
        for path in paths {
            if !self.dry_run {
                sweep(places, &path, machine.environment.now);
            }
            let make = || plan::uninstall(places, &path, false);
            match carry_out(places, PATIENCE, self.dry_run, make) {
                Ok(plan) if !plan.is_empty() => {
                    report.paragraph(Tone::Strong, places.show(&path));
                    words::add(&plan, &path, self.dry_run, &mut report);
                }
                Ok(_) => {}
                // One file that cannot be changed must not keep whycap in the others.
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if report.is_empty() && failure.is_none() {
            let says = "whycap is in no settings file that it knows; nothing was changed.";
            report.paragraph(Tone::Plain, says);
        } else if self.dry_run {
            report.line("Nothing was changed.");
        }
        if places.data.exists() {
            let data = places.show(&places.data);
            report.paragraph(Tone::Plain, format!("What whycap recorded stays in {data}; delete that folder if you do not want it."));
        }
        report.print(false, &machine.environment)?;
        failure.map_or(Ok(Reply::default()), Err)
    }
}
