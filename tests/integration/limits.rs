//! Simulates errors with files, hooks, and status-line calls, and checks what every command says about them. The rules
//! of limits are tested by the stories in `tests/stories`. These tests show that the facts arrive, and that all
//! commands and the status line agree.

use serde_json::{Value, json};

use crate::client::{Client, windows};
use crate::situation::{
    AT, FIVE_HOUR, NOON, SOON, TUESDAY, WEEKLY, receives_balance_error, receives_overload_error,
    refused, session_of_login, session_with_token, with_a_private_login,
};
use crate::support::Sandbox;

/// The expected answer about a session at a given time.
struct Expected {
    limit: &'static str,
    verdict: &'static str,
    /// The exit code of `explain --exit-code`.
    code: i32,
    resets_at: Option<&'static str>,
    is_open: bool,
}

const FIVE_HOUR_LIMIT: Expected = Expected {
    limit: "five_hour",
    verdict: "real",
    code: 10,
    resets_at: Some("2026-11-20T12:00:00Z"),
    is_open: true,
};

/// A home directory, the events in a session of the logged-in account, the time of the questions, and the expected
/// answers.
struct Life {
    name: &'static str,
    happens: fn(&Sandbox, &mut Client<'_>),
    at: &'static str,
    expected: Expected,
}

fn usage(five_hour: f64, weekly: f64) -> Value {
    windows(five_hour, NOON, weekly, TUESDAY)
}

fn is_stopped(client: &Client<'_>) {
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    client.calls_status_line(SOON, usage(100.0, 40.0), 120);
}

const LIVES: &[Life] = &[
    Life {
        name: "the hook, the transcript, and the status line report a limit",
        happens: |_, client| is_stopped(client),
        at: "2026-11-20T10:30:00Z",
        expected: FIVE_HOUR_LIMIT,
    },
    Life {
        name: "only the transcript contains the error",
        happens: |_, client| {
            client.append(&client.error_line(AT, FIVE_HOUR, refused("five_hour", NOON, "")));
        },
        at: "2026-11-20T10:30:00Z",
        expected: FIVE_HOUR_LIMIT,
    },
    Life {
        name: "only the hook reports the error",
        happens: |_, client| {
            client.stop_failure(AT, FIVE_HOUR);
        },
        at: "2026-11-20T10:30:00Z",
        expected: Expected {
            verdict: "cannot_tell",
            ..FIVE_HOUR_LIMIT
        },
    },
    Life {
        name: "the session receives a response",
        happens: |_, client| {
            is_stopped(client);
            client.sends_prompt("2026-11-20T12:05:00Z", "go on");
            client.works("2026-11-20T12:05:10Z", 10);
        },
        at: "2026-11-20T12:06:00Z",
        expected: Expected {
            code: 0,
            is_open: false,
            ..FIVE_HOUR_LIMIT
        },
    },
    Life {
        name: "the reset has passed",
        happens: |_, client| is_stopped(client),
        at: "2026-11-20T12:30:00Z",
        expected: Expected {
            code: 0,
            ..FIVE_HOUR_LIMIT
        },
    },
    Life {
        name: "the week is full as well",
        happens: |_, client| {
            client.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
            client.calls_status_line(SOON, usage(42.0, 100.0), 120);
        },
        at: "2026-11-20T12:30:00Z",
        expected: Expected {
            limit: "weekly",
            resets_at: Some("2026-11-24T06:00:00Z"),
            ..FIVE_HOUR_LIMIT
        },
    },
    Life {
        name: "both windows had room",
        happens: |_, client| {
            client.calls_status_line("2026-11-20T09:59:30Z", usage(20.0, 10.0), 120);
            client.receives_error(AT, FIVE_HOUR, json!({}));
            client.calls_status_line(SOON, usage(20.0, 10.0), 120);
        },
        at: "2026-11-20T10:01:00Z",
        expected: Expected {
            verdict: "false_likely",
            code: 0,
            ..FIVE_HOUR_LIMIT
        },
    },
    Life {
        name: "the service is overloaded",
        happens: |_, client| receives_overload_error(client, AT),
        at: "2026-11-20T10:01:00Z",
        expected: Expected {
            limit: "overloaded",
            verdict: "not_a_limit",
            code: 10,
            resets_at: None,
            is_open: true,
        },
    },
    Life {
        name: "a key without credits stands before the plan",
        happens: |_, client| {
            let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned());
            client.variables.push(key);
            receives_balance_error(client, AT);
        },
        at: "2026-11-20T10:01:00Z",
        expected: Expected {
            limit: "api_credit_balance",
            verdict: "wrong_credential",
            code: 11,
            resets_at: None,
            is_open: true,
        },
    },
    Life {
        name: "the conversation is too long",
        happens: |_, client| {
            let fields = json!({"error": "invalid_request", "apiErrorStatus": 400});
            client.receives_error(AT, "Prompt is too long", fields);
        },
        at: "2026-11-20T10:01:00Z",
        expected: Expected {
            limit: "prompt_too_long",
            verdict: "not_a_limit",
            code: 11,
            resets_at: None,
            is_open: true,
        },
    },
    Life {
        name: "another session of the account works again",
        happens: |sandbox, client| {
            client.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
            let other = session_of_login(sandbox, "other");
            other.sends_prompt("2026-11-20T10:20:00Z", "hi");
            other.works("2026-11-20T10:20:10Z", 10);
            other.calls_status_line("2026-11-20T10:20:11Z", usage(3.0, 2.0), 120);
        },
        at: "2026-11-20T10:21:00Z",
        expected: Expected {
            limit: "weekly",
            code: 0,
            resets_at: Some("2026-11-24T06:00:00Z"),
            is_open: false,
            ..FIVE_HOUR_LIMIT
        },
    },
    Life {
        name: "a session with a token works",
        happens: |sandbox, client| {
            is_stopped(client);
            let other = session_with_token(sandbox, "with-token");
            other.event(AT, "SessionStart", json!({"source": "startup"}));
            other.sends_prompt("2026-11-20T10:20:00Z", "hi");
            other.works("2026-11-20T10:20:10Z", 10);
            other.calls_status_line("2026-11-20T10:20:11Z", usage(3.0, 2.0), 120);
        },
        at: "2026-11-20T10:21:00Z",
        expected: FIVE_HOUR_LIMIT,
    },
];

/// Returns what is wrong with the commands' answers about a session, and with its rows below the status line.
fn problems(client: &Client<'_>, at: &str, expected: &Expected) -> Vec<String> {
    let session = ["--session", client.session.as_str()];
    let run = |arguments: &[&str]| client.run(at, &[arguments, &session].concat(), b"");
    let mut problems = Vec::new();
    let mut must = |what: &str, is_true: bool, said: &dyn std::fmt::Debug| {
        if !is_true {
            problems.push(format!("{what}: {said:?}"));
        }
    };
    let explained = run(&["explain", "--json"]).json();
    let incident = &explained["incident"];
    must("limit", incident["limit"] == expected.limit, incident);
    must("verdict", incident["verdict"] == expected.verdict, incident);
    must(
        "reset",
        incident["resets_at"].as_str() == expected.resets_at,
        incident,
    );
    must("open", incident["open"] == expected.is_open, incident);
    let code = run(&["explain", "--exit-code"]).code;
    must("exit code", code == expected.code, &code);
    let is_blocked = expected.code != 0;
    let blocks = &incident["blocks"];
    must("blocks", blocks.is_object() == is_blocked, &explained);
    let waited = run(&["wait", "--timeout", "1s"]);
    let expected_wait = if code == 10 { 124 } else { code };
    must("wait", waited.code == expected_wait, &waited.code);
    must(
        "reason",
        waited.code == 0 || !waited.stderr.is_empty(),
        &"no reason",
    );
    let listed = run(&["incidents", "--json"]).json();
    let entry = &listed["incidents"][0];
    for field in ["limit", "verdict", "open", "resets_at"] {
        must(field, entry[field] == incident[field], entry);
    }
    let call = client.calls_status_line(at, Value::Null, 120);
    let has_row = whycap::terminal::strip_ansi(call.success())
        .lines()
        .count()
        > 1;
    must(
        "row",
        has_row == (is_blocked || expected.is_open),
        &call.stdout,
    );
    let prompt = json!({"prompt": "/whycap"});
    let reply = client.event(at, "UserPromptSubmit", prompt).json();
    let headline = incident["headline"].as_str().unwrap_or_default();
    must("decision", reply["decision"] == "block", &reply);
    must(
        "headline",
        !headline.is_empty() && headline.chars().count() <= 110,
        incident,
    );
    let badge = incident["badge"].as_str().unwrap_or_default();
    must(
        "badge",
        !badge.is_empty() && badge.chars().count() <= 60,
        incident,
    );
    problems
}

#[test]
fn every_surface_tells_the_same_truth() {
    let mut wrong = Vec::new();
    for life in LIVES {
        let sandbox = with_a_private_login();
        let mut client = session_of_login(&sandbox, "asked");
        "2.1.332".clone_into(&mut client.version);
        (life.happens)(&sandbox, &mut client);
        let problems = problems(&client, life.at, &life.expected);
        wrong.extend(
            problems
                .into_iter()
                .map(|problem| format!("{}: {problem}", life.name)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tests that the headline of a blocked limit of a plan states the reset, and that `explain` prints no exclamation
/// marks.
#[test]
fn the_words_for_users_are_plain() {
    for life in LIVES {
        let sandbox = with_a_private_login();
        let mut client = session_of_login(&sandbox, "asked");
        (life.happens)(&sandbox, &mut client);
        let incident = client.explained(life.at);
        let text = client.run(life.at, &["explain"], b"").stdout;
        assert!(!text.contains('!'), "{}: {text}", life.name);
        let headline = incident["headline"].as_str().unwrap();
        if life.expected.code == 10 && life.expected.resets_at.is_some() {
            let clock = if life.expected.limit == "weekly" {
                "06:00"
            } else {
                "12:00"
            };
            assert!(headline.contains(clock), "{}: {headline}", life.name);
        }
    }
}
