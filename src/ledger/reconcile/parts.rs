//! Divides a session into parts.
//!
//! The first part is the history before the first identified run. Every other part begins where a run starts, contains
//! all runs that overlap it, and ends where the next part begins:
//!
//! ```text
//! offset    0               A starts            C starts
//!           |--- history ---|----- part 1 ------|----- part 2 ------
//! runs                      |==== A ====|       |==== C ====|
//!                              |=== B ====|
//! covered   |-- totals --|  |-- totals ---|     |-- totals -|
//! later                  |--|             |-----|           |-------
//! ```
//!
//! A part's totals include the cost of its responses before the offset `covered_until`. They may or may not include the
//! later responses of the part (`later_responses`).

use super::bounds::LowerBoundReason;
use super::run_totals::{KnownTotal, RunTotals, repeats};
use super::session_facts::SessionFacts;
use super::unrecorded::Delta;
use super::{Lineage, SessionBreakdown};
use crate::ledger::facts::{Checkpoint, Compaction, Response};
use crate::pricing::{Money, NOISE};
use crate::time::{Millis, QUARTER_HOUR};

/// The tolerance, in milliseconds, for comparing timestamps with times derived from durations. It is needed only for
/// history without identified runs.
const TOLERANCE: Millis = 500;

/// The running totals before the first run.
#[derive(Debug, Clone, Copy)]
pub(super) struct HistoryTotals {
    /// The starting total, or `None` if it is unknown.
    pub starting: Option<Money>,
    pub last: Money,
}

/// The starting total of the history before the first run.
enum StartingTotal<'c> {
    Zero,
    /// The session is a fork and continues this checkpoint of its parent.
    Parent(&'c Checkpoint),
    /// The session is a fork, but the checkpoint that it continues is unknown.
    Unknown,
}

/// A part of a session.
#[derive(Debug, Default)]
pub(super) struct Part<'l> {
    pub start: i64,
    /// The offset at which the part's last run ends.
    pub end: i64,
    /// The offset of the first transcript line whose cost may be missing from the part's totals.
    pub covered_until: i64,
    pub runs: Vec<RunTotals<'l>>,
    /// The totals of the history before the first run, if it contains a checkpoint.
    pub history: Option<HistoryTotals>,
    /// The increase in the part's totals, or `None` if it is unknown.
    pub delta: Option<Delta<'l>>,
    /// The responses and compactions that the totals cover.
    pub responses: Vec<&'l Response>,
    pub compactions: Vec<&'l Compaction>,
    /// The responses after the last totals, some of which the totals may already include.
    pub later_responses: Vec<&'l Response>,
}

impl<'l> SessionFacts<'l> {
    /// Divides the session into parts. Adds a lower bound for each compaction or terminal response that no total
    /// covers, and for each checkpoint that an unidentified process wrote.
    pub(super) fn parts(
        &self,
        lineage: &'l Lineage,
        runs: Vec<RunTotals<'l>>,
        breakdown: &mut SessionBreakdown,
    ) -> Vec<Part<'l>> {
        let first_start = runs.first().map_or(i64::MAX, |first| first.start);
        let before = self.checkpoints_before(first_start);
        // A checkpoint is explained if the same total was sampled earlier, or if it is the last total of a run.
        let mut explained = self.sampled.clone();
        for totals in runs.iter().filter(|totals| totals.is_closed) {
            if let Some(last) = totals.last {
                let since = explained.entry(last.amount).or_insert(totals.start);
                *since = totals.start.min(*since);
            }
        }
        for checkpoint in self
            .checkpoints
            .get(before.len()..)
            .unwrap_or_default()
        {
            let since = explained.get(&checkpoint.cost);
            if since.is_none_or(|since| *since > checkpoint.offset) {
                let at = checkpoint
                    .latest_preceding_time
                    .unwrap_or(checkpoint.started);
                breakdown.add_bound(at, LowerBoundReason::ProcessWithoutTotal);
            }
        }
        let mut parts = vec![Part {
            start: i64::MIN,
            covered_until: before
                .last()
                .map_or(i64::MIN, |newest| newest.offset),
            ..Part::default()
        }];
        for totals in runs {
            let overlaps_last_part = parts
                .last()
                .is_some_and(|part| !part.runs.is_empty() && totals.start < part.end);
            if !overlaps_last_part {
                parts.push(Part {
                    start: totals.start,
                    end: totals.start,
                    covered_until: totals.start,
                    ..Part::default()
                });
            }
            if let Some(part) = parts.last_mut() {
                part.add_run(totals);
            }
        }
        let mut without_total: Vec<Millis> = Vec::new();
        for response in &self.responses {
            if let Some(part) = part_at(&mut parts, response.offset) {
                if response.offset < part.covered_until {
                    part.responses.push(response.fact);
                } else {
                    let is_in_terminal = response.is_from_terminal && !response.fact.is_of_subagent;
                    if is_in_terminal && !part.is_observed_at(response.offset) {
                        without_total.push(response.fact.at);
                    }
                    part.later_responses.push(response.fact);
                }
            }
        }
        // Reports add up spend by quarter hour, so each quarter hour needs its own lower bound.
        without_total.sort_unstable();
        without_total.dedup_by_key(|at| at.div_euclid(QUARTER_HOUR));
        for at in without_total {
            breakdown.add_bound(at, LowerBoundReason::TerminalWithoutTotal);
        }
        for compaction in &self.compactions {
            if let Some(part) = part_at(&mut parts, compaction.offset) {
                if compaction.offset < part.covered_until {
                    part.compactions.push(compaction.fact);
                } else {
                    breakdown.add_bound(compaction.fact.at, LowerBoundReason::Compaction);
                }
            }
        }
        if let (Some(history), Some(newest)) = (parts.first_mut(), before.last()) {
            self.add_totals_of_history(lineage, history, before, newest, breakdown);
        }
        parts
    }

    /// Adds the totals for the history before the first run. `newest` is the last of `checkpoints`.
    fn add_totals_of_history(
        &self,
        lineage: &'l Lineage,
        history: &mut Part<'l>,
        checkpoints: &[&'l Checkpoint],
        newest: &'l Checkpoint,
        breakdown: &mut SessionBreakdown,
    ) {
        let at = newest
            .latest_preceding_time
            .unwrap_or(newest.started);
        let parent = match self.starting_total_of_history(lineage, history, newest) {
            StartingTotal::Zero => None,
            StartingTotal::Parent(checkpoint) => Some(checkpoint),
            StartingTotal::Unknown => {
                history.history = Some(HistoryTotals {
                    starting: None,
                    last: newest.cost,
                });
                breakdown.add_bound(at, LowerBoundReason::StartingTotalUnknown);
                return;
            }
        };
        let starting = parent.map_or(KnownTotal::ZERO, KnownTotal::written);
        let mut delta = Delta::zero();
        delta.has_unknown_model = newest.has_unknown_model;
        let breakdowns = starting
            .models
            .map(|before| [before, &newest.models]);
        delta.add(starting.amount, newest.cost, breakdowns);
        history.delta = Some(delta);
        history.history = Some(HistoryTotals {
            starting: Some(starting.amount),
            last: newest.cost,
        });
        if let Some(reason) = self.break_in_chain(parent, checkpoints) {
            breakdown.add_bound(at, reason);
        }
    }

    /// Determines the starting total of the history, whose newest checkpoint is `newest`:
    ///
    /// 1. It is zero if the newest checkpoint is zero, or if [`Self::starts_from_zero`] returns true.
    /// 2. Otherwise, the session is treated as a fork. A fork starts from a checkpoint of another session with the same start
    ///    time. The history's responses must account for the entire increase since that checkpoint.
    /// 3. If there is no such checkpoint, for example because the fork compacted, the starting total is unknown.
    fn starting_total_of_history<'c>(
        &self,
        lineage: &'c Lineage,
        history: &Part<'_>,
        newest: &Checkpoint,
    ) -> StartingTotal<'c> {
        if newest.cost <= NOISE || self.starts_from_zero(newest.started) {
            return StartingTotal::Zero;
        }
        let costs = history
            .responses
            .iter()
            .map(|response| response.client_cost);
        let starting_total = newest.cost - costs.sum();
        let session_of = |checkpoint: &Checkpoint| {
            let file = lineage.files.get(&checkpoint.file);
            file.map(|file| file.session)
        };
        let parent = lineage.checkpoints.iter().find(|other| {
            other.started == newest.started
                && session_of(other) != session_of(newest)
                && other.cost.is_near(starting_total)
        });
        parent.map_or(StartingTotal::Unknown, StartingTotal::Parent)
    }

    /// Returns true if the session's totals start from zero. `started` is the `startTime` of the session's newest
    /// checkpoint.
    ///
    /// The totals start from zero if all inherited lines are older than this time, because a process that starts from
    /// zero writes its own start time. A fork keeps its parent's start time, which is older than the inherited lines.
    fn starts_from_zero(&self, started: Millis) -> bool {
        // If a session has no responses or compactions of its own, its totals may consist entirely of its parent's
        // spend.
        let has_own_lines = !(self.responses.is_empty() && self.compactions.is_empty());
        has_own_lines
            && self
                .inherited_until
                .is_none_or(|until| until <= started)
    }

    /// Returns the reason why the totals may be missing some responses, or `None` if they are complete. They are
    /// complete if the checkpoints form a single chain that begins with the parent's checkpoint, and if each response
    /// arrived while the process that wrote the next checkpoint was running.
    fn break_in_chain(
        &self,
        first: Option<&Checkpoint>,
        checkpoints: &[&Checkpoint],
    ) -> Option<LowerBoundReason> {
        let mut before = first;
        let mut responses = self.responses.iter().peekable();
        for (index, checkpoint) in checkpoints.iter().enumerate() {
            if repeats(checkpoints.get(index + 1), checkpoint) {
                continue;
            }
            let run_ms = checkpoint.run_ms - before.map_or(0, |before| before.run_ms);
            let delta = checkpoint.cost - before.map_or(Money::ZERO, |before| before.cost);
            if run_ms < 0 || before.is_some_and(|before| before.started != checkpoint.started) {
                return Some(LowerBoundReason::TotalsLackResponses);
            }
            let start = match (before, checkpoint.latest_preceding_time) {
                (Some(_), Some(end)) => end - run_ms,
                _ => checkpoint.started,
            };
            let mut recorded = Money::ZERO;
            while let Some(response) =
                responses.next_if(|response| response.offset < checkpoint.offset)
            {
                recorded += response.fact.client_cost;
                if response.fact.at < start - TOLERANCE {
                    return Some(LowerBoundReason::TotalsLackResponses);
                }
            }
            if recorded > delta + NOISE {
                return Some(LowerBoundReason::CostExceedsTotals);
            }
            before = Some(checkpoint);
        }
        None
    }
}

/// Returns the part that contains an offset. The parts must be in transcript order.
fn part_at<'p, 'l>(parts: &'p mut [Part<'l>], offset: i64) -> Option<&'p mut Part<'l>> {
    let started = parts.partition_point(|part| part.start <= offset);
    parts.get_mut(started.saturating_sub(1))
}

impl<'l> Part<'l> {
    pub(super) fn add_run(&mut self, totals: RunTotals<'l>) {
        self.end = self.end.max(totals.end());
        if let (Some(starting), Some(last)) = (totals.starting, totals.last) {
            self.covered_until = self.covered_until.max(totals.until);
            let breakdowns = match (starting.models, last.models) {
                (Some(before), Some(after)) => Some([before, after]),
                _ => None,
            };
            let delta = self.delta.get_or_insert_with(Delta::zero);
            delta.add(starting.amount, last.amount, breakdowns);
            delta.has_unknown_model |= last.has_unknown_model;
        }
        self.runs.push(totals);
    }

    /// Returns true if a process that reports totals was working at this offset. Its next sample will include what it
    /// has spent since the newest one.
    fn is_observed_at(&self, offset: i64) -> bool {
        self.runs
            .iter()
            .any(|totals| totals.is_known() && totals.run.end.is_none_or(|end| offset < end))
    }

    pub(super) fn first_at(&self) -> Option<Millis> {
        self.responses
            .iter()
            .chain(&self.later_responses)
            .map(|response| response.at)
            .min()
    }

    /// Distributes unrecorded spend over the samples in which the running total increased. Each share is the increase
    /// minus the cost of the responses since the previous increase, until the spend is used up. The remainder is
    /// assigned to `first_at`.
    pub(super) fn shares_of_samples(&self, cost: Money, first_at: Millis) -> Vec<(Millis, Money)> {
        let mut increases: Vec<(Millis, Money)> = Vec::new();
        for totals in &self.runs {
            let mut before = totals
                .starting
                .map_or(Money::ZERO, |total| total.amount);
            for sample in &totals.run.samples {
                if sample.amount > before {
                    increases.push((sample.at, sample.amount - before));
                    before = sample.amount;
                }
            }
        }
        increases.sort_unstable();
        let mut in_order = self.responses.clone();
        in_order.sort_by_key(|response| response.at);
        let mut responses = in_order.into_iter().peekable();
        let mut rest = cost;
        let mut shares = Vec::new();
        for (at, mut increase) in increases {
            while let Some(response) = responses.next_if(|response| response.at <= at) {
                increase -= response.client_cost;
            }
            let share = increase.or_zero().min(rest);
            rest -= share;
            shares.push((at, share));
        }
        shares.push((first_at, rest));
        shares
    }

    /// Returns true if the last total of any run may still increase.
    pub(super) fn is_open(&self) -> bool {
        self.runs
            .iter()
            .any(|totals| !totals.is_closed && !totals.run.has_vanished)
    }
}
