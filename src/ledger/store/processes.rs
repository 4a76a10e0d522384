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
use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, Row, params};

use super::sqlite::{all, first, run};
use crate::ledger::derivation::Run;
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

    /// Takes off what this run, which is its process', wrote.
    fn take_off(&mut self, run: &Run, prices: &PriceTable) {
        let beyond = prices.scale_client_amount((self.total - run.total).or_zero());
        self.left = self.left.min(self.at_rate(beyond));
    }

    /// What an amount that this process drew is worth.
    pub(crate) fn at_rate(&self, amount: Money) -> Money {
        amount.share(
            u128::from(self.rate.unsigned_abs()),
            SAME_PRICES.unsigned_abs().into(),
        )
    }
}

/// Works out what of the processes' growth no run covers. A run is of one process, and of whatever
/// cannot be told apart from it: where that is not known, it is taken off from all whose it may be,
/// and there may be more.
fn take_off_runs(rows: &mut [ProcessTotal], runs: &[Run], prices: &PriceTable) {
    for row in &mut *rows {
        row.left = row.grown;
    }
    let mut covered: Vec<i64> = Vec::new();
    // Whoever began last is known best by that: of the others, the earlier ones may be late.
    let mut latest_first: Vec<&Run> = runs.iter().collect();
    latest_first.sort_by_key(|run| Reverse(run.chain_began.0));
    for run in latest_first {
        let fitting = rows.iter();
        let fitting = fitting.filter_map(|row| Some((row.distance(run)?, row)));
        let nearest = fitting.min_by_key(|(distance, row)| {
            let is_exact =
                *distance <= SAME_PROCESS_MS && row.began[0] >= run.chain_began.0 - SAME_PROCESS_MS;
            let is_covered = covered.contains(&row.process);
            (
                !row.ends_with(run),
                !is_exact,
                is_covered,
                *distance,
                Reverse(row.at),
            )
        });
        let Some((least, process)) = nearest.map(|(distance, row)| (distance, row.process)) else {
            continue;
        };
        let farthest = if least <= LATE_MS {
            least + SAME_PROCESS_MS
        } else {
            Millis::MAX
        };
        let is_alone = rows.len() == 1;
        for row in &mut *rows {
            let Some(far) = row.distance(run) else {
                continue;
            };
            let is_out = if process > 0 && row.process != process {
                least <= LATE_MS
            } else {
                far > farthest
            };
            if row.is_known() && is_out {
                continue;
            }
            let before = row.left;
            row.take_off(run, prices);
            let is_sure = row.process == process && least <= LATE_MS;
            let is_whole = run.total + NOISE >= row.total;
            if is_sure && is_whole {
                covered.push(process);
            }
            if is_sure && is_whole && (is_alone || process > 0) {
                row.is_unclear = false;
            } else if !is_sure && row.left < before {
                row.is_unclear = true;
            }
        }
    }
}

/// Whether what these processes drew may be less than what was spent.
pub(crate) fn has_guess(rows: &[ProcessTotal]) -> bool {
    rows.iter().any(|row| row.is_unclear)
}

/// Sessions with such a process.
pub(crate) fn guessed(connection: &Connection) -> rusqlite::Result<HashSet<Id>> {
    let query = "SELECT session FROM process WHERE unclear";
    all(connection, query, [], |row| row.get(0))
}

/// What is known of a session that figures of this moment need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
}

impl SessionFacts {
    /// Answers that no run covers.
    pub(crate) fn loose(&self) -> Money {
        self.recorded - self.in_runs
    }

    /// What was drawn and is in no file. The `unwritten` table has the same, by quarters.
    pub(crate) fn unwritten(&self, processes: &[ProcessTotal]) -> Money {
        let left: Money = processes.iter().map(|row| row.left).sum();
        if left == Money::ZERO {
            return Money::ZERO;
        }
        // Answers that no run seemed to cover may turn out to be in one.
        let loose_since = (self.loose() - self.before_draws).or_zero();
        let all = self.beyond + left - loose_since;
        let unwritten = (all - self.unrecorded).or_zero();
        if unwritten > NOISE {
            unwritten
        } else {
            Money::ZERO
        }
    }
}

/// The session's facts; all zero if the ledger does not know it.
pub(crate) fn facts(connection: &Connection, session: Id) -> rusqlite::Result<SessionFacts> {
    let money = |row: &Row<'_>, column| row.get(column).map(Money::from_pico);
    let query = "SELECT recorded, unrecorded, unpriced, in_runs, beyond, until, coalesce(before_draws, 0), parent, EXISTS (SELECT 1 FROM unrecorded WHERE session = id AND cost <= 0) FROM session WHERE id = ?";
    let known = first(connection, query, [session], |row| {
        Ok(SessionFacts {
            recorded: money(row, 0)?,
            unrecorded: money(row, 1)?,
            unpriced: row.get(2)?,
            in_runs: money(row, 3)?,
            beyond: money(row, 4)?,
            until: row.get(5)?,
            before_draws: money(row, 6)?,
            parent: row.get(7)?,
            at_least: row.get(8)?,
        })
    });
    known.map(Option::unwrap_or_default)
}

/// Sessions of which something was drawn that no file has.
pub(crate) fn sessions(connection: &Connection) -> rusqlite::Result<Vec<Id>> {
    let query = "SELECT DISTINCT session FROM process";
    all(connection, query, [], |row| row.get(0))
}

/// What processes on a session drew that no file has, the latest last.
pub(crate) fn of_session(
    connection: &Connection,
    session: Id,
) -> rusqlite::Result<Vec<ProcessTotal>> {
    // Sorted here: SQLite prepares a statement with another order than its key's twice.
    let query = "SELECT * FROM process WHERE session = ?";
    let mut rows: Vec<ProcessTotal> = all(connection, query, [session], process_total)?;
    rows.sort_by_key(|row| (row.at, row.began));
    Ok(rows)
}

fn process_total(row: &Row<'_>) -> rusqlite::Result<ProcessTotal> {
    Ok(ProcessTotal {
        process: row.get(1)?,
        total: Money::from_pico(row.get(2)?),
        grown: Money::from_pico(row.get(3)?),
        left: Money::from_pico(row.get(4)?),
        rate: row.get(5)?,
        at: row.get(6)?,
        began: [row.get(7)?, row.get(8)?],
        run_ms: row.get(9)?,
        model: row.get(10)?,
        is_unclear: row.get(11)?,
    })
}

/// Notes what a process drew. `before_draws` is noted with the first. Who came and went days ago, and drew
/// nothing that files do not have, is forgotten.
pub(crate) fn put(
    connection: &Connection,
    session: Id,
    replaced: Option<i64>,
    row: &ProcessTotal,
    before_draws: Money,
) -> rusqlite::Result<()> {
    // Who was nobody known may be somebody by now.
    if let Some(replaced) = replaced.filter(|replaced| *replaced != row.process) {
        let forget = "DELETE FROM process WHERE session = ? AND id = ?";
        run(connection, forget, [session, replaced])?;
    }
    put_row(connection, session, row)?;
    let forget =
        "DELETE FROM process WHERE session = ? AND unwritten = 0 AND NOT unclear AND at < ?";
    run(
        connection,
        forget,
        [session, row.at - WEEK.num_milliseconds()],
    )?;
    put_before_draws(connection, session, before_draws)
}

fn put_row(connection: &Connection, session: Id, row: &ProcessTotal) -> rusqlite::Result<()> {
    let [began, began_late] = row.began;
    let values = params![
        session,
        row.process,
        row.total.pico(),
        row.grown.pico(),
        row.left.pico(),
        row.rate,
        row.at,
        began,
        began_late,
        row.run_ms,
        row.model,
        row.is_unclear
    ];
    let put = "INSERT OR REPLACE INTO process VALUES (?,?,?,?,?,?,?,?,?,?,?,?)";
    run(connection, put, values)
}

fn put_before_draws(
    connection: &Connection,
    session: Id,
    before_draws: Money,
) -> rusqlite::Result<()> {
    let put = "UPDATE session SET before_draws = ?2 WHERE id = ?1";
    run(connection, put, [session, before_draws.pico()])
}

/// Works out what of what was drawn stands in runs by now, and brings what is unwritten in step with
/// the rest. `covered`: by how much runs grew since the last time.
pub(crate) fn settle(
    connection: &Connection,
    session: Id,
    runs: &[Run],
    covered: Money,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    let before = of_session(connection, session)?;
    if before.is_empty() {
        return Ok(());
    }
    let mut processes = before.clone();
    take_off_runs(&mut processes, runs, prices);
    for (_, row) in before
        .iter()
        .zip(&processes)
        .filter(|(old, new)| old != new)
    {
        put_row(connection, session, row)?;
    }
    // What runs cover and no process drew may be answers that were there before any draw.
    let left = |rows: &[ProcessTotal]| rows.iter().map(|row| row.left).sum::<Money>();
    let undrawn = (covered - (left(&before) - left(&processes))).or_zero();
    let facts = facts(connection, session)?;
    let before_draws = facts.before_draws - undrawn;
    let before_draws = before_draws.min(facts.loose()).or_zero();
    if before_draws != facts.before_draws {
        put_before_draws(connection, session, before_draws)?;
    }
    renew_unwritten(connection, session)
}

/// Brings what is stored as unwritten, by quarters of an hour, in step with what follows from the
/// rest. More than before was spent when it was drawn last; what is less by now was spent last. A cost
/// of 0 says that there may be some.
pub(crate) fn renew_unwritten(connection: &Connection, session: Id) -> rusqlite::Result<()> {
    let processes = of_session(connection, session)?;
    let wanted = facts(connection, session)?.unwritten(&processes);
    let is_open = has_guess(&processes);
    let query = "SELECT quarter, model, cost FROM unwritten WHERE session = ?";
    let before: BTreeMap<(i64, Id), Money> = all(connection, query, [session], |row| {
        Ok(((row.get(0)?, row.get(1)?), Money::from_pico(row.get(2)?)))
    })?;
    let mut parts = before.clone();
    let stored: Money = parts.values().copied().sum();
    let more = (wanted - stored).or_zero();
    if let Some(last) = processes.last()
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
        run(
            connection,
            "DELETE FROM unwritten WHERE session = ?",
            [session],
        )?;
        for ((quarter, model), cost) in parts {
            let put = "INSERT INTO unwritten VALUES (?,?,?,?)";
            run(connection, put, [session, quarter, model, cost.pico()])?;
        }
    }
    Ok(())
}
