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

/// A directory that exports are written to.
#[derive(Debug)]
pub(super) struct Target<'t> {
    pub(super) directory: &'t Path,
    /// Whom else it is for.
    pub(super) group: Option<Group>,
}

impl<'t> Target<'t> {
    pub(super) fn new(directory: &'t Path) -> Self {
        Self {
            directory,
            group: Group::of(directory),
        }
    }

    /// Where a machine's rows of a day are.
    pub(super) fn file(&self, rows: Rows, day: NaiveDate, machine: &str) -> PathBuf {
        let rows = self.directory.join(FORMAT).join(rows.name());
        rows.join(format!("{DAY}{day}"))
            .join(format!("{machine}{ENDING}"))
    }

    /// Writes a file whole, for whom the directory is.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), disk::Error> {
        let Some(group) = self.group else {
            disk::create_shared_directory_of(path)?;
            return disk::write_atomically(path, bytes, Durability::Quick);
        };
        group.create_directories_of(path, self.directory)?;
        group.write_atomically(path, bytes)
    }
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
    let is_meant = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(beginning) && name.ends_with(ending) && !name.starts_with('.')
    };
    let listed = fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut found = match listed {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            gaps.push(Gap::new(directory, None, error));
            Vec::new()
        }
    };
    found.retain(is_meant);
    let mut paths: Vec<PathBuf> = found.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    paths
}

/// Hands a file's lines to `take` up to the first that is damaged or that `take` refuses.
pub(super) fn each_line<Wrong: Display>(
    path: &Path,
    mut take: impl FnMut(&str) -> Result<(), Wrong>,
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
        let wrong = match str::from_utf8(&line) {
            _ if size > SIZE_LIMIT => Some("more than a day of one machine has".to_owned()),
            Ok(text) => take(text).err().map(|wrong| wrong.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = wrong {
            return Err(Gap::new(path, Some(number), why));
        }
    }
    Ok(())
}

pub(super) fn packed(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = packer.write_all(text.as_bytes());
    packer.finish().unwrap_or_default()
}
