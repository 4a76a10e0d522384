//! Finds rate-limit response headers in text. Headers may be printed as `name: value`, as `name=value`, or with quotes.

use std::cmp::Reverse;

use chrono::{DateTime, TimeDelta, Utc};

use super::parse_reset;
use crate::limits::kind::{LimitKind, Window};

/// The quantities for which API organizations have rate limits.
const API_QUANTITIES: [&str; 4] = ["requests", "tokens", "input-tokens", "output-tokens"];

/// The prefix with which `LiteLLM` passes on the headers of a provider.
const LITELLM_PREFIX: &str = "llm_provider-";

/// The rate-limit information in response headers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Headers {
    /// True if the server refused the request.
    pub(super) is_refusal: bool,
    /// The limit that caused the refusal, if the headers specify it and its name is recognized.
    pub(super) limit: Option<LimitKind>,
    /// The reset time of the exhausted limit.
    pub(super) resets_at: Option<DateTime<Utc>>,
    /// The delay requested by the server.
    pub(super) retry_after: Option<TimeDelta>,
    /// True if the server says that a retry may succeed, or false if the server rules it out.
    pub(super) should_retry: Option<bool>,
    /// The original text that contains the status of the limit.
    pub(super) source: String,
}

impl Headers {
    /// Finds the rate-limit headers in the text.
    pub(super) fn find(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let status = unified(&lower, "status");
        // If several windows are full, the longest one counts.
        let mut windows = Window::ALL;
        windows.sort_by_key(|window| Reverse(window.length()));
        let refused_window = windows.into_iter().find_map(|window| {
            let status = window_header(&lower, window, "status")?;
            (status.text == "rejected").then_some((LimitKind::Window(window), status))
        });
        let is_refusal = match &status {
            Some(status) => status.text == "rejected",
            None => refused_window.is_some(),
        };
        let limit = match unified(&lower, "representative-claim") {
            _ if !is_refusal => None,
            Some(claim) => LimitKind::of_server(claim.text),
            None => refused_window.as_ref().map(|(limit, _)| *limit),
        };
        let resets_at = if is_refusal {
            limit
                .and_then(LimitKind::window)
                .and_then(|window| window_header(&lower, window, "reset"))
                .or_else(|| unified(&lower, "reset"))
        } else {
            exhausted_reset(&lower)
        };
        let decisive = status.or(refused_window.map(|(_, status)| status));
        let delay = value(&lower, "retry-after").or_else(|| value(&lower, "retry_after"));
        Self {
            source: match decisive {
                Some(status) if is_refusal => status.line_in(text).to_owned(),
                Some(_) | None => String::new(),
            },
            is_refusal,
            limit,
            resets_at: resets_at.and_then(|reset| parse_reset(reset.text)),
            retry_after: delay.and_then(|delay| super::delay("retry-after", delay.text)),
            should_retry: value(&lower, "x-should-retry")
                .and_then(|should_retry| should_retry.text.parse().ok()),
        }
    }
}

/// The value of a header and its position.
struct HeaderValue<'a> {
    text: &'a str,
    start: usize,
}

impl HeaderValue<'_> {
    /// Returns the line that contains the value.
    fn line_in<'t>(&self, text: &'t str) -> &'t str {
        let start = text
            .get(..self.start)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |end| end + 1);
        let rest = text.get(start..).unwrap_or_default();
        rest.lines().next().unwrap_or_default()
    }
}

/// Returns the value of a header for a usage window. The header's name contains an abbreviation of the window's name,
/// as in `7d_opus-status`.
fn window_header<'a>(text: &'a str, window: Window, name: &str) -> Option<HeaderValue<'a>> {
    let abbreviation = window
        .rate_limit_type()
        .to_string()
        .replace("seven_day", "7d")
        .replace("five_hour", "5h");
    unified(text, &format!("{abbreviation}-{name}"))
}

/// Returns the value of a usage-window header, given the last part of its name.
fn unified<'a>(text: &'a str, name: &str) -> Option<HeaderValue<'a>> {
    value(text, &format!("anthropic-ratelimit-unified-{name}"))
}

/// Returns the value of the last header with this name, which may follow [`LITELLM_PREFIX`]. Mentions of the header in
/// prose or code are ignored.
fn value<'a>(text: &'a str, name: &str) -> Option<HeaderValue<'a>> {
    text.rmatch_indices(name).find_map(|(position, _)| {
        let before = text.get(..position)?;
        let without_prefix = before.strip_suffix(LITELLM_PREFIX).unwrap_or(before);
        if without_prefix.ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_') {
            return None;
        }
        let rest = text.get(position + name.len()..)?;
        let behind_name = rest.trim_start_matches(['"', '\'', '\\']).trim_start();
        let behind_sign = behind_name.strip_prefix([':', '='])?;
        let quoted = behind_sign.trim_start_matches([' ', '"', '\'', '\\', '[']);
        let end = quoted.find(|c: char| c.is_whitespace() || ",;\"'\\]})".contains(c));
        let text_of_value = quoted.get(..end.unwrap_or(quoted.len()))?;
        (!text_of_value.is_empty()).then_some(HeaderValue {
            text: text_of_value,
            start: text.len() - quoted.len(),
        })
    })
}

/// Returns the reset time of an exhausted API rate limit.
fn exhausted_reset(text: &str) -> Option<HeaderValue<'_>> {
    API_QUANTITIES.iter().find_map(|quantity| {
        let remaining = value(text, &format!("anthropic-ratelimit-{quantity}-remaining"))?;
        if remaining.text != "0" {
            return None;
        }
        value(text, &format!("anthropic-ratelimit-{quantity}-reset"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn headers_are_parsed_in_every_form() {
        for text in [
            "anthropic-ratelimit-unified-5h-status: rejected\nanthropic-ratelimit-unified-5h-reset: 1795190400",
            "anthropic-ratelimit-unified-5h-status=rejected anthropic-ratelimit-unified-reset=1795190400",
            r#"{"anthropic-ratelimit-unified-status":"rejected","anthropic-ratelimit-unified-representative-claim":"five_hour","anthropic-ratelimit-unified-reset":"1795190400"}"#,
            "'Anthropic-RateLimit-Unified-5h-Status': 'rejected', 'Anthropic-RateLimit-Unified-Reset': '1795190400'",
        ] {
            let headers = Headers::find(text);
            assert!(headers.is_refusal, "{text}");
            assert_eq!(
                headers.limit,
                Some(LimitKind::Window(Window::FiveHour)),
                "{text}"
            );
            assert_eq!(
                headers.resets_at,
                Some(at("2026-11-20T16:00:00Z")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_refusal_without_a_limit_is_kept_apart_from_no_refusal() {
        let headers = Headers::find("anthropic-ratelimit-unified-status: rejected");
        assert!(headers.is_refusal);
        assert_eq!(headers.limit, None);
        let headers = Headers::find("anthropic-ratelimit-unified-status: allowed");
        assert!(!headers.is_refusal);
    }

    #[test]
    fn the_last_response_counts() {
        let text =
            "retry-after: 5\nx-should-retry: true\n\nretry-after: 120\nx-should-retry: false";
        let headers = Headers::find(text);
        assert_eq!(headers.retry_after, Some(TimeDelta::seconds(120)));
        assert_eq!(headers.should_retry, Some(false));
        assert!(!headers.is_refusal);
    }

    #[test]
    fn an_exhausted_api_rate_limit_gives_its_reset() {
        let text = "anthropic-ratelimit-requests-remaining: 12\nanthropic-ratelimit-requests-reset: 2026-11-20T12:01:00Z\n\
            anthropic-ratelimit-input-tokens-remaining: 0\nanthropic-ratelimit-input-tokens-reset: 2026-11-20T12:00:40Z";
        let resets_at = Headers::find(text).resets_at;
        assert_eq!(resets_at, Some(at("2026-11-20T12:00:40Z")));
    }

    #[test]
    fn prose_and_code_are_not_headers() {
        for text in [
            "",
            "the headers anthropic-ratelimit-unified-status and retry-after",
            "if (headers['anthropic-ratelimit-unified-status'] === 'rejected')",
            "headers.get(\"retry-after\")",
            "retry-after:",
            "anthropic-ratelimit-unified-5h-status: allowed",
        ] {
            assert_eq!(Headers::find(text), Headers::default(), "{text}");
        }
    }
}
