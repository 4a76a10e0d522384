//! Reads the facts that a hook or a status-line call reports about its session.

use serde_json::{Deserializer, Value};

use super::{Caller, machine};
use crate::claude::hook_event::{EventName, HookEvent};
use crate::claude::status_payload::StatusPayload;
use crate::json::LenientJson;
use crate::limits::{Event, Fact, Refusal, Source};
use crate::transcript::error_line::readable;
use crate::transcript::limit_lines::selected;

/// The command that whycap answers itself, so that no request is sent.
const OWN_COMMAND: &str = "/whycap";

/// Returns the facts in the input of a hook. If `is_open` is false, no limit stops work, and only the facts on which
/// later facts depend are returned.
pub(crate) fn of_hook(caller: &Caller<'_>, event: &HookEvent, is_open: bool) -> Vec<Fact> {
    let Some(name) = event.name else {
        return Vec::new();
    };
    let mut events = Vec::new();
    match name {
        EventName::SessionStart => {
            events.push(Event::Opened {
                project: caller
                    .project
                    .map(|project| project.to_string_lossy().into_owned()),
            });
            if matches!(event.source.as_deref(), Some("clear" | "compact")) {
                events.push(Event::Shortened);
            }
        }
        EventName::StopFailure => events.extend(refusal(event).map(Event::Refused)),
        EventName::UserPromptSubmit | EventName::UserPromptExpansion
            if is_open && is_own_command(event) =>
        {
            events.push(Event::Typed);
        }
        EventName::UserPromptSubmit if is_open => {
            events.push(Event::Sent {
                is_typed: !event.is_from_agent(),
            });
        }
        EventName::CommandRun if is_open && event.is_prompt => events.push(Event::Typed),
        EventName::SessionEnd if is_open => events.push(Event::Closed),
        _ => {}
    }
    let mut facts = Vec::new();
    if is_open || matches!(name, EventName::SessionStart | EventName::StopFailure) {
        facts = machine::payers(caller);
    }
    facts.extend(
        events
            .into_iter()
            .map(|event| caller.fact(Source::Hook, event)),
    );
    facts
}

fn is_own_command(event: &HookEvent) -> bool {
    let prompt = event.prompt.as_deref().unwrap_or_default();
    // Before it expands a command, Claude Code passes it inside tags.
    prompt.starts_with(OWN_COMMAND) || prompt.contains("<command-name>/whycap")
}

/// Returns the refusal that a hook reports. Returns `None` if its text is missing.
fn refusal(event: &HookEvent) -> Option<Refusal> {
    let details = event.error_details.as_deref().unwrap_or_default();
    Some(Refusal {
        text: readable(event.last_assistant_message.as_deref()?),
        class: event.error.clone(),
        codes: code_in(details).into_iter().collect(),
        status: details
            .split(|letter: char| !letter.is_ascii_digit())
            .find_map(|number| number.parse().ok()),
        ..Refusal::default()
    })
}

/// Returns the type of the error in the JSON of a reply, such as `rate_limit_error`.
fn code_in(details: &str) -> Option<String> {
    let json = details.get(details.find('{')?..)?;
    let reply: Value = Deserializer::from_str(json)
        .into_iter()
        .next()?
        .ok()?;
    reply.at("error").text("type").map(readable)
}

/// Returns the facts in the input of a status-line call. The payer is looked up only if `is_payer_needed`, because that
/// reads several files.
pub fn of_status_line(
    caller: &Caller<'_>,
    payload: &StatusPayload,
    is_payer_needed: bool,
) -> Vec<Fact> {
    let mut facts = Vec::new();
    if is_payer_needed {
        facts.extend(machine::payers(caller));
    }
    if let Some(model) = &payload.model_id
        && let Some(event) = selected(model, payload.fast_mode)
    {
        facts.push(caller.fact(Source::Sample, event));
    }
    if !payload.windows.is_empty() {
        let event = Event::Read(payload.windows.clone());
        facts.push(caller.fact(Source::Sample, event));
    }
    facts
}
