//! Explains an outlook on one screen, in the rows of a conversation, or at length.

use super::{continuation, ending, evidence, headline, is_of_pasted_text};
use crate::limits::{Continuation, Outlook, State, Step, Verdict};
use crate::render::{Page, Report};
use crate::terminal::{Tone, truncate};
use crate::time::Clock;

/// The maximum number of steps on one screen.
const STEPS: usize = 4;
/// The maximum width of a message that is quoted.
const QUOTED_COLUMNS: usize = 200;
/// The maximum number of facts on one screen.
const FACTS: usize = 3;

/// Explains an outlook on a single screen. `remarks` are sentences about other sessions, and about the sessions that
/// have used up a window. `pointer` says where to read more.
pub(crate) fn on_one_screen(
    outlook: &Outlook,
    remarks: &[String],
    pointer: &str,
    clock: Clock,
) -> Report {
    let mut report = Report::default();
    add_answer(outlook, remarks, clock, &mut report);
    add_steps(outlook, STEPS, clock, &mut report);
    add_list(
        "Why",
        evidence::facts(outlook, clock)
            .into_iter()
            .take(FACTS),
        &mut report,
    );
    report.gap();
    report.paragraph(Tone::Quiet, origin(outlook, clock));
    report.line(pointer.to_owned());
    report
}

/// Explains an outlook in at most this many rows or, if that is impossible, in as few rows as possible. Even the shortest
/// answer says what happened and what to do first.
pub(crate) fn in_rows(
    outlook: &Outlook,
    remarks: &[String],
    rows: usize,
    page: Page,
    clock: Clock,
) -> Report {
    let facts = evidence::facts(outlook, clock);
    for (steps, reasons) in [(4, 3), (4, 2), (3, 1), (2, 1), (2, 0)] {
        let mut report = Report::default();
        add_answer(outlook, remarks, clock, &mut report);
        add_steps(outlook, steps, clock, &mut report);
        add_list("Why", facts.iter().take(reasons).cloned(), &mut report);
        report.gap();
        let more = "More: whycap explain --long";
        report.paragraph(Tone::Quiet, format!("{} {more}", origin(outlook, clock)));
        if report.row_count(page) <= rows {
            return report;
        }
    }
    let mut report = Report::default();
    report.paragraph(tone(outlook), headline(outlook, clock));
    add_numbered(outlook.steps.iter().take(1), clock, &mut report);
    report
}

/// Explains an outlook in full detail.
pub(crate) fn at_length(outlook: &Outlook, remarks: &[String], clock: Clock) -> Report {
    let mut report = Report::default();
    add_answer(outlook, remarks, clock, &mut report);
    report.section("What to do");
    for (index, step) in outlook.steps.iter().enumerate() {
        let number = format!("{}. ", index + 1);
        report.item(&number, Tone::Plain, format!("{}.", step.text(clock)));
        report.indented_paragraph(number.len(), Tone::Quiet, step.why.clone());
        for place in [step.command.as_deref(), step.url]
            .into_iter()
            .flatten()
        {
            report.indented_paragraph(number.len(), Tone::Strong, place);
        }
    }
    let row = outlook.stop.as_ref().map(|stop| stop.message.row);
    add_list(
        "What this message means",
        row.map(|row| row.meaning.to_owned()),
        &mut report,
    );
    add_list("Why", evidence::facts(outlook, clock), &mut report);
    let did_not_help = row.into_iter().flat_map(|row| &row.did_not_help);
    add_list(
        "What did not help other users",
        did_not_help.map(|attempt| (*attempt).to_owned()),
        &mut report,
    );
    if outlook.stop.is_some() {
        report.section("The message");
        report.paragraph(Tone::Quiet, origin(outlook, clock));
    }
    report
}

/// Returns a sentence that says whether the request is blocked now.
pub(crate) fn standing(outlook: &Outlook) -> &'static str {
    match (&outlook.state, outlook.verdict) {
        (State::Blocked, _) if outlook.is_awaited => {
            "whycap cannot tell yet; ask again in a few seconds."
        }
        (State::Blocked, Verdict::CannotTell) => "whycap cannot tell if you are still blocked.",
        (State::Blocked, _) => "You are still blocked.",
        (State::NotHere, _) => "Only that session is stopped. New sessions can work.",
        (State::NeverClosed, Verdict::FalseLikely) => {
            "The last prompt was refused; the next one may work."
        }
        (State::NeverClosed | State::Answered(_), _) => "You are not blocked.",
        (State::Paid, _) => "You can continue, but each response costs extra.",
        (State::LowerPriority, _) => "You can continue, with pauses.",
        (State::Reopened(_) | State::Spared, _) => "You can continue. Send the prompt again.",
    }
}

/// Adds what happened, the other limits that block the request, whether the session continues by itself, and the
/// remarks.
fn add_answer(outlook: &Outlook, remarks: &[String], clock: Clock, report: &mut Report) {
    report.paragraph(tone(outlook), headline(outlook, clock));
    if outlook.state == State::NotHere {
        report.paragraph(Tone::Plain, standing(outlook));
    }
    if outlook.is_blocked() {
        let also = outlook.also.iter().map(|also| {
            let name = also.kind.description().subject;
            match also.until {
                Some(until) => format!("{name}, too, until {}.", clock.format_time(until)),
                None => format!("{name}, too."),
            }
        });
        report.paragraphs(Tone::Plain, also);
        let is_known = outlook.request.session.is_some()
            || matches!(outlook.continuation, Continuation::At(_));
        let continuation = continuation(outlook, clock).filter(|_| is_known);
        report.paragraphs(Tone::Plain, continuation);
    }
    report.paragraphs(Tone::Quiet, remarks.iter().cloned());
}

fn add_steps(outlook: &Outlook, most: usize, clock: Clock, report: &mut Report) {
    if outlook.steps.is_empty() {
        return;
    }
    report.section("What to do");
    add_numbered(outlook.steps.iter().take(most), clock, report);
}

fn add_numbered<'a>(steps: impl Iterator<Item = &'a Step>, clock: Clock, report: &mut Report) {
    for (index, step) in steps.enumerate() {
        report.item(
            &format!("{}. ", index + 1),
            Tone::Plain,
            with_place(step, clock),
        );
    }
}

/// Returns what to do, followed by the command or the page, unless the text already names it.
fn with_place(step: &Step, clock: Clock) -> String {
    let text = step.text(clock);
    match step.command.as_deref().or(step.url) {
        Some(place) if !text.contains(place) => format!("{text}: {place}"),
        Some(_) | None => text,
    }
}

/// Adds a titled list. Does nothing if it is empty.
fn add_list(title: &str, sentences: impl IntoIterator<Item = String>, report: &mut Report) {
    for (index, sentence) in sentences.into_iter().enumerate() {
        if index == 0 {
            report.section(title);
        }
        report.item("- ", Tone::Plain, sentence);
    }
}

fn tone(outlook: &Outlook) -> Tone {
    if outlook.is_blocked() {
        Tone::Alarm
    } else {
        Tone::Strong
    }
}

/// Returns the message, its time, the version of Claude Code, and the current state.
fn origin(outlook: &Outlook, clock: Clock) -> String {
    let Some(stop) = &outlook.stop else {
        return standing(outlook).to_owned();
    };
    if is_of_pasted_text(outlook) {
        return "This explains only the text of the message, not the state of a session."
            .to_owned();
    }
    let at = clock.format_time_and_distance(stop.at);
    let version = stop.refusal.version.as_ref();
    let version = version.map_or(String::new(), |version| format!(", Claude Code {version}"));
    let is_named = ending(outlook, clock).is_some();
    let is_said = is_named && !outlook.is_blocked() || outlook.state == State::NotHere;
    let standing = if is_said { "" } else { standing(outlook) };
    // Claude Code prints no message about a request that it will repeat by itself.
    let text = match truncate(&stop.refusal.text, QUOTED_COLUMNS) {
        text if text.is_empty() => "Refused".to_owned(),
        text => format!("\"{text}\""),
    };
    format!("{text} {at}{version}. {standing}")
        .trim_end()
        .to_owned()
}
