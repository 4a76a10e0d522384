//! What is wrong with the set-up, and how to mend each thing.
//!
//! Every check is a function that looks at a [`Setup`] and at what it alone needs to know, and adds
//! [`Finding`]s: rows of `findings.json`. A check that knows nothing says nothing. Nothing is
//! changed, no process is started.

mod client;
mod own;
#[cfg(test)]
mod tests;
mod wiring;

pub(crate) use client::check_takes_hooks;
use std::collections::HashMap;
use std::fs::Metadata;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::claude::settings::{self, SettingsFile};
use crate::claude::transcripts;
use crate::environment::Environment;
use crate::install::entries::{Wired, wired_in};
use crate::ledger::{self, Ledger, LedgerError};
use crate::places::Places;
use crate::render::{Filling, Report, filled};
use crate::terminal::{Tone, counted};

/// What several checks look at.
#[derive(Debug)]
pub(crate) struct Setup {
    environment: Environment,
    places: Places,
    /// The directory that the checks are for.
    directory: PathBuf,
    /// Claude Code's settings, the file that wins first.
    settings: Vec<SettingsFile>,
    /// The whycap that runs.
    program: Option<PathBuf>,
    /// The transcript that was written last, and when.
    newest: Option<(PathBuf, DateTime<Utc>)>,
    /// Transcripts and directories of them that cannot be read.
    unreadable: Vec<PathBuf>,
    /// How many bytes the ledger has, or why it cannot be used. None where there is none yet.
    ledger: Option<Result<u64, LedgerError>>,
}

impl Setup {
    /// The set-up of this project.
    pub(crate) fn new(environment: Environment, places: Places, directory: PathBuf) -> Self {
        let of_sessions = transcripts::of_sessions(places.transcript_roots());
        let newest = of_sessions.into_iter().next().map(|newest| {
            let written = DateTime::from_timestamp_nanos(newest.state.modified);
            (newest.path, written)
        });
        Self {
            settings: settings::of(&places, Some(&directory)),
            program: std::env::current_exe().ok(),
            newest,
            unreadable: transcripts::unreadable(places.transcript_roots()),
            ledger: ledger_state(&places),
            environment,
            places,
            directory,
        }
    }

    /// Each settings file, with what of whycap it wires.
    fn wired(&self) -> impl Iterator<Item = (&SettingsFile, Wired)> {
        wired_in(&self.settings)
    }
}

fn ledger_state(places: &Places) -> Option<Result<u64, LedgerError>> {
    let found = std::fs::metadata(ledger::path_in(&places.data)).ok()?;
    let opened = Ledger::open_existing(&places.data)?;
    Some(opened.map(|_| found.len()))
}

#[cfg(unix)]
fn mode(file: &Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(file)
}

/// A file for its owner, who may run it: elsewhere nothing says otherwise.
#[cfg(not(unix))]
fn mode(_: &Metadata) -> u32 {
    0o700
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Health {
    #[default]
    Ok,
    /// It works, but look at it.
    Warn,
    /// Something does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at, in a word or two.
    pub(crate) check: &'static str,
    #[serde(rename = "verdict")]
    pub(crate) health: Health,
    /// What was found, in plain words.
    pub(crate) says: String,
    /// What to do. There is something unless all is well.
    pub(crate) fix: Option<String>,
}

/// A row of `findings.json`: how bad it is, what is said of it and what to do, with places in braces.
#[derive(Debug, Default, Deserialize)]
struct FindingText(Health, String, #[serde(default)] Option<String>);

/// What was found so far, and by which check now.
struct Examination {
    check: &'static str,
    texts: HashMap<String, FindingText>,
    all: Vec<Finding>,
}

impl Examination {
    /// What stands under `key`.
    fn add(&mut self, key: &str, given: &[Filling<'_>]) {
        let unknown = FindingText::default();
        let FindingText(health, says, fix) = self.texts.get(key).unwrap_or(&unknown);
        self.all.push(Finding {
            check: self.check,
            health: *health,
            says: filled(says, given),
            fix: fix.as_ref().map(|fix| filled(fix, given)),
        });
    }
}

type Check = fn(&Setup, &mut Examination);

/// Every check, in the order in which findings are shown.
const CHECKS: [(&str, Check); 19] = [
    ("settings files", wiring::settings_files),
    ("hooks allowed", wiring::hooks_allowed),
    ("trusted folder", wiring::trust),
    ("status line", wiring::status_line),
    ("hooks", wiring::hooks),
    ("program", wiring::program),
    ("set up twice", wiring::twice),
    ("client version", client::client_version),
    ("installations", client::installations),
    ("who pays", client::credentials),
    ("whose session", client::owner),
    ("retention", own::retention),
    ("transcripts", own::transcripts),
    ("ledger", own::ledger),
    ("locks", client::locks),
    ("prices", own::prices),
    ("clock", own::clock),
    ("config.toml", own::own_configuration),
    ("own data", own::own_data),
];

/// Looks at everything.
pub(crate) fn examine(setup: &Setup) -> Vec<Finding> {
    let mut found = Examination {
        check: "",
        texts: serde_json::from_str(include_str!("findings.json")).unwrap_or_default(),
        all: Vec::new(),
    };
    for (name, check) in CHECKS {
        found.check = name;
        check(setup, &mut found);
    }
    found.all
}

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
