//! The foreign status line that ours took the place of, kept in our data directory: the client may
//! drop the copy in its settings, and the status line reads from here what it shows above ours.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::edit_record;
use super::entries::Kept;
use crate::disk;
use crate::places::Places;

const SIZE_LIMIT: u64 = 256 * 1024;

/// A foreign `statusLine` entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptStatusLine {
    pub(crate) how: Kept,
    /// As it is spelled in the settings.
    pub(crate) entry: String,
}

/// The directory of kept status lines. It does not exist while none was ever kept.
pub(crate) fn directory(places: &Places) -> PathBuf {
    places.data.join("wrapped")
}

/// Where the one of a settings file is.
pub(crate) fn path_of(places: &Places, settings: &Path) -> PathBuf {
    directory(places).join(format!("{}.json", edit_record::id_of(settings)))
}

impl KeptStatusLine {
    pub(crate) fn new(how: Kept, entry: &str) -> Self {
        Self {
            how,
            entry: entry.to_owned(),
        }
    }

    /// The one of a settings file. None if there is none or the file is damaged.
    pub(crate) fn load(places: &Places, settings: &Path) -> Option<Self> {
        let bytes = disk::read(&path_of(places, settings), SIZE_LIMIT).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The command to show above ours.
    pub(crate) fn shown_command(&self) -> Option<String> {
        let entry: Value = serde_json::from_str(&self.entry).ok()?;
        let command = entry.get("command")?.as_str()?.to_owned();
        (self.how == Kept::Wrapped).then_some(command)
    }
}
