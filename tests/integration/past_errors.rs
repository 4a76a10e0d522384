//! Tests that `whycap incidents` lists the errors in the entire history, even if no hooks were installed.

use crate::client::{Client, windows};
use crate::situation::{FIVE_HOUR, NOON, TUESDAY};
use crate::support::Sandbox;
use serde_json::{Value, json};

const NOW: &str = "2026-11-20T18:00:00Z";

fn listed(sandbox: &Sandbox, at: &str) -> Value {
    Client::new(sandbox)
        .run(at, &["incidents", "--json"], b"")
        .json()
}

/// Adds a session without hooks that a limit stopped for half an hour. The session's transcript keeps growing
/// afterward.
fn add_stopped_session(sandbox: &Sandbox, session: &str, day: u32) {
    let client = Client::with_session(sandbox, session);
    let [start, error, response, later, last] =
        ["09:00:00", "10:00:00", "10:30:00", "10:31:00", "10:32:00"]
            .map(|time| format!("2026-11-{day:02}T{time}Z"));
    client.works(&start, 10);
    client.append(&client.error_line(&error, FIVE_HOUR, json!({})));
    client.works(&response, 10);
    let long = "x".repeat(400 * 1024);
    client.append(&json!({
        "type": "user", "uuid": format!("long-{session}"), "timestamp": later,
        "sessionId": session, "message": {"role": "user", "content": long},
    }));
    client.works(&last, 10);
}

#[test]
fn errors_of_deleted_transcripts_are_still_listed() {
    let sandbox = Sandbox::new();
    add_stopped_session(&sandbox, "stopped", 3);
    let before = listed(&sandbox, NOW);
    std::fs::remove_dir_all(sandbox.path(".claude/projects")).unwrap();
    let after = listed(&sandbox, NOW);
    assert_eq!(before["sums"], after["sums"], "{after:#}");
    assert_eq!(after["incidents"][0]["message"], FIVE_HOUR);
}

/// Error lines from 56 real sessions: the client version, the time of the error, the time of the next response, and the
/// text.
const REAL_ERRORS: [(&str, &str, Option<&str>, &str); 11] = [
    (
        "1.0.80",
        "2025-08-14T11:47:08.777Z",
        Some("2025-08-14T11:48:01.098Z"),
        r#"API Error: 500 {"type":"error","error":{"type":"api_error","message":"Internal server error"}}"#,
    ),
    (
        "1.0.80",
        "2025-08-14T13:35:47.256Z",
        Some("2025-08-14T13:41:16.309Z"),
        "API Error: Request timed out.",
    ),
    (
        "1.0.81",
        "2025-08-14T21:44:35.264Z",
        Some("2025-08-14T23:00:13.284Z"),
        "Claude AI usage limit reached|1755212400",
    ),
    (
        "1.0.89",
        "2025-08-24T18:15:25.288Z",
        Some("2025-08-24T18:18:15.962Z"),
        "API Error: Connection error.",
    ),
    (
        "1.0.89",
        "2025-08-24T18:15:33.082Z",
        Some("2025-08-24T18:18:13.716Z"),
        "API Error: Connection error.",
    ),
    (
        "1.0.89",
        "2025-08-24T20:46:36.169Z",
        Some("2025-08-24T22:03:29.338Z"),
        "5-hour limit reached ∙ resets 10pm",
    ),
    (
        "1.0.90",
        "2025-08-25T04:49:33.776Z",
        Some("2025-08-25T04:49:41.462Z"),
        "API Error: Claude's response exceeded the 32000 output token maximum. To configure this behavior, set the CLAUDE_CODE_MAX_OUTPUT_TOKENS environment variable.",
    ),
    (
        "1.0.90",
        "2025-08-25T15:25:30.456Z",
        Some("2025-08-25T15:26:07.471Z"),
        r#"API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"OAuth token has expired. Please obtain a new token or refresh your existing token."}} · Please run /login"#,
    ),
    (
        "1.0.90",
        "2025-08-25T16:12:54.629Z",
        Some("2025-08-25T16:14:35.320Z"),
        "API Error: 502 Cloudflare encountered an error processing this request: Bad Gateway",
    ),
    (
        "1.0.90",
        "2025-08-25T16:14:46.858Z",
        None,
        "API Error: 502 Cloudflare encountered an error processing this request: Bad Gateway",
    ),
    (
        "1.0.90",
        "2025-08-25T16:26:21.101Z",
        None,
        "Request timed out (check API_TIMEOUT_MS)",
    ),
];

/// For each of [`REAL_ERRORS`], the expected limit, the expected verdict, and whether waiting helps. All of them are as
/// of the time of the error.
const RIGHT_ANSWERS: [(&str, &str, Option<bool>); 11] = [
    ("server_error", "not_a_limit", Some(true)),
    ("server_error", "not_a_limit", Some(true)),
    ("five_hour", "cannot_tell", Some(true)),
    ("server_error", "not_a_limit", Some(true)),
    ("server_error", "not_a_limit", Some(true)),
    ("five_hour", "cannot_tell", Some(true)),
    ("unknown", "not_a_limit", Some(false)),
    ("auth", "not_a_limit", Some(false)),
    ("server_error", "not_a_limit", Some(true)),
    ("server_error", "not_a_limit", Some(true)),
    ("server_error", "not_a_limit", Some(true)),
];

#[test]
fn every_error_of_real_sessions_is_listed_and_explained() {
    let sandbox = Sandbox::new();
    let mut wrong = Vec::new();
    for (index, ((version, at, response_at, text), answer)) in REAL_ERRORS
        .into_iter()
        .zip(RIGHT_ANSWERS)
        .enumerate()
    {
        let mut client = Client::with_session(&sandbox, &format!("session-{index}"));
        client.version = version.to_owned();
        client.append(&client.error_line(at, text, json!({"error": null, "apiErrorStatus": null})));
        let explained = client
            .run(
                at,
                &["explain", "--json", "--session", &client.session],
                b"",
            )
            .json();
        let incident = &explained["incident"];
        let got = (
            incident["limit"].as_str().unwrap_or_default(),
            incident["verdict"].as_str().unwrap_or_default(),
            incident["waiting_helps"].as_bool(),
        );
        if got != answer {
            wrong.push(format!("{text}: {got:?} instead of {answer:?}"));
        }
        if let Some(response_at) = response_at {
            client.works(response_at, 10);
        }
    }
    let incidents = listed(&sandbox, "2025-08-27T12:00:00Z");
    let attempts: u64 = incidents["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["attempts"].as_u64().unwrap())
        .sum();
    assert_eq!(attempts, 11, "{incidents:#}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The first command on a machine with a long history stores hundreds of records. These records must not push older
/// readings out of the part of the journal that the next command searches, because the verdict on an old error may
/// depend on those readings.
#[test]
fn the_verdict_on_an_old_error_does_not_depend_on_the_size_of_the_journal() {
    let sandbox = Sandbox::new();
    let client = Client::with_session(&sandbox, "stopped");
    client.works("2026-11-03T09:59:00Z", 10);
    let reset = NOON - 17 * 86_400;
    let full = windows(100.0, reset, 40.0, TUESDAY);
    client.calls_status_line("2026-11-03T09:59:01Z", full, 120);
    let error = client.error_line("2026-11-03T10:00:00Z", FIVE_HOUR, json!({}));
    client.append(&error);
    for _ in 0..3 {
        let incidents = listed(&sandbox, NOW);
        let verdict = &incidents["incidents"][0]["verdict"];
        assert_eq!(verdict, "real", "{incidents:#}");
        let other_record = json!({"other": "x".repeat(1_000)});
        for _ in 0..150 {
            sandbox.append(
                ".local/share/whycap/journal.jsonl",
                &format!("\n{other_record}"),
            );
        }
    }
}
