//! Families: sessions that have to do with each other, and what follows from their transcripts.

use rusqlite::{Connection, params};

use super::loaded_family::LoadedFamily;
use super::names::{Id, model_id};
use super::responses::{self, ResponseRow};
use super::sums::SumChanges;
use super::told;
use crate::ledger::derivation::{self, Derived, SessionLife};
use crate::pricing::{Money, PriceTable};
use crate::time::QUARTER;

/// The family of a session.
pub(crate) fn family_of(connection: &Connection, session: Id) -> rusqlite::Result<Id> {
    connection
        .prepare_cached("SELECT family FROM session WHERE id = ?")?
        .query_row([session], |row| row.get(0))
}

/// Whether a session has to do with any other.
pub(crate) fn has_relatives(connection: &Connection, session: Id) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM session WHERE family = (SELECT family FROM session WHERE id = ?1) AND id != ?1)",
        )?
        .query_row([session], |row| row.get(0))
}

/// Makes one family of two sessions'.
pub(crate) fn link(connection: &Connection, one: Id, other: Id) -> rusqlite::Result<()> {
    let [one, other] = [family_of(connection, one)?, family_of(connection, other)?];
    if one != other {
        connection
            .prepare_cached("UPDATE session SET family = ?1 WHERE family = ?2")?
            .execute([one.min(other), one.max(other)])?;
    }
    Ok(())
}

/// Every family in which a client wrote a running total.
pub(crate) fn with_totals(connection: &Connection) -> rusqlite::Result<Vec<Id>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT family FROM session JOIN cost_state ON cost_state.session = session.id",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Derives anew what a family spent.
pub(crate) fn settle(
    connection: &Connection,
    family: Id,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    let loaded = LoadedFamily::read(connection, family)?;
    let derived = derivation::derive(&loaded.family, prices);
    store(&loaded, connection, &derived, prices)
}

/// The runs of every session of a family, and what they say.
pub(crate) fn lives(
    connection: &Connection,
    family: Id,
    prices: &PriceTable,
) -> rusqlite::Result<Vec<(Id, SessionLife)>> {
    let loaded = LoadedFamily::read(connection, family)?;
    let derived = derivation::derive(&loaded.family, prices);
    Ok(loaded.ids.into_iter().zip(derived.sessions).collect())
}

fn store(
    loaded: &LoadedFamily,
    connection: &Connection,
    derived: &Derived,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    let mut changes = SumChanges::default();
    let answers = loaded.family.answers.iter().zip(&loaded.rows);
    for ((answer, row), owner) in answers.zip(&derived.owners) {
        let owner = loaded.ids.get(*owner).copied().unwrap_or(row.session);
        if owner != row.session {
            responses::give_to(connection, answer.key, owner)?;
            changes.take_away(row);
            changes.add(&ResponseRow {
                session: owner,
                ..row.clone()
            });
        }
    }
    changes.apply(connection)?;
    for (session, life) in loaded.ids.iter().zip(&derived.sessions) {
        store_life(connection, *session, life, &loaded.ids, prices)?;
        told::settle(connection, *session, &life.runs)?;
    }
    Ok(())
}

fn store_life(
    connection: &Connection,
    session: Id,
    life: &SessionLife,
    ids: &[Id],
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM unrecorded WHERE session = ?")?
        .execute([session])?;
    let mut unrecorded = Money::ZERO;
    for part in &life.found.unrecorded {
        let cost = prices.scale_client_amount(part.cost);
        unrecorded += cost;
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
        .prepare_cached(
            "UPDATE session SET unrecorded = ?2, in_runs = ?3, beyond = ?4, until = ?5, parent = ?6 WHERE id = ?1",
        )?
        .execute(params![
            session,
            unrecorded.pico(),
            life.found.in_runs.pico(),
            prices.scale_client_amount(life.found.beyond).pico(),
            life.until,
            life.parent.and_then(|at| ids.get(at))
        ])?;
    Ok(())
}
