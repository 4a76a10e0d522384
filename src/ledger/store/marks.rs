//! The `snapshot` and `compaction` tables: lines that tell whose others are.

use rusqlite::{Connection, params};

use super::names::Id;
use super::responses::StoredSighting;
use super::transcript_files::CUT_OFF;
use crate::time::Millis;
use crate::transcript::line::OwnMark;

/// Notes a mark in a file. Says whether it may change whose lines are.
pub(crate) fn put_mark(
    connection: &Connection,
    file: Id,
    position: i64,
    mark: OwnMark,
) -> rusqlite::Result<bool> {
    let written = match mark.snapshot {
        Some(key) => connection
            .prepare_cached(
                "INSERT INTO snapshot VALUES (?1,?2,?3,?4) ON CONFLICT DO UPDATE SET position = ?3
                 WHERE position > ?3",
            )?
            .execute(params![key, file, position, mark.at])?,
        // Only the first tells anything.
        None => connection
            .prepare_cached(
                "UPDATE file SET queue = ?2, queue_at = ?3
                 WHERE id = ?1 AND (queue IS NULL OR queue >= ?4 OR queue > ?2)",
            )?
            .execute(params![file, position, mark.at, CUT_OFF])?,
    };
    Ok(written > 0)
}

/// Notes the end of a compaction. Says whether that is news.
pub(crate) fn put_compaction(
    connection: &Connection,
    key: i64,
    at: Millis,
    tokens: u64,
    seen: StoredSighting,
) -> rusqlite::Result<bool> {
    let known = "SELECT file, position, late, names FROM compaction WHERE key = ? AND file = ?";
    let Some(now) = seen.news(connection, known, key)? else {
        return Ok(false);
    };
    connection
        .prepare_cached("INSERT OR REPLACE INTO compaction VALUES (?,?,?,?,?,?,?)")?
        .execute(params![
            key,
            now.file,
            now.position,
            now.is_late,
            now.names,
            at,
            tokens.cast_signed()
        ])?;
    Ok(true)
}

/// Other sessions that have the same line in one of their files.
pub(crate) fn sessions_that_share(
    connection: &Connection,
    table: &'static str,
    key: i64,
    session: Id,
) -> rusqlite::Result<Vec<Id>> {
    connection
        .prepare_cached(&format!(
            "SELECT DISTINCT session FROM {table} JOIN file ON file.id = file WHERE key = ?1 AND session != ?2"
        ))?
        .query_map([key, session], |row| row.get(0))?
        .collect()
}
