//! The words of the contract: what can stop the work, how sure we are, and who can change it.

/// What stopped the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// The plan's five-hour window ("session limit", "5-hour limit").
    FiveHour,
    /// The plan's weekly window over all models.
    Weekly,
    /// The weekly window for Opus models.
    WeeklyOpus,
    /// The weekly window for Sonnet models.
    WeeklySonnet,
    /// The weekly window for Fable models (the server calls it `seven_day_overage_included`).
    WeeklyFable,
    /// The prepaid pool: usage credits, formerly extra usage.
    UsageCredits,
    /// The monthly cap that a person set on their own usage credits.
    OwnSpendCap,
    /// A cap that an admin set for this member or group.
    MemberSpendCap,
    /// The cap that an organisation set on its usage credits.
    OrgSpendCap,
    /// The seat does not include usage credits.
    SeatNoCredits,
    /// The model is only served from usage credits.
    ModelNeedsCredits,
    /// The Console's prepaid balance.
    ApiCreditBalance,
    /// A cap set in the Console for an organisation or a workspace.
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
    /// The organisation of the credential was disabled.
    OrgDisabled,
    /// The organisation does not allow subscriptions in Claude Code.
    SubscriptionAccess,
    /// The model does not exist or is not open to this account.
    ModelUnavailable,
    /// More bytes than the service takes in one request.
    RequestTooLarge,
    /// More tokens than the model takes.
    PromptTooLong,
    /// Nothing that whycap knows.
    Unknown,
}

impl LimitKind {
    /// Every kind with its name in JSON.
    pub const ALL: [(Self, &'static str); 25] = [
        (Self::FiveHour, "five_hour"),
        (Self::Weekly, "weekly"),
        (Self::WeeklyOpus, "weekly_opus"),
        (Self::WeeklySonnet, "weekly_sonnet"),
        (Self::WeeklyFable, "weekly_fable"),
        (Self::UsageCredits, "usage_credits"),
        (Self::OwnSpendCap, "own_spend_cap"),
        (Self::MemberSpendCap, "member_spend_cap"),
        (Self::OrgSpendCap, "org_spend_cap"),
        (Self::SeatNoCredits, "seat_no_credits"),
        (Self::ModelNeedsCredits, "model_needs_credits"),
        (Self::ApiCreditBalance, "api_credit_balance"),
        (Self::ApiSpendCap, "api_spend_cap"),
        (Self::Billing, "billing"),
        (Self::LongContextCredits, "long_context_credits"),
        (Self::Throttle, "throttle"),
        (Self::Overloaded, "overloaded"),
        (Self::ServerError, "server_error"),
        (Self::Auth, "auth"),
        (Self::OrgDisabled, "org_disabled"),
        (Self::SubscriptionAccess, "subscription_access"),
        (Self::ModelUnavailable, "model_unavailable"),
        (Self::RequestTooLarge, "request_too_large"),
        (Self::PromptTooLong, "prompt_too_long"),
        (Self::Unknown, "unknown"),
    ];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("unknown", |(_, name)| name)
    }

    /// Whether this is a usage window of a plan, which starts afresh by itself.
    pub fn is_window(self) -> bool {
        matches!(
            self,
            Self::FiveHour
                | Self::Weekly
                | Self::WeeklyOpus
                | Self::WeeklySonnet
                | Self::WeeklyFable
        )
    }

    /// Whether this is about usage credits: the pool, or a cap on it.
    pub fn is_paid_from_pool(self) -> bool {
        matches!(
            self,
            Self::UsageCredits
                | Self::OwnSpendCap
                | Self::MemberSpendCap
                | Self::OrgSpendCap
                | Self::SeatNoCredits
        )
    }

    /// Whether this is a passing state of the service.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Throttle | Self::Overloaded | Self::ServerError)
    }

    /// The window that the server names in `rateLimitType`. None for `overage` and for names that
    /// are new.
    pub fn of_rate_limit_type(name: &str) -> Option<Self> {
        match name {
            "five_hour" => Some(Self::FiveHour),
            "seven_day" => Some(Self::Weekly),
            "seven_day_opus" => Some(Self::WeeklyOpus),
            "seven_day_sonnet" => Some(Self::WeeklySonnet),
            "seven_day_overage_included" => Some(Self::WeeklyFable),
            _ => None,
        }
    }
}

/// What the evidence says about the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// The evidence does not suffice.
    CannotTell,
}

impl Verdict {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Misworded => "misworded",
            Self::FalseLikely => "false_likely",
            Self::WrongCredential => "wrong_credential",
            Self::NotALimit => "not_a_limit",
            Self::CannotTell => "cannot_tell",
        }
    }
}

/// Who can change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// It passes by itself.
    Nobody,
    /// The user.
    You,
    /// Somebody who administers the organisation.
    Admin,
    /// The maker of the service.
    Anthropic,
}

impl Who {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::You => "you",
            Self::Admin => "admin",
            Self::Anthropic => "anthropic",
        }
    }
}
