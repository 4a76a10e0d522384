//! Tests the rules of the fold with life stories in plain lines, and the properties that all answers must have.

mod properties;
mod stories;
pub(crate) mod story;
mod table;
mod words;
