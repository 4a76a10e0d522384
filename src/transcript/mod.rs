//! A transcript: what one line says, and reading lines as a file grows.

pub mod error_line;
pub mod tail;
