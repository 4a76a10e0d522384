//! Parses a response's `usage` object and a model's running total.
//!
//! The field names match version 2.1.328.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::json::{FromJson, Json, JsonWalk, json_objects};
use crate::pricing::{Advice, Money, ServiceLevel, Usage};

json_objects! {
    /// The `usage` object of a response, or of one of its model calls. The type of a call is `message`, or `advisor_message`
    /// for a call to an advisor. Advisors use other models, and their tokens are not included in any other field.
    struct UsageObject {
        input: Json<'a> = b"input_tokens",
        output: Json<'a> = b"output_tokens",
        cache_read: Json<'a> = b"cache_read_input_tokens",
        cache_write: Json<'a> = b"cache_creation_input_tokens",
        by_lifetime: CacheCreation<'a> = b"cache_creation",
        server: ServerToolUse<'a> = b"server_tool_use",
        speed: Json<'a> = b"speed",
        geography: Json<'a> = b"inference_geo",
        calls: Vec<UsageObject<'a>> = b"iterations",
        kind: Json<'a> = b"type",
        model: Json<'a> = b"model",
    }

    struct CacheCreation {
        five_minutes: Json<'a> = b"ephemeral_5m_input_tokens",
        hour: Json<'a> = b"ephemeral_1h_input_tokens",
    }

    struct ServerToolUse {
        searches: Json<'a> = b"web_search_requests",
    }

    /// A model's running total in a checkpoint.
    struct TotalObject {
        input: Json<'a> = b"inputTokens",
        output: Json<'a> = b"outputTokens",
        cache_read: Json<'a> = b"cacheReadInputTokens",
        cache_write: Json<'a> = b"cacheCreationInputTokens",
        cache_write_1h: Json<'a> = b"cacheCreationEphemeral1hInputTokens",
        searches: Json<'a> = b"webSearchRequests",
        cost: Json<'a> = b"costUSD",
    }
}

impl UsageObject<'_> {
    /// Returns the number of tokens and searches.
    ///
    /// Cache writes without a breakdown by lifetime count as five-minute writes, as in Claude Code. If the total is
    /// missing, it is computed from the breakdown. If the total is 0, the breakdown is ignored, because on lines that
    /// survive a compaction, Claude Code sets only the total to 0.
    pub(super) fn usage(&self) -> Usage {
        let hour = self.by_lifetime.hour.count();
        let cache_write = if self.cache_write.written().is_empty() {
            self.by_lifetime.five_minutes.count() + hour
        } else {
            self.cache_write.count()
        };
        Usage {
            input: self.input.count(),
            output: self.output.count(),
            cache_read: self.cache_read.count(),
            cache_write,
            cache_write_1h: hour.min(cache_write),
            web_searches: self.server.searches.search_count(),
        }
    }

    /// Returns true if a field that should be a count has another type.
    pub(super) fn is_damaged(&self) -> bool {
        let counts = [self.input, self.output, self.cache_read, self.cache_write];
        !counts.into_iter().all(Json::may_be_count)
    }

    /// Returns the service level. If a field is missing, empty, or null, this line does not state it, but another line
    /// may. The default is the lower price. See `ServiceLevel::or`.
    pub(super) fn service(&self) -> ServiceLevel {
        ServiceLevel {
            fast: self.speed.is(b"fast"),
            us_only: self.geography.is(b"us"),
        }
    }

    /// Returns the usage of each model call. Returns an empty list if there is only one call, or if the tokens of the
    /// calls do not add up to the response's total. Claude Code ignores the calls in the same cases. The API reports
    /// searches only for the whole response. If the total contains more one-hour cache writes than the calls do, the
    /// difference is assigned to the calls in order.
    pub(super) fn calls(&self, total: &Usage) -> Vec<Usage> {
        let mut calls: Vec<Usage> = self
            .calls_named(b"message")
            .map(Self::usage)
            .collect();
        let sum: Usage = calls.iter().copied().sum();
        let expected_sum = Usage {
            cache_write_1h: sum.cache_write_1h,
            web_searches: sum.web_searches,
            ..*total
        };
        if calls.len() < 2 || sum != expected_sum {
            return Vec::new();
        }
        let mut missing = total
            .cache_write_1h
            .saturating_sub(sum.cache_write_1h);
        for call in &mut calls {
            let added = missing.min(call.cache_write_5m());
            call.cache_write_1h += added;
            missing -= added;
        }
        calls
    }

    /// Returns the advice of each advisor.
    pub(super) fn advice(&self) -> Vec<Advice> {
        self.calls_named(b"advisor_message")
            .map(|call| Advice {
                model: call.model.text().unwrap_or_default().into_owned(),
                usage: call.usage(),
            })
            .collect()
    }

    fn calls_named(&self, kind: &[u8]) -> impl Iterator<Item = &Self> {
        self.calls
            .iter()
            .filter(move |call| call.kind.is(kind))
    }
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
}

impl<'a> FromJson<'a> for ModelTotal {
    fn read(walk: &mut JsonWalk<'a>) -> Option<Self> {
        let object = TotalObject::read(walk)?;
        let cache_write = object.cache_write.count();
        let cost = object.cost.number().and_then(Money::from_noisy_usd);
        Some(Self {
            cost: cost.unwrap_or_default(),
            usage: Usage {
                input: object.input.count(),
                output: object.output.count(),
                cache_read: object.cache_read.count(),
                cache_write,
                cache_write_1h: object.cache_write_1h.count().min(cache_write),
                web_searches: object.searches.search_count(),
            },
            has_lifetime_breakdown: !object.cache_write_1h.written().is_empty(),
        })
    }
}
