//! Sets a damaged ledger aside.

use std::path::{Path, PathBuf};

use super::database::{Ledger, Store, WaitLimit, companions, path_in};
use super::error::{LedgerError, LedgerResult};
use crate::disk::lock::{self, LockGuard};
use crate::disk::{self, ownership};
use crate::environment::Paths;

impl Ledger {
    /// Sets a damaged ledger aside. The next call to [`Ledger::open`] creates a new ledger and fills it from the
    /// transcripts.
    ///
    /// On the first attempt, the file is checked and is kept if it is intact, because another process may already have
    /// replaced it. Does nothing if `error` is not about damage. Returns an error if the file cannot be moved.
    pub fn mend(
        paths: &Paths,
        wait_limit: WaitLimit,
        error: &LedgerError,
        is_second_attempt: bool,
    ) -> LedgerResult<()> {
        if !error.is_damage() {
            return Ok(());
        }
        let path = path_in(&paths.data);
        if matches!(error, LedgerError::Obstructed { .. }) {
            return set_obstacles_aside(&path, wait_limit);
        }
        if !is_second_attempt && can_be_repaired(&paths.data) {
            return Ok(());
        }
        let is_needed = || error.is_about_present_file();
        if !set_aside(&path, "damaged", wait_limit, is_needed)? {
            return Ok(());
        }
        let ledger = Self::open(&paths.data, wait_limit)?;
        ledger.write(|store| store.set_meta("has_damage_notice", 1))
    }

    /// Returns the damaged ledger that was set aside most recently, unless it has already been announced.
    pub fn take_damage_notice(&mut self) -> Option<PathBuf> {
        if self
            .read(|store| store.meta("has_damage_notice"))
            .ok()?
            != Some(1)
        {
            return None;
        }
        // Of several processes that announce it at the same time, only one changes the number.
        let changed = self.write(|store| {
            store.change(
                "UPDATE meta SET value = 0 WHERE name = 'has_damage_notice' AND value = 1",
                [],
            )
        });
        if changed.ok()? == 0 {
            return None;
        }
        Self::damaged_in(self.path.parent()?)
            .into_iter()
            .next()
    }

    /// Returns the damaged ledgers that were set aside, newest first.
    pub fn damaged_in(data: &Path) -> Vec<PathBuf> {
        let mut damaged: Vec<PathBuf> = disk::files_with_extension(data, "sqlite3")
            .filter(|path| {
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy();
                name.starts_with("ledger.damaged")
            })
            .collect();
        damaged.sort_by_key(|path| {
            let modified = path
                .metadata()
                .and_then(|metadata| metadata.modified());
            std::cmp::Reverse((modified.ok(), path.clone()))
        });
        damaged
    }
}

/// Recalculates the ledger's sums. Returns true if all pages are intact. Also returns true if another process is
/// writing to the ledger, in which case the check is skipped.
fn can_be_repaired(data: &Path) -> bool {
    let repaired = Ledger::open(data, WaitLimit::None).and_then(|ledger| {
        let check = ledger.read(|store| store.value::<String>("PRAGMA quick_check(1)", []))?;
        ledger.write(Store::make_sums)?;
        Ok(check == "ok")
    });
    match repaired {
        Ok(is_sound) => is_sound,
        Err(error) => error.is_busy(),
    }
}

/// Renames whatever is in the place of the files that SQLite keeps beside the ledger. The ledger itself stays.
fn set_obstacles_aside(ledger: &Path, wait_limit: WaitLimit) -> LedgerResult<()> {
    let Some(_lock) = lock_files(ledger, wait_limit)? else {
        return Ok(());
    };
    for obstacle in companions(ledger) {
        let extension = obstacle
            .extension()
            .unwrap_or_default()
            .to_string_lossy();
        if ownership::check_owned_file(&obstacle).is_err()
            && let Some(target) = free_name(ledger, "damaged", &extension)
        {
            disk::rename(&obstacle, &target)?;
        }
    }
    Ok(())
}

/// Keeps other processes from renaming the ledger's files. Returns `None` if another process does so for too long.
fn lock_files(ledger: &Path, wait_limit: WaitLimit) -> LedgerResult<Option<LockGuard>> {
    let path = ledger.with_file_name("ledger.lock");
    let held = lock::lock_with_timeout(&path, wait_limit.limit(), &mut std::thread::sleep);
    Ok(held.map_err(disk::write_error(&path))?)
}

/// Returns a path that is still free, such as `ledger.damaged-2.sqlite3`.
fn free_name(ledger: &Path, label: &str, extension: &str) -> Option<PathBuf> {
    (1..10_000)
        .map(|number| ledger.with_file_name(format!("ledger.{label}-{number}.{extension}")))
        .find(|candidate| candidate.symlink_metadata().is_err())
}

/// Renames a ledger's files, for example to `ledger.damaged-2.sqlite3`, if `is_needed` returns true. While `is_needed`
/// runs, no other process can rename the files. Returns true if the files were renamed.
pub(super) fn set_aside(
    path: &Path,
    label: &str,
    wait_limit: WaitLimit,
    is_needed: impl FnOnce() -> bool,
) -> LedgerResult<bool> {
    let Some(_lock) = lock_files(path, wait_limit)? else {
        return Ok(false);
    };
    if !is_needed() {
        return Ok(false);
    }
    let Some(target) = free_name(path, label, "sqlite3") else {
        return Ok(false);
    };
    disk::rename(path, &target)?;
    for (from, to) in companions(path).iter().zip(companions(&target)) {
        if from.symlink_metadata().is_ok() {
            disk::rename(from, &to)?;
        }
    }
    Ok(true)
}
