//! What the ledger's sums say: of a session, of a period, row by row.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::iter::Sum;
use std::ops::{AddAssign, Range};

use chrono::{DateTime, Utc};
use rusqlite::Result;

use super::facts::{Id, Scene, id_of};
use super::names::{Meant, Names, Origin};
use super::store::answers::{UNPRICED, count_from, usage_from};
use super::store::processes::SessionFacts;
use super::store::{Ledger, LedgerError, Store, quarters};
use crate::pricing::{Money, Usage};
use crate::time::{Millis, QUARTER};

/// Name in `meta`: all transcripts were read to the end once.
pub(super) const COMPLETE: &str = "complete";

/// What was spent, in how many responses, with how many tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Priced from transcripts.
    pub recorded: Money,
    /// Counted by the client's totals only: then there are no responses and no usage.
    pub unrecorded: Money,
    /// Handed to the status line only; likewise.
    pub unwritten: Money,
    /// Whether there may be more: what the session was forked from is in no file any more, or nobody
    /// knows from which of its totals a process went on, or which process drew what is unwritten.
    pub at_least: bool,
    /// Distinct responses.
    pub responses: u64,
    /// Of these, responses of models without a known price.
    pub unpriced: u64,
    /// Tokens and searches of the recorded responses.
    pub usage: Usage,
}

impl Tally {
    /// Of a session of which this is known.
    pub(super) fn from_session(facts: &SessionFacts) -> Self {
        Self {
            recorded: facts.recorded,
            unrecorded: facts.unrecorded,
            unwritten: facts.unwritten(),
            unpriced: facts.unpriced.max(0).cast_unsigned(),
            at_least: facts.at_least || facts.has_guess(),
            ..Self::default()
        }
    }

    /// All of it.
    pub fn cost(&self) -> Money {
        self.recorded + self.unrecorded + self.unwritten
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.recorded += other.recorded;
        self.unrecorded += other.unrecorded;
        self.unwritten += other.unwritten;
        self.at_least |= other.at_least;
        self.responses = self.responses.saturating_add(other.responses);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        self.usage += other.usage;
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |mut sum, tally| {
            sum += tally;
            sum
        })
    }
}

/// Sums of one quarter of an hour, session and model.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpendRow<'l> {
    /// Start of the quarter of an hour.
    pub at: Millis,
    /// The session and its directory; empty where they were not asked for.
    pub origin: &'l Origin,
    /// The model's canonical name.
    pub model: &'l str,
    /// What was spent.
    pub tally: Tally,
    /// The key of the one response that it is; None where it is none, or several.
    pub answer: Option<i64>,
    /// Branch and agent; None where they were not asked for, or no line shows it.
    pub scene: Option<&'l Scene>,
    /// Who spent it, and on which machine; empty in this machine's own ledger.
    pub person: &'l str,
    /// See [`Self::person`].
    pub machine: &'l str,
    /// The label `team` of that machine; see [`Self::person`].
    pub team: &'l str,
}

/// What rows are to tell, besides the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowsBy {
    /// The quarter of an hour. These sums are kept in step.
    Quarter,
    /// The same, and the session with its directory: finding out means reading all sessions.
    Session,
    /// Session, branch and agent. A row stands at the time of its latest response.
    Scene,
    /// Session, and each response by itself, in order of time.
    Answer,
}

/// From a moment up to another, both on quarters of an hour.
pub type RowsPeriod = Range<Millis>;

/// Whenever it was.
pub const EVER: RowsPeriod = Millis::MIN..Millis::MAX;

/// Takes rows, one after the other.
pub type EachRow<'e> = &'e mut dyn FnMut(SpendRow<'_>);

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

/// Where rows of spend come from: this machine's ledger, or what several machines exported.
pub trait SpendSource {
    /// Calls `each` for every sum of a period; by quarters, in order of time.
    fn rows(&self, period: RowsPeriod, by: RowsBy, each: EachRow<'_>) -> Result<(), LedgerError>;

    /// Transcripts that changed at `since` or later and have lines that could not be understood:
    /// their paths, and how many lines. What stood on these is not counted.
    fn damaged(&self, _: Millis) -> Result<Vec<(String, u32)>, LedgerError> {
        Ok(Vec::new())
    }

    /// Answers of another model than was asked for, in directories that are meant, the dearest first;
    /// nothing where nobody knows.
    fn switched(&self, _: RowsPeriod, _: Meant<'_>) -> Result<Vec<Switched>, LedgerError> {
        Ok(Vec::new())
    }
}

impl SpendSource for Ledger {
    fn rows(&self, period: RowsPeriod, by: RowsBy, each: EachRow<'_>) -> Result<(), LedgerError> {
        let period = [period.start, period.end];
        // A sum of amounts may be no integer any more: sum() fails then, and total() does not.
        let of_scenes = format!(
            "SELECT max(at), session, model, CAST(total(cost) AS INTEGER), count(*), sum(flags & {UNPRICED} != 0),
                sum(input), sum(output), sum(cache_read), sum(cache_write), sum(cache_write_1h), sum(web_searches), scene
             FROM response WHERE at >= ? AND at < ? GROUP BY session, model, scene ORDER BY max(at), session"
        );
        let of_quarters = format!(
            "SELECT quarter * {QUARTER}, session, model, cost, responses, unpriced,
                input, output, cache_read, cache_write, cache_write_1h, web_searches, NULL
             FROM quarter WHERE quarter >= ? AND quarter < ?"
        );
        let of_answers = format!(
            "SELECT at, session, model, cost, 1, flags & {UNPRICED} != 0,
                input, output, cache_read, cache_write, cache_write_1h, web_searches, key
             FROM response WHERE at >= ? AND at < ? ORDER BY at"
        );
        // By scene it reads every answer: no sums are kept, because reports by scene are rare and each
        // answer would pay for them.
        let (query, range) = match by {
            RowsBy::Answer => (of_answers, period),
            RowsBy::Scene => (of_scenes, period),
            RowsBy::Quarter | RowsBy::Session => (of_quarters, quarters(period)),
        };
        self.ask(|store| {
            // What no row names is not read: scenes are many, and most reports have none.
            let origins = (by != RowsBy::Quarter).then(|| store.origins());
            let scenes = (by == RowsBy::Scene).then(|| store.scenes());
            let names = Names {
                sessions: origins.transpose()?.unwrap_or_default(),
                models: store.models()?,
                scenes: scenes.transpose()?.unwrap_or_default(),
            };
            store.each(&query, range, |row| {
                let part: Option<Id> = row.get(12)?;
                each(SpendRow {
                    at: row.get(0)?,
                    origin: names.origin(row.get(1)?),
                    model: names.model(row.get(2)?),
                    tally: Tally {
                        recorded: row.get(3)?,
                        responses: count_from(row, 4)?,
                        unpriced: count_from(row, 5)?,
                        usage: usage_from(row, 6)?,
                        ..Tally::default()
                    },
                    answer: part.filter(|_| by == RowsBy::Answer),
                    scene: part.and_then(|scene| names.scenes.get(&scene)),
                    ..SpendRow::default()
                });
                Ok(())
            })?;
            store.each_hidden(period, |hidden| {
                each(SpendRow {
                    at: hidden.at,
                    origin: names.origin(hidden.session),
                    model: names.model(hidden.model),
                    tally: hidden.tally,
                    ..SpendRow::default()
                });
            })
        })
    }

    fn damaged(&self, since: Millis) -> Result<Vec<(String, u32)>, LedgerError> {
        let since = since.saturating_mul(1_000_000);
        let query = "SELECT path, unreadable FROM file WHERE unreadable > 0 AND modified >= ? ORDER BY path";
        self.ask(|store| {
            store.all(query, [since], |row| {
                let path: Vec<u8> = row.get(0)?;
                Ok((String::from_utf8_lossy(&path).into_owned(), row.get(1)?))
            })
        })
    }

    fn switched(&self, period: RowsPeriod, meant: Meant<'_>) -> Result<Vec<Switched>, LedgerError> {
        // Hardly any answer is another model's: CROSS keeps SQLite from looking at every answer first.
        let query = "SELECT coalesce(directory, ''), asked.name, got.name, cost
             FROM switched CROSS JOIN response USING (key) JOIN session ON session.id = session
             JOIN model AS asked ON asked.id = switched.asked JOIN model AS got ON got.id = response.model
             WHERE at >= ? AND at < ?";
        let mut found: BTreeMap<(String, String), (u64, Money)> = BTreeMap::new();
        self.ask(|store| {
            store.each(query, (period.start, period.end), |row| {
                if meant(&row.get::<_, String>(0)?) {
                    let (answers, cost) = found.entry((row.get(1)?, row.get(2)?)).or_default();
                    *answers += 1;
                    *cost += row.get(3)?;
                }
                Ok(())
            })
        })?;
        let found = found.into_iter();
        let found = found.map(|((asked, got), (answers, cost))| Switched {
            asked,
            got,
            answers,
            cost,
        });
        let mut found: Vec<Switched> = found.collect();
        found.sort_by_key(|switched| Reverse(switched.cost));
        Ok(found)
    }
}

impl Ledger {
    /// What a session has cost.
    pub fn session(&self, name: &str) -> Result<Tally, LedgerError> {
        let facts = self.ask(|store| store.facts(id_of(name.as_bytes())))?;
        Ok(Tally::from_session(&facts))
    }

    /// What was spent from `from` up to `until`, both on quarters of an hour; without counts of tokens.
    pub fn between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<Tally, LedgerError> {
        let period = [from, until].map(|at| at.timestamp_millis());
        let query = "SELECT cost, unpriced FROM quarter WHERE quarter >= ? AND quarter < ?";
        self.ask(|store| {
            let mut sum = Tally::default();
            store.each(query, quarters(period), |row| {
                sum.recorded += row.get(0)?;
                sum.unpriced = sum.unpriced.saturating_add(count_from(row, 1)?);
                Ok(())
            })?;
            store.each_hidden(period, |hidden| sum += hidden.tally)?;
            Ok(sum)
        })
    }

    /// Whether all transcripts were ever read to the end. Before that, sums over sessions are
    /// too low.
    pub fn is_complete(&self) -> bool {
        let noted = self.store.noted(COMPLETE);
        noted.is_ok_and(|noted| noted.is_some())
    }

    /// Another number whenever another process has written to the ledger.
    pub fn version(&self) -> Result<i64, LedgerError> {
        self.ask(|store| store.query_row("PRAGMA data_version", [], |row| row.get(0)))
    }
}

impl Store {
    /// What was spent from a moment up to another, by the directories that sessions worked in.
    pub(super) fn by_directory(&self, period: [Millis; 2]) -> Result<HashMap<String, Money>> {
        // By session first: a month has many quarters and few sessions.
        let mut by_session: HashMap<Id, Money> = HashMap::new();
        let query = "SELECT session, cost FROM quarter WHERE quarter >= ? AND quarter < ?";
        self.each(query, quarters(period), |row| {
            *by_session.entry(row.get(0)?).or_default() += row.get(1)?;
            Ok(())
        })?;
        self.each_hidden(period, |hidden| {
            *by_session.entry(hidden.session).or_default() += hidden.tally.cost();
        })?;
        let mut sums: HashMap<String, Money> = HashMap::new();
        for (session, cost) in by_session {
            let directory = self.directory(session)?.unwrap_or_default();
            *sums.entry(directory).or_default() += cost;
        }
        Ok(sums)
    }
}
