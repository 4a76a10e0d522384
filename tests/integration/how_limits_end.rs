//! How limits end: by the later of two windows, by an answer in another session, with a session, with a month. Each was
//! told otherwise to somebody whose life a tester made up in November 2026.

use serde_json::{Value, json};

use crate::client::{Client, windows};
use crate::situation::{
    AT, FIVE_HOUR, NOON, PRIVATE, SOON, TUESDAY, belongs_to, refused, with_a_private_login,
};
use crate::support::Sandbox;

const WEEKLY: &str = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";

/// What a script is told: 0 nothing blocks, 10 waiting helps, 11 somebody must act.
fn code(client: &Client<'_>, at: &str) -> i32 {
    let arguments = ["explain", "--exit-code"];
    client.run(at, &arguments, b"").code
}

/// "You are back at 12:00", and at 12:00 the week was full until Tuesday.
#[test]
fn whoever_is_out_of_both_windows_is_back_when_the_later_one_resets() {
    for (weekly, resets_at) in [
        (100.0, "2026-11-24T06:00:00Z"),
        (99.0, "2026-11-20T12:00:00Z"),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.meets(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
        client.draws(SOON, windows(100.0, NOON, weekly, TUESDAY), 120);
        let incident = client.explained("2026-11-20T10:00:05Z");
        assert_eq!(incident["resets_at"], resets_at, "{weekly}: {incident:#}");
        assert_eq!(incident["limit"], "five_hour");
        let blocks = code(&client, "2026-11-20T12:10:00Z") == 10;
        assert_eq!(blocks, weekly >= 100.0, "{weekly}");
    }
}

/// The week can end before the five hours do, and a message can name either of the two.
#[test]
fn of_two_full_windows_the_one_that_resets_later_counts_whichever_the_message_names() {
    let eleven = NOON - 3_600;
    let weekly = "You've hit your weekly limit · resets 11am (UTC)";
    for (text, quota) in [
        (FIVE_HOUR, refused("five_hour", NOON, "")),
        (weekly, refused("seven_day", eleven, "")),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.meets(AT, text, quota);
        client.draws(SOON, windows(100.0, NOON, 100.0, eleven), 120);
        let incident = client.explained("2026-11-20T10:00:05Z");
        assert_eq!(incident["resets_at"], "2026-11-20T12:00:00Z", "{text}");
        assert_eq!(code(&client, "2026-11-20T11:10:00Z"), 10, "{text}");
    }
}

/// A reset that was granted for the week leaves the five hours as they were.
#[test]
fn of_two_full_windows_both_have_room_before_the_limit_is_over() {
    let sandbox = with_a_private_login();
    let [one, other] = ["one", "other"].map(|name| Client::with_session(&sandbox, name));
    one.meets(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    one.draws(SOON, windows(100.0, NOON, 100.0, TUESDAY), 120);
    for (at, five_hour, expected) in [
        ("2026-11-20T10:20:00Z", 100.0, 10),
        ("2026-11-20T10:30:00Z", 2.0, 0),
    ] {
        other.draws(at, windows(five_hour, NOON, 3.0, TUESDAY + 1), 120);
        assert_eq!(code(&one, at), expected, "{five_hour}");
    }
}

/// Team is told no windows: an admin raised the cap, another session went on, and `wait` waited for the reset.
#[test]
fn an_answer_in_another_session_ends_the_limit_where_no_window_is_told() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let [one, other] = ["one", "other"].map(|name| Client::with_session(&sandbox, name));
    for client in [&one, &other] {
        belongs_to(client, PRIVATE, "team-organization");
    }
    let text = "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets 12pm (UTC)";
    let quota = refused("five_hour", NOON, "org_level_disabled_until");
    one.meets(AT, text, quota);
    other.answers("2026-11-20T10:01:00Z");
    let was_on_its_way = code(&one, "2026-11-20T10:01:01Z");
    assert_eq!(was_on_its_way, 10);
    other.answers("2026-11-20T10:20:00Z");
    assert_eq!(code(&one, "2026-11-20T10:20:01Z"), 0);
    let waits = one.run("2026-11-20T10:20:01Z", &["wait", "--timeout", "1s"], b"");
    assert_eq!(waits.code, 0, "{waits:?}");
    assert_eq!(one.explained("2026-11-20T10:20:01Z")["open"], false);
}

/// Usage credits pay for answers beyond a full window: "send the prompt again" would have cost money.
#[test]
fn an_answer_beyond_a_window_that_was_full_before_does_not_end_the_limit() {
    for (used, expected) in [(100.0, 10), (80.0, 0)] {
        let sandbox = with_a_private_login();
        let [one, other] = ["one", "other"].map(|name| Client::with_session(&sandbox, name));
        for client in [&one, &other] {
            belongs_to(client, PRIVATE, "private-organization");
        }
        let told = windows(used, NOON, 40.0, TUESDAY);
        one.draws("2026-11-20T09:59:00Z", told, 120);
        one.meets(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
        other.answers("2026-11-20T10:20:00Z");
        assert_eq!(code(&one, "2026-11-20T10:20:01Z"), expected, "{used}");
    }
}

/// A limit of one model says nothing of another one, and an answer may have been another one's.
#[test]
fn an_answer_in_another_session_does_not_end_the_limit_of_a_model() {
    let sandbox = with_a_private_login();
    let [one, other] = ["one", "other"].map(|name| Client::with_session(&sandbox, name));
    for client in [&one, &other] {
        belongs_to(client, PRIVATE, "private-organization");
    }
    let quota = refused("seven_day_opus", TUESDAY, "");
    one.meets(
        AT,
        "You've hit your Opus limit · resets Nov 24, 6am (UTC)",
        quota,
    );
    other.answers("2026-11-20T10:20:00Z");
    assert_ne!(code(&one, "2026-11-20T10:20:01Z"), 0);
}

/// On Friday "Claude Code does not wait for it", on Monday evening "goes on by itself": nothing had changed.
#[test]
fn a_session_that_does_not_wait_for_days_does_not_wait_on_the_last_of_them_either() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.meets(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
    for at in [SOON, "2026-11-23T20:00:00Z"] {
        assert_eq!(client.explained(at)["continues_at"], Value::Null, "{at}");
    }
    let line = client.draws("2026-11-24T06:00:20Z", Value::Null, 160);
    assert!(
        !line.success().contains("continues shortly"),
        "{}",
        line.stdout
    );
}

/// The prompt that met an outage was a prompt, and a prompt ends the waiting.
#[test]
fn a_session_that_met_another_error_since_does_not_go_on_by_itself() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.meets(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let continues = |at: &str| client.explained(at)["continues_at"].clone();
    assert_eq!(continues(SOON), "2026-11-20T12:01:30Z");
    let overloaded = json!({"error": "overloaded", "apiErrorStatus": 529});
    client.meets(
        "2026-11-20T10:10:00Z",
        "API Error: 529 Overloaded",
        overloaded,
    );
    let later = client.explained("2026-11-20T10:50:00Z");
    assert_eq!(later["limit"], "five_hour", "{later:#}");
    assert_eq!(later["continues_at"], Value::Null);
}

#[test]
fn a_session_that_has_ended_does_not_go_on_by_itself() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.meets(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let continues = |at: &str| client.explained(at)["continues_at"].clone();
    assert_eq!(continues(SOON), "2026-11-20T12:01:30Z");
    let leaves = json!({"reason": "prompt_input_exit"});
    client.event("2026-11-20T10:05:00Z", "SessionEnd", leaves);
    assert_eq!(continues("2026-11-20T10:06:00Z"), Value::Null);
}

/// "An admin's limit on your spending is reached", said on the third of December of one of November.
#[test]
fn a_cap_on_a_month_does_not_last_into_the_next() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let client = Client::new(&sandbox);
    let text = "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit";
    client.meets("2026-11-27T10:00:00Z", text, json!({}));
    assert_ne!(code(&client, "2026-11-30T23:00:00Z"), 0);
    assert_eq!(code(&client, "2026-12-01T13:00:00Z"), 0);
    let headline = client.explained("2026-12-01T13:00:00Z")["headline"].clone();
    let headline = headline.as_str().unwrap();
    assert!(headline.contains("a new month has begun"), "{headline}");
    let text = "API Error: 400 Monthly spend limit reached. Current usage: $150.00 / $150.00 limit";
    let status = json!({"error": "unknown", "apiErrorStatus": 400});
    client.meets("2026-12-30T10:00:00Z", text, status);
    assert_eq!(code(&client, "2026-12-31T10:00:00Z"), 11);
    assert_eq!(code(&client, "2027-01-01T13:00:00Z"), 0);
}

/// "Paying now … answers still come" stood beside "your own monthly cap is reached".
#[test]
fn nobody_pays_once_the_cap_on_credits_is_met() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let full = || windows(100.0, NOON, 40.0, TUESDAY);
    client.works("2026-11-20T09:58:00Z", 1_000);
    client.draws("2026-11-20T09:58:01Z", full(), 120);
    client.works(AT, 100_000);
    client.draws(SOON, full(), 120);
    let paying = |at: &str| client.run(at, &["now", "--json"], b"").json()["paying"].clone();
    assert_ne!(paying("2026-11-20T10:00:03Z"), Value::Null);
    let text = "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage · your 5-hour limit resets 12pm (UTC)";
    let quota = refused("five_hour", NOON, "org_level_disabled_until");
    client.meets("2026-11-20T10:10:00Z", text, quota);
    assert_eq!(paying("2026-11-20T10:11:00Z"), Value::Null);
    client.works("2026-11-20T10:15:00Z", 100_000);
    client.draws("2026-11-20T10:15:01Z", full(), 120);
    assert_ne!(paying("2026-11-20T10:15:02Z"), Value::Null, "it was raised");
}

/// "5h 0%  week 17% (9 h ago)": what was used since the reset nobody had told.
#[test]
fn what_was_used_since_a_reset_is_not_shown_as_nothing_hours_later() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let told = || windows(100.0, NOON, 40.0, TUESDAY);
    let plain = |at: &str| {
        let drawn = client.draws(at, told(), 160);
        whycap::terminal::strip_ansi(drawn.success())
    };
    assert!(plain("2026-11-20T11:59:00Z").contains("5h 100%"));
    let just_over = plain("2026-11-20T12:00:30Z");
    assert!(just_over.contains("5h 0%"), "{just_over}");
    let hours_later = plain("2026-11-20T21:00:00Z");
    assert!(
        !hours_later.contains("5h 0%") && hours_later.contains("week 40%"),
        "{hours_later}"
    );
}

/// A subagent was refused, or nobody yet: "5h 100%" stood above "no limit blocks your work".
#[test]
fn a_full_window_without_an_error_is_not_called_free() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let screen = |five_hour: f64| {
        client.draws(SOON, windows(five_hour, NOON, 40.0, TUESDAY), 120);
        let now = client.run("2026-11-20T10:00:05Z", &["now"], b"");
        now.success().to_owned()
    };
    assert!(screen(99.0).contains("no limit blocks your work"));
    let full = screen(100.0);
    assert!(
        full.contains("no limit error is open, but a window is full"),
        "{full}"
    );
}

/// The line said "continues shortly", and `explain` "send the prompt again": a prompt would have come before it.
#[test]
fn just_after_the_reset_every_place_leaves_the_session_to_go_on_by_itself() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.meets(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    for (at, continues) in [
        ("2026-11-20T12:00:20Z", true),
        ("2026-11-20T12:03:00Z", false),
    ] {
        let line = client.draws(at, Value::Null, 160).stdout;
        assert_eq!(line.contains("continues shortly"), continues, "{at}");
        let incident = client.explained(at);
        let headline = incident["headline"].as_str().unwrap();
        assert_eq!(
            headline.contains("continues shortly"),
            continues,
            "{headline}"
        );
        assert_eq!(incident["continues_at"].is_null(), !continues, "{at}");
        let first = incident["actions"][0]["do"].as_str().unwrap();
        assert_eq!(
            first.starts_with("Leave the session open"),
            continues,
            "{first}"
        );
    }
}

/// "Add usage credits and go on now: none are left", while answers were already paid from them.
#[test]
fn credits_that_pay_for_another_session_are_not_to_be_bought() {
    let sandbox = with_a_private_login();
    let [one, other] = ["one", "other"].map(|name| Client::with_session(&sandbox, name));
    for client in [&one, &other] {
        belongs_to(client, PRIVATE, "private-organization");
    }
    one.meets(AT, FIVE_HOUR, refused("five_hour", NOON, "out_of_credits"));
    one.draws(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
    let told = |at: &str| one.explained(at)["actions"].to_string();
    let before = told("2026-11-20T10:05:00Z");
    assert!(before.contains("none are left"), "{before}");
    other.answers("2026-11-20T10:10:00Z");
    other.draws(
        "2026-11-20T10:10:01Z",
        windows(100.0, NOON, 40.0, TUESDAY),
        120,
    );
    let since = told("2026-11-20T10:11:00Z");
    assert!(
        since.contains("Or go on now with usage credits (costs money)")
            && !since.contains("none are left"),
        "{since}"
    );
}

/// "No limit of yours is involved: send the prompt again", and the window was full until noon.
#[test]
fn an_outage_beside_a_full_window_does_not_hide_the_window() {
    let text = "API Error: 529 Overloaded.";
    let busy = "API Error: Server is temporarily limiting requests (not your usage limit)";
    for (used, text, resets, is_told) in [
        (100.0, text, NOON, true),
        (100.0, busy, NOON, true),
        (97.0, text, NOON, false),
        // It is over when somebody asks.
        (100.0, text, NOON - 7_170, false),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.draws(
            "2026-11-20T09:59:00Z",
            windows(used, resets, 40.0, TUESDAY),
            120,
        );
        client.meets(AT, text, json!({}));
        client.draws(SOON, windows(used, resets, 40.0, TUESDAY), 120);
        let actions = client.explained("2026-11-20T10:00:40Z")["actions"].to_string();
        let says = "a limit of your plan is used up, too";
        assert_eq!(actions.contains(says), is_told, "{used} {text}: {actions}");
    }
}

/// "No usage credits are left" stood above "Paying now from usage credits".
#[test]
fn a_limit_of_the_credits_ends_when_they_serve_another_session_again() {
    let text = "You've hit your monthly spend limit \u{b7} raise it at claude.ai/settings/usage";
    let sandbox = with_a_private_login();
    let [one, other] = ["one", "other"].map(|name| Client::with_session(&sandbox, name));
    for client in [&one, &other] {
        belongs_to(client, PRIVATE, "private-organization");
    }
    let full = || windows(100.0, NOON, 40.0, TUESDAY);
    one.draws("2026-11-20T09:58:00Z", full(), 120);
    one.meets(
        AT,
        text,
        refused("five_hour", NOON, "org_level_disabled_until"),
    );
    assert_ne!(code(&one, SOON), 0);
    other.answers("2026-11-20T10:10:00Z");
    other.draws("2026-11-20T10:10:01Z", full(), 120);
    assert_eq!(code(&one, "2026-11-20T10:11:00Z"), 0);
    let first = one.explained("2026-11-20T10:11:00Z")["actions"][0].clone();
    assert_eq!(first["costs_money"], true, "{first}");
}

/// The machine was started anew, and "goes on by itself at 12:01" stood beside "none running".
#[test]
fn a_session_whose_process_is_gone_does_not_go_on_by_itself() {
    for (start, goes_on) in [(None, true), (Some("1"), false)] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.meets(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
        if let Some(start) = start {
            // No process began when the machine did.
            let left =
                json!({"pid": std::process::id(), "procStart": start, "sessionId": client.session});
            sandbox.write(".claude/sessions/7.json", left.to_string());
        }
        let incident = client.explained("2026-11-20T10:05:00Z");
        assert_eq!(incident["continues_at"].is_string(), goes_on, "{start:?}");
    }
}
