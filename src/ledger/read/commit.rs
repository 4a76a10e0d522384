//! A batch into the ledger.
//!
//! Responses are keyed by what they are, not by where they were read, so committing a batch
//! twice, or two overlapping batches in any order, counts nothing twice.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use super::batch::{Batch, FileSeen};
use crate::ledger::reconcile;
use crate::ledger::store::{
    Id, ResponseRow, StoredTotal, SumChanges, model_id, positions, responses, totals,
};
use crate::pricing::{ModelPrices, PriceTable};
use crate::transcript::reader::Continuity;

/// Puts a batch into an open transaction.
pub(crate) fn put(
    connection: &Connection,
    batch: &Batch,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    let names = Names::put(connection, batch, prices)?;
    let mut concerned = put_responses(connection, batch, &names)?;
    concerned.extend(put_totals(connection, batch, &names, prices)?);
    if let Some((session, total, at)) = &batch.client_total {
        connection
            .prepare_cached(
                "UPDATE session SET client_total = ?2, client_total_at = ?3 WHERE name = ?1",
            )?
            .execute(params![session, total.pico(), at])?;
    }
    reconcile::sessions(connection, &concerned, prices)
}

/// What a batch's sessions and models are called in the ledger, by their place in the batch.
struct Names<'p> {
    sessions: Vec<Id>,
    models: Vec<(Id, ModelPrices<'p>)>,
}

impl<'p> Names<'p> {
    fn put(
        connection: &Connection,
        batch: &Batch,
        prices: &'p PriceTable,
    ) -> rusqlite::Result<Self> {
        let session = |name: &str, project: Option<&str>, parent: Option<&(String, i64)>| {
            connection
                .prepare_cached(
                    "INSERT INTO session (name, project, parent, parent_at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (name) DO UPDATE SET
                       project = coalesce(project, excluded.project),
                       parent = CASE WHEN excluded.parent_at >= coalesce(parent_at, excluded.parent_at)
                                THEN excluded.parent ELSE parent END,
                       parent_at = max(coalesce(parent_at, excluded.parent_at), coalesce(excluded.parent_at, parent_at))
                     RETURNING id",
                )?
                .query_row(
                    params![name, project, parent.map(|(name, _)| name), parent.map(|(_, at)| at)],
                    |row| row.get(0),
                )
        };
        let sessions = batch.sessions.iter();
        let models = batch.models.iter();
        Ok(Self {
            sessions: sessions
                .map(|(name, seen)| session(name, seen.project.as_deref(), seen.parent.as_ref()))
                .collect::<rusqlite::Result<_>>()?,
            models: models
                .map(|model| {
                    let id = model_id(connection, &prices.canonical(model))?;
                    Ok((id, prices.prices_of(model)))
                })
                .collect::<rusqlite::Result<_>>()?,
        })
    }
}

/// Returns the sessions whose recorded spend changed.
fn put_responses(
    connection: &Connection,
    batch: &Batch,
    names: &Names<'_>,
) -> rusqlite::Result<HashSet<Id>> {
    let mut changes = SumChanges::default();
    let mut concerned = HashSet::new();
    let mut insert = connection.prepare_cached(responses::INSERT)?;
    let mut replace = connection.prepare_cached(responses::REPLACE)?;
    // In key order, so that a first big read fills the table from left to right.
    let mut in_order: Vec<_> = batch.responses.iter().collect();
    in_order.sort_unstable_by_key(|(key, _)| **key);
    for (key, counted) in in_order {
        let (Some(session), Some((model, prices))) = (
            names.sessions.get(counted.session),
            names.models.get(counted.model),
        ) else {
            continue;
        };
        let new = ResponseRow::priced(counted.renamed(*session, *model), prices);
        if new.write(&mut insert, *key)? == 1 {
            changes.add(&new);
            concerned.insert(new.counted.session);
            continue;
        }
        let Some(old) = responses::read(connection, *key)? else {
            continue;
        };
        let merged = old.merged_with(&new.counted, prices);
        if merged != old {
            merged.write(&mut replace, *key)?;
            changes.take_away(&old);
            changes.add(&merged);
            concerned.extend([old.counted.session, merged.counted.session]);
        }
    }
    changes.apply(connection)?;
    Ok(concerned)
}

/// Stores how far files were read and the totals found in them. Returns the sessions whose
/// unrecorded spend may have changed.
fn put_totals(
    connection: &Connection,
    batch: &Batch,
    names: &Names<'_>,
    prices: &PriceTable,
) -> rusqlite::Result<HashSet<Id>> {
    let put_file = |seen: &FileSeen| {
        let id = positions::put_position(connection, &seen.path, &seen.now)?;
        if seen.continuity == Continuity::ReadAnew {
            // Responses stay: they were served.
            totals::forget(connection, id)?;
        }
        Ok(id)
    };
    let files: Vec<Id> = batch
        .files
        .iter()
        .map(put_file)
        .collect::<rusqlite::Result<_>>()?;
    let mut concerned = HashSet::new();
    for seen in &batch.cost_states {
        let (Some(file), Some(session)) = (files.get(seen.file), names.sessions.get(seen.session))
        else {
            continue;
        };
        let total = StoredTotal {
            file: *file,
            position: seen.position,
            session: *session,
            before: seen.before,
            after: seen.after,
            state: &seen.state,
        };
        total.put(connection, prices)?;
        concerned.insert(*session);
    }
    for (file, position, at) in &batch.first_times {
        if let Some(file) = files.get(*file) {
            concerned.extend(totals::put_first_time_after(
                connection, *file, *position, *at,
            )?);
        }
    }
    Ok(concerned)
}
