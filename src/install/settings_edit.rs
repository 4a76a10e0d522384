//! Adds whycap to the text of a settings file and removes it again.
//!
//! `jsonc-parser` edits the text in place. Everything else is preserved, and new entries are formatted like their
//! neighbors. Text that is not plain JSON (because of comments, trailing commas, or duplicate keys) is rejected with an
//! error that includes the position. Finally, `serde_json` parses the result. If anything other than whycap's entries
//! has changed, the edit is rejected.

use std::collections::HashSet;

use anyhow::{Context, anyhow, ensure};
use jsonc_parser::cst::{CstInputValue, CstNode, CstObject, CstRootNode, CstStringLit};
use jsonc_parser::{CollectOptions, ParseOptions, json, parse_to_ast};
use serde_json::{Value, json as value};

use super::changes::{Change, ChangeKind};
use super::command_line::{HOOK, Invocation, STATUS_LINE, hook_command, invocation};
use super::edit_record::PreviousStatusLine;
use super::entries::{
    EVENTS, KeepPurpose, REFRESH_SECONDS, entry_invocation, without_whycap_entries,
};
use super::slash_command::SlashCommand;
use crate::claude::settings;
use crate::secrets::redact;
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
    /// True to add the hooks.
    pub hooks: bool,
    /// The reason for keeping an existing status line together with whycap's. If it is `None`, an existing status line
    /// stays in place, and whycap's is not added.
    pub keep: Option<KeepPurpose>,
    /// The way to add `/whycap`, or `None` to leave it alone.
    pub slash_command: Option<SlashCommand>,
}

/// Returns the command of a status line that is not whycap's, for display. Returns `None` if there is none.
pub(crate) fn previous_status_line(settings: &Value) -> Option<String> {
    let entry = settings.get("statusLine")?;
    if entry.is_null() || entry_invocation(entry, STATUS_LINE).is_some() {
        return None;
    }
    Some(command_of(entry))
}

/// Returns a status line's command for display, with tokens redacted.
fn command_of(entry: &Value) -> String {
    match entry.get("command").and_then(Value::as_str) {
        Some(command) => redact(command),
        None => redact(&entry.to_string()),
    }
}

/// Adds the requested entries to the text of a settings file. If an entry already exists, only the path of whycap is
/// updated.
pub(crate) fn add(text: &str, additions: Additions<'_>) -> anyhow::Result<SettingsEdit> {
    let (mut edit, root) = SettingsEdit::on(text)?;
    let Some(settings) = root.as_object() else {
        return Err(refusal(&root, "The settings must be a JSON object"));
    };
    if additions.status_line {
        let command = format!("{} {STATUS_LINE}", additions.executable);
        edit.add_status_line(&settings, &command, additions.keep);
    }
    if additions.hooks {
        edit.add_hooks(&settings, &hook_command(additions.executable))?;
    }
    edit.checked()
}

/// Removes whycap, or only its status line, from the text of a settings file.
///
/// `previous_line` is the previous status line from the edit record, in case the text no longer contains it. `original`
/// is the original settings, or `None` if they are unknown.
pub(crate) fn remove(
    text: &str,
    only_status_line: bool,
    previous_line: Option<&str>,
    original: Option<&Value>,
) -> anyhow::Result<SettingsEdit> {
    let (mut edit, root) = SettingsEdit::on(text)?;
    if let Some(settings) = root.as_object() {
        edit.remove_status_line(&settings, previous_line);
        if !only_status_line {
            edit.remove_hooks(&settings, original);
        }
    }
    edit.checked()
}

/// Converts JSON text to a value without changing its formatting.
fn spelled(text: &str) -> CstInputValue {
    // The library inserts the text of a number unchanged.
    CstInputValue::Number(text.to_owned())
}

/// Returns whycap's `statusLine` entry, which contains the exact text of the previous entry. If the previous status
/// line is shown above whycap's, its padding applies to both.
fn status_line_entry(command: &str, previous: Option<&PreviousStatusLine>) -> CstInputValue {
    let padding = previous.and_then(PreviousStatusLine::shown_padding);
    let mut members = vec![
        ("type".to_owned(), json!("command")),
        ("command".to_owned(), json!(command)),
        (
            "padding".to_owned(),
            spelled(&padding.unwrap_or(0).to_string()),
        ),
        ("refreshInterval".to_owned(), json!(REFRESH_SECONDS)),
    ];
    members.extend(previous.map(|line| (line.purpose.key().to_owned(), spelled(&line.entry))));
    CstInputValue::Object(members)
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
    match group
        .as_object()
        .and_then(|group| group.array_value("hooks"))
    {
        Some(list) => list.elements(),
        None => Vec::new(),
    }
}

/// Returns the user's previous status line, which is inside whycap's entry. Returns `None` if there is none.
fn previous_line_in(entry: &CstNode) -> Option<PreviousStatusLine> {
    let members = entry.as_object()?;
    let (purpose, previous) = KeepPurpose::find(|key| members.get(key)?.value())?;
    Some(PreviousStatusLine {
        purpose,
        entry: previous.to_string(),
    })
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
    pub(crate) text: String,
    /// The changes, including anything that was left unchanged on purpose.
    pub(crate) changes: Vec<Change>,
    /// The previous status line inside whycap's entry.
    pub(crate) previous_line: Option<PreviousStatusLine>,
    /// The syntax tree, which is modified through its nodes.
    tree: CstRootNode,
    /// The settings that the edit must preserve, except for whycap's entries.
    expected: Value,
}

impl SettingsEdit {
    /// Parses the text of a settings file. Returns the edit and its root node. As in Claude Code, an empty file counts
    /// as an empty object.
    fn on(text: &str) -> anyhow::Result<(Self, CstNode)> {
        let json = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let json = if json.trim().is_empty() { "{}\n" } else { json };
        // Below, `serde_json` rejects everything else that is not JSON.
        let options = ParseOptions {
            allow_comments: false,
            allow_trailing_commas: false,
            allow_missing_commas: false,
            ..ParseOptions::default()
        };
        // The parser's error mentions comments only if it does not collect tokens.
        parse_to_ast(json, &CollectOptions::default(), &options)?;
        let tree = CstRootNode::parse(json, &options)?;
        let root = tree.value().context("the file contains no value")?;
        let mut nodes = vec![root.clone()];
        while let Some(node) = nodes.pop() {
            let mut seen = HashSet::new();
            for child in node.children_exclude_trivia_and_tokens() {
                let key = child
                    .as_object_prop()
                    .and_then(|member| member.decoded_name());
                if let Some(key) = key
                    && !seen.insert(key.clone())
                {
                    let reason = format!("The key \"{}\" appears twice", truncate(&key, 40));
                    return Err(refusal(&child, &reason));
                }
                nodes.push(child);
            }
        }
        let edit = Self {
            text: text.to_owned(),
            changes: Vec::new(),
            previous_line: None,
            tree,
            expected: serde_json::from_str(json)?,
        };
        Ok((edit, root))
    }

    /// Returns the edited text. If the original text was a single line, so is the edited text.
    fn edited(&self) -> String {
        let text = self.tree.to_string();
        let mut edited = String::new();
        if self.text.starts_with(BYTE_ORDER_MARK) {
            edited.push(BYTE_ORDER_MARK);
        }
        // Settings without members have no formatting to preserve.
        if !self.text.contains(':') || self.text.trim_end().contains('\n') {
            return edited + &text;
        }
        // Line breaks in strings are escaped, so all of these are between tokens.
        let body = text.trim_end();
        for line in body.lines() {
            if edited.ends_with(',') {
                edited.push(' ');
            }
            edited += line.trim_start();
        }
        edited + text.strip_prefix(body).unwrap_or_default()
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
            self.previous_line = previous_line_in(&current);
            return;
        }
        let previous_command = match self.expected.get("statusLine") {
            Some(entry) => truncate(&command_of(entry), COMMAND_COLUMNS),
            None => String::new(),
        };
        let requested = if current.as_null_keyword().is_some() {
            Some(KeepPurpose::RestoreOnUninstall)
        } else {
            keep
        };
        let Some(purpose) = requested else {
            return self.note(ChangeKind::StatusLineLeft, &previous_command);
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
        self.note(kind, &previous_command);
    }

    fn add_hooks(&mut self, settings: &CstObject, command: &str) -> anyhow::Result<()> {
        let Some(hooks) = settings.object_value_or_create("hooks") else {
            return Err(self.misshapen(&["hooks"], "`hooks` must be an object"));
        };
        let mut added = Vec::new();
        let mut moved = Vec::new();
        for (name, timeout) in EVENTS {
            let Some(groups) = hooks.array_value_or_create(name) else {
                let reason = format!("`hooks.{name}` must be a list");
                return Err(self.misshapen(&["hooks", name], &reason));
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

    fn remove_status_line(&mut self, settings: &CstObject, previous_line: Option<&str>) {
        let Some(member) = settings.get("statusLine") else {
            return;
        };
        let Some(entry) = member.value() else {
            return;
        };
        if our_command(&entry, STATUS_LINE).is_none() {
            return;
        }
        let in_entry = previous_line_in(&entry).map(|line| line.entry);
        let Some(previous) = in_entry.as_deref().or(previous_line) else {
            member.remove();
            return self.note(ChangeKind::StatusLineRemoved, &"");
        };
        member.set_value(spelled(previous));
        let value: Value = serde_json::from_str(previous).unwrap_or_default();
        let shown = truncate(&command_of(&value), COMMAND_COLUMNS);
        self.note(ChangeKind::StatusLineRestored, &shown);
        if let Some(entry) = self.expected.get_mut("statusLine") {
            *entry = value;
        }
    }

    /// Removes whycap's handlers, and groups, lists, and objects that become empty. Lists and objects that are also
    /// empty in the original settings are kept.
    fn remove_hooks(&mut self, settings: &CstObject, original: Option<&Value>) {
        let Some(hooks) = settings.object_value("hooks") else {
            return;
        };
        let original_hooks = original.and_then(|settings| settings.get("hooks"));
        let events = hooks.properties();
        let mut count = 0;
        for event in &events {
            let Some(list) = event.array_value() else {
                continue;
            };
            let had_groups = !list.elements().is_empty();
            for group in list.elements() {
                let handlers = handlers_of(&group).into_iter();
                let (ours, others): (Vec<_>, Vec<_>) =
                    handlers.partition(|handler| our_command(handler, HOOK).is_some());
                count += ours.len();
                if others.is_empty() && !ours.is_empty() {
                    group.remove();
                } else {
                    ours.into_iter().for_each(CstNode::remove);
                }
            }
            let original_groups = original_hooks.and_then(|hooks| hooks.get(event.decoded_name()?));
            if had_groups && list.elements().is_empty() && original_groups != Some(&value!([])) {
                event.clone().remove();
            }
        }
        let is_emptied = hooks.properties().is_empty() && !events.is_empty();
        if is_emptied
            && original_hooks != Some(&value!({}))
            && let Some(member) = settings.get("hooks")
        {
            member.remove();
        }
        if count > 0 {
            self.note(ChangeKind::HooksRemoved, &count);
        }
    }

    /// Returns an error about the value at this key path. It includes the position in the original text.
    fn misshapen(&self, keys: &[&str], reason: &str) -> anyhow::Error {
        // The position of the node is known only while the edit keeps the tree alive.
        let (_edit, root) = match Self::on(&self.text) {
            Ok(parsed) => parsed,
            Err(error) => return error,
        };
        let node = keys.iter().try_fold(root.clone(), |node, key| {
            node.as_object()?.get(key)?.value()
        });
        refusal(&node.unwrap_or(root), reason)
    }

    /// Applies the edits to the text. Fails if they affect anything other than whycap's entries.
    fn checked(mut self) -> anyhow::Result<Self> {
        if !self.changes.iter().all(Change::is_left_unchanged) {
            self.text = self.edited();
        }
        // Compare the settings as text to detect changes in the order of the keys.
        let others = settings::parse(self.text.as_bytes())
            .map(|settings| without_whycap_entries(&settings).to_string());
        ensure!(
            others == Ok(without_whycap_entries(&self.expected).to_string()),
            "the edit would change more than whycap's own entries"
        );
        Ok(self)
    }
}

/// Returns an error about a node. It includes the node's position.
fn refusal(node: &CstNode, reason: &str) -> anyhow::Error {
    let before = text_before(node);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    anyhow!("{reason} on line {line} column {column}")
}

/// Returns all text before a node.
fn text_before(node: &CstNode) -> String {
    let Some(parent) = node.parent() else {
        return String::new();
    };
    let siblings: String = parent
        .children()
        .into_iter()
        .take(node.child_index())
        .map(|sibling| sibling.to_string())
        .collect();
    text_before(&parent.into()) + &siblings
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
            keep,
            slash_command: None,
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
        let removed = remove(&added.text, false, None, Some(&before)).unwrap();
        assert_eq!(parsed(&removed.text).to_string(), before.to_string());
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
        let removed = remove(&edited, false, None, None).unwrap().text;
        assert_eq!(
            removed,
            "{\n  \"model\": \"sonnet\",\n  \"hooks\": {\n    \"Notification\": []\n  }\n}\n"
        );
    }

    #[test]
    fn a_handler_in_a_group_with_other_handlers_is_removed_alone() {
        let text = "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"command\": \"a\"}, {\"command\": \"/x/whycap hook\"}, {\"command\": \"b\"}]}]}}";
        assert_eq!(
            remove(text, false, None, None).unwrap().text,
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
    fn a_previous_status_line_dropped_by_claude_code_is_restored_from_the_record() {
        let text = "{\"statusLine\": {\"command\": \"/x/whycap statusline\"}}";
        assert_eq!(
            remove(text, false, Some("{\"command\": \"mine\"}"), None)
                .unwrap()
                .text,
            "{\"statusLine\": {\"command\": \"mine\"}}"
        );
    }

    #[test]
    fn settings_of_an_unknown_shape_are_rejected_with_their_position() {
        for (text, reason) in [
            ("[]", "must be a JSON object"),
            ("\n7", "must be a JSON object"),
            (
                "{\n\"hooks\": [] }",
                "`hooks` must be an object on line 2 column 10",
            ),
            ("{\"hooks\": {\"Stop\": {}}}", "`hooks.Stop` must be a list"),
            ("{\"hooks\": null}", "`hooks` must be an object"),
            (
                "{\"statusLine\":{\"command\":\"x\"},\"hooks\":3}",
                "line 1 column 39",
            ),
            (
                "{\"hooks\":{\"SessionStart\":[],\"Stop\":3}}",
                "line 1 column 36",
            ),
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
            let _ = remove(&text, false, None, None);
        }
    }

    fn refused(text: &str) -> String {
        match SettingsEdit::on(text) {
            Ok(_) => panic!("{text}"),
            Err(why) => why.to_string(),
        }
    }

    fn appended(text: &str) -> String {
        let (edit, root) = SettingsEdit::on(text).unwrap();
        let value = json!({"type": "command", "list": [{"a": 1}]});
        root.as_object().unwrap().append("new", value);
        edit.edited()
    }

    #[test]
    fn text_that_is_not_plain_json_is_rejected_with_its_position() {
        let reasons = [
            (
                "{\n  // note\n}",
                "Comments are not allowed on line 2 column 3",
            ),
            (
                "{\"a\":1,}",
                "Trailing commas are not allowed on line 1 column 7",
            ),
            ("[1,]", "Trailing commas are not allowed"),
            (
                "{\"a\":1,\n\"a\":2}",
                "The key \"a\" appears twice on line 2 column 1",
            ),
            ("{\"a\":1", "Unterminated object"),
            ("{'a':1}", "key must be a string at line 1 column 2"),
            ("{} {}", "on line 1 column 4"),
            ("{\"a\":undefined}", "Unexpected token"),
            ("{\"a\":\"x}", "Unterminated string"),
            ("{\"a\":}", "Unexpected close brace"),
            ("{\"a\" 1}", "Expected colon"),
            ("[1 2]", "Expected comma"),
            ("{\"a\":\"\t\"}", "control character"),
            ("{\"a\":01}", "line 1 column"),
        ];
        for (text, reason) in reasons {
            let why = refused(text);
            assert!(why.contains(reason), "{text}: {why}");
        }
    }

    #[test]
    fn deep_nesting_is_rejected_without_a_stack_overflow() {
        assert!(refused(&"[".repeat(1_000_000)).contains("depth"));
        let closed = format!("{}{}", "[".repeat(300), "]".repeat(300));
        assert!(refused(&closed).contains("recursion limit"));
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_kept() {
        let text = "\u{feff}{\"a\": 7}";
        let (edit, root) = SettingsEdit::on(text).unwrap();
        root.as_object()
            .unwrap()
            .get("a")
            .unwrap()
            .set_value(json!(8));
        assert_eq!(edit.edited(), "\u{feff}{\"a\": 8}");
    }

    #[test]
    fn a_new_member_takes_on_the_indentation_of_the_file() {
        assert_eq!(
            appended("{\n\t\"a\": 1\n}\n"),
            "{\n\t\"a\": 1,\n\t\"new\": {\n\t\t\"type\": \"command\",\n\t\t\"list\": [\n\t\t\t{\n\t\t\t\t\"a\": 1\n\t\t\t}\n\t\t]\n\t}\n}\n"
        );
        assert_eq!(
            appended("{\r\n    \"a\": {}\r\n}"),
            "{\r\n    \"a\": {},\r\n    \"new\": {\r\n        \"type\": \"command\",\r\n        \"list\": [\r\n            {\r\n                \"a\": 1\r\n            }\r\n        ]\r\n    }\r\n}"
        );
    }

    #[test]
    fn a_file_on_one_line_stays_on_one_line() {
        assert_eq!(
            appended("{\"a\":1}"),
            "{\"a\":1, \"new\": {\"type\": \"command\", \"list\": [{\"a\": 1}]}}"
        );
        assert_eq!(
            appended("{\"a\": 1}\n"),
            "{\"a\": 1, \"new\": {\"type\": \"command\", \"list\": [{\"a\": 1}]}}\n"
        );
    }

    #[test]
    fn an_empty_file_and_an_empty_object_get_the_usual_layout() {
        let usual = "{\n  \"new\": {\n    \"type\": \"command\",\n    \"list\": [\n      {\n        \"a\": 1\n      }\n    ]\n  }\n}";
        assert_eq!(appended(""), format!("{usual}\n"));
        assert_eq!(appended("{}"), usual);
        assert_eq!(appended("{\n}\n"), format!("{usual}\n"));
        assert_eq!(appended(" \n"), format!("{usual}\n"));
    }

    #[test]
    fn removing_a_member_removes_its_comma() {
        for (text, gone, left) in [
            ("{ \"a\": 1, \"b\": 2 }", &[0][..], "{ \"b\": 2 }"),
            ("{ \"a\": 1, \"b\": 2 }", &[1], "{ \"a\": 1 }"),
            ("{\n  \"a\": 1\n}", &[0], "{}"),
            ("{\"a\":1,\"b\":2,\"c\":3}", &[1], "{\"a\":1,\"c\":3}"),
            ("[1, 2, 3, 4]", &[0, 1, 3], "[ 3]"),
            ("[1, 2, 3, 4]", &[1, 2], "[1, 4]"),
            ("[1, 2]", &[0, 1], "[]"),
        ] {
            let (edit, root) = SettingsEdit::on(text).unwrap();
            for (place, child) in root
                .children_exclude_trivia_and_tokens()
                .into_iter()
                .enumerate()
            {
                if gone.contains(&place) {
                    child.remove();
                }
            }
            assert_eq!(edit.edited(), left);
        }
    }
}
