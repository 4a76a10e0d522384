//! What one machine says of each day, written whole when that changes; and what was erased from a target for good: it is
//! read no more, and no machine brings it back.
//!
//! What was written is remembered in our data directory: a mark of each file's rows and one of its
//! bytes. Losing that means only that files are written again. `whycap-1/erased.json` holds hashes of the names and a day.
//! Who can guess a name can find it there; nobody reads one off it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, ensure};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::drafts::{Draft, RESPONSE, Stamp, lines, nothing};
use super::files::{
    ExportLine, FORMAT, Gap, Rows, SIZE_LIMIT, day_of, each_row, file_in, files_of, has_exports,
    packed,
};
use super::leaving::Leaving;
use super::pseudonym::{Exporter, hash};
use crate::disk::replace::remove_own_empty_dir;
use crate::disk::{self, Error, group, lock, records};
use crate::places::{Places, real};
use crate::render::Report;
use crate::terminal::counted;

/// A target while it is brought up to date.
struct DayFiles<'f> {
    directory: &'f Path,
    exporter: &'f Exporter,
    given: Given,
    /// Whether nothing was ever written there, or all of it was taken away.
    is_new: bool,
    /// Whether rows that are missing are taken back.
    is_whole: bool,
    erased: Erased,
    /// The keys of all rows, whatever their day.
    known: HashSet<u64>,
    done: Outcome,
}

/// What was written so far.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Given {
    /// Of the last export.
    last: Stamp,
    /// By rows and day: a mark of the rows, and one of the file's bytes.
    files: BTreeMap<Rows, BTreeMap<NaiveDate, [u64; 2]>>,
    /// Whether other machines were ever seen there.
    is_shared: bool,
}

/// What an export did.
#[derive(Debug, Default)]
struct Outcome {
    /// Days that were written, and the rows in them.
    days: BTreeSet<NaiveDate>,
    rows: u64,
    /// Rows that stood in these files and are gone.
    gone: u64,
}

/// Brings a directory up to date with what is gathered while no other export runs.
pub(crate) fn bring_up_to_date(
    directory: &Path,
    since: Option<NaiveDate>,
    (places, now): (&Places, DateTime<Utc>),
    gather: impl FnOnce() -> anyhow::Result<Leaving>,
) -> anyhow::Result<Report> {
    let shown = places.show(directory);
    ensure!(
        !directory.exists() || directory.is_dir(),
        "{shown} is not a directory; name one for the files"
    );
    let lock = places.data.join("export").join("lock");
    disk::create_directory_of(&lock)?;
    let held = lock::try_lock(&lock)?;
    let _held = held.context("another whycap export is running; try again when it is done")?;
    let done = put_all(directory, since, (places, now), &gather()?)?;
    if done.days.is_empty() {
        let says = format!("Nothing changed since the last export to {shown}");
        return Ok(Report::from_lines(&says));
    }
    let (rows, days) = (counted(done.rows, "row"), done.days.len() as u64);
    let days = counted(days, "day");
    let taken_back = match done.gone {
        0 => String::new(),
        gone => format!("; {} taken back", counted(gone, "row")),
    };
    let says = format!("Written to {shown}: {rows} in {days}{taken_back}");
    Ok(Report::from_lines(&says))
}

/// Brings the files of a directory up to date from this day on, and deletes what a run that was
/// killed left.
fn put_all(
    directory: &Path,
    since: Option<NaiveDate>,
    (places, now): (&Places, DateTime<Utc>),
    leaving: &Leaving,
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
    let exporter = &leaving.exporter;
    let files = Rows::ALL
        .map(|rows| files_of(directory, rows, &mut vec![]))
        .concat();
    let names = files.iter().filter_map(|file| file.file_name()?.to_str());
    let (own, others): (Vec<_>, Vec<_>) = names.partition(|it| it.starts_with(&exporter.machine));
    given.is_shared |= group::owns(directory) || !others.is_empty();
    // Whoever empties a directory that is shared has all machines begin anew.
    let is_new = given.is_shared && own.is_empty();
    let mut files = DayFiles {
        directory,
        exporter,
        given,
        is_new: is_new || !has_exports(directory),
        is_whole: leaving.is_whole,
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
            if !self.known.contains(&row.key) && rows == Rows::Spend && self.is_whole {
                self.done.gone += 1;
            } else if !self.known.contains(&row.key) && !self.erased.covers(row) {
                // An error stays one when its transcript is gone.
                kept.extend_from_slice(line);
            }
        });
        let mut text = leaving(stamp);
        if rows == Rows::Spend && present.is_empty() && self.is_whole {
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
    disk::read(path, SIZE_LIMIT).map_or(true, |found| {
        found.is_some_and(|bytes| written != xxh3_64(&bytes))
    })
}

/// No list is longer.
const LIST_LIMIT: u64 = 1024 * 1024;

/// What is to be erased.
#[derive(Debug, Clone)]
pub(crate) enum Erasure {
    Person(String),
    Project(String),
    /// Everything of the days before this one (UTC).
    Before(NaiveDate),
}

/// What was erased so far: hashes of names, and all before a day.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Erased {
    people: BTreeSet<String>,
    projects: BTreeSet<String>,
    before: Option<NaiveDate>,
}

/// What an erasure did.
#[derive(Debug, Default)]
struct Erasing {
    rows: u64,
    files: u64,
    /// What could not be read, and so was left as it is.
    gaps: Vec<Gap>,
}

impl FromStr for Erasure {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "write person=NAME, project=NAME or before=2026-01-31";
        match text.split_once('=') {
            Some(("person", name)) if !name.is_empty() => Ok(Self::Person(name.to_owned())),
            Some(("project", name)) if !name.is_empty() => Ok(Self::Project(name.to_owned())),
            Some(("before", day)) => day.parse().map(Self::Before).map_err(|_| wanted),
            _ => Err(wanted),
        }
    }
}

/// What names are hashed with.
const PERSON: &str = "erased person";
const PROJECT: &str = "erased project";

impl Erased {
    fn read(directory: &Path) -> Result<Self, Error> {
        let path = path_in(directory);
        let read = disk::read(&path, LIST_LIMIT)?;
        // What nobody can read may name anybody.
        let read = read.map_or_else(|| Ok(Self::default()), |list| serde_json::from_slice(&list));
        read.map_err(|error| disk::unread(&path)(error.into()))
    }

    fn add(&mut self, what: &Erasure) {
        match what {
            Erasure::Person(name) => drop(self.people.insert(hash(PERSON, name))),
            Erasure::Project(name) => drop(self.projects.insert(hash(PROJECT, name))),
            Erasure::Before(day) => self.before = self.before.max(Some(*day)),
        }
    }

    /// Whether all of a day is erased.
    fn covers_day(&self, day: NaiveDate) -> bool {
        self.before.is_some_and(|before| day < before)
    }

    /// Whether a row may not leave any more.
    fn covers_draft(&self, draft: &Draft) -> bool {
        let has_names = !self.people.is_empty() || !self.projects.is_empty();
        has_names && serde_json::from_str(&draft.fields).is_ok_and(|row| self.covers(&row))
    }

    /// Whether a row is erased by its names.
    fn covers(&self, row: &ExportLine<'_>) -> bool {
        self.people.contains(&hash(PERSON, &row.person))
            || self.projects.contains(&hash(PROJECT, &row.project))
    }
}

fn path_in(directory: &Path) -> PathBuf {
    directory.join(FORMAT).join("erased.json")
}

/// Takes rows of all machines out of a directory; and what of it could not be read.
pub(crate) fn erase_rows(
    directory: &Path,
    what: &Erasure,
    places: &Places,
) -> anyhow::Result<(Report, Vec<Gap>)> {
    let shown = places.show(directory);
    ensure!(
        directory.is_dir(),
        "there is no directory {shown}; name the one that the exports are in"
    );
    let done = erase(directory, what)?;
    let [rows, files] = [(done.rows, "row"), (done.files, "file")].map(|(n, of)| counted(n, of));
    let says = format!("Erased {rows} in {files} of {shown}. No export to it brings them back");
    Ok((Report::from_lines(&says), done.gaps))
}

/// Takes what is meant out of every file of a target, with other machines' copies of it, and notes
/// it down.
fn erase(directory: &Path, what: &Erasure) -> Result<Erasing, Error> {
    let mut erased = Erased::read(directory)?;
    erased.add(what);
    let list = serde_json::to_vec(&erased).unwrap_or_default();
    group::write_below(directory, &path_in(directory), &list)?;
    let mut done = Erasing::default();
    let files = Rows::ALL.map(|rows| files_of(directory, rows, &mut done.gaps));
    let files = files.concat();
    // Of the same answers other machines may hold copies under another name; what is no answer was
    // worked out from the whole of a session.
    let (mut keys, mut sessions) = (HashSet::new(), HashSet::new());
    for path in &files {
        // What cannot be read is told of below.
        let _ = each_row(path, |row, _| {
            if erased.covers(row) {
                keys.insert(row.key);
                sessions.extend((!row.session.is_empty()).then(|| row.session.to_string()));
            }
        });
    }
    for path in &files {
        let is_old = day_of(path).is_some_and(|day| erased.covers_day(day));
        let (mut kept, mut gone) = (Vec::new(), 0);
        let read = each_row(path, |row, line| {
            let is_of_session = &*row.kind != RESPONSE && sessions.contains(&*row.session);
            if is_old || is_of_session || keys.contains(&row.key) || erased.covers(row) {
                gone += 1;
            } else {
                kept.extend_from_slice(line);
            }
        });
        if let Err(gap) = read {
            done.gaps.push(gap);
        } else if gone > 0 && kept.is_empty() {
            disk::remove_own_file(path)?;
            // With its day's directory, if it was the last.
            path.parent().map(remove_own_empty_dir).unwrap_or_default();
        } else if gone > 0 {
            group::write_below(directory, path, &packed(&kept))?;
        }
        done.rows += gone;
        done.files += u64::from(gone > 0);
    }
    Ok(done)
}
