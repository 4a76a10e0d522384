//! What an installation changes: the steps on the disk, and what is told of them.

use std::path::PathBuf;

use serde::Deserialize;

/// One thing to do on the disk. A file that is written gets the directories that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Change a file that others may change as well, if it still holds what was read.
    Change(FileChange),
    /// Write a file of ours.
    WriteOwn(PathBuf, Vec<u8>),
    /// Delete a file of ours.
    RemoveOwn(PathBuf),
    /// Delete a directory that we made, if nothing else is in it.
    RemoveOwnDirectory(PathBuf),
}

/// A file and its change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The file.
    pub path: PathBuf,
    /// What it held when the plan was made. None: there was none.
    pub before: Option<String>,
    /// What it shall hold. None: it goes.
    pub after: Option<String>,
}

/// One thing that changed, or that was deliberately left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) kind: ChangeKind,
    /// What it is about: the events of hooks, or how many, a file, a foreign status line's command.
    pub(crate) of: String,
}

/// Kinds of changes, by their names in `changes.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeKind {
    /// Our status line was added where there was none.
    StatusLineAdded,
    /// Ours is below a foreign one.
    StatusLineWrapped,
    /// Ours took the place of a foreign one, which is kept.
    StatusLineSetAside,
    /// A foreign one stays, and ours was not added.
    StatusLineLeft,
    /// Our status line pointed to another program before.
    StatusLineMoved,
    StatusLineRemoved,
    /// Our status line was taken out and the foreign one put back.
    StatusLineRestored,
    HooksAdded,
    /// Our hooks pointed to another program before.
    HooksMoved,
    HooksRemoved,
    SlashCommandAdded,
    SlashCommandRemoved,
}

impl Change {
    pub(super) fn new(kind: ChangeKind, of: &impl ToString) -> Self {
        let of = of.to_string();
        Self { kind, of }
    }

    /// Whether nothing was changed.
    pub(crate) fn is_none(&self) -> bool {
        self.kind == ChangeKind::StatusLineLeft
    }
}
