//! The steps of an installation and the changes that it reports.

use std::path::PathBuf;

use serde::Deserialize;

/// A change on disk. Missing parent directories of a new file are created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanStep {
    /// Changes a file that other programs may change, too. The step fails if the file no longer has the expected text.
    Change(FileChange),
    /// Writes one of whycap's own files.
    WriteOwn(PathBuf, Vec<u8>),
    /// Deletes one of whycap's own files.
    RemoveOwn(PathBuf),
    /// Deletes a directory that whycap created, but only if it is empty.
    RemoveOwnDirectory(PathBuf),
}

/// The text of a file before and after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The path of the file.
    pub path: PathBuf,
    /// The text that the plan is based on, or `None` if the file did not exist.
    pub before: Option<String>,
    /// The new text, or `None` to delete the file.
    pub after: Option<String>,
}

/// A change to report to the user, or a status line that was left unchanged on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub kind: ChangeKind,
    /// The subject of the change: the hook events, the number of hooks, a path, or a status line's command.
    pub subject: String,
}

/// The kind of a change. The names are the keys in `changes.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeKind {
    StatusLineAdded,
    /// whycap's status line was added below an existing one.
    StatusLineWrapped,
    /// whycap's status line replaced an existing one, which `uninstall` will restore.
    StatusLineSetAside,
    /// An existing status line was kept, and whycap's was not added.
    StatusLineLeft,
    /// whycap's status line now runs a different executable.
    StatusLineMoved,
    StatusLineRemoved,
    /// whycap's status line was removed, and the user's previous one was restored.
    StatusLineRestored,
    HooksAdded,
    /// whycap's hooks now run a different executable.
    HooksMoved,
    HooksRemoved,
    SlashCommandAdded,
    SlashCommandUpdated,
    SlashCommandRemoved,
}

impl Change {
    pub(super) fn new(kind: ChangeKind, subject: &impl ToString) -> Self {
        Self {
            kind,
            subject: subject.to_string(),
        }
    }

    /// Returns true if a status line was left unchanged on purpose.
    pub(crate) fn is_left_unchanged(&self) -> bool {
        self.kind == ChangeKind::StatusLineLeft
    }
}
