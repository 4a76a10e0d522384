//! How the evidence is weighed, a file a subject.

pub(super) mod caps;
pub(super) mod console;
pub(super) mod credits;
pub(super) mod news;
pub(super) mod service;
pub(super) mod unread;
pub(super) mod windows;
