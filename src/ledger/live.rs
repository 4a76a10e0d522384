//! What has been spent at this moment: by a session, today, this month. Never waits for anybody.
//!
//! Reading and keeping are apart: [`Live::read`] and [`Live::figures`] work with the lines that the
//! session gained since the ledger last looked and with what Claude Code draws; [`Live::keep`]
//! writes them, when whoever waits for the figures has them. Reading writes only where the figures
//! need it: until all transcripts were read once, when a process is heard of for the first time, and
//! where lines decide whose others are; the last in a transaction that [`Live::keep`] ends.

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rusqlite::Result;

use super::answers::AnswerCosts;
use super::draws::{Draw, Drawn, Gain, gained, with_gains};
use super::facts::{Id, id_of};
use super::names::Meant;
use super::read::{Batch, Effort, merged};
use super::spend_rows::Tally;
use super::store::{Ledger, Store};
use crate::claude::settings::prices;
use crate::config::Budget;
use crate::environment::Environment;
use crate::places::Places;
use crate::pricing::{Money, PriceTable};
use crate::time::Millis;

/// Until all transcripts have been read once, each reading goes on with them for this long, so that
/// a fresh installation comes to know today without anybody asking.
const FIRST_READ: Duration = Duration::from_millis(25);

/// How long reading what the session gained may take. A transcript of some hundred megabytes that
/// nobody has read yet takes longer.
const LONGEST_READ: Duration = Duration::from_millis(300);

/// The ledger, and what one session gained since.
#[derive(Debug)]
pub struct Live {
    ledger: Ledger,
    prices: PriceTable,
    session: String,
    gained: Batch,
    /// Whether not all that it gained could be read, or there was no time.
    is_cut_short: bool,
    /// Whether it is drawn for the first time, and what its process started from may not have been
    /// read: what the draw says beyond lines may be a parent's.
    is_base_unread: bool,
    /// Whether what was gained is written already, in a transaction that is open.
    is_in_transaction: bool,
    drawn: Option<Drawn>,
    /// What is to be kept of it; what is to be heard again when everything was read.
    news: Option<Draw>,
    put_off: Option<Draw>,
}

/// What is wanted beside the session and today.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// The month.
    pub month: bool,
    /// Budgets; this month in the projects among them that the session is in.
    pub projects: Option<&'a Budget>,
    /// Where the session is; its transcript knows better, once it has an answer.
    pub directory: &'a str,
}

impl<'a> Wanted<'a> {
    /// What budgets need to know.
    pub(crate) fn new(budget: &'a Budget, directory: &'a str) -> Self {
        Self {
            month: budget.month.is_some(),
            projects: Some(budget).filter(|budget| !budget.projects.is_empty()),
            directory,
        }
    }
}

/// What is known right now.
#[derive(Debug, Clone, Default)]
pub struct LiveFigures {
    /// The session.
    pub session: Tally,
    /// Today, over all sessions.
    pub today: Tally,
    /// This month, if it was asked for.
    pub month: Option<Tally>,
    /// This month in projects that the session is in, by their keys, of those that were asked for.
    pub projects: Vec<(String, Money)>,
    /// Whether all transcripts were ever read to the end.
    pub is_complete: bool,
}

impl Live {
    /// Reads the session's new lines. None if the ledger cannot be used: that costs a figure and
    /// nothing else; `doctor` says what is wrong.
    pub fn read(
        mut ledger: Ledger,
        places: &Places,
        session: &str,
        transcript: Option<&Path>,
        drawn: Option<Drawn>,
    ) -> Option<Self> {
        let prices = prices(places);
        let start = Instant::now();
        let mut is_cut_short = false;
        let mut late = || {
            is_cut_short |= start.elapsed() >= LONGEST_READ;
            is_cut_short
        };
        let gained = transcript.map(|path| ledger.read_session(path, &prices, &mut late));
        let gained = gained.transpose().ok()?.unwrap_or_default();
        is_cut_short |= !gained.unreadable.is_empty();
        // A fork repeats its parent's lines; whose they are is known when the parent's are. Who is
        // heard of for the first time goes on from something that may not have been read, and
        // others may have worked since anybody looked.
        let known = || ledger.store.facts(id_of(session.as_bytes()));
        let is_news = drawn.is_some() && known().is_ok_and(|known| known.processes.is_empty());
        let is_like_a_fork = gained.begins_like_a_fork();
        let mut is_base_unread = false;
        if !ledger.is_complete() || is_news || is_like_a_fork {
            let roots = places.transcript_roots();
            let effort = Effort::Within(FIRST_READ);
            let caught = ledger.catch_up(roots, &prices, effort, &mut |_, _| {});
            let is_all_read = caught.is_ok_and(|caught| caught.complete);
            is_base_unread = !is_all_read && (is_news || is_like_a_fork);
            is_cut_short |= is_base_unread && is_like_a_fork;
        }
        // What follows for other responses and sessions is not worked out twice: it is written,
        // and kept when the figures were shown.
        let is_in_transaction = gained.has_consequences() && {
            let begun = ledger.store.execute_batch("BEGIN IMMEDIATE").is_ok();
            let is_put = begun && ledger.store.put_and_settle(&gained, &prices).is_ok();
            if begun && !is_put {
                let _ = ledger.store.execute_batch("ROLLBACK");
            }
            is_put
        };
        Some(Self {
            ledger,
            prices,
            session: session.to_owned(),
            gained,
            is_cut_short,
            is_base_unread,
            is_in_transaction,
            drawn,
            news: None,
            put_off: None,
        })
    }

    /// The figures of one moment. None where something that belongs to them could not be read, or
    /// there was no time; the next time goes on from there.
    pub fn figures(
        &mut self,
        environment: &Environment,
        wanted: Wanted<'_>,
    ) -> Option<LiveFigures> {
        let draw = self.drawn.take().map(|drawn| Draw {
            session: self.session.clone(),
            at: environment.now.timestamp_millis(),
            drawn,
        });
        let found = self.at(environment, wanted, draw.as_ref());
        let is_more = |(figures, _): &(LiveFigures, bool)| figures.session.unwritten > Money::ZERO;
        if self.is_base_unread && found.as_ref().is_none_or(is_more) {
            self.put_off = draw;
            let (mut figures, _) = self.at(environment, wanted, None)?;
            figures.session.at_least = true;
            figures.today.at_least = true;
            return Some(figures);
        }
        let (figures, is_news) = found?;
        self.news = draw.filter(|_| is_news);
        Some(figures)
    }

    /// The figures with what is drawn, and whether that is news.
    fn at(
        &self,
        environment: &Environment,
        wanted: Wanted<'_>,
        draw: Option<&Draw>,
    ) -> Option<(LiveFigures, bool)> {
        if self.is_cut_short {
            return None;
        }
        let moment = (!self.is_in_transaction).then(|| self.ledger.snapshot());
        let _moment = moment.transpose().ok()?;
        let (start, end) = environment.zone.day_bounds(environment.now);
        let mut today = self.ledger.between(start, end).ok()?;
        let (first, _) = environment.zone.month_bounds(environment.now);
        let month = wanted.month.then(|| self.ledger.between(first, end));
        let mut month = month.transpose().ok()?;
        let (store, id) = (&self.ledger.store, id_of(self.session.as_bytes()));
        let gains = self.gains().ok()?;
        // What came before midnight may not be written yet.
        let [of_day, of_month] = [start, first].map(|from| {
            let period = from.timestamp_millis()..end.timestamp_millis();
            let gains = gains.iter().filter(|gain| period.contains(&gain.answer.at));
            gains.map(|gain| gain.cost).sum::<Money>()
        });

        let stored = store.facts(id).ok()?;
        let before = stored.unwritten();
        let facts = with_gains(stored, id, &gains);
        let heard = draw.map(|draw| draw.hear(store, &self.prices, &facts, &gains));
        let heard = heard.transpose().ok()?;
        let is_news = heard.as_ref().is_some_and(|heard| heard.is_news);
        let facts = heard.map_or(facts, |heard| heard.facts);
        let session = Tally::from_session(&facts);
        let unwritten = session.unwritten - before;
        let mut projects = self.projects(wanted, id, [first, end]).ok()?;
        for (_, spent) in &mut projects {
            *spent = (*spent + of_month + unwritten).or_zero();
        }
        let sums = month.iter_mut().map(|month| (month, of_month));
        for (sum, recorded) in sums.chain([(&mut today, of_day)]) {
            sum.recorded += recorded;
            sum.unwritten = (sum.unwritten + unwritten).or_zero();
            sum.at_least |= facts.has_guess();
        }
        let figures = LiveFigures {
            session,
            today,
            month,
            projects,
            is_complete: self.ledger.is_complete(),
        };
        Some((figures, is_news))
    }

    /// What was written of the projects that the session is in.
    fn projects(
        &self,
        wanted: Wanted<'_>,
        id: Id,
        period: [DateTime<Utc>; 2],
    ) -> Result<Vec<(String, Money)>> {
        let Some(budget) = wanted.projects else {
            return Ok(Vec::new());
        };
        let store = &self.ledger.store;
        let gained = || Some(self.gained.sessions.get(&id)?.1.clone()?.1);
        let own = store.directory(id)?.or_else(gained);
        let own = own.as_deref().unwrap_or(wanted.directory);
        let keys = budget.projects.keys().cloned();
        let mut projects: Vec<(String, Money)> = keys.map(|key| (key, Money::ZERO)).collect();
        projects.retain(|(project, _)| budget.covers(project, own));
        if projects.is_empty() {
            return Ok(projects);
        }
        for (directory, cost) in store.by_directory(period.map(|at| at.timestamp_millis()))? {
            for (project, spent) in &mut projects {
                if budget.covers(project, &directory) {
                    *spent += cost;
                }
            }
        }
        Ok(projects)
    }

    /// What was gained and is not written.
    fn gains(&self) -> Result<Vec<Gain>> {
        let mut gains = Vec::new();
        if self.is_in_transaction {
            return Ok(gains);
        }
        let (store, gained) = (&self.ledger.store, &self.gained);
        let found = gained.answers.values();
        for found in found.filter(|found| found.place.copied_from.is_none()) {
            // Mostly it is new. Asking for all that is known of it takes longer to prepare than to find.
            let is_known = store.any("SELECT 1 FROM response WHERE key = ?", [found.key])?;
            let (answer, before) = if is_known && let Some(known) = store.answer(found.key)? {
                let prices = gained.prices(&self.prices);
                (merged(found, &known, &prices), known.cost)
            } else {
                (found.clone(), Money::ZERO)
            };
            let cost = answer.cost - before;
            gains.push(Gain { cost, answer });
        }
        Ok(gains)
    }

    /// When responses came since that moment, and what each cost, with those that are not written yet.
    pub(crate) fn costs_since(&self, from: DateTime<Utc>, meant: Meant<'_>) -> Option<AnswerCosts> {
        let mut costs = self.ledger.costs_since(from, meant)?;
        let gains = self.gains().ok()?;
        // Whose the session is takes a look into its transcript.
        if !gains.is_empty() && meant(&self.session) {
            let new = gains.iter().map(|gain| (gain.answer.at, gain.cost));
            costs.extend(new.filter(|(at, _)| *at >= from.timestamp_millis()));
        }
        Some(costs)
    }

    /// What the session's answers after that moment cost, with those that are not written yet.
    pub(crate) fn session_after(&self, moment: Millis) -> Option<Money> {
        let (id, since) = (id_of(self.session.as_bytes()), moment.saturating_add(1));
        let written = self.ledger.store.costs_since(id, since).ok()?.into_iter();
        let gains = self.gains().ok()?;
        let new = gained(&gains, id, since).map(|gain| gain.cost);
        Some(written.map(|(_, cost)| cost).chain(new).sum())
    }

    /// Whether the session's last word, as far as it was read now, was an error.
    pub fn ends_in_refusal(&self) -> bool {
        self.gained.ends_in_refusal
    }

    /// Writes what is worth writing, and gives the ledger back. Whatever fails is tried again the
    /// next time, save what was drawn: nobody may ever draw it again.
    pub fn keep(self, places: &Places) -> Ledger {
        if let Some(draw) = &self.put_off {
            draw.put_off(places);
        }
        // While the last word is an error it stays unread, so that the next status line sees it too.
        let is_to_stay = self.gained.ends_in_refusal;
        let is_gain_kept = !is_to_stay && self.gained.is_worth_writing();
        let put = |store: &Store| {
            let Some(news) = &self.news else {
                return Ok(());
            };
            // Looked up in the same transaction: nobody writes them meanwhile, and each look alone would take
            // and leave the locks of a reader.
            let gains = (!is_gain_kept).then(|| self.gains()).transpose()?;
            news.put(store, &self.prices, &gains.unwrap_or_default())
        };
        if self.is_in_transaction {
            let is_put = !is_to_stay && put(&self.ledger.store).is_ok();
            let end = if is_put { "COMMIT" } else { "ROLLBACK" };
            let _ = self.ledger.store.execute_batch(end);
        } else if is_gain_kept || self.news.is_some() {
            let written = self.ledger.write(|store| {
                if is_gain_kept {
                    store.put_and_settle(&self.gained, &self.prices)?;
                }
                put(store)
            });
            if let (Err(error), Some(news)) = (written, &self.news)
                && error.is_busy()
            {
                news.put_off(places);
            }
        }
        self.ledger.tidy();
        self.ledger
    }
}
