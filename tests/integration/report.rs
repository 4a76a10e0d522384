//! Tests `whycap report`, whose output must be safe to publish, and `whycap incidents`, which lists past incidents.

use serde_json::json;

use crate::client::{Client, windows};
use crate::support::Sandbox;

const NOON: i64 = 1_795_176_000;

#[test]
fn a_report_contains_the_facts_without_names() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let mut client = Client::with_session(&sandbox, "5a7d3c1e-1234-4000-a000-0000000c0de5");
    client.variables.push((
        "ANTHROPIC_BASE_URL".to_owned(),
        "https://gateway.example.com".to_owned(),
    ));
    client.calls_status_line(
        "2026-11-20T09:59:00Z",
        windows(41.0, NOON, 22.0, NOON + 300_000),
        120,
    );
    client.append(&json!({"type": "user", "message": {"content": "my secret plan"}, "cwd": "/home/dev/secret-project"}));
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "You've hit your 5-hour limit · resets 12pm (UTC)",
        json!({"requestId": "req_1234567890", "quotaLimits": {"status": "rejected", "rateLimitType": "five_hour", "resetsAt": NOON}}),
    );
    client.calls_status_line(
        "2026-11-20T10:00:01Z",
        windows(42.0, NOON, 22.0, NOON + 300_000),
        120,
    );
    let report = client
        .run("2026-11-20T10:05:00Z", &["report"], b"")
        .success()
        .to_owned();
    for wanted in [
        "2.1.328",
        "42%",
        "Plan: max",
        "The server itself named your 5-hour limit.",
    ] {
        assert!(report.contains(wanted), "{wanted} is missing in\n{report}");
    }
    for secret in [
        "5a7d3c1e",
        "gateway.example",
        "secret",
        "dev@example.com",
        "Example Ltd",
        "1111",
        "req_1234",
        "/home",
    ] {
        assert!(!report.contains(secret), "{secret} is in\n{report}");
    }
}

#[test]
fn words_that_no_known_message_contains_are_left_out() {
    let sandbox = Sandbox::new();
    let mut client = Client::new(&sandbox);
    client.version = "2.1.328 built by jane".to_owned();
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "API Error: 429 ExceededBudget: User=Jané over budget for project 'acme-search' of \
         Wonka_Ltd (org: 9a35a7fb-c695-479f-892b-a6f3285ee9ac, account 111122223333, key hashed 5f3e1) \
         on claude-opus-4-5-20251101. Spend=10.02, see //jane-box/billing",
        json!({"apiError": "see /home/jane/notes"}),
    );
    let report = client
        .run("2026-11-20T10:05:00Z", &["report"], b"")
        .success()
        .to_owned();
    let message = "- Message: `API Error: 429 ExceededBudget: User=… over budget for project '…' of … (org: …, \
                   account …, key … …) on claude-opus-4-5-20251101. Spend=10.02, see //…/billing`\n";
    assert!(report.starts_with(message), "{report}");
    assert!(!report.contains("jane"), "{report}");
    assert!(report.contains("Claude Code: 2.1.328 …"), "{report}");
}

#[test]
fn without_an_error_there_is_nothing_to_report() {
    let sandbox = Sandbox::new();
    assert!(
        sandbox
            .run(&["report"])
            .success()
            .contains("nothing to report")
    );
    assert!(
        sandbox
            .run(&["incidents"])
            .success()
            .contains("No limits and no errors")
    );
    let none = sandbox.run(&["incidents", "--json"]).json();
    assert_eq!(none["incidents"], json!([]));
}

#[test]
fn past_errors_are_listed_newest_first() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(
        "2026-11-19T10:00:00Z",
        "You've hit your weekly limit · resets Nov 20, 3am (UTC)",
        json!({}),
    );
    client.receives_response("2026-11-20T04:00:00Z");
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "API Error: 529 Overloaded.",
        json!({"apiErrorStatus": 529}),
    );
    let list = client
        .run("2026-11-20T10:05:00Z", &["incidents", "--json"], b"")
        .json();
    let seen: Vec<(&str, bool)> = list["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|incident| {
            (
                incident["limit"].as_str().unwrap(),
                incident["open"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(seen, [("overloaded", true), ("weekly", false)]);
    let text = client
        .run("2026-11-20T10:05:00Z", &["incidents"], b"")
        .success()
        .to_owned();
    assert!(
        text.contains("overloaded") && text.contains("Thu Nov 19"),
        "{text}"
    );
}
