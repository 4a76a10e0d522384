//! What the checks look at, and reading it. Nothing is changed, no process is started.

use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, Utc};
use memchr::memmem;
use serde_json::Value;

use crate::claude::account::{self, Account, Plan};
use crate::claude::credentials::{self, Credential};
use crate::claude::installations;
use crate::claude::settings::{self, SettingsFile};
use crate::claude::shell::Shell;
use crate::claude::transcripts;
use crate::claude::version::ClientVersion;
use crate::config::Config;
use crate::disk;
use crate::environment::{Environment, HOME};
use crate::incidents::Incidents;
use crate::install::EditRecord;
use crate::install::entries::{Wired, wired_in};
use crate::ledger::{self, Ledger};
use crate::limits::evidence::Whose;
use crate::locks::{self, HarmfulLock};
use crate::places::{Places, as_written};
use crate::pricing::PriceTable;

/// How much of a transcript's end is searched for the client's version.
const TAIL: u64 = 64 * 1024;

/// The most that a program of ours can sensibly hold.
const PROGRAM_LIMIT: u64 = 64 * 1024 * 1024;

/// Stands in every whycap, so that another one can be asked for its version without running it.
static VERSION_MARK: &str = concat!("whycap version mark: ", env!("CARGO_PKG_VERSION"), ";");

/// Everything that the checks look at. What is None is not known; its check is left out.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(super) now: DateTime<Utc>,
    pub(super) places: Places,
    /// Claude Code's settings, the file that wins first.
    pub(super) settings: Vec<SettingsFile>,
    pub(super) project: ProjectSetup,
    pub(super) wiring: Wiring,
    pub(super) client: Client,
    pub(super) transcripts: Transcripts,
    pub(super) own: OwnData,
}

/// The directory that the checks are for.
#[derive(Debug, Clone)]
pub(super) struct ProjectSetup {
    pub(super) directory: PathBuf,
    /// Whether Claude Code's question for trust was answered with yes.
    pub(super) is_trusted: Option<bool>,
    /// Whether its settings say where home is.
    pub(super) moves_home: bool,
}

/// What settings call as whycap.
#[derive(Debug, Clone)]
pub(super) struct Wiring {
    pub(super) programs: Vec<WiredProgram>,
    /// A wrapped status line of which our own record is gone.
    pub(super) is_wrap_record_missing: bool,
}

/// Claude Code itself, and who pays for it.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) seen: Option<SeenVersion>,
    pub(super) installations: Vec<PathBuf>,
    /// Those that come before the login of a subscription.
    pub(super) credentials: Vec<Credential>,
    /// Who pays, in words ("your Max plan").
    pub(super) payer: Option<String>,
    /// The session that was written to last, and whose it is beside the login.
    pub(super) newest_session: Option<(String, Whose)>,
    pub(super) harmful_locks: Vec<HarmfulLock>,
}

/// What Claude Code writes down.
#[derive(Debug, Clone)]
pub(super) struct Transcripts {
    /// When the newest was written.
    pub(super) newest: Option<DateTime<Utc>>,
    /// Transcripts and directories of them that cannot be read.
    pub(super) unreadable: Vec<PathBuf>,
    /// What stands in the place of one and is neither a file nor a directory.
    pub(super) misplaced: Vec<PathBuf>,
}

/// What whycap keeps.
#[derive(Debug, Clone)]
pub(super) struct OwnData {
    pub(super) ledger: LedgerState,
    /// Ledgers that were set aside for damage, the newest first.
    pub(super) damaged_ledgers: Vec<PathBuf>,
    pub(super) is_open_to_others: bool,
    /// Variables that name a place for our files which is not used, with that place.
    pub(super) ignored_places: Vec<(&'static str, PathBuf)>,
    /// Day on which the price table was last checked.
    pub(super) prices_updated: NaiveDate,
    pub(super) config_problems: Vec<String>,
}

/// The version of the client that was used last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeenVersion {
    pub(super) version: ClientVersion,
    /// Where it was read, for people.
    pub(super) source: String,
}

/// A program that settings call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WiredProgram {
    /// As settings name it.
    pub(super) program: String,
    /// The settings file, for people.
    pub(super) settings: String,
    pub(super) state: ProgramState,
}

/// What a wired path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProgramState {
    /// The whycap that is running now.
    This,
    /// Another whycap, of this version if it could be told.
    Other(Option<String>),
    Missing,
    NotExecutable,
    /// A bare name, which the client's PATH decides.
    Bare,
    /// The command is written for another shell than the client uses here, which is this.
    OtherShell(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LedgerState {
    /// There is none yet.
    None,
    /// It opens; its size in bytes.
    Good(u64),
    /// Another process is writing to it, which is normal.
    Busy,
    /// It cannot be used: why.
    Unusable(String),
}

impl Setup {
    /// The set-up of this run's project.
    pub(crate) fn new(environment: &Environment) -> Self {
        let places = Places::of(environment);
        let directory = environment
            .path("CLAUDE_PROJECT_DIR")
            .or_else(|| std::env::current_dir().ok())
            .unwrap_or_else(|| places.home.clone());
        let settings = settings::of(&places, Some(&directory));
        let state = account::global_state(&places);
        let newest = newest_transcript(&places);
        let seen = newest.as_ref();
        let seen = seen.and_then(|(path, _)| version_in_transcript(path));
        let mut credentials = credentials::of_session(&places, environment, Some(&directory));
        credentials.retain(Credential::outranks_login);
        let account = Account::load(&places).filter(|account| account.plan != Plan::Other);
        let unreadable = transcripts::unreadable(places.transcript_roots()).into_iter();
        let (misplaced, unreadable) = unreadable.partition(|path| is_no_file(path));
        Self {
            now: environment.now,
            wiring: Wiring {
                programs: programs(&settings, &places, &Shell::of(environment)),
                is_wrap_record_missing: wrap_record_missing(&settings, &places),
            },
            client: Client {
                seen: seen.or_else(|| version_in_state(state.as_ref()?, &places)),
                installations: Vec::from_iter(installations::found(&places, environment)),
                credentials,
                newest_session: Incidents::new(&places, environment).newest_session(),
                payer: account.map(|account| format!("your {} plan", account.plan.name())),
                harmful_locks: locks::harmful(&places, environment),
            },
            transcripts: Transcripts {
                newest: newest.map(|(_, written)| written),
                unreadable,
                misplaced,
            },
            own: OwnData {
                ledger: ledger_state(&places),
                damaged_ledgers: Ledger::damaged_in(&places.data),
                is_open_to_others: open_to_others(&places.data),
                ignored_places: ignored_places(environment, &places),
                prices_updated: PriceTable::list().updated,
                config_problems: Config::load(&places).problems,
            },
            project: ProjectSetup {
                is_trusted: state.as_ref().and_then(|state| trusted(state, &directory)),
                moves_home: settings::moves_home(&places, &directory),
                directory,
            },
            settings,
            places,
        }
    }

    /// Each settings file, with what of whycap it wires.
    pub(super) fn wired(&self) -> impl Iterator<Item = (&SettingsFile, Wired)> {
        wired_in(&self.settings)
    }
}

fn ignored_places(environment: &Environment, places: &Places) -> Vec<(&'static str, PathBuf)> {
    let used = [
        ("WHYCAP_DATA_DIR", &places.data),
        ("WHYCAP_CONFIG", &places.settings),
        (HOME, &places.home),
    ];
    let named = used.into_iter().filter_map(|(variable, used)| {
        let named = environment.path(variable)?;
        (!disk::is_same_place(&named, used)).then_some((variable, named))
    });
    named.collect()
}

fn wrap_record_missing(settings: &[SettingsFile], places: &Places) -> bool {
    wired_in(settings)
        .any(|(file, wired)| wired.wraps && EditRecord::load(places, &file.path).kept.is_none())
}

/// Trust is given to a folder and holds below it. None if the client does not know the folder.
fn trusted(state: &Value, project: &Path) -> Option<bool> {
    let projects = state.get("projects")?.as_object()?;
    let known = |folder: &Path| {
        let folder = as_written(folder.to_str()?.to_owned());
        // Claude Code's names for folders have one kind of slash on every system.
        let folder = if cfg!(windows) {
            folder.replace('\\', "/")
        } else {
            folder
        };
        let folder = projects.get(&folder)?;
        folder.get("hasTrustDialogAccepted")?.as_bool()
    };
    let mut above = project.ancestors().filter_map(known);
    above.find(|trusted| *trusted).or_else(|| known(project))
}

/// The transcript that was written last, and when.
fn newest_transcript(places: &Places) -> Option<(PathBuf, DateTime<Utc>)> {
    let of_sessions = transcripts::of_sessions(places.transcript_roots());
    let newest = of_sessions.into_iter().next()?;
    let written = DateTime::from_timestamp_nanos(newest.state.modified);
    Some((newest.path, written))
}

fn version_in_transcript(path: &Path) -> Option<SeenVersion> {
    let (_, tail) = disk::read_tail(path, TAIL).ok()?;
    // In message texts the quotes are escaped, so only a line's own field looks like this.
    let key = b"\"version\":\"";
    let at = memmem::rfind(&tail, key)? + key.len();
    let rest = tail.get(at..)?;
    let end = memchr::memchr(b'"', rest)?;
    Some(SeenVersion {
        version: ClientVersion::parse(std::str::from_utf8(rest.get(..end)?).ok()?)?,
        source: "from the newest transcript".to_owned(),
    })
}

fn version_in_state(state: &Value, places: &Places) -> Option<SeenVersion> {
    Some(SeenVersion {
        version: ClientVersion::parse(state.get("lastReleaseNotesSeen")?.as_str()?)?,
        source: format!("from {}", places.show(&places.global_state)),
    })
}

fn programs(settings: &[SettingsFile], places: &Places, shell: &Shell) -> Vec<WiredProgram> {
    let running = std::env::current_exe().ok();
    let mut found: Vec<WiredProgram> = Vec::new();
    for (file, wired) in wired_in(settings) {
        let hooks = wired.hooks.into_iter().map(|(_, invocation)| invocation);
        for invocation in wired.status_line.into_iter().chain(hooks) {
            let program = invocation.program;
            if found.iter().any(|known| known.program == program) {
                continue;
            }
            let fits = invocation.for_powershell == (*shell == Shell::PowerShell);
            let state = if fits {
                program_state(&program, running.as_deref())
            } else {
                ProgramState::OtherShell(shell.name())
            };
            let settings = places.show(&file.path);
            found.push(WiredProgram {
                program,
                settings,
                state,
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
    if running.is_some_and(|running| disk::is_same_place(running, path)) {
        return ProgramState::This;
    }
    let bytes = disk::read(path, PROGRAM_LIMIT).ok().flatten();
    ProgramState::Other(bytes.and_then(|bytes| marked_version(&bytes)))
}

/// A short text of the characters that versions are made of, behind the mark.
fn marked_version(program: &[u8]) -> Option<String> {
    let (mark, _) = VERSION_MARK.split_once(env!("CARGO_PKG_VERSION"))?;
    memmem::find_iter(program, mark.as_bytes()).find_map(|at| {
        let rest = program.get(at + mark.len()..)?;
        let end = memchr::memchr(b';', rest.get(..41.min(rest.len()))?)?;
        let version = std::str::from_utf8(rest.get(..end)?).ok()?;
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-+".contains(c);
        (!version.is_empty() && version.chars().all(fits)).then(|| version.to_owned())
    })
}

/// Whether no right to read it would make a transcript of this.
fn is_no_file(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(found) => !found.is_file() && !found.is_dir(),
        Err(error) => {
            let is_link = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
            is_link && error.kind() != std::io::ErrorKind::PermissionDenied
        }
    }
}

fn ledger_state(places: &Places) -> LedgerState {
    let Ok(found) = std::fs::metadata(ledger::path_in(&places.data)) else {
        return LedgerState::None;
    };
    match Ledger::open_existing(&places.data) {
        None => LedgerState::None,
        Some(Ok(_)) => LedgerState::Good(found.len()),
        Some(Err(error)) if error.is_busy() => LedgerState::Busy,
        Some(Err(error)) => LedgerState::Unusable(error.to_string()),
    }
}

#[cfg(unix)]
fn mode(file: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(file)
}

/// A file for its owner, who may run it: elsewhere nothing says otherwise.
#[cfg(not(unix))]
fn mode(_: &std::fs::Metadata) -> u32 {
    0o700
}

fn is_executable(file: &std::fs::Metadata) -> bool {
    file.is_file() && mode(file) & 0o111 != 0
}

fn open_to_others(directory: &Path) -> bool {
    std::fs::metadata(directory).is_ok_and(|found| mode(&found) & 0o077 != 0)
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
