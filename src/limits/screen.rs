//! Renders the explanation of an error: on one screen, in full, or in the status line.

use chrono::TimeDelta;

use super::decide::{ActionName, Ending, State, is_for};
use super::evidence::{ContinuationObstacle, PossiblyUnaffected};
use super::incident::Incident;
use super::wording::{Action, old_name, state_sentence, unknown_sentence};
use crate::render::{Page, Report};
use crate::terminal::{Piece, Tone, truncate, width, wrap};

/// The maximum number of actions to show on one screen.
const ACTIONS: usize = 4;
/// If the limit resets within this time, the status line names no alternative to waiting.
const SHORT_WAIT: TimeDelta = TimeDelta::minutes(10);
/// The maximum number of reasons to show on one screen.
const REASONS: usize = 3;

/// Explains an error on a single screen. `session` is a sentence that names the session with the error, and `others`
/// contains sentences about other stopped sessions. `pointer` says how to see the details.
pub fn on_one_screen(
    incident: &Incident,
    session: Option<&str>,
    others: &[String],
    pointer: &str,
) -> Report {
    let mut report = Report::default();
    add_headline(incident, session, &mut report);
    report.paragraphs(Tone::Plain, others.iter().cloned());
    add_actions(incident, ACTIONS, &mut report);
    add_reasons(incident, REASONS, &mut report);
    report.gap();
    report.paragraph(Tone::Quiet, origin(incident));
    report.line(pointer.to_owned());
    report
}

/// The hints at the end of an answer in a conversation, which say where to find more information.
#[derive(Debug, Clone)]
pub(crate) struct Pointers {
    pub(crate) usual: String,
    /// The hint to show if steps or reasons were left out because the terminal has too few rows.
    pub(crate) cut: String,
    /// The hint for a terminal with very few rows. It fits in one row.
    pub(crate) short: String,
}

/// Explains an error in at most `rows` rows or, if that is impossible, in as few rows as possible. Even the shortest
/// answer says what happened, what to do, and, for a false alarm, that paying does not help. `session` is a sentence
/// that names the session with the error.
pub(crate) fn in_rows(
    rows: usize,
    more: &Pointers,
    incident: &Incident,
    session: Option<&str>,
    page: Page,
) -> Report {
    let least = least_action_count(incident);
    let state = state_of_continued_session(incident);
    let origin = match &state {
        Some(_) => time_and_version(incident),
        None => origin(incident),
    };
    let mut pointer = &more.usual;
    for (actions, reasons) in [(4, 3), (4, 2), (3, 2), (3, 1)] {
        let mut report = Report::default();
        report.paragraphs(Tone::Strong, state.clone());
        add_headline(incident, session, &mut report);
        add_actions(incident, actions, &mut report);
        add_reasons(incident, reasons, &mut report);
        report.gap();
        report.paragraph(Tone::Quiet, format!("{origin} {pointer}"));
        if report.row_count(page) <= rows {
            return report;
        }
        pointer = &more.cut;
    }
    let clause = if session.is_some() {
        clause_about_asking_session(incident)
    } else {
        None
    };
    // These answers omit the state of the error, so this sentence has to say that the user's own session may work.
    let session = session.map(|session| match (session.strip_suffix('.'), clause) {
        (Some(session), Some(clause)) => format!("{session}; {clause}."),
        _ => session.to_owned(),
    });
    // The reason is more important than the headings and the details about the error, but less important than what to do.
    let reason = main_reason(incident);
    for (actions, reason, pointer) in [
        (3, reason.as_ref(), &more.cut),
        (2, reason.as_ref(), &more.cut),
        (least, reason.as_ref(), &more.cut),
        (least, reason.as_ref(), &more.short),
        (2, None, &more.cut),
        (least, None, &more.cut),
        (least, None, &more.short),
    ] {
        let mut report = Report::default();
        report.paragraphs(Tone::Strong, state.clone());
        add_headline(incident, session.as_deref(), &mut report);
        add_numbered(incident, actions, &mut report);
        if let Some(reason) = reason {
            report.item("Why: ", Tone::Plain, reason.clone());
        }
        report.paragraph(Tone::Quiet, pointer.clone());
        if report.row_count(page) <= rows {
            return report;
        }
    }
    let mut report = Report::default();
    if let Some(clause) = clause {
        report.paragraph(Tone::Quiet, format!("In another session; {clause}:"));
        for row in badge_rows(incident.badge(), page.columns()) {
            report.paragraph(tone_of_headline(incident), row);
        }
    } else {
        report.paragraph(tone_of_headline(incident), incident.badge().to_owned());
    }
    add_numbered(incident, least, &mut report);
    report.paragraph(Tone::Quiet, more.short.clone());
    report
}

/// Returns the sentence with which an answer begins if the session with the error has received a response since then.
/// The headline alone would suggest that the user still has the problem. Returns `None` if the limit may still apply to
/// other models.
fn state_of_continued_session(incident: &Incident) -> Option<String> {
    let (evidence, diagnosis) = (&incident.evidence, &incident.diagnosis);
    let is_ended_by_response = matches!(
        diagnosis.state,
        State::Over(Ending::ResponseReceived | Ending::ResponseElsewhere)
    );
    let is_over =
        is_ended_by_response && evidence.has_later_response() && !diagnosis.another_model_works();
    is_over.then(|| state_sentence(evidence, diagnosis).into_owned())
}

/// Returns a clause that says that the user's own session may work. Returns `None` if the error no longer blocks work
/// or may affect that session as well.
fn clause_about_asking_session(incident: &Incident) -> Option<&'static str> {
    let unaffected = incident.evidence.collected.possibly_unaffected;
    if incident.blocks().is_some() && unaffected == PossiblyUnaffected::AskingSession {
        unaffected.clause()
    } else {
        None
    }
}

/// Returns the number of actions that even the shortest answer contains.
fn least_action_count(incident: &Incident) -> usize {
    let actions = &incident.diagnosis.actions;
    if actions.first() == Some(&ActionName::LiftBudget) {
        return 2;
    }
    match actions.get(1) {
        Some(
            ActionName::DoNotBuy
            | ActionName::WaitAfterAll
            | ActionName::SendAfterReset
            | ActionName::SendAfterResetOfModel,
        ) => 2,
        Some(_) | None => 1,
    }
}

/// Explains an error in full detail. `session` is a sentence that names the session with the error, `others` contains
/// sentences about other stopped sessions, and `spent` contains sentences about the spend on this machine.
pub fn at_length(
    incident: &Incident,
    session: Option<&str>,
    others: &[String],
    spent: &[String],
) -> Report {
    let mut report = Report::default();
    add_headline(incident, session, &mut report);
    report.paragraphs(Tone::Plain, others.iter().cloned());
    add_actions_at_length(incident, &mut report);
    let title = if incident.evidence.is_pasted() {
        "What the message means if you received it"
    } else {
        "What this message can mean"
    };
    add_list(title, &meanings(incident), &mut report);
    let diagnosis = &incident.diagnosis;
    let reasons: Vec<String> = incident
        .reasons()
        .into_iter()
        .map(|reason| reason.sentence)
        .collect();
    let unknowns: Vec<&str> = diagnosis
        .unknowns
        .iter()
        .map(|unknown| unknown_sentence(*unknown))
        .collect();
    let names: Vec<&str> = old_name(&incident.message, &incident.evidence)
        .into_iter()
        .collect();
    add_list("Why", &reasons, &mut report);
    add_list("What whycap does not know", &unknowns, &mut report);
    add_list(
        "What did not help other users (from GitHub issues in anthropics/claude-code)",
        incident.did_not_help(),
        &mut report,
    );
    add_list("Spend on this machine", spent, &mut report);
    add_list("Names", &names, &mut report);

    report.section("The message");
    report.paragraph(Tone::Quiet, format!("\"{}\"", incident.text()));
    report.paragraph(Tone::Quiet, origin(incident));
    report
}

/// Adds the headline and the sentence that names the session or, for a pasted message, what blocks work now. In a
/// conversation, the session comes first while the error still blocks work. Otherwise, the headline would seem to be about
/// the user's own session.
fn add_headline(incident: &Incident, session: Option<&str>, report: &mut Report) {
    let session = session.map(str::to_owned);
    let is_for_all_sessions =
        incident.evidence.collected.possibly_unaffected == PossiblyUnaffected::OtherSessions;
    let is_after_headline =
        incident.diagnosis.state.is_over() || is_for_all_sessions || incident.evidence.is_pasted();
    if is_after_headline {
        report.paragraph(tone_of_headline(incident), incident.headline().to_owned());
        report.paragraphs(Tone::Quiet, session);
        return;
    }
    report.paragraphs(Tone::Quiet, session);
    report.paragraph(tone_of_headline(incident), incident.headline().to_owned());
}

fn tone_of_headline(incident: &Incident) -> Tone {
    if incident.blocks().is_some() {
        Tone::Alarm
    } else {
        Tone::Strong
    }
}

/// Adds up to `most` actions as a numbered list.
fn add_actions(incident: &Incident, most: usize, report: &mut Report) {
    if most == 0 || incident.actions().is_empty() {
        return;
    }
    report.section("What to do");
    add_numbered(incident, most, report);
}

fn add_numbered(incident: &Incident, most: usize, report: &mut Report) {
    for (index, action) in incident.actions().iter().take(most).enumerate() {
        let number = format!("{}. ", index + 1);
        report.item(&number, Tone::Plain, with_place(action));
    }
}

fn add_actions_at_length(incident: &Incident, report: &mut Report) {
    report.section("What to do");
    for (index, action) in incident.actions().iter().enumerate() {
        let number = format!("{}. ", index + 1);
        report.item(&number, Tone::Plain, format!("{}.", action.instruction));
        report.indented_paragraph(number.len(), Tone::Quiet, action.why.clone());
        for address in [&action.command, &action.url].into_iter().flatten() {
            report.indented_paragraph(number.len(), Tone::Strong, address.clone());
        }
    }
}

/// Returns the instruction followed by its command or URL, unless the instruction already contains it.
fn with_place(action: &Action) -> String {
    match action.command.as_ref().or(action.url.as_ref()) {
        Some(place) if !action.instruction.contains(place.as_str()) => {
            format!("{}: {place}", action.instruction)
        }
        Some(_) | None => action.instruction.clone(),
    }
}

fn add_reasons(incident: &Incident, most: usize, report: &mut Report) {
    if most == 0 {
        return;
    }
    let reasons = incident.reasons();
    // If there is room for only one sentence, a reason is more useful than a missing fact.
    let unknown = if most > 1 || reasons.is_empty() {
        incident.diagnosis.unknowns.first()
    } else {
        None
    };
    let known_count = if unknown.is_some() { most - 1 } else { most };
    let known = reasons
        .into_iter()
        .take(known_count)
        .map(|reason| reason.sentence);
    let sentences: Vec<String> = known
        .chain(unknown.map(|unknown| unknown_sentence(*unknown).to_owned()))
        .chain(old_name(&incident.message, &incident.evidence).map(str::to_owned))
        .collect();
    add_list("Why", &sentences, report);
}

/// Returns the most important reason or, if there is none, a sentence about a missing fact. Returns `None` if nothing is
/// missing either.
fn main_reason(incident: &Incident) -> Option<String> {
    if let Some(reason) = incident.reasons().into_iter().next() {
        return Some(reason.sentence);
    }
    let unknown = incident.diagnosis.unknowns.first()?;
    Some(unknown_sentence(*unknown).to_owned())
}

/// Adds a titled list. Does nothing if the list is empty.
fn add_list(title: &str, sentences: &[impl AsRef<str>], report: &mut Report) {
    if sentences.is_empty() {
        return;
    }
    report.section(title);
    for sentence in sentences {
        report.item("- ", Tone::Plain, sentence.as_ref().to_owned());
    }
}

/// Returns the general meaning of the message and any meanings that apply to this user.
fn meanings(incident: &Incident) -> Vec<String> {
    let row = incident.message.row;
    let meaning = row.meaning.trim_end_matches('.');
    if incident.headline().starts_with(meaning) {
        return Vec::new();
    }
    let general = format!("{meaning}.");
    let verdict = incident.diagnosis.verdict;
    let for_user = row
        .meanings
        .iter()
        .filter(|meaning| is_for(meaning.audience, &incident.evidence, verdict));
    std::iter::once(general)
        .chain(for_user.map(|meaning| match meaning.versions.from {
            None => format!("{}: {}", meaning.who, meaning.sentence),
            Some(_) => format!(
                "{} ({}): {}",
                meaning.who, meaning.versions, meaning.sentence
            ),
        }))
        .collect()
}

/// Returns the time of the error, the Claude Code version, and the current state.
fn origin(incident: &Incident) -> String {
    let evidence = &incident.evidence;
    let state = state_sentence(evidence, &incident.diagnosis);
    if evidence.is_pasted() {
        return match incident.diagnosis.state {
            State::Over(_) => state.into_owned(),
            _ => "This explains only the message text, not the state of a particular session."
                .to_owned(),
        };
    }
    format!("{} {state}", time_and_version(incident))
        .trim_end()
        .to_owned()
}

/// Returns the time of the error and the Claude Code version.
fn time_and_version(incident: &Incident) -> String {
    let evidence = &incident.evidence;
    let at = evidence.clock.format_time_and_distance(evidence.at());
    match &evidence.error.session.version {
        Some(version) => format!("{at}, Claude Code {version}."),
        None => format!("{at}."),
    }
}

/// The place where users can read more about a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMore {
    /// The session itself.
    InSession,
    /// A shell. A prompt in the session would cancel the auto-resume, or the session does not know `/whycap` yet.
    InShell,
}

/// Returns the status-line rows for an error, or `None` if the error is no longer relevant. Every row fits in
/// `columns`.
pub fn status_rows(incident: &Incident, more: ReadMore, columns: usize) -> Option<Vec<Vec<Piece>>> {
    if !is_in_status_line(incident) {
        return None;
    }
    if incident.blocks().is_none() {
        if incident.is_notice() {
            return Some(in_tone(Tone::Plain, badge_rows(incident.badge(), columns)));
        }
        let row = fitting_form(incident.ending_rows(), columns)?;
        let credits_row = fitting_form(incident.credits_rows(), columns);
        let budget_row = fitting_form(incident.budget_rows(), columns);
        let mut rows = match credits_row.or(budget_row) {
            Some(alarm) => in_tone(Tone::Alarm, vec![alarm]),
            None => in_tone(Tone::Good, vec![row]),
        };
        // Without this row, the session would cost money while its user waits for it, or its user would pay without need.
        let names = &incident.diagnosis.actions;
        let continuation = names
            .iter()
            .position(|name| *name != ActionName::LiftBudget)
            .filter(|index| {
                matches!(
                    names.get(*index),
                    Some(
                        ActionName::ContinuesForCredits
                            | ActionName::WaitLeftOpen
                            | ActionName::LeaveOpenAfterLifting
                    )
                )
            });
        if let Some(action) = continuation.and_then(|index| incident.actions().get(index)) {
            let warning = fitting_form(&action.rows, columns);
            rows.extend(in_tone(Tone::Alarm, warning.into_iter().collect()));
        }
        return Some(rows);
    }
    let pointers = match more {
        ReadMore::InSession => [" · more: /whycap", " · /whycap"],
        ReadMore::InShell => [" · more: whycap explain, in a shell", " · whycap explain"],
    };
    let mut rows = match fitting_form(incident.credits_rows(), columns) {
        Some(row) => in_tone(Tone::Alarm, vec![row]),
        None => in_tone(Tone::Alarm, rows_while_blocked(incident, columns)),
    };
    if let [badge] = &mut rows[..] {
        let used: usize = badge.iter().map(|(_, text)| width(text)).sum();
        let room = columns.saturating_sub(used);
        let pointer = pointers.into_iter().find(|pointer| width(pointer) <= room);
        let mentions_pointer = badge.iter().any(|(_, text)| text.contains("/whycap"));
        if let Some(pointer) = pointer
            && !mentions_pointer
        {
            badge.push((Tone::Quiet, pointer.to_owned()));
        }
    }
    if let Some(row) = second_row(incident, columns) {
        rows.push(vec![(Tone::Plain, row)]);
    }
    Some(rows)
}

/// Returns the status-line rows for an error that blocks work. If the error occurred in another session and the user's
/// own session may still work, the row begins with "in another session:", provided that a form of the badge that keeps
/// its last part (the reset or the recommended step) fits after it.
fn rows_while_blocked(incident: &Incident, columns: usize) -> Vec<String> {
    let without_session = || badge_rows(incident.badge(), columns);
    if clause_about_asking_session(incident).is_none() {
        return without_session();
    }
    let step = incident.badge().rsplit(" · ").next().unwrap_or_default();
    badge_forms(incident.badge())
        .into_iter()
        .filter(|form| form.ends_with(step))
        .map(|form| format!("in another session: {form}"))
        .find(|row| width(row) <= columns)
        .map_or_else(without_session, |row| vec![row])
}

/// Returns the first form that fits in `columns`. If there is none, returns the last form, truncated.
fn fitting_form(forms: &[String], columns: usize) -> Option<String> {
    let form = forms
        .iter()
        .find(|form| width(form) <= columns)
        .or(forms.last())?;
    Some(truncate(form, columns))
}

/// Returns true if the status line mentions the error, because it blocks its session or has ended recently.
pub(crate) fn is_in_status_line(incident: &Incident) -> bool {
    incident.blocks().is_some() || !incident.evidence.has_later_response() && is_recent(incident)
}

/// How long the status line and reminders show that an error is over.
pub(crate) const SHOWN_FOR: TimeDelta = TimeDelta::hours(12);

/// Returns true if the error or its reset is so recent that the user may still want to know how the error ended.
pub(crate) fn is_recent(incident: &Incident) -> bool {
    let now = incident.evidence.clock.now;
    let end = incident
        .diagnosis
        .resets
        .chosen
        .map_or(incident.evidence.at(), |reset| reset.at);
    now - end <= SHOWN_FOR
}

/// Returns the text of the second row: whether Claude Code will continue by itself, the first action that the badge does not
/// mention, or the first action with its URL. Returns `None` if there is no such action, or if none of its wordings fits.
fn second_row(incident: &Incident, columns: usize) -> Option<String> {
    let names = &incident.diagnosis.actions;
    let now = incident.evidence.clock.now;
    let resets_soon = incident
        .diagnosis
        .resets
        .ahead(now)
        .is_some_and(|reset| reset.at - now <= SHORT_WAIT);
    let continuation = names.iter().position(|name| {
        matches!(
            name,
            ActionName::WaitLeftOpen
                | ActionName::LeaveOpenAfterLifting
                | ActionName::WillTryInVain
                | ActionName::WillTryOnCredits
                | ActionName::SendAfterReset
                | ActionName::SendAfterResetOfModel
        )
    });
    // The row about the continuation mentions the budget.
    let first = names
        .iter()
        .position(|name| *name != ActionName::LiftBudget)?;
    let index = match (names.get(first)?, continuation) {
        (ActionName::AwaitFigures, _) => first,
        (_, Some(index)) => index,
        (ActionName::Wait, None) if resets_soon => return None,
        (ActionName::OtherModel | ActionName::OtherModelForCredits, None)
            if incident.diagnosis.limits_only_one_model() =>
        {
            first
        }
        (ActionName::Wait | ActionName::WaitUnknown, None)
            if matches!(
                incident.evidence.collected.obstacle,
                Some(ContinuationObstacle::NotAnnounced | ContinuationObstacle::Announced(_))
            ) && let Some(index) =
                names.iter().position(|name| *name == ActionName::WaitHere) =>
        {
            index
        }
        // The badge already shows the reset time, and Claude Code's menu already offers to wait. The menu also offers the
        // free ways to continue if the account has them, and a purchase must not be named before them.
        (ActionName::Wait | ActionName::WaitUnknown, None) => names.iter().position(|name| {
            !matches!(
                name,
                ActionName::LiftBudget
                    | ActionName::Wait
                    | ActionName::WaitUnknown
                    | ActionName::WaitHere
            )
        })?,
        (_, None) => {
            let action = incident.actions().get(first)?;
            let has_only_url = action.command.is_none() && action.url.is_some();
            has_only_url.then_some(first)?
        }
    };
    if matches!(
        names.get(index),
        Some(ActionName::FreeWays | ActionName::FreeReset)
    ) {
        return None;
    }
    let action = incident.actions().get(index)?;
    let wordings = if action.rows.is_empty() {
        vec![with_place(action)]
    } else {
        action.rows.clone()
    };
    wordings.into_iter().find(|row| width(row) <= columns)
}

fn in_tone(tone: Tone, rows: Vec<String>) -> Vec<Vec<Piece>> {
    rows.into_iter().map(|row| vec![(tone, row)]).collect()
}

/// Returns the status-line rows for a badge. The badge is shortened in a narrow terminal. If even its shortest form
/// does not fit, it takes two rows, so that nothing is cut off. Words are omitted only in a very narrow terminal.
fn badge_rows(badge: &str, columns: usize) -> Vec<String> {
    /// The minimum width for a badge in two rows.
    const LEAST_FOR_TWO_ROWS: usize = 20;
    let forms = badge_forms(badge);
    if let Some(form) = forms.iter().find(|form| width(form) <= columns) {
        return vec![form.clone()];
    }
    if columns >= LEAST_FOR_TWO_ROWS {
        let (what, last) = badge.rsplit_once(" · ").unwrap_or((badge, ""));
        let what = what.split(" · ").next().unwrap_or(what);
        let rows = if let Some(time) = last.strip_prefix("resets ") {
            let reset = if width(last) <= columns { last } else { time };
            vec![what.to_owned(), reset.to_owned()]
        } else {
            wrap(without_remark(what), columns)
        };
        if rows.len() <= 2 && rows.iter().all(|row| width(row) <= columns) {
            return rows;
        }
    }
    vec![fitting(badge, columns)]
}

/// Returns the forms of a badge, longest first. Each form is complete. A badge consists of the name of the limit or
/// problem, advice, and the reset time. Every form contains the reset time and,
/// if the message is unconfirmed, a remark about this.
fn badge_forms(badge: &str) -> Vec<String> {
    let mut forms = vec![badge.to_owned()];
    let Some((before, last)) = badge.rsplit_once(" · ") else {
        forms.push(without_remark(badge).to_owned());
        return forms;
    };
    let what = before.split(" · ").next().unwrap_or(before);
    if let Some(time) = last.strip_prefix("resets ") {
        let time = time.trim_start_matches("at ");
        forms.extend([
            format!("{before} · resets {time}"),
            format!("{what} · resets {time}"),
            format!("{what} · {time}"),
        ]);
    } else {
        let problem = without_remark(what);
        forms.extend([
            format!("{problem} · {last}"),
            what.to_owned(),
            problem.to_owned(),
        ]);
    }
    forms
}

/// Returns the problem without the remark that it is not a usage limit.
fn without_remark(what: &str) -> &str {
    match what.split_once(" (not a ") {
        Some((problem, _)) => problem,
        None => what,
    }
}

/// Shortens a badge to fit in `columns`, breaking at word boundaries. The time at the end of the badge is preserved for
/// as long as possible.
fn fitting(row: &str, columns: usize) -> String {
    /// The minimum width at which the name of a limit is still recognizable.
    const LEAST_NAME: usize = 8;
    let Some((name, until)) = row.rsplit_once(" · ") else {
        return truncate(row, columns);
    };
    let Some(time) = until.strip_prefix("resets ") else {
        return truncate(row, columns);
    };
    let time = time.trim_start_matches("at ");
    let with_short_time = format!("{name} · resets {time}");
    if width(&with_short_time) <= columns {
        return with_short_time;
    }
    for end in [until, time] {
        if width(end) + 3 + LEAST_NAME <= columns {
            let room = columns - width(end) - 3;
            return format!("{} · {end}", truncate(name, room));
        }
    }
    for end in [until, time] {
        if width(end) <= columns {
            return end.to_owned();
        }
    }
    truncate(row, columns)
}
