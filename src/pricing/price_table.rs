//! The prices that apply to the user: list prices and custom rates.

use xxhash_rust::xxh3::xxh3_64;

use super::custom_rates::CustomRates;
use super::model_id::bare_id;
use super::price_list::PriceRow;
use super::prices::PRICES;

/// The prices of all known models.
#[derive(Debug, Clone)]
pub struct PriceTable {
    /// The custom rates from the settings of the user or the organization.
    pub custom: CustomRates,
}

/// The list prices of one model in chronological order. The first row also applies to all earlier times.
pub type Tariffs = &'static [PriceRow];

impl PriceTable {
    /// Creates a price table with only the list prices.
    pub fn list() -> Self {
        Self {
            custom: CustomRates::default(),
        }
    }

    /// Returns a number that changes whenever a list price or a custom rate changes.
    pub(crate) fn fingerprint(&self) -> i64 {
        let source = include_bytes!("prices.rs");
        xxh3_64(source).cast_signed() ^ self.custom.fingerprint()
    }
}

/// Returns the prices of a model. If they are unknown, returns the prices that the client uses for unknown models.
pub(crate) fn tariffs_of(model: &str) -> Tariffs {
    known_tariffs_of(model)
        .or_else(|| known_tariffs_of(PRICES.unknown_model_priced_as))
        .unwrap_or_default()
}

/// Returns the prices of a model, or `None` if it is not listed. Accepts any spelling of the model ID.
pub(crate) fn known_tariffs_of(model: &str) -> Option<Tariffs> {
    let id = bare_id(model);
    // The name in the list may only have its words in another order.
    let is_model = |row: &PriceRow| row.model.len() == id.len() && bare_id(row.model) == id;
    PRICES
        .rows
        .chunk_by(|a, b| a.model == b.model)
        .find(|rows| rows.first().is_some_and(is_model))
}

/// Returns the ID under which the spend of a model is added up: the ID in the price list, or the bare ID of an unlisted
/// model.
pub(crate) fn canonical(model: &str) -> String {
    match known_tariffs_of(model).and_then(<[_]>::first) {
        Some(row) => row.model.to_owned(),
        None => bare_id(model),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::{ServiceLevel, Usage};

    #[test]
    fn every_row_of_the_list_has_a_source() {
        assert!(PRICES.rows.len() > 25);
        assert!(PRICES.rows.iter().all(|row| !row.source.is_empty()));
    }

    #[test]
    fn sonnet_5_5_cache_reads_became_cheaper_on_the_seventh_of_october() {
        let table = PriceTable::list();
        let prices = table.prices_of("claude-sonnet-5-5");
        let million = Usage {
            cache_read: 1_000_000,
            ..Usage::default()
        };
        let read = |at: &str| {
            let at = crate::time::parse_millis(at).unwrap();
            prices
                .price(at, [million], ServiceLevel::default())
                .nano()
        };
        assert_eq!(
            read("2026-09-01T00:00:00.000Z"),
            200_000_000,
            "before its release the first row holds"
        );
        assert_eq!(read("2026-10-06T23:59:59.999Z"), 200_000_000);
        assert_eq!(read("2026-10-07T00:00:00.000Z"), 100_000_000);
    }

    #[test]
    fn an_unknown_model_is_priced_like_in_the_client_and_marked_as_unknown() {
        for model in ["claude-nobody-9", "opus", "my-gateway-model", ""] {
            assert_eq!(known_tariffs_of(model), None, "{model}");
            let tariffs = tariffs_of(model);
            assert_eq!(tariffs, tariffs_of("claude-opus-5-5"));
        }
    }

    #[test]
    fn an_old_name_finds_the_same_row() {
        assert_eq!(canonical("claude-haiku-3-5"), "claude-3-5-haiku");
        assert_eq!(canonical("claude-opus-4-0"), "claude-opus-4");
        assert_eq!(canonical("claude-opus-4-20250514"), "claude-opus-4");
    }

    #[test]
    fn the_parts_of_an_id_may_be_in_another_order() {
        let table = PriceTable::list();
        for (id, listed) in [
            ("anthropic/claude-4.8-opus-20260528", "claude-opus-4-8"),
            ("claude-4-5-sonnet", "claude-sonnet-4-5"),
            ("claude-sonnet-3-5", "claude-3-5-sonnet"),
            ("claude-opus-3", "claude-3-opus"),
        ] {
            assert_eq!(canonical(id), listed, "{id}");
            assert!(table.prices_of(id).known, "{id}");
        }
    }
}
