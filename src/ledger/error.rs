//! Errors that prevent the ledger from being used.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::disk;

/// The result of a database operation.
pub(super) type Result<T> = std::result::Result<T, rusqlite::Error>;

/// The result of a ledger operation.
pub(super) type LedgerResult<T> = std::result::Result<T, LedgerError>;

/// A file's identity, independent of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId(u64, u64);

impl FileId {
    /// Returns the identity of the file at this path, or `None` if there is no such file.
    #[cfg(unix)]
    pub(super) fn at(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::symlink_metadata(path).ok()?;
        Some(Self(metadata.dev(), metadata.ino()))
    }

    /// Returns the identity of the file at this path, based on its creation time. Returns `None` if the file does not
    /// exist or its creation time is unknown.
    #[cfg(not(unix))]
    pub(super) fn at(path: &Path) -> Option<Self> {
        let created = std::fs::symlink_metadata(path)
            .ok()?
            .created()
            .ok()?;
        let since_epoch = created.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Self(
            since_epoch.as_secs(),
            since_epoch.subsec_nanos().into(),
        ))
    }
}

/// A ledger error.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A database operation failed.
    #[error("could not use {path}: {source}")]
    Database {
        /// The ledger file.
        path: PathBuf,
        /// The identity of the file that was opened. Another process may have replaced the file in the meantime.
        file: Option<FileId>,
        /// The SQLite error.
        source: rusqlite::Error,
    },
    /// Something else is in the place of a file that SQLite keeps beside the ledger, such as a directory or a link.
    #[error("{path} is not a regular file that you own; move it somewhere else")]
    Obstructed {
        /// The path of that file.
        path: PathBuf,
    },
    /// A file or directory could not be read or written.
    #[error(transparent)]
    Disk(#[from] disk::Error),
}

impl LedgerError {
    pub(super) fn of_database(
        path: &Path,
        file: Option<FileId>,
    ) -> impl Fn(rusqlite::Error) -> Self + '_ {
        move |source| Self::Database {
            path: path.to_owned(),
            file,
            source,
        }
    }

    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Database { source, .. } => source.sqlite_error_code(),
            Self::Obstructed { .. } | Self::Disk(_) => None,
        }
    }

    /// Returns true if another process is writing to the ledger.
    pub fn is_busy(&self) -> bool {
        let code = self.code();
        code == Some(ErrorCode::DatabaseBusy) || code == Some(ErrorCode::DatabaseLocked)
    }

    /// Returns true if the system could not read or write one of the ledger's files.
    pub(crate) fn is_io_failure(&self) -> bool {
        self.code() == Some(ErrorCode::SystemIoFailure)
    }

    /// Returns true if the file's pages, tables, or values are damaged, or if it cannot be used because of another file.
    pub fn is_damage(&self) -> bool {
        use rusqlite::Error;
        match self {
            Self::Database { source, path, .. } => match source {
                Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnType(..)
                | Error::Utf8Error(..)
                // A table or a column is missing.
                | Error::SqlInputError { .. }
                | Error::QueryReturnedNoRows => true,
                _ => match source.sqlite_error_code() {
                    Some(ErrorCode::ReadOnly) => has_unknown_format(path),
                    Some(
                        ErrorCode::DatabaseCorrupt
                        | ErrorCode::NotADatabase
                        | ErrorCode::TypeMismatch
                        | ErrorCode::ConstraintViolation
                        | ErrorCode::Unknown,
                    ) => true,
                    _ => false,
                },
            },
            Self::Obstructed { .. } => true,
            Self::Disk(_) => false,
        }
    }

    /// Returns true if the file that caused the error still exists at its path.
    pub(super) fn is_about_present_file(&self) -> bool {
        match self {
            Self::Database { path, file, .. } => file.is_some() && FileId::at(path) == *file,
            Self::Obstructed { .. } | Self::Disk(_) => false,
        }
    }

    /// Returns advice for the user, or `None` if there is no known remedy.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        match self.code()? {
            ErrorCode::DiskFull => Some("free some space on the disk"),
            ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
                Some("check that you own the directory and can write to it")
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                Some("another whycap process is writing to the ledger; try again in a moment")
            }
            ErrorCode::FileLockingProtocolFailed | ErrorCode::SystemIoFailure => {
                Some("set WHYCAP_DATA_DIR to a directory on a local disk")
            }
            _ => None,
        }
    }
}

/// Returns true if the file header specifies a format that SQLite does not support. SQLite then refuses to write and
/// reports the same error as for a read-only file.
fn has_unknown_format(path: &Path) -> bool {
    use std::io::Read;
    let mut header = [0; 20];
    let result =
        disk::ownership::open_owned(path).and_then(|mut file| file.read_exact(&mut header));
    result.is_ok() && header.ends_with(&[1, 1]) == header.ends_with(&[2, 2])
}
