//! Prices that Claude Code has fetched for models without a list price and saved in its global state.
//!
//! The format is undocumented and was inferred from the bundles of versions 2.1.329 and 2.1.330:
//! - `additionalModelCostsCache`: `{model: {inputTokens, outputTokens, promptCacheWriteTokens,
//!   promptCacheWrite1hTokens?, promptCacheReadTokens, longPrompt?: {…, abovePromptTokens}, fast?}}`, in dollars per
//!   million tokens. If the object contains no price for one-hour cache writes, all cache writes cost the same.
//! - `alder_ford`, in `clientDataCache` or in the `data` of one of the `clientDataCacheSlots`: `{model: {as,
//!   ends_at}}`, a model that has the prices of another model until the given second.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model_id::bare_id;
use super::price_list::PriceRow;
use super::rates::Rates;
use crate::lenient_json::LenientJson;
use crate::time::Millis;

/// Fetched prices by bare model ID.
pub(super) type FetchedPrices = BTreeMap<String, FetchedPrice>;

/// The fetched prices of one model.
#[derive(Debug, Default)]
pub(super) struct FetchedPrice {
    /// Another model's prices, which apply for a limited time.
    pub(super) borrowed: Option<BorrowedPrice>,
    /// The prices that apply afterward, or at all times if no prices are borrowed.
    pub(super) row: Option<PriceRow>,
}

/// A reference to a model whose prices apply for a limited time.
#[derive(Debug)]
pub(super) struct BorrowedPrice {
    pub(super) model: String,
    pub(super) until: Millis,
}

/// Reads the fetched prices from Claude Code's global state.
pub(super) fn prices_in_state(state: &Value) -> FetchedPrices {
    let mut prices = FetchedPrices::new();
    for (model, value) in models_with_borrowed_prices(state) {
        if let Some(borrowed) = borrowed_price(value) {
            prices.entry(bare_id(model)).or_default().borrowed = Some(borrowed);
        }
    }
    if let Some(costs) = state.at("additionalModelCostsCache").as_object() {
        for (model, costs) in costs {
            if let Some(row) = price_row(costs) {
                prices.entry(bare_id(model)).or_default().row = Some(row);
            }
        }
    }
    prices
}

/// Returns the entries of all `alder_ford` objects in the global state.
fn models_with_borrowed_prices(state: &Value) -> impl Iterator<Item = (&String, &Value)> {
    state
        .at("clientDataCacheSlots")
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_name, slot)| slot.at("data"))
        .chain([state.at("clientDataCache")])
        .filter_map(|data| data.at("alder_ford").as_object())
        .flatten()
}

fn borrowed_price(value: &Value) -> Option<BorrowedPrice> {
    Some(BorrowedPrice {
        model: value.read("as")?,
        until: value.at("ends_at").as_i64()?.checked_mul(1000)?,
    })
}

fn price_row(costs: &Value) -> Option<PriceRow> {
    let long_prompt = costs.at("longPrompt");
    Some(PriceRow {
        standard: rates(costs)?,
        above_prompt_tokens: long_prompt.at("abovePromptTokens").as_u64(),
        long: rates(long_prompt),
        fast: rates(costs.at("fast")),
        source: "Claude Code",
        model: "",
        also: &[],
        from: None,
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
    use serde_json::json;

    use super::*;
    use crate::pricing::{PriceTable, ServiceLevel, Usage};

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
            prices.price(at, [usage], service).nano() / 1_000,
            prices.known,
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
    fn a_model_without_a_list_price_costs_what_claude_code_fetched() {
        let rates = |factor: f64| json!({"inputTokens": factor, "outputTokens": 5.0 * factor, "promptCacheWriteTokens": 2.0 * factor, "promptCacheReadTokens": 0.1});
        let mut costs = rates(1.0);
        costs["promptCacheWrite1hTokens"] = json!(3);
        costs["fast"] = rates(10.0);
        costs["longPrompt"] = rates(100.0);
        costs["longPrompt"]["abovePromptTokens"] = json!(100_000);
        let state = json!({"additionalModelCostsCache": {
            "claude-new-7-20270101": costs, "claude-opus-5-5": costs, "claude-bad-1": {"inputTokens": 1}}});
        let new = "us.anthropic.claude-new-7-v1:0";
        // 1,000 tokens of each kind, per million: input $1, output $5, five-minute writes $2, and one-hour writes $3.
        assert_eq!(cost(&state, new, 0, PLAIN, 1_000), (11_000, true));
        assert_eq!(cost(&state, new, 0, FAST, 1_000), (100_000, true));
        assert_eq!(
            cost(&state, new, 0, PLAIN, 100_000).0,
            100_000 * 100 + 500_000 + 400_000
        );
        let nothing = json!({});
        for (model, known) in [("claude-opus-5-5", true), ("claude-bad-1", false)] {
            let listed = cost(&nothing, model, 0, PLAIN, 1_000);
            assert_eq!(
                (cost(&state, model, 0, PLAIN, 1_000), listed.1),
                (listed, known),
                "{model}"
            );
        }
    }

    #[test]
    fn a_model_has_the_prices_of_another_until_a_second() {
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
}
