//! Recognizes whycap's entries in Claude Code's settings.

use serde_json::Value;

use super::command_line::{HOOK, Invocation, STATUS_LINE, invocation};
use crate::claude::settings::SettingsFile;

/// The events that whycap handles, with their timeouts in seconds.
///
/// The hooks have no matchers because the `error` field of a `StopFailure` event does not distinguish limits from other
/// errors. A slow `SessionEnd` hook delays every exit, so its timeout is shorter than Claude Code's default of 1.5 s.
pub const EVENTS: [(&str, u64); 5] = [
    ("SessionStart", 5),
    ("UserPromptSubmit", 5),
    ("Stop", 5),
    ("StopFailure", 5),
    ("SessionEnd", 1),
];

/// The events of a switch of the model. Versions that do not know them show a warning whenever they start (2.1.119,
/// 2.1.240), so these hooks are added only for newer versions.
pub(crate) const SWITCH_EVENTS: [(&str, u64); 2] = [("PreModelSwitch", 5), ("PostModelSwitch", 5)];

/// The number of seconds between status-line calls while the session is idle. Countdowns are only a few seconds behind,
/// and each of the six calls per minute takes just a few milliseconds.
pub(crate) const REFRESH_SECONDS: u64 = 10;

/// Returns the whycap invocation in a `statusLine` entry or hook handler.
pub(crate) fn entry_invocation(entry: &Value, subcommand: &str) -> Option<Invocation> {
    invocation(entry.get("command")?.as_str()?, subcommand)
}

/// Returns the settings without whycap's status line and hooks.
///
/// Empty lists and objects under `hooks` are removed, too, so that the results can be compared.
pub fn without_whycap_entries(settings: &Value) -> Value {
    let mut remaining = settings.clone();
    let Some(members) = remaining.as_object_mut() else {
        return remaining;
    };
    members.retain(|name, entry| {
        name != "statusLine" || entry_invocation(entry, STATUS_LINE).is_none()
    });
    if let Some(events) = members
        .get_mut("hooks")
        .and_then(Value::as_object_mut)
    {
        for groups in events.values_mut().filter_map(Value::as_array_mut) {
            groups.retain_mut(|group| !is_emptied_by_removal(group));
        }
        events.retain(|_, groups| !groups.as_array().is_some_and(Vec::is_empty));
        if events.is_empty() {
            members.shift_remove("hooks");
        }
    }
    remaining
}

/// Removes whycap's handlers from a hook group. Returns true if this leaves the group empty.
fn is_emptied_by_removal(group: &mut Value) -> bool {
    let Some(handlers) = group.get_mut("hooks").and_then(Value::as_array_mut) else {
        return false;
    };
    let before = handlers.len();
    handlers.retain(|handler| entry_invocation(handler, HOOK).is_none());
    handlers.is_empty() && before > 0
}

/// whycap's entries in a settings file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstalledEntries {
    /// The status line.
    pub status_line: Option<Invocation>,
    /// The hooks and the events that they handle.
    pub hooks: Vec<(String, Invocation)>,
}

/// Returns the readable settings files and whycap's entries in each of them.
pub(crate) fn entries_in(
    files: &[SettingsFile],
) -> impl Iterator<Item = (&SettingsFile, InstalledEntries)> {
    files
        .iter()
        .filter_map(|file| Some((file, installed_entries(file.settings()?))))
}

/// Finds whycap's entries in the settings.
pub fn installed_entries(settings: &Value) -> InstalledEntries {
    let status_line = settings
        .get("statusLine")
        .and_then(|entry| entry_invocation(entry, STATUS_LINE));
    let mut hooks = Vec::new();
    let events = settings.get("hooks").and_then(Value::as_object);
    for (event, groups) in events.into_iter().flatten() {
        let invocations = groups
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|group| group.get("hooks")?.as_array())
            .flatten()
            .filter_map(|handler| entry_invocation(handler, HOOK));
        hooks.extend(invocations.map(|invocation| (event.clone(), invocation)));
    }
    InstalledEntries { status_line, hooks }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_without_whycap_contain_only_other_hooks() {
        let settings = json!({
            "statusLine": {"type": "command", "command": "/x/whycap statusline"},
            "hooks": {
                "Stop": [{"hooks": [{"command": "/x/whycap hook"}, {"command": "say done"}]}],
                "SessionEnd": [{"hooks": [{"command": "/x/whycap hook"}]}],
            },
            "model": "opus",
        });
        assert_eq!(
            without_whycap_entries(&settings),
            json!({"hooks": {"Stop": [{"hooks": [{"command": "say done"}]}]}, "model": "opus"})
        );
        assert_eq!(installed_entries(&settings).hooks.len(), 2);
    }
}
