//! Tests that every screen says that usage credits pay, and until when, while they pay although a limit still applies and
//! after the limit has ended.

use serde_json::Value;

use crate::client::{Client, windows};
use crate::newest_evidence::{five_hour_full, hits_limit, receives_response};
use crate::situation::{
    FIVE_HOUR, NOON, TUESDAY, WEEKLY, refused, session_of_login, with_a_private_login,
};
use crate::support::Sandbox;

/// The 5-hour limit in the words of a version that calls usage credits "extra usage".
const FIVE_HOUR_IN_OLD_WORDS: &str =
    "You've hit your 5-hour limit · resets 12pm (UTC) · out of extra usage";
/// The columns that Claude Code reserves.
const MARGIN: usize = 4;

/// Returns the figures of a full weekly window.
fn weekly_full() -> Value {
    windows(35.0, NOON, 100.0, TUESDAY)
}

/// Stops a session at 10:00. Usage credits pay for another session's response at 10:01. Returns both sessions.
fn stops_while_credits_pay<'s>(
    sandbox: &'s Sandbox,
    text: &str,
    refusal: &Value,
    reported: &Value,
) -> [Client<'s>; 2] {
    let stopped = session_of_login(sandbox, "stopped");
    hits_limit(
        &stopped,
        "2026-11-20T10:00:00Z",
        text,
        refusal,
        reported.clone(),
    );
    let mut pays = session_of_login(sandbox, "pays");
    pays.sends_prompt("2026-11-20T10:00:50Z", "continue");
    receives_response(&mut pays, "2026-11-20T10:01:00Z", reported.clone());
    [stopped, pays]
}

/// Returns the status line's row about the limit, without colors.
fn row(client: &Client<'_>, at: &str, reported: Value, columns: usize) -> String {
    let call = client.calls_status_line(at, reported, columns);
    let rows = whycap::terminal::strip_ansi(call.success());
    rows.lines().nth(1).unwrap_or_default().to_owned()
}

/// The row named only the limit and its reset, as if the session were blocked, although the next prompt costs money.
#[test]
fn the_row_says_at_every_width_that_credits_pay_and_until_when() {
    let at = "2026-11-20T10:08:00Z";
    for (text, window, reset, reported, pay, times) in [
        (
            FIVE_HOUR,
            "five_hour",
            NOON,
            five_hour_full(),
            "usage credits pay",
            ["12:00, in 1 h 52 m", "12:00"],
        ),
        (
            WEEKLY,
            "seven_day",
            TUESDAY,
            weekly_full(),
            "usage credits pay",
            ["Tue Nov 24 06:00, in 3 d 19 h", "Tue 06:00"],
        ),
        (
            FIVE_HOUR_IN_OLD_WORDS,
            "five_hour",
            NOON,
            five_hour_full(),
            "extra usage pays",
            ["12:00, in 1 h 52 m", "12:00"],
        ),
    ] {
        let sandbox = with_a_private_login();
        let refusal = refused(window, reset, "");
        let [stopped, _] = stops_while_credits_pay(&sandbox, text, &refusal, &reported);
        let idle = session_of_login(&sandbox, "idle");
        let [longest, shortest] = times;
        for client in [&stopped, &idle] {
            for columns in (20..=40).step_by(2).chain([44, 47, 50, 60, 80, 120]) {
                let shown = row(client, at, Value::Null, columns);
                let width = whycap::terminal::width(&shown);
                assert!(width <= columns - MARGIN, "{text}: {columns}: {shown}");
                let has_time = shown.contains(shortest) || shown.contains("Tue Nov 24 06:00");
                assert!(has_time, "{text}: {columns}: {shown}");
                let says_paid = shown.contains(pay)
                    || shown.contains("credits")
                    || shown.contains("extra usage")
                    || shown.contains("paid");
                assert!(says_paid || columns < 24, "{text}: {columns}: {shown}");
                assert!(!shown.contains("resets"), "{text}: {columns}: {shown}");
            }
            let widest = row(client, at, Value::Null, 120);
            let expected = format!("{pay} until {longest}");
            assert!(widest.contains(&expected), "{text}: {widest}");
        }
        let badge = stopped.explained(at)["badge"].to_string();
        assert!(badge.contains(&format!("{pay} until ")), "{badge}");
    }
}

/// An idle session reports figures without having received a response. Its first call hid the paid response, so that the
/// next row named only the limit again.
#[test]
fn the_row_still_says_that_credits_pay_on_the_next_call_of_an_idle_session() {
    let sandbox = with_a_private_login();
    let refusal = refused("five_hour", NOON, "");
    let [stopped, _] = stops_while_credits_pay(&sandbox, FIVE_HOUR, &refusal, &five_hour_full());
    let idle = session_of_login(&sandbox, "idle");
    for at in [
        "2026-11-20T10:01:30Z",
        "2026-11-20T10:01:40Z",
        "2026-11-20T10:08:00Z",
    ] {
        for client in [&stopped, &idle] {
            let shown = row(client, at, five_hour_full(), 120);
            assert!(
                shown.contains("usage credits pay until 12:00"),
                "{at}: {shown}"
            );
        }
    }
}
