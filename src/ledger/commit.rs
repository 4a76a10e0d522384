//! Writes the facts from transcripts to the database.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{CachedStatement, Row, Statement, params};
use serde::{Deserialize, Serialize};

use super::collect::{Batch, FileFacts};
use super::database::Store;
use super::error::Result;
use super::facts::{Compaction, Id, Location, PricesOfModel, Response, STALE, id_of};
use super::sums::SumChanges;
use crate::pricing::{Advice, PriceTable, ServiceLevel, Usage};
use crate::time::Millis;

/// The columns of `responses`, in the order that [`response_from`] expects.
pub(super) const RESPONSE_COLUMNS: &str = "key, session, at, model, context, flags, input, output, cache_read, \
     cache_write, cache_write_1h, web_searches, parts, cost, client_cost, requested, file, offset, source";

const INSERT_RESPONSE: &str = "INSERT OR IGNORE INTO responses \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";
const REPLACE_RESPONSE: &str = "INSERT OR REPLACE INTO responses \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";

/// The minimum number of responses for which creating an index pays off.
const MANY_RESPONSES: usize = 1_000;

const SUBAGENT: i64 = 1;
const UNPRICED: i64 = 2;
const FAST: i64 = 4;
const US_ONLY: i64 = 8;
const OUT_OF_ORDER: i64 = 16;

/// Fields that most responses do not have.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Parts {
    calls: Vec<[u64; 6]>,
    advice: Vec<(String, [u64; 6])>,
}

impl Store {
    /// Stores the facts in a batch and marks the affected sessions for reconciliation.
    pub(super) fn commit(&self, batch: &Batch, prices: &PriceTable) -> Result<()> {
        for (id, name) in &batch.sessions {
            self.run(
                "INSERT OR IGNORE INTO sessions (id, name, lineage) VALUES (?1, ?2, ?1)",
                params![id, name],
            )?;
        }
        for (id, name) in &batch.models {
            self.run(
                "INSERT OR IGNORE INTO models VALUES (?1, ?2)",
                params![id, name],
            )?;
        }
        for (id, context) in &batch.contexts {
            self.run(
                "INSERT OR IGNORE INTO contexts VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    id,
                    context.branch,
                    context.agent,
                    context.skill,
                    context.plugin,
                    context.mcp_server
                ],
            )?;
        }
        for (session, (at, directory)) in &batch.directories {
            self.run(
                "UPDATE sessions SET directory = ?3, directory_at = ?2
                 WHERE id = ?1 AND ifnull(directory_at > ?2, 1)",
                params![session, at, directory],
            )?;
        }
        for facts in batch.files.iter().filter(|facts| facts.was_reread) {
            self.make_locations_stale(facts.id)?;
        }
        // Files are added first, because linking a response looks up the session of each file.
        for facts in &batch.files {
            self.add_file(facts)?;
        }
        // It takes less time to create an index for all responses of a first read than to add them to it one by one.
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
            self.0.execute_batch("DROP INDEX responses_by_session")?;
        }
        let mut writer = ResponseWriter::new(self, prices)?;
        // The responses are in key order, which fills the pages of the table one after another.
        for response in &batch.responses {
            writer.add(response)?;
        }
        if let Some(index) = index {
            self.0.execute_batch(&index)?;
        }
        self.change_sums(writer.changes)?;
        for facts in &batch.files {
            self.mark_dirty_if_reconciled(facts.session)?;
        }
        Ok(())
    }

    /// Marks a session for reconciliation if its amount does not depend on its responses alone.
    fn mark_dirty_if_reconciled(&self, session: Id) -> Result<()> {
        if self.is_dirty(session)? {
            return Ok(());
        }
        self.run(
            "UPDATE sessions SET is_dirty = 1 WHERE id = ?1 AND (
                 EXISTS (SELECT 1 FROM events WHERE session = ?1)
                 OR EXISTS (SELECT 1 FROM off_transcript WHERE session = ?1)
                 OR EXISTS (SELECT 1 FROM checkpoints WHERE file IN (
                     SELECT id FROM files WHERE session = ?1)))",
            [session],
        )
    }

    fn make_locations_stale(&self, file: Id) -> Result<()> {
        for table in ["responses", "copies", "checkpoints", "markers"] {
            self.run(
                &format!("UPDATE OR REPLACE {table} SET offset = offset + ?2 WHERE file = ?1 AND offset < ?2"),
                params![file, STALE],
            )?;
        }
        for table in ["error_lines", "pull_requests", "damage"] {
            self.run(&format!("DELETE FROM {table} WHERE file = ?1"), [file])?;
        }
        Ok(())
    }

    fn add_copy(&self, key: i64, copy: &Location) -> Result<()> {
        self.run(
            "INSERT INTO copies VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET
                 offset = excluded.offset, is_out_of_order = excluded.is_out_of_order, source = excluded.source
             WHERE copies.offset >= ?6",
            params![
                key,
                copy.file,
                copy.offset,
                copy.is_out_of_order,
                copy.source,
                STALE
            ],
        )
    }

    /// Links a session to the other sessions that may own the line at this location.
    fn link_location(&self, session: Id, location: &Location) -> Result<()> {
        self.mark_dirty(session)?;
        let session_of_file = self.session_of_file(location.file)?;
        for other in session_of_file.into_iter().chain(location.source) {
            self.link(session, other)?;
        }
        Ok(())
    }

    /// Merges the lineages of two sessions.
    fn link(&self, session: Id, other: Id) -> Result<()> {
        if session == other {
            return Ok(());
        }
        let (Some(lineage), Some(other_lineage)) =
            (self.lineage_of(session)?, self.lineage_of(other)?)
        else {
            return Ok(());
        };
        if lineage != other_lineage {
            self.run(
                "UPDATE sessions SET lineage = ?1, is_dirty = 1 WHERE lineage = ?2",
                [lineage.min(other_lineage), lineage.max(other_lineage)],
            )?;
            self.mark_dirty(session)?;
        }
        Ok(())
    }

    /// Returns a session's lineage, or `None` if the session is unknown.
    pub(super) fn lineage_of(&self, session: Id) -> Result<Option<Id>> {
        self.first(
            "SELECT lineage FROM sessions WHERE id = ?1",
            [session],
            |row| row.get(0),
        )
    }

    /// Returns the session that a transcript belongs to, or `None` if the transcript is unknown.
    fn session_of_file(&self, file: Id) -> Result<Option<Id>> {
        self.first("SELECT session FROM files WHERE id = ?1", [file], |row| {
            row.get(0)
        })
    }

    /// Returns a response with all of its locations.
    fn response(&self, key: i64) -> Result<Option<Response>> {
        let query = format!("SELECT {RESPONSE_COLUMNS} FROM responses WHERE key = ?1");
        let Some(mut response) = self.first(&query, [key], response_from)? else {
            return Ok(None);
        };
        response.copies = self.all(
            "SELECT file, offset, is_out_of_order, source FROM copies WHERE key = ?1",
            [key],
            |row| location_from(row, 0),
        )?;
        Ok(Some(response))
    }

    fn add_file(&self, facts: &FileFacts) -> Result<()> {
        let (position, scan_state) = (&facts.position, &facts.position.scan_state);
        self.run(
            "INSERT OR REPLACE INTO files
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            params![
                facts.id,
                facts.path.as_os_str().as_encoded_bytes(),
                facts.session,
                facts.is_main,
                position.offset.cast_signed(),
                position.preceding_hash,
                position.file.size.cast_signed(),
                position.file.modified,
                position.last_line,
                scan_state.last_at,
                scan_state.newest_at,
                scan_state.last_response,
                scan_state.unreadable,
                scan_state.damaged_after,
                scan_state.ends_in_error
            ],
        )?;
        for marker in &facts.markers {
            self.run(
                "INSERT OR IGNORE INTO markers VALUES (?1, ?2, ?3, ?4)",
                params![facts.id, marker.offset, marker.at, marker.snapshot],
            )?;
            if let Some(snapshot) = marker.snapshot {
                self.link_by(facts.session, "markers", "snapshot", snapshot)?;
            }
        }
        for compaction in &facts.compactions {
            self.add_compaction(facts.session, compaction)?;
        }
        self.add_checkpoints(facts)?;
        self.add_other_lines(facts)
    }

    fn add_checkpoints(&self, facts: &FileFacts) -> Result<()> {
        for checkpoint in &facts.checkpoints {
            self.run(
                "DELETE FROM checkpoints WHERE file = ?1 AND offset >= ?2 AND started = ?3 AND cost = ?4
                     AND run_ms = ?5",
                params![facts.id, STALE, checkpoint.started, checkpoint.cost, checkpoint.run_ms],
            )?;
            self.run(
                "INSERT OR REPLACE INTO checkpoints VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    facts.id,
                    checkpoint.offset,
                    checkpoint.started,
                    checkpoint.cost,
                    checkpoint.run_ms,
                    checkpoint.api_ms,
                    checkpoint.has_unknown_model,
                    serde_json::to_string(&checkpoint.models).unwrap_or_default(),
                    checkpoint.before
                ],
            )?;
            for name in checkpoint.models.keys() {
                self.run(
                    "INSERT OR IGNORE INTO models VALUES (?1, ?2)",
                    params![id_of(name.as_bytes()), name],
                )?;
            }
        }
        let starts: BTreeSet<Millis> = facts
            .checkpoints
            .iter()
            .map(|checkpoint| checkpoint.started)
            .collect();
        for started in starts {
            self.link_by(facts.session, "checkpoints", "started", started)?;
        }
        if !facts.checkpoints.is_empty() {
            self.mark_dirty(facts.session)?;
        }
        Ok(())
    }

    /// Links a session to the sessions whose transcripts have the same value in a column of a table. Those sessions are
    /// already linked to each other, so two of them are enough.
    fn link_by(&self, session: Id, table: &str, column: &str, value: i64) -> Result<()> {
        let others: Vec<Id> = self.all(
            &format!(
                "SELECT session FROM files WHERE id IN (
                     (SELECT min(file) FROM {table} WHERE {column} = ?1),
                     (SELECT max(file) FROM {table} WHERE {column} = ?1))"
            ),
            [value],
            |row| row.get(0),
        )?;
        for other in others {
            self.link(session, other)?;
        }
        Ok(())
    }

    /// Adds a transcript's error lines, pull-request links, and damaged lines.
    fn add_other_lines(&self, facts: &FileFacts) -> Result<()> {
        for error in &facts.errors {
            let attempt = error.failed_attempt;
            self.run(
                "INSERT OR REPLACE INTO error_lines VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    facts.id,
                    error.span.offset.cast_signed(),
                    error.span.length.cast_signed(),
                    facts.session,
                    error.at,
                    error.text_hash,
                    attempt.map(|attempt| attempt.number.cast_signed()),
                    attempt.map(|attempt| attempt.wait_ms.cast_signed()),
                    attempt.and_then(|attempt| attempt.status),
                    error.fields
                ],
            )?;
        }
        for link in &facts.pull_requests {
            self.run(
                "INSERT OR REPLACE INTO pull_requests VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    facts.id,
                    link.offset,
                    facts.session,
                    link.at,
                    link.number,
                    link.url
                ],
            )?;
        }
        for [since, until] in &facts.damage {
            self.run(
                "INSERT OR REPLACE INTO damage VALUES (?1, ?2, ?3)",
                params![facts.id, since, until],
            )?;
        }
        Ok(())
    }

    fn add_compaction(&self, session: Id, compaction: &Compaction) -> Result<()> {
        self.run(
            "INSERT OR IGNORE INTO compactions VALUES (?1, ?2, ?3)",
            params![
                compaction.key,
                compaction.at,
                compaction.tokens.cast_signed()
            ],
        )?;
        for location in &compaction.locations {
            self.add_copy(compaction.key, location)?;
            self.link_location(session, location)?;
        }
        self.link_by(session, "copies", "key", compaction.key)
    }

    /// Recalculates the cost of every response. `models` contains the names of all models.
    pub(super) fn reprice(&self, prices: &PriceTable, models: &HashMap<Id, String>) -> Result<()> {
        let by_model: HashMap<Id, _> = models
            .iter()
            .map(|(id, name)| (*id, PricesOfModel::new(prices, name)))
            .collect();
        let query = format!("SELECT {RESPONSE_COLUMNS} FROM responses");
        let all: Vec<Response> = self.all(&query, [], response_from)?;
        let mut replace = self.0.prepare_cached(REPLACE_RESPONSE)?;
        for mut response in all {
            let Some(prices) = by_model.get(&response.model) else {
                continue;
            };
            let before = (response.cost, response.client_cost, response.is_unpriced);
            response.price(prices);
            if before != (response.cost, response.client_cost, response.is_unpriced) {
                write_response(&mut replace, &response)?;
            }
        }
        Ok(())
    }

    /// Marks every lineage with stored results for reconciliation.
    pub(super) fn mark_all_dirty(&self) -> Result<()> {
        self.0.execute_batch(
            "UPDATE sessions SET is_dirty = 1 WHERE covered <> 0 OR id IN (
                 SELECT session FROM events
                 UNION SELECT session FROM off_transcript
                 UNION SELECT session FROM files WHERE id IN (
                     SELECT file FROM checkpoints UNION SELECT file FROM copies))",
        )
    }
}

/// Writes the responses in a batch to the ledger.
struct ResponseWriter<'s> {
    store: &'s Store,
    insert: CachedStatement<'s>,
    prices: &'s PriceTable,
    /// The changes to the sums.
    changes: SumChanges,
    /// The sessions and locations that have already been linked. Offsets are ignored.
    linked: HashSet<(Id, Location)>,
}

impl<'s> ResponseWriter<'s> {
    fn new(store: &'s Store, prices: &'s PriceTable) -> Result<Self> {
        Ok(Self {
            store,
            insert: store.0.prepare_cached(INSERT_RESPONSE)?,
            prices,
            changes: SumChanges::default(),
            linked: HashSet::new(),
        })
    }

    /// Adds a response. If the ledger already contains it, the two are merged.
    fn add(&mut self, response: &Response) -> Result<()> {
        if write_response(&mut self.insert, response)? {
            self.changes.add(response);
            return self.add_locations(response, &[]);
        }
        let Some(known) = self.store.response(response.key)? else {
            return Ok(());
        };
        let mut merged = known.clone();
        merged.merge(response);
        if merged == known {
            return Ok(());
        }
        let mut without_new_copies = merged.clone();
        without_new_copies.copies.clone_from(&known.copies);
        // A fork copies lines without changing them, so a new copy usually changes nothing else.
        if without_new_copies != known {
            self.replace(&known, &mut merged)?;
        }
        self.store.mark_dirty(merged.session)?;
        self.add_locations(&merged, &known.copies)
    }

    fn replace(&mut self, known: &Response, merged: &mut Response) -> Result<()> {
        let store = self.store;
        let model: Option<String> = store.first(
            "SELECT name FROM models WHERE id = ?1",
            [merged.model],
            |row| row.get(0),
        )?;
        merged.price(&PricesOfModel::new(self.prices, &model.unwrap_or_default()));
        self.changes.remove(known);
        self.changes.add(merged);
        let mut statement = store.0.prepare_cached(REPLACE_RESPONSE)?;
        write_response(&mut statement, merged)?;
        Ok(())
    }

    /// Adds the copies of a response that the ledger does not have yet, and links the sessions that may own the
    /// response.
    fn add_locations(&mut self, response: &Response, known_copies: &[Location]) -> Result<()> {
        for copy in &response.copies {
            if !known_copies.contains(copy) {
                self.store.add_copy(response.key, copy)?;
            }
        }
        let has_one_owner = response.copies.is_empty()
            && response.location.source.is_none()
            && !response.location.is_out_of_order;
        if has_one_owner {
            return Ok(());
        }
        for location in response.locations() {
            let anywhere = Location {
                offset: 0,
                is_out_of_order: false,
                ..*location
            };
            if self.linked.insert((response.session, anywhere)) {
                self.store.link_location(response.session, location)?;
            }
        }
        Ok(())
    }
}

/// Writes a response with [`INSERT_RESPONSE`] or [`REPLACE_RESPONSE`]. Returns true if a row was written.
fn write_response(statement: &mut Statement<'_>, response: &Response) -> Result<bool> {
    let has_parts = !response.calls.is_empty() || !response.advice.is_empty();
    let parts = if has_parts {
        let parts = Parts {
            calls: response.calls.iter().map(Usage::fields).collect(),
            advice: response
                .advice
                .iter()
                .map(|advice| (advice.model.clone(), advice.usage.fields()))
                .collect(),
        };
        serde_json::to_string(&parts).ok()
    } else {
        None
    };
    let flags = [
        (SUBAGENT, response.is_of_subagent),
        (UNPRICED, response.is_unpriced),
        (FAST, response.service.fast),
        (US_ONLY, response.service.us_only),
        (OUT_OF_ORDER, response.location.is_out_of_order),
    ];
    let flags: i64 = flags
        .iter()
        .filter(|(_, is_set)| *is_set)
        .map(|(flag, _)| flag)
        .sum();
    let [
        input,
        output,
        cache_read,
        cache_write,
        cache_write_1h,
        web_searches,
    ] = response.usage.fields().map(u64::cast_signed);
    let changed = statement.execute(params![
        response.key,
        response.session,
        response.at,
        response.model,
        response.context,
        flags,
        input,
        output,
        cache_read,
        cache_write,
        cache_write_1h,
        web_searches,
        parts,
        response.cost,
        response.client_cost,
        response.requested,
        response.location.file,
        response.location.offset,
        response.location.source
    ])?;
    Ok(changed > 0)
}

/// Reads a location from the columns `file`, `offset`, `is_out_of_order`, and `source`.
pub(super) fn location_from(row: &Row<'_>, first: usize) -> Result<Location> {
    Ok(Location {
        file: row.get(first)?,
        offset: row.get(first + 1)?,
        is_out_of_order: row.get(first + 2)?,
        source: row.get(first + 3)?,
    })
}

/// Reads a usage from six columns.
pub(super) fn usage_from(row: &Row<'_>, first: usize) -> Result<Usage> {
    let mut fields = [0; 6];
    for (index, field) in fields.iter_mut().enumerate() {
        *field = count_from(row, first + index)?;
    }
    Ok(fields.into())
}

/// Reads a count from a column.
pub(super) fn count_from(row: &Row<'_>, column: usize) -> Result<u64> {
    Ok(row.get::<_, i64>(column)?.max(0).cast_unsigned())
}

/// Reads a response, without its copies, from the columns in [`RESPONSE_COLUMNS`].
pub(super) fn response_from(row: &Row<'_>) -> Result<Response> {
    let flags: i64 = row.get(5)?;
    let parts: Option<String> = row.get(12)?;
    let parts: Parts = parts
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    Ok(Response {
        key: row.get(0)?,
        session: row.get(1)?,
        at: row.get(2)?,
        model: row.get(3)?,
        context: row.get(4)?,
        is_of_subagent: flags & SUBAGENT != 0,
        is_unpriced: flags & UNPRICED != 0,
        service: ServiceLevel {
            fast: flags & FAST != 0,
            us_only: flags & US_ONLY != 0,
        },
        usage: usage_from(row, 6)?,
        calls: parts.calls.into_iter().map(Usage::from).collect(),
        advice: parts
            .advice
            .into_iter()
            .map(|(model, usage)| Advice {
                model,
                usage: usage.into(),
            })
            .collect(),
        cost: row.get(13)?,
        client_cost: row.get(14)?,
        requested: row.get(15)?,
        location: Location {
            file: row.get(16)?,
            offset: row.get(17)?,
            is_out_of_order: flags & OUT_OF_ORDER != 0,
            source: row.get(18)?,
        },
        copies: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::catch_up::ReadTime;
    use super::super::database::Ledger;
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test writes a transcript")]
    fn the_index_of_the_responses_is_complete_after_a_first_read() {
        let home = tempfile::tempdir().unwrap();
        let projects = home.path().join("projects");
        let directory = projects.join("-home-dev-p");
        std::fs::create_dir_all(&directory).unwrap();
        let lines: Vec<String> = (0..MANY_RESPONSES)
            .map(|number| {
                format!(
                    r#"{{"type":"assistant","timestamp":"2026-11-20T10:00:00.000Z","requestId":"r{number}","message":{{"id":"m","model":"claude-opus-4-8","usage":{{"output_tokens":7}}}}}}"#
                )
            })
            .collect();
        let path = directory.join("11111111-0000-4000-8000-000000000000.jsonl");
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
        let mut ledger = Ledger::in_memory(home.path()).unwrap();
        let roots = std::iter::once(projects);
        let prices = PriceTable::list();
        ledger
            .catch_up(roots, &prices, ReadTime::All, &mut |_, _| {})
            .unwrap();
        // The query fails if the index is missing.
        let count: i64 = ledger
            .read(|store| {
                let query = "SELECT count(*) FROM responses INDEXED BY responses_by_session
                     WHERE session <> 0";
                store.value(query, [])
            })
            .unwrap();
        assert_eq!(usize::try_from(count), Ok(MANY_RESPONSES));
    }
}
