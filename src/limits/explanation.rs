//! An explanation, for a person at a terminal or inside a conversation.

use super::clues::Pool;
use super::evidence::Seen;
use super::incident::Incident;
use super::kind::LimitKind;
use super::messages;
use crate::terminal::{self, Page, Tone};
use crate::time::Clock;

/// Lays the whole explanation out. `spent` is a sentence about what this machine spent in the period
/// that the limit covers, if anybody knows.
pub fn tell(incident: &Incident, clock: Clock, spent: Option<&str>, page: &mut Page) {
    page.paragraph(Tone::Strong, &incident.headline);
    page.section("What to do");
    for (index, action) in incident.actions.iter().enumerate() {
        page.item(
            &format!("{}. ", index + 1),
            Tone::Plain,
            &format!("{}.", action.doing),
        );
        page.indented(3, Tone::Quiet, &action.why);
        let places = [action.command.as_deref(), action.url.as_deref()];
        for place in places.into_iter().flatten() {
            page.indented(3, Tone::Accent, place);
        }
    }
    let is_known = !std::ptr::eq(incident.message, messages::unknown());
    if incident.evidence.seen == Seen::Pasted && is_known {
        list(
            page,
            "What this message can mean",
            incident.message.meanings(),
        );
    }
    let reasons = incident.reasons.iter();
    list(
        page,
        "Why we think so",
        reasons.map(|reason| &reason.sentence),
    );
    list(page, "What we do not know", &incident.diagnosis.unknowns);
    list(page, "What others tried in vain", incident.tried_in_vain());
    list(page, "Names", both_names(incident));
    list(page, "Spent from this machine", spent);
    page.section("The message");
    let text = terminal::cut(&incident.text(), 600);
    page.paragraph(Tone::Plain, &format!("\"{text}\""));
    page.paragraph(Tone::Quiet, &origin(incident, clock));
}

/// A section with a line each; nothing without lines.
fn list(page: &mut Page, title: &str, sentences: impl IntoIterator<Item = impl AsRef<str>>) {
    let mut sentences = sentences.into_iter().peekable();
    if sentences.peek().is_some() {
        page.section(title);
    }
    for sentence in sentences {
        page.item("- ", Tone::Plain, sentence.as_ref());
    }
}

/// The rows that Claude Code, the status line and the prompt need around an answer (2.1.328).
const ROWS_AROUND: usize = 14;
/// The rows of an answer where the height is unknown: it fits a terminal of 34 rows.
const USUAL_ROWS: usize = 20;

/// The same in short, for an answer inside a conversation. Claude Code shows the end of what does
/// not fit, so all of it must fit. `rows` is the height of the terminal, if it is known.
pub fn tell_in_short(incident: &Incident, clock: Clock, rows: Option<usize>, page: &mut Page) {
    let most = rows.map_or(USUAL_ROWS, |rows| rows.saturating_sub(ROWS_AROUND));
    let laid_out = |actions, reasons| {
        let mut trial = Page::new(page.columns(), page.palette());
        in_short(incident, clock, actions, reasons, &mut trial);
        trial
    };
    // What matters least goes first; what to do first is told in any case.
    let fitting = [(3, 3), (3, 2), (3, 1), (2, 1), (2, 0)]
        .into_iter()
        .map(|(actions, reasons)| laid_out(actions, reasons))
        .find(|trial| trial.rows() <= most)
        .unwrap_or_else(|| laid_out(1, 0));
    page.add(&fitting.into_text());
}

fn in_short(incident: &Incident, clock: Clock, actions: usize, reasons: usize, page: &mut Page) {
    page.paragraph(Tone::Strong, &incident.headline);
    if reasons > 0 {
        page.section("What to do");
    }
    for (index, action) in incident.actions.iter().take(actions).enumerate() {
        let place = action.command.as_deref().or(action.url.as_deref());
        let place = place.map(|place| format!(" {place}")).unwrap_or_default();
        page.item(
            &format!("{}. ", index + 1),
            Tone::Plain,
            &format!("{}.{place}", action.doing),
        );
    }
    if reasons > 0 {
        let told = incident.reasons.iter().take(reasons);
        list(page, "Why we think so", told.map(|reason| &reason.sentence));
        if let Some(sentence) = incident.diagnosis.unknowns.first() {
            page.item("- What we do not know: ", Tone::Plain, sentence);
        }
        page.paragraph(Tone::Quiet, &origin(incident, clock));
    }
    page.paragraph(Tone::Quiet, "More: whycap explain, in a shell.");
}

/// When and where it came, and whether it is over.
fn origin(incident: &Incident, clock: Clock) -> String {
    let evidence = &incident.evidence;
    if evidence.seen == Seen::Pasted {
        return "Given as text; whycap knows nothing else about it.".to_owned();
    }
    let version = evidence
        .client_version
        .as_deref()
        .map(|version| format!(", client {}", terminal::sanitize(version)))
        .unwrap_or_default();
    let state = if incident.is_open() {
        "The session has had no answer since."
    } else {
        "The session has had an answer since, so this is over."
    };
    format!("{}{version}. {state}", clock.time_and_distance(evidence.at))
}

/// Things have been renamed: the user's own word is used above, and the other explained once.
fn both_names(incident: &Incident) -> Option<&'static str> {
    match incident.clues.pool {
        Pool::ExtraUsage => Some(
            "\"Extra usage\" has been called \"usage credits\" since client 2.1.144; the command is /usage-credits, and /extra-usage still works.",
        ),
        Pool::UsageCredits => (incident.clues.says_session
            && incident.diagnosis.limit != LimitKind::Unknown)
            .then_some(
                "The \"session limit\" is the plan's 5-hour window; newer clients call it \"5-hour limit\". It is not about one session.",
            ),
    }
}
