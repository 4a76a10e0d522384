//! Calculates the cost of a response, and the costs that the client may have calculated if its prices differ from
//! whycap's.
//!
//! A client uses another model's prices for models that it does not recognize. A client that was released before a
//! price change keeps using the old prices.

use super::custom_rates::MULTIPLIER_UNIT;
use super::money::Money;
use super::price_list::PriceRow;
use super::price_table::{PriceTable, Tariffs, known_tariffs_of, tariffs_of};
use super::prices::PRICES;
use super::rates::{Rate, Rates};
use super::usage::{Advice, ServiceLevel, Usage};
use crate::time::Millis;

/// The prices of one model, for calculating the costs of its responses.
#[derive(Debug, Clone)]
pub struct ModelPrices<'table> {
    table: &'table PriceTable,
    /// The override from the settings, which takes precedence over the tariffs.
    override_rates: Option<Rates>,
    tariffs: Tariffs,
    /// True if the model's prices are known. Otherwise, costs are estimated the same way as in the client.
    pub known: bool,
    /// The factor by which all costs are multiplied, in units of [`MULTIPLIER_UNIT`].
    multiplier: u64,
}

impl PriceTable {
    /// Returns the prices of a model with custom rates applied. Accepts any spelling of the model ID.
    pub fn prices_of(&self, model: &str) -> ModelPrices<'_> {
        let list_prices = self.list_prices_of(model);
        let override_rates = self.custom.override_for(model).copied();
        ModelPrices {
            known: list_prices.known || override_rates.is_some(),
            multiplier: self.custom.multiplier(),
            override_rates,
            ..list_prices
        }
    }

    /// Returns the prices that Claude Code uses for its own totals. These prices include an organization's custom
    /// rates, but not the user's own.
    pub(crate) fn client_prices_of(&self, model: &str) -> ModelPrices<'_> {
        if self.custom.managed {
            self.prices_of(model)
        } else {
            self.list_prices_of(model)
        }
    }

    /// Returns the prices of a model without custom rates.
    pub(crate) fn list_prices_of(&self, model: &str) -> ModelPrices<'_> {
        let listed = known_tariffs_of(model);
        ModelPrices {
            table: self,
            override_rates: None,
            known: listed.is_some(),
            tariffs: listed.unwrap_or_else(|| tariffs_of(model)),
            multiplier: MULTIPLIER_UNIT,
        }
    }

    /// Converts the amount that the client charged for `usage` to the user's own rates. If the amount is less than the
    /// list price of the usage, the result is reduced in proportion.
    pub(crate) fn at_own_rates(
        &self,
        model: &str,
        amount: Money,
        usage: Usage,
        at: Millis,
    ) -> Money {
        if self.custom.managed || self.custom.override_for(model).is_none() || usage.is_zero() {
            return self.scale_client_amount(amount);
        }
        let [own, listed] = [self.prices_of(model), self.list_prices_of(model)]
            .map(|prices| prices.price(at, [usage], ServiceLevel::default()));
        let [part, whole] =
            [amount.min(listed), listed].map(|amount| amount.pico().unsigned_abs().into());
        own.times(part, whole)
    }

    /// Applies custom rates to an amount charged by the client.
    ///
    /// Only the multiplier is applied, because overrides require token counts.
    pub fn scale_client_amount(&self, amount: Money) -> Money {
        if self.custom.is_none() || self.custom.managed {
            return amount;
        }
        amount.times(self.custom.multiplier().into(), MULTIPLIER_UNIT.into())
    }
}

impl ModelPrices<'_> {
    /// Returns the cost of model calls at the given time. Each call is checked separately for long-prompt rates. For a
    /// response, pass its `Usage::calls`.
    pub fn price(
        &self,
        at: Millis,
        calls: impl IntoIterator<Item = Usage>,
        service: ServiceLevel,
    ) -> Money {
        let tariff = self.tariff_at(at);
        let us_tenths = if service.us_only {
            PRICES.us_inference_tenths
        } else {
            10
        };
        let mut tenths_of_pico = 0;
        for call in calls {
            let tenths_for_tokens = match (&self.override_rates, tariff) {
                (Some(rates), _) => 10 * pico_dollars(rates, &call),
                (None, Some(tariff)) => {
                    let rates = rates_for(tariff, &call, service);
                    pico_dollars(&rates, &call) * i128::from(us_tenths)
                }
                (None, None) => 0,
            };
            let for_searches = i128::from(call.web_searches) * i128::from(PRICES.web_search.pico());
            tenths_of_pico += tenths_for_tokens + 10 * for_searches;
        }
        let unit = 10 * i128::from(MULTIPLIER_UNIT);
        let pico = tenths_of_pico
            .saturating_mul(self.multiplier.into())
            .saturating_add(unit / 2)
            / unit;
        Money::from_pico(i64::try_from(pico).unwrap_or(i64::MAX))
    }

    /// Returns the cost of the advice that other models gave on a response.
    ///
    /// US-only inference applies to the advice if it applies to the response. Fast mode does not affect the price of
    /// advice.
    pub(crate) fn price_advice(
        &self,
        at: Millis,
        advice: &[Advice],
        service: ServiceLevel,
    ) -> Money {
        let service = ServiceLevel {
            fast: false,
            ..service
        };
        advice
            .iter()
            .map(|piece| {
                let prices = self.table.prices_of(&piece.model);
                prices.price(at, [piece.usage], service)
            })
            .sum()
    }

    /// Returns true if the prices of all models that gave this advice are known.
    pub(crate) fn know_advisors(&self, advice: &[Advice]) -> bool {
        advice
            .iter()
            .all(|piece| self.table.prices_of(&piece.model).known)
    }

    /// Returns the tariff at the given time. Before the first tariff takes effect, returns the first one.
    fn tariff_at(&self, at: Millis) -> Option<&PriceRow> {
        self.tariffs
            .iter()
            .rfind(|row| row.valid_from() <= at)
            .or(self.tariffs.first())
    }
}

/// Returns the rates for a call. Long-prompt rates take precedence over fast-mode rates.
fn rates_for(tariff: &PriceRow, call: &Usage, service: ServiceLevel) -> Rates {
    let is_long = tariff
        .above_prompt_tokens
        .is_some_and(|above| call.prompt() > above);
    match (tariff.long, tariff.fast) {
        (Some(long), _) if is_long => long,
        (_, Some(fast)) if service.fast => fast,
        _ => tariff.standard,
    }
}

/// Returns the price of the given usage in pico-dollars.
fn pico_dollars(rates: &Rates, usage: &Usage) -> i128 {
    let price = |tokens: u64, rate: Rate| i128::from(tokens) * i128::from(rate.0);
    price(usage.input, rates.input)
        + price(usage.output, rates.output)
        + price(usage.cache_read, rates.cache_read)
        + price(usage.cache_write_5m(), rates.write_5m)
        + price(usage.cache_write_1h, rates.write_1h)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::CustomRates;
    use serde_json::json;

    const NOW: Millis = 1_795_156_000_000;

    fn nano(
        table: &PriceTable,
        model: &str,
        usage: Usage,
        service: ServiceLevel,
        several_calls: &[Usage],
    ) -> i64 {
        table
            .prices_of(model)
            .price(NOW, usage.calls(several_calls), service)
            .nano()
    }

    fn list(model: &str, usage: Usage, service: ServiceLevel) -> i64 {
        nano(&PriceTable::list(), model, usage, service, &[])
    }

    const US: ServiceLevel = ServiceLevel {
        fast: false,
        us_only: true,
    };
    const FAST: ServiceLevel = ServiceLevel {
        fast: true,
        us_only: false,
    };

    fn usage(
        input: u64,
        output: u64,
        cache_read: u64,
        cache_write: u64,
        cache_write_1h: u64,
    ) -> Usage {
        Usage {
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h,
            web_searches: 0,
        }
    }

    #[test]
    fn a_recorded_response_costs_what_the_client_reported() {
        // Taken from the fixtures of client 2.1.328 (totalCostUSD 0.020624).
        assert_eq!(
            list(
                "claude-sonnet-5-5",
                usage(12, 500, 11_000, 4_000, 3_000),
                ServiceLevel::default()
            ),
            20_624_000
        );
    }

    #[test]
    fn us_inference_raises_tokens_but_not_searches() {
        let with_searches = Usage {
            web_searches: 2,
            ..usage(12, 222, 11_000, 4_000, 3_000)
        };
        assert_eq!(list("claude-opus-5-5", with_searches, US), 59_256_800);
    }

    #[test]
    fn exactly_the_threshold_is_a_short_prompt_and_one_more_makes_the_whole_request_long() {
        assert_eq!(
            list(
                "claude-haiku-5-5",
                usage(50_000, 900, 50_000, 0, 0),
                ServiceLevel::default()
            ),
            5_950_000
        );
        assert_eq!(
            list(
                "claude-haiku-5-5",
                usage(50_000, 900, 70_000, 0, 0),
                ServiceLevel::default()
            ),
            30_750_000
        );
    }

    #[test]
    fn a_tool_loop_of_short_calls_stays_in_the_short_tier() {
        let table = PriceTable::list();
        let call = usage(60_000, 100, 0, 0, 0);
        let total = usage(120_000, 200, 0, 0, 0);
        let with_searches = Usage {
            web_searches: 2,
            ..total
        };
        let prices = table.prices_of("claude-haiku-5-5");
        let calls = [call, call];
        let cost = prices.price(NOW, with_searches.calls(&calls), ServiceLevel::default());
        assert_eq!(cost.nano(), 32_100_000);
        let looped = nano(
            &table,
            "claude-haiku-5-5",
            total,
            ServiceLevel::default(),
            &[call, call],
        );
        assert_eq!(looped, 12_100_000);
        assert_eq!(
            nano(
                &table,
                "claude-haiku-5-5",
                total,
                ServiceLevel::default(),
                &[]
            ),
            60_500_000
        );
    }

    #[test]
    fn fast_mode_doubles_opus_5_5_and_leaves_sonnet_alone() {
        assert_eq!(
            list("claude-opus-5-5", usage(1_000, 0, 0, 0, 0), FAST),
            8_000_000
        );
        assert_eq!(
            list("claude-sonnet-5-5", usage(1_000, 0, 0, 0, 0), FAST),
            2_000_000
        );
    }

    #[test]
    fn half_a_nano_dollar_is_not_lost() {
        let table = PriceTable::list();
        let cost = table
            .prices_of("claude-haiku-5-5")
            .price(NOW, [usage(0, 0, 0, 1, 0)], US);
        assert_eq!(cost.pico(), 137_500);
        assert_eq!((cost + cost).nano(), 275);
    }

    #[test]
    fn an_override_is_charged_as_written_and_the_multiplier_scales_it() {
        let table = PriceTable {
            custom: CustomRates::parse(&json!({
                "multiplier": 0.5,
                "overrides": {"claude-opus-5-5": {"input": 2, "output": 10, "cacheRead": 1, "cacheWrite": 3}}
            })),
        };
        let both = ServiceLevel {
            fast: true,
            us_only: true,
        };
        assert_eq!(
            nano(
                &table,
                "claude-opus-5-5",
                usage(1_000, 0, 0, 2_000, 1_000),
                both,
                &[]
            ),
            4_000_000
        );
        assert_eq!(
            nano(
                &table,
                "claude-sonnet-5",
                usage(1_000, 0, 0, 0, 0),
                ServiceLevel::default(),
                &[]
            ),
            1_000_000
        );
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        let huge = usage(u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX);
        assert!(list("claude-opus-4", huge, US) > 0);
    }
}
