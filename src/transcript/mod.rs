//! Parses transcripts, and reads them incrementally as they grow.
//!
//! Transcripts belong to Claude Code, so they are only ever opened for reading. They are never mapped into memory,
//! because accessing a mapped file after it has been truncated would crash the process. Reading never waits for a lock.

pub mod failed_attempts;
mod json_walk;
pub mod line;
pub mod owner;
pub mod reader;
pub mod tail;
mod token_counts;
