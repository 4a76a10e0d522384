//! Tests how long limits stopped work, using sequences of events with their expected results. The table was derived
//! from the documentation alone, before the code existed.

use serde_json::{Value, json};

use crate::client::{Client, run, windows};
use crate::situation::{
    AT, NOON, TUESDAY, flat, receives_overload_error, two_sessions_of_login, with_a_private_login,
};
use crate::support::Sandbox;

const FIVE_HOURS: &str = "You've hit your 5-hour limit · resets 12pm (UTC)";
const LOW: &str = "Credit balance is too low";
const WEEKLY: &str = "You've hit your weekly limit · resets Nov 24, 12pm (UTC)";
const LOGGED_OUT: &str = "Please run /login · API Error: 401 OAuth token has expired.";
const OVERLOADED: &str = "API Error: 529 Overloaded.";
const A: &str = "11111111-1111-1111-1111-111111111111";
const B: &str = "22222222-2222-2222-2222-222222222222";

/// An event. Sessions are identified by their names.
enum Event {
    Error(&'static str, &'static str),
    Response(&'static str),
    /// A transcript records which account owns its session.
    Owner(&'static str, &'static str),
    Login(&'static str),
    /// A status-line call reports the usage of the 5-hour window that resets at noon.
    StatusLine(&'static str, f64),
    Check(ExpectedTotals),
}

/// The expected result at a given moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ExpectedTotals {
    stops: u64,
    /// The blocked time in whole minutes, rounded.
    minutes: i64,
    still_blocked: u64,
    unknown_end: u64,
}

use Event::{Check, Error, Login, Owner, Response, StatusLine};

const fn all_ended(stops: u64, minutes: i64) -> Event {
    Check(ExpectedTotals {
        stops,
        minutes,
        still_blocked: 0,
        unknown_end: 0,
    })
}

const fn one_active(stops: u64, minutes: i64) -> Event {
    Check(ExpectedTotals {
        stops,
        minutes,
        still_blocked: 1,
        unknown_end: 0,
    })
}

const fn one_with_unknown_end(stops: u64, minutes: i64) -> Event {
    Check(ExpectedTotals {
        stops,
        minutes,
        still_blocked: 0,
        unknown_end: 1,
    })
}

type EventSequence = (&'static str, &'static [(&'static str, Event)]);

const EVENT_SEQUENCES: &[EventSequence] = &[
    (
        "nobody tries until the reset",
        &[
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T11:00", one_active(1, 60)),
            ("20T13:00", all_ended(1, 120)),
            ("22T13:00", all_ended(1, 120)),
        ],
    ),
    (
        "five tries in one session",
        &[
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T10:05", Error("a", FIVE_HOURS)),
            ("20T10:20", Error("a", FIVE_HOURS)),
            ("20T10:40", Error("a", FIVE_HOURS)),
            ("20T11:00", Error("a", FIVE_HOURS)),
            ("20T11:30", one_active(1, 90)),
            ("20T12:03", Response("a")),
            ("20T13:00", all_ended(1, 120)),
        ],
    ),
    (
        "three sessions",
        &[
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T10:10", Error("b", FIVE_HOURS)),
            ("20T11:00", Error("c", FIVE_HOURS)),
            ("20T11:30", one_active(1, 90)),
            ("21T11:30", all_ended(1, 120)),
        ],
    ),
    (
        "lifted early, and work goes on in a new session",
        &[
            ("20T09:50", StatusLine("a", 97.0)),
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T10:30", Response("b")),
            ("20T10:31", StatusLine("b", 3.0)),
            ("20T10:45", all_ended(1, 30)),
            ("21T10:45", all_ended(1, 30)),
        ],
    ),
    (
        "credits are bought, and the session goes on",
        &[
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T10:30", Response("a")),
            ("20T11:45", Response("a")),
            ("20T11:50", all_ended(1, 30)),
            ("21T10:00", all_ended(1, 30)),
        ],
    ),
    (
        "credits are bought, and work goes on in a new session",
        &[
            ("20T09:50", StatusLine("a", 100.0)),
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T10:30", Response("b")),
            ("20T10:31", StatusLine("b", 100.0)),
            ("20T10:45", all_ended(1, 30)),
            ("21T10:45", all_ended(1, 30)),
        ],
    ),
    (
        "another account, in a new session",
        &[
            ("20T09:30", Owner("a", A)),
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T10:02", Login(B)),
            ("20T10:02", Owner("b", B)),
            ("20T10:03", Response("b")),
            ("20T10:45", all_ended(1, 3)),
            ("21T10:45", all_ended(1, 3)),
        ],
    ),
    (
        "another account, in the same session",
        &[
            ("20T09:30", Owner("a", A)),
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T10:02", Login(B)),
            ("20T10:02", Owner("a", B)),
            ("20T10:03", Response("a")),
            ("20T10:45", all_ended(1, 3)),
            ("21T10:45", all_ended(1, 3)),
        ],
    ),
    (
        "another account works all the time",
        &[
            ("20T09:30", Owner("w", B)),
            ("20T09:50", Response("w")),
            ("20T09:51", Owner("a", A)),
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T10:10", Response("w")),
            ("20T11:00", one_active(1, 60)),
            ("20T11:10", Response("w")),
            ("20T13:00", all_ended(1, 120)),
        ],
    ),
    (
        "two accounts are stopped",
        &[
            ("20T09:30", Owner("w", B)),
            ("20T09:51", Owner("a", A)),
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T11:00", Error("w", FIVE_HOURS)),
            ("20T11:30", Response("w")),
            ("20T13:00", all_ended(2, 150)),
        ],
    ),
    (
        "a low balance that nobody fills",
        &[
            ("20T10:00", Error("a", LOW)),
            ("20T20:00", one_active(1, 0)),
            // The stop continues for as long as `explain` says that the limit blocks work.
            ("21T12:00", one_active(1, 0)),
            ("23T12:00", one_active(1, 0)),
        ],
    ),
    (
        "a low balance that is filled the next day",
        &[
            ("20T10:00", Error("a", LOW)),
            ("20T20:00", one_active(1, 0)),
            ("21T16:00", Response("a")),
            ("21T17:00", all_ended(1, 1_800)),
            ("25T17:00", all_ended(1, 1_800)),
        ],
    ),
    (
        "a service that is full, tried three times",
        &[
            ("20T10:00", Error("a", OVERLOADED)),
            ("20T10:01", Error("a", OVERLOADED)),
            ("20T10:03", Error("b", OVERLOADED)),
            ("20T10:04", Response("a")),
            ("20T10:30", all_ended(1, 4)),
        ],
    ),
    (
        "a service that is full in the evening, and nobody looks before the morning",
        &[
            ("20T20:00", Error("a", OVERLOADED)),
            ("20T22:00", one_with_unknown_end(1, 0)),
            ("21T08:00", Response("a")),
            ("21T09:00", one_with_unknown_end(1, 0)),
        ],
    ),
    (
        "a login that ran out",
        &[
            ("20T10:00", Error("a", "Login expired · Please run /login")),
            ("20T10:20", Response("a")),
            ("20T11:00", all_ended(1, 20)),
        ],
    ),
    (
        "a false limit that nobody tried again",
        &[
            ("20T09:59", StatusLine("a", 42.0)),
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T10:01", StatusLine("a", 42.0)),
            ("20T11:00", one_with_unknown_end(1, 0)),
            ("20T13:00", one_with_unknown_end(1, 0)),
            ("22T13:00", one_with_unknown_end(1, 0)),
        ],
    ),
    (
        "a false limit that was over at the next try",
        &[
            ("20T09:59", StatusLine("a", 42.0)),
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T10:01", StatusLine("a", 42.0)),
            ("20T10:05", Response("a")),
            ("20T11:00", all_ended(1, 5)),
            ("22T11:00", all_ended(1, 5)),
        ],
    ),
    (
        "a warning",
        &[
            (
                "20T10:00",
                Error(
                    "a",
                    "You've used 91% of your weekly limit · resets Nov 23, 9am (UTC)",
                ),
            ),
            ("20T11:00", all_ended(0, 0)),
        ],
    ),
    (
        "a week that is full over a Sunday",
        &[
            ("22T12:00", Error("a", WEEKLY)),
            ("23T12:00", one_active(1, 24 * 60)),
            ("25T12:00", all_ended(1, 48 * 60)),
        ],
    ),
    (
        "twice a day",
        &[
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T12:01", Response("a")),
            (
                "20T15:00",
                Error("a", "You've hit your 5-hour limit · resets 5pm (UTC)"),
            ),
            ("20T17:05", Response("a")),
            ("20T18:00", all_ended(2, 240)),
        ],
    ),
    (
        "lifted early, and full again",
        &[
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T10:30", Response("b")),
            ("20T10:50", Error("a", FIVE_HOURS)),
            ("20T11:00", one_active(2, 40)),
            ("20T13:00", all_ended(2, 100)),
        ],
    ),
    (
        "an answer that was on its way",
        &[
            ("20T10:00:00", Error("a", FIVE_HOURS)),
            ("20T10:00:05", Response("b")),
            ("20T10:00:20", Error("b", FIVE_HOURS)),
            ("20T11:00", one_active(1, 60)),
            ("20T13:00", all_ended(1, 120)),
        ],
    ),
    (
        "a model's week is full, and another model goes on",
        &[
            (
                "20T10:00",
                Error(
                    "a",
                    "You've hit your Opus limit · resets Nov 24, 12pm (UTC)",
                ),
            ),
            ("20T10:05", Response("a")),
            ("20T11:00", all_ended(1, 5)),
            ("26T11:00", all_ended(1, 5)),
        ],
    ),
    (
        "a limit, and at the next try a service that is full",
        &[
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T10:05", Error("a", OVERLOADED)),
            // It is unknown when the service recovered.
            (
                "20T11:00",
                Check(ExpectedTotals {
                    stops: 2,
                    minutes: 60,
                    still_blocked: 1,
                    unknown_end: 1,
                }),
            ),
            ("20T13:00", one_with_unknown_end(2, 120)),
        ],
    ),
    (
        "the session of one account is closed, and an older session of another account goes on",
        &[
            ("20T08:00", Owner("b", B)),
            ("20T08:05", Response("b")),
            ("20T09:00", Owner("a", A)),
            ("20T10:00", Error("a", LOGGED_OUT)),
            ("20T10:05", Login(B)),
            ("20T10:30", Response("b")),
            ("30T10:00", one_with_unknown_end(1, 0)),
        ],
    ),
    (
        "two limits, one after the other",
        &[
            ("20T10:00", Error("a", FIVE_HOURS)),
            ("20T12:01", Error("a", WEEKLY)),
            // For one minute, it is unknown which of the two limits blocked the work.
            ("25T12:00", all_ended(2, 120 + 4 * 1_440 - 1)),
        ],
    ),
];

fn moment(text: &str) -> String {
    let seconds = if text.len() > 8 { "" } else { ":00" };
    format!("2026-11-{text}{seconds}Z")
}

fn log_in(sandbox: &Sandbox, account: &str) {
    let state = json!({"oauthAccount": {
        "accountUuid": account, "emailAddress": "dev@example.com",
        "organizationName": "Example Ltd", "organizationType": "claude_max",
        "organizationRole": "user",
    }});
    sandbox.write(".claude.json", state.to_string());
}

fn totals_at(sandbox: &Sandbox, at: &str) -> (ExpectedTotals, Value) {
    let run = Client::new(sandbox).run(at, &["incidents", "--json"], b"");
    let sums = run.json()["sums"].clone();
    let stops = if sums["stops"].is_null() {
        "errors"
    } else {
        "stops"
    };
    let [stops, still_blocked, unknown_end] =
        [stops, "still_blocked", "unknown_end"].map(|name| sums[name].as_u64().unwrap_or(u64::MAX));
    let totals = ExpectedTotals {
        stops,
        minutes: (sums["blocked_s"].as_i64().unwrap_or(-1) + 30) / 60,
        still_blocked,
        unknown_end,
    };
    (totals, sums)
}

fn client_of<'a>(sandbox: &'a Sandbox, session: &str) -> Client<'a> {
    Client {
        sandbox,
        session: format!("5a7d3c1e-0000-4000-a000-00000000000{session}"),
        version: "2.1.329".to_owned(),
        model: "claude-opus-5-5".to_owned(),
        api_ms: 900,
        total_cost: 0.5,
        variables: vec![("CLAUDECODE".to_owned(), "1".to_owned())],
    }
}

#[test]
fn every_sequence_of_events_has_the_expected_totals() {
    let (mut wrong, mut right) = (Vec::new(), 0);
    for (name, events) in EVENT_SEQUENCES {
        let sandbox = Sandbox::new();
        log_in(&sandbox, A);
        let mut problems = Vec::new();
        for (at, event) in *events {
            let at = moment(at);
            match event {
                Error(session, text) => {
                    let status = if *text == OVERLOADED { 529 } else { 429 };
                    let client = client_of(&sandbox, session);
                    client.receives_error(&at, text, json!({"apiErrorStatus": status}));
                }
                Response(session) => client_of(&sandbox, session).receives_response(&at),
                Owner(session, owner) => client_of(&sandbox, session).append(&json!({
                    "type": "session-owner", "accountUuid": owner, "timestamp": at,
                })),
                Login(account) => log_in(&sandbox, account),
                StatusLine(session, full) => {
                    let usage = windows(*full, NOON, 22.0, NOON + 300_000);
                    client_of(&sandbox, session).calls_status_line(&at, usage, 160);
                }
                Check(expected) => {
                    let (seen, sums) = totals_at(&sandbox, &at);
                    if seen != *expected {
                        problems.push(format!(
                            "  {at}: {expected:?}\n  seen {seen:?} {}",
                            sums["errors"]
                        ));
                    }
                }
            }
        }
        if problems.is_empty() {
            right += 1;
        } else {
            wrong.push(format!("{name}:\n{}", problems.join("\n")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{right} right, {} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// A false alarm had stopped one session, and then the service was overloaded in another one. `explain` was only about the
/// overload, which ends by itself.
#[test]
fn explain_names_a_session_that_a_false_alarm_has_stopped_beside_a_newer_overload() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    let usage = || windows(42.0, NOON, 17.0, TUESDAY);
    stopped.calls_status_line("2026-11-20T09:59:50Z", usage(), 120);
    let text =
        "You've hit your monthly spend limit \u{b7} raise it at https://claude.ai/settings/usage";
    stopped.receives_error(AT, text, json!({}));
    stopped.calls_status_line("2026-11-20T10:00:05Z", usage(), 120);
    receives_overload_error(&other, "2026-11-20T10:01:00Z");
    let explained = run(&sandbox, "2026-11-20T10:01:10Z", &["explain"], b"", &[]);
    let explained = flat(explained.success());
    assert!(explained.contains("overloaded"), "{explained}");
    let also = "Also, in the session stopped: This looks like a false alarm";
    assert!(explained.contains(also), "{explained}");
}
