//! The journal's files, one per month.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Datelike, Utc};
use memchr::{memchr, memmem, memrchr};

use super::{DIRECTORY, JournalRecord};
use crate::disk;

/// The file that contains one month's records.
///
/// A missing file is treated as empty.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MonthFile {
    /// The number of the month, as returned by [`month_number`].
    pub(crate) month: i64,
    path: PathBuf,
}

/// A part of a file.
pub(crate) struct JournalPart<R> {
    /// The records, oldest first.
    pub(crate) records: Vec<R>,
    /// The offset at which the part ends and the next one starts.
    pub(crate) end: i64,
}

impl MonthFile {
    /// Returns the file for records from the given time.
    pub(crate) fn containing(data: &Path, at: DateTime<Utc>) -> Self {
        Self {
            month: month_number(at.year(), at.month()),
            path: data.join(DIRECTORY).join(file_name(at)),
        }
    }

    /// Lists the existing files, oldest month first. Other files in the journal's directory are ignored.
    pub(crate) fn list(data: &Path) -> Vec<Self> {
        let mut files: Vec<Self> = disk::files_with_extension(&data.join(DIRECTORY), "jsonl")
            .filter_map(Self::from_path)
            .collect();
        files.sort_unstable();
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

    /// Reads the records of a kind after the given offset, but at most the last `most_bytes` of the file. If the last
    /// line is incomplete, another process may still be writing it, so it is left for the next call.
    ///
    /// The search looks for the starts of records, not of lines, so even a file full of empty lines is searched quickly.
    pub(crate) fn records_after<R: JournalRecord>(
        &self,
        offset: i64,
        most_bytes: u64,
    ) -> JournalPart<R> {
        let (start, mut bytes) =
            disk::read_owned_end(&self.path, offset.cast_unsigned(), most_bytes)
                .unwrap_or_default();
        if !bytes.ends_with(b"}") {
            bytes.truncate(memrchr(b'\n', &bytes).unwrap_or(0));
        }

        let start_of_record = super::start_of_record::<R>();
        let records = memmem::find_iter(&bytes, &start_of_record)
            .filter_map(|at| {
                let record = bytes.get(at + start_of_record.len()..)?;
                let end = memchr(b'\n', record).unwrap_or(record.len());
                let json = record.get(..end)?.strip_suffix(b"}")?;
                serde_json::from_slice(json).ok()
            })
            .collect();
        let end = start + bytes.len() as u64;
        JournalPart {
            records,
            end: end.cast_signed().max(offset),
        }
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
