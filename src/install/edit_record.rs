//! Records of the changes to settings files, so that `uninstall` can undo them exactly.
//!
//! A record contains fingerprints, not the settings themselves, which may contain keys and tokens. The only copy of the
//! settings is the backup next to the file. The only entry that is recorded in full is a status line that whycap
//! replaced.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::command_line::STATUS_LINE;
use super::entries::{KeepPurpose, entry_invocation};
use crate::disk::ownership::is_writable_only_by_user;
use crate::disk::{self, records};
use crate::paths::Paths;

/// The record for a single settings file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EditRecord {
    pub(crate) settings: PathBuf,
    /// The fingerprint of the original text, or `None` if there was no file. The text itself is in a backup.
    #[serde(rename = "before")]
    pub(crate) original: Option<String>,
    /// The fingerprints of all versions that whycap has written since the original. A fingerprint is recorded before
    /// its version is written. After a crash, the file may therefore contain any of these versions.
    #[serde(rename = "made")]
    written_fingerprints: Vec<String>,
    /// The previous status line that whycap replaced.
    #[serde(rename = "kept")]
    pub(crate) previous_line: Option<PreviousStatusLine>,
    /// The directories that whycap created, outermost first.
    pub(crate) made_directories: Vec<PathBuf>,
}

/// The user's previous `statusLine` entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreviousStatusLine {
    #[serde(rename = "how")]
    pub(crate) purpose: KeepPurpose,
    /// The exact text of the entry in the settings.
    pub(crate) entry: String,
}

impl PreviousStatusLine {
    /// Returns the command whose output is shown above whycap's status line. Returns `None` if the entry is only kept
    /// for `uninstall`.
    pub(crate) fn shown_command(&self) -> Option<String> {
        let entry: Value = serde_json::from_str(&self.entry).ok()?;
        match self.purpose {
            KeepPurpose::ShowAbove => Some(entry.get("command")?.as_str()?.to_owned()),
            KeepPurpose::RestoreOnUninstall => None,
        }
    }

    /// Returns the padding of a status line that is shown above whycap's. Returns `None` if the entry has no padding, or
    /// if it is only kept for `uninstall`.
    pub(super) fn shown_padding(&self) -> Option<u64> {
        let entry: Value = serde_json::from_str(&self.entry).ok()?;
        match self.purpose {
            KeepPurpose::ShowAbove => entry.get("padding")?.as_u64(),
            KeepPurpose::RestoreOnUninstall => None,
        }
    }

    /// Returns true if this `statusLine` entry is whycap's and matches the record.
    ///
    /// When Claude Code rewrites the settings, it drops the previous entry inside whycap's entry. An entry without one
    /// therefore matches any record.
    pub(crate) fn is_in(&self, entry: &Value) -> bool {
        if entry_invocation(entry, STATUS_LINE).is_none() {
            return false;
        }
        match entry.get(self.purpose.key()) {
            Some(previous) => {
                serde_json::from_str(&self.entry).is_ok_and(|recorded: Value| recorded == *previous)
            }
            None => true,
        }
    }
}

/// Returns a fingerprint of a settings file's text.
pub(crate) fn fingerprint(text: &str) -> String {
    format!("{:032x}", xxh3_128(text.as_bytes()))
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

    /// Reads the record for a settings file. If there is none or it is damaged, returns an empty record. `uninstall`
    /// then relies on the settings alone.
    pub(crate) fn load(paths: &Paths, settings: &Path) -> Self {
        records::read(&Self::path(paths, settings)).unwrap_or_else(|| Self {
            settings: settings.to_owned(),
            ..Self::default()
        })
    }

    /// Returns the previous status line if its command is safe to run. Returns `None` if somebody else could have
    /// modified the record.
    pub(crate) fn runnable_status_line(
        paths: &Paths,
        settings: &Path,
    ) -> Option<PreviousStatusLine> {
        let previous = Self::load(paths, settings).previous_line?;
        let file = Self::path(paths, settings);
        let is_safe = [file.as_path(), &directory(paths), &paths.data]
            .into_iter()
            .all(is_writable_only_by_user);
        if is_safe { Some(previous) } else { None }
    }

    /// Returns the settings files that have a record.
    pub(crate) fn known_settings(paths: &Paths) -> Vec<PathBuf> {
        disk::files_with_extension(&directory(paths), "json")
            .filter_map(|path| Some(records::read::<Self>(&path)?.settings))
            .collect()
    }

    /// Returns true if whycap wrote exactly this text, so nobody has changed the settings since then.
    pub(crate) fn wrote(&self, text: &str) -> bool {
        self.written_fingerprints.contains(&fingerprint(text))
    }

    /// Records that whycap replaces the current contents of the settings file with `text`.
    ///
    /// If `is_original` is true, `current` contains none of whycap's entries and becomes the original. If `current` is
    /// neither the original nor a version that whycap wrote, somebody has edited the file. Because the change cannot be
    /// undone exactly, `text` is then not recorded.
    pub(crate) fn record_write(&mut self, current: Option<&str>, text: &str, is_original: bool) {
        let was_written = current.is_some_and(|current| self.wrote(current));
        if is_original {
            self.original = current.map(fingerprint);
        }
        if !was_written {
            self.written_fingerprints.clear();
        }
        if was_written || is_original {
            self.written_fingerprints.push(fingerprint(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_writes_lead_back_to_the_original() {
        let mut record = EditRecord::default();
        record.record_write(Some("a"), "ab", true);
        record.record_write(Some("ab"), "abc", false);
        assert!(record.wrote("ab") && record.wrote("abc") && !record.wrote("abx"));
        assert_eq!(record.original, Some(fingerprint("a")));
    }

    #[test]
    fn an_edit_between_writes_prevents_an_exact_restore() {
        let mut record = EditRecord::default();
        record.record_write(Some("a"), "ab", true);
        record.record_write(Some("xb"), "xbc", false);
        assert!(!record.wrote("xbc") && !record.wrote("ab"));
    }

    #[test]
    fn a_text_without_whycap_becomes_the_original() {
        let mut record = EditRecord::default();
        record.record_write(Some("a"), "ab", true);
        record.record_write(Some("x"), "xb", true);
        assert!(record.wrote("xb") && !record.wrote("ab"));
        assert_eq!(record.original, Some(fingerprint("x")));
        record.record_write(None, "b", true);
        assert_eq!(record.original, None);
    }
}
