use std::fs;

use super::*;
use crate::locks::judgement::Verdict;

/// A home in which `plant` makes locks, found and judged; then `meanwhile` happens; then they
/// are cleared. Gives the outcome of each.
fn race(plant: impl Fn(&Path), meanwhile: impl Fn(&Path)) -> (tempfile::TempDir, Vec<Lock>) {
    let home = tempfile::tempdir().unwrap();
    plant(home.path());
    let variables = [("HOME".into(), home.path().as_os_str().to_owned())];
    let clock = std::time::UNIX_EPOCH.elapsed().unwrap();
    let now = chrono::DateTime::UNIX_EPOCH + TimeDelta::from_std(clock).unwrap();
    let environment = Environment::new(variables, now);
    let mut places = Places::of(&environment);
    places.data = home.path().join("data");
    let clearing = Clearing::new(&places, &environment, None, false);
    let scene = clearing.scene();
    let found = finding::find(&places, None, &scene);
    meanwhile(home.path());
    let outcomes = found
        .iter()
        .map(|found| {
            let judgement = judge(&found.facts, &scene.surroundings);
            assert!(
                matches!(judgement.clearance, Clearance::Granted(_)),
                "{judgement:?}"
            );
            clearing.settle(found, judgement, &scene)
        })
        .collect();
    (home, outcomes)
}

fn old_directory(home: &Path, relative: &str) {
    let path = home.join(relative);
    fs::create_dir_all(&path).unwrap();
    let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(1);
    fs::File::open(path)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
}

const HISTORY: &str = ".claude/history.jsonl.lock";

#[test]
fn a_lock_that_is_refreshed_between_judgement_and_removal_stays() {
    let (home, outcomes) = race(
        |home| old_directory(home, HISTORY),
        |home| {
            let lock = fs::File::open(home.join(HISTORY)).unwrap();
            lock.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(2))
                .unwrap();
        },
    );
    assert_eq!(outcomes[0].action, Action::Kept);
    assert!(home.path().join(HISTORY).exists());
}

#[test]
fn a_lock_that_was_released_in_between_is_no_failure() {
    let (_home, outcomes) = race(
        |home| old_directory(home, HISTORY),
        |home| fs::remove_dir(home.join(HISTORY)).unwrap(),
    );
    assert_eq!(outcomes[0].action, Action::None);
}

#[test]
fn a_lock_that_a_new_process_took_over_in_between_stays() {
    let lock = ".claude/daemon.lock";
    let (home, outcomes) = race(
        |home| {
            fs::create_dir_all(home.join(".claude")).unwrap();
            // Above the highest number that Linux gives out.
            fs::write(home.join(lock), "4194305").unwrap();
        },
        |home| fs::write(home.join(lock), std::process::id().to_string()).unwrap(),
    );
    assert_eq!(outcomes[0].action, Action::Kept);
    assert!(home.path().join(lock).exists());
}

#[test]
fn a_directory_that_was_put_in_the_place_of_a_file_is_not_taken_away() {
    let (home, outcomes) = race(
        |home| {
            fs::create_dir_all(home.join(".claude")).unwrap();
            fs::write(home.join(HISTORY), "x").unwrap();
            let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(1);
            fs::File::open(home.join(HISTORY))
                .unwrap()
                .set_modified(long_ago)
                .unwrap();
        },
        |home| {
            fs::remove_file(home.join(HISTORY)).unwrap();
            fs::create_dir(home.join(HISTORY)).unwrap();
        },
    );
    assert_eq!(
        (outcomes[0].action, outcomes[0].verdict),
        (Action::Kept, Verdict::Stuck)
    );
    assert!(home.path().join(HISTORY).is_dir());
}

#[test]
fn what_was_replaced_in_the_very_last_instant_is_put_back() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".claude")).unwrap();
    fs::write(home.path().join(HISTORY), "judged").unwrap();
    let variables = [("HOME".into(), home.path().as_os_str().to_owned())];
    let environment = Environment::new(variables, chrono::DateTime::UNIX_EPOCH);
    let mut places = Places::of(&environment);
    places.data = home.path().join("data");
    let scene = Scene::look(&places, &environment, environment.now);
    let found = finding::find(&places, None, &scene).remove(0);
    // The judged file lives on elsewhere, so that its inode cannot be given to the new one.
    fs::rename(home.path().join(HISTORY), home.path().join("elsewhere")).unwrap();
    fs::write(home.path().join(HISTORY), "new").unwrap();
    let parent = found.parent().unwrap();
    let outcome = quarantine::put(&places, &found, &parent, "test", environment.now);
    assert!(outcome.unwrap_err().contains("left in place"));
    assert_eq!(fs::read(home.path().join(HISTORY)).unwrap(), b"new");
    assert_eq!(
        fs::read_dir(places.data.join("quarantine"))
            .unwrap()
            .count(),
        0
    );
}
