//! Explains errors about limits. The input is the evidence, and the result is a diagnosis in plain English.
//!
//! An error passes through five steps. No step calls an earlier one.
//!
//! 1. `split` splits the raw text into messages.
//! 2. `catalog` finds the catalog row that matches a message.
//! 3. `evidence` holds everything known about the error.
//! 4. `decide` determines the cause, with one function for each family of limits.
//! 5. `wording` turns the diagnosis into sentences.
//!
//! [`incident::Incident::new`] calls the steps. [`kind`] describes each kind of limit in one place, for all five steps.
//! `words` contains the word lists for the first two steps.

pub mod blocked_time;
pub mod bug_report;
pub mod catalog;
pub mod decide;
pub mod evidence;
pub mod incident;
pub mod kind;
pub mod pace;
pub mod sample;
pub mod screen;
mod split;
mod wording;
mod words;

pub(crate) use catalog::LONGEST_LIMIT;
pub(crate) use evidence::{FRESH_FOR, FULL_FROM, SETTLED_AFTER};
pub(crate) use split::{both_ends, normalize};
