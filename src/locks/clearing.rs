//! Clears stale locks, one at a time. Content is never deleted.
//!
//! Only known locks are cleared, and symbolic links are not followed. If the age of a lock does not prove that it is
//! stale, it is watched for a few seconds. Every lock is checked right before it is moved and again afterward. If a
//! process has updated the lock in the meantime, it is left in place or moved back.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;

use super::observation::{LockContext, ObservedLock, OpenLock, Watch};
use super::quarantine::NotCleared;
use super::verdict::Clearance;
use super::{Lock, LockAction};
use crate::disk;
use crate::environment::{Environment, Paths};

/// The maximum time to wait for another process that is clearing locks. In practice, this takes less time.
const CLEARING_TIMEOUT: Duration = Duration::from_secs(20);

/// The parameters for clearing stale locks.
pub(crate) struct Clearing<'a> {
    pub paths: &'a Paths,
    pub environment: &'a Environment,
    /// The directory of the project whose locks are included.
    pub project: Option<&'a Path>,
    /// If true, stale locks are reported but not cleared.
    pub dry_run: bool,
    /// A function that blocks for the given duration.
    pub wait: &'a dyn Fn(Duration),
    /// The total time for which `wait` has blocked.
    pub waited: Cell<Duration>,
}

impl Clearing<'_> {
    /// Finds, watches, evaluates, and clears all locks. Before each wait, calls `notify` with a message for the user.
    ///
    /// Fails if another process is still clearing locks after [`CLEARING_TIMEOUT`].
    pub(crate) fn run(&self, notify: &dyn Fn(&str)) -> anyhow::Result<Vec<Lock>> {
        let _guard = if self.dry_run {
            None
        } else {
            self.lock_out_others(notify)?
        };
        let context = self.observe();
        let judged = super::judge_all(self.project, &context);
        let watched = self.watch(judged, notify);
        Ok(watched
            .into_iter()
            .map(|lock| self.clear_if_permitted(lock, &context))
            .collect())
    }

    fn wait_for(&self, duration: Duration) {
        (self.wait)(duration);
        self.waited.set(self.waited.get() + duration);
    }

    fn observe(&self) -> LockContext<'_> {
        let waited = TimeDelta::from_std(self.waited.get()).unwrap_or_default();
        LockContext::observe(self.paths, self.environment.now + waited)
    }

    /// Acquires whycap's own lock so that no two processes clear locks at the same time. That would be harmless, but
    /// their reports would be confusing.
    ///
    /// Returns `None` if the data directory cannot be used. Empty directories can be cleared even then.
    fn lock_out_others(
        &self,
        notify: &dyn Fn(&str),
    ) -> anyhow::Result<Option<disk::lock::LockGuard>> {
        if disk::create_private_directory(&self.paths.data).is_err() {
            return Ok(None);
        }
        let path = self.paths.data.join("clearing.lock");
        let mut wait = |pause| {
            if self.waited.get().is_zero() {
                notify("Waiting for another `whycap --clear-stale-locks` to finish.");
            }
            self.wait_for(pause);
        };
        match disk::lock::lock_with_timeout(&path, CLEARING_TIMEOUT, &mut wait) {
            Ok(None) => anyhow::bail!(
                "another `whycap --clear-stale-locks` is running (it has locked {}); try again when it has finished",
                path.display()
            ),
            Ok(guard) => Ok(guard),
            Err(_) => Ok(None),
        }
    }

    /// Watches all locks for which a single observation is not enough. Locks that are released in the meantime are
    /// dropped.
    fn watch(&self, locks: Vec<Lock>, notify: &dyn Fn(&str)) -> Vec<Lock> {
        let Some(seconds) = locks.iter().filter_map(Lock::seconds_to_watch).max() else {
            return locks;
        };
        let kept_paths: Vec<String> = locks
            .iter()
            .filter(|lock| lock.seconds_to_watch().is_some())
            .map(|lock| self.paths.show(&lock.observed.location.path()))
            .collect();
        notify(&format!(
            "Watching for {seconds} s to make sure that nothing is using {}.",
            kept_paths.join(", ")
        ));
        self.wait_for(Duration::from_secs(seconds.unsigned_abs()));

        let context = self.observe();
        locks
            .into_iter()
            .filter_map(|lock| lock.after_watching(seconds, &context))
            .collect()
    }

    /// Clears a lock if permitted. Returns it with the action taken.
    fn clear_if_permitted(&self, mut lock: Lock, context: &LockContext<'_>) -> Lock {
        if lock.judgement.clearance != Clearance::Granted {
            lock.action = LockAction::Kept;
            return lock;
        }
        if self.dry_run {
            lock.action = LockAction::WouldClear;
            return lock;
        }
        match self.judge_again_and_clear(&lock.observed, context) {
            Ok(cleared) => cleared,
            Err(not_cleared) => {
                let outcome = not_cleared.outcome(&lock.observed);
                lock.action = outcome.action;
                lock.judgement.reason = outcome.reason;
                lock
            }
        }
    }

    /// Evaluates a lock again, and clears it if the new verdict permits it.
    fn judge_again_and_clear(
        &self,
        observed: &ObservedLock,
        context: &LockContext<'_>,
    ) -> Result<Lock, NotCleared> {
        // Running sessions affect only a few locks. To find them, whycap has to scan all processes. The process that a
        // lock identifies is always looked up again.
        if observed.location.known.stays_with_live_session {
            judge_again_and_clear_in(observed, &self.observe())
        } else {
            judge_again_and_clear_in(observed, context)
        }
    }
}

fn judge_again_and_clear_in(
    observed: &ObservedLock,
    context: &LockContext<'_>,
) -> Result<Lock, NotCleared> {
    let open = OpenLock::open(observed, context)?;
    let observed_again = open.observe_again(observed.watch)?;
    if !open.is_unchanged()? {
        return Err(NotCleared::Kept(
            "The lock was updated in the meantime, so it is in use.",
        ));
    }

    let mut lock = Lock::judge(observed_again, context);
    if lock.judgement.clearance == Clearance::Granted {
        open.clear(&lock.judgement.reason)?;
        lock.action = LockAction::Cleared;
    } else {
        lock.action = LockAction::Kept;
    }
    Ok(lock)
}

impl Lock {
    /// Returns how many seconds to watch the lock, or `None` if a single observation is enough.
    fn seconds_to_watch(&self) -> Option<i64> {
        match self.judgement.clearance {
            Clearance::AfterWatching(seconds) => Some(seconds),
            _ => None,
        }
    }

    /// Evaluates the lock again after it has been watched. Returns `None` if it has been released in the meantime.
    fn after_watching(self, seconds: i64, context: &LockContext<'_>) -> Option<Self> {
        if self.seconds_to_watch().is_none() {
            return Some(self);
        }
        match observe_after_watching(&self.observed, seconds, context) {
            Ok(observed) => Some(Self::judge(observed, context)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(_) => Some(self),
        }
    }
}

fn observe_after_watching(
    observed: &ObservedLock,
    seconds: i64,
    context: &LockContext<'_>,
) -> io::Result<ObservedLock> {
    let open = OpenLock::open(observed, context)?;
    let was_updated = !open.is_unchanged()?;
    open.observe_again(Some(Watch {
        seconds,
        was_updated,
    }))
}

#[cfg(test)]
#[path = "../../tests/unit/lock_races.rs"] // A separate test binary would be slower.
mod lock_races;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests create and replace locks, as other programs do"
)]
mod tests {
    use std::fs;

    use super::*;
    use crate::locks::observation;
    use crate::locks::verdict::LockVerdict;

    struct Home {
        directory: tempfile::TempDir,
        environment: Environment,
        paths: Paths,
    }

    impl Home {
        /// Creates a home directory. The tests use the system clock because file timestamps come from it.
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            fs::create_dir(directory.path().join(".claude")).unwrap();
            let variables = [(
                crate::environment::HOME.into(),
                directory.path().as_os_str().to_owned(),
            )];
            let environment = Environment::new(variables, std::time::SystemTime::now().into());
            let mut paths = Paths::of(&environment);
            paths.data = directory.path().join("data");
            Self {
                directory,
                environment,
                paths,
            }
        }

        fn path(&self, relative: &str) -> std::path::PathBuf {
            self.directory.path().join(relative)
        }

        /// Creates an empty directory that was modified `age` seconds ago.
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
                paths: &self.paths,
                environment: &self.environment,
                project: None,
                dry_run: false,
                wait,
                waited: Cell::default(),
            }
        }

        /// Finds and evaluates all locks, calls `meanwhile`, and clears the locks.
        fn race(&self, meanwhile: impl Fn()) -> Vec<Lock> {
            let clearing = self.clearing(&|_| ());
            let context = clearing.observe();
            let observed = observation::find(None, &context);
            meanwhile();
            let clear = |observed| {
                let lock = Lock::judge(observed, &context);
                let is_granted = matches!(lock.judgement.clearance, Clearance::Granted);
                assert!(is_granted, "{lock:?}");
                clearing.clear_if_permitted(lock, &context)
            };
            observed.into_iter().map(clear).collect()
        }
    }

    const STATE: &str = ".claude.json.lock";
    const HISTORY: &str = ".claude/history.jsonl.lock";

    fn verdict_and_action(lock: &Lock) -> (LockVerdict, LockAction) {
        (lock.judgement.verdict, lock.action)
    }

    #[test]
    fn a_lock_that_is_updated_while_it_is_watched_is_held() {
        let home = Home::new();
        home.directory(STATE, -3600);
        home.directory(HISTORY, -3600);
        let heartbeat = |_| home.set_age(STATE, -3601);
        let locks = home.clearing(&heartbeat).run(&|_| ()).unwrap();
        let outcomes: Vec<_> = locks.iter().map(verdict_and_action).collect();
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
    fn a_young_lock_is_watched_until_it_is_stale() {
        let home = Home::new();
        home.directory(STATE, 4);
        let notices = std::cell::RefCell::new(Vec::new());
        let clearing = home.clearing(&|_| ());
        let locks = clearing
            .run(&|notice| notices.borrow_mut().push(notice.to_owned()))
            .unwrap();
        let cleared = (LockVerdict::Stale, LockAction::Cleared);
        assert_eq!(verdict_and_action(&locks[0]), cleared);
        assert_eq!(clearing.waited.get(), Duration::from_secs(7));
        assert!(notices.take()[0].starts_with("Watching for 7 s"));
    }

    #[test]
    fn clearing_waits_for_another_clearing_but_not_forever() {
        let home = Home::new();
        home.directory(HISTORY, 600);
        fs::create_dir(&home.paths.data).unwrap();
        let path = home.paths.data.join("clearing.lock");
        let other = std::cell::Cell::new(disk::lock::try_lock(&path).unwrap());
        let error = home
            .clearing(&|_| ())
            .run(&|_| ())
            .unwrap_err()
            .to_string();
        assert!(error.contains("clearing.lock"), "{error}");
        let ends = |_| drop(other.take());
        let locks = home.clearing(&ends).run(&|_| ()).unwrap();
        assert_eq!(locks[0].action, LockAction::Cleared);
    }

    #[test]
    fn a_lock_that_is_updated_between_judgement_and_removal_stays() {
        let home = Home::new();
        home.directory(HISTORY, 600);
        let outcomes = home.race(|| home.set_age(HISTORY, 599));
        assert_eq!(outcomes[0].action, LockAction::Kept);
        assert!(home.path(HISTORY).exists());
    }

    #[test]
    fn a_lock_that_is_released_in_between_is_not_a_failure() {
        let home = Home::new();
        home.directory(HISTORY, 600);
        let outcomes = home.race(|| fs::remove_dir(home.path(HISTORY)).unwrap());
        assert_eq!(outcomes[0].action, LockAction::None);
    }

    #[test]
    fn a_lock_that_another_process_takes_in_between_stays() {
        let home = Home::new();
        let lock = home.path(".local/state/claude/locks/1.lock");
        // Linux never assigns a PID this high.
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        fs::write(&lock, "4194305").unwrap();
        let outcomes = home.race(|| fs::write(&lock, std::process::id().to_string()).unwrap());
        assert_eq!(outcomes[0].action, LockAction::Kept);
        assert!(lock.exists());
    }

    #[test]
    fn a_directory_that_replaces_a_file_in_between_stays() {
        let home = Home::new();
        let lock = home.path(HISTORY);
        fs::write(&lock, "x").unwrap();
        home.set_age(HISTORY, 600);
        let outcomes = home.race(|| {
            fs::remove_file(&lock).unwrap();
            fs::create_dir(&lock).unwrap();
        });
        let still_stuck = (LockVerdict::Stuck, LockAction::Kept);
        assert_eq!(verdict_and_action(&outcomes[0]), still_stuck);
        assert!(lock.is_dir());
    }

    #[test]
    fn a_lock_that_is_replaced_at_the_last_moment_is_put_back() {
        let home = Home::new();
        let lock = home.path(HISTORY);
        fs::write(&lock, "judged").unwrap();
        let context = LockContext::observe(&home.paths, home.environment.now);
        let observed = observation::find(None, &context).remove(0);
        // Move the original file so that the new file cannot reuse its inode.
        fs::rename(&lock, home.path("elsewhere")).unwrap();
        fs::write(&lock, "new").unwrap();
        let open = OpenLock::open(&observed, &context).unwrap();
        let not_cleared = open.clear("").unwrap_err();
        let reason = not_cleared.outcome(&observed).reason;
        assert!(reason.contains("left it in place"), "{reason}");
        assert_eq!(fs::read(&lock).unwrap(), b"new");
        let quarantine = fs::read_dir(home.path("data/quarantine")).unwrap();
        assert_eq!(quarantine.count(), 0);
    }
}
