//! Adding whycap to a settings text and taking it out again. Pure: text in, text out.
//!
//! Whatever the text edit does, the outcome is parsed by `serde_json` and compared with the input:
//! unless exactly our entries differ, the edit is refused.

use serde_json::{Value, json};

use super::document::{Node, Refusal};
use super::edit::{Draft, Undo};
use super::ours::{self, HostVerb, Kept};

/// The events that whycap listens to, with the seconds after which the client gives up on us.
///
/// No entry has a matcher: `StopFailure`'s `error` value cannot tell limits apart (several are
/// "unknown"), so all are taken and the text decides. `SessionEnd` keeps below the client's own
/// 1.5 s, because a longer one in settings would lengthen every exit.
pub const EVENTS: [(&str, u64); 5] = [
    ("SessionStart", 5),
    ("UserPromptSubmit", 5),
    ("Stop", 5),
    ("StopFailure", 5),
    ("SessionEnd", 1),
];

/// Seconds between two draws of the status line while nothing happens. Countdowns show minutes,
/// so 10 keeps them right to a few seconds at the cost of six runs of a few milliseconds a minute.
pub const REFRESH_SECONDS: u64 = 10;

/// What to do about a status line that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// Leave it and do without ours.
    Leave,
    /// Put ours in its place and keep it so.
    Take(Kept),
}

/// What to add.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The program as it is to be written on a shell command line.
    pub program: &'a str,
    /// Whether to add the status line.
    pub status_line: bool,
    /// Whether to add the hooks.
    pub hooks: bool,
    /// What to do about a foreign status line.
    pub foreign: Foreign,
}

/// One thing that changed, or that was deliberately left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Our status line was added.
    StatusLineAdded,
    /// Ours took the place of a foreign one (its command), which is kept.
    StatusLineTaken(Kept, String),
    /// A foreign status line (its command) was left alone.
    StatusLineLeft(String),
    /// Our status line pointed to another program before.
    StatusLineMoved,
    /// Hooks were added for these events.
    HooksAdded(Vec<&'static str>),
    /// Our hooks for these events pointed to another program before.
    HooksMoved(Vec<&'static str>),
    /// Our status line was taken out.
    StatusLineRemoved,
    /// Our status line was taken out and the foreign one (its command) put back.
    StatusLineRestored(String),
    /// So many hooks of ours were taken out.
    HooksRemoved(usize),
}

/// A text after an edit.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The new text.
    pub text: String,
    /// How to get the text before.
    pub undo: Vec<Undo>,
    /// What was done and left.
    pub changes: Vec<Change>,
}

/// The command of a foreign status line, for showing.
pub fn foreign_status_line(settings: &Value) -> Option<String> {
    let entry = settings
        .get("statusLine")
        .filter(|entry| !entry.is_null())?;
    if ours::entry_invocation(entry, HostVerb::StatusLine).is_some() {
        return None;
    }
    Some(command_of(entry))
}

fn command_of(entry: &Value) -> String {
    let command = entry.get("command").and_then(Value::as_str);
    command.map_or_else(|| entry.to_string(), str::to_owned)
}

/// Adds what is wanted. Adding what is there already changes nothing.
pub fn add(text: &str, wanted: Wanted<'_>) -> Result<Outcome, Refusal> {
    let mut draft = Draft::new(text.to_owned())?;
    let before = draft.root().to_value();
    if !before.is_object() {
        return Err(refusal(
            &draft,
            None,
            "settings must be an object in braces",
        ));
    }
    let mut changes = Vec::new();
    if wanted.status_line {
        changes.extend(add_status_line(&mut draft, wanted)?);
    }
    if wanted.hooks {
        add_hooks(&mut draft, wanted, &mut changes)?;
    }
    checked(&before, draft, changes, text)
}

fn add_status_line(draft: &mut Draft, wanted: Wanted<'_>) -> Result<Option<Change>, Refusal> {
    let command = format!("{} statusline", wanted.program);
    let entry = json!({
        "type": "command",
        "command": command,
        "padding": 0,
        "refreshInterval": REFRESH_SECONDS,
    });
    let Some(present) = draft.root().get("statusLine").cloned() else {
        draft.append_member(&[], "statusLine", &entry)?;
        return Ok(Some(Change::StatusLineAdded));
    };
    if let Some(found) = ours::entry_invocation(&present.to_value(), HostVerb::StatusLine) {
        let moved = move_command(draft, &present, &found, &command)?;
        return Ok(moved.then_some(Change::StatusLineMoved));
    }
    let shown = command_of(&present.to_value());
    let kept = match wanted.foreign {
        _ if present.is_null() => Kept::SetAside,
        Foreign::Take(kept) => kept,
        Foreign::Leave => return Ok(Some(Change::StatusLineLeft(shown))),
    };
    // The foreign entry goes in as it is spelled, so that it can come out as it was spelled.
    let marked = with_member(&entry, kept.key(), Value::Null);
    let source = draft.source(&present).to_owned();
    let rendered = draft.rendered_at(&present, &marked);
    let rendered = match rendered.rfind("null") {
        Some(at) => {
            let (head, tail) = rendered.split_at(at);
            format!("{head}{source}{}", tail.strip_prefix("null").unwrap_or(""))
        }
        None => {
            return Err(refusal(
                draft,
                Some(&present),
                "could not keep the status line",
            ));
        }
    };
    draft.replace(present.span, &rendered)?;
    Ok(Some(Change::StatusLineTaken(kept, shown)))
}

fn with_member(entry: &Value, key: &str, value: Value) -> Value {
    let mut entry = entry.clone();
    if let Value::Object(map) = &mut entry {
        map.insert(key.to_owned(), value);
    }
    entry
}

/// Points an entry of ours at `command`, unless a person has changed it. True if it changed.
fn move_command(
    draft: &mut Draft,
    entry: &Node,
    found: &ours::Invocation,
    command: &str,
) -> Result<bool, Refusal> {
    let Some(present) = entry.get("command") else {
        return Ok(false);
    };
    if found.customised || present.as_str() == Some(command) {
        return Ok(false);
    }
    let spelled = Value::String(command.to_owned()).to_string();
    draft.replace(present.span.clone(), &spelled)?;
    Ok(true)
}

fn add_hooks(
    draft: &mut Draft,
    wanted: Wanted<'_>,
    changes: &mut Vec<Change>,
) -> Result<(), Refusal> {
    let command = format!("{} hook {}", wanted.program, ours::HOOK_ENDING);
    let group = |timeout: u64| json!({"hooks": [{"type": "command", "command": command, "timeout": timeout}]});
    if draft.root().get("hooks").is_none() {
        let all = EVENTS.map(|(event, timeout)| (event.to_owned(), json!([group(timeout)])));
        draft.append_member(&[], "hooks", &Value::Object(all.into_iter().collect()))?;
        changes.push(Change::HooksAdded(EVENTS.map(|(event, _)| event).to_vec()));
        return Ok(());
    }
    let (mut added, mut moved) = (Vec::new(), Vec::new());
    for (event, timeout) in EVENTS {
        let Some(hooks) = draft.root().get("hooks").cloned() else {
            break;
        };
        if hooks.members().is_none() {
            return Err(refusal(draft, Some(&hooks), "`hooks` must be an object"));
        }
        let Some(groups) = hooks.get(event) else {
            draft.append_member(&["hooks"], event, &json!([group(timeout)]))?;
            added.push(event);
            continue;
        };
        if groups.elements().is_none() {
            let reason = format!("`hooks.{event}` must be a list");
            return Err(refusal(draft, Some(groups), &reason));
        }
        let handlers = || {
            groups
                .elements()
                .into_iter()
                .flatten()
                .filter_map(handlers_of)
        };
        let present = handlers().flatten().find_map(|handler| {
            let found = ours::entry_invocation(&handler.to_value(), HostVerb::Hook)?;
            Some((handler.clone(), found))
        });
        if let Some((handler, found)) = present {
            if move_command(draft, &handler, &found, &command)? {
                moved.push(event);
            }
        } else {
            draft.append_element(&["hooks", event], &group(timeout))?;
            added.push(event);
        }
    }
    if !added.is_empty() {
        changes.push(Change::HooksAdded(added));
    }
    if !moved.is_empty() {
        changes.push(Change::HooksMoved(moved));
    }
    Ok(())
}

fn handlers_of(group: &Node) -> Option<&[Node]> {
    group.get("hooks")?.elements()
}

/// Takes whycap out. `kept_elsewhere` is the foreign status line as our own records have it, for
/// the case that it no longer stands in the text; `stays` says which empty list or object under
/// `hooks` (`hooks`, `hooks.Stop`) stood there before us.
pub fn remove(
    text: &str,
    kept_elsewhere: Option<&str>,
    stays: &[String],
) -> Result<Outcome, Refusal> {
    let mut draft = Draft::new(text.to_owned())?;
    let before = draft.root().to_value();
    let mut changes = Vec::new();
    let mut expected = before.clone();
    if let Some(entry) = draft.root().get("statusLine").cloned()
        && ours::entry_invocation(&entry.to_value(), HostVerb::StatusLine).is_some()
    {
        let kept = match Kept::in_entry(|key| entry.get(key)) {
            Some((_, foreign)) => Some(draft.source(foreign).to_owned()),
            None => kept_elsewhere.map(str::to_owned),
        };
        if let Some(foreign) = kept {
            let value: Value = serde_json::from_str(&foreign).unwrap_or(Value::Null);
            if let Some(slot) = expected.get_mut("statusLine") {
                *slot = value.clone();
            }
            draft.replace(entry.span, &foreign)?;
            changes.push(Change::StatusLineRestored(command_of(&value)));
        } else {
            draft.remove_member(&["statusLine"])?;
            changes.push(Change::StatusLineRemoved);
        }
    }
    let mut removed = 0;
    while remove_one_hook(&mut draft, stays)? {
        removed += 1;
    }
    if removed > 0 {
        changes.push(Change::HooksRemoved(removed));
    }
    checked(&expected, draft, changes, text)
}

/// Takes out the first hook of ours, with the group, list and object that it leaves empty.
fn remove_one_hook(draft: &mut Draft, stays: &[String]) -> Result<bool, Refusal> {
    let Some(hooks) = draft.root().get("hooks").cloned() else {
        return Ok(false);
    };
    for member in hooks.members().unwrap_or_default() {
        let groups = member.value.elements().unwrap_or_default();
        for (group_index, group) in groups.iter().enumerate() {
            let handlers = handlers_of(group).unwrap_or_default();
            let ours = |handler: &Node| {
                ours::entry_invocation(&handler.to_value(), HostVerb::Hook).is_some()
            };
            let Some(index) = handlers.iter().position(ours) else {
                continue;
            };
            let event = member.key.as_str();
            let stays = |name: &str| stays.iter().any(|kept| kept == name);
            if handlers.len() > 1 {
                if let Some(list) = group.get("hooks") {
                    draft.remove_element(list, index)?;
                }
            } else if groups.len() > 1 || stays(&format!("hooks.{event}")) {
                draft.remove_element(&member.value, group_index)?;
            } else if hooks.members().is_some_and(|all| all.len() > 1) || stays("hooks") {
                draft.remove_member(&["hooks", event])?;
            } else {
                draft.remove_member(&["hooks"])?;
            }
            return Ok(true);
        }
    }
    Ok(false)
}

/// Which lists and objects under `hooks` are there and empty, so that removal leaves them.
pub fn empty_containers(settings: &Value) -> Vec<String> {
    let Some(hooks) = settings.get("hooks").and_then(Value::as_object) else {
        return Vec::new();
    };
    let events = hooks
        .iter()
        .filter(|(_, groups)| groups.as_array().is_some_and(Vec::is_empty))
        .map(|(event, _)| format!("hooks.{event}"));
    events
        .chain(hooks.is_empty().then(|| "hooks".to_owned()))
        .collect()
}

fn spelled(value: &Value) -> String {
    value.to_string()
}

/// Proves that the edit touched nothing but our entries.
fn checked(
    before: &Value,
    draft: Draft,
    changes: Vec<Change>,
    original: &str,
) -> Result<Outcome, Refusal> {
    let after = serde_json::from_str::<Value>(draft.source(draft.root()));
    let same = after.is_ok_and(|after| {
        // Compared as text: the order of keys belongs to the user as well.
        spelled(&ours::without_ours(&after)) == spelled(&ours::without_ours(before))
    });
    if !same {
        return Err(refusal(
            &draft,
            None,
            "an edit here would change more than whycap's own entries",
        ));
    }
    let untouched = changes
        .iter()
        .all(|change| matches!(change, Change::StatusLineLeft(_)));
    let (text, undo) = draft.finish();
    Ok(Outcome {
        text: if untouched { original.to_owned() } else { text },
        undo: if untouched { Vec::new() } else { undo },
        changes,
    })
}

fn refusal(draft: &Draft, at: Option<&Node>, reason: &str) -> Refusal {
    super::document::refusal_at(draft.text(), at.map_or(0, |node| node.span.start), reason)
}

#[cfg(test)]
mod tests;
