//! What was found, for people and programs.

use serde_json::json;

use super::{Finding, Health};
use crate::render::Report;
use crate::terminal::{Tone, counted};

/// Columns for the health and the name of the check.
const MARGIN: usize = 6;
const NAME: usize = 16;

/// Whether something does not work.
pub(crate) fn is_any_broken(findings: &[Finding]) -> bool {
    findings.iter().any(|it| it.health == Health::Fail)
}

/// Every finding, and what they come to.
pub(crate) fn report(findings: &[Finding]) -> Report {
    let is_sound = !is_any_broken(findings);
    let mut report = Report::new(json!({"ok": is_sound, "checks": findings})).indented();
    for finding in findings {
        let (word, tone) = match finding.health {
            Health::Ok => ("ok", Tone::Good),
            Health::Warn => ("warn", Tone::Warning),
            Health::Fail => ("FAIL", Tone::Alarm),
        };
        let labels = [(tone, word, MARGIN), (Tone::Plain, finding.check, NAME)];
        report.labelled(&labels, Tone::Plain, &finding.says);
        if let Some(fix) = &finding.fix {
            let labels = [(Tone::Plain, "", MARGIN + NAME), (Tone::Plain, "fix:", 5)];
            report.labelled(&labels, Tone::Accent, fix);
        }
    }
    let count = |health| findings.iter().filter(|it| it.health == health).count();
    report.line(match (count(Health::Fail), count(Health::Warn)) {
        (0, 0) => "All is well.".to_owned(),
        (0, 1) => "It works; one thing to look at.".to_owned(),
        (0, warned) => format!("It works; {warned} things to look at."),
        (1, _) => "One thing does not work.".to_owned(),
        (failed, _) => format!("{failed} things do not work."),
    });
    report
}

/// The same where there is room for what is not well only; the rest is counted.
pub(crate) fn report_of_problems(mut findings: Vec<Finding>) -> Report {
    let all = findings.len();
    findings.retain(|finding| finding.health != Health::Ok);
    let mut report = report(&findings);
    let verb = match all - findings.len() {
        0 => return report,
        1 => "is",
        _ => "are",
    };
    let well = counted((all - findings.len()) as u64, "check");
    let rest = format!("{well} {verb} well; `whycap doctor` in a shell lists all.");
    report.paragraph(Tone::Quiet, rest);
    report
}
