//! Parses a response's `usage` object and a model's running total.
//!
//! The field names match version 2.1.328.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::json::Json;
use crate::pricing::{Advice, Money, ServiceLevel, Usage};

/// The `usage` object of a response, or of one of its model calls.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct UsageObject<'a> {
    #[serde(borrow)]
    input_tokens: Json<'a>,
    output_tokens: Json<'a>,
    cache_read_input_tokens: Json<'a>,
    cache_creation_input_tokens: Json<'a>,
    cache_creation: Option<CacheCreation<'a>>,
    server_tool_use: Option<ServerToolUse<'a>>,
    speed: Json<'a>,
    inference_geo: Json<'a>,
    iterations: Option<Vec<UsageObject<'a>>>,
    /// The type of a call, which is `message`, or `advisor_message` for a call to an advisor. Advisors use other models,
    /// and their tokens are not included in any other field.
    #[serde(rename = "type")]
    kind: Json<'a>,
    model: Json<'a>,
}

#[derive(Deserialize)]
struct CacheCreation<'a> {
    #[serde(borrow, default)]
    ephemeral_5m_input_tokens: Json<'a>,
    #[serde(default)]
    ephemeral_1h_input_tokens: Json<'a>,
}

#[derive(Deserialize)]
struct ServerToolUse<'a> {
    #[serde(borrow, default)]
    web_search_requests: Json<'a>,
}

impl UsageObject<'_> {
    /// Returns the number of tokens and searches.
    ///
    /// Cache writes without a breakdown by lifetime count as five-minute writes, as in Claude Code. If the total is
    /// missing, it is computed from the breakdown. If the total is 0, the breakdown is ignored, because on lines that
    /// survive a compaction, Claude Code sets only the total to 0.
    pub(super) fn usage(&self) -> Usage {
        let [five_minutes, hour] = self.cache_creation.as_ref().map_or([0; 2], |by_lifetime| {
            [
                by_lifetime.ephemeral_5m_input_tokens.count(),
                by_lifetime.ephemeral_1h_input_tokens.count(),
            ]
        });
        let total = self.cache_creation_input_tokens;
        let cache_write = if total.written().is_empty() {
            five_minutes + hour
        } else {
            total.count()
        };
        let server = self.server_tool_use.as_ref();
        Usage {
            input: self.input_tokens.count(),
            output: self.output_tokens.count(),
            cache_read: self.cache_read_input_tokens.count(),
            cache_write,
            cache_write_1h: hour.min(cache_write),
            web_searches: server.map_or(0, |server| server.web_search_requests.search_count()),
        }
    }

    /// Returns true if a field that should be a count has another type.
    pub(super) fn is_damaged(&self) -> bool {
        let counts = [
            self.input_tokens,
            self.output_tokens,
            self.cache_read_input_tokens,
            self.cache_creation_input_tokens,
        ];
        !counts.into_iter().all(Json::may_be_count)
    }

    /// Returns the service level. If a field is missing, empty, or null, this line does not state it, but another line
    /// may. The default is the lower price. See `ServiceLevel::or`.
    pub(super) fn service(&self) -> ServiceLevel {
        ServiceLevel {
            fast: self.speed.is("fast"),
            us_only: self.inference_geo.is("us"),
        }
    }

    /// Returns the usage of each model call, if there are several that add up to `total`.
    pub(super) fn calls(&self, total: &Usage) -> Vec<Usage> {
        let calls = self.calls_named("message").map(Self::usage);
        calls_that_add_up(calls.collect(), total)
    }

    /// Returns the advice of each advisor.
    pub(super) fn advice(&self) -> Vec<Advice> {
        self.calls_named("advisor_message")
            .map(|call| Advice {
                model: call.model.text().unwrap_or_default().into_owned(),
                usage: call.usage(),
            })
            .collect()
    }

    fn calls_named(&self, kind: &str) -> impl Iterator<Item = &Self> {
        let calls = self.iterations.iter().flatten();
        calls.filter(move |call| call.kind.is(kind))
    }
}

/// Returns a response's individual calls. Returns an empty list if there is only one call, or if the tokens of the
/// calls do not add up to the response's total. Claude Code ignores the calls in the same cases. The API reports
/// searches only for the whole response. If the total contains more one-hour cache writes than the calls do, the
/// difference is assigned to the calls in order.
fn calls_that_add_up(mut calls: Vec<Usage>, total: &Usage) -> Vec<Usage> {
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
}

/// A model's running total in a checkpoint.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct TotalObject<'a> {
    #[serde(borrow)]
    input_tokens: Json<'a>,
    output_tokens: Json<'a>,
    cache_read_input_tokens: Json<'a>,
    cache_creation_input_tokens: Json<'a>,
    cache_creation_ephemeral1h_input_tokens: Json<'a>,
    web_search_requests: Json<'a>,
    #[serde(rename = "costUSD")]
    cost: Json<'a>,
}

impl From<TotalObject<'_>> for ModelTotal {
    fn from(object: TotalObject<'_>) -> Self {
        let cache_write = object.cache_creation_input_tokens.count();
        let of_hour = object.cache_creation_ephemeral1h_input_tokens;
        let cost = object.cost.number().and_then(Money::from_noisy_usd);
        Self {
            cost: cost.unwrap_or_default(),
            usage: Usage {
                input: object.input_tokens.count(),
                output: object.output_tokens.count(),
                cache_read: object.cache_read_input_tokens.count(),
                cache_write,
                cache_write_1h: of_hour.count().min(cache_write),
                web_searches: object.web_search_requests.search_count(),
            },
            has_lifetime_breakdown: !of_hour.written().is_empty(),
        }
    }
}
