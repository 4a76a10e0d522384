//! Reads and writes JSON files that contain a single value, and creates empty marker files.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    Durability, Error, create_atomically, create_parent_directory, read_owned, write_atomically,
};

/// The maximum size of a file, in bytes. Most files are only a few kilobytes.
const SIZE_LIMIT: u64 = 256 * 1024;
/// Returns true if an ID from another program is safe to use as a file name. It must be short and contain only letters,
/// digits, `-`, and `_`, so the path cannot leave its directory.
pub(crate) fn is_safe_file_name(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 80
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Reads a value. Returns `None` if the file does not exist or does not contain a valid value.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let bytes = read_owned(path, SIZE_LIMIT).ok()??;
    serde_json::from_slice(&bytes).ok()
}

/// Writes a value, replacing the previous one. A power failure can undo the write.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    create_parent_directory(path)?;
    write_atomically(path, &to_bytes(value), Durability::Quick)
}

/// Creates an empty file to record that something has happened, for example that the user has been notified.
///
/// Returns false if the file already exists or cannot be created. In both cases, the caller should not notify the user.
/// A missing notification is better than one that appears every time.
pub(crate) fn create_marker(path: &Path) -> bool {
    create_parent_directory(path)
        .and_then(|()| create_atomically(path, b""))
        .unwrap_or(false)
}

/// Serializes a value to the format used on disk.
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
