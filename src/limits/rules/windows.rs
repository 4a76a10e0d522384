//! "You've hit your … limit": a window of the plan.

use chrono::TimeDelta;

use super::credits;
use crate::limits::diagnosis::{Case, Diagnosis, Said, Source, Telling, Words, said};
use crate::limits::evidence::Seen;
use crate::limits::helps::{
    CHECK_METERS, CHECK_STATUS, DO_NOT_BUY, REPORT, SEND_AGAIN_LATER, UPDATE, WAIT,
};
use crate::limits::kind::{LimitKind, Verdict, Who, Window};
use crate::limits::meters::{self, Fullness};
use crate::limits::resets::Reset;
use crate::time::FIVE_HOURS;

/// Texts give minutes, so a five-hour window may seem to end a little later than five hours on.
const SLACK: TimeDelta = TimeDelta::minutes(5);

/// A message may have come so long before somebody pasted it.
const PASTED_LATER: TimeDelta = TimeDelta::hours(1);

const NO_METER: &str = "No usage from around the time of the error is known, so whycap cannot check the message. /usage shows it.";
const MODEL_METER: &str =
    "Claude Code gives no usage for the limits of single models. /usage shows them.";
const WHY_REFUSED: &str =
    "Why the server refused is not known. It may count differently from what it shows.";
const WHICH_WINDOW: &str = "The message does not say which limit it means.";
const BY_RESET: &str =
    "The message does not say which limit it means; whycap goes by its reset time.";

/// A window that the message names, or one of those without a name.
pub(in crate::limits) fn used_up(case: &Case<'_>) -> Diagnosis {
    let evidence = case.evidence;
    let quota = evidence.quota();
    if quota.is_some_and(|quota| quota.rate_limit_type.as_deref() == Some("overage")) {
        return credits::own(case);
    }
    match evidence.refused_window().or(case.names.window()) {
        None => without_a_name(case),
        Some(window) if window.is_of_one_model() && quota.is_some() => {
            real(window, Source::Transcript)
        }
        Some(window)
            if window.is_of_one_model()
                && meters::fullness(evidence, window) == Fullness::Unknown =>
        {
            unconfirmed(window).unknown(MODEL_METER)
        }
        Some(window) => metered(case, window),
    }
}

/// The API's own words behind every plan limit of old clients. They name nothing.
pub(in crate::limits) fn account_rate(case: &Case<'_>) -> Diagnosis {
    meters::full_window(case.evidence).map_or_else(
        || which(Words::Told(a_window_probably)),
        |window| real(window, Source::Sample),
    )
}

/// One of the windows, but which?
fn which(words: Words) -> Diagnosis {
    Diagnosis::new(LimitKind::Unknown, Verdict::CannotTell, Who::Nobody, words)
        .waiting(true)
        .first(CHECK_METERS)
        .unknown(WHICH_WINDOW)
}

fn found(window: Window, verdict: Verdict, words: fn(&Telling<'_>) -> Said) -> Diagnosis {
    let words = Words::Told(words);
    Diagnosis::new(LimitKind::Window(window), verdict, Who::Nobody, words).waiting(true)
}

fn real(window: Window, decisive: Source) -> Diagnosis {
    found(window, Verdict::Real, |telling| {
        let limit = telling.limit();
        telling.until_back_or_another_model(&format!("Your {limit} is used up"), limit)
    })
    .decided_by(decisive)
}

fn unconfirmed(window: Window) -> Diagnosis {
    Diagnosis {
        besides: Some(CHECK_METERS),
        ..found(window, Verdict::CannotTell, says_the_message)
    }
}

/// Another window was full than the one that is named.
pub(super) fn another(window: Window) -> Diagnosis {
    found(window, Verdict::Misworded, |telling| {
        let limit = telling.limit();
        let what = format!("Your {limit} is used up, not what the message names");
        telling.until_back(&what, limit)
    })
    .helps(&[WAIT, UPDATE])
    .decided_by(Source::Sample)
}

/// Only the server can correct a meter, and nobody knows whether it will before the reset.
pub(super) fn contradicted(limit: LimitKind) -> Diagnosis {
    let words = Words::Told(|telling| telling.contradicted("try again in a few minutes"));
    Diagnosis::new(limit, Verdict::FalseLikely, Who::Anthropic, words)
        .helps(&[
            SEND_AGAIN_LATER,
            CHECK_METERS,
            UPDATE,
            CHECK_STATUS,
            DO_NOT_BUY,
            REPORT,
        ])
        .decided_by(Source::Sample)
        .waiting(true)
        .unknown(WHY_REFUSED)
}

fn metered(case: &Case<'_>, window: Window) -> Diagnosis {
    let other = if window == Window::FiveHour {
        Window::Weekly
    } else {
        Window::FiveHour
    };
    match meters::fullness(case.evidence, window) {
        Fullness::Full => real(window, Source::Sample),
        Fullness::Low if meters::fullness(case.evidence, other) == Fullness::Full => another(other),
        Fullness::Low => contradicted(LimitKind::Window(window)),
        Fullness::Close | Fullness::Unknown if case.evidence.quota().is_some() => {
            real(window, Source::Transcript)
        }
        Fullness::Close | Fullness::Unknown => unconfirmed(window).unknown(NO_METER),
    }
}

fn without_a_name(case: &Case<'_>) -> Diagnosis {
    let evidence = case.evidence;
    if let Some(window) = meters::full_window(evidence) {
        return real(window, Source::Sample);
    }
    let is_pasted = evidence.text.seen == Seen::Pasted;
    let window = match case.reset_in_text() {
        Some(at) if at - evidence.at <= FIVE_HOURS + SLACK => Window::FiveHour,
        // When a pasted message came nobody knows.
        Some(at) if is_pasted && at - evidence.at <= FIVE_HOURS + PASTED_LATER => {
            return which(Words::Told(|telling| {
                telling.until_back(
                    "A usage window of your plan is full, the message says",
                    "usage limit",
                )
            }));
        }
        Some(_) => Window::Weekly,
        None if meters::all_low(evidence) => Window::FiveHour,
        None => {
            return which(Words::named("usage limit")).unknown(NO_METER);
        }
    };
    if meters::fullness(evidence, window) == Fullness::Low {
        return contradicted(LimitKind::Window(window));
    }
    unconfirmed(window).unknown(BY_RESET).unknown(NO_METER)
}

/// Nothing but the message says so.
pub(super) fn says_the_message(telling: &Telling<'_>) -> Said {
    let limit = telling.limit();
    let what = format!("Your {limit} is used up, the message says");
    let said = telling.until_back_or_another_model(&what, &format!("{limit}, the message says"));
    let shorter = telling.until_back(&what, limit).badge;
    said.or_badge(shorter)
}

fn a_window_probably(telling: &Telling<'_>) -> Said {
    let back = |reset: Reset| format!("usage limit? · back {}", telling.clock.time(reset.at));
    let badge = telling.resets.chosen.map(back);
    said(
        &[
            "A usage window of your plan is probably full: look at /usage, which shows when you are back",
        ],
        badge.unwrap_or_else(|| "usage limit? · see /usage".to_owned()),
    )
}
