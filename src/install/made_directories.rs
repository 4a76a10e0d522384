//! The directories that whycap created for its configuration. `uninstall` deletes those that are empty.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::disk::records;
use crate::disk::replace::remove_empty_owned_directory;
use crate::paths::Paths;

/// The directories that whycap created, outermost first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct MadeDirectories {
    directories: Vec<PathBuf>,
}

impl MadeDirectories {
    fn path(paths: &Paths) -> PathBuf {
        paths.data.join("made_directories.json")
    }

    /// Reads the record. If it is missing or damaged, it counts as empty, and no directories are deleted.
    pub(crate) fn load(paths: &Paths) -> Self {
        records::read(&Self::path(paths)).unwrap_or_default()
    }

    /// Adds directories to the record. If this fails, `uninstall` leaves the directories behind.
    pub(crate) fn record(paths: &Paths, directories: Vec<PathBuf>) {
        if directories.is_empty() {
            return;
        }
        let mut made = Self::load(paths);
        made.directories.extend(directories);
        made.directories.sort();
        made.directories.dedup();
        let _ = records::write(&Self::path(paths), &made);
    }

    /// Returns the directories around a file that whycap created and that contain nothing else, innermost first.
    pub(crate) fn directories_only_for<'p>(
        &self,
        file: &'p Path,
    ) -> impl Iterator<Item = &'p Path> {
        file.ancestors().skip(1).take_while(|directory| {
            let is_made = self.directories.iter().any(|made| made == directory);
            is_made && has_one_entry(directory)
        })
    }

    /// Deletes the directories that are empty. If none are left, deletes the record, too.
    pub(crate) fn remove_empty(&self, paths: &Paths) {
        for directory in self.directories.iter().rev() {
            remove_empty_owned_directory(directory);
        }
        if !self.directories.iter().any(|directory| directory.exists()) {
            // If this fails, the next `uninstall` finds that there is nothing to delete.
            let _ = disk::remove_owned_file(&Self::path(paths));
        }
    }
}

/// Returns true if the directory has a single entry. Returns false if it cannot be read.
fn has_one_entry(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok_and(|entries| entries.count() == 1)
}

/// Returns the missing parent directories of a file, outermost first.
pub(crate) fn missing_directories(path: &Path) -> Vec<PathBuf> {
    let mut missing: Vec<PathBuf> = path
        .ancestors()
        .skip(1)
        .take_while(|directory| !directory.exists())
        .map(Path::to_owned)
        .collect();
    missing.reverse();
    missing
}
