//! Tests that the limit of one model family is not forgotten when another limit refuses a later prompt of the same session.

use serde_json::Value;

use crate::client::{Client, plain_rows, windows};
use crate::model_limits::{
    HAIKU, OPUS, OPUS_LIMIT, SONNET, SONNET_LIMIT, in_shell, receives_response_with, room,
    switches_to,
};
use crate::newest_evidence::{after, five_hour_full};
use crate::now::RunningClient;
use crate::situation::{
    FIVE_HOUR, NOON, TUESDAY, answer, flat, refused, session_of_login, stores_credits_reason,
    two_sessions_of_login, with_a_private_login,
};
use crate::support::Sandbox;

/// Simulates a prompt that the server refuses because of this window, and the status-line call after it.
fn is_refused(client: &Client<'_>, at: &str, window: &str, reported: Value) {
    let (message, reset) = match window {
        "seven_day_opus" => (OPUS_LIMIT, TUESDAY),
        "seven_day_sonnet" => (SONNET_LIMIT, TUESDAY),
        _ => (FIVE_HOUR, NOON),
    };
    client.sends_prompt(at, "continue");
    let refusal = refused(window, reset, "org_level_disabled");
    client.receives_error(&after(at, 2), message, refusal);
    client.calls_status_line(&after(at, 3), reported, 120);
}

/// Returns the text that `explain --session` shows in a shell.
fn explained(sandbox: &Sandbox, at: &str, session: &str) -> String {
    let command = ["explain", "--session", session];
    flat(&in_shell(sandbox, at, &command).stdout)
}

/// Returns the exit code of `explain --session`, which is 10 if waiting helps.
fn exit_code(sandbox: &Sandbox, at: &str, session: &str) -> i32 {
    let command = ["explain", "--exit-code", "--session", session];
    in_shell(sandbox, at, &command).code
}

/// The 5-hour limit refused the next prompt after the weekly Opus limit. Until its reset, no screen named the Opus limit, and
/// then, they said to send the prompt again. `incidents` called the Opus limit "hit again on retry".
#[cfg(target_os = "linux")]
#[test]
fn the_five_hour_limit_does_not_replace_the_opus_limit_of_the_session() {
    let sandbox = with_a_private_login();
    let [mut stopped, mut other] = two_sessions_of_login(&sandbox);
    SONNET.clone_into(&mut other.model);
    let _processes =
        [&stopped, &other].map(|client| RunningClient::idle(&sandbox, &client.session));
    let nearly_full = windows(80.0, NOON, 40.0, TUESDAY);
    receives_response_with(&mut stopped, "2026-11-20T09:50:00Z", nearly_full.clone());
    is_refused(
        &stopped,
        "2026-11-20T10:00:00Z",
        "seven_day_opus",
        nearly_full,
    );
    let last_percent = windows(99.0, NOON, 40.0, TUESDAY);
    receives_response_with(&mut other, "2026-11-20T10:20:00Z", last_percent);
    is_refused(
        &stopped,
        "2026-11-20T10:30:00Z",
        "five_hour",
        five_hour_full(),
    );

    let at = "2026-11-20T10:30:20Z";
    let also_applies = "Besides this error, your weekly Opus limit applies to";
    for shown in [answer(&stopped, at), explained(&sandbox, at, "stopped")] {
        assert!(shown.contains(also_applies), "{shown}");
    }
    let now = flat(in_shell(&sandbox, at, &["now"]).success());
    for part in [
        "Opus week is 100% because a request was refused at 10:00",
        "but your weekly Opus limit may stop it again",
    ] {
        assert!(now.contains(part), "{part}: {now}");
    }
    let listed = flat(&in_shell(&sandbox, at, &["incidents"]).stdout);
    assert!(!listed.contains("hit again on retry"), "{listed}");

    for at in ["2026-11-20T12:00:20Z", "2026-11-20T12:04:00Z"] {
        let row = plain_rows(&stopped, at, five_hour_full());
        assert!(row.contains("weekly Opus limit · resets Tue"), "{row}");
        for shown in [answer(&stopped, at), explained(&sandbox, at, "stopped")] {
            assert!(
                shown.contains("Your weekly Opus limit is used up"),
                "{shown}"
            );
            assert!(shown.contains("1. Use another model: /model"), "{shown}");
        }
        assert_eq!(exit_code(&sandbox, at, "stopped"), 10);
        for command in [&["now"][..], &["wait", "--timeout", "1s"]] {
            let run = in_shell(&sandbox, at, command);
            let shown = flat(&format!("{} {}", run.stdout, run.stderr));
            for wrong in [
                "to continue sooner",
                "should be over",
                "by itself about Tue",
            ] {
                assert!(!shown.contains(wrong), "{wrong}: {shown}");
            }
        }
    }
}

/// After the weekly Opus limit, the user switched to Sonnet, whose limit refused the next prompt. whycap said that another
/// session with Opus may work, and so may the first session after its user switched back to Opus.
#[test]
fn the_limit_of_a_second_model_does_not_replace_the_limit_of_the_first_one() {
    for responds in [false, true] {
        let sandbox = with_a_private_login();
        let [mut stopped, mut other] = two_sessions_of_login(&sandbox);
        for client in [&mut stopped, &mut other] {
            OPUS.clone_into(&mut client.model);
            receives_response_with(client, "2026-11-20T09:50:00Z", room());
        }
        is_refused(&stopped, "2026-11-20T10:00:00Z", "seven_day_opus", room());
        switches_to(&mut stopped, "2026-11-20T10:01:00Z", SONNET);
        is_refused(&stopped, "2026-11-20T10:02:00Z", "seven_day_sonnet", room());
        assert_stops_opus(&other, "2026-11-20T10:02:20Z");
        if responds {
            switches_to(&mut stopped, "2026-11-20T10:03:00Z", HAIKU);
            receives_response_with(&mut stopped, "2026-11-20T10:03:10Z", room());
            assert_stops_opus(&other, "2026-11-20T10:03:30Z");
        }
        switches_to(&mut stopped, "2026-11-20T10:04:00Z", OPUS);
        for client in [&stopped, &other] {
            assert_stops_opus(client, "2026-11-20T10:04:20Z");
        }
    }
}

/// Asserts that the row and the commands name the weekly Opus limit in a session that uses Opus.
fn assert_stops_opus(client: &Client<'_>, at: &str) {
    let row = plain_rows(client, at, room());
    assert!(
        row.contains("weekly Opus limit · resets Tue"),
        "{at}: {row}"
    );
    let session = &client.session;
    let explained = explained(client.sandbox, at, session);
    for shown in [answer(client, at), explained] {
        let limit = "Your weekly Opus limit is used up";
        assert!(shown.contains(limit), "{at} {session}: {shown}");
    }
    assert_eq!(exit_code(client.sandbox, at, session), 10, "{at} {session}");
}

/// A session has reached the weekly Opus limit, and the 5-hour limit stopped another session with Opus, which waits for its
/// reset. Its row and steps said that it will continue then, and at the reset, `explain` no longer mentioned the Opus limit. For a session
/// without an error, `explain --session` looked for the Opus limit in the session with the 5-hour limit.
#[cfg(target_os = "linux")]
#[test]
fn the_limit_of_its_model_may_stop_a_session_that_waits_for_the_five_hour_limit() {
    let sandbox = with_a_private_login();
    let [mut limited, mut waiting, mut idle] =
        ["limited", "waiting", "idle"].map(|name| session_of_login(&sandbox, name));
    let _processes =
        [&limited, &waiting, &idle].map(|client| RunningClient::idle(&sandbox, &client.session));
    let nearly_full = windows(90.0, NOON, 40.0, TUESDAY);
    for client in [&mut limited, &mut waiting, &mut idle] {
        receives_response_with(client, "2026-11-20T09:50:00Z", nearly_full.clone());
    }
    is_refused(
        &limited,
        "2026-11-20T10:00:00Z",
        "seven_day_opus",
        nearly_full.clone(),
    );
    SONNET.clone_into(&mut limited.model);
    receives_response_with(&mut limited, "2026-11-20T10:02:00Z", nearly_full);
    is_refused(
        &waiting,
        "2026-11-20T10:10:00Z",
        "five_hour",
        five_hour_full(),
    );

    let at = "2026-11-20T10:10:20Z";
    let row = plain_rows(&waiting, at, five_hour_full());
    let tries = "Unless you pressed Esc, this session tries to continue about 12:01";
    assert!(row.contains(tries), "{row}");
    for shown in [answer(&waiting, at), explained(&sandbox, at, "waiting")] {
        for step in [
            "1. Wait until 12:00",
            "2. You can leave the session open; Claude Code will try to continue about 12:01, but your weekly Opus limit may stop it again",
        ] {
            assert!(shown.contains(step), "{step}: {shown}");
        }
        assert!(!shown.contains("will continue"), "{shown}");
    }
    let of_idle = explained(&sandbox, at, "idle");
    let also_applies =
        "Besides this error, your weekly Opus limit applies to the model of the session idle";
    assert!(of_idle.contains(also_applies), "{of_idle}");
    let of_limited = explained(&sandbox, at, "limited");
    assert!(!of_limited.contains("Besides this error"), "{of_limited}");

    let at = "2026-11-20T12:00:40Z";
    let in_shell = flat(&in_shell(&sandbox, at, &["explain"]).stdout);
    let still_applies = "Your weekly Opus limit still applies to the model of the session waiting";
    assert!(in_shell.contains(still_applies), "{in_shell}");
}

/// A session with Sonnet waited for the reset of the 5-hour limit when its user switched it to Opus, whose weekly limit was used
/// up. Its row promised that it will continue.
#[test]
fn a_waiting_session_that_is_switched_to_a_limited_model_only_tries_to_continue() {
    let sandbox = with_a_private_login();
    let [mut waiting, limited] = two_sessions_of_login(&sandbox);
    is_refused(&limited, "2026-11-20T10:00:00Z", "seven_day_opus", room());
    SONNET.clone_into(&mut waiting.model);
    receives_response_with(&mut waiting, "2026-11-20T10:02:00Z", room());
    is_refused(
        &waiting,
        "2026-11-20T10:10:00Z",
        "five_hour",
        five_hour_full(),
    );
    for (model, continuation) in [(SONNET, "will continue"), (OPUS, "tries to continue")] {
        model.clone_into(&mut waiting.model);
        let row = plain_rows(&waiting, "2026-11-20T10:20:00Z", five_hour_full());
        assert!(row.contains(continuation), "{model}: {row}");
    }
}

/// The weekly Opus limit applied to one session while usage credits paid for the Sonnet responses of another beyond a full 5-hour
/// window. The screens of the first session said that work is blocked, and to use another model only after 12:00.
#[test]
fn another_model_works_on_credits_beyond_a_full_window_of_all_models() {
    let sandbox = with_a_private_login();
    let [mut stopped, mut other] = two_sessions_of_login(&sandbox);
    SONNET.clone_into(&mut other.model);
    let room = windows(80.0, NOON, 40.0, TUESDAY);
    receives_response_with(&mut stopped, "2026-11-20T09:50:00Z", room.clone());
    is_refused(&stopped, "2026-11-20T10:00:00Z", "seven_day_opus", room);
    stores_credits_reason(&sandbox, &Value::Null);
    for at in [
        "2026-11-20T10:20:00Z",
        "2026-11-20T10:25:00Z",
        "2026-11-20T10:30:00Z",
    ] {
        receives_response_with(&mut other, at, five_hour_full());
    }

    let at = "2026-11-20T10:30:20Z";
    let step = "1. Use another model; each response costs extra: /model";
    for shown in [answer(&stopped, at), explained(&sandbox, at, "stopped")] {
        assert!(shown.contains(step), "{shown}");
        assert!(shown.contains("only to one family of models"), "{shown}");
        for wrong in ["after 12:00", "You are still blocked"] {
            assert!(!shown.contains(wrong), "{wrong}: {shown}");
        }
    }
    assert_eq!(exit_code(&sandbox, at, "stopped"), 10);
    let doctor = flat(&in_shell(&sandbox, at, &["doctor"]).stdout);
    assert!(doctor.contains("Only Opus models are blocked."), "{doctor}");
    let row = plain_rows(&stopped, at, five_hour_full());
    for part in ["weekly Opus limit", "usage credits"] {
        assert!(row.contains(part), "{part}: {row}");
    }
}
