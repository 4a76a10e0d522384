//! An append-only log of everything that whycap has to remember, such as the announcements that have been made, and the
//! facts that the ledger was too busy to store.
//!
//! Each UTC month has its own file, such as `<data>/journal/2026-11.jsonl`. Every line is a JSON object with a single
//! key, which is the kind of the record. Its value is the record itself. Records are never changed or removed. If
//! several records describe the same thing, readers use the newest.
//!
//! A record is appended with a single write and without a lock, which takes less than a millisecond. Readers skip lines
//! that are damaged or incomplete and still find all other records. Nothing is flushed to disk, so a power failure can
//! lose the newest records.

mod event;
mod month_file;
mod section;

pub(crate) use event::{BudgetEvent, EventKey, has_event, record_event, record_event_once};
pub(crate) use month_file::MonthFile;

use std::path::Path;
use std::rc::Rc;

use chrono::{DateTime, Utc};
use memchr::memmem;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::section::Section;
use crate::disk::directory::Directory;
use crate::disk::{self, records};
use crate::paths::Paths;

/// The directory that contains the journal's files, relative to the data directory.
const DIRECTORY: &str = "journal";

/// The start of every line that contains a record.
const RECORD_START: &[u8] = b"{\"";

/// The number of bytes of the journal to search for recent records. They cover several days of work in many sessions.
const RECENT_BYTES: u64 = 256 * 1024;

/// A type whose values can be stored in the journal.
pub(crate) trait JournalRecord: DeserializeOwned {
    /// The JSON key for records of this kind. It must not contain characters that JSON escapes.
    const KIND: &'static str;
}

/// Appends a record to the current month's file.
///
/// Returns an error if the file or its directory cannot be created or written, is a symbolic link, or belongs to
/// another user.
pub(crate) fn append<R: JournalRecord + Serialize>(
    paths: &Paths,
    now: DateTime<Utc>,
    record: &R,
) -> Result<(), disk::Error> {
    // Start with a line break because the previous line may be incomplete.
    let mut line = format!("\n{{\"{}\":", R::KIND).into_bytes();
    line.extend(records::to_bytes(record));
    line.push(b'}');

    append_bytes(&paths.data, &month_file::file_name(now), &line)
}

/// Appends bytes to a journal file in a single write so that the lines of concurrent processes do not get mixed up.
///
/// Symbolic links are followed on the path to the data directory, but not inside it.
fn append_bytes(data: &Path, file_name: &str, bytes: &[u8]) -> Result<(), disk::Error> {
    disk::create_private_directory(data)?;

    Directory::open(data)
        .and_then(|data| data.open_or_create_private(DIRECTORY.as_ref()))
        .and_then(|journal| journal.append(file_name.as_ref(), bytes))
        .map_err(disk::write_error(&data.join(DIRECTORY).join(file_name)))
}

/// Returns the JSON of the record in a line, or `None` if the line is incomplete or contains a different kind of
/// record.
fn record_json<'line>(line: &'line [u8], kind: &str) -> Option<&'line [u8]> {
    without_end(after_key(line, kind)?)
}

/// Returns the rest of a line after the key for this kind of record. Returns `None` if the line contains a different
/// kind of record.
fn after_key<'line>(line: &'line [u8], kind: &str) -> Option<&'line [u8]> {
    line.strip_prefix(RECORD_START)?
        .strip_prefix(kind.as_bytes())?
        .strip_prefix(b"\":")
}

/// Removes the brace at the end of a line. Returns `None` if it is missing because the line is incomplete.
fn without_end(line: &[u8]) -> Option<&[u8]> {
    line.strip_suffix(b"}")
}

/// A part of the journal.
///
/// A section is read when a search reaches it. A search that ends early therefore does not read older sections.
#[derive(Debug)]
pub(crate) struct Journal {
    /// The sections to search, newest first.
    sections: Vec<Rc<Section>>,
}

impl Journal {
    /// Returns the files of all months that overlap the given period.
    pub(crate) fn between(paths: &Paths, from: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        let first_month = MonthFile::containing(&paths.data, from).month;
        let last_month = MonthFile::containing(&paths.data, until).month;

        Self {
            sections: MonthFile::list(&paths.data)
                .iter()
                .filter(|file| (first_month..=last_month).contains(&file.month))
                .map(|file| Rc::new(file.whole()))
                .collect(),
        }
    }

    /// Returns the whole journal.
    pub(crate) fn all(paths: &Paths) -> Self {
        Self {
            sections: MonthFile::list(&paths.data)
                .iter()
                .map(|file| Rc::new(file.whole()))
                .collect(),
        }
    }

    /// Returns all records of a kind, newest first.
    pub(crate) fn records<R: JournalRecord>(&self) -> impl Iterator<Item = R> + use<'_, R> {
        self.records_containing("")
    }

    /// Returns the records of a kind whose field has this value, newest first. `None` stands for `null`.
    ///
    /// This is much faster than filtering the result of [`Self::records`] because other records are not parsed. The
    /// field may be nested. Because any field with this name matches, callers have to check that it is the right one.
    pub(crate) fn records_with<'journal, R: JournalRecord>(
        &'journal self,
        field: &str,
        value: Option<&str>,
    ) -> impl Iterator<Item = R> + use<'journal, R> {
        self.records_containing(&json_of_field(field, value))
    }

    /// Returns the records of a kind whose JSON contains `text`, newest first.
    fn records_containing<'journal, R: JournalRecord>(
        &'journal self,
        text: &str,
    ) -> impl Iterator<Item = R> + use<'journal, R> {
        let finder = memmem::Finder::new(text.as_bytes()).into_owned();

        self.json_of_records(R::KIND)
            .filter(move |record| finder.find(record).is_some())
            .filter_map(parse)
    }

    /// Returns the JSON of all records of a kind, newest first.
    fn json_of_records(&self, kind: &'static str) -> impl Iterator<Item = &[u8]> {
        self.sections
            .iter()
            .flat_map(move |section| section.records(kind))
    }
}

/// Parses a record's JSON. Returns `None` if the record is damaged.
fn parse<R: JournalRecord>(json: &[u8]) -> Option<R> {
    // It is faster to check the encoding of a whole record than that of each string in it.
    let json = str::from_utf8(json).ok()?;
    serde_json::from_str(json).ok()
}

/// Returns a field as it appears in a serialized record.
fn json_of_field(field: &str, value: Option<&str>) -> String {
    format!("\"{field}\":{}", serde_json::json!(value))
}

#[cfg(test)]
pub(crate) mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::environment::Environment;

    const NOVEMBER: &str = "2026-11-20T06:30:00Z";
    const DECEMBER: &str = "2026-12-01T00:10:00Z";

    #[derive(Debug, Serialize, Deserialize)]
    struct Note {
        text: String,
    }

    impl JournalRecord for Note {
        const KIND: &'static str = "note";
    }

    /// Appends bytes that are not a valid record, such as those that a full disk leaves behind.
    pub(crate) fn damage(paths: &Paths, now: DateTime<Utc>, bytes: &[u8]) {
        append_bytes(&paths.data, &month_file::file_name(now), bytes).unwrap();
    }

    pub(super) fn paths(root: &Path) -> Paths {
        let data = ("WHYCAP_DATA_DIR".into(), root.join("data").into());
        Paths::of(&Environment::new([data], DateTime::UNIX_EPOCH))
    }

    fn append_note(paths: &Paths, now: &str, text: &str) {
        let note = Note {
            text: text.to_owned(),
        };
        append(paths, now.parse().unwrap(), &note).unwrap();
    }

    fn notes(journal: &Journal) -> Vec<String> {
        journal.records::<Note>().map(|note| note.text).collect()
    }

    #[test]
    fn records_are_returned_newest_first_across_months() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());

        append_note(&paths, NOVEMBER, "first");
        append_note(&paths, NOVEMBER, "second");
        append_note(&paths, DECEMBER, "third");

        let december = DECEMBER.parse().unwrap();
        let expected = ["third", "second", "first"];
        assert_eq!(notes(&Journal::all(&paths)), expected);
        assert_eq!(
            notes(&Journal::between(&paths, december, december)),
            ["third"]
        );
    }

    #[test]
    fn damaged_lines_do_not_affect_other_records() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let damages: [&[u8]; 5] = [
            b"\n{\"note\":{\"text\":\"cut",
            b"\n{\"note\":{\"text\":\"cut\"}",
            b"\n\0\0\0\xff\n",
            b"\n{\"note\":7}",
            b"\n{\"kind of a later version\":{}}",
        ];

        for (index, bytes) in damages.into_iter().enumerate() {
            damage(&paths, NOVEMBER.parse().unwrap(), bytes);
            append_note(&paths, NOVEMBER, &index.to_string());
        }

        assert_eq!(notes(&Journal::all(&paths)), ["4", "3", "2", "1", "0"]);
    }

    #[test]
    fn a_missing_or_damaged_month_does_not_affect_other_months() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        append_note(&paths, NOVEMBER, "lost");
        append_note(&paths, DECEMBER, "kept");

        disk::remove_owned_file(&paths.data.join("journal/2026-11.jsonl")).unwrap();
        assert_eq!(notes(&Journal::all(&paths)), ["kept"]);

        damage(&paths, NOVEMBER.parse().unwrap(), &[0xff; 1000]);
        assert_eq!(notes(&Journal::all(&paths)), ["kept"]);
    }

    /// When every line was examined, a journal with 300 MB of empty lines took ten seconds to search.
    #[test]
    fn empty_lines_are_searched_as_fast_as_one_long_line() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let now: DateTime<Utc> = NOVEMBER.parse().unwrap();
        let fastest_of = |byte: u8| {
            disk::remove_owned_file(&paths.data.join("journal/2026-11.jsonl")).ok();
            append_note(&paths, NOVEMBER, "first");
            damage(&paths, now, &vec![byte; 16 << 20]);
            append_note(&paths, NOVEMBER, "last");
            let journal = Journal::all(&paths);
            (0..5)
                .map(|_| {
                    let start = std::time::Instant::now();
                    assert_eq!(notes(&journal).len(), if byte == b'\n' { 2 } else { 1 });
                    start.elapsed()
                })
                .skip(1) // The first search reads the file.
                .min()
                .unwrap()
        };
        let (one_long_line, empty_lines) = (fastest_of(b'x'), fastest_of(b'\n'));
        assert!(
            empty_lines < one_long_line * 10,
            "{empty_lines:?}, and {one_long_line:?} for one long line"
        );
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_outside_when_the_directory_is_replaced_by_a_link() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        let moved = root.path().join("moved");
        let outside = root.path().join("outside");
        std::fs::create_dir(&outside).unwrap();

        append_bytes(&data, "month", b"1").unwrap();
        let opened_before = Directory::open(&data.join(DIRECTORY)).unwrap();
        disk::rename(&data.join(DIRECTORY), &moved).unwrap();
        std::os::unix::fs::symlink(&outside, data.join(DIRECTORY)).unwrap();

        opened_before.append("month".as_ref(), b"2").unwrap();
        assert!(append_bytes(&data, "month", b"3").is_err());
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
        assert_eq!(std::fs::read(moved.join("month")).unwrap(), b"12");
    }
}
