//! Tests `whycap wait` and the exit codes of `whycap explain --exit-code`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Client, plain_rows, rfc3339, windows};
#[cfg(target_os = "linux")]
use crate::now::RunningClient;
use crate::situation::{
    AT, FIVE_HOUR, NOON, OVERLOADED, SOON, TUESDAY, WEEKLY, flat, refused, session_of_login,
    stores_credits_reason, with_a_private_login,
};
#[cfg(target_os = "linux")]
use crate::situation::{answer, receives_balance_error};
use crate::support::{Run, Sandbox};

/// The last line that `wait` prints after a 5-hour limit if Claude Code continues the session by itself.
const LIMIT_ENDED_CONTINUING: &str = "The message said that your 5-hour limit was used up, but the limit should have reset at 12:00. You can start other work; Claude Code continues the open session 5a7d3c1e by itself.";
/// The last line that `wait` prints after a 5-hour limit if the user has to continue the session.
const LIMIT_ENDED: &str = "The message said that your 5-hour limit was used up, but the limit should have reset at 12:00. You can continue.";

/// The message after a timeout in the seconds after a reset.
const TIMED_OUT_AFTER_RESET: &str = "timed out; the limit should have reset, but whycap waits a little longer because clocks may differ";

pub fn waits(client: &Client<'_>, now: &str, more: &[&str]) -> Run {
    let arguments: Vec<&str> = ["wait"].iter().chain(more).copied().collect();
    client.run(now, &arguments, b"")
}

fn gives_up(client: &Client<'_>, now: &str) {
    gives_up_with(client, now, "timed out while the limit still applied");
}

fn gives_up_with(client: &Client<'_>, now: &str, message: &str) {
    let run = waits(client, now, &["--timeout", "1s"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (124, format!("whycap: {message}\n").as_str())
    );
}

fn exit_code(client: &Client<'_>, now: &str) -> i32 {
    client.run(now, &["explain", "--exit-code"], b"").code
}

#[test]
fn wait_ends_at_once_without_an_error() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let run = waits(&client, AT, &[]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "You are not blocked.\n")
    );
    assert_eq!(exit_code(&client, AT), 0);
}

#[test]
fn the_wait_ends_with_the_limit() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    assert_eq!(exit_code(&client, "2026-11-20T11:00:00Z"), 10);
    // The message gives its time only to the minute, so `wait` waits a minute longer.
    let started = Instant::now();
    let run = waits(&client, "2026-11-20T12:00:58Z", &[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    // A log shows why the wait ended.
    assert!(
        flat(&run.stdout).ends_with(LIMIT_ENDED_CONTINUING),
        "{run:?}"
    );
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(exit_code(&client, "2026-11-20T12:00:30Z"), 0);
}

/// Clocks differ, so `wait` waits a few seconds longer than the reset time. It used to return too early for other
/// sessions of the account, or if an error after the limit was already over.
#[test]
fn the_wait_for_a_limit_of_another_session_ends_when_the_limit_is_surely_over() {
    let sandbox = with_a_private_login();
    let limited = session_of_login(&sandbox, "limited");
    limited.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let overloaded = session_of_login(&sandbox, "asked");
    overloaded.receives_error(
        "2026-11-20T10:00:10Z",
        "API Error: 529 Overloaded.",
        json!({"error": "overloaded", "apiErrorStatus": 529}),
    );
    for arguments in [&[][..], &["--session", "asked"]] {
        let mut timed = vec!["--timeout", "1s"];
        timed.extend(arguments);
        let run = waits(&overloaded, "2026-11-20T12:00:01Z", &timed);
        assert_eq!(run.code, 124, "{arguments:?}: {run:?}");
        assert!(run.stderr.contains("timed out"), "{arguments:?}: {run:?}");
        waits(&overloaded, "2026-11-20T12:00:04Z", arguments).success();
    }
}

/// In the seconds after the reset of another session's limit, only `wait` still takes that limit into account.
/// `explain` used to say both that the limit should have reset and that it applied to the session.
#[test]
fn explain_does_not_apply_a_limit_that_has_just_reset_to_another_session() {
    let sandbox = with_a_private_login();
    let limited = session_of_login(&sandbox, "limited");
    limited.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let asking = session_of_login(&sandbox, "asked");
    asking.works("2026-11-20T09:50:00Z", 10);
    for (at, is_blocked) in [
        ("2026-11-20T11:59:00Z", true),
        ("2026-11-20T12:00:01Z", false),
    ] {
        let arguments = ["explain", "--session", "asked"];
        let explained = flat(asking.run(at, &arguments, b"").success());
        assert_eq!(
            explained.contains("limited"),
            is_blocked,
            "{at}: {explained}"
        );
        let waited = waits(&asking, at, &["--session", "asked", "--timeout", "1s"]);
        assert_eq!(waited.code, 124, "{at}: {waited:?}");
        assert!(waited.stderr.contains("timed out"), "{at}: {waited:?}");
    }
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

/// While a limit may still apply for a few seconds after its reset, `explain` and `doctor` must still mention a session whose
/// key has no credits.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_that_has_just_reset_does_not_hide_the_error_of_a_key() {
    let sandbox = with_a_private_login();
    session_with_empty_key(&sandbox, "2026-11-20T09:58:00Z");
    let limited = session_of_login(&sandbox, "limited");
    limited.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let _process = RunningClient::idle(&sandbox, "with-key");
    let at = "2026-11-20T12:00:01Z";
    for command in ["explain", "doctor"] {
        let shown = flat(&limited.run(at, &[command], b"").stdout);
        assert!(shown.contains("had no credits"), "{command}: {shown}");
    }
    gives_up_with(&limited, at, TIMED_OUT_AFTER_RESET);
}

/// `whycap wait && claude -c` must not do the work that Claude Code will do by itself in an open session. A log of `wait`
/// must say until when it waits in this case as well.
#[test]
fn a_session_that_will_continue_by_itself_is_named() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    let warning = "Claude Code will continue the open session 5a7d3c1e by itself about 12:01. Do not continue its work anywhere else, or it will be done twice.";
    let run = waits(&client, "2026-11-20T10:00:10Z", &["--timeout", "6s"]);
    let log = flat(&run.stdout);
    assert!(run.stderr.contains("timed out"), "{run:?}");
    assert!(log.contains("Waiting until 12:01"), "{log}");
    assert!(log.ends_with(warning), "{log}");
    // The user starts to wait shortly before the reset.
    let run = waits(&client, "2026-11-20T12:00:58Z", &[]);
    assert_eq!(
        flat(run.success()),
        format!("{warning} {LIMIT_ENDED_CONTINUING}")
    );
    client.announces(
        "2026-11-20T10:01:00Z",
        "Automatic continue cancelled · /rate-limit-options to wait again",
    );
    let run = waits(&client, "2026-11-20T12:00:58Z", &[]);
    assert_eq!(flat(run.success()), LIMIT_ENDED);
}

/// `wait` announced that two sessions would continue, and the user pressed Esc in one of them. The last sentence did not
/// say which of them "the open session" was.
#[test]
fn the_last_sentence_names_the_sessions_that_continue_by_themselves() {
    let sandbox = with_a_private_login();
    let names = ["first", "second", "third"];
    let [first, second, canceled] = names.map(|name| session_of_login(&sandbox, name));
    for (client, at) in [
        (&first, AT),
        (&second, "2026-11-20T10:00:10Z"),
        (&canceled, "2026-11-20T10:00:20Z"),
    ] {
        client.receives_error(at, FIVE_HOUR, refused("five_hour", NOON, ""));
    }
    canceled.announces(
        "2026-11-20T10:01:00Z",
        "Automatic continue cancelled · /rate-limit-options to wait again",
    );
    let run = waits(&first, "2026-11-20T11:59:58Z", &[]);
    let sentence = "Claude Code continues the open sessions first and second by itself.";
    assert!(flat(run.success()).ends_with(sentence), "{run:?}");
}

/// After a reset, `wait` printed at once that Claude Code would continue the open session, and the last sentence said so
/// again.
#[test]
fn a_session_that_continues_soon_after_the_reset_is_named_once() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let run = waits(&client, "2026-11-20T12:00:20Z", &["--timeout", "1s"]);
    let shown = flat(run.success());
    assert_eq!(shown.matches("by itself").count(), 1, "{shown}");
    assert!(shown.ends_with(" You can start other work."), "{shown}");
}

/// The text is wrapped at the width of the terminal, and at 80 columns in a pipe, like that of other commands.
#[test]
fn the_sentences_are_wrapped() {
    let sandbox = Sandbox::new();
    let mut client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    let warning = "Do not continue its work anywhere else, or it will be done twice.";
    for (columns, width) in [(None, 80), (Some("50"), 50)] {
        let variable = columns.map(|columns| ("COLUMNS".to_owned(), columns.to_owned()));
        client.variables.extend(variable);
        let run = waits(&client, "2026-11-20T10:00:10Z", &["--timeout", "1s"]);
        assert!(run.stderr.contains("timed out"), "{run:?}");
        assert!(flat(&run.stdout).ends_with(warning), "{run:?}");
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
        (
            "Fable 5 requires usage credits. Run /usage-credits to continue",
            11,
            11,
        ),
    ] {
        let sandbox = Sandbox::new();
        let client = Client::new(&sandbox);
        client.receives_error(AT, text, json!({}));
        let run = waits(&client, "2026-11-20T10:01:00Z", &[]);
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
    let overloaded = "timed out; the service may still be overloaded";
    gives_up_with(&client, "2026-11-20T11:59:30Z", overloaded);
    let run = waits(&client, "2026-11-20T12:01:59Z", &[]);
    assert_eq!(run.code, 0, "a few minutes are over: {}", run.stderr);
}

/// If an error is expected to end on its own, `wait` waits for as long as `explain --exit-code` returns 10.
#[test]
fn a_temporary_problem_is_awaited_as_long_as_explained() {
    for (text, more, seconds, message) in [
        (
            "API Error: 429 Too Many Requests",
            json!({}),
            60,
            "timed out; the service may still be limiting requests temporarily",
        ),
        (
            "API Error: 529 Overloaded",
            json!({"apiErrorStatus": 529}),
            180,
            "timed out; the service may still be overloaded",
        ),
    ] {
        let sandbox = Sandbox::new();
        let client = Client::new(&sandbox);
        client.receives_error(AT, text, more);
        let [start, before_end, end] =
            [1, seconds - 1, seconds].map(|seconds| rfc3339(1_795_168_800 + seconds));
        assert_eq!(exit_code(&client, &start), 10, "{text}");
        gives_up_with(&client, &start, message);
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
    assert!(waited.stderr.contains("timed out"), "{waited:?}");
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
fn after_another_login_the_session_is_still_blocked_everywhere() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    gives_up(&client, AT);
    let other = sandbox.read(".claude.json").replace("11111111", "22222222");
    sandbox.write(".claude.json", other);
    gives_up(&client, AT);
    assert_eq!(exit_code(&client, AT), 10);
    assert_eq!(client.explained(AT)["owner"], "other");
}

/// The last line must say what has ended. Not every error is a limit, and some limits are false alarms.
#[test]
fn the_last_line_says_what_has_ended() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = Client::new(&sandbox);
    let room = windows(42.0, 1_795_176_000, 17.0, 1_795_500_000);
    client.calls_status_line("2026-11-20T09:59:00Z", room, 120);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    let waited = waits(&client, "2026-11-20T10:02:59Z", &[]);
    let false_alarm = "The 5-hour limit error was probably a false alarm (5-hour usage was 42%), which usually passes within minutes.";
    assert!(
        flat(waited.success()).ends_with(&format!("{false_alarm} You can continue.")),
        "{waited:?}"
    );
    client.receives_response("2026-11-20T10:05:00Z");
    let overloaded = Client::with_session(&sandbox, "overloaded");
    let status = json!({"apiErrorStatus": 529});
    overloaded.receives_error("2026-11-20T10:10:00Z", "API Error: 529 Overloaded", status);
    let ended =
        "The service was overloaded (not a usage limit), which usually passes within minutes.";
    let waited = waits(&overloaded, "2026-11-20T10:12:59Z", &[]);
    let last = format!("{ended} You can continue.");
    assert!(flat(waited.success()).ends_with(&last), "{waited:?}");
    let later = waits(&overloaded, "2026-11-20T10:20:00Z", &[]);
    assert_eq!(
        flat(later.success()),
        format!("10:10, in overload: {ended} As far as whycap knows, you are not blocked.")
    );
    // The longer ago the error was, the less is known about it.
    for at in ["2026-11-20T10:20:00Z", "2026-11-20T10:45:00Z"] {
        let now = overloaded.run(at, &["now"], b"");
        let rows = "Limit as far as whycap knows, no limit is blocking you";
        let shown = flat(now.success());
        assert!(shown.contains("Error 10:10, in overload: "), "{shown}");
        assert!(shown.ends_with(rows), "{shown}");
    }
    let listed = overloaded.run("2026-11-20T10:20:00Z", &["incidents"], b"");
    assert!(
        listed
            .success()
            .contains("10:10, 10 m ago, in session overload (should be over)"),
        "{listed:?}"
    );
}

/// After a false alarm, `wait` mentioned only the sessions that Claude Code would continue hours later, but not what it
/// was waiting for.
#[test]
fn the_wait_for_a_false_alarm_begins_with_its_reason_and_its_end() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = Client::new(&sandbox);
    let low = windows(42.0, 1_795_176_000, 17.0, 1_795_500_000);
    client.calls_status_line("2026-11-20T09:59:00Z", low.clone(), 120);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    client.calls_status_line("2026-11-20T10:00:02Z", low, 120);
    let run = waits(&client, "2026-11-20T10:01:00Z", &["--timeout", "1s"]);
    let text = flat(&run.stdout);
    assert!(text.starts_with("This looks like a false alarm"), "{text}");
    assert!(text.contains(". Waiting until 10:03."), "{text}");
    assert!(run.stderr.contains("probably a false alarm"));
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

/// If `wait` times out during a false alarm or an overload, its message must not say that a limit still applies.
#[test]
fn the_message_after_a_timeout_matches_the_verdict() {
    for (text, more, message) in [
        (
            "API Error: 529 Overloaded",
            json!({"apiErrorStatus": 529}),
            "timed out; the service may still be overloaded",
        ),
        (
            "API Error: Request rejected (429) · slow down",
            json!({"apiErrorIsTransient": true}),
            "timed out; the service may still be limiting requests temporarily",
        ),
        (
            FIVE_HOUR,
            json!({}),
            "timed out; the error is probably a false alarm",
        ),
    ] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "max", "admin");
        let client = Client::new(&sandbox);
        let low = windows(42.0, 1_795_176_000, 17.0, 1_795_500_000);
        client.calls_status_line("2026-11-20T09:59:00Z", low.clone(), 120);
        client.receives_error(AT, text, more);
        client.calls_status_line("2026-11-20T10:00:02Z", low, 120);
        gives_up_with(&client, "2026-11-20T10:00:03Z", message);
    }
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
    // A progress line that wraps could not be replaced, so it is shorter in a narrow terminal.
    for (columns, has_hint) in [("80", true), ("40", false)] {
        let Some(shown) = waits_in_terminal(&sandbox, "2026-11-20T11:00:00Z", columns) else {
            return;
        };
        let message = shown.lines().last().unwrap_or_default();
        assert_eq!(
            message, "whycap: timed out while the limit still applied",
            "{shown:?}"
        );
        assert!(shown.contains("Waiting until 12:0"), "{shown:?}");
        assert_eq!(shown.contains("Press Ctrl-C"), has_hint, "{shown:?}");
    }
}

/// On a terminal, `wait` did not say what it was waiting for.
#[test]
#[cfg(target_os = "linux")]
fn the_limit_is_named_once_above_the_progress_line() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    for columns in ["80", "50"] {
        let Some(shown) = waits_in_terminal(&sandbox, "2026-11-20T11:00:00Z", columns) else {
            return;
        };
        assert_eq!(shown.matches("5-hour limit is").count(), 1, "{shown:?}");
        let first = shown.find("5-hour limit is");
        assert!(first < shown.find("Waiting until"), "{shown:?}");
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
    let explained = flat(shell.run(at, &["explain"], b"").success());
    assert!(
        explained.starts_with("Your 5-hour limit is used up; you can continue at 12:00"),
        "{explained}"
    );
    let key_and_plan = "ANTHROPIC_API_KEY has no credits, and your 5-hour limit is also used up until 12:00; unset the key";
    let also = format!("Also, in the session with-key: {key_and_plan}");
    assert!(explained.contains(&also), "{explained}");
    let now = flat(shell.run(at, &["now"], b"").success());
    assert!(
        now.starts_with("Limit Your 5-hour limit is used up; you can continue at 12:00")
            && now.contains(&also),
        "{now}"
    );
    // In the session with the key, the key is the problem.
    assert_eq!(exit_code(&with_key, at), 11);
    let key_first = flat(with_key.run(at, &["explain"], b"").success());
    let reply = answer(&with_key, at);
    for place in [key_first, reply] {
        assert!(place.starts_with(key_and_plan), "{place}");
        let later = "2. Then continue the session on your plan after 12:00: claude -c";
        assert!(place.contains(later), "{place}");
    }
    // After the reset, the key still blocks only its own session.
    let run = waits(&shell, "2026-11-20T11:59:57Z", &[]);
    assert!(
        run.success().ends_with("You are no longer blocked.\n"),
        "{run:?}"
    );
}

/// If two sessions are stopped and only one of them continues by itself, `explain` must say which session its advice is
/// for, as `wait` and `now` do.
#[test]
fn explain_says_which_of_two_stopped_sessions_continues() {
    let sandbox = with_a_private_login();
    let waiting = session_of_login(&sandbox, "waiting");
    waiting.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let canceled = session_of_login(&sandbox, "canceled");
    let later = "2026-11-20T10:01:00Z";
    canceled.receives_error(later, FIVE_HOUR, refused("five_hour", NOON, ""));
    canceled.announces(
        "2026-11-20T10:02:00Z",
        "Automatic continue cancelled · /rate-limit-options to wait again",
    );
    for arguments in [["explain"].as_slice(), &["explain", "--long"]] {
        let run = waiting.run("2026-11-20T10:03:00Z", arguments, b"");
        let explained = flat(run.success());
        let which = "This advice is for the session canceled. Claude Code will continue the open session waiting by itself about 12:01.";
        assert!(explained.contains(which), "{explained}");
    }
}

/// If Claude Code continues both stopped sessions, "Claude Code will continue the open session first" read as if it continued only
/// that one.
#[test]
#[cfg(target_os = "linux")]
fn explain_says_that_both_stopped_sessions_continue() {
    let sandbox = with_a_private_login();
    let later = "2026-11-20T10:01:00Z";
    let [first, second] = [("first", AT), ("second", later)].map(|(name, at)| {
        let mut client = session_of_login(&sandbox, name);
        client
            .variables
            .push(("CLAUDE_CODE_ENTRYPOINT".to_owned(), "cli".to_owned()));
        let process = RunningClient::idle(&sandbox, name);
        client.receives_error(at, FIVE_HOUR, refused("five_hour", NOON, ""));
        (client, process)
    });
    let run = first.0.run("2026-11-20T10:03:00Z", &["explain"], b"");
    let explained = flat(run.success());
    let which = "This advice is for the session second. Claude Code will also continue the open session first by itself about 12:01.";
    assert!(explained.contains(which), "{explained}");
    drop(second);
}

/// Two sessions were open, and one of them was stopped. "Do nothing and leave the session open" did not say which one.
#[test]
#[cfg(target_os = "linux")]
fn explain_names_the_stopped_session_if_another_one_is_running() {
    let sandbox = with_a_private_login();
    let [stopped, works] = ["stopped", "works"].map(|name| session_of_login(&sandbox, name));
    let process = RunningClient::idle(&sandbox, "stopped");
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let explained = || {
        flat(
            works
                .run("2026-11-20T10:03:00Z", &["explain"], b"")
                .success(),
        )
    };
    let which = "This advice is for the session stopped.";
    assert!(!explained().contains(which), "{}", explained());
    let _other_process = RunningClient::idle(&sandbox, "works");
    assert!(explained().contains(which), "{}", explained());
    drop(process);
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
    for (text, more, at, expected) in [
        (
            WEEKLY,
            refused("seven_day", TUESDAY, ""),
            "2026-11-24T05:59:58Z",
            ["Your weekly limit is used up", "Waiting until 06:00"],
        ),
        (
            OVERLOADED,
            json!({"error": "overloaded", "apiErrorStatus": 529}),
            "2026-11-20T10:02:57Z",
            ["The service is overloaded", "Waiting until 10:03"],
        ),
    ] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        client.receives_error(AT, text, more);
        let lines = first_lines_in_pipe(&client, at);
        for part in expected {
            assert!(lines.contains(part), "{part}: {lines}");
        }
    }
}

/// A session was refused at the 5-hour limit, and another one because of too many requests at once. `wait` first waited
/// until 10:01, as if that were all, and then until 12:00.
#[test]
fn wait_beside_a_throttle_names_the_reset_of_the_limit_from_the_beginning() {
    let sandbox = with_a_private_login();
    let [limited, throttled] =
        ["limited", "throttled"].map(|name| session_of_login(&sandbox, name));
    let refusal = refused("five_hour", NOON, "");
    limited.receives_error("2026-11-20T09:58:00Z", FIVE_HOUR, refusal);
    let full = windows(100.0, NOON, 17.0, TUESDAY);
    limited.calls_status_line("2026-11-20T09:58:02Z", full, 120);
    let throttle = "API Error: Server is temporarily limiting requests (not your usage limit)";
    throttled.receives_error(AT, throttle, json!({}));
    gives_up(&limited, "2026-11-20T10:00:10Z");
    let run = waits(&limited, "2026-11-20T10:00:58Z", &["--timeout", "6s"]);
    assert!(
        run.stderr.contains("while the limit still applied"),
        "{run:?}"
    );
    assert!(!run.stdout.contains("10:01"), "{run:?}");
}

/// The 5-hour window has reset, but the weekly window is full. `wait` waited until Tuesday, and `explain --exit-code`
/// returned 10, although nothing has been refused since the reset and usage credits may pay.
#[test]
fn a_full_window_that_has_refused_nothing_is_mentioned_but_not_awaited() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    client.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
    let five_pm = NOON + 5 * 60 * 60;
    let full_week = windows(3.0, five_pm, 100.0, TUESDAY);
    client.calls_status_line("2026-11-20T12:05:00Z", full_week, 120);
    let at = "2026-11-20T12:10:00Z";
    let run = waits(&client, at, &["--timeout", "1s"]);
    let headline =
        "Your 5-hour limit has reset, but your weekly limit is used up until Tue Nov 24 06:00.";
    let how_to_wait = "To wait for the reset, run: whycap wait --free";
    assert_eq!(flat(run.success()), format!("{headline} {how_to_wait}"));
    assert_eq!(exit_code(&client, at), 0);

    let explained = flat(client.run(at, &["explain", "--long"], b"").success());
    for part in [
        headline,
        "1. You can wait until Tue Nov 24 06:00, when your weekly limit resets",
        "Until then, a prompt will be refused or paid for with usage credits.",
        "2. Or send a prompt now, which costs money if usage credits pay for it",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
}

/// The 5-hour window has reset, but the weekly window is full, and the server refuses usage credits. `explain` offered to
/// send a prompt that credits might pay for.
#[test]
fn explain_does_not_offer_a_prompt_that_credits_cannot_pay_for() {
    let sandbox = with_a_private_login();
    let reason = "org_level_disabled";
    stores_credits_reason(&sandbox, &json!(reason));
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, reason));
    let five_pm = NOON + 5 * 60 * 60;
    let full_week = windows(3.0, five_pm, 100.0, TUESDAY);
    client.calls_status_line("2026-11-20T12:05:00Z", full_week, 120);
    let run = client.run("2026-11-20T12:10:00Z", &["explain"], b"");
    let explained = flat(run.success());
    assert!(
        explained.contains("You can wait until Tue Nov 24 06:00"),
        "{explained}"
    );
    assert!(!explained.contains("Or send a prompt now"), "{explained}");
}

/// An overload ended `wait` in a pipe, as the log said, but a 5-hour limit had been reached in the meantime. The log did not
/// say that `wait` then waited until 12:00.
#[test]
fn a_piped_wait_says_so_if_it_waits_for_something_else() {
    use std::io::{BufRead, BufReader};
    let sandbox = with_a_private_login();
    let [overloaded, limited] =
        ["overloaded", "limited"].map(|name| session_of_login(&sandbox, name));
    let fields = json!({"error": "overloaded", "apiErrorStatus": 529});
    overloaded.receives_error(AT, OVERLOADED, fields);
    let mut command = sandbox.command(&["wait", "--timeout", "1m"]);
    command.env("WHYCAP_NOW", "2026-11-20T10:01:00Z");
    let mut process = crate::support::started_with_pipes(&mut command);
    let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut log = String::new();
    for goal in ["Waiting until 10:03", "Waiting until 12:00"] {
        while !log.contains(goal) {
            let line = output.next();
            assert!(line.is_some(), "{goal}: {log}");
            log = flat(&format!("{log} {}", line.unwrap().unwrap()));
        }
        if goal == "Waiting until 10:03" {
            let at = "2026-11-20T10:01:01Z";
            limited.receives_error(at, FIVE_HOUR, refused("five_hour", NOON, ""));
        }
    }
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(log.matches("Waiting until").count(), 2, "{log}");
}

/// On a terminal, `wait` began with "Another session has received a response since then", without saying since when.
#[test]
#[cfg(target_os = "linux")]
fn wait_in_a_terminal_names_the_limit_before_a_response_elsewhere() {
    let sandbox = with_a_private_login();
    let [stopped, headless] = ["stopped", "headless"].map(|name| session_of_login(&sandbox, name));
    let refusal = refused("seven_day", TUESDAY, "org_level_disabled");
    stopped.receives_error(AT, WEEKLY, refusal);
    stopped.calls_status_line(SOON, windows(40.0, NOON, 100.0, TUESDAY), 120);
    headless.sends_prompt("2026-11-20T10:30:00Z", "Explain the parser.");
    headless.works("2026-11-20T10:30:05Z", 10);
    let Some(shown) = waits_in_terminal(&sandbox, "2026-11-20T10:31:00Z", "80") else {
        return;
    };
    let text = flat(&whycap::terminal::strip_ansi(&shown));
    let headline = text.find("Your weekly limit is used up");
    let response = text.find("Another session has received a response since then");
    assert!(headline.is_some() && headline < response, "{text}");
}

/// `wait` waits a few seconds longer than until the reset. It used to say "timed out while the limit still applied"
/// although all other commands said that the limit should have reset, and "Waiting until 12:00" although its headline said
/// that work can continue at 11:59.
#[test]
fn wait_and_its_headline_state_the_same_reset() {
    let sandbox = with_a_private_login();
    let limited = session_of_login(&sandbox, "limited");
    let text = "You've hit your 5-hour limit · resets 11:59am (UTC)";
    limited.receives_error(AT, text, refused("five_hour", NOON - 1, ""));
    let run = waits(&limited, "2026-11-20T11:00:00Z", &["--timeout", "1s"]);
    assert!(run.stderr.contains("still applied"), "{run:?}");
    let log = flat(&run.stdout);
    assert!(log.contains("you can continue at 11:59"), "{log}");
    assert!(log.contains("Waiting until 11:59"), "{log}");
    gives_up(&limited, "2026-11-20T11:59:50Z");

    let at = "2026-11-20T12:00:01Z";
    assert_eq!(exit_code(&limited, at), 0);
    gives_up_with(&limited, at, TIMED_OUT_AFTER_RESET);
}

/// An admin had turned off the user's credits. No screen said when the 5-hour limit would reset, although the server had stated
/// it: the step was "/usage shows when", and `wait` failed at once, although it said that Claude Code would continue.
#[test]
fn credits_that_an_admin_has_turned_off_do_not_hide_the_reset() {
    for (text, badge, state, step) in [
        (
            "Your group's usage limit is set to $0 · run /usage-credits to ask your admin for a higher limit",
            "credits set to zero · resets at 12:00",
            "an admin set usage credits to zero",
            "2. Ask an admin to restore your usage",
        ),
        (
            "Your usage allocation has been disabled by your admin · ask your admin for a higher limit",
            "credits set to zero · resets at 12:00",
            "an admin set usage credits to zero",
            "2. Ask an admin to restore your usage",
        ),
        (
            "This service is disabled for your org",
            "credits are off · resets at 12:00",
            "your org turned off usage credits",
            "2. Or ask an admin to turn on usage credits",
        ),
    ] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "team", "user");
        let client = Client::new(&sandbox);
        client.receives_error(
            AT,
            text,
            refused("five_hour", NOON, "group_zero_credit_limit"),
        );
        let full = windows(100.0, NOON, 40.0, TUESDAY);
        let row = plain_rows(&client, SOON, full);
        assert!(row.contains(badge), "{text}: {row}");
        let explained = flat(client.run(SOON, &["explain"], b"").success());
        let headline =
            format!("Your 5-hour limit is used up, and {state}; you can continue at 12:00");
        assert!(explained.contains(&headline), "{text}: {explained}");
        assert!(explained.contains(step), "{text}: {explained}");
        let waited = waits(&client, SOON, &["--timeout", "1s"]);
        assert!(
            waited.code == 124 && waited.stderr.contains("timed out"),
            "{text}: {waited:?}"
        );
        assert!(
            waited.stdout.contains("Waiting until 12:00."),
            "{text}: {waited:?}"
        );
    }
}
