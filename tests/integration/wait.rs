//! Tests `whycap wait` and the exit codes of `whycap explain --exit-code`.

use crate::client::{Client, rfc3339, windows};
#[cfg(target_os = "linux")]
use crate::now::RunningClient;
use crate::races::lock_ledger;
#[cfg(target_os = "linux")]
use crate::situation::receives_balance_error;
use crate::situation::{
    AT, FIVE_HOUR, NOON, TUESDAY, WEEKLY, refused, session_of_login, with_a_private_login,
};
use crate::support::{Run, Sandbox};
use serde_json::json;
use std::time::{Duration, Instant};

pub fn waits(client: &Client<'_>, now: &str, more: &[&str]) -> Run {
    let arguments: Vec<&str> = ["wait"].iter().chain(more).copied().collect();
    client.run(now, &arguments, b"")
}

#[track_caller]
fn gives_up(client: &Client<'_>, now: &str) {
    let run = waits(client, now, &["--timeout", "1s"]);
    assert_eq!(run.code, 124, "{run:?}");
    assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
}

fn exit_code(client: &Client<'_>, now: &str) -> i32 {
    client
        .run(now, &["explain", "--exit-code"], b"")
        .code
}

#[test]
fn wait_ends_at_once_without_an_error() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let run = waits(&client, AT, &[]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(exit_code(&client, AT), 0);
}

#[test]
fn the_wait_ends_with_the_limit() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    assert_eq!(exit_code(&client, "2026-11-20T11:00:00Z"), 10);
    let started = Instant::now();
    let run = waits(&client, "2026-11-20T11:59:58Z", &[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    // A log shows why the wait ended.
    assert!(!run.stdout.trim().is_empty());
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(exit_code(&client, "2026-11-20T12:00:30Z"), 0);
}

/// Another process holds the ledger for a moment while the command reads the newest lines.
#[test]
fn a_command_in_a_shell_knows_the_newest_lines_while_another_process_writes() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_response("2026-11-20T09:59:00Z");
    assert_eq!(exit_code(&client, "2026-11-20T09:59:30Z"), 0);
    let writer = lock_ledger(&sandbox);
    client.append(&client.error_line(AT, FIVE_HOUR, json!({})));
    let code = std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_secs(1));
            drop(writer);
        });
        exit_code(&client, "2026-11-20T10:01:00Z")
    });
    assert_eq!(code, 10);
}

/// Starts a session with a key in its own environment, and simulates a request at the given time. The key has no credits.
#[cfg(target_os = "linux")]
fn session_with_empty_key<'s>(sandbox: &'s Sandbox, at: &str) -> Client<'s> {
    let mut client = Client::with_session(sandbox, "with-key");
    let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned());
    client.variables.push(key);
    receives_balance_error(&client, at);
    client
}

/// The sentences are wrapped at the width of the terminal, and at 80 columns in a pipe, like those of other commands.
#[test]
fn the_sentences_are_wrapped() {
    let sandbox = Sandbox::new();
    let mut client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    for (columns, width) in [(None, 80), (Some("50"), 50)] {
        let variable = columns.map(|columns| ("COLUMNS".to_owned(), columns.to_owned()));
        client.variables.extend(variable);
        let run = waits(&client, "2026-11-20T10:00:10Z", &["--timeout", "1s"]);
        assert_eq!(run.code, 124, "{run:?}");
        assert!(!run.stderr.is_empty());
        for line in run.stdout.lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
}

#[test]
fn wait_ends_at_once_after_a_later_response() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    client.receives_response("2026-11-20T10:30:00Z");
    assert_eq!(waits(&client, "2026-11-20T10:31:00Z", &[]).code, 0);
    assert_eq!(exit_code(&client, "2026-11-20T10:31:00Z"), 0);
}

#[test]
fn wait_gives_up_after_the_timeout() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    let started = Instant::now();
    gives_up(&client, AT);
    assert!(started.elapsed() < Duration::from_secs(8));
    waits(&client, AT, &["--timeout", "soon"]).is_refused("invalid value 'soon'");
}

#[test]
fn wait_is_rejected_with_a_reason_if_waiting_does_not_help() {
    for (text, waits_with, explains_with) in [
        ("Credit balance is too low", 11, 11),
        ("You've hit your org's monthly spend limit", 12, 12),
    ] {
        let sandbox = Sandbox::new();
        let client = Client::new(&sandbox);
        client.receives_error(AT, text, json!({}));
        let run = waits(
            &client,
            "2026-11-20T10:01:00Z",
            &["--session", &client.session],
        );
        assert_eq!(run.code, waits_with, "{text}: {}", run.stderr);
        assert!(!run.stderr.is_empty(), "{text}");
        assert_eq!(
            exit_code(&client, "2026-11-20T10:01:00Z"),
            explains_with,
            "{text}"
        );
    }
}

#[test]
fn a_service_problem_does_not_hide_a_limit() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let other = Client::with_session(&sandbox, "bbbb");
    client.receives_error(AT, FIVE_HOUR, json!({}));
    other.receives_error(
        "2026-11-20T11:59:00Z",
        "API Error: 529 Overloaded",
        json!({"apiErrorStatus": 529}),
    );
    gives_up(&client, "2026-11-20T11:59:30Z");
    let run = waits(&client, "2026-11-20T12:01:59Z", &[]);
    assert_eq!(run.code, 0, "a few minutes are over: {}", run.stderr);
}

/// If an error is expected to end on its own, `wait` waits for as long as `explain --exit-code` returns 10.
#[test]
fn a_temporary_problem_is_awaited_as_long_as_explained() {
    for (text, more, seconds) in [
        ("API Error: 429 Too Many Requests", json!({}), 60),
        (
            "API Error: 529 Overloaded",
            json!({"apiErrorStatus": 529}),
            180,
        ),
    ] {
        let sandbox = Sandbox::new();
        let client = Client::new(&sandbox);
        client.receives_error(AT, text, more);
        let [start, before_end, end] =
            [1, seconds - 1, seconds].map(|seconds| rfc3339(1_795_168_800 + seconds));
        assert_eq!(exit_code(&client, &start), 10, "{text}");
        gives_up(&client, &start);
        let over = waits(&client, &before_end, &[]);
        assert_eq!((over.code, over.stderr.as_str()), (0, ""), "{text}");
        assert_eq!(exit_code(&client, &end), 0, "{text}");
    }
}

#[test]
fn an_unknown_session_is_an_error() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    let run = waits(&client, AT, &["--session", "typo"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("there is no session typo"), "{run:?}");
    for arguments in [
        ["explain", "--session", "typo"],
        ["incidents", "--session", "typo"],
        ["report", "--session", "typo"],
        ["drain", "--session", "typo"],
        ["spend", "--why", "typo"],
    ] {
        client.run(AT, &arguments, b"").is_refused(
            "there is no session typo; run `whycap spend --by session --json` to list the sessions",
        );
    }
    let explained = client.run(AT, &["explain", "--exit-code", "--session", "typo"], b"");
    assert_eq!(explained.code, 12, "{explained:?}");
    let help = waits(&client, AT, &["--help"]);
    for code in ["10", "11", "12", "124"] {
        assert!(help.stdout.contains(code), "{}", help.stdout);
    }
}

#[test]
fn a_session_can_be_given_by_its_short_id() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    let incident = client.run(AT, &["explain", "--json"], b"").json();
    let id = incident["incident"]["session_id"].as_str().unwrap();
    let short = &id[..8];
    let explained = client.run(AT, &["explain", "--exit-code", "--session", short], b"");
    assert_eq!(explained.code, 10, "{explained:?}");
    let waited = waits(&client, AT, &["--session", short, "--timeout", "1s"]);
    assert_eq!(waited.code, 124, "{waited:?}");
    assert!(!waited.stderr.is_empty(), "{waited:?}");
    let listed = client.run(AT, &["incidents", "--session", short], b"");
    assert!(listed.success().contains("5-hour limit"), "{listed:?}");
}

#[test]
fn the_wait_ends_with_a_response_in_another_session() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = Client::new(&sandbox);
    let other = Client::with_session(&sandbox, "bbbb");
    client.receives_error(AT, FIVE_HOUR, json!({}));
    gives_up(&client, AT);
    other.receives_response("2026-11-20T10:00:30Z");
    let usage = windows(42.0, 1_795_176_000, 40.0, 1_795_500_000);
    // On a busy machine, a status-line call may not have time to store its reading. Like the real client, the test
    // therefore makes several calls.
    for _ in 0..3 {
        other.calls_status_line("2026-11-20T10:00:31Z", usage.clone(), 120);
    }
    let run = waits(&client, "2026-11-20T10:00:32Z", &["--timeout", "1m"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(exit_code(&client, "2026-11-20T10:00:32Z"), 0);
    assert_eq!(client.explained("2026-11-20T10:00:32Z")["open"], false);
}

#[test]
fn wait_ignores_a_warning() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(
        AT,
        "You've used 92% of your weekly limit · resets Nov 23, 9am (UTC)",
        json!({}),
    );
    assert_eq!(exit_code(&client, AT), 0);
    assert_eq!(waits(&client, AT, &[]).code, 0);
}

/// Runs `wait` for a second in a terminal, and returns what it shows. Returns `None` if script(1) is not installed.
#[cfg(target_os = "linux")]
fn waits_in_terminal(sandbox: &Sandbox, now: &str, columns: &str) -> Option<String> {
    let script = ["/usr/bin/script", "/bin/script"]
        .iter()
        .find(|path| std::path::Path::new(path).exists())?;
    let program = env!("CARGO_BIN_EXE_whycap");
    let output = std::process::Command::new(script)
        .args(["-qec", &format!("{program} wait --timeout 1s"), "/dev/null"])
        .env_clear()
        .env("HOME", sandbox.home())
        .env("PATH", "/usr/bin:/bin")
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm")
        .env("COLUMNS", columns)
        .env("TZ", "UTC")
        .env("WHYCAP_NOW", now)
        .output()
        .unwrap();
    Some(String::from_utf8_lossy(&output.stdout).replace('\r', ""))
}

/// The progress line must end with a line break, so that the message starts on a new line.
#[test]
#[cfg(target_os = "linux")]
fn the_progress_line_ends_before_a_message() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    // A progress line that is wrapped cannot be replaced by the next one, so a narrow terminal gets a shorter line.
    for columns in ["80", "40"] {
        let Some(shown) = waits_in_terminal(&sandbox, "2026-11-20T11:00:00Z", columns) else {
            return;
        };
        let message = shown.lines().last().unwrap_or_default();
        assert!(message.contains("whycap: "), "{shown:?}");
        assert!(shown.contains("12:0"), "{shown:?}");
    }
}

/// A stray key in another session stops only that session. In a shell without the key, the error of that session must
/// not hide the limit of the plan, and `wait` must go on waiting for the plan's reset.
#[test]
#[cfg(target_os = "linux")]
fn the_key_of_another_session_does_not_hide_the_plans_limit() {
    let sandbox = with_a_private_login();
    let on_plan = session_of_login(&sandbox, "on-plan");
    on_plan.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let _process = RunningClient::idle(&sandbox, "with-key");
    let with_key = session_with_empty_key(&sandbox, "2026-11-20T10:01:00Z");

    let shell = Client::with_session(&sandbox, "on-plan");
    let at = "2026-11-20T10:02:00Z";
    gives_up(&shell, at);
    assert_eq!(exit_code(&shell, at), 10);
    // In the session with the key, the key is the problem.
    assert_eq!(exit_code(&with_key, at), 11);
    // After the reset, the key still blocks only its own session.
    let run = waits(&shell, "2026-11-20T11:59:57Z", &[]);
    run.success();
}

/// Returns the first two lines that `wait` prints to a pipe, and stops the command.
fn first_lines_in_pipe(client: &Client<'_>, at: &str) -> String {
    use std::io::{BufRead, BufReader};
    let mut command = client.sandbox.command(&["wait"]);
    command.env("WHYCAP_NOW", at);
    let mut process = crate::support::started_with_pipes(&mut command);
    let output = BufReader::new(process.stdout.take().unwrap());
    let lines: Vec<String> = output.lines().take(2).map(Result::unwrap).collect();
    process.kill().unwrap();
    process.wait().unwrap();
    lines.join(" ")
}

/// A log of `whycap wait` was empty until the end of the limit, because the progress line appears only on a terminal.
#[test]
fn a_piped_wait_says_at_once_what_it_waits_for_and_until_when() {
    // The command ends a few seconds after the limit, so the test does not hang if it prints nothing before.
    for (text, more, at, expected) in [(
        WEEKLY,
        refused("seven_day", TUESDAY, ""),
        "2026-11-24T05:59:58Z",
        ["weekly limit", "06:00"],
    )] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        client.receives_error(AT, text, more);
        let lines = first_lines_in_pipe(&client, at);
        for part in expected {
            assert!(lines.contains(part), "{part}: {lines}");
        }
    }
}

/// An error that stops only one session does not keep a shell from starting another session.
#[test]
fn an_error_of_one_session_does_not_keep_a_shell_from_working() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "long");
    let fields = json!({"error": "invalid_request", "apiErrorStatus": 400});
    client.receives_error(AT, "Prompt is too long", fields);
    let at = "2026-11-20T10:01:00Z";
    let in_session = waits(&client, at, &["--session", "long"]);
    assert_eq!(in_session.code, 11, "{in_session:?}");
    assert!(!in_session.stderr.is_empty());
    let shell = Client {
        variables: Vec::new(),
        ..client
    };
    assert_eq!(waits(&shell, at, &[]).code, 0);
    assert_eq!(exit_code(&shell, at), 0);
}
