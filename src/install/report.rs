//! Reports the changes of an installation, and anything that keeps them from taking effect.

use std::collections::HashMap;
use std::path::Path;

use super::changes::{Change, ChangeKind, Step};
use super::command_line::STATUS_LINE;
use super::entries::{REFRESH_SECONDS, entry_invocation};
use super::plan::InstallPlan;
use super::preview;
use crate::claude::settings::{self, SettingsScope};
use crate::embedded;
use crate::paths::Paths;
use crate::render::{Argument, Report, fill_template};
use crate::terminal::Tone;

/// The note about settings that are usually checked in to a repository.
const SHARED: &str = "this file is usually shared with other people, who would need whycap at the same path; to change only your own settings, use --scope local";

/// Adds a plan's changes to a report. In a dry run, the report describes what would happen.
pub(crate) fn add_changes(plan: &InstallPlan, settings: &Path, dry_run: bool, report: &mut Report) {
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
                Step::Change(change) if change.path == settings => {
                    preview::add_entries(change, report);
                }
                _ => {}
            }
        }
    }
    for note in &plan.notes {
        report.indented_paragraph(2, Tone::Plain, note);
    }
}

/// Returns a sentence for each kind of change. A test ensures that none is missing.
fn sentences() -> HashMap<ChangeKind, String> {
    embedded::parse("install/changes.json", include_str!("changes.json"))
}

/// Returns notes about settings that affect other people or keep the installation from taking effect in this folder.
pub(crate) fn notes_about_scope(paths: &Paths, folder: &Path, scope: SettingsScope) -> Vec<String> {
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
        let all = sentences();
        assert_eq!(all.len(), ChangeKind::SlashCommandRemoved as usize + 1);
        for text in all.values() {
            for rest in text.split('{').skip(1) {
                let name = rest.split('}').next().unwrap();
                assert!(["would", "subject", "seconds"].contains(&name), "{text}");
            }
        }
    }
}
