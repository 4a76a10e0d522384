//! `whycap doctor`: what is wrong with the set-up, and how to mend it.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::question::{self, Question};
use crate::doctor::{self, Facts, Finding, Verdict, gather};
use crate::environment::Environment;
use crate::places::Places;
use crate::terminal::{Palette, Tone, sanitize, width_for_person, wrap};

/// Arguments of `whycap doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 1 if a check failed. Nothing is changed.

Examples:
  whycap doctor            for the folder you are in
  whycap doctor --json     for a script")]
pub struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb. Exit code 1 if a check failed.
pub fn run(arguments: &DoctorArgs, environment: &Environment) -> anyhow::Result<ExitCode> {
    let findings = doctor::examine(&facts(environment));
    let failed = findings
        .iter()
        .any(|finding| finding.verdict == Verdict::Fail);
    let text = if arguments.json {
        let report = json!({"ok": !failed, "checks": findings});
        format!("{}\n", serde_json::to_string_pretty(&report)?)
    } else {
        let palette = Palette::for_person(environment);
        in_words(&findings, width_for_person(environment), palette)
    };
    crate::terminal::print(&text)?;
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The answer of `/whycap doctor`.
pub(crate) fn answer(question: Question<'_>) -> String {
    let findings = doctor::examine(&facts(question.environment));
    in_words(
        &findings,
        question::width(question.environment),
        Palette::none(),
    )
}

/// Everything that the checks look at, with what other parts of whycap know.
fn facts(environment: &Environment) -> Facts {
    let places = Places::of(environment);
    let project = environment
        .path("CLAUDE_PROJECT_DIR")
        .or_else(|| std::env::current_dir().ok())
        .unwrap_or_else(|| places.home.clone());
    gather::facts(&places, environment, &project)
}

/// Columns for the verdict and the name of the check.
const MARGIN: usize = 6;
const NAME: usize = 16;

fn in_words(findings: &[Finding], width: usize, palette: Palette) -> String {
    let mut lines = Vec::new();
    let room = width.saturating_sub(MARGIN + NAME).max(20);
    let indent = " ".repeat(MARGIN + NAME);
    for finding in findings {
        let (word, tone) = match finding.verdict {
            Verdict::Ok => ("ok", Tone::Good),
            Verdict::Warn => ("warn", Tone::Warning),
            Verdict::Fail => ("FAIL", Tone::Alarm),
        };
        let mut said = wrap(&sanitize(&finding.says), room).into_iter();
        lines.push(format!(
            "{}{:NAME$}{}",
            palette.paint(tone, &format!("{word:MARGIN$}")),
            finding.check,
            said.next().unwrap_or_default()
        ));
        lines.extend(said.map(|line| format!("{indent}{line}")));
        for (index, line) in finding
            .fix
            .iter()
            .flat_map(|fix| wrap(&sanitize(fix), room.saturating_sub(5)))
            .enumerate()
        {
            let lead = if index == 0 { "fix: " } else { "     " };
            lines.push(format!(
                "{indent}{lead}{}",
                palette.paint(Tone::Accent, &line)
            ));
        }
    }
    let count = |verdict| {
        findings
            .iter()
            .filter(|found| found.verdict == verdict)
            .count()
    };
    lines.push(match (count(Verdict::Fail), count(Verdict::Warn)) {
        (0, 0) => "All is well.".to_owned(),
        (0, 1) => "It works; one thing to look at.".to_owned(),
        (0, warned) => format!("It works; {warned} things to look at."),
        (1, _) => "One thing does not work.".to_owned(),
        (failed, _) => format!("{failed} things do not work."),
    });
    lines.join("\n") + "\n"
}
