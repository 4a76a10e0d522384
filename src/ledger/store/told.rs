//! What Claude Code told the status line and no file has: a compaction until its process ends, and
//! for ever if the process was killed.
//!
//! Each process on a session is told apart by its origin: the moment of telling less the duration
//! told. It hardly moves while the process lives, and is that of no other: the duration goes on
//! from the runs before. What processes grew by beyond the answers in the files is unwritten:
//!
//!   what runs grew by beyond their answers + growth told − answers that no run covers
//!
//! save those answers (`session.untold`) that were there before anything was told.

use std::cmp::Reverse;

use rusqlite::{Connection, OptionalExtension, params};

use super::names::Id;
use crate::ledger::derivation::Run;
use crate::pricing::{Money, NOISE};
use crate::time::{Millis, QUARTER, WEEK};

/// Two origins of one process differ by less: it takes a moment from telling to reading.
const SAME_PROCESS_MS: i64 = 500;

/// What one process told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ToldRow {
    /// Where the client tells no duration: the moment when the process was first heard of, less
    /// than 0.
    pub(crate) origin: Millis,
    /// Its total as it was told last.
    pub(crate) total: Money,
    /// By how much it grew since the process started, at our prices.
    pub(crate) grown: Money,
    /// What the client's amounts are worth at our prices, in millionths: not the same where it
    /// knows the model at another price, or not at all.
    pub(crate) rate: i64,
    /// When that was, and for how long it had lived then, if it says.
    pub(crate) at: Millis,
    pub(crate) run_ms: Option<i64>,
    pub(crate) model: Option<Id>,
}

/// Where the client's prices are ours.
pub(crate) const SAME_PRICES: i64 = 1_000_000;

/// Of what processes told, the latest last, that of the one which tells this now. Without a
/// duration, the latest that did not tell more already.
pub(crate) fn same_process(
    rows: &[ToldRow],
    total: Money,
    run_ms: Option<i64>,
    now: Millis,
) -> Option<&ToldRow> {
    let is_again = |row: &&ToldRow| row.total == total && row.run_ms == run_ms;
    if let Some(again) = rows.iter().rfind(is_again) {
        return Some(again);
    }
    let could_be = rows.iter().filter(|row| total + NOISE >= row.total);
    let Some(run_ms) = run_ms else {
        return could_be.rev().find(|row| row.origin < 0);
    };
    // Whoever resumes a session has a later origin than all before. One that went back is that of
    // the same process, and the clock was set back.
    let origin = now - run_ms;
    let is_same = |row: &&ToldRow| row.origin >= origin - SAME_PROCESS_MS;
    could_be
        .filter(is_same)
        .min_by_key(|row| (row.origin - origin).abs())
}

impl ToldRow {
    /// Whether a run that stands in a file is this process', and covers all that it told.
    fn is_covered_by(&self, run: &Run) -> bool {
        // A process that has told nothing of its own yet may have started from this run's total.
        if self.grown == Money::ZERO && run.total <= self.total + NOISE {
            return false;
        }
        let is_same_total = run.total > run.base && run.total <= self.total + NOISE;
        let is_same = if self.origin < 0 {
            let first_heard = -self.origin;
            run.begin <= first_heard && self.at <= run.end
        } else {
            (run.end - run.lived_ms - self.origin).abs() <= SAME_PROCESS_MS
        };
        (is_same || is_same_total) && run.total + NOISE >= self.total
    }
}

/// What is known of a session that figures of this moment need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SessionFacts {
    pub(crate) recorded: Money,
    pub(crate) unrecorded: Money,
    pub(crate) unpriced: i64,
    pub(crate) in_runs: Money,
    pub(crate) beyond: Money,
    pub(crate) until: Option<Millis>,
    pub(crate) untold: Money,
}

impl SessionFacts {
    /// Answers that no run covers.
    pub(crate) fn loose(&self) -> Money {
        self.recorded - self.in_runs
    }

    /// What was told and is in no file. The `unwritten` table has the same, by quarters.
    pub(crate) fn unwritten(&self, told: &[ToldRow]) -> Money {
        if told.is_empty() {
            return Money::ZERO;
        }
        let grown: Money = told.iter().map(|row| row.grown).sum();
        // Answers that no run seemed to cover may turn out to be in one.
        let told_loose = (self.loose() - self.untold).or_zero();
        let all = self.beyond + grown - told_loose;
        let unwritten = (all - self.unrecorded).or_zero();
        if unwritten > NOISE {
            unwritten
        } else {
            Money::ZERO
        }
    }
}

/// The session's facts; all zero if the ledger does not know it.
pub(crate) fn facts(connection: &Connection, session: Id) -> rusqlite::Result<SessionFacts> {
    let money = |row: &rusqlite::Row<'_>, column| row.get(column).map(Money::from_pico);
    connection
        .prepare_cached(
            "SELECT recorded, unrecorded, unpriced, in_runs, beyond, until, coalesce(untold, 0) FROM session WHERE id = ?",
        )?
        .query_row([session], |row| {
            Ok(SessionFacts {
                recorded: money(row, 0)?,
                unrecorded: money(row, 1)?,
                unpriced: row.get(2)?,
                in_runs: money(row, 3)?,
                beyond: money(row, 4)?,
                until: row.get(5)?,
                untold: money(row, 6)?,
            })
        })
        .optional()
        .map(Option::unwrap_or_default)
}

/// Sessions of which something was told that no file has.
pub(crate) fn sessions(connection: &Connection) -> rusqlite::Result<Vec<Id>> {
    connection
        .prepare_cached("SELECT DISTINCT session FROM told")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// What processes on a session told that no file has, the latest last.
pub(crate) fn of_session(connection: &Connection, session: Id) -> rusqlite::Result<Vec<ToldRow>> {
    // Sorted here: SQLite prepares a statement with another order than its key's twice.
    let mut rows = connection
        .prepare_cached(
            "SELECT origin, total, grown, rate, at, run_ms, model FROM told WHERE session = ?",
        )?
        .query_map([session], |row| {
            Ok(ToldRow {
                origin: row.get(0)?,
                total: Money::from_pico(row.get(1)?),
                grown: Money::from_pico(row.get(2)?),
                rate: row.get(3)?,
                at: row.get(4)?,
                run_ms: row.get(5)?,
                model: row.get(6)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<ToldRow>>>()?;
    rows.sort_by_key(|row| (row.at, row.origin));
    Ok(rows)
}

/// Notes what a process told. `untold` is noted with the first. Who came and went days ago without
/// telling anything is forgotten.
pub(crate) fn put(
    connection: &Connection,
    session: Id,
    row: &ToldRow,
    untold: Money,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO told VALUES (?,?,?,?,?,?,?,?)")?
        .execute(params![
            session,
            row.origin,
            row.total.pico(),
            row.grown.pico(),
            row.rate,
            row.at,
            row.run_ms,
            row.model
        ])?;
    connection
        .prepare_cached("DELETE FROM told WHERE session = ? AND grown = 0 AND at < ?")?
        .execute([session, row.at - WEEK.num_milliseconds()])?;
    connection
        .prepare_cached("UPDATE session SET untold = ?2 WHERE id = ?1")?
        .execute([session, untold.pico()])?;
    Ok(())
}

/// What of it was unwritten when it was told, by quarter of an hour, the latest first.
fn unwritten_parts(
    connection: &Connection,
    session: Id,
) -> rusqlite::Result<Vec<(i64, Id, Money)>> {
    let mut parts = connection
        .prepare_cached("SELECT quarter, model, cost FROM unwritten WHERE session = ?")?
        .query_map([session], |row| {
            Ok((row.get(0)?, row.get(1)?, Money::from_pico(row.get(2)?)))
        })?
        .collect::<rusqlite::Result<Vec<(i64, Id, Money)>>>()?;
    parts.sort_by_key(|(quarter, model, _)| (Reverse(*quarter), *model));
    Ok(parts)
}

/// Forgets what was told by processes whose runs stand in files by now, and brings what is
/// unwritten in step with the rest.
pub(crate) fn settle(connection: &Connection, session: Id, runs: &[Run]) -> rusqlite::Result<()> {
    let told = of_session(connection, session)?;
    if told.is_empty() {
        return Ok(());
    }
    let mut left = Vec::new();
    for row in told {
        if runs.iter().any(|run| row.is_covered_by(run)) {
            connection
                .prepare_cached("DELETE FROM told WHERE session = ? AND origin = ?")?
                .execute([session, row.origin])?;
        } else {
            left.push(row);
        }
    }
    if left.is_empty() {
        connection
            .prepare_cached("UPDATE session SET untold = NULL WHERE id = ?")?
            .execute([session])?;
    }
    store_unwritten(connection, session, &left)
}

/// Works out anew what no file has of what a session was told.
pub(crate) fn renew_unwritten(connection: &Connection, session: Id) -> rusqlite::Result<()> {
    let told = of_session(connection, session)?;
    store_unwritten(connection, session, &told)
}

/// Brings what is stored as unwritten in step with what follows from the rest. More than before
/// was spent when it was told; what is less by now was spent last.
pub(crate) fn store_unwritten(
    connection: &Connection,
    session: Id,
    told: &[ToldRow],
) -> rusqlite::Result<()> {
    let wanted = facts(connection, session)?.unwritten(told);
    let parts = unwritten_parts(connection, session)?;
    let stored: Money = parts.iter().map(|(_, _, cost)| *cost).sum();
    let put = |quarter: i64, model: Id, cost: Money| {
        connection
            .prepare_cached("INSERT OR REPLACE INTO unwritten VALUES (?,?,?,?)")?
            .execute(params![session, quarter, model, cost.pico()])
    };
    if let (true, Some(last)) = (wanted > stored, told.last()) {
        let quarter = last.at.div_euclid(QUARTER);
        let model = last.model.unwrap_or(0);
        let same = parts
            .iter()
            .find(|part| (part.0, part.1) == (quarter, model));
        let before = same.map_or(Money::ZERO, |(_, _, cost)| *cost);
        put(quarter, model, before + (wanted - stored))?;
    }
    let mut less = (stored - wanted).or_zero();
    for (quarter, model, cost) in parts {
        if less == Money::ZERO {
            break;
        }
        let taken = cost.min(less);
        less -= taken;
        if taken == cost {
            connection
                .prepare_cached(
                    "DELETE FROM unwritten WHERE session = ? AND quarter = ? AND model = ?",
                )?
                .execute([session, quarter, model])?;
        } else {
            put(quarter, model, cost - taken)?;
        }
    }
    Ok(())
}
