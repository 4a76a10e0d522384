//! `install --wrap`: the kept status line goes on, and can neither delay nor spoil ours for long.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::Sandbox;

/// What the kept command adds to the status line.
fn shown(sandbox: &Sandbox, stdin: &str) -> Option<String> {
    let run = sandbox.run_with(&["statusline"], stdin.as_bytes());
    let whole = run.success().trim_end();
    let (kept, own) = whole.rsplit_once('\n').unwrap_or(("", whole));
    assert!(own.contains("today"), "{whole}");
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// A machine under load may make a quick command late, though hardly each time.
#[track_caller]
fn assert_heard(sandbox: &Sandbox, stdin: &str, answer: &str) {
    let heard = (0..20).any(|_| shown(sandbox, stdin).as_deref() == Some(answer));
    assert!(heard, "{answer}");
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
    assert_heard(&sandbox, "{\"a\":1}", "mine: {\"a\":1}");
}

#[test]
fn nothing_is_run_where_nothing_is_wrapped() {
    let sandbox = Sandbox::new();
    sandbox.run(&["install"]).success();
    assert_eq!(shown(&sandbox, "{}"), None);
    let aside = Sandbox::new();
    let settings = json!({"statusLine": {"type": "command", "command": "echo mine"}});
    aside.write(".claude/settings.json", settings.to_string());
    aside.run(&["install", "--replace"]).success();
    assert_eq!(shown(&aside, "{}"), None);
}

#[test]
fn after_uninstall_nothing_is_run_any_more() {
    let sandbox = wrapping("echo mine");
    assert_heard(&sandbox, "{}", "mine");
    sandbox.run(&["uninstall"]).success();
    assert_eq!(shown(&sandbox, "{}"), None);
}

#[test]
fn a_late_answer_is_replaced_by_the_last_good_one_and_a_later_one_is_heard() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let sandbox = wrapping(&format!(
        "cd '{}'; sleep $(cat delay); cat answer",
        home.display()
    ));
    let answers = |answer: &str, delay: &str| {
        std::fs::write(home.join("answer"), answer).unwrap();
        std::fs::write(home.join("delay"), delay).unwrap();
    };
    answers("never", "30");
    assert_eq!(shown(&sandbox, "{}"), None, "it never said anything");
    answers("first", "0");
    assert_heard(&sandbox, "{}", "first");
    answers("second", "30");
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(shown(&sandbox, "{}").as_deref(), Some("first"));
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    answers("third", "0");
    assert_heard(&sandbox, "{}", "third");
}

#[test]
fn the_output_of_a_command_that_fails_now_is_not_shown_again() {
    let sandbox = wrapping("test -e \"$HOME/broken\" && exit 1; echo mine");
    assert_heard(&sandbox, "{}", "mine");
    sandbox.write("broken", "");
    assert_eq!(shown(&sandbox, "{}"), None);
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
    assert_heard(&sandbox, &stdin, "project");
    assert_heard(&sandbox, "{}", "user");
}

#[test]
fn damaged_records_cost_the_kept_line_and_nothing_else() {
    let sandbox = wrapping("echo mine");
    for entry in std::fs::read_dir(sandbox.path(".local/share/whycap/install")).unwrap() {
        std::fs::write(entry.unwrap().path(), "{").unwrap();
    }
    assert_eq!(shown(&sandbox, "{}"), None);
}
