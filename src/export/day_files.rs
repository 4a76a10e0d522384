//! Updates this machine's files in an export directory.
//!
//! Each file contains all of the machine's rows for one day and is rewritten whenever any of them changes. Hashes of
//! the files are kept in the data directory. If the hashes are lost, all files are rewritten.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use anyhow::{Context, ensure};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64;

use super::erasure::ErasedRows;
use super::exporter::Exporter;
use super::files::{
    FORMAT, MAX_FILE_SIZE, compress, each_row, file_path, has_exports, list_all_files,
};
use super::new_rows::{NewRow, NewRows, key_of, lines_of};
use super::row::{NOTHING, RowType};
use super::version::{ExportTime, Weight};
use crate::disk::{self, Error, group, lock, records};
use crate::paths::{Paths, real};
use crate::render::Report;
use crate::terminal::count_noun;

/// The files written to a directory by earlier exports.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct EarlierExports {
    last: ExportTime,
    files: BTreeMap<RowType, BTreeMap<NaiveDate, WrittenFile>>,
    /// True if the directory has ever contained files from other machines.
    is_shared: bool,
}

/// The hashes of an exported file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct WrittenFile {
    /// The hash of the rows without the export time.
    rows: u64,
    /// The hash of the compressed file.
    bytes: u64,
}

/// A directory that is being updated.
struct DirectoryUpdate<'d> {
    directory: &'d Path,
    new_rows: &'d NewRows,
    /// The keys of all new rows.
    keys: HashSet<u64>,
    erased: ErasedRows,
    earlier: EarlierExports,
    /// True if this machine has no files in the directory, so all of them must be written.
    is_empty: bool,
    days: BTreeSet<NaiveDate>,
    written_rows: u64,
    /// The number of rows that were exported earlier but no longer exist on this machine.
    removed_rows: u64,
}

/// Updates an export directory with the rows that `collect` returns, starting with the day `since`. Fails if another
/// export is running.
pub(crate) fn update_exports(
    directory: &Path,
    since: Option<NaiveDate>,
    paths: &Paths,
    now: DateTime<Utc>,
    collect: impl FnOnce() -> anyhow::Result<NewRows>,
) -> anyhow::Result<Report> {
    let shown = paths.show(directory);
    ensure!(
        !directory.exists() || directory.is_dir(),
        "{shown} is not a directory; choose a directory for the exported files"
    );
    let lock_file = paths.data.join("export/lock");
    disk::create_parent_directory(&lock_file)?;
    let _guard = lock::try_lock(&lock_file)
        .map_err(disk::write_error(&lock_file))?
        .context("another whycap export is running; try again when it has finished")?;

    let new_rows = collect()?;
    // The path is hashed to identify the stored state, so it must not depend on whether the directory exists.
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let id = xxh3_64(real(&absolute).as_os_str().as_encoded_bytes());
    let memory = paths.data.join(format!("export/{id:016x}/given.json"));
    let mut update = DirectoryUpdate::new(directory, &new_rows, &memory, now)?;
    update.write_days(since)?;
    records::write(&memory, &update.earlier)?;
    disk::remove_stale_temporary_files(&directory.join(FORMAT), now, 2);
    Ok(update.report(&shown))
}

impl<'d> DirectoryUpdate<'d> {
    fn new(
        directory: &'d Path,
        new_rows: &'d NewRows,
        memory: &Path,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        let mut earlier: EarlierExports = records::read_large(memory).unwrap_or_default();
        earlier.last = ExportTime::new(now).after(earlier.last);
        // Save the time first. This ensures that the next export uses a later time even if this one is killed.
        records::write(memory, &earlier)?;

        let files = list_all_files(directory, &mut Vec::new());
        let own_files = files.iter().filter(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&new_rows.exporter.machine)
        });
        let own_count = own_files.count();
        earlier.is_shared |= group::is_shared(directory) || own_count < files.len();
        Ok(Self {
            directory,
            new_rows,
            keys: new_rows.rows.iter().map(|row| row.key).collect(),
            erased: ErasedRows::read(directory)?,
            // In an unshared directory, missing files may have been moved elsewhere after they were loaded into a
            // database. In a shared directory, missing files mean that someone has emptied the directory and that every
            // machine must export everything again.
            is_empty: earlier.is_shared && own_count == 0 || !has_exports(directory),
            earlier,
            days: BTreeSet::new(),
            written_rows: 0,
            removed_rows: 0,
        })
    }

    /// Writes the files for all days with current or previously exported rows.
    fn write_days(&mut self, since: Option<NaiveDate>) -> Result<(), Error> {
        let mut days: BTreeMap<(RowType, NaiveDate), Vec<&NewRow>> = BTreeMap::new();
        for (row_type, files) in &self.earlier.files {
            days.extend(files.keys().map(|day| ((*row_type, *day), Vec::new())));
        }
        let new_rows = self.new_rows;
        for row in &new_rows.rows {
            let rows = days.entry((row.row_type, row.day)).or_default();
            if !self.erased.covers_new_row(row) {
                rows.push(row);
            }
        }
        for ((row_type, day), rows) in days {
            if Some(day) >= since && !self.erased.covers_day(day) {
                self.write_day(row_type, day, &rows)?;
            }
        }
        Ok(())
    }

    /// Writes a file unless it already contains exactly these rows.
    fn write_day(
        &mut self,
        row_type: RowType,
        day: NaiveDate,
        rows: &[&NewRow],
    ) -> Result<(), Error> {
        let exporter = &self.new_rows.exporter;
        let is_complete = self.new_rows.is_complete;
        let path = file_path(self.directory, row_type, day, &exporter.machine);
        let hash = xxh3_64(lines_of(rows.iter().copied(), ExportTime::default()).as_bytes());
        let files = self.earlier.files.entry(row_type).or_default();
        if !self.is_empty
            && let Some(file) = files.get(&day)
            && file.rows == hash
            && !is_damaged(&path, file.bytes)
        {
            return Ok(());
        }

        // The new version must be later than the one in the file, even after the clock was set back or a backup was
        // restored.
        let mut time = self.earlier.last;
        let mut kept_lines = Vec::new();
        // Unreadable files are overwritten.
        let _ = each_row(&path, |row, line| {
            time = time.max(ExportTime::default().after(ExportTime::in_version(row.version)));
            if self.keys.contains(&row.key) {
                return;
            }
            if row_type == RowType::Spend && is_complete {
                self.removed_rows += 1;
            } else if !self.erased.covers(row) {
                // Limit errors and readings are kept even if their transcripts have been deleted.
                kept_lines.extend_from_slice(line);
            }
        });
        let mut text = if row_type == RowType::Spend && rows.is_empty() && is_complete {
            // Tells databases that have already loaded this day that there is no longer any spend.
            lines_of([&no_spend(exporter, day)], time)
        } else {
            lines_of(rows.iter().copied(), time)
        }
        .into_bytes();
        text.append(&mut kept_lines);
        if text.is_empty() && !path.exists() {
            return Ok(());
        }

        let compressed = compress(&text);
        group::write_below(self.directory, &path, &compressed)?;
        let bytes = xxh3_64(&compressed);
        files.insert(day, WrittenFile { rows: hash, bytes });
        self.days.insert(day);
        self.written_rows += rows.len() as u64;
        Ok(())
    }

    fn report(&self, directory: &str) -> Report {
        if self.days.is_empty() {
            let text = format!("Nothing changed since the last export to {directory}");
            return Report::from_lines(&text);
        }
        let rows = count_noun(self.written_rows, "row");
        let days = count_noun(self.days.len() as u64, "day");
        let removal = match self.removed_rows {
            0 => String::new(),
            removed => format!("; {} withdrawn", count_noun(removed, "row")),
        };
        let text = format!("Wrote {rows} for {days} to {directory}{removal}");
        Report::from_lines(&text)
    }
}

/// Returns true if a file exists but its content differs from what was written. A missing file is not damaged, because
/// it may have been moved after it was loaded.
fn is_damaged(path: &Path, hash: u64) -> bool {
    match disk::read(path, MAX_FILE_SIZE) {
        Ok(None) => false,
        Ok(Some(bytes)) => xxh3_64(&bytes) != hash,
        Err(_) => true,
    }
}

/// Returns a row that marks a day on which this machine no longer has any spend.
fn no_spend(exporter: &Exporter, day: NaiveDate) -> NewRow {
    let at = day.and_time(NaiveTime::MIN).and_utc().timestamp_millis();
    NewRow::new(
        RowType::Spend,
        key_of(&[NOTHING, &exporter.machine, &day.to_string()]),
        Weight::new(0, 0),
        at,
        exporter,
        "",
        json!({ "kind": NOTHING, "cost_pico": 0 }),
    )
}
