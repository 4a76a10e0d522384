//! Removes temporary files that killed processes have left behind.

use std::fs;
use std::io;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use super::ownership;
use super::write::{TEMPORARY_PREFIX, TEMPORARY_SUFFIX, remove_owned_file};
use crate::time::datetime_from_system;

/// The age at which a temporary file is considered stale. No run of whycap takes this long.
const STALE_AFTER: TimeDelta = TimeDelta::hours(1);

/// Removes the user's stale temporary files from a directory and its subdirectories, up to `levels` deep. Symbolic
/// links are not followed.
pub(crate) fn remove_stale_temporary_files(directory: &Path, now: DateTime<Utc>, levels: usize) {
    for entry in fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
    {
        let Ok(file_type) = entry.file_type() else {
            continue;
        };
        if file_type.is_dir() && levels > 0 {
            remove_stale_temporary_files(&entry.path(), now, levels - 1);
        } else if file_type.is_file() && is_stale_temporary_file(&entry, now).unwrap_or(false) {
            // Ignore errors, because nothing depends on the removal.
            let _ = remove_owned_file(&entry.path());
        }
    }
}

fn is_stale_temporary_file(entry: &fs::DirEntry, now: DateTime<Utc>) -> io::Result<bool> {
    let file_name = entry.file_name();
    let name = file_name.to_string_lossy();
    if !name.starts_with(TEMPORARY_PREFIX) || !name.ends_with(TEMPORARY_SUFFIX) {
        return Ok(false);
    }
    let metadata = entry.metadata()?;
    let age = now - datetime_from_system(metadata.modified()?);
    Ok(ownership::is_owned(&metadata) && age > STALE_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::create_private_file;

    #[test]
    fn only_old_temporary_files_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let temporary = root.path().join("directory/.whycap-abc.tmp");
        let other = root.path().join("directory/mine.tmp");
        for path in [&temporary, &other] {
            create_private_file(path).unwrap();
        }
        let written_at =
            datetime_from_system(fs::metadata(&temporary).unwrap().modified().unwrap());
        let half_an_hour_later = written_at + TimeDelta::minutes(30);
        let a_day_later = written_at + TimeDelta::days(1);

        remove_stale_temporary_files(root.path(), half_an_hour_later, 1);
        assert!(temporary.exists(), "it may still be written");
        remove_stale_temporary_files(root.path(), a_day_later, 0);
        assert!(temporary.exists(), "it is too deep");
        remove_stale_temporary_files(root.path(), a_day_later, 1);
        assert!(!temporary.exists() && other.exists());
    }
}
