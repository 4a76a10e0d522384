//! Random sequences of what can happen to a settings file between installation and removal.

use std::fs;

use proptest::prelude::*;
use serde_json::{Value, json};
use whycap::environment::Environment;
use whycap::install::ours::{self, Kept, Wired};
use whycap::install::wiring::{Foreign, Wanted};
use whycap::install::{plan, steps};
use whycap::places::Places;

#[derive(Debug, Clone)]
enum Event {
    Install {
        status_line: bool,
        hooks: bool,
        foreign: Foreign,
        program: &'static str,
    },
    Uninstall,
    /// A person changes one value in the text and leaves the rest.
    Edit(u8),
    /// The client writes the file in its own layout and drops keys that it does not know.
    ClientRewrites,
    /// Our data directory is lost.
    DataLost,
}

fn event(lossy: Event) -> impl Strategy<Value = Event> {
    let foreign = prop_oneof![
        Just(Foreign::Leave),
        Just(Foreign::Take(Kept::Wrapped)),
        Just(Foreign::Take(Kept::SetAside)),
    ];
    let program = prop_oneof![Just("/opt/whycap"), Just("'/new place/whycap'")];
    let install = (any::<bool>(), any::<bool>(), foreign, program).prop_map(
        |(status_line, hooks, foreign, program)| Event::Install {
            status_line,
            hooks,
            foreign,
            program,
        },
    );
    prop_oneof![
        4 => install,
        1 => Just(Event::Uninstall),
        1 => any::<u8>().prop_map(Event::Edit),
        1 => Just(lossy),
    ]
}

/// Either of the two places that know the kept status line may be lost, but not both.
fn walk() -> impl Strategy<Value = Vec<Event>> {
    prop_oneof![
        prop::collection::vec(event(Event::ClientRewrites), 1..8),
        prop::collection::vec(event(Event::DataLost), 1..8),
    ]
}

const STARTS: [&str; 5] = [
    "{\n    \"counter\": 0,\n    \"statusLine\": {\"type\": \"command\",  \"command\": \"mine\"}\n}\n",
    "{\"counter\": 0}",
    "{\r\n\t\"counter\": 0,\r\n\t\"hooks\": {\"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"say\"}]}]}\r\n}",
    "{\n  \"hooks\": {\n    \"Stop\": []\n  },\n  \"counter\": 0\n}\n",
    "{\"statusLine\":null,\"counter\": 0}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_in_between_removal_leaves_what_is_the_user_s(
        start in 0..STARTS.len(),
        events in walk(),
    ) {
        let home = tempfile::tempdir().unwrap();
        let variables = [("HOME", home.path().to_owned()), ("WHYCAP_DATA_DIR", home.path().join("data"))];
        let variables = variables.map(|(name, path)| (name.into(), path.into_os_string()));
        let places = Places::of(&Environment::new(variables, chrono::DateTime::UNIX_EPOCH));
        let path = places.user_settings();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, STARTS[start]).unwrap();
        let read = || -> Value { serde_json::from_slice(&fs::read(&path).unwrap()).unwrap() };
        let mut expected = read();
        let mut touched_by_others = false;
        for event in events {
            match event {
                Event::Install { status_line, hooks, foreign, program } => {
                    let wanted = Wanted { program, status_line, hooks, foreign };
                    let planned = plan::install(&places, &path, wanted).unwrap();
                    steps::run(&planned.steps).unwrap();
                    let again = plan::install(&places, &path, wanted).unwrap();
                    prop_assert!(again.is_empty(), "{:?}", again);
                }
                Event::Uninstall => {
                    steps::run(&plan::uninstall(&places, &path).unwrap().steps).unwrap();
                }
                Event::Edit(number) => {
                    let text = fs::read_to_string(&path).unwrap();
                    let old = format!("\"counter\": {}", expected["counter"]);
                    prop_assert!(text.contains(&old), "{}", text);
                    fs::write(&path, text.replacen(&old, &format!("\"counter\": {number}"), 1)).unwrap();
                    touched_by_others |= expected["counter"] != json!(number);
                    expected["counter"] = json!(number);
                }
                Event::ClientRewrites => {
                    let mut now = read();
                    if let Some(entry) = now.get_mut("statusLine").and_then(Value::as_object_mut) {
                        entry.retain(|key, _| !key.starts_with("whycap"));
                    }
                    fs::write(&path, serde_json::to_string_pretty(&now).unwrap()).unwrap();
                    touched_by_others = true;
                }
                Event::DataLost => {
                    let _ = fs::remove_dir_all(home.path().join("data"));
                    touched_by_others = true;
                }
            }
            // Never anything but ours beside the user's own.
            let now = ours::wired(&read());
            prop_assert!(now.hooks.len() <= 5);
        }
        steps::run(&plan::uninstall(&places, &path).unwrap().steps).unwrap();
        let left = read();
        prop_assert_eq!(ours::wired(&left), Wired::default());
        prop_assert_eq!(
            ours::without_ours(&left).to_string(),
            ours::without_ours(&expected).to_string()
        );
        if !touched_by_others {
            prop_assert_eq!(fs::read_to_string(&path).unwrap(), STARTS[start]);
        }
        let again = plan::uninstall(&places, &path).unwrap();
        prop_assert!(again.is_empty(), "{:?}", again);
    }
}
