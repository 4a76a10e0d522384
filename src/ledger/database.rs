//! Opens the database file and runs queries.

use std::io;
use std::iter;
use std::ops::Range;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::serialize::{Data, OwnedData};
use rusqlite::types::FromSql;
use rusqlite::{
    Connection, MAIN_DB, OpenFlags, OptionalExtension, Params, Row, Transaction,
    TransactionBehavior,
};

use super::error::{FileId, LedgerError, LedgerResult, Result};
use super::facts::{Id, id_of};
use crate::disk::{self, ownership};

/// The schema version. A ledger with a version from 3 on is converted, and one with any other version is set aside.
const SCHEMA: i64 = 8;

/// Creates the tables and indexes that do not exist.
const TABLES: &str = include_str!("schema.sql");

/// The steps that convert ledgers of several earlier versions.
const ADD_FALLBACK: &str = "ALTER TABLE files ADD COLUMN fallback TEXT";
const DROP_SESSION_SUMS: &str = include_str!("conversion/drop_session_sums.sql");
const LINES_TO_FACTS: &str = include_str!("conversion/lines_to_facts.sql");
const RENAME_EVENTS: &str = include_str!("conversion/rename_events.sql");
const MOVE_EVENTS: &str = include_str!("conversion/move_events.sql");

/// The version of the rules that derive costs and results from facts. When it changes, all costs and results are
/// recalculated.
pub(super) const RULES: i64 = 11;

/// The version of the rules that read facts from transcripts. When it increases, all transcripts are read again.
pub(super) const FACTS: i64 = 9;

/// The size of the write-ahead log, in bytes, at which a status-line call merges the log into the ledger after printing
/// its line. The log should be short because each call has to read all of it, unless another process has the ledger
/// open. Merging waits for the disk, but is not needed often, because a call adds only about 50 KB. Hooks merge the log
/// whenever they close the ledger.
const LONG_LOG: u64 = 256 * 1024;

/// The minimum time to keep retrying if the ledger is busy when it is opened. If several processes open the ledger at
/// once, it stays busy for a few milliseconds while the first process reads the write-ahead log.
const MIN_OPEN_RETRY_TIME: Duration = Duration::from_millis(100);

/// The page cache size for shell commands, as a SQLite `cache_size` value (a negative number of KiB). With SQLite's
/// default of 2 MB, the initial import would write most pages several times and read them back each time.
const PAGE_CACHE_SIZE: i64 = -32 * 1024;

/// Selects the row of a session. A status-line call needs different columns of this row in several places. They all use
/// the same statement, because preparing a statement takes SQLite ten times as long as running it.
pub(super) const SESSION: &str =
    "SELECT breakdown, is_dirty, directory_at FROM sessions WHERE id = ?1";

/// How long to wait while another process writes to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitLimit {
    /// Do not wait, because Claude Code is waiting for the result.
    None,
    /// Wait as long as a person at a terminal would.
    Person,
}

impl WaitLimit {
    /// Returns the maximum time to wait.
    pub(super) fn limit(self) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Person => Duration::from_secs(10),
        }
    }
}

/// The place where the ledger is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Storage {
    Disk,
    /// In memory until [`Ledger::store_while`] stores it.
    MemoryAtFirst,
    Memory,
}

/// The ledger.
#[derive(Debug)]
pub struct Ledger {
    pub(super) store: Store,
    pub(super) path: PathBuf,
    storage: Storage,
    /// The identity of the file, or `None` for an in-memory ledger.
    file: Option<FileId>,
}

/// Retries `attempt` while the ledger is busy, until `limit` has passed.
///
/// SQLite's busy timeout does not cover every case, such as write-ahead log recovery.
fn retry_while_busy<T>(
    limit: Duration,
    mut attempt: impl FnMut() -> LedgerResult<T>,
) -> LedgerResult<T> {
    let started = Instant::now();
    loop {
        match attempt() {
            Err(error) if error.is_busy() && started.elapsed() < limit => {
                std::thread::sleep(Duration::from_micros(200));
            }
            result => return result,
        }
    }
}

/// Returns the files that SQLite keeps next to a database: the write-ahead log, its index, and the rollback journal.
pub(super) fn companions(database: &Path) -> [PathBuf; 3] {
    ["-wal", "-shm", "-journal"].map(|suffix| {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        PathBuf::from(path)
    })
}

/// Returns true if neither a ledger nor any of its companion files exists at this path. If a ledger was deleted without
/// its log, SQLite would apply that log to a ledger that is moved to this path.
fn is_unused(path: &Path) -> bool {
    // A process that sets the ledger aside moves the companions after the ledger, so they are checked afterward.
    let mut files = iter::once(path.to_owned()).chain(companions(path));
    files.all(|file| file.symlink_metadata().is_err())
}

/// Returns the path of the ledger in the data directory.
pub fn path_in(data: &Path) -> PathBuf {
    data.join("ledger.sqlite3")
}

impl Ledger {
    /// Opens the ledger, creating it if it does not exist. A ledger with a different version is set aside.
    ///
    /// Returns an error if the data directory is unusable, or if the file is damaged or busy.
    pub fn open(data: &Path, wait_limit: WaitLimit) -> LedgerResult<Self> {
        disk::create_private_directory(data)?;
        let path = path_in(data);
        for attempt in 0..3 {
            let file = ownership::open_or_create_owned(&path);
            drop(file.map_err(disk::write_error(&path))?);
            let (ledger, version) =
                retry_while_busy(wait_limit.limit().max(MIN_OPEN_RETRY_TIME), || {
                    let ledger = Self::connect(&path, wait_limit)?;
                    let version = ledger.read(Store::version)?;
                    Ok((ledger, version))
                })?;
            if version == SCHEMA || attempt == 2 {
                return Ok(ledger);
            }
            // Enabling WAL fails while another process is reading the ledger. The next process that opens the ledger
            // tries again.
            let _ = ledger.read(Store::enable_wal);
            if ledger.write(Store::create_tables)? {
                return Ok(ledger);
            }
            let file = ledger.file;
            drop(ledger);
            let is_needed = || FileId::at(&path) == file;
            super::mend::set_aside(&path, "other-version", wait_limit, is_needed)?;
        }
        Self::connect(&path, wait_limit)
    }

    /// Opens the ledger for a command in a shell. If it does not exist, it is created in memory, and `store_while` stores
    /// it. If that fails, for example because another process has created it in the meantime, read the transcripts into a
    /// ledger from [`Self::open`].
    pub fn open_or_build(data: &Path) -> LedgerResult<Self> {
        disk::create_private_directory(data)?;
        // If no ledger can be created, the error should not come after all transcripts have been read.
        if !is_unused(&path_in(data)) || !disk::is_writable(data) {
            return Self::open(data, WaitLimit::Person);
        }
        Ok(Self {
            storage: Storage::MemoryAtFirst,
            ..Self::in_memory(data)?
        })
    }

    /// Opens the ledger if it exists, without waiting for another process.
    pub fn open_existing(data: &Path) -> Option<LedgerResult<Self>> {
        path_in(data)
            .exists()
            .then(|| Self::open(data, WaitLimit::None))
    }

    /// Creates a ledger in memory, for file systems that do not support locks.
    pub fn in_memory(data: &Path) -> LedgerResult<Self> {
        let path = path_in(data);
        let opened = Connection::open_in_memory().and_then(configured);
        let ledger = Self {
            store: Store(opened.map_err(LedgerError::of_database(&path, None))?),
            storage: Storage::Memory,
            file: None,
            path,
        };
        ledger.write(Store::create_tables)?;
        Ok(ledger)
    }

    fn connect(path: &Path, wait_limit: WaitLimit) -> LedgerResult<Self> {
        let file = FileId::at(path);
        for companion in companions(path) {
            if ownership::check_owned_file(&companion).is_err() {
                return Err(LedgerError::Obstructed { path: companion });
            }
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        // The path of the directory may contain symbolic links, but the file itself must not be one.
        let real = path
            .parent()
            .and_then(|directory| directory.canonicalize().ok())
            .map_or_else(|| path.to_owned(), |directory| path_in(&directory));
        let opened = Connection::open_with_flags(real, flags).and_then(|connection| {
            let connection = configured(connection)?;
            connection.busy_timeout(wait_limit.limit())?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            if wait_limit == WaitLimit::Person {
                connection.pragma_update(None, "cache_size", PAGE_CACHE_SIZE)?;
            } else {
                // Merging the log flushes data to disk, which can wait until Claude Code has its reply.
                connection.pragma_update(None, "wal_autocheckpoint", 0)?;
            }
            Ok(connection)
        });
        Ok(Self {
            store: Store(opened.map_err(LedgerError::of_database(path, file))?),
            path: path.to_owned(),
            storage: Storage::Disk,
            file,
        })
    }

    /// Runs `read` with the ledger. If [`Self::open_or_build`] has created the ledger in memory, another thread stores
    /// it in the meantime.
    ///
    /// The file gets its name only when it is complete and on the disk. With the write-ahead log, a first read would
    /// write every page twice and wait for the disk five times. Returns an error if the file cannot be written or
    /// already exists.
    pub(crate) fn store_while<T>(mut self, read: impl FnOnce(Self) -> T) -> LedgerResult<T> {
        let Some(image) = self.new_image()? else {
            return Ok(read(self));
        };
        let path = self.path.clone();
        let bytes: &[u8] = &image;
        thread::scope(|scope| {
            let thread = thread::Builder::new()
                .spawn_scoped(scope, || disk::create_synced(&path, bytes))
                .map_err(disk::write_error(&path))?;
            let result = read(self);
            thread
                .join()
                .unwrap_or_else(|panic| resume_unwind(panic))?;
            Ok(result)
        })
    }

    /// Returns the content of the file if the ledger must be stored.
    fn new_image(&mut self) -> LedgerResult<Option<OwnedData>> {
        if self.storage != Storage::MemoryAtFirst {
            return Ok(None);
        }
        if !is_unused(&self.path) {
            let error = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(disk::write_error(&self.path)(error).into());
        }
        let image = self.store.image();
        Ok(Some(
            image.map_err(LedgerError::of_database(&self.path, None))?,
        ))
    }

    /// Returns the ledger on disk if [`Self::store_while`] has stored this one.
    pub(crate) fn stored(self) -> LedgerResult<Self> {
        if self.storage == Storage::MemoryAtFirst {
            return Self::open(self.data_directory(), WaitLimit::Person);
        }
        Ok(self)
    }

    /// Returns true if the ledger is on disk, or if [`Self::store_while`] stores it there.
    pub(crate) fn is_lasting(&self) -> bool {
        self.storage != Storage::Memory
    }

    /// Returns the directory that contains the ledger and the journal.
    pub(super) fn data_directory(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Reads from the ledger.
    pub(super) fn read<T>(&self, query: impl FnOnce(&Store) -> Result<T>) -> LedgerResult<T> {
        query(&self.store).map_err(LedgerError::of_database(&self.path, self.file))
    }

    /// Writes to the ledger in a single transaction.
    pub(super) fn write<T>(&self, change: impl FnOnce(&Store) -> Result<T>) -> LedgerResult<T> {
        self.read(|store| {
            let transaction = store.transaction()?;
            let result = change(store)?;
            transaction.commit()?;
            Ok(result)
        })
    }

    /// Commits the open transaction.
    pub(super) fn commit_open_transaction(&self) -> LedgerResult<()> {
        self.read(|store| store.0.execute_batch("COMMIT"))
    }

    /// Merges the write-ahead log into the ledger if the log is long and no other process is using the ledger. Also
    /// truncates the log, because a process that exits without closing the ledger leaves no record of the merge.
    /// Without truncation, the next call would read and merge the whole log again.
    pub(super) fn merge_long_log(&self) -> LedgerResult<()> {
        let [log, ..] = companions(&self.path);
        let is_long = log.metadata().is_ok_and(|log| log.len() >= LONG_LOG);
        if !is_long {
            return Ok(());
        }
        self.read(|store| {
            store.value::<i64>("PRAGMA wal_checkpoint(TRUNCATE)", [])?;
            Ok(())
        })
    }

    /// Returns true if every transcript has been read to its end at least once.
    pub fn is_complete(&self) -> bool {
        self.read(Store::is_complete).unwrap_or_default()
    }
}

/// Sets the options of a connection that do not depend on where the ledger is stored.
fn configured(connection: Connection) -> Result<Connection> {
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise, SQLite prepares some statements again whenever they are run with different values.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// The connection to the database.
#[derive(Debug)]
pub(super) struct Store(pub(super) Connection);

impl Store {
    fn transaction(&self) -> Result<Transaction<'_>> {
        Transaction::new_unchecked(&self.0, TransactionBehavior::Immediate)
    }

    /// Returns the content of a file with the same database and a write-ahead log.
    fn image(&mut self) -> Result<OwnedData> {
        /// The two bytes of the header that contain the versions of the file format, and the version with a log. See
        /// <https://sqlite.org/fileformat2.html#file_format_version_numbers>.
        const VERSIONS: Range<usize> = 18..20;
        const WITH_LOG: u8 = 2;

        let Data::Owned(mut image) = self.0.serialize(MAIN_DB)? else {
            return Err(rusqlite::Error::InvalidQuery);
        };
        if let Some(versions) = image.get_mut(VERSIONS) {
            versions.fill(WITH_LOG);
        }
        Ok(image)
    }

    fn version(&self) -> Result<i64> {
        self.0
            .pragma_query_value(None, "user_version", |row| row.get(0))
    }

    /// Enables the write-ahead log if no other process is reading the ledger.
    ///
    /// Otherwise, transactions use a journal on disk.
    fn enable_wal(&self) -> Result<()> {
        self.value::<String>("PRAGMA journal_mode = WAL", [])?;
        Ok(())
    }

    /// Creates the tables if the file is empty, or converts those of an earlier version. Returns true if the tables then
    /// have the current schema version.
    fn create_tables(&self) -> Result<bool> {
        let version = self.version()?;
        let is_empty: bool = self.value("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [])?;
        let steps: &[&str] = match version {
            SCHEMA => return Ok(true),
            0 if is_empty => &[TABLES],
            3 => &[
                include_str!("conversion/rename_3.sql"),
                RENAME_EVENTS,
                TABLES,
                include_str!("conversion/move_3.sql"),
                MOVE_EVENTS,
            ],
            // In version 4, there is also a column that nothing uses anymore.
            4 | 5 => &[
                ADD_FALLBACK,
                DROP_SESSION_SUMS,
                LINES_TO_FACTS,
                RENAME_EVENTS,
                TABLES,
                MOVE_EVENTS,
            ],
            6 => &[
                DROP_SESSION_SUMS,
                LINES_TO_FACTS,
                RENAME_EVENTS,
                TABLES,
                MOVE_EVENTS,
            ],
            7 => &[LINES_TO_FACTS, RENAME_EVENTS, TABLES, MOVE_EVENTS],
            _ => return Ok(false),
        };
        for step in steps {
            self.0.execute_batch(step)?;
        }
        if is_empty {
            self.set_meta("rules", RULES)?;
        }
        self.make_sums()?;
        self.0.pragma_update(None, "user_version", SCHEMA)?;
        Ok(true)
    }

    /// Runs a statement.
    pub(super) fn run(&self, statement: &str, values: impl Params) -> Result<()> {
        self.change(statement, values)?;
        Ok(())
    }

    /// Runs a statement, and returns the number of rows that it changed.
    pub(super) fn change(&self, statement: &str, values: impl Params) -> Result<usize> {
        self.0.prepare_cached(statement)?.execute(values)
    }

    /// Returns all rows of a query, converted with `read`.
    pub(super) fn all<T, C: FromIterator<T>>(
        &self,
        query: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<C> {
        self.0
            .prepare_cached(query)?
            .query_map(values, read)?
            .collect()
    }

    /// Returns the first row of a query, converted with `read`. Returns `None` if there are no rows.
    pub(super) fn first<T>(
        &self,
        query: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.0
            .prepare_cached(query)?
            .query_row(values, read)
            .optional()
    }

    /// Returns the result of a query that always yields exactly one row and one column.
    pub(super) fn value<T: FromSql>(&self, query: &str, values: impl Params) -> Result<T> {
        self.0
            .prepare_cached(query)?
            .query_row(values, |row| row.get(0))
    }

    /// Returns the number stored under the given name.
    pub(super) fn meta(&self, name: &str) -> Result<Option<i64>> {
        self.first("SELECT value FROM meta WHERE name = ?1", [name], |row| {
            row.get(0)
        })
    }

    /// Returns true if every transcript has been read to its end at least once.
    pub(super) fn is_complete(&self) -> Result<bool> {
        Ok(self.meta("complete")? == Some(1))
    }

    /// Stores a number under the given name.
    pub(super) fn set_meta(&self, name: &str, value: i64) -> Result<()> {
        self.run(
            "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)",
            (name, value),
        )
    }

    /// Returns true if the ledger contains this session.
    pub(super) fn has_session(&self, id: Id) -> Result<bool> {
        Ok(self.first(SESSION, [id], |_| Ok(()))?.is_some())
    }

    /// Adds a session if it is new, and returns its ID.
    pub(super) fn add_session(&self, name: &str) -> Result<Id> {
        let id = id_of(name.as_bytes());
        // Usually, the session has already been added.
        if !self.has_session(id)? {
            self.run(
                "INSERT INTO sessions VALUES (?1, ?2, NULL, NULL, ?1, 0, '{}')",
                (id, name),
            )?;
        }
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::catch_up::ReadTime;
    use super::*;
    use crate::pricing::PriceTable;

    /// Creates a ledger that is up to date with a history that has no transcripts.
    fn build(data: &Path) -> Ledger {
        let mut ledger = Ledger::open_or_build(data).unwrap();
        let prices = PriceTable::list();
        ledger
            .catch_up(iter::empty(), &prices, ReadTime::All, &mut |_, _| {})
            .unwrap();
        ledger
    }

    fn set_note(ledger: &Ledger, note: i64) {
        ledger
            .write(|store| store.set_meta("note", note))
            .unwrap();
    }

    fn note(ledger: &Ledger) -> Option<i64> {
        ledger.read(|store| store.meta("note")).unwrap()
    }

    #[test]
    fn a_new_ledger_is_complete_as_soon_as_its_file_exists() {
        let home = tempfile::tempdir().unwrap();
        let ledger = build(home.path());
        set_note(&ledger, 1);
        assert!(is_unused(&path_in(home.path())));
        let noted = ledger.store_while(|ledger| note(&ledger)).unwrap();
        assert_eq!(noted, Some(1));

        let stored = Ledger::open_existing(home.path()).unwrap().unwrap();
        assert_eq!(note(&stored), Some(1));
        for (pragma, result) in [("journal_mode", "wal"), ("quick_check", "ok")] {
            let query = format!("PRAGMA {pragma}");
            let value = stored.read(|store| store.value::<String>(&query, []));
            assert_eq!(value.unwrap(), result);
        }
    }

    #[test]
    #[cfg(unix)]
    fn an_unwritable_directory_is_reported_before_transcripts_are_read() {
        use std::os::unix::fs::PermissionsExt;

        let home = tempfile::tempdir().unwrap();
        let set_mode = |mode| {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(home.path(), permissions).unwrap();
        };
        set_mode(0o500);
        // An administrator can write to this directory.
        let is_writable = disk::is_writable(home.path());
        let opened = Ledger::open_or_build(home.path());
        set_mode(0o700);
        assert_eq!(opened.is_ok(), is_writable);
    }

    #[test]
    fn a_new_ledger_does_not_replace_the_ledger_of_a_faster_process() {
        let home = tempfile::tempdir().unwrap();
        let slower = build(home.path());
        let faster = build(home.path());
        set_note(&faster, 1);
        let faster = faster.store_while(|ledger| ledger).unwrap();
        let stored = slower.store_while(|_| ());
        assert!(matches!(stored, Err(LedgerError::Disk(_))));
        assert_eq!(note(&faster.stored().unwrap()), Some(1));
        let files = std::fs::read_dir(home.path()).unwrap();
        let temporary = files.filter(|file| {
            let name = file.as_ref().unwrap().file_name();
            name.to_string_lossy().ends_with(".tmp")
        });
        assert_eq!(temporary.count(), 0);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test deletes a ledger")]
    fn the_log_of_a_deleted_ledger_does_not_change_a_new_one() {
        let home = tempfile::tempdir().unwrap();
        let path = path_in(home.path());
        let [log, ..] = companions(&path);
        let kept_log = home.path().join("kept");
        let deleted = Ledger::open(home.path(), WaitLimit::None).unwrap();
        set_note(&deleted, 1);
        std::fs::copy(&log, &kept_log).unwrap();
        drop(deleted);
        std::fs::remove_file(&path).unwrap();

        let interrupted = build(home.path());
        std::fs::rename(&kept_log, &log).unwrap();
        let stored = interrupted.store_while(|_| ());
        assert!(matches!(stored, Err(LedgerError::Disk(_))));
        let ledger = build(home.path());
        assert_eq!(note(&ledger), None);
    }

    #[test]
    fn a_ledger_whose_log_could_not_be_enabled_has_a_journal_on_disk() {
        let home = tempfile::tempdir().unwrap();
        let path = path_in(home.path());
        ownership::open_or_create_owned(&path).unwrap();
        let reader = Connection::open(&path).unwrap();
        reader
            .execute_batch("BEGIN; SELECT * FROM sqlite_schema")
            .unwrap();
        let ledger = Ledger::connect(&path, WaitLimit::None).unwrap();
        let mode_after_attempt = || {
            ledger
                .read(|store| {
                    let _ = store.enable_wal();
                    store.value::<String>("PRAGMA journal_mode", [])
                })
                .unwrap()
        };
        assert_eq!(mode_after_attempt(), "delete");
        reader.execute_batch("COMMIT").unwrap();
        assert_eq!(mode_after_attempt(), "wal");
    }
}
