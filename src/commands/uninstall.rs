//! `whycap uninstall`: removes everything that `install` added, and nothing else.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::ValueEnum;

use super::reply::{Reply, Subcommand};
use crate::claude::settings::{SettingsFile, SettingsScope, path_of};
use crate::collect::Context;
use crate::install::made_directories;
use crate::install::plan::InstallPlan;
use crate::install::plugin::EnabledPlugin;
use crate::install::slash_command::plugin_directory;
use crate::install::{EditRecord, LOCK_TIMEOUT, own_path, plan, plan_and_execute, report, sweep};
use crate::locks::quarantine;
use crate::render::Report;
use crate::terminal::Tone;

/// Arguments of `whycap uninstall`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/uninstall.txt"))]
pub(crate) struct UninstallArguments {
    /// Show what would change, without changing anything
    #[arg(long)]
    dry_run: bool,
    /// Remove whycap only from these settings [default: all settings that contain whycap]
    #[arg(long, value_enum)]
    scope: Option<SettingsScope>,
}

impl Subcommand for UninstallArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let paths = &context.paths;
        let mut report = Report::default();
        let mut backups = Vec::new();
        let mut failure = None;

        if !self.dry_run {
            sweep(paths, context.environment.now);
        }
        for path in self.settings(context) {
            let outcome = plan_and_execute(paths, LOCK_TIMEOUT, self.dry_run, || {
                plan::uninstall(paths, &path, false)
            });
            match outcome {
                Ok(plan) => {
                    if !plan.is_empty() {
                        report.paragraph(Tone::Strong, paths.show(&path));
                        report::add_changes(&plan, self.dry_run, &mut report);
                    }
                    backups.extend(plan.backups);
                }
                // If one file cannot be changed, continue with the others.
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if failure.is_none() && self.scope.is_none() {
            let plan = plan_and_execute(paths, LOCK_TIMEOUT, self.dry_run, || {
                Ok(InstallPlan::of_plugin_removal(paths))
            })?;
            if !plan.is_empty() {
                report.paragraph(Tone::Strong, paths.show(&plugin_directory(paths)));
                report::add_changes(&plan, self.dry_run, &mut report);
            }
        }

        if report.is_empty() && failure.is_none() {
            let nothing = "whycap was not found in any settings file. Nothing was changed.";
            report.paragraph(Tone::Plain, nothing);
        } else if self.dry_run {
            report.line("Nothing was changed.");
        }
        if !self.dry_run {
            made_directories::remove_empty(paths);
        }
        add_remains(context, &backups, &mut report);
        report.print(false, &context.environment)?;
        failure.map_or(Ok(Reply::default()), Err)
    }
}

impl UninstallArguments {
    /// Returns the settings files to remove whycap from.
    fn settings(&self, context: &Context) -> BTreeSet<PathBuf> {
        let directory = context.directory();
        if let Some(scope) = self.scope {
            return BTreeSet::from([path_of(scope, &context.paths, &directory)]);
        }
        SettingsScope::value_variants()
            .iter()
            .map(|scope| path_of(*scope, &context.paths, &directory))
            .chain(EditRecord::known_settings(&context.paths))
            .collect()
    }
}

/// Lists the files that are left after uninstalling, each with a command to delete it.
fn add_remains(context: &Context, backups: &[PathBuf], report: &mut Report) {
    let paths = &context.paths;
    let mut remains = Vec::new();
    if paths.data.exists() {
        let command = format!("rm -r {}", paths.in_shell(&paths.data));
        let subject = if quarantine::has_locks(paths) {
            "the data that whycap recorded and the locks that it cleared (to restore them first: whycap locks --restore)"
        } else {
            "the data that whycap recorded"
        };
        remains.push((subject, command));
    }
    if paths.whycap_config.exists() {
        let command = format!("rm {}", paths.in_shell(&paths.whycap_config));
        remains.push(("your whycap configuration", command));
    }
    for backup in backups {
        let command = format!("rm {}", paths.in_shell(backup));
        remains.push(("the backup of your settings", command));
    }
    for plugin in EnabledPlugin::list(&[SettingsFile::of_user(paths)]) {
        if !plugin.is_in_skills_directory() {
            let command = format!("claude plugin uninstall {}", plugin.id);
            remains.push(("the plugin", command));
        }
    }

    let is_deleted_by_script = context.environment.text("WHYCAP_FROM") == Some("install.sh");
    if !is_deleted_by_script && let Some(command) = own_path::removal_command(paths) {
        remains.push(("the program", command));
    }

    if !remains.is_empty() {
        report.line("These files remain. To delete them:");
        for (subject, command) in remains {
            report.item("  - ", Tone::Plain, format!("{subject}: {command}"));
        }
    }
}
