//! What a lock is now, from the facts alone. Pure: no file, no clock, no process is looked at here.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::known_locks::{HEARTBEAT, LockKind};
use super::survey::{FoundLock, Surroundings};
use crate::claude::processes::Unseen;
use crate::claude::sessions::{Liveness, Presence};
use crate::disk::{EntryShape, EntrySighting};
use crate::time::in_words;
use LockVerdict::{CannotTell, Harmless, Held, NotOurs, Stale, Stuck};

/// What a lock turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LockVerdict {
    /// Left over, and it never heals by itself.
    Stuck,
    /// Left over; Claude Code gets along with it, or will by itself.
    Stale,
    /// The evidence does not suffice.
    CannotTell,
    /// Somebody holds it.
    Held,
    /// Somebody else's business.
    NotOurs,
    /// Belongs there and does nothing.
    Harmless,
}

/// Whether it may be cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clearance {
    /// An empty directory is removed, anything else set aside, from where it can be brought back.
    Granted,
    /// It depends on whether anybody touches it in so many seconds.
    AfterWatching(i64),
    Denied,
}

/// Verdict, reason and consequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LockJudgement {
    pub(super) verdict: LockVerdict,
    /// A sentence or two.
    pub(super) why: String,
    pub(super) clearance: Clearance,
}

impl LockVerdict {
    /// A judgement that leaves the lock where it is.
    fn because(self, why: impl Into<String>) -> LockJudgement {
        LockJudgement {
            verdict: self,
            why: why.into(),
            clearance: Clearance::Denied,
        }
    }
}

impl LockJudgement {
    fn with(self, clearance: Clearance) -> Self {
        Self { clearance, ..self }
    }
}

/// File systems and clocks may disagree by this much without anything being wrong.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// Where several machines write, each sets dates by its own clock, and learns late of the others'.
const CLOCKS_DIFFER: i64 = 3600;

/// Longer than this nobody should have to wait for us.
const LONGEST_WATCH: i64 = 12;

const NAMES_NOBODY: &str = "It names no process, so nothing shows whether somebody holds it.";

/// Judges one lock.
pub(super) fn judge(lock: &FoundLock, around: &Surroundings<'_>) -> LockJudgement {
    match (lock.at.known.kind, lock.seen.shape) {
        (LockKind::Foreign, _) => NotOurs.because(format!("It belongs to {}.", lock.at.known.owner)),
        (_, EntryShape::Link) => NotOurs.because(
            "It is a symbolic link, which Claude Code never makes here. Look where it leads and remove the link yourself.",
        ),
        (_, EntryShape::Other) => CannotTell.because("It is neither a file nor a directory."),
        (LockKind::Marker, _) => Harmless.because("It stays here by design and holds nothing."),
        _ if !lock.seen.ours => NotOurs.because("It belongs to another user of this machine."),
        _ if lock.watch.is_some_and(|watch| watch.moved) => {
            Held.because("It was touched while we watched: somebody uses it.")
        }
        (LockKind::ProcessFile | LockKind::SessionRegistry, EntryShape::File) => {
            by_holder(lock).unwrap_or_else(|| CannotTell.because(NAMES_NOBODY))
        }
        _ => match lock.at.known.stale_after {
            Some(stale_after) => directory(lock, stale_after, around),
            None => CannotTell.because(
                "It is a directory where a file belongs; no version of Claude Code that we know makes one.",
            ),
        },
    }
}

/// Why a lock is stuck whatever happens, or None.
pub(super) fn never_heals(seen: &EntrySighting, now: DateTime<Utc>) -> Option<String> {
    match seen.shape {
        EntryShape::File => Some(
            "It is a file where Claude Code makes a directory; Claude Code cannot remove it."
                .to_owned(),
        ),
        EntryShape::FullDirectory => {
            Some("The directory is not empty, so Claude Code cannot remove it.".to_owned())
        }
        EntryShape::EmptyDirectory if seen.modified > now + CLOCK_TOLERANCE => Some(format!(
            "Its date is {} in the future; until then Claude Code thinks that it is held.",
            in_words(seen.modified - now)
        )),
        _ => None,
    }
}

fn directory(lock: &FoundLock, stale_after: i64, around: &Surroundings<'_>) -> LockJudgement {
    let stale_after = match lock.pid_domain.unseen {
        Some(Unseen::OnOtherMachines) => stale_after.max(CLOCKS_DIFFER),
        _ => stale_after,
    };
    let age = around.now - lock.seen.modified;
    let quiet = in_words(age);
    let (stale_after, why_stale) = match by_holder(lock) {
        // The file may be an earlier holder's, and a new one not yet written: so the date must at
        // least be older than a heartbeat.
        Some(gone) if gone.verdict == Stale => (HEARTBEAT + 1, gone.why),
        Some(judgement) => return judgement,
        None => {
            let why =
                format!("Nobody has touched it for {quiet}; a holder does so every {HEARTBEAT} s.");
            (stale_after, why)
        }
    };
    let judgement = match never_heals(&lock.seen, around.now) {
        Some(why) => Stuck.because(why).with(clearance_of_stuck(lock, around)),
        None => aging(age, stale_after, why_stale, &around.present),
    };
    // Some locks stay as long as a session runs.
    let is_dead = matches!(judgement.verdict, Stuck | Stale);
    if is_dead && lock.at.known.stays_with_live_session && !around.present.is_empty() {
        let (why, running) = (judgement.why, running(&around.present));
        let why = format!("{why} {running} It stays until that has ended.");
        return judgement.verdict.because(why);
    }
    judgement
}

fn clearance_of_stuck(lock: &FoundLock, around: &Surroundings<'_>) -> Clearance {
    // A holder would have set the date within one heartbeat. An old date shows that as well as
    // watching does, except a date in the future, which shows nothing.
    let age = around.now - lock.seen.modified;
    let quiet = TimeDelta::seconds(HEARTBEAT + 1);
    let is_watched = lock.watch.is_some_and(|watch| watch.seconds > HEARTBEAT);
    let settled = age >= quiet || around.now - lock.seen.changed >= quiet || is_watched;
    let is_of_some_clock = lock.pid_domain.unseen == Some(Unseen::OnOtherMachines)
        && age.abs() < TimeDelta::seconds(CLOCKS_DIFFER);
    match settled {
        _ if is_of_some_clock => Clearance::Denied,
        true => Clearance::Granted,
        false => Clearance::AfterWatching(HEARTBEAT + 1),
    }
}

/// An empty directory with a date in the past: in use, or left over, by its age in seconds.
fn aging(age: TimeDelta, stale_after: i64, stale: String, present: &Presence) -> LockJudgement {
    let seconds = age.num_seconds().max(0);
    if seconds >= stale_after {
        return Stale.because(stale).with(Clearance::Granted);
    }
    if !present.is_empty() {
        return Held.because(format!(
            "It is {seconds} s old, and Claude Code counts it as held up to {stale_after} s. {}",
            running(present)
        ));
    }
    let why = format!(
        "It is {seconds} s old; up to {stale_after} s it may be in use, although no session is known to run."
    );
    let clearance = match stale_after - seconds + 1 {
        wait @ ..=LONGEST_WATCH => Clearance::AfterWatching(wait),
        _ => Clearance::Denied,
    };
    CannotTell.because(why).with(clearance)
}

fn running(present: &Presence) -> String {
    let Presence { live, uncertain } = present;
    let pids = if live.is_empty() { uncertain } else { live };
    let shown: Vec<String> = pids.iter().take(3).map(u32::to_string).collect();
    let more = if pids.len() > 3 { ", …" } else { "" };
    let pids = shown.join(", ") + more;
    if live.is_empty() {
        format!(
            "Whether Claude Code runs as process {pids} cannot be told; if it does not, delete that file in sessions/."
        )
    } else {
        format!("Claude Code is running (process {pids}).")
    }
}

/// By the process that the lock names; None if it names none.
fn by_holder(lock: &FoundLock) -> Option<LockJudgement> {
    let (claim, process) = lock.holder.as_ref()?;
    let liveness = claim.liveness(process, lock.seen.modified, &lock.pid_domain);
    Some(match liveness {
        Liveness::Holds => Held.because(format!("Claude Code holds it (process {}).", claim.pid)),
        Liveness::Unclear(why) => CannotTell.because(why),
        Liveness::Gone(why) => Stale.because(why).with(Clearance::Granted),
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::LazyLock;

    use super::*;
    use crate::claude::processes::{PidDomain, Process};
    use crate::claude::sessions::Claim;
    use crate::environment::Environment;
    use crate::locks::known_locks::{KNOWN_LOCKS, KnownLock};
    use crate::locks::survey::{LockPlace, Watch};
    use crate::places::Places;

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

    /// A lock of ours whose date lies `age` seconds back and which nobody named.
    fn lock(pattern: &str, shape: EntryShape, age: i64) -> FoundLock {
        FoundLock {
            at: LockPlace {
                known: row(pattern),
                root: PathBuf::new(),
                below: PathBuf::new(),
            },
            seen: EntrySighting {
                identity: (0, 0),
                shape,
                ours: true,
                modified: now() - TimeDelta::seconds(age),
                changed: now() - TimeDelta::seconds(age.max(0)),
            },
            holder: None,
            pid_domain: PidDomain::default(),
            watch: None,
        }
    }

    /// A file that names [`PID`], with what was seen of that process.
    fn claimed(pattern: &str, process: Process) -> FoundLock {
        FoundLock {
            holder: Claim::parse(PID.to_string().as_bytes()).map(|claim| (claim, process)),
            ..lock(pattern, EntryShape::File, 100)
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

    fn alone() -> Surroundings<'static> {
        static PLACES: LazyLock<Places> =
            LazyLock::new(|| Places::of(&Environment::new([], now())));
        Surroundings {
            now: now(),
            present: Presence::default(),
            sessions: Vec::new(),
            places: &PLACES,
        }
    }

    fn with_session() -> Surroundings<'static> {
        Surroundings {
            present: Presence {
                live: vec![PID],
                uncertain: vec![],
            },
            ..alone()
        }
    }

    fn outcome(facts: &FoundLock, around: &Surroundings<'_>) -> (LockVerdict, Clearance) {
        let judgement = judge(facts, around);
        assert!(
            judgement.why.ends_with('.'),
            "a sentence: {}",
            judgement.why
        );
        (judgement.verdict, judgement.clearance)
    }

    use Clearance::{AfterWatching, Denied, Granted};
    use EntryShape::{EmptyDirectory, File, FullDirectory, Link, Other};

    fn directory_rows() -> impl Iterator<Item = &'static KnownLock> {
        KNOWN_LOCKS
            .iter()
            .filter(|row| row.kind == LockKind::Directory)
    }

    #[test]
    fn every_directory_lock_in_every_state_with_no_session_about() {
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
    fn with_a_live_session_the_state_file_and_the_login_keep_their_locks_whatever_their_state() {
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
    fn a_session_that_cannot_be_judged_protects_like_a_live_one() {
        let around = Surroundings {
            present: Presence {
                live: vec![],
                uncertain: vec![9],
            },
            ..alone()
        };
        let judgement = judge(&lock(".claude.json.lock", EmptyDirectory, 86_400), &around);
        assert_eq!(judgement.clearance, Denied);
        assert!(
            judgement.why.contains("cannot be told"),
            "{}",
            judgement.why
        );
    }

    #[test]
    fn a_lock_that_nobody_could_corrupt_is_cleared_even_while_a_session_runs() {
        let facts = lock("history.jsonl.lock", EmptyDirectory, 86_400);
        assert_eq!(outcome(&facts, &with_session()), (Stale, Granted));
    }

    #[test]
    fn a_login_lock_that_is_too_young_to_wait_for_stays() {
        let facts = lock(".oauth_refresh.lock", EmptyDirectory, 20);
        assert_eq!(outcome(&facts, &alone()), (CannotTell, Denied));
    }

    #[test]
    fn where_several_machines_write_a_date_of_the_last_hour_proves_nothing() {
        let of = |shape, age| {
            let mut facts = lock("history.jsonl.lock", shape, age);
            facts.pid_domain.unseen = Some(crate::claude::processes::Unseen::OnOtherMachines);
            outcome(&facts, &alone())
        };
        assert_eq!(of(EmptyDirectory, 30), (CannotTell, Denied));
        assert_eq!(of(EmptyDirectory, 7200), (Stale, Granted));
        assert_eq!(of(EmptyDirectory, -30), (Stuck, Denied));
        assert_eq!(of(EmptyDirectory, -7200), (Stuck, AfterWatching(6)));
    }

    #[test]
    fn a_lock_that_moved_while_watched_is_held_and_one_that_did_not_is_dead() {
        let watched = |moved| FoundLock {
            watch: Some(Watch { seconds: 6, moved }),
            ..lock(".claude.json.lock", EmptyDirectory, -3600)
        };
        assert_eq!(outcome(&watched(true), &alone()), (Held, Denied));
        assert_eq!(outcome(&watched(false), &alone()), (Stuck, Granted));
    }

    #[test]
    fn watching_for_less_than_a_heartbeat_shows_nothing() {
        let facts = FoundLock {
            watch: Some(Watch {
                seconds: 5,
                moved: false,
            }),
            ..lock(".claude.json.lock", EmptyDirectory, -3600)
        };
        assert_eq!(outcome(&facts, &alone()), (Stuck, AfterWatching(6)));
    }

    #[test]
    fn a_future_date_that_was_set_long_ago_needs_no_watching() {
        let mut facts = lock(".claude.json.lock", EmptyDirectory, -3600);
        facts.seen.changed = now() - TimeDelta::seconds(60);
        assert_eq!(outcome(&facts, &alone()), (Stuck, Granted));
    }

    #[test]
    fn a_clock_that_is_a_few_seconds_off_makes_no_lock_stuck() {
        let facts = lock(".claude.json.lock", EmptyDirectory, -3);
        assert_eq!(outcome(&facts, &alone()), (CannotTell, AfterWatching(11)));
        assert_eq!(outcome(&facts, &with_session()), (Held, Denied));
    }

    #[test]
    fn another_users_lock_is_not_ours() {
        for row in KNOWN_LOCKS
            .iter()
            .filter(|row| row.kind != LockKind::Marker)
        {
            let mut facts = lock(&row.pattern, EmptyDirectory, 86_400);
            facts.seen.ours = false;
            assert_eq!(
                outcome(&facts, &alone()),
                (NotOurs, Denied),
                "{}",
                row.pattern
            );
        }
    }

    #[test]
    fn every_file_that_names_a_process_in_every_state() {
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
            let unseen = Process {
                alive: None,
                is_claude: None,
                ..client()
            };
            assert_eq!(
                of(unseen),
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
    fn only_version_locks_may_be_directories_as_older_clients_made_them() {
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
    fn markers_are_harmless_and_gits_locks_are_gits() {
        assert_eq!(
            outcome(&lock("tasks/*/.lock", File, 86_400), &alone()),
            (Harmless, Denied)
        );
        let git = lock("plugins/marketplaces/*/.git/*.lock", File, 86_400);
        assert_eq!(outcome(&git, &alone()), (NotOurs, Denied));
    }

    #[test]
    fn a_login_lock_whose_owner_is_known_goes_by_the_owner() {
        let of = |process, age| {
            let mut facts = claimed(".oauth_refresh.lock", process);
            facts.seen.shape = EmptyDirectory;
            facts.seen.modified = now() - TimeDelta::seconds(age);
            outcome(&facts, &alone())
        };
        assert_eq!(of(client(), 20), (Held, Denied));
        assert_eq!(of(Process::gone(PID), 20), (Stale, Granted));
        // It may be the next holder's, who has not written his name yet.
        assert_eq!(of(Process::gone(PID), 2), (CannotTell, AfterWatching(5)));
        let unseen = Process {
            alive: None,
            ..client()
        };
        assert_eq!(of(unseen, 86_400), (CannotTell, Denied));
    }

    proptest::proptest! {
        /// Whatever the facts: what could be somebody's is never given up for clearing.
        #[test]
        fn nothing_that_could_be_in_use_is_ever_cleared(
            index in 0..KNOWN_LOCKS.len(),
            shape in 0..5usize,
            age in -100_000_i64..100_000,
            changed in -100_000_i64..100_000,
            ours: bool,
            moved: bool,
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
            let seen = EntrySighting {
                shape: [EmptyDirectory, FullDirectory, File, Link, Other][shape],
                ours,
                changed: now() - TimeDelta::seconds(changed),
                modified: now() - TimeDelta::seconds(age),
                ..lock(&row.pattern, File, 0).seen
            };
            let claim = Claim::parse(PID.to_string().as_bytes()).unwrap();
            let facts = FoundLock {
                seen,
                watch: watched.then_some(Watch { seconds, moved }),
                holder: named.then_some((claim, process.clone())),
                ..lock(&row.pattern, File, 0)
            };
            let around = if session { with_session() } else { alone() };
            let judgement = judge(&facts, &around);
            if judgement.clearance == Granted {
                assert!(matches!(judgement.verdict, Stale | Stuck), "{judgement:?}");
                assert!(ours && !(watched && moved) && !matches!(facts.seen.shape, Link | Other));
                assert!(!matches!(row.kind, LockKind::Marker | LockKind::Foreign));
                assert!(!(session && row.stays_with_live_session));
                if named {
                    let older = process.started_at.is_none_or(|started| started <= facts.seen.modified);
                    assert!(!(alive == Some(true) && is_claude == Some(true) && older), "{facts:?}");
                    assert!(alive.is_some(), "{facts:?}");
                } else {
                    assert!(row.kind == LockKind::Directory || facts.seen.shape != File);
                    let fresh = (0..6).contains(&age) || age < 0;
                    let quiet = changed >= 6 || (watched && seconds >= 6);
                    assert!(!fresh || quiet, "{facts:?}");
                }
            }
        }
    }
}
