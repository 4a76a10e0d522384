//! Erases people, projects, and days from an export directory.
//!
//! The file `whycap-1/erased.json` lists everything that was erased. Rows on this list are never exported again. If
//! another machine's files still contain them, `whycap spend --from` and the databases ignore them. Names and sessions
//! are stored as hashes, which cannot be reversed but can be compared with guesses.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::ensure;
use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files::{FORMAT, UnreadableFile, compress, each_row, list_all_files};
use super::merged::MergedRows;
use super::new_rows::NewRow;
use super::row::{ExportedRow, RESPONSE, RowType};
use crate::disk::replace::remove_empty_owned_directory;
use crate::disk::{self, Error, group};
use crate::paths::Paths;
use crate::render::Report;
use crate::terminal::count_noun;

/// The maximum size of the list, in bytes. This is enough for two million responses.
const MAX_LIST_SIZE: u64 = 64 * 1024 * 1024;
/// The maximum number of names to list in the error message for an unknown name.
const MAX_LISTED_NAMES: usize = 20;

/// The rows to erase.
#[derive(Debug, Clone)]
pub(crate) enum Erasure {
    Person(String),
    Project(String),
    /// All rows before a day (UTC).
    Before(NaiveDate),
}

impl Erasure {
    /// Returns the name in a row to compare with the name to be erased. Returns `None` if days are being erased.
    fn name_in<'r>(&self, row: &'r ExportedRow) -> Option<&'r str> {
        match self {
            Self::Person(_) => Some(&row.person),
            Self::Project(_) => Some(&row.project),
            Self::Before(_) => None,
        }
    }

    /// Returns the error message for a directory without rows to erase. `names` are the names that it does contain.
    fn not_found(&self, names: &BTreeSet<String>, directory: &str) -> String {
        let (noun, name) = match self {
            Self::Person(name) => ("person", name),
            Self::Project(name) => ("project", name),
            Self::Before(day) => {
                return format!("{directory} has no rows before {day}, so nothing was erased");
            }
        };
        let hint = if names.len() <= MAX_LISTED_NAMES {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("the exports contain these {noun}s: {}", names.join(", "))
        } else {
            format!("to list the {noun}s in it, run: whycap spend --from {directory} --by {noun}")
        };
        format!("{directory} has no rows for {noun} {name}, so nothing was erased; {hint}")
    }
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

/// Everything that has ever been erased from a directory.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ErasedRows {
    /// The erased people and projects, and the keys and sessions of their rows. Each entry consists of a type and a
    /// hash, such as `person 5bdcc146bf60754e`. The keys are needed because other machines may have copies of the rows
    /// under other names. The sessions are needed because unrecorded spend is derived from entire sessions.
    hashes: BTreeSet<String>,
    /// The day (UTC) before which all rows were erased.
    before: Option<NaiveDate>,
}

impl ErasedRows {
    /// Reads the list of erased rows. Fails if the list exists but cannot be read, because any row could be on it.
    pub(super) fn read(directory: &Path) -> Result<Self, Error> {
        let path = list_path(directory);
        match disk::read(&path, MAX_LIST_SIZE)? {
            Some(list) => {
                serde_json::from_slice(&list).map_err(|error| disk::read_error(&path)(error.into()))
            }
            None => Ok(Self::default()),
        }
    }

    /// Adds an erasure to the list. Returns false if the list already includes the erasure.
    fn add(&mut self, erasure: &Erasure) -> bool {
        match erasure {
            Erasure::Person(name) => self.hashes.insert(hash("person", name)),
            Erasure::Project(name) => self.hashes.insert(hash("project", name)),
            Erasure::Before(day) => {
                let is_new = self.before < Some(*day);
                self.before = self.before.max(Some(*day));
                is_new
            }
        }
    }

    /// Adds the keys and sessions of the erased rows. If the copy of a row that is counted belongs to another person or
    /// project, its key is not added. If other people or projects have responses in a session, the session is not
    /// added.
    fn add_related_rows(&mut self, directory: &Path) -> Result<(), Error> {
        let mut related = BTreeSet::new();
        let mut sessions = HashSet::new();
        let mut sessions_of_others = HashSet::new();
        for row_type in RowType::ALL {
            MergedRows::read_except(&Self::default(), directory, row_type, &mut |_, _| {}).each(
                |row| {
                    if self.covers_hash(row) {
                        related.insert(hash_of_key(row.key));
                        sessions.insert(row.session.clone());
                    } else if row.kind == RESPONSE {
                        sessions_of_others.insert(row.session.clone());
                    }
                },
            )?;
        }
        let of_erased_only = sessions
            .iter()
            .filter(|session| !session.is_empty() && !sessions_of_others.contains(*session));
        related.extend(of_erased_only.map(|session| hash("session", session)));
        self.hashes.append(&mut related);
        Ok(())
    }

    pub(super) fn covers_day(&self, day: NaiveDate) -> bool {
        self.before.is_some_and(|before| day < before)
    }

    /// Returns true if a row was erased.
    pub(super) fn covers(&self, row: &ExportedRow) -> bool {
        let first = self
            .before
            .map(|day| day.and_time(NaiveTime::MIN).and_utc());
        first.is_some_and(|first| row.time < first.timestamp_millis()) || self.covers_hash(row)
    }

    fn covers_hash(&self, row: &ExportedRow) -> bool {
        let has = |hash: String| self.hashes.contains(&hash);
        !self.hashes.is_empty()
            && (has(hash("person", &row.person))
                || has(hash("project", &row.project))
                || has(hash_of_key(row.key))
                || row.kind != RESPONSE && has(hash("session", &row.session)))
    }

    pub(super) fn covers_new_row(&self, row: &NewRow) -> bool {
        if self.hashes.is_empty() {
            return false;
        }
        serde_json::from_str(&row.fields).is_ok_and(|fields| {
            let exported = ExportedRow {
                key: row.key,
                ..fields
            };
            self.covers(&exported)
        })
    }

    /// Returns the list as SQL values for the scripts, or `None` if nothing was erased.
    pub(super) fn sql_values(&self) -> Option<String> {
        let before = self.before.map(|day| format!("('before {day}')"));
        let hashes = self
            .hashes
            .iter()
            .filter(|hash| is_hash(hash))
            .map(|hash| format!("('{hash}')"));
        let values: Vec<String> = before.into_iter().chain(hashes).collect();
        if values.is_empty() {
            None
        } else {
            Some(values.join(","))
        }
    }
}

/// Returns a type followed by the first 16 digits of the SHA-256 hash of a name. The SQL scripts compute the same hash.
fn hash(kind: &str, name: &str) -> String {
    let digest = Sha256::digest(name);
    let first: [u8; 8] = digest.first_chunk().copied().unwrap_or_default();
    format!("{kind} {:016x}", u64::from_be_bytes(first))
}

/// Returns true if a string contains only characters that occur in the list's entries. Anyone with write access to the
/// directory can edit the list. Because its entries are inserted into SQL scripts, other characters would allow SQL
/// injection.
fn is_hash(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b' ')
}

fn hash_of_key(key: u64) -> String {
    format!("key {key:016x}")
}

fn list_path(directory: &Path) -> PathBuf {
    directory.join(FORMAT).join("erased.json")
}

/// Removes rows from a directory, including those of other machines, and adds them to the list of erased rows. Returns
/// a report and the files that could not be read in full. Fails without changing anything if there are no matching
/// rows.
pub(crate) fn erase(
    directory: &Path,
    erasure: &Erasure,
    paths: &Paths,
) -> anyhow::Result<(Report, Vec<UnreadableFile>)> {
    let shown = paths.show(directory);
    ensure!(
        directory.is_dir(),
        "there is no directory {shown}; use the directory that contains the exports"
    );
    let mut erased = ErasedRows::read(directory)?;
    if erased.add(erasure) {
        ensure_found(directory, erasure, &shown)?;
    }
    erased.add_related_rows(directory)?;
    let list = serde_json::to_vec(&erased)?;
    ensure!(
        list.len() as u64 <= MAX_LIST_SIZE,
        "{} would be too large ({} bytes, and whycap reads at most {MAX_LIST_SIZE}), so nothing was erased; erase days instead: \
         --erase before=2026-01-31",
        paths.show(&list_path(directory)),
        list.len()
    );
    group::write_below(directory, &list_path(directory), &list)?;

    let mut unreadable = Vec::new();
    let (mut rows, mut files) = (0, 0);
    for path in list_all_files(directory, &mut unreadable) {
        let mut removed = 0;
        let mut kept_lines = Vec::new();
        let result = each_row(&path, |row, line| {
            if erased.covers(row) {
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
    let [rows, files] = [(rows, "row"), (files, "file")].map(|(n, noun)| count_noun(n, noun));
    let text = format!(
        "Erased {rows} in {files} in {shown}. If another machine's files bring these rows back, whycap ignores them."
    );
    Ok((Report::from_lines(&text), unreadable))
}

/// Returns an error if the directory contains no rows to erase. The error lists the names that it does contain.
fn ensure_found(directory: &Path, erasure: &Erasure, shown: &str) -> anyhow::Result<()> {
    let mut requested = ErasedRows::default();
    requested.add(erasure);
    let mut names = BTreeSet::new();
    let mut is_found = false;
    for path in list_all_files(directory, &mut Vec::new()) {
        // Unreadable rows are reported later, when rows are removed.
        let _ = each_row(&path, |row, _line| {
            is_found |= requested.covers(row);
            if let Some(name) = erasure.name_in(row)
                && !name.is_empty()
                && !names.contains(name)
            {
                names.insert(name.to_owned());
            }
        });
    }
    ensure!(is_found, "{}", erasure.not_found(&names, shown));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manipulated_list_cannot_inject_sql() {
        let list =
            r#"{"hashes": ["person 5bdcc146bf60754e", "x');DROP TABLE whycap.rows;--", "\\"]}"#;
        let rows: ErasedRows = serde_json::from_str(list).unwrap();
        assert_eq!(
            rows.sql_values().as_deref(),
            Some("('person 5bdcc146bf60754e')")
        );
    }
}
