//! Where incidents are kept, and how they are written and read.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::disk::room::Room;
use crate::disk::{self, records};
use crate::limits::evidence::Evidence;
use crate::places::Places;
use crate::time::{Millis, moment};

/// One incident's place on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredIncident {
    /// The directory of all incidents.
    root: PathBuf,
    /// The session's directory in it.
    session: String,
    /// When it was stored; also its name.
    at: Millis,
}

impl StoredIncident {
    /// The place for an error that a session met at this moment.
    pub(super) fn new(places: &Places, session: &str, at: DateTime<Utc>) -> Self {
        Self {
            root: root(places),
            session: records::name_of(session),
            at: at.timestamp_millis(),
        }
    }

    fn name(&self, suffix: &str) -> String {
        format!("{:013}.{suffix}", self.at)
    }

    fn file(&self, suffix: &str) -> PathBuf {
        self.root.join(&self.session).join(self.name(suffix))
    }

    /// When the error came.
    pub(super) fn at(&self) -> DateTime<Utc> {
        moment(self.at)
    }

    /// Reads the evidence. None if the file is gone or not ours.
    pub(super) fn read(&self) -> Option<Evidence> {
        let evidence: Evidence = records::read(&self.file("json"))?;
        evidence.has_sound_dates().then_some(evidence)
    }

    /// Writes the evidence, or replaces it by what is known in addition.
    pub(super) fn write(&self, evidence: &Evidence) -> Result<(), disk::Error> {
        let bytes = records::bytes_of(evidence);
        self.room()?.replace(&self.name("json"), &bytes)
    }

    /// The session's directory. No link may stand above it either.
    fn room(&self) -> Result<Room, disk::Error> {
        let data = self.root.parent().unwrap_or(&self.root);
        Room::make(data, &[ROOT, &self.session])
    }

    /// Whether the user was told in the conversation.
    pub(super) fn is_told(&self) -> bool {
        self.file("told").exists()
    }

    /// Remembers that the user was told. False if that was remembered already.
    pub(super) fn tell(&self) -> bool {
        let marked = self
            .room()
            .and_then(|room| room.create(&self.name("told"), b""));
        // What cannot be remembered is not said, which is better than saying it every time.
        marked.unwrap_or(false)
    }
}

/// Stores a new incident of a session.
pub(super) fn create(
    places: &Places,
    session: &str,
    evidence: &Evidence,
) -> Result<StoredIncident, disk::Error> {
    let mut stored = StoredIncident::new(places, session, evidence.at);
    let (room, bytes) = (stored.room()?, records::bytes_of(evidence));
    // Two errors in one millisecond are two incidents.
    while !room.create(&stored.name("json"), &bytes)? {
        stored.at += 1;
    }
    Ok(stored)
}

/// The directory of all incidents, in our data directory.
const ROOT: &str = "incidents";

fn root(places: &Places) -> PathBuf {
    places.data.join(ROOT)
}

/// The incidents of one session, newest first. Empty if it has none, at the cost of one failed
/// system call.
pub(super) fn of_session(places: &Places, session: &str) -> Vec<StoredIncident> {
    listed(&root(places), [records::name_of(session)])
}

/// The newest incident of a session, at the same cost.
pub(super) fn newest_of(places: &Places, session: &str) -> Option<StoredIncident> {
    of_session(places, session).into_iter().next()
}

/// The incidents of all sessions, newest first.
pub(super) fn all(places: &Places) -> Vec<StoredIncident> {
    let root = root(places);
    let sessions = std::fs::read_dir(&root).into_iter().flatten().flatten();
    listed(
        &root,
        sessions.filter_map(|session| session.file_name().into_string().ok()),
    )
}

fn listed(root: &Path, sessions: impl IntoIterator<Item = String>) -> Vec<StoredIncident> {
    let mut found = Vec::new();
    for session in sessions {
        let entries = std::fs::read_dir(root.join(&session)).into_iter().flatten();
        found.extend(entries.flatten().filter_map(|entry| {
            let name = entry.file_name();
            let at = name.to_str()?.strip_suffix(".json")?.parse().ok()?;
            let (root, session) = (root.to_owned(), session.clone());
            Some(StoredIncident { root, session, at })
        }));
    }
    found.sort_unstable_by_key(|stored| Reverse(stored.at));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_errors_in_one_millisecond_are_two_incidents() {
        let directory = tempfile::tempdir().unwrap();
        let places = Places::of(&crate::environment::Environment::new(
            [("WHYCAP_DATA_DIR".into(), directory.path().into())],
            DateTime::UNIX_EPOCH,
        ));
        let first = create(&places, "s", &Evidence::default()).unwrap();
        let second = create(&places, "s", &Evidence::default()).unwrap();
        assert_ne!(first.at, second.at);
        assert_eq!(of_session(&places, "s"), [second, first]);
    }
}
