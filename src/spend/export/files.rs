//! Reads and writes the files in an export directory.
//!
//! The rows of a machine for one month are in `DIR/whycap-2026-11-MACHINE.ndjson`. Files are read line by line, so that
//! memory usage does not depend on their size. Unreadable files and rows are reported and skipped.

use std::fmt::Display;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Months, NaiveDate, NaiveTime, Utc};

use super::row::Row;
use crate::disk::ownership::open_regular;
use crate::time::datetime_from_system;

const PREFIX: &str = "whycap-";
const SUFFIX: &str = ".ndjson";

/// The maximum length of a line, in bytes. A typical line is about 450 bytes long.
const MAX_LINE_LENGTH: u64 = 64 * 1024;

/// A file or directory that could not be read in full.
#[derive(Debug, Clone)]
pub(crate) struct UnreadableFile {
    pub path: PathBuf,
    /// The number of the first unreadable line, or `None` if nothing could be read.
    pub line: Option<u64>,
    pub reason: String,
}

impl UnreadableFile {
    fn new(path: &Path, line: Option<u64>, reason: impl Display) -> Self {
        Self {
            path: path.to_owned(),
            line,
            reason: reason.to_string(),
        }
    }
}

/// Returns true if a directory contains exports from any machine.
pub(crate) fn has_exports(directory: &Path) -> bool {
    list_files(directory).is_ok_and(|files| !files.is_empty())
}

/// Returns the name of a month, such as `2026-11`.
pub(super) fn month_name(month: NaiveDate) -> String {
    month.format("%Y-%m").to_string()
}

/// Returns the path of a machine's file for one month.
pub(super) fn file_path(directory: &Path, month: NaiveDate, machine: &str) -> PathBuf {
    directory.join(format!("{PREFIX}{}-{machine}{SUFFIX}", month_name(month)))
}

/// Returns true if a month is over and its file was written after the end of the month.
pub(super) fn is_final(path: &Path, month: NaiveDate, now: DateTime<Utc>) -> bool {
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    match (written, month.checked_add_months(Months::new(1))) {
        (Ok(written), Some(end)) => {
            datetime_from_system(written).min(now) >= end.and_time(NaiveTime::MIN).and_utc()
        }
        _ => false,
    }
}

/// Lists the files of all machines, sorted by month and machine. Fails if the directory cannot be listed.
pub(super) fn list_files(directory: &Path) -> Result<Vec<PathBuf>, UnreadableFile> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|error: io::Error| UnreadableFile::new(directory, None, error))?;
    paths.retain(|path| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        name.starts_with(PREFIX) && name.ends_with(SUFFIX)
    });
    paths.sort();
    Ok(paths)
}

/// Calls `visit` with each row of a file. Unreadable rows are skipped.
///
/// If any rows were skipped, returns an error after the last readable row. The error contains the number of the first
/// unreadable line.
pub(super) fn each_row(path: &Path, mut visit: impl FnMut(Row)) -> Result<(), UnreadableFile> {
    let file = open_regular(path).map_err(|error| UnreadableFile::new(path, None, error))?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let mut first_error = None;
    for number in 1.. {
        let row = match read_line(&mut reader, &mut line) {
            Ok(0) => break,
            Ok(_) => Row::parse(&line),
            Err(error) => return Err(UnreadableFile::new(path, Some(number), error)),
        };
        match row {
            Ok(row) => visit(row),
            Err(reason) => {
                first_error.get_or_insert_with(|| UnreadableFile::new(path, Some(number), reason));
            }
        }
    }
    first_error.map_or(Ok(()), Err)
}

/// Reads a line of at most [`MAX_LINE_LENGTH`] bytes and skips the rest. Returns the number of bytes read.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    line.clear();
    let length = reader
        .take(MAX_LINE_LENGTH)
        .read_until(b'\n', line)?;
    if length as u64 == MAX_LINE_LENGTH && !line.ends_with(b"\n") {
        reader.skip_until(b'\n')?;
    }
    Ok(length)
}
