//! Prices that Claude Code fetched of models that its own table lacks, as its global state keeps them.
//!
//! Read in the bundles of 2.1.329 and 2.1.330, documented nowhere:
//! - `additionalModelCostsCache`: `{model: {inputTokens, outputTokens, promptCacheWriteTokens,
//!   promptCacheWrite1hTokens?, promptCacheReadTokens, longPrompt?: {…, abovePromptTokens}, fast?}}`,
//!   dollars per million tokens. Without a price of writes that live an hour, all cost the same.
//! - `alder_ford`, in `clientDataCache` or the `data` of one of `clientDataCacheSlots`:
//!   `{model: {as, ends_at}}`, a model priced as another until that second.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::model_id::bare;
use super::rates::{PriceRow, Rates};
use crate::time::Millis;

/// What Claude Code knows of a model's price.
#[derive(Debug, Default)]
pub(super) struct FetchedTariff {
    /// The model that it is priced as, and until when.
    pub(super) as_another: Option<(String, Millis)>,
    /// What it costs otherwise.
    pub(super) own: Option<PriceRow>,
}

/// By bare model id. Read when it is asked for.
pub(super) type FetchedPrices = Arc<
    LazyLock<
        BTreeMap<String, FetchedTariff>,
        Box<dyn FnOnce() -> BTreeMap<String, FetchedTariff> + Send>,
    >,
>;

/// What the global state says that `read` gives, no sooner than somebody asks.
pub(super) fn in_state(read: impl FnOnce() -> Option<Value> + Send + 'static) -> FetchedPrices {
    let prices = || read().as_ref().map_or_else(BTreeMap::new, prices);
    Arc::new(LazyLock::new(Box::new(prices)))
}

fn prices(state: &Value) -> BTreeMap<String, FetchedTariff> {
    let mut found: BTreeMap<String, FetchedTariff> = BTreeMap::new();
    let slots = state.get("clientDataCacheSlots").and_then(Value::as_object);
    let slots = slots.into_iter().flatten();
    let data = slots.filter_map(|(_, slot)| slot.get("data"));
    let data = data.chain(state.get("clientDataCache"));
    for (model, other) in data
        .filter_map(|data| data.get("alder_ford")?.as_object())
        .flatten()
    {
        let known = found.entry(bare(model)).or_default();
        known.as_another = as_another(other).or(known.as_another.take());
    }
    let costs = state.get("additionalModelCostsCache");
    for (model, costs) in costs.and_then(Value::as_object).into_iter().flatten() {
        let known = found.entry(bare(model)).or_default();
        known.own = tariff(costs).or(known.own.take());
    }
    found
}

fn as_another(told: &Value) -> Option<(String, Millis)> {
    let ends = told.get("ends_at")?.as_i64()?.checked_mul(1000)?;
    Some((told.get("as")?.as_str()?.to_owned(), ends))
}

fn tariff(costs: &Value) -> Option<PriceRow> {
    let long = costs.get("longPrompt");
    let above = long.and_then(|long| long.get("abovePromptTokens")?.as_u64());
    Some(PriceRow {
        model: "",
        also: Vec::new(),
        from: None,
        standard: rates(costs)?,
        above_prompt_tokens: above,
        long: long.and_then(rates),
        fast: costs.get("fast").and_then(rates),
        source: "Claude Code",
    })
}

fn rates(costs: &Value) -> Option<Rates> {
    let names = [
        "inputTokens",
        "outputTokens",
        "promptCacheReadTokens",
        "promptCacheWriteTokens",
        "promptCacheWrite1hTokens",
    ];
    Rates::from_json(costs, names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::{PriceTable, ServiceLevel, Usage};
    use serde_json::json;

    fn cost(
        state: &Value,
        model: &str,
        at: Millis,
        service: ServiceLevel,
        input: u64,
    ) -> (i64, bool) {
        let state = state.clone();
        let table = PriceTable::list().with_state(move || Some(state));
        let usage = Usage {
            input,
            output: 1_000,
            cache_write: 2_000,
            cache_write_1h: 1_000,
            ..Usage::default()
        };
        let prices = table.prices_of(model);
        (
            prices.price(at, &usage, service, &[]).nano() / 1_000,
            prices.known(),
        )
    }

    const PLAIN: ServiceLevel = ServiceLevel {
        fast: false,
        us_only: false,
    };
    const FAST: ServiceLevel = ServiceLevel {
        fast: true,
        us_only: false,
    };

    #[test]
    fn a_model_that_the_table_lacks_costs_what_claude_code_fetched() {
        let rates = |factor: f64| json!({"inputTokens": factor, "outputTokens": 5.0 * factor, "promptCacheWriteTokens": 2.0 * factor, "promptCacheReadTokens": 0.1});
        let mut costs = rates(1.0);
        costs["promptCacheWrite1hTokens"] = json!(3);
        costs["fast"] = rates(10.0);
        costs["longPrompt"] = rates(100.0);
        costs["longPrompt"]["abovePromptTokens"] = json!(100_000);
        let state = json!({"additionalModelCostsCache": {
            "claude-new-7-20270101": costs, "claude-opus-5-5": costs, "claude-bad-1": {"inputTokens": 1}}});
        let new = "us.anthropic.claude-new-7-v1:0";
        // 1,000 of each: input 1, output 5, writes 2 and 3 dollars a million.
        assert_eq!(cost(&state, new, 0, PLAIN, 1_000), (11_000, true));
        assert_eq!(cost(&state, new, 0, FAST, 1_000), (100_000, true));
        assert_eq!(
            cost(&state, new, 0, PLAIN, 100_000).0,
            100_000 * 100 + 500_000 + 400_000
        );
        let nothing = json!({});
        for (model, known) in [("claude-opus-5-5", true), ("claude-bad-1", false)] {
            let ours = cost(&nothing, model, 0, PLAIN, 1_000);
            assert_eq!(
                (cost(&state, model, 0, PLAIN, 1_000), ours.1),
                (ours, known),
                "{model}"
            );
        }
    }

    #[test]
    fn a_model_is_priced_as_another_until_a_second() {
        let flag = json!({"claude-new-7": {"as": "claude-haiku-5-5", "ends_at": 1_800_000_000}, "claude-new-8": {"as": "nobody", "ends_at": 1}});
        for state in [
            json!({"clientDataCacheSlots": {"x": {"data": {"alder_ford": flag}}}}),
            json!({"clientDataCache": {"alder_ford": flag}}),
        ] {
            let nothing = json!({});
            let of = |model: &str| cost(&nothing, model, 0, PLAIN, 10).0;
            let (before, after) = (1_799_999_999_999, 1_800_000_000_000);
            assert_eq!(
                cost(&state, "claude-new-7", before, PLAIN, 10).0,
                of("claude-haiku-5-5")
            );
            assert_eq!(
                cost(&state, "claude-new-7", after, PLAIN, 10).0,
                of("claude-opus-5-5")
            );
            assert!(!cost(&state, "claude-new-8", before, PLAIN, 10).1);
        }
    }

    #[test]
    fn nobody_reads_the_state_for_models_that_the_table_has() {
        let table = PriceTable::list().with_state(|| panic!("read"));
        assert!(table.prices_of("claude-opus-5-5").known());
        assert_eq!(
            table.fingerprint_of(["claude-opus-5-5"].into_iter()),
            table.fingerprint
        );
    }
}
