//! The directories that whycap and `install.sh` created. `uninstall` deletes those that are empty.
//!
//! The record is a text file in the data directory with one path on each line, so that `install.sh` can add to it.

use std::path::{Path, PathBuf};

use crate::disk::replace::remove_empty_owned_directory;
use crate::disk::{self, Durability};
use crate::environment::Paths;

fn record_path(paths: &Paths) -> PathBuf {
    paths.data.join("made-directories")
}

/// Reads the record. A directory comes before the directories in it. If the record is missing or damaged, it counts as
/// empty, and no directories are deleted.
fn recorded(paths: &Paths) -> Vec<PathBuf> {
    let bytes = disk::read_owned(&record_path(paths), 64 * 1024);
    let text = String::from_utf8(bytes.ok().flatten().unwrap_or_default()).unwrap_or_default();
    let mut directories: Vec<PathBuf> = text.lines().map(PathBuf::from).collect();
    directories.sort();
    directories
}

fn record(paths: &Paths, directories: &[PathBuf]) {
    let text: String = directories
        .iter()
        .filter_map(|directory| Some(format!("{}\n", directory.to_str()?)))
        .collect();
    let path = record_path(paths);
    let _ = disk::create_parent_directory(&path)
        .and_then(|()| disk::write_atomically(&path, text.as_bytes(), Durability::Synced));
}

/// Records the missing parent directories of a file that is about to be written. If this fails, `uninstall` leaves the
/// directories behind.
pub(crate) fn record_missing_parents(paths: &Paths, file: &Path) {
    let missing: Vec<PathBuf> = file
        .ancestors()
        .skip(1)
        .take_while(|directory| !directory.exists())
        .map(Path::to_owned)
        .collect();
    if !missing.is_empty() {
        record(paths, &[recorded(paths), missing].concat());
    }
}

/// Deletes the directories that are empty, and removes them from the record. If the user creates one of them again, it
/// belongs to the user.
pub(crate) fn remove_empty(paths: &Paths) {
    let mut directories = recorded(paths);
    let before = directories.len();
    for directory in directories.iter().rev() {
        remove_empty_owned_directory(directory);
    }
    directories.retain(|directory| directory.exists());
    if directories.len() < before {
        record(paths, &directories);
    }
}
