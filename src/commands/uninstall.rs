//! `whycap uninstall`: removes everything that `install` added, and nothing else.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::Value;

use super::reply::{Reply, Subcommand};
use crate::claude::account::global_state;
use crate::claude::settings::{SettingsFile, SettingsScope, path_of};
use crate::context::Context;
use crate::install::entries::EnabledPlugin;
use crate::install::made_directories::MadeDirectories;
use crate::install::{EditRecord, LOCK_TIMEOUT, plan, plan_and_execute, sweep, words};
use crate::places::Places;
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
        let places = &context.places;
        let mut report = Report::default();
        let mut backups = Vec::new();
        let mut failure = None;

        for path in self.settings(context) {
            if !self.dry_run {
                sweep(places, &path, context.environment.now);
            }
            let outcome = plan_and_execute(places, LOCK_TIMEOUT, self.dry_run, || {
                plan::uninstall(places, &path, false)
            });
            match outcome {
                Ok(plan) => {
                    if !plan.is_empty() {
                        report.paragraph(Tone::Strong, places.show(&path));
                        words::add(&plan, &path, self.dry_run, &mut report);
                    }
                    backups.extend(plan.backups);
                }
                // If one file cannot be changed, continue with the others.
                Err(error) => failure = failure.or(Some(error)),
            }
        }

        if report.is_empty() && failure.is_none() {
            let nothing = "whycap did not find itself in any settings file. Nothing was changed.";
            report.paragraph(Tone::Plain, nothing);
        } else if self.dry_run {
            report.line("Nothing was changed.");
        }
        let made = MadeDirectories::load(places);
        if !self.dry_run {
            made.remove_empty(places);
        }
        add_remains(places, &made, &backups, &mut report);
        report.print(false, &context.environment)?;
        failure.map_or(Ok(Reply::default()), Err)
    }
}

impl UninstallArguments {
    /// Returns the settings files that whycap should be removed from.
    fn settings(&self, context: &Context) -> BTreeSet<PathBuf> {
        let places = &context.places;
        let directory = context.directory();
        if let Some(scope) = self.scope {
            return BTreeSet::from([path_of(scope, places, &directory)]);
        }
        SettingsScope::value_variants()
            .iter()
            .map(|scope| path_of(*scope, places, &directory))
            .chain(EditRecord::known_settings(places))
            .collect()
    }
}

/// Lists the files that are left after uninstalling, each with a command to delete it.
fn add_remains(places: &Places, made: &MadeDirectories, backups: &[PathBuf], report: &mut Report) {
    let mut remains = Vec::new();
    if places.data.exists() {
        let command = format!("rm -r {}", places.in_shell(&places.data));
        remains.push(("the data that whycap recorded", command));
    }
    if places.settings.exists() {
        let file = places.in_shell(&places.settings);
        let command = match places.settings.parent() {
            Some(directory) if made.contains(directory) => {
                format!("rm {file} && rmdir {}", places.in_shell(directory))
            }
            Some(_) | None => format!("rm {file}"),
        };
        remains.push(("your whycap configuration", command));
    }
    for backup in backups {
        let command = format!("rm {}", places.in_shell(backup));
        remains.push(("the backup of your settings", command));
    }
    for plugin in EnabledPlugin::list(&[SettingsFile::of_user(places)]) {
        if !plugin.is_in_skills_directory() {
            let command = format!("claude plugin uninstall {}", plugin.id);
            remains.push(("the plugin", command));
        }
    }

    for plugin in counted_plugins(places) {
        let advice = format!(
            "while Claude Code is closed, delete \"{plugin}\" from pluginUsage in {}",
            places.in_shell(&places.global_state)
        );
        remains.push((
            "Claude Code's count of how often you used the plugin",
            advice,
        ));
    }

    if !remains.is_empty() {
        report.line("These files remain. To delete them:");
        for (subject, command) in remains {
            report.item("  - ", Tone::Plain, format!("{subject}: {command}"));
        }
    }
}

/// Returns the IDs of whycap's plugins that appear in Claude Code's usage counts. Claude Code has no command to delete
/// these counts.
fn counted_plugins(places: &Places) -> Vec<String> {
    let Some(state) = global_state(places) else {
        return Vec::new();
    };
    let Some(counts) = state.get("pluginUsage").and_then(Value::as_object) else {
        return Vec::new();
    };
    counts
        .keys()
        .filter(|id| id.starts_with("whycap@"))
        .cloned()
        .collect()
}
