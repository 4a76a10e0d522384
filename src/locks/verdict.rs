//! Determines the verdict on a lock from what has been observed. This module does not access files, processes, or the
//! clock.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::known_locks::{HEARTBEAT, LockKind};
use super::observation::{LockContext, ObservedLock};
use crate::claude::processes::InvisibleProcesses;
use crate::claude::sessions::{Liveness, RunningClients};
use crate::disk::{EntryInfo, EntryKind};
use crate::time::format_duration;
use LockVerdict::{CannotTell, Harmless, Held, NotOurs, Stale, Stuck};

/// The verdict on a lock. The variants are ordered from worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LockVerdict {
    /// The lock is not in use, and Claude Code will never remove it.
    Stuck,
    /// The lock is not in use. Claude Code either ignores it or removes it later.
    Stale,
    /// There is not enough evidence for a verdict.
    CannotTell,
    /// The lock is in use.
    Held,
    /// The lock belongs to another user or another program.
    NotOurs,
    /// The file is a permanent marker and does not lock anything.
    Harmless,
}

/// The conditions for clearing a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clearance {
    /// The lock may be cleared. An empty directory is removed, and anything else is moved to quarantine.
    Granted,
    /// The lock may be cleared if it is not updated for this number of seconds.
    AfterWatching(i64),
    Denied,
}

/// The verdict on a lock, its reason, and whether the lock may be cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judgement {
    pub verdict: LockVerdict,
    /// The reason for the verdict, in one or two sentences for the user.
    pub reason: String,
    pub clearance: Clearance,
}

impl LockVerdict {
    /// Returns a judgement with this verdict and reason. It does not permit clearing the lock.
    fn because(self, reason: impl Into<String>) -> Judgement {
        Judgement {
            verdict: self,
            reason: reason.into(),
            clearance: Clearance::Denied,
        }
    }
}

impl Judgement {
    fn with_clearance(self, clearance: Clearance) -> Self {
        Self { clearance, ..self }
    }
}

/// The maximum harmless difference between file timestamps and the clock.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// The tolerance, in seconds, for a directory that is shared by several machines. Each machine sets timestamps from its
/// own clock and sees the changes of other machines later.
const SHARED_CLOCK_TOLERANCE: i64 = 3600;

/// The maximum time, in seconds, to watch locks while the user waits.
const MAX_WATCH: i64 = 12;

/// Determines the verdict on a lock.
pub(super) fn judge(lock: &ObservedLock, context: &LockContext<'_>) -> Judgement {
    let known = lock.location.known;
    match (known.kind, lock.info.kind) {
        (LockKind::Foreign, _) => {
            return NotOurs.because(format!("This lock belongs to {}.", known.owner));
        }
        (_, EntryKind::Link) => {
            return NotOurs.because(
                "The lock is a symlink, which Claude Code never creates here. Check where the symlink points, and remove it yourself.",
            );
        }
        (_, EntryKind::Other) => {
            return CannotTell.because("The lock is neither a file nor a directory.");
        }
        (LockKind::Marker, _) => {
            return Harmless.because(
                "Claude Code leaves this file here by design. It does not lock anything.",
            );
        }
        _ => {}
    }
    if !lock.info.is_owned {
        return NotOurs.because("The lock belongs to another user of this machine.");
    }
    if lock.watch.is_some_and(|watch| watch.was_updated) {
        return Held.because("The lock was updated while whycap watched it, so it is in use.");
    }

    let names_process = matches!(
        known.kind,
        LockKind::ProcessFile | LockKind::SessionRegistry
    );
    if names_process && lock.info.kind == EntryKind::File {
        judge_by_holder(lock).unwrap_or_else(|| {
            CannotTell.because(
                "The lock does not name a process, so whycap cannot tell whether it is in use.",
            )
        })
    } else if let Some(stale_after) = known.stale_after {
        judge_directory(lock, stale_after, context)
    } else {
        CannotTell.because(
            "The lock is a directory instead of a file. No known version of Claude Code creates such a directory.",
        )
    }
}

/// Returns the reason why Claude Code will never remove a directory lock. Returns `None` if it will.
pub(super) fn reason_if_stuck(info: &EntryInfo, now: DateTime<Utc>) -> Option<String> {
    match info.kind {
        EntryKind::File => Some(
            "The lock is a file instead of a directory, so Claude Code cannot remove it."
                .to_owned(),
        ),
        EntryKind::FullDirectory => {
            Some("The directory is not empty, so Claude Code cannot remove it.".to_owned())
        }
        EntryKind::EmptyDirectory if info.modified > now + CLOCK_TOLERANCE => Some(format!(
            "The lock is dated {} in the future, so Claude Code will treat it as in use until then.",
            format_duration(info.modified - now)
        )),
        _ => None,
    }
}

fn judge_directory(lock: &ObservedLock, stale_after: i64, context: &LockContext<'_>) -> Judgement {
    let judgement = judge_directory_without_sessions(lock, stale_after, context);
    let is_unused = matches!(judgement.verdict, Stuck | Stale);
    let must_stay =
        lock.location.known.stays_with_live_session && !context.running_clients.is_empty();
    if is_unused && must_stay {
        let reason = format!(
            "{} {}",
            judgement.reason,
            reason_to_keep(&context.running_clients)
        );
        judgement.verdict.because(reason)
    } else {
        judgement
    }
}

fn judge_directory_without_sessions(
    lock: &ObservedLock,
    stale_after: i64,
    context: &LockContext<'_>,
) -> Judgement {
    let age = context.now - lock.info.modified;
    let (stale_after, stale_reason) = match judge_by_holder(lock) {
        // A new holder takes a moment to write its owner file, so this one may still be the previous holder's. Require
        // the lock to be older than one heartbeat.
        Some(by_holder) if by_holder.verdict == Stale => (HEARTBEAT + 1, by_holder.reason),
        Some(by_holder) => return by_holder,
        None => {
            let reason = format!(
                "The lock was last updated {} ago. A lock that is in use is updated every {HEARTBEAT} s.",
                format_duration(age)
            );
            if is_shared_with_machines(lock) {
                (stale_after.max(SHARED_CLOCK_TOLERANCE), reason)
            } else {
                (stale_after, reason)
            }
        }
    };

    match reason_if_stuck(&lock.info, context.now) {
        Some(reason) => Stuck
            .because(reason)
            .with_clearance(clearance_if_stuck(lock, context)),
        None => judge_by_age(age, stale_after, stale_reason, &context.running_clients),
    }
}

/// Returns true if a lock's directory may be shared with other machines.
fn is_shared_with_machines(lock: &ObservedLock) -> bool {
    lock.pid_domain.invisible == Some(InvisibleProcesses::OnOtherMachines)
}

/// Determines when a stuck lock may be cleared. The holder of a lock updates it at every heartbeat. A lock may
/// therefore be cleared only if it has not been updated for longer than that. The evidence is its modification time,
/// its change time, or the result of watching it.
fn clearance_if_stuck(lock: &ObservedLock, context: &LockContext<'_>) -> Clearance {
    let more_than_heartbeat = TimeDelta::seconds(HEARTBEAT + 1);
    let age = context.now - lock.info.modified;
    let is_unchanged =
        age >= more_than_heartbeat || context.now - lock.info.changed >= more_than_heartbeat;
    let was_watched = lock
        .watch
        .is_some_and(|watch| watch.seconds > HEARTBEAT);

    let may_be_clock_of_other_machine =
        is_shared_with_machines(lock) && age.num_seconds().abs() < SHARED_CLOCK_TOLERANCE;
    if may_be_clock_of_other_machine {
        Clearance::Denied
    } else if is_unchanged || was_watched {
        Clearance::Granted
    } else {
        Clearance::AfterWatching(HEARTBEAT + 1)
    }
}

/// Determines the verdict on an empty directory with a timestamp in the past.
fn judge_by_age(
    age: TimeDelta,
    stale_after: i64,
    stale_reason: String,
    running_clients: &RunningClients,
) -> Judgement {
    let seconds = age.num_seconds().max(0);
    if seconds >= stale_after {
        return Stale
            .because(stale_reason)
            .with_clearance(Clearance::Granted);
    }

    let reason = format!(
        "The lock is {seconds} s old. Claude Code treats a lock as in use until it is {stale_after} s old."
    );
    if !running_clients.is_empty() {
        return Held.because(format!("{reason} {}", running_claude(running_clients)));
    }
    let seconds_to_watch = stale_after - seconds + 1;
    CannotTell
        .because(format!("{reason} No running session was found."))
        .with_clearance(if seconds_to_watch <= MAX_WATCH {
            Clearance::AfterWatching(seconds_to_watch)
        } else {
            Clearance::Denied
        })
}

/// Explains why a lock must not be cleared while Claude Code is running.
fn reason_to_keep(running_clients: &RunningClients) -> String {
    let running = running_claude(running_clients);
    if running_clients.live.is_empty() {
        format!("Not cleared: {running}")
    } else {
        format!("Not cleared: {running} Quit Claude Code first.")
    }
}

/// Describes the running Claude Code processes.
fn running_claude(running_clients: &RunningClients) -> String {
    let RunningClients { live, uncertain } = running_clients;
    if live.is_empty() {
        format!(
            "Claude Code may still be running ({}). If it is not, delete the file with that PID in the sessions directory.",
            format_pids(uncertain)
        )
    } else {
        format!("Claude Code is running ({}).", format_pids(live))
    }
}

/// Formats PIDs as "PID 20763" or "PID 1, 2, 3, …".
fn format_pids(pids: &[u32]) -> String {
    /// The maximum number of PIDs to list. A longer list would not help the user.
    const MAX_PIDS: usize = 3;

    let shown: Vec<String> = pids
        .iter()
        .take(MAX_PIDS)
        .map(u32::to_string)
        .collect();
    let more = if pids.len() > MAX_PIDS { ", …" } else { "" };
    format!("PID {}{more}", shown.join(", "))
}

/// Determines the verdict on a lock from the process that it identifies. Returns `None` if there is none.
fn judge_by_holder(lock: &ObservedLock) -> Option<Judgement> {
    let holder = lock.holder.as_ref()?;
    let liveness = holder
        .claim
        .liveness(&holder.process, lock.info.modified, &lock.pid_domain);
    Some(match liveness {
        Liveness::Running => Held.because(format!(
            "Claude Code is using this lock (PID {}).",
            holder.claim.pid
        )),
        Liveness::Unclear(reason) => CannotTell.because(reason),
        Liveness::Gone(reason) => Stale
            .because(reason)
            .with_clearance(Clearance::Granted),
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::LazyLock;

    use super::*;
    use crate::claude::processes::{PidDomain, Process};
    use crate::claude::sessions::Claim;
    use crate::environment::{Environment, Paths};
    use crate::locks::known_locks::{KNOWN_LOCKS, KnownLock};
    use crate::locks::observation::{Holder, LockLocation, Watch};

    const PID: u32 = 4711;

    fn now() -> DateTime<Utc> {
        "2026-11-20T06:30:00Z".parse().unwrap()
    }

    fn row(pattern: &str) -> &'static KnownLock {
        KNOWN_LOCKS
            .iter()
            .find(|row| row.pattern == pattern)
            .expect(pattern)
    }

    /// Returns a lock that belongs to the user, was updated `age` seconds ago, and does not identify a process.
    fn lock(pattern: &str, shape: EntryKind, age: i64) -> ObservedLock {
        ObservedLock {
            location: LockLocation {
                known: row(pattern),
                root: PathBuf::new(),
                below: PathBuf::new(),
            },
            info: EntryInfo {
                identity: (0, 0),
                kind: shape,
                is_owned: true,
                modified: now() - TimeDelta::seconds(age),
                changed: now() - TimeDelta::seconds(age.max(0)),
            },
            holder: None,
            pid_domain: PidDomain::default(),
            watch: None,
        }
    }

    /// Returns a lock file that names [`PID`], and the process that has this PID.
    fn claimed(pattern: &str, process: Process) -> ObservedLock {
        ObservedLock {
            holder: Claim::parse(PID.to_string().as_bytes()).map(|claim| Holder { claim, process }),
            ..lock(pattern, EntryKind::File, 100)
        }
    }

    fn client() -> Process {
        Process {
            alive: Some(true),
            is_claude: Some(true),
            started_at: Some(now() - TimeDelta::seconds(200)),
            name: Some("claude".to_owned()),
            ..Process::gone(PID)
        }
    }

    fn alone() -> LockContext<'static> {
        static PATHS: LazyLock<Paths> = LazyLock::new(|| Paths::of(&Environment::new([], now())));
        LockContext {
            now: now(),
            running_clients: RunningClients::default(),
            sessions: Vec::new(),
            paths: &PATHS,
        }
    }

    fn with_session() -> LockContext<'static> {
        LockContext {
            running_clients: RunningClients {
                live: vec![PID],
                uncertain: vec![],
            },
            ..alone()
        }
    }

    fn outcome(facts: &ObservedLock, context: &LockContext<'_>) -> (LockVerdict, Clearance) {
        let judgement = judge(facts, context);
        assert!(
            judgement.reason.ends_with('.'),
            "not a sentence: {}",
            judgement.reason
        );
        (judgement.verdict, judgement.clearance)
    }

    use Clearance::{AfterWatching, Denied, Granted};
    use EntryKind::{EmptyDirectory, File, FullDirectory, Link, Other};

    fn directory_rows() -> impl Iterator<Item = &'static KnownLock> {
        KNOWN_LOCKS
            .iter()
            .filter(|row| row.kind == LockKind::Directory)
    }

    #[test]
    fn directory_locks_are_judged_correctly_in_every_state_without_a_session() {
        for row in directory_rows() {
            let Some(stale_after) = row.stale_after else {
                unreachable!()
            };
            let at = |shape, age| outcome(&lock(&row.pattern, shape, age), &alone());
            let pattern = &row.pattern;
            assert_eq!(
                at(EmptyDirectory, stale_after),
                (Stale, Granted),
                "{pattern}"
            );
            assert_eq!(at(EmptyDirectory, 86_400), (Stale, Granted), "{pattern}");
            assert_eq!(
                at(EmptyDirectory, stale_after - 1),
                (CannotTell, AfterWatching(2)),
                "{pattern}"
            );
            assert_eq!(
                at(EmptyDirectory, -3600),
                (Stuck, AfterWatching(6)),
                "{pattern}"
            );
            assert_eq!(at(File, 86_400), (Stuck, Granted), "{pattern}");
            assert_eq!(at(FullDirectory, 86_400), (Stuck, Granted), "{pattern}");
            assert_eq!(at(FullDirectory, 1), (Stuck, AfterWatching(6)), "{pattern}");
            assert_eq!(at(Link, 86_400), (NotOurs, Denied), "{pattern}");
            assert_eq!(at(Other, 86_400), (CannotTell, Denied), "{pattern}");
        }
    }

    #[test]
    fn locks_of_the_state_file_and_the_login_stay_while_a_session_runs() {
        let guarded: Vec<&KnownLock> = directory_rows()
            .filter(|row| row.stays_with_live_session)
            .collect();
        assert_eq!(
            guarded.len(),
            3,
            "the state file, and two locks of the login"
        );
        for row in guarded {
            for (shape, age, verdict) in [
                (EmptyDirectory, 86_400, Stale),
                (EmptyDirectory, -3600, Stuck),
                (EmptyDirectory, 1, Held),
                (File, 86_400, Stuck),
                (FullDirectory, 86_400, Stuck),
            ] {
                let facts = lock(&row.pattern, shape, age);
                assert_eq!(
                    outcome(&facts, &with_session()),
                    (verdict, Denied),
                    "{} {shape:?}",
                    row.pattern
                );
            }
        }
    }

    #[test]
    fn a_session_that_may_run_protects_locks_like_one_that_runs() {
        let context = LockContext {
            running_clients: RunningClients {
                live: vec![],
                uncertain: vec![9],
            },
            ..alone()
        };
        let judgement = judge(&lock(".claude.json.lock", EmptyDirectory, 86_400), &context);
        assert_eq!(judgement.clearance, Denied);
        assert!(
            judgement.reason.contains("may still be running"),
            "{}",
            judgement.reason
        );
    }

    #[test]
    fn a_lock_that_protects_nothing_important_is_cleared_even_while_a_session_runs() {
        let facts = lock("history.jsonl.lock", EmptyDirectory, 86_400);
        assert_eq!(outcome(&facts, &with_session()), (Stale, Granted));
    }

    #[test]
    fn a_login_lock_that_needs_too_long_an_observation_is_kept() {
        let facts = lock(".oauth_refresh.lock", EmptyDirectory, 20);
        assert_eq!(outcome(&facts, &alone()), (CannotTell, Denied));
    }

    #[test]
    fn a_date_within_the_last_hour_proves_nothing_if_several_machines_write() {
        let of = |shape, age| {
            let mut facts = lock("history.jsonl.lock", shape, age);
            facts.pid_domain.invisible =
                Some(crate::claude::processes::InvisibleProcesses::OnOtherMachines);
            outcome(&facts, &alone())
        };
        assert_eq!(of(EmptyDirectory, 30), (CannotTell, Denied));
        assert_eq!(of(EmptyDirectory, 7200), (Stale, Granted));
        assert_eq!(of(EmptyDirectory, -30), (Stuck, Denied));
        assert_eq!(of(EmptyDirectory, -7200), (Stuck, AfterWatching(6)));
    }

    #[test]
    fn a_lock_that_is_updated_while_watched_is_held_and_another_is_stuck() {
        let watched = |was_updated| ObservedLock {
            watch: Some(Watch {
                seconds: 6,
                was_updated,
            }),
            ..lock(".claude.json.lock", EmptyDirectory, -3600)
        };
        assert_eq!(outcome(&watched(true), &alone()), (Held, Denied));
        assert_eq!(outcome(&watched(false), &alone()), (Stuck, Granted));
    }

    #[test]
    fn watching_for_less_than_a_heartbeat_proves_nothing() {
        let facts = ObservedLock {
            watch: Some(Watch {
                seconds: 5,
                was_updated: false,
            }),
            ..lock(".claude.json.lock", EmptyDirectory, -3600)
        };
        assert_eq!(outcome(&facts, &alone()), (Stuck, AfterWatching(6)));
    }

    #[test]
    fn a_future_date_that_was_set_long_ago_needs_no_watching() {
        let mut facts = lock(".claude.json.lock", EmptyDirectory, -3600);
        facts.info.changed = now() - TimeDelta::seconds(60);
        assert_eq!(outcome(&facts, &alone()), (Stuck, Granted));
    }

    #[test]
    fn a_clock_that_is_a_few_seconds_slow_makes_no_lock_stuck() {
        let facts = lock(".claude.json.lock", EmptyDirectory, -3);
        assert_eq!(outcome(&facts, &alone()), (CannotTell, AfterWatching(11)));
        assert_eq!(outcome(&facts, &with_session()), (Held, Denied));
    }

    #[test]
    fn another_users_lock_is_left_alone() {
        for row in KNOWN_LOCKS
            .iter()
            .filter(|row| row.kind != LockKind::Marker)
        {
            let mut facts = lock(&row.pattern, EmptyDirectory, 86_400);
            facts.info.is_owned = false;
            assert_eq!(
                outcome(&facts, &alone()),
                (NotOurs, Denied),
                "{}",
                row.pattern
            );
        }
    }

    #[test]
    fn files_that_name_a_process_are_judged_correctly_in_every_state() {
        let rows = KNOWN_LOCKS
            .iter()
            .filter(|row| matches!(row.kind, LockKind::ProcessFile | LockKind::SessionRegistry));
        for row in rows {
            let of = |process| outcome(&claimed(&row.pattern, process), &alone());
            let pattern = &row.pattern;
            assert_eq!(of(client()), (Held, Denied), "{pattern}");
            assert_eq!(of(Process::gone(PID)), (Stale, Granted), "{pattern}");
            let later = Process {
                started_at: Some(now()),
                ..client()
            };
            let by_ticks = Process {
                start_ticks: Some(1),
                ..later.clone()
            };
            assert_eq!(of(later), (Stale, Granted), "reused number, {pattern}");
            assert_eq!(
                of(by_ticks),
                (CannotTell, Denied),
                "the machine was paused, {pattern}"
            );
            let sleep = Process {
                is_claude: Some(false),
                ..client()
            };
            assert_eq!(of(sleep), (Stale, Granted), "another program, {pattern}");
            let node = Process {
                is_claude: None,
                ..client()
            };
            assert_eq!(
                of(node),
                (CannotTell, Denied),
                "perhaps a wrapper, {pattern}"
            );
            let unknown = Process {
                alive: None,
                is_claude: None,
                ..client()
            };
            assert_eq!(
                of(unknown),
                (CannotTell, Denied),
                "system without a process table, {pattern}"
            );
            let empty = lock(pattern, File, 86_400);
            assert_eq!(
                outcome(&empty, &alone()),
                (CannotTell, Denied),
                "names nobody, {pattern}"
            );
            assert_eq!(
                outcome(&lock(pattern, Link, 86_400), &alone()),
                (NotOurs, Denied),
                "{pattern}"
            );
        }
    }

    #[test]
    fn only_version_locks_may_be_directories_of_older_versions() {
        for row in KNOWN_LOCKS
            .iter()
            .filter(|row| matches!(row.kind, LockKind::ProcessFile))
        {
            let old = outcome(&lock(&row.pattern, EmptyDirectory, 86_400), &alone());
            if row.pattern == "locks/*.lock" {
                assert_eq!(old, (Stale, Granted));
            } else {
                assert_eq!(old, (CannotTell, Denied), "{}", row.pattern);
            }
        }
    }

    #[test]
    fn markers_are_harmless_and_git_locks_are_left_to_git() {
        assert_eq!(
            outcome(&lock("tasks/*/.lock", File, 86_400), &alone()),
            (Harmless, Denied)
        );
        let git = lock("plugins/marketplaces/*/.git/*.lock", File, 86_400);
        assert_eq!(outcome(&git, &alone()), (NotOurs, Denied));
    }

    #[test]
    fn a_login_lock_with_an_owner_file_is_judged_by_its_owner() {
        let of = |process, age| {
            let mut facts = claimed(".oauth_refresh.lock", process);
            facts.info.kind = EmptyDirectory;
            facts.info.modified = now() - TimeDelta::seconds(age);
            outcome(&facts, &alone())
        };
        assert_eq!(of(client(), 20), (Held, Denied));
        assert_eq!(of(Process::gone(PID), 20), (Stale, Granted));
        // The next holder may not have written its owner file yet.
        assert_eq!(of(Process::gone(PID), 2), (CannotTell, AfterWatching(5)));
        let unknown = Process {
            alive: None,
            ..client()
        };
        assert_eq!(of(unknown, 86_400), (CannotTell, Denied));
    }

    proptest::proptest! {
        /// Tests random combinations of facts. A lock that may be in use must never be cleared.
        #[test]
        fn nothing_that_could_be_in_use_is_ever_cleared(
            index in 0..KNOWN_LOCKS.len(),
            shape in 0..5usize,
            age in -100_000_i64..100_000,
            changed in -100_000_i64..100_000,
            is_owned: bool,
            was_updated: bool,
            seconds in 0..20_i64,
            watched: bool,
            named: bool,
            alive: Option<bool>,
            is_claude: Option<bool>,
            started in proptest::option::of(-1000_i64..1000),
            session: bool,
        ) {
            let process = Process {
                alive,
                is_claude,
                started_at: started.map(|ago| now() - TimeDelta::seconds(ago)),
                ..client()
            };
            let row = &KNOWN_LOCKS[index];
            let info = EntryInfo {
                kind: [EmptyDirectory, FullDirectory, File, Link, Other][shape],
                is_owned,
                changed: now() - TimeDelta::seconds(changed),
                modified: now() - TimeDelta::seconds(age),
                ..lock(&row.pattern, File, 0).info
            };
            let claim = Claim::parse(PID.to_string().as_bytes()).unwrap();
            let facts = ObservedLock {
                info,
                watch: watched.then_some(Watch { seconds, was_updated }),
                holder: named.then_some(Holder {
                    claim,
                    process: process.clone(),
                }),
                ..lock(&row.pattern, File, 0)
            };
            let context = if session { with_session() } else { alone() };
            let judgement = judge(&facts, &context);
            if judgement.clearance == Granted {
                assert!(matches!(judgement.verdict, Stale | Stuck), "{judgement:?}");
                assert!(is_owned && !(watched && was_updated) && !matches!(facts.info.kind, Link | Other));
                assert!(!matches!(row.kind, LockKind::Marker | LockKind::Foreign));
                assert!(!(session && row.stays_with_live_session));
                if named {
                    let older = process.started_at.is_none_or(|started| started <= facts.info.modified);
                    assert!(!(alive == Some(true) && is_claude == Some(true) && older), "{facts:?}");
                    assert!(alive.is_some(), "{facts:?}");
                } else {
                    assert!(row.kind == LockKind::Directory || facts.info.kind != File);
                    let fresh = (0..6).contains(&age) || age < 0;
                    let quiet = changed >= 6 || (watched && seconds >= 6);
                    assert!(!fresh || quiet, "{facts:?}");
                }
            }
        }
    }
}
