//! How SQLite's files are called and opened.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

/// The file that SQLite keeps beside the ledger under its name with this ending.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Has SQLite open a file. On Windows it takes names of 260 characters at most, those of the files
/// beside it included, unless a path is written as the system looked it up.
pub(super) fn open(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    const LONG: usize = 200;
    let looked_up = || {
        let directory = std::fs::canonicalize(path.parent()?).ok()?;
        Some(directory.join(path.file_name()?))
    };
    if cfg!(windows)
        && path.as_os_str().len() > LONG
        && let Some(path) = looked_up()
    {
        return Connection::open_with_flags(path, flags);
    }
    Connection::open_with_flags(path, flags)
}
