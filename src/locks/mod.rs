//! Handles Claude Code's lock files: finds known locks, determines whether they are in use, and clears stale ones.
//!
//! Locks never cause usage limits. However, some stale locks slow down every start of Claude Code or cause it to lose
//! settings. [`harmful`] finds these locks, and `clearing` clears them.

pub(crate) mod clearing;
mod known_locks;
mod observation;
pub(crate) mod quarantine;
pub(crate) mod report;
mod verdict;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;

use self::known_locks::{KNOWN_LOCKS, KnownLock, LockKind};
use self::observation::{LockContext, LockLocation, ObservedLock};
use self::verdict::{Judgement, LockVerdict};
use crate::disk::EntryKind;
use crate::environment::{Environment, Paths};

/// The command that clears stale locks.
const CLEAR_COMMAND: &str = "whycap --clear-stale-locks";

/// The action taken on a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LockAction {
    /// Clearing was not requested, or the lock no longer exists.
    None,
    WouldClear,
    Cleared,
    Kept,
    /// Clearing was permitted but failed.
    Failed,
}

/// A lock and its verdict.
#[derive(Debug, Clone)]
pub(crate) struct Lock {
    observed: ObservedLock,
    judgement: Judgement,
    pub action: LockAction,
}

impl Lock {
    fn judge(observed: ObservedLock, context: &LockContext<'_>) -> Self {
        Self {
            judgement: verdict::judge(&observed, context),
            observed,
            action: LockAction::None,
        }
    }

    /// Describes how the lock affects the user. Returns `None` if the lock is not stuck or has no noticeable effect.
    fn effect(&self) -> Option<&'static str> {
        if self.judgement.verdict == LockVerdict::Stuck {
            effect_when_stuck(self.observed.location.known, self.observed.info.kind)
        } else {
            None
        }
    }

    /// Returns true if the lock was moved to quarantine, so it can be restored.
    fn is_quarantined(&self) -> bool {
        self.action == LockAction::Cleared && self.observed.info.kind != EntryKind::EmptyDirectory
    }
}

fn effect_when_stuck(known: &'static KnownLock, kind: EntryKind) -> Option<&'static str> {
    let effects = known.stuck_effects.as_ref()?;
    Some(match kind {
        EntryKind::EmptyDirectory => &effects.dated_in_future,
        _ => &effects.not_removable,
    })
}

/// Finds and evaluates all locks, including those in the directory `project`. Does not change anything or wait.
pub(crate) fn find_all(paths: &Paths, now: DateTime<Utc>, project: Option<&Path>) -> Vec<Lock> {
    judge_all(project, &LockContext::observe(paths, now))
}

fn judge_all(project: Option<&Path>, context: &LockContext<'_>) -> Vec<Lock> {
    observation::find(project, context)
        .into_iter()
        .map(|observed| Lock::judge(observed, context))
        .collect()
}

/// A stuck lock that the user should know about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HarmfulLock {
    /// The path of the lock.
    pub path: PathBuf,
    /// A few sentences about the lock and its effect.
    pub says: String,
    /// A sentence that says what to do, with the command in backticks.
    pub remedy: String,
}

impl HarmfulLock {
    /// Returns the lock at a location. Returns `None` if there is no lock, it is not stuck, or it has no noticeable
    /// effect.
    fn at(location: &LockLocation, paths: &Paths, now: DateTime<Utc>) -> Option<Self> {
        let info = location
            .parent()
            .ok()?
            .entry_info(location.name())
            .ok()?;
        let effect = effect_when_stuck(location.known, info.kind)?;
        let reason = verdict::reason_if_stuck(&info, now)?;

        let path = location.path();
        let shown = paths.show(&path);
        Some(Self {
            says: format!(
                "{shown} is a stuck lock that Claude Code will not remove by itself. {reason} Effect: {effect}."
            ),
            remedy: if location.known.stays_with_live_session {
                format!("Quit Claude Code, then run `{CLEAR_COMMAND}` in a shell.")
            } else {
                format!("To remove the lock, run `{CLEAR_COMMAND}` in a shell.")
            },
            path,
        })
    }
}

/// Returns all stuck locks with a noticeable effect on the user.
///
/// This is fast enough for hooks. It only reads the metadata of about a dozen files and does not look for running
/// sessions.
pub fn harmful(paths: &Paths, environment: &Environment) -> Vec<HarmfulLock> {
    KNOWN_LOCKS
        .iter()
        .filter(|known| known.kind == LockKind::Directory)
        .filter(|known| !known.pattern.contains(['*', '/']))
        .flat_map(|known| observation::locations_of(known, paths, &BTreeSet::new()))
        .filter_map(|location| HarmfulLock::at(&location, paths, environment.now))
        .collect()
}
