//! What an installation did, or would do, in words.

use std::path::Path;

use super::ours::Kept;
use super::plan::{self, Plan};
use super::wiring::{Change, REFRESH_SECONDS};
use crate::places::Places;
use crate::terminal::{Palette, Tone, cut, sanitize};

/// Whether something was done or is only shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It was done.
    Done,
    /// It would be done (`--dry-run`).
    Would,
}

/// The words for one settings file.
pub fn lines(
    plan: &Plan,
    settings: &Path,
    mood: Mood,
    places: &Places,
    palette: Palette,
) -> Vec<String> {
    let mut lines = vec![palette.paint(Tone::Strong, &places.show(settings))];
    let left = |change: &Change| matches!(change, Change::StatusLineLeft(_));
    if plan.changes.iter().all(left) && !plan.touches(settings) {
        lines.push("  nothing to change here".to_owned());
    }
    for change in &plan.changes {
        lines.push(format!("  {}", change_line(change, mood)));
    }
    if mood == Mood::Would {
        for (removed, added) in &plan.replaced {
            lines.extend(marked(removed, '-', palette, Tone::Alarm));
            lines.extend(marked(added, '+', palette, Tone::Good));
        }
    }
    let command = plan::slash_command_path(places);
    if plan.touches(&command) {
        let would = if mood == Mood::Would { "would be " } else { "" };
        let done = if plan.creates(&command) {
            "added"
        } else {
            "removed"
        };
        lines.push(format!(
            "  /whycap {would}{done}: {}",
            places.show(&command)
        ));
    }
    lines.extend(plan.notes.iter().map(|note| format!("  {note}")));
    lines
}

fn marked(piece: &str, mark: char, palette: Palette, tone: Tone) -> Vec<String> {
    piece
        .lines()
        .filter(|line| !matches!(line.trim(), "" | ","))
        .map(|line| {
            let line = line.trim_start_matches(", ");
            let shown = line.replace(|c: char| c.is_control() && c != '\t', " ");
            palette.paint(tone, &format!("    {mark} {shown}"))
        })
        .collect()
}

fn change_line(change: &Change, mood: Mood) -> String {
    let would = match mood {
        Mood::Done => "",
        Mood::Would => "would be ",
    };
    match change {
        Change::StatusLineAdded => {
            format!("status line {would}added, drawn anew every {REFRESH_SECONDS} s")
        }
        Change::StatusLineTaken(Kept::Wrapped, command) => format!(
            "status line {would}added below yours ({}), which goes on",
            short(command)
        ),
        Change::StatusLineTaken(Kept::SetAside, command) => format!(
            "status line {would}added; yours ({}) is set aside, uninstall puts it back",
            short(command)
        ),
        Change::StatusLineLeft(command) => format!(
            "status line left as it is: {}\n  To have both: whycap install --statusline --wrap. \
             To set yours aside: --replace",
            short(command)
        ),
        Change::StatusLineMoved => format!("status line {would}pointed at this whycap"),
        Change::HooksAdded(events) => format!("hooks {would}added: {}", events.join(", ")),
        Change::HooksMoved(events) => {
            format!("hooks {would}pointed at this whycap: {}", events.join(", "))
        }
        Change::StatusLineRemoved => format!("status line {would}removed"),
        Change::StatusLineRestored(command) => {
            format!(
                "status line {would}removed, yours {would}put back: {}",
                short(command)
            )
        }
        Change::HooksRemoved(count) => format!("{count} hooks {would}removed"),
    }
}

fn short(command: &str) -> String {
    cut(&sanitize(command), 48)
}
