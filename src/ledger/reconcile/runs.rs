//! Derives runs from events.

use std::collections::{HashMap, HashSet};

use crate::ledger::events::{EventKind, RunEvent};
use crate::ledger::facts::Id;
use crate::pricing::Money;
use crate::time::Millis;

/// A running total reported by a status-line call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunSample {
    pub amount: Money,
    pub at: Millis,
    /// The length of the transcript at that time.
    pub length: i64,
}

/// The work of one process on one session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent fact about the run"
)]
pub(crate) struct Run {
    pub session: Id,
    pub pid: Option<u32>,
    pub process: Id,
    pub started_at: Millis,
    /// The length of the transcript at the start.
    pub start: i64,
    /// The source reported by the `SessionStart` hook, or `None` if no such hook ran.
    pub source: Option<String>,
    /// True if this is the first run of its process.
    pub is_first: bool,
    /// True if the process has already worked on this session in an earlier run.
    pub is_repeated: bool,
    /// True if the process has since started another run.
    is_over: bool,
    /// The samples that exceed all earlier ones. The others are ignored because calls may arrive out of order.
    pub samples: Vec<RunSample>,
    /// The time at which the run ended.
    pub ended_at: Option<Millis>,
    /// The length of the transcript at that time.
    pub end: Option<i64>,
    /// True if the process no longer exists, but no hook reported that it ended.
    pub has_vanished: bool,
}

impl Run {
    /// Returns true if the event belongs to this run. An event in another session, or a start event after the end of
    /// this run, belongs to a different run.
    fn includes(&self, event: &RunEvent) -> bool {
        let has_ended = self.end.is_some() && !self.has_vanished;
        self.session == event.session && !(has_ended && event.kind == EventKind::Started)
    }

    fn add(&mut self, event: &RunEvent) {
        match event.kind {
            EventKind::Started => {
                // In a new session, the hook may run after the first status-line call.
                if self.source.is_none() && self.start == 0 && event.detail == "startup" {
                    self.source = Some(event.detail.clone());
                }
            }
            EventKind::Sampled => {
                if let Some(amount) = event.total {
                    self.sample(RunSample {
                        amount,
                        at: event.at,
                        length: event.length,
                    });
                }
                if self.has_vanished {
                    self.has_vanished = false;
                    self.end = None;
                    self.ended_at = None;
                }
            }
            EventKind::Ended | EventKind::Vanished => {
                self.has_vanished = event.kind == EventKind::Vanished;
                self.end.get_or_insert(event.length);
                self.ended_at.get_or_insert(event.at);
            }
        }
    }

    /// Adds a sample.
    fn sample(&mut self, sample: RunSample) {
        match self.samples.last_mut() {
            Some(last) if sample.amount == last.amount => {
                last.length = last.length.max(sample.length);
            }
            Some(last) if sample.amount < last.amount => {}
            _ => self.samples.push(sample),
        }
    }

    /// Returns the total in the first sample.
    pub(crate) fn first(&self) -> Option<Money> {
        self.samples.first().map(|first| first.amount)
    }

    /// Returns the sample with the greatest total.
    pub(crate) fn last(&self) -> Option<RunSample> {
        self.samples.last().copied()
    }

    /// Returns true if the process may still report totals for this run.
    pub(crate) fn may_report_more(&self) -> bool {
        !self.is_over && (self.end.is_none() || self.has_vanished)
    }

    /// Returns the offset up to which the run's samples cover the transcript.
    pub(crate) fn covered_until(&self) -> i64 {
        self.last().map_or(self.start, |last| last.length)
    }
}

/// Derives the runs from events, given in order of their IDs.
pub(crate) fn runs_of(events: &[RunEvent]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut newest: HashMap<Id, usize> = HashMap::new();
    let mut known_pairs: HashSet<(Id, Id)> = HashSet::new();
    for event in events {
        // Clients that do not identify their process have no runs, and `/compact` does not start a run.
        let is_compaction = event.kind == EventKind::Started && event.detail == "compact";
        if event.process == 0 || is_compaction {
            continue;
        }
        let mut known = newest
            .get(&event.process)
            .and_then(|index| runs.get_mut(*index));
        if let Some(run) = known.as_mut().filter(|run| run.includes(event)) {
            run.add(event);
            continue;
        }
        if matches!(event.kind, EventKind::Ended | EventKind::Vanished) {
            continue;
        }
        let is_first = known.is_none();
        if let Some(run) = known {
            run.is_over = true;
        }
        newest.insert(event.process, runs.len());
        let mut run = Run {
            session: event.session,
            pid: event.pid,
            process: event.process,
            started_at: event.at,
            start: event.length,
            source: (event.kind == EventKind::Started).then(|| event.detail.clone()),
            is_first,
            is_repeated: !known_pairs.insert((event.process, event.session)),
            ..Run::default()
        };
        run.add(event);
        runs.push(run);
    }
    runs
}
