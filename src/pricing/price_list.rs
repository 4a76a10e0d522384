//! The types for list prices. The prices themselves are in `prices.rs`.

use chrono::{NaiveDate, NaiveTime};
use serde::Serialize;

use super::money::Money;
use super::rates::Rates;
use crate::time::Millis;

/// The list prices of all known models.
#[derive(Debug)]
pub struct PriceList {
    /// The date on which the prices were last checked against their sources.
    pub updated: NaiveDate,
    /// The price of a web search.
    pub web_search: Money,
    /// The price of US-only inference, in tenths of the regular price.
    pub us_inference_tenths: i64,
    /// The model whose prices Claude Code uses for models that it does not recognize.
    pub(super) unknown_model_priced_as: &'static str,
    /// The rows. All rows of a model are adjacent and sorted by date.
    pub rows: &'static [PriceRow],
}

/// The prices of one model from a certain date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PriceRow {
    /// The bare model ID.
    pub model: &'static str,
    /// The first day (UTC) on which the prices apply, or `None` if they have applied since the model's release.
    pub from: Option<NaiveDate>,
    /// The standard rates.
    pub standard: Rates,
    /// The threshold for long prompts. If a prompt has more tokens, [`Self::long`] applies to the entire request.
    pub above_prompt_tokens: Option<u64>,
    /// The long-prompt rates.
    pub long: Option<Rates>,
    /// The fast-mode rates. If `None`, fast mode costs the same as standard mode.
    pub fast: Option<Rates>,
    /// The source of the prices.
    pub source: &'static str,
}

/// Creates a row for a model with standard rates in dollars per million tokens.
pub(super) const fn row(model: &'static str, rates: [f64; 5], source: &'static str) -> PriceRow {
    PriceRow {
        model,
        from: None,
        standard: Rates::per_million(rates),
        above_prompt_tokens: None,
        long: None,
        fast: None,
        source,
    }
}

impl PriceRow {
    /// Sets the first day (UTC) on which the prices apply.
    pub(super) const fn from(self, day: NaiveDate) -> Self {
        Self {
            from: Some(day),
            ..self
        }
    }

    /// Adds rates for fast mode.
    pub(super) const fn fast(self, rates: [f64; 5]) -> Self {
        Self {
            fast: Some(Rates::per_million(rates)),
            ..self
        }
    }

    /// Adds rates for requests whose prompt has more than the given number of tokens.
    pub(super) const fn above(self, prompt_tokens: u64, rates: [f64; 5]) -> Self {
        Self {
            above_prompt_tokens: Some(prompt_tokens),
            long: Some(Rates::per_million(rates)),
            ..self
        }
    }

    /// Returns the time from which the row applies.
    pub(super) fn valid_from(&self) -> Millis {
        self.from.map_or(Millis::MIN, |day| {
            day.and_time(NaiveTime::MIN)
                .and_utc()
                .timestamp_millis()
        })
    }
}
