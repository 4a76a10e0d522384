//! The `cost_state` table: running totals of the client, each with its place.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::names::Id;
use crate::ledger::unrecorded::{Part, Parts, Relative, Total};
use crate::pricing::{Money, PriceTable, Usage};
use crate::time::Millis;
use crate::transcript::line::CostState;

const COLUMNS: &str = "started, total, before, after, models";

/// A running total as it was found.
pub(crate) struct StoredTotal<'s> {
    pub(crate) file: Id,
    pub(crate) position: u64,
    pub(crate) session: Id,
    pub(crate) before: Option<Millis>,
    pub(crate) after: Option<Millis>,
    pub(crate) state: &'s CostState,
}

impl StoredTotal<'_> {
    pub(crate) fn put(&self, connection: &Connection, prices: &PriceTable) -> rusqlite::Result<()> {
        let total = Money::from_noisy_usd(self.state.total_usd).unwrap_or_default();
        connection
            .prepare_cached("INSERT OR REPLACE INTO cost_state VALUES (?,?,?,?,?,?,?,?)")?
            .execute(params![
                self.file,
                self.position.cast_signed(),
                self.session,
                self.state.started,
                total.pico(),
                self.before,
                self.after,
                models_as_json(self.state, prices)
            ])?;
        Ok(())
    }
}

/// Notes the first time after a running total, and gives its session.
pub(crate) fn put_first_time_after(
    connection: &Connection,
    file: Id,
    position: u64,
    at: Millis,
) -> rusqlite::Result<Option<Id>> {
    connection
        .prepare_cached(
            "UPDATE cost_state SET after = ?3 WHERE file = ?1 AND position = ?2 RETURNING session",
        )?
        .query_row(params![file, position.cast_signed(), at], |row| row.get(0))
        .optional()
}

/// Forgets the running totals of a file that is read anew: they stand at other places now.
pub(crate) fn forget(connection: &Connection, file: Id) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM cost_state WHERE file = ?")?
        .execute([file])?;
    Ok(())
}

/// `{"model": [pico-dollars, [usage]]}`, by canonical name.
fn models_as_json(state: &CostState, prices: &PriceTable) -> String {
    let mut parts: BTreeMap<String, (i64, Usage)> = BTreeMap::new();
    for (model, total) in &state.models {
        let (cost, usage) = parts.entry(prices.canonical(model)).or_default();
        *cost = cost.saturating_add(
            Money::from_noisy_usd(total.cost_usd)
                .unwrap_or_default()
                .pico(),
        );
        *usage += total.usage;
    }
    let compact: BTreeMap<&String, (i64, [u64; 6])> = parts
        .iter()
        .map(|(model, (cost, usage))| (model, (*cost, usage.fields())))
        .collect();
    serde_json::to_string(&compact).unwrap_or_else(|_| "{}".to_owned())
}

fn total_from(row: &Row<'_>) -> rusqlite::Result<Total> {
    let models: String = row.get(4)?;
    let compact: BTreeMap<String, (i64, [u64; 6])> =
        serde_json::from_str(&models).unwrap_or_default();
    let part = |cost, fields| Part {
        usage: Usage::of_fields(fields),
        cost: Money::from_pico(cost),
    };
    let mut parts: Parts = compact
        .into_iter()
        .map(|(model, (cost, fields))| (model, part(cost, fields)))
        .collect();
    if parts.is_empty() {
        // A client that gave no parts: the total stands for itself.
        parts.insert(String::new(), part(row.get(1)?, [0; 6]));
    }
    Ok(Total {
        started: row.get(0)?,
        parts,
        before: row.get::<_, Option<Millis>>(2)?.unwrap_or(0),
        after: row.get(3)?,
    })
}

/// The running totals of a session, in file order.
pub(crate) fn of_session(connection: &Connection, session: Id) -> rusqlite::Result<Vec<Total>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM cost_state WHERE session = ? ORDER BY file, position"
        ))?
        .query_map([session], total_from)?
        .collect()
}

/// Those of other sessions that share a start with one of this session's.
pub(crate) fn of_relatives(
    connection: &Connection,
    session: Id,
) -> rusqlite::Result<Vec<Relative>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS}, name FROM cost_state JOIN session ON session.id = session
             WHERE session != ?1 AND started IN (SELECT started FROM cost_state WHERE session = ?1)"
        ))?
        .query_map([session], |row| {
            Ok(Relative {
                session: row.get(5)?,
                total: total_from(row)?,
            })
        })?
        .collect()
}

/// The session and all that share a start with it.
pub(crate) fn family(connection: &Connection, session: Id) -> rusqlite::Result<HashSet<Id>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT session FROM cost_state
             WHERE started IN (SELECT started FROM cost_state WHERE session = ?1)",
        )?
        .query_map([session], |row| row.get(0))?
        .collect()
}
