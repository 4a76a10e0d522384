//! What Claude Code keeps where, and how to read it without touching it.

pub mod prices;
pub mod settings;
