//! Limit errors: evidence in, diagnosis and plain words out.
//!
//! An arrow runs down this list only: a message's row names its rule and its words, and none of
//! those knows the rows.

mod actions;
pub mod bug_report;
mod case;
mod clues;
mod code;
mod diagnosis;
pub mod evidence;
pub mod explanation;
pub mod incident;
pub mod kind;
pub mod messages;
mod meters;
mod named_limit;
pub mod pace;
mod passages;
mod reasons;
mod recognize;
pub mod resets;
mod rules;
pub mod sample;
pub mod standing;
pub mod stoppages;
mod talk;
mod vocabulary;
mod words;

pub(crate) use diagnosis::LONGEST_LIMIT;
pub(crate) use meters::{FRESH_FOR, FULL_FROM};
pub(crate) use passages::both_ends;
pub(crate) use standing::SETTLED_AFTER;
pub(crate) use vocabulary::normalize;
