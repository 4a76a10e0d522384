//! How far each transcript was read, and the lines in it that tell whose the others are.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rusqlite::{Connection, Row, params, params_from_iter};

use super::names::bytes_of;
use super::sqlite::{all, each, first, run};
use crate::ledger::facts::{Compaction, Id, Mark, Position, Sighting, id_of};
use crate::time::Millis;
use crate::transcript::reader::{FileState, ReadPosition};
use crate::transcript::scan::Carry;

/// The id of a transcript.
pub(crate) fn file_id(path: &Path) -> Id {
    id_of(bytes_of(path))
}

/// How far a file was read. Nothing of one that was not seen before.
pub(crate) fn position(connection: &Connection, path: &Path) -> rusqlite::Result<ReadPosition> {
    let query = "SELECT * FROM file WHERE id = ?";
    let known = first(connection, query, [file_id(path)], position_from);
    known.map(Option::unwrap_or_default)
}

/// How far each file was read.
pub(crate) fn positions(connection: &Connection) -> rusqlite::Result<HashMap<Id, ReadPosition>> {
    let query = "SELECT * FROM file";
    all(connection, query, [], |row| {
        Ok((row.get(0)?, position_from(row)?))
    })
}

fn position_from(row: &Row<'_>) -> rusqlite::Result<ReadPosition> {
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

/// The files that changed at `since` or later and have lines that could not be understood: their
/// paths, and how many lines.
pub(crate) fn damaged(
    connection: &Connection,
    since: Millis,
) -> rusqlite::Result<Vec<(String, u32)>> {
    let since = since.saturating_mul(1_000_000);
    let query =
        "SELECT path, unreadable FROM file WHERE unreadable > 0 AND modified >= ? ORDER BY path";
    all(connection, query, [since], |row| {
        let path: Vec<u8> = row.get(0)?;
        Ok((String::from_utf8_lossy(&path).into_owned(), row.get(1)?))
    })
}

/// Stores how far a file of a session was read.
pub(crate) fn put_position(
    connection: &Connection,
    id: Id,
    path: &Path,
    session: Id,
    now: &ReadPosition,
) -> rusqlite::Result<()> {
    let carry = &now.carry;
    let values = params![
        id,
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
    ];
    let put = "INSERT OR REPLACE INTO file VALUES (?,?,?,?,?,?,?,?,?,?,?)";
    run(connection, put, values)
}

/// A file is read anew: whatever is known of it may stand elsewhere now, or nowhere. It stays
/// known, for it was served.
pub(crate) fn cut_off(connection: &Connection, file: Id) -> rusqlite::Result<()> {
    for table in ["response", "place", "mark", "cost_state"] {
        let cut = format!(
            "UPDATE {table} SET position = position + ?2 WHERE file = ?1 AND position < ?2"
        );
        run(connection, &cut, params![file, Position::END])?;
    }
    Ok(())
}

/// Notes a mark in a file. Says whether it may change whose lines are.
pub(crate) fn put_mark(connection: &Connection, file: Id, mark: &Mark) -> rusqlite::Result<bool> {
    let put = "INSERT INTO mark VALUES (?1,?2,?3,?4)
         ON CONFLICT DO UPDATE SET position = ?3, at = ?4 WHERE position > ?3";
    let key = mark.snapshot.unwrap_or(QUEUE);
    run(connection, put, params![key, file, mark.position, mark.at])?;
    Ok(connection.changes() > 0)
}

/// The key of what is no snapshot.
const QUEUE: i64 = 0;

/// The marks of a family's files, with the files that they are in.
pub(crate) fn marks(connection: &Connection, family: Id) -> rusqlite::Result<Vec<(Id, Mark)>> {
    let query = in_files_of("mark", "file, key, position, at");
    all(connection, &query, [family], |row| {
        let key = row.get(1)?;
        let mark = Mark {
            snapshot: (key != QUEUE).then_some(key),
            position: row.get(2)?,
            at: row.get(3)?,
        };
        Ok((row.get(0)?, mark))
    })
}

/// Notes where a line stands. Says whether that is news.
pub(crate) fn put_place(
    connection: &Connection,
    key: i64,
    place: &Sighting,
) -> rusqlite::Result<bool> {
    let query = "SELECT file, position, late, copied_from FROM place WHERE key = ? AND file = ?";
    let known = first(connection, query, [key, place.file], |row| {
        Sighting::read(row, 0)
    })?;
    let now = known.map_or(*place, |known| known.seen_again(*place));
    if known == Some(now) {
        return Ok(false);
    }
    let put = "INSERT OR REPLACE INTO place VALUES (?,?,?,?,?)";
    let values = params![now.file, key, now.position, now.is_late, now.copied_from];
    run(connection, put, values)?;
    Ok(true)
}

/// Where else than at their first places lines stand, by their keys: those in a family's files, or
/// all.
pub(crate) fn places(
    connection: &Connection,
    family: Option<Id>,
) -> rusqlite::Result<BTreeMap<i64, Vec<Sighting>>> {
    let columns = "place.file, place.position, late, copied_from, place.key";
    let query = match family {
        Some(_) => in_files_of("place", columns),
        None => format!("SELECT {columns} FROM place"),
    };
    let mut places: BTreeMap<i64, Vec<Sighting>> = BTreeMap::new();
    each(connection, &query, params_from_iter(family), |row| {
        let here = places.entry(row.get(4)?).or_default();
        here.push(Sighting::read(row, 0)?);
        Ok(())
    })?;
    Ok(places)
}

/// Notes the end of a compaction.
pub(crate) fn put_compaction(connection: &Connection, found: &Compaction) -> rusqlite::Result<()> {
    let put = "INSERT OR IGNORE INTO compaction VALUES (?,?,?)";
    let values = params![found.key, found.at, found.tokens.cast_signed()];
    run(connection, put, values)
}

/// The compaction of this key, if it is one's.
pub(crate) fn compaction(
    connection: &Connection,
    key: i64,
    places: &[Sighting],
) -> rusqlite::Result<Option<Compaction>> {
    let query = "SELECT at, tokens FROM compaction WHERE key = ?";
    first(connection, query, [key], |row| {
        Ok(Compaction {
            key,
            at: row.get(0)?,
            tokens: row.get::<_, i64>(1)?.cast_unsigned(),
            session: 0,
            places: places.to_vec(),
        })
    })
}

/// Other sessions that have the same line in one of their files: a `mark`, or one whose `place` is
/// kept.
pub(crate) fn sessions_that_share(
    connection: &Connection,
    table: &str,
    key: i64,
    session: Id,
) -> rusqlite::Result<Vec<Id>> {
    let query = format!(
        "SELECT DISTINCT session FROM {table} JOIN file ON file.id = file WHERE key = ?1 AND session != ?2"
    );
    all(connection, &query, [key, session], |row| row.get(0))
}

/// A query over the rows of a table that are about transcripts of a family.
pub(crate) fn in_files_of(table: &str, columns: &str) -> String {
    format!(
        "SELECT {columns} FROM {table} JOIN file ON file.id = {table}.file JOIN session ON session.id = file.session WHERE family = ?"
    )
}
