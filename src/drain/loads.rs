//! Detects the skills and tools that a conversation loads.
//!
//! The model loads a skill by calling the `Skill` tool. Claude Code appends the skill's text to the conversation. If
//! the skill requests it, Claude Code also changes the effort or the model, and in version 2.1.29, the thinking budget.
//! The model loads deferred tools by calling `ToolSearch`, and Claude Code then adds their definitions to the request.
//! Neither changes any earlier message. See docs/drain.md for measurements.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::cause::RewriteCause;
use super::line::Fields;
use crate::lenient_json::LenientJson;

/// A loaded skill, or the result of a successful tool search.
#[derive(Debug, Clone)]
pub(super) struct Load {
    /// The cause of rewrites after this load.
    pub(super) cause: RewriteCause,
    /// The subagent that performed the load.
    agent: Option<String>,
}

/// The loads in a transcript, in the order of their results.
#[derive(Debug, Default)]
pub(super) struct Loads {
    /// The calls that are still waiting for a result, by call ID.
    calls: HashMap<String, Load>,
    /// The loads that succeeded.
    completed: Vec<Load>,
}

/// A message with a list of content blocks.
#[derive(Deserialize)]
struct Message {
    content: Vec<Block>,
}

/// A content block that may be a tool call or a tool result.
#[derive(Deserialize)]
struct Block {
    id: Option<String>,
    name: Option<String>,
    tool_use_id: Option<String>,
    is_error: Option<bool>,
}

impl Loads {
    /// Returns the number of loads so far.
    pub(super) fn count(&self) -> usize {
        self.completed.len()
    }

    /// Returns an agent's loads, skipping the first `count` loads of the file.
    pub(super) fn after(&self, count: usize, agent: Option<&str>) -> Vec<&Load> {
        self.completed
            .iter()
            .skip(count)
            .filter(|load| load.agent.as_deref() == agent)
            .collect()
    }

    /// Processes a line from the model, which may contain calls to `Skill` or `ToolSearch`.
    pub(super) fn read_calls(&mut self, fields: &Fields<'_>) {
        let message = fields.message.map_or("", RawValue::get);
        // Calls to these tools are rare, and parsing a message's content is expensive.
        if !message.contains("\"Skill\"") && !message.contains("\"ToolSearch\"") {
            return;
        }
        for block in blocks(message) {
            let cause = match block.name.as_deref() {
                Some("Skill") => RewriteCause::SkillLoaded,
                Some("ToolSearch") => RewriteCause::ToolsLoaded,
                _ => continue,
            };
            let load = Load {
                cause,
                agent: fields.agent_id.clone(),
            };
            self.calls.insert(block.id.unwrap_or_default(), load);
        }
    }

    /// Processes a line from the user's side of the conversation, which may contain tool results.
    pub(super) fn read_results(&mut self, fields: &Fields<'_>) {
        if self.calls.is_empty() {
            return;
        }
        for block in blocks(fields.message.map_or("", RawValue::get)) {
            let call = block.tool_use_id.and_then(|id| self.calls.remove(&id));
            let Some(load) = call else { continue };
            let result: Value = fields
                .tool_use_result
                .and_then(|result| serde_json::from_str(result.get()).ok())
                .unwrap_or_default();
            let has_failed = block.is_error == Some(true)
                || result.at("success") == false
                || result.at("matches").as_array().is_some_and(Vec::is_empty);
            if !has_failed {
                self.completed.push(load);
            }
        }
    }
}

/// Returns the blocks of a message, or an empty list if its content is a string.
fn blocks(message: &str) -> Vec<Block> {
    match serde_json::from_str::<Message>(message) {
        Ok(message) => message.content,
        Err(_) => Vec::new(),
    }
}
