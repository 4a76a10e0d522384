//! The failed attempts of requests that Claude Code retries.
//!
//! Each failed attempt is a `system` line with the subtype `api_error`. With `claude -p`, version 2.1.331 writes these
//! lines as soon as an attempt fails. In interactive sessions, it does not write them at all, but versions 2.1.5 to
//! 2.1.136 did.

use chrono::{DateTime, TimeDelta, Utc};
use memchr::memmem;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lenient_json::LenientJson;
use crate::time::{Clock, format_duration};

/// The failed attempts of a single request so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FailedAttempts {
    /// The time of the first failed attempt.
    pub since: DateTime<Utc>,
    /// The time at which Claude Code will retry the request.
    pub next_at: DateTime<Utc>,
    /// The number of failed attempts.
    pub count: u64,
    /// The maximum number of attempts before Claude Code gives up, if known.
    pub most: Option<u64>,
    /// The distinct HTTP statuses, in order of first occurrence. The list is empty if the service could not be reached.
    pub statuses: Vec<u16>,
}

/// A failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FailedAttempt {
    pub(crate) at: DateTime<Utc>,
    /// The number of the attempt, starting at 1.
    pub(crate) number: u64,
    /// The maximum number of attempts before Claude Code gives up, if the line contains it.
    pub(crate) most: Option<u64>,
    /// The delay before the next attempt, in milliseconds.
    pub(crate) wait_ms: u64,
    /// The HTTP status, or `None` if there was no response.
    pub(crate) status: Option<u16>,
}

impl FailedAttempt {
    /// Parses a failed attempt from a transcript line. Returns `None` for other lines.
    pub(crate) fn in_line(line: &[u8]) -> Option<Self> {
        // Failed attempts are rare, and searching is much faster than parsing.
        memmem::find(line, b"\"api_error\"")?;
        let line: Value = serde_json::from_slice(line).ok()?;
        if line.at("type") != "system" || line.at("subtype") != "api_error" {
            return None;
        }
        let wait = line.at("retryInMs").as_f64().unwrap_or_default();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a pause is a few minutes at most, and its fraction of a millisecond does not matter"
        )]
        let wait_ms = wait.max(0.0) as u64;
        Some(Self {
            at: line.read("timestamp")?,
            number: line.read("retryAttempt")?,
            most: line.read("maxRetries"),
            wait_ms,
            status: line.at("error").read("status"),
        })
    }
}

impl FailedAttempts {
    /// Adds a failed attempt. The first attempt of a new request replaces the attempts of the previous request.
    pub(crate) fn add(attempts: &mut Option<Self>, attempt: FailedAttempt) {
        if attempt.number <= 1 {
            *attempts = None;
        }
        let known = attempts.get_or_insert_with(|| Self {
            since: attempt.at,
            ..Self::default()
        });
        let wait = i64::try_from(attempt.wait_ms).unwrap_or_default();
        known.next_at = TimeDelta::try_milliseconds(wait)
            .and_then(|wait| attempt.at.checked_add_signed(wait))
            .unwrap_or(attempt.at);
        known.count += 1;
        known.most = attempt.most.or(known.most);
        if let Some(status) = attempt.status
            && !known.statuses.contains(&status)
        {
            known.statuses.push(status);
        }
    }

    /// Returns true if any attempt failed with a server error. A rejected login that follows such an error is
    /// considered part of the same outage.
    pub(crate) fn has_server_error(&self) -> bool {
        self.statuses.iter().any(|status| *status >= 500)
    }

    /// Returns a phrase that describes how long Claude Code has been retrying and why.
    pub(crate) fn sentence(&self, clock: Clock) -> String {
        let attempt = match self.most {
            Some(most) => format!("attempt {} of {most}", self.count),
            None => format!("attempt {}", self.count),
        };
        format!(
            "retrying for {} ({}, {attempt})",
            format_duration(clock.now - self.since),
            self.reason()
        )
    }

    /// Returns a short description of the failures, such as "502 server error and 529 overloaded".
    pub(crate) fn reason(&self) -> String {
        let descriptions: Vec<String> =
            self.statuses.iter().copied().map(describe_status).collect();
        match descriptions.split_last() {
            None => "service unreachable".to_owned(),
            Some((only, [])) => only.clone(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
        }
    }
}

/// Returns an HTTP status with its meaning, such as "529 overloaded".
fn describe_status(status: u16) -> String {
    let meaning = match status {
        401 | 403 => " login refused",
        429 => " too many requests",
        529 => " overloaded",
        500.. => " server error",
        _ => "",
    };
    format!("{status}{meaning}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64, at: &str, status: u16) -> String {
        format!(
            r#"{{"type":"system","subtype":"api_error","error":{{"status":{status}}},"retryInMs":595.5,"retryAttempt":{number},"maxRetries":10,"timestamp":"{at}"}}"#
        )
    }

    #[test]
    fn the_attempts_of_one_request_are_added_up() {
        let mut attempts = None;
        for (number, at, status) in [
            (1, "2026-05-10T07:08:00.000Z", 529),
            (1, "2026-05-10T07:08:41.819Z", 502),
            (2, "2026-05-10T07:08:42.947Z", 401),
            (3, "2026-05-10T07:08:44.380Z", 401),
        ] {
            let attempt = FailedAttempt::in_line(line(number, at, status).as_bytes()).unwrap();
            FailedAttempts::add(&mut attempts, attempt);
        }
        let sums = attempts.unwrap();
        assert_eq!((sums.count, sums.most), (3, Some(10)));
        assert_eq!(sums.since.to_rfc3339(), "2026-05-10T07:08:41.819+00:00");
        assert_eq!(sums.next_at - sums.since, TimeDelta::milliseconds(3_156));
        assert_eq!(sums.statuses, [502, 401]);
        assert!(sums.has_server_error());
        assert_eq!(
            FailedAttempt::in_line(br#"{"type":"user","subtype":"api_error"}"#),
            None
        );
    }
}
