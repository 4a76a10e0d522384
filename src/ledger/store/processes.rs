//! What Claude Code handed the status line and no file has: a compaction until its process ends, and
//! for ever if the process was killed.
//!
//! A process is who it is: the client above us, by its id and the moment it began. Where that
//! cannot be had, a draw of no smaller total and duration is of the process that drew last, however
//! late it comes: nothing is then counted twice. What processes grew by beyond the answers in the
//! files is unwritten:
//!
//!   what runs grew by beyond their answers + growth drawn that no run covers − answers that no run covers
//!
//! save those answers (`session.before_draws`) that were there before anything was drawn.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rusqlite::{Result, params};

use super::Store;
use crate::ledger::derivation::{Run, SessionLife};
use crate::ledger::facts::Id;
use crate::pricing::{Money, NOISE, PriceTable};
use crate::time::{Millis, QUARTER, WEEK};

/// Times of one process differ by less, where nothing is late.
const SAME_PROCESS_MS: i64 = 500;
/// By how much a status line may come too late where all draws of a process agree, and where they do
/// not.
const LATE_MS: i64 = 2_000;
pub(crate) const VERY_LATE_MS: i64 = 60_000;

/// What one process drew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessTotal {
    /// The client above us: a hash, above 0, of its id and the moment it began. Of nobody that is known,
    /// the moment when it was heard of first, negative.
    pub(crate) process: i64,
    /// Its total as it was drawn last.
    pub(crate) total: Money,
    /// By how much it grew since the process started, at our prices.
    pub(crate) grown: Money,
    /// What of it no run in a file covers.
    pub(crate) left: Money,
    /// What the client's amounts are worth at our prices, in millionths: not the same where it
    /// knows the model at another price, or not at all.
    pub(crate) rate: i64,
    /// When that was, and for how long it had lived then, if it says.
    pub(crate) at: Millis,
    pub(crate) run_ms: Option<i64>,
    /// The moments of draws less their durations, the first and the last of them: about when
    /// the process began, less what those before it in its chain had lived. Without a duration, when
    /// it was heard of first.
    pub(crate) began: [Millis; 2],
    pub(crate) model: Option<Id>,
    /// Whether there may be more: others may have drawn, of whom nothing tells this one.
    pub(crate) is_unclear: bool,
}

/// Where the client's prices are ours.
pub(crate) const SAME_PRICES: i64 = 1_000_000;

impl ProcessTotal {
    /// Whether it is known who draws it.
    pub(crate) fn is_known(&self) -> bool {
        self.process > 0
    }

    /// How long after a run began that stands in a file this process seems to have begun, in
    /// milliseconds. None if the run cannot be its. It may have begun earlier: a draw may come late,
    /// by any time, and none comes early.
    fn distance(&self, run: &Run) -> Option<i64> {
        let has_ended = run.total + NOISE >= self.total;
        let Some(run_ms) = self.run_ms else {
            let is_within = run.begin <= self.began[0] && self.at >= run.begin;
            return (is_within && has_ended).then_some(0);
        };
        // What it grew by beyond its answers, nobody counts.
        if run.has_lost_base() {
            return None;
        }
        if self.ends_with(run) {
            return Some(0);
        }
        if has_ended && run.lived_ms + SAME_PROCESS_MS < run_ms {
            return None;
        }
        let (from, until) = run.chain_began;
        let [first, last] = self.began;
        let late = until.map_or(0, |until| (first - until).max(0));
        (from <= last + SAME_PROCESS_MS).then_some(late)
    }

    /// Whether it grew to exactly what the run wrote; whoever goes on from there starts with that.
    fn ends_with(&self, run: &Run) -> bool {
        run.total.is_near(self.total) && self.grown > Money::ZERO
    }

    /// What an amount that this process drew is worth.
    pub(crate) fn at_rate(&self, amount: Money) -> Money {
        let [rate, same] = [self.rate, SAME_PRICES].map(|rate| rate.unsigned_abs().into());
        amount.share(rate, same)
    }
}

/// Works out what of the processes' growth no run covers. A run is of one process, and of whatever
/// cannot be told apart from it: where that is not known, it is taken off from all whose it may be,
/// and there may be more.
fn take_off_runs(rows: &mut [ProcessTotal], runs: &[Run], prices: &PriceTable) {
    for row in &mut *rows {
        row.left = row.grown;
    }
    let is_alone = rows.len() == 1;
    let mut covered: Vec<i64> = Vec::new();
    // Whoever began last is known best by that: of the others, the earlier ones may be late.
    let mut latest_first: Vec<&Run> = runs.iter().collect();
    latest_first.sort_by_key(|run| Reverse(run.chain_began.0));
    for run in latest_first {
        let fitting = rows.iter();
        let fitting = fitting.filter_map(|row| Some((row.distance(run)?, row)));
        let nearest = fitting.min_by_key(|(distance, row)| {
            let earliest = run.chain_began.0 - SAME_PROCESS_MS;
            let is_exact = *distance <= SAME_PROCESS_MS && row.began[0] >= earliest;
            let is_covered = covered.contains(&row.process);
            let (ends, last) = (row.ends_with(run), Reverse(row.at));
            (!ends, !is_exact, is_covered, *distance, last)
        });
        let Some((least, process)) = nearest.map(|(distance, row)| (distance, row.process)) else {
            continue;
        };
        let is_near = least <= LATE_MS;
        let fitting = rows.iter_mut();
        for (far, row) in fitting.filter_map(|row| Some((row.distance(run)?, row))) {
            let is_farther = process > 0 || far > least + SAME_PROCESS_MS;
            if row.is_known() && row.process != process && is_near && is_farther {
                continue;
            }
            let is_sure = row.process == process && is_near;
            let beyond = prices.scale_client_amount((row.total - run.total).or_zero());
            let left = row.left.min(row.at_rate(beyond));
            if !is_sure {
                row.is_unclear |= left < row.left;
            } else if run.total + NOISE >= row.total {
                covered.push(process);
                row.is_unclear &= !is_alone && !row.is_known();
            }
            row.left = left;
        }
    }
}

/// What is known of a session that figures of this moment need.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionFacts {
    pub(crate) recorded: Money,
    pub(crate) unrecorded: Money,
    pub(crate) unpriced: i64,
    pub(crate) in_runs: Money,
    pub(crate) beyond: Money,
    pub(crate) until: Option<Millis>,
    pub(crate) before_draws: Money,
    /// The session that it was forked from.
    pub(crate) parent: Option<Id>,
    /// Whether there may be more that is unrecorded.
    pub(crate) at_least: bool,
    /// What its processes drew that no file has, the latest last.
    pub(crate) processes: Vec<ProcessTotal>,
}

impl SessionFacts {
    /// Answers that no run covers.
    pub(crate) fn loose(&self) -> Money {
        self.recorded - self.in_runs
    }

    /// What of what was drawn no run covers.
    pub(crate) fn left(&self) -> Money {
        self.processes.iter().map(|row| row.left).sum()
    }

    /// Whether what was drawn may be less than what was spent.
    pub(crate) fn has_guess(&self) -> bool {
        self.processes.iter().any(|row| row.is_unclear)
    }

    /// What was drawn and is in no file. The `unwritten` table has the same, by quarters.
    pub(crate) fn unwritten(&self) -> Money {
        self.unwritten_of(self.left(), self.before_draws)
    }

    /// The same if the processes had left that, and so much was there before them.
    pub(crate) fn unwritten_of(&self, left: Money, before_draws: Money) -> Money {
        // Answers that no run seemed to cover may turn out to be in one.
        let loose_since = (self.loose() - before_draws).or_zero();
        let unwritten = self.beyond + left - loose_since - self.unrecorded;
        if left != Money::ZERO && unwritten > NOISE {
            unwritten
        } else {
            Money::ZERO
        }
    }
}

impl Store {
    /// The session's facts; all zero if the ledger does not know it.
    pub(crate) fn facts(&self, session: Id) -> Result<SessionFacts> {
        let query = "SELECT recorded, unrecorded, unpriced, in_runs, beyond, until, coalesce(before_draws, 0), parent, EXISTS (SELECT 1 FROM unrecorded WHERE session = id AND cost <= 0) FROM session WHERE id = ?";
        let known = self.first(query, [session], |row| {
            Ok(SessionFacts {
                recorded: row.get(0)?,
                unrecorded: row.get(1)?,
                unpriced: row.get(2)?,
                in_runs: row.get(3)?,
                beyond: row.get(4)?,
                until: row.get(5)?,
                before_draws: row.get(6)?,
                parent: row.get(7)?,
                at_least: row.get(8)?,
                processes: Vec::new(),
            })
        })?;
        let mut known = known.unwrap_or_default();
        // Sorted here: SQLite prepares a statement with another order than its key's twice.
        let query = "SELECT * FROM process WHERE session = ?";
        known.processes = self.all(query, [session], |row| {
            Ok(ProcessTotal {
                process: row.get(1)?,
                total: row.get(2)?,
                grown: row.get(3)?,
                left: row.get(4)?,
                rate: row.get(5)?,
                at: row.get(6)?,
                began: [row.get(7)?, row.get(8)?],
                run_ms: row.get(9)?,
                model: row.get(10)?,
                is_unclear: row.get(11)?,
            })
        })?;
        known.processes.sort_by_key(|row| (row.at, row.began));
        Ok(known)
    }

    /// Sessions of which something was drawn that no file has.
    pub(crate) fn drawn_sessions(&self) -> Result<Vec<Id>> {
        self.all("SELECT DISTINCT session FROM process", [], |row| row.get(0))
    }

    /// Notes what a process drew, with what follows. Who came and went days ago, and drew nothing that
    /// files do not have, is forgotten.
    pub(crate) fn put_process(
        &self,
        session: Id,
        replaced: Option<i64>,
        row: &ProcessTotal,
        before_draws: Money,
    ) -> Result<()> {
        // Who was nobody known may be somebody by now.
        if let Some(replaced) = replaced.filter(|replaced| *replaced != row.process) {
            let forget = "DELETE FROM process WHERE session = ? AND id = ?";
            self.run(forget, [session, replaced])?;
        }
        let forget =
            "DELETE FROM process WHERE session = ? AND unwritten = 0 AND NOT unclear AND at < ?";
        self.run(forget, [session, row.at - WEEK.num_milliseconds()])?;
        self.put_processes(session, [row].into_iter(), before_draws)
    }

    fn put_processes<'p>(
        &self,
        session: Id,
        rows: impl Iterator<Item = &'p ProcessTotal>,
        before_draws: Money,
    ) -> Result<()> {
        for row in rows {
            let (process, total, grown, left) = (row.process, row.total, row.grown, row.left);
            let ([began, late], run_ms) = (row.began, row.run_ms);
            let (rate, at, model, unclear) = (row.rate, row.at, row.model, row.is_unclear);
            let values = params![
                session, process, total, grown, left, rate, at, began, late, run_ms, model, unclear
            ];
            let put = "INSERT OR REPLACE INTO process VALUES (?,?,?,?,?,?,?,?,?,?,?,?)";
            self.run(put, values)?;
        }
        let put = "UPDATE session SET before_draws = ?2 WHERE id = ?1";
        self.run(put, (session, before_draws))?;
        self.renew_unwritten(session)
    }

    /// Works out what of what was drawn stands in the runs of a life by now, and brings what is unwritten in
    /// step with the rest. `known`: what was known before that life.
    pub(crate) fn settle_processes(
        &self,
        session: Id,
        known: &SessionFacts,
        life: &SessionLife,
        prices: &PriceTable,
    ) -> Result<()> {
        let mut facts = known.clone();
        facts.in_runs = life.in_runs;
        take_off_runs(&mut facts.processes, &life.runs, prices);
        // What runs cover and no process drew may be answers that were there before any draw.
        let covered = life.in_runs + life.beyond - known.in_runs - known.beyond;
        let undrawn = (covered - (known.left() - facts.left())).or_zero();
        let before_draws = (known.before_draws - undrawn).min(facts.loose());
        let rows = facts.processes.iter();
        let changed = rows.filter(|row| !known.processes.contains(row));
        self.put_processes(session, changed, before_draws.or_zero())
    }

    /// Brings what is stored as unwritten, by quarters of an hour, in step with what follows from the
    /// rest. More than before was spent when it was drawn last; what is less by now was spent last. A cost
    /// of 0 says that there may be some.
    pub(crate) fn renew_unwritten(&self, session: Id) -> Result<()> {
        let facts = self.facts(session)?;
        let (wanted, is_open) = (facts.unwritten(), facts.has_guess());
        let query = "SELECT quarter, model, cost FROM unwritten WHERE session = ?";
        let before: BTreeMap<(i64, Id), Money> = self.all(query, [session], |row| {
            Ok(((row.get(0)?, row.get(1)?), row.get(2)?))
        })?;
        let mut parts = before.clone();
        let stored: Money = parts.values().copied().sum();
        let more = (wanted - stored).or_zero();
        if let Some(last) = facts.processes.last()
            && (more > Money::ZERO || is_open && parts.is_empty())
        {
            let when = (last.at.div_euclid(QUARTER), last.model.unwrap_or(0));
            *parts.entry(when).or_default() += more;
        }
        let mut less = (stored - wanted).or_zero();
        for cost in parts.values_mut().rev() {
            let taken = less.min(*cost);
            *cost -= taken;
            less -= taken;
        }
        parts.retain(|_, cost| is_open || *cost > Money::ZERO);
        if parts != before {
            self.run("DELETE FROM unwritten WHERE session = ?", [session])?;
            for ((quarter, model), cost) in parts {
                let put = "INSERT INTO unwritten VALUES (?,?,?,?)";
                self.run(put, (session, quarter, model, cost))?;
            }
        }
        Ok(())
    }
}
