//! `whycap install`: adds the status line, the hooks, and `/whycap` to Claude Code.

use super::reply::{Reply, Subcommand};
use crate::claude::settings::{SettingsScope, path_of};
use crate::collect::Context;
use crate::doctor::{check_knows_hooks, knows_switch_hooks};
use crate::install::edit_record::KeepPurpose;
use crate::install::settings_edit::Additions;
use crate::install::{LOCK_TIMEOUT, own_path, plan, plan_and_execute, report, sweep};
use crate::render::Report;
use crate::terminal::Tone;

/// Arguments of `whycap install`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/install.txt"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(crate) struct InstallArguments {
    /// Show what would change, without changing anything
    #[arg(long)]
    dry_run: bool,
    /// Install only the status line
    #[arg(long)]
    statusline: bool,
    /// Install only the hooks and /whycap, as for a machine that runs scripts
    #[arg(long, visible_alias = "headless")]
    hooks: bool,
    /// Which settings to change: your own for all projects, the project's, or your own for this project
    #[arg(long, value_enum, default_value = "user")]
    scope: SettingsScope,
    /// Show your own status line above whycap's
    #[arg(long, conflicts_with = "replace")]
    wrap: bool,
    /// Replace your own status line; uninstall restores it
    #[arg(long)]
    replace: bool,
}

/// The note after an installation. Claude Code 2.1.331 loads new plugins only when a session starts or the user runs
/// /reload-plugins.
const INSTALLED: &str = "Open sessions will pick up the change within seconds, except for /whycap: type /reload-plugins there, or start a new session.";

/// The note about settings that are usually checked in to a repository.
const SHARED: &str = "this file is usually shared with other people, who would need whycap at the same path; to change only your own settings, use --scope local";

impl Subcommand for InstallArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let paths = &context.paths;
        let path = path_of(self.scope, paths, &context.directory());
        let additions = Additions {
            executable: &own_path::of_process(&context.environment)?,
            status_line: self.statusline || !self.hooks,
            hooks: self.hooks || !self.statusline,
            switch_hooks: knows_switch_hooks(paths),
            keep: match (self.wrap, self.replace) {
                (true, _) => Some(KeepPurpose::ShowAbove),
                (_, true) => Some(KeepPurpose::RestoreOnUninstall),
                _ => None,
            },
        };
        if additions.hooks {
            check_knows_hooks(paths)?;
        }
        if !self.dry_run {
            sweep(paths, context.environment.now);
        }
        let plan = plan_and_execute(paths, LOCK_TIMEOUT, self.dry_run, || {
            plan::install(paths, &path, additions)
        })?;

        let mut report = Report::default();
        report.paragraph(Tone::Strong, paths.show(&path));
        report::add_changes(&plan, self.dry_run, &mut report);
        if self.scope == SettingsScope::Project {
            report.item("  note: ", Tone::Plain, SHARED);
        }
        let (outcome, next_steps): (&str, &[&str]) = match (self.dry_run, plan.is_empty()) {
            (true, _) => ("Nothing was changed.", &[]),
            (false, true) => (
                "whycap was already installed. Nothing was changed.",
                &["To check the installation: whycap doctor"],
            ),
            (false, false) => (
                INSTALLED,
                &[
                    "To check the installation: whycap doctor",
                    "To undo it: whycap uninstall",
                ],
            ),
        };
        report.paragraph(Tone::Plain, outcome);
        for step in next_steps {
            report.line(*step);
        }
        Ok(report.into())
    }
}
