//! Finding transcripts, and how far each was read.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Row};

use super::row::path_bytes;
use super::{Error, Ledger};
use crate::transcript::reader::Progress;
use crate::transcript::scan::Carry;

/// `projects/<project>/<session>/subagents/<agent>.jsonl`, and one to spare.
const DEEPEST: usize = 5;

/// A transcript on disk.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) metadata: Metadata,
}

/// All transcripts under these roots. What cannot be read is passed over: a directory that
/// vanished or is not ours must not hide the others.
pub(super) fn transcripts(roots: impl Iterator<Item = PathBuf>) -> Vec<Found> {
    let mut found = Vec::new();
    for root in roots {
        walk(&root, 1, &mut found);
    }
    found
}

/// The subagents' transcripts of the session whose transcript is `path`.
pub(super) fn subagents_of(path: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    walk(
        &path.with_extension("").join("subagents"),
        DEEPEST - 1,
        &mut found,
    );
    found
}

fn walk(directory: &Path, depth: usize, found: &mut Vec<Found>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let path = entry.path();
        if path.extension() == Some(OsStr::new("jsonl")) {
            // Follows a link: people keep transcripts on other disks. For what is none, asking the
            // directory spares looking up the whole path, which counts with thousands of files.
            let metadata = if kind.is_symlink() {
                fs::metadata(&path)
            } else {
                entry.metadata()
            };
            if let Ok(metadata) = metadata
                && metadata.is_file()
            {
                found.push(Found { path, metadata });
            }
        } else if depth < DEEPEST && (kind.is_dir() || (kind.is_symlink() && path.is_dir())) {
            walk(&path, depth + 1, found);
        }
    }
}

/// The session that a transcript's place says it belongs to: its own name, or for a subagent's
/// the directory above `subagents`.
pub(super) fn session_by_place(path: &Path) -> String {
    let text = |name: Option<&OsStr>| name.map(|name| name.to_string_lossy().into_owned());
    let parent = path.parent();
    let by_directory = parent
        .filter(|directory| directory.file_name() == Some(OsStr::new("subagents")))
        .and_then(Path::parent)
        .map(Path::file_name);
    text(by_directory.unwrap_or_else(|| path.file_stem())).unwrap_or_default()
}

const COLUMNS: &str = "bytes_read, mark, size, modified, last_at, open_cost_state, unreadable";

fn progress_from(row: &Row<'_>) -> rusqlite::Result<Progress> {
    Ok(Progress {
        offset: row.get::<_, i64>(0)?.cast_unsigned(),
        mark: row.get(1)?,
        size: row.get::<_, i64>(2)?.cast_unsigned(),
        modified: row.get(3)?,
        carry: Carry {
            last_at: row.get(4)?,
            open_cost_state: row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned),
            unreadable: row.get(6)?,
        },
    })
}

impl Ledger {
    /// How far every known file was read, by path.
    pub(super) fn progress_of_all(&self) -> Result<HashMap<OsString, Progress>, Error> {
        self.connection
            .prepare_cached(&format!("SELECT {COLUMNS}, path FROM file"))
            .and_then(|mut statement| {
                statement
                    .query_map([], |row| Ok((os_string(row.get(7)?), progress_from(row)?)))?
                    .collect::<rusqlite::Result<_>>()
            })
            .map_err(self.failed())
    }

    /// How far one file was read.
    pub(super) fn progress_of(&self, path: &Path) -> Result<Progress, Error> {
        self.connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM file WHERE path = ?"))
            .and_then(|mut statement| {
                statement
                    .query_row([path_bytes(path)], progress_from)
                    .optional()
            })
            .map(Option::unwrap_or_default)
            .map_err(self.failed())
    }
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subagent_belongs_to_the_session_above_it() {
        assert_eq!(session_by_place(Path::new("/p/-home-dev/abc.jsonl")), "abc");
        assert_eq!(
            session_by_place(Path::new("/p/-home-dev/abc/subagents/agent-1.jsonl")),
            "abc"
        );
    }
}
