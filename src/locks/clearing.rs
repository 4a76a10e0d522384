//! Clearing what was judged dead: watched where its age proves nothing, judged again right before
//! acting, one at a time, and never by deleting content.
//!
//! Promises: only locks that we know; a symbolic link leads nowhere; a lock that was touched after
//! the judgement stays. It is looked at again after it was moved away, by all that it was judged by;
//! one that somebody took in the last instant is moved back.

use std::cell::Cell;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;

use super::judgement::Clearance;
use super::quarantine::NotCleared;
use super::survey::{FoundLock, ReachedLock, Surroundings, Watch};
use super::{Lock, LockAction};
use crate::disk;
use crate::environment::Environment;
use crate::places::Places;

/// How long to wait for another run of ours: a little more than it can watch.
const PATIENCE: Duration = Duration::from_secs(20);

/// One clearing.
pub(crate) struct Clearing<'a> {
    pub(crate) places: &'a Places,
    pub(crate) environment: &'a Environment,
    /// Its project is looked at as well.
    pub(crate) working_directory: Option<&'a Path>,
    /// Only says what would be done.
    pub(crate) dry_run: bool,
    /// Lets so much time pass.
    pub(crate) wait: &'a dyn Fn(Duration),
    /// How much has passed so far.
    pub(crate) waited: Cell<Duration>,
}

impl Clearing<'_> {
    /// Finds, watches, judges and clears. `tell` is called with a sentence before each wait.
    ///
    /// # Errors
    /// If another clearing does not end in reasonable time.
    pub(crate) fn run(&self, tell: &dyn Fn(&str)) -> anyhow::Result<Vec<Lock>> {
        let own = (!self.dry_run).then(|| self.take_own_lock(tell));
        let _own = own.transpose()?;
        let around = self.look();
        let judged = super::judged(self.working_directory, &around);
        let watched = self.watch(judged, tell).into_iter();
        Ok(watched.map(|lock| self.settle(lock, &around)).collect())
    }

    fn pass(&self, time: Duration) {
        (self.wait)(time);
        self.waited.set(self.waited.get() + time);
    }

    fn look(&self) -> Surroundings<'_> {
        let passed = TimeDelta::from_std(self.waited.get()).unwrap_or_default();
        Surroundings::look(self.places, self.environment.now + passed)
    }

    /// Two clearings at once would do no harm, but their reports would confuse.
    fn take_own_lock(&self, tell: &dyn Fn(&str)) -> anyhow::Result<Option<disk::lock::Held>> {
        let path = self.places.data.join("clearing.lock");
        // No place for our own files: what can be cleared without a quarantine still can.
        if disk::create_private_dir(&self.places.data).is_err() {
            return Ok(None);
        }
        let mut wait = |pause| {
            if self.waited.get().is_zero() {
                tell("Another whycap --clear-stale-locks is running; waiting for it to end.");
            }
            self.pass(pause);
        };
        let Ok(held) = disk::lock::lock_within(&path, PATIENCE, &mut wait) else {
            return Ok(None);
        };
        anyhow::ensure!(
            held.is_some(),
            "another whycap --clear-stale-locks is running (it holds {}); try again when it has ended",
            path.display()
        );
        Ok(held)
    }

    /// Looks twice at the locks of which one look shows too little.
    fn watch(&self, judged: Vec<Lock>, tell: &dyn Fn(&str)) -> Vec<Lock> {
        let Some(seconds) = judged.iter().filter_map(Lock::seconds_to_watch).max() else {
            return judged;
        };
        let names = judged.iter().filter_map(|lock| {
            lock.seconds_to_watch()?;
            Some(self.places.show(&lock.found.at.path()))
        });
        let names: Vec<String> = names.collect();
        tell(&format!(
            "Watching for {seconds} s whether anybody uses {}: the age alone does not show it.",
            names.join(", ")
        ));
        self.pass(Duration::from_secs(seconds.unsigned_abs()));
        let around = self.look();
        let judged = judged.into_iter();
        judged
            .filter_map(|lock| lock.watched(seconds, &around))
            .collect()
    }

    fn settle(&self, mut lock: Lock, around: &Surroundings<'_>) -> Lock {
        if lock.judgement.clearance != Clearance::Granted {
            lock.action = LockAction::Kept;
        } else if self.dry_run {
            lock.action = LockAction::WouldClear;
        } else {
            match self.clear(&lock.found, around) {
                Ok(cleared) => return cleared,
                Err(why) => (lock.action, lock.judgement.why) = why.outcome(&lock.found),
            }
        }
        lock
    }

    /// Judges once more and acts. The facts may have changed since; then the new judgement counts.
    fn clear(&self, found: &FoundLock, around: &Surroundings<'_>) -> Result<Lock, NotCleared> {
        // Whether a session runs matters to few locks, and asking takes a walk over all processes;
        // the process that a lock itself names is looked at anew in any case.
        let fresh = found.at.known.stays_with_live_session.then(|| self.look());
        let around = fresh.as_ref().unwrap_or(around);
        let reached = ReachedLock::new(found, around)?;
        let again = reached.again(found.watch)?;
        if !reached.is_untouched()? {
            let why = "It was touched while we worked: somebody uses it.";
            return Err(NotCleared::Kept(why));
        }
        let mut last = Lock::judged(again, around);
        last.action = LockAction::Kept;
        if last.judgement.clearance == Clearance::Granted {
            reached.take_away(&last.judgement.why)?;
            last.action = LockAction::Cleared;
        }
        Ok(last)
    }
}

impl Lock {
    /// How long it has to be watched; None where one look tells all.
    fn seconds_to_watch(&self) -> Option<i64> {
        match self.judgement.clearance {
            Clearance::AfterWatching(seconds) => Some(seconds),
            _ => None,
        }
    }

    /// After so many seconds. None if it was released meanwhile: then there is nothing to report.
    fn watched(self, seconds: i64, around: &Surroundings<'_>) -> Option<Self> {
        if self.seconds_to_watch().is_none() {
            return Some(self);
        }
        let look = || {
            let reached = ReachedLock::new(&self.found, around)?;
            let moved = !reached.is_untouched()?;
            reached.again(Some(Watch { seconds, moved }))
        };
        match look() {
            Ok(again) => Some(Self::judged(again, around)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(_) => Some(self),
        }
    }
}

#[cfg(test)]
#[path = "../../tests/unit/lock_races.rs"] // in the same program, so that they are fast
mod lock_races;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests plant and replace locks behind the program's back"
)]
mod tests {
    use std::fs;

    use super::*;
    use crate::locks::judgement::LockVerdict;
    use crate::locks::survey;

    struct Home {
        directory: tempfile::TempDir,
        environment: Environment,
        places: Places,
    }

    impl Home {
        /// A home with the machine's own clock: that is what files are dated by.
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            fs::create_dir(directory.path().join(".claude")).unwrap();
            let variables = [(
                crate::environment::HOME.into(),
                directory.path().as_os_str().to_owned(),
            )];
            let environment = Environment::new(variables, std::time::SystemTime::now().into());
            let mut places = Places::of(&environment);
            places.data = directory.path().join("data");
            Self {
                directory,
                environment,
                places,
            }
        }

        fn path(&self, relative: &str) -> std::path::PathBuf {
            self.directory.path().join(relative)
        }

        /// An empty directory whose date lies `age` seconds back.
        fn directory(&self, relative: &str, age: i64) {
            fs::create_dir_all(self.path(relative)).unwrap();
            self.set_age(relative, age);
        }

        fn set_age(&self, relative: &str, age: i64) {
            let date = self.environment.now - TimeDelta::seconds(age);
            crate::testing::set_date(&self.path(relative), date.into());
        }

        fn clearing<'a>(&'a self, wait: &'a dyn Fn(Duration)) -> Clearing<'a> {
            Clearing {
                places: &self.places,
                environment: &self.environment,
                working_directory: None,
                dry_run: false,
                wait,
                waited: Cell::default(),
            }
        }

        /// Finds and judges; then `meanwhile` happens; then what was found is cleared.
        fn race(&self, meanwhile: impl Fn()) -> Vec<Lock> {
            let clearing = self.clearing(&|_| ());
            let around = clearing.look();
            let found = survey::find(None, &around);
            meanwhile();
            let outcome = |found| {
                let lock = Lock::judged(found, &around);
                let is_granted = matches!(lock.judgement.clearance, Clearance::Granted);
                assert!(is_granted, "{lock:?}");
                clearing.settle(lock, &around)
            };
            found.into_iter().map(outcome).collect()
        }
    }

    const STATE: &str = ".claude.json.lock";
    const HISTORY: &str = ".claude/history.jsonl.lock";

    fn verdict_and_action(lock: &Lock) -> (LockVerdict, LockAction) {
        (lock.judgement.verdict, lock.action)
    }

    #[test]
    fn a_lock_whose_date_moves_while_it_is_watched_is_held() {
        let home = Home::new();
        home.directory(STATE, -3600);
        home.directory(HISTORY, -3600);
        let heartbeat = |_| home.set_age(STATE, -3601);
        let done = home.clearing(&heartbeat).run(&|_| ()).unwrap();
        let outcomes: Vec<_> = done.iter().map(verdict_and_action).collect();
        assert_eq!(
            outcomes,
            [
                (LockVerdict::Held, LockAction::Kept),
                (LockVerdict::Stuck, LockAction::Cleared)
            ]
        );
        assert!(home.path(STATE).exists() && !home.path(HISTORY).exists());
    }

    #[test]
    fn a_fresh_lock_is_watched_until_its_age_tells() {
        let home = Home::new();
        home.directory(STATE, 4);
        let said = std::cell::RefCell::new(Vec::new());
        let clearing = home.clearing(&|_| ());
        let done = clearing
            .run(&|why| said.borrow_mut().push(why.to_owned()))
            .unwrap();
        let cleared = (LockVerdict::Stale, LockAction::Cleared);
        assert_eq!(verdict_and_action(&done[0]), cleared);
        assert_eq!(clearing.waited.get(), Duration::from_secs(7));
        assert!(said.take()[0].starts_with("Watching for 7 s"));
    }

    #[test]
    fn another_clearing_is_waited_for_but_not_for_ever() {
        let home = Home::new();
        home.directory(HISTORY, 600);
        fs::create_dir(&home.places.data).unwrap();
        let own = home.places.data.join("clearing.lock");
        let other = std::cell::Cell::new(disk::lock::try_lock(&own).unwrap());
        let error = home.clearing(&|_| ()).run(&|_| ()).unwrap_err().to_string();
        assert!(error.contains("clearing.lock"), "{error}");
        let ends = |_| drop(other.take());
        let done = home.clearing(&ends).run(&|_| ()).unwrap();
        assert_eq!(done[0].action, LockAction::Cleared);
    }

    #[test]
    fn a_lock_that_is_refreshed_between_judgement_and_removal_stays() {
        let home = Home::new();
        home.directory(HISTORY, 600);
        let outcomes = home.race(|| home.set_age(HISTORY, 599));
        assert_eq!(outcomes[0].action, LockAction::Kept);
        assert!(home.path(HISTORY).exists());
    }

    #[test]
    fn a_lock_that_was_released_in_between_is_no_failure() {
        let home = Home::new();
        home.directory(HISTORY, 600);
        let outcomes = home.race(|| fs::remove_dir(home.path(HISTORY)).unwrap());
        assert_eq!(outcomes[0].action, LockAction::None);
    }

    #[test]
    fn a_lock_that_a_new_process_took_over_in_between_stays() {
        let home = Home::new();
        let lock = home.path(".local/state/claude/locks/1.lock");
        // Above the highest number that Linux gives out.
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        fs::write(&lock, "4194305").unwrap();
        let outcomes = home.race(|| fs::write(&lock, std::process::id().to_string()).unwrap());
        assert_eq!(outcomes[0].action, LockAction::Kept);
        assert!(lock.exists());
    }

    #[test]
    fn a_directory_that_was_put_in_the_place_of_a_file_is_not_taken_away() {
        let home = Home::new();
        let lock = home.path(HISTORY);
        fs::write(&lock, "x").unwrap();
        home.set_age(HISTORY, 600);
        let outcomes = home.race(|| {
            fs::remove_file(&lock).unwrap();
            fs::create_dir(&lock).unwrap();
        });
        let kept = (LockVerdict::Stuck, LockAction::Kept);
        assert_eq!(verdict_and_action(&outcomes[0]), kept);
        assert!(lock.is_dir());
    }

    #[test]
    fn what_was_replaced_in_the_very_last_instant_is_put_back() {
        let home = Home::new();
        let lock = home.path(HISTORY);
        fs::write(&lock, "judged").unwrap();
        let around = Surroundings::look(&home.places, home.environment.now);
        let found = survey::find(None, &around).remove(0);
        // The judged file lives on elsewhere, so that its inode cannot be given to the new one.
        fs::rename(&lock, home.path("elsewhere")).unwrap();
        fs::write(&lock, "new").unwrap();
        let reached = ReachedLock::new(&found, &around).unwrap();
        let not_cleared = reached.take_away("").unwrap_err();
        let (_, said) = not_cleared.outcome(&found);
        assert!(said.contains("left in place"), "{said}");
        assert_eq!(fs::read(&lock).unwrap(), b"new");
        let quarantine = fs::read_dir(home.path("data/quarantine")).unwrap();
        assert_eq!(quarantine.count(), 0);
    }
}
