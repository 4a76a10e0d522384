//! Lists the decision functions.
//!
//! A row of the catalog names a decision function if its answer depends on the evidence. A decision returns `None` if the
//! row's fixed answer applies after all.

use serde::Deserialize;

use super::input::{Finding, Input};
use super::{access, api, credits, notices, service, spend_caps, windows};

/// Defines [`DecisionName`] and calls the function of each decision. The functions return a `Finding` or an
/// `Option<Finding>`.
macro_rules! decisions {
    ($($name:ident => $function:path,)*) => {
        /// The name of a decision function, as used in `messages.json`.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum DecisionName {
            /// The row's `answer`, regardless of the evidence.
            #[default]
            Answer,
            $($name,)*
        }

        impl DecisionName {
            /// Calls the decision function.
            pub(super) fn finding(self, input: &Input<'_>) -> Option<Finding> {
                match self {
                    Self::Answer => None,
                    $(Self::$name => $function(input).into(),)*
                }
            }
        }
    };
}

decisions! {
    UsageWindow => windows::usage_window,
    SomeWindow => windows::some_window,
    Credits => credits::credits,
    SpendCap => spend_caps::spend_cap,
    CreditsOff => spend_caps::credits_off,
    UsageBasedCap => spend_caps::usage_based_cap,
    ApiBalance => api::balance,
    ApiCap => api::cap,
    GatewayBalance => api::gateway_balance,
    GatewayPlan => api::gateway_plan,
    SubscriptionPayment => access::subscription_payment,
    SubscriptionAccess => access::subscription,
    DisabledOrganization => access::disabled_organization,
    RefusedAccess => access::refused,
    RefusedLogin => access::refused_login,
    RefusedCredentials => access::refused_credentials,
    RefusedKey => access::refused_key,
    ServiceProblem => service::problem,
    ApiRateLimit => service::api_rate_limit,
    RefusedForNow => service::refused_for_now,
    Warning => notices::warning,
    PaidFromCredits => notices::paid_from_credits,
    LowerPriority => notices::lower_priority,
    UnknownMessage => notices::unknown_message,
}
