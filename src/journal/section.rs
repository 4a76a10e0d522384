//! A section of a month's file. The bytes are read when the section is first searched.

use std::cell::OnceCell;
use std::ops::Range;
use std::path::PathBuf;

use memchr::{memchr, memmem};

use super::{RECORD_START, after_key, without_end};
use crate::disk;

/// A range of bytes in a month's file.
///
/// A section that cannot be read counts as empty.
#[derive(Debug)]
pub(super) struct Section {
    path: PathBuf,
    /// The range of bytes that contains the line breaks before the section's lines.
    line_breaks: Range<u64>,
    /// The offset at which reading stops. A line may extend past the end of its section.
    end: u64,
    /// The bytes from the start of `line_breaks` to `end`.
    bytes: OnceCell<Vec<u8>>,
    /// The positions in `bytes` where lines with records start.
    record_starts: OnceCell<Vec<usize>>,
}

impl Section {
    /// Creates a section with the lines that follow the line breaks in a range. `end` is the size of the file.
    pub(super) fn new(path: PathBuf, line_breaks: Range<u64>, end: u64) -> Self {
        Self {
            path,
            line_breaks,
            end,
            bytes: OnceCell::new(),
            record_starts: OnceCell::new(),
        }
    }

    /// Returns the size, in bytes, of the range in which the section's lines begin.
    pub(super) fn size(&self) -> u64 {
        self.line_breaks.end - self.line_breaks.start
    }

    /// Returns the JSON of the records of this kind, newest first.
    pub(super) fn records(&self, kind: &'static str) -> impl Iterator<Item = &[u8]> {
        let bytes = self.bytes();
        self.record_starts()
            .iter()
            .rev()
            .filter_map(move |start| after_key(bytes.get(*start..)?, kind))
            .filter_map(|rest| {
                let end = memchr(b'\n', rest).unwrap_or(rest.len());
                without_end(rest.get(..end)?)
            })
    }

    /// Returns the positions where lines with records start. The first call finds them.
    ///
    /// The search looks for the starts of records, not of lines, so even a file full of empty lines is searched
    /// quickly.
    fn record_starts(&self) -> &[usize] {
        self.record_starts.get_or_init(|| {
            let bytes = self.bytes();
            // There is no line break before the first line of a file.
            let is_first_line = self.line_breaks.start == 0 && bytes.starts_with(RECORD_START);
            let start_of_line = [b"\n", RECORD_START].concat();
            let line_breaks = memmem::find_iter(bytes, &start_of_line)
                .take_while(|line_break| (*line_break as u64) < self.size());
            is_first_line
                .then_some(0)
                .into_iter()
                .chain(line_breaks.map(|line_break| line_break + 1))
                .collect()
        })
    }

    /// Returns the bytes of the section. The first call reads them.
    fn bytes(&self) -> &[u8] {
        self.bytes.get_or_init(|| {
            disk::read_owned_range(&self.path, self.line_breaks.start..self.end).unwrap_or_default()
        })
    }
}
