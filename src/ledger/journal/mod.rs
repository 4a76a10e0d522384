//! An append-only log of everything that whycap has to remember, such as the announcements that have been made, and the
//! facts that the ledger was too busy to store.
//!
//! Every line of `<data>/journal.jsonl` is a JSON object with a single key, which is the kind of the record. Its value is
//! the record itself. Records are never changed or removed. If several records describe the same thing, readers use the
//! newest.
//!
//! A record is appended with a single write and without a lock, which takes less than a millisecond. Readers skip lines
//! that are damaged or incomplete and still find all other records. Nothing is flushed to disk, so a power failure can
//! lose the newest records.

mod event;

pub(crate) use event::{BudgetEvent, EventKey, has_event, record_event, record_event_once};

use std::path::{Path, PathBuf};

use memchr::{memchr, memmem, memrchr};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk::{self, ownership, records};

/// The maximum number of bytes to read. A record is about 400 bytes long, so real files are far smaller.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A type whose values can be stored in the journal.
pub(crate) trait JournalRecord: DeserializeOwned {
    /// The JSON key for records of this kind. It must not contain characters that JSON escapes.
    const KIND: &'static str;
}

/// A part of the journal.
pub(crate) struct JournalPart<R> {
    /// The records, oldest first.
    pub records: Vec<R>,
    /// The offset at which the part ends and the next one starts.
    pub end: u64,
}

fn path_in(data: &Path) -> PathBuf {
    data.join("journal.jsonl")
}

/// Appends a record to the journal in the data directory.
///
/// Returns an error if the file or its directory cannot be created or written, is a symbolic link, or belongs to
/// another user.
pub(crate) fn append<R: JournalRecord + Serialize>(
    data: &Path,
    record: &R,
) -> Result<(), disk::Error> {
    let mut line = start_of_record::<R>();
    line.extend(records::to_bytes(record));
    line.push(b'}');
    append_bytes(data, &line)
}

/// Returns the start of every record of a kind. The line break comes first because the previous line may be incomplete.
fn start_of_record<R: JournalRecord>() -> Vec<u8> {
    format!("\n{{\"{}\":", R::KIND).into_bytes()
}

/// Appends bytes in a single write so that the lines of concurrent processes do not get mixed up.
///
/// Symbolic links are followed on the path to the data directory, but not in place of the journal.
fn append_bytes(data: &Path, bytes: &[u8]) -> Result<(), disk::Error> {
    disk::create_private_directory(data)?;
    let path = path_in(data);
    ownership::append_owned(&path, bytes).map_err(disk::write_error(&path))
}

/// Returns the size of the journal in bytes, or 0 if it cannot be read.
pub(crate) fn size(data: &Path) -> u64 {
    disk::owned_size(&path_in(data)).unwrap_or_default()
}

/// Returns all records of a kind, oldest first.
pub(crate) fn records<R: JournalRecord>(data: &Path) -> Vec<R> {
    records_after(data, 0, MAX_BYTES).records
}

/// Reads the records of a kind after the given offset, but at most the last `most_bytes` of the journal. If the last line
/// is incomplete, another process may still be writing it, so it is left for the next call.
///
/// The search looks for the starts of records, not of lines, so even a file full of empty lines is searched quickly.
pub(crate) fn records_after<R: JournalRecord>(
    data: &Path,
    offset: u64,
    most_bytes: u64,
) -> JournalPart<R> {
    let (start, mut bytes) =
        disk::read_owned_end(&path_in(data), offset, most_bytes).unwrap_or((offset, Vec::new()));
    if !bytes.ends_with(b"}") {
        bytes.truncate(memrchr(b'\n', &bytes).unwrap_or(0));
    }
    let start_of_record = start_of_record::<R>();
    let records = memmem::find_iter(&bytes, &start_of_record)
        .filter_map(|at| {
            let record = bytes.get(at + start_of_record.len()..)?;
            let end = memchr(b'\n', record).unwrap_or(record.len());
            let json = record.get(..end)?.strip_suffix(b"}")?;
            serde_json::from_slice(json).ok()
        })
        .collect();
    JournalPart {
        records,
        end: start + bytes.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Note {
        text: String,
    }

    impl JournalRecord for Note {
        const KIND: &'static str = "note";
    }

    fn append_note(data: &Path, text: &str) {
        let note = Note {
            text: text.to_owned(),
        };
        append(data, &note).unwrap();
    }

    fn notes(data: &Path) -> Vec<String> {
        let notes = records::<Note>(data).into_iter();
        notes.map(|note| note.text).collect()
    }

    #[test]
    fn damaged_lines_do_not_affect_other_records() {
        let data = tempfile::tempdir().unwrap();
        let damages: [&[u8]; 5] = [
            b"\n{\"note\":{\"text\":\"cut",
            b"\n{\"note\":{\"text\":\"cut\"}",
            b"\n\0\0\0\xff\n",
            b"\n{\"note\":7}",
            b"\n{\"kind of a later version\":{}}",
        ];
        for (index, bytes) in damages.into_iter().enumerate() {
            append_bytes(data.path(), bytes).unwrap();
            append_note(data.path(), &index.to_string());
        }
        assert_eq!(notes(data.path()), ["0", "1", "2", "3", "4"]);
    }

    #[test]
    fn a_part_ends_where_the_next_one_starts() {
        let data = tempfile::tempdir().unwrap();
        append_note(data.path(), "first");
        let part = records_after::<Note>(data.path(), 0, MAX_BYTES);
        assert_eq!(part.records.len(), 1);
        append_note(data.path(), "second");
        append_bytes(data.path(), b"\n{\"note\":{\"text\":\"cut").unwrap();
        let next = records_after::<Note>(data.path(), part.end, MAX_BYTES);
        let [second] = next.records.as_slice() else {
            panic!("{} records", next.records.len());
        };
        assert_eq!(second.text, "second");
        assert!(next.end < size(data.path()));
    }

    /// When every line was examined, a journal with 300 MB of empty lines took ten seconds to search.
    #[test]
    fn empty_lines_are_searched_as_fast_as_one_long_line() {
        let data = tempfile::tempdir().unwrap();
        let fastest_of = |byte: u8| {
            disk::remove_owned_file(&path_in(data.path())).ok();
            append_note(data.path(), "first");
            append_bytes(data.path(), &vec![byte; 16 << 20]).unwrap();
            append_note(data.path(), "last");
            (0..5)
                .map(|_| {
                    let start = std::time::Instant::now();
                    assert_eq!(notes(data.path()).len(), if byte == b'\n' { 2 } else { 1 });
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
}
