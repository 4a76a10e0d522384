//! How SQLite's files are called and opened, and how statements are run.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, Row, params};

/// The file that SQLite keeps beside the ledger under its name with this ending.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Has SQLite open a file. On Windows it takes names of 260 characters at most, those of the files
/// beside it included, unless a path is written as the system looked it up.
pub(super) fn open(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    const LONG: usize = 200;
    let looked_up = || {
        let directory = std::fs::canonicalize(path.parent()?).ok()?;
        Some(directory.join(path.file_name()?))
    };
    if cfg!(windows)
        && path.as_os_str().len() > LONG
        && let Some(path) = looked_up()
    {
        return Connection::open_with_flags(path, flags);
    }
    Connection::open_with_flags(path, flags)
}

/// Executes a statement, which is prepared once.
pub(crate) fn run(
    connection: &Connection,
    statement: &str,
    values: impl Params,
) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute(values)?;
    Ok(())
}

/// Every row of a query.
pub(crate) fn all<T, C: FromIterator<T>>(
    connection: &Connection,
    query: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<C> {
    let mut statement = connection.prepare_cached(query)?;
    statement.query_map(values, read)?.collect()
}

/// The first row of a query, if there is one.
pub(crate) fn first<T>(
    connection: &Connection,
    query: &str,
    values: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    let mut statement = connection.prepare_cached(query)?;
    statement.query_row(values, read).optional()
}

/// Calls `each` for every row of a query.
pub(crate) fn each(
    connection: &Connection,
    query: &str,
    values: impl Params,
    mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        each(row)?;
    }
    Ok(())
}

/// Whether a query has a row.
pub(crate) fn any(
    connection: &Connection,
    query: &str,
    values: impl Params,
) -> rusqlite::Result<bool> {
    connection.prepare_cached(query)?.exists(values)
}

/// What was noted under a name.
pub(crate) fn noted(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let query = "SELECT value FROM meta WHERE name = ?";
    first(connection, query, [name], |row| row.get(0))
}

/// Notes a number under a name.
pub(crate) fn note(connection: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    let put = "INSERT OR REPLACE INTO meta VALUES (?, ?)";
    run(connection, put, params![name, value])
}
