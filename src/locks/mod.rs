//! Lock files of Claude Code: those that we know, what each one is now, and clearing the dead ones.
//!
//! A lock never causes a usage limit. A few leftovers slow each start or lose settings; those are
//! what `harmful` reports, and what `clearing` removes.

pub(crate) mod clearing;
mod judgement;
mod known_locks;
pub(crate) mod listing;
pub(crate) mod quarantine;
mod survey;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;

use self::judgement::{LockJudgement, LockVerdict, judge, never_heals};
use self::known_locks::{KNOWN_LOCKS, KnownLock, LockKind};
use self::survey::{FoundLock, LockPlace, Surroundings};
use crate::disk::EntryShape;
use crate::environment::Environment;
use crate::places::Places;

/// What was done about a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LockAction {
    /// Nothing was asked for, or nothing was left to do.
    None,
    WouldClear,
    Cleared,
    Kept,
    /// It should have been cleared, and could not be.
    Failed,
}

/// One lock, judged.
#[derive(Debug, Clone)]
pub(crate) struct Lock {
    found: FoundLock,
    judgement: LockJudgement,
    pub(crate) action: LockAction,
}

impl Lock {
    fn judged(found: FoundLock, around: &Surroundings<'_>) -> Self {
        Self {
            judgement: judge(&found, around),
            found,
            action: LockAction::None,
        }
    }

    /// What it costs while it is stuck, to follow "What it costs:".
    fn costs(&self) -> Option<&'static str> {
        let is_stuck = self.judgement.verdict == LockVerdict::Stuck;
        costs(self.found.at.known, self.found.seen.shape).filter(|_| is_stuck)
    }

    /// Whether it was moved into quarantine rather than removed, and so can be brought back.
    fn is_set_aside(&self) -> bool {
        self.action == LockAction::Cleared && self.found.seen.shape != EntryShape::EmptyDirectory
    }
}

fn costs(known: &'static KnownLock, shape: EntryShape) -> Option<&'static str> {
    let costs = known.stuck_costs.as_ref()?;
    Some(match shape {
        EntryShape::EmptyDirectory => &costs.taken_for_held,
        _ => &costs.cannot_be_removed,
    })
}

/// Every lock that is there, judged by one look. Changes nothing and waits for nothing.
pub(crate) fn survey(places: &Places, now: DateTime<Utc>, here: Option<&Path>) -> Vec<Lock> {
    judged(here, &Surroundings::look(places, now))
}

fn judged(here: Option<&Path>, around: &Surroundings<'_>) -> Vec<Lock> {
    let found = survey::find(here, around).into_iter();
    found.map(|found| Lock::judged(found, around)).collect()
}

/// What clears them.
const REMEDY: &str = "whycap --clear-stale-locks";

/// A stuck lock that is worth a word although nobody asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HarmfulLock {
    /// Where it is.
    pub path: PathBuf,
    /// What it is and what it costs, in sentences.
    pub says: String,
    /// What to do about it, one sentence with the command in backticks.
    pub remedy: String,
}

/// Stuck locks that cost the user something. A dozen stats and nothing else, so that a hook may
/// call it; whether a session runs is not looked at.
pub fn harmful(places: &Places, environment: &Environment) -> Vec<HarmfulLock> {
    let by_name = |known: &&KnownLock| {
        known.kind == LockKind::Directory && !known.pattern.contains(['*', '/'])
    };
    let harm = |at: LockPlace| {
        let seen = at.parent().ok()?.look(at.name()).ok()?;
        let costs = costs(at.known, seen.shape)?;
        let why = never_heals(&seen, environment.now)?;
        let path = at.path();
        let shown = places.show(&path);
        Some(HarmfulLock {
            says: format!("{shown} is a lock that never heals by itself. {why} It costs {costs}."),
            remedy: if at.known.stays_with_live_session {
                format!("Leave Claude Code, then run `{REMEDY}` in a shell.")
            } else {
                format!("`{REMEDY}` in a shell clears it.")
            },
            path,
        })
    };
    let by_name = KNOWN_LOCKS.iter().filter(by_name);
    let at = by_name.flat_map(|known| survey::places_of(known, places, &BTreeSet::new()));
    at.filter_map(harm).collect()
}
