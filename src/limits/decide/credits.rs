//! Determines the cause of errors about usage credits.

use super::cause::Cause;
use super::input::{Finding, Input, helps};
use super::reason::Unknown;
use crate::limits::kind::{LimitKind, Verdict, WhoCanFix, Window};

/// Handles errors that blame a lack of usage credits.
pub(super) fn credits(input: &Input<'_>) -> Finding {
    let evidence = input.evidence;
    let limit = LimitKind::UsageCredits;

    // Work can continue after the reset even if nobody buys credits.
    if let Some(full) = input.readings.full_window() {
        let who = if evidence.is_shared_plan() {
            input.payer()
        } else {
            WhoCanFix::Nobody
        };
        return Finding::passing(limit, Verdict::Real, Cause::WindowFullWithoutCredits)
            .by(who)
            .until_reset_of(Some(full.window))
            .measured(full);
    }
    let Some(room) = input.readings.room() else {
        if evidence.is_pool_refused() {
            return real(input, Cause::PoolEmpty)
                .waiting(None)
                .without_knowing(Unknown::RoomOfPlan);
        }
        if input.server_explains() {
            return real(input, Cause::NoCredits)
                .waiting(input.helps_if_dated())
                .until_reset_of(evidence.refused_window());
        }
        return by_message(input);
    };

    // The plan's windows are not full, so the server must have demanded credits for some other reason.
    if evidence.error.session.fast_mode {
        return real(input, Cause::FastModeNeedsCredits).measured(room);
    }
    if input.server_explains() && evidence.uses_long_context() {
        return real(input, Cause::LongContextNeedsCredits).measured(room);
    }
    let is_orgs_pool = input.message.row.id == "org-credits" && evidence.is_shared_plan();
    if is_orgs_pool && !evidence.has_false_credit_messages() {
        return Finding::lasting(
            limit,
            Verdict::CannotTell,
            WhoCanFix::Admin,
            Cause::NoOrgCreditsByMessage,
        )
        .waiting(None)
        .measured(room)
        .without_knowing(Unknown::StateOfPool);
    }
    let (cause, waiting_helps) =
        if evidence.has_false_credit_messages() || evidence.may_be_outdated() {
            (Cause::CreditsDemandedByOldClient, false)
        } else if evidence.uses_long_context() {
            (Cause::CreditsDemandedForLongContext, false)
        } else {
            (Cause::CreditsDemandedByMistake, true)
        };
    Finding::lasting(limit, Verdict::FalseLikely, WhoCanFix::You, cause)
        .waiting(Some(waiting_helps))
        .measured(room)
        .without_knowing(Unknown::ReasonForCredits)
}

/// Handles an empty credit pool that the payer must top up.
fn real(input: &Input<'_>, cause: Cause) -> Finding {
    Finding::lasting(LimitKind::UsageCredits, Verdict::Real, input.payer(), cause)
}

/// Handles messages for which there is no other evidence.
fn by_message(input: &Input<'_>) -> Finding {
    let is_dated = input.has_reset_time(None);
    let who = input.payer();
    let cause = if who == WhoCanFix::Admin && !is_dated {
        Cause::NoOrgCreditsByMessage
    } else {
        Cause::NoCreditsByMessage
    };
    let missing = input.missing_reading(Window::FiveHour);
    let missing = if missing == Unknown::Readings {
        Unknown::RoomOfPlan
    } else {
        missing
    };
    let has_no_plan = input.evidence.plan().is_none();
    Finding::lasting(LimitKind::UsageCredits, Verdict::CannotTell, who, cause)
        .waiting(helps(is_dated))
        .without_knowing(missing)
        .without_knowing_if(has_no_plan, Unknown::PlanOfPool)
}
