//! The rules of the fold, as life stories in plain lines, and the properties of the design.

mod properties;
mod stories;
mod story;
mod table;
mod words;
