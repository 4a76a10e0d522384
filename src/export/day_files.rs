//! What one machine says of each day, written whole when that changes.
//!
//! What was written is remembered in our data directory: a mark of each file's rows and one of its
//! bytes. Losing that means only that files are written again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::drafts::{Draft, Rows, Stamp, lines};
use super::erased::Erased;
use super::files::{FORMAT, SIZE_LIMIT, each_row, file_in, has_exports, packed};
use super::leaving::Leaving;
use super::pseudonym::Exporter;
use super::spend_rows::nothing;
use crate::disk::{self, Error, group, records};
use crate::places::{Places, real};

/// A target while it is brought up to date.
struct DayFiles<'f> {
    directory: &'f Path,
    exporter: &'f Exporter,
    given: Given,
    /// Whether nothing was ever written there, or all of it was taken away.
    is_new: bool,
    erased: Erased,
    /// The keys of all rows, whatever their day.
    known: HashSet<u64>,
    done: Outcome,
}

/// What was written so far.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Given {
    /// Of the last export.
    last: Stamp,
    /// By rows and day: a mark of the rows, and one of the file's bytes.
    files: BTreeMap<Rows, BTreeMap<NaiveDate, [u64; 2]>>,
}

/// What an export did.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Days that were written, and the rows in them.
    pub(crate) days: BTreeSet<NaiveDate>,
    pub(crate) rows: u64,
    /// Rows that stood in these files and are gone.
    pub(crate) gone: u64,
}

/// Brings the files of a directory up to date from this day on, and deletes what a run that was
/// killed left.
pub(crate) fn put_all(
    directory: &Path,
    leaving: &Leaving,
    since: Option<NaiveDate>,
    places: &Places,
    now: DateTime<Utc>,
) -> Result<Outcome, Error> {
    // The same before and after the directory is made.
    let absolute = std::path::absolute(directory);
    let real = real(&absolute.unwrap_or_else(|_| directory.to_owned()));
    let name = xxh3_64(real.as_os_str().as_encoded_bytes());
    let memory = places.data.join(format!("export/{name:016x}/given.json"));
    let mut given: Given = records::read_large(&memory).unwrap_or_default();
    // Later than every one before, whatever the clock says.
    given.last = Stamp::new(now).after(given.last);
    records::write(&memory, &given)?;
    let mut days: BTreeMap<(Rows, NaiveDate), Vec<&Draft>> = BTreeMap::new();
    for (rows, known) in &given.files {
        days.extend(known.keys().map(|day| ((*rows, *day), vec![])));
    }
    // Others may have begun anew where all was taken away.
    let exporter = &leaving.exporter;
    let is_there = |(rows, day): &_| file_in(directory, *rows, *day, &exporter.machine).exists();
    let is_new = group::owns(directory) && !days.keys().any(is_there);
    let mut files = DayFiles {
        directory,
        exporter,
        given,
        is_new: is_new || !has_exports(directory),
        erased: Erased::read(directory)?,
        known: leaving.drafts.iter().map(|draft| draft.key).collect(),
        done: Outcome::default(),
    };
    for draft in &leaving.drafts {
        days.entry((draft.rows, draft.day)).or_default().push(draft);
    }
    days.retain(|(_, day), _| Some(*day) >= since && !files.erased.covers_day(*day));
    for ((rows, day), mut present) in days {
        present.retain(|draft| !files.erased.covers_draft(draft));
        files.put_day(rows, day, &present)?;
    }
    records::write(&memory, &files.given)?;
    disk::sweep(&directory.join(FORMAT), now, 2);
    Ok(files.done)
}

impl DayFiles<'_> {
    fn put_day(&mut self, rows: Rows, day: NaiveDate, present: &[&Draft]) -> Result<(), Error> {
        let path = file_in(self.directory, rows, day, &self.exporter.machine);
        let leaving = |stamp| lines(present.iter().copied(), stamp);
        let mark = xxh3_64(leaving(Stamp::default()).as_bytes());
        let files = self.given.files.entry(rows).or_default();
        let is_same = |[rows, bytes]: &[u64; 2]| *rows == mark && !is_damaged(&path, *bytes);
        if !self.is_new && files.get(&day).is_some_and(is_same) {
            return Ok(());
        }
        // The file says something newer than it did, though a clock or a backup was set back.
        let (mut stamp, mut kept) = (self.given.last, Vec::new());
        let _ = each_row(&path, |row, line| {
            stamp = stamp.max(Stamp::default().after(Stamp::in_version(row.version)));
            if !self.known.contains(&row.key) && rows == Rows::Spend {
                self.done.gone += 1;
            } else if !self.known.contains(&row.key) && !self.erased.covers(row) {
                // An error stays one when its transcript is gone.
                kept.extend_from_slice(line);
            }
        });
        let mut text = leaving(stamp);
        if rows == Rows::Spend && present.is_empty() {
            // What was not spent after all is taken back: the newest file of a day counts.
            text = lines([&nothing(self.exporter, day)], stamp);
        }
        self.done.days.insert(day);
        self.done.rows += present.len() as u64;
        let bytes = packed(&[text.as_bytes(), &kept].concat());
        group::write_below(self.directory, &path, &bytes)?;
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
