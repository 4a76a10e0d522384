//! Parses transcripts, and reads them incrementally as they grow.
//!
//! Transcripts belong to Claude Code, so whycap opens them only for reading. They are never mapped into memory, because
//! the process would crash if it accessed a mapped file that has been truncated. Reading a transcript never requires a
//! lock.

pub mod failed_attempts;
mod json_walk;
pub mod line;
pub mod owner;
pub mod reader;
pub mod shortened_line;
pub mod tail;
mod token_counts;
