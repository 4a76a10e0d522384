//! Tests that every screen says that usage credits are in use, and until when, while a limit still applies and after it
//! has ended.

use serde_json::{Value, json};

use crate::client::{Client, plain_rows, run, windows};
use crate::newest_evidence::{after, five_hour_full, hits_limit, receives_response, weekly_full};
use crate::situation::{
    AT_LOWER_PRIORITY, FIVE_HOUR, NOON, TUESDAY, WEEKLY, answer, flat, refused, session_of_login,
    stores_credits_reason, two_sessions_of_login, with_a_private_login,
};
use crate::support::Sandbox;

/// The 5-hour limit in the words of a version that calls usage credits "extra usage".
const FIVE_HOUR_IN_OLD_WORDS: &str =
    "You've hit your 5-hour limit · resets 12pm (UTC) · out of extra usage";
/// The columns that Claude Code reserves.
const MARGIN: usize = 4;

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

/// Stops a session at its 5-hour limit while usage credits pay for another session's response. Returns both sessions.
fn stops_at_five_hour_limit(sandbox: &Sandbox) -> [Client<'_>; 2] {
    let refusal = refused("five_hour", NOON, "");
    stops_while_credits_pay(sandbox, FIVE_HOUR, &refusal, &five_hour_full())
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
            "usage credits are paying",
            ["12:00, in 1 h 52 m", "12:00"],
        ),
        (
            WEEKLY,
            "seven_day",
            TUESDAY,
            weekly_full(),
            "usage credits are paying",
            ["Tue Nov 24 06:00, in 3 d 19 h", "Tue 06:00"],
        ),
        (
            FIVE_HOUR_IN_OLD_WORDS,
            "five_hour",
            NOON,
            five_hour_full(),
            "extra usage is paying",
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
                assert!(says_paid, "{text}: {columns}: {shown}");
                // "until" would read like a promise that the credits last that long.
                assert!(!shown.contains("until"), "{text}: {columns}: {shown}");
            }
            let widest = row(client, at, Value::Null, 120);
            let expected = format!("{pay} · resets {longest}");
            assert!(widest.contains(&expected), "{text}: {widest}");
        }
        let badge = stopped.explained(at)["badge"].to_string();
        assert!(badge.contains(&format!("{pay} · resets ")), "{badge}");
    }
}

/// An idle session reports figures without having received a response. Its first call hid the paid response, so that the
/// next row named only the limit again.
#[test]
fn the_row_still_says_that_credits_pay_on_the_next_call_of_an_idle_session() {
    let sandbox = with_a_private_login();
    let [stopped, _] = stops_at_five_hour_limit(&sandbox);
    let idle = session_of_login(&sandbox, "idle");
    for at in [
        "2026-11-20T10:01:30Z",
        "2026-11-20T10:01:40Z",
        "2026-11-20T10:08:00Z",
    ] {
        for client in [&stopped, &idle] {
            let shown = row(client, at, five_hour_full(), 120);
            assert!(
                shown.contains("usage credits are paying · resets 12:00"),
                "{at}: {shown}"
            );
        }
    }
}

/// The server refuses the login of another session with a 401 error. This says nothing about credits, but every
/// screen except the row then named only the limit.
#[test]
fn a_refused_login_does_not_hide_that_credits_pay() {
    let sandbox = with_a_private_login();
    let [stopped, _] = stops_at_five_hour_limit(&sandbox);
    let logged_out = session_of_login(&sandbox, "logged-out");
    logged_out.receives_error(
        "2026-11-20T10:05:00Z",
        "Please run /login · API Error: 401 Invalid authentication credentials",
        json!({"error": "authentication_failed", "apiErrorStatus": 401}),
    );
    let at = "2026-11-20T10:08:00Z";
    let explain = ["explain", "--session", "stopped"];
    for (shown, expected) in [
        (row(&stopped, at, Value::Null, 120), "credits are paying"),
        (stopped.run(at, &explain, b"").stdout, "credits are paying"),
        (answer(&stopped, at), "credits are paying"),
    ] {
        assert!(flat(&shown).contains(expected), "{shown}");
    }
}

/// The server refuses another session with a 402 error because a payment is due. `now` then did not mention credits, but
/// the other commands still said that they were paying.
#[test]
fn no_command_says_that_credits_pay_while_a_payment_is_due() {
    let sandbox = with_a_private_login();
    let [stopped, _] = stops_at_five_hour_limit(&sandbox);
    let unpaid = session_of_login(&sandbox, "unpaid");
    unpaid.receives_error(
        "2026-11-20T10:05:00Z",
        "API Error: 402 There is an issue with your billing.",
        json!({"error": "billing_error", "apiErrorStatus": 402}),
    );
    let at = "2026-11-20T10:08:00Z";
    let explain = ["explain", "--session", "stopped"];
    for shown in [
        stopped.run(at, &["now"], b"").stdout,
        stopped.run(at, &explain, b"").stdout,
        stopped.run(at, &["incidents"], b"").stdout,
        answer(&stopped, at),
    ] {
        let shown = flat(&shown);
        for claim in ["credits pay", "credits are paying", "paying with"] {
            assert!(!shown.contains(claim), "{shown}");
        }
    }
}

/// The payment for a session's next response, which all screens must describe in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextResponse {
    /// The plan or the key pays for it.
    Free,
    /// Usage credits pay for it until this time.
    PaidUntil(&'static str),
}

/// Returns true if a text says that usage credits pay for the next response.
fn says_that_credits_pay(text: &str) -> bool {
    let lowercase = text.to_lowercase();
    [
        "costs money",
        "costs extra",
        "credits pay",
        "credits are paying",
        "with usage credits",
    ]
    .iter()
    .any(|words| lowercase.contains(words))
}

/// Asks every screen about a session in the same second, and checks that all of them agree about its next response.
fn check_every_screen(client: &Client<'_>, at: &str, next: NextResponse) {
    let session = client.session.as_str();
    let [explain, explain_session, now, incidents] = [
        &["explain"][..],
        &["explain", "--session", session],
        &["now"],
        &["incidents"],
    ]
    .map(|arguments| flat(&client.run(at, arguments, b"").stdout));
    let json = client.run(at, &["explain", "--json", "--session", session], b"");
    let explained = json.json();
    let incident = match &explained["limit_of_account"] {
        Value::Null => &explained["incident"],
        limit => limit,
    };
    let call = client.calls_status_line(at, Value::Null, 120);
    let waited = client.run(at, &["wait", "--session", session, "--timeout", "1s"], b"");
    let screens = [
        ("row", flat(&whycap::terminal::strip_ansi(call.success()))),
        ("explain", explain),
        ("explain --session", explain_session),
        ("/whycap", answer(client, at)),
        ("now", now),
        (
            "wait",
            format!("{} {}", flat(&waited.stdout), waited.stderr),
        ),
        ("incidents", incidents),
    ];
    for (screen, text) in &screens {
        let lowercase = text.to_lowercase();
        let says_paid = says_that_credits_pay(text);
        let about = format!("{session}, {at}, {screen}: {text}");
        match next {
            NextResponse::Free => assert!(!says_paid, "{about}"),
            NextResponse::PaidUntil(_) => {
                assert!(says_paid || *screen == "incidents", "{about}");
                for unpaid in ["send the prompt again ", "send the prompt again."] {
                    let paid = "or send the prompt again now; usage credits will probably pay for it (costs money)";
                    let rest = lowercase.replace(paid, "");
                    assert!(!rest.contains(unpaid), "{about}");
                }
            }
        }
        assert!(!lowercase.contains("still blocked"), "{about}");
    }
    if incident.is_null() {
        return;
    }
    // The paragraph about the costs would hide that the headline or the badge does not mention them.
    for field in ["headline", "badge"] {
        let text = incident[field].as_str().unwrap();
        let about = format!("{session}, {at}, {field}: {text}");
        assert_eq!(
            says_that_credits_pay(text),
            next != NextResponse::Free,
            "{about}"
        );
    }
    let steps_cost_money: Vec<bool> = incident["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["costs_money"] == true)
        .collect();
    match next {
        NextResponse::Free => assert!(!steps_cost_money.contains(&true), "{incident:#}"),
        NextResponse::PaidUntil(until) => {
            assert!(steps_cost_money.contains(&true), "{incident:#}");
            let first = incident["actions"][0]["do"].as_str().unwrap();
            let waits = ["Wait until", "Do nothing", "You can wait"]
                .iter()
                .any(|words| first.starts_with(words));
            assert!(waits || steps_cost_money[0], "{incident:#}");
            // Only the headline or a paragraph above it said that waiting is free.
            for (screen, text) in &screens {
                let is_explanation = screen.starts_with("explain") || *screen == "/whycap";
                let steps = text.split_once("What to do").map(|(_, steps)| steps);
                if is_explanation && let Some(steps) = steps {
                    let offers_wait = [
                        "Wait until",
                        "wait until",
                        "or wait",
                        "leave the session open",
                    ]
                    .iter()
                    .any(|words| steps.contains(words));
                    assert!(offers_wait, "{session}, {at}, {screen}: {text}");
                }
            }
            let [(_, row), ..] = &screens;
            assert!(
                row.contains("are paying") && row.contains(&format!("resets {until}")),
                "{session}: {row}"
            );
        }
    }
}

/// The row named a limit that had been reset early, `explain` advised sending the prompt again for free in its
/// headline, or the row did so, although usage credits were in use.
#[test]
fn every_screen_agrees_whether_credits_pay() {
    use NextResponse::{Free, PaidUntil};
    // The weekly limit applies, and credits are in use.
    let sandbox = with_a_private_login();
    let refusal = refused("seven_day", TUESDAY, "");
    let [stopped, _] = stops_while_credits_pay(&sandbox, WEEKLY, &refusal, &weekly_full());
    let idle = session_of_login(&sandbox, "idle");
    for client in [&stopped, &idle] {
        check_every_screen(
            client,
            "2026-11-20T10:01:30Z",
            PaidUntil("Tue Nov 24 06:00"),
        );
    }

    // The limit resets an hour early or on time. Another session fills the next window.
    for is_asked_before in [false, true] {
        for (ended_at, paid_at) in [
            ("2026-11-20T11:00:00Z", "2026-11-20T11:06:00Z"),
            ("2026-11-20T12:02:00Z", "2026-11-20T12:08:00Z"),
        ] {
            let sandbox = with_a_private_login();
            let [stopped, mut pays] = stops_at_five_hour_limit(&sandbox);
            let idle = session_of_login(&sandbox, "idle");
            check_every_screen(&stopped, "2026-11-20T10:08:00Z", PaidUntil("12:00"));
            check_every_screen(&idle, "2026-11-20T10:08:00Z", PaidUntil("12:00"));

            let [low, full] =
                [5.0, 100.0].map(|percent| windows(percent, NOON + 4 * 3_600, 40.0, TUESDAY));
            receives_response(&mut pays, ended_at, low);
            if is_asked_before {
                for client in [&stopped, &idle] {
                    check_every_screen(client, &after(ended_at, 5), Free);
                }
            }
            receives_response(&mut pays, paid_at, full.clone());
            receives_response(&mut pays, &after(paid_at, 3), full);
            for client in [&stopped, &idle] {
                check_every_screen(client, &after(paid_at, 5), PaidUntil("16:00"));
            }
        }
    }

    // The limit ends, but the other window is full.
    let sandbox = with_a_private_login();
    let [stopped, mut pays] = stops_at_five_hour_limit(&sandbox);
    let weekly_full = windows(5.0, NOON + 4 * 3_600, 100.0, TUESDAY);
    for at in ["2026-11-20T12:05:00Z", "2026-11-20T12:08:00Z"] {
        receives_response(&mut pays, at, weekly_full.clone());
    }
    check_every_screen(
        &stopped,
        "2026-11-20T12:08:05Z",
        PaidUntil("Tue Nov 24 06:00"),
    );

    // The service is overloaded while credits are in use, and then the problem should be over.
    let sandbox = with_a_private_login();
    let mut pays = session_of_login(&sandbox, "pays");
    for at in ["2026-11-20T10:01:00Z", "2026-11-20T10:02:00Z"] {
        receives_response(&mut pays, at, five_hour_full());
    }
    let overloaded = session_of_login(&sandbox, "overloaded");
    let error = json!({"apiErrorStatus": 529});
    overloaded.receives_error("2026-11-20T10:02:30Z", "API Error: 529 Overloaded", error);
    check_every_screen(&overloaded, "2026-11-20T10:08:00Z", PaidUntil("12:00"));

    // Credits were refused, but are in use again.
    let sandbox = with_a_private_login();
    let pool = "You're out of usage credits · resets 12pm (UTC)";
    let refusal = refused("five_hour", NOON, "out_of_credits");
    let [stopped, mut pays] = stops_while_credits_pay(&sandbox, pool, &refusal, &five_hour_full());
    receives_response(&mut pays, "2026-11-20T10:01:10Z", five_hour_full());
    check_every_screen(&stopped, "2026-11-20T10:01:30Z", PaidUntil("12:00"));
}

/// The server may report the same reset with small differences.
#[test]
fn the_row_names_the_full_window_although_its_reset_is_reported_with_small_differences() {
    let sandbox = with_a_private_login();
    let mut pays = session_of_login(&sandbox, "pays");
    for (at, reset) in [
        ("2026-11-20T10:01:00Z", NOON + 60),
        ("2026-11-20T10:02:00Z", NOON),
    ] {
        receives_response(&mut pays, at, windows(100.0, reset, 40.0, TUESDAY));
    }
    let overloaded = session_of_login(&sandbox, "overloaded");
    let error = json!({"apiErrorStatus": 529});
    overloaded.receives_error("2026-11-20T10:02:30Z", "API Error: 529 Overloaded", error);
    let shown = row(&overloaded, "2026-11-20T10:08:00Z", Value::Null, 120);
    let expected = "5-hour limit · usage credits are paying · resets 12:0";
    assert!(shown.contains(expected), "{shown}");
}

/// After the limit of another session had ended, `/whycap` advised sending the prompt again in a session without any
/// error.
#[test]
fn a_session_without_a_failed_prompt_is_told_that_it_can_continue() {
    for (ended_at, asked_after) in [
        ("2026-11-20T11:00:00Z", 5),
        ("2026-11-20T12:00:20Z", 10),
        ("2026-11-20T12:02:00Z", 60),
    ] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        let refusal = refused("five_hour", NOON, "");
        hits_limit(
            &stopped,
            "2026-11-20T10:00:00Z",
            FIVE_HOUR,
            &refusal,
            five_hour_full(),
        );
        let mut works = session_of_login(&sandbox, "works");
        let next = windows(5.0, NOON + 4 * 3_600, 40.0, TUESDAY);
        receives_response(&mut works, ended_at, next);
        let idle = session_of_login(&sandbox, "idle");
        let reply = answer(&idle, &after(ended_at, asked_after));
        assert!(reply.contains("; you can continue."), "{reply}");
        assert!(reply.contains("1. You can continue; "), "{reply}");
        for wrong in ["end the prompt again", "Leave the session open"] {
            assert!(!reply.contains(wrong), "{reply}");
        }
    }
}

/// The service was overloaded in two sessions, and nothing has happened since then. In a third session, `/whycap` said
/// both that the user could continue and that the error was too old to tell. Soon after the errors, it called them
/// "only a prompt of another session".
#[test]
fn a_session_is_not_told_more_about_the_errors_of_others_than_is_known() {
    let sandbox = with_a_private_login();
    for name in ["stopped", "stopped-too"] {
        let client = session_of_login(&sandbox, name);
        let error = json!({"apiErrorStatus": 529});
        client.receives_error("2026-11-20T10:00:00Z", "API Error: 529 Overloaded", error);
    }
    let idle = session_of_login(&sandbox, "idle");
    let soon_explanation = answer(&idle, "2026-11-20T10:10:00Z");
    let stopped_another = "1. You can continue; the error stopped another session";
    assert!(
        soon_explanation.contains(stopped_another),
        "{soon_explanation}"
    );

    let late_explanation = answer(&idle, "2026-11-20T15:00:00Z");
    for part in [
        "; try to continue.",
        "1. Try to continue",
        "too old to tell",
    ] {
        assert!(
            late_explanation.contains(part),
            "{part}: {late_explanation}"
        );
    }
    for wrong in ["ou can continue", "end the prompt again"] {
        assert!(
            !late_explanation.contains(wrong),
            "{wrong}: {late_explanation}"
        );
    }
}

/// A session continued at lower priority after its error, until credits paid for its responses. `/whycap` did not say that the
/// user was paying, because a response since the error had been free.
#[test]
fn credits_pay_after_lower_priority_mode_has_ended() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "pays");
    let refusal = refused("five_hour", NOON, "");
    let full = five_hour_full();
    hits_limit(
        &client,
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        &refusal,
        full.clone(),
    );
    client.announces("2026-11-20T10:01:00Z", AT_LOWER_PRIORITY);
    client.sends_prompt("2026-11-20T10:02:00Z", "go on");
    receives_response(&mut client, "2026-11-20T10:03:00Z", full.clone());
    client.announces(
        "2026-11-20T10:10:00Z",
        "Extra usage is now covering your requests \u{00b7} lower-priority mode ended",
    );
    client.sends_prompt("2026-11-20T10:19:00Z", "go on");
    receives_response(&mut client, "2026-11-20T10:20:00Z", full);
    let reply = answer(&client, "2026-11-20T10:20:05Z");
    assert!(reply.contains("paying with usage credits"), "{reply}");
}

/// Simulates a prompt and its response four seconds later, and the status-line call that reports these usage windows.
/// Returns the status line without colors, on a single line.
fn asks(client: &mut Client<'_>, prompt_at: &str, reported: Value) -> String {
    client.sends_prompt(prompt_at, "continue");
    flat(&receives_response(client, &after(prompt_at, 4), reported))
}

/// Returns the figures of a 5-hour window that resets at noon.
fn five_hour_at(percent: f64) -> Value {
    windows(percent, NOON, 30.0, TUESDAY)
}

/// Creates two sessions in processes of their own, with a 5-hour window that is nearly full at 10:00.
fn two_nearly_full_sessions(sandbox: &Sandbox) -> [Client<'_>; 2] {
    [("waits", "4190001"), ("pays", "4190002")].map(|(name, process)| {
        let mut client = session_of_login(sandbox, name);
        let variable = ("CLAUDE_PID".to_owned(), process.to_owned());
        client.variables.push(variable);
        asks(&mut client, "2026-11-20T10:00:00Z", five_hour_at(95.0));
        client
    })
}

/// Usage credits pay for two more responses of a session, whose window is full from 10:00:26 on.
fn pays_with_credits(client: &mut Client<'_>) {
    let full = five_hour_at(100.0);
    for prompt_at in ["2026-11-20T10:00:21Z", "2026-11-20T10:00:31Z"] {
        asks(client, prompt_at, full.clone());
    }
    let row = asks(client, "2026-11-20T10:00:41Z", full);
    assert!(row.contains("with usage credits: ≈$0.80"), "{row}");
}

/// Checks that every screen still says that usage credits have paid this amount since 10:00.
fn still_pays(client: &Client<'_>, at: &str, amount: &str) {
    let call = client.calls_status_line(at, five_hour_at(100.0), 120);
    let row = flat(&whycap::terminal::strip_ansi(call.success()));
    assert!(row.contains("5h 100%"), "{at}: {row}");
    let now = flat(&client.run(at, &["now"], b"").stdout);
    assert!(now.contains("100%"), "{at}: {now}");
    let explained = flat(&client.run(at, &["explain"], b"").stdout);
    for shown in [row, now, explained, answer(client, at)] {
        let expected = format!("with usage credits: ≈{amount} since 10:00");
        assert!(shown.contains(&expected), "{at}: {shown}");
    }
}

/// Claude Code 2.1.331 does not call the status line while it asks for permission. When the user declined, it reported
/// the figures of the request from before the dialog. All screens then said "5h 96%" and no longer mentioned the credits
/// that were paying in another session.
#[test]
fn figures_from_before_a_dialog_do_not_hide_that_credits_pay() {
    let sandbox = with_a_private_login();
    let [mut waits, mut pays] = two_nearly_full_sessions(&sandbox);
    waits.sends_prompt("2026-11-20T10:00:11Z", "delete the directory");
    waits.works("2026-11-20T10:00:15Z", 10);
    waits.api_ms += 300;
    pays_with_credits(&mut pays);

    for at in ["2026-11-20T10:01:10Z", "2026-11-20T10:01:20Z"] {
        let call = waits.calls_status_line(at, five_hour_at(96.0), 120);
        let row = flat(&whycap::terminal::strip_ansi(call.success()));
        assert!(row.contains("5h 100%"), "{at}: {row}");
        still_pays(&pays, &after(at, 5), "$0.80");
    }
    // Paid responses continue to count toward the same amount.
    for (prompt_at, amount) in [
        ("2026-11-20T10:01:40Z", "$1.20"),
        ("2026-11-20T10:01:50Z", "$1.60"),
    ] {
        asks(&mut pays, prompt_at, five_hour_at(100.0));
        still_pays(&pays, &after(prompt_at, 8), amount);
    }
}

/// The server determines the figures when it accepts a request. A response that took 45 seconds reported 96% after another
/// session had reached 100%, and hid that credits were paying there.
#[test]
fn the_figures_of_a_slow_response_do_not_hide_that_credits_pay() {
    let sandbox = with_a_private_login();
    let [mut slow, mut pays] = two_nearly_full_sessions(&sandbox);
    slow.sends_prompt("2026-11-20T10:00:11Z", "think");
    pays_with_credits(&mut pays);
    slow.works("2026-11-20T10:00:56Z", 10);
    slow.api_ms += 45_000;
    for at in ["2026-11-20T10:00:57Z", "2026-11-20T10:01:07Z"] {
        slow.calls_status_line(at, five_hour_at(96.0), 120);
        still_pays(&pays, &after(at, 5), "$0.80");
    }
}

/// A session without a transcript reports lower figures. The server may have determined them after an early reset. The next
/// response in another session shows that the window is still full, although this process had reported the same figures
/// before.
#[test]
fn a_new_response_counts_even_if_it_repeats_the_figures_of_its_process() {
    let sandbox = with_a_private_login();
    let [mut unknown, mut pays] = two_nearly_full_sessions(&sandbox);
    std::fs::remove_file(unknown.transcript()).unwrap();
    pays_with_credits(&mut pays);
    unknown.api_ms += 300;
    unknown.calls_status_line("2026-11-20T10:01:10Z", five_hour_at(96.0), 120);

    let row = asks(&mut pays, "2026-11-20T10:01:20Z", five_hour_at(100.0));
    assert!(row.contains("5h 100%"), "{row}");
    let at = "2026-11-20T10:01:30Z";
    let row = flat(&plain_rows(&pays, at, five_hour_at(100.0)));
    let now = flat(&pays.run(at, &["now"], b"").stdout);
    for shown in [row, now] {
        assert!(shown.contains("100%"), "{shown}");
        assert!(shown.contains("with usage credits"), "{shown}");
    }
}

/// A session waits for its subagent. After an early reset, the subagent's response is the first one that shows it. The
/// figures were dated to the last request of the session itself, so whycap kept showing the usage from before the reset.
#[test]
fn the_response_of_a_subagent_shows_an_early_reset() {
    let sandbox = with_a_private_login();
    let [mut waits, mut other] = two_nearly_full_sessions(&sandbox);
    let row = asks(&mut other, "2026-11-20T10:20:00Z", five_hour_at(97.0));
    assert!(row.contains("5h 97%"), "{row}");
    waits.api_ms += 5000;
    let at = "2026-11-20T10:26:00Z";
    for client in [&waits, &other] {
        let reported = five_hour_at(if client.session == waits.session {
            2.0
        } else {
            97.0
        });
        let call = client.calls_status_line(at, reported, 120);
        let row = flat(&whycap::terminal::strip_ansi(call.success()));
        assert!(row.contains("5h 2%"), "{}: {row}", client.session);
    }
}

/// A response to a later request that reports less usage of the same window still shows an early reset.
#[test]
fn lower_figures_of_a_later_request_still_show_an_early_reset() {
    let sandbox = with_a_private_login();
    let [mut other, mut pays] = two_nearly_full_sessions(&sandbox);
    pays_with_credits(&mut pays);
    let row = asks(&mut other, "2026-11-20T10:01:20Z", five_hour_at(2.0));
    assert!(row.contains("5h 2%"), "{row}");
    let at = "2026-11-20T10:01:30Z";
    let row = flat(&plain_rows(&pays, at, five_hour_at(100.0)));
    assert!(
        row.contains("5h 2%") && !row.contains("usage credits"),
        "{row}"
    );
}

/// The response that shows an early reset was said to have been paid for with usage credits, because it arrived before its
/// figures were reported.
#[test]
fn credits_are_not_said_to_have_paid_for_the_response_that_shows_an_early_reset() {
    let sandbox = with_a_private_login();
    let [stopped, mut works] = two_nearly_full_sessions(&sandbox);
    let refusal = refused("five_hour", NOON, "");
    hits_limit(
        &stopped,
        "2026-11-20T10:01:00Z",
        FIVE_HOUR,
        &refusal,
        five_hour_at(100.0),
    );
    let now = |at: &str| run(&sandbox, at, &["now", "--json"], b"", &[]).json();
    let before = now("2026-11-20T10:01:10Z");
    let reset = windows(2.0, NOON + 3 * 3_600, 30.0, TUESDAY);
    let row = asks(&mut works, "2026-11-20T10:01:20Z", reset);
    assert!(row.contains("5h 2%"), "{row}");
    let at = "2026-11-20T10:01:30Z";
    let shown = flat(run(&sandbox, at, &["now"], b"", &[]).success());
    assert!(!shown.contains("redits have paid"), "{shown}");
    // The response was counted.
    let after = now(at);
    let spent = |now: &Value| now["today_usd"].as_f64().unwrap();
    assert!(spent(&after) > spent(&before) + 0.3, "{after:#}");
    assert_eq!(after["credits_paid_today_usd"].as_f64(), Some(0.0));
}

/// A session may have received responses to requests that it had sent before the window was full, so a user who has never turned
/// credits on may have paid nothing.
#[test]
fn credits_that_are_not_paying_now_may_have_paid() {
    let sandbox = with_a_private_login();
    let [_, mut pays] = two_nearly_full_sessions(&sandbox);
    pays_with_credits(&mut pays);
    let now = || {
        let at = "2026-11-20T10:05:00Z";
        flat(&run(&sandbox, at, &["now"], b"", &[]).stdout)
    };
    let before = now();
    assert!(before.contains("redits have paid"), "{before}");
    for (reason, paid, remark) in [
        (
            "org_level_disabled",
            "sage credits may have paid ≈$0.80",
            "hey are turned off now",
        ),
        (
            "out_of_credits",
            "sage credits have paid ≈$0.80",
            "hey are not paying now",
        ),
    ] {
        crate::situation::stores_credits_reason(&sandbox, &json!(reason));
        let after = now();
        assert!(after.contains(paid), "{after}");
        assert!(after.contains(remark), "{after}");
    }
}

/// `now --json` did not contain the amount that `now` shows. After the user turned credits off, the amount disappeared.
#[test]
fn now_shows_what_credits_have_paid_today() {
    let paid_at = "2026-11-20T10:05:00Z";
    let sandbox = with_a_private_login();
    let [_, mut pays] = two_nearly_full_sessions(&sandbox);
    let now = || run(&sandbox, paid_at, &["now", "--json"], b"", &[]).json();
    assert_eq!(
        now()["credits_paid_today_usd"].as_f64(),
        Some(0.0),
        "before"
    );
    pays_with_credits(&mut pays);
    let paid = now()["credits_paid_today_usd"].clone();
    assert!(paid.as_f64() > Some(0.7), "{paid}");
    crate::situation::stores_credits_reason(&sandbox, &json!("org_level_disabled"));
    let shown = now();
    assert_eq!(shown["credits_paid_today_usd"], json!(null));
    assert_eq!(shown["credits_possibly_paid_today_usd"], paid);
}

/// Claude Code was about to continue a session after the reset of its weekly limit, while usage credits paid for responses because
/// of the 5-hour limit. `/whycap` and the row advised waiting, as if nothing would happen, and the session continued and paid.
#[test]
fn a_session_that_will_continue_and_pay_by_itself_says_how_to_stop_it() {
    let sandbox = with_a_private_login();
    let [stopped, mut other] = two_sessions_of_login(&sandbox);
    let five_hour_resets = NOON + 3 * 3_600;
    hits_limit(
        &stopped,
        "2026-11-20T11:50:00Z",
        "You've hit your weekly limit · resets 12pm (UTC)",
        &refused("seven_day", NOON, "out_of_credits"),
        windows(94.0, five_hour_resets, 100.0, NOON),
    );
    let notice = "Usage limit reached \u{b7} set to continue automatically at 12pm";
    stopped.announces("2026-11-20T11:50:02Z", notice);
    let full = || windows(100.0, five_hour_resets, 1.0, TUESDAY);
    for at in ["2026-11-20T12:00:10Z", "2026-11-20T12:00:15Z"] {
        receives_response(&mut other, at, full());
    }
    let at = "2026-11-20T12:00:20Z";
    let reply = answer(&stopped, at);
    assert!(reply.contains("To wait for free, press Esc"), "{reply}");
    assert!(!reply.contains("or wait"), "{reply}");
    let rows = flat(&plain_rows(&stopped, at, full()));
    assert!(rows.contains("Esc stops it"), "{rows}");
}

/// A session was waiting for the reset, and another session of the account continued with usage credits. `explain` and the
/// answer in the waiting session began with "Send the prompt again; usage credits will pay for it (costs money)", although the
/// session would soon have continued by itself for free.
#[test]
fn a_waiting_session_is_not_advised_to_pay_because_another_session_pays() {
    let sandbox = with_a_private_login();
    let [waiting, mut paying] = ["waiting", "paying"].map(|name| Client {
        version: "2.1.331".to_owned(),
        ..session_of_login(&sandbox, name)
    });
    let full = || windows(100.0, NOON, 40.0, TUESDAY);
    let refusal = refused("five_hour", NOON, "org_level_disabled_until");
    hits_limit(
        &waiting,
        "2026-11-20T10:00:00Z",
        "You've hit your monthly spend limit · raise it at claude.ai/settings/usage",
        &refusal,
        full(),
    );
    for at in ["2026-11-20T10:05:00Z", "2026-11-20T10:06:00Z"] {
        receives_response(&mut paying, at, full());
    }
    let at = "2026-11-20T10:07:00Z";
    let leave_open =
        "1. Do nothing and leave the session open; Claude Code will continue about 12:01";
    let pay =
        "2. Or send the prompt again now; usage credits will probably pay for it (costs money)";
    let explained = flat(&run(&sandbox, at, &["explain"], b"", &[]).stdout);
    for shown in [explained, answer(&waiting, at)] {
        assert!(shown.contains(leave_open), "{shown}");
        assert!(shown.contains(pay), "{shown}");
    }
    let row = flat(&plain_rows(&waiting, at, full()));
    assert!(row.contains("it will continue about 12:01"), "{row}");
}

/// Returns the output of a successful command on a single line.
fn printed(client: &Client<'_>, at: &str, arguments: &[&str]) -> String {
    flat(client.run(at, arguments, b"").success())
}

/// The transcript of the session does not name its account, as before version 2.1.285, but the session reports the windows
/// of the plan. `wait --session` used to print only "You are not blocked.", while `wait`, `now`, and the status line
/// warned of the costs.
#[test]
fn wait_for_a_session_says_that_usage_credits_pay_for_it() {
    let sandbox = with_a_private_login();
    let mut client = Client::with_session(&sandbox, "pays");
    client.calls_status_line("2026-11-20T10:00:00Z", five_hour_full(), 100);
    client.sends_prompt("2026-11-20T10:00:50Z", "continue");
    receives_response(&mut client, "2026-11-20T10:01:00Z", five_hour_full());
    let at = "2026-11-20T10:02:00Z";
    let costs = "You can continue, but each response costs extra; or wait until 12:00";
    for arguments in [&["wait"][..], &["wait", "--session", "pays"]] {
        let waited = printed(&client, at, arguments);
        assert!(waited.starts_with(costs), "{arguments:?}: {waited}");
    }
}

/// Claude Code continues the session for free although the 5-hour window is full. `wait --session` used to print only
/// "You are not blocked.", while `now` said that a usage window was full.
#[test]
fn wait_for_a_session_says_that_its_responses_are_free_while_a_window_is_full() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "free");
    let refusal = refused("five_hour", NOON, "");
    hits_limit(
        &client,
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        &refusal,
        five_hour_full(),
    );
    client.announces("2026-11-20T10:01:00Z", AT_LOWER_PRIORITY);
    receives_response(&mut client, "2026-11-20T10:05:00Z", five_hour_full());
    let now = printed(&client, "2026-11-20T10:06:00Z", &["now"]);
    assert!(now.contains("but a usage window is full"), "{now}");
    let waited = printed(
        &client,
        "2026-11-20T10:06:00Z",
        &["wait", "--session", "free"],
    );
    assert!(
        waited.contains("You can continue. Your 5-hour limit is used up until 12:00 ("),
        "{waited}"
    );
    let free = ", but this session's responses are free for now.";
    assert!(waited.ends_with(free), "{waited}");
}

/// A `claude -p` run, which reports no usage, was refused. The next response in another session was then paid for, and its figures
/// were the first to show that the window was full. `explain` and `wait` said that credits were paying, but the row, `now`, and
/// `explain --session` did not, and `/whycap` also said that prompts would be refused or paid for.
#[test]
fn every_screen_counts_the_first_response_after_a_refusal_without_figures() {
    let sandbox = with_a_private_login();
    let mut pays = session_of_login(&sandbox, "pays");
    pays.sends_prompt("2026-11-20T09:49:58Z", "continue");
    receives_response(&mut pays, "2026-11-20T09:50:00Z", five_hour_at(97.0));
    let mut run_of_script = session_of_login(&sandbox, "script");
    run_of_script
        .variables
        .push(("CLAUDE_CODE_ENTRYPOINT".to_owned(), "sdk-cli".to_owned()));
    let mut refusal = refused("five_hour", NOON, "");
    refusal["entrypoint"] = Value::from("sdk-cli");
    run_of_script.receives_error("2026-11-20T10:00:00Z", FIVE_HOUR, refusal);
    pays.sends_prompt("2026-11-20T10:02:00Z", "continue");
    receives_response(&mut pays, "2026-11-20T10:02:04Z", five_hour_full());
    let at = "2026-11-20T10:03:00Z";
    let paying = "with usage credits: ≈$0.40 since 10:02";
    let row = plain_rows(&pays, at, five_hour_full());
    assert!(row.contains(&format!("paying {paying}")), "{row}");
    let answer = answer(&pays, at);
    let [now, explained] = [&["now"][..], &["explain", "--session", "pays"]]
        .map(|arguments| printed(&pays, at, arguments));
    for text in [&answer, &explained, &now] {
        assert!(text.contains(paying), "{text}");
        assert!(!text.contains("refused or paid for"), "{text}");
    }
    let waited = printed(&pays, at, &["wait", "--session", "pays"]);
    assert!(
        waited.contains("each response costs extra; or wait until 12:00"),
        "{waited}"
    );
}

/// The server refused a request although the window had room. The refusal does not show that later responses were paid for.
#[test]
fn a_false_alarm_does_not_make_later_responses_count_as_paid() {
    let sandbox = with_a_private_login();
    let [mut pays, stopped] = ["pays", "stopped"].map(|name| session_of_login(&sandbox, name));
    receives_response(&mut pays, "2026-11-20T09:55:00Z", five_hour_at(40.0));
    let refusal = refused("five_hour", NOON, "");
    stopped.receives_error("2026-11-20T10:00:00Z", FIVE_HOUR, refusal);
    receives_response(&mut pays, "2026-11-20T10:40:00Z", five_hour_full());
    let row = plain_rows(&pays, "2026-11-20T10:41:00Z", five_hour_full());
    assert!(!row.contains("paying"), "{row}");
}

fn sums_of_incidents(client: &Client<'_>, at: &str) -> Value {
    client.run(at, &["incidents", "--json"], b"").json()["sums"].clone()
}

/// Usage credits were used up, bought again, paid for a response, and were used up again three minutes later. `incidents`
/// merged the two stops into one and counted the time in between as blocked.
#[test]
fn the_time_in_which_credits_paid_is_not_blocked_even_if_they_are_soon_used_up() {
    let sandbox = with_a_private_login();
    let [stopped, mut pays] = ["stopped", "pays"].map(|name| session_of_login(&sandbox, name));
    let text = "You're out of usage credits \u{b7} resets 12pm (UTC)";
    let refusal = refused("five_hour", NOON, "out_of_credits");
    let full = five_hour_full();
    hits_limit(
        &stopped,
        "2026-11-20T10:00:00Z",
        text,
        &refusal,
        full.clone(),
    );
    pays.sends_prompt("2026-11-20T10:19:50Z", "continue");
    receives_response(&mut pays, "2026-11-20T10:20:00Z", full.clone());
    let before = sums_of_incidents(&stopped, "2026-11-20T10:22:00Z");
    assert_eq!(before["blocked_s"], 20 * 60, "{before}");
    hits_limit(&pays, "2026-11-20T10:23:00Z", text, &refusal, full);
    let after = sums_of_incidents(&stopped, "2026-11-20T10:25:00Z");
    assert_eq!(after["blocked_s"], 22 * 60, "{after}");
    assert_eq!(after["stops"], 2, "{after}");
}

/// The cap of an organization was raised while the 5-hour window was still full. In a session without an error, `/whycap` said
/// that both the 5-hour limit and the cap had passed, and in the stopped sessions, it named only the cap.
#[test]
fn the_end_of_a_cap_is_not_called_the_end_of_its_full_window() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let [mut first, mut second, mut idle] =
        ["first", "second", "idle"].map(|name| session_of_login(&sandbox, name));
    let text = "You've hit your org's monthly spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets 12pm (UTC)";
    let refusal = refused("five_hour", NOON, "org_level_disabled_until");
    for client in [&first, &second] {
        hits_limit(
            client,
            "2026-11-20T10:00:00Z",
            text,
            &refusal,
            five_hour_full(),
        );
    }
    stores_credits_reason(&sandbox, &Value::Null);
    for at in ["2026-11-20T10:15:00Z", "2026-11-20T10:17:00Z"] {
        receives_response(&mut first, at, five_hour_full());
    }
    let state = "(over, but your 5-hour limit is used up until 12:00)";
    let listed = flat(
        second
            .run("2026-11-20T10:17:30Z", &["incidents"], b"")
            .success(),
    );
    assert!(listed.contains(state), "{listed}");
    receives_response(&mut second, "2026-11-20T10:18:00Z", five_hour_full());
    receives_response(&mut idle, "2026-11-20T10:19:00Z", five_hour_full());
    let headline = "Your organization had reached its spend cap, but credits pay now; your 5-hour limit is used up until 12:00.";
    for client in [&first, &second, &idle] {
        let shown = answer(client, "2026-11-20T10:20:00Z");
        assert!(shown.contains(headline), "{}: {shown}", client.session);
        assert!(!shown.contains("has passed"), "{shown}");
    }
    let at = "2026-11-20T10:20:00Z";
    let listed = flat(first.run(at, &["incidents"], b"").success());
    let state = "(over, but your 5-hour limit is used up until 12:00)";
    assert!(listed.contains(state), "{listed}");
    let listed = flat(
        first
            .run("2026-11-20T12:01:00Z", &["incidents"], b"")
            .success(),
    );
    assert!(listed.contains("(over)"), "{listed}");
}

/// After a limit, the row of the session that pays with usage credits showed the amount, and the row of the session that the
/// limit had stopped showed only that credits are paying.
#[test]
fn the_row_of_a_stopped_session_shows_the_amount_that_credits_pay() {
    let sandbox = with_a_private_login();
    let [stopped, mut pays] = two_sessions_of_login(&sandbox);
    hits_limit(
        &stopped,
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        &refused("five_hour", NOON, ""),
        five_hour_full(),
    );
    for at in ["2026-11-20T10:05:00Z", "2026-11-20T10:06:00Z"] {
        receives_response(&mut pays, at, five_hour_full());
    }
    let at = "2026-11-20T10:07:00Z";
    let amount = "paying with usage credits: ≈$";
    let shown = plain_rows(&stopped, at, five_hour_full());
    assert!(
        shown.contains("5-hour limit · usage credits are paying"),
        "{shown}"
    );
    assert!(shown.contains(amount), "{shown}");
    let shown = plain_rows(&pays, at, five_hour_full());
    assert!(shown.contains(amount), "{shown}");
}

/// A session had reached the user's spend cap. The cap was raised, credits paid for a response in another session, and then they
/// were used up there. The first session still advised raising the cap.
#[test]
fn a_raised_cap_is_over_even_if_the_credits_are_soon_used_up() {
    let sandbox = with_a_private_login();
    let [capped, mut pays] = ["capped", "pays"].map(|name| session_of_login(&sandbox, name));
    let full = five_hour_full();
    hits_limit(
        &capped,
        "2026-11-20T10:00:00Z",
        "You've hit your monthly spend limit \u{b7} raise it at claude.ai/settings/usage",
        &refused("five_hour", NOON, "org_level_disabled_until"),
        full.clone(),
    );
    pays.sends_prompt("2026-11-20T10:03:50Z", "continue");
    receives_response(&mut pays, "2026-11-20T10:04:00Z", full.clone());
    hits_limit(
        &pays,
        "2026-11-20T10:06:00Z",
        "You're out of usage credits \u{b7} resets 12pm (UTC)",
        &refused("five_hour", NOON, "out_of_credits"),
        full,
    );
    let at = "2026-11-20T10:08:00Z";
    for client in [&capped, &pays] {
        let reply = answer(client, at);
        assert!(reply.contains("2:00"), "{reply}");
        for wrong in ["raise", "spend cap; you can"] {
            assert!(!reply.contains(wrong), "{wrong}: {reply}");
        }
        let shown = row(client, at, Value::Null, 120);
        assert!(!shown.contains("spend cap"), "{shown}");
    }
}

/// Both sessions were refused, and credits then paid in one of them. The percentages did not change, so this session's figures were
/// not stored: the row said that credits were paying, but the commands advised waiting or buying credits.
#[test]
fn credits_that_pay_in_a_refused_session_with_unchanged_figures_count_for_all_screens() {
    let sandbox = with_a_private_login();
    let [stopped, mut pays] = ["stopped", "pays"].map(|name| session_of_login(&sandbox, name));
    for client in [&stopped, &pays] {
        client.calls_status_line(
            "2026-11-20T09:58:00Z",
            windows(62.0, NOON, 99.0, TUESDAY),
            120,
        );
    }
    let full = windows(62.0, NOON, 100.0, TUESDAY);
    let refusal = refused("seven_day", TUESDAY, "out_of_credits");
    for (client, at) in [
        (&stopped, "2026-11-20T10:00:00Z"),
        (&pays, "2026-11-20T10:00:20Z"),
    ] {
        hits_limit(client, at, WEEKLY, &refusal, full.clone());
    }
    pays.sends_prompt("2026-11-20T10:02:50Z", "continue");
    receives_response(&mut pays, "2026-11-20T10:03:00Z", full);
    for at in ["2026-11-20T10:03:10Z", "2026-11-20T10:04:00Z"] {
        check_every_screen(&stopped, at, NextResponse::PaidUntil("Tue Nov 24 06:00"));
        let waited = stopped.run(at, &["wait"], b"");
        assert_eq!(waited.code, 0, "{waited:?}");
    }
}
