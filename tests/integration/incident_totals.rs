//! Tests the summary at the top of `whycap incidents`: how often and how long limits stopped work, and how many were
//! false alarms.

use serde_json::{Value, json};

use crate::client::{Client, rfc3339, windows};
use crate::histories::with_history;
use crate::situation::flat;
use crate::support::{Run, Sandbox};

const FIVE_HOURS: &str = "You've hit your 5-hour limit · resets 12pm (UTC)";
/// 2026-11-20 12:00 UTC.
const NOON: i64 = 1_795_176_000;

fn sums_at(sandbox: &Sandbox, at: &str) -> Value {
    let run = Client::new(sandbox).run(at, &["incidents", "--json"], b"");
    run.json()["sums"].clone()
}

fn report_at(sandbox: &Sandbox, at: &str) -> String {
    let run = Client::new(sandbox).run(at, &["incidents"], b"");
    run.success().to_owned()
}

#[test]
fn blocked_time_ends_at_the_first_response_or_the_reset() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "user");
    let early = Client::with_session(&sandbox, "early");
    early.receives_error("2026-11-18T10:00:00Z", FIVE_HOURS, json!({}));
    // The user bought credits at this point.
    early.receives_response("2026-11-18T10:30:00Z");
    early.receives_response("2026-11-18T11:45:00Z");
    let late = Client::with_session(&sandbox, "late");
    late.receives_error("2026-11-19T10:00:00Z", FIVE_HOURS, json!({}));
    // The time between the reset and the next response does not count as blocked.
    late.receives_response("2026-11-20T08:00:00Z");
    let sums = sums_at(&sandbox, "2026-11-20T09:00:00Z");
    assert_eq!(sums["blocked_s"], 30 * 60 + 2 * 3_600, "{sums:#}");
    assert_eq!(
        (&sums["errors"], &sums["unknown_end"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(sums["since"], "2026-11-18T10:00:00Z");
}

#[test]
fn hours_in_which_two_sessions_were_blocked_count_once() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "user");
    for (session, at) in [
        ("one", "2026-11-20T10:00:00Z"),
        ("two", "2026-11-20T11:00:00Z"),
    ] {
        Client::with_session(&sandbox, session).receives_error(at, FIVE_HOURS, json!({}));
    }
    let now = sums_at(&sandbox, "2026-11-20T11:30:00Z");
    assert_eq!(
        (&now["blocked_s"], &now["still_blocked"]),
        (&json!(5_400), &json!(1)),
        "{now:#}"
    );
    let later = sums_at(&sandbox, "2026-11-20T18:00:00Z");
    assert_eq!(
        (&later["blocked_s"], &later["still_blocked"]),
        (&json!(7_200), &json!(0))
    );
    assert_eq!(later["by_limit"][0]["limit"], "five_hour");
    assert_eq!(later["by_limit"][0]["blocked_s"], 7_200);
    let text = report_at(&sandbox, "2026-11-20T18:00:00Z");
    assert!(
        text.starts_with(
            "Limits have stopped your work once since Fri Nov 20, for a total of 2 h.\n"
        ),
        "{text}"
    );
}

fn receive_empty_balance_error(sandbox: &Sandbox) {
    let refusal = json!({"error": "billing_error", "apiErrorStatus": 400});
    let client = Client::with_session(sandbox, "two");
    client.receives_error("2026-11-20T10:01:00Z", "Credit balance is too low", refusal);
}

/// The reader must see whether the total includes the time of a stop that is not over.
#[test]
fn a_note_says_whether_the_time_of_an_active_stop_is_included() {
    let at = "2026-11-20T10:05:00Z";

    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "user");
    Client::with_session(&sandbox, "one").receives_error(
        "2026-11-20T10:00:00Z",
        FIVE_HOURS,
        json!({}),
    );
    let text = flat(&report_at(&sandbox, at));
    let included =
        "1 stop is still blocking work. Its blocked time up to now is included in the totals.";
    assert!(text.contains(included), "{text}");
    receive_empty_balance_error(&sandbox);
    let text = flat(&report_at(&sandbox, at));
    let mixed = "2 stops are still blocking work. The totals include the blocked time of 1 of them up to now, but not that of the other one after its last error, because whycap does not know when it ends.";
    assert!(text.contains(mixed), "{text}");

    let sandbox = Sandbox::new();
    receive_empty_balance_error(&sandbox);
    let text = flat(&report_at(&sandbox, at));
    let not_included = "1 stop is still blocking work. Its blocked time after its last error is not included in the totals, because whycap does not know when it ends.";
    assert!(text.contains(not_included), "{text}");
}

/// The end of a stop is unknown, but the time between its attempts is included in the total.
#[test]
fn a_note_on_an_active_stop_does_not_deny_the_time_between_its_attempts() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let refusal = json!({"error": "billing_error", "apiErrorStatus": 400});
    for at in ["2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"] {
        client.receives_error(at, "Credit balance is too low", &refusal);
    }
    let text = flat(&report_at(&sandbox, "2026-11-20T11:05:00Z"));
    assert!(text.contains("for a total of 1 h"), "{text}");
    let note = "1 stop is still blocking work. Its blocked time after its last error is not included in the totals, because whycap does not know when it ends.";
    assert!(text.contains(note), "{text}");
}

/// The message of the second attempt does not mention the reset, but that of the first one does, so the time up to now
/// is included.
#[test]
fn the_time_of_an_active_stop_is_included_if_an_earlier_attempt_states_its_reset() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "user");
    for (session, at, text) in [
        ("one", "2026-11-20T10:00:00Z", FIVE_HOURS),
        ("two", "2026-11-20T10:30:00Z", "5-hour limit reached"),
        ("three", "2026-11-20T10:40:00Z", "5-hour limit reached"),
    ] {
        Client::with_session(&sandbox, session).receives_error(at, text, json!({}));
    }
    let text = flat(&report_at(&sandbox, "2026-11-20T11:00:00Z"));
    assert!(text.contains("for a total of 1 h"), "{text}");
    let note =
        "1 stop is still blocking work. Its blocked time up to now is included in the totals.";
    assert!(text.contains(note), "{text}");
}

/// If only an outage stopped the work, the summary must not call it a limit.
#[test]
fn a_summary_of_outages_does_not_mention_limits() {
    let sandbox = Sandbox::new();
    let status = json!({"apiErrorStatus": 529});
    Client::new(&sandbox).receives_error(
        "2026-11-20T10:00:00Z",
        "API Error: 529 Overloaded",
        status,
    );
    let text = report_at(&sandbox, "2026-11-20T10:05:00Z");
    let heading = "Errors have stopped your work once since Fri Nov 20. The error was not about";
    assert!(text.starts_with(heading), "{text}");
}

/// The empty balance of a key that the user did not mean to use is not one of the user's limits.
#[test]
fn an_empty_key_does_not_count_as_a_limit() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "pro", "admin");
    let mut client = Client::new(&sandbox);
    let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-x".to_owned());
    client.variables.push(key);
    let refusal = json!({"error": "billing_error", "apiErrorStatus": 400});
    client.receives_error("2026-11-20T10:00:00Z", "Credit balance is too low", refusal);
    let text = report_at(&sandbox, "2026-11-20T10:05:00Z");
    let heading = "Errors have stopped your work once since Fri Nov 20. The error was not about\nyour limits.";
    assert!(text.starts_with(heading), "{text}");
}

#[test]
fn an_unknown_end_is_reported_and_not_guessed() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(
        "2026-11-19T10:00:00Z",
        "API Error: 529 Overloaded.",
        json!({"apiErrorStatus": 529}),
    );
    // The user returned in the morning, long after the service had recovered.
    client.receives_response("2026-11-20T07:00:00Z");
    client.receives_error(
        "2026-11-20T08:00:00Z",
        "API Error: 529 Overloaded.",
        json!({"apiErrorStatus": 529}),
    );
    client.receives_response("2026-11-20T08:04:00Z");
    let sums = sums_at(&sandbox, "2026-11-20T09:00:00Z");
    assert_eq!(
        (&sums["blocked_s"], &sums["unknown_end"]),
        (&json!(240), &json!(1)),
        "{sums:#}"
    );
    let text = report_at(&sandbox, "2026-11-20T09:00:00Z");
    assert!(
        text.contains("whycap does not know when 1 stop ended"),
        "{text}"
    );
}

#[test]
fn a_second_refusal_replaces_the_first() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error("2026-11-20T10:00:00Z", FIVE_HOURS, json!({}));
    client.receives_error("2026-11-20T11:00:00Z", FIVE_HOURS, json!({}));
    client.receives_response("2026-11-20T11:20:00Z");
    let sums = sums_at(&sandbox, "2026-11-20T13:00:00Z");
    assert_eq!(
        (&sums["errors"], &sums["blocked_s"]),
        (&json!(2), &json!(4_800)),
        "{sums:#}"
    );
}

#[test]
fn a_false_limit_stays_false_after_the_readings_are_deleted() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = Client::new(&sandbox);
    let usage = windows(42.0, NOON, 22.0, NOON + 300_000);
    client.calls_status_line("2026-11-20T09:59:50Z", usage.clone(), 160);
    client.receives_error("2026-11-20T10:00:00Z", FIVE_HOURS, json!({}));
    client.calls_status_line("2026-11-20T10:00:05Z", usage.clone(), 160);
    client.receives_response("2026-11-20T10:05:00Z");
    client.calls_status_line("2026-11-20T10:05:01Z", usage, 160);
    assert_eq!(sums_at(&sandbox, "2026-11-20T10:06:00Z")["false_likely"], 1);
    let journal = ".local/share/whycap/journal/2026-11.jsonl";
    let lines: Vec<String> = sandbox
        .read(journal)
        .lines()
        .filter(|line| !line.starts_with("{\"reading\":"))
        .map(str::to_owned)
        .collect();
    sandbox.write(journal, lines.join("\n"));
    let sums = sums_at(&sandbox, "2027-02-20T10:06:00Z");
    assert_eq!(
        (&sums["false_likely"], &sums["blocked_s"]),
        (&json!(1), &json!(300)),
        "{sums:#}"
    );
}

/// If two sessions receive the same false alarm, the table counts one stop, so the list marks only one entry as a false
/// alarm. The list said "still blocked", while `explain` said that the next prompt may work.
#[test]
fn the_list_marks_as_many_false_alarms_as_the_table_counts() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let usage = windows(42.0, NOON, 22.0, NOON + 300_000);
    for (session, second) in [("one", 0), ("two", 20)] {
        let client = Client::with_session(&sandbox, session);
        let error_time = NOON - 7_200 + second;
        let [before, at, after] = [-10, 0, 5].map(|offset| rfc3339(error_time + offset));
        client.calls_status_line(&before, usage.clone(), 160);
        client.receives_error(&at, FIVE_HOURS, json!({}));
        client.calls_status_line(&after, usage.clone(), 160);
    }
    let text = report_at(&sandbox, "2026-11-20T10:01:00Z");
    let mark = "(probably a false alarm)";
    assert_eq!(text.matches(mark).count(), 1, "{text}");
    assert_eq!(
        text.matches("(same false alarm as the entry above)")
            .count(),
        1,
        "{text}"
    );

    for session in ["one", "two"] {
        Client::with_session(&sandbox, session).receives_response("2026-11-20T10:05:00Z");
    }
    let text = report_at(&sandbox, "2026-11-20T10:06:00Z");
    assert_eq!(sums_at(&sandbox, "2026-11-20T10:06:00Z")["false_likely"], 1);
    let mark = "(over, probably a false alarm)";
    assert_eq!(text.matches(mark).count(), 1, "{text}");
    assert_eq!(
        text.matches("(over, same false alarm as the entry above)")
            .count(),
        1,
        "{text}"
    );
}

/// If the end of the first error is unknown, that error may still have blocked work when the second error occurred. The
/// second error must count as a false alarm anyway.
#[test]
fn a_false_alarm_during_an_unclear_stop_counts_as_a_false_alarm() {
    const EXTRA_USAGE: &str = "API Error: 400 You're out of extra usage. Add more at claude.ai/settings/usage and keep going.";
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let refusal = json!({"error": "invalid_request", "apiErrorStatus": 400});
    let first = Client::with_session(&sandbox, "one");
    first.receives_error("2026-11-20T10:00:00Z", EXTRA_USAGE, &refusal);
    let second = Client::with_session(&sandbox, "two");
    let usage = windows(4.0, NOON, 22.0, NOON + 300_000);
    second.calls_status_line("2026-11-20T10:19:50Z", usage.clone(), 160);
    second.receives_error("2026-11-20T10:20:00Z", EXTRA_USAGE, &refusal);
    second.calls_status_line("2026-11-20T10:20:05Z", usage, 160);
    let at = "2026-11-20T10:21:00Z";
    let text = report_at(&sandbox, at);
    assert!(text.contains("1 was probably a false alarm"), "{text}");
    assert_eq!(text.matches("probably a false alarm)").count(), 1, "{text}");
    let sums = sums_at(&sandbox, at);
    assert_eq!(
        (&sums["stops"], &sums["false_likely"]),
        (&json!(2), &json!(1))
    );
}

/// In a narrow terminal, the column names are shortened, so that the names of the limits remain readable.
#[test]
fn the_table_names_the_limits_in_a_narrow_terminal() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    for (at, text) in [
        ("2026-11-18T10:00:00Z", FIVE_HOURS),
        (
            "2026-11-19T10:00:00Z",
            "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage",
        ),
    ] {
        client.receives_error(at, text, json!({}));
        client.receives_response(&at.replace("T10", "T11"));
    }
    let mut command = sandbox.command(&["incidents"]);
    let run = Run::of(command.env("COLUMNS", "50"), b"");
    let text = run.success();
    for name in ["5-hour limit ", "your spend cap "] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{text}");
    }
    let heading = text.lines().find(|line| line.starts_with("limit "));
    assert_eq!(
        heading,
        Some("limit           hits  wrong  blocked"),
        "{text}"
    );
}

#[test]
fn a_long_period_is_grouped_by_month() {
    let sandbox = Sandbox::new();
    for (session, at) in [
        ("a", "2026-05-04T10:00:00Z"),
        ("b", "2026-05-29T10:00:00Z"),
        ("c", "2026-11-02T10:00:00Z"),
    ] {
        Client::with_session(&sandbox, session).receives_error(at, FIVE_HOURS, json!({}));
    }
    let report = report_at(&sandbox, "2026-11-20T18:00:00Z");
    let text = report
        .split("\n\n")
        .take(4)
        .collect::<Vec<_>>()
        .join("\n\n");
    let expected = [
        "Limits have stopped your work 3 times since Mon May 4, for a total of 6 h.",
        "",
        "limit         times hit  probably wrong  time blocked",
        "5-hour limit          3               -           6 h",
        "",
        "month    times hit  probably wrong  time blocked",
        "2026-05          2               -           4 h",
        "2026-11          1               -           2 h",
        "",
        "Blocked time runs from an error to the next response in any session with the",
        "same account or key, or to the reset, whichever comes first. Nights are",
        "included. Time when several limits block you at once is counted only once.",
    ];
    assert_eq!(text.trim_end(), expected.join("\n"));
}

#[test]
fn warnings_do_not_count_as_stops() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "You've used 91% of your weekly limit · resets Nov 23, 9am (UTC)",
        json!({}),
    );
    let sums = sums_at(&sandbox, "2026-11-20T18:00:00Z");
    assert_eq!(sums["errors"], 0, "{sums:#}");
    assert!(!report_at(&sandbox, "2026-11-20T18:00:00Z").contains("since"));
}

fn counted_errors(sandbox: &Sandbox) -> Option<u64> {
    let output = sandbox.run(&["incidents", "--json"]).json();
    output["sums"]["errors"].as_u64()
}

/// If a history is copied or its directory is configured twice, its errors must still count only once.
#[test]
fn errors_of_a_copied_session_count_once() {
    let (home, _) = with_history("forks-of-forks");
    assert_eq!(counted_errors(&home), Some(1));
    let from = home.path(".claude/projects");
    home.copy_tree(&from, "copied/projects");
    let both = [".claude", "copied"].map(|name| home.path(name).display().to_string());
    let sandbox = home.variable("CLAUDE_CONFIG_DIR", both.join(","));
    assert_eq!(counted_errors(&sandbox), Some(1));
}

/// `incidents` counts an incident as still blocking if and only if `explain` does.
#[test]
fn active_stops_match_the_blocking_limits() {
    let balance = ("Credit balance is too low", "billing_error", 400);
    let overloaded = ("API Error: 529 Overloaded.", "server_error", 529);
    for ((text, class, status), at, still, expected_text) in [
        (balance, "2026-11-21T12:00:00Z", 1, "since Fri Nov 20.\n"),
        (
            overloaded,
            "2026-11-20T10:01:00Z",
            1,
            "The error was not about",
        ),
        (
            overloaded,
            "2026-11-20T10:10:00Z",
            0,
            "The error was not about",
        ),
    ] {
        let sandbox = Sandbox::new();
        let client = Client::new(&sandbox);
        let more = json!({"apiErrorStatus": status, "error": class});
        client.receives_error("2026-11-20T10:00:00Z", text, more);
        let run = client.run(at, &["explain", "--exit-code"], b"");
        assert_eq!(run.code != 0, still == 1, "{text} at {at}");
        assert_eq!(
            sums_at(&sandbox, at)["still_blocked"],
            still,
            "{text} at {at}"
        );
        assert!(
            report_at(&sandbox, at).contains(expected_text),
            "{}",
            report_at(&sandbox, at)
        );
    }
}

/// Returns the row of the weekly limit in a report, or the whole report if there is none.
fn weekly_row(report: &str) -> String {
    let row = report.lines().find(|line| line.starts_with("weekly limit"));
    flat(row.unwrap_or(report))
}

/// If a limit's time is not counted, the table must give the reason. Otherwise, the limit would seem not to have
/// blocked any work.
#[test]
fn a_limit_without_a_time_says_why() {
    let weekly = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
    let five_hour = "You've hit your 5-hour limit · resets 12pm (UTC)";
    let note =
        "\"overlap\": all of the time is already counted for a limit that was reached earlier.";

    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error("2026-11-20T10:00:00Z", five_hour, json!({}));
    let other = Client::with_session(&sandbox, "other");
    other.receives_error("2026-11-20T10:05:00Z", weekly, json!({}));
    // Real clocks rarely show whole seconds.
    for at in ["2026-11-20T10:40:00.400Z", "2026-11-20T11:10:00Z"] {
        let text = report_at(&sandbox, at);
        assert_eq!(
            weekly_row(&text),
            "weekly limit 1 - overlap",
            "{at}: {text}"
        );
        assert!(flat(&text).contains(note), "{text}");
        if at.contains("10:40") {
            other.receives_response("2026-11-20T11:00:00.400Z");
        }
    }

    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error("2026-11-20T09:00:00Z", five_hour, json!({}));
    client.receives_response("2026-11-20T09:40:00Z");
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "You've hit your weekly limit",
        json!({}),
    );
    for at in ["2026-11-20T10:40:00Z", "2026-12-04T07:00:00Z"] {
        let text = report_at(&sandbox, at);
        assert_eq!(
            weekly_row(&text),
            "weekly limit 1 - unknown",
            "{at}: {text}"
        );
        assert!(!text.contains("overlap\""), "{text}");
    }
}

/// The weekly limit has two errors. All of the first error's time is already counted for the 5-hour limit, but the end
/// of the second error is unknown. The row of the weekly limit must therefore not say that all of its time is counted
/// elsewhere.
#[test]
fn an_error_with_an_unknown_end_is_not_counted_elsewhere() {
    for (unknown, now) in [
        ("2026-10-05T10:00:00Z", "2026-11-20T12:30:00Z"),
        ("2026-12-01T10:00:00Z", "2026-12-01T12:30:00Z"),
    ] {
        let sandbox = Sandbox::new();
        let client = Client::new(&sandbox);
        let five_hour = "You've hit your 5-hour limit · resets 12pm (UTC)";
        client.receives_error("2026-11-20T10:00:00Z", five_hour, json!({}));
        let other = Client::with_session(&sandbox, "other");
        let weekly = "You've hit your weekly limit · resets 11am (UTC)";
        other.receives_error("2026-11-20T10:05:00Z", weekly, json!({}));
        let third = Client::with_session(&sandbox, "third");
        third.receives_error(unknown, "You've hit your weekly limit", json!({}));
        let text = report_at(&sandbox, now);
        assert_eq!(weekly_row(&text), "weekly limit 2 - unknown", "{text}");
        assert!(!text.contains("overlap\""), "{text}");
    }
}

/// Records that an attempt of a request failed, and how long the client waits until the next one.
fn record_failed_attempt(client: &Client<'_>, at: &str, attempt: u32, wait_ms: u32) {
    client.append(&json!({
        "type": "system", "subtype": "api_error", "level": "error", "uuid": at, "timestamp": at,
        "sessionId": "one", "version": "2.1.5", "retryAttempt": attempt, "retryInMs": wait_ms,
        "maxRetries": 10, "error": {"status": 529},
    }));
}

/// If a request fails despite retries, the time that the user waited for it ends with the error, not with the response
/// to the next request.
#[test]
fn the_wait_for_a_retried_request_ends_with_its_error() {
    let sandbox = Sandbox::new();
    let client = Client::with_session(&sandbox, "one");
    client.receives_response("2026-11-20T09:59:00Z");
    record_failed_attempt(&client, "2026-11-20T10:00:00Z", 1, 500);
    record_failed_attempt(&client, "2026-11-20T10:00:10Z", 2, 30_000);
    let text = r#"API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    client.receives_error("2026-11-20T10:00:45Z", text, json!({}));
    record_failed_attempt(&client, "2026-11-20T10:01:00Z", 1, 500);
    client.receives_response("2026-11-20T10:01:20Z");

    let run = client.run("2026-11-20T10:30:00Z", &["incidents", "--json"], b"");
    assert_eq!(
        run.json()["sums"]["retries"],
        json!({"requests": 2, "attempts": 3, "waited_s": 45 + 20})
    );
}

/// The duration of a stop is known if the end of its first error is known, even if the ends of its other errors are
/// not.
#[test]
fn a_stop_with_a_known_end_is_not_reported_as_unknown() {
    const EXTRA_USAGE: &str = "API Error: 400 You're out of extra usage. Add more at claude.ai/settings/usage and keep going.";
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let refusal = json!({"error": "invalid_request", "apiErrorStatus": 400});
    let usage = windows(42.0, NOON, 22.0, NOON + 300_000);
    let first = Client::with_session(&sandbox, "one");
    first.receives_response("2026-11-20T09:59:00Z");
    first.calls_status_line("2026-11-20T09:59:50Z", usage.clone(), 160);
    first.receives_error("2026-11-20T10:00:00Z", EXTRA_USAGE, &refusal);
    first.calls_status_line("2026-11-20T10:00:05Z", usage, 160);

    // The response arrives at the same moment as the second error, so it does not show that the second error is over.
    let second = Client::with_session(&sandbox, "two");
    second.receives_error("2026-11-20T10:04:00Z", EXTRA_USAGE, &refusal);
    first.sends_prompt("2026-11-20T10:03:58Z", "again");
    first.receives_response("2026-11-20T10:04:00Z");
    let at = "2026-11-20T11:00:00Z";
    let sums = sums_at(&sandbox, at);
    assert_eq!(
        (&sums["stops"], &sums["blocked_s"], &sums["unknown_end"]),
        (&json!(1), &json!(240), &json!(0)),
        "{sums:#}"
    );
    let text = report_at(&sandbox, at);
    assert!(!text.contains("does not know when"), "{text}");
}

/// Fractions of a second must not add up to a second that no row of the table shows.
#[test]
fn the_total_is_the_sum_of_the_rows() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "user");
    let client = Client::new(&sandbox);
    client.receives_error("2026-11-20T10:00:00.000Z", FIVE_HOURS, json!({}));
    client.receives_response("2026-11-20T10:00:26.600Z");
    let weekly = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
    client.receives_error("2026-11-20T10:10:00.000Z", weekly, json!({}));
    client.receives_response("2026-11-20T10:10:05.600Z");
    let sums = sums_at(&sandbox, "2026-11-20T10:20:00Z");
    let of_rows: Vec<i64> = sums["by_limit"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["blocked_s"].as_i64().unwrap())
        .collect();
    assert_eq!(of_rows, [26, 5]);
    assert_eq!(sums["blocked_s"], 31, "{sums:#}");
}
