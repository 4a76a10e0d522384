//! Carrying out a plan: alone among whycaps, and again if somebody else wrote meanwhile.
//!
//! Each step leaves every file whole. A crash between any two leaves settings that are either as before or complete:
//! their order is the plan's business.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};

use super::changes::Step;
use super::edit_record::EditRecord;
use super::plan::{InstallPlan, slash_command_path};
use crate::disk::{self, Durability};
use crate::places::{Places, real};

impl Step {
    /// False if somebody changed the file after the plan was made; then nothing was done.
    fn run(&self) -> Result<bool, disk::Error> {
        match self {
            Self::Change(change) => {
                let (path, before) = (&change.path, change.before.as_deref().map(str::as_bytes));
                let Some(after) = &change.after else {
                    return disk::replace::remove_if_unchanged(path, before.unwrap_or_default());
                };
                disk::create_shared_directory_of(path)?;
                return disk::replace::replace_if_unchanged(path, before, after.as_bytes());
            }
            Self::WriteOwn(path, bytes) => {
                disk::create_directory_of(path)?;
                disk::write_atomically(path, bytes, Durability::Synced)?;
            }
            Self::RemoveOwn(path) => disk::remove_own_file(path)?,
            Self::RemoveOwnDirectory(path) => disk::replace::remove_own_empty_dir(path),
        }
        Ok(true)
    }
}

/// Runs the steps in order. False if somebody changed a file after the plan was made: then that
/// step and those behind it were not done, and it takes a new plan.
pub fn run(steps: &[Step]) -> Result<bool, disk::Error> {
    let mut steps = steps.iter();
    steps.try_fold(true, |goes_on, step| Ok(goes_on && step.run()?))
}

/// How long a person waits for another installation to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How often to start again because somebody else wrote the file meanwhile.
const ATTEMPTS: usize = 20;

/// Plans and, unless this is a dry run, carries out: alone among whycaps, and again if somebody else
/// wrote in between.
pub(crate) fn carry_out(
    places: &Places,
    patience: Duration,
    dry_run: bool,
    make: impl Fn() -> anyhow::Result<InstallPlan>,
) -> anyhow::Result<InstallPlan> {
    // What is refused or already done needs neither a lock nor a data directory.
    let first = make()?;
    if dry_run || first.is_empty() {
        return Ok(first);
    }
    let _alone = lock(&places.data, patience)?;
    for _ in 0..ATTEMPTS {
        let plan = make()?;
        if run(&plan.steps)? {
            return Ok(plan);
        }
    }
    let changed = first.steps.iter().find_map(|step| match step {
        Step::Change(change) => Some(&change.path),
        _ => None,
    });
    bail!(
        "another program keeps changing {}; nothing was lost, try again when it is done",
        changed.unwrap_or(&places.config).display()
    )
}

/// Deletes what runs that were killed left beside the files that an installation writes.
pub(crate) fn sweep(places: &Places, path: &Path, now: DateTime<Utc>) {
    let mut files = EditRecord::known_settings(places);
    files.extend([path.to_owned(), slash_command_path(places)]);
    // A linked file is written where it really is.
    files.extend(files.clone().iter().map(|file| real(file)));
    let directories: BTreeSet<_> = files.iter().filter_map(|file| file.parent()).collect();
    for directory in directories {
        disk::sweep(directory, now, 0);
    }
    disk::sweep(&places.data, now, 2);
}

fn lock(data: &Path, patience: Duration) -> anyhow::Result<disk::lock::Held> {
    disk::create_private_dir(data)?;
    let path = data.join("install.lock");
    let place = path.display();
    let held = disk::lock::lock_within(&path, patience, &mut std::thread::sleep);
    let why = || format!("could not lock {place}; check that you may write in its directory");
    let others = "another whycap install is still running";
    held.with_context(why)?
        .with_context(|| format!("{others} ({place} is locked); try again when it is done"))
}
