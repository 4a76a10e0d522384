//! Calculates the spend that is included in running totals but not reported by any transcript line.
//!
//! A part's unrecorded spend is the increase in its running totals minus the cost of its responses, in dollars, and is
//! never negative. The breakdown by model can only reduce this difference: it shows to which model the difference
//! belongs, and how much of it is not spend but a price that Claude Code and whycap disagree on. Such a difference comes
//! without tokens that the responses lack.
//!
//! The API, the provider, and the user may each have another name for a model, so models are compared by their identity
//! in the price table. Names that the price table does not resolve, such as aliases, are compared as one group.

use std::collections::BTreeMap;

use super::Lineage;
use super::bounds::LowerBoundReason;
use crate::ledger::facts::{Id, ModelTotals, Response, id_of};
use crate::pricing::{
    Money, NOISE, PriceTable, ServiceLevel, Usage, canonical, known_tariffs_of, tariffs_of,
};
use crate::time::Millis;
use crate::transcript::line::ModelTotal;

/// The breakdowns by model of the totals at the start and at the end of a run.
type Breakdowns<'l> = [&'l ModelTotals; 2];

/// The increase in running totals over a part of a session.
#[derive(Debug, Clone, Default)]
pub(super) struct Delta<'l> {
    pub cost: Money,
    /// The breakdowns of the totals of each run, or `None` if one of the totals is known only in dollars.
    breakdowns: Option<Vec<Breakdowns<'l>>>,
    /// True if Claude Code had no price for one of the models.
    pub has_unknown_model: bool,
}

/// The unrecorded spend in a part of a session.
#[derive(Debug, Clone, Default)]
pub(super) struct UnrecordedSpend {
    /// The spend by model. Spend that fits no model has the ID of the empty name.
    pub by_model: BTreeMap<Id, Money>,
    /// The reason why the amounts are lower bounds, or `None` if they are exact.
    pub bound: Option<LowerBoundReason>,
}

impl UnrecordedSpend {
    pub(super) fn cost(&self) -> Money {
        self.by_model.values().copied().sum()
    }

    /// Subtracts an amount from the models' spend, one model after another.
    pub(super) fn subtract(&mut self, amount: Money) {
        let mut rest = amount;
        for cost in self.by_model.values_mut() {
            let taken = rest.min(*cost);
            *cost -= taken;
            rest -= taken;
        }
    }
}

/// The spend of one model in a part of a session.
#[derive(Debug, Default)]
struct ModelSpend<'l> {
    /// One of the model's names, or an empty name if this is the spend of several models.
    name: &'l str,
    /// The increase in the model's running totals.
    total: Option<ModelTotal>,
    /// The spend that responses report.
    recorded: Option<ModelTotal>,
}

impl ModelSpend<'_> {
    /// Returns true if the totals lack tokens that the responses report.
    fn lacks_tokens(&self) -> bool {
        let total = self.total.unwrap_or_default();
        let recorded = self.recorded.unwrap_or_default();
        let mut lacking = recorded.usage - total.usage;
        if !total.has_lifetime_breakdown {
            lacking.cache_write_1h = 0;
        }
        !lacking.is_zero()
    }
}

/// The spend of one model that is in the running totals but not in any response.
#[derive(Debug)]
struct MissingSpend<'l> {
    name: &'l str,
    /// The cost, as Claude Code calculates it.
    cost: Money,
    usage: Usage,
}

impl<'l> Delta<'l> {
    /// Returns a zero delta.
    pub(super) fn zero() -> Self {
        Self {
            breakdowns: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// Adds the increase from one total to another. `breakdowns` contains the breakdowns of both totals, if known.
    pub(super) fn add(&mut self, from: Money, to: Money, breakdowns: Option<Breakdowns<'l>>) {
        self.cost += (to - from).or_zero();
        match (&mut self.breakdowns, breakdowns) {
            (Some(all), Some(new)) => all.push(new),
            (all, _) => *all = None,
        }
    }

    /// Returns the part of the delta that the responses do not account for, at the prices in effect at the given time.
    pub(super) fn minus(
        &self,
        responses: &[&'l Response],
        at: Millis,
        lineage: &'l Lineage,
        prices: &PriceTable,
    ) -> UnrecordedSpend {
        let recorded: Money = responses
            .iter()
            .map(|response| response.client_cost)
            .sum();
        let difference = self.cost - recorded;
        let mut result = UnrecordedSpend::default();
        let missing = match &self.breakdowns {
            Some(breakdowns) => {
                let models = models_of(breakdowns, responses, lineage, prices);
                self.missing_by_model(models, at, prices, &mut result.bound)
            }
            None => self.missing_dollars(difference, responses, lineage, &mut result.bound),
        };
        let mut rest = difference.or_zero();
        for model in missing {
            let cost = model.cost.min(rest);
            rest -= cost;
            if cost < model.cost - NOISE {
                result
                    .bound
                    .get_or_insert(LowerBoundReason::CostExceedsTotals);
            }
            if cost > NOISE {
                let cost = prices.at_own_rates(model.name, cost, model.usage, at);
                *result
                    .by_model
                    .entry(id_of(model.name.as_bytes()))
                    .or_default() += cost;
            }
        }
        result
    }

    /// Returns the difference between the increase and the recorded spend as the spend of the newest response's model.
    fn missing_dollars(
        &self,
        difference: Money,
        responses: &[&'l Response],
        lineage: &'l Lineage,
        bound: &mut Option<LowerBoundReason>,
    ) -> Vec<MissingSpend<'l>> {
        if difference < Money::ZERO - NOISE {
            *bound = Some(LowerBoundReason::CostExceedsTotals);
        } else if self.has_unknown_model {
            *bound = Some(LowerBoundReason::ModelWithoutPrice);
        }
        if self.has_unknown_model {
            return Vec::new();
        }
        let newest = responses.iter().max_by_key(|response| response.at);
        vec![MissingSpend {
            name: newest.map_or("", |response| lineage.model(response.model)),
            cost: difference.or_zero(),
            usage: Usage::default(),
        }]
    }

    /// Returns the spend of each model whose totals include tokens that the responses lack.
    fn missing_by_model(
        &self,
        models: Vec<ModelSpend<'l>>,
        at: Millis,
        prices: &PriceTable,
        bound: &mut Option<LowerBoundReason>,
    ) -> Vec<MissingSpend<'l>> {
        let mut missing = Vec::new();
        let mut in_no_model = self.cost;
        let mut lacks_responses = false;
        for model in models {
            let total = model.total.unwrap_or_default();
            let recorded = model.recorded.unwrap_or_default();
            in_no_model -= total.cost;
            lacks_responses |= model.lacks_tokens();
            let usage = total.usage - recorded.usage;
            if usage.is_zero() {
                continue;
            }
            let mut cost = (total.cost - recorded.cost).or_zero();
            if self.has_unknown_model || tariffs_of(model.name).len() > 1 {
                let listed = listed_cost(model.name, usage, at, prices);
                if !listed.is_near(cost) {
                    *bound = Some(LowerBoundReason::ModelWithoutPrice);
                }
                if !total.has_lifetime_breakdown && usage.cache_write > 0 {
                    *bound = Some(LowerBoundReason::CacheLifetimeUnknown);
                }
                cost = cost.min(listed);
            }
            missing.push(MissingSpend {
                name: self.name_of(&model),
                cost,
                usage,
            });
        }
        if in_no_model > NOISE && !self.has_unknown_model {
            missing.push(MissingSpend {
                name: "",
                cost: in_no_model,
                usage: Usage::default(),
            });
        }
        if lacks_responses {
            *bound = Some(LowerBoundReason::TotalsLackResponses);
        }
        missing
    }

    /// Returns the name of the model to which missing spend is assigned. If only the totals name a model, and the price
    /// table does not contain it although Claude Code knows its price, the name is an alias and is not used.
    fn name_of(&self, model: &ModelSpend<'l>) -> &'l str {
        let is_alias = model.recorded.is_none()
            && !self.has_unknown_model
            && known_tariffs_of(model.name).is_none();
        if is_alias { "" } else { model.name }
    }
}

/// Returns the lowest cost of the usage at list prices, or zero if it may belong to several models.
///
/// This is the most that is certain if the client may have had another price: if it did not recognize one of the
/// models, or if it may be older than a change of the model's price.
fn listed_cost(name: &str, usage: Usage, at: Millis, prices: &PriceTable) -> Money {
    if name.is_empty() {
        return Money::ZERO;
    }
    let prices = prices.client_prices_of(name);
    prices.price(at, [usage], ServiceLevel::default())
}

/// Returns the spend of each model.
///
/// If some models are only in the totals, and the totals of others lack tokens, these are added up as one model, because
/// the names in the totals may be aliases of the names in the responses. It usually has no name.
fn models_of<'l>(
    breakdowns: &[Breakdowns<'l>],
    responses: &[&'l Response],
    lineage: &'l Lineage,
    prices: &PriceTable,
) -> Vec<ModelSpend<'l>> {
    let mut models: BTreeMap<String, ModelSpend<'l>> = BTreeMap::new();
    for (name, recorded) in recorded_by_name(responses, lineage, prices) {
        if recorded != ModelTotal::default() {
            let model = models.entry(canonical(name)).or_default();
            model.name = name;
            model.recorded = add(model.recorded, Some(recorded));
        }
    }
    for [from, to] in breakdowns {
        let before = totals_by_identity(from);
        for (identity, after) in totals_by_identity(to) {
            let before = before.get(&identity).copied().unwrap_or_default();
            let increase = after.total.since(before.total);
            if increase.cost > Money::ZERO || !increase.usage.is_zero() {
                let model = models.entry(identity).or_default();
                if model.name.is_empty() {
                    model.name = after.name;
                }
                model.total = add(model.total, Some(increase));
            }
        }
    }
    let lacks_responses = models.values().any(|model| model.recorded.is_none());
    let lacks_tokens = models.values().any(ModelSpend::lacks_tokens);
    if !(lacks_responses && lacks_tokens) {
        return models.into_values().collect();
    }
    let (unmatched, mut matched): (Vec<_>, Vec<_>) = models
        .into_values()
        .partition(|model| model.recorded.is_none() || model.lacks_tokens());
    let mut sum = ModelSpend::default();
    // If the totals have only an alias or an inference profile, it stands for the only model that responded.
    if let [a, b] = unmatched.as_slice() {
        let (response, total) = if a.recorded.is_some() { (a, b) } else { (b, a) };
        if known_tariffs_of(total.name).is_none() {
            sum.name = response.name;
        }
    }
    for model in unmatched {
        sum.total = add(sum.total, model.total);
        sum.recorded = add(sum.recorded, model.recorded);
    }
    matched.push(sum);
    matched
}

fn add(a: Option<ModelTotal>, b: Option<ModelTotal>) -> Option<ModelTotal> {
    match (a, b) {
        (Some(mut sum), Some(total)) => {
            sum += total;
            Some(sum)
        }
        (a, b) => a.or(b),
    }
}

/// A model's running total, and one of the model's names.
#[derive(Debug, Clone, Copy, Default)]
struct NamedTotal<'l> {
    name: &'l str,
    total: ModelTotal,
}

/// Adds up the running totals of names that stand for the same model.
fn totals_by_identity<'l>(totals: &'l ModelTotals) -> BTreeMap<String, NamedTotal<'l>> {
    let mut by_identity: BTreeMap<String, NamedTotal<'l>> = BTreeMap::new();
    for (name, total) in totals {
        by_identity
            .entry(canonical(name))
            .and_modify(|known| known.total += *total)
            .or_insert(NamedTotal {
                name,
                total: *total,
            });
    }
    by_identity
}

/// Adds up the spend that responses report by the model's name in the transcript. Claude Code adds the cost of an advisor
/// to the total of the advisor's model.
fn recorded_by_name<'l>(
    responses: &[&'l Response],
    lineage: &'l Lineage,
    prices: &PriceTable,
) -> BTreeMap<&'l str, ModelTotal> {
    let mut by_name: BTreeMap<&'l str, ModelTotal> = BTreeMap::new();
    for response in responses {
        let name = lineage.model(response.model);
        let mut cost = response.client_cost;
        for advice in &response.advice {
            let client = prices.client_prices_of(name);
            let piece = std::slice::from_ref(advice);
            let cost_of_advice = client.price_advice(response.at, piece, response.service);
            let sum = by_name.entry(&advice.model).or_default();
            sum.usage += advice.usage;
            sum.cost += cost_of_advice;
            cost -= cost_of_advice;
        }
        let sum = by_name.entry(name).or_default();
        sum.usage += response.usage;
        sum.cost += cost;
    }
    by_name
}
