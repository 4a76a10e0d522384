//! Parses a single transcript line.
//!
//! The format matches version 2.1.329 and earlier. `assistant` lines contain a response's usage, which is repeated for
//! each part of the response. `cost-state` lines are checkpoints. A few other line types reveal which session a line
//! belongs to and when Claude Code compacted the conversation. Depending on the version, fields may be missing, null,
//! or of a different type, so they are parsed leniently (see `json_walk.rs`). The text of prompts and responses is
//! never stored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use memchr::memmem;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::json_walk::{JsonWalk, count, flag, name, number, text};
pub use super::token_counts::ModelTotal;
use super::token_counts::{UsageObject, calls_that_add_up};
use crate::pricing::{Advice, Money, ServiceLevel, Usage, is_same_model};
use crate::time::{Millis, parse_millis};

/// The model name in lines that Claude Code generates itself for errors and interruptions.
pub const SYNTHETIC: &str = "<synthetic>";

/// A parsed line.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is passed on at once and never stored"
)]
pub enum Line<'a> {
    /// A part of a response.
    Response(ResponseLine<'a>),
    /// A `cost-state` line.
    Checkpoint(Checkpoint),
    /// An ownership marker.
    OwnershipMarker(OwnershipMarker),
    /// The end of a compaction.
    CompactBoundary(CompactBoundary<'a>),
    /// A link to a pull request that was opened in the session.
    PullRequest(PullRequestLine),
    /// A switch of models that Claude Code made by itself.
    Fallback(Fallback),
    /// A line that may say something about limits: an error, a prompt, the session's account or model, or a notice. See
    /// `limit_lines.rs`.
    LimitFact(LimitLine<'a>),
    /// Any other line.
    Other,
}

/// A line of a response. Claude Code writes each part of a response on its own line and repeats the usage on every
/// line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResponseLine<'a> {
    /// The response's key, which is the same for all of its lines in all files. The key is a hash of the message ID and
    /// the request ID. If there is no message ID, the key is a hash of the line's ID or, failing that, of the entire
    /// line.
    pub key: i64,
    /// The time of the line. If the line has no timestamp, the scan fills in the latest time that precedes it.
    pub at: Option<Millis>,
    /// The session that a fork or branch copied the line from, if the line specifies it.
    pub copied_from: Option<Cow<'a, str>>,
    /// True if a subagent received the response.
    pub subagent: bool,
    /// True if the line was written by a client that runs in a terminal and writes checkpoints.
    pub is_from_terminal: bool,
    /// The git branch, if the line specifies it.
    pub branch: Option<Cow<'a, str>>,
    /// The type of the subagent, if the line specifies it. Version 2.1.328 records the type, but version 2.1.119 does
    /// not.
    pub agent: Option<Cow<'a, str>>,
    /// The skill that the response was generated for, if the line specifies one.
    pub skill: Option<Cow<'a, str>>,
    /// The plugin that provides the skill, agent, or tool, if the line specifies one.
    pub plugin: Option<Cow<'a, str>>,
    /// The MCP server that was used in the response, if the line specifies one.
    pub mcp_server: Option<Cow<'a, str>>,
    /// The model ID, unmodified.
    pub model: Cow<'a, str>,
    /// The requested model, if a different model responded. If Claude Code has switched models by itself, the scan fills in
    /// the selected model.
    pub requested_model: Option<Cow<'a, str>>,
    /// The number of tokens and searches.
    pub usage: Usage,
    /// The service level.
    pub service: ServiceLevel,
    /// The individual calls of a server-side tool loop. The list is empty if the calls do not add up to `usage`.
    pub calls: Vec<Usage>,
    /// The responses from advisor models.
    pub advice: Vec<Advice>,
    /// The working directory, if the line specifies it. A Windows drive letter is always uppercase.
    pub directory: Option<Cow<'a, str>>,
    /// True if a token count is not a number, in which case it is treated as 0.
    pub is_damaged: bool,
    /// The bytes used to recognize the response's other lines without parsing them.
    pub signature: Option<Signature<'a>>,
}

/// A response's IDs and usage, byte for byte. A line with the same signature contains no new information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature<'a> {
    /// The message ID, including its quotes.
    pub message: &'a [u8],
    /// The request ID, including its quotes.
    pub request: &'a [u8],
    /// The `usage` object.
    pub usage: &'a [u8],
}

/// A checkpoint, in which Claude Code records its running total.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The ID of the file. The ledger fills in this field.
    #[serde(skip)]
    pub file: i64,
    /// The line's byte offset in the file. The ledger fills in this field.
    #[serde(skip)]
    pub offset: i64,
    /// The line's `startTime`, which is the start time of the first run that the total includes. Resumed sessions keep
    /// this time, and forks inherit it from their parent.
    #[serde(skip)]
    pub started: Millis,
    /// The total cost.
    pub cost: Money,
    /// The total running time, in milliseconds, of the processes whose runs are included.
    pub run_ms: i64,
    /// The total time, in milliseconds, that these processes have spent waiting for the API.
    pub api_ms: i64,
    /// True if Claude Code did not recognize a model and used a different model's price.
    pub has_unknown_model: bool,
    /// The totals for each model, keyed by the unmodified model name.
    pub models: ModelTotals,
    /// The latest time on any preceding line in the file. The scan fills in this field.
    #[serde(skip)]
    pub latest_preceding_time: Option<Millis>,
}

/// Running totals by model name.
pub type ModelTotals = BTreeMap<String, ModelTotal>;

/// An ownership marker, which is a `queue-operation` line with `-p` or a `file-history-snapshot` line in a terminal. A
/// process writes these lines only to its own session's transcript, but a fork copies its parent's snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnershipMarker {
    /// The line's byte offset in the file. The ledger fills in this field.
    pub offset: i64,
    /// The time of the line.
    pub at: Millis,
    /// A hash that identifies the snapshot, which is needed because forks copy their parents' snapshots. The hash is
    /// `None` for `queue-operation` lines, which are never copied.
    pub snapshot: Option<i64>,
}

/// A `compact_boundary` line.
#[derive(Debug, Clone, PartialEq)]
pub struct CompactBoundary<'a> {
    /// A hash of the line's ID, which does not change when the line is copied.
    pub key: i64,
    /// The time at which the compaction ended.
    pub at: Millis,
    /// The length of the conversation before the compaction, in tokens.
    pub tokens: u64,
    /// See [`ResponseLine::copied_from`].
    pub copied_from: Option<Cow<'a, str>>,
}

/// A switch from the selected model to another one, because the selected model is overloaded or unavailable, or because
/// its safeguards stopped a response (2.1.332). Later responses name the other model as the requested one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallback {
    /// The selected model.
    pub selected: String,
    /// The model that answers instead.
    pub model: String,
    /// True if the next prompt goes to the selected model again.
    pub ends_with_turn: bool,
}

/// A line that may contain a fact about limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitLine<'a> {
    /// The line, unmodified.
    pub bytes: &'a [u8],
    /// The time of the line. A `session-owner` line has none.
    pub at: Option<Millis>,
    /// True if it is a prompt or the output of a command.
    pub is_of_user: bool,
}

/// A `pr-link` line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequestLine {
    /// The time of the line.
    #[serde(skip)]
    pub at: Millis,
    /// The pull request's number.
    pub number: i64,
    /// The URL, which is empty if the line does not contain one.
    pub url: String,
}

/// The fields of a line that whycap uses. Byte slices contain unparsed values, including the quotes around strings.
#[derive(Default)]
struct LineFields<'a> {
    response: ResponseLine<'a>,
    checkpoint: Checkpoint,
    kind: &'a [u8],
    subtype: &'a [u8],
    uuid: &'a [u8],
    request_session: &'a [u8],
    forked_from: &'a [u8],
    request: &'a [u8],
    entrypoint: &'a [u8],
    version: &'a [u8],
    requested_model: &'a [u8],
    original_model: &'a [u8],
    fallback_model: &'a [u8],
    scope: &'a [u8],
    is_error: bool,
    error: &'a [u8],
    pull_request_number: &'a [u8],
    pull_request_url: &'a [u8],
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
    content: &'a [u8],
    /// The parsed usage and its original bytes.
    usage: Option<(UsageObject, &'a [u8])>,
    /// True if the usage is not an object.
    is_damaged: bool,
}

/// Parses a line. Returns `None` if the line is not a JSON object with a type, or if it is a response with damaged
/// usage.
pub fn parse(bytes: &[u8]) -> Option<Line<'_>> {
    let mut fields = LineFields::default();
    JsonWalk::new(bytes).object(|field, walk| fields.read(field, walk))?;
    line_of(fields, bytes)
}

fn line_of<'a>(fields: LineFields<'a>, bytes: &'a [u8]) -> Option<Line<'a>> {
    let line = match fields.kind {
        b"\"assistant\"" if fields.is_error => Some(limit_fact(&fields, bytes)),
        b"\"pr-link\"" => pull_request(&fields).map(Line::PullRequest),
        b"\"assistant\"" if fields.message.is_damaged => return None,
        b"\"assistant\"" => response(fields, bytes).map(Line::Response),
        b"\"cost-state\"" => checkpoint(fields).map(Line::Checkpoint),
        b"\"queue-operation\"" => fields.response.at.map(|at| ownership_marker(at, None)),
        b"\"file-history-snapshot\"" => time(fields.snapshot_at).map(|at| {
            let snapshot = xxh3_64_with_seed(fields.message_id, at.cast_unsigned());
            ownership_marker(at, Some(snapshot.cast_signed()))
        }),
        b"\"system\"" if fields.subtype == b"\"compact_boundary\"" => {
            compaction(&fields).map(Line::CompactBoundary)
        }
        b"\"system\"" if !fields.fallback_model.is_empty() => fallback(&fields).map(Line::Fallback),
        b"\"system\"" | b"\"attachment\"" | b"\"session-owner\"" => {
            Some(limit_fact(&fields, bytes))
        }
        b"\"user\"" if is_prompt(&fields) => Some(limit_fact(&fields, bytes)),
        kind => return name(kind).map(|_| Line::Other),
    };
    Some(line.unwrap_or(Line::Other))
}

fn limit_fact<'a>(fields: &LineFields<'a>, bytes: &'a [u8]) -> Line<'a> {
    Line::LimitFact(LimitLine {
        bytes,
        at: fields.response.at,
        is_of_user: fields.kind == b"\"user\"",
    })
}

/// Returns the switch that a line reports, or `None` if it concerns only a subagent or a side question.
fn fallback(fields: &LineFields<'_>) -> Option<Fallback> {
    if fields.response.subagent || fields.scope == b"\"local\"" {
        return None;
    }
    Some(Fallback {
        selected: text(fields.original_model)?.into_owned(),
        model: text(fields.fallback_model)?.into_owned(),
        ends_with_turn: fields.subtype == b"\"model_fallback\"",
    })
}

/// Returns true if a user's line may be a prompt. Most of these lines are the results of tools.
fn is_prompt(fields: &LineFields<'_>) -> bool {
    const BEGINNING: usize = 256;

    let content = fields.message.content;
    let beginning = content.get(..BEGINNING).unwrap_or(content);
    memmem::find(beginning, b"\"tool_result\"").is_none()
}

/// Splits a line that consists of two or more JSON objects, which happens when two processes append to the file at the
/// same time. Returns an empty list for other lines.
pub(super) fn objects_of(line: &[u8]) -> Vec<&[u8]> {
    let mut objects = Vec::new();
    let mut rest = line.trim_ascii();
    while let Some(object) = JsonWalk::leading_object(rest) {
        objects.push(object);
        rest = rest
            .get(object.len()..)
            .unwrap_or_default()
            .trim_ascii_start();
    }
    if objects.len() < 2 || !rest.is_empty() {
        return Vec::new();
    }
    objects
}

fn ownership_marker(at: Millis, snapshot: Option<i64>) -> Line<'static> {
    Line::OwnershipMarker(OwnershipMarker {
        offset: 0,
        at,
        snapshot,
    })
}

/// Returns a line's top-level timestamp, or `None` if there is none. Nothing after the timestamp is parsed.
pub fn time_of(bytes: &[u8]) -> Option<Millis> {
    let mut at = None;
    let _ = JsonWalk::new(bytes).object(|field, walk| {
        let value = walk.value()?;
        if field == b"timestamp" {
            at = time(value);
        }
        if at.is_none() { Some(()) } else { None }
    });
    at
}

pub(super) fn time(value: &[u8]) -> Option<Millis> {
    parse_millis(&text(value)?)
}

impl<'a> LineFields<'a> {
    fn read(&mut self, field: &[u8], walk: &mut JsonWalk<'a>) -> Option<()> {
        match field {
            b"message" => self.message.read(walk)?,
            b"type" => self.kind = walk.value()?,
            b"subtype" => self.subtype = walk.value()?,
            b"uuid" => self.uuid = walk.value()?,
            b"timestamp" => self.response.at = time(walk.value()?),
            b"requestSessionId" => self.request_session = walk.value()?,
            b"requestId" => self.request = walk.value()?,
            b"entrypoint" => self.entrypoint = walk.value()?,
            b"version" => self.version = walk.value()?,
            b"requestedModel" => self.requested_model = walk.value()?,
            b"originalModel" => self.original_model = walk.value()?,
            b"fallbackModel" => self.fallback_model = walk.value()?,
            b"scope" => self.scope = walk.value()?,
            b"cwd" => self.response.directory = text(walk.value()?).map(with_capital_drive),
            b"gitBranch" => self.response.branch = text(walk.value()?),
            b"attributionAgent" => self.response.agent = text(walk.value()?),
            b"attributionSkill" => self.response.skill = name(walk.value()?),
            b"attributionPlugin" => self.response.plugin = name(walk.value()?),
            b"attributionMcpServer" => self.response.mcp_server = name(walk.value()?),
            b"prNumber" => self.pull_request_number = walk.value()?,
            b"prUrl" => self.pull_request_url = walk.value()?,
            b"error" => self.error = walk.value()?,
            b"isSidechain" => self.response.subagent = flag(walk.value()?),
            b"isApiErrorMessage" => self.is_error = flag(walk.value()?),
            b"totalCostUSD" => self.total_usd = number(walk.value()?),
            b"startTime" => self.started = number(walk.value()?),
            b"totalDuration" => self.checkpoint.run_ms = count(walk.value()?).cast_signed(),
            b"totalAPIDuration" => self.checkpoint.api_ms = count(walk.value()?).cast_signed(),
            b"hasUnknownModelCost" => self.checkpoint.has_unknown_model = flag(walk.value()?),
            b"messageId" => self.message_id = walk.value()?,
            b"modelUsage" => walk.fields(|model, walk| {
                let model = String::from_utf8_lossy(model).into_owned();
                self.checkpoint
                    .models
                    .insert(model, ModelTotal::read(walk)?);
                Some(())
            })?,
            b"forkedFrom" => self.forked_from = walk.value_of(b"sessionId")?,
            b"snapshot" => self.snapshot_at = walk.value_of(b"timestamp")?,
            b"compactMetadata" => self.compacted_tokens = count(walk.value_of(b"preTokens")?),
            _ => return walk.value().map(|_| ()),
        }
        Some(())
    }

    /// Returns the session that the line was copied from. `/branch` overwrites `forkedFrom` with every copy, but
    /// `requestSessionId` always refers to the original session.
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
                b"content" => self.content = walk.value()?,
                b"usage" => {
                    let mut usage = UsageObject::default();
                    let bytes = walk.bytes_read_by(|walk| usage.read(walk))?;
                    if bytes.starts_with(b"{") {
                        self.usage = Some((usage, bytes));
                    }
                    self.is_damaged = self.usage.is_none() && bytes != b"null";
                }
                _ => return walk.value().map(|_| ()),
            }
            Some(())
        })
    }
}

fn response<'a>(fields: LineFields<'a>, bytes: &[u8]) -> Option<ResponseLine<'a>> {
    let copied_from = fields.copied_from();
    let is_from_terminal =
        fields.entrypoint == b"\"cli\"" && version(fields.version) >= FIRST_WITH_CHECKPOINTS;
    let message = fields.message;
    let (object, usage_as_written) = message.usage?;
    let model = text(message.model)?;
    if model == SYNTHETIC {
        return None;
    }
    let usage = object.tokens.usage();
    let message_id = id(message.id);
    let request_id = id(fields.request);
    let signature = message_id
        .zip(request_id)
        .map(|(message, request)| Signature {
            message,
            request,
            usage: usage_as_written,
        });
    let key = match message_id {
        Some(message) => hash_of(message, request_id.unwrap_or_default()),
        None => id(fields.uuid).map_or(xxh3_64(bytes).cast_signed(), |uuid| hash_of(b"", uuid)),
    };
    Some(ResponseLine {
        key,
        copied_from,
        is_from_terminal,
        requested_model: text(fields.requested_model)
            .filter(|requested| *requested != model && !is_same_model(requested, &model)),
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

/// Capitalizes a Windows drive letter. Shells use `C:\x` while editors use `c:\x`, and Claude Code records both forms
/// unchanged, even within the same session (anthropics/claude-code#75855, matt1398/claude-devtools#123).
fn with_capital_drive(directory: Cow<'_, str>) -> Cow<'_, str> {
    match directory.as_bytes() {
        [b'a'..=b'z', b':', b'/' | b'\\', ..] => {
            let (drive, rest) = directory.split_at(1);
            Cow::Owned(drive.to_ascii_uppercase() + rest)
        }
        _ => directory,
    }
}

/// The oldest version that is known to write checkpoints in a terminal. Version 2.1.240 writes none. The versions in
/// between have not been checked.
const FIRST_WITH_CHECKPOINTS: [u32; 3] = [2, 1, 270];

/// Returns the three numbers of a version such as `"2.1.328"`. Missing numbers are zero.
fn version(value: &[u8]) -> [u32; 3] {
    let text = text(value).unwrap_or_default();
    let mut numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
    [(); 3].map(|()| numbers.next().unwrap_or(0))
}

/// Returns an ID with its quotes, or `None` if the value is empty or not a string.
fn id(value: &[u8]) -> Option<&[u8]> {
    if value.len() > 2 && value.starts_with(b"\"") {
        Some(value)
    } else {
        None
    }
}

fn hash_of(first: &[u8], second: &[u8]) -> i64 {
    xxh3_64_with_seed(second, xxh3_64(first)).cast_signed()
}

/// The end of the year 9999, after which timestamps are considered invalid.
const LATEST: Millis = 253_402_300_799_999;

fn checkpoint(fields: LineFields<'_>) -> Option<Checkpoint> {
    let started = fields
        .started
        .filter(|started| (0.0..LATEST as f64).contains(started))?;
    #[expect(clippy::cast_possible_truncation, reason = "it is in range")]
    let started_ms = started as Millis;
    Some(Checkpoint {
        started: started_ms,
        cost: Money::from_noisy_usd(fields.total_usd?).unwrap_or_default(),
        ..fields.checkpoint
    })
}

fn pull_request(fields: &LineFields<'_>) -> Option<PullRequestLine> {
    Some(PullRequestLine {
        at: fields.response.at?,
        number: count(fields.pull_request_number).cast_signed(),
        url: text(fields.pull_request_url)
            .unwrap_or_default()
            .into_owned(),
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

    fn response(line: &str) -> ResponseLine<'_> {
        match parse(line.as_bytes()) {
            Some(Line::Response(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_lowercase_drive_letter_is_the_same_drive() {
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
    fn terminals_that_write_checkpoints_are_recognized() {
        for (fields, is_from_terminal) in [
            (r#""entrypoint":"cli","version":"2.1.270""#, true),
            (r#""entrypoint":"cli","version":"2.2.0-beta.1""#, true),
            (r#""entrypoint":"cli","version":"2.1.240""#, false),
            (r#""entrypoint":"cli","version":"2.1.99""#, false),
            (r#""entrypoint":"cli","version":"1.300.300""#, false),
            (r#""entrypoint":"cli""#, false),
            (r#""entrypoint":"sdk-cli","version":"2.1.331""#, false),
            (r#""version":"2.1.331""#, false),
        ] {
            let line = LINE.replacen('{', &format!("{{{fields},"), 1);
            assert_eq!(
                response(&line).is_from_terminal,
                is_from_terminal,
                "{fields}"
            );
        }
    }

    #[test]
    fn a_recorded_line_gives_its_usage() {
        let parsed = response(LINE);
        assert_eq!(
            parsed.usage,
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
            parsed.service,
            ServiceLevel {
                fast: false,
                us_only: true
            }
        );
        assert_eq!(parsed.at, Some(1_795_156_016_016));
    }

    #[test]
    fn a_copied_line_names_the_session_that_made_the_request() {
        let copy = LINE.replace(
            "\"sessionId\":\"s1\"",
            "\"sessionId\":\"fork\",\"requestSessionId\":\"s1\"",
        );
        let parsed = response(&copy);
        assert_eq!(parsed.copied_from.as_deref(), Some("s1"));
        assert_eq!(parsed.key, response(LINE).key);
    }

    #[test]
    fn another_request_id_is_another_response() {
        assert_ne!(
            response(&LINE.replace("req_1", "req_2")).key,
            response(LINE).key
        );
    }

    #[test]
    fn a_line_without_a_message_id_is_identified_by_its_uuid() {
        let bare = LINE.replace("\"id\":\"msg_1\",", "");
        let other = bare.replace("req_1", "req_2");
        assert_eq!(response(&bare).key, response(&other).key);
        assert_ne!(response(&bare).key, response(LINE).key);
    }

    #[test]
    fn synthetic_lines_and_quoted_usage_cost_nothing() {
        let synthetic = LINE.replace("claude-opus-5-5", SYNTHETIC);
        assert_eq!(parse(synthetic.as_bytes()), Some(Line::Other));
        let user = LINE
            .replace("\"type\":\"assistant\"", "\"type\":\"user\"")
            .replace("{\"type\":\"text\"", "{\"type\":\"tool_result\"");
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
    fn a_checkpoint_is_read_with_its_models() {
        let line = r#"{"type":"cost-state","sessionId":"s","totalCostUSD":0.020624,"startTime":1795156017303,"modelUsage":{"claude-sonnet-5-5":{"inputTokens":12,"outputTokens":500,"cacheReadInputTokens":11000,"cacheCreationInputTokens":4000,"cacheCreationEphemeral5mInputTokens":1000,"cacheCreationEphemeral1hInputTokens":3000,"webSearchRequests":0,"costUSD":0.020624}}}"#;
        let Some(Line::Checkpoint(checkpoint)) = parse(line.as_bytes()) else {
            panic!()
        };
        assert_eq!(checkpoint.started, 1_795_156_017_303);
        let total = checkpoint.models["claude-sonnet-5-5"];
        assert_eq!(
            (total.usage.cache_write_1h, total.has_lifetime_breakdown),
            (3_000, true)
        );
    }

    #[test]
    fn a_checkpoint_with_an_impossible_date_is_ignored() {
        let line = |started: &str| {
            format!(
                r#"{{"type":"cost-state","totalCostUSD":1,"startTime":{started},"modelUsage":{{}}}}"#
            )
        };
        for started in ["1e308", "17951731795173009883", "-1", "253402300800000"] {
            let checkpoint = line(started);
            let read = parse(checkpoint.as_bytes());
            assert!(!matches!(read, Some(Line::Checkpoint(_))), "{started}");
        }
    }

    #[test]
    fn a_copied_line_is_identified_by_the_id_that_never_changes() {
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
    fn ownership_markers_and_compactions_are_read_with_their_times() {
        let at = 1_795_195_502_949;
        let snapshot = r#"{"type":"file-history-snapshot","messageId":"m","snapshot":{"messageId":"m","trackedFileBackups":{"a":{"timestamp":"2020-01-01T00:00:00Z"}},"timestamp":"2026-11-20T17:25:02.949Z"},"isSnapshotUpdate":false}"#;
        let queue = r#"{"type":"queue-operation","operation":"enqueue","timestamp":"2026-11-20T17:25:02.949Z","sessionId":"s"}"#;
        let Some(Line::OwnershipMarker(first)) = parse(snapshot.as_bytes()) else {
            panic!()
        };
        assert_eq!(first.at, at);
        assert_eq!(parse(queue.as_bytes()), Some(ownership_marker(at, None)));
        let other = snapshot.replace("\"m\"", "\"n\"");
        assert_ne!(parse(other.as_bytes()), Some(Line::OwnershipMarker(first)));
        let boundary = r#"{"type":"system","subtype":"compact_boundary","compactMetadata":{"preTokens":17377,"durationMs":143},"uuid":"u","timestamp":"2026-11-20T17:25:02.949Z"}"#;
        let Some(Line::CompactBoundary(found)) = parse(boundary.as_bytes()) else {
            panic!()
        };
        assert_eq!((found.at, found.tokens), (at, 17_377));
    }
}
