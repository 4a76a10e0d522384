//! Tests the forecasts of whether a usage window will last until its reset. They depend only on the usage of all
//! sessions combined.

use chrono::Datelike;
use serde_json::json;

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
fn a_burst_causes_a_forecast_and_a_pause_withdraws_it() {
    let sandbox = Sandbox::new();
    let client = busy_since_ten(&sandbox);
    // At the average pace since 7:00, the window would not be full until the afternoon.
    let busy = line(&client, "10:45", 65.0);
    assert!(busy.contains("at this pace, 5h full at 11:3"), "{busy}");
    let now = ["now", "--json"];
    let output = client.run("2026-11-20T10:45:00Z", &now, b"").json()["windows"].take();
    let full_at = output["five_hour"]["full_at"].as_str().unwrap();
    assert!(full_at.starts_with("2026-11-20T11:3"), "{output}");
    assert_eq!(output["five_hour_full_at"], full_at);
    assert_eq!(output["five_hour"]["lasts"], false);
    let rate = output["five_hour_percent_per_hour"].as_f64().unwrap();
    assert!((25.0..45.0).contains(&rate), "{output}");
    let page = client.run("2026-11-20T10:45:00Z", &["now"], b"");
    assert!(
        page.success()
            .contains("Pace      at this pace, 5h will be full at 11:3"),
        "{}",
        page.stdout
    );

    let rested = line(&client, "11:15", 66.0);
    assert!(!rested.contains("full"), "{rested}");
    // Usage before noon does not affect the new window, which starts at noon.
    let new_window = windows(12.0, NOON + 5 * 3600, 10.0, MONDAY);
    let status_line = client.calls_status_line("2026-11-20T12:30:00Z", new_window, 160);
    assert!(
        !status_line.success().contains("full"),
        "{}",
        status_line.stdout
    );
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
        status_line.contains("at this pace, 5h full at 11:3"),
        "{status_line}"
    );
}

#[test]
fn usage_steps_are_stored_in_a_private_monthly_file() {
    let sandbox = Sandbox::new();
    busy_since_ten(&sandbox);
    let journal = sandbox.path(".local/share/whycap/journal/2026-11.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    let readings = text
        .lines()
        .filter(|line| line.starts_with("{\"reading\":"));
    assert_eq!(readings.count(), 18, "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&journal).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // An incomplete line must not cause problems.
    std::fs::write(
        &journal,
        format!("{text}\n{{\"reading\":{{\"session\":\"one\""),
    )
    .unwrap();
    let status_line = line(&Client::with_session(&sandbox, "one"), "10:45", 65.0);
    assert!(
        status_line.contains("at this pace, 5h full at 11:3"),
        "{status_line}"
    );
}

fn day(text: &str) -> chrono::NaiveDate {
    text.parse().unwrap()
}

/// Simulates workdays from nine to six between `from`, a Monday, and `until`, with a reading every three hours. Each
/// day uses the given percentage of the weekly window.
fn works_by_day(client: &Client<'_>, percent: f64, from: &str, until: &str) {
    let days = day(from).iter_days().take_while(|date| *date <= day(until));
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
fn a_busy_monday_does_not_predict_a_full_week() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    // On Monday evening, usage is 13%. If usage kept growing at this pace day and night, the window would be full
    // before its reset.
    works_by_day(&client, 13.4, "2026-11-02", "2026-11-23");
    let at = "2026-11-23T18:01:00Z";
    let reset = 1_795_996_800;
    let line = client.calls_status_line(at, windows(30.0, reset, 14.0, reset), 160);
    assert!(!line.success().contains("full"), "{}", line.stdout);
    let page = client.run(at, &["now"], b"");
    let expected_text = "Pace      week: 13% at this point last week, and 67% at the end\n";
    assert!(page.success().contains(expected_text), "{}", page.stdout);
}

#[test]
fn a_week_like_earlier_full_weeks_is_predicted_with_its_days() {
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

/// If the weekly window was full on Friday afternoon in both previous weeks and this week's usage is similar, the
/// forecast must appear on Thursday evening.
#[test]
fn a_week_that_fills_like_the_two_before_is_predicted_half_a_day_ahead() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    works_by_day(&client, 22.0, "2026-11-02", "2026-11-18");
    let reset = 1_795_392_000; // 2026-11-23T00:00:00Z
    // On Thursday evening, usage is slightly lower than at the same time in the previous weeks.
    let usage = windows(30.0, reset, 85.0, reset);
    let line = client.calls_status_line("2026-11-19T18:30:00Z", usage, 160);
    assert!(
        line.success()
            .contains("at this pace, week full around Fri"),
        "{}",
        line.stdout
    );
}

/// At a steady pace, the forecast must not fluctuate, even though the reported whole percentages increase in steps of
/// one or two.
#[test]
fn the_forecast_does_not_alternate_at_a_steady_pace() {
    use chrono::{TimeDelta, Timelike};
    use whycap::claude::window_usage::WindowUsage;
    use whycap::limits::pace::Outlook;
    use whycap::limits::pace::five_hours::outlook;
    let begun = chrono::DateTime::from_timestamp(NOON - 18_000, 0).unwrap();
    for (step, rate, most) in [
        (1, 0.5, 3),
        (2, 0.5, 3),
        (3, 0.5, 3),
        (5, 0.45, 9),
        (3, 0.8, 3),
        (5, 0.7, 3),
    ] {
        let (mut levels, mut shown) = (Vec::new(), Vec::new());
        for minute in (0..300).step_by(step) {
            let now = begun + TimeDelta::minutes(minute.into());
            let used_percent = (f64::from(minute) * rate).floor();
            if used_percent > 95.0 {
                break;
            }
            let resets_at = chrono::DateTime::from_timestamp(NOON, 0);
            let usage = WindowUsage {
                used_percent,
                resets_at,
            };
            if let Some(Outlook::WillFill(at, _)) = outlook(&levels, &usage, now) {
                shown.push((at.hour(), at.minute()));
            }
            levels.push((now, used_percent));
        }
        assert!(shown.len() >= 8, "{step} {rate}: {shown:?}");
        let looks = shown.len();
        shown.dedup();
        assert!(
            shown.len() <= most,
            "{step} min, {rate}%: {looks} looks, {shown:?}"
        );
    }
}
