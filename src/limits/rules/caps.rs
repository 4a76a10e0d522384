//! Caps on usage credits: the user's own, a member's, a seat's, an organization's.

use super::{credits, windows};
use crate::claude::version::ClientVersion;
use crate::limits::clues::Pool;
use crate::limits::diagnosis::{Case, Diagnosis, Said, Source, Telling, Words, said};
use crate::limits::evidence::{Evidence, Whose};
use crate::limits::helps::{CHECK_METERS, FAST_MODE_OFF, OWN_CREDITS, UPDATE, WAIT};
use crate::limits::kind::LimitKind::{self, MemberSpendCap, OrgSpendCap, OwnSpendCap};
use crate::limits::kind::{Verdict, Who, Window};
use crate::limits::meters::{self, Fullness};

/// From here on, transcripts say whose session it is, and only sessions without a plan get the words
/// "org's" by mistake.
const NAMES_THE_OWNER: ClientVersion = ClientVersion(2, 1, 285);
/// From here on, clients tell a member's own limit from the organization's.
const TELLS_MEMBERS_APART: ClientVersion = ClientVersion(2, 1, 221);

const NO_METER: &str = "No usage from around the time of the error is known, so the time of the reset may be missing. /usage shows it.";
const MAY_BE_THE_MEMBERS: &str = "Before 2.1.221, Claude Code used the same words for a limit on one member. An Owner can see which it is.";
const TOKEN_HAS_NO_PLAN: &str = "The session ran on CLAUDE_CODE_OAUTH_TOKEN, which carries no plan. whycap goes by the login on this machine.";
const PLAN_IS_UNKNOWN: &str = "No login with a plan was found. Sessions without a plan get these words too, so they do not prove an organization.";
const ANOTHER_ORGANIZATION: &str = "The login here is a plan for one person, but these words belong to a seat in an organization. /status shows which one the session uses.";
const CAP_BUT_ROOM: &str = "A cap only matters once the included usage is used up, and there is room. Fast mode, the 1M context and some models use credits at once; otherwise the message is wrong.";

/// "You've hit your monthly spend limit", "Your seat type doesn't include usage credits": whose cap
/// it is stands in the message.
pub(in crate::limits) fn named(case: &Case<'_>) -> Diagnosis {
    let (evidence, cap) = (case.evidence, case.names);
    let window = window_under(case);
    let is_full = meters::fullness(evidence, window) == Fullness::Full;
    let certain = is_full || evidence.quota().is_some();
    let waiting = (certain || case.reset_in_text().is_some()).then_some(true);
    let has_room = meters::all_low(evidence);
    if has_room && evidence.session.client.fast_mode {
        return of(cap, Verdict::Real, Words::Told(credits::fast_mode))
            .first(FAST_MODE_OFF)
            .waiting(false);
    }
    let plan = evidence.plan();
    let diagnosis = match plan {
        Some(plan) if plan.is_personal() && is_the_organizations(evidence, cap) => {
            shared(evidence, cap, has_room, waiting).unknown(ANOTHER_ORGANIZATION)
        }
        Some(plan) if plan.is_personal() => personal(cap, window, certain, has_room, waiting),
        Some(_) => shared(evidence, cap, has_room, waiting),
        None if is_the_organizations(evidence, cap) => shared(evidence, cap, has_room, waiting),
        None => without_plan(case, window, certain, waiting),
    };
    let token = evidence.has("CLAUDE_CODE_OAUTH_TOKEN");
    diagnosis
        .over(window, certain && !has_room)
        .unknown_if(token && plan.is_some(), TOKEN_HAS_NO_PLAN)
        .unknown_if(waiting.is_none() && !has_room, NO_METER)
}

fn of(cap: LimitKind, verdict: Verdict, words: Words) -> Diagnosis {
    let who = if cap == OwnSpendCap {
        Who::You
    } else {
        Who::Admin
    };
    Diagnosis::new(cap, verdict, who, words)
}

fn real(cap: LimitKind) -> Diagnosis {
    of(cap, Verdict::Real, Words::Told(reached))
}

/// Only the message says so.
fn unconfirmed(cap: LimitKind) -> Diagnosis {
    let words = match cap {
        OwnSpendCap => Words::Told(|telling| {
            let pool = telling.pool();
            let what = format!("Your own monthly cap on {pool} is reached, the message says");
            telling.until(&what, "your included usage is back", "own spend cap")
        }),
        MemberSpendCap => Words::named("an admin s limit the"),
        OrgSpendCap => Words::named("an org s cap the"),
        _ => Words::named("seat without credits the message"),
    };
    of(cap, Verdict::CannotTell, words).first(CHECK_METERS)
}

/// Whether an organization set the cap, whoever is logged in beside the session.
fn is_the_organizations(evidence: &Evidence, cap: LimitKind) -> bool {
    let is_anothers = match evidence.login.whose {
        Some(whose) => whose == Whose::Other,
        None => evidence.plan().is_some() && evidence.is_since(NAMES_THE_OWNER),
    };
    cap == OrgSpendCap && is_anothers && !evidence.has("CLAUDE_CODE_OAUTH_TOKEN")
}

/// The window under the cap: the server's, else a full one, else what the text says, else the
/// five-hour window, which it was in every recorded case.
fn window_under(case: &Case<'_>) -> Window {
    case.evidence
        .refused_window()
        .or_else(|| meters::full_window(case.evidence))
        .or(case.clues.window_that_resets())
        .unwrap_or(Window::FiveHour)
}

/// On a personal plan there is no organization: only the user's own cap can be meant.
fn personal(
    cap: LimitKind,
    window: Window,
    certain: bool,
    has_room: bool,
    waiting: Option<bool>,
) -> Diagnosis {
    let within = LimitKind::Window(window);
    match cap {
        OwnSpendCap if has_room => windows::contradicted(cap),
        _ if has_room => windows::contradicted(within),
        OwnSpendCap if certain => real(cap).waiting(true),
        OwnSpendCap => unconfirmed(cap).waiting(true),
        OrgSpendCap => {
            let words = Words::Told(no_organization);
            Diagnosis::new(within, Verdict::Misworded, Who::Nobody, words)
                .helps(&[WAIT, OWN_CREDITS, UPDATE])
                .decided_by(Source::Account)
                .waiting(true)
        }
        // No client is known to show the words for seats, groups and members by mistake.
        _ => real(cap)
            .waiting(waiting)
            .decided_by(Source::Account)
            .unknown(ANOTHER_ORGANIZATION),
    }
}

/// On a shared plan every cap is an admin's. The words for one's own cap are wrong there.
fn shared(evidence: &Evidence, cap: LimitKind, has_room: bool, waiting: Option<bool>) -> Diagnosis {
    let (meant, verdict) = match cap {
        OwnSpendCap => (OrgSpendCap, Verdict::Misworded),
        _ => (cap, Verdict::Real),
    };
    if has_room {
        return unconfirmed(meant).unknown(CAP_BUT_ROOM);
    }
    let may_be_members = meant == OrgSpendCap && evidence.is_before(TELLS_MEMBERS_APART);
    of(meant, verdict, Words::Told(reached))
        .waiting(waiting)
        .unknown_if(may_be_members, MAY_BE_THE_MEMBERS)
}

fn without_plan(
    case: &Case<'_>,
    window: Window,
    certain: bool,
    waiting: Option<bool>,
) -> Diagnosis {
    let cap = case.names;
    let diagnosis = if cap != OrgSpendCap {
        if certain { real(cap) } else { unconfirmed(cap) }
    } else if case.clues.offers_credits() {
        return real(cap).waiting(waiting);
    } else if certain {
        // What is certain is the window; whose cap came on top is not.
        let (within, words) = (LimitKind::Window(window), Words::Told(whose_is_unknown));
        Diagnosis::new(within, Verdict::CannotTell, Who::Nobody, words).first(CHECK_METERS)
    } else {
        let words = Words::named("an org s cap on");
        of(cap, Verdict::CannotTell, words).first(CHECK_METERS)
    };
    diagnosis.waiting(waiting).unknown(PLAN_IS_UNKNOWN)
}

/// The cap, and the plan's window under it where that is known.
fn reached(telling: &Telling<'_>) -> Said {
    let (limit, pool) = (telling.limit(), telling.pool());
    let (with_window, alone, badge) = match telling.diagnosis.limit {
        OwnSpendCap => {
            let what = format!("Your {limit} and your own monthly cap on {pool} are reached");
            return telling.until_back(&what, &format!("{limit} + own spend cap"));
        }
        MemberSpendCap => (
            format!("Your {limit} and an admin's limit on you are reached"),
            "An admin's limit on your spending is reached".to_owned(),
            "admin's limit on you · ask an Owner",
        ),
        OrgSpendCap => {
            let cap = match telling.clues.pool {
                Pool::UsageCredits => "our organization's credit cap",
                Pool::ExtraUsage => "our organization's extra usage cap",
            };
            (
                format!("Your {limit} and y{cap} are reached"),
                format!("Y{cap} is reached"),
                if telling.evidence.is_admins() {
                    "org's cap · raise: /usage-credits"
                } else {
                    "org's spend cap · ask an Owner"
                },
            )
        }
        _ => (
            format!("Your {limit} is used up, and your seat has no {pool}"),
            format!("Your seat has no {pool} to go on with"),
            "seat without credits",
        ),
    };
    if telling.resets.chosen.is_some() || telling.diagnosis.window_is_full {
        return telling.until_back(&with_window, badge);
    }
    let raise = if telling.evidence.is_admins() {
        "you can change it in the organization's settings"
    } else {
        "ask an Owner, or wait for your included usage (/usage)"
    };
    said(
        &[format!("{alone}: {raise}")],
        format!("{badge} · reset: see /usage"),
    )
}

fn no_organization(telling: &Telling<'_>) -> Said {
    let limit = telling.limit();
    let what = if telling.diagnosis.window_is_full {
        format!("Your {limit} is used up, no organization is involved")
    } else {
        format!("No organization is involved, most likely your {limit} is used up")
    };
    telling.until_back(&what, &format!("{limit}, no org involved"))
}

/// The message may be about an organization, or not.
fn whose_is_unknown(telling: &Telling<'_>) -> Said {
    if !telling.diagnosis.window_is_full {
        return windows::says_the_message(telling);
    }
    let limit = telling.limit();
    let what = format!("Your {limit} is used up, whoever set the cap in the message");
    telling.until_back(&what, limit)
}
