//! What was counted so far, kept in one SQLite file.
//!
//! Promises: a response counts once however often and wherever it is read; what was counted stays
//! counted when its transcript is gone; several processes may read and write at once; a status
//! line or hook waits for no other process, save a moment while one opens the ledger (its write is
//! put off to the next time, and the figures it shows include what it could not write). Not
//! promised: that figures priced by an older table change before [`Ledger::reprice`] runs.

mod batch;
mod catch_up;
mod commit;
mod difference;
mod directories;
mod figures;
mod files;
mod live;
mod paths;
mod reconcile;
mod report;
mod reprice;
mod row;
mod schema;
mod search;
mod unrecorded;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction};

pub use batch::Batch;
pub use catch_up::{Caught, Effort, Step};
pub use difference::{ClientFigure, SessionDifference};
pub use figures::Spent;
pub use live::{Live, LiveFigures};
pub use report::{Origin, Row};

use crate::disk;
use crate::pricing::PriceTable;
use crate::time::QUARTER;

/// The file's name in the data directory.
const FILE_NAME: &str = "ledger.sqlite3";

/// A write-ahead log above this is folded back into the ledger by whoever has time for it: the
/// first process to open the ledger reads the whole log.
const WAL_TIDY: u64 = 64 * 1024;
/// Above this even a status line does it: reading more costs each of them a tenth of its time.
const WAL_PRESSING: u64 = 256 * 1024;

/// How long a person's verb waits for another process.
const PERSON_WAITS: Duration = Duration::from_secs(20);

/// For how long anybody tries to open the ledger. The first process to open it puts the index of
/// its log in order, and until that is done, mostly well under a millisecond, nobody else can
/// read. Eight status lines drawn at once meet this often.
const OPENING: Duration = Duration::from_millis(10);

/// The bytes of the log's index that keep readers out while another process holds them: it puts
/// the index in order (`WAL_RECOVER_LOCK`), empties the log (all of `WAL_READ_LOCK` but the first),
/// or makes the index (the dead man's switch). SQLite would try for ten seconds if that process
/// was stopped just then. Not the first `WAL_READ_LOCK`, which whoever folds the log back holds
/// through all his flushing, and which readers pass by.
const INDEX_LOCKS: [std::ops::RangeInclusive<u64>; 2] = [122..=122, 124..=128];

/// How long to wait for another writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Not at all, save a moment while the ledger is opened: for verbs that Claude Code runs.
    None,
    /// Some seconds: for verbs that people run.
    Person,
}

impl Patience {
    fn limit(self) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Person => PERSON_WAITS,
        }
    }
}

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite failed.
    #[error("could not use {path}: {source}")]
    Database {
        /// The ledger.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A newer whycap made it.
    #[error(
        "{path} was made by a newer whycap; update this one, or set WHYCAP_DATA_DIR to keep two ledgers"
    )]
    Newer {
        /// The ledger.
        path: PathBuf,
    },
    /// The directory or file could not be made.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// The built-in price table is damaged.
    #[error(transparent)]
    Prices(#[from] crate::pricing::Unreadable),
}

impl Error {
    /// Whether another process was writing.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Database { source, .. } if code(source) == Some(ErrorCode::DatabaseBusy))
    }
}

fn code(error: &rusqlite::Error) -> Option<ErrorCode> {
    error.sqlite_error_code()
}

fn is_corrupt(error: &rusqlite::Error) -> bool {
    matches!(
        code(error),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// An open ledger.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    path: PathBuf,
    patience: Patience,
}

/// The ledger's place in a data directory.
pub fn path_in(data: &Path) -> PathBuf {
    data.join(FILE_NAME)
}

impl Ledger {
    /// Opens the ledger in `data`, making it (0600, in a 0700 directory) if there is none. A
    /// corrupt one is set aside under another name and a new one begun; transcripts fill it again.
    ///
    /// For one ledger at a time in a process: a second opening looks at the locks of the first
    /// file, and giving back that look gives back the locks (POSIX has it so).
    pub fn open(data: &Path, patience: Patience) -> Result<Self, Error> {
        let path = path_in(data);
        match Self::open_soon(&path, patience) {
            Err(Error::Database { source, .. }) if is_corrupt(&source) => {
                set_aside(&path)?;
                Self::open_soon(&path, patience)
            }
            other => other,
        }
    }

    /// Opens a ledger that is there. None if there is none or it cannot be read: for verbs to
    /// which its figures are an extra.
    pub fn open_existing(data: &Path, patience: Patience) -> Option<Self> {
        let path = path_in(data);
        path.exists()
            .then(|| Self::open_soon(&path, patience).ok())
            .flatten()
    }

    fn open_soon(path: &Path, patience: Patience) -> Result<Self, Error> {
        patiently(patience.limit().max(OPENING), || {
            Self::open_at(path, patience)
        })
    }

    fn open_at(path: &Path, patience: Patience) -> Result<Self, Error> {
        let failed = |source| Error::Database {
            path: path.to_owned(),
            source,
        };
        if patience == Patience::None
            && disk::lock::others_hold(&beside(path, "-shm"), &INDEX_LOCKS)
        {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(failed(rusqlite::Error::SqliteFailure(busy, None)));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = match Connection::open_with_flags(path, flags) {
            Err(error) if code(&error) == Some(ErrorCode::CannotOpen) => {
                disk::create_private_file(path)?;
                Connection::open_with_flags(path, flags)
            }
            other => other,
        };
        let mut connection = opened.map_err(failed)?;
        connection.busy_timeout(patience.limit()).map_err(failed)?;
        // Folding the log back means flushing to disk: that is for those who have time.
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map_err(failed)?;
        connection
            .execute_batch("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0")
            .map_err(failed)?;
        match schema::bring_up_to_date(&mut connection).map_err(failed)? {
            schema::Shape::Current => {}
            schema::Shape::Newer => {
                return Err(Error::Newer {
                    path: path.to_owned(),
                });
            }
        }
        Ok(Self {
            connection,
            path: path.to_owned(),
            patience,
        })
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> Error + use<> {
        let path = self.path.clone();
        move |source| Error::Database {
            path: path.clone(),
            source,
        }
    }

    /// Puts a batch into the ledger.
    pub fn commit(&mut self, batch: &Batch, prices: &PriceTable) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        let failed = self.failed();
        let patience = self.patience;
        patiently(patience.limit(), || {
            commit::commit(&mut self.connection, batch, prices).map_err(&failed)
        })?;
        self.tidy();
        Ok(())
    }

    /// Folds a long write-ahead log back into the file. It flushes to disk, so a status line does
    /// it only when it must. Never waits for another process, and failing is harmless.
    fn tidy(&self) {
        self.fold_log(if self.patience == Patience::None {
            WAL_PRESSING
        } else {
            WAL_TIDY
        });
    }

    /// Like the tidying after a write, for a hook: it runs while nobody waits.
    pub fn tidy_in_background(&self) {
        self.fold_log(WAL_TIDY);
    }

    fn fold_log(&self, longest: u64) {
        if std::fs::metadata(beside(&self.path, "-wal"))
            .is_ok_and(|metadata| metadata.len() > longest)
        {
            let _ = self
                .connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }

    /// Until it is dropped, all that is read here is of one moment: the figures agree with each
    /// other, and no lock is taken and given back for each. It keeps nobody from writing.
    pub fn snapshot(&self) -> Result<Transaction<'_>, Error> {
        self.connection
            .unchecked_transaction()
            .map_err(self.failed())
    }
}

/// Tries again while another process is in the way, until `limit` has passed. SQLite's own busy
/// timeout leaves some cases out: switching a new file to WAL, and recovering its log.
fn patiently<T>(
    limit: Duration,
    mut attempt: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let began = Instant::now();
    let pause = (limit / 100).min(Duration::from_millis(10));
    loop {
        match attempt() {
            Err(error) if error.is_busy() && began.elapsed() < limit => std::thread::sleep(pause),
            other => return other,
        }
    }
}

/// The file that SQLite keeps beside the ledger under its name with this ending.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Moves a ledger that cannot be read out of the way, with its log. Nothing is deleted: it may
/// hold the only record of transcripts that the client has cleaned up.
fn set_aside(path: &Path) -> Result<(), Error> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    // Two processes may find the damage at once; the second finds the file gone.
    let Ok(Some(_held)) = disk::lock::try_lock(&directory.join("ledger.lock")) else {
        return Ok(());
    };
    let numbered = |number: u32| directory.join(format!("ledger.damaged-{number}.sqlite3"));
    let free = (1..1000)
        .map(numbered)
        .find(|name| !name.exists())
        .unwrap_or_else(|| numbered(0));
    for suffix in ["", "-wal", "-shm"] {
        if beside(path, suffix).exists() {
            disk::rename(&beside(path, suffix), &beside(&free, suffix))?;
        }
    }
    Ok(())
}
