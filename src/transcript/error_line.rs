//! The lines with which Claude Code shows an error instead of a response.
//!
//! The fields depend on the version. Version 2.1.118 writes `error`, `isApiErrorMessage`, and `apiErrorStatus`. Version
//! 2.1.240 adds `quotaLimits` and `apiErrorIsTransient`, and version 2.1.328 adds `apiError`, `apiErrorCode`, and
//! `apiErrorType`. Any field may be missing, null, or of the wrong type.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::line::SYNTHETIC;
use crate::json::LenientJson;
use crate::terminal::secrets::redact;
use crate::terminal::start_of;
use crate::time::{is_in_supported_range, reset_from_epoch_seconds};

/// The maximum length of a string, in bytes. Real error messages are shorter, but a gateway may respond with an entire
/// web page.
const TEXT_LIMIT: usize = 2_000;

/// The server's statement about a refused request (`quotaLimits`).
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct QuotaLimits {
    /// The server's name of the limit.
    pub(crate) rate_limit_type: Option<String>,
    /// The time at which the limit resets.
    pub(crate) resets_at: Option<DateTime<Utc>>,
    /// The reason why usage credits could not pay, such as `out_of_credits`.
    pub(crate) overage_disabled_reason: Option<String>,
}

/// An assistant line with `isApiErrorMessage`. Its text is Claude Code's own.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ErrorLine {
    /// The time at which the line was written.
    pub(crate) at: Option<DateTime<Utc>>,
    /// The version of Claude Code.
    pub(crate) version: Option<String>,
    /// The message as shown to the user.
    pub(crate) text: String,
    /// Claude Code's error class, such as `rate_limit` or `billing_error`. It is often `unknown`.
    pub(crate) error: Option<String>,
    /// The HTTP status.
    pub(crate) status: Option<u16>,
    /// The API's error class, such as `rate_limit_error`.
    pub(crate) api_error_type: Option<String>,
    /// Claude Code's more specific error class, such as `usage_limit_reached`.
    pub(crate) api_error: Option<String>,
    /// The API's error code, such as `credits_required`.
    pub(crate) api_error_code: Option<String>,
    /// True if Claude Code considers the error to be temporary.
    pub(crate) transient: Option<bool>,
    /// The server's statement about the request.
    pub(crate) quota: Option<QuotaLimits>,
}

impl ErrorLine {
    /// Parses a line. Returns `None` if it shows no error, or if its date is damaged.
    pub(crate) fn parse(line: &Value) -> Option<Self> {
        let message = line.get("message")?;
        let is_shown = line.read("isApiErrorMessage") == Some(true)
            && message.text("model").is_none_or(|model| model == SYNTHETIC);
        let at = line.read("timestamp");
        if !is_shown || has_damaged_date(at) {
            return None;
        }
        Some(Self {
            at,
            version: text(line, "version"),
            text: message_text(message),
            error: text(line, "error"),
            status: line.read("apiErrorStatus"),
            api_error_type: text(line, "apiErrorType"),
            api_error: text(line, "apiError"),
            api_error_code: text(line, "apiErrorCode"),
            transient: line.read("apiErrorIsTransient"),
            quota: quota(line),
        })
    }

    /// Parses a line that reports an error which Claude Code retries by itself (2.1.332). Returns `None` if its text is
    /// missing, or if its date is damaged.
    pub(crate) fn of_retry(line: &Value) -> Option<Self> {
        let error = line.at("error");
        let at = line.read("timestamp");
        if has_damaged_date(at) {
            return None;
        }
        Some(Self {
            at,
            version: text(line, "version"),
            text: text(error, "formatted")?,
            status: error.read("status"),
            quota: quota(line),
            ..Self::default()
        })
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

/// Returns the server's statement about a refused request, wherever a line contains it.
pub(super) fn quota(line: &Value) -> Option<QuotaLimits> {
    let candidates = [
        line.at("quotaLimits"),
        line.at("apiErrorParams").at("rate_limit_info"),
        line.at("error").at("rateLimits"),
        line.at("rate_limit_info"),
    ];
    let limits = candidates.into_iter().find(|limits| limits.is_object())?;
    Some(QuotaLimits {
        rate_limit_type: text(limits, "rateLimitType"),
        resets_at: reset(limits),
        overage_disabled_reason: text(limits, "overageDisabledReason"),
    })
}

/// Returns the time at which a limit or a usage window resets.
pub(super) fn reset(limits: &Value) -> Option<DateTime<Utc>> {
    limits
        .at("resetsAt")
        .as_f64()
        .and_then(reset_from_epoch_seconds)
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
    use serde_json::json;

    use super::*;

    fn error_with(content: &Value, more: &Value) -> Option<ErrorLine> {
        let mut line = json!({
            "isApiErrorMessage": true,
            "message": {"model": "<synthetic>", "content": content},
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            line[name] = value.clone();
        }
        ErrorLine::parse(&line)
    }

    #[test]
    fn a_value_of_the_wrong_type_affects_only_its_own_field() {
        let content = json!([null, {"text": "a"}, {"text": "b"}]);
        let wrong = json!({"apiErrorStatus": "429", "quotaLimits": 7, "timestamp": 5});
        let expected = ErrorLine {
            text: "a\nb".to_owned(),
            ..ErrorLine::default()
        };
        assert_eq!(error_with(&content, &wrong), Some(expected));
    }

    #[test]
    fn a_web_page_instead_of_an_error_is_truncated_between_characters() {
        let page = json!("ä".repeat(5_000));
        let error = error_with(&page, &Value::Null).unwrap();
        assert_eq!(error.text.len(), TEXT_LIMIT);
    }

    #[test]
    fn a_line_with_an_absurd_date_or_another_model_is_no_error() {
        let text = json!("limit");
        for more in [
            json!({"timestamp": "1800-01-01T00:00:00Z"}),
            json!({"isApiErrorMessage": false}),
            json!({"message": {"model": "claude-opus-5-5", "content": "limit"}}),
        ] {
            assert_eq!(error_with(&text, &more), None, "{more}");
        }
    }
}
