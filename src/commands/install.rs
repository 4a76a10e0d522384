//! `whycap install`: wires the status line and the hooks into a settings file.

use super::reply::{Reply, Verb};
use crate::claude::settings::{SettingsScope, path_of};
use crate::doctor::check_takes_hooks;
use crate::install::entries::Kept;
use crate::install::settings_edit::Additions;
use crate::install::{PATIENCE, carry_out, own_path, plan, sweep, words};
use crate::machine::Machine;
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
        let (places, directory) = (&machine.places, machine.directory());
        let path = path_of(self.scope, places, &directory);
        let (dry_run, status_line) = (self.dry_run, self.statusline || !self.hooks);
        let hooks = self.hooks || !self.statusline;
        if hooks {
            check_takes_hooks(places)?;
        }
        let wanted = Additions {
            program: &own_path::of_process(&machine.environment)?,
            status_line,
            hooks,
            keep: match (self.wrap, self.replace) {
                (true, _) => Some(Kept::Wrapped),
                (_, true) => Some(Kept::SetAside),
                _ if status_line && !dry_run => words::ask(&path)?,
                _ => None,
            },
        };
        if !dry_run {
            sweep(places, &path, machine.environment.now);
        }
        let make = || plan::install(places, &path, wanted);
        let plan = carry_out(places, PATIENCE, dry_run, make)?;
        let mut report = Report::default();
        report.paragraph(Tone::Strong, places.show(&path));
        words::add(&plan, &path, dry_run, &mut report);
        for note in words::afterthoughts(places, &directory, self.scope) {
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
