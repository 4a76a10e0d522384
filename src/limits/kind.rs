//! Defines the kinds of limits and their properties.

use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

pub(crate) use crate::lenient_json::parse_name;
use crate::time::{FIVE_HOURS, WEEK};

/// A usage window in a subscription plan. It resets automatically.
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
    /// The name that the server uses in `rateLimitType`.
    server: &'static str,
    /// The name for use in a sentence.
    limit: &'static str,
    /// The name for use in the status line.
    short: &'static str,
    /// The model family that the window applies to, or `None` if it applies to all models.
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

    /// Looks up a window by the server's `rateLimitType`. Returns `None` for `overage` and for unrecognized names.
    pub fn of_rate_limit_type(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|window| window.rate_limit_type() == name)
    }

    /// Returns the server's name for this window.
    pub(crate) fn rate_limit_type(self) -> &'static str {
        self.names().server
    }

    /// Returns the short name that the status line displays.
    pub(crate) fn name(self) -> &'static str {
        self.names().short
    }

    /// Returns the length of the window.
    pub(crate) fn length(self) -> TimeDelta {
        match self {
            Self::FiveHour => FIVE_HOURS,
            Self::Weekly | Self::WeeklyOpus | Self::WeeklySonnet | Self::WeeklyFable => WEEK,
        }
    }

    /// Returns the name of this window's limit, such as "5-hour limit".
    pub(crate) fn limit(self) -> &'static str {
        self.names().limit
    }

    /// Returns the name without the word "limit", such as "5-hour".
    pub(crate) fn short(self) -> &'static str {
        self.limit().trim_end_matches(" limit")
    }

    /// Returns true if the window applies to a single model family. Claude Code rarely reports usage for these windows.
    pub(crate) fn is_of_one_model(self) -> bool {
        self.family().is_some()
    }

    /// Returns the model family that the window applies to, such as "opus", or `None` if it applies to all models.
    pub(crate) fn family(self) -> Option<&'static str> {
        self.names().family
    }
}

/// A kind of limit or error, reported as the `limit` field of `explain --json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// The prepaid pool of usage credits (formerly called extra usage).
    UsageCredits,
    /// The monthly spend cap that users set for themselves.
    OwnSpendCap,
    /// A spend cap that an admin set for a member or for the member's group.
    MemberSpendCap,
    /// A spend cap that an organization set on its usage credits.
    OrgSpendCap,
    /// A seat that does not include usage credits.
    SeatNoCredits,
    /// A model that is available only with usage credits.
    ModelNeedsCredits,
    /// The prepaid credit balance in the Console.
    ApiCreditBalance,
    /// A spend cap for an organization, workspace, or key, set in the Console or at a gateway.
    ApiSpendCap,
    /// A payment that failed or lapsed.
    Billing,
    /// The 1M context window, which is available only if usage credits are turned on.
    LongContextCredits,
    /// A temporary rate limit that is unrelated to any quota.
    Throttle,
    /// The service is temporarily out of capacity.
    Overloaded,
    /// The service failed to process the request.
    ServerError,
    /// The login or key was rejected.
    Auth,
    /// The organization that owns the credential has been disabled.
    OrgDisabled,
    /// The organization does not allow subscriptions in Claude Code.
    SubscriptionAccess,
    /// The model does not exist or is not available to this account.
    ModelUnavailable,
    /// The request is larger in bytes than the service accepts.
    RequestTooLarge,
    /// The prompt has more tokens than the model accepts.
    PromptTooLong,
    /// An unrecognized error, or a usage window that the message does not specify.
    #[default]
    Unknown,
    /// A usage window of the subscription plan.
    #[serde(untagged)]
    Window(Window),
}

/// The resource that a limit restricts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitedResource {
    /// Usage within one of the plan's windows.
    Included(Window),
    /// The plan's pool of usage credits.
    Credits,
    /// Usage credits, up to a cap that is lower than the available balance.
    CreditsUpTo(Cap),
    /// Money spent through the Console or another provider.
    ApiMoney(ApiLimit),
    /// A temporary problem with the service.
    TemporaryProblem(ServiceProblem),
    /// No resource, because the cause is a setting, an entitlement, or the size of the request.
    Nothing,
}

/// A cap on usage credits, classified by who sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cap {
    /// A cap that users set for themselves.
    Own,
    /// A cap that an admin sets for a member or a group.
    Member,
    /// A cap that an admin sets for the whole organization.
    Organization,
    /// A seat type that includes no usage credits at all.
    SeatWithoutCredits,
}

/// A limit on how much an API account can spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiLimit {
    /// The prepaid balance.
    Balance,
    /// A cap that an admin sets.
    Cap,
}

/// A service problem that causes requests to fail for a few minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceProblem {
    Throttled,
    Overloaded,
    Failed,
}

/// The event that will end a limit, if it can be predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResetOf {
    /// The reset of a specific usage window.
    Window(Window),
    /// The reset of whichever usage window is full, because the plan's included usage is available again afterward.
    FullWindow,
    /// The date given in the error message.
    OwnDate,
    /// A pause of a few minutes.
    Pause,
    /// No event. The limit lasts until someone takes action.
    Nothing,
}

/// The sessions in which a later response proves that a limit is over. Only sessions that were subject to the same
/// limit qualify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// Any session of the same account, provided that the usage window is not full.
    AccountWithRoom,
    /// Any session of the same account, unless the usage window has room. While the window is full, only credits can
    /// pay for a response.
    AccountOnCredits,
    /// Any session of the same account or, if the payer used a key, any session that uses a key.
    SamePayer,
    /// Any session with the same payer and the same model.
    SamePayerAndModel,
    /// Any session that uses the same service at the same priority, unless it is known to have a different payer.
    SameService,
    /// Only the session in which the error occurred.
    SameSession,
}

/// The properties of a kind of limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Description {
    /// The name to display in tables, such as "5-hour limit" or "org spend cap".
    pub(crate) label: &'static str,
    pub(crate) resource: LimitedResource,
    /// The party that can raise or remove the limit early.
    pub(crate) raised_by: WhoCanFix,
    pub(crate) reset_of: ResetOf,
    /// True if the limit ends at the start of the next calendar month.
    pub(crate) ends_with_month: bool,
    /// True if usage credits can pay for requests beyond the limit. Unknown limits are included because they may be
    /// usage windows.
    pub(crate) credits_continue: bool,
}

impl Description {
    /// Describes a limit on usage credits that the user can raise.
    const fn of_credits(label: &'static str, resource: LimitedResource) -> Self {
        Self {
            label,
            resource,
            raised_by: WhoCanFix::You,
            reset_of: ResetOf::FullWindow,
            ends_with_month: false,
            credits_continue: false,
        }
    }

    /// Describes a limit on how much an API account can spend.
    const fn of_api(label: &'static str, limit: ApiLimit) -> Self {
        Self {
            label,
            resource: LimitedResource::ApiMoney(limit),
            raised_by: WhoCanFix::You,
            reset_of: ResetOf::Nothing,
            ends_with_month: false,
            credits_continue: false,
        }
    }

    /// Describes a temporary problem with the service.
    const fn of_service(label: &'static str, problem: ServiceProblem) -> Self {
        Self {
            label,
            resource: LimitedResource::TemporaryProblem(problem),
            raised_by: WhoCanFix::Nobody,
            reset_of: ResetOf::Pause,
            ends_with_month: false,
            credits_continue: false,
        }
    }

    /// Describes a problem that has nothing to do with a quota and that the user can fix.
    const fn of_cause(label: &'static str) -> Self {
        Self {
            label,
            resource: LimitedResource::Nothing,
            raised_by: WhoCanFix::You,
            reset_of: ResetOf::Nothing,
            ends_with_month: false,
            credits_continue: false,
        }
    }
}

impl LimitKind {
    /// Returns the properties of this kind of limit. Each entry overrides only what differs from the defaults of its
    /// family.
    pub(crate) fn description(self) -> Description {
        match self {
            Self::Window(window) => Description {
                label: window.limit(),
                resource: LimitedResource::Included(window),
                raised_by: WhoCanFix::Nobody,
                reset_of: ResetOf::Window(window),
                ends_with_month: false,
                credits_continue: true,
            },

            Self::UsageCredits => {
                Description::of_credits("usage credits", LimitedResource::Credits)
            }
            Self::OwnSpendCap => Description {
                ends_with_month: true,
                ..Description::of_credits("your spend cap", LimitedResource::CreditsUpTo(Cap::Own))
            },
            Self::MemberSpendCap => Description {
                raised_by: WhoCanFix::Admin,
                ends_with_month: true,
                ..Description::of_credits(
                    "member spend cap",
                    LimitedResource::CreditsUpTo(Cap::Member),
                )
            },
            Self::OrgSpendCap => Description {
                raised_by: WhoCanFix::Admin,
                ends_with_month: true,
                ..Description::of_credits(
                    "org spend cap",
                    LimitedResource::CreditsUpTo(Cap::Organization),
                )
            },
            Self::SeatNoCredits => Description {
                raised_by: WhoCanFix::Admin,
                ..Description::of_credits(
                    "seat without credits",
                    LimitedResource::CreditsUpTo(Cap::SeatWithoutCredits),
                )
            },

            Self::ApiCreditBalance => Description::of_api("api credit balance", ApiLimit::Balance),
            Self::ApiSpendCap => Description {
                raised_by: WhoCanFix::Admin,
                reset_of: ResetOf::OwnDate,
                ends_with_month: true,
                ..Description::of_api("api spend cap", ApiLimit::Cap)
            },

            Self::Throttle => Description::of_service("rate limit", ServiceProblem::Throttled),
            Self::Overloaded => Description::of_service("overloaded", ServiceProblem::Overloaded),
            Self::ServerError => Description::of_service("server error", ServiceProblem::Failed),

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

    /// Returns which sessions can show that this limit is over. The table in docs/how-limits-end.md explains each case.
    pub(crate) fn ended_by(self) -> EndedBy {
        match self {
            Self::Window(Window::FiveHour | Window::Weekly) => EndedBy::AccountWithRoom,
            // A response in another session proves nothing here, because usage credits may have paid for it and the
            // usage of these windows is rarely known.
            Self::Window(Window::WeeklyOpus | Window::WeeklySonnet | Window::WeeklyFable) => {
                EndedBy::SameSession
            }
            Self::UsageCredits
            | Self::OwnSpendCap
            | Self::MemberSpendCap
            | Self::OrgSpendCap
            | Self::SeatNoCredits => EndedBy::AccountOnCredits,
            Self::ApiCreditBalance
            | Self::ApiSpendCap
            | Self::Billing
            | Self::Auth
            | Self::OrgDisabled
            | Self::SubscriptionAccess
            | Self::Throttle => EndedBy::SamePayer,
            Self::ModelNeedsCredits | Self::ModelUnavailable => EndedBy::SamePayerAndModel,
            Self::Overloaded | Self::ServerError => EndedBy::SameService,
            // Transcripts do not record whether a request used the 1M context window.
            Self::LongContextCredits
            | Self::RequestTooLarge
            | Self::PromptTooLong
            | Self::Unknown => EndedBy::SameSession,
        }
    }

    /// Returns the resource that this limit restricts.
    pub(crate) fn limited_resource(self) -> LimitedResource {
        self.description().resource
    }

    /// Returns the service that usually reports this kind of limit, or `None` if there is more than one.
    pub(crate) fn service(self) -> Option<Service> {
        match self.limited_resource() {
            LimitedResource::Included(_)
            | LimitedResource::Credits
            | LimitedResource::CreditsUpTo(_) => Some(Service::Plan),
            LimitedResource::ApiMoney(_) => Some(Service::Console),
            LimitedResource::TemporaryProblem(_) | LimitedResource::Nothing => None,
        }
    }

    /// Returns true if Claude Code may wait for the end of this kind of limit and then continue the session.
    pub(crate) fn is_awaited(self) -> bool {
        match self.description().reset_of {
            ResetOf::Window(_) | ResetOf::FullWindow => true,
            ResetOf::OwnDate | ResetOf::Pause | ResetOf::Nothing => false,
        }
    }

    /// Returns the usage window, or `None` for any other kind of limit.
    pub(crate) fn window(self) -> Option<Window> {
        if let Self::Window(window) = self {
            Some(window)
        } else {
            None
        }
    }

    /// Returns the name to display in tables.
    pub(crate) fn label(self) -> String {
        self.description().label.to_owned()
    }

    /// Converts a limit's JSON name to the name to display in tables. Unrecognized names are accepted because the JSON
    /// may come from a newer version of whycap.
    pub(crate) fn label_of(name: &str) -> String {
        parse_name(name).map_or_else(|| name.replace('_', " "), Self::label)
    }

    /// Returns true if this is a service problem that resolves itself within minutes.
    pub(crate) fn is_passing(self) -> bool {
        matches!(
            self.limited_resource(),
            LimitedResource::TemporaryProblem(_)
        )
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

/// A judgment on whether the evidence supports an error message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The evidence supports the message.
    Real,
    /// The limit is real, but the message blames a different one.
    Misworded,
    /// The evidence suggests that no limit was reached.
    FalseLikely,
    /// The limit applies to a credential that the user did not intend to use.
    WrongCredential,
    /// The cause is a throttle, an outage, an entitlement, or a setting rather than a limit.
    NotALimit,
    /// The message is a warning or a notice that does not stop any work.
    Notice,
    /// The message announces that a limit has ended.
    Over,
    /// There is not enough evidence to decide.
    #[default]
    CannotTell,
}

/// The service that refused the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Anthropic, accessed with a claude.ai plan.
    Plan,
    /// Anthropic, accessed with a Console API key.
    Console,
    /// Amazon Bedrock.
    Bedrock,
    /// Google Cloud Vertex AI.
    Vertex,
    /// The service that `ANTHROPIC_BASE_URL` points to.
    Gateway,
    /// Some other program.
    Other,
}

/// The party that can lift a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhoCanFix {
    /// No one, because the problem goes away on its own.
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
