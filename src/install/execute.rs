//! Executes an installation plan.
//!
//! Only one whycap process executes a plan at a time. If another program changes a file in the meantime, a new plan is
//! made. Files are never half-written, and because of the order of the steps, the settings are either unchanged or
//! complete after a crash.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};

use super::changes::{FileChange, PlanStep};
use super::edit_record::EditRecord;
use super::made_directories;
use super::plan::InstallPlan;
use super::slash_command::plugin_directory;
use crate::disk::{self, Durability};
use crate::environment::{Paths, real};
use crate::terminal::Failure;

impl PlanStep {
    /// Executes the step. If the file has changed since the plan was made, returns false and does nothing.
    fn run(&self, paths: &Paths) -> Result<bool, disk::Error> {
        match self {
            Self::Change(change) => return change.run(paths),
            Self::WriteOwn(path, bytes) => {
                disk::create_parent_directory(path)?;
                disk::write_atomically(path, bytes, Durability::Synced)?;
            }
            Self::RemoveOwn(path) => disk::remove_owned_file(path)?,
            Self::RemoveOwnDirectory(path) => disk::replace::remove_empty_owned_directory(path),
        }
        Ok(true)
    }
}

impl FileChange {
    fn run(&self, paths: &Paths) -> Result<bool, disk::Error> {
        let before = self.before.as_deref().map(str::as_bytes);
        match &self.after {
            Some(after) => {
                made_directories::record_missing_parents(paths, &self.path);
                disk::create_shared_parent_directory(&self.path)?;
                disk::replace::replace_if_unchanged(&self.path, before, after.as_bytes())
            }
            None => disk::replace::remove_if_unchanged(&self.path, before.unwrap_or_default()),
        }
    }
}

/// Executes the steps in order. Returns false if a file has changed since the plan was made. The remaining steps are
/// then not executed, and a new plan is needed.
pub fn run(paths: &Paths, steps: &[PlanStep]) -> Result<bool, disk::Error> {
    for step in steps {
        if !step.run(paths)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How long to wait for another installation to finish.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum number of attempts if another program keeps changing a file.
const ATTEMPTS: usize = 20;

/// Makes a plan, and executes it unless this is a dry run. Returns the plan.
///
/// Fails if a file cannot be written, if another installation does not finish within `lock_timeout`, or if another program
/// keeps changing a file.
pub(crate) fn plan_and_execute(
    paths: &Paths,
    lock_timeout: Duration,
    dry_run: bool,
    make: impl Fn() -> anyhow::Result<InstallPlan>,
) -> anyhow::Result<InstallPlan> {
    // If planning fails or there is nothing to do, neither the lock nor the data directory is needed.
    let first = make()?;
    if dry_run || first.is_empty() {
        return Ok(first);
    }

    let _lock = lock(&paths.data, lock_timeout)?;
    for _ in 0..ATTEMPTS {
        let plan = make()?;
        if run(paths, &plan.steps)? {
            return Ok(plan);
        }
    }
    let changed = first.steps.iter().find_map(|step| match step {
        PlanStep::Change(change) => Some(&change.path),
        _ => None,
    });
    bail!(
        "another program keeps changing {}; nothing was lost, so try again when the program has finished",
        changed.unwrap_or(&paths.claude_directory).display()
    )
}

/// Deletes temporary files that killed processes have left in whycap's own directory and next to the files that an
/// installation writes.
pub(crate) fn sweep(paths: &Paths, now: DateTime<Utc>) {
    for settings in EditRecord::known_settings(paths) {
        // If the path is a symbolic link, the target is written.
        if let Some(directory) = real(&settings).parent() {
            disk::remove_stale_temporary_files(directory, now, 0);
        }
    }
    disk::remove_stale_temporary_files(&plugin_directory(paths), now, 1);
    disk::remove_stale_temporary_files(&paths.data, now, 2);
}

/// Acquires the installation lock and holds it until the guard is dropped.
fn lock(data: &Path, lock_timeout: Duration) -> anyhow::Result<disk::lock::LockGuard> {
    disk::create_private_directory(data)?;
    let path = data.join("install.lock");
    let shown = path.display();
    disk::lock::lock_with_timeout(&path, lock_timeout, &mut std::thread::sleep)
        .with_context(|| Failure {
            what: format!("could not lock {shown}"),
            advice: "check that you have write permission for its directory",
        })?
        .with_context(|| format!("another whycap install is still running ({shown} is locked); try again when it has finished"))
}
