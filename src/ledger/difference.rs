//! Our figure for a session beside the client's own, and what sets the two apart.

use std::collections::HashMap;

use super::spend_rows::Origin;
use super::store::{Error, Ledger, responses};
use crate::pricing::Money;
use crate::time::Millis;

/// Where a figure of the client's comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClientFigure {
    /// The total that it wrote when it ended.
    #[default]
    Written,
    /// The live total that it told the status line last.
    Live,
}

/// One session's figure beside the client's own. `ours` less `client` is always `before_restart`
/// and `after_total` and `price`, less `inherited` and `not_written`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionDifference {
    /// The session and its directory.
    pub origin: Origin,
    /// Our figure: recorded and unrecorded.
    pub ours: Money,
    /// The client's last running total.
    pub client: Money,
    /// Where that comes from.
    pub client_figure: ClientFigure,
    /// When the session last answered.
    pub last_at: Millis,
    /// In the client's total: what a fork took over from its parent.
    pub inherited: Money,
    /// In the client's live total: background requests that it has not written down yet.
    pub not_written: Money,
    /// In ours, not in the client's total: spent before the client started from 0 again.
    pub before_restart: Money,
    /// In ours, not in the client's: spent after the total.
    pub after_total: Money,
    /// Of ours: what no transcript line shows.
    pub unrecorded: Money,
    /// Of ours: what subagents spent.
    pub subagents: Money,
    /// What is left: a difference of prices.
    pub price: Money,
}

/// A total of the client's: since when it counts, and after which moment it covers nothing.
struct ClientTotal {
    started: Option<Millis>,
    total: Money,
    covers_until: Option<Millis>,
}

impl Ledger {
    /// Every session of which the client gave a total, the latest first.
    pub fn differences(&self) -> Result<Vec<SessionDifference>, Error> {
        self.read_differences().map_err(self.failed())
    }

    fn read_differences(&self) -> rusqlite::Result<Vec<SessionDifference>> {
        let origins = self.origins()?;
        let mut found = Vec::new();
        for (session, total) in self.client_totals()? {
            let origin = origins.get(&session).cloned().unwrap_or_default();
            found.push(self.difference(session, &total, origin)?);
        }
        found.sort_by_key(|difference| std::cmp::Reverse(difference.last_at));
        Ok(found)
    }

    /// The last written total of each session, else the last live one.
    fn client_totals(&self) -> rusqlite::Result<HashMap<i64, ClientTotal>> {
        let mut totals = HashMap::new();
        let mut live = self.connection.prepare_cached(
            "SELECT id, client_total, client_total_at FROM session WHERE client_total IS NOT NULL",
        )?;
        let mut rows = live.query([])?;
        while let Some(row) = rows.next()? {
            let covers_until = row.get::<_, Option<Millis>>(2)?.map(|at| at + 1);
            let total = Money::from_pico(row.get(1)?);
            totals.insert(
                row.get(0)?,
                ClientTotal {
                    started: None,
                    total,
                    covers_until,
                },
            );
        }
        let mut written = self.connection.prepare_cached(
            "SELECT session, started, total, after FROM cost_state ORDER BY session, before, file, position",
        )?;
        let mut rows = written.query([])?;
        while let Some(row) = rows.next()? {
            let total = ClientTotal {
                started: Some(row.get(1)?),
                total: Money::from_pico(row.get(2)?),
                covers_until: row.get(3)?,
            };
            totals.insert(row.get(0)?, total);
        }
        Ok(totals)
    }

    fn difference(
        &self,
        session: i64,
        client: &ClientTotal,
        origin: Origin,
    ) -> rusqlite::Result<SessionDifference> {
        let mut difference = SessionDifference {
            origin,
            client: client.total,
            client_figure: if client.started.is_some() {
                ClientFigure::Written
            } else {
                ClientFigure::Live
            },
            ..SessionDifference::default()
        };
        let mut covered = Money::ZERO;
        for row in responses::of_session(&self.connection, session)? {
            let at = row.counted.at;
            difference.ours += row.cost;
            difference.last_at = difference.last_at.max(at);
            if row.counted.subagent {
                difference.subagents += row.cost;
            }
            if client.started.is_some_and(|started| at < started) {
                difference.before_restart += row.cost;
            } else if client.covers_until.is_some_and(|until| at >= until) {
                difference.after_total += row.cost;
            } else {
                covered += row.cost;
            }
        }
        let (unrecorded, is_fork): (i64, bool) = self
            .connection
            .prepare_cached("SELECT unrecorded, parent IS NOT NULL FROM session WHERE id = ?")?
            .query_row([session], |row| Ok((row.get(0)?, row.get(1)?)))?;
        difference.unrecorded = Money::from_pico(unrecorded);
        difference.ours += difference.unrecorded;
        // What the total holds beyond our own share, or lacks of it.
        let beyond = client.total - covered - difference.unrecorded;
        match (is_fork, client.started) {
            (true, _) if beyond > Money::ZERO => difference.inherited = beyond,
            (_, Some(_)) => difference.price = -beyond,
            (_, None) if beyond > Money::ZERO => difference.not_written = beyond,
            (_, None) => difference.before_restart = -beyond,
        }
        Ok(difference)
    }
}
