//! How SQLite's files are called and opened, and how statements are run.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Params, Result, Row, Transaction,
    TransactionBehavior, params,
};

use crate::pricing::Money;

/// The tables of a ledger. The files of this room say what each holds.
#[derive(Debug)]
pub(crate) struct Store(pub(super) Connection);

impl Deref for Store {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

/// The file that SQLite keeps beside the ledger under its name with this ending.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Has SQLite open a file. On Windows it takes names of 260 characters at most, those of the files
/// beside it included, unless a path is written as the system looked it up.
pub(super) fn open(path: &Path, flags: OpenFlags) -> Result<Connection> {
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

impl Store {
    /// Until it is dropped, what is written here is written together or not at all.
    pub(crate) fn transaction(&self) -> Result<Transaction<'_>> {
        Transaction::new_unchecked(self, TransactionBehavior::Immediate)
    }

    /// Executes a statement, which is prepared once.
    pub(crate) fn run(&self, statement: &str, values: impl Params) -> Result<()> {
        self.prepare_cached(statement)?.execute(values)?;
        Ok(())
    }

    /// Every row of a query.
    pub(crate) fn all<T, C: FromIterator<T>>(
        &self,
        query: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<C> {
        let mut statement = self.prepare_cached(query)?;
        statement.query_map(values, read)?.collect()
    }

    /// The first row of a query, if there is one.
    pub(crate) fn first<T>(
        &self,
        query: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.prepare_cached(query)?;
        statement.query_row(values, read).optional()
    }

    /// Calls `each` for every row of a query.
    pub(crate) fn each(
        &self,
        query: &str,
        values: impl Params,
        mut each: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut statement = self.prepare_cached(query)?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            each(row)?;
        }
        Ok(())
    }

    /// Whether a query has a row.
    pub(crate) fn any(&self, query: &str, values: impl Params) -> Result<bool> {
        self.prepare_cached(query)?.exists(values)
    }

    /// What was noted under a name.
    pub(crate) fn noted(&self, name: &str) -> Result<Option<i64>> {
        let query = "SELECT value FROM meta WHERE name = ?";
        self.first(query, [name], |row| row.get(0))
    }

    /// Notes a number under a name.
    pub(crate) fn note(&self, name: &str, value: i64) -> Result<()> {
        let put = "INSERT OR REPLACE INTO meta VALUES (?, ?)";
        self.run(put, params![name, value])
    }
}

impl ToSql for Money {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(self.pico().into())
    }
}

impl FromSql for Money {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self::from_pico)
    }
}
