//! Recognizes what the server itself reports about a limit, in the headers of a response or in an event of Claude Code.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use regex_lite::Regex;

use super::row::Row;
use super::{Kind, regex};

static STATUS: LazyLock<Regex> =
    LazyLock::new(|| regex(r"status\W{1,5}(rejected|allowed_warning)\b"));

static LIMIT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?:rate_?limit_?type|representative-claim)\W{1,5}(five_hour|seven_day_opus|seven_day_sonnet|seven_day_overage_included|seven_day|overage)\b",
    )
});

static RESET: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?:resets_?at|ratelimit-unified-reset)\W{1,5}(1\d{9})(?:\.\d+)?\b"));

/// The server's own report about a limit.
#[derive(Debug)]
pub(super) struct Claim {
    pub row: &'static Row,
    pub kind: Kind,
    pub resets_at: Option<DateTime<Utc>>,
}

/// Returns what the server reported, according to a text in lower case. Returns `None` if the text contains no such
/// report, or if the server only reported that there is room.
pub(super) fn find(text: &str) -> Option<Claim> {
    let status = STATUS.captures_iter(text).last()?;
    let limit = LIMIT.captures_iter(text).last()?;
    let (kind, row) = match &limit[1] {
        "five_hour" => (Kind::FiveHour, "five-hour"),
        "seven_day" => (Kind::Weekly, "weekly"),
        "seven_day_opus" => (Kind::WeeklyOpus, "weekly-opus"),
        "seven_day_sonnet" => (Kind::WeeklySonnet, "weekly-sonnet"),
        "seven_day_overage_included" => (Kind::WeeklyFable, "weekly-fable"),
        _ => (Kind::UsageCredits, "credits"),
    };
    let is_warning = &status[1] == "allowed_warning";
    Some(Claim {
        row: Row::by_id(if is_warning { "warning" } else { row }),
        kind,
        resets_at: RESET
            .captures_iter(text)
            .last()
            .and_then(|seconds| DateTime::from_timestamp(seconds[1].parse().ok()?, 0)),
    })
}
