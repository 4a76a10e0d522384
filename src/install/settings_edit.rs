//! Adding whycap to a settings text and taking it out again. Pure: text in, text out.
//!
//! A settings file belongs to its user, so it is never written anew: `jsonc-parser` keeps all that
//! nobody touched, and lays out what is new like its neighbors. What is not plain JSON (comments,
//! trailing commas, a key twice) is refused with its place, not repaired. Whatever the edit did, the
//! outcome is parsed by `serde_json` and compared with the input: unless exactly our entries differ,
//! the edit is refused.

use std::collections::HashSet;

use anyhow::{Context, anyhow, ensure};
use jsonc_parser::cst::{
    CstInputValue, CstNode, CstObject, CstObjectProp, CstRootNode, CstStringLit,
};
use jsonc_parser::{CollectOptions, ParseOptions, json, parse_to_ast};
use serde_json::{Value, json as value};

use super::changes::{Change, ChangeKind};
use super::edit_record::KeptStatusLine;
use super::entries::{
    EVENTS, HOOK, Invocation, Kept, REFRESH_SECONDS, STATUS_LINE, entry_invocation, hook_command,
    invocation, without_ours,
};
use crate::claude::settings;
use crate::terminal::cut;

/// Kept where a text begins with it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// So many columns of a foreign status line's command are shown.
const SHOWN: usize = 48;

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

/// The command of a status line that is not ours, for showing.
pub(crate) fn foreign_status_line(settings: &Value) -> Option<String> {
    let entry = settings.get("statusLine")?;
    (entry_invocation(entry, STATUS_LINE).is_none() && !entry.is_null()).then(|| command_of(entry))
}

fn command_of(entry: &Value) -> String {
    let command = entry.get("command").and_then(Value::as_str);
    command.map_or_else(|| entry.to_string(), str::to_owned)
}

/// Adds what is wanted. Adding what is there already changes nothing.
pub(crate) fn add(text: &str, wanted: Additions<'_>) -> anyhow::Result<SettingsEdit> {
    let (mut edit, root) = SettingsEdit::on(text)?;
    let refused = || refusal(&root, "Settings must be an object in braces");
    let settings = root.as_object().ok_or_else(refused)?;
    if wanted.status_line {
        let command = format!("{} {STATUS_LINE}", wanted.program);
        edit.add_status_line(&settings, &command, wanted.keep);
    }
    if wanted.hooks {
        edit.add_hooks(&settings, &hook_command(wanted.program))?;
    }
    edit.checked()
}

/// Takes whycap out, or only its status line. `kept` is the foreign status line as our own data have it, for the case that it
/// no longer stands in the text; `before` is what the settings said before us, if that is known.
pub(crate) fn remove(
    text: &str,
    only_status_line: bool,
    kept: Option<&str>,
    before: Option<&Value>,
) -> anyhow::Result<SettingsEdit> {
    let (mut edit, root) = SettingsEdit::on(text)?;
    if let Some(settings) = root.as_object() {
        edit.remove_status_line(&settings, kept);
        if !only_status_line {
            edit.remove_hooks(&settings, before);
        }
    }
    edit.checked()
}

/// Text that goes into settings as it is spelled.
fn spelled(text: &str) -> CstInputValue {
    // The library writes a number's text as it is given.
    CstInputValue::Number(text.to_owned())
}

/// Our entry. It holds the foreign one as it is spelled, so that it can come out as it was spelled.
fn status_line_entry(command: &str, kept: Option<&KeptStatusLine>) -> CstInputValue {
    let mut members = vec![
        ("type".to_owned(), json!("command")),
        ("command".to_owned(), json!(command)),
        ("padding".to_owned(), json!(0)),
        ("refreshInterval".to_owned(), json!(REFRESH_SECONDS)),
    ];
    members.extend(kept.map(|kept| (kept.how.key().to_owned(), spelled(&kept.entry))));
    CstInputValue::Object(members)
}

/// The command of an entry or handler, if it runs this verb of whycap.
fn our_command(entry: &CstNode, verb: &str) -> Option<(Invocation, CstStringLit)> {
    let command = entry.as_object()?.get("command")?.value()?;
    let command = command.as_string_lit()?;
    Some((invocation(&command.decoded_value().ok()?, verb)?, command))
}

/// The handlers in a group of hooks.
fn handlers_of(group: &CstNode) -> Vec<CstNode> {
    let group = group.as_object();
    let list = group.and_then(|group| group.array_value("hooks"));
    list.map_or_else(Vec::new, |list| list.elements())
}

/// The foreign status line that an entry of ours holds, as it is spelled there.
fn kept_in(entry: &CstNode) -> Option<KeptStatusLine> {
    let entry = entry.as_object()?;
    let (how, kept) = Kept::find(|key| entry.get(key)?.value())?;
    let entry = kept.to_string();
    Some(KeptStatusLine { how, entry })
}

/// Points a command of ours at `wanted`, unless a person has changed it. True if it changed.
fn is_moved(found: &Invocation, command: &CstStringLit, wanted: &str) -> bool {
    let is_other = command.decoded_value().is_ok_and(|now| now != wanted);
    let is_moved = is_other && !found.customised;
    if is_moved {
        command.set_raw_value(Value::from(wanted).to_string());
    }
    is_moved
}

/// A text and what is done to it.
pub(crate) struct SettingsEdit {
    /// In the end the text as it shall be.
    pub(crate) text: String,
    /// What was done and left.
    pub(crate) changes: Vec<Change>,
    /// The foreign status line that ours now keeps.
    pub(crate) kept: Option<KeptStatusLine>,
    /// The text with its edits: an edit of any of its nodes is one of it.
    tree: CstRootNode,
    /// What the settings say beside whycap, and shall go on saying.
    expected: Value,
}

impl SettingsEdit {
    /// Takes a text apart, with its root. An empty text is an empty object, as the client has it.
    fn on(text: &str) -> anyhow::Result<(Self, CstNode)> {
        let json = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let json = if json.trim().is_empty() { "{}\n" } else { json };
        // What else is no JSON is refused below, by the library that reads settings everywhere.
        let options = ParseOptions {
            allow_comments: false,
            allow_trailing_commas: false,
            allow_missing_commas: false,
            ..ParseOptions::default()
        };
        // Without tokens it says what is wrong with a comment.
        parse_to_ast(json, &CollectOptions::default(), &options)?;
        let tree = CstRootNode::parse(json, &options)?;
        let root = tree.value().context("there is no value in it")?;
        let mut nodes = vec![root.clone()];
        while let Some(node) = nodes.pop() {
            let mut seen = HashSet::new();
            for child in node.children_exclude_trivia_and_tokens() {
                let member = child.as_object_prop();
                let key = member.and_then(|member| member.decoded_name());
                if let Some(key) = key.filter(|key| !seen.insert(key.clone())) {
                    let reason = format!("The key \"{}\" stands twice", cut(&key, 40));
                    return Err(refusal(&child, &reason));
                }
                nodes.push(child);
            }
        }
        let edit = Self {
            text: text.to_owned(),
            changes: Vec::new(),
            kept: None,
            tree,
            expected: serde_json::from_str(json)?,
        };
        Ok((edit, root))
    }

    /// The text with all edits made. What stood on one line goes on standing on one.
    fn edited(&self) -> String {
        let text = self.tree.to_string();
        let has_mark = self.text.starts_with(BYTE_ORDER_MARK);
        let mut edited = String::from_iter(has_mark.then_some(BYTE_ORDER_MARK));
        // A text without any member has no layout yet.
        if !self.text.contains(':') || self.text.trim_end().contains('\n') {
            return edited + &text;
        }
        // A line break inside a string is escaped, so those here part values.
        let body = text.trim_end();
        for line in body.lines() {
            edited += if edited.ends_with(',') { " " } else { "" };
            edited += line.trim_start();
        }
        edited + text.strip_prefix(body).unwrap_or_default()
    }

    fn note(&mut self, kind: ChangeKind, of: &impl ToString) {
        self.changes.push(Change::new(kind, of));
    }

    fn add_status_line(&mut self, settings: &CstObject, command: &str, keep: Option<Kept>) {
        let Some(member) = settings.get("statusLine") else {
            settings.append("statusLine", status_line_entry(command, None));
            return self.note(ChangeKind::StatusLineAdded, &"");
        };
        let Some(present) = member.value() else {
            return;
        };
        if let Some((found, spelled)) = our_command(&present, STATUS_LINE) {
            if is_moved(&found, &spelled, command) {
                self.note(ChangeKind::StatusLineMoved, &"");
            }
            self.kept = kept_in(&present);
            return;
        }
        let shown = self.expected.get("statusLine").map(command_of);
        let shown = cut(&shown.unwrap_or_default(), SHOWN);
        let nothing = present.as_null_keyword().map(|_| Kept::SetAside);
        let Some(how) = nothing.or(keep) else {
            return self.note(ChangeKind::StatusLineLeft, &shown);
        };
        let entry = present.to_string();
        let kept = KeptStatusLine { how, entry };
        member.set_value(status_line_entry(command, Some(&kept)));
        self.kept = Some(kept);
        let kind = match how {
            Kept::Wrapped => ChangeKind::StatusLineWrapped,
            Kept::SetAside => ChangeKind::StatusLineSetAside,
        };
        self.note(kind, &shown);
    }

    fn add_hooks(&mut self, settings: &CstObject, command: &str) -> anyhow::Result<()> {
        let refused = || self.misshapen(&["hooks"], "`hooks` must be an object");
        let hooks = settings.object_value_or_create("hooks");
        let hooks = hooks.ok_or_else(refused)?;
        let (mut added, mut moved) = (Vec::new(), Vec::new());
        for (name, timeout) in EVENTS {
            let wanted = format!("`hooks.{name}` must be a list");
            let refused = || self.misshapen(&["hooks", name], &wanted);
            let groups = hooks.array_value_or_create(name).ok_or_else(refused)?;
            let present = groups.elements();
            let mut present = present.iter().flat_map(handlers_of);
            let present = present.find_map(|handler| our_command(&handler, HOOK));
            if let Some((found, present)) = present {
                if is_moved(&found, &present, command) {
                    moved.push(name);
                }
            } else {
                let handler = json!({"type": "command", "command": command, "timeout": timeout});
                groups.append(json!({"hooks": [handler]}));
                added.push(name);
            }
        }
        let kinds = [ChangeKind::HooksAdded, ChangeKind::HooksMoved];
        for (kind, events) in kinds.into_iter().zip([added, moved]) {
            if !events.is_empty() {
                self.note(kind, &events.join(", "));
            }
        }
        Ok(())
    }

    fn remove_status_line(&mut self, settings: &CstObject, kept: Option<&str>) {
        let Some(member) = settings.get("statusLine") else {
            return;
        };
        let entry = member.value();
        let Some(entry) = entry.filter(|entry| our_command(entry, STATUS_LINE).is_some()) else {
            return;
        };
        let in_entry = kept_in(&entry).map(|kept| kept.entry);
        let Some(foreign) = in_entry.as_deref().or(kept) else {
            member.remove();
            return self.note(ChangeKind::StatusLineRemoved, &"");
        };
        member.set_value(spelled(foreign));
        let value: Value = serde_json::from_str(foreign).unwrap_or_default();
        let shown = cut(&command_of(&value), SHOWN);
        self.note(ChangeKind::StatusLineRestored, &shown);
        if let Some(entry) = self.expected.get_mut("statusLine") {
            *entry = value;
        }
    }

    /// Takes our handlers out, with the groups, lists and the object that they leave empty. `before`
    /// is what the settings said before us: a list or an object that was there and empty stays.
    fn remove_hooks(&mut self, settings: &CstObject, before: Option<&Value>) {
        let Some(hooks) = settings.object_value("hooks") else {
            return;
        };
        let before = before.and_then(|settings| settings.get("hooks"));
        let (events, mut count) = (hooks.properties(), 0);
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
            let was = before.and_then(|hooks| hooks.get(event.decoded_name()?));
            if had_groups && list.elements().is_empty() && was != Some(&value!([])) {
                event.clone().remove();
            }
        }
        let is_emptied = hooks.properties().is_empty() && !events.is_empty();
        if is_emptied && before != Some(&value!({})) {
            let member = settings.get("hooks").into_iter();
            member.for_each(CstObjectProp::remove);
        }
        if count > 0 {
            self.note(ChangeKind::HooksRemoved, &count);
        }
    }

    /// A refusal of what is found by these keys. Its place is one in the text as it was before any edit.
    fn misshapen(&self, keys: &[&str], reason: &str) -> anyhow::Error {
        let at_keys = |(_, root): (Self, CstNode)| {
            let member = |node: CstNode, key: &&str| node.as_object()?.get(key)?.value();
            let found = keys.iter().try_fold(root.clone(), member);
            refusal(&found.unwrap_or(root), reason)
        };
        Self::on(&self.text).map_or_else(|error| error, at_keys)
    }

    /// Makes the text, and proves that the edits touch nothing but our entries.
    fn checked(mut self) -> anyhow::Result<Self> {
        if !self.changes.iter().all(Change::is_none) {
            self.text = self.edited();
        }
        let after = settings::parse(self.text.as_bytes());
        // Compared as text: the order of keys belongs to the user as well.
        let others = after.map(|after| without_ours(&after).to_string());
        ensure!(
            others == Ok(without_ours(&self.expected).to_string()),
            "an edit here would change more than whycap's own entries"
        );
        Ok(self)
    }
}

/// A refusal because of what stands here.
fn refusal(node: &CstNode, reason: &str) -> anyhow::Error {
    let before = text_before(node);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    anyhow!("{reason} on line {line} column {column}")
}

/// What stands before a node in its text.
fn text_before(node: &CstNode) -> String {
    let Some(parent) = node.parent() else {
        return String::new();
    };
    let siblings = parent.children().into_iter().take(node.child_index());
    let siblings = siblings.map(|sibling| sibling.to_string());
    text_before(&parent.into()) + &siblings.collect::<String>()
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
        let left = added.changes.iter().any(Change::is_none);
        assert_eq!(found.status_line.is_none(), left, "{text}");
        let again = add(&added.text, wanted(keep)).unwrap();
        assert_eq!(
            again.text, added.text,
            "a second install must write nothing"
        );
        let removed = remove(&added.text, false, None, Some(&before)).unwrap();
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
        let removed = remove(&edited, false, None, None).unwrap().text;
        assert_eq!(
            removed,
            "{\n  \"model\": \"sonnet\",\n  \"hooks\": {\n    \"Notification\": []\n  }\n}\n"
        );
    }

    #[test]
    fn a_handler_moved_into_a_group_with_others_is_taken_out_alone() {
        let text = "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"command\": \"a\"}, {\"command\": \"/x/whycap hook\"}, {\"command\": \"b\"}]}]}}";
        assert_eq!(
            remove(text, false, None, None).unwrap().text,
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
        assert!(
            moved
                .changes
                .contains(&Change::new(ChangeKind::StatusLineMoved, &""))
        );
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
            remove(text, false, Some("{\"command\": \"mine\"}"), None)
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
            (
                "{\"statusLine\":{\"command\":\"x\"},\"hooks\":3}",
                "line 1 column 39",
            ),
            (
                "{\"hooks\":{\"SessionStart\":[],\"Stop\":3}}",
                "line 1 column 36",
            ),
        ] {
            let why = add(text, wanted(Some(Kept::Wrapped)))
                .err()
                .unwrap()
                .to_string();
            assert!(why.contains(reason), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_edit_panic(text in "[{}\\[\\],:\"a\\\\ /\n0-9é-]{0,40}") {
            let _ = add(&text, wanted(None));
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
    fn what_is_not_plain_json_is_refused_with_its_place() {
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
                "The key \"a\" stands twice on line 2 column 1",
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
    fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
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
    fn removing_takes_the_comma_along_wherever_the_member_stands() {
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
