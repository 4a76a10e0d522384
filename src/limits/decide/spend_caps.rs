//! Determines the cause of errors about spend caps, which may apply to a user, a member, or an organization.

use super::cause::Cause;
use super::input::{Finding, Input, helps};
use super::reason::Unknown;
use crate::claude::version::ClientVersion;
use crate::limits::evidence::{Measurement, WindowState};
use crate::limits::kind::{Cap, LimitKind, LimitedResource, Verdict, WhoCanFix, Window};

/// The first version with separate wording for the limit of a single member. Earlier versions used the organization's
/// wording.
const MEMBER_WORDS_ADDED: ClientVersion = ClientVersion(2, 1, 221);

/// The first version that does not use the organization's wording for personal plans.
const PERSONAL_WORDS_ADDED: ClientVersion = ClientVersion(2, 1, 153);

/// Handles errors about spend caps. A cap takes effect only while a usage window is full, so work can continue as soon
/// as that window resets.
pub(super) fn spend_cap(input: &Input<'_>) -> Finding {
    let evidence = input.evidence;
    let LimitedResource::CreditsUpTo(named) = input.message.row.limit.limited_resource() else {
        return super::cataloged_answer(input);
    };
    let window = input
        .certain_window()
        .or(input.message.window)
        .unwrap_or(Window::FiveHour);
    let finding = if input.readings.room().is_some() && evidence.error.session.fast_mode {
        let cause = Cause::FastModeNeedsCredits;
        Finding::lasting(named.into(), Verdict::Real, input.payer(), cause)
    } else if evidence.is_personal_plan() && !input.names_real_organization() {
        on_personal_plan(input, named, window)
    } else if evidence.is_shared_plan() || input.names_real_organization() {
        on_seat(input, named, window)
    } else {
        on_unknown_plan(input, named, window)
    };

    let is_token_beside_login = evidence.has_oauth_token() && evidence.plan().is_some();
    let has_no_reset = input.certain_window().is_none()
        && !input.has_reset_time(input.message.window)
        && input.readings.room().is_none();
    finding
        .without_knowing_if(is_token_beside_login, Unknown::PlanOfToken)
        .without_knowing_if(has_no_reset, Unknown::Reset)
}

/// Handles personal plans, where only users themselves can set a cap.
fn on_personal_plan(input: &Input<'_>, named: Cap, window: Window) -> Finding {
    let limit_of_window = LimitKind::Window(window);
    if let Some(room) = input.readings.room() {
        let limit = match named {
            Cap::Own => named.into(),
            Cap::Member | Cap::Organization | Cap::SeatWithoutCredits => limit_of_window,
        };
        return contradicted(limit, room);
    }
    match (named, input.certain_window()) {
        (Cap::Own, Some(full)) => Finding::passing(named.into(), Verdict::Real, Cause::OwnCap)
            .by(WhoCanFix::You)
            .until_reset_of(Some(full)),
        (Cap::Own, None) => {
            Finding::passing(named.into(), Verdict::CannotTell, Cause::OwnCapByMessage)
                .by(WhoCanFix::You)
                .until_reset_of(Some(window))
        }
        (Cap::Organization, Some(_)) => {
            Finding::passing(limit_of_window, Verdict::Misworded, Cause::NoOrganization)
        }
        (Cap::Organization, None) if is_not_full_now(input, window) => Finding::passing(
            limit_of_window,
            Verdict::Misworded,
            Cause::NoOrganizationDespiteRoom,
        )
        .waiting(helps(input.has_reset_time(input.message.window)))
        .without_knowing(Unknown::TimeOfMessage),
        (Cap::Organization, None) => Finding::passing(
            limit_of_window,
            Verdict::Misworded,
            Cause::NoOrganizationProbably,
        ),
        (Cap::Member | Cap::SeatWithoutCredits, _) => {
            reached(input, named, window).without_knowing(Unknown::SeatOfLogin)
        }
    }
}

/// Handles members of an organization, where only an admin can raise caps.
fn on_seat(input: &Input<'_>, named: Cap, window: Window) -> Finding {
    let (cap, verdict) = match named {
        // Members cannot set their own cap, so the message must be about the organization's cap.
        Cap::Own => (Cap::Organization, Verdict::Misworded),
        Cap::Member | Cap::Organization | Cap::SeatWithoutCredits => (named, Verdict::Real),
    };
    let is_personal = input.evidence.is_personal_plan();

    let finding = if let Some(room) = input.readings.room() {
        // The 1M context window may require credits even if there is included usage left.
        if input.evidence.uses_long_context() {
            by_message(cap)
                .waiting(None)
                .measured(room)
                .without_knowing(Unknown::CapDespiteRoom)
        } else {
            contradicted(cap.into(), room)
        }
    } else if is_not_full_now(input, window) {
        unconfirmed(input, cap, window)
    } else {
        let may_be_member =
            cap == Cap::Organization && input.evidence.is_before(MEMBER_WORDS_ADDED);
        Finding {
            verdict,
            ..reached(input, cap, window)
        }
        .without_knowing_if(may_be_member, Unknown::OrgOrMember)
    };
    finding.without_knowing_if(is_personal, Unknown::SeatOfLogin)
}

/// Handles unknown plans.
fn on_unknown_plan(input: &Input<'_>, named: Cap, window: Window) -> Finding {
    let is_full = input.certain_window().is_some();
    let has_plan_command = input.message.contains("/usage-credits");
    let unknown = match named {
        Cap::Own => Unknown::OwnerOfCap,
        Cap::Member | Cap::Organization | Cap::SeatWithoutCredits => Unknown::Organization,
    };
    let by_words = by_message(named)
        .waiting(helps(input.has_reset_time(input.message.window)))
        .until_reset_of(Some(window))
        .without_knowing(unknown);
    match named {
        // Messages that mention /usage-credits are shown only in sessions with a plan.
        Cap::Organization if has_plan_command && input.evidence.is_since(PERSONAL_WORDS_ADDED) => {
            reached(input, named, window)
        }
        Cap::Organization if is_full => Finding::passing(
            LimitKind::Window(window),
            Verdict::CannotTell,
            Cause::WindowFullDespiteCap,
        )
        .without_knowing(unknown),
        Cap::Organization => Finding {
            cause: Cause::OrgCapOrOwnLimit,
            ..by_words
        },
        Cap::Own | Cap::Member | Cap::SeatWithoutCredits if is_full => {
            reached(input, named, window).without_knowing(unknown)
        }
        Cap::Own | Cap::Member | Cap::SeatWithoutCredits => by_words,
    }
}

/// Handles a cap that cannot have stopped work, because the plan still had included usage.
fn contradicted(limit: LimitKind, room: Measurement) -> Finding {
    Finding::passing(limit, Verdict::FalseLikely, Cause::Contradicted)
        .by(WhoCanFix::Anthropic)
        .measured(room)
        .without_knowing(Unknown::ReasonOfServer)
}

/// Returns true if a pasted message is about a window that is not currently full. The window may still have been full
/// when the message was shown.
fn is_not_full_now(input: &Input<'_>, window: Window) -> bool {
    matches!(input.readings.state(window), WindowState::KnownNow(now) if !now.is_full())
}

/// Handles a pasted message that current usage does not confirm.
fn unconfirmed(input: &Input<'_>, cap: Cap, window: Window) -> Finding {
    by_message(cap)
        .waiting(helps(input.has_reset_time(input.message.window)))
        .until_reset_of(Some(window))
        .without_knowing(Unknown::TimeOfMessage)
}

/// Handles a cap that has been reached. Waiting helps if the reset time is known, because included usage is available
/// again after the reset.
fn reached(input: &Input<'_>, cap: Cap, window: Window) -> Finding {
    let is_known = input.certain_window().is_some() || input.has_reset_time(input.message.window);
    let limit = LimitKind::from(cap);
    let who = cap.raised_by();
    let is_admin = input.evidence.is_admin() && input.evidence.is_shared_plan();
    let cause = match (cap, is_admin) {
        (Cap::Own, _) => Cause::OwnCap,
        (Cap::Member, false) => Cause::MemberCap,
        (Cap::Member, true) => Cause::MemberCapOfAdmin,
        (Cap::SeatWithoutCredits, false) => Cause::SeatWithoutCredits,
        (Cap::SeatWithoutCredits, true) => Cause::SeatWithoutCreditsOfAdmin,
        (Cap::Organization, false) => Cause::OrgCap,
        (Cap::Organization, true) => Cause::OrgCapOfAdmin,
    };
    Finding::lasting(limit, Verdict::Real, who, cause)
        .waiting(helps(is_known))
        .until_reset_of(Some(window))
}

/// Handles a cap for which the message is the only evidence.
fn by_message(cap: Cap) -> Finding {
    let cause = match cap {
        Cap::Own => Cause::OwnCapByMessage,
        Cap::Member => Cause::MemberCapByMessage,
        Cap::SeatWithoutCredits => Cause::SeatWithoutCreditsByMessage,
        Cap::Organization => Cause::OrgCapByMessage,
    };
    let limit = LimitKind::from(cap);
    Finding::lasting(limit, Verdict::CannotTell, cap.raised_by(), cause)
}
