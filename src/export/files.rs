//! The files of a directory of exports: which there are, their lines one by one, and writing one.
//!
//! Promises: however many rows a file has, and however long its lines are, one line is in memory at
//! a time; whatever could not be read is named with its place, and costs nothing else.

use std::fmt::Display;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::drafts::Rows;
use super::line::ExportLine;
use crate::disk::{self, Durability, group::Group, ours::open_regular};

/// The version of the format, which is a directory of the target.
pub(super) const FORMAT: &str = "whycap-1";
/// How the name of a day's directory begins.
const DAY: &str = "day=";
/// How the name of a file ends.
const ENDING: &str = ".ndjson.gz";

/// No day of one machine has more, packed or not.
pub(super) const SIZE_LIMIT: u64 = 256 * 1024 * 1024;
/// No row is longer, whatever a newer whycap adds.
const LINE_LIMIT: u64 = 64 * 1024;

/// Something of an export that could not be read.
#[derive(Debug, Clone)]
pub(crate) struct Gap {
    pub(crate) path: PathBuf,
    /// The first line that could not be read, from 1 on. None: nothing of it could.
    pub(crate) line: Option<u64>,
    pub(crate) why: String,
}

impl Gap {
    fn new(path: &Path, line: Option<u64>, why: impl Display) -> Self {
        Self {
            path: path.to_owned(),
            line,
            why: why.to_string(),
        }
    }
}

/// Where a machine's rows of a day are.
pub(super) fn file_in(directory: &Path, rows: Rows, day: NaiveDate, machine: &str) -> PathBuf {
    let days = directory.join(FORMAT).join(rows.name());
    days.join(format!("{DAY}{day}"))
        .join(format!("{machine}{ENDING}"))
}

/// Writes a file of a directory of exports whole, for whom that directory is.
pub(super) fn write(directory: &Path, path: &Path, bytes: &[u8]) -> Result<(), disk::Error> {
    let Some(group) = Group::of(directory) else {
        disk::create_shared_directory_of(path)?;
        return disk::write_atomically(path, bytes, Durability::Quick);
    };
    group.create_directories_of(path, directory)?;
    group.write_atomically(path, bytes)
}

/// The day whose rows are in a file.
pub(super) fn day_of(file: &Path) -> Option<NaiveDate> {
    let day = file.parent()?.file_name()?.to_str()?;
    day.strip_prefix(DAY)?.parse().ok()
}

/// The files of some rows of all machines, by day and machine; none where no machine exported such
/// rows. What stands in the place of files and directories joins `gaps`.
pub(super) fn files_of(directory: &Path, rows: Rows, gaps: &mut Vec<Gap>) -> Vec<PathBuf> {
    let root = directory.join(FORMAT).join(rows.name());
    let days = entries(&root, DAY, "", gaps);
    let files = days.iter().flat_map(|day| entries(day, "", ENDING, gaps));
    files.collect()
}

/// What is in a directory under such names, in order.
fn entries(directory: &Path, beginning: &str, ending: &str, gaps: &mut Vec<Gap>) -> Vec<PathBuf> {
    let listed = fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = listed.unwrap_or_else(|error| {
        let is_there = error.kind() != ErrorKind::NotFound;
        gaps.extend(is_there.then(|| Gap::new(directory, None, error)));
        Vec::new()
    });
    let mut paths: Vec<PathBuf> = found.iter().map(fs::DirEntry::path).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(beginning) && name.ends_with(ending) && !name.starts_with('.')
    });
    paths.sort();
    paths
}

/// Hands a file's rows to `take`, each with its line, up to the first that is damaged or that `take`
/// refuses.
pub(super) fn each_row(
    path: &Path,
    mut take: impl FnMut(&ExportLine<'_>, &[u8]) -> Result<(), &'static str>,
) -> Result<(), Gap> {
    let file = open_regular(path).map_err(|error| Gap::new(path, None, error))?;
    let unpacked = MultiGzDecoder::new(BufReader::new(file)).take(SIZE_LIMIT + LINE_LIMIT);
    let mut lines = BufReader::with_capacity(1 << 16, unpacked);
    let (mut line, mut size) = (Vec::new(), 0);
    for number in 1.. {
        line.clear();
        let read = (&mut lines).take(LINE_LIMIT).read_until(b'\n', &mut line);
        let read = read.map_err(|error| Gap::new(path, Some(number), error))? as u64;
        size += read;
        if read == 0 {
            break;
        }
        let taken = match serde_json::from_slice::<ExportLine<'_>>(&line) {
            _ if size > SIZE_LIMIT => Err("more than a day of one machine has".to_owned()),
            Ok(row) if row.machine.is_empty() => Err("it names no machine".to_owned()),
            Ok(row) => take(&row, &line).map_err(str::to_owned),
            Err(error) => Err(error.to_string()),
        };
        taken.map_err(|why| Gap::new(path, Some(number), why))?;
    }
    Ok(())
}

pub(super) fn packed(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = packer.write_all(text);
    packer.finish().unwrap_or_default()
}
