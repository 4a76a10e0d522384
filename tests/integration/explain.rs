//! Tests which error `whycap explain` selects and how it explains that error.

use std::ops::Range;

use serde_json::{Value, json};

use crate::client::{Client, plain_rows, run, windows};
use crate::situation::{
    AT, FIVE_HOUR, PRIVATE, answer, flat, receives_overload_error, session_of_login,
    store_usage_page, with_a_private_login,
};
use crate::support::{Run, Sandbox};

const NOON: i64 = 1_795_176_000; // 2026-11-20T12:00:00Z

const LOGIN_REFUSED: &str = "Please run /login · API Error: 401 Invalid authentication credentials";

fn five_hour_refusal(resets_at: i64) -> Value {
    json!({"apiError": "usage_limit_reached", "quotaLimits": {
        "status": "rejected", "resetsAt": resets_at, "rateLimitType": "five_hour",
    }})
}

/// Simulates reaching the 5-hour limit at 10:00, with the error message as the only evidence.
fn is_refused_at_ten(client: &Client<'_>) {
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "You've hit your 5-hour limit · resets 12pm (UTC)",
        json!({}),
    );
}

/// The service was overloaded, and the session then continued. Minutes later, `/whycap` began with the old error, as if
/// it still stopped the session.
#[test]
fn an_answer_says_first_that_nothing_blocks_a_session_that_has_continued() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    receives_overload_error(&client, "2026-11-20T10:00:00Z");
    client.receives_response("2026-11-20T10:01:00Z");
    let reply = answer(&client, "2026-11-20T10:05:00Z");
    assert!(reply.starts_with("You are not blocked."), "{reply}");
    assert_eq!(reply.matches("not blocked").count(), 1, "{reply}");
}

/// Returns the first action that `explain` recommends to the client's user.
fn first_action(client: &Client<'_>, at: &str) -> Value {
    client.explained(at)["actions"][0]["do"].clone()
}

/// An event on November 20: a status-line call with the usage of both windows, or an error.
enum Event {
    StatusLine(&'static str, f64, f64),
    Error(&'static str, &'static str),
}
use Event::{Error, StatusLine};

/// A title, the events, and the expected results. Each result has a time, a field, and the field's value.
type Case = (
    &'static str,
    &'static [Event],
    &'static [(&'static str, &'static str, &'static str)],
);

const SESSION: &str = "You've hit your session limit · resets 12pm (UTC)";
const FIVE_HOURS: &str = "You've hit your 5-hour limit · resets 12pm (UTC)";

const CASES: &[Case] = &[
    (
        "a sample of the last quarter of an hour counts",
        &[
            StatusLine("09:46:00", 12.0, 9.0),
            Error("10:00:00", SESSION),
        ],
        &[
            ("10:00:03", "verdict", "false_likely"),
            ("10:00:03", "resets_at", "2026-11-20T12:00:00Z"),
        ],
    ),
    (
        "a sample older than a quarter of an hour proves nothing",
        &[
            StatusLine("09:44:00", 12.0, 9.0),
            Error("10:00:00", SESSION),
        ],
        &[
            ("10:00:03", "verdict", "cannot_tell"),
            ("10:00:03", "resets_at", "2026-11-20T12:00:00Z"),
        ],
    ),
    (
        // These readings are an hour old. The unchanged `total_api_duration_ms` shows that there has been no request in
        // the meantime.
        "figures that the client merely repeats grow old",
        &[
            StatusLine("09:00:00", 12.0, 9.0),
            Error("10:00:00", SESSION),
            StatusLine("10:00:01", 12.0, 9.0),
        ],
        &[("10:00:03", "verdict", "cannot_tell")],
    ),
    (
        "the meter of another window tells which limit it really was",
        &[
            Error("10:00:00", SESSION),
            StatusLine("10:00:01", 40.0, 100.0),
        ],
        &[
            ("10:00:02", "limit", "weekly"),
            ("10:00:02", "verdict", "misworded"),
            ("10:00:02", "resets_at", "2026-11-23T23:20:00Z"),
        ],
    ),
    (
        "an answer does not change as time goes by",
        &[
            StatusLine("09:59:00", 41.0, 22.0),
            Error("10:00:00", FIVE_HOURS),
            StatusLine("10:01:00", 41.0, 22.0),
            StatusLine("10:05:00", 41.0, 22.0),
            StatusLine("10:20:00", 41.0, 22.0),
            StatusLine("10:50:00", 41.0, 22.0),
        ],
        &[
            ("10:01:30", "verdict", "false_likely"),
            ("10:05:30", "verdict", "false_likely"),
            ("10:20:30", "verdict", "false_likely"),
            ("10:50:30", "verdict", "false_likely"),
        ],
    ),
    (
        "a window that was reset early was full all the same",
        &[
            Error("10:00:00", FIVE_HOURS),
            StatusLine("10:00:01", 100.0, 22.0),
            StatusLine("10:05:00", 0.0, 22.0),
        ],
        &[("10:06:00", "verdict", "real")],
    ),
    (
        "the last old figures do not outweigh those that come with the refusal",
        &[
            Error("10:00:00", FIVE_HOURS),
            StatusLine("10:00:01", 80.0, 22.0),
            StatusLine("10:00:02", 100.0, 22.0),
        ],
        &[("10:00:03", "verdict", "real")],
    ),
    (
        "a window does not count as full below 97 per cent",
        &[
            Error("10:00:00", FIVE_HOURS),
            StatusLine("10:00:01", 96.9, 22.0),
        ],
        &[("10:00:02", "verdict", "false_likely")],
    ),
    (
        "a window counts as full from 97 per cent",
        &[
            Error("10:00:00", FIVE_HOURS),
            StatusLine("10:00:01", 97.0, 22.0),
        ],
        &[("10:00:02", "verdict", "real")],
    ),
    (
        // The client reports new readings 0.3 seconds after the error. Until then, the old readings must not make a
        // real limit look like a false alarm.
        "in the first second the meters from before prove nothing",
        &[
            StatusLine("09:59:50", 42.0, 22.0),
            Error("10:00:00", FIVE_HOURS),
            StatusLine("10:00:00.300", 100.0, 22.0),
        ],
        &[
            ("10:00:00.100", "verdict", "cannot_tell"),
            ("10:00:00.400", "verdict", "real"),
        ],
    ),
    (
        "the same figure again, right after the error, is no evidence until those of the refusal would have come",
        &[
            StatusLine("09:59:50", 42.0, 22.0),
            Error("10:00:00", FIVE_HOURS),
            StatusLine("10:00:00.300", 42.0, 22.0),
        ],
        &[
            ("10:00:00.100", "verdict", "cannot_tell"),
            ("10:00:00.400", "verdict", "cannot_tell"),
            ("10:00:01", "verdict", "cannot_tell"),
            ("10:00:02.900", "verdict", "cannot_tell"),
            ("10:00:03", "verdict", "false_likely"),
        ],
    ),
    (
        // Client 2.1.331 calls the status line 0.3 seconds after a response. If the next prompt is refused sooner than
        // that, the figures of the response are reported only after the error.
        "figures of an earlier response are no evidence although they are first reported after the error",
        &[
            Error("10:00:00", FIVE_HOURS),
            StatusLine("10:00:00.020", 42.0, 22.0),
            StatusLine("10:00:02", 100.0, 22.0),
        ],
        &[
            ("10:00:00.100", "verdict", "cannot_tell"),
            ("10:00:01.900", "verdict", "cannot_tell"),
            ("10:00:02.100", "verdict", "real"),
        ],
    ),
    (
        "figures that change without a response are those of the refusal",
        &[
            StatusLine("09:59:50", 42.0, 22.0),
            Error("10:00:00", FIVE_HOURS),
            StatusLine("10:00:00.350", 43.0, 22.0),
        ],
        &[
            ("10:00:00.100", "verdict", "cannot_tell"),
            ("10:00:00.400", "verdict", "false_likely"),
        ],
    ),
    (
        "figures that are still the same after a second are those of the refusal",
        &[
            StatusLine("09:59:50", 42.0, 22.0),
            Error("10:00:00", FIVE_HOURS),
            StatusLine("10:00:00.350", 42.0, 22.0),
            StatusLine("10:00:01", 42.0, 22.0),
        ],
        &[
            ("10:00:00.400", "verdict", "cannot_tell"),
            ("10:00:01.100", "verdict", "false_likely"),
        ],
    ),
    (
        "an almost unused window cannot have filled up",
        &[
            StatusLine("09:59:50", 3.0, 9.0),
            Error("10:00:00", "You're out of extra usage · resets 12pm (UTC)"),
        ],
        &[("10:00:00.100", "verdict", "false_likely")],
    ),
    (
        "an error line is read like a paste",
        &[Error(
            "10:00:00",
            r#"API Error: 429 {"type":"error","error":{"type":"rate_limit_error","message":"You've hit your weekly limit \u00b7 resets Nov 23, 9am (UTC)"}}"#,
        )],
        &[
            ("10:00:02", "limit", "weekly"),
            ("10:00:02", "resets_at", "2026-11-23T09:00:00Z"),
        ],
    ),
];

/// Returns a time on the day of the cases.
fn on_the_day(time: &str) -> String {
    format!("2026-11-20T{time}Z")
}

/// Asserts the results that a case expects in the given period.
fn check_results(client: &Client<'_>, case: &Case, period: Range<&str>) {
    let (title, _, expected_results) = case;
    for (time, field, expected) in *expected_results {
        if period.contains(time) {
            let incident = client.explained(&on_the_day(time));
            assert_eq!(incident[*field], *expected, "{title}: {field} at {time}");
        }
    }
}

/// Checks each expected result at its own time.
#[test]
fn the_explanation_depends_on_the_evidence() {
    for case in CASES {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "max", "admin");
        let client = Client::new(&sandbox);
        let mut since = "00";
        for event in case.1 {
            let (StatusLine(time, ..) | Error(time, _)) = event;
            check_results(&client, case, since..time);
            since = time;
            let at = on_the_day(time);
            match event {
                StatusLine(_, five_hours, week) => {
                    let usage = windows(*five_hours, NOON, *week, NOON + 300_000);
                    client.calls_status_line(&at, usage, 160);
                }
                Error(_, text) => drop(client.receives_error(&at, text, json!({}))),
            }
        }
        check_results(&client, case, since.."24");
    }
}

#[test]
fn without_any_error_there_is_nothing_to_explain() {
    let sandbox = Sandbox::new();
    assert_eq!(
        sandbox.run(&["explain", "--json"]).json(),
        json!({"incident": null})
    );
    assert!(
        sandbox
            .run(&["explain"])
            .success()
            .contains("No limit errors found")
    );
}

#[test]
fn a_usage_error_exits_with_2() {
    let sandbox = Sandbox::new();
    sandbox
        .run(&["explain", "--colour"])
        .is_refused("unexpected argument '--colour'");
    sandbox
        .run(&["explain", "--session", "x", "--text", "y"])
        .is_refused("cannot be used with");
}

#[test]
fn an_error_without_a_hook_record_is_found_in_the_transcript() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let text = "You've hit your 5-hour limit · resets 12pm (UTC)";
    client.append(&client.error_line("2026-11-20T10:00:00Z", text, five_hour_refusal(NOON)));
    let incident = client.explained("2026-11-20T10:05:00Z");
    assert_eq!(incident["limit"], "five_hour");
    assert_eq!(incident["verdict"], "real");
    assert_eq!(incident["resets_at"], "2026-11-20T12:00:00Z");
    assert_eq!(incident["at"], "2026-11-20T10:00:00Z");
    assert_eq!(incident["open"], true);
    assert_eq!(incident["message"], text);
}

#[test]
fn a_stored_error_is_not_listed_again_from_its_transcript() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "You've hit your limit · resets 12pm (UTC)",
        json!({}),
    );
    let list = client
        .run("2026-11-20T10:05:00Z", &["incidents", "--json"], b"")
        .json();
    assert_eq!(list["incidents"].as_array().map(Vec::len), Some(1));
}

#[test]
fn an_error_message_quoted_in_a_chat_is_not_an_incident() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let quoted = "You've hit your org's monthly spend limit";
    client.append(
        &json!({"type": "user", "isApiErrorMessage": true, "message": {"content": quoted}}),
    );
    client.append(
        &json!({"type": "assistant", "message": {"model": "claude-opus-5-5",
        "content": [{"type": "text", "text": format!("{quoted} \"isApiErrorMessage\":true")}]}}),
    );
    assert_eq!(client.explained("2026-11-20T10:05:00Z"), Value::Null);
}

#[test]
fn an_open_error_is_explained_before_a_newer_one_that_is_over() {
    let sandbox = Sandbox::new();
    let open = Client::with_session(&sandbox, "aaaa");
    let over = Client::with_session(&sandbox, "bbbb");
    open.receives_error(
        "2026-11-20T10:00:00Z",
        "You've hit your weekly limit · resets Nov 22, 3pm (UTC)",
        json!({}),
    );
    over.receives_error(
        "2026-11-20T10:10:00Z",
        "API Error: 529 Overloaded.",
        json!({"apiErrorStatus": 529}),
    );
    assert_eq!(open.explained("2026-11-20T10:11:00Z")["session_id"], "bbbb");
    over.receives_response("2026-11-20T10:12:00Z");
    assert_eq!(open.explained("2026-11-20T10:13:00Z")["session_id"], "aaaa");
    let named = open.run(
        "2026-11-20T10:13:00Z",
        &["explain", "--json", "--session", "bbbb"],
        b"",
    );
    assert_eq!(named.json()["incident"]["open"], false);
}

#[test]
fn an_abandoned_error_from_last_month_does_not_hide_todays() {
    let sandbox = Sandbox::new();
    let abandoned = Client::with_session(&sandbox, "aaaa");
    abandoned.receives_error(
        "2026-10-12T10:00:00Z",
        "You've hit your limit · resets 12pm (UTC)",
        json!({}),
    );
    let today = Client::with_session(&sandbox, "bbbb");
    today.receives_error(
        "2026-11-20T10:00:00Z",
        "You've hit your limit · resets 12pm (UTC)",
        json!({}),
    );
    today.receives_response("2026-11-20T12:01:00Z");
    assert_eq!(
        today.explained("2026-11-20T12:05:00Z")["session_id"],
        "bbbb"
    );
}

#[test]
fn a_past_reset_is_described_as_past() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let text = "You've hit your 5-hour limit · resets 5:50am (UTC)";
    client.receives_error(
        "2026-11-20T05:55:00Z",
        text,
        five_hour_refusal(NOON - 22_200),
    );
    let incident = client.explained("2026-11-20T05:55:02Z");
    assert_eq!(incident["resets_at"], "2026-11-20T05:50:00Z");
    let headline = incident["headline"].as_str().unwrap();
    assert!(
        headline.contains("limit should have reset at 05:50"),
        "{headline}"
    );
    assert_eq!(incident["actions"][0]["do"], "Send the prompt again");
}

#[test]
fn nobody_is_told_to_pay_after_the_reset() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = Client::new(&sandbox);
    let text = "You've hit your 5-hour limit · resets 12pm (UTC)";
    client.receives_error("2026-11-20T10:00:00Z", text, five_hour_refusal(NOON));
    let before = client.explained("2026-11-20T11:55:00Z");
    let actions = before["actions"].to_string();
    assert!(actions.contains("usage credits"), "{before}");
    let after = client.explained("2026-11-20T12:05:00Z");
    assert_eq!(after["actions"][0]["do"], "Send the prompt again");
    let actions = after["actions"].to_string();
    assert!(!actions.contains("usage credits"), "{after}");
}

#[test]
fn two_sources_that_disagree_about_the_reset_are_both_shown() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = Client::new(&sandbox);
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "You've hit your 5-hour limit · resets 11:50am (UTC)",
        json!({}),
    );
    client.calls_status_line(
        "2026-11-20T10:00:01Z",
        windows(100.0, NOON, 30.0, NOON + 300_000),
        160,
    );
    let incident = client.explained("2026-11-20T10:00:02Z");
    assert_eq!(incident["resets_at"], "2026-11-20T12:00:00Z");
    let facts = incident["evidence"].to_string();
    assert!(
        facts.contains("a different reset time") && facts.contains("11:50"),
        "{facts}"
    );
}

#[test]
fn a_window_that_began_after_the_error_is_not_evidence() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = Client::new(&sandbox);
    client.receives_error(
        "2026-11-20T11:58:00Z",
        "You've hit your 5-hour limit · resets 12pm (UTC)",
        json!({}),
    );
    client.calls_status_line(
        "2026-11-20T12:02:00Z",
        windows(1.0, NOON + 18_000, 9.0, NOON + 300_000),
        160,
    );
    assert_eq!(
        client.explained("2026-11-20T12:03:00Z")["verdict"],
        "cannot_tell"
    );
}

#[test]
fn a_session_with_an_oauth_token_may_see_organization_wording_on_a_personal_plan() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let mut client = Client::new(&sandbox);
    let token = (
        "CLAUDE_CODE_OAUTH_TOKEN".to_owned(),
        "sk-ant-oat01-x".to_owned(),
    );
    client.variables.push(token);
    let text = "You've hit your org's monthly spend limit · ask your admin to raise it at https://claude.ai/admin-settings/usage · your 5-hour limit resets 12pm (UTC)";
    let mut more = five_hour_refusal(NOON);
    more["quotaLimits"]["overageDisabledReason"] = json!("org_level_disabled_until");
    client.receives_error("2026-11-20T10:00:00Z", text, more);
    let incident = client.explained("2026-11-20T10:00:02Z");
    assert_eq!(incident["limit"], "five_hour");
    assert_eq!(incident["verdict"], "misworded");
    assert_eq!(incident["waiting_helps"], true);
    assert!(
        incident["unknown"]
            .to_string()
            .contains("does not say which plan")
    );
    assert!(!incident.to_string().contains("sk-ant"));
}

#[test]
fn a_key_in_project_settings_is_named_with_its_location() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "pro", "admin");
    let project = sandbox.path("work");
    sandbox.write(
        "work/.claude/settings.local.json",
        r#"{"env":{"ANTHROPIC_API_KEY":"sk-ant-api03-hidden"}}"#,
    );
    let client = Client::new(&sandbox);
    let text = "Credit balance is too low";
    let more = json!({"error": "billing_error", "apiErrorStatus": 400});
    client.append(&client.error_line("2026-11-20T10:00:00Z", text, more));
    client.event(
        "2026-11-20T10:00:00Z",
        "StopFailure",
        json!({"cwd": project, "error": "billing_error", "last_assistant_message": text}),
    );
    let output = client
        .run("2026-11-20T10:00:02Z", &["explain"], b"")
        .success()
        .to_owned();
    assert!(
        output.contains("ANTHROPIC_API_KEY from the project's .claude/settings.local.json"),
        "{output}"
    );
    assert!(!output.contains("hidden"));
    assert_eq!(
        client.explained("2026-11-20T10:00:02Z")["verdict"],
        "wrong_credential"
    );
}

/// On a plan, the only way to continue seemed to be to pay for API credits, although the plan could be used for free.
#[test]
fn a_balance_error_despite_a_plan_mentions_the_free_way_first() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let explained = sandbox.run(&["explain", "Credit balance is too low"]);
    let text = flat(explained.success());
    let steps = "2. To use your plan, unset the key that /status shows, or log in with your plan: /login 3. If you want to use the key, add credits in the Console (costs money)";
    assert!(text.contains(steps), "{text}");
}

/// Below each limit, the reasons said that the plan is for one person. This only matters if a message blames an organization.
#[test]
fn a_window_limit_is_explained_without_the_number_of_users_of_the_plan() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let text = flat(
        sandbox
            .run(&["explain", "You've hit your Opus limit"])
            .success(),
    );
    assert!(text.contains("You are logged in to a Max plan."), "{text}");
    assert!(!text.contains("for one person"), "{text}");
}

/// A personal plan has no admin, but the user was told to ask one for credits.
#[test]
fn the_user_of_a_personal_plan_is_not_told_to_ask_an_admin_for_credits() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let message = "Your org is out of extra usage. We let your admin know.";
    let text = flat(sandbox.run(&["explain", message]).success()).to_lowercase();
    assert!(text.contains("which is for one person"), "{text}");
    for useless in ["ask an admin", "organization's credits"] {
        assert!(!text.contains(useless), "{text}");
    }
    assert!(text.contains("if /usage shows a limit at 100%"), "{text}");
}

#[test]
fn a_pasted_message_is_explained_without_an_installation() {
    let sandbox = Sandbox::new();
    for (text, limit) in [
        ("You’ve hit your org’s monthly spend limit", "org_spend_cap"),
        ("● Claude AI usage limit reached|1755615600", "five_hour"),
        (
            "Your seat type doesn't include usage credits",
            "seat_no_credits",
        ),
        ("Your group's usage limit is set to $0", "member_spend_cap"),
        (
            "Usage credits required for 1M context",
            "long_context_credits",
        ),
        ("", "unknown"),
        ("\u{1b}[2J\u{0}", "unknown"),
    ] {
        let run = sandbox
            .command(&["explain", "--json", "--text", &text.replace('\0', "")])
            .output()
            .unwrap();
        let answer: Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!(answer["incident"]["limit"], limit, "{text}");
        assert_eq!(answer["incident"]["session_id"], Value::Null);
    }
    let output = sandbox.run(&[
        "explain",
        "--long",
        "--text",
        "You've hit your org's monthly usage limit",
    ]);
    assert!(
        output
            .success()
            .contains("What the message means if you received it")
    );
    assert!(
        output.stdout.contains("2.1.119 to 2.1.152"),
        "{}",
        output.stdout
    );
}

#[test]
fn an_html_error_page_does_not_flood_the_terminal() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let page = format!(
        "API Error: 502 <html>{}</html>",
        "gateway trouble ".repeat(50_000)
    );
    client.receives_error(
        "2026-11-20T10:00:00Z",
        &page,
        json!({"apiErrorStatus": 502, "error": "server_error"}),
    );
    let output = client
        .run("2026-11-20T10:00:02Z", &["explain"], b"")
        .success()
        .to_owned();
    assert!(output.len() < 6_000, "{} bytes", output.len());
    assert_eq!(
        client.explained("2026-11-20T10:00:02Z")["limit"],
        "server_error"
    );
}

#[test]
fn times_are_shown_in_the_users_zone() {
    let sandbox = Sandbox::new().variable("TZ", "Asia/Tokyo");
    let client = Client::new(&sandbox);
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "You've hit your 5-hour limit · resets 9pm",
        five_hour_refusal(NOON),
    );
    let headline = client.explained("2026-11-20T10:00:02Z")["headline"].to_string();
    assert!(headline.contains("21:00, in 1 h 59 m"), "{headline}");
}

#[test]
fn readings_of_another_account_are_not_evidence() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = Client::new(&sandbox);
    client.calls_status_line(
        "2026-11-20T09:59:00Z",
        windows(3.0, NOON, 2.0, NOON + 300_000),
        160,
    );
    let other = r#"{"oauthAccount":{"accountUuid":"22222222","organizationType":"claude_max"}}"#;
    sandbox.write(".claude.json", other);
    is_refused_at_ten(&client);
    assert_eq!(
        client.explained("2026-11-20T10:00:01Z")["verdict"],
        "cannot_tell"
    );
}

#[test]
fn readings_of_another_session_of_the_account_count() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let other = Client::with_session(&sandbox, "aaaa");
    other.calls_status_line(
        "2026-11-20T09:59:00Z",
        windows(3.0, NOON, 2.0, NOON + 300_000),
        160,
    );
    let client = Client::with_session(&sandbox, "bbbb");
    is_refused_at_ten(&client);
    assert_eq!(
        client.explained("2026-11-20T10:00:01Z")["verdict"],
        "false_likely"
    );
}

#[test]
fn fast_mode_needs_credits_although_the_plan_has_room() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = Client::new(&sandbox);
    let status = json!({
        "session_id": client.session, "fast_mode": true,
        "rate_limits": windows(5.0, NOON, 5.0, NOON + 300_000),
    });
    client.run(
        "2026-11-20T09:59:30Z",
        &["statusline"],
        status.to_string().as_bytes(),
    );
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "You're out of usage credits · resets 12pm (UTC)",
        json!({}),
    );
    let incident = client.explained("2026-11-20T10:00:02Z");
    assert_eq!(incident["verdict"], "real");
    assert_eq!(incident["waiting_helps"], false);
    assert_eq!(incident["actions"][0]["command"], "/fast");
}

#[test]
fn a_vague_message_is_recognized_by_its_api_error_class() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let details = r#"429 {"type":"error","error":{"type":"rate_limit_error","message":"Extra usage is required for long context requests."}}"#;
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "API Error: Rate limit reached",
        json!({"errorDetails": details}),
    );
    assert_eq!(
        client.explained("2026-11-20T10:00:02Z")["limit"],
        "long_context_credits"
    );
}

#[test]
fn an_explanation_fits_a_screen_and_long_shows_the_rest() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let client = Client::new(&sandbox);
    let text = "You've hit your org's monthly spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets 12pm (UTC)";
    client.receives_error("2026-11-20T10:00:00Z", text, five_hour_refusal(NOON));
    let [short, long] = [&["explain"][..], &["explain", "--long"]].map(|arguments| {
        let run = client.run("2026-11-20T10:00:02Z", arguments, b"");
        run.success().to_owned()
    });
    assert!(short.lines().count() < 24, "{short}");
    assert!(short.contains("whycap explain --long"), "{short}");
    assert!(long.lines().count() > 24, "{long}");
    // The output states what happened, when the limit ends, what to do, and why, in this order.
    let order = ["at 12:00, in", "What to do", "Why", "The error refers to"];
    let positions: Vec<_> = order.iter().map(|words| short.find(words)).collect();
    assert!(
        positions.is_sorted() && positions.iter().all(Option::is_some),
        "{short}"
    );
}

/// Without the session, `explain` in a shell could explain another session's error.
#[test]
fn the_pointer_to_the_details_names_the_session() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let overloaded = Client::with_session(&sandbox, "5d0cda16-7d3a-4f0e-9d27-3f2f1b0c4d11");
    overloaded.receives_error(
        "2026-11-20T10:00:00Z",
        "API Error: 529 Overloaded",
        json!({"apiErrorStatus": 529}),
    );
    let throttled = Client::with_session(&sandbox, "b1c2d3e4-7d3a-4f0e-9d27-3f2f1b0c4d22");
    throttled.receives_error(
        "2026-11-20T10:00:05Z",
        "API Error: Request rejected (429) · slow down",
        json!({"apiErrorIsTransient": true}),
    );
    let now = "2026-11-20T10:00:08Z";
    let answer = overloaded.event(now, "UserPromptSubmit", json!({"prompt": "/whycap"}));
    assert!(
        answer
            .stdout
            .replace("\\n", " ")
            .contains("whycap explain --long --session 5d0cda16 (in a shell)"),
        "{answer:?}"
    );
    let long = overloaded.run(now, &["explain", "--long", "--session", "5d0cda16"], b"");
    assert!(long.success().contains("529"), "{long:?}");
    let short = overloaded.run(now, &["explain", "--session", "5d0cda16"], b"");
    assert!(
        short
            .success()
            .contains("For details: whycap explain --long --session 5d0cda16"),
        "{short:?}"
    );
}

#[test]
fn the_decisive_fact_comes_first_and_is_never_truncated() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let mut client = Client::new(&sandbox);
    client.variables.push((
        "ANTHROPIC_API_KEY".to_owned(),
        "sk-ant-api03-SECRET".to_owned(),
    ));
    client.calls_status_line(
        "2026-11-20T09:59:58Z",
        windows(10.0, NOON, 22.0, NOON + 300_000),
        120,
    );
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "Credit balance is too low",
        json!({"apiErrorStatus": 400}),
    );
    let run = client.run("2026-11-20T10:00:02Z", &["explain"], b"");
    let why = run.success().split("Why\n").nth(1).unwrap_or_default();
    assert!(
        why.starts_with("- ANTHROPIC_API_KEY is set in"),
        "{}",
        run.stdout
    );
    assert_eq!(
        client.explained("2026-11-20T10:00:02Z")["evidence"][0]["source"],
        "environment"
    );
}

#[test]
fn a_message_can_be_piped_and_can_begin_with_a_dash() {
    let sandbox = Sandbox::new();
    let piped = "> go on\n  ⎿ \u{1b}[31mYou've hit your \"weekly\n    limit\u{1b}[0m · resets Nov 23, 9am (UTC)\n"
        .replace('"', "");
    let run = sandbox.run_with(&["explain", "--json", "--text", "-"], piped.as_bytes());
    assert_eq!(run.json()["incident"]["limit"], "weekly");
    assert_eq!(run.json()["incident"]["resets_at"], "2026-11-23T09:00:00Z");
    let listed = "- Credit balance is too low\n- Credit balance is too low";
    let run = sandbox.run(&["explain", "--json", "--text", listed]);
    assert_eq!(run.json()["incident"]["limit"], "api_credit_balance");
    let dashed = "--Credit balance is too low";
    let run = sandbox.run(&["explain", "--json", "--text", dashed]);
    assert_eq!(run.json()["incident"]["limit"], "api_credit_balance");
    let run = sandbox.run_with(&["explain", "--json", "--text", "-"], b"");
    assert_eq!(run.json()["incident"]["limit"], "unknown");
    let binary: Vec<u8> = (0..=255).cycle().take(400_000).collect();
    let run = sandbox.run_with(&["explain", "--json", "--text", "-"], &binary);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

/// If a message gives only a time of day, `explain` must not conclude that it is about the weekly limit.
#[test]
fn a_pasted_time_without_a_date_hardly_suggests_the_weekly_limit() {
    for text in [
        "Claude usage limit reached. Your limit will reset at 8pm",
        "Usage limit reached \u{b7} resets 6am",
    ] {
        let sandbox = Sandbox::new()
            .variable("WHYCAP_NOW", "2026-11-20T12:00:00Z")
            .variable("TZ", "UTC");
        let run = sandbox.run(&["explain", "--text", text]);
        let answer = run.success();
        assert!(
            answer.contains("The message is probably old, unless your weekly limit is used up"),
            "{text}: {answer}"
        );
    }
    let sandbox = Sandbox::new()
        .variable("WHYCAP_NOW", "2026-11-20T12:00:00Z")
        .variable("TZ", "UTC");
    let text = "Usage limit reached \u{b7} resets 3pm";
    let run = sandbox.run(&["explain", "--text", text]);
    let answer = run.success();
    assert!(
        answer.contains("Your 5-hour limit is probably used up"),
        "{answer}"
    );
}

/// At 23:38, a user pasted a message that names no limit and resets at 10pm. `explain` stated as a fact that work could
/// continue at 10pm on the next day, and offered usage credits, although the limit had most likely reset at 22:00.
#[test]
fn a_pasted_time_that_has_just_passed_may_be_the_reset() {
    let explain = |now: &str, text: &str| {
        let sandbox = Sandbox::new()
            .variable("WHYCAP_NOW", now)
            .variable("TZ", "UTC");
        flat(sandbox.run(&["explain", "--text", text]).success())
    };
    for text in [
        "You've hit your limit \u{b7} resets 10pm (UTC)",
        "You've hit your usage limit \u{b7} resets 10pm (UTC)",
        "Claude usage limit reached. Your limit will reset at 2pm (America/Los_Angeles)",
    ] {
        let answer = explain("2026-11-27T23:38:00Z", text);
        let (headline, rest) = answer.split_once("What to do").unwrap();
        assert!(headline.contains("may have reset at 22:00"), "{answer}");
        assert!(!headline.contains("Sat Nov 28"), "{answer}");
        assert!(
            rest.starts_with(
                " 1. Send the prompt again 2. If it is refused again, it is probably your weekly \
                 limit; wait until Sat Nov 28 22:00 (22 h 22 m from now)"
            ),
            "{answer}"
        );

        // A time in the next five hours is not ambiguous. One that passed long ago may be that of a weekly limit.
        let before = explain("2026-11-27T20:38:00Z", text);
        assert!(before.contains("22:00, in 1 h 22 m"), "{before}");
        let long_after = explain("2026-11-28T05:38:00Z", text);
        assert!(
            long_after.contains("otherwise, wait until 22:00 (16 h 22 m from now)"),
            "{long_after}"
        );
    }
}

/// If the weekly limit is used up, `explain` must not suggest sending the prompt again after the 5-hour reset.
#[test]
fn after_the_reset_a_weekly_limit_that_is_used_up_is_named() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = Client::new(&sandbox);
    is_refused_at_ten(&client);
    let after = client.explained("2026-11-20T12:05:00Z");
    assert_eq!(after["actions"][0]["do"], "Send the prompt again");
    client.calls_status_line(
        "2026-11-20T12:05:10Z",
        windows(3.0, NOON + 18_000, 100.0, NOON + 300_000),
        160,
    );
    let after = client.explained("2026-11-20T12:06:00Z");
    let until = "weekly limit is used up until Mon Nov 23 23:20";
    let headline = after["headline"].as_str().unwrap();
    assert!(headline.contains(until), "{headline}");
    let first = after["actions"][0]["do"].as_str().unwrap();
    assert_eq!(
        first,
        "You can wait until Mon Nov 23 23:20, when your weekly limit resets"
    );
}

#[test]
fn an_opus_limit_is_explained_with_opus_and_another_model() {
    for text in ["You've reached your Opus limit", "Opus 4 limit reached"] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "max", "admin");
        let client = Client::new(&sandbox);
        client.receives_error("2026-11-20T10:00:00Z", text, json!({}));
        let incident = client.explained("2026-11-20T10:00:02Z");
        let headline = incident["headline"].as_str().unwrap();
        assert!(headline.contains("Opus"), "{text}: {headline}");
        let first = &incident["actions"][0];
        assert_eq!(first["do"], "Use another model", "{text}: {incident:#}");
    }
}

/// The answer must not say both that buying credits helps and that it does not.
#[test]
fn out_of_extra_usage_is_explained_without_contradiction() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["explain", "--text", "You're out of extra usage"]);
    let answer = run.success();
    assert!(!answer.contains("none are left"), "{answer}");
    let words = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("If /usage shows a limit at 100% and you cannot wait, add extra usage"),
        "{answer}"
    );
}

/// A new login does not fix a rejected API key, a rejected token from the environment, or a login without a plan, so
/// `explain` must not suggest `/login` in these cases.
#[test]
fn a_rejected_credential_is_explained_with_the_matching_remedy() {
    let key = "ANTHROPIC_API_KEY";
    for (text, variable, plan, commands) in [
        (
            "Invalid API key · Fix external API key",
            key,
            "max",
            vec!["unset ANTHROPIC_API_KEY", "/login"],
        ),
        (
            "Invalid auth token · Fix external auth token",
            "ANTHROPIC_AUTH_TOKEN",
            "max",
            vec!["unset ANTHROPIC_AUTH_TOKEN", "/login"],
        ),
        (
            "Your organization has disabled API key authentication · Run /login",
            key,
            "team",
            vec!["unset ANTHROPIC_API_KEY", "/login"],
        ),
        (
            "Login expired · Please run /login",
            "",
            "max",
            vec!["/login", "/status"],
        ),
        (
            "OAuth token has expired",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "max",
            vec!["claude setup-token", "/status"],
        ),
        (
            "Claude Max or Pro is required to connect to Claude Code",
            "",
            "",
            vec!["/logout", "/login"],
        ),
        (
            "Invalid ANTHROPIC_CUSTOM_HEADERS",
            key,
            "max",
            vec!["unset ANTHROPIC_CUSTOM_HEADERS"],
        ),
    ] {
        let sandbox = Sandbox::new();
        if !plan.is_empty() {
            Client::logged_in(&sandbox, plan, "user");
        }
        let mut client = Client::new(&sandbox);
        if !variable.is_empty() {
            let value = "sk-ant-dummy".to_owned();
            client.variables.push((variable.to_owned(), value));
        }
        let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
        client.receives_error("2026-11-20T10:00:00Z", text, refusal);
        let incident = client.explained("2026-11-20T10:00:05Z");
        let actions = incident["actions"].as_array().unwrap();
        let named: Vec<&str> = actions
            .iter()
            .filter_map(|action| action["command"].as_str())
            .collect();
        assert_eq!(named, commands, "{text}: {incident:#}");
    }
}

/// Members are told to ask an admin, because they cannot pay for their organization's subscription. Admins are not.
#[test]
fn only_members_are_told_to_ask_an_admin() {
    for (text, role, says) in [
        (
            "Claude Code can't use your Claude subscription, usually because a payment is past due",
            "user",
            "Ask an admin to pay for the subscription",
        ),
        (
            "Claude Code can't use your Claude subscription, usually because a payment is past due",
            "admin",
            "Pay or renew your subscription",
        ),
        (
            "Your organization has disabled Claude subscription access for Claude Code",
            "user",
            "Ask an admin of your organization to allow access",
        ),
        (
            "Your organization has disabled Claude subscription access for Claude Code",
            "admin",
            "Allow access in the organization settings",
        ),
    ] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "team", role);
        let client = Client::new(&sandbox);
        let refusal = json!({"error": "oauth_org_not_allowed", "apiErrorStatus": 403});
        client.receives_error("2026-11-20T10:00:00Z", text, refusal);
        let first = first_action(&client, "2026-11-20T10:00:05Z");
        assert!(first.as_str().unwrap().starts_with(says), "{role}: {first}");
    }
}

/// The server does not say why it refuses a subscription. The row and the first step told the user to pay, although the
/// reason may be another account, and only the last step mentioned the free check.
#[test]
fn a_refused_subscription_is_checked_before_anything_is_paid() {
    for text in [
        "API Error: 403 OAuth authentication is currently not allowed for this organization.",
        "Claude Code can't use your Claude subscription, usually because a payment is past due",
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        let refusal = json!({"error": "oauth_org_not_allowed", "apiErrorStatus": 403});
        client.receives_error("2026-11-20T10:00:00Z", text, refusal);
        let rows = plain_rows(&client, "2026-11-20T10:00:05Z", json!({}));
        assert!(rows.contains("see /status and the billing page"), "{rows}");
        assert!(!rows.contains("Pay or renew"), "{rows}");
        let incident = client.explained("2026-11-20T10:00:05Z");
        let actions: Vec<(&str, &Value)> = incident["actions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|action| (action["do"].as_str().unwrap(), &action["costs_money"]))
            .collect();
        assert!(actions[0].0.contains("/status"), "{actions:?}");
        assert!(actions[1].0.contains("billing page"), "{actions:?}");
        let (last, costs_money) = actions[2];
        assert!(
            last.starts_with("If your subscription has ended") && last.ends_with("(costs money)"),
            "{actions:?}"
        );
        assert_eq!(
            (costs_money, actions.len()),
            (&json!(true), 3),
            "{actions:?}"
        );
    }
}

/// Members with a Team seat must not be told to ask for a higher spending cap if most of their included usage is left.
#[test]
fn a_credit_cap_cannot_stop_a_seat_with_included_usage() {
    for text in [
        "You've hit your org's monthly spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets 12pm (UTC)",
        "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets 12pm (UTC)",
    ] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "team", "user");
        let client = Client::new(&sandbox);
        let usage = windows(20.0, NOON, 10.0, NOON + 300_000);
        client.calls_status_line("2026-11-20T09:59:30Z", usage.clone(), 120);
        client.receives_error("2026-11-20T10:00:00Z", text, five_hour_refusal(NOON));
        let rows = client
            .calls_status_line("2026-11-20T10:00:02Z", usage, 120)
            .stdout;
        assert!(rows.contains("false alarm? 5-hour usage 20%"), "{rows}");
        let incident = client.explained("2026-11-20T10:00:05Z");
        assert_eq!(incident["verdict"], "false_likely", "{incident:#}");
        let actions = incident["actions"].to_string();
        assert!(
            !actions.contains("Owner") && !actions.contains("/login"),
            "{actions}"
        );
    }
}

/// The headline must not say that a limit has been reached if the reasons say that it looks like a false alarm.
#[test]
fn a_pasted_cap_is_not_confirmed_while_the_window_has_room() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let client = Client::new(&sandbox);
    let usage = windows(20.0, NOON, 10.0, NOON + 300_000);
    client.calls_status_line("2026-11-20T09:59:30Z", usage, 120);
    let text = "You've hit your org's monthly spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets 12pm (UTC)";
    let arguments = ["explain", "--text", text];
    let answer = client.run("2026-11-20T10:00:00Z", &arguments, b"").stdout;
    assert!(
        answer.contains("20%") && !answer.contains("You have reached"),
        "{answer}"
    );
    assert!(!answer.contains("claude update"), "{answer}");
}

/// The 5-hour usage neither confirms nor contradicts a message about the weekly limit.
#[test]
fn the_usage_of_another_window_is_not_a_reason_for_a_pasted_message() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = Client::new(&sandbox);
    let usage = windows(5.0, NOON, 97.0, NOON + 300_000);
    client.calls_status_line("2026-11-20T09:59:30Z", usage, 120);
    for text in [
        "You've hit your weekly limit · resets Nov 23, 11pm (UTC)",
        "You're out of extra usage",
    ] {
        let arguments = ["explain", "--text", text];
        let answer = client.run("2026-11-20T10:00:00Z", &arguments, b"").stdout;
        assert!(
            answer.contains("97%") && !answer.contains("5%,") && !answer.contains("false alarm"),
            "{text}: {answer}"
        );
    }
}

/// An error line of 4 MB must be found even without a hook. Previously, only the last 2 MB of a transcript were read.
#[test]
fn an_error_line_of_several_megabytes_is_found() {
    for field in ["errorDetails", "text", "unknown"] {
        let sandbox = Sandbox::new();
        let client = Client::new(&sandbox);
        client.works("2026-11-20T09:00:00Z", 10);
        let long = "You've hit your 5-hour limit. ".repeat(4_000_000 / 30);
        let text = if field == "text" { &long } else { FIVE_HOURS };
        let mut line = client.error_line("2026-11-20T10:00:00Z", text, json!({field: long}));
        line["message"]["usage"] = json!({"input_tokens": 0, "output_tokens": 0});
        client.append(&line);
        client.append(&json!({"type": "mode", "mode": "normal"}));

        let incident = client.explained("2026-11-20T10:01:00Z");
        assert_eq!(incident["limit"], "five_hour", "{field}: {incident:#}");
    }
}

/// `explain ""` suggests this message.
#[test]
fn the_suggested_message_is_known() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["explain", "--json", "You've hit your 5-hour limit"]);
    assert_eq!(run.json()["incident"]["limit"], "five_hour", "{run:?}");
}

/// The server still says "extra usage" where Claude Code shows "usage credits".
#[test]
fn usage_credits_have_the_name_that_the_user_was_shown() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let client = Client::new(&sandbox);
    let at = "2026-11-20T10:00:00Z";
    client.event(
        at,
        "StopFailure",
        json!({
            "error": "invalid_request",
            "error_details": "429 Extra usage is required for long context requests.",
            "last_assistant_message": "API Error: Usage credits required for 1M context \u{b7} turn on usage credits, or use --model to switch to standard context",
        }),
    );
    let run = client.run(at, &["explain", "--long"], b"");
    let text = run
        .success()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(text.contains("usage credits for the 1M context"), "{text}");
    let answer = text.split("The message").next().unwrap_or_default();
    assert!(!answer.to_lowercase().contains("extra usage"), "{text}");
    assert!(
        text.contains("You are logged in to a Team plan (role: user)."),
        "{text}"
    );
}

/// Runs `explain` for a session, with more options.
fn explain_session(shell: &Client<'_>, session: &str, options: &[&str]) -> Run {
    let arguments = [&["explain", "--session", session], options].concat();
    shell.run("2026-11-20T10:00:00Z", &arguments, b"")
}

/// The ledger contains sessions whose transcripts have been deleted, and Claude Code's registry contains sessions that
/// have just started. `explain` finds no error in these sessions, but it must not say that they do not exist.
#[test]
fn a_session_without_a_transcript_is_not_unknown() {
    let sandbox = Sandbox::new();
    let shell = Client::with_session(&sandbox, "shell");
    let deleted = Client::with_session(&sandbox, "deleted");
    deleted.works("2026-11-20T09:00:00Z", 10);
    shell.run("2026-11-20T10:00:00Z", &["spend"], b"").success();
    std::fs::remove_file(deleted.transcript()).unwrap();
    let entry = json!({"pid": 4_000_000, "sessionId": "started", "cwd": "/home/dev/api"});
    sandbox.write(".claude/sessions/4000000.json", entry.to_string());
    for session in ["deleted", "started"] {
        let expected = format!(
            "No limit error found in session {session}, and no transcript on this machine has this ID."
        );
        let run = explain_session(&shell, session, &[]);
        let text = run.success().replace('\n', " ");
        assert!(text.starts_with(&expected), "{text}");
        let run = explain_session(&shell, session, &["--json"]);
        assert_eq!(run.json(), json!({"incident": null}));
        let run = explain_session(&shell, session, &["--exit-code"]);
        assert_eq!(run.code, 0, "{session}");
        let waited = shell.run("2026-11-20T10:00:00Z", &["wait", "--session", session], b"");
        assert_eq!(waited.code, 0, "{waited:?}");
    }
    let typo = ["explain", "--session", "typo", "--json"];
    shell
        .run("2026-11-20T10:00:00Z", &typo, b"")
        .is_refused("there is no session typo");
}

/// If the text only quotes a warning, the warning may have been for someone else, so the headline must not state it as
/// a fact.
#[test]
fn a_quoted_warning_is_not_stated_as_a_fact() {
    let sandbox = Sandbox::new();
    let text = "He saw 'Approaching usage limit · resets at 3pm' yesterday";
    let explained = sandbox.run(&["explain", "--json", "--text", text]).json();
    let headline = explained["incident"]["headline"].as_str().unwrap();
    let start = "If you received this message, it is only a warning that you have used much of a usage limit";
    assert!(headline.starts_with(start), "{headline}");
}

/// If /usage showed a window that has reset since then, the explanation must not say that the reset is still to come.
#[test]
fn a_passed_reset_on_the_usage_page_is_in_the_past() {
    let sandbox = with_a_private_login();
    let page = json!({
        "fetchedAtMs": (NOON - 3600) * 1000, "accountUuid": PRIVATE,
        "utilization": {"five_hour": {"utilization": 100.0, "resets_at": "2026-11-20T12:00:00Z"}},
    });
    store_usage_page(&sandbox, &page);
    let arguments = [
        "explain",
        "--long",
        "--text",
        "You've hit your 5-hour limit",
    ];
    for (at, reset) in [
        ("2026-11-20T11:30:00Z", "(resets 12:00)"),
        ("2026-11-20T12:30:00Z", "(reset 12:00)"),
    ] {
        let explanation = flat(run(&sandbox, at, &arguments, b"", &[]).success());
        assert!(explanation.contains(reset), "{explanation}");
    }
}

/// A refused login often works at the next attempt, so the first action is to send the prompt again. The same holds for
/// the older JSON form of the message.
#[test]
fn a_second_attempt_comes_before_a_new_login() {
    let sandbox = Sandbox::new();
    for text in [
        "API Error: 401 Invalid authentication credentials",
        r#"API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"Invalid authentication credentials"},"request_id":"req_1"} · Please run /login"#,
    ] {
        let explained = sandbox.run(&["explain", "--text", text]).stdout;
        assert!(
            explained.contains("1. Send the prompt again"),
            "{explained}"
        );
        assert!(
            explained.contains("2. If the login is refused again"),
            "{explained}"
        );
    }
}

/// After a second refusal in a row, another attempt is pointless.
#[test]
fn a_new_login_comes_first_once_the_login_is_refused_again() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
    client.receives_error("2026-11-20T10:00:00Z", LOGIN_REFUSED, &refusal);
    assert_eq!(
        first_action(&client, "2026-11-20T10:00:02Z"),
        "Send the prompt again"
    );
    client.receives_error("2026-11-20T10:00:15Z", LOGIN_REFUSED, &refusal);
    assert_eq!(
        first_action(&client, "2026-11-20T10:00:17Z"),
        "Log in again"
    );
    let badge = client.calls_status_line("2026-11-20T10:00:18Z", json!(null), 160);
    assert!(badge.stdout.contains("login refused again"), "{badge:?}");

    client.receives_response("2026-11-20T10:01:00Z");
    client.receives_error("2026-11-20T10:02:00Z", LOGIN_REFUSED, &refusal);
    assert_eq!(
        first_action(&client, "2026-11-20T10:02:02Z"),
        "Send the prompt again"
    );
}

/// The service refused the login in one session and then in a new one, as after `/clear`. "Log in again" became "send the
/// prompt again" in the new session, because each session counted only its own refusals.
#[test]
fn refusals_of_the_login_in_several_sessions_count_together() {
    let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
    let sandbox = with_a_private_login();
    let [first, second, fresh] =
        ["first", "second", "fresh"].map(|name| session_of_login(&sandbox, name));
    first.receives_response("2026-11-20T09:50:00Z");
    first.receives_error("2026-11-20T10:00:00Z", LOGIN_REFUSED, &refusal);
    let row = plain_rows(&first, "2026-11-20T10:00:02Z", json!(null));
    assert!(row.contains("login refused (not a usage limit)"), "{row}");
    let reply = answer(&fresh, "2026-11-20T10:00:03Z");
    assert!(reply.contains("this one may work"), "{reply}");

    second.receives_error("2026-11-20T10:01:00Z", LOGIN_REFUSED, &refusal);
    for client in [&first, &second] {
        let row = plain_rows(client, "2026-11-20T10:01:02Z", json!(null));
        assert!(row.contains("login refused again"), "{row}");
        let reply = answer(client, "2026-11-20T10:01:03Z");
        assert!(reply.contains("1. Log in again"), "{reply}");
    }
    let reply = answer(&fresh, "2026-11-20T10:01:03Z");
    assert!(reply.contains("1. Log in again"), "{reply}");
    assert!(!reply.contains("may work"), "{reply}");
    for command in ["explain", "now"] {
        let text = flat(&first.run("2026-11-20T10:01:04Z", &[command], b"").stdout);
        assert!(text.contains("refused the login repeatedly"), "{text}");
        assert!(!text.contains("may work"), "{text}");
    }

    // The login works again, so the next refusal is the first one.
    second.sends_prompt("2026-11-20T10:05:00Z", "continue");
    second.receives_response("2026-11-20T10:05:05Z");
    fresh.receives_error("2026-11-20T10:20:00Z", LOGIN_REFUSED, &refusal);
    let row = plain_rows(&fresh, "2026-11-20T10:20:02Z", json!(null));
    assert!(row.contains("login refused (not a usage limit)"), "{row}");
}

/// Two sessions send a prompt at the same moment, and the service refuses the login of both. This is not a second attempt.
#[test]
fn refusals_at_the_same_moment_count_as_one() {
    let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
    let sandbox = with_a_private_login();
    let [first, second] = ["first", "second"].map(|name| session_of_login(&sandbox, name));
    first.receives_error("2026-11-20T10:00:00Z", LOGIN_REFUSED, &refusal);
    second.receives_error("2026-11-20T10:00:01Z", LOGIN_REFUSED, &refusal);
    let row = plain_rows(&second, "2026-11-20T10:00:03Z", json!(null));
    assert!(row.contains("login refused (not a usage limit)"), "{row}");
}

/// If whycap concludes from the failed attempts that an outage caused a refused login, it must say so and list the
/// statuses of all attempts.
#[test]
fn an_outage_that_refused_the_login_is_explained_by_the_failed_attempts() {
    let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
    for (statuses, expected) in [
        (vec![502; 6], "6 attempts failed (502 server error)"),
        (
            [vec![502; 6], vec![401; 4]].concat(),
            "10 attempts failed (502 server error and 401 login refused)",
        ),
    ] {
        let sandbox = Sandbox::new();
        let client = Client::new(&sandbox);
        for (number, status) in statuses.iter().enumerate() {
            client.append(&json!({
                "type": "system", "subtype": "api_error", "sessionId": client.session,
                "timestamp": format!("2026-11-20T09:59:{:02}Z", 5 + number),
                "error": {"status": status}, "retryInMs": 600, "retryAttempt": number + 1,
                "maxRetries": 10,
            }));
        }
        client.receives_error("2026-11-20T10:00:00Z", LOGIN_REFUSED, &refusal);
        let at = "2026-11-20T10:00:02Z";
        for command in ["explain", "incidents"] {
            let text = flat(&client.run(at, &[command], b"").stdout);
            assert!(text.contains(expected), "{command}: {text}");
            assert!(!text.contains("only the text"), "{text}");
        }
        assert_eq!(client.explained(at)["limit"], "server_error");
    }
}

/// People shorten "API Error: 529 Overloaded" to the word that matters. whycap said that the message says only that something
/// failed.
#[test]
fn the_word_overloaded_alone_is_recognized() {
    for text in [
        "Overloaded",
        "overloaded",
        "Overloaded.",
        "Overloaded error",
        "Error: Overloaded",
        "Overloaded (529)",
        "Overloaded (request_id: req_011CSHoEeqs5C35K2UUqR7Fy)",
        "Overloaded. This is a server-side issue, usually temporary — try again in a moment.",
    ] {
        let run = Sandbox::new().run(&["explain", "--text", text]);
        let explained = run.success();
        assert!(
            explained.starts_with("The service is overloaded (not a usage limit)"),
            "{text}: {explained}"
        );
    }
}

/// Compilers also write messages that begin with "Overloaded". For these, whycap said that the service is overloaded.
#[test]
fn a_message_about_an_overloaded_method_is_not_about_the_service() {
    for text in [
        "Overloaded method 'foo' with 2 arguments",
        "Overloaded function signatures 1 and 2 overlap with incompatible return types",
        "error: overloaded function with no contextual type information",
        "Overloaded (see the declaration of foo)",
    ] {
        let run = Sandbox::new().run(&["explain", "--text", text]);
        let explained = run.success();
        assert!(
            !explained.contains("service is overloaded"),
            "{text}: {explained}"
        );
    }
}

/// The sentence about the login said "a Enterprise plan".
#[test]
fn the_article_before_the_name_of_the_plan_is_right() {
    for (plan, words) in [
        ("enterprise", "You are logged in to an Enterprise plan"),
        ("team", "You are logged in to a Team plan"),
    ] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, plan, "user");
        let client = Client::new(&sandbox);
        client.receives_error(AT, FIVE_HOUR, json!({}));
        let evidence = client.explained("2026-11-20T10:00:10Z")["evidence"].to_string();
        assert!(evidence.contains(words), "{evidence}");
    }
}

/// The answer called the credits "usage credits", but their page "Extra Usage", the name before 2.1.144.
#[test]
fn the_page_of_an_organizations_credits_has_its_current_name() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let client = Client::new(&sandbox);
    let text = "Your org is out of usage credits. We let your admin know.";
    client.receives_error(AT, text, json!({"apiErrorStatus": 400}));
    let explained = client.explained("2026-11-20T10:00:10Z");
    let actions = explained["actions"].to_string();
    let ask = "Ask an admin to add credits (Organization settings → Usage)";
    assert!(actions.contains(ask), "{actions}");
    assert!(!actions.contains("Extra Usage"), "{actions}");
}
