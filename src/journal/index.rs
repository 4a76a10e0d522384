//! An index for finding records in a part of the journal by the value of a field.

use std::collections::HashMap;
use std::marker::PhantomData;

use memchr::memmem;

use super::{Journal, JournalRecord, parse};

/// The records of one kind, grouped by the value of one field.
///
/// This is for commands that look up thousands of values. With an index, they do not have to search the journal for
/// each of them. Only the records that are looked up are parsed.
#[derive(Debug)]
pub(crate) struct RecordIndex<'journal, R> {
    /// Maps each value to the JSON of its records, newest first. The keys are JSON strings with their quotes.
    json_by_value: HashMap<&'journal [u8], Vec<&'journal [u8]>>,
    record_type: PhantomData<R>,
}

impl<'journal, R: JournalRecord> RecordIndex<'journal, R> {
    /// Groups the records in a part of the journal by a field that contains strings. The field may be nested. If a
    /// record has several fields with this name, the first one counts.
    pub(crate) fn new(journal: &'journal Journal, field: &str) -> Self {
        let key = format!("\"{field}\":");
        let finder = memmem::Finder::new(&key);
        let mut json_by_value: HashMap<_, Vec<_>> = HashMap::new();
        for json in journal.json_of_records(R::KIND) {
            let value = finder
                .find(json)
                .and_then(|start| json.get(start + key.len()..))
                .and_then(string_at_start);
            if let Some(value) = value {
                json_by_value.entry(value).or_default().push(json);
            }
        }
        Self {
            json_by_value,
            record_type: PhantomData,
        }
    }

    /// Returns the records with this value, newest first.
    pub(crate) fn records_with(&self, value: &str) -> impl Iterator<Item = R> {
        let value = serde_json::json!(value).to_string();
        self.json_by_value
            .get(value.as_bytes())
            .into_iter()
            .flatten()
            .filter_map(|json| parse(json))
    }
}

/// Returns the string at the start of this JSON with its quotes. Returns `None` if the JSON starts with something else.
fn string_at_start(json: &[u8]) -> Option<&[u8]> {
    let content = json.strip_prefix(b"\"")?;
    let mut is_escaped = false;
    let length = content.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    })?;
    json.get(..length + 2)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Serialize};

    use super::super::tests::{damage, paths};
    use super::super::{JournalRecord, append};
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        number: usize,
        author: Option<String>,
    }

    impl JournalRecord for Note {
        const KIND: &'static str = "note";
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Other {
        author: String,
    }

    impl JournalRecord for Other {
        const KIND: &'static str = "other";
    }

    #[test]
    fn an_index_finds_the_same_records_as_a_search() {
        let root = tempfile::tempdir().unwrap();
        let paths = paths(root.path());
        let now: DateTime<Utc> = "2026-11-20T06:30:00Z".parse().unwrap();
        let authors = [
            "",
            "a",
            "b",
            "a\"b",
            "a\\",
            "\\\"",
            "ä\n",
            "\"author\":\"a\"",
        ];
        for number in 0..40 {
            let author = authors
                .get(number % (authors.len() + 1))
                .map(|author| (*author).to_owned());
            append(&paths, now, &Note { number, author }).unwrap();
            let author = "a".to_owned();
            append(&paths, now, &Other { author }).unwrap();
            damage(&paths, now, b"\n{\"note\":{\"author\":\"a}");
            damage(&paths, now, b"\n{\"note\":{\"author\":\"a\\\"}");
            damage(
                &paths,
                now,
                b"\n{\"note\":{\"author\":\"a\",\"number\":\"b\"}}",
            );
        }

        let journal = Journal::all(&paths);
        let index = RecordIndex::<Note>::new(&journal, "author");
        for author in authors {
            let expected: Vec<Note> = journal
                .records::<Note>()
                .filter(|note| note.author.as_deref() == Some(author))
                .collect();
            assert!(!expected.is_empty());
            let records: Vec<Note> = index.records_with(author).collect();
            assert_eq!(records, expected, "{author}");
        }
        assert_eq!(index.records_with("c").count(), 0);
    }
}
