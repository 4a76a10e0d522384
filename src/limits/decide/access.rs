//! Determines the cause of errors about payments, logins, and entitlements.

use super::cause::Cause;
use super::input::{Finding, Input};
use super::unknown::Unknown;
use crate::limits::kind::{LimitKind, Service, Verdict, WhoCanFix};
use crate::transcript::failed_attempts::FailedAttempts;

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
    Finding::lasting(
        LimitKind::Billing,
        Verdict::Real,
        input.who_controls_billing(),
        cause,
    )
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

/// Handles a disabled organization if Claude Code used one of the organization's keys instead of the user's plan.
/// Returns `None` otherwise.
pub(super) fn disabled_organization(input: &Input<'_>) -> Option<Finding> {
    let is_about_key = input.message.row.service == Some(Service::Console);
    let has_key = is_about_key || input.evidence.error.uses_key();
    if has_key && input.evidence.plan().is_some() {
        Some(Finding::stray_key(LimitKind::OrgDisabled))
    } else {
        None
    }
}

/// Handles a rejected login. If an earlier attempt failed with a server error, the outage is the cause, because the
/// service never checked the login. If a token is set, the token was rejected, because it takes precedence over the
/// login. Otherwise, returns `None`.
pub(super) fn refused_login(input: &Input<'_>) -> Option<Finding> {
    if has_server_failed(input) {
        Some(outage())
    } else if input.evidence.has_oauth_token() && !input.evidence.error.uses_key() {
        Some(refused_credential(Cause::TokenRefused))
    } else {
        None
    }
}

/// Like [`refused_login`], but tells the user to log in if the previous request with this login failed with the same
/// message, in this session or in another one. A single rejection may be temporary.
pub(super) fn refused_credentials(input: &Input<'_>) -> Option<Finding> {
    let evidence = input.evidence;
    let is_refused_again =
        evidence.collected.previous_equal_failures > 0 || evidence.error.login_refused_twice;
    match refused_login(input) {
        None if is_refused_again => Some(refused_credential(Cause::LoginRefusedAgain)),
        finding => finding,
    }
}

/// Handles a rejected key. Returns `None` if whycap does not know of a key.
pub(super) fn refused_key(input: &Input<'_>) -> Option<Finding> {
    if !input.evidence.error.uses_key() {
        return None;
    }
    let would_use_plan = input.evidence.stray_key().is_some();
    let cause = match input.readings.used_up_now() {
        Some(_) if would_use_plan => Cause::KeyRefusedWithFullWindow,
        Some(_) | None => Cause::KeyRefused,
    };
    Some(refused_credential(cause))
}

/// Handles a rejection with unrecognized wording.
pub(super) fn refused(input: &Input<'_>) -> Finding {
    if has_server_failed(input) {
        return outage();
    }
    Finding {
        verdict: Verdict::CannotTell,
        ..refused_credential(Cause::AccessRefused)
    }
    .without_knowing(Unknown::Message)
}

fn refused_credential(cause: Cause) -> Finding {
    Finding::lasting(LimitKind::Auth, Verdict::NotALimit, WhoCanFix::You, cause)
}

/// Returns true if the service had failed before the login was rejected.
fn has_server_failed(input: &Input<'_>) -> bool {
    let attempts = input.evidence.error.message.failed_attempts.as_ref();
    attempts.is_some_and(FailedAttempts::has_server_error)
}

/// Handles a login that was rejected because the service had failed.
fn outage() -> Finding {
    let cause = Cause::OutageCalledLogin;
    Finding::passing(LimitKind::ServerError, Verdict::NotALimit, cause)
}
