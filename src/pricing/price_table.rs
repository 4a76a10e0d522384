//! The price table: one embedded data file, looked up by model and day.

use std::sync::Arc;

use chrono::NaiveDate;
use once_cell::sync::OnceCell;
use serde::Deserialize;
use serde_json::Value;

use super::fetched::{self, FetchedPrices, FetchedTariff};
use super::model_id::{bare, is_variant_of};
use super::own_rates::OwnRates;
use super::rates::PriceRow;
use crate::time::Millis;

/// The embedded data. Its first lines say how to add a row.
const EMBEDDED: &str = include_str!("prices.json");

/// The file as it is written.
#[derive(Deserialize)]
struct File {
    updated: NaiveDate,
    web_search_usd: f64,
    us_inference_multiplier: f64,
    unknown_model_priced_as: &'static str,
    rows: Vec<PriceRow>,
}

/// Prices of every known model, with the user's own rates on top.
#[derive(Debug, Clone)]
pub struct PriceTable {
    rows: Arc<[PriceRow]>,
    unknown_model: &'static str,
    /// Day on which the table was last checked against its sources.
    pub updated: NaiveDate,
    /// A web search, in pico-dollars.
    pub web_search: i64,
    /// US inference costs this many tenths of the price of every token.
    pub us_inference_tenths: i64,
    /// Changes whenever a price could come out differently; kept with what was priced.
    pub fingerprint: i64,
    /// Rates from the user's settings.
    pub own: OwnRates,
    /// What Claude Code fetched of models that the table lacks.
    fetched: FetchedPrices,
}

impl PriceTable {
    /// The embedded table with the user's own rates.
    pub fn with(own: OwnRates) -> Self {
        // Parsed once, and only if somebody asks.
        static PARSED: OnceCell<PriceTable> = OnceCell::new();
        let parsed = PARSED.get_or_init(Self::embedded);
        Self {
            fingerprint: parsed.fingerprint ^ own.fingerprint(),
            own,
            ..parsed.clone()
        }
    }

    /// The embedded table at list price.
    pub fn list() -> Self {
        Self::with(OwnRates::default())
    }

    #[expect(clippy::expect_used, reason = "a test reads the same bytes")]
    fn embedded() -> Self {
        let file: File = serde_json::from_str(EMBEDDED).expect("a price table");
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a few cents, and eleven tenths"
        )]
        Self {
            unknown_model: file.unknown_model_priced_as,
            rows: file.rows.into(),
            updated: file.updated,
            web_search: (file.web_search_usd * 1e12).round() as i64,
            us_inference_tenths: (file.us_inference_multiplier * 10.0).round() as i64,
            fingerprint: xxhash_rust::xxh3::xxh3_64(EMBEDDED.as_bytes()).cast_signed(),
            own: OwnRates::default(),
            fetched: fetched::in_state(|| None),
        }
    }

    /// The same, and for models that it lacks, what this gives: Claude Code's global state. It is
    /// asked for no sooner than such a model is.
    pub(crate) fn with_state(self, read: impl FnOnce() -> Option<Value> + Send + 'static) -> Self {
        Self {
            fetched: fetched::in_state(read),
            ..self
        }
    }

    /// The same number for as long as these models' prices are the same.
    pub(crate) fn fingerprint_of<'m>(&self, models: impl Iterator<Item = &'m str>) -> i64 {
        let lacking = models.filter(|model| self.listed(model).is_none());
        let mut fetched: Vec<_> = lacking
            .filter_map(|model| self.fetched.get_key_value(&bare(model)))
            .collect();
        if fetched.is_empty() {
            return self.fingerprint;
        }
        fetched.sort_unstable_by_key(|(model, _)| *model);
        let text = format!("{fetched:?}");
        self.fingerprint ^ xxhash_rust::xxh3::xxh3_64(text.as_bytes()).cast_signed()
    }

    /// All rows, in the file's order.
    pub fn rows(&self) -> &[PriceRow] {
        &self.rows
    }

    /// The row of `model`, in any spelling: that of the bare id or one of its other names; then of the
    /// longest listed id of which this one is a variant.
    fn listed(&self, model: &str) -> Option<&PriceRow> {
        let id = bare(model);
        let mut rows = self.rows.iter();
        rows.find(|row| row.model == id || row.also.contains(&id.as_str()))
            .or_else(|| {
                let variants = self.rows.iter().filter(|row| is_variant_of(&id, row.model));
                variants.max_by_key(|row| row.model.len())
            })
    }

    /// The prices of `model`, each with the moment from which it holds, ascending (the first also
    /// before that), and whether they are known: if neither the table nor Claude Code has the model,
    /// they are what the client takes for one it does not know.
    pub fn tariffs_of(&self, model: &str) -> (Vec<(Millis, &PriceRow)>, bool) {
        let listed = self.listed(model).map(|row| row.model);
        if listed.is_none()
            && let Some(fetched) = self.fetched.get(&bare(model))
            && let Some(tariffs) = self.tariffs_fetched(fetched)
        {
            return (tariffs, true);
        }
        let name = listed.unwrap_or(self.unknown_model);
        (self.tariffs_listed(name), listed.is_some())
    }

    fn tariffs_listed(&self, name: &str) -> Vec<(Millis, &PriceRow)> {
        let rows = self.rows.iter().filter(|row| row.model == name);
        let mut tariffs: Vec<_> = rows.map(|row| (row.begins(), row)).collect();
        tariffs.sort_by_key(|(from, _)| *from);
        tariffs
    }

    /// A model that is priced as another for a while costs then what was fetched of it, else what an
    /// unknown one does.
    fn tariffs_fetched<'t>(
        &'t self,
        fetched: &'t FetchedTariff,
    ) -> Option<Vec<(Millis, &'t PriceRow)>> {
        let last = |name: &str| Some(self.tariffs_listed(name).pop()?.1);
        let own = fetched.own.as_ref();
        let another = fetched.as_another.as_ref();
        let another =
            another.and_then(|(model, until)| Some((last(self.listed(model)?.model)?, *until)));
        match another {
            Some((another, until)) => {
                let after = own.or_else(|| last(self.unknown_model))?;
                Some(vec![(Millis::MIN, another), (until, after)])
            }
            None => Some(vec![(Millis::MIN, own?)]),
        }
    }

    /// The name under which a model's spend is added up: the listed id, else the bare one.
    pub fn canonical(&self, model: &str) -> String {
        let listed = self.listed(model);
        listed.map_or_else(|| bare(model), |row| row.model.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_file_is_readable_and_every_row_has_a_source() {
        let table = PriceTable::list();
        assert!(table.rows().len() > 25);
        assert!(table.rows().iter().all(|row| !row.source.is_empty()));
    }

    #[test]
    fn sonnet_5_5_cache_reads_became_cheaper_on_the_seventh_of_october() {
        use crate::pricing::{ServiceLevel, Usage};
        let table = PriceTable::list();
        let prices = table.prices_of("claude-sonnet-5-5");
        let million = Usage {
            cache_read: 1_000_000,
            ..Usage::default()
        };
        let read = |at: &str| {
            let at = crate::time::millis(at).unwrap();
            prices
                .price(at, &million, ServiceLevel::default(), &[])
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
    fn an_unknown_model_is_priced_as_the_client_does_and_said_to_be_unknown() {
        let table = PriceTable::list();
        for model in ["claude-nobody-9", "opus", "my-gateway-model", ""] {
            let (tariffs, known) = table.tariffs_of(model);
            assert!(!known, "{model}");
            assert_eq!(tariffs, table.tariffs_of("claude-opus-5-5").0);
        }
    }

    #[test]
    fn an_old_name_finds_the_same_row() {
        let table = PriceTable::list();
        assert_eq!(table.canonical("claude-haiku-3-5"), "claude-3-5-haiku");
        assert_eq!(table.canonical("claude-opus-4-0"), "claude-opus-4");
        assert_eq!(table.canonical("claude-opus-4-20250514"), "claude-opus-4");
    }
}
