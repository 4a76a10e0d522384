//! Parses transcripts and reads them incrementally as they grow.
//!
//! Transcripts belong to Claude Code, so whycap opens them read-only and never needs a lock to read one. Transcripts
//! are not memory-mapped because accessing a mapped file after it has been truncated would crash the process.

pub(crate) mod error_line;
mod json;
pub(crate) mod limit_lines;
pub mod line;
pub mod owner;
pub mod reader;
pub mod requests;
pub(crate) mod stream_json;
mod token_counts;

/// Returns the complete lines in `bytes`, whose offset in the file is `start`. Unless `start` is 0, the first line is
/// omitted because it may be incomplete. The last line is omitted if it is still being written.
pub(crate) fn complete_lines(start: u64, bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let end = memchr::memrchr(b'\n', bytes).unwrap_or(0);
    let first = match memchr::memchr(b'\n', bytes) {
        Some(line_break) if start > 0 => line_break + 1,
        _ => 0,
    };
    bytes
        .get(first..end)
        .unwrap_or_default()
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}
