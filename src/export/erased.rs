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
use super::files::{DAY, FORMAT, Files, Gap, each_line, packed, write};
use super::pseudonym::hash;
use crate::disk::replace::remove_own_empty_dir;
use crate::disk::{self, Error, group::Group};

/// No list is longer.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// What is to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Erasure {
    Person(String),
    Project(String),
    /// Everything of the days before this one (UTC).
    Before(NaiveDate),
}

/// What was erased so far.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Erased {
    #[serde(default)]
    people: BTreeSet<String>,
    #[serde(default)]
    projects: BTreeSet<String>,
    #[serde(default)]
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

/// The names in a row by which it is erased.
#[derive(Debug, Deserialize)]
struct Names<'l> {
    #[serde(default)]
    key: &'l str,
    #[serde(default, borrow)]
    kind: std::borrow::Cow<'l, str>,
    #[serde(default, borrow)]
    person: std::borrow::Cow<'l, str>,
    #[serde(default, borrow)]
    project: std::borrow::Cow<'l, str>,
    #[serde(default, borrow)]
    session: std::borrow::Cow<'l, str>,
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
            Erasure::Person(name) => drop(self.people.insert(hash("erased person", name))),
            Erasure::Project(name) => drop(self.projects.insert(hash("erased project", name))),
            Erasure::Before(day) => self.before = self.before.max(Some(*day)),
        }
    }

    /// Whether all of a day is erased.
    pub(super) fn covers_day(&self, day: NaiveDate) -> bool {
        self.before.is_some_and(|before| day < before)
    }

    /// Whether a row is erased, by its JSON.
    pub(super) fn covers(&self, line: &str) -> bool {
        let has_names = !self.people.is_empty() || !self.projects.is_empty();
        has_names && serde_json::from_str(line).is_ok_and(|names| self.covers_names(&names))
    }

    fn covers_names(&self, names: &Names<'_>) -> bool {
        self.people.contains(&hash("erased person", &names.person))
            || self
                .projects
                .contains(&hash("erased project", &names.project))
    }
}

fn path_in(directory: &Path) -> PathBuf {
    directory.join(FORMAT).join("erased.json")
}

fn day_of(path: &Path) -> Option<NaiveDate> {
    let day = path.parent()?.file_name()?.to_str()?;
    day.strip_prefix(DAY)?.parse().ok()
}

/// Takes what is meant out of every file of a target, with other machines' copies of it, and notes
/// it down.
pub(crate) fn erase(directory: &Path, what: &Erasure) -> Result<Erasing, Error> {
    let group = Group::of(directory);
    let mut erased = Erased::read(directory)?;
    erased.add(what);
    let list = serde_json::to_vec(&erased).unwrap_or_default();
    write(&path_in(directory), &list, directory, group)?;
    let mut done = Erasing::default();
    // Of the same answers other machines may hold copies under another name.
    let (mut keys, mut sessions) = (HashSet::new(), HashSet::new());
    let all = Rows::ALL.map(|rows| Files::list(directory, rows));
    for path in all.iter().flat_map(|files| &files.paths) {
        let _ = each_line(path, |line| {
            let names: Names<'_> = serde_json::from_str(line)?;
            if erased.covers_names(&names) {
                keys.insert(names.key.to_owned());
                sessions.insert(xxh3_64(names.session.as_bytes()));
            }
            Ok::<(), serde_json::Error>(())
        });
    }
    for path in all.iter().flat_map(|files| &files.paths) {
        let is_old = day_of(path).is_some_and(|day| erased.covers_day(day));
        let (mut kept, mut gone) = (String::new(), 0);
        let read = each_line(path, |line| {
            let names: Names<'_> = serde_json::from_str(line)?;
            // What is no answer was worked out from the whole of a session.
            let is_of_session = names.kind != "response"
                && !names.session.is_empty()
                && sessions.contains(&xxh3_64(names.session.as_bytes()));
            if is_old || is_of_session || keys.contains(names.key) || erased.covers_names(&names) {
                gone += 1;
            } else {
                kept.push_str(line);
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
            write(path, &packed(&kept), directory, group)?;
        }
        done.rows += gone;
        done.files += usize::from(gone > 0);
    }
    done.gaps
        .extend(all.into_iter().flat_map(|files| files.gaps));
    Ok(done)
}
