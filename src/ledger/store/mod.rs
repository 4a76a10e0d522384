//! The file: how it is opened, what stands in its tables, how statements are run, and what ids stand for:
//! sessions with the directories that they worked in, models, scenes.

pub(crate) mod answers;
mod error;
mod families;
mod opening;
pub(crate) mod processes;
mod schema;
pub(crate) mod transcript_files;

use std::collections::HashMap;
use std::ops::Deref;

pub(crate) use answers::{SumChanges, quarters};
pub(crate) use error::Damage;
pub use error::LedgerError;
pub(crate) use opening::set_aside;
pub use opening::{Ledger, Patience, path_in};
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{
    Connection, OptionalExtension, Params, Result, Row, Transaction, TransactionBehavior, params,
};

use crate::ledger::facts::{Id, Scene, id_of};
use crate::pricing::Money;
use crate::time::Millis;

/// The directory that a session worked in, and which line says so: the time of one of its own, or this
/// later that of a copy in the file of another session. The least is believed: a parent's own
/// transcript may be gone, and copies still say where it worked.
pub(crate) type WorkedIn = (Millis, String);
pub(crate) const WITNESS_OF_COPY: Millis = 1 << 60;

/// The tables of a ledger. The files of this room say what each holds.
#[derive(Debug)]
pub(crate) struct Store(Connection);

impl Deref for Store {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
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

    /// Notes a session, as a family of its own if it is new.
    pub(crate) fn put_session(&self, name: &str, directory: Option<&WorkedIn>) -> Result<Id> {
        let id = id_of(name.as_bytes());
        let new = "INSERT OR IGNORE INTO session (id, name, family) VALUES (?1, ?2, ?1)";
        self.run(new, params![id, name])?;
        if self.changes() > 0 && self.any("SELECT 1 FROM response WHERE session = ?", [id])? {
            // A row that a disk lost: with a new one, what was told of it would count twice.
            return Err(rusqlite::Error::IntegralValueOutOfRange(0, id));
        }
        if let Some((witness, path)) = directory {
            let learn = "UPDATE session SET directory = ?2, witness = ?3
             WHERE id = ?1 AND (directory IS NULL OR (?3, ?2) < (witness, directory))";
            self.run(learn, params![id, path, witness])?;
        }
        Ok(id)
    }

    /// Notes a model by its canonical name.
    pub(crate) fn put_model(&self, name: &str) -> Result<Id> {
        let id = id_of(name.as_bytes());
        let put = "INSERT OR IGNORE INTO model VALUES (?, ?)";
        self.run(put, params![id, name])?;
        Ok(id)
    }

    pub(crate) fn models(&self) -> Result<HashMap<Id, String>> {
        self.all("SELECT id, name FROM model", [], |row| row.try_into())
    }

    /// Notes what a scene's id stands for.
    pub(crate) fn put_scene(&self, id: Id, scene: &Scene) -> Result<()> {
        let put = "INSERT OR IGNORE INTO scene VALUES (?,?,?)";
        self.run(put, params![id, scene.branch, scene.agent])
    }

    pub(crate) fn scenes(&self) -> Result<HashMap<Id, Scene>> {
        self.all("SELECT id, branch, agent FROM scene", [], |row| {
            let (branch, agent) = (row.get(1)?, row.get(2)?);
            Ok((row.get(0)?, Scene { branch, agent }))
        })
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
