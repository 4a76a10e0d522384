//! How an incident is shown: on the status line, for a person at a terminal, and inside a conversation.

use super::actions::Action;
use super::evidence::Seen;
use super::incident::Incident;
use super::kind::Verdict;
use crate::claude::version::ClientVersion;
use crate::render::{Page, Report};
use crate::terminal::{self, Piece, Tone};
use crate::time::Clock;

/// Rows of a terminal of the usual size, less one for the prompt.
const SCREEN: usize = 23;

/// What matters, on one screen: what happened, what to do, the strongest reasons.
pub fn tell(incident: &Incident, clock: Clock, page: Page) -> Report {
    let more = match incident.evidence.text.seen {
        Seen::Pasted => "More: the same with --long",
        _ => "More: whycap explain --long",
    };
    fit(SCREEN, more, incident, clock, page)
}

/// The same in so many rows, the `end` of which says where to read more. What matters least goes first,
/// the first reason last but one. What to do first is told in any case.
pub(crate) fn fit(rows: usize, end: &str, incident: &Incident, clock: Clock, page: Page) -> Report {
    let mut report = Report::default();
    for (actions, reasons) in [(4, 2), (3, 2), (3, 1), (2, 1), (1, 1), (1, 0)] {
        report = in_short(incident, clock, actions, reasons);
        report.paragraph(Tone::Quiet, end);
        if report.rows_on(page) <= rows {
            break;
        }
    }
    report
}

fn in_short(incident: &Incident, clock: Clock, actions: usize, reasons: usize) -> Report {
    let mut report = Report::default();
    report.paragraph(Tone::Strong, &incident.headline);
    report.section("What to do");
    for (index, action) in incident.actions.iter().take(actions).enumerate() {
        let mark = format!("{}. ", index + 1);
        let place = action.place_beside();
        report.item(&mark, Tone::Plain, format!("{}{place}", action.doing));
    }
    if reasons > 0 {
        let told = incident.reasons.iter().take(reasons);
        let unknown = incident.diagnosis.unknowns.iter().take(1);
        let told = told.map(|reason| reason.sentence.as_str());
        list(&mut report, "Why", told.chain(unknown.copied()));
    }
    report.gap();
    origin(incident, clock, &mut report);
    report
}

/// All of it. `spent` are sentences about what this machine spent in the period that the limit
/// covers, if anybody knows.
pub fn tell_at_length(incident: &Incident, clock: Clock, spent: &[String]) -> Report {
    let mut report = Report::default();
    report.paragraph(Tone::Strong, &incident.headline);
    report.section("What to do");
    for (index, action) in incident.actions.iter().enumerate() {
        let mark = format!("{}. ", index + 1);
        report.item(&mark, Tone::Plain, format!("{}.", action.doing));
        report.indented_paragraph(3, Tone::Quiet, &action.why);
        let places = [action.command.as_deref(), action.url.as_deref()];
        for place in places.into_iter().flatten() {
            report.indented_paragraph(3, Tone::Accent, place);
        }
    }
    if incident.evidence.text.seen == Seen::Pasted && incident.message.texts().next().is_some() {
        let meanings = incident.message.meanings();
        list(&mut report, "What this message can mean", meanings);
    }
    let reasons = incident.reasons.iter().map(|reason| &reason.sentence);
    list(&mut report, "Why", reasons);
    let (unknowns, in_vain) = (&incident.diagnosis.unknowns, incident.tried_in_vain);
    list(&mut report, "What is not known", unknowns);
    list(&mut report, "What others tried in vain", in_vain);
    list(&mut report, "Names", &incident.both_names);
    list(&mut report, "Spent from this machine", spent);
    report.section("The message");
    let text = terminal::cut(&incident.text(), 600);
    report.paragraph(Tone::Plain, format!("\"{text}\""));
    origin(incident, clock, &mut report);
    report
}

/// A section with a line each; nothing without lines.
fn list(report: &mut Report, title: &str, sentences: impl IntoIterator<Item = impl AsRef<str>>) {
    let mut sentences = sentences.into_iter().peekable();
    if sentences.peek().is_some() {
        report.section(title);
    }
    for sentence in sentences {
        report.item("- ", Tone::Plain, sentence.as_ref());
    }
}

/// When it came, and whether it is over; of a pasted text nobody knows.
fn origin(incident: &Incident, clock: Clock, report: &mut Report) {
    let evidence = &incident.evidence;
    if evidence.text.seen == Seen::Pasted {
        return;
    }
    let version = evidence.session.version.as_ref();
    let version = version.map(|version| format!(", Claude Code {version}"));
    let version = version.unwrap_or_default();
    let at = clock.time_and_distance(evidence.at);
    report.paragraph(Tone::Quiet, format!("{at}{version}. {}", incident.state));
}

/// Where the reasons and all ways out are told.
const MORE: &str = " \u{b7} more: /whycap";
/// The same while Claude Code waits to continue by itself: a question in the session ends that.
const MORE_IN_A_SHELL: &str = " \u{b7} more: whycap explain, in a shell";

/// From this version on Claude Code takes modules of plugins, whose `/whycap` leaves its waiting alone.
const TAKES_MODULES: ClientVersion = ClientVersion(2, 1, 308);

/// The rows, each at most `width` columns. None when nothing is to be shown.
pub fn status_rows(incident: &Incident, width: usize) -> Option<Vec<Vec<Piece>>> {
    if incident.evidence.since.answered {
        return None;
    }
    if !incident.standing.is_over() {
        return Some(lasting(incident, width));
    }
    let ended = terminal::cut(incident.how_it_ended.as_ref()?, width);
    Some(vec![vec![(Tone::Quiet, ended)]])
}

fn lasting(incident: &Incident, width: usize) -> Vec<Vec<Piece>> {
    // Red is for what really blocks; one look tells it from what passes or is doubtful.
    let (verdict, limit) = (incident.diagnosis.verdict, incident.diagnosis.limit);
    let is_red = matches!(verdict, Verdict::Real | Verdict::Misworded) && !limit.is_passing();
    let tone = if is_red { Tone::Alarm } else { Tone::Warning };
    let mut rows = vec![badge(incident, tone, width)];
    // Of a limit that looks false the badge says all there is to do.
    let is_enough = verdict == Verdict::FalseLikely;
    let mut steps = incident.actions.iter().filter(|_| !is_enough);
    let next = steps.find_map(|step| next_step(step, incident, width));
    rows.extend(next.map(|step| vec![(Tone::Plain, step)]));
    rows
}

/// The badge, and where to read more if there is room to say so.
fn badge(incident: &Incident, tone: Tone, width: usize) -> Vec<Piece> {
    // What stands behind its dot, a time or what to do, is never cut.
    let text = &incident.badge;
    let (name, rest) = text.split_at(text.rfind(" \u{b7} ").unwrap_or(text.len()));
    let mut row = vec![(tone, cut_before(name, rest, width))];
    let evidence = &incident.evidence;
    let asking_is_free = evidence.session.plugin_answers && evidence.is_since(TAKES_MODULES);
    let asking_ends = incident.continues_at().is_some() && !asking_is_free;
    let more = if asking_ends { MORE_IN_A_SHELL } else { MORE };
    if terminal::width(text) + terminal::width(more) <= width && !text.contains("/whycap") {
        row.push((Tone::Quiet, more.to_owned()));
    }
    row
}

/// `rest` whole, and as much of `text` before it as fits; on a narrow terminal none of it.
fn cut_before(text: &str, rest: &str, width: usize) -> String {
    let alone = rest.trim_start_matches([' ', '\u{b7}', ':']);
    match width.checked_sub(terminal::width(rest)) {
        Some(room) if room >= 4 => terminal::cut(text, room) + rest,
        _ if !alone.is_empty() && terminal::width(alone) <= width => alone.to_owned(),
        _ => terminal::cut(&format!("{text}{rest}"), width),
    }
}

/// Where one only looks.
const A_LOOK: [&str; 2] = ["/usage", "/status"];

/// A step with its command or address. None of one that the badge says: to wait, or what it names.
fn next_step(step: &Action, incident: &Incident, width: usize) -> Option<String> {
    let place = step.place()?;
    if incident.badge.contains(place) || A_LOOK.contains(&place) {
        return None;
    }
    Some(cut_before(&step.doing, &step.place_beside(), width))
}
