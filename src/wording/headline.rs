//! The headline: one sentence that says what happened, and when the user can work again or what to do first.

use super::{credential, first_that_fits, usage, window_name};
use crate::limits::{Family, Kind, Opening, Outlook, State, Verdict, Who};
use crate::time::Clock;

/// The maximum width of a headline.
const COLUMNS: usize = 110;

/// Returns the headline, which is one sentence of at most 110 characters.
pub(crate) fn headline(outlook: &Outlook, clock: Clock) -> String {
    let forms = match ending(outlook, clock) {
        Some(ending) => vec![format!("{}; {ending}.", past(outlook)), sentence(&ending)],
        None => present(outlook, clock),
    };
    first_that_fits(&forms, COLUMNS)
}

/// Returns alternative headlines for a limit that has not ended, longest first.
fn present(outlook: &Outlook, clock: Clock) -> Vec<String> {
    if let Some(budget) = &outlook.budget {
        let amounts = format!("${:.2} of ${:.2}", budget.spent_usd, budget.limit_usd);
        return vec![
            format!(
                "Your own budget is used up ({amounts}); type /whycap continue to go on anyway."
            ),
            "Your own budget is used up; type /whycap continue to go on anyway.".to_owned(),
        ];
    }
    match outlook.verdict {
        Verdict::FalseLikely => vec![
            format!(
                "This looks like a false alarm ({}); try again in a few minutes.",
                usage(outlook)
            ),
            "This looks like a false alarm; try again in a few minutes.".to_owned(),
        ],
        Verdict::WrongCredential => {
            let place = credential(outlook);
            vec![
                format!(
                    "The session uses {place} instead of your plan; unset it to use your plan."
                ),
                "The session uses a key instead of your plan; unset the key to use your plan."
                    .to_owned(),
            ]
        }
        _ if outlook.limit().family().is_of_plan() && outlook.is_stopped() => {
            let subject = subject(outlook);
            vec![
                format!("{subject}; {}.", prospect(outlook, clock, true)),
                format!("{subject}; {}.", prospect(outlook, clock, false)),
                format!("{}.", prospect(outlook, clock, false)),
            ]
        }
        _ => vec![of_message(outlook)],
    }
}

/// Returns the headline that the catalog has for the message, or else a clause that says what happened.
fn of_message(outlook: &Outlook) -> String {
    let stop = outlook.stop.as_ref();
    let row = stop
        .filter(|stop| stop.judgement.limit == outlook.limit())
        .map(|stop| stop.message.row);
    let text = row.map_or(outlook.limit().description().subject, |row| {
        row.headline.unwrap_or(row.meaning)
    });
    sentence(text)
}

/// Returns how the limit ended for this request, as a clause that follows "; ". Returns `None` if it has not ended.
pub(crate) fn ending(outlook: &Outlook, clock: Clock) -> Option<String> {
    let is_pause = outlook.limit().family() == Family::Service;
    let opening = match &outlook.state {
        State::Answered(at) => {
            return Some(format!(
                "the session received a response at {}",
                clock.format_time(*at)
            ));
        }
        State::Spared => {
            return Some(
                "it does not stop the session now, which uses another account or model".to_owned(),
            );
        }
        State::Paid => {
            return Some(
                "usage credits now pay for responses beyond it, which costs extra".to_owned(),
            );
        }
        State::LowerPriority => {
            return Some(
                "Claude Code works at lower priority until the reset, for free".to_owned(),
            );
        }
        State::Reopened(opening) => opening,
        State::Blocked | State::NotHere | State::NeverClosed => return None,
    };
    Some(match opening {
        Opening::Response { at, .. } => {
            format!(
                "another session received a response at {}",
                clock.format_time(*at)
            )
        }
        Opening::Reading { at, percent } => {
            format!(
                "at {}, only {percent:.0}% was used, so it was reset early",
                clock.format_time(*at)
            )
        }
        Opening::Time(at) if !is_pause => {
            format!("it should have reset at {}", clock.format_time(*at))
        }
        Opening::Time(_) | Opening::Age if is_pause => "it should be over by now".to_owned(),
        Opening::Time(at) | Opening::Passed(at) => {
            format!("a request got past it at {}", clock.format_time(*at))
        }
        Opening::Month => "a new month has begun".to_owned(),
        Opening::Age => "it is too old to say anything about now".to_owned(),
        Opening::Changed(_) => "the conversation has changed since then".to_owned(),
        Opening::Lifted(_) => "the budget has been raised since then".to_owned(),
    })
}

/// Returns a clause that says what happened, in the past tense.
fn past(outlook: &Outlook) -> String {
    let description = outlook.limit().description();
    match outlook.verdict {
        Verdict::FalseLikely => {
            format!(
                "The error about your {} was probably a false alarm",
                description.label
            )
        }
        _ => description.past.to_owned(),
    }
}

/// Returns a clause that says what is used up, in the present tense.
fn subject(outlook: &Outlook) -> String {
    let limit = outlook.limit();
    let description = limit.description();
    if outlook.is_guess && outlook.resets_at.is_none() {
        return "One of your plan's usage windows is full".to_owned();
    }
    if description.family == Family::Window {
        return match outlook.verdict {
            Verdict::Misworded => {
                format!(
                    "You have used up your {}, not the limit in the message",
                    description.label
                )
            }
            Verdict::CannotTell => format!(
                "The message says that your {} is used up",
                description.label
            ),
            _ => description.subject.to_owned(),
        };
    }
    let is_of_organization = limit == Kind::UsageCredits && outlook.who_can_fix == Who::Admin;
    let subject = if is_of_organization {
        "Your organization has no usage credits left"
    } else {
        description.subject
    };
    match outlook.window {
        Some(window) => format!(
            "{subject}, and your {} limit is used up",
            window_name(window)
        ),
        None => subject.to_owned(),
    }
}

/// Returns a clause that says when or how the user can continue.
fn prospect(outlook: &Outlook, clock: Clock, is_long: bool) -> String {
    let needs_admin = outlook.who_can_fix == Who::Admin;
    let is_of_model = outlook.limit().description().model.is_some();
    match outlook.resets_at {
        Some(reset) if is_of_model => {
            format!(
                "use another model (/model) until {}",
                clock.format_time(reset)
            )
        }
        Some(reset) if is_long && needs_admin => {
            format!("ask an admin, or wait until {}", clock.format_time(reset))
        }
        Some(reset) if is_long => {
            format!(
                "you can continue at {}",
                clock.format_time_and_distance(reset)
            )
        }
        Some(reset) => format!("you can continue at {}", clock.format_time(reset)),
        None if is_of_model => "use another model (/model)".to_owned(),
        None if needs_admin => "only an admin can change that".to_owned(),
        None => "/usage shows when you can continue".to_owned(),
    }
}

/// Returns the text as a sentence, with a capital letter and a period.
fn sentence(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}
