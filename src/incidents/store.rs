//! Where incidents are kept, and how they are written and read.

use std::cmp::Reverse;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::disk::{self, records};
use crate::limits::evidence::Evidence;
use crate::places::Places;
use crate::time::{Millis, moment};

/// One incident's place on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredIncident {
    /// The session's directory.
    directory: PathBuf,
    /// When it was stored; also its name.
    at: Millis,
}

impl StoredIncident {
    /// The place for an error that a session met at this moment.
    pub(super) fn new(places: &Places, session: &str, at: DateTime<Utc>) -> Self {
        Self {
            directory: directory_of(places, session),
            at: at.timestamp_millis(),
        }
    }

    fn file(&self, suffix: &str) -> PathBuf {
        self.directory.join(format!("{:013}.{suffix}", self.at))
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
        self.create_directory()?;
        records::write(&self.file("json"), evidence)
    }

    /// Makes the session's directory. No link may stand above it either.
    fn create_directory(&self) -> Result<(), disk::Error> {
        disk::create_directory_of(&self.directory)
    }

    /// Whether the user was told in the conversation.
    pub(super) fn is_told(&self) -> bool {
        self.file("told").exists()
    }

    /// Remembers that the user was told. False if that was remembered already.
    pub(super) fn tell(&self) -> bool {
        records::mark(&self.file("told"))
    }
}

/// Stores a new incident of a session.
pub(super) fn create(
    places: &Places,
    session: &str,
    evidence: &Evidence,
) -> Result<StoredIncident, disk::Error> {
    let mut stored = StoredIncident::new(places, session, evidence.at);
    stored.create_directory()?;
    // Two errors in one millisecond are two incidents.
    while !records::create(&stored.file("json"), evidence)? {
        stored.at += 1;
    }
    Ok(stored)
}

fn root(places: &Places) -> PathBuf {
    places.data.join("incidents")
}

fn directory_of(places: &Places, session: &str) -> PathBuf {
    root(places).join(records::name_of(session))
}

/// The incidents of one session, newest first. Empty if it has none, at the cost of one failed
/// system call.
pub(super) fn of_session(places: &Places, session: &str) -> Vec<StoredIncident> {
    listed([directory_of(places, session)])
}

/// The newest incident of a session, at the same cost.
pub(super) fn newest_of(places: &Places, session: &str) -> Option<StoredIncident> {
    of_session(places, session).into_iter().next()
}

/// The incidents of all sessions, newest first.
pub(super) fn all(places: &Places) -> Vec<StoredIncident> {
    let sessions = std::fs::read_dir(root(places)).into_iter().flatten();
    listed(sessions.flatten().map(|session| session.path()))
}

fn listed(directories: impl IntoIterator<Item = PathBuf>) -> Vec<StoredIncident> {
    let mut found = Vec::new();
    for directory in directories {
        let entries = std::fs::read_dir(&directory).into_iter().flatten();
        found.extend(entries.flatten().filter_map(|entry| {
            let name = entry.file_name();
            let at = name.to_str()?.strip_suffix(".json")?.parse().ok()?;
            let directory = directory.clone();
            Some(StoredIncident { directory, at })
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
