//! What has been spent at this moment: by a session, today, this month. Never waits for anybody.
//!
//! Reading and keeping are apart: [`Live::read`] and [`Live::figures`] work with the lines that the
//! session gained since the ledger last looked and with what Claude Code tells; [`Live::keep`]
//! writes them, when whoever waits for the figures has them. Only until all transcripts were read
//! once does reading write, because until then there is nothing to show.

use std::path::Path;
use std::time::Duration;

use chrono::Datelike;

use super::read::{Batch, Effort, put_and_settle};
use super::spent::Spent;
use super::store::told::{self, NOISE, SAME_PRICES, SessionFacts, ToldRow};
use super::store::{
    Id, Ledger, Opening, ResponseRow, StoredSighting, model_id, put_session, responses, session_id,
    totals,
};
use crate::claude::model_pricing::own_rates;
use crate::environment::Environment;
use crate::places::Places;
use crate::pricing::{Money, PriceTable};
use crate::time::Millis;

/// Until all transcripts have been read once, each reading goes on with them for this long, so that
/// a fresh installation comes to know today without anybody asking.
const FIRST_READ: Duration = Duration::from_millis(25);

/// What Claude Code tells the status line of its own total.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Since the chain of runs began; what a fork took over from its parent is in it.
    pub total: Money,
    /// For how long processes of the chain have lived, in milliseconds.
    pub run_ms: Option<i64>,
    /// The model that the session is set to.
    pub model: Option<String>,
}

/// The ledger, and what one session gained since.
#[derive(Debug)]
pub struct Live {
    ledger: Ledger,
    prices: PriceTable,
    session: String,
    gained: Batch,
    /// Whether what was gained is written already, in a transaction that is open.
    is_in_transaction: bool,
    told: Option<Told>,
    /// What is to be kept of what was told.
    telling: Option<Telling>,
}

/// What is known right now.
#[derive(Debug, Clone, Copy, Default)]
pub struct LiveFigures {
    /// The session.
    pub session: Spent,
    /// Today, over all sessions.
    pub today: Spent,
    /// This month, if it was asked for.
    pub month: Option<Spent>,
    /// Whether all transcripts were ever read to the end.
    pub is_complete: bool,
}

/// What was told now, as it is to be kept.
#[derive(Debug)]
struct Telling {
    row: ToldRow,
    /// Answers that no run covers and no process told of.
    untold: Money,
    model: Option<String>,
    is_news: bool,
}

/// A response that is not written yet.
struct Gain {
    /// What it adds to what was written of it before.
    cost: Money,
    is_of_session: bool,
    row: ResponseRow,
}

impl Live {
    /// Reads the session's new lines. None if the ledger cannot be used: that costs a figure and
    /// nothing else; `doctor` says what is wrong.
    pub fn read(
        ledger: Opening,
        places: &Places,
        session: &str,
        transcript: Option<&Path>,
        told: Option<Told>,
    ) -> Option<Self> {
        let mut ledger = ledger.finish().ok()?;
        let prices = PriceTable::with(own_rates(places)).ok()?;
        let gained = transcript
            .and_then(|path| ledger.read_session(path).ok())
            .unwrap_or_default();
        // A fork repeats its parent's lines; whose they are is known when the parent's are. Who is
        // heard of for the first time goes on from something that may not have been read, and
        // others may have worked since anybody looked.
        let is_news = told.is_some() && !told::is_any(&ledger.connection, session).unwrap_or(true);
        if !ledger.is_complete() || is_news || gained.begins_like_a_fork() {
            let roots = places.transcript_roots();
            let effort = Effort::Within(FIRST_READ);
            let _ = ledger.catch_up(roots, &prices, effort, &mut |_| {});
        }
        // What follows for other responses and sessions is not worked out twice: it is written,
        // and kept when the figures were shown.
        let is_in_transaction = gained.has_consequences() && {
            let begun = ledger.connection.execute_batch("BEGIN IMMEDIATE").is_ok();
            let is_put = begun && put_and_settle(&ledger.connection, &gained, &prices).is_ok();
            if begun && !is_put {
                let _ = ledger.connection.execute_batch("ROLLBACK");
            }
            is_put
        };
        Some(Self {
            ledger,
            prices,
            session: session.to_owned(),
            gained,
            is_in_transaction,
            told,
            telling: None,
        })
    }

    /// The figures of one moment.
    pub fn figures(&mut self, environment: &Environment, with_month: bool) -> Option<LiveFigures> {
        let (figures, telling) = self.at(environment, with_month)?;
        self.telling = telling;
        Some(figures)
    }

    fn at(
        &self,
        environment: &Environment,
        with_month: bool,
    ) -> Option<(LiveFigures, Option<Telling>)> {
        let _snapshot = (!self.is_in_transaction)
            .then(|| self.ledger.snapshot())
            .transpose()
            .ok()?;
        let (start, end) = environment.zone.day_bounds(environment.now);
        let mut today = self.ledger.between(start, end).ok()?;
        let first = environment.zone.day(environment.now).with_day(1)?;
        let mut month = with_month
            .then(|| self.ledger.between(environment.zone.midnight(first), end))
            .transpose()
            .ok()?;
        let gains = self.gains().ok()?;
        let period = start.timestamp_millis()..end.timestamp_millis();
        let in_period = gains.iter();
        let in_period = in_period.filter(|gain| period.contains(&gain.row.counted.at));
        let recorded: Money = in_period.map(|gain| gain.cost).sum();

        let (session, telling) = self
            .session_now(&gains, environment.now.timestamp_millis())
            .ok()?;
        let unwritten = session.unwritten - self.stored_unwritten().ok()?;
        for sum in [Some(&mut today), month.as_mut()].into_iter().flatten() {
            sum.recorded += recorded;
            sum.unwritten = (sum.unwritten + unwritten).or_zero();
        }
        let figures = LiveFigures {
            session,
            today,
            month,
            is_complete: self.ledger.is_complete(),
        };
        Some((figures, telling))
    }

    fn stored_unwritten(&self) -> rusqlite::Result<Money> {
        let id = session_id(&self.ledger.connection, &self.session)?;
        id.map_or(Ok(Money::ZERO), |id| {
            told::unwritten_sum(&self.ledger.connection, id)
        })
    }

    /// What was gained and is not written.
    fn gains(&self) -> rusqlite::Result<Vec<Gain>> {
        let mut gains = Vec::new();
        if self.is_in_transaction {
            return Ok(gains);
        }
        let own = session_id(&self.ledger.connection, &self.session)?;
        let prices: Vec<_> = self
            .gained
            .models
            .iter()
            .map(|model| self.prices.prices_of(model))
            .collect();
        for (key, seen) in &self.gained.responses {
            let (Some(prices), None) = (prices.get(seen.counted.model), seen.first.names) else {
                continue;
            };
            let old = responses::read(&self.ledger.connection, *key)?;
            let mut counted = seen.counted.of_model(0);
            if let Some(old) = &old {
                counted.merge(&old.counted);
            }
            let home = self.gained.files.get(seen.first.file);
            let name = home.and_then(|file| self.gained.sessions.get_index(file.session));
            let row = ResponseRow::priced(counted, 0, StoredSighting::default(), prices);
            gains.push(Gain {
                cost: row.cost - old.as_ref().map_or(Money::ZERO, |old| old.cost),
                is_of_session: match &old {
                    Some(old) => Some(old.session) == own,
                    None => name.is_some_and(|(name, _)| *name == self.session),
                },
                row,
            });
        }
        Ok(gains)
    }

    fn session_now(
        &self,
        gains: &[Gain],
        now: Millis,
    ) -> rusqlite::Result<(Spent, Option<Telling>)> {
        let connection = &self.ledger.connection;
        let id = session_id(connection, &self.session)?;
        let mut facts = id.map_or(Ok(SessionFacts::default()), |id| {
            told::facts(connection, id)
        })?;
        let own = gains.iter().filter(|gain| gain.is_of_session);
        facts.recorded += own.map(|gain| gain.cost).sum();
        let mut rows = id.map_or(Ok(Vec::new()), |id| told::of_session(connection, id))?;
        let telling = match &self.told {
            Some(told) => {
                let telling = self.telling(told, id, &facts, &rows, gains, now)?;
                facts.untold = telling.untold;
                rows.retain(|row| row.origin != telling.row.origin);
                rows.push(telling.row);
                Some(telling)
            }
            None => None,
        };
        let session = Spent {
            recorded: facts.recorded,
            unrecorded: facts.unrecorded,
            unwritten: facts.unwritten(&rows),
            estimated: facts.unpriced > 0,
        };
        Ok((session, telling))
    }

    fn telling(
        &self,
        told: &Told,
        id: Option<Id>,
        facts: &SessionFacts,
        rows: &[ToldRow],
        gains: &[Gain],
        now: Millis,
    ) -> rusqlite::Result<Telling> {
        let origin = told.run_ms.map(|run_ms| now - run_ms);
        let model = told.model.clone();
        if let Some(known) = told::same_process(rows, told.total, told.run_ms, now) {
            let row = self.grown(known, told, id, gains, now)?;
            return Ok(Telling {
                row,
                untold: facts.untold,
                model,
                is_news: row != *known,
            });
        }
        let (grown, own) = self.at_first_sight(told, id, facts, rows, gains, origin)?;
        let explained = if grown > Money::ZERO {
            own
        } else {
            Money::ZERO
        };
        let untold = if rows.is_empty() {
            facts.loose() - explained
        } else {
            facts.untold + own - explained
        };
        Ok(Telling {
            row: ToldRow {
                origin: origin.unwrap_or(-now),
                total: told.total,
                grown: self.prices.scale_client_amount(grown),
                rate: SAME_PRICES,
                at: now,
                run_ms: told.run_ms,
                model: None,
            },
            untold,
            model,
            is_news: true,
        })
    }

    /// What a process tells now that told before.
    fn grown(
        &self,
        known: &ToldRow,
        told: &Told,
        id: Option<Id>,
        gains: &[Gain],
        now: Millis,
    ) -> rusqlite::Result<ToldRow> {
        let more = told.total - known.total;
        if more <= Money::ZERO {
            return Ok(*known);
        }
        let answers = self.own_since(id, gains, known.at + 1)?;
        let shown: Money = answers.iter().map(|row| row.cost).sum();
        let mut row = ToldRow {
            total: told.total,
            at: now,
            run_ms: told.run_ms,
            ..*known
        };
        let scaled = self.prices.scale_client_amount(more);
        if is_near(shown, scaled) {
            row.rate = SAME_PRICES;
        } else if shown > Money::ZERO && self.costs_at_other_prices(&answers, more) {
            row.rate = shown.ratio(scaled, SAME_PRICES);
            row.grown += shown;
            return Ok(row);
        }
        row.grown += scaled.share(
            u128::from(row.rate.unsigned_abs()),
            SAME_PRICES.unsigned_abs().into(),
        );
        Ok(row)
    }

    /// Whether some model's prices, or old ones, explain what a client told for these answers.
    fn costs_at_other_prices(&self, answers: &[ResponseRow], told: Money) -> bool {
        let mut guesses = self.prices.guesses_of_any_client();
        guesses.any(|guess| {
            let price = |row: &ResponseRow| {
                let counted = &row.counted;
                guess.price(counted.at, &counted.usage, counted.service, &counted.calls)
            };
            is_near(answers.iter().map(price).sum(), told)
        })
    }

    /// The session's answers from a moment on, written or not.
    fn own_since(
        &self,
        id: Option<Id>,
        gains: &[Gain],
        since: Millis,
    ) -> rusqlite::Result<Vec<ResponseRow>> {
        let connection = &self.ledger.connection;
        let mut own = id.map_or(Ok(Vec::new()), |id| responses::since(connection, id, since))?;
        let gained = gains.iter();
        let gained = gained.filter(|gain| gain.is_of_session && gain.row.counted.at >= since);
        own.extend(gained.map(|gain| gain.row.clone()));
        Ok(own)
    }

    /// Of a process that was not heard of before: by how much it grew since it started, if its
    /// answers do not explain that, and what these cost. Mostly this is before its first answer.
    fn at_first_sight(
        &self,
        told: &Told,
        id: Option<Id>,
        facts: &SessionFacts,
        rows: &[ToldRow],
        gains: &[Gain],
        origin: Option<Millis>,
    ) -> rusqlite::Result<(Money, Money)> {
        let connection = &self.ledger.connection;
        // Answers before were those of whoever told then.
        let told_until = rows.last().map_or(Millis::MIN, |row| row.at + 1);
        let own = |begin: Option<Millis>| -> rusqlite::Result<Money> {
            let begin = begin.unwrap_or(Millis::MIN).max(told_until);
            let answers = self.own_since(id, gains, begin)?;
            Ok(answers.iter().map(|row| row.cost).sum())
        };
        let newest = |session: Option<Id>, most: Money| {
            session.map_or(Ok(None), |id| totals::newest_up_to(connection, id, most))
        };
        let (base, own) = if let Some((total, run_ms)) = newest(id, told.total)? {
            let begin = origin.map(|origin| origin + run_ms).or(facts.until);
            (total, own(begin)?)
        } else {
            let own = own(origin)?;
            let parent = id.map_or(Ok(None), |id| totals::parent(connection, id))?;
            let of_parent = newest(parent, told.total - own)?;
            // A fork has no file before its first answer. And where a session has more answers
            // than are told, nothing says what was there before.
            let is_fork = || totals::is_known(connection, told.total);
            let base = if let Some((total, _)) = of_parent {
                total
            } else if told.total <= facts.recorded + facts.unrecorded
                || own == Money::ZERO && is_fork()?
            {
                told.total
            } else {
                Money::ZERO
            };
            (base, own)
        };
        let grown = told.total - base;
        let is_explained = grown <= own + NOISE;
        Ok((if is_explained { Money::ZERO } else { grown }, own))
    }

    /// Whether the session's last word, as far as it was read now, was an error.
    pub fn ends_in_refusal(&self) -> bool {
        self.gained.ends_in_refusal
    }

    /// Writes what is worth writing. Whatever fails is tried again the next time.
    pub fn keep(mut self) {
        let telling = self.telling.take().filter(|telling| telling.is_news);
        // While the last word is an error it stays unread, so that the next status line sees it too.
        let is_to_stay = self.gained.ends_in_refusal;
        if self.is_in_transaction {
            let connection = &self.ledger.connection;
            let put = !is_to_stay
                && put_told(connection, &self.session, telling.as_ref(), &self.prices).is_ok();
            let end = if put { "COMMIT" } else { "ROLLBACK" };
            let _ = self.ledger.connection.execute_batch(end);
            self.ledger.tidy();
            return;
        }
        let gained = std::mem::take(&mut self.gained);
        let is_gain_kept = !is_to_stay && gained.is_worth_writing();
        if is_gain_kept || telling.is_some() {
            let (session, prices) = (self.session.clone(), self.prices.clone());
            let _ = self.ledger.write(|connection| {
                if is_gain_kept {
                    put_and_settle(connection, &gained, &prices)?;
                }
                put_told(connection, &session, telling.as_ref(), &prices)
            });
        }
    }
}

fn put_told(
    connection: &rusqlite::Connection,
    session: &str,
    telling: Option<&Telling>,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    let Some(telling) = telling else {
        return Ok(());
    };
    let id = put_session(connection, session)?;
    let model = telling.model.as_deref().unwrap_or_default();
    let row = ToldRow {
        model: Some(model_id(connection, &prices.canonical(model))?),
        ..telling.row
    };
    told::put(connection, id, &row, telling.untold)?;
    let all = told::of_session(connection, id)?;
    told::store_unwritten(connection, id, &all)
}

/// Whether two amounts differ by no more than floating-point sums do.
fn is_near(one: Money, other: Money) -> bool {
    (one - other).pico().abs() <= NOISE.pico()
}
