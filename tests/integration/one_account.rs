//! Tests that readings from any session apply to all sessions of the account, because they share the same usage
//! windows.

use serde_json::{Value, json};

use crate::client::{Client, plain_rows, run, windows};
use crate::newest_evidence::receives_response;
use crate::situation::{five_hour_usage, flat, refused};
use crate::support::Sandbox;

const NOON: i64 = 1_795_176_000; // 2026-11-20T12:00:00Z
const MONDAY: i64 = 1_795_461_868;
const TEXT: &str = "You've hit your 5-hour limit · resets 12pm (UTC)";

fn line(client: &Client<'_>, at: &str, usage: Value) -> String {
    let rows = plain_rows(client, at, usage);
    rows.lines().next().unwrap_or_default().to_owned()
}

fn usage(used: f64) -> Value {
    windows(used, NOON, 40.0, MONDAY)
}

fn log_in(sandbox: &Sandbox, account: &str) {
    let state = json!({"oauthAccount": {"accountUuid": account, "organizationType": "claude_max"}});
    sandbox.write(".claude.json", state.to_string());
}

#[test]
fn an_idle_session_shows_newer_readings_of_other_sessions() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let busy = Client::with_session(&sandbox, "busy");
    let idle = Client::with_session(&sandbox, "idle");
    assert!(line(&idle, "2026-11-20T08:00:00Z", usage(42.0)).contains("5h 42%"));
    line(&busy, "2026-11-20T09:50:00Z", usage(100.0));
    let soon = line(&idle, "2026-11-20T10:00:00Z", usage(42.0));
    assert!(soon.contains("5h 100%") && !soon.contains("ago"), "{soon}");
    let later = line(&idle, "2026-11-20T10:30:00Z", usage(42.0));
    assert!(
        later.contains("5h 100%") && later.contains("(40 m ago)"),
        "{later}"
    );
    // The session's own next response provides a newer reading.
    let after_response = line(&idle, "2026-11-20T10:31:00Z", usage(3.0));
    assert!(
        after_response.contains("5h 3%") && !after_response.contains("ago"),
        "{after_response}"
    );
    // A reading is not shared after its window has ended.
    let after = line(&busy, "2026-11-20T12:01:00Z", Value::Null);
    assert!(
        !after.contains("5h") && after.contains("week 40%"),
        "{after}"
    );
}

#[test]
fn a_reading_from_the_future_hides_no_other() {
    let sandbox = Sandbox::new();
    let future = Client::with_session(&sandbox, "one");
    line(&future, "2026-11-20T11:00:00Z", usage(100.0));
    let idle = Client::with_session(&sandbox, "idle");
    line(&idle, "2026-11-20T08:50:00Z", usage(30.0));
    let other = Client::with_session(&sandbox, "other");
    line(&other, "2026-11-20T09:00:00Z", usage(42.0));
    let status_line = line(&idle, "2026-11-20T09:10:00Z", usage(30.0));
    assert!(status_line.contains("5h 42%"), "{status_line}");
}

#[test]
fn readings_of_another_account_do_not_count() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let idle = Client::with_session(&sandbox, "idle");
    line(&idle, "2026-11-20T08:00:00Z", usage(42.0));
    log_in(&sandbox, "another");
    let busy = Client::with_session(&sandbox, "busy");
    line(&busy, "2026-11-20T09:50:00Z", usage(100.0));
    let status_line = line(&idle, "2026-11-20T10:00:00Z", usage(42.0));
    assert!(status_line.contains("5h 42%"), "{status_line}");
}

#[test]
fn readings_right_after_a_login_belong_to_the_previous_account() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let client = Client::with_session(&sandbox, "first");
    line(&client, "2026-11-20T08:00:00Z", usage(42.0));
    line(
        &client,
        "2026-11-20T09:00:00Z",
        windows(100.0, NOON, 100.0, MONDAY),
    );
    log_in(&sandbox, "two");
    line(
        &client,
        "2026-11-20T09:10:00Z",
        windows(100.0, NOON, 100.0, MONDAY),
    );
    let other = Client::with_session(&sandbox, "second");
    line(
        &other,
        "2026-11-20T09:12:00Z",
        windows(19.0, NOON + 600, 3.0, MONDAY + 600),
    );
    // The status line of an idle session shows old figures but does not record them as new readings.
    line(
        &client,
        "2026-11-20T09:20:00Z",
        windows(100.0, NOON, 100.0, MONDAY),
    );
    let run = client.run("2026-11-20T09:21:00Z", &["now", "--json"], b"");
    let now = run.json()["windows"].clone();
    assert_eq!(now["five_hour"]["used_percentage"], 19.0, "{now}");
    assert_eq!(now["seven_day"]["used_percentage"], 3.0, "{now}");
    // Neither account's readings appear in the other account's history.
    let lines = sandbox.read(".local/share/whycap/journal/2026-11.jsonl");
    let readings = lines.lines().filter_map(|line| {
        let record: Value = serde_json::from_str(line).ok()?;
        let sample = &record["reading"]["sample"];
        let used = &sample["five_hour"]["used_percent"];
        Some((sample["account"].as_str()?.to_owned(), used.to_string()))
    });
    let mut readings: Vec<(String, String)> = readings.collect();
    readings.sort();
    readings.dedup();
    let accounts = readings.iter().map(|(account, _)| account.as_str());
    let of_second = readings.iter().find(|(_, used)| used == "19.0");
    let (second, _) = of_second.expect("a reading of the second account");
    assert_eq!(
        accounts.filter(|account| account == second).count(),
        1,
        "{readings:?}"
    );
    assert_eq!(readings.len(), 3, "{readings:?}");
}

/// A user logged in to a second account and then back to the first one, whose 5-hour window was full. `now` said that a
/// window was full while the user was logged in to the second account. Back in the first account, `now` showed the
/// windows of the second one.
#[test]
fn now_shows_the_windows_of_the_account_that_is_logged_in() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let first = Client::with_session(&sandbox, "first");
    line(&first, "2026-11-20T09:50:00Z", usage(100.0));
    log_in(&sandbox, "two");
    let now = first.run("2026-11-20T09:55:00Z", &["now"], b"");
    assert!(now.success().contains("no current usage data"), "{now:?}");
    assert!(
        now.stdout.ends_with("no limit is blocking you\n"),
        "{now:?}"
    );
    let second = Client::with_session(&sandbox, "second");
    line(&second, "2026-11-20T10:00:00Z", usage(10.0));
    assert_eq!(five_hour_usage(&first, "2026-11-20T10:01:00Z"), 10.0);
    log_in(&sandbox, "one");
    assert_eq!(five_hour_usage(&first, "2026-11-20T10:02:00Z"), 100.0);
    let now = first.run("2026-11-20T10:02:00Z", &["now"], b"");
    assert!(now.success().contains("a usage window is full"), "{now:?}");
}

/// Returns the status line for the given input, at 10:00.
fn row_for(sandbox: &Sandbox, payload: &Value, variables: &[(String, String)]) -> String {
    let at = "2026-11-20T10:00:00Z";
    let input = payload.to_string();
    let run = run(sandbox, at, &["statusline"], input.as_bytes(), variables);
    run.success().to_owned()
}

/// After `claude --resume`, Claude Code 2.1.331 reports the context of the session, which it computes from the
/// transcript, but no usage windows until the next response. A new session shows the account's windows in this situation,
/// so a resumed session must show them, too.
#[test]
fn a_resumed_session_shows_the_accounts_windows_before_its_first_response() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let resumed = Client::with_session(&sandbox, "resumed");
    resumed.receives_response("2026-11-20T09:00:00Z");
    line(&resumed, "2026-11-20T09:00:01Z", usage(15.0));
    let busy = Client::with_session(&sandbox, "busy");
    line(&busy, "2026-11-20T09:59:00Z", usage(42.0));

    let mut payload = json!({
        "session_id": resumed.session, "transcript_path": resumed.transcript(),
        "version": resumed.version, "model": {"id": resumed.model, "display_name": "Opus 5.5"},
        "cost": {"total_cost_usd": 0.03, "total_api_duration_ms": 58},
        "context_window": {"used_percentage": 2, "current_usage": {"input_tokens": 12}},
    });
    let row = row_for(&sandbox, &payload, &[]);
    assert!(row.contains("42%"), "{row}");
    let key = [("ANTHROPIC_API_KEY".to_owned(), "sk-ant-x".to_owned())];
    let row = row_for(&sandbox, &payload, &key);
    assert!(!row.contains("42%"), "a key pays: {row}");

    // After a response, the process has a prompt cache. If it still reports no windows, the session uses a key. If
    // caching is off, the cache has no lifetime.
    for cache in [
        json!({"ttl": "5m", "expires_at": NOON, "recache_tokens_if_cold": 4000}),
        json!({"ttl": null, "expires_at": null, "requests": 3}),
    ] {
        payload["prompt_cache"] = cache;
        let shown = row_for(&sandbox, &payload, &[]);
        assert!(!shown.contains("42%"), "{shown}");
    }

    // An older version reports no prompt cache even after a response.
    payload["prompt_cache"] = Value::Null;
    payload["version"] = json!("2.1.250");
    let shown = row_for(&sandbox, &payload, &[]);
    assert!(!shown.contains("42%"), "{shown}");
}

/// A session on the plan is resumed after the user added `apiKeyHelper` to the settings. The plan does not pay for the
/// next response, so the status line must not show the plan's windows.
#[test]
fn a_session_resumed_with_a_key_helper_shows_no_windows() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let resumed = Client::with_session(&sandbox, "resumed");
    resumed.receives_response("2026-11-20T09:00:00Z");
    line(&resumed, "2026-11-20T09:00:01Z", usage(15.0));
    let at = "2026-11-20T10:00:00Z";
    let shown = resumed.calls_status_line(at, Value::Null, 120);
    assert!(shown.success().contains("15%"), "{shown:?}");
    sandbox.write(".claude/settings.json", r#"{"apiKeyHelper": "print-key"}"#);
    let shown = resumed.calls_status_line(at, Value::Null, 120);
    assert!(!shown.success().contains("15%"), "{shown:?}");
}

/// Returns the status line of a session that has received a response and reports no windows.
fn row_after_response_without_windows(client: &Client<'_>) -> String {
    let input = json!({
        "session_id": client.session, "transcript_path": client.transcript(),
        "context_window": {"used_percentage": 12},
        "prompt_cache": {"ttl": "5m", "expires_at": NOON, "recache_tokens_if_cold": 4000},
    });
    let run = client.run(
        "2026-11-20T09:20:00Z",
        &["statusline"],
        input.to_string().as_bytes(),
    );
    run.success().to_owned()
}

#[test]
fn without_new_readings_the_last_reading_is_shown_with_its_age() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    line(&client, "2026-11-20T09:00:00Z", usage(42.0));
    let resumed = line(&client, "2026-11-20T09:10:00Z", Value::Null);
    assert!(
        resumed.contains("5h 42%") && !resumed.contains("ago"),
        "{resumed}"
    );
    let later = line(&client, "2026-11-20T11:00:00Z", Value::Null);
    assert!(
        later.contains("5h 42%") && later.contains("(2 h ago)"),
        "{later}"
    );
    // A successful response without windows shows that the session uses an API key. An error does not.
    let row = row_after_response_without_windows(&client);
    assert!(!row.contains("42%"), "{row}");
    client.receives_error(
        "2026-11-20T09:19:00Z",
        "API Error: Request rejected (429) · slow down",
        json!({}),
    );
    let row = row_after_response_without_windows(&client);
    assert!(row.contains("42%"), "{row}");
    // A session that has never received usage windows may be using an API key.
    let new = Client::with_session(&sandbox, "new");
    let status_line = line(&new, "2026-11-20T09:20:00Z", Value::Null);
    assert!(!status_line.contains("5h"), "{status_line}");
    let mut by_key = Client::new(&sandbox);
    by_key
        .variables
        .push(("ANTHROPIC_API_KEY".to_owned(), "sk-ant-x".to_owned()));
    let status_line = line(&by_key, "2026-11-20T09:20:00Z", Value::Null);
    assert!(!status_line.contains("5h"), "{status_line}");
}

#[test]
fn room_reported_to_another_session_ends_the_limit() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let client = Client::new(&sandbox);
    let quota = json!({"quotaLimits": {"status": "rejected", "rateLimitType": "five_hour", "resetsAt": NOON}});
    client.receives_error("2026-11-20T10:00:00Z", TEXT, quota);
    line(&client, "2026-11-20T10:00:01Z", usage(100.0));
    let other = Client::with_session(&sandbox, "other");
    line(&other, "2026-11-20T10:30:00Z", usage(1.0));
    // A reading that shows room in a window does not by itself prove that a response was received.
    assert_eq!(client.explained("2026-11-20T10:30:30Z")["open"], true);
    let prompt = json!({"prompt": "go on"});
    let next = client.event("2026-11-20T10:31:00Z", "UserPromptSubmit", prompt);
    assert_eq!(next.success(), "");
    other.works("2026-11-20T10:32:00Z", 1_000);
    line(&other, "2026-11-20T10:32:01Z", usage(2.0));
    assert_eq!(client.explained("2026-11-20T10:33:00Z")["open"], false);
}

/// Usage from a response before the error must not make the limit look like a false alarm if the window could have
/// filled up since then.
#[test]
fn a_reading_repeated_after_a_response_before_the_error_predates_the_error() {
    for (first, used, expected) in [
        ("2026-11-20T09:40:00Z", 42.0, "real"),
        ("2026-11-20T09:57:00Z", 95.0, "real"),
        // At 42%, the window cannot have filled up within three minutes.
        ("2026-11-20T09:57:00Z", 42.0, "false_likely"),
    ] {
        let sandbox = Sandbox::new();
        log_in(&sandbox, "one");
        let mut client = Client::new(&sandbox);
        line(&client, first, usage(used));
        client.works("2026-11-20T09:59:00Z", 10);
        client.api_ms = 1_500;
        let quota = json!({"quotaLimits": {"status": "rejected", "rateLimitType": "five_hour", "resetsAt": NOON}});
        client.receives_error("2026-11-20T10:00:00Z", TEXT, quota);
        line(&client, "2026-11-20T10:00:05Z", usage(used));
        let explained = client.explained("2026-11-20T10:01:00Z");
        assert_eq!(explained["verdict"], expected, "{first}: {explained:#}");
        assert!(
            !explained["evidence"]
                .to_string()
                .contains("Right after the error"),
            "{explained:#}"
        );
    }
}

/// The figures of a response after the error are evidence even if they equal those from before the error.
#[test]
fn a_reading_repeated_after_a_response_since_the_error_is_newer_than_the_error() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let mut client = Client::new(&sandbox);
    line(&client, "2026-11-20T09:40:00Z", usage(42.0));
    client.receives_error("2026-11-20T10:00:00Z", TEXT, json!({}));
    line(&client, "2026-11-20T10:00:05Z", usage(42.0));
    let before = client.explained("2026-11-20T10:01:00Z");
    assert_eq!(before["verdict"], "cannot_tell", "{before:#}");
    client.works("2026-11-20T10:06:00Z", 10);
    client.api_ms = 1_500;
    line(&client, "2026-11-20T10:06:01Z", usage(42.0));
    let since = client.explained("2026-11-20T10:07:00Z");
    assert_eq!(since["verdict"], "false_likely", "{since:#}");
}

/// Two sessions of the same account must agree on whether the limit is real.
#[test]
fn all_sessions_of_an_account_use_its_newest_readings() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let [one, other] = ["one", "other"].map(|name| Client::with_session(&sandbox, name));
    line(&one, "2026-11-20T09:50:00Z", usage(42.0));
    one.receives_error("2026-11-20T10:00:00Z", TEXT, json!({}));
    other.receives_error("2026-11-20T10:00:20Z", TEXT, json!({}));
    line(&other, "2026-11-20T10:00:21Z", usage(100.0));
    let at = "2026-11-20T10:01:00Z";
    for client in [&one, &other] {
        let session = ["explain", "--json", "--session", &client.session];
        let explained = client.run(at, &session, b"").json()["incident"].clone();
        assert_eq!(explained["verdict"], "real", "{explained:#}");
        let used = if client.session == "one" { 42.0 } else { 100.0 };
        let rows = client.calls_status_line(at, usage(used), 160).stdout;
        assert!(
            rows.contains("5-hour limit") && !rows.contains("false alarm"),
            "{rows}"
        );
    }
    let incidents = one.run(at, &["incidents", "--json"], b"").json();
    for incident in incidents["incidents"].as_array().unwrap() {
        assert_eq!(incident["verdict"], "real", "{incident:#}");
    }
    let now = one.run(at, &["now", "--json"], b"").json();
    assert_eq!(now["blocked"]["verdict"], "real", "{now:#}");
}

/// An idle session keeps reporting the usage from its last response. These old figures must not replace the newer ones.
#[test]
fn a_full_window_repeated_by_an_idle_session_is_not_full_again() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let [idle, busy] = ["idle", "busy"].map(|name| Client::with_session(&sandbox, name));
    line(&idle, "2026-11-20T10:00:01Z", usage(100.0));
    busy.works("2026-11-20T10:20:00Z", 10);
    line(&busy, "2026-11-20T10:20:01Z", usage(3.0));
    idle.receives_error(
        "2026-11-20T10:30:00Z",
        "API Error: 529 Overloaded",
        json!({"apiErrorStatus": 529}),
    );
    line(&idle, "2026-11-20T10:30:01Z", usage(100.0));
    let explained = idle.explained("2026-11-20T10:31:00Z");
    assert!(!explained.to_string().contains("used up"), "{explained:#}");
}

/// The notice about paying must not disappear when an idle session repeats figures from before the window was full.
#[test]
fn readings_repeated_by_an_idle_session_do_not_end_credit_use() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let [idle, busy] = ["idle", "busy"].map(|name| Client::with_session(&sandbox, name));
    line(&idle, "2026-11-20T09:50:00Z", usage(42.0));
    line(&busy, "2026-11-20T10:00:00Z", usage(100.0));
    busy.works("2026-11-20T10:05:00Z", 100_000);
    let now = busy.run("2026-11-20T10:06:00Z", &["now", "--json"], b"");
    assert!(!now.json()["paying"].is_null(), "{now:?}");
    idle.receives_error(
        "2026-11-20T10:10:00Z",
        "API Error: 529 Overloaded",
        json!({"apiErrorStatus": 529}),
    );
    line(&idle, "2026-11-20T10:10:01Z", usage(42.0));
    let now = busy.run("2026-11-20T10:11:00Z", &["now", "--json"], b"");
    assert!(!now.json()["paying"].is_null(), "{now:?}");
}

/// Returns the answer to `/whycap` in a session.
fn answer_in(client: &Client<'_>) -> String {
    let prompt = json!({"prompt": "/whycap"});
    let run = client.event("2026-11-20T10:01:00Z", "UserPromptSubmit", prompt);
    run.json()["reason"].as_str().unwrap().to_owned()
}

#[test]
fn an_error_of_another_session_is_labeled_as_such() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error("2026-11-20T10:00:00Z", TEXT, json!({}));
    let other = Client::with_session(&sandbox, "other");
    let answer = answer_in(&other);
    assert!(
        answer.starts_with("This happened in another session (\"hi\")."),
        "{answer}"
    );
    assert!(!answer_in(&client).contains("nother session"));
}

/// Builds usage figures in the form that a Claude gateway reports, according to the help text of `/statusline` (since
/// 2.1.251).
fn gateway(used_percent: f64) -> Value {
    json!({"spend_limit": {
        "used_percentage": used_percent, "resets_at": NOON, "used_usd": used_percent / 2.0,
        "limit_usd": 50, "period": "daily",
    }})
}

#[test]
fn a_gateways_limit_is_shared_only_by_the_gateways_sessions() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let plan = Client::with_session(&sandbox, "plan");
    line(&plan, "2026-11-20T08:00:00Z", usage(42.0));
    let busy = Client::with_session(&sandbox, "busy");
    let idle = Client::with_session(&sandbox, "idle");
    let first = line(&idle, "2026-11-20T08:10:00Z", gateway(62.0));
    assert!(
        first.contains("daily spend 62% of $50.00 (resets 12:00, in 3 h 50 m)"),
        "{first}"
    );
    line(&busy, "2026-11-20T08:20:00Z", gateway(80.0));
    let shared = line(&idle, "2026-11-20T08:30:00Z", gateway(62.0));
    assert!(shared.contains("daily spend 80%"), "{shared}");
    let later = line(&idle, "2026-11-20T08:50:00Z", Value::Null);
    assert!(
        later.contains("daily spend 80%") && later.contains("(30 m ago)"),
        "{later}"
    );
    let of_plan = line(&plan, "2026-11-20T08:31:00Z", Value::Null);
    assert!(
        of_plan.contains("5h 42%") && !of_plan.contains("spend"),
        "{of_plan}"
    );
}

#[test]
fn a_gateways_reading_is_evidence_and_gives_the_reset_time() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    line(&client, "2026-11-20T09:58:00Z", gateway(100.0));
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "API Error: 429 spend limit reached (daily)",
        json!({}),
    );
    let explained = client.explained("2026-11-20T10:01:00Z");
    assert_eq!(explained["limit"], "api_spend_cap", "{explained}");
    assert_eq!(explained["resets_at"], "2026-11-20T12:00:00Z");
    assert_eq!(explained["waiting_helps"], true);
    let evidence = explained["evidence"].to_string();
    assert!(
        evidence.contains("you had used 100% of your gateway's spend limit ($50.00 of $50.00)"),
        "{evidence}"
    );
    // Several limits are reported, and none of them is used up. Therefore, it is unknown which of them stopped the
    // request and when that limit ends.
    let other = Client::with_session(&sandbox, "other");
    line(&other, "2026-11-20T09:58:00Z", gateway(62.0));
    other.receives_error(
        "2026-11-20T10:00:00Z",
        "API Error: 429 spend limit reached (daily)",
        json!({}),
    );
    let arguments = ["explain", "--json", "--session", "other"];
    let run = other.run("2026-11-20T10:01:00Z", &arguments, b"");
    assert_eq!(run.json()["incident"]["resets_at"], Value::Null);
}

/// Returns the verdict about an error that names the Opus limit, if the weekly window of Opus is used up to the given
/// percentage.
fn verdict_of_opus_limit(sandbox: &Sandbox, session: &str, used: f64) -> Value {
    let client = Client::with_session(sandbox, session);
    let mut windows = usage(42.0);
    windows["seven_day_opus"] = json!({"used_percentage": used, "resets_at": MONDAY});
    let status_line = line(&client, "2026-11-20T09:58:00Z", windows);
    assert!(
        status_line.contains(&format!("Opus week {used}%")),
        "{status_line}"
    );
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "You've hit your Opus limit",
        json!({}),
    );
    let arguments = ["explain", "--json", "--session", session];
    let run = client.run("2026-11-20T10:01:00Z", &arguments, b"");
    let incident = run.json()["incident"].clone();
    assert_eq!(incident["limit"], "weekly_opus", "{incident}");
    incident["verdict"].clone()
}

/// No client reports these windows yet. The test assumes that their format will match that of the other windows.
#[test]
fn a_model_window_is_shown_by_name_and_is_evidence() {
    let with_full_window = Sandbox::new();
    log_in(&with_full_window, "one");
    let verdict = verdict_of_opus_limit(&with_full_window, "full", 100.0);
    assert_eq!(verdict, "real");
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let verdict = verdict_of_opus_limit(&sandbox, "low", 3.0);
    assert_eq!(verdict, "false_likely");
    // A session without its own reading shows another session's reading.
    let idle = Client::with_session(&sandbox, "idle");
    let status_line = line(&idle, "2026-11-20T09:59:00Z", usage(42.0));
    assert!(status_line.contains("5h 42%"), "{status_line}");
}

/// Two responses with the same figures must not make a session's own reading look newer than another session's refusal.
#[test]
fn every_open_session_shows_the_accounts_limit() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let mut idle = Client::with_session(&sandbox, "idle");
    idle.receives_response("2026-11-20T09:58:00Z");
    line(&idle, "2026-11-20T09:58:01Z", usage(50.0));
    idle.receives_response("2026-11-20T09:58:30Z");
    idle.api_ms += 50;
    line(&idle, "2026-11-20T09:58:31Z", usage(50.0));
    let busy = Client::with_session(&sandbox, "busy");
    line(&busy, "2026-11-20T09:58:40Z", usage(50.0));
    busy.receives_error("2026-11-20T10:00:00Z", TEXT, refused("five_hour", NOON, ""));
    line(&busy, "2026-11-20T10:00:01Z", usage(100.0));
    for at in [
        "2026-11-20T10:00:05Z",
        "2026-11-20T10:03:32Z",
        "2026-11-20T10:09:00Z",
    ] {
        let rows = plain_rows(&idle, at, usage(50.0));
        assert!(
            rows.contains("5h 100%") && rows.contains("5-hour limit"),
            "{at}: {rows}"
        );
        assert_eq!(five_hour_usage(&idle, at), 100.0, "{at}");
        let waited = idle.run(at, &["wait", "--timeout", "1s"], b"");
        assert_eq!(waited.code, 124, "{at}");
        assert!(waited.stderr.contains("timed out"), "{at}");
    }
    // The session's own next response shows that the limit ended early.
    idle.receives_response("2026-11-20T10:20:00Z");
    idle.api_ms += 50;
    let rows = plain_rows(&idle, "2026-11-20T10:20:01Z", usage(3.0));
    assert!(
        rows.contains("5h 3%") && !rows.contains("5-hour limit"),
        "{rows}"
    );
}

/// A refusal in one session shows that a limit is used up. `now` must therefore not forecast when the window will be
/// full, and no other session may call the limit a false alarm.
#[test]
fn a_limit_that_stopped_a_script_is_shown_everywhere() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let open = Client::with_session(&sandbox, "open");
    line(&open, "2026-11-20T09:58:00Z", usage(50.0));
    let text = "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage · your 5-hour limit resets 12pm (UTC)";
    open.receives_error(
        "2026-11-20T09:58:30Z",
        text,
        refused("five_hour", NOON, "org_level_disabled_until"),
    );
    let rows = plain_rows(&open, "2026-11-20T09:58:33Z", usage(51.0));
    assert!(rows.contains("false alarm? 5-hour usage 51%"), "{rows}");

    let script = Client::with_session(&sandbox, "script");
    let mut refusal = refused("five_hour", NOON, "");
    refusal["entrypoint"] = json!("sdk-cli");
    // The only other reading is too old to contradict the refusal.
    let at = "2026-11-20T10:20:00Z";
    script.receives_error(at, TEXT, refusal);
    let later = "2026-11-20T10:20:03Z";
    let rows = plain_rows(&open, later, usage(51.0));
    assert!(
        rows.contains("5h 100%") && rows.contains("5-hour limit") && !rows.contains("false alarm"),
        "{rows}"
    );
    let now = open.run(later, &["now", "--json"], b"").json();
    let window = &now["windows"]["five_hour"];
    assert_eq!(window["used_percentage"], 100.0, "{now:#}");
    assert_eq!(window["full_at"], Value::Null, "{now:#}");
}

/// `claude -p` reports no readings. The readings from the status line must therefore be used to determine which limit
/// was reached.
#[test]
fn a_refused_script_is_diagnosed_with_readings_of_other_sessions() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let open = Client::with_session(&sandbox, "open");
    line(&open, "2026-11-20T09:59:50Z", usage(22.0));
    let script = Client::with_session(&sandbox, "script");
    let text = "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage · your 5-hour limit resets 12pm (UTC)";
    let mut refusal = refused("five_hour", NOON, "org_level_disabled_until");
    refusal["entrypoint"] = json!("sdk-cli");
    script.receives_error("2026-11-20T10:00:00Z", text, refusal);
    for at in ["2026-11-20T10:00:00.300Z", "2026-11-20T10:00:05Z"] {
        let incident = script.explained(at);
        assert_eq!(incident["verdict"], "false_likely", "{at}: {incident:#}");
        let now = open.run(at, &["now", "--json"], b"").json();
        let window = &now["windows"]["five_hour"];
        assert_eq!(window["used_percentage"], 22.0, "{at}: {now:#}");
    }
}

/// A window at 60% may have filled up since the last response. This reading proves nothing until Claude Code has had
/// time to report the figures from the refusal.
#[test]
fn the_first_row_after_a_doubtful_limit_says_that_whycap_cannot_tell_yet() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let client = Client::new(&sandbox);
    line(&client, "2026-11-20T09:59:55Z", usage(60.0));
    let text = "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage · your 5-hour limit resets 12pm (UTC)";
    client.receives_error(
        "2026-11-20T10:00:00Z",
        text,
        refused("five_hour", NOON, "org_level_disabled_until"),
    );
    let first = plain_rows(&client, "2026-11-20T10:00:00.300Z", usage(60.0));
    assert!(first.contains("(unconfirmed)"), "{first}");
    assert!(
        first.contains("Whether the limit is real") && !first.contains("Do nothing"),
        "{first}"
    );
    // A script that waits for the limit must not give up yet.
    let exit_code = ["explain", "--exit-code"];
    let explained = client.run("2026-11-20T10:00:00.300Z", &exit_code, b"");
    assert_eq!(explained.code, 10, "{explained:?}");
    let settled = plain_rows(&client, "2026-11-20T10:00:04Z", usage(60.0));
    assert!(settled.contains("false alarm?"), "{settled}");
}

/// After `/clear`, Claude Code reports the figures of the process's previous session, which may be minutes old. If they
/// are regarded as new, a real limit looks like a false alarm.
#[test]
fn figures_repeated_after_clear_do_not_make_a_real_limit_a_false_alarm() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let busy = Client::with_session(&sandbox, "busy");
    let before = Client::with_session(&sandbox, "before");
    line(&before, "2026-11-20T10:00:00Z", usage(25.0));
    line(&busy, "2026-11-20T10:01:00Z", usage(88.0));

    let mut cleared = Client::with_session(&sandbox, "cleared");
    cleared.api_ms = 0;
    let row = line(&cleared, "2026-11-20T10:02:00Z", usage(25.0));
    assert!(row.contains("5h 88%"), "{row}");
    let row = line(&busy, "2026-11-20T10:02:10Z", usage(88.0));
    assert!(row.contains("5h 88%"), "{row}");
    assert_eq!(five_hour_usage(&cleared, "2026-11-20T10:02:15Z"), 88.0);

    let refusal = refused("five_hour", NOON, "org_level_disabled");
    busy.receives_error("2026-11-20T10:02:30Z", TEXT, refusal.clone());
    line(&busy, "2026-11-20T10:02:32Z", usage(100.0));
    let mut cleared_again = Client::with_session(&sandbox, "cleared-again");
    cleared_again.api_ms = 0;
    let rows = plain_rows(&cleared_again, "2026-11-20T10:02:40Z", usage(25.0));
    assert!(
        rows.contains("5h 100%") && rows.contains("5-hour limit"),
        "{rows}"
    );
    assert_eq!(five_hour_usage(&busy, "2026-11-20T10:02:45Z"), 100.0);
    let script = Client::with_session(&sandbox, "script");
    let mut refusal_of_script = refusal;
    refusal_of_script["entrypoint"] = json!("sdk-cli");
    script.receives_error("2026-11-20T10:03:00Z", TEXT, refusal_of_script);
    let incident = script.explained("2026-11-20T10:03:05Z");
    assert_eq!(incident["verdict"], "real", "{incident:#}");
    let answer = cleared_again.event(
        "2026-11-20T10:03:06Z",
        "UserPromptSubmit",
        json!({"prompt": "/whycap"}),
    );
    assert!(answer.success().contains("used up"), "{answer:?}");
}

/// After `/resume`, Claude Code reports the session's earlier API time together with the figures of the process's
/// previous session. Responses that did not change the figures are not stored, so the API time may be higher than the
/// stored one.
#[test]
fn figures_repeated_after_resume_do_not_hide_newer_figures() {
    for api_ms in [900, 950] {
        let sandbox = Sandbox::new();
        log_in(&sandbox, "one");
        let mut resumed = Client::with_session(&sandbox, "resumed");
        resumed.receives_response("2026-11-20T09:50:00Z");
        line(&resumed, "2026-11-20T09:50:01Z", usage(15.0));
        let before = Client::with_session(&sandbox, "before");
        line(&before, "2026-11-20T10:00:00Z", usage(40.0));
        let busy = Client::with_session(&sandbox, "busy");
        line(&busy, "2026-11-20T10:01:00Z", usage(88.0));

        resumed.api_ms = api_ms;
        let row = line(&resumed, "2026-11-20T10:02:00Z", usage(40.0));
        assert!(row.contains("5h 88%"), "{api_ms}: {row}");
        assert_eq!(
            five_hour_usage(&resumed, "2026-11-20T10:02:05Z"),
            88.0,
            "{api_ms}"
        );

        // The first response in the resumed session counts immediately, even if its figures are not new.
        resumed.receives_response("2026-11-20T10:03:00Z");
        resumed.api_ms = 1000;
        let row = line(&resumed, "2026-11-20T10:03:01Z", usage(40.0));
        assert!(row.contains("5h 40%"), "{api_ms}: {row}");
        assert_eq!(
            five_hour_usage(&busy, "2026-11-20T10:03:02Z"),
            40.0,
            "{api_ms}"
        );
    }
}

/// A user who has just reached a limit looks at another session with `/resume` and returns to the first one. Claude Code
/// then reports the other session's figures, and they must not make the limit look like a false alarm.
#[test]
fn figures_repeated_after_resuming_a_stopped_session_are_no_evidence_about_its_limit() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let other = Client::with_session(&sandbox, "other");
    line(&other, "2026-11-20T09:58:00Z", usage(25.0));
    let stopped = Client::with_session(&sandbox, "stopped");
    line(&stopped, "2026-11-20T09:59:00Z", usage(98.0));
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    stopped.receives_error("2026-11-20T10:00:00Z", TEXT, refusal);
    line(&stopped, "2026-11-20T10:00:02Z", usage(100.0));

    let rows = plain_rows(&stopped, "2026-11-20T10:04:00Z", usage(25.0));
    assert!(
        rows.contains("5h 100%") && rows.contains("5-hour limit"),
        "{rows}"
    );
    assert_eq!(five_hour_usage(&stopped, "2026-11-20T10:04:05Z"), 100.0);
    let incident = stopped.explained("2026-11-20T10:04:06Z");
    assert_eq!(incident["verdict"], "real", "{incident:#}");
}

/// In the first seconds after a false alarm at 21% usage, the status line must not tell the user to leave the session
/// open.
#[test]
fn the_first_row_after_a_false_limit_says_that_it_looks_false() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let client = Client::new(&sandbox);
    line(&client, "2026-11-20T09:59:55Z", usage(21.0));
    let text = "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage · your 5-hour limit resets 12pm (UTC)";
    client.receives_error(
        "2026-11-20T10:00:00Z",
        text,
        refused("five_hour", NOON, "org_level_disabled_until"),
    );
    let rows = plain_rows(&client, "2026-11-20T10:00:00.300Z", usage(21.0));
    assert!(
        rows.contains("false alarm? 5-hour usage 21%") && !rows.contains("Do nothing"),
        "{rows}"
    );
    // Claude Code has announced that it will continue, because it does not know that the limit is a false alarm.
    let incident = client.explained("2026-11-20T10:00:05Z");
    assert_eq!(
        incident["continues_at"], "2026-11-20T12:01:30Z",
        "{incident:#}"
    );
}

/// Returns a session in its own process.
fn in_process<'s>(sandbox: &'s Sandbox, session: &str, pid: u32) -> Client<'s> {
    let mut client = Client::with_session(sandbox, session);
    let process = ("CLAUDE_PID".to_owned(), pid.to_string());
    client.variables.push(process);
    client
}

/// A user has one conversation open in two terminals. Each terminal repeats the figures of its own last response, so the
/// idle terminal must not replace newer figures with its old ones.
#[test]
fn an_idle_second_terminal_of_a_conversation_does_not_hide_newer_figures() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let mut working = in_process(&sandbox, "conversation", 4_190_001);
    let idle = in_process(&sandbox, "conversation", 4_190_002);
    line(&working, "2026-11-20T10:00:00Z", usage(40.0));
    line(&idle, "2026-11-20T10:01:00Z", usage(44.0));
    working.api_ms = 1800;
    line(&working, "2026-11-20T10:05:00Z", usage(74.0));

    for seconds in [10, 20, 30] {
        let at = format!("2026-11-20T10:05:{seconds}Z");
        let row = line(&idle, &at, usage(44.0));
        assert!(row.contains("5h 74%"), "{at}: {row}");
        let row = line(&working, &at, usage(74.0));
        assert!(row.contains("5h 74%"), "{at}: {row}");
        assert_eq!(five_hour_usage(&idle, &at), 74.0, "{at}");
    }
}

/// A conversation is open in two terminals and reaches a limit in one of them. The old figures of the other terminal do
/// not show that the limit is a false alarm or was reset early.
#[test]
fn an_idle_second_terminal_of_a_conversation_is_no_evidence_about_its_limit() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let mut working = in_process(&sandbox, "conversation", 4_190_001);
    let idle = in_process(&sandbox, "conversation", 4_190_002);
    line(&working, "2026-11-20T09:50:00Z", usage(40.0));
    line(&idle, "2026-11-20T09:51:00Z", usage(44.0));
    working.api_ms = 1800;
    line(&working, "2026-11-20T09:59:00Z", usage(100.0));
    line(&idle, "2026-11-20T09:59:10Z", usage(44.0));
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    working.receives_error("2026-11-20T10:00:00Z", TEXT, refusal);
    line(&working, "2026-11-20T10:00:00.350Z", usage(100.0));

    for at in [
        "2026-11-20T10:00:02Z",
        "2026-11-20T10:00:12Z",
        "2026-11-20T10:03:20Z",
        "2026-11-20T10:16:40Z",
    ] {
        let rows = plain_rows(&idle, at, usage(44.0));
        assert!(rows.contains("5h 100%"), "{at}: {rows}");
        assert!(rows.contains("5-hour limit · resets"), "{at}: {rows}");
        let incident = working.explained(at);
        assert_eq!(incident["verdict"], "real", "{at}: {incident:#}");
        assert_eq!(incident["open"], true, "{at}: {incident:#}");
        assert_eq!(five_hour_usage(&working, at), 100.0, "{at}");
    }
}

/// A conversation is open in two terminals, and another session reaches a limit. Both terminals repeat figures from before
/// the error, so neither makes the limit look like a false alarm.
#[test]
fn two_terminals_of_a_conversation_are_no_evidence_about_the_limit_of_another_session() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let first = in_process(&sandbox, "conversation", 4_190_001);
    let second = in_process(&sandbox, "conversation", 4_190_002);
    let blocked = in_process(&sandbox, "blocked", 4_190_003);
    line(&first, "2026-11-20T09:50:00Z", usage(40.0));
    line(&second, "2026-11-20T09:51:00Z", usage(44.0));
    line(&blocked, "2026-11-20T09:59:00Z", usage(100.0));
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    blocked.receives_error("2026-11-20T10:00:00Z", TEXT, refusal);
    for at in [
        "2026-11-20T10:00:02Z",
        "2026-11-20T10:00:12Z",
        "2026-11-20T10:03:20Z",
    ] {
        line(&first, at, usage(40.0));
        line(&second, at, usage(44.0));
        let rows = plain_rows(&blocked, at, usage(100.0));
        assert!(rows.contains("5-hour limit · resets"), "{at}: {rows}");
        let incident = blocked.explained(at);
        assert_eq!(incident["verdict"], "real", "{at}: {incident:#}");
        assert_eq!(incident["open"], true, "{at}: {incident:#}");
    }
}

/// Requests in two sessions are refused with the same figures. Only one status-line call follows the second refusal.
/// The next call comes after the limit was reset early, but it repeats the figures of the refusal, which are ten
/// minutes old by then.
#[test]
fn figures_that_two_refused_sessions_share_are_not_new_ten_minutes_later() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let mut first = in_process(&sandbox, "first", 4_190_001);
    let second = in_process(&sandbox, "second", 4_190_002);
    line(&second, "2026-11-20T10:00:14Z", usage(94.0));
    line(&first, "2026-11-20T10:00:24Z", usage(98.0));
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    first.receives_error("2026-11-20T10:01:44Z", TEXT, refusal.clone());
    line(&first, "2026-11-20T10:01:44.350Z", usage(100.0));
    second.receives_error("2026-11-20T10:01:54Z", TEXT, refusal);
    line(&second, "2026-11-20T10:01:54.350Z", usage(100.0));

    first.works("2026-11-20T10:11:44Z", 100);
    first.api_ms = 1800;
    let after_reset = windows(5.0, NOON + 18_000, 40.0, MONDAY);
    line(&first, "2026-11-20T10:11:44.350Z", after_reset);
    let row = line(&second, "2026-11-20T10:11:50Z", usage(100.0));
    assert!(row.contains("5h 5%"), "{row}");
    assert_eq!(five_hour_usage(&first, "2026-11-20T10:11:51Z"), 5.0);
}

/// A request is sent before another session reaches a limit, and its response arrives a minute later. It reports the
/// usage from before the limit, so it must not make the limit look like a false alarm in any output.
#[test]
fn a_response_in_progress_does_not_make_a_limit_look_false_in_any_output() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let blocked = in_process(&sandbox, "blocked", 4_190_001);
    let mut slow = in_process(&sandbox, "slow", 4_190_002);
    line(&slow, "2026-11-20T09:57:00Z", usage(59.0));
    slow.sends_prompt("2026-11-20T09:58:20Z", "a long task");
    line(&blocked, "2026-11-20T09:59:14Z", usage(100.0));
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    blocked.receives_error("2026-11-20T10:00:04Z", TEXT, refusal);
    line(&blocked, "2026-11-20T10:00:04.350Z", usage(100.0));
    slow.works("2026-11-20T10:00:50Z", 100);
    slow.api_ms = 150_000;
    line(&slow, "2026-11-20T10:00:50.350Z", usage(67.0));

    for at in [
        "2026-11-20T10:00:55Z",
        "2026-11-20T10:01:40Z",
        "2026-11-20T10:18:20Z",
    ] {
        let rows = plain_rows(&blocked, at, usage(100.0));
        assert!(
            rows.contains("5h 100%") && rows.contains("5-hour limit · resets"),
            "{at}: {rows}"
        );
        let rows = plain_rows(&slow, at, usage(67.0));
        assert!(rows.contains("5h 100%"), "{at}: {rows}");
        let incident = blocked.explained(at);
        assert_eq!(incident["verdict"], "real", "{at}: {incident:#}");
    }
}

/// The 5-hour limit of one account was reached, and then another account was logged in, which had not reported any figures
/// yet. `explain --long` counted only the responses of the new account: "Since 07:00, you have spent $0.00".
#[test]
fn the_spend_toward_a_limit_is_that_of_the_account_that_reached_it() {
    let sandbox = Sandbox::new();
    log_in(&sandbox, "one");
    let mut stopped = Client::with_session(&sandbox, "stopped");
    receives_response(&mut stopped, "2026-11-20T09:00:10Z", usage(50.0));
    stopped.receives_error("2026-11-20T10:00:00Z", TEXT, refused("five_hour", NOON, ""));
    line(&stopped, "2026-11-20T10:00:02Z", usage(100.0));
    let output = stopped.run("2026-11-20T10:01:00Z", &["spend"], b"");
    output.success();
    let spent = |at: &str| {
        let arguments = ["explain", "--long", "--session", "stopped"];
        let explained = flat(stopped.run(at, &arguments, b"").success());
        let sentence = explained.split_once("From 07:00 until the error at 10:00, you spent ");
        let (_, amount) = sentence.unwrap_or_else(|| panic!("{explained}"));
        amount.split(" at list prices").next().unwrap().to_owned()
    };
    let before = spent("2026-11-20T10:02:00Z");
    assert_ne!(before, "$0.00");
    log_in(&sandbox, "two");
    assert_eq!(spent("2026-11-20T10:03:00Z"), before);
}
