//! Derives one session's account.
//!
//! The session's transcript is divided into parts. The first part is the history before the first identified run. Every
//! other part begins where a run starts, contains all runs that overlap it, and ends where the next part begins. A
//! part's unrecorded spend is the increase in its running totals minus the cost of its responses.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::bounds::BoundReason;
use super::owners::Owners;
use super::runs::Run;
use super::unrecorded::{Delta, UnrecordedSpend};
use super::{Hidden, Lineage, RunAccount, SessionAccount};
use crate::ledger::facts::{Checkpoint, Compaction, Id, Location, ModelTotals, Response};
use crate::pricing::{Money, NOISE, PriceTable};
use crate::time::Millis;

/// The tolerance, in milliseconds, for comparing timestamps with times derived from durations. The tolerance applies
/// only to history without identified runs.
const TOLERANCE: Millis = 500;

static NO_MODELS: ModelTotals = BTreeMap::new();

/// A response or a compaction, and its offset in the session's transcript.
#[derive(Debug)]
struct Located<'l, T> {
    offset: i64,
    fact: &'l T,
}

/// The facts about one session, in transcript order.
#[derive(Debug, Default)]
pub(super) struct SessionFacts<'l> {
    /// Responses that are missing from the session's transcript are placed at its start. A subagent's response is
    /// placed at the session's preceding response.
    responses: Vec<Located<'l, Response>>,
    compactions: Vec<Located<'l, Compaction>>,
    checkpoints: Vec<&'l Checkpoint>,
    runs: Vec<&'l Run>,
    /// All totals reported by status-line calls, and the length of the transcript when each total was first reported.
    sampled: BTreeMap<Money, i64>,
    /// The greatest total reported by a client that did not identify its process, and the time of the report.
    unidentified: Option<(Money, Millis)>,
    /// The time of the newest inherited line in the session's transcript.
    inherited_until: Option<Millis>,
    /// The number of inherited responses, by the session that received them.
    inherited: BTreeMap<Id, u64>,
    /// True if any of the session's transcripts has ever been read.
    has_transcript: bool,
    /// True if another version of the transcript contains responses that the longest version lacks.
    has_other_version: bool,
    last_event: i64,
}

/// Returns the facts about each session in a lineage. `owner_of_each` lists the owner of each response.
pub(super) fn facts_by_session<'l>(
    lineage: &'l Lineage,
    owners: &Owners<'l>,
    owner_of_each: &[Id],
    runs: &'l [Run],
) -> HashMap<Id, SessionFacts<'l>> {
    let mut collector = FactCollector {
        lineage,
        owners,
        longest: HashMap::new(),
        by_session: HashMap::new(),
    };
    collector.add_files();
    collector.add_responses(owner_of_each);
    collector.add_compactions();
    collector.add_checkpoints();
    for run in runs {
        collector.facts_of(run.session).runs.push(run);
    }
    collector.add_events();
    for facts in collector.by_session.values_mut() {
        facts.sort();
    }
    collector.by_session
}

/// Collects the facts about each session in a lineage.
struct FactCollector<'f, 'l> {
    lineage: &'l Lineage,
    owners: &'f Owners<'l>,
    /// The size and ID of each session's longest transcript. Offsets refer to this file, and are the same in copies of
    /// it.
    longest: HashMap<Id, (i64, Id)>,
    by_session: HashMap<Id, SessionFacts<'l>>,
}

impl<'l> FactCollector<'_, 'l> {
    fn facts_of(&mut self, session: Id) -> &mut SessionFacts<'l> {
        self.by_session.entry(session).or_default()
    }

    /// Returns true if the file is the session's longest transcript.
    fn is_main(&self, session: Id, file: Id) -> bool {
        self.longest.get(&session).map(|(_, id)| *id) == Some(file)
    }

    fn add_files(&mut self) {
        for (id, file) in &self.lineage.files {
            self.facts_of(file.session).has_transcript = true;
            if file.is_main {
                let size_and_id = (file.size, *id);
                let longest = self.longest.entry(file.session).or_insert(size_and_id);
                *longest = (*longest).max(size_and_id);
            }
        }
    }

    fn add_responses(&mut self, owner_of_each: &[Id]) {
        let lineage = self.lineage;
        let mut of_subagents: HashMap<Id, Vec<&'l Response>> = HashMap::new();
        for (response, owner) in lineage.responses.iter().zip(owner_of_each) {
            let main_location = response
                .locations()
                .find(|location| self.is_main(*owner, location.file));
            let own_file = response
                .locations()
                .filter_map(|location| lineage.files.get(&location.file))
                .find(|file| file.session == *owner);
            let facts = self.facts_of(*owner);
            let offset = match (main_location, own_file) {
                (Some(location), _) => location.offset,
                (None, Some(file)) if !file.is_main => {
                    of_subagents.entry(*owner).or_default().push(response);
                    continue;
                }
                (None, own_file) => {
                    facts.has_other_version |= own_file.is_some();
                    -1
                }
            };
            facts.responses.push(Located {
                offset,
                fact: response,
            });
            for heir in self.add_heirs(*owner, response.at, response.locations()) {
                if heir != *owner {
                    *self.facts_of(heir).inherited.entry(*owner).or_default() += 1;
                }
            }
        }
        for (owner, responses) in of_subagents {
            self.facts_of(owner).add_of_subagents(responses);
        }
    }

    fn add_compactions(&mut self) {
        let lineage = self.lineage;
        for compaction in &lineage.compactions {
            let locations = compaction.locations.iter();
            let Some(owner) = self.owners.owner(compaction.at, locations.clone()) else {
                continue;
            };
            self.add_heirs(owner, compaction.at, locations.clone());
            let main_location = locations
                .clone()
                .find(|location| self.is_main(owner, location.file));
            if let Some(location) = main_location {
                self.facts_of(owner).compactions.push(Located {
                    offset: location.offset,
                    fact: compaction,
                });
            }
        }
    }

    /// Records the time of an inherited line for each session that inherited it, and returns these sessions.
    fn add_heirs<'p>(
        &mut self,
        owner: Id,
        at: Millis,
        locations: impl Iterator<Item = &'p Location>,
    ) -> BTreeSet<Id> {
        let mut heirs = BTreeSet::new();
        for location in locations {
            if self.owners.is_inherited(at, owner, location)
                && let Some(file) = self.lineage.files.get(&location.file)
            {
                self.facts_of(file.session).inherit(at);
                heirs.insert(file.session);
            }
        }
        heirs
    }

    fn add_checkpoints(&mut self) {
        let lineage = self.lineage;
        for checkpoint in &lineage.checkpoints {
            if let Some(file) = lineage.files.get(&checkpoint.file)
                && self.is_main(file.session, checkpoint.file)
            {
                self.facts_of(file.session).checkpoints.push(checkpoint);
            }
        }
    }

    fn add_events(&mut self) {
        for event in &self.lineage.events {
            let facts = self.facts_of(event.session);
            facts.last_event = facts.last_event.max(event.id);
            if let Some(total) = event.total {
                facts.sampled.entry(total).or_insert(event.length);
            }
            if event.process == 0 {
                let reported = event.total.map(|total| (total, event.at));
                facts.unidentified = facts.unidentified.max(reported);
            }
        }
    }
}

/// A total, with its breakdown by model if known.
#[derive(Debug, Clone, Copy)]
struct KnownTotal<'l> {
    amount: Money,
    models: Option<&'l ModelTotals>,
    has_unknown_model: bool,
    /// The start of the first run that the total covers, if the total comes from a checkpoint.
    started: Option<Millis>,
}

impl<'l> KnownTotal<'l> {
    const ZERO: Self = Self {
        amount: Money::ZERO,
        models: Some(&NO_MODELS),
        has_unknown_model: false,
        started: None,
    };

    fn sampled(amount: Money) -> Self {
        Self {
            amount,
            models: None,
            has_unknown_model: false,
            started: None,
        }
    }

    fn written(checkpoint: &'l Checkpoint) -> Self {
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
    /// The offset from which the totals cover the transcript.
    start: i64,
    starting: Option<KnownTotal<'l>>,
    /// True if the starting total was observed.
    is_start_proven: bool,
    last: Option<KnownTotal<'l>>,
    /// The offset up to which the last total covers the transcript.
    until: i64,
    /// True if the last total is a checkpoint.
    is_closed: bool,
}

impl<'l> RunTotals<'l> {
    fn new(run: &'l Run, start: i64, starting: Option<KnownTotal<'l>>) -> Self {
        Self {
            run,
            start,
            starting,
            is_start_proven: true,
            last: run.last.map(|last| KnownTotal::sampled(last.amount)),
            until: run.covered_until(),
            is_closed: false,
        }
    }

    /// Returns true if the starting total does not exceed this sample.
    fn begins_within(&self, sample: Money) -> bool {
        self.starting
            .is_none_or(|starting| starting.amount <= sample + NOISE)
    }

    fn is_known(&self) -> bool {
        self.starting.is_some() && self.last.is_some()
    }

    /// Returns the offset at which the run ends. If the run's totals are known, the run ends where their coverage ends.
    fn end(&self) -> i64 {
        if self.is_known() {
            self.until
        } else {
            self.run.end.unwrap_or(i64::MAX)
        }
    }

    fn account(&self) -> RunAccount {
        RunAccount {
            pid: self.run.pid,
            is_identified: true,
            started_at: Some(self.run.started_at),
            ended_at: self.run.ended_at,
            starting_total: self.starting.map(|total| total.amount),
            last_total: self.last.map(|total| total.amount),
            ..RunAccount::default()
        }
    }

    /// Returns how much of the last total may be due to a response that is not in the transcript yet.
    fn newest_increase(&self) -> Money {
        let (Some(last), Some(starting), false) = (self.run.last, self.starting, self.is_closed)
        else {
            return Money::ZERO;
        };
        let before = self.run.previous.unwrap_or(starting.amount);
        (last.amount - before).or_zero()
    }
}

/// The evidence that a run wrote a checkpoint. Stronger evidence compares as greater.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    /// True if the checkpoint repeats the run's last sample.
    repeats_sample: bool,
    end: Reverse<i64>,
    last: Option<Money>,
}

/// The running totals before the first run.
#[derive(Debug, Clone, Copy)]
struct HistoryTotals {
    /// The starting total, or `None` if it is unknown.
    starting: Option<Money>,
    last: Money,
}

/// A part of a session.
#[derive(Debug, Default)]
struct Part<'l> {
    start: i64,
    /// The offset at which the part's last run ends.
    end: i64,
    /// The offset up to which the part's totals cover the transcript.
    covered_until: i64,
    runs: Vec<RunTotals<'l>>,
    /// The totals of the history before the first run, if it contains a checkpoint.
    history: Option<HistoryTotals>,
    /// The increase in the part's totals, or `None` if it is unknown.
    delta: Option<Delta>,
    /// The responses and compactions that the totals cover.
    responses: Vec<&'l Response>,
    compactions: Vec<&'l Compaction>,
    /// The responses after the last totals, some of which the totals may already include.
    later: Vec<&'l Response>,
}

impl<'l> SessionFacts<'l> {
    fn sort(&mut self) {
        self.responses
            .sort_by_key(|response| (response.offset, response.fact.key));
        self.compactions.sort_by_key(|compaction| compaction.offset);
        self.checkpoints.sort_by_key(|checkpoint| checkpoint.offset);
        self.runs.sort_by_key(|run| run.start);
    }

    fn inherit(&mut self, at: Millis) {
        self.inherited_until = self.inherited_until.max(Some(at));
    }

    fn add_of_subagents(&mut self, responses: Vec<&'l Response>) {
        let mut main: Vec<(Millis, i64)> = self
            .responses
            .iter()
            .map(|response| (response.fact.at, response.offset))
            .collect();
        main.sort_unstable();
        for response in responses {
            let earlier = main.partition_point(|(at, _)| *at <= response.at);
            let before = earlier.checked_sub(1).and_then(|index| main.get(index));
            self.responses.push(Located {
                offset: before.map_or(-1, |(_, offset)| *offset),
                fact: response,
            });
        }
    }

    /// Derives the session's account.
    pub(super) fn account(&self, lineage: &Lineage, prices: &PriceTable) -> SessionAccount {
        let runs = self.totals_of_runs(lineage);
        let mut account = SessionAccount {
            last_event: self.last_event,
            compactions: self.compactions.len(),
            inherited: self.inherited.clone(),
            ..SessionAccount::default()
        };
        for totals in runs.iter().filter(|totals| totals.run.may_go_on()) {
            if let Some(total) = totals.last.or(totals.starting) {
                account.open_totals.insert(totals.run.process, total.amount);
            }
        }
        let parts = self.parts(lineage, runs, &mut account);
        let mut builder = AccountBuilder {
            account,
            lineage,
            prices,
        };
        for part in parts {
            builder.close(&part);
        }
        self.finish(lineage, builder.account)
    }

    /// Adds the results for the session as a whole.
    fn finish(&self, lineage: &Lineage, mut account: SessionAccount) -> SessionAccount {
        let responses = self.responses.iter().map(|response| response.fact);
        let times = responses.clone().map(|response| response.at);
        let first_at = times.min().unwrap_or_default();
        let newest = responses.max_by_key(|response| response.at).or_else(|| {
            let of_lineage = lineage.responses.iter();
            of_lineage.max_by_key(|response| response.at)
        });
        account.model = newest.map_or(0, |response| response.model);
        let has_totals = !self.checkpoints.is_empty() || !self.compactions.is_empty();
        if self.has_other_version && has_totals {
            account.add_bound(first_at, BoundReason::SeveralTranscripts);
        }
        if !self.responses.is_empty() && !self.has_transcript {
            account.add_bound(first_at, BoundReason::TranscriptUnknown);
        }
        if let Some((total, at)) = self.unidentified {
            let costs = self.responses.iter().map(|response| response.fact.cost);
            if total > costs.sum::<Money>() + account.unrecorded + NOISE {
                account.add_bound(at, BoundReason::Unidentified(total));
            }
        }
        account.bounds.sort_by_key(|bound| bound.at);
        account.bounds.dedup();
        account
    }

    /// Returns the totals of all runs.
    fn totals_of_runs(&self, lineage: &Lineage) -> Vec<RunTotals<'l>> {
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
        match (self.start_by_hook(run), run.first) {
            (Some(start), None) => start,
            (Some(start), Some(first)) if !run.is_return && start.begins_within(first) => start,
            (None, None) => RunTotals::new(run, run.start, None),
            (_, Some(first)) => self.start_by_sample(lineage, run, first),
        }
    }

    /// Determines a run's starting total from the source that its hook reported. Returns `None` if the source alone is
    /// not enough.
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

    /// Determines a run's starting total from its first sample.
    fn start_by_sample(&self, lineage: &Lineage, run: &'l Run, first: Money) -> RunTotals<'l> {
        let before = self.checkpoints_before(run.start);
        let mut newest_first = before.iter().rev();
        let same = newest_first.find(|checkpoint| checkpoint.cost.is_near(first));
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
        // If whycap was installed during a session, the first process seen in the session also began the session.
        let mut runs = self.runs.iter();
        let began_session = runs.next().is_some_and(|first| std::ptr::eq(*first, run))
            && run.is_first
            && run.source.is_none()
            && run.start > 0
            && before.is_empty()
            && lineage.sessions.len() == 1
            && self.inherited_until.is_none();
        if first.is_near(Money::ZERO) || began_session {
            return RunTotals::new(run, start, Some(KnownTotal::ZERO));
        }
        // A fork starts from its parent's total. Before its first prompt, a fork has no transcript and has spent
        // nothing. In all other cases, a total that matches no checkpoint may include spend from before the sample.
        let may_be_fork = matches!(run.source.as_deref(), None | Some("fork"));
        let mut checkpoints = lineage.checkpoints.iter();
        let is_start_proven = may_be_fork
            && !run.is_return
            && (run.start == 0 || checkpoints.any(|checkpoint| checkpoint.cost.is_near(first)));
        RunTotals {
            is_start_proven,
            ..RunTotals::new(run, start, Some(KnownTotal::sampled(first)))
        }
    }

    /// Returns the last checkpoint that each run wrote, keyed by the index of the run. If several runs may have written
    /// a checkpoint, it is assigned to the run that last reported the same total, then to the run that ended next, and
    /// then to the run with the greatest total. This order ensures that the sum is never too high.
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

    /// Returns the evidence that a run wrote a checkpoint, or `None` if the run cannot have written it.
    fn claim(&self, index: usize, checkpoint: &Checkpoint) -> Option<Claim> {
        let run = self.runs.get(index)?;
        let last = run.last.map(|last| last.amount);
        if last.is_some_and(|last| checkpoint.cost < last - NOISE) {
            return None;
        }
        let repeats_sample =
            last == Some(checkpoint.cost) && checkpoint.offset >= run.covered_until();
        let end = match run.end {
            Some(end) if end > checkpoint.offset && !run.has_vanished => end,
            _ => i64::MAX,
        };
        let covered_until = run.covered_until();
        let next_index = self
            .runs
            .partition_point(|next| next.start < covered_until)
            .max(index + 1);
        let is_before_next = self
            .runs
            .get(next_index)
            .is_none_or(|next| checkpoint.offset < next.start);
        if repeats_sample || end < i64::MAX || is_before_next && !run.has_vanished {
            Some(Claim {
                repeats_sample,
                end: Reverse(end),
                last,
            })
        } else {
            None
        }
    }

    /// Returns the checkpoints before the given offset.
    fn checkpoints_before(&self, offset: i64) -> &[&'l Checkpoint] {
        let count = self
            .checkpoints
            .partition_point(|checkpoint| checkpoint.offset < offset);
        self.checkpoints.get(..count).unwrap_or_default()
    }

    /// Divides the session into parts. Marks the session's amount as a lower bound for each compaction that no total
    /// covers, and for each checkpoint written by an unidentified process.
    fn parts(
        &self,
        lineage: &Lineage,
        runs: Vec<RunTotals<'l>>,
        account: &mut SessionAccount,
    ) -> Vec<Part<'l>> {
        let first_start = runs.first().map_or(i64::MAX, |first| first.start);
        let before = self.checkpoints_before(first_start);
        // A checkpoint is explained if the process that wrote it reported the same total earlier, or ended with that
        // total.
        let mut explained = self.sampled.clone();
        for totals in runs.iter().filter(|totals| totals.is_closed) {
            if let Some(last) = totals.last {
                let since = explained.entry(last.amount).or_insert(totals.start);
                *since = totals.start.min(*since);
            }
        }
        for checkpoint in self.checkpoints.get(before.len()..).unwrap_or_default() {
            let since = explained.get(&checkpoint.cost);
            if since.is_none_or(|since| *since > checkpoint.offset) {
                let at = checkpoint.before.unwrap_or(checkpoint.started);
                account.add_bound(at, BoundReason::ProcessWithoutTotal);
            }
        }
        let mut parts = vec![Part {
            start: i64::MIN,
            covered_until: before.last().map_or(i64::MIN, |newest| newest.offset),
            ..Part::default()
        }];
        for totals in runs {
            let is_beside = parts
                .last()
                .is_some_and(|part| !part.runs.is_empty() && totals.start < part.end);
            if !is_beside {
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
        for response in &self.responses {
            if let Some(part) = part_at(&mut parts, response.offset) {
                if response.offset < part.covered_until {
                    part.responses.push(response.fact);
                } else {
                    part.later.push(response.fact);
                }
            }
        }
        for compaction in &self.compactions {
            if let Some(part) = part_at(&mut parts, compaction.offset) {
                if compaction.offset < part.covered_until {
                    part.compactions.push(compaction.fact);
                } else {
                    account.add_bound(compaction.fact.at, BoundReason::Compaction);
                }
            }
        }
        if let (Some(history), Some(newest)) = (parts.first_mut(), before.last()) {
            self.add_totals_of_history(lineage, history, before, newest, account);
        }
        parts
    }

    /// Adds the totals for the history before the first run. The history starts from zero unless the session is a fork.
    fn add_totals_of_history(
        &self,
        lineage: &Lineage,
        history: &mut Part<'l>,
        checkpoints: &[&Checkpoint],
        newest: &Checkpoint,
        account: &mut SessionAccount,
    ) {
        let at = newest.before.unwrap_or(newest.started);
        let parent = if newest.cost <= NOISE || self.began_at(newest.started) {
            None
        } else {
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
            if parent.is_none() {
                history.history = Some(HistoryTotals {
                    starting: None,
                    last: newest.cost,
                });
                return account.add_bound(at, BoundReason::StartingTotalUnknown);
            }
            parent
        };
        let starting = parent.map_or(KnownTotal::ZERO, KnownTotal::written);
        let mut delta = Delta::zero();
        delta.has_unknown_model = newest.has_unknown_model;
        let models = starting.models.zip(Some(&newest.models));
        delta.add(starting.amount, newest.cost, models);
        history.delta = Some(delta);
        history.history = Some(HistoryTotals {
            starting: Some(starting.amount),
            last: newest.cost,
        });
        if let Some(reason) = self.break_in_chain(parent, checkpoints) {
            account.add_bound(at, reason);
        }
    }

    /// Returns true if a process that started at this time began the session, which means that all inherited lines are
    /// older.
    fn began_at(&self, started: Millis) -> bool {
        let has_lines = !(self.responses.is_empty() && self.compactions.is_empty());
        has_lines && self.inherited_until.is_none_or(|until| until <= started)
    }

    /// Returns `None` if the checkpoints form a single chain that begins with the parent's checkpoint, and if the
    /// processes that wrote them were running when the preceding responses arrived. Otherwise, returns the reason why
    /// the totals may lack some responses.
    fn break_in_chain(
        &self,
        first: Option<&Checkpoint>,
        checkpoints: &[&Checkpoint],
    ) -> Option<BoundReason> {
        let mut before = first;
        let mut responses = self.responses.iter().peekable();
        for (index, checkpoint) in checkpoints.iter().enumerate() {
            if repeats(checkpoints.get(index + 1), checkpoint) {
                continue;
            }
            let run_ms = checkpoint.run_ms - before.map_or(0, |before| before.run_ms);
            let delta = checkpoint.cost - before.map_or(Money::ZERO, |before| before.cost);
            if run_ms < 0 || before.is_some_and(|before| before.started != checkpoint.started) {
                return Some(BoundReason::TotalsLackResponses);
            }
            let start = match (before, checkpoint.before) {
                (Some(_), Some(end)) => end - run_ms,
                _ => checkpoint.started,
            };
            let mut recorded = Money::ZERO;
            while let Some(response) =
                responses.next_if(|response| response.offset < checkpoint.offset)
            {
                recorded += response.fact.client_cost;
                if response.fact.at < start - TOLERANCE {
                    return Some(BoundReason::TotalsLackResponses);
                }
            }
            if recorded > delta + NOISE {
                return Some(BoundReason::CostExceedsTotals);
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

/// Returns true if the next checkpoint repeats this one. When a client in a terminal exits, it writes two checkpoints
/// with a timestamped snapshot in between.
fn repeats(next: Option<&&Checkpoint>, checkpoint: &Checkpoint) -> bool {
    next.is_some_and(|next| {
        (next.cost, next.started, next.api_ms)
            == (checkpoint.cost, checkpoint.started, checkpoint.api_ms)
    })
}

impl<'l> Part<'l> {
    fn add_run(&mut self, totals: RunTotals<'l>) {
        self.end = self.end.max(totals.end());
        if let (Some(starting), Some(last)) = (totals.starting, totals.last) {
            self.covered_until = self.covered_until.max(totals.until);
            let models = starting.models.zip(last.models);
            let delta = self.delta.get_or_insert_with(Delta::zero);
            delta.add(starting.amount, last.amount, models);
            delta.has_unknown_model |= last.has_unknown_model && models.is_none();
        }
        self.runs.push(totals);
    }

    fn first_at(&self) -> Option<Millis> {
        let responses = self.responses.iter().chain(&self.later);
        responses.map(|response| response.at).min()
    }

    /// Distributes an amount over the part's samples. Each share is the amount by which a sample exceeds the cost of
    /// the preceding responses. The remainder is assigned to `first_at`.
    fn shares_of_samples(&self, cost: Money, first_at: Millis) -> Vec<(Millis, Money)> {
        let mut increases: Vec<(Millis, Money)> = Vec::new();
        for totals in &self.runs {
            let mut before = totals.starting.map_or(Money::ZERO, |total| total.amount);
            for sample in &totals.run.increases {
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

    /// Returns true if a run's last total may still increase.
    fn is_open(&self) -> bool {
        let mut runs = self.runs.iter();
        runs.any(|totals| !totals.is_closed && !totals.run.has_vanished)
    }
}

/// An account that is being built.
struct AccountBuilder<'b> {
    account: SessionAccount,
    lineage: &'b Lineage,
    prices: &'b PriceTable,
}

impl AccountBuilder<'_> {
    /// Adds a part to the account.
    fn close(&mut self, part: &Part<'_>) {
        let compacted_at = part.compactions.first().map(|compaction| compaction.at);
        let sampled_at = part
            .runs
            .iter()
            .map(|totals| {
                totals
                    .run
                    .last
                    .map_or(totals.run.started_at, |last| last.at)
            })
            .max();
        let at = compacted_at
            .or(part.first_at())
            .or(sampled_at)
            .unwrap_or_default();
        let mut spend = match &part.delta {
            Some(delta) => delta.minus(&part.responses, at, self.lineage, self.prices),
            None => UnrecordedSpend::default(),
        };
        self.add_bounds(part, &spend);
        let covered: Money = part.responses.iter().map(|response| response.cost).sum();
        let cost_of_later: Money = part.later.iter().map(|response| response.cost).sum();
        self.account.covered += covered + spend.cost();
        match &part.delta {
            Some(delta) if part.is_open() => {
                let costs = part.responses.iter().map(|response| response.client_cost);
                self.account.covered -= (costs.sum::<Money>() - delta.cost).or_zero();
            }
            _ => self.account.covered += cost_of_later,
        }
        let before = spend.cost();
        let pending = self.settle_later(part, &mut spend);
        let later = before - spend.cost();
        let cost = spend.cost();
        self.account.unrecorded += cost - pending;
        for (model, cost) in &spend.by_model {
            let is_pending = pending > Money::ZERO;
            self.distribute(part, *model, *cost, is_pending, at);
        }
        self.add_runs(part, cost, later);
    }

    /// Adds the reasons why a part's amount is a lower bound.
    fn add_bounds(&mut self, part: &Part<'_>, spend: &UnrecordedSpend) {
        if let Some(reason) = spend.bound {
            let last = part.responses.iter().map(|response| response.at).max();
            let at = last.or(part.first_at()).unwrap_or_default();
            self.account.add_bound(at, reason);
        }
        for totals in &part.runs {
            let at = totals.run.started_at;
            if !totals.is_known() && part.delta.is_some() {
                self.account.add_bound(at, BoundReason::ProcessWithoutTotal);
            }
            let lacks_start = totals.starting.is_none() && totals.last.is_some();
            if lacks_start || !totals.is_start_proven {
                self.account.add_bound(at, BoundReason::StartNotObserved);
            }
        }
    }

    /// Subtracts the responses after the last totals from the unrecorded spend, to the extent that those totals may
    /// already include them. Returns the part of the remaining spend that may belong to a response that is not in the
    /// transcript yet.
    fn settle_later(&mut self, part: &Part<'_>, spend: &mut UnrecordedSpend) -> Money {
        let increase: Money = part.runs.iter().map(RunTotals::newest_increase).sum();
        let most_pending = increase.min(spend.cost());
        let Some(first) = part.later.first() else {
            return most_pending;
        };
        if most_pending <= NOISE || first.client_cost > most_pending + NOISE {
            return Money::ZERO;
        }
        let costs = part.later.iter().map(|response| response.client_cost);
        let later: Money = costs.sum();
        if !later.is_near(most_pending) {
            self.account
                .add_bound(first.at, BoundReason::LaterResponses);
        }
        spend.take_off(later.min(most_pending));
        (most_pending - later).or_zero()
    }

    /// Distributes unrecorded spend over a part's compactions in proportion to the number of compacted tokens.
    fn distribute(
        &mut self,
        part: &Part<'_>,
        model: Id,
        cost: Money,
        is_pending: bool,
        at: Millis,
    ) {
        let tokens = part
            .compactions
            .iter()
            .map(|compaction| u128::from(compaction.tokens));
        let all_tokens: u128 = tokens.sum();
        let mut rest = cost;
        for compaction in part.compactions.iter().skip(1) {
            let share = match all_tokens {
                0 => cost.share(1, part.compactions.len() as u128),
                tokens => cost.share(compaction.tokens.into(), tokens),
            };
            rest -= share;
            self.add_hidden(compaction.at, model, share, false);
        }
        match part.compactions.first() {
            Some(first) => self.add_hidden(first.at, model, rest, false),
            None => {
                for (at, share) in part.shares_of_samples(rest, at) {
                    self.add_hidden(at, model, share, is_pending);
                }
            }
        }
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

    /// Adds a breakdown for each run in a part. If runs overlap, each response is assigned to the run with the largest
    /// unexplained increase in its totals. `later` is the part of the increase that may be the cost of responses after
    /// the last total.
    fn add_runs(&mut self, part: &Part<'_>, unrecorded: Money, later: Money) {
        let mut accounts: Vec<RunAccount> = part.runs.iter().map(RunTotals::account).collect();
        if let Some(totals) = part.history {
            accounts.push(RunAccount {
                started_at: part.first_at(),
                ended_at: part.responses.iter().map(|response| response.at).max(),
                starting_total: totals.starting,
                last_total: Some(totals.last),
                ..RunAccount::default()
            });
        }
        if accounts.is_empty() && part.first_at().is_some() {
            accounts.push(RunAccount {
                started_at: part.first_at(),
                ..RunAccount::default()
            });
        }
        for response in &part.responses {
            if let Some(account) = accounts
                .iter_mut()
                .max_by_key(|account| account.increase() - account.recorded)
            {
                account.responses += 1;
                account.recorded += response.cost;
                account.covered_responses += 1;
                account.covered += response.cost;
            }
        }
        for response in &part.later {
            if let Some(account) = accounts
                .iter_mut()
                .max_by_key(|account| account.increase() - account.recorded)
            {
                account.responses += 1;
                account.recorded += response.cost;
            }
        }
        let mut rest_of_later = later;
        let mut rest = unrecorded;
        for account in &mut accounts {
            let cost_of_later = account.recorded - account.covered;
            account.later = account
                .room()
                .or_zero()
                .min(cost_of_later)
                .min(rest_of_later);
            rest_of_later -= account.later;
            account.unrecorded = account.room().or_zero().min(rest);
            rest -= account.unrecorded;
        }
        if let Some(first) = accounts.first_mut() {
            first.unrecorded += rest;
        }
        self.account.runs.extend(accounts);
    }
}
