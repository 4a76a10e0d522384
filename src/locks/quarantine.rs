//! Clears locks, and restores them from quarantine. Empty directories are removed, and everything else is moved to
//! quarantine.
//!
//! Each quarantined lock has its own directory in `<data>/quarantine`. It contains the lock under its original name,
//! and a `manifest.json` with the original path, the time, and the reason. The manifest is written first so that the
//! origin of the lock is known even after a crash.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::LockAction;
use super::observation::{ObservedLock, OpenLock};
use crate::disk::directory::Directory;
use crate::disk::replace::remove_empty_owned_directory;
use crate::disk::{self, Durability, EntryKind, records};
use crate::environment::{Paths, quoted};

/// The manifest of a quarantined lock.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    /// The lock's original absolute path.
    original: PathBuf,
    /// The time of the move in RFC 3339 format, for people who read the manifest.
    moved_at: String,
    why: String,
}

/// The name of the manifest file.
const MANIFEST: &str = "manifest.json";

fn quarantine_directory(paths: &Paths) -> PathBuf {
    paths.data.join("quarantine")
}

/// The reason why a lock was not cleared. The strings are sentences for the user.
#[derive(Debug)]
pub(super) enum NotCleared {
    /// The lock has changed, so it was left in place.
    Kept(&'static str),
    /// The lock could not be moved to quarantine.
    NoQuarantine(String),
    /// Another process acquired the lock while whycap was moving it, and the lock could not be moved back.
    Displaced(String),
    /// The system refused an operation.
    Refused(io::Error),
}

impl From<io::Error> for NotCleared {
    fn from(error: io::Error) -> Self {
        Self::Refused(error)
    }
}

/// The outcome if a lock was not cleared.
pub(super) struct ClearingOutcome {
    pub action: LockAction,
    pub reason: String,
}

impl NotCleared {
    /// Returns the outcome to report.
    pub(super) fn outcome(self, observed: &ObservedLock) -> ClearingOutcome {
        let (action, reason) = match self {
            Self::Kept(reason) => (LockAction::Kept, reason.to_owned()),
            Self::NoQuarantine(reason) | Self::Displaced(reason) => (LockAction::Failed, reason),
            Self::Refused(error) => match error.kind() {
                ErrorKind::NotFound => (
                    LockAction::None,
                    "The lock was removed before whycap could clear it.".to_owned(),
                ),
                ErrorKind::DirectoryNotEmpty => (
                    LockAction::Kept,
                    "In the meantime, another program put something into the lock directory."
                        .to_owned(),
                ),
                _ => {
                    let path = observed.location.path();
                    let directory = path.parent().unwrap_or(Path::new("/")).display();
                    (
                        LockAction::Failed,
                        format!(
                            "The operating system did not allow whycap to clear the lock ({error}). Check the permissions of {directory}."
                        ),
                    )
                }
            },
        };
        ClearingOutcome { action, reason }
    }
}

/// The outcome if another process acquires the lock while it is being cleared.
const TAKEN: NotCleared =
    NotCleared::Kept("In the meantime, another process took the lock, so whycap left it in place.");

impl OpenLock<'_> {
    /// Clears the lock. `reason` is recorded in the manifest.
    ///
    /// An empty directory is moved before it is removed. If it turns out to be a different directory, it can be moved
    /// back. Anything else stays in quarantine.
    pub(super) fn clear(&self, reason: &str) -> Result<(), NotCleared> {
        let name = self.observed.location.name();
        let is_empty_directory = self.observed.info.kind == EntryKind::EmptyDirectory;

        match self.move_to_quarantine(reason) {
            Ok(item) if is_empty_directory => {
                let removed = Directory::open(&item).and_then(|item| item.remove_empty(name));
                // A directory that cannot be removed stays in quarantine.
                if removed.is_ok() {
                    remove_item(&item);
                }
                Ok(())
            }
            Err(NotCleared::NoQuarantine(_)) if is_empty_directory => {
                let new_name = format!("{}.whycap-{}", name.to_string_lossy(), std::process::id());
                self.move_to(&self.parent, new_name.as_ref(), new_name.as_ref())?;
                Ok(self.parent.remove_empty(new_name.as_ref())?)
            }
            Ok(_) => Ok(()),
            Err(not_cleared) => Err(not_cleared),
        }
    }

    /// Moves the lock to quarantine. Returns the directory that was created for it.
    fn move_to_quarantine(&self, reason: &str) -> Result<PathBuf, NotCleared> {
        let quarantine = quarantine_directory(self.context.paths);
        let (item, target) = self.create_item(&quarantine, reason).map_err(|error| {
            NotCleared::NoQuarantine(format!(
                "whycap cannot use its quarantine in {}: {error}. Check the permissions of that directory.",
                quarantine.display()
            ))
        })?;

        let moved = self.move_to(&target, self.observed.location.name(), &item);
        // Windows cannot delete an open directory.
        drop(target);
        if moved.is_err() {
            remove_item(&item);
        }
        moved.map(|()| item)
    }

    /// Creates a directory with a manifest for the lock. Returns its path and a handle.
    fn create_item(&self, quarantine: &Path, reason: &str) -> anyhow::Result<(PathBuf, Directory)> {
        let manifest = Manifest {
            original: self.observed.location.path(),
            moved_at: self.context.now.to_rfc3339(),
            why: reason.to_owned(),
        };
        disk::create_private_directory(quarantine)?;

        let prefix = self
            .context
            .now
            .format("%Y%m%dT%H%M%SZ-")
            .to_string();
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        // Until `keep()` is called, the directory, which contains only the manifest, is deleted on failure.
        let item = builder.tempdir_in(quarantine)?;
        disk::write_atomically(
            &item.path().join(MANIFEST),
            &serde_json::to_vec_pretty(&manifest)?,
            Durability::Synced,
        )?;
        let target = Directory::open(item.path())?;
        Ok((item.keep(), target))
    }

    /// Moves the lock to another directory under a new name. If another process has acquired the lock at the last
    /// moment, moves it back. `target_path` is the path of the target for error messages.
    fn move_to(
        &self,
        target: &Directory,
        new_name: &OsStr,
        target_path: &Path,
    ) -> Result<(), NotCleared> {
        if !self.is_unchanged()? {
            return Err(TAKEN);
        }
        let name = self.observed.location.name();
        self.parent
            .move_to(name, target, new_name)
            .map_err(|error| match error.kind() {
                ErrorKind::CrossesDevices => self.not_movable_across_file_systems(),
                _ => error.into(),
            })?;
        if self.is_same_entry(new_name, target).unwrap_or(false) {
            return Ok(());
        }

        match target.move_to(new_name, &self.parent, name) {
            Ok(()) => Err(TAKEN),
            Err(error) => Err(NotCleared::Displaced(format!(
                "In the meantime, another process took the lock, and whycap could not put it back ({error}). The lock is now in {}.",
                target_path.display()
            ))),
        }
    }

    fn not_movable_across_file_systems(&self) -> NotCleared {
        let path = self.observed.location.path().display().to_string();
        let from = quoted(&path);
        let to = quoted(&format!("{path}.old"));
        NotCleared::NoQuarantine(format!(
            "whycap's quarantine is on a different file system. Move the lock yourself: mv {from} {to}"
        ))
    }
}

/// A quarantined lock, and the result of restoring it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Restored {
    /// The lock's original path.
    pub path: PathBuf,
    /// True if the lock was restored to that path.
    pub back: bool,
    /// The reason why the lock was not restored.
    pub why: String,
}

/// Returns true if the quarantine can be read and contains a lock.
pub(crate) fn has_locks(paths: &Paths) -> bool {
    std::fs::read_dir(quarantine_directory(paths)).is_ok_and(|mut items| items.next().is_some())
}

/// Restores all quarantined locks, oldest first. Existing files are never replaced.
pub(crate) fn restore(paths: &Paths) -> Result<Vec<Restored>, disk::Error> {
    let quarantine = quarantine_directory(paths);
    if quarantine.exists() {
        disk::ownership::check_owned_directory(&quarantine)
            .map_err(disk::read_error(&quarantine))?;
    }
    let mut items: Vec<PathBuf> = match std::fs::read_dir(&quarantine) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(disk::read_error(&quarantine)(error)),
    };
    items.sort();
    Ok(items
        .iter()
        .filter_map(|item| restore_item(item))
        .collect())
}

/// Restores a quarantined lock. Returns `None` if the lock is missing or the manifest cannot be read.
fn restore_item(item: &Path) -> Option<Restored> {
    // An earlier process may have been killed right after it had restored the lock.
    if remove_item(item) {
        return None;
    }
    let Manifest { original: path, .. } = records::read(&item.join(MANIFEST))?;
    let result = move_back(item, &path);
    if result.is_ok() {
        remove_item(item);
    }
    Some(Restored {
        back: result.is_ok(),
        why: result.err().unwrap_or_default(),
        path,
    })
}

/// Moves a quarantined lock back to its original path. The error is a sentence for the user.
fn move_back(item: &Path, path: &Path) -> Result<(), String> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(format!(
            "whycap does not know where the lock came from, so it left the lock in {}.",
            item.display()
        ));
    };
    Directory::open(item)
        .and_then(|item| item.move_to(name, &Directory::open(parent)?, name))
        .map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => format!(
                "The lock was not restored because another file now exists at its original path. The lock is still in {}.",
                item.display()
            ),
            _ => format!(
                "The operating system did not allow the lock to be restored ({error}). The lock is still in {}.",
                item.display()
            ),
        })
}

/// Removes a directory in the quarantine if it contains only a manifest. If it contains a lock, returns false and
/// removes nothing.
fn remove_item(item: &Path) -> bool {
    let has_no_lock = Directory::open(item)
        .and_then(|item| item.names(2))
        .is_ok_and(|names| names.iter().all(|name| name == MANIFEST));
    if has_no_lock {
        // Ignore errors, because a leftover manifest is harmless.
        let _ = disk::remove_owned_file(&item.join(MANIFEST));
        remove_empty_owned_directory(item);
    }
    has_no_lock
}
