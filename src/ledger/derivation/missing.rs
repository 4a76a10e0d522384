//! What the running totals of a session count and no line of its files shows: compactions, titles.
//!
//! The growth of all runs is added up first, and the session's own answers that fall into any of
//! them are taken off once. Runs whose times overlap cannot be told apart in this, so they are
//! looked at together.

use std::collections::{BTreeMap, BTreeSet};

use super::{Family, Run, SessionLife, StartedFrom};
use crate::ledger::facts::{Answer, Compaction, Id, cost_of};
use crate::pricing::{ModelPrices, Money, NOISE, PriceTable, ServiceLevel, Usage};
use crate::time::Millis;
use crate::transcript::line::ModelTotal;

/// Unrecorded spend at a time. A cost of 0: there may be more, and nobody knows how much.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unrecorded {
    pub(crate) at: Millis,
    pub(crate) model: Id,
    pub(crate) cost: Money,
}

impl Unrecorded {
    /// Nobody knows how much in a run.
    fn unknown(run: &Run, model: Id) -> Self {
        let (at, cost) = (run.end, Money::ZERO);
        Self { at, model, cost }
    }
}

/// Runs whose times overlap, and what falls into them.
struct Cluster<'f> {
    runs: Vec<&'f Run>,
    end: Millis,
}

impl Cluster<'_> {
    fn covers(&self, at: Millis) -> bool {
        self.runs.iter().any(|run| run.covers(at))
    }

    fn growth(&self, model: Id) -> ModelTotal {
        let mut sum = ModelTotal {
            splits: true,
            ..ModelTotal::default()
        };
        for part in self.runs.iter().filter_map(|run| run.growth.get(&model)) {
            sum += *part;
        }
        sum
    }

    /// Whether it may have been served these. One process that did not say when it ended may have begun later than its
    /// last line tells, and grew by all that it was served.
    fn may_hold(&self, answers: &[&Answer]) -> bool {
        let is_held = |(model, part): (&Id, &ModelTotal)| counts(part, served_by(*model, answers));
        let holds = |run: &&Run| run.growth.iter().all(is_held);
        let is_unsure = |run: &&&Run| run.chain_began.1 != Some(run.chain_began.0);
        self.runs.len() > 1 || self.runs.iter().filter(is_unsure).all(holds)
    }
}

fn served_by(model: Id, answers: &[&Answer]) -> Usage {
    answers.iter().map(|answer| answer.served_by(model)).sum()
}

/// Whether a total that tells tokens counts these; how long cache writes live is told by some clients only.
fn counts(total: &ModelTotal, served: Usage) -> bool {
    let counted = total.usage - served + served;
    counted == total.usage.with_hour_writes(counted.cache_write_1h)
}

/// Works out what the runs of a session, its own answers and its own compactions say of it: what
/// falls into runs, what is beyond, and of that the unrecorded spend.
pub(super) fn add_unrecorded(
    life: &mut SessionLife,
    session: Id,
    family: &Family,
    prices: &PriceTable,
) {
    let mut by_model: BTreeMap<Id, Vec<(Money, Vec<Dated>)>> = BTreeMap::new();
    let mut answers: Vec<&Answer> = family.answers_of(session).collect();
    answers.sort_by_key(|answer| answer.at);
    let compactions: Vec<&Compaction> = family.compactions_of(session).collect();
    let models_of_answers: BTreeSet<Id> =
        answers.iter().flat_map(|answer| answer.models()).collect();
    let (lost, runs): (Vec<&Run>, Vec<&Run>) =
        life.runs.iter().partition(|run| run.has_lost_base());
    let unrecorded = &mut life.unrecorded;
    for run in lost {
        // Of what it started from, which is gone, it may count more than the session's answers.
        unrecorded.extend(run.growth.iter().filter_map(|(model, part)| {
            let is_more = (part.usage - served_by(*model, &answers)).prompt() > 0;
            is_more.then(|| Unrecorded::unknown(run, *model))
        }));
    }
    let is_in_doubt = |run: &&&Run| run.started_from == StartedFrom::OwnInDoubt;
    for run in runs.iter().filter(is_in_doubt) {
        let model = run.growth.keys().next();
        unrecorded.extend(model.map(|model| Unrecorded::unknown(run, *model)));
    }
    for cluster in clusters(runs) {
        let mut covered = answers.clone();
        covered.retain(|answer| cluster.covers(answer.at));
        // The oldest are of one that was killed before.
        let firsts: Vec<usize> = (0..covered.len()).collect();
        let later = |first: &usize| covered.get(*first..).unwrap_or_default();
        let older = firsts.partition_point(|first| !cluster.may_hold(later(first)));
        covered.drain(..firsts.get(older).copied().unwrap_or(0));
        life.in_runs += cost_of(covered.iter().copied(), |_| true);
        let grown = cluster.runs.iter().flat_map(|run| run.growth.keys());
        let served = covered.iter().flat_map(|answer| answer.models());
        let models: BTreeSet<Id> = served.chain(grown.copied()).collect();
        for model in models {
            let value = beyond(&cluster, model, &covered, family, prices);
            life.beyond += value;
            // A title is made by a model that answers nothing.
            let is_title = !models_of_answers.is_empty() && !models_of_answers.contains(&model);
            let compactions = if is_title { &[] } else { &*compactions };
            let dates = dates(&cluster, &covered, compactions);
            by_model.entry(model).or_default().push((value, dates));
        }
    }
    for (model, values) in by_model {
        let sum: Money = values.iter().map(|(value, _)| *value).sum();
        let mut left = if sum > NOISE { sum } else { Money::ZERO };
        // What is negative in one cluster was counted too much in another: the latest gives first.
        for (value, dates) in values {
            let part = value.or_zero().min(left);
            left -= part;
            let parts = spread(part, &dates);
            unrecorded.extend(parts.map(|(at, cost)| Unrecorded { at, model, cost }));
        }
    }
}

/// Runs that grew, those whose times overlap together, in order of time.
fn clusters(mut runs: Vec<&Run>) -> Vec<Cluster<'_>> {
    runs.retain(|run| !run.growth.is_empty());
    runs.sort_by_key(|run| (run.begin, run.end));
    let mut clusters: Vec<Cluster<'_>> = Vec::new();
    for run in runs {
        match clusters.last_mut() {
            Some(open) if run.begin < open.end => {
                open.end = open.end.max(run.end);
                open.runs.push(run);
            }
            _ => clusters.push(Cluster {
                runs: vec![run],
                end: run.end,
            }),
        }
    }
    clusters
}

/// By how much a model's part of the totals grew beyond the answers that it covers, at the user's own rates.
/// Where the client's prices are not ours, what the missing tokens cost at ours.
fn beyond(
    cluster: &Cluster<'_>,
    model: Id,
    covered: &[&Answer],
    family: &Family,
    prices: &PriceTable,
) -> Money {
    let growth = cluster.growth(model);
    let shown = served_by(model, covered);
    let at_rates = |rates: &ModelPrices<'_>| -> Money {
        let costs = covered.iter().map(|answer| answer.price_at(model, rates));
        costs.sum()
    };
    let name = family.model(model);
    let (own, ours) = (prices.prices_of(name), prices.client_prices_of(name));
    let dollars = growth.cost - at_rates(&ours);
    let missing = growth.usage - shown;
    let known = growth.splits.then_some(missing.cache_write_1h);
    if growth.usage.is_zero() || !counts(&growth, shown) {
        // A total without counts, or one that lacks an answer.
        return prices.scale_client_amount(dollars);
    }
    let at = cluster.end;
    let plain = |rates: &ModelPrices<'_>, usage: &Usage| {
        rates.price(at, usage, ServiceLevel::default(), &[])
    };
    if let Some(split) = ours.split_that_costs(at, missing, known, dollars) {
        let overridden = own.are_overridden().then(|| plain(&own, &split));
        return overridden.unwrap_or_else(|| prices.scale_client_amount(dollars));
    }
    if missing.prompt() == 0 && missing.web_searches == 0 {
        // No request is without a prompt. What came of an answer that was broken off has its price (2.1.330 counts it),
        // so this is a difference of prices.
        return Money::ZERO;
    }
    // The rates that an organization had on that day scale all of it alike.
    let listed = prices.list_prices_of(name);
    let at_list = at_rates(&listed) + plain(&listed, &missing);
    let is_scaled = growth.splits && growth.cost.is_scaled(at_list);
    let mut guesses = prices.guesses_of_clients(name).into_iter();
    let explained = guesses.find_map(|guess| {
        // Of two clients at once, one may know the model and have answered.
        let mut dollars = [growth.cost - at_rates(&guess), dollars].into_iter();
        dollars.find_map(|dollars| guess.split_that_costs(at, missing, known, dollars))
    });
    let is_unknown = || cluster.runs.iter().any(|run| run.has_unknown_model);
    match explained.or_else(|| (is_scaled || is_unknown()).then_some(missing)) {
        Some(missing) => plain(&own, &missing),
        None => prices.scale_client_amount(dollars),
    }
}

/// A time and how much weighs on it.
type Dated = (Millis, u64);

/// When the requests were made that no line shows: a compaction is over when its line says; a run
/// without one has small requests only, and made them at its first prompt.
fn dates(cluster: &Cluster<'_>, covered: &[&Answer], compactions: &[&Compaction]) -> Vec<Dated> {
    let mut dates: Vec<Dated> = compactions
        .iter()
        .filter(|compaction| cluster.covers(compaction.at))
        .map(|compaction| (compaction.at, compaction.tokens.max(1)))
        .collect();
    dates.sort_unstable();
    dates.dedup();
    if dates.is_empty() {
        let first = covered.iter().map(|answer| answer.at).min();
        dates.push((first.unwrap_or(cluster.end), 1));
    }
    dates
}

/// An amount over times, by weight.
fn spread(mut left: Money, dates: &[Dated]) -> impl Iterator<Item = (Millis, Money)> {
    let mut weight_left: u128 = dates.iter().map(|(_, weight)| u128::from(*weight)).sum();
    dates.iter().filter_map(move |(at, weight)| {
        let weight = u128::from(*weight);
        let part = left.share(weight, weight_left);
        left -= part;
        weight_left -= weight;
        (part > Money::ZERO).then_some((*at, part))
    })
}
