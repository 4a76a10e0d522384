//! Runs races between clearing stale locks and taking them over. One thread clears the locks while another acquires
//! them the way Claude Code does, without any synchronization. Afterward, all locks that were acquired must still be
//! held.
//!
//! By default, this is a short test like any other. `WHYCAP_RACES=100000 cargo test --release --lib lock_races --
//! --nocapture` runs that many races in `TMPDIR` and reports how many of them were close.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "it plays Claude Code, by the machine's clock, and says how close the races were"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use std::cell::Cell;

use super::*;
use crate::environment::HOME;

/// The number of locks that are cleared at the same time.
const AT_ONCE: usize = 40;

/// The outcome of all races in a run.
#[derive(Debug, Default)]
struct Outcome {
    races: usize,
    /// The number of locks that were taken over before they could be cleared.
    taken_first: usize,
    /// The number of locks that had to be put back, because another thread took them over while they were being moved.
    put_back: usize,
    lost: Vec<PathBuf>,
}

fn paths_in(home: &Path) -> (Paths, Environment) {
    let variables = [(HOME.into(), home.as_os_str().to_owned())];
    let environment = Environment::new(variables, SystemTime::now().into());
    let mut paths = Paths::of(&environment);
    paths.data = home.join("data");
    (paths, environment)
}

/// Acquires a lock the way Claude Code's lock package does, by removing the stale lock and creating a new one.
fn take(lock: &Path) -> Option<SystemTime> {
    let _ = fs::remove_file(lock);
    let _ = fs::remove_dir(lock);
    fs::create_dir(lock).ok()?;
    // The modification time distinguishes the new lock from the old one, because both may have the same inode.
    fs::metadata(lock)
        .and_then(|metadata| metadata.modified())
        .ok()
}

/// Clears many stale locks while another thread takes them over.
fn race(
    home: &Path,
    kinds: usize,
    [delay, pace]: [Duration; 2],
    outcome: &mut Outcome,
) -> Duration {
    let old = SystemTime::now() - Duration::from_secs(600);
    let locks: Vec<PathBuf> = (0..AT_ONCE)
        .map(|number| home.join(format!(".claude/tasks/{number:02}/.lock.lock")))
        .collect();
    for (number, lock) in locks.iter().enumerate() {
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        let _ = fs::remove_dir(lock);
        // Claude Code never removes a lock that is a file. When whycap clears such a lock, it moves it to quarantine.
        match number % kinds {
            0 => fs::create_dir(lock).unwrap(),
            _ => fs::write(lock, "").unwrap(),
        }
        crate::testing::set_date(lock, old);
    }
    let (paths, environment) = paths_in(home);
    let start = Barrier::new(2);
    let cleared_in = Mutex::new(Duration::ZERO);
    let taken = thread::scope(|scope| {
        let clearing = scope.spawn(|| {
            start.wait();
            let began = Instant::now();
            let clearing = Clearing {
                paths: &paths,
                environment: &environment,
                project: None,
                dry_run: false,
                wait: &|_| (),
                waited: Cell::default(),
            };
            let done = clearing.run(&|_| ());
            *cleared_in.lock().unwrap() = began.elapsed();
            done.unwrap()
        });
        start.wait();
        let began = Instant::now();
        let mut taken = Vec::new();
        for (number, lock) in locks.iter().enumerate() {
            let at = pace.mul_f64(number as f64 / AT_ONCE as f64) + delay;
            while began.elapsed() < at {
                std::hint::spin_loop();
            }
            if let Some(date) = take(lock) {
                taken.push((lock, date));
            }
        }
        for lock in clearing.join().unwrap() {
            outcome.taken_first += usize::from(lock.action == LockAction::Kept);
            outcome.put_back += usize::from(
                lock.judgement
                    .reason
                    .contains("another process took the lock"),
            );
        }
        taken
    });
    outcome.races += locks.len();
    for (lock, date) in taken {
        let modified = fs::metadata(lock).and_then(|metadata| metadata.modified());
        if modified.ok() != Some(date) {
            outcome.lost.push(lock.clone());
        }
    }
    cleared_in.into_inner().unwrap()
}

#[test]
fn a_lock_taken_over_during_clearing_is_still_held() {
    let requested = std::env::var("WHYCAP_RACES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(400);
    let home = tempfile::tempdir().unwrap();
    let mut outcome = Outcome::default();
    let mut usual = Duration::from_millis(20);
    for round in 0_u32.. {
        if outcome.races >= requested {
            break;
        }
        // The delay varies so that most locks are taken over while they are being cleared.
        let delay = usual.mul_f64(f64::from(round % 11) / 11.0);
        let pace = usual.mul_f64(f64::from(round % 7) / 7.0);
        let kinds = 1 + usize::from(round % 2 == 1);
        let took = race(home.path(), kinds, [delay, pace], &mut outcome);
        usual = (usual * 7 + took) / 8;
        let quarantine = home.path().join("data/quarantine");
        let _ = fs::remove_dir_all(quarantine);
    }
    let Outcome {
        races,
        taken_first,
        put_back,
        ..
    } = outcome;
    println!(
        "{races} races, {taken_first} taken first, {put_back} in the last instant, {} lost",
        outcome.lost.len()
    );
    assert!(outcome.lost.is_empty(), "{:?}", outcome.lost);
}
