//! What an installation did, or would do, in words.

use std::collections::{HashMap, VecDeque};
use std::path::Path;

use super::entries::REFRESH_SECONDS;
use super::plan::InstallPlan;
use super::settings_edit::{Change, ChangeKind};
use super::steps::{FileChange, Step};
use crate::places::Places;
use crate::render::{Filling, Report, filled};
use crate::terminal::Tone;

/// The words for one settings file. With `dry_run` nothing of it was done.
pub(crate) fn add(
    plan: &InstallPlan,
    settings: &Path,
    dry_run: bool,
    places: &Places,
    report: &mut Report,
) {
    report.paragraph(Tone::Strong, places.show(settings));
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
    let changes = plan.steps.iter().filter_map(Step::change);
    for change in changes.filter(|change| dry_run && change.path == settings) {
        add_difference(change, report);
    }
    for note in &plan.notes {
        report.indented_paragraph(2, Tone::Plain, note);
    }
}

/// What is said of each change. Ours are sound: a test reads them.
fn sentences() -> HashMap<ChangeKind, String> {
    serde_json::from_str(include_str!("summary.json")).unwrap_or_default()
}

/// Lines of a settings file that would go and come, as they stand there. A comma that one gets
/// because another follows is no change of it.
fn add_difference(change: &FileChange, report: &mut Report) {
    let mut add = |tone, mark, line| report.row(vec![(tone, format!("    {mark} {line}"))]);
    let [before, after] = [&change.before, &change.after].map(|text| text.as_deref());
    let mut after: VecDeque<&str> = after.unwrap_or_default().lines().collect();
    for line in before.unwrap_or_default().lines() {
        match after
            .iter()
            .position(|kept| without_comma(kept) == without_comma(line))
        {
            Some(place) => {
                for new in after.drain(..=place).take(place) {
                    add(Tone::Good, '+', new);
                }
            }
            None => add(Tone::Alarm, '-', line),
        }
    }
    for new in after {
        add(Tone::Good, '+', new);
    }
}

fn without_comma(line: &str) -> &str {
    line.trim_end_matches(',')
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
