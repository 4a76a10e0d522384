//! The random name of this machine in exports.

use std::path::Path;

use crate::disk::{self, Durability, Error};
use crate::paths::Paths;

/// The number of characters in a machine's name.
const NAME_LENGTH: usize = 16;

/// Returns the name of this machine. The first export chooses it at random.
pub(super) fn machine_name(paths: &Paths) -> Result<String, Error> {
    let path = paths.data.join("export/machine");
    if let Some(name) = read(&path)? {
        return Ok(name);
    }
    let random = getrandom::u64().map_err(|error| disk::write_error(&path)(error.into()))?;
    let name = format!("{random:016x}");
    disk::create_parent_directory(&path)?;
    disk::write_atomically(&path, name.as_bytes(), Durability::Synced)?;
    Ok(name)
}

/// Returns the stored name, or `None` if there is no valid one.
fn read(path: &Path) -> Result<Option<String>, Error> {
    let bytes = disk::read_owned(path, NAME_LENGTH as u64)?.unwrap_or_default();
    let name = String::from_utf8(bytes).unwrap_or_default();
    let is_valid = name.len() == NAME_LENGTH && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(is_valid.then_some(name))
}
