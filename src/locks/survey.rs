//! Looks for every known lock and at what can be seen of each. Changes nothing.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::known_locks::{KNOWN_LOCKS, KnownLock, LockKind, Root};
use crate::claude::account;
use crate::claude::processes::{self, PidDomain, Process};
use crate::claude::sessions::{self, Claim, Liveness, Presence, Session};
use crate::disk::directory::Directory;
use crate::disk::{EntryShape, EntrySighting, fits};
use crate::places::Places;

/// More entries than any directory of locks has, and more locks of one sort than anybody has; what
/// lies beyond is not looked at.
const MOST_NAMES: usize = 2_000;
/// More projects than are worth a look each.
const MOST_PROJECTS: usize = 500;
/// A lock file that names a process has a few hundred bytes.
const CLAIM_LIMIT: u64 = 64 * 1024;

/// What holds for all locks alike, with what it rests on.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    /// The moment of judgement.
    pub(super) now: DateTime<Utc>,
    /// Who works with this configuration directory.
    pub(super) present: Presence,
    pub(super) sessions: Vec<Session>,
    pub(super) places: &'a Places,
}

impl<'a> Surroundings<'a> {
    /// Looks at sessions and processes. `now` is the environment's clock plus what has passed since.
    pub(super) fn look(places: &'a Places, now: DateTime<Utc>) -> Self {
        let sessions = sessions::registered(places);
        let present = sessions::presence(places, &sessions);
        Self {
            now,
            present,
            sessions,
            places,
        }
    }
}

/// A lock that is there, with all that was seen of it and the way that leads to it.
#[derive(Debug, Clone)]
pub(super) struct FoundLock {
    pub(super) known: &'static KnownLock,
    pub(super) root: PathBuf,
    /// Below the root, by names that are not followed if they are links.
    pub(super) below: PathBuf,
    pub(super) seen: EntrySighting,
    /// The process that it names, if it is a file that names one, and what was seen of that process.
    pub(super) holder: Option<(Claim, Process)>,
    /// Where the process ids in its directory are valid.
    pub(super) pid_domain: PidDomain,
    /// What watching it showed, if it was watched.
    pub(super) watch: Option<Watch>,
}

/// Two looks at a lock, some time apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Watch {
    /// Seconds between the looks.
    pub(super) seconds: i64,
    /// Whether it was touched, or taken anew, in between.
    pub(super) moved: bool,
}

impl FoundLock {
    pub(super) fn path(&self) -> PathBuf {
        self.root.join(&self.below)
    }

    /// Its last name.
    pub(super) fn name(&self) -> &OsStr {
        self.below.file_name().unwrap_or_default()
    }

    /// Opens the directory in which it lies, by the way on which it was found.
    pub(super) fn parent(&self) -> io::Result<Directory> {
        open_below(&self.root, parent_of(&self.below))
    }

    /// Looks again in its directory. None if it is gone.
    pub(super) fn again(
        &self,
        parent: &Directory,
        around: &Surroundings<'_>,
    ) -> io::Result<Option<Self>> {
        look(self.known, &self.root, &self.below, parent, around)
    }

    /// Whether what lies under a name in a directory is it, untouched, by all that its judgement
    /// rests on. A file system gives the number of a file again at once, so that alone proves nothing.
    pub(super) fn is_still(
        &self,
        name: &OsStr,
        directory: &Directory,
        around: &Surroundings<'_>,
    ) -> io::Result<bool> {
        let (now, before) = (directory.look(name)?, self.seen);
        let now = now.ok_or(io::ErrorKind::NotFound)?;
        let claim = claim_of(self.known, now.shape, Path::new(name), directory, around);
        Ok(now.identity == before.identity
            && now.shape == before.shape
            && now.modified == before.modified
            && claim.as_ref() == self.holder.as_ref().map(|(claim, _)| claim))
    }
}

/// Every known lock that is there, in the table's order.
pub(super) fn find(working_directory: Option<&Path>, around: &Surroundings<'_>) -> Vec<FoundLock> {
    let projects = projects(around.places, working_directory);
    let mut found: Vec<FoundLock> = Vec::new();
    for known in KNOWN_LOCKS.iter() {
        for (root, pattern) in roots(known, around.places, &projects) {
            for below in matching(&root, &pattern) {
                let seen = open_below(&root, parent_of(&below))
                    .and_then(|parent| look(known, &root, &below, &parent, around));
                // Gone or unreadable in this instant: nothing that can be said or done about it.
                found.extend(seen.ok().flatten());
            }
        }
    }
    found
}

/// The roots of a sort of lock that exist for this user, each with the pattern below it.
pub(super) fn roots(
    known: &KnownLock,
    places: &Places,
    projects: &BTreeSet<PathBuf>,
) -> Vec<(PathBuf, String)> {
    let config_name = places.config.file_name().and_then(OsStr::to_str);
    let pattern = known
        .pattern
        .replace("{config}", config_name.unwrap_or_default());
    let root = match known.root {
        Root::Config => Some(places.config.as_path()),
        Root::ClientState => Some(places.client_state.as_path()),
        Root::BesideGlobalState => places.global_state.parent(),
        Root::BesideConfig => config_name.and(places.config.parent()),
        Root::Project => None,
    };
    let projects = projects.iter().filter(|_| known.root == Root::Project);
    let roots = root.into_iter().chain(projects.map(PathBuf::as_path));
    let below = roots.map(|root| (root.to_owned(), pattern.clone()));
    below.collect()
}

/// The working directory with its parents (a session may have been started higher up), and the
/// projects that the client remembers.
fn projects(places: &Places, working_directory: Option<&Path>) -> BTreeSet<PathBuf> {
    let here = working_directory.into_iter().flat_map(Path::ancestors);
    let state = account::global_state(places);
    let remembered = state
        .as_ref()
        .and_then(|state| state.get("projects")?.as_object())
        .into_iter()
        .flat_map(|projects| projects.keys().map(Path::new))
        .filter(|path| path.is_absolute())
        .take(MOST_PROJECTS);
    here.chain(remembered).map(Path::to_owned).collect()
}

/// Paths below a root that fit a pattern. Only where it has a `*` is anything known to be there.
fn matching(root: &Path, pattern: &str) -> Vec<PathBuf> {
    pattern
        .split('/')
        .fold(vec![PathBuf::new()], |found, part| {
            let names = |below: &PathBuf| -> Vec<OsString> {
                if !part.contains('*') {
                    return vec![part.into()];
                }
                let names = open_below(root, below).and_then(|within| within.names(MOST_NAMES));
                let mut names = names.unwrap_or_default();
                names.retain(|name| name.to_str().is_some_and(|name| fits(part, name)));
                names.sort();
                names
            };
            let next = found.iter().flat_map(|below| {
                let names = names(below);
                names.into_iter().map(|name| below.join(name))
            });
            next.take(MOST_NAMES).collect()
        })
}

fn parent_of(below: &Path) -> &Path {
    below.parent().unwrap_or(Path::new(""))
}

fn open_below(root: &Path, below: &Path) -> io::Result<Directory> {
    let root = Directory::open(root)?;
    below
        .iter()
        .try_fold(root, |within, name| within.child(name))
}

/// What can be seen of a lock in its directory. None if it is gone.
fn look(
    known: &'static KnownLock,
    root: &Path,
    below: &Path,
    parent: &Directory,
    around: &Surroundings<'_>,
) -> io::Result<Option<FoundLock>> {
    let name = below.file_name().unwrap_or_default();
    let Some(seen) = parent.look(name)? else {
        return Ok(None);
    };
    let claim = claim_of(known, seen.shape, below, parent, around);
    let holder = claim.map(|claim| {
        let mut process = claim.look();
        // A registered session's own start time does not move when the clock is set; the one
        // computed from the time since boot does.
        let registered = around
            .sessions
            .iter()
            .find(|session| session.claim.pid == claim.pid && session.liveness == Liveness::Holds);
        if let Some(session) = registered
            && session.claim.at.is_some()
            && claim.start.is_none()
        {
            (process.started_at, process.start_ticks) = (session.claim.at, None);
        }
        (claim, process)
    });
    Ok(Some(FoundLock {
        known,
        root: root.to_owned(),
        below: below.to_owned(),
        seen,
        holder,
        pid_domain: processes::pid_domain(root),
        watch: None,
    }))
}

/// The process that a lock names, in itself or in its owner file.
fn claim_of(
    known: &KnownLock,
    shape: EntryShape,
    below: &Path,
    parent: &Directory,
    around: &Surroundings<'_>,
) -> Option<Claim> {
    let read =
        |within: &Directory, name: &OsStr| Claim::parse(&within.read(name, CLAIM_LIMIT).ok()?);
    let name = below.file_name()?;
    match (known.kind, shape, &known.owner_file) {
        (LockKind::ProcessFile, EntryShape::File, _) => read(parent, name),
        (LockKind::SessionRegistry, EntryShape::File, _) => {
            read(parent, name).filter(|claim| stem(below) == Some(&claim.pid.to_string()))
        }
        // A claim without a start time is none here: an owner file may outlive its lock, and a
        // number that was used again would make an old lock look held.
        (_, _, Some(owner_file)) => Directory::open(&around.places.config)
            .ok()
            .and_then(|config| read(&config, owner_file.as_ref()))
            .filter(|claim| claim.start.is_some()),
        _ => None,
    }
}

fn stem(below: &Path) -> Option<&str> {
    below.file_stem()?.to_str()
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_anything_within_one_name() {
        assert!(fits("*.lock", "2.1.328#77.lock"));
        assert!(fits("a-*.lock", "a-.lock") && fits(".*_x.lock", ".design_x.lock"));
        assert!(!fits("*.lock", "x.lock.tmp.f4e4430a"));
        assert!(!fits("*.json.lock", "package.lock"));
        assert!(!fits(".lock", "x.lock"));
    }
}
