//! What was counted one by one, for what sums cannot tell: answers, and what no line shows.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::Result;

use super::Tally;
use super::facts::{Answer, Id, Scene};
use super::store::answers::count_from;
use super::store::{Ledger, LedgerError, Store, quarters};
use crate::pricing::Money;
use crate::time::{Millis, QUARTER};

/// Answers, and what the ids in them stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    /// In no order.
    pub(crate) all: Vec<Answer>,
    pub(crate) sessions: HashMap<Id, String>,
    models: HashMap<Id, String>,
    scenes: HashMap<Id, Scene>,
}

impl Answers {
    /// With the names of sessions, and of all models and scenes.
    fn named(all: Vec<Answer>, sessions: HashMap<Id, String>, store: &Store) -> Result<Self> {
        Ok(Self {
            all,
            sessions,
            models: store.models()?,
            scenes: store.scenes()?,
        })
    }

    /// Leaves out those of other sessions.
    pub(crate) fn keep_sessions(&mut self, is_meant: &dyn Fn(&str) -> bool) {
        let own = self.all.iter().map(|answer| answer.session);
        let mut own: HashSet<Id> = own.collect();
        own.retain(|id| is_meant(self.session(*id)));
        self.all.retain(|answer| own.contains(&answer.session));
    }

    /// The name of a session; empty if it is not known.
    pub(crate) fn session(&self, id: Id) -> &str {
        self.sessions.get(&id).map_or("", String::as_str)
    }

    /// The canonical name of a model; likewise.
    pub(crate) fn model(&self, id: Id) -> &str {
        self.models.get(&id).map_or("", String::as_str)
    }

    /// The branch that an answer was worked for on.
    pub(crate) fn branch(&self, answer: &Answer) -> &str {
        let scene = self.scenes.get(&answer.scene);
        scene.map_or("", |scene| &scene.branch)
    }

    /// The type of the subagent that an answer was served to; "main" for the session itself.
    pub(crate) fn agent(&self, answer: &Answer) -> &str {
        let scene = self.scenes.get(&answer.scene);
        scene.map_or("", |scene| &scene.agent)
    }

    /// Adds an answer with what its ids stand for.
    #[cfg(test)]
    pub(crate) fn push(&mut self, answer: Answer, model: &str, agent: &str) {
        let (model, agent) = (model.to_owned(), agent.to_owned());
        let id = super::facts::id_of(model.as_bytes());
        let scene = Scene::id("", &agent);
        self.models.insert(id, model);
        let branch = String::new();
        self.scenes.insert(scene, Scene { branch, agent });
        self.all.push(Answer {
            model: id,
            scene,
            ..answer
        });
    }
}

/// What no line shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hidden {
    pub(crate) at: Millis,
    pub(crate) session: Id,
    pub(crate) model: Id,
    pub(crate) cost: Money,
    /// Whether a status line was drawn with it, and no transcript has it. Else a session's totals count
    /// it beyond its answers.
    pub(crate) is_drawn: bool,
    /// Whether it may be more.
    pub(crate) is_least: bool,
}

impl Hidden {
    /// It alone, as what was spent.
    pub(super) fn tally(&self) -> Tally {
        let part = |is_meant| if is_meant { self.cost } else { Money::ZERO };
        Tally {
            unrecorded: part(!self.is_drawn),
            unwritten: part(self.is_drawn),
            at_least: self.is_least,
            ..Tally::default()
        }
    }
}

/// What is known of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KnownSession {
    /// The directory that it worked in; empty if unknown.
    pub(crate) directory: String,
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
    pub(crate) fn costs_since(
        &self,
        since: DateTime<Utc>,
        is_meant: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<(Millis, Money)>, LedgerError> {
        let mut answers = self.answers_since(since)?;
        answers.keep_sessions(is_meant);
        let answers = answers.all.into_iter();
        Ok(answers.map(|answer| (answer.at, answer.cost)).collect())
    }

    /// The answers since a moment, session by session.
    pub(crate) fn answers_since(&self, since: DateTime<Utc>) -> Result<Answers, LedgerError> {
        let since = since.timestamp_millis();
        self.ask(|store| {
            // By the sums: they lie in order of time, answers session by session.
            let query = "SELECT id, name FROM session WHERE id IN (SELECT session FROM quarter WHERE quarter >= ?)";
            let since_quarter = [since.div_euclid(QUARTER)];
            let sessions: HashMap<Id, String> = store.all(query, since_quarter, |row| row.try_into())?;
            let mut found = Vec::new();
            for session in sessions.keys() {
                found.extend(store.answers_since(*session, since)?);
            }
            Answers::named(found, sessions, store)
        })
    }

    /// Everything, as it stands at one moment.
    pub(crate) fn counted(&self) -> Result<Counted, LedgerError> {
        let _moment = self.snapshot()?;
        self.ask(|store| {
            let mut copies = store.places(None)?;
            let mut found = Vec::new();
            store.each_answer(|answer| {
                let copies = copies.remove(&answer.key).unwrap_or_default();
                found.push(Answer { copies, ..answer });
                Ok(())
            })?;
            let mut hidden = Vec::new();
            store.each_hidden([Millis::MIN, Millis::MAX], |one| {
                hidden.extend(Some(one).filter(|one| one.cost > Money::ZERO));
            })?;
            let (sessions, names) = store.sessions()?;
            Ok(Counted {
                answers: Answers::named(found, names, store)?,
                hidden,
                sessions,
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
        let guessed =
            "EXISTS (SELECT 1 FROM process WHERE unclear AND process.session = unwritten.session)";
        for (table, is_least) in [("unrecorded", "cost <= 0"), ("unwritten", guessed)] {
            let query = format!(
                "SELECT quarter * {QUARTER}, session, model, abs(cost), {is_least} FROM {table} WHERE quarter >= ? AND quarter < ? ORDER BY quarter"
            );
            self.each(&query, quarters(period), |row| {
                see(Hidden {
                    at: row.get(0)?,
                    session: row.get(1)?,
                    model: row.get(2)?,
                    cost: row.get(3)?,
                    is_least: row.get(4)?,
                    is_drawn: table == "unwritten",
                });
                Ok(())
            })?;
        }
        Ok(())
    }

    /// What is known of each session, and their names.
    fn sessions(&self) -> Result<(HashMap<Id, KnownSession>, HashMap<Id, String>)> {
        let query = "WITH line(file, key) AS (
             SELECT file, key FROM response UNION ALL SELECT file, key FROM place
             UNION ALL SELECT file, key FROM mark WHERE key != 0
             UNION ALL SELECT file, started + 31 * total + run_ms FROM cost_state),
         known(session, marks) AS (
             SELECT file.session, count(DISTINCT line.key) FROM line JOIN file ON file.id = line.file GROUP BY file.session),
         families(family, marks) AS (
             SELECT family, sum(known.marks) FROM session JOIN known ON known.session = session.id GROUP BY family)
         SELECT session.id, name, coalesce(directory, ''), coalesce(known.marks, 0), coalesce(families.marks, 0), until
         FROM session LEFT JOIN known ON known.session = session.id
         LEFT JOIN families ON families.family = session.family";
        let (mut known, mut names) = (HashMap::new(), HashMap::new());
        self.each(query, [], |row| {
            let session = KnownSession {
                directory: row.get(2)?,
                marks: count_from(row, 3)?,
                marks_of_family: count_from(row, 4)?,
                until: row.get(5)?,
            };
            known.insert(row.get(0)?, session);
            names.insert(row.get(0)?, row.get(1)?);
            Ok(())
        })?;
        Ok((known, names))
    }
}
