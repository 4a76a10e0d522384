//! Stores and reads responses with their locations and costs.

use std::collections::{HashMap, HashSet};

use rusqlite::{CachedStatement, Row, Statement, params};
use serde::{Deserialize, Serialize};

use super::database::Store;
use super::error::Result;
use super::facts::{Id, Location, PricesOfModel, Response};
use super::stored_facts::{FactKind, FactRow};
use super::sums::SumChanges;
use super::values::count_from;
use crate::pricing::{Advice, PriceTable, ServiceLevel, Usage};

/// The columns of `responses`, in the order of the schema. [`write_response`] and [`response_from`] rely on this order.
pub(super) const RESPONSE_COLUMNS: &str = "key, session, at, model, context, flags, input, output, cache_read, \
     cache_write, cache_write_1h, web_searches, parts, cost, client_cost, requested, file, offset, source";

pub(super) const SUBAGENT: i64 = 1;
const UNPRICED: i64 = 2;
const FAST: i64 = 4;
const US_ONLY: i64 = 8;
pub(super) const OUT_OF_ORDER: i64 = 16;
pub(super) const FROM_TERMINAL: i64 = 32;

/// Fields that most responses do not have.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Parts {
    calls: Vec<Usage>,
    advice: Vec<Advice>,
}

impl Store {
    /// Returns a response with all of its locations.
    fn response(&self, key: i64) -> Result<Option<Response>> {
        let query = format!("SELECT {RESPONSE_COLUMNS} FROM responses WHERE key = ?1");
        let Some(mut response) = self.first(&query, [key], response_from)? else {
            return Ok(None);
        };
        let mut copies = self.facts("WHERE kind = 0 AND key = ?1", [key])?;
        copies.sort_unstable_by_key(|row| row.location.file);
        response.copies = copies.into_iter().map(|row| row.location).collect();
        Ok(Some(response))
    }

    /// Recalculates the cost of every response. `models` contains the names of all models.
    pub(super) fn reprice(&self, prices: &PriceTable, models: &HashMap<Id, String>) -> Result<()> {
        let by_model: HashMap<Id, _> = models
            .iter()
            .map(|(id, name)| (*id, PricesOfModel::new(prices, name)))
            .collect();
        let query = format!("SELECT {RESPONSE_COLUMNS} FROM responses");
        let all: Vec<Response> = self.all(&query, [], response_from)?;
        let mut replace = self.0.prepare_cached(&statement_with("REPLACE"))?;
        for mut response in all {
            let Some(prices) = by_model.get(&response.model) else {
                continue;
            };
            let before = response.clone();
            response.price(prices);
            if response != before {
                write_response(&mut replace, &response)?;
            }
        }
        Ok(())
    }
}

/// Writes the responses in a batch to the ledger.
pub(super) struct ResponseWriter<'s> {
    store: &'s Store,
    insert: CachedStatement<'s>,
    prices: &'s PriceTable,
    /// The changes to the sums.
    pub changes: SumChanges,
    /// The sessions and locations that have already been linked. Offsets are ignored.
    linked: HashSet<(Id, Location)>,
}

impl<'s> ResponseWriter<'s> {
    pub(super) fn new(store: &'s Store, prices: &'s PriceTable) -> Result<Self> {
        Ok(Self {
            store,
            insert: store.0.prepare_cached(&statement_with("IGNORE"))?,
            prices,
            changes: SumChanges::default(),
            linked: HashSet::new(),
        })
    }

    /// Adds a response. If the ledger already contains it, the two are merged.
    pub(super) fn add(&mut self, response: &Response) -> Result<()> {
        if write_response(&mut self.insert, response)? {
            self.changes.add(&response.into());
            return self.add_locations(response, &[]);
        }
        let Some(known) = self.store.response(response.key)? else {
            return Ok(());
        };
        let mut merged = known.clone();
        merged.merge(response);
        if merged == known {
            return Ok(());
        }
        let mut without_new_copies = merged.clone();
        without_new_copies.copies.clone_from(&known.copies);
        // Forks copy lines unchanged, so a new copy usually makes no other difference.
        if without_new_copies != known {
            self.replace(&known, &mut merged)?;
        }
        self.store.mark_dirty(merged.session)?;
        self.add_locations(&merged, &known.copies)
    }

    fn replace(&mut self, known: &Response, merged: &mut Response) -> Result<()> {
        let store = self.store;
        let model: Option<String> = store.first(
            "SELECT name FROM names WHERE id = ?1",
            [merged.model],
            |row| row.get(0),
        )?;
        merged.price(&PricesOfModel::new(self.prices, &model.unwrap_or_default()));
        self.changes.remove(&known.into());
        self.changes.add(&(&*merged).into());
        let mut statement = store.0.prepare_cached(&statement_with("REPLACE"))?;
        write_response(&mut statement, merged)?;
        Ok(())
    }

    /// Adds the copies of a response that the ledger does not have yet, and links the sessions that may own the
    /// response.
    fn add_locations(&mut self, response: &Response, known_copies: &[Location]) -> Result<()> {
        for copy in &response.copies {
            if !known_copies.contains(copy) {
                self.store.add_line(&FactRow {
                    key: Some(response.key),
                    ..FactRow::new(FactKind::Copy, *copy)
                })?;
            }
        }
        if has_one_owner(response) {
            return Ok(());
        }
        for location in response.locations() {
            let anywhere = Location {
                offset: 0,
                is_out_of_order: false,
                is_from_terminal: false,
                ..*location
            };
            if self.linked.insert((response.session, anywhere)) {
                self.store
                    .link_location(response.session, location)?;
            }
        }
        Ok(())
    }
}

/// Returns a statement that writes a response. `conflict` is what SQLite does if it already exists, such as `IGNORE`.
fn statement_with(conflict: &str) -> String {
    let row = RESPONSE_COLUMNS.split(", ").map(|_| "?");
    let values = row.collect::<Vec<_>>().join(",");
    format!("INSERT OR {conflict} INTO responses VALUES ({values})")
}

/// Writes a response. Returns true if a row was written.
fn write_response(statement: &mut Statement<'_>, response: &Response) -> Result<bool> {
    let has_parts = !response.several_calls.is_empty() || !response.advice.is_empty();
    let parts = if has_parts {
        serde_json::to_string(&Parts {
            calls: response.several_calls.clone(),
            advice: response.advice.clone(),
        })
        .ok()
    } else {
        None
    };
    let flags = flags_of_location(&response.location)
        + SUBAGENT * i64::from(response.is_of_subagent)
        + UNPRICED * i64::from(response.is_unpriced)
        + FAST * i64::from(response.service.fast)
        + US_ONLY * i64::from(response.service.us_only);
    let usage = &response.usage;
    let written = statement.execute(params![
        response.key,
        response.session,
        response.at,
        response.model,
        response.context,
        flags,
        usage.input.cast_signed(),
        usage.output.cast_signed(),
        usage.cache_read.cast_signed(),
        usage.cache_write.cast_signed(),
        usage.cache_write_1h.cast_signed(),
        usage.web_searches.cast_signed(),
        parts,
        response.cost,
        response.client_cost,
        response.requested,
        response.location.file,
        response.location.offset,
        response.location.source,
    ])?;
    Ok(written > 0)
}

/// Returns the flags of a line at this location.
pub(super) fn flags_of_location(location: &Location) -> i64 {
    let out_of_order = OUT_OF_ORDER * i64::from(location.is_out_of_order);
    let from_terminal = FROM_TERMINAL * i64::from(location.is_from_terminal);
    out_of_order | from_terminal
}

/// Returns true if only one session can be the owner of a response.
fn has_one_owner(response: &Response) -> bool {
    response.copies.is_empty()
        && response.location.source.is_none()
        && !response.location.is_out_of_order
}

/// Reads a usage from six columns. `first` is the index of the first column.
pub(super) fn usage_from(row: &Row<'_>, first: usize) -> Result<Usage> {
    let mut fields = [0; 6];
    for (index, field) in fields.iter_mut().enumerate() {
        *field = count_from(row, first + index)?;
    }
    Ok(fields.into())
}

/// Reads a response, without its copies, from the columns in [`RESPONSE_COLUMNS`].
pub(super) fn response_from(row: &Row<'_>) -> Result<Response> {
    let flags: i64 = row.get(5)?;
    let parts: Parts = row
        .get::<_, Option<String>>(12)?
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    Ok(Response {
        key: row.get(0)?,
        session: row.get(1)?,
        at: row.get(2)?,
        model: row.get(3)?,
        context: row.get(4)?,
        is_of_subagent: flags & SUBAGENT != 0,
        is_unpriced: flags & UNPRICED != 0,
        service: ServiceLevel {
            fast: flags & FAST != 0,
            us_only: flags & US_ONLY != 0,
        },
        usage: usage_from(row, 6)?,
        several_calls: parts.calls,
        advice: parts.advice,
        cost: row.get(13)?,
        client_cost: row.get(14)?,
        requested: row.get(15)?,
        location: Location {
            file: row.get(16)?,
            offset: row.get(17)?,
            is_out_of_order: flags & OUT_OF_ORDER != 0,
            is_from_terminal: flags & FROM_TERMINAL != 0,
            source: row.get(18)?,
        },
        copies: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_advice_in_older_rows_are_readable() {
        let older = r#"{"calls":[[1,2,3,4,4,0]],"advice":[["claude-opus-4-8",[5,6,0,0,0,0]]]}"#;
        let parts: Parts = serde_json::from_str(older).unwrap();
        let newer: Parts = serde_json::from_str(&serde_json::to_string(&parts).unwrap()).unwrap();
        let named = r#"{"calls":[[1,2,3,4,4,0]],"advice":[{"model":"claude-opus-4-8","fields":[5,6,0,0,0,0]}]}"#;
        for parts in [parts, newer, serde_json::from_str(named).unwrap()] {
            assert_eq!(parts.calls, [Usage::from([1, 2, 3, 4, 4, 0])]);
            let [advice] = parts.advice.as_slice() else {
                panic!()
            };
            assert_eq!(advice.model, "claude-opus-4-8");
            assert_eq!(advice.usage, Usage::from([5, 6, 0, 0, 0, 0]));
        }
    }
}
