//! What one machine says of each day, written whole when that changes.
//!
//! What was written is remembered in our data directory: a mark of each file's rows and one of its
//! bytes. Losing that means only that files are written again.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::drafts::{Draft, Drafts, Rows, key_of, lines};
use super::erased::Erased;
use super::files::{FORMAT, SIZE_LIMIT, Target, each_line, packed};
use super::line::{AnyLine, Kind, SpendLine};
use super::version::{Stamp, Weight};
use crate::disk::{self, Error, litter, records};
use crate::places::{Places, real};

/// A target, and what it was given.
#[derive(Debug)]
pub(crate) struct DayFiles<'f> {
    target: Target<'f>,
    machine: &'f str,
    /// Where what it was given is remembered.
    memory: PathBuf,
    given: Given,
    /// Whether nothing was ever written there, or all of it was taken away.
    is_new: bool,
    erased: Erased,
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
#[derive(Debug, Clone, Copy, Default)]
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
        let memory = format!("export/{name:016x}/given.json");
        let memory = places.data.join(memory);
        let mut given: Given = records::read_large(&memory).unwrap_or_default();
        // Later than every one before, whatever the clock says.
        given.last = Stamp::of(now).after(given.last);
        records::write(&memory, &given)?;
        let mut files = Self {
            is_new: !directory.join(FORMAT).is_dir(),
            target: Target::new(directory),
            erased: Erased::read(directory)?,
            machine,
            memory,
            given,
        };
        // Others may have begun anew where all was taken away.
        let is_there = |rows| {
            files
                .given_days(rows)
                .any(|day| files.file(rows, day).exists())
        };
        files.is_new |= files.target.group.is_some() && !Rows::ALL.into_iter().any(is_there);
        Ok(files)
    }

    /// Deletes what a run that was killed left in the target.
    pub(crate) fn sweep(&self, now: DateTime<Utc>) {
        litter::sweep_below(&self.target.directory.join(FORMAT), now, 2);
    }

    /// Brings the files up to date from this day on.
    pub(crate) fn put(
        &mut self,
        rows: Rows,
        drafts: &Drafts,
        since: Option<NaiveDate>,
    ) -> Result<Outcome, Error> {
        let given = self.given_days(rows).filter(|day| Some(*day) >= since);
        let mut days: BTreeMap<NaiveDate, Vec<&Draft>> = given.map(|day| (day, vec![])).collect();
        for draft in drafts.since(since) {
            let day = days.entry(draft.day).or_default();
            day.extend((!self.erased.covers(&draft.fields)).then_some(draft));
        }
        let known = drafts.since(None).iter().map(|draft| draft.key).collect();
        let mut outcome = Outcome::default();
        for (day, present) in days {
            if !self.erased.covers_day(day) {
                self.put_day(rows, day, &present, &known, &mut outcome)?;
            }
        }
        records::write(&self.memory, &self.given)?;
        Ok(outcome)
    }

    /// `known` are the keys of all rows, whatever their day.
    fn put_day(
        &mut self,
        rows: Rows,
        day: NaiveDate,
        present: &[&Draft],
        known: &HashSet<u64>,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let path = self.file(rows, day);
        let leaving = |stamp| lines(present.iter().copied(), stamp);
        let mark = xxh3_64(leaving(Stamp::default()).as_bytes());
        let name = name_of(rows, day);
        let given = self.given.files.get(&name);
        let is_same =
            given.is_some_and(|[rows, bytes]| *rows == mark && !is_damaged(&path, *bytes));
        if is_same && !self.is_new {
            return Ok(());
        }
        // The file says something newer than it did, though a clock or a backup was set back.
        let (mut stamp, mut gone, mut kept) = (self.given.last, 0, String::new());
        let _ = each_line(&path, |text| {
            let line: AnyLine<'_> = serde_json::from_str(text)?;
            stamp = stamp.max(Stamp::default().after(Stamp::in_version(line.version)));
            if !known.contains(&line.key) {
                gone += 1;
                kept.push_str(if self.erased.covers(text) { "" } else { text });
            }
            Ok::<(), serde_json::Error>(())
        });
        let mut text = leaving(stamp);
        if rows != Rows::Spend {
            // An error stays one when its transcript is gone.
            text.push_str(&kept);
        } else if present.is_empty() {
            // What was not spent after all is taken back: the newest file of a day counts.
            text = lines([&nothing(self.machine, day)], stamp);
        }
        outcome.gone += if rows == Rows::Spend { gone } else { 0 };
        outcome.days += 1;
        outcome.rows += present.len();
        let bytes = packed(&text);
        self.target.write(&path, &bytes)?;
        self.given.files.insert(name, [mark, xxh3_64(&bytes)]);
        Ok(())
    }

    fn file(&self, rows: Rows, day: NaiveDate) -> PathBuf {
        self.target.file(rows, day, self.machine)
    }

    fn given_days(&self, rows: Rows) -> impl Iterator<Item = NaiveDate> {
        let names = self.given.files.keys();
        let days = names.filter_map(move |name| name.strip_prefix(rows.name())?.strip_prefix('/'));
        days.filter_map(|day| day.parse().ok())
    }
}

/// A file's in what was given.
fn name_of(rows: Rows, day: NaiveDate) -> String {
    format!("{}/{day}", rows.name())
}

/// Whether a file is there and is not what was written. One that is gone may have been taken away
/// once it was loaded.
fn is_damaged(path: &Path, written: u64) -> bool {
    let read = disk::read(path, SIZE_LIMIT);
    read.map_or(true, |found| {
        found.is_some_and(|bytes| written != xxh3_64(&bytes))
    })
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
