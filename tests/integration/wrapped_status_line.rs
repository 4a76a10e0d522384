//! Tests that the user's own status line keeps working after `install --wrap` and that it can neither break whycap's
//! line nor delay it noticeably.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Run, Sandbox};

/// Returns the part of the status line that comes from the user's own command.
fn shown(sandbox: &Sandbox, stdin: &str) -> Option<String> {
    let run = sandbox.run_with(&["statusline"], stdin.as_bytes());
    let whole = run.success().trim_end();
    let (kept, own) = whole.rsplit_once('\n').unwrap_or(("", whole));
    assert!(own.contains("today"), "{whole}");
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// Asserts that the command's output appears within a few attempts. On a busy machine, even a fast command can miss the
/// deadline, but it is unlikely to miss it several times in a row.
#[track_caller]
fn assert_appears(sandbox: &Sandbox, stdin: &str, answer: &str) {
    let appears = (0..20).any(|_| shown(sandbox, stdin).as_deref() == Some(answer));
    assert!(appears, "{answer}");
}

fn wrapping(command: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let settings = json!({"statusLine": {"type": "command", "command": command}});
    sandbox.write(".claude/settings.json", settings.to_string());
    sandbox.run(&["install", "--wrap"]).success();
    sandbox
}

#[test]
fn the_wrapped_command_runs_in_a_shell_with_the_same_input() {
    let sandbox = wrapping("printf 'mine: '; cat");
    assert_appears(&sandbox, "{\"a\":1}", "mine: {\"a\":1}");
}

#[test]
fn no_command_is_run_without_a_wrapped_status_line() {
    let sandbox = Sandbox::new();
    sandbox.run(&["install"]).success();
    assert_eq!(shown(&sandbox, "{}"), None);
    let aside = Sandbox::new();
    let settings = json!({"statusLine": {"type": "command", "command": "echo mine"}});
    aside.write(".claude/settings.json", settings.to_string());
    aside.run(&["install", "--replace"]).success();
    assert_eq!(shown(&aside, "{}"), None);
}

/// Installs whycap in settings whose status line has this padding. Returns the padding afterward and the width of the
/// widest row.
fn installed_padding(padding: &str, arguments: &[&str]) -> (serde_json::Value, usize) {
    let sandbox = Sandbox::new().variable("COLUMNS", "50");
    let original = format!(
        "{{ \"statusLine\": {{\"type\": \"command\", {padding}\"command\": \"echo mine\"}} }}\n"
    );
    sandbox.write(".claude/settings.json", &original);
    sandbox.run(arguments).success();
    let installed: serde_json::Value =
        serde_json::from_str(&sandbox.read(".claude/settings.json")).unwrap();
    let input = r#"{"model":{"id":"claude-opus-5-5","display_name":"Opus 5.5"},
            "rate_limits":{"five_hour":{"used_percentage":38,"resets_at":1795172400},
            "seven_day":{"used_percentage":61,"resets_at":1795400000}}}"#;
    let run = sandbox.run_with(&["statusline"], input.as_bytes());
    let rows = whycap::terminal::strip_ansi(run.success());
    let widest = rows.lines().map(|row| row.chars().count()).max();
    sandbox.run(&["uninstall"]).success();
    assert_eq!(sandbox.read(".claude/settings.json"), original);
    (installed["statusLine"]["padding"].clone(), widest.unwrap())
}

/// Claude Code inserts the padding on both sides of every row, so whycap's own rows must be narrower.
#[test]
fn the_padding_of_the_wrapped_line_is_kept() {
    let wrap = ["install", "--wrap"];
    let (padding, without) = installed_padding("", &wrap);
    assert_eq!((padding, without <= 46), (json!(0), true), "{without}");
    let (padding, with) = installed_padding("\"padding\": 4, ", &wrap);
    assert_eq!((padding, with <= 38), (json!(4), true), "{with}");
    let (padding, replaced) = installed_padding("\"padding\": 4, ", &["install", "--replace"]);
    assert_eq!((padding, replaced), (json!(0), without));
}

#[test]
fn install_states_the_time_limit_of_the_wrapped_command() {
    let sandbox = Sandbox::new();
    let settings = json!({"statusLine": {"type": "command", "command": "echo mine"}});
    sandbox.write(".claude/settings.json", settings.to_string());
    let run = sandbox.run(&["install", "--wrap"]);
    let expected_text = "which is shown if it finishes within 0.75 s";
    let words: Vec<&str> = run.success().split_whitespace().collect();
    assert!(words.join(" ").contains(expected_text), "{run:?}");
}

#[test]
fn no_command_is_run_after_uninstall() {
    let sandbox = wrapping("echo mine");
    assert_appears(&sandbox, "{}", "mine");
    sandbox.run(&["uninstall"]).success();
    assert_eq!(shown(&sandbox, "{}"), None);
}

/// Sets what the wrapped command prints, and after how many seconds.
fn write_output_and_delay(directory: &std::path::Path, output: &str, delay: &str) {
    std::fs::write(directory.join("output"), output).unwrap();
    std::fs::write(directory.join("delay"), delay).unwrap();
}

#[test]
fn late_output_is_replaced_by_the_last_output_until_new_output_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let sandbox = wrapping(&format!(
        "cd '{}'; sleep $(cat delay); cat output",
        home.display()
    ));
    write_output_and_delay(home, "never", "30");
    assert_eq!(shown(&sandbox, "{}"), None, "it never said anything");
    write_output_and_delay(home, "first", "0");
    assert_appears(&sandbox, "{}", "first");
    write_output_and_delay(home, "second", "30");
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(shown(&sandbox, "{}").as_deref(), Some("first"));
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    write_output_and_delay(home, "third", "0");
    assert_appears(&sandbox, "{}", "third");
}

#[test]
fn the_last_output_of_a_failing_command_is_not_shown_again() {
    let sandbox = wrapping("test -e \"$HOME/broken\" && exit 1; echo mine");
    assert_appears(&sandbox, "{}", "mine");
    sandbox.write("broken", "");
    assert_eq!(shown(&sandbox, "{}"), None);
}

#[test]
fn a_projects_wrapped_line_is_shown_only_in_that_project() {
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
    assert_appears(&sandbox, &stdin, "project");
    assert_appears(&sandbox, "{}", "user");
}

#[test]
fn damaged_records_only_hide_the_wrapped_line() {
    let sandbox = wrapping("echo mine");
    for entry in std::fs::read_dir(sandbox.path(".local/share/whycap/install")).unwrap() {
        std::fs::write(entry.unwrap().path(), "{").unwrap();
    }
    assert_eq!(shown(&sandbox, "{}"), None);
}

/// A cloned project must not be able to run a command by providing its own whycap data.
#[test]
fn a_project_cannot_make_the_status_line_run_a_command() {
    let sandbox = Sandbox::new();
    let settings = json!({"statusLine": {"type": "command", "command": "echo planted"}});
    sandbox.write(".claude/settings.json", settings.to_string());
    let data = sandbox.path("work/d").display().to_string();
    let mut install = sandbox.command(&["install", "--wrap"]);
    let installed = install
        .env("WHYCAP_DATA_DIR", &data)
        .output()
        .unwrap();
    assert!(installed.status.success());
    let project = sandbox.path("work");
    let input = json!({"cwd": project, "workspace": {"project_dir": project}}).to_string();
    let elsewhere = json!({"cwd": sandbox.home()}).to_string();
    for (named, stdin, runs) in [
        ("d", &input, false),
        ("./../work/d", &input, false),
        (data.as_str(), &input, false),
        (data.as_str(), &elsewhere, true),
    ] {
        let mut command = sandbox.command(&["statusline"]);
        command
            .current_dir(&project)
            .env("WHYCAP_DATA_DIR", named)
            .env("XDG_DATA_HOME", &project);
        let times = if runs { 20 } else { 1 };
        let has_run = (0..times).any(|_| {
            let run = Run::of(&mut command, stdin.as_bytes());
            run.success().contains("planted")
        });
        assert_eq!(has_run, runs, "{named}");
    }
}

#[test]
fn a_wrapped_command_is_not_run_for_other_settings_at_the_same_path() {
    let sandbox = wrapping("echo mine");
    assert_appears(&sandbox, "{}", "mine");
    let other = json!({"statusLine": {"type": "command", "command": "other"}});
    sandbox.write(".claude/settings.json", other.to_string());
    assert_eq!(shown(&sandbox, "{}"), None);
}

#[test]
fn the_wrapped_commands_programs_are_not_looked_up_in_the_project() {
    let sandbox = wrapping("planted || echo mine");
    sandbox.write("work/bin/planted", "#!/bin/sh\necho planted\n");
    sandbox.write("work/bin/sh", "#!/bin/sh\necho planted\n");
    let project = sandbox.path("work");
    for name in ["planted", "sh"] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(project.join("bin").join(name), mode).unwrap();
    }
    let input = json!({"workspace": {"project_dir": project}}).to_string();
    for bin in ["bin".to_owned(), project.join("bin").display().to_string()] {
        let mut command = sandbox.command(&["statusline"]);
        command
            .current_dir(&project)
            .env("PATH", format!("{bin}:/usr/bin:/bin"));
        let output = (0..20)
            .map(|_| {
                let run = Run::of(&mut command, input.as_bytes());
                run.success().to_owned()
            })
            .find(|output| output.contains("mine"));
        assert!(
            output.is_some_and(|output| !output.contains("planted")),
            "{bin}"
        );
    }
}

#[test]
fn a_wrapped_command_that_others_could_have_written_is_not_run() {
    let sandbox = wrapping("echo mine");
    assert_appears(&sandbox, "{}", "mine");
    let data = sandbox.path(".local/share/whycap");
    let mut records = std::fs::read_dir(data.join("install"))
        .unwrap()
        .flatten();
    let record = records.find(|entry| entry.path().extension() == Some("json".as_ref()));
    for place in [data.clone(), data.join("install"), record.unwrap().path()] {
        let before = std::fs::metadata(&place).unwrap().permissions();
        let mode = std::os::unix::fs::PermissionsExt::mode(&before) | 0o020;
        let open = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&place, open).unwrap();
        assert_eq!(shown(&sandbox, "{}"), None, "{place:?}");
        std::fs::set_permissions(&place, before).unwrap();
    }
}
