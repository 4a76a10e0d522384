//! Reads the end of a transcript to find errors and to determine whether each of them was followed by a response.
//!
//! The fields of an error line depend on the Claude Code version. Version 2.1.118 writes `error`, `isApiErrorMessage`,
//! and `apiErrorStatus`. Version 2.1.240 adds `quotaLimits` and `apiErrorIsTransient`, and version 2.1.328 adds
//! `apiError`, `apiErrorCode`, and `apiErrorType`. Any field may be missing, null, or of the wrong type.

use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use memchr::memmem;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failed_attempts::{FailedAttempt, FailedAttempts};
use super::line::SYNTHETIC;
use super::owner::{Owner, OwnerReader};
use crate::lenient_json::LenientJson;
use crate::secrets::redact;
use crate::terminal::start_of;
use crate::time::{is_in_supported_range, reset_from_epoch_seconds};

/// How long Claude Code waits for a response before giving up (`API_TIMEOUT_MS`).
pub(crate) const LONGEST_REQUEST: TimeDelta = TimeDelta::minutes(10);

/// Information from the end of a transcript. Lists are sorted from oldest to newest.
#[derive(Debug, Clone, Default)]
pub struct Tail {
    /// All errors.
    pub errors: Vec<TranscriptError>,
    /// The session's owner as of the last line.
    pub owner: Option<Owner>,
    /// The owners before the last one, oldest first.
    pub(crate) earlier_owners: Vec<EarlierOwner>,
    /// The model that sent the last response.
    pub model: Option<String>,
    /// True if the lines include the beginning of the transcript.
    pub is_whole: bool,
    /// All responses. A response that Claude Code writes in several lines has an entry for each of them.
    pub responses: Vec<TranscriptResponse>,
    /// The Claude Code version on the last assistant line.
    pub version: Option<String>,
    /// The latest notice about continuing automatically when a limit resets.
    pub waiting: Option<Waiting>,
    /// The failed attempts of a request that Claude Code is still retrying.
    pub failed_attempts: Option<FailedAttempts>,
    /// The time of the last prompt that Claude Code sent as soon as the user had typed it. `None` if there is none, or if Claude
    /// Code did not write where the prompts come from.
    pub last_typed_prompt_at: Option<DateTime<Utc>>,
}

/// The owner of a session until its transcript named another one, because the user logged in to another account or
/// resumed the session without the key that had paid for it.
#[derive(Debug, Clone)]
pub(crate) struct EarlierOwner {
    /// `None` if the transcript did not name an account.
    owner: Option<Owner>,
    /// The time of the last response before the transcript named the next owner.
    until: DateTime<Utc>,
}

/// A response in a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptResponse {
    /// The time at which the line was written.
    pub at: DateTime<Utc>,
    /// The time of the prompt or the tool result that the response answers. Claude Code sent the request at this time
    /// or later. `None` if the time is unknown.
    pub requested_at: Option<DateTime<Utc>>,
    /// The model that sent the response.
    pub model: Option<Rc<str>>,
}

/// Marks the prompt with which Claude Code continues a session by itself after a reset.
const AUTOMATIC_CONTINUATION: &[u8] = b"\"kind\":\"auto-continuation\"";

/// Marks a prompt that the user typed while Claude Code was busy. Claude Code sent it later (2.1.328 and 2.1.331).
const QUEUED_PROMPT: &[u8] = b"\"promptSource\":\"queued\"";

/// Marks a prompt that Claude Code sent as soon as the user had typed it (since 2.1.240 at the latest).
const TYPED_PROMPT: &[u8] = b"\"promptSource\":\"typed\"";

/// Determines when each request started, while a transcript is being read.
#[derive(Debug, Default)]
struct RequestStart {
    /// The time of the last prompt or tool result that has not been answered yet.
    unanswered_at: Option<DateTime<Utc>>,
    /// True if Claude Code sent the last prompt by itself after a reset.
    is_continuation: bool,
    /// True if the last prompt was queued.
    is_queued: bool,
    /// The value of [`Tail::last_typed_prompt_at`].
    typed_at: Option<DateTime<Utc>>,
    /// The message ID of the last response.
    message_id: Option<String>,
    /// The start of the request that led to the last response.
    requested_at: Option<DateTime<Utc>>,
}

impl RequestStart {
    /// Reads the time of a prompt or a tool result. Lines that Claude Code may write while a response is in progress,
    /// such as the output of a local command, are ignored.
    fn read_user_line(&mut self, line: &[u8]) {
        #[derive(Deserialize)]
        struct UserLine<'a> {
            #[serde(rename = "type")]
            kind: &'a str,
            timestamp: DateTime<Utc>,
        }
        let contains = |mark: &[u8]| memmem::find(line, mark).is_some();
        let is_continuation = contains(AUTOMATIC_CONTINUATION);
        let is_meta = contains(b"\"isMeta\":true") && !is_continuation;
        if is_meta || contains(b"\"content\":\"<") || contains(b"\"isSidechain\":true") {
            return;
        }
        if let Ok(UserLine {
            kind: "user",
            timestamp,
        }) = serde_json::from_slice(line)
        {
            self.unanswered_at = Some(timestamp);
            if !contains(b"\"tool_result\"") {
                self.is_continuation = is_continuation;
                self.is_queued = contains(QUEUED_PROMPT);
                if contains(TYPED_PROMPT) {
                    self.typed_at = Some(timestamp);
                }
            }
        }
    }

    /// Returns the start of the request that led to the response with this message ID.
    fn of_response(&mut self, message_id: Option<&str>) -> Option<DateTime<Utc>> {
        let is_continued = message_id.is_some() && self.message_id.as_deref() == message_id;
        if !is_continued {
            self.message_id = message_id.map(str::to_owned);
            self.requested_at = self.unanswered_at.take();
        }
        self.requested_at
    }
}

/// A notice from Claude Code about whether it will continue automatically when a limit resets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The time of the notice.
    pub at: DateTime<Utc>,
    /// The start of the notice if Claude Code has given up, or `None` if it will continue.
    pub given_up: Option<&'static str>,
}

/// The first words of notices in which Claude Code says that it will not continue. Claude Code gives up after reaching
/// the limit three times.
const GIVEN_UP: [&str; 4] = [
    CAN_WAIT_AGAIN,
    CANCELLED,
    RESETS_TOO_LATE,
    "Automatic continue stopped",
];
/// The first words of the notices in which Claude Code says that the wait was canceled, for example because the process
/// exited.
pub(crate) const CANCELLED: &str = "Automatic continue cancelled";
/// The first words of the notice in which Claude Code says that the user canceled the wait and can start it again. After
/// a process has exited, the menu of the next one does not offer this (2.1.331).
pub(crate) const CAN_WAIT_AGAIN: &str = "Automatic continue cancelled · /rate-limit-options";
/// The first words of the notice in which Claude Code says that it has stopped waiting, because another limit resets more than
/// 24 hours later. The menu offers to wait nevertheless (2.1.331).
pub(crate) const RESETS_TOO_LATE: &str =
    "Automatic continue stopped · the usage limit now resets more than 24 hours out";
/// The start of Claude Code's reply when the user chooses to wait (2.1.330).
const CHOSEN: &str = "<local-command-stdout>Claude Code will continue automatically";

impl Waiting {
    /// Returns true if the wait was canceled.
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self.given_up, Some(CAN_WAIT_AGAIN | CANCELLED))
    }

    /// Parses a line that is either a `system` notice (2.1.328 to 2.1.330) or the reply after the user chose to wait.
    /// Returns `None` for other lines.
    fn in_line(line: &[u8]) -> Option<Self> {
        let line: Value = serde_json::from_slice(line).ok()?;
        let text = if line.at("subtype") == "informational" {
            line.text("content")?
        } else {
            let reply = line.at("message").text("content")?;
            if !reply.starts_with(CHOSEN) {
                return None;
            }
            reply
        };
        let at = line.read("timestamp")?;
        let given_up = GIVEN_UP.into_iter().find(|start| text.starts_with(start));
        let is_about_limit = text.starts_with("Usage limit") || text.starts_with(CHOSEN);
        let continues = is_about_limit && text.to_lowercase().contains("continu");
        if continues || given_up.is_some() {
            Some(Self { at, given_up })
        } else {
            None
        }
    }
}

/// An error and its context in the transcript.
#[derive(Debug, Clone, Default)]
pub struct TranscriptError {
    /// The error line.
    pub line: ErrorLine,
    /// True if a response follows later in the transcript.
    pub has_later_response: bool,
    /// The time of the first prompt after the error, or `None` if there is none.
    pub retried_at: Option<DateTime<Utc>>,
    /// The session's owner at the time of the error, if known.
    pub owner: Option<Owner>,
    /// The failed attempts that preceded the error.
    pub failed_attempts: Option<FailedAttempts>,
    /// True if the error stopped a turn that Claude Code had started by itself after a reset.
    pub stopped_continuation: bool,
    /// True if the error stopped a turn that began with a queued prompt.
    pub stopped_queued_prompt: bool,
}

/// Returns the complete lines in `bytes`, whose offset in the file is `start`. Unless `start` is 0, the first line is
/// omitted because it may be incomplete. The last line is omitted if it is still being written.
pub fn complete_lines(start: u64, bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let end = memchr::memrchr(b'\n', bytes).unwrap_or(0);
    let first = match memchr::memchr(b'\n', bytes) {
        Some(line_break) if start > 0 => line_break + 1,
        _ => 0,
    };
    bytes
        .get(first..end)
        .unwrap_or_default()
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

impl Tail {
    /// Extracts the information from the end of a transcript. `bytes` begins at the file offset `start`.
    pub fn read(start: u64, bytes: &[u8]) -> Self {
        let mut tail = Self {
            is_whole: start == 0,
            ..Self::default()
        };
        let assistant = memmem::Finder::new(b"\"assistant\"");
        let notices = ["\"informational\"", CHOSEN].map(memmem::Finder::new);
        let user = memmem::Finder::new(b"\"user\"");
        let mut owners = OwnerReader::default();
        let mut request_start = RequestStart::default();
        for line in complete_lines(start, bytes) {
            let is_unnamed = owners.last.is_none();
            let owner = owners.read(line);
            let is_first = is_unnamed && owners.last.is_some();
            if (owner.is_some() || is_first)
                && let Some(last) = tail.responses.last()
            {
                let until = last.at;
                tail.earlier_owners.push(EarlierOwner { owner, until });
            }
            if assistant.find(line).is_some() {
                // Lines that merely happen to contain the word "assistant" are ignored.
                let _ = tail.add_line(line, owners.last.as_ref(), &mut request_start);
            } else if let Some(attempt) = FailedAttempt::in_line(line) {
                FailedAttempts::add(&mut tail.failed_attempts, attempt);
            } else if notices.iter().any(|notice| notice.find(line).is_some()) {
                tail.waiting = Waiting::in_line(line).or(tail.waiting);
            } else if user.find(line).is_some() {
                request_start.read_user_line(line);
                tail.add_retry(request_start.unanswered_at);
            }
        }
        tail.owner = owners.last;
        tail.last_typed_prompt_at = request_start.typed_at;
        // Only the final values are redacted because searching a string for secrets takes longer than reading a line.
        tail.model = tail.model.as_deref().map(readable);
        tail.version = tail.version.as_deref().map(readable);
        tail
    }

    /// Adds the information from an assistant line. `owner` is the session's owner at that point, and `request_start`
    /// is the start of the current request. Returns `None` for invalid JSON, for other line types, and for lines
    /// without useful information.
    ///
    /// Only the line's own fields count. A response that quotes an error is still a normal response.
    fn add_line(
        &mut self,
        line: &[u8],
        owner: Option<&Owner>,
        request_start: &mut RequestStart,
    ) -> Option<()> {
        let line: Value = serde_json::from_slice(line).ok()?;
        // A fork's transcript contains copies of its parent's lines, which say nothing about the fork.
        let original = line.get("requestSessionId");
        let is_copied = line.at("forkedFrom").is_object()
            || original.is_some_and(|id| id.is_string() && Some(id) != line.get("sessionId"));
        if line.at("type") != "assistant" || is_copied {
            return None;
        }
        let message = line.get("message")?;
        let model = message.text("model");
        let version = line.text("version");
        let is_synthetic = model == Some(SYNTHETIC);
        let is_error = line.read("isApiErrorMessage") == Some(true);
        let at: Option<DateTime<Utc>> = line.read("timestamp");
        if has_damaged_date(at) {
            return None;
        }
        if is_error && (is_synthetic || model.is_none()) {
            request_start.unanswered_at = None;
            self.errors.push(TranscriptError {
                line: ErrorLine::from_json(&line, message),
                has_later_response: false,
                retried_at: None,
                owner: owner.cloned(),
                failed_attempts: self.failed_attempts.take(),
                stopped_continuation: request_start.is_continuation,
                stopped_queued_prompt: request_start.is_queued,
            });
        } else if is_synthetic || is_error {
            // Other synthetic lines, such as "No response requested.", are not evidence that the service is working.
            return None;
        } else {
            let requested_at = request_start.of_response(message.text("id"));
            if let Some(at) = at {
                let response = TranscriptResponse {
                    at,
                    // A request takes at most `LONGEST_REQUEST`, so an older prompt does not belong to the response.
                    requested_at: requested_at
                        .filter(|requested_at| at - *requested_at <= LONGEST_REQUEST),
                    model: self.shared_model(model),
                };
                self.responses.push(response);
            }
            self.failed_attempts = None;
            // The notice was about a limit that ended before this response.
            self.waiting = None;
            self.model = model.map(str::to_owned).or(self.model.take());
            for error in &mut self.errors {
                error.has_later_response = true;
            }
        }
        self.version = version.map(str::to_owned).or(self.version.take());
        Some(())
    }

    /// Records the time of a prompt for all errors that no prompt has followed yet. `prompt_at` is `None` if there is
    /// no prompt.
    fn add_retry(&mut self, prompt_at: Option<DateTime<Utc>>) {
        let newest_first = self.errors.iter_mut().rev();
        for error in newest_first.take_while(|error| error.retried_at.is_none()) {
            error.retried_at = prompt_at;
        }
    }

    /// Returns the name of a response's model. Consecutive responses from the same model share the name in memory.
    fn shared_model(&self, model: Option<&str>) -> Option<Rc<str>> {
        let model = readable(model?);
        match self.responses.last().and_then(|last| last.model.as_ref()) {
            Some(last) if **last == *model => Some(Rc::clone(last)),
            Some(_) | None => Some(model.into()),
        }
    }

    /// Returns the first response after the given time.
    pub(crate) fn first_response_after(
        &self,
        moment: DateTime<Utc>,
    ) -> Option<&TranscriptResponse> {
        self.responses.iter().find(|response| response.at > moment)
    }

    /// Returns the session's owner at the time of a response, or `None` if the transcript named an account only later or
    /// never.
    pub(crate) fn owner_at(&self, response_at: DateTime<Utc>) -> Option<&Owner> {
        let mut earlier_owners = self.earlier_owners.iter();
        match earlier_owners.find(|earlier| response_at <= earlier.until) {
            Some(earlier) => earlier.owner.as_ref(),
            None => self.owner.as_ref(),
        }
    }

    /// Sets the owner for the lines before the first owner line.
    pub fn set_earlier_owner(&mut self, owner: &Owner) {
        let of_errors = self.errors.iter_mut().map(|error| &mut error.owner);
        let of_responses = self
            .earlier_owners
            .iter_mut()
            .map(|earlier| &mut earlier.owner);
        for later_owner in of_errors.chain(of_responses).chain([&mut self.owner]) {
            later_owner.get_or_insert_with(|| owner.clone());
        }
    }
}

/// The maximum length of a string, in bytes. Real error messages are shorter, but a gateway may respond with an entire
/// web page.
const TEXT_LIMIT: usize = 2_000;

/// The server's information about the plan's usage windows when it rejects a request (`quotaLimits`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QuotaLimits {
    /// `rejected`, `allowed`, or `allowed_warning`.
    pub status: Option<String>,
    /// The name of the limit. `RateLimitType` lists the names that whycap recognizes.
    pub rate_limit_type: Option<String>,
    /// The time at which the window in `rate_limit_type` resets.
    pub resets_at: Option<DateTime<Utc>>,
    /// The reason why usage credits do not apply, such as `out_of_credits`.
    pub overage_disabled_reason: Option<String>,
}

/// An assistant line with `isApiErrorMessage`. The text was generated by Claude Code rather than by a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorLine {
    /// The line's ID.
    pub uuid: Option<String>,
    /// The time at which the line was written.
    pub at: Option<DateTime<Utc>>,
    /// The session that the line belongs to.
    pub session_id: Option<String>,
    /// The Claude Code version.
    pub version: Option<String>,
    /// The error message as shown to the user.
    pub text: String,
    /// Claude Code's error class, such as `rate_limit` or `billing_error`. It is often `unknown`.
    pub error: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The API's error class, such as `rate_limit_error`.
    pub api_error_type: Option<String>,
    /// Claude Code's more specific error class, such as `usage_limit_reached`.
    pub api_error: Option<String>,
    /// The API's error code, such as `credits_required`.
    pub api_error_code: Option<String>,
    /// True if Claude Code considers the error to be temporary.
    pub transient: Option<bool>,
    /// The API's error message.
    pub details: Option<String>,
    /// The server's information about the plan's usage windows.
    pub quota: Option<QuotaLimits>,
    /// How Claude Code was started: `cli` in a terminal, `sdk-cli` with `-p`.
    pub entrypoint: Option<String>,
}

impl ErrorLine {
    /// Parses an error line that the client displays. Returns `None` for other lines and for damaged dates. For a line
    /// that a fork copied, `session_id` is the session in which the error occurred.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let line: Value = serde_json::from_slice(bytes).ok()?;
        let message = line.get("message")?;
        let model = message.text("model");
        let is_shown = line.at("type") == "assistant"
            && line.read("isApiErrorMessage") == Some(true)
            && model.is_none_or(|model| model == SYNTHETIC);
        if !is_shown {
            return None;
        }
        let mut error = Self::from_json(&line, message);
        if has_damaged_date(error.at) {
            return None;
        }
        let original = text(&line, "requestSessionId");
        error.session_id = original
            .or_else(|| text(line.at("forkedFrom"), "sessionId"))
            .or(error.session_id);
        Some(error)
    }

    /// Returns true if the line shows that Claude Code was not running interactively in a terminal, for example because
    /// it was started with `-p`.
    pub(crate) fn is_outside_terminal(&self) -> bool {
        self.entrypoint
            .as_deref()
            .is_some_and(|entrypoint| entrypoint != "cli")
    }

    /// Returns true if the line is from a run of `claude -p`. Such a run ends after an error, unless it reads its
    /// prompts from a stream.
    pub(crate) fn is_of_headless_run(&self) -> bool {
        self.entrypoint.as_deref() == Some("sdk-cli")
    }

    fn from_json(line: &Value, message: &Value) -> Self {
        Self {
            uuid: text(line, "uuid"),
            at: line.read("timestamp"),
            session_id: text(line, "sessionId"),
            version: text(line, "version"),
            text: message_text(message),
            error: text(line, "error"),
            status: line.read("apiErrorStatus"),
            api_error_type: text(line, "apiErrorType"),
            api_error: text(line, "apiError"),
            api_error_code: text(line, "apiErrorCode"),
            transient: line.read("apiErrorIsTransient"),
            details: text(line, "errorDetails"),
            quota: quota(line),
            entrypoint: text(line, "entrypoint"),
        }
    }
}

/// Returns true if a date is so far from the present that calculations with it could overflow. A line with such a date
/// is damaged and must be ignored.
fn has_damaged_date(at: Option<DateTime<Utc>>) -> bool {
    at.is_some_and(|at| !is_in_supported_range(at))
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.text(key).map(readable)
}

/// Truncates a string and redacts its secrets to make it safe to store.
pub(crate) fn readable(text: &str) -> String {
    redact(start_of(text, TEXT_LIMIT))
}

fn quota(line: &Value) -> Option<QuotaLimits> {
    let candidates = [
        line.at("quotaLimits"),
        line.at("apiErrorParams").at("rate_limit_info"),
    ];
    let limits = candidates.into_iter().find(|limits| limits.is_object())?;
    Some(QuotaLimits {
        status: text(limits, "status"),
        rate_limit_type: text(limits, "rateLimitType"),
        resets_at: limits
            .at("resetsAt")
            .as_f64()
            .and_then(reset_from_epoch_seconds),
        overage_disabled_reason: text(limits, "overageDisabledReason"),
    })
}

/// Joins the text blocks of a message with line breaks.
fn message_text(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => readable(text),
        Some(Value::Array(blocks)) => {
            let texts: Vec<&str> = blocks
                .iter()
                .filter_map(|block| block.at("text").as_str())
                .map(|text| start_of(text, TEXT_LIMIT))
                .collect();
            readable(&texts.join("\n"))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::Timelike;

    use super::*;

    const ERROR: &str = r#"{"type":"assistant","isApiErrorMessage":true,"message":{"model":"<synthetic>","content":"limit"}}"#;
    const RESPONSE: &str =
        r#"{"type":"assistant","message":{"model":"claude-opus-5-5","content":"fine"}}"#;

    #[test]
    fn the_latest_notice_shows_whether_claude_code_will_continue_by_itself() {
        let waiting_after_notice = |notice: &str| {
            let line = format!(
                r#"{{"type":"system","subtype":"informational","content":"{notice}","timestamp":"2026-11-21T12:55:05.532Z"}}"#
            );
            Tail::read(0, format!("{line}\n{ERROR}\n").as_bytes()).waiting
        };
        for (notice, continues) in [
            (
                "Usage limit reached · set to continue automatically at 1:54pm",
                true,
            ),
            (
                "Usage limit reached · continuing automatically at 2:30pm · esc to cancel",
                true,
            ),
            (
                "Usage limit reached again · set to continue automatically at 1:55pm",
                true,
            ),
            ("Usage limit reset · Continuing automatically", true),
            (
                "Automatic continue cancelled · /rate-limit-options to wait again",
                false,
            ),
            (
                "Automatic continue stopped after repeated usage limit hits · This task will not resume on its own",
                false,
            ),
            (
                "Automatic continue stopped · the usage limit now resets more than 24 hours out, so this task will not resume on its own (/rate-limit-options to wait anyway)",
                false,
            ),
        ] {
            let waiting = waiting_after_notice(notice).unwrap();
            assert_eq!(waiting.given_up.is_none(), continues, "{notice}");
        }
        assert_eq!(
            waiting_after_notice("Usage limit reached · wrapping up"),
            None
        );
        let waiting_after_reply = |reply: &str| {
            let line = format!(
                r#"{{"type":"user","message":{{"role":"user","content":"{reply}"}},"timestamp":"2026-11-22T19:59:10.994Z"}}"#
            );
            Tail::read(0, format!("{line}\n").as_bytes()).waiting
        };
        let chosen = "<local-command-stdout>Claude Code will continue automatically at Nov 26, 5:35am. Keep this session open; it may still pause for permission prompts.</local-command-stdout>";
        assert_eq!(
            waiting_after_reply(chosen).map(|waiting| waiting.given_up),
            Some(None)
        );
        let typed =
            "Usage limit reached: is \\\"informational\\\" said where you continue automatically?";
        assert_eq!(waiting_after_reply(typed), None);
    }

    #[test]
    fn a_response_belongs_to_the_errors_before_it_and_not_to_those_after() {
        let text = format!("{ERROR}\n{RESPONSE}\n{ERROR}\n");
        let tail = Tail::read(0, text.as_bytes());
        let has_response: Vec<bool> = tail
            .errors
            .iter()
            .map(|error| error.has_later_response)
            .collect();
        assert_eq!(has_response, [true, false]);
        assert_eq!(tail.model.as_deref(), Some("claude-opus-5-5"));
    }

    #[test]
    fn an_unfinished_last_line_is_ignored() {
        let text = format!("{ERROR}\n{RESPONSE}");
        assert!(!Tail::read(0, text.as_bytes()).errors[0].has_later_response);
    }

    #[test]
    fn a_line_that_began_before_the_tail_is_ignored() {
        let text = format!("{ERROR}\n{ERROR}\n");
        assert_eq!(Tail::read(1, text.as_bytes()).errors.len(), 1);
        assert_eq!(Tail::read(1, b"no line end").errors.len(), 0);
    }

    fn read(line: &str) -> Tail {
        Tail::read(0, format!("{line}\n").as_bytes())
    }

    /// Claude Code writes one line for each part of a response, and may write the result of a tool between them.
    #[test]
    fn a_response_starts_after_the_prompt_or_the_tool_result_before_it() {
        let user = |second: u32, content: &str, more: &str| {
            format!(
                r#"{{"type":"user"{more},"message":{{"role":"user","content":{content}}},"timestamp":"2026-11-20T10:00:{second:02}Z"}}"#
            )
        };
        let response = |second: u32, id: &str| {
            format!(
                r#"{{"type":"assistant","message":{{"id":"{id}","model":"claude-opus-5-5","content":[]}},"timestamp":"2026-11-20T10:00:{second:02}Z"}}"#
            )
        };
        let result = r#"[{"type":"tool_result","content":"done"}]"#;
        let lines = [
            response(1, "m0"),
            user(2, "\"fix it\"", ""),
            response(5, "m1"),
            user(6, result, ""),
            response(7, "m1"),
            response(9, "m2"),
            response(11, "m3"),
            user(
                12,
                "\"<local-command-stdout>ok</local-command-stdout>\"",
                "",
            ),
            response(13, "m4"),
            user(14, "\"a note\"", r#","isMeta":true"#),
            response(15, "m5"),
        ];
        let tail = Tail::read(0, format!("{}\n", lines.join("\n")).as_bytes());
        let starts: Vec<Option<u32>> = tail
            .responses
            .iter()
            .map(|response| Some(response.requested_at?.second()))
            .collect();
        let expected = [None, Some(2), Some(2), Some(6), None, None, None];
        assert_eq!(starts, expected);
        // A request takes at most ten minutes, so an older prompt does not belong to the response.
        let late = response(30, "m6").replace("10:00:30", "10:12:30");
        let tail = Tail::read(0, format!("{}\n{late}\n", user(2, "\"hi\"", "")).as_bytes());
        assert_eq!(tail.responses[0].requested_at, None);
    }

    #[test]
    fn a_quoted_error_is_a_response() {
        let tail = read(
            r#"{"type":"assistant","message":{"model":"claude-opus-5-5","content":[{"type":"text","text":"You've hit your limit"}]}}"#,
        );
        assert!(tail.errors.is_empty() && tail.model.is_some());
    }

    #[test]
    fn the_error_flag_on_a_users_line_is_ignored() {
        let tail = read(
            r#"{"type":"user","isApiErrorMessage":true,"message":{"content":"x \"assistant\""}}"#,
        );
        assert!(tail.errors.is_empty());
    }

    #[test]
    fn an_error_copied_from_a_parent_is_not_the_forks() {
        let line = |marked: &str| {
            let text = format!(
                r#"{{"type":"assistant","isApiErrorMessage":true,"sessionId":"fork",{marked},"message":{{"model":"<synthetic>","content":"x"}}}}"#
            );
            read(&text).errors.len()
        };
        // `/branch` records the session and line that a line was copied from.
        let copied = r#""forkedFrom":{"sessionId":"parent","messageUuid":"u1"}"#;
        for (marked, errors) in [
            (r#""requestSessionId":"parent""#, 0),
            (r#""requestSessionId":"fork""#, 1),
            (copied, 0),
            (r#""forkedFrom":null"#, 1),
        ] {
            assert_eq!(line(marked), errors, "{marked}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_affects_only_its_own_field() {
        let tail = read(
            r#"{"type":"assistant","isApiErrorMessage":true,"apiErrorStatus":"429","quotaLimits":7,"timestamp":5,"message":{"model":"<synthetic>","content":[null,{"text":"a"},{"text":"b"}]}}"#,
        );
        let error = &tail.errors[0].line;
        assert_eq!(error.text, "a\nb");
        assert_eq!((error.status, error.at, &error.quota), (None, None, &None));
    }

    #[test]
    fn a_web_page_instead_of_an_error_is_truncated_between_characters() {
        let page = "ä".repeat(5_000);
        let tail = read(&format!(
            r#"{{"type":"assistant","isApiErrorMessage":true,"message":{{"model":"<synthetic>","content":"{page}"}}}}"#
        ));
        assert_eq!(tail.errors[0].line.text.len(), TEXT_LIMIT);
    }
}
