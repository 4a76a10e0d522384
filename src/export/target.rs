//! A directory that exports go to: brought up to date, or freed of what somebody wants erased.

use std::path::Path;

use anyhow::{Context, ensure};
use chrono::NaiveDate;

use super::day_files::{Erasure, erase, put_all};
use super::leaving::Leaving;
use crate::disk::{self, lock};
use crate::machine::Machine;
use crate::render::Report;
use crate::terminal::counted;

/// Takes rows of all machines out of a directory; and whether nothing of it could not be read.
pub(crate) fn erase_rows(
    directory: &Path,
    what: &Erasure,
    machine: &Machine,
) -> anyhow::Result<(Report, bool)> {
    let shown = machine.places.show(directory);
    ensure!(
        directory.is_dir(),
        "there is no directory {shown}; name the one that the exports are in"
    );
    let done = erase(directory, what)?;
    machine.name_gaps(&done.gaps);
    let [rows, files] = [(done.rows, "row"), (done.files, "file")].map(|(n, of)| counted(n, of));
    let says = format!("Erased {rows} in {files} of {shown}. No export to it brings them back");
    Ok((Report::from_lines(&says), done.gaps.is_empty()))
}

/// Brings a directory up to date.
pub(crate) fn bring_up_to_date(
    directory: &Path,
    since: Option<NaiveDate>,
    machine: &Machine,
) -> anyhow::Result<Report> {
    let places = &machine.places;
    let shown = places.show(directory);
    ensure!(
        !directory.exists() || directory.is_dir(),
        "{shown} is not a directory; name one for the files"
    );
    let lock = places.data.join("export").join("lock");
    disk::create_directory_of(&lock)?;
    let held = lock::try_lock(&lock)?;
    let _held = held.context("another whycap export is running; try again when it is done")?;
    let leaving = Leaving::gather(machine)?;
    let done = put_all(directory, &leaving, since, places, machine.environment.now)?;
    if done.days.is_empty() {
        let says = format!("Nothing changed since the last export to {shown}");
        return Ok(Report::from_lines(&says));
    }
    let rows = counted(done.rows, "row");
    let days = counted(done.days.len() as u64, "day");
    let taken_back = match done.gone {
        0 => String::new(),
        gone => format!("; {} taken back", counted(gone, "row")),
    };
    let says = format!("Written to {shown}: {rows} in {days}{taken_back}");
    Ok(Report::from_lines(&says))
}
