//! Adding whycap to a settings text and taking it out again. Pure: text in, text out.
//!
//! Whatever the edit did, the outcome is parsed by `serde_json` and compared with the input: unless
//! exactly our entries differ, the edit is refused.

use anyhow::bail;
use jsonc_parser::ast::StringLit;
use jsonc_parser::common::Ranged;
use serde_json::{Value, json};

use super::edit_record::KeptStatusLine;
use super::entries::{
    EVENTS, HOOK, Invocation, Kept, REFRESH_SECONDS, STATUS_LINE, entry_invocation, hook_command,
    invocation, without_ours,
};
use super::json_edit::{Child, Document, Edit, Node, children};
use crate::claude::hook_event::EventName;
use crate::claude::settings;

/// What to add.
#[derive(Debug, Clone, Copy)]
pub struct Additions<'a> {
    /// The program as it is to be written on a shell command line.
    pub program: &'a str,
    /// Whether to add the status line.
    pub status_line: bool,
    /// Whether to add the hooks.
    pub hooks: bool,
    /// How to keep a foreign status line. None: leave it, and do without ours.
    pub keep: Option<Kept>,
}

/// One thing that changed, or that was deliberately left. A command is a foreign status line's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Our status line was added where there was none.
    StatusLineAdded,
    /// Ours took the place of a foreign one, which is kept.
    StatusLineTaken(Kept, String),
    StatusLineLeft(String),
    /// Our status line pointed to another program before.
    StatusLineMoved,
    HooksAdded(Vec<EventName>),
    /// Our hooks for these events pointed to another program before.
    HooksMoved(Vec<EventName>),
    StatusLineRemoved,
    /// Our status line was taken out and the foreign one put back.
    StatusLineRestored(String),
    HooksRemoved(usize),
    SlashCommandAdded,
    SlashCommandRemoved,
}

/// A text after an edit.
#[derive(Debug, Clone)]
pub(crate) struct EditedText {
    pub(crate) text: String,
    /// What was done and left.
    pub(crate) changes: Vec<Change>,
    pub(crate) edits: Vec<Edit>,
    /// The foreign status line that ours now keeps.
    pub(crate) kept: Option<KeptStatusLine>,
}

/// The command of a status line that is not ours, for showing.
pub(crate) fn foreign_status_line(settings: &Value) -> Option<String> {
    let entry = settings.get("statusLine")?;
    let ours = entry_invocation(entry, STATUS_LINE).is_some();
    (!ours && !entry.is_null()).then(|| command_of(entry))
}

fn command_of(entry: &Value) -> String {
    let command = entry.get("command").and_then(Value::as_str);
    command.map_or_else(|| entry.to_string(), str::to_owned)
}

/// Adds what is wanted. Adding what is there already changes nothing.
pub(crate) fn add(text: &str, wanted: Additions<'_>) -> anyhow::Result<EditedText> {
    let (mut work, root) = Work::on(text)?;
    let Node::Object(members) = &root else {
        let reason = "Settings must be an object in braces";
        return Err(work.document.refusal(root.start(), reason));
    };
    let present = |key| members.get(key).map(|member| &member.value);
    let mut new = Vec::new();
    if wanted.status_line {
        let command = format!("{} {STATUS_LINE}", wanted.program);
        if let Some(present) = present("statusLine") {
            work.take_status_line(present, &command, wanted.keep);
        } else {
            new.push((Some("statusLine"), status_line_entry(&command)));
            work.changes.push(Change::StatusLineAdded);
        }
    }
    if wanted.hooks {
        let command = hook_command(wanted.program);
        if let Some(present) = present("hooks") {
            work.add_hooks(present, &command)?;
        } else {
            let lists = EVENTS.map(|(event, timeout)| {
                let name = event.as_str().to_owned();
                (name, json!([hook_group(&command, timeout)]))
            });
            new.push((Some("hooks"), Value::Object(lists.into_iter().collect())));
            let events = EVENTS.map(|(event, _)| event).to_vec();
            work.changes.push(Change::HooksAdded(events));
        }
    }
    work.document.append(&root, &new);
    work.checked(text)
}

/// What of whycap is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removed {
    Everything,
    StatusLine,
}

/// Takes whycap out. `kept` is the foreign status line as our own data have it, for the case that it
/// no longer stands in the text; `before` is what the settings said before us, if that is known.
pub(crate) fn remove(
    text: &str,
    removed: Removed,
    kept: Option<&str>,
    before: Option<&Value>,
) -> anyhow::Result<EditedText> {
    let (mut work, root) = Work::on(text)?;
    let mut gone = Vec::new();
    for (index, Child { key, node, .. }) in children(&root).into_iter().enumerate() {
        match key {
            Some("hooks") if removed == Removed::StatusLine => {}
            Some("hooks") if work.remove_hooks(node, before) => gone.push(index),
            Some("statusLine") if our_command(node, STATUS_LINE).is_some() => {
                let in_entry = work.kept_in(node).map(|kept| kept.entry);
                if let Some(foreign) = in_entry.as_deref().or(kept) {
                    let value: Value = serde_json::from_str(foreign).unwrap_or_default();
                    let shown = command_of(&value);
                    work.changes.push(Change::StatusLineRestored(shown));
                    work.document.replace(node, foreign);
                    if let Some(entry) = work.expected.get_mut("statusLine") {
                        *entry = value;
                    }
                } else {
                    work.changes.push(Change::StatusLineRemoved);
                    gone.push(index);
                }
            }
            _ => {}
        }
    }
    work.remove_or_empty(&root, &gone, true);
    work.checked(text)
}

fn status_line_entry(command: &str) -> Value {
    json!({
        "type": "command",
        "command": command,
        "padding": 0,
        "refreshInterval": REFRESH_SECONDS,
    })
}

fn hook_group(command: &str, timeout: u64) -> Value {
    json!({"hooks": [{"type": "command", "command": command, "timeout": timeout}]})
}

/// The command of an entry or handler, if it runs this verb of whycap.
fn our_command<'n, 'a>(entry: &'n Node<'a>, verb: &str) -> Option<(Invocation, &'n StringLit<'a>)> {
    let command = entry.as_object()?.get_string("command")?;
    Some((invocation(&command.value, verb)?, command))
}

/// The list of handlers in a group of hooks.
fn handlers_of<'n, 'a>(group: &'n Node<'a>) -> Option<&'n Node<'a>> {
    let handlers = &group.as_object()?.get("hooks")?.value;
    handlers.as_array().map(|_| handlers)
}

/// An edit under way.
struct Work<'a> {
    document: Document<'a>,
    /// What the settings say beside whycap, and shall go on saying.
    expected: Value,
    changes: Vec<Change>,
    kept: Option<KeptStatusLine>,
}

impl<'a> Work<'a> {
    fn on(text: &'a str) -> anyhow::Result<(Self, Node<'a>)> {
        let (document, root) = Document::parse(text)?;
        let work = Self {
            expected: document.value.clone(),
            document,
            changes: Vec::new(),
            kept: None,
        };
        Ok((work, root))
    }

    fn take_status_line(&mut self, present: &Node<'_>, command: &str, keep: Option<Kept>) {
        if let Some((found, spelled)) = our_command(present, STATUS_LINE) {
            if self.moved(&found, spelled, command) {
                self.changes.push(Change::StatusLineMoved);
            }
            self.kept = self.kept_in(present);
            return;
        }
        let shown = self.document.value.get("statusLine").map(command_of);
        let shown = shown.unwrap_or_default();
        let nothing = present.as_null_keyword().map(|_| Kept::SetAside);
        let Some(how) = nothing.or(keep) else {
            return self.changes.push(Change::StatusLineLeft(shown));
        };
        let mut entry = status_line_entry(command);
        if let Some(members) = entry.as_object_mut() {
            members.insert(how.key().to_owned(), Value::Null);
        }
        // The foreign entry goes in as it is spelled, so that it can come out as it was spelled.
        let rendered = self.document.rendered_at(present, &entry);
        let source = self.document.source(present);
        let (head, tail) = rendered.rsplit_once("null").unwrap_or((&rendered, ""));
        let text = format!("{head}{source}{tail}");
        self.document.replace(present, text);
        self.changes.push(Change::StatusLineTaken(how, shown));
        let entry = source.to_owned();
        self.kept = Some(KeptStatusLine { how, entry });
    }

    /// The foreign status line that an entry of ours holds, as it is spelled there.
    fn kept_in(&self, entry: &Node<'_>) -> Option<KeptStatusLine> {
        let entry = entry.as_object()?;
        let (how, property) = Kept::find(|key| entry.get(key))?;
        let entry = self.document.source(&property.value).to_owned();
        Some(KeptStatusLine { how, entry })
    }

    /// Points a command of ours at `wanted`, unless a person has changed it. True if it changed.
    fn moved(&mut self, found: &Invocation, command: &StringLit<'_>, wanted: &str) -> bool {
        let moved = !found.customised && command.value != wanted;
        if moved {
            let spelled = Value::from(wanted).to_string();
            self.document.replace(command, spelled);
        }
        moved
    }

    fn add_hooks(&mut self, hooks: &Node<'_>, command: &str) -> anyhow::Result<()> {
        let Node::Object(events) = hooks else {
            let reason = "`hooks` must be an object";
            return Err(self.document.refusal(hooks.start(), reason));
        };
        let (mut new, mut added, mut moved) = (Vec::new(), Vec::new(), Vec::new());
        for (event, timeout) in EVENTS {
            let name = event.as_str();
            let group = hook_group(command, timeout);
            let Some(groups) = events.get(name).map(|member| &member.value) else {
                new.push((Some(name), json!([group])));
                added.push(event);
                continue;
            };
            if groups.as_array().is_none() {
                let reason = format!("`hooks.{name}` must be a list");
                return Err(self.document.refusal(groups.start(), &reason));
            }
            let present = children(groups)
                .iter()
                .filter_map(|group| handlers_of(group.node))
                .flat_map(children)
                .find_map(|handler| our_command(handler.node, HOOK));
            if let Some((found, present)) = present {
                if self.moved(&found, present, command) {
                    moved.push(event);
                }
            } else {
                self.document.append(groups, &[(None, group)]);
                added.push(event);
            }
        }
        self.document.append(hooks, &new);
        if !added.is_empty() {
            self.changes.push(Change::HooksAdded(added));
        }
        if !moved.is_empty() {
            self.changes.push(Change::HooksMoved(moved));
        }
        Ok(())
    }

    /// Takes our handlers out, with the groups, lists and the object that they leave empty. True if
    /// `hooks` itself is to go. `before` is what the settings said before us: a list or an object
    /// that was there and empty stays.
    fn remove_hooks(&mut self, hooks: &Node<'_>, before: Option<&Value>) -> bool {
        let before = before.and_then(|settings| settings.get("hooks"));
        let (mut events_gone, mut count) = (Vec::new(), 0);
        for (event, Child { key, node, .. }) in children(hooks).into_iter().enumerate() {
            let mut groups_gone = Vec::new();
            for (group, child) in children(node).into_iter().enumerate() {
                let Some(handlers) = handlers_of(child.node) else {
                    continue;
                };
                let each = children(handlers).into_iter().enumerate();
                let ours: Vec<_> = each
                    .filter(|(_, handler)| our_command(handler.node, HOOK).is_some())
                    .map(|(index, _)| index)
                    .collect();
                count += ours.len();
                if self.remove_or_empty(handlers, &ours, false) {
                    groups_gone.push(group);
                }
            }
            let was = before.and_then(|hooks| hooks.get(key?));
            if self.remove_or_empty(node, &groups_gone, was == Some(&json!([]))) {
                events_gone.push(event);
            }
        }
        if count > 0 {
            self.changes.push(Change::HooksRemoved(count));
        }
        self.remove_or_empty(hooks, &events_gone, before == Some(&json!({})))
    }

    /// Takes children out of a container. True if that would leave it empty and it need not stay;
    /// then it is to go as a whole, and nothing was done.
    fn remove_or_empty(&mut self, container: &Node<'_>, gone: &[usize], stays: bool) -> bool {
        let emptied = gone.len() == children(container).len() && !stays;
        if !gone.is_empty() && !emptied {
            self.document.remove(container, gone);
        }
        !gone.is_empty() && emptied
    }

    /// Proves that the edits touch nothing but our entries.
    fn checked(self, original: &str) -> anyhow::Result<EditedText> {
        let text = match self.document.edits.as_slice() {
            [] => original.to_owned(),
            _ => self.document.edited(),
        };
        let after = settings::parse(text.as_bytes());
        // Compared as text: the order of keys belongs to the user as well.
        let others = after.map(|after| without_ours(&after).to_string());
        if others != Ok(without_ours(&self.expected).to_string()) {
            bail!("an edit here would change more than whycap's own entries");
        }
        Ok(EditedText {
            text,
            edits: self.document.edits,
            changes: self.changes,
            kept: self.kept,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Map;

    use super::*;
    use crate::install::entries::{Wired, wired};

    const PROGRAM: &str = "/opt/a/whycap";

    fn wanted(keep: Option<Kept>) -> Additions<'static> {
        Additions {
            program: PROGRAM,
            status_line: true,
            hooks: true,
            keep,
        }
    }

    /// Settings that people have, and some that nobody should.
    const NASTY: [&str; 22] = [
        "",
        " \n\n",
        "{}",
        "{ }",
        "{\n}",
        "{}\n\n\n",
        "\u{feff}{\"a\":1}",
        "{\"model\":\"opus\"}",
        "{ \"model\" : \"opus\" }",
        "{\n  \"model\": \"opus\"\n}",
        "{\r\n\t\"model\": \"opus\"\r\n}\r\n",
        "{\n    \"env\": {\n        \"A\": \"1\"\n    },\n    \"n\": 1.0, \"big\": 123456789012345678901234567890\n}\n",
        "{\"hooks\": {}}",
        "{\n  \"hooks\": {\n  }\n}",
        "{\"hooks\": {\"Stop\": []}, \"x\": [1, 2]}",
        "{\n  \"hooks\": {\n    \"Stop\": [\n      {\n        \"matcher\": \"\",\n        \"hooks\": [\n          {\"type\": \"command\", \"command\": \"say done\"}\n        ]\n      }\n    ],\n    \"PreToolUse\": [{\"matcher\": \"Bash\", \"hooks\": []}]\n  }\n}\n",
        "{\"statusLine\": {\"type\": \"command\", \"command\": \"ccusage statusline\", \"padding\": 0}}",
        "{\n  \"statusLine\"  :  {\n      \"type\": \"command\",\n  \"command\": \"echo \\u0068i # whycap statusline\"\n}\n  ,\"a\": null}",
        "{\"statusLine\": null}",
        "{\"statusLine\": \"text\", \"hooks\": {\"Notification\": \"odd\"}}",
        "{\"\\u0073tatusLine\": {\"command\": \"escaped key\"}}",
        "{\"a\": \"// no comment\", \"b\": \"},{\\\"\", \"日本\": \"語\"}",
    ];

    #[test]
    fn what_is_added_to_a_nasty_file_can_be_taken_out_again() {
        for text in NASTY {
            for keep in [None, Some(Kept::Wrapped), Some(Kept::SetAside)] {
                round_trip(text, keep);
            }
        }
    }

    /// Install, install again, take out again.
    fn round_trip(text: &str, keep: Option<Kept>) {
        let before = parsed(text);
        let added = add(text, wanted(keep)).unwrap_or_else(|why| panic!("{text}: {why}"));
        let after = parsed(&added.text);
        let found = wired(&after);
        assert_eq!(found.hooks.len(), EVENTS.len(), "{text}");
        let left = added
            .changes
            .iter()
            .any(|change| matches!(change, Change::StatusLineLeft(_)));
        assert_eq!(found.status_line.is_none(), left, "{text}");
        let again = add(&added.text, wanted(keep)).unwrap();
        assert_eq!(
            again.text, added.text,
            "a second install must write nothing"
        );
        let removed = remove(&added.text, Removed::Everything, None, Some(&before)).unwrap();
        assert_eq!(parsed(&removed.text).to_string(), before.to_string());
        assert_eq!(wired(&parsed(&removed.text)), Wired::default());
    }

    fn parsed(text: &str) -> Value {
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            return Value::Object(Map::new());
        }
        serde_json::from_str(text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn a_person_s_edits_after_the_installation_survive_the_removal() {
        let text = "{\n  \"model\": \"opus\"\n}\n";
        let added = add(text, wanted(None)).unwrap().text;
        let edited = added.replace("\"opus\"", "\"sonnet\"").replace(
            "\"SessionEnd\": [",
            "\"Notification\": [],\n    \"SessionEnd\": [",
        );
        let removed = remove(&edited, Removed::Everything, None, None)
            .unwrap()
            .text;
        assert_eq!(
            removed,
            "{\n  \"model\": \"sonnet\",\n  \"hooks\": {\n    \"Notification\": []\n  }\n}\n"
        );
    }

    #[test]
    fn a_handler_moved_into_a_group_with_others_is_taken_out_alone() {
        let text = "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"command\": \"a\"}, {\"command\": \"/x/whycap hook\"}, {\"command\": \"b\"}]}]}}";
        assert_eq!(
            remove(text, Removed::Everything, None, None).unwrap().text,
            "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"command\": \"a\"}, {\"command\": \"b\"}]}]}}"
        );
    }

    #[test]
    fn a_moved_binary_changes_only_the_commands() {
        let old = add("{\n  \"a\": 1\n}\n", wanted(None)).unwrap();
        let new = Additions {
            program: "'/new home/whycap'",
            ..wanted(None)
        };
        let moved = add(&old.text, new).unwrap();
        assert_eq!(moved.text, old.text.replace(PROGRAM, "'/new home/whycap'"));
        assert!(moved.changes.contains(&Change::StatusLineMoved));
    }

    #[test]
    fn a_status_line_that_pipes_ours_through_something_is_left_as_it_is() {
        let text = "{\"statusLine\": {\"type\": \"command\", \"command\": \"/old/whycap statusline | head -1\"}}";
        let wanted = Additions {
            hooks: false,
            ..wanted(None)
        };
        assert_eq!(add(text, wanted).unwrap().text, text);
    }

    #[test]
    fn a_kept_status_line_that_the_client_dropped_comes_back_from_our_records() {
        let text = "{\"statusLine\": {\"command\": \"/x/whycap statusline\"}}";
        assert_eq!(
            remove(
                text,
                Removed::Everything,
                Some("{\"command\": \"mine\"}"),
                None
            )
            .unwrap()
            .text,
            "{\"statusLine\": {\"command\": \"mine\"}}"
        );
    }

    #[test]
    fn settings_of_an_unknown_shape_are_refused_with_their_place() {
        for (text, reason) in [
            ("[]", "must be an object"),
            ("\n7", "must be an object"),
            (
                "{\n\"hooks\": [] }",
                "`hooks` must be an object on line 2 column 10",
            ),
            ("{\"hooks\": {\"Stop\": {}}}", "`hooks.Stop` must be a list"),
            ("{\"hooks\": null}", "`hooks` must be an object"),
        ] {
            let why = add(text, wanted(None)).unwrap_err().to_string();
            assert!(why.contains(reason), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_edit_panic(text in "[{}\\[\\],:\"a\\\\ /\n0-9é-]{0,40}") {
            let _ = add(&text, wanted(None));
            let _ = remove(&text, Removed::Everything, None, None);
        }
    }
}
