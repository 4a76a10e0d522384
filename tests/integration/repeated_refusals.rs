//! Tests under which conditions repeated refusals of the login apply to all of its sessions.

use serde_json::{Value, json};

use crate::client::{Client, plain_rows};
use crate::situation::{
    FIVE_HOUR, NOON, answer, flat, refused, session_of_login, with_a_private_login,
};
use crate::wait::waits;

const LOGIN_REFUSED: &str = "Please run /login · API Error: 401 Invalid authentication credentials";
const LOGIN_EXPIRED: &str = "Please run /login · API Error: 401 OAuth token has expired. Please obtain a new token or refresh your existing token.";

fn has_login_refused(client: &Client<'_>, at: &str) {
    let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
    client.receives_error(at, LOGIN_REFUSED, refusal);
}

fn has_prompt_answered(client: &Client<'_>, sent_at: &str, received_at: &str) {
    client.sends_prompt(sent_at, "continue");
    client.receives_response(received_at);
}

/// A session kept a stale token and was refused twice, but another session received a response in between. In that
/// session, `/whycap` said to log in again, and the shell no longer said that other sessions may work.
#[test]
fn refusals_of_one_session_do_not_count_for_the_login_if_another_session_works_in_between() {
    let sandbox = with_a_private_login();
    let [stale, works] = ["stale", "works"].map(|name| session_of_login(&sandbox, name));
    has_login_refused(&stale, "2026-11-20T10:00:00Z");
    has_prompt_answered(&works, "2026-11-20T10:00:30Z", "2026-11-20T10:01:00Z");
    has_login_refused(&stale, "2026-11-20T10:02:00Z");

    let reply = answer(&stale, "2026-11-20T10:02:30Z");
    assert!(reply.contains("1. Log in again"), "{reply}");
    // The service responded, so nothing points to a problem with the network.
    assert!(!reply.contains("network"), "{reply}");
    // The first step was to log in again, although a prompt may show that there is no need to.
    let reply = answer(&works, "2026-11-20T10:03:00Z");
    for part in [
        "this one may work",
        "1. Send a prompt here; this session may work",
        "2. Log in again: /login",
    ] {
        assert!(reply.contains(part), "{part}: {reply}");
    }
    for command in ["explain", "now", "doctor"] {
        let shell = Client::with_session(&sandbox, "shell");
        let text = flat(&shell.run("2026-11-20T10:03:10Z", &[command], b"").stdout);
        assert!(text.contains("may work"), "{command}: {text}");
    }
}

/// A session repeated a request within seconds. This is not a second attempt by the user, so other sessions may work.
#[test]
fn two_refusals_of_one_session_within_seconds_do_not_count_for_the_login() {
    let sandbox = with_a_private_login();
    let [refused, fresh] = ["refused", "fresh"].map(|name| session_of_login(&sandbox, name));
    has_login_refused(&refused, "2026-11-20T10:00:00Z");
    has_login_refused(&refused, "2026-11-20T10:00:05Z");
    let reply = answer(&fresh, "2026-11-20T10:01:00Z");
    assert!(reply.contains("this one may work"), "{reply}");
}

/// The login had expired, which is the usual reason for a refusal. After the second refusal, all screens still said that
/// other sessions may work, although they no longer said so after refusals with another message.
#[test]
fn an_expired_login_refused_twice_blocks_a_session_without_an_error_on_all_screens() {
    let sandbox = with_a_private_login();
    let idle = session_of_login(&sandbox, "idle");
    has_prompt_answered(&idle, "2026-11-20T09:50:00Z", "2026-11-20T09:50:05Z");
    let [first, second] = ["first", "second"].map(|name| session_of_login(&sandbox, name));
    for (client, at) in [
        (&first, "2026-11-20T10:00:00Z"),
        (&first, "2026-11-20T10:00:24Z"),
        (&second, "2026-11-20T10:01:00Z"),
    ] {
        let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
        client.receives_error(at, LOGIN_EXPIRED, refusal);
    }

    let row = plain_rows(&idle, "2026-11-20T10:02:00Z", json!(null));
    assert!(row.contains("login refused"), "{row}");
    let reply = answer(&idle, "2026-11-20T10:02:10Z");
    assert!(reply.contains("1. Log in again"), "{reply}");
    assert!(!reply.contains("may work"), "{reply}");
    let shell = Client::with_session(&sandbox, "shell");
    for command in ["explain", "now"] {
        let text = flat(&shell.run("2026-11-20T10:02:20Z", &[command], b"").stdout);
        assert!(!text.contains("may work"), "{command}: {text}");
    }
    let waited = waits(
        &shell,
        "2026-11-20T10:02:30Z",
        &["--session", "idle", "--timeout", "1s"],
    );
    assert_ne!(waited.code, 0, "{waited:?}");
    let message = &waited.stderr;
    assert!(message.contains("log in again"), "{message}");
}

/// The login was refused twice. In a new session, `/whycap` said to log in again, but its row was silent, and
/// `explain --session` and `wait --session` said that nothing blocked it.
#[test]
fn a_login_refused_twice_blocks_a_session_without_an_error_on_all_screens() {
    for sessions in [["first", "first"], ["first", "second"]] {
        let sandbox = with_a_private_login();
        let fresh = session_of_login(&sandbox, "fresh");
        has_prompt_answered(&fresh, "2026-11-20T09:50:00Z", "2026-11-20T09:50:05Z");
        let [first, second] = sessions.map(|name| session_of_login(&sandbox, name));
        has_login_refused(&first, "2026-11-20T10:00:00Z");
        has_login_refused(&second, "2026-11-20T10:05:00Z");

        let row = plain_rows(&fresh, "2026-11-20T10:06:00Z", json!(null));
        assert!(row.contains("login refused again"), "{row}");
        let reply = answer(&fresh, "2026-11-20T10:06:10Z");
        assert!(reply.contains("1. Log in again"), "{reply}");
        let shell = Client::with_session(&sandbox, "shell");
        let arguments = ["explain", "--exit-code", "--session", "fresh"];
        let explained = shell.run("2026-11-20T10:06:20Z", &arguments, b"");
        assert_ne!(explained.code, 0, "{explained:?}");
        let text = flat(&explained.stdout);
        assert!(text.contains("Log in again"), "{text}");
        assert!(text.contains("uses the same login"), "{text}");
        let waited = waits(
            &shell,
            "2026-11-20T10:06:30Z",
            &["--session", "fresh", "--timeout", "1s"],
        );
        assert_ne!(waited.code, 0, "{waited:?}");
        let message = &waited.stderr;
        assert!(message.contains("log in again"), "{message}");

        // The login works again.
        has_prompt_answered(&second, "2026-11-20T10:08:00Z", "2026-11-20T10:08:05Z");
        let row = plain_rows(&fresh, "2026-11-20T10:09:00Z", json!(null));
        assert!(!row.contains("login refused"), "{row}");
        let explained = shell.run("2026-11-20T10:09:10Z", &arguments, b"");
        assert_eq!(explained.code, 0, "{explained:?}");
    }
}

/// A limit shows that the service accepted the login. After the limit had reset, `/whycap` said to log in again because of
/// older refusals, but the row said to send the prompt again.
#[test]
fn a_limit_shows_that_a_login_that_was_refused_twice_works_again() {
    let sandbox = with_a_private_login();
    let [first, second, stopped, fresh] =
        ["first", "second", "stopped", "fresh"].map(|name| session_of_login(&sandbox, name));
    has_login_refused(&first, "2026-11-20T10:00:00Z");
    has_login_refused(&second, "2026-11-20T10:05:00Z");
    stopped.receives_error(
        "2026-11-20T10:30:00Z",
        FIVE_HOUR,
        refused("five_hour", NOON, ""),
    );
    let row = plain_rows(&fresh, "2026-11-20T10:30:20Z", Value::Null);
    assert!(row.contains("5-hour limit"), "{row}");

    let at = "2026-11-20T12:01:00Z";
    let reply = answer(&stopped, at);
    assert!(!reply.contains("Log in again"), "{reply}");
    assert!(reply.contains("should have reset"), "{reply}");
    let row = plain_rows(&stopped, at, Value::Null);
    assert!(row.contains("limit should have reset"), "{row}");
    let reply = answer(&fresh, at);
    assert!(reply.contains("this one may work"), "{reply}");
    let shell = Client::with_session(&sandbox, "shell");
    let text = flat(&shell.run(at, &["explain"], b"").stdout);
    assert!(
        text.contains("sessions that show no error may work"),
        "{text}"
    );
}

/// The session had no key, but the steps after "invalid x-api-key" ended with "Or unset the key, and log in instead". Without
/// a hook, the session may have had a key in its environment.
#[test]
fn only_a_session_that_may_have_a_key_is_told_to_unset_it() {
    let text = r#"API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#;
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "refused");
    let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
    client.receives_error("2026-11-20T10:00:00Z", text, refusal);
    let at = "2026-11-20T10:00:30Z";
    let reply = answer(&client, at);
    assert!(!reply.contains("Or unset the key"), "{reply}");
    assert!(reply.contains("2. Log in again: /login"), "{reply}");

    let other = with_a_private_login();
    let pasted = flat(
        Client::new(&other)
            .run(at, &["explain", text], b"")
            .success(),
    );
    assert!(pasted.contains("Or unset the key"), "{pasted}");
}
