//! The directories that whycap and `install.sh` created. `uninstall` deletes those that are empty.
//!
//! The record is a text file in the data directory with one path on each line, so that `install.sh` can add to it.

use std::path::{Path, PathBuf};

use crate::disk::replace::remove_empty_owned_directory;
use crate::disk::{self, Durability};
use crate::environment::Paths;

/// The recorded directories. A directory comes before the directories in it.
#[derive(Debug, Default)]
pub(crate) struct MadeDirectories {
    directories: Vec<PathBuf>,
}

impl MadeDirectories {
    fn path(paths: &Paths) -> PathBuf {
        paths.data.join("made-directories")
    }

    /// Reads the record. If it is missing or damaged, it counts as empty, and no directories are deleted.
    pub(crate) fn load(paths: &Paths) -> Self {
        let bytes = disk::read_owned(&Self::path(paths), 64 * 1024);
        let text = String::from_utf8(bytes.ok().flatten().unwrap_or_default()).unwrap_or_default();
        let mut directories: Vec<PathBuf> = text.lines().map(PathBuf::from).collect();
        directories.sort();
        Self { directories }
    }

    /// Records the missing parent directories of a file that is about to be written. If this fails, `uninstall` leaves
    /// the directories behind.
    pub(crate) fn record_missing_parents(paths: &Paths, file: &Path) {
        let missing: Vec<PathBuf> = file
            .ancestors()
            .skip(1)
            .take_while(|directory| !directory.exists())
            .map(Path::to_owned)
            .collect();
        if missing.is_empty() {
            return;
        }
        let mut made = Self::load(paths);
        made.directories.extend(missing);
        made.save(paths);
    }

    fn save(&self, paths: &Paths) {
        let text: String = self
            .directories
            .iter()
            .filter_map(|directory| Some(format!("{}\n", directory.to_str()?)))
            .collect();
        let record = Self::path(paths);
        let _ = disk::create_parent_directory(&record)
            .and_then(|()| disk::write_atomically(&record, text.as_bytes(), Durability::Synced));
    }

    /// Returns the shell command that deletes a file and the recorded directories that contain nothing else.
    pub(crate) fn removal_command(&self, paths: &Paths, file: &Path) -> String {
        let directories: Vec<String> = file
            .ancestors()
            .skip(1)
            .take_while(|directory| {
                self.directories.contains(&directory.to_path_buf())
                    && std::fs::read_dir(directory).is_ok_and(|entries| entries.count() == 1)
            })
            .map(|directory| paths.in_shell(directory))
            .collect();
        let mut command = format!("rm {}", paths.in_shell(file));
        if !directories.is_empty() {
            command += " && rmdir ";
            command += &directories.join(" ");
        }
        command
    }

    /// Deletes the directories that are empty, and removes them from the record. If the user creates one of them again, it
    /// belongs to the user.
    pub(crate) fn remove_empty(&mut self, paths: &Paths) {
        let recorded = self.directories.len();
        for directory in self.directories.iter().rev() {
            remove_empty_owned_directory(directory);
        }
        self.directories.retain(|directory| directory.exists());
        if self.directories.len() < recorded {
            self.save(paths);
        }
    }
}
