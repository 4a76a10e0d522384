//! A row of the `response` table, and how its values are spelled.

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::pricing::{Money, Service, Usage};
use crate::time::Millis;

/// Bits of `response.flags`.
pub(super) mod flag {
    pub(in crate::ledger) const FAST: i64 = 1;
    pub(in crate::ledger) const US_ONLY: i64 = 2;
    pub(in crate::ledger) const SESSION_IS_NAMED: i64 = 4;
    pub(in crate::ledger) const SUBAGENT: i64 = 8;
    pub(in crate::ledger) const UNPRICED: i64 = 16;
}

/// A row of `response` as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub(super) at: Millis,
    pub(super) session: i64,
    pub(super) model: i64,
    pub(super) flags: i64,
    pub(super) usage: Usage,
    pub(super) calls: Vec<Usage>,
    pub(super) cost: Money,
}

pub(super) fn service(flags: i64) -> Service {
    Service {
        fast: flags & flag::FAST != 0,
        us_only: flags & flag::US_ONLY != 0,
    }
}

pub(super) fn counts(usage: &Usage) -> [u64; 6] {
    [
        usage.input,
        usage.output,
        usage.cache_read,
        usage.cache_write,
        usage.cache_write_1h,
        usage.web_searches,
    ]
}

pub(super) fn usage(
    [
        input,
        output,
        cache_read,
        cache_write,
        cache_write_1h,
        web_searches,
    ]: [u64; 6],
) -> Usage {
    Usage {
        input,
        output,
        cache_read,
        cache_write,
        cache_write_1h,
        web_searches,
    }
}

fn calls_as_json(calls: &[Usage]) -> Option<String> {
    let counts: Vec<[u64; 6]> = calls.iter().map(counts).collect();
    (!calls.is_empty()).then(|| serde_json::to_string(&counts).unwrap_or_default())
}

pub(super) fn calls_from_json(text: Option<String>) -> Vec<Usage> {
    let counts: Vec<[u64; 6]> = text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    counts.into_iter().map(usage).collect()
}

/// Runs an INSERT of all columns; gives the number of rows written.
pub(super) fn write(
    statement: &mut CachedStatement<'_>,
    key: i64,
    row: &Stored,
) -> rusqlite::Result<usize> {
    statement.execute(params![
        key,
        row.at,
        row.session,
        row.model,
        row.flags,
        row.usage.input.cast_signed(),
        row.usage.output.cast_signed(),
        row.usage.cache_read.cast_signed(),
        row.usage.cache_write.cast_signed(),
        row.usage.cache_write_1h.cast_signed(),
        row.usage.web_searches.cast_signed(),
        calls_as_json(&row.calls),
        row.cost.pico()
    ])
}

/// The columns of `response` that [`stored_from`] reads, in its order.
pub(super) const COLUMNS: &str = "at, session, model, flags, input, output, cache_read, cache_write, cache_write_1h, web_searches, calls, cost";

/// A row selected with [`COLUMNS`].
pub(super) fn stored_from(row: &rusqlite::Row<'_>) -> rusqlite::Result<Stored> {
    let count = |column: usize| row.get::<_, i64>(column).map(i64::cast_unsigned);
    Ok(Stored {
        at: row.get(0)?,
        session: row.get(1)?,
        model: row.get(2)?,
        flags: row.get(3)?,
        usage: usage([
            count(4)?,
            count(5)?,
            count(6)?,
            count(7)?,
            count(8)?,
            count(9)?,
        ]),
        calls: calls_from_json(row.get(10)?),
        cost: Money::from_pico(row.get(11)?),
    })
}

/// The stored row of a response.
pub(super) fn read(connection: &Connection, key: i64) -> rusqlite::Result<Option<Stored>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM response WHERE key = ?"))?
        .query_row([key], stored_from)
        .optional()
}
