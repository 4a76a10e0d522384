//! Brings the `unrecorded` table in step after running totals or responses changed.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, params};

use super::store::{Id, model_id, model_names, responses, totals};
use super::unrecorded::{Recorded, Unrecorded, derive};
use crate::pricing::{Money, PriceTable};
use crate::time::QUARTER;

/// Derives anew for these sessions and for the relatives of their running totals: a fork's figure
/// depends on its parent's.
pub(crate) fn sessions(
    connection: &Connection,
    dirty: &HashSet<Id>,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    let mut concerned = HashSet::new();
    for session in dirty {
        concerned.extend(totals::family(connection, *session)?);
    }
    for session in concerned {
        one(connection, session, prices)?;
    }
    Ok(())
}

fn one(connection: &Connection, session: Id, prices: &PriceTable) -> rusqlite::Result<()> {
    let totals = totals::of_session(connection, session)?;
    let recorded = recorded(connection, session, prices)?;
    let relatives = totals::of_relatives(connection, session)?;
    let parent: Option<String> = connection
        .prepare_cached("SELECT parent FROM session WHERE id = ?")?
        .query_row([session], |row| row.get(0))?;
    let found = derive(&totals, &recorded, &relatives, parent.as_deref());
    store(connection, session, &found, prices)
}

fn store(
    connection: &Connection,
    session: Id,
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

/// The session's responses at the prices that the client used: list price, since it takes an
/// organisation's rates from managed settings only, which whycap treats like the user's own.
fn recorded(
    connection: &Connection,
    session: Id,
    prices: &PriceTable,
) -> rusqlite::Result<Vec<Recorded>> {
    let names = model_names(connection)?;
    let mut list_prices = HashMap::new();
    let rows = responses::of_session(connection, session)?.into_iter();
    let recorded = rows.map(|row| {
        let counted = row.counted;
        let model = names.get(&counted.model).cloned().unwrap_or_default();
        let cost = if prices.client_uses_these() {
            row.cost
        } else {
            list_prices
                .entry(counted.model)
                .or_insert_with(|| prices.list_prices_of(&model))
                .price(counted.at, &counted.usage, counted.service, &counted.calls)
        };
        Recorded {
            at: counted.at,
            model,
            usage: counted.usage,
            cost,
        }
    });
    Ok(recorded.collect())
}
