//! Tests of a session that a limit has stopped and that then receives another prompt or another error.

use serde_json::{Value, json};

use crate::client::{Client, plain_rows, windows};
use crate::continuation::assert_continues_at_noon;
use crate::newest_evidence::{five_hour_full, hits_limit};
use crate::now::RunningClient;
use crate::situation::{
    FIVE_HOUR, NOON, TUESDAY, answer, flat, refused, session_of_login, with_a_private_login,
};
use crate::support::Sandbox;
use crate::wait::waits;

const NO_CONNECTION: &str =
    "API Error: Connection refused — a firewall or proxy may be blocking it (ECONNREFUSED)";
const SERVER_ERROR: &str = "API Error: 500 Internal server error. This is a server-side issue, usually temporary — try again in a moment.";
const NO_SUCH_MODEL: &str = "There's an issue with the selected model (claude-opus-3). It may not exist or you may not have access to it. Run /model to pick a different model.";
const OPUS_LIMIT: &str = "You've hit your Opus limit · resets Nov 24, 6am (UTC)";
const OUT_OF_CREDITS: &str = "You're out of usage credits · resets 12pm (UTC)";

const SECOND_PROMPT_AT: &str = "2026-11-20T10:20:00Z";
const SECOND_ERROR_AT: &str = "2026-11-20T10:20:03Z";
const AT: &str = "2026-11-20T10:21:00Z";

/// Returns an open session that has used most of its 5-hour limit.
fn busy_session<'s>(sandbox: &'s Sandbox, name: &str) -> (Client<'s>, RunningClient) {
    let client = session_of_login(sandbox, name);
    let process = RunningClient::idle(sandbox, &client.session);
    client.calls_status_line(
        "2026-11-20T09:50:00Z",
        windows(97.0, NOON, 40.0, TUESDAY),
        120,
    );
    (client, process)
}

fn hits_five_hour_limit(client: &Client<'_>) {
    hits_limit(
        client,
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        &refused("five_hour", NOON, "org_level_disabled"),
        five_hour_full(),
    );
}

/// Sends a second prompt, which comes from `source`, and which does not reach the server.
fn loses_connection(client: &Client<'_>, source: &str) {
    client.append(&client.prompt_line(SECOND_PROMPT_AT, source, "and then?"));
    let error = json!({
        "error": "server_error", "apiError": "connection_failed", "apiErrorStatus": null,
    });
    client.receives_error(SECOND_ERROR_AT, NO_CONNECTION, error);
}

fn row(client: &Client<'_>, at: &str, reported: Value) -> String {
    flat(&plain_rows(client, at, reported))
}

fn now(client: &Client<'_>, at: &str) -> String {
    flat(client.run(at, &["now"], b"").success())
}

/// While Claude Code was busy, a user typed another prompt. The 5-hour limit stopped the session, Claude Code announced that it
/// would wait, and then it sent the queued prompt, which failed because the network or the server was down. Claude Code 2.1.331
/// went on waiting and continued after the reset, but whycap only asked the user to send the prompt again.
#[test]
fn a_session_still_waits_if_its_queued_prompt_fails() {
    for is_connected in [false, true] {
        let sandbox = with_a_private_login();
        let (client, _process) = busy_session(&sandbox, "queued");
        hits_five_hour_limit(&client);
        if is_connected {
            client.append(&client.prompt_line(SECOND_PROMPT_AT, "queued", "and then?"));
            let error = json!({"error": "server_error", "apiErrorStatus": 500});
            client.receives_error(SECOND_ERROR_AT, SERVER_ERROR, error);
        } else {
            loses_connection(&client, "queued");
        }
        let row = row(&client, AT, five_hour_full());
        assert!(row.contains("5-hour limit · resets at 12:00"), "{row}");
        assert!(row.contains("it will continue about 12:0"), "{row}");
        let explained = answer(&client, AT);
        let first_step = "1. Do nothing and leave the session open";
        assert!(explained.contains(first_step), "{explained}");
        assert_continues_at_noon(&client, AT);
    }
}

/// A prompt that the user typed during the wait did not reach the server either. It ended the wait in Claude Code 2.1.331. Until
/// the reset, `now` and the row only asked the user to send the prompt again, although the limit would have refused it.
#[test]
fn a_limit_still_applies_if_a_typed_prompt_does_not_reach_the_server() {
    let sandbox = with_a_private_login();
    let (client, _process) = busy_session(&sandbox, "typed");
    hits_five_hour_limit(&client);
    loses_connection(&client, "typed");
    let row = row(&client, AT, five_hour_full());
    let note = "Claude Code will not continue by itself; send the prompt again after the reset";
    assert!(row.contains("5-hour limit · resets at 12:00"), "{row}");
    assert!(row.contains(note), "{row}");
    let now = now(&client, AT);
    assert!(now.contains("automatic continuation was canceled"), "{now}");
}

/// At the reset, the row about such a session disappeared, and `now` had no note on it, although it had been waiting for the user
/// to send the prompt again.
#[test]
fn a_prompt_is_due_after_the_reset_although_the_last_one_did_not_reach_the_server() {
    let sandbox = with_a_private_login();
    let (client, _process) = busy_session(&sandbox, "due");
    hits_five_hour_limit(&client);
    loses_connection(&client, "typed");
    let at = "2026-11-20T12:00:40Z";
    let row = row(&client, at, json!({}));
    assert!(row.contains("send the prompt again"), "{row}");
    let now = now(&client, at);
    let note = "limit should be over: send the prompt again";
    assert!(now.contains(note), "{now}");
}

/// A user sent a prompt during the wait and interrupted it before a response. Claude Code 2.1.331 then no longer waited, and it
/// wrote no notice about this. All screens said that it would continue by itself.
#[test]
fn an_interrupted_prompt_ends_the_wait_for_the_reset() {
    let sandbox = with_a_private_login();
    let (client, _process) = busy_session(&sandbox, "interrupted");
    hits_five_hour_limit(&client);
    assert_continues_at_noon(&client, "2026-11-20T10:10:00Z");
    client.sends_prompt(SECOND_PROMPT_AT, "and then?");
    let now = now(&client, AT);
    assert!(now.contains("automatic continuation was canceled"), "{now}");
    let explained = answer(&client, AT);
    assert!(
        explained.contains("Claude Code will not continue by itself"),
        "{explained}"
    );
    let waited = waits(&client, AT, &["--timeout", "1s"]);
    assert!(!waited.stdout.contains("by itself"), "{waited:?}");
    assert!(waited.stderr.contains("timed out"), "{waited:?}");
}

/// A background agent failed while Claude Code was waiting for the reset. The session continued at noon, but the screens asked the
/// user to send the prompt again, which would have ended the wait.
#[test]
fn an_error_of_a_subagent_does_not_end_the_wait_of_its_session() {
    for message in [NO_CONNECTION, "Prompt is too long"] {
        let sandbox = with_a_private_login();
        let (client, _process) = busy_session(&sandbox, "agents");
        hits_five_hour_limit(&client);
        let error = json!({
            "error": "server_error", "last_assistant_message": message,
            "agent_id": "a1b2", "agent_type": "general-purpose",
        });
        client.event(SECOND_ERROR_AT, "StopFailure", error);
        let row = row(&client, AT, five_hour_full());
        assert!(row.contains("it will continue about 12:0"), "{row}");
        assert_continues_at_noon(&client, AT);
    }
}

/// After a prompt with a large image, the end of the transcript no longer contained the limit and the announcement of the wait.
#[test]
fn a_failed_prompt_with_a_large_image_ends_the_wait() {
    let sandbox = with_a_private_login();
    let (client, _process) = busy_session(&sandbox, "image");
    hits_five_hour_limit(&client);
    client.sends_prompt(SECOND_PROMPT_AT, &"iVBORw0KGgo".repeat(40_000));
    let error = json!({"error": "server_error", "apiErrorStatus": null});
    client.receives_error(SECOND_ERROR_AT, NO_CONNECTION, error);
    for shown in [now(&client, AT), answer(&client, AT)] {
        assert!(!shown.contains("will continue about"), "{shown}");
        assert!(!shown.contains("continues by itself"), "{shown}");
    }
}

/// A mistyped model in one session hid the 5-hour limit of all sessions in `now`, `explain`, and `wait`.
#[test]
fn a_missing_model_in_one_session_does_not_hide_the_limit_of_all_sessions() {
    let sandbox = with_a_private_login();
    let (limited, _process) = busy_session(&sandbox, "limited");
    let (mistyped, _other_process) = busy_session(&sandbox, "mistyped");
    hits_five_hour_limit(&limited);
    mistyped.sends_prompt(SECOND_PROMPT_AT, "hello");
    let error = json!({"error": "model_not_found", "apiErrorStatus": 404});
    mistyped.receives_error(SECOND_ERROR_AT, NO_SUCH_MODEL, error);
    for command in ["now", "explain"] {
        let shown = flat(limited.run(AT, &[command], b"").success());
        for expected in ["Your 5-hour limit is used up", "This model does not exist"] {
            assert!(shown.contains(expected), "{command}: {shown}");
        }
    }
    let waited = waits(&limited, AT, &["--timeout", "1s"]);
    assert!(waited.stderr.contains("timed out"), "{waited:?}");
}

/// After an Opus limit, which Claude Code does not wait for, the network was down. The screens of this session no longer mentioned
/// the limit, and later `now` said that an automatic continuation had been canceled.
#[test]
fn an_opus_limit_still_applies_after_a_network_error() {
    let sandbox = with_a_private_login();
    let (client, _process) = busy_session(&sandbox, "opus");
    let reported = windows(30.0, NOON, 40.0, TUESDAY);
    let refusal = refused("seven_day_opus", TUESDAY, "org_level_disabled");
    let at = "2026-11-20T10:00:00Z";
    client.append(&client.error_line(at, OPUS_LIMIT, refusal));
    client.stop_failure(at, OPUS_LIMIT);
    loses_connection(&client, "typed");
    for at in [AT, "2026-11-20T11:30:00Z"] {
        let row = row(&client, at, reported.clone());
        assert!(row.contains("weekly Opus limit"), "{at}: {row}");
        let now = now(&client, at);
        assert!(now.contains("switch to another model"), "{at}: {now}");
        assert!(!now.contains("was canceled"), "{at}: {now}");
    }
}

/// No usage credits were left, and then the network was down. The session said that prompts might be paid for with credits.
#[test]
fn credits_that_are_used_up_do_not_pay_after_a_network_error() {
    let sandbox = with_a_private_login();
    let (client, _process) = busy_session(&sandbox, "no-credits");
    hits_limit(
        &client,
        "2026-11-20T10:00:00Z",
        OUT_OF_CREDITS,
        &refused("five_hour", NOON, "out_of_credits"),
        five_hour_full(),
    );
    loses_connection(&client, "typed");
    let explained = answer(&client, AT);
    assert!(
        explained.contains("no usage credits are left"),
        "{explained}"
    );
    assert!(!explained.contains("paid for"), "{explained}");
}
