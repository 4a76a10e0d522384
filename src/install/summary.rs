//! What an installation did, or would do, in words.

use std::path::Path;

use super::entries::{Kept, REFRESH_SECONDS};
use super::plan::{InstallPlan, slash_command_path};
use super::settings_edit::Change;
use crate::claude::hook_event::EventName;
use crate::places::Places;
use crate::render::{Filling, Report, Texts};
use crate::terminal::{Tone, cut};

/// The words for one settings file. With `dry_run` nothing of it was done.
pub(crate) fn add(
    plan: &InstallPlan,
    settings: &Path,
    dry_run: bool,
    places: &Places,
    report: &mut Report,
) {
    report.paragraph(Tone::Strong, places.show(settings));
    let left = |change: &Change| matches!(change, Change::StatusLineLeft(_));
    if plan.changes.iter().all(left) {
        report.indented_paragraph(2, Tone::Plain, "nothing to change here");
    }
    for change in &plan.changes {
        for line in in_words(change, dry_run, places).lines() {
            report.indented_paragraph(2, Tone::Plain, line);
        }
    }
    if dry_run {
        for edit in &plan.edits {
            add_piece(&edit.removed, '-', Tone::Alarm, report);
            add_piece(&edit.added, '+', Tone::Good, report);
        }
    }
    for note in &plan.notes {
        report.indented_paragraph(2, Tone::Plain, note);
    }
}

/// Lines of a settings file as they stand there.
fn add_piece(piece: &str, mark: char, tone: Tone, report: &mut Report) {
    let lines = piece.lines();
    for line in lines.filter(|line| !["", ","].contains(&line.trim())) {
        let line = line.trim_start_matches(", ");
        report.row(vec![(tone, format!("    {mark} {line}"))]);
    }
}

fn in_words(change: &Change, dry_run: bool, places: &Places) -> String {
    let would = if dry_run { "would be " } else { "" };
    let texts = Texts::parse(include_str!("summary.json"));
    let say = |name, given: Filling<'_>| texts.say(name, &[("would", &would), given]);
    let of_command = |name, command: &str| say(name, ("command", &short(command)));
    let of_file = |name| say(name, ("file", &places.show(&slash_command_path(places))));
    match change {
        Change::StatusLineAdded => say("line.added", ("seconds", &REFRESH_SECONDS)),
        Change::StatusLineTaken(Kept::Wrapped, command) => of_command("line.wrapped", command),
        Change::StatusLineTaken(Kept::SetAside, command) => of_command("line.set_aside", command),
        Change::StatusLineLeft(command) => of_command("line.left", command),
        Change::StatusLineRestored(command) => of_command("line.restored", command),
        Change::StatusLineMoved => of_command("line.moved", ""),
        Change::StatusLineRemoved => of_command("line.removed", ""),
        Change::HooksAdded(events) => say("hooks.added", ("events", &names(events))),
        Change::HooksMoved(events) => say("hooks.moved", ("events", &names(events))),
        Change::HooksRemoved(count) => say("hooks.removed", ("count", count)),
        Change::SlashCommandAdded => of_file("command.added"),
        Change::SlashCommandRemoved => of_file("command.removed"),
    }
}

/// A foreign status line's command.
pub(crate) fn short(command: &str) -> String {
    cut(command, 48)
}

fn names(events: &[EventName]) -> String {
    let names = events.iter().map(|event| event.as_str());
    names.collect::<Vec<_>>().join(", ")
}
