//! Determines the cause of errors about spend caps, which may apply to a user, a member, or an organization.

use super::cause::Cause;
use super::input::{Finding, Input, helps};
use super::service::QUOTA_RECORDED;
use super::unknown::Unknown;
use super::windows::{contradicted, later_window};
use crate::claude::version::ClientVersion;
use crate::claude::window_usage::is_same_reset;
use crate::limits::evidence::{Measurement, WindowState};
use crate::limits::kind::{Cap, LimitKind, Verdict, WhoCanFix, Window};

/// The first version with separate wording for the limit of a single member. Earlier versions used the organization's
/// wording.
const MEMBER_WORDS_ADDED: ClientVersion = ClientVersion(2, 1, 221);

/// The first version that does not use the organization's wording for personal plans.
const PERSONAL_WORDS_ADDED: ClientVersion = ClientVersion(2, 1, 153);

/// Handles errors about spend caps. A cap takes effect only while a usage window is full, so work can continue as soon
/// as that window resets. If two windows are full, this is the one that resets last.
pub(super) fn spend_cap(input: &Input<'_>) -> Option<Finding> {
    let evidence = input.evidence;
    let named = input.message.row.limit.cap()?;
    let later_full = later_full_window(input);
    let window = later_full
        .map(|full| full.window)
        .or_else(|| input.certain_window())
        .or(input.message.window)
        .or_else(|| input.full_window_of_pasted_cap())
        .unwrap_or(Window::FiveHour);
    let has_room = input.readings.room().is_some();
    let may_have_room = has_room || input.readings.has_doubtful_room();
    let finding = if may_have_room && evidence.error.session.fast_mode {
        let cause = Cause::FastModeNeedsCredits;
        Finding::lasting(
            named.into(),
            Verdict::Real,
            input.who_controls_billing(),
            cause,
        )
        .without_knowing_if(!has_room, Unknown::NearlyFullBefore)
    } else if input.names_real_organization() || evidence.is_shared_plan() {
        on_seat(input, named, window)
    } else if evidence.is_personal_plan() {
        on_personal_plan(input, named, window)
    } else {
        on_unknown_plan(input, named, window)
    };

    let cause = match finding.cause {
        cause if input.message.row.cause == Cause::SharedBudget => of_shared_budget(cause),
        cause => cause,
    };
    let is_token_beside_login = evidence.has_oauth_token() && evidence.plan().is_some();
    let has_no_reset = !has_room
        && input.certain_window().is_none()
        && !is_reset_stated(input)
        && input.full_until(window).is_none();
    Some(
        Finding { cause, ..finding }
            .measured_if_decisive(later_full)
            .without_knowing_if(is_token_beside_login, Unknown::PlanOfToken)
            .without_knowing_if(has_no_reset, Unknown::Reset),
    )
}

/// Returns the window that is full beside the one that is known to be full and that resets later. A cap stays in effect until
/// then. Returns `None` if there is no such window.
fn later_full_window(input: &Input<'_>) -> Option<Measurement> {
    let window = input
        .certain_window()
        .filter(|window| !window.is_of_one_model())?;
    if input.readings.room().is_some() {
        return None;
    }
    later_window(input, window).filter(|later| !later.is_unconfirmed)
}

/// Handles messages that an admin has turned off the user's usage credits. If the server stated which usage window is full
/// and when it resets, work can continue after that reset. Returns `None` if it did not.
pub(super) fn credits_off(input: &Input<'_>) -> Option<Finding> {
    let evidence = input.evidence;
    let refused = evidence.refused_window()?;
    evidence.server_reset()?;
    let later_full = later_full_window(input);
    let window = later_full.map_or(refused, |full| full.window);
    let limit = input.message.row.limit;
    if let Some(room) = input.readings.room() {
        return Some(contradicted(limit, room));
    }
    let cause = if limit == LimitKind::SeatNoCredits {
        Cause::CreditsOffInOrganization
    } else {
        Cause::CreditsSetToZero
    };
    Some(
        Finding::lasting(limit, Verdict::Real, WhoCanFix::Admin, cause)
            .waiting(Some(true))
            .until_reset_of(Some(window))
            .measured_if_decisive(later_full),
    )
}

/// Handles the message about the limit of a member whose organization is billed by usage. Returns `None` unless the login is
/// for a personal plan, which has no admin who could raise the limit.
pub(super) fn usage_based_cap(input: &Input<'_>) -> Option<Finding> {
    if !input.evidence.has_personal_credits() {
        return None;
    }
    Some(without_admin(input.message.row.limit))
}

/// Handles a limit that only an admin can set, although the login is for a personal plan, which has no admin.
fn without_admin(limit: LimitKind) -> Finding {
    Finding::lasting(limit, Verdict::CannotTell, WhoCanFix::You, Cause::NoAdmin)
        .waiting(None)
        .without_knowing(Unknown::SeatOfLogin)
}

/// Replaces the cause of a member's cap with that of a budget which the members of a team share. The kind of limit is the
/// same, but the user may have spent little of the budget.
fn of_shared_budget(cause: Cause) -> Cause {
    match cause {
        Cause::MemberCap => Cause::SharedBudget,
        Cause::MemberCapOfAdmin => Cause::SharedBudgetOfAdmin,
        Cause::MemberCapByMessage => Cause::SharedBudgetByMessage,
        Cause::MemberCapOfAdminByMessage => Cause::SharedBudgetOfAdminByMessage,
        cause => cause,
    }
}

/// Returns true if the message states the reset of the window that it mentions.
fn is_reset_stated(input: &Input<'_>) -> bool {
    input.has_stated_reset(input.message.window)
}

/// Handles personal plans, where only users themselves can set a cap.
fn on_personal_plan(input: &Input<'_>, named: Cap, window: Window) -> Finding {
    let is_full = input.certain_window().is_some();
    if let Some(room) = input.readings.room() {
        let limit = match named {
            Cap::Organization if is_full || !is_blame_recorded(input) => LimitKind::Window(window),
            _ => named.into(),
        };
        return contradicted(limit, room);
    }
    match named {
        Cap::Own => {
            let (verdict, cause) = if is_full {
                (Verdict::Real, Cause::OwnCap)
            } else {
                (Verdict::CannotTell, Cause::OwnCapByMessage)
            };
            Finding::passing(named.into(), verdict, cause)
                .fixable_by(WhoCanFix::You)
                .until_reset_of(Some(window))
        }
        Cap::Organization | Cap::Member | Cap::SeatWithoutCredits if is_full => {
            misworded(window, Cause::NoOrganization)
        }
        Cap::Organization if !may_hide_window(input) => Finding {
            cause: Cause::OrgCapOrOwnLimit,
            ..by_message(input, named)
        }
        .fixable_by(WhoCanFix::You)
        .waiting(helps(input.has_stated_reset(None)))
        .without_knowing(Unknown::SeatOfLogin),
        Cap::Organization if input.has_last_known_room(window) => {
            misworded(window, Cause::NoOrganizationDespiteRoom)
                .waiting(helps(is_reset_stated(input)))
                .without_knowing(Unknown::TimeOfMessage)
        }
        // The message may be old, and no evidence shows that any window is full.
        Cap::Organization
            if input.evidence.is_pasted()
                && !is_reset_known(input, window)
                && !input.has_stated_reset(None) =>
        {
            misworded(window, Cause::NoOrganizationUnconfirmed)
                .waiting(None)
                .without_knowing(input.missing_reading(window))
        }
        Cap::Organization => misworded(window, Cause::NoOrganizationProbably),
        Cap::Member | Cap::SeatWithoutCredits => without_admin(named.into())
            .waiting(helps(is_reset_stated(input)))
            .until_reset_of(Some(window)),
    }
}

/// Returns true if a message about an organization's cap may really be about a usage window, although neither the
/// server nor a reading says so: the message names a window, or the version of Claude Code does not record what the
/// server said. Returns false while the readings show room that newer figures have not confirmed yet.
fn may_hide_window(input: &Input<'_>) -> bool {
    (input.message.window.is_some() || !is_blame_recorded(input))
        && !input.readings.awaits_decisive_figures()
}

/// Returns true if this version of Claude Code records which limit the server blames, and the error's transcript line
/// is present or may still be written. If that line blames no usage window, the server blamed none.
fn is_blame_recorded(input: &Input<'_>) -> bool {
    !input.evidence.lacks_line() && input.evidence.is_since(QUOTA_RECORDED)
}

/// Handles a message about an organization's cap that is really about the user's own usage window.
fn misworded(window: Window, cause: Cause) -> Finding {
    Finding::passing(LimitKind::Window(window), Verdict::Misworded, cause)
}

/// Handles members of an organization, where only an admin can raise caps.
fn on_seat(input: &Input<'_>, named: Cap, window: Window) -> Finding {
    let (cap, verdict) = match named {
        // Members cannot set their own cap, so the message must be about the organization's cap.
        Cap::Own => (Cap::Organization, Verdict::Misworded),
        Cap::Member | Cap::Organization | Cap::SeatWithoutCredits => (named, Verdict::Real),
    };
    let finding = match input.readings.room() {
        // The 1M context window may require credits even if there is included usage left.
        Some(room) if input.evidence.uses_long_context() => by_message(input, cap)
            .waiting(None)
            .measured(room)
            .without_knowing(Unknown::CapDespiteRoom),
        Some(room) => contradicted(cap.into(), room),
        None if input.has_last_known_room(window) => {
            until_known_reset(input, cap, window).without_knowing(Unknown::TimeOfMessage)
        }
        None if input.readings.has_doubtful_room() => {
            until_known_reset(input, cap, window).without_knowing(Unknown::NearlyFullBefore)
        }
        // A pasted message may be old or from another account, unless it states the reset of a window that is full.
        None if input.evidence.is_pasted() && !agrees_with_full_window(input, window) => {
            until_known_reset(input, cap, window).without_knowing(input.missing_reading(window))
        }
        None => {
            let may_be_member =
                cap == Cap::Organization && input.evidence.is_before(MEMBER_WORDS_ADDED);
            Finding {
                verdict,
                ..reached(input, cap, window)
            }
            .without_knowing_if(may_be_member, Unknown::OrgOrMember)
        }
    };
    finding.without_knowing_if(input.evidence.is_personal_plan(), Unknown::SeatOfLogin)
}

/// Returns true if the window is known to be full, and a pasted message states its reset.
fn agrees_with_full_window(input: &Input<'_>, window: Window) -> bool {
    let Some(full_until) = input.full_until(window) else {
        return false;
    };
    input
        .stated_reset(Some(window))
        .is_some_and(|stated| is_same_reset(stated, full_until))
}

/// Handles unknown plans.
fn on_unknown_plan(input: &Input<'_>, named: Cap, window: Window) -> Finding {
    let is_full = input.certain_window().is_some();
    // Messages that mention /usage-credits are shown only in sessions with a plan.
    let has_plan =
        input.message.contains("/usage-credits") && input.evidence.is_since(PERSONAL_WORDS_ADDED);
    let unknown = match named {
        Cap::Own => Unknown::OwnerOfCap,
        Cap::Member | Cap::Organization | Cap::SeatWithoutCredits => Unknown::Organization,
    };
    // A cap takes effect only while a window is full, whatever the plan. The 1M context window may need credits at any
    // time.
    let refused_window_may_have_room = input
        .evidence
        .refused_window()
        .is_none_or(|refused| matches!(input.readings.state(refused), WindowState::Room(_)));
    if let Some(room) = input.readings.room()
        && named == Cap::Organization
        && refused_window_may_have_room
        && !input.evidence.uses_long_context()
    {
        let limit = if is_full {
            LimitKind::Window(window)
        } else {
            named.into()
        };
        return contradicted(limit, room).without_knowing(unknown);
    }
    let finding = match named {
        Cap::Organization if has_plan && !input.readings.has_doubtful_room() => {
            return reached(input, named, window);
        }
        Cap::Organization if is_full => {
            let (limit, cause) = (LimitKind::Window(window), Cause::WindowFullDespiteCap);
            Finding::passing(limit, Verdict::CannotTell, cause)
        }
        Cap::Own | Cap::Member | Cap::SeatWithoutCredits if is_full => {
            reached(input, named, window)
        }
        Cap::Organization => Finding {
            cause: Cause::OrgCapOrOwnLimit,
            ..until_known_reset(input, named, window)
        },
        Cap::Own | Cap::Member | Cap::SeatWithoutCredits => until_known_reset(input, named, window),
    };
    finding.without_knowing(unknown)
}

/// Handles a cap that has been reached. Waiting helps if the reset time is known, because included usage is available
/// again after the reset.
fn reached(input: &Input<'_>, cap: Cap, window: Window) -> Finding {
    let cause = match (cap, is_admin_of_organization(input)) {
        (Cap::Own, _) => Cause::OwnCap,
        (Cap::Member, false) => Cause::MemberCap,
        (Cap::Member, true) => Cause::MemberCapOfAdmin,
        (Cap::SeatWithoutCredits, false) => Cause::SeatWithoutCredits,
        (Cap::SeatWithoutCredits, true) => Cause::SeatWithoutCreditsOfAdmin,
        (Cap::Organization, false) => Cause::OrgCap,
        (Cap::Organization, true) => Cause::OrgCapOfAdmin,
    };
    Finding::lasting(cap.into(), Verdict::Real, cap.raised_by(), cause)
        .waiting(helps(is_reset_known(input, window)))
        .until_reset_of(Some(window))
}

/// Returns true if the message or other evidence shows when the full window resets.
fn is_reset_known(input: &Input<'_>, window: Window) -> bool {
    input.certain_window().is_some() || is_reset_stated(input) || input.full_until(window).is_some()
}

/// Handles a cap that only the message mentions. Waiting helps if the reset time of the window is known.
fn until_known_reset(input: &Input<'_>, cap: Cap, window: Window) -> Finding {
    by_message(input, cap)
        .waiting(helps(is_reset_known(input, window)))
        .until_reset_of(Some(window))
}

/// Handles a cap that only the message mentions.
fn by_message(input: &Input<'_>, cap: Cap) -> Finding {
    let cause = match (cap, is_admin_of_organization(input)) {
        (Cap::Own, _) => Cause::OwnCapByMessage,
        (Cap::Member, false) => Cause::MemberCapByMessage,
        (Cap::Member, true) => Cause::MemberCapOfAdminByMessage,
        (Cap::SeatWithoutCredits, false) => Cause::SeatWithoutCreditsByMessage,
        (Cap::SeatWithoutCredits, true) => Cause::SeatWithoutCreditsOfAdminByMessage,
        (Cap::Organization, false) => Cause::OrgCapByMessage,
        (Cap::Organization, true) => Cause::OrgCapOfAdminByMessage,
    };
    Finding::lasting(cap.into(), Verdict::CannotTell, cap.raised_by(), cause)
}

/// Returns true if the user can change the caps of the organization.
fn is_admin_of_organization(input: &Input<'_>) -> bool {
    input.evidence.is_admin() && input.evidence.is_shared_plan()
}
