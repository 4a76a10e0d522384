//! What ids stand for: sessions with the directories that they worked in, models, scenes.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, params};

use super::sqlite::{all, any, first, run};
use crate::ledger::facts::{Id, Scene, id_of};
use crate::time::Millis;

/// The directory that a session worked in, and which line says so: the time of one of its own, or this
/// later that of a copy in the file of another session. The least is believed: a parent's own
/// transcript may be gone, and copies still say where it worked.
pub(crate) type WorkedIn = (Millis, String);
pub(crate) const WITNESS_OF_COPY: Millis = 1 << 60;

/// Notes a session, as a family of its own if it is new.
pub(crate) fn put_session(
    connection: &Connection,
    name: &str,
    directory: Option<&WorkedIn>,
) -> rusqlite::Result<Id> {
    let id = id_of(name.as_bytes());
    let query = "SELECT witness, directory FROM session WHERE id = ?";
    let known = first(connection, query, [id], |row| {
        let witness: Option<Millis> = row.get(0)?;
        Ok(witness.zip(row.get(1)?))
    })?;
    if known.is_none() {
        // A row that a disk lost: with a new one, what was told of it would count twice.
        if any(connection, "SELECT 1 FROM response WHERE session = ?", [id])? {
            return Err(rusqlite::Error::IntegralValueOutOfRange(0, id));
        }
        let new = "INSERT INTO session (id, name, family) VALUES (?1, ?2, ?1)";
        run(connection, new, params![id, name])?;
    }
    if let Some((witness, path)) = directory
        && known
            .flatten()
            .is_none_or(|known: WorkedIn| (witness, path) < (&known.0, &known.1))
    {
        let learn = "UPDATE session SET directory = ?2, witness = ?3 WHERE id = ?1";
        run(connection, learn, params![id, path, witness])?;
    }
    Ok(id)
}

/// Notes a model by its canonical name.
pub(crate) fn put_model(connection: &Connection, name: &str) -> rusqlite::Result<Id> {
    let id = id_of(name.as_bytes());
    let put = "INSERT OR IGNORE INTO model VALUES (?, ?)";
    run(connection, put, params![id, name])?;
    Ok(id)
}

pub(crate) fn models(connection: &Connection) -> rusqlite::Result<HashMap<Id, String>> {
    let query = "SELECT id, name FROM model";
    all(connection, query, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Notes what a scene's id stands for.
pub(crate) fn put_scene(connection: &Connection, id: Id, scene: &Scene) -> rusqlite::Result<()> {
    let put = "INSERT OR IGNORE INTO scene VALUES (?,?,?)";
    run(connection, put, params![id, scene.branch, scene.agent])
}

pub(crate) fn scenes(connection: &Connection) -> rusqlite::Result<HashMap<Id, Scene>> {
    let query = "SELECT id, branch, agent FROM scene";
    all(connection, query, [], |row| {
        let (branch, agent) = (row.get(1)?, row.get(2)?);
        Ok((row.get(0)?, Scene { branch, agent }))
    })
}

/// Paths are stored as their bytes, which need not be UTF-8.
pub(crate) fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}
