//! A section of a month's file. The bytes are read when the section is first searched.

use std::cell::OnceCell;
use std::ops::Range;
use std::path::PathBuf;

use memchr::{memchr, memmem};

use crate::disk;

/// A range of bytes in a month's file.
///
/// A section that cannot be read is treated as empty.
#[derive(Debug)]
pub(super) struct Section {
    path: PathBuf,
    /// The byte range that contains the line break before each of this section's lines.
    line_breaks: Range<u64>,
    /// The offset at which reading stops. A line may extend past the end of the section in which it begins.
    end: u64,
    /// The bytes from the start of `line_breaks` to `end`.
    bytes: OnceCell<Vec<u8>>,
}

impl Section {
    /// Creates a section from the lines that follow a line break in the given range. `end` is the size of the file.
    pub(super) fn new(path: PathBuf, line_breaks: Range<u64>, end: u64) -> Self {
        Self {
            path,
            line_breaks,
            end,
            bytes: OnceCell::new(),
        }
    }

    /// Returns the size, in bytes, of the range in which this section's lines begin.
    pub(super) fn size(&self) -> u64 {
        self.line_breaks.end - self.line_breaks.start
    }

    /// Returns the lines that begin with `prefix`, last line first.
    ///
    /// The search looks for the prefix rather than for individual lines, so even a file full of empty lines can be
    /// searched quickly.
    pub(super) fn lines_with_prefix(&self, prefix: &str) -> impl Iterator<Item = &[u8]> + use<'_> {
        let bytes = self.bytes();

        // The first line of a file has no line break before it.
        let first_line =
            (self.line_breaks.start == 0 && bytes.starts_with(prefix.as_bytes())).then_some(0);
        let starts: Vec<usize> = first_line
            .into_iter()
            .chain(
                memmem::find_iter(bytes, &format!("\n{prefix}"))
                    .take_while(|line_break| (*line_break as u64) < self.size())
                    .map(|line_break| line_break + 1),
            )
            .collect();

        starts.into_iter().rev().filter_map(|start| {
            let line = bytes.get(start..)?;
            line.get(..memchr(b'\n', line).unwrap_or(line.len()))
        })
    }

    /// Returns the bytes of the section. The first call reads them.
    fn bytes(&self) -> &[u8] {
        self.bytes.get_or_init(|| {
            disk::read_owned_range(&self.path, self.line_breaks.start..self.end).unwrap_or_default()
        })
    }
}
