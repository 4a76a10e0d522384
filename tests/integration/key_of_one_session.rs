//! Tests the output in other sessions and shells while a session is blocked by its own key.

use serde_json::{Value, json};

use crate::client::{Client, plain_rows, windows};
use crate::newest_evidence::{five_hour_full, receives_response};
use crate::now::RunningClient;
use crate::situation::{
    AT, FIVE_HOUR, NOON, PRIVATE, SOON, TUESDAY, answer, answer_to, belongs_to, flat,
    reaches_five_hour_limit, receives_balance_error, refused, session_of_login,
    with_a_private_login,
};
use crate::support::{Run, Sandbox};

const KEY: &str = "ANTHROPIC_API_KEY";
const NO_API_CREDITS: &str = "The API credits in your Console account are used up";

/// Starts a session with a key in its own environment.
fn session_with_key(sandbox: &Sandbox) -> Client<'_> {
    let start = json!({"type": "user", "isMeta": true, "cwd": "/home/dev/api"});
    let transcript = ".claude/projects/-home-dev-api/with-key.jsonl";
    sandbox.append(transcript, &start.to_string());
    let mut client = Client::with_session(sandbox, "with-key");
    let key = (KEY.to_owned(), "sk-ant-dummy".to_owned());
    client.variables.push(key);
    client
}

/// Starts a session with a key in its own environment. The key has no credits.
fn session_with_empty_key(sandbox: &Sandbox) -> Client<'_> {
    let client = session_with_key(sandbox);
    receives_balance_error(&client, AT);
    client
}

/// Simulates a request that Claude Code does not send because there is no login.
fn lacks_login(client: &Client<'_>, at: &str) {
    let refused = json!({"apiErrorStatus": null, "error": "authentication_failed"});
    client.receives_error(at, "Not logged in \u{b7} Please run /login", refused);
}

/// Runs a command in a shell with these environment variables.
fn shell(sandbox: &Sandbox, at: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let variables: Vec<(String, String)> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    crate::client::run(sandbox, at, arguments, b"", &variables)
}

/// Runs a command in a shell without the key.
fn shell_without_key(sandbox: &Sandbox, at: &str, arguments: &[&str]) -> Run {
    shell(sandbox, at, arguments, &[])
}

/// The session with the key is still running. In a shell without the key, and in the sessions of the login, nothing is
/// blocked.
#[test]
fn the_key_of_a_running_session_blocks_only_that_session() {
    let sandbox = with_a_private_login();
    let with_key = session_with_empty_key(&sandbox);
    let _process = RunningClient::idle(&sandbox, "with-key");
    let on_plan = session_of_login(&sandbox, "on-plan");
    let at = "2026-11-20T10:01:00Z";

    let happened = "A request failed because ANTHROPIC_API_KEY had no credits";
    let session = "with-key, /home/dev/api";
    let code = shell_without_key(&sandbox, at, &["explain", "--exit-code"]).code;
    assert_eq!(code, 0);
    let explained = flat(shell_without_key(&sandbox, at, &["explain"]).success());
    let headline = format!("{happened}, but this affects only one session. Session: {session}");
    assert!(explained.starts_with(&headline), "{explained}");
    // The user may be asking because of the session with the key, so it was wrong to begin with "Just continue".
    for part in [
        "1. Other sessions can continue: nothing is blocking them",
        "2. In that session, exit, unset ANTHROPIC_API_KEY",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    assert!(!explained.contains("still blocked"), "{explained}");
    let report = shell_without_key(&sandbox, at, &["explain", "--json"]).json();
    let json = &report["incident"];
    assert_eq!(json["open"], false, "{json:#}");
    assert_eq!(json["session_id"], "with-key", "{json:#}");

    let past = format!("10:00, in {session}: {happened}, but this affects only one session.");
    let now = flat(shell_without_key(&sandbox, at, &["now"]).success());
    for part in [
        past.as_str(),
        "no limit is blocking you",
        "blocked: its key has no credits left",
    ] {
        assert!(now.contains(part), "{part}: {now}");
    }
    let now = shell_without_key(&sandbox, at, &["now", "--json"]).json();
    assert_eq!(now["blocked"], Value::Null, "{now:#}");
    assert_eq!(now["sessions"][0]["continues"], "no", "{now:#}");
    let waited = shell_without_key(&sandbox, at, &["wait"]);
    assert_eq!(waited.code, 0, "{waited:?}");
    assert_eq!(flat(&waited.stdout), format!("{past} You are not blocked."));
    let doctor = flat(&shell_without_key(&sandbox, at, &["doctor"]).stdout);
    assert!(!doctor.contains("Work is blocked"), "{doctor}");
    assert!(doctor.starts_with(&past), "{doctor}");
    let listed = flat(shell_without_key(&sandbox, at, &["incidents"]).success());
    assert!(listed.contains("(blocks only its session)"), "{listed}");

    let reply = answer(&on_plan, at);
    let elsewhere = format!(
        "{happened}, but this affects only one session. This happened in another session (\"hi\", /home/dev/api)."
    );
    assert!(reply.starts_with(&elsewhere), "{reply}");
    for part in [
        "1. Just continue: nothing is blocking you",
        "2. In that session, exit, unset ANTHROPIC_API_KEY",
    ] {
        assert!(reply.contains(part), "{part}: {reply}");
    }
    let line = on_plan.calls_status_line(at, windows(42.0, NOON, 17.0, TUESDAY), 160);
    assert!(!line.success().contains(KEY), "{line:?}");

    // The session itself and a shell with the key are blocked.
    let reply = answer(&with_key, at);
    assert!(reply.contains("You are still blocked."), "{reply}");
    let key = [(KEY, "sk-ant-dummy")];
    let explained = shell(&sandbox, at, &["explain", "--exit-code"], &key);
    assert_eq!(explained.code, 11);
    let waited = shell(&sandbox, at, &["wait"], &key);
    assert_eq!(waited.code, 11, "{waited:?}");
    assert!(waited.stderr.contains("has no credits"), "{waited:?}");
    let arguments = ["explain", "--exit-code", "--session", "with-key"];
    let of_session = shell_without_key(&sandbox, at, &arguments);
    assert_eq!(of_session.code, 11);
    let now = shell(&sandbox, at, &["now", "--json"], &key).json();
    assert!(now["blocked"].is_object(), "{now:#}");
}

/// Two seconds after the reset of the 5-hour limit, `explain` and `now` named only the error of another session's key.
#[test]
fn a_limit_of_the_login_that_has_just_reset_is_mentioned_beside_the_error_of_a_key() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    stopped.receives_error(
        "2026-11-20T11:56:00Z",
        FIVE_HOUR,
        refused("five_hour", NOON, ""),
    );
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    stopped.calls_status_line("2026-11-20T11:56:02Z", full, 120);
    let with_key = session_with_key(&sandbox);
    receives_balance_error(&with_key, "2026-11-20T11:59:00Z");
    let _process = RunningClient::idle(&sandbox, "with-key");
    for command in ["explain", "now"] {
        let shown = flat(shell_without_key(&sandbox, "2026-11-20T12:00:02Z", &[command]).success());
        assert!(
            shown.contains("Your 5-hour limit was used up"),
            "{command}: {shown}"
        );
        assert!(shown.contains(KEY), "{command}: {shown}");
        let later = flat(shell_without_key(&sandbox, "2026-11-20T12:31:00Z", &[command]).success());
        let of_key = "A request failed because ANTHROPIC_API_KEY had no credits";
        assert!(later.contains(of_key), "{command}: {later}");
        assert!(
            !later.contains("5-hour limit was used up"),
            "{command}: {later}"
        );
    }
}

/// Two sessions with an empty key are closed within two minutes, and a session of the login receives a response after
/// each error. A response in a session of the login does not end the error of a key, so `incidents` must not name it.
/// The user went on between the errors, so they are two stops.
#[test]
fn a_response_of_the_login_is_not_named_as_the_end_of_a_keys_error() {
    let sandbox = with_a_private_login();
    let with_key = session_with_empty_key(&sandbox);
    let on_plan = session_of_login(&sandbox, "on-plan");
    on_plan.sends_prompt("2026-11-20T10:00:05Z", "go on");
    on_plan.works("2026-11-20T10:00:07Z", 10);
    let mut again = Client::with_session(&sandbox, "again");
    again.variables.clone_from(&with_key.variables);
    receives_balance_error(&again, "2026-11-20T10:02:00Z");
    on_plan.sends_prompt("2026-11-20T10:02:05Z", "go on");
    on_plan.works("2026-11-20T10:02:08Z", 10);

    let at = "2026-11-20T10:03:00Z";
    let happened = "A request failed because ANTHROPIC_API_KEY had no credits";
    for arguments in [&["explain"][..], &["incidents"]] {
        let text = flat(shell_without_key(&sandbox, at, arguments).success());
        assert!(text.contains(happened), "{arguments:?}: {text}");
        for wrong in ["is using", "still blocked", "another session responded"] {
            assert!(!text.contains(wrong), "{wrong}: {arguments:?}: {text}");
        }
    }
    let report = shell_without_key(&sandbox, at, &["incidents", "--json"]).json();
    let sums = &report["sums"];
    assert_eq!(sums["stops"], 2, "{sums:#}");
    assert_eq!(sums["blocked_s"], 15, "{sums:#}");
}

/// The project's settings contain the script that prints the key, so the next prompt uses the key again. The session's
/// working directory may be a subdirectory of the project.
#[test]
fn a_key_in_the_settings_of_the_project_is_not_said_to_be_removed() {
    let sandbox = with_a_private_login();
    let settings = json!({"apiKeyHelper": "/opt/print-key"}).to_string();
    sandbox.write("api/.claude/settings.json", settings);
    let project = sandbox.path("api");
    let mut client = Client::with_session(&sandbox, "with-helper");
    let directory = project.to_str().unwrap().to_owned();
    client
        .variables
        .push(("CLAUDE_PROJECT_DIR".to_owned(), directory));
    let text = "Credit balance is too low";
    client.append(&client.error_line(AT, text, json!({"apiErrorStatus": 400})));
    let failure = json!({"error": "billing_error", "last_assistant_message": text, "cwd": project.join("src")});
    client.event(AT, "StopFailure", failure);

    let at = "2026-11-20T10:01:00Z";
    let payload = json!({
        "session_id": client.session, "transcript_path": client.transcript(), "version": client.version,
        "cwd": project.join("src"), "workspace": {"project_dir": project},
    });
    let line = client.run(at, &["statusline"], payload.to_string().as_bytes());
    assert!(line.success().contains("no credits"), "{line:?}");
    let reply = answer(&client, at);
    assert!(reply.contains("You are still blocked."), "{reply}");

    sandbox.write("api/.claude/settings.json", "{}");
    let reply = answer(&client, at);
    assert!(!reply.contains("You are still blocked."), "{reply}");
}

/// Without a login, a new session in the shell would not work either.
#[test]
fn without_a_login_an_empty_key_still_blocks_the_shell() {
    let sandbox = Sandbox::new();
    session_with_empty_key(&sandbox);
    let _process = RunningClient::idle(&sandbox, "with-key");
    assert_eq!(
        shell(&sandbox, SOON, &["explain", "--exit-code"], &[]).code,
        11
    );
}

/// The newest error is over, but the session with the key is still blocked, so `explain` must describe the error of
/// that session.
#[test]
fn a_session_blocked_by_its_key_is_mentioned_before_a_newer_error_that_is_over() {
    let sandbox = with_a_private_login();
    session_with_empty_key(&sandbox);
    let _process = RunningClient::idle(&sandbox, "with-key");
    let on_plan = session_of_login(&sandbox, "on-plan");
    let overload = json!({"apiErrorStatus": 529});
    on_plan.receives_error(
        "2026-11-20T10:02:00Z",
        "API Error: 529 Overloaded",
        overload,
    );
    on_plan.works("2026-11-20T10:03:00Z", 10);
    let explained = shell(&sandbox, "2026-11-20T10:04:00Z", &["explain"], &[]);
    assert!(explained.success().contains(KEY), "{explained:?}");
}

/// The shell would use the plan instead of the refused key, but the plan is used up as well.
#[test]
fn a_refused_key_blocks_the_shell_too_while_the_plan_is_used_up() {
    for (weekly, code) in [(40.0, 0), (100.0, 11)] {
        let sandbox = with_a_private_login();
        let _process = RunningClient::idle(&sandbox, "with-key");
        let with_key = session_with_key(&sandbox);
        let refused = json!({"apiErrorStatus": 401, "error": "authentication_failed"});
        with_key.receives_error(AT, "Invalid API key \u{b7} Fix external API key", refused);
        let on_plan = session_of_login(&sandbox, "on-plan");
        let usage = windows(42.0, NOON, weekly, TUESDAY);
        on_plan.calls_status_line("2026-11-20T10:00:30Z", usage, 120);

        let at = "2026-11-20T10:01:00Z";
        let explained = shell_without_key(&sandbox, at, &["explain", "--exit-code"]);
        assert_eq!(explained.code, code, "{weekly}: {explained:?}");
        assert_eq!(
            explained.stdout.contains("1. Other sessions can continue"),
            code == 0,
            "{weekly}: {explained:?}"
        );
        let waited = shell_without_key(&sandbox, at, &["wait"]);
        let has_failed = waited
            .stderr
            .contains("The service refused ANTHROPIC_API_KEY");
        assert_eq!((waited.code, has_failed), (code, code == 11), "{weekly}");
    }
}

/// The session uses a key, but the key did not cause these errors, so they would also occur in a session without the
/// key.
#[test]
fn an_error_that_has_nothing_to_do_with_the_key_is_not_blamed_on_it() {
    for (text, status) in [
        (
            "There's an issue with the selected model (claude-opus-3). It may not exist or you may not have access to it.",
            404,
        ),
        ("Claude Code did not send this request", 403),
        (
            "The gateway could not authenticate with its upstream provider",
            401,
        ),
    ] {
        let sandbox = with_a_private_login();
        let _process = RunningClient::idle(&sandbox, "with-key");
        let with_key = session_with_key(&sandbox);
        let error = json!({"apiErrorStatus": status, "error": "invalid_request"});
        with_key.receives_error(AT, text, error);
        let at = "2026-11-20T10:01:00Z";
        let explained = flat(shell_without_key(&sandbox, at, &["explain"]).success());
        assert!(!explained.contains("unset"), "{text}: {explained}");
        let code = shell_without_key(&sandbox, at, &["explain", "--exit-code"]).code;
        assert_ne!(code, 0, "{text}: {explained}");
        let now = flat(shell_without_key(&sandbox, at, &["now"]).success());
        assert!(!now.contains("its key"), "{text}: {now}");
    }
}

/// If the key has already been removed from the settings, the advice must not say to remove it there. The command in
/// the advice names the session, because the newest conversation in the directory may be a different one.
#[test]
fn the_advice_for_the_session_names_it_and_only_what_is_still_set() {
    let session = "5a7d3c1e-0000-4000-a000-00000000c0de";
    let command = format!("on your plan: claude --resume {session}");
    for (is_in_settings, advice) in [
        (true, "In that session, exit and continue"),
        (
            false,
            "In that session, exit, unset ANTHROPIC_API_KEY, and continue",
        ),
    ] {
        let sandbox = with_a_private_login();
        let mut with_key = Client::with_session(&sandbox, session);
        if is_in_settings {
            let settings = json!({"env": {KEY: "sk-ant-dummy"}}).to_string();
            sandbox.write(".claude/settings.json", settings);
        } else {
            let key = (KEY.to_owned(), "sk-ant-dummy".to_owned());
            with_key.variables.push(key);
        }
        receives_balance_error(&with_key, AT);
        sandbox.write(".claude/settings.json", "{}");
        let _process = RunningClient::idle(&sandbox, session);
        let run = shell(&sandbox, "2026-11-20T10:01:00Z", &["explain"], &[]);
        let explained = flat(run.success());
        let expected = format!("{advice} {command}");
        assert!(explained.contains(&expected), "{explained}");
    }
}

/// The newest conversation in the directory may be a different one, so the advice for a blocked shell also names the
/// session.
#[test]
fn the_advice_after_unsetting_the_key_names_the_session() {
    let session = "5a7d3c1e-0000-4000-a000-00000000c0de";
    let sandbox = with_a_private_login();
    let mut with_key = Client::with_session(&sandbox, session);
    let key = (KEY.to_owned(), "sk-ant-dummy".to_owned());
    with_key.variables.push(key);
    receives_balance_error(&with_key, AT);
    let at = "2026-11-20T10:01:00Z";
    let run = shell(&sandbox, at, &["explain"], &[(KEY, "sk-ant-dummy")]);
    let explained = flat(run.success());
    let expected = format!("Then continue the session on your plan: claude --resume {session}");
    assert!(explained.contains(&expected), "{explained}");
}

/// The user added credits to an empty key, so the session uses the key again instead of the plan. Every screen must say
/// so as long as the session still has the key.
#[test]
fn a_key_that_pays_again_is_named_by_every_screen() {
    let sandbox = with_a_private_login();
    let with_key = session_with_empty_key(&sandbox);
    let process = RunningClient::idle(&sandbox, "with-key");
    with_key.works("2026-11-20T10:05:00Z", 10);
    let at = "2026-11-20T10:06:00Z";
    let explained = flat(shell_without_key(&sandbox, at, &["explain"]).success());
    for (place, text) in [("/whycap", answer(&with_key, at)), ("explain", explained)] {
        for part in [
            "A request failed because ANTHROPIC_API_KEY had no credits, but Claude Code responded at 10:05.",
            "1. You can continue now, but ANTHROPIC_API_KEY pays for each response instead of your plan",
            "2. Unset ANTHROPIC_API_KEY, and restart Claude Code",
            "3. Then continue the session on your plan",
        ] {
            assert!(text.contains(part), "{place}: {part}: {text}");
        }
        assert!(!text.contains("no longer applies"), "{place}: {text}");
    }
    let report = shell_without_key(&sandbox, at, &["explain", "--json"]).json();
    let json = &report["incident"];
    assert_eq!(json["actions"][0]["costs_money"], true, "{json:#}");
    for command in ["now", "wait"] {
        let shown = flat(shell_without_key(&sandbox, at, &[command]).success());
        let pays = "ANTHROPIC_API_KEY still pays for that session instead of your plan.";
        assert!(shown.contains(pays), "{command}: {shown}");
    }
    drop(process);
    let explained = flat(shell_without_key(&sandbox, at, &["explain"]).success());
    assert!(
        explained.contains("1. You can continue now; this limit no longer applies"),
        "{explained}"
    );
}

/// The session may have continued with the login, so there is no evidence that it still uses the key.
#[test]
fn a_key_is_not_said_to_pay_without_evidence() {
    for (version, is_logged_in, has_key) in [
        ("2.1.285", false, true),
        ("2.1.328", true, true),
        ("2.1.328", false, false),
    ] {
        let sandbox = with_a_private_login();
        let mut with_key = session_with_key(&sandbox);
        with_key.version = version.to_owned();
        receives_balance_error(&with_key, AT);
        if is_logged_in {
            belongs_to(&with_key, PRIVATE, "private-organization");
        }
        with_key.works("2026-11-20T10:05:00Z", 10);
        if !has_key {
            with_key.variables.pop();
        }
        let reply = answer(&with_key, "2026-11-20T10:06:00Z");
        assert!(
            !reply.contains("pays for"),
            "{version} {is_logged_in} {has_key}: {reply}"
        );
    }
}

/// Another session without an account received a response, so the key may have credits again. The stopped session still
/// has the key, so the key may pay for its next prompt.
#[test]
fn the_advice_to_send_the_prompt_again_says_that_the_key_may_pay() {
    let sandbox = with_a_private_login();
    let with_key = session_with_empty_key(&sandbox);
    let topped_up = Client::with_session(&sandbox, "topped-up");
    topped_up.works("2026-11-20T10:05:00Z", 10);
    let reply = answer(&with_key, "2026-11-20T10:06:00Z");
    for part in [
        "1. Send the prompt again; ANTHROPIC_API_KEY may pay for it instead of your plan",
        "2. Unset ANTHROPIC_API_KEY, and restart Claude Code",
        "3. Then continue the session on your plan",
    ] {
        assert!(reply.contains(part), "{part}: {reply}");
    }
    // A response that used the login does not show that the key works again.
    let sandbox = with_a_private_login();
    let with_key = session_with_empty_key(&sandbox);
    let on_plan = Client::with_session(&sandbox, "on-plan");
    belongs_to(&on_plan, PRIVATE, "private-organization");
    on_plan.works("2026-11-20T10:05:00Z", 10);
    let reply = answer(&with_key, "2026-11-20T10:06:00Z");
    assert!(!reply.contains("may pay"), "{reply}");
    assert!(reply.contains("has no credits"), "{reply}");
    assert!(reply.contains("You are still blocked."), "{reply}");
    let listed = with_key.run("2026-11-20T10:06:00Z", &["incidents"], b"");
    assert!(!listed.success().contains("(over)"), "{listed:?}");
}

/// Versions before 2.1.328 do not record accounts. A response in such a session still ends the error of a session with
/// a key, but it does not show whether the login or the key paid for it. The advice therefore still says how to remove
/// the key.
#[test]
fn a_response_of_an_older_version_ends_the_error_of_a_key() {
    for is_deleted in [false, true] {
        let sandbox = with_a_private_login();
        let with_key = session_with_empty_key(&sandbox);
        let mut older = Client::with_session(&sandbox, "older");
        older.version = "2.1.285".to_owned();
        older.works("2026-11-20T10:05:00Z", 10);
        let listed = with_key.run("2026-11-20T10:06:00Z", &["incidents"], b"");
        assert!(listed.success().contains("(over)"), "{listed:?}");
        if is_deleted {
            std::fs::remove_file(older.transcript()).unwrap();
        }
        let reply = answer(&with_key, "2026-11-20T10:07:00Z");
        for part in [
            "may pay",
            "has no credits",
            "still blocked",
            "of this account",
        ] {
            assert!(!reply.contains(part), "{part}: {reply}");
        }
        for part in [
            "1. Send the prompt again",
            "2. Unset ANTHROPIC_API_KEY, and restart Claude Code",
            "3. Then continue the session on your plan",
        ] {
            assert!(reply.contains(part), "{part}: {reply}");
        }
        let listed = with_key.run("2026-11-20T10:07:00Z", &["incidents"], b"");
        assert!(listed.success().contains("(over)"), "{listed:?}");
    }
}

/// Simulates a refused login.
fn is_logged_out(client: &Client<'_>, at: &str) {
    let text = "Please run /login · API Error: 401 OAuth token has expired.";
    let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
    client.receives_error(at, text, refusal);
}

/// Checks that every screen says that the error of `client` is over.
fn every_screen_says_that_it_is_over(client: &Client<'_>, at: &str) {
    let row = client.calls_status_line(at, windows(42.0, NOON, 17.0, TUESDAY), 160);
    assert!(
        row.success().contains("another session got a response"),
        "{row:?}"
    );
    let session = client.session.as_str();
    let explain = ["explain", "--session", session];
    for (place, text) in [
        ("/whycap", answer(client, at)),
        (
            "explain",
            flat(shell(client.sandbox, at, &explain, &[]).success()),
        ),
    ] {
        let is_ended_elsewhere = [
            "another session received a response at 10:01",
            "another session responded at 10:01",
        ]
        .iter()
        .any(|end| text.contains(end));
        assert!(is_ended_elsewhere, "{place}: {text}");
        assert!(!text.contains("still blocked"), "{place}: {text}");
    }
    let incidents = ["incidents", "--json", "--session", session];
    let listed = shell(client.sandbox, at, &incidents, &[]).json();
    assert_eq!(listed["incidents"][0]["open"], false, "{listed:#}");
}

/// The login was refused, another session of the login received a response, and then a session with its own key
/// reported that the key had no credits. The result must be the same if a command explained the error in between.
#[test]
fn an_error_of_a_key_does_not_undo_the_end_of_a_refused_login() {
    for is_asked_in_between in [false, true] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        let other = session_of_login(&sandbox, "other");
        is_logged_out(&stopped, AT);
        other.sends_prompt("2026-11-20T10:01:00Z", "go on");
        other.works("2026-11-20T10:01:05Z", 10);
        if is_asked_in_between {
            every_screen_says_that_it_is_over(&stopped, "2026-11-20T10:01:10Z");
        }
        let with_key = session_with_key(&sandbox);
        receives_balance_error(&with_key, "2026-11-20T10:02:00Z");
        every_screen_says_that_it_is_over(&stopped, "2026-11-20T10:02:10Z");
        let now = shell(&sandbox, "2026-11-20T10:02:10Z", &["now"], &[]);
        assert!(!flat(now.success()).contains("/login"), "{now:?}");
    }
}

/// The user added credits to an empty key, and another session with the key received a response. A limit of the plan
/// does not show that the key is empty again.
#[test]
fn a_limit_of_the_plan_does_not_undo_the_end_of_the_error_of_a_key() {
    for is_asked_in_between in [false, true] {
        let sandbox = with_a_private_login();
        let with_key = session_with_empty_key(&sandbox);
        let topped_up = Client::with_session(&sandbox, "topped-up");
        topped_up.sends_prompt("2026-11-20T10:01:00Z", "go on");
        topped_up.works("2026-11-20T10:01:05Z", 10);
        if is_asked_in_between {
            every_screen_says_that_it_is_over(&with_key, "2026-11-20T10:01:10Z");
        }
        let on_plan = session_of_login(&sandbox, "on-plan");
        let refusal = refused("five_hour", NOON, "");
        on_plan.receives_error("2026-11-20T10:02:00Z", FIVE_HOUR, refusal);
        every_screen_says_that_it_is_over(&with_key, "2026-11-20T10:02:10Z");
    }
}

/// The error of the key is over for everybody who uses the login, or the key has been removed. `explain` printed that
/// the user was paying with usage credits, followed by "Just continue: nothing is blocking you" or "Send the prompt
/// again", although each response costs money. `/whycap now` and `/whycap doctor` said that the empty key blocked work.
#[test]
fn the_first_step_after_a_keys_error_costs_money_while_credits_pay() {
    let rejected = json!({"apiErrorStatus": 401, "error": "authentication_failed"});
    let overloaded = json!({"apiErrorStatus": 529});
    let empty = json!({"apiErrorStatus": 400, "error": "billing_error"});
    for (text, more, failed_at) in [
        ("Invalid API key · Fix external API key", &rejected, AT),
        ("API Error: 529 Overloaded", &overloaded, AT),
        // No session of the login receives a response, but a new session in the shell does not have the key.
        ("Credit balance is too low", &empty, "2026-11-20T10:02:30Z"),
    ] {
        let sandbox = with_a_private_login();
        let mut on_plan = session_of_login(&sandbox, "on-plan");
        let with_key = session_with_key(&sandbox);
        for at in ["2026-11-20T10:01:00Z", "2026-11-20T10:02:00Z"] {
            receives_response(&mut on_plan, at, five_hour_full());
        }
        with_key.receives_error(failed_at, text, more);

        let at = "2026-11-20T10:03:00Z";
        for command in ["doctor", "now"] {
            let screen = answer_to(&on_plan, at, &format!("/whycap {command}"));
            let about = format!("{command}, {text}, {failed_at}: {screen}");
            assert!(!screen.contains("is blocked"), "{about}");
            let is_paid =
                screen.contains("no limit is blocking you, but your 5-hour limit is used up");
            assert_eq!(is_paid, command == "now", "{about}");
        }
        let mut screens = vec![answer(&on_plan, at)];
        // In a shell, the overload is explained for its session, which uses the key.
        let is_of_login_in_shell = more != &overloaded;
        if is_of_login_in_shell {
            screens.push(flat(
                shell_without_key(&sandbox, at, &["explain"]).success(),
            ));
            let json = shell_without_key(&sandbox, at, &["explain", "--json"]).json();
            let first_step = &json["incident"]["actions"][0];
            assert_eq!(first_step["costs_money"], true, "{json:#}");
        }
        for screen in screens {
            let about = format!("{text}, {failed_at}: {screen}");
            assert!(
                screen.starts_with("You are paying with usage credits"),
                "{about}"
            );
            let costs = "1. You can continue, but each response costs extra; or wait until 12:00";
            let pays = "1. Send the prompt again; usage credits will pay for it";
            assert!(screen.contains(costs) || screen.contains(pays), "{about}");
            for free in [
                "Just continue",
                "send the prompt again.",
                "you can continue.",
            ] {
                assert!(!screen.contains(free), "{free}: {about}");
            }
        }
    }
}

/// A running session had a key without credits while usage credits paid for the plan's responses. Plain `explain` and `wait`
/// called the user blocked. Other sessions read that the problem "has passed", and the session with the key was told to continue
/// on the plan only after the reset.
#[test]
fn a_key_without_credits_blocks_only_its_session_while_credits_pay() {
    let sandbox = with_a_private_login();
    let mut on_plan = session_of_login(&sandbox, "on-plan");
    let with_key = session_with_key(&sandbox);
    let _process = RunningClient::idle(&sandbox, "with-key");
    for at in ["2026-11-20T10:01:00Z", "2026-11-20T10:02:00Z"] {
        receives_response(&mut on_plan, at, five_hour_full());
    }
    receives_balance_error(&with_key, "2026-11-20T10:02:30Z");
    let at = "2026-11-20T10:03:00Z";
    let explained = shell_without_key(&sandbox, at, &["explain", "--exit-code"]);
    assert_eq!(explained.code, 0, "{explained:?}");
    let waited = shell_without_key(&sandbox, at, &["wait"]);
    assert_eq!(waited.code, 0, "{waited:?}");
    let now = flat(shell_without_key(&sandbox, at, &["now"]).success());
    assert!(!now.contains("unset the key"), "{now}");
    for screen in [
        answer(&on_plan, at),
        flat(&explained.stdout),
        flat(&waited.stdout),
        now,
    ] {
        assert!(!screen.contains("that has passed"), "{screen}");
        assert!(screen.contains("one session"), "{screen}");
        assert!(screen.contains("costs extra"), "{screen}");
    }

    // The session itself is blocked, but not until the reset.
    let arguments = ["explain", "--exit-code", "--session", "with-key"];
    let of_session = shell_without_key(&sandbox, at, &arguments);
    assert_eq!(of_session.code, 11, "{of_session:?}");
    for screen in [answer(&with_key, at), flat(&of_session.stdout)] {
        let step = "2. Then continue the session on your plan; until 12:00, usage credits will probably pay (costs money): claude";
        assert!(screen.contains(step), "{screen}");
        assert!(!screen.contains("after 12:00"), "{screen}");
    }
}

/// A session waited for the reset of its 5-hour limit while another session used credits. Then a key turned out to have
/// no credits. `/whycap` explained the 5-hour limit, but `/whycap now` and `/whycap doctor` said that nothing blocked
/// the session.
#[test]
fn the_error_of_a_key_does_not_hide_the_limit_of_a_session_while_credits_pay() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    let mut paying = session_of_login(&sandbox, "paying");
    let limit = refused("five_hour", NOON, "");
    stopped.receives_error("2026-11-20T10:00:30Z", FIVE_HOUR, limit);
    for at in ["2026-11-20T10:01:00Z", "2026-11-20T10:02:00Z"] {
        receives_response(&mut paying, at, five_hour_full());
    }
    receives_balance_error(&session_with_key(&sandbox), "2026-11-20T10:03:00Z");
    let at = "2026-11-20T10:04:00Z";
    for command in ["", "now", "doctor"] {
        let screen = answer_to(&stopped, at, &format!("/whycap {command}"));
        assert!(screen.contains("5-hour limit"), "{command}: {screen}");
        for not_blocked in ["no limit is blocking you", "Nothing is blocking you"] {
            assert!(!screen.contains(not_blocked), "{command}: {screen}");
        }
    }
}

/// The key has been removed, so the next prompt uses the plan, but its 5-hour window is full. `explain` advised sending
/// the prompt again, which would have been refused. If usage credits were in use, its headline did not mention them.
#[test]
fn after_the_removal_of_a_key_the_full_window_of_the_plan_is_mentioned() {
    for (credits_pay, headline, step) in [
        (
            false,
            "ANTHROPIC_API_KEY is no longer set, but your 5-hour limit is used up until 12:00.",
            "1. You can wait until 12:00, when your 5-hour limit resets",
        ),
        (
            true,
            "ANTHROPIC_API_KEY is no longer set, but your 5-hour limit is used up until 12:00, so usage credits pay.",
            "1. You can continue, but each response costs extra; or wait until 12:00",
        ),
    ] {
        let sandbox = with_a_private_login();
        let mut on_plan = session_of_login(&sandbox, "on-plan");
        session_with_empty_key(&sandbox);
        for at in ["2026-11-20T09:58:00Z", "2026-11-20T09:59:00Z"] {
            if credits_pay {
                receives_response(&mut on_plan, at, five_hour_full());
            } else {
                on_plan.calls_status_line(at, five_hour_full(), 120);
            }
        }
        let at = "2026-11-20T10:03:00Z";
        let in_shell = |arguments: &[&str]| shell(&sandbox, at, arguments, &[]);
        let json = in_shell(&["explain", "--json"]).json();
        assert_eq!(json["incident"]["headline"], headline, "{json:#}");
        let explained = flat(in_shell(&["explain"]).success());
        assert!(explained.contains(step), "{explained}");
        assert!(!explained.contains("prompt again"), "{explained}");
        if !credits_pay {
            let waited = flat(in_shell(&["wait"]).success());
            let how_to_wait = "To wait for the reset, run: whycap wait --free";
            assert_eq!(waited, format!("{headline} {how_to_wait}"));
        }
    }
}

/// A `claude -p` run used a key without credits and ended, and the user goes on with the plan. `explain --session` and
/// `wait --session` said "You are still blocked", although all other screens said that the error was over. Two errors of
/// one stop each said "but only in one session" as soon as the plan had responded, and the advice was to exit from
/// sessions that had ended.
#[test]
fn every_screen_says_that_the_key_of_an_ended_session_is_no_longer_set() {
    let sandbox = with_a_private_login();
    let on_plan = session_of_login(&sandbox, "on-plan");
    let in_terminal = session_with_key(&sandbox);
    let mut run = Client::with_session(&sandbox, "run");
    run.variables.clone_from(&in_terminal.variables);
    let processes = ["with-key", "run"].map(|session| RunningClient::idle(&sandbox, session));
    receives_balance_error(&in_terminal, AT);
    let of_run = json!({"apiErrorStatus": 400, "error": "billing_error", "entrypoint": "sdk-cli"});
    run.receives_error("2026-11-20T10:00:10Z", "Credit balance is too low", of_run);
    drop(processes);
    on_plan.sends_prompt("2026-11-20T10:01:00Z", "go on");

    for plan_has_responded in [false, true] {
        if plan_has_responded {
            on_plan.works("2026-11-20T10:01:05Z", 10);
        }
        let at = "2026-11-20T10:02:00Z";
        let mut screens = vec![
            ("/whycap", answer(&on_plan, at)),
            ("/whycap now", answer_to(&on_plan, at, "/whycap now")),
        ];
        for arguments in [
            &["explain"][..],
            &["explain", "--session", "with-key"],
            &["explain", "--session", "run"],
            &["wait"],
            &["wait", "--session", "with-key"],
            &["wait", "--session", "run"],
            &["now"],
            &["incidents"],
        ] {
            let shown = shell_without_key(&sandbox, at, arguments);
            screens.push((arguments[0], flat(shown.success())));
        }
        for (place, text) in screens {
            let about = format!("{place}, {plan_has_responded}: {text}");
            let removed = "ANTHROPIC_API_KEY had no credits, but that key is no longer set";
            assert!(text.contains(removed), "{about}");
            for wrong in [
                "still blocked",
                "still blocking work",
                "is using",
                "only one session",
                "In that session, exit",
            ] {
                assert!(!text.contains(wrong), "{wrong}: {about}");
            }
        }
        for session in ["with-key", "run"] {
            let arguments = ["explain", "--exit-code", "--session", session];
            assert_eq!(shell_without_key(&sandbox, at, &arguments).code, 0);
            let listed = shell_without_key(&sandbox, at, &["incidents", "--json"]).json();
            assert_eq!(listed["incidents"][0]["open"], false, "{listed:#}");
        }
    }
}

/// Checks that `now` and `incidents` show one stop, which still blocks the session with the key.
fn assert_stop_is_active(sandbox: &Sandbox, at: &str) {
    let now = shell_without_key(sandbox, at, &["now"]);
    let blocked = "blocked: its key has no credits left";
    assert!(flat(now.success()).contains(blocked), "{now:?}");
    let json = shell_without_key(sandbox, at, &["incidents", "--json"]).json();
    assert_eq!(json["sums"]["stops"], 1, "{json:#}");
    assert_eq!(json["sums"]["still_blocked"], 1, "{json:#}");
    assert_eq!(json["sums"]["unknown_end"], 0, "{json:#}");
}

/// A session with a key without credits is open, and a later `claude -p` run with the key failed, too. `incidents` then
/// said that the end of the stop was unknown, and no longer said that the open session was blocked, although `now` did.
#[test]
fn an_ended_run_with_the_same_key_does_not_hide_that_a_session_is_still_blocked() {
    let sandbox = with_a_private_login();
    let on_plan = session_of_login(&sandbox, "on-plan");
    let in_terminal = session_with_empty_key(&sandbox);
    let _process = RunningClient::idle(&sandbox, "with-key");
    let mut run = Client::with_session(&sandbox, "run");
    run.variables.clone_from(&in_terminal.variables);
    let process_of_run = RunningClient::idle(&sandbox, "run");
    let of_run = json!({"apiErrorStatus": 400, "error": "billing_error", "entrypoint": "sdk-cli"});
    run.receives_error("2026-11-20T10:00:10Z", "Credit balance is too low", of_run);
    drop(process_of_run);

    let at = "2026-11-20T10:01:00Z";
    let listed = flat(shell_without_key(&sandbox, at, &["incidents"]).success());
    for part in [
        "1 stop is still blocking work",
        "(blocks only its session, same limit as the entry above)",
        "that key is no longer set",
    ] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    assert!(!listed.contains("does not know when 1 stop"), "{listed}");
    assert_stop_is_active(&sandbox, at);

    // The user goes on with the plan, but the session with the key is still blocked.
    on_plan.sends_prompt("2026-11-20T10:01:30Z", "go on");
    on_plan.works("2026-11-20T10:01:35Z", 10);
    let listed = shell_without_key(&sandbox, "2026-11-20T10:02:00Z", &["incidents"]);
    let listed = flat(listed.success());
    assert!(listed.contains("(blocks only its session"), "{listed}");
    let note = "Blocked time runs from an error to the next response in any session";
    assert!(listed.contains(note), "{listed}");
}

/// The user added credits to a key, and another session with the key received a response. A few seconds later, the
/// credits were used up again. `explain` had named the response as the end of the first error, but `incidents` no longer
/// did.
#[test]
fn the_next_error_of_a_key_does_not_undo_the_end_of_an_earlier_one() {
    for is_asked_in_between in [false, true] {
        let sandbox = with_a_private_login();
        let with_key = session_with_empty_key(&sandbox);
        let mut topped_up = Client::with_session(&sandbox, "topped-up");
        topped_up.variables.clone_from(&with_key.variables);
        topped_up.sends_prompt("2026-11-20T10:01:00Z", "go on");
        topped_up.works("2026-11-20T10:01:05Z", 10);
        if is_asked_in_between {
            every_screen_says_that_it_is_over(&with_key, "2026-11-20T10:01:10Z");
        }
        receives_balance_error(&topped_up, "2026-11-20T10:02:00Z");
        every_screen_says_that_it_is_over(&with_key, "2026-11-20T10:02:10Z");
        let reply = answer(&topped_up, "2026-11-20T10:02:10Z");
        assert!(reply.contains("You are still blocked."), "{reply}");
    }
}

/// A session with a key without credits was open, but whycap could not see its process in the registry of sessions: Claude
/// Code was older, or a newer process had resumed the session with the same key. `explain --session` then said that the
/// key was no longer set, and `wait --session` exited with 0.
#[test]
fn a_session_whose_process_may_still_have_the_key_is_blocked() {
    for is_resumed in [false, true] {
        let sandbox = with_a_private_login();
        let mut with_key = session_with_key(&sandbox);
        if !is_resumed {
            "2.0.76".clone_into(&mut with_key.version);
        }
        receives_balance_error(&with_key, AT);
        let resumed_at = "2026-11-20T10:00:30Z";
        let _process = is_resumed.then(|| {
            with_key.event(resumed_at, "SessionStart", json!({"source": "resume"}));
            RunningClient::resumed(&sandbox, "with-key", resumed_at)
        });
        if is_resumed {
            // A third process resumes the session without the key.
            with_key.variables.clear();
            let source = json!({"source": "resume"});
            with_key.event("2026-11-20T10:00:40Z", "SessionStart", source);
        }
        let at = "2026-11-20T10:01:00Z";
        let arguments = ["explain", "--exit-code", "--session", "with-key"];
        let explained = shell_without_key(&sandbox, at, &arguments);
        assert_eq!(explained.code, 11, "{is_resumed}: {explained:?}");
        assert!(!explained.stdout.contains("no longer set"), "{explained:?}");
        let waited = shell_without_key(&sandbox, at, &["wait", "--session", "with-key"]);
        assert_eq!(waited.code, 11, "{is_resumed}: {waited:?}");
        assert!(waited.stderr.contains("has no credits"), "{waited:?}");
    }
}

/// A session with an empty key is open, and a `claude -p` run with the key failed twice. `incidents` then said that the end
/// of the stop was unknown, although the open session was blocked.
#[test]
fn a_stop_stays_active_after_an_ended_run_with_the_same_key_failed_twice() {
    let sandbox = with_a_private_login();
    let in_terminal = session_with_empty_key(&sandbox);
    let _process = RunningClient::idle(&sandbox, "with-key");
    let mut run = Client::with_session(&sandbox, "run");
    run.variables.clone_from(&in_terminal.variables);
    receives_balance_error(&run, "2026-11-20T10:00:10Z");
    receives_balance_error(&run, "2026-11-20T10:00:40Z");

    let at = "2026-11-20T10:01:00Z";
    assert_stop_is_active(&sandbox, at);
}

/// A session with an empty key had ended. In a conversation that uses Amazon Bedrock, Google Vertex AI, or a token,
/// `/whycap` said that the next prompt would use the plan.
#[test]
fn a_conversation_with_another_payer_is_not_told_that_it_will_use_the_plan() {
    for variable in [
        "CLAUDE_CODE_USE_BEDROCK",
        "CLAUDE_CODE_USE_VERTEX",
        "CLAUDE_CODE_OAUTH_TOKEN",
    ] {
        let sandbox = with_a_private_login();
        session_with_empty_key(&sandbox);
        let mut other = Client::with_session(&sandbox, "other");
        other.variables = [("CLAUDECODE", "1"), (variable, "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        other.event(
            "2026-11-20T10:00:10Z",
            "SessionStart",
            json!({"source": "startup"}),
        );
        let reply = answer(&other, "2026-11-20T10:01:00Z");
        assert!(
            reply.contains("but this affects only one session"),
            "{variable}: {reply}"
        );
        for wrong in ["use your plan", "no longer set", "still blocked"] {
            assert!(!reply.contains(wrong), "{variable}: {wrong}: {reply}");
        }
    }
}

/// The service refused a session's key, and the session ended. The screens did not say that the key was no longer set, as
/// they do after a key without credits, and `explain --session` said "You are still blocked".
#[test]
fn the_refused_key_of_an_ended_session_is_no_longer_set() {
    let sandbox = with_a_private_login();
    let on_plan = session_of_login(&sandbox, "on-plan");
    let with_key = session_with_key(&sandbox);
    let process = RunningClient::idle(&sandbox, "with-key");
    let refusal = json!({"apiErrorStatus": 401, "error": "authentication_failed"});
    with_key.receives_error(AT, "Invalid API key · Fix external API key", refusal);
    let at = "2026-11-20T10:00:30Z";
    let of_session = ["explain", "--exit-code", "--session", "with-key"];
    assert_eq!(shell_without_key(&sandbox, at, &of_session).code, 11);
    drop(process);

    let at = "2026-11-20T10:01:00Z";
    let mut screens = vec![("/whycap", answer(&on_plan, at))];
    for arguments in [
        &["explain", "--exit-code"][..],
        &of_session,
        &["wait"],
        &["wait", "--session", "with-key"],
        &["now"],
        &["incidents"],
    ] {
        let shown = shell_without_key(&sandbox, at, arguments);
        screens.push((arguments[0], flat(shown.success())));
    }
    for (place, text) in screens {
        assert!(
            text.contains(
                "The service refused the API key (not a usage limit), but that key is no longer set"
            ),
            "{place}: {text}"
        );
        assert!(!text.contains("only one session"), "{place}: {text}");
    }
    let key = [(KEY, "sk-ant-dummy")];
    let explained = shell(&sandbox, at, &["explain", "--exit-code"], &key);
    assert_eq!(explained.code, 11, "{explained:?}");

    // Without the key, the next prompt needs the plan, whose window is full now.
    on_plan.calls_status_line("2026-11-20T10:02:00Z", five_hour_full(), 120);
    let explained = shell_without_key(&sandbox, "2026-11-20T10:02:10Z", &["explain"]);
    let headline =
        "ANTHROPIC_API_KEY is no longer set, but your 5-hour limit is used up until 12:00.";
    assert!(
        flat(&explained.stdout).starts_with(headline),
        "{explained:?}"
    );
}

/// A session with an empty key ended and was resumed with the same key. In a shell, the key was said to be no longer set,
/// and `now` listed the session as idle, although its own row and `/whycap` said that the key has no credits.
#[test]
fn the_key_of_a_resumed_session_is_still_set() {
    let sandbox = with_a_private_login();
    let on_plan = session_of_login(&sandbox, "on-plan");
    let with_key = session_with_empty_key(&sandbox);
    let at = "2026-11-20T10:00:30Z";
    let explained = flat(shell_without_key(&sandbox, at, &["explain"]).success());
    assert!(explained.contains("no longer set"), "{explained}");

    let resumed_at = "2026-11-20T10:01:00Z";
    with_key.event(resumed_at, "SessionStart", json!({"source": "resume"}));
    let _process = RunningClient::resumed(&sandbox, "with-key", resumed_at);
    let at = "2026-11-20T10:01:05Z";
    let reply = answer(&with_key, at);
    assert!(reply.contains("You are still blocked."), "{reply}");
    let now = flat(shell_without_key(&sandbox, at, &["now"]).success());
    assert!(
        now.contains("blocked: its key has no credits left"),
        "{now}"
    );
    for (place, shown) in [
        ("/whycap", answer(&on_plan, at)),
        (
            "explain",
            flat(shell_without_key(&sandbox, at, &["explain"]).success()),
        ),
        (
            "wait",
            flat(shell_without_key(&sandbox, at, &["wait"]).success()),
        ),
        ("now", now),
    ] {
        assert!(
            shown.contains("but this affects only one session"),
            "{place}: {shown}"
        );
        assert!(!shown.contains("no longer set"), "{place}: {shown}");
    }
    let listed = flat(shell_without_key(&sandbox, at, &["incidents"]).success());
    assert!(listed.contains("(blocks only its session)"), "{listed}");
}

/// A session with an empty key ended and was resumed twice: first with the key in a process that has also ended, and then
/// without it. In a shell, the key was still said to affect that session.
#[test]
#[cfg(target_os = "linux")]
fn a_key_is_no_longer_set_once_the_session_is_resumed_without_it() {
    let sandbox = with_a_private_login();
    let on_plan = session_of_login(&sandbox, "on-plan");
    let mut with_key = session_with_empty_key(&sandbox);
    let source = json!({"source": "resume"});
    let process = RunningClient::resumed(&sandbox, "with-key", "2026-11-20T10:01:00Z");
    with_key.variables.push(process.variable());
    with_key.event("2026-11-20T10:01:00Z", "SessionStart", &source);
    let at = "2026-11-20T10:01:30Z";
    let explained = flat(shell_without_key(&sandbox, at, &["explain"]).success());
    assert!(
        explained.contains("but this affects only one session"),
        "{explained}"
    );
    drop(process);

    let without_key = RunningClient::resumed(&sandbox, "with-key", "2026-11-20T10:02:00Z");
    let mut resumed = Client::with_session(&sandbox, "with-key");
    resumed.variables.push(without_key.variable());
    resumed.event("2026-11-20T10:02:00Z", "SessionStart", &source);
    let at = "2026-11-20T10:02:05Z";
    let now = flat(shell_without_key(&sandbox, at, &["now"]).success());
    assert!(!now.contains("blocked"), "{now}");
    for (place, shown) in [
        ("/whycap", answer(&on_plan, at)),
        (
            "explain",
            flat(shell_without_key(&sandbox, at, &["explain"]).success()),
        ),
        ("now", now),
    ] {
        assert!(
            shown.contains("but that key is no longer set"),
            "{place}: {shown}"
        );
    }
}

/// The login is at its limit, and a session with a cloud provider has an error of its own. `explain` and `now` mentioned
/// the error of a session with a key in this situation, but not that of the cloud provider.
#[test]
fn the_error_of_a_cloud_provider_is_mentioned_beside_a_limit_of_the_login() {
    let sandbox = with_a_private_login();
    let limited = session_of_login(&sandbox, "limited");
    let mut on_bedrock = Client::with_session(&sandbox, "bedrock");
    let bedrock = ("CLAUDE_CODE_USE_BEDROCK".to_owned(), "1".to_owned());
    on_bedrock.variables.push(bedrock);
    let _processes =
        [&limited, &on_bedrock].map(|client| RunningClient::idle(&sandbox, &client.session));
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    limited.receives_error(AT, FIVE_HOUR, refusal);
    limited.calls_status_line(SOON, five_hour_full(), 120);
    let quota = "API Error: Request rejected (429) \u{b7} Too many tokens per day, please wait before trying again.";
    on_bedrock.receives_error(
        "2026-11-20T10:05:00Z",
        quota,
        json!({"apiErrorStatus": 429}),
    );
    let at = "2026-11-20T10:06:00Z";
    for command in ["explain", "now"] {
        let shown = flat(shell_without_key(&sandbox, at, &[command]).success());
        let limit = "Your 5-hour limit is used up";
        let also = "Also, in the session bedrock: Your daily AWS quota is used up";
        for part in [limit, also] {
            assert!(shown.contains(part), "{command}: {part}: {shown}");
        }
    }
    let now = flat(shell_without_key(&sandbox, at, &["now"]).success());
    assert!(now.contains("blocked (rate limit)"), "{now}");
}

/// A script ran `claude -p` with Amazon Bedrock, which was refused, and the run has ended. `explain` and `now` still mentioned
/// it beside the limit of the login.
#[test]
fn a_closed_run_with_a_cloud_provider_is_not_mentioned_beside_a_limit_of_the_login() {
    let sandbox = with_a_private_login();
    let limited = session_of_login(&sandbox, "limited");
    let mut on_bedrock = Client::with_session(&sandbox, "bedrock");
    let bedrock = ("CLAUDE_CODE_USE_BEDROCK".to_owned(), "1".to_owned());
    on_bedrock.variables.push(bedrock);
    let _process = RunningClient::idle(&sandbox, &limited.session);
    limited.receives_error(
        AT,
        FIVE_HOUR,
        refused("five_hour", NOON, "org_level_disabled"),
    );
    limited.calls_status_line(SOON, five_hour_full(), 120);
    let quota = "API Error: Request rejected (429) \u{b7} Too many tokens per day, please wait before trying again.";
    let headless = json!({"apiErrorStatus": 429, "entrypoint": "sdk-cli"});
    on_bedrock.receives_error("2026-11-20T10:05:00Z", quota, headless);
    let at = "2026-11-20T10:06:00Z";
    for command in ["explain", "now"] {
        let shown = flat(shell_without_key(&sandbox, at, &[command]).success());
        assert!(shown.contains("Your 5-hour limit is used up"), "{shown}");
        assert!(
            !shown.contains("Also, in the session"),
            "{command}: {shown}"
        );
    }
}

/// A session with Amazon Bedrock was refused, and the user exited it. The hook for the exit records that the session no
/// longer waits for a reset. Before 2.1.328, `explain` and `now` therefore did not notice that the session was closed.
#[test]
fn an_exited_session_with_a_cloud_provider_is_not_mentioned_beside_a_limit_of_the_login() {
    let sandbox = with_a_private_login();
    let limited = session_of_login(&sandbox, "limited");
    let mut on_bedrock = Client::with_session(&sandbox, "bedrock");
    let bedrock = ("CLAUDE_CODE_USE_BEDROCK".to_owned(), "1".to_owned());
    // This version does not announce in the transcript that it waits for a reset.
    "2.1.327".clone_into(&mut on_bedrock.version);
    on_bedrock.variables.push(bedrock);
    let _process = RunningClient::idle(&sandbox, &limited.session);
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    limited.receives_error(AT, FIVE_HOUR, refusal);
    limited.calls_status_line(SOON, five_hour_full(), 120);
    let quota = "API Error: Request rejected (429) \u{b7} Too many tokens per day, please wait before trying again.";
    on_bedrock.receives_error(
        "2026-11-20T10:05:00Z",
        quota,
        json!({"apiErrorStatus": 429}),
    );
    let leaves = json!({"reason": "prompt_input_exit"});
    on_bedrock.event("2026-11-20T10:05:30Z", "SessionEnd", leaves);
    let at = "2026-11-20T10:06:00Z";
    for command in ["explain", "now"] {
        let shown = flat(shell_without_key(&sandbox, at, &[command]).success());
        assert!(shown.contains("Your 5-hour limit is used up"), "{shown}");
        assert!(
            !shown.contains("Also, in the session"),
            "{command}: {shown}"
        );
    }
}

/// Without a login, `wait` in a shell without the key waited for the reset of the key's spend cap. At the second check, it
/// said "You are no longer blocked" and ended with exit code 0, but `explain --exit-code` still returned 10.
#[test]
fn a_shell_without_a_login_goes_on_waiting_for_the_spend_cap_of_a_key() {
    let sandbox = Sandbox::new();
    let with_key = session_with_key(&sandbox);
    let _process = RunningClient::idle(&sandbox, "with-key");
    let text = "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.";
    let refusal = json!({"apiErrorStatus": 400, "error": "invalid_request"});
    with_key.receives_error(AT, text, refusal);
    let at = "2026-11-20T10:01:00Z";
    let explained = shell_without_key(&sandbox, at, &["explain", "--exit-code"]);
    assert_eq!(explained.code, 10, "{explained:?}");
    // The second check is 5 seconds after the first one.
    let waited = shell_without_key(&sandbox, at, &["wait", "--timeout", "6s"]);
    assert_eq!(waited.code, 124, "{waited:?}");
    assert!(waited.stderr.contains("limit still applied"), "{waited:?}");
}

/// The login reached its 5-hour limit, and a session with a key went on. `incidents` ended the blocked time of the limit with
/// the first response of the key, although the limit was still blocking work. After the reset, the limit had "blocked" for 5 minutes.
#[test]
fn a_response_paid_by_a_key_does_not_end_the_blocked_time_of_a_limit() {
    let sandbox = with_a_private_login();
    let with_key = session_with_key(&sandbox);
    with_key.event(
        "2026-11-20T09:55:00Z",
        "SessionStart",
        json!({"source": "startup"}),
    );
    let stopped = session_of_login(&sandbox, "stopped");
    reaches_five_hour_limit(&stopped);
    with_key.sends_prompt("2026-11-20T10:05:00Z", "go on");
    with_key.works("2026-11-20T10:05:05Z", 10);
    for (at, blocked_seconds) in [
        ("2026-11-20T10:10:00Z", 10 * 60),
        ("2026-11-20T12:30:00Z", 2 * 3_600),
    ] {
        let listed = shell_without_key(&sandbox, at, &["incidents", "--json"]).json();
        assert_eq!(
            listed["sums"]["blocked_s"], blocked_seconds,
            "{at}: {listed:#}"
        );
    }
}

/// A session with an empty key was blocked, and a session of the login went on. `incidents` said both that the error of the key
/// was open and when its blocked time had ended.
#[test]
fn a_response_of_the_login_does_not_end_the_blocked_time_of_an_open_error_of_a_key() {
    let sandbox = with_a_private_login();
    session_with_empty_key(&sandbox);
    let _process = RunningClient::idle(&sandbox, "with-key");
    let on_plan = session_of_login(&sandbox, "on-plan");
    on_plan.sends_prompt("2026-11-20T10:05:00Z", "go on");
    on_plan.works("2026-11-20T10:05:05Z", 10);
    let at = "2026-11-20T10:10:00Z";
    let listed = shell_without_key(&sandbox, at, &["incidents", "--json"]).json();
    let of_key = &listed["incidents"][0];
    assert_eq!(of_key["blocked_until"], Value::Null, "{listed:#}");
}

/// Only a session with a key was running. `now` counted its spend toward an "estimated 5-hour window" of the plan, which the
/// key does not use.
#[test]
fn the_spend_of_a_key_is_in_no_estimated_window() {
    for has_key in [true, false] {
        let sandbox = with_a_private_login();
        let mut client = if has_key {
            session_with_key(&sandbox)
        } else {
            session_of_login(&sandbox, "with-login")
        };
        client.sends_prompt("2026-11-20T10:00:50Z", "continue");
        receives_response(&mut client, "2026-11-20T10:01:00Z", Value::Null);
        let _process = RunningClient::idle(&sandbox, &client.session);
        let now = shell_without_key(&sandbox, "2026-11-20T10:02:00Z", &["now"]);
        let is_in_window = now.success().contains("estimated 5-hour window");
        assert_eq!(is_in_window, !has_key, "{now:?}");
    }
}

/// The limit of the plan does not stop a session that uses a key. `/whycap` said there only that nothing is blocking the user,
/// although each response is billed to the key.
#[test]
fn a_session_with_a_key_is_told_that_the_key_pays_while_a_limit_stops_the_plan() {
    for has_key in [true, false] {
        let sandbox = with_a_private_login();
        let mut other = if has_key {
            session_with_key(&sandbox)
        } else {
            session_of_login(&sandbox, "with-key")
        };
        other.event(
            "2026-11-20T09:40:00Z",
            "SessionStart",
            json!({"source": "startup"}),
        );
        receives_response(&mut other, "2026-11-20T09:50:00Z", Value::Null);
        let on_plan = session_of_login(&sandbox, "on-plan");
        on_plan.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
        on_plan.calls_status_line(SOON, five_hour_full(), 120);
        let shown = answer(&other, "2026-11-20T10:05:00Z");
        let billed = "This session is billed to ANTHROPIC_API_KEY, not to your plan.";
        assert_eq!(shown.contains(billed), has_key, "{shown}");
        let is_unblocked = shown.contains("nothing is blocking you");
        assert_eq!(is_unblocked, has_key, "{shown}");
    }
}

/// The user closed a session without a login and started one with a key, which has no credits. In a shell without the key, all
/// commands named the error of the closed session first, and `wait` did not name the key.
#[test]
fn a_missing_login_of_a_closed_session_does_not_hide_the_error_of_an_open_session() {
    let sandbox = Sandbox::new();
    let without_login = Client::with_session(&sandbox, "without-login");
    lacks_login(&without_login, AT);
    let with_key = session_with_key(&sandbox);
    receives_balance_error(&with_key, "2026-11-20T10:05:00Z");
    let process = RunningClient::idle(&sandbox, "with-key");

    let at = "2026-11-20T10:06:00Z";
    for command in ["explain", "now", "doctor", "wait"] {
        let run = shell_without_key(&sandbox, at, &[command]);
        let shown = flat(&format!("{}{}", run.stdout, run.stderr.as_str()));
        assert!(shown.contains(NO_API_CREDITS), "{command}: {shown}");
        assert!(!shown.contains("/login"), "{command}: {shown}");
        let is_blocked = run.code == 11;
        assert_eq!(is_blocked, command == "wait", "{command}: {shown}");
    }
    let listed = flat(shell_without_key(&sandbox, at, &["incidents"]).success());
    assert_eq!(listed.matches("(still blocked)").count(), 1, "{listed}");
    assert!(listed.contains("(its session is closed)"), "{listed}");

    // A new session in this shell would not work without the key.
    drop(process);
    let explained = flat(shell_without_key(&sandbox, at, &["explain"]).success());
    assert!(explained.contains("/login"), "{explained}");
    let listed = flat(shell_without_key(&sandbox, at, &["incidents"]).success());
    assert!(!listed.contains("its session is closed"), "{listed}");
}

/// An error of an account's login matters to each new session, and so does a missing login while its session is open.
#[test]
fn a_refused_login_still_comes_before_the_error_of_another_sessions_key() {
    for is_logged_in in [true, false] {
        let sandbox = if is_logged_in {
            with_a_private_login()
        } else {
            Sandbox::new()
        };
        let with_login = Client::with_session(&sandbox, "with-login");
        lacks_login(&with_login, AT);
        let with_key = session_with_key(&sandbox);
        receives_balance_error(&with_key, "2026-11-20T10:05:00Z");
        let _with_key = RunningClient::idle(&sandbox, "with-key");
        let _with_login = (!is_logged_in).then(|| RunningClient::idle(&sandbox, "with-login"));
        for command in ["explain", "now"] {
            let shown =
                flat(shell_without_key(&sandbox, "2026-11-20T10:06:00Z", &[command]).success());
            let [login, key] = [
                "The service did not accept the login",
                "Also, in the session with-key",
            ]
            .map(|part| {
                shown
                    .find(part)
                    .unwrap_or_else(|| panic!("{part}: {shown}"))
            });
            assert!(login < key, "{command}: {shown}");
        }
    }
}

/// Two sessions used the same key, and it had no credits in one of them. `/whycap` in the other one said "this session may work", and
/// the next prompt was refused.
#[test]
fn a_second_session_with_a_key_is_not_said_to_work_with_the_same_key() {
    let sandbox = Sandbox::new();
    let with_key = session_with_empty_key(&sandbox);
    let mut second = Client::with_session(&sandbox, "second");
    second.variables.clone_from(&with_key.variables);
    let reply = answer(&second, "2026-11-20T10:01:00Z");
    assert!(
        reply.contains("1. Send a prompt here if this session does not use the same key"),
        "{reply}"
    );
    assert!(!reply.contains("this session may work"), "{reply}");
}

const API_CAP: &str = "API Error: 400 You have reached your specified workspace API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.";

/// Returns the answers about a session in the session itself and in a shell.
fn answers_about(client: &Client<'_>, at: &str) -> [String; 2] {
    let arguments = ["explain", "--session", &client.session];
    [
        answer(client, at),
        flat(client.run(at, &arguments, b"").success()),
    ]
}

/// `now` and `wait` said that the key had reached a spend cap, but the row, the headline, and the steps did not. The steps said
/// to log in, although the user was logged in, and did not mention that the plan was used up.
#[test]
fn a_spend_cap_of_a_key_beside_a_plan_is_named_with_its_end_and_the_used_up_plan() {
    for is_plan_full in [false, true] {
        let sandbox = with_a_private_login();
        let on_plan = session_of_login(&sandbox, "on-plan");
        if is_plan_full {
            reaches_five_hour_limit(&on_plan);
        }
        let with_key = session_with_key(&sandbox);
        let refusal = json!({"apiErrorStatus": 400, "error": "invalid_request"});
        with_key.receives_error("2026-11-20T10:01:00Z", API_CAP, refusal);
        let at = "2026-11-20T10:02:00Z";
        let (headline, badge, step) = if is_plan_full {
            (
                "ANTHROPIC_API_KEY has reached a spend cap, and your 5-hour limit is also used up until 12:00; unset the key.",
                "API key at spend cap · unset key · plan used up until 12:00",
                "2. Then continue the session on your plan after 12:00: claude -c",
            )
        } else {
            (
                "ANTHROPIC_API_KEY has reached a spend cap, which resets on Tue Dec 1 00:00; unset the key.",
                "API key at spend cap · resets Tue Dec 1 00:00 · unset key",
                "2. Then continue the session on your plan: claude -c",
            )
        };
        for text in answers_about(&with_key, at) {
            assert!(text.starts_with(headline), "{text}");
            for part in [step, "Or wait until Tue Dec 1 00:00"] {
                assert!(text.contains(part), "{part}: {text}");
            }
            assert!(!text.contains("/login"), "{text}");
        }
        let rows = plain_rows(&with_key, at, Value::Null);
        assert!(rows.contains(badge), "{rows}");
    }
}

/// After a refused key, the steps said to log in, although the user was logged in, and did not mention that the plan was used up.
#[test]
fn a_plan_that_is_used_up_is_named_beside_a_refused_key() {
    let sandbox = with_a_private_login();
    let on_plan = session_of_login(&sandbox, "on-plan");
    reaches_five_hour_limit(&on_plan);
    let with_key = session_with_key(&sandbox);
    let refusal = json!({"apiErrorStatus": 401, "error": "authentication_failed"});
    let text = "Invalid API key \u{b7} Fix external API key";
    with_key.receives_error("2026-11-20T10:01:00Z", text, refusal);
    for text in answers_about(&with_key, "2026-11-20T10:02:00Z") {
        let headline = "The service refused ANTHROPIC_API_KEY, and your 5-hour limit is also used up until 12:00; correct the key.";
        assert!(text.starts_with(headline), "{text}");
        let step =
            "2. Or unset the key, and continue the session on your plan after 12:00: claude -c";
        assert!(text.contains(step), "{text}");
        assert!(!text.contains("/login"), "{text}");
    }
}

/// The key had no credits, and the organization's cap stopped the login. The steps of the session with the key led to the plan,
/// which is blocked as well, because a cap without a full window was not mentioned.
#[test]
fn a_cap_of_the_login_without_a_window_is_mentioned_beside_an_empty_key() {
    for is_capped in [false, true] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "enterprise", "user");
        let with_key = session_with_empty_key(&sandbox);
        let _process = RunningClient::idle(&sandbox, "with-key");
        let on_plan = session_of_login(&sandbox, "on-plan");
        if is_capped {
            let text = "You've hit your org's monthly spend limit \u{b7} run /usage-credits to ask your admin for a higher limit";
            on_plan.receives_error("2026-11-20T10:01:00Z", text, json!({}));
        }
        let at = "2026-11-20T10:02:00Z";
        let with_key_in_shell = shell(&sandbox, at, &["explain"], &[(KEY, "sk-ant-dummy")]);
        let [own, of_session] = answers_about(&with_key, at);
        for text in [own, of_session, flat(with_key_in_shell.success())] {
            let step = "2. Then continue the session on your plan";
            assert!(text.contains(step), "{text}");
            let later = "on your plan once the org spend cap no longer stops it: claude -c";
            assert_eq!(text.contains(later), is_capped, "{text}");
        }
    }
}
