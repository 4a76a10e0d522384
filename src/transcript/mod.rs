//! A transcript: what one line says, and reading lines as a file grows.
//!
//! Transcripts are Claude Code's. They are opened for reading only, never mapped (a file that is
//! cut short under a mapping would kill us) and never waited for.

pub mod error_line;
#[cfg(test)]
mod pieces;
mod raw;
pub mod reader;
pub mod record;
pub mod scan;
pub mod tail;
mod walk;
