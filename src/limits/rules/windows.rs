//! "You've hit your … limit": a window of the plan.

use chrono::TimeDelta;

use super::credits;
use crate::limits::diagnosis::{Case, Diagnosis, Source, Words};
use crate::limits::helps::{
    CHECK_METERS, CHECK_STATUS, DO_NOT_BUY, REPORT, SEND_AGAIN_LATER, UPDATE, WAIT,
};
use crate::limits::kind::{LimitKind, Verdict, Who, Window};
use crate::limits::meters::{self, Fullness};
use crate::limits::words::windows as words;
use crate::time::FIVE_HOURS;

/// Texts give minutes, so a five-hour window may seem to end a little later than five hours on.
const SLACK: TimeDelta = TimeDelta::minutes(5);

const NO_METER: &str = "No usage from around the time of the error is known, so whycap cannot check the message. /usage shows it.";
const MODEL_METER: &str =
    "Claude Code gives no usage for the limits of single models. /usage shows them.";
const WHY_REFUSED: &str =
    "Why the server refused is not known. It may count otherwise than it shows.";
const WHICH_WINDOW: &str = "The message does not say which limit it means.";
const BY_RESET: &str =
    "The message does not say which limit it means; whycap goes by its reset time.";

/// A window that the message names.
pub(in crate::limits) fn named(case: &Case<'_>) -> Diagnosis {
    weigh(case, case.names.window())
}

/// The API's own words behind every plan limit of old clients. They name nothing.
pub(in crate::limits) fn account_rate(case: &Case<'_>) -> Diagnosis {
    match meters::full_window(case.evidence) {
        Some(window) => used_up(window, Source::Sample),
        None => Diagnosis::new(
            LimitKind::Unknown,
            Verdict::CannotTell,
            Who::Nobody,
            Words::Told(words::account_rate),
        )
        .waiting(true)
        .first(CHECK_METERS)
        .unknown(WHICH_WINDOW),
    }
}

/// A window that the message does not name.
pub(in crate::limits) fn unnamed(case: &Case<'_>) -> Diagnosis {
    weigh(case, None)
}

fn weigh(case: &Case<'_>, named: Option<Window>) -> Diagnosis {
    let evidence = case.evidence;
    let quota = evidence.quota();
    if quota.is_some_and(|quota| quota.rate_limit_type.as_deref() == Some("overage")) {
        return credits::own(case);
    }
    match evidence.refused_window().or(named) {
        None => without_a_name(case),
        Some(window) if window.is_of_one_model() && quota.is_some() => {
            used_up(window, Source::Transcript)
        }
        Some(window) if window.is_of_one_model() => unconfirmed(window).unknown(MODEL_METER),
        Some(window) => metered(case, window),
    }
}

fn found(window: Window, verdict: Verdict, words: Words) -> Diagnosis {
    Diagnosis::new(LimitKind::Window(window), verdict, Who::Nobody, words).waiting(true)
}

fn used_up(window: Window, decisive: Source) -> Diagnosis {
    found(window, Verdict::Real, Words::Told(words::used_up)).decided_by(decisive)
}

fn unconfirmed(window: Window) -> Diagnosis {
    found(window, Verdict::CannotTell, Words::Told(words::unconfirmed)).and(CHECK_METERS)
}

/// Another window was full than the one that is named.
pub(super) fn another(window: Window) -> Diagnosis {
    found(
        window,
        Verdict::Misworded,
        Words::Told(words::another_is_used_up),
    )
    .helps(&[WAIT, UPDATE])
    .decided_by(Source::Sample)
}

/// Only the server can correct a meter, and nobody knows whether it will before the reset.
pub(super) fn contradicted(limit: LimitKind) -> Diagnosis {
    Diagnosis::new(
        limit,
        Verdict::FalseLikely,
        Who::Anthropic,
        Words::Told(words::contradicted),
    )
    .helps(&[
        SEND_AGAIN_LATER,
        CHECK_METERS,
        UPDATE,
        CHECK_STATUS,
        DO_NOT_BUY,
        REPORT,
    ])
    .decided_by(Source::Sample)
    .unknown(WHY_REFUSED)
}

fn metered(case: &Case<'_>, window: Window) -> Diagnosis {
    let other = if window == Window::FiveHour {
        Window::Weekly
    } else {
        Window::FiveHour
    };
    match meters::fullness(case.evidence, window) {
        Fullness::Full => used_up(window, Source::Sample),
        Fullness::Low if meters::fullness(case.evidence, other) == Fullness::Full => another(other),
        Fullness::Low => contradicted(LimitKind::Window(window)),
        Fullness::Close | Fullness::Unknown if case.evidence.quota().is_some() => {
            used_up(window, Source::Transcript)
        }
        Fullness::Close | Fullness::Unknown => unconfirmed(window).unknown(NO_METER),
    }
}

fn without_a_name(case: &Case<'_>) -> Diagnosis {
    let evidence = case.evidence;
    if let Some(window) = meters::full_window(evidence) {
        return used_up(window, Source::Sample);
    }
    let window = match case.reset_in_text() {
        Some(at) if at - evidence.at <= FIVE_HOURS + SLACK => Window::FiveHour,
        Some(_) => Window::Weekly,
        None if meters::all_low(evidence) => Window::FiveHour,
        None => {
            return Diagnosis::new(
                LimitKind::Unknown,
                Verdict::CannotTell,
                Who::Nobody,
                words::UNNAMED,
            )
            .waiting(true)
            .first(CHECK_METERS)
            .unknown(WHICH_WINDOW)
            .unknown(NO_METER);
        }
    };
    if meters::fullness(evidence, window) == Fullness::Low {
        return contradicted(LimitKind::Window(window));
    }
    unconfirmed(window).unknown(BY_RESET).unknown(NO_METER)
}
