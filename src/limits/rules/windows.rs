//! "You've hit your … limit": a window of the plan.

use chrono::TimeDelta;

use super::credits;
use super::meters::{self, Meter};
use crate::limits::diagnosis::{Case, Conclusion};
use crate::limits::kind::{LimitKind, Verdict, Who};
use crate::limits::resets;

/// A five-hour window can end no later than this after the error.
const FIVE_HOURS: TimeDelta = TimeDelta::minutes(5 * 60 + 5);

const NO_METER: &str = "No meter reading from around the time of the error is known, so whycap cannot check the message. /usage shows the meters.";
const MODEL_METER: &str =
    "Clients give the status line no meter for the windows of single models. /usage shows them.";

/// Weighs a message about a window that the text may name.
pub(super) fn conclude(case: &Case<'_>, named: Option<LimitKind>) -> Conclusion {
    let evidence = case.evidence;
    let server = evidence
        .quota()
        .and_then(|quota| quota.rate_limit_type.as_deref());
    if server == Some("overage") {
        return credits::conclude(case);
    }
    match server.and_then(LimitKind::of_rate_limit_type).or(named) {
        None => without_a_name(case),
        Some(kind @ (LimitKind::FiveHour | LimitKind::Weekly)) => metered(case, kind),
        Some(kind) => {
            let sure = evidence.quota().is_some();
            let verdict = if sure {
                Verdict::Real
            } else {
                Verdict::CannotTell
            };
            found(kind, verdict).unknown_if(!sure, MODEL_METER)
        }
    }
}

fn found(kind: LimitKind, verdict: Verdict) -> Conclusion {
    Conclusion::new(kind, verdict, Who::Nobody).waiting(true)
}

/// Only the server can correct a meter, and nobody knows whether it will before the reset.
fn against_the_meters(kind: LimitKind) -> Conclusion {
    Conclusion::new(kind, Verdict::FalseLikely, Who::Anthropic).unknown(
        "Why the server refused is not known. Its own meter may differ from the one it shows.",
    )
}

fn metered(case: &Case<'_>, kind: LimitKind) -> Conclusion {
    let other = if kind == LimitKind::FiveHour {
        LimitKind::Weekly
    } else {
        LimitKind::FiveHour
    };
    match meters::read(case.evidence, kind) {
        Meter::Full => found(kind, Verdict::Real),
        Meter::Low if meters::read(case.evidence, other) == Meter::Full => {
            found(other, Verdict::Misworded)
        }
        Meter::Low => against_the_meters(kind),
        Meter::Close | Meter::Unknown if case.evidence.quota().is_some() => {
            found(kind, Verdict::Real)
        }
        Meter::Close | Meter::Unknown => found(kind, Verdict::CannotTell).unknown(NO_METER),
    }
}

fn without_a_name(case: &Case<'_>) -> Conclusion {
    let evidence = case.evidence;
    let reset = resets::in_text(&evidence.message, evidence.at, None, case.zone);
    if let Some(kind) = meters::full_window(evidence) {
        return found(kind, Verdict::Real);
    }
    let kind = match reset {
        Some(at) if at - evidence.at <= FIVE_HOURS => LimitKind::FiveHour,
        Some(_) => LimitKind::Weekly,
        None if meters::all_low(evidence) => LimitKind::FiveHour,
        None => LimitKind::Unknown,
    };
    if kind == LimitKind::Unknown {
        return found(kind, Verdict::CannotTell)
            .unknown("The message does not say which window it means.")
            .unknown(NO_METER);
    }
    if meters::read(evidence, kind) == Meter::Low {
        return against_the_meters(kind);
    }
    found(kind, Verdict::CannotTell)
        .unknown("The message does not say which window it means; whycap goes by its reset time.")
        .unknown(NO_METER)
}
