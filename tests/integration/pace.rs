//! Tests the forecasts of whether a usage window will last until its reset. A forecast depends only on the usage of all
//! sessions combined.

use chrono::{DateTime, Datelike, TimeDelta};
use serde_json::json;
use whycap::spend::pace::{Level, Pace, PacePeriod};

use crate::client::{Client, windows};
use crate::support::Sandbox;

const NOON: i64 = 1_795_176_000; // 2026-11-20T12:00:00Z
const MONDAY: i64 = 1_795_461_868;

/// Renders the status line with this usage of the 5-hour window, which resets at noon.
fn line(client: &Client<'_>, at: &str, used: f64) -> String {
    let at = format!("2026-11-20T{at}:00Z");
    let status_line = client.calls_status_line(&at, windows(used, NOON, 10.0, MONDAY), 160);
    let plain = whycap::terminal::strip_ansi(status_line.success());
    plain.lines().next().unwrap_or_default().to_owned()
}

fn log_in(sandbox: &Sandbox, account: &str) {
    let state = json!({"oauthAccount": {"accountUuid": account, "organizationType": "claude_max"}});
    sandbox.write(".claude.json", state.to_string());
}

/// Simulates a quiet morning, after which usage increases by one percentage point per minute. Two sessions take turns
/// reporting it.
fn busy_since_ten(sandbox: &Sandbox) -> Client<'_> {
    let first = Client::with_session(sandbox, "one");
    let second = Client::with_session(sandbox, "other");
    for (at, used) in [("07:20", 2.0), ("08:00", 5.0), ("09:00", 10.0)] {
        line(&first, at, used);
    }
    for minute in (0..45).step_by(3) {
        let client = if minute % 2 == 0 { &first } else { &second };
        line(client, &format!("10:{minute:02}"), 20.0 + f64::from(minute));
    }
    first
}

/// While the weekly window is full, the status line must not forecast when the 5-hour window will be full, because
/// nothing can be sent before the weekly reset.
#[test]
fn no_five_hour_forecast_is_shown_while_the_week_is_full() {
    let sandbox = Sandbox::new();
    let client = busy_since_ten(&sandbox);
    let status_line = client.calls_status_line(
        "2026-11-20T10:45:00Z",
        windows(65.0, NOON, 100.0, MONDAY),
        160,
    );
    let plain = whycap::terminal::strip_ansi(status_line.success());
    assert!(
        plain.contains("5h 65%") && !plain.contains("full at"),
        "{plain}"
    );
    let output = client.run("2026-11-20T10:45:00Z", &["now", "--json"], b"");
    assert_eq!(output.json()["five_hour_full_at"], json!(null));
}

#[test]
fn a_window_that_will_not_fill_after_all_is_reported() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    for minute in 0..12 {
        line(
            &client,
            &format!("08:{:02}", minute * 5),
            f64::from(10 + minute * 6),
        );
    }
    line(&client, "10:30", 77.0);
    let status_line = line(&client, "11:30", 78.0);
    assert!(
        status_line.contains("at this pace, 5h lasts until it resets"),
        "{status_line}"
    );
}

#[test]
fn another_accounts_readings_and_readings_with_a_wrong_clock_are_ignored() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    log_in(&sandbox, "another");
    for (at, used) in [("09:50", 30.0), ("10:00", 60.0), ("10:05", 90.0)] {
        line(&client, at, used);
    }
    log_in(&sandbox, "own");
    line(&client, "10:08", 20.0);
    for (at, used) in [("11:40", 60.0), ("11:50", 99.0)] {
        line(&client, at, used);
    }
    let status_line = line(&client, "10:15", 21.0);
    assert!(
        status_line.contains("5h 21%") && !status_line.contains("full"),
        "{status_line}"
    );
}

#[test]
fn a_session_with_an_older_reading_does_not_lower_the_pace() {
    let sandbox = Sandbox::new();
    busy_since_ten(&sandbox);
    let late = Client::with_session(&sandbox, "late");
    // This response started before the others.
    line(&late, "10:44", 40.0);
    let client = Client::with_session(&sandbox, "one");
    let status_line = line(&client, "10:45", 65.0);
    assert!(
        status_line.contains("at this pace, 5h full at 11:2"),
        "{status_line}"
    );
}

fn day(text: &str) -> chrono::NaiveDate {
    text.parse().unwrap()
}

/// Simulates workdays from nine to six between `from`, a Monday, and `until`, with a reading every three hours. Each
/// day uses the given percentage of the weekly window.
fn works_by_day(client: &Client<'_>, percent: f64, from: &str, until: &str) {
    let days = day(from)
        .iter_days()
        .take_while(|date| *date <= day(until));
    for date in days {
        let of_week = date.weekday().num_days_from_monday();
        if of_week >= 5 {
            continue;
        }
        let left = chrono::Days::new(u64::from(7 - of_week));
        let midnight = (date + left).and_hms_opt(0, 0, 0);
        let reset = midnight.unwrap().and_utc().timestamp();
        for (part, hour) in [9, 12, 15, 18].into_iter().enumerate() {
            let used = percent * (f64::from(of_week) + part as f64 / 3.0);
            let usage = windows(30.0, reset, used.min(100.0).floor(), reset);
            client.calls_status_line(&format!("{date}T{hour:02}:00:00Z"), usage, 160);
        }
    }
}

#[test]
fn a_full_week_is_predicted_with_its_day() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    works_by_day(&client, 27.0, "2026-11-02", "2026-11-24");
    let at = "2026-11-24T18:01:00Z";
    let reset = 1_795_996_800;
    let line = client.calls_status_line(at, windows(30.0, reset, 54.0, reset), 160);
    assert!(
        line.success()
            .contains("at this pace, week full around Thu"),
        "{}",
        line.stdout
    );
    let page = client.run(at, &["now"], b"");
    let expected_text = "Pace      at this pace, week will be full around Thu, before it resets\n";
    assert!(page.success().contains(expected_text), "{}", page.stdout);
}

/// The same rule applies to every period, so stretching time stretches the forecast.
#[test]
fn a_forecast_does_not_depend_on_the_unit_of_time() {
    let start = DateTime::from_timestamp(NOON, 0).unwrap();
    let pace_of = |stretch: i32| {
        let at = |minute: i32| start + TimeDelta::minutes(i64::from(minute * stretch));
        let reading = |minute, used| Level {
            at: at(minute),
            used,
        };
        let period = PacePeriod {
            start,
            end: at(100),
        };
        let earlier = [reading(10, 1.0), reading(30, 4.0), reading(40, 20.0)];
        Pace::new(period, &earlier, reading(60, 26.0)).unwrap()
    };
    for stretch in [1, 2, 7] {
        // 22 points in 30 of 100 units, and 40 units remain.
        let expected = 26.0 + 22.0 / 30.0 * 40.0;
        let at_end = pace_of(stretch).at_end;
        assert!((at_end - expected).abs() < 0.01, "{stretch}: {at_end}");
    }
}

/// Over a long period, the pace is measured in whole days. A period that has only just begun or is over has no pace.
#[test]
fn a_long_period_is_measured_in_whole_days() {
    let start = DateTime::from_timestamp(MONDAY, 0).unwrap();
    let period = PacePeriod {
        start,
        end: start + TimeDelta::days(7),
    };
    let after = |hours, used| {
        let at = start + TimeDelta::hours(hours);
        Pace::new(period, &[], Level { at, used })
    };
    let first_evening = after(10, 12.0).unwrap();
    assert!((first_evening.per_hour - 0.5).abs() < 1e-9);
    let second_evening = after(34, 24.0).unwrap();
    assert!((second_evening.per_hour - 0.5).abs() < 1e-9);
    assert_eq!(after(1, 5.0), None);
    assert_eq!(after(7 * 24, 50.0), None);
}
