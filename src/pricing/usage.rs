//! The tokens, searches, and service level of a response.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize, Serializer};

/// The number of tokens and searches in a response, as reported by the API. Serialized as the array that
/// [`Usage::fields`] returns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 6]", into = "[u64; 6]")]
pub struct Usage {
    /// The uncached input: prompt tokens that were neither read from nor written to the cache.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
    /// Prompt tokens read from the cache.
    pub cache_read: u64,
    /// Prompt tokens written to the cache with a lifetime of either five minutes or one hour.
    pub cache_write: u64,
    /// The part of [`Self::cache_write`] with a lifetime of one hour, or 0 if the API did not report the lifetimes. In
    /// that case, the client charges all of these tokens as five-minute writes.
    pub cache_write_1h: u64,
    /// Web searches performed by the server.
    pub web_searches: u64,
}

impl Usage {
    /// Returns the fields in declaration order, for operations that apply to all of them.
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

    fn combine(self, other: Self, operation: impl Fn(u64, u64) -> u64) -> Self {
        let mut fields = self.fields();
        for (field, other_field) in fields.iter_mut().zip(other.fields()) {
            *field = operation(*field, other_field);
        }
        fields.into()
    }

    /// Returns the maximum of each field.
    ///
    /// Claude Code may write the usage of a response several times. The number of output tokens grows during streaming,
    /// and lines that survive a compaction contain zeros. The maximum is what the API charges for.
    pub(crate) fn max(self, other: Self) -> Self {
        self.combine(other, u64::max)
    }

    /// Returns true if `other`, from another line of the same response, is at least as complete.
    pub(crate) fn is_completed_by(self, other: Self) -> bool {
        other.output >= self.output && !other.is_zero()
    }

    /// Returns the number of prompt tokens: uncached input, cache reads, and cache writes. For a single call, this is
    /// the length of the prompt, which determines whether long-prompt rates apply. For a tally, it is the sum over all
    /// prompts.
    pub fn prompt(&self) -> u64 {
        self.input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write)
    }

    /// Returns the number of prompt tokens written to the cache with a lifetime of five minutes.
    pub fn cache_write_5m(&self) -> u64 {
        self.cache_write.saturating_sub(self.cache_write_1h)
    }

    /// Returns the usage of each model call in a response with this total usage. `several` lists the calls if there was
    /// more than one. Searches are reported only for the whole response, so they are assigned to the first call.
    pub(crate) fn calls(self, several: &[Self]) -> impl Iterator<Item = Self> {
        let single = several.is_empty().then_some(self);
        let calls = several
            .iter()
            .enumerate()
            .map(move |(index, call)| Self {
                web_searches: if index == 0 { self.web_searches } else { 0 },
                ..*call
            });
        single.into_iter().chain(calls)
    }

    /// Returns true if all fields are zero.
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
    fn from(fields: [u64; 6]) -> Self {
        let [
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h,
            web_searches,
        ] = fields;
        Self {
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h,
            web_searches,
        }
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.combine(other, u64::saturating_add)
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.combine(other, u64::saturating_sub)
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

/// The usage of another model that gave advice on a response. The response's cost includes the cost of the advice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Advice {
    /// The name of the model.
    pub model: String,
    /// The tokens and searches that the model used.
    #[serde(alias = "fields")]
    pub usage: Usage,
}

/// Advice is serialized as an array of the model and the usage. Earlier builds of whycap can also read this format.
impl Serialize for Advice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.model, &self.usage).serialize(serializer)
    }
}

/// The parts of a response's service level that affect its price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServiceLevel {
    /// True if fast mode was used.
    pub fast: bool,
    /// True if inference was restricted to the US.
    pub us_only: bool,
}

impl ServiceLevel {
    /// Merges the service levels of two lines of the same response. If either line states a property, the response has
    /// it.
    ///
    /// A single line may be incomplete. Claude Code 2.1.42 to 2.1.91 wrote `speed` only on the last line, and 2.1.39
    /// replaced the `inference_geo` of the earlier lines with an empty string on the last line.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            fast: self.fast || other.fast,
            us_only: self.us_only || other.us_only,
        }
    }
}
