//! Opening the ledger, and writing to it while others do; setting one aside that cannot be used: once,
//! however many processes find it so.
//!
//! Whoever opens the ledger holds a shared lock until the first look is over, and whoever sets it
//! aside holds it alone. So nobody ever opens a new file with the log of the old one.

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Result, Transaction};

use super::error::{Damage, FileId, LedgerError};
use super::{Store, schema};
use crate::disk::{self, lock};

/// A write-ahead log above this is folded back into the ledger by whoever has time for it: the
/// first process to open the ledger reads the whole log.
const WAL_TIDY: u64 = 64 * 1024;
/// Above this even a status line does it: reading more costs each of them a tenth of its time.
const WAL_PRESSING: u64 = 256 * 1024;

/// How long a person's verb waits for another process. Writes take a tenth of that at most.
const PERSON_WAITS: Duration = Duration::from_secs(6);

/// How long opening is tried by somebody without patience. It takes a millisecond, and a few
/// where eight status lines open the ledger at once. But SQLite itself tries for ten seconds where a
/// process was stopped while it put the index of the log in order, and nothing interrupts it: verbs
/// that Claude Code runs stand under a deadline.
const OPENING: Duration = Duration::from_millis(100);

/// How many prepared statements are kept: more than there are.
const STATEMENTS: usize = 100;

/// How long to wait for another writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Not at all, save a moment while the ledger is opened: for verbs that Claude Code runs.
    None,
    /// Some seconds: for verbs that people run.
    Person,
}

impl Patience {
    pub(crate) fn limit(self) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Person => PERSON_WAITS,
        }
    }
}

/// An open ledger.
#[derive(Debug)]
pub struct Ledger {
    pub(crate) store: Store,
    path: PathBuf,
    /// Which file was opened.
    file: Option<FileId>,
    patience: Patience,
}

/// The ledger's place in a data directory.
pub fn path_in(data: &Path) -> PathBuf {
    data.join("ledger.sqlite3")
}

impl Ledger {
    /// Opens the ledger in `data`, making it (0600, in a 0700 directory) if there is none. One that
    /// is damaged is set aside under another name and a new one begun; transcripts fill it again.
    pub fn open(data: &Path, patience: Patience) -> Result<Self, LedgerError> {
        let path = path_in(data);
        let limit = patience.limit();
        let open = || patiently(limit.max(OPENING), || Self::open_at(&path, patience));
        open().or_else(|error| {
            if !error.is_damage() {
                return Err(error);
            }
            set_aside(&path, &error, limit)?;
            open()
        })
    }

    /// Opens a ledger that is there, for people's verbs to which its figures are an extra: they go
    /// on without it where `SQLite` does not come back soon. None if there is none.
    pub fn open_existing(data: &Path) -> Option<Result<Self, LedgerError>> {
        let path = path_in(data);
        path.exists().then(|| {
            let (sender, receiver) = channel();
            let data = data.to_owned();
            // The thread is left behind if SQLite does not come back from it: nobody receives then.
            let open = move || drop(sender.send(Self::open(&data, Patience::None)));
            let helper = std::thread::Builder::new().spawn(open).ok();
            let opened = helper.and_then(|_| receiver.recv_timeout(OPENING).ok());
            opened.unwrap_or_else(|| Err(LedgerError::busy(&path)))
        })
    }

    /// The damaged ledgers that were set aside in a data directory, the one that was written last first.
    pub fn damaged_in(data: &Path) -> Vec<PathBuf> {
        let written = |name: PathBuf| {
            let found = std::fs::symlink_metadata(&name).ok()?;
            Some((found.modified().ok()?, name))
        };
        let mut found: Vec<_> = names(&path_in(data)).filter_map(written).collect();
        found.sort();
        found.into_iter().rev().map(|(_, name)| name).collect()
    }

    /// The damaged ledger in whose place this one was begun: at the first asking only, so that it is
    /// said once.
    pub fn news_of_damage(&mut self) -> Option<PathBuf> {
        const ANNOUNCED: &str = "damage announced";
        // One in memory would not remember.
        self.file?;
        let newest = Self::damaged_in(self.data()).into_iter().next()?;
        let note = "INSERT OR IGNORE INTO meta VALUES (?, 1)";
        let noted = self.write(|connection| connection.execute(note, [ANNOUNCED]));
        (noted.ok()? > 0).then_some(newest)
    }

    /// The data directory that it lies in.
    pub(crate) fn data(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Whether it outlives the process.
    pub(crate) fn is_lasting(&self) -> bool {
        self.file.is_some()
    }

    /// A ledger that is gone with the process, for where none can be kept.
    pub fn in_memory(data: &Path) -> Result<Self, LedgerError> {
        let opened = Connection::open_in_memory();
        Self::from_opened(opened, &path_in(data), None, Patience::Person)
    }

    fn open_at(path: &Path, patience: Patience) -> Result<Self, LedgerError> {
        // Until the first look is over, the file and its log are not parted.
        let _together = keep_in_place(path)?;
        // SQLite would follow a link, and wait at a pipe for ever.
        for suffix in PARTS {
            let part = beside(path, suffix);
            disk::ours::check_own(&part).map_err(disk::unread(&part))?;
        }
        // Where SQLite finds no file it tries again, only to read, and would get the one that another
        // process made in between: a ledger that cannot be written.
        if FileId::at(path).is_none() {
            disk::create_private_file(path)?;
        }
        Self::from_opened(open(path), path, FileId::at(path), patience)
    }

    fn from_opened(
        opened: Result<Connection>,
        path: &Path,
        file: Option<FileId>,
        patience: Patience,
    ) -> Result<Self, LedgerError> {
        let failed = |source| LedgerError::from_sqlite(path, file, source);
        let mut connection = opened.map_err(failed)?;
        let is_ours = prepare(&mut connection, patience).map_err(failed)?;
        let (store, path) = (Store(connection), path.to_owned());
        if !is_ours {
            return Err(LedgerError::Newer { path });
        }
        Ok(Self {
            store,
            path,
            file,
            patience,
        })
    }

    /// Reads something.
    pub(crate) fn ask<'s, T>(
        &'s self,
        read: impl FnOnce(&'s Store) -> Result<T>,
    ) -> Result<T, LedgerError> {
        read(&self.store).map_err(|source| LedgerError::from_sqlite(&self.path, self.file, source))
    }

    /// Writes in one transaction, waiting for another writer as long as this ledger's patience
    /// says. The log that it makes longer is folded back by [`Self::tidy`].
    pub(crate) fn write<T>(&self, put: impl FnOnce(&Store) -> Result<T>) -> Result<T, LedgerError> {
        let transaction = patiently(self.patience.limit(), || self.ask(Store::transaction))?;
        self.ask(|store| {
            let done = put(store)?;
            transaction.commit()?;
            Ok(done)
        })
    }

    /// Folds a long write-ahead log back into the file. It flushes to disk, so a status line does
    /// it only when it must. Never waits for another process, and failing is harmless.
    pub(crate) fn tidy(&self) {
        if self.patience == Patience::None {
            self.fold_log(WAL_PRESSING);
        } else {
            self.tidy_in_background();
        }
    }

    /// Like the tidying after a write, for a hook: it runs while nobody waits.
    pub fn tidy_in_background(&self) {
        // Ends what a new ledger begins with, also where a first reading was killed. Another process may
        // be in the way; then a later one does it.
        let _ = schema::use_log(&self.store);
        self.fold_log(WAL_TIDY);
    }

    fn fold_log(&self, longest: u64) {
        let log = std::fs::metadata(beside(&self.path, "-wal"));
        if log.is_ok_and(|log| log.len() > longest) {
            // SQLite would wait for readers as long as for a writer.
            let _ = self.store.busy_timeout(Duration::ZERO);
            let fold = "PRAGMA wal_checkpoint(TRUNCATE)";
            let _ = self.store.query_row(fold, [], |_| Ok(()));
            let _ = self.store.busy_timeout(self.patience.limit());
        }
    }

    /// Until it is dropped, all that is read here is of one moment: the figures agree with each
    /// other, and no lock is taken and given back for each. It keeps nobody from writing.
    pub fn snapshot(&self) -> Result<Transaction<'_>, LedgerError> {
        self.ask(|store| store.unchecked_transaction())
    }
}

/// Makes a connection ready. False if its file was made by a newer whycap.
fn prepare(connection: &mut Connection, patience: Patience) -> Result<bool> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(patience.limit())?;
    // Folding the log back means flushing to disk: that is for those who have time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Else it prepares what compares a number with `?` again for each number.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0")?;
    schema::make_or_check(connection, patience == Patience::Person)
}

/// Tries again while another process is in the way, until `limit` has passed. SQLite's own busy
/// timeout leaves some cases out: switching a new file to WAL, and recovering its log.
fn patiently<T>(
    limit: Duration,
    mut attempt: impl FnMut() -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    let began = Instant::now();
    let pause = (limit / 1000).clamp(Duration::from_micros(100), Duration::from_millis(10));
    loop {
        match attempt() {
            Err(error) if error.is_busy() && began.elapsed() < limit => std::thread::sleep(pause),
            other => return other,
        }
    }
}

/// What the names of a ledger's files end with, in the order in which they are set aside: SQLite deletes
/// the log that it finds beside a new file.
const PARTS: [&str; 4] = ["-wal", "", "-shm", "-journal"];

/// The file that SQLite keeps beside the ledger under its name with this ending.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Has SQLite open a file. On Windows it takes names of 260 characters at most, those of the files
/// beside it included, unless a path is written as the system looked it up.
fn open(path: &Path) -> Result<Connection> {
    const LONG: usize = 200;
    let looked_up = || {
        let directory = std::fs::canonicalize(path.parent()?).ok()?;
        Some(directory.join(path.file_name()?))
    };
    let is_long = cfg!(windows) && path.as_os_str().len() > LONG;
    let looked_up = is_long.then(looked_up).flatten();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(looked_up.as_deref().unwrap_or(path), flags)
}

/// The file whose lock this is about.
const LOCK: &str = "ledger.lock";

/// As many are kept. A disk that goes on damaging them is not filled with more.
const MOST_KEPT: u32 = 20;

/// While this is held, nobody sets the ledger aside. Busy while somebody does. None where there is
/// no lock to be had: then nothing better can be done than to go on.
fn keep_in_place(path: &Path) -> Result<Option<lock::Held>, LedgerError> {
    if disk::ours::check_own_directory(path.parent().unwrap_or(Path::new("/"))).is_err() {
        return Ok(None);
    }
    match lock::try_share(&path.with_file_name(LOCK)) {
        Ok(None) => Err(LedgerError::busy(path)),
        Ok(held) => Ok(held),
        Err(_) => Ok(None),
    }
}

/// Moves the ledger that gave this error out of the way, with its log. Nothing is deleted: it may
/// hold the only record of transcripts that the client has cleaned up.
///
/// Fine if another process has done it. Busy if that takes longer than `patience`, and the error
/// itself is not this module's matter if a second look finds nothing wrong.
pub(crate) fn set_aside(
    path: &Path,
    error: &LedgerError,
    patience: Duration,
) -> Result<(), LedgerError> {
    let Some(damage) = error.damage() else {
        return Ok(());
    };
    let own = path.with_file_name(LOCK);
    let held = lock::lock_within(&own, patience, &mut std::thread::sleep);
    let Some(_alone) = held.map_err(disk::unwritten(&own))? else {
        return Err(LedgerError::busy(path));
    };
    let is_the_same = error.file().is_some() && FileId::at(path) == error.file();
    // A disk that does not read for a moment looks like damage.
    if !is_the_same || (damage == Damage::Structure && is_sound(path)) {
        return Ok(());
    }
    // The log of one whose setting aside was killed may lie there alone.
    let is_free = |name: &PathBuf| !PARTS.iter().any(|part| beside(name, part).exists());
    let Some(free) = names(path).find(is_free) else {
        let full = format!(
            "it is damaged, and {MOST_KEPT} damaged ones lie beside it; look after the disk, and move those away"
        );
        return Err(disk::unwritten(path)(std::io::Error::other(full)).into());
    };
    for suffix in PARTS {
        if beside(path, suffix).exists() {
            disk::rename(&beside(path, suffix), &beside(&free, suffix))?;
        }
    }
    Ok(())
}

/// Under which names a ledger may be set aside.
fn names(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1..=MOST_KEPT).map(|number| path.with_file_name(format!("ledger.damaged-{number}.sqlite3")))
}

/// Whether SQLite, asked to look at everything, finds nothing wrong. What cannot be looked at, because
/// memory or files to open are short, say, is not known to be damaged.
fn is_sound(path: &Path) -> bool {
    let look = || {
        let connection = open(path)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
    };
    let found = look().map_err(|source| LedgerError::from_sqlite(path, None, source));
    found.map_or_else(|error| !error.is_damage(), |found: String| found == "ok")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Returns when two are here, at the same moment: who sleeps wakes up too late.
    fn meet(here: &AtomicUsize) -> Instant {
        here.fetch_add(1, Ordering::SeqCst);
        while here.load(Ordering::SeqCst) < 2 {
            std::hint::spin_loop();
        }
        Instant::now()
    }

    #[test]
    fn whoever_opens_a_ledger_that_another_process_is_making_can_write_to_it() {
        for later in (0..300).map(|round| round % 75) {
            let directory = tempfile::tempdir().unwrap();
            let path = path_in(directory.path());
            let here = AtomicUsize::new(0);
            let opened = std::thread::scope(|scope| {
                scope.spawn(|| {
                    let began = meet(&here);
                    while began.elapsed() < Duration::from_micros(later) {}
                    disk::create_private_file(&path).unwrap();
                });
                meet(&here);
                Ledger::open_at(&path, Patience::Person).unwrap()
            });
            let is_read_only = opened.store.is_readonly("main").unwrap();
            assert!(!is_read_only, "made {later} microseconds later");
        }
    }

    /// Its setting aside was killed in between: the log is that of the ledger that still stands there.
    #[test]
    fn a_log_that_lies_aside_alone_is_not_written_over_by_another() {
        use std::io::Write;
        let directory = tempfile::tempdir().unwrap();
        let path = path_in(directory.path());
        let [first, second] = [1, 2].map(|nth| names(&path).nth(nth - 1).unwrap());
        let [log, moved] = [&first, &second].map(|name| beside(name, "-wal"));
        for (file, holds) in [
            (&path, "rubbish"),
            (&beside(&path, "-wal"), "new"),
            (&log, "old"),
        ] {
            let mut file = disk::ours::open_or_make_own(file).unwrap();
            file.write_all(holds.as_bytes()).unwrap();
        }
        let damaged = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOTADB);
        let damaged = rusqlite::Error::SqliteFailure(damaged, None);
        let error = LedgerError::from_sqlite(&path, FileId::at(&path), damaged);
        set_aside(&path, &error, Duration::ZERO).unwrap();
        assert!(!path.exists() && !first.exists() && second.exists());
        assert_eq!(std::fs::read(&log).unwrap(), b"old");
        assert_eq!(std::fs::read(&moved).unwrap(), b"new");
    }

    #[test]
    fn what_cannot_be_looked_at_is_not_known_to_be_damaged() {
        let directory = tempfile::tempdir().unwrap();
        assert!(is_sound(directory.path()), "SQLite opens no directory");
        let rubbish = directory.path().join("rubbish");
        disk::create_private_file(&rubbish).unwrap();
        assert!(is_sound(&rubbish), "an empty one is new");
        let mut file = disk::ours::open_or_make_own(&rubbish).unwrap();
        std::io::Write::write_all(&mut file, &b"rubbish".repeat(400)).unwrap();
        assert!(!is_sound(&rubbish));
    }
}
