//! Detects series of responses that read the same part of the cache even though the conversation grew.
//!
//! Clients before version 2.1.300 or so do not record their requests, so a single rewrite has many possible causes.
//! However, several consecutive responses may read exactly as much as their predecessors, even though each of them
//! wrote the rest of the prompt to the cache. There are only two explanations for this: either the server ignores what
//! was written, or Claude Code keeps changing the prompt at the same point. In both cases, the user pays for useless
//! cache entries.

use std::collections::HashMap;

use super::transcript_line::{ConversationResponse, Hash};

/// The number of consecutive stalled reads that counts as proof. In 110 public sessions with 10,928 responses, there
/// were 85 isolated stalled reads but never two in a row. Half of these followed a skill or a tool search.
const MIN_READS: usize = 3;

/// A series of consecutive stalled reads from the same cache.
#[derive(Debug, Default)]
pub(super) struct StalledReads {
    length: usize,
    /// The indexes of the rewrites that will be considered avoidable once the series is long enough.
    pending: Vec<usize>,
}

impl StalledReads {
    /// Adds a stalled read. `rewrite` is the index of the read's rewrite, or `None` if the read is inconclusive.
    /// Returns the indexes of the rewrites that are now proven to be avoidable.
    pub(super) fn add(&mut self, rewrite: Option<usize>) -> Vec<usize> {
        self.length += 1;
        self.pending.extend(rewrite);
        if self.length < MIN_READS {
            return Vec::new();
        }
        std::mem::take(&mut self.pending)
    }
}

/// Links each transcript line to its predecessor, by UUID, so that a conversation can be traced backward.
#[derive(Debug, Default)]
pub(super) struct LineLinks {
    links: HashMap<Hash, LineLink>,
}

#[derive(Debug)]
struct LineLink {
    parent: Option<Hash>,
    /// The key of the response that the line is part of.
    response: Option<i64>,
}

/// The maximum number of lines to follow backward. Consecutive responses are much closer together than this.
const MAX_STEPS: usize = 500;

impl LineLinks {
    /// Adds a line. `response` is the key of the response that the line is part of.
    pub(super) fn add(&mut self, line: Hash, parent: Option<Hash>, response: Option<i64>) {
        self.links.insert(line, LineLink { parent, response });
    }

    /// Returns the key of the response that precedes `response` in the conversation, or `None` if the lines are not
    /// linked.
    pub(super) fn key_before(&self, response: &ConversationResponse) -> Option<i64> {
        let mut next = response.parent;
        for _ in 0..MAX_STEPS {
            let link = self.links.get(&next?)?;
            if link.response.is_some() {
                return link.response;
            }
            next = link.parent;
        }
        None
    }
}
