//! The JSON that Claude Code passes to a hook to describe an event.
//!
//! A field is `None` if it is missing, empty, or of the wrong type. The field names match version 2.1.328.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::LenientJson;
use crate::transcript::limit_lines::AGENT_RESULT;

/// An event that whycap has a hook for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventName {
    /// A session has started or resumed, or its context was cleared or compacted.
    SessionStart,
    /// The user submitted a prompt.
    UserPromptSubmit,
    /// A slash command is about to be expanded into a prompt.
    UserPromptExpansion,
    /// The user typed a whycap command. This event comes from the plugin's module.
    #[serde(rename = "command.run")]
    CommandRun,
    /// A response is complete.
    Stop,
    /// A turn ended with an API error.
    StopFailure,
    /// The user has confirmed another model.
    PreModelSwitch,
    /// Another model is in use.
    PostModelSwitch,
    /// A session has ended.
    SessionEnd,
}

/// An event and the fields that whycap uses.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HookEvent {
    /// The name of the event, or `None` if whycap does not recognize it.
    pub name: Option<EventName>,
    pub session_id: Option<String>,
    /// The session's transcript, which may not contain the newest lines yet.
    pub transcript_path: Option<PathBuf>,
    pub cwd: Option<PathBuf>,
    /// The prompt as the user typed it, or the result of a background agent.
    pub prompt: Option<String>,
    /// True if the plugin's module wants the command to be sent to Claude Code as a prompt.
    pub is_prompt: bool,
    /// The reason why the session started: `startup`, `resume`, `clear`, `compact`, or `fork`. For a switch of the model, who
    /// wanted it: `command`, `picker`, `sdk`, `auto`, or `resume`.
    pub source: Option<String>,
    /// The reason why the session ended: `clear`, `resume`, `logout`, `prompt_input_exit`, or `other`.
    pub reason: Option<String>,
    /// The class of the error, such as `rate_limit` or `billing_error`. It is often `unknown`.
    pub error: Option<String>,
    /// The error text from the API.
    pub error_details: Option<String>,
    /// The last message that the user saw. For an error event, this is the full error text.
    pub last_assistant_message: Option<String>,
    /// The model after a switch.
    pub to_model: Option<String>,
    /// The cost, in dollars, of writing the conversation to the cache of that model, if the cache that a switch gives up is
    /// still warm.
    pub lost_cache_usd: Option<f64>,
}

impl HookEvent {
    /// Returns true if the prompt is the result of a background agent. The user did not type this prompt and cannot
    /// resend it.
    pub(crate) fn is_from_agent(&self) -> bool {
        let prompt = self.prompt.as_deref().unwrap_or_default();
        prompt.starts_with(AGENT_RESULT)
    }

    /// Parses an event. All fields are empty if the input is not JSON.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let root: Value = serde_json::from_str(&String::from_utf8_lossy(bytes)).unwrap_or_default();
        Self {
            name: root.read("hook_event_name"),
            session_id: root.string("session_id"),
            transcript_path: root.string("transcript_path").map(PathBuf::from),
            cwd: root.string("cwd").map(PathBuf::from),
            prompt: root.string("prompt"),
            is_prompt: root.at("is_prompt") == true,
            source: root.string("source"),
            reason: root.string("reason"),
            error: root.string("error"),
            error_details: root.string("error_details"),
            last_assistant_message: root.string("last_assistant_message"),
            to_model: root.string("to_model"),
            lost_cache_usd: root
                .read("estimated_cache_write_usd")
                .filter(|_| root.at("prompt_cache_warm") == true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_another_type_hides_no_other() {
        let event = HookEvent::parse(
            br#"{"hook_event_name":"StopFailure","session_id":7,"error":"rate_limit","cwd":""}"#,
        );
        assert_eq!(event.name, Some(EventName::StopFailure));
        assert_eq!(event.error.as_deref(), Some("rate_limit"));
        assert_eq!((event.session_id, event.cwd), (None, None));
    }

    #[test]
    fn an_unknown_event_has_no_name() {
        assert_eq!(HookEvent::parse(b"[1").name, None);
        assert_eq!(
            HookEvent::parse(br#"{"hook_event_name":"PreToolUse"}"#).name,
            None
        );
    }
}
