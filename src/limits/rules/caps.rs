//! Caps on usage credits: the user's own, a member's, a seat's, an organization's.

use super::windows;
use crate::claude::version::ClientVersion;
use crate::limits::diagnosis::{Case, Diagnosis, Source, Words};
use crate::limits::evidence::Evidence;
use crate::limits::helps::{CHECK_METERS, FAST_MODE_OFF, OWN_CREDITS, UPDATE, WAIT};
use crate::limits::kind::{LimitKind, Verdict, Who, Window};
use crate::limits::meters::{self, Fullness};
use crate::limits::words::{caps as words, credits, windows as window_words};

/// From here on, clients tell a member's own limit from the organization's.
const TELLS_MEMBERS_APART: ClientVersion = ClientVersion(2, 1, 221);

const NO_METER: &str = "No usage from around the time of the error is known, so the time of the reset may be missing. /usage shows it.";
const MAY_BE_THE_MEMBERS: &str = "Before 2.1.221, Claude Code used the same words for a limit on one member. An Owner can see which it is.";
const TOKEN_HAS_NO_PLAN: &str = "The session ran on CLAUDE_CODE_OAUTH_TOKEN, which carries no plan. whycap goes by the login on this machine.";
const PLAN_IS_UNKNOWN: &str = "No login with a plan was found. Sessions without a plan get these words too, so they do not prove an organization.";
const ANOTHER_ORGANIZATION: &str = "The login here is a plan for one person, but these words belong to a seat in an organization. /status shows which one the session uses.";
const CAP_BUT_ROOM: &str = "A cap only matters once the included usage is used up, and there is room. Fast mode, the 1M context and some models use credits at once; otherwise the message is wrong.";

/// Whose cap a message names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cap {
    Own,
    Member,
    Seat,
    Organization,
}

impl Cap {
    fn limit(self) -> LimitKind {
        match self {
            Self::Own => LimitKind::OwnSpendCap,
            Self::Member => LimitKind::MemberSpendCap,
            Self::Seat => LimitKind::SeatNoCredits,
            Self::Organization => LimitKind::OrgSpendCap,
        }
    }

    fn who(self) -> Who {
        match self {
            Self::Own => Who::You,
            Self::Member | Self::Seat | Self::Organization => Who::Admin,
        }
    }

    fn real(self) -> Diagnosis {
        let words = match self {
            Self::Own => words::own,
            Self::Member => words::of_member,
            Self::Seat => words::of_seat,
            Self::Organization => words::of_organization,
        };
        self.diagnosis(Verdict::Real, Words::Told(words))
    }

    fn unconfirmed(self) -> Diagnosis {
        let words = match self {
            Self::Own => Words::Told(words::own_unconfirmed),
            Self::Member => words::MEMBER_UNCONFIRMED,
            Self::Seat => words::SEAT_UNCONFIRMED,
            Self::Organization => words::ORGANIZATION_UNCONFIRMED,
        };
        self.diagnosis(Verdict::CannotTell, words)
            .first(CHECK_METERS)
    }

    fn diagnosis(self, verdict: Verdict, words: Words) -> Diagnosis {
        Diagnosis::new(self.limit(), verdict, self.who(), words)
    }
}

/// "You've hit your monthly spend limit".
pub(in crate::limits) fn own(case: &Case<'_>) -> Diagnosis {
    weigh(case, Cap::Own)
}

/// "You've hit your individual spend limit".
pub(in crate::limits) fn member(case: &Case<'_>) -> Diagnosis {
    weigh(case, Cap::Member)
}

/// "Your seat type doesn't include usage credits".
pub(in crate::limits) fn seat(case: &Case<'_>) -> Diagnosis {
    weigh(case, Cap::Seat)
}

/// "You've hit your org's monthly spend limit".
pub(in crate::limits) fn organization(case: &Case<'_>) -> Diagnosis {
    weigh(case, Cap::Organization)
}

fn weigh(case: &Case<'_>, cap: Cap) -> Diagnosis {
    let evidence = case.evidence;
    let window = window_under(case);
    let is_full = meters::fullness(evidence, window) == Fullness::Full;
    let certain = is_full || evidence.quota().is_some();
    let waiting = (certain || case.reset_in_text().is_some()).then_some(true);
    let has_room = meters::all_low(evidence);
    if has_room && evidence.fast_mode {
        return cap
            .diagnosis(Verdict::Real, Words::Told(credits::fast_mode))
            .first(FAST_MODE_OFF)
            .waiting(false);
    }
    let plan = evidence.plan();
    let diagnosis = match plan {
        Some(plan) if plan.is_personal() => personal(cap, window, certain, has_room, waiting),
        Some(_) => shared(evidence, cap, has_room, waiting),
        None => without_plan(case, cap, window, certain, waiting),
    };
    let token = evidence.has("CLAUDE_CODE_OAUTH_TOKEN");
    diagnosis
        .over(window, certain && !has_room)
        .unknown_if(token && plan.is_some(), TOKEN_HAS_NO_PLAN)
        .unknown_if(waiting.is_none() && !has_room, NO_METER)
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
    cap: Cap,
    window: Window,
    certain: bool,
    has_room: bool,
    waiting: Option<bool>,
) -> Diagnosis {
    let within = LimitKind::Window(window);
    match cap {
        Cap::Own if has_room => windows::contradicted(cap.limit()),
        Cap::Member | Cap::Seat | Cap::Organization if has_room => windows::contradicted(within),
        Cap::Own if certain => cap.real().waiting(true),
        Cap::Own => cap.unconfirmed().waiting(true),
        Cap::Organization => Diagnosis::new(
            within,
            Verdict::Misworded,
            Who::Nobody,
            Words::Told(window_words::no_organization),
        )
        .helps(&[WAIT, OWN_CREDITS, UPDATE])
        .decided_by(Source::Account)
        .waiting(true),
        // No client is known to show the words for seats, groups and members by mistake.
        Cap::Member | Cap::Seat => cap
            .real()
            .waiting(waiting)
            .decided_by(Source::Account)
            .unknown(ANOTHER_ORGANIZATION),
    }
}

/// On a shared plan every cap is an admin's. The words for one's own cap are wrong there.
fn shared(evidence: &Evidence, cap: Cap, has_room: bool, waiting: Option<bool>) -> Diagnosis {
    let (meant, verdict) = match cap {
        Cap::Own => (Cap::Organization, Verdict::Misworded),
        Cap::Member | Cap::Seat | Cap::Organization => (cap, Verdict::Real),
    };
    if has_room {
        return meant.unconfirmed().unknown(CAP_BUT_ROOM);
    }
    let may_be_members = meant == Cap::Organization
        && evidence
            .version()
            .is_some_and(|version| version < TELLS_MEMBERS_APART);
    Diagnosis {
        verdict,
        ..meant.real()
    }
    .waiting(waiting)
    .unknown_if(may_be_members, MAY_BE_THE_MEMBERS)
}

fn without_plan(
    case: &Case<'_>,
    cap: Cap,
    window: Window,
    certain: bool,
    waiting: Option<bool>,
) -> Diagnosis {
    let diagnosis = match cap {
        Cap::Organization if case.clues.offers_credits() => return cap.real().waiting(waiting),
        Cap::Own if !certain => cap.unconfirmed(),
        // What is certain is the window; whose cap came on top is not.
        Cap::Organization if certain => Diagnosis::new(
            LimitKind::Window(window),
            Verdict::CannotTell,
            Who::Nobody,
            Words::Told(window_words::whose_is_unknown),
        )
        .first(CHECK_METERS),
        Cap::Organization => cap
            .diagnosis(Verdict::CannotTell, words::PLAN_DECIDES)
            .first(CHECK_METERS),
        Cap::Own | Cap::Member | Cap::Seat if certain => cap.real(),
        Cap::Own | Cap::Member | Cap::Seat => cap.unconfirmed(),
    };
    diagnosis.waiting(waiting).unknown(PLAN_IS_UNKNOWN)
}
