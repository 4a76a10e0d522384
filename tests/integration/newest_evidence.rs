//! Tests that every screen describes the current state of a limit rather than its state at the time of an older error.
//! Each test reproduces a contradiction between two screens that was found in November 2026.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::client::{Client, run, windows};
#[cfg(target_os = "linux")]
use crate::now::RunningClient;
use crate::situation::{
    AT, FIVE_HOUR, NOON, OUT_OF_CREDITS, OVERLOADED, PRIVATE, SOON, TUESDAY, WEEKLY, answer,
    belongs_to, flat, reaches_five_hour_limit, receives_overload_error, refused, session_of_login,
    session_with_token, two_sessions_of_login, with_a_private_login,
};
use crate::support::{Run, Sandbox};

/// The message of a false alarm.
const MONTHLY_CAP: &str =
    "You've hit your monthly spend limit · raise it at claude.ai/settings/usage";
/// The reset of a 5-hour window that began shortly after 10:00.
const LATER_RESET: i64 = NOON + 3 * 3_600;

/// Simulates a request that the server refuses because of a full usage window, and the status-line call after it.
pub fn hits_limit(client: &Client<'_>, at: &str, text: &str, refusal: &Value, reported: Value) {
    client.receives_error(at, text, refusal);
    client.calls_status_line(&after(at, 1), reported, 120);
}

/// Stops a session at its 5-hour limit at 10:00. `no_credits` is the server's reason for not accepting usage credits.
fn hits_five_hour_limit(client: &Client<'_>, no_credits: &str) {
    hits_limit(
        client,
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        &refused("five_hour", NOON, no_credits),
        five_hour_full(),
    );
}

/// Returns the figures of a full 5-hour window.
pub fn five_hour_full() -> Value {
    windows(100.0, NOON, 40.0, TUESDAY)
}

/// Returns the figures of a full weekly window.
pub fn weekly_full() -> Value {
    windows(35.0, NOON, 100.0, TUESDAY)
}

/// Simulates a response and the status-line call that reports these usage windows. Returns the status line without
/// colors.
pub fn receives_response(client: &mut Client<'_>, at: &str, reported: Value) -> String {
    client.api_ms += 100;
    client.works(at, 100_000);
    let call = client.calls_status_line(&after(at, 1), reported, 120);
    whycap::terminal::strip_ansi(&call.stdout)
}

/// Returns the time that is this many seconds after another one.
pub fn after(at: &str, seconds: i64) -> String {
    let at: chrono::DateTime<chrono::Utc> = at.parse().unwrap();
    let later = at + chrono::TimeDelta::seconds(seconds);
    later.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Returns the output of a command, on a single line.
fn output(client: &Client<'_>, at: &str, command: &str) -> String {
    flat(&client.run(at, &[command], b"").stdout)
}

/// A limit of the whole account takes precedence over an error in the session that is over.
#[test]
fn a_limit_of_the_account_is_explained_before_an_ended_error_of_the_session() {
    for (text, refusal, reported) in [
        (
            FIVE_HOUR,
            refused("five_hour", NOON, "org_level_disabled"),
            windows(100.0, NOON, 40.0, TUESDAY),
        ),
        (
            WEEKLY,
            refused("seven_day", TUESDAY, "org_level_disabled"),
            windows(40.0, NOON, 100.0, TUESDAY),
        ),
    ] {
        let sandbox = with_a_private_login();
        let mut ended = session_of_login(&sandbox, "ended");
        receives_overload_error(&ended, "2026-11-20T09:50:00Z");
        let room = windows(42.0, NOON, 40.0, TUESDAY);
        receives_response(&mut ended, "2026-11-20T09:52:00Z", room.clone());
        let stopped = session_of_login(&sandbox, "stopped");
        hits_limit(&stopped, "2026-11-20T10:00:00Z", text, &refusal, reported);

        let at = "2026-11-20T10:00:11Z";
        let line = ended.calls_status_line(at, room, 120).stdout;
        let headline = stopped.explained(at)["headline"]
            .as_str()
            .unwrap()
            .to_owned();
        for (command, text) in [
            ("/whycap", answer(&ended, at)),
            ("explain", output(&ended, at, "explain")),
            ("now", output(&ended, at, "now")),
        ] {
            assert!(text.contains(&headline), "{command}: {text}");
            assert!(!text.contains("You can continue"), "{command}: {text}");
        }
        assert!(line.contains("resets"), "{line}");
        assert!(
            answer(&ended, at).contains("another session"),
            "{}",
            answer(&ended, at)
        );
    }
}

/// A limit that does not apply to the session must not hide the session's own error.
#[test]
fn a_limit_that_does_not_apply_to_the_session_does_not_hide_its_own_error() {
    for name in ["company", "key", "responded", "false alarm"] {
        let sandbox = with_a_private_login();
        let mut ended = Client::with_session(&sandbox, "ended");
        match name {
            "company" => belongs_to(&ended, "company-account", "company-organization"),
            "key" => {
                let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-api03-x".to_owned());
                ended.variables.push(key);
            }
            _ => belongs_to(&ended, PRIVATE, "private-organization"),
        }
        receives_overload_error(&ended, "2026-11-20T09:50:00Z");
        ended.receives_response("2026-11-20T09:52:00Z");
        let stopped = session_of_login(&sandbox, "stopped");
        let at = "2026-11-20T10:05:00Z";
        if name == "false alarm" {
            let refusal = refused("overage", TUESDAY, "out_of_credits");
            let reported = windows(42.0, NOON, 17.0, TUESDAY);
            stopped.calls_status_line("2026-11-20T09:59:00Z", reported.clone(), 120);
            hits_limit(
                &stopped,
                "2026-11-20T10:04:00Z",
                OUT_OF_CREDITS,
                &refusal,
                reported,
            );
        } else {
            hits_five_hour_limit(&stopped, "org_level_disabled");
        }
        if name == "responded" {
            ended.receives_response("2026-11-20T10:04:00Z");
        }
        let reply = answer(&ended, at);
        assert!(reply.contains("overloaded"), "{name}: {reply}");
        let line = ended.calls_status_line(at, Value::Null, 120).stdout;
        assert!(!line.contains("/whycap"), "{name}: {line}");
    }
}

/// After the account's windows have reset, the next response does not cost anything extra.
#[test]
fn a_response_after_an_early_reset_is_not_called_paid() {
    for (used, responds_at, seconds) in [
        (42.0, "2026-11-20T10:01:00Z", 5),
        (2.0, "2026-11-20T10:01:00Z", 5),
        (2.0, "2026-11-20T10:01:00Z", 200),
        (42.0, "2026-11-20T10:03:00Z", 5),
        (2.0, "2026-11-20T10:30:00Z", 200),
    ] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        hits_five_hour_limit(&stopped, "out_of_credits");
        stopped.announces(
            "2026-11-20T10:00:20Z",
            "Automatic continue cancelled · /rate-limit-options to wait again",
        );
        let mut works = session_of_login(&sandbox, "works");
        let room = windows(used, LATER_RESET, 41.0, TUESDAY);
        receives_response(&mut works, responds_at, room);

        let at = after(responds_at, seconds);
        let incident = stopped.explained(&at);
        let name = format!("{used} {at}");
        assert_eq!(
            incident["actions"][0]["do"], "Send the prompt again",
            "{name}"
        );
        let line = stopped.calls_status_line(&at, five_hour_full(), 120).stdout;
        for text in [
            incident.to_string(),
            answer(&stopped, &at),
            output(&stopped, &at, "explain"),
            output(&stopped, &at, "now"),
            output(&stopped, &at, "incidents"),
            line,
        ] {
            assert!(!text.contains("costs money"), "{name}: {text}");
            assert!(!text.contains("is used up"), "{name}: {text}");
            assert!(!text.contains("paying"), "{name}: {text}");
        }
    }
}

/// After a session reaches its weekly limit, usage credits can pay for it. The limit then still applies, and each
/// response costs money.
#[test]
fn a_limit_beyond_which_credits_pay_still_applies() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "pays");
    let refusal = refused("seven_day", TUESDAY, "org_level_disabled");
    let stopped_at = "2026-11-20T10:00:00Z";
    hits_limit(&client, stopped_at, WEEKLY, &refusal, weekly_full());
    let line = receives_response(&mut client, "2026-11-20T10:03:00Z", weekly_full());
    assert!(line.contains("paying with usage credits"), "{line}");

    let at = "2026-11-20T10:03:05Z";
    let incident = client.explained(at);
    let action = &incident["actions"][0];
    let instruction = action["do"].as_str().unwrap();
    assert!(
        instruction.contains("each response costs extra; or wait until Tue Nov 24 06:00"),
        "{instruction}"
    );
    assert_eq!(action["costs_money"], true);
    for (command, text) in [
        ("/whycap", answer(&client, at)),
        ("explain", output(&client, at, "explain")),
        ("now", output(&client, at, "now")),
        ("incidents", output(&client, at, "incidents")),
    ] {
        for wrong in ["no longer applies", "turned off", "not blocked yet"] {
            assert!(!text.contains(wrong), "{command}: {text}");
        }
    }
    assert!(output(&client, at, "now").contains("no limit is blocking you"));
}

/// If usage credits pay for responses in one session, they also do so in a session that the same limit has stopped. No
/// screen may say that the user is blocked or that no credits are left, and every screen says that continuing costs
/// money.
#[test]
fn credits_that_pay_in_one_session_can_pay_in_the_stopped_one() {
    for (text, window, reset, reported) in [
        (WEEKLY, "seven_day", TUESDAY, weekly_full()),
        (FIVE_HOUR, "five_hour", NOON, five_hour_full()),
    ] {
        let refusal = refused(window, reset, "out_of_credits");
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        let mut pays = session_of_login(&sandbox, "pays");
        let stopped_at = "2026-11-20T10:00:00Z";
        hits_limit(&stopped, stopped_at, text, &refusal, reported.clone());
        pays.sends_prompt("2026-11-20T10:00:50Z", "continue");
        receives_response(&mut pays, "2026-11-20T10:01:00Z", reported);

        let at = "2026-11-20T10:01:30Z";
        let [
            explain,
            explain_session,
            explain_long,
            now,
            incidents,
            doctor,
        ] = [
            &["explain"][..],
            &["explain", "--session", "stopped"],
            &["explain", "--long", "--session", "stopped"],
            &["now"],
            &["incidents"],
            &["doctor"],
        ]
        .map(|arguments| flat(&stopped.run(at, arguments, b"").stdout));
        let waited = stopped.run(at, &["wait", "--session", "stopped"], b"");
        let wait_for_free = ["wait", "--free", "--session", "stopped", "--timeout", "1s"];
        let timed_out = stopped.run(at, &wait_for_free, b"");
        for (place, shown) in [
            ("explain", &explain),
            ("explain --session", &explain_session),
            ("explain --long", &explain_long),
            ("/whycap", &answer(&stopped, at)),
            ("now", &now),
            ("incidents", &incidents),
            ("wait", &flat(&waited.stdout)),
            ("wait --free", &flat(&timed_out.stdout)),
            ("doctor", &doctor),
        ] {
            for wrong in [
                "still blocked",
                "are left",
                "could not cover",
                "Or add",
                "is blocked",
            ] {
                assert!(!shown.contains(wrong), "{place}: {wrong}: {shown}");
            }
            let is_mentioned = shown.to_lowercase().contains("usage credits")
                && (shown.contains("costs money") || shown.contains("costs extra"));
            assert!(is_mentioned || place == "incidents", "{place}: {shown}");
        }
        assert!(
            incidents.contains("(still applies, but another session responded at 10:01)"),
            "{incidents}"
        );
        let code = stopped.run(at, &["explain", "--exit-code"], b"").code;
        assert_eq!(code, 0, "{text}");
        assert_eq!(waited.code, 0, "{waited:?}");

        assert_eq!(timed_out.code, 124, "{timed_out:?}");

        let of_payer = answer(&pays, at);
        for wrong in ["only one session", "was used up", "nothing is blocking"] {
            assert!(!of_payer.contains(wrong), "{wrong}: {of_payer}");
        }
        assert!(of_payer.contains("each response costs extra"), "{of_payer}");
        assert!(
            timed_out
                .stderr
                .contains("timed out while the limit still applied")
        );
    }
}

/// The output must not promise credits unless there is evidence that they currently pay for the account of the stopped
/// session.
#[test]
fn credits_are_not_promised_without_a_paid_response() {
    for (case, prompt_at) in [
        ("a request from before the error", "2026-11-20T09:59:50Z"),
        ("another account", "2026-11-20T10:00:50Z"),
        ("room", "2026-11-20T10:00:50Z"),
    ] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        let mut other = if case == "another account" {
            let other = Client::with_session(&sandbox, "other");
            belongs_to(&other, "company-account", "company-organization");
            other
        } else {
            session_of_login(&sandbox, "other")
        };
        hits_five_hour_limit(&stopped, "out_of_credits");
        other.sends_prompt(prompt_at, "continue");
        let reported = if case == "room" {
            windows(2.0, LATER_RESET, 40.0, TUESDAY)
        } else {
            five_hour_full()
        };
        receives_response(&mut other, "2026-11-20T10:01:00Z", reported);
        let shown = output(&stopped, "2026-11-20T10:01:30Z", "explain");
        assert!(!shown.contains("credits are paying"), "{case}: {shown}");
    }
}

/// Usage credits that paid for a response may have been used up since then.
#[test]
fn credits_that_were_used_up_since_a_paid_response_are_not_promised() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    hits_five_hour_limit(&stopped, "org_level_disabled");
    let [mut refused_later, mut pays] =
        ["refused-later", "pays"].map(|name| session_of_login(&sandbox, name));
    for client in [&mut refused_later, &mut pays] {
        client.sends_prompt("2026-11-20T10:04:00Z", "continue");
        receives_response(client, "2026-11-20T10:04:10Z", five_hour_full());
    }
    let explain = ["explain", "--session", "stopped"];
    let before = stopped.run("2026-11-20T10:05:00Z", &explain, b"");
    assert!(before.stdout.contains("credits are"), "{before:?}");
    hits_limit(
        &refused_later,
        "2026-11-20T10:20:00Z",
        "You're out of usage credits · resets 12pm (UTC)",
        &refused("five_hour", NOON, "out_of_credits"),
        five_hour_full(),
    );
    let at = "2026-11-20T10:25:00Z";
    for (place, shown) in [
        (
            "explain --session",
            flat(&stopped.run(at, &explain, b"").stdout),
        ),
        ("explain", output(&stopped, at, "explain")),
        ("now", output(&stopped, at, "now")),
        ("/whycap", answer(&stopped, at)),
    ] {
        for wrong in ["are paying", "continue with usage credits"] {
            assert!(!shown.contains(wrong), "{place}: {wrong}: {shown}");
        }
    }
}

/// The limits may have reset early since the last reading. In that case, a response in a session without a status line
/// does not show that usage credits are in use.
#[test]
fn a_response_without_a_later_reading_is_not_called_paid() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    hits_five_hour_limit(&stopped, "org_level_disabled");
    let mut other = session_of_login(&sandbox, "other");
    other.sends_prompt("2026-11-20T10:24:50Z", "continue");
    other.works("2026-11-20T10:25:00Z", 100_000);
    let at = "2026-11-20T10:30:00Z";
    for command in ["explain", "now"] {
        let shown = output(&stopped, at, command);
        assert!(!shown.contains("credits are paying"), "{command}: {shown}");
    }
    // A reading after a later response shows that the window is still full.
    other.sends_prompt("2026-11-20T10:31:50Z", "continue");
    receives_response(&mut other, "2026-11-20T10:32:00Z", five_hour_full());
    let shown = output(&stopped, "2026-11-20T10:33:00Z", "explain");
    assert!(shown.contains("usage credits are paying"), "{shown}");
}

/// A session that has its own key or belongs to another account does not use the credits of the stopped account.
#[test]
fn credits_do_not_pay_in_a_session_of_another_payer() {
    for payer in ["key", "another account", "same account"] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        let mut pays = session_of_login(&sandbox, "pays");
        let mut asks = Client::with_session(&sandbox, "asks");
        match payer {
            "key" => {
                let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-api03-x".to_owned());
                asks.variables.push(key);
            }
            "another account" => belongs_to(&asks, "company-account", "company-organization"),
            _ => belongs_to(&asks, PRIVATE, "private-organization"),
        }
        hits_five_hour_limit(&stopped, "org_level_disabled");
        asks.sends_prompt("2026-11-20T10:01:00Z", "continue");
        if payer == "same account" {
            receives_response(&mut asks, "2026-11-20T10:03:10Z", five_hour_full());
        } else {
            asks.works("2026-11-20T10:03:10Z", 100_000);
        }
        pays.sends_prompt("2026-11-20T10:03:50Z", "continue");
        receives_response(&mut pays, "2026-11-20T10:04:00Z", five_hour_full());

        let at = "2026-11-20T10:05:00Z";
        let reply = answer(&asks, at);
        let waited = flat(&asks.run(at, &["wait", "--session", "asks"], b"").stdout);
        let is_paid = payer == "same account";
        assert_eq!(
            reply.contains("credits are paying in this session"),
            is_paid,
            "{payer}: {reply}"
        );
        for (place, shown) in [("/whycap", reply), ("wait", waited)] {
            let costs_extra = shown.contains("costs extra");
            assert_eq!(costs_extra, is_paid, "{payer}: {place}: {shown}");
        }
    }
}

/// A response from one model does not show that usage credits would pay for another model.
#[test]
fn credits_are_not_promised_for_a_model_because_another_one_responds() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    let reported = with_full_opus_window(windows(40.0, NOON, 40.0, TUESDAY));
    hits_limit(
        &stopped,
        "2026-11-20T10:00:00Z",
        "You've hit your Opus limit · resets Nov 24, 6am (UTC)",
        &refused("seven_day_opus", TUESDAY, "org_level_disabled"),
        reported.clone(),
    );
    let mut other = session_of_login(&sandbox, "other");
    "claude-sonnet-5-5".clone_into(&mut other.model);
    other.sends_prompt("2026-11-20T10:03:50Z", "continue");
    other.receives_response("2026-11-20T10:04:00Z");
    other.api_ms += 100;
    other.calls_status_line("2026-11-20T10:04:01Z", reported, 120);
    let at = "2026-11-20T10:05:00Z";
    let shown = flat(
        &stopped
            .run(at, &["explain", "--session", "stopped"], b"")
            .stdout,
    );
    assert!(shown.contains("Opus"), "{shown}");
    for wrong in ["are paying", "continue with usage credits"] {
        assert!(!shown.contains(wrong), "{wrong}: {shown}");
    }
}

/// `whycap wait && claude -p …` must not spend usage credits without a warning.
#[test]
fn wait_warns_that_each_response_costs_extra() {
    let at = "2026-11-20T10:03:05Z";
    let refusal = refused("seven_day", TUESDAY, "org_level_disabled");
    for name in ["paid limit", "another error", "no error"] {
        let sandbox = with_a_private_login();
        let mut pays = session_of_login(&sandbox, "pays");
        match name {
            "paid limit" => {
                hits_limit(
                    &pays,
                    "2026-11-20T10:00:00Z",
                    WEEKLY,
                    &refusal,
                    weekly_full(),
                );
            }
            "another error" => {
                let other = session_of_login(&sandbox, "other");
                receives_overload_error(&other, "2026-11-20T09:50:00Z");
                other.receives_response("2026-11-20T09:52:00Z");
                pays.calls_status_line("2026-11-20T10:00:00Z", weekly_full(), 120);
            }
            _ => {
                pays.calls_status_line("2026-11-20T10:00:00Z", weekly_full(), 120);
            }
        }
        receives_response(&mut pays, "2026-11-20T10:03:00Z", weekly_full());
        assert!(output(&pays, at, "explain").contains("paying"), "{name}");

        let warning =
            "You can continue, but each response costs extra; or wait until Tue Nov 24 06:00";
        for more in [&[][..], &["--session", "pays"]] {
            let arguments: Vec<&str> = ["wait"].iter().chain(more).copied().collect();
            let run = pays.run(at, &arguments, b"");
            let text = flat(run.success());
            assert!(text.contains(warning), "{name} {more:?}: {text}");
            assert!(
                text.contains("To wait instead, run: whycap wait --free"),
                "{name} {more:?}: {text}"
            );
            for wrong in ["not blocked", "no longer blocked", "can continue."] {
                assert!(!text.contains(wrong), "{name} {more:?}: {text}");
            }
        }
        // A new session in a shell with a key may use this key.
        let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned());
        let with_key = flat(crate::client::run(&sandbox, at, &["wait"], b"", &[key]).success());
        let payers = "You can continue, but ANTHROPIC_API_KEY may pay for new sessions in this shell; in sessions that use your login, each response costs extra; or wait until Tue Nov 24 06:00";
        assert!(with_key.contains(payers), "{name}: {with_key}");
        // This session uses another account, so the login's credits do not pay for it. Its client is older than 2.1.331,
        // so it does not use a new login for its next request.
        let company = Client::with_session(&sandbox, "company");
        belongs_to(&company, "company-account", "company-organization");
        company.receives_response("2026-11-20T09:00:00Z");
        let run = company.run(at, &["wait", "--session", "company"], b"");
        assert_eq!(run.success(), "You are not blocked.\n", "{name}");
    }
}

/// The 5-hour window has reset, but the weekly window is full, and usage credits pay for the responses of another
/// session.
#[test]
fn wait_mentions_the_costs_if_another_window_is_full_after_the_reset() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    stopped.receives_error("2026-11-20T10:00:00Z", FIVE_HOUR, json!({}));
    let mut pays = session_of_login(&sandbox, "pays");
    let weekly_full = windows(5.0, NOON + 5 * 3_600, 100.0, TUESDAY);
    receives_response(&mut pays, "2026-11-20T12:03:00Z", weekly_full.clone());
    receives_response(&mut pays, "2026-11-20T12:06:00Z", weekly_full);
    let at = "2026-11-20T12:06:05Z";
    let now = output(&pays, at, "now").to_lowercase();
    assert!(now.contains("paying"), "{now}");
    let arguments = ["wait", "--session", "stopped", "--timeout", "1s"];
    let waited = stopped.run(at, &arguments, b"");
    let text = flat(waited.success());
    assert!(text.contains("weekly limit"), "{text}");
    let warning = "You can continue, but each response costs extra; or wait until Tue Nov 24 06:00";
    assert!(text.contains(warning), "{text}");
}

/// Returns the name and the text of each output that gives a session advice about its error.
fn advice_in_every_place(client: &Client<'_>, at: &str) -> [(&'static str, String); 3] {
    let of_session = ["explain", "--session", &client.session];
    [
        ("explain", output(client, at, "explain")),
        (
            "explain --session",
            flat(client.run(at, &of_session, b"").success()),
        ),
        ("/whycap", answer(client, at)),
    ]
}

/// The weekly limit has reset, but the 5-hour window is full, and usage credits pay for responses. `wait` used to
/// mention neither the limit that had reset nor the costs, and `explain` advised waiting. After a response in the
/// stopped session, the advice was to continue because the limit no longer applied.
#[test]
fn all_advice_after_a_reset_mentions_the_costs_of_the_next_full_window() {
    let eleven = NOON - 3_600;
    let sandbox = with_a_private_login();
    let mut stopped = session_of_login(&sandbox, "stopped");
    let mut pays = session_of_login(&sandbox, "pays");
    hits_limit(
        &stopped,
        "2026-11-20T10:00:00Z",
        "You've hit your weekly limit · resets Nov 20, 11am (UTC)",
        &refused("seven_day", eleven, ""),
        windows(35.0, NOON, 100.0, eleven),
    );
    let five_hour_full = windows(100.0, NOON, 5.0, TUESDAY);
    receives_response(&mut pays, "2026-11-20T11:03:00Z", five_hour_full.clone());
    receives_response(&mut pays, "2026-11-20T11:06:00Z", five_hour_full.clone());

    let costs = "You can continue, but each response costs extra; or wait until 12:00";
    let at = "2026-11-20T11:06:05Z";
    for arguments in [&["wait"][..], &["wait", "--session", "stopped"]] {
        let text = flat(stopped.run(at, arguments, b"").success());
        let headline = "Your weekly limit has reset, but your 5-hour limit is used up until 12:00.";
        assert!(text.contains(headline), "{arguments:?}: {text}");
        assert!(text.contains(costs), "{arguments:?}: {text}");
    }
    for (place, text) in advice_in_every_place(&stopped, at) {
        assert!(text.contains(costs), "{place}: {text}");
        assert!(!text.contains("Wait until"), "{place}: {text}");
    }

    receives_response(&mut stopped, "2026-11-20T11:10:00Z", five_hour_full);
    let at = "2026-11-20T11:10:05Z";
    for (place, text) in advice_in_every_place(&stopped, at) {
        assert!(text.contains(costs), "{place}: {text}");
        assert!(!text.contains("no longer applies"), "{place}: {text}");
    }
    let action = &stopped.explained(at)["actions"][0];
    assert_eq!(action["costs_money"], true, "{action:#}");
}

/// A limit has ended, another session has filled the next window of the same kind, and usage credits pay for responses.
/// `explain` and `/whycap` used to say "Send the prompt again" with `costs_money: false`.
#[test]
fn the_advice_to_send_the_prompt_again_mentions_that_credits_pay() {
    // The limit resets an hour early or on time.
    for (ended_at, paid_at) in [
        ("2026-11-20T11:00:00Z", "2026-11-20T11:06:00Z"),
        ("2026-11-20T12:01:00Z", "2026-11-20T12:08:00Z"),
    ] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        let mut pays = session_of_login(&sandbox, "pays");
        hits_five_hour_limit(&stopped, "");
        let [low, full] =
            [5.0, 100.0].map(|percent| windows(percent, NOON + 4 * 3_600, 40.0, TUESDAY));
        receives_response(&mut pays, ended_at, low);
        receives_response(&mut pays, paid_at, full.clone());
        receives_response(&mut pays, &after(paid_at, 3), full);
        let at = &after(paid_at, 5);
        for (place, text) in advice_in_every_place(&stopped, at) {
            assert!(
                !text.contains("1. Send the prompt again "),
                "{place}: {text}"
            );
        }
        let incident = stopped.explained(at);
        let actions = &incident["actions"];
        assert_eq!(actions[0]["costs_money"], false, "{at}: {incident:#}");
        assert_eq!(actions[1]["costs_money"], true, "{at}: {incident:#}");
    }
}

/// Claude Code has announced that responses are free at lower priority, so no screen may say that they cost money.
#[test]
fn a_free_response_beyond_a_full_window_is_not_called_paid() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "free");
    hits_five_hour_limit(&client, "org_level_disabled");
    client.announces(
        "2026-11-20T10:02:00Z",
        "Continuing at lower priority until your limit resets",
    );
    receives_response(&mut client, "2026-11-20T10:03:00Z", five_hour_full());
    let at = "2026-11-20T10:03:05Z";
    let incident = client.explained(at);
    assert_eq!(incident["actions"][0]["costs_money"], false, "{incident:#}");
    let now = output(&client, at, "now");
    assert!(!now.contains("not blocked yet"), "{now}");
    let waited = output(&client, at, "wait");
    assert!(waited.ends_with("You are not blocked."), "{waited}");
}

/// An error that is not a limit of the account does not show that another session is blocked.
#[test]
fn an_error_of_one_session_does_not_block_another() {
    let pool = refused("overage", TUESDAY, "out_of_credits");
    let at = "2026-11-20T10:00:20Z";
    for (text, more, is_shared) in [
        (OUT_OF_CREDITS, pool, false),
        (OVERLOADED, json!({"apiErrorStatus": 529}), false),
        (
            FIVE_HOUR,
            refused("five_hour", NOON, "out_of_credits"),
            true,
        ),
    ] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "with-error");
        let used = if is_shared { 100.0 } else { 42.0 };
        let reported = windows(used, NOON, 17.0, TUESDAY);
        client.calls_status_line(
            "2026-11-20T09:59:00Z",
            windows(42.0, NOON, 17.0, TUESDAY),
            120,
        );
        hits_limit(&client, "2026-11-20T10:00:00Z", text, &more, reported);
        let own_answer = answer(&client, at);
        assert!(own_answer.contains(own_state(text)), "{text}: {own_answer}");
        let idle = session_of_login(&sandbox, "idle");
        let reply = answer(&idle, at);
        assert_eq!(
            reply.contains("You are still blocked."),
            is_shared,
            "{text}: {reply}"
        );
        let may_work = "The error occurred in the session named above; this one may work.";
        assert_eq!(reply.contains(may_work), !is_shared, "{text}: {reply}");
    }
}

/// A shell does not belong to a session. If an error is known to block only one session, commands in a shell must
/// therefore name that session. After a refused login, `explain` said in a shell that the user was still blocked, while
/// `/whycap` in another session said that this session may work.
#[test]
fn a_shell_names_the_only_session_that_an_error_is_known_to_block() {
    let pool = refused("overage", TUESDAY, "out_of_credits");
    let at = "2026-11-20T10:00:20Z";
    for (text, more, is_shared) in [
        (OUT_OF_CREDITS, pool, false),
        (OVERLOADED, json!({"apiErrorStatus": 529}), false),
        ("Prompt is too long", json!({}), false),
        (
            FIVE_HOUR,
            refused("five_hour", NOON, "out_of_credits"),
            true,
        ),
        (LOGIN_REFUSED_ONCE, json!({"apiErrorStatus": 401}), false),
    ] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "with-error");
        let used = if text == FIVE_HOUR { 100.0 } else { 42.0 };
        client.calls_status_line(
            "2026-11-20T09:59:00Z",
            windows(42.0, NOON, 17.0, TUESDAY),
            120,
        );
        let reported = windows(used, NOON, 17.0, TUESDAY);
        hits_limit(&client, "2026-11-20T10:00:00Z", text, &more, reported);

        let explained = output(&client, at, "explain");
        let now = output(&client, at, "now");
        assert_eq!(
            explained.contains("You are still blocked."),
            is_shared,
            "{text}: {explained}"
        );
        for (command, said, session) in [
            ("explain", &explained, "Session: with-err"),
            (
                "explain",
                &explained,
                "sessions that show no error may work",
            ),
            ("now", &now, "in the session with-err"),
            ("now", &now, "sessions that show no error may work"),
        ] {
            assert_eq!(
                said.contains(session),
                !is_shared,
                "{text} {command} {session}: {said}"
            );
        }
        // The answer about that session does not depend on other sessions.
        let run = client.run(at, &["explain", "--session", "with-error"], b"");
        assert!(flat(&run.stdout).contains(own_state(text)), "{text}");
        let json = client.run(at, &["now", "--json"], b"").json();
        assert!(json["blocked"].is_object(), "{text}: {json:#}");
    }
}

const LOGIN_REFUSED_ONCE: &str =
    "Please run /login · API Error: 401 Invalid authentication credentials";

/// Returns the sentence about the state of the session in which an error with this text occurred. The message about credits is
/// a false alarm.
fn own_state(text: &str) -> &'static str {
    match text {
        OUT_OF_CREDITS | LOGIN_REFUSED_ONCE => {
            "The last prompt was refused; the next one may work."
        }
        OVERLOADED => "The last prompt failed; the next one may work.",
        _ => "You are still blocked.",
    }
}

/// The reset time that the server reports for a window differs slightly from response to response.
#[test]
fn a_reset_that_moves_by_a_minute_does_not_end_the_payment() {
    for moved in [0, 61, 110] {
        let sandbox = with_a_private_login();
        let mut client = session_of_login(&sandbox, "pays");
        let refusal = refused("seven_day", TUESDAY, "org_level_disabled");
        let full = windows(35.0, NOON, 100.0, TUESDAY);
        hits_limit(&client, "2026-11-20T10:00:00Z", WEEKLY, &refusal, full);
        let still_full = windows(35.0, NOON, 100.0, TUESDAY + moved);
        let line = receives_response(&mut client, "2026-11-20T10:03:00Z", still_full.clone());
        assert!(
            line.contains("paying with usage credits"),
            "{moved}: {line}"
        );
        let at = "2026-11-20T10:03:05Z";
        let line = client.calls_status_line(at, still_full, 120).stdout;
        for (place, text) in [
            ("the line", flat(&whycap::terminal::strip_ansi(&line))),
            ("/whycap", answer(&client, at)),
            ("explain", output(&client, at, "explain")),
            ("now", output(&client, at, "now")),
        ] {
            assert!(
                text.to_lowercase().contains("paying"),
                "{moved} {place}: {text}"
            );
        }
    }
}

/// The limits of an API organization do not apply to a session that uses a plan, even if a gateway or a proxy passes
/// the requests on.
#[test]
fn a_session_on_a_plan_is_not_told_about_an_api_organization() {
    let text = "API Error: Request rejected (429) · Number of request tokens has exceeded your per-minute rate limit";
    for base_url in [
        None,
        Some("http://127.0.0.1:8123"),
        Some("https://gateway.example.com"),
    ] {
        let sandbox = with_a_private_login();
        let mut client = Client::new(&sandbox);
        if let Some(base_url) = base_url {
            let variable = ("ANTHROPIC_BASE_URL".to_owned(), base_url.to_owned());
            client.variables.push(variable);
        }
        client.receives_error("2026-11-20T10:00:00Z", text, json!({"apiErrorStatus": 429}));
        let incident = client.explained("2026-11-20T10:00:05Z");
        let report = incident.to_string();
        assert!(
            !report.contains("API organization"),
            "{base_url:?}: {report}"
        );
        let headline = incident["headline"].as_str().unwrap();
        assert!(
            headline.contains("not your usage limit"),
            "{base_url:?}: {headline}"
        );
    }
}

/// Claude Code announces that it will wait, but the limit is a false alarm. The advice must say that the user need not
/// wait. If the wait has been canceled, the advice must also say how to start it again.
#[test]
fn a_false_limit_mentions_the_wait_that_claude_code_announces() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "waits");
    "2.1.331".clone_into(&mut client.version);
    let reported = windows(42.0, NOON, 17.0, TUESDAY);
    client.calls_status_line("2026-11-20T09:59:00Z", reported.clone(), 120);
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    client.receives_error("2026-11-20T10:00:00Z", MONTHLY_CAP, &refusal);
    client.announces(
        "2026-11-20T10:00:00Z",
        "Usage limit reached · set to continue automatically",
    );
    client.calls_status_line("2026-11-20T10:00:01Z", reported, 120);
    let at = "2026-11-20T10:00:05Z";
    let incident = client.explained(at);
    assert_eq!(incident["verdict"], "false_likely", "{incident:#}");
    let first = incident["actions"][0]["do"].as_str().unwrap();
    assert!(
        first.contains("Send the prompt again in a few minutes"),
        "{first}"
    );
    assert!(
        first.contains("Claude Code would wait until 12:01"),
        "{first}"
    );
    let reasons = incident["evidence"].to_string();
    assert!(
        reasons.contains(
            "5-hour limit and a reset at 12:00, although the message is about a spend cap"
        ),
        "{reasons}"
    );
    // `wait` said only that Claude Code would continue at 12:01, also after a few minutes.
    for (at, error) in [
        (
            at,
            "whycap: timed out; the error is probably a false alarm\n",
        ),
        ("2026-11-20T10:06:00Z", ""),
    ] {
        let waited = client.run(at, &["wait", "--timeout", "1s"], b"");
        assert_eq!(waited.stderr.as_str(), error);
        let text = flat(&waited.stdout);
        let sentence = "Left alone, Claude Code will wait until 12:01 in the open session waits; to continue sooner, send the prompt again there. Do not continue its work anywhere else";
        assert!(text.contains(sentence), "{at}: {text}");
        assert!(!text.contains("by itself"), "{at}: {text}");
    }
    // A prompt that the user sends now would not reach Claude Code much sooner.
    let waited = client.run("2026-11-20T12:00:30Z", &["wait", "--timeout", "1s"], b"");
    assert!(
        flat(&waited.stdout).contains("by itself about 12:01"),
        "{waited:?}"
    );

    client.announces(
        "2026-11-20T10:00:20Z",
        "Automatic continue cancelled · /rate-limit-options to wait again",
    );
    let steps = client.explained("2026-11-20T10:00:30Z")["actions"].to_string();
    assert!(steps.contains("/rate-limit-options"), "{steps}");
    assert!(!steps.contains("would wait"), "{steps}");
}

/// Starts a session that uses this model and waits after a false alarm: the message names a spend cap, but the server states
/// a reset of the 5-hour window, and the windows have room.
fn waits_after_false_alarm(sandbox: &Sandbox, model: &str) {
    let mut waiting = session_of_login(sandbox, "waits");
    "2.1.331".clone_into(&mut waiting.version);
    model.clone_into(&mut waiting.model);
    let room = windows(30.0, NOON, 17.0, TUESDAY);
    waiting.calls_status_line("2026-11-20T09:59:00Z", room.clone(), 120);
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    hits_limit(&waiting, AT, MONTHLY_CAP, &refusal, room);
}

/// Runs `wait` in a shell for a short time.
fn waits_in_shell(sandbox: &Sandbox, at: &str) -> Run {
    run(sandbox, at, &["wait", "--timeout", "1s"], b"", &[])
}

/// Returns true if `wait` says how the user can continue a waiting session sooner.
fn advises_continuing_sooner(waited: &Run) -> bool {
    flat(&waited.stdout).contains("to continue sooner, send the prompt again")
}

/// Adds a full weekly Opus window to these usage windows.
fn with_full_opus_window(mut reported: Value) -> Value {
    reported["seven_day_opus"] = json!({"used_percentage": 100.0, "resets_at": TUESDAY});
    reported
}

/// A session waits after a false alarm. An hour later, the account reaches its 5-hour limit in another session. `wait` and
/// `explain` advised sending the prompt again in the waiting session, although the limit would refuse it.
#[test]
fn nobody_is_told_to_continue_after_a_false_alarm_while_a_window_is_full() {
    for is_refused in [true, false] {
        let sandbox = with_a_private_login();
        waits_after_false_alarm(&sandbox, "claude-opus-5-5");
        let mut other = session_of_login(&sandbox, "other");
        receives_response(&mut other, "2026-11-20T10:59:00Z", five_hour_full());
        if is_refused {
            let refusal = refused("five_hour", NOON, "");
            hits_limit(
                &other,
                "2026-11-20T11:00:00Z",
                FIVE_HOUR,
                &refusal,
                five_hour_full(),
            );
        }
        let in_shell =
            |arguments: &[&str]| run(&sandbox, "2026-11-20T11:05:00Z", arguments, b"", &[]);
        let sentence = "continue the open session waits by itself about 12:01.";
        let waited = in_shell(&["wait", "--timeout", "1s"]);
        assert!(flat(&waited.stdout).contains(sentence), "{waited:?}");
        let is_timed_out = waited
            .stderr
            .contains("timed out while the limit still applied");
        assert_eq!(is_timed_out, is_refused, "{waited:?}");
        let explained = flat(&in_shell(&["explain"]).stdout);
        assert!(!explained.contains("continue sooner"), "{explained}");
        assert_eq!(explained.contains(sentence), is_refused, "{explained}");
    }
}

/// A session waits after a false alarm, and the weekly Opus window is full. `wait` did not say how to continue a session that
/// uses Sonnet sooner, although the Opus limit does not apply to it.
#[test]
fn a_full_window_of_another_model_does_not_keep_a_session_from_continuing_sooner() {
    for (model, is_refused, is_advised) in [
        ("claude-sonnet-5-5", false, true),
        ("claude-sonnet-5-5", true, true),
        ("claude-opus-5-5", false, false),
        ("claude-opus-5-5", true, false),
    ] {
        let sandbox = with_a_private_login();
        waits_after_false_alarm(&sandbox, model);
        let mut other = session_of_login(&sandbox, "other");
        let opus_full = with_full_opus_window(windows(30.0, NOON, 17.0, TUESDAY));
        receives_response(&mut other, "2026-11-20T10:59:00Z", opus_full.clone());
        if is_refused {
            let refusal = refused("seven_day_opus", TUESDAY, "");
            let text = "You've hit your Opus limit";
            hits_limit(&other, "2026-11-20T11:00:00Z", text, &refusal, opus_full);
        }
        let waited = waits_in_shell(&sandbox, "2026-11-20T11:05:00Z");
        let has_advice = advises_continuing_sooner(&waited);
        assert_eq!(has_advice, is_advised, "{model}: {waited:?}");
        let is_timed_out = waited.stderr.contains("timed out");
        assert_eq!(is_timed_out, is_refused, "{model}: {waited:?}");
    }
}

/// A session that uses Sonnet waits after a false alarm. A headless run reached the 5-hour limit, and then another one reached
/// the weekly Opus limit. `wait` advised sending the prompt again in the waiting session, because only the newest limit counted.
#[test]
fn a_newer_limit_of_another_model_does_not_hide_the_limit_of_a_waiting_session() {
    for (limit, resets, is_advised) in [
        ("five_hour", NOON, false),
        ("seven_day_opus", TUESDAY, true),
    ] {
        let sandbox = with_a_private_login();
        waits_after_false_alarm(&sandbox, "claude-sonnet-5-5");
        for (name, at, limit, resets) in [
            ("first-run", "2026-11-20T10:30:00Z", limit, resets),
            (
                "second-run",
                "2026-11-20T10:40:00Z",
                "seven_day_opus",
                TUESDAY,
            ),
        ] {
            let run = session_of_login(&sandbox, name);
            let mut refusal = refused(limit, resets, "");
            refusal["entrypoint"] = json!("sdk-cli");
            run.receives_error(at, "You've reached your usage limit", refusal);
        }
        let waited = waits_in_shell(&sandbox, "2026-11-20T10:45:00Z");
        let has_advice = advises_continuing_sooner(&waited);
        assert_eq!(has_advice, is_advised, "{limit}: {waited:?}");
        assert!(waited.stderr.contains("timed out"), "{limit}: {waited:?}");
    }
}

/// A session waits after a false alarm, and its model is unknown. `wait` advised sending the prompt again there although the
/// weekly Opus window was full, and although a window was full whose reset is unknown.
#[test]
fn a_full_window_that_may_apply_keeps_a_session_from_continuing_sooner() {
    let room = windows(30.0, NOON, 17.0, TUESDAY);
    let opus_full = with_full_opus_window(room.clone());
    let mut full_without_reset = room.clone();
    full_without_reset["five_hour"] = json!({"used_percentage": 100.0});
    for (reported, is_advised) in [
        (&room, true),
        (&opus_full, false),
        (&full_without_reset, false),
    ] {
        let sandbox = with_a_private_login();
        let mut waiting = session_of_login(&sandbox, "waits");
        "2.1.331".clone_into(&mut waiting.version);
        let refusal = refused("five_hour", NOON, "org_level_disabled");
        waiting.receives_error(AT, MONTHLY_CAP, refusal);
        let mut other = session_of_login(&sandbox, "other");
        receives_response(&mut other, "2026-11-20T10:00:05Z", room.clone());
        receives_response(&mut other, "2026-11-20T10:59:00Z", reported.clone());
        let waited = waits_in_shell(&sandbox, "2026-11-20T11:05:00Z");
        let has_advice = advises_continuing_sooner(&waited);
        assert_eq!(has_advice, is_advised, "{reported}: {waited:?}");
    }
}

/// A full window is not the cause of a message that is not about a limit.
#[test]
fn a_full_window_does_not_make_an_outage_a_limit() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "full");
    client.calls_status_line(
        "2026-11-20T10:00:00Z",
        windows(100.0, NOON, 40.0, TUESDAY),
        120,
    );
    for text in [
        "Overloaded",
        "API Error: 500 Internal server error",
        "API Error: Server is temporarily limiting requests (not your usage limit)",
        "Now using usage credits",
    ] {
        let run = client.run("2026-11-20T10:00:05Z", &["explain", "--text", text], b"");
        let explained = flat(&run.stdout);
        assert!(
            !explained.contains("the limit is real"),
            "{text}: {explained}"
        );
        assert!(!explained.contains("false alarm"), "{text}: {explained}");
    }
    let run = client.run(
        "2026-11-20T10:00:05Z",
        &["explain", "--text", FIVE_HOUR],
        b"",
    );
    assert!(
        flat(&run.stdout).contains("so the limit is real"),
        "{}",
        run.stdout
    );
}

/// If nothing blocks a session any longer, `now` must not call the session blocked merely because Claude Code will not
/// continue it by itself.
#[test]
#[cfg(target_os = "linux")]
fn a_session_that_nothing_blocks_is_not_called_blocked() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    let _process = RunningClient::idle(&sandbox, "stopped");
    hits_five_hour_limit(&stopped, "out_of_credits");
    stopped.announces(
        "2026-11-20T10:00:20Z",
        "Automatic continue cancelled · /rate-limit-options to wait again",
    );
    let blocked = output(&stopped, "2026-11-20T10:00:30Z", "now");
    assert!(
        blocked.contains("blocked; automatic continuation was canceled"),
        "{blocked}"
    );
    let mut works = session_of_login(&sandbox, "works");
    let room = windows(2.0, LATER_RESET, 41.0, TUESDAY);
    receives_response(&mut works, "2026-11-20T10:01:00Z", room);
    let now = output(&stopped, "2026-11-20T10:01:05Z", "now");
    assert!(now.contains("no limit is blocking you"), "{now}");
    assert!(!now.contains("blocked;"), "{now}");
}

/// The figures of the response that ended a limit must not make the limit look like a false alarm. The second refusal
/// repeats the figures of the first one, so this response is the first one with new figures.
#[test]
fn a_response_after_the_reset_does_not_refute_a_limit_that_refused_two_prompts() {
    let five_hour = refused("five_hour", NOON, "org_level_disabled");
    let weekly = refused("seven_day", TUESDAY, "org_level_disabled");
    let next_week = TUESDAY + 7 * 86_400;
    for (name, text, refusal, first_at, full, responds_at, after_reset) in [
        (
            "reset",
            FIVE_HOUR,
            &five_hour,
            "2026-11-20T11:59:25Z",
            windows(100.0, NOON, 41.0, TUESDAY),
            "2026-11-20T12:00:10Z",
            windows(0.0, NOON + 5 * 3_600, 41.0, TUESDAY),
        ),
        (
            "early reset of the 5-hour window",
            FIVE_HOUR,
            &five_hour,
            "2026-11-20T10:00:00Z",
            windows(100.0, NOON, 41.0, TUESDAY),
            "2026-11-20T10:00:37Z",
            windows(0.0, LATER_RESET, 41.0, TUESDAY),
        ),
        (
            "early reset without a new window",
            FIVE_HOUR,
            &five_hour,
            "2026-11-20T10:00:00Z",
            windows(100.0, NOON, 41.0, TUESDAY),
            "2026-11-20T10:00:37Z",
            windows(0.0, NOON, 41.0, TUESDAY),
        ),
        (
            "early reset of the weekly window",
            WEEKLY,
            &weekly,
            "2026-11-20T10:00:00Z",
            windows(41.0, NOON, 100.0, TUESDAY),
            "2026-11-20T10:00:37Z",
            windows(41.0, NOON, 2.0, TUESDAY),
        ),
        (
            "weekly reset",
            WEEKLY,
            &weekly,
            "2026-11-24T05:59:25Z",
            windows(41.0, TUESDAY + 3_600, 100.0, TUESDAY),
            "2026-11-24T06:00:10Z",
            windows(41.0, TUESDAY + 3_600, 0.0, next_week),
        ),
    ] {
        let sandbox = with_a_private_login();
        let mut client = session_of_login(&sandbox, "retried");
        hits_limit(&client, first_at, text, refusal, full.clone());
        hits_limit(&client, &after(first_at, 7), text, refusal, full);
        receives_response(&mut client, responds_at, after_reset);
        for seconds in [2, 60, 1_200] {
            let at = after(responds_at, seconds);
            let incident = client.explained(&at);
            assert_eq!(incident["verdict"], "real", "{name}: {incident:#}");
            let explained = output(&client, &at, "explain");
            for text in [explained, output(&client, &at, "incidents")] {
                assert!(!text.contains("false alarm"), "{name}: {text}");
                assert!(!text.contains("Right after the error"), "{name}: {text}");
            }
            let facts = incident["evidence"].to_string();
            assert!(facts.contains("100%"), "{name}: {facts}");
        }
    }
}

/// A reading that arrives after an error is over says nothing about the cause of the error.
#[test]
fn a_later_limit_of_another_session_does_not_explain_an_ended_error() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "ended");
    let room = windows(60.0, NOON, 17.0, TUESDAY);
    client.calls_status_line("2026-11-20T10:02:00Z", room.clone(), 120);
    // The status line explains and stores only the last of these errors.
    for at in ["2026-11-20T10:02:26Z", "2026-11-20T10:02:54Z"] {
        hits_limit(&client, at, WEEKLY, &json!({}), room.clone());
    }
    receives_response(&mut client, "2026-11-20T10:03:15Z", room);
    let other = session_of_login(&sandbox, "other");
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    let full = windows(100.0, NOON, 17.0, TUESDAY);
    hits_limit(&other, "2026-11-20T10:03:31Z", FIVE_HOUR, &refusal, full);

    let at = "2026-11-20T10:10:00Z";
    let listed = other.run(at, &["incidents", "--json"], b"").json();
    let entries = listed["incidents"].as_array().unwrap();
    let ended: Vec<&Value> = entries
        .iter()
        .filter(|entry| entry["session_id"] == "ended")
        .collect();
    assert_eq!(ended.len(), 1, "{listed:#}");
    assert_eq!(ended[0]["limit"], "weekly", "{listed:#}");
    assert_eq!(ended[0]["attempts"], 2, "{listed:#}");
    let text = output(&other, at, "incidents");
    assert!(!text.contains("not the limit in the message"), "{text}");
}

/// A damaged line with a date near the end of the calendar must not cause an internal error.
#[test]
fn an_error_at_the_end_of_the_calendar_is_not_an_internal_error() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "damaged");
    let room = windows(60.0, NOON, 17.0, TUESDAY);
    client.calls_status_line("2026-11-20T10:02:00Z", room, 120);
    let line = client.error_line("+262142-12-31T23:59:59Z", FIVE_HOUR, json!({}));
    client.append(&line);
    for command in ["explain", "now", "incidents", "wait"] {
        let arguments: &[&str] = match command {
            "wait" => &["wait", "--timeout", "1s"],
            _ => &[command],
        };
        let run = client.run("2026-11-20T10:03:00Z", arguments, b"");
        assert!(!run.stderr.contains("internal error"), "{command}: {run:?}");
    }
}

/// The user runs a command within seconds of a real limit. At that time, Claude Code has reported only the figures of
/// the last response. It may have reported them after the error, because it delays status-line calls.
#[test]
fn figures_of_the_last_response_do_not_make_a_new_limit_a_false_alarm() {
    for reported_at in [
        &["2026-11-20T09:59:59Z"][..],
        &["2026-11-20T10:00:00.020Z"],
        &["2026-11-20T09:59:59Z", "2026-11-20T10:00:00.300Z"],
    ] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        let room = windows(42.0, NOON, 17.0, TUESDAY);
        let (before, after): (Vec<&str>, Vec<&str>) = reported_at
            .iter()
            .partition(|reported_at| **reported_at < "2026-11-20T10:00:00Z");
        for at in before {
            client.calls_status_line(at, room.clone(), 120);
        }
        let refusal = refused("five_hour", NOON, "out_of_credits");
        client.receives_error("2026-11-20T10:00:00Z", FIVE_HOUR, &refusal);
        for at in after {
            let line = client.calls_status_line(at, room.clone(), 120).stdout;
            assert!(!line.contains("false"), "{reported_at:?}: {line}");
        }
        for at in ["2026-11-20T10:00:00.900Z", "2026-11-20T10:00:01.900Z"] {
            for text in [
                answer(&client, at),
                output(&client, at, "explain"),
                output(&client, at, "now"),
                output(&client, at, "incidents"),
            ] {
                assert!(
                    !text.contains("false alarm"),
                    "{reported_at:?} {at}: {text}"
                );
            }
            assert_eq!(
                client.explained(at)["verdict"],
                "cannot_tell",
                "{reported_at:?} {at}"
            );
        }
        let at = "2026-11-20T10:00:02Z";
        let line = client
            .calls_status_line(at, windows(100.0, NOON, 17.0, TUESDAY), 120)
            .stdout;
        assert!(line.contains("5-hour limit"), "{reported_at:?}: {line}");
        assert_eq!(client.explained(at)["verdict"], "real", "{reported_at:?}");
    }
}

/// A false alarm affects only its own session. `explain` must name that session, but only once.
#[test]
fn explain_names_the_session_of_a_false_alarm_once() {
    let sandbox = with_a_private_login();
    for (session, at) in [
        ("first-session", "2026-11-20T10:00:00Z"),
        ("second-session", "2026-11-20T10:01:00Z"),
    ] {
        let client = session_of_login(&sandbox, session);
        let refusal = refused("five_hour", NOON, "out_of_credits");
        let reported = windows(42.0, NOON, 17.0, TUESDAY);
        hits_limit(&client, at, FIVE_HOUR, &refusal, reported);
    }
    let client = Client::with_session(&sandbox, "second-session");
    for arguments in [&["explain"][..], &["explain", "--long"]] {
        let run = client.run("2026-11-20T10:03:00Z", arguments, b"");
        let explained = flat(run.success());
        assert!(explained.contains("false alarm"), "{explained}");
        assert_eq!(explained.matches("second-s").count(), 1, "{explained}");
    }
}

/// Each of two sessions has received a false alarm. `now` shows both as blocked, so no screen may say that "the others"
/// may work.
#[test]
#[cfg(target_os = "linux")]
fn no_screen_says_that_a_session_with_its_own_error_may_work() {
    let sandbox = with_a_private_login();
    let [client, other] = two_sessions_of_login(&sandbox);
    let _process = RunningClient::idle(&sandbox, &client.session);
    for (stopped, at) in [
        (&client, "2026-11-20T10:00:00Z"),
        (&other, "2026-11-20T10:01:00Z"),
    ] {
        let text = "You've hit your org's monthly spend limit";
        let reported = windows(42.0, NOON, 17.0, TUESDAY);
        hits_limit(stopped, at, text, &json!({}), reported);
    }
    let at = "2026-11-20T10:01:20Z";
    let now = output(&client, at, "now");
    assert!(now.contains("stopped; probably a false alarm"), "{now}");
    let row = client.calls_status_line(at, windows(42.0, NOON, 17.0, TUESDAY), 120);
    assert!(row.stdout.contains("false alarm?"), "{}", row.stdout);
    for text in [
        now,
        output(&client, at, "explain"),
        output(&client, at, "doctor"),
    ] {
        assert!(!text.contains("others may work"), "{text}");
        assert!(
            text.contains("sessions that show no error may work"),
            "{text}"
        );
    }
}

/// Calls the status line of a session that reports 42% of the 5-hour window, and returns its rows on a single line.
fn row_at_42_percent(client: &Client<'_>, at: &str) -> String {
    let usage = windows(42.0, NOON, 17.0, TUESDAY);
    flat(&client.calls_status_line(at, usage, 160).stdout)
}

/// The login of the account is refused after an earlier error in another session has ended. In that session, the status
/// line and the answer must mention the refused login, as `explain` does, instead of saying to send the prompt again. The row
/// showed the refusal as if it had occurred in this session.
#[test]
fn a_refused_login_replaces_an_older_error_that_is_over() {
    for (text, more) in [
        (FIVE_HOUR, refused("five_hour", NOON, "")),
        (OVERLOADED, json!({"apiErrorStatus": 529})),
    ] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        row_at_42_percent(&stopped, "2026-11-20T09:59:51Z");
        stopped.receives_error(AT, text, &more);
        row_at_42_percent(&stopped, SOON);
        other.works("2026-11-20T10:05:00Z", 10);
        let later = windows(43.0, NOON, 17.0, TUESDAY);
        other.calls_status_line("2026-11-20T10:05:01Z", later, 120);
        let before = row_at_42_percent(&stopped, "2026-11-20T10:06:00Z");
        assert!(before.contains("send the prompt again"), "{text}: {before}");

        let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
        let login = "Please run /login · API Error: 401 OAuth token has expired.";
        other.receives_error("2026-11-20T10:17:00Z", login, refusal);
        let at = "2026-11-20T10:17:30Z";
        let explained = other.explained(at);
        assert_eq!(explained["limit"], "auth", "{explained:#}");
        let after = row_at_42_percent(&stopped, at);
        assert!(!after.contains("send the prompt again"), "{text}: {after}");
        let badge = explained["badge"].as_str().unwrap();
        let elsewhere = format!("in another session: {badge}");
        assert!(after.contains(&elsewhere), "{text}: {after}");
        let own_row = row_at_42_percent(&other, at);
        assert!(own_row.contains(badge), "{text}: {own_row}");
        assert!(!own_row.contains("another session"), "{text}: {own_row}");
        let usage = windows(42.0, NOON, 17.0, TUESDAY);
        let row = flat(&stopped.calls_status_line(at, usage.clone(), 60).stdout);
        let shortened = "in another session: login refused · /login";
        assert!(row.contains(shortened), "{text}: {row}");
        let narrow = flat(&stopped.calls_status_line(at, usage, 40).stdout);
        assert!(narrow.contains("/login"), "{text}: {narrow}");
        assert!(!narrow.contains("another session"), "{text}: {narrow}");
        let reply = answer(&stopped, at);
        assert!(
            reply.contains(explained["headline"].as_str().unwrap()),
            "{text}: {reply}"
        );
        // A response in the session itself shows that its login works.
        stopped.works("2026-11-20T10:18:00Z", 10);
        let working = row_at_42_percent(&stopped, "2026-11-20T10:18:01Z");
        assert!(!working.contains("/login"), "{text}: {working}");
    }
}

const LOGIN_REFUSED: &str = "Please run /login · API Error: 401 OAuth token has expired.";

/// Simulates an error in a session after a request was refused with this status.
fn is_refused(sandbox: &Sandbox, session: &str, at: &str, text: &str, status: u16) {
    let refusal = json!({"error": "authentication_failed", "apiErrorStatus": status});
    session_of_login(sandbox, session).receives_error(at, text, refusal);
}

/// The user's session receives a false alarm, and then the login is refused in another session. The answer mentions the
/// refused login, but it does not say that the blocked session may work.
#[test]
fn a_session_with_its_own_error_is_not_said_to_work_after_a_refused_login() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    let usage = windows(42.0, NOON, 17.0, TUESDAY);
    let text = "You've hit your org's monthly spend limit";
    hits_limit(&stopped, AT, text, &json!({}), usage.clone());
    other.calls_status_line("2026-11-20T10:00:30Z", usage, 120);
    is_refused(
        &sandbox,
        "other",
        "2026-11-20T10:01:00Z",
        LOGIN_REFUSED,
        401,
    );
    let at = "2026-11-20T10:01:20Z";
    let row = row_at_42_percent(&stopped, at);
    for text in [row, answer(&stopped, at)] {
        assert!(text.contains("/login"), "{text}");
        assert!(!text.contains("may work"), "{text}");
    }
}

/// If a user's requests go through a proxy, the sessions still use the same login, so a refusal must replace an older
/// error in them as well.
#[test]
fn a_refused_login_replaces_an_older_error_behind_a_proxy() {
    for base_urls in [
        ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
        ["https://gateway.example.com", "http://127.0.0.1:8080"],
    ] {
        let sandbox = with_a_private_login();
        let [mut stopped, mut other] = two_sessions_of_login(&sandbox);
        for (client, base_url) in [&mut stopped, &mut other].into_iter().zip(base_urls) {
            let variable = ("ANTHROPIC_BASE_URL".to_owned(), base_url.to_owned());
            client.variables.push(variable);
        }
        row_at_42_percent(&stopped, "2026-11-20T09:59:51Z");
        let status = json!({"error": "unknown", "apiErrorStatus": 400});
        let text = "API Error: 400 You're out of extra usage. Add more at claude.ai/settings/usage and keep going.";
        stopped.receives_error(AT, text, status);
        row_at_42_percent(&stopped, SOON);
        other.works("2026-11-20T10:05:00Z", 10);
        let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
        let login = "Please run /login · API Error: 401 OAuth token has expired. Please obtain a new token or refresh your existing token.";
        other.receives_error("2026-11-20T10:17:00Z", login, refusal);

        let at = "2026-11-20T10:17:30Z";
        let is_same = base_urls[0] == base_urls[1];
        let after = row_at_42_percent(&stopped, at);
        assert_eq!(after.contains("/login"), is_same, "{base_urls:?}: {after}");
        let reply = answer(&stopped, at);
        assert_eq!(reply.contains("/login"), is_same, "{base_urls:?}: {reply}");
    }
}

/// A limit of the account definitely stops every session, but a refused login may be temporary.
#[test]
fn a_refused_login_does_not_hide_a_limit_of_the_account() {
    for (text, status) in [
        ("API Error: 401 Invalid authentication credentials", 401),
        (
            "Please run /login · API Error: 403 Request not allowed",
            403,
        ),
        (LOGIN_REFUSED, 401),
    ] {
        for refused_sessions in [1, 9] {
            let sandbox = with_a_private_login();
            let [asking, limited] = two_sessions_of_login(&sandbox);
            let usage = windows(42.0, NOON, 60.0, TUESDAY);
            asking.calls_status_line("2026-11-20T09:00:00Z", usage.clone(), 120);
            receives_overload_error(&asking, "2026-11-20T09:01:00Z");
            let refusal = refused("seven_day", TUESDAY, "org_level_disabled");
            let full = windows(42.0, NOON, 100.0, TUESDAY);
            hits_limit(&limited, AT, WEEKLY, &refusal, full);
            let expected = limited.explained("2026-11-20T10:01:00Z");
            for session in 0..refused_sessions {
                let name = format!("refused-{session}");
                is_refused(&sandbox, &name, "2026-11-20T10:17:00Z", text, status);
            }

            let at = "2026-11-20T10:18:00Z";
            let row = flat(&asking.calls_status_line(at, usage, 160).stdout);
            assert!(row.contains("weekly limit"), "{text}: {row}");
            assert!(!row.contains("login refused"), "{text}: {row}");
            let reply = answer(&asking, at);
            let headline = expected["headline"].as_str().unwrap();
            assert!(reply.contains(headline), "{text}: {headline}: {reply}");
        }
    }
}

/// Many errors have the same class as a refused login, but are not about the login itself.
#[test]
fn only_a_refused_login_replaces_an_older_error_that_is_over() {
    for (text, status) in [
        (
            "Could not refresh your login: the disk that holds the Claude Code config directory (~/.claude by default), or \
             your disk quota on it, is full",
            401,
        ),
        (
            "Invalid request header from the environment · Fix the environment variable",
            401,
        ),
        (
            "Auth conflict: Using ANTHROPIC_API_KEY instead of Anthropic Console key. Either unset ANTHROPIC_API_KEY, or \
             run `claude /logout`.",
            401,
        ),
        ("403 status code (no body)", 403),
    ] {
        let sandbox = with_a_private_login();
        let [asking, works] = two_sessions_of_login(&sandbox);
        row_at_42_percent(&asking, "2026-11-20T10:09:00Z");
        receives_overload_error(&asking, "2026-11-20T10:10:00Z");
        works.works("2026-11-20T10:15:00Z", 10);
        let later = windows(43.0, NOON, 17.0, TUESDAY);
        works.calls_status_line("2026-11-20T10:15:01Z", later, 120);
        is_refused(&sandbox, "refused", "2026-11-20T10:17:00Z", text, status);

        let at = "2026-11-20T10:18:00Z";
        let row = row_at_42_percent(&asking, at);
        assert!(
            row.contains("another session got a response · send the prompt again"),
            "{text}: {row}"
        );
    }
}

/// After a false alarm, a `claude -p` run received a response. A run has no status line, so the row of the stopped session
/// ignored the response until somebody ran a command.
#[test]
fn the_response_of_a_run_without_a_status_line_ends_an_error_in_the_row_of_another_session() {
    let sandbox = with_a_private_login();
    let asking = session_of_login(&sandbox, "asking");
    let mut headless = session_of_login(&sandbox, "headless");
    row_at_42_percent(&asking, "2026-11-20T10:09:00Z");
    asking.receives_error("2026-11-20T10:10:00Z", OUT_OF_CREDITS, json!({}));
    let row = row_at_42_percent(&asking, "2026-11-20T10:10:30Z");
    assert!(row.contains("false alarm?"), "{row}");

    headless
        .variables
        .push(("CLAUDE_CODE_ENTRYPOINT".to_owned(), "sdk-cli".to_owned()));
    headless.sends_prompt("2026-11-20T10:11:00Z", "continue");
    headless.receives_response("2026-11-20T10:11:02Z");
    headless.event("2026-11-20T10:11:03Z", "Stop", json!({}));
    let row = row_at_42_percent(&asking, "2026-11-20T10:11:10Z");
    assert!(
        row.contains("another session got a response · send the prompt again"),
        "{row}"
    );
}

/// The plan had room, but a session was refused: "You've hit your org's monthly spend limit". `/whycap` said "This looks like
/// a false alarm" and below it "You are still blocked.". In another session, it said to send a prompt and then to send "the
/// prompt" again. `now` did not mention that the session waits after a false alarm.
#[cfg(target_os = "linux")]
#[test]
fn no_screen_says_that_a_false_alarm_still_blocks_the_user() {
    let cap = "You've hit your org's monthly spend limit \u{b7} run /usage-credits to ask your admin for a higher limit";
    let credits = "API Error: 400 You're out of extra usage. Add more at claude.ai/settings/usage and keep going.";
    for (text, refusal, note) in [
        (
            cap,
            refused("five_hour", NOON, "org_level_disabled_until"),
            "probably a false alarm; continues by itself about 12:01; to continue sooner, send the prompt again",
        ),
        (
            credits,
            json!({"apiErrorStatus": 400}),
            "stopped; probably a false alarm: try again",
        ),
    ] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "team", "user");
        let [stopped, idle] = ["stopped", "idle"].map(|name| Client {
            version: "2.1.331".to_owned(),
            ..session_of_login(&sandbox, name)
        });
        let _processes =
            [&stopped, &idle].map(|client| RunningClient::idle(&sandbox, &client.session));
        let room = windows(42.0, NOON, 10.0, TUESDAY);
        for client in [&stopped, &idle] {
            client.calls_status_line("2026-11-20T09:59:50Z", room.clone(), 120);
        }
        stopped.receives_error(AT, text, refusal);
        stopped.calls_status_line("2026-11-20T10:00:02Z", room.clone(), 120);
        let at = "2026-11-20T10:00:30Z";

        let reply = answer(&stopped, at);
        assert!(reply.contains("This looks like a false alarm"), "{reply}");
        let state = "The last prompt was refused; the next one may work.";
        assert!(reply.contains(state), "{reply}");
        assert!(!reply.contains("blocked"), "{reply}");

        let reply = answer(&idle, at);
        assert!(reply.contains("1. Send a prompt here"), "{reply}");
        assert!(!reply.contains("the prompt again"), "{reply}");

        let now = output(&stopped, at, "now");
        assert!(now.contains(note), "{now}");
        assert!(!now.contains("blocked"), "{now}");
        let waited = stopped.run(at, &["wait", "--timeout", "1s"], b"");
        assert!(!waited.stdout.contains("blocked"), "{waited:?}");
        let timed_out = "whycap: timed out; the error is probably a false alarm\n";
        assert_eq!(waited.stderr.as_str(), timed_out);
    }
}

/// Another session received a response after a false alarm. `explain` said at once that the prompt could be sent again,
/// but until `/whycap` had run, the row said to try again in a few minutes. That is also true if the response did not
/// change the percentages.
#[test]
fn the_row_of_a_false_alarm_ends_when_another_session_works() {
    for (text, reason) in [
        ("You're out of usage credits", "out_of_credits"),
        (
            "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage",
            "org_level_disabled_until",
        ),
    ] {
        for percent_later in [43.0, 42.0] {
            let sandbox = with_a_private_login();
            let [stopped, mut works] = two_sessions_of_login(&sandbox);
            for client in [&stopped, &works] {
                client.sends_prompt("2026-11-20T09:58:00Z", "go on");
                client.receives_response("2026-11-20T09:58:01Z");
                let usage = windows(42.0, NOON, 17.0, TUESDAY);
                client.calls_status_line("2026-11-20T09:58:02Z", usage, 120);
            }
            stopped.sends_prompt("2026-11-20T09:59:59Z", "go on");
            stopped.receives_error(AT, text, refused("overage", TUESDAY, reason));
            let before = row_at_42_percent(&stopped, "2026-11-20T10:00:05Z");
            assert!(before.contains("false alarm?"), "{text}: {before}");

            works.sends_prompt("2026-11-20T10:01:00Z", "go on");
            works.receives_response("2026-11-20T10:01:01Z");
            works.api_ms += 1000;
            let later = windows(percent_later, NOON, 17.0, TUESDAY);
            works.calls_status_line("2026-11-20T10:01:02Z", later, 120);
            let after = row_at_42_percent(&stopped, "2026-11-20T10:01:03Z");
            assert!(
                after.contains("another session got a response · send the prompt again"),
                "{text}, {percent_later}%: {after}"
            );
        }
    }
}

/// Returns the number of readings in the journal.
fn stored_readings(sandbox: &Sandbox) -> usize {
    let journal = sandbox.read(".local/share/whycap/journal/2026-11.jsonl");
    journal.matches(r#""reading":{"#).count()
}

/// Two sessions were refused by the same false alarm, and one of them received a response later. When the other one was refused again,
/// `/whycap` in the first one still said "You are not blocked", and its next prompt was refused as well.
#[test]
fn a_later_false_alarm_in_another_session_is_mentioned_after_the_own_one_has_ended() {
    let sandbox = with_a_private_login();
    let [refused_again, mut works] = two_sessions_of_login(&sandbox);
    for client in [&refused_again, &works] {
        row_at_42_percent(client, "2026-11-20T09:59:50Z");
        client.receives_error(AT, OUT_OF_CREDITS, json!({}));
        row_at_42_percent(client, "2026-11-20T10:00:05Z");
    }
    works.sends_prompt("2026-11-20T10:02:59Z", "go on");
    receives_response(
        &mut works,
        "2026-11-20T10:03:00Z",
        windows(42.0, NOON, 17.0, TUESDAY),
    );
    let reply = answer(&works, "2026-11-20T10:05:00Z");
    assert!(reply.contains("You are not blocked"), "{reply}");
    for at in ["2026-11-20T10:06:00Z", "2026-11-20T10:06:30Z"] {
        refused_again.sends_prompt(&after(at, -1), "go on");
        refused_again.receives_error(at, OUT_OF_CREDITS, json!({}));
        row_at_42_percent(&refused_again, &after(at, 1));
    }
    let at = "2026-11-20T10:07:00Z";
    let reply = answer(&works, at);
    assert!(reply.contains("This looks like a false alarm"), "{reply}");
    assert!(
        reply.contains("1. Send a prompt here; this session may work"),
        "{reply}"
    );
    assert!(!reply.contains("You are not blocked"), "{reply}");
    let shell = Client::with_session(&sandbox, "shell");
    let arguments = ["explain", "--session", &works.session];
    let explained = flat(shell.run(at, &arguments, b"").success());
    let elsewhere = format!(
        "Also, in the session {}: This looks like a false alarm",
        refused_again.session
    );
    assert!(explained.contains(&elsewhere), "{explained}");
}

/// A response repeated the percentages, so they were not stored. Minutes later, another session was refused, and the next status-line
/// call of the idle session dated the figures of its old response to this call: "5 s before the error, your 5-hour usage was 43%".
#[test]
fn repeated_figures_are_not_dated_to_an_idle_call_after_an_error_in_another_session() {
    let sandbox = with_a_private_login();
    let [stopped, mut idle] = two_sessions_of_login(&sandbox);
    for at in ["2026-11-20T09:56:00Z", "2026-11-20T09:57:00Z"] {
        idle.sends_prompt(at, "go on");
        idle.receives_response(&after(at, 1));
        idle.api_ms += 1000;
        row_at_42_percent(&idle, &after(at, 2));
    }
    stopped.sends_prompt("2026-11-20T09:59:59Z", "go on");
    stopped.receives_error(AT, OUT_OF_CREDITS, json!({}));
    row_at_42_percent(&idle, "2026-11-20T10:00:01Z");
    stopped.sends_prompt("2026-11-20T10:00:09Z", "go on");
    stopped.receives_error("2026-11-20T10:00:10Z", OUT_OF_CREDITS, json!({}));
    let explained = output(&stopped, "2026-11-20T10:00:15Z", "explain");
    assert!(
        explained.contains("42% 3 m before the error"),
        "{explained}"
    );
}

/// A session receives many responses after an error in another session. Every response was stored for ten minutes, even
/// if the percentages were the same. The error soon left the part of the journal that status-line calls read.
#[test]
fn a_busy_session_stores_few_readings_after_an_error_in_another_session() {
    let sandbox = with_a_private_login();
    let [stopped, mut works] = two_sessions_of_login(&sandbox);
    row_at_42_percent(&works, "2026-11-20T09:59:50Z");
    receives_overload_error(&stopped, AT);
    for response in 0..20 {
        let minute_and_tens = format!("2026-11-20T10:0{}:{}", 1 + response / 6, response % 6);
        works.sends_prompt(&format!("{minute_and_tens}0Z"), "go on");
        works.receives_response(&format!("{minute_and_tens}1Z"));
        works.api_ms += 1000;
        row_at_42_percent(&works, &format!("{minute_and_tens}2Z"));
    }
    let stored = stored_readings(&sandbox);
    assert_eq!(stored, 2, "one reading before the error and one after it");
}

/// The status line ran before the response was in the transcript, so the reading had no time of its request. Readings of
/// the next responses were not stored for minutes, and they would have shown that the error was over.
#[test]
fn a_reading_without_its_request_does_not_replace_the_next_one_after_an_error_in_another_session() {
    for minute in ["2026-11-20T10:00", "2026-11-20T10:02"] {
        let sandbox = with_a_private_login();
        let [stopped, mut works] = two_sessions_of_login(&sandbox);
        row_at_42_percent(&works, "2026-11-20T09:59:50Z");
        receives_overload_error(&stopped, AT);
        works.api_ms += 1000;
        row_at_42_percent(&works, &format!("{minute}:20Z"));
        works.sends_prompt(&format!("{minute}:30Z"), "go on");
        works.receives_response(&format!("{minute}:31Z"));
        works.api_ms += 1000;
        row_at_42_percent(&works, &format!("{minute}:32Z"));
        let stored = stored_readings(&sandbox);
        assert_eq!(stored, 3, "{minute}: the reading with its request");
    }
}

/// Without the API time, a repeated status-line call looks like a new response. Every call was stored.
#[test]
fn a_status_line_call_without_api_time_is_not_stored_again_after_an_error_in_another_session() {
    let sandbox = with_a_private_login();
    let [stopped, works] = two_sessions_of_login(&sandbox);
    let usage = windows(42.0, NOON, 17.0, TUESDAY);
    // These calls do not report the API time.
    works.calls_status_line_in_fast_mode("2026-11-20T09:59:50Z", &usage);
    receives_overload_error(&stopped, AT);
    for at in ["2026-11-20T10:00:10Z", "2026-11-20T10:00:20Z"] {
        works.calls_status_line_in_fast_mode(at, &usage);
    }
    let stored = stored_readings(&sandbox);
    assert_eq!(stored, 1, "only the reading before the error");
}

/// The newest reading comes from an idle session, so the row uses an older one from a response. The model of
/// the response is stored with it. Before, every status-line call read the transcript of that session to find the model.
#[test]
fn the_row_of_a_false_alarm_does_not_read_the_transcript_of_an_older_reading() {
    let sandbox = with_a_private_login();
    let [stopped, mut works] = two_sessions_of_login(&sandbox);
    row_at_42_percent(&works, "2026-11-20T09:59:50Z");
    let refusal = refused("overage", TUESDAY, "out_of_credits");
    stopped.receives_error(AT, "You're out of usage credits", refusal);
    works.sends_prompt("2026-11-20T10:01:00Z", "go on");
    works.receives_response("2026-11-20T10:01:01Z");
    works.api_ms += 1000;
    row_at_42_percent(&works, "2026-11-20T10:01:02Z");
    let idle = session_of_login(&sandbox, "idle");
    let usage_before = windows(41.0, NOON, 17.0, TUESDAY);
    idle.calls_status_line("2026-11-20T10:01:03Z", usage_before, 120);

    std::fs::remove_file(works.transcript()).unwrap();
    let row = row_at_42_percent(&stopped, "2026-11-20T10:01:04Z");
    assert!(
        row.contains("another session got a response · send the prompt again"),
        "{row}"
    );
}

/// The login works again as soon as another session receives a response, even if that session has no status line and
/// the newest reading is older.
#[test]
fn the_row_stops_naming_a_refused_login_when_another_session_works() {
    let sandbox = with_a_private_login();
    let [asking, works] = two_sessions_of_login(&sandbox);
    row_at_42_percent(&asking, "2026-11-20T09:00:00Z");
    receives_overload_error(&asking, "2026-11-20T09:01:00Z");
    is_refused(
        &sandbox,
        "refused",
        "2026-11-20T10:17:00Z",
        LOGIN_REFUSED,
        401,
    );
    let refused = row_at_42_percent(&asking, "2026-11-20T10:18:00Z");
    assert!(refused.contains("login refused"), "{refused}");

    works.works("2026-11-20T10:30:00Z", 10);
    works.works("2026-11-20T10:50:00Z", 10);
    let over = row_at_42_percent(&asking, "2026-11-20T11:00:00Z");
    assert!(!over.contains("login refused"), "{over}");
    let reply = answer(&asking, "2026-11-20T11:00:00Z");
    assert!(!reply.contains("/login"), "{reply}");
}

/// Asserts that `explain` and `incidents` agree that the refusal of the login is over.
#[track_caller]
fn assert_refusal_is_over(client: &Client<'_>, at: &str) {
    let arguments = ["explain", "--json", "--session", "stopped"];
    let incident = &client.run(at, &arguments, b"").json()["incident"];
    assert_eq!(incident["limit"], "auth", "{at}: {incident:#}");
    assert_eq!(incident["open"], false, "{at}: {incident:#}");
    let list = client.run(at, &["incidents", "--json"], b"").json();
    let entries = list["incidents"].as_array().expect("a list");
    let of_login = entries.iter().find(|entry| entry["limit"] == "auth");
    let is_open = of_login.map(|entry| entry["open"].clone());
    assert_eq!(is_open, Some(json!(false)), "{at}: {list:#}");
}

/// A request that a limit refused soon after a response confirms that the login works, so it does not reopen the refusal
/// of the login.
#[test]
fn a_later_limit_does_not_reopen_a_refused_login() {
    let sandbox = with_a_private_login();
    let [refused_session, works] = two_sessions_of_login(&sandbox);
    refused_session.receives_error(
        "2026-11-20T10:17:00Z",
        LOGIN_REFUSED,
        json!({"error": "authentication_failed", "apiErrorStatus": 401}),
    );
    works.sends_prompt("2026-11-20T10:17:30Z", "go on");
    works.works("2026-11-20T10:18:00Z", 10);
    assert_refusal_is_over(&refused_session, "2026-11-20T10:18:30Z");
    works.receives_error(
        "2026-11-20T10:19:00Z",
        FIVE_HOUR,
        refused("five_hour", NOON, ""),
    );
    assert_refusal_is_over(&refused_session, "2026-11-20T10:19:30Z");
    assert_refusal_is_over(&refused_session, "2026-11-20T10:40:00Z");
}

/// Returns the status line, at the given time, of a session whose own error is over. The login was refused in another
/// session at 10:17.
fn row_after_refusal(asking: &Client<'_>, at: &str) -> String {
    let usage = windows(42.0, NOON, 17.0, TUESDAY);
    flat(&asking.calls_status_line(at, usage, 160).stdout)
}

/// Simulates an overload that stops a session more than an hour before the login is refused.
fn is_overloaded(client: &Client<'_>) {
    row_after_refusal(client, "2026-11-20T09:00:00Z");
    receives_overload_error(client, "2026-11-20T09:01:00Z");
}

/// Creates two sessions of a login that was refused in a third session at 10:17. The status line of the first session
/// mentions the refused login at 10:20, and the second session receives a response at 10:30.
fn sessions_after_refused_login(sandbox: &Sandbox) -> [Client<'_>; 2] {
    let [asking, works] = two_sessions_of_login(sandbox);
    is_overloaded(&asking);
    let at = "2026-11-20T10:17:00Z";
    is_refused(sandbox, "refused", at, LOGIN_REFUSED, 401);
    let row = row_after_refusal(&asking, "2026-11-20T10:20:00Z");
    assert!(row.contains("login refused"), "{row}");
    works.works("2026-11-20T10:30:00Z", 10);
    [asking, works]
}

/// If a request was already in progress when the login was refused, its response may arrive soon after the refusal. It
/// does not show that the login works again.
#[test]
fn a_response_that_was_under_way_does_not_end_a_refused_login() {
    for (prompt_at, response_at) in [
        ("2026-11-20T10:15:00Z", "2026-11-20T10:17:10Z"),
        ("2026-11-20T10:16:40Z", "2026-11-20T10:17:01Z"),
    ] {
        let sandbox = with_a_private_login();
        let [asking, works] = two_sessions_of_login(&sandbox);
        is_overloaded(&asking);
        works.sends_prompt(prompt_at, "go on");
        let at = "2026-11-20T10:17:00Z";
        is_refused(&sandbox, "refused", at, LOGIN_REFUSED, 401);
        works.works(response_at, 10);

        let at = "2026-11-20T10:17:20Z";
        let row = row_after_refusal(&asking, at);
        assert!(row.contains("login refused"), "{prompt_at}: {row}");
        let reply = answer(&asking, at);
        assert!(
            !reply.contains("received a response"),
            "{prompt_at}: {reply}"
        );
        assert!(reply.contains("/login"), "{prompt_at}: {reply}");

        // A later request is evidence.
        works.sends_prompt("2026-11-20T10:18:00Z", "go on");
        works.works("2026-11-20T10:18:10Z", 10);
        let row = row_after_refusal(&asking, "2026-11-20T10:18:20Z");
        assert!(!row.contains("login refused"), "{prompt_at}: {row}");
    }
}

/// Claude Code waits for the status line, so the status line must be fast. It mentions a refused login only for a short
/// time, and it reads only transcripts that have been modified since the refusal.
#[test]
fn the_row_names_a_refused_login_briefly_and_reads_only_newer_transcripts() {
    let sandbox = with_a_private_login();
    let [asking, works] = sessions_after_refused_login(&sandbox);
    // In reality, a transcript with this response would have been modified after the refusal.
    let before: DateTime<Utc> = "2026-11-20T10:16:00Z".parse().unwrap();
    let transcript = std::fs::File::open(works.transcript()).unwrap();
    transcript.set_modified(before.into()).unwrap();
    let row = row_after_refusal(&asking, "2026-11-20T10:46:00Z");
    assert!(row.contains("login refused"), "{row}");
    let row = row_after_refusal(&asking, "2026-11-20T10:48:00Z");
    assert!(!row.contains("login refused"), "{row}");
}

/// After a response has disproved a refusal, the refusal remains over, even if the response can no longer be found.
/// Without this rule, each status-line call would search the ends of all transcripts that have changed since the
/// refusal.
#[test]
fn the_row_looks_only_once_for_the_response_that_disproved_a_refused_login() {
    let sandbox = with_a_private_login();
    let [asking, works] = sessions_after_refused_login(&sandbox);
    let row = row_after_refusal(&asking, "2026-11-20T10:35:00Z");
    assert!(!row.contains("login refused"), "{row}");

    std::fs::remove_file(works.transcript()).unwrap();
    let row = row_after_refusal(&asking, "2026-11-20T10:36:00Z");
    assert!(!row.contains("login refused"), "{row}");
    let incidents = flat(
        &asking
            .run("2026-11-20T10:36:10Z", &["incidents"], b"")
            .stdout,
    );
    assert!(incidents.contains("10:30"), "{incidents}");
}

/// The status line does not mention an error from long ago, so there is nothing for a refused login to replace.
#[test]
fn a_refused_login_does_not_replace_an_error_that_the_row_no_longer_mentions() {
    let sandbox = with_a_private_login();
    let asking = session_of_login(&sandbox, "asking");
    let usage = windows(42.0, NOON, 17.0, TUESDAY);
    asking.calls_status_line("2026-11-19T19:00:00Z", usage.clone(), 120);
    receives_overload_error(&asking, "2026-11-19T19:01:00Z");
    let at = "2026-11-20T10:00:00Z";
    let before = flat(&asking.calls_status_line(at, usage.clone(), 160).stdout);
    is_refused(
        &sandbox,
        "refused",
        "2026-11-20T10:17:00Z",
        LOGIN_REFUSED,
        401,
    );
    let at = "2026-11-20T10:18:00Z";
    let after = flat(&asking.calls_status_line(at, usage, 160).stdout);
    assert!(!before.contains("529"), "{before}");
    assert!(!after.contains("login refused"), "{after}");
}

/// Runs a command about a session in a shell.
fn run_about(shell: &Client<'_>, session: &str, at: &str, command: &[&str]) -> Run {
    let arguments = [command, &["--session", session]].concat();
    shell.run(at, &arguments, b"")
}

/// A session's false alarm is over, but the account has reached its 5-hour limit in another session. Commands in a
/// shell must not say that the first session can continue.
#[test]
fn the_commands_about_a_session_know_a_limit_of_its_account() {
    let sandbox = with_a_private_login();
    let [asking, limited] = two_sessions_of_login(&sandbox);
    let other_account = Client::with_session(&sandbox, "other-account");
    belongs_to(&other_account, "company-account", "company-organization");
    let refusal = refused("five_hour", NOON, "out_of_credits");
    let room = windows(42.0, NOON, 17.0, TUESDAY);
    for (client, at) in [
        (&asking, "2026-11-20T09:58:10Z"),
        (&other_account, "2026-11-20T09:58:20Z"),
    ] {
        client.calls_status_line("2026-11-20T09:58:00Z", room.clone(), 120);
        let status = json!({"error": "unknown", "apiErrorStatus": 400});
        let text = "API Error: 400 You're out of extra usage. Add more at claude.ai/settings/usage and keep going.";
        client.receives_error(at, text, status);
    }
    limited.sends_prompt("2026-11-20T09:58:30Z", "continue");
    limited.works("2026-11-20T09:58:40Z", 10);
    limited.calls_status_line("2026-11-20T09:58:41Z", room.clone(), 120);
    let arguments = ["explain", "--json", "--session", "stopped"];
    let own_error = asking.run("2026-11-20T09:59:00Z", &arguments, b"").json()["incident"].clone();
    hits_limit(&limited, AT, FIVE_HOUR, &refusal, five_hour_full());

    let at = "2026-11-20T10:00:30Z";
    let limit = "5-hour limit is used up";
    let where_reached = "This limit was reached in the session other";
    for command in [&["explain"][..], &["explain", "--long"]] {
        let explained = flat(run_about(&asking, "stopped", at, command).success());
        assert!(explained.contains(limit), "{explained}");
        assert!(explained.contains(where_reached), "{explained}");
        assert!(explained.contains("extra usage error"), "{explained}");
        // The advice about the session's own error would contradict the advice about the limit.
        assert!(
            !explained.contains("1. Send the prompt again"),
            "{explained}"
        );
        assert!(!explained.contains("is over"), "{explained}");
        let of_other_account = flat(run_about(&asking, "other-account", at, command).success());
        assert!(!of_other_account.contains(limit), "{of_other_account}");
    }
    let json = run_about(&asking, "stopped", at, &["explain", "--json"]).json();
    for field in ["message", "session_id", "verdict", "limit", "at", "open"] {
        assert_eq!(
            json["incident"][field], own_error[field],
            "{field}: {json:#}"
        );
    }
    // The next prompt would be refused or would cost money.
    let first = &json["incident"]["actions"][0]["do"];
    let step = "You can wait until 12:00, when your 5-hour limit resets";
    assert_eq!(first, step, "{json:#}");
    let of_account = &json["limit_of_account"];
    assert_eq!(of_account["limit"], "five_hour", "{json:#}");
    assert_eq!(of_account["session_id"], "other", "{json:#}");
    let first_action = of_account["actions"][0]["do"].as_str().unwrap();
    assert!(first_action.starts_with("Wait until 12:00"), "{json:#}");
    let explained = run_about(&asking, "stopped", at, &["explain", "--exit-code"]);
    assert_eq!(explained.code, 10);
    let waited = run_about(&asking, "stopped", at, &["wait", "--timeout", "1s"]);
    assert_eq!(waited.code, 124, "{waited:?}");
    assert!(
        waited
            .stderr
            .contains("timed out while the limit still applied"),
        "{waited:?}"
    );
    let row = flat(&asking.calls_status_line(at, room, 160).stdout);
    assert!(row.contains("5-hour limit"), "{row}");

    // A response in the session itself shows that it can continue.
    asking.sends_prompt("2026-11-20T10:04:50Z", "continue");
    asking.works("2026-11-20T10:05:00Z", 10);
    asking.calls_status_line(
        "2026-11-20T10:05:01Z",
        windows(2.0, NOON + 18_000, 17.0, TUESDAY),
        120,
    );
    let arguments = ["wait", "--timeout", "1s", "--session", "stopped"];
    let waited = asking.run("2026-11-20T10:06:00Z", &arguments, b"");
    assert_eq!(waited.code, 0, "{waited:?}");
}

/// The account has reached its 5-hour limit in another session. The text used to omit the session's own error if it was
/// a notice or a false alarm that was not over. In JSON, the error's fields were mixed with those of the limit.
#[test]
fn a_limit_of_the_account_neither_hides_nor_changes_the_own_error_of_a_session() {
    let false_alarm =
        "You're out of extra usage. Add more at claude.ai/settings/usage and keep going.";
    let notice = "You've used 91% of your weekly limit · resets Nov 24, 6am (UTC)";
    let mention_of_alarm = "Claude Code showed \"You're out of extra usage. Add more at claude.ai/settings/usage and keep going.\", which was probably a false alarm.";
    let mention_of_notice = "Claude Code showed the notice \"You've used 91% of your weekly limit · resets Nov 24, 6am (UTC)\".";
    for (own_message, mention) in [
        (Some(false_alarm), mention_of_alarm),
        (Some(notice), mention_of_notice),
        (None, ""),
    ] {
        let sandbox = with_a_private_login();
        let [asking, limited] = two_sessions_of_login(&sandbox);
        let room = windows(42.0, NOON, 17.0, TUESDAY);
        asking.works("2026-11-20T09:57:50Z", 10);
        asking.calls_status_line("2026-11-20T09:58:00Z", room, 120);
        if let Some(text) = own_message {
            let status = json!({"error": "invalid_request", "apiErrorStatus": 400});
            asking.receives_error("2026-11-20T09:58:10Z", text, status);
        }
        let earlier = "2026-11-20T09:59:00Z";
        let before = run_about(&asking, "stopped", earlier, &["explain", "--json"]).json();
        assert_eq!(before["limit_of_account"], Value::Null, "{before:#}");
        let refusal = refused("five_hour", NOON, "");
        hits_limit(&limited, AT, FIVE_HOUR, &refusal, five_hour_full());

        let at = "2026-11-20T10:00:30Z";
        let text = flat(run_about(&asking, "stopped", at, &["explain"]).success());
        assert!(text.contains("5-hour limit is used up"), "{text}");
        assert!(text.contains(mention), "{mention}: {text}");
        let has_mention = text.contains("Claude Code showed");
        assert_eq!(has_mention, own_message.is_some(), "{text}");
        assert!(!text.contains("No limit error found"), "{text}");
        let json = run_about(&asking, "stopped", at, &["explain", "--json"]).json();
        for field in ["limit", "verdict", "badge", "resets_at", "message"] {
            let of_incident = &json["incident"][field];
            assert_eq!(of_incident, &before["incident"][field], "{field}: {json:#}");
        }
        let limit = &json["limit_of_account"];
        assert_eq!(limit["limit"], "five_hour", "{json:#}");
        assert_eq!(limit["waiting_helps"], true, "{json:#}");
        let explained = run_about(&asking, "stopped", at, &["explain", "--exit-code"]);
        assert_eq!(explained.code, 10);
    }
}

/// The weekly limit of a model applies only to sessions with this model, not to all sessions of the account.
#[test]
fn explain_does_not_say_that_a_limit_of_one_model_applies_to_all_sessions() {
    let sandbox = with_a_private_login();
    let [asked, limited] = two_sessions_of_login(&sandbox);
    asked.works("2026-11-20T09:50:00Z", 10);
    let text = "You've hit your Opus limit · resets Nov 24, 6am (UTC)";
    let usage = windows(42.0, NOON, 100.0, TUESDAY);
    let refusal = refused("seven_day_opus", TUESDAY, "");
    hits_limit(&limited, AT, text, &refusal, usage);
    let arguments = ["explain", "--session", "stopped"];
    let explained = flat(asked.run("2026-11-20T10:00:30Z", &arguments, b"").success());
    assert!(
        explained.contains("This limit was reached in the session other"),
        "{explained}"
    );
    assert!(
        explained.contains("but it also applies to the session stopped"),
        "{explained}"
    );
    assert!(!explained.contains("all sessions"), "{explained}");
}

/// The server is to blame for both wrong messages, so the same people can fix the problem.
#[test]
fn equal_false_alarms_name_the_same_people() {
    let refusal = refused("seven_day", TUESDAY, "");
    for (text, more, class) in [
        (
            "You've hit your weekly limit · resets Nov 24, 6am (UTC)",
            refusal,
            "rate_limit",
        ),
        (
            "You're out of extra usage. Add more at claude.ai/settings/usage",
            json!({"apiErrorStatus": 400}),
            "invalid_request",
        ),
    ] {
        let sandbox = with_a_private_login();
        let mut client = session_of_login(&sandbox, "stopped");
        client.version = "2.1.331".to_owned();
        let usage = windows(42.0, NOON, 17.0, TUESDAY);
        client.calls_status_line("2026-11-20T09:59:51Z", usage.clone(), 120);
        let mut more = more;
        more["error"] = json!(class);
        client.receives_error(AT, text, more);
        client.calls_status_line(SOON, usage, 120);
        let incident = client.explained("2026-11-20T10:00:10Z");
        assert_eq!(incident["verdict"], "false_likely", "{incident:#}");
        assert_eq!(incident["who_can_fix"], "anthropic", "{incident:#}");
    }
}

/// The headless run has ended, so it is not blocked. A false alarm does not block other sessions either.
#[test]
#[cfg(target_os = "linux")]
fn a_headless_run_that_ended_with_a_false_alarm_is_not_called_blocked() {
    let sandbox = with_a_private_login();
    let [mut stopped, other] = two_sessions_of_login(&sandbox);
    stopped.version = "2.1.331".to_owned();
    let _process = RunningClient::idle(&sandbox, "other");
    let usage = windows(42.0, NOON, 17.0, TUESDAY);
    other.calls_status_line("2026-11-20T09:59:51Z", usage, 120);
    let mut refusal = refused("seven_day", TUESDAY, "");
    refusal["entrypoint"] = json!("sdk-cli");
    let text = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
    stopped.receives_error(AT, text, refusal);
    let listed = flat(
        stopped
            .run("2026-11-20T10:01:00Z", &["incidents"], b"")
            .success(),
    );
    let state = "(the run ended with this error, probably a false alarm)";
    assert!(listed.contains(state), "{listed}");
    assert!(!listed.contains("still blocking work"), "{listed}");
}

/// If `claude -p` reads its prompts from a stream, it may continue after an error, so the run has not ended while its
/// process is running. An empty registry does not show that a run has ended. A registry that does not list the run
/// shows it only if the version registers such runs, as 2.1.328 does.
#[test]
#[cfg(target_os = "linux")]
fn a_headless_run_is_said_to_have_ended_only_if_the_registry_shows_it() {
    let [ended, may_have_ended, runs] = [
        "(the run ended with this error)",
        "(the run may have ended)",
        "(still blocked)",
    ];
    for (version, registered, is_gone, state) in [
        ("2.1.331", None, false, may_have_ended),
        ("2.1.331", Some("other"), false, ended),
        ("2.1.331", Some("headless"), false, runs),
        ("2.1.328", Some("other"), false, ended),
        ("2.0.76", Some("other"), false, may_have_ended),
        ("2.0.76", Some("headless"), false, runs),
        ("2.0.76", Some("headless"), true, ended),
        // The run ended, and the user resumed its session afterwards.
        ("2.1.331", Some("resumed"), false, may_have_ended),
    ] {
        let sandbox = with_a_private_login();
        let mut client = session_of_login(&sandbox, "headless");
        client.version = version.to_owned();
        let process = registered.map(|session| match session {
            "resumed" => RunningClient::resumed(&sandbox, "headless", "2026-11-20T10:00:03Z"),
            _ => RunningClient::idle(&sandbox, session),
        });
        let _process = process.filter(|_| !is_gone);
        let error =
            json!({"error": "invalid_request", "apiErrorStatus": 400, "entrypoint": "sdk-cli"});
        client.receives_error(AT, "Prompt is too long", error);
        let listed = output(&client, "2026-11-20T10:00:05Z", "incidents");
        assert!(listed.contains(state), "{version} {registered:?}: {listed}");
        assert_eq!(
            listed.contains("1 stop is still blocking work"),
            state != ended,
            "{listed}"
        );
        assert!(
            !listed.contains("does not know when 1 stop ended"),
            "{listed}"
        );
    }
}

/// Another model responds, in the same session or in a different one. The limit still applies, so no command may say
/// that it is over. No command may say that the user is blocked, either.
#[test]
fn every_command_says_that_a_limit_of_one_model_still_applies() {
    for is_same_session in [false, true] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        let text = "You've hit your Opus limit · resets Nov 24, 6am (UTC)";
        stopped.receives_error(AT, text, refused("seven_day_opus", TUESDAY, ""));
        let responding = if is_same_session { &stopped } else { &other };
        let mut response = responding.response_line("2026-11-20T10:05:00Z", 10);
        response["message"]["model"] = json!("claude-sonnet-5");
        responding.append(&response);
        let at = "2026-11-20T10:06:00Z";
        let listed = output(&stopped, at, "incidents");
        let state = if is_same_session {
            "(still applies, but another model responded at 10:05)"
        } else {
            "(still applies to one family of models, but another session responded at 10:05)"
        };
        assert!(listed.contains(state), "{listed}");
        for (place, shown) in [
            ("explain", output(&stopped, at, "explain")),
            ("/whycap", answer(&stopped, at)),
        ] {
            assert!(!shown.contains("You are still blocked"), "{place}: {shown}");
            assert_eq!(
                shown.contains("The limit still applies, but only to one family of models."),
                !is_same_session,
                "{place}: {shown}"
            );
        }
    }
}

/// A limit of one model leaves the others usable, unless another window is full. If the message may be wrong, the limit
/// may not exist.
#[test]
fn other_models_are_said_to_work_only_if_no_other_limit_applies() {
    const APPLIES: &str = "The limit still applies, but only to one family of models.";
    const MAY_APPLY: &str =
        "If the message is right, the limit still applies, but only to one family of models.";
    let at = "2026-11-20T10:00:30Z";

    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    let text = "You've hit your Opus limit · resets Nov 24, 6am (UTC)";
    stopped.receives_error(
        AT,
        text,
        json!({"error": "invalid_request", "apiErrorStatus": 400}),
    );
    let incident = stopped.explained(at);
    assert_eq!(incident["verdict"], "cannot_tell", "{incident:#}");
    let shown = output(&stopped, at, "explain");
    assert!(shown.contains(MAY_APPLY), "{shown}");

    for used in [40.0, 100.0] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        hits_limit(
            &stopped,
            AT,
            text,
            &refused("seven_day_opus", TUESDAY, ""),
            windows(42.0, NOON, used, TUESDAY),
        );
        let incident = stopped.explained(at);
        assert_eq!(incident["verdict"], "real", "{incident:#}");
        let shown = output(&stopped, at, "explain");
        assert_eq!(shown.contains(APPLIES), used < 100.0, "{used}: {shown}");
        assert_eq!(
            shown.contains("You are still blocked."),
            used >= 100.0,
            "{used}: {shown}"
        );
    }
}

/// Another session was the first to receive a response, but the stopped session received one from another model.
#[test]
fn incidents_gives_the_time_of_the_response_of_another_model() {
    let sandbox = with_a_private_login();
    let [stopped, mut other] = two_sessions_of_login(&sandbox);
    "claude-sonnet-5".clone_into(&mut other.model);
    let text = "You've hit your Opus limit · resets Nov 24, 6am (UTC)";
    stopped.receives_error(AT, text, refused("seven_day_opus", TUESDAY, ""));
    other.receives_response("2026-11-20T10:05:00Z");
    let mut response = stopped.response_line("2026-11-20T10:20:00Z", 10);
    response["message"]["model"] = json!("claude-sonnet-5");
    stopped.append(&response);
    let listed = output(&stopped, "2026-11-20T10:30:00Z", "incidents");
    assert!(
        listed.contains("(still applies, but another model responded at 10:20)"),
        "{listed}"
    );
}

/// Another session received a response, but the window may still be full. `explain` must mention the response, as
/// `incidents` does. Two sessions with a token may have different accounts, so the response may concern another limit.
#[test]
fn explain_and_incidents_agree_about_a_response_that_does_not_end_a_limit() {
    for has_token in [false, true] {
        let sandbox = with_a_private_login();
        let [stopped, other] = if has_token {
            ["stopped", "other"].map(|name| session_with_token(&sandbox, name))
        } else {
            two_sessions_of_login(&sandbox)
        };
        reaches_five_hour_limit(&stopped);
        other.works("2026-11-20T10:20:00Z", 10);
        let at = "2026-11-20T10:21:00Z";
        let listed = output(&stopped, at, "incidents");
        let state = "(still applies, but another session responded at 10:20)";
        assert!(listed.contains(state), "{listed}");
        let known = "Another session has received a response since then, but nothing shows that this limit is over.";
        for (place, shown) in [
            ("explain", output(&stopped, at, "explain")),
            ("/whycap", answer(&stopped, at)),
        ] {
            assert!(shown.contains(known), "{place}, {has_token}: {shown}");
        }
    }
}

/// The login had reached its 5-hour limit when another session received an error that blocks only that session. In a shell,
/// `explain` and `now` explained only this error and said that other sessions may work, and `wait` ended at once.
#[test]
fn an_error_of_one_session_does_not_hide_the_limit_of_the_login_in_a_shell() {
    for (text, more) in [
        (
            "Prompt is too long",
            json!({"error": "invalid_request", "apiErrorStatus": 400}),
        ),
        (
            "Please run /login · API Error: 401 Invalid authentication credentials",
            json!({"error": "authentication_failed", "apiErrorStatus": 401}),
        ),
    ] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        reaches_five_hour_limit(&stopped);
        other.receives_error("2026-11-20T10:01:00Z", text, more);
        let at = "2026-11-20T10:01:30Z";
        for command in ["explain", "now"] {
            let shown = output(&stopped, at, command);
            assert!(
                shown.contains("Your 5-hour limit is used up; you can continue at 12:00"),
                "{text}: {shown}"
            );
            assert!(!shown.contains("may work"), "{text}: {shown}");
            let also = "Also, in the session other: ";
            assert!(shown.contains(also), "{text}: {shown}");
        }
        let waited = stopped.run(at, &["wait", "--timeout", "1s"], b"");
        assert!(waited.stderr.contains("timed out"), "{text}: {waited:?}");
        let of_session = flat(
            &other
                .run(at, &["explain", "--session", "other"], b"")
                .stdout,
        );
        assert!(!of_session.contains("5-hour"), "{of_session}");
    }
}

/// After a reset that nothing had proven, `/whycap` in another session said "that has passed", while the other screens said
/// "should have reset".
#[test]
fn no_session_takes_an_unproven_reset_for_granted() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    hits_limit(
        &stopped,
        AT,
        "You're out of usage credits · resets 12pm (UTC)",
        &refused("five_hour", NOON, "org_level_disabled"),
        windows(100.0, NOON, 42.0, TUESDAY),
    );
    let at = "2026-11-20T12:03:20Z";
    let shown = output(&stopped, at, "explain");
    assert!(shown.contains("should have reset"), "{shown}");
    for client in [&stopped, &other] {
        let shown = answer(client, at);
        assert!(shown.contains("should"), "{shown}");
        assert!(!shown.contains("that has passed"), "{shown}");
    }
}
