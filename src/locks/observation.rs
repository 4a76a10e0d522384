//! Finds known locks and observes their state. Nothing is changed.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::known_locks::{KNOWN_LOCKS, KnownLock, LockKind, Root};
use crate::claude::account;
use crate::claude::processes::{self, PidDomain, Process};
use crate::claude::sessions::{self, Claim, Liveness, RunningClients, Session};
use crate::disk::directory::Directory;
use crate::disk::{EntryInfo, EntryKind, matches_wildcard};
use crate::environment::Paths;
use crate::json::LenientJson;

/// The maximum number of directory entries to read, and of locks of each kind. Realistic numbers are far lower.
const MAX_NAMES: usize = 2_000;

/// The maximum number of projects, and of parent directories of the current one, to search for locks.
const MAX_PROJECTS: usize = 500;

/// The maximum size, in bytes, of a lock file that identifies a process. Real files are a few hundred bytes long.
const CLAIM_SIZE_LIMIT: u64 = 64 * 1024;

/// Facts that affect all locks.
#[derive(Debug)]
pub(super) struct LockContext<'a> {
    /// The time of the observation.
    pub now: DateTime<Utc>,
    /// The Claude Code processes that use the configuration directory.
    pub running_clients: RunningClients,
    pub sessions: Vec<Session>,
    pub paths: &'a Paths,
}

impl<'a> LockContext<'a> {
    /// Observes the running sessions and processes.
    pub(super) fn observe(paths: &'a Paths, now: DateTime<Utc>) -> Self {
        let registered = sessions::registered(paths);
        Self {
            now,
            running_clients: sessions::running_clients(paths, &registered),
            sessions: registered,
            paths,
        }
    }
}

/// A path where a known lock may exist.
#[derive(Debug, Clone)]
pub(super) struct LockLocation {
    pub known: &'static KnownLock,
    pub root: PathBuf,
    /// The path below the root. Symbolic links in it are not followed.
    pub below: PathBuf,
}

/// An existing lock, and everything that has been observed about it.
#[derive(Debug, Clone)]
pub(super) struct ObservedLock {
    pub location: LockLocation,
    pub info: EntryInfo,
    /// The process named in the lock, if any.
    pub holder: Option<Holder>,
    /// The machine or container that the PIDs in the lock's directory belong to.
    pub pid_domain: PidDomain,
    /// The result of watching the lock, or `None` if it has not been watched.
    pub watch: Option<Watch>,
}

/// The process that claims to hold a lock.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    /// The information that the lock contains about the process.
    pub claim: Claim,
    /// The process that currently has the PID.
    pub process: Process,
}

/// The difference between two observations of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Watch {
    /// The time between the observations, in seconds.
    pub seconds: i64,
    /// True if the lock was updated or replaced between the observations.
    pub was_updated: bool,
}

impl LockLocation {
    pub(super) fn path(&self) -> PathBuf {
        self.root.join(&self.below)
    }

    /// Returns the file name of the lock.
    pub(super) fn name(&self) -> &OsStr {
        self.below.file_name().unwrap_or_default()
    }

    /// Opens the directory that contains the lock.
    pub(super) fn parent(&self) -> io::Result<Directory> {
        open_below(&self.root, self.below.parent().unwrap_or(Path::new("")))
    }

    /// Observes the lock through a handle for its parent directory. Fails if the lock does not exist.
    fn observe(&self, parent: &Directory, context: &LockContext<'_>) -> io::Result<ObservedLock> {
        let info = parent.entry_info(self.name())?;
        let holder = self
            .claim(info.kind, self.name(), parent, context)
            .map(|claim| Holder {
                process: process_of(&claim, &context.sessions),
                claim,
            });
        Ok(ObservedLock {
            location: self.clone(),
            info,
            holder,
            pid_domain: processes::pid_domain(&self.root),
            watch: None,
        })
    }

    /// Reads the information about the process from the lock or its owner file. `name` and `directory` say where the
    /// lock is now. Returns `None` if neither file identifies a process.
    fn claim(
        &self,
        kind: EntryKind,
        name: &OsStr,
        directory: &Directory,
        context: &LockContext<'_>,
    ) -> Option<Claim> {
        match (self.known.kind, kind, &self.known.owner_file) {
            (LockKind::ProcessFile, EntryKind::File, _) => read_claim(directory, name),
            (LockKind::SessionRegistry, EntryKind::File, _) => {
                let name_pid = Path::new(name).file_stem()?;
                read_claim(directory, name).filter(|claim| *name_pid == *claim.pid.to_string())
            }
            // An owner file can be older than the lock. If it does not contain a start time, its PID may have been
            // reused, so ignore the claim.
            (_, _, Some(owner_file)) => {
                let config = Directory::open(&context.paths.claude_directory).ok()?;
                read_claim(&config, owner_file.as_ref()).filter(|claim| claim.start.is_some())
            }
            _ => None,
        }
    }
}

fn read_claim(directory: &Directory, name: &OsStr) -> Option<Claim> {
    Claim::parse(&directory.read(name, CLAIM_SIZE_LIMIT).ok()?)
}

/// Looks up the process that a claim names.
fn process_of(claim: &Claim, sessions: &[Session]) -> Process {
    let process = claim.look();
    // The system derives start times from the time since boot, so they shift when the clock is adjusted. The one in the
    // session registry does not.
    let registered_at = sessions
        .iter()
        .find(|session| session.claim.pid == claim.pid && session.liveness == Liveness::Running)
        .and_then(|session| session.claim.at);
    match registered_at {
        Some(started_at) if claim.start.is_none() => Process {
            started_at: Some(started_at),
            start_ticks: None,
            ..process
        },
        _ => process,
    }
}

/// A lock whose parent directory is open. The lock is changed only through this handle.
pub(super) struct OpenLock<'a> {
    pub observed: &'a ObservedLock,
    pub parent: Directory,
    pub context: &'a LockContext<'a>,
}

impl<'a> OpenLock<'a> {
    /// Opens the directory that contains a lock.
    pub(super) fn open(
        observed: &'a ObservedLock,
        context: &'a LockContext<'a>,
    ) -> io::Result<Self> {
        Ok(Self {
            parent: observed.location.parent()?,
            observed,
            context,
        })
    }

    /// Observes the lock again.
    pub(super) fn observe_again(&self, watch: Option<Watch>) -> io::Result<ObservedLock> {
        let observed = self
            .observed
            .location
            .observe(&self.parent, self.context)?;
        Ok(ObservedLock { watch, ..observed })
    }

    /// Returns true if the lock still exists and has not changed.
    pub(super) fn is_unchanged(&self) -> io::Result<bool> {
        self.is_same_entry(self.observed.location.name(), &self.parent)
    }

    /// Returns true if a directory entry is this lock, and everything that affects the verdict is unchanged. Comparing
    /// identities is not enough because file systems reuse inode numbers immediately.
    pub(super) fn is_same_entry(&self, name: &OsStr, directory: &Directory) -> io::Result<bool> {
        let info = directory.entry_info(name)?;
        let claim = self
            .observed
            .location
            .claim(info.kind, name, directory, self.context);

        let observed_info = self.observed.info;
        let observed_claim = self
            .observed
            .holder
            .as_ref()
            .map(|holder| &holder.claim);
        Ok(info.identity == observed_info.identity
            && info.kind == observed_info.kind
            && info.modified == observed_info.modified
            && claim.as_ref() == observed_claim)
    }
}

/// Finds all known locks that exist, in table order.
pub(super) fn find(project: Option<&Path>, context: &LockContext<'_>) -> Vec<ObservedLock> {
    let projects = known_projects(context.paths, project);
    KNOWN_LOCKS
        .iter()
        .flat_map(|known| locations_of(known, context.paths, &projects))
        // Locks that have disappeared or cannot be read are skipped.
        .filter_map(|location| {
            location
                .observe(&location.parent().ok()?, context)
                .ok()
        })
        .collect()
}

/// Returns all paths where a lock of this kind may exist. Paths that match a wildcard exist, but other paths may not.
pub(super) fn locations_of(
    known: &'static KnownLock,
    paths: &Paths,
    projects: &BTreeSet<PathBuf>,
) -> Vec<LockLocation> {
    let config_name = paths
        .claude_directory
        .file_name()
        .and_then(OsStr::to_str);
    let pattern = known
        .pattern
        .replace("{config}", config_name.unwrap_or_default());

    let roots: Vec<&Path> = match known.root {
        Root::Config => vec![&paths.claude_directory],
        Root::ClientState => vec![&paths.client_state],
        Root::BesideGlobalState => paths.global_state.parent().into_iter().collect(),
        Root::BesideConfig => match config_name {
            // In the pattern, an asterisk in the directory's name would be a wildcard.
            Some(name) if !name.contains('*') => {
                paths.claude_directory.parent().into_iter().collect()
            }
            _ => Vec::new(),
        },
        Root::Project => projects.iter().map(PathBuf::as_path).collect(),
    };
    roots
        .into_iter()
        .flat_map(|root| {
            paths_matching(root, &pattern)
                .into_iter()
                .map(|below| LockLocation {
                    known,
                    root: root.to_owned(),
                    below,
                })
        })
        .collect()
}

/// Returns the given project, its parent directories, and all projects in Claude Code's global state. A session may
/// have been started in any of the parents.
fn known_projects(paths: &Paths, project: Option<&Path>) -> BTreeSet<PathBuf> {
    let state = account::global_state(paths).unwrap_or_default();
    let remembered = state
        .at("projects")
        .as_object()
        .into_iter()
        .flatten()
        .map(|(path, _)| Path::new(path))
        .filter(|path| path.is_absolute())
        .take(MAX_PROJECTS);

    project
        .into_iter()
        .flat_map(Path::ancestors)
        .take(MAX_PROJECTS)
        .chain(remembered)
        .map(Path::to_owned)
        .collect()
}

/// Returns all paths below a root that match a pattern.
fn paths_matching(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::new()];
    for part in pattern.split('/') {
        paths = paths
            .iter()
            .flat_map(|parent| children_matching(root, parent, part))
            .take(MAX_NAMES)
            .collect();
    }
    paths
}

/// Returns the children of a directory that match a component of a pattern. If the component has no wildcard, returns
/// the path even if it does not exist.
fn children_matching(root: &Path, parent: &Path, part: &str) -> Vec<PathBuf> {
    if !part.contains('*') {
        return vec![parent.join(part)];
    }
    let mut names = open_below(root, parent)
        .and_then(|directory| directory.names(MAX_NAMES))
        .unwrap_or_default();
    names.sort();
    names
        .iter()
        .filter(|name| {
            name.to_str()
                .is_some_and(|name| matches_wildcard(part, name))
        })
        .map(|name| parent.join(name))
        .collect()
}

/// Opens a directory below a root. Symbolic links below the root are not followed.
fn open_below(root: &Path, below: &Path) -> io::Result<Directory> {
    below
        .iter()
        .try_fold(Directory::open(root)?, |directory, name| {
            directory.child(name)
        })
}
