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
mod token_counts;
