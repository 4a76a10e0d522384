//! Tests `install` and `uninstall` with random settings files and random sequences of events in between.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use whycap::environment::{Environment, HOME, Paths};
use whycap::install::edit_record::KeepPurpose;
use whycap::install::entries::{InstalledEntries, installed_entries, without_whycap_entries};
use whycap::install::settings_edit::Additions;
use whycap::install::{execute, plan};

/// A home directory with one settings file.
struct Home {
    _directory: tempfile::TempDir,
    paths: Paths,
    settings: PathBuf,
}

impl Home {
    fn with(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path();
        let variables = [
            (HOME, home.to_owned()),
            ("WHYCAP_DATA_DIR", home.join("data")),
        ]
        .map(|(name, path)| (name.into(), path.into_os_string()));
        let paths = Paths::of(&Environment::new(variables, chrono::DateTime::UNIX_EPOCH));
        let settings = paths.user_settings();
        fs::create_dir_all(settings.parent().unwrap()).unwrap();
        fs::write(&settings, text).unwrap();
        Self {
            _directory: directory,
            paths,
            settings,
        }
    }

    /// Returns the text of the settings, or an empty text if there is no file, because it contained nothing but whycap.
    fn text(&self) -> String {
        fs::read_to_string(&self.settings).unwrap_or_default()
    }

    fn value(&self) -> Value {
        parsed(&self.text())
    }

    /// Installs whycap and checks that a second installation has nothing to do.
    fn install(&self, additions: Additions<'_>) {
        let first = plan::install(&self.paths, &self.settings, additions).unwrap();
        execute::run(&self.paths, &first.steps).unwrap();
        let second = plan::install(&self.paths, &self.settings, additions).unwrap();
        assert!(second.is_empty(), "{second:?}");
    }

    fn uninstall(&self) {
        let first = plan::uninstall(&self.paths, &self.settings, false).unwrap();
        execute::run(&self.paths, &first.steps).unwrap();
        let second = plan::uninstall(&self.paths, &self.settings, false).unwrap();
        assert!(second.is_empty(), "{second:?}");
    }

    fn lose_data(&self) {
        let _ = fs::remove_dir_all(&self.paths.data);
    }
}

fn parsed(text: &str) -> Value {
    let json = text.trim_start_matches('\u{feff}');
    if json.trim().is_empty() {
        return Value::Object(Map::new());
    }
    serde_json::from_str(json).unwrap_or_else(|why| panic!("{text}: {why}"))
}

/// Returns the settings other than whycap's, in their original order.
fn others(settings: &Value) -> String {
    without_whycap_entries(settings).to_string()
}

/// Returns the settings that neither whycap nor a status line that it may replace adds.
fn others_without_line(settings: &Value) -> Value {
    let mut others = without_whycap_entries(settings);
    if let Some(settings) = others.as_object_mut() {
        settings.shift_remove("statusLine");
    }
    others
}

#[derive(Debug, Clone)]
enum Event {
    Install {
        status_line: bool,
        hooks: bool,
        keep: Option<KeepPurpose>,
        executable: &'static str,
    },
    Uninstall,
    /// The user edits one value and leaves the rest of the file unchanged.
    Edit(u8),
    /// The client rewrites the file in its own layout.
    ClientRewrites,
    /// The data directory of whycap is deleted.
    DataLost,
}

fn keep() -> impl Strategy<Value = Option<KeepPurpose>> {
    prop_oneof![
        Just(None),
        Just(Some(KeepPurpose::ShowAbove)),
        Just(Some(KeepPurpose::RestoreOnUninstall)),
    ]
}

fn event(lossy: Event) -> impl Strategy<Value = Event> {
    let executable = prop_oneof![Just("/opt/whycap"), Just("'/new place/whycap'")];
    let install = (any::<bool>(), any::<bool>(), keep(), executable).prop_map(
        |(status_line, hooks, keep, executable)| Event::Install {
            status_line,
            hooks,
            keep,
            executable,
        },
    );
    prop_oneof![
        4 => install,
        1 => Just(Event::Uninstall),
        1 => any::<u8>().prop_map(Event::Edit),
        1 => Just(lossy),
    ]
}

/// Generates sequences of events. Either copy of the user's original status line may be lost, but not both.
fn walk() -> impl Strategy<Value = Vec<Event>> {
    prop_oneof![
        prop::collection::vec(event(Event::ClientRewrites), 1..8),
        prop::collection::vec(event(Event::DataLost), 1..8),
    ]
}

const STARTS: [&str; 6] = [
    "\u{feff}{ \"hooks\": { }, \"counter\": 0}",
    "{\n    \"counter\": 0,\n    \"statusLine\": {\"type\": \"command\",  \"command\": \"mine\"}\n}\n",
    "{\"counter\": 0}",
    "{\r\n\t\"counter\": 0,\r\n\t\"hooks\": {\"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"say\"}]}]}\r\n}",
    "{\n  \"hooks\": {\n    \"Stop\": []\n  },\n  \"counter\": 0\n}\n",
    "{\"statusLine\":null,\"counter\": 0}",
];

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
        let fields = events
            .into_iter()
            .map(|(name, groups)| (name.to_owned(), Value::from(groups)));
        Value::Object(fields.collect())
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

/// Serializes a document and inserts whitespace from `spaces` wherever JSON allows it.
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
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_settings_are_restored_byte_for_byte(
        value in settings(),
        spaces in prop::collection::vec(any::<u8>(), 1..40),
        keep in keep(),
    ) {
        let mut text = String::new();
        laid_out(&value, &spaces, &mut 0, &mut text);
        // For some floating-point numbers, `serde_json` does not parse its own output back to the same value.
        let value = parsed(&text);
        let untouched = installed_entries(&value) == InstalledEntries::default();
        let additions = Additions { executable: "/opt/a/whycap", status_line: true, hooks: true, switch_hooks: true, keep };
        let home = Home::with(&text);
        home.install(additions);
        // The contents and the order of all other settings stay the same. A status line that whycap replaces is recorded.
        prop_assert_eq!(
            others_without_line(&home.value()).to_string(),
            others_without_line(&value).to_string()
        );
        home.uninstall();
        if untouched {
            prop_assert_eq!(home.text(), &*text);
        }
        prop_assert_eq!(installed_entries(&home.value()), InstalledEntries::default());
        prop_assert_eq!(others(&home.value()), others(&value));
        // Even without its records, `uninstall` removes exactly whycap's own settings.
        home.install(additions);
        home.lose_data();
        home.uninstall();
        prop_assert_eq!(installed_entries(&home.value()), InstalledEntries::default());
        prop_assert_eq!(others(&home.value()), others(&value));
    }

    #[test]
    fn removal_keeps_the_users_entries_after_any_events(
        start in 0..STARTS.len(),
        events in walk(),
    ) {
        let home = Home::with(STARTS[start]);
        let mut expected = home.value();
        // The file's contents before the installation, or `None` if another program has changed the file since then.
        let mut exact = None;
        for event in events.into_iter().chain([Event::Uninstall]) {
            let before = home.text();
            match event {
                Event::Install { status_line, hooks, keep, executable } => {
                    if installed_entries(&home.value()) == InstalledEntries::default() {
                        exact = Some(before);
                    }
                    home.install(Additions { executable, status_line, hooks, switch_hooks: hooks, keep });
                }
                Event::Uninstall => {
                    home.uninstall();
                    if let Some(exact) = exact.take() {
                        prop_assert_eq!(home.text(), exact);
                    }
                }
                Event::Edit(number) => {
                    let old = format!("\"counter\": {}", expected["counter"]);
                    prop_assert!(before.contains(&old), "{}", before);
                    let new = format!("\"counter\": {number}");
                    fs::write(&home.settings, before.replacen(&old, &new, 1)).unwrap();
                    expected["counter"] = json!(number);
                    exact = exact.filter(|_| old == new);
                }
                Event::ClientRewrites => {
                    let now = home.value();
                    fs::write(&home.settings, serde_json::to_string_pretty(&now).unwrap()).unwrap();
                    exact = None;
                }
                Event::DataLost => {
                    home.lose_data();
                    exact = None;
                }
            }
            // The installation adds no hooks other than whycap's own.
            prop_assert!(installed_entries(&home.value()).hooks.len() <= 7);
        }
        let left = home.value();
        prop_assert_eq!(installed_entries(&left), InstalledEntries::default());
        prop_assert_eq!(others(&left), others(&expected));
    }
}
