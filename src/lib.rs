//! What Claude Code costs and, when a limit error stops it, what really happened.
//!
//! The library exists so that tests and benches reach the code; it promises no stable API.
//! ARCHITECTURE.md shows the way of data.

pub(crate) mod budget;
mod checkout;
pub mod claude;
pub mod cli;
mod commands;
pub mod config;
mod disk;
mod doctor;
mod drain;
pub mod environment;
mod export;
mod foreign;
#[cfg(test)]
#[path = "../tests/unit/fuzzing.rs"] // it drives what the library shows to nobody
mod fuzzing;
mod hints;
mod html;
pub(crate) mod incidents;
pub mod install;
mod journal;
pub mod ledger;
pub mod limits;
pub mod locks;
mod machine;
mod now;
pub mod places;
pub mod pricing;
pub mod render;
mod secrets;
pub mod spend;
pub mod status_line;
pub mod terminal;
#[cfg(test)]
#[path = "../tests/unit/testing.rs"] // what unit tests have in common
mod testing;
pub mod time;
pub mod transcript;

pub use cli::run;
