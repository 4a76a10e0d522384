//! What Claude Code hands the status line its own total, and what that says beyond the files.

use std::collections::BTreeMap;

use chrono::DateTime;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::facts::{Answer, Id, id_of};
use super::store::names::{put_model, put_session};
use super::store::processes::{self, ProcessTotal, SAME_PRICES, SessionFacts, VERY_LATE_MS};
use super::store::sqlite::{note, noted};
use super::store::{Ledger, LedgerError, answers, transcript_files};
use crate::journal::{self, JournalRecord};
use crate::places::Places;
use crate::pricing::{Money, NOISE, PriceTable};
use crate::time::Millis;

/// A response that is not written yet.
#[derive(Debug, Clone)]
pub(super) struct Gain {
    /// What it adds to what was written of it before.
    pub(super) cost: Money,
    pub(super) answer: Answer,
}

/// What Claude Code hands the status line its own total.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// Since the chain of runs began; what a fork took over from its parent is in it.
    pub total: Money,
    /// For how long processes of the chain have lived, in milliseconds.
    pub run_ms: Option<i64>,
    /// The model that the session is set to.
    pub model: Option<String>,
    /// Which process draws it, where that is known: a number above 0 that no other has.
    pub process: Option<i64>,
}

/// What was drawn now, as it is to be kept.
#[derive(Debug)]
pub(super) struct HeardNow {
    pub(super) row: ProcessTotal,
    /// Answers that no run covers and no process drew of.
    pub(super) before_draws: Money,
    pub(super) is_news: bool,
    /// The process of which this is more.
    pub(super) replaces: Option<i64>,
}

/// Everything that is known of a session when something is drawn of it.
pub(super) struct Listener<'l> {
    connection: &'l Connection,
    prices: &'l PriceTable,
    session: Id,
    /// With its answers that are not written yet.
    pub(super) facts: SessionFacts,
    gained: Vec<&'l Answer>,
    /// What its processes drew, the latest last.
    pub(super) known: Vec<ProcessTotal>,
    /// What of it the ledger has as unwritten.
    pub(super) stored_unwritten: Money,
    now: Millis,
}

impl<'l> Listener<'l> {
    pub(super) fn new(
        connection: &'l Connection,
        prices: &'l PriceTable,
        session: Id,
        gains: &'l [Gain],
        now: Millis,
    ) -> rusqlite::Result<Self> {
        let mut facts = processes::facts(connection, session)?;
        let known = processes::of_session(connection, session)?;
        let stored_unwritten = facts.unwritten(&known);
        let own = gains.iter().filter(|gain| gain.answer.session == session);
        facts.recorded += own.clone().map(|gain| gain.cost).sum();
        Ok(Self {
            connection,
            prices,
            session,
            facts,
            gained: own.map(|gain| &gain.answer).collect(),
            known,
            stored_unwritten,
            now,
        })
    }

    pub(super) fn hear(&self, drawn: &Drawn) -> rusqlite::Result<HeardNow> {
        let newest = match drawn.process {
            None if !self.known.is_empty() => {
                transcript_files::greatest_up_to(self.connection, self.session, drawn.total)?
            }
            _ => None,
        };
        let known = self.same_process(drawn, newest);
        let (mut row, mut before_draws) = match known {
            Some(known) => (self.go_on(known, drawn)?, self.facts.before_draws),
            None => self.begin(drawn)?,
        };
        if drawn.process.is_none() {
            let own = newest.map(|(total, _)| total);
            self.keep_to_what_is_sure(drawn, known, own, &mut row, &mut before_draws)?;
        }
        Ok(HeardNow {
            row,
            before_draws,
            is_news: known != Some(&row),
            replaces: known.map(|known| known.process),
        })
    }

    /// Of what processes drew, that of the one which draws now. None if it is new. `newest`: the greatest
    /// total in the session's files that it may have started from, and how long processes had lived then.
    fn same_process(&self, drawn: &Drawn, newest: Option<(Money, i64)>) -> Option<&ProcessTotal> {
        let is_same = |row: &&ProcessTotal| drawn.process == Some(row.process);
        if let Some(known) = self.known.iter().find(is_same) {
            return Some(known);
        }
        let may_be = |row: &&ProcessTotal| drawn.process.is_none() || !row.is_known();
        let rows = self.known.iter().filter(may_be);
        let is_again = |row: &&ProcessTotal| (row.total, row.run_ms) == (drawn.total, drawn.run_ms);
        if let Some(again) = rows.clone().rfind(is_again) {
            return Some(again);
        }
        let is_written = newest.is_some_and(|(newest, _)| newest.is_near(drawn.total));
        // Who starts tells what stands in the file: of those before, only one that told this may be it.
        let could_be = |row: &&ProcessTotal| {
            drawn.total.is_near(row.total) || !is_written && drawn.total > row.total
        };
        let could_be = rows.clone().filter(could_be);
        let Some(run_ms) = drawn.run_ms else {
            return could_be.rev().find(|row| row.run_ms.is_none());
        };
        let began = self.now - run_ms;
        let goes_on = could_be
            .filter(|row| row.run_ms.is_some_and(|known| known <= run_ms))
            .min_by_key(|row| {
                row.began
                    .map(|known| (known - began).abs())
                    .into_iter()
                    .min()
            });
        // Who seems to have begun before another drew last may be that one, and late.
        let born = began + newest.map_or(0, |(_, run_ms)| run_ms);
        let is_late = |row: &&ProcessTotal| {
            drawn.process.is_none() && !is_written && !row.is_known() && born <= row.at
        };
        goes_on.or_else(|| rows.rev().find(is_late))
    }

    /// Who draws is not known, and any draw may be late: all that is sure is that the session has
    /// spent what was known before, and what this draw alone says beyond all answers. `own` is the
    /// greatest written total of the session that it may have started from.
    fn keep_to_what_is_sure(
        &self,
        drawn: &Drawn,
        known: Option<&ProcessTotal>,
        own: Option<Money>,
        row: &mut ProcessTotal,
        before_draws: &mut Money,
    ) -> rusqlite::Result<()> {
        let Some(last) = self.known.last() else {
            return Ok(());
        };
        // Answers that came since are in nothing that was told, save those that runs cover by now.
        let told_until = self.facts.until.map_or(last.at, |until| until.max(last.at));
        let newer = self.answers_since(told_until + 1)?;
        let newest = newer
            .iter()
            .map(|answer| answer.at)
            .max()
            .unwrap_or(last.at);
        let newer: Money = newer.iter().map(|answer| answer.cost).sum();
        let facts = |before_draws| SessionFacts {
            before_draws,
            ..self.facts
        };
        let told = facts(self.facts.before_draws + newer).unwritten(&self.known);
        let of_parent = match self.facts.parent {
            Some(parent) => transcript_files::greatest_up_to(self.connection, parent, drawn.total)?,
            None => None,
        };
        let written = own.max(of_parent.map(|(total, _)| total));
        let written = written.unwrap_or_default();
        // Beyond what stands in files, or beyond what it seems to have started from, whichever is less.
        let alone = |from, before_draws| {
            let left = self.prices.scale_client_amount(drawn.total - from);
            let left = row.at_rate(left);
            facts(before_draws).unwritten(&[ProcessTotal { left, ..*row }])
        };
        let started_from = written.max(drawn.total - row.grown);
        let beyond = alone(written, Money::ZERO).min(alone(started_from, *before_draws));
        let most = told.max(beyond);
        let others = self.known.iter().filter(|other| Some(*other) != known);
        let rows: Vec<ProcessTotal> = others.chain([&*row]).copied().collect();
        let now = facts(*before_draws).unwritten(&rows);
        let change = now.clamp(told, most) - now;
        // Answers that it does not count are another's, as those before any draw are.
        let loose = (self.facts.loose() - *before_draws).or_zero();
        let of_others = change.or_zero().min(loose);
        *before_draws += of_others;
        row.grown += change - of_others;
        row.left += change - of_others;
        if change.pico().abs() > NOISE.pico() {
            row.is_unclear = true;
            row.at = newest.max(row.at).max(self.now);
        }
        Ok(())
    }

    /// What a process draws that was heard of before.
    fn go_on(&self, known: &ProcessTotal, drawn: &Drawn) -> rusqlite::Result<ProcessTotal> {
        let more = drawn.total - known.total;
        // A draw that comes after its process wrote its total, and has ended, says nothing new.
        let is_anybody = !known.is_known();
        let mut row = *known;
        if let Some(run_ms) = drawn.run_ms {
            let [first, last] = known.began;
            let began = self.now - run_ms;
            row.began = [first.min(began), last.max(began)];
        }
        if more <= Money::ZERO || self.is_written(drawn)? {
            // Where it is not known whose it is, it may be another's: then less is known.
            return Ok(if is_anybody { row } else { *known });
        }
        let answers = self.answers_since(known.at + 1)?;
        let shown: Money = answers.iter().map(|row| row.cost).sum();
        row.process = drawn.process.unwrap_or(known.process);
        row.total = drawn.total;
        row.at = self.now.max(known.at);
        if is_anybody {
            // Whatever the clock shows, it is not older than the answers that it counts.
            row.at = answers.iter().fold(row.at, |at, answer| at.max(answer.at));
        }
        row.run_ms = drawn.run_ms;
        let scaled = self.prices.scale_client_amount(more);
        // What a file counts by now is not left; who wrote it may be this one.
        let newest = if is_anybody {
            transcript_files::greatest_up_to(self.connection, self.session, drawn.total)?
        } else {
            None
        };
        let counted = newest.map_or(known.total, |(total, _)| total.max(known.total));
        let beyond = self.prices.scale_client_amount(drawn.total - counted);
        if shown.is_near(scaled) {
            row.rate = SAME_PRICES;
        } else if shown > Money::ZERO && self.costs_at_other_prices(&answers, more) {
            row.rate = shown.ratio(scaled, SAME_PRICES);
            row.grown += shown;
            row.left += shown.min(row.at_rate(beyond));
            return Ok(row);
        }
        row.grown += row.at_rate(scaled);
        row.left += row.at_rate(beyond);
        Ok(row)
    }

    fn is_written(&self, drawn: &Drawn) -> rusqlite::Result<bool> {
        transcript_files::is_surpassed(self.connection, self.session, drawn.total, drawn.run_ms)
    }

    /// What a process draws that was not heard of before. Mostly this is before its first answer.
    /// With it goes what of the session's answers came before any draw.
    fn begin(&self, drawn: &Drawn) -> rusqlite::Result<(ProcessTotal, Money)> {
        // Answers before were those of whoever drew then.
        let drawn_until = self.known.last().map_or(Millis::MIN, |last| last.at + 1);
        let began = self.now - drawn.run_ms.unwrap_or(0);
        let answers = self.answers_since(drawn_until)?;
        let all: Money = answers.iter().map(|row| row.cost).sum();
        // It may be late: what it draws is then older than its answers that stand there already. Of
        // one that does not say for how long it has lived, no answer is known to be older.
        let is_older = |row: &&Answer| drawn.run_ms.is_some() && row.at < began - VERY_LATE_MS;
        let older: Money = answers.iter().filter(is_older).map(|row| row.cost).sum();
        let is_loose = |row: &&Answer| self.facts.until < Some(row.at);
        let loose: Money = answers.iter().filter(is_loose).map(|row| row.cost).sum();
        let (before_draws, in_runs) = if self.known.is_empty() {
            (Money::ZERO, self.facts.in_runs)
        } else {
            (self.facts.before_draws, all - loose)
        };
        let own = all - older.max(in_runs);
        let mut grown = (drawn.total - self.base(drawn, own)?).or_zero();
        // Answers in no run that it does not count are another's, or it is late: as long as nobody
        // knows which, they count once, and there may be more.
        let is_uncounted = loose.min(own) > grown + NOISE;
        // Where no more is drawn than the session is known to have spent, nothing else is known of it.
        let spent = self.facts.recorded + self.facts.unrecorded + self.facts.unwritten(&self.known);
        if drawn.total <= spent + NOISE {
            grown = grown.min(own.or_zero());
        }
        let older = (older - in_runs).or_zero();
        // However late it comes, what it counts beyond its own answers may be older ones.
        let counted = older.min((grown - own.or_zero()).or_zero());
        let before_draws = before_draws + older - counted;
        let is_unclear = drawn.run_ms.is_some() && (is_uncounted || counted > NOISE);
        let grown = self.prices.scale_client_amount(grown);
        let row = ProcessTotal {
            process: drawn.process.unwrap_or(-self.now),
            total: drawn.total,
            grown,
            left: grown,
            rate: SAME_PRICES,
            at: self.now,
            run_ms: drawn.run_ms,
            began: [began, began],
            model: None,
            is_unclear,
        };
        Ok((row, before_draws))
    }

    /// The total that a process started from, if the session's answers since then cost `own`.
    fn base(&self, drawn: &Drawn, own: Money) -> rusqlite::Result<Money> {
        // Clients before 2.1.285 go on from what the one before drew; no transcript has it.
        if self.known.iter().any(|row| row.total.is_near(drawn.total)) {
            return Ok(drawn.total);
        }
        let newest = |session, most| {
            let newest = transcript_files::greatest_up_to(self.connection, session, most);
            newest.map(|newest| newest.map(|(total, _)| total))
        };
        if let Some(total) = newest(self.session, drawn.total)? {
            return Ok(total);
        }
        if let Some(parent) = self.facts.parent {
            // What its file says to the last digit was drawn before this one's own answers, however late.
            let same = newest(parent, drawn.total)?.filter(|total| total.is_near(drawn.total));
            if same.is_some() {
                return Ok(drawn.total);
            }
            if let Some(total) = newest(parent, drawn.total - own)? {
                return Ok(total);
            }
        }
        // A fork has no file before its first answer.
        let is_taken_over =
            own == Money::ZERO && transcript_files::is_known_total(self.connection, drawn.total)?;
        Ok(if is_taken_over {
            drawn.total
        } else {
            Money::ZERO
        })
    }

    /// Whether some model's prices, or old ones, explain what a client drew for these answers.
    fn costs_at_other_prices(&self, answers: &[Answer], drawn: Money) -> bool {
        let mut guesses = self.prices.guesses_of_any_client();
        guesses.any(|guess| {
            // Clients before 2.1.240 charge all cache writes as if they lived five minutes.
            [false, true].into_iter().any(|has_one_lifetime| {
                let price = |row: &Answer| {
                    let mut usage = row.usage;
                    if has_one_lifetime {
                        usage.cache_write_1h = 0;
                    }
                    guess.price(row.at, &usage, row.service, &row.calls)
                };
                drawn.is_near(answers.iter().map(price).sum())
            })
        })
    }

    /// The session's answers from a moment on, written or not.
    fn answers_since(&self, since: Millis) -> rusqlite::Result<Vec<Answer>> {
        let known = answers::since(self.connection, self.session, since)?.into_iter();
        let gained = self.gained.iter().filter(|answer| answer.at >= since);
        let all = known.chain(gained.map(|answer| (*answer).clone()));
        let all: BTreeMap<i64, Answer> = all.map(|answer| (answer.key, answer)).collect();
        Ok(all.into_values().collect())
    }
}

/// Something drawn, with its session and its moment. While another process holds the ledger, the
/// journal keeps it for whoever holds the ledger next.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Draw {
    pub(super) session: String,
    pub(super) at: Millis,
    pub(super) drawn: Drawn,
}

impl JournalRecord for Draw {
    const KIND: &'static str = "drawn";
}

impl Draw {
    /// Leaves it in the journal for whoever holds the ledger next.
    pub(super) fn put_off(&self, places: &Places) {
        if let Some(at) = DateTime::from_timestamp_millis(self.at) {
            let _ = journal::add(places, at, self);
        }
    }

    /// Keeps it. `gained`: answers that are not written.
    pub(super) fn put(
        &self,
        connection: &Connection,
        prices: &PriceTable,
        gained: &[Gain],
    ) -> rusqlite::Result<()> {
        let session = id_of(self.session.as_bytes());
        let listener = Listener::new(connection, prices, session, gained, self.at)?;
        let heard = listener.hear(&self.drawn)?;
        if !heard.is_news {
            return Ok(());
        }
        put_session(connection, &self.session, None)?;
        let model = self.drawn.model.as_deref().unwrap_or_default();
        let row = ProcessTotal {
            model: Some(put_model(connection, &prices.canonical(model))?),
            ..heard.row
        };
        processes::put(
            connection,
            session,
            heard.replaces,
            &row,
            heard.before_draws,
        )?;
        processes::renew_unwritten(connection, session)
    }
}

/// Until where the journal was searched for draws.
const SEARCHED: &str = "journal searched";

/// What holds no draw is searched again until it is as long as this, in bytes.
const WORTH_NOTING: i64 = 16 * 1024;

impl Ledger {
    /// Keeps what was drawn while another process held the ledger. Only after everything was read:
    /// what a process started from stands in files.
    pub(super) fn take_up(&mut self, prices: &PriceTable) -> Result<(), LedgerError> {
        let data = self.data().to_owned();
        let added = |connection: &Connection| {
            let searched = noted(connection, SEARCHED)?.unwrap_or(0);
            let (draws, place) = journal::added::<Draw>(&data, searched);
            Ok((draws, place, place - searched))
        };
        let (draws, _, length) = added(&self.connection).map_err(self.failed())?;
        if draws.is_empty() && length < WORTH_NOTING {
            return Ok(());
        }
        self.write(|connection| {
            let (draws, place, _) = added(connection)?;
            for draw in draws {
                draw.put(connection, prices, &[])?;
            }
            note(connection, SEARCHED, place)
        })
    }
}
