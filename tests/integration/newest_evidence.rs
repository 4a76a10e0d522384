//! Tests that every screen tells the present state of a limit, not the state at the time of an older error. Each test
//! reproduces an answer with which a screen contradicted another one in November 2026.

use serde_json::{Value, json};

use crate::client::{Client, windows};
use crate::situation::{
    FIVE_HOUR, NOON, PRIVATE, TUESDAY, belongs_to, refused, with_a_private_login,
};
use crate::support::Sandbox;

const WEEKLY: &str = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
const OVERLOADED: &str = "API Error: 529 Overloaded.";
/// The reset of a 5-hour window that began shortly after 10:00.
const LATER_RESET: i64 = NOON + 3 * 3_600;

/// Creates a session that belongs to the logged-in account according to its transcript.
fn session_of_login<'s>(sandbox: &'s Sandbox, name: &str) -> Client<'s> {
    let client = Client::with_session(sandbox, name);
    belongs_to(&client, PRIVATE, "private-organization");
    client
}

/// Simulates a request that the server refuses because of a full usage window, and the status-line call after it.
fn hits_limit(client: &Client<'_>, at: &str, text: &str, refusal: &Value, reported: Value) {
    client.receives_error(at, text, refusal);
    client.calls_status_line(&after(at, 1), reported, 120);
}

/// Simulates a response with these usage windows, and the status-line call after it.
fn receives_response(client: &mut Client<'_>, at: &str, reported: Value) -> String {
    client.api_ms += 100;
    client.works(at, 100_000);
    let call = client.calls_status_line(&after(at, 1), reported, 120);
    whycap::terminal::strip_ansi(&call.stdout)
}

/// Returns the time that is this many seconds after another one.
fn after(at: &str, seconds: i64) -> String {
    let at: chrono::DateTime<chrono::Utc> = at.parse().unwrap();
    let later = at + chrono::TimeDelta::seconds(seconds);
    later.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Returns the answer to `/whycap`, on a single line.
fn answer(client: &Client<'_>, at: &str) -> String {
    let asked = client.event(at, "UserPromptSubmit", json!({"prompt": "/whycap"}));
    flat(asked.json()["reason"].as_str().unwrap())
}

/// Returns the output of a command, on a single line.
fn output(client: &Client<'_>, at: &str, command: &str) -> String {
    flat(&client.run(at, &[command], b"").stdout)
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A limit of the whole account is more important than an error of the session that has ended.
#[test]
fn a_limit_of_the_account_is_explained_before_an_ended_error_of_the_session() {
    for (text, refusal, reported) in [
        (
            FIVE_HOUR,
            refused("five_hour", NOON, "org_level_disabled"),
            windows(100.0, NOON, 40.0, TUESDAY),
        ),
        (
            WEEKLY,
            refused("seven_day", TUESDAY, "org_level_disabled"),
            windows(40.0, NOON, 100.0, TUESDAY),
        ),
    ] {
        let sandbox = with_a_private_login();
        let mut ended = session_of_login(&sandbox, "ended");
        ended.receives_error(
            "2026-11-20T09:50:00Z",
            OVERLOADED,
            json!({"apiErrorStatus": 529}),
        );
        let room = windows(42.0, NOON, 40.0, TUESDAY);
        receives_response(&mut ended, "2026-11-20T09:52:00Z", room.clone());
        let stopped = session_of_login(&sandbox, "stopped");
        hits_limit(&stopped, "2026-11-20T10:00:00Z", text, &refusal, reported);

        let at = "2026-11-20T10:00:11Z";
        let line = ended.calls_status_line(at, room, 120).stdout;
        let headline = stopped.explained(at)["headline"]
            .as_str()
            .unwrap()
            .to_owned();
        for (command, text) in [
            ("/whycap", answer(&ended, at)),
            ("explain", output(&ended, at, "explain")),
            ("now", output(&ended, at, "now")),
        ] {
            assert!(text.contains(&headline), "{command}: {text}");
            assert!(!text.contains("You can continue"), "{command}: {text}");
        }
        assert!(line.contains("resets"), "{line}");
        assert!(
            answer(&ended, at).contains("another session"),
            "{}",
            answer(&ended, at)
        );
    }
}

/// A limit that does not apply to the session must not hide the session's own error.
#[test]
fn a_limit_that_the_session_cannot_meet_does_not_hide_its_own_error() {
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    let full = || windows(100.0, NOON, 40.0, TUESDAY);
    for name in ["company", "key", "responded", "false alarm"] {
        let sandbox = with_a_private_login();
        let mut ended = Client::with_session(&sandbox, "ended");
        match name {
            "company" => belongs_to(&ended, "company-account", "company-organization"),
            "key" => {
                let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-api03-x".to_owned());
                ended.variables.push(key);
            }
            _ => belongs_to(&ended, PRIVATE, "private-organization"),
        }
        ended.receives_error(
            "2026-11-20T09:50:00Z",
            OVERLOADED,
            json!({"apiErrorStatus": 529}),
        );
        ended.receives_response("2026-11-20T09:52:00Z");
        let stopped = session_of_login(&sandbox, "stopped");
        let at = "2026-11-20T10:05:00Z";
        if name == "false alarm" {
            let text = "You're out of usage credits · resets Nov 24, 6am (UTC)";
            let refusal = refused("overage", TUESDAY, "out_of_credits");
            let reported = windows(42.0, NOON, 17.0, TUESDAY);
            stopped.calls_status_line("2026-11-20T09:59:00Z", reported.clone(), 120);
            hits_limit(&stopped, "2026-11-20T10:04:00Z", text, &refusal, reported);
        } else {
            hits_limit(
                &stopped,
                "2026-11-20T10:00:00Z",
                FIVE_HOUR,
                &refusal,
                full(),
            );
        }
        if name == "responded" {
            ended.receives_response("2026-11-20T10:04:00Z");
        }
        let said = answer(&ended, at);
        assert!(said.contains("overloaded"), "{name}: {said}");
        let line = ended.calls_status_line(at, Value::Null, 120).stdout;
        assert!(!line.contains("/whycap"), "{name}: {line}");
    }
}

/// After the account's windows have been reset, the next response does not cost anything extra.
#[test]
fn a_response_after_an_early_reset_is_not_called_paid() {
    for (used, responds_at, seconds) in [
        (42.0, "2026-11-20T10:01:00Z", 5),
        (2.0, "2026-11-20T10:01:00Z", 5),
        (2.0, "2026-11-20T10:01:00Z", 200),
        (42.0, "2026-11-20T10:03:00Z", 5),
        (2.0, "2026-11-20T10:30:00Z", 200),
    ] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        let full = windows(100.0, NOON, 40.0, TUESDAY);
        let refusal = refused("five_hour", NOON, "out_of_credits");
        hits_limit(
            &stopped,
            "2026-11-20T10:00:00Z",
            FIVE_HOUR,
            &refusal,
            full.clone(),
        );
        stopped.announces("2026-11-20T10:00:20Z", "Automatic continue cancelled");
        let mut works = session_of_login(&sandbox, "works");
        let room = windows(used, LATER_RESET, 41.0, TUESDAY);
        receives_response(&mut works, responds_at, room);

        let at = after(responds_at, seconds);
        let incident = stopped.explained(&at);
        let name = format!("{used} {at}");
        assert_eq!(
            incident["actions"][0]["do"], "Send the prompt again",
            "{name}"
        );
        let line = stopped.calls_status_line(&at, full, 120).stdout;
        for text in [
            incident.to_string(),
            answer(&stopped, &at),
            output(&stopped, &at, "explain"),
            output(&stopped, &at, "now"),
            output(&stopped, &at, "incidents"),
            line,
        ] {
            assert!(!text.contains("costs money"), "{name}: {text}");
            assert!(!text.contains("is used up"), "{name}: {text}");
            assert!(!text.contains("paying"), "{name}: {text}");
        }
    }
}

/// A session that goes on after a weekly limit may do so because usage credits pay for it. The limit then still
/// applies, and each response costs money.
#[test]
fn a_limit_beyond_which_credits_pay_still_applies() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "pays");
    let full = || windows(35.0, NOON, 100.0, TUESDAY);
    let refusal = refused("seven_day", TUESDAY, "org_level_disabled");
    hits_limit(&client, "2026-11-20T10:00:00Z", WEEKLY, &refusal, full());
    let line = receives_response(&mut client, "2026-11-20T10:03:00Z", full());
    assert!(line.contains("paying with usage credits"), "{line}");

    let at = "2026-11-20T10:03:05Z";
    let incident = client.explained(at);
    let action = &incident["actions"][0];
    let instruction = action["do"].as_str().unwrap();
    assert!(
        instruction.contains("each response costs extra until Tue Nov 24 06:00"),
        "{instruction}"
    );
    assert_eq!(action["costs_money"], true);
    for (command, text) in [
        ("/whycap", answer(&client, at)),
        ("explain", output(&client, at, "explain")),
        ("now", output(&client, at, "now")),
        ("incidents", output(&client, at, "incidents")),
    ] {
        for wrong in ["no longer applies", "turned off", "not blocked yet"] {
            assert!(!text.contains(wrong), "{command}: {text}");
        }
    }
    assert!(output(&client, at, "now").contains("no limit is blocking you"));
}

/// Without evidence of a payment, nothing is said about money.
#[test]
fn a_free_response_beyond_a_full_window_is_not_called_paid() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "free");
    let full = || windows(100.0, NOON, 40.0, TUESDAY);
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    hits_limit(&client, "2026-11-20T10:00:00Z", FIVE_HOUR, &refusal, full());
    client.announces(
        "2026-11-20T10:02:00Z",
        "Continuing at lower priority until your limit resets",
    );
    receives_response(&mut client, "2026-11-20T10:03:00Z", full());
    let at = "2026-11-20T10:03:05Z";
    let incident = client.explained(at);
    assert_eq!(incident["actions"][0]["costs_money"], false, "{incident:#}");
    let now = output(&client, at, "now");
    assert!(!now.contains("not blocked yet"), "{now}");
}
