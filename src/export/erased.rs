//! What was erased from a target for good: it is read no more, and no machine brings it back.
//!
//! `whycap-1/erased.json` holds hashes of the names and a day. Who can guess a name can find it
//! there; nobody reads one off it.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::drafts::Rows;
use super::files::{FORMAT, Gap, Target, day_of, each_line, files_of, packed};
use super::line::AnyLine;
use super::pseudonym::hash;
use crate::disk::replace::remove_own_empty_dir;
use crate::disk::{self, Error};

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
    pub(crate) rows: usize,
    pub(crate) files: usize,
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

fn hash_of_person(name: &str) -> String {
    hash("erased person", name)
}

fn hash_of_project(name: &str) -> String {
    hash("erased project", name)
}

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
            Erasure::Person(name) => drop(self.people.insert(hash_of_person(name))),
            Erasure::Project(name) => drop(self.projects.insert(hash_of_project(name))),
            Erasure::Before(day) => self.before = self.before.max(Some(*day)),
        }
    }

    /// Whether all of a day is erased.
    pub(super) fn covers_day(&self, day: NaiveDate) -> bool {
        self.before.is_some_and(|before| day < before)
    }

    /// Whether a row is erased, by its JSON.
    pub(super) fn covers(&self, text: &str) -> bool {
        let has_names = !self.people.is_empty() || !self.projects.is_empty();
        has_names && serde_json::from_str(text).is_ok_and(|line| self.covers_line(&line))
    }

    fn covers_line(&self, line: &AnyLine<'_>) -> bool {
        self.people.contains(&hash_of_person(&line.person))
            || self.projects.contains(&hash_of_project(&line.project))
    }
}

fn path_in(directory: &Path) -> PathBuf {
    directory.join(FORMAT).join("erased.json")
}

/// Takes what is meant out of every file of a target, with other machines' copies of it, and notes
/// it down.
pub(crate) fn erase(directory: &Path, what: &Erasure) -> Result<Erasing, Error> {
    let target = Target::new(directory);
    let mut erased = Erased::read(directory)?;
    erased.add(what);
    let list = serde_json::to_vec(&erased).unwrap_or_default();
    target.write(&path_in(directory), &list)?;
    let mut done = Erasing::default();
    let files = Rows::ALL.map(|rows| files_of(directory, rows, &mut done.gaps));
    let files = files.concat();
    // Of the same answers other machines may hold copies under another name; what is no answer was
    // worked out from the whole of a session.
    let (mut keys, mut sessions) = (HashSet::new(), HashSet::new());
    for path in &files {
        let _ = each_line(path, |text| {
            let line: AnyLine<'_> = serde_json::from_str(text)?;
            if erased.covers_line(&line) {
                keys.insert(line.key);
                sessions.extend((!line.session.is_empty()).then(|| hash_of(&line.session)));
            }
            Ok::<(), serde_json::Error>(())
        });
    }
    for path in &files {
        let is_old = day_of(path).is_some_and(|day| erased.covers_day(day));
        let (mut kept, mut gone) = (String::new(), 0);
        let read = each_line(path, |text| {
            let line: AnyLine<'_> = serde_json::from_str(text)?;
            let is_of_session =
                &*line.kind != "response" && sessions.contains(&hash_of(&line.session));
            if is_old || is_of_session || keys.contains(&line.key) || erased.covers_line(&line) {
                gone += 1;
            } else {
                kept.push_str(text);
            }
            Ok::<(), serde_json::Error>(())
        });
        if let Err(gap) = read {
            done.gaps.push(gap);
        } else if gone > 0 && kept.is_empty() {
            disk::remove_own_file(path)?;
            // With its day's directory, if it was the last.
            path.parent().map(remove_own_empty_dir).unwrap_or_default();
        } else if gone > 0 {
            target.write(path, &packed(&kept))?;
        }
        done.rows += gone;
        done.files += usize::from(gone > 0);
    }
    Ok(done)
}

fn hash_of(session: &str) -> u64 {
    xxh3_64(session.as_bytes())
}
