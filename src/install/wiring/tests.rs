//! Edits over a corpus of nasty files, and over random documents in random layouts.

use proptest::prelude::*;
use serde_json::Map;

use super::super::edit;
use super::*;

const PROGRAM: &str = "/opt/a/whycap";

fn wanted(foreign: Foreign) -> Wanted<'static> {
    Wanted {
        program: PROGRAM,
        status_line: true,
        hooks: true,
        foreign,
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
fn every_nasty_file_comes_back_byte_for_byte() {
    for text in NASTY {
        for foreign in [
            Foreign::Leave,
            Foreign::Take(Kept::Wrapped),
            Foreign::Take(Kept::SetAside),
        ] {
            round_trip(text, foreign);
        }
    }
}

/// Install, install again, undo exactly, remove by structure.
fn round_trip(text: &str, foreign: Foreign) {
    let before = parsed(text);
    let added = add(text, wanted(foreign)).unwrap_or_else(|why| panic!("{text}: {why}"));
    let after = parsed(&added.text);
    let found = ours::wired(&after);
    assert_eq!(found.hooks.len(), EVENTS.len(), "{text}");
    let left = added
        .changes
        .iter()
        .any(|change| matches!(change, Change::StatusLineLeft(_)));
    assert_eq!(found.status_line.is_none(), left, "{text}");
    assert_eq!(
        edit::undone(&added.text, &added.undo).as_deref(),
        Some(text)
    );
    let again = add(&added.text, wanted(foreign)).unwrap();
    assert_eq!(
        again.text, added.text,
        "a second install must write nothing"
    );
    let removed = remove(&added.text, None, &empty_containers(&before)).unwrap();
    assert_eq!(parsed(&removed.text).to_string(), before.to_string());
    assert_eq!(ours::wired(&parsed(&removed.text)), ours::Wired::default());
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
    let added = add(text, wanted(Foreign::Leave)).unwrap().text;
    let edited = added.replace("\"opus\"", "\"sonnet\"").replace(
        "\"SessionEnd\": [",
        "\"Notification\": [],\n    \"SessionEnd\": [",
    );
    let removed = remove(&edited, None, &[]).unwrap().text;
    assert_eq!(
        removed,
        "{\n  \"model\": \"sonnet\",\n  \"hooks\": {\n    \"Notification\": []\n  }\n}\n"
    );
}

#[test]
fn a_handler_moved_into_a_group_with_others_is_taken_out_alone() {
    let text = "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"command\": \"a\"}, {\"command\": \"/x/whycap hook\"}, {\"command\": \"b\"}]}]}}";
    assert_eq!(
        remove(text, None, &[]).unwrap().text,
        "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"command\": \"a\"}, {\"command\": \"b\"}]}]}}"
    );
}

#[test]
fn a_moved_binary_changes_only_the_commands() {
    let old = add("{\n  \"a\": 1\n}\n", wanted(Foreign::Leave)).unwrap();
    let new = Wanted {
        program: "'/new home/whycap'",
        ..wanted(Foreign::Leave)
    };
    let moved = add(&old.text, new).unwrap();
    assert_eq!(moved.text, old.text.replace(PROGRAM, "'/new home/whycap'"));
    assert!(moved.changes.contains(&Change::StatusLineMoved));
}

#[test]
fn a_status_line_that_pipes_ours_through_something_is_left_as_it_is() {
    let text = "{\"statusLine\": {\"type\": \"command\", \"command\": \"/old/whycap statusline | head -1\"}}";
    let wanted = Wanted {
        hooks: false,
        ..wanted(Foreign::Leave)
    };
    assert_eq!(add(text, wanted).unwrap().text, text);
}

#[test]
fn a_kept_status_line_that_the_client_dropped_comes_back_from_our_records() {
    let text = "{\"statusLine\": {\"command\": \"/x/whycap statusline\"}}";
    assert_eq!(
        remove(text, Some("{\"command\": \"mine\"}"), &[])
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
            "line 2, column 10: `hooks` must be an object",
        ),
        ("{\"hooks\": {\"Stop\": {}}}", "`hooks.Stop` must be a list"),
        ("{\"hooks\": null}", "`hooks` must be an object"),
    ] {
        let why = add(text, wanted(Foreign::Leave)).unwrap_err().to_string();
        assert!(why.contains(reason), "{text}: {why}");
    }
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        "[ -~é日\\n\\t]{0,12}".prop_map(Value::from),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-zA-Z \"/]{0,6}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn hooks() -> impl Strategy<Value = Value> {
    let handler = prop_oneof![
        Just(json!({"type": "command", "command": "say done"})),
        Just(json!({"type": "command", "command": "/old/whycap hook", "timeout": 9})),
        Just(json!({"type": "prompt", "prompt": "whycap hook"})),
    ];
    let group = prop::collection::vec(handler, 0..3)
        .prop_map(|handlers| json!({"matcher": "", "hooks": handlers}));
    let event = prop_oneof![Just("Stop"), Just("StopFailure"), Just("PreToolUse")];
    prop::collection::vec((event, prop::collection::vec(group, 0..3)), 0..3).prop_map(|events| {
        let event = |(name, groups): (&str, Vec<Value>)| (name.to_owned(), Value::from(groups));
        Value::Object(events.into_iter().map(event).collect())
    })
}

fn settings() -> impl Strategy<Value = Value> {
    let members = prop::collection::vec(("[a-zA-Z]{1,8}", anything()), 0..5);
    let line = prop::option::of(prop_oneof![
        Just(json!({"type": "command", "command": "ccusage statusline"})),
        Just(json!({"type": "command", "command": "/old/whycap statusline", "padding": 2})),
        anything(),
    ]);
    (
        members,
        line,
        prop::option::of(hooks()),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(members, line, hooks, place)| {
            let mut all: Vec<_> = members;
            let at = place.index(all.len() + 1);
            all.extend(line.map(|line| ("statusLine".to_owned(), line)));
            if let Some(hooks) = hooks {
                all.insert(at, ("hooks".to_owned(), hooks));
            }
            Value::Object(all.into_iter().collect())
        })
}

fn gap(spaces: &[u8], at: &mut usize, out: &mut String) {
    *at += 1;
    out.push_str(
        match spaces.get(*at % spaces.len().max(1)).unwrap_or(&0) % 7 {
            0 => " ",
            1 => "\n  ",
            2 => "\r\n\t",
            3 => "  ",
            4 => "\n",
            _ => "",
        },
    );
}

/// Writes a document with white space drawn from `spaces` at every place that may have some.
fn laid_out(value: &Value, spaces: &[u8], at: &mut usize, out: &mut String) {
    match value {
        Value::Object(map) => {
            out.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    gap(spaces, at, out);
                    out.push(',');
                }
                gap(spaces, at, out);
                out.push_str(&Value::from(key.as_str()).to_string());
                gap(spaces, at, out);
                out.push(':');
                gap(spaces, at, out);
                laid_out(value, spaces, at, out);
            }
            gap(spaces, at, out);
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for (index, value) in list.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                gap(spaces, at, out);
                laid_out(value, spaces, at, out);
            }
            gap(spaces, at, out);
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_settings_in_any_layout_come_back_byte_for_byte(
        value in settings(),
        spaces in prop::collection::vec(any::<u8>(), 1..40),
        mode in 0..3_usize,
    ) {
        let mut text = String::new();
        laid_out(&value, &spaces, &mut 0, &mut text);
        // serde_json's way back from text is not exact for every float.
        let value = parsed(&text);
        let foreign = [
            Foreign::Leave,
            Foreign::Take(Kept::Wrapped),
            Foreign::Take(Kept::SetAside),
        ][mode];
        let added = add(&text, wanted(foreign)).unwrap();
        // Exactly ours differs, in content and in order.
        prop_assert_eq!(
            ours::without_ours(&parsed(&added.text)).to_string(),
            ours::without_ours(&value).to_string()
        );
        // The exact way back.
        prop_assert_eq!(edit::undone(&added.text, &added.undo), Some(text.clone()));
        // Twice is once.
        prop_assert_eq!(&add(&added.text, wanted(foreign)).unwrap().text, &added.text);
        // The way back without records leaves nothing of ours and nothing else touched.
        let removed = remove(&added.text, None, &empty_containers(&value)).unwrap();
        let left = parsed(&removed.text);
        prop_assert_eq!(ours::wired(&left), ours::Wired::default());
        prop_assert_eq!(
            ours::without_ours(&left).to_string(),
            ours::without_ours(&value).to_string()
        );
    }

    #[test]
    fn no_text_makes_the_edit_panic(text in "[{}\\[\\],:\"a\\\\ /\n0-9é-]{0,40}") {
        let _ = add(&text, wanted(Foreign::Leave));
        let _ = remove(&text, None, &[]);
    }
}
