//! Records of the settings files that contain whycap, with the status lines that whycap replaced.
//!
//! A record does not contain the rest of the settings, which may include keys and tokens. Their only copy is the backup
//! beside the settings file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::disk::ownership::is_writable_only_by_user;
use crate::disk::{self, records};
use crate::environment::Paths;

/// The record for a single settings file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EditRecord {
    pub settings: PathBuf,
    /// The user's status line that whycap replaced.
    pub previous_line: Option<PreviousStatusLine>,
    /// True if the user wants only the hooks here, so that the missing status line is no problem.
    #[serde(default)]
    pub is_headless: bool,
}

/// The user's previous `statusLine` entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreviousStatusLine {
    pub purpose: KeepPurpose,
    /// The exact text of the entry in the settings.
    pub entry: String,
}

/// The reason for keeping a status line that whycap's has replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepPurpose {
    /// The existing status line is shown above whycap's.
    ShowAbove,
    /// The existing status line is restored by `uninstall`.
    RestoreOnUninstall,
}

impl PreviousStatusLine {
    /// Returns a member of the entry, such as its command. Returns `None` if the entry has no such member, or if the
    /// status line is not shown above whycap's.
    pub(crate) fn shown(&self, member: &str) -> Option<Value> {
        if self.purpose == KeepPurpose::RestoreOnUninstall {
            return None;
        }
        let entry: Value = serde_json::from_str(&self.entry).ok()?;
        entry.get(member).cloned()
    }
}

fn directory(paths: &Paths) -> PathBuf {
    paths.data.join("install")
}

impl EditRecord {
    /// Returns the path of the record for a settings file.
    pub(crate) fn path(paths: &Paths, settings: &Path) -> PathBuf {
        // A hash is safe to use as a file name and does not reveal the path.
        let id = xxh3_64(settings.as_os_str().as_encoded_bytes());
        directory(paths).join(format!("{id:016x}.json"))
    }

    /// Reads the record for a settings file. Returns `None` if there is none or if it is damaged.
    pub(crate) fn load(paths: &Paths, settings: &Path) -> Option<Self> {
        records::read(&Self::path(paths, settings))
    }

    /// Returns the previous status line if its command is safe to run. Returns `None` if somebody else could have
    /// modified the record.
    pub(crate) fn runnable_status_line(
        paths: &Paths,
        settings: &Path,
    ) -> Option<PreviousStatusLine> {
        let previous = Self::load(paths, settings)?.previous_line?;
        let file = Self::path(paths, settings);
        let is_safe = [file.as_path(), &directory(paths), &paths.data]
            .into_iter()
            .all(is_writable_only_by_user);
        is_safe.then_some(previous)
    }

    /// Returns the settings files that have a record.
    pub(crate) fn known_settings(paths: &Paths) -> Vec<PathBuf> {
        disk::files_with_extension(&directory(paths), "json")
            .filter_map(|path| Some(records::read::<Self>(&path)?.settings))
            .collect()
    }
}
