//! `whycap install`: wires the status line and the hooks into a settings file.

use std::io::{self, BufRead, IsTerminal};
use std::path::Path;

use super::reply::{Reply, Verb};
use crate::claude::settings::{self, SettingsFile, SettingsScope};
use crate::install::entries::{Kept, STATUS_LINE, entry_invocation};
use crate::install::settings_edit::{Additions, foreign_status_line};
use crate::install::{PATIENCE, carry_out, own_path, plan, summary, sweep};
use crate::machine::Machine;
use crate::places::Places;
use crate::render::Report;
use crate::terminal::{Shown, Tone, cut, is_seen_by_person, print};

/// Arguments of `whycap install`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/install.txt"))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch on the command line"
)]
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

const SHARED: &str = "this file is usually shared; others need whycap at the same path. --scope local keeps it to you";

/// What is asked about a status line that is not ours.
const QUESTION: &str = include_str!("help/keep_status_line.txt");

impl Verb for InstallArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let places = &machine.places;
        let directory = std::env::current_dir().unwrap_or_else(|_| places.home.clone());
        let path = settings::path_of(self.scope, places, &directory);
        let both = self.statusline == self.hooks;
        let (dry_run, status_line) = (self.dry_run, both || self.statusline);
        let wanted = Additions {
            program: &own_path::of_process(&machine.environment)?,
            status_line,
            hooks: both || self.hooks,
            keep: match (self.wrap, self.replace) {
                (true, _) => Some(Kept::Wrapped),
                (_, true) => Some(Kept::SetAside),
                _ if status_line && !dry_run => ask(&path)?,
                _ => None,
            },
        };
        if !dry_run {
            sweep(places, &path, machine.environment.now);
        }
        let make = || plan::install(places, &path, wanted);
        let plan = carry_out(places, PATIENCE, dry_run, make)?;
        let mut report = Report::default();
        summary::add(&plan, &path, dry_run, places, &mut report);
        for note in afterthoughts(places, &directory, self.scope, &path) {
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

/// Asks what to do about a status line that is not ours, if there is somebody to ask.
fn ask(path: &Path) -> anyhow::Result<Option<Kept>> {
    let contents = SettingsFile::read(SettingsScope::User, path.to_owned());
    let found = contents.settings().and_then(foreign_status_line);
    let (Some(command), true) = (found, io::stdin().is_terminal() && is_seen_by_person()) else {
        return Ok(None);
    };
    let question = QUESTION.replace("{command}", &cut(&command, 60));
    print(&Shown::text(question.trim_end_matches('\n')))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(match answer.trim() {
        "k" | "K" => Some(Kept::Wrapped),
        "s" | "S" => Some(Kept::SetAside),
        _ => None,
    })
}

/// What keeps the installation from taking effect, or concerns others.
fn afterthoughts(
    places: &Places,
    directory: &Path,
    scope: SettingsScope,
    path: &Path,
) -> Vec<String> {
    let files = settings::of(places, Some(directory));
    let mut notes = Vec::new();
    if let Some((winner, entry)) = settings::winner(&files, "statusLine")
        && winner.path != path
        && entry_invocation(entry, STATUS_LINE).is_none()
    {
        notes.push(format!(
            "in this folder {} has another status line, and it wins",
            places.show(&winner.path)
        ));
    }
    for file in &files {
        let place = places.show(&file.path);
        if file.is_true("disableAllHooks") {
            notes.push(format!(
                "{place} sets disableAllHooks: no hook and no status line will run until it is taken out"
            ));
        }
        if let Err(why) = &file.contents {
            notes.push(format!("{place}: {why}"));
        }
    }
    if scope == SettingsScope::Project {
        notes.push(SHARED.to_owned());
    }
    notes
}
