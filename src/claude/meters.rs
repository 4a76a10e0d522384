//! The meters of a plan's windows, as Claude Code tells them; and what `/usage` showed last, which it
//! keeps in its global state (`cachedUsageUtilization`, filled by 2.1.328 to 2.1.330 from a mock of
//! the endpoint), documents nowhere, and believes for an hour.
//!
//! That was seen wrong or old in public: 12 days (issue 93107), a constant 100 (73770). So it is
//! always told with its age, and proves nothing.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::foreign::Foreign;
use crate::pricing::Money;
use crate::time::{is_reckonable, plausible_epoch};
use crate::transcript::owner::Owner;

/// A window is used up from here on; below, the server rounds.
pub(crate) const USED_UP: f64 = 100.0;
/// The server rounds: resets that differ by no more are the same one.
const SAME_RESET: TimeDelta = TimeDelta::minutes(1);

/// How far one usage window is used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Meter {
    /// Share used, 0 to 100; the server may report a little more.
    pub used_percent: f64,
    /// When the window starts afresh.
    pub resets_at: Option<DateTime<Utc>>,
}

impl Meter {
    pub(crate) fn is_used_up(&self) -> bool {
        self.used_percent >= USED_UP
    }

    pub(crate) fn has_reset(&self, now: DateTime<Utc>) -> bool {
        self.resets_at.is_some_and(|at| at <= now)
    }

    /// Whether two figures are of one run of a window.
    pub(crate) fn is_of_run(&self, other: &Self) -> bool {
        match (self.resets_at, other.resets_at) {
            (Some(one), Some(other)) => (one - other).abs() <= SAME_RESET,
            (one, other) => one == other,
        }
    }

    /// Whether the window came to another whole percent since, or began anew.
    pub(crate) fn is_step_from(&self, known: &Self) -> bool {
        #[expect(clippy::float_cmp, reason = "whole numbers")]
        let other_percent = known.used_percent.floor() != self.used_percent.floor();
        other_percent || !self.is_of_run(known)
    }
}

/// Meters that few are told of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OtherMeters {
    /// The weekly window for Opus models. Of the windows of single models clients up to 2.1.329
    /// tell none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opus: Option<Meter>,
    /// The weekly window for Sonnet models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sonnet: Option<Meter>,
    /// The weekly window for Fable models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fable: Option<Meter>,
    /// Behind a Claude gateway, the fullest of the user's limits there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spend_limit: Option<SpendMeter>,
}

/// How far a limit in dollars is used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SpendMeter {
    /// Share used, and when the period is over.
    #[serde(flatten)]
    pub meter: Meter,
    /// Spent so far, by the gateway's count.
    pub used: Option<Money>,
    /// The limit.
    pub limit: Option<Money>,
    /// What the limit covers.
    pub period: Option<SpendPeriod>,
}

/// What a limit in dollars covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpendPeriod {
    /// One day.
    Daily,
    /// One week.
    Weekly,
    /// One month.
    Monthly,
}

impl OtherMeters {
    /// Whether none is told.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl SpendMeter {
    /// Its name as people read it.
    pub(crate) fn name(&self) -> &'static str {
        match self.period {
            Some(SpendPeriod::Daily) => "daily spend",
            Some(SpendPeriod::Weekly) => "weekly spend",
            Some(SpendPeriod::Monthly) => "monthly spend",
            None => "spend limit",
        }
    }
}

/// Claude Code itself asks again after this.
pub(crate) const BELIEVED_FOR: TimeDelta = TimeDelta::hours(1);

/// The page as it was shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownUsage {
    /// When it was fetched.
    pub at: DateTime<Utc>,
    /// The windows that the page had figures for.
    pub windows: Vec<ShownWindow>,
    /// Usage credits, where the plan has them.
    pub credits: Option<ShownCredits>,
    /// Whose figures these are.
    #[serde(skip)]
    owner: Owner,
}

/// A window of the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownWindow {
    /// The server's name.
    pub name: String,
    /// The model that it counts, if it counts one.
    pub model: Option<String>,
    /// Share used, 0 to 100.
    pub percent: f64,
    /// When it starts afresh.
    pub resets_at: Option<DateTime<Utc>>,
}

/// Usage credits of the billing period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownCredits {
    /// Whether they are turned on.
    pub enabled: bool,
    /// Used so far, in `currency`.
    pub used: Option<f64>,
    /// The monthly cap, in `currency`.
    pub limit: Option<f64>,
    /// "USD".
    pub currency: Option<String>,
    /// Why they are not served, in the server's word.
    pub disabled_reason: Option<String>,
}

/// Windows by the server's names, with the model that they count.
const WINDOWS: [(&str, Option<&str>); 4] = [
    ("five_hour", None),
    ("seven_day", None),
    ("seven_day_opus", Some("Opus")),
    ("seven_day_sonnet", Some("Sonnet")),
];
/// Currencies without cents.
const WITHOUT_CENTS: [&str; 6] = ["CLP", "ISK", "JPY", "KRW", "PYG", "VND"];

impl ShownUsage {
    /// Reads `cachedUsageUtilization`. None if it is not one, or says nothing that is known.
    pub(crate) fn parse(cached: &Value) -> Option<Self> {
        let at = plausible_epoch(cached.at("fetchedAtMs").as_f64()? / 1_000.0)?;
        let page = cached.at("utilization");
        let named = WINDOWS.into_iter().filter_map(|(name, model)| {
            ShownWindow::new(name, model, "utilization", page.at(name))
        });
        let limits = page.at("limits").as_array().into_iter().flatten();
        let of_models = limits.filter_map(|limit| {
            let model = limit.at("scope").at("model").at("display_name").as_str()?;
            ShownWindow::new(limit.at("kind").as_str()?, Some(model), "percent", limit)
        });
        let shown = Self {
            at,
            windows: named.chain(of_models).collect(),
            credits: ShownCredits::parse(page.at("extra_usage")),
            owner: Owner::from_ids(cached.at("accountUuid").as_str(), None),
        };
        (!shown.windows.is_empty() || shown.credits.is_some()).then_some(shown)
    }

    /// Whether it can be this account's.
    pub(crate) fn is_of(&self, account: &Owner) -> bool {
        self.owner.is(account) != Some(false)
    }

    /// What no other witness tells: the weeks of single models and the credits, in a few words. None
    /// if it has neither.
    pub(crate) fn in_words(&self) -> Option<String> {
        let of_model = |window: &ShownWindow| {
            let model = window.model.as_deref()?;
            Some(format!("{model} week {:.0}%", window.percent))
        };
        let windows = self.windows.iter().filter_map(of_model);
        let credits = self.credits.iter().filter_map(ShownCredits::in_words);
        let words: Vec<String> = windows.chain(credits).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

impl ShownWindow {
    fn new(name: &str, model: Option<&str>, percent: &str, window: &Value) -> Option<Self> {
        Some(Self {
            name: name.to_owned(),
            model: model.map(str::to_owned),
            percent: window.at(percent).as_f64()?,
            resets_at: window.read("resets_at").filter(|at| is_reckonable(*at)),
        })
    }
}

impl ShownCredits {
    fn parse(credits: &Value) -> Option<Self> {
        let currency: Option<String> = credits.read("currency");
        let currency = currency.map(|currency| currency.to_uppercase());
        // Amounts are in the currency's smallest unit: 5000 was $50.00 on the client's own page (2.1.330).
        let has_cents = !WITHOUT_CENTS.contains(&currency.as_deref().unwrap_or_default());
        let units = if has_cents { 100.0 } else { 1.0 };
        let amount = |name: &str| credits.at(name).as_f64().map(|amount| amount / units);
        Some(Self {
            enabled: credits.at("is_enabled").as_bool()?,
            used: amount("used_credits"),
            limit: amount("monthly_limit"),
            disabled_reason: credits.read("disabled_reason"),
            currency,
        })
    }

    /// An amount in their currency.
    pub(crate) fn show(&self, amount: f64) -> String {
        match self.currency.as_deref() {
            None | Some("USD") => format!("${amount:.2}"),
            Some(currency) => format!("{amount:.2} {currency}"),
        }
    }

    fn in_words(&self) -> Option<String> {
        let used = self.show(self.used.filter(|_| self.enabled)?);
        let limit = self.limit.map(|limit| format!(" of {}", self.show(limit)));
        let limit = limit.unwrap_or_default();
        Some(format!("usage credits {used}{limit} used"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_is_read_and_what_is_new_to_us_is_left_out() {
        let shown = ShownUsage::parse(&json!({
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
        let words = shown.in_words().unwrap();
        assert_eq!(words, "Fable week 63%, usage credits $12.34 of $50.00 used");
        assert!(shown.is_of(&Owner::from_ids(Some("a"), Some("o"))));
        assert!(!shown.is_of(&Owner::from_ids(Some("b"), None)));
        for broken in [
            json!(null),
            json!({}),
            json!({"fetchedAtMs": 1e300, "utilization": {}}),
            json!([1]),
        ] {
            assert_eq!(ShownUsage::parse(&broken), None);
        }
    }
}
