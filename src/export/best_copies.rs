//! The rows of one kind in the files of all machines: each key once, by the copy with the highest
//! version.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::day_files::{DAY, ENDING, FORMAT, unpacked};
use super::drafts::Rows;
use crate::disk;

/// What was read so far.
#[derive(Debug)]
pub(super) struct BestCopies<Row> {
    /// The version and the row of each key.
    pub(super) by_key: HashMap<u64, (u64, Row)>,
    /// Files that are there and could not be read to their end.
    pub(super) unreadable: Vec<PathBuf>,
}

impl<Row> BestCopies<Row> {
    /// Reads every file of such rows below a directory; `take` understands a line and offers its
    /// row. A file counts up to its first line that is damaged; one that cannot be unpacked whole, not
    /// at all. None if there is not even a place for such rows.
    pub(super) fn read(
        directory: &Path,
        rows: Rows,
        progress: &mut dyn FnMut(u64, u64),
        mut take: impl FnMut(&str, &mut Self) -> serde_json::Result<()>,
    ) -> Result<Option<Self>, disk::Error> {
        let root = directory.join(FORMAT).join(rows.name());
        if !is_directory(&root)? {
            return Ok(None);
        }
        let mut files = Vec::new();
        for day in entries(&root, DAY, "")? {
            files.extend(entries(&day, "", ENDING)?);
        }
        let mut best = Self {
            by_key: HashMap::new(),
            unreadable: Vec::new(),
        };
        let total = files.len() as u64;
        for (done, file) in (0..).zip(files) {
            progress(done, total);
            let is_read = unpacked(&file)
                .is_ok_and(|text| text.lines().all(|line| take(line, &mut best).is_ok()));
            if !is_read {
                best.unreadable.push(file);
            }
        }
        Ok(Some(best))
    }

    /// A copy of the row of a key. The first of two with the same version counts.
    pub(super) fn offer(&mut self, key: u64, version: u64, row: impl FnOnce() -> Row) {
        let known = self.by_key.get(&key);
        if known.is_none_or(|(known, _)| *known < version) {
            self.by_key.insert(key, (version, row()));
        }
    }
}

/// Whether there are any exports. An error where nobody says so.
pub(super) fn are_in(directory: &Path) -> Result<bool, disk::Error> {
    is_directory(&directory.join(FORMAT))
}

fn is_directory(path: &Path) -> Result<bool, disk::Error> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.is_dir()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(disk::unread(path)(error)),
    }
}

/// What is in a directory under such names, in order.
fn entries(directory: &Path, beginning: &str, ending: &str) -> Result<Vec<PathBuf>, disk::Error> {
    let failed = disk::unread(directory);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(beginning) && name.ends_with(ending) && !name.starts_with('.') {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
