//! Checks Claude Code itself, including its version, credentials, and locks.

use std::path::Path;

use anyhow::bail;
use chrono::TimeDelta;
use memchr::memmem;
use serde::Deserialize;

use super::{Examination, FindingName, Setup};
use crate::claude::account::{self, Account, LoginState};
use crate::claude::credentials::{self, Credential, is_on};
use crate::claude::transcripts;
use crate::claude::version::{self, ClientVersion, Versions};
use crate::claude::watchdog::{LONGEST_WAIT, WATCHDOG};
use crate::disk;
use crate::embedded;
use crate::locks::{HarmfulLock, harmful};
use crate::paths::Paths;
use crate::time::format_duration;

/// The first Claude Code version that supports all events that whycap uses.
const FIRST_WITH_ALL_EVENTS: ClientVersion = ClientVersion(2, 1, 78);

/// The first Claude Code version whose hooks for a switch of the model state its cost.
const FIRST_WITH_SWITCH_HOOKS: ClientVersion = ClientVersion(2, 1, 331);

/// The number of bytes to search for the version at the end of a transcript.
const VERSION_BYTES: u64 = 64 * 1024;

/// A row in `known_versions.json`, which lists issues in Claude Code that look like a limit. The rows are sorted by
/// severity.
#[derive(Debug, Deserialize)]
struct KnownIssue {
    versions: Versions,
    /// The effect on the user.
    issue: String,
    /// The source of the information.
    #[cfg_attr(not(test), expect(dead_code, reason = "for those who edit the rows"))]
    source: String,
}

fn known() -> Vec<KnownIssue> {
    embedded::parse(
        "doctor/known_versions.json",
        include_str!("known_versions.json"),
    )
}

/// Returns the known issues in a version.
fn issues_in(version: ClientVersion) -> Vec<String> {
    known()
        .into_iter()
        .filter(|known| known.versions.contain(version))
        .map(|known| known.issue)
        .collect()
}

/// A Claude Code version, and where whycap found it.
struct SeenVersion {
    version: ClientVersion,
    /// The place where it was found, such as "from the newest transcript".
    source: String,
}

impl SeenVersion {
    /// Returns the most recently used version, as recorded in the newest transcript or else in Claude Code's global
    /// state.
    fn used_last(paths: &Paths, newest_transcript: Option<&Path>) -> Option<Self> {
        newest_transcript
            .and_then(Self::in_transcript)
            .or_else(|| Self::in_state(paths))
    }

    fn in_transcript(path: &Path) -> Option<Self> {
        let (_, tail) = disk::read_tail(path, VERSION_BYTES).ok()?;
        // Quotes in text are escaped, so this can only match a field.
        let key = b"\"version\":\"";
        let start = memmem::rfind(&tail, key)? + key.len();
        let rest = tail.get(start..)?;
        let end = memchr::memchr(b'"', rest)?;
        Some(Self {
            version: ClientVersion::parse(std::str::from_utf8(rest.get(..end)?).ok()?)?,
            source: "from the newest transcript".to_owned(),
        })
    }

    fn in_state(paths: &Paths) -> Option<Self> {
        let state = account::global_state(paths)?;
        Some(Self {
            version: ClientVersion::parse(state.get("lastReleaseNotesSeen")?.as_str()?)?,
            source: format!("from {}", paths.show(&paths.global_state)),
        })
    }
}

pub(super) fn version_in_use(setup: &Setup, examination: &mut Examination) {
    let newest = setup
        .newest_transcript
        .as_ref()
        .map(|newest| newest.path.as_path());
    let Some(SeenVersion { version, source }) = SeenVersion::used_last(&setup.paths, newest) else {
        return;
    };
    let issues = issues_in(version).join("; ");
    if !issues.is_empty() {
        let seen = format!("{version} ({source})");
        examination.add(
            FindingName::ClientHasKnownIssues,
            &[("seen", &seen), ("issues", &issues)],
        );
    }
}

/// Returns the most recently used version of Claude Code.
fn last_version(paths: &Paths) -> Option<ClientVersion> {
    let newest_transcript = transcripts::of_sessions(paths.transcript_roots())
        .into_iter()
        .next()
        .map(|transcript| transcript.path);
    Some(SeenVersion::used_last(paths, newest_transcript.as_deref())?.version)
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

pub(super) fn installations(setup: &Setup, examination: &mut Examination) {
    let executables: Vec<String> = version::executables(&setup.paths, &setup.environment)
        .iter()
        .map(|executable| setup.paths.show(executable))
        .collect();
    if executables.len() > 1 {
        let locations = executables.join(", ");
        examination.add(
            FindingName::InstalledOften,
            &[("count", &executables.len()), ("places", &locations)],
        );
    }
}

/// Checks for credentials that take precedence over a subscription login.
pub(super) fn credentials(setup: &Setup, examination: &mut Examination) {
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
        .filter(Account::has_plan)
        .map(|account| format!("your {} plan", account.plan.name()));

    if named.is_empty() {
        let payer = match payer {
            Some(plan) => plan,
            None if login.has_console_key => "the API key of your Console login".to_owned(),
            None => "neither a login nor a key".to_owned(),
        };
        examination.add(FindingName::Payer, &[("payer", &payer)]);
    } else {
        let instead = payer.map_or_else(String::new, |plan| format!(" instead of {plan}"));
        examination.add(
            FindingName::PayerKey,
            &[("named", &named), ("instead", &instead)],
        );
    }
}

/// Says whether Claude Code waits for the end of a limit by itself, because its hooks then do not report the limit.
pub(super) fn watchdog(setup: &Setup, examination: &mut Examination) {
    let value_of = |name: &str| {
        let in_settings = setup
            .settings
            .iter()
            .find_map(|file| file.get("env")?.get(name));
        match in_settings {
            Some(value) => Some(value.as_str().map_or(value.to_string(), str::to_owned)),
            None => setup.environment.text(name).map(str::to_owned),
        }
    };
    if value_of(WATCHDOG).is_none_or(|value| !is_on(value.as_ref())) {
        return;
    }
    let longest = value_of(LONGEST_WAIT).and_then(|value| value.parse().ok());
    let longest = longest
        .and_then(TimeDelta::try_milliseconds)
        .map_or("however long that takes".to_owned(), |longest| {
            format!("for {} at most", format_duration(longest))
        });
    examination.add(FindingName::Watchdog, &[("longest", &longest)]);
}

pub(super) fn locks(setup: &Setup, examination: &mut Examination) {
    for HarmfulLock { says, remedy, .. } in harmful(&setup.paths, &setup.environment) {
        examination.add(
            FindingName::LockHarmful,
            &[("says", &says), ("remedy", &remedy)],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_issue_has_a_version_range_and_a_source() {
        let all = known();
        assert!(all.len() > 8);
        for known in all {
            let Versions { from, before } = known.versions;
            assert!(before.is_some() && from < before, "{}", known.issue);
            assert!(!known.source.is_empty() && !known.issue.ends_with('.'));
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
