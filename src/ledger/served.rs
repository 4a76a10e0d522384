//! Single responses, for what sums cannot tell.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};

use super::facts::Id;
use super::store::sqlite::all;
use super::store::{Error, Ledger, answers, names};
use crate::pricing::{Money, ServiceLevel, Usage};
use crate::time::{Millis, QUARTER};

/// One response.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// When it began.
    pub(crate) at: Millis,
    /// What stands for its session.
    pub(crate) session: Id,
    /// The model's canonical name.
    pub(crate) model: Rc<str>,
    /// The subagent's type; "main" for the session itself.
    pub(crate) agent: Rc<str>,
    /// What was used.
    pub(crate) usage: Usage,
    /// How it was served.
    pub(crate) service: ServiceLevel,
    /// What it cost.
    pub(crate) cost: Money,
}

/// Answers of another model than was asked for: Claude Code fell back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switched {
    /// The model that was asked for, by its canonical name, as the next.
    pub asked: String,
    /// The one that answered.
    pub got: String,
    /// How many answers.
    pub answers: u64,
    /// What they cost.
    pub cost: Money,
}

/// The first answer that a session got after a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FirstAnswer {
    pub(crate) session: String,
    pub(crate) at: Millis,
}

impl Ledger {
    /// Answers of another model than was asked for, the dearest first: from a moment up to another,
    /// in directories whose path contains this.
    pub(super) fn switched_between(
        &self,
        [since, until]: [Millis; 2],
        directory: &str,
    ) -> Result<Vec<Switched>, Error> {
        let query = "SELECT asked.name, got.name, count(*), sum(cost) AS cost_of_all
             FROM switched JOIN response USING (key) JOIN session ON session.id = session
             JOIN model AS asked ON asked.id = switched.asked JOIN model AS got ON got.id = response.model
             WHERE at >= ? AND at < ? AND instr(lower(coalesce(directory, '')), lower(?)) > 0
             GROUP BY 1, 2 ORDER BY cost_of_all DESC";
        let found = all(&self.connection, query, (since, until, directory), |row| {
            Ok(Switched {
                asked: row.get(0)?,
                got: row.get(1)?,
                answers: answers::count_from(row, 2)?,
                cost: Money::from_pico(row.get(3)?),
            })
        });
        found.map_err(self.failed())
    }

    /// The first answer that each session got after a moment, `own` at once and others after a while,
    /// up to `until`; the earliest first.
    pub(crate) fn first_answers(
        &self,
        after: DateTime<Utc>,
        a_while: TimeDelta,
        own: &str,
        until: DateTime<Utc>,
    ) -> Result<Vec<FirstAnswer>, Error> {
        let others = (after + a_while).timestamp_millis();
        let (after, until) = (after.timestamp_millis(), until.timestamp_millis());
        let read = || {
            let query = "SELECT name, (SELECT min(at) FROM response WHERE session = id AND at > iif(name = ?1, ?2, ?3)) AS first
                 FROM session WHERE id IN (SELECT session FROM quarter WHERE quarter BETWEEN ?2 / ?5 AND ?4 / ?5 AND responses > 0) AND first <= ?4 ORDER BY first";
            let values = (own, after, others, until, QUARTER);
            all(&self.connection, query, values, |row| {
                Ok(FirstAnswer {
                    session: row.get(0)?,
                    at: row.get(1)?,
                })
            })
        };
        read().map_err(self.failed())
    }

    /// When responses came since that moment, and what each cost.
    pub(crate) fn costs_since(&self, since: DateTime<Utc>) -> Result<Vec<(Millis, Money)>, Error> {
        let served = self.served(since)?.into_iter();
        Ok(served.map(|served| (served.at, served.cost)).collect())
    }

    /// The ids of the sessions of these responses.
    pub(crate) fn sessions_of(&self, served: &[Served]) -> Result<HashMap<Id, String>, Error> {
        let wanted: BTreeSet<Id> = served.iter().map(|response| response.session).collect();
        let name = |id: Id| {
            let query = "SELECT name FROM session WHERE id = ?";
            let mut known = self.connection.prepare_cached(query)?;
            known.query_row([id], |row| Ok((id, row.get(0)?)))
        };
        let names: rusqlite::Result<_> = wanted.into_iter().map(name).collect();
        names.map_err(self.failed())
    }

    /// The responses since a moment, session by session.
    pub(crate) fn served(&self, since: DateTime<Utc>) -> Result<Vec<Served>, Error> {
        let since = since.timestamp_millis();
        let read = || {
            let connection = &self.connection;
            let (models, scenes) = (names::models(connection)?, names::scenes(connection)?);
            let name = |name: Option<&str>| -> Rc<str> { name.unwrap_or_default().into() };
            let model = |id: Id| name(models.get(&id).map(String::as_str));
            let agent = |id: Id| name(scenes.get(&id).map(|scene| scene.agent.as_str()));
            // By the sums: they lie in order of time, responses session by session.
            let query = "SELECT session FROM quarter WHERE quarter >= ?";
            let since_quarter = [since.div_euclid(QUARTER)];
            let sessions: BTreeSet<Id> = all(connection, query, since_quarter, |row| row.get(0))?;
            let mut served = Vec::new();
            for session in sessions {
                for row in answers::since(connection, session, since)? {
                    served.push(Served {
                        at: row.at,
                        session,
                        model: model(row.model),
                        agent: agent(row.scene),
                        usage: row.usage,
                        service: row.service,
                        cost: row.cost,
                    });
                }
            }
            Ok(served)
        };
        read().map_err(self.failed())
    }
}
