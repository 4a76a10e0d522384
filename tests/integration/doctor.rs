//! Tests `whycap doctor` with real files.

use std::fs;

use serde_json::{Value, json};

use crate::client::Client;
use crate::support::{Run, Sandbox, copy_program};

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    checks
        .iter()
        .find(|check| check["check"] == name)
        .unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

fn report(run: &Run) -> Value {
    assert_eq!(&*run.stderr, "");
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn doctor_fails_before_the_installation_and_names_the_command() {
    let run = Sandbox::new().run(&["doctor"]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    assert!(
        run.stdout.contains("fix: whycap install --hooks"),
        "{}",
        run.stdout
    );
}

#[test]
fn no_check_fails_after_the_installation() {
    let sandbox = Sandbox::new();
    sandbox.run(&["install"]).success();
    let run = sandbox.run(&["doctor"]);
    assert!(!run.success().contains("FAIL"), "{}", run.stdout);
    assert!(
        run.stdout
            .lines()
            .all(|line| line.chars().count() <= 80)
    );
}

#[test]
fn hooks_alone_are_a_complete_installation_if_no_line_was_wanted() {
    let sandbox = Sandbox::new();
    sandbox.run(&["install", "--headless"]).success();
    let settings = sandbox.read(".claude/settings.json");
    assert!(settings.contains("StopFailure") && !settings.contains("statusLine"));
    let line = |sandbox: &Sandbox| {
        let found = report(&sandbox.run(&["doctor", "--json"]));
        check(&found, "status line")["verdict"].clone()
    };
    assert_eq!(line(&sandbox), "ok");
    let human = sandbox.run(&["doctor"]);
    assert!(!human.success().contains("status line"), "{human:?}");
    // A line that was turned on and is gone again is missed.
    sandbox.run(&["install"]).success();
    let settings: Value = serde_json::from_str(&sandbox.read(".claude/settings.json")).unwrap();
    let hooks = json!({"hooks": settings["hooks"]});
    sandbox.write(".claude/settings.json", hooks.to_string());
    assert_eq!(line(&sandbox), "warn");
}

#[test]
fn doctor_says_that_claude_code_waits_by_itself_and_for_how_long() {
    let watchdog = |sandbox: &Sandbox| {
        let found = report(&sandbox.run(&["doctor", "--json"]));
        check(&found, "watchdog")["says"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(watchdog(&Sandbox::new()), "no problem found");
    let sandbox = Sandbox::new().variable("CLAUDE_CODE_RETRY_WATCHDOG", "1");
    assert!(watchdog(&sandbox).contains("at a limit, however long that takes,"));
    sandbox.write(
        ".claude/settings.json",
        json!({"env": {"CLAUDE_CODE_RETRY_WATCHDOG_MAX_USAGE_LIMIT_WAIT_MS": "7200000"}})
            .to_string(),
    );
    assert!(watchdog(&sandbox).contains("at a limit, for 2 h at most,"));
    let off = sandbox.variable("CLAUDE_CODE_RETRY_WATCHDOG", "0");
    assert_eq!(watchdog(&off), "no problem found");
}

/// The checks do not cover limits, so all of them can be OK while requests are refused. The refusal must therefore come
/// first.
#[test]
fn a_refused_login_comes_before_the_checks() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let at = "2026-11-20T10:00:00Z";
    client.receives_error(
        at,
        "Please run /login · API Error: 401 OAuth token has expired.",
        json!({"error": "authentication_failed", "apiErrorStatus": 401}),
    );
    let second = Client::with_session(&sandbox, "second");
    second.receives_error(
        at,
        "Please run /login · API Error: 401 OAuth token has expired.",
        json!({"error": "authentication_failed", "apiErrorStatus": 401}),
    );
    let blocked = client.run(at, &["doctor"], b"");
    assert!(blocked.stdout.contains("/login"), "{blocked:?}");
    client.receives_response("2026-11-20T10:01:00Z");
    let over = client.run("2026-11-20T10:01:00Z", &["doctor"], b"");
    assert!(!over.stdout.contains("/login"), "{over:?}");
}

#[test]
fn doctor_changes_nothing_and_creates_no_ledger() {
    let sandbox = Sandbox::new();
    sandbox.run(&["doctor"]);
    assert_eq!(fs::read_dir(sandbox.home()).unwrap().count(), 0);
}

/// Sessions worked with the key of a Console login, but `doctor` said that they had neither a login nor a key.
#[test]
fn a_console_login_pays_for_sessions() {
    let sandbox = Sandbox::new();
    let state = json!({"primaryApiKey": "sk-ant-api03-hidden", "oauthAccount": {"organizationRole": "developer"}});
    sandbox.write(".claude.json", state.to_string());
    let output = report(&sandbox.run(&["doctor", "--json"]));
    let payer = check(&output, "who pays");
    assert_eq!(
        payer["says"],
        "sessions started from this shell use the API key of your Console login"
    );
}

#[test]
fn the_version_comes_from_the_newest_transcript_and_not_from_message_text() {
    let sandbox = Sandbox::new();
    let line = json!({"type": "assistant", "version": "2.1.120", "message": {"content": "{\"version\":\"9.9.9\"}"}});
    sandbox.write(".claude/projects/p/s.jsonl", format!("{line}\n"));
    let output = report(&sandbox.run(&["doctor", "--json"]));
    let version = check(&output, "client version");
    assert_eq!(version["verdict"], "warn");
    assert!(
        version["says"]
            .as_str()
            .unwrap()
            .starts_with("Claude Code 2.1.120"),
        "{version}"
    );
}

#[test]
fn trust_is_read_from_claude_codes_own_file() {
    let sandbox = Sandbox::new();
    let project = sandbox.path("work");
    fs::create_dir(&project).unwrap();
    let project_name = project.canonicalize().unwrap();
    for (accepted, verdict) in [(true, "ok"), (false, "warn")] {
        // On Windows, Claude Code also writes directory names in this form.
        let native_name = project_name.to_str().unwrap().replace('\\', "/");
        let name = native_name.trim_start_matches("//?/");
        let state = json!({"projects": {name: {"hasTrustDialogAccepted": accepted}}});
        sandbox.write(".claude.json", state.to_string());
        let output = sandbox
            .command(&["doctor", "--json"])
            .current_dir(&project_name)
            .output()
            .unwrap();
        let checks: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(check(&checks, "trusted folder")["verdict"], verdict);
    }
}

#[test]
fn a_moved_executable_is_noticed_and_install_fixes_it() {
    let sandbox = Sandbox::new();
    let name = if cfg!(windows) {
        "bin/whycap.exe"
    } else {
        "bin/whycap"
    };
    let elsewhere = sandbox.path(name);
    fs::create_dir_all(elsewhere.parent().unwrap()).unwrap();
    copy_program(&elsewhere);
    let output = std::process::Command::new(&elsewhere)
        .arg("install")
        .env_clear()
        .env("HOME", sandbox.home())
        .envs(sandbox.of_system())
        .output()
        .unwrap();
    assert!(output.status.success());
    // A copy of the same version is fine. `doctor` finds out the copy's version without running it.
    let checks = report(&sandbox.run(&["doctor", "--json"]));
    assert_eq!(check(&checks, "program")["verdict"], "ok");
    fs::remove_file(&elsewhere).unwrap();
    let run = sandbox.run(&["doctor", "--json"]);
    assert_eq!(run.code, 1);
    assert_eq!(check(&report(&run), "program")["verdict"], "fail");
    sandbox.run(&["install"]).success();
    assert_eq!(sandbox.run(&["doctor"]).code, 0);
}

#[test]
fn an_unreadable_ledger_is_a_failure_that_names_the_file() {
    let sandbox = Sandbox::new();
    sandbox.run(&["install"]).success();
    let ledger = whycap::ledger::path_in(&sandbox.path(".local/share/whycap"));
    fs::create_dir_all(&ledger).unwrap();
    let run = sandbox.run(&["doctor", "--json"]);
    let checks = report(&run);
    let finding = check(&checks, "ledger");
    assert_eq!(finding["verdict"], "fail", "{finding}");
    assert!(
        finding["fix"]
            .as_str()
            .unwrap()
            .contains("~/.local/share/whycap/"),
        "{finding}"
    );
}

#[test]
#[cfg(unix)]
fn an_unwritable_data_directory_is_a_failure_with_a_remedy() {
    let sandbox = Sandbox::new();
    sandbox.write(".local/share/whycap", "a file");
    let checks = report(&sandbox.run(&["doctor", "--json"]));
    let finding = check(&checks, "own data");
    assert_eq!(finding["verdict"], "fail", "{finding}");
    let fix = finding["fix"].as_str().unwrap();
    assert!(fix.contains("WHYCAP_DATA_DIR"), "{finding}");
}

#[test]
fn a_wrong_line_in_the_configuration_is_named() {
    let home = Sandbox::new();
    let config = home.write("config.toml", "[budget]\nday = -1\n");
    let sandbox = home.variable("WHYCAP_CONFIG", config.to_str().unwrap());
    let checks = report(&sandbox.run(&["doctor", "--json"]));
    let finding = check(&checks, "config.toml");
    assert!(
        finding["says"]
            .as_str()
            .unwrap()
            .contains("budget.day"),
        "{finding}"
    );
}

#[test]
fn a_stuck_lock_is_cleared_after_claude_code_exits() {
    let sandbox = Sandbox::new();
    sandbox.write(".claude.json.lock", "");
    let checks = report(&sandbox.run(&["doctor", "--json"]));
    let finding = check(&checks, "locks");
    assert_eq!(finding["verdict"], "warn", "{finding}");
    let fix = finding["fix"].as_str().unwrap();
    assert!(
        fix.starts_with("Quit Claude Code, then run") && fix.contains("--clear-stale-locks"),
        "{fix}"
    );
}

/// The client adds the `env` of its settings to the environment, so `doctor` finds the same API key in both places. It
/// must report the key only once.
#[test]
fn a_key_that_claude_code_passes_on_from_the_settings_is_named_once() {
    let sandbox = Sandbox::new().variable("ANTHROPIC_API_KEY", "sk-1");
    let settings = json!({"env": {"ANTHROPIC_API_KEY": "sk-1"}});
    sandbox.write(".claude/settings.json", settings.to_string());
    let checks = report(&sandbox.run(&["doctor", "--json"]));
    assert_eq!(
        check(&checks, "who pays")["says"],
        "Claude Code uses ANTHROPIC_API_KEY (in ~/.claude/settings.json)"
    );
}
