//! One file a subject: how the evidence is weighed for windows, caps, credits, Console, the rest.

mod caps;
mod console;
mod credits;
mod meters;
mod service;
mod windows;

use super::diagnosis::{Case, Conclusion};
use super::kind::{LimitKind, Verdict, Who};

/// Weighs the evidence by the rule for what the message names.
pub(super) fn conclude(case: &Case<'_>) -> Conclusion {
    use LimitKind as Kind;
    let Some(limit) = case.family.limit else {
        return windows::conclude(case, None);
    };
    match limit {
        Kind::FiveHour
        | Kind::Weekly
        | Kind::WeeklyOpus
        | Kind::WeeklySonnet
        | Kind::WeeklyFable => windows::conclude(case, Some(limit)),
        Kind::OwnSpendCap | Kind::MemberSpendCap | Kind::OrgSpendCap | Kind::SeatNoCredits => {
            caps::conclude(case, limit)
        }
        Kind::UsageCredits => credits::conclude(case),
        Kind::ApiCreditBalance => console::balance(case),
        Kind::ApiSpendCap => console::cap(case),
        Kind::Billing => console::billing(case),
        Kind::OrgDisabled => console::disabled(case),
        Kind::Throttle => service::throttle(case),
        Kind::Overloaded | Kind::ServerError => {
            Conclusion::new(limit, Verdict::NotALimit, Who::Nobody).waiting(true)
        }
        Kind::SubscriptionAccess => {
            Conclusion::new(limit, Verdict::NotALimit, Who::Admin).waiting(false)
        }
        Kind::LongContextCredits
        | Kind::ModelNeedsCredits
        | Kind::Auth
        | Kind::ModelUnavailable
        | Kind::RequestTooLarge
        | Kind::PromptTooLong => {
            Conclusion::new(limit, Verdict::NotALimit, Who::You).waiting(false)
        }
        // Known, but none of the contract's kinds.
        Kind::Unknown if !case.family.patterns.is_empty() => {
            Conclusion::new(limit, Verdict::NotALimit, Who::You).waiting(false)
        }
        Kind::Unknown => Conclusion::new(limit, Verdict::CannotTell, Who::You)
            .unknown("whycap does not know this message, so it does not guess what it means."),
    }
}
