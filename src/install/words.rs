//! The text shown by an installation: the question about an existing status line and the report of the changes.

use std::collections::HashMap;
use std::io::{self, BufRead, IsTerminal};
use std::path::Path;

use super::changes::{Change, ChangeKind, Step};
use super::entries::{KeepPurpose, REFRESH_SECONDS, STATUS_LINE, entry_invocation};
use super::plan::InstallPlan;
use super::preview;
use super::settings_edit::previous_status_line;
use crate::claude::settings::{self, SettingsFile, SettingsScope};
use crate::embedded;
use crate::paths::Paths;
use crate::render::{Argument, Report, fill_template};
use crate::terminal::{Shown, Tone, is_stdout_terminal, print, truncate};

/// The note about settings that are usually checked in to a repository.
const SHARED: &str = "this file is usually shared with other people, who would need whycap at the same path; to change only your own settings, use --scope local";

/// The question about an existing status line.
const QUESTION: &str = include_str!("keep_status_line.txt");

/// Adds a plan's changes to a report. In a dry run, the report describes what would happen.
pub(crate) fn add(plan: &InstallPlan, settings: &Path, dry_run: bool, report: &mut Report) {
    if plan.changes.iter().all(Change::is_left_unchanged) {
        report.indented_paragraph(2, Tone::Plain, "no changes needed");
    }

    let sentence_of = sentences();
    let would = if dry_run { "would be " } else { "" };
    for Change { kind, subject } in &plan.changes {
        let sentence = sentence_of.get(kind).map_or("", String::as_str);
        let fillings: [Argument<'_>; 3] = [
            ("would", &would),
            ("subject", subject),
            ("seconds", &REFRESH_SECONDS),
        ];
        for line in fill_template(sentence, &fillings).lines() {
            report.indented_paragraph(2, Tone::Plain, line);
        }
    }

    if dry_run {
        for step in &plan.steps {
            match step {
                Step::Change(change) if change.path == settings => preview::add(change, report),
                _ => {}
            }
        }
    }
    for note in &plan.notes {
        report.indented_paragraph(2, Tone::Plain, note);
    }
}

/// Returns a sentence for each kind of change. A test verifies that none is missing.
fn sentences() -> HashMap<ChangeKind, String> {
    embedded::parse("install/changes.json", include_str!("changes.json"))
}

/// Asks the user what to do about an existing status line. Returns `None` if there is none, if there is no user to ask,
/// or if the user wants to leave it alone.
pub(crate) fn ask(path: &Path) -> anyhow::Result<Option<KeepPurpose>> {
    let file = SettingsFile::read(SettingsScope::User, path.to_owned());
    let Some(command) = file.settings().and_then(previous_status_line) else {
        return Ok(None);
    };
    if !io::stdin().is_terminal() || !is_stdout_terminal() {
        return Ok(None);
    }

    let question = QUESTION.replace("{command}", &truncate(&command, 60));
    print(&Shown::text(question.trim_end_matches('\n')))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(match answer.trim() {
        "k" | "K" => Some(KeepPurpose::ShowAbove),
        "s" | "S" => Some(KeepPurpose::RestoreOnUninstall),
        _ => None,
    })
}

/// Returns notes about settings that affect other people or that prevent the installation from taking effect in this
/// folder.
pub(crate) fn afterthoughts(paths: &Paths, folder: &Path, scope: SettingsScope) -> Vec<String> {
    let path = settings::path_of(scope, paths, folder);
    let files = settings::of(paths, Some(folder));
    let mut notes = Vec::new();

    if let Some((file, entry)) = settings::effective_value(&files, "statusLine")
        && file.path != path
        && entry_invocation(entry, STATUS_LINE).is_none()
    {
        notes.push(format!(
            "in this folder, the status line in {} takes precedence",
            paths.show(&file.path)
        ));
    }
    for file in &files {
        let shown = paths.show(&file.path);
        if file.is_true("disableAllHooks") {
            notes.push(format!(
                "{shown} sets disableAllHooks, so hooks and the status line do not run until you remove that setting"
            ));
        }
        if let Err(why) = &file.contents {
            notes.push(format!("{shown}: {why}"));
        }
    }
    if scope == SettingsScope::Project {
        notes.push(SHARED.to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_has_its_sentence() {
        let sentences = sentences();
        assert_eq!(
            sentences.len(),
            ChangeKind::SlashCommandRemoved as usize + 1
        );
        for text in sentences.values() {
            for place in text.split('{').skip(1) {
                let place = place.split('}').next().unwrap();
                assert!(["would", "subject", "seconds"].contains(&place), "{text}");
            }
        }
    }
}
