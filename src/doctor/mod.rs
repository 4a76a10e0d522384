//! Checks the setup and gives advice on how to fix each problem.
//!
//! A check is a function that reads a [`Setup`] and any other data that it needs, and adds what it found to [`Findings`].
//! If there is no problem, or not enough data to find one, it adds nothing. Checks do not change anything or start any
//! processes.

mod client;
mod own_files;
#[cfg(test)]
mod tests;
mod wiring;

pub(crate) use client::{check_knows_hooks, knows_switch_hooks};

use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

use crate::claude::settings::{self, SettingsFile};
use crate::environment::{Environment, Paths};
use crate::install::entries::{InstalledEntries, entries_in};
use crate::render::Report;
use crate::terminal::{Tone, count_noun};

/// The data shared by several checks.
#[derive(Debug)]
pub(crate) struct Setup {
    environment: Environment,
    paths: Paths,
    /// The directory to check.
    directory: PathBuf,
    /// Claude Code's settings files, in order of precedence.
    settings: Vec<SettingsFile>,
    /// The path of the running whycap executable.
    executable: Option<PathBuf>,
}

impl Setup {
    /// Collects the data for a directory.
    pub(crate) fn new(environment: Environment, paths: Paths, directory: PathBuf) -> Self {
        Self {
            settings: settings::of(&paths, Some(&directory)),
            executable: std::env::current_exe().ok(),
            environment,
            paths,
            directory,
        }
    }

    /// Returns the readable settings files and whycap's entries in each of them.
    fn installed_entries(&self) -> impl Iterator<Item = (&SettingsFile, InstalledEntries)> {
        entries_in(&self.settings)
    }
}

/// The verdict of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CheckVerdict {
    Ok,
    /// The setup works, but there may be a problem.
    Warn,
    /// Part of the setup does not work.
    Fail,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The name of the check.
    pub check: &'static str,
    pub verdict: CheckVerdict,
    pub says: String,
    /// The advice: a sentence, or a shell command, which two spaces separate from an explanation in parentheses. `None`
    /// only if the verdict is `Ok`.
    pub fix: Option<String>,
}

/// The findings so far.
struct Findings {
    /// The check that is currently running.
    check: &'static str,
    all: Vec<Finding>,
}

impl Findings {
    fn ok(&mut self, says: impl Into<String>) {
        self.add(CheckVerdict::Ok, says.into(), None);
    }

    fn warn(&mut self, says: impl Into<String>, fix: impl Into<String>) {
        self.add(CheckVerdict::Warn, says.into(), Some(fix.into()));
    }

    fn fail(&mut self, says: impl Into<String>, fix: impl Into<String>) {
        self.add(CheckVerdict::Fail, says.into(), Some(fix.into()));
    }

    fn add(&mut self, verdict: CheckVerdict, says: String, fix: Option<String>) {
        self.all.push(Finding {
            check: self.check,
            verdict,
            says,
            fix,
        });
    }
}

/// The text of a check that found no problem.
const NO_PROBLEM: &str = "no problem found";

type Check = fn(&Setup, &mut Findings);

/// The checks, in display order.
const CHECKS: [(&str, Check); 18] = [
    ("settings files", wiring::settings_files),
    ("hooks allowed", wiring::hooks_allowed),
    ("trusted folder", wiring::trust),
    ("status line", wiring::status_line),
    ("hooks", wiring::hooks),
    ("/whycap", wiring::slash_command),
    ("program", wiring::executable),
    ("client version", client::version_in_use),
    ("installations", client::installations),
    ("who pays", client::credentials),
    ("watchdog", client::watchdog),
    ("transcripts", own_files::transcripts),
    ("ledger", own_files::ledger),
    ("locks", client::locks),
    ("prices", own_files::prices),
    ("clock", own_files::clock),
    ("config.toml", own_files::own_configuration),
    ("own data", own_files::own_data),
];

/// Runs all checks.
pub(crate) fn examine(setup: &Setup) -> Vec<Finding> {
    let mut findings = Findings {
        check: "",
        all: Vec::new(),
    };
    for (name, check) in CHECKS {
        findings.check = name;
        let count = findings.all.len();
        check(setup, &mut findings);
        if findings.all.len() == count {
            findings.ok(NO_PROBLEM);
        }
    }
    findings.all
}

/// The width of the verdict column.
const VERDICT_COLUMNS: usize = 6;

/// The width of the check-name column.
const NAME_COLUMNS: usize = 16;

/// Returns true if any check failed.
pub(crate) fn is_any_broken(findings: &[Finding]) -> bool {
    count(findings, CheckVerdict::Fail) > 0
}

/// Returns a report of the findings, except for checks without a problem, and a summary. The report starts with what blocks
/// work now, if anything does, because the checks cover only the setup and may all pass.
pub(crate) fn report(findings: &[Finding], error: Option<&str>) -> Report {
    let facts = json!({"ok": !is_any_broken(findings), "checks": findings});
    let mut report = Report::new(facts);
    if let Some(error) = error {
        report.paragraph(Tone::Alarm, error);
    }
    let mut quiet_count = 0;
    for finding in findings {
        if finding.says == NO_PROBLEM {
            quiet_count += 1;
            continue;
        }
        let (word, tone) = match finding.verdict {
            CheckVerdict::Ok => ("ok", Tone::Good),
            CheckVerdict::Warn => ("warn", Tone::Warning),
            CheckVerdict::Fail => ("FAIL", Tone::Alarm),
        };
        let labels = [
            (tone, word, VERDICT_COLUMNS),
            (Tone::Plain, finding.check, NAME_COLUMNS),
        ];
        report.labelled(&labels, Tone::Plain, &finding.says);
        if let Some(fix) = &finding.fix {
            let labels = [
                (Tone::Plain, "", VERDICT_COLUMNS + NAME_COLUMNS),
                (Tone::Plain, "fix:", 5),
            ];
            report.labelled(&labels, Tone::Accent, fix);
        }
    }
    if quiet_count > 0 {
        let checks = count_noun(quiet_count, "check");
        report.paragraph(Tone::Quiet, format!("{checks} found no problem."));
    }
    report.line(summary(findings, error.is_some()));
    report
}

/// Returns the last line of the report, such as "The setup is OK, with 2 warnings." If the report starts with an error,
/// the line must not sound as if everything were OK.
fn summary(findings: &[Finding], has_error: bool) -> String {
    let failed_count = count(findings, CheckVerdict::Fail);
    let warning_count = count(findings, CheckVerdict::Warn);
    let failed = count_noun(failed_count, "check");
    let warnings = count_noun(warning_count, "warning");
    let setup = if has_error {
        "Apart from the error above, the setup"
    } else {
        "The setup"
    };
    match (failed_count, warning_count) {
        (0, 0) => format!("{setup} is OK, with no warnings."),
        (0, _) => format!("{setup} is OK, with {warnings}."),
        (_, 0) => format!("{failed} failed."),
        (_, _) => format!("{failed} failed, with {warnings}."),
    }
}

fn count(findings: &[Finding], verdict: CheckVerdict) -> u64 {
    findings
        .iter()
        .filter(|finding| finding.verdict == verdict)
        .count() as u64
}
