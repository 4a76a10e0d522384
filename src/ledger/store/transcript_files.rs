//! How far each transcript was read, the lines in it that tell whose the others are, and Claude Code's
//! running totals, each with its place.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rusqlite::{Result, Row, params, params_from_iter};

use super::Store;
use crate::ledger::derivation::Transcript;
use crate::ledger::facts::{CUT_OFF, Compaction, Id, Parts, Sighting, Total, id_of, unnamed_model};
use crate::pricing::{Money, NOISE};
use crate::time::Millis;
use crate::transcript::line::{ModelTotal, OwnMark};
use crate::transcript::reader::{Carry, FileState, ReadPosition};

/// Paths are stored as their bytes, which need not be UTF-8.
fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// The id of a transcript.
pub(crate) fn file_id(path: &Path) -> Id {
    id_of(bytes_of(path))
}

/// The key of what is no snapshot.
const QUEUE: i64 = 0;

fn position_from(row: &Row<'_>) -> Result<ReadPosition> {
    Ok(ReadPosition {
        offset: row.get::<_, i64>(3)?.cast_unsigned(),
        mark: row.get(4)?,
        file: FileState {
            size: row.get::<_, i64>(5)?.cast_unsigned(),
            modified: row.get(6)?,
        },
        carry: Carry {
            last_at: row.get(7)?,
            newest_at: row.get(8)?,
            last_response: row.get(9)?,
            unreadable: row.get(10)?,
            ..Carry::default()
        },
    })
}

/// A query over the rows of a table that are about transcripts of a family.
pub(crate) fn in_files_of(table: &str, columns: &str) -> String {
    format!(
        "SELECT {columns} FROM {table} JOIN file ON file.id = {table}.file JOIN session ON session.id = file.session WHERE family = ?"
    )
}

/// The parts of a total. A client that gave none: the whole stands for itself.
fn parts_from(row: &Row<'_>, column: usize, cost: Money) -> Result<Parts> {
    let models: String = row.get(column)?;
    let mut parts: Parts = serde_json::from_str(&models).unwrap_or_default();
    if parts.is_empty() && cost > Money::ZERO {
        let whole = ModelTotal {
            cost,
            splits: true,
            ..ModelTotal::default()
        };
        parts.insert(unnamed_model(), whole);
    }
    Ok(parts)
}

impl Store {
    /// How far a file was read. Nothing of one that was not seen before.
    pub(crate) fn position(&self, path: &Path) -> Result<ReadPosition> {
        let query = "SELECT * FROM file WHERE id = ?";
        let known = self.first(query, [file_id(path)], position_from)?;
        Ok(known.unwrap_or_default())
    }

    /// How far each file was read.
    pub(crate) fn positions(&self) -> Result<HashMap<Id, ReadPosition>> {
        let query = "SELECT * FROM file";
        self.all(query, [], |row| Ok((row.get(0)?, position_from(row)?)))
    }

    /// Stores how far a file of a session was read.
    pub(crate) fn put_position(&self, path: &Path, session: Id, now: &ReadPosition) -> Result<()> {
        let (id, path, mark) = (file_id(path), bytes_of(path), now.mark);
        let [offset, size] = [now.offset, now.file.size].map(u64::cast_signed);
        let (modified, carry) = (now.file.modified, &now.carry);
        let (last_at, newest_at) = (carry.last_at, carry.newest_at);
        let (last, torn) = (carry.last_response, carry.unreadable);
        let values = params![
            id, path, session, offset, mark, size, modified, last_at, newest_at, last, torn
        ];
        let put = "INSERT OR REPLACE INTO file VALUES (?,?,?,?,?,?,?,?,?,?,?)";
        self.run(put, values)
    }

    /// A file is read anew: whatever is known of it may stand elsewhere now, or nowhere. It stays
    /// known, for it was served.
    pub(crate) fn cut_off(&self, file: Id) -> Result<()> {
        for table in ["response", "place", "mark", "cost_state"] {
            let cut = format!(
                "UPDATE {table} SET position = position + ?2 WHERE file = ?1 AND position < ?2"
            );
            self.run(&cut, params![file, CUT_OFF])?;
        }
        Ok(())
    }

    /// Notes a mark in a file. Says whether it may change whose lines are.
    pub(crate) fn put_mark(&self, file: Id, mark: &OwnMark) -> Result<bool> {
        let put = "INSERT INTO mark VALUES (?1,?2,?3,?4)
         ON CONFLICT DO UPDATE SET position = ?3, at = ?4 WHERE position > ?3";
        let key = mark.snapshot.unwrap_or(QUEUE);
        self.run(put, params![key, file, mark.position, mark.at])?;
        Ok(self.changes() > 0)
    }

    /// A family's files, with the marks in them.
    pub(crate) fn transcripts(&self, family: Id) -> Result<BTreeMap<Id, Transcript>> {
        let query = "SELECT file.id, session, key, position, at FROM session JOIN file ON file.session = session.id LEFT JOIN mark ON mark.file = file.id WHERE family = ?";
        let mut files: BTreeMap<Id, Transcript> = BTreeMap::new();
        self.each(query, [family], |row| {
            let file = files.entry(row.get(0)?).or_default();
            file.session = row.get(1)?;
            if let Some(key) = row.get(2)? {
                file.marks.push(OwnMark {
                    snapshot: (key != QUEUE).then_some(key),
                    position: row.get(3)?,
                    at: row.get(4)?,
                });
            }
            Ok(())
        })?;
        Ok(files)
    }

    /// Notes where a line stands. Says whether that is news.
    pub(crate) fn put_place(&self, key: i64, place: &Sighting) -> Result<bool> {
        let query =
            "SELECT file, position, late, copied_from FROM place WHERE key = ? AND file = ?";
        let known = self.first(query, [key, place.file], |row| Sighting::read(row, 0))?;
        let now = known.map_or(*place, |known| known.seen_again(*place));
        if known == Some(now) {
            return Ok(false);
        }
        let put = "INSERT OR REPLACE INTO place VALUES (?,?,?,?,?)";
        let values = params![now.file, key, now.position, now.is_late, now.copied_from];
        self.run(put, values)?;
        Ok(true)
    }

    /// Where else than at their first places lines stand, by their keys: those in a family's files, or
    /// all.
    pub(crate) fn places(&self, family: Option<Id>) -> Result<BTreeMap<i64, Vec<Sighting>>> {
        let columns = "place.file, place.position, late, copied_from, place.key";
        let query = match family {
            Some(_) => in_files_of("place", columns),
            None => format!("SELECT {columns} FROM place"),
        };
        let mut places: BTreeMap<i64, Vec<Sighting>> = BTreeMap::new();
        self.each(&query, params_from_iter(family), |row| {
            let here = places.entry(row.get(4)?).or_default();
            here.push(Sighting::read(row, 0)?);
            Ok(())
        })?;
        Ok(places)
    }

    /// Notes the end of a compaction.
    pub(crate) fn put_compaction(&self, found: &Compaction) -> Result<()> {
        let put = "INSERT OR IGNORE INTO compaction VALUES (?,?,?)";
        let values = params![found.key, found.at, found.tokens.cast_signed()];
        self.run(put, values)
    }

    /// The compaction of this key, if it is one's.
    pub(crate) fn compaction(&self, key: i64, places: Vec<Sighting>) -> Result<Option<Compaction>> {
        let query = "SELECT at, tokens FROM compaction WHERE key = ?";
        self.first(query, [key], |row| {
            Ok(Compaction {
                key,
                at: row.get(0)?,
                tokens: row.get::<_, i64>(1)?.cast_unsigned(),
                session: 0,
                places,
            })
        })
    }

    /// Makes one family of a session and the others that have the same line in one of their files: a
    /// `mark`, or one whose `place` is kept. Says whether there are any.
    pub(crate) fn link_sharers(&self, table: &str, key: i64, session: Id) -> Result<bool> {
        let query = format!(
            "SELECT DISTINCT session FROM {table} JOIN file ON file.id = file WHERE key = ?1 AND session != ?2"
        );
        self.link_all(session, &query, key)
    }

    /// The same with those whose chains of runs began in the same moment.
    pub(crate) fn link_chain(&self, started: Millis, session: Id) -> Result<bool> {
        let query = "SELECT DISTINCT session FROM cost_state WHERE started = ? AND session != ?";
        self.link_all(session, query, started)
    }

    fn link_all(&self, session: Id, query: &str, key: i64) -> Result<bool> {
        let others: Vec<Id> = self.all(query, [key, session], |row| row.get(0))?;
        for other in &others {
            self.link(session, *other)?;
        }
        Ok(!others.is_empty())
    }

    /// Stores a total.
    pub(crate) fn put_total(&self, total: &Total) -> Result<()> {
        // Where the file was read anew, the same total stood elsewhere.
        let forget = "DELETE FROM cost_state WHERE file = ? AND position >= ? AND started = ? AND total = ? AND run_ms = ?";
        let (file, position, session) = (total.file, total.position, total.session);
        let (started, cost) = (total.started, total.cost);
        let (run_ms, api_ms) = (total.run_ms, total.api_ms);
        self.run(forget, params![file, CUT_OFF, started, cost, run_ms])?;
        let (before, after, unknown) = (total.before, total.after, total.has_unknown_model);
        let parts = serde_json::to_string(&total.parts).unwrap_or_default();
        let values = params![
            file, position, session, started, cost, run_ms, api_ms, unknown, before, after, parts
        ];
        let put = "INSERT OR REPLACE INTO cost_state VALUES (?,?,?,?,?,?,?,?,?,?,?)";
        self.run(put, values)
    }

    /// Stores what stands behind the last total of a file. Says whether that is news.
    pub(crate) fn put_behind(&self, file: Id, at: Millis) -> Result<bool> {
        let put =
            "UPDATE cost_state SET after = ?2 WHERE file = ?1 AND after IS NULL AND position =
         (SELECT max(position) FROM cost_state WHERE file = ?1 AND position < ?3)";
        self.run(put, params![file, at, CUT_OFF])?;
        Ok(self.changes() > 0)
    }

    /// The totals in a family's files.
    pub(crate) fn totals(&self, family: Id) -> Result<Vec<Total>> {
        let query = in_files_of("cost_state", "cost_state.*");
        self.all(&query, [family], |row| {
            let cost = row.get(4)?;
            Ok(Total {
                file: row.get(0)?,
                position: row.get(1)?,
                session: row.get(2)?,
                started: row.get(3)?,
                cost,
                run_ms: row.get(5)?,
                api_ms: row.get(6)?,
                has_unknown_model: row.get(7)?,
                before: row.get(8)?,
                after: row.get(9)?,
                parts: parts_from(row, 10, cost)?,
            })
        })
    }

    /// Of the totals of a session that are not greater than this amount the greatest, and for how long
    /// processes had lived when it was written, in milliseconds. What draws this amount started from it, or
    /// from less.
    pub(crate) fn total_up_to(&self, session: Id, most: Money) -> Result<Option<(Money, i64)>> {
        let query = "SELECT total, run_ms FROM cost_state WHERE session = ? AND total <= ? ORDER BY total DESC, run_ms DESC LIMIT 1";
        self.first(query, (session, most), |row| row.try_into())
    }

    /// Whether a total of the session is not smaller than this, neither in the amount nor in the time
    /// that its chain of runs had lived.
    pub(crate) fn is_surpassed(
        &self,
        session: Id,
        shown: Money,
        run_ms: Option<i64>,
    ) -> Result<bool> {
        let query = "SELECT 1 FROM cost_state WHERE session = ? AND total >= ? AND run_ms >= ?";
        self.any(query, (session, shown - NOISE, run_ms))
    }

    /// Whether any session's total was this, or was drawn so, as far as floating-point sums tell: clients before
    /// 2.1.220 go on drawing it after `/clear`, in a new session.
    pub(crate) fn is_known_total(&self, total: Money) -> Result<bool> {
        let query = "SELECT 1 FROM cost_state WHERE total BETWEEN ?1 AND ?2 UNION ALL SELECT 1 FROM process WHERE total BETWEEN ?1 AND ?2";
        self.any(query, [total - NOISE, total + NOISE])
    }
}
