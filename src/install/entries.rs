//! Creates and recognizes whycap's entries in Claude Code's settings.
//!
//! If both a plugin and the settings run whycap for the same event, only one of the two processes handles it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::claude::hook_event::EventName;
use crate::claude::settings::{self, SettingsFile};
use crate::disk::records;
use crate::environment::Environment;
use crate::lenient_json::parse_name;
use crate::paths::Paths;

/// The events that whycap handles, with their timeouts in seconds.
///
/// None of the hooks has a matcher, because the `error` field of a `StopFailure` event does not distinguish limits from
/// other errors. A slow `SessionEnd` hook delays every exit, so its timeout is shorter than Claude Code's default of
/// 1.5 s.
pub const EVENTS: [(&str, u64); 5] = [
    ("SessionStart", 5),
    ("UserPromptSubmit", 5),
    ("Stop", 5),
    ("StopFailure", 5),
    ("SessionEnd", 1),
];

/// The number of seconds between status-line calls while the session is idle. With this interval, countdowns are only a
/// few seconds behind, and each of the six calls per minute takes just a few milliseconds.
pub(crate) const REFRESH_SECONDS: u64 = 10;

/// The suffix of a hook's command. The suffix makes the command succeed even if whycap has been deleted. Otherwise,
/// Claude Code would report a failed hook for every event. With exit code 0, the shell's error message appears only in
/// the debug log.
const HOOK_ENDING: &str = "|| :";

/// The prefix of a command for PowerShell.
const POWERSHELL_CALL: &str = "& ";

/// Returns the command for a hook. `executable` must already be quoted for the shell. PowerShell commands have no suffix
/// because PowerShell 5 does not support `||`.
pub(crate) fn hook_command(executable: &str) -> String {
    if executable.starts_with(POWERSHELL_CALL) {
        return format!("{executable} {HOOK}");
    }
    format!("{executable} {HOOK} {HOOK_ENDING}")
}

/// The whycap subcommand for the status line.
pub(crate) const STATUS_LINE: &str = "statusline";

/// The whycap subcommand for hooks.
pub(crate) const HOOK: &str = "hook";

/// The reason for keeping an existing status line that whycap's status line replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepPurpose {
    /// The existing status line is shown above whycap's.
    #[serde(rename = "wrapped")]
    ShowAbove,
    /// The existing status line is restored by `uninstall`.
    #[serde(rename = "set_aside")]
    RestoreOnUninstall,
}

impl KeepPurpose {
    /// Returns the key for the previous entry, which is nested in whycap's `statusLine` entry.
    ///
    /// Claude Code ignores unknown keys in this entry but drops them when it rewrites the settings, such as after a
    /// plugin is installed (2.1.119 and 2.1.328). For this reason, the edit record also contains the previous entry.
    /// Either copy is sufficient.
    pub fn key(self) -> &'static str {
        match self {
            Self::ShowAbove => "whycapWraps",
            Self::RestoreOnUninstall => "whycapSetAside",
        }
    }

    /// Returns the first purpose for which `get` returns a value, along with that value.
    pub(crate) fn find<T>(get: impl Fn(&'static str) -> Option<T>) -> Option<(Self, T)> {
        [Self::ShowAbove, Self::RestoreOnUninstall]
            .into_iter()
            .find_map(|purpose| Some((purpose, get(purpose.key())?)))
    }
}

/// A command line that runs whycap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The executable, without quotes.
    pub executable: String,
    /// True if the user has customized the command. whycap never changes such a command.
    pub is_customized: bool,
    /// True if the command is for PowerShell.
    pub for_powershell: bool,
}

/// Parses a shell command. Returns `None` unless it runs an executable named `whycap` with this subcommand.
pub(crate) fn invocation(command: &str, subcommand: &str) -> Option<Invocation> {
    let (executable, after_executable) = first_word(command)?;
    let (word, rest) = first_word(after_executable)?;
    let name = executable.rsplit(['/', '\\']).next()?;
    if !["whycap", "whycap.exe"].contains(&name) || word != subcommand {
        return None;
    }
    Some(Invocation {
        is_customized: !["", HOOK_ENDING].contains(&rest.trim()),
        for_powershell: command.trim_start().starts_with(POWERSHELL_CALL),
        executable,
    })
}

/// Returns the first word of a shell command, unquoted, and the rest of the command.
fn first_word(command: &str) -> Option<(String, &str)> {
    let text = command.trim_start();
    if let Some(call) = text.strip_prefix(POWERSHELL_CALL) {
        return word_of_powershell(call.trim_start());
    }
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.char_indices();
    let mut end = text.len();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None | Some('"'), '\\') => word.extend(characters.next().map(|(_, next)| next)),
            (None, ' ' | '\t' | '\n' | ';' | '|' | '&' | '<' | '>') => {
                end = at;
                break;
            }
            _ => word.push(character),
        }
    }
    if quote.is_some() || word.is_empty() {
        return None;
    }
    Some((word, text.get(end..).unwrap_or("")))
}

/// Returns the first word of a PowerShell command and the rest of the command. Within a quoted word, quotes are escaped
/// by doubling them.
fn word_of_powershell(call: &str) -> Option<(String, &str)> {
    let Some(mut rest) = call.strip_prefix('\'') else {
        let (word, rest) = call.split_at(call.find(char::is_whitespace).unwrap_or(call.len()));
        if word.is_empty() {
            return None;
        }
        return Some((word.to_owned(), rest));
    };
    let mut word = String::new();
    loop {
        let (quoted, after_quote) = rest.split_once('\'')?;
        word.push_str(quoted);
        match after_quote.strip_prefix('\'') {
            Some(more) => {
                word.push('\'');
                rest = more;
            }
            None if word.is_empty() => return None,
            None => return Some((word, after_quote)),
        }
    }
}

/// Returns the whycap invocation in a `statusLine` entry or hook handler.
pub(crate) fn entry_invocation(entry: &Value, subcommand: &str) -> Option<Invocation> {
    invocation(entry.get("command")?.as_str()?, subcommand)
}

/// Returns the settings without whycap's hooks and with the user's previous status line in place of whycap's.
///
/// Empty lists and objects under `hooks` are also removed to make the results comparable.
pub fn without_whycap_entries(settings: &Value) -> Value {
    let mut remaining = settings.clone();
    let Some(members) = remaining.as_object_mut() else {
        return remaining;
    };
    if let Some(entry) = members.get_mut("statusLine")
        && entry_invocation(entry, STATUS_LINE).is_some()
    {
        match KeepPurpose::find(|key| entry.get(key).cloned()) {
            Some((_, previous)) => *entry = previous,
            None => drop(members.shift_remove("statusLine")),
        }
    }
    if let Some(events) = members.get_mut("hooks").and_then(Value::as_object_mut) {
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

/// Removes whycap's handlers from a hook group. Returns true if the group is empty as a result.
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
    /// True if the status line shows the user's previous status line above its own rows.
    pub shows_previous_line: bool,
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
    let entry = settings.get("statusLine");
    let status_line = entry.and_then(|entry| entry_invocation(entry, STATUS_LINE));
    let has_previous_line_to_show =
        entry.is_some_and(|entry| entry.get(KeepPurpose::ShowAbove.key()).is_some());

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
    InstalledEntries {
        shows_previous_line: status_line.is_some() && has_previous_line_to_show,
        hooks,
        status_line,
    }
}

/// Returns true if this process was started by a plugin, but the settings contain a hook for the same event. In this
/// case, the hook from the settings handles the event.
///
/// The hook in the settings is ignored if its executable does not exist.
pub fn is_second_run(paths: &Paths, environment: &Environment, event: EventName) -> bool {
    entries_beside_plugin(paths, environment)
        .unwrap_or_default()
        .iter()
        .flat_map(|entries| &entries.hooks)
        .any(|(name, hook)| {
            // A name without a directory is looked up on the `PATH`, so it is assumed to work.
            let executable = Path::new(&hook.executable);
            parse_name(name) == Some(event) && (!executable.is_absolute() || executable.is_file())
        })
}

/// An entry in `enabledPlugins` for a plugin named `whycap`, from any marketplace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnabledPlugin {
    /// The plugin's ID, such as `whycap@whycap`.
    pub(crate) id: String,
    pub(crate) is_enabled: bool,
}

impl EnabledPlugin {
    /// Returns the entries from these settings files, which must be in order of precedence.
    pub(crate) fn list(files: &[SettingsFile]) -> Vec<Self> {
        let mut plugins: Vec<Self> = Vec::new();
        for (id, value) in files
            .iter()
            .filter_map(|file| file.get("enabledPlugins")?.as_object())
            .flatten()
        {
            let is_known = plugins.iter().any(|plugin| plugin.id == *id);
            if id.starts_with("whycap@") && !is_known {
                plugins.push(Self {
                    id: id.clone(),
                    is_enabled: *value == Value::Bool(true),
                });
            }
        }
        plugins
    }

    /// Returns true if this is the plugin that `whycap install` creates in the user's skills directory.
    pub(crate) fn is_in_skills_directory(&self) -> bool {
        self.id == "whycap@skills-dir"
    }
}

/// Returns a hint about how to turn on the status line, which the plugin shows when a session starts. Returns `None` if
/// the status line is on, or if the hint has already been shown or cannot be marked as shown.
pub fn status_line_hint(paths: &Paths, environment: &Environment) -> Option<String> {
    let is_on = entries_beside_plugin(paths, environment)?
        .iter()
        .any(|entries| entries.status_line.is_some());
    if is_on {
        return None;
    }
    let directory = environment
        .path("CLAUDE_PLUGIN_DATA")
        .unwrap_or_else(|| paths.data.clone());
    if records::create_marker(&directory.join("status-line-hint-given")) {
        Some("To show your spend in the status line, type: /whycap line on".to_owned())
    } else {
        None
    }
}

/// Returns whycap's entries in each settings file. Returns `None` unless this process was started by the plugin's
/// launcher (`hooks/whycap-hook`).
fn entries_beside_plugin(
    paths: &Paths,
    environment: &Environment,
) -> Option<Vec<InstalledEntries>> {
    if environment.text("WHYCAP_FROM") != Some("plugin") {
        return None;
    }
    let files = settings::of(paths, environment.path("CLAUDE_PROJECT_DIR").as_deref());
    Some(entries_in(&files).map(|(_, entries)| entries).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whycaps_command_is_recognized_with_any_quoting() {
        for (command, executable) in [
            ("/usr/local/bin/whycap hook", "/usr/local/bin/whycap"),
            ("'/home/a b/whycap' hook", "/home/a b/whycap"),
            ("\"/home/a b/whycap\" hook", "/home/a b/whycap"),
            ("/home/a\\ b/whycap hook", "/home/a b/whycap"),
            ("'/it'\\''s/whycap' hook", "/it's/whycap"),
            ("  whycap   hook ", "whycap"),
            (
                "C:/Users/ann/whycap.exe hook || :",
                "C:/Users/ann/whycap.exe",
            ),
            ("& 'C:/a b/whycap.exe' hook", "C:/a b/whycap.exe"),
            ("& 'C:/it''s/whycap.exe' hook", "C:/it's/whycap.exe"),
            ("& C:/ann/whycap.exe hook", "C:/ann/whycap.exe"),
        ] {
            let found = invocation(command, HOOK).unwrap_or_else(|| panic!("{command}"));
            assert_eq!(found.executable, executable);
            assert!(!found.is_customized, "{command}");
        }
        let piped = invocation("whycap statusline | head -1", STATUS_LINE);
        assert!(piped.unwrap().is_customized);
    }

    #[test]
    fn commands_that_only_mention_whycap_are_not_recognized() {
        for command in [
            "echo whycap hook",
            "/opt/notwhycap hook",
            "/opt/whycap/run hook",
            "whycap spend",
            "whycap",
            "'whycap hook",
            "'whycap hook'",
            "& 'whycap hook",
            "& ",
            "",
        ] {
            for command_name in [HOOK, STATUS_LINE] {
                assert_eq!(invocation(command, command_name), None, "{command}");
            }
        }
    }

    #[test]
    fn settings_without_whycap_contain_the_previous_status_line_and_other_hooks() {
        let settings = json!({
            "statusLine": {"type": "command", "command": "/x/whycap statusline",
                "whycapWraps": {"type": "command", "command": "mine"}},
            "hooks": {
                "Stop": [{"hooks": [{"command": "/x/whycap hook"}, {"command": "say done"}]}],
                "SessionEnd": [{"hooks": [{"command": "/x/whycap hook"}]}],
            },
            "model": "opus",
        });
        assert_eq!(
            without_whycap_entries(&settings).to_string(),
            json!({
                "statusLine": {"type": "command", "command": "mine"},
                "hooks": {"Stop": [{"hooks": [{"command": "say done"}]}]},
                "model": "opus",
            })
            .to_string()
        );
        let found = installed_entries(&settings);
        assert!(found.shows_previous_line);
        assert_eq!(found.hooks.len(), 2);
    }
}
