//! Tells apart the subagents whose lines are in the transcript of the main conversation.
//!
//! Claude Code 1.0 writes the lines of subagents into the transcript of their session. These lines have
//! `isSidechain: true` but no `agentId`. Each subagent's first line has no parent, and every other line follows a line of
//! the same subagent.

use std::collections::HashMap;

use super::transcript_line::{Fields, Hash, hash};

/// The lines of a transcript's subagents that have no `agentId`.
#[derive(Debug, Default)]
pub(super) struct Sidechains {
    /// The first line of the subagent, by line.
    first_lines: HashMap<Hash, Hash>,
}

impl Sidechains {
    /// Returns an ID for the subagent of the next line, which is derived from the subagent's first line. Returns `None`
    /// if the line is part of the main conversation.
    pub(super) fn agent_of(&mut self, fields: &Fields<'_>) -> Option<String> {
        if fields.is_sidechain != Some(true) {
            return None;
        }
        let line = fields.uuid.as_deref().map(hash);
        let parent = fields.parent_uuid.as_deref().map(hash);
        let known = parent.and_then(|parent| self.first_lines.get(&parent).copied());
        let first_line = known.or(line).unwrap_or_default();
        if let Some(line) = line {
            self.first_lines.insert(line, first_line);
        }
        Some(format!("sidechain {first_line:016x}"))
    }
}
