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

/// From this many directories on, it is worth starting threads to look at them.
const WORTH_THREADS: usize = 200;

/// A transcript on disk.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) look: Look,
}

/// What the ledger knows of directories and transcripts from before.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) listings: Listings,
    /// By hash of the path.
    looks: HashMap<i64, Look, BuildHasherDefault<NoHash>>,
}

impl Known {
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
pub(super) struct Walked<'k> {
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
    known: &Known,
    meanwhile: impl FnOnce() -> T,
) -> (Walked<'_>, Option<T>) {
    let mut walked = Walked::default();
    let mut projects = Vec::new();
    for root in roots {
        projects.extend(walked.look_into(&root, known));
    }
    let threads = match known.listings.len() {
        0..WORTH_THREADS => 1,
        _ => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let next = AtomicUsize::new(0);
    let walk = || {
        let mut walked = Walked::default();
        while let Some(project) = projects.get(next.fetch_add(1, Ordering::Relaxed)) {
            walked.walk(project, 2, known);
        }
        walked
    };
    let done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(projects.len()))
            .map(|_| scope.spawn(walk))
            .collect();
        let done = (!others.is_empty()).then(meanwhile);
        walked.extend(walk());
        for other in others {
            walked.extend(other.join().unwrap_or_default());
        }
        done
    });
    (walked, done)
}

/// The subagents' transcripts of the session whose transcript is `path`.
pub(super) fn subagents_of(path: &Path) -> Vec<Found> {
    let directory = path.with_extension("").join("subagents");
    let known = Known::default();
    let mut walked = Walked::default();
    walked.walk(&directory, DEEPEST - 1, &known);
    walked.found
}

impl<'k> Walked<'k> {
    fn walk(&mut self, directory: &Path, depth: usize, known: &'k Known) {
        for inner in self.look_into(directory, known) {
            if depth < DEEPEST {
                self.walk(&inner, depth + 1, known);
            }
        }
    }

    /// Takes in the transcripts of one directory, and gives the directories inside it.
    fn look_into(&mut self, directory: &Path, known: &'k Known) -> Vec<PathBuf> {
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
    use super::super::directories::changed;
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
            let time = || {
                fs::metadata(directory)
                    .map(|metadata| changed(&metadata))
                    .ok()
            };
            let before = time();
            fs::create_dir_all(directory).unwrap();
            fs::write(&path, "{\"type\":\"mode\"}\n").unwrap();
            while time() == before {
                fs::remove_file(&path).unwrap();
                fs::write(&path, "{\"type\":\"mode\"}\n").unwrap();
            }
        }

        /// How many transcripts were read, and how many directories are remembered then.
        fn catch_up_at(&mut self, now: DateTime<Utc>) -> (usize, usize) {
            let prices = PriceTable::list().unwrap();
            let roots = std::iter::once(self.projects());
            let caught = self
                .ledger
                .catch_up(roots, now, &prices, Effort::All, &mut |_| {})
                .unwrap();
            let remembered = Known::read(&self.ledger.connection, now).unwrap();
            (caught.files, remembered.listings.len())
        }

        fn catch_up(&mut self) -> (usize, usize) {
            self.catch_up_at(Utc::now() + chrono::TimeDelta::hours(1))
        }
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

    #[test]
    fn sums_made_meanwhile_hold_only_if_nothing_was_new() {
        let mut home = Home::new();
        for project in 0..WORTH_THREADS {
            home.transcript(&format!("{project}/one.jsonl"));
        }
        home.catch_up();
        let made = |home: &mut Home| {
            let prices = PriceTable::list().unwrap();
            let roots = std::iter::once(home.projects());
            let now = Utc::now();
            let all = Effort::All;
            home.ledger
                .catch_up_meanwhile(roots, now, &prices, all, &mut |_| {}, |_| "sums")
                .unwrap()
                .1
        };
        assert_eq!(made(&mut home), Some("sums"));
        fs::write(home.projects().join("7/one.jsonl"), "{}\n{}\n").unwrap();
        assert_eq!(made(&mut home), None);
        assert_eq!(made(&mut home), Some("sums"));
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
    fn a_directory_put_in_the_place_of_another_is_listed_although_its_date_is_the_same() {
        let mut home = Home::new();
        home.transcript("api/one.jsonl");
        home.catch_up();
        let (old, new) = (home.projects().join("api"), home.root.path().join("api"));
        fs::create_dir(&new).unwrap();
        fs::write(new.join("two.jsonl"), "{}\n").unwrap();
        let date = fs::metadata(&old).unwrap().modified().unwrap();
        fs::File::open(&new).unwrap().set_modified(date).unwrap();
        fs::rename(&old, home.root.path().join("away")).unwrap();
        fs::rename(&new, &old).unwrap();
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
}
