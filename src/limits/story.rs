//! The long explanation, for a person at a terminal.

use std::fmt::Write;

use super::evidence::Seen;
use super::incident::Incident;
use super::kind::LimitKind;
use crate::terminal::{self, Palette, Tone};
use crate::time::Clock;

/// The widest that running text is set: longer lines are hard to read.
const WIDEST: usize = 96;

/// Lays the explanation out. `spent` is a sentence about what this machine spent in the period
/// that the limit covers, if anybody knows.
pub fn tell(
    incident: &Incident,
    clock: Clock,
    spent: Option<&str>,
    width: usize,
    palette: Palette,
) -> String {
    let mut page = Page {
        text: String::new(),
        width: width.clamp(20, WIDEST),
        palette,
    };
    page.paragraph("", Tone::Strong, &incident.headline);
    page.section("What to do");
    for (index, action) in incident.actions.iter().enumerate() {
        page.item(&format!("{}. ", index + 1), &format!("{}.", action.doing));
        page.paragraph("   ", Tone::Quiet, &action.why);
        let places = [action.command.as_deref(), action.url.as_deref()];
        for place in places.into_iter().flatten() {
            let _ = writeln!(page.text, "   {}", palette.paint(Tone::Accent, place));
        }
    }
    if incident.evidence.seen == Seen::Pasted && !incident.finding.family.patterns.is_empty() {
        page.section("What this message can mean");
        for meaning in incident.finding.family.meanings {
            page.item("- ", &meaning.sentence());
        }
    }
    page.section("Why we think so");
    for fact in &incident.facts {
        page.item("- ", &fact.sentence);
    }
    if !incident.finding.unknowns.is_empty() {
        page.section("What we do not know");
        for sentence in &incident.finding.unknowns {
            page.item("- ", sentence);
        }
    }
    let tried: Vec<&str> = incident.tried_in_vain().collect();
    if !tried.is_empty() {
        page.section("What others tried in vain");
        for sentence in tried {
            page.item("- ", sentence);
        }
    }
    if let Some(names) = both_names(incident) {
        page.section("Names");
        page.item("- ", names);
    }
    if let Some(spent) = spent {
        page.section("Spent from this machine");
        page.item("- ", spent);
    }
    page.section("The message");
    page.item(
        "",
        &format!("\"{}\"", terminal::cut(&incident.message(), 600)),
    );
    page.paragraph("", Tone::Quiet, &origin(incident, clock));
    page.text
}

/// The rows that the client, the status line and the prompt need around an answer (2.1.328).
const ROWS_AROUND: usize = 14;
/// The rows of an answer where the height is unknown: it fits a terminal of 34 rows.
const USUAL_ROWS: usize = 20;

/// The same in short, for an answer inside a conversation. The client shows the end of what does
/// not fit, so all of it must fit. `rows` is the height of the terminal, if it is known.
pub fn tell_in_short(
    incident: &Incident,
    clock: Clock,
    width: usize,
    rows: Option<usize>,
) -> String {
    let most = rows.map_or(USUAL_ROWS, |rows| rows.saturating_sub(ROWS_AROUND));
    // What matters least goes first; what to do first is told in any case.
    [(3, 3), (3, 2), (3, 1), (2, 1), (2, 0)]
        .into_iter()
        .map(|(actions, facts)| in_short(incident, clock, width, actions, facts))
        .find(|text| text.lines().count() <= most)
        .unwrap_or_else(|| in_short(incident, clock, width, 1, 0))
}

fn in_short(
    incident: &Incident,
    clock: Clock,
    width: usize,
    actions: usize,
    facts: usize,
) -> String {
    let mut page = Page {
        text: String::new(),
        width: width.clamp(20, WIDEST),
        palette: Palette::none(),
    };
    page.paragraph("", Tone::Strong, &incident.headline);
    if facts > 0 {
        page.section("What to do");
    }
    for (index, action) in incident.actions.iter().take(actions).enumerate() {
        let place = action.command.as_deref().or(action.url.as_deref());
        let place = place.map(|place| format!(" {place}")).unwrap_or_default();
        page.item(
            &format!("{}. ", index + 1),
            &format!("{}.{place}", action.doing),
        );
    }
    if facts > 0 {
        page.section("Why we think so");
        for fact in incident.facts.iter().take(facts) {
            page.item("- ", &fact.sentence);
        }
        if let Some(sentence) = incident.finding.unknowns.first() {
            page.item("- What we do not know: ", sentence);
        }
        page.paragraph("", Tone::Quiet, &origin(incident, clock));
    }
    page.paragraph("", Tone::Quiet, "More: whycap explain, in a shell.");
    page.text
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
    let message = incident.evidence.message.to_lowercase();
    if message.contains("extra usage") {
        return Some(
            "\"Extra usage\" has been called \"usage credits\" since client 2.1.144; the command is /usage-credits, and /extra-usage still works.",
        );
    }
    if message.contains("session limit") && incident.finding.limit != LimitKind::Unknown {
        return Some(
            "The \"session limit\" is the plan's 5-hour window; newer clients call it \"5-hour limit\". It is not about one session.",
        );
    }
    None
}

struct Page {
    text: String,
    width: usize,
    palette: Palette,
}

impl Page {
    fn section(&mut self, title: &str) {
        let _ = writeln!(self.text, "\n{}", self.palette.paint(Tone::Strong, title));
    }

    /// Text behind a mark, with later lines set below the first.
    fn item(&mut self, mark: &str, text: &str) {
        let indent = " ".repeat(mark.chars().count());
        for (index, line) in terminal::wrap(text, self.width - indent.len())
            .iter()
            .enumerate()
        {
            let lead = if index == 0 { mark } else { &indent };
            let _ = writeln!(self.text, "{lead}{line}");
        }
    }

    fn paragraph(&mut self, indent: &str, tone: Tone, text: &str) {
        for line in terminal::wrap(text, self.width - indent.len()) {
            let _ = writeln!(self.text, "{indent}{}", self.palette.paint(tone, &line));
        }
    }
}
