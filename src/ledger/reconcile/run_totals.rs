//! Determines the starting and last totals of each run in a session.
//!
//! A run's starting total is the running total when its process started to work on the session. It includes what
//! earlier runs spent. The last total is the greatest running total that the process reported in a sample or wrote to a
//! checkpoint. The difference is what the run spent. A total covers the transcript lines whose cost it includes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::runs::Run;
use super::session_facts::SessionFacts;
use super::{Lineage, RunBreakdown};
use crate::ledger::facts::{Checkpoint, ModelTotals};
use crate::pricing::{Money, NOISE};
use crate::time::Millis;

static NO_MODELS: ModelTotals = BTreeMap::new();

/// A total, with its breakdown by model if known.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownTotal<'l> {
    pub amount: Money,
    pub models: Option<&'l ModelTotals>,
    pub has_unknown_model: bool,
    /// The start of the first run that the total covers, if the total comes from a checkpoint.
    pub started: Option<Millis>,
}

impl<'l> KnownTotal<'l> {
    pub(super) const ZERO: Self = Self {
        amount: Money::ZERO,
        models: Some(&NO_MODELS),
        has_unknown_model: false,
        started: None,
    };

    pub(super) fn sampled(amount: Money) -> Self {
        Self {
            amount,
            models: None,
            has_unknown_model: false,
            started: None,
        }
    }

    pub(super) fn written(checkpoint: &'l Checkpoint) -> Self {
        Self {
            amount: checkpoint.cost,
            models: Some(&checkpoint.models),
            has_unknown_model: checkpoint.has_unknown_model,
            started: Some(checkpoint.started),
        }
    }
}

/// A run with its totals.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunTotals<'l> {
    pub run: &'l Run,
    /// The offset of the first transcript line whose cost the run's delta includes.
    pub start: i64,
    pub starting: Option<KnownTotal<'l>>,
    /// True if the starting total was observed.
    pub is_start_proven: bool,
    pub last: Option<KnownTotal<'l>>,
    /// The offset of the first transcript line whose cost may be missing from the last total.
    pub until: i64,
    /// True if the last total is a checkpoint.
    pub is_closed: bool,
}

impl<'l> RunTotals<'l> {
    pub(super) fn new(run: &'l Run, start: i64, starting: Option<KnownTotal<'l>>) -> Self {
        Self {
            run,
            start,
            starting,
            is_start_proven: true,
            last: run
                .last()
                .map(|last| KnownTotal::sampled(last.amount)),
            until: run.covered_until(),
            is_closed: false,
        }
    }

    /// Returns false if the starting total exceeds a sample of the run. A run's total never decreases, so such a
    /// starting total must be wrong.
    pub(super) fn starts_at_or_below(&self, sample: Money) -> bool {
        self.starting
            .is_none_or(|starting| starting.amount <= sample + NOISE)
    }

    pub(super) fn is_known(&self) -> bool {
        self.starting.is_some() && self.last.is_some()
    }

    /// Returns the offset at which the run ends. If the run's totals are known, this is the end of the lines that they
    /// cover.
    pub(super) fn end(&self) -> i64 {
        if self.is_known() {
            self.until
        } else {
            self.run.end.unwrap_or(i64::MAX)
        }
    }

    pub(super) fn breakdown(&self) -> RunBreakdown {
        RunBreakdown {
            pid: self.run.pid,
            is_identified: true,
            started_at: Some(self.run.started_at),
            ended_at: self.run.ended_at,
            starting_total: self.starting.map(|total| total.amount),
            is_start_proven: self.is_start_proven,
            last_total: self.last.map(|total| total.amount),
            ..RunBreakdown::default()
        }
    }

    /// Returns how much of the last total may be due to a response that is not in the transcript yet.
    pub(super) fn newest_increase(&self) -> Money {
        let (Some(starting), false) = (self.starting, self.is_closed) else {
            return Money::ZERO;
        };
        match self.run.samples.as_slice() {
            [.., before, last] => last.amount - before.amount,
            [only] => (only.amount - starting.amount).or_zero(),
            [] => Money::ZERO,
        }
    }
}

/// The evidence that a run wrote a checkpoint. Stronger evidence compares as greater.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CheckpointClaim {
    /// True if the checkpoint repeats the run's last sample.
    repeats_sample: bool,
    end: Reverse<i64>,
    last: Option<Money>,
}

impl<'l> SessionFacts<'l> {
    /// Returns the totals of all runs.
    pub(super) fn totals_of_runs(&self, lineage: &Lineage) -> Vec<RunTotals<'l>> {
        let runs = self.runs.iter();
        let mut totals: Vec<RunTotals<'l>> = runs.map(|run| self.start_of(lineage, run)).collect();
        for (index, checkpoint) in self.closing_checkpoints(&totals) {
            if let Some(totals) = totals.get_mut(index) {
                totals.last = Some(KnownTotal::written(checkpoint));
                totals.until = totals.until.max(checkpoint.offset);
                totals.is_closed = true;
            }
        }
        totals.sort_by_key(|totals| totals.start);
        totals
    }

    /// Returns a run with its starting total and its last sample. A process starts from the newest checkpoint in the
    /// transcript, or from zero if the transcript has no checkpoint. Its first sample repeats the starting total.
    fn start_of(&self, lineage: &Lineage, run: &'l Run) -> RunTotals<'l> {
        match (self.start_by_hook(run), run.first()) {
            (Some(start), None) => start,
            (Some(start), Some(first)) if !run.is_repeated && start.starts_at_or_below(first) => {
                start
            }
            (None, None) => RunTotals::new(run, run.start, None),
            (_, Some(first)) => self.start_by_sample(lineage, run, first),
        }
    }

    /// Determines a run's starting total from the `source` of its `SessionStart` hook, such as `resume`. Returns `None`
    /// if the source alone is not enough.
    fn start_by_hook(&self, run: &'l Run) -> Option<RunTotals<'l>> {
        let newest = self.checkpoints_before(run.start).last();
        let (start, starting) = match (run.source.as_deref()?, newest) {
            ("startup" | "clear" | "resume", Some(newest)) => {
                (run.start, KnownTotal::written(newest))
            }
            // All spend in a new session belongs to the process that started it, even if the hook ran late.
            ("startup" | "clear", None) => (0, KnownTotal::ZERO),
            ("resume", None) if run.start > 0 => (run.start, KnownTotal::ZERO),
            _ => return None,
        };
        Some(RunTotals::new(run, start, Some(starting)))
    }

    /// Determines a run's starting total from `first`, which is the total in its first sample. If a checkpoint before
    /// the run has the same total, the run starts from this checkpoint.
    fn start_by_sample(&self, lineage: &Lineage, run: &'l Run, first: Money) -> RunTotals<'l> {
        let before = self.checkpoints_before(run.start);
        let same = before
            .iter()
            .rfind(|checkpoint| checkpoint.cost.is_near(first));
        // Claude Code waits for the hook that reports a start, but not for a status-line call, which may run late.
        // Without the hook, the run covers everything after its starting checkpoint.
        let start = match same {
            _ if run.source.is_some() => run.start,
            Some(same) => same.offset + 1,
            None => 0,
        };
        if let Some(same) = same {
            return RunTotals::new(run, start, Some(KnownTotal::written(same)));
        }
        // If whycap was installed in the middle of a session, the first process that it sees is the one that began the
        // session.
        let is_earliest = self
            .runs
            .first()
            .is_some_and(|earliest| std::ptr::eq(*earliest, run));
        let began_session = is_earliest
            && run.is_first
            && run.source.is_none()
            && run.start > 0
            && before.is_empty()
            && self.inherited_until.is_none()
            && !self.may_continue_another_total(lineage, run);
        if first.is_near(Money::ZERO) || began_session {
            return RunTotals::new(run, start, Some(KnownTotal::ZERO));
        }
        // A fork starts from its parent's total. Before its first prompt, a fork has no transcript and has spent
        // nothing. In all other cases, a total that matches no checkpoint may include spend from before the sample.
        let may_be_fork = matches!(run.source.as_deref(), None | Some("fork"));
        let mut checkpoints = lineage.checkpoints.iter();
        let is_start_proven = may_be_fork
            && !run.is_repeated
            && (run.start == 0 || checkpoints.any(|checkpoint| checkpoint.cost.is_near(first)));
        RunTotals {
            is_start_proven,
            ..RunTotals::new(run, start, Some(KnownTotal::sampled(first)))
        }
    }

    /// Returns true if the session's first process may have started from a checkpoint of another session in the
    /// lineage, as a fork does. A process starts before its first response, so it cannot start from a checkpoint that
    /// was written after that response.
    ///
    /// A lineage may contain unrelated sessions: two processes that start in the same millisecond write the same
    /// `startTime`, like a fork and its parent.
    fn may_continue_another_total(&self, lineage: &Lineage, run: &Run) -> bool {
        let first_response = self
            .responses
            .iter()
            .map(|response| response.fact.at)
            .min();
        lineage.checkpoints.iter().any(|checkpoint| {
            let file = lineage.files.get(&checkpoint.file);
            let is_own = file.is_some_and(|file| file.session == run.session);
            let was_written_later =
                first_response.is_some() && checkpoint.latest_preceding_time > first_response;
            !is_own && checkpoint.cost > NOISE && !was_written_later
        })
    }

    /// Returns the last checkpoint that each run wrote, keyed by the index of the run. If several runs may have written
    /// a checkpoint, a run whose last sample is the same total is preferred. Then comes the run that ended first after
    /// the checkpoint, and then the run with the greatest last sample. This order never makes the sum too high.
    fn closing_checkpoints(&self, totals: &[RunTotals<'l>]) -> HashMap<usize, &'l Checkpoint> {
        let mut closing: HashMap<usize, &'l Checkpoint> = HashMap::new();
        let mut open: Vec<usize> = Vec::new();
        let mut starts = self.runs.iter().enumerate().peekable();
        for (index, checkpoint) in self.checkpoints.iter().enumerate() {
            if repeats(self.checkpoints.get(index + 1), checkpoint) {
                continue;
            }
            while let Some((index, _)) = starts.next_if(|(_, run)| run.start <= checkpoint.offset) {
                open.push(index);
            }
            let writer = open
                .iter()
                .filter_map(|index| {
                    let totals = totals.get(*index)?;
                    let written = closing.get(index).map(|written| written.started);
                    let started = written.or_else(|| totals.starting?.started);
                    let is_continued = totals.is_start_proven
                        && started.is_none_or(|started| started == checkpoint.started);
                    let claim = self.claim(*index, checkpoint)?;
                    if claim.repeats_sample || is_continued {
                        Some((claim, *index))
                    } else {
                        None
                    }
                })
                .max();
            if let Some((_, index)) = writer {
                closing.insert(index, checkpoint);
            }
            open.retain(|index| {
                let run = self.runs.get(*index);
                let end = run.and_then(|run| run.end).unwrap_or(i64::MAX);
                end > checkpoint.offset || !closing.contains_key(index)
            });
        }
        closing
    }

    /// Returns the evidence that a run wrote a checkpoint, or `None` if the run could not have written it.
    fn claim(&self, index: usize, checkpoint: &Checkpoint) -> Option<CheckpointClaim> {
        let run = self.runs.get(index)?;
        let last = run.last().map(|last| last.amount);
        if last.is_some_and(|last| checkpoint.cost < last - NOISE) {
            return None;
        }
        let covered_until = run.covered_until();
        let repeats_sample = last == Some(checkpoint.cost) && checkpoint.offset >= covered_until;
        let end = match run.end {
            Some(end) if end > checkpoint.offset && !run.has_vanished => end,
            _ => i64::MAX,
        };
        let next_index = self
            .runs
            .partition_point(|next| next.start < covered_until)
            .max(index + 1);
        let is_before_next = self
            .runs
            .get(next_index)
            .is_none_or(|next| checkpoint.offset < next.start);
        if repeats_sample || end < i64::MAX || is_before_next && !run.has_vanished {
            Some(CheckpointClaim {
                repeats_sample,
                end: Reverse(end),
                last,
            })
        } else {
            None
        }
    }
}

/// Returns true if the next checkpoint repeats this one. When a client in a terminal exits, it writes two checkpoints
/// with a timestamped snapshot in between.
pub(super) fn repeats(next: Option<&&Checkpoint>, checkpoint: &Checkpoint) -> bool {
    next.is_some_and(|next| {
        (next.cost, next.started, next.api_ms)
            == (checkpoint.cost, checkpoint.started, checkpoint.api_ms)
    })
}
