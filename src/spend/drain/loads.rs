//! Detects the skills and tools that a conversation loads.
//!
//! The model loads a skill by calling the `Skill` tool. Claude Code appends the skill's text to the conversation. If
//! the skill requests it, Claude Code also changes the effort or the model, and in version 2.1.29, the thinking budget.
//! The model loads deferred tools by calling `ToolSearch`, and Claude Code then adds their definitions to the request.
//! Neither changes any earlier message. See docs/drain.md for measurements.

use std::collections::HashMap;

use serde_json::Value;

use super::cause::RewriteCause;
use crate::json::LenientJson;
use crate::transcript::requests::CacheLine;

/// A loaded skill, or the result of a successful tool search.
#[derive(Debug)]
pub(super) struct Load {
    /// The cause of rewrites after this load.
    pub cause: RewriteCause,
    /// The subagent that performed the load.
    pub agent: Option<String>,
}

/// The loads that are still waiting for a result, keyed by call ID.
#[derive(Debug, Default)]
pub(super) struct PendingLoads(HashMap<String, Load>);

impl PendingLoads {
    /// Processes a line from the model, which may contain calls to `Skill` or `ToolSearch`.
    pub(super) fn read_calls(&mut self, fields: &CacheLine<'_>) {
        let message = fields.message();
        // Calls to these tools are rare, and parsing a message's content is expensive.
        if !message.contains("\"Skill\"") && !message.contains("\"ToolSearch\"") {
            return;
        }
        for block in fields.blocks() {
            let cause = match block.name.as_deref() {
                Some("Skill") => RewriteCause::SkillLoaded,
                Some("ToolSearch") => RewriteCause::ToolsLoaded,
                _ => continue,
            };
            let agent = fields.agent_id.clone();
            self.0
                .insert(block.id.unwrap_or_default(), Load { cause, agent });
        }
    }

    /// Processes a line from the user's side of the conversation, which may contain tool results. Returns the loads that
    /// succeeded.
    pub(super) fn read_results(&mut self, fields: &CacheLine<'_>) -> Vec<Load> {
        let mut completed = Vec::new();
        if self.0.is_empty() {
            return completed;
        }
        for block in fields.blocks() {
            let call = block.tool_use_id.and_then(|id| self.0.remove(&id));
            let Some(load) = call else {
                continue;
            };
            let result: Value = fields
                .tool_use_result
                .and_then(|result| serde_json::from_str(result.get()).ok())
                .unwrap_or_default();
            let has_failed = block.is_error == Some(true)
                || result.at("success") == false
                || result
                    .at("matches")
                    .as_array()
                    .is_some_and(Vec::is_empty);
            if !has_failed {
                completed.push(load);
            }
        }
        completed
    }
}
