//! `install --wrap`: the kept status line goes on, and can neither delay nor spoil ours for long.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use whycap::environment::Environment;
use whycap::places::Places;
use whycap::status_line::wrapped;

use crate::support::{NOW, Sandbox};

fn at(sandbox: &Sandbox, seconds: i64) -> (Places, Environment) {
    let clock: DateTime<Utc> = NOW.parse().unwrap();
    let variables = [
        ("HOME", sandbox.home()),
        ("WHYCAP_DATA_DIR", sandbox.path(".local/share/whycap")),
    ];
    let variables = variables.map(|(name, path)| (name.into(), path.into_os_string()));
    let environment = Environment::new(variables, clock + TimeDelta::seconds(seconds));
    (Places::of(&environment), environment)
}

fn shown(sandbox: &Sandbox, seconds: i64, stdin: &str) -> Option<String> {
    let (places, environment) = at(sandbox, seconds);
    wrapped::output(&places, &environment, stdin.as_bytes())
}

fn wrapping(command: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let settings = json!({"statusLine": {"type": "command", "command": command}});
    sandbox.write(".claude/settings.json", settings.to_string());
    sandbox.run(&["install", "--wrap"]).success();
    sandbox
}

#[test]
fn the_kept_command_runs_in_a_shell_with_the_same_input() {
    let sandbox = wrapping("printf 'mine: '; cat");
    assert_eq!(
        shown(&sandbox, 0, "{\"a\":1}").as_deref(),
        Some("mine: {\"a\":1}")
    );
}

#[test]
fn nothing_is_run_where_nothing_is_wrapped() {
    let sandbox = Sandbox::new();
    sandbox.run(&["install"]).success();
    assert_eq!(shown(&sandbox, 0, "{}"), None);
    let aside = Sandbox::new();
    let settings = json!({"statusLine": {"type": "command", "command": "echo mine"}});
    aside.write(".claude/settings.json", settings.to_string());
    aside.run(&["install", "--replace"]).success();
    assert_eq!(shown(&aside, 0, "{}"), None);
}

#[test]
fn after_uninstall_nothing_is_run_any_more() {
    let sandbox = wrapping("echo mine");
    assert!(shown(&sandbox, 0, "{}").is_some());
    sandbox.run(&["uninstall"]).success();
    assert_eq!(shown(&sandbox, 1, "{}"), None);
}

#[test]
fn a_late_answer_is_replaced_by_the_last_good_one_and_the_command_gets_a_rest() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let sandbox = wrapping(&format!(
        "cd '{}'; echo run >>runs; sleep $(cat delay); cat answer",
        home.display()
    ));
    let runs = || {
        std::fs::read_to_string(home.join("runs"))
            .unwrap_or_default()
            .lines()
            .count()
    };
    std::fs::write(home.join("answer"), "first").unwrap();
    std::fs::write(home.join("delay"), "0").unwrap();
    // A machine under load may be late itself; begin where one run was in time.
    let was_late = || {
        let records = std::fs::read_dir(sandbox.path(".local/share/whycap/wrapped")).unwrap();
        records
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "last")
            })
            .any(|path| {
                !std::fs::read_to_string(path)
                    .unwrap()
                    .contains("\"late_at\":null")
            })
    };
    let start = (0..20)
        .map(|attempt| attempt * 40)
        .find(|second| {
            assert_eq!(shown(&sandbox, *second, "{}").as_deref(), Some("first"));
            !was_late()
        })
        .expect("one run in twenty is in time");
    let before = runs();
    std::fs::write(home.join("answer"), "second").unwrap();
    std::fs::write(home.join("delay"), "30").unwrap();
    let clock = Instant::now();
    assert_eq!(shown(&sandbox, start + 10, "{}").as_deref(), Some("first"));
    assert!(
        clock.elapsed() < Duration::from_secs(10),
        "{:?}",
        clock.elapsed()
    );
    assert_eq!(runs(), before + 1);
    assert_eq!(shown(&sandbox, start + 20, "{}").as_deref(), Some("first"));
    assert_eq!(runs(), before + 1, "it rests");
    std::fs::write(home.join("delay"), "0.6").unwrap();
    assert_eq!(
        shown(&sandbox, start + 41, "{}").as_deref(),
        Some("second"),
        "slow, but it is heard"
    );
    assert_eq!(runs(), before + 2);
}

#[test]
fn a_project_s_kept_line_is_shown_in_that_project_only() {
    let sandbox = wrapping("echo user");
    let project = sandbox.path("project");
    sandbox.write(
        "project/.claude/settings.local.json",
        json!({"statusLine": {"type": "command", "command": "echo project"}}).to_string(),
    );
    let mut install = sandbox.command(&["install", "--wrap", "--scope", "local"]);
    assert!(
        install
            .current_dir(&project)
            .output()
            .unwrap()
            .status
            .success()
    );
    let stdin = json!({"workspace": {"project_dir": project}}).to_string();
    assert_eq!(shown(&sandbox, 0, &stdin).as_deref(), Some("project"));
    assert_eq!(shown(&sandbox, 0, "{}").as_deref(), Some("user"));
}

#[test]
fn damaged_records_cost_the_kept_line_and_nothing_else() {
    let sandbox = wrapping("echo mine");
    for entry in std::fs::read_dir(sandbox.path(".local/share/whycap/wrapped")).unwrap() {
        std::fs::write(entry.unwrap().path(), "{").unwrap();
    }
    assert_eq!(shown(&sandbox, 0, "{}"), None);
}
