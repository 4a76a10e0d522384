//! Defines the kinds of limits, and the properties of each kind on which the diagnosis depends.

use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

pub(crate) use crate::lenient_json::parse_name;
use crate::time::{FIVE_HOURS, WEEK};

/// A usage window of a plan, which resets automatically.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The 5-hour window, which some versions call the session limit.
    FiveHour,
    /// The weekly window across all models.
    Weekly,
    /// The weekly window for Opus models.
    WeeklyOpus,
    /// The weekly window for Sonnet models.
    WeeklySonnet,
    /// The weekly window for Fable models.
    WeeklyFable,
}

/// The names of a usage window.
struct WindowNames {
    /// The server's name in `rateLimitType`.
    server: &'static str,
    /// The name to use in a sentence.
    limit: &'static str,
    /// The name to use in the status line.
    short: &'static str,
    /// The model family whose usage the window counts, or `None` if it counts all models.
    family: Option<&'static str>,
}

impl Window {
    pub(crate) const ALL: [Self; 5] = [
        Self::FiveHour,
        Self::Weekly,
        Self::WeeklyOpus,
        Self::WeeklySonnet,
        Self::WeeklyFable,
    ];

    fn names(self) -> WindowNames {
        let (server, limit, short, family) = match self {
            Self::FiveHour => ("five_hour", "5-hour limit", "5h", None),
            Self::Weekly => ("seven_day", "weekly limit", "week", None),
            Self::WeeklyOpus => (
                "seven_day_opus",
                "weekly Opus limit",
                "Opus week",
                Some("opus"),
            ),
            Self::WeeklySonnet => (
                "seven_day_sonnet",
                "weekly Sonnet limit",
                "Sonnet week",
                Some("sonnet"),
            ),
            Self::WeeklyFable => (
                "seven_day_overage_included",
                "weekly Fable limit",
                "Fable week",
                Some("fable"),
            ),
        };
        WindowNames {
            server,
            limit,
            short,
            family,
        }
    }

    /// Returns the window that the server names in `rateLimitType`, or `None` for `overage` and for unrecognized names.
    pub fn of_rate_limit_type(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|window| window.rate_limit_type() == name)
    }

    /// Returns the server's name for the window.
    pub(crate) fn rate_limit_type(self) -> &'static str {
        self.names().server
    }

    /// Returns the name that the status line uses.
    pub(crate) fn name(self) -> &'static str {
        self.names().short
    }

    /// Returns the time from the start of the window to its reset.
    pub(crate) fn length(self) -> TimeDelta {
        match self {
            Self::FiveHour => FIVE_HOURS,
            Self::Weekly | Self::WeeklyOpus | Self::WeeklySonnet | Self::WeeklyFable => WEEK,
        }
    }

    /// Returns the name of the window's limit, such as "5-hour limit".
    pub(crate) fn limit(self) -> &'static str {
        self.names().limit
    }

    /// Returns the name without the word "limit", such as "5-hour".
    pub(crate) fn short(self) -> &'static str {
        self.limit().trim_end_matches(" limit")
    }

    /// Returns true if the window counts the usage of a single model family. Claude Code rarely reports the usage of
    /// such windows.
    pub(crate) fn is_of_one_model(self) -> bool {
        self.family().is_some()
    }

    /// Returns the model family whose usage the window counts, such as "opus", or `None` if it counts all models.
    pub(crate) fn family(self) -> Option<&'static str> {
        self.names().family
    }
}

/// A kind of limit or error: the `limit` field of `explain --json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// The prepaid pool of usage credits (formerly called extra usage).
    UsageCredits,
    /// The monthly cap that users set on their own usage credits.
    OwnSpendCap,
    /// A cap that an admin set for this member or the member's group.
    MemberSpendCap,
    /// A cap that an organization set on its usage credits.
    OrgSpendCap,
    /// The seat does not include usage credits.
    SeatNoCredits,
    /// The model is available only with usage credits.
    ModelNeedsCredits,
    /// The Console's prepaid balance.
    ApiCreditBalance,
    /// A spend cap for an organization, a workspace, or a key that somebody set in the Console or at a gateway.
    ApiSpendCap,
    /// A payment that failed or lapsed.
    Billing,
    /// The 1M context is available only if usage credits are turned on.
    LongContextCredits,
    /// A temporary limit on the request rate, which is not a quota.
    Throttle,
    /// The service has no capacity at the moment.
    Overloaded,
    /// The service failed to process the request.
    ServerError,
    /// The login or key was rejected.
    Auth,
    /// The organization that the credential belongs to has been disabled.
    OrgDisabled,
    /// The organization does not allow Claude Code to be used with a subscription.
    SubscriptionAccess,
    /// The model does not exist or is not available to this account.
    ModelUnavailable,
    /// The request has more bytes than the service accepts.
    RequestTooLarge,
    /// The prompt has more tokens than the model accepts.
    PromptTooLong,
    /// An error that whycap does not recognize, or a usage window that the message does not name.
    #[default]
    Unknown,
    /// A usage window of the plan.
    #[serde(untagged)]
    Window(Window),
}

/// The quantity that a limit restricts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    /// Usage within one of the plan's windows.
    Included(Window),
    /// The plan's pool of usage credits.
    Credits,
    /// Usage credits, up to a cap that is lower than the pool.
    CreditsUpTo(Cap),
    /// Money spent at the Console or with another provider.
    ApiMoney(ApiLimit),
    /// A temporary condition of the service.
    Passing(Trouble),
    /// No quantity. The cause is a setting, an entitlement, or a size.
    Nothing,
}

/// A cap on usage credits, named after the party that sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cap {
    /// A cap that users set on their own usage credits.
    Own,
    /// A cap that an admin sets for a member or a group.
    Member,
    /// A cap that an admin sets for the whole organization.
    Organization,
    /// A seat type that includes no usage credits at all.
    SeatWithoutCredits,
}

/// A limit on the money that an API account can spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiLimit {
    /// The prepaid balance.
    Balance,
    /// A cap that an admin sets.
    Cap,
}

/// A condition that makes the service refuse requests for a few minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Throttled,
    Overloaded,
    Failed,
}

/// The predictable event that will end a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResetOf {
    /// The reset of this usage window.
    Window(Window),
    /// The reset of the usage window that is full, because the plan's included usage is available again after that.
    FullWindow,
    /// The date that the message gives for this limit.
    OwnDate,
    /// A pause of a few minutes.
    Pause,
    /// No event. The limit lasts until somebody acts.
    Nothing,
}

/// The session whose later response shows that a limit is over. It must be a session that the limit would also have
/// blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// A session of the same account, as long as the usage window is not full.
    AccountWithRoom,
    /// A session of the same account, as long as the usage window is full, because credits paid for the response.
    AccountBeyondWindow,
    /// A session of the same account or, for a key, another session with a key.
    SamePayer,
    /// A session with the same payer, if the same model responded.
    SamePayerAndModel,
    /// A session that may use the same service with the same priority. A session that is known to have a different
    /// payer does not count.
    SameService,
    /// Only the session itself.
    SameSession,
}

/// The properties of a kind of limit, which all five steps use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Description {
    /// The name in a table, such as "5-hour limit" or "org spend cap".
    pub(crate) label: &'static str,
    pub(crate) counts: Counts,
    /// The party that can raise or remove the limit before it ends on its own.
    pub(crate) raised_by: WhoCanFix,
    pub(crate) reset_of: ResetOf,
    /// True if the limit ends when a new calendar month begins.
    pub(crate) ends_with_month: bool,
    /// True if usage credits can pay for requests beyond the limit. This is also true of unknown limits, because they
    /// may be usage windows.
    pub(crate) credits_continue: bool,
}

impl Description {
    /// Returns the description of a limit on usage credits that the user can raise.
    const fn of_credits(label: &'static str, counts: Counts) -> Self {
        Self {
            label,
            counts,
            raised_by: WhoCanFix::You,
            reset_of: ResetOf::FullWindow,
            ends_with_month: false,
            credits_continue: false,
        }
    }

    /// Returns the description of a limit on the money that an API account can spend.
    const fn of_api(label: &'static str, counts: ApiLimit) -> Self {
        Self {
            label,
            counts: Counts::ApiMoney(counts),
            raised_by: WhoCanFix::You,
            reset_of: ResetOf::Nothing,
            ends_with_month: false,
            credits_continue: false,
        }
    }

    /// Returns the description of a temporary condition of the service.
    const fn of_service(label: &'static str, trouble: Trouble) -> Self {
        Self {
            label,
            counts: Counts::Passing(trouble),
            raised_by: WhoCanFix::Nobody,
            reset_of: ResetOf::Pause,
            ends_with_month: false,
            credits_continue: false,
        }
    }

    /// Returns the description of a cause that is not related to any quantity and that the user can fix.
    const fn of_cause(label: &'static str) -> Self {
        Self {
            label,
            counts: Counts::Nothing,
            raised_by: WhoCanFix::You,
            reset_of: ResetOf::Nothing,
            ends_with_month: false,
            credits_continue: false,
        }
    }
}

impl LimitKind {
    /// Returns the description of this kind. Each entry lists only the properties that differ from the defaults of its
    /// family.
    pub(crate) fn description(self) -> Description {
        match self {
            Self::Window(window) => Description {
                label: window.limit(),
                counts: Counts::Included(window),
                raised_by: WhoCanFix::Nobody,
                reset_of: ResetOf::Window(window),
                ends_with_month: false,
                credits_continue: true,
            },

            Self::UsageCredits => Description::of_credits("usage credits", Counts::Credits),
            Self::OwnSpendCap => Description {
                ends_with_month: true,
                ..Description::of_credits("your spend cap", Counts::CreditsUpTo(Cap::Own))
            },
            Self::MemberSpendCap => Description {
                raised_by: WhoCanFix::Admin,
                ends_with_month: true,
                ..Description::of_credits("member spend cap", Counts::CreditsUpTo(Cap::Member))
            },
            Self::OrgSpendCap => Description {
                raised_by: WhoCanFix::Admin,
                ends_with_month: true,
                ..Description::of_credits("org spend cap", Counts::CreditsUpTo(Cap::Organization))
            },
            Self::SeatNoCredits => Description {
                raised_by: WhoCanFix::Admin,
                ..Description::of_credits(
                    "seat without credits",
                    Counts::CreditsUpTo(Cap::SeatWithoutCredits),
                )
            },

            Self::ApiCreditBalance => Description::of_api("api credit balance", ApiLimit::Balance),
            Self::ApiSpendCap => Description {
                raised_by: WhoCanFix::Admin,
                reset_of: ResetOf::OwnDate,
                ends_with_month: true,
                ..Description::of_api("api spend cap", ApiLimit::Cap)
            },

            Self::Throttle => Description::of_service("rate limit", Trouble::Throttled),
            Self::Overloaded => Description::of_service("overloaded", Trouble::Overloaded),
            Self::ServerError => Description::of_service("server error", Trouble::Failed),

            Self::ModelNeedsCredits => Description::of_cause("model needs credits"),
            Self::LongContextCredits => Description::of_cause("1M context"),
            Self::Billing => Description::of_cause("billing"),
            Self::OrgDisabled => Description {
                raised_by: WhoCanFix::Anthropic,
                ..Description::of_cause("org disabled")
            },
            Self::SubscriptionAccess => Description {
                raised_by: WhoCanFix::Admin,
                ..Description::of_cause("subscription access")
            },
            Self::Auth => Description::of_cause("login"),
            Self::ModelUnavailable => Description::of_cause("model unavailable"),
            Self::RequestTooLarge => Description::of_cause("request too large"),
            Self::PromptTooLong => Description::of_cause("prompt too long"),

            Self::Unknown => Description {
                reset_of: ResetOf::OwnDate,
                credits_continue: true,
                ..Description::of_cause("unknown")
            },
        }
    }

    /// Returns the session whose later response shows that this limit is over. The table in docs/how-limits-end.md
    /// explains each case.
    pub(crate) fn ended_by(self) -> EndedBy {
        match self {
            Self::Window(Window::FiveHour | Window::Weekly) => EndedBy::AccountWithRoom,
            // Usage credits may have paid for another session's response, and the usage of these windows is rarely
            // known.
            Self::Window(Window::WeeklyOpus | Window::WeeklySonnet | Window::WeeklyFable) => {
                EndedBy::SameSession
            }
            Self::UsageCredits
            | Self::OwnSpendCap
            | Self::MemberSpendCap
            | Self::OrgSpendCap
            | Self::SeatNoCredits => EndedBy::AccountBeyondWindow,
            Self::ApiCreditBalance
            | Self::ApiSpendCap
            | Self::Billing
            | Self::Auth
            | Self::OrgDisabled
            | Self::SubscriptionAccess
            | Self::Throttle => EndedBy::SamePayer,
            Self::ModelNeedsCredits | Self::ModelUnavailable => EndedBy::SamePayerAndModel,
            Self::Overloaded | Self::ServerError => EndedBy::SameService,
            // A transcript does not show whether a response used the 1M context.
            Self::LongContextCredits
            | Self::RequestTooLarge
            | Self::PromptTooLong
            | Self::Unknown => EndedBy::SameSession,
        }
    }

    /// Returns the quantity that this limit restricts.
    pub(crate) fn counts(self) -> Counts {
        self.description().counts
    }

    /// Returns the service that usually reports this kind of limit, or `None` if several services do.
    pub(crate) fn service(self) -> Option<Service> {
        match self.counts() {
            Counts::Included(_) | Counts::Credits | Counts::CreditsUpTo(_) => Some(Service::Plan),
            Counts::ApiMoney(_) => Some(Service::Console),
            Counts::Passing(_) | Counts::Nothing => None,
        }
    }

    /// Returns the usage window, or `None` if this kind of limit is not a usage window.
    pub(crate) fn window(self) -> Option<Window> {
        if let Self::Window(window) = self {
            Some(window)
        } else {
            None
        }
    }

    /// Returns the name to show in a table row.
    pub(crate) fn label(self) -> String {
        self.description().label.to_owned()
    }

    /// Returns the name to show in a table row, given the name in JSON. A newer version of whycap may have written the
    /// JSON.
    pub(crate) fn label_of(name: &str) -> String {
        parse_name(name).map_or_else(|| name.replace('_', " "), Self::label)
    }

    /// Returns true if this is a condition of the service that ends on its own within minutes.
    pub(crate) fn is_passing(self) -> bool {
        matches!(self.counts(), Counts::Passing(_))
    }
}

impl From<Cap> for LimitKind {
    fn from(cap: Cap) -> Self {
        match cap {
            Cap::Own => Self::OwnSpendCap,
            Cap::Member => Self::MemberSpendCap,
            Cap::Organization => Self::OrgSpendCap,
            Cap::SeatWithoutCredits => Self::SeatNoCredits,
        }
    }
}

/// The verdict on a message: how well the evidence supports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The evidence agrees with the message.
    Real,
    /// The limit is real, but the message names the wrong one.
    Misworded,
    /// The evidence suggests that no limit was reached.
    FalseLikely,
    /// The limit belongs to a credential that the user did not intend to use.
    WrongCredential,
    /// The cause is a throttle, an outage, an entitlement, or a setting.
    NotALimit,
    /// The message is a warning or a notice. It does not stop any work.
    Notice,
    /// The message says that the limit has ended.
    Over,
    /// There is not enough evidence to decide.
    #[default]
    CannotTell,
}

/// The service that refused the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Anthropic, for a claude.ai plan.
    Plan,
    /// Anthropic, for a Console API key.
    Console,
    /// Amazon Bedrock.
    Bedrock,
    /// Google Cloud.
    Vertex,
    /// The service that `ANTHROPIC_BASE_URL` points to.
    Gateway,
    /// Another program.
    Other,
}

/// The party that can end the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhoCanFix {
    /// No party, because the problem goes away on its own.
    Nobody,
    /// The user.
    You,
    /// An administrator of the organization, the gateway, or the cloud account.
    Admin,
    /// Anthropic.
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
