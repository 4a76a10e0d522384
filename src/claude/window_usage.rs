//! The usage windows that Claude Code reports, and the latest contents of `/usage`.
//!
//! Claude Code caches the contents of `/usage` in its global state, in the undocumented field `cachedUsageUtilization`
//! (observed with 2.1.328 to 2.1.330 and a mock of the endpoint). They are supposed to be at most an hour old, but
//! users have reported contents that were 12 days old (issue 93107) or stuck at 100% (issue 73770). whycap therefore
//! always shows their age and never treats them as evidence.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::status_payload::StatusPayload;
use crate::json::LenientJson;
use crate::limits::{Credits, Kind, Measure, USED_UP};
use crate::pricing::Money;
use crate::terminal::percent_text;
use crate::time::{FIVE_HOURS, WEEK, is_in_supported_range, reset_from_epoch_seconds};
use crate::transcript::owner::Owner;

/// The maximum difference between two reset times of the same window. The server rounds reset times, and messages
/// contain them only to the minute.
const MAX_RESET_DIFFERENCE: TimeDelta = TimeDelta::minutes(2);

/// Returns true if two reset times belong to the same window. They may come from different sources.
pub(crate) fn is_same_reset(reset: DateTime<Utc>, other: DateTime<Utc>) -> bool {
    (reset - other).abs() <= MAX_RESET_DIFFERENCE
}

/// Rounds a percentage to the whole number that is displayed. The result is 100 only if the window is full.
pub(crate) fn rounded_level(level: f64) -> f64 {
    let highest = if level < USED_UP { 99.0 } else { f64::INFINITY };
    level.round().min(highest)
}

/// Returns true if a window has reset since its usage was measured.
pub(crate) fn has_reset(resets_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    resets_at.is_some_and(|at| at <= now)
}

/// Returns the present percentage of a window that was measured earlier. After the window's reset, it is zero, even if
/// Claude Code has not reported the reset yet.
pub(crate) fn level_at(now: DateTime<Utc>, percent: f64, resets_at: Option<DateTime<Utc>>) -> f64 {
    if has_reset(resets_at, now) {
        0.0
    } else {
        percent
    }
}

/// A gateway's spend limit, and how much of it has been used. If there are several, this is the one that is closest to
/// being reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpendLimitUsage {
    /// The percentage used.
    pub percent: f64,
    /// The end of the period.
    pub resets_at: Option<DateTime<Utc>>,
    /// The amount spent so far, according to the gateway.
    pub used: Option<Money>,
    /// The amount of the limit.
    pub limit: Option<Money>,
    /// The period that the limit covers.
    pub period: Option<SpendPeriod>,
}

/// The period of a spend limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpendPeriod {
    /// A day.
    Daily,
    /// A week.
    Weekly,
    /// A month.
    Monthly,
}

impl SpendLimitUsage {
    /// Returns the display name.
    pub(crate) fn name(&self) -> &'static str {
        match self.period {
            Some(SpendPeriod::Daily) => "daily spend",
            Some(SpendPeriod::Weekly) => "weekly spend",
            Some(SpendPeriod::Monthly) => "monthly spend",
            None => "spend limit",
        }
    }
}

/// The usage windows of an account at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowFigures {
    /// The time at which Claude Code reported them.
    pub at: DateTime<Utc>,
    /// The usage of each window that is known.
    pub measures: Vec<Measure>,
    /// A gateway's spend limit.
    pub spend_limit: Option<SpendLimitUsage>,
}

impl WindowFigures {
    /// Returns the figures in a status-line call, or `None` if it has none.
    pub fn of_payload(payload: &StatusPayload, now: DateTime<Utc>) -> Option<Self> {
        if payload.windows.is_empty() && payload.spend_limit.is_none() {
            return None;
        }
        Some(Self {
            at: now,
            measures: payload.windows.clone(),
            spend_limit: payload.spend_limit,
        })
    }

    /// Returns the usage of a window, or `None` if it is unknown.
    pub(crate) fn usage(&self, window: Kind) -> Option<&Measure> {
        self.measures.iter().find(|it| it.window == window)
    }
}

/// Returns the display name of a usage window, such as "5h" or "Opus week".
pub(crate) fn window_label(window: Kind) -> &'static str {
    match window {
        Kind::FiveHour => "5h",
        Kind::WeeklyOpus => "Opus week",
        Kind::WeeklySonnet => "Sonnet week",
        Kind::WeeklyFable => "Fable week",
        _ => "week",
    }
}

/// Returns the length of a usage window.
pub(crate) fn window_length(window: Kind) -> TimeDelta {
    match window {
        Kind::FiveHour => FIVE_HOURS,
        _ => WEEK,
    }
}

/// The age at which Claude Code requests the contents of `/usage` again.
pub(crate) const USAGE_CACHED_FOR: TimeDelta = TimeDelta::hours(1);

/// The cached contents of `/usage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsagePage {
    /// The time when Claude Code requested the contents.
    pub at: DateTime<Utc>,
    /// The windows whose percentage is known.
    pub windows: Vec<UsagePageWindow>,
    /// The usage credits, if the plan has them.
    pub credits: Option<Credits>,
    /// The account that the contents belong to.
    #[serde(skip)]
    owner: Owner,
}

/// A usage window in `/usage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsagePageWindow {
    /// The server's name for the window.
    pub name: String,
    /// The model, if the window applies to a single model.
    pub model: Option<String>,
    /// The percentage used.
    pub percent: f64,
    /// The time when the window resets.
    pub resets_at: Option<DateTime<Utc>>,
}

/// The server's names for the windows, with the model that each one applies to.
const WINDOWS: [(&str, Option<&str>); 4] = [
    ("five_hour", None),
    ("seven_day", None),
    ("seven_day_opus", Some("Opus")),
    ("seven_day_sonnet", Some("Sonnet")),
];
/// The currencies that have no cents.
const WITHOUT_CENTS: [&str; 6] = ["CLP", "ISK", "JPY", "KRW", "PYG", "VND"];

impl UsagePage {
    /// Parses `cachedUsageUtilization`. Returns `None` if it contains neither windows nor credits.
    pub(crate) fn parse(cached: &Value) -> Option<Self> {
        let at = reset_from_epoch_seconds(cached.at("fetchedAtMs").as_f64()? / 1_000.0)?;
        let page = cached.at("utilization");
        let mut windows: Vec<UsagePageWindow> = WINDOWS
            .into_iter()
            .filter_map(|(name, model)| {
                UsagePageWindow::new(name, model, "utilization", page.at(name))
            })
            .collect();
        for limit in page.at("limits").as_array().into_iter().flatten() {
            let model = limit
                .at("scope")
                .at("model")
                .at("display_name")
                .as_str();
            if let (Some(kind), Some(model)) = (limit.at("kind").as_str(), model) {
                windows.extend(UsagePageWindow::new(kind, Some(model), "percent", limit));
            }
        }
        let credits = Credits::parse(page.at("extra_usage"));
        if windows.is_empty() && credits.is_none() {
            return None;
        }
        Some(Self {
            at,
            windows,
            credits,
            owner: Owner::from_ids(cached.at("accountUuid").as_str(), None),
        })
    }

    /// Returns true unless the contents are known to belong to a different account.
    pub(crate) fn is_of(&self, account: &Owner) -> bool {
        self.owner.is_same_as(account) != Some(false)
    }

    /// Returns a summary of what only `/usage` shows: the windows for individual models, and the credits. Returns
    /// `None` if there is neither.
    pub(crate) fn summary(&self) -> Option<String> {
        let mut parts = Vec::new();
        for window in &self.windows {
            if let Some(model) = &window.model {
                parts.push(format!("{model} week {}", percent_text(window.percent)));
            }
        }
        parts.extend(self.credits.as_ref().and_then(Credits::summary));
        if parts.is_empty() {
            None
        } else {
            Some(parts.join(", "))
        }
    }
}

impl UsagePageWindow {
    /// Parses a window, taking the percentage from the field `percent_field`. Returns `None` if that field is missing.
    fn new(name: &str, model: Option<&str>, percent_field: &str, window: &Value) -> Option<Self> {
        Some(Self {
            name: name.to_owned(),
            model: model.map(str::to_owned),
            percent: window.at(percent_field).as_f64()?,
            resets_at: window
                .read("resets_at")
                .filter(|at| is_in_supported_range(*at)),
        })
    }
}

impl Credits {
    /// Parses `extra_usage`. Returns `None` if it does not state whether usage credits are turned on.
    fn parse(credits: &Value) -> Option<Self> {
        let currency = credits
            .at("currency")
            .as_str()
            .map(str::to_uppercase);
        // Amounts are in the currency's smallest unit. For example, Claude Code 2.1.330 shows 5000 as $50.00.
        let units = match &currency {
            Some(currency) if WITHOUT_CENTS.contains(&currency.as_str()) => 1.0,
            _ => 100.0,
        };
        Some(Self {
            enabled: Some(credits.at("is_enabled").as_bool()?),
            used: credits
                .at("used_credits")
                .as_f64()
                .map(|used| used / units),
            limit: credits
                .at("monthly_limit")
                .as_f64()
                .map(|limit| limit / units),
            disabled_reason: credits.read("disabled_reason"),
            currency,
        })
    }

    /// Formats an amount in the currency of the usage credits.
    pub(crate) fn show(&self, amount: f64) -> String {
        match self.currency.as_deref() {
            None | Some("USD") => format!("${amount:.2}"),
            Some(currency) => format!("{amount:.2} {currency}"),
        }
    }

    /// Returns the amount used and the limit, or `None` if usage credits are turned off or the amount is unknown.
    fn summary(&self) -> Option<String> {
        if self.enabled != Some(true) {
            return None;
        }
        let used = self.show(self.used?);
        Some(match self.limit {
            Some(limit) => format!("usage credits {used} of {} used", self.show(limit)),
            None => format!("usage credits {used} used"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn known_windows_are_read_and_unknown_windows_are_omitted() {
        let shown = UsagePage::parse(&json!({
            "fetchedAtMs": 1_795_168_800_000_i64, "accountUuid": "a",
            "utilization": {
                "five_hour": {"utilization": 42.0, "resets_at": "2026-11-20T12:00:00Z"},
                "seven_day": {"utilization": null, "resets_at": null}, "seven_day_opus": null,
                "cinder_cove": {"utilization": 5.0, "label": "x"},
                "limits": [
                    {"kind": "weekly_scoped", "group": "weekly", "percent": 63, "resets_at": null,
                     "scope": {"model": {"display_name": "Fable"}}},
                    {"kind": "session", "group": "session", "percent": 42, "scope": null}, 7,
                ],
                "extra_usage": {"is_enabled": true, "monthly_limit": 5000, "used_credits": 1234.0,
                                "utilization": 24.68, "currency": "usd", "disabled_reason": null},
            },
        }))
        .unwrap();
        let names: Vec<&str> = shown
            .windows
            .iter()
            .map(|window| window.name.as_str())
            .collect();
        assert_eq!(names, ["five_hour", "weekly_scoped"]);
        let words = shown.summary().unwrap();
        assert_eq!(words, "Fable week 63%, usage credits $12.34 of $50.00 used");
        assert!(shown.is_of(&Owner::from_ids(Some("a"), Some("o"))));
        assert!(!shown.is_of(&Owner::from_ids(Some("b"), None)));
        for broken in [
            json!(null),
            json!({}),
            json!({"fetchedAtMs": 1e300, "utilization": {}}),
            json!([1]),
        ] {
            assert_eq!(UsagePage::parse(&broken), None);
        }
    }
}
