//! Which total a run started from, one of its session's own or a parent's; by what it grew since, and
//! whether answers explain that.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Base, Context, SLACK, StartedFrom, Written};
use crate::ledger::facts::{Answer, Id, Parts, Sighting, Total};
use crate::pricing::{Money, Usage};
use crate::time::Millis;
use crate::transcript::line::ModelTotal;

impl<'f> Context<'f> {
    /// The total that a run started from is the newest in its own file, in the moment when it
    /// started; and whether that may have been an older one. Of copies of a file, the one that has most
    /// to say.
    pub(super) fn base_in_own_files(
        &self,
        run: &Written<'f>,
    ) -> Option<(Base<'_, 'f>, StartedFrom)> {
        let files: BTreeSet<Id> = run.totals.iter().map(|total| total.file).collect();
        let bases = files.into_iter().filter_map(|file| {
            let first = run.first_in(file)?;
            let earlier = self.known.iter().filter(|(base, _)| {
                base.last.session == run.last.session
                    && is_within(base.last, run.last)
                    && base.first_in(file).is_some_and(|here| here < first)
            });
            let mut earlier: Vec<Base<'_, 'f>> = earlier.collect();
            earlier.sort_by_key(|(base, _)| Reverse(base.first_in(file)));
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
        let answers = self.family.answers_of(later.last.session);
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
            let answers = self.family.answers_of(session);
            served(answers.filter(|answer| since < answer.at && answer.at <= until))
        };
        let answers = served_until(later.last.before.max(other.last.before));
        let of_other = usage_of(&growth(other.last, Some(base.last)));
        let mut grown = usage_of(&growth(later.last, Some(base.last)));
        for (model, usage) in &of_other {
            *grown.entry(*model).or_default() += *usage;
        }
        let compacted = self.family.compactions_of(session).map(|one| one.at);
        let latest = compacted.filter(|at| since < *at).max();
        are_at_most(&answers, &grown)
            && (are_at_most(&grown, &answers)
                || latest.is_some_and(|at| at <= other.last.before)
                    && are_at_most(&of_other, &served_until(other.last.before)))
    }

    /// What a fork took over: the newest total of its parent.
    pub(super) fn base_of_fork(&self, run: &Written<'f>) -> Option<Base<'_, 'f>> {
        let (last, end) = (run.last, run.chain_lived_until().max(run.ending.before));
        let own: Vec<&Answer> = self.family.answers_of(last.session).collect();
        // A copy that names nobody, and nobody else is left to own it: what the fork took over is gone, too.
        if own.iter().any(|answer| self.owners.is_copy(answer)) {
            return None;
        }
        let forked = own.iter().map(|answer| answer.at).fold(end, Millis::min);
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
            let answers = || self.family.answers_of(base.last.session);
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
        let covered = served(own.into_iter().filter(|answer| answer.at <= end));
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
    one.max(other).with_hour_writes(other.cache_write_1h) == other
}

pub(super) fn growth(total: &Total, base: Option<&Total>) -> Parts {
    let mut grown = total.parts.clone();
    for (model, before) in base.into_iter().flat_map(|base| &base.parts) {
        if let Some(part) = grown.get_mut(model) {
            part.usage = part.usage - before.usage;
            part.cost -= before.cost;
        }
    }
    grown.retain(|_, part| !part.usage.is_zero() || part.cost != Money::ZERO);
    grown
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
