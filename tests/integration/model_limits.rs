//! Tests that the limit of one model family applies to the sessions that use a model of this family, and to no others.

use serde_json::{Value, json};

use crate::client::{Client, plain_rows, run, windows};
use crate::newest_evidence::{after, hits_limit};
use crate::now::RunningClient;
use crate::situation::{
    FIVE_HOUR, NOON, TUESDAY, WEEKLY, answer, flat, reaches_five_hour_limit, refused,
    session_of_login, stores_credits_reason, two_sessions_of_login, with_a_private_login,
};
use crate::support::{Run, Sandbox};

pub const OPUS: &str = "claude-opus-5-5";
pub const SONNET: &str = "claude-sonnet-5-5";
pub const HAIKU: &str = "claude-haiku-5-5";
const FABLE: &str = "claude-fable-5";
const JOURNAL: &str = ".local/share/whycap/journal/2026-11.jsonl";
pub const OPUS_LIMIT: &str = "You've hit your Opus limit · resets Nov 24, 6am (UTC)";
pub const SONNET_LIMIT: &str = "You've hit your Sonnet limit · resets Nov 24, 6am (UTC)";

/// Returns usage figures that show room in both windows of the plan.
pub fn room() -> Value {
    windows(30.0, NOON, 40.0, TUESDAY)
}

/// Simulates `/model`, after which Claude Code calls the status line.
pub fn switches_to(client: &mut Client<'_>, at: &str, model: &str) {
    model.clone_into(&mut client.model);
    client.calls_status_line(at, room(), 120);
}

/// Simulates a prompt, the response two seconds later, and the status-line call after it.
fn receives_response(client: &mut Client<'_>, at: &str) {
    client.api_ms += 100;
    client.sends_prompt(at, "continue");
    client.receives_response(&after(at, 2));
    client.calls_status_line(&after(at, 3), room(), 120);
}

/// Simulates a prompt that the server refuses because of the weekly Opus limit, and the status-line call after it.
fn reaches_opus_limit(client: &Client<'_>, at: &str) {
    client.sends_prompt(at, "continue");
    let refusal = refused("seven_day_opus", TUESDAY, "org_level_disabled");
    client.receives_error(&after(at, 2), OPUS_LIMIT, refusal);
    client.calls_status_line(&after(at, 3), room(), 120);
}

/// Like [`reaches_opus_limit`], but with the weekly Sonnet limit.
fn reaches_sonnet_limit(client: &Client<'_>, at: &str) {
    client.sends_prompt(at, "continue");
    let refusal = refused("seven_day_sonnet", TUESDAY, "org_level_disabled");
    client.receives_error(&after(at, 2), SONNET_LIMIT, refusal);
    client.calls_status_line(&after(at, 3), room(), 120);
}

/// `now` called "Opus week 100%" reported, although Claude Code reports no such figure. In the same
/// minute, the answer to a pasted message said that `/usage` showed these figures, which it does not.
#[test]
fn the_usage_of_a_model_is_not_called_reported_if_only_an_error_shows_it() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "s");
    receives_response(&mut client, "2026-11-20T09:50:00Z");
    reaches_opus_limit(&client, "2026-11-20T10:00:00Z");
    let at = "2026-11-20T10:00:10Z";
    let now = flat(in_shell(&sandbox, at, &["now"]).success());
    let source =
        "reported up to 10 m ago, but Opus week is 100% because a request was refused at 10:00";
    assert!(now.contains(source), "{now}");
    let windows = &in_shell(&sandbox, at, &["now", "--json"]).json()["windows"];
    assert_eq!(
        windows["seven_day_opus"]["refused_at"],
        "2026-11-20T10:00:02Z"
    );
    assert_eq!(windows["five_hour"]["refused_at"], Value::Null);

    let explain = ["explain", "--long", "--text", OPUS_LIMIT];
    let shown = flat(in_shell(&with_a_private_login(), at, &explain).success());
    let unknown = "Claude Code does not report usage for the limits of individual models, so whycap cannot check the message.";
    assert!(shown.contains(unknown), "{shown}");
    assert!(!shown.contains("/usage shows"), "{shown}");
}

/// The evidence of an Opus limit said "3 m before the error, your 5-hour usage was 60%", although `now` showed newer
/// figures. The windows of all models say nothing about the limit of one model family.
#[test]
fn the_windows_of_all_models_are_no_evidence_about_the_limit_of_one_model() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "s");
    receives_response(&mut client, "2026-11-20T09:50:00Z");
    for refusal in [refused("seven_day_opus", TUESDAY, ""), json!({})] {
        client.receives_error("2026-11-20T09:58:00Z", OPUS_LIMIT, refusal);
        let explained = client.explained("2026-11-20T10:00:10Z");
        let evidence = explained["evidence"].to_string();
        assert!(!evidence.contains("usage was"), "{evidence}");
        let words_alone = "whycap knows only the text of the message";
        assert!(!evidence.contains(words_alone), "{evidence}");
    }
}

/// `doctor` said "Work is blocked.", although only the weekly Opus limit was used up and Sonnet still worked.
#[test]
fn doctor_names_the_only_models_that_a_limit_blocks() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "s");
    receives_response(&mut client, "2026-11-20T09:50:00Z");
    reaches_opus_limit(&client, "2026-11-20T10:00:00Z");
    let at = "2026-11-20T10:00:10Z";
    let doctor = flat(&in_shell(&sandbox, at, &["doctor"]).stdout);
    assert!(
        doctor.starts_with("Only Opus models are blocked. Your weekly Opus limit is used up"),
        "{doctor}"
    );

    // The 5-hour limit stops all models.
    reaches_five_hour_limit(&session_of_login(&sandbox, "other"));
    let at = "2026-11-20T10:00:20Z";
    let doctor = flat(&in_shell(&sandbox, at, &["doctor"]).stdout);
    assert!(doctor.starts_with("Work is blocked."), "{doctor}");

    // No other evidence confirms this message.
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "s");
    client.receives_error("2026-11-20T10:00:02Z", OPUS_LIMIT, json!({}));
    let doctor = flat(&in_shell(&sandbox, at, &["doctor"]).stdout);
    assert!(
        doctor.starts_with("If the message is right, only Opus models are blocked."),
        "{doctor}"
    );
}

/// A window that the server has reported as full needs no other source.
#[test]
fn a_window_that_is_reported_as_full_is_called_reported() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "s");
    reaches_five_hour_limit(&client);
    let now = flat(in_shell(&sandbox, "2026-11-20T10:00:10Z", &["now"]).success());
    assert!(now.contains("reported just now"), "{now}");
    assert!(!now.contains("was refused"), "{now}");
}

/// Runs a command in a shell.
pub fn in_shell(sandbox: &Sandbox, at: &str, arguments: &[&str]) -> Run {
    run(sandbox, at, arguments, b"", &[])
}

/// Returns the note that `now` shows for a running session.
fn continues(sandbox: &Sandbox, at: &str, session: &str) -> Value {
    let now = in_shell(sandbox, at, &["now", "--json"]).json();
    let sessions = now["sessions"].as_array().unwrap();
    let of_session = sessions
        .iter()
        .find(|listed| listed["session_id"] == session);
    of_session.unwrap_or_else(|| panic!("{now:#}"))["continues"].clone()
}

/// Checks what every screen says about a session at the same time: that the weekly Opus limit blocks it, or that nothing
/// does.
fn assert_blocked(client: &Client<'_>, at: &str, is_blocked: bool) {
    let sandbox = client.sandbox;
    let session = client.session.as_str();
    let row = plain_rows(client, at, room());
    let reply = answer(client, at);
    let explain = ["explain", "--exit-code", "--session", session];
    let explained = in_shell(sandbox, at, &explain);
    let wait = ["wait", "--timeout", "1s", "--session", session];
    let waited = in_shell(sandbox, at, &wait);
    let place = format!("{session} {at}");
    let codes = if is_blocked { (10, 124) } else { (0, 0) };
    assert_eq!(
        (explained.code, waited.code),
        codes,
        "{place}: {explained:?} {waited:?}"
    );
    assert_eq!(waited.stderr.contains("limit still applied"), is_blocked);
    let shows_limit = row.contains("weekly Opus limit · resets");
    assert_eq!(shows_limit, is_blocked, "{place}: {row}");
    let state = "The limit still applies, but only to one family of models.";
    for shown in [&reply, &flat(&explained.stdout)] {
        assert_eq!(shown.contains(state), is_blocked, "{place}: {shown}");
        assert!(!shown.contains("in this session"), "{place}: {shown}");
    }
}

/// The weekly Opus limit stops a session, which then continues with Sonnet. Another session with Opus lost the limit on all
/// screens, and so did the first session after the user had switched it back to Opus.
#[test]
fn a_response_of_another_model_does_not_end_the_limit_for_sessions_of_the_family() {
    let sandbox = with_a_private_login();
    let [mut stopped, mut opus] = two_sessions_of_login(&sandbox);
    let mut sonnet = session_of_login(&sandbox, "sonnet");
    stopped.model = OPUS.to_owned();
    opus.model = OPUS.to_owned();
    sonnet.model = SONNET.to_owned();
    let _processes =
        [&stopped, &opus, &sonnet].map(|client| RunningClient::idle(&sandbox, &client.session));
    for client in [&mut stopped, &mut opus, &mut sonnet] {
        receives_response(client, "2026-11-20T09:50:00Z");
    }
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
    let at = "2026-11-20T10:00:10Z";
    assert_blocked(&stopped, at, true);
    assert_blocked(&opus, at, true);
    let note_at_first = continues(&sandbox, at, "stopped");
    assert_eq!(note_at_first, "no");

    // The limit also stops other sessions with Opus, so it does not affect only one session.
    receives_response(&mut sonnet, "2026-11-20T10:00:13Z");
    let reply = answer(&sonnet, "2026-11-20T10:00:15Z");
    let headline = "Your weekly Opus limit is used up until Tue Nov 24 06:00, but it does not stop this session.";
    assert!(reply.contains(headline), "{reply}");
    assert!(!reply.contains("only one session"), "{reply}");

    switches_to(&mut stopped, "2026-11-20T10:00:20Z", SONNET);
    receives_response(&mut stopped, "2026-11-20T10:00:30Z");
    let at = "2026-11-20T10:00:40Z";
    assert_blocked(&opus, at, true);
    assert_blocked(&sonnet, at, false);
    assert_blocked(&stopped, at, false);
    let reply = answer(&stopped, at);
    assert!(
        reply.starts_with("Another model is responding; your weekly Opus limit"),
        "{reply}"
    );
    // In a shell, only the session with the error counts. Its model is not blocked, but the limit is still in force.
    let explained = in_shell(&sandbox, at, &["explain", "--exit-code"]);
    assert_eq!(explained.code, 0, "{explained:?}");
    assert!(
        flat(&explained.stdout).contains("Session: stopped"),
        "{explained:?}"
    );
    assert!(!explained.stdout.contains("this session"), "{explained:?}");
    let now = flat(in_shell(&sandbox, at, &["now"]).success());
    // The Opus window matters, because a session with Opus is running.
    assert!(
        now.contains("your weekly Opus limit is used up; no limit is blocking other models"),
        "{now}"
    );
    let opus_window = "Opus week ████████████████████ 100%";
    assert!(now.contains(opus_window), "{now}");
    assert_eq!(continues(&sandbox, at, "stopped"), Value::Null);

    switches_to(&mut stopped, "2026-11-20T10:00:50Z", OPUS);
    let at = "2026-11-20T10:01:00Z";
    assert_blocked(&stopped, at, true);
    assert_blocked(&opus, at, true);
    assert_blocked(&sonnet, at, false);
    assert_eq!(continues(&sandbox, at, "stopped"), "no");
    let code = in_shell(&sandbox, at, &["explain", "--exit-code"]).code;
    assert_eq!(code, 10);

    // The journal keeps the response, so the list of past errors still names it.
    let listed = flat(in_shell(&sandbox, at, &["incidents"]).success());
    assert!(
        listed.contains("(still applies, but another model responded at 10:00)"),
        "{listed}"
    );

    reaches_opus_limit(&stopped, "2026-11-20T10:01:10Z");
    let at = "2026-11-20T10:01:20Z";
    for client in [&stopped, &opus] {
        assert_blocked(client, at, true);
    }
    assert_blocked(&sonnet, at, false);
}

/// The weekly Opus limit stops a session, and the user switches it to Sonnet. Until the next response, every screen still said
/// to use another model, and `wait` waited for days.
#[test]
fn a_stopped_session_is_not_blocked_once_the_user_has_switched_it_to_another_model() {
    let sandbox = with_a_private_login();
    let [mut stopped, mut opus] = two_sessions_of_login(&sandbox);
    let _processes = [&stopped, &opus].map(|client| RunningClient::idle(&sandbox, &client.session));
    for client in [&mut stopped, &mut opus] {
        client.model = OPUS.to_owned();
        receives_response(client, "2026-11-20T09:50:00Z");
    }
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
    assert_blocked(&stopped, "2026-11-20T10:00:10Z", true);

    switches_to(&mut stopped, "2026-11-20T10:00:20Z", SONNET);
    let at = "2026-11-20T10:00:30Z";
    let row = plain_rows(&stopped, at, room());
    assert!(
        row.contains("the session now uses another model · send the prompt again"),
        "{row}"
    );
    assert!(!row.contains("weekly Opus limit"), "{row}");
    let of_session = ["explain", "--exit-code", "--session", "stopped"];
    let mut explanations = vec![answer(&stopped, at)];
    for arguments in [&of_session[..2], &of_session] {
        let explained = in_shell(&sandbox, at, arguments);
        assert_eq!(explained.code, 0, "{explained:?}");
        explanations.push(flat(&explained.stdout));
    }
    for shown in explanations {
        assert!(shown.contains("1. Send the prompt again"), "{shown}");
        assert!(
            shown.contains("but the session now uses another model"),
            "{shown}"
        );
        assert!(shown.contains("The limit still applies"), "{shown}");
        assert!(!shown.contains("/model"), "{shown}");
    }
    for arguments in [
        &["wait", "--timeout", "1s"][..],
        &["wait", "--session", "stopped"],
    ] {
        let waited = in_shell(&sandbox, at, arguments);
        assert_eq!(waited.code, 0, "{waited:?}");
    }
    let now = in_shell(&sandbox, at, &["now", "--json"]).json();
    assert_eq!(now["blocked"], Value::Null, "{now:#}");
    assert_eq!(continues(&sandbox, at, "stopped"), Value::Null);
    assert_blocked(&opus, at, true);
    let listed = flat(in_shell(&sandbox, at, &["incidents"]).success());
    for part in [
        "(still applies to one family of models)",
        "but the session now uses another model",
    ] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    assert!(!listed.contains("/model"), "{listed}");
    assert!(listed.contains("1 stop is still blocking work"), "{listed}");

    switches_to(&mut stopped, "2026-11-20T10:00:50Z", OPUS);
    let at = "2026-11-20T10:01:00Z";
    assert_blocked(&stopped, at, true);
    let listed = flat(in_shell(&sandbox, at, &["incidents"]).success());
    assert!(listed.contains("switch models (/model) until"), "{listed}");

    switches_to(&mut stopped, "2026-11-20T10:01:20Z", SONNET);
    switches_to(&mut opus, "2026-11-20T10:01:20Z", SONNET);
    receives_response(&mut opus, "2026-11-20T10:05:00Z");
    let listed = flat(in_shell(&sandbox, "2026-11-20T10:06:00Z", &["incidents"]).success());
    let state = "(still applies to one family of models, but another session responded at 10:05)";
    assert!(listed.contains(state), "{listed}");
}

/// The weekly Opus limit stops a session, and the user switches it to Sonnet. In a new session, whose model is not known yet,
/// `/whycap` said that the user can continue, but the new session uses Opus by default.
#[test]
fn switching_one_session_to_another_model_frees_no_session_whose_model_is_unknown() {
    let sandbox = with_a_private_login();
    let mut stopped = session_of_login(&sandbox, "stopped");
    let fresh = session_of_login(&sandbox, "fresh");
    let _processes =
        [&stopped, &fresh].map(|client| RunningClient::idle(&sandbox, &client.session));
    stopped.model = OPUS.to_owned();
    receives_response(&mut stopped, "2026-11-20T09:50:00Z");
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
    switches_to(&mut stopped, "2026-11-20T10:00:20Z", SONNET);

    let reply = answer(&fresh, "2026-11-20T10:00:30Z");
    assert!(!reply.contains("You can continue"), "{reply}");
    assert!(
        reply.contains("Your weekly Opus limit is used up"),
        "{reply}"
    );
}

/// After the weekly Opus limit, the user exits and resumes the session with `--model sonnet`. Until the next response, Claude
/// Code reports no usage windows. The row said that the model had been switched, but all commands said that the session
/// was blocked.
#[test]
fn a_session_that_is_resumed_with_another_model_is_not_blocked() {
    let sandbox = with_a_private_login();
    let mut stopped = session_of_login(&sandbox, "stopped");
    stopped.model = OPUS.to_owned();
    receives_response(&mut stopped, "2026-11-20T09:50:00Z");
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");

    stopped.model = SONNET.to_owned();
    let resumed = stopped.calls_status_line("2026-11-20T11:00:00Z", Value::Null, 120);
    assert!(
        resumed
            .success()
            .contains("the session now uses another model"),
        "{resumed:?}"
    );
    let at = "2026-11-20T11:00:10Z";
    let reply = answer(&stopped, at);
    assert!(
        reply.contains("but the session now uses another model"),
        "{reply}"
    );
    let waited = in_shell(&sandbox, at, &["wait", "--session", "stopped"]);
    assert_eq!(waited.code, 0, "{waited:?}");

    stopped.model = OPUS.to_owned();
    stopped.calls_status_line("2026-11-20T11:00:20Z", Value::Null, 120);
    let reply = answer(&stopped, "2026-11-20T11:00:30Z");
    assert!(
        reply.contains("The limit still applies, but only to one family of models."),
        "{reply}"
    );
}

/// The session continued with Sonnet. Until the Opus reset, every screen said that another model had responded, but
/// afterward, they said that Claude Code had responded, as if the Opus limit had ended.
#[test]
fn after_the_reset_the_response_is_still_that_of_another_model() {
    let sandbox = with_a_private_login();
    let mut stopped = session_of_login(&sandbox, "stopped");
    stopped.model = OPUS.to_owned();
    receives_response(&mut stopped, "2026-11-20T09:50:00Z");
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
    switches_to(&mut stopped, "2026-11-20T10:00:20Z", SONNET);
    receives_response(&mut stopped, "2026-11-20T10:00:30Z");
    let after_reset = "2026-11-24T07:00:00Z";
    for arguments in [&["incidents"][..], &["explain", "--session", "stopped"]] {
        let shown = flat(in_shell(&sandbox, after_reset, arguments).success());
        assert!(
            shown.contains("but another model responded at 10:00"),
            "{shown}"
        );
        assert!(!shown.contains("Claude Code responded"), "{shown}");
    }
}

/// The session continues with Sonnet, and the Opus window is reset early. A response of Opus in the same session or in
/// another one shows this to all sessions with Opus.
#[test]
fn a_later_response_of_the_family_ends_the_limit_for_all_of_its_sessions() {
    for responds_elsewhere in [false, true] {
        let sandbox = with_a_private_login();
        let [mut stopped, mut opus] = two_sessions_of_login(&sandbox);
        for client in [&mut stopped, &mut opus] {
            client.model = OPUS.to_owned();
            receives_response(client, "2026-11-20T09:50:00Z");
        }
        let mut third = session_of_login(&sandbox, "third");
        third.model = OPUS.to_owned();
        receives_response(&mut third, "2026-11-20T09:55:00Z");
        reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
        stores_credits_reason(&sandbox, &json!("org_level_disabled"));
        switches_to(&mut stopped, "2026-11-20T10:00:20Z", SONNET);
        receives_response(&mut stopped, "2026-11-20T10:00:30Z");
        in_shell(&sandbox, "2026-11-20T10:00:40Z", &["explain"]);
        assert_blocked(&opus, "2026-11-20T10:00:50Z", true);

        switches_to(&mut stopped, "2026-11-20T10:10:00Z", OPUS);
        let responding = if responds_elsewhere {
            &mut third
        } else {
            &mut stopped
        };
        receives_response(responding, "2026-11-20T10:10:10Z");
        let at = "2026-11-20T10:10:20Z";
        // After a limit of one model, the row shows an end in another session only if a command has stored it.
        let code = in_shell(&sandbox, at, &["explain", "--exit-code"]).code;
        assert_eq!(code, 0);
        for client in [&stopped, &opus] {
            assert_blocked(client, at, false);
        }
    }
}

/// A session without an error responds with Sonnet after the Opus limit has stopped another one. When the user switches it
/// to Opus, the limit applies to it.
#[test]
fn a_response_of_another_model_in_the_asking_session_does_not_show_that_its_new_model_works() {
    let sandbox = with_a_private_login();
    let [mut stopped, mut other] = two_sessions_of_login(&sandbox);
    stopped.model = OPUS.to_owned();
    other.model = SONNET.to_owned();
    for client in [&mut stopped, &mut other] {
        receives_response(client, "2026-11-20T09:50:00Z");
    }
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
    receives_response(&mut other, "2026-11-20T10:05:00Z");
    assert_blocked(&other, "2026-11-20T10:05:10Z", false);
    switches_to(&mut other, "2026-11-20T10:05:20Z", OPUS);
    assert_blocked(&other, "2026-11-20T10:05:30Z", true);
}

/// The weekly Opus limit stops a session, and then the 5-hour limit stops another one. The advice for the first session was
/// to switch models, which the 5-hour limit would have refused as well.
#[test]
fn nobody_is_told_to_switch_models_while_another_limit_stops_all_of_them() {
    let sandbox = with_a_private_login();
    let [mut stopped, mut other] = two_sessions_of_login(&sandbox);
    stopped.model = OPUS.to_owned();
    other.model = SONNET.to_owned();
    let _process = RunningClient::idle(&sandbox, "stopped");
    receives_response(&mut stopped, "2026-11-20T09:50:00Z");
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
    let at = "2026-11-20T10:00:10Z";
    let now = flat(in_shell(&sandbox, at, &["now"]).success());
    assert!(
        now.contains("or switch to another model with /model"),
        "{now}"
    );

    other.sends_prompt("2026-11-20T10:05:00Z", "continue");
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    other.receives_error("2026-11-20T10:05:02Z", FIVE_HOUR, refusal);
    let five_hour_full = windows(100.0, NOON, 40.0, TUESDAY);
    other.calls_status_line("2026-11-20T10:05:03Z", five_hour_full, 120);
    let at = "2026-11-20T10:05:10Z";
    let of_session = ["explain", "--session", "stopped"];
    for (place, shown) in [
        ("/whycap", answer(&stopped, at)),
        ("explain", flat(&in_shell(&sandbox, at, &of_session).stdout)),
    ] {
        for part in [
            "Your weekly Opus limit is used up, and your 5-hour limit is also used up until 12:00.",
            "1. Use another model after 12:00, when your 5-hour limit resets: /model",
        ] {
            assert!(shown.contains(part), "{place}: {part}: {shown}");
        }
        assert!(!shown.contains("switch models"), "{place}: {shown}");
    }
    let now = flat(in_shell(&sandbox, at, &["now"]).success());
    assert!(!now.contains("/model"), "{now}");

    let at = "2026-11-20T12:00:30Z";
    assert_blocked(&stopped, at, true);
}

/// A session at its weekly Opus limit reports that the 5-hour window is full as well. Its row named only the Opus limit, while
/// `explain` and `now` named both or the 5-hour limit.
#[test]
fn the_row_names_the_full_window_that_also_stops_the_other_models() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
    let at = "2026-11-20T10:05:10Z";
    let row = plain_rows(&stopped, at, windows(100.0, NOON, 40.0, TUESDAY));
    assert!(
        row.contains("weekly Opus limit · 5-hour limit also used up, resets 12:00"),
        "{row}"
    );
    let after_reset = plain_rows(&stopped, "2026-11-20T12:00:30Z", Value::Null);
    assert!(
        after_reset.contains("weekly Opus limit · resets Tue Nov 24 06:00"),
        "{after_reset}"
    );
}

/// The user closed a session that waited for the reset of its weekly Opus limit, and resumed it. For days, the row only
/// said that Claude Code will not continue by itself, although another model works at once.
#[test]
fn the_row_of_a_resumed_session_names_the_model_switch_that_works_now() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
    let exited = "Automatic continue cancelled · Claude Code exited during the wait, so the task will not resume on its own when the usage limit resets (send a prompt after the reset to continue)";
    stopped.announces("2026-11-20T10:01:00Z", exited);
    stopped.event(
        "2026-11-20T10:02:00Z",
        "SessionStart",
        json!({"source": "resume"}),
    );
    let _running = RunningClient::idle(&sandbox, &stopped.session);
    let at = "2026-11-20T10:03:00Z";
    for (columns, expected) in [
        (
            120,
            "Use another model (/model); Claude Code will not continue by itself",
        ),
        (
            60,
            "Use another model (/model); will not continue by itself",
        ),
        (40, "Use another model (/model)"),
    ] {
        let shown = flat(
            stopped
                .calls_status_line(at, Value::Null, columns)
                .success(),
        );
        assert!(shown.contains(expected), "{columns}: {shown}");
    }
    let shown = answer(&stopped, at);
    for step in [
        "1. Use another model: /model",
        "After the reset, send the prompt again; Claude Code will not continue by itself",
    ] {
        assert!(shown.contains(step), "{step}: {shown}");
    }
}

/// A session is resumed with Sonnet where no status line runs, as with `claude -p --resume`, so its last reading still names
/// Opus. `explain --session` said that the Opus limit blocked the session, and `wait --session` waited until its reset.
#[test]
fn a_response_without_a_status_line_shows_which_model_a_session_uses() {
    let sandbox = with_a_private_login();
    let [mut stopped, _] = two_sessions_of_login(&sandbox);
    stopped.model = OPUS.to_owned();
    receives_response(&mut stopped, "2026-11-20T09:50:00Z");
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");

    stopped.model = SONNET.to_owned();
    stopped.sends_prompt("2026-11-20T10:05:00Z", "continue");
    stopped.receives_response("2026-11-20T10:05:02Z");
    let at = "2026-11-20T10:05:10Z";
    let explain = ["explain", "--exit-code", "--session", "stopped"];
    let explained = in_shell(&sandbox, at, &explain);
    assert_eq!(explained.code, 0, "{explained:?}");
    let wait = ["wait", "--timeout", "1s", "--session", "stopped"];
    let waited = in_shell(&sandbox, at, &wait);
    assert_eq!(waited.code, 0, "{waited:?}");

    // A later reading shows that the user has switched the session back to Opus.
    switches_to(&mut stopped, "2026-11-20T10:06:00Z", SONNET);
    switches_to(&mut stopped, "2026-11-20T10:06:30Z", OPUS);
    assert_blocked(&stopped, "2026-11-20T10:06:40Z", true);
}

/// The weekly limit resets at the same time as the weekly Opus limit, or later. The advice was to use another model after the
/// reset of the weekly limit, but Opus works again by then.
#[test]
fn nobody_is_told_to_switch_models_when_the_limited_model_works_again() {
    for (later_by, until) in [(0, "Tue Nov 24 06:00"), (7_200, "Tue Nov 24 08:00")] {
        let sandbox = with_a_private_login();
        let [mut stopped, mut other] = two_sessions_of_login(&sandbox);
        stopped.model = OPUS.to_owned();
        other.model = SONNET.to_owned();
        receives_response(&mut stopped, "2026-11-20T09:50:00Z");
        reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
        let weekly_reset = TUESDAY + later_by;
        other.sends_prompt("2026-11-20T10:05:00Z", "continue");
        let refusal = refused("seven_day", weekly_reset, "org_level_disabled");
        let weekly = "You've hit your weekly limit";
        other.receives_error("2026-11-20T10:05:02Z", weekly, refusal);
        let week_full = windows(30.0, NOON, 100.0, weekly_reset);
        other.calls_status_line("2026-11-20T10:05:03Z", week_full, 120);

        let at = "2026-11-20T10:05:10Z";
        let of_session = ["explain", "--session", "stopped"];
        for (place, shown) in [
            ("/whycap", answer(&stopped, at)),
            ("explain", flat(&in_shell(&sandbox, at, &of_session).stdout)),
        ] {
            let step = format!("1. Wait until {until}, when your weekly limit resets");
            assert!(shown.contains(&step), "{place}: {step}: {shown}");
            for wrong in ["another model", "switch models", "2. Wait"] {
                assert!(!shown.contains(wrong), "{place}: {wrong}: {shown}");
            }
        }
    }
}

/// Only the weekly Opus window is full, and the only running session uses Sonnet. `now` said "but a usage window is full".
#[test]
fn a_full_window_of_a_model_that_no_session_uses_is_not_mentioned_as_a_caveat() {
    let sandbox = with_a_private_login();
    let [mut stopped, _] = two_sessions_of_login(&sandbox);
    stopped.model = OPUS.to_owned();
    let _process = RunningClient::idle(&sandbox, "stopped");
    receives_response(&mut stopped, "2026-11-20T09:50:00Z");
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
    switches_to(&mut stopped, "2026-11-20T10:00:20Z", SONNET);
    receives_response(&mut stopped, "2026-11-20T10:00:30Z");

    let now = flat(in_shell(&sandbox, "2026-11-20T10:00:40Z", &["now"]).success());
    assert!(now.contains("Opus week"), "{now}");
    assert!(now.contains("no limit is blocking you"), "{now}");
    assert!(!now.contains("a usage window is full"), "{now}");
}

/// A subagent that uses Opus reaches the Opus limit while Opus is still responding in the main conversation. The session
/// continues with Sonnet and is then switched back to Opus. Every screen said that the limit was over.
#[test]
fn a_response_in_progress_during_the_error_of_a_subagent_does_not_end_the_limit() {
    let sandbox = with_a_private_login();
    let [mut stopped, _] = two_sessions_of_login(&sandbox);
    stopped.model = OPUS.to_owned();
    receives_response(&mut stopped, "2026-11-20T09:50:00Z");
    stopped.sends_prompt("2026-11-20T09:59:50Z", "continue");
    let error = json!({
        "error": "rate_limit", "last_assistant_message": OPUS_LIMIT,
        "agent_id": "a1b2", "agent_type": "workflow-subagent",
    });
    stopped.event("2026-11-20T10:00:00Z", "StopFailure", error);
    stopped.receives_response("2026-11-20T10:00:05Z");
    switches_to(&mut stopped, "2026-11-20T10:04:50Z", SONNET);
    receives_response(&mut stopped, "2026-11-20T10:05:00Z");
    switches_to(&mut stopped, "2026-11-20T10:06:00Z", OPUS);

    let explain = ["explain", "--exit-code", "--session", "stopped"];
    let explained = in_shell(&sandbox, "2026-11-20T10:06:10Z", &explain);
    assert_eq!(explained.code, 10, "{explained:?}");
}

/// A response that names no model follows an overload after the Opus limit. The row then no longer showed the limit.
#[test]
fn a_response_of_an_unknown_model_does_not_hide_an_earlier_limit_of_a_model() {
    let sandbox = with_a_private_login();
    let [mut stopped, _] = two_sessions_of_login(&sandbox);
    stopped.model = OPUS.to_owned();
    receives_response(&mut stopped, "2026-11-20T09:50:00Z");
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
    switches_to(&mut stopped, "2026-11-20T10:00:20Z", SONNET);
    receives_response(&mut stopped, "2026-11-20T10:00:30Z");
    let overload = json!({"apiErrorStatus": 529, "error": "overloaded_error"});
    let overloaded = "API Error: 529 Overloaded";
    stopped.receives_error("2026-11-20T10:01:00Z", overloaded, overload);
    receives_response(&mut stopped, "2026-11-20T10:01:30Z");
    in_shell(&sandbox, "2026-11-20T10:01:40Z", &["explain"]);
    let named = r#""at":"2026-11-20T10:01:32Z","model":"claude-sonnet-5-5""#;
    let journal = sandbox.read(JOURNAL);
    assert!(journal.contains(named), "{journal}");
    let unnamed = r#""at":"2026-11-20T10:01:32Z","model":null"#;
    sandbox.write(JOURNAL, journal.replace(named, unnamed));

    switches_to(&mut stopped, "2026-11-20T10:01:50Z", OPUS);
    let row = plain_rows(&stopped, "2026-11-20T10:02:00Z", room());
    assert!(row.contains("weekly Opus limit · resets"), "{row}");
}

/// The weekly Opus limit had stopped a session, and then another one received a false alarm. In a shell, `explain` and `now`
/// showed only the false alarm, and the full Opus window disappeared from `now`. With Opus, `/whycap` in the second session
/// showed only the Opus limit, although another message had stopped that session. Later, `explain` and `now` told the
/// user to send the second session's prompt again, although it used Opus.
#[test]
fn a_false_alarm_in_one_session_does_not_hide_the_opus_limit_of_another() {
    for model in [OPUS, SONNET] {
        let sandbox = with_a_private_login();
        let [mut alpha, mut beta] = ["alpha", "beta"].map(|name| session_of_login(&sandbox, name));
        model.clone_into(&mut beta.model);
        let _processes =
            [&alpha, &beta].map(|client| RunningClient::idle(&sandbox, &client.session));
        for client in [&mut alpha, &mut beta] {
            receives_response(client, "2026-11-20T09:59:00Z");
        }
        reaches_opus_limit(&alpha, "2026-11-20T10:00:00Z");
        beta.sends_prompt("2026-11-20T10:00:30Z", "continue");
        let refusal = refused("five_hour", NOON, "org_level_disabled");
        beta.receives_error("2026-11-20T10:00:32Z", FIVE_HOUR, refusal);
        beta.calls_status_line("2026-11-20T10:00:33Z", room(), 120);

        let at = "2026-11-20T10:01:00Z";
        let (expected, unexpected) = if model == OPUS {
            (
                [
                    "Your weekly Opus limit is used up; switch models",
                    "by itself about 12:01, but your weekly Opus limit may stop it again",
                ],
                "again in a few minutes",
            )
        } else {
            (
                [
                    "This looks like a false alarm",
                    "Also, in the session alpha: Your weekly Opus limit is used up",
                ],
                "may stop it again",
            )
        };
        for arguments in [["explain"], ["now"]] {
            let shown = flat(in_shell(&sandbox, at, &arguments).success());
            for part in expected {
                assert!(shown.contains(part), "{model} {part}: {shown}");
            }
            assert!(!shown.contains(unexpected), "{model}: {shown}");
        }
        let now = in_shell(&sandbox, at, &["now", "--json"]).json();
        let window = &now["windows"]["seven_day_opus"];
        assert_eq!(window["used_percentage"], 100.0, "{model}: {now:#}");

        let reply = answer(&beta, at);
        if model == OPUS {
            for part in [
                "The error in this session, \"You've hit your 5-hour limit",
                "was probably a false alarm, but another error applies here as well. This happened in another session",
                "Your weekly Opus limit is used up",
            ] {
                assert!(reply.contains(part), "{part}: {reply}");
            }
        } else {
            assert!(
                reply.starts_with("This looks like a false alarm"),
                "{reply}"
            );
            assert!(!reply.contains("Opus limit"), "{reply}");
        }
    }
}

/// A false alarm had stopped one Opus session, and another one had reached the Opus limit. After `/model` in the second
/// session, `now` said that the first one could continue at once, although its own row and `/whycap` named the Opus limit.
#[cfg(target_os = "linux")]
#[test]
fn the_opus_limit_applies_to_the_other_opus_session_after_a_model_switch() {
    for is_cancelled in [false, true] {
        let sandbox = with_a_private_login();
        let [mut alpha, mut beta] = ["alpha", "beta"].map(|name| session_of_login(&sandbox, name));
        let _processes =
            [&alpha, &beta].map(|client| RunningClient::idle(&sandbox, &client.session));
        for client in [&mut alpha, &mut beta] {
            receives_response(client, "2026-11-20T09:59:00Z");
        }
        alpha.sends_prompt("2026-11-20T10:00:30Z", "continue");
        let refusal = refused("five_hour", NOON, "org_level_disabled");
        alpha.receives_error("2026-11-20T10:00:32Z", FIVE_HOUR, refusal);
        if is_cancelled {
            alpha.announces(
                "2026-11-20T10:00:33Z",
                "Automatic continue cancelled · /rate-limit-options to start again",
            );
        }
        alpha.calls_status_line("2026-11-20T10:00:33Z", room(), 120);
        reaches_opus_limit(&beta, "2026-11-20T10:02:00Z");
        switches_to(&mut beta, "2026-11-20T10:08:10Z", SONNET);
        receives_response(&mut beta, "2026-11-20T10:08:20Z");

        let at = "2026-11-20T10:09:00Z";
        let row = plain_rows(&alpha, at, room());
        assert!(row.contains("weekly Opus limit · resets"), "{row}");
        let now = flat(in_shell(&sandbox, at, &["now"]).success());
        assert!(!now.contains("send the prompt again"), "{now}");
        if !is_cancelled {
            let note =
                "continues by itself about 12:01, but your weekly Opus limit may stop it again";
            assert!(now.contains(note), "{now}");
        }
    }
}

/// The user had switched the session to another model. With the next prompt, the hook still said to switch models.
#[test]
fn the_hook_does_not_advise_to_switch_models_after_the_user_has_done_so() {
    for (model, is_announced) in [(SONNET, false), (OPUS, true)] {
        let sandbox = with_a_private_login();
        let mut client = session_of_login(&sandbox, "stopped");
        client.model = OPUS.to_owned();
        receives_response(&mut client, "2026-11-20T09:50:00Z");
        reaches_opus_limit(&client, "2026-11-20T10:00:00Z");
        switches_to(&mut client, "2026-11-20T10:01:00Z", model);
        let prompt = json!({"prompt": "go on"});
        let hook = client.event("2026-11-20T10:01:10Z", "UserPromptSubmit", prompt);
        let reply = hook.success();
        assert_eq!(
            reply.contains("switch models"),
            is_announced,
            "{model}: {reply}"
        );
    }
}

/// Appends records of other kinds to the journal, as many sessions do in a few hours. The status line searches only the
/// newest 32 KB for most records.
fn fills_journal(sandbox: &Sandbox) {
    let record = json!({"note": {"text": "a record of another kind ".repeat(4)}}).to_string();
    for _ in 0..400 {
        sandbox.append(JOURNAL, &record);
    }
}

/// After `/model opus`, the row was empty although `/whycap`, `explain`, and `now` said that the weekly Opus limit blocks
/// the session. The status line no longer searched the part of the journal with the error. It also did not show the limit
/// in other sessions.
#[test]
fn the_row_shows_an_opus_limit_however_many_records_came_later() {
    for has_many_records in [false, true] {
        let sandbox = with_a_private_login();
        let [mut alpha, mut beta] = ["alpha", "beta"].map(|name| session_of_login(&sandbox, name));
        for client in [&mut alpha, &mut beta] {
            receives_response(client, "2026-11-20T09:50:00Z");
        }
        reaches_opus_limit(&alpha, "2026-11-20T10:00:00Z");
        if has_many_records {
            fills_journal(&sandbox);
        }
        switches_to(&mut alpha, "2026-11-20T10:01:00Z", SONNET);
        receives_response(&mut alpha, "2026-11-20T10:01:10Z");
        let row = plain_rows(&alpha, "2026-11-20T10:02:00Z", room());
        assert!(!row.contains("Opus limit"), "{row}");

        switches_to(&mut alpha, "2026-11-20T10:06:00Z", OPUS);
        for client in [&alpha, &beta] {
            let row = plain_rows(client, "2026-11-20T10:06:10Z", room());
            assert!(row.contains("weekly Opus limit · resets"), "{row}");
            let whycap = answer(client, "2026-11-20T10:06:20Z");
            assert!(
                whycap.contains("Your weekly Opus limit is used up"),
                "{whycap}"
            );
        }
    }
}

/// In a new session with Opus, the row named the weekly Opus limit, but `/whycap` said "Send a prompt here; this session
/// may work". Claude Code reports the model of such a session, but no usage yet. After `/clear`, it reports the usage of the
/// previous session.
#[test]
fn whycap_uses_the_reported_model_of_a_session_without_prompts() {
    for (model, usage) in [
        (OPUS, Value::Null),
        (SONNET, Value::Null),
        (OPUS, room()),
        (SONNET, room()),
    ] {
        let sandbox = with_a_private_login();
        let [mut stopped, mut new] =
            ["stopped", "new"].map(|name| session_of_login(&sandbox, name));
        receives_response(&mut stopped, "2026-11-20T09:50:00Z");
        reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
        new.api_ms = 0;

        for (at, used) in [("2026-11-20T10:05", OPUS), ("2026-11-20T10:06", model)] {
            used.clone_into(&mut new.model);
            let row = plain_rows(&new, &format!("{at}:00Z"), usage.clone());
            let whycap = answer(&new, &format!("{at}:10Z"));
            let is_blocked = used == OPUS;
            assert_eq!(row.contains("weekly Opus limit"), is_blocked, "{row}");
            assert_eq!(whycap.contains("may work"), !is_blocked, "{whycap}");
        }
    }
}

/// A session had reached the Opus limit, continued with Sonnet, and reached the Sonnet limit as well. The row of a session with
/// Opus no longer showed a limit, although `/whycap` and `explain` said that the Opus limit blocks the session.
#[test]
fn the_limit_of_a_second_model_does_not_hide_the_first_limit_from_other_rows() {
    for sonnet_refusals in [1, 6] {
        let sandbox = with_a_private_login();
        let [mut stopped, mut with_opus, mut with_sonnet] =
            ["stopped", "opus", "sonnet"].map(|name| session_of_login(&sandbox, name));
        OPUS.clone_into(&mut with_opus.model);
        SONNET.clone_into(&mut with_sonnet.model);
        receives_response(&mut stopped, "2026-11-20T09:50:00Z");
        reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
        switches_to(&mut stopped, "2026-11-20T10:02:00Z", SONNET);
        receives_response(&mut stopped, "2026-11-20T10:03:00Z");
        for minute in 0..sonnet_refusals {
            reaches_sonnet_limit(&stopped, &format!("2026-11-20T11:0{minute}:00Z"));
        }

        let at = "2026-11-20T11:08:00Z";
        for (client, limit) in [
            (&with_opus, "weekly Opus limit"),
            (&with_sonnet, "weekly Sonnet limit"),
        ] {
            let row = plain_rows(client, at, room());
            let shown = format!("{limit} · resets");
            assert!(row.contains(&shown), "{sonnet_refusals} {limit}: {row}");
            let whycap = answer(client, at);
            assert!(
                whycap.contains(&format!("Your {limit} is used up")),
                "{whycap}"
            );
        }
    }
}

/// Opus had just responded in another session, whose row and `/whycap` said that nothing blocks it. `now` said that the Opus
/// limit applies there.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_does_not_apply_to_a_session_that_the_model_has_answered_since() {
    let sandbox = with_a_private_login();
    let [mut alpha, mut beta, mut gamma] =
        ["alpha", "beta", "gamma"].map(|name| session_of_login(&sandbox, name));
    let _processes = [&alpha, &beta].map(|client| RunningClient::idle(&sandbox, &client.session));
    for client in [&mut alpha, &mut beta, &mut gamma] {
        OPUS.clone_into(&mut client.model);
        receives_response(client, "2026-11-20T09:50:00Z");
    }
    let applies_here = "your weekly Opus limit applies here";
    reaches_opus_limit(&alpha, "2026-11-20T10:00:00Z");
    let now = flat(in_shell(&sandbox, "2026-11-20T10:10:00Z", &["now"]).success());
    assert!(now.contains(applies_here), "{now}");

    receives_response(&mut beta, "2026-11-20T10:30:00Z");
    let at = "2026-11-20T10:31:00Z";
    assert!(!plain_rows(&beta, at, room()).contains("weekly Opus limit"));
    let now = flat(in_shell(&sandbox, at, &["now"]).success());
    assert!(!now.contains(applies_here), "{now}");

    switches_to(&mut alpha, "2026-11-20T10:32:00Z", SONNET);
    receives_response(&mut alpha, "2026-11-20T10:33:00Z");
    let still_applies = "still applies to the open session beta";
    let explained = flat(&in_shell(&sandbox, "2026-11-20T10:34:00Z", &["explain"]).stdout);
    assert!(!explained.contains(still_applies), "{explained}");

    // A later refusal shows that the limit applies there again.
    reaches_opus_limit(&gamma, "2026-11-20T10:40:00Z");
    let at = "2026-11-20T10:41:00Z";
    let row = plain_rows(&beta, at, room());
    assert!(row.contains("weekly Opus limit · resets"), "{row}");
    let now = flat(in_shell(&sandbox, at, &["now"]).success());
    assert!(now.contains(applies_here), "{now}");
}

/// The limits of two models were used up. `now` named only one of them and said "no limit is blocking other models".
#[cfg(target_os = "linux")]
#[test]
fn now_names_each_model_limit_that_is_used_up() {
    let sandbox = with_a_private_login();
    let [mut alpha, mut beta] = ["alpha", "beta"].map(|name| session_of_login(&sandbox, name));
    OPUS.clone_into(&mut alpha.model);
    SONNET.clone_into(&mut beta.model);
    let _alpha = RunningClient::idle(&sandbox, "alpha");
    let _beta = RunningClient::idle(&sandbox, "beta");
    for client in [&mut alpha, &mut beta] {
        receives_response(client, "2026-11-20T09:50:00Z");
    }
    reaches_opus_limit(&alpha, "2026-11-20T10:00:00Z");
    reaches_sonnet_limit(&beta, "2026-11-20T10:10:00Z");
    let both = "your weekly Opus limit and your weekly Sonnet limit are used up; no limit is blocking other models";
    for (at, of_alpha, of_beta) in [
        ("2026-11-20T10:12", SONNET, OPUS),
        ("2026-11-20T10:15", HAIKU, OPUS),
    ] {
        switches_to(&mut alpha, &format!("{at}:00Z"), of_alpha);
        switches_to(&mut beta, &format!("{at}:10Z"), of_beta);
        let now = flat(in_shell(&sandbox, &format!("{at}:30Z"), &["now"]).success());
        assert!(now.contains(both), "{of_alpha}: {now}");
    }
}

/// The messages about usage credits and caps on them with which the server refuses a request beyond the limit of one model
/// family, and its reasons for not accepting usage credits.
const CREDITS_MESSAGES: [(&str, &str); 4] = [
    (
        "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage",
        "org_level_disabled_until",
    ),
    (
        "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit",
        "member_level_disabled",
    ),
    (
        "You've hit your org's monthly spend limit · run /usage-credits to ask your admin for a higher limit",
        "org_level_disabled_until",
    ),
    (
        "You're out of usage credits · resets Nov 24, 6am (UTC)",
        "out_of_credits",
    ),
];

/// Returns a sandbox in which the login belongs to a plan for which the server sends this message.
fn with_login_for(message: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let is_of_team = message.contains("admin");
    let (plan, role) = if is_of_team {
        ("team", "user")
    } else {
        ("max", "admin")
    };
    Client::logged_in(&sandbox, plan, role);
    sandbox
}

/// At the weekly Opus limit, the spend cap or the credits were used up as well. `/whycap` and the row said to wait for days
/// or to pay, although `now` said to switch to another model, which is free. A session with Sonnet said that it was blocked,
/// and its response ended the limit on all screens.
#[test]
fn another_model_is_offered_if_credits_cannot_pay_beyond_the_limit_of_one_model() {
    for (message, reason) in CREDITS_MESSAGES {
        let sandbox = with_login_for(message);
        let [mut stopped, mut opus, mut sonnet] =
            ["stopped", "opus", "sonnet"].map(|name| session_of_login(&sandbox, name));
        let _processes =
            [&stopped, &opus, &sonnet].map(|client| RunningClient::idle(&sandbox, &client.session));
        let nearly_full = windows(90.0, NOON, 95.0, TUESDAY);
        SONNET.clone_into(&mut sonnet.model);
        for client in [&mut stopped, &mut opus, &mut sonnet] {
            client.api_ms += 100;
            client.sends_prompt("2026-11-20T09:50:00Z", "continue");
            client.receives_response("2026-11-20T09:50:02Z");
            client.calls_status_line("2026-11-20T09:50:03Z", nearly_full.clone(), 120);
        }
        stopped.sends_prompt("2026-11-20T10:00:00Z", "continue");
        let refusal = refused("seven_day_opus", TUESDAY, reason);
        stopped.receives_error("2026-11-20T10:00:02Z", message, refusal);
        stopped.calls_status_line("2026-11-20T10:00:03Z", nearly_full.clone(), 120);

        for at in ["2026-11-20T10:01:00Z", "2026-11-20T10:06:00Z"] {
            for client in [&stopped, &opus] {
                let row = plain_rows(client, at, nearly_full.clone());
                assert!(row.contains("Use another model: /model"), "{row}");
                let whycap = answer(client, at);
                let steps = "1. Use another model: /model 2. Wait until Tue Nov 24 06:00";
                assert!(whycap.contains(steps), "{message}: {whycap}");
            }
            let row = plain_rows(&sonnet, at, nearly_full.clone());
            assert!(!row.contains("Tue Nov 24"), "{row}");
            let whycap = answer(&sonnet, at);
            assert!(!whycap.contains("1. Wait"), "{whycap}");
            let doctor = flat(&in_shell(&sandbox, at, &["doctor"]).stdout);
            assert!(
                doctor.starts_with("Only Opus models are blocked."),
                "{doctor}"
            );

            sonnet.api_ms += 100;
            sonnet.sends_prompt("2026-11-20T10:02:00Z", "continue");
            sonnet.receives_response("2026-11-20T10:02:02Z");
            sonnet.calls_status_line("2026-11-20T10:02:03Z", nearly_full.clone(), 120);
        }
    }
}

/// A cap or the credits were used up at the weekly limit of one model family. The screens called this a false alarm, because
/// the windows of all models had room, and said that the prompt would soon work.
#[test]
fn the_windows_of_all_models_do_not_refute_an_error_about_credits_at_the_limit_of_one_model() {
    let families = [
        ("seven_day_opus", OPUS),
        ("seven_day_overage_included", "claude-fable-5-2"),
    ];
    for (message, reason) in CREDITS_MESSAGES {
        for (window, model) in families {
            let sandbox = with_login_for(message);
            let mut client = session_of_login(&sandbox, "stopped");
            let _process = RunningClient::idle(&sandbox, &client.session);
            model.clone_into(&mut client.model);
            receives_response(&mut client, "2026-11-20T09:55:00Z");
            client.sends_prompt("2026-11-20T10:00:00Z", "continue");
            let refusal = refused(window, TUESDAY, reason);
            client.receives_error("2026-11-20T10:00:02Z", message, refusal);

            for at in ["2026-11-20T10:00:10Z", "2026-11-20T10:30:00Z"] {
                let row = plain_rows(&client, at, room());
                assert!(row.contains("Use another model: /model"), "{row}");
                let whycap = answer(&client, at);
                let steps = "1. Use another model: /model 2. Wait until Tue Nov 24 06:00";
                assert!(whycap.contains(steps), "{message}: {whycap}");
                let now = flat(in_shell(&sandbox, at, &["now"]).success());
                for shown in [&row, &whycap, &now] {
                    assert!(!shown.contains("false alarm"), "{message}: {shown}");
                }
            }
        }
    }
}

/// After an Opus limit, the user turned on usage credits and continued with Opus. All screens said that the limit no longer
/// applies, and `wait --free` exited at once, although each response cost extra until the reset.
#[test]
fn a_response_after_the_limit_of_its_model_may_be_paid_with_credits() {
    for (reason_now, may_cost) in [(Value::Null, true), (json!("org_level_disabled"), false)] {
        for responds_elsewhere in [false, true] {
            let sandbox = with_a_private_login();
            let [mut stopped, mut other] =
                ["stopped", "other"].map(|name| session_of_login(&sandbox, name));
            for client in [&mut stopped, &mut other] {
                receives_response(client, "2026-11-20T09:50:00Z");
            }
            reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
            stores_credits_reason(&sandbox, &reason_now);
            let responding = if responds_elsewhere {
                &mut other
            } else {
                &mut stopped
            };
            receives_response(responding, "2026-11-20T10:30:00Z");

            let costs = "each response of the limited model probably costs extra";
            let at = "2026-11-20T10:31:00Z";
            let responding = if responds_elsewhere { &other } else { &stopped };
            let whycap = answer(responding, at);
            assert_eq!(
                whycap.contains(costs),
                may_cost,
                "{responds_elsewhere}: {whycap}"
            );
            let explained = flat(&in_shell(&sandbox, at, &["explain"]).stdout);
            assert_eq!(
                explained.contains("no longer applies"),
                !may_cost && !responds_elsewhere,
                "{explained}"
            );
            let now = flat(in_shell(&sandbox, at, &["now"]).success());
            assert_eq!(
                now.contains("no limit is blocking you, but each response"),
                may_cost && !responds_elsewhere,
                "{now}"
            );
            let wait = ["wait", "--free", "--timeout", "1s"];
            let waited = in_shell(&sandbox, at, &wait);
            let has_timed_out = waited.stderr.contains("timed out");
            assert_eq!(has_timed_out, may_cost, "{responds_elsewhere}");
        }
    }
}

/// After the Opus limit, the user switched to a Sonnet model. Then the week filled up, and usage credits paid for the responses
/// of this session. `/whycap` advised doing nothing, and named only the Opus limit.
#[test]
fn another_model_is_said_to_cost_money_while_credits_pay_beyond_a_full_week() {
    let sandbox = with_a_private_login();
    let [mut switched, other] = two_sessions_of_login(&sandbox);
    OPUS.clone_into(&mut switched.model);
    switched.calls_status_line("2026-11-20T09:50:00Z", week_at(98.0), 120);
    hits_limit(
        &switched,
        "2026-11-20T10:00:00Z",
        OPUS_LIMIT,
        &refused("seven_day_opus", TUESDAY, "org_level_disabled"),
        week_at(98.0),
    );
    SONNET.clone_into(&mut switched.model);
    receives_response_with(&mut switched, "2026-11-20T10:03:00Z", week_at(98.0));
    let without_costs = answer(&switched, "2026-11-20T10:04:00Z");
    let step = "1. Do nothing for now; another model is responding";
    assert!(without_costs.contains(step), "{without_costs}");
    hits_limit(
        &other,
        "2026-11-20T10:10:00Z",
        WEEKLY,
        &refused("seven_day", TUESDAY, "org_level_disabled"),
        week_at(100.0),
    );
    stores_credits_reason(&sandbox, &Value::Null);
    for at in ["2026-11-20T10:16:00Z", "2026-11-20T10:18:00Z"] {
        receives_response_with(&mut switched, at, week_at(100.0));
    }

    let at = "2026-11-20T10:20:00Z";
    let shown = answer(&switched, at);
    for part in [
        "Another model is responding, but your weekly limit is used up until Tue Nov 24 06:00, so usage credits pay.",
        "1. You can continue with another model, but each response costs extra; or wait until Tue Nov 24 06:00",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(!shown.contains("Do nothing"), "{shown}");
    let listed = flat(&in_shell(&sandbox, at, &["incidents"]).stdout);
    let state = "still applies, but another model responded at 10:03";
    assert!(listed.contains(state), "{listed}");
}

/// Simulates a prompt, the response two seconds later, and the status-line call after it, which reports these windows.
pub fn receives_response_with(client: &mut Client<'_>, at: &str, reported: Value) {
    client.api_ms += 100;
    client.sends_prompt(at, "continue");
    client.receives_response(&after(at, 2));
    client.calls_status_line(&after(at, 3), reported, 120);
}

/// Returns usage figures with room in the 5-hour window and this usage of the weekly window.
fn week_at(percent: f64) -> Value {
    windows(52.0, NOON, percent, TUESDAY)
}

/// "Fable 5 requires usage credits" stopped a session, and another model responded there. All screens said "this problem has
/// passed", even after the user had switched back to Fable, which the server refuses without usage credits.
#[test]
fn a_response_of_another_model_does_not_end_the_error_of_a_model_that_needs_credits() {
    let text = "Fable 5 requires usage credits. Run /usage-credits to continue or switch models with /model.";
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "s");
    switches_to(&mut client, "2026-11-20T09:49:00Z", FABLE);
    receives_response(&mut client, "2026-11-20T09:50:00Z");
    client.sends_prompt("2026-11-20T10:00:00Z", "continue");
    let refusal = json!({"apiErrorStatus": 400, "error": "invalid_request"});
    client.receives_error("2026-11-20T10:00:02Z", text, refusal);
    client.calls_status_line("2026-11-20T10:00:03Z", room(), 120);
    switches_to(&mut client, "2026-11-20T10:01:00Z", SONNET);
    receives_response(&mut client, "2026-11-20T10:01:10Z");
    let at = "2026-11-20T10:01:30Z";
    let in_shell_now = flat(in_shell(&sandbox, at, &["explain"]).success());
    for shown in [answer(&client, at), in_shell_now] {
        assert!(
            shown.contains("another model responded at 10:01"),
            "{shown}"
        );
        assert!(!shown.contains("this problem has passed"), "{shown}");
    }
    let rows = plain_rows(&client, at, room());
    assert!(!rows.contains("credits"), "{rows}");

    switches_to(&mut client, "2026-11-20T10:02:00Z", FABLE);
    let at = "2026-11-20T10:02:20Z";
    let explained = in_shell(&sandbox, at, &["explain", "--exit-code"]);
    assert_ne!(explained.code, 0, "{explained:?}");
    for shown in [answer(&client, at), flat(&explained.stdout)] {
        assert!(!shown.contains("responded"), "{shown}");
        assert!(!shown.contains("this problem has passed"), "{shown}");
        assert!(!shown.contains("You are not blocked"), "{shown}");
    }
    let rows = plain_rows(&client, at, room());
    assert!(rows.contains("credits"), "{rows}");

    // A response of the model itself ends the error.
    receives_response(&mut client, "2026-11-20T10:03:00Z");
    let shown = answer(&client, "2026-11-20T10:03:20Z");
    assert!(shown.contains("Claude Code responded at 10:03"), "{shown}");
}

/// The first step was another model, although the weekly limit of all models was nearly full.
#[test]
fn little_room_for_other_models_is_mentioned_beside_the_step_to_switch() {
    for (percent, is_mentioned) in [(98.0, true), (90.0, true), (89.0, false)] {
        let sandbox = with_a_private_login();
        let mut client = session_of_login(&sandbox, "stopped");
        OPUS.clone_into(&mut client.model);
        client.sends_prompt("2026-11-20T10:00:00Z", "continue");
        let refusal = refused("seven_day_opus", TUESDAY, "org_level_disabled");
        client.receives_error("2026-11-20T10:00:02Z", OPUS_LIMIT, refusal);
        let figures = windows(30.0, NOON, percent, TUESDAY);
        client.calls_status_line("2026-11-20T10:00:03Z", figures, 120);
        let reason = format!(
            "{percent}% of your weekly limit for all models is used, so you may soon reach that limit with another model, too."
        );
        for arguments in [&["explain"][..], &["explain", OPUS_LIMIT]] {
            let explained = flat(client.run("2026-11-20T10:05:00Z", arguments, b"").success());
            assert!(explained.contains("1. Use another model"), "{explained}");
            assert_eq!(explained.contains(&reason), is_mentioned, "{explained}");
        }
        // A reading that is not fresh does not show how much is left.
        let later = flat(
            client
                .run("2026-11-20T10:30:00Z", &["explain"], b"")
                .success(),
        );
        assert!(!later.contains("limit for all models"), "{later}");
    }
}

/// Checks that in a shell, `wait` and `explain --exit-code` say that new sessions are not stopped because they use the given
/// model, or that they are stopped if there is no such model.
fn assert_new_sessions_work(
    sandbox: &Sandbox,
    variables: &[(String, String)],
    model: Option<&str>,
) {
    let at = "2026-11-20T10:00:10Z";
    let run_at = |arguments: &[&str]| run(sandbox, at, arguments, b"", variables);
    let explained = run_at(&["explain", "--exit-code"]);
    let of_session = run_at(&["explain", "--exit-code", "--session", "stopped"]);
    assert_eq!(of_session.code, 10, "{of_session:?}");
    let waited = run_at(&["wait", "--timeout", "1s", "--session", "stopped"]);
    assert_eq!(waited.code, 124, "{waited:?}");
    assert!(waited.stderr.contains("limit still applied"), "{waited:?}");
    for wait in [
        &["wait", "--timeout", "1s"][..],
        &["wait", "--timeout", "1s", "--free"],
    ] {
        let waited = run_at(wait);
        let has_timed_out = waited.stderr.contains("limit still applied");
        assert_eq!(has_timed_out, model.is_none(), "{model:?}: {waited:?}");
        let Some(model) = model else {
            assert_eq!((explained.code, waited.code), (10, 124), "{waited:?}");
            assert!(!explained.stdout.contains("New sessions"), "{explained:?}");
            continue;
        };
        assert_eq!((explained.code, waited.code), (0, 0), "{waited:?}");
        let sentence = format!(
            "Your weekly Opus limit is used up until Tue Nov 24 06:00, but new sessions use another model ({model}), so you can continue."
        );
        let of_open_session =
            "Your weekly Opus limit still applies to the open session idle until Tue Nov 24 06:00.";
        let shown = flat(&waited.stdout);
        assert!(shown.contains(&sentence), "{shown}");
        assert!(shown.contains(of_open_session), "{shown}");
        assert!(!shown.contains("You are not blocked"), "{shown}");
        let shown = flat(&explained.stdout);
        let sentence = format!("New sessions use another model ({model}), so you can continue.");
        assert!(shown.contains(&sentence), "{shown}");
        assert!(shown.contains("Use another model"), "{shown}");
    }
}

/// The weekly Opus limit had stopped a session, and the user had made Sonnet the default with `/model` in another one. `wait` still
/// waited for days, although `whycap wait && claude -p …` would have used Sonnet.
#[test]
fn the_limit_of_one_model_does_not_stop_new_sessions_with_another_model() {
    let sandbox = with_a_private_login();
    let mut stopped = session_of_login(&sandbox, "stopped");
    let mut idle = session_of_login(&sandbox, "idle");
    let _processes = [&stopped, &idle].map(|client| RunningClient::idle(&sandbox, &client.session));
    for client in [&mut stopped, &mut idle] {
        OPUS.clone_into(&mut client.model);
        receives_response(client, "2026-11-20T09:50:00Z");
    }
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
    assert_new_sessions_work(&sandbox, &[], None);

    for (model, works) in [
        ("sonnet", true),
        ("sonnet[1m]", true),
        ("haiku", true),
        (SONNET, true),
        ("opus", false),
        ("opusplan", false),
        ("default", false),
        (OPUS, false),
    ] {
        let settings = json!({"model": model}).to_string();
        sandbox.write(".claude/settings.json", settings);
        assert_new_sessions_work(&sandbox, &[], works.then_some(model));
        let now = flat(in_shell(&sandbox, "2026-11-20T10:01:40Z", &["now"]).success());
        let sentence = format!("New sessions use another model ({model}), so you can continue.");
        assert_eq!(now.contains(&sentence), works, "{now}");
    }

    // The variable takes precedence over the settings, also if the settings set the variable.
    assert_new_sessions_work(
        &sandbox,
        &[("ANTHROPIC_MODEL".to_owned(), "sonnet".to_owned())],
        Some("sonnet"),
    );
    sandbox.write(".claude/settings.json", r#"{"model": "sonnet"}"#);
    assert_new_sessions_work(
        &sandbox,
        &[("ANTHROPIC_MODEL".to_owned(), "opus".to_owned())],
        None,
    );
    let with_variable = json!({"model": "sonnet", "env": {"ANTHROPIC_MODEL": "opus"}});
    sandbox.write(".claude/settings.json", with_variable.to_string());
    assert_new_sessions_work(&sandbox, &[], None);
}

/// The model of new sessions in a project comes from the settings of the project.
#[test]
fn the_settings_of_the_project_determine_the_model_of_new_sessions() {
    let sandbox = with_a_private_login();
    let mut stopped = session_of_login(&sandbox, "stopped");
    OPUS.clone_into(&mut stopped.model);
    reaches_opus_limit(&stopped, "2026-11-20T10:00:00Z");
    sandbox.write(".claude/settings.json", r#"{"model": "opus"}"#);
    sandbox.write("api/.claude/settings.local.json", r#"{"model": "sonnet"}"#);
    for (directory, code) in [(".", 10), ("api", 0)] {
        let mut command = sandbox.command(&["explain", "--exit-code"]);
        command
            .env("WHYCAP_NOW", "2026-11-20T10:00:10Z")
            .current_dir(sandbox.path(directory));
        assert_eq!(Run::of(&mut command, b"").code, code, "{directory}");
    }
}

/// Returns the exit codes of `explain` and `wait` in a shell.
fn codes(sandbox: &Sandbox) -> (i32, i32) {
    let at = "2026-11-20T10:01:10Z";
    let explained = in_shell(sandbox, at, &["explain", "--exit-code"]);
    let waited = in_shell(sandbox, at, &["wait", "--timeout", "1s"]);
    let has_timed_out = waited.stderr.contains("limit still applied");
    assert_eq!(has_timed_out, waited.code == 124, "{waited:?}");
    (explained.code, waited.code)
}

/// Other errors stop new sessions, although they do not use the model of the newest limit.
#[test]
fn other_limits_stop_new_sessions_with_another_model() {
    let sandbox = with_a_private_login();
    let [mut opus, mut sonnet] = two_sessions_of_login(&sandbox);
    OPUS.clone_into(&mut opus.model);
    SONNET.clone_into(&mut sonnet.model);
    reaches_sonnet_limit(&sonnet, "2026-11-20T10:00:00Z");
    reaches_opus_limit(&opus, "2026-11-20T10:01:00Z");
    sandbox.write(".claude/settings.json", r#"{"model": "sonnet"}"#);
    assert_eq!(codes(&sandbox), (10, 124));
    sandbox.write(".claude/settings.json", r#"{"model": "haiku"}"#);
    assert_eq!(codes(&sandbox), (0, 0));
    reaches_five_hour_limit(&session_of_login(&sandbox, "third"));
    assert_eq!(codes(&sandbox), (10, 124));

    // With "opusplan", Claude Code uses Sonnet outside plan mode.
    let sandbox = with_a_private_login();
    let mut sonnet = session_of_login(&sandbox, "sonnet");
    SONNET.clone_into(&mut sonnet.model);
    reaches_sonnet_limit(&sonnet, "2026-11-20T10:00:00Z");
    sandbox.write(".claude/settings.json", r#"{"model": "opusplan"}"#);
    assert_eq!(codes(&sandbox), (10, 124));
    sandbox.write(".claude/settings.json", r#"{"model": "opus"}"#);
    assert_eq!(codes(&sandbox), (0, 0));
}
