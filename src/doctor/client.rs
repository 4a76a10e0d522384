//! Checks Claude Code itself, including its version, credentials, and locks.

use std::path::Path;

use anyhow::bail;
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::Value;

use super::{Findings, Setup};
use crate::claude::account::{self, LoginState};
use crate::claude::credentials::{self, Credential, is_on};
use crate::claude::version::{self, ClientVersion, Versions};
use crate::claude::watchdog::{LONGEST_WAIT, WATCHDOG};
use crate::claude::{settings, transcripts};
use crate::disk;
use crate::environment::Paths;
use crate::json::{LenientJson, embedded};
use crate::locks::{HarmfulLock, harmful};
use crate::time::format_duration;

/// The first Claude Code version that supports all events that whycap uses.
const FIRST_WITH_ALL_EVENTS: ClientVersion = ClientVersion(2, 1, 78);

/// The first Claude Code version whose hooks for a switch of the model state its cost.
const FIRST_WITH_SWITCH_HOOKS: ClientVersion = ClientVersion(2, 1, 331);

/// The number of bytes to search for the version at the end of a transcript.
const VERSION_BYTES: u64 = 256 * 1024;

/// A row in `known_versions.json`, which lists issues in Claude Code that look like a limit. The rows are sorted by
/// severity, and each one names its source.
#[derive(Debug, Deserialize)]
struct KnownIssue {
    versions: Versions,
    /// The effect on the user.
    issue: String,
}

/// Returns the known issues in a version.
fn issues_in(version: ClientVersion) -> Vec<String> {
    let known: Vec<KnownIssue> = embedded::parse(
        "doctor/known_versions.json",
        include_str!("known_versions.json"),
    );
    known
        .into_iter()
        .filter(|known| known.versions.contain(version))
        .map(|known| known.issue)
        .collect()
}

/// Returns the most recently used version of Claude Code, as recorded in the newest transcript or else in Claude Code's
/// global state.
fn last_version(paths: &Paths) -> Option<ClientVersion> {
    transcripts::newest(paths.transcript_roots())
        .and_then(|transcript| version_in_transcript(&transcript.path))
        .or_else(|| {
            let state = account::global_state(paths)?;
            ClientVersion::parse(state.text("lastReleaseNotesSeen")?)
        })
}

fn version_in_transcript(path: &Path) -> Option<ClientVersion> {
    let (start, tail) = disk::read_tail(path, VERSION_BYTES).ok()?;
    transcripts::complete_lines(start, &tail)
        .rev()
        .find_map(|line| {
            let fields: Value = serde_json::from_slice(line).ok()?;
            ClientVersion::parse(fields.text("version")?)
        })
}

pub(super) fn version_in_use(setup: &Setup, findings: &mut Findings) {
    let Some(version) = last_version(&setup.paths) else {
        return;
    };
    let issues = issues_in(version).join("; ");
    if !issues.is_empty() {
        findings.warn(format!("Claude Code {version}: {issues}"), "claude update");
    }
}

/// Returns an error if the most recently used version does not support all events that whycap uses. Such a version
/// would ignore the entire settings file.
pub(crate) fn check_knows_hooks(paths: &Paths) -> anyhow::Result<()> {
    match last_version(paths) {
        Some(version) if version < FIRST_WITH_ALL_EVENTS => bail!(
            "you last used Claude Code {version} here, and versions before {FIRST_WITH_ALL_EVENTS} ignore a whole settings file, including your permissions, if the file contains whycap's hooks. Update Claude Code and start it once, or add only the status line: whycap install --statusline"
        ),
        _ => Ok(()),
    }
}

/// Returns true if the most recently used version has hooks for a switch of the model.
pub(crate) fn knows_switch_hooks(paths: &Paths) -> bool {
    last_version(paths).is_some_and(|version| version >= FIRST_WITH_SWITCH_HOOKS)
}

pub(super) fn installations(setup: &Setup, findings: &mut Findings) {
    let executables = version::executables(&setup.paths, &setup.environment);
    if executables.len() > 1 {
        let places: Vec<String> = executables
            .iter()
            .map(|executable| setup.paths.show(executable))
            .collect();
        let count = executables.len();
        findings.warn(
            format!(
                "Claude Code is installed {count} times: {}",
                places.join(", ")
            ),
            "Keep only one installation. An old version shows outdated limits and messages.",
        );
    }
}

/// Checks for credentials that take precedence over a subscription login.
pub(super) fn credentials(setup: &Setup, findings: &mut Findings) {
    let paths = &setup.paths;
    let named = credentials::of_session(paths, &setup.environment, Some(&setup.directory))
        .iter()
        .filter(|credential| Credential::outranks_login(credential))
        .map(|credential| format!("{} (in {})", credential.name, credential.set_in.words()))
        .collect::<Vec<_>>()
        .join(", ");
    let login = LoginState::load(paths);
    let payer = login
        .account
        .and_then(|account| account.plan)
        .map(|plan| format!("your {plan} plan"));

    if named.is_empty() {
        let payer = match payer {
            Some(plan) => plan,
            None if login.has_console_key => "the API key of your Console login".to_owned(),
            None => "neither a login nor a key".to_owned(),
        };
        findings.ok(format!("sessions started from this shell use {payer}"));
    } else {
        let instead = payer.map_or_else(String::new, |plan| format!(" instead of {plan}"));
        findings.warn(
            format!("Claude Code uses {named}{instead}"),
            "This applies to sessions that are started from this shell. If you want to use your plan, unset the variable and restart Claude Code. /status shows which account a session uses.",
        );
    }
}

/// Says whether Claude Code waits for the end of a limit by itself, because its hooks then do not report the limit.
pub(super) fn watchdog(setup: &Setup, findings: &mut Findings) {
    let files = &setup.settings;
    let watchdog = settings::variable(files, &setup.environment, WATCHDOG);
    if watchdog.is_none_or(|value| !is_on(value.as_ref())) {
        return;
    }
    let longest = settings::variable(files, &setup.environment, LONGEST_WAIT)
        .and_then(|value| value.parse().ok())
        .and_then(TimeDelta::try_milliseconds)
        .map_or("however long that takes".to_owned(), |longest| {
            format!("for {} at most", format_duration(longest))
        });
    findings.ok(format!(
        "{WATCHDOG} is set, so sessions from this shell wait by themselves at a limit, {longest}, and hooks are not told about it"
    ));
}

pub(super) fn locks(setup: &Setup, findings: &mut Findings) {
    for HarmfulLock { says, remedy, .. } in harmful(&setup.paths, &setup.environment) {
        findings.warn(says, remedy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_issue_has_a_version_range_and_a_source() {
        let all: Vec<serde_json::Value> =
            serde_json::from_str(include_str!("known_versions.json")).unwrap();
        assert!(all.len() > 8);
        for row in all {
            let KnownIssue { versions, issue } = serde_json::from_str(&row.to_string()).unwrap();
            assert!(
                versions.before.is_some() && versions.from < versions.before,
                "{issue}"
            );
            assert!(!row["source"].as_str().unwrap().is_empty() && !issue.ends_with('.'));
        }
    }

    #[test]
    fn a_range_ends_before_the_version_that_fixed_it() {
        let affected = [118, 119, 152, 153].map(|patch| {
            issues_in(ClientVersion(2, 1, patch))
                .iter()
                .any(|issue| issue.contains("org's limit"))
        });
        assert_eq!(affected, [false, true, true, false]);
    }

    #[test]
    fn a_current_version_has_no_known_issues() {
        for version in [ClientVersion(2, 1, 328), ClientVersion(3, 0, 0)] {
            assert_eq!(issues_in(version), Vec::<&str>::new(), "{version}");
        }
        assert!(!issues_in(ClientVersion(2, 0, 76)).is_empty());
    }
}
