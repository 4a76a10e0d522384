//! What one machine says of each day, written whole when that changes.
//!
//! What was written is remembered in our data directory: a mark of each file's rows and one of its
//! bytes. Losing that means only that files are written again.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::drafts::{Draft, Drafts, Rows, Stamp, lines};
use super::erased::Erased;
use super::files::{FORMAT, SIZE_LIMIT, each_row, file_in, packed, write};
use super::spend_rows::nothing;
use crate::disk::{self, Error, group::Group, litter, records};
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
    erased: Erased,
    now: DateTime<Utc>,
}

/// What was written so far.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Given {
    /// Of the last export.
    last: Stamp,
    /// By rows and day: a mark of the rows, and one of the file's bytes.
    files: BTreeMap<String, BTreeMap<NaiveDate, [u64; 2]>>,
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
        let memory = places.data.join(format!("export/{name:016x}/given.json"));
        let mut given: Given = records::read_large(&memory).unwrap_or_default();
        // Later than every one before, whatever the clock says.
        given.last = Stamp::of(now).after(given.last);
        records::write(&memory, &given)?;
        // Others may have begun anew where all was taken away.
        let mut all = Rows::ALL.into_iter().flat_map(|rows| {
            let days = given.files.get(rows.name()).into_iter().flatten();
            days.map(move |(day, _)| (rows, *day))
        });
        let is_there = all.any(|(rows, day)| file_in(directory, rows, day, machine).exists());
        Ok(Self {
            is_new: !directory.join(FORMAT).is_dir()
                || (Group::of(directory).is_some() && !is_there),
            erased: Erased::read(directory)?,
            directory,
            machine,
            memory,
            given,
            now,
        })
    }

    /// Brings the files up to date from this day on, and deletes what a run that was killed left.
    pub(crate) fn put_all(
        &mut self,
        all: &[(Rows, Drafts)],
        since: Option<NaiveDate>,
    ) -> Result<Vec<(Rows, Outcome)>, Error> {
        let mut outcomes = Vec::new();
        for (rows, drafts) in all {
            let given = self.given.files.get(rows.name()).into_iter().flatten();
            let given = given.filter(|(day, _)| Some(**day) >= since);
            let mut days: BTreeMap<NaiveDate, Vec<&Draft>> =
                given.map(|(day, _)| (*day, vec![])).collect();
            for draft in drafts.since(since) {
                let day = days.entry(draft.day).or_default();
                day.extend((!self.erased.covers_draft(draft)).then_some(draft));
            }
            days.retain(|day, _| !self.erased.covers_day(*day));
            let known = drafts.since(None).iter().map(|draft| draft.key).collect();
            let mut outcome = Outcome::default();
            for (day, present) in days {
                self.put_day((*rows, day), &present, &known, &mut outcome)?;
            }
            records::write(&self.memory, &self.given)?;
            outcomes.push((*rows, outcome));
        }
        litter::sweep_below(&self.directory.join(FORMAT), self.now, 2);
        Ok(outcomes)
    }

    /// `known` are the keys of all rows, whatever their day.
    fn put_day(
        &mut self,
        (rows, day): (Rows, NaiveDate),
        present: &[&Draft],
        known: &HashSet<u64>,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let path = file_in(self.directory, rows, day, self.machine);
        let leaving = |stamp| lines(present.iter().copied(), stamp);
        let mark = xxh3_64(leaving(Stamp::default()).as_bytes());
        let files = self.given.files.entry(rows.name().to_owned()).or_default();
        let is_same = |[rows, bytes]: &[u64; 2]| *rows == mark && !is_damaged(&path, *bytes);
        if !self.is_new && files.get(&day).is_some_and(is_same) {
            return Ok(());
        }
        // The file says something newer than it did, though a clock or a backup was set back.
        let (mut stamp, mut kept) = (self.given.last, Vec::new());
        let _ = each_row(&path, |row, line| {
            stamp = stamp.max(Stamp::default().after(Stamp::in_version(row.version)));
            if !known.contains(&row.key) && rows == Rows::Spend {
                outcome.gone += 1;
            } else if !known.contains(&row.key) && !self.erased.covers(row) {
                // An error stays one when its transcript is gone.
                kept.extend_from_slice(line);
            }
            Ok(())
        });
        let mut text = leaving(stamp);
        if rows == Rows::Spend && present.is_empty() {
            // What was not spent after all is taken back: the newest file of a day counts.
            text = lines([&nothing(self.machine, day)], stamp);
        }
        outcome.days += 1;
        outcome.rows += present.len();
        let bytes = packed(&[text.as_bytes(), &kept].concat());
        write(self.directory, &path, &bytes)?;
        files.insert(day, [mark, xxh3_64(&bytes)]);
        Ok(())
    }
}

/// Whether a file is there and is not what was written. One that is gone may have been taken away
/// once it was loaded.
fn is_damaged(path: &Path, written: u64) -> bool {
    let read = disk::read(path, SIZE_LIMIT);
    read.map_or(true, |found| {
        found.is_some_and(|bytes| written != xxh3_64(&bytes))
    })
}
