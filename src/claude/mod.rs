//! What Claude Code keeps where, and how to read it without touching it.

pub mod account;
pub mod credentials;
pub mod installations;
pub mod prices;
pub mod processes;
pub mod sessions;
pub mod settings;
