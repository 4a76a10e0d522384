//! The files of a directory of exports: which there are, their lines one by one, and writing one.
//!
//! Promises: however many rows a file has, and however long its lines are, one line is in memory at
//! a time; whatever could not be read is named with its place, and costs nothing else.

use std::fmt::Display;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::drafts::Rows;
use crate::disk::{self, Durability, group::Group, ours::open_regular};

/// The version of the format, which is a directory of the target.
pub(super) const FORMAT: &str = "whycap-1";
/// How the name of a day's directory begins.
pub(super) const DAY: &str = "day=";
/// How the name of a file ends.
pub(super) const ENDING: &str = ".ndjson.gz";

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
    fn new(path: &Path, line: Option<u64>, why: &impl Display) -> Self {
        Self {
            path: path.to_owned(),
            line,
            why: why.to_string(),
        }
    }
}

/// The files of some rows of all machines, by day and machine.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) paths: Vec<PathBuf>,
    /// What is in the place of files and directories.
    pub(super) gaps: Vec<Gap>,
}

impl Files {
    /// Empty where no machine exported such rows.
    pub(super) fn list(directory: &Path, rows: Rows) -> Self {
        let mut found = Self::default();
        let root = directory.join(FORMAT).join(rows.name());
        for day in found.entries(&root, DAY, "") {
            let files = found.entries(&day, "", ENDING);
            found.paths.extend(files);
        }
        found
    }

    /// What is in a directory under such names, in order.
    fn entries(&mut self, directory: &Path, beginning: &str, ending: &str) -> Vec<PathBuf> {
        let is_meant = |name: &str| {
            name.starts_with(beginning) && name.ends_with(ending) && !name.starts_with('.')
        };
        let mut found = Vec::new();
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return found,
            Err(error) => {
                self.gaps.push(Gap::new(directory, None, &error));
                return found;
            }
        };
        for entry in entries {
            match entry {
                Ok(entry) if is_meant(&entry.file_name().to_string_lossy()) => {
                    found.push(entry.path());
                }
                Ok(_) => {}
                Err(error) => self.gaps.push(Gap::new(directory, None, &error)),
            }
        }
        found.sort();
        found
    }
}

/// Whether there are any exports. An error where nobody says so.
pub(super) fn are_in(directory: &Path) -> Result<bool, disk::Error> {
    let format = directory.join(FORMAT);
    match fs::metadata(&format) {
        Ok(found) => Ok(found.is_dir()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(disk::unread(&format)(error)),
    }
}

/// Hands a file's lines to `take` up to the first that is damaged or that `take` refuses.
pub(super) fn each_line<Wrong: Display>(
    path: &Path,
    mut take: impl FnMut(&str) -> Result<(), Wrong>,
) -> Result<(), Gap> {
    let file = open_regular(path).map_err(|error| Gap::new(path, None, &error))?;
    let unpacked = MultiGzDecoder::new(BufReader::new(file)).take(SIZE_LIMIT + LINE_LIMIT);
    let mut lines = BufReader::with_capacity(1 << 16, unpacked);
    let (mut line, mut size) = (Vec::new(), 0);
    for number in 1.. {
        line.clear();
        let read = (&mut lines).take(LINE_LIMIT).read_until(b'\n', &mut line);
        let read = read.map_err(|error| Gap::new(path, Some(number), &error))? as u64;
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
            return Err(Gap::new(path, Some(number), &why));
        }
    }
    Ok(())
}

/// All lines of a file, as far as they can be read.
pub(super) fn lines_of(path: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let _ = each_line(path, |line| {
        lines.push(line.to_owned());
        Ok::<(), String>(())
    });
    lines
}

/// Writes a file of a target whole, for whom the target is.
pub(super) fn write(
    path: &Path,
    bytes: &[u8],
    directory: &Path,
    group: Option<Group>,
) -> Result<(), disk::Error> {
    let Some(group) = group else {
        disk::create_shared_directory_of(path)?;
        return disk::write_atomically(path, bytes, Durability::Quick);
    };
    group.create_directories_of(path, directory)?;
    group.write_atomically(path, bytes)
}

pub(super) fn packed(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = packer.write_all(text.as_bytes());
    packer.finish().unwrap_or_default()
}
