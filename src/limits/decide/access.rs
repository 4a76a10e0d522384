//! Determines the cause of errors about payments, logins, and entitlements.

use super::api::stray_key;
use super::cause::Cause;
use super::input::{Finding, Input};
use super::reason::Unknown;
use crate::limits::kind::{LimitKind, Verdict, WhoCanFix};

/// Returns the finding for a payment that failed or lapsed.
pub(super) fn payment(input: &Input<'_>) -> Finding {
    Finding::lasting(
        LimitKind::Billing,
        Verdict::Real,
        input.payer(),
        Cause::PaymentDue,
    )
}

/// Returns the finding for a subscription payment that is due.
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

/// Returns the finding for an organization that does not allow subscriptions in Claude Code.
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

/// Returns the finding for a key that belongs to a disabled organization.
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

/// Returns the finding for a disabled organization.
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

/// Returns the finding for a refused login. If the service failed before it refused the login, it did not actually
/// check the login. If a token is set in the environment, it takes precedence over the login, so it would not help to
/// log in again. Returns `None` if the catalog row fully explains the message.
pub(super) fn refused_login(input: &Input<'_>) -> Option<Finding> {
    if let Some(outage) = outage(input) {
        return Some(outage);
    }
    let uses_token = input.evidence.is_setup_token() && input.evidence.error.keys().count() == 0;
    uses_token.then(|| refused_credential(Cause::TokenRefused))
}

/// Returns the finding for a refused key. Returns `None` if it is unknown where a key is set.
pub(super) fn refused_key(input: &Input<'_>) -> Option<Finding> {
    let has_key = input.evidence.error.keys().count() > 0;
    has_key.then(|| refused_credential(Cause::KeyRefused))
}

fn refused_credential(cause: Cause) -> Finding {
    Finding::lasting(LimitKind::Auth, Verdict::NotALimit, WhoCanFix::You, cause)
}

/// Returns the finding for a login that was refused after the service had failed.
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

/// Returns the finding for a refusal whose wording whycap does not recognize.
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
