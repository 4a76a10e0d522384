//! What one line of a transcript says about spend.
//!
//! Line shapes as client 2.1.328 and its predecessors write them. Two kinds matter: `assistant`
//! lines, which repeat a response's usage, and `cost-state` lines, the client's running total. What
//! a client may leave out, set to null or write as another type is read leniently; see
//! `json_walk.rs`. No prompt and no answer is ever kept.

use std::borrow::Cow;
use std::collections::BTreeMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::json_walk::{JsonWalk, flag, name, number, text};
pub use super::token_counts::ModelTotal;
use super::token_counts::UsageObject;
use crate::pricing::{Service, Usage};
use crate::time::{Millis, millis};

/// The model name of lines that the client made itself: errors, interruptions.
pub const SYNTHETIC: &str = "<synthetic>";

/// What a line that was worth parsing turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<'a> {
    /// A repetition of a response.
    Response(Response<'a>),
    /// A running total.
    CostState(CostState),
    /// An error that the client shows in place of an answer, with its time if it has one.
    Refusal(Option<Millis>),
    /// Something else, with its time if it has one.
    Other(Option<Millis>),
}

/// One repetition of a response.
#[derive(Debug, Clone, PartialEq)]
pub struct Response<'a> {
    /// The same for every repetition of this response, in any file: a hash of message id and
    /// request id; of the line's uuid where there is no message id; else of the line.
    pub key: i64,
    /// When the line was written.
    pub at: Option<Millis>,
    /// The session that made the request, if the line says.
    pub session: Option<Cow<'a, str>>,
    /// True if the line was copied here by a fork or resume and names the session it came from.
    pub copied: bool,
    /// True for a subagent's response.
    pub subagent: bool,
    /// The model's id as written.
    pub model: Cow<'a, str>,
    /// Tokens and searches.
    pub usage: Usage,
    /// How it was served.
    pub service: Service,
    /// The calls of a server-side tool loop, where they add up to `usage`; else empty.
    pub calls: Vec<Usage>,
    /// The working directory, if the line says.
    pub directory: Option<Cow<'a, str>>,
    /// The bytes by which a repetition can be recognised without parsing it.
    pub signature: Option<Signature<'a>>,
}

/// A response's ids and usage as written. A line that has all three says nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature<'a> {
    /// With its quotes, as the next.
    pub message: &'a [u8],
    /// The request's id.
    pub request: &'a [u8],
    /// The whole object.
    pub usage: &'a [u8],
}

/// The client's running total, as a `cost-state` line has it.
#[derive(Debug, Clone, PartialEq)]
pub struct CostState {
    /// The session.
    pub session: Option<String>,
    /// When the chain of runs began that this total covers; a fork keeps its parent's.
    pub started: Millis,
    /// Dollars, with floating-point noise.
    pub total_usd: f64,
    /// Per model as written.
    pub models: BTreeMap<String, ModelTotal>,
}

/// The fields of a line that matter to whycap.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<Cow<'a, str>>,
    uuid: Option<Cow<'a, str>>,
    at: Option<Millis>,
    session: Option<Cow<'a, str>>,
    request_session: Option<Cow<'a, str>>,
    request: &'a [u8],
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
    id: &'a [u8],
    model: Option<Cow<'a, str>>,
    /// With the bytes as written.
    usage: Option<(UsageObject, &'a [u8])>,
}

/// Reads a line. None if it is not a JSON object with a type; it then costs nothing but itself.
pub fn parse(bytes: &[u8]) -> Option<Line<'_>> {
    let fields = Fields::of(bytes)?;
    let at = fields.at;
    match fields.kind.as_deref()? {
        "assistant" if fields.refusal => Some(Line::Refusal(at)),
        "assistant" => Some(response(fields, bytes).map_or(Line::Other(at), Line::Response)),
        "cost-state" => Some(cost_state(fields).map_or(Line::Other(at), Line::CostState)),
        _ => Some(Line::Other(at)),
    }
}

/// The time of a line, if it has one at its top level.
pub fn time_of(bytes: &[u8]) -> Option<Millis> {
    let mut at = None;
    JsonWalk::object(bytes, |field, walk| {
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

impl<'a> Fields<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut found = Self::default();
        JsonWalk::object(bytes, |field, walk| {
            match field {
                b"message" => return found.message.read(walk),
                b"modelUsage" => {
                    return walk.fields(|model, walk| {
                        let model = String::from_utf8_lossy(model).into_owned();
                        found.models.insert(model, ModelTotal::read(walk)?);
                        Some(())
                    });
                }
                _ => {}
            }
            let value = walk.value()?;
            match field {
                b"type" => found.kind = name(value),
                b"uuid" => found.uuid = name(value),
                b"timestamp" => found.at = time(value),
                b"sessionId" => found.session = name(value),
                b"requestSessionId" => found.request_session = name(value),
                b"requestId" => found.request = value,
                b"cwd" => found.directory = text(value),
                b"isSidechain" => found.subagent = flag(value),
                b"isApiErrorMessage" => found.refusal = flag(value),
                b"totalCostUSD" => found.total_usd = number(value),
                b"startTime" => found.started = number(value),
                _ => {}
            }
            Some(())
        })?;
        Some(found)
    }
}

impl<'a> Message<'a> {
    fn read(&mut self, walk: &mut JsonWalk<'a>) -> Option<()> {
        walk.fields(|field, walk| {
            if field == b"usage" {
                let mut usage = UsageObject::default();
                let bytes = walk.while_passing(|walk| usage.read(walk))?;
                self.usage = bytes.starts_with(b"{").then_some((usage, bytes));
                return Some(());
            }
            let value = walk.value()?;
            match field {
                b"id" => self.id = value,
                b"model" => self.model = text(value),
                _ => {}
            }
            Some(())
        })
    }
}

fn response<'a>(fields: Fields<'a>, bytes: &[u8]) -> Option<Response<'a>> {
    let message = fields.message;
    let (object, usage_as_written) = message.usage?;
    let model = message.model?;
    if model == SYNTHETIC {
        return None;
    }
    let service = object.service;
    let (usage, calls) = object.into_usage_and_calls();
    let (message_id, request_id) = (name(message.id), name(fields.request));
    let signature = (message_id.is_some() && request_id.is_some()).then_some(Signature {
        message: message.id,
        request: fields.request,
        usage: usage_as_written,
    });
    let key = match (message_id, fields.uuid) {
        (Some(message), _) => hash_of(&message, &request_id.unwrap_or_default()),
        (None, Some(uuid)) => hash_of("uuid", &uuid),
        (None, None) => xxh3_64(bytes).cast_signed(),
    };
    Some(Response {
        key,
        at: fields.at,
        copied: fields.request_session.is_some(),
        session: fields.request_session.or(fields.session),
        subagent: fields.subagent,
        model,
        usage,
        service,
        calls,
        directory: fields.directory,
        signature,
    })
}

fn hash_of(first: &str, second: &str) -> i64 {
    xxh3_64_with_seed(second.as_bytes(), xxh3_64(first.as_bytes())).cast_signed()
}

fn cost_state(fields: Fields<'_>) -> Option<CostState> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates; milliseconds fit an i64"
    )]
    let started = fields.started? as Millis;
    Some(CostState {
        session: fields.session.map(Cow::into_owned),
        started,
        total_usd: fields.total_usd?,
        models: fields.models,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"parentUuid":null,"isSidechain":false,"message":{"id":"msg_1","model":"claude-opus-5-5","content":[{"type":"text","text":"\"usage\": {\"input_tokens\": 9}"}],"usage":{"input_tokens":12,"cache_creation_input_tokens":4000,"cache_read_input_tokens":11000,"output_tokens":250,"server_tool_use":{"web_search_requests":2},"cache_creation":{"ephemeral_1h_input_tokens":3000,"ephemeral_5m_input_tokens":1000},"inference_geo":"us","iterations":[],"speed":null}},"requestId":"req_1","type":"assistant","uuid":"u1","timestamp":"2026-11-20T06:26:56.016Z","cwd":"/home/dev/api","sessionId":"s1"}"#;

    fn response(line: &str) -> Response<'_> {
        match parse(line.as_bytes()) {
            Some(Line::Response(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_recorded_line_gives_its_usage() {
        let found = response(LINE);
        assert_eq!(
            found.usage,
            Usage {
                input: 12,
                output: 250,
                cache_read: 11_000,
                cache_write: 4_000,
                cache_write_1h: 3_000,
                web_searches: 2
            }
        );
        assert_eq!(
            found.service,
            Service {
                fast: false,
                us_only: true
            }
        );
        assert_eq!(found.session.as_deref(), Some("s1"));
        assert_eq!(found.at, Some(1_795_156_016_016));
    }

    #[test]
    fn a_copied_line_belongs_to_the_session_that_made_the_request() {
        let copy = LINE.replace(
            "\"sessionId\":\"s1\"",
            "\"sessionId\":\"fork\",\"requestSessionId\":\"s1\"",
        );
        let found = response(&copy);
        assert_eq!((found.session.as_deref(), found.copied), (Some("s1"), true));
        assert_eq!(found.key, response(LINE).key);
    }

    #[test]
    fn another_request_id_is_another_response() {
        assert_ne!(
            response(&LINE.replace("req_1", "req_2")).key,
            response(LINE).key
        );
    }

    #[test]
    fn a_line_without_message_id_is_known_by_its_uuid() {
        let bare = LINE.replace("\"id\":\"msg_1\",", "");
        let other = bare.replace("req_1", "req_2");
        assert_eq!(response(&bare).key, response(&other).key);
        assert_ne!(response(&bare).key, response(LINE).key);
    }

    #[test]
    fn synthetic_lines_and_quoted_usage_cost_nothing() {
        let synthetic = LINE.replace("claude-opus-5-5", SYNTHETIC);
        assert!(matches!(
            parse(synthetic.as_bytes()),
            Some(Line::Other(Some(_)))
        ));
        let user = LINE.replace("\"type\":\"assistant\"", "\"type\":\"user\"");
        assert!(matches!(parse(user.as_bytes()), Some(Line::Other(Some(_)))));
    }

    #[test]
    fn spaces_nulls_and_odd_types_do_not_lose_the_line() {
        let odd = LINE
            .replace("\"usage\":{\"input", "\"usage\" : { \"input")
            .replace(
                "\"uuid\":\"u1\"",
                "\"uuid\":null,\"toolUseResult\":{\"id\":null}",
            )
            .replace("\"output_tokens\":250", "\"output_tokens\":250.0")
            .replace("\"inference_geo\":\"us\"", "\"inference_geo\":null");
        assert_eq!(response(&odd).usage.output, 250);
        assert!(!response(&odd).service.us_only);
    }

    #[test]
    fn one_byte_that_is_not_utf8_does_not_lose_the_response() {
        let mut bytes = LINE.as_bytes().to_vec();
        let position = LINE.find("api").unwrap();
        bytes[position] = 0xff;
        assert!(matches!(parse(&bytes), Some(Line::Response(found)) if found.usage.output == 250));
    }

    #[test]
    fn cache_writes_without_a_split_are_five_minute_writes() {
        let plain = LINE.replace(
            "\"cache_creation\":{\"ephemeral_1h_input_tokens\":3000,\"ephemeral_5m_input_tokens\":1000},",
            "",
        );
        assert_eq!(
            (
                response(&plain).usage.cache_write_5m(),
                response(&plain).usage.cache_write_1h
            ),
            (4_000, 0)
        );
    }

    #[test]
    fn calls_that_do_not_add_up_are_not_used() {
        let two = |second: u64| {
            LINE.replace(
                "\"iterations\":[]",
                &format!(
                    "\"iterations\":[{{\"type\":\"message\",\"input_tokens\":2,\"output_tokens\":250,\"cache_read_input_tokens\":11000,\"cache_creation_input_tokens\":4000}},{{\"type\":\"message\",\"input_tokens\":{second}}}]"
                ),
            )
        };
        let fitting = two(10);
        assert_eq!(response(&fitting).calls.len(), 2);
        assert_eq!(response(&fitting).calls[0].cache_write_1h, 3_000);
        assert!(response(&two(11)).calls.is_empty());
    }

    #[test]
    fn a_cost_state_is_read_with_its_models() {
        let line = r#"{"type":"cost-state","sessionId":"s","totalCostUSD":0.020624,"startTime":1795156017303,"modelUsage":{"claude-sonnet-5-5":{"inputTokens":12,"outputTokens":500,"cacheReadInputTokens":11000,"cacheCreationInputTokens":4000,"cacheCreationEphemeral5mInputTokens":1000,"cacheCreationEphemeral1hInputTokens":3000,"webSearchRequests":0,"costUSD":0.020624}}}"#;
        let Some(Line::CostState(state)) = parse(line.as_bytes()) else {
            panic!()
        };
        assert_eq!(state.started, 1_795_156_017_303);
        assert_eq!(
            state.models["claude-sonnet-5-5"].usage.cache_write_1h,
            3_000
        );
    }
}
