//! Corrects facts that an earlier version of whycap read wrongly.
//!
//! When [`FACTS`] increases, the next command that is run in a shell adds all known transcripts to the table `misread`.
//! This command and later ones reread as many of these transcripts as they can and replace the facts from them.
//! Transcripts in another configuration directory or on an unmounted disk stay in the table until a command finds them.
//! Run events and facts from deleted transcripts stay as they are.

use std::collections::HashSet;

use super::collect::Batch;
use super::database::{FACTS, Ledger, Store};
use super::error::{LedgerResult, Result};
use super::facts::{Id, STALE};

impl Ledger {
    /// Returns the transcripts that an earlier version of whycap may have misread.
    pub(super) fn misread_files(&self) -> LedgerResult<HashSet<Id>> {
        if !self.read(Store::has_current_facts)? {
            self.write(Store::list_misread_files)?;
        }
        self.read(Store::misread_files)
    }
}

impl Store {
    fn has_current_facts(&self) -> Result<bool> {
        Ok(self.meta("facts")?.is_some_and(|version| version >= FACTS))
    }

    /// Lists all known transcripts as misread, unless another process has just done so.
    fn list_misread_files(&self) -> Result<()> {
        if self.has_current_facts()? {
            return Ok(());
        }
        self.0.execute_batch(
            "CREATE TABLE IF NOT EXISTS misread (file INTEGER PRIMARY KEY);
             INSERT OR IGNORE INTO misread SELECT id FROM files",
        )?;
        self.set_meta("facts", FACTS)
    }

    pub(super) fn misread_files(&self) -> Result<HashSet<Id>> {
        let exists: bool = self.value(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'misread')",
            [],
        )?;
        if exists {
            self.all("SELECT file FROM misread", [], |row| row.get(0))
        } else {
            Ok(HashSet::new())
        }
    }

    /// Removes the transcripts in a batch from the table `misread`. The set `misread` has the same contents as the
    /// table.
    pub(super) fn remove_from_misread(&self, batch: &Batch, misread: &HashSet<Id>) -> Result<()> {
        for facts in &batch.files {
            if misread.contains(&facts.id) {
                self.run("DELETE FROM misread WHERE file = ?1", [facts.id])?;
            }
        }
        Ok(())
    }

    /// Deletes the facts from these transcripts, which can then be added again as if they were new. Keeps stale lines
    /// and responses that are also in other transcripts. Does not update the sums.
    pub(super) fn forget_transcripts(&self, files: &[Id]) -> Result<()> {
        // This step comes first because it recognizes many sessions by their checkpoints, which are deleted below.
        self.mark_all_dirty()?;
        for file in files {
            self.run("DELETE FROM files WHERE id = ?1", [file])?;
        }
        for table in ["pull_requests", "damage"] {
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
