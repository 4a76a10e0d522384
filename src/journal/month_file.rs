//! The journal's files, one per month.

use std::ops::Range;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Datelike, Utc};
use memchr::memrchr;

use super::section::Section;
use super::{DIRECTORY, JournalRecord, RECENT_BYTES, record_json};
use crate::disk;

/// The maximum number of bytes to read from one file. A record is about 400 bytes long, so real files are far smaller.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The file that contains one month's records.
///
/// A missing file is treated as empty.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MonthFile {
    /// The number of the month, as returned by [`month_number`].
    pub(crate) month: i64,
    path: PathBuf,
}

impl MonthFile {
    /// Returns the file for records from the given time.
    pub(crate) fn containing(data: &Path, at: DateTime<Utc>) -> Self {
        Self {
            month: month_number(at.year(), at.month()),
            path: data.join(DIRECTORY).join(file_name(at)),
        }
    }

    /// Lists the existing files, newest month first. Other files in the journal's directory are ignored.
    pub(crate) fn list(data: &Path) -> Vec<Self> {
        let mut files: Vec<Self> = disk::files_with_extension(&data.join(DIRECTORY), "jsonl")
            .filter_map(Self::from_path)
            .collect();
        files.sort_unstable_by(|a, b| b.cmp(a));
        files
    }

    /// Returns the size of the file in bytes, or 0 if it cannot be read.
    pub(crate) fn size(&self) -> u64 {
        disk::owned_size(&self.path).unwrap_or_default()
    }

    /// Determines the month from a file name. Returns `None` if the name is not a year and a month.
    fn from_path(path: PathBuf) -> Option<Self> {
        let (year, month) = path.file_stem()?.to_str()?.split_once('-')?;
        let year: u16 = year.parse().ok()?;
        let month: u8 = month.parse().ok()?;

        Some(Self {
            month: month_number(year.into(), month.into()),
            path,
        })
    }

    /// Returns the section of the last `count` bytes of the file.
    pub(super) fn last_section(&self, count: u64) -> Section {
        let size = self.size();
        self.section(size.saturating_sub(count)..size, size)
    }

    /// Returns the whole file as a section. Only the last [`MAX_BYTES`] of a larger file are included.
    pub(super) fn whole(&self) -> Section {
        self.last_section(MAX_BYTES)
    }

    fn section(&self, line_breaks: Range<u64>, size: u64) -> Section {
        Section::new(self.path.clone(), line_breaks, size)
    }

    /// Reads the records of a kind that were appended after the given offset.
    ///
    /// Returns the records, oldest first, and the offset for the next call. At most the last [`RECENT_BYTES`] are read.
    /// If the last line is incomplete, another process may still be writing it, so it is left for the next call.
    pub(crate) fn records_after<R: JournalRecord>(&self, offset: i64) -> (Vec<R>, i64) {
        let (start, mut bytes) =
            disk::read_owned_end(&self.path, offset.cast_unsigned(), RECENT_BYTES)
                .unwrap_or_default();
        if !bytes.ends_with(b"}") {
            bytes.truncate(memrchr(b'\n', &bytes).unwrap_or(0));
        }

        let records = bytes
            .split(|byte| *byte == b'\n')
            .filter_map(|line| record_json(line, R::KIND))
            .filter_map(|record| serde_json::from_slice(record).ok())
            .collect();

        let end = start + bytes.len() as u64;
        (records, end.cast_signed().max(offset))
    }
}

/// Returns the name of the file for records from the given time.
pub(super) fn file_name(at: DateTime<Utc>) -> String {
    format!("{}-{:02}.jsonl", at.year(), at.month())
}

/// Numbers the months consecutively.
fn month_number(year: i32, month: u32) -> i64 {
    i64::from(year) * 12 + i64::from(month)
}
