//! What Claude Code keeps where, and how to read it without touching it.

pub mod account;
pub mod credentials;
pub mod hook_event;
pub mod meters;
pub mod processes;
pub mod sessions;
pub mod settings;
pub(crate) mod shell;
pub mod status_payload;
pub(crate) mod transcripts;
pub mod version;
