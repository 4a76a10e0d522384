//! Limit errors: evidence in, diagnosis and plain words out.

mod actions;
pub mod catalogue;
pub mod diagnosis;
pub mod evidence;
mod facts;
pub mod families;
pub mod incident;
pub mod kind;
pub mod matching;
pub mod period;
mod remedies;
pub mod report;
pub mod resets;
pub mod rows;
mod rules;
pub mod story;
mod words;
