//! Renders an [`Outlook`], which is the answer about a limit, as a badge, a headline, rows, a screen, or JSON.
//!
//! Nothing here makes decisions. Each function receives an outlook and the clock, and returns text or data.

mod badge;
mod bug_report;
mod evidence;
mod headline;
mod json;
mod list;
mod markdown;
mod rows;
mod screen;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use crate::limits::{
    Continuation, Kind, Outlook, Payer, PayerUsage, Proof, Reading, Source, State, WhyNot,
};
use crate::terminal::{truncate, width};
use crate::time::Clock;

pub(crate) use badge::badge;
pub(crate) use bug_report::bug_report;
pub(crate) use headline::{ending, headline};
pub(crate) use json::{blocks_json, incident_json, list_json};
pub(crate) use list::{list, sums_sentence};
pub(crate) use markdown::in_markdown;
pub(crate) use rows::{Paying, after_run, notice, status_rows};
pub(crate) use screen::{at_length, in_rows, on_one_screen};

/// Returns the first text that fits in this many columns. If no text fits, truncates the last one.
fn first_that_fits(texts: &[String], columns: usize) -> String {
    let fitting = texts.iter().find(|text| width(text) <= columns);
    match (fitting, texts.last()) {
        (Some(text), _) => text.clone(),
        (None, Some(last)) => truncate(last, columns),
        (None, None) => String::new(),
    }
}

/// Returns the place at which the key or token of the refused request is set, such as `ANTHROPIC_API_KEY`.
fn credential(outlook: &Outlook) -> &str {
    match outlook.stop.as_ref().map(|stop| &stop.request.payer) {
        Some(Payer::Key(place) | Payer::Token(place)) => place,
        Some(Payer::Account(_) | Payer::Cloud(_) | Payer::Unknown) | None => "the key",
    }
}

/// Returns the readings that confirm or contradict the message, as in "5-hour usage 42%, weekly usage 17%".
fn usage(outlook: &Outlook) -> String {
    let readings = outlook
        .evidence
        .iter()
        .filter_map(|evidence| match &evidence.proof {
            Proof::Usage(reading) => Some(percentage(reading)),
            _ => None,
        });
    readings.collect::<Vec<_>>().join(", ")
}

/// Returns a reading in words, as in "5-hour usage 42%".
fn percentage(reading: &Reading) -> String {
    let window = window_name(reading.measure.window);
    format!("{window} usage {:.0}%", reading.measure.percent)
}

/// Returns a sentence with the current usage of the windows and the age of these figures.
pub(crate) fn usage_sentence(usage: &PayerUsage, clock: Clock) -> String {
    let readings: Vec<String> = usage.readings.iter().map(percentage).collect();
    let age = clock.format_distance(usage.at);
    format!("Measured {age}: {}.", readings.join(", "))
}

/// Returns true if the outlook is about a text that the user pasted.
fn is_of_pasted_text(outlook: &Outlook) -> bool {
    let stop = outlook.stop.as_ref();
    stop.is_some_and(|stop| stop.source == Source::Pasted)
}

/// Returns the name of a usage window without the word "limit", as in "5-hour" or "weekly Opus".
fn window_name(window: Kind) -> &'static str {
    let label = window.description().label;
    label.strip_suffix(" limit").unwrap_or(label)
}

/// Returns a sentence that says whether Claude Code continues the session by itself, and when or why not. Returns `None`
/// if nothing has stopped the session.
pub(crate) fn continuation(outlook: &Outlook, clock: Clock) -> Option<String> {
    let session = match (&outlook.request.session, &outlook.stop) {
        (None, Some(stop)) => format!("session {}", short(&stop.session)),
        _ => "this session".to_owned(),
    };
    let why_not = match outlook.continuation {
        Continuation::NotStopped => return None,
        Continuation::At(at) => {
            let time = clock.format_approximate_time(at);
            return Some(format!("Claude Code continues {session} by itself {time}."));
        }
        Continuation::No(why_not) => why_not,
    };
    let reason = match why_not {
        WhyNot::NoReset => "it only waits for the reset of a usage window",
        WhyNot::TurnedOff => "autoContinueAtUsageLimit is off in the settings",
        WhyNot::Closed => "the session was closed",
        WhyNot::Cancelled => "the wait was canceled",
        WhyNot::Interrupted => "a prompt, a restart, or a login has canceled the wait",
        WhyNot::OldVersion => "this version of Claude Code never does",
        WhyNot::TooFar => "the reset is more than 24 hours away",
        WhyNot::Passed => "the time at which it would have continued has passed",
    };
    let remedy = if is_wait_canceled(outlook) {
        format!(" {HOW_TO_WAIT}.")
    } else {
        String::new()
    };
    Some(format!(
        "Claude Code does not continue {session} by itself, because {reason}.{remedy}"
    ))
}

/// The menu in which the user can let Claude Code wait again (2.1.331).
const HOW_TO_WAIT: &str = "To let Claude Code wait for the reset, type /rate-limit-options";

/// Returns true if Claude Code could still wait for the reset, but does not.
fn is_wait_canceled(outlook: &Outlook) -> bool {
    matches!(
        outlook.continuation,
        Continuation::No(WhyNot::Cancelled | WhyNot::Interrupted)
    )
}

/// Returns true if nothing but the clock shows that the limit has ended.
fn is_only_expected_to_be_over(outlook: &Outlook) -> bool {
    matches!(&outlook.state, State::Reopened(opening) if !opening.is_proof())
}

/// Returns sentences about other sessions: what blocks them, and which of them Claude Code continues by itself.
pub(crate) fn about_others(
    others: &[Outlook],
    continuing: &[(&str, DateTime<Utc>)],
    clock: Clock,
) -> Vec<String> {
    let blocked = others.iter().map(|other| {
        let session = other.request.session.as_deref().unwrap_or_default();
        format!("In session {}: {}", short(session), headline(other, clock))
    });
    let continued = continuing.iter().map(|(session, at)| {
        let time = clock.format_approximate_time(*at);
        format!(
            "Claude Code continues session {} by itself {time}.",
            short(session)
        )
    });
    blocked.chain(continued).collect()
}

/// Returns the first part of a session ID.
fn short(session: &str) -> &str {
    session.split('-').next().unwrap_or(session)
}
