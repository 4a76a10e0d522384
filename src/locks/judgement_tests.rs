use super::*;
use crate::locks::catalogue::CATALOGUE;

const PID: u32 = 4711;

fn now() -> DateTime<Utc> {
    "2026-11-20T06:30:00Z".parse().unwrap()
}

fn row(pattern: &str) -> &'static Row {
    CATALOGUE
        .iter()
        .find(|row| row.pattern == pattern)
        .expect(pattern)
}

/// A lock of ours whose date lies `age` seconds back and which nobody named.
fn lock(pattern: &str, shape: Shape, age: i64) -> Facts {
    Facts {
        row: row(pattern),
        shape,
        ours: true,
        modified: now() - TimeDelta::seconds(age),
        changed: now() - TimeDelta::seconds(age.max(0)),
        claim: None,
        process: None,
        port_open: None,
        watch: None,
    }
}

/// A file that names [`PID`], with what was seen of that process.
fn claimed(pattern: &str, process: Process) -> Facts {
    Facts {
        claim: Claim::parse(PID.to_string().as_bytes()),
        process: Some(process),
        ..lock(pattern, Shape::File, 100)
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

fn alone() -> Surroundings {
    Surroundings {
        now: now(),
        present: Presence::default(),
        pid_domain: None,
        wsl: false,
    }
}

fn with_session() -> Surroundings {
    Surroundings {
        present: Presence {
            live: vec![PID],
            uncertain: vec![],
        },
        ..alone()
    }
}

fn outcome(facts: &Facts, around: &Surroundings) -> (Verdict, Clearance) {
    let judgement = judge(facts, around);
    assert!(
        judgement.why.ends_with('.'),
        "a sentence: {}",
        judgement.why
    );
    (judgement.verdict, judgement.clearance)
}

const REMOVE: Clearance = Clearance::Granted(Way::RemoveEmptyDirectory);
const SET_ASIDE: Clearance = Clearance::Granted(Way::Quarantine);
use Clearance::{AfterWatching, Denied};
use Shape::{EmptyDirectory, File, FullDirectory, Link, Other};
use Verdict::{CannotTell, Harmless, Held, NotOurs, Stale, Stuck};

fn directory_rows() -> impl Iterator<Item = &'static Row> {
    CATALOGUE
        .iter()
        .filter(|row| matches!(row.kind, Kind::Directory(_)))
}

#[test]
fn every_directory_lock_in_every_state_with_no_session_about() {
    for row in directory_rows() {
        let Kind::Directory(rhythm) = row.kind else {
            unreachable!()
        };
        let at = |shape, age| outcome(&lock(row.pattern, shape, age), &alone());
        let pattern = row.pattern;
        assert_eq!(
            at(EmptyDirectory, rhythm.stale_after),
            (Stale, REMOVE),
            "{pattern}"
        );
        assert_eq!(at(EmptyDirectory, 86_400), (Stale, REMOVE), "{pattern}");
        assert_eq!(
            at(EmptyDirectory, rhythm.stale_after - 1),
            (CannotTell, AfterWatching(2)),
            "{pattern}"
        );
        assert_eq!(
            at(EmptyDirectory, -3600),
            (Stuck, AfterWatching(6)),
            "{pattern}"
        );
        assert_eq!(at(File, 86_400), (Stuck, SET_ASIDE), "{pattern}");
        assert_eq!(at(FullDirectory, 86_400), (Stuck, SET_ASIDE), "{pattern}");
        assert_eq!(at(FullDirectory, 1), (Stuck, AfterWatching(6)), "{pattern}");
        assert_eq!(at(Link, 86_400), (NotOurs, Denied), "{pattern}");
        assert_eq!(at(Other, 86_400), (CannotTell, Denied), "{pattern}");
    }
}

#[test]
fn with_a_live_session_the_state_file_and_the_login_keep_their_locks_whatever_their_state() {
    let guarded: Vec<&Row> = directory_rows()
        .filter(|row| row.stays_with_live_session)
        .collect();
    assert_eq!(
        guarded.len(),
        6,
        "the state file, and five sorts of login lock"
    );
    for row in guarded {
        for (shape, age, verdict) in [
            (EmptyDirectory, 86_400, Stale),
            (EmptyDirectory, -3600, Stuck),
            (EmptyDirectory, 1, Held),
            (File, 86_400, Stuck),
            (FullDirectory, 86_400, Stuck),
        ] {
            let facts = lock(row.pattern, shape, age);
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
    assert_eq!(outcome(&facts, &with_session()), (Stale, REMOVE));
}

#[test]
fn a_login_lock_that_is_too_young_to_wait_for_stays() {
    let facts = lock(".oauth_refresh.lock", EmptyDirectory, 20);
    assert_eq!(outcome(&facts, &alone()), (CannotTell, Denied));
}

#[test]
fn a_lock_that_moved_while_watched_is_held_and_one_that_did_not_is_dead() {
    let watched = |moved| Facts {
        watch: Some(Watch { seconds: 6, moved }),
        ..lock(".claude.json.lock", EmptyDirectory, -3600)
    };
    assert_eq!(outcome(&watched(true), &alone()), (Held, Denied));
    assert_eq!(outcome(&watched(false), &alone()), (Stuck, REMOVE));
}

#[test]
fn watching_for_less_than_a_heartbeat_shows_nothing() {
    let facts = Facts {
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
    let facts = Facts {
        changed: now() - TimeDelta::seconds(60),
        ..lock(".claude.json.lock", EmptyDirectory, -3600)
    };
    assert_eq!(outcome(&facts, &alone()), (Stuck, REMOVE));
}

#[test]
fn a_clock_that_is_a_few_seconds_off_makes_no_lock_stuck() {
    let facts = lock(".claude.json.lock", EmptyDirectory, -3);
    assert_eq!(outcome(&facts, &alone()), (CannotTell, AfterWatching(11)));
    assert_eq!(outcome(&facts, &with_session()), (Held, Denied));
}

#[test]
fn another_users_lock_is_not_ours() {
    for row in CATALOGUE.iter().filter(|row| row.kind != Kind::Marker) {
        let facts = Facts {
            ours: false,
            ..lock(row.pattern, EmptyDirectory, 86_400)
        };
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
    let rows = CATALOGUE
        .iter()
        .filter(|row| matches!(row.kind, Kind::Process { .. } | Kind::Registry));
    for row in rows {
        let of = |process| outcome(&claimed(row.pattern, process), &alone());
        let pattern = row.pattern;
        assert_eq!(of(client()), (Held, Denied), "{pattern}");
        assert_eq!(of(Process::gone(PID)), (Stale, SET_ASIDE), "{pattern}");
        let later = Process {
            started_at: Some(now()),
            ..client()
        };
        assert_eq!(of(later), (Stale, SET_ASIDE), "reused number, {pattern}");
        let sleep = Process {
            is_claude: Some(false),
            ..client()
        };
        assert_eq!(of(sleep), (Stale, SET_ASIDE), "another program, {pattern}");
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
    for row in CATALOGUE
        .iter()
        .filter(|row| matches!(row.kind, Kind::Process { .. }))
    {
        let old = outcome(&lock(row.pattern, EmptyDirectory, 86_400), &alone());
        if row.pattern == "locks/*.lock" {
            assert_eq!(old, (Stale, REMOVE));
        } else {
            assert_eq!(old, (CannotTell, Denied), "{}", row.pattern);
        }
    }
}

#[test]
fn an_editors_lock_goes_only_if_process_and_port_are_dead_and_this_is_not_wsl() {
    let of = |alive: Option<bool>, port_open, around: &Surroundings| {
        let process = Process { alive, ..client() };
        outcome(
            &Facts {
                port_open,
                ..claimed("ide/*.lock", process)
            },
            around,
        )
    };
    let (dead, lives) = (Some(false), Some(true));
    assert_eq!(of(dead, dead, &alone()), (Stale, SET_ASIDE));
    assert_eq!(of(lives, lives, &alone()), (Held, Denied));
    assert_eq!(of(dead, lives, &alone()), (Held, Denied));
    assert_eq!(of(lives, dead, &alone()), (CannotTell, Denied));
    assert_eq!(of(dead, None, &alone()), (CannotTell, Denied));
    assert_eq!(of(None, dead, &alone()), (CannotTell, Denied));
    let wsl = Surroundings {
        wsl: true,
        ..alone()
    };
    assert_eq!(of(dead, dead, &wsl), (CannotTell, Denied));
    let mut windows = claimed("ide/*.lock", Process::gone(PID));
    windows.port_open = dead;
    if let Some(claim) = &mut windows.claim {
        claim.in_windows = true;
    }
    assert_eq!(outcome(&windows, &alone()), (CannotTell, Denied));
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
        let facts = Facts {
            shape: EmptyDirectory,
            modified: now() - TimeDelta::seconds(age),
            ..claimed(".oauth_refresh.lock", process)
        };
        outcome(&facts, &alone())
    };
    assert_eq!(of(client(), 20), (Held, Denied));
    assert_eq!(of(Process::gone(PID), 20), (Stale, REMOVE));
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
        index in 0..CATALOGUE.len(),
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
        port_open: Option<bool>,
        session: bool,
        wsl: bool,
    ) {
        let process = Process {
            alive,
            is_claude,
            started_at: started.map(|ago| now() - TimeDelta::seconds(ago)),
            ..client()
        };
        let row = &CATALOGUE[index];
        let facts = Facts {
            shape: [EmptyDirectory, FullDirectory, File, Link, Other][shape],
            ours,
            changed: now() - TimeDelta::seconds(changed),
            port_open,
            watch: watched.then_some(Watch { seconds, moved }),
            claim: named.then(|| Claim::parse(PID.to_string().as_bytes()).unwrap()),
            process: named.then_some(process.clone()),
            modified: now() - TimeDelta::seconds(age),
            ..lock(row.pattern, File, 0)
        };
        let around = Surroundings { wsl, ..if session { with_session() } else { alone() } };
        let judgement = judge(&facts, &around);
        if let Clearance::Granted(way) = judgement.clearance {
            assert!(matches!(judgement.verdict, Stale | Stuck), "{judgement:?}");
            assert!(ours && !(watched && moved) && !matches!(facts.shape, Link | Other));
            assert!(!matches!(row.kind, Kind::Marker | Kind::Foreign));
            assert!(!(session && row.stays_with_live_session));
            assert_eq!(way == Way::RemoveEmptyDirectory, facts.shape == EmptyDirectory);
            if matches!(row.kind, Kind::Editor) {
                assert!(alive == Some(false) && port_open == Some(false) && !wsl);
            }
            if named {
                let older = process.started_at.is_none_or(|started| started <= facts.modified);
                assert!(!(alive == Some(true) && is_claude == Some(true) && older), "{facts:?}");
                assert!(alive.is_some(), "{facts:?}");
            } else {
                assert!(matches!(row.kind, Kind::Directory(_)) || facts.shape != File);
                let fresh = (0..6).contains(&age) || age < 0;
                let quiet = changed >= 6 || (watched && seconds >= 6);
                assert!(!fresh || quiet, "{facts:?}");
            }
        }
    }
}
