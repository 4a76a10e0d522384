//! What an installation did, or would do, in words.

use std::path::Path;

use super::entries::{Kept, REFRESH_SECONDS};
use super::plan::{InstallPlan, slash_command_path};
use super::settings_edit::Change;
use crate::claude::hook_event::EventName;
use crate::places::Places;
use crate::render::Report;
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
    let slash_command = places.show(&slash_command_path(places));
    match change {
        Change::StatusLineAdded => {
            format!("status line {would}added, redrawn every {REFRESH_SECONDS} s")
        }
        Change::StatusLineTaken(Kept::Wrapped, command) => format!(
            "status line {would}added below yours ({}), which stays",
            short(command)
        ),
        Change::StatusLineTaken(Kept::SetAside, command) => format!(
            "status line {would}added; yours ({}) is set aside, uninstall puts it back",
            short(command)
        ),
        Change::StatusLineLeft(command) => format!(
            "status line left as it is: {}\nTo have both: whycap install --statusline --wrap\nTo set \
             yours aside: whycap install --statusline --replace",
            short(command)
        ),
        Change::StatusLineMoved => format!("status line {would}pointed at this whycap"),
        Change::HooksAdded(events) => format!("hooks {would}added: {}", names(events)),
        Change::HooksMoved(events) => {
            format!("hooks {would}pointed at this whycap: {}", names(events))
        }
        Change::StatusLineRemoved => format!("status line {would}removed"),
        Change::StatusLineRestored(command) => format!(
            "status line {would}removed, yours {would}put back: {}",
            short(command)
        ),
        Change::HooksRemoved(count) => format!("{count} hooks {would}removed"),
        Change::SlashCommandAdded => format!("/whycap {would}added: {slash_command}"),
        Change::SlashCommandRemoved => format!("/whycap {would}removed: {slash_command}"),
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
