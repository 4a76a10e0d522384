//! What Claude Code tells the status line of its own total, and what that says beyond the files.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::store::told::{self, SAME_PRICES, SessionFacts, ToldRow};
use super::store::{Id, ResponseRow, model_id, put_session, responses, totals};
use crate::pricing::{Money, NOISE, PriceTable};
use crate::time::Millis;

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

/// What was told now, as it is to be kept.
#[derive(Debug)]
pub(super) struct ToldNow {
    pub(super) row: ToldRow,
    /// Answers that no run covers and no process told of.
    pub(super) untold: Money,
    pub(super) is_news: bool,
    model: Option<String>,
}

/// Everything that is known of a session when something is told of it.
pub(super) struct Listener<'l> {
    pub(super) connection: &'l Connection,
    pub(super) prices: &'l PriceTable,
    /// None if the ledger has not heard of it.
    pub(super) session: Option<Id>,
    pub(super) facts: &'l SessionFacts,
    /// What its processes told, the latest last.
    pub(super) known: &'l [ToldRow],
    /// Its answers that are not written yet.
    pub(super) gained: BTreeMap<i64, &'l ResponseRow>,
    pub(super) now: Millis,
}

impl Listener<'_> {
    pub(super) fn hear(&self, told: &Told) -> rusqlite::Result<ToldNow> {
        let known = told::same_process(self.known, told.total, told.run_ms, self.now);
        let (row, untold) = match known {
            Some(known) => (self.go_on(known, told)?, self.facts.untold),
            None => self.begin(told)?,
        };
        Ok(ToldNow {
            row,
            untold,
            is_news: known != Some(&row),
            model: told.model.clone(),
        })
    }

    /// What a process tells that told before.
    fn go_on(&self, known: &ToldRow, told: &Told) -> rusqlite::Result<ToldRow> {
        let more = told.total - known.total;
        if more <= Money::ZERO {
            return Ok(*known);
        }
        let answers = self.answers_since(known.at + 1)?;
        let shown: Money = answers.iter().map(|row| row.cost).sum();
        let mut row = ToldRow {
            total: told.total,
            at: self.now,
            run_ms: told.run_ms,
            ..*known
        };
        let scaled = self.prices.scale_client_amount(more);
        if shown.is_near(scaled) {
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

    /// What a process tells that was not heard of before. Mostly this is before its first answer.
    /// With it goes what of the session's answers is then untold.
    fn begin(&self, told: &Told) -> rusqlite::Result<(ToldRow, Money)> {
        let origin = told.run_ms.map(|run_ms| self.now - run_ms);
        let (base, own) = self.start(told, origin)?;
        let grown = told.total - base;
        // Where its answers explain that, nothing else is known of it. Nor where no more is told
        // than the session is known to have spent.
        let spent = self.facts.recorded + self.facts.unrecorded + self.facts.unwritten(self.known);
        let (grown, explained) = if grown <= own + NOISE || told.total <= spent + NOISE {
            (Money::ZERO, Money::ZERO)
        } else {
            (grown, own)
        };
        let untold = if self.known.is_empty() {
            self.facts.loose()
        } else {
            self.facts.untold + own
        };
        let row = ToldRow {
            origin: origin.unwrap_or(-self.now),
            total: told.total,
            grown: self.prices.scale_client_amount(grown),
            rate: SAME_PRICES,
            at: self.now,
            run_ms: told.run_ms,
            model: None,
        };
        Ok((row, untold - explained))
    }

    /// The total that a process started from, and what its answers since then cost.
    fn start(&self, told: &Told, origin: Option<Millis>) -> rusqlite::Result<(Money, Money)> {
        // Answers before were those of whoever told then.
        let told_until = self.known.last().map_or(Millis::MIN, |row| row.at + 1);
        let own = |begin: Option<Millis>| -> rusqlite::Result<Money> {
            let begin = begin.unwrap_or(Millis::MIN).max(told_until);
            let answers = self.answers_since(begin)?;
            Ok(answers.iter().map(|row| row.cost).sum())
        };
        let newest = |session: Option<Id>, most: Money| {
            session.map_or(Ok(None), |id| {
                totals::newest_up_to(self.connection, id, most)
            })
        };
        // Clients before 2.1.285 go on from what the one before told; no transcript has it.
        let is_told = self.known.iter().any(|row| row.total.is_near(told.total));
        if is_told {
            return Ok((told.total, own(origin)?));
        }
        if let Some((total, run_ms)) = newest(self.session, told.total)? {
            let begin = origin.map(|origin| origin + run_ms).or(self.facts.until);
            return Ok((total, own(begin)?));
        }
        let own = own(origin)?;
        let parent = self
            .session
            .map_or(Ok(None), |id| totals::parent(self.connection, id))?;
        if let Some((total, _)) = newest(parent, told.total - own)? {
            return Ok((total, own));
        }
        // A fork has no file before its first answer.
        if own == Money::ZERO && totals::is_known(self.connection, told.total)? {
            return Ok((told.total, own));
        }
        Ok((Money::ZERO, own))
    }

    /// Whether some model's prices, or old ones, explain what a client told for these answers.
    fn costs_at_other_prices(&self, answers: &[ResponseRow], told: Money) -> bool {
        let mut guesses = self.prices.guesses_of_any_client();
        guesses.any(|guess| {
            // Clients before 2.1.240 charge all cache writes as if they lived five minutes.
            [false, true].into_iter().any(|has_one_lifetime| {
                let price = |row: &ResponseRow| {
                    let counted = &row.counted;
                    let mut usage = counted.usage;
                    if has_one_lifetime {
                        usage.cache_write_1h = 0;
                    }
                    guess.price(counted.at, &usage, counted.service, &counted.calls)
                };
                told.is_near(answers.iter().map(price).sum())
            })
        })
    }

    /// The session's answers from a moment on, written or not.
    fn answers_since(&self, since: Millis) -> rusqlite::Result<Vec<ResponseRow>> {
        let mut answers: BTreeMap<i64, ResponseRow> = match self.session {
            Some(session) => responses::since(self.connection, session, since)?
                .into_iter()
                .collect(),
            None => BTreeMap::new(),
        };
        let gained = self.gained.iter();
        let gained = gained.filter(|(_, row)| row.counted.at >= since);
        answers.extend(gained.map(|(key, row)| (*key, (*row).clone())));
        Ok(answers.into_values().collect())
    }
}

/// Keeps what was told.
pub(super) fn put(
    connection: &Connection,
    session: &str,
    telling: Option<&ToldNow>,
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
