//! Why the ledger cannot be used, and what of it means that the file is damaged.

use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

use crate::disk;

/// Which file this is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId(u64, u64);

impl FileId {
    /// The file that stands here now.
    #[cfg(unix)]
    pub(super) fn at(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::symlink_metadata(path).ok()?;
        Some(Self(found.dev(), found.ino()))
    }

    /// The file that stands here now, as far as the moment of its making tells.
    #[cfg(not(unix))]
    pub(super) fn at(path: &Path) -> Option<Self> {
        let made = std::fs::symlink_metadata(path).ok()?.created().ok()?;
        let made = made.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Self(made.as_secs(), made.subsec_nanos().into()))
    }
}

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// SQLite failed.
    #[error("could not use {path}: {source}")]
    Database {
        /// The ledger.
        path: PathBuf,
        /// Which file stood there.
        file: Option<FileId>,
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
}

/// What is wrong with a file that is no ledger of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// SQLite cannot make sense of the file. A disk that does not read looks the same.
    Structure,
    /// SQLite can read it, but tables or values are not what whycap writes.
    Content,
}

impl LedgerError {
    /// Whether another process was writing, or the file system cannot lock.
    pub fn is_busy(&self) -> bool {
        matches!(
            self.code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::FileLockingProtocolFailed)
        )
    }

    /// Whether the ledger is damaged; [`super::Ledger::mend`] can do something about it.
    pub fn is_damage(&self) -> bool {
        self.damage().is_some()
    }

    /// SQLite failed on the ledger that is kept at `path`; `file` stood there then.
    pub(super) fn from_sqlite(path: &Path, file: Option<FileId>, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        Self::Database { path, file, source }
    }

    pub(super) fn busy(path: &Path) -> Self {
        let busy = ffi::Error::new(ffi::SQLITE_BUSY);
        Self::from_sqlite(path, None, rusqlite::Error::SqliteFailure(busy, None))
    }

    /// The ledger's place, which file stood there, and what SQLite said.
    fn database(&self) -> Option<(&Path, Option<FileId>, &rusqlite::Error)> {
        match self {
            Self::Database { path, file, source } => Some((path, *file, source)),
            _ => None,
        }
    }

    /// Which file gave the error.
    pub(super) fn file(&self) -> Option<FileId> {
        self.database()?.1
    }

    pub(crate) fn code(&self) -> Option<ErrorCode> {
        self.database()?.2.sqlite_error_code()
    }

    /// What to do where SQLite failed. The other errors say it themselves.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        Some(match self.code()? {
            ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
                "check that you may read and write it and its folder"
            }
            ErrorCode::ReadOnly => "make it and its folder writable (chmod u+w)",
            ErrorCode::DiskFull => "free some space and try again",
            ErrorCode::SystemIoFailure => "check the disk that it is on, and try again",
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed => {
                "another program keeps it locked: try again when that is done"
            }
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                "move it away; `whycap spend` makes a new one from the transcripts that are left"
            }
            ErrorCode::OutOfMemory => "close other programs and try again",
            _ => "try again; if it stays so, move it away, and `whycap spend` makes a new one",
        })
    }

    pub(crate) fn damage(&self) -> Option<Damage> {
        let (path, _, source) = self.database()?;
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Some(Damage::Structure),
            Some(ErrorCode::ReadOnly) if has_odd_header(path) => Some(Damage::Content),
            // `Unknown` is what is said of tables that are missing or have other columns. What SQLite
            // read well and is no value of ours has no code.
            None
            | Some(ErrorCode::Unknown | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => {
                Some(Damage::Content)
            }
            _ => None,
        }
    }
}

/// `SQLite` only reads a file whose header names a way of writing that it does not know. Whoever may
/// not write gets the same error.
fn has_odd_header(path: &Path) -> bool {
    use std::io::Read;
    let mut header = [0; 20];
    let read = disk::ours::open_own(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header.ends_with(&[1, 1]) == header.ends_with(&[2, 2])
}
