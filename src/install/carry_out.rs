//! Carrying out a plan: alone among whycaps, and again if somebody else wrote meanwhile.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};

use super::edit_record::EditRecord;
use super::plan::{InstallPlan, slash_command_path};
use super::steps::{self, Step};
use crate::disk;
use crate::places::{Places, real};

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
        if steps::run(&plan.steps)? {
            return Ok(plan);
        }
    }
    let changed = first.steps.iter().find_map(Step::change);
    bail!(
        "another program keeps changing {}; nothing was lost, try again when it is done",
        changed
            .map_or(&places.config, |change| &change.path)
            .display()
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
        disk::litter::sweep(directory, now);
    }
    disk::litter::sweep_below(&places.data, now, 2);
}

fn lock(data: &Path, patience: Duration) -> anyhow::Result<disk::lock::Held> {
    disk::create_private_dir(data)?;
    let path = data.join("install.lock");
    let place = path.display();
    let held =
        disk::lock::lock_within(&path, patience, &mut std::thread::sleep).with_context(|| {
            format!("could not lock {place}; check that you may write in its directory")
        })?;
    held.with_context(|| {
        format!(
            "another whycap install is still running ({place} is locked); try again when it is done"
        )
    })
}
