//! What was counted one by one, for what sums cannot tell: answers, and what no line shows.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Result;

use super::facts::{Answer, Id};
use super::names::{Meant, Names};
use super::spend_rows::Tally;
use super::store::answers::count_from;
use super::store::{Ledger, LedgerError, Store, quarters};
use crate::pricing::Money;
use crate::time::{Millis, QUARTER};

/// What answers cost, and when they came.
pub(crate) type AnswerCosts = Vec<(Millis, Money)>;

/// Answers, and what the ids in them stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    /// In no order.
    pub(crate) all: Vec<Answer>,
    pub(crate) names: Names,
}

/// What no line shows: what a session's totals count beyond its answers, or what a status line was drawn
/// with and no transcript has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hidden {
    pub(crate) at: Millis,
    pub(crate) session: Id,
    pub(crate) model: Id,
    pub(crate) tally: Tally,
}

impl Hidden {
    fn as_answer(self) -> Answer {
        Answer {
            at: self.at,
            session: self.session,
            model: self.model,
            cost: self.tally.cost(),
            ..Answer::default()
        }
    }
}

/// How much is known of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KnownSession {
    /// How many different things are known that stand in its transcripts: answers, marks, totals.
    pub(crate) marks: u64,
    /// The same of all sessions that it has to do with, itself included.
    pub(crate) marks_of_family: u64,
    /// The end of its last run, if its totals are known.
    pub(crate) until: Option<Millis>,
}

/// Everything that was counted.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// With all places where they stand.
    pub(crate) answers: Answers,
    /// As far as it is known how much it is.
    pub(crate) hidden: Vec<Hidden>,
    pub(crate) sessions: HashMap<Id, KnownSession>,
}

impl Counted {
    pub(crate) fn is_empty(&self) -> bool {
        self.answers.all.is_empty() && self.hidden.is_empty()
    }
}

impl Ledger {
    /// Sessions, and when each got its first answer after a moment, `own` at once and others after a while,
    /// up to `until`; the earliest first.
    pub(crate) fn first_answers(
        &self,
        after: DateTime<Utc>,
        a_while: TimeDelta,
        own: &str,
        until: DateTime<Utc>,
    ) -> Result<Vec<(String, Millis)>, LedgerError> {
        let others = (after + a_while).timestamp_millis();
        let (after, until) = (after.timestamp_millis(), until.timestamp_millis());
        let query = "SELECT name, (SELECT min(at) FROM response WHERE session = id AND at > iif(name = ?1, ?2, ?3)) AS first
             FROM session WHERE id IN (SELECT session FROM quarter WHERE quarter BETWEEN ?2 / ?5 AND ?4 / ?5 AND responses > 0) AND first <= ?4 ORDER BY first";
        let values = (own, after, others, until, QUARTER);
        self.ask(|store| store.all(query, values, |row| row.try_into()))
    }

    /// When answers of the sessions that are meant came since that moment, and what each cost.
    pub(crate) fn costs_since(&self, from: DateTime<Utc>, meant: Meant<'_>) -> Option<AnswerCosts> {
        let (store, since) = (&self.store, from.timestamp_millis());
        let mut costs = Vec::new();
        for session in store.sessions(since, meant).ok()?.keys() {
            costs.extend(store.costs_since(*session, since).ok()?);
        }
        Some(costs)
    }

    /// The answers of the sessions that are meant since a moment, session by session. `with_hidden`: and what
    /// no line shows of these, as answers that stand at the start of a quarter of an hour.
    pub(crate) fn answers_since(
        &self,
        since: DateTime<Utc>,
        with_hidden: bool,
        is_meant: Meant<'_>,
    ) -> Result<Answers, LedgerError> {
        let since = since.timestamp_millis();
        self.ask(|store| {
            let sessions = store.sessions(since, is_meant)?;
            let mut all = Vec::new();
            for session in sessions.keys() {
                all.extend(store.answers_since(*session, since)?);
            }
            if with_hidden {
                store.each_hidden([since, Millis::MAX], |hidden| {
                    let is_meant = sessions.contains_key(&hidden.session);
                    all.extend(is_meant.then(|| hidden.as_answer()));
                })?;
            }
            let names = Names::with_sessions(sessions, store)?;
            Ok(Answers { all, names })
        })
    }

    /// Everything, as it stands at one moment.
    pub(crate) fn counted(&self) -> Result<Counted, LedgerError> {
        let _moment = self.snapshot()?;
        self.ask(|store| {
            let mut copies = store.places(None)?;
            let mut all = Vec::new();
            store.each_answer(|answer| {
                let copies = copies.remove(&answer.key).unwrap_or_default();
                all.push(Answer { copies, ..answer });
                Ok(())
            })?;
            let mut hidden = Vec::new();
            store.each_hidden([Millis::MIN, Millis::MAX], |one| {
                hidden.extend(Some(one).filter(|one| one.tally.cost() > Money::ZERO));
            })?;
            let names = Names::with_sessions(store.origins()?, store)?;
            Ok(Counted {
                answers: Answers { all, names },
                hidden,
                sessions: store.known_sessions()?,
            })
        })
    }
}

impl Store {
    /// Calls `see` for all that no line shows of a period.
    pub(super) fn each_hidden(
        &self,
        period: [Millis; 2],
        mut see: impl FnMut(Hidden),
    ) -> Result<()> {
        for table in ["unrecorded", "unwritten"] {
            let query = format!(
                "SELECT quarter, session, model, cost FROM {table} WHERE quarter >= ? AND quarter < ?"
            );
            let rows = self.all(&query, quarters(period), |row| row.try_into());
            let mut rows: Vec<(i64, Id, Id, Money)> = rows?;
            // Sorted here: SQLite prepares a statement with another order than its key's twice.
            rows.sort_by_key(|(quarter, ..)| *quarter);
            for (quarter, session, model, cost) in rows {
                let at = quarter.saturating_mul(QUARTER);
                let mut tally = Tally::default();
                if table == "unwritten" {
                    // Mostly there is no such row: then this is not even prepared.
                    let unclear = "SELECT 1 FROM process WHERE session = ? AND unclear";
                    tally.unwritten = cost;
                    tally.at_least = self.any(unclear, [session])?;
                } else {
                    tally.unrecorded = cost.max(Money::ZERO - cost);
                    tally.at_least = cost <= Money::ZERO;
                }
                see(Hidden {
                    at,
                    session,
                    model,
                    tally,
                });
            }
        }
        Ok(())
    }

    fn known_sessions(&self) -> Result<HashMap<Id, KnownSession>> {
        let query = "WITH line(file, key) AS (
             SELECT file, key FROM response UNION ALL SELECT file, key FROM place
             UNION ALL SELECT file, key FROM mark WHERE key != 0
             UNION ALL SELECT file, started + 31 * total + run_ms FROM cost_state),
         known(session, marks) AS (
             SELECT file.session, count(DISTINCT line.key) FROM line JOIN file ON file.id = line.file GROUP BY file.session),
         families(family, marks) AS (
             SELECT family, sum(known.marks) FROM session JOIN known ON known.session = session.id GROUP BY family)
         SELECT session.id, coalesce(known.marks, 0), coalesce(families.marks, 0), until
         FROM session LEFT JOIN known ON known.session = session.id
         LEFT JOIN families ON families.family = session.family";
        self.all(query, [], |row| {
            let known = KnownSession {
                marks: count_from(row, 1)?,
                marks_of_family: count_from(row, 2)?,
                until: row.get(3)?,
            };
            Ok((row.get(0)?, known))
        })
    }
}

#[cfg(test)]
mod made_up {
    use crate::ledger::facts::{Answer, Scene, id_of};

    impl super::Answers {
        /// Adds an answer with what its ids stand for.
        pub(crate) fn push(&mut self, answer: Answer, model: &str, agent: &str) {
            let (model, agent) = (model.to_owned(), agent.to_owned());
            let id = id_of(model.as_bytes());
            let scene = Scene::id("", &agent);
            self.names.models.insert(id, model);
            let branch = String::new();
            self.names.scenes.insert(scene, Scene { branch, agent });
            self.all.push(Answer {
                model: id,
                scene,
                ..answer
            });
        }
    }
}
