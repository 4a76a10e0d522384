//! Brings the `unrecorded` table in step after running totals or responses changed.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, params};

use super::QUARTER;
use super::commit::model_id;
use super::row::{COLUMNS, service, stored_from, usage};
use super::unrecorded::{Part, Parts, Recorded, Relative, Total, Unrecorded, derive};
use crate::pricing::{Money, PriceTable};
use crate::time::Millis;

/// Derives anew for these sessions and for the relatives of their running totals: a fork's figure
/// depends on its parent's.
pub(super) fn sessions(
    connection: &Connection,
    dirty: &HashSet<i64>,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    let mut concerned: HashSet<i64> = HashSet::new();
    {
        let mut family = connection.prepare_cached(
            "SELECT DISTINCT session FROM cost_state
             WHERE started IN (SELECT started FROM cost_state WHERE session = ?1)",
        )?;
        for session in dirty {
            concerned.extend(
                family
                    .query_map([session], |row| row.get(0))?
                    .collect::<rusqlite::Result<Vec<i64>>>()?,
            );
        }
    }
    for session in concerned {
        one(connection, session, prices)?;
    }
    Ok(())
}

fn one(connection: &Connection, session: i64, prices: &PriceTable) -> rusqlite::Result<()> {
    let totals = totals(connection, session)?;
    let recorded = recorded(connection, session, prices)?;
    let relatives = relatives(connection, session)?;
    let parent: Option<String> = connection
        .prepare_cached("SELECT parent FROM session WHERE id = ?")?
        .query_row([session], |row| row.get(0))?;
    let found = derive(&totals, &recorded, &relatives, parent.as_deref());
    store(connection, session, &found, prices)
}

fn store(
    connection: &Connection,
    session: i64,
    found: &[Unrecorded],
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM unrecorded WHERE session = ?")?
        .execute([session])?;
    let mut sum = Money::ZERO;
    for part in found {
        let cost = prices.scale_client_amount(part.cost);
        sum += cost;
        connection
            .prepare_cached(
                "INSERT INTO unrecorded VALUES (?,?,?,?)
                 ON CONFLICT DO UPDATE SET cost = cost + excluded.cost",
            )?
            .execute(params![
                part.at.div_euclid(QUARTER),
                session,
                model_id(connection, &part.model)?,
                cost.pico()
            ])?;
    }
    connection
        .prepare_cached("UPDATE session SET unrecorded = ? WHERE id = ?")?
        .execute([sum.pico(), session])?;
    Ok(())
}

const TOTAL_COLUMNS: &str = "started, total, before, after, models";

fn total_from(row: &rusqlite::Row<'_>) -> rusqlite::Result<Total> {
    let models: String = row.get(4)?;
    let compact: BTreeMap<String, (i64, [u64; 6])> =
        serde_json::from_str(&models).unwrap_or_default();
    let mut parts: Parts = compact
        .into_iter()
        .map(|(model, (cost, counts))| {
            (
                model,
                Part {
                    usage: usage(counts),
                    cost: Money::from_pico(cost),
                },
            )
        })
        .collect();
    if parts.is_empty() {
        // A client that gave no parts: the total stands for itself.
        parts.insert(
            String::new(),
            Part {
                cost: Money::from_pico(row.get(1)?),
                ..Part::default()
            },
        );
    }
    Ok(Total {
        started: row.get(0)?,
        parts,
        before: row.get::<_, Option<Millis>>(2)?.unwrap_or(0),
        after: row.get(3)?,
    })
}

fn totals(connection: &Connection, session: i64) -> rusqlite::Result<Vec<Total>> {
    connection
        .prepare_cached(&format!(
            "SELECT {TOTAL_COLUMNS} FROM cost_state WHERE session = ? ORDER BY file, position"
        ))?
        .query_map([session], total_from)?
        .collect()
}

fn relatives(connection: &Connection, session: i64) -> rusqlite::Result<Vec<Relative>> {
    connection
        .prepare_cached(&format!(
            "SELECT {TOTAL_COLUMNS}, name FROM cost_state JOIN session ON session.id = session
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

/// The session's responses at the prices that the client used: list price, since it takes an
/// organisation's rates from managed settings only, which whycap treats like the user's own.
fn recorded(
    connection: &Connection,
    session: i64,
    prices: &PriceTable,
) -> rusqlite::Result<Vec<Recorded>> {
    let names: BTreeMap<i64, String> = connection
        .prepare_cached("SELECT id, name FROM model")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut by_model = BTreeMap::new();
    let stored: Vec<_> = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM response WHERE session = ?"))?
        .query_map([session], stored_from)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(stored
        .into_iter()
        .map(|row| {
            let name = names.get(&row.model).cloned().unwrap_or_default();
            let cost = if prices.client_uses_these() {
                row.cost
            } else {
                by_model
                    .entry(row.model)
                    .or_insert_with(|| prices.list_prices_of(&name))
                    .price(row.at, &row.usage, service(row.flags), &row.calls)
            };
            Recorded {
                at: row.at,
                model: name,
                usage: row.usage,
                cost,
            }
        })
        .collect())
}
