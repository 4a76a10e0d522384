//! Parses a single transcript line.
//!
//! The format matches version 2.1.329 and earlier. `assistant` lines contain a response's usage, which is repeated for
//! each part of the response. `cost-state` lines are checkpoints. A few other line types reveal which session a line
//! belongs to and when Claude Code compacted the conversation. Depending on the version, fields may be missing, null,
//! or of a different type, so they are parsed leniently (see `json.rs`). The text of prompts and responses is
//! never stored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use memchr::memmem;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::json::{self, Json, Written, json_objects};
pub use super::token_counts::ModelTotal;
use super::token_counts::UsageObject;
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

json_objects! {
    /// The fields of a line that whycap uses.
    struct LineFields {
        kind: Json<'a> = b"type",
        subtype: Json<'a> = b"subtype",
        uuid: Json<'a> = b"uuid",
        timestamp: Json<'a> = b"timestamp",
        message: ApiMessage<'a> = b"message",
        request: Json<'a> = b"requestId",
        requested_model: Json<'a> = b"requestedModel",
        request_session: Json<'a> = b"requestSessionId",
        forked_from: Inner<'a> = b"forkedFrom",
        is_sidechain: Json<'a> = b"isSidechain",
        is_error: Json<'a> = b"isApiErrorMessage",
        entrypoint: Json<'a> = b"entrypoint",
        version: Json<'a> = b"version",
        directory: Json<'a> = b"cwd",
        branch: Json<'a> = b"gitBranch",
        agent: Json<'a> = b"attributionAgent",
        original_model: Json<'a> = b"originalModel",
        fallback_model: Json<'a> = b"fallbackModel",
        scope: Json<'a> = b"scope",
        pull_request_number: Json<'a> = b"prNumber",
        pull_request_url: Json<'a> = b"prUrl",
        total_cost: Json<'a> = b"totalCostUSD",
        start_time: Json<'a> = b"startTime",
        run_ms: Json<'a> = b"totalDuration",
        api_ms: Json<'a> = b"totalAPIDuration",
        has_unknown_model: Json<'a> = b"hasUnknownModelCost",
        models: ModelTotals = b"modelUsage",
        message_id: Json<'a> = b"messageId",
        snapshot: Inner<'a> = b"snapshot",
        compaction: Inner<'a> = b"compactMetadata",
    }

    struct ApiMessage {
        id: Json<'a> = b"id",
        model: Json<'a> = b"model",
        usage: Written<'a, UsageObject<'a>> = b"usage",
    }

    /// The one field that matters of an object in a line.
    struct Inner {
        session: Json<'a> = b"sessionId",
        timestamp: Json<'a> = b"timestamp",
        tokens: Json<'a> = b"preTokens",
    }
}

/// Parses a line. Returns `None` if the line is not a JSON object with a type, or if it is a response with damaged
/// usage.
pub fn parse(bytes: &[u8]) -> Option<Line<'_>> {
    let fields: LineFields<'_> = json::parse(bytes)?;
    let usage = &fields.message.usage;
    let line = match &*fields.kind.name()? {
        "assistant" if fields.is_error.flag() => Some(fields.limit_fact(bytes)),
        "assistant" if usage.object.is_some() => fields.response(bytes).map(Line::Response),
        "assistant" if !matches!(usage.text, b"" | b"null") => return None,
        "pr-link" => fields.pull_request().map(Line::PullRequest),
        "cost-state" => fields.checkpoint().map(Line::Checkpoint),
        "queue-operation" => fields.at().map(|at| ownership_marker(at, None)),
        "file-history-snapshot" => time(fields.snapshot.timestamp).map(|at| {
            let id = fields.message_id.written();
            let snapshot = xxh3_64_with_seed(id, at.cast_unsigned());
            ownership_marker(at, Some(snapshot.cast_signed()))
        }),
        "system" if fields.subtype.is(b"compact_boundary") => {
            fields.compaction().map(Line::CompactBoundary)
        }
        "system" if fields.fallback_model.name().is_some() => fields.fallback().map(Line::Fallback),
        "system" | "attachment" | "session-owner" => Some(fields.limit_fact(bytes)),
        "user" if may_be_prompt(bytes) => Some(fields.limit_fact(bytes)),
        _ => None,
    };
    Some(line.unwrap_or(Line::Other))
}

/// The number of bytes to search for the type at the start of a line. Up to version 2.1.50 or so, Claude Code wrote the
/// working directory, the branch, and the title before the type.
const BEGINNING: usize = 1024;

pub(super) fn beginning_of(line: &[u8]) -> &[u8] {
    line.get(..BEGINNING).unwrap_or(line)
}

/// Returns true if a user's line may be a prompt. Most of these lines are the results of tools.
pub(super) fn may_be_prompt(line: &[u8]) -> bool {
    memmem::find(beginning_of(line), b"\"tool_result\"").is_none()
}

/// Splits a line that consists of two or more JSON objects, which happens when two processes append to the file at the
/// same time. Returns an empty list for other lines.
pub(super) fn objects_of(line: &[u8]) -> Vec<&[u8]> {
    let objects = serde_json::Deserializer::from_slice(line).into_iter::<&RawValue>();
    let objects: Option<Vec<&[u8]>> = objects
        .map(|object| Some(object.ok()?.get().as_bytes()))
        .collect();
    objects
        .filter(|objects| objects.len() > 1)
        .unwrap_or_default()
}

fn ownership_marker(at: Millis, snapshot: Option<i64>) -> Line<'static> {
    Line::OwnershipMarker(OwnershipMarker {
        offset: 0,
        at,
        snapshot,
    })
}

/// Returns a line's top-level timestamp, or `None` if there is none.
pub fn time_of(bytes: &[u8]) -> Option<Millis> {
    let fields: Inner<'_> = json::parse(bytes)?;
    time(fields.timestamp)
}

fn time(value: Json<'_>) -> Option<Millis> {
    parse_millis(&value.text()?)
}

impl<'a> LineFields<'a> {
    fn at(&self) -> Option<Millis> {
        time(self.timestamp)
    }

    fn limit_fact(&self, bytes: &'a [u8]) -> Line<'a> {
        Line::LimitFact(LimitLine {
            bytes,
            at: self.at(),
            is_of_user: self.kind.is(b"user"),
        })
    }

    /// Returns the session that the line was copied from. `/branch` overwrites `forkedFrom` with every copy, but
    /// `requestSessionId` always refers to the original session.
    fn copied_from(&self) -> Option<Cow<'a, str>> {
        let original = self.request_session.name();
        original.or_else(|| self.forked_from.session.name())
    }

    fn response(&self, bytes: &[u8]) -> Option<ResponseLine<'a>> {
        let message = &self.message;
        let usage = message.usage.object.as_ref()?;
        let model = message.model.text()?;
        if model == SYNTHETIC {
            return None;
        }
        let total = usage.usage();
        let message_id = message.id.id();
        let request_id = self.request.id();
        let signature = message_id
            .zip(request_id)
            .map(|(id, request)| Signature {
                message: id,
                request,
                usage: message.usage.text,
            });
        let key = match (message_id, self.uuid.id()) {
            (Some(id), _) => hash_of(id, request_id.unwrap_or_default()),
            (None, Some(uuid)) => hash_of(b"", uuid),
            (None, None) => xxh3_64(bytes).cast_signed(),
        };
        Some(ResponseLine {
            key,
            at: self.at(),
            copied_from: self.copied_from(),
            subagent: self.is_sidechain.flag(),
            is_from_terminal: self.entrypoint.is(b"cli")
                && version(self.version) >= FIRST_WITH_CHECKPOINTS,
            branch: self.branch.text(),
            agent: self.agent.text(),
            requested_model: self
                .requested_model
                .text()
                .filter(|requested| *requested != model && !is_same_model(requested, &model)),
            model,
            usage: total,
            service: usage.service(),
            calls: usage.calls(&total),
            advice: usage.advice(),
            directory: self.directory.text().map(with_capital_drive),
            is_damaged: usage.is_damaged(),
            signature,
        })
    }

    /// Returns the switch that a line reports, or `None` if it concerns only a subagent or a side question.
    fn fallback(&self) -> Option<Fallback> {
        if self.is_sidechain.flag() || self.scope.is(b"local") {
            return None;
        }
        Some(Fallback {
            selected: self.original_model.text()?.into_owned(),
            model: self.fallback_model.text()?.into_owned(),
            ends_with_turn: self.subtype.is(b"model_fallback"),
        })
    }

    fn checkpoint(self) -> Option<Checkpoint> {
        let started = self
            .start_time
            .number()
            .filter(|started| (0.0..LATEST as f64).contains(started))?;
        #[expect(clippy::cast_possible_truncation, reason = "it is in range")]
        let started_ms = started as Millis;
        Some(Checkpoint {
            started: started_ms,
            cost: Money::from_noisy_usd(self.total_cost.number()?).unwrap_or_default(),
            run_ms: self.run_ms.count().cast_signed(),
            api_ms: self.api_ms.count().cast_signed(),
            has_unknown_model: self.has_unknown_model.flag(),
            models: self.models,
            ..Checkpoint::default()
        })
    }

    fn pull_request(&self) -> Option<PullRequestLine> {
        Some(PullRequestLine {
            at: self.at()?,
            number: self.pull_request_number.count().cast_signed(),
            url: self
                .pull_request_url
                .text()
                .unwrap_or_default()
                .into_owned(),
        })
    }

    fn compaction(&self) -> Option<CompactBoundary<'a>> {
        Some(CompactBoundary {
            copied_from: self.copied_from(),
            key: hash_of(b"", self.uuid.id()?),
            at: self.at()?,
            tokens: self.compaction.tokens.count(),
        })
    }
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
fn version(value: Json<'_>) -> [u32; 3] {
    let text = value.text().unwrap_or_default();
    let mut numbers = text
        .split('.')
        .map(|number| number.parse().unwrap_or(0));
    [(); 3].map(|()| numbers.next().unwrap_or(0))
}

fn hash_of(first: &[u8], second: &[u8]) -> i64 {
    xxh3_64_with_seed(second, xxh3_64(first)).cast_signed()
}

/// The end of the year 9999, after which timestamps are considered invalid.
const LATEST: Millis = 253_402_300_799_999;

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
