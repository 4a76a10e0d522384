//! Tests that `whycap incidents` lists the errors in the entire history, even if no hooks were installed.

use serde_json::{Value, json};

use crate::client::{Client, windows};
use crate::newest_evidence::{after, receives_response};
use crate::situation::{
    AT, FIVE_HOUR, NOON, PRIVATE, SOON, TUESDAY, WEEKLY, answer, belongs_to, flat,
    reaches_five_hour_limit, refused, session_of_login, two_sessions_of_login,
    with_a_private_login,
};
use crate::support::Sandbox;

const NOW: &str = "2026-11-20T18:00:00Z";

fn listed(sandbox: &Sandbox, at: &str) -> Value {
    Client::new(sandbox)
        .run(at, &["incidents", "--json"], b"")
        .json()
}

/// Adds a session without hooks that a limit stopped for half an hour. Its transcript keeps growing afterward.
fn add_stopped_session(sandbox: &Sandbox, session: &str, day: u32) {
    let client = Client::with_session(sandbox, session);
    let [start, error, response, later, last] =
        ["09:00:00", "10:00:00", "10:30:00", "10:31:00", "10:32:00"]
            .map(|time| format!("2026-11-{day:02}T{time}Z"));
    client.works(&start, 10);
    client.append(&client.error_line(&error, FIVE_HOUR, json!({})));
    client.works(&response, 10);
    let long = "x".repeat(400 * 1024);
    client.append(&json!({
        "type": "user", "uuid": format!("long-{session}"), "timestamp": later,
        "sessionId": session, "message": {"role": "user", "content": long},
    }));
    client.works(&last, 10);
}

/// Errors must be found anywhere in a transcript, no matter how old it is. Previously, only the last 256 KB of the
/// newest 20 transcripts were read.
#[test]
fn errors_inside_old_transcripts_are_listed_with_their_ends() {
    let sandbox = Sandbox::new();
    add_stopped_session(&sandbox, "stopped", 3);
    for number in 0..25 {
        let client = Client::with_session(&sandbox, &format!("later-{number}"));
        client.works(&format!("2026-11-19T10:00:{number:02}Z"), 10);
    }

    let incidents = listed(&sandbox, NOW);
    assert_eq!(
        incidents["incidents"].as_array().unwrap().len(),
        1,
        "{incidents:#}"
    );
    let incident = &incidents["incidents"][0];
    assert_eq!(incident["limit"], "five_hour");
    assert_eq!(incident["session_id"], "stopped");
    assert_eq!(incident["at"], "2026-11-03T10:00:00Z");
    assert_eq!(incident["blocked_until"], "2026-11-03T10:30:00Z");
    assert_eq!(incident["open"], false);
    assert_eq!(incidents["sums"]["blocked_s"], 30 * 60, "{incidents:#}");
    assert_eq!(incidents["sums"]["unknown_end"], 0, "{incidents:#}");
}

/// `explain`, `report`, `now`, and `wait` must find an error even if its transcript is not one of the newest 20.
/// Otherwise, they would deny an error that `incidents` lists.
#[test]
fn no_command_denies_an_error_in_an_old_transcript() {
    let sandbox = Sandbox::new();
    let opus = Client::with_session(&sandbox, "opus");
    opus.works("2026-11-18T09:00:00Z", 10);
    let text = "You've hit your Opus limit · resets Nov 26, 3pm (UTC)";
    opus.append(&opus.error_line("2026-11-18T10:00:00Z", text, json!({})));
    for number in 0..25 {
        let client = Client::with_session(&sandbox, &format!("later-{number}"));
        client.works(&format!("2026-11-19T10:00:{number:02}Z"), 10);
    }
    for is_in_ledger in [false, true] {
        for command in ["explain", "report"] {
            let text = opus.run(NOW, &[command], b"").stdout;
            assert!(text.contains("Opus limit"), "{command}: {text}");
        }
        if !is_in_ledger {
            let ledger = std::fs::read_dir(sandbox.path(".local/share/whycap")).is_ok();
            assert!(!ledger, "explaining an error created a ledger");
        }
        let now = opus.run(NOW, &["now"], b"").stdout;
        assert!(!now.contains("no limit is blocking you"), "{now}");
    }
    let code = opus.run(NOW, &["explain", "--exit-code"], b"").code;
    let wait = opus.run(NOW, &["wait", "--timeout", "1s"], b"");
    assert!(
        wait.stderr
            .contains("timed out while the limit still applied")
    );
    assert_eq!((code, wait.code), (10, 124));

    let after_reset = opus.run("2026-11-27T10:00:00Z", &["explain", "--json"], b"");
    let incident = &after_reset.json()["incident"];
    assert_eq!(incident["session_id"], "opus", "{incident:#}");
    let now = opus.run("2026-11-27T10:00:00Z", &["now"], b"").stdout;
    assert!(now.contains("no limit is blocking you"), "{now}");
}

#[test]
fn errors_of_deleted_transcripts_are_still_listed() {
    let sandbox = Sandbox::new();
    add_stopped_session(&sandbox, "stopped", 3);
    let before = listed(&sandbox, NOW);
    std::fs::remove_dir_all(sandbox.path(".claude/projects")).unwrap();
    let after = listed(&sandbox, NOW);
    assert_eq!(before["sums"], after["sums"], "{after:#}");
    assert_eq!(after["incidents"][0]["message"], FIVE_HOUR);
}

/// Several attempts during the same limit must be listed as one entry.
#[test]
fn attempts_at_the_same_limit_are_one_entry() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    for minute in [0, 5, 20, 40, 50] {
        let at = format!("2026-11-20T10:{minute:02}:00Z");
        client.append(&client.error_line(&at, FIVE_HOUR, json!({})));
    }
    let incidents = listed(&sandbox, "2026-11-20T11:00:00Z");
    assert_eq!(
        incidents["incidents"].as_array().unwrap().len(),
        1,
        "{incidents:#}"
    );
    let entry = &incidents["incidents"][0];
    assert_eq!(entry["attempts"], 5);
    assert_eq!(entry["first_at"], "2026-11-20T10:00:00Z");
    assert_eq!(entry["last_at"], "2026-11-20T10:50:00Z");
    assert_eq!(entry["open"], true);
    assert_eq!(incidents["sums"]["errors"], 5);
    assert_eq!(incidents["sums"]["stops"], 1);

    let text = client.run("2026-11-20T11:00:00Z", &["incidents"], b"");
    let entry = "10:00, 1 h ago, 5 attempts, last at 10:50 (still blocked)";
    assert!(text.success().contains(entry), "{}", text.stdout);

    // In a new window, a limit stops the work again.
    client.works("2026-11-20T12:01:00Z", 10);
    client.append(&client.error_line(
        "2026-11-20T15:00:00Z",
        "You've hit your 5-hour limit · resets 5pm (UTC)",
        json!({}),
    ));
    let incidents = listed(&sandbox, "2026-11-20T15:01:00Z");
    let attempts: Vec<&Value> = incidents["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["attempts"])
        .collect();
    assert_eq!(attempts, [1, 5], "{incidents:#}");
}

/// Agents that run in parallel can be refused in the same millisecond. Only a copied line has the same ID as another
/// line.
#[test]
fn simultaneous_errors_are_listed_without_their_copies() {
    let sandbox = Sandbox::new();
    for session in ["one", "two"] {
        let client = Client::with_session(&sandbox, session);
        let id = json!({"uuid": format!("error-of-{session}")});
        let line = client.error_line("2026-11-20T10:00:00.123Z", FIVE_HOUR, id);
        client.append(&line);
        Client::with_session(&sandbox, &format!("fork-of-{session}")).append(&line);
    }
    let incidents = listed(&sandbox, "2026-11-20T11:00:00Z");
    let mut sessions: Vec<&Value> = incidents["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["session_id"])
        .collect();
    sessions.sort_by_key(|session| session.as_str());
    assert_eq!(sessions, ["one", "two"], "{incidents:#}");
    assert_eq!(incidents["sums"]["errors"], 2, "{incidents:#}");
}

/// An error that both a hook and a transcript report counts once.
#[test]
fn an_error_in_the_journal_and_in_a_transcript_counts_once() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error("2026-11-20T10:00:00.010Z", FIVE_HOUR, json!({}));
    // The client killed the hook before it could read this error's line.
    client.stop_failure("2026-11-20T10:20:00.030Z", FIVE_HOUR);
    client.append(&client.error_line("2026-11-20T10:20:00Z", FIVE_HOUR, json!({})));
    // No hook ran for this error.
    client.append(&client.error_line("2026-11-20T10:40:00Z", FIVE_HOUR, json!({})));
    let incidents = listed(&sandbox, "2026-11-20T11:00:00Z");
    assert_eq!(incidents["sums"]["errors"], 3, "{incidents:#}");
    assert_eq!(incidents["incidents"][0]["attempts"], 3);
}

/// Says whether Claude Code runs the hook before or after it writes the error's line, or kills the hook.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Hook {
    AfterLine,
    BeforeLine,
    Killed,
}

/// Simulates a prompt that is refused at the 5-hour limit, in a minute after 10:00.
fn fails_at_limit(client: &Client<'_>, minute: u32, hook: Hook) {
    client.sends_prompt(&format!("2026-11-20T10:0{minute}:00Z"), "go on");
    let line_at = format!("2026-11-20T10:0{minute}:05Z");
    let hook_at = format!("2026-11-20T10:0{minute}:05.020Z");
    let line = client.error_line(&line_at, FIVE_HOUR, json!({}));
    if hook == Hook::BeforeLine {
        client.stop_failure(&hook_at, FIVE_HOUR);
    }
    client.append(&line);
    if hook == Hook::AfterLine {
        client.stop_failure(&hook_at, FIVE_HOUR);
    }
}

/// Claude Code may run a hook before it writes the error's line, and it may kill a hook. When the user tries again, the
/// line of the earlier error must not be mistaken for that of the new one. `incidents` must list both attempts, whether
/// or not it also ran in between.
#[test]
fn both_attempts_are_listed_even_if_the_hooks_run_before_the_lines_are_written() {
    use Hook::{AfterLine, BeforeLine, Killed};
    for first in [AfterLine, BeforeLine, Killed] {
        for second in [AfterLine, BeforeLine, Killed] {
            for is_asked_in_between in [false, true] {
                let sandbox = Sandbox::new();
                let client = Client::new(&sandbox);
                fails_at_limit(&client, 1, first);
                if is_asked_in_between {
                    listed(&sandbox, "2026-11-20T10:01:30Z");
                }
                fails_at_limit(&client, 6, second);
                for at in ["2026-11-20T10:07:00Z", "2026-11-20T10:08:00Z"] {
                    let incidents = listed(&sandbox, at);
                    let entries = incidents["incidents"].as_array().unwrap();
                    let times: Vec<[&Value; 3]> = entries
                        .iter()
                        .map(|entry| ["attempts", "first_at", "last_at"].map(|field| &entry[field]))
                        .collect();
                    let expected = json!([2, "2026-11-20T10:01:05Z", "2026-11-20T10:06:05Z"]);
                    assert_eq!(
                        json!(times),
                        json!([expected]),
                        "{first:?}, {second:?}, asked in between: {is_asked_in_between}"
                    );
                }
            }
        }
    }
}

/// Stops a session at its 5-hour limit three minutes before the limit resets.
fn reaches_limit_before_reset(client: &Client<'_>) {
    client.works("2026-11-20T11:50:00Z", 10);
    client.sends_prompt("2026-11-20T11:57:00Z", "go on");
    let refusal = refused("five_hour", NOON, "");
    client.receives_error("2026-11-20T11:57:02Z", FIVE_HOUR, &refusal);
}

/// Simulates an automatic continuation that the server refuses. Claude Code runs the hook before or after it writes the
/// prompt, and then writes the error's line. If the prompt is written first, the line is late, and the user asks about
/// the error more than two seconds after the hook.
fn continues_in_vain(client: &Client<'_>, minute: u32, is_prompt_written_first: bool) {
    let [announced_at, continued_at, error_at, hook_at, asked_at] =
        ["10.100", "10.200", "10.300", "10.320", "13.000"]
            .map(|second| format!("2026-11-20T12:0{minute}:{second}Z"));
    if !is_prompt_written_first {
        client.stop_failure(&hook_at, FIVE_HOUR);
    }
    client.announces(
        &announced_at,
        "Usage limit reset · Continuing automatically",
    );
    client.continues_automatically(&continued_at);
    if is_prompt_written_first {
        client.stop_failure(&hook_at, FIVE_HOUR);
        listed(client.sandbox, &asked_at);
    }
    let refusal = refused("five_hour", NOON, "");
    client.append(&client.error_line(&error_at, FIVE_HOUR, refusal));
}

/// Claude Code continues by itself after a reset, and the server may still refuse the request, for example because the
/// clocks differ. Claude Code may run the hook before it writes the error's line, or even before it writes the prompt,
/// so the hook must not use the line of the refusal before the reset. The stop begins with the first refusal and lasts
/// until the next response. A refusal after that response is another stop.
#[test]
fn a_stop_that_outlasts_its_reset_is_one_entry() {
    for is_prompt_written_first in [false, true] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        reaches_limit_before_reset(&client);
        listed(&sandbox, "2026-11-20T12:00:30Z");
        for minute in [1, 2] {
            continues_in_vain(&client, minute, is_prompt_written_first);
        }
        let entries = |at: &str| {
            let incidents = listed(&sandbox, at);
            let entries: Vec<[Value; 4]> = incidents["incidents"]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| {
                    ["attempts", "first_at", "last_at", "blocked_until"]
                        .map(|field| entry[field].clone())
                })
                .collect();
            let sums = &incidents["sums"];
            let totals = ["errors", "blocked_s"].map(|field| sums[field].clone());
            (json!(entries), json!(totals))
        };
        for at in ["2026-11-20T12:02:30Z", "2026-11-20T12:03:00Z"] {
            let entry = json!([3, "2026-11-20T11:57:02Z", "2026-11-20T12:02:10Z", null]);
            assert_eq!(entries(at), (json!([entry]), json!([3, 308])), "{at}");
        }

        client.sends_prompt("2026-11-20T12:03:55Z", "go on");
        client.works("2026-11-20T12:04:00Z", 10);
        let stop = json!([
            3,
            "2026-11-20T11:57:02Z",
            "2026-11-20T12:02:10Z",
            "2026-11-20T12:04:00Z"
        ]);
        let at = "2026-11-20T12:05:00Z";
        assert_eq!(entries(at), (json!([stop]), json!([3, 418])));
        let explanation = client.run(at, &["explain"], b"").stdout;
        assert!(explanation.contains("responded at 12:04"), "{explanation}");
        let now = client.run(at, &["now"], b"").stdout;
        assert!(now.contains("no limit is blocking you"), "{now}");

        client.sends_prompt("2026-11-20T12:40:00Z", "go on");
        client.receives_error(
            "2026-11-20T12:40:02Z",
            "You've hit your 5-hour limit · resets 5pm (UTC)",
            refused("five_hour", NOON + 18_000, ""),
        );
        let (all, _) = entries("2026-11-20T12:41:00Z");
        assert_eq!(all[0][1], "2026-11-20T12:40:02Z", "{all:#}");
        assert_eq!(all[1], stop, "{all:#}");
    }
}

/// Claude Code kills the hook for a refusal before the reset. After the reset, it continues by itself and is refused
/// again, and it runs the hook before it writes the line. The hook used the line of the refusal before the reset, which
/// was minutes old, so the first attempt was missing from `incidents`.
#[test]
fn a_hook_does_not_use_the_line_of_an_earlier_refusal_whose_hook_was_killed() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.works("2026-11-20T11:50:00Z", 10);
    client.sends_prompt("2026-11-20T11:57:00Z", "go on");
    let refusal = refused("five_hour", NOON, "");
    client.append(&client.error_line("2026-11-20T11:57:02Z", FIVE_HOUR, refusal));
    continues_in_vain(&client, 1, false);
    let incidents = listed(&sandbox, "2026-11-20T12:02:00Z");
    let entry = &incidents["incidents"][0];
    assert_eq!(entry["attempts"], 2, "{incidents:#}");
    assert_eq!(entry["first_at"], "2026-11-20T11:57:02Z", "{incidents:#}");
    assert_eq!(entry["last_at"], "2026-11-20T12:01:10Z", "{incidents:#}");
}

/// Another prompt is queued when the server refuses the first one. Claude Code sends it, the server refuses it two
/// seconds later, and the hook runs before the line is written. The hook used the line of the first refusal, so
/// `incidents` listed the second refusal twice.
#[test]
fn a_hook_does_not_use_the_line_of_a_refusal_two_seconds_before() {
    for is_first_line_late in [false, true] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        client.works("2026-11-20T09:50:00Z", 10);
        client.sends_prompt("2026-11-20T09:59:59Z", "go on");
        let refusal = refused("five_hour", NOON, "");
        let first = client.error_line("2026-11-20T10:00:00.300Z", FIVE_HOUR, &refusal);
        if is_first_line_late {
            client.stop_failure("2026-11-20T10:00:00.320Z", FIVE_HOUR);
            client.append(&first);
        } else {
            client.append(&first);
            client.stop_failure("2026-11-20T10:00:00.320Z", FIVE_HOUR);
        }
        client.stop_failure("2026-11-20T10:00:02.020Z", FIVE_HOUR);
        client.append(&client.error_line("2026-11-20T10:00:02.000Z", FIVE_HOUR, refusal));
        let incidents = listed(&sandbox, "2026-11-20T10:01:00Z");
        let case = format!("first line late: {is_first_line_late}: {incidents:#}");
        assert_eq!(incidents["incidents"][0]["attempts"], 2, "{case}");
        assert_eq!(incidents["sums"]["errors"], 2, "{case}");
    }
}

/// A request is refused after the reset that the server stated, and another session then reports the next window.
/// `explain` said that the limit had been reset early.
#[test]
fn a_reading_from_after_the_stated_reset_does_not_show_an_early_reset() {
    let refused_often = [
        "2026-11-20T11:57:02Z",
        "2026-11-20T12:01:10Z",
        "2026-11-20T12:02:10Z",
    ];
    for refusals in [&refused_often[..], &["2026-11-20T12:00:20Z"]] {
        let sandbox = with_a_private_login();
        let [stopped, mut other] = two_sessions_of_login(&sandbox);
        for at in refusals {
            stopped.sends_prompt(at, "go on");
            stopped.receives_error(at, FIVE_HOUR, refused("five_hour", NOON, ""));
        }
        let next_window = windows(2.0, NOON + 18_000, 40.0, TUESDAY);
        other.api_ms += 100;
        other.calls_status_line("2026-11-20T12:05:00Z", next_window, 120);
        let at = "2026-11-20T12:06:00Z";
        let explanation = flat(&stopped.run(at, &["explain"], b"").stdout);
        assert!(!explanation.contains("early"), "{explanation}");
    }
}

/// Claude Code continues by itself, and its request is refused. The user returns hours later. `incidents` counted the
/// hours of absence as blocked.
#[test]
fn the_absence_of_the_user_after_a_refused_continuation_is_not_blocked_time() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit_before_reset(&client);
    continues_in_vain(&client, 1, false);
    client.sends_prompt("2026-11-20T16:29:55Z", "go on");
    client.works("2026-11-20T16:30:00Z", 10);
    let incidents = listed(&sandbox, "2026-11-20T16:31:00Z");
    let entry = &incidents["incidents"][0];
    assert_eq!(entry["attempts"], 2, "{incidents:#}");
    assert_eq!(entry["blocked_until"], "2026-11-20T12:06:10Z");
    assert_eq!(incidents["sums"]["blocked_s"], 548, "{incidents:#}");
}

/// If the weekly limit is reached after the 5-hour limit, the entry about the 5-hour limit must not change, because the
/// weekly limit had not refused any prompt until then.
#[test]
fn a_limit_that_is_reached_later_does_not_change_an_earlier_entry() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.calls_status_line(
        "2026-11-20T09:59:50Z",
        windows(100.0, NOON, 31.0, TUESDAY),
        120,
    );
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    client.sends_prompt("2026-11-20T10:55:00Z", "go on");
    client.receives_error(
        "2026-11-20T10:55:04Z",
        WEEKLY,
        refused("seven_day", TUESDAY, ""),
    );
    client.calls_status_line(
        "2026-11-20T10:55:05Z",
        windows(100.0, NOON, 100.0, TUESDAY),
        120,
    );
    for at in ["2026-11-20T10:56:00Z", "2026-11-20T12:10:00Z"] {
        let incidents = listed(&sandbox, at);
        let first = &incidents["incidents"][1];
        assert_eq!(
            first["headline"],
            "Your 5-hour limit was used up, and the next attempt was refused as well.",
            "{first:#}"
        );
        assert_eq!(first["resets_at"], "2026-11-20T12:00:00Z", "{first:#}");
    }
}

/// Once a reading has shown that a window has reset, the reset remains proven, even after the next window has ended.
#[test]
fn a_proven_reset_is_still_proven_after_the_next_window_has_ended() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    reaches_five_hour_limit(&stopped);
    other.works("2026-11-20T12:02:00Z", 10);
    other.calls_status_line(
        "2026-11-20T12:02:01Z",
        windows(5.0, NOON + 18_000, 41.0, TUESDAY),
        120,
    );
    for at in [
        "2026-11-20T12:03:00Z",
        "2026-11-20T17:30:00Z",
        "2026-11-21T10:00:00Z",
    ] {
        let incidents = listed(&sandbox, at);
        let headline = incidents["incidents"][0]["headline"].to_string();
        assert!(
            headline.contains("used up, and the limit reset at 12:00"),
            "{at}: {headline}"
        );
    }
}

/// `incidents --session` must list the session's entries as `incidents` lists them.
#[test]
fn the_entries_of_one_session_are_the_same_as_among_all_sessions() {
    let credits = "You're out of extra usage · resets 12pm (UTC)";
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    reaches_five_hour_limit(&stopped);
    for (client, at, text) in [
        (&other, "2026-11-20T10:02:20Z", FIVE_HOUR),
        (&stopped, "2026-11-20T10:02:30Z", credits),
        (&stopped, "2026-11-20T10:13:00Z", FIVE_HOUR),
    ] {
        client.receives_error(at, text, json!({}));
    }
    let at = "2026-11-20T10:14:00Z";
    let all = listed(&sandbox, at);
    let of_stopped: Vec<Value> = all["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["session_id"] == "stopped")
        .cloned()
        .collect();
    let arguments = ["incidents", "--session", "stopped", "--json"];
    let alone = stopped.run(at, &arguments, b"").json();
    assert_eq!(alone["incidents"], json!(of_stopped));
    assert_eq!(alone["sums"]["errors"], 3, "{alone:#}");
    assert_eq!(alone["sums"]["stops"], of_stopped.len(), "{alone:#}");
    assert_eq!(alone["sums"]["blocked_s"], 14 * 60, "{alone:#}");
}

/// After a false alarm, every command must say what happened, and that the message was probably wrong.
#[test]
fn a_false_alarm_is_still_called_one_after_it_has_passed() {
    let credits = "You're out of usage credits · resets Nov 24, 6am (UTC)";
    let weekly = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
    for (text, refusal, summary) in [
        (
            credits,
            refused("overage", TUESDAY, "out_of_credits"),
            "The usage credits error was probably a false alarm (5-hour usage was 42%), and Claude Code responded at 10:10.",
        ),
        (
            weekly,
            json!({}),
            "The weekly limit error was probably a false alarm (weekly usage was 17%), and Claude Code responded at 10:10.",
        ),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        let room = windows(42.0, NOON, 17.0, TUESDAY);
        client.calls_status_line("2026-11-20T09:59:00Z", room, 120);
        client.receives_error(AT, text, refusal);
        client.works("2026-11-20T10:10:00Z", 10);
        let at = "2026-11-20T10:11:00Z";
        let explained = flat(client.run(at, &["explain"], b"").success());
        assert!(explained.starts_with(summary), "{explained}");
        assert!(
            !explained.contains("limit no longer applies"),
            "{explained}"
        );
        let reply = answer(&client, at);
        let expected = format!("You are not blocked. {summary}");
        assert!(reply.starts_with(&expected), "{reply}");
        for at in [at, "2026-11-20T12:30:00Z", "2026-11-25T10:00:00Z"] {
            let listed = flat(client.run(at, &["incidents"], b"").success());
            let entry = format!("(over, probably a false alarm) {summary}");
            assert!(listed.contains(&entry), "{listed}");
        }
    }
}

/// For each end that can occur in `an_entry_states_its_end_once`, returns true if `incidents` lists it.
fn listed_ends(client: &Client<'_>, at: &str) -> [bool; 4] {
    let list = flat(client.run(at, &["incidents"], b"").success());
    [
        "Your 5-hour limit was used up, but Claude Code responded at 10:10.",
        "The service was overloaded (not a usage limit), which usually passes within minutes; send the prompt again.",
        "The service was overloaded (not a usage limit), which usually passes within minutes.",
        "The service was overloaded (not a usage limit), but another session received a response at 10:20.",
    ]
    .map(|end| list.contains(end))
}

/// Once an entry says how an error ended, later events must not change it.
#[test]
fn an_entry_states_its_end_once() {
    let weekly = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    belongs_to(&client, PRIVATE, "private-organization");
    reaches_five_hour_limit(&client);
    client.works("2026-11-20T10:10:00Z", 10);
    let closed = Client::with_session(&sandbox, "closed");
    closed.receives_error(
        "2026-11-20T10:12:00Z",
        "API Error: 529 Overloaded",
        json!({"apiErrorStatus": 529}),
    );
    let ends = listed_ends(&client, "2026-11-20T10:16:00Z");
    assert_eq!(ends, [true, false, true, false]);
    client.works("2026-11-20T10:20:00Z", 10);
    client.receives_error(
        "2026-11-20T10:30:00Z",
        weekly,
        refused("seven_day", TUESDAY, ""),
    );
    let full = windows(100.0, NOON, 100.0, TUESDAY);
    client.calls_status_line("2026-11-20T10:30:01Z", full, 120);
    let is_unchanged = [true, false, false, true];
    for at in ["2026-11-20T10:31:00Z", "2026-11-20T12:10:00Z"] {
        assert_eq!(listed_ends(&client, at), is_unchanged, "{at}");
    }
    client.works("2026-11-20T13:00:00Z", 10);
    let reset_early = windows(3.0, NOON + 18_000, 3.0, TUESDAY);
    client.calls_status_line("2026-11-20T13:00:01Z", reset_early, 120);
    for at in [
        "2026-11-20T13:01:00Z",
        "2026-11-21T10:00:00Z",
        "2026-12-24T10:00:00Z",
    ] {
        assert_eq!(listed_ends(&client, at), is_unchanged, "{at}");
    }
}

/// If nothing shows when a service problem ended, `incidents` must no longer change its description after the usual
/// pause. It called the problem "over" even when `explain` said that it only should be over, or that the error was too old
/// to tell.
#[test]
fn a_problem_that_ended_unseen_is_described_in_the_same_way_forever() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let status = json!({"apiErrorStatus": 529});
    client.receives_error(AT, "API Error: 529 Overloaded", status);
    let happened = "The service was overloaded (not a usage limit), which usually passes within minutes. API Error";
    let too_old = (
        "too old to tell whether it is over",
        "The error is too old to tell whether you are still blocked.",
    );
    for (at, (state, explained_state)) in [
        (
            "2026-11-20T10:04:00Z",
            ("should be over", "The problem should be over by now."),
        ),
        ("2026-11-20T10:40:00Z", too_old),
        ("2026-11-21T10:00:00Z", too_old),
        ("2026-12-24T10:00:00Z", too_old),
    ] {
        let listed = flat(client.run(at, &["incidents"], b"").success());
        let entry = format!("({state}) {happened}");
        assert!(listed.contains(&entry), "{at}: {listed}");
        let explained = flat(client.run(at, &["explain"], b"").success());
        assert!(explained.contains(explained_state), "{at}: {explained}");
    }
}

/// Seconds after the reset, `explain` said that the limit should have reset, `incidents` called it "over", and `now` showed
/// "5h 0%" as if the new usage had been reported. `now` and `wait` said as a fact that nothing was blocking the user.
#[test]
fn every_screen_says_that_a_limit_should_have_reset_until_the_reset_is_confirmed() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    client.calls_status_line(SOON, full.clone(), 120);
    client.calls_status_line("2026-11-20T11:59:00Z", full, 120);
    let shown = |command: &str, at: &str| flat(client.run(at, &[command], b"").success());
    let at = "2026-11-20T12:00:10Z";
    let explained = shown("explain", at);
    assert!(explained.contains("should have reset"), "{explained}");
    let listed = shown("incidents", at);
    assert!(listed.contains("(should have reset)"), "{listed}");
    for (command, not_blocked) in [
        ("now", "as far as whycap knows, no limit is blocking you"),
        ("wait", "As far as whycap knows, you are not blocked."),
    ] {
        let shown = shown(command, "2026-11-20T12:02:10Z");
        assert!(shown.ends_with(not_blocked), "{command}: {shown}");
    }

    let at = "2026-11-20T12:02:00Z";
    client.sends_prompt("2026-11-20T12:01:00Z", "continue");
    client.works("2026-11-20T12:01:05Z", 10);
    let listed = shown("incidents", at);
    assert!(listed.contains("(over)"), "{listed}");
    // The new window was shown beside the reset of the window before it.
    let next = windows(1.0, NOON + 5 * 3_600, 40.0, TUESDAY);
    client.calls_status_line("2026-11-20T12:01:16Z", next, 120);
    let now = shown("now", at);
    assert!(now.contains("1% resets 17:00"), "{now}");
    assert!(!now.contains("should have reset"), "{now}");
}

/// A limit had stopped two sessions, and one of them received a response after the reset. `incidents` said that the limit is
/// over in this session, but that it should have reset in the other one.
#[test]
fn a_response_after_the_reset_confirms_it_for_all_sessions_of_the_account() {
    let sandbox = with_a_private_login();
    let [stopped, continued] = two_sessions_of_login(&sandbox);
    for (client, at) in [(&stopped, AT), (&continued, SOON)] {
        client.receives_error(at, FIVE_HOUR, refused("five_hour", NOON, "out_of_credits"));
    }
    continued.sends_prompt("2026-11-20T12:05:00Z", "continue");
    continued.works("2026-11-20T12:05:05Z", 10);
    let incidents = continued.run("2026-11-20T12:06:00Z", &["incidents"], b"");
    let shown = flat(incidents.success());
    assert!(shown.contains("(over, same limit as"), "{shown}");
    assert!(!shown.contains("should have reset"), "{shown}");
}

/// `now` showed "5h 0%" right after a reset, and "reported 1 m ago" below it, although Claude Code had reported 90%.
#[test]
fn now_says_that_a_window_should_have_reset_if_its_new_usage_has_not_been_reported() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "works");
    let at = "2026-11-20T11:59:30Z";
    client.calls_status_line(at, windows(90.0, NOON, 40.0, TUESDAY), 120);
    let now = |client: &Client<'_>, at| flat(client.run(at, &["now"], b"").success());
    let shown = now(&client, "2026-11-20T12:00:10Z");
    assert!(shown.contains("0% should have reset at 12:00"), "{shown}");
    client.api_ms += 300;
    let next_reset = NOON + 5 * 3600;
    let at = "2026-11-20T12:01:00Z";
    client.calls_status_line(at, windows(1.0, next_reset, 40.0, TUESDAY), 120);
    let shown = now(&client, "2026-11-20T12:01:10Z");
    assert!(!shown.contains("should have reset"), "{shown}");
}

/// After the reset of the week, `now` showed "week 0%" without a remark. Only "5h 0%" had one.
#[test]
fn now_says_that_the_week_should_have_reset_if_its_new_usage_has_not_been_reported() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "works");
    let usage = windows(40.0, NOON + 3_600, 90.0, NOON);
    client.calls_status_line("2026-11-20T11:59:30Z", usage, 120);
    let now = client.run("2026-11-20T12:00:10Z", &["now"], b"");
    let shown = flat(now.success());
    assert!(shown.contains("0% should have reset at 12:00"), "{shown}");
}

/// A day after a refused login, `explain` said that the error was too old to tell, but `incidents` said that it was over.
#[test]
fn an_error_that_is_too_old_to_tell_is_not_called_over() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
    let text = "Please run /login · API Error: 401 Invalid authentication credentials";
    client.receives_error(AT, text, refusal);
    let at = "2026-11-21T12:00:00Z";
    let explained = flat(client.run(at, &["explain"], b"").success());
    assert!(explained.contains("too old to tell"), "{explained}");
    let listed = flat(client.run(at, &["incidents"], b"").success());
    assert!(
        listed.contains("(too old to tell whether it is over)"),
        "{listed}"
    );
}

/// A session with a stray key was closed, and the user continues without the key. `explain` and `/whycap` must say in
/// the past tense what happened and name the session.
#[test]
fn the_error_of_a_key_in_a_closed_session_is_described_in_the_past_tense() {
    let sandbox = with_a_private_login();
    let mut with_key = Client::with_session(&sandbox, "with-key");
    let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned());
    with_key.variables.push(key);
    let balance = json!({"apiErrorStatus": 400, "error": "billing_error"});
    with_key.receives_error(AT, "Credit balance is too low", balance);
    let on_plan = session_of_login(&sandbox, "on-plan");
    on_plan.works("2026-11-20T10:05:00Z", 10);

    let at = "2026-11-20T10:06:00Z";
    let happened = "A request failed because ANTHROPIC_API_KEY had no credits";
    let headline = format!("{happened}, but that key is no longer set");
    let explained = flat(on_plan.run(at, &["explain"], b"").success());
    let reply = answer(&on_plan, at);
    assert!(
        explained.starts_with(&format!("{headline}. Session: with-key What")),
        "{explained}"
    );
    let elsewhere =
        format!("{headline}; you can continue. This happened in another session (\"hi\")");
    assert!(reply.starts_with(&elsewhere), "{reply}");
    for place in [&explained, &reply] {
        let key = "ANTHROPIC_API_KEY was set in the environment and overrode your login.";
        assert!(place.contains(key), "{place}");
        assert!(!place.contains("Nothing is blocking you"), "{place}");
    }
    assert!(
        explained.contains("1. Send the prompt again"),
        "{explained}"
    );
    let step = "1. You can continue; the error stopped another session";
    assert!(reply.contains(step), "{reply}");
    for at in [at, "2026-11-21T10:00:00Z", "2026-12-24T10:00:00Z"] {
        let list = flat(on_plan.run(at, &["incidents"], b"").success());
        assert!(list.contains(&headline), "{list}");
    }
}

/// If a usage window fills up after an overload, the explanation of the overload must neither give the window's usage as a
/// reason nor advise paying.
#[test]
fn an_overload_is_not_explained_by_a_window_that_filled_up_later() {
    let sandbox = with_a_private_login();
    let closed = Client::with_session(&sandbox, "closed");
    closed.receives_error(
        AT,
        "API Error: 529 Overloaded",
        json!({"apiErrorStatus": 529}),
    );
    let paying = session_of_login(&sandbox, "paying");
    paying.works("2026-11-20T10:06:00Z", 10);
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    paying.calls_status_line("2026-11-20T10:06:01Z", full, 120);
    let incident = closed
        .run(
            "2026-11-20T10:07:00Z",
            &["explain", "--json", "--session", "closed"],
            b"",
        )
        .json()["incident"]
        .clone();
    let first = &incident["actions"][0];
    let step = "You can wait until 12:00, when your 5-hour limit resets";
    assert_eq!(first["do"], step, "{incident:#}");
    assert_eq!(first["costs_money"], false, "{incident:#}");
    let facts = incident["evidence"].to_string();
    assert!(!facts.contains("usage was"), "{facts}");
}

/// The reasons must quote the server. They must not mention the plan, which has nothing to do with these errors.
#[test]
fn the_reasons_for_an_error_that_is_not_a_limit_quote_the_server() {
    for (text, more, quoted) in [
        (
            "Please run /login · API Error: 401 OAuth token has expired. Please obtain a new token.",
            json!({"error": "authentication_failed", "apiErrorStatus": 401}),
            "The server responded: \"OAuth token has expired. Please obtain a new token.\"",
        ),
        (
            "Prompt is too long",
            json!({
                "error": "invalid_request", "apiErrorStatus": 400,
                "errorDetails": r#"400 {"error":{"message":"prompt is too long: 215000 tokens > 200000 maximum"}}"#,
            }),
            "The server responded: \"prompt is too long: 215000 tokens > 200000 maximum\"",
        ),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.receives_error(AT, text, more);
        let incident = client.explained(SOON);
        let facts: Vec<&Value> = incident["evidence"]
            .as_array()
            .unwrap()
            .iter()
            .map(|reason| &reason["fact"])
            .collect();
        assert_eq!(facts, [quoted], "{incident:#}");
    }
}

/// Claude Code's own words must not be attributed to the server, which may not even have received the request.
#[test]
fn the_words_of_claude_code_are_not_attributed_to_the_server() {
    for text in [
        "API Error: Could not load AWS credentials",
        "API Error: Request was aborted.",
        "API Error: 400 due to tool use concurrency issues.",
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.receives_error(AT, text, json!({}));
        let facts = client.explained(SOON)["evidence"].to_string();
        assert!(!facts.contains("The server responded"), "{text}: {facts}");
    }
}

/// Responses in other sessions say nothing about a conversation that is too long, so they must not be given as the end
/// of such an error.
#[test]
fn a_response_elsewhere_does_not_end_what_only_the_session_itself_can_end() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let status = json!({"error": "invalid_request", "apiErrorStatus": 400});
    client.receives_error(AT, "Prompt is too long", status);
    Client::with_session(&sandbox, "other").receives_response("2026-11-20T10:03:00Z");
    client.receives_response("2026-11-20T10:05:00Z");
    let listed = client.run("2026-11-20T10:20:00Z", &["incidents"], b"");
    let text = flat(listed.success());
    assert!(text.contains("Claude Code responded at 10:05"), "{text}");
    assert!(!text.contains("another session"), "{text}");
}

/// If there is a key but no login, the explanation must not say that the key overrides a login.
#[test]
fn a_key_without_a_login_overrides_nothing() {
    let sandbox = Sandbox::new();
    let mut client = Client::new(&sandbox);
    let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned());
    client.variables.push(key);
    let balance = json!({"apiErrorStatus": 400, "error": "billing_error"});
    client.receives_error(AT, "Credit balance is too low", balance);
    let facts = client.explained(SOON)["evidence"].to_string();
    let key = "ANTHROPIC_API_KEY is set in the environment, and whycap found no login with a plan.";
    assert!(facts.contains(key), "{facts}");
    assert!(!facts.contains("overrides"), "{facts}");
}

/// When the server throttles a session on a plan, its message may use the same words as for the rate limit of an API
/// organization. The explanation must not mention an organization.
#[test]
fn a_throttle_of_a_session_on_a_plan_is_not_that_of_an_api_organization() {
    let text = "API Error: Server is temporarily limiting requests (not your usage limit) · Number of request tokens has exceeded your per-minute rate limit";
    let sandbox = with_a_private_login();
    let mut client = Client::new(&sandbox);
    let transient = json!({"apiErrorIsTransient": true});
    client.receives_error(AT, text, &transient);
    let incident = client.explained(SOON);
    assert_eq!(incident["service"], "plan", "{incident:#}");
    assert_eq!(
        incident["headline"],
        "There were too many requests at once (not your usage limit); wait a minute and send the prompt again."
    );
    let actions = incident["actions"].as_array().unwrap();
    assert!(
        actions.iter().all(|action| action["costs_money"] == false),
        "{actions:#?}"
    );
    assert!(!incident.to_string().contains("for one person"));

    client.session = "with-key".to_owned();
    let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned());
    client.variables.push(key);
    client.receives_error("2026-11-20T10:05:00Z", text, transient);
    let incident = client.explained("2026-11-20T10:05:02Z");
    assert_eq!(incident["service"], "console", "{incident:#}");
}

/// If an admin has turned credits off, users cannot turn them on.
#[test]
fn credits_that_an_admin_turned_off_are_not_recommended() {
    for (reason, is_recommended) in [
        ("seat_tier_level_disabled", false),
        ("member_zero_credit_limit", false),
        ("org_level_disabled", true),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, reason));
        let incident = client.explained(SOON);
        let actions = incident["actions"].as_array().unwrap();
        let has_purchase = actions.iter().any(|action| action["costs_money"] == true);
        assert_eq!(has_purchase, is_recommended, "{reason}: {actions:#?}");
    }
}

/// A member whose type of seat has no usage credits was told to ask an admin for credits, which would not have helped.
#[test]
fn a_seat_without_credits_is_not_told_to_ask_for_credits() {
    for (role, reason, step) in [
        (
            "user",
            "seat_tier_level_disabled",
            "Or ask an admin for a different type of seat, or to allow usage credits for your type of seat",
        ),
        (
            "user",
            "seat_tier_zero_credit_limit",
            "Or ask an admin for a different type of seat, or to allow usage credits for your type of seat",
        ),
        (
            "admin",
            "seat_tier_zero_credit_limit",
            "Or allow usage credits for your type of seat or change the type, if your role allows it (costs money)",
        ),
        (
            "user",
            "member_zero_credit_limit",
            "Or ask an admin for usage credits",
        ),
    ] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "team", role);
        let client = Client::new(&sandbox);
        client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, reason));
        let incident = client.explained(SOON);
        let purchases: Vec<&Value> = incident["actions"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|action| action["costs_money"] == true)
            .map(|action| &action["do"])
            .collect();
        assert_eq!(purchases, [step], "{role}, {reason}");
    }
}

/// An admin whose type of seat has no usage credits was told to ask an admin, and that raising a cap does not help, although
/// nothing had mentioned a cap.
#[test]
fn the_steps_for_a_seat_without_credits_suit_the_role() {
    let out_of_credits = "You're out of usage credits · resets 12pm (UTC)";
    for (role, step) in [
        (
            "user",
            "Ask an admin for a different type of seat, or to allow usage credits for your type of seat",
        ),
        (
            "admin",
            "Or allow usage credits for your type of seat or change the type, if your role allows it (costs money)",
        ),
    ] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "team", role);
        let client = Client::new(&sandbox);
        let refusal = refused("five_hour", NOON, "seat_tier_zero_credit_limit");
        client.receives_error(AT, out_of_credits, refusal);
        let incident = client.explained(SOON);
        let purchases: Vec<&Value> = incident["actions"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|action| action["costs_money"] == true)
            .map(|action| &action["do"])
            .collect();
        assert_eq!(purchases, [step], "{role}: {incident:#}");
        assert!(
            !incident.to_string().contains("Raising the cap"),
            "{incident:#}"
        );
    }
}

/// The steps of an earlier error advised asking for credits, although the server has since said that the type of seat has none.
#[test]
fn a_later_reason_against_credits_changes_the_steps_of_an_earlier_error() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let first = Client::new(&sandbox);
    let refusal = refused("five_hour", NOON, "member_zero_credit_limit");
    first.receives_error(AT, FIVE_HOUR, refusal);
    let second = Client::with_session(&sandbox, "second");
    let refusal = refused("five_hour", NOON, "seat_tier_level_disabled");
    second.receives_error("2026-11-20T10:01:00Z", FIVE_HOUR, refusal);
    let explain = ["explain", "--json", "--session", &first.session];
    let explained = first.run("2026-11-20T10:02:00Z", &explain, b"").json();
    let incident = &explained["incident"];
    let actions = incident["actions"].to_string();
    let step = "Or ask an admin for a different type of seat";
    assert!(actions.contains(step), "{incident:#}");
}

/// A reason that whycap does not know was part of the sentence: "because `org_spend_cap_exceeded`".
#[test]
fn an_unknown_reason_against_credits_is_quoted_as_the_reason_of_the_server() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let refusal = refused("five_hour", NOON, "org_spend_cap_exceeded");
    client.receives_error(AT, FIVE_HOUR, refusal);
    let evidence = client.explained(SOON)["evidence"].to_string();
    let sentence =
        "usage credits could not cover the request (the server's reason: org_spend_cap_exceeded).";
    assert!(evidence.contains(sentence), "{evidence}");
}

/// If the current figures contradict a pasted message, the headline must not say that the limit is used up.
#[test]
fn the_headline_about_a_pasted_message_agrees_with_the_current_figures() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(AT, windows(42.0, NOON, 60.0, TUESDAY), 120);
    for (text, headline) in [
        (
            "You've hit your org's monthly spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets 12pm (UTC)",
            "The message is about your own 5-hour limit, not an organization's; check /usage to see if it is used up.",
        ),
        (
            "Usage limit; resets 11pm, too far out to wait for",
            "The message says that one of your plan's usage windows is full; /usage shows which one and when it resets.",
        ),
    ] {
        let arguments = ["explain", "--json", "--text", text];
        let incident =
            client.run("2026-11-20T10:01:00Z", &arguments, b"").json()["incident"].clone();
        assert_eq!(incident["headline"], headline, "{incident:#}");
        assert_eq!(incident["actions"][0]["command"], "/usage", "{incident:#}");
    }
}

/// The short explanation must say why the limit is not that of an organization.
#[test]
fn the_short_explanation_says_why_no_organization_is_involved() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(AT, windows(42.0, NOON, 60.0, TUESDAY), 120);
    let text = "You've hit your org's monthly spend limit";
    let explained = flat(
        client
            .run("2026-11-20T10:01:00Z", &["explain", text], b"")
            .success(),
    );
    let headline = "The message is about your own 5-hour limit, not an organization's";
    assert!(explained.contains(headline), "{explained}");
    let reason = "You are logged in to a Max plan, which is for one person.";
    let why = explained.split_once("Why - ").expect("reasons").1;
    assert!(why.starts_with(reason), "{explained}");
}

/// The server refused a request because of an organization's cap, although only 2% of the 5-hour window was used. `explain`
/// said that this was a false alarm, but it did not mention the organization.
#[test]
fn a_false_alarm_about_an_organization_is_explained_with_the_plan_that_has_none() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(
        "2026-11-20T09:59:00Z",
        windows(2.0, NOON, 5.0, TUESDAY),
        120,
    );
    let text = "You've hit your org's monthly spend limit · ask your admin to raise it at https://claude.ai/admin-settings/usage";
    client.receives_error(AT, text, json!({"apiErrorStatus": 429}));
    client.calls_status_line(
        "2026-11-20T10:00:02Z",
        windows(2.0, NOON, 5.0, TUESDAY),
        120,
    );
    let explained = client.run("2026-11-20T10:01:00Z", &["explain"], b"");
    let explained = flat(explained.success());
    assert!(explained.contains("false alarm"), "{explained}");
    let reason = "Why - The message names an organization, but you are logged in to a Max plan, which is for one person.";
    assert!(explained.contains(reason), "{explained}");
}

/// Error lines from 56 real sessions: the client version, the time of the error, the time of the next response, and the
/// text.
const REAL_ERRORS: [(&str, &str, Option<&str>, &str); 11] = [
    (
        "1.0.80",
        "2025-08-14T11:47:08.777Z",
        Some("2025-08-14T11:48:01.098Z"),
        r#"API Error: 500 {"type":"error","error":{"type":"api_error","message":"Internal server error"}}"#,
    ),
    (
        "1.0.80",
        "2025-08-14T13:35:47.256Z",
        Some("2025-08-14T13:41:16.309Z"),
        "API Error: Request timed out.",
    ),
    (
        "1.0.81",
        "2025-08-14T21:44:35.264Z",
        Some("2025-08-14T23:00:13.284Z"),
        "Claude AI usage limit reached|1755212400",
    ),
    (
        "1.0.89",
        "2025-08-24T18:15:25.288Z",
        Some("2025-08-24T18:18:15.962Z"),
        "API Error: Connection error.",
    ),
    (
        "1.0.89",
        "2025-08-24T18:15:33.082Z",
        Some("2025-08-24T18:18:13.716Z"),
        "API Error: Connection error.",
    ),
    (
        "1.0.89",
        "2025-08-24T20:46:36.169Z",
        Some("2025-08-24T22:03:29.338Z"),
        "5-hour limit reached ∙ resets 10pm",
    ),
    (
        "1.0.90",
        "2025-08-25T04:49:33.776Z",
        Some("2025-08-25T04:49:41.462Z"),
        "API Error: Claude's response exceeded the 32000 output token maximum. To configure this behavior, set the CLAUDE_CODE_MAX_OUTPUT_TOKENS environment variable.",
    ),
    (
        "1.0.90",
        "2025-08-25T15:25:30.456Z",
        Some("2025-08-25T15:26:07.471Z"),
        r#"API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"OAuth token has expired. Please obtain a new token or refresh your existing token."}} · Please run /login"#,
    ),
    (
        "1.0.90",
        "2025-08-25T16:12:54.629Z",
        Some("2025-08-25T16:14:35.320Z"),
        "API Error: 502 Cloudflare encountered an error processing this request: Bad Gateway",
    ),
    (
        "1.0.90",
        "2025-08-25T16:14:46.858Z",
        None,
        "API Error: 502 Cloudflare encountered an error processing this request: Bad Gateway",
    ),
    (
        "1.0.90",
        "2025-08-25T16:26:21.101Z",
        None,
        "Request timed out (check API_TIMEOUT_MS)",
    ),
];

/// For each of [`REAL_ERRORS`], the expected limit, the expected verdict, and whether waiting helps. All of them are as
/// of the time of the error.
const RIGHT_ANSWERS: [(&str, &str, Option<bool>); 11] = [
    ("server_error", "not_a_limit", Some(true)),
    ("server_error", "not_a_limit", Some(true)),
    ("five_hour", "cannot_tell", Some(true)),
    ("server_error", "not_a_limit", Some(true)),
    ("server_error", "not_a_limit", Some(true)),
    ("five_hour", "cannot_tell", Some(true)),
    ("unknown", "not_a_limit", Some(false)),
    ("auth", "not_a_limit", Some(false)),
    ("server_error", "not_a_limit", Some(true)),
    ("server_error", "not_a_limit", Some(true)),
    ("server_error", "not_a_limit", Some(true)),
];

#[test]
fn every_error_of_real_sessions_is_listed_and_explained() {
    let sandbox = Sandbox::new();
    let mut wrong = Vec::new();
    for (index, ((version, at, response_at, text), answer)) in
        REAL_ERRORS.into_iter().zip(RIGHT_ANSWERS).enumerate()
    {
        let mut client = Client::with_session(&sandbox, &format!("session-{index}"));
        client.version = version.to_owned();
        client.append(&client.error_line(at, text, json!({"error": null, "apiErrorStatus": null})));
        let explained = client
            .run(
                at,
                &["explain", "--json", "--session", &client.session],
                b"",
            )
            .json();
        let incident = &explained["incident"];
        let got = (
            incident["limit"].as_str().unwrap_or_default(),
            incident["verdict"].as_str().unwrap_or_default(),
            incident["waiting_helps"].as_bool(),
        );
        if got != answer {
            wrong.push(format!("{text}: {got:?} instead of {answer:?}"));
        }
        if let Some(response_at) = response_at {
            client.works(response_at, 10);
        }
    }
    let incidents = listed(&sandbox, "2025-08-27T12:00:00Z");
    let attempts: u64 = incidents["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["attempts"].as_u64().unwrap())
        .sum();
    assert_eq!(attempts, 11, "{incidents:#}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns what `explain`, `/whycap`, `now`, and `incidents` say about an error that is over. Each entry contains the
/// name of the command and its text.
fn places(client: &Client<'_>, at: &str) -> [(&'static str, String); 4] {
    let [explain, now, incidents] = ["explain", "now", "incidents"].map(|command| {
        let arguments: &[&str] = match command {
            "now" => &[command],
            _ => &[command, "--session", &client.session],
        };
        flat(&client.run(at, arguments, b"").stdout)
    });
    [
        ("explain", explain),
        ("/whycap", answer(client, at)),
        ("now", now),
        ("incidents", incidents),
    ]
}

/// Returns the end of the only stop and the blocked time according to `incidents --json`.
fn counted(client: &Client<'_>, at: &str) -> Value {
    let list = listed(client.sandbox, at);
    json!([
        list["incidents"][0]["blocked_until"],
        list["sums"]["blocked_s"]
    ])
}

/// Asserts what every command says about the end of an error, and what `incidents --json` counts.
#[track_caller]
fn assert_end_in_every_place(client: &Client<'_>, at: &str, end: &str, counts: &Value) {
    for (place, text) in places(client, at) {
        assert!(text.contains(end), "{at} {place}: {text}");
    }
    assert_eq!(counted(client, at), *counts, "{at}");
}

/// Another session received a response before the stopped session did. The first response ended the error, so every
/// command must report that one, even if no command ran between the two responses.
#[test]
fn every_place_names_the_first_response_after_an_error() {
    for is_asked_in_between in [false, true] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        let status = json!({"error": "overloaded", "apiErrorStatus": 529});
        stopped.receives_error(AT, "API Error: 529 Overloaded", status);
        other.works("2026-11-20T10:03:00Z", 10);
        other.works("2026-11-20T10:03:20Z", 10);
        let end = "The service was overloaded (not a usage limit), but another session received a response at 10:03.";
        let counts = json!(["2026-11-20T10:03:00Z", 180]);
        if is_asked_in_between {
            assert_end_in_every_place(&stopped, "2026-11-20T10:03:30Z", end, &counts);
        }
        stopped.works("2026-11-20T10:04:00Z", 10);
        assert_end_in_every_place(&stopped, "2026-11-20T10:04:30Z", end, &counts);
        // A limit that is reached later does not undo the end of the outage.
        let five_hours = refused("five_hour", NOON, "");
        other.receives_error("2026-11-20T10:05:00Z", FIVE_HOUR, five_hours);
        let run = stopped.run("2026-11-20T10:05:30Z", &["incidents"], b"");
        assert!(flat(run.success()).contains(end), "{run:?}");
    }
}

/// A response within two minutes of the error ends a limit if the figures after it show room. The blocked time in
/// `incidents` must end with the same response, and a later response must not change this.
#[test]
fn the_end_in_the_explanation_is_the_end_that_is_counted() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    reaches_five_hour_limit(&stopped);
    other.works("2026-11-20T10:01:00Z", 10);
    let room = windows(2.0, NOON + 10_800, 41.0, TUESDAY);
    other.calls_status_line("2026-11-20T10:01:01Z", room, 120);
    let end = "Your 5-hour limit was used up, but another session received a response at 10:01";
    let counts = json!(["2026-11-20T10:01:00Z", 60]);
    for at in [
        "2026-11-20T10:01:30Z",
        "2026-11-20T10:05:30Z",
        "2026-11-20T12:30:00Z",
    ] {
        if at > "2026-11-20T10:05" {
            stopped.works("2026-11-20T10:05:00Z", 10);
        }
        for (place, text) in places(&stopped, at) {
            assert!(text.contains(end), "{at} {place}: {text}");
        }
        assert_eq!(counted(&stopped, at), counts, "{at}");
    }
}

/// The time of an early reset is the time of the first reading that shows it. Later readings must not change this time,
/// even if the new window is full before the time at which the old window would have reset.
#[test]
fn an_early_reset_is_dated_once() {
    for is_asked_in_between in [true, false] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions(&sandbox);
        reaches_five_hour_limit(&stopped);
        let later_reset = NOON + 12_600;
        for (at, used) in [
            ("2026-11-20T10:30:00Z", 2.0),
            ("2026-11-20T10:50:00Z", 30.0),
            ("2026-11-20T11:50:00Z", 100.0),
        ] {
            let figures = windows(used, later_reset, 41.0, TUESDAY);
            other.calls_status_line(at, figures, 120);
            if !is_asked_in_between && used < 100.0 {
                continue;
            }
            let asked_at = at.replace(":00Z", ":30Z");
            let incident = stopped.explained(&asked_at);
            assert_eq!(
                incident["headline"]
                    .as_str()
                    .map(|headline| headline.contains("reset early")),
                Some(true),
                "{asked_at}: {incident:#}"
            );
            let counts = json!(["2026-11-20T10:30:00Z", 1_800]);
            assert_eq!(counted(&stopped, &asked_at), counts, "{asked_at}");
        }
    }
}

/// Another session used usage credits until the limit was reset early. Then both sessions received responses. Every
/// command must report the same end, and the end must not change when more responses arrive.
#[test]
fn an_early_reset_between_responses_has_one_end() {
    for responds_first in ["stopped", "other"] {
        let sandbox = with_a_private_login();
        let [mut stopped, mut other] = two_sessions_of_login(&sandbox);
        let weekly = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
        let full = windows(35.0, NOON, 100.0, TUESDAY);
        let room = windows(35.0, NOON, 2.0, TUESDAY + 3 * 86_400);
        stopped.receives_error(AT, weekly, refused("seven_day", TUESDAY, "out_of_credits"));
        stopped.calls_status_line(SOON, full.clone(), 120);
        sends_prompt_with_response(&mut other, "2026-11-20T10:01:00Z", full.clone());
        sends_prompt_with_response(&mut other, "2026-11-20T10:02:30Z", full);
        let (first, second) = if responds_first == "stopped" {
            (&mut stopped, &mut other)
        } else {
            (&mut other, &mut stopped)
        };
        sends_prompt_with_response(first, "2026-11-20T10:03:00Z", room.clone());
        sends_prompt_with_response(second, "2026-11-20T10:03:10Z", room.clone());
        let mut ends = Vec::new();
        for (at, next_response_at) in [
            ("2026-11-20T10:03:11Z", Some("2026-11-20T10:03:05Z")),
            ("2026-11-20T10:03:30Z", Some("2026-11-20T10:04:05Z")),
            ("2026-11-20T10:04:30Z", None),
        ] {
            for (place, text) in places(&stopped, at) {
                let Some(start) = text.find("Your weekly limit was used up") else {
                    panic!("{responds_first} {at} {place}: {text}");
                };
                let end = text[start..].split(['.', ';']).next().unwrap().to_owned();
                ends.push((format!("{at} {place}"), end));
            }
            ends.push((format!("{at} counted"), counted(&stopped, at).to_string()));
            if let Some(next_response_at) = next_response_at {
                sends_prompt_with_response(&mut other, next_response_at, room.clone());
            }
        }
        let expected = if responds_first == "stopped" {
            "Your weekly limit was used up, but Claude Code responded at 10:03"
        } else {
            "Your weekly limit was used up, but another session received a response at 10:03"
        };
        for (place, end) in &ends {
            if place.ends_with("counted") {
                assert!(end.starts_with("[\"2026-11-20T10:0"), "{place}: {end}");
            } else {
                assert_eq!(end, expected, "{responds_first} {place}");
            }
        }
    }
}

/// Simulates a prompt, the response five seconds later, and the status-line call that reports these usage windows.
fn sends_prompt_with_response(client: &mut Client<'_>, at: &str, reported: Value) {
    client.sends_prompt(&after(at, -5), "continue");
    receives_response(client, at, reported);
}

fn two_sessions(sandbox: &Sandbox) -> [Client<'_>; 2] {
    ["stopped", "other"].map(|name| Client::with_session(sandbox, name))
}

/// Another session uses usage credits while a window is full. The list has only one entry, which must not refer to "the
/// entry above".
#[test]
fn the_only_entry_does_not_refer_to_another_one() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    reaches_five_hour_limit(&stopped);
    other.works("2026-11-20T10:20:00Z", 10);
    let listed = stopped.run("2026-11-20T10:21:00Z", &["incidents"], b"");
    let listed = flat(listed.success());
    assert!(
        !listed.contains("same limit as the entry above"),
        "{listed}"
    );
    assert!(
        listed.contains("(still applies, but another session responded at 10:20)"),
        "{listed}"
    );
}

fn output_of_explain(client: &Client<'_>, at: &str) -> String {
    flat(&client.run(at, &["explain"], b"").stdout)
}

/// Until something shows that a limit has reset, the explanation says only that the limit should have reset. After
/// that, every line must say that the limit has reset.
#[test]
fn a_reset_is_described_as_certain_only_if_it_is_proven() {
    let used_up = "Your 5-hour limit was used up";
    for is_read_elsewhere in [false, true] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions(&sandbox);
        reaches_five_hour_limit(&stopped);
        let unproven = output_of_explain(&stopped, "2026-11-20T12:30:00Z");
        let uncertain = [
            &format!("{used_up}, but the limit should have reset at 12:00"),
            "The limit should have reset by now.",
        ];
        for sentence in uncertain {
            assert!(unproven.contains(sentence), "{unproven}");
        }
        assert!(!unproven.contains("has since reset"), "{unproven}");

        if is_read_elsewhere {
            let room = windows(3.0, NOON + 18_000, 41.0, TUESDAY);
            other.calls_status_line("2026-11-20T12:40:00Z", room, 120);
        } else {
            stopped.works("2026-11-20T12:40:00Z", 10);
        }
        let at = "2026-11-20T12:41:00Z";
        let certain = format!("{used_up}, and the limit reset at 12:00");
        for (place, text) in places(&stopped, at) {
            assert!(text.contains(&certain), "{place}: {text}");
        }
        let proven = output_of_explain(&stopped, at);
        assert!(proven.contains("The limit has since reset."), "{proven}");
        let step = if is_read_elsewhere {
            "1. Send the prompt again"
        } else {
            "1. You can continue now; this limit no longer applies"
        };
        assert!(proven.contains(step), "{proven}");
    }
}

/// Several entries can belong to one stop, so the totals must explain why they count fewer stops than entries.
#[test]
fn the_totals_say_that_overlapping_errors_count_as_one_stop() {
    let sandbox = with_a_private_login();
    let note = "Errors of the same limit that overlap in time count as one stop.";
    for (index, session) in ["one", "two", "three"].into_iter().enumerate() {
        let client = Client::with_session(&sandbox, session);
        let at = format!("2026-11-20T10:0{index}:00Z");
        client.receives_error(&at, FIVE_HOUR, refused("five_hour", NOON, ""));
        let listed = flat(
            client
                .run("2026-11-20T10:10:00Z", &["incidents"], b"")
                .success(),
        );
        assert!(listed.contains("stopped your work once"), "{listed}");
        assert_eq!(listed.contains(note), index > 0, "{listed}");
    }
}

/// A stray key caused the error. If the user removes the key and receives a response, the commands must still say so.
#[test]
fn the_removal_of_a_key_is_still_mentioned_after_a_response() {
    let sandbox = with_a_private_login();
    let mut client = Client::new(&sandbox);
    let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned());
    client.variables.push(key);
    let balance = json!({"apiErrorStatus": 400, "error": "billing_error"});
    client.receives_error(AT, "Credit balance is too low", balance);
    client.variables.pop();
    belongs_to(&client, PRIVATE, "private-organization");
    client.works("2026-11-20T10:05:00Z", 10);
    let end = "A request failed because ANTHROPIC_API_KEY had no credits, but Claude Code responded at 10:05 without the key.";
    for (place, text) in places(&client, "2026-11-20T10:06:00Z") {
        assert!(text.contains(end), "{place}: {text}");
    }
    let explained = flat(
        client
            .run("2026-11-20T10:06:00Z", &["explain"], b"")
            .success(),
    );
    let step = "1. You can continue now; the key is no longer used";
    assert!(explained.contains(step), "{explained}");
}

/// If the stopped session has also received a response, the advice must not say to send the prompt again.
#[test]
fn a_response_elsewhere_and_here_needs_no_further_step() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    stopped.receives_error(
        AT,
        "API Error: 503 Service Unavailable",
        json!({"apiErrorStatus": 503}),
    );
    other.works("2026-11-20T10:03:00Z", 10);
    stopped.works("2026-11-20T10:04:00Z", 10);
    let incident = stopped.explained("2026-11-20T10:05:00Z");
    let headline = incident["headline"].as_str().unwrap();
    assert!(
        headline.ends_with("another session received a response at 10:03."),
        "{headline}"
    );
    let step = "You can continue now; this problem has passed";
    assert_eq!(incident["actions"][0]["do"], step, "{incident:#}");
    let reply = answer(&stopped, "2026-11-20T10:05:00Z");
    let state = "You are not blocked; the session with the error has also received a response.";
    assert!(reply.starts_with(state), "{reply}");
}

/// Returns the entry of the error at 10:00 in the JSON output of `incidents`, and its sentence in the text.
fn first_entry(client: &Client<'_>, at: &str) -> (Value, String) {
    let list = client.run(at, &["incidents", "--json"], b"").json();
    let incidents = list["incidents"].as_array().unwrap();
    let first = incidents
        .iter()
        .find(|incident| incident["first_at"] == AT)
        .unwrap();
    let text = flat(client.run(at, &["incidents"], b"").success());
    let (_, of_first) = text.split_once("10:00, ").unwrap();
    let (before_message, _) = of_first.split_once(" You've hit").unwrap();
    let (_, sentence) = before_message.split_once(" (").unwrap();
    (first.clone(), sentence.to_owned())
}

/// A session hit its 5-hour limit, the limit reset, and then the session hit its weekly limit. The weekly limit must
/// not change what is said about the first error, whether or not a command stored the reset before the second error.
#[test]
fn a_weekly_limit_after_the_reset_does_not_change_the_past_error() {
    let reset = NOON - 118 * 60;
    for (is_reset_seen, is_asked_before) in
        [(true, true), (true, false), (false, true), (false, false)]
    {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        let working = session_of_login(&sandbox, "working");
        stopped.works("2026-11-20T09:59:00Z", 10);
        let before = windows(96.0, reset, 40.0, TUESDAY);
        stopped.calls_status_line("2026-11-20T09:59:01Z", before, 120);
        let text = "You've hit your 5-hour limit · resets 10:02am (UTC)";
        stopped.receives_error(AT, text, refused("five_hour", reset, ""));
        let full = windows(100.0, reset, 40.0, TUESDAY);
        stopped.calls_status_line(SOON, full, 120);
        if is_reset_seen {
            working.works("2026-11-20T10:03:00Z", 10);
            let room = windows(2.0, reset + 18_000, 41.0, TUESDAY);
            working.calls_status_line("2026-11-20T10:03:01Z", room, 120);
        }
        let expected = is_asked_before.then(|| first_entry(&stopped, "2026-11-20T10:03:30Z"));
        let weekly = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
        let refusal = refused("seven_day", TUESDAY, "");
        stopped.receives_error("2026-11-20T10:05:00Z", weekly, refusal);
        let full = windows(4.0, reset + 18_000, 100.0, TUESDAY);
        stopped.calls_status_line("2026-11-20T10:05:01Z", full, 120);
        let (after, sentence) = first_entry(&stopped, "2026-11-20T10:06:00Z");
        let headline = after["headline"].as_str().unwrap_or_default();
        assert!(!headline.contains("and your weekly limit"), "{after:#}");
        assert!(!sentence.contains("week"), "{sentence}");
        if let Some((expected, expected_sentence)) = expected {
            assert_eq!(after["limit"], expected["limit"]);
            assert_eq!(
                after["blocked_until"], expected["blocked_until"],
                "{is_reset_seen}: {after:#}"
            );
            if is_reset_seen {
                assert_eq!(sentence, expected_sentence);
            }
        }
    }
}

/// The first command on a machine with a long history stores hundreds of records. These records must not push older
/// readings out of the part of the journal that the next command searches, because the verdict on an old error may
/// depend on those readings.
#[test]
fn the_verdict_on_an_old_error_does_not_depend_on_the_size_of_the_journal() {
    let sandbox = Sandbox::new();
    let client = Client::with_session(&sandbox, "stopped");
    client.works("2026-11-03T09:59:00Z", 10);
    let reset = NOON - 17 * 86_400;
    let full = windows(100.0, reset, 40.0, TUESDAY);
    client.calls_status_line("2026-11-03T09:59:01Z", full, 120);
    let error = client.error_line("2026-11-03T10:00:00Z", FIVE_HOUR, json!({}));
    client.append(&error);
    for _ in 0..3 {
        let incidents = listed(&sandbox, NOW);
        let verdict = &incidents["incidents"][0]["verdict"];
        assert_eq!(verdict, "real", "{incidents:#}");
        let other_record = json!({"other": "x".repeat(1_000)});
        for _ in 0..150 {
            sandbox.append(
                ".local/share/whycap/journal/2026-11.jsonl",
                &format!("\n{other_record}"),
            );
        }
    }
}

/// The message does not always include the status 200, and nothing shows which server responded.
#[test]
fn an_unreadable_response_is_described_without_a_guess() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let text = "API returned an empty or malformed response";
    let run = client.run("2026-11-20T10:01:00Z", &["explain", "--long", text], b"");
    let explained = flat(run.success());
    let why = "The response was empty or unreadable. A proxy or a gateway may have caused this.";
    assert!(explained.contains(why), "{explained}");
    assert!(!explained.contains("200"), "{explained}");
}

/// If another entry is listed between two entries about the same limit, "the entry above" would be the wrong one.
#[test]
fn an_entry_names_the_time_of_an_entry_that_is_not_directly_above() {
    let sandbox = with_a_private_login();
    for (name, at) in [("first", "2026-11-20T09:58:00Z"), ("last", AT)] {
        let client = session_of_login(&sandbox, name);
        client.receives_error(at, FIVE_HOUR, refused("five_hour", NOON, ""));
    }
    let between = session_of_login(&sandbox, "between");
    between.receives_error(
        "2026-11-20T09:59:00Z",
        "API Error: 529 Overloaded.",
        json!({"apiErrorStatus": 529}),
    );
    let listed = between.run("2026-11-20T10:01:00Z", &["incidents"], b"");
    let listed = flat(listed.success());
    assert!(listed.contains("(same limit as at 10:00)"), "{listed}");
    assert!(!listed.contains("the entry above"), "{listed}");
}

/// After `/clear`, the new session of the same client receives the response that ends the error of the old session.
#[test]
fn the_session_that_received_the_response_is_not_told_to_send_the_prompt_again() {
    for (text, more) in [
        (
            "You're out of usage credits · resets Nov 24, 6am (UTC)",
            refused("overage", TUESDAY, "out_of_credits"),
        ),
        (
            "API Error: 503 Service Unavailable",
            json!({"apiErrorStatus": 503}),
        ),
    ] {
        let sandbox = with_a_private_login();
        let [stopped, mut other] = two_sessions_of_login(&sandbox);
        let room = windows(42.0, NOON, 17.0, TUESDAY);
        stopped.calls_status_line("2026-11-20T09:59:00Z", room.clone(), 120);
        stopped.receives_error(AT, text, more);
        sends_prompt_with_response(&mut other, "2026-11-20T10:03:00Z", room);
        let reply = answer(&other, "2026-11-20T10:05:00Z");
        assert!(
            reply.contains("this session has received a response since then"),
            "{reply}"
        );
        for contradiction in [
            "Send the prompt again",
            "nother session has",
            "nother session re",
        ] {
            assert!(!reply.contains(contradiction), "{contradiction}: {reply}");
        }
        let reply = answer(&stopped, "2026-11-20T10:05:00Z");
        assert!(reply.contains("1. Send the prompt again"), "{reply}");
    }
}

#[test]
fn a_report_mentions_a_later_response_in_another_session() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    stopped.receives_error(
        AT,
        "API Error: 503 Service Unavailable",
        json!({"apiErrorStatus": 503}),
    );
    let run = stopped.run("2026-11-20T10:02:00Z", &["report"], b"");
    let report = run.success();
    assert!(report.contains("- Later response: no\n"), "{report}");
    other.works("2026-11-20T10:03:00Z", 10);
    let run = stopped.run("2026-11-20T10:05:00Z", &["report"], b"");
    let report = run.success();
    assert!(
        report.contains("- Later response: yes, in another session\n"),
        "{report}"
    );
}

/// Returns the time of the newest error that a command's output mentions, which is 10:00 or 10:05.
fn newest_error_at(client: &Client<'_>, at: &str, command: &str) -> String {
    let output = match command {
        "explain" => client.run(at, &["explain", "--json"], b"").stdout,
        "incidents" => listed(client.sandbox, at)["incidents"][0].to_string(),
        _ => client.run(at, &[command], b"").stdout,
    };
    let times = ["10:00:00Z", "10:05:00Z"];
    let named = times.into_iter().rev().find(|time| output.contains(time));
    named.unwrap_or_default().to_owned()
}

/// A hook stores an error before its line is written. Five minutes later, the session is refused again with the same
/// message, but Claude Code kills the hook. Only `incidents` used to list the second error right away. The first
/// `explain` after it described the first error, and only the next `explain` described the second one.
#[test]
fn every_command_knows_a_repeated_error_whose_hook_was_killed() {
    for command in ["explain", "report", "incidents"] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        client.receives_response("2026-11-20T09:50:00Z");
        client.stop_failure(AT, FIVE_HOUR);
        client.append(&client.error_line(AT, FIVE_HOUR, json!({})));
        client.append(&client.error_line("2026-11-20T10:05:00Z", FIVE_HOUR, json!({})));
        for at in ["2026-11-20T10:06:00Z", "2026-11-20T10:06:10Z"] {
            let newest = newest_error_at(&client, at, command);
            assert_eq!(newest, "10:05:00Z", "{command} {at}");
        }
        let entry = &listed(&sandbox, "2026-11-20T10:06:20Z")["incidents"][0];
        assert_eq!(entry["attempts"], 2, "{command}: {entry:#}");
    }
}

/// A Team member's 5-hour window was full, and the organization had reached its cap. After the reset of the window, every
/// screen said "Your organization had reached its spend cap, and the limit reset at 12:00", as if the cap had been reset.
#[test]
fn the_reset_of_a_window_is_not_called_the_reset_of_a_cap() {
    for (plan, limit, past) in [
        (
            "team",
            "You've hit your org's monthly spend limit \u{b7} run /usage-credits to ask your admin for a higher limit",
            "You had reached your 5-hour limit and your organization's spend cap",
        ),
        (
            "team",
            "You've hit your individual spend limit \u{b7} run /usage-credits to ask your admin for a higher limit",
            "You had reached your 5-hour limit and the limit an admin set for you",
        ),
        (
            "max",
            "You've hit your monthly spend limit \u{b7} raise it at https://claude.ai/settings/usage",
            "You had reached your 5-hour limit and your own cap on usage credits",
        ),
    ] {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, plan, "user");
        let client = session_of_login(&sandbox, "stopped");
        let text = format!("{limit} \u{b7} your 5-hour limit resets 12pm (UTC)");
        client.receives_error(
            AT,
            &text,
            refused("five_hour", NOON, "org_level_disabled_until"),
        );
        client.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
        let shown = |command: &str, at: &str| flat(client.run(at, &[command], b"").success());
        for command in ["explain", "incidents"] {
            let seconds_later = shown(command, "2026-11-20T12:00:10Z");
            let expected = "the 5-hour limit should have reset at 12:00.";
            assert!(
                seconds_later.contains(expected),
                "{command}: {seconds_later}"
            );
        }
        client.sends_prompt("2026-11-20T12:02:00Z", "continue");
        client.works("2026-11-20T12:02:05Z", 10);
        for command in ["explain", "incidents"] {
            let later = shown(command, "2026-11-20T12:03:00Z");
            let expected = format!("{past}, and the 5-hour limit reset at 12:00.");
            assert!(later.contains(&expected), "{command}: {later}");
        }
    }
}
