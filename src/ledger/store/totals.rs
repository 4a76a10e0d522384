//! The `cost_state` table: running totals of the client, each with its place.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::names::Id;
use super::transcript_files::CUT_OFF;
use crate::ledger::derivation::{Part, Parts};
use crate::pricing::{Money, NOISE, PriceTable, Usage};
use crate::time::Millis;
use crate::transcript::line::ModelTotal;

/// A running total as a file has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WrittenTotal {
    pub(crate) position: u64,
    pub(crate) started: Millis,
    pub(crate) cost: Money,
    pub(crate) run_ms: i64,
    pub(crate) api_ms: i64,
    pub(crate) has_unknown_model: bool,
    pub(crate) before: Millis,
    /// The time of the first line behind it that has one.
    pub(crate) after: Option<Millis>,
    /// As written.
    pub(crate) models: BTreeMap<String, ModelTotal>,
}

/// Stores a total.
pub(crate) fn put(
    connection: &Connection,
    file: Id,
    session: Id,
    total: &WrittenTotal,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    // Where the file was read anew, the same total stood elsewhere.
    connection
        .prepare_cached(
            "DELETE FROM cost_state WHERE file = ?1 AND position >= ?2 AND started = ?3 AND total = ?4 AND run_ms = ?5",
        )?
        .execute(params![file, CUT_OFF, total.started, total.cost.pico(), total.run_ms])?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO cost_state VALUES (?,?,?,?,?,?,?,?,?,?,?)")?
        .execute(params![
            file,
            total.position.cast_signed(),
            session,
            total.started,
            total.cost.pico(),
            total.run_ms,
            total.api_ms,
            total.has_unknown_model,
            total.before,
            total.after,
            models_as_json(&total.models, prices)
        ])?;
    Ok(())
}

/// Stores what stands behind the last total of a file. Says whether that is news.
pub(crate) fn put_behind(connection: &Connection, file: Id, at: Millis) -> rusqlite::Result<bool> {
    let written = connection
        .prepare_cached(
            "UPDATE cost_state SET after = ?2 WHERE file = ?1 AND after IS NULL AND position =
             (SELECT max(position) FROM cost_state WHERE file = ?1 AND position < ?3)",
        )?
        .execute([file, at, CUT_OFF])?;
    Ok(written > 0)
}

/// Other sessions whose chains of runs began in the same moment.
pub(crate) fn sessions_with_start(
    connection: &Connection,
    started: Millis,
    session: Id,
) -> rusqlite::Result<Vec<Id>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT session FROM cost_state WHERE started = ? AND session != ?",
        )?
        .query_map([started, session], |row| row.get(0))?
        .collect()
}

/// Of the totals of a session that are not greater than this amount: the newest.
pub(crate) fn newest_up_to(
    connection: &Connection,
    session: Id,
    most: Money,
) -> rusqlite::Result<Option<Money>> {
    connection
        .prepare_cached(
            "SELECT total FROM cost_state WHERE session = ? AND total <= ? ORDER BY run_ms DESC, total DESC LIMIT 1",
        )?
        .query_row([session, most.pico()], |row| {
            Ok(Money::from_pico(row.get(0)?))
        })
        .optional()
}

/// The session that one was forked from.
pub(crate) fn parent(connection: &Connection, session: Id) -> rusqlite::Result<Option<Id>> {
    connection
        .prepare_cached("SELECT parent FROM session WHERE id = ?")?
        .query_row([session], |row| row.get(0))
}

/// Whether a total of the session is not smaller than this, neither in the amount nor in the time
/// that its chain of runs had lived.
pub(crate) fn is_surpassed(
    connection: &Connection,
    session: Id,
    told: Money,
    run_ms: Option<i64>,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM cost_state WHERE session = ? AND total >= ? AND run_ms >= ?)",
        )?
        .query_row(params![session, (told - NOISE).pico(), run_ms], |row| row.get(0))
}

/// Whether any session's total was this, as far as floating-point sums tell.
pub(crate) fn is_known(connection: &Connection, total: Money) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM cost_state WHERE total BETWEEN ? AND ?)")?
        .query_row([(total - NOISE).pico(), (total + NOISE).pico()], |row| {
            row.get(0)
        })
}

type Compact = BTreeMap<String, (i64, [u64; 6], bool)>;

/// `{"model": [pico-dollars, [usage], whether writes are split]}`, by canonical name.
fn models_as_json(models: &BTreeMap<String, ModelTotal>, prices: &PriceTable) -> String {
    let mut compact = Compact::new();
    for (model, total) in models {
        let cost = Money::from_noisy_usd(total.cost_usd).unwrap_or_default();
        let known = compact
            .entry(prices.canonical(model))
            .or_insert((0, [0; 6], true));
        known.0 = known.0.saturating_add(cost.pico());
        known.1 = (Usage::of_fields(known.1) + total.usage).fields();
        known.2 &= total.splits;
    }
    serde_json::to_string(&compact).unwrap_or_else(|_| "{}".to_owned())
}

/// The reverse of [`models_as_json`]. A client that gave no parts: the total stands for itself.
pub(crate) fn parts_from(row: &Row<'_>, column: usize, whole: Money) -> rusqlite::Result<Parts> {
    let models: String = row.get(column)?;
    let compact: Compact = serde_json::from_str(&models).unwrap_or_default();
    let part = |(cost, usage, splits)| Part {
        usage: Usage::of_fields(usage),
        splits,
        cost: Money::from_pico(cost),
    };
    let mut parts: Parts = compact
        .into_iter()
        .map(|(model, compact)| (model, part(compact)))
        .collect();
    if parts.is_empty() && whole > Money::ZERO {
        parts.insert(String::new(), part((whole.pico(), [0; 6], true)));
    }
    Ok(parts)
}
