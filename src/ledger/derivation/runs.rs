//! Runs: what one process did on one session, as far as it wrote its running total.

use std::collections::BTreeMap;

use super::Family;
use super::owners::LineOwners;
use crate::ledger::facts::{Answer, Id, Parts, Total};
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
        // Between the two that a terminal writes at its end stands a snapshot.
        let is_exit = |total: &&&Total| {
            let start = totals.iter().filter(|one| one.file == total.file);
            let start = start.map(|one| one.position).min();
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
        Some(Self {
            totals: totals.to_vec(),
            ending: exit.copied().unwrap_or(first),
            has_exit: exit.is_some(),
            last,
        })
    }

    /// When it began, if it started from this total. Its chain had lived as long as that says.
    fn begin_from(&self, base: Option<&Total>) -> Millis {
        self.ending.before - (self.ending.run_ms - base.map_or(0, |base| base.run_ms))
    }

    fn holds(&self, total: &Total) -> bool {
        self.totals.iter().any(|one| std::ptr::eq(*one, total))
    }

    /// When its last total was written, at the earliest.
    fn written_at(&self) -> Millis {
        let times = self.totals.iter().map(|total| total.before);
        times.max().unwrap_or(self.last.before)
    }
}

/// The runs of each session and the session that it was forked from.
pub(super) fn of_family(family: &Family, owners: &LineOwners) -> Vec<(Id, Vec<Run>, Option<Id>)> {
    let written = written(family);
    let mut context = Context {
        family,
        owners,
        known: Vec::new(),
    };
    // No chain counts back, so what a run started from is known before it.
    for written in &written {
        let run = context.run(written);
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
    /// The runs that had lived no longer than the one that is looked at.
    known: Vec<(&'f Written<'f>, Run)>,
}

/// What a run started from.
#[derive(Clone, Copy)]
struct Base<'f> {
    written: &'f Written<'f>,
    /// Whether it may have been an older total.
    is_doubtful: bool,
}

impl<'f> Context<'f> {
    fn run(&self, run: &'f Written<'f>) -> Run {
        let last = run.last;
        let own = self.base_in_own_files(run);
        let base = own.map(|own| own.written);
        let base = base.or_else(|| self.base_of_fork(run, self.parent(last.session)));
        let before = base.map(|base| base.last);
        let started_from = match (own, base) {
            (Some(own), _) if own.is_doubtful => StartedFrom::OwnInDoubt,
            (Some(_), _) => StartedFrom::Own,
            (None, Some(_)) => StartedFrom::OtherSession,
            _ if self.has_lost_base(run) => StartedFrom::Gone,
            _ => StartedFrom::Nothing,
        };
        let begins_chain = started_from == StartedFrom::Nothing;
        let (begin, end) = if begins_chain {
            let end = last.started.saturating_add(run.ending.run_ms);
            (last.started, end.max(run.ending.before))
        } else {
            let end = self.end_after(run, base);
            let begin = run.begin_from(before) + (end - run.ending.before);
            // Who wrote what it started from had ended, and was served all until then.
            let since = own.and_then(|own| self.run_of(own.written));
            (
                begin.max(since.map_or(Millis::MIN, |base| base.end + 1)),
                end,
            )
        };
        // Who was idle when its window was closed may have ended at any time before what follows.
        let ended_until = if run.has_exit || begins_chain {
            Some(end)
        } else {
            run.totals.iter().filter_map(|total| total.after).max()
        };
        Run {
            begin: begin.min(end),
            end,
            total: last.cost,
            base: before.map_or(Money::ZERO, |base| base.cost),
            lived_ms: run.ending.run_ms,
            has_unknown_model: last.has_unknown_model,
            started_from,
            chain_began: (
                end - run.ending.run_ms,
                ended_until.map(|at| at.max(end) - run.ending.run_ms),
            ),
            growth: growth(&last.parts, before.map(|base| &base.parts)),
        }
    }

    /// Whether its total must count what others spent whose files are gone: processes of its chain
    /// lived before, or its files repeat lines that are older than it and younger than the chain.
    fn has_lost_base(&self, run: &Written<'f>) -> bool {
        let Written { ending, last, .. } = *run;
        let alone = last.started.saturating_add(ending.run_ms);
        self.end_after(run, None) > alone + SAME_RUN_MS
            || self
                .lines_of_others(last.session)
                .any(|(at, _)| at >= last.started)
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

    fn written_of(&self, total: &Total) -> Option<&'f Written<'f>> {
        let known = self.known.iter();
        known.map(|(run, _)| *run).find(|run| run.holds(total))
    }

    fn run_of(&self, written: &Written<'f>) -> Option<&Run> {
        let mut known = self.known.iter();
        let own = known.find(|(known, _)| std::ptr::eq(*known, written))?;
        Some(&own.1)
    }

    /// The total that a run started from is the newest in its own file, in the moment when it
    /// started. Of copies of a file, the one that has most to say.
    fn base_in_own_files(&self, run: &Written<'f>) -> Option<Base<'f>> {
        let mut files: Vec<Id> = run.totals.iter().map(|total| total.file).collect();
        files.sort_unstable();
        files.dedup();
        let bases = files.into_iter().filter_map(|file| {
            let here = run.totals.iter().filter(|total| total.file == file);
            let first = here.map(|total| total.position).min()?;
            let mut earlier: Vec<&Total> = self
                .family
                .totals
                .iter()
                .filter(|total| total.file == file && total.position < first)
                .filter(|total| total.session == run.last.session && is_within(total, run.last))
                .collect();
            earlier.sort_by_key(|total| total.position);
            let newest = *earlier.last()?;
            // Who was opened beside it, or before it, goes on from an older one.
            let is_fit = |total: &&&Total| {
                let has_served_nothing = (total.cost, total.api_ms) == (newest.cost, newest.api_ms);
                (run.has_exit || has_served_nothing) && self.is_in_time(total, run)
            };
            let is_too_late = !self.is_in_time(newest, run);
            let is_beside =
                |older: &&&Total| is_too_late && self.are_beside(run.last, newest, older);
            let all = || earlier.iter().rev();
            let sure = all().find(is_fit).or_else(|| all().find(is_beside));
            // Or nobody can tell: it was idle when its window was closed, and others answered and wrote
            // no total; or these answers are its own.
            let possible = earlier.iter().rev().copied();
            let other = possible
                .filter(|older| sure.is_none() && is_too_late && self.is_in_time(older, run))
                .map(|older| (older, self.left_out(newest, older)))
                .find(|(_, left_out)| *left_out > Money::ZERO);
            let least = other.filter(|(older, left_out)| newest.cost - older.cost < *left_out);
            let least = least.map(|(older, _)| older);
            let base = sure.copied().or(least).unwrap_or(newest);
            Some(Base {
                written: self.written_of(base)?,
                is_doubtful: other.is_some(),
            })
        });
        bases.max_by_key(|base| (base.written.last.run_ms, base.written.last.cost))
    }

    /// What answers cost that stand between two totals of a session, and that the run which wrote the
    /// later one was not served.
    fn left_out(&self, later: &Total, earlier: &Total) -> Money {
        let written = [earlier, later].map(|total| self.written_of(total));
        let [Some(earlier), Some(later)] = written else {
            return Money::ZERO;
        };
        let run = self.run_of(later);
        let between = earlier.written_at() + 1..=later.written_at();
        let answers = self.own_answers(later.last.session);
        let left_out = answers.filter(|answer| {
            between.contains(&answer.at) && !run.is_some_and(|run| run.covers(answer.at))
        });
        left_out.map(|answer| answer.cost).sum()
    }

    /// Whether a total stood there when the run began that started from it.
    fn is_in_time(&self, base: &Total, run: &Written<'_>) -> bool {
        let begin = run.begin_from(Some(base));
        let written = self.written_of(base);
        written.is_some_and(|base| base.written_at() <= begin + SLACK)
    }

    /// Whether two runs went on from this total, each by itself: what they grew by is then what the
    /// session answered since, to the token. Or there is more, since the one that ended later compacted
    /// before the other ended, which grew by answers alone.
    fn are_beside(&self, later: &Total, other: &Total, base: &Total) -> bool {
        let Some(since) = self.written_of(base).map(Written::written_at) else {
            return false;
        };
        let answers_until = |until: Millis| -> Vec<&Answer> {
            let answers = self.own_answers(later.session);
            answers
                .filter(|answer| since < answer.at && answer.at <= until)
                .collect()
        };
        let until = later.before.max(other.before);
        let answers = served(&answers_until(until));
        let of_other = growth(&other.parts, Some(&base.parts));
        let mut grown = growth(&later.parts, Some(&base.parts));
        for (model, part) in &of_other {
            *grown.entry(*model).or_default() += *part;
        }
        let grown = usage_of(&grown);
        let compactions = self.family.compactions.iter();
        let compactions = compactions.filter(|one| one.session == later.session && since < one.at);
        let latest = compactions.map(|one| one.at).max();
        are_at_most(&answers, &grown)
            && (are_at_most(&grown, &answers)
                || latest.is_some_and(|at| at <= other.before)
                    && are_at_most(&usage_of(&of_other), &served(&answers_until(other.before))))
    }

    /// What a fork took over: the newest total of its parent.
    fn base_of_fork(&self, run: &Written<'f>, parent: Option<Id>) -> Option<&'f Written<'f>> {
        let Written { ending, last, .. } = *run;
        let own: Vec<&Answer> = self.own_answers(last.session).collect();
        let first_answer = own.iter().map(|answer| answer.at).min();
        let forked = first_answer.unwrap_or(Millis::MAX).min(ending.before);
        let first_mark = self.owners.first_mark(last.session);
        // A copy that names nobody, and nobody else is left to own it: what the fork took over is gone, too.
        if own.iter().any(|answer| self.owners.is_copy(answer)) {
            return None;
        }
        let first_line = first_mark.unwrap_or(forked).min(forked);
        // Of what its parent answered, a fork repeats all that was there.
        let newest_copy = self.lines_of_others(last.session).map(|(at, _)| at).max();
        let knows_more = |base: &Written<'_>| {
            let is_unknown = |at: Millis| {
                newest_copy.is_some_and(|newest| newest < at) && at <= base.written_at()
            };
            let mut answers = self.own_answers(base.last.session);
            Some(base.last.session) == parent
                && answers.any(|answer| !answer.is_of_subagent && is_unknown(answer.at))
        };
        let known = self.known.iter().map(|(known, _)| *known);
        let mut candidates: Vec<&Written<'f>> = known
            .filter(|base| base.last.session != last.session && is_within(base.last, last))
            .filter(|base| base.written_at() <= forked)
            .collect();
        candidates.sort_by_key(|base| {
            let total = base.last;
            (base.written_at(), total.run_ms, total.cost, total.session)
        });
        // With the total of a sibling the process would be younger than the first line it wrote.
        let is_old_enough =
            |base: &&Written<'_>| run.begin_from(Some(base.last)) <= first_line + SLACK;
        if candidates.iter().any(is_old_enough) {
            candidates.retain(is_old_enough);
        }
        if !candidates.iter().all(|base| knows_more(base)) {
            candidates.retain(|base| !knows_more(base));
        }
        let covered = own.into_iter().filter(|answer| answer.at <= ending.before);
        let covered: Vec<&Answer> = covered.collect();
        let explains = |base: &Written<'_>| {
            is_explained(&growth(&last.parts, Some(&base.last.parts)), &covered)
        };
        // A fork that wrote no line itself hands on its parent's lines only.
        let of_parent = |base: &Written<'_>| {
            let other = base.last.session;
            Some(other) == parent || !self.has_lines(other) && self.parent(other) == parent
        };
        // What it took over is gone with its parent's file, and is not what others have.
        let files = || self.family.files.values();
        let has_file = |session: Id| files().any(|file| file.session == session);
        let is_parent_gone = parent.is_some_and(|parent| !has_file(parent));
        let newest = |wanted: &dyn Fn(&Written<'f>) -> bool| {
            candidates.iter().rfind(|base| wanted(base)).copied()
        };
        // Whose lines it repeats that are newer was told more than that.
        let is_outdated = |base: &Written<'_>| newest_copy > Some(base.written_at());
        newest(&explains)
            .or_else(|| newest(&of_parent))
            .or_else(|| newest(&|base| !is_parent_gone && !is_outdated(base)))
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

    /// The owner of the newest line in a session's files that is not its own.
    fn parent(&self, session: Id) -> Option<Id> {
        self.lines_of_others(session).max().map(|(_, owner)| owner)
    }

    /// Answers and compactions in a session's files that are not its own: their times and owners.
    fn lines_of_others(&self, session: Id) -> impl Iterator<Item = (Millis, Id)> {
        let Family {
            answers,
            compactions,
            ..
        } = self.family;
        let answers = answers.iter().filter(move |one| {
            one.session != session && self.family.is_in_files_of(session, one.places())
        });
        let compactions = compactions.iter().filter(move |one| {
            one.session != session && self.family.is_in_files_of(session, one.places.iter())
        });
        let answers = answers.map(|one| (one.at, one.session));
        answers.chain(compactions.map(|one| (one.at, one.session)))
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

fn growth(total: &Parts, base: Option<&Parts>) -> Parts {
    let part = |(model, part): (&Id, &ModelTotal)| {
        let base = base
            .and_then(|base| base.get(model))
            .copied()
            .unwrap_or_default();
        let grown = ModelTotal {
            usage: part.usage - base.usage,
            splits: part.splits,
            cost: part.cost - base.cost,
        };
        (*model, grown)
    };
    let parts = total.iter().map(part);
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

fn served(answers: &[&Answer]) -> ServedBy {
    let models = answers.iter().flat_map(|answer| answer.models());
    let served = |model| answers.iter().map(|answer| answer.served_by(model)).sum();
    models.map(|model| (model, served(model))).collect()
}

fn are_at_most(ones: &ServedBy, others: &ServedBy) -> bool {
    let other = |model: &Id| others.get(model).copied().unwrap_or_default();
    ones.iter()
        .all(|(model, usage)| is_at_most(*usage, other(model)))
}

/// Whether these answers are all that a run was served, to the token.
fn is_explained(growth: &Parts, answers: &[&Answer]) -> bool {
    let (grown, served) = (usage_of(growth), served(answers));
    are_at_most(&grown, &served) && are_at_most(&served, &grown)
}
