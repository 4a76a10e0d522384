//! What a token costs.

use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::time::Millis;

/// A price of one token in pico-dollars. One dollar per million tokens is 1,000,000 of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "f64")]
pub struct Rate(pub i64);

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.usd_per_million()
    }
}

impl<'de> Deserialize<'de> for Rate {
    /// Reads dollars per million tokens.
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let dollars = f64::deserialize(source)?;
        Self::from_usd_per_million(dollars)
            .ok_or_else(|| serde::de::Error::custom("a price must be from 0 to 10000 dollars"))
    }
}

impl Rate {
    /// The rate for a price as people write it. None outside 0 to 10,000 dollars.
    pub fn from_usd_per_million(dollars: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "at most 1e10")]
        (0.0..=10_000.0)
            .contains(&dollars)
            .then(|| Self((dollars * 1e6).round() as i64))
    }

    /// Dollars per million tokens.
    pub fn usd_per_million(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

/// What each kind of token costs. The table has them in this order without names, for every status line
/// reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Input that was neither read from nor written to the cache.
    pub input: Rate,
    /// Output, thinking included.
    pub output: Rate,
    /// Input read from the cache.
    pub cache_read: Rate,
    /// Cache writes that live five minutes.
    #[serde(rename = "cache_write_5m")]
    pub write_5m: Rate,
    /// Cache writes that live an hour.
    #[serde(rename = "cache_write_1h")]
    pub write_1h: Rate,
}

impl Rates {
    /// From what settings and state files say: dollars per million tokens under these names, in the
    /// order of the declaration. Without a price of writes that live an hour, all writes cost the same.
    pub(super) fn from_json(costs: &Value, names: [&str; 5]) -> Option<Self> {
        let [input, output, cache_read, brief, long] =
            names.map(|name| Rate::from_usd_per_million(costs.get(name)?.as_f64()?));
        Some(Self {
            input: input?,
            output: output?,
            cache_read: cache_read?,
            write_5m: brief?,
            write_1h: long.or(brief)?,
        })
    }

    /// In the order of their declaration.
    pub(crate) fn each(&self) -> [Rate; 5] {
        [
            self.input,
            self.output,
            self.cache_read,
            self.write_5m,
            self.write_1h,
        ]
    }
}

/// One row of the table: a model's prices from a day on. Its texts are borrowed from the program: a
/// status line reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRow {
    /// The bare model id.
    pub model: &'static str,
    /// Other ids of the same model.
    #[serde(default)]
    pub also: Vec<&'static str>,
    /// First UTC day of these prices; None from the model's release.
    pub from: Option<NaiveDate>,
    /// The standard rates.
    pub standard: Rates,
    /// A prompt of more tokens than this is charged at [`Self::long`], as a whole.
    pub above_prompt_tokens: Option<u64>,
    /// Rates of a long prompt.
    pub long: Option<Rates>,
    /// Rates of fast mode; None where the model has none, then `standard` holds.
    pub fast: Option<Rates>,
    /// Where the row comes from.
    pub source: &'static str,
}

impl PriceRow {
    /// The moment from which it holds.
    pub(super) fn begins(&self) -> Millis {
        self.from.map_or(Millis::MIN, |day| {
            day.and_time(NaiveTime::MIN).and_utc().timestamp_millis()
        })
    }
}
