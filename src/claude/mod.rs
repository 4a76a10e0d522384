//! Read-only access to Claude Code's files, payloads, and processes.

pub mod account;
pub mod credentials;
pub mod hook_event;
pub mod processes;
pub(crate) mod session_label;
pub mod sessions;
pub mod settings;
pub(crate) mod shell;
pub mod status_payload;
pub(crate) mod stream_json;
pub(crate) mod transcripts;
pub mod version;
pub(crate) mod watchdog;
pub mod window_usage;
