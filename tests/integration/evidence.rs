//! Tests answers that depend on evidence from several sources: the end of each limit, and what later readings, other
//! models, and other payers prove.

use serde_json::{Value, json};

use whycap::limits::messages::Kind;

use crate::client::{Client, windows};

use crate::messages::cases;

use crate::situation::{
    AT, FIVE_HOUR, NOON, SOON, TUESDAY, WEEKLY, after, reaches_five_hour_limit, refused,
    session_of_login, session_with_token, two_sessions_of_login, with_a_private_login,
};

use crate::support::{Run, Sandbox};

/// Creates two sessions that belong to the logged-in account according to their transcripts.
fn two_of_the_login(sandbox: &Sandbox) -> [Client<'_>; 2] {
    ["one", "other"].map(|name| session_of_login(sandbox, name))
}

/// Runs `explain --exit-code` and returns the exit code: 0 if nothing is blocked, 10 if waiting helps, and 11 if a
/// person has to act.
fn code(client: &Client<'_>, at: &str) -> i32 {
    let arguments = ["explain", "--exit-code"];
    client.run(at, &arguments, b"").code
}

/// When both windows are full, work can resume only after the later of the two resets.
#[test]
fn the_limit_ends_when_the_later_of_two_full_windows_resets() {
    for (weekly, resets_at) in [
        (100.0, "2026-11-24T06:00:00Z"),
        (99.0, "2026-11-20T12:00:00Z"),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
        client.calls_status_line(SOON, windows(100.0, NOON, weekly, TUESDAY), 120);
        let incident = client.explained("2026-11-20T10:00:05Z");
        assert_eq!(incident["resets_at"], resets_at, "{weekly}: {incident:#}");
        let decisive = if weekly >= 100.0 {
            "weekly"
        } else {
            "five_hour"
        };
        assert_eq!(incident["limit"], decisive);
        let blocks = code(&client, "2026-11-20T12:10:00Z") == 10;
        assert_eq!(blocks, weekly >= 100.0, "{weekly}");
    }
}

/// The weekly window can reset before the 5-hour window does, and the error message can name either one.
#[test]
fn the_later_reset_decides_whichever_window_the_message_names() {
    let eleven = NOON - 3_600;
    let weekly = "You've hit your weekly limit · resets 11am (UTC)";
    for (text, quota) in [
        (FIVE_HOUR, refused("five_hour", NOON, "")),
        (weekly, refused("seven_day", eleven, "")),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.receives_error(AT, text, quota);
        client.calls_status_line(SOON, windows(100.0, NOON, 100.0, eleven), 120);
        let incident = client.explained("2026-11-20T10:00:05Z");
        assert_eq!(incident["resets_at"], "2026-11-20T12:00:00Z", "{text}");
        assert_eq!(code(&client, "2026-11-20T11:10:00Z"), 10, "{text}");
    }
}

/// If another session uses up the weekly window after a 5-hour limit, work can resume only after the weekly reset.
#[test]
fn a_weekly_window_that_fills_up_later_extends_the_limit() {
    let sandbox = with_a_private_login();
    let [one, other] = two_of_the_login(&sandbox);
    one.calls_status_line(
        "2026-11-20T09:59:00Z",
        windows(95.0, NOON, 98.0, TUESDAY),
        120,
    );
    one.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    one.calls_status_line(SOON, windows(100.0, NOON, 99.0, TUESDAY), 120);
    assert_eq!(one.explained(SOON)["resets_at"], "2026-11-20T12:00:00Z");
    let refusal = refused("seven_day", TUESDAY, "");
    other.receives_error("2026-11-20T11:00:00Z", WEEKLY, refusal);
    other.calls_status_line(
        "2026-11-20T11:00:02Z",
        windows(100.0, NOON, 100.0, TUESDAY),
        120,
    );
    for at in ["2026-11-20T11:01:00Z", "2026-11-20T12:00:30Z"] {
        let explained = one
            .run(at, &["explain", "--json", "--session", "one"], b"")
            .json();
        assert_eq!(
            explained["incident"]["resets_at"], "2026-11-24T06:00:00Z",
            "{explained:#}"
        );
        assert_eq!(explained["incident"]["open"], true);
    }
}

/// The usage of the logged-in account says nothing about the limit of a `claude -p` process that uses a token.
#[test]
fn the_logins_usage_is_no_evidence_about_a_tokens_limit() {
    let sandbox = with_a_private_login();
    let login = session_of_login(&sandbox, "login");
    let job = session_with_token(&sandbox, "job");
    login.calls_status_line(
        "2026-11-20T09:59:00Z",
        windows(5.0, NOON, 30.0, TUESDAY),
        120,
    );
    job.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let incident = job.explained("2026-11-20T10:01:00Z");
    assert_eq!(incident["verdict"], "real", "{incident:#}");
}

#[test]
fn every_kind_of_limit_is_tested() {
    let kinds = cases("kinds.jsonl");
    for kind in Kind::ALL
        .into_iter()
        .filter(|kind| *kind != Kind::OwnBudget)
    {
        let limit = serde_json::to_value(kind).unwrap();
        let limit = limit.as_str().unwrap();
        let samples: Vec<&Value> = kinds
            .iter()
            .filter(|kind| kind["expect"]["kinds"][0] == limit)
            .collect();
        let are_complete = samples.iter().all(|kind| {
            kind["properties"]["ended_by_response_of_account"].is_boolean()
                && (kind["classes"].is_array() || limit == "unknown")
        });
        assert!(
            !samples.is_empty() && are_complete,
            "add {limit}, with its `classes` and `properties`, to tests/data/messages/kinds.jsonl"
        );
    }
}

/// Returns the client's error according to `explain --json`.
pub fn explained(client: &Client<'_>, at: &str) -> Value {
    let arguments = ["explain", "--json", "--session", &client.session];
    client.run(at, &arguments, b"").json()["incident"].clone()
}

/// Returns the session's only entry according to `incidents --json`.
fn listed(client: &Client<'_>, at: &str) -> Value {
    let arguments = ["incidents", "--json", "--session", &client.session];
    let listed = client.run(at, &arguments, b"").json();
    assert_eq!(
        listed["incidents"].as_array().map(Vec::len),
        Some(1),
        "{listed:#}"
    );
    listed["incidents"][0].clone()
}

fn is_blocked(client: &Client<'_>, at: &str) -> bool {
    let arguments = ["explain", "--exit-code", "--session", &client.session];
    client.run(at, &arguments, b"").code != 0
}

/// A long response in another session reports the usage from before the limit. A later refusal shows that the window
/// has not reset.
#[test]
fn an_old_low_reading_of_another_session_is_not_an_early_reset() {
    for (text, by, resets_at, full, room) in [
        (
            FIVE_HOUR,
            "five_hour",
            NOON,
            windows(100.0, NOON, 40.0, TUESDAY),
            windows(42.0, NOON, 40.0, TUESDAY),
        ),
        (
            WEEKLY,
            "seven_day",
            TUESDAY,
            windows(42.0, NOON, 100.0, TUESDAY),
            windows(42.0, NOON, 60.0, TUESDAY),
        ),
    ] {
        for is_asked_in_between in [false, true] {
            let sandbox = with_a_private_login();
            let [stopped, other] = two_sessions_of_login(&sandbox);
            let refusal = refused(by, resets_at, "");
            stopped.receives_error(AT, text, &refusal);
            stopped.calls_status_line(SOON, full.clone(), 120);
            other.calls_status_line("2026-11-20T10:03:00Z", room.clone(), 120);
            if is_asked_in_between {
                assert!(!is_blocked(&stopped, "2026-11-20T10:03:30Z"), "{text}");
            }
            other.receives_error("2026-11-20T10:05:00Z", text, &refusal);
            other.calls_status_line("2026-11-20T10:05:01Z", full.clone(), 120);
            for at in ["2026-11-20T10:05:30Z", "2026-11-20T11:00:00Z"] {
                let incident = explained(&stopped, at);
                assert_eq!(
                    incident["open"], true,
                    "{is_asked_in_between} {at}: {incident:#}"
                );
                assert!(is_blocked(&stopped, at), "{is_asked_in_between} {at}");
                let entry = listed(&stopped, at);
                assert_eq!(entry["open"], true, "{is_asked_in_between} {at}: {entry:#}");
            }
        }
    }
}

/// If the window is used up again after an early reset, the earlier limit is still over.
#[test]
fn a_new_window_that_fills_up_does_not_undo_an_early_reset() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    reaches_five_hour_limit(&stopped);
    let later_reset = NOON + 12_600;
    for (at, used) in [
        ("2026-11-20T10:30:00Z", 2.0),
        ("2026-11-20T11:30:00Z", 100.0),
    ] {
        other.calls_status_line(at, windows(used, later_reset, 41.0, TUESDAY), 120);
    }
    assert!(!is_blocked(&stopped, "2026-11-20T11:31:00Z"));
}

/// While the clock was three hours ahead, a session stored a reading of the next window.
#[test]
fn a_reading_from_the_future_does_not_end_a_limit() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    let next_window = windows(2.0, NOON + 18_000, 41.0, TUESDAY);
    other.calls_status_line("2026-11-20T13:00:00Z", next_window, 120);
    reaches_five_hour_limit(&stopped);
    for at in ["2026-11-20T10:00:05Z", "2026-11-20T10:10:00Z"] {
        let incident = explained(&stopped, at);
        assert_eq!(incident["open"], true, "{at}: {incident:#}");
        assert!(is_blocked(&stopped, at), "{at}: {incident:#}");
    }
}

/// If only the message states the reset, the explanation after the reset must be the same whether or not a command ran
/// before the weekly window filled up.
#[test]
fn a_window_that_fills_up_after_a_stated_reset_is_not_the_cause() {
    let explanations = [None, Some("explain"), Some("now")].map(|command| {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        stopped.receives_response("2026-11-20T11:50:00Z");
        let before = windows(95.0, NOON, 92.0, TUESDAY);
        stopped.calls_status_line("2026-11-20T11:57:00Z", before, 120);
        let text = "You're out of extra usage · resets 12pm (UTC)";
        let refusal = json!({"error": "invalid_request", "apiErrorStatus": 400});
        stopped.receives_error("2026-11-20T11:58:00Z", text, refusal);
        if let Some(command) = command {
            stopped.run("2026-11-20T12:01:00Z", &[command], b"");
        }
        let week_full = windows(3.0, NOON + 18_000, 100.0, TUESDAY);
        other.calls_status_line("2026-11-20T12:03:00Z", week_full, 120);
        let at = "2026-11-20T12:04:00Z";
        let explained = stopped.run(at, &["explain"], b"");
        let code = stopped
            .run(at, &["explain", "--exit-code"], b"")
            .code;
        assert_eq!(code, 0, "{command:?}: {}", explained.stdout);
        explained.stdout
    });
    assert_eq!(explanations[0], explanations[1]);
    assert_eq!(explanations[0], explanations[2]);
}

/// Returns usage figures that show room in both windows of the plan.
pub fn room() -> Value {
    windows(30.0, NOON, 40.0, TUESDAY)
}

/// Simulates a prompt that the server refuses because of the weekly Opus limit, and the status-line call after it.
fn reaches_opus_limit(client: &Client<'_>, at: &str) {
    client.sends_prompt(at, "continue");
    let refusal = refused("seven_day_opus", TUESDAY, "org_level_disabled");
    client.receives_error(&after(at, 2), OPUS_LIMIT, refusal);
    client.calls_status_line(&after(at, 3), room(), 120);
}

pub const OPUS: &str = "claude-opus-5-5";

pub const OPUS_LIMIT: &str = "You've hit your Opus limit · resets Nov 24, 6am (UTC)";

/// The model of new sessions in a project comes from the settings of the project.
#[test]
fn the_settings_of_the_project_determine_the_model_of_new_sessions() {
    let sandbox = with_a_private_login();
    let mut stopped = session_of_login(&sandbox, "stopped");
    OPUS.clone_into(&mut stopped.model);
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
    sandbox.write(".claude/settings.json", r#"{"model": "opus"}"#);
    sandbox.write("api/.claude/settings.local.json", r#"{"model": "sonnet"}"#);
    for (directory, code) in [(".", 10), ("api", 0)] {
        let mut command = sandbox.command(&["explain", "--exit-code"]);
        command
            .env("WHYCAP_NOW", "2026-11-20T10:00:10Z")
            .current_dir(sandbox.path(directory));
        assert_eq!(Run::of(&mut command, b"").code, code, "{directory}");
    }
}
