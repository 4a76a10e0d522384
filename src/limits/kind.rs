//! Defines the kinds of limits and their properties.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::claude::window_usage::UsagePageWindow;
pub(crate) use crate::lenient_json::parse_name;
use crate::time::{FIVE_HOURS, WEEK, Zone};
use crate::transcript::limit_lines::MODEL_FAMILIES;
use crate::transcript::tail::QuotaLimits;

/// The longest possible time until a limit resets.
pub(crate) const LONGEST_LIMIT: TimeDelta = TimeDelta::days(31);
/// How long a short-lived error is considered current.
pub(crate) const TEMPORARY_PROBLEM_LASTS: TimeDelta = TimeDelta::minutes(30);

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

impl Window {
    pub(crate) const ALL: [Self; 5] = [
        Self::FiveHour,
        Self::Weekly,
        Self::WeeklyOpus,
        Self::WeeklySonnet,
        Self::WeeklyFable,
    ];

    /// Returns the server's name for this window.
    pub(crate) fn rate_limit_type(self) -> RateLimitType {
        match self {
            Self::FiveHour => RateLimitType::FiveHour,
            Self::Weekly => RateLimitType::SevenDay,
            Self::WeeklyOpus => RateLimitType::SevenDayOpus,
            Self::WeeklySonnet => RateLimitType::SevenDaySonnet,
            Self::WeeklyFable => RateLimitType::SevenDayOverageIncluded,
        }
    }

    /// Returns the short name that the status line displays.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FiveHour => "5h",
            Self::Weekly => "week",
            Self::WeeklyOpus => "Opus week",
            Self::WeeklySonnet => "Sonnet week",
            Self::WeeklyFable => "Fable week",
        }
    }

    /// Returns the length of the window.
    pub(crate) const fn length(self) -> TimeDelta {
        match self {
            Self::FiveHour => FIVE_HOURS,
            Self::Weekly | Self::WeeklyOpus | Self::WeeklySonnet | Self::WeeklyFable => WEEK,
        }
    }

    /// Returns the name of this window's limit, such as "5-hour limit".
    pub(crate) const fn limit(self) -> &'static str {
        match self {
            Self::FiveHour => "5-hour limit",
            Self::Weekly => "weekly limit",
            Self::WeeklyOpus => "weekly Opus limit",
            Self::WeeklySonnet => "weekly Sonnet limit",
            Self::WeeklyFable => "weekly Fable limit",
        }
    }

    /// Returns the name without the word "limit", such as "5-hour".
    pub(crate) fn short(self) -> &'static str {
        self.limit().trim_end_matches(" limit")
    }

    /// Returns true if the window applies to a single model family. Claude Code rarely reports usage for these windows.
    pub(crate) fn is_of_one_model(self) -> bool {
        self.family().is_some()
    }

    /// Returns true if `/usage` shows this window under the given name or model.
    pub(crate) fn is_shown_as(self, shown: &UsagePageWindow) -> bool {
        let model = shown.model.as_ref().map(|model| model.to_lowercase());
        LimitKind::of_server(&shown.name) == Some(LimitKind::Window(self))
            || model.is_some() && model.as_deref() == self.family()
    }

    /// Returns the model family that the window applies to, such as "opus", or `None` if it applies to all models.
    pub(crate) fn family(self) -> Option<&'static str> {
        match self {
            Self::FiveHour | Self::Weekly => None,
            Self::WeeklyOpus => Some("opus"),
            Self::WeeklySonnet => Some("sonnet"),
            Self::WeeklyFable => Some("fable"),
        }
    }

    /// Returns the name of the model family that the window applies to, such as "Opus", or `None` if it applies to all
    /// models.
    pub(crate) fn family_name(self) -> Option<&'static str> {
        match self {
            Self::FiveHour | Self::Weekly => None,
            Self::WeeklyOpus => Some("Opus"),
            Self::WeeklySonnet => Some("Sonnet"),
            Self::WeeklyFable => Some("Fable"),
        }
    }

    /// Returns the window of the model family to which this model belongs, or `None` if its family has no window.
    pub(crate) fn of_model(model: Option<&str>) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|window| window.is_of_family_of(model))
    }

    /// Returns true if the window applies to a single model family, and this model certainly belongs to it.
    pub(crate) fn is_of_family_of(self, model: Option<&str>) -> bool {
        self.is_of_one_model() && model.is_some() && self.may_apply_to(model)
    }

    /// Returns true if the window applies to this model, or if the model is unknown.
    pub(crate) fn may_apply_to(self, model: Option<&str>) -> bool {
        match (self.family(), model) {
            (Some(family), Some(model)) => {
                let lowercase = model.to_lowercase();
                // With this setting, Claude Code uses Opus in plan mode and Sonnet otherwise.
                let is_plan_setting = lowercase.contains("opusplan");
                lowercase.contains(family) || is_plan_setting && self == Self::WeeklySonnet
            }
            (None, _) | (_, None) => true,
        }
    }
}

/// The server's name for a limit. [`LimitKind::of_server`] returns the kind of limit for each name.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RateLimitType {
    FiveHour,
    SevenDay,
    SevenDayOpus,
    SevenDaySonnet,
    SevenDayOverageIncluded,
    Overage,
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
    /// The organization does not allow its members to use Claude Code, or to use it with a subscription.
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
    Included,
    /// The plan's pool of usage credits, which may have a cap.
    Credits,
    /// Money spent through the Console or another provider.
    ApiMoney,
    /// No resource, because the service has a temporary problem.
    TemporaryProblem,
    /// No resource, because the cause is a setting, an entitlement, the size of the request, or a limit on a feature.
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
    /// A type of seat that does not include any usage credits.
    SeatWithoutCredits,
}

impl Cap {
    /// Returns who can raise the cap.
    pub(crate) fn raised_by(self) -> WhoCanFix {
        match self {
            Self::Own => WhoCanFix::You,
            Self::Member | Self::Organization | Self::SeatWithoutCredits => WhoCanFix::Admin,
        }
    }
}

/// The event that ends a limit even if no one takes action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// The reset of the given usage window.
    Window(Window),
    /// The reset of the full usage window. After that, the plan's included usage is available again.
    FullWindow,
    /// The reset of the full usage window. If the reset time is unknown, the limit ends no later than the start of the
    /// next calendar month in the user's time zone.
    FullWindowOrMonth,
    /// The time in the message or, if the message states none, the start of the next calendar month in UTC.
    MonthUtc {
        /// True if the limit may have a period shorter than a month, so only the message can show when it ends. If the
        /// message states no time, the end is unknown, but it is no later than the start of the next month.
        known_only_if_stated: bool,
    },
    /// The time in the message, if it states one. In any case, the limit does not last longer than this.
    Within(TimeDelta),
    /// Unknown, unless the message happens to contain a time.
    Unknown,
    /// No event. The limit lasts until someone takes action.
    Nothing {
        /// The age at which an error about the limit is no longer relevant.
        relevant_for: TimeDelta,
    },
}

impl Ends {
    /// Returns the longest time that the limit can last.
    pub(crate) const fn longest(self) -> TimeDelta {
        match self {
            Self::Window(window) => window.length(),
            Self::FullWindow | Self::FullWindowOrMonth | Self::MonthUtc { .. } => LONGEST_LIMIT,
            Self::Within(longest) => longest,
            Self::Unknown => TimeDelta::days(1),
            Self::Nothing { relevant_for } => relevant_for,
        }
    }

    /// Returns the start of the month after the given time, or `None` if the limit does not end with the month. `zone`
    /// is the user's time zone.
    pub(crate) fn next_month(self, reached: DateTime<Utc>, zone: Zone) -> Option<DateTime<Utc>> {
        let zone = match self {
            Self::FullWindowOrMonth => zone,
            Self::MonthUtc { .. } => Zone::UTC,
            _ => return None,
        };
        Some(zone.month_bounds(reached).1)
    }
}

/// The sessions in which a later response proves that a limit is over. Only sessions with the same limit qualify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// Any session of the same account, provided that the usage window is not full.
    AccountWithRoom,
    /// Any session of the same account, unless the usage window is known to have room. While the window is full, only
    /// usage credits can pay for a response.
    AccountOnCredits,
    /// Any session of the same account with the same model, provided that the usage window is not full. If the window
    /// applies to one model family, any model of the family counts, but only while the server accepts no usage credits.
    /// Otherwise, they may have paid for the response.
    ///
    /// This also applies to false alarms about usage credits: the server refused a request that the plan covered, so it
    /// would have refused a request from that session as well. If a headless run did not record its model, any model
    /// counts.
    SameModelWithRoom,
    /// Any session of the same account or, if the payer used a key, any session that uses a key.
    SamePayer,
    /// Any session with the same payer. If the payer used a key, sessions of an account do not count, because their
    /// responses do not show that the key works again.
    SameKey,
    /// Any session with the same payer and the same model.
    SamePayerAndModel,
    /// Any session that uses the same service, unless it is known to have a different payer. The service may give
    /// different payers different priorities.
    SameService,
    /// Only the session in which the error occurred. Responses in other sessions prove nothing.
    SameSession,
    /// No session. The limit stops only a feature, so even the session with the error still receives responses. The
    /// limit ends at its reset.
    NoSession,
}

impl EndedBy {
    /// Returns true if the limit applies to the payer. Such a limit does not stop a session that has another payer.
    pub(crate) fn is_about_payer(self) -> bool {
        !matches!(
            self,
            Self::SameService | Self::SameSession | Self::NoSession
        )
    }
}

/// The sessions that a limit is known to stop while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affects {
    /// Every session of the account or, if the limit is a usage window for one model family, every session that uses
    /// that family.
    Account,
    /// Every session with the same payer, which can be an account or a key.
    Payer,
    /// Only the session in which the error occurred. The explanation says that other sessions may work.
    Session,
    /// The session in which the error occurred, and possibly others.
    Unknown,
}

/// Describes what a limit stops while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stops {
    /// The session. It receives no response until the limit ends, so a later response shows that the limit has ended.
    Session,
    /// Only a feature, such as fast mode. The session continues, so the message is a notice, and responses do not show
    /// whether the limit has ended.
    Feature,
    /// No work. The message is a warning or only provides information.
    Nothing,
}

/// The period whose spend counts toward a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CountedPeriod {
    /// A usage window.
    Window(Window),
    /// The calendar month.
    Month,
}

/// The properties of a kind of limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Description {
    /// The name to display in tables, such as "5-hour limit" or "org spend cap".
    pub(crate) label: &'static str,
    pub(crate) resource: LimitedResource,
    pub(crate) stops: Stops,
    /// The service that usually reports the limit, or `None` if there is more than one.
    pub(crate) service: Option<Service>,
    /// True if the limit is a quota rather than a service problem, an entitlement, a setting, or a size. An error about
    /// a quota counts as a limit even if the evidence does not confirm it.
    pub(crate) is_quota: bool,
    /// The period whose spend counts toward the limit, or `None` if the limit is unknown or does not depend on spend.
    pub(crate) counts_spend_of: Option<CountedPeriod>,
    /// The sessions that the limit is known to stop.
    pub(crate) affects: Affects,
    /// True if a full usage window would be an additional reason for the next prompt to be refused.
    pub(crate) window_may_be_full_as_well: bool,
    /// The event that ends the limit, which also determines how long the limit can last.
    pub(crate) ends: Ends,
    /// True if usage credits can pay for requests beyond the limit. Unknown limits are included because they may be
    /// usage windows.
    pub(crate) credits_continue: bool,
    /// The sessions in which a later response proves that the limit is over. This field does not apply to a limit that
    /// stops only a feature, because no response proves that it is over.
    pub(crate) ended_by: EndedBy,
}

impl Description {
    /// Describes a usage window.
    const fn of_window(window: Window) -> Self {
        Self {
            label: window.limit(),
            resource: LimitedResource::Included,
            stops: Stops::Session,
            service: Some(Service::Plan),
            is_quota: true,
            counts_spend_of: Some(CountedPeriod::Window(window)),
            affects: Affects::Account,
            window_may_be_full_as_well: true,
            ends: Ends::Window(window),
            credits_continue: true,
            ended_by: match window {
                Window::FiveHour | Window::Weekly => EndedBy::AccountWithRoom,
                Window::WeeklyOpus | Window::WeeklySonnet | Window::WeeklyFable => {
                    EndedBy::SameModelWithRoom
                }
            },
        }
    }

    /// Describes the pool of usage credits or a cap on them. Usage credits matter only while a usage window is full.
    const fn of_credits(label: &'static str) -> Self {
        Self {
            label,
            resource: LimitedResource::Credits,
            stops: Stops::Session,
            service: Some(Service::Plan),
            is_quota: true,
            counts_spend_of: Some(CountedPeriod::Month),
            affects: Affects::Account,
            // The cap's own explanation already mentions the full window.
            window_may_be_full_as_well: false,
            ends: Ends::FullWindowOrMonth,
            credits_continue: false,
            ended_by: EndedBy::AccountOnCredits,
        }
    }

    /// Describes a limit on how much an API account can spend. There is no default for `ends`: a balance lasts until
    /// someone adds funds, but a cap ends with its period.
    const fn of_api(label: &'static str, ends: Ends) -> Self {
        Self {
            label,
            resource: LimitedResource::ApiMoney,
            stops: Stops::Session,
            service: Some(Service::Console),
            is_quota: true,
            counts_spend_of: Some(CountedPeriod::Month),
            affects: Affects::Payer,
            window_may_be_full_as_well: false,
            ends,
            credits_continue: false,
            ended_by: EndedBy::SameKey,
        }
    }

    /// Describes a temporary problem with the service.
    const fn of_service(label: &'static str, ended_by: EndedBy) -> Self {
        Self {
            label,
            resource: LimitedResource::TemporaryProblem,
            stops: Stops::Session,
            service: None,
            is_quota: false,
            counts_spend_of: None,
            affects: Affects::Session,
            window_may_be_full_as_well: true,
            ends: Ends::Within(TEMPORARY_PROBLEM_LASTS),
            credits_continue: false,
            ended_by,
        }
    }

    /// Describes any other problem, such as a setting, an entitlement, the size of a request, or a limit on a feature.
    /// By default, the problem stops the session, is not a quota, and lasts until someone takes action. For a limit on
    /// a feature, set `stops`, `service`, `is_quota`, `affects`, and `ends`, as the example in CONTRIBUTING.md does.
    const fn of_cause(label: &'static str, ended_by: EndedBy) -> Self {
        Self {
            label,
            resource: LimitedResource::Nothing,
            stops: Stops::Session,
            service: None,
            is_quota: false,
            counts_spend_of: None,
            affects: Affects::Payer,
            window_may_be_full_as_well: false,
            // The error is no longer relevant after a day.
            ends: Ends::Nothing {
                relevant_for: TimeDelta::days(1),
            },
            credits_continue: false,
            ended_by,
        }
    }

    /// Describes a problem with the requests of a single session.
    const fn of_session(label: &'static str) -> Self {
        Self {
            affects: Affects::Session,
            ..Self::of_cause(label, EndedBy::SameSession)
        }
    }
}

/// Returns the ID of the model that was refused if the message names its family. Otherwise, returns `None`, because `model` may
/// be the model of an earlier response: the user may have switched models before the refused prompt.
pub(crate) fn refused_model<'m>(model: Option<&'m str>, message: &str) -> Option<&'m str> {
    let message = message.to_lowercase();
    model.filter(|model| {
        MODEL_FAMILIES
            .iter()
            .any(|family| model.contains(family) && message.contains(family))
    })
}

/// Returns true if two IDs name the same model, with or without the 1M context window.
pub(crate) fn is_same_model(model: &str, other: &str) -> bool {
    model.trim_end_matches("[1m]") == other.trim_end_matches("[1m]")
}

impl LimitKind {
    /// Returns the kind of limit for a `rateLimitType` of the server. Returns `None` for unrecognized names.
    pub(crate) fn of_server(name: &str) -> Option<Self> {
        Some(match parse_name(name)? {
            RateLimitType::FiveHour => Self::Window(Window::FiveHour),
            RateLimitType::SevenDay => Self::Window(Window::Weekly),
            RateLimitType::SevenDayOpus => Self::Window(Window::WeeklyOpus),
            RateLimitType::SevenDaySonnet => Self::Window(Window::WeeklySonnet),
            RateLimitType::SevenDayOverageIncluded => Self::Window(Window::WeeklyFable),
            RateLimitType::Overage => Self::UsageCredits,
        })
    }

    /// Returns the limit that the server blames for a refusal. Returns `None` if it blames none or one that is not
    /// recognized.
    pub(crate) fn of_quota(quota: &QuotaLimits) -> Option<Self> {
        Self::of_server(quota.rate_limit_type.as_deref()?)
    }

    /// Returns the properties of this kind of limit. Each entry overrides only the values that differ from the defaults
    /// of its group.
    pub(crate) fn description(self) -> Description {
        match self {
            Self::Window(window) => Description::of_window(window),

            Self::UsageCredits => Description {
                window_may_be_full_as_well: true,
                ends: Ends::FullWindow,
                ..Description::of_credits("usage credits")
            },
            Self::OwnSpendCap => Description::of_credits("your spend cap"),
            Self::MemberSpendCap => Description::of_credits("member spend cap"),
            Self::OrgSpendCap => Description::of_credits("org spend cap"),
            Self::SeatNoCredits => Description {
                ends: Ends::FullWindow,
                ..Description::of_credits("seat without credits")
            },

            Self::ApiCreditBalance => Description::of_api(
                "API credit balance",
                Ends::Nothing {
                    relevant_for: LONGEST_LIMIT,
                },
            ),
            Self::ApiSpendCap => Description::of_api(
                "API spend cap",
                // A gateway may count spend by day or by week.
                Ends::MonthUtc {
                    known_only_if_stated: true,
                },
            ),

            Self::Throttle => Description::of_service("rate limit", EndedBy::SamePayer),
            Self::Overloaded => Description::of_service("overloaded", EndedBy::SameService),
            Self::ServerError => Description::of_service("server error", EndedBy::SameService),

            Self::ModelNeedsCredits => {
                Description::of_cause("model needs credits", EndedBy::SamePayerAndModel)
            }
            // Transcripts do not record whether a request used the 1M context window.
            Self::LongContextCredits => Description::of_session("1M context"),
            Self::Billing => Description::of_cause("billing", EndedBy::SamePayer),
            Self::OrgDisabled => Description::of_cause("org disabled", EndedBy::SamePayer),
            Self::SubscriptionAccess => {
                Description::of_cause("subscription access", EndedBy::SamePayer)
            }
            Self::Auth => Description::of_cause("login", EndedBy::SamePayer),
            Self::ModelUnavailable => {
                Description::of_cause("model unavailable", EndedBy::SamePayerAndModel)
            }
            Self::RequestTooLarge => Description::of_session("request too large"),
            Self::PromptTooLong => Description::of_session("prompt too long"),

            Self::Unknown => Description {
                affects: Affects::Unknown,
                ends: Ends::Unknown,
                credits_continue: true,
                ..Description::of_cause("unknown", EndedBy::SameSession)
            },
        }
    }

    /// Returns the sessions in which a response shows that this limit is over. If the limit stops only a feature, there
    /// are none.
    pub(crate) fn ended_by(self, stops: Stops) -> EndedBy {
        match stops {
            Stops::Session | Stops::Nothing => self.description().ended_by,
            Stops::Feature => EndedBy::NoSession,
        }
    }

    /// Returns the resource that this limit restricts.
    pub(crate) fn limited_resource(self) -> LimitedResource {
        self.description().resource
    }

    /// Returns which cap on usage credits this limit is, or `None` if it is not such a cap.
    pub(crate) fn cap(self) -> Option<Cap> {
        match self {
            Self::OwnSpendCap => Some(Cap::Own),
            Self::MemberSpendCap => Some(Cap::Member),
            Self::OrgSpendCap => Some(Cap::Organization),
            Self::SeatNoCredits => Some(Cap::SeatWithoutCredits),
            _ => None,
        }
    }

    /// Returns the service that usually reports this kind of limit, or `None` if there is more than one.
    pub(crate) fn service(self) -> Option<Service> {
        self.description().service
    }

    /// Returns true if messages about this kind of limit say when the limit ends. Some messages say only that it is
    /// monthly.
    pub(crate) fn messages_state_reset(self) -> bool {
        matches!(
            self.description().ends,
            Ends::MonthUtc { .. } | Ends::Within(_)
        )
    }

    /// Returns true if Claude Code may wait for the end of this kind of limit and then continue the session.
    pub(crate) fn is_awaited(self) -> bool {
        matches!(
            self.description().ends,
            Ends::Window(_) | Ends::FullWindow | Ends::FullWindowOrMonth
        )
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

    /// Returns true if other requests of the same payer may succeed, because the problem is temporary or is about the request
    /// itself or its model.
    pub(crate) fn stops_only_some_requests(self) -> bool {
        let description = self.description();
        description.affects == Affects::Session
            || description.ended_by == EndedBy::SamePayerAndModel
    }

    /// Returns true if this is a service problem that resolves itself within minutes.
    pub(crate) fn is_passing(self) -> bool {
        self.limited_resource() == LimitedResource::TemporaryProblem
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

impl Verdict {
    /// Returns true if the message is only a warning or announces the end of a limit.
    pub(crate) fn is_notice(self) -> bool {
        matches!(self, Self::Notice | Self::Over)
    }
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

/// The people who can lift a limit.
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

impl fmt::Display for RateLimitType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(out)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_name_of_a_window_is_recognized() {
        for window in Window::ALL {
            let kind = LimitKind::of_server(&window.rate_limit_type().to_string());
            assert_eq!(kind, Some(LimitKind::Window(window)));
        }
    }

    #[test]
    fn a_month_ends_in_the_zone_that_the_limit_names() {
        let tokyo = Zone::named("Asia/Tokyo").unwrap();
        let reached = "2026-11-30T16:00:00Z".parse().unwrap();
        let utc = "2026-12-01T00:00:00Z".parse().unwrap();
        let in_tokyo = "2026-12-31T15:00:00Z".parse().unwrap();
        for (ends, next_month) in [
            (
                Ends::MonthUtc {
                    known_only_if_stated: false,
                },
                Some(utc),
            ),
            (Ends::FullWindowOrMonth, Some(in_tokyo)),
            (Ends::FullWindow, None),
        ] {
            assert_eq!(ends.next_month(reached, tokyo), next_month, "{ends:?}");
        }
    }
}
