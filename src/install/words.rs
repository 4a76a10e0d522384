//! What is asked and said of an installation: what it changes, or would change.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead, IsTerminal};
use std::path::Path;

use super::changes::{Change, ChangeKind, FileChange, Step};
use super::entries::{Kept, REFRESH_SECONDS, STATUS_LINE, entry_invocation};
use super::plan::InstallPlan;
use super::settings_edit::foreign_status_line;
use crate::claude::settings::{self, SettingsFile, SettingsScope};
use crate::places::Places;
use crate::render::{Filling, Report, filled};
use crate::terminal::{Shown, Tone, cut, is_seen_by_person, print};

const SHARED: &str = "this file is usually shared; others need whycap at the same path. --scope local keeps it to you";

/// What is asked about a status line that is not ours.
const QUESTION: &str = include_str!("keep_status_line.txt");

/// The words for one settings file. With `dry_run` nothing of it was done.
pub(crate) fn add(plan: &InstallPlan, settings: &Path, dry_run: bool, report: &mut Report) {
    if plan.changes.iter().all(Change::is_none) {
        report.indented_paragraph(2, Tone::Plain, "nothing to change here");
    }
    let sentences = sentences();
    let would = if dry_run { "would be " } else { "" };
    for Change { kind, of } in &plan.changes {
        let sentence = sentences.get(kind).map_or("", String::as_str);
        let given: [Filling<'_>; 3] =
            [("would", &would), ("of", of), ("seconds", &REFRESH_SECONDS)];
        for line in filled(sentence, &given).lines() {
            report.indented_paragraph(2, Tone::Plain, line);
        }
    }
    for step in plan.steps.iter().filter(|_| dry_run) {
        match step {
            Step::Change(change) if change.path == settings => add_difference(change, report),
            _ => {}
        }
    }
    for note in &plan.notes {
        report.indented_paragraph(2, Tone::Plain, note);
    }
}

/// What is said of each change. Ours are sound: a test reads them.
fn sentences() -> HashMap<ChangeKind, String> {
    serde_json::from_str(include_str!("changes.json")).unwrap_or_default()
}

/// Lines of a settings file that would go and come, as they stand there. A comma that one gets
/// because another follows is no change of it.
fn add_difference(change: &FileChange, report: &mut Report) {
    let mut add = |tone, mark, line| report.row(vec![(tone, format!("    {mark} {line}"))]);
    let [before, after] = [&change.before, &change.after].map(|text| text.as_deref());
    let mut after: VecDeque<&str> = after.unwrap_or_default().lines().collect();
    for line in before.unwrap_or_default().lines() {
        let is_same = |kept: &&str| kept.trim_end_matches(',') == line.trim_end_matches(',');
        let Some(place) = after.iter().position(is_same) else {
            add(Tone::Alarm, '-', line);
            continue;
        };
        for new in after.drain(..=place).take(place) {
            add(Tone::Good, '+', new);
        }
    }
    for new in after {
        add(Tone::Good, '+', new);
    }
}

/// Asks what to do about a status line that is not ours, if there is somebody to ask.
pub(crate) fn ask(path: &Path) -> anyhow::Result<Option<Kept>> {
    let contents = SettingsFile::read(SettingsScope::User, path.to_owned());
    let found = contents.settings().and_then(foreign_status_line);
    let (Some(command), true) = (found, io::stdin().is_terminal() && is_seen_by_person()) else {
        return Ok(None);
    };
    let question = QUESTION.replace("{command}", &cut(&command, 60));
    print(&Shown::text(question.trim_end_matches('\n')))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(match answer.trim() {
        "k" | "K" => Some(Kept::Wrapped),
        "s" | "S" => Some(Kept::SetAside),
        _ => None,
    })
}

/// What keeps the installation from taking effect, or concerns others.
pub(crate) fn afterthoughts(places: &Places, here: &Path, scope: SettingsScope) -> Vec<String> {
    let path = settings::path_of(scope, places, here);
    let files = settings::of(places, Some(here));
    let mut notes = Vec::new();
    if let Some((winner, entry)) = settings::winner(&files, "statusLine")
        && winner.path != path
        && entry_invocation(entry, STATUS_LINE).is_none()
    {
        let place = places.show(&winner.path);
        let wins = format!("in this folder {place} has another status line, and it wins");
        notes.push(wins);
    }
    for file in &files {
        let place = places.show(&file.path);
        if file.is_true("disableAllHooks") {
            notes.push(format!(
                "{place} sets disableAllHooks: no hook and no status line will run until it is taken out"
            ));
        }
        let fault = file.contents.as_ref().err();
        notes.extend(fault.map(|why| format!("{place}: {why}")));
    }
    if scope == SettingsScope::Project {
        notes.push(SHARED.to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_has_its_sentence() {
        let sentences = sentences();
        assert_eq!(
            sentences.len(),
            ChangeKind::SlashCommandRemoved as usize + 1
        );
        for text in sentences.values() {
            for place in text.split('{').skip(1) {
                let place = place.split('}').next().unwrap();
                assert!(["would", "of", "seconds"].contains(&place), "{text}");
            }
        }
    }
}
