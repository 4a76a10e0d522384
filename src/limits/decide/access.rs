//! Determines the cause of errors about payments, logins, and entitlements.

use super::api::stray_key;
use super::cause::Cause;
use super::input::{Finding, Input};
use super::reason::Unknown;
use crate::limits::kind::{LimitKind, Verdict, WhoCanFix};

/// Handles a payment that failed or lapsed.
pub(super) fn payment(input: &Input<'_>) -> Finding {
    Finding::lasting(
        LimitKind::Billing,
        Verdict::Real,
        input.payer(),
        Cause::PaymentDue,
    )
}

/// Handles an overdue subscription payment.
pub(super) fn subscription_payment(input: &Input<'_>) -> Finding {
    let is_uncertain = input.message.contains("usually because");
    let cause = if input.evidence.is_shared_plan() {
        Cause::OrgSubscriptionPaymentDue
    } else if is_uncertain {
        Cause::SubscriptionRefused
    } else {
        Cause::SubscriptionPaymentDue
    };
    Finding::lasting(LimitKind::Billing, Verdict::Real, input.payer(), cause)
        .without_knowing_if(is_uncertain, Unknown::PaymentForCertain)
}

/// Handles organizations that do not allow subscriptions in Claude Code.
pub(super) fn subscription(input: &Input<'_>) -> Finding {
    let limit = LimitKind::SubscriptionAccess;
    if input.evidence.is_personal_plan() {
        let cause = Cause::SubscriptionRefused;
        return Finding::lasting(limit, Verdict::Misworded, WhoCanFix::You, cause)
            .without_knowing(Unknown::ReasonOfRefusal);
    }
    let cause = Cause::SubscriptionNotAllowed;
    Finding::lasting(limit, Verdict::NotALimit, WhoCanFix::Admin, cause)
        .without_knowing_if(!input.evidence.is_shared_plan(), Unknown::PersonalPlan)
}

/// Handles a key that belongs to a disabled organization.
pub(super) fn key_of_disabled_organization(input: &Input<'_>) -> Finding {
    let limit = LimitKind::OrgDisabled;
    if input.evidence.plan().is_some() {
        return stray_key(limit);
    }
    Finding::lasting(
        limit,
        Verdict::NotALimit,
        WhoCanFix::You,
        Cause::KeyOfDisabledOrg,
    )
}

/// Handles a disabled organization.
pub(super) fn disabled_organization(input: &Input<'_>) -> Finding {
    let limit = LimitKind::OrgDisabled;
    if input.evidence.stray_key().is_some() {
        return stray_key(limit);
    }
    Finding::lasting(
        limit,
        Verdict::NotALimit,
        WhoCanFix::Admin,
        Cause::DisabledOrg,
    )
}

/// Handles a rejected login, or returns `None` if the catalog row fully explains the message.
///
/// If the service failed first, the rejection is blamed on the outage, because the login was never actually checked. If
/// a token is set in the environment, logging in again does not help, because the token takes precedence.
pub(super) fn refused_login(input: &Input<'_>) -> Option<Finding> {
    if let Some(outage) = outage(input) {
        return Some(outage);
    }
    let uses_token = input.evidence.has_oauth_token() && input.evidence.error.keys().count() == 0;
    uses_token.then(|| refused_credential(Cause::TokenRefused))
}

/// Handles a rejected key, or returns `None` if whycap does not know where a key is set.
pub(super) fn refused_key(input: &Input<'_>) -> Option<Finding> {
    let has_key = input.evidence.error.keys().count() > 0;
    has_key.then(|| refused_credential(Cause::KeyRefused))
}

fn refused_credential(cause: Cause) -> Finding {
    Finding::lasting(LimitKind::Auth, Verdict::NotALimit, WhoCanFix::You, cause)
}

/// Handles a login that was rejected after the service had failed.
fn outage(input: &Input<'_>) -> Option<Finding> {
    let attempts = input.evidence.error.message.failed_attempts.as_ref()?;
    attempts.has_server_error().then(|| {
        Finding::passing(
            LimitKind::ServerError,
            Verdict::NotALimit,
            Cause::OutageCalledLogin,
        )
    })
}

/// Handles a rejection with unrecognized wording.
pub(super) fn refused(input: &Input<'_>) -> Finding {
    if let Some(outage) = outage(input) {
        return outage;
    }
    Finding::lasting(
        LimitKind::Auth,
        Verdict::CannotTell,
        WhoCanFix::You,
        Cause::AccessRefused,
    )
    .without_knowing(Unknown::Message)
}
