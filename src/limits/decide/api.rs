//! Determines the cause of errors about balances and caps of API accounts, gateways, and third-party providers.

use super::cause::Cause;
use super::input::{Finding, Input, helps};
use super::unknown::Unknown;
use crate::limits::kind::{LimitKind, Service, Verdict, WhoCanFix};

/// Handles an empty prepaid balance.
pub(super) fn balance(input: &Input<'_>) -> Finding {
    let limit = LimitKind::ApiCreditBalance;
    if input.evidence.stray_key().is_some() {
        let cause = match input.readings.used_up_now() {
            Some(_) => Cause::StrayKeyWithFullWindow,
            None => Cause::StrayKeyWithoutCredits,
        };
        return Finding {
            cause,
            ..Finding::stray_key(limit)
        };
    }
    if input.evidence.plan().is_none() {
        let verdict = input.verdict_if_configured(input.evidence.error.uses_key());
        return Finding::lasting(limit, verdict, WhoCanFix::You, Cause::ApiBalanceEmpty);
    }
    let cannot_see = !input.evidence.error.payer.has_session_environment;
    let cause = Cause::ApiBalanceOfUnknownKey;
    Finding::lasting(limit, Verdict::CannotTell, WhoCanFix::You, cause)
        .without_knowing(Unknown::KeyInUse)
        .without_knowing_if(cannot_see, Unknown::SessionEnvironment)
}

/// Handles a spend cap that was set in the Console or at a gateway. It resets on a certain date unless an admin raises it
/// first.
pub(super) fn cap(input: &Input<'_>) -> Finding {
    let row = input.message.row;
    let error = &input.evidence.error;
    let is_of_gateway = row.service == Some(Service::Gateway);
    if !is_of_gateway && input.evidence.stray_key().is_some() {
        let cause = match input.readings.used_up_now() {
            Some(_) => Cause::StrayKeyWithCapAndFullWindow,
            None => Cause::StrayKeyWithCap,
        };
        return Finding {
            cause,
            ..Finding::stray_key(row.limit).waiting(input.helps_if_stated())
        };
    }
    let is_configured = if is_of_gateway {
        error.uses_other_service()
    } else {
        error.uses_key()
    };
    let is_reset_measured = row.cause == Cause::GatewayCap && input.gateway_reset().is_some();
    let helps = if is_reset_measured {
        Some(true)
    } else {
        input.helps_if_stated()
    };
    let verdict = input.verdict_if_configured(is_configured);
    Finding::lasting(row.limit, verdict, WhoCanFix::Admin, row.cause)
        .waiting(helps)
        .without_knowing_if(helps.is_none(), Unknown::StartOfCap)
}

/// Handles an empty balance at another provider.
pub(super) fn gateway_balance(input: &Input<'_>) -> Finding {
    let row = input.message.row;
    let verdict = input.verdict_if_configured(input.evidence.error.uses_other_service());
    Finding::lasting(row.limit, verdict, WhoCanFix::You, row.cause)
}

/// Handles the limit of a plan that the user has with another provider.
pub(super) fn gateway_plan(input: &Input<'_>) -> Finding {
    let row = input.message.row;
    let is_temporary =
        input.helps_if_stated() == Some(true) || input.message.contains("will reset");
    Finding::lasting(row.limit, Verdict::NotALimit, WhoCanFix::You, row.cause)
        .waiting(helps(is_temporary))
}
