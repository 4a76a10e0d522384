//! What Claude Code hands the status line its own total, and what that says beyond the files.

use std::collections::BTreeMap;
use std::ops::RangeBounds;

use chrono::DateTime;
use rusqlite::Result;
use serde::{Deserialize, Serialize};

use super::answers::AnswerCosts;
use super::facts::{Answer, Id, id_of};
use super::store::processes::{ProcessTotal, SAME_PRICES, SessionFacts, VERY_LATE_MS};
use super::store::{Ledger, LedgerError, Store};
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

/// What is known of a session with what was drawn now, which is the last of its processes.
#[derive(Debug)]
pub(super) struct HeardNow {
    pub(super) facts: SessionFacts,
    pub(super) is_news: bool,
    /// The process of which this is more.
    replaces: Option<i64>,
}

/// Something that is drawn of a session, and everything that is known of it.
struct Listener<'l> {
    store: &'l Store,
    prices: &'l PriceTable,
    session: Id,
    drawn: &'l Drawn,
    now: Millis,
    /// With its answers that are not written yet, which are among these.
    facts: &'l SessionFacts,
    gains: &'l [Gain],
}

impl Listener<'_> {
    fn hear(&self) -> Result<HeardNow> {
        let known = self.same_process()?;
        let mut facts = self.facts.clone();
        let mut row = match known {
            Some(known) => self.go_on(known)?,
            None => self.begin(&mut facts.before_draws)?,
        };
        let replaces = known.map(|known| known.process);
        let others = &mut facts.processes;
        others.retain(|other| Some(other.process) != replaces);
        if self.drawn.process.is_none() {
            self.keep_to_what_is_sure(&mut row, &mut facts)?;
        }
        facts.processes.push(row);
        Ok(HeardNow {
            facts,
            is_news: known != Some(&row),
            replaces,
        })
    }

    /// Of what processes drew, that of the one which draws now. None if it is new.
    fn same_process(&self) -> Result<Option<&ProcessTotal>> {
        let (drawn, known) = (self.drawn, self.facts.processes.iter());
        let same = known.clone().find(|row| drawn.process == Some(row.process));
        if same.is_some() || self.facts.processes.is_empty() {
            return Ok(same);
        }
        let is_anybody = drawn.process.is_none();
        let rows = known.filter(|row| is_anybody || !row.is_known());
        let is_again = |row: &&ProcessTotal| (row.total, row.run_ms) == (drawn.total, drawn.run_ms);
        let again = rows.clone().rfind(is_again);
        if again.is_some() {
            return Ok(again);
        }
        // What it may have started from, and how long processes had lived then.
        let newest = is_anybody.then(|| self.store.total_up_to(self.session, drawn.total));
        let newest = newest.transpose()?.flatten();
        let is_written = newest.is_some_and(|(newest, _)| newest.is_near(drawn.total));
        // Who starts tells what stands in the file: of those before, only one that told this may be it.
        let could_be = |row: &&ProcessTotal| {
            drawn.total.is_near(row.total) || !is_written && drawn.total > row.total
        };
        let mut could_be = rows.clone().filter(could_be);
        let Some(run_ms) = drawn.run_ms else {
            return Ok(could_be.rfind(|row| row.run_ms.is_none()));
        };
        let began = self.now - run_ms;
        let goes_on = could_be.filter(|row| row.run_ms.is_some_and(|known| known <= run_ms));
        let goes_on =
            goes_on.min_by_key(|row| row.began.map(|at| (at - began).abs()).into_iter().min());
        // Who seems to have begun before another drew last may be that one, and late.
        let born = began + newest.map_or(0, |(_, run_ms)| run_ms);
        let is_late = is_anybody && !is_written;
        let mut late = rows.filter(|row| is_late && !row.is_known() && born <= row.at);
        Ok(goes_on.or_else(|| late.next_back()))
    }

    /// Who draws is not known, and any draw may be late: all that is sure is that the session has
    /// spent what was known before, and what this draw alone says beyond all answers. `others`: what is
    /// known with the other processes.
    fn keep_to_what_is_sure(
        &self,
        row: &mut ProcessTotal,
        others: &mut SessionFacts,
    ) -> Result<()> {
        let (known, drawn) = (self.facts, self.drawn);
        let Some(last) = known.processes.last() else {
            return Ok(());
        };
        // Answers that came since are in nothing that was told, save those that runs cover by now.
        let told_until = known.until.map_or(last.at, |until| until.max(last.at));
        let newer = self.costs_since(told_until + 1)?;
        let before_draws = known.before_draws + cost_in(&newer, ..);
        let told = known.unwritten_of(known.left(), before_draws);
        let newest_of = |session| self.newest_of(session, drawn.total);
        let of_parent = known.parent.map(newest_of).transpose()?.flatten();
        let written = newest_of(self.session)?.max(of_parent).unwrap_or_default();
        // Beyond what stands in files, or beyond what it seems to have started from, whichever is less.
        let alone = |from, before_draws| {
            let beyond = self.prices.scale_client_amount(drawn.total - from);
            known.unwritten_of(row.at_rate(beyond), before_draws)
        };
        let started_from = written.max(drawn.total - row.grown);
        let beyond = alone(written, Money::ZERO).min(alone(started_from, others.before_draws));
        let now = known.unwritten_of(others.left() + row.left, others.before_draws);
        let change = now.clamp(told, told.max(beyond)) - now;
        // Answers that it does not count are another's, as those before any draw are.
        let loose = (known.loose() - others.before_draws).or_zero();
        let of_others = change.or_zero().min(loose);
        others.before_draws += of_others;
        row.grown += change - of_others;
        row.left += change - of_others;
        if change.pico().abs() > NOISE.pico() {
            let newest = newer.iter().map(|(at, _)| *at).max();
            row.is_unclear = true;
            row.at = newest.unwrap_or(last.at).max(row.at).max(self.now);
        }
        Ok(())
    }

    /// What a process draws that was heard of before.
    fn go_on(&self, known: &ProcessTotal) -> Result<ProcessTotal> {
        let (store, drawn) = (self.store, self.drawn);
        let more = drawn.total - known.total;
        let is_anybody = !known.is_known();
        let mut row = *known;
        if let Some(run_ms) = drawn.run_ms {
            let [first, last] = known.began;
            let began = self.now - run_ms;
            row.began = [first.min(began), last.max(began)];
        }
        // A draw that comes after its process wrote its total, and has ended, says nothing new.
        if more <= Money::ZERO || store.is_surpassed(self.session, drawn.total, drawn.run_ms)? {
            // Where it is not known whose it is, it may be another's: then less is known.
            return Ok(if is_anybody { row } else { *known });
        }
        let answers = self.costs_since(known.at + 1)?;
        let shown = cost_in(&answers, ..);
        row.process = drawn.process.unwrap_or(known.process);
        row.total = drawn.total;
        row.run_ms = drawn.run_ms;
        row.at = self.now.max(known.at);
        let newest = self.newest_of(self.session, drawn.total)?;
        // Who comes back to a session that others went on with starts from what stands in its file.
        if newest.is_some_and(|newest| newest.is_near(drawn.total)) {
            return Ok(row);
        }
        let mut counted = known.total;
        if is_anybody {
            // Whatever the clock shows, it is not older than the answers that it counts.
            row.at = answers.iter().fold(row.at, |at, (came, _)| at.max(*came));
            // What a file counts by now is not left; who wrote it may be this one.
            counted = newest.map_or(counted, |total| total.max(counted));
        }
        let scaled = self.prices.scale_client_amount(more);
        let beyond = self.prices.scale_client_amount(drawn.total - counted);
        let is_near = shown.is_near(scaled);
        if !is_near && shown > Money::ZERO && self.costs_at_other_prices(known.at + 1, more)? {
            row.rate = shown.ratio(scaled, SAME_PRICES);
            row.grown += shown;
            row.left += shown.min(row.at_rate(beyond));
            return Ok(row);
        }
        if is_near {
            row.rate = SAME_PRICES;
        }
        row.grown += row.at_rate(scaled);
        row.left += row.at_rate(beyond);
        Ok(row)
    }

    /// What a process draws that was not heard of before. Mostly this is before its first answer.
    /// Answers of the session that came before any draw are added to `before_draws`.
    fn begin(&self, before_draws: &mut Money) -> Result<ProcessTotal> {
        let (drawn, facts) = (self.drawn, self.facts);
        let last = facts.processes.last();
        // Answers before were those of whoever drew then.
        let answers = self.costs_since(last.map_or(Millis::MIN, |last| last.at + 1))?;
        let all = cost_in(&answers, ..);
        // It may be late: what it draws is then older than its answers that stand there already. Of
        // one that does not say for how long it has lived, no answer is known to be older.
        let began = self.now - drawn.run_ms.unwrap_or(0);
        let old_until = drawn.run_ms.map_or(Millis::MIN, |_| began - VERY_LATE_MS);
        let older = cost_in(&answers, ..old_until);
        let loose_since = facts.until.map_or(Millis::MIN, |until| until + 1);
        let loose = cost_in(&answers, loose_since..);
        let in_runs = last.map_or(facts.in_runs, |_| all - loose);
        let own = all - older.max(in_runs);
        let mut grown = (drawn.total - self.base(own)?).or_zero();
        // Answers in no run that it does not count are another's, or it is late: as long as nobody
        // knows which, they count once, and there may be more.
        let is_uncounted = loose.min(own) > grown + NOISE;
        // Where no more is drawn than the session is known to have spent, nothing else is known of it.
        if drawn.total <= facts.recorded + facts.unrecorded + facts.unwritten() + NOISE {
            grown = grown.min(own.or_zero());
        }
        let older = (older - in_runs).or_zero();
        // However late it comes, what it counts beyond its own answers may be older ones.
        let counted = older.min((grown - own.or_zero()).or_zero());
        *before_draws = last.map_or(Money::ZERO, |_| *before_draws) + older - counted;
        let grown = self.prices.scale_client_amount(grown);
        Ok(ProcessTotal {
            process: drawn.process.unwrap_or(-self.now),
            total: drawn.total,
            grown,
            left: grown,
            rate: SAME_PRICES,
            at: self.now,
            run_ms: drawn.run_ms,
            began: [began, began],
            model: None,
            is_unclear: drawn.run_ms.is_some() && (is_uncounted || counted > NOISE),
        })
    }

    /// The total that a process started from, if the session's answers since then cost `own`.
    fn base(&self, own: Money) -> Result<Money> {
        let total = self.drawn.total;
        // Clients before 2.1.285 go on from what the one before drew; no transcript has it.
        let mut known = self.facts.processes.iter();
        if known.any(|row| row.total.is_near(total)) {
            return Ok(total);
        }
        if let Some(newest) = self.newest_of(self.session, total)? {
            return Ok(newest);
        }
        if let Some(parent) = self.facts.parent {
            // What its file says to the last digit was drawn before this one's own answers, however late.
            let newest = self.newest_of(parent, total)?;
            if newest.is_some_and(|newest| newest.is_near(total)) {
                return Ok(total);
            }
            if let Some(newest) = self.newest_of(parent, total - own)? {
                return Ok(newest);
            }
        }
        // A fork has no file before its first answer.
        let is_taken_over = own == Money::ZERO && self.store.is_known_total(total)?;
        Ok(if is_taken_over { total } else { Money::ZERO })
    }

    /// The greatest total in a session's files that is no greater than this.
    fn newest_of(&self, session: Id, most: Money) -> Result<Option<Money>> {
        let newest = self.store.total_up_to(session, most)?;
        Ok(newest.map(|(total, _)| total))
    }

    /// Whether some model's prices, or old ones, explain what a client drew for the answers from a moment on.
    fn costs_at_other_prices(&self, since: Millis, drawn: Money) -> Result<bool> {
        let known = self.store.answers_since(self.session, since)?;
        let new = gained(self.gains, self.session, since).map(|gain| gain.answer.clone());
        let all = known.into_iter().chain(new);
        let answers: BTreeMap<i64, Answer> = all.map(|answer| (answer.key, answer)).collect();
        let mut guesses = self.prices.guesses_of_any_client();
        Ok(guesses.any(|guess| {
            // Clients before 2.1.240 charge all cache writes as if they lived five minutes.
            [false, true].into_iter().any(|has_one_lifetime| {
                let price = |row: &Answer| {
                    let mut usage = row.usage;
                    if has_one_lifetime {
                        usage.cache_write_1h = 0;
                    }
                    guess.price(row.at, &usage, row.service, &row.calls)
                };
                drawn.is_near(answers.values().map(price).sum())
            })
        }))
    }

    /// When each of the session's answers from a moment on came, written or not, and what it cost.
    fn costs_since(&self, since: Millis) -> Result<AnswerCosts> {
        let mut costs = self.store.costs_since(self.session, since)?;
        let new = gained(self.gains, self.session, since);
        costs.extend(new.map(|gain| (gain.answer.at, gain.cost)));
        Ok(costs)
    }
}

/// What was gained of a session's answers from a moment on.
pub(super) fn gained(gains: &[Gain], session: Id, since: Millis) -> impl Iterator<Item = &Gain> {
    let own = move |it: &&Gain| it.answer.session == session && it.answer.at >= since;
    gains.iter().filter(own)
}

/// What came at these times cost.
fn cost_in(answers: &AnswerCosts, times: impl RangeBounds<Millis>) -> Money {
    let meant = answers.iter().filter(|(at, _)| times.contains(at));
    meant.map(|(_, cost)| *cost).sum()
}

/// What is known of a session with its answers that are not written yet.
pub(super) fn with_gains(facts: SessionFacts, session: Id, gains: &[Gain]) -> SessionFacts {
    let own = gained(gains, session, Millis::MIN);
    let recorded = facts.recorded + own.map(|gain| gain.cost).sum();
    SessionFacts { recorded, ..facts }
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

    /// What is known with it of a session of which so much is known. `gains`: answers that are not
    /// written.
    pub(super) fn hear(
        &self,
        store: &Store,
        prices: &PriceTable,
        facts: &SessionFacts,
        gains: &[Gain],
    ) -> Result<HeardNow> {
        let listener = Listener {
            store,
            prices,
            session: id_of(self.session.as_bytes()),
            drawn: &self.drawn,
            now: self.at,
            facts,
            gains,
        };
        listener.hear()
    }

    /// Keeps it.
    pub(super) fn put(&self, store: &Store, prices: &PriceTable, gains: &[Gain]) -> Result<()> {
        let session = id_of(self.session.as_bytes());
        let facts = with_gains(store.facts(session)?, session, gains);
        let heard = self.hear(store, prices, &facts, gains)?;
        if let Some(row) = heard.facts.processes.last()
            && heard.is_news
        {
            store.put_session(&self.session, None)?;
            let model = self.drawn.model.as_deref().unwrap_or_default();
            let model = Some(store.put_model(&prices.canonical(model))?);
            let row = ProcessTotal { model, ..*row };
            store.put_process(session, heard.replaces, &row, heard.facts.before_draws)?;
        }
        Ok(())
    }
}

/// Until where the journal was searched for draws: under this and a month's number, how many bytes of its
/// file. For a clock may run ahead into a later month, and back.
const SEARCHED: &str = "journal searched";

/// What holds no draw is searched again until it is as long as this, in bytes.
const WORTH_NOTING: i64 = 16 * 1024;

impl Ledger {
    /// Keeps what was drawn while another process held the ledger. Only after everything was read:
    /// what a process started from stands in files.
    pub(super) fn take_up(&self, prices: &PriceTable) -> Result<(), LedgerError> {
        // This month is among these, also where a clock ran ahead into some that are to come.
        let months: Vec<_> = journal::files(self.data()).take(6).collect();
        for (month, file) in months.iter().rev() {
            let name = format!("{SEARCHED} {month}");
            let noted = self.ask(|store| store.noted(&name))?;
            let (draws, end) = journal::added::<Draw>(file, noted.unwrap_or_default());
            if !draws.is_empty() || noted.is_none_or(|noted| end - noted >= WORTH_NOTING) {
                self.write(|store| {
                    // Another process may have taken them up.
                    let noted = store.noted(&name)?.unwrap_or_default();
                    let (draws, end) = journal::added::<Draw>(file, noted);
                    for draw in draws {
                        draw.put(store, prices, &[])?;
                    }
                    store.note(&name, end)
                })?;
            }
        }
        Ok(())
    }
}
