//! The facts about limits in transcript lines: prompts, refusals, the account and the model of a session, and notices.
//!
//! Any field may be missing, null, or of the wrong type, depending on the version.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::error_line;
use super::owner::Owner;
use crate::json::LenientJson;
use crate::limits::{Announcement, Event, Kind, ModelResponse};
use crate::time::is_in_supported_range;

/// The names of the model families. Aliases such as `sonnet[1m]` and IDs such as "claude-sonnet-5-5" contain them.
const MODEL_FAMILIES: [&str; 4] = ["opus", "sonnet", "haiku", "fable"];

/// The start of a user's line that contains the output of a command.
const OUTPUT: &str = "<local-command-stdout>";

/// The start of a prompt that a command file contains. Claude Code's own commands send no request, and their lines start
/// differently.
const COMMAND_FILE: &str = "<command-message>";

/// The start of the result of a background agent, which Claude Code sends by itself.
pub(crate) const AGENT_RESULT: &str = "<task-notification>";

/// Returns the event that a line describes. Returns `None` if the line says nothing about limits, if its date is
/// so far from the present that calculations with it could overflow, or if a fork copied it.
pub(crate) fn event_in(line: &[u8]) -> Option<Event> {
    let fields: Value = serde_json::from_slice(line).ok()?;
    let original = fields.text("requestSessionId");
    let is_copied = fields.at("forkedFrom").is_object()
        || original.is_some_and(|original| Some(original) != fields.text("sessionId"));
    let at: Option<DateTime<Utc>> = fields.read("timestamp");
    let is_damaged = at.is_some_and(|at| !is_in_supported_range(at));
    if is_copied || is_damaged || fields.at("isSidechain") == true {
        return None;
    }
    match fields.text("type")? {
        "session-owner" | "attachment" => match Owner::in_line(&fields) {
            Some(owner) => Some(Event::Owned {
                account: owner.name(),
            }),
            None => model_in(fields.at("attachment")),
        },
        "system" => match fields.text("subtype")? {
            "informational" => notice(fields.text("content")?),
            "api_error" => error_line::retried(&fields).map(Event::Refused),
            _ => None,
        },
        "user" => prompt(&fields),
        "assistant" => error_line::shown(&fields).map(Event::Refused),
        _ => None,
    }
}

fn model_in(attachment: &Value) -> Option<Event> {
    if attachment.at("type") != "model" {
        return None;
    }
    selected(attachment.at("identity").text("modelId")?, false)
}

/// Returns the family of a model, or `None` if whycap does not know it.
pub(crate) fn model_family(model: &str) -> Option<&'static str> {
    let lowercase = model.to_lowercase();
    MODEL_FAMILIES
        .into_iter()
        .find(|family| lowercase.contains(family))
}

/// Returns the response of a model, or of an unknown one.
pub(crate) fn response_from(model: Option<&str>) -> ModelResponse {
    ModelResponse {
        model: model.and_then(model_family).map(str::to_owned),
        ..ModelResponse::default()
    }
}

/// Returns the selection of a model, which is named by its ID or in a sentence. Returns `None` if its family is unknown.
pub(crate) fn selected(model: &str, is_fast: bool) -> Option<Event> {
    let draws_on = if is_fast {
        Some("fast mode")
    } else if model.to_lowercase().contains("1m") {
        Some("the 1M context")
    } else {
        None
    };
    Some(Event::Selected {
        model: model_family(model)?.to_owned(),
        draws_on: draws_on.map(str::to_owned),
    })
}

/// Returns what Claude Code announced in a notice (2.1.328 to 2.1.332).
fn notice(text: &str) -> Option<Event> {
    let text = text.to_lowercase();
    let announcement = if text.starts_with("automatic continue cancelled")
        || text.starts_with("automatic continue stopped")
    {
        Announcement::Cancelled
    } else if text.starts_with("continuing now at lower priority")
        || text.starts_with("working at lower priority")
    {
        Announcement::LowerPriority
    } else if (text.starts_with("usage limit") || text.starts_with("claude code will continue"))
        && text.contains("continu")
    {
        Announcement::Continues
    } else {
        return None;
    };
    Some(Event::Announced(announcement))
}

/// Returns the first text of a message, or `None` if it has no text.
pub(crate) fn text_of(message: &Value) -> Option<&str> {
    let content = message.at("content");
    let mut blocks = content.as_array().into_iter().flatten();
    content
        .as_str()
        .or_else(|| blocks.find_map(|block| block.text("text")))
}

/// Returns the event of a user's line: a request, or the reply of a command.
fn prompt(line: &Value) -> Option<Event> {
    let origin = line.at("origin").text("kind");
    let is_continuation = origin == Some("auto-continuation");
    if line.at("isMeta") == true && !is_continuation {
        return None;
    }
    let text = text_of(line.at("message"))?;
    if let Some(reply) = text.strip_prefix(OUTPUT) {
        return match reply.strip_prefix("Set model to") {
            Some(model) => selected(model, false),
            None => notice(reply),
        };
    }
    let is_of_agent = text.starts_with(AGENT_RESULT);
    let is_other_markup = text.starts_with('<') && !is_of_agent && !text.starts_with(COMMAND_FILE);
    if is_other_markup || text.starts_with("[Request interrupted") {
        return None;
    }
    let is_sent_later = matches!(line.text("promptSource"), Some("queued" | "system"));
    Some(Event::Sent {
        is_typed: !is_continuation && !is_sent_later && !is_of_agent,
    })
}

/// Returns the usage window with this name in the server's replies. Returns `None` for other limits.
pub(crate) fn window_named(name: &str) -> Option<Kind> {
    Some(match name {
        "five_hour" => Kind::FiveHour,
        "seven_day" => Kind::Weekly,
        "seven_day_opus" => Kind::WeeklyOpus,
        "seven_day_sonnet" => Kind::WeeklySonnet,
        "seven_day_overage_included" => Kind::WeeklyFable,
        _ => return None,
    })
}
