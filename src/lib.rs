//! Shows what Claude Code costs, and explains limit errors.
//!
//! The library exists only for tests and benchmarks, and its API is not stable. ARCHITECTURE.md describes the
//! directories and the data flow.

pub(crate) mod budget;
mod checkout;
pub mod claude;
pub mod cli;
pub(crate) mod collect;
mod commands;
pub mod config;
mod disk;
mod doctor;
mod drain;
mod embedded;
pub mod environment;
mod export;
#[cfg(test)]
#[path = "../tests/unit/fuzzing.rs"] // These tests use private modules.
mod fuzzing;
mod hook;
mod host;
mod html;
pub mod install;
mod journal;
pub mod ledger;
mod lenient_json;
pub mod limits;
pub mod locks;
pub mod messages;
mod now;
pub mod pace;
pub mod paths;
pub mod pricing;
pub mod render;
mod secrets;
pub mod spend;
pub mod status_line;
pub mod terminal;
#[cfg(test)]
#[path = "../tests/unit/testing.rs"] // Helper functions for the unit tests.
mod testing;
pub mod time;
pub mod transcript;
pub mod witness;
mod wording;

pub use cli::run;
