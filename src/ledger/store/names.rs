//! What ids stand for: sessions with the directories that they worked in, models, scenes.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Result, params};

use super::sqlite::Store;
use crate::ledger::facts::{Id, Scene, id_of};
use crate::time::Millis;

/// The directory that a session worked in, and which line says so: the time of one of its own, or this
/// later that of a copy in the file of another session. The least is believed: a parent's own
/// transcript may be gone, and copies still say where it worked.
pub(crate) type WorkedIn = (Millis, String);
pub(crate) const WITNESS_OF_COPY: Millis = 1 << 60;

/// Paths are stored as their bytes, which need not be UTF-8.
pub(crate) fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

impl Store {
    /// Notes a session, as a family of its own if it is new.
    pub(crate) fn put_session(&self, name: &str, directory: Option<&WorkedIn>) -> Result<Id> {
        let id = id_of(name.as_bytes());
        let new = "INSERT OR IGNORE INTO session (id, name, family) VALUES (?1, ?2, ?1)";
        self.run(new, params![id, name])?;
        let answers = "SELECT 1 FROM response WHERE session = ?";
        if self.changes() > 0 && self.any(answers, [id])? {
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
        let query = "SELECT id, name FROM model";
        self.all(query, [], |row| row.try_into())
    }

    /// Notes what a scene's id stands for.
    pub(crate) fn put_scene(&self, id: Id, scene: &Scene) -> Result<()> {
        let put = "INSERT OR IGNORE INTO scene VALUES (?,?,?)";
        self.run(put, params![id, scene.branch, scene.agent])
    }

    pub(crate) fn scenes(&self) -> Result<HashMap<Id, Scene>> {
        let query = "SELECT id, branch, agent FROM scene";
        self.all(query, [], |row| {
            let (branch, agent) = (row.get(1)?, row.get(2)?);
            Ok((row.get(0)?, Scene { branch, agent }))
        })
    }
}
