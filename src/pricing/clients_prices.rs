//! What a client may have charged where its prices are not ours.
//!
//! A client that does not know a model takes another's prices; one that is older than a change of
//! prices goes on with the old ones.

use super::cost::ModelPrices;
use super::money::Money;
use super::price_table::PriceTable;
use super::usage::{ServiceLevel, Usage};
use crate::time::Millis;

impl PriceTable {
    /// Prices that a client may have had for a model instead of ours: those of another day, and
    /// those of an unknown model.
    pub(crate) fn guesses_of_clients(&self, model: &str) -> Vec<ModelPrices<'_>> {
        let ever = self.list_prices_of(model);
        let unknown = self.list_prices_of("");
        ever.each_tariff().chain(unknown.each_tariff()).collect()
    }

    /// Every price that any model ever had: what a client may take for one that it does not know.
    pub(crate) fn guesses_of_any_client(&self) -> impl Iterator<Item = ModelPrices<'_>> {
        let models = self.rows().iter().map(|row| row.model);
        models.flat_map(|model| {
            let prices = self.list_prices_of(model);
            prices.each_tariff().collect::<Vec<_>>()
        })
    }
}

impl ModelPrices<'_> {
    /// `usage` with the split of cache writes by which it costs exactly `dollars`, however it was
    /// served. None if it never does. `hour` is the number of writes that live an hour, where it is
    /// known.
    pub(crate) fn split_that_costs(
        &self,
        at: Millis,
        usage: Usage,
        hour: Option<u64>,
        dollars: Money,
    ) -> Option<Usage> {
        let with = |hour| Usage {
            cache_write_1h: hour,
            ..usage
        };
        services().find_map(|service| {
            let price = |hour| self.price(at, &with(hour), service, &[]);
            let hour = hour.or_else(|| {
                let (least, most) = (price(0), price(usage.cache_write));
                let [over, range] = [dollars - least, most - least].map(Money::pico);
                let twice = i128::from(over) * i128::from(usage.cache_write) * 2;
                u64::try_from((twice / i128::from(range.max(1)) + 1) / 2).ok()
            })?;
            let costs = price(hour);
            (costs.is_near(dollars) && hour <= usage.cache_write).then(|| with(hour))
        })
    }
}

fn services() -> impl Iterator<Item = ServiceLevel> {
    let ways = [(false, false), (true, false), (false, true), (true, true)];
    ways.into_iter()
        .map(|(fast, us_only)| ServiceLevel { fast, us_only })
}
