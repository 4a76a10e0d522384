//! Clearing what was judged dead: watched where its age proves nothing, judged again right before
//! acting, one at a time, and never by deleting content.
//!
//! Promises: only rows of the catalogue; a symbolic link leads nowhere; a lock that was touched
//! after the judgement stays. Not promised: that nobody can take a lock in the microseconds between
//! the last look and the removal; Claude Code itself removes old locks with the same gap.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::TimeDelta;

use super::finding::{self, Found, Scene};
use super::judgement::{Clearance, Judgement, LONGEST_WATCH, Watch, Way, judge};
use super::quarantine;
use super::{Action, Lock};
use crate::disk;
use crate::environment::Environment;
use crate::places::Places;

/// How long to wait for another run of ours, in seconds: a little more than it can watch.
const PATIENCE: u64 = 20;

/// One clearing, dry or not.
#[derive(Debug)]
pub struct Clearing<'a> {
    /// Where things are.
    pub places: &'a Places,
    /// Clock and variables.
    pub environment: &'a Environment,
    /// The directory whose project is looked at.
    pub working_directory: Option<&'a Path>,
    /// Show what would be done, and do nothing.
    pub dry_run: bool,
    started: Instant,
}

impl<'a> Clearing<'a> {
    /// Prepares a clearing that starts now.
    pub fn new(
        places: &'a Places,
        environment: &'a Environment,
        working_directory: Option<&'a Path>,
        dry_run: bool,
    ) -> Self {
        Self {
            places,
            environment,
            working_directory,
            dry_run,
            started: Instant::now(),
        }
    }

    /// Finds, watches, judges and clears. `tell` is called with a sentence before each wait.
    ///
    /// # Errors
    /// If another clearing does not end in reasonable time.
    pub fn run(&self, tell: &dyn Fn(&str)) -> anyhow::Result<Vec<Lock>> {
        let _own = if self.dry_run {
            None
        } else {
            self.take_own_lock(tell)?
        };
        let scene = self.scene();
        let found = finding::find(self.places, self.working_directory, &scene);
        let judged: Vec<(Found, Judgement)> = found
            .into_iter()
            .map(|found| {
                let judgement = judge(&found.facts, &scene.surroundings);
                (found, judgement)
            })
            .collect();
        Ok(self
            .watch(judged, tell)
            .into_iter()
            .map(|(found, judgement)| self.settle(&found, judgement, &scene))
            .collect())
    }

    fn scene(&self) -> Scene {
        let passed = TimeDelta::from_std(self.started.elapsed()).unwrap_or_default();
        Scene::look(self.places, self.environment, self.environment.now + passed)
    }

    /// Two clearings at once would do no harm, but their reports would confuse.
    fn take_own_lock(&self, tell: &dyn Fn(&str)) -> anyhow::Result<Option<disk::lock::Held>> {
        let path = self.places.data.join("clearing.lock");
        if disk::create_private_dir(&self.places.data).is_err() {
            // No place for our own files: what can be cleared without a quarantine still can.
            return Ok(None);
        }
        let waiting = Instant::now();
        loop {
            match disk::lock::try_lock(&path) {
                Ok(Some(held)) => return Ok(Some(held)),
                Err(_) => return Ok(None),
                Ok(None) if waiting.elapsed() > Duration::from_secs(PATIENCE) => {
                    anyhow::bail!(
                        "another whycap --clear-stale-locks is running (it holds {}); try again when it has ended",
                        path.display()
                    );
                }
                Ok(None) => {
                    if waiting.elapsed() < Duration::from_millis(50) {
                        tell(
                            "Another whycap --clear-stale-locks is running; waiting for it to end.",
                        );
                    }
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }

    /// Looks twice at the locks of which one look shows too little.
    fn watch(
        &self,
        judged: Vec<(Found, Judgement)>,
        tell: &dyn Fn(&str),
    ) -> Vec<(Found, Judgement)> {
        let seconds = judged
            .iter()
            .filter_map(|(_, judgement)| match judgement.clearance {
                Clearance::AfterWatching(seconds) => Some(seconds),
                _ => None,
            })
            .max();
        let Some(seconds) = seconds.map(|seconds| seconds.clamp(1, LONGEST_WATCH)) else {
            return judged;
        };
        tell(&format!(
            "Watching for {seconds} s whether anybody uses a lock whose age shows nothing."
        ));
        let watching = Instant::now();
        std::thread::sleep(Duration::from_secs(seconds.unsigned_abs()));
        let watched = i64::try_from(watching.elapsed().as_secs()).unwrap_or(seconds);
        let scene = self.scene();
        judged
            .into_iter()
            .filter_map(|(found, judgement)| {
                if !matches!(judgement.clearance, Clearance::AfterWatching(_)) {
                    return Some((found, judgement));
                }
                let Ok(again) = found.again(&scene) else {
                    return Some((found, judgement));
                };
                // Released while we watched: then there is nothing to report.
                let mut again = again?;
                again.facts.watch = Some(Watch {
                    seconds: watched,
                    moved: again.identity != found.identity,
                });
                let judgement = judge(&again.facts, &scene.surroundings);
                Some((again, judgement))
            })
            .collect()
    }

    fn settle(&self, found: &Found, judgement: Judgement, scene: &Scene) -> Lock {
        match judgement.clearance {
            Clearance::Granted(_) if self.dry_run => Lock::of(found, judgement, Action::WouldClear),
            Clearance::Granted(_) => self.clear(found, judgement, scene),
            _ => Lock::of(found, judgement, Action::Kept),
        }
    }

    /// Judges once more and acts. The facts may have changed since; then the new judgement counts.
    fn clear(&self, found: &Found, judgement: Judgement, scene: &Scene) -> Lock {
        let with = |judgement: Judgement, action, why: String| {
            Lock::of(found, Judgement { why, ..judgement }, action)
        };
        let gone = "It was gone before we came to it: released, or cleared by somebody else.";
        let parent = match found.parent() {
            Ok(parent) => parent,
            Err(error) => {
                return with(
                    judgement,
                    Action::Failed,
                    quarantine::failure(&error, found),
                );
            }
        };
        // Whether a session runs matters to few locks, and asking takes a walk over all processes;
        // the process that a lock itself names is looked at anew in any case.
        let fresh;
        let scene = if found.facts.row.stays_with_live_session {
            fresh = self.scene();
            &fresh
        } else {
            scene
        };
        let mut again = match found.again(scene) {
            Ok(Some(again)) => again,
            Ok(None) => return with(judgement, Action::None, gone.to_owned()),
            Err(error) => {
                return with(
                    judgement,
                    Action::Failed,
                    quarantine::failure(&error, found),
                );
            }
        };
        again.facts.watch = found.facts.watch.map(|watch| Watch {
            moved: watch.moved || again.identity != found.identity,
            ..watch
        });
        if again.identity != found.identity {
            return with(
                judgement,
                Action::Kept,
                "It was touched while we worked: somebody uses it.".to_owned(),
            );
        }
        let last = judge(&again.facts, &scene.surroundings);
        let Clearance::Granted(way) = last.clearance else {
            return Lock::of(&again, last, Action::Kept);
        };
        let outcome = match way {
            Way::RemoveEmptyDirectory => match parent.remove_empty(again.name()) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return with(last, Action::None, gone.to_owned());
                }
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
                    return with(
                        last,
                        Action::Kept,
                        "Something was put into it while we worked.".to_owned(),
                    );
                }
                other => other.map_err(|error| quarantine::failure(&error, &again)),
            },
            Way::Quarantine => quarantine::put(
                self.places,
                &again,
                &parent,
                &last.why,
                scene.surroundings.now,
            ),
        };
        match outcome {
            Ok(()) => Lock::of(&again, last, Action::Cleared),
            Err(why) => with(last, Action::Failed, why),
        }
    }
}

#[cfg(test)]
#[path = "clearing_tests.rs"]
#[expect(
    clippy::disallowed_methods,
    reason = "tests plant and replace locks behind the program's back"
)]
mod tests;
