//! The prices that apply to the user: list prices, prices fetched by Claude Code, and custom rates.

use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, LazyLock};

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::custom_rates::CustomRates;
use super::fetched_prices::{FetchedPrice, FetchedPrices, prices_in_state};
use super::model_id::{bare_id, is_variant_of};
use super::price_list::{PRICES_FINGERPRINT, PriceList, PriceRow};
use super::prices::PRICES;
use crate::time::Millis;

/// The prices of all known models.
#[derive(Debug, Clone)]
pub struct PriceTable {
    /// The list prices.
    pub list: &'static PriceList,
    /// The custom rates from the settings of the user or the organization.
    pub custom: CustomRates,
    fetched: LazyPrices,
}

/// The fetched prices, which are read when they are first needed.
#[derive(Clone)]
struct LazyPrices(Arc<LazyLock<FetchedPrices, Box<dyn FnOnce() -> FetchedPrices + Send>>>);

impl LazyPrices {
    fn new(read_state: impl FnOnce() -> Option<Value> + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(|| {
            prices_in_state(&read_state().unwrap_or_default())
        }))))
    }
}

impl Debug for LazyPrices {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("LazyPrices")
    }
}

/// The prices of a model in chronological order, each with the time from which it applies. The first one also applies
/// to all earlier times.
pub type Tariffs<'table> = Vec<(Millis, &'table PriceRow)>;

impl PriceTable {
    /// Creates a price table with the list prices and the given custom rates.
    pub fn with(custom: CustomRates) -> Self {
        Self {
            list: &PRICES,
            custom,
            fetched: LazyPrices::new(|| None),
        }
    }

    /// Creates a price table with only the list prices.
    pub fn list() -> Self {
        Self::with(CustomRates::default())
    }

    /// Adds the prices fetched by Claude Code. `read_state` returns Claude Code's global state, and is called only when
    /// a model without a list price is first looked up.
    pub(crate) fn with_state(
        self,
        read_state: impl FnOnce() -> Option<Value> + Send + 'static,
    ) -> Self {
        Self {
            fetched: LazyPrices::new(read_state),
            ..self
        }
    }

    /// Returns a number that changes whenever a list price or a custom rate changes.
    fn fingerprint(&self) -> i64 {
        PRICES_FINGERPRINT ^ self.custom.fingerprint()
    }

    /// Returns a number that changes whenever a price of any of the given models changes.
    pub(crate) fn fingerprint_of<'model>(&self, models: impl Iterator<Item = &'model str>) -> i64 {
        let mut fetched: Vec<(&String, &FetchedPrice)> = models
            .filter(|model| self.listed(model).is_none())
            .filter_map(|model| self.fetched.0.get_key_value(&bare_id(model)))
            .collect();
        if fetched.is_empty() {
            return self.fingerprint();
        }
        fetched.sort_unstable_by_key(|(model, _price)| *model);
        self.fingerprint() ^ xxh3_64(format!("{fetched:?}").as_bytes()).cast_signed()
    }

    /// Returns the list price of a model, or `None` if it is not listed. Accepts any spelling of the model ID.
    ///
    /// A row with exactly this ID takes precedence. Otherwise, the model may be a variant of one or more listed models,
    /// and the row with the longest ID is used.
    fn listed(&self, model: &str) -> Option<&PriceRow> {
        let id = bare_id(model);
        self.list
            .rows
            .iter()
            .find(|row| row.has_id(&id))
            .or_else(|| {
                self.list
                    .rows
                    .iter()
                    .filter(|row| is_variant_of(&id, row.model))
                    .max_by_key(|row| row.model.len())
            })
    }

    /// Returns the prices of a model. If they are unknown, returns the prices that the client uses for unknown models.
    pub fn tariffs_of(&self, model: &str) -> Tariffs<'_> {
        self.known_tariffs_of(model)
            .unwrap_or_else(|| self.tariffs_of_unknown_models())
    }

    /// Returns the prices that the client uses for unknown models.
    pub(super) fn tariffs_of_unknown_models(&self) -> Tariffs<'_> {
        self.listed_tariffs(self.list.unknown_model_priced_as)
    }

    /// Returns the prices of a model, or `None` if they are unknown.
    pub(crate) fn known_tariffs_of(&self, model: &str) -> Option<Tariffs<'_>> {
        if let Some(row) = self.listed(model) {
            return Some(self.listed_tariffs(row.model));
        }
        self.fetched_tariffs(self.fetched.0.get(&bare_id(model))?)
    }

    /// Returns the list prices of the model with this exact ID.
    fn listed_tariffs(&self, id: &str) -> Tariffs<'_> {
        let mut tariffs: Tariffs<'_> = self
            .list
            .rows
            .iter()
            .filter(|row| row.model == id)
            .map(|row| (row.valid_from(), row))
            .collect();
        tariffs.sort_by_key(|(valid_from, _row)| *valid_from);
        tariffs
    }

    /// Returns the tariffs for fetched prices, or `None` if they do not contain a usable price.
    ///
    /// A model can borrow another model's prices for a limited time. Afterward, its own fetched prices apply or, if
    /// there are none, the prices for unknown models.
    fn fetched_tariffs<'table>(
        &'table self,
        price: &'table FetchedPrice,
    ) -> Option<Tariffs<'table>> {
        let own_row = price.row.as_ref();
        let borrowed = price
            .borrowed
            .as_ref()
            .and_then(|borrowed| Some((self.last_listed(&borrowed.model)?, borrowed.until)));
        let Some((borrowed_row, until)) = borrowed else {
            return Some(vec![(Millis::MIN, own_row?)]);
        };
        let later_row = own_row.or_else(|| self.last_listed(self.list.unknown_model_priced_as))?;
        Some(vec![(Millis::MIN, borrowed_row), (until, later_row)])
    }

    /// Returns the most recent list price of a model.
    fn last_listed(&self, model: &str) -> Option<&PriceRow> {
        let (_valid_from, row) = self.listed_tariffs(self.listed(model)?.model).pop()?;
        Some(row)
    }

    /// Returns the model name under which spend is added up: the ID in the price list, or the bare ID of an unlisted
    /// model.
    pub fn canonical(&self, model: &str) -> String {
        match self.listed(model) {
            Some(row) => row.model.to_owned(),
            None => bare_id(model),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::{ServiceLevel, Usage};

    #[test]
    fn every_row_of_the_list_has_a_source() {
        let table = PriceTable::list();
        assert!(table.list.rows.len() > 25);
        assert!(table.list.rows.iter().all(|row| !row.source.is_empty()));
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
            prices.price(at, [million], ServiceLevel::default()).nano()
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
        let table = PriceTable::list();
        for model in ["claude-nobody-9", "opus", "my-gateway-model", ""] {
            assert_eq!(table.known_tariffs_of(model), None, "{model}");
            let tariffs = table.tariffs_of(model);
            assert_eq!(tariffs, table.tariffs_of("claude-opus-5-5"));
        }
    }

    #[test]
    fn an_old_name_finds_the_same_row() {
        let table = PriceTable::list();
        assert_eq!(table.canonical("claude-haiku-3-5"), "claude-3-5-haiku");
        assert_eq!(table.canonical("claude-opus-4-0"), "claude-opus-4");
        assert_eq!(table.canonical("claude-opus-4-20250514"), "claude-opus-4");
    }

    #[test]
    fn the_state_is_not_read_for_models_with_a_list_price() {
        let table = PriceTable::list().with_state(|| panic!("read"));
        assert!(table.prices_of("claude-opus-5-5").known);
        assert_eq!(
            table.fingerprint_of(["claude-opus-5-5"].into_iter()),
            table.fingerprint()
        );
    }
}
