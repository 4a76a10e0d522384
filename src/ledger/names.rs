//! What the ids in answers and sums stand for.

use std::collections::HashMap;
use std::sync::LazyLock;

use rusqlite::{Result, Row};

use super::facts::{Answer, Id, Scene};
use super::store::Store;
use crate::time::{Millis, QUARTER};

/// Whether a session, by its name, or what was spent in a directory is meant.
pub type Meant<'m> = &'m dyn Fn(&str) -> bool;

/// Where a session worked and what it is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The session's id.
    pub session: String,
    /// The directory it worked in; empty if unknown.
    pub project: String,
    /// The time of its first response.
    pub first_at: Option<Millis>,
    /// The time of the newest line that counts in its transcripts.
    pub last_at: Option<Millis>,
}

impl Default for &Origin {
    fn default() -> Self {
        static NOBODY: LazyLock<Origin> = LazyLock::new(Origin::default);
        &NOBODY
    }
}

/// Sessions, models and scenes by their ids, as far as they were asked for. Of what is not known, names
/// are empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub(crate) sessions: HashMap<Id, Origin>,
    pub(super) models: HashMap<Id, String>,
    pub(super) scenes: HashMap<Id, Scene>,
}

impl Names {
    /// With all models and scenes.
    pub(super) fn with_sessions(sessions: HashMap<Id, Origin>, store: &Store) -> Result<Self> {
        Ok(Self {
            sessions,
            models: store.models()?,
            scenes: store.scenes()?,
        })
    }

    pub(crate) fn origin(&self, session: Id) -> &Origin {
        self.sessions.get(&session).unwrap_or_default()
    }

    /// The name of a session.
    pub(crate) fn session(&self, id: Id) -> &str {
        &self.origin(id).session
    }

    /// The canonical name of a model.
    pub(crate) fn model(&self, id: Id) -> &str {
        self.models.get(&id).map_or("", String::as_str)
    }

    /// The branch that an answer was worked for on.
    pub(crate) fn branch(&self, answer: &Answer) -> &str {
        let scene = self.scenes.get(&answer.scene);
        scene.map_or("", |scene| &scene.branch)
    }

    /// The type of the subagent that an answer was served to; "main" for the session itself.
    pub(crate) fn agent(&self, answer: &Answer) -> &str {
        let scene = self.scenes.get(&answer.scene);
        scene.map_or("", |scene| &scene.agent)
    }
}

impl Store {
    /// The directory that a session worked in, if it is known.
    pub(super) fn directory(&self, session: Id) -> Result<Option<String>> {
        let query = "SELECT directory FROM session WHERE id = ?";
        let known = self.first(query, [session], |row| row.get(0));
        known.map(Option::flatten)
    }

    /// Every session.
    pub(super) fn origins(&self) -> Result<HashMap<Id, Origin>> {
        let query = "SELECT id, name, coalesce(directory, ''),
                    (SELECT min(at) FROM response WHERE response.session = session.id),
                    (SELECT max(newest_at) FROM file WHERE file.session = session.id)
             FROM session";
        self.all(query, [], origin_from)
    }

    /// The names alone of those sessions that are meant and spent anything since the quarter of an hour of
    /// this moment.
    pub(super) fn sessions(&self, since: Millis, meant: Meant<'_>) -> Result<HashMap<Id, Origin>> {
        // By the sums: they lie in order of time, answers session by session.
        let query = "SELECT id, name, '', NULL, NULL FROM session WHERE id IN (SELECT session FROM quarter WHERE quarter >= ?1
                UNION ALL SELECT session FROM unrecorded WHERE quarter >= ?1 UNION ALL SELECT session FROM unwritten WHERE quarter >= ?1)";
        let quarter = since.div_euclid(QUARTER);
        let mut found: HashMap<Id, Origin> = self.all(query, [quarter], origin_from)?;
        found.retain(|_, origin| meant(&origin.session));
        Ok(found)
    }
}

fn origin_from(row: &Row<'_>) -> Result<(Id, Origin)> {
    let origin = Origin {
        session: row.get(1)?,
        project: row.get(2)?,
        first_at: row.get(3)?,
        last_at: row.get(4)?,
    };
    Ok((row.get(0)?, origin))
}
