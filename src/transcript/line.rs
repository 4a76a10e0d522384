//! What one line of a transcript says about spend.
//!
//! Line shapes as client 2.1.329 and its predecessors write them. `assistant` lines repeat a
//! response's usage; `cost-state` lines are the client's running total; a few others tell whose a
//! line is and when the client compacted. What a client may leave out, set to null or write as
//! another type is read leniently; see `json_walk.rs`. No prompt and no answer is ever kept.

use std::borrow::Cow;
use std::collections::BTreeMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::json_walk::{JsonWalk, count, flag, name, number, text};
pub use super::token_counts::ModelTotal;
use super::token_counts::{UsageObject, calls_that_add_up};
use crate::pricing::{Advice, Money, ServiceLevel, Usage};
use crate::time::{Millis, millis};

/// The model name of lines that the client made itself: errors, interruptions.
pub const SYNTHETIC: &str = "<synthetic>";

/// What a line that was worth parsing turned out to be.
#[derive(Debug, Clone, PartialEq)]
// It is handed on at once and never kept; a box would be an allocation a line.
#[expect(clippy::large_enum_variant, reason = "handed on at once")]
pub enum Line<'a> {
    /// A repetition of a response.
    Response(Response<'a>),
    /// A running total.
    CostState(CostState),
    /// A line that a process writes only into the file of its own session, or so it seems.
    Mark(OwnMark),
    /// The end of a compaction.
    CompactBoundary(CompactBoundary<'a>),
    /// An error that the client shows in place of an answer.
    Refusal,
    /// Something else.
    Other,
}

/// One repetition of a response.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response<'a> {
    /// The same for every repetition of this response, in any file: a hash of message id and
    /// request id; of the line's uuid where there is no message id; else of the line.
    pub key: i64,
    /// When the line was written; where it does not say, a scan takes the latest time before it.
    pub at: Option<Millis>,
    /// The session in whose file it was written.
    pub session: Option<Cow<'a, str>>,
    /// On a line that a fork or branch copied: the session that it says it comes from.
    pub copied_from: Option<Cow<'a, str>>,
    /// True for a subagent's response.
    pub subagent: bool,
    /// The git branch that was checked out, if the line says.
    pub branch: Option<Cow<'a, str>>,
    /// The subagent's type, if the line says: clients did not always (2.1.119 does not, 2.1.328 does).
    pub agent: Option<Cow<'a, str>>,
    /// The model's id as written.
    pub model: Cow<'a, str>,
    /// The one that was asked for, where that is written otherwise.
    pub asked: Option<Cow<'a, str>>,
    /// Tokens and searches.
    pub usage: Usage,
    /// How it was served.
    pub service: ServiceLevel,
    /// The calls of a server-side tool loop, where they add up to `usage`; else empty.
    pub calls: Vec<Usage>,
    /// What other models were served for it.
    pub advice: Vec<Advice>,
    /// The working directory, if the line says. A drive of Windows is written as a capital.
    pub directory: Option<Cow<'a, str>>,
    /// A count of tokens is there and cannot be understood; it was taken for 0.
    pub is_damaged: bool,
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
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CostState {
    /// When the chain of runs began that this total covers; a fork keeps its parent's.
    pub started: Millis,
    /// What it comes to.
    pub cost: Money,
    /// For how long processes of the chain have lived, in milliseconds.
    pub run_ms: i64,
    /// For how long they waited for the API.
    pub api_ms: i64,
    /// Whether a model of the chain was unknown to its client, which priced it as another.
    pub has_unknown_model: bool,
    /// Per model as written.
    pub models: BTreeMap<String, ModelTotal>,
    /// The latest time before it in its file, as the next one set by the scan.
    pub before: Option<Millis>,
    /// The first time since the total before it, or since the reading began.
    pub since_last: Option<Millis>,
}

/// A `queue-operation` (of `-p`) or a `file-history-snapshot` (of a terminal).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnMark {
    /// How far from its transcript's beginning it stands, in bytes; set by the scan.
    pub position: i64,
    /// When it was written.
    pub at: Millis,
    /// What tells this snapshot from others: forks copy their parent's. None for the former kind,
    /// which nobody copies.
    pub snapshot: Option<i64>,
}

/// A `compact_boundary`.
#[derive(Debug, Clone, PartialEq)]
pub struct CompactBoundary<'a> {
    /// Hash of the line's uuid, which copies keep.
    pub key: i64,
    /// When the compaction was over.
    pub at: Millis,
    /// The length of what was compacted, in tokens.
    pub tokens: u64,
    /// As for a response.
    pub copied_from: Option<Cow<'a, str>>,
}

/// The fields of a line that matter to whycap: what it may turn out to be, as far as single fields
/// say it, and texts as written, with their quotes.
#[derive(Default)]
struct LineFields<'a> {
    response: Response<'a>,
    state: CostState,
    kind: &'a [u8],
    subtype: &'a [u8],
    uuid: &'a [u8],
    request_session: &'a [u8],
    forked_from: &'a [u8],
    request: &'a [u8],
    requested_model: &'a [u8],
    refusal: bool,
    message: ApiMessage<'a>,
    total_usd: Option<f64>,
    started: Option<f64>,
    message_id: &'a [u8],
    snapshot_at: &'a [u8],
    compacted_tokens: u64,
}

#[derive(Default)]
struct ApiMessage<'a> {
    id: &'a [u8],
    model: &'a [u8],
    /// With the bytes as written.
    usage: Option<(UsageObject, &'a [u8])>,
    /// It has a usage that is no object.
    is_damaged: bool,
}

/// Reads a line. None if it is not a JSON object with a type, or an answer whose usage is none; it
/// then costs nothing but itself.
pub fn parse(bytes: &[u8]) -> Option<Line<'_>> {
    let mut fields = LineFields::default();
    JsonWalk::object(bytes, |field, walk| fields.read(field, walk))?;
    let found = match fields.kind {
        b"\"assistant\"" if fields.refusal => Some(Line::Refusal),
        b"\"assistant\"" if fields.message.is_damaged => return None,
        b"\"assistant\"" => response(fields, bytes).map(Line::Response),
        b"\"cost-state\"" => cost_state(fields).map(Line::CostState),
        b"\"queue-operation\"" => fields.response.at.map(|at| own_mark(at, None)),
        b"\"file-history-snapshot\"" => time(fields.snapshot_at).map(|at| {
            let snapshot = xxh3_64_with_seed(fields.message_id, at.cast_unsigned());
            own_mark(at, Some(snapshot.cast_signed()))
        }),
        b"\"system\"" if fields.subtype == b"\"compact_boundary\"" => {
            compaction(&fields).map(Line::CompactBoundary)
        }
        kind => return name(kind).map(|_| Line::Other),
    };
    Some(found.unwrap_or(Line::Other))
}

fn own_mark(at: Millis, snapshot: Option<i64>) -> Line<'static> {
    let position = 0;
    Line::Mark(OwnMark {
        position,
        at,
        snapshot,
    })
}

/// The time of a line, if it has one at its top level. What stands behind it is not looked at.
pub fn time_of(bytes: &[u8]) -> Option<Millis> {
    let mut at = None;
    let _ = JsonWalk::object(bytes, |field, walk| {
        let value = walk.value()?;
        if field == b"timestamp" {
            at = time(value);
        }
        at.is_none().then_some(())
    });
    at
}

pub(super) fn time(value: &[u8]) -> Option<Millis> {
    millis(&text(value)?)
}

impl<'a> LineFields<'a> {
    fn read(&mut self, field: &[u8], walk: &mut JsonWalk<'a>) -> Option<()> {
        match field {
            b"message" => self.message.read(walk)?,
            b"type" => self.kind = walk.value()?,
            b"subtype" => self.subtype = walk.value()?,
            b"uuid" => self.uuid = walk.value()?,
            b"timestamp" => self.response.at = time(walk.value()?),
            b"sessionId" => self.response.session = name(walk.value()?),
            b"requestSessionId" => self.request_session = walk.value()?,
            b"requestId" => self.request = walk.value()?,
            b"requestedModel" => self.requested_model = walk.value()?,
            b"cwd" => self.response.directory = text(walk.value()?).map(with_capital_drive),
            b"gitBranch" => self.response.branch = text(walk.value()?),
            b"attributionAgent" => self.response.agent = text(walk.value()?),
            b"isSidechain" => self.response.subagent = flag(walk.value()?),
            b"isApiErrorMessage" => self.refusal = flag(walk.value()?),
            b"totalCostUSD" => self.total_usd = number(walk.value()?),
            b"startTime" => self.started = number(walk.value()?),
            b"totalDuration" => self.state.run_ms = count(walk.value()?).cast_signed(),
            b"totalAPIDuration" => self.state.api_ms = count(walk.value()?).cast_signed(),
            b"hasUnknownModelCost" => self.state.has_unknown_model = flag(walk.value()?),
            b"messageId" => self.message_id = walk.value()?,
            b"modelUsage" => walk.fields(|model, walk| {
                let model = String::from_utf8_lossy(model).into_owned();
                self.state.models.insert(model, ModelTotal::read(walk)?);
                Some(())
            })?,
            b"forkedFrom" => self.forked_from = walk.value_of(b"sessionId")?,
            b"snapshot" => self.snapshot_at = walk.value_of(b"timestamp")?,
            b"compactMetadata" => self.compacted_tokens = count(walk.value_of(b"preTokens")?),
            _ => return walk.value().map(|_| ()),
        }
        Some(())
    }

    /// The session that a copied line names. Of the two names a branch rewrites one each time, and
    /// the other never changes.
    fn copied_from(&self) -> Option<Cow<'a, str>> {
        name(self.request_session).or_else(|| name(self.forked_from))
    }
}

impl<'a> ApiMessage<'a> {
    fn read(&mut self, walk: &mut JsonWalk<'a>) -> Option<()> {
        walk.fields(|field, walk| {
            match field {
                b"id" => self.id = walk.value()?,
                b"model" => self.model = walk.value()?,
                b"usage" => {
                    let mut usage = UsageObject::default();
                    let bytes = walk.while_passing(|walk| usage.read(walk))?;
                    self.usage = bytes.starts_with(b"{").then_some((usage, bytes));
                    self.is_damaged = self.usage.is_none() && bytes != b"null";
                }
                _ => return walk.value().map(|_| ()),
            }
            Some(())
        })
    }
}

fn response<'a>(fields: LineFields<'a>, bytes: &[u8]) -> Option<Response<'a>> {
    let copied_from = fields.copied_from();
    let message = fields.message;
    let (object, usage_as_written) = message.usage?;
    let model = text(message.model)?;
    if model == SYNTHETIC {
        return None;
    }
    let usage = object.tokens.usage();
    let (message_id, request_id) = (id(message.id), id(fields.request));
    let ids = message_id.zip(request_id);
    let signature = ids.map(|(message, request)| Signature {
        message,
        request,
        usage: usage_as_written,
    });
    let key = match message_id {
        Some(message) => hash_of(message, request_id.unwrap_or_default()),
        None => id(fields.uuid).map_or(xxh3_64(bytes).cast_signed(), |uuid| hash_of(b"", uuid)),
    };
    Some(Response {
        key,
        copied_from,
        asked: text(fields.requested_model).filter(|asked| *asked != model),
        model,
        usage,
        service: object.service,
        calls: calls_that_add_up(object.calls, &usage),
        advice: object.advice,
        is_damaged: object.tokens.is_damaged,
        signature,
        ..fields.response
    })
}

/// On Windows one directory is `C:\x` to a shell and `c:\x` to an editor, and Claude Code writes whichever
/// it was told, even by turns in one session: anthropics/claude-code#75855, matt1398/claude-devtools#123.
fn with_capital_drive(directory: Cow<'_, str>) -> Cow<'_, str> {
    match directory.as_bytes() {
        [b'a'..=b'z', b':', b'/' | b'\\', ..] => {
            let (drive, rest) = directory.split_at(1);
            Cow::Owned(drive.to_ascii_uppercase() + rest)
        }
        _ => directory,
    }
}

/// An id as written; None if the value is anything but a text.
fn id(value: &[u8]) -> Option<&[u8]> {
    (value.len() > 2 && value.starts_with(b"\"")).then_some(value)
}

fn hash_of(first: &[u8], second: &[u8]) -> i64 {
    xxh3_64_with_seed(second, xxh3_64(first)).cast_signed()
}

/// The end of the year 9999: a time after that is reckoned with by nobody.
const LATEST: Millis = 253_402_300_799_999;

fn cost_state(fields: LineFields<'_>) -> Option<CostState> {
    let fits = |started: &f64| (0.0..LATEST as f64).contains(started);
    #[expect(clippy::cast_possible_truncation, reason = "it fits")]
    let started = fields.started.filter(fits)? as Millis;
    Some(CostState {
        started,
        cost: Money::from_noisy_usd(fields.total_usd?).unwrap_or_default(),
        ..fields.state
    })
}

fn compaction<'a>(fields: &LineFields<'a>) -> Option<CompactBoundary<'a>> {
    Some(CompactBoundary {
        copied_from: fields.copied_from(),
        key: hash_of(b"", id(fields.uuid)?),
        at: fields.response.at?,
        tokens: fields.compacted_tokens,
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
    fn a_drive_that_an_editor_writes_small_is_the_same_drive() {
        for (written, directory) in [
            (r"c:\\Users\\ann\\api", r"C:\Users\ann\api"),
            (r"C:\\Users\\ann\\api", r"C:\Users\ann\api"),
            ("w:/", "W:/"),
            ("/c/api", "/c/api"),
            ("c:", "c:"),
            ("é:/", "é:/"),
        ] {
            let line = LINE.replace("/home/dev/api", written);
            assert_eq!(response(&line).directory.as_deref(), Some(directory));
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
            ServiceLevel {
                fast: false,
                us_only: true
            }
        );
        assert_eq!(found.session.as_deref(), Some("s1"));
        assert_eq!(found.at, Some(1_795_156_016_016));
    }

    #[test]
    fn a_copied_line_names_the_session_that_made_the_request() {
        let copy = LINE.replace(
            "\"sessionId\":\"s1\"",
            "\"sessionId\":\"fork\",\"requestSessionId\":\"s1\"",
        );
        let found = response(&copy);
        assert_eq!(found.copied_from.as_deref(), Some("s1"));
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
        assert_eq!(parse(synthetic.as_bytes()), Some(Line::Other));
        let user = LINE.replace("\"type\":\"assistant\"", "\"type\":\"user\"");
        assert_eq!(parse(user.as_bytes()), Some(Line::Other));
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
        let total = state.models["claude-sonnet-5-5"];
        assert_eq!((total.usage.cache_write_1h, total.splits), (3_000, true));
    }

    #[test]
    fn a_cost_state_from_beyond_the_calendar_is_not_read() {
        let line = |started: &str| {
            format!(
                r#"{{"type":"cost-state","totalCostUSD":1,"startTime":{started},"modelUsage":{{}}}}"#
            )
        };
        for started in ["1e308", "17951731795173009883", "-1", "253402300800000"] {
            let line = line(started);
            let read = parse(line.as_bytes());
            assert!(!matches!(read, Some(Line::CostState(_))), "{started}");
        }
    }

    #[test]
    fn of_two_names_on_a_copied_line_the_one_that_never_changes_counts() {
        let copy = LINE.replace(
            "\"sessionId\":\"s1\"",
            "\"sessionId\":\"b2\",\"forkedFrom\":{\"sessionId\":\"b1\",\"messageUuid\":\"u1\"}",
        );
        assert_eq!(response(&copy).copied_from.as_deref(), Some("b1"));
        let both = copy.replace(
            "\"forkedFrom\"",
            "\"requestSessionId\":\"s1\",\"forkedFrom\"",
        );
        assert_eq!(response(&both).copied_from.as_deref(), Some("s1"));
    }

    #[test]
    fn marks_and_compactions_are_read_with_their_times() {
        let at = 1_795_195_502_949;
        let snapshot = r#"{"type":"file-history-snapshot","messageId":"m","snapshot":{"messageId":"m","trackedFileBackups":{"a":{"timestamp":"2020-01-01T00:00:00Z"}},"timestamp":"2026-11-20T17:25:02.949Z"},"isSnapshotUpdate":false}"#;
        let queue = r#"{"type":"queue-operation","operation":"enqueue","timestamp":"2026-11-20T17:25:02.949Z","sessionId":"s"}"#;
        let Some(Line::Mark(first)) = parse(snapshot.as_bytes()) else {
            panic!()
        };
        assert_eq!(first.at, at);
        assert_eq!(parse(queue.as_bytes()), Some(own_mark(at, None)));
        let other = snapshot.replace("\"m\"", "\"n\"");
        assert_ne!(parse(other.as_bytes()), Some(Line::Mark(first)));
        let boundary = r#"{"type":"system","subtype":"compact_boundary","compactMetadata":{"preTokens":17377,"durationMs":143},"uuid":"u","timestamp":"2026-11-20T17:25:02.949Z"}"#;
        let Some(Line::CompactBoundary(found)) = parse(boundary.as_bytes()) else {
            panic!()
        };
        assert_eq!((found.at, found.tokens), (at, 17_377));
    }
}
