use serde::{Deserialize, Serialize};

/// The kind of limit or error that a message is about. The serialized names are the values of `limit` in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The plan's 5-hour usage window.
    FiveHour,
    /// The plan's weekly usage window for all models.
    Weekly,
    /// The weekly usage window of the Opus models.
    WeeklyOpus,
    /// The weekly usage window of the Sonnet models.
    WeeklySonnet,
    /// The weekly usage window of the Fable models.
    WeeklyFable,
    /// The prepaid credits that pay for usage beyond the included usage.
    UsageCredits,
    /// The cap on usage credits that the user has set.
    OwnSpendCap,
    /// The cap on usage credits that an admin has set for one member.
    MemberSpendCap,
    /// The organization's cap on usage credits.
    OrgSpendCap,
    /// A seat that includes no usage credits.
    SeatNoCredits,
    /// A model that can be paid for only with usage credits.
    ModelNeedsCredits,
    /// The prepaid balance behind an API key.
    ApiCreditBalance,
    /// A cap on the spend of an API organization, a workspace, or a key.
    ApiSpendCap,
    /// A payment that is due or has failed.
    Billing,
    /// A context of a million tokens, which can be paid for only with usage credits.
    LongContextCredits,
    /// Too many requests or too many tokens at once.
    Throttle,
    /// A service without spare capacity.
    Overloaded,
    /// An error of the service or of the connection to it.
    ServerError,
    /// A login, key, or token that was refused.
    Auth,
    /// An organization that was disabled.
    OrgDisabled,
    /// A subscription that gives no access to Claude Code.
    SubscriptionAccess,
    /// A model that does not exist or may not be used.
    ModelUnavailable,
    /// A request with too many bytes, images, or output tokens.
    RequestTooLarge,
    /// A conversation that is longer than the context of the model.
    PromptTooLong,
    /// A budget that the user has set in whycap. Claude Code has no message about it.
    OwnBudget,
    /// An error of an unknown kind.
    Unknown,
}

impl Kind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 26] = [
        Self::FiveHour,
        Self::Weekly,
        Self::WeeklyOpus,
        Self::WeeklySonnet,
        Self::WeeklyFable,
        Self::UsageCredits,
        Self::OwnSpendCap,
        Self::MemberSpendCap,
        Self::OrgSpendCap,
        Self::SeatNoCredits,
        Self::ModelNeedsCredits,
        Self::ApiCreditBalance,
        Self::ApiSpendCap,
        Self::Billing,
        Self::LongContextCredits,
        Self::Throttle,
        Self::Overloaded,
        Self::ServerError,
        Self::Auth,
        Self::OrgDisabled,
        Self::SubscriptionAccess,
        Self::ModelUnavailable,
        Self::RequestTooLarge,
        Self::PromptTooLong,
        Self::OwnBudget,
        Self::Unknown,
    ];

    /// Returns true if the kind is a usage window of a plan.
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
}
