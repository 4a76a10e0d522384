//! The rules of the fold, as life stories in plain lines, and the properties of the design.

mod properties;
mod stories;
pub(crate) mod story;
mod table;
mod words;
