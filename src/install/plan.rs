//! Plans the steps of an installation or removal. They depend on the current files.
//!
//! Planning does not change anything, so `--dry-run` only makes a plan.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use serde_json::{Value, json};

use super::changes::{Change, ChangeKind, FileChange, PlanStep};
use super::edit_record::{EditRecord, KeepPurpose, PreviousStatusLine};
use super::entries::{InstalledEntries, installed_entries, without_whycap_entries};
use super::settings_edit::{self, Additions};
use crate::claude::settings;
use crate::disk::replace::is_link;
use crate::environment::{Paths, real};
use crate::terminal::Failure;

/// The steps of an installation or removal, and what to report about them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstallPlan {
    /// The steps, in the order in which they must be executed.
    pub steps: Vec<PlanStep>,
    pub(crate) changes: Vec<Change>,
    /// Additional sentences for the user.
    pub(crate) notes: Vec<String>,
    /// The backups that are kept after a removal because they differ from the settings.
    pub(crate) backups: Vec<PathBuf>,
}

impl InstallPlan {
    /// Returns true if there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(super) fn change_file(&mut self, path: &Path, before: Option<&str>, after: Option<&str>) {
        self.steps.push(PlanStep::Change(FileChange {
            path: path.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        }));
    }

    /// Adds a step that deletes one of whycap's files. If it is not a regular file, it is left in place.
    fn remove_own(&mut self, path: PathBuf) {
        if path.is_file() {
            self.steps.push(PlanStep::RemoveOwn(path));
        }
    }

    /// Adds a step that backs up the settings unless there is a backup with the same text.
    fn back_up(&mut self, paths: &Paths, settings: &Path, text: &str) {
        let known_backups = backups(settings);
        let is_backed_up = known_backups
            .iter()
            .any(|backup| settings_text(backup).is_ok_and(|known| known.as_deref() == Some(text)));
        if !is_backed_up {
            let backup = backup_path(settings, known_backups.len() + 1);
            self.notes
                .push(format!("backup: {}", paths.show(&backup)));
            self.change_file(&backup, None, Some(text));
        }
    }
}

/// Plans the installation of whycap in a settings file, and of the plugin for `/whycap` if hooks are added.
///
/// Fails if the settings file cannot be read or written, is not plain JSON, or would become too large for Claude Code.
pub fn install(
    paths: &Paths,
    settings: &Path,
    additions: Additions<'_>,
) -> anyhow::Result<InstallPlan> {
    let current = settings_text(settings)?;
    let text = current.as_deref().unwrap_or_default();
    let edit = settings_edit::add(text, additions).with_context(|| left_alone(settings))?;
    ensure!(
        edit.text.len() as u64 <= settings::SIZE_LIMIT,
        "{} was not changed because it would exceed the 2 MiB that Claude Code reads; make it smaller and try again",
        settings.display()
    );

    let mut plan = InstallPlan::default();
    if edit.text != text {
        check_may_write(paths, settings)?;
        if current.is_some() && entries_of(text) == InstalledEntries::default() {
            plan.back_up(paths, settings, text);
        }
        let mut record = record_of(paths, settings, text);
        let is_new = |change: &Change| change.kind == ChangeKind::StatusLineAdded;
        if edit.previous_line.is_some() || edit.changes.iter().any(is_new) {
            record.previous_line = edit.previous_line;
        }
        record.is_headless = !additions.status_line && entries_of(&edit.text).status_line.is_none();
        // Write the record before the settings, because the first status-line call reads the previous status line from
        // it.
        let bytes = serde_json::to_vec(&record).with_context(|| left_alone(settings))?;
        plan.steps
            .push(PlanStep::WriteOwn(EditRecord::path(paths, settings), bytes));
        plan.change_file(settings, current.as_deref(), Some(&edit.text));
    }
    plan.changes = edit.changes;
    if additions.hooks {
        plan.add_plugin(paths, additions.executable);
    }
    Ok(plan)
}

/// Plans the removal of whycap, or only its status line, from a settings file.
///
/// If only whycap's entries have changed since a backup was made, the backup is restored byte for byte. A file that
/// whycap created is deleted.
pub fn uninstall(paths: &Paths, settings: &Path, only_line: bool) -> anyhow::Result<InstallPlan> {
    let mut plan = InstallPlan::default();
    let current = settings_text(settings)?;
    let mut remaining = current.clone();
    let mut is_last_entry = !only_line;
    if let Some(text) = &current
        && text.contains("whycap")
    {
        let previous = record_of(paths, settings, text).previous_line;
        let edit = settings_edit::remove(text, only_line, previous.as_ref())
            .with_context(|| left_alone(settings))?;
        is_last_entry |= entries_of(&edit.text) == InstalledEntries::default();
        if edit.text != *text {
            check_may_write(paths, settings)?;
            remaining = if is_last_entry {
                plan.restore(settings, edit.text)
            } else {
                Some(edit.text)
            };
            plan.change_file(settings, current.as_deref(), remaining.as_deref());
        }
        plan.changes = edit.changes;
    }
    if !is_last_entry {
        return Ok(plan);
    }

    // An older backup stays if a newer one does, so that their numbers have no gaps.
    for backup in backups(settings).into_iter().rev() {
        if plan.backups.is_empty() && settings_text(&backup).is_ok_and(|text| text == remaining) {
            plan.remove_own(backup);
        } else if backup.is_file() {
            plan.backups.push(backup);
        }
    }
    let record = EditRecord::path(paths, settings);
    plan.remove_own(record);
    Ok(plan)
}

/// The note about settings that have changed since the installation, so no backup is restored.
const KEEPS_LATER_CHANGES: &str =
    "this file has changed since whycap was installed, so only whycap's entries are removed";

impl InstallPlan {
    /// Returns the text that remains of a settings file after the removal of whycap's entries. This is the text of the
    /// newest backup that contains the same settings. Returns `None` to delete the file.
    fn restore(&mut self, settings: &Path, text: String) -> Option<String> {
        let known_backups = backups(settings);
        let others = others_of(&text);
        let original = known_backups
            .iter()
            .rev()
            .filter_map(|backup| settings_text(backup).ok()?)
            .find(|backup| others_of(backup) == others);
        if original.is_some() || (known_backups.is_empty() && others == "{}") {
            return original;
        }
        if !known_backups.is_empty() {
            self.notes.push(KEEPS_LATER_CHANGES.to_owned());
        }
        Some(text)
    }
}

/// Parses the text of a settings file. Text that is not JSON counts as empty settings.
fn parsed(text: &str) -> Value {
    settings::parse(text.as_bytes()).unwrap_or_else(|_| json!({}))
}

fn entries_of(text: &str) -> InstalledEntries {
    installed_entries(&parsed(text))
}

/// Returns the settings without whycap's entries, as text so that the order of the keys matters.
fn others_of(text: &str) -> String {
    without_whycap_entries(&parsed(text)).to_string()
}

/// Returns the record for a settings file with this text. If the record is lost, the newest backup supplies the status
/// line that whycap replaced.
fn record_of(paths: &Paths, settings: &Path, text: &str) -> EditRecord {
    if let Some(record) = EditRecord::load(paths, settings) {
        return record;
    }
    let mut record = EditRecord {
        settings: settings.to_owned(),
        ..EditRecord::default()
    };
    if entries_of(text).status_line.is_some()
        && let Some(backup) = backups(settings).last()
        && let Ok(Some(text)) = settings_text(backup)
        && let Some(entry) = parsed(&text).get("statusLine")
    {
        record.previous_line = Some(PreviousStatusLine {
            purpose: KeepPurpose::RestoreOnUninstall,
            entry: entry.to_string(),
        });
    }
    record
}

/// Returns the backups of a settings file, oldest first. Broken links are included, because their names cannot be reused.
fn backups(settings: &Path) -> Vec<PathBuf> {
    let mut backups = Vec::new();
    loop {
        let path = backup_path(settings, backups.len() + 1);
        if !path.exists() && !is_link(&path) {
            return backups;
        }
        backups.push(path);
    }
}

fn backup_path(settings: &Path, number: usize) -> PathBuf {
    let mut name = settings.as_os_str().to_owned();
    name.push(".whycap-backup");
    if number > 1 {
        name.push(format!("-{number}"));
    }
    PathBuf::from(name)
}

/// Returns the text of a settings file, or `None` if the file does not exist.
fn settings_text(path: &Path) -> anyhow::Result<Option<String>> {
    let Some(bytes) = settings::bytes(path)? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        anyhow!(
            "{} was not changed because it is not UTF-8 (byte {}); save it as UTF-8 and try again",
            path.display(),
            error.utf8_error().valid_up_to()
        )
    })?;
    Ok(Some(text))
}

/// Fails if the settings must not be written. This is checked before the first step.
///
/// A project's settings must not be a link to a file outside the project, because the target was chosen by the
/// project's author. A read-only file could be replaced, but it is left alone.
fn check_may_write(paths: &Paths, path: &Path) -> anyhow::Result<()> {
    let directory = path.parent().unwrap_or(path);
    let project = directory.parent().unwrap_or(directory);
    let link = std::fs::read_link(path);
    let target = real(&link.map_or_else(|_| path.to_owned(), |to| directory.join(to)));

    ensure!(
        path == paths.user_settings() || target.starts_with(real(project)),
        "{} was not changed because it is a symlink to {}, which is outside the project; replace the symlink with a file, or omit --scope",
        path.display(),
        target.display()
    );
    ensure!(
        !std::fs::metadata(path).is_ok_and(|file| file.permissions().readonly()),
        "{} is read-only; make it writable (chmod u+w) and try again",
        path.display()
    );
    Ok(())
}

fn left_alone(path: &Path) -> Failure {
    Failure {
        what: format!("{} was not changed", path.display()),
        advice: "fix the file and try again",
    }
}
