//! Groups sessions that share lines into lineages, and marks lineages for reconciliation.

use rusqlite::params;

use super::database::{SESSION, Store};
use super::error::Result;
use super::facts::{Id, Location};
use super::stored_facts::FactKind;

/// Selects the sessions of the transcripts that have a line of this kind with this key. Returns at most two sessions,
/// those of the transcripts with the lowest and the highest ID.
pub(super) const SESSIONS_BY_LINE: &str = "SELECT session FROM files WHERE id IN (
         (SELECT min(place) FROM facts WHERE kind = ?1 AND key = ?2),
         (SELECT max(place) FROM facts WHERE kind = ?1 AND key = ?2))";

/// Marks a session for reconciliation if anything other than its responses affects its amount.
pub(super) const MARK_IF_RECONCILED: &str = "UPDATE sessions SET is_dirty = 1 WHERE id = ?1 AND (
         breakdown <> '{}'
         OR EXISTS (SELECT 1 FROM facts WHERE place = ?1 AND kind = 6)
         OR EXISTS (SELECT 1 FROM facts WHERE kind = 2 AND place IN (
             SELECT id FROM files WHERE session = ?1)))";

impl Store {
    /// Links a session to the other sessions that may own the line at this location.
    pub(super) fn link_location(&self, session: Id, location: &Location) -> Result<()> {
        self.mark_dirty(session)?;
        let session_of_file = self.session_of_file(location.file)?;
        for other in session_of_file.into_iter().chain(location.source) {
            self.link(session, other)?;
        }
        Ok(())
    }

    /// Merges the lineages of two sessions.
    fn link(&self, session: Id, other: Id) -> Result<()> {
        if session == other {
            return Ok(());
        }
        let (Some(lineage), Some(other_lineage)) =
            (self.lineage_of(session)?, self.lineage_of(other)?)
        else {
            return Ok(());
        };
        if lineage != other_lineage {
            self.run(
                "UPDATE sessions SET lineage = ?1, is_dirty = 1
                 WHERE is_dirty IN (0, 1) AND lineage = ?2",
                [lineage.min(other_lineage), lineage.max(other_lineage)],
            )?;
            self.mark_dirty(session)?;
        }
        Ok(())
    }

    /// Returns a session's lineage, or `None` if the session is unknown.
    pub(super) fn lineage_of(&self, session: Id) -> Result<Option<Id>> {
        self.first(
            "SELECT lineage FROM sessions WHERE id = ?1",
            [session],
            |row| row.get(0),
        )
    }

    /// Returns the session that a transcript belongs to, or `None` if the transcript is unknown.
    fn session_of_file(&self, file: Id) -> Result<Option<Id>> {
        self.first("SELECT session FROM files WHERE id = ?1", [file], |row| {
            row.get(0)
        })
    }

    /// Links a session to the sessions whose transcripts have a line of this kind with this key. Those sessions are
    /// already linked to each other, so linking two of them is enough.
    pub(super) fn link_by(&self, session: Id, kind: FactKind, key: i64) -> Result<()> {
        let others: Vec<Id> = self.all(SESSIONS_BY_LINE, params![kind, key], |row| row.get(0))?;
        for other in others {
            self.link(session, other)?;
        }
        Ok(())
    }

    /// Marks a session's lineage for reconciliation.
    ///
    /// Usually, the session is already marked, and checking this is much cheaper than running the `UPDATE`.
    pub(super) fn mark_dirty(&self, session: Id) -> Result<()> {
        if self.is_dirty(session)? {
            return Ok(());
        }
        self.run("UPDATE sessions SET is_dirty = 1 WHERE id = ?1", [session])
    }

    /// Returns true if a session's facts have changed since its lineage was last reconciled.
    pub(super) fn is_dirty(&self, session: Id) -> Result<bool> {
        let is_dirty = self.first(SESSION, [session], |row| row.get("is_dirty"))?;
        Ok(is_dirty.unwrap_or_default())
    }

    /// Marks a session for reconciliation if anything other than its responses affects its amount.
    pub(super) fn mark_dirty_if_reconciled(&self, session: Id) -> Result<()> {
        if self.is_dirty(session)? {
            return Ok(());
        }
        self.run(MARK_IF_RECONCILED, [session])
    }

    /// Marks every lineage with stored results for reconciliation.
    pub(super) fn mark_all_dirty(&self) -> Result<()> {
        self.0.execute_batch(
            "UPDATE sessions SET is_dirty = 1 WHERE breakdown <> '{}' OR id IN (
                 SELECT place FROM facts WHERE kind = 6
                 UNION SELECT session FROM files WHERE id IN (
                     SELECT place FROM facts WHERE kind IN (0, 1, 2, 5)))",
        )
    }
}
