//! Tests when the status line shows additional rows about an error and whether these rows fit into the terminal.

use crate::client::Client;

use crate::support::Sandbox;

use serde_json::{Value, json};

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
