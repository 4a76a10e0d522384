//! How the JSON of a transcript line becomes a record.
//!
//! Field names as of client 2.1.328. What a client may leave out, set to null or write as another
//! type is read leniently; see `walk.rs`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::record::{CostState, ModelTotal, Record, Response, SYNTHETIC, Signature};
use super::walk::{Walk, count, flag, name, number, text};
use crate::pricing::{Service, Usage};
use crate::time::{Millis, millis};

/// The fields of a line that matter to whycap.
#[derive(Default)]
struct Line<'a> {
    kind: Option<Cow<'a, str>>,
    uuid: Option<Cow<'a, str>>,
    at: Option<Millis>,
    session: Option<Cow<'a, str>>,
    request_session: Option<Cow<'a, str>>,
    request: Option<Cow<'a, str>>,
    directory: Option<Cow<'a, str>>,
    subagent: bool,
    refusal: bool,
    message: Message<'a>,
    total_usd: Option<f64>,
    started: Option<f64>,
    models: BTreeMap<String, ModelTotal>,
}

#[derive(Default)]
struct Message<'a> {
    id: Option<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
    /// With the bytes as written.
    usage: Option<(RawUsage, &'a [u8])>,
}

/// Reads a line. None if it is not a JSON object with a type; it then costs nothing but itself.
pub fn parse(bytes: &[u8]) -> Option<Record<'_>> {
    let line = line(bytes)?;
    let at = line.at;
    match line.kind.as_deref()? {
        "assistant" if line.refusal => Some(Record::Refusal(at)),
        "assistant" => Some(response(line, bytes).map_or(Record::Other(at), Record::Response)),
        "cost-state" => Some(cost_state(line).map_or(Record::Other(at), Record::CostState)),
        _ => Some(Record::Other(at)),
    }
}

/// The time of a line, if it has one at its top level.
pub fn time_of(bytes: &[u8]) -> Option<Millis> {
    let mut at = None;
    Walk::object(bytes, |field, walk| {
        let value = walk.value()?;
        if field == b"timestamp" {
            at = time(value);
        }
        Some(())
    })?;
    at
}

fn time(value: &[u8]) -> Option<Millis> {
    millis(&text(value)?)
}

fn line(bytes: &[u8]) -> Option<Line<'_>> {
    let mut line = Line::default();
    Walk::object(bytes, |field, walk| {
        match field {
            b"message" => return line.message.read(walk),
            b"modelUsage" => {
                return walk.fields(|model, walk| {
                    let model = String::from_utf8_lossy(model).into_owned();
                    line.models.insert(model, model_total(walk)?);
                    Some(())
                });
            }
            _ => {}
        }
        let value = walk.value()?;
        match field {
            b"type" => line.kind = name(value),
            b"uuid" => line.uuid = name(value),
            b"timestamp" => line.at = time(value),
            b"sessionId" => line.session = name(value),
            b"requestSessionId" => line.request_session = name(value),
            b"requestId" => line.request = name(value),
            b"cwd" => line.directory = text(value),
            b"isSidechain" => line.subagent = flag(value),
            b"isApiErrorMessage" => line.refusal = flag(value),
            b"totalCostUSD" => line.total_usd = number(value),
            b"startTime" => line.started = number(value),
            _ => {}
        }
        Some(())
    })?;
    Some(line)
}

impl<'a> Message<'a> {
    fn read(&mut self, walk: &mut Walk<'a>) -> Option<()> {
        walk.fields(|field, walk| {
            if field == b"usage" {
                let mut usage = RawUsage::default();
                let bytes = walk.while_passing(|walk| usage.read(walk))?;
                self.usage = bytes.starts_with(b"{").then_some((usage, bytes));
                return Some(());
            }
            let value = walk.value()?;
            match field {
                b"id" => self.id = name(value),
                b"model" => self.model = text(value),
                _ => {}
            }
            Some(())
        })
    }
}

fn response<'a>(line: Line<'a>, bytes: &'a [u8]) -> Option<Response<'a>> {
    let message = line.message;
    let (raw, raw_bytes) = message.usage?;
    let model = message.model?;
    if model == SYNTHETIC {
        return None;
    }
    let usage = raw.tokens.usage(raw.web_searches);
    let key = key(
        message.id.as_deref(),
        line.request.as_deref(),
        line.uuid.as_deref(),
        bytes,
    );
    let signature = match (message.id, line.request) {
        (Some(Cow::Borrowed(message)), Some(Cow::Borrowed(request))) => Some(Signature {
            message,
            message_at: message.as_ptr().addr() - bytes.as_ptr().addr(),
            request,
            usage: raw_bytes,
        }),
        _ => None,
    };
    Some(Response {
        key,
        at: line.at,
        copied: line.request_session.is_some(),
        session: line.request_session.or(line.session),
        subagent: line.subagent,
        model,
        usage,
        service: raw.service,
        calls: calls_that_add_up(raw.calls, &usage),
        directory: line.directory,
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

/// What was counted, how it was served, and the calls behind it.
#[derive(Default)]
struct RawUsage {
    tokens: Tokens,
    web_searches: u64,
    service: Service,
    /// Those of type `message`.
    calls: Vec<Usage>,
}

impl RawUsage {
    fn read(&mut self, walk: &mut Walk<'_>) -> Option<()> {
        walk.fields(|field, walk| {
            match field {
                b"server_tool_use" => {
                    return walk.values(|field, value| {
                        if field == b"web_search_requests" {
                            self.web_searches = count(value);
                        }
                    });
                }
                b"speed" => self.service.fast = walk.value()? == b"\"fast\"",
                b"inference_geo" => self.service.us_only = walk.value()? == b"\"us\"",
                b"iterations" => return walk.items(|walk| self.read_call(walk)),
                _ => return self.tokens.read(field, walk),
            }
            Some(())
        })
    }

    fn read_call(&mut self, walk: &mut Walk<'_>) -> Option<()> {
        let mut tokens = Tokens::default();
        let mut is_message = false;
        walk.fields(|field, walk| {
            if field != b"type" {
                return tokens.read(field, walk);
            }
            is_message = walk.value()? == b"\"message\"";
            Some(())
        })?;
        if is_message {
            self.calls.push(tokens.usage(0));
        }
        Some(())
    }
}

/// The counts that a response and each call behind it have in common.
#[derive(Default)]
struct Tokens {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    /// Cache writes of five minutes and of one hour.
    split: (u64, u64),
}

impl Tokens {
    /// Takes in the field of this name.
    fn read(&mut self, field: &[u8], walk: &mut Walk<'_>) -> Option<()> {
        if field == b"cache_creation" {
            let (five_minutes, hour) = &mut self.split;
            return walk.values(|field, value| match field {
                b"ephemeral_5m_input_tokens" => *five_minutes = count(value),
                b"ephemeral_1h_input_tokens" => *hour = count(value),
                _ => {}
            });
        }
        let value = walk.value()?;
        match field {
            b"input_tokens" => self.input = count(value),
            b"output_tokens" => self.output = count(value),
            b"cache_read_input_tokens" => self.cache_read = count(value),
            b"cache_creation_input_tokens" => self.cache_write = count(value),
            _ => {}
        }
        Some(())
    }

    /// The split of cache writes can be missing (then all count as five-minute writes, as the
    /// client has it) or stand alone.
    fn usage(&self, web_searches: u64) -> Usage {
        let (five_minutes, hour) = self.split;
        let cache_write = match self.cache_write {
            0 => five_minutes.saturating_add(hour),
            total => total,
        };
        Usage {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read,
            cache_write,
            cache_write_1h: hour.min(cache_write),
            web_searches,
        }
    }
}

/// The calls behind a response as the client takes them: only if there are several, and they add
/// up to what the response says. A one-hour write that the response reports and no call does is
/// given to the calls in order.
fn calls_that_add_up(mut calls: Vec<Usage>, total: &Usage) -> Vec<Usage> {
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

fn cost_state(line: Line<'_>) -> Option<CostState> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates; milliseconds fit an i64"
    )]
    let started = line.started? as Millis;
    Some(CostState {
        session: line.session.map(Cow::into_owned),
        started,
        total_usd: line.total_usd?,
        models: line.models,
    })
}

fn model_total(walk: &mut Walk<'_>) -> Option<ModelTotal> {
    let mut total = ModelTotal::default();
    let usage = &mut total.usage;
    walk.values(|field, value| match field {
        b"inputTokens" => usage.input = count(value),
        b"outputTokens" => usage.output = count(value),
        b"cacheReadInputTokens" => usage.cache_read = count(value),
        b"cacheCreationInputTokens" => usage.cache_write = count(value),
        b"cacheCreationEphemeral1hInputTokens" => usage.cache_write_1h = count(value),
        b"webSearchRequests" => usage.web_searches = count(value),
        b"costUSD" => total.cost_usd = number(value).unwrap_or(0.0),
        _ => {}
    })?;
    usage.cache_write_1h = usage.cache_write_1h.min(usage.cache_write);
    Some(total)
}
