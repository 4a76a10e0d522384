//! What a run that was killed left lying: the file that it was writing beside another.

use std::fs;
use std::io;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use super::ours::is_ours;
use crate::time::of_machine;

/// How the name of a file begins and ends while it is being written.
pub(super) const BEGINNING: &str = ".whycap-";
pub(super) const ENDING: &str = ".tmp";

/// Longer ago than any run can have begun that is still writing.
const OLD: TimeDelta = TimeDelta::hours(1);

/// Deletes what is left in a directory: only files of ours under such a name, and only old ones.
pub(crate) fn sweep(directory: &Path, now: DateTime<Utc>) {
    sweep_below(directory, now, 0);
}

/// The same for the directories inside, so many levels deep. Links are not followed.
pub(crate) fn sweep_below(directory: &Path, now: DateTime<Utc>, levels: usize) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && levels > 0 {
            sweep_below(&entry.path(), now, levels - 1);
        } else if kind.is_file() && is_left(&entry, now).unwrap_or(false) {
            // One that cannot be deleted stays; nothing depends on it.
            let _ = super::remove_own_file(&entry.path());
        }
    }
}

fn is_left(entry: &fs::DirEntry, now: DateTime<Utc>) -> io::Result<bool> {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    if !name.starts_with(BEGINNING) || !name.ends_with(ENDING) {
        return Ok(false);
    }
    let found = entry.metadata()?;
    Ok(is_ours(&found) && now - of_machine(found.modified()?) > OLD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_files_under_such_a_name_go() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("inside");
        let left = inside.join(".whycap-abc.tmp");
        let other = inside.join("mine.tmp");
        for path in [&left, &other] {
            crate::disk::create_private_file(path).unwrap();
        }
        let written = of_machine(fs::metadata(&left).unwrap().modified().unwrap());
        sweep_below(directory.path(), written + TimeDelta::minutes(30), 1);
        sweep(directory.path(), written + TimeDelta::days(1));
        assert!(left.exists());
        sweep_below(directory.path(), written + TimeDelta::days(1), 1);
        assert!(!left.exists() && other.exists());
    }
}
