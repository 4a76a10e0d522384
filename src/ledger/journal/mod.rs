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

pub(crate) use event::{BudgetEvent, EventKey, has_event, record_event, record_event_once};
pub(crate) use month_file::MonthFile;

use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk::directory::Directory;
use crate::disk::{self, records};
use crate::environment::Paths;

/// The directory that contains the journal's files, relative to the data directory.
const DIRECTORY: &str = "journal";

/// The maximum number of bytes to read from one file. A record is about 400 bytes long, so real files are far smaller.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

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
    let mut line = start_of_record::<R>();
    line.extend(records::to_bytes(record));
    line.push(b'}');

    append_bytes(&paths.data, &month_file::file_name(now), &line)
}

/// Returns the start of every record of a kind. The line break comes first because the previous line may be incomplete.
fn start_of_record<R: JournalRecord>() -> Vec<u8> {
    format!("\n{{\"{}\":", R::KIND).into_bytes()
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

/// Returns the records of a kind, oldest first. The first ones may be older than the given time, because the records of
/// its whole month are returned.
pub(crate) fn records_since<R: JournalRecord>(
    paths: &Paths,
    since: DateTime<Utc>,
) -> impl Iterator<Item = R> + use<R> {
    let first_month = MonthFile::containing(&paths.data, since).month;
    MonthFile::list(&paths.data)
        .into_iter()
        .filter(move |file| file.month >= first_month)
        .flat_map(|file| file.records_after(0, MAX_BYTES).records)
}

#[cfg(test)]
mod tests {
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

    fn notes(paths: &Paths, since: &str) -> Vec<String> {
        let notes = records_since::<Note>(paths, since.parse().unwrap());
        notes.map(|note| note.text).collect()
    }

    #[test]
    fn records_are_returned_oldest_first_across_months() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());

        append_note(&paths, NOVEMBER, "first");
        append_note(&paths, NOVEMBER, "second");
        append_note(&paths, DECEMBER, "third");

        assert_eq!(notes(&paths, NOVEMBER), ["first", "second", "third"]);
        assert_eq!(notes(&paths, DECEMBER), ["third"]);
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

        assert_eq!(notes(&paths, NOVEMBER), ["0", "1", "2", "3", "4"]);
    }

    #[test]
    fn a_missing_or_damaged_month_does_not_affect_other_months() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        append_note(&paths, NOVEMBER, "lost");
        append_note(&paths, DECEMBER, "kept");

        disk::remove_owned_file(&paths.data.join("journal/2026-11.jsonl")).unwrap();
        assert_eq!(notes(&paths, NOVEMBER), ["kept"]);

        damage(&paths, NOVEMBER.parse().unwrap(), &[0xff; 1000]);
        assert_eq!(notes(&paths, NOVEMBER), ["kept"]);
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
            (0..5)
                .map(|_| {
                    let start = std::time::Instant::now();
                    assert_eq!(
                        notes(&paths, NOVEMBER).len(),
                        if byte == b'\n' { 2 } else { 1 }
                    );
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
