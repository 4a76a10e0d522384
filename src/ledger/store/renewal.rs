//! Setting a ledger aside that cannot be used: once, however many processes find it so.
//!
//! Whoever opens the ledger holds a shared lock until the first look is over, and whoever sets it
//! aside holds it alone. So nobody ever opens a new file with the log of the old one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;

use super::error::{Damage, FileId, LedgerError};
use super::sqlite::{beside, open};
use crate::disk::{self, lock};

/// The file whose lock this is about.
const LOCK: &str = "ledger.lock";

/// As many are kept. A disk that goes on damaging them is not filled with more.
const MOST_KEPT: u32 = 20;

fn lock_beside(path: &Path) -> PathBuf {
    path.with_file_name(LOCK)
}

/// While this is held, nobody sets the ledger aside. Busy while somebody does. None where there is
/// no lock to be had: then nothing better can be done than to go on.
pub(super) fn keep_in_place(path: &Path) -> Result<Option<lock::Held>, LedgerError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    if disk::ours::check_own_directory(directory).is_err() {
        return Ok(None);
    }
    match lock::try_share(&lock_beside(path)) {
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
    let own = lock_beside(path);
    let held = lock::lock_within(&own, patience, &mut std::thread::sleep);
    let Some(_alone) = held.map_err(disk::unwritten(&own))? else {
        return Err(LedgerError::busy(path));
    };
    let is_the_same = error.file().is_some() && FileId::at(path) == error.file();
    // A disk that does not read for a moment looks like damage.
    if !is_the_same || (damage == Damage::Structure && is_sound(path)) {
        return Ok(());
    }
    let Some(free) = names(path).find(|name| !name.exists()) else {
        let full = format!(
            "it is damaged, and {MOST_KEPT} damaged ones lie beside it; look after the disk, and move those away"
        );
        return Err(disk::unwritten(path)(std::io::Error::other(full)).into());
    };
    for suffix in ["", "-wal", "-shm", "-journal"] {
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

/// The damaged ledgers that were set aside beside this one, the one that was written last first.
pub(super) fn damaged(path: &Path) -> Vec<PathBuf> {
    let written = |name: PathBuf| {
        let found = std::fs::symlink_metadata(&name).ok()?;
        Some((found.modified().ok()?, name))
    };
    let mut found: Vec<_> = names(path).filter_map(written).collect();
    found.sort();
    found.into_iter().rev().map(|(_, name)| name).collect()
}

/// Whether SQLite, asked to look at everything, finds nothing wrong.
fn is_sound(path: &Path) -> bool {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let look = || {
        let connection = open(path, flags)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.query_row("PRAGMA integrity_check(1)", [], |row| {
            row.get::<_, String>(0)
        })
    };
    look().is_ok_and(|found: String| found == "ok")
}
