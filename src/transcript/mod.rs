//! A transcript: what one line says, and reading lines as a file grows.
//!
//! Transcripts are Claude Code's. They are opened for reading only, never mapped (a file that is
//! cut short under a mapping would kill us) and never waited for.

mod json_walk;
pub mod line;
pub mod owner;
pub mod reader;
pub mod tail;
mod token_counts;
