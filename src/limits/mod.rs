//! Explains limit errors in plain English.
//!
//! Each error goes through five steps, and no step calls an earlier one.
//!
//! 1. `split` splits the raw text into messages.
//! 2. `catalog` finds the catalog row that matches a message.
//! 3. `evidence` combines everything that is known about the error.
//! 4. `decide` determines the cause. Each family of limits has its own function.
//! 5. `wording` turns the diagnosis into sentences.
//!
//! [`incident::Incident::new`] runs all five steps. [`kind`] defines the kinds of limits and their properties. `words`
//! loads the word lists that the first two steps use.

pub mod blocked_time;
pub mod bug_report;
pub mod catalog;
pub mod decide;
pub mod evidence;
pub mod free_period;
pub mod incident;
pub mod kind;
pub mod sample;
pub mod screen;
mod split;
mod wording;
mod words;

pub(crate) use evidence::{FRESH_FOR, SETTLED_AFTER};
pub(crate) use kind::LONGEST_LIMIT;
pub(crate) use split::{both_ends, normalize};
