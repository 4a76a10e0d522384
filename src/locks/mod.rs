//! Lock files of Claude Code: the catalogue, what each one is now, and clearing the dead ones.
//!
//! A lock never causes a usage limit. A few leftovers slow each start or lose settings; those are
//! what [`that_matter`] reports, and what [`clearing`] removes.

pub mod catalogue;
pub mod clearing;
pub mod directory;
pub mod document;
pub mod finding;
pub mod judgement;
pub mod quarantine;
pub mod verdict;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use self::catalogue::{CATALOGUE, Kind, Row};
use self::directory::{Directory, Shape};
use self::finding::{Found, Scene};
use self::judgement::{Clearance, Facts, Judgement, Verdict, Way, judge};
use crate::claude::processes::Process;
use crate::environment::Environment;
use crate::places::Places;

/// What was done about a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing was asked for, or nothing was left to do.
    None,
    /// It would be cleared.
    WouldClear,
    /// It was cleared.
    Cleared,
    /// It stays.
    Kept,
    /// It should have been cleared, and could not be.
    Failed,
}

/// One lock, judged.
#[derive(Debug, Clone)]
pub struct Lock {
    /// Where it is.
    pub path: PathBuf,
    /// Its row in the catalogue.
    pub row: &'static Row,
    /// The process that it names, if it names one.
    pub holder: Option<Process>,
    /// Its date.
    pub modified: DateTime<Utc>,
    /// What it is.
    pub verdict: Verdict,
    /// Why.
    pub why: String,
    /// What was done.
    pub action: Action,
    /// What it costs while it is stuck, to follow "What it costs:".
    pub costs: Option<&'static str>,
    /// Whether it was moved into quarantine rather than removed, and so can be brought back.
    pub set_aside: bool,
}

impl Lock {
    fn of(found: &Found, judgement: Judgement, action: Action) -> Self {
        Self {
            path: found.path.clone(),
            row: found.facts.row,
            holder: found.facts.process.clone(),
            modified: found.facts.modified,
            verdict: judgement.verdict,
            costs: costs(found.facts.row, found.facts.shape),
            set_aside: action == Action::Cleared
                && judgement.clearance == Clearance::Granted(Way::Quarantine),
            why: judgement.why,
            action,
        }
    }
}

fn costs(row: &Row, shape: Shape) -> Option<&'static str> {
    let costs = row.stuck_costs?;
    Some(match shape {
        Shape::EmptyDirectory => costs.taken_for_held,
        _ => costs.cannot_be_removed,
    })
}

/// Every lock that is there, judged by one look. Changes nothing and waits for nothing.
pub fn survey(
    places: &Places,
    environment: &Environment,
    working_directory: Option<&Path>,
) -> Vec<Lock> {
    let scene = Scene::look(places, environment, environment.now);
    finding::find(places, working_directory, &scene)
        .iter()
        .map(|found| {
            Lock::of(
                found,
                judge(&found.facts, &scene.surroundings),
                Action::None,
            )
        })
        .collect()
}

/// A stuck lock that is worth a word although nobody asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where it is.
    pub path: PathBuf,
    /// Why it never heals, one sentence.
    pub why: String,
    /// Whether every session must end before it can be cleared.
    pub needs_quiet: bool,
    /// What it costs, to follow "What it costs:": `2 to 5 s on each start, and some settings are not saved`.
    pub costs: &'static str,
}

impl Finding {
    /// The whole of it in three sentences, for a place where nobody asked about locks.
    pub fn sentences(&self, places: &Places) -> String {
        format!(
            "{} is a lock that will never heal by itself. It costs {}. {}",
            places.show(&self.path),
            self.costs,
            self.remedy()
        )
    }

    /// What to do about it, one sentence with the command in backticks.
    pub fn remedy(&self) -> String {
        if self.needs_quiet {
            format!("Leave Claude Code, then run `{REMEDY}` in a shell.")
        } else {
            format!("`{REMEDY}` in a shell clears it.")
        }
    }
}

/// What clears them.
pub const REMEDY: &str = "whycap --clear-stale-locks";

/// Stuck locks that cost the user something. A dozen stats and nothing else, so that a hook may
/// call it; whether a session runs is not looked at.
pub fn that_matter(places: &Places, environment: &Environment) -> Vec<Finding> {
    let no_projects = BTreeSet::new();
    let mut findings = Vec::new();
    for row in &CATALOGUE {
        if row.stuck_costs.is_none() || !matches!(row.kind, Kind::Directory(_)) {
            continue;
        }
        for (root, pattern) in finding::roots(row, places, &no_projects) {
            if pattern.contains(['*', '/']) {
                continue;
            }
            let look =
                Directory::open(&root).and_then(|directory| directory.look(pattern.as_ref()));
            let Ok(Some(look)) = look else {
                continue;
            };
            let facts = Facts {
                row,
                shape: look.shape,
                ours: look.ours,
                modified: look.modified,
                changed: look.changed,
                claim: None,
                process: None,
                port_open: None,
                watch: None,
            };
            if let (Some(why), Some(costs)) = (
                judgement::never_heals(&facts, environment.now),
                costs(row, look.shape),
            ) {
                findings.push(Finding {
                    path: root.join(pattern),
                    why,
                    needs_quiet: row.stays_with_live_session,
                    costs,
                });
            }
        }
    }
    findings
}

impl Action {
    /// The word in `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::WouldClear => "would_clear",
            Self::Cleared => "cleared",
            Self::Kept => "kept",
            Self::Failed => "failed",
        }
    }
}
