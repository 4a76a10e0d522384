//! Erases people, projects, and days from a directory of exports.
//!
//! Hashes of the erased names are stored in `whycap-1/erased.json` so that later exports to the directory do not write
//! them again. Anyone who guesses a name can check whether it was erased.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::ensure;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::exporter::hash;
use super::files::{FORMAT, UnreadableFile, compress, day_of, each_row, list_all_files};
use super::merged::MergedRows;
use super::new_rows::NewRow;
use super::row::{ExportedRow, RESPONSE, RowType};
use crate::disk::replace::remove_empty_owned_directory;
use crate::disk::{self, Error, group};
use crate::places::Places;
use crate::render::Report;
use crate::terminal::count_noun;

/// The maximum size of the list of erased names, in bytes. This is enough for 50,000 names.
const MAX_LIST_SIZE: u64 = 1024 * 1024;
/// The HMAC keys for hashing erased names.
const PERSON: &str = "erased person";
const PROJECT: &str = "erased project";

/// The rows that the user wants to erase.
#[derive(Debug, Clone)]
pub(crate) enum Erasure {
    Person(String),
    Project(String),
    /// All rows for days (UTC) before this one.
    Before(NaiveDate),
}

impl FromStr for Erasure {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const USAGE: &str = "use person=NAME, project=NAME, or before=2026-01-31";
        match text.split_once('=') {
            Some(("person", name)) if !name.is_empty() => Ok(Self::Person(name.to_owned())),
            Some(("project", name)) if !name.is_empty() => Ok(Self::Project(name.to_owned())),
            Some(("before", day)) => day.parse().map(Self::Before).map_err(|_| USAGE),
            _ => Err(USAGE),
        }
    }
}

/// Everything that has ever been erased from a directory: the hashes of names, and the day before which all rows were
/// erased.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ErasedNames {
    people: BTreeSet<String>,
    projects: BTreeSet<String>,
    before: Option<NaiveDate>,
}

impl ErasedNames {
    /// Reads the list of erased names. Fails if the list exists but cannot be read, because any name could be on it.
    pub(super) fn read(directory: &Path) -> Result<Self, Error> {
        let path = list_path(directory);
        match disk::read(&path, MAX_LIST_SIZE)? {
            Some(list) => {
                serde_json::from_slice(&list).map_err(|error| disk::read_error(&path)(error.into()))
            }
            None => Ok(Self::default()),
        }
    }

    fn add(&mut self, erasure: &Erasure) {
        match erasure {
            Erasure::Person(name) => {
                self.people.insert(hash(PERSON, name));
            }
            Erasure::Project(name) => {
                self.projects.insert(hash(PROJECT, name));
            }
            Erasure::Before(day) => self.before = self.before.max(Some(*day)),
        }
    }

    pub(super) fn covers_day(&self, day: NaiveDate) -> bool {
        self.before.is_some_and(|before| day < before)
    }

    /// Returns true if the row's person or project was erased.
    pub(super) fn covers(&self, row: &ExportedRow<'_>) -> bool {
        self.has_names()
            && (self.people.contains(&hash(PERSON, &row.person))
                || self.projects.contains(&hash(PROJECT, &row.project)))
    }

    fn has_names(&self) -> bool {
        !self.people.is_empty() || !self.projects.is_empty()
    }

    pub(super) fn covers_new_row(&self, row: &NewRow) -> bool {
        self.has_names() && serde_json::from_str(&row.fields).is_ok_and(|row| self.covers(&row))
    }
}

fn list_path(directory: &Path) -> PathBuf {
    directory.join(FORMAT).join("erased.json")
}

/// Removes rows from a directory, including those of other machines. Returns a report and the files that could not be
/// read completely.
pub(crate) fn erase(
    directory: &Path,
    erasure: &Erasure,
    places: &Places,
) -> anyhow::Result<(Report, Vec<UnreadableFile>)> {
    let shown = places.show(directory);
    ensure!(
        directory.is_dir(),
        "there is no directory {shown}; use the directory that contains the exports"
    );
    let mut erased = ErasedNames::read(directory)?;
    erased.add(erasure);
    let list = serde_json::to_vec(&erased)?;
    group::write_below(directory, &list_path(directory), &list)?;

    let mut unreadable = Vec::new();
    let related = RelatedRows::find(directory, &erased)?;
    let (mut rows, mut files) = (0, 0);
    for path in list_all_files(directory, &mut unreadable) {
        let is_old = day_of(&path).is_some_and(|day| erased.covers_day(day));
        let mut removed = 0;
        let mut kept_lines = Vec::new();
        let result = each_row(&path, |row, line| {
            if is_old || erased.covers(row) || related.contains(row) {
                removed += 1;
            } else {
                kept_lines.extend_from_slice(line);
            }
        });
        unreadable.extend(result.err());
        if removed == 0 {
            continue;
        }
        rows += removed;
        files += 1;
        if kept_lines.is_empty() {
            disk::remove_owned_file(&path)?;
            path.parent()
                .map(remove_empty_owned_directory)
                .unwrap_or_default();
        } else {
            group::write_below(directory, &path, &compress(&kept_lines))?;
        }
    }
    let text = if rows == 0 {
        format!(
            "No such rows were found in {shown}. Later exports to this directory will leave them out."
        )
    } else {
        let [rows, files] = [(rows, "row"), (files, "file")].map(|(n, noun)| count_noun(n, noun));
        format!(
            "Erased {rows} in {files} in {shown}. Later exports to this directory will leave these rows out, but \
             files that you copy there can bring them back."
        )
    };
    Ok((Report::from_lines(&text), unreadable))
}

/// Rows that are erased because they are related to an erased row, even though they do not contain an erased name
/// themselves.
#[derive(Default)]
struct RelatedRows {
    /// The keys of the erased rows. Other machines may have copies of these rows under other names.
    keys: HashSet<u64>,
    /// The sessions of the erased rows. Other machines may have derived unrecorded spend from these sessions.
    sessions: HashSet<String>,
}

impl RelatedRows {
    /// Collects the keys and sessions of the erased rows that count. An erased row that does not count is a copy of
    /// another person's row, so that person's original must stay. Sessions that contain other people's responses stay
    /// as well.
    fn find(directory: &Path, erased: &ErasedNames) -> Result<Self, Error> {
        let mut related = Self::default();
        let mut sessions_of_others = HashSet::new();
        for row_type in RowType::ALL {
            MergedRows::read(directory, row_type, &mut |_, _| {}).each(|row| {
                if erased.covers(row) {
                    related.keys.insert(row.key);
                    related.sessions.insert(row.session.to_string());
                } else if row.kind == RESPONSE {
                    sessions_of_others.insert(row.session.to_string());
                }
            })?;
        }
        related
            .sessions
            .retain(|session| !session.is_empty() && !sessions_of_others.contains(session));
        Ok(related)
    }

    fn contains(&self, row: &ExportedRow<'_>) -> bool {
        let is_of_session = row.kind != RESPONSE && self.sessions.contains(&*row.session);
        is_of_session || self.keys.contains(&row.key)
    }
}
