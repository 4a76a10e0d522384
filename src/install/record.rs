//! What was done to a settings file, kept in our data directory so that it can be undone exactly.
//!
//! A record holds changes, never the file: settings may contain keys and tokens, and those have
//! no business in a second place.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::edit::{self, Undo};
use super::ours::Kept;
use crate::disk;
use crate::places::Places;

/// The most that a record can sensibly hold.
const SIZE_LIMIT: u64 = 8 * 1024 * 1024;

/// What was done to one settings file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The settings file.
    pub settings: PathBuf,
    /// One entry for each time that it was written, oldest first.
    pub layers: Vec<Layer>,
    /// Empty lists and objects under `hooks` that were there before us.
    pub stays: Vec<String>,
    /// The foreign status line, spelled as it was.
    pub status_line: Option<String>,
    /// Directories that did not exist before us, outermost first.
    pub made_directories: Vec<PathBuf>,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Fingerprint of the file after the write.
    pub after: String,
    /// Whether the file existed before.
    pub existed: bool,
    /// How to get the text before.
    pub undo: Vec<Undo>,
}

/// The text before whycap came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Original {
    /// There was no file.
    NoFile,
    /// The file's text.
    Text(String),
}

/// A name for a settings file that is safe as a file name and reveals no path.
pub fn id_of(settings: &Path) -> String {
    format!("{:016x}", xxh3_64(settings.as_os_str().as_encoded_bytes()))
}

/// A fingerprint that tells whether a text is the one that was written.
pub fn fingerprint(text: &str) -> String {
    format!("{:032x}", xxh3_128(text.as_bytes()))
}

/// Where the record of a settings file is.
pub fn path_of(places: &Places, settings: &Path) -> PathBuf {
    directory(places).join(format!("{}.json", id_of(settings)))
}

fn directory(places: &Places) -> PathBuf {
    places.data.join("install")
}

impl Record {
    /// The record of a settings file; an empty one if there is none or it is damaged. Then
    /// removal goes by what stands in the settings file alone.
    pub fn load(places: &Places, settings: &Path) -> Self {
        Self::read(&path_of(places, settings)).unwrap_or_else(|| Self {
            settings: settings.to_owned(),
            ..Self::default()
        })
    }

    fn read(path: &Path) -> Option<Self> {
        let bytes = disk::read(path, SIZE_LIMIT).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    /// The settings files of which there are records.
    pub fn known_settings(places: &Places) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(directory(places)).into_iter().flatten();
        let mut known: Vec<_> = entries
            .filter_map(|entry| Self::read(&entry.ok()?.path()))
            .map(|record| record.settings)
            .collect();
        known.sort();
        known
    }

    /// The record as it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Drops the layers that do not lead to `text`. False if none does: then a person edited the
    /// file since, or there was no write yet.
    pub fn continues(&mut self, text: &str) -> bool {
        let present = fingerprint(text);
        let top = self.layers.iter().rposition(|layer| layer.after == present);
        self.layers.truncate(top.map_or(0, |top| top + 1));
        top.is_some()
    }

    /// What the file was before whycap, if `text` is exactly what we left there. A text that a
    /// person edited afterwards gives None.
    pub fn original(&self, text: &str) -> Option<Original> {
        // A crash between writing the record and the settings leaves a layer that never was.
        let present = fingerprint(text);
        let top = self
            .layers
            .iter()
            .rposition(|layer| layer.after == present)?;
        let mut text = text.to_owned();
        for layer in self.layers.get(..=top)?.iter().rev() {
            if layer.after != fingerprint(&text) {
                return None;
            }
            text = edit::undone(&text, &layer.undo)?;
            if !layer.existed {
                return Some(Original::NoFile);
            }
        }
        Some(Original::Text(text))
    }
}

/// A status line command that is kept and shown above ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedCommand {
    /// The command line, for a shell.
    pub command: String,
}

/// Where the kept status line of a settings file is recorded.
pub fn wrapped_path(places: &Places, settings: &Path) -> PathBuf {
    wrapped_directory(places).join(format!("{}.json", id_of(settings)))
}

/// The directory of kept status lines. It does not exist while nothing was ever wrapped.
pub fn wrapped_directory(places: &Places) -> PathBuf {
    places.data.join("wrapped")
}

/// The kept command in a foreign `statusLine` entry, if it is to be shown and can be.
pub fn wrapped_command(kept: Kept, source: &str) -> Option<WrappedCommand> {
    let entry: serde_json::Value = serde_json::from_str(source).ok()?;
    let command = entry.get("command")?.as_str()?.to_owned();
    (kept == Kept::Wrapped).then_some(WrappedCommand { command })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(after: &str, existed: bool, undo: &[(usize, usize, &str)]) -> Layer {
        Layer {
            after: fingerprint(after),
            existed,
            undo: undo
                .iter()
                .map(|(at, length, text)| Undo {
                    at: *at,
                    length: *length,
                    text: (*text).to_owned(),
                })
                .collect(),
        }
    }

    #[test]
    fn two_writes_are_undone_one_after_the_other() {
        let record = Record {
            layers: vec![
                layer("ab", true, &[(1, 1, "")]),
                layer("abc", true, &[(2, 1, "")]),
            ],
            ..Record::default()
        };
        assert_eq!(record.original("abc"), Some(Original::Text("a".into())));
        assert_eq!(record.original("ab"), Some(Original::Text("a".into())));
        assert_eq!(record.original("abx"), None);
    }

    #[test]
    fn an_edit_between_two_writes_is_not_undone() {
        let record = Record {
            layers: vec![
                layer("ab", true, &[(1, 1, "")]),
                layer("xbc", true, &[(2, 1, "")]),
            ],
            ..Record::default()
        };
        assert_eq!(record.original("xbc"), None);
    }

    #[test]
    fn a_file_that_we_made_goes_away() {
        let record = Record {
            layers: vec![layer("{}", false, &[(0, 2, "")])],
            ..Record::default()
        };
        assert_eq!(record.original("{}"), Some(Original::NoFile));
    }
}
