//! The steps that an installation carries out, and the changes that it reports.

use std::path::PathBuf;

use serde::Deserialize;

/// A change to the disk. When a file is written, any missing parent directories are created as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Changes a file that other programs may also change. The step is not carried out if the file no longer matches
    /// the text that was read.
    Change(FileChange),
    /// Writes one of whycap's own files.
    WriteOwn(PathBuf, Vec<u8>),
    /// Deletes one of whycap's own files.
    RemoveOwn(PathBuf),
    /// Deletes a directory that whycap created, if it is empty.
    RemoveOwnDirectory(PathBuf),
}

/// The text of a file before and after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The path of the file.
    pub path: PathBuf,
    /// The text when the plan was made, or `None` if the file did not exist.
    pub before: Option<String>,
    /// The new text, or `None` if the file is deleted.
    pub after: Option<String>,
}

/// A change to report to the user, or something that was deliberately left unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) kind: ChangeKind,
    /// The subject of the change: the hook events, the number of hooks, a path, or a foreign status line's command.
    pub(crate) of: String,
}

/// The kinds of changes. Their names are the keys of `changes.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeKind {
    StatusLineAdded,
    /// whycap's status line was added below a foreign one.
    StatusLineWrapped,
    /// whycap's status line replaced a foreign one, which is saved for `uninstall`.
    StatusLineSetAside,
    /// A foreign status line was left in place, and whycap's was not added.
    StatusLineLeft,
    /// whycap's status line previously called a different program.
    StatusLineMoved,
    StatusLineRemoved,
    /// whycap's status line was removed, and the foreign one was restored.
    StatusLineRestored,
    HooksAdded,
    /// whycap's hooks previously called a different program.
    HooksMoved,
    HooksRemoved,
    SlashCommandAdded,
    SlashCommandUpdated,
    /// The plugin was replaced by the command file, or vice versa.
    SlashCommandReplaced,
    SlashCommandRemoved,
}

impl Change {
    pub(super) fn new(kind: ChangeKind, of: &impl ToString) -> Self {
        Self {
            kind,
            of: of.to_string(),
        }
    }

    /// Returns true if this is something that was deliberately left unchanged.
    pub(crate) fn is_none(&self) -> bool {
        self.kind == ChangeKind::StatusLineLeft
    }
}
