//! The JSON of transcript lines as it stands, and how it becomes a record.
//!
//! Field names as of client 2.1.328. What a client may leave out, set to null or write as another
//! type is read leniently; see `lenient.rs`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use super::lenient::{Count, Flag, Number, Text};
use super::record::{CostState, ModelTotal, Record, Response, SYNTHETIC, Signature};
use super::time::{Millis, millis};
use crate::pricing::{Service, Usage};

#[derive(Deserialize)]
pub(super) struct RawLine<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    uuid: Text<'a>,
    #[serde(borrow, default)]
    timestamp: Text<'a>,
    #[serde(borrow, default, rename = "sessionId")]
    session: Text<'a>,
    #[serde(borrow, default, rename = "requestSessionId")]
    request_session: Text<'a>,
    #[serde(borrow, default, rename = "requestId")]
    request: Text<'a>,
    #[serde(borrow, default, rename = "cwd")]
    directory: Text<'a>,
    #[serde(default, rename = "isSidechain")]
    subagent: Flag,
    #[serde(default, rename = "isApiErrorMessage")]
    refusal: Flag,
    #[serde(borrow, default)]
    message: Option<RawMessage<'a>>,
    #[serde(default, rename = "totalCostUSD")]
    total_usd: Number,
    #[serde(default, rename = "startTime")]
    started: Number,
    #[serde(default, rename = "modelUsage")]
    models: Option<BTreeMap<String, RawModelTotal>>,
}

#[derive(Deserialize)]
struct RawMessage<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawUsage<'a> {
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    cache_creation_input_tokens: Count,
    #[serde(default)]
    cache_read_input_tokens: Count,
    #[serde(default)]
    cache_creation: Option<RawCacheCreation>,
    #[serde(default)]
    server_tool_use: Option<RawServerTools>,
    #[serde(borrow, default)]
    speed: Text<'a>,
    #[serde(borrow, default)]
    inference_geo: Text<'a>,
    #[serde(borrow, default)]
    iterations: Option<Vec<RawCall<'a>>>,
}

#[derive(Deserialize, Clone, Copy)]
struct RawCacheCreation {
    #[serde(default)]
    ephemeral_5m_input_tokens: Count,
    #[serde(default)]
    ephemeral_1h_input_tokens: Count,
}

#[derive(Deserialize)]
struct RawServerTools {
    #[serde(default)]
    web_search_requests: Count,
}

#[derive(Deserialize)]
struct RawCall<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    cache_creation_input_tokens: Count,
    #[serde(default)]
    cache_read_input_tokens: Count,
    #[serde(default)]
    cache_creation: Option<RawCacheCreation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawModelTotal {
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    cache_read_input_tokens: Count,
    #[serde(default)]
    cache_creation_input_tokens: Count,
    #[serde(default)]
    cache_creation_ephemeral1h_input_tokens: Count,
    #[serde(default)]
    web_search_requests: Count,
    #[serde(default, rename = "costUSD")]
    cost_usd: Number,
}

/// What a line of these bytes says. None if it has no type.
pub(super) fn interpret<'a>(raw: RawLine<'a>, line: &[u8]) -> Option<Record<'a>> {
    let at = raw.timestamp.as_str().and_then(millis);
    match raw.kind.as_str()? {
        "assistant" if raw.refusal.0 => Some(Record::Refusal(at)),
        "assistant" => Some(response(raw, at, line).map_or(Record::Other(at), Record::Response)),
        "cost-state" => Some(cost_state(raw).map_or(Record::Other(at), Record::CostState)),
        _ => Some(Record::Other(at)),
    }
}

fn response<'a>(raw: RawLine<'a>, at: Option<Millis>, line: &[u8]) -> Option<Response<'a>> {
    let message = raw.message?;
    let raw_usage = message.usage?.get();
    let model = message.model.0?;
    if model == SYNTHETIC {
        return None;
    }
    let usage: RawUsage<'_> = serde_json::from_str(raw_usage).ok()?;
    let signature = match (&message.id.0, &raw.request.0) {
        (Some(Cow::Borrowed(message)), Some(Cow::Borrowed(request))) => {
            // Where the borrowed id stands; checked, because a repaired line is another buffer.
            let message_at = message.as_ptr().addr().wrapping_sub(line.as_ptr().addr());
            let stands_there = line
                .get(message_at..)
                .is_some_and(|rest| rest.starts_with(message.as_bytes()));
            stands_there.then_some(Signature {
                message,
                message_at,
                request,
                usage: raw_usage,
            })
        }
        _ => None,
    };
    let key = key(
        message.id.as_str(),
        raw.request.as_str(),
        raw.uuid.as_str(),
        line,
    );
    let copied = raw.request_session.as_str().is_some();
    let total = usage_of(&usage);
    let calls = calls(usage.iterations.as_deref().unwrap_or_default(), &total);
    Some(Response {
        key,
        at,
        session: if copied {
            raw.request_session.0
        } else {
            raw.session.0
        },
        copied,
        subagent: raw.subagent.0,
        model,
        usage: total,
        service: Service {
            fast: usage.speed.as_str() == Some("fast"),
            us_only: usage.inference_geo.as_str() == Some("us"),
        },
        calls,
        directory: raw.directory.0,
        signature,
    })
}

fn key(message: Option<&str>, request: Option<&str>, uuid: Option<&str>, line: &[u8]) -> i64 {
    let mut text = [0_u8; 160];
    let mut hash_of = |parts: [&str; 2]| {
        let length = parts[0].len() + 1 + parts[1].len();
        let hash = match text.get_mut(..length) {
            Some(space) => {
                let (first, rest) = space.split_at_mut(parts[0].len());
                first.copy_from_slice(parts[0].as_bytes());
                if let [separator, second @ ..] = rest {
                    *separator = 0;
                    second.copy_from_slice(parts[1].as_bytes());
                }
                xxh3_64(space)
            }
            None => xxh3_64([parts[0], "\0", parts[1]].concat().as_bytes()),
        };
        hash.cast_signed()
    };
    match (message, uuid) {
        (Some(message), _) => hash_of([message, request.unwrap_or("")]),
        (None, Some(uuid)) => hash_of(["uuid", uuid]),
        (None, None) => xxh3_64(line).cast_signed(),
    }
}

fn usage_of(raw: &RawUsage<'_>) -> Usage {
    let (cache_write, cache_write_1h) = writes(raw.cache_creation_input_tokens, raw.cache_creation);
    Usage {
        input: raw.input_tokens.0,
        output: raw.output_tokens.0,
        cache_read: raw.cache_read_input_tokens.0,
        cache_write,
        cache_write_1h,
        web_searches: raw
            .server_tool_use
            .as_ref()
            .map_or(0, |tools| tools.web_search_requests.0),
    }
}

/// Cache writes in all and of one hour. The split can be missing (then all count as five-minute
/// writes, as the client has it) or stand alone.
fn writes(total: Count, split: Option<RawCacheCreation>) -> (u64, u64) {
    let Some(split) = split else {
        return (total.0, 0);
    };
    let hour = split.ephemeral_1h_input_tokens.0;
    let total = if total.0 == 0 {
        split.ephemeral_5m_input_tokens.0.saturating_add(hour)
    } else {
        total.0
    };
    (total, hour.min(total))
}

/// The model calls behind one response, as the client takes them: only those of type `message`,
/// and only if they add up to what the response says. A one-hour write that the response reports
/// and no call does is given to the calls in order.
fn calls(iterations: &[RawCall<'_>], total: &Usage) -> Vec<Usage> {
    let mut calls: Vec<Usage> = iterations
        .iter()
        .filter(|call| call.kind.as_str() == Some("message"))
        .map(|call| {
            let (cache_write, cache_write_1h) =
                writes(call.cache_creation_input_tokens, call.cache_creation);
            Usage {
                input: call.input_tokens.0,
                output: call.output_tokens.0,
                cache_read: call.cache_read_input_tokens.0,
                cache_write,
                cache_write_1h,
                web_searches: 0,
            }
        })
        .collect();
    let sum = |field: fn(&Usage) -> u64| calls.iter().map(field).fold(0, u64::saturating_add);
    let adds_up = sum(|call| call.input) == total.input
        && sum(|call| call.output) == total.output
        && sum(|call| call.cache_read) == total.cache_read
        && sum(|call| call.cache_write) == total.cache_write;
    if calls.len() < 2 || !adds_up {
        return Vec::new();
    }
    let mut missing = total
        .cache_write_1h
        .saturating_sub(sum(|call| call.cache_write_1h));
    for call in &mut calls {
        let room = missing.min(call.cache_write_5m());
        call.cache_write_1h += room;
        missing -= room;
    }
    calls
}

fn cost_state(raw: RawLine<'_>) -> Option<CostState> {
    let models = raw
        .models
        .unwrap_or_default()
        .into_iter()
        .map(|(model, total)| {
            let usage = Usage {
                input: total.input_tokens.0,
                output: total.output_tokens.0,
                cache_read: total.cache_read_input_tokens.0,
                cache_write: total.cache_creation_input_tokens.0,
                cache_write_1h: total
                    .cache_creation_ephemeral1h_input_tokens
                    .0
                    .min(total.cache_creation_input_tokens.0),
                web_searches: total.web_search_requests.0,
            };
            (
                model,
                ModelTotal {
                    usage,
                    cost_usd: total.cost_usd.0.unwrap_or(0.0),
                },
            )
        })
        .collect();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates; milliseconds fit an i64"
    )]
    let started = raw.started.0? as Millis;
    Some(CostState {
        session: raw.session.0.map(Cow::into_owned),
        started,
        total_usd: raw.total_usd.0?,
        models,
    })
}
