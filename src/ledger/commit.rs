//! One batch into the ledger, in one transaction.
//!
//! Responses are keyed by what they are, not by where they were read, so committing a batch
//! twice, or two overlapping batches in any order, counts nothing twice. Sums (`quarter`,
//! `session.recorded`) move by the difference between a row before and after.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::batch::{Batch, Counted, FileSeen};
use super::paths::bytes_of;
use super::row::{Stored, counts, flag, read, service, write};
use super::unrecorded::Part;
use super::{QUARTER, reconcile};
use crate::pricing::{ModelPrices, Money, PriceTable};
use crate::transcript::reader::Continuity;
use crate::transcript::record::CostState;

/// Sums of a quarter of an hour, session and model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    responses: i64,
    unpriced: i64,
    input: i64,
    output: i64,
    cache_read: i64,
    cache_write: i64,
    cache_write_1h: i64,
    web_searches: i64,
    cost: i64,
}

/// Differences to be applied to the sums at the end of a transaction.
#[derive(Debug, Default)]
pub(super) struct Moves(HashMap<(i64, i64, i64), Sums>);

impl Moves {
    /// Adds (`sign` 1) or takes away (-1) one response.
    pub(super) fn count(&mut self, row: &Stored, sign: i64) {
        let sums = self
            .0
            .entry((row.at.div_euclid(QUARTER), row.session, row.model))
            .or_default();
        let signed = |count: u64| sign * i64::try_from(count).unwrap_or(i64::MAX);
        sums.responses += sign;
        sums.unpriced += if row.flags & flag::UNPRICED == 0 {
            0
        } else {
            sign
        };
        sums.input += signed(row.usage.input);
        sums.output += signed(row.usage.output);
        sums.cache_read += signed(row.usage.cache_read);
        sums.cache_write += signed(row.usage.cache_write);
        sums.cache_write_1h += signed(row.usage.cache_write_1h);
        sums.web_searches += signed(row.usage.web_searches);
        sums.cost += sign * row.cost.pico();
    }

    /// Applies the differences.
    pub(super) fn apply(self, connection: &Connection) -> rusqlite::Result<()> {
        let mut by_session: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        let mut upsert = connection.prepare_cached(
            "INSERT INTO quarter VALUES (?,?,?,?,?,?,?,?,?,?,?,?)
             ON CONFLICT DO UPDATE SET
               responses = responses + excluded.responses, unpriced = unpriced + excluded.unpriced,
               input = input + excluded.input, output = output + excluded.output,
               cache_read = cache_read + excluded.cache_read,
               cache_write = cache_write + excluded.cache_write,
               cache_write_1h = cache_write_1h + excluded.cache_write_1h,
               web_searches = web_searches + excluded.web_searches, cost = cost + excluded.cost",
        )?;
        let mut moves: Vec<_> = self.0.into_iter().collect();
        moves.sort_unstable_by_key(|(key, _)| *key);
        for ((quarter, session, model), sums) in moves {
            if sums == Sums::default() {
                continue;
            }
            let of_session = by_session.entry(session).or_default();
            of_session.0 += sums.cost;
            of_session.1 += sums.unpriced;
            upsert.execute(params![
                quarter,
                session,
                model,
                sums.responses,
                sums.unpriced,
                sums.input,
                sums.output,
                sums.cache_read,
                sums.cache_write,
                sums.cache_write_1h,
                sums.web_searches,
                sums.cost
            ])?;
        }
        let mut add = connection.prepare_cached(
            "UPDATE session SET recorded = recorded + ?, unpriced = unpriced + ? WHERE id = ?",
        )?;
        for (session, (cost, unpriced)) in by_session {
            add.execute([cost, unpriced, session])?;
        }
        Ok(())
    }
}

/// Commits a batch. Waits for another writer only as long as the connection's busy timeout says.
pub(super) fn commit(
    connection: &mut Connection,
    batch: &Batch,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    put(&transaction, batch, prices)?;
    transaction.commit()
}

/// Puts a batch into an open transaction.
pub(super) fn put(
    connection: &Connection,
    batch: &Batch,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    let writer = Writer::new(connection, batch, prices)?;
    let mut dirty = writer.responses()?;
    let files = writer.files()?;
    dirty.extend(writer.cost_states(&files)?);
    if let Some((session, total, at)) = &batch.client_total {
        connection
            .prepare_cached(
                "UPDATE session SET client_total = ?2, client_total_at = ?3 WHERE name = ?1",
            )?
            .execute(params![session, total.pico(), at])?;
    }
    reconcile::sessions(connection, &dirty, prices)
}

struct Writer<'c> {
    connection: &'c Connection,
    batch: &'c Batch,
    /// Ids in the ledger, by index in the batch.
    sessions: Vec<i64>,
    models: Vec<i64>,
    model_prices: Vec<ModelPrices<'c>>,
    prices: &'c PriceTable,
}

impl<'c> Writer<'c> {
    fn new(
        connection: &'c Connection,
        batch: &'c Batch,
        prices: &'c PriceTable,
    ) -> rusqlite::Result<Self> {
        let sessions = batch
            .sessions
            .iter()
            .map(|seen| {
                let parent = seen.parent.as_ref();
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
                        params![seen.name, seen.project, parent.map(|(name, _)| name), parent.map(|(_, at)| at)],
                        |row| row.get(0),
                    )
            })
            .collect::<rusqlite::Result<_>>()?;
        let canonical: Vec<String> = batch
            .models
            .iter()
            .map(|model| prices.canonical(model))
            .collect();
        let models = canonical
            .iter()
            .map(|name| model_id(connection, name))
            .collect::<rusqlite::Result<_>>()?;
        let model_prices = batch
            .models
            .iter()
            .map(|model| prices.prices_of(model))
            .collect();
        Ok(Self {
            connection,
            batch,
            sessions,
            models,
            model_prices,
            prices,
        })
    }

    fn stored(&self, counted: &Counted) -> Option<Stored> {
        let prices = self.model_prices.get(counted.model as usize)?;
        let bit = |on: bool, bit: i64| if on { bit } else { 0 };
        Some(Stored {
            at: counted.at,
            session: *self.sessions.get(counted.session as usize)?,
            model: *self.models.get(counted.model as usize)?,
            flags: bit(counted.service.fast, flag::FAST)
                | bit(counted.service.us_only, flag::US_ONLY)
                | bit(counted.session_is_named, flag::SESSION_IS_NAMED)
                | bit(counted.subagent, flag::SUBAGENT)
                | bit(!prices.known(), flag::UNPRICED),
            usage: counted.usage,
            calls: counted.calls.clone(),
            cost: prices.price(counted.at, &counted.usage, counted.service, &counted.calls),
        })
    }

    /// Returns the sessions whose recorded spend changed.
    fn responses(&self) -> rusqlite::Result<HashSet<i64>> {
        let mut moves = Moves::default();
        let mut dirty = HashSet::new();
        let mut insert = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO response VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)")?;
        let mut update = self
            .connection
            .prepare_cached("INSERT OR REPLACE INTO response VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)")?;
        // In key order, so that a first big read fills the table from left to right.
        let mut in_order: Vec<(i64, &Counted)> = self
            .batch
            .responses
            .iter()
            .map(|(key, counted)| (*key, counted))
            .collect();
        in_order.sort_unstable_by_key(|(key, _)| *key);
        for (key, counted) in in_order {
            let Some(row) = self.stored(counted) else {
                continue;
            };
            if write(&mut insert, key, &row)? == 1 {
                moves.count(&row, 1);
                dirty.insert(row.session);
                continue;
            }
            let Some(old) = read(self.connection, key)? else {
                continue;
            };
            let merged = self.merge(&old, &row, counted);
            if merged != old {
                write(&mut update, key, &merged)?;
                moves.count(&old, -1);
                moves.count(&merged, 1);
                dirty.extend([old.session, merged.session]);
            }
        }
        drop((insert, update));
        moves.apply(self.connection)?;
        Ok(dirty)
    }

    /// What is known of a response after another reading. Mirrors [`Counted::merge`].
    fn merge(&self, old: &Stored, new: &Stored, counted: &Counted) -> Stored {
        let named = |row: &Stored| row.flags & flag::SESSION_IS_NAMED != 0;
        let mut merged = old.clone();
        if named(new) && !named(old) {
            merged.session = new.session;
        }
        if new.usage.output > old.usage.output || old.calls.is_empty() {
            merged.calls.clone_from(&new.calls);
        }
        merged.at = old.at.min(new.at);
        merged.usage = old.usage.max(new.usage);
        merged.flags = (old.flags | new.flags) & !flag::UNPRICED | (new.flags & flag::UNPRICED);
        if let Some(prices) = self.model_prices.get(counted.model as usize) {
            merged.cost = prices.price(
                merged.at,
                &merged.usage,
                service(merged.flags),
                &merged.calls,
            );
        }
        merged
    }

    /// Returns the ids of the batch's files, by index.
    fn files(&self) -> rusqlite::Result<Vec<i64>> {
        self.batch
            .files
            .iter()
            .map(|seen| self.file(seen))
            .collect()
    }

    fn file(&self, seen: &FileSeen) -> rusqlite::Result<i64> {
        let progress = &seen.progress;
        let id: i64 = self
            .connection
            .prepare_cached(
                "INSERT INTO file (path, bytes_read, mark, size, modified, last_at, open_cost_state, unreadable)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (path) DO UPDATE SET
                   bytes_read = excluded.bytes_read, mark = excluded.mark, size = excluded.size,
                   modified = excluded.modified, last_at = excluded.last_at,
                   open_cost_state = excluded.open_cost_state, unreadable = excluded.unreadable
                 RETURNING id",
            )?
            .query_row(
                params![
                    bytes_of(&seen.path),
                    progress.offset.cast_signed(),
                    progress.mark,
                    progress.size.cast_signed(),
                    progress.modified,
                    progress.carry.last_at,
                    progress.carry.open_cost_state.map(u64::cast_signed),
                    progress.carry.unreadable
                ],
                |row| row.get(0),
            )?;
        if seen.continuity == Continuity::ReadAnew {
            // The running totals stand at other places now. Responses stay: they were served.
            self.connection
                .prepare_cached("DELETE FROM cost_state WHERE file = ?")?
                .execute([id])?;
        }
        Ok(id)
    }

    /// Returns the sessions whose unrecorded spend may have changed.
    fn cost_states(&self, files: &[i64]) -> rusqlite::Result<HashSet<i64>> {
        let mut dirty = HashSet::new();
        for seen in &self.batch.cost_states {
            let (Some(file), Some(session)) = (
                files.get(seen.file),
                self.sessions.get(seen.session as usize),
            ) else {
                continue;
            };
            let total = Money::from_noisy_usd(seen.state.total_usd).unwrap_or_default();
            self.connection
                .prepare_cached("INSERT OR REPLACE INTO cost_state VALUES (?,?,?,?,?,?,?,?)")?
                .execute(params![
                    file,
                    seen.position.cast_signed(),
                    session,
                    seen.state.started,
                    total.pico(),
                    seen.before,
                    seen.after,
                    self.models_as_json(&seen.state)
                ])?;
            dirty.insert(*session);
        }
        for (file, position, at) in &self.batch.first_times {
            let Some(file) = files.get(*file) else {
                continue;
            };
            let session: Option<i64> = self
                .connection
                .prepare_cached(
                    "UPDATE cost_state SET after = ?3 WHERE file = ?1 AND position = ?2 RETURNING session",
                )?
                .query_row(params![file, position.cast_signed(), at], |row| row.get(0))
                .optional()?;
            dirty.extend(session);
        }
        Ok(dirty)
    }

    /// `{"model": [pico-dollars, input, output, cache read, cache write, of one hour, searches]}`,
    /// by canonical name.
    fn models_as_json(&self, state: &CostState) -> String {
        let mut parts: BTreeMap<String, Part> = BTreeMap::new();
        for (model, total) in &state.models {
            let part = parts.entry(self.prices.canonical(model)).or_default();
            part.cost += Money::from_noisy_usd(total.cost_usd).unwrap_or_default();
            let usage = &mut part.usage;
            usage.input += total.usage.input;
            usage.output += total.usage.output;
            usage.cache_read += total.usage.cache_read;
            usage.cache_write += total.usage.cache_write;
            usage.cache_write_1h += total.usage.cache_write_1h;
            usage.web_searches += total.usage.web_searches;
        }
        let compact: BTreeMap<&String, (i64, [u64; 6])> = parts
            .iter()
            .map(|(model, part)| (model, (part.cost.pico(), counts(&part.usage))))
            .collect();
        serde_json::to_string(&compact).unwrap_or_else(|_| "{}".to_owned())
    }
}

/// The id of a model by its canonical name.
pub(super) fn model_id(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    // The update that changes nothing makes RETURNING work for a known name.
    connection
        .prepare_cached(
            "INSERT INTO model (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
        )?
        .query_row([name], |row| row.get(0))
}
