//! `whycap doctor`: what is wrong with the set-up, and how to mend it.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::question::Question;
use crate::doctor::{Finding, Health, Setup, examine};
use crate::environment::Environment;
use crate::terminal::{Page, Shown, Tone};

/// Arguments of `whycap doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 1 if a check failed. Nothing is changed.

Examples:
  whycap doctor            for the folder you are in
  whycap doctor --json     for a script")]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb. Exit code 1 if a check failed.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let findings = examine(&Setup::of(environment));
    let failed = findings
        .iter()
        .any(|finding| finding.health == Health::Fail);
    let report = || Shown::indented_json(&json!({"ok": !failed, "checks": findings}));
    let json = arguments.json.then(report);
    super::show(environment, json, |page| write(&findings, page))?;
    Ok(ExitCode::from(u8::from(failed)))
}

/// The answer of `/whycap doctor`.
pub(crate) fn answer(question: Question<'_>, page: &mut Page) {
    /// The rows that Claude Code and the prompt need around an answer (2.1.328).
    const ROWS_AROUND: usize = 14;
    let findings = examine(&Setup::of(question.environment));
    let mut all = page.like();
    write(&findings, &mut all);
    let room = question.environment.rows();
    let room = room.map_or(usize::MAX, |rows| rows.saturating_sub(ROWS_AROUND));
    if page.rows() + all.rows() <= room {
        return page.add(&all);
    }
    // Claude Code shows the end of what does not fit; so what is well is only counted.
    let is_well = |finding: &Finding| finding.health == Health::Ok;
    let well = findings.iter().filter(|finding| is_well(finding)).count();
    let problems: Vec<Finding> = findings
        .into_iter()
        .filter(|finding| !is_well(finding))
        .collect();
    write(&problems, page);
    let rest = match well {
        0 => return,
        1 => "1 check is well".to_owned(),
        many => format!("{many} checks are well"),
    };
    page.paragraph(
        Tone::Quiet,
        &format!("{rest}; `whycap doctor` in a shell lists all."),
    );
}

/// Columns for the health and the name of the check.
const MARGIN: usize = 6;
const NAME: usize = 16;

fn write(findings: &[Finding], page: &mut Page) {
    for finding in findings {
        let (word, tone) = match finding.health {
            Health::Ok => ("ok", Tone::Good),
            Health::Warn => ("warn", Tone::Warning),
            Health::Fail => ("FAIL", Tone::Alarm),
        };
        page.labelled(
            &[(tone, word, MARGIN), (Tone::Plain, finding.check, NAME)],
            Tone::Plain,
            &finding.says,
        );
        if let Some(fix) = &finding.fix {
            page.labelled(
                &[(Tone::Plain, "", MARGIN + NAME), (Tone::Plain, "fix:", 5)],
                Tone::Accent,
                fix,
            );
        }
    }
    let count = |health| {
        findings
            .iter()
            .filter(|found| found.health == health)
            .count()
    };
    page.line(&match (count(Health::Fail), count(Health::Warn)) {
        (0, 0) => "All is well.".to_owned(),
        (0, 1) => "It works; one thing to look at.".to_owned(),
        (0, warned) => format!("It works; {warned} things to look at."),
        (1, _) => "One thing does not work.".to_owned(),
        (failed, _) => format!("{failed} things do not work."),
    });
}
