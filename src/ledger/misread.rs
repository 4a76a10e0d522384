//! Corrects facts that an earlier version of whycap read wrongly.
//!
//! When [`FACTS`] increases, the first command in a shell reads all transcripts again and replaces what the ledger
//! contains about their lines. Facts from transcripts that no longer exist stay as they are, and so do run events.

use std::path::{Path, PathBuf};

use super::database::{FACTS, Store};
use super::error::Result;
use super::facts::{Id, STALE};

impl Store {
    /// Returns true if no fact was read by an earlier version of whycap that read it differently.
    pub(super) fn has_current_facts(&self) -> Result<bool> {
        Ok(self.meta("facts")?.is_some_and(|version| version >= FACTS))
    }

    /// Records that all facts have been read with the current rules, unless `unreadable` contains a transcript that an
    /// earlier version has read, or the directory of one. The next command then tries again.
    pub(super) fn note_current_facts(&self, unreadable: &[PathBuf]) -> Result<()> {
        if !unreadable.is_empty() {
            let known: Vec<Vec<u8>> = self.all("SELECT path FROM files", [], |row| row.get(0))?;
            let is_known = |path: &PathBuf| known.iter().any(|known| is_in(known, path));
            if unreadable.iter().any(is_known) {
                return Ok(());
            }
        }
        self.set_meta("facts", FACTS)
    }

    /// Deletes the facts from these transcripts, so that the facts that have been read again can be added as if they
    /// were new. Keeps lines that were stale before, and responses that other transcripts contain too. Does not update
    /// the sums.
    pub(super) fn forget_transcripts(&self, files: &[Id]) -> Result<()> {
        // Afterward, sessions that have lost their checkpoints would not be marked.
        self.mark_all_dirty()?;
        for file in files {
            self.run("DELETE FROM files WHERE id = ?1", [file])?;
        }
        for table in ["error_lines", "pull_requests", "damage"] {
            self.run(
                &format!("DELETE FROM {table} WHERE file NOT IN (SELECT id FROM files)"),
                [],
            )?;
        }
        for table in ["copies", "checkpoints", "markers"] {
            self.run(
                &format!(
                    "DELETE FROM {table} WHERE offset < ?1 AND file NOT IN (SELECT id FROM files)"
                ),
                [STALE],
            )?;
        }
        self.run(
            "DELETE FROM responses WHERE offset < ?1 AND file NOT IN (SELECT id FROM files)
                 AND NOT EXISTS (SELECT 1 FROM copies WHERE copies.key = responses.key)",
            [STALE],
        )?;
        self.run(
            "UPDATE responses SET offset = offset + ?1
             WHERE offset < ?1 AND file NOT IN (SELECT id FROM files)",
            [STALE],
        )?;
        self.run(
            "DELETE FROM compactions
             WHERE NOT EXISTS (SELECT 1 FROM copies WHERE copies.key = compactions.key)",
            [],
        )
    }
}

/// Returns true if a stored path is `path` or is below it.
fn is_in(stored: &[u8], path: &Path) -> bool {
    let rest = stored.strip_prefix(path.as_os_str().as_encoded_bytes());
    match rest {
        Some([]) => true,
        Some([next, ..]) => std::path::is_separator(char::from(*next)),
        None => false,
    }
}
