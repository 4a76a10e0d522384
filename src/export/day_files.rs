//! Updates this machine's files in an export directory.
//!
//! A file contains all of the machine's rows of one type for one day. If any of them changes, the file is rewritten.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use anyhow::{Context, ensure};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::json;

use super::erasure::ErasedRows;
use super::exporter::Exporter;
use super::files::{FORMAT, compress, each_row, exported_days, file_path};
use super::new_rows::{NewRow, NewRows, key_of, lines_of};
use super::row::{NOTHING, RowType};
use super::version::{ExportTime, Weight};
use crate::disk::{self, Error, group, lock};
use crate::paths::Paths;
use crate::render::Report;
use crate::terminal::count_noun;

/// An export directory that is being updated.
struct DirectoryUpdate<'d> {
    directory: &'d Path,
    new_rows: &'d NewRows,
    /// The keys of all new rows.
    keys: HashSet<u64>,
    erased: ErasedRows,
    time: ExportTime,
    days: BTreeSet<NaiveDate>,
    written_rows: u64,
    /// The number of rows that were exported before but no longer exist on this machine.
    removed_rows: u64,
}

/// Writes the rows that `collect` returns to an export directory, starting with the day `since`. Fails if another
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
    let mut update = DirectoryUpdate {
        directory,
        new_rows: &new_rows,
        keys: new_rows.rows.iter().map(|row| row.key).collect(),
        erased: ErasedRows::read(directory)?,
        time: ExportTime::new(now),
        days: BTreeSet::new(),
        written_rows: 0,
        removed_rows: 0,
    };
    update.write_days(since)?;
    disk::remove_stale_temporary_files(&directory.join(FORMAT), now, 2);
    Ok(update.report(&shown))
}

impl DirectoryUpdate<'_> {
    /// Writes the files for all days that have rows now or had rows in an earlier export.
    fn write_days(&mut self, since: Option<NaiveDate>) -> Result<(), Error> {
        let mut days: BTreeMap<(RowType, NaiveDate), Vec<&NewRow>> = BTreeMap::new();
        for row_type in RowType::ALL {
            let exported = exported_days(self.directory, row_type);
            days.extend(exported.map(|day| ((row_type, day), Vec::new())));
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
        let marker = no_spend(exporter, day);
        let has_lost_spend =
            row_type == RowType::Spend && rows.is_empty() && is_complete && path.exists();

        let mut exported_at = ExportTime::default();
        let mut current_lines = Vec::new();
        let mut kept_lines = Vec::new();
        let mut removed_rows = 0;
        // Unreadable files are overwritten.
        let result = each_row(&path, |row, line| {
            exported_at = exported_at.max(ExportTime::in_version(row.version));
            current_lines.extend_from_slice(line);
            if self.keys.contains(&row.key) || row.key == marker.key {
                return;
            }
            if row_type == RowType::Spend && is_complete {
                removed_rows += 1;
            } else if !self.erased.covers(row) {
                // Keep limit errors and readings even if their transcripts have been deleted.
                kept_lines.extend_from_slice(line);
            }
        });
        // The marker tells databases that have already loaded this day to remove its spend.
        let marker_if_needed = has_lost_spend.then_some(&marker);
        let all_rows: Vec<&NewRow> = rows.iter().copied().chain(marker_if_needed).collect();
        let unchanged = file_text(&all_rows, exported_at, &kept_lines);
        if unchanged.is_empty() && !path.exists() || result.is_ok() && unchanged == current_lines {
            return Ok(());
        }

        // The new version must be greater than the one in the file, even if the clock has been set back or a backup was
        // restored.
        let text = file_text(&all_rows, self.time.after(exported_at), &kept_lines);
        group::write_below(self.directory, &path, &compress(&text))?;
        self.days.insert(day);
        self.written_rows += rows.len() as u64;
        self.removed_rows += removed_rows;
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

/// Returns the text of a file with these rows, followed by the lines to keep.
fn file_text(rows: &[&NewRow], time: ExportTime, kept_lines: &[u8]) -> Vec<u8> {
    let lines = lines_of(rows.iter().copied(), time);
    [lines.as_bytes(), kept_lines].concat()
}

/// Returns a row that marks a day for which this machine no longer has any spend.
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
