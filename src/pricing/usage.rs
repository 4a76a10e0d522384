//! What was served: tokens, searches, and how.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// Tokens and searches, as the API counts them. Stored as its [`Usage::fields`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 6]", into = "[u64; 6]")]
pub struct Usage {
    /// Input tokens outside the cache.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Input tokens read from the cache.
    pub cache_read: u64,
    /// Input tokens written to the cache, both lifetimes together.
    pub cache_write: u64,
    /// Of [`Self::cache_write`], those that live an hour. Where the API gave no split, 0: the
    /// client charges such writes as five-minute ones.
    pub cache_write_1h: u64,
    /// Web searches made by the server.
    pub web_searches: u64,
}

impl Usage {
    /// The fields in the order of their declaration: for what is done to each of them alike.
    pub const fn fields(&self) -> [u64; 6] {
        [
            self.input,
            self.output,
            self.cache_read,
            self.cache_write,
            self.cache_write_1h,
            self.web_searches,
        ]
    }

    fn with(self, other: Self, each: impl Fn(u64, u64) -> u64) -> Self {
        let mut fields = self.fields();
        for (field, other) in fields.iter_mut().zip(other.fields()) {
            *field = each(*field, other);
        }
        fields.into()
    }

    /// The larger of each field. A response is repeated while it streams, with a growing output
    /// count, and again with zeros after a compaction; the largest is what was served.
    pub(crate) fn max(self, other: Self) -> Self {
        self.with(other, u64::max)
    }

    /// Everything that was sent: it decides the long-prompt tier.
    pub fn prompt(&self) -> u64 {
        let read = self.input.saturating_add(self.cache_read);
        read.saturating_add(self.cache_write)
    }

    /// Cache writes that live five minutes.
    pub fn cache_write_5m(&self) -> u64 {
        self.cache_write.saturating_sub(self.cache_write_1h)
    }

    /// The same with so many cache writes that live an hour: how they are split is not always told.
    pub(crate) fn with_hour_writes(mut self, tokens: u64) -> Self {
        self.cache_write_1h = tokens;
        self
    }

    /// Whether nothing was used.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

impl From<Usage> for [u64; 6] {
    fn from(usage: Usage) -> Self {
        usage.fields()
    }
}

impl From<[u64; 6]> for Usage {
    /// The reverse of [`Usage::fields`].
    fn from(fields: [u64; 6]) -> Self {
        Self {
            input: fields[0],
            output: fields[1],
            cache_read: fields[2],
            cache_write: fields[3],
            cache_write_1h: fields[4],
            web_searches: fields[5],
        }
    }
}

impl Add for Usage {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.with(other, u64::saturating_add)
    }
}

impl Sub for Usage {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.with(other, u64::saturating_sub)
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// What another model was served that an answer asked for advice. It is part of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The model's name.
    pub model: String,
    /// Tokens and searches.
    #[serde(rename = "fields")]
    pub usage: Usage,
}

/// How a response was served, as far as it changes the price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServiceLevel {
    /// Fast mode.
    pub fast: bool,
    /// Inference in the US only.
    pub us_only: bool,
}

impl ServiceLevel {
    /// The same without fast mode.
    pub(crate) fn at_standard_speed(mut self) -> Self {
        self.fast = false;
        self
    }
}
