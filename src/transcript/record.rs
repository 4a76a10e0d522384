//! What one line of a transcript says about spend.
//!
//! Line shapes as client 2.1.328 and its predecessors write them. Two kinds matter: `assistant`
//! lines, which repeat a response's usage, and `cost-state` lines, which the client writes when it
//! ends. No prompt and no answer is ever kept.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::pricing::{Service, Usage};
use crate::time::Millis;

pub use super::raw::{parse, time_of};

/// The model name of lines that the client made itself: errors, interruptions.
pub const SYNTHETIC: &str = "<synthetic>";

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

/// The raw bytes of a response's ids and usage. A line that has all three says nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature<'a> {
    /// The message id.
    pub message: &'a str,
    /// Where in its line the message id stands.
    pub message_at: usize,
    /// The request id.
    pub request: &'a str,
    /// The usage object as written.
    pub usage: &'a [u8],
}

/// The client's own running total for one model, as a `cost-state` line has it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ModelTotal {
    /// Tokens and searches since the chain of runs began.
    pub usage: Usage,
    /// Dollars, with floating-point noise.
    pub cost_usd: f64,
}

/// The client's running total at the end of a run.
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

/// What a line that was worth parsing turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Record<'a> {
    /// A response.
    Response(Response<'a>),
    /// A running total.
    CostState(CostState),
    /// An error that the client shows in place of an answer, with its time if it has one.
    Refusal(Option<Millis>),
    /// Something else, with its time if it has one.
    Other(Option<Millis>),
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"parentUuid":null,"isSidechain":false,"message":{"id":"msg_1","model":"claude-opus-5-5","content":[{"type":"text","text":"\"usage\": {\"input_tokens\": 9}"}],"usage":{"input_tokens":12,"cache_creation_input_tokens":4000,"cache_read_input_tokens":11000,"output_tokens":250,"server_tool_use":{"web_search_requests":2},"cache_creation":{"ephemeral_1h_input_tokens":3000,"ephemeral_5m_input_tokens":1000},"inference_geo":"us","iterations":[],"speed":null}},"requestId":"req_1","type":"assistant","uuid":"u1","timestamp":"2026-11-20T06:26:56.016Z","cwd":"/home/dev/api","sessionId":"s1"}"#;

    fn response(line: &str) -> Response<'_> {
        match parse(line.as_bytes()) {
            Some(Record::Response(response)) => response,
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
            Some(Record::Other(Some(_)))
        ));
        let user = LINE.replace("\"type\":\"assistant\"", "\"type\":\"user\"");
        assert!(matches!(
            parse(user.as_bytes()),
            Some(Record::Other(Some(_)))
        ));
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
        assert!(
            matches!(parse(&bytes), Some(Record::Response(found)) if found.usage.output == 250)
        );
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
        let Some(Record::CostState(state)) = parse(line.as_bytes()) else {
            panic!()
        };
        assert_eq!(state.started, 1_795_156_017_303);
        assert_eq!(
            state.models["claude-sonnet-5-5"].usage.cache_write_1h,
            3_000
        );
    }
}
