//! Reads the files that an installation concerns and says, step by step, what is to be done.
//! Planning changes nothing, so `--dry-run` is a plan that is shown and dropped.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::edit::Undo;
use super::ours::{self, Kept};
use super::record::{self, Layer, Original, Record};
use super::steps::Step;
use super::wiring::{self, Change, Wanted};
use crate::claude::settings;
use crate::places::Places;

/// The `/whycap` command. Its text is what the model gets if our hook did not answer first.
const SLASH_COMMAND: &str = include_str!("whycap-command.md");

/// Appended to the name of the settings file for the backup beside it.
const BACKUP_SUFFIX: &str = ".whycap-backup";

/// What will be done, and how to tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// What happens to the settings.
    pub changes: Vec<Change>,
    /// What is put into the settings text, and what it takes the place of.
    pub replaced: Vec<(String, String)>,
    /// What else is worth saying, one sentence each.
    pub notes: Vec<String>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether this file is made.
    pub fn creates(&self, path: &Path) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step, Step::Create(created, _) if created == path))
    }

    /// Whether a step concerns this file.
    pub fn touches(&self, path: &Path) -> bool {
        self.steps.iter().any(|step| step.path() == path)
    }
}

/// Where the `/whycap` command is put.
pub fn slash_command_path(places: &Places) -> PathBuf {
    places.config.join("commands/whycap.md")
}

/// Where the backup of a settings file is put.
pub fn backup_path(settings: &Path) -> PathBuf {
    let mut name = settings.as_os_str().to_owned();
    name.push(BACKUP_SUFFIX);
    PathBuf::from(name)
}

/// The text of a settings file. None if there is none.
pub fn text_of(path: &Path) -> anyhow::Result<Option<String>> {
    let Some(bytes) = settings::bytes(path)? else {
        return Ok(None);
    };
    String::from_utf8(bytes).map(Some).map_err(|error| {
        anyhow::anyhow!(
            "{} is not UTF-8 (byte {}); it was left alone",
            path.display(),
            error.utf8_error().valid_up_to()
        )
    })
}

/// Refuses a file that must not be written, before the first step rather than at the last. A
/// rename would get past a missing write permission; the permission is meant, though.
fn check_writable(path: &Path) -> anyhow::Result<()> {
    if std::fs::metadata(path).is_ok_and(|file| file.permissions().readonly()) {
        bail!(
            "{} is read-only; make it writable (chmod u+w) and try again",
            path.display()
        );
    }
    Ok(())
}

/// Plans adding whycap to the settings file at `path`.
pub fn install(places: &Places, path: &Path, wanted: Wanted<'_>) -> anyhow::Result<Plan> {
    let present = text_of(path)?;
    let text = present.clone().unwrap_or_default();
    let outcome = wiring::add(&text, wanted).with_context(|| left_alone(path))?;
    if outcome.text.len() as u64 > settings::SIZE_LIMIT {
        bail!(
            "{} would grow past the 2 MiB that Claude Code reads; it was left alone",
            path.display()
        );
    }
    let mut plan = Plan {
        changes: outcome.changes,
        replaced: shown(&outcome.text, &outcome.undo),
        ..Plan::default()
    };
    let mut record = Record::load(places, path);
    let mut record_changed = false;
    if outcome.text != text {
        check_writable(path)?;
        if let Some(before) = &present {
            let backup = backup_path(path);
            if !backup.exists() {
                plan.notes.push(format!("backup: {}", places.show(&backup)));
                plan.steps
                    .push(Step::Create(backup, before.clone().into_bytes()));
            }
        }
        if !record.continues(&text) {
            // Either the first time, or a person edited in between: from here on, this is the
            // state that counts as found.
            let found: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            record.stays = wiring::empty_containers(&found);
        }
        if plan.changes.contains(&Change::StatusLineAdded) {
            record.status_line = None;
        }
        record.layers.push(Layer {
            after: record::fingerprint(&outcome.text),
            existed: present.is_some(),
            undo: outcome.undo,
        });
        record_changed = true;
    }
    let after: serde_json::Value =
        serde_json::from_str(outcome.text.trim_start_matches('\u{feff}')).unwrap_or_default();
    let entry = after.get("statusLine");
    let kept = entry
        .filter(|entry| ours::entry_invocation(entry, ours::HostVerb::StatusLine).is_some())
        .and_then(|entry| Kept::in_entry(|key| entry.get(key)));
    if let Some((kept, foreign)) = kept {
        let source = raw_kept(&outcome.text, kept).unwrap_or_else(|| foreign.to_string());
        let wrapped = record::wrapped_path(places, path);
        if let Some(command) = record::wrapped_command(kept, &source)
            && !wrapped.exists()
        {
            plan.steps
                .push(Step::Directory(record::wrapped_directory(places)));
            let bytes = serde_json::to_vec(&command)?;
            // Before the settings: from the moment that our line is drawn, it must find this.
            plan.steps.push(Step::WriteOwn(wrapped, bytes));
        }
        if record.status_line.as_deref() != Some(source.as_str()) {
            record.status_line = Some(source);
            record_changed = true;
        }
    }
    let command = slash_command_path(places);
    let mut needed = Vec::new();
    if outcome.text != text {
        needed.extend(missing_directories(path));
    }
    if wanted.hooks && !command.exists() {
        needed.extend(missing_directories(&command));
    }
    needed.retain(|directory| !record.made_directories.contains(directory));
    needed.dedup();
    if record_changed || !needed.is_empty() {
        record.made_directories.extend(needed);
        push_record(&mut plan, places, path, &record);
    }
    if outcome.text != text {
        if let Some(parent) = path.parent().filter(|parent| !parent.exists()) {
            plan.steps.push(Step::Directory(parent.to_owned()));
        }
        plan.steps.push(Step::Replace {
            path: path.to_owned(),
            expected: present.map(String::into_bytes),
            bytes: outcome.text.into_bytes(),
        });
    }
    if wanted.hooks {
        plan_slash_command(places, &mut plan)?;
    }
    Ok(plan)
}

/// The kept entry as it is spelled in the settings text.
fn raw_kept(text: &str, kept: Kept) -> Option<String> {
    let root = super::document::scan(text).ok()?;
    let node = root.get("statusLine")?.get(kept.key())?;
    text.get(node.span.clone()).map(str::to_owned)
}

fn push_record(plan: &mut Plan, places: &Places, path: &Path, record: &Record) {
    let file = record::path_of(places, path);
    let directory = file.parent().unwrap_or(&places.data).to_owned();
    plan.steps.push(Step::Directory(directory));
    plan.steps.push(Step::WriteOwn(file, record.to_bytes()));
}

/// The directories above `path` that do not exist yet, outermost first.
fn missing_directories(path: &Path) -> Vec<PathBuf> {
    let mut missing: Vec<_> = path
        .ancestors()
        .skip(1)
        .take_while(|directory| !directory.exists())
        .map(Path::to_owned)
        .collect();
    missing.reverse();
    missing
}

fn plan_slash_command(places: &Places, plan: &mut Plan) -> anyhow::Result<()> {
    let path = slash_command_path(places);
    match text_of(&path)? {
        Some(text) if text == SLASH_COMMAND => {}
        Some(_) => plan.notes.push(format!(
            "{} holds another /whycap; it stays, and `whycap explain` in a shell does the same",
            places.show(&path)
        )),
        None => {
            let directory = path.parent().unwrap_or(&places.config).to_owned();
            if !directory.exists() {
                plan.steps.push(Step::Directory(directory));
            }
            plan.steps
                .push(Step::Create(path, SLASH_COMMAND.as_bytes().to_vec()));
        }
    }
    Ok(())
}

/// Plans taking whycap out of the settings file at `path`.
pub fn uninstall(places: &Places, path: &Path) -> anyhow::Result<Plan> {
    let record = Record::load(places, path);
    let mut plan = Plan::default();
    let present = text_of(path)?;
    let mut left = present.clone();
    if let Some(text) = &present {
        let kept = record.status_line.as_deref();
        let outcome =
            wiring::remove(text, kept, &record.stays).with_context(|| left_alone(path))?;
        plan.changes = outcome.changes;
        if !plan.changes.is_empty() {
            left = match record.original(text) {
                Some(Original::NoFile) => None,
                // A person may have edited the file between two installations; then the text
                // before the second still holds what the first put in.
                Some(Original::Text(original)) => {
                    Some(wiring::remove(&original, kept, &record.stays)?.text)
                }
                None => Some(outcome.text),
            };
        }
    }
    let backup = backup_path(path);
    if left != present {
        check_writable(path)?;
    }
    if left != present
        && let Some(expected) = present.clone().map(String::into_bytes)
    {
        plan.steps.push(match &left {
            Some(text) => Step::Replace {
                path: path.to_owned(),
                expected: Some(expected),
                bytes: text.clone().into_bytes(),
            },
            None => Step::Remove {
                path: path.to_owned(),
                expected,
            },
        });
    }
    match text_of(&backup) {
        Ok(Some(text)) if left.as_ref() == Some(&text) => plan.steps.push(Step::RemoveOwn(backup)),
        Ok(None) => {}
        _ => plan.notes.push(format!(
            "the settings from before whycap are still in {}",
            places.show(&backup)
        )),
    }
    for own in [
        record::wrapped_path(places, path),
        record::wrapped_path(places, path).with_extension("last"),
    ] {
        if own.exists() {
            plan.steps.push(Step::RemoveOwn(own));
        }
    }
    let others = Record::known_settings(places);
    if others.iter().all(|other| other == path) {
        remove_slash_command(places, &mut plan)?;
    }
    for directory in record.made_directories.iter().rev() {
        if directory.exists() {
            plan.steps.push(Step::RemoveOwnDirectory(directory.clone()));
        }
    }
    let own = record::path_of(places, path);
    if own.exists() {
        plan.steps.push(Step::RemoveOwn(own));
    }
    Ok(plan)
}

fn remove_slash_command(places: &Places, plan: &mut Plan) -> anyhow::Result<()> {
    let path = slash_command_path(places);
    match text_of(&path)? {
        Some(text) if text == SLASH_COMMAND => plan.steps.push(Step::Remove {
            path: path.clone(),
            expected: text.into_bytes(),
        }),
        Some(_) => plan.notes.push(format!(
            "{} is not as whycap wrote it; it stays",
            places.show(&path)
        )),
        None => {}
    }
    Ok(())
}

/// What each change put into the text and what stood there. Later changes may have moved earlier
/// ones, so the places are followed from the last to the first.
fn shown(text: &str, undo: &[Undo]) -> Vec<(String, String)> {
    let mut text = text.to_owned();
    let mut pieces = Vec::new();
    for step in undo.iter().rev() {
        let range = step.at..step.at + step.length;
        pieces.push((
            step.text.clone(),
            text.get(range.clone()).unwrap_or("").to_owned(),
        ));
        text.replace_range(range, &step.text);
    }
    pieces.reverse();
    pieces
}

fn left_alone(path: &Path) -> String {
    format!("{} was left alone", path.display())
}
