//! Adds whycap to the text of a settings file and removes it again.
//!
//! `jsonc-parser` edits the text in place. Everything else is preserved, and new entries are formatted like their
//! neighbors. Text that is not plain JSON, for example because of comments, is rejected, because Claude Code ignores such
//! a file. Finally, `serde_json` parses the result. If anything other than whycap's entries has changed, the edit is
//! rejected.

use anyhow::{Context, bail, ensure};
use jsonc_parser::cst::{CstInputValue, CstNode, CstObject, CstRootNode, CstStringLit};
use jsonc_parser::{ParseOptions, json};
use serde_json::Value;

use super::changes::{Change, ChangeKind};
use super::command_line::{HOOK, Invocation, STATUS_LINE, hook_command, invocation};
use super::edit_record::{KeepPurpose, PreviousStatusLine};
use super::entries::{EVENTS, REFRESH_SECONDS, SWITCH_EVENTS, without_whycap_entries};
use crate::claude::settings;
use crate::terminal::secrets::redact;
use crate::terminal::truncate;

/// The byte order mark, which is preserved at the start of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The maximum width, in columns, of an existing status line's command in a message.
const COMMAND_COLUMNS: usize = 48;

/// The entries to add.
#[derive(Debug, Clone, Copy)]
pub struct Additions<'a> {
    /// The path of whycap, quoted for the shell.
    pub executable: &'a str,
    /// True to add the status line.
    pub status_line: bool,
    /// True to add the hooks and the plugin for `/whycap`.
    pub hooks: bool,
    /// True to add also the hooks for a switch of the model.
    pub switch_hooks: bool,
    /// The reason for keeping an existing status line together with whycap's. If it is `None`, an existing status line
    /// stays in place, and whycap's is not added.
    pub keep: Option<KeepPurpose>,
}

/// Returns the command in the text of a `statusLine` entry for display, with tokens redacted.
fn shown_command(entry: &str) -> String {
    let parsed: Value = serde_json::from_str(entry).unwrap_or_default();
    let command = parsed.get("command").and_then(Value::as_str);
    truncate(&redact(command.unwrap_or(entry)), COMMAND_COLUMNS)
}

/// Adds the requested entries to the text of a settings file. If an entry already exists, only the path of whycap is
/// updated.
pub(crate) fn add(text: &str, additions: Additions<'_>) -> anyhow::Result<SettingsEdit> {
    let (mut edit, root) = SettingsEdit::on(text)?;
    let Some(settings) = root.as_object() else {
        bail!("The settings must be a JSON object");
    };
    if additions.status_line {
        let command = format!("{} {STATUS_LINE}", additions.executable);
        edit.add_status_line(&settings, &command, additions.keep);
    }
    if additions.hooks {
        let events = if additions.switch_hooks {
            [EVENTS.as_slice(), &SWITCH_EVENTS].concat()
        } else {
            EVENTS.to_vec()
        };
        edit.add_hooks(&settings, &events, &hook_command(additions.executable))?;
    }
    edit.checked()
}

/// Removes whycap, or only its status line, from the text of a settings file.
///
/// `previous` is the user's status line to restore.
pub(crate) fn remove(
    text: &str,
    only_status_line: bool,
    previous: Option<&PreviousStatusLine>,
) -> anyhow::Result<SettingsEdit> {
    let (mut edit, root) = SettingsEdit::on(text)?;
    if let Some(settings) = root.as_object() {
        edit.remove_status_line(&settings, previous);
        if !only_status_line {
            edit.remove_hooks(&settings);
        }
    }
    edit.checked()
}

/// Converts JSON text to a value without changing its formatting.
fn spelled(text: &str) -> CstInputValue {
    // The library inserts the text of a number unchanged.
    CstInputValue::Number(text.to_owned())
}

/// Returns whycap's `statusLine` entry. If the previous status line is shown above whycap's, its padding applies to both.
fn status_line_entry(command: &str, previous: Option<&PreviousStatusLine>) -> CstInputValue {
    let padding = previous
        .and_then(|line| line.shown("padding")?.as_u64())
        .unwrap_or(0);
    json!({"type": "command", "command": command, "padding": padding, "refreshInterval": REFRESH_SECONDS})
}

/// Returns the command of an entry or handler that runs this whycap subcommand, or `None` if it runs anything else.
fn our_command(entry: &CstNode, subcommand: &str) -> Option<(Invocation, CstStringLit)> {
    let command = entry
        .as_object()?
        .get("command")?
        .value()?
        .as_string_lit()?;
    let invocation = invocation(&command.decoded_value().ok()?, subcommand)?;
    Some((invocation, command))
}

/// Returns the handlers in a hook group.
fn handlers_of(group: &CstNode) -> Vec<CstNode> {
    group
        .as_object()
        .and_then(|group| group.array_value("hooks"))
        .map(|list| list.elements())
        .unwrap_or_default()
}

/// Replaces one of whycap's commands unless the user has customized it. Returns true if the command was changed.
fn replace_command(invocation: &Invocation, command: &CstStringLit, new_command: &str) -> bool {
    let is_other = command
        .decoded_value()
        .is_ok_and(|current| current != new_command);
    if invocation.is_customized || !is_other {
        return false;
    }
    command.set_raw_value(Value::from(new_command).to_string());
    true
}

/// An edit of a settings file's text.
pub(crate) struct SettingsEdit {
    /// The original text, or the edited text once the edit is complete.
    pub text: String,
    /// The changes, including anything that was left unchanged on purpose.
    pub changes: Vec<Change>,
    /// The user's status line that whycap's replaces.
    pub previous_line: Option<PreviousStatusLine>,
    /// The syntax tree, which is modified through its nodes.
    tree: CstRootNode,
}

impl SettingsEdit {
    /// Parses the text of a settings file. Returns the edit and its root node. As in Claude Code, an empty file counts
    /// as an empty object.
    fn on(text: &str) -> anyhow::Result<(Self, CstNode)> {
        let json = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let json = if json.trim().is_empty() { "{}\n" } else { json };
        // The tree also accepts text that Claude Code does not.
        serde_json::from_str::<Value>(json)?;
        let tree = CstRootNode::parse(json, &ParseOptions::default())?;
        let root = tree.value().context("the file contains no value")?;
        let edit = Self {
            text: text.to_owned(),
            changes: Vec::new(),
            previous_line: None,
            tree,
        };
        Ok((edit, root))
    }

    fn note(&mut self, kind: ChangeKind, of: &impl ToString) {
        self.changes.push(Change::new(kind, of));
    }

    fn add_status_line(&mut self, settings: &CstObject, command: &str, keep: Option<KeepPurpose>) {
        let Some(member) = settings.get("statusLine") else {
            settings.append("statusLine", status_line_entry(command, None));
            return self.note(ChangeKind::StatusLineAdded, &"");
        };
        let Some(current) = member.value() else {
            return;
        };
        if let Some((invocation, current_command)) = our_command(&current, STATUS_LINE) {
            if replace_command(&invocation, &current_command, command) {
                self.note(ChangeKind::StatusLineMoved, &"");
            }
            return;
        }
        let shown = shown_command(&current.to_string());
        let requested = if current.as_null_keyword().is_some() {
            Some(KeepPurpose::RestoreOnUninstall)
        } else {
            keep
        };
        let Some(purpose) = requested else {
            return self.note(ChangeKind::StatusLineLeft, &shown);
        };
        let previous = PreviousStatusLine {
            purpose,
            entry: current.to_string(),
        };
        member.set_value(status_line_entry(command, Some(&previous)));
        self.previous_line = Some(previous);
        let kind = match purpose {
            KeepPurpose::ShowAbove => ChangeKind::StatusLineWrapped,
            KeepPurpose::RestoreOnUninstall => ChangeKind::StatusLineSetAside,
        };
        self.note(kind, &shown);
    }

    fn add_hooks(
        &mut self,
        settings: &CstObject,
        events: &[(&'static str, u64)],
        command: &str,
    ) -> anyhow::Result<()> {
        let Some(hooks) = settings.object_value_or_create("hooks") else {
            bail!("`hooks` must be an object");
        };
        let mut added = Vec::new();
        let mut moved = Vec::new();
        for &(name, timeout) in events {
            let Some(groups) = hooks.array_value_or_create(name) else {
                bail!("`hooks.{name}` must be a list");
            };
            let current = groups
                .elements()
                .iter()
                .flat_map(handlers_of)
                .find_map(|handler| our_command(&handler, HOOK));
            if let Some((invocation, current_command)) = current {
                if replace_command(&invocation, &current_command, command) {
                    moved.push(name);
                }
            } else {
                let handler = json!({"type": "command", "command": command, "timeout": timeout});
                groups.append(json!({"hooks": [handler]}));
                added.push(name);
            }
        }
        if !added.is_empty() {
            self.note(ChangeKind::HooksAdded, &added.join(", "));
        }
        if !moved.is_empty() {
            self.note(ChangeKind::HooksMoved, &moved.join(", "));
        }
        Ok(())
    }

    fn remove_status_line(&mut self, settings: &CstObject, previous: Option<&PreviousStatusLine>) {
        let Some(member) = settings.get("statusLine") else {
            return;
        };
        let ours = member
            .value()
            .and_then(|entry| our_command(&entry, STATUS_LINE));
        if ours.is_none() {
            return;
        }
        let Some(previous) = previous else {
            member.remove();
            return self.note(ChangeKind::StatusLineRemoved, &"");
        };
        member.set_value(spelled(&previous.entry));
        let shown = shown_command(&previous.entry);
        self.note(ChangeKind::StatusLineRestored, &shown);
    }

    /// Removes whycap's handlers, and groups, lists, and objects that become empty.
    fn remove_hooks(&mut self, settings: &CstObject) {
        let Some(hooks) = settings.object_value("hooks") else {
            return;
        };
        let events = hooks.properties();
        let mut count = 0;
        for event in &events {
            let Some(list) = event.array_value() else {
                continue;
            };
            let had_groups = !list.elements().is_empty();
            for group in list.elements() {
                let count_before = count;
                for handler in handlers_of(&group) {
                    if our_command(&handler, HOOK).is_some() {
                        handler.remove();
                        count += 1;
                    }
                }
                if count > count_before && handlers_of(&group).is_empty() {
                    group.remove();
                }
            }
            if had_groups && list.elements().is_empty() {
                event.clone().remove();
            }
        }
        let is_emptied = hooks.properties().is_empty() && !events.is_empty();
        if is_emptied && let Some(member) = settings.get("hooks") {
            member.remove();
        }
        if count > 0 {
            self.note(ChangeKind::HooksRemoved, &count);
        }
    }

    /// Applies the edits to the text. Fails if they affect anything other than the status line and whycap's hooks.
    fn checked(mut self) -> anyhow::Result<Self> {
        let before = others(&self.text);
        if !self.changes.iter().all(Change::is_left_unchanged) {
            let edited = self.tree.to_string();
            self.text = if self.text.starts_with(BYTE_ORDER_MARK) {
                format!("{BYTE_ORDER_MARK}{edited}")
            } else {
                edited
            };
        }
        ensure!(
            others(&self.text) == before,
            "the edit would change more than whycap's own entries"
        );
        Ok(self)
    }
}

/// Returns all settings in a text except the status line and whycap's hooks. Returns them as text, so that the order of the
/// keys matters.
fn others(text: &str) -> Result<String, String> {
    let mut others = without_whycap_entries(&settings::parse(text.as_bytes())?);
    if let Some(members) = others.as_object_mut() {
        members.shift_remove("statusLine");
    }
    Ok(others.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Map;

    use super::*;
    use crate::install::entries::{InstalledEntries, installed_entries};

    const PROGRAM: &str = "/opt/a/whycap";

    fn additions(keep: Option<KeepPurpose>) -> Additions<'static> {
        Additions {
            executable: PROGRAM,
            status_line: true,
            hooks: true,
            switch_hooks: false,
            keep,
        }
    }

    /// Realistic and strange settings.
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
    fn entries_added_to_an_unusual_file_can_be_removed() {
        for text in NASTY {
            for keep in [
                None,
                Some(KeepPurpose::ShowAbove),
                Some(KeepPurpose::RestoreOnUninstall),
            ] {
                round_trip(text, keep);
            }
        }
    }

    /// Installs whycap twice and then removes it.
    fn round_trip(text: &str, keep: Option<KeepPurpose>) {
        let before = parsed(text);
        let added = add(text, additions(keep)).unwrap_or_else(|why| panic!("{text}: {why}"));
        let after = parsed(&added.text);
        let installed = installed_entries(&after);
        assert_eq!(installed.hooks.len(), EVENTS.len(), "{text}");
        let left = added.changes.iter().any(Change::is_left_unchanged);
        assert_eq!(installed.status_line.is_none(), left, "{text}");
        let again = add(&added.text, additions(keep)).unwrap();
        assert_eq!(
            again.text, added.text,
            "a second install must write nothing"
        );
        let removed = remove(&added.text, false, added.previous_line.as_ref()).unwrap();
        assert_eq!(
            without_whycap_entries(&parsed(&removed.text)).to_string(),
            without_whycap_entries(&before).to_string()
        );
        assert_eq!(
            installed_entries(&parsed(&removed.text)),
            InstalledEntries::default()
        );
    }

    fn parsed(text: &str) -> Value {
        let json = text.trim_start_matches('\u{feff}');
        if json.trim().is_empty() {
            return Value::Object(Map::new());
        }
        serde_json::from_str(json).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn edits_after_the_installation_survive_the_removal() {
        let text = "{\n  \"model\": \"opus\"\n}\n";
        let added = add(text, additions(None)).unwrap().text;
        let edited = added.replace("\"opus\"", "\"sonnet\"").replace(
            "\"SessionEnd\": [",
            "\"Notification\": [],\n    \"SessionEnd\": [",
        );
        let removed = remove(&edited, false, None).unwrap().text;
        assert_eq!(
            removed,
            "{\n  \"model\": \"sonnet\",\n  \"hooks\": {\n    \"Notification\": []\n  }\n}\n"
        );
    }

    #[test]
    fn a_handler_in_a_group_with_other_handlers_is_removed_alone() {
        let text = "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"command\": \"a\"}, {\"command\": \"/x/whycap hook\"}, {\"command\": \"b\"}]}]}}";
        assert_eq!(
            remove(text, false, None).unwrap().text,
            "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"command\": \"a\"}, {\"command\": \"b\"}]}]}}"
        );
    }

    #[test]
    fn a_moved_binary_changes_only_the_commands() {
        let old = add("{\n  \"a\": 1\n}\n", additions(None)).unwrap();
        let new = Additions {
            executable: "'/new home/whycap'",
            ..additions(None)
        };
        let moved = add(&old.text, new).unwrap();
        assert_eq!(moved.text, old.text.replace(PROGRAM, "'/new home/whycap'"));
        assert!(
            moved
                .changes
                .contains(&Change::new(ChangeKind::StatusLineMoved, &""))
        );
    }

    #[test]
    fn a_status_line_that_pipes_whycaps_output_is_left_unchanged() {
        let text = "{\"statusLine\": {\"type\": \"command\", \"command\": \"/old/whycap statusline | head -1\"}}";
        let without_hooks = Additions {
            hooks: false,
            ..additions(None)
        };
        assert_eq!(add(text, without_hooks).unwrap().text, text);
    }

    #[test]
    fn settings_of_an_unknown_shape_are_rejected() {
        for (text, reason) in [
            ("[]", "must be a JSON object"),
            ("\n7", "must be a JSON object"),
            ("{\n\"hooks\": [] }", "`hooks` must be an object"),
            ("{\"hooks\": {\"Stop\": {}}}", "`hooks.Stop` must be a list"),
            ("{\"hooks\": null}", "`hooks` must be an object"),
        ] {
            let why = add(text, additions(Some(KeepPurpose::ShowAbove)))
                .err()
                .unwrap()
                .to_string();
            assert!(why.contains(reason), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_edit_panic(text in "[{}\\[\\],:\"a\\\\ /\n0-9é-]{0,40}") {
            let _ = add(&text, additions(None));
            let _ = remove(&text, false, None);
        }
    }

    #[test]
    fn text_that_is_not_plain_json_is_rejected_with_its_position() {
        for (text, place) in [
            ("{\n  // note\n}", "line 2 column 3"),
            ("{\"a\":1,}", "line 1 column 8"),
            ("{\"a\":1", "line 1 column 6"),
            ("{'a':1}", "line 1 column 2"),
            ("{} {}", "line 1 column 4"),
            ("{\"a\":\"x}", "line 1 column 8"),
            ("{\"a\":01}", "line 1 column 7"),
            (&"[".repeat(1_000_000), "recursion limit exceeded"),
        ] {
            let why = add(text, additions(None)).err().unwrap().to_string();
            assert!(why.contains(place), "{text:.20}: {why}");
        }
    }

    #[test]
    fn new_entries_take_on_the_indentation_of_the_file() {
        for (text, line) in [
            (
                "{\n\t\"a\": 1\n}\n",
                "\n\t\"statusLine\": {\n\t\t\"type\": \"command\",\n",
            ),
            (
                "{\r\n    \"a\": {}\r\n}",
                "\r\n    \"statusLine\": {\r\n        \"type\": \"command\",\r\n",
            ),
            ("", "{\n  \"statusLine\": {\n    \"type\": \"command\",\n"),
        ] {
            let added = add(text, additions(None)).unwrap().text;
            assert!(added.contains(line), "{added}");
        }
    }

    #[test]
    fn removing_the_entries_removes_their_commas() {
        for (text, left) in [
            (
                "{ \"statusLine\": {\"command\": \"/x/whycap statusline\"}, \"b\": 2 }",
                "{ \"b\": 2 }",
            ),
            (
                "{\n  \"a\": 1,\n  \"statusLine\": {\"command\": \"/x/whycap statusline\"}\n}",
                "{\n  \"a\": 1\n}",
            ),
            (
                "{\"statusLine\": {\"command\": \"/x/whycap statusline\"}}",
                "{}",
            ),
        ] {
            assert_eq!(remove(text, false, None).unwrap().text, left);
        }
    }
}
