//! The rows below the status line: what stops the session, and what costs money.

use chrono::{DateTime, Utc};

use super::{HOW_TO_WAIT, badge, continuation, first_that_fits, headline, is_wait_canceled};
use crate::limits::{Continuation, Outlook, State};
use crate::pricing::Money;
use crate::terminal::{Piece, Tone};
use crate::time::Clock;

/// The amount that has been paid with usage credits since a usage window became full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paying {
    /// The time of the first response that was paid for with usage credits.
    pub since: DateTime<Utc>,
    /// The cost of all responses since that time, at list prices.
    pub cost: Money,
}

impl Paying {
    /// Returns a row that fits in this many columns.
    pub(crate) fn row(self, clock: Clock, columns: usize) -> Vec<Piece> {
        let (cost, since) = (self.cost, clock.format_time(self.since));
        let forms = [
            format!("paying now \u{2248}{cost} since {since}, from usage credits"),
            format!("paying now \u{2248}{cost} since {since}"),
            format!("paying \u{2248}{cost}"),
        ];
        vec![(Tone::Alarm, first_that_fits(&forms, columns))]
    }
}

/// Returns the rows about an outlook, each of which fits in this many columns. Returns no rows if the limit no longer
/// concerns the session.
pub(crate) fn status_rows(outlook: &Outlook, clock: Clock, columns: usize) -> Vec<Vec<Piece>> {
    if !outlook.is_blocked() && !outlook.is_open {
        return Vec::new();
    }
    let tone = match outlook.state {
        State::Blocked | State::Paid => Tone::Alarm,
        State::NeverClosed => Tone::Warning,
        State::Answered(_)
        | State::NotHere
        | State::LowerPriority
        | State::Reopened(_)
        | State::Spared => Tone::Good,
    };
    let badge = badge(outlook, clock);
    let (what, step) = badge.split_once(" · ").unwrap_or((&badge, ""));
    let row = first_that_fits(&[badge.clone(), what.to_owned(), step.to_owned()], columns);
    let mut rows = vec![vec![(tone, row)]];
    if outlook.is_blocked() {
        rows.push(vec![(Tone::Plain, next_step(outlook, clock, columns))]);
    }
    rows
}

/// Returns the row that tells the user what to do, or that Claude Code continues by itself.
fn next_step(outlook: &Outlook, clock: Clock, columns: usize) -> String {
    let step = outlook.steps.first().map(|step| step.text(clock));
    let by_itself = match outlook.continuation {
        Continuation::At(at) => {
            let time = clock.format_approximate_time(at);
            Some(format!(
                "Claude Code continues by itself {time} · /whycap explains"
            ))
        }
        Continuation::No(_) if is_wait_canceled(outlook) => Some(HOW_TO_WAIT.to_owned()),
        Continuation::No(_) | Continuation::NotStopped => None,
    };
    let forms: Vec<String> = [
        by_itself,
        step.as_ref()
            .map(|step| format!("{step} · /whycap explains")),
        step,
        Some("/whycap explains it".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect();
    first_that_fits(&forms, columns)
}

/// Returns the sentences of a notice in a conversation: what stops the session, and whether it continues by itself.
pub(crate) fn notice(outlook: &Outlook, clock: Clock) -> String {
    let sentences = [Some(headline(outlook, clock)), continuation(outlook, clock)];
    let sentences: Vec<String> = sentences.into_iter().flatten().collect();
    sentences.join(" ")
}

/// Returns one line about the error that has ended the command of `whycap run`: what happened, and how to continue the
/// session or what to do first.
pub(crate) fn after_run(outlook: &Outlook, session: &str, clock: Clock) -> String {
    let headline = headline(outlook, clock);
    if outlook.waiting_helps == Some(true) {
        let command = format!("whycap wait && claude --resume {session} -p \"go on\"");
        return format!("{headline} To continue then: {command}");
    }
    match outlook.steps.first() {
        Some(step) => format!("{headline} First: {}.", step.text(clock)),
        None => headline,
    }
}
