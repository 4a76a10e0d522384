//! Finding the transcripts that do not look as they did when they were read last.

use std::collections::HashMap;
use std::fs;
use std::hash::BuildHasherDefault;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use xxhash_rust::xxh3::xxh3_64;

use super::batch::NoHash;
use super::directories::{Listings, Seen};
use super::paths::bytes_of;
use crate::transcript::reader::Look;

/// `projects/<project>/<session>/subagents/<agent>.jsonl`, and one to spare.
const DEEPEST: usize = 5;

/// From this many directories on, it is worth starting threads to look at them; more than a few
/// would get in the way of others.
const WORTH_THREADS: usize = 200;
const MOST_THREADS: usize = 4;

/// A transcript on disk.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) look: Look,
}

/// What the ledger remembers of directories and transcripts.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    pub(super) listings: Listings,
    /// By hash of the path.
    looks: HashMap<i64, Look, BuildHasherDefault<NoHash>>,
}

impl Remembered {
    /// `now` is the machine's clock, which dates files.
    pub(super) fn read(connection: &Connection, now: DateTime<Utc>) -> rusqlite::Result<Self> {
        let looks = connection
            .prepare_cached("SELECT path, size, modified FROM file")?
            .query_map([], |row| {
                let look = Look {
                    size: row.get::<_, i64>(1)?.cast_unsigned(),
                    modified: row.get(2)?,
                };
                Ok((hash(row.get_ref(0)?.as_blob()?), look))
            })?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self {
            listings: Listings::remembered(connection, now)?,
            looks,
        })
    }
}

fn hash(path: &[u8]) -> i64 {
    xxh3_64(path).cast_signed()
}

/// Transcripts to be read, and what was seen of directories on the way.
#[derive(Debug, Default)]
pub(super) struct Search<'k> {
    pub(super) found: Vec<Found>,
    pub(super) seen: Seen<'k>,
}

/// All transcripts under these roots that look new. What cannot be read is passed over: a
/// directory that vanished or is not ours must not hide the others.
///
/// Where there is so much to look at that other threads begin with it, this one sees to
/// `meanwhile` first; else that is left undone.
pub(super) fn transcripts<T>(
    roots: impl Iterator<Item = PathBuf>,
    known: &Remembered,
    meanwhile: impl FnOnce() -> T,
) -> (Search<'_>, Option<T>) {
    let mut search = Search::default();
    let mut projects = Vec::new();
    for root in roots {
        projects.extend(search.look_into(&root, known));
        search.seen.roots.push(root);
    }
    let threads = match known.listings.len() {
        0..WORTH_THREADS => 1,
        _ => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let next = AtomicUsize::new(0);
    let take_projects = || {
        let mut search = Search::default();
        while let Some(project) = projects.get(next.fetch_add(1, Ordering::Relaxed)) {
            search.descend(project, 2, known);
        }
        search
    };
    let done = std::thread::scope(|scope| {
        // Where the system gives no thread, this one does it all.
        let others: Vec<_> = (1..threads.min(projects.len()).min(MOST_THREADS))
            .filter_map(|_| {
                let thread = std::thread::Builder::new();
                thread.spawn_scoped(scope, take_projects).ok()
            })
            .collect();
        let done = (!others.is_empty()).then(meanwhile);
        search.extend(take_projects());
        for other in others {
            let theirs = other.join();
            search.extend(theirs.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    (search, done)
}

/// The subagents' transcripts of the session whose transcript is `path`.
pub(super) fn subagents_of(path: &Path) -> Vec<Found> {
    let directory = path.with_extension("").join("subagents");
    let known = Remembered::default();
    let mut search = Search::default();
    search.descend(&directory, DEEPEST - 1, &known);
    search.found
}

impl<'k> Search<'k> {
    fn descend(&mut self, directory: &Path, depth: usize, known: &'k Remembered) {
        for inner in self.look_into(directory, known) {
            if depth < DEEPEST {
                self.descend(&inner, depth + 1, known);
            }
        }
    }

    /// Takes in the transcripts of one directory, and gives the directories inside it.
    fn look_into(&mut self, directory: &Path, known: &'k Remembered) -> Vec<PathBuf> {
        let Some(listing) = known.listings.of(directory, &mut self.seen) else {
            return Vec::new();
        };
        for name in listing.transcripts() {
            let path = directory.join(name);
            // Follows a link: people keep transcripts on other disks.
            let Ok(metadata) = fs::metadata(&path) else {
                continue;
            };
            let look = Look::of(&metadata);
            if metadata.is_file() && known.looks.get(&hash(bytes_of(&path))) != Some(&look) {
                self.found.push(Found { path, look });
            }
        }
        let inner = listing.directories().map(|name| directory.join(name));
        inner.collect()
    }

    fn extend(&mut self, other: Self) {
        self.found.extend(other.found);
        self.seen.extend(other.seen);
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests play the client, which makes and removes transcripts"
)]
mod tests {
    use super::super::directories::State;
    use super::super::{Effort, Ledger, Patience};
    use super::*;
    use crate::pricing::PriceTable;

    /// A home whose directories are old enough to be remembered: its clock is an hour ahead.
    struct Home {
        root: tempfile::TempDir,
        ledger: Ledger,
    }

    impl Home {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let ledger = Ledger::open(&root.path().join("data"), Patience::Person).unwrap();
            let home = Self { root, ledger };
            fs::create_dir(home.projects()).unwrap();
            home
        }

        fn projects(&self) -> PathBuf {
            self.root.path().join("projects")
        }

        /// Writes a transcript. The directory's time moves on as it does between two sessions: a
        /// file system may keep time in steps that this test is too fast for.
        fn transcript(&self, name: &str) {
            let path = self.projects().join(name);
            let directory = path.parent().unwrap();
            let state = || {
                let metadata = fs::metadata(directory).ok()?;
                Some(State::of(&metadata))
            };
            let before = state();
            fs::create_dir_all(directory).unwrap();
            fs::write(&path, "{\"type\":\"mode\"}\n").unwrap();
            while state() == before {
                fs::remove_file(&path).unwrap();
                fs::write(&path, "{\"type\":\"mode\"}\n").unwrap();
            }
        }

        /// How many transcripts were read, and how many directories are remembered then.
        fn catch_up_at(&mut self, now: DateTime<Utc>) -> (usize, usize) {
            self.catch_up_under(&self.projects(), now)
        }

        fn catch_up_under(&mut self, root: &Path, now: DateTime<Utc>) -> (usize, usize) {
            let prices = PriceTable::list().unwrap();
            let roots = std::iter::once(root.to_owned());
            let caught = self
                .ledger
                .catch_up(roots, now, &prices, Effort::All, &mut |_| {})
                .unwrap();
            let remembered = Remembered::read(&self.ledger.connection, now).unwrap();
            (caught.files, remembered.listings.len())
        }

        fn catch_up(&mut self) -> (usize, usize) {
            self.catch_up_at(later())
        }
    }

    /// Long after anything changed.
    fn later() -> DateTime<Utc> {
        Utc::now() + chrono::TimeDelta::hours(1)
    }

    #[test]
    fn new_transcripts_are_found_in_directories_that_are_remembered() {
        let mut home = Home::new();
        home.transcript("api/one.jsonl");
        assert_eq!(home.catch_up(), (1, 2));
        assert_eq!(home.catch_up(), (0, 2));
        home.transcript("api/two.jsonl");
        assert_eq!(home.catch_up(), (1, 2));
        home.transcript("web/three.jsonl");
        home.transcript("api/two/subagents/agent-1.jsonl");
        assert_eq!(home.catch_up(), (2, 5));
        home.transcript("api/two/subagents/agent-2.jsonl");
        assert_eq!(home.catch_up(), (1, 5));
        assert_eq!(home.catch_up(), (0, 5));
    }

    #[test]
    fn a_transcript_that_grows_is_found_although_its_directory_stays_as_it_was() {
        let mut home = Home::new();
        home.transcript("api/one.jsonl");
        home.catch_up();
        fs::write(home.projects().join("api/one.jsonl"), "{}\n{}\n").unwrap();
        assert_eq!(home.catch_up(), (1, 2));
    }

    #[test]
    fn a_directory_that_changed_a_moment_ago_is_listed_again() {
        let mut home = Home::new();
        home.transcript("api/one.jsonl");
        assert_eq!(home.catch_up_at(Utc::now()), (1, 0));
    }

    /// Catches up while there is so much to look at that sums are made meanwhile.
    fn made<T>(home: &mut Home, meanwhile: impl FnOnce(&Ledger) -> T) -> Option<T> {
        let prices = PriceTable::list().unwrap();
        let roots = std::iter::once(home.projects());
        let (now, all) = (Utc::now(), Effort::All);
        let ledger = &mut home.ledger;
        ledger
            .catch_up_meanwhile(roots, now, &prices, all, &mut |_| {}, meanwhile)
            .unwrap()
            .1
    }

    #[test]
    fn sums_made_meanwhile_hold_only_if_nothing_was_new() {
        let mut home = Home::new();
        for project in 0..WORTH_THREADS {
            home.transcript(&format!("{project}/one.jsonl"));
        }
        home.catch_up();
        assert_eq!(made(&mut home, |_| "sums"), Some("sums"));
        let grown = home.projects().join("7/one.jsonl");
        fs::write(&grown, "{}\n{}\n").unwrap();
        assert_eq!(made(&mut home, |_| "sums"), None);
        assert_eq!(made(&mut home, |_| "sums"), Some("sums"));
        // What is new may be committed by a hook in just this moment.
        fs::write(&grown, "{}\n{}\n{}\n").unwrap();
        let (data, roots) = (home.root.path().join("data"), home.projects());
        let by_another = |_: &Ledger| {
            let mut hook = Ledger::open(&data, Patience::Person).unwrap();
            let (prices, roots) = (PriceTable::list().unwrap(), std::iter::once(roots));
            let all = Effort::All;
            let caught = hook.catch_up(roots, Utc::now(), &prices, all, &mut |_| {});
            caught.unwrap().files
        };
        assert_eq!(made(&mut home, by_another), None);
    }

    #[test]
    fn directories_are_not_remembered_at_the_price_of_waiting() {
        let mut home = Home::new();
        home.transcript("api/one.jsonl");
        home.catch_up_at(Utc::now());
        let writer = Connection::open(home.root.path().join("data/ledger.sqlite3")).unwrap();
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        let began = std::time::Instant::now();
        assert_eq!(home.catch_up(), (0, 0));
        assert!(began.elapsed().as_secs() < 10, "it waited for the writer");
    }

    #[test]
    fn two_histories_with_one_ledger_leave_each_other_their_memory() {
        let mut home = Home::new();
        home.transcript("api/one.jsonl");
        assert_eq!(home.catch_up(), (1, 2));
        let other = home.root.path().join("other");
        fs::create_dir(&other).unwrap();
        assert_eq!(home.catch_up_under(&other, later()), (0, 3));
        assert_eq!(home.catch_up(), (0, 3));
    }

    #[test]
    fn a_directory_that_is_gone_is_forgotten() {
        let mut home = Home::new();
        home.transcript("api/one.jsonl");
        home.transcript("web/two.jsonl");
        assert_eq!(home.catch_up(), (2, 3));
        fs::rename(home.projects().join("api"), home.root.path().join("away")).unwrap();
        assert_eq!(home.catch_up(), (0, 2));
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_whose_date_was_set_back_is_listed() {
        let mut home = Home::new();
        home.transcript("api/one.jsonl");
        home.catch_up();
        let directory = fs::File::open(home.projects().join("api")).unwrap();
        let date = directory.metadata().unwrap().modified().unwrap();
        home.transcript("api/two.jsonl");
        directory.set_modified(date).unwrap();
        assert_eq!(home.catch_up(), (1, 2));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_comes_to_lead_somewhere_is_followed() {
        let mut home = Home::new();
        let elsewhere = home.root.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, home.projects().join("linked")).unwrap();
        assert_eq!(home.catch_up(), (0, 1));
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("one.jsonl"), "{}\n").unwrap();
        assert_eq!(home.catch_up(), (1, 2));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_comes_to_lead_elsewhere_is_followed_there() {
        let mut home = Home::new();
        let link = home.projects().join("linked");
        for name in ["a", "b"] {
            let directory = home.root.path().join(name);
            fs::create_dir(&directory).unwrap();
            fs::write(directory.join(format!("{name}.jsonl")), "{}\n").unwrap();
        }
        std::os::unix::fs::symlink(home.root.path().join("a"), &link).unwrap();
        assert_eq!(home.catch_up(), (1, 2));
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(home.root.path().join("b"), &link).unwrap();
        assert_eq!(home.catch_up(), (1, 2));
    }
}
