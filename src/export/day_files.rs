//! The files of a target: each is what one machine says of one day, written whole when that changes.
//!
//! What was written is remembered in our data directory: a mark of each file's rows and one of its
//! bytes. Losing that means only that files are written again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::drafts::{Draft, Drafts, Rows, as_text, key_of};
use super::erased::Erased;
use super::files::{DAY, ENDING, FORMAT, SIZE_LIMIT, lines_of, packed, write};
use super::line::{Kind, SpendLine};
use super::version::{Stamp, Weight};
use crate::disk::group::Group;
use crate::disk::{self, Error, litter, records};
use crate::places::{Places, real};

/// A target, and what it was given.
#[derive(Debug)]
pub(crate) struct DayFiles<'f> {
    directory: &'f Path,
    machine: &'f str,
    /// Where what it was given is remembered.
    memory: PathBuf,
    given: Given,
    /// Whether nothing was ever written there, or all of it was taken away.
    is_new: bool,
    /// Whom else the target is for.
    group: Option<Group>,
    erased: Erased,
    stamp: Stamp,
}

/// What was written so far.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Given {
    /// Of the last export.
    last: Stamp,
    /// By rows and day: a mark of the rows, and one of the file's bytes.
    files: BTreeMap<String, [u64; 2]>,
}

/// What was done for one kind of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Days that were written, and the rows in them.
    pub(crate) days: usize,
    pub(crate) rows: usize,
    /// Rows that stood in these files and are gone.
    pub(crate) gone: usize,
}

impl<'f> DayFiles<'f> {
    /// An export at `now`.
    pub(crate) fn open(
        directory: &'f Path,
        machine: &'f str,
        places: &Places,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        // The same before and after the directory is made.
        let absolute = std::path::absolute(directory);
        let real = real(&absolute.unwrap_or_else(|_| directory.to_owned()));
        let name = xxh3_64(real.as_os_str().as_encoded_bytes());
        let memory = places
            .data
            .join("export")
            .join(format!("{name:016x}/given.json"));
        let mut given: Given = records::read(&memory).unwrap_or_default();
        // Later than every one before, whatever the clock says.
        let stamp = Stamp::of(now).after(given.last);
        given.last = stamp;
        records::write(&memory, &given)?;
        let mut files = Self {
            is_new: !directory.join(FORMAT).is_dir(),
            group: Group::of(directory),
            erased: Erased::read(directory)?,
            directory,
            machine,
            memory,
            given,
            stamp,
        };
        // Others may have begun anew where all was taken away.
        files.is_new |= files.group.is_some() && !files.has_own();
        Ok(files)
    }

    /// Whether any file of this machine is still there.
    fn has_own(&self) -> bool {
        Rows::ALL.into_iter().any(|rows| {
            let mut days = self.given_days(rows);
            days.any(|day| self.file(rows, day).exists())
        })
    }

    /// Deletes what a run that was killed left in the target.
    pub(crate) fn sweep(&self, now: DateTime<Utc>) {
        litter::sweep_below(&self.directory.join(FORMAT), now, 2);
    }

    /// Brings the files up to date from this day on.
    pub(crate) fn put(
        &mut self,
        rows: Rows,
        drafts: &Drafts,
        since: Option<NaiveDate>,
    ) -> Result<Outcome, Error> {
        let mut days: BTreeSet<NaiveDate> = drafts.by_day.keys().copied().collect();
        days.extend(self.given_days(rows));
        let mut outcome = Outcome::default();
        for day in days {
            if since.is_none_or(|since| day >= since) && !self.erased.covers_day(day) {
                self.put_day(rows, day, drafts, &mut outcome)?;
            }
        }
        records::write(&self.memory, &self.given)?;
        Ok(outcome)
    }

    fn put_day(
        &mut self,
        rows: Rows,
        day: NaiveDate,
        drafts: &Drafts,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let path = self.file(rows, day);
        let present = drafts.by_day.get(&day).map_or(&[][..], Vec::as_slice);
        let left = present
            .iter()
            .filter(|draft| !self.erased.covers(draft.body()));
        let left: Vec<&Draft> = left.collect();
        let mark = xxh3_64(as_text(left.iter().copied(), Stamp::default()).as_bytes());
        let name = format!("{}/{day}", rows.name());
        let known = self.given.files.get(&name).copied();
        let is_same = known.is_some_and(|[rows, bytes]| rows == mark && !is_damaged(&path, bytes));
        if is_same && !self.is_new {
            return Ok(());
        }
        let before = lines_of(&path);
        let is_gone = |line: &&String| key_in(line).is_some_and(|key| !drafts.keys.contains(&key));
        let gone = before.iter().filter(is_gone);
        // The file says something newer than it did, though a clock or a backup was set back.
        let said = before.iter().filter_map(|line| stamp_in(line)).max();
        let stamp = said.map_or(self.stamp, |said| {
            self.stamp.max(Stamp::default().after(said))
        });
        let mut text = as_text(left.iter().copied(), stamp);
        match rows {
            // What was not spent after all is taken back: the newest file of a day counts.
            Rows::Spend if left.is_empty() => {
                nothing(self.machine, day).put(stamp, &mut text);
                outcome.gone += gone.count();
            }
            Rows::Spend => outcome.gone += gone.count(),
            // An error stays one when its transcript is gone.
            Rows::Limits | Rows::Windows => {
                for line in gone.filter(|line| !self.erased.covers(line)) {
                    text.push_str(line);
                }
            }
        }
        outcome.days += 1;
        outcome.rows += left.len();
        let bytes = packed(&text);
        write(&path, &bytes, self.directory, self.group)?;
        self.given.files.insert(name, [mark, xxh3_64(&bytes)]);
        Ok(())
    }

    fn file(&self, rows: Rows, day: NaiveDate) -> PathBuf {
        let directory = self.directory.join(FORMAT).join(rows.name());
        directory
            .join(format!("{DAY}{day}"))
            .join(format!("{}{ENDING}", self.machine))
    }

    fn given_days(&self, rows: Rows) -> impl Iterator<Item = NaiveDate> {
        let names = self.given.files.keys();
        let days = names.filter_map(move |name| name.strip_prefix(rows.name())?.strip_prefix('/'));
        days.filter_map(|day| day.parse().ok())
    }
}

/// Whether a file is there and is not what was written. One that is gone may have been taken away
/// once it was loaded.
fn is_damaged(path: &Path, written: u64) -> bool {
    match disk::read(path, SIZE_LIMIT) {
        Ok(Some(bytes)) => written != xxh3_64(&bytes),
        Ok(None) => false,
        Err(_) => true,
    }
}

/// Stands alone where a machine says nothing of a day any more.
fn nothing(machine: &str, day: NaiveDate) -> Draft {
    let at = day.and_time(NaiveTime::MIN).and_utc();
    let line = SpendLine {
        machine: machine.into(),
        kind: Kind::Nothing,
        time: at.timestamp_millis(),
        ..SpendLine::default()
    };
    let key = key_of(&["nothing", machine, &day.to_string()]);
    Draft::new(key, Weight::of(0, 0), at, &line)
}

fn key_in(line: &str) -> Option<u64> {
    let digits = line.strip_prefix("{\"key\":\"")?.get(..16)?;
    u64::from_str_radix(digits, 16).ok()
}

fn stamp_in(line: &str) -> Option<Stamp> {
    let (_, rest) = line.split_once("\"version\":")?;
    let version = rest.split(',').next()?.parse().ok()?;
    Some(Stamp::in_version(version))
}
