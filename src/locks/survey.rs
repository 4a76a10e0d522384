//! Looks for every known lock and at what can be seen of each. Changes nothing.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::known_locks::{KNOWN_LOCKS, KnownLock, LockKind, Root};
use crate::claude::account;
use crate::claude::processes::{self, PidDomain, Process};
use crate::claude::sessions::{self, Claim, Liveness, Presence, Session};
use crate::disk::directory::Directory;
use crate::disk::{EntryShape, EntrySighting, fits};
use crate::foreign::Foreign;
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

/// Where a lock may be, with the way that leads to it.
#[derive(Debug, Clone)]
pub(super) struct LockPlace {
    pub(super) known: &'static KnownLock,
    pub(super) root: PathBuf,
    /// Below the root, by names that are not followed if they are links.
    pub(super) below: PathBuf,
}

/// A lock that is there, with all that was seen of it.
#[derive(Debug, Clone)]
pub(super) struct FoundLock {
    pub(super) at: LockPlace,
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

impl LockPlace {
    pub(super) fn path(&self) -> PathBuf {
        self.root.join(&self.below)
    }

    /// Its last name.
    pub(super) fn name(&self) -> &OsStr {
        self.below.file_name().unwrap_or_default()
    }

    /// Opens the directory in which it lies.
    pub(super) fn parent(&self) -> io::Result<Directory> {
        open_below(&self.root, self.below.parent().unwrap_or(Path::new("")))
    }

    /// What can be seen of it in its directory.
    fn look(&self, parent: &Directory, around: &Surroundings<'_>) -> io::Result<FoundLock> {
        let seen = parent.look(self.name())?;
        let claim = self.claim(seen.shape, self.name(), parent, around);
        let holder = claim.map(|claim| {
            let mut process = claim.look();
            // A registered session's own start time does not move when the clock is set; the one
            // computed from the time since boot does.
            let mut sessions = around.sessions.iter();
            let registered = sessions.find(|session| {
                session.claim.pid == claim.pid && session.liveness == Liveness::Holds
            });
            if let Some(session) = registered
                && session.claim.at.is_some()
                && claim.start.is_none()
            {
                (process.started_at, process.start_ticks) = (session.claim.at, None);
            }
            (claim, process)
        });
        Ok(FoundLock {
            at: self.clone(),
            seen,
            holder,
            pid_domain: processes::pid_domain(&self.root),
            watch: None,
        })
    }

    /// The process that what lies under a name in a directory names, in itself or in its owner file.
    fn claim(
        &self,
        shape: EntryShape,
        name: &OsStr,
        directory: &Directory,
        around: &Surroundings<'_>,
    ) -> Option<Claim> {
        let read =
            |within: &Directory, name: &OsStr| Claim::parse(&within.read(name, CLAIM_LIMIT).ok()?);
        match (self.known.kind, shape, &self.known.owner_file) {
            (LockKind::ProcessFile, EntryShape::File, _) => read(directory, name),
            (LockKind::SessionRegistry, EntryShape::File, _) => {
                let stem = Path::new(name).file_stem()?;
                read(directory, name).filter(|claim| *stem == *claim.pid.to_string())
            }
            // A claim without a start time is none here: an owner file may outlive its lock, and a
            // number that was used again would make an old lock look held.
            (_, _, Some(owner_file)) => {
                let config = Directory::open(&around.places.config).ok()?;
                read(&config, owner_file.as_ref()).filter(|claim| claim.start.is_some())
            }
            _ => None,
        }
    }
}

/// A lock that was found, with the directory in which it lies: whoever acts on it goes by this handle.
pub(super) struct ReachedLock<'a> {
    pub(super) found: &'a FoundLock,
    pub(super) parent: Directory,
    pub(super) around: &'a Surroundings<'a>,
}

impl<'a> ReachedLock<'a> {
    /// Opens the directory by the way on which the lock was found.
    pub(super) fn new(found: &'a FoundLock, around: &'a Surroundings<'a>) -> io::Result<Self> {
        let parent = found.at.parent()?;
        Ok(Self {
            found,
            parent,
            around,
        })
    }

    /// What is there now, after it was watched so.
    pub(super) fn again(&self, watch: Option<Watch>) -> io::Result<FoundLock> {
        let again = self.found.at.look(&self.parent, self.around)?;
        Ok(FoundLock { watch, ..again })
    }

    /// Whether it still lies where it was found.
    pub(super) fn is_untouched(&self) -> io::Result<bool> {
        self.is_still(self.found.at.name(), &self.parent)
    }

    /// Whether what lies under a name in a directory is it, untouched, by all that its judgement
    /// rests on. A file system gives the number of a file again at once, so that alone proves nothing.
    pub(super) fn is_still(&self, name: &OsStr, directory: &Directory) -> io::Result<bool> {
        let (now, before) = (directory.look(name)?, self.found.seen);
        let claim = self.found.at.claim(now.shape, name, directory, self.around);
        Ok(now.identity == before.identity
            && now.shape == before.shape
            && now.modified == before.modified
            && claim.as_ref() == self.found.holder.as_ref().map(|(claim, _)| claim))
    }
}

/// Every known lock that is there, in the table's order.
pub(super) fn find(working_directory: Option<&Path>, around: &Surroundings<'_>) -> Vec<FoundLock> {
    let projects = projects(around.places, working_directory);
    let known = KNOWN_LOCKS.iter();
    let at = known.flat_map(|known| places_of(known, around.places, &projects));
    // Gone or unreadable in this instant: nothing that can be said or done about it.
    at.filter_map(|at| at.look(&at.parent().ok()?, around).ok())
        .collect()
}

/// Where locks of a sort may be for this user. Only where the pattern has a `*` is anything known to
/// be there.
pub(super) fn places_of(
    known: &'static KnownLock,
    places: &Places,
    projects: &BTreeSet<PathBuf>,
) -> Vec<LockPlace> {
    let config_name = places.config.file_name().and_then(OsStr::to_str);
    let name = config_name.unwrap_or_default();
    let pattern = known.pattern.replace("{config}", name);
    let root = match known.root {
        Root::Config => Some(places.config.as_path()),
        Root::ClientState => Some(places.client_state.as_path()),
        Root::BesideGlobalState => places.global_state.parent(),
        // A pattern with its name would have a second wildcard.
        Root::BesideConfig if name.contains('*') => None,
        Root::BesideConfig => config_name.and(places.config.parent()),
        Root::Project => None,
    };
    let projects = projects.iter().filter(|_| known.root == Root::Project);
    let roots = root.into_iter().chain(projects.map(PathBuf::as_path));
    let at = roots.flat_map(|root| {
        let below = matching(root, &pattern).into_iter();
        let root = root.to_owned();
        below.map(move |below| LockPlace {
            known,
            root: root.clone(),
            below,
        })
    });
    at.collect()
}

/// The working directory with its parents (a session may have been started higher up), and the
/// projects that the client remembers.
fn projects(places: &Places, working_directory: Option<&Path>) -> BTreeSet<PathBuf> {
    let here = working_directory.into_iter().flat_map(Path::ancestors);
    let state = account::global_state(places).unwrap_or_default();
    let remembered = state.at("projects").as_object().into_iter().flatten();
    let remembered = remembered.map(|(path, _)| Path::new(path));
    let remembered = remembered.filter(|path| path.is_absolute());
    let projects = here.chain(remembered.take(MOST_PROJECTS));
    projects.map(Path::to_owned).collect()
}

/// Paths below a root that fit a pattern.
fn matching(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.split('/') {
        let fitting = |above: &PathBuf| -> Vec<PathBuf> {
            if !part.contains('*') {
                return vec![above.join(part)];
            }
            let names = open_below(root, above).and_then(|within| within.names(MOST_NAMES));
            let mut names = names.unwrap_or_default();
            names.retain(|name| name.to_str().is_some_and(|name| fits(part, name)));
            names.sort();
            names.iter().map(|name| above.join(name)).collect()
        };
        found = found.iter().flat_map(fitting).take(MOST_NAMES).collect();
    }
    found
}

fn open_below(root: &Path, below: &Path) -> io::Result<Directory> {
    let root = Directory::open(root)?;
    let mut names = below.iter();
    names.try_fold(root, |within, name| within.child(name))
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
