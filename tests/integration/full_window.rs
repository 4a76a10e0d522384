//! Tests that a temporary problem of the service does not hide a full usage window: the session is blocked until the window
//! resets, unless usage credits pay or the window does not matter.

use serde_json::{Value, json};

use crate::client::{Client, windows};
use crate::newest_evidence::{five_hour_full, hits_limit, receives_response};
use crate::situation::{
    AT, FIVE_HOUR, NOON, SOON, TUESDAY, answer, flat, refused, session_of_login,
    with_a_private_login,
};
use crate::support::Sandbox;
#[cfg(target_os = "linux")]
use crate::wait::waits_on_a_terminal;
use crate::wait::{exit_code, waits};

const OVERLOADED: &str = "API Error: 529 Overloaded.";
const THROTTLED: &str = "API Error: Server is temporarily limiting requests (not your usage limit)";

/// Starts a session that reports these usage windows and then receives an error.
fn fails_with<'s>(sandbox: &'s Sandbox, text: &str, reported: &Value) -> Client<'s> {
    let client = session_of_login(sandbox, "failed");
    client.calls_status_line("2026-11-20T09:59:00Z", reported.clone(), 120);
    let more = match text {
        OVERLOADED => json!({"apiErrorStatus": 529}),
        _ => json!({}),
    };
    client.receives_error(AT, text, more);
    client.calls_status_line(SOON, reported.clone(), 120);
    client
}

/// Checks when work can continue according to `explain --json`, and that the exit codes of `explain` and `wait` agree.
/// `continues_at` is `None` if nothing blocks the session.
fn check_continuation(client: &Client<'_>, at: &str, continues_at: Option<&str>) {
    let incident = client.explained(at);
    let code = exit_code(client, at);
    let waited = waits(client, at, &["--timeout", "1s"]);
    let about = format!("{at}: {waited:?} {incident:#}");
    if let Some(continues_at) = continues_at {
        assert_eq!(incident["resets_at"], continues_at, "{about}");
        assert_eq!(incident["waiting_helps"], true, "{about}");
        assert_eq!((code, waited.code), (10, 124), "{about}");
        assert!(waited.stderr.contains("timed out"), "{about}");
    } else {
        assert_eq!((code, waited.code), (0, 0), "{about}");
    }
}

/// A window was full, but the steps were to send the prompt again in a few minutes or to use another model, and `wait`
/// returned after these minutes. The next prompt was refused.
#[test]
fn an_overload_blocks_until_the_full_window_resets() {
    for text in [OVERLOADED, THROTTLED] {
        let sandbox = with_a_private_login();
        let client = fails_with(&sandbox, text, &five_hour_full());
        for (at, happens) in [
            ("2026-11-20T10:00:40Z", true),
            ("2026-11-20T10:10:00Z", false),
            ("2026-11-20T11:59:00Z", false),
        ] {
            check_continuation(&client, at, Some("2026-11-20T12:00:00Z"));
            let incident = client.explained(at);
            let headline = incident["headline"].as_str().unwrap();
            assert!(headline.contains("used up until 12:00"), "{headline}");
            assert_eq!(!headline.contains("should be over"), happens, "{headline}");
            let explanation = flat(&client.run(at, &["explain"], b"").stdout);
            for (screen, shown) in [("explain", explanation), ("/whycap", answer(&client, at))] {
                let step = "1. Wait until 12:00, when your 5-hour limit resets";
                assert!(shown.contains(step), "{screen}, {at}: {shown}");
                for useless in ["end the prompt again", "another model", "Check /usage"] {
                    assert!(!shown.contains(useless), "{screen}, {at}: {shown}");
                }
            }
            let now = flat(&client.run(at, &["now"], b"").stdout);
            assert!(now.contains("used up until 12:00"), "{at}: {now}");
            let incidents = flat(&client.run(at, &["incidents"], b"").stdout);
            assert!(incidents.contains("still blocked"), "{at}: {incidents}");
            let rows = client.calls_status_line(at, five_hour_full(), 120);
            let rows = whycap::terminal::strip_ansi(rows.success());
            let row = rows.lines().nth(1).unwrap();
            let expected = if happens {
                "and a limit is used up"
            } else {
                "5-hour limit · resets 12:00"
            };
            assert!(row.contains(expected), "{at}: {row}");
            #[cfg(target_os = "linux")]
            if let Some(shown) = waits_on_a_terminal(&sandbox, at, "80") {
                assert!(shown.contains("Waiting until 12:00"), "{at}: {shown}");
            }
        }
        check_continuation(&client, "2026-11-20T12:00:10Z", None);
        let row = client.calls_status_line("2026-11-20T12:00:10Z", Value::Null, 120);
        assert!(!row.success().contains("resets 12:00"), "{row:?}");
    }
}

/// Usage credits paid for the responses while the window was full, so work could continue after the overload. `wait` must
/// not wait for the reset.
#[test]
fn an_overload_ends_after_its_pause_while_credits_pay() {
    let weekly_full = windows(35.0, NOON, 100.0, TUESDAY);
    for (reported, until) in [
        (five_hour_full(), "12:00"),
        (weekly_full, "Tue Nov 24 06:00"),
    ] {
        let sandbox = with_a_private_login();
        let mut client = session_of_login(&sandbox, "failed");
        for at in ["2026-11-20T09:58:00Z", "2026-11-20T09:59:00Z"] {
            receives_response(&mut client, at, reported.clone());
        }
        client.receives_error(AT, OVERLOADED, json!({"apiErrorStatus": 529}));
        let during = "2026-11-20T10:00:40Z";
        assert_eq!(exit_code(&client, during), 10);
        assert_eq!(client.explained(during)["resets_at"], Value::Null);
        let before_end = waits(&client, "2026-11-20T10:02:58Z", &["--timeout", "9s"]);
        assert_eq!(before_end.code, 0, "{before_end:?}");
        let costs = format!("each response costs extra until {until}");
        assert!(flat(&before_end.stdout).contains(&costs), "{before_end:?}");
        for at in ["2026-11-20T10:04:00Z", "2026-11-20T10:50:00Z"] {
            check_continuation(&client, at, None);
            let row = client.calls_status_line(at, reported.clone(), 120);
            let row = whycap::terminal::strip_ansi(row.success());
            let is_recent = at == "2026-11-20T10:04:00Z";
            let says_paid = row.contains(&format!("credits pay until {until}"));
            assert!(says_paid || !is_recent, "{at}: {row}");
        }
    }
}

/// The time in the message is later than the reset of the full window, or earlier. Work can continue only after both.
#[test]
fn a_throttle_blocks_until_both_its_pause_is_over_and_the_window_resets() {
    for (retry, full_until, steps) in [
        (
            "Please try again in 3 hours.",
            "2026-11-20T13:00:00Z",
            "Wait until 13:00",
        ),
        (
            "Please try again in 10 minutes.",
            "2026-11-20T12:00:00Z",
            "Wait until 12:00",
        ),
    ] {
        let sandbox = with_a_private_login();
        let text = format!("{THROTTLED}. {retry}");
        let client = fails_with(&sandbox, &text, &five_hour_full());
        for at in ["2026-11-20T10:01:00Z", "2026-11-20T11:30:00Z"] {
            check_continuation(&client, at, Some(full_until));
            let explanation = flat(&client.run(at, &["explain"], b"").stdout);
            assert!(explanation.contains(steps), "{retry} {at}: {explanation}");
        }
    }
}

/// A full window of one model does not stop the other models.
#[test]
fn an_overload_does_not_wait_for_the_window_of_one_model() {
    let sandbox = with_a_private_login();
    let mut reported = windows(35.0, NOON, 40.0, TUESDAY);
    reported["seven_day_opus"] = json!({"used_percentage": 100.0, "resets_at": TUESDAY});
    let client = fails_with(&sandbox, OVERLOADED, &reported);
    assert_eq!(exit_code(&client, "2026-11-20T10:01:00Z"), 10);
    check_continuation(&client, "2026-11-20T10:04:00Z", None);
}

/// The windows of the login do not matter to a session that a cloud provider or a token may pay for.
#[test]
fn an_overload_does_not_wait_for_the_window_of_another_payer() {
    for variable in ["CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_OAUTH_TOKEN"] {
        let sandbox = with_a_private_login();
        let on_plan = session_of_login(&sandbox, "on-plan");
        on_plan.calls_status_line("2026-11-20T09:59:00Z", five_hour_full(), 120);
        let mut client = Client::with_session(&sandbox, "other-payer");
        let value = "1".to_owned();
        client.variables.push((variable.to_owned(), value));
        client.receives_error(AT, OVERLOADED, json!({"apiErrorStatus": 529}));
        check_continuation(&client, "2026-11-20T10:04:00Z", None);
    }
}

/// After the overload, the error about the full window says more than the error about the overload.
#[test]
fn an_overload_does_not_hide_the_error_about_the_full_window() {
    let sandbox = with_a_private_login();
    let limited = session_of_login(&sandbox, "limited");
    let refusal = refused("five_hour", NOON, "");
    hits_limit(
        &limited,
        "2026-11-20T09:50:00Z",
        FIVE_HOUR,
        &refusal,
        five_hour_full(),
    );
    let overloaded = fails_with(&sandbox, OVERLOADED, &five_hour_full());
    check_continuation(&overloaded, SOON, Some("2026-11-20T12:00:00Z"));
    let later = "2026-11-20T10:10:00Z";
    check_continuation(&overloaded, later, Some("2026-11-20T12:00:00Z"));
    let headline = overloaded.explained(later)["headline"].to_string();
    assert!(headline.contains("5-hour limit is used up"), "{headline}");
    for client in [&limited, &overloaded] {
        let arguments = ["explain", "--session", client.session.as_str()];
        let explanation = flat(&client.run(later, &arguments, b"").stdout);
        assert!(!explanation.contains("temporary problem"), "{explanation}");
        assert!(
            explanation.contains("5-hour limit is used up"),
            "{explanation}"
        );
        let shown = answer(client, later);
        assert!(shown.contains("5-hour limit is used up"), "{shown}");
    }
}
