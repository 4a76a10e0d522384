//! Tests sessions that use `CLAUDE_CODE_OAUTH_TOKEN`. Claude Code does not pass this variable to the hooks and the status
//! line, so a process with the variable stands in for Claude Code.

use serde_json::{Value, json};

use crate::client::{Client, plain_rows, run, windows};
use crate::newest_evidence::hits_limit;
use crate::now::RunningClient;
use crate::situation::{
    AT, FIVE_HOUR, NOON, PRIVATE, SOON, TUESDAY, WEEKLY, answer, answer_to, belongs_to, flat,
    reaches_five_hour_limit, refused, with_a_private_login,
};
use crate::support::Sandbox;

/// Starts a session in this process.
fn starts_session<'s>(sandbox: &'s Sandbox, name: &str, process: &RunningClient) -> Client<'s> {
    let mut client = Client::with_session(sandbox, name);
    client.variables.push(process.variable());
    client.event(
        "2026-11-20T09:50:00Z",
        "SessionStart",
        json!({"source": "startup"}),
    );
    client
}

/// Starts a session of the login in this process.
fn starts_session_of_login<'s>(
    sandbox: &'s Sandbox,
    name: &str,
    process: &RunningClient,
) -> Client<'s> {
    let client = starts_session(sandbox, name, process);
    belongs_to(&client, PRIVATE, "private-organization");
    client
}

/// Returns the variable of a shell with the token.
fn token() -> (String, String) {
    ("CLAUDE_CODE_OAUTH_TOKEN".to_owned(), "hidden".to_owned())
}

/// Returns the row of a status-line call that reports this usage of the payer's 5-hour window.
fn row_at_usage(client: &Client<'_>, at: &str, percent: f64) -> String {
    flat(&plain_rows(
        client,
        at,
        windows(percent, NOON, 40.0, TUESDAY),
    ))
}

/// Simulates a response, and returns the row that follows it.
fn works_at_usage(client: &Client<'_>, at: &str, percent: f64) -> String {
    client.works(at, 10);
    row_at_usage(client, at, percent)
}

/// Returns the row of a status-line call that reports no windows.
fn row(client: &Client<'_>, at: &str) -> String {
    flat(&plain_rows(client, at, json!(null)))
}

/// Runs `explain --exit-code --session` in a shell.
fn exit_code_of_explanation(client: &Client<'_>, at: &str) -> i32 {
    let arguments = ["explain", "--exit-code", "--session", &client.session];
    run(client.sandbox, at, &arguments, b"", &[]).code
}

/// A session with a token reached its limit. The rows of the login's sessions showed the token's full window and named
/// its limit. When one of them received a response, the session with the token was told to send its prompt again.
#[test]
fn the_windows_and_limits_of_a_token_are_not_those_of_the_login() {
    let sandbox = with_a_private_login();
    let process = RunningClient::start(&sandbox);
    let process_with_token = RunningClient::with_token(&sandbox);
    let of_login = starts_session_of_login(&sandbox, "of-login", &process);
    let with_token = starts_session(&sandbox, "with-token", &process_with_token);
    let shown = works_at_usage(&of_login, "2026-11-20T09:55:00Z", 23.0);
    assert!(shown.contains("5h 23%"), "{shown}");
    let shown = works_at_usage(&with_token, "2026-11-20T09:56:00Z", 2.0);
    assert!(shown.contains("5h 2%"), "{shown}");
    let shown = row(&of_login, "2026-11-20T09:56:10Z");
    assert!(shown.contains("5h 23%"), "{shown}");

    reaches_five_hour_limit(&with_token);
    let at = "2026-11-20T10:00:10Z";
    let shown = row(&with_token, at);
    assert!(shown.contains("5-hour limit · resets at 12:00"), "{shown}");
    let shown = row(&of_login, at);
    assert!(shown.contains("5h 23%"), "{shown}");
    assert!(!shown.contains("5-hour limit"), "{shown}");
    let now = run(&sandbox, at, &["now", "--json"], b"", &[]).json();
    let percent = &now["windows"]["five_hour"]["used_percentage"];
    assert_eq!(percent, 23.0, "{now:#}");

    let shown = works_at_usage(&of_login, "2026-11-20T10:03:00Z", 24.0);
    assert!(shown.contains("5h 24%"), "{shown}");
    let at = "2026-11-20T10:03:10Z";
    let shown = row(&with_token, at);
    assert!(shown.contains("5-hour limit · resets at 12:00"), "{shown}");
    assert_eq!(exit_code_of_explanation(&with_token, at), 10);
    assert_eq!(exit_code_of_explanation(&of_login, at), 0);

    let new_process = RunningClient::with_token(&sandbox);
    let new_session = starts_session(&sandbox, "new", &new_process);
    let shown = row(&new_session, at);
    assert!(!shown.contains("5h"), "{shown}");
    let data = sandbox.path(".local/share/whycap");
    let search = std::process::Command::new("grep")
        .args(["-rlaF", "hidden"])
        .arg(&data)
        .output()
        .unwrap();
    assert_eq!(search.stdout, b"", "a file contains the token");
}

/// The login had reached its limit. The rows of sessions with a token showed that limit, and after a response in one of
/// them, whycap said that the limit was over.
#[test]
fn a_limit_of_the_login_does_not_apply_to_a_session_with_a_token() {
    let sandbox = with_a_private_login();
    let process = RunningClient::start(&sandbox);
    let process_with_token = RunningClient::with_token(&sandbox);
    let of_login = starts_session_of_login(&sandbox, "of-login", &process);
    let with_token = starts_session(&sandbox, "with-token", &process_with_token);
    works_at_usage(&of_login, "2026-11-20T09:55:00Z", 97.0);
    works_at_usage(&with_token, "2026-11-20T09:56:00Z", 2.0);
    reaches_five_hour_limit(&of_login);
    let at = "2026-11-20T10:00:10Z";
    let shown = row_at_usage(&with_token, at, 2.0);
    assert!(shown.contains("5h 2%"), "{shown}");
    assert!(!shown.contains("5-hour limit"), "{shown}");

    works_at_usage(&with_token, "2026-11-20T10:03:00Z", 3.0);
    let at = "2026-11-20T10:03:10Z";
    let shown = row(&of_login, at);
    assert!(shown.contains("5-hour limit · resets at 12:00"), "{shown}");
    assert_eq!(exit_code_of_explanation(&of_login, at), 10);
    assert_eq!(exit_code_of_explanation(&with_token, at), 0);
}

/// A run of `claude -p` with a token reached its limit. It reports no readings, so whycap compared the message with the
/// reading of the login and called it a false alarm.
#[test]
fn a_reading_of_the_login_does_not_make_the_limit_of_a_token_a_false_alarm() {
    let sandbox = with_a_private_login();
    let process = RunningClient::start(&sandbox);
    let process_with_token = RunningClient::with_token(&sandbox);
    let of_login = starts_session_of_login(&sandbox, "of-login", &process);
    works_at_usage(&of_login, "2026-11-20T09:59:50Z", 3.0);
    let with_token = starts_session(&sandbox, "with-token", &process_with_token);
    with_token.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let arguments = ["explain", "--json", "--session", &with_token.session];
    let report = run(&sandbox, SOON, &arguments, b"", &[]).json();
    let incident = &report["incident"];
    assert_ne!(incident["verdict"], "false_alarm", "{incident:#}");
    assert_eq!(incident["usage_before"], Value::Null, "{incident:#}");
    let reply = answer(&with_token, SOON);
    assert!(!reply.contains("false alarm"), "{reply}");
}

/// The token was set in the `env` of the settings. Claude Code does not pass on this variable either, so the row showed
/// the windows of the token in the sessions of a login that had been used before.
#[test]
fn a_token_in_the_settings_is_not_the_login_either() {
    let sandbox = with_a_private_login();
    let process = RunningClient::start(&sandbox);
    let of_login = starts_session_of_login(&sandbox, "of-login", &process);
    works_at_usage(&of_login, "2026-11-20T09:55:00Z", 23.0);
    let settings = json!({"env": {"CLAUDE_CODE_OAUTH_TOKEN": "hidden"}});
    sandbox.write(".claude/settings.json", settings.to_string());
    let process_with_token = RunningClient::start(&sandbox);
    let with_token = starts_session(&sandbox, "with-token", &process_with_token);
    let shown = works_at_usage(&with_token, "2026-11-20T09:56:00Z", 2.0);
    assert!(shown.contains("5h 2%"), "{shown}");
    let shown = row_at_usage(&of_login, "2026-11-20T09:56:10Z", 23.0);
    assert!(shown.contains("5h 23%"), "{shown}");
}

/// A session with a token reached its limit, while nothing is known about the usage of the login. In a shell without the
/// token, `now` said that the user's limit was used up, and did not name the session.
#[test]
fn a_shell_names_the_session_whose_token_has_reached_its_limit() {
    let sandbox = with_a_private_login();
    let process_with_token = RunningClient::with_token(&sandbox);
    let with_token = starts_session(&sandbox, "with-token", &process_with_token);
    reaches_five_hour_limit(&with_token);
    let others =
        "The error occurred in the session named above; sessions that show no error may work.";
    for arguments in [&["explain"][..], &["now"]] {
        let shown = flat(run(&sandbox, SOON, arguments, b"", &[]).success());
        assert!(shown.contains("with-tok"), "{shown}");
        assert!(!shown.contains("still blocked"), "{shown}");
        assert!(arguments == ["now"] || shown.contains(others), "{shown}");
    }
    // A shell with the token may be blocked as well.
    let shown = run(&sandbox, SOON, &["explain"], b"", &[token()]);
    let shown = flat(shown.success());
    assert!(shown.contains("You are still blocked."), "{shown}");
}

/// A session with a token reached its weekly limit. In a shell without the token, `wait` waited until Tuesday and did not
/// name the session, although the login had used 23%.
#[test]
fn the_limit_of_a_token_does_not_block_a_shell_whose_login_has_room() {
    let sandbox = with_a_private_login();
    let process = RunningClient::start(&sandbox);
    let process_with_token = RunningClient::with_token(&sandbox);
    process_with_token.registers(&sandbox, "with-token", "idle");
    let of_login = starts_session_of_login(&sandbox, "of-login", &process);
    works_at_usage(&of_login, "2026-11-20T09:55:00Z", 23.0);
    let with_token = starts_session(&sandbox, "with-token", &process_with_token);
    hits_limit(
        &with_token,
        AT,
        WEEKLY,
        &refused("seven_day", TUESDAY, ""),
        windows(50.0, NOON, 100.0, TUESDAY),
    );
    let in_shell = |arguments: &[&str]| run(&sandbox, SOON, arguments, b"", &[]);
    let past = "Your weekly limit was used up, but this affects only one session.";
    let waited = in_shell(&["wait", "--timeout", "1s"]);
    let lines = flat(waited.success());
    assert!(lines.contains("with-tok"), "{lines}");
    assert!(lines.contains(past), "{lines}");
    assert!(lines.ends_with("You are not blocked."), "{lines}");
    let explained = in_shell(&["explain", "--exit-code"]);
    assert_eq!(explained.code, 0, "{explained:?}");
    let shown = flat(&explained.stdout);
    for part in [past, "with-tok", "nothing is blocking you"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let now = flat(in_shell(&["now"]).success());
    for part in [
        past,
        "no limit is blocking you",
        "blocked; Claude Code will not continue",
    ] {
        assert!(now.contains(part), "{part}: {now}");
    }
    // In a conversation of the login without a response since then, `/whycap` advised the user to wait or to buy credits.
    let answered = answer(&of_login, SOON);
    for part in [past, "nothing is blocking you"] {
        assert!(answered.contains(part), "{part}: {answered}");
    }
    assert!(!answered.contains("costs money"), "{answered}");
    // The session itself is blocked, and so is a shell with the token.
    let answered = answer(&with_token, SOON);
    assert!(answered.contains("You are still blocked"), "{answered}");
    assert_eq!(exit_code_of_explanation(&with_token, SOON), 10);
    let arguments = ["explain", "--exit-code"];
    assert_eq!(run(&sandbox, SOON, &arguments, b"", &[token()]).code, 10);
}

/// The token belonged to the account of the login. Its session used up the window that another session had reported at 90%,
/// but in a shell `wait` ended at once: "You are not blocked."
#[test]
fn a_nearly_full_window_of_the_login_does_not_show_room_after_the_limit_of_a_token() {
    let sandbox = with_a_private_login();
    let process = RunningClient::start(&sandbox);
    let process_with_token = RunningClient::with_token(&sandbox);
    process_with_token.registers(&sandbox, "with-token", "idle");
    let of_login = starts_session_of_login(&sandbox, "of-login", &process);
    works_at_usage(&of_login, "2026-11-20T09:50:00Z", 90.0);
    let with_token = starts_session(&sandbox, "with-token", &process_with_token);
    reaches_five_hour_limit(&with_token);
    let explained = run(&sandbox, SOON, &["explain", "--exit-code"], b"", &[]);
    assert_eq!(explained.code, 10, "{explained:?}");
}

/// A session waited for its 5-hour reset, and another one reached its weekly limit. Only one of them had a token. In the
/// conversations, `/whycap now` said that the weekly limit might stop the first session again.
#[test]
fn a_session_is_not_stopped_again_by_the_limit_of_another_payer() {
    for is_login_waiting in [true, false] {
        let sandbox = with_a_private_login();
        let process = RunningClient::start(&sandbox);
        process.registers(&sandbox, "of-login", "idle");
        let process_with_token = RunningClient::with_token(&sandbox);
        process_with_token.registers(&sandbox, "with-token", "idle");
        let of_login = starts_session_of_login(&sandbox, "of-login", &process);
        let with_token = starts_session(&sandbox, "with-token", &process_with_token);
        let (waiting, weekly) = if is_login_waiting {
            (&of_login, &with_token)
        } else {
            (&with_token, &of_login)
        };
        hits_limit(
            waiting,
            AT,
            FIVE_HOUR,
            &refused("five_hour", NOON, "org_level_disabled"),
            windows(100.0, NOON, 44.0, TUESDAY),
        );
        hits_limit(
            weekly,
            "2026-11-20T10:05:00Z",
            WEEKLY,
            &refused("seven_day", TUESDAY, "org_level_disabled"),
            windows(50.0, NOON, 100.0, TUESDAY),
        );
        let at = "2026-11-20T10:06:00Z";
        for shown in [
            answer_to(&of_login, at, "/whycap now"),
            answer_to(weekly, at, "/whycap now"),
            flat(run(&sandbox, at, &["now"], b"", &[]).success()),
        ] {
            assert!(shown.contains("by itself about 12:01"), "{shown}");
            assert!(!shown.contains("may stop it again"), "{shown}");
        }
    }
}
