//! Parses a response's `usage` object and a model's running total.
//!
//! The field names match version 2.1.328.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::json_walk::{JsonWalk, count, is_count, number, search_count, text};
use crate::pricing::{Advice, Money, ServiceLevel, Usage};

/// The `usage` object of a response.
#[derive(Default)]
pub(super) struct UsageObject {
    pub(super) tokens: Tokens,
    pub(super) service: ServiceLevel,
    /// The usage of each model call. Each call is an item of `iterations` with the type `message`.
    pub(super) calls: Vec<Usage>,
    /// The usage of each call to an advisor. Each of these calls is an item with the type `advisor_message`. Advisors
    /// use other models, and their tokens are not included in any other field.
    pub(super) advice: Vec<Advice>,
}

impl UsageObject {
    pub(super) fn read(&mut self, walk: &mut JsonWalk<'_>) -> Option<()> {
        walk.fields(|field, walk| {
            match field {
                b"server_tool_use" => {
                    let searches = search_count(walk.value_of(b"web_search_requests")?);
                    self.tokens.usage.web_searches = searches;
                }
                // If a field is missing, empty, or null, this line does not state it, but another line may. The default
                // is the lower price. See `ServiceLevel::or`.
                b"speed" => self.service.fast = walk.value()? == b"\"fast\"",
                b"inference_geo" => self.service.us_only = walk.value()? == b"\"us\"",
                b"iterations" => return walk.items(|walk| self.read_call(walk)),
                _ => return self.tokens.read(field, walk),
            }
            Some(())
        })
    }

    fn read_call(&mut self, walk: &mut JsonWalk<'_>) -> Option<()> {
        let mut tokens = Tokens::default();
        let mut kind = &b""[..];
        let mut model = &b""[..];
        walk.fields(|field, walk| {
            match field {
                b"type" => kind = walk.value()?,
                b"model" => model = walk.value()?,
                _ => return tokens.read(field, walk),
            }
            Some(())
        })?;
        match kind {
            b"\"message\"" => self.calls.push(tokens.usage()),
            b"\"advisor_message\"" => self.advice.push(Advice {
                model: text(model).unwrap_or_default().into_owned(),
                usage: tokens.usage(),
            }),
            _ => {}
        }
        Some(())
    }
}

/// The token counts of a response or of one of its calls.
#[derive(Default)]
pub(super) struct Tokens {
    /// The parsed counts, except for the total number of cache writes.
    usage: Usage,
    cache_write: Option<u64>,
    cache_write_5m: u64,
    /// True if a field that should be a count has another type.
    pub(super) is_damaged: bool,
}

impl Tokens {
    /// Parses one field.
    fn read(&mut self, field: &[u8], walk: &mut JsonWalk<'_>) -> Option<()> {
        if field == b"cache_creation" {
            return walk.values(|field, value| match field {
                b"ephemeral_5m_input_tokens" => self.cache_write_5m = count(value),
                b"ephemeral_1h_input_tokens" => self.usage.cache_write_1h = count(value),
                _ => {}
            });
        }
        let value = walk.value()?;
        self.is_damaged |= field.ends_with(b"_tokens") && !is_count(value);
        match field {
            b"input_tokens" => self.usage.input = count(value),
            b"output_tokens" => self.usage.output = count(value),
            b"cache_read_input_tokens" => self.usage.cache_read = count(value),
            b"cache_creation_input_tokens" if value != b"null" => {
                self.cache_write = Some(count(value));
            }
            _ => {}
        }
        Some(())
    }

    /// Returns the usage.
    ///
    /// Cache writes without a breakdown by lifetime count as five-minute writes, as in Claude Code. If the total is
    /// missing, it is computed from the breakdown. If the total is 0, the breakdown is ignored, because on lines that
    /// survive a compaction, Claude Code sets only the total to 0.
    pub(super) fn usage(&self) -> Usage {
        let hour = self.usage.cache_write_1h;
        let cache_write = self.cache_write.unwrap_or(self.cache_write_5m + hour);
        Usage {
            cache_write,
            cache_write_1h: hour.min(cache_write),
            ..self.usage
        }
    }
}

/// Returns a response's individual calls. Returns an empty list if there is only one call, or if the tokens of the
/// calls do not add up to the response's total. Claude Code ignores the calls in the same cases. The API reports
/// searches only for the whole response. If the total contains more one-hour cache writes than the calls do, the
/// difference is assigned to the calls in order.
pub(super) fn calls_that_add_up(mut calls: Vec<Usage>, total: &Usage) -> Vec<Usage> {
    let sum: Usage = calls.iter().copied().sum();
    let adds_up = sum.input == total.input
        && sum.output == total.output
        && sum.cache_read == total.cache_read
        && sum.cache_write == total.cache_write;
    if calls.len() < 2 || !adds_up {
        return Vec::new();
    }
    let mut missing = total.cache_write_1h.saturating_sub(sum.cache_write_1h);
    for call in &mut calls {
        let added = missing.min(call.cache_write_5m());
        call.cache_write_1h += added;
        missing -= added;
    }
    calls
}

/// A model's running total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelTotal {
    /// The cost.
    pub cost: Money,
    /// The number of tokens and searches.
    pub usage: Usage,
    /// True if one-hour cache writes are counted separately from five-minute writes.
    #[serde(rename = "splits")]
    pub has_lifetime_breakdown: bool,
}

impl AddAssign for ModelTotal {
    fn add_assign(&mut self, other: Self) {
        self.usage += other.usage;
        self.cost += other.cost;
        self.has_lifetime_breakdown &= other.has_lifetime_breakdown;
    }
}

impl ModelTotal {
    /// Returns the increase since an earlier total.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            cost: (self.cost - earlier.cost).or_zero(),
            usage: self.usage - earlier.usage,
            has_lifetime_breakdown: self.has_lifetime_breakdown
                && (earlier.has_lifetime_breakdown || earlier.usage.cache_write == 0),
        }
    }

    pub(super) fn read(walk: &mut JsonWalk<'_>) -> Option<Self> {
        let mut total = Self::default();
        let usage = &mut total.usage;
        walk.values(|field, value| match field {
            b"inputTokens" => usage.input = count(value),
            b"outputTokens" => usage.output = count(value),
            b"cacheReadInputTokens" => usage.cache_read = count(value),
            b"cacheCreationInputTokens" => usage.cache_write = count(value),
            b"cacheCreationEphemeral1hInputTokens" => {
                total.has_lifetime_breakdown = true;
                usage.cache_write_1h = count(value);
            }
            b"webSearchRequests" => usage.web_searches = search_count(value),
            b"costUSD" => {
                total.cost = number(value)
                    .and_then(Money::from_noisy_usd)
                    .unwrap_or_default();
            }
            _ => {}
        })?;
        usage.cache_write_1h = usage.cache_write_1h.min(usage.cache_write);
        Some(total)
    }
}
