//! Plans the steps of an installation or removal. They depend on the current files.
//!
//! Planning does not change anything, so `--dry-run` only makes a plan.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use serde_json::{Value, json};

use super::changes::{Change, ChangeKind, FileChange, Step};
use super::command_line::{HOOK, invocation};
use super::edit_record::{EditRecord, fingerprint};
use super::entries::{InstalledEntries, installed_entries, without_whycap_entries};
use super::made_directories::missing_directories;
use super::settings_edit::{self, Additions};
use super::slash_command::SlashCommandPlan;
use crate::claude::settings::{self, SettingsFile};
use crate::disk::replace::is_link;
use crate::paths::{Paths, real};

/// The steps of an installation or removal, and what to report about them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstallPlan {
    /// The steps, in the order in which they must be executed.
    pub steps: Vec<Step>,
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

    /// Returns the change of this kind in the plan, or `None` if there is none.
    pub(super) fn change_of(&self, kind: ChangeKind) -> Option<&Change> {
        self.changes.iter().find(|change| change.kind == kind)
    }

    fn change_file(&mut self, path: &Path, before: Option<&str>, after: Option<&str>) {
        self.steps.push(Step::Change(FileChange {
            path: path.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        }));
    }

    /// Adds a step that stores the edit record of a settings file.
    fn store_record(
        &mut self,
        paths: &Paths,
        settings: &Path,
        record: &EditRecord,
    ) -> anyhow::Result<()> {
        let file = EditRecord::path(paths, settings);
        let bytes = serde_json::to_vec(record).with_context(|| left_alone(settings))?;
        self.steps.push(Step::WriteOwn(file, bytes));
        Ok(())
    }

    /// Adds a step that deletes one of whycap's files. If it is not a regular file, it is left in place.
    fn remove_own(&mut self, path: PathBuf) {
        if path.is_file() {
            self.steps.push(Step::RemoveOwn(path));
        }
    }

    /// Adds a step that backs up the settings.
    ///
    /// The user's original text, without whycap's entries, is always backed up. Any other text is backed up only if
    /// there is no backup yet.
    fn back_up(&mut self, paths: &Paths, settings: &Path, text: &str, is_original: bool) {
        let known_backups = backups(settings);
        let is_backed_up = known_backups
            .iter()
            .any(|backup| backup.is_file() && (!is_original || has_text(backup, text)));

        if !is_backed_up {
            let backup = backup_path(settings, known_backups.len() + 1);
            self.notes.push(format!("backup: {}", paths.show(&backup)));
            self.change_file(&backup, None, Some(text));
        }
    }

    fn add_slash_command(&mut self, slash_command: SlashCommandPlan) {
        let files = slash_command.files.into_iter().map(Step::Change);
        let directories = slash_command.directories.into_iter();
        self.steps.extend(files);
        self.steps.extend(directories.map(Step::RemoveOwnDirectory));
        self.changes.extend(slash_command.changes);
        self.notes.extend(slash_command.notes);
    }
}

/// Plans the installation of whycap in a settings file.
///
/// Fails if the settings file cannot be read or written, is not plain JSON, or would become too large for Claude Code.
pub fn install(
    paths: &Paths,
    settings: &Path,
    additions: Additions<'_>,
) -> anyhow::Result<InstallPlan> {
    let current = settings_text(settings)?;
    let text = current.as_deref().unwrap_or_default();
    let outcome = settings_edit::add(text, additions).with_context(|| left_alone(settings))?;
    ensure!(
        outcome.text.len() as u64 <= settings::SIZE_LIMIT,
        "{} was not changed because it would exceed the 2 MiB that Claude Code reads; make it smaller and try again",
        settings.display()
    );
    let slash_command = match additions.slash_command {
        Some(way) => SlashCommandPlan::install(paths, way, &executable_path(additions.executable)),
        None => SlashCommandPlan::default(),
    };
    let is_changed = outcome.text != text;

    let mut plan = InstallPlan::default();
    let stored = EditRecord::load(paths, settings);
    let mut record = stored.clone();
    if is_changed {
        let parsed = settings::parse(text.as_bytes()).ok();
        let is_original = parsed
            .as_ref()
            .is_some_and(|parsed| installed_entries(parsed) == InstalledEntries::default());
        // Settings that contain only whycap's entries are not the user's: restoring them would bring whycap back.
        let is_of_whycap = !is_original
            && parsed.is_some_and(|parsed| without_whycap_entries(&parsed) == json!({}));
        if let Some(text) = &current
            && !is_of_whycap
        {
            plan.back_up(paths, settings, text, is_original);
        }
        record.record_write(current.as_deref(), &outcome.text, is_original);
    }
    plan.changes = outcome.changes;

    // If whycap's status line is new, a status line that an earlier installation preserved is obsolete.
    if outcome.previous_line.is_some() || plan.change_of(ChangeKind::StatusLineAdded).is_some() {
        record.previous_line = outcome.previous_line;
    }

    let new_files = slash_command
        .files
        .iter()
        .filter(|file| file.after.is_some())
        .map(|file| file.path.as_path())
        .chain(is_changed.then_some(settings));
    for directory in new_files.flat_map(missing_directories) {
        if !record.made_directories.contains(&directory) {
            record.made_directories.push(directory);
        }
    }
    record.made_directories.sort();
    if record != stored {
        // Write the record before the settings, because the first status-line call reads the previous status line from
        // it.
        plan.store_record(paths, settings, &record)?;
    }
    if is_changed {
        check_may_write(paths, settings)?;
        plan.change_file(settings, current.as_deref(), Some(&outcome.text));
    }
    plan.add_slash_command(slash_command);
    Ok(plan)
}

/// Plans the removal of whycap, or only its status line, from a settings file. `earlier` contains the plans for other
/// settings files, which have been executed unless this is a dry run.
pub fn uninstall(
    paths: &Paths,
    settings: &Path,
    only_line: bool,
    earlier: &BTreeMap<PathBuf, InstallPlan>,
) -> anyhow::Result<InstallPlan> {
    let record = EditRecord::load(paths, settings);
    let mut plan = InstallPlan::default();
    let current = settings_text(settings)?;
    let mut remaining = current.clone();
    if let Some(text) = &current
        && text.contains("whycap")
    {
        let removal = Removal::plan(settings, text, only_line, &record)?;
        remaining = removal.text;
        plan.changes = removal.changes;
        if removal.keeps_later_changes {
            plan.notes.push(KEEPS_LATER_CHANGES.to_owned());
        }
    }
    if remaining != current {
        check_may_write(paths, settings)?;
        // `/whycap line off` must record its change so that a later `uninstall` can restore the original settings.
        if let Some(remaining) = &remaining
            && only_line
        {
            let mut with_removal = record.clone();
            with_removal.record_write(current.as_deref(), remaining, false);
            if with_removal != record {
                plan.store_record(paths, settings, &with_removal)?;
            }
        }
        plan.change_file(settings, current.as_deref(), remaining.as_deref());
    }
    if only_line {
        return Ok(plan);
    }

    for backup in backups(settings) {
        if remaining
            .as_ref()
            .is_some_and(|text| has_text(&backup, text))
        {
            plan.remove_own(backup);
        } else if backup.is_file() {
            plan.backups.push(backup);
        }
    }
    let is_slash_command_removed = earlier
        .values()
        .any(|plan| plan.change_of(ChangeKind::SlashCommandRemoved).is_some());
    if !is_slash_command_removed && !is_used_elsewhere(paths, settings, earlier) {
        plan.add_slash_command(SlashCommandPlan::uninstall(paths));
    }
    plan.steps.extend(
        record
            .made_directories
            .into_iter()
            .rev()
            .filter(|directory| directory.exists())
            .map(Step::RemoveOwnDirectory),
    );
    let file = EditRecord::path(paths, settings);
    plan.remove_own(file.with_extension("last"));
    plan.remove_own(file);
    Ok(plan)
}

/// The note about settings that have changed since the installation, so the original is not restored.
const KEEPS_LATER_CHANGES: &str =
    "this file has changed since whycap was installed, so only whycap's entries are removed";

/// The settings after whycap has been removed.
struct Removal {
    /// The remaining text, or `None` to delete the file.
    text: Option<String>,
    changes: Vec<Change>,
    /// True if all of whycap's entries are removed, but the text differs from the original.
    keeps_later_changes: bool,
}

impl Removal {
    /// Plans the removal of whycap's entries from the text of a settings file.
    ///
    /// If the text has not changed since whycap wrote it, the original is restored byte for byte. Otherwise, only
    /// whycap's entries are removed.
    fn plan(
        settings: &Path,
        text: &str,
        only_line: bool,
        record: &EditRecord,
    ) -> anyhow::Result<Self> {
        let backup_texts: Vec<String> = backups(settings)
            .iter()
            .filter_map(|backup| settings_text(backup).ok()?)
            .collect();
        let original = backup_texts
            .iter()
            .find(|backup| record.original == Some(fingerprint(backup)));

        let previous_line = record
            .previous_line
            .as_ref()
            .map(|line| line.entry.as_str());
        let original_settings: Option<Value> = original
            .or(backup_texts.first())
            .and_then(|backup| settings::parse(backup.as_bytes()).ok());
        let outcome =
            settings_edit::remove(text, only_line, previous_line, original_settings.as_ref())
                .with_context(|| left_alone(settings))?;

        let is_all_removed = !only_line && !outcome.changes.is_empty();
        let is_original_known = original.is_some() == record.original.is_some();
        let text = if is_all_removed && record.wrote(text) && is_original_known {
            original.cloned()
        } else {
            Some(outcome.text)
        };
        let keeps_later_changes = is_all_removed && original.is_some() && text.as_ref() != original;
        Ok(Self {
            text,
            changes: outcome.changes,
            keeps_later_changes,
        })
    }
}

/// Returns true if `/whycap` is still needed because whycap is also installed in another settings file. Files with
/// `earlier` plans do not count.
fn is_used_elsewhere(
    paths: &Paths,
    settings: &Path,
    earlier: &BTreeMap<PathBuf, InstallPlan>,
) -> bool {
    let is_other = |path: &PathBuf| path != settings && !earlier.contains_key(path);
    let user = SettingsFile::of_user(paths);
    let is_in_user_settings = is_other(&user.path)
        && user
            .settings()
            .is_some_and(|settings| installed_entries(settings) != InstalledEntries::default());

    is_in_user_settings || EditRecord::known_settings(paths).iter().any(is_other)
}

/// Returns the path of an executable that is quoted for the shell.
fn executable_path(executable: &str) -> String {
    match invocation(&format!("{executable} {HOOK}"), HOOK) {
        Some(invocation) => invocation.executable,
        None => executable.to_owned(),
    }
}

/// Returns the backups of a settings file, oldest first. They include broken links, whose names are taken, too.
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

fn has_text(backup: &Path, text: &str) -> bool {
    settings_text(backup).is_ok_and(|contents| contents.as_deref() == Some(text))
}

/// Returns the text of a settings file, or `None` if the file does not exist.
fn settings_text(path: &Path) -> anyhow::Result<Option<String>> {
    let Some(bytes) = settings::bytes(path)? else {
        return Ok(None);
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => Err(anyhow!(
            "{} was not changed because it is not UTF-8 (byte {}); save it as UTF-8 and try again",
            path.display(),
            error.utf8_error().valid_up_to()
        )),
    }
}

/// Fails if the settings must not be written. This is checked before the first step.
///
/// A project's settings must not be a link to a file outside the project, because the target was chosen by the
/// project's author. A read-only file could be replaced, but it is left alone.
fn check_may_write(paths: &Paths, path: &Path) -> anyhow::Result<()> {
    let directory = path.parent().unwrap_or(path);
    let project = directory.parent().unwrap_or(directory);
    let target = match std::fs::read_link(path) {
        Ok(target) => real(&directory.join(target)),
        Err(_) => real(path),
    };

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

fn left_alone(path: &Path) -> String {
    format!(
        "{} was not changed; fix the file and try again",
        path.display()
    )
}
