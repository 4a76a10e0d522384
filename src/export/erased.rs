//! What was erased from a target for good: it is read no more, and no machine brings it back.
//!
//! `whycap-1/erased.json` holds hashes of the names and a day. Who can guess a name can find it
//! there; nobody reads one off it.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::drafts::{Draft, Rows};
use super::files::{ExportLine, FORMAT, Gap, day_of, each_row, files_of, packed};
use super::pseudonym::hash;
use super::spend_rows::RESPONSE;
use crate::disk::replace::remove_own_empty_dir;
use crate::disk::{self, Error, group};

/// No list is longer.
const SIZE_LIMIT: u64 = 1024 * 1024;

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
pub(super) struct Erased {
    people: BTreeSet<String>,
    projects: BTreeSet<String>,
    before: Option<NaiveDate>,
}

/// What an erasure did.
#[derive(Debug, Default)]
pub(crate) struct Erasing {
    pub(crate) rows: u64,
    pub(crate) files: u64,
    /// What could not be read, and so was left as it is.
    pub(crate) gaps: Vec<Gap>,
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
    pub(super) fn read(directory: &Path) -> Result<Self, Error> {
        let path = path_in(directory);
        let Some(bytes) = disk::read(&path, SIZE_LIMIT)? else {
            return Ok(Self::default());
        };
        // What nobody can read may name anybody.
        let read = serde_json::from_slice(&bytes);
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
    pub(super) fn covers_day(&self, day: NaiveDate) -> bool {
        self.before.is_some_and(|before| day < before)
    }

    /// Whether a row may not leave any more.
    pub(super) fn covers_draft(&self, draft: &Draft) -> bool {
        let has_names = !self.people.is_empty() || !self.projects.is_empty();
        has_names && serde_json::from_str(&draft.fields).is_ok_and(|row| self.covers(&row))
    }

    /// Whether a row is erased by its names.
    pub(super) fn covers(&self, row: &ExportLine<'_>) -> bool {
        self.people.contains(&hash(PERSON, &row.person))
            || self.projects.contains(&hash(PROJECT, &row.project))
    }
}

fn path_in(directory: &Path) -> PathBuf {
    directory.join(FORMAT).join("erased.json")
}

/// Takes what is meant out of every file of a target, with other machines' copies of it, and notes
/// it down.
pub(crate) fn erase(directory: &Path, what: &Erasure) -> Result<Erasing, Error> {
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
