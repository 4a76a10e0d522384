//! Runs: what one process did on one session, as far as it wrote its running total.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::Family;
use super::owners::LineOwners;
use crate::ledger::facts::{Answer, Id, Parts, Position, Sighting, Total};
use crate::pricing::{Money, Usage};
use crate::time::Millis;
use crate::transcript::line::ModelTotal;

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
    fn from_totals(totals: &[&'f Total], family: &Family) -> Option<Self> {
        let last = *totals.iter().max_by_key(|total| total.run_ms)?;
        let first = *totals.iter().min_by_key(|total| total.run_ms)?;
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
        let exit = totals.iter().filter(is_exit).max_by_key(|one| one.run_ms);
        if let Some(exit) = exit {
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
pub(super) fn of_family(family: &Family, owners: &LineOwners) -> Vec<(Id, Vec<Run>, Option<Id>)> {
    let mut context = Context {
        family,
        owners,
        copied: BTreeMap::new(),
        known: Vec::new(),
    };
    for answer in &family.answers {
        context.note_copies(answer.at, answer.session, answer.places());
    }
    for compaction in &family.compactions {
        context.note_copies(compaction.at, compaction.session, compaction.places.iter());
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
        (*session, runs, context.parent(*session))
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
    fn note_copies<'p>(
        &mut self,
        at: Millis,
        owner: Id,
        places: impl Iterator<Item = &'p Sighting>,
    ) {
        for file in places.filter_map(|place| self.family.files.get(&place.file)) {
            if file.session != owner {
                let copied = self.copied.entry(file.session).or_default();
                copied.insert((at, owner));
            }
        }
    }

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
            let end = last.started.saturating_add(run.ending.run_ms);
            (last.started, end.max(run.ending.before))
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
        let Written { ending, last, .. } = *run;
        let alone = last.started.saturating_add(ending.run_ms);
        self.end_after(run, None) > alone + SAME_RUN_MS
            || self.newest_copy(last.session) >= Some((last.started, Id::MIN))
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
        let own = || self.own_answers(session);
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

    /// The total that a run started from is the newest in its own file, in the moment when it
    /// started; and whether that may have been an older one. Of copies of a file, the one that has most
    /// to say.
    fn base_in_own_files(&self, run: &Written<'f>) -> Option<(Base<'_, 'f>, StartedFrom)> {
        let files: BTreeSet<Id> = run.totals.iter().map(|total| total.file).collect();
        let bases = files.into_iter().filter_map(|file| {
            let first = run.first_in(file)?;
            let mut earlier: Vec<(Position, Base<'_, 'f>)> = Vec::new();
            for base in &self.known {
                if base.0.last.session == run.last.session
                    && is_within(base.0.last, run.last)
                    && let Some(position) = base.0.first_in(file)
                    && position < first
                {
                    earlier.push((position, base));
                }
            }
            earlier.sort_by_key(|(position, _)| Reverse(*position));
            let earlier: Vec<Base<'_, 'f>> = earlier.into_iter().map(|(_, base)| base).collect();
            self.newest_that_fits(run, &earlier)
        });
        bases.max_by_key(|((base, _), _)| (base.last.run_ms, base.last.cost))
    }

    /// Of the totals in front of a run's, the newest first, the one that it started from, and whether
    /// that is doubtful.
    fn newest_that_fits<'c>(
        &self,
        run: &Written<'f>,
        earlier: &[Base<'c, 'f>],
    ) -> Option<(Base<'c, 'f>, StartedFrom)> {
        let newest = *earlier.first()?;
        let served = |base: &Written<'_>| (base.last.cost, base.last.api_ms);
        // Who was opened beside it, or before it, goes on from an older one.
        let is_fit = |base: &&Base<'_, 'f>| {
            (run.has_exit || served(&base.0) == served(&newest.0)) && base.0.is_there_for(run)
        };
        if let Some(base) = earlier.iter().find(is_fit) {
            return Some((*base, StartedFrom::Own));
        }
        if newest.0.is_there_for(run) {
            return Some((newest, StartedFrom::Own));
        }
        let is_beside = |older: &&Base<'_, 'f>| self.are_beside(run, &newest.0, &older.0);
        if let Some(base) = earlier.iter().find(is_beside) {
            return Some((*base, StartedFrom::Own));
        }
        // Nobody can tell: it was idle when its window was closed, and others answered and wrote no
        // total; or these answers are its own. Then it grew by whatever is less.
        for older in earlier.iter().filter(|older| older.0.is_there_for(run)) {
            let left_out = self.left_out(newest, &older.0);
            if left_out > Money::ZERO {
                let is_less = newest.0.last.cost - older.0.last.cost < left_out;
                let base = if is_less { *older } else { newest };
                return Some((base, StartedFrom::OwnInDoubt));
            }
        }
        Some((newest, StartedFrom::Own))
    }

    /// What answers cost that stand between two totals of a session, and that the run which wrote the
    /// later one was not served.
    fn left_out(&self, (later, run): Base<'_, 'f>, earlier: &Written<'f>) -> Money {
        let between = earlier.written_at() + 1..=later.written_at();
        let answers = self.own_answers(later.last.session);
        let left_out =
            answers.filter(|answer| between.contains(&answer.at) && !run.covers(answer.at));
        left_out.map(|answer| answer.cost).sum()
    }

    /// Whether two runs went on from this one, each by itself: what they grew by is then what the
    /// session answered since, to the token. Or there is more, since the one that ended later compacted
    /// before the other ended, which grew by answers alone.
    fn are_beside(&self, later: &Written<'f>, other: &Written<'f>, base: &Written<'f>) -> bool {
        let (since, session) = (base.written_at(), later.last.session);
        let served_until = |until: Millis| {
            let answers = self.own_answers(session);
            served(answers.filter(|answer| since < answer.at && answer.at <= until))
        };
        let answers = served_until(later.last.before.max(other.last.before));
        let of_other = usage_of(&growth(other.last, Some(base.last)));
        let mut grown = usage_of(&growth(later.last, Some(base.last)));
        for (model, usage) in &of_other {
            *grown.entry(*model).or_default() += *usage;
        }
        let compactions = self.family.compactions.iter();
        let compactions = compactions.filter(|one| one.session == session && since < one.at);
        let latest = compactions.map(|one| one.at).max();
        are_at_most(&answers, &grown)
            && (are_at_most(&grown, &answers)
                || latest.is_some_and(|at| at <= other.last.before)
                    && are_at_most(&of_other, &served_until(other.last.before)))
    }

    /// What a fork took over: the newest total of its parent.
    fn base_of_fork(&self, run: &Written<'f>) -> Option<Base<'_, 'f>> {
        let Written { ending, last, .. } = *run;
        let own: Vec<&Answer> = self.own_answers(last.session).collect();
        // A copy that names nobody, and nobody else is left to own it: what the fork took over is gone, too.
        if own.iter().any(|answer| self.owners.is_copy(answer)) {
            return None;
        }
        let first_answer = own.iter().map(|answer| answer.at).min();
        let forked = first_answer.unwrap_or(Millis::MAX).min(ending.before);
        let first_mark = self.owners.first_mark(last.session);
        let first_line = first_mark.unwrap_or(forked).min(forked);
        let (newest_copy, parent) = self.newest_copy(last.session).unzip();
        // Of what its parent answered, a fork repeats all that was there, save what was answered beside
        // that: then the total counts nothing but what it repeats.
        let is_here = |place: &Sighting| {
            let file = self.family.files.get(&place.file);
            file.is_some_and(|file| file.session == last.session)
        };
        let is_repeated = |answer: &&Answer| answer.places().any(is_here);
        let knows_more = |(base, run): Base<'_, 'f>| {
            let is_unknown = |answer: &Answer| {
                !answer.is_of_subagent
                    && newest_copy.is_some_and(|newest| newest < answer.at)
                    && answer.at <= base.written_at()
            };
            let answers = || self.own_answers(base.last.session);
            let in_run = || answers().filter(|answer| run.covers(answer.at));
            Some(base.last.session) == parent
                && answers().any(is_unknown)
                && !is_explained(&run.growth, &served(in_run().filter(is_repeated)))
        };
        let mut candidates: Vec<Base<'_, 'f>> = self
            .known
            .iter()
            .filter(|(base, _)| base.last.session != last.session && is_within(base.last, last))
            .filter(|(base, _)| base.written_at() <= forked)
            .collect();
        candidates.sort_by_key(|(base, _)| {
            let total = base.last;
            (base.written_at(), total.run_ms, total.cost, total.session)
        });
        // With the total of a sibling the process would be younger than the first line it wrote.
        let is_old_enough =
            |(base, _): &Base<'_, 'f>| run.begin_from(Some(base)) <= first_line + SLACK;
        if candidates.iter().any(is_old_enough) {
            candidates.retain(is_old_enough);
        }
        if !candidates.iter().all(|base| knows_more(base)) {
            candidates.retain(|base| !knows_more(base));
        }
        let covered = own.into_iter().filter(|answer| answer.at <= ending.before);
        let covered = served(covered);
        let explains = |base: &Written<'_>| is_explained(&growth(last, Some(base.last)), &covered);
        // A fork that wrote no line itself hands on its parent's lines only.
        let of_parent = |base: &Written<'_>| {
            let other = base.last.session;
            Some(other) == parent || !self.has_lines(other) && self.parent(other) == parent
        };
        // What it took over is gone with its parent's file, and is not what others have; and of whom
        // it repeats newer lines, it was told more.
        let mut files = self.family.files.values();
        let is_parent_there = parent.is_none_or(|parent| files.any(|file| file.session == parent));
        let is_up_to_date =
            |base: &Written<'_>| is_parent_there && newest_copy <= Some(base.written_at());
        let newest = |wanted: &dyn Fn(&Written<'f>) -> bool| {
            candidates.iter().rfind(|(base, _)| wanted(base)).copied()
        };
        newest(&explains)
            .or_else(|| newest(&of_parent))
            .or_else(|| newest(&is_up_to_date))
    }

    fn own_answers(&self, session: Id) -> impl Iterator<Item = &'f Answer> {
        let answers = self.family.answers.iter();
        answers.filter(move |answer| answer.session == session)
    }

    /// Whether a session's own transcript has a line of its own, which its forks repeat.
    fn has_lines(&self, session: Id) -> bool {
        let mut compactions = self.family.compactions.iter();
        self.own_answers(session).any(|one| !one.is_of_subagent)
            || compactions.any(|one| one.session == session)
    }
}

/// Whether a chain of runs could have come from one total to the other: no counter went back.
fn is_within(earlier: &Total, later: &Total) -> bool {
    let has = |model: &Id, part: &ModelTotal| {
        let later = later.parts.get(model).copied().unwrap_or_default();
        is_at_most(part.usage, later.usage)
    };
    earlier.started == later.started
        && earlier.run_ms <= later.run_ms
        && earlier.api_ms <= later.api_ms
        && earlier.parts.iter().all(|(model, part)| has(model, part))
}

fn is_at_most(one: Usage, other: Usage) -> bool {
    // How writes are split is told by some clients only.
    let split = |usage: Usage| Usage {
        cache_write_1h: 0,
        ..usage
    };
    split(one).max(split(other)) == split(other)
}

fn growth(total: &Total, base: Option<&Total>) -> Parts {
    let part = |(model, part): (&Id, &ModelTotal)| {
        let base = base
            .and_then(|base| base.parts.get(model))
            .copied()
            .unwrap_or_default();
        let grown = ModelTotal {
            usage: part.usage - base.usage,
            splits: part.splits,
            cost: part.cost - base.cost,
        };
        (*model, grown)
    };
    let parts = total.parts.iter().map(part);
    parts
        .filter(|(_, part)| !part.usage.is_zero() || part.cost != Money::ZERO)
        .collect()
}

/// What models were served, by their ids.
type ServedBy = BTreeMap<Id, Usage>;

fn usage_of(growth: &Parts) -> ServedBy {
    let parts = growth.iter();
    parts.map(|(model, part)| (*model, part.usage)).collect()
}

fn served<'a>(answers: impl Iterator<Item = &'a Answer>) -> ServedBy {
    let mut served = ServedBy::new();
    for answer in answers {
        for model in answer.models().collect::<BTreeSet<Id>>() {
            *served.entry(model).or_default() += answer.served_by(model);
        }
    }
    served
}

fn are_at_most(ones: &ServedBy, others: &ServedBy) -> bool {
    let other = |model: &Id| others.get(model).copied().unwrap_or_default();
    ones.iter()
        .all(|(model, usage)| is_at_most(*usage, other(model)))
}

/// Whether these are all that a run grew by, to the token.
fn is_explained(growth: &Parts, served: &ServedBy) -> bool {
    let grown = usage_of(growth);
    are_at_most(&grown, served) && are_at_most(served, &grown)
}
