//! Caps on usage credits: the user's own, a member's, a seat's, an organisation's.

use super::meters::{self, Meter};
use crate::claude::version::ClientVersion;
use crate::limits::diagnosis::{Case, Conclusion};
use crate::limits::kind::{LimitKind, Verdict, Who};

/// From here on, clients tell a member's own limit from the organisation's.
const TELLS_MEMBERS_APART: ClientVersion = ClientVersion(2, 1, 221);

const NO_METER: &str = "No meter reading from around the time of the error is known, so the time of the reset may be missing. /usage shows it.";
const MAY_BE_THE_MEMBERS: &str = "Clients before 2.1.221 used the same words for the organisation's cap and for a limit on one member. An Owner can see which it is.";
const TOKEN_HAS_NO_PLAN: &str = "The session ran on CLAUDE_CODE_OAUTH_TOKEN, which carries no plan. whycap goes by the login on this machine.";
const PLAN_IS_UNKNOWN: &str = "No login with a plan was found. Clients use these words for every session without a plan, so they do not prove that an organisation is involved.";
const ANOTHER_ORGANISATION: &str = "The login on this machine is a personal plan, but these words belong to a seat in an organisation. /status shows which organisation the session really uses.";
const CAP_BUT_ROOM: &str = "Caps only matter once the included usage is used up, and the meters show room. Fast mode, the 1M context and some models draw on the pool at once; otherwise the message is wrong.";

/// Weighs a message about a cap.
pub(super) fn conclude(case: &Case<'_>, named: LimitKind) -> Conclusion {
    let window = window_under(case);
    let evidence = case.evidence;
    let is_full = meters::read(evidence, window) == Meter::Full;
    let certain = is_full || evidence.quota().is_some();
    let has_room = meters::all_low(evidence);
    if has_room && evidence.fast_mode {
        let is_own = named == LimitKind::OwnSpendCap;
        let who = if is_own { Who::You } else { Who::Admin };
        return Conclusion::new(named, Verdict::Real, who).waiting(false);
    }
    let plan = evidence.plan();
    let conclusion = match plan {
        Some(plan) if plan.is_personal() => personal(named, window, certain, has_room),
        Some(_) => shared(case, named, certain, has_room),
        None => without_plan(case, named, window, certain),
    };
    let token = evidence.has("CLAUDE_CODE_OAUTH_TOKEN");
    conclusion
        .over(window, certain && !has_room)
        .unknown_if(token && plan.is_some(), TOKEN_HAS_NO_PLAN)
        .unknown_if(!certain && !has_room, NO_METER)
}

/// The window under the cap: the server's, else a full one, else what the text says, else the
/// five-hour window, which it was in every recorded case.
fn window_under(case: &Case<'_>) -> LimitKind {
    let by_server = case
        .evidence
        .quota()
        .and_then(|quota| LimitKind::of_rate_limit_type(quota.rate_limit_type.as_deref()?));
    by_server
        .or_else(|| meters::full_window(case.evidence))
        .unwrap_or(if case.clues.text().contains("weekly limit resets") {
            LimitKind::Weekly
        } else {
            LimitKind::FiveHour
        })
}

/// On a personal plan there is no organisation: only the user's own cap can be meant.
fn personal(named: LimitKind, window: LimitKind, certain: bool, has_room: bool) -> Conclusion {
    let is_own = named == LimitKind::OwnSpendCap;
    if has_room {
        let limit = if is_own { named } else { window };
        return Conclusion::new(limit, Verdict::FalseLikely, Who::Anthropic).unknown(
            "Why the server refused is not known. Its own meter may differ from the one it shows.",
        );
    }
    if named == LimitKind::OrgSpendCap {
        return Conclusion::new(window, Verdict::Misworded, Who::Nobody).waiting(true);
    }
    if !is_own {
        // No client is known to show the words for seats, groups and members by mistake.
        return Conclusion::new(named, Verdict::Real, Who::Admin)
            .waiting(certain.then_some(true))
            .unknown(ANOTHER_ORGANISATION);
    }
    let verdict = if certain {
        Verdict::Real
    } else {
        Verdict::CannotTell
    };
    Conclusion::new(named, verdict, Who::You).waiting(true)
}

/// On a shared plan every cap is an admin's. The words for one's own cap are wrong there.
fn shared(case: &Case<'_>, named: LimitKind, certain: bool, has_room: bool) -> Conclusion {
    let is_own = named == LimitKind::OwnSpendCap;
    let limit = if is_own {
        LimitKind::OrgSpendCap
    } else {
        named
    };
    if has_room {
        return Conclusion::new(limit, Verdict::CannotTell, Who::Admin).unknown(CAP_BUT_ROOM);
    }
    let verdict = if is_own {
        Verdict::Misworded
    } else {
        Verdict::Real
    };
    let may_be_members = limit == LimitKind::OrgSpendCap
        && case
            .evidence
            .version()
            .is_some_and(|version| version < TELLS_MEMBERS_APART);
    Conclusion::new(limit, verdict, Who::Admin)
        .waiting(certain.then_some(true))
        .unknown_if(may_be_members, MAY_BE_THE_MEMBERS)
}

fn without_plan(case: &Case<'_>, named: LimitKind, window: LimitKind, certain: bool) -> Conclusion {
    // Only a client that knows of an organisation's plan offers its members this command.
    let client_knew_a_plan = case.clues.text().contains("/usage-credits");
    if named == LimitKind::OrgSpendCap && client_knew_a_plan {
        return Conclusion::new(named, Verdict::Real, Who::Admin).waiting(certain.then_some(true));
    }
    match (named, certain) {
        (LimitKind::OwnSpendCap, _) => {
            let verdict = if certain {
                Verdict::Real
            } else {
                Verdict::CannotTell
            };
            Conclusion::new(named, verdict, Who::You).waiting(certain.then_some(true))
        }
        // What is certain is the window; whose cap came on top is not.
        (LimitKind::OrgSpendCap, true) => {
            Conclusion::new(window, Verdict::CannotTell, Who::Nobody).waiting(true)
        }
        (_, true) => Conclusion::new(named, Verdict::Real, Who::Admin).waiting(true),
        (_, false) => Conclusion::new(named, Verdict::CannotTell, Who::Admin),
    }
    .unknown(PLAN_IS_UNKNOWN)
}
