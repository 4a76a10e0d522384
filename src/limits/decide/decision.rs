//! Lists the decision functions.
//!
//! A row of the catalog names a decision function if its answer depends on the evidence. A decision returns `None` if the
//! row's fixed answer applies after all.

use serde::Deserialize;

use super::input::{Finding, Input};
use super::{access, api, credits, notices, service, spend_caps, windows};

/// The name of a decision function, as used in `messages.json`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecisionName {
    /// The row's `answer`, regardless of the evidence.
    #[default]
    Answer,
    UsageWindow,
    SomeWindow,
    Credits,
    SpendCap,
    ApiBalance,
    ApiCap,
    GatewayBalance,
    GatewayPlan,
    SubscriptionPayment,
    SubscriptionAccess,
    DisabledOrganization,
    RefusedAccess,
    RefusedLogin,
    RefusedKey,
    ServiceProblem,
    ApiRateLimit,
    RefusedForNow,
    Warning,
    PaidFromCredits,
    LowerPriority,
    UnknownMessage,
}

impl DecisionName {
    /// Calls the decision function.
    pub(super) fn finding(self, input: &Input<'_>) -> Option<Finding> {
        match self {
            Self::Answer => None,
            Self::UsageWindow => Some(windows::usage_window(input)),
            Self::SomeWindow => Some(windows::some_window(input)),
            Self::Credits => Some(credits::credits(input)),
            Self::SpendCap => spend_caps::spend_cap(input),
            Self::ApiBalance => Some(api::balance(input)),
            Self::ApiCap => Some(api::cap(input)),
            Self::GatewayBalance => Some(api::gateway_balance(input)),
            Self::GatewayPlan => Some(api::gateway_plan(input)),
            Self::SubscriptionPayment => Some(access::subscription_payment(input)),
            Self::SubscriptionAccess => Some(access::subscription(input)),
            Self::DisabledOrganization => access::disabled_organization(input),
            Self::RefusedAccess => Some(access::refused(input)),
            Self::RefusedLogin => access::refused_login(input),
            Self::RefusedKey => access::refused_key(input),
            Self::ServiceProblem => service::problem(input),
            Self::ApiRateLimit => service::api_rate_limit(input),
            Self::RefusedForNow => Some(service::refused_for_now(input)),
            Self::Warning => Some(notices::warning(input)),
            Self::PaidFromCredits => Some(notices::paid_from_credits(input)),
            Self::LowerPriority => Some(notices::lower_priority()),
            Self::UnknownMessage => Some(notices::unknown_message(input)),
        }
    }
}
