//! `whycap install`: adds the status line, the hooks, and `/whycap` to Claude Code.

use super::reply::{Reply, Subcommand};
use crate::claude::settings::{SettingsScope, path_of};
use crate::context::Context;
use crate::doctor::{check_knows_hooks, client_version};
use crate::install::entries::KeepPurpose;
use crate::install::settings_edit::Additions;
use crate::install::slash_command::SlashCommand;
use crate::install::{LOCK_TIMEOUT, own_path, plan, plan_and_execute, question, report, sweep};
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
    /// Install only the hooks and /whycap
    #[arg(long)]
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
    /// Add /whycap as a command file instead of a plugin
    #[arg(long)]
    no_plugin: bool,
}

/// The note about open sessions after the plugin has been installed. Claude Code 2.1.331 loads new plugins only when a
/// session starts or the user runs /reload-plugins.
const PLUGIN_INSTALLED: &str = "Open sessions will pick up the change within seconds, except for /whycap: type /reload-plugins there, or start a new session.";

impl Subcommand for InstallArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let (paths, directory) = (&context.paths, context.directory());
        let path = path_of(self.scope, paths, &directory);
        let status_line = self.statusline || !self.hooks;
        let hooks = self.hooks || !self.statusline;
        if hooks {
            check_knows_hooks(paths)?;
        }

        let additions = Additions {
            executable: &own_path::of_process(&context.environment)?,
            status_line,
            hooks,
            keep: match (self.wrap, self.replace) {
                (true, _) => Some(KeepPurpose::ShowAbove),
                (_, true) => Some(KeepPurpose::RestoreOnUninstall),
                _ if status_line && !self.dry_run => question::ask_about_status_line(&path)?,
                _ => None,
            },
            slash_command: hooks.then(|| self.slash_command(context)),
        };
        if !self.dry_run {
            sweep(paths, &path, context.environment.now);
        }
        let plan = plan_and_execute(paths, LOCK_TIMEOUT, self.dry_run, || {
            plan::install(paths, &path, additions)
        })?;

        let mut report = Report::default();
        report.paragraph(Tone::Strong, paths.show(&path));
        report::add_changes(&plan, &path, self.dry_run, &mut report);
        for note in report::notes_about_scope(paths, &directory, self.scope) {
            report.item("  note: ", Tone::Plain, note);
        }
        let has_plugin = hooks && additions.slash_command == Some(SlashCommand::Plugin);
        report.paragraph(
            Tone::Plain,
            match (self.dry_run, plan.is_empty()) {
                (true, _) => "Nothing was changed.",
                (false, true) => "whycap was already installed. Nothing was changed.",
                (false, false) if has_plugin => PLUGIN_INSTALLED,
                (false, false) => "Open sessions will pick up the change within seconds.",
            },
        );
        if !self.dry_run && !plan.is_empty() {
            report.line("To undo: whycap uninstall");
        }
        if has_plugin && !self.dry_run {
            report.paragraph(
                Tone::Plain,
                "You can use /whycap when you reach a limit. Claude Code will still continue by itself after the reset.",
            );
        }
        Ok(report.into())
    }
}

impl InstallArguments {
    /// Returns the way to add `/whycap` that the installed version of Claude Code supports.
    fn slash_command(&self, context: &Context) -> SlashCommand {
        if self.no_plugin {
            return SlashCommand::File;
        }
        SlashCommand::for_version(client_version(&context.paths, &context.environment))
    }
}
