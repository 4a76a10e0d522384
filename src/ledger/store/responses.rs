//! The `response` table: what was served, each response once.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::names::Id;
use crate::pricing::{ModelPrices, Money, Service, Usage};
use crate::time::Millis;

/// Bits of `response.flags`.
const FAST: i64 = 1;
const US_ONLY: i64 = 2;
const SESSION_IS_NAMED: i64 = 4;
const SUBAGENT: i64 = 8;
const UNPRICED: i64 = 16;

/// One response, merged over its repetitions. `Name` is what stands for a session or model: an id
/// in the ledger, or a place in a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counted<Name> {
    pub(crate) at: Millis,
    pub(crate) session: Name,
    /// Whether a copied line named the session; that outranks the file it was found in.
    pub(crate) session_is_named: bool,
    pub(crate) model: Name,
    pub(crate) subagent: bool,
    pub(crate) usage: Usage,
    pub(crate) service: Service,
    pub(crate) calls: Vec<Usage>,
}

impl<Name: Copy> Counted<Name> {
    /// Takes in another repetition of the same response. The order does not matter, save for
    /// which of two files names the session where neither line does.
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.session_is_named && !self.session_is_named {
            self.session = other.session;
            self.session_is_named = true;
        }
        if other.usage.output > self.usage.output || self.calls.is_empty() {
            self.calls.clone_from(&other.calls);
        }
        self.at = self.at.min(other.at);
        self.subagent |= other.subagent;
        self.usage = self.usage.max(other.usage);
        self.service.fast |= other.service.fast;
        self.service.us_only |= other.service.us_only;
    }

    /// The same with other names.
    pub(crate) fn renamed<Other>(&self, session: Other, model: Other) -> Counted<Other> {
        Counted {
            at: self.at,
            session,
            session_is_named: self.session_is_named,
            model,
            subagent: self.subagent,
            usage: self.usage,
            service: self.service,
            calls: self.calls.clone(),
        }
    }
}

/// A row of `response`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResponseRow {
    pub(crate) counted: Counted<Id>,
    /// Whether the model has no known price.
    pub(crate) is_unpriced: bool,
    pub(crate) cost: Money,
}

impl ResponseRow {
    pub(crate) fn priced(counted: Counted<Id>, prices: &ModelPrices<'_>) -> Self {
        let cost = prices.price(counted.at, &counted.usage, counted.service, &counted.calls);
        Self {
            is_unpriced: !prices.known(),
            cost,
            counted,
        }
    }

    /// What is known after another repetition.
    pub(crate) fn merged_with(&self, other: &Counted<Id>, prices: &ModelPrices<'_>) -> Self {
        let mut counted = self.counted.clone();
        counted.merge(other);
        Self::priced(counted, prices)
    }

    /// Runs [`INSERT`] or [`REPLACE`]; gives the number of rows written.
    pub(crate) fn write(
        &self,
        statement: &mut CachedStatement<'_>,
        key: i64,
    ) -> rusqlite::Result<usize> {
        let Counted { usage, service, .. } = &self.counted;
        let bit = |on: bool, bit: i64| if on { bit } else { 0 };
        let flags = bit(service.fast, FAST)
            | bit(service.us_only, US_ONLY)
            | bit(self.counted.session_is_named, SESSION_IS_NAMED)
            | bit(self.counted.subagent, SUBAGENT)
            | bit(self.is_unpriced, UNPRICED);
        statement.execute(params![
            key,
            self.counted.at,
            self.counted.session,
            self.counted.model,
            flags,
            usage.input.cast_signed(),
            usage.output.cast_signed(),
            usage.cache_read.cast_signed(),
            usage.cache_write.cast_signed(),
            usage.cache_write_1h.cast_signed(),
            usage.web_searches.cast_signed(),
            calls_as_json(&self.counted.calls),
            self.cost.pico()
        ])
    }

    fn from(row: &Row<'_>) -> rusqlite::Result<Self> {
        let flags: i64 = row.get(3)?;
        let has = |bit: i64| flags & bit != 0;
        Ok(Self {
            counted: Counted {
                at: row.get(0)?,
                session: row.get(1)?,
                session_is_named: has(SESSION_IS_NAMED),
                model: row.get(2)?,
                subagent: has(SUBAGENT),
                usage: usage_from(row, 4)?,
                service: Service {
                    fast: has(FAST),
                    us_only: has(US_ONLY),
                },
                calls: calls_from_json(row.get(10)?),
            },
            is_unpriced: has(UNPRICED),
            cost: Money::from_pico(row.get(11)?),
        })
    }
}

pub(crate) const INSERT: &str = "INSERT OR IGNORE INTO response VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)";
pub(crate) const REPLACE: &str =
    "INSERT OR REPLACE INTO response VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)";

const COLUMNS: &str = "at, session, model, flags, input, output, cache_read, cache_write, cache_write_1h, web_searches, calls, cost";

/// The fields of a usage, which stand in columns one after the other.
pub(crate) fn usage_from(row: &Row<'_>, first: usize) -> rusqlite::Result<Usage> {
    let mut fields = [0; 6];
    for (column, field) in fields.iter_mut().enumerate() {
        *field = row.get::<_, i64>(first + column)?.max(0).cast_unsigned();
    }
    Ok(Usage::of_fields(fields))
}

/// The row of a response, if it was counted.
pub(crate) fn read(connection: &Connection, key: i64) -> rusqlite::Result<Option<ResponseRow>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM response WHERE key = ?"))?
        .query_row([key], ResponseRow::from)
        .optional()
}

/// The rows of a session.
pub(crate) fn of_session(
    connection: &Connection,
    session: Id,
) -> rusqlite::Result<Vec<ResponseRow>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM response WHERE session = ?"))?
        .query_map([session], ResponseRow::from)?
        .collect()
}

/// Calls `each` for every response with its key.
pub(crate) fn for_each(
    connection: &Connection,
    mut each: impl FnMut(i64, ResponseRow),
) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS}, key FROM response"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get(12)?, ResponseRow::from(row)?);
    }
    Ok(())
}

fn calls_as_json(calls: &[Usage]) -> Option<String> {
    let fields: Vec<[u64; 6]> = calls.iter().map(Usage::fields).collect();
    (!calls.is_empty()).then(|| serde_json::to_string(&fields).unwrap_or_default())
}

fn calls_from_json(text: Option<String>) -> Vec<Usage> {
    let fields: Vec<[u64; 6]> = text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    fields.into_iter().map(Usage::of_fields).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(at: Millis, output: u64, session: u32, named: bool) -> Counted<u32> {
        Counted {
            at,
            session,
            model: 0,
            session_is_named: named,
            subagent: false,
            usage: Usage {
                output,
                ..Usage::default()
            },
            service: Service::default(),
            calls: Vec::new(),
        }
    }

    #[test]
    fn repetitions_merge_the_same_in_any_order() {
        let lines = [
            counted(5, 1, 0, false),
            counted(3, 250, 0, false),
            counted(9, 0, 7, true),
        ];
        let merged = |order: [usize; 3]| {
            let mut first = lines[order[0]].clone();
            first.merge(&lines[order[1]]);
            first.merge(&lines[order[2]]);
            first
        };
        let expected = merged([0, 1, 2]);
        assert_eq!(
            (expected.at, expected.usage.output, expected.session),
            (3, 250, 7)
        );
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(merged(order), expected);
        }
    }
}
