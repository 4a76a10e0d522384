//! Where incidents are kept, and how they are written and read.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::disk::{self, Durability};
use crate::limits::evidence::Evidence;
use crate::places::Places;

/// An incident holds a few kilobytes.
const SIZE_LIMIT: u64 = 256 * 1024;

/// One incident's place on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The session's directory.
    pub directory: PathBuf,
    /// When it was stored, in milliseconds since 1970; also its name.
    pub at: i64,
}

impl Stored {
    fn file(&self, suffix: &str) -> PathBuf {
        self.directory.join(format!("{:013}.{suffix}", self.at))
    }

    /// Reads the evidence. None if the file is gone or not ours.
    pub fn read(&self) -> Option<Evidence> {
        let bytes = disk::read(&self.file("json"), SIZE_LIMIT).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    /// Replaces the evidence by what is known in addition.
    pub fn update(&self, evidence: &Evidence) -> Result<(), disk::Error> {
        disk::write_atomically(&self.file("json"), &encode(evidence), Durability::Quick)
    }

    /// Whether the session is known to have got an answer since.
    pub fn is_closed(&self) -> bool {
        self.file("closed").exists()
    }

    /// Remembers that the session got an answer.
    pub fn close(&self) {
        self.mark("closed");
    }

    /// Whether the user was told in the conversation.
    pub fn is_told(&self) -> bool {
        self.file("told").exists()
    }

    /// Remembers that the user was told. False if that was remembered already.
    pub fn tell(&self) -> bool {
        self.mark("told")
    }

    /// An unwritable disk means that something is read or said once more; nothing breaks.
    fn mark(&self, suffix: &str) -> bool {
        disk::create_atomically(&self.file(suffix), b"").unwrap_or(false)
    }
}

fn encode(evidence: &Evidence) -> Vec<u8> {
    serde_json::to_vec(evidence).unwrap_or_default()
}

/// The directory of all incidents.
pub fn root(places: &Places) -> PathBuf {
    places.data.join("incidents")
}

/// A session's id as a file name: an id with anything but letters, digits, `-` and `_`, or a very
/// long one, becomes a hash, so that no id can lead out of the directory.
pub fn safe_name(session: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !session.is_empty() && session.len() <= 80 && session.chars().all(is_plain) {
        session.to_owned()
    } else {
        format!("x-{:016x}", xxhash_rust::xxh3::xxh3_64(session.as_bytes()))
    }
}

/// Stores a new incident.
pub fn create(
    places: &Places,
    session: &str,
    now: DateTime<Utc>,
    evidence: &Evidence,
) -> Result<Stored, disk::Error> {
    let directory = root(places).join(safe_name(session));
    disk::create_private_dir(&directory)?;
    let bytes = encode(evidence);
    let mut stored = Stored {
        directory,
        at: now.timestamp_millis(),
    };
    // Two errors in one millisecond are two incidents.
    while !disk::create_atomically(&stored.file("json"), &bytes)? {
        stored.at += 1;
    }
    Ok(stored)
}

/// The incidents of one session, newest first. Empty if it has none, at the cost of one failed
/// system call.
pub fn of_session(places: &Places, session: &str) -> Vec<Stored> {
    in_directory(&root(places).join(safe_name(session)))
}

/// The newest incident of a session, at the same cost.
pub fn newest_of(places: &Places, session: &str) -> Option<Stored> {
    of_session(places, session).into_iter().next()
}

fn in_directory(directory: &Path) -> Vec<Stored> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut found: Vec<Stored> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let at = name.to_str()?.strip_suffix(".json")?.parse().ok()?;
            Some(Stored {
                directory: directory.to_owned(),
                at,
            })
        })
        .collect();
    found.sort_unstable_by_key(|stored| std::cmp::Reverse(stored.at));
    found
}

/// The incidents of all sessions, newest first.
pub fn all(places: &Places) -> Vec<Stored> {
    let Ok(sessions) = std::fs::read_dir(root(places)) else {
        return Vec::new();
    };
    let mut found: Vec<Stored> = sessions
        .flatten()
        .flat_map(|session| in_directory(&session.path()))
        .collect();
    found.sort_unstable_by_key(|stored| std::cmp::Reverse(stored.at));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_cannot_lead_out_of_the_directory() {
        for id in ["../../etc", "a/b", "", ".", "..", "x\0y", &"a".repeat(500)] {
            let name = safe_name(id);
            assert!(
                name.starts_with("x-") && name.len() == 18,
                "{id} gives {name}"
            );
        }
        assert_eq!(safe_name("5a7d3c1e-0000"), "5a7d3c1e-0000");
    }

    #[test]
    fn two_errors_in_one_millisecond_are_two_incidents() {
        let directory = tempfile::tempdir().unwrap();
        let places = Places::of(&crate::environment::Environment::new(
            [("WHYCAP_DATA_DIR".into(), directory.path().into())],
            DateTime::UNIX_EPOCH,
        ));
        let now = DateTime::UNIX_EPOCH;
        let first = create(&places, "s", now, &Evidence::default()).unwrap();
        let second = create(&places, "s", now, &Evidence::default()).unwrap();
        assert_ne!(first.at, second.at);
        assert_eq!(of_session(&places, "s"), [second, first]);
    }
}
