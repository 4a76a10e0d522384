//! Parses transcripts and reads them incrementally as they grow.
//!
//! Transcripts belong to Claude Code, so whycap opens them read-only and never needs a lock to read one. Transcripts
//! are not memory-mapped because accessing a mapped file after it has been truncated would crash the process.

pub mod failed_attempts;
mod json_walk;
pub(crate) mod limit_lines;
pub mod line;
pub mod owner;
pub mod reader;
pub mod requests;
pub mod shortened_line;
pub mod tail;
mod token_counts;
