//! The JSON that Claude Code gives a hook: one event.
//!
//! Every field may be missing, empty or of another type, and is absent then. Names as of 2.1.328.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::foreign::Foreign;

/// An event that whycap listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventName {
    /// A session begins, is resumed, or was cleared or compacted.
    SessionStart,
    /// A prompt was sent.
    UserPromptSubmit,
    /// A slash command is about to be expanded into a prompt.
    UserPromptExpansion,
    /// A command of ours was typed, and Claude Code asked the plugin's module, which hands the
    /// question on under this name.
    #[serde(rename = "command.run")]
    CommandRun,
    /// An answer is complete.
    Stop,
    /// A turn ended with an error of the service.
    StopFailure,
    /// A session ends.
    SessionEnd,
}

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HookEvent {
    /// None for one that whycap does not know.
    pub(crate) name: Option<EventName>,
    pub(crate) session_id: Option<String>,
    /// The session's transcript. It may lag behind the event.
    pub(crate) transcript_path: Option<PathBuf>,
    pub(crate) cwd: Option<PathBuf>,
    /// As it was typed; or what a background agent found, which Claude Code sends on the same way.
    pub(crate) prompt: Option<String>,
    /// Whether the typed command is a prompt for Claude Code; the plugin's module tells.
    pub(crate) is_prompt: bool,
    /// How a session began: `startup`, `resume`, `clear`, `compact`, `fork`.
    pub(crate) source: Option<String>,
    /// The class of an error: `rate_limit`, `billing_error`, …; often `unknown`.
    pub(crate) error: Option<String>,
    /// The API's own words about an error.
    pub(crate) error_details: Option<String>,
    /// The last thing that the user saw; of an error its whole text.
    pub(crate) last_assistant_message: Option<String>,
    /// What kind of agent it happened in: `general-purpose`, `workflow-subagent`, …
    pub(crate) agent_type: Option<String>,
}

impl HookEvent {
    /// Whether the prompt brings what a background agent found: nobody typed it, and nobody can send it again.
    pub(crate) fn is_from_agent(&self) -> bool {
        let prompt = self.prompt.as_deref().unwrap_or_default();
        prompt.starts_with("<task-notification>")
    }

    /// Reads an event. Bytes that are not JSON give one in which everything is absent.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let root: Value = serde_json::from_str(&String::from_utf8_lossy(bytes)).unwrap_or_default();
        let text = |key: &str| root.text(key).map(str::to_owned);
        Self {
            name: root.read("hook_event_name"),
            session_id: text("session_id"),
            transcript_path: text("transcript_path").map(PathBuf::from),
            cwd: text("cwd").map(PathBuf::from),
            prompt: text("prompt"),
            is_prompt: root.at("is_prompt") == true,
            source: text("source"),
            error: text("error"),
            error_details: text("error_details"),
            last_assistant_message: text("last_assistant_message"),
            agent_type: text("agent_type"),
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
    fn what_is_no_event_has_no_name() {
        assert_eq!(HookEvent::parse(b"[1").name, None);
        assert_eq!(
            HookEvent::parse(br#"{"hook_event_name":"PreToolUse"}"#).name,
            None
        );
    }
}
