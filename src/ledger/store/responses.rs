//! The `response` table: what was served, each response once; and `copy`: where else it stands.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::names::Id;
use super::transcript_files::CUT_OFF;
use crate::ledger::scene::SceneId;
use crate::pricing::{Advice, ModelPrices, Money, ServiceLevel, Usage};
use crate::time::Millis;

/// Bits of `response.flags`.
const FAST: i64 = 1;
const US_ONLY: i64 = 2;
const LATE: i64 = 4;
const SUBAGENT: i64 = 8;
const UNPRICED: i64 = 16;

/// One response, merged over its repetitions. `Name` is what stands for a model: an id in the
/// ledger, or a place in a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counted<Name> {
    pub(crate) at: Millis,
    pub(crate) model: Name,
    pub(crate) subagent: bool,
    /// Of the earliest line; of lines of one moment, the one with the lowest id.
    pub(crate) scene: SceneId,
    pub(crate) usage: Usage,
    pub(crate) service: ServiceLevel,
    pub(crate) calls: Vec<Usage>,
    pub(crate) advice: Vec<Advice>,
}

impl<Name: Copy> Counted<Name> {
    /// Takes in another repetition of the same response. The order does not matter.
    pub(crate) fn merge(&mut self, other: &Self) {
        let rank = |calls: &[Usage]| calls.iter().copied().sum::<Usage>().fields();
        if rank(&other.calls) > rank(&self.calls) {
            self.calls.clone_from(&other.calls);
        }
        let advice = |advice: &[Advice]| advice.iter().map(Advice::usage).sum::<Usage>().fields();
        if advice(&other.advice) > advice(&self.advice) {
            self.advice.clone_from(&other.advice);
        }
        (self.at, self.scene) = (self.at, self.scene).min((other.at, other.scene));
        self.subagent |= other.subagent;
        self.usage = self.usage.max(other.usage);
        self.service.fast |= other.service.fast;
        self.service.us_only |= other.service.us_only;
    }

    /// The same under another name of its model.
    pub(crate) fn of_model<Other>(&self, model: Other) -> Counted<Other> {
        Counted {
            at: self.at,
            model,
            subagent: self.subagent,
            scene: self.scene,
            usage: self.usage,
            service: self.service,
            calls: self.calls.clone(),
            advice: self.advice.clone(),
        }
    }
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StoredSighting {
    pub(crate) file: Id,
    pub(crate) position: i64,
    pub(crate) is_late: bool,
    /// The session that the line says it was copied from.
    pub(crate) names: Option<Id>,
}

impl StoredSighting {
    /// The place of a line that was seen again in the same file: within one reading the first
    /// counts, and after the file was read anew, the new one.
    pub(crate) fn seen_again(self, again: Self) -> Self {
        let is_known = self.position < CUT_OFF && self.position <= again.position;
        Self {
            names: self.names.or(again.names),
            ..if is_known { self } else { again }
        }
    }

    /// What is to be stored of a place, where the `file, position, late, names` that `query` gives
    /// for a key and a file are stored already. None if that says nothing new.
    pub(super) fn news(
        self,
        connection: &Connection,
        query: &str,
        key: i64,
    ) -> rusqlite::Result<Option<Self>> {
        let known = connection
            .prepare_cached(query)?
            .query_row([key, self.file], Self::from)
            .optional()?;
        let now = known.map_or(self, |known| known.seen_again(self));
        Ok((known != Some(now)).then_some(now))
    }

    /// From `file, position, late, names` in the first columns.
    pub(super) fn from(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            file: row.get(0)?,
            position: row.get(1)?,
            is_late: row.get(2)?,
            names: row.get(3)?,
        })
    }
}

/// A row of `response`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResponseRow {
    pub(crate) counted: Counted<Id>,
    /// Its owner.
    pub(crate) session: Id,
    /// Whether the model has no known price.
    pub(crate) is_unpriced: bool,
    pub(crate) cost: Money,
    /// Where it was seen first.
    pub(crate) seen: StoredSighting,
}

impl ResponseRow {
    pub(crate) fn priced(
        counted: Counted<Id>,
        session: Id,
        seen: StoredSighting,
        prices: &ModelPrices<'_>,
    ) -> Self {
        let mut row = Self {
            counted,
            session,
            is_unpriced: false,
            cost: Money::ZERO,
            seen,
        };
        row.price(prices);
        row
    }

    /// Prices it anew.
    pub(crate) fn price(&mut self, prices: &ModelPrices<'_>) {
        let counted = &self.counted;
        let cost = prices.price(counted.at, &counted.usage, counted.service, &counted.calls);
        let (advice, known) = prices.price_advice(counted.at, &counted.advice, counted.service);
        self.cost = cost + advice;
        self.is_unpriced = !prices.known() || !known;
    }

    /// Runs [`INSERT`] or [`REPLACE`]; gives the number of rows written.
    pub(crate) fn write(
        &self,
        statement: &mut CachedStatement<'_>,
        key: i64,
    ) -> rusqlite::Result<usize> {
        let Counted { usage, service, .. } = &self.counted;
        let bit = |on: bool, bit: i64| if on { bit } else { 0 };
        let calls: Vec<[u64; 6]> = self.counted.calls.iter().map(Usage::fields).collect();
        let flags = bit(service.fast, FAST)
            | bit(service.us_only, US_ONLY)
            | bit(self.seen.is_late, LATE)
            | bit(self.counted.subagent, SUBAGENT)
            | bit(self.is_unpriced, UNPRICED);
        statement.execute(params![
            key,
            self.counted.at,
            self.session,
            self.counted.model,
            flags,
            usage.input.cast_signed(),
            usage.output.cast_signed(),
            usage.cache_read.cast_signed(),
            usage.cache_write.cast_signed(),
            usage.cache_write_1h.cast_signed(),
            usage.web_searches.cast_signed(),
            as_json(&calls),
            self.cost.pico(),
            self.seen.file,
            self.seen.position,
            self.seen.names,
            self.counted.scene,
            as_json(&self.counted.advice)
        ])
    }

    fn from(row: &Row<'_>) -> rusqlite::Result<Self> {
        let flags: i64 = row.get(3)?;
        let has = |bit: i64| flags & bit != 0;
        Ok(Self {
            counted: Counted {
                at: row.get(0)?,
                model: row.get(2)?,
                subagent: has(SUBAGENT),
                scene: row.get(16)?,
                usage: usage_from(row, 4)?,
                service: ServiceLevel {
                    fast: has(FAST),
                    us_only: has(US_ONLY),
                },
                calls: from_json::<[u64; 6]>(row.get(10)?)
                    .into_iter()
                    .map(Usage::of_fields)
                    .collect(),
                advice: from_json(row.get(17)?),
            },
            session: row.get(1)?,
            is_unpriced: has(UNPRICED),
            cost: Money::from_pico(row.get(11)?),
            seen: StoredSighting {
                file: row.get(12)?,
                position: row.get(13)?,
                is_late: has(LATE),
                names: row.get(14)?,
            },
        })
    }
}

pub(crate) const INSERT: &str =
    "INSERT OR IGNORE INTO response VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
pub(crate) const REPLACE: &str =
    "INSERT OR REPLACE INTO response VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

const COLUMNS: &str = "at, session, model, flags, input, output, cache_read, cache_write, cache_write_1h, web_searches, calls, cost, file, position, names, key, scene, advice";

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

/// The responses of a session, with their keys.
pub(crate) fn of_session(
    connection: &Connection,
    session: Id,
) -> rusqlite::Result<Vec<(i64, ResponseRow)>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM response WHERE session = ?"))?
        .query_map([session], |row| Ok((row.get(15)?, ResponseRow::from(row)?)))?
        .collect()
}

/// The responses of a session from a moment on.
pub(crate) fn since(
    connection: &Connection,
    session: Id,
    since: Millis,
) -> rusqlite::Result<Vec<(i64, ResponseRow)>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM response WHERE session = ? AND at >= ?"
        ))?
        .query_map([session, since], |row| {
            Ok((row.get(15)?, ResponseRow::from(row)?))
        })?
        .collect()
}

/// Calls `each` for every response with its key.
pub(crate) fn for_each(
    connection: &Connection,
    mut each: impl FnMut(i64, ResponseRow),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM response"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get(15)?, ResponseRow::from(row)?);
    }
    Ok(())
}

/// Sums of the responses of one session, model and scene.
#[derive(Debug)]
pub(crate) struct SceneSums {
    pub(crate) session: Id,
    pub(crate) model: Id,
    pub(crate) scene: SceneId,
    /// The time of the latest.
    pub(crate) last_at: Millis,
    pub(crate) cost: Money,
    pub(crate) responses: u64,
    pub(crate) unpriced: u64,
    pub(crate) usage: Usage,
}

/// Calls `each` for all sums of responses from `since` up to `until`. It reads every response: no
/// sums are kept by scene, because reports by scene are rare and each answer would pay for them.
pub(crate) fn sums_by_scene(
    connection: &Connection,
    since: Millis,
    until: Millis,
    mut each: impl FnMut(SceneSums),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT session, model, scene, max(at), sum(cost), count(*), sum(flags & {UNPRICED} != 0),
                sum(input), sum(output), sum(cache_read), sum(cache_write), sum(cache_write_1h), sum(web_searches)
         FROM response WHERE at >= ?1 AND at < ?2 GROUP BY session, model, scene ORDER BY max(at), session"
    ))?;
    let mut rows = statement.query([since, until])?;
    while let Some(row) = rows.next()? {
        let count = |column: usize| row.get::<_, i64>(column).map(|n| n.max(0).cast_unsigned());
        each(SceneSums {
            session: row.get(0)?,
            model: row.get(1)?,
            scene: row.get(2)?,
            last_at: row.get(3)?,
            cost: Money::from_pico(row.get(4)?),
            responses: count(5)?,
            unpriced: count(6)?,
            usage: usage_from(row, 7)?,
        });
    }
    Ok(())
}

/// Gives a response to another session.
pub(crate) fn give_to(connection: &Connection, key: i64, session: Id) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE response SET session = ?2 WHERE key = ?1")?
        .execute([key, session])?;
    Ok(())
}

/// Notes that a response stands in one more file. Says whether that is news.
pub(crate) fn put_copy(
    connection: &Connection,
    key: i64,
    seen: StoredSighting,
) -> rusqlite::Result<bool> {
    let known = "SELECT file, position, late, names FROM copy WHERE key = ? AND file = ?";
    let Some(now) = seen.news(connection, known, key)? else {
        return Ok(false);
    };
    connection
        .prepare_cached("INSERT OR REPLACE INTO copy VALUES (?,?,?,?,?)")?
        .execute(params![now.file, key, now.position, now.is_late, now.names])?;
    Ok(true)
}

/// None for an empty list.
fn as_json<T: Serialize>(list: &[T]) -> Option<String> {
    (!list.is_empty()).then(|| serde_json::to_string(list).unwrap_or_default())
}

fn from_json<T: DeserializeOwned>(text: Option<String>) -> Vec<T> {
    let read = text.and_then(|text| serde_json::from_str(&text).ok());
    read.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(at: Millis, output: u64) -> Counted<u32> {
        Counted {
            at,
            model: 0,
            subagent: false,
            scene: output.cast_signed(),
            usage: Usage {
                output,
                ..Usage::default()
            },
            service: ServiceLevel {
                fast: output == 1,
                us_only: false,
            },
            calls: Vec::new(),
            advice: Vec::new(),
        }
    }

    #[test]
    fn repetitions_merge_the_same_in_any_order() {
        let lines = [counted(5, 1), counted(3, 250), counted(9, 0)];
        let merged = |order: [usize; 3]| {
            let mut first = lines[order[0]].clone();
            first.merge(&lines[order[1]]);
            first.merge(&lines[order[2]]);
            first
        };
        let expected = merged([0, 1, 2]);
        assert_eq!((expected.at, expected.usage.output), (3, 250));
        assert!(expected.service.fast);
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(merged(order), expected);
        }
    }

    #[test]
    fn a_line_that_was_seen_again_stands_where_it_was_unless_the_file_was_read_anew() {
        let at = |position| StoredSighting {
            file: 1,
            position,
            is_late: position == 70,
            names: None,
        };
        assert_eq!(at(50).seen_again(at(70)), at(50));
        assert_eq!(at(50 + CUT_OFF).seen_again(at(70)), at(70));
    }
}
