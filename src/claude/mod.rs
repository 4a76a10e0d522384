//! Claude Code's files, payloads, and processes, which whycap only reads.

pub mod account;
pub mod credentials;
pub mod hook_event;
pub mod meters;
pub mod processes;
pub(crate) mod session_label;
pub mod sessions;
pub mod settings;
pub(crate) mod shell;
pub mod status_payload;
pub(crate) mod transcripts;
pub mod version;
