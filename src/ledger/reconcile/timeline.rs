//! Divides a session's transcript into parts and derives the unrecorded spend of each part.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::bounds::{Bound, BoundReason};
use super::inheritance::{Inheritance, StartingTotal};
use super::owners::Owners;
use super::runs::{Event, Point, Run, Total};
use super::unrecorded::{Delta, UnrecordedSpend};
use super::{Hidden, Lineage, RunAccount, SessionAccount};
use crate::ledger::facts::{Checkpoint, Compaction, Id, ModelTotals, Response, STALE, id_of};
use crate::pricing::{Money, NOISE, PriceTable};
use crate::time::Millis;

/// The tolerance, in milliseconds, for comparing timestamps with times derived from durations. It applies only to
/// history without identified runs.
const TOLERANCE: Millis = 500;

/// The position of a response relative to the runs of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// In the session's transcript, at this offset.
    Offset(i64),
    /// In a subagent's transcript that was read with this commit.
    Batch(i64),
    /// Only in the transcript of another session.
    Elsewhere,
}

/// Facts about a single session, in transcript order.
#[derive(Debug, Default)]
pub(super) struct SessionFacts<'l> {
    session: Id,
    responses: Vec<(&'l Response, Position)>,
    compactions: Vec<(&'l Compaction, i64)>,
    checkpoints: Vec<&'l Checkpoint>,
    runs: Vec<&'l Run>,
    /// True if the lineage has no other session.
    is_alone: bool,
    /// True if any of the session's transcripts was ever read.
    has_transcript: bool,
    /// True if another version of the transcript contains responses that are missing from the longest version.
    has_other_version: bool,
    /// The greatest total reported by a client that does not identify its process, and when it was reported.
    unidentified: Option<(Money, Millis, i64)>,
    last_event: i64,
    /// Each process's samples.
    samples: HashMap<Id, Vec<&'l Event>>,
}

/// The facts about each session in a lineage.
pub(super) struct FactsBySession<'l>(HashMap<Id, SessionFacts<'l>>, bool);

impl<'l> FactsBySession<'l> {
    pub(super) fn new(
        lineage: &'l Lineage,
        owners: &Owners<'_>,
        owner_of_each: &[Id],
        runs: &'l [Run],
    ) -> Self {
        // Each session's longest transcript is used, because copies have the same offsets.
        let mut main: HashMap<Id, (i64, Id)> = HashMap::new();
        for (id, facts) in lineage.files.iter().filter(|(_, facts)| facts.is_main) {
            let longest = main.entry(facts.session).or_insert((facts.size, *id));
            *longest = (*longest).max((facts.size, *id));
        }
        let is_main = |session: Id, file: Id| main.get(&session).map(|(_, id)| *id) == Some(file);
        let mut all: HashMap<Id, SessionFacts<'_>> = HashMap::new();
        for file in lineage.files.values() {
            all.entry(file.session).or_default().has_transcript = true;
        }
        for (response, owner) in lineage.responses.iter().zip(owner_of_each) {
            let facts = all.entry(*owner).or_default();
            let main_location = response
                .locations()
                .find(|location| is_main(*owner, location.file));
            let of_session = response.locations().find_map(|location| {
                let file = lineage.files.get(&location.file)?;
                (file.session == *owner).then_some(file)
            });
            let position = match (main_location, of_session) {
                (Some(location), _) => Position::Offset(location.offset),
                (None, Some(file)) if !file.is_main => Position::Batch(response.batch),
                (None, Some(_)) => {
                    facts.has_other_version = true;
                    Position::Elsewhere
                }
                (None, None) => Position::Elsewhere,
            };
            facts.responses.push((response, position));
        }
        for compaction in &lineage.compactions {
            let Some(owner) = owners.owner(compaction.at, compaction.locations.iter()) else {
                continue;
            };
            let main_location = compaction
                .locations
                .iter()
                .find(|location| is_main(owner, location.file));
            if let Some(location) = main_location {
                let facts = all.entry(owner).or_default();
                facts.compactions.push((compaction, location.offset));
            }
        }
        for checkpoint in &lineage.checkpoints {
            let Some(file) = lineage.files.get(&checkpoint.file) else {
                continue;
            };
            if is_main(file.session, checkpoint.file) {
                let facts = all.entry(file.session).or_default();
                facts.checkpoints.push(checkpoint);
            }
        }
        for run in runs {
            all.entry(run.session).or_default().runs.push(run);
        }
        for event in &lineage.events {
            let facts = all.entry(event.session).or_default();
            facts.last_event = facts.last_event.max(event.id);
            if event.total.is_some() {
                facts.samples.entry(event.process).or_default().push(event);
            }
            if let (0, Some(total)) = (event.process, event.total)
                && facts.unidentified.is_none_or(|(known, ..)| total >= known)
            {
                facts.unidentified = Some((total, event.at, event.point.length));
            }
        }
        Self(all, lineage.sessions.len() == 1)
    }

    /// Removes and returns the facts about a session.
    pub(super) fn take(&mut self, session: Id) -> SessionFacts<'l> {
        let mut facts = self.0.remove(&session).unwrap_or_default();
        facts.session = session;
        facts.is_alone = self.1;
        facts
            .responses
            .sort_by_key(|(response, position)| match position {
                Position::Offset(offset) => (*offset, response.key),
                Position::Batch(_) | Position::Elsewhere => (-1, response.key),
            });
        facts.compactions.sort_by_key(|(_, offset)| *offset);
        facts
            .checkpoints
            .sort_by_key(|checkpoint| checkpoint.offset);
        facts.runs.sort_by_key(|run| run.start);
        facts
    }
}

/// A total, broken down by model if the breakdown is known.
#[derive(Debug, Clone, Copy)]
struct KnownTotal<'l> {
    amount: Money,
    models: Option<&'l ModelTotals>,
    has_unknown_model: bool,
    /// The start of the chain of runs if the total is a checkpoint.
    started: Option<Millis>,
}

impl<'l> From<&'l Checkpoint> for KnownTotal<'l> {
    fn from(checkpoint: &'l Checkpoint) -> Self {
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
struct RunTotals<'l> {
    run: &'l Run,
    /// The point in the transcript at which the totals' coverage starts.
    start: Point,
    /// True if the starting total was observed.
    is_start_proven: bool,
    starting: Option<KnownTotal<'l>>,
    last: Option<KnownTotal<'l>>,
    /// The point in the transcript at which the last total's coverage ends.
    until: Point,
    /// True if the last total is a checkpoint.
    is_closed: bool,
}

impl RunTotals<'_> {
    fn delta(&self) -> Money {
        match (self.starting, self.last) {
            (Some(starting), Some(last)) => (last.amount - starting.amount).or_zero(),
            _ => Money::ZERO,
        }
    }

    fn is_known(&self) -> bool {
        self.starting.is_some() && self.last.is_some()
    }

    /// Returns how much of the last total could be due to responses that are not in the transcript yet.
    fn most_pending(&self) -> Money {
        let (Some(last), Some(starting)) = (self.run.last, self.starting) else {
            return Money::ZERO;
        };
        if self.is_closed {
            return Money::ZERO;
        }
        let before = self
            .run
            .previous
            .map_or(starting.amount, |total| total.amount);
        (last.amount - before).or_zero()
    }
}

/// A set of overlapping runs, and the part of the transcript that they cover.
#[derive(Debug, Default)]
struct Cluster<'l> {
    runs: Vec<RunTotals<'l>>,
    start: Point,
    end: i64,
}

/// A part of the session with a known delta, or the lines between two such parts.
#[derive(Debug, Default)]
struct Part<'l> {
    responses: Vec<&'l Response>,
    compactions: Vec<&'l Compaction>,
    delta: Option<Delta>,
    runs: Vec<RunTotals<'l>>,
    /// The responses between this part and the next. The last totals may include some of them.
    later: Vec<&'l Response>,
    /// The totals of history without identified runs: the starting total, if known, and the last total.
    history: Option<(Option<Money>, Money)>,
}

impl Part<'_> {
    /// Merges another part into this one.
    fn extend(&mut self, other: Self) {
        self.responses.extend(other.responses);
        self.compactions.extend(other.compactions);
        self.runs.extend(other.runs);
        self.delta = match (self.delta.take(), other.delta) {
            (Some(mut sum), Some(others)) => {
                sum.extend(others);
                Some(sum)
            }
            (delta, others) => delta.or(others),
        };
    }

    fn first_at(&self) -> Option<Millis> {
        self.responses.iter().map(|response| response.at).min()
    }
}

static NO_MODELS: ModelTotals = BTreeMap::new();

impl<'l> SessionFacts<'l> {
    /// Derives the session's account.
    pub(super) fn account(
        self,
        lineage: &'l Lineage,
        inheritance: &Inheritance<'l>,
        prices: &PriceTable,
    ) -> SessionAccount {
        let (totals, claimed) = self.totals_of_runs(inheritance);
        let mut closing = HashMap::new();
        for totals in &totals {
            if let (true, Some(last)) = (totals.is_closed, totals.last) {
                let total = Total {
                    amount: last.amount,
                    point: Point {
                        length: totals.until.length,
                        batch: totals.run.covered_until().batch,
                    },
                };
                closing.insert((totals.run.process, totals.run.start), total);
            }
        }
        let clusters = clusters_of(totals);
        let mut builder = AccountBuilder {
            account: SessionAccount::default(),
            lineage,
            inheritance,
            prices,
            facts: &self,
            clusters: &clusters,
            claimed,
            first_open: clusters
                .iter()
                .position(|cluster| cluster.runs.iter().any(|totals| !totals.is_closed))
                .unwrap_or(clusters.len()),
            offsets: self.offsets(),
        };
        builder.run();
        let mut account = builder.account;
        account.closing_totals = closing;
        self.finish(&mut account, lineage);
        account
    }

    /// Adds the results that concern the session as a whole.
    fn finish(&self, account: &mut SessionAccount, lineage: &Lineage) {
        let first_at = self.responses.iter().map(|(response, _)| response.at).min();
        let newest = self
            .responses
            .iter()
            .max_by_key(|(response, _)| response.at);
        let of_total = self
            .checkpoints
            .last()
            .and_then(|checkpoint| checkpoint.models.keys().next());
        let of_lineage = lineage
            .responses
            .iter()
            .max_by_key(|response| response.at)
            .map_or_else(|| id_of(b""), |response| response.model);
        account.model = match (newest, of_total) {
            (Some((response, _)), _) => response.model,
            (None, Some(name)) => id_of(name.as_bytes()),
            (None, None) => of_lineage,
        };
        if self.has_other_version && (!self.checkpoints.is_empty() || !self.compactions.is_empty())
        {
            account.bounds.push(Bound {
                at: first_at.unwrap_or_default(),
                reason: BoundReason::SeveralTranscripts,
                ends_with: None,
            });
        }
        if !self.responses.is_empty() && !self.has_transcript {
            account.bounds.push(Bound {
                at: first_at.unwrap_or_default(),
                reason: BoundReason::TranscriptUnknown,
                ends_with: None,
            });
        }
        if let Some((total, at, length)) = self.unidentified {
            let recorded: Money = self
                .responses
                .iter()
                .map(|(response, _)| response.cost)
                .sum();
            let is_covered = self
                .checkpoints
                .iter()
                .any(|checkpoint| checkpoint.offset >= length && checkpoint.cost >= total - NOISE);
            if !is_covered && total > recorded + account.unrecorded + NOISE {
                account.bounds.push(Bound {
                    at,
                    reason: BoundReason::Unidentified(total),
                    ends_with: None,
                });
            }
        }
        account.last_event = self.last_event;
        account.bounds.sort_by_key(|bound| bound.at);
        account.bounds.dedup();
    }

    /// Returns the offsets of the responses and compactions in the session's transcript.
    fn offsets(&self) -> HashMap<i64, i64> {
        let responses = self
            .responses
            .iter()
            .filter_map(|(response, position)| match position {
                Position::Offset(offset) => Some((response.key, *offset)),
                Position::Batch(_) | Position::Elsewhere => None,
            });
        let compactions = self
            .compactions
            .iter()
            .map(|(compaction, offset)| (compaction.key, *offset));
        responses.chain(compactions).collect()
    }

    /// Returns the totals of all runs, and the offsets of the checkpoints that belong to them.
    fn totals_of_runs(&self, inheritance: &Inheritance<'l>) -> (Vec<RunTotals<'l>>, HashSet<i64>) {
        let mut claimed = HashSet::new();
        let starting: Vec<Option<KnownTotal<'l>>> = self
            .runs
            .iter()
            .map(|run| self.starting_total(run, inheritance))
            .collect();
        let can_close = |index: usize, checkpoint: &Checkpoint| {
            let starting = starting.get(index).copied().flatten();
            inheritance.continues(
                checkpoint,
                starting.map(|total| (total.amount, total.started)),
            )
        };
        let mut closing: HashMap<usize, &'l Checkpoint> = HashMap::new();
        let mut by_end: Vec<(Point, usize)> = self
            .runs
            .iter()
            .enumerate()
            .filter(|(_, run)| !run.has_vanished)
            .filter_map(|(index, run)| Some((run.end?, index)))
            .collect();
        by_end.sort_unstable();
        for (end, index) in by_end {
            let Some(run) = self.runs.get(index) else {
                continue;
            };
            let written = self.checkpoints_between(run.start.length, end.length);
            let newest = written.iter().rev().find(|checkpoint| {
                !claimed.contains(&checkpoint.offset)
                    && is_at_least(checkpoint, run)
                    && can_close(index, checkpoint)
            });
            if let Some(newest) = newest {
                closing.insert(index, newest);
                self.claim(newest, &mut claimed);
            }
        }
        self.close_by_last_sample(&mut closing, &mut claimed, &can_close);
        // If several open runs may have written a checkpoint, it is assigned to the run with the greatest total, so
        // that the sum is never too high.
        let mut open: BTreeMap<i64, (&'l Checkpoint, Vec<usize>)> = BTreeMap::new();
        for (index, run) in self.runs.iter().enumerate() {
            let is_start_known = starting
                .get(index)
                .is_some_and(|total| total.is_some_and(|total| total.models.is_some()));
            if closing.contains_key(&index) || run.has_vanished || !is_start_known {
                continue;
            }
            let from = run.covered_until().length;
            let next = self.runs.partition_point(|next| next.start.length < from);
            let until = self
                .runs
                .get(next.max(index + 1))
                .map_or(STALE, |next| next.start.length);
            for checkpoint in self.checkpoints_between(from, until) {
                if is_at_least(checkpoint, run) && can_close(index, checkpoint) {
                    let writers = open
                        .entry(checkpoint.offset)
                        .or_insert((checkpoint, Vec::new()));
                    writers.1.push(index);
                }
            }
        }
        for (checkpoint, writers) in open.into_values() {
            if claimed.contains(&checkpoint.offset) {
                continue;
            }
            let writer = writers
                .into_iter()
                .filter(|index| !closing.contains_key(index))
                .max_by_key(|index| Some(self.runs.get(*index)?.last?.amount));
            if let Some(writer) = writer {
                closing.insert(writer, checkpoint);
                self.claim(checkpoint, &mut claimed);
            }
        }
        let totals = self.runs.iter().enumerate().map(|(index, run)| {
            let closing = closing.get(&index).copied();
            self.totals_of_run(run, starting.get(index).copied().flatten(), closing)
        });
        (totals.collect(), claimed)
    }

    /// Returns a run's totals. `closing` is the checkpoint that its process wrote at the end.
    fn totals_of_run(
        &self,
        run: &'l Run,
        starting: Option<KnownTotal<'l>>,
        closing: Option<&'l Checkpoint>,
    ) -> RunTotals<'l> {
        let sampled = run.last.map(|last| KnownTotal {
            amount: last.amount,
            models: None,
            has_unknown_model: false,
            started: None,
        });
        let covered = run.covered_until();
        // A status-line call reports a higher total than an earlier checkpoint.
        let closing = closing.filter(|checkpoint| {
            checkpoint.offset >= covered.length
                || run.last.is_none_or(|last| checkpoint.cost >= last.amount)
        });
        let (start, is_start_proven) = self.start_of(run, starting);
        RunTotals {
            run,
            start,
            is_start_proven,
            starting,
            last: closing.map(KnownTotal::from).or(sampled),
            until: Point {
                length: closing.map_or(covered.length, |checkpoint| {
                    checkpoint.offset.max(covered.length)
                }),
                batch: if closing.is_some() {
                    i64::MAX
                } else {
                    covered.batch
                },
            },
            is_closed: closing.is_some(),
        }
    }

    /// Closes each open run with the checkpoint that repeats the run's last sample. Such a checkpoint is common,
    /// because a terminal calls the status line after every response.
    fn close_by_last_sample(
        &self,
        closing: &mut HashMap<usize, &'l Checkpoint>,
        claimed: &mut HashSet<i64>,
        can_close: &dyn Fn(usize, &Checkpoint) -> bool,
    ) {
        let mut open: BTreeSet<(Money, i64, usize)> = BTreeSet::new();
        for (index, run) in self.runs.iter().enumerate() {
            if let Some(last) = run.last
                && !closing.contains_key(&index)
            {
                open.insert((last.amount, last.point.length, index));
            }
        }
        for checkpoint in &self.checkpoints {
            let cost = checkpoint.cost;
            let earlier = open.range((cost, 0, 0)..=(cost, checkpoint.offset, usize::MAX));
            let writer = earlier.copied().next_back();
            if let Some(writer) = writer
                && !claimed.contains(&checkpoint.offset)
                && can_close(writer.2, checkpoint)
            {
                open.remove(&writer);
                closing.insert(writer.2, checkpoint);
                self.claim(checkpoint, claimed);
            }
        }
    }

    /// Claims a checkpoint and the identical checkpoint that a terminal writes just before or after it.
    fn claim(&self, checkpoint: &Checkpoint, claimed: &mut HashSet<i64>) {
        claimed.insert(checkpoint.offset);
        let index = self
            .checkpoints
            .partition_point(|other| other.offset < checkpoint.offset);
        for neighbor in [index.checked_sub(1), index.checked_add(1)] {
            let neighbor = neighbor.and_then(|index| self.checkpoints.get(index));
            if let Some(neighbor) = neighbor
                && (neighbor.cost, neighbor.api_ms) == (checkpoint.cost, checkpoint.api_ms)
            {
                claimed.insert(neighbor.offset);
            }
        }
    }

    fn checkpoints_between(&self, from: i64, until: i64) -> &[&'l Checkpoint] {
        let [first, last] = [from, until].map(|offset| {
            self.checkpoints
                .partition_point(|checkpoint| checkpoint.offset < offset)
        });
        self.checkpoints.get(first..last).unwrap_or_default()
    }

    /// Returns the running total at the start of a run. This is the newest checkpoint in the transcript at that time,
    /// or the first sample if it is lower or is the only evidence.
    fn starting_total(&self, run: &Run, inheritance: &Inheritance<'l>) -> Option<KnownTotal<'l>> {
        let zero = KnownTotal {
            amount: Money::ZERO,
            models: Some(&NO_MODELS),
            has_unknown_model: false,
            started: None,
        };
        let newest = self.checkpoints_between(0, run.start.length).last();
        let by_source = match run.source.as_deref() {
            Some("startup" | "clear") => Some(zero),
            Some("resume") if run.start.length > 0 => {
                Some(newest.map_or(zero, |checkpoint| KnownTotal::from(*checkpoint)))
            }
            _ => None,
        };
        let sampled = run.first.map(|first| first.amount);
        match (by_source, sampled) {
            (Some(total), Some(sampled)) if sampled < total.amount - NOISE => {
                Some(total_of(sampled, run.session, inheritance))
            }
            (Some(total), _) => Some(total),
            (None, Some(sampled)) if sampled.is_near(Money::ZERO) => Some(zero),
            // This is a fork, or a run whose start was not observed.
            (None, Some(sampled)) => {
                let known = total_of(sampled, run.session, inheritance);
                let began_before = known.models.is_none()
                    && run.has_begun_session()
                    && self.is_alone
                    && newest.is_none();
                Some(if began_before { zero } else { known })
            }
            (None, None) => None,
        }
    }

    /// Returns the point in the transcript at which the coverage of a run's totals starts, and whether the starting
    /// total was observed. Claude Code waits for the hook that reports a start, but not for a status-line call, which
    /// can be late. Without the hook, the run covers everything after the checkpoint that it started from.
    fn start_of(&self, run: &Run, starting: Option<KnownTotal<'_>>) -> (Point, bool) {
        let Some(starting) = starting else {
            return (run.start, true);
        };
        // A total that no checkpoint contains may include spend from before the first sample. Before its first prompt,
        // a fork has no transcript and has spent nothing.
        let is_proven = starting.models.is_some() || run.start.length == 0;
        if run.source.is_some() {
            return (run.start, is_proven);
        }
        let length = self
            .checkpoints_between(0, run.start.length)
            .iter()
            .rfind(|checkpoint| checkpoint.cost.is_near(starting.amount))
            .map_or(0, |checkpoint| checkpoint.offset);
        (Point { length, batch: 0 }, is_proven)
    }
}

/// Returns a sampled total, broken down by model if one of the lineage's checkpoints has the same amount.
fn total_of<'l>(amount: Money, session: Id, inheritance: &Inheritance<'l>) -> KnownTotal<'l> {
    let unknown = KnownTotal {
        amount,
        models: None,
        has_unknown_model: false,
        started: None,
    };
    let same = inheritance.checkpoint_of(amount, session);
    same.map_or(unknown, KnownTotal::from)
}

/// Returns true if a checkpoint could be a run's last total.
fn is_at_least(checkpoint: &Checkpoint, run: &Run) -> bool {
    run.last
        .is_none_or(|last| checkpoint.cost >= last.amount - NOISE)
}

/// Returns the process of the only run whose last total may still increase. Returns `None` if there is not exactly one.
fn only_open_process<'r, 'l: 'r>(runs: impl IntoIterator<Item = &'r RunTotals<'l>>) -> Option<Id> {
    let mut open = runs.into_iter().filter(|totals| !totals.is_closed);
    match (open.next(), open.next()) {
        (Some(only), None) => Some(only.run.process),
        _ => None,
    }
}

/// Groups overlapping runs into clusters.
fn clusters_of(mut totals: Vec<RunTotals<'_>>) -> Vec<Cluster<'_>> {
    totals.sort_by_key(|totals| totals.start);
    let mut clusters: Vec<Cluster<'_>> = Vec::new();
    for totals in totals {
        let start = totals.start;
        match clusters.last_mut() {
            Some(cluster) if start.length < cluster.end => {
                cluster.end = cluster.end.max(totals.until.length);
                cluster.runs.push(totals);
            }
            _ => clusters.push(Cluster {
                start,
                end: totals.until.length.max(start.length),
                runs: vec![totals],
            }),
        }
    }
    clusters
}

/// An account that is being built.
struct AccountBuilder<'b, 'l> {
    account: SessionAccount,
    lineage: &'l Lineage,
    inheritance: &'b Inheritance<'l>,
    prices: &'b PriceTable,
    facts: &'b SessionFacts<'l>,
    clusters: &'b [Cluster<'l>],
    claimed: HashSet<i64>,
    /// The index of the first cluster that contains a run whose last total is not a checkpoint.
    first_open: usize,
    /// The offsets of the responses and compactions in the session's transcript.
    offsets: HashMap<i64, i64>,
}

impl<'l> AccountBuilder<'_, 'l> {
    fn run(&mut self) {
        let (gaps, covered) = self.parts();
        let joins = self.joins(&covered);
        let mut current: Option<Part<'l>> = None;
        let mut later = Money::ZERO;
        let mut unrecorded = Money::ZERO;
        let mut pending = Money::ZERO;
        let mut in_totals = Money::ZERO;
        let mut covered = covered.into_iter();
        for (index, gap) in gaps.into_iter().enumerate() {
            let (mut history, rest) = self.history(gap, index);
            if let (Some(before), true) = (&mut current, history.delta.is_some()) {
                // Its process may have run at the same time as the processes before it.
                before.extend(std::mem::take(&mut history));
            }
            let next = covered.next();
            self.note_uncovered(&rest.compactions);
            if joins.get(index) == Some(&true) {
                let joined = current.get_or_insert_default();
                joined.extend(history);
                joined.extend(rest);
                joined.extend(next.unwrap_or_default());
                continue;
            }
            later = rest.responses.iter().map(|response| response.cost).sum();
            match current.take() {
                Some(mut part) => {
                    part.later = rest.responses;
                    let spend = self.close(&part);
                    unrecorded += spend.cost;
                    in_totals += spend.in_totals - spend.not_in_totals;
                    pending = spend.pending;
                }
                None => self.note_unexplained(&rest),
            }
            if history.delta.is_some() {
                let spend = self.close(&history);
                unrecorded += spend.cost;
                in_totals += spend.in_totals;
            }
            current = next;
        }
        self.note_runs_without_totals();
        let responses = self.facts.responses.iter();
        let recorded: Money = responses.map(|(response, _)| response.cost).sum();
        self.account.unrecorded = unrecorded - pending;
        let has_runs = !self.clusters.is_empty();
        let uncovered = if has_runs { later } else { Money::ZERO };
        self.account.covered = recorded + in_totals - uncovered;
    }

    /// Returns the gaps before, between, and after the clusters, followed by the clusters themselves, each with its
    /// responses and compactions.
    fn parts(&self) -> (Vec<Part<'l>>, Vec<Part<'l>>) {
        let mut gaps: Vec<Part<'l>> = Vec::new();
        gaps.resize_with(self.clusters.len() + 1, Part::default);
        let mut covered: Vec<Part<'l>> = self
            .clusters
            .iter()
            .map(|cluster| Part {
                runs: cluster.runs.clone(),
                delta: Some(delta_of(cluster)),
                ..Part::default()
            })
            .collect();
        for (response, position) in &self.facts.responses {
            let part = match position {
                Position::Offset(offset) => self.part_at(*offset, &mut gaps, &mut covered),
                Position::Batch(batch) => {
                    let started = self
                        .clusters
                        .partition_point(|cluster| cluster.start.batch < *batch);
                    match started.checked_sub(1) {
                        Some(index) => covered.get_mut(index),
                        None => gaps.first_mut(),
                    }
                }
                Position::Elsewhere => gaps.first_mut(),
            };
            if let Some(part) = part {
                part.responses.push(response);
            }
        }
        for (compaction, offset) in &self.facts.compactions {
            if let Some(part) = self.part_at(*offset, &mut gaps, &mut covered) {
                part.compactions.push(compaction);
            }
        }
        (gaps, covered)
    }

    fn part_at<'p>(
        &self,
        offset: i64,
        gaps: &'p mut [Part<'l>],
        covered: &'p mut [Part<'l>],
    ) -> Option<&'p mut Part<'l>> {
        let started = self
            .clusters
            .partition_point(|cluster| cluster.start.length <= offset);
        let before = started.checked_sub(1);
        let cluster = before.and_then(|index| self.clusters.get(index));
        match before {
            Some(index) if cluster.is_some_and(|cluster| offset < cluster.end) => {
                covered.get_mut(index)
            }
            _ => gaps.get_mut(started),
        }
    }

    /// Returns a flag for each cluster that is true if the cluster must be merged with the part before it. This is the
    /// case if a subagent's response in the cluster may belong to an earlier run because the subagent's transcript was
    /// read later.
    fn joins(&self, covered: &[Part<'l>]) -> Vec<bool> {
        let mut is_of_agent: HashSet<i64> = HashSet::new();
        for (response, position) in &self.facts.responses {
            if matches!(position, Position::Batch(_)) {
                is_of_agent.insert(response.key);
            }
        }
        let joins = covered.iter().map(|part| {
            let (agents, main): (Vec<&Response>, Vec<&Response>) = part
                .responses
                .iter()
                .partition(|response| is_of_agent.contains(&response.key));
            let first_main = main.iter().map(|response| response.at).min();
            let first_agent = agents.iter().map(|response| response.at).min();
            match (first_agent, first_main) {
                (Some(agent), Some(main)) => agent < main,
                (Some(_), None) => true,
                (None, _) => false,
            }
        });
        joins.collect()
    }

    /// Splits a gap into the history that its newest checkpoint covers and the remaining lines.
    fn history(&mut self, gap: Part<'l>, index: usize) -> (Part<'l>, Part<'l>) {
        let start = match index.checked_sub(1) {
            Some(before) => self.clusters.get(before).map_or(0, |cluster| cluster.end),
            None => 0,
        };
        let end = self
            .clusters
            .get(index)
            .map_or(2 * STALE, |cluster| cluster.start.length);
        let unclaimed: Vec<&Checkpoint> = self
            .facts
            .checkpoints_between(start, end)
            .iter()
            .copied()
            .filter(|checkpoint| !self.claimed.contains(&checkpoint.offset))
            .collect();
        let Some(newest) = unclaimed.last().copied() else {
            return (Part::default(), gap);
        };
        let at = newest.before.unwrap_or(newest.started);
        let first_offset = unclaimed
            .first()
            .map_or(start, |checkpoint| checkpoint.offset);
        let continued = self
            .facts
            .checkpoints_between(0, first_offset)
            .iter()
            .rev()
            .copied()
            .find(|checkpoint| checkpoint.started == newest.started);
        // After observed runs, a checkpoint counts only to the extent that it exceeds the totals already taken into
        // account.
        if index > self.first_open || (index > 0 && continued.is_none()) {
            self.bound(at, BoundReason::ProcessWithoutTotal, None);
            return (Part::default(), gap);
        }
        let offsets = &self.offsets;
        let is_before = |key: i64| {
            offsets
                .get(&key)
                .is_none_or(|offset| *offset < newest.offset)
        };
        let (responses, later): (Vec<_>, Vec<_>) = gap
            .responses
            .into_iter()
            .partition(|response| is_before(response.key));
        let (compactions, uncovered): (Vec<_>, Vec<_>) = gap
            .compactions
            .into_iter()
            .partition(|compaction| is_before(compaction.key));
        let recorded: Money = responses.iter().map(|response| response.client_cost).sum();
        let starting = match continued {
            Some(checkpoint) => StartingTotal::Of {
                checkpoint,
                is_certain: true,
            },
            None => self
                .inheritance
                .starting_total(newest, self.facts.session, recorded),
        };
        let mut delta = Delta::zero();
        delta.has_unknown_model = newest.has_unknown_model;
        let mut starting_amount = Some(Money::ZERO);
        match &starting {
            StartingTotal::Zero => {
                delta.add(Money::ZERO, newest.cost, Some((&NO_MODELS, &newest.models)));
            }
            StartingTotal::Of {
                checkpoint,
                is_certain,
            } => {
                let models = (&checkpoint.models, &newest.models);
                delta.add(checkpoint.cost, newest.cost, Some(models));
                starting_amount = Some(checkpoint.cost);
                if !is_certain {
                    self.bound(at, BoundReason::SeveralStartingTotals, None);
                }
            }
            StartingTotal::Unknown => {
                starting_amount = None;
                self.bound(at, BoundReason::ParentGone, None);
            }
        }
        let first = match &starting {
            StartingTotal::Of { checkpoint, .. } => Some(*checkpoint),
            StartingTotal::Zero | StartingTotal::Unknown => None,
        };
        if starting_amount.is_some() && !self.is_one_chain(first, &unclaimed, &responses) {
            self.bound(at, BoundReason::TotalsLackResponses, None);
        }
        let history = Part {
            responses,
            compactions,
            delta: Some(delta),
            history: Some((starting_amount, newest.cost)),
            ..Part::default()
        };
        let rest = Part {
            responses: later,
            compactions: uncovered,
            ..Part::default()
        };
        (history, rest)
    }

    /// Returns true if each checkpoint continues the previous one, and if the processes that wrote the checkpoints were
    /// running when the preceding responses arrived.
    fn is_one_chain(
        &self,
        first: Option<&Checkpoint>,
        checkpoints: &[&Checkpoint],
        responses: &[&Response],
    ) -> bool {
        let mut before = first;
        let mut responses = responses.iter().peekable();
        for (index, checkpoint) in checkpoints.iter().enumerate() {
            let repeats = |other: &&Checkpoint| {
                (other.cost, other.started, other.api_ms)
                    == (checkpoint.cost, checkpoint.started, checkpoint.api_ms)
            };
            // The second of the two checkpoints written at exit follows a snapshot that contains the time.
            if checkpoints.get(index + 1).is_some_and(repeats) {
                continue;
            }
            let run_ms = checkpoint.run_ms - before.map_or(0, |before| before.run_ms);
            let continues = before.is_none_or(|before| {
                before.started == checkpoint.started
                    && before.cost <= checkpoint.cost + NOISE
                    && before.api_ms <= checkpoint.api_ms
                    && run_ms >= 0
            });
            let start = match (before, checkpoint.before) {
                (Some(_), Some(end)) => end - run_ms,
                _ => checkpoint.started,
            };
            if !continues {
                return false;
            }
            let delta = checkpoint.cost - before.map_or(Money::ZERO, |before| before.cost);
            let mut recorded = Money::ZERO;
            while let Some(response) = responses.peek() {
                let offset = self.offsets.get(&response.key);
                if offset.is_some_and(|offset| *offset >= checkpoint.offset) {
                    break;
                }
                if offset.is_some() {
                    recorded += response.client_cost;
                    if response.at < start - TOLERANCE {
                        return false;
                    }
                }
                responses.next();
            }
            if recorded > delta + NOISE {
                return false;
            }
            before = Some(checkpoint);
        }
        true
    }

    fn bound(&mut self, at: Millis, reason: BoundReason, ends_with: Option<Id>) {
        self.account.bounds.push(Bound {
            at,
            reason,
            ends_with,
        });
    }

    /// Adds a bound for each compaction that no total covers. If only one process is running, its next sample will
    /// cover them.
    fn note_uncovered(&mut self, compactions: &[&Compaction]) {
        let ends_with = only_open_process(self.clusters.iter().flat_map(|cluster| &cluster.runs));
        for compaction in compactions {
            self.bound(compaction.at, BoundReason::Compaction, ends_with);
        }
    }

    /// Adds an account for responses that no run and no total accounts for.
    fn note_unexplained(&mut self, rest: &Part<'l>) {
        if rest.responses.is_empty() {
            return;
        }
        self.account.runs.push(RunAccount {
            started_at: rest.first_at(),
            responses: rest.responses.len() as u64,
            recorded: rest.responses.iter().map(|response| response.cost).sum(),
            ..RunAccount::default()
        });
    }

    /// Adds a bound for each cluster whose processes may have run at the same time as a process without a known total.
    fn note_runs_without_totals(&mut self) {
        let mut unknown: Vec<(i64, i64, Millis)> = Vec::new();
        for totals in self.clusters.iter().flat_map(|cluster| &cluster.runs) {
            if !totals.is_known() {
                let end = totals.run.end.map_or(i64::MAX, |end| end.length);
                unknown.push((totals.start.length, end, totals.run.started_at));
            }
        }
        let mut unknown = unknown.into_iter().peekable();
        let mut latest_end = i64::MIN;
        let mut bounds = Vec::new();
        for cluster in self.clusters {
            let mut at = None;
            while let Some((_, end, started_at)) =
                unknown.next_if(|(start, ..)| *start < cluster.end)
            {
                latest_end = latest_end.max(end);
                at = Some(started_at);
            }
            let known = cluster.runs.iter().find(|totals| totals.is_known());
            let is_beside = latest_end > cluster.start.length && cluster.end > cluster.start.length;
            if let Some(known) = known
                && (is_beside || self.has_checkpoint_of_another_process(cluster))
            {
                bounds.push(at.unwrap_or(known.run.started_at));
            }
        }
        for at in bounds {
            self.bound(at, BoundReason::ProcessWithoutTotal, None);
        }
    }

    /// Returns true if the part of the transcript that a cluster covers contains another process's checkpoint.
    fn has_checkpoint_of_another_process(&self, cluster: &Cluster<'_>) -> bool {
        let written = self
            .facts
            .checkpoints_between(cluster.start.length, cluster.end);
        let (claimed, unclaimed): (Vec<&Checkpoint>, Vec<&Checkpoint>) = written
            .iter()
            .copied()
            .partition(|checkpoint| self.claimed.contains(&checkpoint.offset));
        let before = self.facts.checkpoints_between(0, cluster.start.length);
        let explained: BTreeSet<(Millis, Money)> = claimed
            .iter()
            .chain(before.last())
            .map(|checkpoint| (checkpoint.started, checkpoint.cost))
            .collect();
        // A process that leaves the session writes a total that it already reported.
        let sampled: BTreeSet<Money> = cluster
            .runs
            .iter()
            .flat_map(|totals| [totals.run.first, totals.run.previous, totals.run.last])
            .flatten()
            .map(|total| total.amount)
            .collect();
        unclaimed.iter().any(|checkpoint| {
            !explained.contains(&(checkpoint.started, checkpoint.cost))
                && !sampled.contains(&checkpoint.cost)
        })
    }

    /// Adds a part to the account and returns the part's unrecorded spend.
    fn close(&mut self, part: &Part<'l>) -> PartSpend {
        let fallback = part.runs.first().map_or(0, |totals| totals.run.started_at);
        let first_at = part.first_at().unwrap_or(fallback);
        let at = part
            .compactions
            .first()
            .map_or(first_at, |compaction| compaction.at);
        let mut spend = match &part.delta {
            Some(delta) if part.history.is_none_or(|(starting, _)| starting.is_some()) => {
                delta.minus(&part.responses, at, self.lineage, self.prices)
            }
            _ => UnrecordedSpend::default(),
        };
        if spend.is_lower_bound {
            let last = part.responses.iter().map(|response| response.at).max();
            self.bound(last.unwrap_or(at), BoundReason::TotalsLackResponses, None);
        }
        let in_totals = spend.cost();
        if let Some(late) = part.runs.iter().find(|totals| !totals.is_start_proven) {
            self.bound(late.run.started_at, BoundReason::StartNotObserved, None);
        }
        let most_pending: Money = part.runs.iter().map(RunTotals::most_pending).sum();
        let most_pending = most_pending.min(in_totals);
        let pending = self.settle_later(part, &mut spend, most_pending);
        let cost = spend.cost();
        self.distribute(part, &spend, pending, first_at);
        self.note_runs(part, cost);
        let not_in_totals = match &part.delta {
            Some(delta) if only_open_process(&part.runs).is_some() => {
                let costs = part.responses.iter().map(|response| response.client_cost);
                (costs.sum::<Money>() - delta.cost).or_zero()
            }
            _ => Money::ZERO,
        };
        PartSpend {
            cost,
            in_totals,
            pending,
            not_in_totals,
        }
    }

    /// Subtracts responses that came after the last totals from the unrecorded spend, up to the amount that may include
    /// them. Returns the part of the remaining amount that could still be due to a response that is not in the
    /// transcript yet.
    fn settle_later(
        &mut self,
        part: &Part<'l>,
        spend: &mut UnrecordedSpend,
        most_pending: Money,
    ) -> Money {
        let later: Money = part.later.iter().map(|response| response.client_cost).sum();
        let Some(first) = part.later.first() else {
            return most_pending;
        };
        let has_room = most_pending > NOISE && first.client_cost <= most_pending + NOISE;
        if !has_room {
            return Money::ZERO;
        }
        if !later.is_near(most_pending) {
            let ends_with = only_open_process(&part.runs);
            self.bound(first.at, BoundReason::LaterResponses, ends_with);
        }
        spend.take_off(later.min(most_pending));
        (most_pending - later).or_zero()
    }

    /// Distributes unrecorded spend over a part's compactions in proportion to the number of tokens that they
    /// compacted.
    fn distribute(
        &mut self,
        part: &Part<'l>,
        spend: &UnrecordedSpend,
        pending: Money,
        first_at: Millis,
    ) {
        let all_tokens: u128 = part
            .compactions
            .iter()
            .map(|compaction| u128::from(compaction.tokens))
            .sum();
        for (model, cost) in &spend.by_model {
            let mut rest = *cost;
            for (index, compaction) in part.compactions.iter().enumerate() {
                let is_last = index + 1 == part.compactions.len();
                let share = match all_tokens {
                    0 => cost.share(1, part.compactions.len() as u128),
                    tokens => cost.share(compaction.tokens.into(), tokens),
                };
                let share = if is_last { rest } else { share };
                rest -= share;
                self.add_hidden(compaction.at, *model, share, false);
            }
            if part.compactions.is_empty() {
                let is_pending = pending > Money::ZERO;
                for (at, share) in self.shares_of_samples(part, *cost, first_at) {
                    self.add_hidden(at, *model, share, is_pending);
                }
            }
        }
    }

    /// Distributes an amount over a part's samples, according to how far each sample exceeds the cost of the responses
    /// before it. The remainder is assigned to `first_at`.
    fn shares_of_samples(
        &self,
        part: &Part<'l>,
        cost: Money,
        first_at: Millis,
    ) -> Vec<(Millis, Money)> {
        let mut reported: Vec<(i64, Millis, Money)> = Vec::new();
        for totals in &part.runs {
            let mut before = totals.starting.map_or(Money::ZERO, |total| total.amount);
            let samples = self.facts.samples.get(&totals.run.process);
            for event in samples.into_iter().flatten() {
                let total = event.total.unwrap_or_default();
                if total > before && event.point >= totals.run.start {
                    reported.push((event.point.length, event.at, total - before));
                    before = total;
                }
            }
        }
        reported.sort_unstable_by_key(|(length, at, _)| (*length, *at));
        let offset = |response: &&Response| self.offsets.get(&response.key).copied().unwrap_or(0);
        let mut in_order: Vec<&Response> = part.responses.clone();
        in_order.sort_by_key(offset);
        let mut responses = in_order.into_iter().peekable();
        let mut rest = cost;
        let mut shares = Vec::new();
        for (length, at, delta) in reported {
            let mut unexplained = delta;
            while let Some(response) = responses.next_if(|response| offset(response) < length) {
                unexplained -= response.client_cost;
            }
            let share = unexplained.or_zero().min(rest);
            rest -= share;
            shares.push((at, share));
        }
        shares.push((first_at, rest));
        shares
    }

    fn add_hidden(&mut self, at: Millis, model: Id, cost: Money, is_pending: bool) {
        if cost != Money::ZERO {
            self.account.hidden.push(Hidden {
                at,
                model,
                cost,
                is_pending,
            });
        }
    }

    /// Adds an account for each run in a part. If several runs overlap, a response is assigned to the run whose delta
    /// has the most room for it.
    fn note_runs(&mut self, part: &Part<'l>, unrecorded: Money) {
        let recorded: Money = part.responses.iter().map(|response| response.cost).sum();
        if let Some((starting_total, last_total)) = part.history {
            self.account.runs.push(RunAccount {
                started_at: part.first_at(),
                ended_at: part.responses.iter().map(|response| response.at).max(),
                starting_total,
                last_total: Some(last_total),
                responses: part.responses.len() as u64,
                recorded,
                unrecorded,
                ..RunAccount::default()
            });
            return;
        }
        let mut accounts: Vec<RunAccount> = part
            .runs
            .iter()
            .map(|totals| RunAccount {
                pid: totals.run.pid,
                is_identified: true,
                started_at: Some(totals.run.started_at),
                ended_at: totals.run.ended_at,
                starting_total: totals.starting.map(|total| total.amount),
                last_total: totals.last.map(|total| total.amount),
                ..RunAccount::default()
            })
            .collect();
        let room = |(account, totals): &(&mut RunAccount, &RunTotals<'_>)| {
            totals.delta() - account.recorded
        };
        for response in part.responses.iter().chain(&part.later) {
            let pairs = accounts.iter_mut().zip(&part.runs);
            if let Some((account, _)) = pairs.max_by_key(room) {
                account.responses += 1;
                account.recorded += response.cost;
            }
        }
        let mut rest = unrecorded;
        for (account, totals) in accounts.iter_mut().zip(&part.runs) {
            account.unrecorded = (totals.delta() - account.recorded).or_zero().min(rest);
            rest -= account.unrecorded;
        }
        if let Some(first) = accounts.first_mut() {
            first.unrecorded += rest;
        }
        self.account.runs.extend(accounts);
    }
}

/// A part's unrecorded spend.
#[derive(Debug, Clone, Copy)]
struct PartSpend {
    cost: Money,
    /// The unrecorded spend before subtracting later responses that the totals may include.
    in_totals: Money,
    /// The amount of unrecorded spend that could be due to a response that is not in the transcript yet.
    pending: Money,
    /// The cost of responses that arrived after the last sample was taken but before it was reported.
    not_in_totals: Money,
}

/// Returns the combined delta of a cluster's runs.
fn delta_of(cluster: &Cluster<'_>) -> Delta {
    let mut delta = Delta::zero();
    for totals in &cluster.runs {
        if let (Some(starting), Some(last)) = (totals.starting, totals.last) {
            let models = starting.models.zip(last.models);
            delta.add(starting.amount, last.amount, models);
            delta.has_unknown_model |= last.has_unknown_model && models.is_none();
        }
    }
    delta
}
