//! Reads what the checks look at. Nothing is changed, no process is started.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use memchr::memmem;
use serde_json::Value;

use super::{ClientVersion, CredentialFact, Facts, LedgerState, ProgramState, WiredProgram};
use crate::claude::account::{Account, Plan};
use crate::claude::settings::{self, SettingsFile};
use crate::claude::{credentials, installations};
use crate::config::Config;
use crate::disk;
use crate::environment::Environment;
use crate::install::{EditRecord, entries};
use crate::ledger::{self, Ledger, Patience};
use crate::locks;
use crate::places::Places;
use crate::pricing::PriceTable;

/// How much of a transcript's end is searched for the client's version.
const TAIL: u64 = 64 * 1024;

/// The most that `.claude.json` can sensibly hold.
const STATE_LIMIT: u64 = 64 * 1024 * 1024;

/// The most that a program of ours can sensibly hold.
const PROGRAM_LIMIT: u64 = 64 * 1024 * 1024;

/// Stands in every whycap, so that another one can be asked for its version without running it.
static VERSION_MARK: &str = concat!("whycap version mark: ", env!("CARGO_PKG_VERSION"), ";");

/// Everything that can be read from here; what other modules know stays unknown.
pub fn facts(places: &Places, environment: &Environment, project: &Path) -> Facts {
    let settings = settings::of(places, Some(project));
    let state = global_state(places);
    let newest = newest_transcript(places);
    Facts {
        now: environment.now,
        project: project.to_owned(),
        trusted: state.as_ref().and_then(|state| trusted(state, project)),
        client: newest
            .as_ref()
            .and_then(|(path, _)| version_in_transcript(path))
            .or_else(|| version_in_state(state.as_ref()?, places)),
        programs: programs(&settings, places),
        wrap_record_missing: wrap_record_missing(&settings, places),
        newest_transcript: newest.map(|(_, written)| written),
        ledger: ledger_state(places),
        data_open_to_others: open_to_others(&places.data),
        prices_updated: PriceTable::list().ok().map(|table| table.updated),
        config_problems: Config::load(places).problems,
        settings,
        places: places.clone(),
        installations: Some(
            installations::found(places, environment)
                .into_iter()
                .collect(),
        ),
        credentials: Some(credentials_that_outrank(places, environment, project)),
        payer: Account::load(places)
            .filter(|account| account.plan != Plan::Other)
            .map(|account| format!("your {} plan", account.plan.name())),
        harmful_locks: Some(locks::harmful(places, environment)),
    }
}

fn credentials_that_outrank(
    places: &Places,
    environment: &Environment,
    project: &Path,
) -> Vec<CredentialFact> {
    credentials::in_environment(environment)
        .into_iter()
        .chain(credentials::in_all_settings(places, Some(project)))
        .filter(credentials::Credential::outranks_login)
        .map(|credential| CredentialFact {
            name: credential.name,
            place: format!("in {}", credential.set_in.words()),
        })
        .collect()
}

fn global_state(places: &Places) -> Option<Value> {
    let bytes = disk::read(&places.global_state, STATE_LIMIT).ok()??;
    serde_json::from_slice(&bytes).ok()
}

/// Trust is given to a folder and holds below it. None if the client does not know the folder.
fn trusted(state: &Value, project: &Path) -> Option<bool> {
    let projects = state.get("projects")?.as_object()?;
    let known = |folder: &Path| {
        projects
            .get(folder.to_str()?)?
            .get("hasTrustDialogAccepted")?
            .as_bool()
    };
    if project
        .ancestors()
        .any(|folder| known(folder) == Some(true))
    {
        return Some(true);
    }
    known(project)
}

/// The transcript that was written last, and when.
fn newest_transcript(places: &Places) -> Option<(PathBuf, DateTime<Utc>)> {
    let entries = |directory: PathBuf| {
        std::fs::read_dir(directory)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
    };
    places
        .transcript_roots()
        .flat_map(entries)
        .flat_map(entries)
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .filter_map(|path| {
            let written: SystemTime = std::fs::metadata(&path).ok()?.modified().ok()?;
            Some((path, DateTime::<Utc>::from(written)))
        })
        .max_by_key(|(_, written)| *written)
}

fn version_in_transcript(path: &Path) -> Option<ClientVersion> {
    let (_, tail) = disk::read_tail(path, TAIL).ok()?;
    // In message texts the quotes are escaped, so only a line's own field looks like this.
    let key = b"\"version\":\"";
    let at = memmem::rfind(&tail, key)? + key.len();
    let rest = tail.get(at..)?;
    let end = memchr::memchr(b'"', rest)?;
    Some(ClientVersion {
        version: plain_version(rest.get(..end)?)?,
        source: "from the newest transcript".to_owned(),
    })
}

/// A short text of the characters that versions are made of.
fn plain_version(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-+".contains(c);
    (!text.is_empty() && text.len() <= 40 && text.chars().all(fits)).then(|| text.to_owned())
}

fn version_in_state(state: &Value, places: &Places) -> Option<ClientVersion> {
    let version = state.get("lastReleaseNotesSeen")?.as_str()?;
    Some(ClientVersion {
        version: plain_version(version.as_bytes())?,
        source: format!("from {}", places.show(&places.global_state)),
    })
}

fn programs(settings: &[SettingsFile], places: &Places) -> Vec<WiredProgram> {
    let running = std::env::current_exe().ok();
    let mut found: Vec<WiredProgram> = Vec::new();
    for file in settings {
        let Some(content) = file.settings() else {
            continue;
        };
        let wired = entries::wired(content);
        let hooks = wired.hooks.into_iter().map(|(_, invocation)| invocation);
        for invocation in wired.status_line.into_iter().chain(hooks) {
            if found
                .iter()
                .any(|known| known.program == invocation.program)
            {
                continue;
            }
            found.push(WiredProgram {
                state: program_state(&invocation.program, running.as_deref()),
                program: invocation.program,
                settings: places.show(&file.path),
            });
        }
    }
    found
}

fn program_state(program: &str, running: Option<&Path>) -> ProgramState {
    let path = Path::new(program);
    if !path.is_absolute() {
        return ProgramState::Bare;
    }
    let Ok(found) = std::fs::metadata(path) else {
        return ProgramState::Missing;
    };
    if !is_executable(&found) {
        return ProgramState::NotExecutable;
    }
    let same = running.is_some_and(|running| {
        std::fs::canonicalize(running).ok() == std::fs::canonicalize(path).ok()
    });
    if same {
        return ProgramState::This;
    }
    let bytes = disk::read(path, PROGRAM_LIMIT).ok().flatten();
    ProgramState::Other(bytes.and_then(|bytes| marked_version(&bytes)))
}

fn marked_version(program: &[u8]) -> Option<String> {
    let (mark, _) = VERSION_MARK.split_once(env!("CARGO_PKG_VERSION"))?;
    memmem::find_iter(program, mark.as_bytes()).find_map(|at| {
        let rest = program.get(at + mark.len()..)?;
        let end = memchr::memchr(b';', rest.get(..41.min(rest.len()))?)?;
        plain_version(rest.get(..end)?)
    })
}

#[cfg(unix)]
fn is_executable(file: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.is_file() && file.mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(file: &std::fs::Metadata) -> bool {
    file.is_file()
}

fn wrap_record_missing(settings: &[SettingsFile], places: &Places) -> bool {
    settings.iter().any(|file| {
        file.settings()
            .is_some_and(|content| entries::wired(content).wraps)
            && EditRecord::load(places, &file.path).kept.is_none()
    })
}

fn ledger_state(places: &Places) -> LedgerState {
    let path = ledger::path_in(&places.data);
    let Ok(found) = std::fs::metadata(path) else {
        return LedgerState::None;
    };
    match Ledger::open(&places.data, Patience::None) {
        Ok(_) => LedgerState::Good(found.len()),
        Err(error) if error.is_busy() => LedgerState::Busy,
        Err(error) => LedgerState::Unusable(error.to_string()),
    }
}

#[cfg(unix)]
fn open_to_others(directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(directory).is_ok_and(|found| found.mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn open_to_others(_directory: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn trust_in_a_folder_holds_below_it() {
        let state = json!({"projects": {
            "/home/dev/work": {"hasTrustDialogAccepted": true},
            "/home/dev/odd": {"hasTrustDialogAccepted": false},
        }});
        assert_eq!(trusted(&state, Path::new("/home/dev/work/a/b")), Some(true));
        assert_eq!(trusted(&state, Path::new("/home/dev/odd")), Some(false));
        assert_eq!(trusted(&state, Path::new("/home/dev/worker")), None);
        assert_eq!(trusted(&json!({"projects": 7}), Path::new("/")), None);
    }

    #[test]
    fn another_program_s_version_is_read_from_its_bytes() {
        assert_eq!(
            marked_version(format!("\0\0{VERSION_MARK}\0").as_bytes()).as_deref(),
            Some(env!("CARGO_PKG_VERSION"))
        );
        assert_eq!(
            marked_version(b"whycap version mark: 9.8.7;").as_deref(),
            Some("9.8.7")
        );
        assert_eq!(marked_version(b"whycap version mark: \xff;"), None);
        assert_eq!(marked_version(b"whycap version mark: 1"), None);
    }
}
