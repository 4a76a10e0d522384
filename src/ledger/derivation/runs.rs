//! Runs: what one process did on one session, as far as it wrote its running total.

mod base;

use std::collections::{BTreeMap, BTreeSet};

use super::owners::LineOwners;
use super::{Family, SessionLife};
use crate::ledger::facts::{Id, Parts, Position, Total};
use crate::pricing::Money;
use crate::time::Millis;
use base::growth;

/// Times that are worked out are good to about this much.
const SLACK: Millis = 20;

/// Both totals that a terminal writes at its end are of one run if they differ in their time by no
/// more than this, and in nothing else.
const SAME_RUN_MS: i64 = 500;

/// What a run's total counted on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartedFrom {
    Nothing,
    Own,
    /// A total of its session's, or another one: then it grew by more.
    OwnInDoubt,
    OtherSession,
    /// What is in no file any more. What of [`Run::growth`] is its own beyond its answers, nobody
    /// knows: it counts as none.
    Gone,
}

/// One process on one session.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) begin: Millis,
    pub(crate) end: Millis,
    /// What its total was when it ended, and when it started.
    pub(crate) total: Money,
    pub(crate) base: Money,
    /// For how long processes of its chain had lived.
    pub(crate) lived_ms: i64,
    pub(crate) has_unknown_model: bool,
    pub(crate) started_from: StartedFrom,
    /// When its process may have begun, less the time that those before it in its chain had lived:
    /// from then, until then. None if nothing stands behind its total.
    pub(crate) chain_began: (Millis, Option<Millis>),
    /// By how much it grew, by model.
    pub(crate) growth: Parts,
}

impl Run {
    pub(crate) fn has_lost_base(&self) -> bool {
        self.started_from == StartedFrom::Gone
    }

    /// Whether its process was at work in this moment.
    pub(crate) fn covers(&self, at: Millis) -> bool {
        (self.begin..=self.end).contains(&at)
    }
}

/// Totals of one run: a terminal writes two, and copies of files repeat them. A run that was
/// served nothing, right after, cannot be told from it.
struct Written<'f> {
    totals: Vec<&'f Total>,
    /// The one that tells when the run ended.
    ending: &'f Total,
    /// Whether a snapshot tells that.
    has_exit: bool,
    /// The one that was written last: what others start from.
    last: &'f Total,
}

impl<'f> Written<'f> {
    /// From totals in order of the times that their chain had lived.
    fn from_totals(totals: &[&'f Total], family: &Family) -> Option<Self> {
        let (first, last) = (*totals.first()?, *totals.last()?);
        let mut written = Self {
            totals: totals.to_vec(),
            ending: first,
            has_exit: false,
            last,
        };
        // Between the two that a terminal writes at its end stands a snapshot.
        let is_exit = |total: &&&Total| {
            let start = written.first_in(total.file);
            let file = family.files.get(&total.file);
            let mut marks = file.into_iter().flat_map(|file| &file.marks);
            marks.any(|mark| {
                mark.snapshot.is_some()
                    && mark.at == total.before
                    && mark.position < total.position
                    && Some(mark.position) > start
            })
        };
        if let Some(exit) = totals.iter().rfind(is_exit) {
            (written.ending, written.has_exit) = (exit, true);
        }
        Some(written)
    }

    /// Where the first of them stands in this file.
    fn first_in(&self, file: Id) -> Option<Position> {
        let here = self.totals.iter().filter(|total| total.file == file);
        here.map(|total| total.position).min()
    }

    /// When it began, if it started from this one. Its chain had lived as long as that says.
    fn begin_from(&self, base: Option<&Written<'_>>) -> Millis {
        self.ending.before - (self.ending.run_ms - base.map_or(0, |base| base.last.run_ms))
    }

    /// No total is written before processes of its chain have lived as long as it says.
    fn chain_lived_until(&self) -> Millis {
        self.last.started.saturating_add(self.ending.run_ms)
    }

    /// When its last total was written, at the earliest.
    fn written_at(&self) -> Millis {
        let times = self.totals.iter().map(|total| total.before);
        times.max().unwrap_or(self.last.before)
    }

    /// Whether its total stood there when a run began that started from it.
    fn is_there_for(&self, run: &Written<'_>) -> bool {
        self.written_at() <= run.begin_from(Some(self)) + SLACK
    }
}

/// The runs of each session and the session that it was forked from.
pub(super) fn of_family(family: &Family, owners: &LineOwners) -> BTreeMap<Id, SessionLife> {
    let mut context = Context {
        family,
        owners,
        copied: BTreeMap::new(),
        known: Vec::new(),
    };
    for (at, owner, places) in family.lines() {
        for file in places.filter_map(|place| family.files.get(&place.file)) {
            if file.session != owner {
                let copied = context.copied.entry(file.session).or_default();
                copied.insert((at, owner));
            }
        }
    }
    // No chain counts back, so what a run started from is known before it.
    for written in written(family) {
        let run = context.run(&written);
        context.known.push((written, run));
    }
    let of_session = |session: &Id| {
        let own = context.known.iter();
        let own = own.filter(|(written, _)| written.last.session == *session);
        let mut runs: Vec<Run> = own.map(|(_, run)| run.clone()).collect();
        runs.sort_by_key(|run| (run.end, run.lived_ms, run.total));
        let life = SessionLife {
            runs,
            parent: context.parent(*session),
            ..SessionLife::default()
        };
        (*session, life)
    };
    family.sessions.iter().map(of_session).collect()
}

/// In order of the times that their chains had lived.
fn written(family: &Family) -> Vec<Written<'_>> {
    let mut totals: Vec<&Total> = family.totals.iter().collect();
    let same = |total: &Total| (total.session, total.started, total.cost, total.api_ms);
    totals.sort_by_key(|total| (same(total), total.run_ms, total.before, total.position));
    let runs = totals
        .chunk_by(|one, next| same(one) == same(next) && next.run_ms - one.run_ms <= SAME_RUN_MS);
    let runs = runs.filter_map(|totals| Written::from_totals(totals, family));
    let mut runs: Vec<Written<'_>> = runs.collect();
    runs.sort_by_key(|run| (run.last.run_ms, run.written_at()));
    runs
}

struct Context<'f> {
    family: &'f Family,
    owners: &'f LineOwners,
    /// The times and owners of lines in a session's files that are not its own.
    copied: BTreeMap<Id, BTreeSet<(Millis, Id)>>,
    /// The runs that had lived no longer than the one that is looked at.
    known: Vec<(Written<'f>, Run)>,
}

/// What wrote the total that a run started from.
type Base<'c, 'f> = &'c (Written<'f>, Run);

impl<'f> Context<'f> {
    fn newest_copy(&self, session: Id) -> Option<(Millis, Id)> {
        self.copied.get(&session)?.last().copied()
    }

    /// The owner of the newest line in a session's files that is not its own.
    fn parent(&self, session: Id) -> Option<Id> {
        self.newest_copy(session).map(|(_, owner)| owner)
    }

    fn run(&self, run: &Written<'f>) -> Run {
        let last = run.last;
        let own = self.base_in_own_files(run);
        let (base, started_from) = if let Some((base, started_from)) = own {
            (Some(base), started_from)
        } else if let Some(base) = self.base_of_fork(run) {
            (Some(base), StartedFrom::OtherSession)
        } else if self.has_lost_base(run) {
            (None, StartedFrom::Gone)
        } else {
            (None, StartedFrom::Nothing)
        };
        let before = base.map(|(base, _)| base);
        let (begin, end) = if started_from == StartedFrom::Nothing {
            (last.started, run.chain_lived_until().max(run.ending.before))
        } else {
            let end = self.end_after(run, before);
            let begin = run.begin_from(before) + (end - run.ending.before);
            // Who wrote what it started from had ended, and was served all until then.
            let since = own.map_or(Millis::MIN, |((_, base), _)| base.end + 1);
            (begin.max(since), end)
        };
        // Who was idle when its window was closed may have ended at any time before what follows.
        let ended_until = if run.has_exit || started_from == StartedFrom::Nothing {
            Some(end)
        } else {
            run.totals.iter().filter_map(|total| total.after).max()
        };
        Run {
            begin: begin.min(end),
            end,
            total: last.cost,
            base: before.map_or(Money::ZERO, |base| base.last.cost),
            lived_ms: run.ending.run_ms,
            has_unknown_model: last.has_unknown_model,
            started_from,
            chain_began: (
                end - run.ending.run_ms,
                ended_until.map(|at| at.max(end) - run.ending.run_ms),
            ),
            growth: growth(last, before.map(|base| base.last)),
        }
    }

    /// Whether its total must count what others spent whose files are gone: processes of its chain
    /// lived before, or its files repeat lines that are older than it and younger than the chain.
    fn has_lost_base(&self, run: &Written<'f>) -> bool {
        self.end_after(run, None) > run.chain_lived_until() + SAME_RUN_MS
            || self.newest_copy(run.last.session) >= Some((run.last.started, Id::MIN))
    }

    /// When a run ended that did not begin its chain. Without a snapshot written at its exit (a
    /// window was closed) that is its last line, or the last one of its agents, which go on in the
    /// background: until something stands behind its total, and as late as its first line and the time
    /// that it lived allow, where that is known.
    fn end_after(&self, run: &Written<'f>, base: Option<&Written<'f>>) -> Millis {
        let (ending, session) = (run.ending, run.last.session);
        if run.has_exit {
            return ending.before;
        }
        let behind = |run: &Written<'_>| {
            let totals = self.family.totals.iter();
            let since = totals
                .filter(|total| total.file == run.last.file && total.position >= run.last.position);
            since.filter_map(|total| total.after).min()
        };
        let own = || self.family.answers_of(session);
        let lived_until = base.and_then(|base| {
            let first_line = if base.last.session == session {
                behind(base)
            } else {
                // Where its marks were all repeated by a branch, it answered no earlier than it began.
                let first_mark = self.owners.first_mark(session);
                first_mark.or_else(|| own().map(|answer| answer.at).min())
            };
            Some(first_line? + (ending.run_ms - base.last.run_ms))
        });
        // A first line that does not fit is of others, who wrote no total.
        let lived_until = lived_until.filter(|until| *until >= ending.before);
        let latest = [behind(run), lived_until].into_iter().flatten().min();
        let is_in_it = |at: &Millis| latest.is_none_or(|latest| *at <= latest);
        let agents = own().filter(|answer| answer.is_of_subagent);
        let newest = agents.map(|answer| answer.at).filter(is_in_it).max();
        newest.map_or(ending.before, |at| at.max(ending.before))
    }

    /// Whether a session's own transcript has a line of its own, which its forks repeat.
    fn has_lines(&self, session: Id) -> bool {
        let mut answers = self.family.answers_of(session);
        answers.any(|one| !one.is_of_subagent)
            || self.family.compactions_of(session).next().is_some()
    }
}
