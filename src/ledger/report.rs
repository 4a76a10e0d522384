//! Reading the ledger's sums for reports.

use std::collections::HashMap;

use rusqlite::params;

use super::commit::{COLUMNS, flag, stored_from};
use super::{Error, Ledger, QUARTER};
use crate::pricing::{Money, Usage};
use crate::transcript::record::Millis;

/// Where a session worked and what it is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The session's id.
    pub session: String,
    /// The directory it worked in; empty if unknown.
    pub project: String,
}

/// Sums of one quarter of an hour, session and model.
#[derive(Debug, Clone, Copy)]
pub struct Row<'l> {
    /// Start of the quarter of an hour.
    pub at: Millis,
    /// The session and its directory.
    pub origin: &'l Origin,
    /// The model's canonical name.
    pub model: &'l str,
    /// Distinct responses.
    pub responses: u64,
    /// Of these, responses of models without a known price.
    pub unpriced: u64,
    /// Tokens and searches.
    pub usage: Usage,
    /// Priced from transcripts.
    pub recorded: Money,
    /// Counted by the client only. Such a row has no responses and no usage.
    pub unrecorded: Money,
}

/// One session's figure beside the client's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionDifference {
    /// The session and its directory.
    pub origin: Origin,
    /// Our figure: recorded and unrecorded.
    pub ours: Money,
    /// The client's last running total.
    pub client: Money,
    /// When the session last answered.
    pub last_at: Millis,
    /// In the client's total: what a fork took over from its parent.
    pub inherited: Money,
    /// In ours, not in the client's last total: spent before the client started from 0 again.
    pub before_restart: Money,
    /// In ours, not in the client's: spent after it wrote its last total.
    pub after_total: Money,
    /// Of ours: what no transcript line shows.
    pub unrecorded: Money,
    /// Of ours: what subagents spent.
    pub subagents: Money,
    /// What is left: a difference of prices.
    pub price: Money,
}

impl Ledger {
    /// Calls `each` for every sum from `since` up to `until` (milliseconds on quarters of an
    /// hour; None is open), in order of time.
    pub fn rows(
        &self,
        since: Option<Millis>,
        until: Option<Millis>,
        each: &mut dyn FnMut(Row<'_>),
    ) -> Result<(), Error> {
        self.read_rows(since, until, each).map_err(self.failed())
    }

    fn read_rows(
        &self,
        since: Option<Millis>,
        until: Option<Millis>,
        each: &mut dyn FnMut(Row<'_>),
    ) -> rusqlite::Result<()> {
        let origins = self.origins()?;
        let models = self.models()?;
        let from = since.map_or(i64::MIN, |since| since.div_euclid(QUARTER));
        let to = until.map_or(i64::MAX, |until| until.div_euclid(QUARTER));
        let nowhere = Origin::default();
        let mut statement = self.connection.prepare_cached(
            "SELECT quarter, session, model, cost, responses, unpriced, input, output, cache_read,
                    cache_write, cache_write_1h, web_searches
             FROM quarter WHERE quarter >= ?1 AND quarter < ?2",
        )?;
        let mut rows = statement.query(params![from, to])?;
        while let Some(row) = rows.next()? {
            let count = |column: usize| row.get::<_, i64>(column).map(|n| n.max(0).cast_unsigned());
            each(Row {
                at: row.get::<_, i64>(0)? * QUARTER,
                origin: origins.get(&row.get(1)?).unwrap_or(&nowhere),
                model: models.get(&row.get(2)?).map_or("", String::as_str),
                recorded: Money::from_pico(row.get(3)?),
                responses: count(4)?,
                unpriced: count(5)?,
                usage: Usage {
                    input: count(6)?,
                    output: count(7)?,
                    cache_read: count(8)?,
                    cache_write: count(9)?,
                    cache_write_1h: count(10)?,
                    web_searches: count(11)?,
                },
                unrecorded: Money::ZERO,
            });
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT quarter, session, model, cost FROM unrecorded WHERE quarter >= ?1 AND quarter < ?2",
        )?;
        let mut rows = statement.query(params![from, to])?;
        while let Some(row) = rows.next()? {
            each(Row {
                at: row.get::<_, i64>(0)? * QUARTER,
                origin: origins.get(&row.get(1)?).unwrap_or(&nowhere),
                model: models.get(&row.get(2)?).map_or("", String::as_str),
                recorded: Money::ZERO,
                responses: 0,
                unpriced: 0,
                usage: Usage::default(),
                unrecorded: Money::from_pico(row.get(3)?),
            });
        }
        Ok(())
    }

    fn origins(&self) -> rusqlite::Result<HashMap<i64, Origin>> {
        self.connection
            .prepare_cached("SELECT id, name, coalesce(project, '') FROM session")?
            .query_map([], |row| {
                Ok((
                    row.get(0)?,
                    Origin {
                        session: row.get(1)?,
                        project: row.get(2)?,
                    },
                ))
            })?
            .collect()
    }

    fn models(&self) -> rusqlite::Result<HashMap<i64, String>> {
        self.connection
            .prepare_cached("SELECT id, name FROM model")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    }

    /// Every session for which the client wrote a total, with what sets its figure apart from ours.
    pub fn differences(&self) -> Result<Vec<SessionDifference>, Error> {
        self.read_differences().map_err(self.failed())
    }

    fn read_differences(&self) -> rusqlite::Result<Vec<SessionDifference>> {
        let origins = self.origins()?;
        // The last total of each session, and the time after which it covers nothing.
        let mut statement = self.connection.prepare_cached(
            "SELECT session, started, total, after FROM cost_state ORDER BY session, before, file, position",
        )?;
        let mut last: HashMap<i64, (Millis, Money, Option<Millis>)> = HashMap::new();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            last.insert(
                row.get(0)?,
                (row.get(1)?, Money::from_pico(row.get(2)?), row.get(3)?),
            );
        }
        let mut found = Vec::new();
        for (session, (started, client, after)) in last {
            let mut difference = SessionDifference {
                origin: origins.get(&session).cloned().unwrap_or_default(),
                client,
                ..SessionDifference::default()
            };
            let mut covered = Money::ZERO;
            let mut statement = self
                .connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM response WHERE session = ?"))?;
            for row in statement.query_map([session], stored_from)? {
                let row = row?;
                difference.ours += row.cost;
                difference.last_at = difference.last_at.max(row.at);
                if row.flags & flag::SUBAGENT != 0 {
                    difference.subagents += row.cost;
                }
                if row.at < started {
                    difference.before_restart += row.cost;
                } else if after.is_some_and(|after| row.at >= after) {
                    difference.after_total += row.cost;
                } else {
                    covered += row.cost;
                }
            }
            let unrecorded: i64 = self
                .connection
                .prepare_cached("SELECT unrecorded FROM session WHERE id = ?")?
                .query_row([session], |row| row.get(0))?;
            difference.unrecorded = Money::from_pico(unrecorded);
            difference.ours += difference.unrecorded;
            // What the total holds beyond our own share came from a parent, where there is one.
            let beyond = client - covered - difference.unrecorded;
            let forked: bool = self
                .connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM cost_state WHERE started = ?1 AND session != ?2)
                        AND parent IS NOT NULL FROM session WHERE id = ?2",
                )?
                .query_row([started, session], |row| row.get(0))?;
            if forked && beyond > Money::ZERO {
                difference.inherited = beyond;
            } else {
                difference.price = -beyond;
            }
            found.push(difference);
        }
        found.sort_by_key(|difference| std::cmp::Reverse(difference.last_at));
        Ok(found)
    }
}
