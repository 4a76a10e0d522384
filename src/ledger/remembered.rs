//! Remembers what was read from a file until the file changes.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{from_str, to_string};

use super::database::Ledger;
use crate::transcript::reader::FileState;

impl Ledger {
    /// Returns what `read` returns for a file, which may take longer than a status-line call should. As long as the file
    /// does not change, it is not read again.
    pub(crate) fn remember<T: Serialize + DeserializeOwned>(
        &self,
        file: &Path,
        read: impl FnOnce() -> T,
    ) -> T {
        let metadata = file.metadata().ok();
        let state = metadata.as_ref().map(FileState::from_metadata);
        let name = file.to_string_lossy();
        let known: Option<String> = self
            .read(|store| {
                store.first("SELECT value FROM meta WHERE name = ?1", [&name], |row| {
                    row.get(0)
                })
            })
            .unwrap_or_default();
        if let Some(json) = known
            && let Ok((known_state, value)) = from_str::<(Option<FileState>, T)>(&json)
            && known_state == state
        {
            return value;
        }
        let value = read();
        if let Ok(json) = to_string(&(state, &value)) {
            // If the ledger is busy, the next call reads the file again.
            let _ = self.change(|store| {
                store.run(
                    "INSERT OR REPLACE INTO meta VALUES (?1, ?2)",
                    [&*name, &json],
                )
            });
        }
        value
    }
}
