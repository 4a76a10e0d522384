//! The `usage` object of an answer, and what the client's running total says of a model.
//!
//! Field names as of client 2.1.328.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::json_walk::{JsonWalk, count, is_count, number, search_count, text};
use crate::pricing::{Advice, Money, ServiceLevel, Usage};

/// What an answer's `usage` says.
#[derive(Default)]
pub(super) struct UsageObject {
    pub(super) tokens: Tokens,
    pub(super) service: ServiceLevel,
    /// Those of type `message`.
    pub(super) calls: Vec<Usage>,
    /// Those of type `advisor_message`: other models, whose tokens are not among the others.
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
        let (mut kind, mut model) = (&b""[..], &b""[..]);
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
            b"\"advisor_message\"" => {
                let model = text(model).unwrap_or_default().into_owned();
                let usage = tokens.usage();
                self.advice.push(Advice { model, usage });
            }
            _ => {}
        }
        Some(())
    }
}

/// The counts that a response and each call behind it have in common.
#[derive(Default)]
pub(super) struct Tokens {
    /// As counted, save the sum of cache writes.
    usage: Usage,
    cache_write: Option<u64>,
    cache_write_5m: u64,
    /// One of them is there and no count.
    pub(super) is_damaged: bool,
}

impl Tokens {
    /// Takes in the field of this name.
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

    /// The split of cache writes can be missing (then all count as five-minute writes, as the
    /// client has it) or stand alone. Beside a count of 0 it means nothing: where a compaction kept
    /// a line, the client sets the counts to 0 and forgets the split.
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

/// The calls behind a response as the client takes them: only if there are several, and they add
/// up to what the response says. A one-hour write that the response reports and no call does is
/// given to the calls in order.
pub(super) fn calls_that_add_up(mut calls: Vec<Usage>, total: &Usage) -> Vec<Usage> {
    let sum: Usage = calls.iter().copied().sum();
    let adds_up = Usage {
        cache_write_1h: total.cache_write_1h,
        web_searches: total.web_searches,
        ..sum
    } == *total;
    if calls.len() < 2 || !adds_up {
        return Vec::new();
    }
    let mut missing = total.cache_write_1h.saturating_sub(sum.cache_write_1h);
    for call in &mut calls {
        let room = missing.min(call.cache_write_5m());
        call.cache_write_1h += room;
        missing -= room;
    }
    calls
}

/// The client's own running total for one model. Older ledgers have it as a list, in this order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelTotal {
    /// What it comes to.
    pub cost: Money,
    /// Tokens and searches since the chain of runs began.
    pub usage: Usage,
    /// Whether it tells the cache writes of an hour from those of five minutes.
    pub splits: bool,
}

impl AddAssign for ModelTotal {
    fn add_assign(&mut self, other: Self) {
        self.usage += other.usage;
        self.cost += other.cost;
        self.splits &= other.splits;
    }
}

impl ModelTotal {
    pub(super) fn read(walk: &mut JsonWalk<'_>) -> Option<Self> {
        let mut total = Self::default();
        let usage = &mut total.usage;
        walk.values(|field, value| match field {
            b"inputTokens" => usage.input = count(value),
            b"outputTokens" => usage.output = count(value),
            b"cacheReadInputTokens" => usage.cache_read = count(value),
            b"cacheCreationInputTokens" => usage.cache_write = count(value),
            b"cacheCreationEphemeral1hInputTokens" => {
                total.splits = true;
                usage.cache_write_1h = count(value);
            }
            b"webSearchRequests" => usage.web_searches = search_count(value),
            b"costUSD" => {
                let cost = number(value).and_then(Money::from_noisy_usd);
                total.cost = cost.unwrap_or_default();
            }
            _ => {}
        })?;
        usage.cache_write_1h = usage.cache_write_1h.min(usage.cache_write);
        Some(total)
    }
}
