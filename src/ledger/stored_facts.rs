//! Stores and reads the facts in transcript lines, except for the first line of each response. The table also contains the
//! events of runs, which `events` stores.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Params, Row, params};

use super::database::Store;
use super::error::Result;
use super::facts::{Checkpoint, Location, OwnershipMarker, STALE};
use super::stored_responses::{FROM_TERMINAL, OUT_OF_ORDER, flags_of_location};
use crate::time::Millis;

/// The kind of a fact in a line. The fact itself consists of a key, a time, and details as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum FactKind {
    /// Another place where a transcript contains the response with this key.
    Copy,
    /// A place where a transcript contains the compaction with this key. The detail is the length of the conversation
    /// in tokens.
    Compaction,
    /// A [`Checkpoint`]. The key is the start of its first run, and the time is the latest one before the line.
    Checkpoint,
    /// An [`OwnershipMarker`]. The key is its snapshot.
    Marker,
    /// A [`PullRequestLine`](super::facts::PullRequestLine).
    PullRequest,
    /// Damaged lines, which were written after the time in the row and before the key. The offset is also the key.
    Damage,
    // An event of a run, whose key is its process, has the kind 6. It is not in a line: see `events`.
}

const KINDS: [FactKind; 6] = [
    FactKind::Copy,
    FactKind::Compaction,
    FactKind::Checkpoint,
    FactKind::Marker,
    FactKind::PullRequest,
    FactKind::Damage,
];

impl FromSql for FactKind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        let kind = usize::try_from(number)
            .ok()
            .and_then(|index| KINDS.get(index));
        kind.copied().ok_or(FromSqlError::OutOfRange(number))
    }
}

impl ToSql for FactKind {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok((*self as i64).into())
    }
}

/// A fact in a line.
#[derive(Debug)]
pub(super) struct FactRow {
    pub location: Location,
    pub kind: FactKind,
    pub key: Option<i64>,
    pub at: Option<Millis>,
    pub detail: Option<String>,
}

/// The number of milliseconds in a day.
const DAY_STEP: usize = 24 * 60 * 60 * 1000;

/// The columns of `lines`, in the order that [`row_from`] expects.
const COLUMNS: &str = "place, position, kind, key, at, flags, source, detail";

/// Restricts a query for `facts` to the transcripts of a lineage. With subqueries, SQLite would create a temporary table
/// for each, which takes longer than reading the rows.
pub(super) const OF_LINEAGE: &str = "JOIN files ON files.id = place
     JOIN sessions ON sessions.id = files.session
     WHERE is_dirty IN (0, 1) AND lineage = ?1";

impl FactRow {
    /// Returns a row without a key, a time, and details.
    pub(super) fn new(kind: FactKind, location: Location) -> Self {
        Self {
            location,
            kind,
            key: None,
            at: None,
            detail: None,
        }
    }

    /// Returns the checkpoint in this row, or `None` if its details cannot be read.
    pub(super) fn checkpoint(&self) -> Option<Checkpoint> {
        let stored: Checkpoint = serde_json::from_str(self.detail.as_deref()?).ok()?;
        Some(Checkpoint {
            file: self.location.file,
            offset: self.location.offset,
            started: self.key?,
            latest_preceding_time: self.at,
            ..stored
        })
    }

    /// Returns the length of the conversation before this compaction.
    pub(super) fn tokens(&self) -> u64 {
        let detail = self.detail.as_deref().unwrap_or_default();
        detail.parse().unwrap_or_default()
    }

    /// Returns times at which the damaged lines in this row may have been written, at least one in each day.
    pub(super) fn damage(&self) -> impl Iterator<Item = Millis> + use<> {
        let until = self.key.unwrap_or_default();
        let since = match self.at {
            // The damaged line may be the first line of its file.
            None | Some(Millis::MIN) => until,
            Some(at) => at,
        };
        (since..until).step_by(DAY_STEP).chain([until])
    }

    /// Returns the marker in this row.
    pub(super) fn marker(&self) -> OwnershipMarker {
        OwnershipMarker {
            offset: self.location.offset,
            at: self.at.unwrap_or_default(),
            snapshot: self.key,
        }
    }
}

impl Store {
    /// Returns the facts that the rest of a query selects.
    pub(super) fn facts(&self, clause: &str, values: impl Params) -> Result<Vec<FactRow>> {
        let query = format!("SELECT {COLUMNS} FROM facts {clause}");
        self.all(&query, values, row_from)
    }

    /// Adds a fact. If the file has been rewritten and the same line is now elsewhere, only its location changes. A
    /// response or a compaction has only one location in each file.
    pub(super) fn add_line(&self, row: &FactRow) -> Result<()> {
        let Location { file, offset, .. } = row.location;
        self.run(
            "DELETE FROM facts
             WHERE kind = ?1 AND key = ?2 AND place = ?3 AND position >= ?4 AND detail IS ?5",
            params![row.kind, row.key, file, STALE, row.detail],
        )?;
        self.run(
            "INSERT OR IGNORE INTO facts SELECT ?3, ?1, ?4, ?2, ?6, ?7, ?8, ?5
             WHERE ?1 > 1 OR NOT EXISTS (SELECT 1 FROM facts WHERE kind = ?1 AND key = ?2 AND place = ?3)",
            params![
                row.kind,
                row.key,
                file,
                offset,
                row.detail,
                row.at,
                flags_of_location(&row.location),
                row.location.source
            ],
        )
    }
}

fn row_from(row: &Row<'_>) -> Result<FactRow> {
    let flags: i64 = row.get(5)?;
    Ok(FactRow {
        location: Location {
            file: row.get(0)?,
            offset: row.get(1)?,
            is_out_of_order: flags & OUT_OF_ORDER != 0,
            is_from_terminal: flags & FROM_TERMINAL != 0,
            source: row.get(6)?,
        },
        kind: row.get(2)?,
        key: row.get(3)?,
        at: row.get(4)?,
        detail: row.get(7)?,
    })
}
