//! Checks the setup and gives advice on how to fix each problem.
//!
//! A check is a function that reads a [`Setup`] and any other data that it needs, and adds [`Finding`]s. Their texts
//! are the rows of `findings.json`. If there is no problem, or not enough data to find one, the check adds nothing. Checks
//! do not change anything or start any processes.

mod client;
mod own_files;
#[cfg(test)]
mod tests;
mod wiring;

pub(crate) use client::{check_knows_hooks, knows_switch_hooks};

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::claude::settings::{self, SettingsFile};
use crate::claude::transcripts;
use crate::embedded;
use crate::environment::Environment;
use crate::install::entries::{InstalledEntries, entries_in};
use crate::ledger::{Ledger, LedgerError};
use crate::paths::Paths;
use crate::render::{Argument, Report, fill_template};
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
    newest_transcript: Option<NewestTranscript>,
    /// The transcripts and their directories that cannot be read.
    unreadable: Vec<PathBuf>,
    /// The reason why the ledger is unusable. `None` means that it works or does not exist yet.
    ledger_error: Option<LedgerError>,
}

/// The most recently modified transcript.
#[derive(Debug)]
struct NewestTranscript {
    path: PathBuf,
    written: DateTime<Utc>,
}

impl Setup {
    /// Collects the data for a directory.
    pub(crate) fn new(environment: Environment, paths: Paths, directory: PathBuf) -> Self {
        let newest_transcript = transcripts::of_sessions(paths.transcript_roots())
            .into_iter()
            .next()
            .map(|transcript| NewestTranscript {
                written: DateTime::from_timestamp_nanos(transcript.state.modified),
                path: transcript.path,
            });
        Self {
            settings: settings::of(&paths, Some(&directory)),
            executable: std::env::current_exe().ok(),
            newest_transcript,
            unreadable: transcripts::unreadable(paths.transcript_roots()),
            ledger_error: ledger_error(&paths),
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

fn ledger_error(paths: &Paths) -> Option<LedgerError> {
    let error = Ledger::open_existing(&paths.data)?.err()?;
    (!error.is_busy()).then_some(error)
}

#[cfg(unix)]
fn mode(file: &Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(file)
}

/// Returns a fixed mode because file modes exist only on Unix.
#[cfg(not(unix))]
fn mode(_: &Metadata) -> u32 {
    0o700
}

/// The verdict of a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CheckVerdict {
    #[default]
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
    pub(crate) check: &'static str,
    pub(crate) verdict: CheckVerdict,
    pub(crate) says: String,
    /// The advice, which is `None` only if the verdict is `Ok`.
    pub(crate) fix: Option<String>,
}

/// The advice in a row of `findings.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct Fix {
    /// A shell command. Tests run it, too.
    #[serde(default)]
    run: Option<String>,
    /// A sentence for the user.
    #[serde(default)]
    note: Option<String>,
}

impl Fix {
    /// Returns the command followed by the sentence in parentheses. If one of them is missing, returns the other.
    fn text(&self) -> String {
        match (&self.run, &self.note) {
            (Some(run), Some(note)) => format!("{run}  ({note})"),
            (Some(text), None) | (None, Some(text)) => text.clone(),
            (None, None) => String::new(),
        }
    }
}

/// A row in `findings.json`: the verdict, a sentence, and the advice. The texts contain placeholders in braces.
#[derive(Debug, Default, Deserialize)]
struct FindingText(CheckVerdict, String, #[serde(default)] Option<Fix>);

/// The name of a finding, which is its key in `findings.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
enum FindingName {
    SettingsBroken,
    HooksDisabled,
    HooksManagedOnly,
    TrustLacking,
    LineOff,
    LineManaged,
    LineForeign,
    HooksNone,
    HooksMissing,
    HooksSeveral,
    CommandOff,
    CommandMissing,
    ProgramMissing,
    ProgramOtherShell,
    ProgramOther,
    ClientHasKnownIssues,
    InstalledOften,
    Payer,
    PayerKey,
    Watchdog,
    TranscriptsUnreadable,
    LedgerWasDamaged,
    LedgerFailed,
    LockHarmful,
    PricesOld,
    ClockWrong,
    ConfigWrong,
    DataIgnored,
    DataReadOnly,
}

/// The findings so far.
struct Examination {
    /// The check that is currently running.
    check: &'static str,
    texts: HashMap<FindingName, FindingText>,
    all: Vec<Finding>,
}

impl Examination {
    /// Adds a finding based on a row in `findings.json`.
    fn add(&mut self, name: FindingName, arguments: &[Argument<'_>]) {
        let unknown = FindingText::default();
        let FindingText(verdict, sentence, fix) = self.texts.get(&name).unwrap_or(&unknown);
        self.all.push(Finding {
            check: self.check,
            verdict: *verdict,
            says: fill_template(sentence, arguments),
            fix: fix
                .as_ref()
                .map(|fix| fill_template(&fix.text(), arguments)),
        });
    }
}

/// The text of a check that found no problem.
const NO_PROBLEM: &str = "no problem found";

type Check = fn(&Setup, &mut Examination);

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
    let mut examination = Examination {
        check: "",
        texts: embedded::parse("doctor/findings.json", include_str!("findings.json")),
        all: Vec::new(),
    };
    for (name, check) in CHECKS {
        examination.check = name;
        let count = examination.all.len();
        check(setup, &mut examination);
        if examination.all.len() == count {
            examination.all.push(Finding {
                check: name,
                verdict: CheckVerdict::Ok,
                says: NO_PROBLEM.to_owned(),
                fix: None,
            });
        }
    }
    examination.all
}

/// The width of the verdict column.
const VERDICT_COLUMNS: usize = 6;

/// The width of the check-name column.
const NAME_COLUMNS: usize = 16;

/// Returns true if any check failed.
pub(crate) fn is_any_broken(findings: &[Finding]) -> bool {
    findings
        .iter()
        .any(|finding| finding.verdict == CheckVerdict::Fail)
}

/// Returns a report of the findings, except for checks without a problem, and a summary. The report starts with what blocks
/// work now, if anything does, because the checks cover only the setup and may all pass.
pub(crate) fn report(findings: &[Finding], error: Option<&str>) -> Report {
    let facts = json!({"ok": !is_any_broken(findings), "checks": findings});
    let mut report = Report::new(facts);
    if let Some(error) = error {
        report.paragraph(Tone::Alarm, error);
    }
    let quiet = findings.iter().filter(|finding| finding.says == NO_PROBLEM);
    let quiet_count = quiet.count() as u64;
    for finding in findings.iter().filter(|finding| finding.says != NO_PROBLEM) {
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
