//! Tests which error `whycap explain` selects and how it explains that error.

use crate::client::{Client, windows};
use crate::situation::{
    AT, FIVE_HOUR, NOON, TUESDAY, WEEKLY, refused, session_of_login, with_a_private_login,
};
use crate::support::{Run, Sandbox, data};
use serde_json::{Value, json};

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

const FIVE_HOURS: &str = "You've hit your 5-hour limit · resets 12pm (UTC)";

#[test]
fn without_any_error_there_is_nothing_to_explain() {
    let sandbox = Sandbox::new();
    assert_eq!(
        sandbox.run(&["explain", "--json"]).json(),
        json!({"incident": null})
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

/// Members are told to ask an admin, because they cannot pay for their organization's subscription. Admins are not told
/// to ask anybody.
#[test]
fn only_members_are_told_to_ask_an_admin() {
    for (text, role, who) in [
        (
            "Claude Code can't use your Claude subscription, usually because a payment is past due",
            "user",
            "admin",
        ),
        (
            "Claude Code can't use your Claude subscription, usually because a payment is past due",
            "admin",
            "you",
        ),
        (
            "Your organization has disabled Claude subscription access for Claude Code",
            "user",
            "admin",
        ),
        (
            "Your organization has disabled Claude subscription access for Claude Code",
            "admin",
            "you",
        ),
    ] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "team", role);
        let client = Client::new(&sandbox);
        let refusal = json!({"error": "oauth_org_not_allowed", "apiErrorStatus": 403});
        client.receives_error("2026-11-20T10:00:00Z", text, refusal);
        let incident = client.explained("2026-11-20T10:00:05Z");
        assert_eq!(incident["who_can_fix"], who, "{role}: {incident:#}");
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

/// Runs `explain` for a session, with additional options.
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
    shell
        .run("2026-11-20T10:00:00Z", &["spend"], b"")
        .success();
    std::fs::remove_file(deleted.transcript()).unwrap();
    let entry = json!({"pid": 4_000_000, "sessionId": "started", "cwd": "/home/dev/api"});
    sandbox.write(".claude/sessions/4000000.json", entry.to_string());
    for session in ["deleted", "started"] {
        explain_session(&shell, session, &[]).success();
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

/// `explain why am I blocked`, without quotes, failed with "unexpected argument 'am' found".
#[test]
fn a_text_without_quotes_is_explained_like_one_with_quotes() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
    let at = "2026-11-20T10:30:00Z";
    for text in [
        "why am I blocked",
        "You've hit your 5-hour limit · resets 12pm (UTC)",
        "API Error: 529 Overloaded. This is a server-side issue - try again in a moment.",
    ] {
        let quoted = client
            .run(at, &["explain", text], b"")
            .success()
            .to_owned();
        let mut arguments = vec!["explain"];
        arguments.extend(text.split(' '));
        let unquoted = client.run(at, &arguments, b"");
        assert_eq!(unquoted.success(), quoted, "{text}");
    }
}

/// A damaged line with a date near the end of the calendar must not cause an internal error.
#[test]
fn an_error_at_the_end_of_the_calendar_is_not_an_internal_error() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "damaged");
    let room = windows(60.0, NOON, 17.0, TUESDAY);
    client.calls_status_line("2026-11-20T10:02:00Z", room, 120);
    let line = client.error_line("+262142-12-31T23:59:59Z", FIVE_HOUR, json!({}));
    client.append(&line);
    for command in ["explain", "now", "incidents", "wait"] {
        let arguments: &[&str] = match command {
            "wait" => &["wait", "--timeout", "1s"],
            _ => &[command],
        };
        let run = client.run("2026-11-20T10:03:00Z", arguments, b"");
        assert!(!run.stderr.contains("internal error"), "{command}: {run:?}");
    }
}

/// Streams that 2.1.332 wrote: one command stopped at a limit, and one waited for the reset.
#[test]
fn a_stream_explains_what_stopped_its_command() {
    let stream = |name: &str| std::fs::read(data(&format!("limits/stream_{name}.jsonl"))).unwrap();
    let at = |now: &str, arguments: &[&str], stream: &[u8]| {
        let sandbox = Sandbox::new().variable("WHYCAP_NOW", now);
        let arguments = [&["explain", "--stream"], arguments].concat();
        sandbox.run_with(&arguments, stream)
    };
    let stopped = at("2026-11-30T20:13:54Z", &["--json"], &stream("stopped"));
    let incident = &stopped.json()["incident"];
    assert_eq!(incident["limit"], "five_hour");
    assert_eq!(incident["verdict"], "real");
    assert_eq!(incident["resets_at"], "2026-11-30T22:13:48Z");
    assert_eq!(incident["client_version"], "2.1.332");
    let markdown = at(
        "2026-11-30T20:13:54Z",
        &["--format", "markdown"],
        &stream("stopped"),
    );
    let expected = "### Your 5-hour limit is used up; you can continue at 22:13";
    assert!(markdown.success().starts_with(expected), "{markdown:?}");
    assert!(
        markdown
            .stdout
            .contains("`You've hit your 5-hour limit")
    );
    assert!(markdown.stdout.ends_with("has cost $0.0000.\n"));
    let waited = at(
        "2026-11-30T20:14:08Z",
        &["--format", "markdown"],
        &stream("waited"),
    );
    assert!(
        waited
            .success()
            .contains("; the session received a response"),
        "{waited:?}"
    );
    assert!(waited.stdout.ends_with("has cost $0.0683.\n"));
    // The stream may end in the middle of the wait.
    let text = String::from_utf8(stream("waited")).unwrap();
    let start: Vec<&str> = text.lines().take(3).collect();
    let waiting = at("2026-11-30T20:13:54Z", &[], start.join("\n").as_bytes());
    let expected = "Claude Code continues this session by itself about 20:14.";
    assert!(waiting.success().contains(expected), "{waiting:?}");
    for broken in [
        &b""[..],
        b"{\n\xff\n[]\n{\"type\":\"result\",\"is_error\":true}",
    ] {
        let nothing = at("2026-11-30T20:13:54Z", &["--format", "markdown"], broken);
        let expected = "The input names no session";
        assert!(nothing.success().starts_with(expected), "{nothing:?}");
    }
    // The stream may end before any line says that the command waits or fails.
    let start: Vec<&str> = text.lines().take(2).collect();
    let cut = at(
        "2026-11-30T20:13:54Z",
        &["--json"],
        start.join("\n").as_bytes(),
    );
    assert_eq!(cut.json()["incident"]["limit"], "five_hour");
    // A command that has printed its result has ended.
    let ended = at("2026-11-30T20:13:54Z", &[], &stream("stopped"));
    assert!(
        !ended.success().contains("continues this session"),
        "{ended:?}"
    );
    let by_server = "The server itself named your 5-hour limit.";
    assert!(ended.stdout.contains(by_server), "{ended:?}");
}

/// The budgets, the login, the locks, and the sessions of this machine do not concern a session of another one.
#[test]
fn the_explanation_of_a_stream_is_the_same_on_every_machine() {
    let now = "2026-11-30T20:13:54Z";
    let empty = Sandbox::new().variable("WHYCAP_NOW", now);
    let home = with_a_private_login().variable("WHYCAP_NOW", now);
    let path = home.write("whycap.toml", "[budget]\nday = 0.01\naction = \"stop\"\n");
    let used = home.variable("WHYCAP_CONFIG", path.to_str().unwrap());
    let client = session_of_login(&used, "local");
    client.works("2026-11-30T20:00:00Z", 900_000);
    let room = windows(60.0, 1_796_076_828, 99.0, 1_796_335_200);
    client.calls_status_line("2026-11-30T20:10:00Z", room, 120);
    client.append(&client.error_line("2026-11-30T20:12:00Z", FIVE_HOUR, json!({})));
    let budget = used.run(&["explain"]);
    assert!(budget.success().contains("budget"), "{budget:?}");
    for name in ["stopped", "waited"] {
        let stream = std::fs::read(data(&format!("limits/stream_{name}.jsonl"))).unwrap();
        for options in [&[][..], &["--json"], &["--long"], &["--format", "markdown"]] {
            let arguments = [&["explain", "--stream"], options].concat();
            let [expected, shown] =
                [&empty, &used].map(|sandbox| sandbox.run_with(&arguments, &stream));
            assert_eq!(shown.success(), expected.success(), "{name} {options:?}");
        }
    }
}

#[test]
fn the_summary_of_a_job_has_the_cost_of_its_session() {
    let sandbox = Sandbox::new();
    let client = Client::with_session(&sandbox, "5e551011-0000-4000-8000-000000000002");
    client.works("2026-11-20T06:00:00Z", 100_000);
    let text = "You've hit your `5-hour` limit · resets 12pm (UTC)\n# title";
    client.append(&client.error_line("2026-11-20T06:10:00Z", text, json!({})));
    let summary = sandbox.run(&["explain", "--format", "markdown"]);
    let spent = sandbox.run(&["spend", "--json"]).json()["total"]["cost_usd"]
        .as_f64()
        .unwrap();
    let cost = format!("Session `5e551011-0000-4000-8000-000000000002` has cost ${spent:.2}");
    assert!(
        spent > 0.0 && summary.success().contains(&cost),
        "{summary:?}"
    );
    assert!(
        summary
            .stdout
            .contains("`You've hit your '5-hour' limit · resets 12pm (UTC) # title`")
    );
}
