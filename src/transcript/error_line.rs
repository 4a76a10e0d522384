//! The lines with which Claude Code shows an error instead of a response.
//!
//! The fields depend on the version. Version 2.1.118 writes `error`, `isApiErrorMessage`, and `apiErrorStatus`. Version
//! 2.1.240 adds `quotaLimits` and `apiErrorIsTransient`, and version 2.1.328 adds `apiError`, `apiErrorCode`, and
//! `apiErrorType`. Any field may be missing, null, or of the wrong type.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::limit_lines::{text_of, window_named};
use super::line::SYNTHETIC;
use crate::json::LenientJson;
use crate::limits::{Kind, Refusal, ServerClaim};
use crate::terminal::secrets::redact;
use crate::terminal::start_of;
use crate::time::{is_in_supported_range, reset_from_epoch_seconds};

/// The maximum length of a string, in bytes. Real error messages are shorter, but a gateway may respond with an entire
/// web page.
const TEXT_LIMIT: usize = 2_000;

/// A wait that the user hardly notices. Usually, Claude Code waits for half a minute at most before it tries again.
const SHORT_WAIT: TimeDelta = TimeDelta::minutes(1);

/// Returns the refusal that a line shows. Its text is Claude Code's own. Returns `None` if the line shows no error.
pub(super) fn shown(line: &Value) -> Option<Refusal> {
    let message = line.get("message")?;
    let is_shown = line.read("isApiErrorMessage") == Some(true)
        && message
            .text("model")
            .is_none_or(|model| model == SYNTHETIC);
    if !is_shown {
        return None;
    }
    let is_transient = line.read("apiErrorIsTransient") == Some(true);
    let codes = ["apiErrorType", "apiError", "apiErrorCode"].map(|name| text(line, name));
    Some(Refusal {
        text: readable(text_of(message).unwrap_or_default()),
        class: text(line, "error"),
        codes: codes
            .into_iter()
            .flatten()
            .chain(is_transient.then(|| "transient".to_owned()))
            .collect(),
        status: line.read("apiErrorStatus"),
        claim: claim(line),
        version: text(line, "version"),
        ..Refusal::default()
    })
}

/// Returns the refusal of a request that Claude Code sends again by itself (2.1.332). Returns `None` if its text is missing,
/// or if the user hardly notices it, because no limit is named and the next attempt follows within
/// a minute.
pub(super) fn retried(line: &Value) -> Option<Refusal> {
    let error = line.at("error");
    let at: DateTime<Utc> = line.read("timestamp")?;
    let claim = claim(line);
    let wait = TimeDelta::try_milliseconds(line.read("retryInMs")?)?;
    if claim.is_none() && wait < SHORT_WAIT {
        return None;
    }
    Some(Refusal {
        text: text(error, "formatted")?,
        status: error.read("status"),
        claim,
        retry_at: at
            .checked_add_signed(wait)
            .filter(|at| is_in_supported_range(*at)),
        version: text(line, "version"),
        ..Refusal::default()
    })
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.text(key).map(readable)
}

/// Truncates a string and redacts its secrets to make it safe to store.
pub(crate) fn readable(text: &str) -> String {
    redact(start_of(text, TEXT_LIMIT))
}

/// Returns the server's statement about a refused request, wherever a line contains it.
pub(crate) fn claim(line: &Value) -> Option<ServerClaim> {
    let candidates = [
        line.at("quotaLimits"),
        line.at("apiErrorParams").at("rate_limit_info"),
        line.at("error").at("rateLimits"),
        line.at("rate_limit_info"),
    ];
    let limits = candidates
        .into_iter()
        .find(|limits| limits.is_object())?;
    Some(ServerClaim {
        limit: limits.text("rateLimitType").and_then(limit_named),
        resets_at: reset(limits),
        no_credits_because: text(limits, "overageDisabledReason"),
    })
}

/// Returns the limit with this name in the server's statements: a usage window, or the pool of usage credits.
fn limit_named(name: &str) -> Option<Kind> {
    match name {
        "overage" => Some(Kind::UsageCredits),
        _ => window_named(name),
    }
}

/// Returns the time at which a limit or a usage window resets.
pub(crate) fn reset(limits: &Value) -> Option<DateTime<Utc>> {
    limits
        .at("resetsAt")
        .as_f64()
        .and_then(reset_from_epoch_seconds)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error_with(content: &Value, more: &Value) -> Option<Refusal> {
        let mut line = json!({
            "isApiErrorMessage": true,
            "message": {"model": "<synthetic>", "content": content},
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            line[name] = value.clone();
        }
        shown(&line)
    }

    #[test]
    fn a_value_of_the_wrong_type_affects_only_its_own_field() {
        let content = json!([null, {"text": "a"}, {"text": "b"}]);
        let wrong = json!({"apiErrorStatus": "429", "quotaLimits": 7, "timestamp": 5});
        let expected = Refusal {
            text: "a".to_owned(),
            ..Refusal::default()
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
    fn a_line_of_another_model_is_no_error() {
        let text = json!("limit");
        for more in [
            json!({"isApiErrorMessage": false}),
            json!({"message": {"model": "claude-opus-5-5", "content": "limit"}}),
        ] {
            assert_eq!(error_with(&text, &more), None, "{more}");
        }
    }

    #[test]
    fn a_line_with_an_absurd_date_is_ignored() {
        for (year, is_read) in [("1800", false), ("2026", true)] {
            let line = json!({
                "type": "assistant", "isApiErrorMessage": true,
                "timestamp": format!("{year}-01-01T00:00:00Z"),
                "message": {"model": "<synthetic>", "content": "limit"},
            });
            let event = crate::transcript::limit_lines::event_in(line.to_string().as_bytes());
            assert_eq!(event.is_some(), is_read, "{year}");
        }
    }
}
