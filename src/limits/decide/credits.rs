//! Determines the cause of errors about usage credits.

use super::cause::Cause;
use super::input::{Finding, Input, helps};
use super::unknown::Unknown;
use crate::claude::account::Plan;
use crate::limits::kind::{LimitKind, Verdict, WhoCanFix, Window};

/// Handles errors that blame a lack of usage credits.
pub(super) fn credits(input: &Input<'_>) -> Finding {
    let evidence = input.evidence;
    let limit = LimitKind::UsageCredits;

    // Work can continue after the reset even if nobody buys credits.
    if let Some(full) = input.readings.full_window() {
        let finding = Finding::passing(limit, Verdict::Real, Cause::WindowFullWithoutCredits)
            .until_reset_of(Some(full.window))
            .measured(full);
        return if evidence.is_shared_plan() {
            finding.fixable_by(WhoCanFix::Admin)
        } else {
            finding
        };
    }
    let room = input.readings.room();
    let may_have_room = room.is_some() || input.readings.has_doubtful_room();
    if may_have_room && let Some(cause) = cause_despite_room(input) {
        let finding = real(input, cause);
        return match room {
            Some(room) => finding.measured(room),
            None => finding.without_knowing(Unknown::NearlyFullBefore),
        };
    }
    let Some(room) = room else {
        return without_figures(input);
    };

    // The plan's windows are not full, so the server must have demanded credits for some other reason.
    let is_orgs_pool = input.answered_who() == Some(WhoCanFix::Admin) && evidence.is_shared_plan();
    let finding = if is_orgs_pool && !evidence.has_false_credit_messages() {
        let cause = Cause::NoOrgCreditsByMessage;
        Finding::lasting(limit, Verdict::CannotTell, WhoCanFix::Admin, cause)
            .waiting(None)
            .without_knowing(Unknown::StateOfPool)
    } else {
        let cause = if evidence.has_false_credit_messages() || evidence.may_be_outdated() {
            Cause::CreditsDemandedByOldClient
        } else if evidence.uses_long_context() {
            Cause::CreditsDemandedForLongContext
        } else {
            Cause::CreditsDemandedByMistake
        };
        let is_servers_mistake = cause == Cause::CreditsDemandedByMistake;
        // The user can update the client or choose another model, but nobody except Anthropic can correct the server.
        let who = if is_servers_mistake {
            WhoCanFix::Anthropic
        } else {
            WhoCanFix::You
        };
        Finding::lasting(limit, Verdict::FalseLikely, who, cause)
            .waiting(Some(is_servers_mistake))
            .without_knowing(Unknown::ReasonForCredits)
    };
    finding.measured(room)
}

/// Returns the cause if the session used fast mode or the 1M context, which need credits even while no window is full.
fn cause_despite_room(input: &Input<'_>) -> Option<Cause> {
    let evidence = input.evidence;
    let is_server_sure = evidence.quota().is_some();
    if evidence.error.session.fast_mode {
        Some(Cause::FastModeNeedsCredits)
    } else if is_server_sure && evidence.uses_long_context() {
        Some(Cause::LongContextNeedsCredits)
    } else {
        None
    }
}

/// Handles an empty credit pool. Whoever controls billing must add credits.
fn real(input: &Input<'_>, cause: Cause) -> Finding {
    Finding::lasting(
        LimitKind::UsageCredits,
        Verdict::Real,
        input.who_controls_billing(),
        cause,
    )
}

/// Handles errors if no reading shows how full the usage windows were.
fn without_figures(input: &Input<'_>) -> Finding {
    if input.evidence.refused_limit() == Some(LimitKind::UsageCredits) {
        let empty = real(input, Cause::PoolEmpty).waiting(None);
        return if input.readings.has_doubtful_room() {
            Finding {
                verdict: Verdict::CannotTell,
                ..empty
            }
            .without_knowing(Unknown::NearlyFullBefore)
        } else {
            empty.without_knowing(room_of_plan(input))
        };
    }
    if input.evidence.quota().is_some() {
        return real(input, Cause::NoCredits)
            .waiting(input.helps_if_stated())
            .until_reset_of(input.evidence.refused_window());
    }
    let is_reset_stated = input.has_stated_reset(None);
    let who = input.who_controls_billing();
    let cause = if who == WhoCanFix::Admin && !is_reset_stated {
        Cause::NoOrgCreditsByMessage
    } else {
        Cause::NoCreditsByMessage
    };
    let missing = match input.missing_reading(Window::FiveHour) {
        Unknown::Readings if !is_reset_stated => room_of_plan(input),
        Unknown::Readings => Unknown::RoomOfPlan,
        missing => missing,
    };
    let has_no_plan = input.evidence.plan().is_none();
    Finding::lasting(LimitKind::UsageCredits, Verdict::CannotTell, who, cause)
        .waiting(helps(is_reset_stated))
        .without_knowing(missing)
        .without_knowing_if(has_no_plan, Unknown::PlanOfPool)
}

/// Returns the missing fact that would show whether an empty pool stopped the user. If the organization may be billed by
/// usage, it is also unknown whether the seat has included usage at all.
fn room_of_plan(input: &Input<'_>) -> Unknown {
    let may_be_billed_by_usage = match input.evidence.plan() {
        Some(plan) => plan == Plan::Enterprise,
        None => true,
    };
    if may_be_billed_by_usage && input.answered_who() == Some(WhoCanFix::Admin) {
        Unknown::RoomOfSeat
    } else {
        Unknown::RoomOfPlan
    }
}
