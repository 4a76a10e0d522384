//! The runs that follow from events.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::ledger::events::EventKind;
use crate::ledger::facts::Id;
use crate::pricing::Money;
use crate::time::Millis;

/// An event as the ledger stores it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: i64,
    pub(crate) session: Id,
    pub(crate) pid: Option<u32>,
    pub(crate) process: Id,
    pub(crate) kind: EventKind,
    pub(crate) at: Millis,
    pub(crate) point: Point,
    pub(crate) total: Option<Money>,
    pub(crate) detail: String,
}

/// A point in a session's transcripts, independent of any clock.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub(crate) struct Point {
    /// The length of the session's transcript.
    pub(crate) length: i64,
    /// The number of the newest commit to the ledger. It locates the responses of subagents.
    pub(crate) batch: i64,
}

/// A running total, and when it was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Total {
    pub(crate) amount: Money,
    pub(crate) point: Point,
}

/// The work of one process on one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) session: Id,
    pub(crate) pid: Option<u32>,
    pub(crate) process: Id,
    pub(crate) started_at: Millis,
    pub(crate) start: Point,
    /// The source reported by the `SessionStart` hook, or `None` if no such hook ran.
    pub(crate) source: Option<String>,
    /// True if this is the first run of its process.
    pub(crate) is_first: bool,
    /// The first total that status-line calls reported, the greatest total, and the second-greatest total.
    pub(crate) first: Option<Total>,
    pub(crate) last: Option<Total>,
    pub(crate) previous: Option<Total>,
    /// When the run ended, and the length of the transcript at that time.
    pub(crate) ended_at: Option<Millis>,
    pub(crate) end: Option<Point>,
    /// True if the process no longer exists and no hook reported that it ended.
    pub(crate) has_vanished: bool,
}

impl Run {
    fn started_by(event: &Event, is_first: bool) -> Self {
        Self {
            is_first,
            session: event.session,
            pid: event.pid,
            process: event.process,
            started_at: event.at,
            start: event.point,
            source: None,
            first: None,
            last: None,
            previous: None,
            ended_at: None,
            end: None,
            has_vanished: false,
        }
    }

    /// Returns true if the event belongs to this run. A new run starts if the process has since worked on another
    /// session, if the run has ended, or if the process reports a start after it has spent something.
    fn includes(&self, event: &Event) -> bool {
        let has_ended = self.end.is_some() && !self.has_vanished;
        let has_grown = self.first.map(|total| total.amount) != self.last.map(|total| total.amount);
        self.session == event.session
            && !(has_ended && event.kind != EventKind::Ended)
            && !(event.kind == EventKind::Started && (has_grown || self.source.is_some()))
    }

    fn add(&mut self, event: &Event) {
        match event.kind {
            EventKind::Started => {
                // A process that starts a new session has received everything in that session, even if the hook ran
                // late.
                if event.detail == "startup" {
                    self.start = Point::default();
                }
                self.source = Some(event.detail.clone());
            }
            EventKind::Sampled => {
                if let Some(amount) = event.total {
                    self.sample(Total {
                        amount,
                        point: event.point,
                    });
                }
                self.has_vanished = false;
                self.end = None;
                self.ended_at = None;
            }
            EventKind::Ended | EventKind::Vanished => {
                self.has_vanished = event.kind == EventKind::Vanished;
                self.end.get_or_insert(event.point);
                self.ended_at.get_or_insert(event.at);
            }
        }
    }

    /// Adds a total. Calls can arrive out of order, so the greatest total counts.
    fn sample(&mut self, total: Total) {
        self.first.get_or_insert(total);
        match self.last {
            Some(last) if total.amount > last.amount => {
                self.previous = Some(last);
                self.last = Some(total);
            }
            Some(last) if total.amount == last.amount => {
                let point = last.point.max(total.point);
                self.last = Some(Total { point, ..last });
            }
            Some(_) => {}
            None => self.last = Some(total),
        }
    }

    /// Returns true if the process may have worked on this session, and on no other, before the run's first event. This
    /// is the case if no hook reported its start and a transcript already existed.
    pub(crate) fn has_begun_session(&self) -> bool {
        self.source.is_none() && self.is_first && self.start.length > 0
    }

    /// Returns how far the run's totals cover the transcripts.
    pub(crate) fn covered_until(&self) -> Point {
        self.last.map_or(self.start, |last| last.point)
    }
}

/// Adds events, which must be ordered by ID, to the runs.
pub(crate) fn fold<'e>(runs: &mut Vec<Run>, events: impl IntoIterator<Item = &'e Event>) {
    let mut newest: HashMap<Id, usize> = runs
        .iter()
        .enumerate()
        .map(|(index, run)| (run.process, index))
        .collect();
    for event in events {
        // An unidentified client has no runs, and `/compact` does not start a run.
        let is_compaction = event.kind == EventKind::Started && event.detail == "compact";
        if event.process == 0 || is_compaction {
            continue;
        }
        let known = newest
            .get(&event.process)
            .and_then(|index| runs.get_mut(*index));
        match known {
            Some(run) if run.includes(event) => run.add(event),
            _ if matches!(event.kind, EventKind::Ended | EventKind::Vanished) => {}
            _ => {
                let is_first = newest.insert(event.process, runs.len()).is_none();
                let mut run = Run::started_by(event, is_first);
                run.add(event);
                runs.push(run);
            }
        }
    }
}
