//! Small files that each contain a single JSON value, and empty files that record that something happened.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    Durability, Error, create_atomically, create_parent_directory, read_owned, write_atomically,
};

/// The maximum size of a file in bytes. Most values take up a few kilobytes.
const SIZE_LIMIT: u64 = 256 * 1024;
/// The maximum size of a file that grows with the history because it has an entry per session, day, or directory.
const LARGE_SIZE_LIMIT: u64 = 64 * 1024 * 1024;

/// Returns true if an ID from another program can be used as a file name. It must be short and contain only letters,
/// digits, `-`, and `_`, so that it cannot point outside its directory.
pub(crate) fn is_safe_file_name(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 80
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Reads a value. Returns `None` if the file does not exist or does not contain a valid value.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    read_up_to(path, SIZE_LIMIT)
}

/// Like [`read`], for values that grow with the history.
pub(crate) fn read_large<T: DeserializeOwned>(path: &Path) -> Option<T> {
    read_up_to(path, LARGE_SIZE_LIMIT)
}

fn read_up_to<T: DeserializeOwned>(path: &Path, limit: u64) -> Option<T> {
    let bytes = read_owned(path, limit).ok()??;
    serde_json::from_slice(&bytes).ok()
}

/// Writes a value, replacing the old one. A power failure may lose the new value.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    create_parent_directory(path)?;
    write_atomically(path, &to_bytes(value), Durability::Quick)
}

/// Creates an empty file that records that something happened, such as an announcement.
///
/// Returns false if the file already exists or cannot be created. In either case, the caller does nothing, because
/// never announcing something is better than announcing it every time.
pub(crate) fn create_marker(path: &Path) -> bool {
    create_parent_directory(path)
        .and_then(|()| create_atomically(path, b""))
        .unwrap_or(false)
}

/// Serializes a value in the form in which it is stored.
pub(crate) fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_lead_out_of_its_directory() {
        for id in ["../../etc", "a/b", "", ".", "..", "x\0y", &"a".repeat(500)] {
            assert!(!is_safe_file_name(id), "{id}");
        }
        assert!(is_safe_file_name("5a7d3c1e-0000"));
    }
}
