//! Distinguishes the subagents whose lines are in the transcript of the main conversation.
//!
//! Claude Code 1.0 writes the lines of subagents into the transcript of their session. These lines have `isSidechain:
//! true` but no `agentId`. Each subagent's first line has no parent, and every other line follows a line of the same
//! subagent.

use std::collections::HashMap;

use super::transcript_line::Hash;

/// Assigns lines without `agentId` to subagents while a transcript is being read.
#[derive(Debug, Default)]
pub(super) struct Sidechains {
    /// Maps each line to the first line of its subagent. Lines are identified by the hashes of their UUIDs.
    first_lines: HashMap<Hash, Hash>,
}

impl Sidechains {
    /// Adds the next line of a subagent. Returns an ID for the subagent that is derived from its first line. `line` and
    /// `parent` are the hashes of the line's UUID and of its parent's UUID.
    pub(super) fn agent_of(&mut self, line: Option<Hash>, parent: Option<Hash>) -> String {
        let first_line = parent
            .and_then(|parent| self.first_lines.get(&parent).copied())
            .or(line)
            .unwrap_or_default();
        if let Some(line) = line {
            self.first_lines.insert(line, first_line);
        }
        format!("sidechain {first_line:016x}")
    }
}
