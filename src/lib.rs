//! Shows what Claude Code costs, and explains limit errors.
//!
//! The library exists only for tests and benchmarks, and its API is not stable. ARCHITECTURE.md describes the
//! directories and the data flow.

pub(crate) mod budget;
pub mod claude;
pub mod cli;
pub(crate) mod collect;
mod commands;
pub mod config;
mod disk;
mod doctor;
pub mod environment;
#[cfg(test)]
#[path = "../tests/unit/fuzzing.rs"] // These tests use private modules.
mod fuzzing;
mod html;
pub mod install;
mod json;
pub mod ledger;
pub mod limits;
pub mod locks;
mod now;
pub mod pricing;
pub mod render;
pub mod spend;
pub mod status_line;
pub mod terminal;
#[cfg(test)]
#[path = "../tests/unit/testing.rs"] // Helper functions for the unit tests.
mod testing;
pub mod time;
pub mod transcript;
pub mod witness;

pub use cli::run;
