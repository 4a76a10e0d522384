//! Writes the facts from transcripts to the database.

use std::collections::HashSet;

use rusqlite::params;

use super::collect::{Batch, FileFacts};
use super::database::{FACTS, SESSION, Store};
use super::error::Result;
use super::facts::{Id, STALE};
use super::rows::NameKind;
use super::stored_facts::FactKind;
use super::stored_responses::ResponseWriter;
use crate::pricing::PriceTable;
use crate::time::Millis;
use crate::transcript::reader::EarlierLines;

/// The minimum number of responses for which a first read creates the index last. With fewer responses, it is faster to
/// create the index first.
const MANY_RESPONSES: usize = 1_000;

impl Store {
    /// Stores the facts in a batch and marks the affected sessions for reconciliation. The transcripts must have been read
    /// in the same transaction, so that no other process has stored any of their lines in the meantime.
    pub(super) fn commit(&self, batch: &mut Batch, prices: &PriceTable) -> Result<()> {
        if batch.files.is_empty() {
            return Ok(());
        }
        for name in batch.sessions.values() {
            self.add_session(name)?;
        }
        for (id, name) in &batch.models {
            self.add_name(*id, NameKind::Model, name)?;
        }
        for (id, context) in &batch.contexts {
            let json = serde_json::to_string(context).unwrap_or_default();
            self.add_name(*id, NameKind::Context, &json)?;
        }
        for (session, (at, directory)) in &batch.directories {
            self.add_directory(*session, *at, directory)?;
        }
        for file in batch.files_with(EarlierLines::Replaced) {
            self.make_locations_stale(file)?;
        }
        let read_again: Vec<Id> = batch.files_with(EarlierLines::ReadAgain).collect();
        if !read_again.is_empty() {
            self.forget_transcripts(&read_again)?;
        }
        // Files are added first, because linking a response looks up the session of each file.
        for facts in &batch.files {
            self.add_file(facts)?;
        }
        // In a first read, creating the index at the end is faster than adding the responses to it one by one.
        let index: Option<String> = if batch.responses.len() < MANY_RESPONSES {
            None
        } else {
            self.first(
                "SELECT sql FROM sqlite_schema
                 WHERE name = 'responses_by_session' AND NOT EXISTS (SELECT 1 FROM responses)",
                [],
                |row| row.get(0),
            )?
        };
        if index.is_some() {
            self.0
                .execute_batch("DROP INDEX responses_by_session")?;
        }
        let mut writer = ResponseWriter::new(self, prices)?;
        // The responses are in key order, so the pages of the table are filled one after another.
        for response in &batch.responses {
            writer.add(response)?;
        }
        if let Some(index) = index {
            self.0.execute_batch(&index)?;
            batch.all_by_session = Some(batch.take_by_session());
        }
        if read_again.is_empty() {
            self.change_sums(writer.changes)?;
        } else {
            self.make_sums()?;
        }
        for facts in &batch.files {
            if facts.is_from_terminal {
                self.mark_dirty(facts.session)?;
            } else {
                self.mark_dirty_if_reconciled(facts.session)?;
            }
        }
        Ok(())
    }

    /// Stores a session's directory, unless the directory of an earlier response is known.
    fn add_directory(&self, session: Id, at: Millis, directory: &str) -> Result<()> {
        let known_at: Option<Option<Millis>> =
            self.first(SESSION, [session], |row| row.get("directory_at"))?;
        if known_at
            .flatten()
            .is_some_and(|known_at| known_at < at)
        {
            return Ok(());
        }
        self.run(
            "UPDATE sessions SET directory = ?3, directory_at = ?2 WHERE id = ?1",
            params![session, at, directory],
        )
    }

    /// Deletes the facts from these transcripts, which can then be added again as if they were new. Keeps stale lines
    /// and responses that are also in other transcripts. Does not update the sums.
    fn forget_transcripts(&self, files: &[Id]) -> Result<()> {
        // This step comes first because it recognizes many sessions by their checkpoints, which are deleted below.
        self.mark_all_dirty()?;
        for file in files {
            self.run("DELETE FROM files WHERE id = ?1", [file])?;
            self.run(
                "DELETE FROM facts WHERE place = ?1 AND position < ?2",
                [*file, STALE],
            )?;
        }
        self.run(
            "DELETE FROM responses WHERE offset < ?1 AND file NOT IN (SELECT id FROM files)
                 AND NOT EXISTS (SELECT 1 FROM facts WHERE kind = 0 AND key = responses.key)",
            [STALE],
        )?;
        self.run(
            "UPDATE responses SET offset = offset + ?1
             WHERE offset < ?1 AND file NOT IN (SELECT id FROM files)",
            [STALE],
        )
    }

    /// Adds the name of a model or a context if it is new.
    fn add_name(&self, id: Id, kind: NameKind, name: &str) -> Result<()> {
        self.run(
            "INSERT OR IGNORE INTO names VALUES (?1, ?2, ?3)",
            params![id, kind as i64, name],
        )
    }

    fn make_locations_stale(&self, file: Id) -> Result<()> {
        // The file may be that of another session now.
        self.run("DELETE FROM files WHERE id = ?1", [file])?;
        self.run(
            "DELETE FROM facts WHERE place = ?1 AND kind IN (?2, ?3)",
            params![file, FactKind::PullRequest, FactKind::Damage],
        )?;
        for change in [
            "UPDATE responses SET offset = offset + ?2 WHERE file = ?1 AND offset < ?2",
            "UPDATE OR REPLACE facts SET position = position + ?2 WHERE place = ?1 AND position < ?2",
        ] {
            self.run(change, [file, STALE])?;
        }
        Ok(())
    }

    fn add_file(&self, facts: &FileFacts) -> Result<()> {
        let (position, scan_state) = (&facts.position, &facts.position.scan_state);
        if !self.has_been_read(&facts.path)? {
            self.run(
                "INSERT INTO files (id, session, path, is_main, facts) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    facts.id,
                    facts.session,
                    facts.path.as_os_str().as_encoded_bytes(),
                    facts.is_main,
                    FACTS
                ],
            )?;
        }
        let fallback = scan_state.fallback.as_ref();
        self.run(
            "UPDATE files SET offset = ?2, mark = ?3, size = ?4, modified = ?5, last_at = ?6,
                 newest_at = ?7, last_response = ?8, unreadable = ?9, damaged_after = ?10, fallback = ?11
             WHERE id = ?1",
            params![
                facts.id,
                position.offset.cast_signed(),
                position.preceding_hash,
                position.file.size.cast_signed(),
                position.file.modified,
                scan_state.last_at,
                scan_state.newest_at,
                scan_state.last_response,
                scan_state.unreadable,
                scan_state.damaged_after,
                fallback.map(|fallback| serde_json::to_string(fallback).unwrap_or_default())
            ],
        )?;
        // Sessions whose transcripts contain the same line share a lineage.
        let mut linked: HashSet<(FactKind, i64)> = HashSet::new();
        for row in &facts.lines {
            self.add_line(row)?;
            if row.kind == FactKind::Compaction {
                self.link_location(facts.session, &row.location)?;
            }
            if let Some(key) = row.key
                && row.kind != FactKind::Damage
                && linked.insert((row.kind, key))
            {
                self.link_by(facts.session, row.kind, key)?;
            }
        }
        if facts.changes_results() {
            self.mark_dirty(facts.session)?;
        }
        self.add_limit_facts(&facts.limit_facts)
    }
}
