//! `whycap install` wires the status line and the hooks into a settings file; `whycap uninstall` takes out what it put
//! in, and nothing else.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::ValueEnum;

use super::reply::{Reply, Verb};
use crate::claude::settings::{SettingsScope, path_of};
use crate::install::entries::Kept;
use crate::install::settings_edit::Additions;
use crate::install::{EditRecord, PATIENCE, carry_out, changes, own_path, plan, sweep};
use crate::machine::Machine;
use crate::places::Places;
use crate::render::Report;
use crate::terminal::Tone;

/// Arguments of `whycap install`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/install.txt"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(crate) struct InstallArguments {
    /// Show what would change and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Only the status line
    #[arg(long)]
    statusline: bool,
    /// Only the hooks
    #[arg(long)]
    hooks: bool,
    /// Whose settings: yours everywhere, this project's, or yours in this project
    #[arg(long, value_enum, default_value = "user")]
    scope: SettingsScope,
    /// Show another program's status line above ours
    #[arg(long, conflicts_with = "replace")]
    wrap: bool,
    /// Set another program's status line aside; uninstall puts it back
    #[arg(long)]
    replace: bool,
}

impl Verb for InstallArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let places = &machine.places;
        let directory = worked_in(places);
        let path = path_of(self.scope, places, &directory);
        let both = self.statusline == self.hooks;
        let (dry_run, status_line) = (self.dry_run, both || self.statusline);
        let wanted = Additions {
            program: &own_path::of_process(&machine.environment)?,
            status_line,
            hooks: both || self.hooks,
            keep: match (self.wrap, self.replace) {
                (true, _) => Some(Kept::Wrapped),
                (_, true) => Some(Kept::SetAside),
                _ if status_line && !dry_run => changes::ask(&path)?,
                _ => None,
            },
        };
        if !dry_run {
            sweep(places, &path, machine.environment.now);
        }
        let make = || plan::install(places, &path, wanted);
        let plan = carry_out(places, PATIENCE, dry_run, make)?;
        let mut report = Report::default();
        changes::add(&plan, &path, dry_run, places, &mut report);
        for note in changes::afterthoughts(places, &directory, self.scope, &path) {
            report.item("  note: ", Tone::Plain, note);
        }
        report.line(match (dry_run, plan.is_empty()) {
            (true, _) => "Nothing was changed.",
            (_, true) => "whycap was installed already; nothing was written.",
            _ => "Open sessions take it up within seconds. To undo: whycap uninstall",
        });
        Ok(report.into())
    }
}

/// The directory that settings of a project are meant of.
fn worked_in(places: &Places) -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| places.home.clone())
}

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
        let paths = scopes.map(|scope| path_of(*scope, places, &worked_in(places)));
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
                    changes::add(&plan, &path, self.dry_run, places, &mut report);
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
