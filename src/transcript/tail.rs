//! What the end of a transcript says: the last error, and whether an answer came after it.
//!
//! Fields of an error's line by client version: 2.1.118 writes `error`, `isApiErrorMessage` and
//! `apiErrorStatus`; 2.1.240 adds `quotaLimits` and `apiErrorIsTransient`; 2.1.328 adds `apiError`,
//! `apiErrorCode` and `apiErrorType`. Any of them may be missing, null or of another type.

use chrono::{DateTime, Utc};
use memchr::memmem;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::line::SYNTHETIC;
use super::owner::{Owner, OwnerReader};
use crate::foreign::Foreign;
use crate::secrets::hidden;
use crate::time::plausible_epoch;

/// What the lines at the end of a transcript say, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Tail {
    /// Every error.
    pub errors: Vec<MetError>,
    /// Whose the session was at the end.
    pub owner: Option<Owner>,
    /// The model that answered last.
    pub model: Option<String>,
    /// When models answered.
    pub answers: Vec<DateTime<Utc>>,
    /// The client version on the last assistant line.
    pub version: Option<String>,
    /// What Claude Code wrote last about going on by itself after a limit.
    pub waiting: Option<Waiting>,
}

/// Whether Claude Code goes on by itself at a limit's reset, in its own words of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// When it said so.
    pub at: DateTime<Utc>,
    /// How the notice begins that it does not; None if it does.
    pub given_up: Option<&'static str>,
}

/// How a notice begins that it does not go on. It stops after three times.
const GIVEN_UP: [&str; 2] = ["Automatic continue cancelled", "Automatic continue stopped"];
/// How Claude Code answers whoever chose to wait (2.1.330).
const CHOSEN: &str = "<local-command-stdout>Claude Code will continue automatically";

impl Waiting {
    /// A notice of 2.1.328 to 2.1.330, in a line of the kind `system`; or what its user chose.
    fn in_line(line: &[u8]) -> Option<Self> {
        let line: Value = serde_json::from_slice(line).ok()?;
        let is_notice = line.at("subtype") == "informational";
        let notice = line.text("content").filter(|_| is_notice);
        let answer = line.at("message").text("content");
        let says = notice.or_else(|| answer.filter(|it| it.starts_with(CHOSEN)))?;
        let mut ends = GIVEN_UP.into_iter();
        let given_up = ends.find(|end| says.starts_with(end));
        let begins = ["Usage limit", CHOSEN].map(|begins| says.starts_with(begins));
        let goes_on = begins.contains(&true) && says.to_lowercase().contains("continu");
        let at = line.read("timestamp")?;
        (goes_on || given_up.is_some()).then_some(Self { at, given_up })
    }
}

/// An error with what stands around it in its file.
#[derive(Debug, Clone, Default)]
pub struct MetError {
    /// Its line.
    pub line: ErrorLine,
    /// Whether a model answered later in the file.
    pub answered: bool,
    /// Whose the session was then, as far as these lines say.
    pub owner: Option<Owner>,
}

/// The complete lines in `bytes`, which start at offset `start` of their file. A first line that
/// began before, and a last one that the client is still writing, are left out.
pub fn complete_lines(start: u64, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = memchr::memrchr(b'\n', bytes).and_then(|end| bytes.get(..end));
    let lines = whole.unwrap_or_default().split(|byte| *byte == b'\n');
    let began_here = lines.skip((start > 0).into());
    began_here.filter(|line| !line.is_empty())
}

impl Tail {
    /// Reads the end of a transcript: `bytes` start at offset `start`.
    pub fn read(start: u64, bytes: &[u8]) -> Self {
        let mut tail = Self::default();
        let assistant = memmem::Finder::new(b"\"assistant\"");
        let notices = ["\"informational\"", CHOSEN].map(memmem::Finder::new);
        let mut owners = OwnerReader::default();
        for line in complete_lines(start, bytes) {
            owners.read(line);
            if assistant.find(line).is_some() {
                // What is no line of an assistant says nothing here.
                let _ = tail.take_in(line, owners.last.as_ref());
            } else if notices.iter().any(|notice| notice.find(line).is_some()) {
                tail.waiting = Waiting::in_line(line).or(tail.waiting);
            }
        }
        tail.owner = owners.last;
        // Of many lines the last one counts, and looking for secrets takes longer than reading one.
        tail.model = tail.model.as_deref().map(readable);
        tail.version = tail.version.as_deref().map(readable);
        tail
    }

    /// Takes in an assistant's line of a session of this owner. None for any other line, and for bytes
    /// that are no JSON.
    ///
    /// Only the fields of the line itself decide: a chat that quotes an error is an answer like any.
    fn take_in(&mut self, line: &[u8], owner: Option<&Owner>) -> Option<()> {
        let line: Value = serde_json::from_slice(line).ok()?;
        // A fork's file repeats its parent's lines, which say nothing about the fork.
        let original = line.get("requestSessionId");
        let is_copied = line.at("forkedFrom").is_object()
            || original.is_some_and(|id| id.is_string() && Some(id) != line.get("sessionId"));
        if line.at("type") != "assistant" || is_copied {
            return None;
        }
        let message = line.get("message")?;
        let (model, version) = (message.text("model"), line.text("version"));
        let synthetic = model == Some(SYNTHETIC);
        let is_error = line.read("isApiErrorMessage") == Some(true);
        let at = line.read("timestamp");
        if is_error && (synthetic || model.is_none()) {
            let line = ErrorLine {
                uuid: text(&line, "uuid"),
                at,
                session_id: text(&line, "sessionId"),
                version: version.map(readable),
                text: message_text(message),
                error: text(&line, "error"),
                status: line.read("apiErrorStatus"),
                api_error_type: text(&line, "apiErrorType"),
                api_error: text(&line, "apiError"),
                api_error_code: text(&line, "apiErrorCode"),
                transient: line.read("apiErrorIsTransient"),
                details: text(&line, "errorDetails"),
                quota: quota(&line),
                entrypoint: text(&line, "entrypoint"),
            };
            self.errors.push(MetError {
                line,
                answered: false,
                owner: owner.cloned(),
            });
        } else if synthetic || is_error {
            // Other synthetic lines ("No response requested.") are no sign of a working service.
            return None;
        } else {
            self.answers.extend(at);
            self.model = model.map(str::to_owned).or(self.model.take());
            for error in &mut self.errors {
                error.answered = true;
            }
        }
        self.version = version.map(str::to_owned).or(self.version.take());
        Some(())
    }

    /// Adds whose the session was before these lines, where they do not say.
    pub fn begins_with(&mut self, owner: &Owner) {
        let owners = self.errors.iter_mut().map(|error| &mut error.owner);
        for known in owners.chain([&mut self.owner]) {
            known.get_or_insert_with(|| owner.clone());
        }
    }
}

/// No error text that a person can read is longer; a gateway may answer with a whole web page.
const TEXT_LIMIT: usize = 2_000;

/// What the server said about the plan's windows when it refused (`quotaLimits`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QuotaLimits {
    /// `rejected`, `allowed` or `allowed_warning`.
    pub status: Option<String>,
    /// `five_hour`, `seven_day`, `seven_day_opus`, …, `overage`.
    pub rate_limit_type: Option<String>,
    /// When that window starts afresh.
    pub resets_at: Option<DateTime<Utc>>,
    /// Why usage credits are not used, such as `out_of_credits`.
    pub overage_disabled_reason: Option<String>,
}

/// An assistant line with `isApiErrorMessage`: text that the client made up, not the model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorLine {
    /// The line's own id.
    pub uuid: Option<String>,
    /// When the client wrote it.
    pub at: Option<DateTime<Utc>>,
    /// The session that it belongs to.
    pub session_id: Option<String>,
    /// The client's version.
    pub version: Option<String>,
    /// The error as shown to the user.
    pub text: String,
    /// The client's own class: `rate_limit`, `billing_error`, …; often `unknown`.
    pub error: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The API's class, such as `rate_limit_error`.
    pub api_error_type: Option<String>,
    /// The client's finer class, such as `usage_limit_reached`.
    pub api_error: Option<String>,
    /// The API's code, such as `credits_required`.
    pub api_error_code: Option<String>,
    /// Whether the client takes it for a passing state.
    pub transient: Option<bool>,
    /// The API's own words.
    pub details: Option<String>,
    /// What the server said about the plan's windows.
    pub quota: Option<QuotaLimits>,
    /// How the client was started: `cli` in a terminal, `sdk-cli` by `-p`.
    pub entrypoint: Option<String>,
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.text(key).map(readable)
}

/// What may be kept of a text: its beginning, without secrets.
pub(crate) fn readable(text: &str) -> String {
    hidden(clip(text))
}

fn clip(text: &str) -> &str {
    let mut ends = (0..=text.len().min(TEXT_LIMIT)).rev();
    ends.find_map(|end| text.get(..end)).unwrap_or_default()
}

fn quota(line: &Value) -> Option<QuotaLimits> {
    let others = line.at("apiErrorParams").at("rate_limit_info");
    let mut places = [line.at("quotaLimits"), others].into_iter();
    let limits = places.find(|limits| limits.is_object())?;
    Some(QuotaLimits {
        status: text(limits, "status"),
        rate_limit_type: text(limits, "rateLimitType"),
        resets_at: limits.at("resetsAt").as_f64().and_then(plausible_epoch),
        overage_disabled_reason: text(limits, "overageDisabledReason"),
    })
}

/// The text blocks of a message, one after the other.
fn message_text(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => readable(text),
        Some(Value::Array(blocks)) => {
            let texts = blocks.iter().filter_map(|block| block.at("text").as_str());
            readable(&texts.map(clip).collect::<Vec<_>>().join("\n"))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str = r#"{"type":"assistant","isApiErrorMessage":true,"message":{"model":"<synthetic>","content":"limit"}}"#;
    const ANSWER: &str =
        r#"{"type":"assistant","message":{"model":"claude-opus-5-5","content":"fine"}}"#;

    #[test]
    fn what_claude_code_says_of_going_on_by_itself_holds_until_it_says_otherwise() {
        let said = |says: &str| {
            let line = format!(
                r#"{{"type":"system","subtype":"informational","content":"{says}","timestamp":"2026-11-21T12:55:05.532Z"}}"#
            );
            Tail::read(0, format!("{line}\n{ERROR}\n").as_bytes()).waiting
        };
        for (says, goes_on) in [
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
        ] {
            let waiting = said(says).unwrap();
            assert_eq!(waiting.given_up.is_none(), goes_on, "{says}");
        }
        assert_eq!(said("Usage limit reached · wrapping up"), None);
        let answered = |says: &str| {
            let line = format!(
                r#"{{"type":"user","message":{{"role":"user","content":"{says}"}},"timestamp":"2026-11-22T19:59:10.994Z"}}"#
            );
            Tail::read(0, format!("{line}\n").as_bytes()).waiting
        };
        let chosen = "<local-command-stdout>Claude Code will continue automatically at Nov 26, 5:35am. Keep this session open; it may still pause for permission prompts.</local-command-stdout>";
        assert_eq!(answered(chosen).map(|waiting| waiting.given_up), Some(None));
        let typed =
            "Usage limit reached: is \\\"informational\\\" said where you continue automatically?";
        assert_eq!(answered(typed), None);
    }

    #[test]
    fn an_answer_closes_the_errors_before_it_and_not_those_after() {
        let text = format!("{ERROR}\n{ANSWER}\n{ERROR}\n");
        let tail = Tail::read(0, text.as_bytes());
        let answered: Vec<bool> = tail.errors.iter().map(|error| error.answered).collect();
        assert_eq!(answered, [true, false]);
        assert_eq!(tail.model.as_deref(), Some("claude-opus-5-5"));
    }

    #[test]
    fn a_half_written_last_line_is_left_for_next_time() {
        let text = format!("{ERROR}\n{ANSWER}");
        assert!(!Tail::read(0, text.as_bytes()).errors[0].answered);
    }

    #[test]
    fn a_line_that_began_before_the_tail_is_left_out() {
        let text = format!("{ERROR}\n{ERROR}\n");
        assert_eq!(Tail::read(1, text.as_bytes()).errors.len(), 1);
        assert_eq!(Tail::read(1, b"no line end").errors.len(), 0);
    }

    fn read(line: &str) -> Tail {
        Tail::read(0, format!("{line}\n").as_bytes())
    }

    #[test]
    fn a_quoted_error_is_an_answer() {
        let tail = read(
            r#"{"type":"assistant","message":{"model":"claude-opus-5-5","content":[{"type":"text","text":"You've hit your limit"}]}}"#,
        );
        assert!(tail.errors.is_empty() && tail.model.is_some());
    }

    #[test]
    fn the_flag_on_a_users_line_means_nothing() {
        let tail = read(
            r#"{"type":"user","isApiErrorMessage":true,"message":{"content":"x \"assistant\""}}"#,
        );
        assert!(tail.errors.is_empty());
    }

    #[test]
    fn a_forks_copy_of_its_parents_error_is_not_the_forks() {
        let line = |marked: &str| {
            let text = format!(
                r#"{{"type":"assistant","isApiErrorMessage":true,"sessionId":"fork",{marked},"message":{{"model":"<synthetic>","content":"x"}}}}"#
            );
            read(&text).errors.len()
        };
        // `/branch` names the session and the line that a copy was made from.
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
    fn wrong_types_cost_one_field_each() {
        let tail = read(
            r#"{"type":"assistant","isApiErrorMessage":true,"apiErrorStatus":"429","quotaLimits":7,"timestamp":5,"message":{"model":"<synthetic>","content":[null,{"text":"a"},{"text":"b"}]}}"#,
        );
        let error = &tail.errors[0].line;
        assert_eq!(error.text, "a\nb");
        assert_eq!((error.status, error.at, &error.quota), (None, None, &None));
    }

    #[test]
    fn a_web_page_instead_of_an_error_is_clipped_at_a_character() {
        let page = "ä".repeat(5_000);
        let tail = read(&format!(
            r#"{{"type":"assistant","isApiErrorMessage":true,"message":{{"model":"<synthetic>","content":"{page}"}}}}"#
        ));
        assert_eq!(tail.errors[0].line.text.len(), TEXT_LIMIT);
    }
}
