//! Ids that stand for the names of sessions, models and scenes, and paths as they are stored.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use crate::ledger::scene::{Scene, SceneId};

/// The id of a row of `session` or `model`.
pub(crate) type Id = i64;

/// The id of a model by its canonical name, which is added if it is new.
pub(crate) fn model_id(connection: &Connection, name: &str) -> rusqlite::Result<Id> {
    // The update that changes nothing makes RETURNING work for a known name.
    connection
        .prepare_cached(
            "INSERT INTO model (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
        )?
        .query_row([name], |row| row.get(0))
}

pub(crate) fn model_names(connection: &Connection) -> rusqlite::Result<HashMap<Id, String>> {
    connection
        .prepare_cached("SELECT id, name FROM model")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Notes what a scene's id stands for.
pub(crate) fn put_scene(
    connection: &Connection,
    id: SceneId,
    scene: &Scene,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO scene VALUES (?,?,?)")?
        .execute(params![id, scene.branch, scene.agent])?;
    Ok(())
}

pub(crate) fn scenes(connection: &Connection) -> rusqlite::Result<HashMap<SceneId, Scene>> {
    connection
        .prepare_cached("SELECT id, branch, agent FROM scene")?
        .query_map([], |row| {
            let (branch, agent) = (row.get(1)?, row.get(2)?);
            Ok((row.get(0)?, Scene { branch, agent }))
        })?
        .collect()
}

/// The id of a session, if the ledger knows it.
pub(crate) fn session_id(connection: &Connection, name: &str) -> rusqlite::Result<Option<Id>> {
    connection
        .prepare_cached("SELECT id FROM session WHERE name = ?")?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// The id of a session, which is added as a family of its own if it is new.
pub(crate) fn put_session(connection: &Connection, name: &str) -> rusqlite::Result<Id> {
    if let Some(known) = session_id(connection, name)? {
        return Ok(known);
    }
    let id = connection
        .prepare_cached("INSERT INTO session (name) VALUES (?) RETURNING id")?
        .query_row([name], |row| row.get(0))?;
    connection
        .prepare_cached("UPDATE session SET family = id WHERE id = ?")?
        .execute([id])?;
    Ok(id)
}

/// Paths are stored as their bytes, which need not be UTF-8.
pub(crate) fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}
