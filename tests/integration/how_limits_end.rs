//! Tests the ways in which a limit can end: a window resets, another session receives a response, the session itself
//! ends, or a new month begins. Each test reproduces a wrong answer that testers received in simulated sessions in
//! November 2026.

use serde_json::{Value, json};

use crate::client::{Client, plain_rows, windows};
use crate::later_evidence::explained;
use crate::messages::cases;
use crate::newest_evidence::{after, hits_limit, receives_response};
#[cfg(target_os = "linux")]
use crate::now::RunningClient;
use crate::situation::{
    AT, AT_LOWER_PRIORITY, FIVE_HOUR, NOON, ORG, PRIVATE, SOON, TUESDAY, WEEKLY, answer,
    belongs_to, continues_at, five_hour_usage, flat, paying, receives_overload_error, refused,
    session_of_login, session_with_token, stores_credits_reason, with_a_private_login,
};
use crate::support::Sandbox;
use crate::wait::waits;
use whycap::limits::catalog::rows;

/// Creates two sessions that belong to the logged-in account according to their transcripts.
fn two_of_the_login(sandbox: &Sandbox) -> [Client<'_>; 2] {
    ["one", "other"].map(|name| session_of_login(sandbox, name))
}

/// Runs `explain --exit-code` and returns the exit code: 0 if nothing is blocked, 10 if waiting helps, and 11 if
/// somebody has to act.
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
        assert_eq!(incident["limit"], "five_hour");
        let blocks = code(&client, "2026-11-20T12:10:00Z") == 10;
        assert_eq!(blocks, weekly >= 100.0, "{weekly}");
    }
}

/// Even without readings, `wait` must not report the end of the 5-hour limit if an earlier or later error shows that
/// the weekly limit has been reached.
#[test]
fn a_weekly_limit_shown_by_another_error_outlasts_the_five_hour_reset() {
    for weekly_at in ["2026-11-20T09:00:00Z", "2026-11-20T11:00:00Z"] {
        for (session, has_quota) in [("one", true), ("one", false), ("two", true), ("two", false)] {
            let sandbox = with_a_private_login();
            let first = Client::with_session(&sandbox, "one");
            let weekly = Client::with_session(&sandbox, session);
            let [weekly_quota, quota] =
                [("seven_day", TUESDAY), ("five_hour", NOON)].map(|(window, reset)| {
                    if has_quota {
                        refused(window, reset, "")
                    } else {
                        json!({})
                    }
                });
            if weekly_at < AT {
                weekly.receives_error(weekly_at, WEEKLY, &weekly_quota);
            }
            first.receives_error(AT, FIVE_HOUR, quota);
            if weekly_at > AT {
                weekly.receives_error(weekly_at, WEEKLY, &weekly_quota);
            }
            let case = format!("{weekly_at} {session} {has_quota}");
            let at = "2026-11-20T12:10:00Z";
            let exit_code = ["explain", "--exit-code", "--session", "one"];
            let explained = first.run(at, &exit_code, b"");
            assert_eq!(explained.code, 10, "{case}: {}", explained.stdout);
            let as_json = ["explain", "--json", "--session", "one"];
            let incident = first.run(at, &as_json, b"").json()["incident"].clone();
            assert_eq!(
                incident["resets_at"], "2026-11-24T06:00:00Z",
                "{case}: {incident:#}"
            );
            assert_eq!(incident["continues_at"], Value::Null, "{case}");
            let waits = ["wait", "--session", "one", "--timeout", "1s"];
            let waited = first.run(at, &waits, b"");
            assert_eq!(waited.code, 124, "{case}");
            assert!(waited.stderr.contains("timed out"), "{case}");
            let rows = first.calls_status_line(at, Value::Null, 160).stdout;
            assert!(
                rows.contains("Tue Nov 24 06:00") && !rows.contains("has reset"),
                "{case}: {rows}"
            );
        }
    }
}

/// If nothing confirms two messages about usage windows, both remain unconfirmed, even though work can resume only
/// after the later reset.
#[test]
fn an_unconfirmed_weekly_limit_does_not_confirm_another_limit() {
    for weekly_at in ["2026-11-20T09:00:00Z", "2026-11-20T10:30:00Z"] {
        let sandbox = with_a_private_login();
        let [one, other] = two_of_the_login(&sandbox);
        let headless = json!({"entrypoint": "sdk-cli"});
        if weekly_at < AT {
            other.receives_error(weekly_at, WEEKLY, &headless);
        }
        one.receives_error(AT, FIVE_HOUR, &headless);
        if weekly_at > AT {
            other.receives_error(weekly_at, WEEKLY, &headless);
        }
        for at in ["2026-11-20T10:40:00Z", "2026-11-20T12:10:00Z"] {
            let incident = explained(&one, at);
            assert_eq!(incident["verdict"], "cannot_tell", "{at}: {incident:#}");
            let resets_at = &incident["resets_at"];
            assert_eq!(resets_at, "2026-11-24T06:00:00Z", "{at}: {incident:#}");
            let headline = incident["headline"].as_str().unwrap();
            assert!(headline.starts_with("Another message says"), "{headline}");
        }
    }
}

/// A headless run receives an unconfirmed message about the weekly limit. Another session's confirmed 5-hour limit does
/// not confirm it. After the 5-hour window resets, the verdict is therefore undecided, and `now` never shows the weekly
/// window as full.
#[test]
fn an_unconfirmed_weekly_limit_stays_unconfirmed_beside_a_confirmed_limit() {
    let sandbox = with_a_private_login();
    let [one, other] = two_of_the_login(&sandbox);
    one.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    other.receives_error(
        "2026-11-20T10:30:00Z",
        WEEKLY,
        json!({"entrypoint": "sdk-cli"}),
    );
    for (at, verdict) in [
        ("2026-11-20T10:40:00Z", "real"),
        ("2026-11-20T12:10:00Z", "cannot_tell"),
    ] {
        let incident = explained(&one, at);
        assert_eq!(incident["verdict"], verdict, "{at}: {incident:#}");
        let now = one.run(at, &["now"], b"");
        let windows_row = now.success().lines().next().unwrap();
        assert!(!windows_row.contains("week 100%"), "{at}: {}", now.stdout);
    }
}

/// Once a window has reset, the headline must no longer list it as used up.
#[test]
fn a_window_that_has_reset_is_not_called_used_up() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    client.calls_status_line(SOON, windows(100.0, NOON, 100.0, TUESDAY), 120);
    let both = client.explained("2026-11-20T11:00:00Z")["headline"].to_string();
    assert!(
        both.contains("Your 5-hour limit and your weekly limit are used up"),
        "{both}"
    );
    let only_weekly = client.explained("2026-11-20T12:30:00Z")["headline"].to_string();
    assert!(
        only_weekly
            .contains("Your weekly limit is still used up; you can continue on Tue Nov 24 06:00"),
        "{only_weekly}"
    );
}

/// Returns the headline of the first entry of `incidents`.
fn headline_of_newest(client: &Client<'_>, at: &str) -> String {
    let listed = client.run(at, &["incidents", "--json"], b"").json();
    listed["incidents"][0]["headline"].to_string()
}

/// A window that fills up after a stop must not be listed as a cause of that stop.
#[test]
fn a_window_that_fills_up_later_is_not_the_cause_of_the_limit() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(
        "2026-11-20T09:59:00Z",
        windows(96.0, NOON, 17.0, TUESDAY),
        120,
    );
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    client.calls_status_line(SOON, windows(100.0, NOON, 17.0, TUESDAY), 120);
    client.works("2026-11-20T12:01:00Z", 10);
    let before = headline_of_newest(&client, "2026-11-20T12:02:00Z");
    client.calls_status_line(
        "2026-11-20T12:05:00Z",
        windows(3.0, NOON + 18_000, 100.0, TUESDAY),
        120,
    );
    let after = headline_of_newest(&client, "2026-11-20T12:06:00Z");
    assert_eq!(after, before);
    assert!(!after.contains("weekly"), "{after}");
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

/// Both windows were full and a cap was reached, or the organization allowed no usage credits. Every screen promised that the
/// session could continue at the reset of the 5-hour window.
#[test]
fn a_cap_stays_in_effect_until_the_later_of_two_full_windows_resets() {
    let of_user =
        "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage";
    let of_organization = "You've hit your org's monthly spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets 12pm (UTC)";
    let of_member = "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets 12pm (UTC)";
    let of_seat = "Your seat type doesn't include usage credits";
    let of_group = "Your group's usage limit is set to $0 · run /usage-credits to ask your admin for a higher limit";
    for (plan, text, no_credits) in [
        ("max", of_user, "org_level_disabled_until"),
        ("max", of_organization, "org_level_disabled_until"),
        ("team", of_organization, "org_level_disabled_until"),
        ("team", of_member, "member_level_disabled"),
        ("team", of_seat, "seat_tier_level_disabled"),
        ("enterprise", of_group, "group_zero_credit_limit"),
    ] {
        for weekly in [100.0, 99.0] {
            let case = format!("{plan}, {weekly}%: {text}");
            let sandbox = Sandbox::new();
            let role = if plan == "max" { "admin" } else { "user" };
            Client::logged_in(&sandbox, plan, role);
            let client = session_of_login(&sandbox, "stopped");
            let reported = || windows(100.0, NOON, weekly, TUESDAY);
            hits_limit(
                &client,
                AT,
                text,
                &refused("five_hour", NOON, no_credits),
                reported(),
            );
            let at = "2026-11-20T10:01:00Z";
            let [continues, resets] = if weekly < 100.0 {
                ["at 12:00", "resets at 12:00"]
            } else {
                ["on Tue Nov 24 06:00", "resets Tue Nov 24 06:00"]
            };
            let row = plain_rows(&client, at, reported());
            assert!(row.contains(resets), "{case}: {row}");
            let sentence = format!("you can continue {continues}");
            for screen in [
                answer(&client, at),
                flat(client.run(at, &["explain"], b"").success()),
                flat(client.run(at, &["now"], b"").success()),
            ] {
                assert!(screen.contains(&sentence), "{case}: {screen}");
                assert!(!screen.contains("different reset time"), "{case}: {screen}");
            }
            let blocks = code(&client, "2026-11-20T12:10:00Z") == 10;
            assert_eq!(blocks, weekly >= 100.0, "{case}");
        }
    }
}

/// An early reset of the weekly window does not reset the 5-hour window.
#[test]
fn the_limit_is_over_only_when_both_windows_have_room() {
    let sandbox = with_a_private_login();
    let [one, other] = ["one", "other"].map(|name| Client::with_session(&sandbox, name));
    one.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    one.calls_status_line(SOON, windows(100.0, NOON, 100.0, TUESDAY), 120);
    for (at, five_hour, expected) in [
        ("2026-11-20T10:20:00Z", 100.0, 10),
        ("2026-11-20T10:30:00Z", 2.0, 0),
    ] {
        other.calls_status_line(at, windows(five_hour, NOON, 3.0, TUESDAY + 1), 120);
        assert_eq!(code(&one, at), expected, "{five_hour}");
    }
}

/// Claude Code does not report usage windows for Team accounts. If an admin raises the cap and another session
/// continues, `wait` must not keep waiting for the reset.
#[test]
fn a_response_elsewhere_ends_the_limit_if_no_window_is_known() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let [one, other] = ["one", "other"].map(|name| Client::with_session(&sandbox, name));
    for client in [&one, &other] {
        belongs_to(client, PRIVATE, "team-organization");
    }
    let text = "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets 12pm (UTC)";
    let quota = refused("five_hour", NOON, "org_level_disabled_until");
    one.receives_error(AT, text, quota);
    other.receives_response("2026-11-20T10:01:00Z");
    let was_on_its_way = code(&one, "2026-11-20T10:01:01Z");
    assert_eq!(was_on_its_way, 10);
    other.receives_response("2026-11-20T10:20:00Z");
    assert_eq!(code(&one, "2026-11-20T10:20:01Z"), 0);
    let waits = one.run("2026-11-20T10:20:01Z", &["wait", "--timeout", "1s"], b"");
    assert_eq!(waits.code, 0, "{waits:?}");
    assert_eq!(one.explained("2026-11-20T10:20:01Z")["open"], false);
}

/// Usage credits pay for responses while a window is full, so such a response does not show that the window has reset.
#[test]
fn a_response_paid_from_credits_does_not_end_a_window_limit() {
    for (used, expected) in [(100.0, 10), (80.0, 0)] {
        let sandbox = with_a_private_login();
        let [one, other] = two_of_the_login(&sandbox);
        let usage = windows(used, NOON, 40.0, TUESDAY);
        one.calls_status_line("2026-11-20T09:59:00Z", usage, 120);
        one.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
        other.receives_response("2026-11-20T10:20:00Z");
        assert_eq!(code(&one, "2026-11-20T10:20:01Z"), expected, "{used}");
    }
}

/// The weekly Opus limit stops one session on Friday, and another session receives a response from Opus half a minute
/// later. `wait` must not wait until Tuesday. A response from a different model shows nothing about the limit.
#[test]
fn a_response_elsewhere_ends_a_model_limit_only_if_the_same_model_responds() {
    for (model, is_over) in [("claude-opus-5-5", true), ("claude-sonnet-5-5", false)] {
        let sandbox = with_a_private_login();
        let [one, mut other] = two_of_the_login(&sandbox);
        reaches_opus_limit(&one, "org_level_disabled");
        let usage = windows(30.0, NOON, 30.0, TUESDAY);
        one.calls_status_line(SOON, usage.clone(), 120);
        stores_credits_reason(&sandbox, &json!("org_level_disabled"));
        model.clone_into(&mut other.model);
        other.sends_prompt("2026-11-20T10:00:20Z", "continue");
        other.receives_response("2026-11-20T10:00:25Z");
        other.calls_status_line("2026-11-20T10:00:26Z", usage.clone(), 120);

        let at = "2026-11-20T10:00:40Z";
        let expected = if is_over { 0 } else { 10 };
        assert_eq!(code(&one, at), expected, "{model}");
        let waited = one.run(at, &["wait", "--timeout", "1s"], b"");
        assert_eq!(waited.code == 0, is_over, "{model}: {waited:?}");
        assert_eq!(waited.stderr.is_empty(), is_over, "{model}: {waited:?}");
        let listed = flat(one.run(at, &["incidents"], b"").success());
        let state = if is_over {
            "another session received a response at 10:00"
        } else {
            "(still applies to one family of models, but another session responded at 10:00)"
        };
        assert!(listed.contains(state), "{model}: {listed}");
        let row = one.calls_status_line(at, usage, 160).stdout;
        assert_eq!(row.contains("Opus limit"), !is_over, "{model}: {row}");
    }
}

/// A limit of one model stops one session, and the user continues in another session with usage credits, as whycap
/// suggests. The limit still applies, and each response costs extra, so `whycap wait && claude -c` must not start yet. If
/// the server did not accept credits at first, the user may have turned them on.
#[test]
fn a_response_that_credits_may_have_paid_for_does_not_end_a_model_limit() {
    for (window, limit, model) in [
        ("seven_day_opus", "Opus", "claude-opus-5-5"),
        ("seven_day_overage_included", "Fable", "claude-fable-5-2"),
    ] {
        for reason in ["", "org_level_disabled"] {
            let case = format!("{limit} {reason}");
            let sandbox = with_a_private_login();
            let [mut one, mut other] = two_of_the_login(&sandbox);
            for client in [&mut one, &mut other] {
                model.clone_into(&mut client.model);
            }
            one.receives_response("2026-11-20T09:50:00Z");
            let text = format!("You've hit your {limit} limit · resets Nov 24, 6am (UTC)");
            one.receives_error(AT, &text, refused(window, TUESDAY, reason));
            let usage = || windows(30.0, NOON, 30.0, TUESDAY);
            one.calls_status_line(SOON, usage(), 120);
            other.sends_prompt("2026-11-20T10:04:50Z", "continue");
            other.receives_response("2026-11-20T10:05:00Z");
            other.api_ms += 5000;
            other.calls_status_line("2026-11-20T10:05:01Z", usage(), 120);
            stores_credits_reason(&sandbox, &Value::Null);

            let at = "2026-11-20T10:06:00Z";
            assert_eq!(code(&one, at), 10, "{case}");
            let waited = one.run(at, &["wait", "--timeout", "1s"], b"");
            assert_eq!(waited.code, 124, "{case}");
            assert!(waited.stderr.contains("timed out"), "{case}");
            let row = plain_rows(&one, at, usage());
            assert!(row.contains(&format!("{limit} limit")), "{case}: {row}");
        }
    }
}

/// Stops a session at the weekly Opus limit. `reason` is the server's reason for not accepting usage credits.
fn reaches_opus_limit(client: &Client<'_>, reason: &str) {
    client.works("2026-11-20T09:50:00Z", 10);
    let text = "You've hit your Opus limit · resets Nov 24, 6am (UTC)";
    client.receives_error(AT, text, refused("seven_day_opus", TUESDAY, reason));
}

/// The user has used up credits, buys more after the Opus limit stops a session, and uses them up in another session. The
/// server then gives the same reason as at first. The responses were paid for, so the limit still applies.
#[test]
fn responses_paid_for_with_credits_that_ran_out_again_do_not_end_a_model_limit() {
    for (reason, is_over) in [
        ("out_of_credits", false),
        ("org_level_disabled_until", false),
        ("org_spend_cap_reached", false),
        ("fetch_error", false),
        ("a_reason_that_whycap_does_not_know", false),
        ("org_level_disabled", true),
    ] {
        let sandbox = with_a_private_login();
        let [one, other] = two_of_the_login(&sandbox);
        reaches_opus_limit(&one, reason);
        stores_credits_reason(&sandbox, &Value::Null);
        other.receives_response("2026-11-20T10:05:00Z");
        assert_eq!(code(&one, "2026-11-20T10:06:00Z"), 10, "{reason}");
        stores_credits_reason(&sandbox, &json!(reason));
        let arguments = ["explain", "--exit-code", "--session", "one"];
        let explained = one.run("2026-11-20T11:00:00Z", &arguments, b"");
        assert_eq!(explained.code == 0, is_over, "{reason}: {explained:?}");
    }
}

/// Usage credits were never set up when the Opus limit stopped a session. The user sets them up, receives a response in
/// another session, and turns them off. Since they may have paid for the response, the limit still applies. `explain` said
/// that it was over.
#[test]
fn a_model_limit_still_applies_if_credits_were_set_up_and_turned_off_in_between() {
    let sandbox = with_a_private_login();
    let [one, other] = two_of_the_login(&sandbox);
    reaches_opus_limit(&one, "overage_not_provisioned");
    other.receives_response("2026-11-20T10:05:00Z");
    stores_credits_reason(&sandbox, &json!("org_level_disabled"));
    assert_eq!(code(&one, "2026-11-20T10:06:00Z"), 10);
}

/// The Opus limit stops a session of an account that does not use credits. The user turns them on, receives a response in
/// another session, and logs in with a second account without credits. Its reason says nothing about the first account.
#[test]
fn the_credits_of_another_login_do_not_decide_whether_a_model_limit_is_over() {
    let sandbox = with_a_private_login();
    let [one, other] = two_of_the_login(&sandbox);
    reaches_opus_limit(&one, "org_level_disabled");
    other.receives_response("2026-11-20T10:05:00Z");
    let second_login = json!({
        "oauthAccount": {"accountUuid": "second-account", "organizationType": "claude_pro"},
        "cachedExtraUsageDisabledReason": "org_level_disabled",
    });
    sandbox.write(".claude.json", second_login.to_string());
    let arguments = ["explain", "--json", "--session", "one"];
    let explained = one.run("2026-11-20T10:06:00Z", &arguments, b"").json();
    let incident = &explained["incident"];
    assert_eq!(incident["open"], true, "{incident:#}");
}

/// The weekly Opus limit stops one session. Another session receives a response from Opus, and a third one receives a
/// response from Sonnet later. The row of the stopped session must not say at 10:06 that the limit is over and at 10:11
/// that it applies again. Like every other command, the row says that the limit is over once `explain` has found its end.
#[test]
fn the_row_about_a_model_limit_does_not_change_back() {
    let sandbox = with_a_private_login();
    let [one, other] = two_of_the_login(&sandbox);
    let mut third = session_of_login(&sandbox, "third");
    "claude-sonnet-5-5".clone_into(&mut third.model);
    reaches_opus_limit(&one, "org_level_disabled");
    stores_credits_reason(&sandbox, &json!("org_level_disabled"));
    let usage = |percent: f64| windows(percent, NOON, 30.0, TUESDAY);
    one.calls_status_line(SOON, usage(30.0), 120);
    let shows_limit = |at: &str| plain_rows(&one, at, usage(30.0)).contains("Opus limit");
    let responds = |client: &Client<'_>, minute: &str, percent: f64| {
        client.sends_prompt(&format!("2026-11-20T10:{minute}:00Z"), "continue");
        client.receives_response(&format!("2026-11-20T10:{minute}:05Z"));
        client.calls_status_line(&format!("2026-11-20T10:{minute}:06Z"), usage(percent), 120);
    };
    responds(&other, "05", 31.0);
    let before = shows_limit("2026-11-20T10:06:00Z");
    responds(&third, "10", 32.0);
    assert_eq!(shows_limit("2026-11-20T10:11:00Z"), before);
    assert_eq!(code(&one, "2026-11-20T10:12:00Z"), 0);
    assert!(!shows_limit("2026-11-20T10:13:00Z"));
}

/// The weekly Opus limit stops a session with Opus 5.5 in the 1M context. Another session receives a response from
/// Opus 5 between two responses from Sonnet. All models of the family have the same limit.
#[test]
fn a_response_of_the_family_counts_between_responses_of_another_model() {
    let sandbox = with_a_private_login();
    let [mut one, mut other] = two_of_the_login(&sandbox);
    one.works("2026-11-20T09:50:00Z", 10);
    "claude-opus-5-5[1m]".clone_into(&mut one.model);
    one.receives_error(
        AT,
        "You've hit your Opus limit · resets Nov 24, 6am (UTC)",
        refused("seven_day_opus", TUESDAY, "org_level_disabled"),
    );
    stores_credits_reason(&sandbox, &json!("org_level_disabled"));
    one.calls_status_line(SOON, windows(30.0, NOON, 30.0, TUESDAY), 120);
    for (minute, model) in [
        ("05", "claude-sonnet-5-5"),
        ("10", "claude-opus-5"),
        ("15", "claude-sonnet-5-5"),
    ] {
        model.clone_into(&mut other.model);
        other.receives_response(&format!("2026-11-20T10:{minute}:00Z"));
    }
    let at = "2026-11-20T10:16:00Z";
    assert_eq!(code(&one, at), 0);
    let incident = one.explained(at);
    let headline = incident["headline"].as_str().unwrap();
    assert!(headline.contains("10:10"), "{headline}");
}

/// Another session receives a response from Opus after the weekly Opus limit, and the 5-hour limit stops that session
/// soon afterward. The Opus limit is still over, and only the 5-hour limit applies.
#[test]
fn another_limit_does_not_renew_a_model_limit() {
    for (text, quota, is_over) in [
        (
            FIVE_HOUR,
            refused("five_hour", NOON, "org_level_disabled"),
            true,
        ),
        (
            "You've hit your Opus limit · resets Nov 24, 6am (UTC)",
            refused("seven_day_opus", TUESDAY, "org_level_disabled"),
            false,
        ),
        // The server refuses the request because the Opus limit still applies, although it does not name that limit.
        (
            "You're out of usage credits · resets Nov 24, 6am (UTC)",
            refused("overage", TUESDAY, "org_level_disabled"),
            false,
        ),
    ] {
        let sandbox = with_a_private_login();
        let [one, other] = two_of_the_login(&sandbox);
        reaches_opus_limit(&one, "org_level_disabled");
        stores_credits_reason(&sandbox, &json!("org_level_disabled"));
        other.receives_response("2026-11-20T10:05:00Z");
        other.receives_error("2026-11-20T10:10:00Z", text, quota);
        let listed = one.run("2026-11-20T10:11:00Z", &["incidents", "--json"], b"");
        let incidents = listed.json()["incidents"].clone();
        let opus = incidents
            .as_array()
            .unwrap()
            .iter()
            .find(|incident| incident["session_id"] == "one")
            .unwrap_or_else(|| panic!("{incidents:#}"));
        assert_eq!(opus["open"], !is_over, "{text}: {opus:#}");
    }
}

/// The spend cap of an organization stops a session, and the message mentions when the Opus limit resets. Another session
/// receives a response, and its 5-hour limit stops it soon afterward. The organization's cap may have caused that, too.
#[test]
fn a_cap_whose_message_mentions_a_model_limit_is_renewed_by_any_limit() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let [mut one, other] = two_of_the_login(&sandbox);
    "2.1.230".clone_into(&mut one.version);
    one.works("2026-11-20T09:50:00Z", 10);
    let text =
        "You've hit your org's monthly spend limit · your Opus limit resets Nov 24, 6am (UTC)";
    one.receives_error(AT, text, json!({}));
    other.receives_response("2026-11-20T10:05:00Z");
    let is_open = |at: &str| {
        let arguments = ["explain", "--json", "--session", "one"];
        one.run(at, &arguments, b"").json()["incident"]["open"].clone()
    };
    assert_eq!(is_open("2026-11-20T10:06:00Z"), false);
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    other.receives_error("2026-11-20T10:10:00Z", FIVE_HOUR, refusal);
    assert_eq!(is_open("2026-11-20T10:11:00Z"), true);
}

/// Claude Code does not wait for resets that are days away. When such a reset is near, `explain` must still not promise
/// that the session will continue automatically.
#[test]
fn a_session_that_does_not_wait_for_days_does_not_continue_on_the_last_day() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
    for at in [SOON, "2026-11-23T20:00:00Z"] {
        assert_eq!(client.explained(at)["continues_at"], Value::Null, "{at}");
    }
    let line = client.calls_status_line("2026-11-24T06:00:20Z", Value::Null, 160);
    assert!(
        !line.success().contains("continue shortly"),
        "{}",
        line.stdout
    );
}

/// Claude Code does not wait for a weekly reset by itself, but its menu offers to do so. The advice must mention this
/// choice, but only if this version is known to offer it, and only while the session is not waiting yet.
#[test]
fn the_offer_to_wait_for_a_weekly_reset_is_mentioned() {
    let offer = "choose \"Wait here, then continue automatically\" in /rate-limit-options";
    for (version, entrypoint, is_offered) in [
        ("2.1.331", "cli", true),
        ("2.1.328", "cli", false),
        ("2.1.331", "sdk-cli", false),
    ] {
        let case = format!("{version} {entrypoint}");
        let sandbox = with_a_private_login();
        let mut client = session_of_login(&sandbox, "stopped");
        client.version = version.to_owned();
        let mut refusal = refused("seven_day", TUESDAY, "");
        refusal["entrypoint"] = json!(entrypoint);
        client.receives_error(AT, WEEKLY, refusal);
        let line = client.calls_status_line(SOON, windows(40.0, NOON, 100.0, TUESDAY), 120);
        assert!(!line.success().contains("Wait here"), "{case}: {line:?}");
        let at = "2026-11-20T10:01:00Z";
        let explained = flat(client.run(at, &["explain"], b"").success());
        assert_eq!(explained.contains(offer), is_offered, "{case}: {explained}");
        if !is_offered {
            continue;
        }
        assert!(
            explained.contains("1. Wait until Tue Nov 24 06:00"),
            "{explained}"
        );
        // The menu in another session cannot make the stopped session wait.
        let other = session_of_login(&sandbox, "other");
        let elsewhere = answer(&other, at);
        assert!(!elsewhere.contains("Wait here"), "{elsewhere}");
        let announced_at = "2026-11-20T10:01:30Z";
        client.announces(
            announced_at,
            "Usage limit reached · set to continue automatically at Nov 24, 6am",
        );
        let waiting = flat(
            client
                .run("2026-11-20T10:02:00Z", &["explain"], b"")
                .success(),
        );
        assert!(!waiting.contains("Wait here"), "{waiting}");
        assert!(waiting.contains("leave the session open"), "{waiting}");
    }
}

/// Any prompt cancels the auto-resume, even one that fails because of an outage.
#[test]
fn a_session_with_a_newer_error_does_not_continue_automatically() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    assert_eq!(continues_at(&client, SOON), "2026-11-20T12:01:30Z");
    let overloaded = json!({"error": "overloaded", "apiErrorStatus": 529});
    client.receives_error(
        "2026-11-20T10:10:00Z",
        "API Error: 529 Overloaded",
        overloaded,
    );
    let later = client.explained("2026-11-20T10:50:00Z");
    assert_eq!(later["limit"], "five_hour", "{later:#}");
    assert_eq!(later["continues_at"], Value::Null);
}

#[test]
fn a_closed_session_does_not_continue_automatically() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    assert_eq!(continues_at(&client, SOON), "2026-11-20T12:01:30Z");
    let leaves = json!({"reason": "prompt_input_exit"});
    client.event("2026-11-20T10:05:00Z", "SessionEnd", leaves);
    assert_eq!(continues_at(&client, "2026-11-20T10:06:00Z"), Value::Null);
}

/// A monthly spending cap that was reached in November must not be reported as reached in December.
#[test]
fn a_monthly_cap_ends_with_the_month() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let client = Client::new(&sandbox);
    let text = "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit";
    client.receives_error("2026-11-27T10:00:00Z", text, json!({}));
    assert_ne!(code(&client, "2026-11-30T23:00:00Z"), 0);
    assert_eq!(code(&client, "2026-12-01T13:00:00Z"), 0);
    let incident = client.explained("2026-12-01T13:00:00Z");
    let headline = incident["headline"].as_str().unwrap();
    assert!(headline.contains("a new month has begun"), "{headline}");
    let text = "API Error: 400 Monthly spend limit reached. Current usage: $150.00 / $150.00 limit";
    let status = json!({"error": "unknown", "apiErrorStatus": 400});
    client.receives_error("2026-12-30T10:00:00Z", text, status);
    assert_eq!(code(&client, "2026-12-31T10:00:00Z"), 11);
    assert_eq!(code(&client, "2027-01-01T13:00:00Z"), 0);
}

/// Caps in the Console end with the month in UTC, even if the user's month ends at another time.
#[test]
fn a_cap_in_the_console_ends_with_the_month_in_utc() {
    let text = "API Error: 400 Monthly spend limit reached. Current usage: $150.00 / $150.00 limit";
    let status = json!({"error": "unknown", "apiErrorStatus": 400});
    for zone in ["America/Los_Angeles", "Asia/Tokyo"] {
        let sandbox = Sandbox::new().variable("TZ", zone);
        let client = Client::new(&sandbox);
        client.receives_error(AT, text, status.clone());
        assert_eq!(code(&client, "2026-11-30T23:59:00Z"), 11, "{zone}");
        assert_eq!(code(&client, "2026-12-01T00:02:00Z"), 0, "{zone}");
    }
}

/// The output must not say that credits are paying for responses if their cap has been reached.
#[test]
fn nobody_is_shown_as_paying_after_the_credit_cap_is_reached() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    client.works("2026-11-20T09:58:00Z", 1_000);
    client.calls_status_line("2026-11-20T09:58:01Z", full.clone(), 120);
    client.works(AT, 100_000);
    client.calls_status_line(SOON, full.clone(), 120);
    assert_ne!(paying(&client, "2026-11-20T10:00:03Z"), Value::Null);
    let text = "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage · your 5-hour limit resets 12pm (UTC)";
    let quota = refused("five_hour", NOON, "org_level_disabled_until");
    client.receives_error("2026-11-20T10:10:00Z", text, quota);
    assert_eq!(paying(&client, "2026-11-20T10:11:00Z"), Value::Null);
    client.works("2026-11-20T10:15:00Z", 100_000);
    client.calls_status_line("2026-11-20T10:15:01Z", full, 120);
    let after_raise = paying(&client, "2026-11-20T10:15:02Z");
    assert_ne!(after_raise, Value::Null, "the cap was raised");
}

/// Returns the status line of a session that always reports a full 5-hour window.
fn line_with_full_window(client: &Client<'_>, at: &str) -> String {
    let status_line = client.calls_status_line(at, windows(100.0, NOON, 40.0, TUESDAY), 160);
    whycap::terminal::strip_ansi(status_line.success())
}

/// Hours after a reset, the status line must not show "5h 0%" if no session has reported the usage of the window since
/// the reset. `now` left out the window right after the reset, while the row showed it.
#[test]
fn usage_after_a_reset_is_not_shown_as_zero_hours_later() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let before = line_with_full_window(&client, "2026-11-20T11:59:00Z");
    assert!(before.contains("5h 100%"), "{before}");
    let just_over = line_with_full_window(&client, "2026-11-20T12:00:30Z");
    assert!(just_over.contains("5h 0% (reset 12:00)"), "{just_over}");
    let idle = session_of_login(&sandbox, "idle");
    let of_idle = idle.calls_status_line("2026-11-20T12:00:30Z", Value::Null, 160);
    let of_idle = whycap::terminal::strip_ansi(of_idle.success());
    assert!(of_idle.contains("5h 0% (reset 12:00)"), "{of_idle}");
    assert_eq!(five_hour_usage(&client, "2026-11-20T12:00:30Z"), 0.0);
    let hours_later = line_with_full_window(&client, "2026-11-20T21:00:00Z");
    assert!(
        !hours_later.contains("5h 0%") && hours_later.contains("week 40%"),
        "{hours_later}"
    );
    let usage = five_hour_usage(&client, "2026-11-20T21:00:00Z");
    assert_eq!(usage, Value::Null);
}

/// `now` must warn about a full window even if no request of the main conversation has been refused.
#[test]
fn a_full_window_without_an_error_is_not_reported_as_room() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let [nearly_full, full] = [99.0, 100.0].map(|five_hour| {
        client.calls_status_line(SOON, windows(five_hour, NOON, 40.0, TUESDAY), 120);
        let now = client.run("2026-11-20T10:00:05Z", &["now"], b"");
        now.success().to_owned()
    });
    assert!(
        nearly_full.contains("no limit is blocking you"),
        "{nearly_full}"
    );
    assert!(
        full.contains("no limit is blocking you now, but a usage window is full"),
        "{full}"
    );
}

/// Shortly after the reset, all commands must tell the user to leave the session open, because sending a prompt would
/// cancel the auto-resume.
#[test]
fn just_after_the_reset_every_output_lets_the_session_continue_automatically() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    for (at, continues) in [
        ("2026-11-20T12:00:20Z", true),
        ("2026-11-20T12:03:00Z", false),
    ] {
        let line = client.calls_status_line(at, Value::Null, 160).stdout;
        assert_eq!(line.contains("will continue shortly"), continues, "{at}");
        let incident = client.explained(at);
        let headline = incident["headline"].as_str().unwrap();
        assert_eq!(
            headline.contains("will continue shortly"),
            continues,
            "{headline}"
        );
        assert_eq!(incident["continues_at"].is_null(), !continues, "{at}");
        let first = incident["actions"][0]["do"].as_str().unwrap();
        assert_eq!(
            first.starts_with("Leave the session open"),
            continues,
            "{first}"
        );
    }
}

/// `explain` must not suggest buying credits if existing credits are already paying for responses.
#[test]
fn credits_that_already_pay_for_another_session_need_not_be_bought() {
    let sandbox = with_a_private_login();
    let [one, other] = two_of_the_login(&sandbox);
    one.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, "out_of_credits"));
    one.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
    let before = one.explained("2026-11-20T10:05:00Z")["actions"].to_string();
    assert!(before.contains("Or add usage credits"), "{before}");
    other.receives_response("2026-11-20T10:10:00Z");
    other.calls_status_line(
        "2026-11-20T10:10:01Z",
        windows(100.0, NOON, 40.0, TUESDAY),
        120,
    );
    let since = one.explained("2026-11-20T10:11:00Z")["actions"].to_string();
    assert!(
        since.contains("Or continue now with usage credits (costs money)")
            && !since.contains("Or add usage credits"),
        "{since}"
    );
}

/// If a window is full during an outage, `explain` must mention both.
#[test]
fn an_outage_does_not_hide_a_full_window() {
    let text = "API Error: 529 Overloaded.";
    let busy = "API Error: Server is temporarily limiting requests (not your usage limit)";
    for (used, text, resets, is_told) in [
        (100.0, text, NOON, true),
        (100.0, busy, NOON, true),
        (97.0, text, NOON, false),
        // This window resets before `explain` runs.
        (100.0, text, NOON - 7_170, false),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.calls_status_line(
            "2026-11-20T09:59:00Z",
            windows(used, resets, 40.0, TUESDAY),
            120,
        );
        client.receives_error(AT, text, json!({}));
        client.calls_status_line(SOON, windows(used, resets, 40.0, TUESDAY), 120);
        let incident = client.explained("2026-11-20T10:00:40Z");
        for (place, expected_text) in [
            ("headline", "used up until 12:00"),
            ("actions", "one of your plan's limits is also used up"),
        ] {
            let text_there = incident[place].to_string();
            assert_eq!(
                text_there.contains(expected_text),
                is_told,
                "{used} {text}: {text_there}"
            );
        }
    }
}

/// A session was throttled, another one received a response, and soon afterward reached a limit. That limit was called the
/// cause of the throttling, which `explain` and `wait` no longer considered over.
#[test]
fn a_later_limit_does_not_undo_the_end_of_throttling() {
    let throttled = "API Error: Server is temporarily limiting requests (not your usage limit)";
    let is_over = "There were too many requests at once (not your usage limit), but another session received a response at 10:00";
    let disabled = refused("five_hour", NOON, "org_level_disabled");
    let until_reset = refused("five_hour", NOON, "org_level_disabled_until");
    for (text, refusal, used, waits_until) in [
        (FIVE_HOUR, disabled, 100.0, Some("12:00")),
        (ORG, until_reset, 42.0, None),
    ] {
        let sandbox = with_a_private_login();
        let [mut throttled_session, mut other] = two_of_the_login(&sandbox);
        let used_before = windows(40.0, NOON, 40.0, TUESDAY);
        receives_response(&mut throttled_session, "2026-11-20T09:50:00Z", used_before);
        throttled_session.receives_error(AT, throttled, json!({}));
        let used_then = windows(41.0, NOON, 40.0, TUESDAY);
        throttled_session.calls_status_line(SOON, used_then.clone(), 120);
        other.sends_prompt("2026-11-20T10:00:30Z", "continue");
        receives_response(&mut other, "2026-11-20T10:00:32Z", used_then);
        let reported = windows(used, NOON, 40.0, TUESDAY);
        hits_limit(&other, "2026-11-20T10:02:00Z", text, &refusal, reported);
        for at in ["2026-11-20T10:02:20Z", "2026-11-20T10:20:00Z"] {
            let explain = ["explain", "--session", &throttled_session.session];
            let explanation = flat(throttled_session.run(at, &explain, b"").success());
            assert!(explanation.contains(is_over), "{explanation}");
            let incidents = flat(other.run(at, &["incidents"], b"").success());
            assert!(incidents.contains("rate limit 1 - 32 s"), "{incidents}");
            let more = ["--session", &throttled_session.session, "--timeout", "1s"];
            let waited = waits(&other, at, &more);
            match waits_until {
                Some(time) => assert!(
                    waited.stderr.contains("timed out")
                        && flat(&waited.stdout).contains(&format!("Waiting until {time}")),
                    "{waited:?}"
                ),
                None => assert_eq!(waited.code, 0, "{waited:?}"),
            }
        }
    }
}

/// After a limit, usage credits paid for responses in another session, which was then refused as well. The row of the stopped
/// session still said that credits pay, and its steps offered to continue with them.
#[test]
fn credits_do_not_pay_after_another_session_was_refused() {
    for (text, limit, reason, step) in [
        (
            FIVE_HOUR,
            "five_hour",
            "",
            "Or continue now with usage credits",
        ),
        (
            "You're out of usage credits \u{b7} resets 12pm (UTC)",
            "overage",
            "out_of_credits",
            "Or add usage credits",
        ),
        (
            "You're out of usage credits \u{b7} resets 12pm (UTC)",
            "five_hour",
            "out_of_credits",
            "Or add usage credits",
        ),
        (
            "You've hit your monthly spend limit \u{b7} raise it at https://claude.ai/settings/usage",
            "five_hour",
            "org_level_disabled_until",
            "Or raise your own monthly cap on usage credits",
        ),
    ] {
        let sandbox = with_a_private_login();
        let [stopped, mut other] = two_of_the_login(&sandbox);
        let full = windows(100.0, NOON, 40.0, TUESDAY);
        let refusal = refused("five_hour", NOON, "");
        hits_limit(&stopped, AT, FIVE_HOUR, &refusal, full.clone());
        for at in ["2026-11-20T10:02:00Z", "2026-11-20T10:04:00Z"] {
            other.sends_prompt(at, "continue");
            receives_response(&mut other, &after(at, 2), full.clone());
        }
        assert!(plain_rows(&stopped, "2026-11-20T10:05:00Z", full.clone()).contains("credits"));
        let refusal = refused(limit, NOON, reason);
        hits_limit(&other, "2026-11-20T10:10:00Z", text, &refusal, full.clone());
        receives_overload_error(&other, "2026-11-20T10:10:30Z");
        let at = "2026-11-20T10:11:00Z";
        let rows = plain_rows(&stopped, at, full);
        assert!(
            rows.contains("5-hour limit") && !rows.contains("credits"),
            "{reason}: {rows}"
        );
        let shown = answer(&stopped, at);
        assert!(shown.contains(step), "{reason}: {shown}");
    }
}

/// The windows of the plan do not matter to a session that uses a key.
#[test]
fn a_throttled_key_is_not_blamed_on_the_plan() {
    let text = "API Error: 429 Number of request tokens has exceeded your per-minute rate limit";
    let sandbox = with_a_private_login();
    let on_plan = Client::with_session(&sandbox, "on-plan");
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    on_plan.calls_status_line("2026-11-20T09:59:00Z", full, 120);
    let mut client = Client::with_session(&sandbox, "with-key");
    let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned());
    client.variables.push(key);
    for (at, text) in [
        (AT, text),
        ("2026-11-20T10:05:00Z", "API Error: 529 Overloaded."),
    ] {
        client.receives_error(at, text, json!({}));
        let asked_at = at.replace(":00Z", ":40Z");
        let arguments = ["explain", "--json", "--session", "with-key"];
        let incident = client.run(&asked_at, &arguments, b"").json()["incident"].clone();
        assert_ne!(incident, Value::Null);
        assert!(
            !incident.to_string().contains("also used up"),
            "{incident:#}"
        );
    }
}

/// If credits pay for a response in another session, the limit on credits is over.
#[test]
fn a_credit_limit_ends_when_credits_pay_for_another_session() {
    let text = "You've hit your monthly spend limit \u{b7} raise it at claude.ai/settings/usage";
    let sandbox = with_a_private_login();
    let [one, other] = two_of_the_login(&sandbox);
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    one.calls_status_line("2026-11-20T09:58:00Z", full.clone(), 120);
    one.receives_error(
        AT,
        text,
        refused("five_hour", NOON, "org_level_disabled_until"),
    );
    assert_ne!(code(&one, SOON), 0);
    other.receives_response("2026-11-20T10:10:00Z");
    other.calls_status_line("2026-11-20T10:10:01Z", full, 120);
    assert_eq!(code(&one, "2026-11-20T10:11:00Z"), 0);
    // Waiting is free, so it comes first.
    let actions = one.explained("2026-11-20T10:11:00Z")["actions"].clone();
    assert_eq!(actions[0]["costs_money"], false, "{actions}");
    assert_eq!(actions[1]["costs_money"], true, "{actions}");
}

/// After a reboot, no process is left that could resume the session automatically.
#[test]
fn a_session_without_a_process_does_not_continue_automatically() {
    let session = "5a7d3c1e-0000-4000-a000-00000000c0de";
    for (start, session_of_file, goes_on) in [
        (None, session, true),
        (Some("1"), session, false),
        // Claude Code removed the session's own file when the next session started.
        (Some("1"), "the next one", false),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
        if let Some(start) = start {
            // No running process has such an early start time.
            let left = json!({"pid": std::process::id(), "procStart": start, "sessionId": session_of_file});
            sandbox.write(".claude/sessions/7.json", left.to_string());
        }
        let incident = client.explained("2026-11-20T10:05:00Z");
        assert_eq!(incident["continues_at"].is_string(), goes_on, "{start:?}");
    }
}

/// Fast mode was refused because no credits were left. A response covered by the plan does not show that credits are
/// available again.
#[test]
fn a_response_paid_by_the_plan_does_not_end_a_credit_limit() {
    let sandbox = with_a_private_login();
    let [one, other] = two_of_the_login(&sandbox);
    let before = windows(42.0, NOON, 17.0, TUESDAY);
    one.calls_status_line_in_fast_mode("2026-11-20T09:59:00Z", &before)
        .success();
    let text = "You're out of usage credits \u{b7} resets Nov 24, 6am (UTC)";
    one.receives_error(AT, text, refused("overage", TUESDAY, "out_of_credits"));
    let at = "2026-11-20T10:02:30Z";
    let of_one = ["explain", "--json", "--session", "one"];
    let before = one.run(at, &of_one, b"").json();
    assert_eq!(before["incident"]["verdict"], "real", "{before:#}");
    other.receives_response("2026-11-20T10:02:10Z");
    let after = windows(43.0, NOON, 17.0, TUESDAY);
    other.calls_status_line("2026-11-20T10:02:11Z", after, 120);
    let since = one.run(at, &of_one, b"").json();
    assert_eq!(since["incident"]["open"], true, "{since:#}");
    assert_eq!(
        since["incident"]["headline"],
        before["incident"]["headline"]
    );
}

/// If another session of the account received a response and was then refused, the refusal is the newer evidence, so it
/// counts.
#[test]
fn a_second_refusal_shows_that_the_account_is_still_blocked() {
    let sandbox = with_a_private_login();
    let [one, other] = two_of_the_login(&sandbox);
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    let text = "You're out of usage credits \u{b7} resets 12pm (UTC)";
    let refusal = refused("five_hour", NOON, "out_of_credits");
    one.calls_status_line("2026-11-20T09:58:00Z", full.clone(), 120);
    one.receives_error(AT, text, &refusal);
    other.receives_response("2026-11-20T10:10:00Z");
    other.calls_status_line("2026-11-20T10:10:01Z", full.clone(), 120);
    let of_one = ["explain", "--exit-code", "--session", "one"];
    let at = "2026-11-20T10:11:00Z";
    assert_eq!(one.run(at, &of_one, b"").code, 0);
    // The session is still waiting for the reset.
    let incident = one
        .run(at, &["explain", "--json", "--session", "one"], b"")
        .json();
    assert_eq!(
        incident["incident"]["continues_at"], "2026-11-20T12:01:30Z",
        "{incident:#}"
    );
    other.receives_error("2026-11-20T10:20:00Z", text, &refusal);
    other.calls_status_line("2026-11-20T10:20:02Z", full.clone(), 120);
    let at = "2026-11-20T10:21:00Z";
    assert_eq!(one.run(at, &of_one, b"").code, 10);
    let line = one.calls_status_line(at, full, 120);
    assert!(!line.success().contains("got a response"), "{line:?}");
}

/// If the limit belongs to an account other than the current login, `explain` must not suggest turning on usage
/// credits.
#[test]
fn another_accounts_limit_needs_no_purchase_and_a_full_login_is_not_suggested() {
    let sandbox = with_a_private_login();
    let [private, other] = ["private", "other"].map(|name| Client::with_session(&sandbox, name));
    belongs_to(&private, PRIVATE, "private-organization");
    belongs_to(
        &other,
        "22222222-2222-2222-2222-222222222222",
        "another-one",
    );
    for (at, used, is_way_out) in [
        ("2026-11-20T10:10:00Z", 6.0, true),
        ("2026-11-20T10:20:00Z", 98.0, false),
    ] {
        other.receives_error(
            at,
            WEEKLY,
            refused("seven_day", TUESDAY, "org_level_disabled"),
        );
        private.calls_status_line(at, windows(used, NOON, 30.0, TUESDAY), 120);
        let run = other.run(
            "2026-11-20T10:21:00Z",
            &["explain", "--json", "--session", "other"],
            b"",
        );
        let incident = run.json()["incident"].clone();
        assert_eq!(incident["owner"], "other", "{incident:#}");
        let actions = incident["actions"].to_string();
        assert_eq!(
            actions.contains("start a new session"),
            is_way_out,
            "{used}: {actions}"
        );
        for costs in ["/usage-credits", "/limit-reset"] {
            assert!(!actions.contains(costs), "{costs}: {actions}");
        }
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

/// Team plans report no windows, so only responses in other sessions can show that a limit is over. A later change to
/// another transcript must not hide such a response.
#[test]
fn a_response_elsewhere_still_counts_after_a_third_session_writes() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let [one, other, third] = ["one", "other", "third"].map(|name| {
        let client = Client::with_session(&sandbox, name);
        belongs_to(&client, PRIVATE, "its-organization");
        client
    });
    one.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    other.receives_response("2026-11-20T10:10:00Z");
    for written in [&other, &third, &one] {
        written.append(&json!({
            "type": "user", "uuid": "u1", "sessionId": written.session, "timestamp": "2026-11-20T10:12:00Z",
            "message": {"role": "user", "content": "hi"},
        }));
        let at = "2026-11-20T10:13:00Z";
        let of_one = ["explain", "--exit-code", "--session", "one"];
        assert_eq!(one.run(at, &of_one, b"").code, 0, "{}", written.session);
        let line = one.calls_status_line(at, Value::Null, 120);
        assert!(line.success().contains("got a response"), "{line:?}");
    }
}

/// Responses at lower priority are free, so they do not show that usage credits are available.
#[test]
fn a_response_at_lower_priority_is_not_paid_from_credits() {
    let sandbox = with_a_private_login();
    let [one, other] = two_of_the_login(&sandbox);
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    let text = "You're out of usage credits \u{b7} resets 12pm (UTC)";
    one.calls_status_line("2026-11-20T09:58:00Z", full.clone(), 120);
    one.receives_error(AT, text, refused("five_hour", NOON, "out_of_credits"));
    other.append(&json!({
        "type": "system", "subtype": "informational", "timestamp": "2026-11-20T10:03:00Z", "sessionId": "other",
        "content": AT_LOWER_PRIORITY,
    }));
    other.receives_response("2026-11-20T10:10:00Z");
    other.calls_status_line("2026-11-20T10:10:01Z", full, 120);
    let of_one = ["explain", "--exit-code", "--session", "one"];
    assert_eq!(one.run("2026-11-20T10:11:00Z", &of_one, b"").code, 10);
}

/// If a subagent's request is refused, the main conversation may still receive a response that was already in progress.
#[test]
fn a_response_in_progress_does_not_end_an_agents_limit() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let met = json!({
        "error": "rate_limit", "last_assistant_message": FIVE_HOUR, "agent_id": "a1b2", "agent_type": "Explore",
    });
    client.event(AT, "StopFailure", met);
    client.receives_response("2026-11-20T10:00:20Z");
    assert_eq!(code(&client, "2026-11-20T10:00:30Z"), 10);
    client.receives_response("2026-11-20T10:05:00Z");
    assert_eq!(code(&client, "2026-11-20T10:05:30Z"), 0);
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

/// The token's account is unknown, so the login's figures and responses do not show that the token's limit is over.
#[test]
fn a_response_of_the_login_does_not_end_a_tokens_limit() {
    for is_response in [true, false] {
        let sandbox = with_a_private_login();
        let login = session_of_login(&sandbox, "login");
        let job = session_with_token(&sandbox, "job");
        job.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
        let shown_at = "2026-11-20T10:05:00Z";
        if is_response {
            login.works(shown_at, 10);
        } else {
            login.calls_status_line(shown_at, windows(6.0, NOON, 30.0, TUESDAY), 120);
        }
        let at = "2026-11-20T10:06:00Z";
        let incident = job.explained(at);
        assert_eq!(incident["verdict"], "real", "{is_response}: {incident:#}");
        assert_eq!(incident["open"], true, "{is_response}: {incident:#}");
        assert_eq!(code(&job, at), 10, "{is_response}");
    }
}

/// Returns the rows of a session with a token that reports its own windows.
fn row_with_usage_of_token(job: &Client<'_>, at: &str, five_hour: f64) -> String {
    let usage = windows(five_hour, NOON + 4_200, 20.0, TUESDAY + 4_200);
    plain_rows(job, at, usage)
}

/// Returns the rows of a session of the login that reports 98% of the 5-hour window.
fn row_with_usage_of_login(client: &Client<'_>, at: &str) -> String {
    plain_rows(client, at, windows(98.0, NOON, 30.0, TUESDAY))
}

/// The usage of a session with a token says nothing about a limit of the login. It neither makes the limit look like a
/// false alarm nor ends it, and sessions of the login do not display it.
#[test]
fn a_tokens_usage_is_no_evidence_about_a_limit_of_the_login() {
    let sandbox = with_a_private_login();
    let login = session_of_login(&sandbox, "login");
    let job = session_with_token(&sandbox, "job");
    row_with_usage_of_login(&login, "2026-11-20T09:50:00Z");
    let row = row_with_usage_of_token(&job, "2026-11-20T09:59:30Z", 20.0);
    assert!(row.contains("5h 20%"), "{row}");
    login.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    for at in [
        "2026-11-20T10:00:05Z",
        "2026-11-20T10:05:00Z",
        "2026-11-20T10:10:00Z",
    ] {
        let row = row_with_usage_of_login(&login, at);
        assert!(row.contains("5-hour limit · resets"), "{at}: {row}");
        let row = row_with_usage_of_token(&job, at, 21.0);
        assert!(row.contains("5h 21%"), "{at}: {row}");
        assert!(!row.contains("limit"), "{at}: {row}");
        let incident = login.explained(at);
        assert_eq!(incident["verdict"], "real", "{at}: {incident:#}");
        assert_eq!(incident["open"], true, "{at}: {incident:#}");
        assert_eq!(five_hour_usage(&login, at), 100.0, "{at}");
    }
}

/// A session with a token shows its own usage, even if it has just received its first response and the login's sessions
/// have newer figures.
#[test]
fn a_session_with_a_token_shows_its_own_usage() {
    let sandbox = with_a_private_login();
    let login = session_of_login(&sandbox, "login");
    let job = session_with_token(&sandbox, "job");
    plain_rows(
        &login,
        "2026-11-20T09:50:00Z",
        windows(65.0, NOON, 30.0, TUESDAY),
    );
    let usage_of_token = windows(92.0, NOON + 4_200, 20.0, TUESDAY);
    plain_rows(&job, "2026-11-20T09:51:00Z", usage_of_token.clone());
    plain_rows(
        &login,
        "2026-11-20T09:52:00Z",
        windows(66.0, NOON, 30.0, TUESDAY),
    );
    let row = plain_rows(&job, "2026-11-20T09:52:10Z", usage_of_token.clone());
    assert!(row.contains("5h 92%"), "{row}");
    plain_rows(&job, "2026-11-20T09:59:00Z", usage_of_token);
    let row = plain_rows(
        &login,
        "2026-11-20T09:59:10Z",
        windows(66.0, NOON, 30.0, TUESDAY),
    );
    assert!(row.contains("5h 66%"), "{row}");
}

/// The user resumes a session of the login with a token. Claude Code reports no usage until the first response, and the
/// usage of the login does not apply.
#[test]
fn a_session_resumed_with_a_token_does_not_show_the_usage_of_the_login() {
    let sandbox = with_a_private_login();
    let login = session_of_login(&sandbox, "resumed");
    plain_rows(
        &login,
        "2026-11-20T09:50:00Z",
        windows(65.0, NOON, 30.0, TUESDAY),
    );
    let mut resumed = session_with_token(&sandbox, "resumed");
    let process = ("CLAUDE_PID".to_owned(), "4190001".to_owned());
    resumed.variables.push(process);
    let row = plain_rows(&resumed, "2026-11-20T09:55:00Z", Value::Null);
    assert!(!row.contains("65%"), "{row}");
}

/// On a server without a login, all sessions use the same token, so the figures of one session show that another
/// session's limit is over.
#[test]
fn without_a_login_the_figures_of_the_token_end_its_limit() {
    let sandbox = Sandbox::new();
    let stopped = session_with_token(&sandbox, "stopped");
    let other = session_with_token(&sandbox, "other");
    let shell = Client::with_session(&sandbox, "shell");
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    assert_eq!(code(&stopped, "2026-11-20T10:01:00Z"), 10);
    other.works("2026-11-20T10:20:00Z", 10);
    other.calls_status_line(
        "2026-11-20T10:20:01Z",
        windows(3.0, NOON, 30.0, TUESDAY),
        120,
    );
    let at = "2026-11-20T10:21:00Z";
    let incident = stopped.explained(at);
    assert_eq!(incident["open"], false, "{incident:#}");
    assert_eq!(code(&stopped, at), 0);
    assert_eq!(code(&shell, at), 0);
}

/// A job with a token was refused after a session of the login had reached its limit. The newer error says nothing about
/// the login.
#[test]
fn the_limit_of_a_token_does_not_hide_the_full_window_of_the_login() {
    let sandbox = with_a_private_login();
    let login = session_of_login(&sandbox, "login");
    login.calls_status_line(
        "2026-11-20T09:20:00Z",
        windows(5.0, NOON, 30.0, TUESDAY),
        120,
    );
    login.receives_error(
        "2026-11-20T09:50:00Z",
        FIVE_HOUR,
        refused("five_hour", NOON, ""),
    );
    let job = session_with_token(&sandbox, "job");
    job.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    assert_eq!(five_hour_usage(&login, "2026-11-20T10:01:00Z"), 100.0);
}

/// A response ended the login's limit. A job with a token was refused three minutes later, which says nothing about the
/// login.
#[test]
fn a_refusal_of_a_token_does_not_revive_a_limit_of_the_login() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_of_the_login(&sandbox);
    let job = session_with_token(&sandbox, "job");
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    other.sends_prompt("2026-11-20T10:04:00Z", "continue");
    other.works("2026-11-20T10:05:00Z", 10);
    job.receives_error(
        "2026-11-20T10:08:00Z",
        FIVE_HOUR,
        refused("five_hour", NOON, ""),
    );
    let arguments = ["explain", "--exit-code", "--session", &stopped.session];
    let explained = stopped.run("2026-11-20T10:09:00Z", &arguments, b"");
    assert_eq!(explained.code, 0, "{explained:?}");
}

/// The account of the token is unknown, so nothing shows that it differs from the account that logged in later.
#[test]
fn a_token_is_not_said_to_belong_to_another_account_after_a_new_login() {
    let sandbox = with_a_private_login();
    let job = session_with_token(&sandbox, "job");
    job.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let state = sandbox.read(".claude.json");
    let new_account = "22222222-2222-2222-2222-222222222222";
    sandbox.write(".claude.json", state.replace(PRIVATE, new_account));
    let explained = job.run("2026-11-20T10:06:00Z", &["explain"], b"");
    let text = flat(explained.success());
    assert!(text.contains("5-hour limit"), "{text}");
    assert!(!text.contains("different account"), "{text}");
}

/// The token and the login may belong to different accounts, so a limit of one of them says nothing about the other.
#[test]
fn the_limit_of_a_token_is_shown_only_to_sessions_with_a_token() {
    for has_token in [true, false] {
        let sandbox = with_a_private_login();
        let login = session_of_login(&sandbox, "login");
        login.calls_status_line(
            "2026-11-20T09:30:00Z",
            windows(5.0, NOON, 30.0, TUESDAY),
            120,
        );
        let stopped = if has_token {
            session_with_token(&sandbox, "job")
        } else {
            session_of_login(&sandbox, "stopped")
        };
        stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
        let at = "2026-11-20T10:01:00Z";
        let new = Client::with_session(&sandbox, "new");
        let new_job = session_with_token(&sandbox, "new-job");
        for (client, is_affected) in [(&new, !has_token), (&new_job, has_token)] {
            let context = format!("{has_token}, {}", client.session);
            let line = client.calls_status_line(at, Value::Null, 120);
            assert_eq!(
                line.success().contains("5-hour limit"),
                is_affected,
                "{context}: {line:?}"
            );
            let reply = answer(client, at);
            assert_eq!(
                !reply.contains("this one may work"),
                is_affected,
                "{context}: {reply}"
            );
        }
        let arguments = ["explain", "--exit-code", "--session", "login"];
        let code = login.run(at, &arguments, b"").code;
        assert_eq!(code, if has_token { 0 } else { 10 }, "{has_token}");
        let used = if has_token { 5.0 } else { 100.0 };
        assert_eq!(five_hour_usage(&login, at), used, "{has_token}");
    }
}

/// Any prompt cancels the auto-resume, even if a budget blocks the prompt.
#[test]
fn a_prompt_blocked_by_a_budget_cancels_the_wait() {
    let config = "[budget]\nday = 0.01\naction = \"stop\"\n";
    let home = with_a_private_login();
    let path = home.write("whycap.toml", config);
    let sandbox = home.variable("WHYCAP_CONFIG", path.to_str().unwrap());
    let client = Client::new(&sandbox);
    client.works("2026-11-20T09:50:00Z", 100_000);
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let at = "2026-11-20T11:00:00Z";
    assert!(client.explained(at)["continues_at"].is_string());
    let held = client.event(at, "UserPromptSubmit", json!({"prompt": "hi"}));
    assert!(held.success().contains("block"), "{held:?}");
    assert!(client.explained("2026-11-20T11:00:30Z")["continues_at"].is_null());
}

/// For a limit on one model, the first suggestion must be to switch to another model.
#[test]
fn another_model_is_the_first_action_for_every_model_limit() {
    for text in [
        WEEKLY,
        "You've hit your limit \u{b7} resets Nov 24, 6am (UTC)",
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.receives_error(AT, text, refused("seven_day_sonnet", TUESDAY, ""));
        let first = client.explained(SOON)["actions"][0].clone();
        assert_eq!(first["command"], "/model", "{text}: {first:#}");
    }
}

/// Another session of the same account receives a response
/// after the error.
#[test]
fn a_response_subject_to_the_same_limit_ends_it() {
    let mut wrong = Vec::new();
    for kind in cases("kinds.jsonl") {
        let properties = &kind["properties"];
        let plan = kind["plan"].as_str().unwrap_or("max");
        let has_key = plan == "key";
        let stops_session = properties["stops"] != "feature";
        let after = properties["after_seconds"].as_i64().unwrap_or(600);
        let sandbox = if has_key {
            Sandbox::new().variable("ANTHROPIC_API_KEY", "sk-ant-dummy")
        } else {
            let sandbox = Sandbox::new();
            Client::logged_in(&sandbox, plan, "user");
            sandbox
        };
        let [mut refused, mut other] =
            ["refused", "other"].map(|name| Client::with_session(&sandbox, name));
        if !has_key {
            belongs_to(&refused, PRIVATE, "private-organization");
            belongs_to(&other, PRIVATE, "private-organization");
        }
        let model = properties["model"].as_str().unwrap_or("claude-opus-5-5");
        for client in [&mut refused, &mut other] {
            model.clone_into(&mut client.model);
        }
        refused.receives_response("2026-11-20T09:50:00Z");
        refused.receives_error(AT, kind["text"].as_str().unwrap(), &kind["fields"]);
        let no_credits = &kind["fields"]["quotaLimits"]["overageDisabledReason"];
        if no_credits.as_str().is_some_and(|reason| !reason.is_empty()) {
            stores_credits_reason(&sandbox, no_credits);
        }
        let error_at: chrono::DateTime<chrono::Utc> = AT.parse().unwrap();
        let [just_before, responds_at, just_after] = [after - 1, after, after + 5]
            .map(|seconds| (error_at + chrono::TimeDelta::seconds(seconds)).to_rfc3339());
        let explained = refused.explained(SOON);
        if explained["limit"] != kind["expect"]["kinds"][0] {
            wrong.push(format!("{kind}: explained as {}", explained["limit"]));
        }
        let in_shell = flat(&refused.run(SOON, &["explain"], b"").stdout);
        let others_may_work = in_shell.contains("sessions that show no error may work");
        if others_may_work != (properties["others_may_work"] == true) {
            wrong.push(format!("{kind}: others_may_work is {others_may_work}"));
        }
        if (code(&refused, &just_before) != 0) != stops_session {
            wrong.push(format!("{kind}: stops is not {stops_session}"));
        }
        other.receives_response(&responds_at);
        let is_ended = if stops_session {
            code(&refused, &just_after) == 0
        } else {
            refused.explained(&just_after)["badge"] != explained["badge"]
        };
        if properties["ended_by_response_of_account"] != is_ended {
            wrong.push(format!("{kind}: ended is {is_ended}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A model that needs usage credits stops one session. Another session receives a response from Sonnet, and its user then
/// selects the refused model without sending anything. The row must not call the problem over.
#[test]
fn a_selected_model_that_has_not_responded_does_not_end_its_limit() {
    let sandbox = with_a_private_login();
    let [refused, mut other] = two_of_the_login(&sandbox);
    refused.works("2026-11-20T09:50:00Z", 10);
    let text = "Fable 5 requires usage credits. Run /usage-credits to continue or switch models with /model.";
    refused.receives_error(AT, text, json!({}));
    let usage = || windows(30.0, NOON, 30.0, TUESDAY);
    refused.calls_status_line(SOON, usage(), 120);
    "claude-sonnet-5-5".clone_into(&mut other.model);
    other.receives_response("2026-11-20T10:05:00Z");
    other.api_ms += 5000;
    other.calls_status_line("2026-11-20T10:05:01Z", usage(), 120);
    other.model.clone_from(&refused.model);
    other.calls_status_line("2026-11-20T10:06:00Z", usage(), 120);
    let row = plain_rows(&refused, "2026-11-20T10:06:30Z", usage());
    assert!(row.contains("model needs usage credits"), "{row}");
    assert_ne!(code(&refused, "2026-11-20T10:07:00Z"), 0);
}

/// The service refuses the login of one session, another session receives a response, and the service refuses the login
/// again two minutes later. The payment is still due, or the login has still expired, so the first error is not over.
#[test]
fn a_second_refusal_of_the_login_reopens_the_first() {
    for (text, error) in [
        (
            "Your subscription payment is past due. Please pay your overdue invoice to restore access.",
            json!({"error": "oauth_org_not_allowed", "apiErrorStatus": 403}),
        ),
        (
            "Login expired · Please run /login",
            json!({"error": "authentication_failed", "apiErrorStatus": 401}),
        ),
    ] {
        let sandbox = with_a_private_login();
        let [one, other] = two_of_the_login(&sandbox);
        one.works("2026-11-20T09:50:00Z", 10);
        one.receives_error(AT, text, &error);
        other.sends_prompt("2026-11-20T10:00:50Z", "continue");
        other.receives_response("2026-11-20T10:01:00Z");
        let is_open = |at: &str| {
            let arguments = ["explain", "--json", "--session", "one"];
            one.run(at, &arguments, b"").json()["incident"]["open"].clone()
        };
        assert_eq!(is_open("2026-11-20T10:02:00Z"), false, "{text}");
        other.receives_error("2026-11-20T10:03:00Z", text, &error);
        assert_eq!(is_open("2026-11-20T10:04:00Z"), true, "{text}");
    }
}

/// The 5-hour limit stops one session. After another session has received a response, a payment is due. This says nothing
/// about the limit, which is over.
#[test]
fn a_refusal_of_the_login_does_not_renew_a_limit() {
    let sandbox = with_a_private_login();
    let [one, mut other] = two_of_the_login(&sandbox);
    one.works("2026-11-20T09:50:00Z", 10);
    one.receives_error(
        AT,
        FIVE_HOUR,
        refused("five_hour", NOON, "org_level_disabled"),
    );
    other.sends_prompt("2026-11-20T10:04:50Z", "continue");
    other.receives_response("2026-11-20T10:05:00Z");
    other.api_ms += 5000;
    other.calls_status_line(
        "2026-11-20T10:05:01Z",
        windows(30.0, NOON, 30.0, TUESDAY),
        120,
    );
    let is_open = |at: &str| {
        let arguments = ["explain", "--json", "--session", "one"];
        one.run(at, &arguments, b"").json()["incident"]["open"].clone()
    };
    assert_eq!(is_open("2026-11-20T10:06:00Z"), false);
    let text =
        "Your subscription payment is past due. Please pay your overdue invoice to restore access.";
    let error = json!({"error": "oauth_org_not_allowed", "apiErrorStatus": 403});
    other.receives_error("2026-11-20T10:08:00Z", text, &error);
    assert_eq!(is_open("2026-11-20T10:09:00Z"), false);
}

/// Other models were not refused, so their responses prove nothing. However, they must not hide a response from the
/// refused model that came between them.
#[test]
fn a_response_of_the_refused_model_counts_between_responses_of_another_model() {
    let sandbox = with_a_private_login();
    let [refused, mut other] = two_of_the_login(&sandbox);
    refused.works("2026-11-20T09:50:00Z", 10);
    let text = "Fable 5 requires usage credits. Run /usage-credits to continue or switch models with /model.";
    refused.receives_error(AT, text, json!({}));
    other.model = "claude-haiku-4-5".to_owned();
    other.receives_response("2026-11-20T10:05:00Z");
    other.receives_response("2026-11-20T10:06:00Z");
    assert_eq!(code(&refused, "2026-11-20T10:07:00Z"), 11);
    other.works("2026-11-20T10:10:00Z", 10);
    other.receives_response("2026-11-20T10:15:00Z");
    let at = "2026-11-20T10:16:00Z";
    let incident = refused.explained(at);
    assert_eq!(code(&refused, at), 0, "{incident:#}");
    let headline = incident["headline"].as_str().unwrap();
    assert!(headline.contains("10:10"), "{headline}");
}

#[test]
fn every_kind_of_limit_is_tested() {
    let kinds = cases("kinds.jsonl");
    for row in rows() {
        let limit = row.limit.to_string();
        let samples: Vec<&Value> = kinds
            .iter()
            .filter(|kind| kind["expect"]["kinds"][0] == limit.as_str())
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

/// Returns the headline about the error of the session `one`.
fn headline_of_session_one(client: &Client<'_>, at: &str) -> String {
    let arguments = ["explain", "--json", "--session", "one"];
    client.run(at, &arguments, b"").json()["incident"]["headline"].to_string()
}

/// The session continues at normal speed, so its responses say nothing about fast mode.
#[test]
fn a_response_does_not_end_a_limit_on_fast_mode() {
    let sandbox = with_a_private_login();
    let [refused, other] = two_of_the_login(&sandbox);
    let text = "Fast limit reached, fast mode paused · resets in 20m";
    refused.receives_error(AT, text, json!({}));
    let paused = "fast mode returns at 10:20";
    let before = headline_of_session_one(&refused, SOON);
    assert!(before.contains(paused), "{before}");
    assert_eq!(code(&refused, SOON), 0);
    other.works("2026-11-20T10:05:00Z", 10);
    refused.works("2026-11-20T10:06:00Z", 10);
    let since = headline_of_session_one(&refused, "2026-11-20T10:10:00Z");
    assert!(since.contains(paused), "{since}");
    let later = headline_of_session_one(&refused, "2026-11-20T10:21:00Z");
    assert!(!later.contains(paused), "{later}");
}

/// The session never stopped, so there is no prompt to send again.
#[test]
fn after_the_reset_of_a_limit_on_a_feature_only_the_feature_is_mentioned() {
    let sandbox = with_a_private_login();
    let [refused, _] = two_of_the_login(&sandbox);
    let text = "Fast limit reached, fast mode paused · resets in 20m";
    refused.receives_error(AT, text, json!({}));
    let arguments = ["explain", "--json", "--session", "one"];
    for at in ["2026-11-20T10:21:00Z", "2026-11-20T12:30:00Z"] {
        let incident = refused.run(at, &arguments, b"").json()["incident"].clone();
        let text = incident.to_string().to_lowercase();
        assert!(!text.contains("prompt again"), "{at}: {incident:#}");
        assert_eq!(
            incident["actions"][0]["do"], "Use the feature again if you need it",
            "{at}: {incident:#}"
        );
        assert_eq!(code(&refused, at), 0);
    }
}

/// Even after the reset, whycap used to say that fast mode was paused. It advised continuing at normal speed before it
/// mentioned that fast mode was available again.
#[test]
fn a_pasted_notice_about_a_feature_is_over_after_its_reset() {
    let sandbox = Sandbox::new().variable("WHYCAP_NOW", "2026-11-20T10:21:00Z");
    let text = "Fast limit reached, fast mode paused · resets Nov 20, 10:20am (UTC)";
    let run = sandbox.run(&["explain", "--json", "--text", text]);
    let incident = run.json()["incident"].clone();
    assert_eq!(
        incident["headline"],
        "You used fast mode too much in a short time, but the limit should have reset at 10:20."
    );
    let instructions: Vec<&Value> = incident["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| &action["do"])
        .collect();
    assert_eq!(instructions, ["Use the feature again if you need it"]);
}

/// An error caused by an API key must not block sessions that use the plan instead.
#[test]
#[cfg(target_os = "linux")] // a running process is needed
fn the_error_of_a_removed_key_does_not_block_plan_sessions() {
    let sandbox = with_a_private_login();
    let mut with_key = Client::with_session(&sandbox, "with-key");
    with_key
        .variables
        .push(("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned()));
    let balance = json!({"apiErrorStatus": 400, "error": "billing_error"});
    with_key.receives_error(AT, "Credit balance is too low", balance);

    let _process = RunningClient::idle(&sandbox, "with-key");
    let on_plan = session_of_login(&sandbox, "on-plan");
    // A session that starts in this shell would not use the key.
    assert_eq!(code(&on_plan, "2026-11-20T10:01:00Z"), 0);
    assert_eq!(code(&with_key, "2026-11-20T10:01:00Z"), 11);
    on_plan.works("2026-11-20T10:05:00Z", 10);

    let at = "2026-11-20T10:06:00Z";
    assert_eq!(code(&on_plan, at), 0);
    let waits = on_plan.run(at, &["wait"], b"");
    assert_eq!(waits.code, 0, "{waits:?}");
    let now = on_plan.run(at, &["now", "--json"], b"").json();
    assert_eq!(now["blocked"], Value::Null);
    let explained = on_plan.run(at, &["explain"], b"");
    assert!(
        explained.success().contains("nothing is blocking them")
            && !explained.stdout.contains("You are still blocked"),
        "{}",
        explained.stdout
    );

    let reply = on_plan.event(at, "UserPromptSubmit", json!({"prompt": "/whycap"}));
    assert!(
        reply.success().contains("This happened in another session")
            && reply.stdout.contains("nothing is blocking you"),
        "{}",
        reply.stdout
    );

    // In the session with the error, the next request would fail again.
    let arguments = ["explain", "--exit-code", "--session", "with-key"];
    assert_eq!(on_plan.run(at, &arguments, b"").code, 11);
    let text = with_key
        .event(at, "UserPromptSubmit", json!({"prompt": "/whycap"}))
        .stdout;
    assert!(text.contains("ANTHROPIC_API_KEY"), "{text}");
}

/// After `unset ANTHROPIC_API_KEY` and `claude -c`, neither the status line nor `wait` may treat the session as blocked
/// by the key. After the next response, `explain` must refer to the key in the past tense.
#[test]
fn a_session_that_is_continued_without_the_key_is_not_blocked() {
    let sandbox = with_a_private_login();
    let mut client = Client::new(&sandbox);
    client
        .variables
        .push(("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned()));
    let balance = json!({"apiErrorStatus": 400, "error": "billing_error"});
    client.receives_error(AT, "Credit balance is too low", balance);
    let rows = client.calls_status_line(SOON, Value::Null, 160).stdout;
    assert!(
        rows.contains("ANTHROPIC_API_KEY has no credits · remove it"),
        "{rows}"
    );
    let blocked = client.run(SOON, &["explain"], b"").stdout;
    assert!(
        blocked.contains("has no credits") && !blocked.contains("/login"),
        "{blocked}"
    );

    client.variables.pop();
    let at = "2026-11-20T10:01:00Z";
    let rows = client.calls_status_line(at, Value::Null, 160).stdout;
    assert!(!rows.contains("Using ANTHROPIC_API_KEY"), "{rows}");
    let waits = client.run(at, &["wait"], b"");
    assert_eq!(waits.code, 0, "{waits:?}");
    let reply = client.event(at, "UserPromptSubmit", json!({"prompt": "/whycap"}));
    assert!(reply.stdout.contains("no longer set"), "{}", reply.stdout);

    client.receives_response("2026-11-20T10:02:00Z");
    let explained = client.run("2026-11-20T10:03:00Z", &["explain"], b"").stdout;
    assert!(
        explained.contains("was set in the environment") && !explained.contains("overrides"),
        "{explained}"
    );
}

/// A response paid for by an account does not show that an API key works.
#[test]
fn an_accounts_response_does_not_end_the_error_of_a_wrong_key() {
    let sandbox = Sandbox::new();
    let mut with_key = Client::with_session(&sandbox, "with-key");
    with_key
        .variables
        .push(("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned()));
    let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
    with_key.receives_error(AT, "Invalid API key · Fix external API key", refusal);
    let other = Client::with_session(&sandbox, "other");
    belongs_to(&other, "another-account", "another-organization");
    other.receives_response("2026-11-20T10:05:00Z");
    other.calls_status_line(
        "2026-11-20T10:05:01Z",
        windows(3.0, NOON, 4.0, TUESDAY),
        120,
    );
    let at = "2026-11-20T10:06:00Z";
    let arguments = ["explain", "--json", "--session", "with-key"];
    let incident = with_key.run(at, &arguments, b"").json()["incident"].clone();
    assert_eq!(incident["open"], true, "{incident:#}");
    let line = with_key.calls_status_line(at, Value::Null, 120);
    assert!(!line.success().contains("got a response"), "{line:?}");
}

/// A limit on the company account must not block sessions of the private account.
#[test]
fn another_accounts_limit_does_not_block_the_working_login() {
    let sandbox = with_a_private_login();
    let seat = Client::with_session(&sandbox, "seat");
    belongs_to(&seat, "company-account", "company-organization");
    seat.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let private = session_of_login(&sandbox, "private");
    assert_eq!(code(&private, "2026-11-20T10:01:00Z"), 10);
    private.works("2026-11-20T10:05:00Z", 10);
    assert_eq!(code(&private, "2026-11-20T10:06:00Z"), 0);
    let arguments = ["explain", "--exit-code", "--session", "seat"];
    assert_eq!(
        private.run("2026-11-20T10:06:00Z", &arguments, b"").code,
        10
    );
}

/// If a session has been refused more than once, only its newest refusal counts.
#[test]
fn the_newest_refusal_of_each_session_counts() {
    let sandbox = with_a_private_login();
    let [one, other] = two_of_the_login(&sandbox);
    other.receives_error(
        "2026-11-20T09:50:00Z",
        FIVE_HOUR,
        refused("five_hour", NOON, ""),
    );
    one.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let third = session_of_login(&sandbox, "third");
    third.works("2026-11-20T10:10:00Z", 10);
    assert_eq!(code(&one, "2026-11-20T10:11:00Z"), 0);
    other.receives_error(
        "2026-11-20T10:20:00Z",
        FIVE_HOUR,
        refused("five_hour", NOON, ""),
    );
    assert_eq!(code(&one, "2026-11-20T10:21:00Z"), 10);
    let arguments = ["explain", "--exit-code", "--session", "one"];
    assert_eq!(one.run("2026-11-20T10:21:00Z", &arguments, b"").code, 10);
}

/// If a user pastes a message about an overload while a window is full, the headline mentions both.
#[test]
fn a_pasted_outage_mentions_the_full_window_too() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(
        "2026-11-20T09:59:00Z",
        windows(100.0, NOON, 40.0, TUESDAY),
        120,
    );
    let text = "API Error: 529 Overloaded.";
    let pasted = client
        .run(SOON, &["explain", "--json", "--text", text], b"")
        .json();
    let headline = pasted["incident"]["headline"].as_str().unwrap();
    assert_eq!(
        headline,
        "The service is overloaded, and your 5-hour limit is also used up until 12:00."
    );
}

/// A response that was requested before the error does not show that the limit is over, however late it arrives. A
/// response that was requested after the error does, however early it arrives.
#[test]
fn a_response_counts_if_it_was_requested_after_the_error() {
    for (prompt_at, responds_at, is_over) in [
        ("2026-11-20T09:59:00Z", "2026-11-20T10:04:00Z", false),
        ("2026-11-20T10:00:20Z", "2026-11-20T10:00:40Z", true),
    ] {
        let sandbox = with_a_private_login();
        let [one, other] = two_of_the_login(&sandbox);
        other.sends_prompt(prompt_at, "Explain the parser.");
        one.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
        other.works(responds_at, 10);
        let at = "2026-11-20T10:04:10Z";
        let of_one = ["explain", "--exit-code", "--session", "one"];
        let code = one.run(at, &of_one, b"").code;
        assert_eq!(code == 0, is_over, "{prompt_at}");

        // While the window is full, the status line of the other session shows the limit until the session receives a
        // response.
        let full = windows(100.0, NOON, 40.0, TUESDAY);
        one.calls_status_line("2026-11-20T10:04:11Z", full.clone(), 120);
        let line = other.calls_status_line("2026-11-20T10:04:12Z", full, 120);
        assert_eq!(
            line.success().contains("5-hour limit"),
            !is_over,
            "{prompt_at}: {line:?}"
        );
    }
}

/// The response to a request that was sent before the error does not show that the limit is over. It does not matter
/// whether whycap learns of the response from a reading or from the ledger. The response to the first request after the
/// error ends the limit.
#[test]
fn a_response_to_a_request_from_before_the_error_does_not_end_a_limit() {
    for has_reading in [true, false] {
        let sandbox = with_a_private_login();
        let [one, other] = two_of_the_login(&sandbox);
        let full = windows(100.0, NOON, 40.0, TUESDAY);
        one.calls_status_line("2026-11-20T09:58:00Z", full.clone(), 120);
        other.sends_prompt("2026-11-20T09:59:00Z", "Explain the parser.");
        let text = "You're out of usage credits \u{b7} resets Nov 24, 6am (UTC)";
        one.receives_error(AT, text, refused("overage", TUESDAY, "out_of_credits"));
        one.calls_status_line(SOON, full.clone(), 120);
        other.works("2026-11-20T10:04:00Z", 10);
        if has_reading {
            other.calls_status_line("2026-11-20T10:04:01Z", full.clone(), 120);
        }
        // `incidents` runs first, because it stores the end of a limit if it finds one.
        let arguments = ["incidents", "--json"];
        let before = one.run("2026-11-20T10:05:00Z", &arguments, b"").json();
        assert_eq!(
            before["incidents"][0]["open"], true,
            "{has_reading}: {before:#}"
        );
        let exit_code = ["explain", "--exit-code", "--session", "one"];
        let explained = one.run("2026-11-20T10:05:00Z", &exit_code, b"");
        assert_ne!(explained.code, 0, "{has_reading}");

        other.sends_prompt("2026-11-20T10:06:00Z", "Explain the parser.");
        other.works("2026-11-20T10:06:30Z", 10);
        if has_reading {
            other.calls_status_line("2026-11-20T10:06:31Z", full, 120);
        }
        let list = one.run("2026-11-20T10:07:00Z", &arguments, b"").json();
        let after = &list["incidents"][0];
        assert_eq!(after["open"], false, "{has_reading}: {after:#}");
        let until = "2026-11-20T10:06:30Z";
        assert_eq!(after["blocked_until"], until, "{has_reading}: {after:#}");
        let explained = one.run("2026-11-20T10:07:00Z", &exit_code, b"");
        assert_eq!(explained.code, 0, "{has_reading}");
    }
}

/// A false alarm in a closed session is over when another session of the same account receives a response. If the
/// server still refused such requests, it would have refused that session's request, too. Every command must say that
/// the error is over.
#[test]
fn a_false_alarm_ends_when_another_session_of_the_account_receives_a_response() {
    let pool = "You're out of extra usage \u{b7} resets Nov 24, 6am (UTC)";
    let cap = "You've hit your monthly spend limit \u{b7} raise it at claude.ai/settings/usage";
    for (text, refusal) in [
        (pool, refused("overage", TUESDAY, "out_of_credits")),
        (cap, refused("five_hour", NOON, "org_level_disabled_until")),
    ] {
        let sandbox = with_a_private_login();
        let [closed, other] = two_of_the_login(&sandbox);
        let usage = windows(30.0, NOON, 17.0, TUESDAY);
        closed.calls_status_line("2026-11-20T09:59:00Z", usage.clone(), 120);
        closed.receives_error(AT, text, refusal);
        closed.calls_status_line("2026-11-20T10:00:05Z", usage.clone(), 120);
        let shell = Client::with_session(&sandbox, "one");
        let before = shell.explained("2026-11-20T10:00:30Z");
        assert_eq!(before["verdict"], "false_likely", "{before:#}");
        assert_eq!(before["open"], true, "{before:#}");

        other.works("2026-11-20T10:01:00Z", 10);
        let later_usage = windows(31.0, NOON, 17.0, TUESDAY);
        let status_line = other.calls_status_line("2026-11-20T10:01:01Z", later_usage, 120);
        assert!(!status_line.success().contains("alarm"), "{status_line:?}");
        let at = "2026-11-20T10:01:30Z";
        let past = "was probably a false alarm, and another session received a response at 10:01";
        assert_eq!(code(&shell, at), 0);
        assert_eq!(shell.explained(at)["open"], false);
        let places = ["explain", "now", "wait", "incidents"]
            .map(|command| (command, flat(&shell.run(at, &[command], b"").stdout)));
        for (place, text) in &places {
            assert!(text.contains(past), "{place}: {text}");
        }
        // The other session is the one that received the response.
        let answered = ("/whycap", answer(&other, at));
        let past_here =
            "was probably a false alarm, and this session has received a response since";
        assert!(answered.1.contains(past_here), "{answered:?}");
        for (place, text) in places.iter().chain([&answered]) {
            assert!(
                !text.contains("looks like a false alarm"),
                "{place}: {text}"
            );
            assert!(!text.contains("still blocked"), "{place}: {text}");
        }
        let [_, (_, now), (_, wait), _] = &places;
        assert!(wait.ends_with("You are not blocked."), "{wait}");
        assert!(now.contains("no limit is blocking you"), "{now}");
        let doctor = flat(&shell.run(at, &["doctor"], b"").stdout);
        assert!(!doctor.contains("blocked"), "{doctor}");
        let line = closed.calls_status_line(at, usage, 120);
        assert!(
            line.success().contains("another session got a response"),
            "{line:?}"
        );
    }
}

/// If a false alarm may depend on the session's model, a response from another model does not end it.
#[test]
fn a_response_of_another_model_does_not_end_a_false_alarm() {
    let pool = "You're out of extra usage \u{b7} resets Nov 24, 6am (UTC)";
    for model in ["claude-opus-5-5[1m]", "claude-sonnet-5"] {
        let sandbox = with_a_private_login();
        let [mut refused_session, other] = two_of_the_login(&sandbox);
        model.clone_into(&mut refused_session.model);
        let usage = windows(30.0, NOON, 17.0, TUESDAY);
        refused_session.calls_status_line("2026-11-20T09:59:00Z", usage.clone(), 120);
        refused_session.receives_error(AT, pool, json!({}));
        other.works("2026-11-20T10:04:00Z", 10);
        other.calls_status_line("2026-11-20T10:04:01Z", usage, 120);
        let open = &refused_session.explained("2026-11-20T10:04:30Z")["open"];
        assert_eq!(*open, true, "{model}");
    }
}

/// Starts a session with a token and stops it with this error. Its windows have room before and after the error.
fn stopped_with_room<'s>(sandbox: &'s Sandbox, text: &str, refusal: &Value) -> Client<'s> {
    let client = session_with_token(sandbox, "with-token");
    let room = windows(40.0, NOON, 20.0, TUESDAY);
    client.calls_status_line("2026-11-20T09:59:00Z", room.clone(), 120);
    hits_limit(&client, AT, text, refusal, room);
    client
}

/// A session with a token showed "5h 40%" next to "Your 5-hour limit is used up". Its plan is unknown, but 40%
/// contradicts a limit that takes effect at 100%, whatever the plan is.
#[test]
fn the_cap_of_an_organization_is_doubted_for_a_token_whose_windows_have_room() {
    let sandbox = Sandbox::new();
    let refusal = refused("five_hour", NOON, "org_level_disabled_until");
    let text = "You've hit your org's monthly spend limit · resets 12pm (UTC)";
    let client = stopped_with_room(&sandbox, text, &refusal);
    let at = "2026-11-20T10:00:20Z";
    let call = client.calls_status_line(at, windows(40.0, NOON, 20.0, TUESDAY), 120);
    let row = call.success();
    assert!(row.contains("false alarm? 5-hour usage 40%"), "{row}");
    let outputs = [
        flat(client.run(at, &["explain"], b"").success()),
        flat(client.run(at, &["now"], b"").success()),
        answer(&client, at),
    ];
    for output in outputs {
        assert!(output.contains("false alarm"), "{output}");
        assert!(!output.contains("used up"), "{output}");
    }
}

/// The 5-hour window and the weekly window say nothing about the limit of one model.
#[test]
fn the_limit_of_a_model_is_not_doubted_for_a_token_whose_windows_have_room() {
    let sandbox = Sandbox::new();
    let refusal = refused("seven_day_opus", TUESDAY, "org_level_disabled_until");
    let text = "You've hit your org's monthly spend limit · resets Nov 24, 6am (UTC)";
    let client = stopped_with_room(&sandbox, text, &refusal);
    let incident = client.explained("2026-11-20T10:00:20Z");
    assert_ne!(incident["verdict"], "false_likely", "{incident}");
    assert_eq!(incident["resets_at"], "2026-11-24T06:00:00Z", "{incident}");
}

/// The headline said to ignore the part about an organization, but a step said to ask an Owner to raise its cap.
#[test]
fn the_steps_for_a_token_do_not_mention_the_organization_that_the_headline_ignores() {
    let sandbox = Sandbox::new();
    let client = session_with_token(&sandbox, "with-token");
    let refusal = refused("overage", NOON, "org_level_disabled");
    let message = "You've hit your org's monthly spend limit · resets 12pm (UTC)";
    client.receives_error(AT, message, refusal);
    client.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
    let arguments = ["explain", "--session", "with-token"];
    let explained = flat(client.run(SOON, &arguments, b"").success());
    assert!(
        explained.contains("(ignore the part about an organization)"),
        "{explained}"
    );
    assert!(!explained.contains("Owner"), "{explained}");
    let reason = "The error refers to your usage credits and a reset at 12:00.";
    assert!(explained.contains(reason), "{explained}");
}

/// The message of a server that has no credits left for a request beyond a full 5-hour window.
const CREDITS_USED_UP: &str = "You're out of usage credits · resets 12pm (UTC)";

/// Returns the figures that Claude Code 2.1.331 repeats after noon. They no longer contain the 5-hour window.
fn figures_since_noon() -> Value {
    let mut figures = windows(100.0, NOON, 2.0, TUESDAY);
    figures.as_object_mut().unwrap().remove("five_hour");
    figures
}

/// Usage credits pay for two responses beyond a full 5-hour window, and are then used up. The session waits for the reset.
/// The times between the calls of the status line are those of client 2.1.331.
fn uses_up_credits(client: &mut Client<'_>) {
    "2.1.331".clone_into(&mut client.version);
    let full = windows(100.0, NOON, 2.0, TUESDAY);
    let filling_up = windows(99.0, NOON, 2.0, TUESDAY);
    receives_response(client, "2026-11-20T11:58:00Z", filling_up);
    receives_response(client, "2026-11-20T11:58:10Z", full.clone());
    receives_response(client, "2026-11-20T11:58:25Z", full.clone());
    client.sends_prompt("2026-11-20T11:58:43Z", "one more");
    let refusal = refused("overage", NOON, "out_of_credits");
    let at = "2026-11-20T11:58:43Z";
    client.receives_error(at, CREDITS_USED_UP, refusal);
    client.announces(
        at,
        "Usage limit reached · set to continue automatically at 12pm",
    );
    for at in ["2026-11-20T11:58:44Z", "2026-11-20T11:58:50Z"] {
        client.calls_status_line(at, full.clone(), 120);
    }
}

/// Claude Code repeats the last figures without the 5-hour window after its reset. The row then took the weekly figures for
/// the only ones and said "false alarm? weekly usage 2%" and, three minutes later, "the problem should be over by now", while
/// every command said that the limit should have reset.
#[test]
fn figures_without_the_window_that_has_reset_do_not_make_its_limit_a_false_alarm() {
    let sandbox = with_a_private_login();
    let mut stopped = session_of_login(&sandbox, "stopped");
    uses_up_credits(&mut stopped);
    for at in [
        "2026-11-20T12:00:01Z",
        "2026-11-20T12:00:13Z",
        "2026-11-20T12:10:00Z",
    ] {
        let row = flat(&plain_rows(&stopped, at, figures_since_noon()));
        assert!(row.contains("limit should have reset"), "{at}: {row}");
        assert!(!row.contains("false alarm"), "{at}: {row}");
        let explained = flat(&stopped.run(at, &["explain"], b"").stdout);
        for shown in [&explained, &answer(&stopped, at)] {
            assert!(
                shown.contains("the limit should have reset"),
                "{at}: {shown}"
            );
        }
    }
}

/// The row of the stopped session left out the 5-hour window after its reset, while the rows of other sessions and `now`
/// showed it as empty.
#[test]
fn every_row_shows_the_window_that_has_reset_as_empty() {
    let sandbox = with_a_private_login();
    let mut stopped = session_of_login(&sandbox, "stopped");
    let mut idle = session_of_login(&sandbox, "idle");
    let room = windows(60.0, NOON, 2.0, TUESDAY);
    receives_response(&mut idle, "2026-11-20T11:57:50Z", room);
    uses_up_credits(&mut stopped);
    let at = "2026-11-20T12:00:13Z";
    for client in [&stopped, &idle] {
        let row = flat(&plain_rows(client, at, figures_since_noon()));
        assert!(row.contains("5h 0%"), "{}: {row}", client.session);
        assert!(row.contains("week 2%"), "{}: {row}", client.session);
    }
}
