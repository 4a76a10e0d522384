//! Tests when the status line shows additional rows about an error and whether these rows fit into the terminal.

use serde_json::{Value, json};

use crate::client::{Client, windows};
use crate::situation::{
    NOON, TUESDAY, answer, flat, refused, session_of_login, with_a_private_login,
};
use crate::support::Sandbox;

const AT: &str = "2026-11-20T10:00:00Z";
const TEXT: &str = "You've hit your 5-hour limit · resets 12pm (UTC)";
const ORG: &str = "You've hit your org's monthly spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets 12pm (UTC)";

fn plain(text: &str) -> String {
    whycap::terminal::strip_ansi(text)
}

#[test]
fn rows_fit_and_there_are_at_most_three() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let client = Client::new(&sandbox);
    let quota = json!({"quotaLimits": {"rateLimitType": "five_hour", "resetsAt": 1_795_176_000, "overageDisabledReason": "org_level_disabled_until"}});
    client.receives_error(AT, ORG, quota);
    for columns in [1, 20, 40, 80, 120, 160, 400] {
        let status_line = plain(
            client
                .calls_status_line("2026-11-20T10:00:01Z", Value::Null, columns)
                .success(),
        );
        let rows: Vec<&str> = status_line.lines().collect();
        assert!(rows.len() <= 4, "{columns} columns: {rows:?}");
        for row in rows.iter().skip(1) {
            assert!(
                whycap::terminal::width(row) <= columns,
                "{columns} columns: {row}"
            );
        }
    }
    let narrow = plain(
        client
            .calls_status_line("2026-11-20T10:00:01Z", Value::Null, 60)
            .success(),
    );
    assert!(
        narrow.contains("org's spend cap") && narrow.contains("resets at 12:00"),
        "{narrow}"
    );
}

/// Returns the rows below the status line.
fn rows(client: &Client<'_>, at: &str, columns: usize) -> Vec<String> {
    let run = client.calls_status_line(at, Value::Null, columns);
    plain(run.success())
        .lines()
        .skip(1)
        .map(str::to_owned)
        .collect()
}

/// Returns the first row below the status line, in a terminal with 120 columns.
fn first_row(client: &Client<'_>, at: &str) -> String {
    let mut rows = rows(client, at, 120).into_iter();
    rows.next().unwrap_or_default()
}

/// The rows show what happened, when the limit ends, what to do, and where to find more information.
#[test]
fn the_rows_state_what_to_do() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "user");
    let client = Client::new(&sandbox);
    let quota = json!({"quotaLimits": {"status": "rejected", "rateLimitType": "five_hour", "resetsAt": 1_795_176_000}});
    client.receives_error(AT, TEXT, quota);
    let at = "2026-11-20T10:00:02Z";
    let rows_at_80_columns = rows(&client, at, 80);
    assert_eq!(
        rows_at_80_columns.join("\n").trim_end(),
        [
            r"5-hour limit · resets at 12:00 · more: /whycap",
            r"Leave the session open; unless you pressed Esc, it will continue about 12:01"
        ]
        .join("\n")
    );
    assert_eq!(rows(&client, at, 120), rows_at_80_columns);
    for (columns, row) in [
        (50, "Unless you hit Esc, it continues about 12:01"),
        (40, "Unless canceled, resumes about 12:01"),
    ] {
        let text = rows(&client, at, columns).join("\n");
        assert!(text.starts_with("5-hour limit · resets at 12:00"), "{text}");
        assert!(text.trim_end().ends_with(row), "{text}");
    }
    // In a very narrow terminal, the time is the last part to be left out.
    let text = rows(&client, at, 22).join("\n");
    assert!(text.starts_with("5-hour… · 12:00"), "{text}");
}

/// A weekly limit resets on another day, so its row is longer.
#[test]
fn the_row_of_a_weekly_limit_has_the_same_form() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "user");
    let client = Client::new(&sandbox);
    let quota = json!({"quotaLimits": {"status": "rejected", "rateLimitType": "seven_day", "resetsAt": 1_795_240_800}});
    client.receives_error(
        AT,
        "You've hit your weekly limit · resets Nov 21, 6am (UTC)",
        quota,
    );
    client.append(&json!({
        "type": "user", "timestamp": "2026-11-20T10:00:20Z",
        "message": {"role": "user", "content": "<local-command-stdout>Claude Code will continue automatically at Nov 21, 6am. Keep this session open; it may still pause for permission prompts.</local-command-stdout>"},
    }));
    let line = client.calls_status_line("2026-11-20T10:00:22Z", Value::Null, 80);
    let line = plain(line.success());
    assert!(
        line.trim_end().ends_with(
            "Leave it open; unless you pressed Esc, it continues about Sat Nov 21 06:01"
        ),
        "{line}"
    );
}

/// In a terminal with 24 to 33 columns, the row said only "Tue Nov 24 06:00", "no usag… · resets at 12:00", or "false alarm?
/// 5-hour…".
#[test]
fn a_very_narrow_terminal_shows_what_happened_and_until_when() {
    let weekly = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
    let credits = "You're out of usage credits · resets 12pm (UTC)";
    let full = || windows(100.0, 1_795_176_000, 40.0, 1_795_500_000);
    let full_week = || windows(50.0, 1_795_176_000, 100.0, 1_795_500_000);
    let room = || windows(42.0, 1_795_176_000, 40.0, 1_795_500_000);
    for (text, usage, columns, expected) in [
        (
            weekly,
            full_week(),
            30,
            ["weekly limit", "resets Tue Nov 24 06:00"],
        ),
        (
            weekly,
            full_week(),
            24,
            ["weekly limit", "Tue Nov 24 06:00"],
        ),
        (
            credits,
            full(),
            32,
            ["no usage credits left", "resets at 12:00"],
        ),
        (TEXT, room(), 28, ["false alarm? 5-hour", "usage 42%"]),
    ] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "max", "user");
        let client = Client::new(&sandbox);
        client.receives_error(AT, text, json!({"apiErrorStatus": 429}));
        let run = client.calls_status_line("2026-11-20T10:00:30Z", usage, columns);
        let line = plain(run.success());
        let rows: Vec<&str> = line.lines().skip(1).map(str::trim_end).collect();
        assert_eq!(rows.get(..2), Some(&expected[..]), "{columns}: {line}");
    }
}

#[test]
fn incident_rows_disappear_when_the_session_works_again() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(AT, TEXT, json!({}));
    assert!(
        client
            .calls_status_line("2026-11-20T10:00:01Z", Value::Null, 120)
            .success()
            .contains("5-hour limit")
    );
    client.receives_response("2026-11-20T10:30:00Z");
    assert!(
        !client
            .calls_status_line("2026-11-20T10:30:01Z", Value::Null, 120)
            .success()
            .contains("limit")
    );
    // The rows must not reappear after the transcript has been deleted.
    std::fs::remove_file(client.transcript()).unwrap();
    assert!(
        !client
            .calls_status_line("2026-11-20T10:30:02Z", Value::Null, 120)
            .success()
            .contains("limit")
    );
}

#[test]
fn one_quiet_row_remains_after_the_reset() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(AT, TEXT, json!({}));
    let status_line = plain(
        client
            .calls_status_line("2026-11-20T12:00:01Z", Value::Null, 120)
            .success(),
    );
    assert_eq!(status_line.lines().count(), 2, "{status_line}");
    assert!(
        status_line.contains("limit should have reset"),
        "{status_line}"
    );
}

/// Returns the row of a limit whose reset has passed, for a version of Claude Code.
fn row_after_reset(version: &str, at: &str, columns: usize) -> String {
    let sandbox = Sandbox::new();
    let mut client = Client::new(&sandbox);
    version.clone_into(&mut client.version);
    client.receives_error(AT, TEXT, json!({}));
    let mut rows = rows(&client, at, columns).into_iter();
    rows.next().unwrap_or_default()
}

/// Since version 2.1.234, clients continue automatically shortly after the reset. Until then, whycap must not tell the
/// user to send the prompt again.
#[test]
fn at_the_reset_newer_clients_continue_by_themselves() {
    let continues = "limit should have reset · Claude Code will continue shortly";
    let again = "limit should have reset · send the prompt again";
    for (version, at, expected_row) in [
        ("2.1.328", "2026-11-20T12:00:01Z", continues),
        ("2.1.234", "2026-11-20T12:01:29Z", continues),
        ("2.1.233", "2026-11-20T12:00:01Z", again),
        // Claude Code should have continued by now, so something has turned this off.
        ("2.1.328", "2026-11-20T12:02:00Z", again),
    ] {
        let row = row_after_reset(version, at, 120);
        assert_eq!(row, expected_row, "{version} at {at}");
    }
}

/// In a narrow terminal, the row has a shorter form instead of being cut off in mid-sentence.
#[test]
fn the_row_after_the_reset_is_complete_in_a_narrow_terminal() {
    let at = "2026-11-20T12:00:01Z";
    let continues = [
        (
            80,
            "limit should have reset · Claude Code will continue shortly",
        ),
        (50, "limit should have reset · continues shortly"),
        (40, "should have reset · continues soon"),
    ];
    for (columns, text) in continues {
        assert_eq!(row_after_reset("2.1.331", at, columns), text);
    }
    let again = [
        (80, "limit should have reset · send the prompt again"),
        (50, "should have reset · send it again"),
    ];
    for (columns, text) in again {
        assert_eq!(row_after_reset("2.1.233", at, columns), text);
    }
}

/// In a narrow terminal, advice is omitted before the name of the limit is cut off. If this is not enough, the row is
/// divided in two.
#[test]
fn the_row_of_a_limit_is_complete_in_a_narrow_terminal() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let client = Client::new(&sandbox);
    let quota = json!({"quotaLimits": {"rateLimitType": "five_hour", "resetsAt": 1_795_176_000, "overageDisabledReason": "org_level_disabled_until"}});
    client.receives_error(AT, ORG, quota);
    for columns in [40, 44, 50, 60] {
        let all_rows = rows(&client, "2026-11-20T10:00:01Z", columns);
        assert!(!all_rows.concat().contains('…'), "{columns}: {all_rows:?}");
        assert!(all_rows[0].contains("spend cap"), "{columns}: {all_rows:?}");
        assert!(
            all_rows.concat().contains("12:00"),
            "{columns}: {all_rows:?}"
        );
    }
}

/// If the session will not continue automatically, the status line must say so, because users look at it before they
/// leave for the night.
#[test]
fn the_status_line_agrees_that_a_session_does_not_continue_automatically() {
    let turned_off = Sandbox::new();
    let off = r#"{"autoContinueAtUsageLimit": false}"#;
    turned_off.write(".claude/settings.json", off);
    let by_default = Sandbox::new();
    for sandbox in [turned_off, by_default] {
        let mut client = Client::new(&sandbox);
        let terminal = ("CLAUDE_CODE_ENTRYPOINT".to_owned(), "cli".to_owned());
        client.variables.push(terminal);
        client.receives_error(AT, TEXT, json!({}));
        let prompt = json!({"prompt": "/whycap"});
        client.event("2026-11-20T10:00:01Z", "UserPromptSubmit", prompt);
        let before = first_row(&client, "2026-11-20T10:01:00Z");
        assert!(before.ends_with("more: /whycap"), "{before}");
        let after = first_row(&client, "2026-11-20T12:00:01Z");
        assert_eq!(after, "limit should have reset · send the prompt again");
    }
}

#[test]
fn a_limit_that_was_reset_early_does_not_block() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let quota = json!({"quotaLimits": {"status": "rejected", "rateLimitType": "five_hour", "resetsAt": 1_795_176_000}});
    client.receives_error(AT, TEXT, quota);
    let full = windows(100.0, 1_795_176_000, 40.0, 1_795_500_000);
    client.calls_status_line("2026-11-20T10:00:01Z", full, 120);
    assert_eq!(client.explained("2026-11-20T10:01:00Z")["verdict"], "real");
    let after_reset = windows(3.0, 1_795_176_000, 40.0, 1_795_500_000);
    let status_line = plain(
        client
            .calls_status_line("2026-11-20T10:40:00Z", after_reset, 120)
            .success(),
    );
    assert!(
        status_line.contains("limit has reset · send the prompt again"),
        "{status_line}"
    );
    let explained = client.explained("2026-11-20T10:41:00Z");
    let headline = explained["headline"].as_str().unwrap();
    assert_eq!(
        headline,
        "Your 5-hour limit was used up, but the limit was reset early; send the prompt again."
    );
    // After the next prompt, whycap announces nothing, and no session is waiting.
    let prompt = client.event(
        "2026-11-20T10:42:00Z",
        "UserPromptSubmit",
        json!({"prompt": "go"}),
    );
    assert_eq!(prompt.success(), "");
    let waited = client.run("2026-11-20T10:43:00Z", &["wait"], b"");
    assert_eq!(waited.code, 0, "{waited:?}");
}

/// Returns the output of `incidents`, on a single line.
fn listed(client: &Client<'_>, at: &str) -> String {
    flat(client.run(at, &["incidents"], b"").success())
}

/// `incidents` said that an old limit was over while the newest reading showed room, and that it should have reset as soon as a
/// later window was full.
#[test]
fn a_limit_that_is_over_does_not_become_doubtful_later() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(AT, TEXT, refused("five_hour", NOON, ""));
    client.calls_status_line(
        "2026-11-20T10:00:02Z",
        windows(100.0, NOON, 40.0, TUESDAY),
        120,
    );
    client.calls_status_line(
        "2026-11-20T12:10:00Z",
        windows(3.0, NOON + 18_000, 40.0, TUESDAY),
        120,
    );
    let soon = listed(&client, "2026-11-20T12:10:01Z");
    assert!(soon.contains("(over)"), "{soon}");
    let month = 30 * 86_400;
    let other = session_of_login(&sandbox, "other");
    for five_hour in [100.0, 20.0, 100.0] {
        let reported = windows(five_hour, NOON + month, 40.0, TUESDAY + month);
        other.calls_status_line("2026-12-20T09:00:00Z", reported, 120);
        let at = "2026-12-20T09:00:01Z";
        let later = flat(client.run(at, &["incidents"], b"").success());
        assert!(later.contains("(over)"), "{five_hour}: {later}");
    }
}

#[test]
fn a_past_limit_is_described_in_the_past_tense_without_advice() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(AT, TEXT, json!({}));
    let open = listed(&client, "2026-11-20T10:01:00Z");
    assert!(
        open.contains("(still blocked)") && open.contains("you can continue at 12:00"),
        "{open}"
    );
    let passed = listed(&client, "2026-11-20T12:01:00Z");
    assert!(
        passed.contains("(should have reset) The message said that your 5-hour limit was used up, but the limit should have reset at 12:00. You've"),
        "{passed}"
    );
    client.receives_response("2026-11-20T10:30:00Z");
    let answered = listed(&client, "2026-11-20T10:31:00Z");
    assert!(
        answered.contains("The message said that your 5-hour limit was used up, but Claude Code responded at 10:30."),
        "{answered}"
    );
    let throttled = Client::with_session(&sandbox, "throttled");
    throttled.receives_error(
        AT,
        "API Error: Request rejected (429) · slow down",
        json!({}),
    );
    throttled.receives_response("2026-11-20T10:20:00Z");
    let list = listed(&client, "2026-11-20T10:31:00Z");
    assert!(!list.contains("wait"), "{list}");
}

/// `incidents --since 7d` was rejected as an unexpected argument.
#[test]
fn the_errors_since_a_day_or_for_a_duration_are_listed() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let texts = [
        ("2026-11-01T10:00:00Z", "API Error: 529 Overloaded"),
        ("2026-11-10T10:00:00Z", "Credit balance is too low"),
        ("2026-11-20T09:00:00Z", TEXT),
    ];
    for (at, text) in texts {
        client.receives_error(at, text, json!({}));
    }
    for (since, count) in [
        ("12h", 1),
        ("7d", 1),
        ("2w", 2),
        ("2026-11-01", 3),
        ("today", 1),
    ] {
        let arguments = ["incidents", "--json", "--since", since];
        let list = client.run(AT, &arguments, b"").json();
        let incidents = list["incidents"].as_array().unwrap();
        assert_eq!(incidents.len(), count, "{since}: {list:#}");
    }
    let arguments = ["incidents", "--since", "2w", "--until", "yesterday"];
    let list = flat(client.run(AT, &arguments, b"").success());
    assert!(list.contains("Credit balance is too low"), "{list}");
    assert!(!list.contains(TEXT), "{list}");
    let refused = client.run(AT, &["incidents", "--since", "soon"], b"");
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("7d, 2w, or 12h"), "{refused:?}");
}

/// If several attempts in a row were refused because of the same limit, `incidents` must not claim that there was a
/// response in between.
#[test]
fn a_limit_hit_again_without_a_response_is_still_open() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    for at in [
        AT,
        "2026-11-20T10:01:00Z",
        "2026-11-20T10:20:00Z",
        "2026-11-20T10:40:00Z",
    ] {
        client.receives_error(at, TEXT, json!({}));
    }
    let list = listed(&client, "2026-11-20T10:41:00Z");
    assert!(!list.contains("answered again"), "{list}");
    let entry = "10:00, 41 m ago, 4 attempts, last at 10:40 (still blocked)";
    assert_eq!(list.matches(entry).count(), 1, "{list}");
    assert_eq!(list.matches("used up").count(), 1, "{list}");
    assert!(
        list.contains("stopped your work once") && list.contains("for a total of 41 m"),
        "{list}"
    );
    let run = client.run("2026-11-20T10:41:00Z", &["incidents", "--json"], b"");
    let report = run.json();
    let incidents = report["incidents"].as_array().unwrap();
    let open = incidents
        .iter()
        .filter(|incident| incident["open"] == json!(true));
    assert_eq!(open.count(), 1);
    client.receives_response("2026-11-20T10:50:00Z");
    let list = listed(&client, "2026-11-20T10:51:00Z");
    assert!(!list.contains("still blocked"), "{list}");
}

#[test]
fn a_throttle_is_over_after_half_an_hour() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(
        AT,
        "API Error: Request rejected (429) · slow down",
        json!({}),
    );
    assert!(first_row(&client, "2026-11-20T10:00:30Z").contains("too many requests"));
    assert!(first_row(&client, "2026-11-20T10:10:00Z").contains("should be over by now"));
    assert!(rows(&client, "2026-11-20T10:31:00Z", 120).is_empty());
}

#[test]
fn another_session_shows_no_incident_row() {
    let sandbox = Sandbox::new();
    Client::new(&sandbox).receives_error(AT, TEXT, json!({}));
    let other = Client::with_session(&sandbox, "bbbb");
    assert_eq!(
        plain(
            other
                .calls_status_line("2026-11-20T10:00:01Z", Value::Null, 120)
                .success()
        )
        .lines()
        .count(),
        1
    );
}

#[test]
fn no_color_is_honored() {
    let sandbox = Sandbox::new().variable("NO_COLOR", "1");
    let client = Client::new(&sandbox);
    client.receives_error(AT, TEXT, json!({}));
    let status_line = client.calls_status_line("2026-11-20T10:00:01Z", Value::Null, 120);
    assert!(!status_line.success().contains('\u{1b}'));
}

#[test]
fn extreme_dates_do_not_break_the_status_line() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    for seconds in [
        i64::MAX,
        i64::MIN,
        8_210_266_876_799,
        -8_334_601_228_800,
        0,
        -1,
    ] {
        let quota = json!({"quotaLimits": {"rateLimitType": "five_hour", "resetsAt": seconds}});
        client.receives_error(AT, TEXT, quota);
        let windows = crate::client::windows(41.0, seconds, 100.0, seconds);
        let status_line = client.calls_status_line("2026-11-20T10:00:01Z", windows, 120);
        assert!(
            status_line.success().contains("5-hour limit") || status_line.stdout.contains("weekly"),
            "{seconds}: {}",
            status_line.stdout
        );
    }
}

#[test]
fn an_error_without_a_hook_record_is_shown_as_one_incident() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let mut line = client.error_line(AT, TEXT, json!({}));
    line["message"]["usage"] = json!({"input_tokens": 0, "output_tokens": 0});
    client.append(&line);
    for time in [
        "2026-11-20T10:00:01Z",
        "2026-11-20T10:00:06Z",
        "2026-11-20T10:00:16Z",
        "2026-11-20T10:05:00Z",
    ] {
        assert!(first_row(&client, time).contains("5-hour limit"), "{time}");
    }
    // If the hook runs late, it completes the incident that the status line has stored.
    let late = Client::with_session(&sandbox, "late");
    let mut line = late.error_line("2026-11-20T10:05:00Z", TEXT, json!({}));
    line["message"]["usage"] = json!({"input_tokens": 0, "output_tokens": 0});
    late.append(&line);
    late.calls_status_line("2026-11-20T10:05:00Z", Value::Null, 120)
        .success();
    late.stop_failure("2026-11-20T10:05:01Z", TEXT).success();
    let output = sandbox.run(&["incidents", "--json"]).json();
    assert_eq!(output["incidents"].as_array().unwrap().len(), 2, "{output}");
    client.receives_response("2026-11-20T10:30:00Z");
    assert_eq!(first_row(&client, "2026-11-20T10:30:01Z"), "");
}

/// If a session has no known error, a status-line call reads only the end of the journal.
#[test]
fn a_limit_is_still_shown_after_the_journal_has_grown() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let mut line = client.error_line(AT, TEXT, json!({}));
    line["message"]["usage"] = json!({"input_tokens": 0, "output_tokens": 0});
    client.append(&line);
    client.stop_failure(AT, TEXT).success();
    let other = Client::with_session(&sandbox, "other");
    let windows = crate::client::windows(60.0, 1_795_176_000, 40.0, 1_795_500_000);
    other
        .calls_status_line("2026-11-20T10:00:02Z", windows, 120)
        .success();
    let journal = ".local/share/whycap/journal/2026-11.jsonl";
    let text = sandbox.read(journal);
    let reading = text
        .lines()
        .rfind(|line| line.starts_with("{\"reading\":"))
        .unwrap();
    let readings = format!("{reading}\n").repeat(64 * 1024 / reading.len());
    sandbox.append(journal, &readings);

    for time in ["2026-11-20T10:30:00Z", "2026-11-20T11:00:00Z"] {
        let status_line = plain(client.calls_status_line(time, Value::Null, 120).success());
        assert!(
            status_line.contains("5-hour limit"),
            "{time}: {status_line}"
        );
    }
    client.receives_response("2026-11-20T11:30:00Z");
    let status_line = plain(
        client
            .calls_status_line("2026-11-20T11:30:01Z", Value::Null, 120)
            .success(),
    );
    assert!(!status_line.contains("5-hour limit"), "{status_line}");
}

/// `.claude.json` may be large, so a status-line call reads it only after the line has been printed. The line therefore
/// uses the plan that an earlier call has read.
#[test]
fn an_error_without_a_hook_record_uses_the_plan_from_an_earlier_status_line_call() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "user");
    let mut client = Client::new(&sandbox);
    client.version = "2.1.144".to_owned();
    let windows = crate::client::windows(99.0, 1_795_176_000, 40.0, 1_795_500_000);
    client
        .calls_status_line("2026-11-20T09:59:50Z", windows, 120)
        .success();
    let mut line = client.error_line(AT, ORG, json!({}));
    line["message"]["usage"] = json!({"input_tokens": 0, "output_tokens": 0});
    client.append(&line);
    let status_line = client.calls_status_line("2026-11-20T10:00:02Z", Value::Null, 120);
    assert!(
        status_line.success().contains("no org involved"),
        "{}",
        status_line.stdout
    );
}

/// Returns an assistant line of a session with more fields.
fn assistant_line(session: &str, more: Value) -> String {
    let mut line = json!({"type": "assistant", "sessionId": session, "version": "2.1.328"});
    let Value::Object(fields) = more else {
        panic!("the fields are an object");
    };
    line.as_object_mut().unwrap().extend(fields);
    line.to_string()
}

#[test]
fn an_error_followed_by_a_response_does_not_ask_to_wait() {
    let session = "0d3b2f9e-0000-4000-8000-000000000001";
    let sandbox = Sandbox::new();
    let transcript = format!(".claude/projects/-home-dev-p/{session}.jsonl");
    let message = "You've hit your session limit \u{b7} resets 10:30am (UTC)";
    sandbox.append(
        &transcript,
        &assistant_line(session, json!({
            "uuid": "e", "timestamp": "2026-11-20T06:00:00.000Z", "isApiErrorMessage": true, "error": "rate_limit",
            "message": {"id": "x", "model": "<synthetic>", "content": [{"type": "text", "text": message}]},
        })),
    );
    sandbox.append(
        &transcript,
        &json!({
            "type": "system", "subtype": "informational", "timestamp": "2026-11-20T06:00:00.004Z",
            "content": "Usage limit reached · continuing automatically at 10:30am · esc to cancel",
        })
        .to_string(),
    );
    let blocked = sandbox.run(&["explain"]);
    assert!(
        blocked
            .success()
            .contains("Claude Code will continue about 10:31"),
        "{}",
        blocked.stdout
    );
    sandbox.append(
        &transcript,
        &assistant_line(
            session,
            json!({
                "uuid": "a", "timestamp": "2026-11-20T06:10:00.000Z", "requestId": "r",
                "message": {"id": "m", "model": "claude-opus-5-5", "usage": {"output_tokens": 5}},
            }),
        ),
    );
    for arguments in [&["explain"][..], &["explain", "--long"], &["incidents"]] {
        let run = sandbox.run(arguments);
        assert!(!run.success().contains("Wait until"), "{}", run.stdout);
        assert!(!run.stdout.contains("go on now"), "{}", run.stdout);
    }
    let explained = sandbox.run(&["explain", "--json"]).json();
    assert_eq!(
        explained["incident"]["actions"][0]["do"],
        "You can continue now; this limit no longer applies"
    );
}

/// Three minutes before the reset, the row of a Team member's idle session said "ask an Owner", the row of the stopped
/// session said to leave the session open, and the first step of `explain TEXT` was to ask an Owner.
#[test]
fn every_screen_advises_a_member_to_wait_for_the_reset_before_asking_an_owner() {
    for limit in [
        "You've hit your org's monthly spend limit",
        "You've hit your individual spend limit",
    ] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "team", "user");
        let [stopped, idle] = ["stopped", "idle"].map(|name| Client {
            version: "2.1.331".to_owned(),
            ..session_of_login(&sandbox, name)
        });
        let text = format!(
            "{limit} \u{b7} run /usage-credits to ask your admin for a higher limit \u{b7} your 5-hour limit resets 12pm (UTC)"
        );
        let refusal = refused("five_hour", NOON, "org_level_disabled_until");
        stopped.receives_error("2026-11-20T11:56:00Z", &text, refusal);
        let full = windows(100.0, NOON, 40.0, TUESDAY);
        stopped.calls_status_line("2026-11-20T11:56:02Z", full.clone(), 120);
        let at = "2026-11-20T11:57:00Z";
        for client in [&stopped, &idle] {
            let row = rows(client, at, 120).join(" / ");
            assert!(row.contains("5-hour limit + "), "{}: {row}", client.session);
            assert!(row.contains("resets at 12:00"), "{}: {row}", client.session);
            assert!(!row.contains("sk an Owner"), "{}: {row}", client.session);
            let reply = answer(client, at);
            let first_step = if client.session == "stopped" {
                "1. Do nothing and leave the session open"
            } else {
                "1. Wait until 12:00"
            };
            assert!(reply.contains(first_step), "{}: {reply}", client.session);
        }
        let explained = flat(idle.run(at, &["explain", limit], b"").success());
        assert!(explained.contains("in 3 m"), "{explained}");
        assert!(!explained.contains("1. Ask"), "{explained}");
    }
}

/// The service was overloaded. When the user tried again a few seconds later, it refused the login. `incidents` listed both
/// errors as "still blocked", although only the newer one stopped the session.
#[test]
fn an_overload_that_is_followed_by_another_error_is_not_listed_as_still_blocked() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = session_of_login(&sandbox, "stopped");
    let overloaded = json!({"error": "overloaded", "apiErrorStatus": 529});
    client.receives_error(AT, "API Error: 529 Overloaded.", overloaded);
    client.sends_prompt("2026-11-20T10:00:28Z", "go on");
    let refused = json!({"error": "authentication_failed", "apiErrorStatus": 401});
    let text = "Please run /login \u{b7} API Error: 401 Invalid authentication credentials";
    client.receives_error("2026-11-20T10:00:30Z", text, refused);
    // The first call stores how the overload ended.
    for at in ["2026-11-20T10:00:40Z", "2026-11-20T10:00:50Z"] {
        let listed = flat(client.run(at, &["incidents"], b"").success());
        let newer = "(the next prompt may work) The service did not accept the login this time";
        assert!(listed.contains(newer), "{listed}");
        assert!(!listed.contains("still blocked"), "{listed}");
        let entry = "(another error followed) The service was overloaded (not a usage limit), and then another error occurred.";
        assert!(listed.contains(entry), "{listed}");
        assert!(listed.contains("1 stop is still blocking work"), "{listed}");
    }
    client.works("2026-11-20T10:02:00Z", 10);
    let json = client.run("2026-11-20T10:03:00Z", &["incidents", "--json"], b"");
    let incidents = json.json();
    assert_eq!(
        incidents["incidents"][1]["blocked_until"], "2026-11-20T10:00:30Z",
        "{incidents:#}"
    );
}

/// The service refused the login twice, and the next attempt hit a limit. `incidents` said about the refused logins that they
/// were "hit again on retry", as if each of them were a limit. After the session had continued, the text of a refused login
/// was still answered with "See the error that followed this one".
#[test]
fn a_refused_login_that_is_followed_by_a_limit_was_not_hit_again() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = session_of_login(&sandbox, "stopped");
    let text = "Please run /login \u{b7} API Error: 401 Invalid authentication credentials";
    for at in ["2026-11-20T10:00:00Z", "2026-11-20T10:01:00Z"] {
        let refused = json!({"error": "authentication_failed", "apiErrorStatus": 401});
        client.receives_error(at, text, refused);
    }
    let limit = "You've hit your session limit \u{b7} resets 12pm (UTC)";
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    client.receives_error("2026-11-20T10:02:00Z", limit, refusal);
    client.calls_status_line(
        "2026-11-20T10:02:02Z",
        windows(100.0, NOON, 40.0, TUESDAY),
        120,
    );
    let at = "2026-11-20T10:03:00Z";
    let listed = flat(client.run(at, &["incidents"], b"").success());
    assert!(!listed.contains("hit again"), "{listed}");
    assert!(listed.contains("(another error followed)"), "{listed}");
    let explained = flat(client.run(at, &["explain", text], b"").success());
    assert!(
        explained.contains("and then another error occurred"),
        "{explained}"
    );

    client.works("2026-11-20T12:02:00Z", 10);
    let at = "2026-11-20T12:03:00Z";
    let explained = flat(client.run(at, &["explain", text], b"").success());
    let state = "The session has received a response since then.";
    assert!(explained.contains(state), "{explained}");
    assert!(explained.contains("You can continue now"), "{explained}");
    assert!(
        !explained.contains("See the error that followed"),
        "{explained}"
    );

    // A new limit blocks the session, so the answer is about this limit.
    let refusal = refused("five_hour", NOON + 5 * 60 * 60, "org_level_disabled");
    let limit = "You've hit your session limit \u{b7} resets 5pm (UTC)";
    client.receives_error("2026-11-20T13:00:00Z", limit, refusal);
    let explained = flat(
        client
            .run("2026-11-20T13:03:00Z", &["explain", text], b"")
            .success(),
    );
    assert!(explained.contains("an earlier error"), "{explained}");
    assert!(!explained.contains("You can continue now"), "{explained}");
}

/// The service was overloaded. The first step was to send the prompt again in a few minutes, but the text above it said "You
/// are still blocked."
#[test]
fn an_overload_is_not_said_to_block_the_user_beside_the_advice_to_try_again() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = session_of_login(&sandbox, "stopped");
    let overloaded = json!({"error": "overloaded", "apiErrorStatus": 529});
    client.receives_error(AT, "API Error: 529 Overloaded.", overloaded);
    let reply = answer(&client, "2026-11-20T10:00:40Z");
    assert!(
        reply.contains("1. Wait a few minutes and send the prompt again"),
        "{reply}"
    );
    let state = "The last prompt failed; the next one may work.";
    assert!(reply.contains(state), "{reply}");
    assert!(!reply.contains("blocked"), "{reply}");
}

/// Claude Code did not announce that it would continue after the weekly limit, and `now` said so, but the row of the session did
/// not. The row of a limit of one model family did not mention that another model works.
#[test]
fn the_row_of_a_limit_agrees_with_now_that_claude_code_will_not_continue() {
    for (limit, window, at_120, at_40) in [
        (
            "You've hit your weekly limit",
            "seven_day",
            "Claude Code will not continue by itself (to change this: /rate-limit-options)",
            "Will not continue by itself",
        ),
        (
            "You've hit your Opus limit",
            "seven_day_opus",
            "Use another model: /model",
            "Use another model: /model",
        ),
    ] {
        let sandbox = with_a_private_login();
        let client = Client {
            version: "2.1.331".to_owned(),
            ..session_of_login(&sandbox, "stopped")
        };
        let text = format!("{limit} \u{b7} resets Nov 24, 6am (UTC)");
        let refusal = refused(window, TUESDAY, "org_level_disabled");
        client.receives_error(AT, &text, refusal);
        let at = "2026-11-20T10:01:00Z";
        for (columns, shown) in [(120, at_120), (40, at_40)] {
            let row = rows(&client, at, columns).join(" / ");
            assert!(row.contains(shown), "{columns}: {row}");
        }
    }
}
