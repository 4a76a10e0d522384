//! Which entries of a settings file are whycap's, what a file says without them, and what is done differently beside the
//! plugin: plugin and settings together must not act twice, and no plugin can ship a status line.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::claude::hook_event::EventName;
use crate::claude::settings::{self, SettingsFile};
use crate::disk::records;
use crate::environment::Environment;
use crate::foreign::named;
use crate::places::Places;

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
pub(crate) const REFRESH_SECONDS: u64 = 10;

/// What our hooks end in: if the program is gone, the client must not report a failed hook at every
/// event. (With exit code 0 it keeps the shell's complaint to its debug log.)
const HOOK_ENDING: &str = "|| :";

/// How a call is written for PowerShell, and for no other shell.
const POWERSHELL_CALL: &str = "& ";

/// The command of a hook. `program` is written for a shell; PowerShell 5 has no `||`.
pub(crate) fn hook_command(program: &str) -> String {
    if program.starts_with(POWERSHELL_CALL) {
        return format!("{program} {HOOK}");
    }
    format!("{program} {HOOK} {HOOK_ENDING}")
}

/// The verbs of whycap that Claude Code runs.
pub(crate) const STATUS_LINE: &str = "statusline";
pub(crate) const HOOK: &str = "hook";

/// How a foreign status line is kept while ours is in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Its output is shown above ours.
    Wrapped,
    /// It waits for `uninstall`.
    SetAside,
}

impl Kept {
    /// The key inside our `statusLine` entry that holds the entry found before, as it was. The
    /// client ignores keys that it does not know there, but drops them when it writes the file
    /// itself, as it does for a plugin (seen on 2.1.119 and 2.1.328). So a file of ours holds the
    /// entry as well, and either of the two is enough.
    pub fn key(self) -> &'static str {
        match self {
            Self::Wrapped => "whycapWraps",
            Self::SetAside => "whycapSetAside",
        }
    }

    /// How an entry of ours keeps a foreign one, and what stands under that key.
    pub(crate) fn find<T>(get: impl Fn(&'static str) -> Option<T>) -> Option<(Self, T)> {
        let mut kept = [Self::Wrapped, Self::SetAside].into_iter();
        kept.find_map(|kept| Some((kept, get(kept.key())?)))
    }
}

/// A command line that runs whycap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The program as written, unquoted.
    pub program: String,
    /// Whether something follows the verb: then a person has changed the line, and it stays.
    pub customised: bool,
    /// Whether it is written for PowerShell, and for no other shell.
    pub for_powershell: bool,
}

/// Reads a shell command line. None unless its program is called `whycap` and runs this verb.
pub(crate) fn invocation(command: &str, verb: &str) -> Option<Invocation> {
    let (program, rest) = first_word(command)?;
    let (word, rest) = first_word(rest)?;
    let name = program.rsplit(['/', '\\']).next()?;
    (["whycap", "whycap.exe"].contains(&name) && word == verb).then(|| Invocation {
        customised: !["", HOOK_ENDING].contains(&rest.trim()),
        for_powershell: command.trim_start().starts_with(POWERSHELL_CALL),
        program,
    })
}

/// The first word of a shell command, unquoted, and what follows it.
fn first_word(command: &str) -> Option<(String, &str)> {
    let command = command.trim_start();
    if let Some(call) = command.strip_prefix(POWERSHELL_CALL) {
        return word_of_powershell(call.trim_start());
    }
    let mut word = String::new();
    let mut quote = None;
    let mut characters = command.char_indices();
    let mut end = command.len();
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
    (quote.is_none() && !word.is_empty()).then(|| (word, command.get(end..).unwrap_or("")))
}

/// The same in PowerShell: a quote inside quotes is written twice.
fn word_of_powershell(call: &str) -> Option<(String, &str)> {
    let Some(mut rest) = call.strip_prefix('\'') else {
        let (word, rest) = call.split_at(call.find(char::is_whitespace).unwrap_or(call.len()));
        return (!word.is_empty()).then(|| (word.to_owned(), rest));
    };
    let mut word = String::new();
    loop {
        let (inside, behind) = rest.split_once('\'')?;
        word.push_str(inside);
        let Some(more) = behind.strip_prefix('\'') else {
            return (!word.is_empty()).then_some((word, behind));
        };
        word.push('\'');
        rest = more;
    }
}

/// The invocation in a `statusLine` entry or a hook handler.
pub(crate) fn entry_invocation(entry: &Value, verb: &str) -> Option<Invocation> {
    invocation(entry.get("command")?.as_str()?, verb)
}

/// The same settings without whycap: our hooks gone, the status line that was kept back in place.
/// Empty lists and objects under `hooks` go as well, so that two files can be compared.
pub fn without_ours(settings: &Value) -> Value {
    let mut settings = settings.clone();
    let Some(members) = settings.as_object_mut() else {
        return settings;
    };
    if let Some(entry) = members.get_mut("statusLine")
        && entry_invocation(entry, STATUS_LINE).is_some()
    {
        match Kept::find(|key| entry.get(key).cloned()) {
            Some((_, foreign)) => *entry = foreign,
            None => drop(members.shift_remove("statusLine")),
        }
    }
    if let Some(events) = members.get_mut("hooks").and_then(Value::as_object_mut) {
        for groups in events.values_mut().filter_map(Value::as_array_mut) {
            groups.retain_mut(|group| !empties_without_ours(group));
        }
        events.retain(|_, groups| !groups.as_array().is_some_and(Vec::is_empty));
        if events.is_empty() {
            members.shift_remove("hooks");
        }
    }
    settings
}

/// Takes our handlers out of a group of hooks. True if that leaves it without any.
fn empties_without_ours(group: &mut Value) -> bool {
    let Some(handlers) = group.get_mut("hooks").and_then(Value::as_array_mut) else {
        return false;
    };
    let before = handlers.len();
    handlers.retain(|handler| entry_invocation(handler, HOOK).is_none());
    handlers.is_empty() && before > 0
}

/// What of whycap these settings wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wired {
    /// The status line.
    pub status_line: Option<Invocation>,
    /// Whether that status line shows a kept one above itself.
    pub wraps: bool,
    /// Each hook, with its event.
    pub hooks: Vec<(String, Invocation)>,
}

/// What of whycap each of these settings files wires.
pub(crate) fn wired_in(files: &[SettingsFile]) -> impl Iterator<Item = (&SettingsFile, Wired)> {
    let files = files.iter();
    files.filter_map(|file| Some((file, wired(file.settings()?))))
}

/// Looks for whycap in settings.
pub fn wired(settings: &Value) -> Wired {
    let entry = settings.get("statusLine");
    let status_line = entry.and_then(|entry| entry_invocation(entry, STATUS_LINE));
    let key = Kept::Wrapped.key();
    let events = settings.get("hooks").and_then(Value::as_object);
    let hooks = events.into_iter().flatten().flat_map(|(event, groups)| {
        let groups = groups.as_array().into_iter().flatten();
        groups
            .filter_map(|group| group.get("hooks")?.as_array())
            .flatten()
            .filter_map(|handler| entry_invocation(handler, HOOK))
            .map(|found| (event.clone(), found))
    });
    Wired {
        wraps: status_line.is_some() && entry.is_some_and(|entry| entry.get(key).is_some()),
        hooks: hooks.collect(),
        status_line,
    }
}

/// True when the plugin started us and the settings make the client run the same hook as well: then
/// this process is the second one and must stay silent. An entry whose program is gone does not
/// count, because then the plugin is all that is left.
pub fn is_second_run(places: &Places, environment: &Environment, event: EventName) -> bool {
    let wired = wired_beside_plugin(places, environment).unwrap_or_default();
    let mut hooks = wired.iter().flat_map(|wired| &wired.hooks);
    hooks.any(|(name, hook)| {
        // A bare name is looked up by the shell, so it counts.
        let program = Path::new(&hook.program);
        named(name) == Some(event) && (!program.is_absolute() || program.is_file())
    })
}

/// Whether the plugin is on in a table of plugins, from whatever marketplace.
pub(crate) fn is_plugin_among(plugins: Option<&Value>) -> bool {
    let mut plugins = plugins.and_then(Value::as_object).into_iter().flatten();
    plugins.any(|(name, is_on)| name.starts_with("whycap@") && *is_on == Value::Bool(true))
}

/// What the plugin says at a session's start, once ever: how to turn the status line on. None if it
/// is on, was said before, or cannot be remembered as said.
pub fn status_line_hint(places: &Places, environment: &Environment) -> Option<String> {
    let mut wired = wired_beside_plugin(places, environment)?.into_iter();
    if wired.any(|wired| wired.status_line.is_some()) {
        return None;
    }
    let directory = environment.path("CLAUDE_PLUGIN_DATA");
    let directory = directory.unwrap_or_else(|| places.data.clone());
    records::mark(&directory.join("status-line-hint-given"))
        .then(|| "To see what you spend in the status line, type: /whycap line on".to_owned())
}

/// What each of the settings files that count here wires. None unless the plugin's launcher
/// (`hooks/whycap-hook`) started this process.
fn wired_beside_plugin(places: &Places, environment: &Environment) -> Option<Vec<Wired>> {
    let from = environment.text("WHYCAP_FROM");
    from.filter(|from| *from == "plugin")?;
    let files = settings::of(places, environment.path("CLAUDE_PROJECT_DIR").as_deref());
    Some(wired_in(&files).map(|(_, wired)| wired).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn our_command_is_known_by_its_program_and_verb_however_it_is_quoted() {
        for (command, program) in [
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
            assert_eq!(found.program, program);
            assert!(!found.customised, "{command}");
        }
        let piped = invocation("whycap statusline | head -1", STATUS_LINE);
        assert!(piped.unwrap().customised);
    }

    #[test]
    fn other_programs_are_not_ours_even_if_they_mention_us() {
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
            for verb in [HOOK, STATUS_LINE] {
                assert_eq!(invocation(command, verb), None, "{command}");
            }
        }
    }

    #[test]
    fn without_ours_gives_back_the_kept_status_line_and_other_hooks() {
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
            without_ours(&settings).to_string(),
            json!({
                "statusLine": {"type": "command", "command": "mine"},
                "hooks": {"Stop": [{"hooks": [{"command": "say done"}]}]},
                "model": "opus",
            })
            .to_string()
        );
        let found = wired(&settings);
        assert!(found.wraps);
        assert_eq!(found.hooks.len(), 2);
    }
}
