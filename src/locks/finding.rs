//! Looks for every lock of the catalogue and gathers what can be seen of each. Changes nothing.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use chrono::Utc;
use serde_json::Value;

use super::catalogue::{CATALOGUE, Kind, Root, Row};
use super::directory::{Directory, Identity, Shape};
use super::judgement::{Facts, Surroundings};
use crate::claude::processes;
use crate::claude::sessions::{self, Claim, Session, Standing};
use crate::disk;
use crate::environment::Environment;
use crate::places::Places;

/// A lock that is there, with what was seen of it and the way that leads to it.
#[derive(Debug, Clone)]
pub struct Found {
    /// What was seen.
    pub facts: Facts,
    /// Where it is.
    pub path: PathBuf,
    /// Which object this is, so that it can be told from a later one of the same name.
    pub identity: Identity,
    route: Route,
}

/// From a root, by names that are not followed if they are links, to a name.
#[derive(Debug, Clone)]
struct Route {
    root: PathBuf,
    steps: Vec<OsString>,
    name: OsString,
}

impl Found {
    /// Opens the directory in which it lies, by the way on which it was found.
    pub fn parent(&self) -> std::io::Result<Directory> {
        let root = Directory::open(&self.route.root)?;
        self.route
            .steps
            .iter()
            .try_fold(root, |directory, step| directory.child(step))
    }

    /// Its last name.
    pub fn name(&self) -> &OsStr {
        &self.route.name
    }

    /// Looks again. None if it is gone.
    pub fn again(&self, scene: &Scene) -> std::io::Result<Option<Self>> {
        let parent = match self.parent() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        gather(&parent, &self.route, self.facts.row, scene)
    }
}

/// What holds for all locks alike, with the sessions that it rests on.
#[derive(Debug, Clone)]
pub struct Scene {
    /// For the judgement.
    pub surroundings: Surroundings,
    sessions: Vec<Session>,
    config: Option<Rc<Directory>>,
}

impl Scene {
    /// Looks at sessions and processes. `now` is the environment's clock plus what has passed since.
    pub fn look(places: &Places, environment: &Environment, now: chrono::DateTime<Utc>) -> Self {
        let sessions = sessions::registered(places);
        Self {
            surroundings: Surroundings {
                now,
                present: sessions::presence(places, &sessions),
                pid_domain: processes::pid_domain(),
                wsl: processes::is_wsl(environment),
            },
            sessions,
            config: Directory::open(&places.config).ok().map(Rc::new),
        }
    }
}

/// More entries than any directory of locks has; what lies beyond is not looked at.
const MOST_NAMES: usize = 2_000;
/// More locks of one sort than anybody has.
const MOST_LOCKS: usize = 1_000;
/// More projects than are worth a look each.
const MOST_PROJECTS: usize = 500;
/// A lock file that names a process has a few hundred bytes.
const CLAIM_LIMIT: u64 = 64 * 1024;
/// `.claude.json` of heavy users has some megabytes.
const STATE_LIMIT: u64 = 64 << 20;

/// Everything in the catalogue that is there, in the catalogue's order.
pub fn find(places: &Places, working_directory: Option<&Path>, scene: &Scene) -> Vec<Found> {
    let projects = projects(places, working_directory);
    let mut found = Vec::new();
    for row in &CATALOGUE {
        let start = found.len();
        for (root, pattern) in roots(row, places, &projects) {
            let Ok(directory) = Directory::open(&root) else {
                continue;
            };
            let route = Route {
                root,
                steps: Vec::new(),
                name: OsString::new(),
            };
            let parts: Vec<&str> = pattern.split('/').collect();
            walk(&directory, &parts, &route, row, scene, &mut found, start);
        }
    }
    found
}

/// The roots of a row that exist for this user, each with the pattern below it.
pub(super) fn roots(
    row: &Row,
    places: &Places,
    projects: &BTreeSet<PathBuf>,
) -> Vec<(PathBuf, String)> {
    let pattern = row.pattern.to_owned();
    match row.root {
        Root::Config => vec![(places.config.clone(), pattern)],
        Root::ClientState => vec![(places.client_state.clone(), pattern)],
        Root::BesideGlobalState => places
            .global_state
            .parent()
            .map(|parent| (parent.to_owned(), pattern))
            .into_iter()
            .collect(),
        Root::BesideConfig => match (
            places.config.parent(),
            places.config.file_name().and_then(OsStr::to_str),
        ) {
            (Some(parent), Some(name)) => {
                vec![(parent.to_owned(), pattern.replace("{config}", name))]
            }
            _ => Vec::new(),
        },
        Root::Project => projects
            .iter()
            .map(|project| (project.clone(), pattern.clone()))
            .collect(),
    }
}

/// The working directory with its parents (a session may have been started higher up), and the
/// projects that the client remembers.
fn projects(places: &Places, working_directory: Option<&Path>) -> BTreeSet<PathBuf> {
    let mut projects: BTreeSet<PathBuf> = working_directory
        .into_iter()
        .flat_map(Path::ancestors)
        .map(Path::to_owned)
        .collect();
    let remembered = disk::read(&places.global_state, STATE_LIMIT)
        .ok()
        .flatten()
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    if let Some(known) = remembered
        .as_ref()
        .and_then(|state| state.get("projects")?.as_object())
    {
        projects.extend(
            known
                .keys()
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .take(MOST_PROJECTS),
        );
    }
    projects
}

fn walk(
    directory: &Directory,
    parts: &[&str],
    route: &Route,
    row: &'static Row,
    scene: &Scene,
    found: &mut Vec<Found>,
    start: usize,
) {
    let Some((part, rest)) = parts.split_first() else {
        return;
    };
    let names = if part.contains('*') {
        let mut names = directory.names(MOST_NAMES).unwrap_or_default();
        names.retain(|name| name.to_str().is_some_and(|name| matches(part, name)));
        names.sort();
        names
    } else {
        vec![OsString::from(part)]
    };
    for name in names {
        if found.len() - start >= MOST_LOCKS {
            return;
        }
        let mut next = route.clone();
        if rest.is_empty() {
            next.name = name;
            // Gone or unreadable in this instant: nothing that can be said or done about it.
            if let Ok(Some(lock)) = gather(directory, &next, row, scene)
                && found.iter().all(|known: &Found| known.path != lock.path)
            {
                found.push(lock);
            }
        } else if let Ok(child) = directory.child(&name) {
            next.steps.push(name);
            walk(&child, rest, &next, row, scene, found, start);
        }
    }
}

/// Whether a name fits a pattern in which each `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| rest.get(at..).is_some_and(|rest| matches(tail, rest)))
        }),
    }
}

fn gather(
    directory: &Directory,
    route: &Route,
    row: &'static Row,
    scene: &Scene,
) -> std::io::Result<Option<Found>> {
    let Some(look) = directory.look(&route.name)? else {
        return Ok(None);
    };
    let names_process = matches!(
        row.kind,
        Kind::Process { .. } | Kind::Editor | Kind::Registry
    );
    let claim = (names_process && look.shape == Shape::File)
        .then(|| Claim::parse(&directory.read(&route.name, CLAIM_LIMIT).ok()?))
        .flatten()
        .filter(|claim| {
            row.kind != Kind::Registry || stem(&route.name) == Some(claim.pid.to_string())
        });
    // A claim without a start time is none here: an owner file may outlive its lock, and a number
    // that was used again would make an old lock look held.
    let claim = claim.or_else(|| {
        let owner_file = row.owner_file?.as_ref();
        let bytes = scene.config.as_ref()?.read(owner_file, CLAIM_LIMIT).ok()?;
        Claim::parse(&bytes).filter(|claim| claim.start.is_some())
    });
    let process =
        claim.as_ref().map(|claim| {
            let mut process = processes::look(claim.pid);
            // A registered session's own start time does not move when the clock is set; the one
            // computed from the time since boot does.
            if let Some(session) = scene.sessions.iter().find(|session| {
                session.claim.pid == claim.pid && session.standing == Standing::Holds
            }) {
                process.started_at = session.claim.at.or(process.started_at);
            }
            process
        });
    let port_open = (row.kind == Kind::Editor)
        .then(|| processes::port_is_open(stem(&route.name)?.parse().ok()?))
        .flatten();
    let mut path = route.root.clone();
    path.extend(&route.steps);
    path.push(&route.name);
    Ok(Some(Found {
        facts: Facts {
            row,
            shape: look.shape,
            ours: look.ours,
            modified: look.modified,
            changed: look.changed,
            claim,
            process,
            port_open,
            watch: None,
        },
        path,
        identity: look.identity,
        route: route.clone(),
    }))
}

fn stem(name: &OsStr) -> Option<String> {
    Some(Path::new(name).file_stem()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything_within_one_name() {
        assert!(matches("*.lock", "2.1.328#77.lock"));
        assert!(matches(
            ".*_oauth_refresh.lock",
            ".design_oauth_refresh.lock"
        ));
        assert!(matches("mcp-refresh-*.lock", "mcp-refresh-.lock"));
        assert!(!matches("*.lock", "x.lock.tmp.f4e4430a"));
        assert!(!matches("*.json.lock", "package.lock"));
        assert!(!matches(".lock", "x.lock"));
    }
}
