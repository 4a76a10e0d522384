//! The words of the contract: what can stop the work, how sure we are, and who can change it.
//!
//! The name in JSON is the name here, in lower case with `_`.

use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

pub(crate) use crate::foreign::named;
use crate::time::{FIVE_HOURS, WEEK};

/// A usage window of a plan, which starts afresh by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// "Session limit", "5-hour limit".
    FiveHour,
    /// The weekly window over all models.
    Weekly,
    /// The weekly window for Opus models.
    WeeklyOpus,
    /// The weekly window for Sonnet models.
    WeeklySonnet,
    /// The weekly window for Fable models.
    WeeklyFable,
}

impl Window {
    pub(crate) const ALL: [Self; 5] = [
        Self::FiveHour,
        Self::Weekly,
        Self::WeeklyOpus,
        Self::WeeklySonnet,
        Self::WeeklyFable,
    ];

    /// The server's name for it in `rateLimitType`, what people call it, and its name in short.
    fn described(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::FiveHour => ("five_hour", "5-hour limit", "5h"),
            Self::Weekly => ("seven_day", "weekly limit", "week"),
            Self::WeeklyOpus => ("seven_day_opus", "weekly Opus limit", "Opus week"),
            Self::WeeklySonnet => ("seven_day_sonnet", "weekly Sonnet limit", "Sonnet week"),
            Self::WeeklyFable => (
                "seven_day_overage_included",
                "weekly Fable limit",
                "Fable week",
            ),
        }
    }

    /// The window that the server names in `rateLimitType`. None for `overage` and for names that
    /// are new.
    pub fn of_rate_limit_type(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|window| window.rate_limit_type() == name)
    }

    /// The server's name for it.
    pub(crate) fn rate_limit_type(self) -> &'static str {
        self.described().0
    }

    /// As `Windows::named` and the status line call it.
    pub(crate) fn name(self) -> &'static str {
        self.described().2
    }

    pub(crate) fn length(self) -> TimeDelta {
        match self {
            Self::FiveHour => FIVE_HOURS,
            _ => WEEK,
        }
    }

    /// What people call it.
    pub(crate) fn limit(self) -> &'static str {
        self.described().1
    }

    /// The same without "limit".
    pub(crate) fn short(self) -> &'static str {
        self.limit().trim_end_matches(" limit")
    }

    /// Whether it counts one family of models only. Claude Code mostly tells no meter for those.
    pub(crate) fn is_of_one_model(self) -> bool {
        self.family().is_some()
    }

    /// The family of models that it counts, if it counts one: "opus".
    pub(super) fn family(self) -> Option<String> {
        Some(self.short().strip_prefix("weekly ")?.to_lowercase())
    }
}

/// What stopped the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// The prepaid pool: usage credits, formerly extra usage.
    UsageCredits,
    /// The monthly cap that a person set on their own usage credits.
    OwnSpendCap,
    /// A cap that an admin set for this member or group.
    MemberSpendCap,
    /// The cap that an organization set on its usage credits.
    OrgSpendCap,
    /// The seat does not include usage credits.
    SeatNoCredits,
    /// The model is only served from usage credits.
    ModelNeedsCredits,
    /// The Console's prepaid balance.
    ApiCreditBalance,
    /// A cap set in the Console for an organization or a workspace.
    ApiSpendCap,
    /// A payment that failed or lapsed.
    Billing,
    /// The 1M context is only served with usage credits turned on.
    LongContextCredits,
    /// A short limit on the rate of requests; not a quota.
    Throttle,
    /// The service has no capacity at the moment.
    Overloaded,
    /// The service failed.
    ServerError,
    /// The login or the key was refused.
    Auth,
    /// The organization of the credential was disabled.
    OrgDisabled,
    /// The organization does not allow subscriptions in Claude Code.
    SubscriptionAccess,
    /// The model does not exist or is not open to this account.
    ModelUnavailable,
    /// More bytes than the service takes in one request.
    RequestTooLarge,
    /// More tokens than the model takes.
    PromptTooLong,
    /// Nothing that whycap knows, or a window that is not named.
    #[default]
    Unknown,
    /// A usage window of the plan, by its own name.
    #[serde(untagged)]
    Window(Window),
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    /// Use within a window of the plan.
    Included(Window),
    /// A plan's usage credits: the pool, or a cap on it, by the month.
    Credits,
    /// Money in the Console, by the month.
    ApiMoney,
    /// The service's state at this moment.
    Passing,
    /// Nothing: a setting, an entitlement, a size.
    Nothing,
}

impl LimitKind {
    /// What it counts.
    pub(crate) fn counts(self) -> Counts {
        match self {
            Self::Window(window) => Counts::Included(window),
            Self::UsageCredits
            | Self::OwnSpendCap
            | Self::MemberSpendCap
            | Self::OrgSpendCap
            | Self::SeatNoCredits => Counts::Credits,
            Self::ApiCreditBalance | Self::ApiSpendCap => Counts::ApiMoney,
            Self::Throttle | Self::Overloaded | Self::ServerError => Counts::Passing,
            _ => Counts::Nothing,
        }
    }

    /// Who mostly speaks of it. None where anybody can.
    pub(super) fn service(self) -> Option<Service> {
        match self.counts() {
            Counts::Included(_) | Counts::Credits => Some(Service::Plan),
            Counts::ApiMoney => Some(Service::Console),
            Counts::Passing | Counts::Nothing => None,
        }
    }

    pub(crate) fn window(self) -> Option<Window> {
        match self {
            Self::Window(window) => Some(window),
            _ => None,
        }
    }

    /// What a row of a table calls it: "5-hour limit", "org spend cap".
    pub(crate) fn label(self) -> String {
        match self {
            Self::Window(window) => window.limit().to_owned(),
            Self::Auth => "login".to_owned(),
            Self::Throttle => "rate limit".to_owned(),
            Self::SeatNoCredits => "no credits in the seat".to_owned(),
            Self::LongContextCredits => "1M context".to_owned(),
            other => other.to_string().replace('_', " "),
        }
    }

    /// The same by its name in JSON, which a newer whycap may have given.
    pub(crate) fn label_of(name: &str) -> String {
        named(name).map_or_else(|| name.replace('_', " "), Self::label)
    }

    /// Whether this is a passing state of the service.
    pub(crate) fn is_passing(self) -> bool {
        self.counts() == Counts::Passing
    }
}

/// What the evidence says about the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The evidence agrees with the message.
    Real,
    /// A real limit, but not the one that the message names.
    Misworded,
    /// The evidence speaks against any limit.
    FalseLikely,
    /// The limit of a credential that the user did not mean to use.
    WrongCredential,
    /// A throttle, an outage, an entitlement or a setting.
    NotALimit,
    /// A warning or news: nothing is stopped.
    Notice,
    /// The message says that the limit has ended.
    Over,
    /// The evidence does not suffice.
    #[default]
    CannotTell,
}

/// Who refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Anthropic, for a claude.ai plan.
    Plan,
    /// Anthropic, for an API key of the Console.
    Console,
    /// AWS.
    Bedrock,
    /// Google Cloud.
    Vertex,
    /// Whoever stands at `ANTHROPIC_BASE_URL`.
    Gateway,
    /// Another program.
    Other,
}

/// Who can change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// It passes by itself.
    Nobody,
    /// The user.
    You,
    /// Somebody who administers the organization.
    Admin,
    /// The maker of the service.
    Anthropic,
}

impl fmt::Display for LimitKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(out)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(out)
    }
}
