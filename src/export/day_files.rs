//! The files of a target: a day's rows are written whole when anything in them changed.
//!
//! What a day's file held is remembered in our data directory: a mark of its rows, and their keys with
//! their versions. Losing that means only that files are written again.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, Utc};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::drafts::{Draft, Drafts, Rows};
use super::line::SpendLine;
use super::version::{Stamp, Weight};
use crate::disk::group::Group;
use crate::disk::{self, Durability, Error, litter};
use crate::places::{Places, real};

/// The version of the format, which is a directory of the target.
pub(super) const FORMAT: &str = "whycap-1";
/// How the name of a day's directory begins.
pub(super) const DAY: &str = "day=";
/// How the name of a file ends.
pub(super) const ENDING: &str = ".ndjson.gz";

/// No day of one machine has more, packed or not.
const SIZE_LIMIT: u64 = 256 * 1024 * 1024;

/// A target, and what it was given.
#[derive(Debug)]
pub(crate) struct DayFiles<'f> {
    directory: &'f Path,
    machine: &'f str,
    /// Where what it was given is remembered.
    memory: PathBuf,
    /// Whether nothing was ever written there, or all of it was taken away.
    is_new: bool,
    /// Whom else the target is for.
    group: Option<Group>,
}

/// What was done for one kind of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Days that were written, and the rows in them.
    pub(crate) days: usize,
    pub(crate) rows: usize,
    /// Of these, rows that take the place of one that is gone.
    pub(crate) gone: usize,
}

/// What a day's file held.
#[derive(Debug, Default)]
struct Given {
    mark: u64,
    /// By key.
    versions: Vec<(u64, u64)>,
    /// A mark of the file as it was written. None where an older whycap wrote it.
    file: Option<u64>,
}

impl<'f> DayFiles<'f> {
    pub(crate) fn new(directory: &'f Path, machine: &'f str, places: &Places) -> Self {
        // The same before and after the directory is made.
        let absolute = std::path::absolute(directory);
        let real = real(&absolute.unwrap_or_else(|_| directory.to_owned()));
        let name = xxh3_64(real.as_os_str().as_encoded_bytes());
        let mut files = Self {
            memory: places.data.join("export").join(format!("{name:016x}")),
            is_new: !directory.join(FORMAT).is_dir(),
            group: Group::of(directory),
            directory,
            machine,
        };
        // Others may have begun anew where all was taken away.
        files.is_new |= files.group.is_some() && !files.has_own();
        files
    }

    /// Whether any file of this machine is still there.
    fn has_own(&self) -> bool {
        Rows::ALL.into_iter().any(|rows| {
            self.given_days(rows)
                .any(|day| self.file(rows, day).exists())
        })
    }

    /// The version's second for an export at `now`: later than that of every one before.
    pub(crate) fn stamp(&self, now: DateTime<Utc>) -> Result<Stamp, Error> {
        let path = self.memory.join("last");
        let last = disk::read_own(&path, 64)?;
        let last = last.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
        let stamp = Stamp::of(now);
        let stamp = last.map_or(stamp, |last| stamp.after(Stamp::in_version(last)));
        disk::create_directory_of(&path)?;
        let text = Weight::of(0, 0).version(stamp).to_string();
        disk::write_atomically(&path, text.as_bytes(), Durability::Quick)?;
        Ok(stamp)
    }

    /// Deletes what a run that was killed left in the target.
    pub(crate) fn sweep(&self, now: DateTime<Utc>) {
        litter::sweep_below(&self.directory.join(FORMAT), now, 2);
    }

    /// Brings the files up to date from this day on.
    pub(crate) fn put(
        &self,
        rows: Rows,
        drafts: &Drafts,
        since: Option<NaiveDate>,
        stamp: Stamp,
    ) -> Result<Outcome, Error> {
        let mut days: BTreeSet<NaiveDate> = drafts.by_day.keys().copied().collect();
        days.extend(self.given_days(rows));
        let mut outcome = Outcome::default();
        for day in days {
            if since.is_none_or(|since| day >= since) {
                self.put_day(rows, day, drafts, stamp, &mut outcome)?;
            }
        }
        Ok(outcome)
    }

    fn put_day(
        &self,
        rows: Rows,
        day: NaiveDate,
        drafts: &Drafts,
        stamp: Stamp,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let path = self.file(rows, day);
        let memory = self.memory_of(rows, day);
        let given = Given::read(&memory)?;
        let present = drafts.by_day.get(&day).map_or(&[][..], Vec::as_slice);
        let is_gone = |(key, _): &&(u64, u64)| !drafts.keys.contains(key);
        let gone: Vec<(u64, u64)> = given.versions.iter().filter(is_gone).copied().collect();
        let mark = mark(present, &gone);
        if given.mark == mark && !self.is_new && !given.is_damaged(&path) {
            return Ok(());
        }
        let mut text = String::new();
        for draft in present {
            draft.put(stamp, &mut text);
        }
        outcome.days += 1;
        outcome.rows += present.len();
        match rows {
            // What was not spent after all must be taken back.
            Rows::Spend => {
                for (key, version) in &gone {
                    nothing(*key, Weight::in_version(*version), day).put(stamp, &mut text);
                }
                outcome.gone += gone.len();
            }
            // An error stays one when its transcript is gone.
            Rows::Limits | Rows::Windows => {
                let keys: BTreeSet<u64> = gone.iter().map(|(key, _)| *key).collect();
                for line in unpacked(&path).unwrap_or_default().lines() {
                    if key_in(line).is_some_and(|key| keys.contains(&key)) {
                        text.push_str(line);
                        text.push('\n');
                    }
                }
            }
        }
        let versions = present
            .iter()
            .map(|draft| (draft.key, draft.weight.version(stamp)));
        let mut now = Given {
            versions: versions.chain(gone.iter().copied()).collect(),
            ..Given::default()
        };
        now.versions.sort_unstable();
        // Whatever the file will hold is known before it does: a run that is killed here is made up
        // for by the next.
        let before = given.versions.iter();
        let new = |(key, _): &&(u64, u64)| {
            now.versions
                .binary_search_by_key(key, |(known, _)| *known)
                .is_err()
        };
        let mut both = Given {
            versions: before.filter(new).chain(&now.versions).copied().collect(),
            ..Given::default()
        };
        both.versions.sort_unstable();
        both.write(&memory)?;
        let bytes = packed(&text);
        self.write(&path, &bytes)?;
        now.mark = mark;
        now.file = Some(xxh3_64(&bytes));
        now.write(&memory)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let Some(group) = self.group else {
            disk::create_shared_directory_of(path)?;
            return disk::write_atomically(path, bytes, Durability::Quick);
        };
        group.create_directories_of(path, self.directory)?;
        group.write_atomically(path, bytes, Durability::Quick)
    }

    fn file(&self, rows: Rows, day: NaiveDate) -> PathBuf {
        let directory = self.directory.join(FORMAT).join(rows.name());
        directory
            .join(format!("{DAY}{day}"))
            .join(format!("{}{ENDING}", self.machine))
    }

    fn memory_of(&self, rows: Rows, day: NaiveDate) -> PathBuf {
        self.memory.join(rows.name()).join(format!("{day}.given"))
    }

    fn given_days(&self, rows: Rows) -> impl Iterator<Item = NaiveDate> {
        let known = disk::files_of_kind(&self.memory.join(rows.name()), "given");
        known.filter_map(|path| path.file_stem()?.to_str()?.parse().ok())
    }
}

impl Given {
    /// One that is damaged says nothing.
    fn read(path: &Path) -> Result<Self, Error> {
        let bytes = disk::read_own(path, SIZE_LIMIT)?.unwrap_or_default();
        let mut words = bytes
            .chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
        let mark = words.next().unwrap_or_default();
        let mut versions = Vec::with_capacity(bytes.len() / 16);
        while let (Some(key), Some(version)) = (words.next(), words.next()) {
            versions.push((key, version));
        }
        // An odd word is the last.
        let words = bytes.len() / 8;
        let last = bytes.chunks_exact(8).next_back();
        let last = last.filter(|_| words > 1 && words % 2 == 0);
        let file = last.map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
        Ok(Self {
            mark,
            versions,
            file,
        })
    }

    /// Whether the file is there and is not what was written. One that is gone may have been taken
    /// away once it was loaded.
    fn is_damaged(&self, path: &Path) -> bool {
        match disk::read(path, SIZE_LIMIT) {
            Ok(Some(bytes)) => self.file.is_some_and(|file| file != xxh3_64(&bytes)),
            Ok(None) => false,
            Err(_) => true,
        }
    }

    fn write(&self, path: &Path) -> Result<(), Error> {
        let words = self
            .versions
            .iter()
            .flat_map(|(key, version)| [*key, *version]);
        let words = std::iter::once(self.mark).chain(words).chain(self.file);
        let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        disk::create_directory_of(path)?;
        disk::write_atomically(path, &bytes, Durability::Quick)
    }
}

/// Changes with every row, and never is 0.
fn mark(present: &[Draft], gone: &[(u64, u64)]) -> u64 {
    let rows = present.iter().map(Draft::mark);
    let keys = gone.iter().map(|(key, _)| *key);
    let all = rows
        .chain(keys)
        .fold(1, |mark, row| xxh3_64_with_seed(&row.to_le_bytes(), mark));
    all.max(1)
}

/// Takes the place of a row that is gone.
fn nothing(key: u64, weight: Weight, day: NaiveDate) -> Draft {
    let at = day.and_time(chrono::NaiveTime::MIN).and_utc();
    Draft::new(key, weight, at, &SpendLine::empty(at.timestamp_millis()))
}

fn key_in(line: &str) -> Option<u64> {
    let digits = line.strip_prefix("{\"key\":\"")?.get(..16)?;
    u64::from_str_radix(digits, 16).ok()
}

fn packed(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = packer.write_all(text.as_bytes());
    packer.finish().unwrap_or_default()
}

/// The lines of a file. An error where it is not one, or cut off.
pub(super) fn unpacked(path: &Path) -> Result<String, Error> {
    let bytes = disk::read(path, SIZE_LIMIT)?.unwrap_or_default();
    let mut text = String::new();
    let mut unpacker = GzDecoder::new(bytes.as_slice()).take(SIZE_LIMIT);
    let read = unpacker.read_to_string(&mut text);
    read.map(|_| text).map_err(disk::unread(path))
}
