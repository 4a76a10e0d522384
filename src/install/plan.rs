//! Reads the files that an installation concerns and says, step by step, what is to be done.
//! Planning changes nothing, so `--dry-run` is a plan that is shown and dropped.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};

use super::changes::{Change, ChangeKind, FileChange, Step};
use super::edit_record::{EditRecord, fingerprint};
use super::entries::{Wired, is_plugin_among, wired};
use super::settings_edit::{self, Additions};
use crate::claude::settings::{self, SettingsFile};
use crate::disk;
use crate::disk::replace::is_link;
use crate::places::{Places, real};

/// The `/whycap` command. Its text is what the model gets if our hook did not answer first.
const SLASH_COMMAND: &str = include_str!("whycap-command.md");

/// What is said where another command has its name.
const STAYS: &str = "it stays, and `whycap explain` in a shell does the same";

const PLUGIN_IS_ON: &str = "the whycap plugin is on: it answers /whycap, and leaves these hooks the rest; nothing is done twice";

/// What will be done, and how to tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstallPlan {
    /// In this order.
    pub steps: Vec<Step>,
    pub(crate) changes: Vec<Change>,
    /// What else is worth saying, one sentence each.
    pub(crate) notes: Vec<String>,
}

impl InstallPlan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn change(&mut self, path: &Path, before: Option<&str>, after: Option<&str>) {
        self.steps.push(Step::Change(FileChange {
            path: path.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        }));
    }

    /// The change of this kind, if there is one.
    pub(super) fn change_of(&self, kind: ChangeKind) -> Option<&Change> {
        self.changes.iter().find(|change| change.kind == kind)
    }

    fn remove_own(&mut self, path: PathBuf) {
        // A device or a directory of that name is none of ours.
        if path.is_file() {
            self.steps.push(Step::RemoveOwn(path));
        }
    }

    /// Plans that the `/whycap` command is there, or gone. Somebody else's of that name stays.
    fn slash_command(&mut self, places: &Places, is_wanted: bool) -> anyhow::Result<()> {
        let path = slash_command_path(places);
        let (present, is_link) = (text_of(&path)?, is_link(&path));
        let [with, without] = [Some(SLASH_COMMAND), None];
        let (before, after, kind) = if is_wanted {
            (without, with, ChangeKind::SlashCommandAdded)
        } else {
            (with, without, ChangeKind::SlashCommandRemoved)
        };
        let shown = places.show(&path);
        let may_write = disk::may_write_in(path.parent().unwrap_or(&path));
        match present.as_deref() {
            present if present == after => {}
            present if present == before && !is_link && may_write => {
                self.change(&path, before, after);
                self.changes.push(Change::new(kind, &shown));
            }
            _ => self.notes.push(match (is_wanted, is_link) {
                (_, false) if present.as_deref() == before => {
                    format!("{shown} cannot be written: {STAYS}")
                }
                (false, _) => format!("{shown} is not as whycap wrote it; it stays"),
                (true, true) => format!("{shown} is a link; {STAYS}"),
                (true, false) => format!("{shown} holds another /whycap; {STAYS}"),
            }),
        }
        Ok(())
    }

    /// What was there before us always gets a backup; a text with entries of ours only if there is none.
    fn back_up(&mut self, places: &Places, path: &Path, text: &str, untouched: bool) {
        let backups = backups(path);
        let is_there = |backup: &PathBuf| backup.is_file() && (!untouched || holds(backup, text));
        if !backups.iter().any(is_there) {
            let backup = backup_path(path, backups.len() + 1);
            self.notes.push(format!("backup: {}", places.show(&backup)));
            self.change(&backup, None, Some(text));
        }
    }
}

/// Where the `/whycap` command is put.
pub(crate) fn slash_command_path(places: &Places) -> PathBuf {
    places.config.join("commands/whycap.md")
}

/// Plans adding whycap to the settings file at `path`.
pub fn install(places: &Places, path: &Path, wanted: Additions<'_>) -> anyhow::Result<InstallPlan> {
    let present = text_of(path)?;
    let text = present.as_deref().unwrap_or_default();
    let outcome = settings_edit::add(text, wanted).with_context(|| left_alone(path))?;
    ensure!(
        outcome.text.len() as u64 <= settings::SIZE_LIMIT,
        "{} was left alone, for it would grow past the 2 MiB that Claude Code reads; make it smaller and try again",
        path.display()
    );
    let mut plan = InstallPlan::default();
    let stored = EditRecord::load(places, path);
    let mut record = stored.clone();
    let mut new_files = Vec::new();
    if outcome.text != text {
        let said = settings::parse(text.as_bytes());
        let untouched = said.is_ok_and(|said| wired(&said) == Wired::default());
        if let Some(text) = &present {
            plan.back_up(places, path, text, untouched);
        }
        record.note(present.as_deref(), &outcome.text, untouched);
        new_files.push(path);
    }
    plan.changes = outcome.changes;
    // What an earlier line of ours kept is nothing to a new one.
    if outcome.kept.is_some() || plan.change_of(ChangeKind::StatusLineAdded).is_some() {
        record.kept = outcome.kept;
    }
    let command = slash_command_path(places);
    let has_plugin = is_plugin_among(SettingsFile::of_user(places).get("enabledPlugins"));
    if wanted.hooks && !has_plugin && !command.exists() {
        new_files.push(&command);
    }
    for directory in new_files.into_iter().flat_map(missing_directories) {
        if !record.made_directories.contains(&directory) {
            record.made_directories.push(directory);
        }
    }
    if record != stored {
        // Before the settings: from the moment that our line is drawn, it must find what is kept.
        let file = EditRecord::path(places, path);
        let bytes = serde_json::to_vec(&record).with_context(|| left_alone(path))?;
        plan.steps.push(Step::WriteOwn(file, bytes));
    }
    if outcome.text != text {
        check_may_write(places, path)?;
        plan.change(path, present.as_deref(), Some(&outcome.text));
    }
    if wanted.hooks && has_plugin {
        plan.notes.push(PLUGIN_IS_ON.to_owned());
        // A command file outranks what the plugin registers, and would end Claude Code's waiting for a reset.
        if text_of(&command)?.as_deref() == Some(SLASH_COMMAND) {
            plan.slash_command(places, false)?;
        }
    } else if wanted.hooks {
        plan.slash_command(places, true)?;
    }
    Ok(plan)
}

/// Plans taking whycap out of the settings file at `path`, or only its status line.
pub fn uninstall(places: &Places, path: &Path, only_line: bool) -> anyhow::Result<InstallPlan> {
    let record = EditRecord::load(places, path);
    let backups = backups(path);
    let texts = backups.iter().filter_map(|backup| text_of(backup).ok()?);
    let texts: Vec<String> = texts.collect();
    let is_before = |text: &&String| record.before == Some(fingerprint(text));
    let before = texts.iter().find(is_before);
    let mut plan = InstallPlan::default();
    let present = text_of(path)?;
    let mut left = present.clone();
    if let Some(text) = present.as_ref().filter(|text| text.contains("whycap")) {
        let kept = record.kept.as_ref().map(|kept| kept.entry.as_str());
        let before_us = before.or(texts.first());
        let said = before_us.and_then(|text| settings::parse(text.as_bytes()).ok());
        let outcome = settings_edit::remove(text, only_line, kept, said.as_ref());
        let outcome = outcome.with_context(|| left_alone(path))?;
        // Where nobody else wrote since, what was there before comes back as it was.
        let is_all_of_ours = !only_line && !outcome.changes.is_empty();
        let is_exact = record.made(text) && before.is_some() == record.before.is_some();
        let exact = (is_all_of_ours && is_exact).then(|| before.cloned());
        left = exact.unwrap_or(Some(outcome.text));
        plan.changes = outcome.changes;
    }
    if left != present {
        check_may_write(places, path)?;
        plan.change(path, present.as_deref(), left.as_deref());
    }
    if only_line {
        return Ok(plan);
    }
    for backup in backups {
        if left.as_ref().is_some_and(|left| holds(&backup, left)) {
            plan.remove_own(backup);
        } else if backup.is_file() {
            let shown = places.show(&backup);
            let still = format!("the settings from before whycap are still in {shown}");
            plan.notes.push(still);
        }
    }
    let mut others = EditRecord::known_settings(places).into_iter();
    if others.all(|other| other == path) {
        plan.slash_command(places, false)?;
    }
    let made = record.made_directories.into_iter().rev();
    let made = made.filter(|directory| directory.exists());
    plan.steps.extend(made.map(Step::RemoveOwnDirectory));
    let file = EditRecord::path(places, path);
    plan.remove_own(file.with_extension("last"));
    plan.remove_own(file);
    Ok(plan)
}

/// The backups beside a settings file.
fn backups(settings: &Path) -> Vec<PathBuf> {
    let paths = (1..).map(|number| backup_path(settings, number));
    // A link that leads nowhere takes the name as well.
    let is_taken = |path: &PathBuf| path.exists() || is_link(path);
    paths.take_while(is_taken).collect()
}

fn backup_path(settings: &Path, number: usize) -> PathBuf {
    let mut name = settings.as_os_str().to_owned();
    name.push(".whycap-backup");
    if number > 1 {
        name.push(format!("-{number}"));
    }
    PathBuf::from(name)
}

fn holds(backup: &Path, text: &str) -> bool {
    text_of(backup).is_ok_and(|held| held.as_deref() == Some(text))
}

/// The text of a settings file. None if there is none.
fn text_of(path: &Path) -> anyhow::Result<Option<String>> {
    settings::bytes(path)?.map(String::from_utf8).transpose().map_err(|error| {
        let (shown, place) = (path.display(), error.utf8_error().valid_up_to());
        anyhow!(
            "{shown} was left alone, for it is not UTF-8 (byte {place}); save it as UTF-8 and try again"
        )
    })
}

/// Refuses a file that must not be written, before the first step rather than at the last: a project's settings that
/// lead out of the project, for who wrote the project chose where; and one without the right to write it. A rename
/// would get past that; it is meant, though.
fn check_may_write(places: &Places, path: &Path) -> anyhow::Result<()> {
    let directory = path.parent().unwrap_or(path);
    let project = directory.parent().unwrap_or(directory);
    let target = std::fs::read_link(path);
    let leads_to = target.map_or_else(|_| path.to_owned(), |target| directory.join(target));
    let (shown, leads_to) = (path.display(), real(&leads_to));
    ensure!(
        path == places.user_settings() || leads_to.starts_with(real(project)),
        "{shown} was left alone, for it leads out of the project to {}; replace that link by a file, or leave out --scope",
        leads_to.display()
    );
    ensure!(
        !std::fs::metadata(path).is_ok_and(|file| file.permissions().readonly()),
        "{shown} is read-only; make it writable (chmod u+w) and try again"
    );
    Ok(())
}

/// The directories above `path` that do not exist yet, outermost first.
fn missing_directories(path: &Path) -> Vec<PathBuf> {
    let above = path.ancestors().skip(1);
    let missing = above.take_while(|directory| !directory.exists());
    let mut missing: Vec<_> = missing.map(Path::to_owned).collect();
    missing.reverse();
    missing
}

fn left_alone(path: &Path) -> String {
    let shown = path.display();
    format!("{shown} was left alone; fix it there and try again")
}
