//! The badge: what happened and what to do, in at most 60 columns.

use super::{credential, first_that_fits, is_only_expected_to_be_over, usage};
use crate::limits::{Continuation, Family, Kind, Outlook, State, Verdict};
use crate::time::Clock;

/// The maximum width of a badge.
const COLUMNS: usize = 60;

/// Returns the badge for an outlook.
pub(crate) fn badge(outlook: &Outlook, clock: Clock) -> String {
    if outlook.is_over() {
        let [what, step] = over(outlook);
        return first_that_fits(&[format!("{what} · {step}"), step], COLUMNS);
    }
    if let Some(budget) = &outlook.budget {
        let scope = budget.scope.key();
        return format!("your budget for this {scope} is used up · /whycap continue");
    }
    match outlook.verdict {
        Verdict::FalseLikely => first_that_fits(
            &[
                format!(
                    "false alarm? {} · try again in a few minutes",
                    usage(outlook)
                ),
                format!("false alarm? {} · try again soon", usage(outlook)),
                "false alarm? · try again in a few minutes".to_owned(),
            ],
            COLUMNS,
        ),
        Verdict::WrongCredential => first_that_fits(
            &[
                format!("{} is used instead of your plan", credential(outlook)),
                "a key is used instead of your plan".to_owned(),
            ],
            COLUMNS,
        ),
        _ if outlook.limit().family().is_of_plan() && outlook.is_stopped() => plan(outlook, clock),
        _ => first_that_fits(&[of_message(outlook)], COLUMNS),
    }
}

/// Returns the badge of a limit of the plan that blocks work.
fn plan(outlook: &Outlook, clock: Clock) -> String {
    let limit = outlook.limit();
    let name = if outlook.is_guess && outlook.resets_at.is_none() {
        "usage limit"
    } else {
        limit.description().badge
    };
    let doubt = if outlook.verdict == Verdict::CannotTell {
        " (unconfirmed)"
    } else {
        ""
    };
    let end = match outlook.resets_at {
        Some(reset) => format!("resets at {}", clock.format_briefly(reset)),
        None => "see /usage".to_owned(),
    };
    let window = outlook.window.filter(|window| *window != limit);
    let both =
        window.map(|window| format!("{} + {name}{doubt} · {end}", window.description().badge));
    let forms: Vec<String> = both
        .into_iter()
        .chain([format!("{name}{doubt} · {end}"), format!("{name} · {end}")])
        .collect();
    first_that_fits(&forms, COLUMNS)
}

/// Returns the badge that the catalog has for the message, or else the name of the limit.
fn of_message(outlook: &Outlook) -> String {
    let stop = outlook.stop.as_ref();
    let by_catalog = stop
        .filter(|stop| stop.judgement.limit == outlook.limit())
        .and_then(|stop| stop.message.row.badge);
    by_catalog
        .unwrap_or(outlook.limit().description().badge)
        .to_owned()
}

/// Returns why a limit no longer stops the request, and what to do.
fn over(outlook: &Outlook) -> [String; 2] {
    let description = outlook.limit().description();
    let name = match outlook.limit() {
        Kind::Unknown => "error",
        _ => description.label,
    };
    let is_pause = description.family == Family::Service;
    let (end, step) = match &outlook.state {
        State::Paid => ("", "usage credits are paying"),
        State::LowerPriority => ("", "working at lower priority, free"),
        State::Answered(_) => (" is over", "you can continue"),
        State::Spared => (" does not apply now", "send the prompt again"),
        State::Reopened(_) if matches!(outlook.continuation, Continuation::At(_)) => {
            (" should have reset", "Claude Code continues by itself")
        }
        State::Reopened(_) if is_only_expected_to_be_over(outlook) && is_pause => {
            (" should be over", "send the prompt again")
        }
        State::Reopened(_) if is_only_expected_to_be_over(outlook) => {
            (" should have reset", "send the prompt again")
        }
        State::Reopened(_) | State::Blocked | State::NotHere | State::NeverClosed => {
            (" is over", "send the prompt again")
        }
    };
    [format!("{name}{end}"), step.to_owned()]
}
