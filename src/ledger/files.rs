//! How far each transcript was read, and which session it belongs to.

use std::ffi::OsStr;
use std::path::Path;

use rusqlite::{OptionalExtension, Row};

use super::paths::bytes_of;
use super::{Error, Ledger};
use crate::transcript::reader::Progress;
use crate::transcript::scan::Carry;

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
    /// How far one file was read.
    pub(super) fn progress_of(&self, path: &Path) -> Result<Progress, Error> {
        self.connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM file WHERE path = ?"))
            .and_then(|mut statement| {
                statement
                    .query_row([bytes_of(path)], progress_from)
                    .optional()
            })
            .map(Option::unwrap_or_default)
            .map_err(self.failed())
    }
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
