//! What a token costs.

use serde::Deserialize;
use serde_json::Value;

/// A price of one token in pico-dollars. One dollar per million tokens is 1,000,000 of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub i64);

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

/// What each kind of token costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Rates {
    /// Input that was neither read from nor written to the cache.
    pub input: Rate,
    /// Output, thinking included.
    pub output: Rate,
    /// Input read from the cache.
    pub cache_read: Rate,
    /// Cache writes that live five minutes.
    pub write_5m: Rate,
    /// Cache writes that live an hour.
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

/// A model's prices.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tariff {
    /// The standard rates.
    pub standard: Rates,
    /// A prompt of more tokens than this is charged at [`Self::long`], as a whole.
    pub above_prompt_tokens: Option<u64>,
    /// Rates of a long prompt.
    pub long: Option<Rates>,
    /// Rates of fast mode; None where the model has none, then `standard` holds.
    pub fast: Option<Rates>,
}
