//! Detects the skills and tools that a conversation loads.
//!
//! The model loads a skill by calling the `Skill` tool. Claude Code appends the skill's text to the conversation. If
//! the skill requests it, Claude Code also changes the effort or the model, and in version 2.1.29, the thinking budget.
//! The model loads deferred tools by calling `ToolSearch`, and Claude Code then adds their definitions to the request.
//! Neither changes any earlier message. See docs/drain.md for measurements.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::transcript_line::Fields;
use crate::lenient_json::LenientJson;

/// A kind of item that a conversation can load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoadKind {
    Skill,
    Tools,
}

/// A loaded skill, or the result of a successful tool search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) kind: LoadKind,
    /// The name of the skill or the names of the tools. The list is empty if the transcript does not contain them.
    pub(super) names: Vec<String>,
    /// The subagent that performed the load.
    agent: Option<String>,
}

impl Load {
    /// Describes the load as the cause of a rewrite.
    pub(super) fn describe(&self) -> String {
        let names = self.names.join(", ");
        match self.kind {
            LoadKind::Skill if names.is_empty() => "a skill had just been loaded".to_owned(),
            LoadKind::Skill => format!("the {names} skill had just been loaded"),
            LoadKind::Tools if names.is_empty() => "tools had just been loaded".to_owned(),
            LoadKind::Tools => format!("tools had just been loaded: {names}"),
        }
    }
}

/// The loads in a transcript, in the order of their results.
#[derive(Debug, Default)]
pub(super) struct Loads {
    /// The calls that are still waiting for a result, by call ID.
    calls: HashMap<String, Load>,
    /// The IDs of the calls that have a result. Claude Code 2.1.14 sometimes writes a session's lines to the transcript
    /// a second time, and the repeated calls must not count as additional loads.
    calls_with_result: HashSet<String>,
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
    input: Option<Value>,
    tool_use_id: Option<String>,
    is_error: Option<bool>,
}

impl Loads {
    /// Returns the number of loads so far.
    pub(super) fn count(&self) -> usize {
        self.completed.len()
    }

    /// Returns an agent's loads, skipping the first `count` loads of the file.
    pub(super) fn after<'loads>(
        &'loads self,
        count: usize,
        agent: Option<&'loads str>,
    ) -> impl Iterator<Item = &'loads Load> {
        self.completed
            .iter()
            .skip(count)
            .filter(move |load| load.agent.as_deref() == agent)
    }

    /// Processes a line from the model, which may contain calls to `Skill` or `ToolSearch`.
    pub(super) fn read_calls(&mut self, fields: &Fields<'_>) {
        let message = fields.message.map_or("", RawValue::get);
        // Calls to these tools are rare, and parsing a message's content is expensive.
        if !message.contains("\"Skill\"") && !message.contains("\"ToolSearch\"") {
            return;
        }
        for block in blocks(message) {
            let (Some(id), Some(name)) = (block.id, block.name) else {
                continue;
            };
            if self.calls_with_result.contains(&id) {
                continue;
            }
            let (kind, names) = match name.as_str() {
                "Skill" => (LoadKind::Skill, skill_name(block.input.as_ref())),
                "ToolSearch" => (LoadKind::Tools, None),
                _ => continue,
            };
            let call = Load {
                kind,
                names: names.into_iter().collect(),
                agent: fields.agent_id.clone(),
            };
            self.calls.insert(id, call);
        }
    }

    /// Processes a line from the user's side of the conversation, which may contain tool results.
    pub(super) fn read_results(&mut self, fields: &Fields<'_>) {
        if self.calls.is_empty() {
            return;
        }
        for block in blocks(fields.message.map_or("", RawValue::get)) {
            let Some(call_id) = block.tool_use_id else {
                continue;
            };
            let Some(mut load) = self.calls.remove(&call_id) else {
                continue;
            };
            self.calls_with_result.insert(call_id);
            let result: Value = fields
                .tool_use_result
                .and_then(|result| serde_json::from_str(result.get()).ok())
                .unwrap_or_default();
            let tools = result.at("matches").as_array().map(|matches| {
                let names = matches.iter().filter_map(Value::as_str);
                names.map(str::to_owned).collect::<Vec<_>>()
            });
            let has_failed = block.is_error == Some(true)
                || result.at("success") == false
                || tools.as_ref().is_some_and(Vec::is_empty);
            if has_failed {
                continue;
            }
            load.names.extend(tools.into_iter().flatten());
            self.completed.push(load);
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

/// Returns the skill's name from the input of a `Skill` call. Older clients call this field `command`.
fn skill_name(input: Option<&Value>) -> Option<String> {
    let input = input?;
    ["skill", "command"]
        .into_iter()
        .find_map(|field| input.at(field).as_str())
        .map(str::to_owned)
}
