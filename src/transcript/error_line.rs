//! A transcript line that records an API error, made into a typed record.
//!
//! Fields by client version: 2.1.118 writes `error`, `isApiErrorMessage` and `apiErrorStatus`;
//! 2.1.240 adds `quotaLimits` and `apiErrorIsTransient`; 2.1.328 adds `apiError`, `apiErrorCode`
//! and `apiErrorType`. Any of them may be missing, null or of another type.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::secrets::hidden;
use crate::time::plausible_epoch;

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
    /// Whether usage credits would be used: `allowed` or `rejected`.
    pub overage_status: Option<String>,
    /// Why usage credits are not used, such as `out_of_credits`.
    pub overage_disabled_reason: Option<String>,
    /// When usage credits come back.
    pub overage_resets_at: Option<DateTime<Utc>>,
    /// Whether the session was on usage credits already.
    pub using_overage: Option<bool>,
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

/// What an assistant line says about whether the session works.
#[derive(Debug, Clone, PartialEq)]
pub enum AssistantLine {
    /// An error that the client wrote in the model's place.
    Error(Box<ErrorLine>),
    /// An answer of a model.
    Answer {
        /// The model that answered.
        model: Option<String>,
        /// The client's version.
        version: Option<String>,
        /// When it came.
        at: Option<DateTime<Utc>>,
    },
}

fn text(value: &Value, key: &str) -> Option<String> {
    value
        .get(key)?
        .as_str()
        .filter(|text| !text.is_empty())
        .map(readable)
}

/// What may be kept of a text: its beginning, without secrets.
fn readable(text: &str) -> String {
    hidden(clip(text))
}

fn clip(text: &str) -> &str {
    let mut end = text.len().min(TEXT_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Seconds since 1970, as the server gives its reset times.
fn epoch(value: &Value, key: &str) -> Option<DateTime<Utc>> {
    plausible_epoch(value.get(key)?.as_f64()?)
}

fn quota(line: &Value) -> Option<QuotaLimits> {
    let limits = line
        .get("quotaLimits")
        .filter(|value| value.is_object())
        .or_else(|| line.pointer("/apiErrorParams/rate_limit_info"))
        .filter(|value| value.is_object())?;
    Some(QuotaLimits {
        status: text(limits, "status"),
        rate_limit_type: text(limits, "rateLimitType"),
        resets_at: epoch(limits, "resetsAt"),
        overage_status: text(limits, "overageStatus"),
        overage_disabled_reason: text(limits, "overageDisabledReason"),
        overage_resets_at: epoch(limits, "overageResetsAt"),
        using_overage: limits.get("isUsingOverage").and_then(Value::as_bool),
    })
}

/// The text blocks of a message, one after the other.
fn message_text(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => readable(text),
        Some(Value::Array(blocks)) => {
            let joined = blocks
                .iter()
                .filter_map(|block| block.get("text")?.as_str())
                .map(clip)
                .collect::<Vec<_>>()
                .join("\n");
            readable(&joined)
        }
        _ => String::new(),
    }
}

/// Reads one line. None for every line that is not an assistant's, and for bytes that are no JSON.
///
/// Only the fields of the line itself decide: a chat that quotes an error is an answer like any.
pub fn parse(bytes: &[u8]) -> Option<AssistantLine> {
    let line: Value = serde_json::from_slice(bytes).ok()?;
    if line.get("type")?.as_str()? != "assistant" {
        return None;
    }
    // A fork's file repeats its parent's lines, which say nothing about the fork.
    let is_copied = line
        .get("requestSessionId")
        .is_some_and(|id| id.is_string() && Some(id) != line.get("sessionId"));
    if is_copied {
        return None;
    }
    let message = line.get("message")?;
    let model = text(message, "model");
    let synthetic = model.as_deref() == Some("<synthetic>");
    let is_error = line.get("isApiErrorMessage").and_then(Value::as_bool) == Some(true);
    let at = line
        .get("timestamp")
        .and_then(Value::as_str)
        .and_then(|at| DateTime::parse_from_rfc3339(at).ok())
        .map(|at| at.to_utc());
    if is_error && (synthetic || model.is_none()) {
        return Some(AssistantLine::Error(Box::new(ErrorLine {
            uuid: text(&line, "uuid"),
            at,
            session_id: text(&line, "sessionId"),
            version: text(&line, "version"),
            text: message_text(message),
            error: text(&line, "error"),
            status: line
                .get("apiErrorStatus")
                .and_then(Value::as_u64)
                .and_then(|status| u16::try_from(status).ok()),
            api_error_type: text(&line, "apiErrorType"),
            api_error: text(&line, "apiError"),
            api_error_code: text(&line, "apiErrorCode"),
            transient: line.get("apiErrorIsTransient").and_then(Value::as_bool),
            details: text(&line, "errorDetails"),
            quota: quota(&line),
            entrypoint: text(&line, "entrypoint"),
        })));
    }
    // Other synthetic lines ("No response requested.") are no sign of a working service.
    (!synthetic && !is_error).then(|| AssistantLine::Answer {
        model,
        version: text(&line, "version"),
        at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_error_is_an_answer() {
        let line = br#"{"type":"assistant","message":{"model":"claude-opus-5-5","content":[{"type":"text","text":"You've hit your limit"}]}}"#;
        assert!(matches!(parse(line), Some(AssistantLine::Answer { .. })));
    }

    #[test]
    fn the_flag_on_a_users_line_means_nothing() {
        assert_eq!(
            parse(br#"{"type":"user","isApiErrorMessage":true,"message":{"content":"x"}}"#),
            None
        );
    }

    #[test]
    fn a_forks_copy_of_its_parents_error_is_not_the_forks() {
        let line = |id: &str| {
            let text = format!(
                r#"{{"type":"assistant","isApiErrorMessage":true,"sessionId":"fork","requestSessionId":"{id}","message":{{"model":"<synthetic>","content":"x"}}}}"#
            );
            parse(text.as_bytes())
        };
        assert_eq!(line("parent"), None);
        assert!(line("fork").is_some());
    }

    #[test]
    fn wrong_types_cost_one_field_each() {
        let line = br#"{"type":"assistant","isApiErrorMessage":true,"apiErrorStatus":"429","quotaLimits":7,"timestamp":5,"message":{"model":"<synthetic>","content":[null,{"text":"a"},{"text":"b"}]}}"#;
        let Some(AssistantLine::Error(error)) = parse(line) else {
            panic!("an error line")
        };
        assert_eq!(error.text, "a\nb");
        assert_eq!((error.status, error.at, error.quota), (None, None, None));
    }

    #[test]
    fn a_web_page_instead_of_an_error_is_clipped_at_a_character() {
        let page = "ä".repeat(5_000);
        let line = format!(
            r#"{{"type":"assistant","isApiErrorMessage":true,"message":{{"model":"<synthetic>","content":"{page}"}}}}"#
        );
        let Some(AssistantLine::Error(error)) = parse(line.as_bytes()) else {
            panic!("an error line")
        };
        assert_eq!(error.text.len(), TEXT_LIMIT);
    }
}
