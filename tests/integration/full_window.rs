//! Tests that the output after a temporary problem with the service mentions a full usage window.

use serde_json::{Value, json};

use crate::client::{Client, plain_rows, windows};
use crate::newest_evidence::{after, five_hour_full, hits_limit, receives_response, weekly_full};
#[cfg(target_os = "linux")]
use crate::now::RunningClient;
use crate::situation::{
    AT, AT_LOWER_PRIORITY, FIVE_HOUR, GRACE_WINDOW, NOON, ORG, SOON, TUESDAY, answer, flat,
    receives_overload_error, refused, session_of_login, starts_to_continue_for_free,
    stores_credits_reason, two_sessions_of_login, with_a_private_login,
};
use crate::support::Sandbox;
use crate::wait::waits;

/// The warning of `wait` about the 5-hour limit.
const ALSO_FULL: &str = "Your 5-hour limit is used up until 12:00. Until that limit resets, prompts will be refused or paid for with usage credits.";

/// The last line of `wait` after [`ALSO_FULL`].
const HOW_TO_WAIT: &str = "To wait for the reset, run: whycap wait --free";

/// Returns true if the output of `wait` ends with the warning about the 5-hour limit and the command that waits for its reset.
fn ends_with_full_window(output: &str) -> bool {
    output.ends_with(&format!("{ALSO_FULL} {HOW_TO_WAIT}"))
}

/// Starts a session that reports these usage windows before and after the service is overloaded.
fn overloaded<'s>(sandbox: &'s Sandbox, reported: &Value) -> Client<'s> {
    let client = session_of_login(sandbox, "failed");
    client.calls_status_line("2026-11-20T09:59:00Z", reported.clone(), 120);
    receives_overload_error(&client, AT);
    client.calls_status_line(SOON, reported.clone(), 120);
    client
}

/// During an overload, `wait` announced only the short pause and ended with "You can continue", although the 5-hour limit
/// was used up.
#[test]
fn wait_mentions_a_full_window_during_an_overload() {
    let sandbox = with_a_private_login();
    let client = overloaded(&sandbox, &five_hour_full());
    let timed_out = waits(&client, "2026-11-20T10:00:40Z", &["--timeout", "1s"]);
    assert!(timed_out.stderr.contains("timed out"), "{timed_out:?}");
    assert!(
        flat(&timed_out.stdout).ends_with(ALSO_FULL),
        "{timed_out:?}"
    );

    let waited = waits(&client, "2026-11-20T10:02:58Z", &["--timeout", "9s"]);
    let lines = flat(waited.success());
    assert_eq!(lines.matches(ALSO_FULL).count(), 2, "{lines}");
    assert!(ends_with_full_window(&lines), "{lines}");
    assert!(!lines.contains("You can continue"), "{lines}");

    let after = waits(&client, "2026-11-20T10:04:00Z", &[]);
    let lines = flat(after.success());
    assert!(ends_with_full_window(&lines), "{lines}");
    assert!(!lines.contains("You are not blocked"), "{lines}");
}

/// Usage credits are turned off, but all screens said that prompts may be paid for with them or cost extra.
#[test]
fn prompts_are_only_refused_while_credits_are_turned_off() {
    for (reason, consequence) in [
        ("org_level_disabled", "prompts will be refused."),
        ("out_of_credits", "prompts will be refused."),
        (
            "fetch_error",
            "prompts will be refused or paid for with usage credits.",
        ),
    ] {
        let sandbox = with_a_private_login();
        stores_credits_reason(&sandbox, &json!(reason));
        let client = overloaded(&sandbox, &five_hour_full());
        for at in ["2026-11-20T10:00:40Z", "2026-11-20T10:20:00Z"] {
            let waited = waits(&client, at, &["--timeout", "1s"]);
            let how_to_wait = if waited.code == 0 {
                format!(" {HOW_TO_WAIT}")
            } else {
                String::new()
            };
            let last = format!("Until that limit resets, {consequence}{how_to_wait}");
            assert!(
                flat(&waited.stdout).ends_with(&last),
                "{reason}: {waited:?}"
            );
            assert!(waited.stderr.is_empty() || waited.stderr.contains("timed out"));
            for shown in [
                flat(client.run(at, &["explain"], b"").success()),
                answer(&client, at),
            ] {
                let may_pay = reason == "fetch_error";
                for words in ["usage credits", "send the prompt again", "Or send a prompt"] {
                    assert!(may_pay || !shown.contains(words), "{reason}: {shown}");
                }
                assert_eq!(
                    shown.contains("usage credits"),
                    may_pay,
                    "{reason}: {shown}"
                );
            }
        }
    }
}

/// While usage credits are in use, prompts are not refused. `wait` says what they cost, as before.
#[test]
fn wait_mentions_only_the_costs_while_credits_pay_during_an_overload() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "failed");
    for at in ["2026-11-20T09:58:00Z", "2026-11-20T09:59:00Z"] {
        receives_response(&mut client, at, five_hour_full());
    }
    receives_overload_error(&client, AT);
    let waited = waits(&client, "2026-11-20T10:02:58Z", &["--timeout", "9s"]);
    let lines = flat(waited.success());
    assert!(
        lines.contains("You can continue, but each response costs extra; or wait until 12:00"),
        "{lines}"
    );
    assert!(!lines.contains("be refused"), "{lines}");

    for at in ["2026-11-20T10:04:00Z", "2026-11-20T11:30:00Z"] {
        let explanation = flat(client.run(at, &["explain"], b"").success());
        assert!(explanation.contains("costs money"), "{at}: {explanation}");
        assert!(!explanation.contains("refused"), "{at}: {explanation}");
    }
}

/// During the first minutes of an overload, the screens of a user whose credits pay said that prompts would be refused or paid for,
/// and the row no longer showed the costs.
#[test]
fn an_overload_while_credits_pay_is_only_an_overload() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "failed");
    for at in [
        "2026-11-20T09:54:00Z",
        "2026-11-20T09:56:00Z",
        "2026-11-20T09:58:00Z",
    ] {
        receives_response(&mut client, at, five_hour_full());
    }
    receives_overload_error(&client, AT);
    let at = "2026-11-20T10:00:30Z";
    let row = plain_rows(&client, at, five_hour_full());
    assert!(
        row.contains("service overloaded (not a usage limit)")
            && row.contains("paying with usage credits"),
        "{row}"
    );
    let waited = waits(&client, at, &["--timeout", "1s"]);
    assert!(waited.stderr.contains("timed out"), "{waited:?}");
    for shown in [
        answer(&client, at),
        flat(client.run(at, &["explain"], b"").success()),
        flat(&waited.stdout),
    ] {
        assert!(
            shown.contains("The service is overloaded (not a usage limit)")
                && !shown.contains("refused or paid"),
            "{shown}"
        );
    }
}

/// `whycap wait && claude -p …` started the prompt at once while usage credits were paying, so it cost money that nobody
/// watching the script had agreed to. With `--free`, the command waits for the reset. It also waits if the window has filled
/// up with the last response, because the next one would be the first to cost extra.
#[test]
fn wait_free_waits_until_responses_cannot_cost_extra() {
    for responses_beyond in [0, 1] {
        let sandbox = with_a_private_login();
        let mut client = session_of_login(&sandbox, "pays");
        for at in ["2026-11-20T09:58:00Z", "2026-11-20T09:59:00Z"]
            .into_iter()
            .take(1 + responses_beyond)
        {
            receives_response(&mut client, at, five_hour_full());
        }
        let costs = "Your plan's usage is used up until 12:00";
        let too_short = waits(&client, AT, &["--free", "--timeout", "1s"]);
        assert_eq!(too_short.code, 124, "{too_short:?}");
        assert_eq!(
            too_short.stderr.trim_end(),
            "whycap: timed out; prompts may still be refused or cost extra"
        );
        assert!(flat(&too_short.stdout).contains(costs), "{too_short:?}");

        // The server's clock may be a few seconds behind.
        let just_reset = waits(
            &client,
            "2026-11-20T12:00:01Z",
            &["--free", "--timeout", "1s"],
        );
        assert_eq!(just_reset.code, 124, "{just_reset:?}");
        assert!(just_reset.stderr.contains("timed out"), "{just_reset:?}");

        let waited = waits(
            &client,
            "2026-11-20T12:00:03Z",
            &["--free", "--timeout", "60s"],
        );
        let lines = flat(waited.success());
        assert!(lines.ends_with("You are not blocked."), "{lines}");
    }
}

/// The response that filled the window was allowed, so there was no error. `wait` said "You are not blocked", and `explain` and
/// `/whycap` said only "No limit errors found", while `now` and `wait --free` mentioned the full window.
#[test]
fn all_screens_mention_a_window_that_a_response_has_filled_up() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "busy");
    receives_response(
        &mut client,
        "2026-11-20T09:58:00Z",
        windows(80.0, NOON, 20.0, TUESDAY),
    );
    receives_response(&mut client, "2026-11-20T09:59:30Z", five_hour_full());
    let waited = waits(&client, AT, &[]);
    assert_eq!(flat(waited.success()), format!("{ALSO_FULL} {HOW_TO_WAIT}"));
    let explained = flat(client.run(AT, &["explain"], b"").success());
    assert!(
        explained.starts_with(ALSO_FULL) && explained.contains("No limit errors found"),
        "{explained}"
    );
    let shown = answer(&client, AT);
    assert!(
        shown.starts_with(ALSO_FULL) && shown.contains("No limit errors found"),
        "{shown}"
    );
    let after_reset = flat(
        client
            .run("2026-11-20T12:00:30Z", &["explain"], b"")
            .success(),
    );
    assert!(!after_reset.contains("used up"), "{after_reset}");
}

/// Two days earlier, a request was invalid. The last response has just filled the window.
#[test]
fn the_explanation_of_an_old_error_mentions_a_window_that_has_filled_up_since() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "busy");
    client.receives_error(
        "2026-11-18T10:00:00Z",
        "API Error: 400 messages.1.content.0: unexpected `tool_use_id`",
        json!({"error": "invalid_request", "apiErrorStatus": 400}),
    );
    receives_response(&mut client, "2026-11-20T09:59:30Z", five_hour_full());
    for arguments in [&["explain"][..], &["explain", "--long"], &["wait"]] {
        let shown = flat(client.run(AT, arguments, b"").success());
        assert_eq!(shown.matches(ALSO_FULL).count(), 1, "{shown}");
    }
}

/// The 5-hour limit has reset, and a response has filled the weekly window. `explain` said "You can continue now".
#[test]
fn the_explanation_after_a_reset_mentions_another_window_that_has_filled_up() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "busy");
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    client.calls_status_line(SOON, five_hour_full(), 120);
    let evening = NOON + 5 * 3600;
    let usage = [
        (3.0, 98.0, "2026-11-20T12:05:00Z"),
        (9.0, 100.0, "2026-11-20T13:00:00Z"),
    ];
    for (five_hour, weekly, at) in usage {
        receives_response(
            &mut client,
            at,
            windows(five_hour, evening, weekly, TUESDAY),
        );
    }
    let at = "2026-11-20T13:01:00Z";
    let warning = "Your weekly limit is used up until Tue Nov 24 06:00. Until that limit resets";
    let explanation = flat(client.run(at, &["explain"], b"").success());
    for shown in [explanation, answer(&client, at)] {
        assert!(shown.starts_with(warning), "{shown}");
    }
}

/// A key pays for new sessions in this shell, so the windows of the login do not matter.
#[test]
fn a_full_window_does_not_matter_to_a_shell_with_a_key() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "busy");
    receives_response(&mut client, "2026-11-20T09:59:30Z", five_hour_full());
    let key = [("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned())];
    for command in ["explain", "wait"] {
        let run = crate::client::run(&sandbox, AT, &[command], b"", &key);
        let shown = flat(run.success());
        assert!(!shown.contains("is used up"), "{shown}");
    }
}

/// A key or a cloud provider pays for new sessions in this shell, so the windows of the login do not matter. The account of a token
/// may be the same as that of the login. With a token, `wait --free` ended at once and said that each response costs extra.
#[test]
fn wait_free_waits_only_for_a_window_that_new_sessions_may_use() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "pays");
    for at in ["2026-11-20T09:58:00Z", "2026-11-20T09:59:00Z"] {
        receives_response(&mut client, at, five_hour_full());
    }
    for (name, value, waits) in [
        ("ANTHROPIC_API_KEY", "sk-ant-dummy", false),
        ("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-dummy", true),
        ("CLAUDE_CODE_USE_BEDROCK", "1", false),
    ] {
        let variable = (name.to_owned(), value.to_owned());
        let arguments = ["wait", "--free", "--timeout", "1s"];
        let waited = crate::client::run(&sandbox, AT, &arguments, b"", &[variable]);
        assert_eq!(waited.stderr.contains("timed out"), waits, "{waited:?}");
        let shown = flat(&waited.stdout);
        let others = format!("{name} may pay for new sessions in this shell");
        assert!(waits || shown.contains(&others), "{shown}");
    }
}

/// A message about a cap was a false alarm. A few minutes later, a response in another session filled the 5-hour window. The first
/// step was to send the prompt again, although this would have been refused or would have cost extra.
#[test]
fn the_answers_after_a_false_alarm_mention_a_window_that_has_filled_up() {
    let sandbox = with_a_private_login();
    let [mut stopped, mut busy] = two_sessions_of_login(&sandbox);
    let room = windows(40.0, NOON, 20.0, TUESDAY);
    for client in [&mut stopped, &mut busy] {
        receives_response(client, "2026-11-20T09:58:00Z", room.clone());
    }
    stopped.receives_error(
        AT,
        ORG,
        refused("five_hour", NOON, "org_level_disabled_until"),
    );
    stopped.calls_status_line(SOON, room, 120);
    receives_response(&mut busy, "2026-11-20T10:04:00Z", five_hour_full());
    let at = "2026-11-20T10:06:00Z";
    let explanation = flat(stopped.run(at, &["explain"], b"").success());
    for shown in [explanation, answer(&stopped, at), answer(&busy, at)] {
        for part in [
            "false alarm; your 5-hour limit is now used up until 12:00.",
            "1. Check /usage: one of your plan's limits is also used up",
            "Or send a prompt now, which costs money if usage credits pay for it",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("Send the prompt again"), "{shown}");
    }
    let rows = plain_rows(&stopped, at, five_hour_full());
    assert!(
        rows.contains("5-hour limit is used up · resets 12:00"),
        "{rows}"
    );
    let waited = waits(&stopped, at, &[]);
    assert!(ends_with_full_window(&flat(waited.success())), "{waited:?}");
}

/// A message about the 5-hour limit was doubtful, and within a minute, responses in another session filled the window. The last one
/// did not cost extra, but the status line said that usage credits pay.
#[cfg(target_os = "linux")]
#[test]
fn the_response_that_fills_the_window_is_not_called_paid() {
    let sandbox = with_a_private_login();
    let [mut stopped, mut busy] = two_sessions_of_login(&sandbox);
    let _processes = [&stopped, &busy].map(|client| RunningClient::idle(&sandbox, &client.session));
    let used = |percent| windows(percent, NOON, 20.0, TUESDAY);
    receives_response(&mut stopped, "2026-11-20T09:50:00Z", used(62.0));
    receives_response(&mut busy, "2026-11-20T09:50:30Z", used(70.0));
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, "out_of_credits"));
    stopped.calls_status_line("2026-11-20T10:00:01Z", used(72.0), 120);
    for (at, percent) in [
        ("2026-11-20T10:00:10Z", 86.0),
        ("2026-11-20T10:00:14Z", 95.0),
        ("2026-11-20T10:00:18Z", 100.0),
    ] {
        busy.sends_prompt(at, "continue");
        receives_response(&mut busy, &after(at, 2), used(percent));
    }
    let rows = plain_rows(&stopped, "2026-11-20T10:00:25Z", used(72.0));
    assert!(!rows.contains("credits pay"), "{rows}");
}

/// A session had reached the 5-hour limit before the login was refused. `explain` and `/whycap` said only to log in again, although
/// the limit stops the next prompt after that.
#[test]
fn the_explanation_of_a_refused_login_mentions_a_full_window() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    hits_limit(&client, AT, FIVE_HOUR, &refusal, five_hour_full());
    let expired = "Please run /login \u{b7} API Error: 401 {\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"OAuth token has expired.\"}}";
    let at = "2026-11-20T10:11:00Z";
    client.receives_error(
        at,
        expired,
        json!({"apiErrorStatus": 401, "error": "authentication_failed"}),
    );
    let at = after(at, 10);
    let explanation = flat(client.run(&at, &["explain"], b"").success());
    for shown in [explanation, answer(&client, &at)] {
        assert!(
            shown.contains("/login") && shown.contains("Your 5-hour limit is used up until 12:00."),
            "{shown}"
        );
    }
}

/// The 5-hour limit was reached at 83%, and the second response since then has filled the window. `explain` said that each response
/// costs extra.
#[test]
fn a_session_that_has_filled_the_window_is_not_said_to_pay() {
    let sandbox = with_a_private_login();
    let [mut stopped, mut busy] = two_sessions_of_login(&sandbox);
    let used = |percent| windows(percent, NOON, 20.0, TUESDAY);
    receives_response(&mut stopped, "2026-11-20T09:50:00Z", used(80.0));
    receives_response(&mut busy, "2026-11-20T09:50:30Z", used(82.0));
    stopped.receives_error(
        AT,
        FIVE_HOUR,
        refused("five_hour", NOON, "org_level_disabled"),
    );
    stopped.calls_status_line("2026-11-20T10:00:01Z", used(83.0), 120);
    for (client, at, percent) in [
        (&mut busy, "2026-11-20T10:00:40Z", 98.0),
        (&mut stopped, "2026-11-20T10:01:00Z", 100.0),
    ] {
        client.sends_prompt(at, "continue");
        receives_response(client, &after(at, 2), used(percent));
    }
    let at = "2026-11-20T10:01:20Z";
    let explanation = flat(stopped.run(at, &["explain"], b"").success());
    for shown in [explanation, answer(&stopped, at)] {
        assert!(
            shown.contains("your 5-hour limit is now used up until 12:00")
                && !shown.contains("each response costs extra"),
            "{shown}"
        );
    }
}

/// A session had reached the Opus limit and switched to another model. Below an idle Opus session, `now` did not mention that
/// the limit applies there, later it said below this note that no limit is blocking the user, and `explain` and `wait` in a shell said only that another model is responding.
#[cfg(target_os = "linux")]
#[test]
fn now_names_the_limit_of_the_model_below_an_idle_session() {
    let sandbox = with_a_private_login();
    let [mut switched, mut idle] = two_sessions_of_login(&sandbox);
    let _processes =
        [&switched, &idle].map(|client| RunningClient::idle(&sandbox, &client.session));
    let room = windows(40.0, NOON, 20.0, TUESDAY);
    for client in [&mut switched, &mut idle] {
        receives_response(client, "2026-11-20T09:58:00Z", room.clone());
    }
    switches_after_opus_limit(&mut switched, room);
    let note = "your weekly Opus limit applies here until Tue Nov 24 06:00";
    for (at, is_limited) in [
        ("2026-11-20T10:04:00Z", true),
        ("2026-11-24T06:01:00Z", false),
    ] {
        for command in ["explain", "wait"] {
            let shown = flat(idle.run(at, &[command], b"").success());
            let sentence = format!(
                "Your weekly Opus limit still applies to the open session {} until Tue Nov 24 06:00.",
                idle.session
            );
            assert_eq!(shown.contains(&sentence), is_limited, "{at}: {shown}");
        }
        let shown = flat(idle.run(at, &["now"], b"").success());
        assert_eq!(
            shown.matches(note).count(),
            usize::from(is_limited),
            "{at}: {shown}"
        );
        let summary = "your weekly Opus limit is used up; no limit is blocking other models";
        assert_eq!(shown.contains(summary), is_limited, "{at}: {shown}");
    }
}

/// A session had reached the Opus limit, and then another Opus session reached the 5-hour limit, or the service was overloaded
/// there. That session's answers did not mention that the Opus limit applies there too.
#[test]
fn the_answers_about_another_error_mention_the_limit_of_the_model() {
    for is_overload in [false, true] {
        let sandbox = with_a_private_login();
        let [mut limited, mut stopped] = two_sessions_of_login(&sandbox);
        let room = windows(40.0, NOON, 20.0, TUESDAY);
        for client in [&mut limited, &mut stopped] {
            receives_response(client, "2026-11-20T09:50:00Z", room.clone());
        }
        reaches_opus_limit(&limited, "2026-11-20T09:58:00Z");
        if is_overload {
            receives_overload_error(&stopped, AT);
        } else {
            stopped.receives_error(
                AT,
                FIVE_HOUR,
                refused("five_hour", NOON, "org_level_disabled"),
            );
            stopped.calls_status_line(SOON, five_hour_full(), 120);
        }
        let at = "2026-11-20T10:01:00Z";
        for (shown, model) in [
            (
                flat(stopped.run(at, &["explain"], b"").success()),
                format!("the model of the session {}", stopped.session),
            ),
            (
                flat(
                    stopped
                        .run(at, &["explain", "--session", &stopped.session], b"")
                        .success(),
                ),
                format!("the model of the session {}", stopped.session),
            ),
            (answer(&stopped, at), "this session's model".to_owned()),
        ] {
            let sentence = format!(
                "Besides this error, your weekly Opus limit applies to {model} until Tue Nov 24 06:00"
            );
            assert!(shown.contains(&sentence), "{shown}");
        }
        let of_limited = answer(&limited, at);
        assert!(!of_limited.contains("Besides this error"), "{of_limited}");
    }
}

/// Two Opus sessions reached the Opus limit. The answers must not mention this limit a second time.
#[test]
fn the_limit_of_the_model_is_not_mentioned_beside_itself() {
    let sandbox = with_a_private_login();
    let [mut first, mut second] = two_sessions_of_login(&sandbox);
    for client in [&mut first, &mut second] {
        receives_response(
            client,
            "2026-11-20T09:50:00Z",
            windows(40.0, NOON, 20.0, TUESDAY),
        );
    }
    reaches_opus_limit(&first, "2026-11-20T09:58:00Z");
    reaches_opus_limit(&second, AT);
    let at = "2026-11-20T10:01:00Z";
    let explanation = flat(first.run(at, &["explain"], b"").success());
    for shown in [explanation, answer(&first, at), answer(&second, at)] {
        assert!(!shown.contains("Besides this error"), "{shown}");
    }
}

/// Another session had reached the Opus limit, and the service was overloaded in an Opus session. The answer in a third session,
/// which uses Sonnet, is about the overload, but the Opus limit does not apply there.
#[test]
fn the_limit_of_the_model_is_not_mentioned_in_a_session_with_another_model() {
    let sandbox = with_a_private_login();
    let [mut limited, mut overloaded] = two_sessions_of_login(&sandbox);
    let mut asking = session_of_login(&sandbox, "asking");
    "claude-sonnet-5-5".clone_into(&mut asking.model);
    let room = windows(40.0, NOON, 20.0, TUESDAY);
    for client in [&mut limited, &mut overloaded] {
        receives_response(client, "2026-11-20T09:50:00Z", room.clone());
    }
    asking.receives_response("2026-11-20T09:50:00Z");
    asking.calls_status_line("2026-11-20T09:50:01Z", room, 120);
    reaches_opus_limit(&limited, "2026-11-20T09:58:00Z");
    receives_overload_error(&overloaded, AT);
    let shown = answer(&asking, "2026-11-20T10:01:00Z");
    assert!(shown.contains("overloaded"), "{shown}");
    assert!(!shown.contains("Besides this error"), "{shown}");
}

/// While the 5-hour limit stops all models, `now` must not recommend another model below an idle Opus session.
#[cfg(target_os = "linux")]
#[test]
fn now_does_not_recommend_another_model_while_all_are_stopped() {
    let sandbox = with_a_private_login();
    let [mut switched, mut idle] = two_sessions_of_login(&sandbox);
    let _process = RunningClient::idle(&sandbox, &idle.session);
    let room = windows(40.0, NOON, 20.0, TUESDAY);
    for client in [&mut switched, &mut idle] {
        receives_response(client, "2026-11-20T09:58:00Z", room.clone());
    }
    switches_after_opus_limit(&mut switched, room);
    let at = "2026-11-20T10:04:00Z";
    let advice = "you can switch to another model with /model";
    assert!(flat(idle.run(at, &["now"], b"").success()).contains(advice));
    switched.receives_response("2026-11-20T10:05:00Z");
    switched.calls_status_line("2026-11-20T10:05:01Z", five_hour_full(), 120);
    let shown = flat(idle.run("2026-11-20T10:06:00Z", &["now"], b"").success());
    assert!(
        shown.contains("your weekly Opus limit applies here") && !shown.contains(advice),
        "{shown}"
    );
}

/// A session had reached the Opus limit and switched to another model. The limit was then reset early, and another session
/// received a response from Opus. `now`, `explain`, and `wait` in a shell still named the limit.
#[cfg(target_os = "linux")]
#[test]
fn a_response_of_the_limited_model_ends_the_limit_for_all_sessions() {
    let sandbox = with_a_private_login();
    stores_credits_reason(&sandbox, &json!("org_level_disabled"));
    let [mut switched, mut other] = two_sessions_of_login(&sandbox);
    let _processes =
        [&switched, &other].map(|client| RunningClient::idle(&sandbox, &client.session));
    let room = windows(40.0, NOON, 20.0, TUESDAY);
    for client in [&mut switched, &mut other] {
        receives_response(client, "2026-11-20T09:58:00Z", room.clone());
    }
    switches_after_opus_limit(&mut switched, room.clone());
    let shown = other.run("2026-11-20T10:03:00Z", &["now"], b"");
    assert!(flat(shown.success()).contains("your weekly Opus limit applies here"));
    other.sends_prompt("2026-11-20T10:04:00Z", "continue");
    receives_response(&mut other, "2026-11-20T10:04:04Z", room);
    for arguments in [&["now"][..], &["explain"], &["wait"]] {
        let shown = flat(other.run("2026-11-20T10:04:10Z", arguments, b"").success());
        assert!(
            !shown.contains("limit applies") && !shown.contains("still applies"),
            "{arguments:?}: {shown}"
        );
    }
}

/// Reaches the weekly limit of the Opus models and receives a response from a Sonnet model two minutes later.
#[cfg(target_os = "linux")]
fn switches_after_opus_limit(client: &mut Client<'_>, usage: Value) {
    reaches_opus_limit(client, AT);
    "claude-sonnet-5-5".clone_into(&mut client.model);
    client.receives_response("2026-11-20T10:02:00Z");
    client.calls_status_line("2026-11-20T10:02:01Z", usage, 120);
}

/// Reaches the weekly limit of the Opus models.
fn reaches_opus_limit(client: &Client<'_>, at: &str) {
    client.receives_error(
        at,
        "You've hit your Opus limit · resets Nov 24, 6am (UTC)",
        refused("seven_day_opus", TUESDAY, "org_level_disabled"),
    );
}

/// After the pause, `explain`, `/whycap`, and the status line said to send the prompt again, without a word about the full
/// window. The headline says what happened even if the error is old.
#[test]
fn the_answers_after_an_overload_mention_a_full_window() {
    for (reported, full_until, row) in [
        (
            five_hour_full(),
            "your 5-hour limit is now used up until 12:00",
            "problem should be over, but your 5-hour limit is used up · resets 12:00",
        ),
        (
            weekly_full(),
            "your weekly limit is now used up until Tue Nov 24 06:00",
            "problem should be over, but your weekly limit is used up · resets Tue Nov 24 06:00",
        ),
    ] {
        let sandbox = with_a_private_login();
        let client = overloaded(&sandbox, &reported);
        let headline = format!("The service was overloaded (not a usage limit); {full_until}.");
        for (at, is_old) in [
            ("2026-11-20T10:10:00Z", false),
            ("2026-11-20T11:30:00Z", true),
        ] {
            let explanation = flat(client.run(at, &["explain"], b"").success());
            for shown in [explanation, answer(&client, at)] {
                assert!(shown.contains(&headline), "{at}: {shown}");
                let step = "1. Check /usage: one of your plan's limits is also used up";
                assert!(shown.contains(step), "{at}: {shown}");
            }
            let rows = client.calls_status_line(at, reported.clone(), 120);
            let rows = whycap::terminal::strip_ansi(rows.success());
            assert_eq!(rows.contains(row), !is_old, "{at}: {rows}");
            assert!(!rows.contains("send the prompt again"), "{at}: {rows}");
        }
    }
}

/// After the reset of the 5-hour limit, `wait` ends although the weekly limit is used up. Its last line names that limit and
/// its reset.
#[test]
fn the_last_line_after_a_reset_names_the_full_weekly_limit() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "failed");
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    client.calls_status_line("2026-11-20T12:01:00Z", weekly_full(), 120);
    let waited = waits(&client, "2026-11-20T12:02:00Z", &["--timeout", "1s"]);
    let lines = flat(waited.success());
    assert!(
        lines.contains("weekly limit is used up until Tue Nov 24 06:00"),
        "{waited:?}"
    );
    assert!(!lines.contains("You can continue"), "{waited:?}");
}

/// Starts a session that reports these usage windows and continues for free after this notice. Soon, the service is
/// overloaded.
fn overloaded_while_free<'s>(sandbox: &'s Sandbox, notice: &str, reported: &Value) -> Client<'s> {
    let client = session_of_login(sandbox, "free");
    client.calls_status_line("2026-11-20T09:58:00Z", reported.clone(), 120);
    starts_to_continue_for_free(&client, "2026-11-20T10:29:00Z", notice);
    receives_overload_error(&client, "2026-11-20T10:30:00Z");
    client.calls_status_line("2026-11-20T10:30:02Z", reported.clone(), 120);
    client
}

/// Claude Code continued for free at lower priority, or in the grace window. After an overload, `wait` ended with the
/// warning that prompts would be refused or cost money, although the next one is free.
#[test]
fn a_full_window_does_not_matter_while_responses_are_free() {
    for notice in [AT_LOWER_PRIORITY, GRACE_WINDOW] {
        let sandbox = with_a_private_login();
        let client = overloaded_while_free(&sandbox, notice, &five_hour_full());
        let waited = waits(&client, "2026-11-20T10:32:58Z", &["--timeout", "9s"]);
        let lines = flat(waited.success());
        assert!(lines.contains("You can continue."), "{lines}");
        assert!(!lines.contains("be refused"), "{lines}");
        let at = "2026-11-20T10:40:00Z";
        for shown in [
            flat(client.run(at, &["explain"], b"").success()),
            answer(&client, at),
        ] {
            assert!(!shown.contains("is also used up"), "{shown}");
            assert!(!shown.contains("is used up until"), "{shown}");
        }
        let rows = client.calls_status_line(at, five_hour_full(), 120);
        let rows = whycap::terminal::strip_ansi(rows.success());
        assert!(rows.contains("send the prompt again"), "{rows}");
    }
}

/// The responses of a session at lower priority or in the grace window cannot cost extra, but `wait --free --session` waited for
/// the reset. New sessions in the shell are not free.
#[test]
fn wait_free_for_a_session_does_not_wait_while_its_responses_are_free() {
    for (notice, is_free_at_11) in [(AT_LOWER_PRIORITY, true), (GRACE_WINDOW, false)] {
        let sandbox = with_a_private_login();
        let client = overloaded_while_free(&sandbox, notice, &five_hour_full());
        let of_session = ["--free", "--session", "free", "--timeout", "1s"];
        let free = waits(&client, "2026-11-20T10:40:00Z", &of_session);
        let lines = flat(free.success());
        assert!(!lines.contains("cost"), "{notice}: {lines}");
        let of_shell = waits(
            &client,
            "2026-11-20T10:40:00Z",
            &["--free", "--timeout", "1s"],
        );
        assert!(
            of_shell.stderr.contains("timed out"),
            "{notice}: {of_shell:?}"
        );
        let later = waits(&client, "2026-11-20T11:00:00Z", &of_session);
        assert_eq!(
            !later.stderr.contains("timed out"),
            is_free_at_11,
            "{notice}: {later:?}"
        );
    }
    // The weekly limit still applies at lower priority.
    let sandbox = with_a_private_login();
    let both_full = windows(100.0, NOON, 100.0, TUESDAY);
    let client = overloaded_while_free(&sandbox, AT_LOWER_PRIORITY, &both_full);
    let arguments = ["--free", "--session", "free", "--timeout", "1s"];
    let waited = waits(&client, "2026-11-20T10:40:00Z", &arguments);
    assert!(waited.stderr.contains("timed out"), "{waited:?}");
    assert!(flat(&waited.stdout).contains("Nov 24"), "{waited:?}");
}

/// The weekly limit still applies at lower priority.
#[test]
fn a_full_weekly_window_matters_at_lower_priority() {
    let sandbox = with_a_private_login();
    let both_full = windows(100.0, NOON, 100.0, TUESDAY);
    let client = overloaded_while_free(&sandbox, AT_LOWER_PRIORITY, &both_full);
    let after = waits(&client, "2026-11-20T10:40:00Z", &[]);
    let lines = flat(after.success());
    assert!(
        lines.contains("Your weekly limit is used up until Tue Nov 24 06:00"),
        "{lines}"
    );
}

/// Claude Code stopped lower-priority mode, or the grace window was over. After an overload, `wait` said that the session could
/// continue.
#[test]
fn a_full_window_matters_after_free_responses_have_ended() {
    for (notice, at) in [
        (AT_LOWER_PRIORITY, "2026-11-20T10:40:00Z"),
        (GRACE_WINDOW, "2026-11-20T10:45:00Z"),
    ] {
        let sandbox = with_a_private_login();
        let client = overloaded_while_free(&sandbox, notice, &five_hour_full());
        if notice == AT_LOWER_PRIORITY {
            client.announces(
                "2026-11-20T10:35:00Z",
                "No room for lower-priority work for a while \u{00b7} lower-priority mode stopped; new messages wait for your usage limit to reset",
            );
        }
        let lines = flat(waits(&client, at, &[]).success());
        assert!(
            lines.contains("Your 5-hour limit is used up until 12:00"),
            "{lines}"
        );
    }
}

/// Only a refusal in another session shows that the 5-hour limit is used up, because no status line is installed. After an
/// overload at lower priority, `incidents` said that this limit was used up as well.
#[test]
fn the_full_window_of_a_refusal_does_not_matter_at_lower_priority() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let client = session_of_login(&sandbox, "free");
    client.announces("2026-11-20T10:29:00Z", AT_LOWER_PRIORITY);
    receives_overload_error(&client, "2026-11-20T10:30:00Z");
    let incidents = client.run("2026-11-20T10:31:00Z", &["incidents", "--json"], b"");
    assert!(
        !incidents.success().contains("also used up"),
        "{}",
        incidents.stdout
    );
}

/// A session at lower priority had also been in the grace window, which was over. After an overload, `wait` said that the limit
/// was used up, although the next prompt was free.
#[test]
fn the_end_of_the_grace_window_does_not_end_lower_priority_mode() {
    let sandbox = with_a_private_login();
    session_of_login(&sandbox, "free").announces("2026-11-20T10:20:00Z", AT_LOWER_PRIORITY);
    let client = overloaded_while_free(&sandbox, GRACE_WINDOW, &five_hour_full());
    let lines = flat(waits(&client, "2026-11-20T10:46:00Z", &[]).success());
    assert!(!lines.contains("5-hour limit is used up"), "{lines}");
}

/// The server refused a request because of the 5-hour limit while the weekly usage was 98%. The answer was that work can
/// continue when the weekly limit resets, four days after the reset that the server stated.
#[test]
fn a_nearly_full_week_does_not_replace_the_full_window_that_the_server_blamed() {
    for (weekly, resets) in [(98.0, "12:00"), (100.0, "Tue Nov 24 06:00")] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        hits_limit(
            &client,
            AT,
            "You're out of usage credits · resets 12pm (UTC)",
            &refused("five_hour", NOON, "out_of_credits"),
            windows(100.0, NOON, weekly, TUESDAY),
        );
        let explained = flat(client.run(SOON, &["explain"], b"").stdout.as_str());
        let expected = format!("you can continue at {resets}");
        let expected_on_a_day = format!("you can continue on {resets}");
        assert!(
            explained.contains(&expected) || explained.contains(&expected_on_a_day),
            "{weekly}: {explained}"
        );
        let now = flat(client.run(SOON, &["now"], b"").success());
        assert!(
            now.contains(&format!(" {weekly}% resets Tue")),
            "{weekly}: {now}"
        );
    }
}

/// The service was overloaded. Then a response in another session used up the 5-hour limit. Every screen except `now` said only
/// to send the prompt again, which would have been refused or would have cost money.
#[test]
fn a_response_that_ends_an_overload_may_have_used_up_the_limit() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    let mut other = session_of_login(&sandbox, "other");
    let room = windows(90.0, NOON, 40.0, TUESDAY);
    for client in [&stopped, &other] {
        client.calls_status_line("2026-11-20T09:59:00Z", room.clone(), 120);
    }
    receives_overload_error(&stopped, AT);
    receives_response(&mut other, "2026-11-20T10:02:00Z", five_hour_full());
    let at = "2026-11-20T10:02:30Z";
    let row = flat(&plain_rows(&stopped, at, room));
    assert!(
        row.contains("5-hour limit is used up · resets 12:00"),
        "{row}"
    );
    assert!(!row.contains("send the prompt again"), "{row}");
    let explanation = flat(stopped.run(at, &["explain"], b"").success());
    for shown in [
        explanation,
        answer(&stopped, at),
        answer(&other, at),
        flat(&waits(&stopped, at, &["--timeout", "1s"]).stdout),
    ] {
        let headline = "your 5-hour limit is now used up until 12:00";
        assert!(shown.contains(headline), "{shown}");
        assert!(!shown.contains("end the prompt again"), "{shown}");
    }
}

/// A false alarm about the 5-hour limit was over, and then this window filled up. `explain` said "You can continue now".
#[test]
fn the_window_of_a_past_false_alarm_may_have_filled_up_since() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "stopped");
    let room = windows(20.0, NOON, 40.0, TUESDAY);
    client.calls_status_line("2026-11-20T09:59:00Z", room.clone(), 120);
    client.receives_error(
        AT,
        FIVE_HOUR,
        refused("five_hour", NOON, "org_level_disabled"),
    );
    client.calls_status_line("2026-11-20T10:00:02Z", room.clone(), 120);
    receives_response(&mut client, "2026-11-20T10:04:00Z", room);
    receives_response(&mut client, "2026-11-20T10:20:00Z", five_hour_full());
    let at = "2026-11-20T10:21:00Z";
    let explained = flat(client.run(at, &["explain"], b"").success());
    for shown in [explained, answer(&client, at)] {
        assert!(shown.contains("is now used up until 12:00"), "{shown}");
        assert!(!shown.contains("You can continue now"), "{shown}");
    }
}

/// The weekly limit stopped one session, and another session of the account still received responses, although the server
/// accepted no credits. The answer in that session was that the limit "affects only one session".
#[test]
fn a_response_beyond_a_full_window_does_not_make_the_limit_one_of_another_session() {
    let sandbox = with_a_private_login();
    let [stopped, mut other] = two_sessions_of_login(&sandbox);
    let full = || windows(40.0, NOON, 100.0, TUESDAY);
    let refusal = refused("seven_day", TUESDAY, "out_of_credits");
    stores_credits_reason(&sandbox, &json!("out_of_credits"));
    hits_limit(
        &stopped,
        AT,
        "You've hit your weekly limit · resets Nov 24, 6am (UTC)",
        &refusal,
        full(),
    );
    for at in ["2026-11-20T10:03:00Z", "2026-11-20T10:04:00Z"] {
        receives_response(&mut other, at, full());
    }
    let at = "2026-11-20T10:05:00Z";
    let reply = answer(&other, at);
    assert!(
        reply.contains("Your weekly limit is used up until Tue Nov 24 06:00"),
        "{reply}"
    );
    assert!(
        reply.contains("1. You can wait until Tue Nov 24 06:00"),
        "{reply}"
    );
    for wrong in ["only one session", "nothing is blocking you"] {
        assert!(!reply.contains(wrong), "{reply}");
    }
}

/// Both windows were full, and the 5-hour limit stopped a session. After the 5-hour reset, the rows of the other sessions showed
/// no limit, although `/whycap` said there that the weekly limit was still used up.
#[test]
fn other_rows_name_the_full_week_after_the_five_hour_reset() {
    let cap = "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage";
    for (text, no_credits, weekly) in [
        (FIVE_HOUR, "org_level_disabled", 100.0),
        (
            "You're out of usage credits · resets 12pm (UTC)",
            "out_of_credits",
            100.0,
        ),
        (cap, "org_level_disabled_until", 100.0),
        (FIVE_HOUR, "org_level_disabled", 99.0),
    ] {
        let case = format!("{text}, {weekly}");
        let sandbox = with_a_private_login();
        let [stopped, mut other] = two_sessions_of_login(&sandbox);
        let full = || windows(100.0, NOON, weekly, TUESDAY);
        receives_response(
            &mut other,
            "2026-11-20T09:50:00Z",
            windows(95.0, NOON, 98.0, TUESDAY),
        );
        hits_limit(
            &stopped,
            AT,
            text,
            &refused("five_hour", NOON, no_credits),
            full(),
        );
        let new = session_of_login(&sandbox, "new");
        let is_full = weekly >= 100.0;
        for at in [
            "2026-11-20T11:59:00Z",
            "2026-11-20T12:10:00Z",
            "2026-11-20T13:02:00Z",
        ] {
            let has_reset = at > "2026-11-20T12:00:00Z";
            for (client, reported) in [(&other, full()), (&new, Value::Null)] {
                let row = plain_rows(client, at, reported);
                let names_week = row.contains("resets Tue Nov 24 06:00");
                assert_eq!(names_week, is_full, "{case}, {at}: {row}");
                let names_limit = row.lines().count() > 1;
                assert_eq!(names_limit, is_full || !has_reset, "{case}, {at}: {row}");
            }
        }
        let reply = answer(&other, "2026-11-20T13:02:00Z");
        assert_eq!(
            reply.contains("on Tue Nov 24 06:00"),
            is_full,
            "{case}: {reply}"
        );
    }
}
