//! How far each transcript was read.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::names::{Id, bytes_of};
use crate::transcript::reader::{FileState, ReadPosition};
use crate::transcript::scan::Carry;

const COLUMNS: &str = "bytes_read, mark, size, modified, last_at, open_cost_state, unreadable";

fn state_from(row: &Row<'_>, first: usize) -> rusqlite::Result<FileState> {
    Ok(FileState {
        size: row.get::<_, i64>(first)?.cast_unsigned(),
        modified: row.get(first + 1)?,
    })
}

fn position_from(row: &Row<'_>) -> rusqlite::Result<ReadPosition> {
    Ok(ReadPosition {
        offset: row.get::<_, i64>(0)?.cast_unsigned(),
        mark: row.get(1)?,
        file: state_from(row, 2)?,
        carry: Carry {
            last_at: row.get(4)?,
            open_cost_state: row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned),
            unreadable: row.get(6)?,
        },
    })
}

/// How far one file was read.
pub(crate) fn position_of(connection: &Connection, path: &Path) -> rusqlite::Result<ReadPosition> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM file WHERE path = ?"))?
        .query_row([bytes_of(path)], position_from)
        .optional()
        .map(Option::unwrap_or_default)
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

/// Stores how far a file was read, and gives its id.
pub(crate) fn put_position(
    connection: &Connection,
    path: &Path,
    position: &ReadPosition,
) -> rusqlite::Result<Id> {
    connection
        .prepare_cached(
            "INSERT INTO file (path, bytes_read, mark, size, modified, last_at, open_cost_state, unreadable)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (path) DO UPDATE SET
               bytes_read = excluded.bytes_read, mark = excluded.mark, size = excluded.size,
               modified = excluded.modified, last_at = excluded.last_at,
               open_cost_state = excluded.open_cost_state, unreadable = excluded.unreadable
             RETURNING id",
        )?
        .query_row(
            params![
                bytes_of(path),
                position.offset.cast_signed(),
                position.mark,
                position.file.size.cast_signed(),
                position.file.modified,
                position.carry.last_at,
                position.carry.open_cost_state.map(u64::cast_signed),
                position.carry.unreadable
            ],
            |row| row.get(0),
        )
}
