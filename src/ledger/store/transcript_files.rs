//! How far each transcript was read, and the marks in it that tell whose its lines are.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::names::{Id, bytes_of};
use crate::time::Millis;
use crate::transcript::reader::{FileState, ReadPosition};
use crate::transcript::scan::Carry;

/// Added to the positions of what a file held before it was read anew. What is found in it again
/// gets its new position; what is not was cut off, and stands behind the rest.
pub(crate) const CUT_OFF: i64 = 1 << 60;

fn state_from(row: &Row<'_>, first: usize) -> rusqlite::Result<FileState> {
    Ok(FileState {
        size: row.get::<_, i64>(first)?.cast_unsigned(),
        modified: row.get(first + 1)?,
    })
}

/// A file that was seen before, and how far it was read.
pub(crate) fn known(
    connection: &Connection,
    path: &Path,
) -> rusqlite::Result<Option<(Id, ReadPosition)>> {
    connection
        .prepare_cached(
            "SELECT id, bytes_read, mark, size, modified, last_at, newest_at, last_response, unreadable
             FROM file WHERE path = ?",
        )?
        .query_row([bytes_of(path)], |row| {
            let position = ReadPosition {
                offset: row.get::<_, i64>(1)?.cast_unsigned(),
                mark: row.get(2)?,
                file: state_from(row, 3)?,
                carry: Carry {
                    last_at: row.get(5)?,
                    newest_at: row.get(6)?,
                    last_response: row.get(7)?,
                    unreadable: row.get(8)?,
                    ..Carry::default()
                },
            };
            Ok((row.get(0)?, position))
        })
        .optional()
}

/// How each file looked when it was read, by the bytes of its path.
pub(crate) fn file_states(
    connection: &Connection,
) -> rusqlite::Result<HashMap<Vec<u8>, FileState>> {
    connection
        .prepare_cached("SELECT path, size, modified FROM file")?
        .query_map([], |row| Ok((row.get(0)?, state_from(row, 1)?)))?
        .collect()
}

/// The files that changed at `since` or later and have lines that could not be understood: their
/// paths, and how many lines.
pub(crate) fn damaged(
    connection: &Connection,
    since: Option<Millis>,
) -> rusqlite::Result<Vec<(String, u32)>> {
    let since = since.map_or(i64::MIN, |since| since.saturating_mul(1_000_000));
    connection
        .prepare_cached(
            "SELECT path, unreadable FROM file WHERE unreadable > 0 AND modified >= ? ORDER BY path",
        )?
        .query_map([since], |row| {
            let path: Vec<u8> = row.get(0)?;
            Ok((String::from_utf8_lossy(&path).into_owned(), row.get(1)?))
        })?
        .collect()
}

/// Stores how far a file of a session was read, and gives its id.
pub(crate) fn put_position(
    connection: &Connection,
    path: &Path,
    session: Id,
    now: &ReadPosition,
) -> rusqlite::Result<Id> {
    let carry = &now.carry;
    connection
        .prepare_cached(
            "INSERT INTO file (path, session, bytes_read, mark, size, modified, last_at, newest_at, last_response, unreadable)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (path) DO UPDATE SET
               session = excluded.session, bytes_read = excluded.bytes_read, mark = excluded.mark,
               size = excluded.size, modified = excluded.modified, last_at = excluded.last_at,
               newest_at = excluded.newest_at, last_response = excluded.last_response,
               unreadable = excluded.unreadable
             RETURNING id",
        )?
        .query_row(
            params![
                bytes_of(path),
                session,
                now.offset.cast_signed(),
                now.mark,
                now.file.size.cast_signed(),
                now.file.modified,
                carry.last_at,
                carry.newest_at,
                carry.last_response,
                carry.unreadable
            ],
            |row| row.get(0),
        )
}

/// A file is read anew: whatever is known of it may stand elsewhere now, or nowhere. It stays
/// known, for it was served.
pub(crate) fn cut_off(connection: &Connection, file: Id) -> rusqlite::Result<()> {
    for table in ["response", "copy", "snapshot", "compaction", "cost_state"] {
        connection
            .prepare_cached(&format!(
                "UPDATE {table} SET position = position + ?2 WHERE file = ?1 AND position < ?2"
            ))?
            .execute([file, CUT_OFF])?;
    }
    connection
        .prepare_cached("UPDATE file SET queue = queue + ?2 WHERE id = ?1 AND queue < ?2")?
        .execute([file, CUT_OFF])?;
    Ok(())
}
