//! Small files of ours: one JSON value each, or an empty mark, named after what they are about.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Durability, Error, create_atomically, create_directory_of, write_atomically};

/// Ours hold a few kilobytes.
const SIZE_LIMIT: u64 = 256 * 1024;
/// What is remembered of every session, day or directory has some bytes of each.
const LARGE_LIMIT: u64 = 64 * 1024 * 1024;

/// Whether an id from outside may be the name of a file: with nothing but letters, digits, `-` and `_`,
/// and not very long, none can lead out of its directory.
pub(crate) fn may_be_name(id: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !id.is_empty() && id.len() <= 80 && id.chars().all(is_plain)
}

/// Reads a value. None if the file is gone or does not hold one.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    read_within(path, SIZE_LIMIT)
}

/// The same of a value that grows with the history.
pub(crate) fn read_large<T: DeserializeOwned>(path: &Path) -> Option<T> {
    read_within(path, LARGE_LIMIT)
}

fn read_within<T: DeserializeOwned>(path: &Path, limit: u64) -> Option<T> {
    serde_json::from_slice(&super::read_own(path, limit).ok()??).ok()
}

/// Writes a value over whatever was there. It may be lost in a power cut.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    create_directory_of(path)?;
    write_atomically(path, &bytes_of(value), Durability::Quick)
}

/// Remembers by an empty file that something happened. False if it had happened before, or cannot
/// be remembered: what is said once is then not said, which is better than saying it every time.
pub(crate) fn mark(path: &Path) -> bool {
    let made = create_directory_of(path).and_then(|()| create_atomically(path, b""));
    made.unwrap_or(false)
}

/// A value as its file holds it.
pub(crate) fn bytes_of(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_lead_out_of_its_directory() {
        for id in ["../../etc", "a/b", "", ".", "..", "x\0y", &"a".repeat(500)] {
            assert!(!may_be_name(id), "{id}");
        }
        assert!(may_be_name("5a7d3c1e-0000"));
    }
}
