//! Reads and writes the files in an export directory.
//!
//! Rows are stored in `DIR/whycap-1/TYPE/day=2026-11-20/MACHINE.ndjson.gz`. Files are read line by line, so memory
//! usage does not depend on their size. Unreadable files and rows are reported and skipped.

use std::fmt::Display;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::row::{ExportedRow, RowType};
use crate::disk::ownership::open_regular;

/// The version of the format, which is also the name of its subdirectory.
pub(super) const FORMAT: &str = "whycap-1";
const DAY_PREFIX: &str = "day=";
const FILE_SUFFIX: &str = ".ndjson.gz";

/// The maximum size of a file, in bytes, both compressed and uncompressed. A typical day is far smaller.
pub(super) const MAX_FILE_SIZE: u64 = 256 * 1024 * 1024;
/// The maximum length of a line, in bytes. A typical line is about 600 bytes long.
const MAX_LINE_LENGTH: u64 = 64 * 1024;

/// A file or directory that could not be read in full.
#[derive(Debug, Clone)]
pub(crate) struct UnreadableFile {
    pub(crate) path: PathBuf,
    /// The number of the first unreadable line, or `None` if nothing could be read.
    pub(crate) line: Option<u64>,
    pub(crate) reason: String,
}

impl UnreadableFile {
    fn new(path: &Path, line: Option<u64>, reason: impl Display) -> Self {
        Self {
            path: path.to_owned(),
            line,
            reason: format!("{reason}"),
        }
    }
}

/// Returns true if a directory contains exports from any machine.
pub(crate) fn has_exports(directory: &Path) -> bool {
    directory.join(FORMAT).is_dir()
}

/// Returns the path of a machine's file for one day.
pub(super) fn file_path(
    directory: &Path,
    row_type: RowType,
    day: NaiveDate,
    machine: &str,
) -> PathBuf {
    directory
        .join(FORMAT)
        .join(row_type.name())
        .join(format!("{DAY_PREFIX}{day}"))
        .join(format!("{machine}{FILE_SUFFIX}"))
}

/// Lists all files of one type, sorted by day and machine. Unreadable directories are added to `unreadable`.
pub(super) fn list_files(
    directory: &Path,
    row_type: RowType,
    unreadable: &mut Vec<UnreadableFile>,
) -> Vec<PathBuf> {
    let parent = directory.join(FORMAT).join(row_type.name());
    let mut files = Vec::new();
    for day in list_entries(&parent, DAY_PREFIX, "", unreadable) {
        files.extend(list_entries(&day, "", FILE_SUFFIX, unreadable));
    }
    files
}

/// Returns the days for which any machine has exported rows of this type.
pub(super) fn exported_days(
    directory: &Path,
    row_type: RowType,
) -> impl Iterator<Item = NaiveDate> {
    let parent = directory.join(FORMAT).join(row_type.name());
    let days = list_entries(&parent, DAY_PREFIX, "", &mut Vec::new());
    days.into_iter().filter_map(|day| {
        let name = day.file_name()?.to_str()?;
        name.strip_prefix(DAY_PREFIX)?.parse().ok()
    })
}

/// Lists the files of all types.
pub(super) fn list_all_files(
    directory: &Path,
    unreadable: &mut Vec<UnreadableFile>,
) -> Vec<PathBuf> {
    RowType::ALL
        .map(|row_type| list_files(directory, row_type, unreadable))
        .concat()
}

/// Lists the entries of a directory that have the given prefix and suffix, except for hidden files, which are
/// temporary.
fn list_entries(
    directory: &Path,
    prefix: &str,
    suffix: &str,
    unreadable: &mut Vec<UnreadableFile>,
) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut paths: Vec<PathBuf> = match entries {
        Ok(entries) => entries.iter().map(fs::DirEntry::path).collect(),
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                unreadable.push(UnreadableFile::new(directory, None, error));
            }
            return Vec::new();
        }
    };
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(prefix) && name.ends_with(suffix) && !name.starts_with('.')
    });
    paths.sort();
    paths
}

/// Calls `visit` with each row of a file and its line. Unreadable rows are skipped.
///
/// If any rows were skipped or the rest of the file is damaged, returns an error after the last readable row. It
/// contains the number of the first unreadable line.
pub(super) fn each_row(
    path: &Path,
    mut visit: impl FnMut(&ExportedRow, &[u8]),
) -> Result<(), UnreadableFile> {
    let file = open_regular(path).map_err(|error| UnreadableFile::new(path, None, error))?;
    let text = MultiGzDecoder::new(BufReader::new(file)).take(MAX_FILE_SIZE);
    let mut reader = BufReader::new(text);
    let mut line = Vec::new();
    let mut first_error = None;
    for number in 1.. {
        let reason = match read_line(&mut reader, &mut line) {
            Ok(0) => break,
            Ok(_) => match ExportedRow::parse(&line) {
                Ok(row) => {
                    visit(&row, &line);
                    continue;
                }
                Err(reason) => reason,
            },
            Err(error) => {
                let unreadable = UnreadableFile::new(path, Some(number), error);
                return Err(first_error.unwrap_or(unreadable));
            }
        };
        first_error.get_or_insert_with(|| UnreadableFile::new(path, Some(number), reason));
    }
    if reader.get_ref().limit() == 0 {
        let unreadable = UnreadableFile::new(
            path,
            None,
            "the file is too large to be an export of one day",
        );
        return Err(first_error.unwrap_or(unreadable));
    }
    first_error.map_or(Ok(()), Err)
}

/// Reads a line of at most [`MAX_LINE_LENGTH`] bytes. Returns the number of bytes read.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    line.clear();
    let length = reader.take(MAX_LINE_LENGTH).read_until(b'\n', line)?;
    if length as u64 == MAX_LINE_LENGTH && !line.ends_with(b"\n") {
        reader.skip_until(b'\n')?;
    }
    Ok(length)
}

/// Compresses data with gzip.
pub(super) fn compress(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(text);
    encoder.finish().unwrap_or_default()
}
