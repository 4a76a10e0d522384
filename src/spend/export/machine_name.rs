//! The random name of this machine in exports.

use crate::disk::records::{self, is_safe_file_name};
use crate::disk::{self, Error};
use crate::environment::Paths;

/// Returns the name of this machine. The first export chooses it at random.
pub(super) fn machine_name(paths: &Paths) -> Result<String, Error> {
    let path = paths.data.join("export/machine");
    let known: Option<String> = records::read(&path);
    if let Some(name) = known.filter(|name| is_safe_file_name(name)) {
        return Ok(name);
    }
    let random = getrandom::u64().map_err(|error| disk::write_error(&path)(error.into()))?;
    let name = format!("{random:016x}");
    records::write(&path, &name)?;
    Ok(name)
}
