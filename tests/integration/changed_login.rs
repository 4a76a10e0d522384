//! Tests that a limit of one account does not block sessions after the user has logged in to another account.

use serde_json::json;

use crate::client::{Client, plain_rows, windows};
use crate::newest_evidence::receives_response;
use crate::now::RunningClient;
use crate::payers::starts_process;
use crate::situation::{
    AT, FIVE_HOUR, NOON, PRIVATE, TUESDAY, WEEKLY, answer, belongs_to, flat, refused,
    with_a_private_login,
};
use crate::support::Sandbox;
use crate::wait::waits;

const COMPANY: &str = "22222222-2222-2222-2222-222222222222";
const CHANGED: &str = "but you are now logged in to a different account";
const LOGIN_CHANGED: &str =
    "Automatic continue stopped · your login changed or ended · send a prompt to continue";

/// Writes the state that Claude Code stores after `/login`.
fn logs_in_to(sandbox: &Sandbox, account: &str) {
    let login = json!({
        "accountUuid": account, "organizationType": "claude_max", "organizationRole": "admin",
    });
    sandbox.write(".claude.json", json!({"oauthAccount": login}).to_string());
}

/// Starts a session of the account with client 2.1.331. The session receives a response.
fn session_of<'s>(sandbox: &'s Sandbox, account: &str, name: &str) -> Client<'s> {
    let mut client = Client::with_session(sandbox, name);
    "2.1.331".clone_into(&mut client.version);
    starts_process(&mut client, "2026-11-20T09:50:00Z", "startup", &[]);
    belongs_to(&client, account, &format!("organization-of-{account}"));
    client.sends_prompt("2026-11-20T09:51:00Z", "hi");
    client.works("2026-11-20T09:51:10Z", 10);
    client
}

/// Checks that shells and `now` say that the limit blocks nothing.
fn assert_does_not_block_shell(sandbox: &Sandbox, at: &str) {
    let shell = Client::with_session(sandbox, "shell");
    let explained = shell.run(at, &["explain", "--exit-code"], b"");
    assert_eq!(explained.code, 0, "{at}: {explained:?}");
    let text = flat(&explained.stdout);
    assert!(text.contains(CHANGED), "{at}: {text}");
    assert!(!text.contains("You are still blocked"), "{at}: {text}");
    assert!(!text.contains("Wait until"), "{at}: {text}");
    let waited = waits(&shell, at, &["--timeout", "1s"]);
    assert_eq!(waited.code, 0, "{at}: {waited:?}");
    assert!(!waited.stdout.contains("by itself"), "{at}: {waited:?}");
    let now = shell.run(at, &["now", "--json"], b"").json();
    assert_eq!(now["blocked"], json!(null), "{at}: {now:#}");
    for session in now["sessions"].as_array().unwrap() {
        assert_eq!(session["continues"], json!(null), "{at}: {now:#}");
    }
    let listed = flat(shell.run(at, &["incidents"], b"").success());
    assert!(!listed.contains("still blocking work"), "{at}: {listed}");
    assert!(!listed.contains("still blocked"), "{at}: {listed}");
}

/// Checks that the limit blocks shells.
fn assert_blocks_shell(sandbox: &Sandbox, at: &str) {
    let shell = Client::with_session(sandbox, "shell");
    let explained = shell.run(at, &["explain", "--exit-code"], b"");
    assert_eq!(explained.code, 10, "{at}: {explained:?}");
    assert!(!explained.stdout.contains(CHANGED), "{at}: {explained:?}");
}

/// The weekly limit of one account stopped a session, which stayed open. The user logged in to another account, which had
/// room. In a shell and in the stopped session, whycap said that the user was blocked for days and should start a new session,
/// although every session worked.
#[test]
fn a_weekly_limit_does_not_block_anybody_after_a_login_to_another_account() {
    let sandbox = with_a_private_login();
    let stopped = session_of(&sandbox, PRIVATE, "stopped");
    let idle = session_of(&sandbox, PRIVATE, "idle");
    let since = "2026-11-20T09:50:00Z";
    let _process = RunningClient::resumed(&sandbox, "stopped", since);
    let full = windows(30.0, NOON, 100.0, TUESDAY);
    stopped.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, "out_of_credits"));
    stopped.calls_status_line("2026-11-20T10:00:02Z", full.clone(), 120);
    assert_blocks_shell(&sandbox, "2026-11-20T10:00:10Z");

    logs_in_to(&sandbox, COMPANY);
    let assert_works = |at: &str| {
        assert_does_not_block_shell(&sandbox, at);
        for session in [&stopped, &idle] {
            let reply = answer(session, at);
            assert!(reply.contains(CHANGED), "{at}: {reply}");
            assert!(reply.contains("Just continue"), "{at}: {reply}");
            assert!(!reply.contains("start a new session"), "{at}: {reply}");
        }
    };
    assert_works("2026-11-20T10:01:00Z");
    let row = flat(&plain_rows(&stopped, "2026-11-20T10:01:10Z", full.clone()));
    assert!(
        row.contains("logged in to a different account · send the prompt again"),
        "{row}"
    );
    assert!(!row.contains("weekly limit"), "{row}");

    let new = Client {
        sandbox: &sandbox,
        session: "new".to_owned(),
        version: "2.1.331".to_owned(),
        model: "claude-opus-5-5".to_owned(),
        api_ms: 900,
        total_cost: 0.5,
        variables: vec![("CLAUDECODE".to_owned(), "1".to_owned())],
    };
    new.event(
        "2026-11-20T10:01:50Z",
        "SessionStart",
        json!({"source": "startup"}),
    );
    belongs_to(&new, COMPANY, "company-organization");
    new.sends_prompt("2026-11-20T10:02:00Z", "hello");
    new.works("2026-11-20T10:02:10Z", 10);
    let room = windows(10.0, NOON, 5.0, TUESDAY + 86_400);
    new.calls_status_line("2026-11-20T10:02:11Z", room, 120);
    assert_works("2026-11-20T10:03:00Z");
    let reply = answer(&new, "2026-11-20T10:03:10Z");
    assert!(reply.contains(CHANGED), "{reply}");
    let listed = new.run("2026-11-20T10:03:10Z", &["incidents", "--json"], b"");
    let sums = &listed.json()["sums"];
    assert_eq!(sums["blocked_s"], 130, "{sums:#}");

    logs_in_to(&sandbox, PRIVATE);
    assert_blocks_shell(&sandbox, "2026-11-20T10:04:00Z");
    let reply = answer(&stopped, "2026-11-20T10:04:10Z");
    assert!(reply.contains("You are still blocked"), "{reply}");
}

/// The limit of the first account stopped a session, and the user logged in to another one. The row named the old limit
/// until an error occurred or `/whycap` ran, although `explain` in a shell already said that it does not apply. After the
/// return to the first account, the row said to send the prompt again.
#[test]
fn the_row_uses_the_login_that_a_command_in_a_shell_has_read() {
    let sandbox = with_a_private_login();
    let stopped = session_of(&sandbox, PRIVATE, "stopped");
    let _process = RunningClient::resumed(&sandbox, "stopped", "2026-11-20T09:50:00Z");
    let full = windows(30.0, NOON, 100.0, TUESDAY);
    stopped.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, "out_of_credits"));
    stopped.calls_status_line("2026-11-20T10:00:02Z", full.clone(), 120);

    logs_in_to(&sandbox, COMPANY);
    assert_does_not_block_shell(&sandbox, "2026-11-20T10:05:00Z");
    let row = flat(&plain_rows(&stopped, "2026-11-20T10:05:10Z", full.clone()));
    assert!(
        row.contains("logged in to a different account · send the prompt again"),
        "{row}"
    );
    assert!(!row.contains("weekly limit"), "{row}");

    logs_in_to(&sandbox, PRIVATE);
    assert_blocks_shell(&sandbox, "2026-11-20T10:06:00Z");
    let row = flat(&plain_rows(&stopped, "2026-11-20T10:06:10Z", full));
    assert!(row.contains("weekly limit · resets"), "{row}");
    assert!(!row.contains("different account"), "{row}");
}

/// A session reached the limit of the first account, continued with another one, and the user returned to the first account.
/// `/whycap` said that the session was blocked, but its row was silent or, if the other account had reached its limit as
/// well, said to send the prompt again.
#[test]
fn the_row_names_the_limit_of_the_first_account_after_a_return_to_it() {
    for other_is_used_up in [false, true] {
        let sandbox = with_a_private_login();
        let stopped = session_of(&sandbox, PRIVATE, "stopped");
        let _process = RunningClient::resumed(&sandbox, "stopped", "2026-11-20T09:50:00Z");
        let full = windows(100.0, NOON, 30.0, TUESDAY);
        stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, "out_of_credits"));
        stopped.calls_status_line("2026-11-20T10:00:02Z", full, 120);

        logs_in_to(&sandbox, COMPANY);
        belongs_to(&stopped, COMPANY, "company-organization");
        stopped.sends_prompt("2026-11-20T10:20:00Z", "continue");
        stopped.works("2026-11-20T10:20:10Z", 10);
        let of_company = windows(40.0, NOON + 3_600, 5.0, TUESDAY);
        stopped.calls_status_line("2026-11-20T10:20:11Z", of_company.clone(), 120);
        if other_is_used_up {
            let company_limit = "You've hit your 5-hour limit · resets 1pm (UTC)";
            let more = refused("five_hour", NOON + 3_600, "out_of_credits");
            stopped.receives_error("2026-11-20T10:40:00Z", company_limit, more);
        }

        logs_in_to(&sandbox, PRIVATE);
        let reply = answer(&stopped, "2026-11-20T11:00:00Z");
        assert!(reply.contains("You are still blocked"), "{reply}");
        let row = flat(&plain_rows(&stopped, "2026-11-20T11:00:10Z", of_company));
        assert!(row.contains("5-hour limit · resets at 12:00"), "{row}");
        assert!(!row.contains("different account"), "{row}");
    }
}

/// After a login to another account, an idle session uses the new account for its next request. When another session reached
/// the limit of this account, the idle session's row was silent, and `explain --session` and `wait --session` said that
/// nothing blocked it.
#[test]
fn the_limit_of_the_new_account_blocks_a_session_that_has_used_only_the_earlier_one() {
    let sandbox = with_a_private_login();
    let stopped = session_of(&sandbox, PRIVATE, "stopped");
    let idle = session_of(&sandbox, PRIVATE, "idle");
    let room = windows(40.0, NOON, 30.0, TUESDAY);
    idle.calls_status_line("2026-11-20T09:51:11Z", room.clone(), 120);

    logs_in_to(&sandbox, COMPANY);
    belongs_to(&stopped, COMPANY, "company-organization");
    stopped.sends_prompt("2026-11-20T10:20:00Z", "continue");
    stopped.works("2026-11-20T10:20:10Z", 10);
    let full = windows(100.0, NOON, 5.0, TUESDAY);
    stopped.receives_error(
        "2026-11-20T11:00:00Z",
        FIVE_HOUR,
        refused("five_hour", NOON, "out_of_credits"),
    );
    stopped.calls_status_line("2026-11-20T11:00:02Z", full, 120);

    let row = flat(&plain_rows(&idle, "2026-11-20T11:01:00Z", room));
    assert!(row.contains("5-hour limit"), "{row}");
    let shell = Client::with_session(&sandbox, "shell");
    let arguments = ["explain", "--exit-code", "--session", "idle"];
    let explained = shell.run("2026-11-20T11:01:10Z", &arguments, b"");
    assert_eq!(explained.code, 10, "{explained:?}");
    let reply = answer(&idle, "2026-11-20T11:01:20Z");
    assert!(reply.contains("You are still blocked"), "{reply}");
    assert!(!reply.contains("may work"), "{reply}");
    let more = ["--session", "idle", "--timeout", "1s"];
    let waited = waits(&shell, "2026-11-20T11:01:30Z", &more);
    assert_eq!(waited.code, 124, "{waited:?}");
    assert!(waited.stderr.contains("timed out"), "{waited:?}");
}

/// The limit of the first account stopped a session. Two other sessions worked with a second account, and the user returned to
/// the first one. It refuses the next requests of these sessions, but whycap said there that nothing was blocking them.
#[test]
fn the_limit_of_the_first_account_blocks_sessions_that_have_used_the_second_one_after_a_return() {
    let sandbox = with_a_private_login();
    let stopped = session_of(&sandbox, PRIVATE, "stopped");
    let moved = session_of(&sandbox, PRIVATE, "moved");
    let full = windows(100.0, NOON, 30.0, TUESDAY);
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, "out_of_credits"));
    stopped.calls_status_line("2026-11-20T10:00:02Z", full, 120);

    logs_in_to(&sandbox, COMPANY);
    let mut new = Client::with_session(&sandbox, "new");
    "2.1.331".clone_into(&mut new.version);
    starts_process(&mut new, "2026-11-20T10:19:00Z", "startup", &[]);
    let of_company = windows(12.0, NOON + 3_600, 5.0, TUESDAY);
    for client in [&moved, &new] {
        belongs_to(client, COMPANY, "company-organization");
        client.sends_prompt("2026-11-20T10:20:00Z", "continue");
        client.works("2026-11-20T10:20:10Z", 10);
        client.calls_status_line("2026-11-20T10:20:11Z", of_company.clone(), 120);
    }

    logs_in_to(&sandbox, PRIVATE);
    let shell = Client::with_session(&sandbox, "shell");
    for client in [&moved, &new] {
        let session = client.session.as_str();
        let reply = answer(client, "2026-11-20T11:00:00Z");
        assert!(
            reply.contains("5-hour limit is used up"),
            "{session}: {reply}"
        );
        assert!(!reply.contains("Just continue"), "{session}: {reply}");
        let row = flat(&plain_rows(
            client,
            "2026-11-20T11:00:10Z",
            of_company.clone(),
        ));
        assert!(
            row.contains("5-hour limit · resets at 12:00"),
            "{session}: {row}"
        );
        let arguments = ["explain", "--exit-code", "--session", session];
        let explained = shell.run("2026-11-20T11:00:20Z", &arguments, b"");
        assert_eq!(explained.code, 10, "{session}: {explained:?}");
        let more = ["--session", session, "--timeout", "1s"];
        let waited = waits(&shell, "2026-11-20T11:00:30Z", &more);
        assert_eq!(waited.code, 124, "{session}: {waited:?}");
        assert!(waited.stderr.contains("timed out"), "{waited:?}");
    }
}

/// The 5-hour limit of the first account stopped a session, which went on with a second account. When another session reached the
/// weekly limit of that account, `/whycap` and `explain --session` said again that the first session could continue at 12:00.
#[test]
fn the_limit_of_the_new_account_does_not_bring_back_the_limit_of_the_earlier_one() {
    let sandbox = with_a_private_login();
    let [mut stopped, works] = ["stopped", "works"].map(|name| session_of(&sandbox, PRIVATE, name));
    let full = windows(100.0, NOON, 30.0, TUESDAY);
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, "out_of_credits"));
    stopped.calls_status_line("2026-11-20T10:00:02Z", full, 120);

    logs_in_to(&sandbox, COMPANY);
    for client in [&stopped, &works] {
        belongs_to(client, COMPANY, "company-organization");
    }
    stopped.sends_prompt("2026-11-20T10:10:00Z", "continue");
    let room = windows(5.0, NOON, 98.0, TUESDAY);
    receives_response(&mut stopped, "2026-11-20T10:10:10Z", room);
    let full_week = windows(6.0, NOON, 100.0, TUESDAY);
    let refusal = refused("seven_day", TUESDAY, "out_of_credits");
    works.receives_error("2026-11-20T10:20:00Z", WEEKLY, refusal);
    works.calls_status_line("2026-11-20T10:20:02Z", full_week.clone(), 120);

    let row = flat(&plain_rows(&stopped, "2026-11-20T10:21:00Z", full_week));
    let reply = answer(&stopped, "2026-11-20T10:21:10Z");
    let shell = Client::with_session(&sandbox, "shell");
    let arguments = ["explain", "--session", "stopped"];
    let explained = flat(shell.run("2026-11-20T10:21:20Z", &arguments, b"").success());
    let more = ["--session", "stopped", "--timeout", "1s"];
    let waited = waits(&shell, "2026-11-20T10:21:30Z", &more);
    assert!(waited.stderr.contains("timed out"), "{waited:?}");
    for shown in [row, reply, explained, flat(&waited.stdout)] {
        assert!(shown.contains("weekly limit"), "{shown}");
        assert!(shown.contains("Tue Nov 24 06:00"), "{shown}");
        assert!(!shown.contains("continue at 12:00"), "{shown}");
        assert!(!shown.contains("until 12:00"), "{shown}");
    }
}

/// While the window of the first account was full, a session received a response with a second account. After the return to
/// the first account, `now` said that usage credits had paid for this response.
#[test]
fn credits_of_the_first_account_are_not_said_to_have_paid_for_a_response_of_the_second_one() {
    let sandbox = with_a_private_login();
    let stopped = session_of(&sandbox, PRIVATE, "stopped");
    let mut moved = session_of(&sandbox, PRIVATE, "moved");
    let full = windows(100.0, NOON, 30.0, TUESDAY);
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    stopped.calls_status_line("2026-11-20T10:00:02Z", full.clone(), 120);

    logs_in_to(&sandbox, COMPANY);
    belongs_to(&moved, COMPANY, "company-organization");
    moved.sends_prompt("2026-11-20T10:20:00Z", "continue");
    let of_company = windows(12.0, NOON + 3_600, 5.0, TUESDAY);
    receives_response(&mut moved, "2026-11-20T10:20:10Z", of_company);

    logs_in_to(&sandbox, PRIVATE);
    belongs_to(&moved, PRIVATE, &format!("organization-of-{PRIVATE}"));
    moved.sends_prompt("2026-11-20T10:30:00Z", "continue");
    moved.receives_error(
        "2026-11-20T10:30:02Z",
        FIVE_HOUR,
        refused("five_hour", NOON, ""),
    );
    moved.calls_status_line("2026-11-20T10:30:03Z", full, 120);
    let at = "2026-11-20T10:31:00Z";
    let shown = flat(moved.run(at, &["now"], b"").success());
    assert!(!shown.contains("redits have paid"), "{shown}");
    // The response was counted.
    let now = moved.run(at, &["now", "--json"], b"").json();
    assert!(now["today_usd"].as_f64() > Some(0.3), "{now:#}");
    assert_eq!(now["credits_paid_today_usd"].as_f64(), Some(0.0), "{now:#}");
}

/// The sessions of two configuration directories share whycap's data. The login of one directory is not a new login of the
/// other one, whose limit still applies.
#[test]
fn the_login_of_another_configuration_directory_is_not_a_new_login() {
    let sandbox = with_a_private_login();
    let stopped = session_of(&sandbox, PRIVATE, "stopped");
    let full = windows(30.0, NOON, 100.0, TUESDAY);
    stopped.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, "out_of_credits"));
    stopped.calls_status_line("2026-11-20T10:00:02Z", full.clone(), 120);

    let login = json!({"accountUuid": COMPANY, "organizationType": "claude_max"});
    let state = json!({"oauthAccount": login}).to_string();
    sandbox.write("company/.claude.json", state);
    let mut other = session_of(&sandbox, COMPANY, "other");
    let directory = sandbox.path("company").display().to_string();
    other
        .variables
        .push(("CLAUDE_CONFIG_DIR".to_owned(), directory));
    other.calls_status_line(
        "2026-11-20T10:01:00Z",
        windows(9.0, NOON, 5.0, TUESDAY),
        120,
    );

    let row = flat(&plain_rows(&stopped, "2026-11-20T10:02:00Z", full));
    assert!(row.contains("weekly limit · resets"), "{row}");

    // Each directory has its own saved login, so a command for the other one does not hide a new login of this one.
    logs_in_to(&sandbox, COMPANY);
    assert_does_not_block_shell(&sandbox, "2026-11-20T10:03:00Z");
    other.run("2026-11-20T10:03:30Z", &["explain"], b"");
    let row = flat(&plain_rows(&stopped, "2026-11-20T10:04:00Z", json!(null)));
    assert!(row.contains("logged in to a different account"), "{row}");
}

/// Claude Code was waiting for the reset of a 5-hour limit. After a login to another account, `wait` and `now` said that it
/// would continue the session by itself, but it announces that it does not.
#[test]
fn a_session_is_not_expected_to_continue_by_itself_after_a_login_to_another_account() {
    for is_announced in [false, true] {
        let sandbox = with_a_private_login();
        let stopped = session_of(&sandbox, PRIVATE, "stopped");
        let _process = RunningClient::resumed(&sandbox, "stopped", "2026-11-20T09:50:00Z");
        stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, "out_of_credits"));
        logs_in_to(&sandbox, COMPANY);
        if is_announced {
            stopped.announces("2026-11-20T10:00:40Z", LOGIN_CHANGED);
        }
        assert_does_not_block_shell(&sandbox, "2026-11-20T10:01:00Z");
    }
}

/// A version of Claude Code that may keep its earlier login is still said to be blocked.
#[test]
fn an_old_client_is_not_said_to_use_the_new_login() {
    let sandbox = with_a_private_login();
    let mut stopped = session_of(&sandbox, PRIVATE, "stopped");
    stopped.version = "2.1.328".to_owned();
    let _process = RunningClient::resumed(&sandbox, "stopped", "2026-11-20T09:50:00Z");
    stopped.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, "out_of_credits"));
    logs_in_to(&sandbox, COMPANY);
    let reply = answer(&stopped, "2026-11-20T10:01:00Z");
    assert!(reply.contains("start a new session"), "{reply}");
    assert!(!reply.contains("Just continue"), "{reply}");
}

/// A login to another account changes nothing for a session with a token or a key.
#[test]
fn a_login_to_another_account_does_not_end_the_limit_of_a_token_or_a_key() {
    for (variable, text, more) in [
        (
            "CLAUDE_CODE_OAUTH_TOKEN",
            WEEKLY,
            refused("seven_day", TUESDAY, "out_of_credits"),
        ),
        (
            "ANTHROPIC_API_KEY",
            "Credit balance is too low",
            json!({"apiErrorStatus": 400, "error": "billing_error"}),
        ),
    ] {
        let sandbox = with_a_private_login();
        let mut stopped = Client::with_session(&sandbox, "stopped");
        stopped.version = "2.1.331".to_owned();
        let start = "2026-11-20T09:50:00Z";
        starts_process(
            &mut stopped,
            start,
            "startup",
            &[(variable, "sk-ant-dummy")],
        );
        let _process = RunningClient::resumed(&sandbox, "stopped", start);
        stopped.receives_error(AT, text, more);
        logs_in_to(&sandbox, COMPANY);
        let reply = answer(&stopped, "2026-11-20T10:01:00Z");
        assert!(
            reply.contains("You are still blocked"),
            "{variable}: {reply}"
        );
        assert!(!reply.contains(CHANGED), "{variable}: {reply}");
        assert!(!reply.contains("Just continue"), "{variable}: {reply}");
    }
}
