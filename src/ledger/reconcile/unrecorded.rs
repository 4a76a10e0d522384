//! Calculates the spend that is included in running totals but not reported by any transcript line.

use std::collections::BTreeMap;

use super::Lineage;
use super::bounds::LowerBoundReason;
use crate::ledger::facts::{Id, ModelTotals, Response, id_of};
use crate::pricing::{Money, NOISE, PriceTable, ServiceLevel};
use crate::time::Millis;
use crate::transcript::line::ModelTotal;

/// The increase in running totals over a part of a session.
#[derive(Debug, Clone, Default)]
pub(super) struct Delta {
    pub(super) cost: Money,
    /// The increase by model, or `None` if one of the totals is known only in dollars.
    pub(super) models: Option<ModelTotals>,
    /// True if Claude Code had no price for one of the models.
    pub(super) has_unknown_model: bool,
}

/// The unrecorded spend in a part of a session.
#[derive(Debug, Clone, Default)]
pub(super) struct UnrecordedSpend {
    pub(super) by_model: BTreeMap<Id, Money>,
    /// The reason why the amounts are lower bounds, or `None` if they are exact.
    pub(super) bound: Option<LowerBoundReason>,
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

    fn add(&mut self, model: Id, cost: Money) {
        *self.by_model.entry(model).or_default() += cost;
    }
}

impl Delta {
    /// Returns a zero delta.
    pub(super) fn zero() -> Self {
        Self {
            models: Some(ModelTotals::new()),
            ..Self::default()
        }
    }

    /// Adds the increase from one total to another. `models` contains the breakdowns of both totals by model, if known.
    pub(super) fn add(
        &mut self,
        from: Money,
        to: Money,
        models: Option<(&ModelTotals, &ModelTotals)>,
    ) {
        self.cost += (to - from).or_zero();
        self.models = match (self.models.take(), models) {
            (Some(mut sum), Some((from, to))) => {
                for (name, total) in to {
                    let before = from.get(name).copied().unwrap_or_default();
                    let grown = ModelTotal {
                        cost: (total.cost - before.cost).or_zero(),
                        usage: total.usage - before.usage,
                        has_lifetime_breakdown: total.has_lifetime_breakdown
                            && (before.has_lifetime_breakdown || before.usage.cache_write == 0),
                    };
                    add_total(&mut sum, name, grown);
                }
                Some(sum)
            }
            _ => None,
        };
    }

    /// Returns the part of the delta that the responses do not account for, at the prices in effect at the given time.
    pub(super) fn minus(
        &self,
        responses: &[&Response],
        at: Millis,
        lineage: &Lineage,
        prices: &PriceTable,
    ) -> UnrecordedSpend {
        match &self.models {
            Some(models) => missing_tokens(models, responses, at, lineage, prices),
            None => self.missing_dollars(responses, prices),
        }
    }

    fn missing_dollars(&self, responses: &[&Response], prices: &PriceTable) -> UnrecordedSpend {
        let recorded: Money = responses.iter().map(|response| response.client_cost).sum();
        let missing = self.cost - recorded;
        let bound = if missing < Money::ZERO - NOISE {
            Some(LowerBoundReason::CostExceedsTotals)
        } else if self.has_unknown_model {
            Some(LowerBoundReason::ModelWithoutPrice)
        } else {
            None
        };
        let mut result = UnrecordedSpend {
            bound,
            ..UnrecordedSpend::default()
        };
        if missing > NOISE && !self.has_unknown_model {
            let newest = responses.iter().max_by_key(|response| response.at);
            let model = newest.map_or_else(|| id_of(b""), |response| response.model);
            result.add(model, prices.scale_client_amount(missing));
        }
        result
    }
}

fn add_total(totals: &mut ModelTotals, name: &str, grown: ModelTotal) {
    match totals.get_mut(name) {
        Some(known) => *known += grown,
        None => {
            totals.insert(name.to_owned(), grown);
        }
    }
}

/// Returns the cost of each model's missing tokens at the user's prices. The dollar amounts in the totals are not used
/// directly, because some clients have outdated prices.
fn missing_tokens(
    models: &ModelTotals,
    responses: &[&Response],
    at: Millis,
    lineage: &Lineage,
    prices: &PriceTable,
) -> UnrecordedSpend {
    let mut recorded: BTreeMap<&str, ModelTotal> = BTreeMap::new();
    for response in responses {
        let name = lineage.model(response.model);
        let client = prices.client_prices_of(name);
        let mut cost_of_advice = Money::ZERO;
        // The client adds an advisor's cost to the total of the advisor's model.
        for advice in &response.advice {
            let piece = std::slice::from_ref(advice);
            let cost = client.price_advice(response.at, piece, response.service);
            let sum = recorded.entry(&advice.model).or_default();
            sum.usage += advice.usage;
            sum.cost += cost;
            cost_of_advice += cost;
        }
        let sum = recorded.entry(name).or_default();
        sum.usage += response.usage;
        sum.cost += response.client_cost - cost_of_advice;
    }
    let mut result = UnrecordedSpend::default();
    let mut lacks_responses = false;
    for (name, total) in models {
        let known = recorded.remove(name.as_str()).unwrap_or_default();
        let missing = total.usage - known.usage;
        let mut excess = known.usage - total.usage;
        if !total.has_lifetime_breakdown {
            excess.cache_write_1h = 0;
        }
        lacks_responses |= !excess.is_zero();
        if missing.is_zero() {
            continue;
        }
        let hour = total
            .has_lifetime_breakdown
            .then_some(missing.cache_write_1h);
        let dollars = (total.cost - known.cost).or_zero();
        let client = prices.client_prices_of(name);
        let split = client.split_that_costs(at, missing, hour, dollars);
        if split.is_none() && hour.is_none() && missing.cache_write > 0 {
            result.bound = Some(LowerBoundReason::CacheLifetimeUnknown);
        }
        let cost = match split {
            // The client applies these prices regardless of the service level.
            Some(_) if prices.custom.is_none() || prices.custom.managed => dollars,
            split => {
                let usage = split.unwrap_or(missing);
                let tariff = prices.prices_of(name);
                tariff.price(at, [usage], ServiceLevel::default())
            }
        };
        result.add(id_of(name.as_bytes()), cost);
    }
    // If a model is missing from the totals, at least one response is missing too.
    lacks_responses |= recorded.values().any(|known| !known.usage.is_zero());
    if lacks_responses {
        result.bound = Some(LowerBoundReason::TotalsLackResponses);
    }
    result
}
