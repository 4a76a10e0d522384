//! Runs: what one process did on one session, as far as it wrote its running total.

use std::collections::BTreeMap;

use super::owners::Owners;
use super::{Answer, Family, Part, Parts, SessionIndex, Sighting, Total};
use crate::pricing::{Money, Usage};
use crate::time::Millis;
use crate::transcript::lineage::SAME_RUN_MS;

/// Times that are worked out are good to about this much.
const SLACK: Millis = 20;

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
    /// Whether it started from a total of another session.
    pub(crate) is_forked: bool,
    /// By how much it grew, by model.
    pub(crate) growth: Parts,
}

/// Totals of one run: a terminal writes two, and copies of files repeat them. A run that was
/// served nothing, right after, cannot be told from it.
struct Written<'f> {
    totals: Vec<&'f Total>,
    /// The one that tells when the run ended.
    ending: &'f Total,
    /// The one that was written last: what others start from.
    last: &'f Total,
}

impl<'f> Written<'f> {
    fn of(totals: &[&'f Total], family: &Family) -> Option<Self> {
        let last = *totals.iter().max_by_key(|total| total.run_ms)?;
        let first = *totals.iter().min_by_key(|total| total.run_ms)?;
        // Between the two that a terminal writes at its end stands a snapshot.
        let is_exit = |total: &&&Total| {
            let start = totals.iter().filter(|one| one.file == total.file);
            let start = start.map(|one| one.position).min();
            let file = family.files.get(total.file);
            let mut snapshots = file.into_iter().flat_map(|file| &file.snapshots);
            snapshots.any(|(_, mark)| {
                mark.at == total.before
                    && mark.position < total.position
                    && Some(mark.position) > start
            })
        };
        let exits = totals.iter().filter(is_exit);
        Some(Self {
            totals: totals.to_vec(),
            ending: exits
                .max_by_key(|total| total.run_ms)
                .copied()
                .unwrap_or(first),
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
pub(super) fn of_family(
    family: &Family,
    owners: &Owners<'_>,
    answers: &[SessionIndex],
    compactions: &[SessionIndex],
) -> Vec<(Vec<Run>, Option<SessionIndex>)> {
    let written = written(family);
    let context = Context {
        family,
        owners,
        answers,
        compactions,
        written: &written,
    };
    let sessions = 0..family.sessions.len();
    sessions
        .map(|session| {
            let parent = context.parent(session);
            let own = written.iter().filter(|run| run.last.session == session);
            let mut runs: Vec<Run> = own.map(|run| context.run(run, parent)).collect();
            runs.sort_by_key(|run| (run.end, run.lived_ms, run.total));
            (runs, parent)
        })
        .collect()
}

fn written(family: &Family) -> Vec<Written<'_>> {
    let mut totals: Vec<&Total> = family.totals.iter().collect();
    let same = |total: &Total| (total.session, total.started, total.cost, total.api_ms);
    totals.sort_by_key(|total| (same(total), total.run_ms, total.before, total.position));
    let runs = totals
        .chunk_by(|one, next| same(one) == same(next) && next.run_ms - one.run_ms <= SAME_RUN_MS);
    runs.filter_map(|totals| Written::of(totals, family))
        .collect()
}

struct Context<'f> {
    family: &'f Family,
    owners: &'f Owners<'f>,
    answers: &'f [SessionIndex],
    compactions: &'f [SessionIndex],
    written: &'f [Written<'f>],
}

impl<'f> Context<'f> {
    fn run(&self, run: &Written<'f>, parent: Option<SessionIndex>) -> Run {
        let Written { ending, last, .. } = *run;
        let own = self.base_in_own_files(run);
        let base = own.or_else(|| self.base_of_fork(run, parent));
        let before = base.map(|base| base.last);
        let end = ending.before;
        let begin = run.begin_from(before);
        // The total it started from stood there already. Without one, the chain began with it.
        let earliest = match (own, base) {
            (Some(own), _) => own.written_at(),
            (None, Some(_)) => Millis::MIN,
            (None, None) => last.started,
        };
        Run {
            begin: begin.max(earliest).min(end),
            end,
            total: last.cost,
            base: before.map_or(Money::ZERO, |base| base.cost),
            lived_ms: ending.run_ms,
            has_unknown_model: last.has_unknown_model,
            is_forked: before.is_some_and(|base| base.session != last.session),
            growth: growth(&last.parts, before.map(|base| &base.parts)),
        }
    }

    fn written_of(&self, total: &Total) -> Option<&'f Written<'f>> {
        self.written.iter().find(|run| run.holds(total))
    }

    /// The total that a run started from is the newest in its own file, in the moment when it
    /// started. Of copies of a file, the one that has most to say.
    fn base_in_own_files(&self, run: &Written<'f>) -> Option<&'f Written<'f>> {
        let mut files: Vec<usize> = run.totals.iter().map(|total| total.file).collect();
        files.sort_unstable();
        files.dedup();
        let bases = files.into_iter().filter_map(|file| {
            let here = run.totals.iter().filter(|total| total.file == file);
            let first = here.clone().map(|total| total.position).min()?;
            let end = here.max_by_key(|total| total.position)?;
            let mut earlier: Vec<&Total> = self
                .family
                .totals
                .iter()
                .filter(|total| total.file == file && total.position < first)
                .filter(|total| total.session == end.session && is_within(total, run.last))
                .collect();
            earlier.sort_by_key(|total| total.position);
            let mut newest = *earlier.last()?;
            if !self.is_in_time(newest, run) {
                // Who was opened beside it and served nothing has changed nothing but the time.
                let same = |total: &&&Total| {
                    (total.cost, total.api_ms) == (newest.cost, newest.api_ms)
                        && self.is_in_time(total, run)
                };
                newest = earlier.iter().rev().find(same).unwrap_or(&newest);
            }
            let other = self.other_start(run, end, newest, &earlier);
            self.written_of(other.unwrap_or(newest))
        });
        bases.max_by_key(|base| (base.last.run_ms, base.last.cost))
    }

    /// Of two at once from the same total, one can be greater in everything than the other, and is
    /// still not what that one started from: its lines do not come from there, but from an older
    /// total, and its process would be younger than its lines, or older than the total.
    fn other_start(
        &self,
        run: &Written<'f>,
        end: &Total,
        newest: &Total,
        earlier: &[&'f Total],
    ) -> Option<&'f Total> {
        if end.from.is_none() && end.asked.is_none() {
            return None;
        }
        let begin = |base: &Total| run.begin_from(Some(base));
        // Whoever was served nothing, or what was answered since, to the token, started there.
        let grown = growth(&run.last.parts, Some(&newest.parts));
        if grown.is_empty() && newest.api_ms == run.last.api_ms {
            return None;
        }
        let since = begin(newest) - SLACK..=run.ending.before;
        let answers = self.own_answers(run.last.session);
        let answers: Vec<&Answer> = answers
            .filter(|answer| since.contains(&answer.at))
            .collect();
        if !answers.is_empty() && is_explained(&grown, &answers) {
            return None;
        }
        let is_younger_than_lines = end.since.is_some_and(|since| since < begin(newest));
        // Who has served more than the probe at a start was asked something, and wrote that down.
        let has_served = grown.values().any(|part| part.usage.output > 1);
        let was_not_asked = has_served && end.asked < Some(begin(newest));
        let is_late = end.since.is_some() && !self.is_in_time(newest, run);
        let has_answered_more = self.has_answered_more(run, newest, &grown);
        if !is_younger_than_lines && !was_not_asked && !is_late && !has_answered_more {
            return None;
        }
        let mut ways = Vec::new();
        let mut from = end.from;
        while let Some(position) = from.filter(|position| !ways.contains(position)) {
            ways.push(position);
            let total = earlier.iter().find(|total| total.position == position);
            from = total.and_then(|total| total.from);
        }
        let is_from = |total: &Total| {
            let written = self.written_of(total);
            let mut all = written.into_iter().flat_map(|run| &run.totals);
            all.any(|one| one.file == total.file && ways.contains(&one.position))
        };
        // Its lines may come from there although the total was written later.
        let written = self.written_of(newest).map(Written::written_at);
        let is_beside = end.since.is_some_and(|since| Some(since) < written) || was_not_asked;
        if is_from(newest) && !is_beside {
            return None;
        }
        let may_be = |total: &&&Total| {
            let fits =
                end.since.is_none_or(|since| since >= begin(total)) && self.is_in_time(total, run);
            fits || is_younger_than_lines && is_from(total)
        };
        let is_other = |total: &&&Total| {
            let written = self.written_of(newest);
            written.is_none_or(|run| !run.holds(total))
        };
        let others = earlier.iter().filter(is_other);
        others.rev().find(may_be).copied()
    }

    /// Whether the answers since a run would have begun are more than it would have grown by.
    fn has_answered_more(&self, run: &Written<'f>, base: &Total, grown: &Parts) -> bool {
        let begin = run.begin_from(Some(base));
        let written = self.written_of(base).map(Written::written_at);
        let begin = written.unwrap_or(begin).max(begin);
        let mut prompts: BTreeMap<&str, u64> = BTreeMap::new();
        for answer in self.own_answers(run.last.session) {
            if (begin..=run.ending.before).contains(&answer.at) {
                let sum = prompts.entry(&answer.model).or_default();
                *sum = sum.saturating_add(answer.usage.prompt());
            }
        }
        let grown = |model: &str| grown.get(model).map_or(0, |part| part.usage.prompt());
        prompts.iter().any(|(model, sum)| *sum > grown(model))
    }

    /// Whether a total stood there when the run began that started from it.
    fn is_in_time(&self, base: &Total, run: &Written<'_>) -> bool {
        let begin = run.begin_from(Some(base));
        let written = self.written_of(base);
        written.is_some_and(|base| base.written_at() <= begin + SLACK)
    }

    /// What a fork took over: the newest total of its parent.
    fn base_of_fork(
        &self,
        run: &Written<'f>,
        parent: Option<SessionIndex>,
    ) -> Option<&'f Written<'f>> {
        let Written { ending, last, .. } = *run;
        let own: Vec<&Answer> = self.own_answers(last.session).collect();
        let first_answer = own.iter().map(|answer| answer.at).min();
        let forked = first_answer.unwrap_or(Millis::MAX).min(ending.before);
        let first_mark = self.owners.first_mark(last.session);
        let first_line = first_mark.unwrap_or(forked).min(forked);
        let mut candidates: Vec<&Written<'f>> = self
            .written
            .iter()
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
        let covered = own.into_iter().filter(|answer| answer.at <= ending.before);
        let covered: Vec<&Answer> = covered.collect();
        let explains = |base: &Written<'_>| {
            is_explained(&growth(&last.parts, Some(&base.last.parts)), &covered)
        };
        let of_parent = |base: &Written<'_>| Some(base.last.session) == parent;
        let newest = |wanted: &dyn Fn(&Written<'f>) -> bool| {
            candidates.iter().rfind(|base| wanted(base)).copied()
        };
        newest(&explains)
            .or_else(|| newest(&of_parent))
            .or_else(|| newest(&|_| true))
    }

    fn own_answers(&self, session: SessionIndex) -> impl Iterator<Item = &'f Answer> {
        let answers = self.family.answers.iter().zip(self.answers);
        answers
            .filter(move |(_, owner)| **owner == session)
            .map(|(answer, _)| answer)
    }

    /// The owner of the newest line in a session's files that is not its own.
    fn parent(&self, session: SessionIndex) -> Option<SessionIndex> {
        let answers = self.family.answers.iter().zip(self.answers);
        let answers = answers.map(|(one, owner)| (one.at, *owner, &one.sightings));
        let compactions = self.family.compactions.iter().zip(self.compactions);
        let compactions = compactions.map(|(one, owner)| (one.at, *owner, &one.sightings));
        let is_here = |sightings: &[Sighting]| {
            let files = sightings
                .iter()
                .filter_map(|seen| self.family.files.get(seen.file));
            files.into_iter().any(|file| file.session == session)
        };
        answers
            .chain(compactions)
            .filter(|(_, owner, sightings)| *owner != session && is_here(sightings))
            .max_by_key(|(at, owner, _)| (*at, *owner))
            .map(|(_, owner, _)| owner)
    }
}

/// Whether a chain of runs could have come from one total to the other: no counter went back.
fn is_within(earlier: &Total, later: &Total) -> bool {
    let has = |model: &String, part: &Part| {
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
    let part = |(model, part): (&String, &Part)| {
        let base = base
            .and_then(|base| base.get(model))
            .copied()
            .unwrap_or_default();
        let grown = Part {
            usage: part.usage - base.usage,
            splits: part.splits,
            cost: part.cost - base.cost,
        };
        (model.clone(), grown)
    };
    let parts = total.iter().map(part);
    parts
        .filter(|(_, part)| !part.usage.is_zero() || part.cost != Money::ZERO)
        .collect()
}

/// Whether these answers are all that a run was served, to the token.
fn is_explained(growth: &Parts, answers: &[&Answer]) -> bool {
    let mut sums: BTreeMap<&str, Usage> = BTreeMap::new();
    for answer in answers {
        *sums.entry(&answer.model).or_default() += answer.usage;
    }
    let same = |one: Usage, other: Usage| is_at_most(one, other) && is_at_most(other, one);
    sums.retain(|_, usage| !usage.is_zero());
    sums.len() == growth.len()
        && growth.iter().all(|(model, part)| {
            let sum = sums.get(model.as_str()).copied().unwrap_or_default();
            same(part.usage, sum)
        })
}
