//! Tests evidence that arrives after an error has ended or has been reported as over. Each test reproduces a defect
//! that a review found in November 2026.

use serde_json::{Value, json};

use crate::client::{Client, windows};
use crate::situation::{
    AT, FIVE_HOUR, NOON, ORG, SOON, TUESDAY, WEEKLY, answer, flat, reaches_five_hour_limit,
    refused, session_of_login, two_sessions_of_login, with_a_private_login,
};
use crate::support::Sandbox;

const OUT_OF_EXTRA_USAGE: &str = "API Error: 400 You're out of extra usage. Add more at claude.ai/settings/usage and keep going.";
const JOURNAL: &str = ".local/share/whycap/journal/2026-11.jsonl";

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

/// Another session was already receiving its response when the limit was reached, and its next prompt was refused.
#[test]
fn incidents_does_not_end_a_limit_with_a_response_that_was_in_progress() {
    for at in ["2026-11-20T10:06:00Z", "2026-11-20T10:30:00Z"] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        let refusal = refused("five_hour", NOON, "");
        stopped.receives_error(AT, FIVE_HOUR, &refusal);
        other.works("2026-11-20T10:03:00Z", 10);
        other.receives_error("2026-11-20T10:05:00Z", FIVE_HOUR, &refusal);
        let incident = explained(&stopped, at);
        assert_eq!(incident["open"], true, "{incident:#}");
        let entry = listed(&stopped, at);
        assert_eq!(entry["open"], true, "{entry:#}");
        assert_eq!(entry["blocked_until"], Value::Null, "{entry:#}");
        let text = flat(&stopped.run(at, &["incidents"], b"").stdout);
        assert!(!text.contains("received a response"), "{text}");
    }
}

/// Responses in a session that belongs to an account say nothing about the balance of a key.
#[test]
fn incidents_does_not_end_the_limit_of_a_key_with_a_response_of_an_account() {
    let sandbox = with_a_private_login();
    let stopped = Client::with_session(&sandbox, "stopped");
    let other = session_of_login(&sandbox, "other");
    let status = json!({"error": "billing_error", "apiErrorStatus": 400});
    stopped.receives_error(AT, "Credit balance is too low", status);
    other.works("2026-11-20T10:20:00Z", 10);
    let at = "2026-11-20T10:21:00Z";
    let incident = explained(&stopped, at);
    assert_eq!(incident["open"], true, "{incident:#}");
    let entry = listed(&stopped, at);
    assert_eq!(entry["open"], true, "{entry:#}");
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

/// Another session's request was sent before the limit. Its long response reports the usage from before the limit.
#[test]
fn the_figures_of_a_request_from_before_an_error_are_not_an_early_reset() {
    let sandbox = with_a_private_login();
    let [stopped, mut other] = two_sessions_of_login(&sandbox);
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    stopped.calls_status_line(SOON, full, 120);
    other.sends_prompt("2026-11-20T09:58:00Z", "write a long text");
    other.works("2026-11-20T10:03:00Z", 10);
    other.api_ms += 300_000;
    let old = windows(80.0, NOON, 40.0, TUESDAY);
    other.calls_status_line("2026-11-20T10:03:01Z", old, 120);
    for at in ["2026-11-20T10:03:10Z", "2026-11-20T10:20:00Z"] {
        assert!(is_blocked(&stopped, at), "{at}");
        let entry = listed(&stopped, at);
        assert_eq!(entry["open"], true, "{at}: {entry:#}");
    }
}

/// Usage credits pay for responses in a second session. A third session then receives the response to a request that it
/// sent before the limit. The figures of this late response are from before the window was full, so they do not show
/// that the limit is over. The next prompt would cost money.
#[test]
fn old_figures_do_not_make_a_paid_response_the_end_of_a_limit() {
    for (responds_at, percent) in [
        ("2026-11-20T10:00:45Z", 95.0),
        ("2026-11-20T10:03:00Z", 90.0),
    ] {
        let sandbox = with_a_private_login();
        let [stopped, mut pays] = two_sessions_of_login(&sandbox);
        let mut slow = session_of_login(&sandbox, "slow");
        let full = windows(100.0, NOON, 40.0, TUESDAY);
        let before = windows(93.0, NOON, 40.0, TUESDAY);
        pays.calls_status_line("2026-11-20T09:58:00Z", before, 120);
        slow.sends_prompt("2026-11-20T09:59:20Z", "write a long text");
        stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
        stopped.calls_status_line(SOON, full.clone(), 120);
        for second in [36, 42] {
            let [prompt, response, call] = [second - 4, second, second + 1]
                .map(|second| format!("2026-11-20T10:00:{second}Z"));
            pays.sends_prompt(&prompt, "continue");
            pays.works(&response, 10);
            pays.api_ms += 100;
            pays.calls_status_line(&call, full.clone(), 120);
        }
        slow.works(responds_at, 10);
        slow.api_ms += 80_000;
        let usage = windows(percent, NOON, 40.0, TUESDAY);
        slow.calls_status_line(responds_at, usage, 120);

        for at in ["2026-11-20T10:04:00Z", "2026-11-20T10:45:00Z"] {
            let wait = ["wait", "--free", "--session", "stopped", "--timeout", "1s"];
            let waited = stopped.run(at, &wait, b"");
            assert_eq!(waited.code, 124, "{percent} {at}: {waited:?}");
            assert!(waited.stderr.contains("limit still applied"));
            let explained = flat(&stopped.run(at, &["explain"], b"").stdout);
            assert!(
                !explained.contains("was used up"),
                "{percent} {at}: {explained}"
            );
        }
    }
}

/// After an early reset, the first response in the new window ends the limit. This must work even if the only reading
/// of the full window is from before the error, because the refused request repeated the same figures.
#[test]
fn the_first_response_of_a_new_window_is_found_after_repeated_figures() {
    let sandbox = with_a_private_login();
    let [stopped, mut other] = two_sessions_of_login(&sandbox);
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    let refusal = refused("five_hour", NOON, "out_of_credits");
    stopped.calls_status_line("2026-11-20T09:58:00Z", full.clone(), 120);
    stopped.receives_error(AT, FIVE_HOUR, &refusal);
    stopped.calls_status_line(SOON, full, 120);
    // Credits paid for this response, and no status-line call reported its figures.
    other.sends_prompt("2026-11-20T10:01:00Z", "continue");
    other.works("2026-11-20T10:01:05Z", 10);
    let room = windows(2.0, NOON + 3 * 3_600, 40.0, TUESDAY);
    for minute in ["10:05", "10:06", "10:07"] {
        other.sends_prompt(&format!("2026-11-20T{minute}:50Z"), "continue");
        other.works(&format!("2026-11-20T{minute}:55Z"), 10);
        other.api_ms += 100;
        other.calls_status_line(&format!("2026-11-20T{minute}:56Z"), room.clone(), 120);
    }
    let explained = flat(
        &stopped
            .run("2026-11-20T10:10:30Z", &["explain"], b"")
            .stdout,
    );
    let end = "was used up, but another session received a response at 10:05";
    assert!(explained.contains(end), "{explained}");
}

/// A response in another session shows that two errors are over. If that other session receives free responses days
/// later, `incidents` must still say how the errors ended.
#[test]
fn free_responses_days_later_do_not_hide_how_an_error_ended() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    let login = json!({"error": "authentication_failed", "apiErrorStatus": 401});
    let text = "Please run /login · API Error: 401 Invalid authentication credentials";
    stopped.receives_error(AT, text, login);
    let overloaded = json!({"error": "server_error", "apiErrorStatus": 529});
    stopped.receives_error(
        "2026-11-20T10:00:30Z",
        "API Error: 529 Overloaded.",
        overloaded,
    );
    other.sends_prompt("2026-11-20T10:05:00Z", "continue");
    other.works("2026-11-20T10:05:10Z", 10);
    other.announces(
        "2026-11-23T10:10:00Z",
        "Continuing now at lower priority until your limit resets at 12pm.",
    );
    // The first call stores how the errors ended.
    for at in ["2026-11-23T11:00:00Z", "2026-11-23T11:01:00Z"] {
        let listed = flat(&stopped.run(at, &["incidents"], b"").stdout);
        let end = "another session received a response at 10:05";
        assert_eq!(listed.matches(end).count(), 2, "{at}: {listed}");
    }
}

/// The session of the false alarm has just been resumed, so there is no reading from before the error.
#[test]
fn a_reading_right_after_a_false_alarm_is_enough_to_keep_it_one() {
    for is_asked_in_between in [false, true] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        let refusal = refused("five_hour", NOON, "");
        stopped.receives_error(AT, FIVE_HOUR, &refusal);
        let room = windows(60.0, NOON, 9.0, TUESDAY);
        stopped.calls_status_line(SOON, room, 120);
        other.sends_prompt("2026-11-20T10:00:50Z", "go on");
        other.works("2026-11-20T10:01:00Z", 10);
        if is_asked_in_between {
            explained(&stopped, "2026-11-20T10:01:10Z");
        }
        other.receives_error("2026-11-20T10:04:00Z", FIVE_HOUR, &refusal);
        let full = windows(100.0, NOON, 9.0, TUESDAY);
        other.calls_status_line("2026-11-20T10:04:01Z", full, 120);
        let at = "2026-11-20T10:20:00Z";
        let incident = explained(&stopped, at);
        assert_eq!(incident["verdict"], "false_likely", "{incident:#}");
        let entry = listed(&stopped, at);
        assert_eq!(entry["verdict"], "false_likely", "{entry:#}");
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

/// A reading from the future must not hide a full window, either.
#[test]
fn a_reading_from_the_future_does_not_hide_another_full_window() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    let room = windows(2.0, NOON + 18_000, 41.0, TUESDAY);
    other.calls_status_line("2026-11-20T15:00:00Z", room, 120);
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let full = windows(100.0, NOON, 100.0, TUESDAY);
    other.calls_status_line("2026-11-20T10:30:00Z", full, 120);
    let incident = explained(&stopped, "2026-11-20T12:10:00Z");
    let headline = incident["headline"].as_str().unwrap();
    assert!(headline.contains("weekly"), "{headline}");
}

/// Stores an end for the only error in the journal, as an older version of whycap may have done.
fn store_end(sandbox: &Sandbox, session: &str, ending: &str, at: &str) {
    let journal = std::fs::read_to_string(sandbox.path(JOURNAL)).unwrap();
    let mut record: Value = journal
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .rfind(|record| record["incident"]["session"]["id"] == session)
        .unwrap();
    record["incident"]["end"] = json!({"ending": ending, "at": at});
    // A record begins with a line break, because the previous record may be incomplete.
    sandbox.append(JOURNAL, &format!("\n{record}"));
}

/// After an upgrade, whycap may explain an old error differently. It must then remove a stored end that no longer fits.
/// In this test, the stored end says that the limit was hit again, but the later error is not about a limit.
#[test]
fn an_error_that_is_not_a_limit_does_not_end_an_earlier_limit() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    store_end(&sandbox, "stopped", "hit_again", "2026-11-20T10:05:00Z");
    stopped.receives_error(
        "2026-11-20T10:05:00Z",
        "API Error: 529 Overloaded",
        json!({"apiErrorStatus": 529}),
    );
    let incident = explained(&stopped, "2026-11-20T10:50:00Z");
    assert_eq!(incident["limit"], "five_hour", "{incident:#}");
    assert!(is_blocked(&stopped, "2026-11-20T10:50:00Z"), "{incident:#}");
}

/// The limit resets later than an older version assumed.
#[test]
fn a_stored_reset_is_checked_against_the_reset_time() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    store_end(&sandbox, "stopped", "reset", "2026-11-20T11:00:00Z");
    assert!(is_blocked(&stopped, "2026-11-20T11:10:00Z"));
    assert!(!is_blocked(&stopped, "2026-11-20T12:10:00Z"));
}

/// A false alarm does not end with a reset.
#[test]
fn a_stored_reset_is_checked_against_the_verdict() {
    for ending in ["reset", "reset_early"] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        let room = windows(42.0, NOON, 40.0, TUESDAY);
        stopped.calls_status_line("2026-11-20T09:59:00Z", room.clone(), 120);
        stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
        stopped.calls_status_line(SOON, room, 120);
        store_end(&sandbox, "stopped", ending, "2026-11-20T12:00:00Z");
        let incident = explained(&stopped, "2026-11-20T12:10:00Z");
        assert_eq!(
            incident["verdict"], "false_likely",
            "{ending}: {incident:#}"
        );
        let headline = incident["headline"].as_str().unwrap();
        assert!(!headline.contains("reset"), "{ending}: {headline}");
    }
}

/// A response in another session ended a weekly limit. A day later, that other session reaches a 5-hour limit.
#[test]
fn a_refusal_days_later_does_not_undo_an_end() {
    for is_asked_in_between in [false, true] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        stopped.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
        other.works("2026-11-20T10:20:00Z", 10);
        if is_asked_in_between {
            assert!(!is_blocked(&stopped, "2026-11-20T10:21:00Z"));
        }
        let text = "You've hit your 5-hour limit · resets 6pm (UTC)";
        let refusal = refused("five_hour", NOON + 86_400 + 21_600, "");
        other.receives_error("2026-11-21T15:00:00Z", text, &refusal);
        other.works("2026-11-21T18:10:00Z", 10);
        let at = "2026-11-21T18:11:00Z";
        assert!(!is_blocked(&stopped, at), "{is_asked_in_between}");
        let incident = explained(&stopped, at);
        let headline = incident["headline"].as_str().unwrap();
        assert!(
            headline.contains("received a response") && headline.contains("10:20"),
            "{is_asked_in_between}: {headline}"
        );
        let entry = listed(&stopped, at);
        assert_eq!(
            entry["blocked_until"], "2026-11-20T10:20:00Z",
            "{is_asked_in_between}: {entry:#}"
        );
    }
}

/// The user runs `incidents` after the second refusal, but before a status-line call has reported the figures of that
/// refusal.
#[test]
fn figures_that_arrive_after_a_stored_end_still_count() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    stopped.calls_status_line(
        "2026-11-20T09:59:00Z",
        windows(42.0, NOON, 17.0, TUESDAY),
        120,
    );
    for at in [AT, "2026-11-20T10:00:07Z"] {
        stopped.receives_error(at, FIVE_HOUR, json!({}));
    }
    stopped.run("2026-11-20T10:00:08Z", &["incidents"], b"");
    let full = windows(100.0, NOON, 17.0, TUESDAY);
    stopped.calls_status_line("2026-11-20T10:00:09Z", full, 120);
    for at in ["2026-11-20T10:01:00Z", "2026-11-20T10:30:00Z"] {
        let arguments = ["incidents", "--json"];
        let listed = stopped.run(at, &arguments, b"").json();
        for entry in listed["incidents"].as_array().unwrap() {
            assert_eq!(entry["verdict"], "real", "{at}: {listed:#}");
        }
    }
}

/// A stored end must not hide a later reading that disproves it.
#[test]
fn a_disproved_end_does_not_hide_the_readings_after_it() {
    for (ending, ended_at) in [
        ("reset_early", "2026-11-20T10:01:00Z"),
        ("reset", "2026-11-20T10:02:00Z"),
    ] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        stopped.receives_error(AT, FIVE_HOUR, json!({}));
        store_end(&sandbox, "stopped", ending, ended_at);
        let full = windows(100.0, NOON, 40.0, TUESDAY);
        stopped.calls_status_line("2026-11-20T10:05:00Z", full, 120);
        let incident = explained(&stopped, "2026-11-20T10:06:00Z");
        assert_eq!(incident["verdict"], "real", "{ending}: {incident:#}");
        assert!(is_blocked(&stopped, "2026-11-20T10:06:00Z"), "{ending}");
        let facts = incident["evidence"].to_string();
        assert!(facts.contains("your 5-hour usage was 100%"), "{facts}");
    }
}

/// The weekly window resets minutes after the 5-hour limit has been reached. This reset does not end the 5-hour limit.
#[test]
fn the_reset_of_another_window_does_not_end_a_limit() {
    let soon = NOON - 7_200 + 240; // 10:04
    for refusal in [json!({}), refused("five_hour", NOON, "")] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        let before = windows(95.0, NOON, 98.0, soon);
        stopped.calls_status_line("2026-11-20T09:59:00Z", before, 120);
        stopped.receives_error(AT, FIVE_HOUR, &refusal);
        let after = windows(100.0, NOON, 2.0, soon + 7 * 86_400);
        stopped.calls_status_line("2026-11-20T10:05:00Z", after, 120);
        let at = "2026-11-20T10:06:00Z";
        let incident = explained(&stopped, at);
        assert_eq!(incident["limit"], "five_hour", "{incident:#}");
        assert_eq!(incident["verdict"], "real", "{incident:#}");
        let facts = incident["evidence"].to_string();
        assert!(facts.contains("your 5-hour usage was 100%"), "{facts}");
        assert!(is_blocked(&stopped, at), "{incident:#}");
    }
}

/// According to the readings, the 5-hour window that caused an error has reset. Hours later, the weekly limit is
/// reached. The weekly limit must not be mistaken for the cause of the old error, even if the server did not say when
/// the 5-hour window would reset.
#[test]
fn a_later_full_window_does_not_explain_a_limit_that_has_reset() {
    let with_time = refused("five_hour", NOON, "");
    let mut without_time = with_time.clone();
    let quota = without_time["quotaLimits"].as_object_mut().unwrap();
    quota.remove("resetsAt");
    for refusal in [with_time, without_time] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        let text = "You've hit your session limit";
        stopped.receives_error(AT, text, &refusal);
        let full = windows(100.0, NOON, 90.0, TUESDAY);
        stopped.calls_status_line("2026-11-20T10:00:05Z", full, 120);
        let later = windows(20.0, NOON + 5 * 3_600, 100.0, TUESDAY);
        other.calls_status_line("2026-11-20T15:00:00Z", later, 120);
        let incident = explained(&stopped, "2026-11-20T15:10:00Z");
        let headline = incident["headline"].as_str().unwrap();
        assert_eq!(incident["limit"], "five_hour", "{refusal}: {incident:#}");
        assert!(
            headline.starts_with("Your 5-hour limit has reset"),
            "{refusal}: {headline}"
        );
    }
}

/// A limit error that was probably a false alarm because the window had room.
struct FalseAlarm {
    text: &'static str,
    by: &'static str,
    resets_at: i64,
    /// The usage of the windows while they had room, and their usage minutes later at a real limit.
    room: Value,
    full: Value,
}

/// Returns a false alarm about each window. The 5-hour window resets this many seconds before the time in the message,
/// and the weekly window 16 times as many seconds before it.
fn false_alarms_before_a_limit(seconds_earlier: i64) -> [FalseAlarm; 2] {
    let five_hour_reset = NOON - seconds_earlier;
    let weekly_reset = TUESDAY - 16 * seconds_earlier;
    [
        FalseAlarm {
            text: FIVE_HOUR,
            by: "five_hour",
            resets_at: NOON,
            room: windows(60.0, five_hour_reset, 9.0, TUESDAY),
            full: windows(100.0, five_hour_reset, 9.0, TUESDAY),
        },
        FalseAlarm {
            text: WEEKLY,
            by: "seven_day",
            resets_at: TUESDAY,
            room: windows(42.0, NOON, 9.0, weekly_reset),
            full: windows(42.0, NOON, 100.0, weekly_reset),
        },
    ]
}

/// Another session receives a response after a false alarm. Minutes later, a real limit stops that session or a third
/// one. The first error must remain a false alarm. The test covers all combinations: whether a command ran in between
/// and stored how the error ended, whether the response changed the usage figures, and whether the transcript shows
/// when the request was sent.
#[test]
fn a_real_limit_does_not_turn_an_earlier_false_alarm_into_a_limit() {
    for seconds_earlier in [0, 5_400] {
        // The figures of the response do not matter if the real limit resets at a different time than the message says.
        let tested_figures: &[NewFigures] = if seconds_earlier == 0 {
            &[
                NewFigures::None,
                NewFigures::ApiTime,
                NewFigures::UsageAndApiTime,
            ]
        } else {
            &[NewFigures::None]
        };
        for alarm in false_alarms_before_a_limit(seconds_earlier) {
            for new_figures in tested_figures {
                // Each bit of the number is one choice, so all combinations are tested.
                for number in 0..16 {
                    let scenario = Scenario {
                        is_of_script: number & 1 > 0,
                        limited: if number & 2 > 0 { "third" } else { "other" },
                        is_asked_in_between: number & 4 > 0,
                        has_prompt: number & 8 > 0,
                        new_figures: *new_figures,
                    };
                    check_false_alarm(&alarm, &scenario);
                }
            }
        }
    }
}

/// The figures that change with a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NewFigures {
    None,
    ApiTime,
    UsageAndApiTime,
}

/// A real limit that follows a false alarm.
#[derive(Debug)]
struct Scenario {
    /// True if the false alarm stopped `claude -p`. In this case, all readings come from the other session, because
    /// `claude -p` has no status line.
    is_of_script: bool,
    /// The session that the real limit stops.
    limited: &'static str,
    is_asked_in_between: bool,
    new_figures: NewFigures,
    /// True if the transcript shows when the request for the response was sent.
    has_prompt: bool,
}

fn check_false_alarm(alarm: &FalseAlarm, scenario: &Scenario) {
    let case = format!("{} {} {scenario:?}", alarm.by, alarm.full);
    let sandbox = with_a_private_login();
    let [stopped, mut other] = two_sessions_of_login(&sandbox);
    let mut refusal = refused(alarm.by, alarm.resets_at, "");
    if scenario.is_of_script {
        refusal["entrypoint"] = json!("sdk-cli");
        other.calls_status_line("2026-11-20T09:59:51Z", alarm.room.clone(), 120);
    } else {
        stopped.calls_status_line("2026-11-20T09:59:51Z", alarm.room.clone(), 120);
    }
    stopped.receives_error(AT, alarm.text, &refusal);
    if !scenario.is_of_script {
        stopped.calls_status_line(SOON, alarm.room.clone(), 120);
    }
    // If the time of the request is unknown, a response counts only if it arrived at least two minutes after the error.
    let minute = if scenario.has_prompt {
        other.sends_prompt("2026-11-20T10:00:50Z", "go on");
        "10:01"
    } else {
        "10:03"
    };
    other.works(&format!("2026-11-20T{minute}:00Z"), 10);
    let mut room = alarm.room.clone();
    if scenario.new_figures != NewFigures::None {
        other.api_ms += 100;
    }
    if scenario.new_figures == NewFigures::UsageAndApiTime {
        let used = room[alarm.by]["used_percentage"].as_f64().unwrap();
        room[alarm.by]["used_percentage"] = json!(used + 1.0);
    }
    other.calls_status_line(&format!("2026-11-20T{minute}:01Z"), room, 120);
    if scenario.is_asked_in_between {
        for at in ["2026-11-20T10:03:10Z", "2026-11-20T10:03:30Z"] {
            let incident = explained(&stopped, at);
            assert_eq!(incident["verdict"], "false_likely", "{case}: {incident:#}");
            stopped.run(at, &["now"], b"");
        }
    }
    let limited_session = match scenario.limited {
        "third" => &session_of_login(&sandbox, "third"),
        _ => &other,
    };
    let real = refused(
        alarm.by,
        alarm.full[alarm.by]["resets_at"].as_i64().unwrap(),
        "",
    );
    limited_session.receives_error("2026-11-20T10:04:00Z", alarm.text, &real);
    limited_session.calls_status_line("2026-11-20T10:04:02Z", alarm.full.clone(), 120);
    for at in ["2026-11-20T10:04:10Z", "2026-11-20T10:20:00Z"] {
        let incident = explained(&stopped, at);
        assert_eq!(incident["verdict"], "false_likely", "{case}: {incident:#}");
        let facts = incident["evidence"].to_string();
        assert!(!facts.contains("100%"), "{case}: {facts}");
        let headline = incident["headline"].as_str().unwrap();
        assert!(
            headline.contains("false alarm")
                && (headline.contains(minute) || headline.contains("is now used up until")),
            "{case}: {headline}"
        );
        let entry = listed(&stopped, at);
        assert_eq!(entry["verdict"], "false_likely", "{case}: {entry:#}");
        let incident = explained(limited_session, at);
        assert_eq!(incident["verdict"], "real", "{case}: {incident:#}");
    }
}

/// A session that has reported no figures reaches a real limit. The last reading is ten minutes old and below 90%, so
/// the error looks like a false alarm until another session reports that the window is full. Before that, the other
/// session receives a response that seems to confirm the false alarm. The response proves nothing, because its request
/// was sent before the error or because usage credits paid for it.
#[test]
fn a_response_that_proves_nothing_does_not_keep_a_real_limit_a_false_alarm() {
    for is_asked_in_between in [false, true] {
        for response in ["in progress", "in progress, with old figures", "credits"] {
            let case = format!("{response}, {is_asked_in_between}");
            let sandbox = with_a_private_login();
            let [stopped, mut other] = two_sessions_of_login(&sandbox);
            other.calls_status_line(
                "2026-11-20T09:50:00Z",
                windows(88.0, NOON, 9.0, TUESDAY),
                120,
            );
            stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
            if response == "credits" {
                other.sends_prompt("2026-11-20T10:02:50Z", "go on");
            }
            other.works("2026-11-20T10:03:00Z", 10);
            if response == "in progress, with old figures" {
                other.api_ms += 240_000;
                let old = windows(89.0, NOON, 9.0, TUESDAY);
                other.calls_status_line("2026-11-20T10:03:01Z", old, 120);
            }
            if is_asked_in_between {
                let incident = explained(&stopped, "2026-11-20T10:03:10Z");
                assert_eq!(incident["verdict"], "false_likely", "{case}: {incident:#}");
                listed(&stopped, "2026-11-20T10:03:11Z");
            }
            other.receives_error(
                "2026-11-20T10:04:00Z",
                FIVE_HOUR,
                refused("five_hour", NOON, ""),
            );
            let full = windows(100.0, NOON, 9.0, TUESDAY);
            other.calls_status_line("2026-11-20T10:04:01Z", full, 120);
            for at in ["2026-11-20T10:04:10Z", "2026-11-20T10:20:00Z"] {
                for _ in 0..2 {
                    let incident = explained(&stopped, at);
                    assert_eq!(incident["verdict"], "real", "{case}: {incident:#}");
                    assert!(is_blocked(&stopped, at), "{case}");
                    let entry = listed(&stopped, at);
                    assert_eq!(entry["verdict"], "real", "{case}: {entry:#}");
                }
            }
        }
    }
}

/// The error states its reset time. A full window that resets at a clearly different time is a different window, so it
/// says nothing about the error, even if the error is not over.
#[test]
fn a_full_window_with_another_reset_does_not_prove_an_error_real() {
    for alarm in false_alarms_before_a_limit(5_400) {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        stopped.calls_status_line("2026-11-20T09:59:51Z", alarm.room.clone(), 120);
        stopped.receives_error(AT, alarm.text, refused(alarm.by, alarm.resets_at, ""));
        let reset = alarm.full[alarm.by]["resets_at"].as_i64().unwrap();
        other.receives_error(
            "2026-11-20T10:04:00Z",
            alarm.text,
            refused(alarm.by, reset, ""),
        );
        other.calls_status_line("2026-11-20T10:04:02Z", alarm.full.clone(), 120);
        let incident = explained(&stopped, "2026-11-20T10:05:00Z");
        assert_eq!(
            incident["verdict"], "false_likely",
            "{}: {incident:#}",
            alarm.by
        );
    }
}

/// A subagent of another session has been working since before a real limit. When it finishes, the session reports
/// usage figures from before the limit, but its transcript does not show how old they are.
#[test]
fn undated_figures_from_right_after_a_limit_do_not_make_it_a_false_alarm() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    let on_credits = session_of_login(&sandbox, "on-credits");
    let full = windows(100.0, NOON, 9.0, TUESDAY);
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let old = windows(82.0, NOON, 9.0, TUESDAY);
    other.calls_status_line("2026-11-20T10:00:04Z", old, 120);
    on_credits.sends_prompt("2026-11-20T10:02:00Z", "go on");
    on_credits.works("2026-11-20T10:03:00Z", 10);
    other.calls_status_line("2026-11-20T10:04:00Z", full, 120);
    for at in ["2026-11-20T10:05:00Z", "2026-11-20T10:30:00Z"] {
        let incident = explained(&stopped, at);
        assert_eq!(incident["verdict"], "real", "{at}: {incident:#}");
        assert!(is_blocked(&stopped, at), "{at}");
        let entry = listed(&stopped, at);
        assert_eq!(entry["verdict"], "real", "{at}: {entry:#}");
        assert_eq!(entry["open"], true, "{at}: {entry:#}");
    }
}

/// Usage credits pay for a response in another session. Until a reading shows that the window is still full, whycap
/// mistakes this response for the end of the limit. When the stopped session receives a response after the reset,
/// whycap must not make this mistake again.
#[test]
fn a_refuted_end_does_not_return_after_the_reset() {
    let sandbox = with_a_private_login();
    let [stopped, mut other] = two_sessions_of_login(&sandbox);
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    other.sends_prompt("2026-11-20T10:10:00Z", "go on");
    other.works("2026-11-20T10:10:30Z", 10);
    let incident = explained(&stopped, "2026-11-20T10:11:00Z");
    assert_eq!(incident["open"], false, "{incident:#}");
    other.api_ms += 10_000;
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    other.calls_status_line("2026-11-20T10:25:00Z", full, 120);
    let incident = explained(&stopped, "2026-11-20T10:30:00Z");
    assert_eq!(incident["open"], true, "{incident:#}");
    let entry = listed(&stopped, "2026-11-20T10:31:00Z");
    assert_eq!(entry["open"], true, "{entry:#}");
    stopped.works("2026-11-20T12:05:00Z", 10);
    for at in ["2026-11-20T12:05:30Z", "2026-11-20T12:20:00Z"] {
        let incident = explained(&stopped, at);
        let headline = incident["headline"].to_string();
        assert!(headline.contains("reset at 12:00"), "{at}: {incident:#}");
        let entry = listed(&stopped, at);
        assert_eq!(entry["open"], false, "{at}: {entry:#}");
    }
}

/// `claude -p` or an open session receives a false alarm about usage credits, a spend limit, or the 5-hour limit. Then
/// another session receives a response, or no session does. If the 5-hour limit or the weekly limit is actually reached
/// later, the error remains a false alarm, even if nothing shows how it ended.
#[test]
fn a_limit_reached_later_does_not_prove_an_error_about_credits_real() {
    let bad_request = json!({"error": "invalid_request", "apiErrorStatus": 400});
    let cap = "You've hit your org's monthly spend limit";
    let too_many = json!({"error": "rate_limit", "apiErrorStatus": 429});
    for (text, refusal, model) in [
        (OUT_OF_EXTRA_USAGE, &bad_request, None),
        (
            OUT_OF_EXTRA_USAGE,
            &bad_request,
            Some("claude-opus-5-5[1m]"),
        ),
        (cap, &too_many, None),
        (FIVE_HOUR, &refused("five_hour", NOON, ""), None),
    ] {
        // Each bit of the number is one choice, so all combinations are tested.
        for number in 0..32 {
            let is_of_script = number & 1 > 0;
            let is_answered = number & 2 > 0;
            let is_asked_in_between = number & 4 > 0;
            let (limited_at, reported_at) = [
                ("2026-11-20T10:03:32Z", "2026-11-20T10:03:33Z"),
                ("2026-11-20T10:40:00Z", "2026-11-20T10:40:01Z"),
            ][number >> 3 & 1];
            let (limit, by, resets_at) = [
                (FIVE_HOUR, "five_hour", NOON),
                (WEEKLY, "seven_day", TUESDAY),
            ][number >> 4];
            let case = format!(
                "{text}, {model:?}, {is_of_script} {is_answered} {is_asked_in_between} {limited_at} {by}"
            );
            let sandbox = with_a_private_login();
            let [mut stopped, other] = two_sessions_of_login(&sandbox);
            if let Some(model) = model {
                model.clone_into(&mut stopped.model);
            }
            let before = windows(42.0, NOON, 17.0, TUESDAY);
            let mut refusal = refusal.clone();
            if is_of_script {
                refusal["entrypoint"] = json!("sdk-cli");
                other.calls_status_line("2026-11-20T09:55:30Z", before, 120);
            } else {
                stopped.calls_status_line("2026-11-20T09:55:30Z", before, 120);
            }
            stopped.receives_error(AT, text, &refusal);
            if is_answered {
                other.sends_prompt("2026-11-20T10:00:02Z", "go on");
                other.works("2026-11-20T10:00:04Z", 10);
                let room = windows(45.0, NOON, 17.0, TUESDAY);
                other.calls_status_line("2026-11-20T10:00:05Z", room, 120);
            }
            if is_asked_in_between {
                let incident = explained(&stopped, "2026-11-20T10:02:00Z");
                assert_eq!(incident["verdict"], "false_likely", "{case}: {incident:#}");
            }
            other.receives_error(limited_at, limit, refused(by, resets_at, ""));
            let mut full = windows(45.0, NOON, 17.0, TUESDAY);
            full[by]["used_percentage"] = json!(100.0);
            other.calls_status_line(reported_at, full, 120);
            for at in ["2026-11-20T10:41:00Z", "2026-11-20T10:50:00Z"] {
                let incident = explained(&stopped, at);
                assert_eq!(incident["verdict"], "false_likely", "{case}: {incident:#}");
                let facts = incident["evidence"].to_string();
                assert!(!facts.contains("usage was 100%"), "{case}: {facts}");
                let entry = listed(&stopped, at);
                assert_eq!(entry["verdict"], "false_likely", "{case}: {entry:#}");
                let incident = explained(&other, at);
                assert_eq!(incident["verdict"], "real", "{case}: {incident:#}");
            }
        }
    }
}

/// If a window fills up after a false alarm, it would stop the next prompt. The advice must therefore mention the full
/// window and must not claim that the plan has usage left.
#[test]
fn the_advice_after_a_false_alarm_mentions_a_window_that_is_full_now() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    other.calls_status_line(
        "2026-11-20T09:59:30Z",
        windows(42.0, NOON, 17.0, TUESDAY),
        120,
    );
    let status = json!({"error": "invalid_request", "apiErrorStatus": 400});
    stopped.receives_error(AT, OUT_OF_EXTRA_USAGE, status);
    for (at, is_full) in [
        ("2026-11-20T10:01:00Z", false),
        ("2026-11-20T10:02:00Z", true),
        ("2026-11-20T10:10:00Z", true),
    ] {
        if at == "2026-11-20T10:02:00Z" {
            let full = windows(100.0, NOON, 17.0, TUESDAY);
            other.calls_status_line("2026-11-20T10:01:30Z", full, 120);
        }
        let arguments = ["explain", "--session", &stopped.session];
        let explanation = flat(&stopped.run(at, &arguments, b"").stdout);
        assert!(explanation.contains("false alarm"), "{at}: {explanation}");
        let warns = explanation.contains("one of your plan's limits is also used up");
        assert_eq!(warns, is_full, "{at}: {explanation}");
        let denies = explanation.contains("Do not buy");
        assert_eq!(denies, !is_full, "{at}: {explanation}");
    }
}

/// If the only request of a `claude -p` process failed, the model is unknown, so nothing suggests that the 1M context
/// caused the false alarm.
#[test]
fn a_false_alarm_blames_the_long_context_only_if_the_model_has_it() {
    for (model, is_blamed) in [
        (None, false),
        (Some("claude-opus-5-5"), false),
        (Some("claude-opus-5-5[1m]"), true),
    ] {
        let sandbox = with_a_private_login();
        let [mut stopped, other] = two_sessions_of_login(&sandbox);
        let room = windows(42.0, NOON, 17.0, TUESDAY);
        other.calls_status_line("2026-11-20T09:59:30Z", room.clone(), 120);
        if let Some(model) = model {
            model.clone_into(&mut stopped.model);
            stopped.calls_status_line("2026-11-20T09:59:40Z", room, 120);
        }
        let status = json!({"error": "invalid_request", "apiErrorStatus": 400});
        stopped.receives_error(AT, OUT_OF_EXTRA_USAGE, status);
        // The commands run less than three minutes after the error. After three minutes, the only advice would be to
        // send the prompt again, unless the model has the 1M context.
        let at = "2026-11-20T10:02:30Z";
        let incident = explained(&stopped, at);
        assert_eq!(incident["verdict"], "false_likely", "{incident:#}");
        let arguments = ["explain", "--long", "--session", &stopped.session];
        let explanation = flat(&stopped.run(at, &arguments, b"").stdout);
        assert_eq!(
            explanation.contains("[1m]"),
            is_blamed,
            "{model:?}: {explanation}"
        );
    }
}

/// A weekly window at 90% cannot have filled up within seconds. If another session reaches the weekly limit later, a
/// false alarm about the 5-hour limit must therefore not turn into a real limit, even if the stopped session received
/// no response in between.
#[test]
fn a_weekly_limit_reached_later_does_not_explain_a_false_alarm_at_90_percent() {
    for (reached_at, asked_at) in [
        ("2026-11-20T10:01:20Z", "2026-11-20T10:01:30Z"),
        ("2026-11-20T10:11:00Z", "2026-11-20T10:12:00Z"),
    ] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        let usage = windows(60.0, NOON, 90.0, TUESDAY);
        stopped.calls_status_line("2026-11-20T09:59:51Z", usage.clone(), 120);
        stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
        stopped.calls_status_line(SOON, usage, 120);
        other.receives_error(reached_at, WEEKLY, refused("seven_day", TUESDAY, ""));
        let full = windows(62.0, NOON, 100.0, TUESDAY);
        other.calls_status_line(&reached_at.replace("0Z", "1Z"), full, 120);
        let incident = explained(&stopped, asked_at);
        assert_eq!(
            incident["verdict"], "false_likely",
            "{reached_at}: {incident:#}"
        );
    }
}

/// If a false alarm stops the only request of a headless run, the run does not record its model. A response to a later
/// request in another session still shows that the account works again, and all screens must say so.
#[test]
fn a_later_response_ends_the_false_alarm_of_a_headless_run() {
    let sandbox = with_a_private_login();
    let [interactive, headless, other] =
        ["interactive", "headless", "other"].map(|name| session_of_login(&sandbox, name));
    let usage = windows(42.0, NOON, 17.0, TUESDAY);
    let refusal = json!({"error": "invalid_request", "apiErrorStatus": 400});
    interactive.receives_response("2026-11-20T09:59:00Z");
    interactive.calls_status_line("2026-11-20T09:59:50Z", usage.clone(), 120);
    interactive.receives_error(AT, OUT_OF_EXTRA_USAGE, &refusal);
    interactive.calls_status_line(SOON, usage.clone(), 120);
    let refusal =
        json!({"error": "invalid_request", "apiErrorStatus": 400, "entrypoint": "sdk-cli"});
    headless.sends_prompt("2026-11-20T10:03:58Z", "summarize the readme");
    headless.receives_error("2026-11-20T10:04:00Z", OUT_OF_EXTRA_USAGE, refusal);
    other.sends_prompt("2026-11-20T10:04:07Z", "write a post");
    other.works("2026-11-20T10:04:08Z", 10);
    other.calls_status_line("2026-11-20T10:04:09Z", usage, 120);

    let at = "2026-11-20T10:04:30Z";
    let arguments = ["explain", "--session", &headless.session];
    let explained = flat(&interactive.run(at, &arguments, b"").stdout);
    assert!(
        explained.contains("Another session") || explained.contains("another session"),
        "{explained}"
    );
    assert!(!explained.contains("in a few minutes"), "{explained}");
    let listed = flat(&interactive.run(at, &["incidents"], b"").stdout);
    assert!(!listed.contains("still blocking work"), "{listed}");
    let reply = answer(&other, at);
    assert!(!reply.contains("only one session"), "{reply}");
}

/// Returns the parts of an explanation that must be the same each time the user asks for it.
fn verdict_and_evidence(client: &Client<'_>, at: &str) -> [Value; 4] {
    let incident = explained(client, at);
    ["verdict", "headline", "summary", "evidence"].map(|field| incident[field].clone())
}

/// Simulates an error. Without `has_hook`, only the transcript records it.
fn fails(client: &Client<'_>, at: &str, text: &str, more: &Value, has_hook: bool) {
    if has_hook {
        client.receives_error(at, text, more);
    } else {
        client.append(&client.error_line(at, text, more));
    }
}

/// A headless run is stopped by a limit that another session has reached. Then a response in a third session shows that
/// the window has reset early. The first command after that must give the same answer as all later ones. This must be
/// true even if no hook has stored the error, in which case its end cannot be stored either.
#[test]
fn the_first_command_after_an_early_reset_calls_the_limit_real() {
    for (first_command, has_hook) in [
        (&["explain"][..], true),
        (&["now"], true),
        (&["incidents"], true),
        (&["explain", "--session", "headless"], true),
        (&["explain", "--session", "headless"], false),
        (&["incidents"], false),
    ] {
        let sandbox = with_a_private_login();
        let [stopped, headless, other] =
            ["stopped", "headless", "other"].map(|name| session_of_login(&sandbox, name));
        let mut refusal = refused("five_hour", NOON, "");
        stopped.receives_response("2026-11-20T09:59:00Z");
        stopped.receives_error(AT, FIVE_HOUR, &refusal);
        stopped.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
        refusal["entrypoint"] = json!("sdk-cli");
        headless.sends_prompt("2026-11-20T10:02:00Z", "summarize the readme");
        fails(
            &headless,
            "2026-11-20T10:02:01Z",
            FIVE_HOUR,
            &refusal,
            has_hook,
        );
        other.sends_prompt("2026-11-20T10:05:00Z", "write a post");
        other.works("2026-11-20T10:05:02Z", 10);
        let room = windows(3.0, NOON, 40.0, TUESDAY);
        other.calls_status_line("2026-11-20T10:05:03Z", room, 120);

        let at = "2026-11-20T10:05:10Z";
        let first = flat(&other.run(at, first_command, b"").stdout);
        assert!(!first.contains("false alarm"), "{first}");
        assert!(!first.contains("probably wrong"), "{first}");
        let second = flat(&other.run(at, first_command, b"").stdout);
        assert_eq!(first, second);
        for at in [at, "2026-11-20T10:30:00Z"] {
            let incident = explained(&headless, at);
            assert_eq!(incident["verdict"], "real", "{at}: {incident:#}");
            assert!(
                incident["evidence"].to_string().contains("100%"),
                "{incident:#}"
            );
        }
    }
}

/// A response in another session ends a false alarm. Its figures say nothing about the error, even if only the
/// transcript records the error.
#[test]
fn the_evidence_about_a_false_alarm_stays_the_same_after_its_end() {
    for has_hook in [true, false] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        stopped.receives_response("2026-11-20T09:59:43Z");
        let room = windows(42.0, NOON, 17.0, TUESDAY);
        stopped.calls_status_line("2026-11-20T09:59:44Z", room, 120);
        let refusal = json!({"error": "invalid_request", "apiErrorStatus": 400});
        fails(&stopped, AT, OUT_OF_EXTRA_USAGE, &refusal, has_hook);
        let while_blocked = explained(&stopped, "2026-11-20T10:00:10Z")["evidence"].clone();
        assert!(
            while_blocked.to_string().contains("42%"),
            "{while_blocked:#}"
        );
        other.sends_prompt("2026-11-20T10:00:24Z", "write a post");
        other.works("2026-11-20T10:00:26Z", 10);
        let more = windows(44.0, NOON, 17.0, TUESDAY);
        other.calls_status_line("2026-11-20T10:00:27Z", more, 120);

        let at = "2026-11-20T10:00:40Z";
        let first = verdict_and_evidence(&stopped, at);
        assert!(first[3].to_string().contains("42%"), "{first:#?}");
        assert!(!first[3].to_string().contains("44%"), "{first:#?}");
        for at in [at, "2026-11-20T10:00:50Z", "2026-11-20T10:30:00Z"] {
            assert_eq!(verdict_and_evidence(&stopped, at), first, "{at}");
        }
    }
}

/// The window resets early right after an error about credits. Another session receives a response and reaches a limit
/// minutes later. The first explanation of the error ignored this refusal, so its verdict differed from that of later
/// explanations. If the refusal came more than ten minutes after the response, only the first explanation counted it.
#[test]
fn a_refusal_after_a_response_counts_already_in_the_first_explanation() {
    for minute in ["04", "15"] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        stopped.receives_response("2026-11-20T09:48:20Z");
        let nearly_full = windows(96.0, NOON, 17.0, TUESDAY);
        stopped.calls_status_line("2026-11-20T09:59:40Z", nearly_full, 120);
        let refusal = json!({"error": "invalid_request", "apiErrorStatus": 400});
        stopped.receives_error(AT, OUT_OF_EXTRA_USAGE, refusal);
        other.sends_prompt("2026-11-20T10:00:01Z", "write a post");
        other.works("2026-11-20T10:00:03Z", 10);
        let room = windows(3.0, NOON, 17.0, TUESDAY);
        other.calls_status_line("2026-11-20T10:00:04Z", room, 120);
        other.sends_prompt(&format!("2026-11-20T10:{minute}:02Z"), "shorten it");
        let refusal = refused("five_hour", NOON, "");
        let refused_at = format!("2026-11-20T10:{minute}:03Z");
        other.receives_error(&refused_at, FIVE_HOUR, refusal);

        let at = format!("2026-11-20T10:{minute}:13Z");
        let first = verdict_and_evidence(&stopped, &at);
        assert_eq!(verdict_and_evidence(&stopped, &at), first, "{minute}");
    }
}

/// Another session of the account received a response half an hour after the weekly limit, so the limit was over. A
/// limit that stopped that session hours later does not change this, even if no command ran in between.
#[test]
fn a_refusal_hours_after_a_response_does_not_keep_an_earlier_limit_open() {
    for at in ["2026-11-20T11:00:00Z", "2026-11-20T14:05:00Z"] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        stopped.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
        other.sends_prompt("2026-11-20T10:29:50Z", "write a post");
        other.works("2026-11-20T10:30:00Z", 10);
        if at > "2026-11-20T14:00:00Z" {
            other.sends_prompt("2026-11-20T13:59:50Z", "shorten it");
            let text = "You've hit your 5-hour limit · resets 3pm (UTC)";
            let refusal = refused("five_hour", NOON + 10_800, "");
            other.receives_error("2026-11-20T14:00:00Z", text, refusal);
        }
        let incident = explained(&stopped, at);
        assert_eq!(incident["open"], false, "{at}: {incident:#}");
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
        let code = stopped.run(at, &["explain", "--exit-code"], b"").code;
        assert_eq!(code, 0, "{command:?}: {}", explained.stdout);
        explained.stdout
    });
    assert_eq!(explanations[0], explanations[1]);
    assert_eq!(explanations[0], explanations[2]);
}

/// An open session reported 88%. Three minutes later, the 5-hour limit refused a `claude -p` run. A run reports no
/// figures, so whycap promised an answer within seconds and then called the limit a false alarm because of the 88%.
#[test]
fn an_earlier_reading_does_not_refute_the_limit_of_a_run_without_a_status_line() {
    for (percent, is_false) in [(88.0, false), (20.0, true)] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "max", "admin");
        let [idle, _] = two_sessions_of_login(&sandbox);
        idle.works("2026-11-20T09:57:00Z", 10);
        let usage = windows(percent, NOON, 17.0, TUESDAY);
        idle.calls_status_line("2026-11-20T09:57:01Z", usage, 120);
        let mut refusal = refused("five_hour", NOON, "out_of_credits");
        refusal["entrypoint"] = json!("sdk-cli");
        let headless = session_of_login(&sandbox, "headless");
        headless.receives_error("2026-11-20T10:00:00Z", FIVE_HOUR, refusal);
        for at in ["2026-11-20T10:00:02Z", "2026-11-20T10:00:20Z"] {
            let run = crate::client::run(&sandbox, at, &["explain"], b"", &[]);
            let explained = flat(run.success());
            assert_eq!(explained.contains("false alarm"), is_false, "{explained}");
            assert!(!explained.contains("within seconds"), "{explained}");
            let expected = "Your 5-hour limit is used up; you can continue at 12:00";
            assert_eq!(explained.contains(expected), !is_false, "{explained}");
        }
    }
}

/// An open session reported 88%. Three minutes later, a `claude -p` run received a message about usage credits or a
/// cap, or an old client named the 5-hour limit without recording what the server said. whycap called these messages
/// false alarms because of the 88%, although the window may have filled up since. It is not certain either that they
/// are right.
#[test]
fn an_earlier_reading_does_not_decide_about_a_message_of_a_run_that_does_not_name_the_full_window()
{
    let old = json!({"error": "invalid_request", "apiErrorStatus": 400});
    let out_of_credits = refused("overage", TUESDAY, "out_of_credits");
    let org_cap = refused("overage", TUESDAY, "org_spend_cap_reached");
    for (plan, role, text, refusal) in [
        (
            "max",
            "admin",
            "You're out of usage credits",
            &out_of_credits,
        ),
        (
            "team",
            "user",
            "You're out of usage credits",
            &out_of_credits,
        ),
        ("max", "admin", OUT_OF_EXTRA_USAGE, &old),
        ("max", "admin", FIVE_HOUR, &old),
        ("team", "user", ORG, &org_cap),
        ("max", "admin", ORG, &org_cap),
        (
            "max",
            "admin",
            "You've hit your monthly spend limit",
            &org_cap,
        ),
    ] {
        for (percent, verdict) in [(88.0, "cannot_tell"), (20.0, "false_likely")] {
            let case = format!("{plan} {text} {percent}");
            let sandbox = Sandbox::new();
            Client::logged_in(&sandbox, plan, role);
            let [idle, headless] = two_sessions_of_login(&sandbox);
            idle.works("2026-11-20T09:57:00Z", 10);
            let usage = windows(percent, NOON, 17.0, TUESDAY);
            idle.calls_status_line("2026-11-20T09:57:01Z", usage, 120);
            let mut refusal = refusal.clone();
            refusal["entrypoint"] = json!("sdk-cli");
            headless.receives_error(AT, text, refusal);
            let at = "2026-11-20T10:00:20Z";
            let incident = explained(&headless, at);
            assert_eq!(incident["verdict"], verdict, "{case}: {incident:#}");
            let shown = flat(headless.run(at, &["explain"], b"").success());
            if verdict == "cannot_tell" {
                assert!(!shown.contains("false alarm"), "{case}: {shown}");
                assert!(!shown.contains("Do not buy"), "{case}: {shown}");
                assert!(shown.contains("Check /usage"), "{case}: {shown}");
            }
            if verdict == "cannot_tell" && text != FIVE_HOUR {
                assert!(shown.contains("1. Check /usage 2. "), "{case}: {shown}");
                assert!(
                    shown.contains("send the prompt again; otherwise, "),
                    "{case}: {shown}"
                );
            }
        }
    }
}

/// The server blamed the weekly window of a member, which had room, so the cap was not reached. whycap called the cap
/// real because the 5-hour window may have filled up in the meantime.
#[test]
fn a_window_that_the_server_did_not_blame_does_not_confirm_the_cap_of_a_run() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let [idle, headless] = two_sessions_of_login(&sandbox);
    idle.works("2026-11-20T09:57:00Z", 10);
    let usage = windows(88.0, NOON, 17.0, TUESDAY);
    idle.calls_status_line("2026-11-20T09:57:01Z", usage, 120);
    let mut refusal = refused("seven_day", TUESDAY, "org_spend_cap_reached");
    refusal["entrypoint"] = json!("sdk-cli");
    headless.receives_error(AT, ORG, refusal);
    let incident = explained(&headless, "2026-11-20T10:00:20Z");
    assert_eq!(incident["verdict"], "false_likely", "{incident:#}");
}

/// A session used fast mode or the 1M context. Later, a `claude -p` run resumed it and was refused because no usage credits were
/// left. Another session had reported 85% three minutes earlier, so whycap said to check /usage and to send the prompt again,
/// which fails again unless the user turns fast mode off or chooses another model.
#[test]
fn fast_mode_and_the_long_context_need_credits_even_if_the_window_may_have_filled_up() {
    let out_of_credits = refused("overage", TUESDAY, "out_of_credits");
    let org_cap = refused("overage", TUESDAY, "org_spend_cap_reached");
    let turn_off = "1. Turn off fast mode";
    let choose = "Choose the model without [1m]";
    for (plan, role, text, refusal, is_fast, step) in [
        (
            "max",
            "admin",
            "You're out of usage credits",
            &out_of_credits,
            true,
            turn_off,
        ),
        (
            "max",
            "admin",
            "You're out of usage credits",
            &out_of_credits,
            false,
            choose,
        ),
        (
            "team",
            "user",
            "You're out of usage credits",
            &out_of_credits,
            false,
            choose,
        ),
        ("team", "user", ORG, &org_cap, true, turn_off),
    ] {
        let case = format!("{plan} {text} {is_fast}");
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, plan, role);
        let [mut resumed, idle] = two_sessions_of_login(&sandbox);
        if is_fast {
            let usage = windows(80.0, NOON, 17.0, TUESDAY);
            resumed.calls_status_line_in_fast_mode("2026-11-20T09:50:00Z", &usage);
        } else {
            "claude-opus-5-5[1m]".clone_into(&mut resumed.model);
            let usage = windows(80.0, NOON, 17.0, TUESDAY);
            resumed.calls_status_line("2026-11-20T09:50:00Z", usage, 120);
        }
        idle.works("2026-11-20T09:57:00Z", 10);
        let usage = windows(85.0, NOON, 17.0, TUESDAY);
        idle.calls_status_line("2026-11-20T09:57:01Z", usage, 120);
        let mut refusal = refusal.clone();
        refusal["entrypoint"] = json!("sdk-cli");
        resumed.receives_error(AT, text, refusal);
        let at = "2026-11-20T10:00:20Z";
        let shown = flat(resumed.run(at, &["explain"], b"").success());
        assert!(shown.contains(step), "{case}: {shown}");
        // The window may have filled up since the reading.
        for part in ["has room", "still has", "Do not buy"] {
            assert!(!shown.contains(part), "{case}: {part}: {shown}");
        }
    }
}

/// The run of a member was refused with the organization's cap. whycap called the cap real if a window had been at 92% three
/// minutes earlier, but not if it had been at 88%. In both cases, nothing shows that the window was full.
#[test]
fn a_cap_of_a_run_is_doubtful_at_each_usage_below_a_full_window() {
    for percent in [85.0, 88.0, 90.0, 92.0, 96.0] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "team", "user");
        let [idle, headless] = two_sessions_of_login(&sandbox);
        idle.works("2026-11-20T09:57:00Z", 10);
        let usage = windows(percent, NOON, 17.0, TUESDAY);
        idle.calls_status_line("2026-11-20T09:57:01Z", usage, 120);
        let mut refusal = refused("overage", TUESDAY, "org_spend_cap_reached");
        refusal["entrypoint"] = json!("sdk-cli");
        headless.receives_error(AT, ORG, refusal);
        let at = "2026-11-20T10:00:20Z";
        let incident = explained(&headless, at);
        assert_eq!(
            incident["verdict"], "cannot_tell",
            "{percent}: {incident:#}"
        );
        let shown = flat(headless.run(at, &["explain"], b"").success());
        assert!(shown.contains("1. Check /usage"), "{percent}: {shown}");
    }
}
