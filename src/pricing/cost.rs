//! What one response costs; and what a client may have charged where its prices are not ours.
//!
//! A client that does not know a model takes another's prices; one that is older than a change of
//! prices goes on with the old ones.

use super::money::Money;
use super::price_table::{PriceTable, Tariffs};
use super::rates::{MULTIPLIER_UNIT, PriceRow, Rate, Rates};
use super::usage::{Advice, ServiceLevel, Usage};
use crate::time::Millis;

/// The prices of one model, found once and used for many responses.
#[derive(Debug, Clone)]
pub struct ModelPrices<'t> {
    table: &'t PriceTable,
    own: Option<Rates>,
    tariffs: Tariffs<'t>,
    /// Whether the model has a known price; if not, costs are what the client would assume.
    pub known: bool,
    multiplier: u64,
}

impl PriceTable {
    /// The prices of `model`, in any spelling, with the user's own rates.
    pub fn prices_of(&self, model: &str) -> ModelPrices<'_> {
        let (list, own) = (self.list_prices_of(model), self.own.find(model).copied());
        ModelPrices {
            known: list.known || own.is_some(),
            multiplier: self.own.multiplier(),
            own,
            ..list
        }
    }

    /// What Claude Code charges for `model` in its own totals: it obeys an organization's rates, and not the
    /// user's own.
    pub(crate) fn client_prices_of(&self, model: &str) -> ModelPrices<'_> {
        let managed = self.own.managed.then(|| self.prices_of(model));
        managed.unwrap_or_else(|| self.list_prices_of(model))
    }

    /// The prices of `model` at list price.
    pub(crate) fn list_prices_of(&self, model: &str) -> ModelPrices<'_> {
        let (tariffs, known) = self.tariffs_of(model);
        ModelPrices {
            table: self,
            own: None,
            tariffs,
            known,
            multiplier: MULTIPLIER_UNIT,
        }
    }

    /// An amount of the client's, brought to these prices. An override cannot be applied to an
    /// amount without tokens, so a model that has one is only scaled.
    pub fn scale_client_amount(&self, amount: Money) -> Money {
        if self.own.is_none() || self.own.managed {
            return amount;
        }
        amount.share(self.own.multiplier().into(), MULTIPLIER_UNIT.into())
    }

    /// Prices that a client may have had for a model instead of ours: those of another day, those of an
    /// unknown model, and all of these before its organization had rates.
    pub(crate) fn guesses_of_clients(&self, model: &str) -> Vec<ModelPrices<'_>> {
        let charged = [model, ""].map(|model| self.client_prices_of(model));
        let listed = [model, ""].map(|model| self.list_prices_of(model));
        let listed = listed.into_iter().filter(|_| self.own.managed);
        let all = charged.into_iter().chain(listed);
        all.flat_map(ModelPrices::each_tariff).collect()
    }

    /// Every price that any model ever had: what a client may take for one that it does not know.
    pub(crate) fn guesses_of_any_client(&self) -> impl Iterator<Item = ModelPrices<'_>> {
        let models = self.file.rows.iter().map(|row| row.model);
        let all = models.map(|model| self.client_prices_of(model));
        all.flat_map(ModelPrices::each_tariff)
    }
}

impl ModelPrices<'_> {
    /// Whether the user has rates of his own for this model.
    pub(crate) fn are_overridden(&self) -> bool {
        self.own.is_some()
    }

    /// What a response of that moment costs, with the user's own rates.
    ///
    /// `calls` are the model calls that a server-side tool loop made for the response, where the
    /// API listed them and they add up to `usage`: the long-prompt tier is then decided for each.
    pub fn price(
        &self,
        at: Millis,
        usage: &Usage,
        service: ServiceLevel,
        calls: &[Usage],
    ) -> Money {
        let file = self.table.file;
        let search = Money::from_noisy_usd(file.web_search_usd).unwrap_or_default();
        let searches = i128::from(usage.web_searches) * i128::from(search.pico());
        let tenths_of_pico = match (&self.own, self.tariff_at(at)) {
            (Some(rates), _) => 10 * charge(rates, usage),
            (None, Some(tariff)) => {
                let whole = std::slice::from_ref(usage);
                let calls = if calls.is_empty() { whole } else { calls };
                let charge = |call| charge(&rates_for(tariff, call, service), call);
                let us_only = service.us_only.then_some(file.us_inference_tenths);
                calls.iter().map(charge).sum::<i128>() * i128::from(us_only.unwrap_or(10))
            }
            (None, None) => 0,
        };
        let tenths_of_pico = tenths_of_pico + 10 * searches;
        let scaled = tenths_of_pico.saturating_mul(self.multiplier.into());
        let unit = 10 * i128::from(MULTIPLIER_UNIT);
        let pico = scaled.saturating_add(unit / 2) / unit;
        Money::from_pico(i64::try_from(pico).unwrap_or(i64::MAX))
    }

    /// What other models' advice in a response of that moment costs, and whether all of them have a
    /// known price. Where it was asked for matters as it does for the answer, and how fast not.
    pub(crate) fn price_advice(
        &self,
        at: Millis,
        advice: &[Advice],
        service: ServiceLevel,
    ) -> (Money, bool) {
        let service = service.at_standard_speed();
        let priced = advice.iter().map(|one| {
            let prices = self.table.prices_of(&one.model);
            (prices.price(at, &one.usage, service, &[]), prices.known)
        });
        priced.fold((Money::ZERO, true), |all, one| {
            (all.0 + one.0, all.1 && one.1)
        })
    }

    /// The same with each of its tariffs alone.
    fn each_tariff(self) -> impl Iterator<Item = Self> {
        self.tariffs.into_iter().map(move |tariff| Self {
            tariffs: vec![tariff],
            ..self
        })
    }

    fn tariff_at(&self, at: Millis) -> Option<&PriceRow> {
        let begun = self.tariffs.iter().rfind(|(from, _)| *from <= at);
        Some(begun.or(self.tariffs.first())?.1)
    }

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
        let ways = [(false, false), (true, false), (false, true), (true, true)];
        ways.into_iter().find_map(|(fast, us_only)| {
            let service = ServiceLevel { fast, us_only };
            let with = |hour| usage.with_hour_writes(hour);
            let price = |hour| self.price(at, &with(hour), service, &[]);
            let hour = hour.or_else(|| {
                let (least, most) = (price(0), price(usage.cache_write));
                let [over, range] = [dollars - least, most - least].map(Money::pico);
                let twice = i128::from(over) * i128::from(usage.cache_write) * 2;
                u64::try_from((twice / i128::from(range.max(1)) + 1) / 2).ok()
            })?;
            (price(hour).is_near(dollars) && hour <= usage.cache_write).then(|| with(hour))
        })
    }
}

/// The rates for one call: a long prompt is charged as such as a whole, else fast mode decides.
fn rates_for(tariff: &PriceRow, call: &Usage, service: ServiceLevel) -> Rates {
    let above = tariff.above_prompt_tokens;
    let long = tariff.long;
    let long = long.filter(|_| above.is_some_and(|above| call.prompt() > above));
    let fast = tariff.fast.filter(|_| service.fast);
    long.or(fast).unwrap_or(tariff.standard)
}

/// Pico-dollars for these tokens.
fn charge(rates: &Rates, usage: &Usage) -> i128 {
    let part = |tokens: u64, rate: Rate| i128::from(tokens) * i128::from(rate.0);
    part(usage.input, rates.input)
        + part(usage.output, rates.output)
        + part(usage.cache_read, rates.cache_read)
        + part(usage.cache_write_5m(), rates.write_5m)
        + part(usage.cache_write_1h, rates.write_1h)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::OwnRates;
    use serde_json::json;

    const NOW: Millis = 1_795_156_000_000;

    fn nano(
        table: &PriceTable,
        model: &str,
        usage: Usage,
        service: ServiceLevel,
        calls: &[Usage],
    ) -> i64 {
        table
            .prices_of(model)
            .price(NOW, &usage, service, calls)
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
    fn a_recorded_response_costs_what_the_client_said() {
        // fixtures of client 2.1.328: totalCostUSD 0.020624.
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
            .price(NOW, &usage(0, 0, 0, 1, 0), US, &[]);
        assert_eq!(cost.pico(), 137_500);
        assert_eq!((cost + cost).nano(), 275);
    }

    #[test]
    fn an_override_is_charged_as_written_and_the_multiplier_scales_it() {
        let table = PriceTable::with(OwnRates::parse(&json!({
            "multiplier": 0.5,
            "overrides": {"claude-opus-5-5": {"input": 2, "output": 10, "cacheRead": 1, "cacheWrite": 3}}
        })));
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
