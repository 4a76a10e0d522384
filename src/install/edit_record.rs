//! What was done to a settings file, kept in our data directory so that it can be undone exactly.
//!
//! A record holds fingerprints, never the settings: those may contain keys and tokens, and so the
//! only copy is the backup beside the file itself. The one entry that is kept here in full is the
//! status line that ours took the place of.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::entries::{Kept, STATUS_LINE, entry_invocation};
use crate::disk::ours::is_only_ours;
use crate::disk::{self, records};
use crate::places::Places;

/// What was done to one settings file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EditRecord {
    pub(crate) settings: PathBuf,
    /// Fingerprint of the text before whycap, of which there is a backup. None if there was no file.
    pub(crate) before: Option<String>,
    /// Fingerprints of the texts that we made of it. More than one, because each is noted before it
    /// is written, and a crash may come between.
    made: Vec<String>,
    /// The foreign status line that ours took the place of.
    pub(crate) kept: Option<KeptStatusLine>,
    /// Directories that did not exist before us, outermost first.
    pub(crate) made_directories: Vec<PathBuf>,
}

/// A foreign `statusLine` entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptStatusLine {
    pub(crate) how: Kept,
    /// As it is spelled in the settings.
    pub(crate) entry: String,
}

impl KeptStatusLine {
    /// The command to show above ours.
    pub(crate) fn shown_command(&self) -> Option<String> {
        let entry: Value = serde_json::from_str(&self.entry).ok()?;
        (self.how == Kept::Wrapped).then_some(entry.get("command")?.as_str()?.to_owned())
    }

    /// Whether this `statusLine` entry is ours and keeps the same. The client drops what is kept in
    /// an entry when it writes the file itself; then nothing there speaks against it.
    pub(crate) fn is_in(&self, entry: &Value) -> bool {
        let same =
            |kept: &Value| serde_json::from_str(&self.entry).is_ok_and(|own: Value| own == *kept);
        entry_invocation(entry, STATUS_LINE).is_some() && entry.get(self.how.key()).is_none_or(same)
    }
}

/// What tells whether a text is the one that it was.
pub(crate) fn fingerprint(text: &str) -> String {
    format!("{:032x}", xxh3_128(text.as_bytes()))
}

fn directory(places: &Places) -> PathBuf {
    places.data.join("install")
}

impl EditRecord {
    /// Where the record of a settings file is.
    pub(crate) fn path(places: &Places, settings: &Path) -> PathBuf {
        // A hash is safe as a file name and reveals no path.
        let id = xxh3_64(settings.as_os_str().as_encoded_bytes());
        directory(places).join(format!("{id:016x}.json"))
    }

    /// The record of a settings file; an empty one if there is none or it is damaged. Then removal
    /// goes by what stands in the settings alone.
    pub(crate) fn load(places: &Places, settings: &Path) -> Self {
        records::read(&Self::path(places, settings)).unwrap_or_else(|| Self {
            settings: settings.to_owned(),
            ..Self::default()
        })
    }

    /// The foreign status line that a record keeps, to be run: only from a place that nobody else
    /// can have written to.
    pub(crate) fn kept_to_run(places: &Places, settings: &Path) -> Option<KeptStatusLine> {
        let kept = Self::load(places, settings).kept?;
        let file = Self::path(places, settings);
        let above = [file.as_path(), &directory(places), &places.data];
        above.into_iter().all(is_only_ours).then_some(kept)
    }

    /// The settings files of which there are records.
    pub(crate) fn known_settings(places: &Places) -> Vec<PathBuf> {
        disk::files_of_kind(&directory(places), "json")
            .filter_map(|path| Some(records::read::<Self>(&path)?.settings))
            .collect()
    }

    /// Whether this text is as we left it.
    pub(crate) fn made(&self, text: &str) -> bool {
        self.made.contains(&fingerprint(text))
    }

    /// Notes that `present` becomes `text`. `untouched` says that nothing of ours stands in
    /// `present`, so that it counts as what was there before us. If a person edited our text since,
    /// there is no exact way back any more.
    pub(crate) fn note(&mut self, present: Option<&str>, text: &str, untouched: bool) {
        let continues = present.is_some_and(|present| self.made(present));
        if untouched {
            self.before = present.map(fingerprint);
        }
        if !continues {
            self.made.clear();
        }
        if continues || untouched {
            self.made.push(fingerprint(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_writes_after_one_another_lead_back_to_the_first_text() {
        let mut record = EditRecord::default();
        record.note(Some("a"), "ab", true);
        record.note(Some("ab"), "abc", false);
        assert!(record.made("ab") && record.made("abc") && !record.made("abx"));
        assert_eq!(record.before, Some(fingerprint("a")));
    }

    #[test]
    fn an_edit_between_two_writes_ends_the_exact_way_back() {
        let mut record = EditRecord::default();
        record.note(Some("a"), "ab", true);
        record.note(Some("xb"), "xbc", false);
        assert!(!record.made("xbc") && !record.made("ab"));
    }

    #[test]
    fn what_is_found_without_us_counts_as_the_first_text_again() {
        let mut record = EditRecord::default();
        record.note(Some("a"), "ab", true);
        record.note(Some("x"), "xb", true);
        assert!(record.made("xb") && !record.made("ab"));
        assert_eq!(record.before, Some(fingerprint("x")));
        record.note(None, "b", true);
        assert_eq!(record.before, None);
    }
}
