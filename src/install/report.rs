//! Reports the changes of an installation.

use std::collections::HashMap;

use super::changes::{Change, ChangeKind};
use super::entries::REFRESH_SECONDS;
use super::plan::InstallPlan;
use crate::json::embedded;
use crate::render::{Argument, Report, fill_template};
use crate::terminal::Tone;

/// Adds a plan's changes to a report. In a dry run, the report describes what would happen.
pub(crate) fn add_changes(plan: &InstallPlan, dry_run: bool, report: &mut Report) {
    if plan.changes.iter().all(Change::is_left_unchanged) {
        report.indented_paragraph(2, Tone::Plain, "no changes needed");
    }

    let sentence_of = sentences();
    let would = if dry_run { "would be " } else { "" };
    for Change { kind, subject } in &plan.changes {
        let sentence = sentence_of.get(kind).map_or("", String::as_str);
        let fillings: [Argument<'_>; 3] = [
            ("would", &would),
            ("subject", subject),
            ("seconds", &REFRESH_SECONDS),
        ];
        for line in fill_template(sentence, &fillings).lines() {
            report.indented_paragraph(2, Tone::Plain, line);
        }
    }

    for note in &plan.notes {
        report.indented_paragraph(2, Tone::Plain, note);
    }
}

/// Returns a sentence for each kind of change. A test ensures that none is missing.
fn sentences() -> HashMap<ChangeKind, String> {
    embedded::parse("install/changes.json", include_str!("changes.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_has_its_sentence() {
        let all = sentences();
        assert_eq!(all.len(), ChangeKind::SlashCommandRemoved as usize + 1);
        for text in all.values() {
            for rest in text.split('{').skip(1) {
                let name = rest.split('}').next().unwrap();
                assert!(["would", "subject", "seconds"].contains(&name), "{text}");
            }
        }
    }
}
