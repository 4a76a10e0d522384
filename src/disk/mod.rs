//! Writes all of whycap's files, and reads files that another user may have planted.
//!
//! Readers never see partially written files. Files have mode 0600 and directories have mode 0700, except for exports in a
//! directory that a group shares. Only files that whycap created are ever deleted. If a file has been replaced
//! with a symbolic link, the link's target is not touched.
//!
//! A power failure can undo a write unless it was made with [`Durability::Synced`].

pub(crate) mod directory;
pub(crate) mod lock;
pub(crate) mod ownership;
mod read;
pub(crate) mod records;
pub(crate) mod replace;
mod stale_files;
mod write;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use directory::{EntryInfo, EntryKind};
pub(crate) use read::{
    files_with_extension, is_same_file, matches_wildcard, owned_size, read, read_head, read_owned,
    read_owned_end, read_tail,
};
pub(crate) use stale_files::remove_stale_temporary_files;
#[cfg(test)]
pub(crate) use write::create_private_file;
pub(crate) use write::{
    Durability, copy_executable, create_atomically, create_parent_directory,
    create_private_directory, create_shared_parent_directory, create_synced, is_writable,
    remove_owned_file, rename, write_atomically, write_for_group,
};

/// A failed file operation. The message includes the path and a remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory could not be read.
    #[error(
        "could not read {path}: {source}; check that it is a file and that you have permission to read it"
    )]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// The error reported by the system.
        source: io::Error,
    },
    /// A file or directory could not be created, changed, or deleted.
    #[error(
        "could not write {path}: {source}; check that the directory exists and that you own it"
    )]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// The error reported by the system.
        source: io::Error,
    },
    /// A file exceeds the size limit.
    #[error(
        "{path} is too large ({size} bytes, and whycap reads at most {limit}); restore an earlier version, or move it somewhere else"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The size of the file in bytes.
        size: u64,
        /// The size limit in bytes.
        limit: u64,
    },
}

/// Returns a function that adds the path to an I/O error, for use with [`Result::map_err`].
pub(crate) fn read_error(path: &Path) -> impl Fn(io::Error) -> Error + Copy {
    move |source| Error::Read {
        path: path.to_owned(),
        source,
    }
}

/// Like [`read_error`], for operations that create, change, or delete something.
pub(crate) fn write_error(path: &Path) -> impl Fn(io::Error) -> Error + Copy {
    move |source| Error::Write {
        path: path.to_owned(),
        source,
    }
}
