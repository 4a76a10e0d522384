//! Which entries of a settings file are whycap's, and what a file says without them.

use serde_json::{Map, Value};

/// A verb of whycap that Claude Code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostVerb {
    /// `whycap statusline`
    StatusLine,
    /// `whycap hook`
    Hook,
}

/// How a foreign status line was kept when ours took its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Its output is shown above ours.
    Wrapped,
    /// It waits for `uninstall`.
    SetAside,
}

/// The keys inside our `statusLine` entry that hold the entry found before, as it was. The client
/// ignores keys that it does not know there, but drops them when it writes the file itself, as it
/// does for a plugin (seen on 2.1.119 and 2.1.328). So our own record holds the entry as well, and
/// either of the two is enough.
const KEPT_KEYS: [(&str, Kept); 2] = [
    ("whycapWraps", Kept::Wrapped),
    ("whycapSetAside", Kept::SetAside),
];

impl Kept {
    /// The key that holds the foreign entry.
    pub fn key(self) -> &'static str {
        match self {
            Self::Wrapped => "whycapWraps",
            Self::SetAside => "whycapSetAside",
        }
    }

    /// How, and under which key, this `statusLine` entry of ours keeps a foreign one.
    pub fn in_entry<'a, T>(get: impl Fn(&'static str) -> Option<&'a T>) -> Option<(Self, &'a T)> {
        KEPT_KEYS
            .iter()
            .find_map(|(key, kept)| get(key).map(|entry| (*kept, entry)))
    }
}

/// What our hooks end in: if the program is gone, the client must not report a failed hook at every
/// event. (With exit code 0 it keeps the shell's complaint to its debug log.)
pub const HOOK_ENDING: &str = "|| :";

/// A command line that runs whycap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The program as written, unquoted.
    pub program: String,
    /// Which verb it runs.
    pub verb: HostVerb,
    /// Whether something follows the verb: then a person has changed the line, and it stays.
    pub customised: bool,
}

/// Reads a shell command line. None unless its program is called `whycap` and runs a host verb.
pub fn invocation(command: &str) -> Option<Invocation> {
    let (program, rest) = first_word(command)?;
    let (verb, rest) = first_word(rest)?;
    let name = program.rsplit(['/', '\\']).next()?;
    if name != "whycap" && name != "whycap.exe" {
        return None;
    }
    Some(Invocation {
        verb: match verb.as_str() {
            "statusline" => HostVerb::StatusLine,
            "hook" => HostVerb::Hook,
            _ => return None,
        },
        customised: !["", HOOK_ENDING].contains(&rest.trim()),
        program,
    })
}

/// The first word of a shell command, unquoted, and what follows it.
fn first_word(command: &str) -> Option<(String, &str)> {
    let command = command.trim_start();
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

/// The invocation in a `statusLine` entry or a hook handler.
pub fn entry_invocation(entry: &Value, verb: HostVerb) -> Option<Invocation> {
    let command = entry.get("command")?.as_str()?;
    invocation(command).filter(|found| found.verb == verb)
}

/// The same settings without whycap: our hooks gone, the status line that was kept back in place.
/// Empty lists and objects under `hooks` go as well, so that two files can be compared.
pub fn without_ours(settings: &Value) -> Value {
    let Value::Object(members) = settings else {
        return settings.clone();
    };
    let kept = members.iter().filter_map(|(key, value)| {
        let value = match key.as_str() {
            "statusLine" => status_line_without_ours(value)?,
            "hooks" => hooks_without_ours(value)?,
            _ => value.clone(),
        };
        Some((key.clone(), value))
    });
    Value::Object(kept.collect())
}

fn status_line_without_ours(entry: &Value) -> Option<Value> {
    if entry_invocation(entry, HostVerb::StatusLine).is_none() {
        return Some(entry.clone());
    }
    Kept::in_entry(|key| entry.get(key)).map(|(_, foreign)| foreign.clone())
}

fn hooks_without_ours(hooks: &Value) -> Option<Value> {
    let Value::Object(events) = hooks else {
        return Some(hooks.clone());
    };
    let events: Map<_, _> = events
        .iter()
        .filter_map(|(event, groups)| Some((event.clone(), groups_without_ours(groups)?)))
        .collect();
    (!events.is_empty()).then_some(Value::Object(events))
}

fn groups_without_ours(groups: &Value) -> Option<Value> {
    let Value::Array(groups) = groups else {
        return Some(groups.clone());
    };
    let groups: Vec<_> = groups
        .iter()
        .filter_map(|group| {
            let Some(handlers) = group.get("hooks").and_then(Value::as_array) else {
                return Some(group.clone());
            };
            let left: Vec<_> = handlers
                .iter()
                .filter(|handler| entry_invocation(handler, HostVerb::Hook).is_none())
                .cloned()
                .collect();
            if left.is_empty() && !handlers.is_empty() {
                return None;
            }
            let mut group = group.clone();
            if let Some(slot) = group.get_mut("hooks") {
                *slot = Value::Array(left);
            }
            Some(group)
        })
        .collect();
    (!groups.is_empty()).then_some(Value::Array(groups))
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

/// Looks for whycap in settings.
pub fn wired(settings: &Value) -> Wired {
    let entry = settings.get("statusLine");
    let status_line = entry.and_then(|entry| entry_invocation(entry, HostVerb::StatusLine));
    let mut hooks = Vec::new();
    for (event, groups) in settings
        .get("hooks")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let handlers = groups
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|group| group.get("hooks")?.as_array())
            .flatten();
        hooks.extend(
            handlers
                .filter_map(|handler| entry_invocation(handler, HostVerb::Hook))
                .map(|found| (event.clone(), found)),
        );
    }
    Wired {
        wraps: status_line.is_some()
            && entry.is_some_and(|entry| entry.get(Kept::Wrapped.key()).is_some()),
        status_line,
        hooks,
    }
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
        ] {
            let found = invocation(command).unwrap_or_else(|| panic!("{command}"));
            assert_eq!(found.program, program);
            assert_eq!(found.verb, HostVerb::Hook);
            assert!(!found.customised, "{command}");
        }
        assert!(
            invocation("whycap statusline | head -1")
                .unwrap()
                .customised
        );
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
            "",
        ] {
            assert_eq!(invocation(command), None, "{command}");
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
