//! The price per token.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{LenientJson, saturating_u64};

/// The price of one token in pico-dollars, which equals the price of a million tokens in micro-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(pub i64);

impl Rate {
    /// Creates a rate from a price in dollars per million tokens, rounded to the nearest pico-dollar per token.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "list prices are a few dollars"
    )]
    const fn per_million(dollars: f64) -> Self {
        Self((dollars * 1e6 + 0.5) as i64)
    }
}

impl From<Rate> for f64 {
    /// Returns the price in dollars per million tokens.
    fn from(rate: Rate) -> Self {
        rate.0 as Self / 1e6
    }
}

impl TryFrom<f64> for Rate {
    type Error = &'static str;

    /// Creates a rate from an untrusted price in dollars per million tokens.
    fn try_from(dollars: f64) -> Result<Self, Self::Error> {
        if (0.0..=10_000.0).contains(&dollars) {
            Ok(Self(saturating_u64((dollars * 1e6).round()).cast_signed()))
        } else {
            Err("a price must be between 0 and 10000 dollars")
        }
    }
}

/// The prices for each kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Input that is neither read from nor written to the cache.
    pub input: Rate,
    /// Output, including thinking.
    pub output: Rate,
    /// Input read from the cache.
    pub cache_read: Rate,
    /// Input written to the cache with a lifetime of five minutes (a five-minute write).
    #[serde(rename = "cache_write_5m")]
    pub write_5m: Rate,
    /// Input written to the cache with a lifetime of one hour (a one-hour write).
    #[serde(rename = "cache_write_1h")]
    pub write_1h: Rate,
}

impl Rates {
    /// Creates rates from prices in dollars per million tokens, in field order.
    pub(super) const fn per_million(dollars: [f64; 5]) -> Self {
        let [input, output, cache_read, short_write, long_write] = dollars;
        Self {
            input: Rate::per_million(input),
            output: Rate::per_million(output),
            cache_read: Rate::per_million(cache_read),
            write_5m: Rate::per_million(short_write),
            write_1h: Rate::per_million(long_write),
        }
    }

    /// Reads rates in dollars per million tokens from a settings or state file. `names` contains the JSON field names,
    /// in the order of the fields of this struct.
    ///
    /// If the last field is missing, all cache writes have the same rate. Returns `None` if any other field is missing.
    pub(super) fn from_json(costs: &Value, names: [&str; 5]) -> Option<Self> {
        let [input, output, cache_read, short_write, long_write] =
            names.map(|name| costs.read::<Rate>(name));
        Some(Self {
            input: input?,
            output: output?,
            cache_read: cache_read?,
            write_5m: short_write?,
            write_1h: long_write.or(short_write)?,
        })
    }

    /// Returns the rates in field order.
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
