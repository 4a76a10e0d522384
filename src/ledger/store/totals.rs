//! The `cost_state` table: running totals of the client, each with its place.

use rusqlite::{Connection, Row, params};

use super::sqlite::{all, any, first, run};
use super::transcript_files::in_files_of;
use crate::ledger::facts::{Id, Parts, Position, Total, unnamed_model};
use crate::pricing::{Money, NOISE};
use crate::time::Millis;
use crate::transcript::line::ModelTotal;

/// Stores a total.
pub(crate) fn put(connection: &Connection, total: &Total) -> rusqlite::Result<()> {
    // Where the file was read anew, the same total stood elsewhere.
    let forget = "DELETE FROM cost_state WHERE file = ? AND position >= ? AND started = ? AND total = ? AND run_ms = ?";
    let (started, cost, run_ms) = (total.started, total.cost.pico(), total.run_ms);
    let values = params![total.file, Position::END, started, cost, run_ms];
    run(connection, forget, values)?;
    let values = params![
        total.file,
        total.position,
        total.session,
        started,
        cost,
        run_ms,
        total.api_ms,
        total.has_unknown_model,
        total.before,
        total.after,
        serde_json::to_string(&total.parts).unwrap_or_default()
    ];
    let put = "INSERT OR REPLACE INTO cost_state VALUES (?,?,?,?,?,?,?,?,?,?,?)";
    run(connection, put, values)
}

/// Stores what stands behind the last total of a file. Says whether that is news.
pub(crate) fn put_behind(connection: &Connection, file: Id, at: Millis) -> rusqlite::Result<bool> {
    let put = "UPDATE cost_state SET after = ?2 WHERE file = ?1 AND after IS NULL AND position =
         (SELECT max(position) FROM cost_state WHERE file = ?1 AND position < ?3)";
    run(connection, put, params![file, at, Position::END])?;
    Ok(connection.changes() > 0)
}

/// The totals in a family's files.
pub(crate) fn of_family(connection: &Connection, family: Id) -> rusqlite::Result<Vec<Total>> {
    let query = in_files_of("cost_state", "cost_state.*");
    all(connection, &query, [family], |row| {
        let cost = Money::from_pico(row.get(4)?);
        Ok(Total {
            file: row.get(0)?,
            position: row.get(1)?,
            session: row.get(2)?,
            started: row.get(3)?,
            cost,
            run_ms: row.get(5)?,
            api_ms: row.get(6)?,
            has_unknown_model: row.get(7)?,
            before: row.get(8)?,
            after: row.get(9)?,
            parts: parts_from(row, 10, cost)?,
        })
    })
}

/// Other sessions whose chains of runs began in the same moment.
pub(crate) fn sessions_with_start(
    connection: &Connection,
    started: Millis,
    session: Id,
) -> rusqlite::Result<Vec<Id>> {
    let query = "SELECT DISTINCT session FROM cost_state WHERE started = ? AND session != ?";
    all(connection, query, [started, session], |row| row.get(0))
}

/// Of the totals of a session that are not greater than this amount the greatest, and for how long
/// processes had lived when it was written, in milliseconds. What draws this amount started from it, or
/// from less.
pub(crate) fn greatest_up_to(
    connection: &Connection,
    session: Id,
    most: Money,
) -> rusqlite::Result<Option<(Money, i64)>> {
    let query = "SELECT total, run_ms FROM cost_state WHERE session = ? AND total <= ? ORDER BY total DESC, run_ms DESC LIMIT 1";
    first(connection, query, [session, most.pico()], |row| {
        Ok((Money::from_pico(row.get(0)?), row.get(1)?))
    })
}

/// The session that one was forked from.
pub(crate) fn parent(connection: &Connection, session: Id) -> rusqlite::Result<Option<Id>> {
    let query = "SELECT parent FROM session WHERE id = ?";
    first(connection, query, [session], |row| row.get(0)).map(Option::flatten)
}

/// Whether a total of the session is not smaller than this, neither in the amount nor in the time
/// that its chain of runs had lived.
pub(crate) fn is_surpassed(
    connection: &Connection,
    session: Id,
    shown: Money,
    run_ms: Option<i64>,
) -> rusqlite::Result<bool> {
    let query = "SELECT 1 FROM cost_state WHERE session = ? AND total >= ? AND run_ms >= ?";
    any(
        connection,
        query,
        params![session, (shown - NOISE).pico(), run_ms],
    )
}

/// Whether any session's total was this, as far as floating-point sums tell.
pub(crate) fn is_known(connection: &Connection, total: Money) -> rusqlite::Result<bool> {
    let query = "SELECT 1 FROM cost_state WHERE total BETWEEN ? AND ?";
    any(
        connection,
        query,
        [total - NOISE, total + NOISE].map(Money::pico),
    )
}

/// The parts of a total. A client that gave none: the whole stands for itself.
fn parts_from(row: &Row<'_>, column: usize, cost: Money) -> rusqlite::Result<Parts> {
    let models: String = row.get(column)?;
    let mut parts: Parts = serde_json::from_str(&models).unwrap_or_default();
    if parts.is_empty() && cost > Money::ZERO {
        let whole = ModelTotal {
            cost,
            splits: true,
            ..ModelTotal::default()
        };
        parts.insert(unnamed_model(), whole);
    }
    Ok(parts)
}
